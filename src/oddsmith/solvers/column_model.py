"""The minimum of a quadratic model by coordinate descent on sparse columns: no Hessian is formed.

A sweep reads each entry of the columns twice. For m coordinates the Hessian takes the products
within each row and m^2 numbers, and its factor m^3 / 3 steps, so that sweeps are cheaper where
columns are sparse, many, and far from parallel; where they turn out not to be, they stop and say
so.
"""

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from oddsmith.core.penalty import Penalty
from oddsmith.core.stable import Array
from oddsmith.solvers.working_set import WorkingSet

__all__ = ["ColumnModel"]

# Sweeps that a model is expected to take, and that it may take at the most.
_EXPECTED, _MOST = 8, 500
# Time that a Hessian takes, in units of the time that a sweep takes for an entry (1.3 ns): per
# product within rows, per number of the Hessian, and per m^3 (measured, m = 500 to 3,700).
_PRODUCT, _NUMBER, _FACTOR = 1.5, 15.0, 0.005
# Curvature that rounding in float32 leaves, relative to that without the intercept.
_LEAST = 1e-6


class ColumnModel:
    """Minimises the model of one margin over the working set's sparse columns.

    Parameters
    ----------
    working : WorkingSet
        With sparse columns, and one margin.

    Attributes
    ----------
    slow : bool
        Whether sweeps were dearer than a Hessian would have been.
    """

    def __init__(self, working: WorkingSet) -> None:
        self._working = working
        self.slow = False
        self._spent = 0

    @property
    def able(self) -> bool:
        """Whether columns are sparse, of one margin, and sweeps over them were not dear so far."""
        return self._working.sparse and self._working.K == 1 and not self.slow

    @property
    def cheaper(self) -> bool:
        """Whether sweeps over the columns are expected to be cheaper than a Hessian."""
        working = self._working
        return self.able and _EXPECTED * working.columns.entries < self._price()

    def _price(self) -> float:
        """Time that a Hessian takes, in sweeps' time for an entry."""
        m, columns = self._working.m, self._working.columns
        # A lower bound on the products within rows, by Jensen.
        products = columns.entries**2 / max(columns.n, 1)
        return _PRODUCT * products + _NUMBER * m**2 + _FACTOR * m**3

    def minimum(self, bend: Array, q: Array, u: Array, own: Penalty, tol: float) -> Array:
        """Coefficients near the model's minimum, of shape (m,).

        Parameters
        ----------
        bend : array of shape (n,)
            Curvature of each row's loss, weighted.
        q, u : arrays of shape (m,)
            Gradient of the smooth part, and where the model stands; not changed.
        own : Penalty
            Of these coordinates.
        tol : float
            Ends after a sweep in which sum_j H_jj d_j^2 is no larger than this part of the largest.
        """
        fused: Any = import_module("oddsmith.core.fused_columns")
        columns, place = self._working.columns, self._working.slots.astype(np.uint32)
        u, start, (low, high) = u.copy(), u, own.bounds()
        model = self._model(bend, q, own)
        r = np.zeros(columns.n, dtype=np.float32)
        done, ended = fused.descend(
            *(columns.starts, columns.rows, model.S, place),
            *(model.curvature, model.mean, own.diagonal, model.q),
            *(u, own.l1, low, high, r, _MOST, tol),
        )
        if not ended:  # a new model goes on from there, until a Hessian would have been paid
            self._spent += done * columns.entries
            self.slow = self.slow or self._spent > self._price()
        if model.size:
            u[0] -= (q[0] + float(model.sums[1:] @ (u - start)[1:])) / model.size
        return u

    def _model(self, bend: Array, q: Array, own: Penalty) -> "_Scaled":
        """Columns scaled to the model; an intercept, the first coordinate, eliminated."""
        slot = self._working.slots
        S, squares, sums = self._working.columns.scaled(bend)
        squares, sums = squares[slot], sums[slot]
        size = float(bend.sum()) if self._working.objective.design.intercept else 0.0
        if not size > 0.0:
            return _Scaled(S, squares + own.diagonal, np.zeros(q.size), q, sums, 0.0)
        mean = sums / math.sqrt(size)
        curvature = np.maximum(squares - mean**2, _LEAST * squares) + own.diagonal
        curvature[0] = 0.0
        return _Scaled(S, curvature, mean, q - sums * (q[0] / size), sums, size)


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A model as `sparse_descent.descend` takes it; `size` is the intercept's curvature, or 0."""

    S: Any
    curvature: Array
    mean: Array
    q: Array
    sums: Array
    size: float
