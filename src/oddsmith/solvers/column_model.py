"""The minimum of a quadratic model by coordinate descent on sparse columns: no Hessian is formed.

A sweep reads each entry of the columns twice. For m coordinates the Hessian takes the products
within each row and m^2 numbers, and its factor m^3 / 3 steps, so that sweeps are cheaper where
columns are sparse, many, and far from parallel; where they turn out not to be, they stop and say
so.
"""

from importlib import import_module
from typing import Any

import numpy as np

from oddsmith.core.penalty import Penalty
from oddsmith.core.stable import Array
from oddsmith.solvers.working_set import WorkingSet

__all__ = ["ColumnModel"]

# Sweeps that a model is expected to take, and that it may take at the least.
_EXPECTED, _FEWEST = 8, 40
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

    @property
    def cheaper(self) -> bool:
        """Whether sweeps over the columns are expected to be cheaper than a Hessian."""
        working = self._working
        if self.slow or working.K > 1 or not working.sparse:
            return False
        return _EXPECTED * working.columns.entries < self._price()

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
        columns, slot = self._working.columns, self._working.slots
        S, squares, sums = columns.scaled(bend)
        low, high = own.bounds()
        u, q, size = u.copy(), q.copy(), 0.0
        squares, sums = squares[slot], sums[slot]
        mean, curvature = np.zeros(u.size), squares.copy()
        if self._working.objective.design.intercept:  # the first coordinate
            size = float(bend.sum())
            mean = sums / np.sqrt(size)
            curvature = np.maximum(squares - mean**2, _LEAST * squares)
            pull = float(q[0])
            q -= sums * (pull / size)
        curvature += own.diagonal
        if size:
            curvature[0] = 0.0
        r = np.zeros(columns.n, dtype=np.float32)
        most = max(_FEWEST, int(self._price() / columns.entries))
        place = slot.astype(np.uint32)
        model = (S, place, curvature, mean, own.diagonal, q)
        start = u.copy()
        memory = (columns.starts, columns.rows)
        _, ended = fused.descend(*memory, *model, u, own.l1, low, high, r, most, tol)
        self.slow = self.slow or not ended
        if size:
            u[0] -= (pull + float(sums[1:] @ (u - start)[1:])) / size
        return u
