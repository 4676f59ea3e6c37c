"""What the first pass over files learns: counts, levels, means, where columns lie, a sample."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.columns import Columns
from oddsmith.core.labels import Label, listed, quoted
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import ColumnSummary, Indices, Kind, objects
from oddsmith.data.cells import read_label
from oddsmith.data.raw_rows import Layout, RawRows, blocks_of
from oddsmith.errors import DataError

__all__ = ["Classes", "Sample", "Survey", "classes_of"]

# More different numbers than this are a measurement, not classes.
_MOST_NUMBERS = 100


class Survey:
    """Sums over raw rows that say how to encode them, added as the rows come.

    Parameters
    ----------
    layout : Layout
    statistics : callable
        Kernel of the columns' statistics.

    Attributes
    ----------
    n_rows, n_incomplete : int
        Rows so far, and those of them that lack a value.
    columns : Columns or None
        Of the numbers; None where one is missing, or there is no row.
    """

    def __init__(self, layout: Layout, statistics: Callable[[Block], Columns]) -> None:
        self.layout = layout
        self._statistics = statistics
        self.n_rows = self.n_incomplete = 0
        self.columns: Columns | None = None
        self._complete = True
        p, c = len(layout.numbers), len(layout.categories)
        self._mean, self._there = np.zeros(p), np.zeros(p)
        self._no_code = np.zeros(c, np.intp)
        self._counts: list[Indices] = [np.zeros(0, np.intp) for _ in range(c)]
        self.label_weight = np.zeros(0)

    def add(self, rows: RawRows) -> bool:
        """Add rows; whether all their numbers are finite."""
        n = len(rows)
        if n == 0:
            return True
        weight = np.broadcast_to(1.0, n) if rows.weight is None else rows.weight
        found = self._statistics(
            Block(rows.numbers.T, rows.labels, weight, np.broadcast_to(0.0, n))
        )
        finite = found.finite
        whole = finite and not (rows.codes < 0).any()
        self._add_means(rows, found.mean if finite and rows.weight is None else None)
        self._add_codes(rows)
        self._add_labels(rows, weight)
        self.n_incomplete += 0 if whole else int(rows.missing.sum())
        self.n_rows += n
        self._complete &= finite
        self.columns = (found if self.columns is None else self.columns + found) if self._complete else None
        return finite

    def _add_means(self, rows: RawRows, mean: Array | None) -> None:
        there = np.full(len(self._mean), float(len(rows)))
        if mean is None:
            known = ~np.isnan(rows.numbers)
            there = known.sum(axis=1).astype(float)
            sums = np.where(known, rows.numbers, 0.0).sum(axis=1, dtype=np.float64)
            mean = sums / np.maximum(there, 1.0)
        self._there = self._there + there
        share = there / np.maximum(self._there, 1.0)
        self._mean = self._mean + share * (mean - self._mean)

    def _add_codes(self, rows: RawRows) -> None:
        for place, codes in enumerate(rows.codes):
            self._no_code[place] += (codes < 0).sum()
            self._counts[place] = _added(self._counts[place], np.bincount(codes[codes >= 0]))

    def _add_labels(self, rows: RawRows, weight: Array) -> None:
        self.label_weight = _added(self.label_weight, np.bincount(rows.labels, weight))

    def missing(self) -> dict[str, int]:
        """Rows without a value, by column that has some."""
        numbers = (self.n_rows - self._there).astype(int).tolist()
        found = dict(zip(self.layout.numbers, numbers, strict=True))
        found |= dict(zip(self.layout.categories, self._no_code.tolist(), strict=True))
        return {name: count for name, count in found.items() if count}

    def refuse_missing(self, names: set[str], hint: str) -> None:
        """Raise where values are missing in these columns, with their number in each.

        Raises
        ------
        DataError
        """
        bad = [f"{quoted(name)} {n}" for name, n in self.missing().items() if name in names]
        if bad:
            raise DataError(
                f"values are missing in {self.n_incomplete} of {self.n_rows} rows, by column: "
                f"{listed(bad)}; {hint}."
            )

    def summaries(
        self, kinds: Mapping[str, Kind], levels: Mapping[str, list[Any]]
    ) -> list[ColumnSummary]:
        """Summary of each column, in the order of `kinds`."""
        missing = self.missing()
        found: list[ColumnSummary] = []
        for name, kind in kinds.items():
            no_level, mean, counts = objects([]), float("nan"), np.empty(0, np.intp)
            if name in self.layout.categories:
                place = self.layout.categories.index(name)
                no_level, counts = _sorted(levels[name], self._counts[place])
                kind = kind if counts.size else "nothing"
            else:
                place = self.layout.numbers.index(name)
                mean = float(self._mean[place])
                kind = kind if self._there[place] else "nothing"
            found.append(
                ColumnSummary(
                    name, kind, self.n_rows, missing.get(name, 0), mean, no_level, counts
                )
            )
        return found


def _added(counts: Any, more: Any) -> Any:
    longer, shorter = (counts, more) if counts.size >= more.size else (more, counts)
    longer = longer.copy()
    longer[: shorter.size] += shorter
    return longer


def _sorted(levels: list[Any], counts: Indices) -> tuple[Any, Indices]:
    """Levels that rows have, sorted, and how many have each."""
    there = np.flatnonzero(counts)
    order = sorted(there.tolist(), key=levels.__getitem__)
    return objects([levels[code] for code in order]), counts[order]


class Sample:
    """Every stride-th row of rows whose number is not known before; the stride doubles as needed.

    Parameters
    ----------
    most : int
        Rows that are kept at the most, and about half as many at the least.

    Attributes
    ----------
    stride : int
        Rows 0, stride, 2 stride, ... are kept.
    """

    def __init__(self, most: int) -> None:
        self.stride = 1
        self._most = max(2, most)
        self._seen = self._kept = 0
        self._parts: list[RawRows] = []

    def add(self, rows: RawRows) -> None:
        """Take what is to be kept of the rows that come next."""
        own = rows.take(slice(-self._seen % self.stride, None, self.stride))
        self._seen += len(rows)
        self._parts.append(_copied(own))
        self._kept += len(own)
        while self._kept > self._most:
            [whole] = blocks_of(self._parts, self._kept)
            self._parts = [_copied(whole.take(slice(None, None, 2)))]
            self.stride, self._kept = 2 * self.stride, len(self._parts[0])

    def rows(self) -> RawRows:
        """Rows that were kept."""
        [whole] = blocks_of(self._parts, max(1, self._kept))
        return whole


def _copied(rows: RawRows) -> RawRows:
    """Rows in arrays of their own, so that what they were taken from can go."""
    return replace(rows, **{name: own.copy() for name, own in rows.arrays().items()})


@dataclass(frozen=True, slots=True)
class Classes:
    """Classes of an outcome.

    Attributes
    ----------
    labels : tuple of str, int, float or bool
        Sorted, all of one kind.
    index : int array
        Class of each code.
    """

    labels: tuple[Label, ...]
    index: Indices


def classes_of(levels: list[Any], weight: Array, cells: bool, where: str) -> Classes:
    """Classes that an outcome's values stand for; the second of two is the positive one.

    Parameters
    ----------
    levels : list
        Value of each code.
    weight : array of shape (len(levels),)
        Of the rows with each; what has none is no class.
    cells : bool
        Whether the values are cells of a CSV file, which may stand for numbers or booleans.
    where : str
        Begins a message.

    Raises
    ------
    DataError
        If there are not two classes at least, or so many numbers that they are none.

    Examples
    --------
    >>> classes_of(["1", "0"], np.array([2.0, 3.0]), True, "y")
    Classes(labels=(0, 1), index=array([1, 0]))
    """
    found = _values(levels) if cells else list(levels)
    there = {value for value, w in zip(found, weight.tolist(), strict=True) if w > 0}
    try:
        labels = tuple(sorted(there))
    except TypeError:
        kinds = sorted({type(value).__name__ for value in there})
        raise DataError(f"{where} mixes {listed(kinds)}; make them all of one kind") from None
    if len(labels) < 2:
        only = f" the label {quoted(str(labels[0]))} only" if labels else " no label"
        raise DataError(f"{where} holds{only}; a fit needs rows of two classes")
    if len(labels) > _MOST_NUMBERS and not isinstance(labels[0], str):
        raise DataError(
            f"{where} holds {len(labels)} different numbers, so it is continuous and has no "
            "classes; name another target, or cut it into classes"
        )
    place = {label: k for k, label in enumerate(labels)}
    return Classes(labels, np.array([place.get(value, 0) for value in found]))


def _values(cells: list[str]) -> list[Label]:
    """Labels of one kind that cells stand for: numbers, booleans, or the text as it is."""
    read = [read_label(cell) for cell in cells]
    kinds = {type(value) for value in read}
    if kinds == {int, float}:
        return [float(value) for value in read]
    return read if len(kinds) == 1 else list(cells)
