"""A path of penalties from large to small by sums over rows alone: files, clusters.

The Hessian and the gradient of one solution predict the next: the model of the losses there, under
the next penalty, has its minimum about where the next solution is (Efron, Hastie, Johnstone and
Tibshirani, 2004, follow such a path; Friedman, Hastie and Tibshirani, 2010, start from the last).
One pass lands there and often proves it; further steps are those of `proximal_newton_rows`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from oddsmith.core.moments import Moments
from oddsmith.core.objective import Objective
from oddsmith.core.penalty import Limits
from oddsmith.solvers.path import Station, largest_lambda
from oddsmith.solvers.proximal_newton_rows import Ahead, Landed, RowWalk

__all__ = ["null_landing", "row_stations"]

# Steps at the most for one penalty.
_MOST_STEPS = 50
# Of the largest penalty, relative to it.
_ROUNDING = 1e-12
# Part of a null fit's gap that its last step looks at.
_LAST = 1e-6


def null_landing(objective: Objective, tol: float) -> Landed:
    """Fit what the penalty does not hold: intercepts, and columns of factor 0.

    Parameters
    ----------
    objective : Objective
        Its l1 and l2 say nothing.
    tol : float
        Gap to reach (nats).
    """
    p = objective.source.n_features
    free = Limits(np.ones(p), np.full(p, -np.inf), np.full(p, np.inf))
    limits = free if objective.limits is None else objective.limits
    held = replace(limits, factors=np.where(limits.factors == 0, 0.0, np.inf))
    walk = RowWalk(replace(objective, l1=objective.weight, l2=0.0, limits=held))
    start = np.zeros(objective.size)
    here = _best(walk, walk.land(start, walk.columns(start, None)), tol)
    # Gradients, from which a path's largest penalty is, err by the root of a gap: a step more.
    ahead = Ahead(here, here.model.minimum(here.coef, here.v, _LAST * tol))
    return walk.follow(ahead, anew=True) or here


def row_stations(
    objective: Objective, penalties: Sequence[tuple[float, float]], tol: float, null: Landed
) -> Iterator[Station]:
    """Solve for each penalty in turn.

    Parameters
    ----------
    objective : Objective
        But for its penalty.
    penalties : sequence of (l1, l2)
        Descending.
    tol : float
        Gap to reach (nats).
    null : Landed
        See `null_landing`.
    """
    last = null
    for index, (l1, l2) in enumerate(penalties):
        walk = RowWalk(replace(objective, l1=l1, l2=l2))
        here = _under(walk.objective, last, tol)
        there = None
        if not _held(walk.objective, here):
            ahead = Ahead(here, here.model.minimum(here.coef, here.v, tol))
            there = walk.follow(ahead, anew=True)
        if there is None:  # nothing leads down from there, or rounding hides what does
            there = walk.land(here.coef, walk.columns(here.coef, here.v))
        last = _best(walk, there, tol)
        yield Station(index, last.coef, last.loss, last.gap)


def _held(objective: Objective, here: Landed) -> bool:
    """Whether the penalty holds all that it can hold at 0, but for rounding."""
    kinked = objective.penalty.l1 > 0
    all_at_0 = bool(kinked.any()) and not here.coef[kinked].any()
    return all_at_0 and largest_lambda(objective.penalty, here.v) <= 1.0 + _ROUNDING


def _under(objective: Objective, last: Landed, tol: float) -> Landed:
    """Where the last walk ended, seen with another penalty; nothing is proved of it."""
    penalty, proof = objective.penalty, last.certificate
    value = last.loss + penalty.value(last.coef)
    moments = Moments(objective.weight, value, last.v + penalty.gradient(last.coef))
    certificate = replace(proof, gap=tol, moments=moments)
    model = last.model.under(penalty)
    return Landed(last.coef, last.v, model, last.formed, certificate, last.loss)


def _best(walk: RowWalk, here: Landed, tol: float) -> Landed:
    """Walk on until the gap is small enough, or nothing leads on: the best proved point."""
    best = here
    if best.gap <= tol:
        return best
    for step, ahead in enumerate(walk.onward(here)):
        best = min(best, ahead.here, key=lambda landed: landed.gap)
        if best.gap <= tol or step == _MOST_STEPS:
            break
    return best
