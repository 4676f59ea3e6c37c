"""The minimum of a quadratic model with an L1 penalty and bounds: descent, then equations.

A few sweeps of coordinate descent find which coefficients move and their signs; the equations
H_AA d = -(q_A + l1_A sign(u_A)) of these give the minimum at once, where signs and bounds hold, and
a coefficient that would cross 0 stays there, if that helps (Nocedal and Wright, 2006, 16.7).
"""

from typing import Any, Protocol

import numpy as np

from oddsmith.core.penalty import Penalty
from oddsmith.core.stable import Array
from oddsmith.solvers.active_set import ActiveSet

__all__ = ["Model", "Quadratic"]

_SWEEPS = 3
_MOST_ROUNDS = 12
# Steps that begin where the one before had to stop: of very many, the next Hessian spares most.
_MOST_STOPS = 24


class Quadratic(Protocol):
    """A Hessian with its ridge on the diagonal, of m coordinates."""

    hessian: Any
    version: int

    @property
    def m(self) -> int:
        """Coordinates."""
        ...

    def model_move(self, which: Any, change: Array) -> Array:
        """Hessian times change for a change of some coordinates, of shape (m,)."""
        ...


class Model:
    """Minimises q'd + d'H d / 2 + l1'|u + d| over low <= u + d <= high; keeps its factor.

    Parameters
    ----------
    working : Quadratic
        Its version changes whenever its Hessian does.
    descend : callable
        See `descent.descend`.
    """

    def __init__(self, working: Quadratic, descend: Any) -> None:
        self._working = working
        self._descend = descend
        self._set: ActiveSet | None = None
        self._version = -1
        self._active = np.empty(0, dtype=np.intp)

    def minimum(self, q: Array, u: Array, own: Penalty, tol: float) -> tuple[Array, Array]:
        """Coefficients at the model's minimum, and the smooth part's gradient there: (m,) each.

        Parameters
        ----------
        q, u : arrays of shape (m,)
            Gradient of the smooth part, and where the model stands; not changed.
        own : Penalty
            Of these coordinates.
        tol : float
            Changes H_jj d_j^2 below this are not followed (nats).
        """
        low, high = own.bounds()
        H, m = self._working.hessian, self._working.m
        q, u = q.copy(), u.copy()
        tol, left = tol / max(m, 1), _MOST_STOPS
        for _ in range(_MOST_ROUNDS):
            self._descend(H, q, u, own.l1, low, high, _SWEEPS, tol)
            active = _active(u, own.l1, low, high)
            if active.size == 0:
                break
            stopped = self._step(self._equations(active), active, q, u, own, low, high)
            if not stopped and not self._moves(q, u, own, low, high, active, tol):
                break
            # A sweep would let what has stopped at 0 go on a little, and stop again at once.
            while stopped and left and (active := _active(u, own.l1, low, high)).size:
                stopped = self._step(self._equations(active), active, q, u, own, low, high)
                left -= 1
        return u, q

    def _equations(self, active: Any) -> ActiveSet:
        """Equations of the active coordinates."""
        working = self._working
        known = self._set if self._version == working.version else None
        if known is None or not (np.array_equal(active, self._active) or known.change_to(active)):
            known = ActiveSet(working.hessian, active)
        self._set, self._version, self._active = known, working.version, active
        return known

    def _step(
        self,
        equations: ActiveSet,
        active: Any,
        q: Array,
        u: Array,
        own: Penalty,
        low: Array,
        high: Array,
    ) -> bool:
        """Go to the minimum of the active coordinates; whether some had to stop on the way."""
        at, l1 = u[active], own.l1[active]
        step = -equations.solve(q[active] + l1 * np.sign(at))
        new = np.minimum(np.maximum(at + step, low[active]), high[active])
        new[(new * at < 0) & (l1 > 0)] = 0.0
        clipped = bool((new != at + step).any())
        move = self._working.model_move(active, new - at)
        if clipped and _rise(q[active], at, new, move[active], l1) > 0:
            new = _first_stop(at, step, low[active], high[active], l1)
            move = self._working.model_move(active, new - at)
        u[active] = new
        q += move
        return clipped

    def _moves(
        self,
        q: Array,
        u: Array,
        own: Penalty,
        low: Array,
        high: Array,
        active: Any,
        tol: float,
    ) -> bool:
        """Whether a coordinate outside the active ones would move."""
        m = u.size
        curvature = self._working.hessian.ravel()[:: self._working.hessian.shape[1] + 1][:m].astype(
            np.float64
        )
        there = curvature > 0
        there[active] = False
        h = curvature[there]
        z = h * u[there] - q[there]
        new = np.sign(z) * np.maximum(np.abs(z) - own.l1[there], 0.0) / h
        new = np.minimum(np.maximum(new, low[there]), high[there])
        return bool((h * (new - u[there]) ** 2 > tol).any())


def _active(u: Array, l1: Array, low: Array, high: Array) -> Any:
    """Coordinates that are neither at 0, where the penalty has a kink, nor at a bound."""
    return np.flatnonzero(((u != 0) | (l1 == 0)) & (u > low) & (u < high))


def _rise(q: Array, at: Array, new: Array, move: Array, l1: Array) -> float:
    change = new - at
    return float(q @ change + 0.5 * change @ move + l1 @ (np.abs(new) - np.abs(at)))


def _first_stop(at: Array, step: Array, low: Array, high: Array, l1: Array) -> Array:
    """Where the first coordinate reaches 0 or a bound: down all the way, as it is convex."""
    with np.errstate(divide="ignore", invalid="ignore"):
        to_bound = np.where(
            step > 0, (high - at) / step, np.where(step < 0, (low - at) / step, np.inf)
        )
        to_zero = np.where((l1 > 0) & (step * at < 0), -at / step, np.inf)
    reach = np.minimum(to_bound, to_zero)
    length = min(1.0, float(np.min(reach, initial=np.inf)))
    new = at + length * step
    stopped = reach <= length
    new[stopped & (to_zero <= length)] = 0.0
    return np.minimum(np.maximum(new, low), high)
