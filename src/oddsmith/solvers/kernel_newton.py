"""Newton's method on the Gram matrix of the rows, for many more columns than rows."""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.linalg as la

from oddsmith.core.block import ColumnSource
from oddsmith.core.certificate import Certificate, certificate_by_curvature
from oddsmith.core.moments import Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError
from oddsmith.solvers.newton_cg import NewtonCG
from oddsmith.solvers.parameters import Parameters, require_whole
from oddsmith.solvers.reduced import Reduced
from oddsmith.solvers.run import Iterate
from oddsmith.solvers.strips import GramOf, PrimalOf

__all__ = ["KernelNewton"]

# Products that the Gram matrix is made of, from which on half the time for it is worth having.
_MANY_PRODUCTS = 2**32
# Squared norms of all rows below this, and above its inverse, are left to other bits or solvers.
_LEAST_SQUARE = 2.0**-90
# For the rounding of K where an upper bound is made of it.
_ROOM = 1.01


@dataclass
class KernelNewton(Parameters):
    """Newton's method in n dimensions, and back: for an L2 penalty and p >> n columns.

    One pass forms the Gram matrix K of the rows, with which everything else happens in n
    dimensions (see `Reduced`). The minimum there goes back to the columns as w = P^-1 Z' alpha,
    and what K's rounding got wrong in the margins Z w becomes an offset of the next iteration
    (Hastie and Tibshirani, 2004, "Efficient quadratic regularization", section 2; the refinement
    is that of Higham, 2002, chapter 12). So 32 bits are enough for K, mostly; where they are not,
    64 follow, and then `NewtonCG`. Memory: a few n x n matrices.

    Parameters
    ----------
    max_iter : int
        Returns to the columns at the most.

    Examples
    --------
    >>> KernelNewton().name
    'newton-kernel'
    """

    max_iter: int = 200
    name = "newton-kernel"
    order = 2

    def __post_init__(self) -> None:
        require_whole("max_iter", self.max_iter)

    def iterates(self, objective: Objective, start: Array) -> Iterator[Iterate]:
        """Walk from start, until no step is left.

        Raises
        ------
        ParameterError
            If there is no L2 penalty, or the source cannot be read column by column.
        """
        here = _iterate(objective, start, objective.evaluate(start, 1))
        yield here
        source = objective.source
        if not (objective.l2 > 0 and isinstance(source, ColumnSource)):
            raise ParameterError(
                "solver='newton-kernel' needs an L2 penalty and rows in memory; use 'auto'."
            )
        many = source.n_rows**2 * source.n_features > _MANY_PRODUCTS
        for dtype in (np.float32, np.float64) if many else (np.float64,):
            here = yield from _returns(objective, source, here, dtype)
        yield from NewtonCG().iterates(objective, here.coef)


def _returns(
    objective: Objective, source: ColumnSource, here: Iterate, dtype: npt.DTypeLike
) -> Generator[Iterate, None, Iterate]:
    """Iterate with a Gram matrix of so many bits, while that helps; returns the last."""
    how, l2 = objective.design.standardisation, objective.l2
    found = source.fold_columns(GramOf(how.center, dtype))
    rows, n = found.rows, found.rows.y.size
    if not _LEAST_SQUARE < float(found.matrix.diagonal().max()) < 1.0 / _LEAST_SQUARE:
        return here
    gram = found.matrix.astype(np.float64) / l2
    single = gram.astype(np.float32)
    reduced = Reduced(gram, single, rows, objective.loss, objective.design.intercept)
    # Only the intercept of the start matters: what the rows cannot span is worth nothing.
    free = here.coef[objective.source.n_features * objective.width :]
    point = objective.shaped(np.append(np.zeros(n * objective.width), free))
    point, offset, last = reduced.begin(point, rows.offset), rows.offset, np.inf
    while True:
        try:
            point = reduced.minimum(point, offset)
        except la.LinAlgError:
            return here
        primal = source.fold_columns(PrimalOf(how, l2, point[:n]))
        coef = np.concatenate([*primal.coef, point[n:]]).ravel()
        moments = objective.evaluate(coef, 1)
        there = _iterate(objective, coef, moments)
        if not there.estimate < 0.5 * last:
            return here
        margin = primal.margin + point[n:].sum(axis=0) + rows.offset
        yield replace(there, certificate=_certificate(objective, coef, moments, reduced, margin))
        here, last = there, there.estimate
        offset = rows.offset + primal.margin - (point[:n].T @ gram).T


def _iterate(objective: Objective, coef: Array, moments: Moments) -> Iterate:
    """Iterate at coef; without a Hessian, the penalty says how far it can be from the minimum."""
    P = objective.penalty.diagonal
    curvature = np.where(P > 0, P, objective.curvature_bound)
    estimate = 0.5 * float(moments.gradient**2 @ (1 / curvature))
    return Iterate(coef, moments.value, moments.gradient, estimate)


def _certificate(
    objective: Objective, coef: Array, moments: Moments, reduced: Reduced, margin: Array
) -> Certificate | None:
    """Proof from the gradient, with P as a part of the Hessian; None for K margins.

    Where the intercept has the curvature tau = min_v (v, 1)'H(v, 1), H is no less than P and tau,
    hence than half of both, on all coordinates. As P >= Z'Z / kappa, kappa = ||K||, every row
    has a part s h / (1 + kappa s h) in tau (the least of kappa^-1 m^2 + s h (m + 1)^2 over m), and
    a step (v, c) changes its log-odds by sqrt(K_ii) ||v||_P + |c| at the most.
    """
    if objective.width > 1:
        return None
    P, gradient = objective.penalty.diagonal, moments.gradient
    held = P > 0
    decrement, row = float(gradient[held] ** 2 @ (1.0 / P[held])), 0.0
    if objective.design.intercept:
        curvature = reduced.rows.weight * reduced.loss.own_curvature(margin)
        kappa = _ROOM * float(np.linalg.norm(reduced.gram.ravel()))
        tau = float((curvature / (1.0 + kappa * curvature)).sum())
        if not tau > 0:
            return None
        decrement = 2.0 * (decrement + float(gradient[-1]) ** 2 / tau)
        row = math.sqrt(2.0 * (_ROOM * float(reduced.gram.diagonal().max()) + 1.0 / tau))
    return certificate_by_curvature(objective, coef, moments, math.sqrt(decrement), row)
