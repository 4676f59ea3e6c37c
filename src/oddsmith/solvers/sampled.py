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
from typing import Any

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

# The first sample is every so many rows of the second.
_COARSER = 10
# Newton steps at the most on a sample, whose optimum need not be known better than it is worth.
_STEPS = 30
# Pivots of the unit-diagonal Hessian of a sample below this tell of columns that it cannot.
_LEAST_PIVOT = 1e-8


@dataclass(frozen=True, slots=True)
class SampleMetric:
    """Curvature of the rows of a sample at coef, the penalty's share included: A = L L'.

    As a metric for all rows it is A / share.

    Attributes
    ----------
    factor : array of shape (q, q)
        L, lower triangular.
    coef : array of shape (q,)
    row : float
        No log-odds of the sample's rows change by more for a step of length 1 in the metric A.
    share : float
        Weight of the sample as a part of that of all rows.
    """

    factor: Array
    coef: Array
    row: float
    share: float

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
        log-odds changed by t (Bach, 2010, proposition 1).
        """
        moved = self.row * float(np.linalg.norm(self.factor.T @ (coef - self.coef)))
        if not moved < 2.0:
            return None
        whitened = la.solve_triangular(
            self.factor, moments.gradient, lower=True, check_finite=False
        )
        grown = math.exp(0.5 * moved)
        return certificate_by_curvature(
            objective, coef, moments, grown * float(np.linalg.norm(whitened)), grown * self.row
        )


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
        Rows of the larger sample for each coefficient of one margin, at the least.

    Examples
    --------
    >>> SampledLBFGS().name
    'sampled-lbfgs'
    """

    max_iter: int = 1000
    memory: int = 20
    rows_a_column: int = 1000
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
            yield self._proved(
                objective, metric, Iterate(coef, here.value, here.gradient, estimate)
            )

    def _proved(self, objective: Objective, metric: SampleMetric, here: Iterate) -> Iterate:
        moments = Moments(objective.weight, here.value, here.gradient)
        proof = metric.certificate(objective, here.coef, moments)
        if proof is None:
            return here
        return Iterate(here.coef, here.value, here.gradient, here.estimate, proof)

    def _sampled(self, objective: Objective, start: Array) -> tuple[Array, SampleMetric] | None:
        q = objective.size // objective.width
        wanted = self.rows_a_column * q
        stride = objective.source.n_rows // wanted
        part = objective.sample(stride) if stride > 1 else None
        if part is None:
            return None
        coarse = part.sample(_COARSER) or part
        near = _near_optimum(part, _near_optimum(coarse, start).successor)
        proof, begin = near.certificate, near.successor
        factor = None if proof is None else _factor(part.grounded(proof.moments.hessian))
        if factor is None or begin is None:
            return None
        # With sums over classes of 0, nothing moves along the directions that were grounded.
        metric = SampleMetric(factor, near.coef, _row(part, factor), part.weight / objective.weight)
        return objective.centred(begin), metric


def _near_optimum(part: Objective, start: Array | None) -> Iterate:
    """Newton's method on a sample, as near to its optimum as that is to the optimum of all rows.

    The former is told by half the decrement, the latter is about half a nat a coefficient.
    """
    begin = np.zeros(part.size) if start is None else start
    walk = Newton().iterates(part, begin)
    here = next(walk)
    for _ in range(_STEPS):
        if here.estimate < 0.1 * part.size:
            break
        here = next(walk)
    return here


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


def _row(part: Objective, factor: Array) -> float:
    """Most that a log-odds of the sample's rows changes in a step of length 1 in the metric."""
    q, K = part.size // part.width, part.width
    inverse = la.solve_triangular(factor, np.eye(part.size), lower=True, check_finite=False)
    inverse = inverse.reshape(part.size, q, K)
    # Margin k changes by the product of two vectors: z_i applied to the inverse's columns of
    # class k, and the step. Their lengths are told by the triangle of a QR factorisation.
    roots: Any = [la.qr(inverse[:, :, k], mode="r")[0][:q].T for k in range(K)]
    # A log-odds is one margin, or the difference of two.
    return part.row_length(np.stack(roots)) * (1.0 if K == 1 else 2.0)
