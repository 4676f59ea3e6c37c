"""Data frames of any library, through Narwhals: columns in, columns out, missing values counted.

Narwhals is imported when a frame comes, and is not needed for arrays.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.errors import DataError, MissingPackageError

__all__ = [
    "column_of",
    "columns_of",
    "frame_names",
    "frame_of",
    "is_frame",
    "levels_of",
    "missing_rows",
    "numbers_of",
    "refuse_missing",
]

# Columns that a message names at the most.
_NAMED = 10


def _narwhals() -> Any:
    try:
        import narwhals.stable.v2 as narwhals
    except ImportError:
        raise MissingPackageError(
            'data frames need narwhals; install it with: pip install "oddsmith[formula]"'
        ) from None
    return narwhals


def is_frame(data: Any) -> bool:
    """Whether this is a data frame of a library that Narwhals knows.

    Examples
    --------
    >>> is_frame(np.eye(2)), is_frame([[1.0]])
    (False, False)
    """
    if isinstance(data, (np.ndarray, list, tuple)) or hasattr(data, "tocsr"):
        return False
    if not hasattr(data, "columns") and not hasattr(data, "column_names"):
        return False
    return bool(_narwhals().dependencies.is_into_dataframe(data))


def frame_names(data: Any) -> list[Any]:
    """Names of the columns of a frame, or of a dict of columns."""
    return list(data) if isinstance(data, Mapping) else list(_eager(data).columns)


def _eager(data: Any) -> Any:
    narwhals = _narwhals()
    _refuse_twins(data)
    try:
        return narwhals.from_native(data, eager_only=True)
    except TypeError as error:
        raise DataError(
            f"data of type {type(data).__name__} is no data frame that can be read at once; give "
            "one of pandas, Polars or PyArrow, or collect it first."
        ) from error


def _refuse_twins(data: Any) -> None:
    """Raise where two columns have one name, as pandas and PyArrow let them."""
    given = getattr(data, "column_names", None)
    names = list(getattr(data, "columns", ()) if given is None else given)
    twins = [name for name, count in Counter(map(str, names)).items() if count > 1]
    if twins:
        raise DataError(f"data has more than one column {quoted(twins[0])}; rename all but one.")


def column_of(data: Any, name: str) -> np.ndarray[Any, Any]:
    """One column as an array: numbers and booleans as such, all else as Python objects.

    Examples
    --------
    >>> import pyarrow
    >>> column_of(pyarrow.table({"dose": [1, 2], "alive": ["no", "yes"]}), "alive").tolist()
    ['no', 'yes']
    """
    return columns_of(data, [name])[name]


def columns_of(data: Any, names: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Columns by name of a frame, or of a dict of columns; see `column_of`.

    Raises
    ------
    DataError
        If there is no such column, or those of a dict are not equally long.
    """
    known = _names_of(data)
    lacking = [name for name in names if name not in known]
    if lacking:
        there = _listed([quoted(str(name)) for name in known])
        raise DataError(f"data has no column {quoted(str(lacking[0]))}; it has {there}.")
    if not isinstance(data, Mapping):
        frame = _eager(data)
        return {name: _array(frame.get_column(known[name])) for name in names}
    found = {name: _as_column(name, data[known[name]]) for name in names}
    sizes = {name: column.shape for name, column in found.items()}
    for name, shape in sizes.items():
        if len(shape) != 1 or shape != sizes[names[0]]:
            raise DataError(
                f"column {quoted(str(name))} of data has shape {shape}, and "
                f"{quoted(str(names[0]))} {sizes[names[0]]}; give one value per row."
            )
    return found


def _names_of(data: Any) -> dict[Any, Any]:
    """Names of columns; what is no text, such as pandas' numbers, by what it looks like as well."""
    names = list(data) if isinstance(data, Mapping) else _eager(data).columns
    return {str(name): name for name in names} | {name: name for name in names}


def _as_column(name: Any, values: Any) -> np.ndarray[Any, Any]:
    column = np.asarray(values)
    if column.dtype.kind == "c":
        raise DataError(f"column {quoted(str(name))} holds complex numbers; give real ones.")
    return column if column.dtype.kind in "fiub" else column.astype(object)


