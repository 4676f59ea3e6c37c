"""Newton's method, which for this loss is iteratively reweighted least squares (IRLS)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg as la

from oddsmith.core.certificate import Certificate, certificate, left_over
from oddsmith.core.moments import Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.line_search import newton_length
from oddsmith.solvers.parameters import Parameters, require_whole
from oddsmith.solvers.run import Iterate

__all__ = ["Newton", "NewtonStep", "newton_step", "null_space", "prove_by_hessian"]

_FAR = 2.0**-20


@dataclass(frozen=True, slots=True)
class NewtonStep:
    """A solution d of H d = g, and what is left over.

    Attributes
    ----------
    step : array of shape (q,)
    left_over : float
        What the residual H d - g can add to a gap (nats).
    cut : array of shape (q, m)
        Directions in which H is zero within rounding; d has no part there.
    """

    step: Array
    left_over: float
    cut: Array


def newton_step(hessian: Array, gradient: Array, bound: Array) -> NewtonStep:
    """Solve H d = g for a symmetric, positive semidefinite H of shape (q, q).

    Cholesky factorisation after scaling H to a unit diagonal, refined once (Golub and Van Loan,
    2013, 3.5.3 and 4.2); where a pivot is no more than rounding, the least-norm solution from
    the eigenvalues.

    Examples
    --------
    >>> newton_step(np.diag([2.0, 4.0]), np.array([2.0, 2.0]), np.ones(2)).step
    array([1. , 0.5])
    """
    diagonal = np.diag(hessian)
    # Where margins are so large that a curvature is 0, the bounds serve as curvature instead, at
    # a small part of their size: the line search then looks far, as far as there is to go.
    lost = bool(((diagonal == 0) & (gradient != 0)).any())
    if lost:
        hessian, diagonal = np.diag(_FAR * bound), _FAR * bound
    # A column of zeros gets a step of exactly 0.
    unit = np.where(diagonal > 0, 1.0, 0.0) / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = hessian * unit * unit[:, None]
    right = gradient * unit
    solve, cut = _solver(scaled)
    step = solve(right)
    step = step - solve(scaled @ step - right)
    residual = scaled @ step - right
    size = float(residual @ solve(residual))
    # What was solved with a curvature that is not there proves nothing.
    left = np.inf if lost else left_over(max(size, 0.0), float(step @ scaled @ step))
    return NewtonStep(step * unit, left, cut * unit[:, None])


def _solver(scaled: Array) -> tuple[Callable[[Array], Array], Array]:
    """Solve with a unit-diagonal matrix, and the directions that are left out."""
    solve = _cholesky(scaled)
    return _pseudo_inverse(scaled) if solve is None else (solve, np.empty((scaled.shape[0], 0)))


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


def _pseudo_inverse(scaled: Array) -> tuple[Callable[[Array], Array], Array]:
    roots, vectors = la.eigh(scaled, check_finite=False)
    # A column of zeros is nobody's direction.
    kept, there = roots > _rounding(scaled), (vectors**2).T @ np.diag(scaled) > 1e-8
    cut = vectors[:, ~kept & there]
    basis, roots = vectors[:, kept], roots[kept]
    return (lambda right: basis @ ((basis.T @ right) / roots)), cut


def _rounding(scaled: Array) -> float:
    """Eigenvalues of a unit-diagonal matrix below this may be rounding of zero."""
    return 32.0 * np.finfo(float).eps * max(scaled.shape[0], 8)


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
    return _certified(objective, coef, objective.evaluate(coef, 2))


def _certified(objective: Objective, coef: Array, moments: Moments) -> Certificate:
    """Newton step and certificate at coef: one pass, two where H is singular within rounding."""
    bound = objective.curvature_bound
    solved = newton_step(objective.grounded(moments.hessian), moments.gradient, bound)
    step, left = solved.step, solved.left_over
    if solved.cut.shape[1] > 0:
        _, real, gram = objective.split_null(solved.cut)
        # Margins do move in these directions, if little: nothing is proved, but curvature is
        # at most 1/4 (1/2 for K margins), so this part of the step is sure to help.
        step = step + real @ ((real.T @ moments.gradient) / (0.5 * gram))
        left = left if real.shape[1] == 0 else np.inf
    part = 0.5 * float(objective.penalty.diagonal @ (step * step))
    return certificate(objective, coef, moments, step, part + left)


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

    def __post_init__(self) -> None:
        require_whole("max_iter", self.max_iter)

    def iterates(self, objective: Objective, start: Array) -> Iterator[Iterate]:
        """Walk from start, forever."""
        coef = start
        while True:
            moments = objective.evaluate(coef, 2)
            proof = _certified(objective, coef, moments)
            slope = float(moments.gradient @ proof.step)
            length = newton_length(objective, coef, moments.value, slope, proof.step, proof.line)
            following = coef - length * proof.step
            yield Iterate(coef, moments.value, moments.gradient, slope / 2.0, proof, following)
            coef = following
