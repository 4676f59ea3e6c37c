"""L-BFGS: a quasi-Newton method that remembers a few steps instead of a Hessian."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import NamedTuple, Protocol

import numpy as np
from scipy.linalg import blas

from oddsmith.core.certificate import certificate_by_penalty
from oddsmith.core.moments import Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.column_metric import ColumnMetric
from oddsmith.solvers.line_search import sufficient
from oddsmith.solvers.parameters import Parameters, require_whole
from oddsmith.solvers.run import Iterate

__all__ = ["LBFGS", "Diagonal", "Metric", "quasi_newton", "two_loop_recursion"]


class Pair(NamedTuple):
    """A step s, the change y of the gradient on it, s'y, and y'A^-1 y in a metric A."""

    step: Array
    change: Array
    curvature: float
    size: float


Pairs = deque[Pair]

_LONGER = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
_SHORTER = tuple(0.5**k for k in range(1, 13))
# A whole step is kept if the slope at its end has fallen to this share (Wolfe's second test).
_WOLFE = 0.9
# A guess of less than this part of a step tells of slopes that do not fall evenly.
_LEAST_GUESS = 0.05
# Steps in a row that do not lower the objective: it is as low as its rounding lets it be.
_STALE = 20
# Steps until the curvatures are looked at anew; twice as many each time.
_STEPS = 50
# A bound by the penalty alone that is at most this many estimates comes for a few steps more,
# which also serve the coefficients: other proofs would cost as many passes.
_DEAR = 1e4
# So many coefficients are better proved by their Hessian, which gives a Newton step as well.
_FEW = 500
# The proof may be worse than what is about its gap, and is dearer than a step.
_ROOM = 1.5


class Metric(Protocol):
    """A positive definite matrix that is about the Hessian, up to a factor."""

    def times(self, vector: Array, /) -> Array:
        """Matrix times a vector."""
        ...

    def solve(self, vector: Array, /) -> Array:
        """Inverse times a vector."""
        ...


@dataclass(frozen=True, slots=True)
class Diagonal:
    """A diagonal matrix, entries > 0, as a metric."""

    entries: Array

    def times(self, vector: Array) -> Array:
        """Diagonal times a vector."""
        return self.entries * vector

    def solve(self, vector: Array) -> Array:
        """Inverse times a vector."""
        return vector / self.entries


def two_loop_recursion(gradient: Array, pairs: Pairs, metric: Metric) -> Array:
    """Inverse quasi-Newton Hessian times the gradient (Nocedal and Wright, algorithm 7.4).

    Parameters
    ----------
    gradient : array of shape (q,)
    pairs : deque of Pair
        Oldest first.
    metric : Metric
        A first guess of the Hessian, up to a factor that the last pair gives.

    Examples
    --------
    >>> two_loop_recursion(np.array([2.0, 8.0]), deque(), Diagonal(np.array([2.0, 4.0])))
    array([1., 2.])
    """
    direction = gradient.copy()
    products: list[float] = []
    for s, y, curvature, _ in reversed(pairs):
        products.append(float(s @ direction) / curvature)
        direction = _plus(direction, -products[-1], y)
    direction = metric.solve(direction)
    if pairs:
        direction *= pairs[-1].curvature / pairs[-1].size
    for s, y, curvature, _ in pairs:
        direction = _plus(direction, products.pop() - float(y @ direction) / curvature, s)
    return direction


def _plus(own: Array, factor: float, other: Array) -> Array:
    """Add factor times another vector to a vector of our own, in its place: one read of both."""
    return blas.daxpy(other, own, a=factor)


@dataclass
class LBFGS(Parameters):
    """Limited-memory BFGS (Nocedal, 1980; Nocedal and Wright, 2006, algorithm 7.5).

    It starts from what the columns tell of the Hessian, see `ColumnMetric`. A whole step is tried
    first and costs one pass; where it goes too far, one more is made where the slopes at its ends
    say that the lowest point is; only where that fails as well, a pass tries many lengths at once.

    Parameters
    ----------
    max_iter : int
        Steps at the most.
    memory : int
        Steps that are remembered.

    Examples
    --------
    >>> LBFGS(memory=5)
    LBFGS(max_iter=10000, memory=5)
    """

    max_iter: int = 10_000
    memory: int = 20
    name = "lbfgs"
    order = 1

    def __post_init__(self) -> None:
        require_whole("max_iter", self.max_iter)
        require_whole("memory", self.memory)

    def iterates(self, objective: Objective, start: Array) -> Iterator[Iterate]:
        """Walk from start, until no step lowers the objective any more."""
        metric, steps = ColumnMetric.of(objective), _STEPS
        coef, first = start, 0
        while True:
            walk = quasi_newton(objective, coef, metric, self.memory)
            seen = first
            for coef, here, estimate in islice(walk, first, steps):
                seen += 1
                yield _iterate(objective, metric, coef, here, estimate)
            if seen < steps:
                return
            # Curvatures may be others where the walk has come to: it goes on from what they are.
            metric, steps, first = ColumnMetric.of(objective, coef), 2 * steps, 1


def _iterate(
    objective: Objective, metric: ColumnMetric, coef: Array, here: Moments, estimate: float
) -> Iterate:
    """Iterate that waits for a proof by the penalty alone, where it is not far."""
    few = objective.size <= _FEW
    bound = np.inf if few else _ROOM * _bound_by_penalty(objective, metric, here.gradient)
    if not bound <= _DEAR * estimate:
        return Iterate(coef, here.value, here.gradient, estimate)
    prove = partial(certificate_by_penalty, objective, coef, here)
    # With sums over classes of 0 it is the same model, and no dearer: what is proved holds.
    coef, estimate = objective.centred(coef), max(bound, estimate)
    return Iterate(coef, here.value, here.gradient, estimate, prove=prove)


def _bound_by_penalty(objective: Objective, metric: ColumnMetric, gradient: Array) -> float:
    """About the gap that `certificate_by_penalty` can prove (nats); inf if there is none."""
    p, K = metric.own.shape
    P = objective.penalty.diagonal[: p * K].reshape(p, K)
    if objective.l1 > 0 or not (P.size and float(P.min()) > 0.0):
        return np.inf
    table = gradient.reshape(-1, K)
    if not metric.whole.size:
        return 0.5 * float((table * table / P).sum())
    centred = table[:p] - metric.mean * table[p]
    return 0.5 * float((centred * centred / P).sum() + (table[p] ** 2 / metric.whole).sum())


def quasi_newton(
    objective: Objective, start: Array, metric: Metric, memory: int
) -> Iterator[tuple[Array, Moments, float]]:
    """Walk from start by the two-loop recursion, until no step lowers the objective any more.

    Yields
    ------
    coef : array of shape (q,)
    moments : Moments
        f and its gradient there.
    estimate : float
        About f(coef) - min f (nats).
    """
    pairs: Pairs = deque(maxlen=memory)
    coef = start
    here = objective.evaluate(coef, 1)
    lowest, since = here.value, 0
    while since < _STALE:
        gradient = here.gradient
        direction = two_loop_recursion(gradient, pairs, metric)
        yield coef, here, 0.5 * float(gradient @ direction)
        found = _search(objective, coef, here, direction)
        if found is None and pairs:
            # Differences of gradients that are mostly rounding mislead: begin afresh.
            pairs.clear()
            direction = metric.solve(gradient)
            found = _search(objective, coef, here, direction)
        if found is None:
            return
        length, there = found
        step = -length * direction
        change = there.gradient - gradient
        pair = Pair(step, change, float(step @ change), float(change @ metric.solve(change)))
        if _informative(pair, metric):
            pairs.append(pair)
        coef, here = coef + step, there
        lowest, since = (here.value, 0) if here.value < lowest else (lowest, since + 1)


def _informative(pair: Pair, metric: Metric) -> bool:
    """Whether a pair tells of curvature, and not of rounding, underflow or nothing."""
    size = float(pair.step @ metric.times(pair.step)) * pair.size
    return pair.curvature > 2.0**-40 * np.sqrt(size) > 0


def _search(
    objective: Objective, coef: Array, here: Moments, direction: Array
) -> tuple[float, Moments] | None:
    """Length of a step that lowers f, and the moments there; None if no length does."""
    slope = float(here.gradient @ direction)
    if not slope > 0:
        return None
    there = objective.evaluate(coef - direction, 1)
    slope_there = float(there.gradient @ direction)
    lower = _lower(here, there, slope, slope_there)
    if lower and abs(slope_there) <= _WOLFE * slope:
        return 1.0, there
    # Where the slope is zero if it falls evenly: as a rule, one pass more is enough.
    length = slope / (slope - slope_there) if slope_there < 0 else 0.0
    if length > _LEAST_GUESS:
        between = objective.evaluate(coef - length * direction, 1)
        if sufficient(here.value, between.value, length, slope):
            return length, between
    lengths = _LONGER if lower and slope_there > 0 else _SHORTER
    values = objective.values_along(coef, direction, lengths)
    best = int(np.argmin(values))
    if not sufficient(here.value, float(values[best]), lengths[best], slope):
        return (1.0, there) if lower else None
    if lengths[best] == 1.0:
        return 1.0, there
    return lengths[best], objective.evaluate(coef - lengths[best] * direction, 1)


def _lower(here: Moments, there: Moments, slope: float, slope_there: float) -> bool:
    """Armijo's test; where values differ by rounding only, on the slopes instead.

    A convex f that still falls, or has risen by less than it fell, at the end of the step is
    lower there (Hager and Zhang, 2005, "approximate Wolfe", equation 4.1).
    """
    if sufficient(here.value, there.value, 1.0, slope):
        return True
    close = abs(there.value - here.value) <= 1e-12 * abs(here.value)
    return close and abs(slope_there) < 0.8 * slope
