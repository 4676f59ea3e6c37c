"""Formulas such as "admit ~ gre + C(rank)", read by formulaic from a data frame of any library.

A formula is code: formulaic evaluates what stands in its brackets. It sees the columns of the data
and the functions that formulaic brings, not the variables of the program that calls.
"""

import ast
import keyword
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.data.frames import columns_of, frame_names, levels_of, missing_rows, refuse_missing
from oddsmith.errors import DataError, MissingPackageError

__all__ = ["Encoding", "Sheet", "read_formula"]

# How a response may say that it is counts.
_COUNTS = {"cbind": "failures", "trials": "trials"}
# How the right-hand side may say, as in R, that a part of it has the coefficient 1.
_OFFSET = "offset("
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
    encoding : Encoding
        How the same columns are made of other rows.
    offset : array of shape (n,), or None
        What the formula has as ``offset(...)``.
    """

    X: Array
    names: tuple[str, ...]
    intercept: bool
    response: np.ndarray[Any, Any]
    counts: str | None
    target: str
    beside: Mapping[str, np.ndarray[Any, Any]]
    kept: np.ndarray[Any, np.dtype[np.bool_]] | None
    encoding: "Encoding"
    offset: Array | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Encoding:
    """How a formula made columns of numbers, so that it can make the same of other rows.

    It keeps what formulaic learned of the fit's rows: levels, knots, means; and no row.

    Attributes
    ----------
    spec : formulaic.ModelSpec
        Of the right-hand side.
    intercept : bool
        Whether its first column is the intercept, which is not made.
    kinds : dict of str to "numbers", "booleans" or "labels"
        The columns that it needs, and what each held.
    levels : dict of str to list
        What the columns that were categories may have, in their order.
    terms : tuple of (str, tuple of str)
        Terms of the formula and their columns.
    inside : tuple of formulaic.Formula
        Parts of the formula that are an offset.
    offset : str or None
        Name of the column that is an offset beside the formula.
    """

    spec: Any
    intercept: bool
    kinds: Mapping[str, str]
    levels: Mapping[str, list[Any]]
    terms: tuple[tuple[str, tuple[str, ...]], ...]
    inside: tuple[Any, ...] = ()
    offset: str | None = None

    def rows_of(self, data: Any, with_offset: bool = True) -> tuple[Array, Array | None]:
        """Columns of shape (n, p) of other rows, and their offset of shape (n,) if there is one.

        Both are NaN for a row that misses a value.

        Parameters
        ----------
        data : data frame, or dict of str to array
        with_offset : bool
            Whether the offset is wanted as well.

        Raises
        ------
        DataError
            If a column is not there, or holds what the fit has not seen.

        Examples
        --------
        >>> data = {"alive": ["no", "yes", "no"], "site": ["a", "b", "a"], "dose": [1.0, 2.0, 4.0]}
        >>> encoding = read_formula("alive ~ center(dose) + site", data).encoding
        >>> encoding.rows_of({"site": ["b", "a"], "dose": [1.0, 2.0]})[0].round(3).tolist()
        [[-1.333, 1.0], [-0.333, 0.0]]
        """
        beside = [self.offset] if with_offset and self.offset is not None else []
        given, _ = _columns(data, list(dict.fromkeys([*self.kinds, *beside])))
        n = len(next(iter(given.values()))) if given else _length(data)
        whole = ~np.logical_or.reduce([np.zeros(n, dtype=bool), *map(missing_rows, given.values())])
        columns = {name: self._as_known(name, given[name][whole]) for name in self.kinds}
        table = _table(columns, self.levels, int(whole.sum()))
        X = np.full((n, len(self.spec.column_names)), np.nan)
        X[whole] = np.asarray(_evaluated(self.spec, table), dtype=np.float64)
        offset = _offset_of(self.inside, table) if with_offset else None
        for name in beside:
            own = np.asarray(given[name][whole], dtype=np.float64)
            offset = own if offset is None else offset + own
        spread = None
        if offset is not None:
            spread = np.full(n, np.nan)
            spread[whole] = offset
        return X[:, self.intercept :], spread

    def _as_known(self, name: str, column: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Column of other rows, as the fit had it."""
        if name in self.levels:
            new = [value for value in set(column.tolist()) if value not in self.levels[name]]
            if new:
                raise DataError(
                    f"column {quoted(name)} has the value {quoted(str(new[0]))}, which is no "
                    "category of the fit."
                )
            return column
        was, now = self.kinds[name], _kind(column)
        if was != now and "labels" in (was, now):
            raise DataError(f"column {quoted(name)} held {was} in the fit, and here {now}.")
        return (
            column.astype(bool)
            if was == "booleans"
            else column.astype(np.float64 if now == "booleans" else column.dtype, copy=False)
        )


def _formulaic() -> Any:
    try:
        import formulaic
    except ImportError:
        raise MissingPackageError(
            'formulas need formulaic; install it with: pip install "oddsmith[formula]"'
        ) from None
    return formulaic


