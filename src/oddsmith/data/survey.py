"""What the first pass over files learns: counts, levels, means, where columns lie, a sample."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.columns import Columns
from oddsmith.core.labels import Label, listed, quoted
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import ColumnSummary, Indices, Kind, objects
from oddsmith.data.cells import read_label
from oddsmith.data.raw_rows import Layout, RawRows, blocks_of
from oddsmith.errors import DataError

__all__ = ["Classes", "Sample", "Survey", "classes_of", "survey"]

# More different numbers than this are a measurement, not classes.
_MOST_NUMBERS = 100


@dataclass(frozen=True, slots=True)
class Survey:
    """Sums over raw rows that say how to encode them.

    Attributes
    ----------
    n_rows, n_incomplete : int
        Rows, and those of them that lack a value.
    there, mean : array of shape (p,)
        Rows that have each number, and the mean of it there.
    no_code : array of shape (c,)
        Rows that lack each category.
    counts : tuple of c integer arrays
        Rows with each code.
    label_weight : array
        Weight of the rows with each code of the outcome.
    columns : Columns or None
        Where the numbers lie; None where one is missing or infinite, or there is no row.
    """

    n_rows: int
    n_incomplete: int
    there: Array
    mean: Array
    no_code: Array
    counts: tuple[Indices, ...]
    label_weight: Array
    columns: Columns | None

    def __add__(self, other: Self) -> "Survey":
        there = self.there + other.there
        share = other.there / np.maximum(there, 1.0)
        columns = None
        if self.columns is not None and other.columns is not None:
            columns = self.columns + other.columns
        return Survey(
            self.n_rows + other.n_rows,
            self.n_incomplete + other.n_incomplete,
            there,
            self.mean + share * (other.mean - self.mean),
            self.no_code + other.no_code,
            tuple(map(_added, self.counts, other.counts)),
            _added(self.label_weight, other.label_weight),
            columns,
        )

    def missing(self, layout: Layout) -> dict[str, int]:
        """Rows without a value, by column that has some."""
        numbers = (self.n_rows - self.there).astype(int).tolist()
        found = dict(zip(layout.numbers, numbers, strict=True))
        found |= dict(zip(layout.categories, self.no_code.astype(int).tolist(), strict=True))
        return {name: count for name, count in found.items() if count}

    def refuse_missing(self, layout: Layout, names: set[str], hint: str) -> None:
        """Raise where values are missing in these columns, with their number in each.

        Raises
        ------
        DataError
        """
        bad = [f"{quoted(name)} {n}" for name, n in self.missing(layout).items() if name in names]
        if bad:
            raise DataError(
                f"values are missing in {self.n_incomplete} of {self.n_rows} rows, by column: "
                f"{listed(bad)}; {hint}."
            )

    def summaries(
        self, layout: Layout, kinds: Mapping[str, Kind], levels: Mapping[str, list[Any]]
    ) -> list[ColumnSummary]:
        """Summary of each column, in the order of `kinds`."""
        missing = self.missing(layout)
        found: list[ColumnSummary] = []
        for name, kind in kinds.items():
            own, mean, counts = objects([]), float("nan"), np.empty(0, np.intp)
            if name in layout.categories:
                place = layout.categories.index(name)
                own, counts = _sorted(levels[name], self.counts[place])
                empty = not counts.size
            else:
                place = layout.numbers.index(name)
                mean = float(self.mean[place])
                empty = not self.there[place]
            summary = ColumnSummary(
                name, kind, self.n_rows, missing.get(name, 0), mean, own, counts
            )
            found.append(replace(summary, kind="nothing") if empty else summary)
        return found


def survey(rows: RawRows, statistics: Callable[[Block], Columns]) -> Survey:
    """Survey of some rows; `statistics` is the kernel of the columns' statistics."""
    n = len(rows)
    weight = np.broadcast_to(1.0, n) if rows.weight is None else rows.weight
    found = statistics(Block(rows.numbers.T, rows.labels, weight, np.broadcast_to(0.0, n)))
    # Rows of weight 0 do not count in statistics, but here.
    complete = found.finite and (rows.weight is None or not np.isnan(rows.numbers).any())
    if complete and rows.weight is None:
        there, mean = np.full(len(rows.numbers), float(n)), found.mean
    else:
        known = ~np.isnan(rows.numbers)
        there = known.sum(axis=1).astype(float)
        mean = np.where(known, rows.numbers, 0.0).sum(axis=1, dtype=np.float64)
        mean = mean / np.maximum(there, 1.0)
    no_code = (rows.codes < 0).sum(axis=1).astype(float)
    incomplete = 0 if complete and not no_code.any() else int(rows.missing.sum())
    return Survey(
        n,
        incomplete,
        there,
        mean,
        no_code,
        tuple(np.bincount(codes[codes >= 0]) for codes in rows.codes),
        np.bincount(rows.labels, weight).astype(np.float64),
        found if complete else None,
    )


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
            self._halve()

    def _halve(self) -> None:
        first = 0
        for place, part in enumerate(self._parts):
            self._parts[place] = _copied(part.take(slice(first % 2, None, 2)))
            first += len(part)
        self.stride, self._kept = 2 * self.stride, (self._kept + 1) // 2

    @property
    def seen(self) -> int:
        """Rows that have come."""
        return self._seen

    def rows(self) -> RawRows | None:
        """Rows that were kept; None if there is none."""
        return next(blocks_of(self._parts, max(1, self._kept)), None)

    def go_on(self, rows: RawRows | None, stride: int, seen: int) -> None:
        """Be as another sample was."""
        self.stride, self._seen = stride, seen
        if rows is not None:
            self._parts, self._kept = [rows], len(rows)


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

    def weigh(self, label_weight: Array) -> Array:
        """Weight of the rows of each class, of shape (K,), from that of each code.

        Codes that no row has may be lacking at the end: a categorical column declares them.
        """
        own = self.index[: label_weight.size]
        return np.bincount(own, label_weight, len(self.labels)).astype(np.float64)


def classes_of(levels: list[Any], weight: Array, cells: bool, where: str) -> Classes:
    """Classes that an outcome's values stand for; the second of two is the positive one.

    Parameters
    ----------
    levels : list
        Value of each code.
    weight : array of shape (at most len(levels),)
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
    there = {value for value, w in zip(found, weight.tolist(), strict=False) if w > 0}
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
