"""Tables of any library as typed columns: numbers, booleans, or categories as codes and levels.

The same values give the same bits, whichever library holds them. PyArrow makes text quick where it
is installed; nothing here needs it, or pandas.
"""

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from numbers import Real
from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import Column, Kind, refuse_rounded, unread
from oddsmith.data.frames import missing_rows
from oddsmith.data.opened import OpenTable, open_table
from oddsmith.errors import DataError

__all__ = ["read_array", "read_columns", "read_table", "unmasked"]

# Strings from which on it pays to import PyArrow for them.
_MANY = 20_000
_DATES = (dt.date, dt.time, dt.timedelta, np.datetime64, np.timedelta64)
_DATE_HINT = (
    "make numbers of it first, such as the days since a date, the month or the day of the week"
)


def read_table(data: Any, names: tuple[str, ...] | None = None) -> list[Column]:
    """Columns of a table, in its order, or those that are named, in theirs.

    Parameters
    ----------
    data : see `oddsmith.data.opened.is_table`
    names : tuple of str, optional
        Exactly these columns must be there, in any order.

    Raises
    ------
    DataError
        If columns are missing, there more than once, or hold what is no number, boolean or text.

    Examples
    --------
    >>> [dose, site] = read_table({"dose": [1, 2], "site": ["b", "a"]})
    >>> dose.values, site.codes, site.levels.tolist()
    (array([1., 2.]), array([1, 0]), ['a', 'b'])
    """
    table = open_table(data)
    if names is not None:
        table.matched(names)
    return read_columns(table, table.names if names is None else names)


def read_columns(table: OpenTable, names: Sequence[str]) -> list[Column]:
    """Read columns of an open table, in the order of the names.

    Raises
    ------
    DataError
        If they are not equally long, or hold what is no number, boolean or text.
    """
    columns = [_read(name, table.column(name)) for name in names]
    if not columns:
        raise DataError("X has no column, and so 0 feature(s); give at least one.")
    for column in columns:
        if column.n_rows != columns[0].n_rows:
            raise DataError(
                f"column {quoted(column.name)} of X has {column.n_rows} values, and "
                f"{quoted(columns[0].name)} {columns[0].n_rows}; give one value per row."
            )
    if columns[0].n_rows == 0:
        raise DataError("X has no rows: found 0 sample(s); give at least one.")
    return columns


def read_array(X: np.ndarray[Any, Any], names: tuple[str, ...]) -> list[Column]:
    """Columns of a two-dimensional array, each of its own kind where the array holds objects.

    Raises
    ------
    DataError
        If one holds what is no number, boolean or text.

    Examples
    --------
    >>> X = np.array([[1.5, "b"], [2.5, "a"]], dtype=object)
    >>> [column.kind for column in read_array(X, ("0", "1"))]
    ['number', 'category']
    """
    return [_of_array(name, X[:, place]) for place, name in enumerate(names)]


def unmasked(values: Any) -> np.ndarray[Any, Any]:
    """Objects of a masked array, None where it is masked.

    Examples
    --------
    >>> unmasked(np.ma.array([1, 2], mask=[True, False])).tolist()
    [None, 2]
    """
    found = np.array(values.data, dtype=object)
    found[np.ma.getmaskarray(values)] = None
    return found


def _read(name: str, values: Any) -> Column:
    if isinstance(values, np.ma.MaskedArray):
        return _of_array(name, unmasked(values))
    if isinstance(values, np.ndarray):
        return _of_array(name, values)
    if isinstance(values, (list, tuple)):
        return _of_array(name, _objects(values))
    if not hasattr(values, "implementation"):
        import narwhals.stable.v2 as narwhals

        try:
            values = narwhals.from_native(values, series_only=True, allow_series=True)
        except TypeError:
            return _of_array(name, np.asarray(values))
    return _of_series(name, values)


