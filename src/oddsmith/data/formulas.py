"""Formulas such as "admit ~ gre + C(rank)", read by formulaic from a data frame of any library.

A formula is code: formulaic evaluates what stands in its brackets. It sees the columns of the data
and the functions that formulaic brings, not the variables of the program that calls.
"""

import ast
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.data.frames import columns_of, frame_names, levels_of, missing_rows, refuse_missing
from oddsmith.errors import DataError, MissingPackageError

__all__ = ["Sheet", "read_formula"]

# How a response may say that it is counts.
_COUNTS = {"cbind": "failures", "trials": "trials"}
_INTERCEPT = "Intercept"
_TICKED = re.compile(r"`([^`]*)`")
# A column "1" that is quoted, or one of all columns.
_ONE = re.compile(r"`1`|(?<![\w`.)\]])\.(?![\w`])")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a formula asked for.

    Attributes
    ----------
    X : array of shape (n, p)
        Columns of the right-hand side, without the intercept.
    names : tuple of str
    intercept : bool
    response : array of shape (n,), or (n, 2) for counts
    counts : "trials", "failures" or None
        What the second column of a response of counts is.
    target : str
        The left-hand side.
    beside : dict of str to array of shape (n,)
        Columns that were asked for by name beside the formula.
    kept : boolean array of shape (n of data,), or None
        Rows that are kept; None if all are.
    """

    X: Array
    names: tuple[str, ...]
    intercept: bool
    response: np.ndarray[Any, Any]
    counts: str | None
    target: str
    beside: Mapping[str, np.ndarray[Any, Any]]
    kept: np.ndarray[Any, np.dtype[np.bool_]] | None


def _formulaic() -> Any:
    try:
        import formulaic
    except ImportError:
        raise MissingPackageError(
            'formulas need formulaic; install it with: pip install "oddsmith[formula]"'
        ) from None
    return formulaic


def read_formula(text: str, data: Any, beside: Sequence[str] = (), missing: str = "raise") -> Sheet:
    """Evaluate a formula on a data frame.

    The response is a column of labels; an expression; or counts, ``cbind(successes, failures)``
    as in R, or ``trials(successes, trials)``.

    Parameters
    ----------
    text : str
    data : data frame, or dict of str to array
    beside : sequence of str
        Columns of data that are wanted as they are, such as weights.
    missing : "raise" or "drop"
        What to do about rows with a missing value in a column that is used.

    Raises
    ------
    DataError
        If the formula cannot be read, or the data do not have what it asks for.

    Examples
    --------
    >>> data = {"alive": ["no", "yes", "no"], "dose": [1.0, 2.0, 4.0], "site": ["a", "b", "a"]}
    >>> sheet = read_formula("alive ~ dose + site", data)
    >>> sheet.names, sheet.X.tolist(), sheet.response.tolist()
    (('dose', 'site[T.b]'), [[1.0, 0.0], [2.0, 1.0], [4.0, 0.0]], ['no', 'yes', 'no'])
    """
    known = list(data) if isinstance(data, Mapping) else frame_names(data)
    left, right = _sides(text, known)
    asked = _names_in(text, (left, right), {str(name) for name in known})
    used = [name for name in known if name in asked]
    wanted = list(dict.fromkeys([*used, *beside]))
    columns, categories = _columns(data, wanted)
    rows = {name: missing_rows(columns[name]) for name in wanted}
    kept = None
    if missing == "raise":
        refuse_missing(rows)
    elif any(found.any() for found in rows.values()):
        kept = ~np.logical_or.reduce(list(rows.values()))
        columns = {name: column[kept] for name, column in columns.items()}
    table = _table({name: columns[name] for name in used}, categories)
    X, names, intercept = _matrix(right, table)
    response, counts = _response(left, table, columns)
    outside = {name: columns[name] for name in beside}
    return Sheet(X, names, intercept, response, counts, str(left), outside, kept)


def _sides(text: str, known: list[str]) -> tuple[Any, Any]:
    formulaic = _formulaic()
    try:
        # What stands for "." is told so.
        both = formulaic.Formula(text, _context={"__formulaic_variables_available__": known})
    except (formulaic.errors.FormulaicError, SyntaxError) as error:
        raise DataError(f"the formula {quoted(text)} cannot be read: {_plain(error)}") from error
    left, right = getattr(both, "lhs", None), getattr(both, "rhs", None)
    if left is None or right is None or isinstance(right, tuple) or isinstance(left, tuple):
        raise DataError(
            f"the formula {quoted(text)} has no single outcome and right-hand side; write "
            "'outcome ~ a + b'."
        )
    return left, right


def _names_in(text: str, sides: tuple[Any, Any], known: set[str]) -> set[str]:
    """Names of columns that a formula speaks of; formulaic knows none that hold a dot."""
    if "1" in known and _ONE.search(text):
        raise DataError('the column "1" is called as formulas call the intercept; rename it.')
    found: set[str] = set()
    for factor in (factor for side in sides for term in side for factor in term.factors):
        if factor.eval_method.value == "lookup":
            found.add(factor.expr)
            continue
        ticked = known.intersection(_TICKED.findall(factor.expr))
        for name in filter(keyword.iskeyword, ticked):
            raise DataError(f"the column {quoted(name)} is called as a word of Python; rename it.")
        found |= set(map(str, factor.required_variables)) | ticked | _values_in(factor.expr)
    return found


def _values_in(code: str) -> set[str]:
    """Names that stand for a value of their own, be there a function of that name or not."""
    try:
        tree = ast.parse(_TICKED.sub("_", code).strip(), mode="eval")
    except SyntaxError:  # said where it is evaluated
        return set()
    nodes = list(ast.walk(tree))
    owners = [n.func for n in nodes if isinstance(n, ast.Call)]
    owners += [n.value for n in nodes if isinstance(n, ast.Attribute)]
    return {n.id for n in nodes if isinstance(n, ast.Name) and n not in owners}


def _plain(error: Exception) -> str:
    """Message on one line, without the marks that formulaic puts into a terminal."""
    words = str(error).split("\n")[0].strip()
    return "".join(char for char in words if char.isprintable()).rstrip(".") + "."


def _columns(
    data: Any, wanted: list[str]
) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, list[Any]]]:
    """Columns as arrays, and the order of the levels of those that have one."""
    if isinstance(data, Mapping):
        lacking = [name for name in wanted if name not in data]
        if lacking:
            raise DataError(f"data has no column {quoted(lacking[0])}.")
        return {name: _as_column(name, data[name]) for name in wanted}, {}
    return columns_of(data, wanted), levels_of(data, wanted)


def _as_column(name: str, values: Any) -> np.ndarray[Any, Any]:
    column = np.asarray(values)
    if column.dtype.kind == "c":
        raise DataError(f"column {quoted(name)} holds complex numbers; give real ones.")
    return column if column.dtype.kind in "fiub" else column.astype(object)


def _table(columns: dict[str, np.ndarray[Any, Any]], levels: dict[str, list[Any]]) -> Any:
    """As a pandas frame, which formulaic needs and reads in one way whatever the library was."""
    import pandas as pd

    made = {
        name: pd.Categorical(column, categories=levels[name]) if name in levels else column
        for name, column in columns.items()
    }
    n = len(next(iter(columns.values()))) if columns else 0
    return pd.DataFrame(made, index=range(n), copy=False)


def _evaluated(formula: Any, table: Any) -> Any:
    try:
        return formula.get_model_matrix(
            table, output="numpy", na_action="ignore", context=_functions()
        )
    except Exception as error:
        # What stands in a formula is the user's code, and may fail in any way.
        raise DataError(f"the formula part {quoted(str(formula))}: {_plain(error)}") from error


def _functions() -> dict[str, Any]:
    def side_by_side(first: Any, second: Any) -> Array:
        return np.column_stack([np.asarray(first), np.asarray(second)])

    return dict.fromkeys(_COUNTS, side_by_side)


def _matrix(right: Any, table: Any) -> tuple[Array, tuple[str, ...], bool]:
    found = _evaluated(right, table)
    names = list(found.model_spec.column_names)
    X = np.asarray(found, dtype=np.float64)
    # A column of the data may be called as the intercept is; its term is the number 1.
    terms = found.model_spec.terms
    intercept = bool(names) and names[0] == _INTERCEPT and str(terms[0]) == "1"
    return X[:, intercept:], tuple(names[intercept:]), intercept


def _response(
    left: Any, table: Any, columns: dict[str, np.ndarray[Any, Any]]
) -> tuple[np.ndarray[Any, Any], str | None]:
    terms = list(left)
    if len(terms) > 1:
        raise DataError(
            f"the outcome {quoted(str(left))} has {len(terms)} parts; for counts write "
            "cbind(successes, failures), or trials(successes, trials)."
        )
    name = str(left)
    if name in columns:
        return columns[name], None
    # Evaluated as it was parsed: the name of a column, written out, would be read as code.
    values = np.asarray(_evaluated(left, table))
    counts = next((_COUNTS[f] for f in _COUNTS if name.startswith(f"{f}(")), None)
    if counts is None and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if (counts is None) != (values.ndim == 1):
        raise DataError(
            f"the outcome {quoted(name)} has {values.shape[-1]} columns; give a column of labels, "
            "cbind(successes, failures) or trials(successes, trials)."
        )
    return values, counts
