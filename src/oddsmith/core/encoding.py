"""How one column of a table becomes columns of numbers: learned once, then applied to any rows."""

from dataclasses import dataclass
from itertools import repeat
from typing import Any, Literal

import numpy as np

from oddsmith.core.labels import listed, quoted
from oddsmith.core.table_columns import Column, Indices, Levels, unread
from oddsmith.errors import DataError

__all__ = [
    "FILL",
    "MISSING",
    "POOLED",
    "REFERENCE",
    "WORDS",
    "ColumnEncoding",
    "Part",
    "Unseen",
    "refuse_missing_values",
]

# What stands between brackets in the name of a column that no level has.
POOLED, MISSING = "(pooled)", "(missing)"
# Places of a level that has no column, and of one that the fit has not seen.
REFERENCE, _NEW = -1, -2
Unseen = Literal["refuse", "pool"]
FILL = "fill them, or encode them with missing='indicator' (or 'mean', for numbers)"
WORDS = {"number": "numbers", "boolean": "booleans", "category": "text or categories"}


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """At most one entry in each row of the encoded columns.

    Attributes
    ----------
    places : integer array of shape (n,), or int
        Which of the columns; -1 is none.
    values : float64 array of shape (n,), or None
        None where all are 1.
    """

    places: Any
    values: Any

    def moved(self, start: int) -> "Part":
        """Entries of columns that come after `start` others."""
        return Part(np.where(np.asarray(self.places) < 0, -1, self.places + start), self.values)