def _objects(values: Any) -> np.ndarray[Any, Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _of_series(name: str, series: Any) -> Column:
    kind, text = series.dtype, str(series.dtype).split("(")[0]
    if text == "Decimal":  # Python rounds them right
        return _of_array(name, _objects(series.to_list()))
    if kind.is_numeric() or text == "Boolean":
        absent = series.is_null().to_numpy()
        whole = series.fill_null(False if text == "Boolean" else 0) if absent.any() else series
        given = whole.to_numpy()
        refuse_rounded(name, given)
        numbers = np.array(given, dtype=np.float64)
        numbers[absent] = np.nan
        return _numbers(name, "boolean" if text == "Boolean" else "number", numbers)
    if kind.is_temporal():
        raise unread(name, f"values of type {text.lower()}", _DATE_HINT)
    if text in ("String", "Categorical", "Enum"):
        column = _of_text(name, series)
        if text != "Enum" or column.kind != "category":
            return column
        order = tuple(series.cat.get_categories().to_list())
        return Column(name, "category", column.values, column.codes, column.levels, order)
    if text in ("Object", "Unknown"):
        return _of_array(name, _objects(series.to_list()))
    raise unread(name, f"values of type {text.lower()}", "make numbers or text of them")


def _of_text(name: str, series: Any) -> Column:
    """Text and categories; through Arrow only distinct values become Python's objects."""
    if str(getattr(series.to_native(), "dtype", "")) == "object" or not find_spec("pyarrow"):
        return _of_array(name, _objects(series.to_list()))
    arrow = import_module("pyarrow")
    found = series.to_arrow()
    if isinstance(found, arrow.ChunkedArray):
        found = found.combine_chunks()
    if isinstance(found, arrow.ChunkedArray):  # of no chunk, or too long for one
        return _of_array(name, _objects(series.to_list()))
    return _of_arrow(name, found)


def _of_arrow(name: str, found: Any) -> Column:
    """Column of an Arrow array of text, or of a dictionary."""
    arrow, compute = import_module("pyarrow"), import_module("pyarrow.compute")
    if not arrow.types.is_dictionary(found.type):
        found = compute.dictionary_encode(found.cast(arrow.large_string()))
    raw = found.indices.cast(arrow.int64()).fill_null(-1).to_numpy()
    codes, levels = _sorted_arrow(name, found.dictionary)
    return _category(name, *_occurring(np.append(codes, -1)[raw], levels))


def _sorted_arrow(name: str, distinct: Any) -> tuple[Any, Any]:
    """Codes and sorted levels of an Arrow array; the order of its bytes is that of code points."""
    arrow, compute = import_module("pyarrow"), import_module("pyarrow.compute")
    if not arrow.types.is_large_string(distinct.type):  # categories, which may be there twice
        return _sorted(name, _objects(distinct.to_pylist()))
    order = compute.sort_indices(distinct)
    codes = np.empty(len(distinct), dtype=np.intp)
    codes[order.to_numpy()] = np.arange(len(distinct))
    return codes, distinct.take(order).to_numpy(zero_copy_only=False)


def _occurring(codes: Any, levels: Any) -> tuple[Any, Any]:
    """Levels without those that no row has."""
    there = np.bincount(codes[codes >= 0], minlength=levels.size) > 0
    if there.all():
        return codes, levels
    return np.append(np.cumsum(there) - 1, -1)[codes], levels[there]


def _of_array(name: str, column: np.ndarray[Any, Any]) -> Column:
    if column.ndim != 1:
        raise unread(name, f"an array of shape {column.shape}", "give one value per row")
    kind = column.dtype.kind
    if kind in "fiu":
        refuse_rounded(name, column)
        with np.errstate(over="ignore"):  # extended precision; infinity is named
            return _numbers(name, "number", np.array(column, dtype=np.float64))
    if kind == "b":
        return _numbers(name, "boolean", column.astype(np.float64))
    if kind in "UT":
        column = _objects(column.tolist())
    if kind in "mM":
        raise unread(name, "dates or times", _DATE_HINT)
    if kind not in "OUT":
        raise unread(name, f"values of type {column.dtype}", "make numbers or text of them")
    return _of_objects(name, column)


def _of_objects(name: str, column: np.ndarray[Any, Any]) -> Column:
    if set(map(type, column.tolist())) == {str}:
        return _of_strings(name, column)
    absent = missing_rows(column)
    there = column[~absent]
    if not there.size:
        return _numbers(name, "nothing", np.full(column.size, np.nan))
    [kind, *others] = {_kind_of(kind): kind for kind in map(type, there.tolist())}.items()
    if others or kind[0] not in ("number", "boolean", "category"):
        raise _mixed(name, column, absent)
    if kind[0] == "category":
        own, levels = _sorted(name, _objects([str(value) for value in there.tolist()]))
        codes = np.full(column.size, -1)
        codes[~absent] = own
        return _category(name, codes, levels)
    values = np.full(column.size, np.nan)
    refuse_rounded(name, column)
    try:
        values[~absent] = np.fromiter(map(float, there.tolist()), np.float64, there.size)
    except OverflowError:
        raise unread(name, "a number beyond the largest float", "divide by a large one") from None
    return _numbers(name, kind[0], values)


def _of_strings(name: str, column: np.ndarray[Any, Any]) -> Column:
    if column.size >= _MANY and find_spec("pyarrow"):
        arrow = import_module("pyarrow")
        with suppress(UnicodeEncodeError):  # half of a surrogate pair, which Arrow cannot hold
            return _of_arrow(name, arrow.array(column, arrow.large_string()))
    return _category(name, *_sorted(name, column))


def _kind_of(kind: type) -> str:
    if issubclass(kind, (bool, np.bool_)):
        return "boolean"
    if issubclass(kind, _DATES):
        return "date"
    if issubclass(kind, (Real, Decimal)):
        return "number"
    return "category" if issubclass(kind, str) else kind.__name__


def _mixed(name: str, column: np.ndarray[Any, Any], absent: np.ndarray[Any, Any]) -> DataError:
    """Error that names the first value that does not go with the first one, or at all."""
    rows = np.flatnonzero(~absent).tolist()
    kinds = {row: _kind_of(type(column[row])) for row in rows}
    first = kinds[rows[0]]
    if "date" in kinds.values():
        return unread(name, "dates or times", _DATE_HINT)
    row = next((row for row in rows if kinds[row] != first), rows[0])
    words = {"category": "text"}
    if first in ("number", "boolean", "category") and row != rows[0]:
        found = (
            f"{words.get(first, first)} in row {rows[0]} and {words.get(kinds[row], kinds[row])} "
            f"in row {row} (from 0)"
        )
        return unread(name, found, "make all its values of one kind")
    found = f"an object of type {quoted(first)} in row {rows[0]} (from 0)"
    return unread(name, found, "each value must be a number, a boolean or a string")


def _sorted(name: str, values: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """Codes and sorted levels of values of one type; -1 for None."""
    kinds = set(map(type, values.tolist())) - {type(None)}
    if len(kinds) > 1 or not all(issubclass(kind, (str, int, float)) for kind in kinds):
        text = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise unread(name, f"categories of type {text}", "make text of them")
    levels = sorted(set(values.tolist()) - {None})
    places: dict[Any, int] = dict(zip(levels, range(len(levels)), strict=True))
    places[None] = -1
    codes = np.fromiter(map(places.__getitem__, values.tolist()), np.intp, values.size)
    return codes, _objects(levels)


def _numbers(name: str, kind: Kind, values: Array) -> Column:
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(
            f"X contains infinity: column {quoted(name)}, row {int(np.argmax(infinite))} (from 0); "
            "replace such values."
        )
    return Column(name, kind, values, np.empty(0, np.intp), np.empty(0, object))


def _category(name: str, codes: np.ndarray[Any, Any], levels: np.ndarray[Any, Any]) -> Column:
    if not levels.size:
        return _numbers(name, "nothing", np.full(codes.size, np.nan))
    return Column(name, "category", np.empty(0), codes, levels)
