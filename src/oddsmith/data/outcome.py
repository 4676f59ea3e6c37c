"""The outcome as users have it: a column of any library becomes an array of labels and a name."""

import sys
from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.data.frames import missing_rows
from oddsmith.data.opened import OpenTable, is_table, open_table
from oddsmith.errors import DataError

__all__ = ["outcome_among", "read_outcome"]


def read_outcome(y: Any) -> tuple[Any, str | None]:
    """Labels, and the name of the column that they were; arrays and lists are as they were.

    Parameters
    ----------
    y : array-like, series of any library, or table of one column

    Returns
    -------
    labels : array of shape (n,), or y itself
    name : str or None

    Raises
    ------
    DataError
        If a label is missing, or there is more than one column.

    Examples
    --------
    >>> import pyarrow
    >>> read_outcome(pyarrow.table({"ill": ["no", "yes"]}))
    (array(['no', 'yes'], dtype=object), 'ill')
    """
    if y is None or isinstance(y, (np.ndarray, list, tuple)):
        return y, None
    if _is_series(y):
        name = getattr(y, "name", None)
        return _labels(y), name if isinstance(name, str) and name else None
    if not is_table(y):
        return y, None
    table = open_table(y)
    if len(table.names) != 1:
        raise DataError(
            f"y has {len(table.names)} columns; give one, whose values are the labels of the rows."
        )
    [name] = table.names
    return _labels(table.column(name)), name if table.named else None


def outcome_among(table: OpenTable, y: Any, labels: Any, name: str | None) -> str | None:
    """Name of the column of X that is the outcome itself, which it would predict too well.

    Parameters
    ----------
    table : OpenTable
        X.
    y : object
        The outcome as it was given.
    labels, name
        Of the outcome, from `read_outcome`.

    Raises
    ------
    DataError
        If a column has the outcome's name and other values.

    Examples
    --------
    >>> data = {"dose": [1, 2], "ill": [0, 1]}
    >>> outcome_among(open_table(data), data["ill"], data["ill"], None)
    'ill'
    """
    if name is None:
        return next((one for one, own in table.columns.items() if _is_same(own, y)), None)
    if name not in table.labels:
        return None
    if _equal(_labels(table.column(name), missing=True), labels):
        return name
    raise DataError(
        f"X has a column {quoted(name)}, the name of y, with other values than y: leave it out if "
        "it is the outcome in other words, or rename y if it is a feature."
    )


def _is_series(y: Any) -> bool:
    if hasattr(y, "implementation") and hasattr(y, "is_null"):  # of Narwhals
        return True
    if type(y).__module__.partition(".")[0] == "pyarrow":
        return hasattr(y, "to_pylist") and not hasattr(y, "column_names")
    if not hasattr(y, "name") or not hasattr(y, "dtype"):
        return False
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(y, pandas.Series):
        return True
    try:
        import narwhals.stable.v2 as narwhals
    except ImportError:
        return False
    return bool(narwhals.dependencies.is_into_series(y))


def _labels(values: Any, *, missing: bool = False) -> np.ndarray[Any, Any]:
    """Values as an array: numbers and booleans as such, all else as Python's objects."""
    found = _array(values)
    lost = missing_rows(found)
    if lost.any() and not missing:
        others = int(lost.sum()) - 1
        more = f" and {others} more" if others else ""
        raise DataError(
            f"y has no label (NaN or null) in row {int(np.argmax(lost))} (from 0){more}; leave "
            "such rows out."
        )
    return found


def _array(values: Any) -> np.ndarray[Any, Any]:
    if isinstance(values, (np.ndarray, list, tuple)):
        return np.asarray(values)
    if isinstance(getattr(values, "dtype", None), np.dtype):  # pandas' own
        return np.asarray(values)
    if not hasattr(values, "implementation"):
        if type(values).__module__.partition(".")[0] == "pyarrow":
            values = (
                sys.modules["pyarrow"].chunked_array(values) if not _chunked(values) else values
            )
        import narwhals.stable.v2 as narwhals

        values = narwhals.from_native(values, series_only=True, allow_series=True)
    plain = values.dtype.is_numeric() or str(values.dtype) == "Boolean"
    if plain and not str(values.dtype).startswith("Decimal") and values.null_count() == 0:
        return values.to_numpy()
    found = np.empty(len(values), dtype=object)
    found[:] = values.to_list()
    return found


def _chunked(values: Any) -> bool:
    return hasattr(values, "chunks")


def _equal(one: np.ndarray[Any, Any], other: Any) -> bool:
    other = np.asarray(other)
    if one.shape != other.shape:
        return False
    if "O" not in (one.dtype.kind, other.dtype.kind):
        return bool(np.array_equal(one, other))
    return one.tolist() == other.tolist()


def _is_same(column: Any, y: Any) -> bool:
    """Whether y is this column and no copy of it, for what has no name to tell."""
    if column is y:
        return not isinstance(y, (int, str))
    if not type(y).__module__.startswith("pyarrow") or not hasattr(column, "to_native"):
        return False
    native = column.to_native()
    if not type(native).__module__.startswith("pyarrow"):
        return False
    return native.type == y.type and _places(native) == _places(y)


def _places(column: Any) -> list[Any]:
    """Where the values of an Arrow column lie in memory."""
    chunks = column.chunks if _chunked(column) else [column]
    return [
        (len(chunk), chunk.offset, *(buffer and buffer.address for buffer in chunk.buffers()))
        for chunk in chunks
        if len(chunk)
    ]
