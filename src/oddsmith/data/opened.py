"""A table of any library, opened once: its names, its columns as they are, or a plain matrix."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import refuse_rounded
from oddsmith.data.frames import is_frame
from oddsmith.errors import DataError, MissingPackageError

__all__ = ["OpenTable", "is_table", "open_table"]


def is_table(data: Any) -> bool:
    """Whether data has named columns: a frame of any library, a dict, or an Arrow C stream.

    Examples
    --------
    >>> is_table({"dose": [1, 2]}), is_table(np.eye(2))
    (True, False)
    """
    if isinstance(data, (np.ndarray, list, tuple)) or hasattr(data, "tocsr"):
        return False
    if isinstance(data, Mapping) or hasattr(data, "__arrow_c_stream__"):
        return True
    return hasattr(data, "collect_schema") or _is_relation(data) or is_frame(data)


def _is_relation(data: Any) -> bool:
    return type(data).__name__ == "DuckDBPyRelation"


@dataclass(frozen=True, slots=True, eq=False)
class OpenTable:
    """Columns of a table, none of them read yet.

    Attributes
    ----------
    labels : dict of str to object
        What the table itself calls each column, by its name as text.
    frame : DataFrame of pandas, or None
        Where all columns are numbers and booleans of NumPy, which it hands out as one matrix.
    columns : dict of str to object
        Series of Narwhals, or what a dict held; empty where there is a frame.
    """

    labels: dict[str, Any]
    frame: Any
    columns: dict[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the table's order."""
        return tuple(self.labels)

    @property
    def named(self) -> bool:
        """Whether names are names: pandas numbers columns that have none."""
        return any(isinstance(label, str) for label in self.labels.values())

    def column(self, name: str) -> Any:
        """Column as the table has it."""
        return self.columns[name] if self.frame is None else self.frame[self.labels[name]]

    def without(self, name: str) -> "OpenTable":
        """Leave one column out."""
        labels = {one: label for one, label in self.labels.items() if one != name}
        return OpenTable(labels, self.frame, self.columns)

    def matched(self, names: Sequence[str]) -> None:
        """Refuse a table whose columns are not those of the fit, in any order.

        Raises
        ------
        DataError
        """
        lacking = [name for name in names if name not in self.labels]
        if lacking:
            raise DataError(
                f"X lacks {_several(lacking)}, which the fit had; give the columns of the fit."
            )
        extra = sorted(set(self.labels) - set(names))
        if extra:
            raise DataError(f"X has {_several(extra)}, which the fit did not have; leave it out.")

    def plain(self, names: Sequence[str]) -> Array | None:
        """Columns as they are, in Fortran order; None if one is not of numbers or booleans.

        Single precision stays so where all columns have it. Whether there is a NaN is not looked
        at; a null is no number.

        Raises
        ------
        DataError
            If a whole number is beyond the floats that tell such numbers apart.

        Examples
        --------
        >>> open_table({"dose": [1, 2], "new": [True, False]}).plain(("new", "dose"))
        array([[1., 1.],
               [0., 2.]])
        """
        if self.frame is not None:
            return self._of_pandas(names)
        parts: list[np.ndarray[Any, Any]] = []
        for name in names:
            part = _numbers(self.columns[name])
            if part is None or part.shape != (parts or [part])[0].shape:
                return None
            refuse_rounded(name, part)
            parts.append(part)
        single = all(part.dtype == np.float32 for part in parts)
        kind: Any = np.float32 if single else np.float64
        out = np.empty((parts[0].size, len(parts)), kind, order="F")
        for place, part in enumerate(parts):
            out[:, place] = part
        return out

    def booleans(self, names: Sequence[str]) -> tuple[str, ...]:
        """Which columns hold booleans, of a table that is plain."""
        if self.frame is not None:
            kinds = {name: self.frame.dtypes[self.labels[name]].kind for name in names}
        else:
            found = {name: _numbers(self.columns[name]) for name in names}
            kinds = {name: one.dtype.kind for name, one in found.items() if one is not None}
        return tuple(name for name, kind in kinds.items() if kind == "b")

    def _of_pandas(self, names: Sequence[str]) -> Array:
        whole = len(names) == self.frame.shape[1] and tuple(names) == self.names
        frame = self.frame if whole else self.frame[[self.labels[name] for name in names]]
        kinds = dict(zip(names, frame.dtypes.tolist(), strict=True))
        for name, kind in kinds.items():
            if kind.kind in "iu" and kind.itemsize == 8:
                refuse_rounded(name, self.column(name).to_numpy())
        single = set(kinds.values()) == {np.dtype(np.float32)}
        found: Array = frame.to_numpy(dtype=np.float32 if single else np.float64)
        return found


