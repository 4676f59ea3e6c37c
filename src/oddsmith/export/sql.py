"""A fitted model as SQL expressions, one for the probability of each class.

The probability of class k is 1 / (1 + sum over l != k of exp(m_l - m_k)), which keeps the digits of
small probabilities. Each difference of margins is one linear expression, whose exponential is
taken between -700 and 700 only: beyond, PostgreSQL raises errors, for underflow too.

LEAST and GREATEST pass over NULL in some dialects, and NaN is the largest number in others. So a
guard comes first: unless every column is a number of at most 1e150, or a level that the fit has
seen, the probability is NULL. With coefficients that are as small no product overflows, so that no
margin is infinite or NaN.

Sums are balanced trees, as engines limit the depth of expressions (SQLite and DuckDB to 1000).
"""

from oddsmith.core.labels import Label, quoted
from oddsmith.errors import ParameterError
from oddsmith.export.rule import LinearRule
from oddsmith.export.sql_columns import LARGEST, SqlColumn
from oddsmith.export.sql_dialects import DIALECTS, Dialect

__all__ = ["sql_expressions"]

# Columns, each with the first of the columns that it becomes.
_Columns = list[tuple[SqlColumn, int]]


def sql_expressions(rule: LinearRule, dialect: str) -> dict[Label, str]:
    """Probability of each class as an expression over the columns.

    Parameters
    ----------
    rule : LinearRule
    dialect : "duckdb", "postgres", "sqlite", "bigquery" or "snowflake"

    Returns
    -------
    dict of label to str
        With two classes, of the second one alone.

    Raises
    ------
    ParameterError
        If a name cannot be written in the dialect, or a coefficient is beyond 1e150.

    Examples
    --------
    >>> rule = LinearRule(("do`se",), (0, 1), ((2.0,),), (-1.0,))
    >>> expressions = sql_expressions(rule, "sqlite")
    >>> import sqlite3
    >>> with sqlite3.connect(":memory:") as base:
    ...     _ = base.execute("create table doses(`do``se` real)")
    ...     _ = base.execute("insert into doses values (0.5), (1000.0), (null)")
    ...     [p for (p,) in base.execute(f"select {expressions[1]} from doses")]
    [0.5, 1.0, None]
    """
    if dialect not in DIALECTS:
        raise ParameterError(f"dialect is {dialect!r}; choose one of {', '.join(DIALECTS)}")
    words = DIALECTS[dialect]
    _check_names(rule, dialect)
    columns = [
        (SqlColumn(words, name, one, rule.pools_unseen(one)), start)
        for name, one, start in rule.inputs()
    ]
    largest = (max(map(abs, (*row, b))) for row, b in zip(rule.coef, rule.intercept, strict=True))
    if max(largest) > LARGEST:
        raise ParameterError(
            f"a coefficient is beyond {LARGEST:g}, and databases would compute infinities; "
            "multiply its column by a large number, or penalise with a finite C"
        )
    if len(rule.coef) == 1:
        against = [-x for x in rule.coef[0]], -rule.intercept[0]
        return {rule.classes[1]: _probability(words, columns, [against])}
    others = range(len(rule.classes))
    return {
        label: _probability(
            words, columns, [_difference(rule, other, k) for other in others if other != k]
        )
        for k, label in enumerate(rule.classes)
    }


def _check_names(rule: LinearRule, dialect: str) -> None:
    words = DIALECTS[dialect]
    seen: dict[str, str] = {}
    for name in rule.columns:
        if not name or "\0" in name or any("\ud800" <= char <= "\udfff" for char in name):
            raise ParameterError(
                f"the column {quoted(name)} has a name that is empty, or holds a character that "
                "no database takes; give other names with columns"
            )
        if len(name.encode()) > words.longest:
            raise ParameterError(
                f"the column {quoted(name)} has a name of {len(name.encode())} bytes, and "
                f"{dialect} takes {words.longest}; give other names with columns"
            )
        folded = name.lower() if words.folds_case else name
        if folded in seen:
            raise ParameterError(
                f"the columns {quoted(seen[folded])} and {quoted(name)} differ in case alone, and "
                f"are the same to {dialect}; give other names with columns"
            )
        seen[folded] = name


def _difference(rule: LinearRule, one: int, other: int) -> tuple[list[float], float]:
    """Margin of one class minus that of the other: its coefficients and intercept."""
    coef = [a - b for a, b in zip(rule.coef[one], rule.coef[other], strict=True)]
    return coef, rule.intercept[one] - rule.intercept[other]


def _linear(words: Dialect, columns: _Columns, coef: list[float], intercept: float) -> str:
    terms = [words.literal(intercept)]
    terms += [column.term(coef[at : at + column.one.width]) for column, at in columns]
    return _balanced(terms, "+")


def _balanced(terms: list[str], by: str) -> str:
    """Terms joined in pairs, pairs of pairs, ...: depth log2 of their number."""
    while len(terms) > 1:
        pairs = [f"({a} {by} {b})" for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[len(terms) - len(terms) % 2 :]
    return terms[0]


def _probability(
    words: Dialect, columns: _Columns, differences: list[tuple[list[float], float]]
) -> str:
    one, low, high = (words.literal(x) for x in (1.0, -700.0, 700.0))
    odds = [
        f"EXP({words.least}({words.greatest}({_linear(words, columns, *d)}, {low}), {high}))"
        for d in differences
    ]
    chance = f"{one} / ({one} + {_balanced(odds, '+')})"
    if not columns:
        return f"({chance})"
    sound = _balanced([column.sound() for column, _ in columns], "AND")
    return f"(CASE WHEN {sound} THEN {chance} END)"
