"""Proximal Newton steps on a working set: a quadratic model, coordinate descent, a short walk.

At margins m with slopes and curvatures h, the model of the losses is

    f(coef) + v'd + d'H d / 2,   v = Z'S slope,  H = Z'S diag(h) Z,

whose minimum with the penalty is the next step (Lee, Sun and Saunders, 2014, "Proximal Newton-type
methods", equation 2.5). H is kept from step to step, and from penalty to penalty, while each step
leaves a small part of the last one's length: gradients are exact, so that only the speed depends
on H. That is the proximal form of the chord method (Kelley, 1995, 5.4.1).
"""

import math
from importlib import import_module
from typing import Any

import numpy as np

from oddsmith.core.loss import Binomial
from oddsmith.core.objective import Objective
from oddsmith.core.penalty import Penalty
from oddsmith.core.stable import Array, softmax
from oddsmith.solvers.chord import Chord
from oddsmith.solvers.column_model import ColumnModel
from oddsmith.solvers.duality_gap import duality_gap, least_gap, smallest, unpenalised
from oddsmith.solvers.linear_dual import linear_dual
from oddsmith.solvers.point import Point, Settled, Walked
from oddsmith.solvers.quadratic_model import Model
from oddsmith.solvers.working_set import WorkingSet, loops

__all__ = ["CoordinateDescent"]

# Rows from which on compiled losses are worth importing.
_MANY_ROWS = 1000
# Part of a step that sweeps over columns leave, relative to what the gap asks for; and at least.
_INEXACT, _LEAST_SHARE = 0.1, 1e-5
# Gap per unit of weight from which on rounding is looked at.
_NEAR_ROUNDING = 1e-9
# Steps that do not make the gap smaller.
_MOST_IDLE = 8
# A fall of the objective, relative to the gap, that is worth going on for.
_LEAST_FALL = 1e-3
_FREE_STEPS = 30
# Gap per unit of weight that a Hessian in float32 is good enough to prove, and the part of what is
# asked for at which the walk ends: the columns outside have their say as well.
_LOOSE = 1e-7
_ENOUGH = 0.8
# delta^2 of the unpenalised coordinates (per unit of weight) that is as good as 0.
_CENTRED = 2.0**-90
# The same (per unit of weight) that is surely a short step.
_LARGEST_SHIFT = 2.0**-30
# Changes of f that rounding makes.
_ROUNDING = 2.0**-46