def open_table(data: Any) -> OpenTable:
    """Open a table: what is lazy is collected, once.

    Raises
    ------
    DataError
        If it is none, or two of its columns read the same.
    MissingPackageError
        If nothing that is installed can read it.

    Examples
    --------
    >>> open_table({"dose": [1, 2], 7: ["a", "b"]}).labels
    {'dose': 'dose', '7': 7}
    """
    if hasattr(data, "__dask_graph__"):
        raise DataError(
            "X is a Dask collection, and is asked for rows in memory; give X.compute(), or use "
            "LogisticRegression, which fits collections"
        )
    frame = _numeric_pandas(data)
    if frame is not None:
        given: Any = frame.columns
        columns: dict[Any, Any] = {}
    else:
        columns = dict(data) if isinstance(data, Mapping) else _series(data)
        given = columns
    labels = {str(label): label for label in given}
    if len(labels) < len(given):
        twins = [name for name, count in Counter(map(str, given)).items() if count > 1]
        raise DataError(
            f"X has two columns whose names read the same, {quoted(twins[0])}; rename all but one."
        )
    return OpenTable(labels, frame, {str(label): values for label, values in columns.items()})


def _several(names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"the column {quoted(names[0])}{more}"


def _numeric_pandas(data: Any) -> Any:
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(data, pandas.DataFrame):
        return None
    kinds = set(data.dtypes.tolist())
    plain = all(isinstance(kind, np.dtype) and kind.kind in "biuf" for kind in kinds)
    if not kinds or not plain:
        return None
    _refuse_twins(data)
    return data


def _numbers(values: Any) -> np.ndarray[Any, Any] | None:
    """Numbers or booleans without nulls as an array; None if they are something else."""
    if isinstance(values, np.ma.MaskedArray):
        return None
    if isinstance(values, (np.ndarray, list, tuple)):
        try:
            found = np.asarray(values)
        except (ValueError, OverflowError):  # of lists that are not equally long
            return None
        return found if found.ndim == 1 and found.dtype.kind in "biuf" else None
    if not hasattr(values, "implementation"):
        return None
    if not (values.dtype.is_numeric() or str(values.dtype) == "Boolean"):
        return None
    if str(values.dtype).startswith("Decimal") or values.null_count() > 0:
        return None
    found = values.to_numpy()
    return found if found.dtype.kind in "biuf" else None


def _series(data: Any) -> dict[Any, Any]:
    """Columns of a frame as Narwhals' series; what is lazy is collected."""
    try:
        import narwhals.stable.v2 as narwhals
    except ImportError:
        raise MissingPackageError(
            'data frames need narwhals; install it with: pip install "oddsmith[table]"'
        ) from None
    _refuse_twins(data)
    frame: Any = narwhals.from_native(data, pass_through=True)
    if isinstance(frame, narwhals.LazyFrame):
        frame = frame.collect(None if frame.implementation.is_polars() else "pyarrow")
    elif not isinstance(frame, narwhals.DataFrame):
        try:
            library = "pyarrow" if find_spec("pyarrow") else "polars"
            frame = narwhals.from_arrow(data, backend=library)
        except ImportError:
            raise MissingPackageError(
                "an Arrow stream needs pyarrow or Polars to be read; install one of them with: "
                'pip install "oddsmith[table]"'
            ) from None
        except (TypeError, ValueError) as error:
            raise DataError(
                f"X of type {type(data).__name__} is no table that can be read ({error}); give a "
                "data frame, a dict of columns or a two-dimensional array."
            ) from error
    return {name: frame.get_column(name) for name in frame.columns}


def _refuse_twins(data: Any) -> None:
    if hasattr(data, "collect_schema"):  # Polars has none, and would have to plan to say so
        return
    shown = getattr(data, "column_names", None)
    shown = getattr(data, "columns", ()) if shown is None else shown
    twins = [name for name, count in Counter(map(str, shown)).items() if count > 1]
    if twins:
        raise DataError(f"X has more than one column {quoted(twins[0])}; rename all but one.")