@dataclass(frozen=True, slots=True, eq=False)
class ColumnEncoding:
    """How one column is encoded, as the fit's rows taught it.

    Attributes
    ----------
    name : str
    kind : "number", "boolean" or "category"
    n_missing : int
        Rows of the fit without a value.
    mean : float or None
        What stands for missing numbers; None where they are refused.
    levels : object array of shape (K,)
        All levels of the fit, sorted. Empty for numbers, as are counts and places.
    counts : integer array of shape (K,)
        Rows of the fit with that level.
    places : integer array of shape (K,)
        Which of the encoded columns a level has; -1 is the reference.
    labels : object array of shape (width,)
        What each encoded column is of: a level, `POOLED` or `MISSING`; None for the numbers.
    reference : level, `POOLED` or None
    pooled_at, missing_at : int or None
        Column, or -1 for the reference, of pooled levels and of missing values, if there is one.
    """

    name: str
    kind: Literal["number", "boolean", "category"]
    n_missing: int
    mean: float | None
    levels: Levels
    counts: Indices
    places: Indices
    labels: Levels
    reference: Any
    pooled_at: int | None
    missing_at: int | None

    @property
    def width(self) -> int:
        """Number of columns that this one becomes."""
        return self.labels.size

    @property
    def n_parts(self) -> int:
        """Number of entries that a row has at the most."""
        return 1 if self.kind == "category" else self.width

    def names(self) -> list[str]:
        """Name of each encoded column: ``dose``, ``site[b]``, ``site[(pooled)]``.

        Examples
        --------
        >>> nothing, labels = np.empty(0), np.array([None, MISSING], dtype=object)
        >>> ColumnEncoding(
        ...     "dose", "number", 1, 0.5, nothing, nothing, nothing, labels, None, None, 1
        ... ).names()
        ['dose', 'dose[(missing)]']
        """
        return [self.name if at is None else f"{self.name}[{at}]" for at in self.labels.tolist()]

    def refuses_missing(self) -> bool:
        """Whether other rows must have a value here."""
        return self.mean is None and self.missing_at is None

    def parts(self, column: Column, unseen: Unseen) -> list[Part]:
        """Entries of other rows.

        Raises
        ------
        DataError
            If the column is of another kind, or has a level that the fit has not seen.
        """
        if self.kind == "category":
            return [Part(self._places_of(column, unseen), None)]
        self._check_kind(column)
        absent = np.isnan(column.values)
        if not absent.any():
            return [Part(0, column.values)]
        parts = [Part(0, np.where(absent, np.float64(self.mean or 0.0), column.values))]
        if self.missing_at is not None:
            parts.append(Part(np.where(absent, self.missing_at, -1), None))
        return parts

    def unseen(self, column: Column) -> dict[Any, int]:
        """Levels that the fit has not seen, and how many rows have each."""
        if self.kind != "category":
            return {}
        codes, levels = self._as_category(column)
        new = np.flatnonzero(self._places_among(levels) == _NEW)
        counts = np.bincount(codes[codes >= 0], minlength=levels.size)
        return {levels[place]: int(counts[place]) for place in new.tolist()}

    def _check_kind(self, column: Column) -> None:
        if column.kind == "category":
            raise self._of_another_kind(column)
        if self.kind == "boolean" and column.kind == "number":
            known = np.isin(column.values, (0.0, 1.0)) | np.isnan(column.values)
            if not known.all():
                raise self._of_another_kind(column)

    def _of_another_kind(self, column: Column) -> DataError:
        return unread(
            self.name,
            f"{WORDS[column.kind]}, and held {WORDS[self.kind]} at the fit",
            "give the same kind of values",
        )

    def _as_category(self, column: Column) -> tuple[Any, Any]:
        if column.kind == "category":
            return column.codes, column.levels
        if column.kind == "nothing":
            return np.full(column.n_rows, -1), np.empty(0, object)
        if isinstance(self.levels[0], str):
            raise self._of_another_kind(column)
        absent = np.isnan(column.values)
        levels, own = np.unique(column.values[~absent], return_inverse=True)
        codes = np.full(column.n_rows, -1)
        codes[~absent] = own
        return codes, levels.astype(object)

    def _places_among(self, levels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Place of each of the levels; a search where they are few beside those of the fit."""
        if levels.size == self.levels.size and bool((levels == self.levels).all()):
            return self.places
        if levels.size * 16 >= self.levels.size:
            known = dict(zip(self.levels.tolist(), self.places.tolist(), strict=True))
            found = map(known.get, levels.tolist(), repeat(_NEW))
            return np.fromiter(found, np.intp, levels.size)
        try:
            at = np.minimum(np.searchsorted(self.levels, levels), self.levels.size - 1)
        except TypeError:  # text beside numbers
            return np.full(levels.size, _NEW)
        return np.where(self.levels[at] == levels, self.places[at], _NEW)

    def _places_of(self, column: Column, unseen: Unseen) -> np.ndarray[Any, Any]:
        codes, levels = self._as_category(column)
        places = self._places_among(levels)
        new = places == _NEW
        if new.any():
            if unseen == "refuse" or self.pooled_at is None:
                raise self._never_seen(codes, levels, new, unseen)
            places = np.where(new, self.pooled_at, places)
        # The last place is that of code -1, a missing value.
        return np.append(places, -1 if self.missing_at is None else self.missing_at)[codes]

    def _never_seen(self, codes: Any, levels: Any, new: Any, unseen: Unseen) -> DataError:
        others = int(new.sum()) - 1
        first = levels[np.argmax(new)]
        rows = int(np.append(new, False)[codes].sum())
        hint = (
            "leave such rows out, or count them as rare levels with unseen='pool' and a min_count"
        )
        if unseen == "pool":
            hint = "it cannot be pooled, as no level of the fit was: none is rarer than min_count"
        return DataError(
            f"column {quoted(self.name)} of X has the value {quoted(str(first))}"
            f"{f' and {others} more' if others else ''}, in {rows} of {codes.size} rows, which "
            f"the fit has not seen; {hint}."
        )


def refuse_missing_values(columns: list[Column], hint: str) -> None:
    """Raise where there are missing values, with their number in each column.

    Raises
    ------
    DataError
    """
    bad = [column for column in columns if column.n_missing]
    if not bad:
        return
    rows = np.zeros(bad[0].n_rows, dtype=bool)
    for column in bad:
        rows |= column.codes < 0 if column.kind == "category" else np.isnan(column.values)
    found = listed([f"{quoted(column.name)} {column.n_missing}" for column in bad])
    raise DataError(
        f"values of X are missing (NaN or null) in {int(rows.sum())} of {rows.size} rows, by "
        f"column: {found}; {hint}."
    )
