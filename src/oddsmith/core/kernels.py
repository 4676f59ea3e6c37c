"""Block -> moments in plain NumPy: the readable truth that every faster kernel is held to.

A kernel is a frozen record of what to compute; called with a block, it returns sums that add.
`coef` is the design's coefficients, (q,) for one margin a row, (q, K) for K, intercept last.
`Z.times(w)` is Z @ w plus the intercept, `Z.transposed_times(e)` is Z.T @ e; a row's offset is
added to its margin. `Evaluate` is logistic regression; the rest serves solvers, proofs and scores.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.class_pairs import class_hessian, pair_sums
from oddsmith.core.columns import Columns, Standardisation, column_statistics
from oddsmith.core.loss import Labels, Loss
from oddsmith.core.matrix import DesignMatrix, design_matrix
from oddsmith.core.moments import LineMoments, Moments, VectorMoments
from oddsmith.core.stable import Array, softmax

__all__ = [
    "PLAIN",
    "Design",
    "Dual",
    "Evaluate",
    "Gram",
    "GramIn",
    "HessianDiagonal",
    "HessianProduct",
    "Kernels",
    "LargestRow",
    "Line",
    "Score",
    "ScoreMoments",
    "Weight",
]


@dataclass(frozen=True, slots=True)
class Design:
    """How rows become a design matrix: standardisation, and whether there is an intercept."""

    standardisation: Standardisation
    intercept: bool

    def __call__(self, block: Block) -> DesignMatrix:
        """Design matrix of a block; one that is ready is what it is, see `ready`."""
        if isinstance(block.X, DesignMatrix):
            return block.X
        return design_matrix(block.X, self.standardisation, self.intercept)


def _total(values: Array, weight: Array) -> float:
    """Weighted sum over rows, added in pairs: its error does not grow with the rows."""
    return float((weight * values).sum())


def _weighted(values: Array, weight: Array) -> Array:
    return values * (weight if values.ndim == 1 else weight[:, None])


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Loss, gradient and Hessian: sum_i s_i loss(z_i w + o_i, y_i) and its derivatives.

    With order 0 the value alone, 1 with the gradient Z'S slope, 2 with the Hessian
    Z'S diag(curvature) Z, flat in coef (Hastie, Tibshirani and Friedman, 2009, 4.4.1).
    """

    loss: Loss
    design: Design
    coef: Array
    order: int

    def __call__(self, block: Block) -> Moments:
        """Moments of a block."""
        Z = self.design(block)
        margin = Z.times(self.coef) + block.offset
        weight = float(block.weight.sum())
        if self.order == 0:
            return Moments(weight, _total(self.loss.value(margin, block.y), block.weight))
        losses, slope, curvature = self.loss.derivatives(margin, block.y)
        value = _total(losses, block.weight)
        gradient = Z.transposed_times(_weighted(slope, block.weight)).ravel()
        if self.order == 1:
            return Moments(weight, value, gradient)
        hessian = self._hessian(Z, margin, _weighted(curvature, block.weight), block.weight)
        return Moments(weight, value, gradient, hessian)

    def _hessian(self, Z: DesignMatrix, margin: Array, own: Array, weight: Array) -> Array:
        if own.ndim == 1:
            return Z.gram(own)
        q, K = self.coef.shape
        if Z.sparse:
            hessian = np.empty((q, K, q, K))
            for k, j, curvature in self.loss.curvatures(margin):
                hessian[:, k, :, j] = hessian[:, j, :, k] = Z.gram(weight * curvature)
            return hessian.reshape(q * K, q * K)
        a = softmax(margin).T
        pairs = [
            own[:, k] if j == k else -weight * a[k] * a[j] for k in range(K) for j in range(k + 1)
        ]
        rows = np.ascontiguousarray(Z.dense().T)
        return class_hessian(pair_sums(rows, np.array(pairs)), np.ones(len(rows)))


@dataclass(frozen=True, slots=True)
class HessianProduct:
    """Hessian at coef times a direction d, Z'S diag(curvature) (Z d), without the Hessian."""

    loss: Loss
    design: Design
    coef: Array
    direction: Array

    def __call__(self, block: Block) -> VectorMoments:
        """Hessian product of a block."""
        Z = self.design(block)
        margin = Z.times(self.coef) + block.offset
        product = self.loss.curvature_product(margin, Z.times(self.direction))
        return VectorMoments(Z.transposed_times(_weighted(product, block.weight)).ravel())


@dataclass(frozen=True, slots=True)
class HessianDiagonal:
    """Diagonal of the Hessian at coef: sum_i s_i curvature_ik z_ij^2, flat in coef."""

    loss: Loss
    design: Design
    coef: Array

    def __call__(self, block: Block) -> VectorMoments:
        """Diagonal of a block."""
        Z = self.design(block)
        curvature = self.loss.own_curvature(Z.times(self.coef) + block.offset)
        return VectorMoments(Z.squares_times(_weighted(curvature, block.weight)).ravel())


@dataclass(frozen=True, slots=True)
class Gram:
    """Z'S Z of shape (q, q), whose null space holds the aliased columns."""

    design: Design

    def __call__(self, block: Block) -> VectorMoments:
        """Gram matrix of a block."""
        return VectorMoments(self.design(block).gram(block.weight))


