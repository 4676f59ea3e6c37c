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
from typing import Any, ClassVar

import numpy as np

from oddsmith.core import compiled_sparse, fused, fused_multinomial, kernels
from oddsmith.core.block import Block
from oddsmith.core.class_pairs import class_hessian, pair_sums
from oddsmith.core.columns import Columns, Standardisation, column_statistics
from oddsmith.core.compiled_sparse import View, unless_all
from oddsmith.core.kernels import Design, Kernels
from oddsmith.core.loss import Binomial
from oddsmith.core.moments import LineMoments, Moments, VectorMoments
from oddsmith.core.stable import Array

__all__ = ["COMPILED", "rows_of"]

_LARGEST_SCALE = 2.0**300
# Numbers of a part of a block whose rows are written out for a product of matrices.
_PART_ENTRIES = 2**18
# Squares below this have lost digits below the normal numbers.
_LEAST_SQUARE = 2.0**-900


@dataclass(frozen=True, slots=True)
class Rows:
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

    def parts(self, width: int, fewest: int) -> Iterator["Rows"]:
        """Rows in parts that stay in the cache while `width` more numbers a row are formed."""
        n, size = self.X.shape[0], max(fewest, _PART_ENTRIES // (self.q + width))
        for first in range(0, n, size):
            rows = slice(first, first + size)
            yield replace(
                self,
                X=self.X[rows],
                y=self.y[rows],
                weight=self.weight[rows],
                offset=self.offset[rows],
            )

    @property
    def ready(self) -> tuple[Any, ...]:
        """What the loops over K margins take: X once more, if it is fit for BLAS as it is."""
        X, by_columns = _memory(self.X)
        fit = X.dtype == np.float64 and X.shape[1] == self.X.shape[1] and not self.center.size
        own = X if fit and not by_columns else np.empty((0, 0))
        return X, by_columns, own, self.y, self.weight, self.offset, self.center

    def room(self, classes: int) -> Array:
        """Zeros for a sum of the design's rows, for each of K classes."""
        return np.zeros((classes, self.q))

    def gathered(self, sums: Array) -> Array:
        """Such sums of entries as they are stored, as flat sums over the design's rows."""
        return (sums / self.unit).T.ravel()

    def columns(self) -> Array:
        """Rows as they are stored but centred, ones included, side by side: (q, n)."""
        Z = np.ones((self.q, self.y.size))
        entries = self.X.astype(np.float64, copy=False).T
        Z[: len(entries)] = entries - self.center[:, None] if self.center.size else entries
        return Z


def rows_of(block: Block, design: Design) -> Rows | None:
    """Rows for compiled code; None where it is not made for them."""
    how, X = design.standardisation, block.X
    if hasattr(X, "tocsr") or 0 in X.shape:
        return None
    if not 1 / _LARGEST_SCALE < how.scale.min() <= how.scale.max() < _LARGEST_SCALE:
        return None
    return Rows(
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
        rows = rows_of(block, self.design)
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
        for part in rows.parts(0, 64):
            roots = np.empty((part.y.size, rows.q))
            value += fused.evaluate(*_arrays(part), w, b, gradient, roots)
            hessian += roots.T @ roots
        return Moments(weight, value, rows.outward(gradient), rows.outward(rows.outward(hessian).T))

    def _multinomial(self, rows: Rows) -> Moments:
        gradient = rows.room(self.coef.shape[1] if self.order else 0)
        w, b = rows.inward(self.coef)
        if self.order < 2:
            value = fused_multinomial.evaluate(*rows.ready, w, b, gradient, np.empty((0, 0)))
            return Moments(0.0, value, rows.gathered(gradient))
        pairs = self.coef.shape[1] * (self.coef.shape[1] + 1) // 2
        value, sums = 0.0, np.zeros(())
        for part in rows.parts(pairs, 512):
            curvatures = np.empty((pairs, part.y.size))
            value += fused_multinomial.evaluate(*part.ready, w, b, gradient, curvatures)
            sums = sums + pair_sums(part.columns(), curvatures)
        return Moments(0.0, value, rows.gathered(gradient), class_hessian(sums, rows.unit))


@dataclass(frozen=True, slots=True)
class Line(kernels.Line):
    """Losses along a direction, and the sums of the certificate, in one read."""

    tiled: ClassVar[bool] = True

    def __call__(self, block: Block) -> LineMoments:
        """Add up a block along the line."""
        if hasattr(block.X, "indptr"):
            sums = compiled_sparse.line(self, block)
            return kernels.Line.__call__(self, block) if sums is None else sums
        rows = rows_of(block, self.design)
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
        rows = rows_of(block, self.design)
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
    rows: Rows, walk: kernels.Line | kernels.HessianProduct, lengths: tuple[float, ...]
) -> tuple[LineMoments, VectorMoments]:
    """Line and Hessian product; the latter is empty where losses along the line are wanted."""
    if not isinstance(walk.loss, Binomial):
        return _walked_multinomial(rows, walk, lengths)
    w, b = rows.inward(walk.coef)
    direction, shift = rows.inward(walk.direction)
    product = np.zeros(0 if isinstance(walk, kernels.Line) else rows.q)
    values = np.zeros(len(lengths))
    found = fused.walk(*_arrays(rows), w, b, direction, shift, np.array(lengths), values, product)
    return LineMoments(values, *found), VectorMoments(
        rows.outward(product) if product.size else product
    )


def _walked_multinomial(
    rows: Rows, walk: kernels.Line | kernels.HessianProduct, lengths: tuple[float, ...]
) -> tuple[LineMoments, VectorMoments]:
    K = walk.coef.shape[1]
    product = rows.room(0 if isinstance(walk, kernels.Line) else K)
    values = np.zeros(len(lengths))
    both = rows.inward(np.hstack([walk.coef, walk.direction]))
    found = fused_multinomial.walk(*rows.ready, *both, np.array(lengths), values, product)
    return LineMoments(values, *found), VectorMoments(rows.gathered(product))


def _arrays(rows: Rows) -> tuple[Any, ...]:
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
    rows = rows_of(block, Design(Standardisation.none(block.X.shape[1]), intercept=False))
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