def _array(series: Any) -> np.ndarray[Any, Any]:
    kind = series.dtype
    found = series.to_numpy()
    if found.dtype.kind == "c":
        raise DataError(f"column {quoted(str(series.name))} holds complex numbers; give real ones.")
    if kind.is_numeric() or found.dtype.kind in "fiub":
        return found
    return np.asarray(series.to_list(), dtype=object)


def levels_of(data: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    """Levels of the columns that are categories, in their order."""
    frame = _eager(data)
    kinds = (_narwhals().Categorical, _narwhals().Enum)
    return {
        name: frame.get_column(name).cat.get_categories().to_list()
        for name in names
        if isinstance(frame.get_column(name).dtype, kinds)
    }


def numbers_of(data: Any, missing: str = "raise") -> tuple[Array, tuple[str, ...]]:
    """Return a frame of numbers as an array of shape (n, p), and the names of its columns.

    Raises
    ------
    DataError
        If a column does not hold numbers or booleans.

    Examples
    --------
    >>> import pyarrow
    >>> numbers_of(pyarrow.table({"dose": [1.0, 2.0], "ill": [True, False]}))
    (array([[1., 1.],
           [2., 0.]]), ('dose', 'ill'))
    """
    frame = _eager(data)
    for name, series in zip(frame.columns, frame.iter_columns(), strict=True):
        kind = series.dtype
        if not (kind.is_numeric() or kind == _narwhals().Boolean):
            raise DataError(
                f"column {quoted(str(name))} of X holds {str(kind).lower()} values, not numbers; "
                "give a formula, which encodes such columns: logit('y ~ a + b', data)."
            )
    names = tuple(str(name) for name in frame.columns)
    if missing == "raise":
        rows = (missing_rows(_array(series)) for series in frame.iter_columns())
        refuse_missing(dict(zip(names, rows, strict=True)))
    found = frame.to_numpy()
    return found if found.dtype.kind == "f" else found.astype(np.float64), names


def missing_rows(column: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which entries of a column are missing: NaN, None, or not a time.

    Examples
    --------
    >>> missing_rows(np.array(["a", None, float("nan")], dtype=object)).tolist()
    [False, True, True]
    """
    if column.dtype.kind == "f":
        return np.isnan(column)
    if column.dtype.kind in "mM":
        return np.isnat(column)
    if column.dtype.kind != "O":
        return np.zeros(column.shape, dtype=bool)
    # Only what stands for nothing is not equal to itself, or says so with an error.
    return np.array([_missing(entry) for entry in column.tolist()], dtype=bool)


def _missing(entry: Any) -> bool:
    if entry is None:
        return True
    try:
        return bool(entry != entry)
    except TypeError:  # pandas' NA knows no truth
        return True


def refuse_missing(missing: Mapping[str, np.ndarray[Any, np.dtype[np.bool_]]]) -> None:
    """Raise where there are missing values, with their number in each column.

    Raises
    ------
    DataError
    """
    counts = {name: int(rows.sum()) for name, rows in missing.items()}
    found = [f"{quoted(name)} {count}" for name, count in counts.items() if count]
    if not found:
        return
    some = np.logical_or.reduce(list(missing.values()))
    raise DataError(
        f"values are missing in {int(some.sum())} of {some.size} rows, by column: "
        f"{_listed(found)}; fill them, or leave such rows out with missing='drop'."
    )


def _listed(parts: list[str]) -> str:
    more = len(parts) - _NAMED
    return ", ".join(parts[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def frame_of(columns: Mapping[str, Any], library: str = "pandas") -> Any:
    """Columns as a data frame of a library.

    Parameters
    ----------
    columns : dict of str to array
    library : "pandas", "polars" or "pyarrow"

    Examples
    --------
    >>> frame_of({"a": [1, 2]}, "pyarrow").column_names
    ['a']
    """
    narwhals = _narwhals()
    try:
        frame = narwhals.from_dict(dict(columns), backend=library)
    except (ImportError, ValueError, TypeError) as error:
        raise MissingPackageError(
            f"a data frame of {library!r} cannot be made ({error}); install pandas, polars or "
            "pyarrow, and name the one to use."
        ) from error
    return frame.to_native()