@dataclass(frozen=True, slots=True)
class GramIn:
    """V'Z'S Z V of shape (m, m): the Gram matrix in the directions that are V's columns.

    Formed from the products Z v, it is exact to the last digits even where Z v almost cancels,
    which Z'S Z is not. `directions` are the design's, (q, K, m), for K margins.
    """

    design: Design
    directions: Array

    def __call__(self, block: Block) -> VectorMoments:
        """Gram matrix of a block."""
        q, K, m = self.directions.shape
        moved = self.design(block).times(self.directions.reshape(q, K * m)).reshape(-1, K, m)
        weighted = moved * block.weight[:, None, None]
        return VectorMoments(np.einsum("ika,ikb->ab", moved, weighted))


@dataclass(frozen=True, slots=True)
class Line:
    """All that one pass along coef - length * direction can tell, see `LineMoments`.

    Without `proof` only values and reach are told; what is not told proves nothing.
    """

    loss: Loss
    design: Design
    coef: Array
    direction: Array
    lengths: tuple[float, ...]
    proof: bool = True

    def __call__(self, block: Block) -> LineMoments:
        """Add up a block along the line."""
        Z = self.design(block)
        margin, t = Z.times(self.coef) + block.offset, Z.times(self.direction)
        y, weight, counted = block.y, block.weight, block.weight > 0
        if not counted.all():
            y, weight, margin, t = y[counted], weight[counted], margin[counted], t[counted]
        values = self._values(margin, t, y, weight)
        reach = float(self.loss.reach(t).max(initial=0.0))
        if not self.proof:
            return LineMoments(values, np.inf, reach, -np.inf, np.inf)
        return LineMoments(
            values,
            _total(self.loss.divergence(margin, t), weight),
            reach,
            float(self.loss.lead(margin, y).min(initial=np.inf)),
            float(self.loss.reach(margin).max(initial=0.0)),
        )

    def _values(self, margin: Array, t: Array, y: Labels, weight: Array) -> Array:
        if margin.ndim == 1:
            there = margin - np.array(self.lengths)[:, None] * t
            return (weight * self.loss.value(there, y)).sum(axis=1)
        there = (margin - length * t for length in self.lengths)
        return np.array([_total(self.loss.value(one, y), weight) for one in there])


@dataclass(frozen=True, slots=True)
class Dual:
    """Loss part of the dual objective at y + scale (a' - y), for several scales.

    sum_i s_i (entropy(a''_i) + (a''_i - y_i) o_i), with a' the dual point of a direction (see
    `certificate`) and a'' = y + scale (a' - y): shrinking it towards the labels shrinks every
    Z'S (a'' - y) alike. Minus infinity where a'' is no probability.
    """

    loss: Loss
    design: Design
    coef: Array
    direction: Array
    scales: tuple[float, ...]

    def __call__(self, block: Block) -> VectorMoments:
        """Dual values of a block, one per scale."""
        Z = self.design(block)
        margin, t = Z.times(self.coef) + block.offset, Z.times(self.direction)
        pull = self.loss.slope(margin, block.y) - self.loss.curvature_product(margin, t)
        offset = (pull * block.offset).reshape(block.y.size, -1).sum(axis=1)
        counted = block.weight > 0
        values = [
            _total(
                (self.loss.dual_value(margin, t, block.y, scale) + scale * offset)[counted],
                block.weight[counted],
            )
            for scale in self.scales
        ]
        return VectorMoments(np.array(values))


@dataclass(frozen=True, slots=True)
class RowSizes:
    """How many rows count, and the largest of them: squared norm, and that times its weight."""

    rows: int
    square: float
    weighted: float

    def __add__(self, other: "RowSizes") -> "RowSizes":
        return RowSizes(
            self.rows + other.rows,
            max(self.square, other.square),
            max(self.weighted, other.weighted),
        )


@dataclass(frozen=True, slots=True)
class LargestRow:
    """Largest squared norm of a row of the design, on which a batch's curvature depends."""

    design: Design

    def __call__(self, block: Block) -> RowSizes:
        """Row sizes of a block."""
        counted = block.weight > 0
        squares = self.design(block).row_squares()[counted]
        weighted = block.weight[counted] * squares
        return RowSizes(
            int(counted.sum()), float(squares.max(initial=0.0)), float(weighted.max(initial=0.0))
        )


@dataclass(frozen=True, slots=True)
class Weight:
    """Weight of the rows."""

    def __call__(self, block: Block) -> Moments:
        """Weight of a block."""
        return Moments(float(block.weight.sum()), 0.0)


@dataclass(frozen=True, slots=True)
class ScoreMoments:
    """Weight, loss (nats) and correctly classified weight, summed over rows."""

    weight: float
    value: float
    correct: float

    def __add__(self, other: "ScoreMoments") -> "ScoreMoments":
        return ScoreMoments(
            self.weight + other.weight, self.value + other.value, self.correct + other.correct
        )


@dataclass(frozen=True, slots=True)
class Score:
    """Log loss and accuracy on any rows, such as a validation set."""

    loss: Loss
    design: Design
    coef: Array

    def __call__(self, block: Block) -> ScoreMoments:
        """Scores of a block."""
        margin = self.design(block).times(self.coef) + block.offset
        predicted = margin > 0 if margin.ndim == 1 else margin.argmax(axis=1)
        return ScoreMoments(
            float(block.weight.sum()),
            _total(self.loss.value(margin, block.y), block.weight),
            _total(predicted == block.y, block.weight),
        )


@dataclass(frozen=True, slots=True)
class Kernels:
    """The kernels that every pass of a fit runs, plain or compiled: same fields, same sums."""

    columns: Callable[[Block], Columns]
    evaluate: type[Evaluate]
    hessian_product: type[HessianProduct]
    line: type[Line]
    hessian_diagonal: type[HessianDiagonal] = HessianDiagonal


PLAIN = Kernels(column_statistics, Evaluate, HessianProduct, Line)
