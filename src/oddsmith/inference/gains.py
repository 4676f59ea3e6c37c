"""How far each row's own margin moves ahead of the others along a direction: what separation is.

    gain_ik(d) = z_i' (d_{y_i} - d_k),   k != y_i

One pass tells which rows lose, which gain, and which are tied.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.kernels import Design
from oddsmith.core.loss import Labels
from oddsmith.core.matrix import DesignMatrix
from oddsmith.core.moments import VectorMoments
from oddsmith.core.stable import Array

__all__ = ["Aim", "Cuts", "Flags", "Gains", "Look", "Support", "SupportOf", "gains_along"]

Flags = np.ndarray[Any, np.dtype[np.bool_]]

# A gain smaller than this part of its terms is rounding, or a tie.
_TIE = 2.0**-36


@dataclass(frozen=True, slots=True)
class Gains:
    """Gains of a block's rows along a direction, in the scale of their terms.

    `sizes` are what rounding is told by: the sum of the terms' absolute values.
    """

    values: Array
    sizes: Array


def gains_along(Z: DesignMatrix, y: Labels, direction: Array) -> Gains:
    """Gains of shape (n, K - 1), and the sizes of their terms; (n, 1) for one margin."""
    entries = DesignMatrix(abs(Z.Z), Z.intercept)
    margins, sizes = Z.times(direction), entries.times(np.abs(direction))
    n, K = margins.shape
    if K == 1:
        return Gains((2.0 * y - 1.0)[:, None] * margins, sizes)
    others = np.arange(K) != y[:, None]
    own, size = margins[np.arange(n), y][:, None], sizes[np.arange(n), y][:, None]
    return Gains(
        (own - margins)[others].reshape(n, K - 1), (size + sizes)[others].reshape(n, K - 1)
    )


@dataclass(frozen=True, slots=True)
class Cuts:
    """What one pass along a direction shows: the worst rows, and whether any row gains."""

    rows: tuple[Array, ...]
    loss: float
    gaining: int
    tied: int

    def __add__(self, other: Self) -> "Cuts":
        return Cuts(
            self.rows + other.rows,
            min(self.loss, other.loss),
            self.gaining + other.gaining,
            self.tied + other.tied,
        )


@dataclass(frozen=True, slots=True)
class Look:
    """Fold to `Cuts`: constraints gain >= wanted that a direction breaks, the worst of a block.

    `wanted` is 0, or with `support` 1 for rows that gain along it, and 0 for the others.
    """

    design: Design
    direction: Array
    support: Array | None
    most: int

    def __call__(self, block: Block) -> Cuts:
        """Look at a block."""
        Z, counted = self.design(block), block.weight > 0
        gains = gains_along(Z, block.y, self.direction)
        wanted = np.zeros_like(gains.values)
        if self.support is not None:
            there = gains_along(Z, block.y, self.support)
            wanted = np.where(there.values > _TIE * there.sizes, _reach(Z), 0.0)
        missing = wanted - gains.values
        broken = (missing > _TIE * np.maximum(gains.sizes, wanted)) & counted[:, None]
        row, pair = np.nonzero(broken)
        depth = missing[row, pair]
        if row.size > self.most:
            worst = np.argsort(-depth / _reach(Z)[row, 0])[: self.most]
            row, pair = row[worst], pair[worst]
        cuts = _differences(Z, block.y, row, pair, self.direction.shape)
        gaining = (gains.values > _TIE * gains.sizes)[counted]
        return Cuts(
            (np.column_stack([cuts, wanted[row, pair]]),),
            -float(depth.max(initial=0.0)),
            int(gaining.any(axis=1).sum()),
            int((~gaining.all(axis=1)).sum()),
        )


def _reach(Z: DesignMatrix) -> Array:
    """Largest entry of each row, of shape (n, 1)."""
    if Z.Z.shape[1] == 0:
        return np.ones((Z.Z.shape[0], 1))
    largest = abs(Z.Z).max(axis=1)
    largest = largest.toarray().ravel() if Z.sparse else largest
    return np.maximum(largest, 1.0 if Z.intercept else 1e-300)[:, None]


def _differences(Z: DesignMatrix, y: Labels, row: Any, pair: Any, shape: Any) -> Array:
    """Rows g with gain = g' d, of shape (m, size)."""
    rows = DesignMatrix(Z.Z[row], Z.intercept).dense()
    if shape[1] == 1:
        return (2.0 * y[row] - 1.0)[:, None] * rows
    own = y[row].astype(int)
    table = np.zeros((row.size, *shape))
    each = np.arange(row.size)
    table[each, :, own] = rows
    table[each, :, pair + (pair >= own)] = -rows
    return table.reshape(row.size, shape[0] * shape[1])


@dataclass(frozen=True, slots=True)
class Aim:
    """Sum of g / reach over the pairs that do not gain along a direction yet."""

    design: Design
    direction: Array

    def __call__(self, block: Block) -> VectorMoments:
        """Sum of a block."""
        Z = self.design(block)
        gains = gains_along(Z, block.y, self.direction)
        left = (gains.values <= _TIE * gains.sizes) & (block.weight > 0)[:, None]
        share = left / _reach(Z)
        if self.direction.shape[1] == 1:
            slope = (share[:, 0] * (2.0 * block.y - 1.0))[:, None]
            return VectorMoments(Z.transposed_times(slope).ravel())
        n, K = block.y.size, self.direction.shape[1]
        slope = np.zeros((n, K))
        slope[np.arange(K) != block.y[:, None]] = -share.ravel()
        slope[np.arange(n), block.y] = share.sum(axis=1)
        return VectorMoments(Z.transposed_times(slope).ravel())


@dataclass(frozen=True, slots=True)
class Support:
    """Which rows gain in all their pairs (complete) along a direction; joined by `+`."""

    rows: tuple[Flags, ...]

    def __add__(self, other: Self) -> "Support":
        return Support(self.rows + other.rows)


@dataclass(frozen=True, slots=True)
class SupportOf:
    """Fold to `Support` along a direction of shape (q, width)."""

    design: Design
    direction: Array

    def __call__(self, block: Block) -> Support:
        """Rows of a block."""
        gains = gains_along(self.design(block), block.y, self.direction)
        gaining: Flags = np.any(gains.values > _TIE * gains.sizes, axis=1)
        return Support((gaining[block.weight > 0],))
