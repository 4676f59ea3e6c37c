"""Judged rows become what the report shows of them, however many parts they come in."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.columns import Columns, column_statistics
from oddsmith.core.encoding import ColumnEncoding
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import Column, objects, some_rows
from oddsmith.core.table_encoding import TableEncoding
from oddsmith.errors import DataError
from oddsmith.views.pages.report.document import Examples, Judged, Spread, Whole
from oddsmith.views.pages.report.sampling import chosen_examples, joined, uniform

__all__ = ["Gathering", "bounds_of", "matrix_columns", "rows_that_fit", "statistics_of"]

# Rows that are kept as they are, at the least, where there are so many: medians and examples come
# from them. Twice as many at the most, and entries.
_KEPT, _ENTRIES = 20_000, 2**22
# Numbers beside its probabilities, there twice, that a row takes while a page is made of it.
_BESIDE = 40

Pick = Callable[[Whole], list[Column]]


def rows_that_fit(room: int, n_classes: int) -> int:
    """Rows of which a page can be made in so many bytes, beside those of the program itself.

    Examples
    --------
    >>> rows_that_fit(2**30, 2)
    3050402
    """
    return max(1000, room // (8 * (2 * n_classes + _BESIDE)))


def statistics_of(X: Any) -> Columns:
    """Where the columns of encoded rows lie, each row counted once."""
    n = X.shape[0]
    return column_statistics(Block(X, np.zeros(n, np.int8), np.ones(n), np.zeros(n)))


def bounds_of(columns: Sequence[Column]) -> tuple[Array, Array]:
    """Least and greatest value of each column; NaN for categories, and where all is missing.

    Examples
    --------
    >>> dose = Column("dose", "number", np.array([1.0, np.nan, 3.0]), np.empty(0), np.empty(0))
    >>> bounds_of([dose])
    (array([1.]), array([3.]))
    """
    low, high = np.full(len(columns), np.nan), np.full(len(columns), np.nan)
    for place, column in enumerate(columns):
        if column.values.size:
            # Of these, NaN loses; no warning comes where there is nothing else.
            low[place] = np.fmin.reduce(column.values)
            high[place] = np.fmax.reduce(column.values)
    return low, high


def matrix_columns(X: Any, encoding: TableEncoding) -> list[Column]:
    """Columns of rows that are encoded as they are."""
    dense = X.toarray() if hasattr(X, "toarray") else X
    return [
        Column(one.name, one.kind, dense[:, place].astype(np.float64), np.empty(0, np.intp), _NONE)
        for place, one in enumerate(encoding.columns)
    ]


class Gathering:
    """Labels and probabilities of judged rows, where their columns lie, and a sample of them.

    Parameters
    ----------
    encoding : TableEncoding
        Of the model.
    most : int, optional
        Rows whose labels and probabilities are kept at the most: beyond, every second one of
        them, then every fourth. All are if not given.

    Attributes
    ----------
    numbered : bool or None
        Whether the rows have come with numbers of their own; None before the first.
    """

    def __init__(self, encoding: TableEncoding, most: int | None = None) -> None:
        self._encoding = encoding
        self._most = most
        self._moments: Columns | None = None
        count = len(encoding.columns)
        self._low, self._high = np.full(count, np.nan), np.full(count, np.nan)
        self._scores = _Every(2**62 if most is None else most)
        entries = max(1, sum(one.n_parts for one in encoding.columns))
        self.numbered: bool | None = None
        self._sample = _Every(2 * max(1, min(_KEPT, _ENTRIES // entries)))

    @property
    def n_rows(self) -> int:
        """Rows that have come."""
        return self._scores.n_rows

    @property
    def every(self) -> int:
        """Which rows are judged: every one, every second one, ..."""
        return self._scores.every

    def measure(self, found: Columns) -> None:
        """Take in where the columns of some encoded rows lie."""
        self._moments = found if self._moments is None else self._moments + found

    def add(
        self,
        pick: Pick,
        bounds: tuple[Array, Array],
        y: Any,
        probabilities: Array,
        weight: Array | None = None,
        numbers: Any = None,
    ) -> None:
        """Take in rows.

        Parameters
        ----------
        pick : callable
            Called with the places of some of these rows, returns their columns.
        bounds : tuple of two arrays of shape (c,)
            See `bounds_of`.
        y : integer array of shape (n,)
        probabilities : array of shape (n, K)
        weight : array of shape (n,), optional
            For all parts or for none.
        numbers : integer array of shape (n,), optional
            By default they are counted.
        """
        self._low, self._high = np.fmin(self._low, bounds[0]), np.fmax(self._high, bounds[1])
        n = len(y)
        first = self.n_rows
        self.numbered = numbers is not None
        rows = self._sample.next(n)
        numbered = first + rows if numbers is None else np.asarray(numbers)[rows]
        columns = pick(rows)
        pairs = zip(columns, self._encoding.columns, strict=True)
        own = [uniform(column, one) for column, one in pairs]
        self._sample.keep(_Rows(own, np.asarray(y)[rows], numbered))
        judged = self._scores.next(n)
        take: Any = slice(None) if judged.size == n else judged
        # With two classes the second says the first, but for the last bits: both are kept.
        self._scores.keep(
            _Scores(
                np.asarray(y)[take], probabilities[take], None if weight is None else weight[take]
            )
        )

    def judged(self, source: str, seen: bool | None) -> Judged:
        """All rows, or every k-th.

        Raises
        ------
        DataError
            If there is none, or all have the weight 0.
        """
        parts: list[_Scores] = self._scores.parts
        if not self.n_rows:
            raise DataError(f"{source}: there is no row that can be judged; give labelled rows")
        y = np.concatenate([part.y for part in parts]).astype(np.intp, copy=False)
        probabilities = _stacked([part.probabilities for part in parts])
        weights = [part.weight for part in parts if part.weight is not None]
        weight = np.concatenate(weights) if weights else None
        if weight is not None and not weight.any():
            raise DataError(f"{source}: all judged rows have the weight 0; give one weight")
        return Judged(source, seen, y, probabilities, weight)

    def spread(self) -> Spread:
        """Where the columns lie."""
        assert self._moments is not None  # noqa: S101
        columns = self._sampled().columns
        pairs = zip(columns, self._encoding.columns, strict=True)
        typical = tuple(_typical(column, one) for column, one in pairs)
        moments = self._moments
        return Spread(self._low, self._high, typical, moments.mean, moments.spread)

    def examples(self, unit: str) -> Examples:
        """Rows that the page carries: evenly spaced, as many as do not make it heavy."""
        rows = self._sampled()
        place = chosen_examples(rows.columns, rows.y.size)
        columns = tuple(some_rows(column, place) for column in rows.columns)
        y = rows.y[place].astype(np.intp)
        return Examples(rows.numbers[place].astype(np.intp), unit, columns, y, self.n_rows)

    def notes(self) -> tuple[str, ...]:
        """Say what was left out."""
        found: list[str] = []
        if self.every > 1:
            kept = sum(part.y.size for part in self._scores.parts)
            found.append(
                f"Judged by {kept:,} of {self.n_rows:,} rows, evenly spaced, for want of memory."
            )
        if self._sample.every > 1:
            kept = sum(part.y.size for part in self._sample.parts)
            found.append(
                f"The values that what-if begins with are the medians (or the most frequent "
                f"values) of {kept:,} of {self.n_rows:,} rows, evenly spaced."
            )
        return tuple(found)

    def _sampled(self) -> "_Rows":
        parts: list[_Rows] = self._sample.parts
        columns = [joined([part.columns[j] for part in parts]) for j in range(self._low.size)]
        y, numbers = (
            np.concatenate([getattr(p, name) for p in parts]) for name in ("y", "numbers")
        )
        return _Rows(columns, y, numbers)


class _Every:
    """Every k-th of rows that come in parts: k doubles where they grow too many.

    Parameters
    ----------
    most : int
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.n_rows, self.every = 0, 1
        self.parts: list[Any] = []

    def next(self, n: int) -> Whole:
        """Places of those of the next n rows that are to be kept."""
        while -(-(self.n_rows + n) // self.every) > self._most:
            self._halve()
        first = -self.n_rows % self.every
        self.n_rows += n
        return np.arange(first, n, self.every)

    def keep(self, part: Any) -> None:
        """Keep rows; it has `take`, a length, and may be none."""
        if len(part):
            self.parts.append(part)

    def _halve(self) -> None:
        self.every *= 2
        start, kept = 0, []
        for part in self.parts:
            own = part.take(np.arange(start % 2, len(part), 2))
            start += len(part)
            kept += [own] if len(own) else []
        self.parts = kept


class _Rows:
    """Some rows of the table, with class and number."""

    def __init__(self, columns: list[Column], y: Any, numbers: Any) -> None:
        self.columns, self.y, self.numbers = columns, y, numbers

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Whole) -> "_Rows":
        columns = [some_rows(column, rows) for column in self.columns]
        return _Rows(columns, self.y[rows], self.numbers[rows])


class _Scores:
    """Some rows as the model sees them."""

    def __init__(self, y: Any, probabilities: Array, weight: Array | None) -> None:
        self.y, self.probabilities, self.weight = y, probabilities, weight

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Whole) -> "_Scores":
        weight = None if self.weight is None else self.weight[rows]
        return _Scores(self.y[rows], self.probabilities[rows], weight)


_NONE = objects([])


def _stacked(parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _typical(column: Column, one: ColumnEncoding) -> Any:
    """Median of numbers, most frequent value of others; None where all are missing."""
    if one.kind == "category":
        there = column.codes[column.codes >= 0]
        return column.levels.tolist()[int(np.bincount(there).argmax())] if there.size else None
    known = column.values[~np.isnan(column.values)]
    if not known.size:
        return None
    if one.kind == "boolean":
        return bool(known.mean() > 0.5)
    return _median(known)


def _median(values: Array) -> float:
    """Median, which is finite though the sum of two values may not be."""
    middle = np.partition(values, [(values.size - 1) // 2, values.size // 2])
    low, high = middle[(values.size - 1) // 2], middle[values.size // 2]
    return float(0.5 * low + 0.5 * high) if low != high else float(low)
