"""L-BFGS that starts where a sample of the rows has its optimum, with the sample's Hessian.

For many more rows than columns. A sample of m rows knows the optimum up to about q / 2m nats a
row, and the Hessian up to a part sqrt(q / m); each step over all rows then divides the distance
by about m / q (Erdogdu and Montanari, 2015, "Convergence rates of sub-sampled Newton methods";
Roosta-Khorasani and Mahoney, 2019, "Sub-sampled Newton methods", theorem 2). The optimum is that
of all rows: the sample only says where to begin, in which metric to walk, and, as curvature that
is surely there, how far it can be.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.curvature import Curvature, cholesky
from oddsmith.solvers.lbfgs import quasi_newton
from oddsmith.solvers.newton import Newton
from oddsmith.solvers.parameters import Parameters, require_whole
from oddsmith.solvers.run import Iterate

__all__ = ["SampledLBFGS"]

# A larger part of the rows would cost more than the steps it spares.
_LEAST_STRIDE = 8
# The first sample is every so many rows of the second. Either has so many a coefficient at the
# least: the classes of fewer may be separable, and their optimum is then nowhere.
_COARSER, _LEAST_ROWS = 10, 5
# Newton steps at the most on a sample, whose optimum need not be known better than it is worth.
_STEPS = 30
# Nats a coefficient from a sample's optimum, which is half a nat from that of all rows itself.
_WORTH = 0.1


@dataclass
class SampledLBFGS(Parameters):
    """L-BFGS, started and preconditioned by a sample of the rows.

    A first sample gives the start of Newton's method on a second, larger one, whose Hessian is
    the metric of the walk over all rows: one pass an iteration, and the proof costs none. Samples
    are every k-th row by number, so that a fit can be repeated, whoever folds.

    Parameters
    ----------
    max_iter : int
        Steps at the most.
    memory : int
        Steps that are remembered.
    rows_a_column : int
        Rows of the larger sample for each column of the design, where there are many more.

    Examples
    --------
    >>> SampledLBFGS().name
    'sampled-lbfgs'
    """

    max_iter: int = 1000
    memory: int = 20
    rows_a_column: int = 2000
    name = "sampled-lbfgs"
    order = 1

    def __post_init__(self) -> None:
        require_whole("max_iter", self.max_iter)
        require_whole("memory", self.memory)
        require_whole("rows_a_column", self.rows_a_column)

    def iterates(self, objective: Objective, start: Array) -> Iterator[Iterate]:
        """Walk from where the sample's optimum is; where no sample tells, Newton from start."""
        known = self.sampled(objective, start)
        if known is None:
            yield from Newton(self.max_iter).iterates(objective, start)
            return
        begin, metric = known
        for coef, here, estimate in quasi_newton(objective, begin, metric, self.memory):
            prove = partial(metric.certificate, objective, coef, here)
            yield Iterate(coef, here.value, here.gradient, estimate, prove=prove)

    def sampled(self, objective: Objective, start: Array) -> tuple[Array, Curvature] | None:
        """Where the walk begins, and its metric; None where a sample does not tell."""
        q = objective.size // objective.width
        # A Hessian's time grows with the square of the margins, a pass's with their number.
        rows = self.rows_a_column * q // objective.width
        # A power of two, as files have: their sample is halved as their rows turn out to be more.
        stride = 2 ** round(math.log2(max(_LEAST_STRIDE, objective.source.n_rows / rows)))
        part = objective.sample(stride)
        if part is None or part.source.n_rows < _LEAST_ROWS * part.size:
            return None
        near = self._near_optimum(part, start)
        known = None if near is None else _metric(part, objective, near)
        if known is None:
            return None
        metric, begin = known
        # With sums over classes of 0, nothing moves along the directions that were grounded.
        return objective.centred(begin), metric

    def _near_optimum(self, part: Objective, start: Array) -> Array | None:
        """Walk over a sample by means of a smaller one, as near to its optimum as is worth it."""
        rows = part.source.n_rows
        coarse = part.sample(min(_COARSER, max(2, rows // (_LEAST_ROWS * part.size))))
        known = None if coarse is None else _metric(coarse, part, _optimum(coarse, start))
        if known is None:
            return None
        metric, near = known
        for coef, _, estimate in islice(quasi_newton(part, near, metric, self.memory), _STEPS):
            near = coef
            if estimate < _WORTH * part.size:
                break
        return near


def _metric(part: Objective, whole: Objective, coef: Array) -> tuple[Curvature, Array] | None:
    """Metric at coef and where a Newton step on the sample leads; None if curvature is lacking."""
    here = part.evaluate(coef, 2)
    factor = cholesky(part.grounded(here.hessian))
    if factor is None or not factor.good:
        return None
    metric = Curvature(part, part.weight / whole.weight, coef, factor, coef)
    return metric, coef - factor.solve(here.gradient)


def _optimum(part: Objective, start: Array) -> Array:
    """Newton's method on a sample, as near to its optimum as is worth it."""
    coef = start
    for here in islice(Newton().iterates(part, start), _STEPS):
        coef = here.coef if here.successor is None else here.successor
        if here.estimate < _WORTH * part.size:
            break
    return coef
