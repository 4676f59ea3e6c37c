"""Proximal Newton steps on a working set of columns: L1, elastic net and bounds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.block import ColumnSource
from oddsmith.core.certificate import FLOOR, Certificate
from oddsmith.core.moments import LineMoments, Moments
from oddsmith.core.objective import Objective
from oddsmith.core.penalty import Penalty
from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError
from oddsmith.solvers.coordinate_descent import CoordinateDescent
from oddsmith.solvers.parameters import Parameters, require_whole
from oddsmith.solvers.path import largest_lambda, missed
from oddsmith.solvers.run import Iterate

__all__ = ["ProximalNewton"]

# Each stage has a penalty smaller by this, down to the one that is asked for; at the most so many.
_STAGE, _MOST_STAGES = 0.1, 20
# Gap (of the objective) that is good enough for a stage on the way.
_ROUGH = 1e-2
# What a walk over the working set leaves of the gap that all columns have.
_SHARE = 1e-3
# Gap per unit of weight that rounding leaves room for.
_FINEST = 2.0**-44
# Columns that join at once, at the least, and relative to those in the model.
_FEWEST, _GROWTH = 400, 3
# The same where no Hessian is formed, so that a column costs no more than its entries.
_FEWEST_SPARSE = 4000
# Part of the columns in the model that is few: what they change is small.
_FEW = 0.05


@dataclass
class ProximalNewton(Parameters):
    """Proximal Newton method on a working set, for L1 and elastic net penalties and bounds.

    One pass over the columns finds those whose gradient is larger than their penalty; they join
    a working set, over which `CoordinateDescent` walks to the minimum; and so on, until no
    column is missed. On the way to a small penalty larger ones are passed (Lee, Sun and Saunders,
    2014; Johnson and Guestrin, 2015, "Blitz"; Tibshirani et al., 2012). Memory: the columns of the
    working set.

    Parameters
    ----------
    max_iter : int
        Passes over the columns at the most.

    Examples
    --------
    >>> ProximalNewton().name
    'proximal-newton'
    """

    max_iter: int = 100
    name = "proximal-newton"
    order = 1
    handles_l1 = True
    by_column = True

    def __post_init__(self) -> None:
        require_whole("max_iter", self.max_iter)

    def iterates(self, objective: Objective, start: Array) -> Iterator[Iterate]:
        """Walk from start, until no step is left.

        Raises
        ------
        ParameterError
            If the source cannot be read column by column.
        """
        if not isinstance(objective.source, ColumnSource):
            raise ParameterError(
                "solver='proximal-newton' needs rows in memory; use GradientDescent(...)."
            )
        proof = _Proof(CoordinateDescent(objective), objective, objective.penalty)
        walk, penalty = proof.walk, objective.penalty
        walk.place(np.clip(start, *penalty.bounds()))
        walk.add(np.setdiff1d(np.flatnonzero(penalty.l1 == 0), walk.working.ids))
        if not walk.u.any():  # what is not penalised comes first: no pass over the columns
            walk.settle(penalty, _ROUGH * _FINEST * objective.weight)
        here = proof.iterate()
        yield here
        stage = max(1.0, largest_lambda(penalty, _outside(walk, proof.v)))
        gap, shrink = math.inf, min(_STAGE, stage ** (-1.0 / _MOST_STAGES))
        while True:
            following = max(1.0, shrink * stage)
            lacking = _lacking(walk, penalty, proof.v, following)
            walk.add(lacking)
            finest = _FINEST * objective.weight
            few = lacking.size <= _FEW * np.count_nonzero(walk.u) and walk.columns.able
            tol = finest if few else max(_SHARE * gap if lacking.size else finest, finest)
            if math.isinf(gap):
                tol = _ROUGH * here.value
            walk.settle(penalty.times(following), tol)
            here, stage = proof.iterate(), following
            yield here
            if stage == 1.0:
                done = not lacking.size and not here.estimate < 0.5 * gap
                gap = here.estimate
                if done:
                    return


def _outside(walk: CoordinateDescent, v: Array) -> Array:
    """Gradient of the coordinates that are at 0."""
    outside = v.copy()
    outside[walk.working.ids[walk.u != 0]] = 0.0
    return outside


def _lacking(walk: CoordinateDescent, penalty: Penalty, v: Array, stage: float) -> Any:
    """Coordinates that the penalty does not hold at 0: the most urgent of them, ascending."""
    found = missed(penalty.times(stage), v, walk.working.ids)
    fewest = _FEWEST_SPARSE if walk.columns.able else _FEWEST
    most = max(fewest, _GROWTH * int((walk.u != 0).sum()))
    if found.size <= most:
        return found
    urgency = np.abs(v[found]) / penalty.l1[found]
    return np.sort(found[np.argpartition(-urgency, most)[:most]])


class _Proof:
    """What is known of the coefficients where a walk stands: its gradient, and the gap."""

    def __init__(self, walk: CoordinateDescent, objective: Objective, penalty: Penalty) -> None:
        self.walk, self.objective, self.penalty = walk, objective, penalty
        self.v = np.empty(0)
        self._coef = np.empty(0)
        self._certificate: Certificate | None = None

    def iterate(self) -> Iterate:
        """Iterate where the walk stands: one pass."""
        coef = np.zeros(self.objective.size)
        coef[self.walk.working.ids] = self.walk.u
        proof = self._proved(coef)
        steepest = self.penalty.steepest(coef, proof.moments.gradient)
        value = proof.moments.value
        return Iterate(coef, value, steepest, proof.gap, proof, coef, nearby=self.nearby)

    def nearby(self, coef: Array) -> Certificate | None:
        """Certificate at coef; None where it needs other columns than the walk's."""
        if np.array_equal(coef, self._coef):
            return self._certificate
        walk = self.walk
        if np.count_nonzero(coef) > np.count_nonzero(coef[walk.working.ids]):
            return None
        walk.place(coef)
        return self._proved(coef)

    def _proved(self, coef: Array) -> Certificate:
        walk, penalty, weight = self.walk, self.penalty, self.objective.weight
        # Margins that were added up from steps would be about other coefficients.
        walk.margin = walk.working.times(walk.u) + walk.offset
        here, dual, correction, left = walk.with_dual(penalty.at(walk.working.ids))
        self.v = walk.pull([dual.slope])[0]
        value = here.value + penalty.value(coef)
        moved = self.objective.margin_rounding(coef)
        rounding = 8.0 * FLOOR * value + moved * weight
        gap = min(walk.gap(penalty, here, self.v, left, dual, correction) + FLOOR * value, value)
        gradient = self.v + penalty.gradient(coef)
        line = LineMoments(np.empty(0), gap, math.inf, -math.inf, math.inf)
        moments = Moments(weight, value, gradient)
        zero = np.zeros_like(coef)
        self._coef = coef
        self._certificate = Certificate(min(gap, value), line, moments, zero, rounding)
        return self._certificate
