"""The kernels of `kernels.py` fused and compiled by Numba: the fast truth.

Each has the name, the fields and the result of its plain twin, and is held to it by a law. One
read of a block does everything: a tile of rows is brought into the cache, its margins, losses,
slopes and sums are formed there, and the next tile comes. X is never copied or converted as a
whole: float32 is widened in registers, columns are centred in registers, and scales, which are
powers of two, are carried by the coefficients. The interpreter's lock is released meanwhile.

Importing this module imports Numba; the machine code is made once and cached on disk. Sparse
blocks go to `compiled_sparse`, and scales beyond 2**300 to the plain kernels. `tiled` tells an
engine that long blocks are welcome, which spare calls.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, ClassVar

import numpy as np

from oddsmith.core import compiled_sparse, fused, kernels
from oddsmith.core.block import Block
from oddsmith.core.columns import Columns, Standardisation, column_statistics
from oddsmith.core.compiled_sparse import View, unless_all
from oddsmith.core.kernels import Design, Kernels
from oddsmith.core.loss import Binomial
from oddsmith.core.moments import LineMoments, Moments, VectorMoments
from oddsmith.core.stable import Array

__all__ = ["COMPILED"]

_LARGEST_SCALE = 2.0**300
# Numbers of a part of a block whose rows are written out for a product of matrices.
_PART_ENTRIES = 2**18
# Numbers that are formed for a row of K margins, besides its entries: room for a few classes.
_ROOM = 64
# Squares below this have lost digits below the normal numbers.
_LEAST_SQUARE = 2.0**-900


@dataclass(frozen=True, slots=True)
class _Rows:
    """A block and a design as compiled code takes them.

    Coefficients go in divided by the scales, and sums come out divided by them: both are exact.
    Numbers that are the same for all rows are empty arrays.
    """

    X: Any
    y: Any
    weight: Array
    offset: Array
    center: Array
    scale: Array
    intercept: bool

    @property
    def q(self) -> int:
        """Columns of the design."""
        return int(self.X.shape[1]) + self.intercept

    @property
    def unit(self) -> Array:
        """Scales of the design's columns."""
        return np.append(self.scale, np.ones(int(self.intercept)))

    def inward(self, coef: Array) -> tuple[Array, Any]:
        """Coefficients and intercept for the entries as they are stored."""
        w, b = (coef[:-1], coef[-1]) if self.intercept else (coef, 0.0 * coef[:1].sum(axis=0))
        return np.ascontiguousarray((w.T / self.scale).T), b

    def outward(self, sums: Array) -> Array:
        """Turn sums over the entries as they are stored into sums over the design's rows."""
        return (sums.T / self.unit).T

    def parts(self, width: int) -> Iterator["_Rows"]:
        """Rows in parts that stay in the cache while `width` more numbers a row are formed."""
        n, size = self.X.shape[0], max(64, _PART_ENTRIES // (self.q + width))
        for first in range(0, n, size):
            rows = slice(first, first + size)
            yield replace(
                self,
                X=self.X[rows],
                y=self.y[rows],
                weight=self.weight[rows],
                offset=self.offset[rows],
            )

    def times(self, coef: Array) -> Array:
        """Margins of shape (K, n), offsets left out."""
        w, b = self.inward(coef)
        margin = w.T @ self._entries().T
        fused.add_each(margin, b)
        return margin

    def margins(self, coef: Array) -> Array:
        """Margins of shape (K, n)."""
        margin = self.times(coef)
        if self.offset.size:
            margin += self.offset.T
        return margin

    def transposed_times(self, slope: Array) -> Array:
        """Add up the design's rows times slopes of shape (K, n), to shape (q K,)."""
        sums = slope @ self._entries()
        if self.intercept:
            sums = np.column_stack([sums, slope.sum(axis=1)])
        return self.outward(sums.T).ravel()

    def design(self) -> Array:
        """Rows as they are stored but centred, ones included, of shape (n, q)."""
        Z = np.ones((self.y.size, self.q))
        Z[:, : self.X.shape[1]] = self._entries()
        return Z

    def _entries(self) -> Array:
        if self.center.size:
            return self.X - self.center
        return self.X.astype(np.float64, copy=False)


def _rows(block: Block, design: Design) -> _Rows | None:
    """Rows for compiled code; None where it is not made for them."""
    how, X = design.standardisation, block.X
    if hasattr(X, "tocsr") or 0 in X.shape:
        return None
    if not 1 / _LARGEST_SCALE < how.scale.min() <= how.scale.max() < _LARGEST_SCALE:
        return None
    return _Rows(
        X,
        block.y,
        unless_all(block.weight, 1.0),
        unless_all(block.offset, 0.0),
        how.center if how.center.any() else np.empty(0),
        how.scale,
        design.intercept,
    )


@dataclass(frozen=True, slots=True)
class Evaluate(kernels.Evaluate):
    """Loss, gradient and Hessian in one read."""

    tiled: ClassVar[bool] = True

    def __call__(self, block: Block) -> Moments:
        """Moments of a block."""
        if hasattr(block.X, "indptr"):
            sums = compiled_sparse.evaluate(self, block)
            return kernels.Evaluate.__call__(self, block) if sums is None else sums
        rows = _rows(block, self.design)
        if rows is None:
            return kernels.Evaluate.__call__(self, block)
        weight = float(block.weight.sum())
        if not isinstance(self.loss, Binomial):
            return replace(self._multinomial(rows), weight=weight)
        w, b = rows.inward(self.coef)
        gradient = np.zeros(rows.q if self.order else 0)
        if self.order < 2:
            value = fused.evaluate(*_arrays(rows), w, b, gradient, np.empty((0, 0)))
            return Moments(weight, value, rows.outward(gradient) if self.order else gradient)
        hessian, value = np.zeros((rows.q, rows.q)), 0.0
        for part in rows.parts(0):
            roots = np.empty((part.y.size, rows.q))
            value += fused.evaluate(*_arrays(part), w, b, gradient, roots)
            hessian += roots.T @ roots
        return Moments(weight, value, rows.outward(gradient), rows.outward(rows.outward(hessian).T))

    def _multinomial(self, rows: _Rows) -> Moments:
        total = reduce(add, (self._part(part) for part in rows.parts(self._room)))
        if self.order < 2:
            return total
        hessian = total.hessian
        hessian /= rows.unit[:, None, None, None] * rows.unit[:, None]
        return replace(total, hessian=hessian.reshape(self.coef.size, -1))

    @property
    def _room(self) -> int:
        """Numbers that are formed for a row, besides those of the design."""
        q, K = self.coef.shape
        return q * K // 4 if self.order == 2 else 3 * K

    def _part(self, rows: _Rows) -> Moments:
        margin = rows.margins(self.coef)
        e, largest, others = _softmax_of(margin)
        value = fused.losses(margin, rows.y, rows.weight, largest, others)
        if self.order == 0:
            return Moments(0.0, value)
        slope = np.empty_like(margin)
        fused.slopes(e, rows.y, rows.weight, others, slope)
        gradient = rows.transposed_times(slope)
        if self.order == 1:
            return Moments(0.0, value, gradient)
        return Moments(0.0, value, gradient, _hessian(rows, e, others))


def _hessian(rows: _Rows, e: Array, others: Array) -> Array:
    """Sum of s (diag(a) - a a') kron z z': one product of matrices, and one for each class."""
    K, n = e.shape
    q = rows.q
    Z, spread, roots = rows.design(), np.empty((n, q * K)), np.empty_like(e)
    fused.weighted_rows(Z, e, rows.weight, others, spread, roots)
    hessian = -(spread.T @ spread).reshape(q, K, q, K)
    for k in range(K):
        weighted = Z * roots[k][:, None]
        hessian[:, k, :, k] = weighted.T @ weighted
    return hessian


@dataclass(frozen=True, slots=True)
class Line(kernels.Line):
    """Losses along a direction, and the sums of the certificate, in one read."""

    tiled: ClassVar[bool] = True

    def __call__(self, block: Block) -> LineMoments:
        """Add up a block along the line."""
        if hasattr(block.X, "indptr"):
            sums = compiled_sparse.line(self, block)
            return kernels.Line.__call__(self, block) if sums is None else sums
        rows = _rows(block, self.design)
        if rows is None:
            return kernels.Line.__call__(self, block)
        return _walked(rows, self, self.lengths)[0]


@dataclass(frozen=True, slots=True)
class HessianProduct(kernels.HessianProduct):
    """Hessian times a direction, in one read."""

    tiled: ClassVar[bool] = True

    def __call__(self, block: Block) -> VectorMoments:
        """Hessian product of a block."""
        if hasattr(block.X, "indptr"):
            sums = compiled_sparse.hessian_product(self, block)
            return kernels.HessianProduct.__call__(self, block) if sums is None else sums
        rows = _rows(block, self.design)
        if rows is None:
            return kernels.HessianProduct.__call__(self, block)
        return _walked(rows, self, ())[1]


@dataclass(frozen=True, slots=True)
class HessianDiagonal(kernels.HessianDiagonal):
    """Diagonal of the Hessian; that of dense rows is as plain as it was."""

    def __call__(self, block: Block) -> VectorMoments:
        """Diagonal of a block."""
        if hasattr(block.X, "indptr"):
            sums = compiled_sparse.hessian_diagonal(self, block)
            if sums is not None:
                return sums
        return kernels.HessianDiagonal.__call__(self, block)


def _walked(
    rows: _Rows, walk: kernels.Line | kernels.HessianProduct, lengths: tuple[float, ...]
) -> tuple[LineMoments, VectorMoments]:
    """Line and Hessian product; the latter is empty where losses along the line are wanted."""
    if not isinstance(walk.loss, Binomial):
        parts = [_walked_multinomial(part, walk, lengths) for part in rows.parts(_ROOM)]
        return reduce(add, (line for line, _ in parts)), reduce(add, (own for _, own in parts))
    w, b = rows.inward(walk.coef)
    direction, shift = rows.inward(walk.direction)
    product = np.zeros(0 if isinstance(walk, kernels.Line) else rows.q)
    values = np.zeros(len(lengths))
    found = fused.walk(*_arrays(rows), w, b, direction, shift, np.array(lengths), values, product)
    return LineMoments(values, *found), VectorMoments(
        rows.outward(product) if product.size else product
    )


def _walked_multinomial(
    rows: _Rows, walk: kernels.Line | kernels.HessianProduct, lengths: tuple[float, ...]
) -> tuple[LineMoments, VectorMoments]:
    margin, moved = rows.margins(walk.coef), rows.times(walk.direction)
    e, largest, others = _softmax_of(margin)
    product = np.empty_like(margin)
    found = fused.along(margin, moved, rows.y, rows.weight, e, others, product)
    if isinstance(walk, kernels.HessianProduct):
        own = VectorMoments(rows.transposed_times(product))
        return LineMoments(np.empty(0), *found), own
    values: list[float] = []
    for length in lengths:
        there = margin - length * moved
        _, largest, others = _softmax_of(there)
        values.append(fused.losses(there, rows.y, rows.weight, largest, others))
    return LineMoments(np.array(values), *found), VectorMoments(np.empty(0))


def _softmax_of(margin: Array) -> tuple[Array, Array, Array]:
    n = margin.shape[1]
    e, largest, others = np.empty_like(margin), np.empty(n), np.empty(n)
    fused.softmax(margin, e, largest, others)
    return e, largest, others


def _arrays(rows: _Rows) -> tuple[Any, ...]:
    return *_memory(rows.X), rows.y, rows.weight, rows.offset, rows.center


def _memory(X: Any) -> tuple[Any, bool]:
    """Memory of a block as a contiguous array of its rows, or of its columns if so stored.

    Blocks cut out of a larger array are stored with gaps between their rows or columns, which
    compiled code would not know to be of one piece each; nor should it be compiled once more for
    read-only arrays. So each row of memory is given its whole length, whoever's the rest is: it
    is never read.
    """
    size = X.itemsize
    across, along = X.strides
    by_columns = across == size and along != size
    pitch, last = (along, across) if by_columns else (across, along)
    length, count = X.shape if by_columns else X.shape[::-1]
    owner = X
    # Lines that overlap, run backwards or lie askew are copied.
    if last != size or pitch < length * size or pitch % size or not X.dtype.isnative:
        owner = np.ascontiguousarray(X, dtype=X.dtype.newbyteorder("="))
        by_columns, count, pitch = False, X.shape[0], X.shape[1] * size
    view = {
        "version": 3,
        "data": (owner.__array_interface__["data"][0], False),
        "shape": (count, pitch // size),
        "typestr": owner.dtype.str,
    }
    return np.asarray(View(view, owner)), by_columns


def _columns_of(block: Block) -> Columns:
    rows = _rows(block, Design(Standardisation.none(block.X.shape[1]), intercept=False))
    if rows is None or not block.weight.all():
        return column_statistics(block)
    total, mean, squares, low, high = fused.statistics(*_memory(rows.X), *rows.X.shape, rows.weight)
    # Sums that are no numbers, or squares out of range, are for the kernel that scales first.
    if not (np.isfinite(squares).all() and bool((squares > _LEAST_SQUARE)[low < high].all())):
        return column_statistics(block)
    return Columns(total, np.clip(mean, low, high), np.sqrt(squares / total), low, high)


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """Statistics of the columns, see `columns.column_statistics`, in one read."""

    tiled: ClassVar[bool] = True

    def __call__(self, block: Block) -> Columns:
        """Statistics of a block's columns."""
        if hasattr(block.X, "indptr"):
            return compiled_sparse.column_statistics(block) or column_statistics(block)
        return _columns_of(block)


COMPILED = Kernels(ColumnStatistics(), Evaluate, HessianProduct, Line, HessianDiagonal)
