"""Sparse columns held in memory, column by column, which more can join without a copy of them."""

from collections.abc import Callable, Sequence
from functools import reduce
from importlib import import_module
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np
import scipy.sparse as sp

from oddsmith.core.columns import Standardisation
from oddsmith.core.stable import Array

__all__ = ["SparseColumns", "cut"]

Indices = np.ndarray[Any, np.dtype[np.intp]]
Spread = Callable[[Callable[[Any], object], Sequence[Any]], None]

# Entries from which on work is shared among threads, and into how many parts; fewer where each
# part has a sum of its own over all rows.
_SPREAD_ENTRIES = 2**18
_PARTS, _SUMS = 8, 4


class SparseColumns:
    """Some columns of a CSR matrix, standardised, as CSC; a column of ones first, if wanted.

    Parameters
    ----------
    X : CSR array of shape (n, p)
    how : Standardisation
    ones : bool
    spread : callable
        See `ColumnSource.spread`.

    Attributes
    ----------
    starts, rows, values : arrays
        Of the columns in the order in which they came; `rows` and `values` have room for more.
    """

    def __init__(self, X: Any, how: Standardisation, ones: bool, spread: Spread) -> None:
        self._X, self._how, self._spread = X, how, spread
        self.n = int(X.shape[0])
        self.starts = np.zeros(1, dtype=np.uint64)
        # Room for all that can come; the system gives no memory before it is written to.
        room = int(X.nnz) + (self.n if ones else 0)
        self.rows, self.values = np.empty(room, dtype=np.uint32), np.empty(room)
        self._counts: Any = None
        self._by_row: Any = None
        if ones:
            self._append(np.array([self.n]))
            self.rows[: self.n], self.values[: self.n] = np.arange(self.n), 1.0

    @property
    def count(self) -> int:
        """Columns."""
        return self.starts.size - 1

    @property
    def entries(self) -> int:
        """Entries of all columns."""
        return int(self.starts[-1])

    def _append(self, counts: Any) -> None:
        """Make room for columns of so many entries."""
        ends = self.starts[-1] + np.cumsum(counts, dtype=np.uint64)
        self.starts = np.concatenate([self.starts, ends])
        have, need = self.values.size, self.entries
        if need > have:
            size = max(need, min(2 * have, have + self._X.nnz))
            self.rows = np.concatenate([self.rows, np.empty(size - have, dtype=np.uint32)])
            self.values = np.concatenate([self.values, np.empty(size - have)])
        self._by_row = None

    def take(self, features: Indices) -> None:
        """Let ascending columns of X join."""
        moved = self._how.center[features].any()
        if moved or not self._X.has_canonical_format:
            self._take_slowly(features)
            return
        X, fused = self._X, import_module("oddsmith.core.fused_columns")
        indices = X.indices.view(_unsigned(X.indices))
        slot = np.full(X.shape[1], -1, dtype=np.int32)
        slot[features] = np.arange(features.size)
        unit = np.ascontiguousarray(self._how.scale[features])
        parts, first = cut(self.n, X.nnz), self.count
        counts = self._counted(parts)[:, features].astype(np.uint64)

        def place(part: int) -> None:
            rows = parts[part]
            own = (X.indptr[rows.start : rows.stop + 1], indices, X.data, slot, unit)
            fused.place_picked(*own, rows.start, places[part], self.rows, self.values)

        self._append(counts.sum(axis=0))
        places = self.starts[first:-1] + np.cumsum(counts, axis=0) - counts
        self._spread(place, range(len(parts)))

    def _counted(self, parts: list[slice]) -> Any:
        """Entries of each column in parts of the rows, of shape (parts, p): counted once."""
        if self._counts is None:
            X, fused = self._X, import_module("oddsmith.core.fused_columns")
            counts = np.zeros((len(parts), X.shape[1]), dtype=np.uint32)

            def count(part: int) -> None:
                own = X.indptr[[parts[part].start, parts[part].stop]]
                fused.count(own, X.indices.view(_unsigned(X.indices)), counts[part])

            self._spread(count, range(len(parts)))
            self._counts = counts
        return self._counts

    def _take_slowly(self, features: Indices) -> None:
        """Take columns that are centred, and so have no zeros, or whose entries are repeated."""
        columns = self._X[:, features].tocsc()
        columns.sum_duplicates()
        scale, center = self._how.scale[features], self._how.center[features]
        for i in range(features.size):
            own = slice(columns.indptr[i], columns.indptr[i + 1])
            rows, values = columns.indices[own], columns.data[own] / scale[i]
            if center[i]:
                whole = np.full(self.n, -center[i] / scale[i])
                whole[rows] += values
                rows, values = np.arange(self.n), whole
            at = self.entries
            self._append(np.array([rows.size]))
            self.rows[at : self.entries], self.values[at : self.entries] = rows, values

    def whole_transposed_times(self, R: Array) -> Array:
        """Z'R of all columns of X, of shape (p, K): sums of parts of the rows, added in order."""
        X, fused = self._X, import_module("oddsmith.core.fused_descent")
        parts = cut(self.n, X.nnz, _SUMS)
        sums = [np.zeros((X.shape[1], R.shape[1])) for _ in parts]

        def add_up(part: int) -> None:
            rows = parts[part]
            starts = X.indptr[rows.start : rows.stop + 1]
            own = (starts, X.indices.view(_unsigned(X.indices)), X.data)
            fused.pull(*own, R[rows], sums[part])

        self._spread(add_up, range(len(parts)))
        out = np.asarray(reduce(add, sums), dtype=np.float64)
        moved = np.flatnonzero(self._how.center)
        if moved.size:  # few, and nearly full: differences keep their digits
            out[moved] = (X[:, moved].toarray() - self._how.center[moved]).T @ R
        return np.divide(out, self._how.scale[:, None])

    def times(self, D: Array) -> Array:
        """Z D of shape (n, K), for D of shape (columns, K): sums of parts, added in order."""
        fused = import_module("oddsmith.core.fused_columns")
        parts = self._parts(_SUMS)
        sums = [np.zeros((D.shape[1], self.n)) for _ in parts]

        def add_up(part: int) -> None:
            own = parts[part]
            starts = self.starts[own.start : own.stop + 1]
            fused.times(starts, self.rows, self.values, D[own], sums[part])

        self._spread(add_up, range(len(parts)))
        return np.ascontiguousarray(reduce(add, sums).T)

    def transposed_times(self, R: Array) -> Array:
        """Z'R of shape (columns, K), for R of shape (n, K)."""
        fused = import_module("oddsmith.core.fused_columns")
        out, by_class = np.empty((self.count, R.shape[1])), np.ascontiguousarray(R.T)

        def add_up(own: slice) -> None:
            starts = self.starts[own.start : own.stop + 1]
            fused.transposed_times(starts, self.rows, self.values, by_class, out[own])

        self._spread(add_up, self._parts(_PARTS))
        return out

    def scaled(self, weight: Array) -> tuple[Any, Array, Array]:
        """Columns of S = diag(s) Z in float32, s^2 = weight, their squares and their products S's.

        Returns
        -------
        tuple of arrays of shapes (entries,), (columns,), (columns,)
        """
        fused = import_module("oddsmith.core.fused_columns")
        root, S = np.sqrt(weight).astype(np.float32), np.empty(self.entries, dtype=np.float32)
        squares, sums = np.empty(self.count), np.empty(self.count)

        def fill(own: slice) -> None:
            starts = self.starts[own.start : own.stop + 1]
            fused.scale(starts, self.rows, self.values, root, S, squares[own], sums[own])

        self._spread(fill, self._parts(_PARTS))
        return S, squares, sums

    def by_row(self) -> Any:
        """Make a CSR array of the same columns, in ascending order in each row."""
        if self._by_row is None:
            whole, memory = self.entries, (self.values, self.rows.view(np.int32))
            own = (memory[0][:whole], memory[1][:whole], self.starts.astype(np.int64))
            columns: Any = sp.csc_array(own, shape=(self.n, self.count))
            self._by_row = columns.tocsr()
        return self._by_row

    def dense(self, slots: Indices) -> Array:
        """Copy some columns, each as a row: shape (columns, n)."""
        out = np.zeros((slots.size, self.n))
        for i, slot in enumerate(slots):
            own = slice(int(self.starts[slot]), int(self.starts[slot + 1]))
            out[i, self.rows[own]] = self.values[own]
        return out

    def _parts(self, most: int) -> list[slice]:
        """Columns with about as many entries in each part, by the entries alone."""
        count = 1 if self.entries < _SPREAD_ENTRIES else most
        ends = np.arange(1, count, dtype=np.float64) * (self.entries / count)
        cuts = [0, *np.searchsorted(self.starts, ends).tolist(), self.count]
        return [slice(a, b) for a, b in pairwise(cuts) if a < b] or [slice(0, 0)]


def cut(size: int, entries: int, most: int = _PARTS) -> list[slice]:
    """Parts of a range for the threads, by shape alone; one where that is no work."""
    count = 1 if entries < _SPREAD_ENTRIES else most
    width = -(-size // (8 * count)) * 8
    return [
        slice(first, min(first + width, size)) for first in range(0, max(size, 1), max(width, 1))
    ]


def _unsigned(indices: Any) -> Any:
    return np.uint32 if indices.dtype.itemsize == 4 else np.uint64
