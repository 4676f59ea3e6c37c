"""Folds of rows in parts: which fold a row is in follows from the counts of the parts before it.

As scikit-learn shares out the rows without a shuffle, so that folds are those of the same rows in
memory: class by class in the order of the rows, or all rows in a piece for each fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Self

import numpy as np

from oddsmith.core.loss import Labels
from oddsmith.core.parts import Part
from oddsmith.core.stable import Array

__all__ = ["ClassCounts", "CountClasses", "WithFolds", "piece_sizes", "stratified_sizes"]

Counts = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Rows of each class, part by part; it adds, in the order of the parts.

    Attributes
    ----------
    counts : tuple of integer arrays of shape (K,)
        Of each part, rows of weight 0 included.
    firsts : tuple of integer arrays of shape (K,)
        First row of each class in the part; its number of rows where there is none.
    """

    counts: tuple[Counts, ...]
    firsts: tuple[Counts, ...]

    def __add__(self, other: Self) -> "ClassCounts":
        return ClassCounts(self.counts + other.counts, self.firsts + other.firsts)

    @property
    def total(self) -> Counts:
        """Rows of each class in all, of shape (K,)."""
        return np.sum(self.counts, axis=0)

    @property
    def order(self) -> list[int]:
        """Classes in the order in which they first come."""
        first = dict[int, tuple[int, int]]()
        for part, (counts, firsts) in enumerate(zip(self.counts, self.firsts, strict=True)):
            for k in np.flatnonzero(counts).tolist():
                first.setdefault(k, (part, int(firsts[k])))
        return sorted(first, key=first.__getitem__)


@dataclass(frozen=True, slots=True)
class CountClasses:
    """Counts a part, whose rows have `labels`: a kernel to fold.

    Attributes
    ----------
    n_classes : int
    """

    n_classes: int

    def __call__(self, part: Part, threads: int) -> ClassCounts:
        """Count the rows of a part."""
        y = part.rows.labels()
        firsts = np.full(self.n_classes, y.size, dtype=np.int64)
        there, first = np.unique(y, return_index=True)
        firsts[there] = first
        return ClassCounts((np.bincount(y, minlength=self.n_classes).astype(np.int64),), (firsts,))


def stratified_sizes(total: Counts, order: Sequence[int], n_folds: int) -> Counts:
    """Rows of each class in each fold, of shape (K, F), as scikit-learn's StratifiedKFold has them.

    Parameters
    ----------
    total : integer array of shape (K,)
    order : list of int
        Classes in the order in which they first come.
    n_folds : int

    Examples
    --------
    >>> stratified_sizes(np.array([5, 3]), [1, 0], 2)
    array([[2, 3],
           [2, 1]])
    """
    found = np.zeros((total.size, n_folds), dtype=np.int64)
    start = 0
    for k in order:
        # Sorted by class, rows go to the folds in turn: row i to fold i modulo F.
        ends = start + int(total[k])
        folds = np.arange(n_folds)
        found[k] = -((folds - ends) // n_folds) + ((folds - start) // n_folds)
        start = ends
    return found


def piece_sizes(n_rows: int, n_folds: int) -> Counts:
    """Rows of each fold, of shape (F,), as scikit-learn's KFold has them.

    Examples
    --------
    >>> piece_sizes(11, 3)
    array([4, 4, 3])
    """
    sizes = np.full(n_folds, n_rows // n_folds, dtype=np.int64)
    sizes[: n_rows % n_folds] += 1
    return sizes


@dataclass(frozen=True, slots=True)
class WithFolds:
    """Gives the rows of a part labels that carry their folds, see `core.fold_rows`.

    Attributes
    ----------
    counts : tuple of integer arrays of shape (K,)
        Of each part.
    sizes : integer array of shape (K, F), or (F,)
        Rows of each fold, class by class or in one piece.
    """

    counts: tuple[Counts, ...]
    sizes: Counts

    def __call__(self, part: Part) -> Any:
        """Label a part."""
        y = part.rows.labels()
        K, F = self.counts[0].size, self.sizes.shape[-1]
        kind = np.int8 if K * F < 127 else np.int32
        folds = self._folds(part.number, y).astype(kind)
        return part.rows.with_labels(y.astype(kind) + kind(K) * folds, K * F)

    def _folds(self, number: int, y: Labels) -> Labels:
        """Fold of each row of a part."""
        before = np.sum([np.zeros_like(self.counts[0]), *self.counts[:number]], axis=0)
        if self.sizes.ndim == 1:
            return _fold_of(int(before.sum()) + np.arange(y.size), self.sizes)
        folds = np.zeros(y.size, dtype=np.int64)
        for k, sizes in enumerate(self.sizes):
            rows = np.flatnonzero(y == k)
            folds[rows] = _fold_of(int(before[k]) + np.arange(rows.size), sizes)
        return folds


def _fold_of(places: Array, sizes: Counts) -> Labels:
    """Fold of rows by their place among those that are shared out."""
    ends = list(accumulate(sizes.tolist()))
    return np.searchsorted(np.array(ends), places, side="right")
