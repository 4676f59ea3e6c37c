"""Newton's method for many fits at once: the same rows, other parts of them, other penalties.

A pass is shared by all fits that are not done, so that fifty small fits cost little more than the
arithmetic of their Hessians. Each fit keeps its Hessian while steps in its metric shrink fast
(Kelley, 1995, "Iterative methods for linear and nonlinear equations", 5.4.1), and is proved by it.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oddsmith.core.certificate import FLOOR, certificate_by_curvature
from oddsmith.core.each import EachMoments, EvaluateEach, ReachEach, WeighParts
from oddsmith.core.moments import Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array

__all__ = ["Outcome", "fit_each", "gaps_by_curvature", "inverse_factors"]

_MOST_PASSES = 60
# A step in the metric of a Hessian that is kept divides the estimate by this much at the least.
_CONTRACTION = 0.01
# Estimate (nats per unit of weight) from which on a Hessian is kept.
_NEAR = 1e-6
# Part of the tolerance that the last step, which nobody looks at, must be thought to lead to.
_DONE = 0.01
_LEAST_PIVOT = 1e-8
# Log-odds that changed by more make a curvature too little to prove with: e**40 of nothing.
_FAR = 40.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the fits ended.

    Attributes
    ----------
    coefs : array of shape (F, C, q)
        In the design's coordinates, rounded as the user gets them.
    gaps : array of shape (F, C)
        Proved bounds on the distance from each minimum (nats per unit of weight); inf where
        nothing is proved.
    held_out : array of shape (F, C)
        Mean loss in the rows that each is scored on (nats per unit of weight).
    """

    coefs: Array
    gaps: Array
    held_out: Array


@dataclass(slots=True)
class _Fits:
    """Where fits with one penalty stand; rows of the arrays are fits."""

    coefs: Array
    penalty: Array
    values: Array
    estimates: Array
    steps: Array
    # L^-1 for the Cholesky factor L of the Hessian that each keeps, and where that was formed.
    inverses: Array
    points: Array
    active: Any
    fresh: Any

    @classmethod
    def at(cls, start: Array, penalty: Array) -> "_Fits":
        F, q = start.shape
        far = np.full(F, math.inf)
        return cls(
            start.copy(),
            penalty,
            far,
            far.copy(),
            np.zeros((F, q)),
            np.zeros((F, q, q)),
            start.copy(),
            np.ones(F, dtype=bool),
            np.ones(F, dtype=bool),
        )


def fit_each(objective: Objective, l2: Array, n_parts: int, tol: float) -> Outcome:
    """Fit every part with every penalty, from the first on, each from where the last ones ended.

    Parameters
    ----------
    objective : Objective
        Of two classes, with labels as `core.each.with_parts` makes them, over all rows; it gives
        the design, and bounds of the columns that hold for every part.
    l2 : array of shape (C,)
        Penalties, all > 0; neighbours should be near each other.
    n_parts : int
        F: fit f is of the rows of part f, and scored on those of part F + f.
    tol : float
        Gap to reach (nats per unit of weight).

    Returns
    -------
    Outcome
    """
    unit = replace(objective, l2=1.0).penalty.diagonal
    weights = objective.source.fold(WeighParts(2 * n_parts)).parts
    coefs = np.zeros((2, n_parts, unit.size))
    ends: list[_Fits] = []
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for own in l2.tolist():
            # On a straight line in the number of the penalty, as they are spaced.
            fits = _Fits.at(2.0 * coefs[1] - coefs[0] if len(ends) > 1 else coefs[1], own * unit)
            ends.append(_fitted(objective, fits, weights, tol))
            coefs = np.stack([coefs[1], fits.coefs])
        return _outcome(objective, ends, l2, weights)


def _fitted(objective: Objective, fits: _Fits, weights: Array, tol: float) -> _Fits:
    for _ in range(_MOST_PASSES):
        now = np.flatnonzero(fits.active)
        if now.size == 0:
            break
        wanted = np.flatnonzero(fits.fresh[now])
        asked = EvaluateEach(objective.design, fits.coefs[now], now, wanted)
        _step(fits, now, _with_penalty(objective, asked, fits.penalty), weights[now], tol)
    return fits


def _with_penalty(objective: Objective, asked: EvaluateEach, penalty: Array) -> EachMoments:
    """Values, gradients and some Hessians, penalties included."""
    sums, coefs = objective.source.fold(asked), asked.coefs
    hessians = sums.hessians.copy()
    # The diagonals, as a view.
    np.einsum("mii->mi", hessians)[:] += np.broadcast_to(penalty, coefs.shape)[asked.wanted]
    return replace(
        sums,
        values=sums.values + 0.5 * (penalty * coefs * coefs).sum(axis=1),
        gradients=sums.gradients + penalty * coefs,
        hessians=hessians,
    )


