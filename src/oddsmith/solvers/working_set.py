"""The columns that coordinate descent works on, held in memory, and their Hessian.

Coordinates are places in the flat coef: column j of class k is at j K + k, the intercepts last.
Rows are those of positive weight, in the order of the source's strips.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from oddsmith.core import descent
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.column_folds import Gather, Parts, Pull
from oddsmith.solvers.sparse_columns import SparseColumns, cut

if TYPE_CHECKING:
    from oddsmith.core.block import ColumnSource

__all__ = ["WorkingSet", "loops"]

Indices = np.ndarray[Any, np.dtype[np.intp]]

# Entries of the columns, and of the Hessian, up to which it can be formed in float64.
_MOST_PRECISE = 2**25
# Entries of the rows up to which plain NumPy is done before Numba is imported.
_FEW_ENTRIES = 2**17


def loops(objective: Objective) -> Any:
    """Compiled loops, or the plain ones for small dense rows."""
    source = objective.source
    if source.n_rows * objective.size <= _FEW_ENTRIES:
        return descent
    return import_module("oddsmith.core.fused_descent")


class WorkingSet:
    """Columns held in memory, and the Hessian of some of their coordinates.

    Attributes
    ----------
    rows : Block
        Labels, weights and offsets of the rows of positive weight.
    ids : index array of shape (m,)
        Coordinates, intercepts first.
    hessian : array of shape (m, m) or larger, float32
        Hessian at the weights of the last `refresh`, and the ridge of then on its diagonal.
    precise : bool
        Whether it is float64 instead, see `sharpen`.
    version : int
        Changes whenever the Hessian or the order of its coordinates does.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.K = objective.width
        self.sparse = False
        self.version = 0
        self.precise = False
        base = int(objective.design.intercept)
        self.ids = np.arange(objective.size - base * self.K, objective.size)
        self._feature = np.full(base, objective.source.n_features)
        self._slot_of = np.full(objective.source.n_features + base, -1)
        self._slot_of[objective.source.n_features :] = 0
        self._add_rows: Callable[..., None] = loops(objective).add_rows
        empty = self._gathered(np.empty(0, dtype=np.intp))
        self.rows = empty.rows
        n = self.rows.y.size
        self.sparse = hasattr(self.rows.X, "tocsr")
        self.held = np.ones((0 if self.sparse else base, n))
        if self.sparse:
            how, spread = objective.design.standardisation, self._spread
            self.columns = SparseColumns(self.rows.X, how, base > 0, spread)
        self.hessian: Any = np.empty((0, 0), dtype=np.float32)
        self._curvatures: list[tuple[int, int, Array]] = []

    @property
    def slots(self) -> Indices:
        """Column of `columns` that each coordinate of one margin is about."""
        return self._slot_of[self.ids]

    @property
    def m(self) -> int:
        """Coordinates."""
        return int(self.ids.size)

    def _gathered(self, features: Indices) -> Parts:
        source: ColumnSource = self.objective.source  # type: ignore[assignment]
        return source.fold_columns(Gather(self.objective.design, features))

    def _places(self) -> tuple[Indices, Indices]:
        """Slot and class of each coordinate."""
        return self._slot_of[self.ids // self.K], self.ids % self.K

    def add(self, ids: Indices) -> None:
        """Take in coordinates that are not there yet, ascending."""
        if ids.size == 0:
            return
        wanted = np.unique(ids // self.K)
        new = wanted[self._slot_of[wanted] < 0]
        if new.size:
            self._hold(new)
        before = self.m
        self.ids = np.concatenate([self.ids, ids])
        if self.sparse or self.precise:
            self._curvatures = []  # such a Hessian is all made in one go
        if self._curvatures:
            self._reserve()
            self._fill(before)
        self.version += 1

    @property
    def curvature(self) -> Array:
        """What the Hessian of one margin was formed with, s h, of shape (n,)."""
        return self._curvatures[0][2]

    @property
    def ready(self) -> bool:
        """Whether the Hessian is there."""
        return bool(self._curvatures)

    def _hold(self, new: Indices) -> None:
        have = self._feature.size
        self._slot_of[new] = np.arange(have, have + new.size)
        self._feature = np.concatenate([self._feature, new])
        if self.sparse:
            self._pass()
            self.columns.take(new)
            return
        columns = np.concatenate(self._gathered(new).parts)
        if have + new.size > self.held.shape[0]:
            room = np.empty((max(2 * have, have + new.size, 64), self.rows.y.size))
            room[:have] = self.held[:have]
            self.held = room
        self.held[have : have + new.size] = columns

    def _reserve(self) -> None:
        if self.hessian.dtype != np.float32:
            self.hessian = np.empty((0, 0), dtype=np.float32)
        if self.m > self.hessian.shape[0]:
            room = np.empty((max(2 * self.hessian.shape[0], self.m),) * 2, dtype=np.float32)
            old = self.hessian.shape[0]
            room[:old, :old] = self.hessian
            self.hessian = room

    def refresh(self, curvatures: list[tuple[int, int, Array]], ridge: Array) -> None:
        """Form the Hessian anew, from s times the curvatures of each pair of classes k >= j."""
        self._curvatures = curvatures
        self._ridge = ridge
        self.precise = self.precise and self._fits_in_float64()
        if self.precise:
            m, n = self.m, self.rows.y.size
            self.hessian, _ = self.exact(np.arange(m), curvatures, np.zeros((n, self.K)))
            self.hessian.ravel()[:: m + 1] += ridge[self.ids]
        else:
            self._reserve()
            self._fill(0)
        self.version += 1

    def sharpen(self) -> bool:
        """Form Hessians in float64 from now on; False where they are already, or are too large.

        Columns that nearly depend on each other have eigenvalues below the digits of float32, along
        which steps are too short to arrive. Of several classes some directions have none at all, in
        which more digits would be lost.
        """
        if self.precise or self.K > 1 or not self._fits_in_float64():
            return False
        self.precise, self._curvatures = True, []
        return True

    def _fits_in_float64(self) -> bool:
        return self.m * max(self.rows.y.size, self.m) <= _MOST_PRECISE

    def _fill(self, before: int) -> None:
        """Rows and columns of the Hessian from `before` on."""
        m, hessian = self.m, self.hessian
        slot, cls = self._places()
        if self.K == 1 and before == 0:
            (self._sparse_whole if self.sparse else self._whole)(slot, self.curvature)
        elif self.K == 1:  # sparse columns that join have no Hessian to join
            self._border(slot, self.curvature, before)
        else:
            self._fill_pairs(before, slot, cls)
        diagonal = hessian.ravel()[:: hessian.shape[1] + 1]
        diagonal[before:m] += self._ridge[self.ids[before:]].astype(np.float32)

    def _fill_pairs(self, before: int, slot: Indices, cls: Indices) -> None:
        """Blocks of the Hessian for each pair of classes, rows from `before` on."""
        hessian = self.hessian
        of_class = [np.flatnonzero(cls == k) for k in range(self.K)]
        single = (
            {}
            if self.sparse
            else {k: self._rows_of(slot[own]).astype(np.float32) for k, own in enumerate(of_class)}
        )

        def fill(pair: tuple[int, int, Array]) -> None:
            k, j, weight = pair
            # With no rows from before, one of two blocks is the other's transpose.
            both = [(k, j)] if before == 0 or k == j else [(k, j), (j, k)]
            for row_class, column_class in both:
                columns = of_class[column_class]
                new = of_class[row_class] >= before
                rows = of_class[row_class][new]
                if rows.size == 0 or columns.size == 0:
                    continue
                if self.sparse:
                    block = self._sparse_gram(slot[rows], slot[columns], weight)
                else:
                    scaled = single[row_class][new] * weight.astype(np.float32)
                    block = scaled @ single[column_class].T
                hessian[np.ix_(rows, columns)] = block
                hessian[np.ix_(columns, rows)] = block.T

        if before == 0:  # blocks that do not overlap
            self._spread(fill, self._curvatures)
        else:
            for pair in self._curvatures:
                fill(pair)

    def _whole(self, slot: Indices, weight: Array) -> None:
        """Whole Hessian of one margin, in float32: a chord's speed depends on no more digits."""
        m, hessian, root = self.m, self.hessian, np.sqrt(weight)
        Z = self._rows_of(slot)
        scaled = np.empty((m, root.size), dtype=np.float32)

        def scale(rows: slice) -> None:
            np.multiply(Z[rows], root, out=scaled[rows], casting="same_kind")

        def multiply(rows: slice) -> None:
            block = scaled[rows] @ scaled[: rows.stop].T
            hessian[rows, : rows.stop] = block
            hessian[: rows.start, rows] = block[:, : rows.start].T

        parts = cut(m, m * root.size)
        self._spread(scale, parts)
        self._spread(multiply, parts[::-1])

    def _border(self, slot: Indices, weight: Array, before: int) -> None:
        """Rows and columns of one margin's Hessian from `before` on, in float32."""
        m, hessian = self.m, self.hessian
        new = (self.held[slot[before:]] * weight).astype(np.float32)

        def multiply(rows: slice) -> None:
            block = self._rows_of(slot[rows]).astype(np.float32) @ new.T
            hessian[rows, before:m] = block
            hessian[before:m, rows] = block.T

        for parts in (cut(before, before * weight.size), [slice(before, m)]):
            self._spread(multiply, parts)

    def _rows_of(self, slots: Indices) -> Array:
        whole = slots.size and slots[-1] - slots[0] == slots.size - 1 and (np.diff(slots) > 0).all()
        return self.held[slots[0] : slots[-1] + 1] if whole else self.held[slots]

    def _sparse_whole(self, slot: Indices, weight: Array) -> None:
        """Whole Hessian of one margin of sparse rows, half of the rows at a time."""
        count, n, rows = self._feature.size, weight.size, self.columns.by_row()
        halves = [slice(0, n // 2), slice(n // 2, n)]
        sums = [np.zeros((count, count), dtype=np.float32) for _ in halves]
        fused = import_module("oddsmith.core.fused_descent")

        def add_up(half: int) -> None:
            own = halves[half]
            fused.row_gram(*_memory(rows, own), weight[own], sums[half])

        self._spread(add_up, [0, 1])
        fused.put_symmetric(sums[0], sums[1], slot, self.hessian)

    def _sparse_gram(self, left: Indices, right: Indices, weight: Array) -> Any:
        fused = import_module("oddsmith.core.fused_descent")
        count, rows = self._feature.size, self.columns.by_row()
        whole = np.zeros((count, count), dtype=np.float32)
        fused.row_gram(*_memory(rows, slice(0, weight.size)), weight, whole)
        lower = np.tril(whole, -1)
        whole += lower.T
        return whole[np.ix_(left, right)]

    def drop(self, kept: Any) -> None:
        """Leave out coordinates; columns that none needs go as well where X is dense."""
        places = np.flatnonzero(kept)
        if self._curvatures:
            self.hessian = np.ascontiguousarray(self.hessian[places][:, places])
        self.ids = self.ids[places]
        self.version += 1
        if not self.sparse and self.K == 1:
            slots = self._slot_of[self.ids]
            base = int(self.objective.design.intercept)
            gone = np.setdiff1d(self._feature[base:], self.ids[base:])
            self._slot_of[gone] = -1
            self.held[: slots.size] = self.held[slots]
            self._feature = self._feature[slots]
            self._slot_of[self._feature[base:]] = np.arange(base, slots.size)

    def times(self, change: Array) -> Array:
        """Change of the margins, of shape (n,) or (n, K)."""
        slot, cls = self._places()
        by_column = np.zeros((self._feature.size, self.K))
        by_column[slot, cls] = change
        if self.sparse:
            out = self.columns.times(by_column)
            return out[:, 0] if self.K == 1 else out
        moving: Any = np.flatnonzero(by_column.any(axis=1))
        if 4 * moving.size >= by_column.shape[0]:
            moving = slice(0, by_column.shape[0])  # no copy
        Z, own = self.held[moving], np.ascontiguousarray(by_column[moving].T)
        own = own[0] if self.K == 1 else own
        out = np.empty((*own.shape[:-1], Z.shape[1]))

        def multiply(rows: slice) -> None:
            out[..., rows] = own @ Z[:, rows]

        self._spread(multiply, cut(Z.shape[1], Z.size))
        return out.T

    def transposed_times(self, slope: Array) -> Array:
        """Z'slope at the coordinates, of shape (m,), for slopes of shape (n,) or (n, K)."""
        slot, cls = self._places()
        out = np.zeros((self._feature.size, self.K))
        if self.sparse:
            return self.columns.transposed_times(slope.reshape(-1, self.K))[slot, cls]
        Z, to = self.held, out[:, 0] if self.K == 1 else out

        def multiply(rows: slice) -> None:
            to[rows] = Z[rows] @ slope

        self._spread(multiply, cut(out.shape[0], out.shape[0] * Z.shape[1]))
        return out[slot, cls]

    def whole_transposed_times(self, R: Array) -> Array:
        """Z'R of shape (q, m), all columns and the intercept's row, for R of shape (n, m)."""
        if self.sparse:
            self._pass()
            parts = [self.columns.whole_transposed_times(R)]
        else:
            source: ColumnSource = self.objective.source  # type: ignore[assignment]
            parts = list(source.fold_columns(Pull(self.objective.design, R)).parts)
        if self.objective.design.intercept:
            parts.append(R.sum(axis=0)[None, :])
        return np.concatenate(parts)

    def _pass(self) -> None:
        """Count a pass over sparse rows, which are shared among threads here."""
        self._gathered(np.empty(0, dtype=np.intp))

    def _spread(self, task: Callable[[Any], object], parts: Sequence[Any]) -> None:
        self.objective.source.spread(task, parts)  # type: ignore[attr-defined]

    def exact(
        self, free: Indices, curvatures: list[tuple[int, int, Array]], slope: Array
    ) -> tuple[Array, Array]:
        """Hessian and gradient of a few coordinates, in float64."""
        slot, cls = self._places()
        slot, cls = slot[free], cls[free]
        Z = self.columns.dense(slot) if self.sparse else self.held[slot]
        R = slope.reshape(-1, self.K)
        gradient = np.einsum("ci,ic->c", Z, R[:, cls])
        H = np.zeros((free.size, free.size))
        for k, j, weight in curvatures:
            rows, columns = np.flatnonzero(cls == k), np.flatnonzero(cls == j)
            block = (Z[rows] * weight) @ Z[columns].T
            H[np.ix_(rows, columns)] = block
            H[np.ix_(columns, rows)] = block.T
        return H, gradient

    def model_move(self, which: Indices, change: Array) -> Array:
        """Hessian times change for a change of some coordinates, of shape (m,)."""
        out = np.zeros(self.m)
        self._add_rows(self.hessian, which, change, out)
        return out


def _memory(rows: Any, own: slice) -> tuple[Any, Any, Array]:
    """Look at the starts, columns and values of some rows of a CSR array."""
    kind = np.uint32 if rows.indices.dtype.itemsize == 4 else np.uint64
    return rows.indptr[own.start : own.stop + 1], rows.indices.view(kind), rows.data