def read_formula(
    text: str,
    data: Any,
    beside: Sequence[str] = (),
    missing: str = "raise",
    outside: Sequence[np.ndarray[Any, Any]] = (),
) -> Sheet:
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
    outside : sequence of array of shape (n, ...)
        What goes with the rows and is no column: a row that misses such a value is dropped too.

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
    known = frame_names(data)
    left, right = _sides(text, known)
    right, inside = _without_offset(right)
    names = {str(name) for name in known}
    needed = _names_in(text, (right, *inside), names)
    of_right = [name for name in known if name in needed]
    needed |= _names_in(text, (left,), names)
    used = [name for name in known if name in needed]
    wanted = list(dict.fromkeys([*used, *beside]))
    columns, categories = _columns(data, wanted)
    rows = {name: missing_rows(columns[name]) for name in wanted}
    kept = None
    if missing == "raise":
        refuse_missing(rows)
    else:
        n = len(next(iter(columns.values()))) if columns else _length(data)
        lost = [*rows.values(), *(_missing_in(part) for part in outside if part.shape[:1] == (n,))]
        kept = ~np.logical_or.reduce([np.zeros(n, dtype=bool), *lost])
    if kept is not None and kept.all():
        kept = None
    if kept is not None:
        columns = {name: column[kept] for name, column in columns.items()}
    n = len(next(iter(columns.values()))) if columns else _length(data)
    table = _table({name: columns[name] for name in used}, categories, n)
    X, spec, intercept = _matrix(right, table)
    response, counts = _response(left, table, columns)
    named = {name: columns[name] for name in beside}
    kinds = {name: _kind(columns[name]) for name in of_right}
    levels = {name: categories[name] for name in of_right if name in categories}
    encoding = Encoding(spec, intercept, kinds, levels, _terms(spec, intercept), inside)
    names = tuple(spec.column_names[intercept:])
    offset = _offset_of(inside, table)
    return Sheet(X, names, intercept, response, counts, str(left), named, kept, encoding, offset)


def _missing_in(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    table = values.reshape(len(values), -1)
    return np.logical_or.reduce([missing_rows(column) for column in table.T])


def _without_offset(right: Any) -> tuple[Any, tuple[Any, ...]]:
    """Right-hand side without its ``offset(...)``, and these as formulas of one column each."""
    terms = list(right)
    offsets = [term for term in terms if str(term).startswith(_OFFSET)]
    if not offsets:
        return right, ()
    make = _formulaic().Formula
    rest = make([term for term in terms if term not in offsets], _ordering="none")
    return rest, tuple(make([term], _ordering="none") for term in offsets)


def _offset_of(inside: tuple[Any, ...], table: Any) -> Array | None:
    if not inside:
        return None
    parts = [np.asarray(_evaluated(part, table), dtype=np.float64) for part in inside]
    wide = next(
        (str(part) for part, found in zip(inside, parts, strict=True) if found.shape[1] != 1), None
    )
    if wide is not None:
        raise DataError(f"the formula part {quoted(wide)} is no single column of numbers.")
    return np.sum([found[:, 0] for found in parts], axis=0)


def _terms(spec: Any, intercept: bool) -> tuple[tuple[str, tuple[str, ...]], ...]:
    names = spec.column_names
    found = [(str(term), tuple(names[place])) for term, place in spec.term_slices.items()]
    return tuple((term, own) for term, own in found[intercept:] if own)


def _kind(column: np.ndarray[Any, Any]) -> str:
    return {"b": "booleans"}.get(
        column.dtype.kind, "numbers" if column.dtype.kind in "fiu" else "labels"
    )


def _length(data: Any) -> int:
    names = frame_names(data)
    return len(_columns(data, names[:1])[0][names[0]]) if names else 0


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


def _names_in(text: str, sides: tuple[Any, ...], known: set[str]) -> set[str]:
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
    found = columns_of(data, wanted)
    return found, {} if isinstance(data, Mapping) else levels_of(data, wanted)


def _table(columns: Mapping[str, Any], levels: Mapping[str, list[Any]], n: int) -> Any:
    """As a pandas frame, which formulaic needs and reads in one way whatever the library was."""
    import pandas as pd

    made = {
        name: pd.Categorical(column, categories=levels[name]) if name in levels else column
        for name, column in columns.items()
    }
    return pd.DataFrame(made, index=range(n), copy=False)


def _evaluated(formula: Any, table: Any) -> Any:
    formulaic = _formulaic()
    part = getattr(formula, "formula", formula)
    try:
        with warnings.catch_warnings():
            # Levels that the fit has not seen would be taken for the reference.
            warnings.simplefilter("error", formulaic.errors.DataMismatchWarning)
            return formula.get_model_matrix(
                table, output="numpy", na_action="ignore", context=_functions()
            )
    except formulaic.errors.DataMismatchWarning as error:
        found = _plain(error).split(": ")[-1].split(". ")[0].strip("{}")
        values = re.sub(r"np\.\w+\((.*?)\)", r"\1", found)
        raise DataError(
            f"the formula part {quoted(str(part))} meets a value that is none of its levels: "
            f"{values}."
        ) from error
    except Exception as error:
        # What stands in a formula is the user's code, and may fail in any way.
        raise DataError(f"the formula part {quoted(str(part))}: {_plain(error)}") from error


def _functions() -> dict[str, Any]:
    def side_by_side(first: Any, second: Any) -> Array:
        return np.column_stack([np.asarray(first), np.asarray(second)])

    def same(values: Any) -> Array:
        return np.asarray(values, dtype=np.float64)

    return dict.fromkeys(_COUNTS, side_by_side) | {_OFFSET[:-1]: same}


def _matrix(right: Any, table: Any) -> tuple[Array, Any, bool]:
    found = _evaluated(right, table)
    spec = found.model_spec
    X = np.asarray(found, dtype=np.float64)
    # A column of the data may be called as the intercept is; its term is the number 1.
    names = list(spec.column_names[:1])
    intercept = names == [_INTERCEPT] and str(spec.terms[0]) == "1"
    return X[:, intercept:], spec, intercept


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
