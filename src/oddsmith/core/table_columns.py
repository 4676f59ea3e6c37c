"""One column of a table with its values, and what an encoding learns from it: sums that add."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Integral
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.errors import DataError

__all__ = [
    "Column",
    "ColumnSummary",
    "Indices",
    "Kind",
    "Levels",
    "complete_rows",
    "objects",
    "refuse_rounded",
    "some_rows",
    "summarise",
    "unread",
]

# Floats hold every whole number up to here.
_EXACT = 2**53

Kind = Literal["number", "boolean", "category", "nothing"]
Indices = npt.NDArray[np.integer[Any]]
Levels = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        As the user wrote it; the number from 0 where columns have none.
    kind : "number", "boolean", "category" or "nothing"
        "nothing" where all values are missing and nothing says what they would be.
    values : float64 array of shape (n,)
        Of numbers and booleans; NaN is missing. Empty for categories.
    codes : integer array of shape (n,)
        Places among the levels, -1 is missing. Empty for numbers.
    levels : object array of shape (K,)
        Levels that occur, all of one type, sorted; text in the order of its code points.
    declared : tuple or None
        All levels in the order that the table itself states, where it does.
    """

    name: str
    kind: Kind
    values: Array
    codes: Indices
    levels: Levels
    declared: tuple[Any, ...] | None = None

    @property
    def n_missing(self) -> int:
        """Number of rows without a value."""
        if self.kind == "category":
            return int((self.codes < 0).sum())
        return int(np.isnan(self.values).sum())

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.codes.size if self.kind == "category" else self.values.size


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSummary:
    """All that an encoding needs to know of a column, in memory or not.

    Attributes
    ----------
    name : str
    kind : "number", "boolean", "category" or "nothing"
    n_rows, n_missing : int
    mean : float
        Of numbers and booleans that are there; NaN where there are none.
    levels : object array of shape (K,)
        Levels that occur, sorted. Empty for numbers, as are the counts.
    counts : integer array of shape (K,)
        Rows with each level.
    declared : tuple or None
        All levels in the order that the table itself states, where it does.
    """

    name: str
    kind: Kind
    n_rows: int
    n_missing: int
    mean: float
    levels: Levels
    counts: Indices
    declared: tuple[Any, ...] | None = None


def summarise(column: Column) -> ColumnSummary:
    """Summary of a column that is all there.

    Examples
    --------
    >>> dose = Column("dose", "number", np.array([1.0, np.nan, 2.0]), np.empty(0), np.empty(0))
    >>> summarise(dose).mean, summarise(dose).n_missing
    (1.5, 1)
    """
    mean = float("nan")
    counts: Indices = np.empty(0, np.intp)
    if column.kind == "category":
        counts = np.bincount(column.codes[column.codes >= 0], minlength=column.levels.size)
    elif column.kind != "nothing":
        mean = _mean(column.values[~np.isnan(column.values)])
    return ColumnSummary(
        column.name,
        column.kind,
        column.n_rows,
        column.n_missing,
        mean,
        column.levels,
        counts,
        column.declared,
    )


def _mean(values: Array) -> float:
    """Mean whose sum may be beyond floats."""
    with np.errstate(over="ignore"):
        mean = float(values.mean())
    return mean if np.isfinite(mean) else float((values / values.size).sum())


def objects(values: list[Any]) -> Levels:
    """Array of Python's objects, whatever they are.

    Examples
    --------
    >>> objects([(1, 2), "a"]).shape
    (2,)
    """
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def unread(name: str, found: str, hint: str) -> DataError:
    """Error that names a column which cannot be encoded."""
    return DataError(f"column {quoted(name)} of X holds {found}; {hint}.")


def complete_rows(columns: Sequence[Column]) -> npt.NDArray[np.bool_]:
    """Which rows have a value in every column.

    Examples
    --------
    >>> dose = Column("dose", "number", np.array([1.0, np.nan]), np.empty(0), np.empty(0))
    >>> complete_rows([dose])
    array([ True, False])
    """
    found = np.ones(columns[0].n_rows, dtype=bool)
    for column in columns:
        found &= column.codes >= 0 if column.kind == "category" else ~np.isnan(column.values)
    return found


def some_rows(column: Column, rows: npt.NDArray[np.bool_] | Indices) -> Column:
    """Column with some of its rows, by a mask or by places, and the levels that these have.

    Examples
    --------
    >>> site = Column("site", "category", np.empty(0), np.array([1, 0]), objects(["a", "b"]))
    >>> part = some_rows(site, np.array([True, False]))
    >>> part.codes, part.levels.tolist()
    (array([0]), ['b'])
    """
    if column.kind != "category":
        return replace(column, values=column.values[rows])
    codes = column.codes[rows]
    there = np.bincount(codes[codes >= 0], minlength=column.levels.size) > 0
    own = np.append(np.cumsum(there) - 1, -1)
    return replace(column, codes=own[codes], levels=column.levels[there])


def refuse_rounded(name: str, values: npt.NDArray[Any]) -> None:
    """Refuse whole numbers that floats would round, as identifiers are: two could become one.

    Parameters
    ----------
    name : str
    values : array of shape (n,)
        As they are stored: integers, objects, or anything else, which is no matter here.

    Raises
    ------
    DataError

    Examples
    --------
    >>> refuse_rounded("id", np.array([2**53, 2**60]))
    >>> refuse_rounded("id", np.array([1, 2**53 + 1]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    oddsmith.errors.DataError: column "id" of X holds 9007199254740993 in row 1 (from 0), ...
    """
    kind = values.dtype.kind
    if not values.size or not (kind == "O" or (kind in "iu" and values.dtype.itemsize == 8)):
        return
    if kind != "O" and int(values.max()) <= _EXACT and int(values.min()) >= -_EXACT:
        return
    for row, value in enumerate(values.tolist()):
        if not _fits(value):
            raise unread(
                name,
                f"{value} in row {row} (from 0), a whole number that floats would round",
                "make text of it if it is an identifier, or round it yourself",
            )


def _fits(value: Any) -> bool:
    """Whether a float is this number, if it is a whole one."""
    if isinstance(value, Decimal):
        large = value.is_finite() and abs(value) > _EXACT
        whole = large and value == value.to_integral_value()
        return not whole or Decimal(float(value)) == value
    if not isinstance(value, Integral):
        return True
    whole = int(value)
    if -_EXACT <= whole <= _EXACT:
        return True
    try:
        return int(float(whole)) == whole
    except OverflowError:  # which is named elsewhere
        return True
