"""Sparse blocks for `compiled`: the sums of the plain kernels from CSR rows as they are stored.

Nothing is copied: indices are read as unsigned integers, scales, which are powers of two, are
carried by the coefficients, and nothing is centred. What is not told of here, Hessians and
columns so far from zero that they are centred, is left to the plain kernels: each function
returns None where it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from oddsmith.core import fused_margins, fused_sparse, kernels
from oddsmith.core.block import Block
from oddsmith.core.columns import Columns
from oddsmith.core.kernels import Design
from oddsmith.core.loss import Binomial
from oddsmith.core.moments import LineMoments, Moments, VectorMoments
from oddsmith.core.stable import Array

__all__ = [
    "View",
    "column_statistics",
    "evaluate",
    "hessian_diagonal",
    "hessian_product",
    "line",
    "unless_all",
]

_LARGEST_SCALE = 2.0**300
# Squares outside of this have lost digits, or will when they are added.
_LEAST_SQUARE, _MOST_SQUARE = 2.0**-900, 2.0**900
# Of the mean square, what is left of a column about its mean has lost digits below this.
_CANCELLED = 2.0**-6
# Entries and margins of a part of a block that is read twice.
_PART = 2**16


@dataclass(frozen=True, slots=True)
class _Rows:
    """A sparse block as compiled code takes it; `weight` and `offset` are empty if usual."""

    data: Any
    indices: Any
    indptr: Any
    y: Any
    weight: Array
    offset: Array
    unit: Array
    intercept: bool

    @property
    def arrays(self) -> tuple[Any, ...]:
        """Arguments of the loops for one margin."""
        return self.data, self.indices, self.indptr, self.y, self.weight, self.offset

    def inward(self, coef: Array) -> tuple[Array, Any]:
        """Coefficients and intercept for the entries as they are stored."""
        w, b = (coef[:-1], coef[-1]) if self.intercept else (coef, 0.0 * coef[:1].sum(axis=0))
        return np.ascontiguousarray((w.T * self.unit).T), b

    def outward(self, sums: Array) -> Array:
        """Turn sums over the entries as they are stored into sums over the design's rows."""
        entries = sums[: self.unit.size].T
        np.multiply(entries, self.unit, out=entries)
        return sums.ravel()

    def parts(self, width: int) -> Iterator["_Rows"]:
        """Rows in parts that stay in the cache while `width` more numbers a row are formed."""
        n = self.y.size
        size = max(64, _PART // (self.data.size // max(1, n) + width))
        for first in range(0, n, size):
            rows = slice(first, first + size)
            yield replace(
                self,
                indptr=self.indptr[first : first + size + 1],
                y=self.y[rows],
                weight=self.weight[rows],
                offset=self.offset[rows],
            )

    def times(self, w: Array, b: Array) -> Array:
        """Margins of shape (K, n), offsets left out, of what `inward` gives."""
        margin = np.empty((w.shape[1], self.y.size))
        fused_sparse.times(self.data, self.indices, self.indptr, w, b, margin)
        return margin

    def margins(self, w: Array, b: Array) -> Array:
        """Margins of shape (K, n), of what `inward` gives."""
        margin = self.times(w, b)
        if self.offset.size:
            margin += self.offset.T  # broadcast, of one margin
        return margin

    def add_up(self, slope: Array, sums: Array) -> None:
        """Add the stored rows times slopes of shape (K, n), to sums of shape (q, K)."""
        fused_sparse.transposed_times(self.data, self.indices, self.indptr, slope, sums)
        if self.intercept:
            sums[-1] += slope.sum(axis=1)


def _rows(block: Block, design: Design) -> _Rows | None:
    """Rows for compiled code; None where it is not made for them."""
    how, X = design.standardisation, block.X
    if 0 in X.shape or how.centred or not how.largest < _LARGEST_SCALE:
        return None
    rows = _stored(block, how.unit, design.intercept)
    # Rows of weight 0 are left out of blocks, but for a block that has no other.
    return None if rows is None or not block.weight.all() else rows


def _stored(block: Block, unit: Array, intercept: bool) -> _Rows | None:
    X = block.X
    if not (X.data.dtype.isnative and X.data.dtype.kind == "f" and X.data.dtype.itemsize >= 4):
        return None
    return _Rows(
        _writeable(X.data),
        _writeable(X.indices).view(f"u{X.indices.itemsize}"),
        _writeable(X.indptr).view(f"u{X.indptr.itemsize}"),
        block.y,
        unless_all(block.weight, 1.0),
        unless_all(block.offset, 0.0),
        unit,
        intercept,
    )


@dataclass(frozen=True, slots=True)
class View:
    """Memory of an array, told to NumPy by its array interface."""

    __array_interface__: dict[str, Any]
    owner: Any


def _writeable(array: Any) -> Any:
    """Array as one that could be written to, which no loop does: else each is compiled again."""
    if array.flags.writeable:
        return array
    told = dict(array.__array_interface__)
    told["data"] = (told["data"][0], False)
    return np.asarray(View(told, array))


def unless_all(numbers: Array, usual: float) -> Array:
    """Numbers of the rows, contiguous; empty where one usual number is told for all of them."""
    if not any(numbers.strides) and numbers.flat[0] == usual:
        return np.empty((0,) * numbers.ndim)
    return np.ascontiguousarray(numbers, dtype=np.float64)


def evaluate(kernel: kernels.Evaluate, block: Block) -> Moments | None:
    """Moments of order 0 or 1."""
    rows = _rows(block, kernel.design) if kernel.order < 2 else None
    if rows is None:
        return None
    weight = float(block.weight.sum())
    gradient = np.zeros(kernel.coef.shape if kernel.order else (0, *kernel.coef.shape[1:]))
    w, b = rows.inward(kernel.coef)
    if isinstance(kernel.loss, Binomial):
        value = fused_sparse.evaluate(*rows.arrays, w, b, gradient)
    else:
        parts = rows.parts(kernel.coef.shape[1])
        value = sum(_multinomial(part, w, b, gradient) for part in parts)
    return Moments(weight, value, rows.outward(gradient) if kernel.order else np.empty(0))


def _multinomial(rows: _Rows, w: Array, b: Array, gradient: Array) -> float:
    """Sum of the losses of K margins; adds to the gradient, unless it is empty."""
    margin = rows.margins(w, b)
    e, largest, others = _softmax_of(margin)
    if gradient.size:
        slope = np.empty_like(margin)
        fused_margins.slopes(e, rows.y, rows.weight, others, slope)
        rows.add_up(slope, gradient)
    return float(fused_margins.losses(margin, rows.y, rows.weight, largest, others))


def line(kernel: kernels.Line, block: Block) -> LineMoments | None:
    """Losses along a direction, and the sums of the certificate."""
    rows = _rows(block, kernel.design)
    if rows is None:
        return None
    lengths, values = np.array(kernel.lengths), np.zeros(len(kernel.lengths))
    there = *rows.inward(kernel.coef), *rows.inward(kernel.direction)
    if isinstance(kernel.loss, Binomial):
        found = fused_sparse.walk(*rows.arrays, *there, lengths, values, np.empty(0))
        return LineMoments(values, *found)
    parts = rows.parts(kernel.coef.shape[1])
    return reduce(add, (_multinomial_line(part, *there, kernel.lengths) for part in parts))


def _multinomial_line(
    rows: _Rows, w: Array, b: Array, direction: Array, shift: Array, lengths: tuple[float, ...]
) -> LineMoments:
    margin, moved = rows.margins(w, b), rows.times(direction, shift)
    e, _, others = _softmax_of(margin)
    found = fused_margins.along(
        margin, moved, rows.y, rows.weight, e, others, np.empty_like(margin)
    )
    values: list[float] = []
    for length in lengths:
        along = margin - length * moved
        _, largest, others = _softmax_of(along)
        values.append(fused_margins.losses(along, rows.y, rows.weight, largest, others))
    return LineMoments(np.array(values), *found)


def hessian_product(kernel: kernels.HessianProduct, block: Block) -> VectorMoments | None:
    """Hessian times a direction."""
    rows = _rows(block, kernel.design)
    if rows is None:
        return None
    product = np.zeros(kernel.coef.shape)
    w, b = rows.inward(kernel.coef)
    direction, shift = rows.inward(kernel.direction)
    if isinstance(kernel.loss, Binomial):
        there = w, b, direction, shift
        fused_sparse.walk(*rows.arrays, *there, np.empty(0), np.empty(0), product)
        return VectorMoments(rows.outward(product))
    for part in rows.parts(kernel.coef.shape[1]):
        margin, moved = part.margins(w, b), part.times(direction, shift)
        e, _, others = _softmax_of(margin)
        curved = np.empty_like(margin)
        fused_margins.along(margin, moved, part.y, part.weight, e, others, curved)
        part.add_up(curved, product)
    return VectorMoments(rows.outward(product))


def hessian_diagonal(kernel: kernels.HessianDiagonal, block: Block) -> VectorMoments | None:
    """Diagonal of the Hessian, of rows in which no column comes twice."""
    rows = _rows(block, kernel.design)
    if rows is None or not fused_sparse.sorted_once(rows.indices, rows.indptr):
        return None
    K = 1 if kernel.coef.ndim == 1 else kernel.coef.shape[1]
    diagonal = np.zeros((kernel.coef.shape[0], K))
    w, b = rows.inward(kernel.coef.reshape(-1, K))
    for part in rows.parts(K):
        margin = part.margins(w, b)
        curvature = kernel.loss.own_curvature(margin[0] if kernel.coef.ndim == 1 else margin.T)
        weighted = np.ascontiguousarray(curvature.reshape(-1, K).T)
        if part.weight.size:
            weighted *= part.weight
        fused_sparse.squares_times(part.data, part.indices, part.indptr, weighted, diagonal)
        if rows.intercept:
            diagonal[-1] += weighted.sum(axis=1)
    rows.outward(diagonal)
    return VectorMoments(rows.outward(diagonal))


def _softmax_of(margin: Array) -> tuple[Array, Array, Array]:
    n = margin.shape[1]
    e, largest, others = np.empty_like(margin), np.empty(n), np.empty(n)
    fused_margins.softmax(margin, e, largest, others)
    return e, largest, others


def column_statistics(block: Block) -> Columns | None:
    """Statistics of the columns, see `columns.column_statistics`.

    The spread is that of the entries, and of the zeros that are not stored, about the mean. From
    the mean square it is known to all but a few digits where the mean is not large beside it;
    other columns are read once more.
    """
    X = block.X
    rows = None if 0 in X.shape or not block.weight.all() else _stored(block, np.empty(0), False)
    if rows is None:
        return None
    p = X.shape[1]
    arrays = rows.data, rows.indices, rows.indptr, rows.weight
    if not fused_sparse.sorted_once(rows.indices, rows.indptr):
        return None
    sums = np.zeros((p, 4))
    sums[:, 2], sums[:, 3] = np.inf, -np.inf
    fused_sparse.statistics(*arrays, sums)
    total, squares, low, high = np.ascontiguousarray(sums.T)
    nothing = (squares == 0.0) & ((low > high) | (low == 0.0) & (high == 0.0))
    # Sums that are no numbers, or squares out of range, are for the kernel that scales first.
    if not (nothing | (squares > _LEAST_SQUARE) & (squares < _MOST_SQUARE)).all():
        return None
    weight = float(block.weight.sum())
    empty = np.ones(p, dtype=bool)
    empty[fused_sparse.full_columns(rows.indices, rows.indptr)] = False
    np.minimum(low, 0.0, out=low, where=empty)
    np.maximum(high, 0.0, out=high, where=empty)
    total /= weight
    squares /= weight
    mean = np.clip(total, low, high, out=total)
    square: Array = squares - mean * mean
    near = square < _CANCELLED * squares
    if near.any():
        about = np.zeros((p, 2))
        fused_sparse.spreads(*arrays, mean, near, about)
        rest = np.where(empty, np.maximum(weight - about[:, 1], 0.0), 0.0)
        square[near] = ((about[:, 0] + rest * mean * mean) / weight)[near]
    spread = np.sqrt(np.maximum(square, 0.0, out=square), out=square)
    return Columns(weight, mean, spread, low, high)