def _step(fits: _Fits, now: Any, sums: EachMoments, weights: Array, tol: float) -> None:
    """Move every fit that is not done: on, back half of its last step, or nowhere."""
    wanted = now[fits.fresh[now]]
    if wanted.size:
        fits.inverses[wanted], fits.points[wanted] = (
            inverse_factors(sums.hessians),
            fits.coefs[wanted],
        )
    inverse = fits.inverses[now]
    whitened = np.matmul(inverse, sums.gradients[:, :, None])
    steps = np.matmul(inverse.transpose(0, 2, 1), whitened)[:, :, 0]
    estimates = 0.5 * (whitened[:, :, 0] ** 2).sum(axis=1)
    last = fits.estimates[now]
    # Values near the minimum differ by rounding; there the estimates have judged already.
    worse = (sums.values > fits.values[now]) & ~(estimates <= last)
    lost = ~np.isfinite(estimates)
    slow = ~fits.fresh[now] & (estimates > _CONTRACTION * last) & ~worse
    # Where a value rose, half of the step is taken back; the Hessian there is a new one.
    half = 0.5 * fits.steps[now[worse]]
    fits.coefs[now[worse]] += half
    fits.steps[now[worse]] = half
    on = ~(worse | slow | lost)
    ahead = now[on]
    fits.coefs[ahead] -= steps[on]
    fits.steps[ahead], fits.values[ahead] = steps[on], sums.values[on]
    fits.estimates[ahead] = estimates[on]
    fits.estimates[now[slow]] = math.inf
    # The next step divides the estimate by as much as the last one has.
    divided = np.where(np.isfinite(last), np.minimum(estimates / last, 1.0), 1.0)
    fits.active[now] = ~(on & (divided * estimates <= _DONE * tol * weights) | lost)
    fits.fresh[now] = ~(on & (estimates <= _NEAR * weights))


def _outcome(objective: Objective, ends: list[_Fits], l2: Array, weights: Array) -> Outcome:
    """Coefficients as the user gets them, proofs and scores of all fits: two passes."""
    F = ends[0].coefs.shape[0]
    coefs = np.concatenate([fits.coefs for fits in ends])
    if objective.design.standardisation.center.any():
        coefs = np.array([objective.as_given(coef) for coef in coefs])
    penalty = np.repeat([fits.penalty for fits in ends], F, axis=0)
    parts = np.mod(np.arange(F * l2.size, dtype=np.intp), F)
    sums = _with_penalty(
        objective, EvaluateEach(objective.design, coefs, parts, tests=parts + F), penalty
    )
    steps = coefs - np.concatenate([fits.points for fits in ends])
    moved = objective.source.fold(ReachEach(objective.design, steps)).largest
    inverses = np.concatenate([fits.inverses for fits in ends])
    gaps = gaps_by_curvature(
        objective, coefs, sums, weights[parts], inverses, moved, np.repeat(l2, F)
    )
    shape = (l2.size, F)
    held_out = (sums.held_out / weights[parts + F]).reshape(shape).T
    return Outcome(coefs.reshape(*shape, -1).swapaxes(0, 1), gaps.reshape(shape).T, held_out)


def gaps_by_curvature(
    objective: Objective,
    coefs: Array,
    sums: EachMoments,
    weights: Array,
    inverses: Array,
    moved: Array,
    l2: Array,
) -> Array:
    """Prove M fits by Hessians L L' of near by, see `certificate_by_curvature`.

    Parameters
    ----------
    objective : Objective
        Over all rows.
    coefs : array of shape (M, q)
    sums : EachMoments
        Values and gradients of the fits, penalties included.
    weights : array of shape (M,)
    inverses : array of shape (M, q, q)
        L^-1.
    moved : array of shape (M,)
        Log-odds differ at most by this from those where the Hessians were formed.
    l2 : array of shape (M,)

    Returns
    -------
    array of shape (M,)
        Proved gaps (nats per unit of weight); inf where nothing is proved.
    """
    whitened = np.matmul(inverses, sums.gradients[:, :, None])[:, :, 0]
    decrements = np.sqrt((whitened**2).sum(axis=1))
    rows = np.sqrt(((np.abs(inverses) @ objective.largest_entries) ** 2).sum(axis=1))
    # Hessians shrink at most so: Bach, 2010, proposition 1.
    grown = np.exp(0.5 * moved)
    gaps = np.full(l2.size, math.inf)
    for m in np.flatnonzero(np.isfinite(decrements) & (moved < _FAR)).tolist():
        weight = float(weights[m])
        columns = replace(objective.columns, weight=weight)
        own = replace(objective, columns=columns, l2=float(l2[m]))
        here = Moments(weight, float(sums.values[m]), sums.gradients[m])
        decrement, row = float(grown[m] * decrements[m]), float(grown[m] * rows[m])
        proof = certificate_by_curvature(own, coefs[m], here, decrement, row)
        if proof is not None:
            gaps[m] = max(proof.gap / weight, FLOOR)
    return gaps


def inverse_factors(hessians: Array) -> Array:
    """L^-1 of each Hessian L L'; numbers that are none where it is not surely definite."""
    unit = 1.0 / np.sqrt(np.diagonal(hessians, axis1=1, axis2=2))
    scaled = hessians * unit[:, :, None] * unit[:, None, :]
    good = np.isfinite(scaled).all(axis=(1, 2))
    scaled[~good] = np.eye(unit.shape[1])
    try:
        lower = np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:  # one of them; nothing is told of the others
        return np.full_like(hessians, np.nan)
    good &= np.diagonal(lower, axis1=1, axis2=2).min(axis=1, initial=1.0) ** 2 > _LEAST_PIVOT
    inverses = np.linalg.inv(lower) * unit[:, None, :]
    inverses[~good] = np.nan
    return inverses
