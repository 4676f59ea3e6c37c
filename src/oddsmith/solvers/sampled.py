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

import numpy as np
import scipy.linalg as la

from oddsmith.core.certificate import Certificate, certificate_by_curvature
from oddsmith.core.moments import Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.lbfgs import quasi_newton
from oddsmith.solvers.newton import Newton
from oddsmith.solvers.parameters import Parameters, require_whole
from oddsmith.solvers.run import Iterate

__all__ = ["SampleMetric", "SampledLBFGS"]

# A larger part of the rows would cost more than the steps it spares.
_LEAST_STRIDE = 8
# The first sample is every so many rows of the second, if it then has so many a coefficient.
_COARSER, _LEAST_ROWS = 10, 5
# Log-odds of a sample's rows that changed by more make its curvature too little to prove with.
_FAR = 4.0
# Newton steps at the most on a sample, whose optimum need not be known better than it is worth.
_STEPS = 30
# Nats a coefficient from a sample's optimum, which is half a nat from that of all rows itself.
_WORTH = 0.1
# Pivots of the unit-diagonal Hessian of a sample below this tell of columns that it cannot.
_LEAST_PIVOT = 1e-8


@dataclass(frozen=True, slots=True)
class SampleMetric:
    """Curvature of the rows of a sample at coef, the penalty's share included: A = L L'.

    As a metric for all rows it is A / share.

    Attributes
    ----------
    part : Objective
        Over the sample, whose weight is this share of all.
    share : float
    coef : array of shape (q,)
    factor : array of shape (q, q)
        L, lower triangular.
    """

    part: Objective
    share: float
    coef: Array
    factor: Array

    def times(self, vector: Array) -> Array:
        """Multiply A / share by a vector."""
        return self.factor @ (self.factor.T @ vector) / self.share

    def solve(self, vector: Array) -> Array:
        """Inverse of A / share times a vector."""
        return self.share * la.cho_solve((self.factor, True), vector, check_finite=False)

    def certificate(
        self, objective: Objective, coef: Array, moments: Moments
    ) -> Certificate | None:
        """Proof of how far coef is from the optimum of all rows, without a pass over them.

        Curvatures of the sample's rows changed by a factor of exp(t) at the most since their
        log-odds changed by t (Bach, 2010, proposition 1), which one pass over the sample tells.
        """
        moved = self.part.along(self.coef, self.coef - coef, ()).reach
        if not moved < _FAR:
            return None
        grown = math.exp(0.5 * moved)
        decrement = float(np.linalg.norm(self._whitened(moments.gradient)))
        row = grown * self._row()
        return certificate_by_curvature(objective, coef, moments, grown * decrement, row)

    def _whitened(self, vectors: Array) -> Array:
        return la.solve_triangular(self.factor, vectors, lower=True, check_finite=False)

    def _row(self) -> float:
        """Bound on how far a step of length 1 in the metric A moves a row's log-odds.

        That is the length of L^-1 z, whose entries are at most those of abs(L^-1) times the
        largest entries of the columns; a log-odds is one margin, or the difference of two.
        """
        K = self.part.width
        inverse = np.abs(self._whitened(np.eye(self.part.size))).reshape(-1, self.part.size // K, K)
        lengths = np.linalg.norm(np.einsum("ijk,j->ik", inverse, self.part.largest_entries), axis=0)
        return float(lengths.max()) * (1.0 if K == 1 else 2.0)


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
        known = self._sampled(objective, start)
        if known is None:
            yield from Newton(self.max_iter).iterates(objective, start)
            return
        begin, metric = known
        for coef, here, estimate in quasi_newton(objective, begin, metric, self.memory):
            prove = partial(metric.certificate, objective, coef, here)
            yield Iterate(coef, here.value, here.gradient, estimate, prove=prove)

    def _sampled(self, objective: Objective, start: Array) -> tuple[Array, SampleMetric] | None:
        """Where the walk begins, and its metric; None where a sample does not tell."""
        q = objective.size // objective.width
        # A Hessian's time grows with the square of the margins, a pass's with their number.
        rows = self.rows_a_column * q // objective.width
        stride = max(_LEAST_STRIDE, objective.source.n_rows // rows)
        part = objective.sample(stride)
        if part is None:
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


def _metric(part: Objective, whole: Objective, coef: Array) -> tuple[SampleMetric, Array] | None:
    """Metric at coef and where a Newton step on the sample leads; None if curvature is lacking."""
    here = part.evaluate(coef, 2)
    factor = _factor(part.grounded(here.hessian))
    if factor is None:
        return None
    metric = SampleMetric(part, part.weight / whole.weight, coef, factor)
    return metric, coef - metric.solve(here.gradient) / metric.share


def _optimum(part: Objective, start: Array) -> Array:
    """Newton's method on a sample, as near to its optimum as is worth it."""
    coef = start
    for here in islice(Newton().iterates(part, start), _STEPS):
        coef = here.coef if here.successor is None else here.successor
        if here.estimate < _WORTH * part.size:
            break
    return coef


def _factor(hessian: Array) -> Array | None:
    """Cholesky factor, None where a column is not told from the others."""
    diagonal = np.diag(hessian)
    if not (np.isfinite(hessian).all() and (diagonal > 0).all()):
        return None
    unit = 1.0 / np.sqrt(diagonal)
    try:
        factor = la.cholesky(hessian * unit * unit[:, None], lower=True, check_finite=False)
    except la.LinAlgError:
        return None
    if float(np.diag(factor).min()) ** 2 < _LEAST_PIVOT:
        return None
    return factor / unit[:, None]
