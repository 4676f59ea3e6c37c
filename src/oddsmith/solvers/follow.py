"""Ever other penalties on the same tall rows: each fit from where the last ended, in its metric.

The curvature of a sample of the rows hardly changes from one penalty to the next but for the
penalty itself, which is known; so that after the first fit a pass or two are enough.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from oddsmith.core.certificate import FLOOR
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.curvature import Curvature
from oddsmith.solvers.lbfgs import quasi_newton
from oddsmith.solvers.sampled import SampledLBFGS

__all__ = ["follow"]

_MOST_PASSES = 30
# Estimate (nats per unit of weight) from which on a proof is worth asking for.
_NEAR = 1e-10
# A walk of more passes than this has left the metric behind: the next begins with a new sample.
_FEW_PASSES = 4


def follow(
    objective: Objective, l2: Array, tol: float, memory: int = 20
) -> Iterator[tuple[Array, float] | None]:
    """Fit every penalty in turn.

    Parameters
    ----------
    objective : Objective
        Over many more rows than columns, of a source that gives samples.
    l2 : array of shape (C,)
        Penalties, > 0; neighbours should be near each other.
    tol : float
        Gap to reach (nats per unit of weight).
    memory : int
        Steps of a walk that are remembered.

    Yields
    ------
    coef, gap : array of shape (q,) and float, or None
        Coefficients as the user gets them, and what is proved of them (nats per unit of weight);
        None where nothing is proved in a few passes.
    """
    solver, metric, coef = SampledLBFGS(), None, np.zeros(objective.size)
    unit = replace(objective, l2=1.0).penalty.diagonal
    before = 0.0
    for own in l2.tolist():
        here, begin = replace(objective, l2=own), coef
        metric = None if metric is None else metric.lifted((own - before) * unit)
        if metric is None:
            known = solver.sampled(here, coef)
            if known is None:
                yield None
                continue
            # Where the last fit ended is nearer than the optimum of a sample.
            begin, metric = (begin, known[1]) if before else known
        walk = list(_until_proved(_walk(here, begin, metric, memory), tol))
        coef, gap = walk[-1]
        before, metric = own, metric if len(walk) <= _FEW_PASSES else None
        yield (coef, gap) if gap <= tol else None


def _until_proved(walk: Iterator[tuple[Array, float]], tol: float) -> Iterator[tuple[Array, float]]:
    for coef, gap in walk:
        yield coef, gap
        if gap <= tol:
            return


def _walk(
    objective: Objective, start: Array, metric: Curvature, memory: int
) -> Iterator[tuple[Array, float]]:
    """Points of a walk, rounded as the user gets them, with what is proved there."""
    walk = quasi_newton(objective, start, metric, memory)
    for coef, here, estimate in islice(walk, _MOST_PASSES):
        gap = np.inf
        if estimate <= _NEAR * objective.weight:
            given = objective.as_given(coef)
            here = here if np.array_equal(given, coef) else objective.evaluate(given, 1)
            proof = metric.certificate(objective, given, here)
            gap = np.inf if proof is None else max(proof.gap / objective.weight, FLOOR)
        yield coef, gap
