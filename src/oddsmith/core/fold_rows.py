"""Folds of a cross-validation that travel with the labels, and kernels over the rows of some.

    y = class + K * fold

in all K classes: so any source hands the folds out, and nothing of the rows is copied or kept a
second time. A kernel over the rows outside a fold, or inside, is one over all rows that takes those
of each block; kernels of several folds share a read.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.columns import Columns
from oddsmith.core.kernels import Design
from oddsmith.core.loss import Binomial, Labels, Multinomial
from oddsmith.core.scoring import class_index
from oddsmith.core.stable import Array

__all__ = [
    "ByLabel",
    "ColumnsByLabel",
    "FoldJob",
    "HeldOut",
    "HeldOutMoments",
    "Jobs",
    "Relabelled",
    "Sums",
    "part_labels",
]


def part_labels(n_folds: int) -> Labels:
    """Give what `core.each` takes for each label of two classes, of shape (2 F,).

    Part f < F is of the rows outside fold f, part F + f of those inside.

    Examples
    --------
    >>> part_labels(2)
    array([12, 13, 18, 19])
    """
    every = (1 << n_folds) - 1
    bits = [every - (1 << f) + (1 << n_folds + f) for f in range(n_folds)]
    return np.array([k + 2 * own for own in bits for k in range(2)], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Relabelled:
    """Kernel that gets other labels than the blocks have.

    Attributes
    ----------
    kernel : callable
    labels : integer array of shape (K F,)
        In place of each.
    """

    kernel: Callable[[Block], Any]
    labels: Labels

    @property
    def tiled(self) -> bool:
        """Whether long blocks are welcome."""
        return getattr(self.kernel, "tiled", False)

    def __call__(self, block: Block) -> Any:
        """Sum of a block."""
        return self.kernel(replace(block, y=self.labels[block.y]))


@dataclass(frozen=True, slots=True)
class FoldJob:
    """A kernel over the rows outside a fold.

    Attributes
    ----------
    kernel : callable
    fold : int
    """

    kernel: Callable[[Block], Any]
    fold: int


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums apart; one that is None has no row yet."""

    each: tuple[Any, ...]

    def __add__(self, other: Self) -> "Sums":
        return Sums(tuple(map(_sum, self.each, other.each)))


def _sum(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return right if left is None else left
    return left + right


@dataclass(frozen=True, slots=True)
class Jobs:
    """Kernels of several folds in one read.

    Attributes
    ----------
    jobs : tuple of FoldJob
    n_classes : int
    """

    jobs: tuple[FoldJob, ...]
    n_classes: int

    @property
    def tiled(self) -> bool:
        """Whether long blocks are welcome to all."""
        return all(getattr(job.kernel, "tiled", False) for job in self.jobs)

    def __call__(self, block: Block) -> Sums:
        """Add up a block."""
        folds = block.y // self.n_classes
        classes = (block.y % self.n_classes).astype(np.int8 if self.n_classes < 127 else np.int32)
        own = replace(block, y=classes)
        outside = {job.fold: np.flatnonzero(folds != job.fold) for job in self.jobs}
        taken = {fold: _taken(own, rows) for fold, rows in outside.items() if rows.size}
        return Sums(
            tuple(job.kernel(taken[job.fold]) if job.fold in taken else None for job in self.jobs)
        )


def _taken(block: Block, rows: Any) -> Block:
    """Rows of a block, ascending; no copy of all, or of dense ones that follow each other."""
    if rows.size == block.y.size:
        return block
    if rows[-1] - rows[0] + 1 == rows.size:
        rows = slice(int(rows[0]), int(rows[-1]) + 1)
    return Block(block.X[rows], block.y[rows], block.weight[rows], block.offset[rows])


@dataclass(frozen=True, slots=True)
class ColumnsByLabel:
    """Where the columns lie, apart for the rows of each label."""

    found: dict[int, Columns]

    def __add__(self, other: Self) -> "ColumnsByLabel":
        both = dict(self.found)
        for label, columns in other.found.items():
            both[label] = both[label] + columns if label in both else columns
        return ColumnsByLabel(both)


@dataclass(frozen=True, slots=True)
class ByLabel:
    """Kernel of `ColumnsByLabel`.

    Attributes
    ----------
    columns : callable
        Block -> Columns.
    """

    columns: Callable[[Block], Columns]

    def __call__(self, block: Block) -> ColumnsByLabel:
        """Columns of a block, label by label."""
        labels = np.unique(block.y).tolist()
        found = {
            label: self.columns(_taken(block, np.flatnonzero(block.y == label))) for label in labels
        }
        return ColumnsByLabel(found)


@dataclass(frozen=True, slots=True)
class HeldOutMoments:
    """How well fits do on the rows inside their folds, of shape (F, M) each.

    Attributes
    ----------
    losses : array
        Weighted losses (nats).
    correct : array
        Weight of the rows whose class is the most probable one.
    """

    losses: Array
    correct: Array

    def __add__(self, other: Self) -> "HeldOutMoments":
        return HeldOutMoments(self.losses + other.losses, self.correct + other.correct)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Scores of M fits a fold on the rows inside it.

    Attributes
    ----------
    design : Design
    coefs : array of shape (F, M, q) or (F, M, q, K)
        Intercepts last.
    n_classes : int
    factors : array of shape (K,), or None
        Of the classes, in the weights of the fits; scores go without.
    """

    design: Design
    coefs: Array
    n_classes: int
    factors: Array | None = None

    def __call__(self, block: Block) -> HeldOutMoments:
        """Scores of a block."""
        shape = self.coefs.shape[:2]
        found = HeldOutMoments(np.zeros(shape), np.zeros(shape))
        folds = block.y // self.n_classes
        for fold in np.unique(folds).tolist():
            self._score(_taken(block, np.flatnonzero(folds == fold)), fold, found)
        return found

    def _score(self, block: Block, fold: int, found: HeldOutMoments) -> None:
        """Fill in what the rows of one fold say."""
        y = block.y % self.n_classes
        weight = block.weight if self.factors is None else block.weight / self.factors[y]
        Z = self.design(block)
        loss = Binomial() if self.n_classes == 2 else Multinomial()
        for m, coef in enumerate(self.coefs[fold]):
            margin = Z.times(np.ascontiguousarray(coef)) + block.offset
            found.losses[fold, m] = (weight * loss.value(margin, y)).sum()
            found.correct[fold, m] = (weight * (class_index(margin) == y)).sum()