class CoordinateDescent:
    """A walk over penalties and working sets.

    Parameters
    ----------
    objective : Objective
        Its own penalty is not looked at: each call is told one.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.working = WorkingSet(objective)
        self.model = Model(self.working, loops(objective).descend)
        self.columns = ColumnModel(self.working)
        rows = self.working.rows
        self.y, self.offset = rows.y, rows.offset
        self.weight = np.ascontiguousarray(rows.weight, dtype=np.float64)
        self.total = float(self.weight.sum())
        self.sizes = np.repeat(objective.column_sizes, objective.width)
        self.u = np.zeros(self.working.m)
        self._chord = Chord()
        self.last_gradient = np.empty(0)
        many = self.y.size >= _MANY_ROWS and isinstance(objective.loss, Binomial)
        self._fused: Any = import_module("oddsmith.core.fused") if many else None
        self._sides = (1.0 - 2.0 * self.y) / self.weight
        self._unweighted = bool((self.weight == 1.0).all())
        self.margin = np.array(self.offset, dtype=np.float64)

    def place(self, coef: Array) -> None:
        """Stand at coef, whose coordinates that are not 0 join the working set."""
        ids = np.flatnonzero(coef)
        self.add(np.setdiff1d(ids, self.working.ids))
        self.u = coef[self.working.ids]
        self.margin = self.working.times(self.u) + self.offset

    def add(self, ids: Any) -> None:
        """Let coordinates join the working set, with coefficients of 0."""
        self.working.add(ids)
        self.u = np.concatenate([self.u, np.zeros(ids.size)])

    def leave(self, kept: Any) -> None:
        """Keep these of the working set's coordinates; the others are at 0."""
        self.working.drop(kept)
        self.u = self.u[kept]

    def leap(self, before: Point, length: float, penalty: Penalty) -> None:
        """Go on along the line from an earlier point, if that is downhill."""
        own = penalty.at(self.working.ids)
        coef = before.coef(self.objective.size)
        change = self.u - coef[self.working.ids]
        coef[self.working.ids] = 0.0
        if own.bounded or coef.any():
            return  # it could leave the bounds, or had columns that are no longer held
        u = self.u + length * change
        margin = self.margin + length * (self.margin - before.margin)
        here = self.at(self.margin).value + own.value(self.u)
        if self.at(margin).value + own.value(u) < here:
            self.u, self.margin = u, margin

    def at(self, margin: Array, u: Array | None = None) -> Point:
        """Losses, slopes and curvatures at margins, of coefficients u or those that are now."""
        n = self.y.size
        if self._fused is not None:
            losses, slope, bend = np.empty(n), np.empty(n), np.empty(n)
            weight = np.empty(0) if self._unweighted else self.weight
            self._fused.binomial(self.y, weight, margin, losses, slope, bend)
        else:
            losses, slope, bend = self.objective.loss.derivatives(margin, self.y)
            by_row = self.weight if margin.ndim == 1 else self.weight[:, None]
            slope, bend = slope * by_row, bend * by_row
        value = float(self.weight @ losses)
        u = self.u if u is None else u
        return Point(self.working.ids, u, margin, losses, slope, bend, value)

    def settle(self, penalty: Penalty, tol: float, linear: bool = False) -> Settled:
        """Walk to the minimum over the working set.

        Parameters
        ----------
        penalty : Penalty
        tol : float
            Gap to reach (nats).
        linear : bool
            Whether a step's own dual point may end the walk, if tol is loose enough for it.
        """
        own = penalty.at(self.working.ids)
        sizes = self.sizes[self.working.ids]
        linear = linear and self._has_linear_dual(own, tol)
        best, lowest, idle = math.inf, math.inf, 0
        self._chord.begin()
        while True:
            here, correction = self.centred(own)
            v = self.working.transposed_times(here.slope)
            if own.bounded:
                correction = self.left_at(here, own)
            gap = duality_gap(own, self.u, v, here.losses, self.weight, correction, sizes)
            value = here.value + own.value(self.u)
            # Where classes are nearly separated the gap tells nothing for long.
            moves = gap < 0.7 * best or value < lowest - _LEAST_FALL * gap
            idle = 0 if moves else idle + 1
            best, lowest = min(best, gap), value if moves else lowest
            self.last_gradient = v
            if gap <= tol or self._as_good(gap, own, here, sizes):
                return Settled(here, gap)
            if idle > _MOST_IDLE:
                if not (gap > _NEAR_ROUNDING * self.total and self.working.sharpen()):
                    return Settled(here, gap)
                idle = 0
            new, after = self._modelled(penalty, here, v + own.diagonal * self.u, gap, tol)
            walked = self._walk(here, own, new, linear)
            self._chord.took(walked.length, walked.shortened)
            if linear and after is not None and not walked.shortened:
                end = self._linear_end(own, here, walked, after - own.diagonal * new)
                if end.gap <= _ENOUGH * tol:
                    return end

    def _has_linear_dual(self, own: Penalty, tol: float) -> bool:
        """Whether two classes without bounds, of which the intercept alone is not penalised."""
        if self.objective.width > 1 or own.bounded or tol < _LOOSE * self.total:
            return False
        free = np.flatnonzero(unpenalised(own, self.u))
        return free.size == 0 or self._only_intercepts(free)

    def _modelled(
        self, penalty: Penalty, here: Point, q: Array, gap: float, tol: float
    ) -> tuple[Array, Array | None]:
        """Minimum of the model, and the gradient there where the model has a Hessian."""
        working = self.working
        own = penalty.at(working.ids)
        if not (working.ready or working.precise) and self.columns.cheaper:
            # Gaps are as changes, not as their squares: the dual point is made feasible.
            share = max(_INEXACT * tol / gap, _LEAST_SHARE) ** 2
            return self.columns.minimum(here.bend, q, self.u, own, share), None
        if self._chord.renews(working.ready, working.m, gap, tol):
            working.refresh(self._curvatures(here), penalty.diagonal)
        return self.model.minimum(q, self.u, own, 1e-6 * min(gap, 1.0))

    def _linear_end(self, own: Penalty, here: Point, walked: Walked, v: Array) -> Settled:
        """Where a step led, and what its own dual point tells of it."""
        there, curvature = walked.there, self.working.curvature
        slope = here.slope + curvature * walked.moved
        free = self.objective.design.intercept
        dual = linear_dual(slope, curvature, v, (there.slope, there.bend), self._sides, free)
        sizes = self.sizes[self.working.ids]
        gap = duality_gap(own, self.u, v, there.losses, self.weight, dual.left, sizes, dual.further)
        self.last_gradient = v
        return Settled(there, gap, dual)

    def _as_good(self, gap: float, own: Penalty, here: Point, sizes: Array) -> bool:
        """Whether a gap is what rounding leaves, so that no step makes it smaller."""
        if gap > _NEAR_ROUNDING * self.total:
            return False
        return gap <= 1.05 * least_gap(own, self.u, here.losses, self.weight, sizes)

    def _curvatures(self, here: Point) -> list[tuple[int, int, Array]]:
        if here.bend.ndim == 1:
            return [(0, 0, here.bend)]
        pairs = self.objective.loss.curvatures(here.margin)
        return [(k, j, self.weight * curvature) for k, j, curvature in pairs]

    def _walk(self, here: Point, own: Penalty, new: Array, anew: bool) -> Walked:
        """Go to the model's minimum, or towards it.

        With `anew` the margins are those of the coefficients, not added up from steps.
        """
        change = new - self.u
        if anew:
            ahead = self.working.times(new) + self.offset
            moved = ahead - here.margin
        else:
            moved = self.working.times(change)
            ahead = here.margin + moved
        length = math.sqrt(max(float((here.bend * moved * moved).sum()), 1e-300))
        value = here.value + own.value(self.u)
        step, there = 1.0, here
        while step > 1e-9:
            margin = ahead if step == 1.0 else here.margin + step * moved
            u = new if step == 1.0 else self.u + step * change
            there = self.at(margin, u)
            if there.value + own.value(u) <= value + _ROUNDING * abs(value):
                self.u, self.margin = u, margin
                return Walked(there, moved, length, step < 1.0)
            step *= 0.5
        return Walked(there, moved, length, True)

    def centred(self, own: Penalty) -> tuple[Point, float]:
        """Move what is not penalised to its minimum; the point, and delta^2 of what is left."""
        here = self.at(self.margin)
        best, left, known = math.inf, math.inf, -1
        low, high = own.bounds()
        for _ in range(_FREE_STEPS):
            free = np.flatnonzero(unpenalised(own, self.u))
            if free.size == 0:
                return here, 0.0
            if free.size != known:  # some have come to their bounds
                best, known = math.inf, free.size
            step, left = self._free_step(here, free)
            if not left < 0.25 * best or left <= _CENTRED * self.total:
                return here, left
            best = left
            step = step / max(1.0, 0.5 * float(np.abs(step).max()))
            there = np.clip(self.u[free] - step, low[free], high[free])
            change = np.zeros(self.u.size)
            change[free] = there - self.u[free]
            self.u = self.u.copy()
            self.u[free] = there
            self.margin = self.margin + self._margins_of(change, free)
            here = self.at(self.margin)
        return here, left

    def with_dual(self, own: Penalty) -> tuple[Point, Point, float, float]:
        """Point where the walk stands, and one beside it for the dual; delta^2 of either.

        An intercept that columns far from 0 make large is rounded, and moves all margins. The dual
        point need not: it is taken from where what is not penalised is at its minimum.
        """
        u, margin = self.u, self.margin
        here = self.at(margin)
        correction = self.left_at(here, own)
        if correction <= _CENTRED * self.total:
            return here, here, 0.0, correction
        dual, left = self.centred(own)
        left = self.left_at(dual, own) if own.bounded else left
        self.u, self.margin = u, margin
        return here, dual, correction, left

    def left_at(self, here: Point, own: Penalty) -> float:
        """Compute delta^2 of what is not penalised, where the walk stands."""
        v, small = None, None
        if own.bounded:
            v = self.working.transposed_times(here.slope)
            small = smallest(self.sizes[self.working.ids], self.total)
        free = np.flatnonzero(unpenalised(own, self.u, v, small))
        return self._free_step(here, free)[1] if free.size else 0.0

    def _margins_of(self, change: Array, free: Any) -> Array:
        K = self.objective.width
        if self._only_intercepts(free):
            return change[0] if K == 1 else change[:K]  # type: ignore[return-value]
        return self.working.times(change)

    def _only_intercepts(self, free: Any) -> bool:
        K = self.objective.width
        return bool(self.objective.design.intercept and free.size == K and free[-1] == K - 1)

    def _free_step(self, here: Point, free: Any) -> tuple[Array, float]:
        """Newton step of the unpenalised coordinates, and v'H^-1 v there."""
        if self.objective.width == 1 and self._only_intercepts(free):
            pull, h = float(here.slope.sum()), float(here.bend.sum())
            return np.array([pull / h if h > 0 else 0.0]), pull**2 / h if h > 0 else math.inf
        if self._only_intercepts(free):
            a = softmax(here.margin)
            own = here.bend.sum(axis=0)
            hessian, v = -(a.T @ (self.weight[:, None] * a)), here.slope.sum(axis=0)
            np.fill_diagonal(hessian, own)
        else:
            hessian, v = self.working.exact(free, self._curvatures(here), here.slope)
        solution: Any = np.linalg.lstsq(hessian, v, rcond=1e-13)[0]
        left = v - hessian @ solution
        size = max(float(v @ solution), 0.0)
        # What no direction with curvature explains is rounding, or nothing is proved.
        lost = float(np.abs(left).max()) > 1e-9 * math.sqrt(size * self.total) + 1e-15 * self.total
        return solution, math.inf if lost else size

    def pull(self, slopes: list[Array]) -> list[Array]:
        """Gradients of the losses, flat, at several weighted slopes: one pass."""
        K = self.objective.width
        R = np.column_stack([slope.reshape(-1, K) for slope in slopes])
        whole = self.working.whole_transposed_times(np.ascontiguousarray(R))
        return [whole[:, i * K : (i + 1) * K].ravel() for i in range(len(slopes))]

    def gap(
        self,
        penalty: Penalty,
        here: Point,
        v: Array,
        left: float,
        dual: Point | None = None,
        correction: float = 0.0,
        further: Array | None = None,
    ) -> float:
        """Proved bound on f - min f at a point, from the gradient of all coordinates (nats).

        Parameters
        ----------
        penalty : Penalty
        here : Point
        v : array of shape (size,)
            Gradient of the losses at the dual's point.
        left : float
            delta^2 there.
        dual : Point, optional
            Another point, for the dual, with the same coefficients but for those not penalised.
        correction : float
            delta^2 between the two.
        further : array of shape (n,), optional
            Where the dual point is another still, see `duality_gap`.
        """
        if not correction <= self.total * _LARGEST_SHIFT:
            return math.inf
        coef = here.coef(self.objective.size)
        losses = here.losses if dual is None else dual.losses
        gap = duality_gap(penalty, coef, v, losses, self.weight, left, self.sizes, further)
        # Relative entropies add as squares of lengths do, within a factor where steps are short.
        gap = (math.sqrt(gap) + math.sqrt(correction)) ** 2
        # Margins are rounded: coef is as if moved by that much, with curvatures <= 1/4.
        moved = self.objective.margin_rounding(coef)
        return (math.sqrt(gap) + moved * math.sqrt(self.total / 8.0)) ** 2
