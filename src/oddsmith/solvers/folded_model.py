"""A quadratic model whose Hessian was summed over the rows, and what its minimum tells of others.

At w, with the gradient v of the losses there and a Hessian H of theirs from anywhere,

    v'd + d'H d / 2 + penalty(w + d)

is minimised over the working set. At its minimum v + H d, which is the gradient at the dual point
of `core.landing`, lies in the box of the L1 penalty and explains the new coefficients.
"""

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from oddsmith.core import descent
from oddsmith.core.penalty import Penalty
from oddsmith.core.stable import Array
from oddsmith.solvers.duality_gap import smallest, unpenalised
from oddsmith.solvers.quadratic_model import Model

__all__ = ["FoldedModel", "Minimum"]

Indices = np.ndarray[Any, np.dtype[np.intp]]

# Coordinates up to which plain NumPy is done before Numba is imported.
_FEW = 150
# Changes that are not followed, as parts of the gap, and at the most (nats).
_LEFT = 1e-6
# Steps of float64 relative to float32's that are no longer a matter of digits.
_FAR = 2.0


@dataclass(frozen=True, slots=True)
class Minimum:
    """Where a model's minimum is.

    Attributes
    ----------
    coef : array of shape (size,)
    change : array of shape (m,)
        Of the coordinates of the working set.
    v : array of shape (m,)
        v + H d there.
    length : float
        Root of d'H d.
    """

    coef: Array
    change: Array
    v: Array
    length: float


class _Formed:
    """A Hessian as `Model` takes it."""

    version = 0

    def __init__(self, hessian: Any) -> None:
        self.hessian = hessian

    @property
    def m(self) -> int:
        """Coordinates of the working set."""
        return len(self.hessian)

    def model_move(self, which: Any, change: Array) -> Array:
        """Change of the model's gradient as some coordinates change."""
        return change @ self.hessian[which]


class FoldedModel:
    """The Hessian of the losses over a working set, and the model's minimum.

    Parameters
    ----------
    ids : index array of shape (m,)
        Coordinates, ascending.
    losses : array of shape (m, m)
        Hessian of the losses.
    penalty : Penalty
        Of all coordinates.
    coef : array of shape (size,)
        Where the Hessian is from.
    """

    def __init__(self, ids: Indices, losses: Array, penalty: Penalty, coef: Array) -> None:
        self.ids = ids
        self.coef = coef
        self.own = penalty.at(ids)
        self._losses = losses
        whole = losses.copy()
        whole.ravel()[:: ids.size + 1] += self.own.diagonal
        fast = import_module("oddsmith.core.fused_descent") if ids.size > _FEW else descent
        self._whole = whole
        self._models = [
            Model(_Formed(whole.astype(kind)), fast.descend) for kind in (np.float32, np.float64)
        ]

    @property
    def m(self) -> int:
        """Coordinates."""
        return int(self.ids.size)

    def under(self, penalty: Penalty) -> "FoldedModel":
        """Make the same model of the losses with another penalty."""
        return FoldedModel(self.ids, self._losses, penalty, self.coef)

    def minimum(self, coef: Array, v: Array, gap: float) -> Minimum:
        """Minimum of the model at coef.

        Parameters
        ----------
        coef, v : arrays of shape (size,)
            Coefficients, and the gradient of the losses there.
        gap : float
            Of the objective there, as far as it is known (nats).
        """
        u, pulled = coef[self.ids], v[self.ids]
        q = pulled + self.own.diagonal * u
        change = self._found(u, q, _LEFT * min(gap, 1.0))
        moved = self._losses @ change
        target = coef.copy()
        target[self.ids] = u + change
        return Minimum(target, change, pulled + moved, math.sqrt(max(float(change @ moved), 0.0)))

    def _found(self, u: Array, q: Array, tol: float) -> Array:
        """Change to the minimum: in float32, whose larger ridge keeps it near, then in float64.

        Where the Hessian is singular more digits would lead far away along what it does not feel.
        """
        coarse, fine = self._models
        near = coarse.minimum(q, u, self.own, tol)[0]
        change = near - u
        exact = fine.minimum(q + self._whole @ change, near, self.own, tol)[0] - u
        far = np.abs(exact).max(initial=0.0) > _FAR * np.abs(change).max(initial=0.0)
        return change if far or self._rise(u, q, exact) > self._rise(u, q, change) else exact

    def _rise(self, u: Array, q: Array, change: Array) -> float:
        """Change of the model."""
        kink = float(self.own.l1 @ (np.abs(u + change) - np.abs(u)))
        return float(q @ change + 0.5 * change @ (self._whole @ change)) + kink

    def correction(self, coef: Array, v: Array, sizes: Array, total: float) -> float:
        """Compute delta^2 = v_U' H_UU^-1 v_U of what is not penalised (nats); see `duality_gap`.

        Parameters
        ----------
        coef, v, sizes : arrays of shape (size,)
            Coefficients, gradient of the losses at the dual point, and sizes of the columns.
        total : float
            Weight of the rows.
        """
        own = v[self.ids]
        free = np.flatnonzero(
            unpenalised(self.own, coef[self.ids], own, smallest(sizes[self.ids], total))
        )
        if free.size == 0:
            return 0.0
        H, pull = self._losses[np.ix_(free, free)], own[free]
        solution: Any = np.linalg.lstsq(H, pull, rcond=1e-13)[0]
        size = max(float(pull @ solution), 0.0)
        left = float(np.abs(pull - H @ solution).max())
        # What no direction with curvature explains is rounding, or nothing is proved.
        lost = left > 1e-9 * math.sqrt(size * total) + 1e-15 * total
        return math.inf if lost else size
