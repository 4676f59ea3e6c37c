"""Newton's method, which for this loss is iteratively reweighted least squares (IRLS)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg as la

from oddsmith.core.certificate import Certificate, certificate
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.line_search import newton_length
from oddsmith.solvers.parameters import Parameters, require_whole
from oddsmith.solvers.run import Iterate

__all__ = ["Newton", "NewtonStep", "newton_step", "null_space", "prove_by_hessian"]


@dataclass(frozen=True, slots=True)
class NewtonStep:
    """A solution d of H d = g, and what is left over.

    Attributes
    ----------
    step : array of shape (q,)
    residual : array of shape (q,)
        r = H d - g.
    singular : bool
        Whether H is singular within rounding; d then has no part in its null space.
    """

    step: Array
    residual: Array
    singular: bool


def newton_step(hessian: Array, gradient: Array) -> NewtonStep:
    """Solve H d = g for a symmetric, positive semidefinite H of shape (q, q).

    Cholesky factorisation after scaling H to a unit diagonal, refined once (Golub and Van Loan,
    2013, 3.5.3 and 4.2); where a pivot is no more than rounding, the least-norm solution from
    the eigenvalues.

    Examples
    --------
    >>> newton_step(np.diag([2.0, 4.0]), np.array([2.0, 2.0])).step
    array([1. , 0.5])
    """
    diagonal = np.diag(hessian)
    # A column of zeros gets a step of exactly 0.
    unit = np.where(diagonal > 0, 1.0, 0.0) / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = hessian * unit * unit[:, None]
    right = gradient * unit
    solve = _cholesky(scaled)
    singular = solve is None
    if solve is None:
        solve = _pseudo_inverse(scaled)
    step = solve(right)
    step = step - solve(scaled @ step - right)
    step = step * unit
    return NewtonStep(step, hessian @ step - gradient, singular)


def _cholesky(scaled: Array) -> Callable[[Array], Array] | None:
    """Solve with a unit-diagonal matrix, None where it is singular within rounding."""
    try:
        factor = la.cholesky(scaled, lower=True, check_finite=False)
    except la.LinAlgError:
        return None
    smallest = float(np.diag(factor).min(initial=1.0))
    if smallest**2 <= _rounding(scaled):
        return None
    return lambda right: la.cho_solve((factor, True), right, check_finite=False)


def _pseudo_inverse(scaled: Array) -> Callable[[Array], Array]:
    roots, vectors = la.eigh(scaled, check_finite=False)
    kept = roots > _rounding(scaled)
    basis, roots = vectors[:, kept], roots[kept]
    return lambda right: basis @ ((basis.T @ right) / roots)


def _rounding(scaled: Array) -> float:
    """Eigenvalues of a unit-diagonal matrix below this are rounding of zero."""
    return 4.0 * np.finfo(float).eps * max(scaled.shape[0], 8)


def null_space(gram: Array) -> Array:
    """Basis of the null space of a positive semidefinite matrix, of shape (q, m).

    Examples
    --------
    >>> null_space(np.array([[1.0, 1.0], [1.0, 1.0]])).round(3).ravel().tolist()
    [-0.707, 0.707]
    """
    diagonal = np.diag(gram)
    unit = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = gram * unit * unit[:, None]
    roots, vectors = la.eigh(scaled, check_finite=False)
    return vectors[:, roots <= _rounding(scaled)] * unit[:, None]


def prove_by_hessian(objective: Objective, coef: Array) -> Certificate:
    """Certificate at any coef, from a Newton step that is not taken: two passes."""
    moments = objective.evaluate(coef, 2)
    solved = newton_step(objective.grounded(moments.hessian), moments.gradient)
    return certificate(objective, coef, moments, solved.step, solved.residual)


@dataclass
class Newton(Parameters):
    """Newton's method: coef <- coef - H^-1 g, shortened where the step would not help.

    Two passes over the rows an iteration: one for value, gradient and Hessian; one along the
    step for the certificate and the value at its end; a third only where the step is too long.
    With W = diag(s h) the step is that of weighted least squares on the working response, hence
    IRLS (McCullagh and Nelder, 1989, 2.5; Hastie, Tibshirani and Friedman, 2009, equations 4.24
    to 4.28).

    Parameters
    ----------
    max_iter : int
        Steps at the most.

    Examples
    --------
    >>> Newton().name
    'newton-cholesky'
    """

    max_iter: int = 100
    name = "newton-cholesky"
    order = 2
    handles_l1 = False
    standardised = True

    def __post_init__(self) -> None:
        require_whole("max_iter", self.max_iter)

    def iterates(self, objective: Objective, start: Array) -> Iterator[Iterate]:
        """Walk from start, forever."""
        coef = start
        while True:
            moments = objective.evaluate(coef, 2)
            solved = newton_step(objective.grounded(moments.hessian), moments.gradient)
            slope = float(moments.gradient @ solved.step)
            proof = certificate(objective, coef, moments, solved.step, solved.residual)
            length = newton_length(objective, coef, moments.value, slope, solved.step, proof.line)
            following = coef - length * solved.step
            yield Iterate(coef, moments.value, moments.gradient, slope / 2.0, proof, following)
            coef = following
