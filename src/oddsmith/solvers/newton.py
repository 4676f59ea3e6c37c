"""Newton's method, which for this loss is iteratively reweighted least squares (IRLS)."""

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.linalg as la

from oddsmith.core.certificate import Certificate, certificate, left_over
from oddsmith.core.moments import Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.curvature import Curvature, Factor, cholesky, factored, rounding
from oddsmith.solvers.lbfgs import Metric, quasi_newton
from oddsmith.solvers.line_search import newton_length
from oddsmith.solvers.parameters import Parameters, require_whole
from oddsmith.solvers.run import Iterate

__all__ = ["Newton", "NewtonStep", "hessian_steps", "newton_step", "null_space", "prove_by_hessian"]

_FAR = 2.0**-20
# A Hessian is kept for the steps to come where a step moves log-odds by no more than this: each
# then divides the gap by about 2**10, for a fraction of the price.
_KEPT_REACH = 2.0**-5
_CONTRACTION = 0.01
# Steps of L-BFGS in the price of a Hessian from which on they are worth their own overhead.
_WORTH = 4
# Lengths of a step that are tried in one pass. Where few rows are left to fit, and each step adds
# about one to their margins, a longer one spares the next.
_LENGTHS = (1.0, 1.5, 2.0, 3.0)
# Estimate (nats per unit of weight) from which on the whole step is the best.
_NEAR = 1e-6


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
    factor : Factor or None
        Of H, where it is definite beyond rounding.
    """

    step: Array
    left_over: float
    cut: Array
    factor: Factor | None = None


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
    diagonal = hessian.diagonal()
    # Where margins are so large that a curvature is 0, the bounds serve as curvature instead, at
    # a small part of their size: the line search then looks far, as far as there is to go.
    lost = bool(((diagonal == 0) & (gradient != 0)).any())
    if lost:
        hessian, diagonal = np.diag(_FAR * bound), _FAR * bound
    # A column of zeros gets a step of exactly 0.
    there = diagonal > 0
    unit = there / np.sqrt(np.where(there, diagonal, 1.0))
    scaled = hessian * unit
    scaled *= unit[:, None]
    right = gradient * unit
    factor = factored(scaled, unit)
    solve, cut = _pseudo_inverse(scaled) if factor is None else (factor.solve_scaled, scaled[:, :0])
    step = solve(right)
    step = step - solve(scaled @ step - right)
    image = scaled @ step
    residual = image - right
    size = float(residual @ solve(residual))
    # What was solved with a curvature that is not there proves nothing.
    left = np.inf if lost else left_over(max(size, 0.0), float(step @ image))
    return NewtonStep(step * unit, left, cut * unit[:, None], None if lost else factor)


def _pseudo_inverse(scaled: Array) -> tuple[Callable[[Array], Array], Array]:
    roots, vectors = la.eigh(scaled, check_finite=False)
    # A column of zeros is nobody's direction.
    kept, there = roots > rounding(scaled), (vectors**2).T @ np.diag(scaled) > 1e-8
    cut = vectors[:, ~kept & there]
    basis, roots = vectors[:, kept], roots[kept]
    return (lambda right: basis @ ((basis.T @ right) / roots)), cut


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
    return vectors[:, roots <= rounding(scaled)] * unit[:, None]


def prove_by_hessian(objective: Objective, coef: Array) -> Certificate:
    """Certificate at any coef, from a Newton step that is not taken: two passes."""
    return _certified(objective, coef, objective.evaluate(coef, 2))


def _certified(objective: Objective, coef: Array, moments: Moments) -> Certificate:
    """Newton step and certificate at coef: one pass, two where H is singular within rounding."""
    return _certificate(objective, coef, moments, _solved(objective, coef, moments))


def _solved(objective: Objective, coef: Array, moments: Moments) -> NewtonStep:
    """Newton step at coef: passes only where H is singular within rounding, or nearly so."""
    bound = objective.curvature_bound
    solved = newton_step(objective.grounded(moments.hessian), moments.gradient, bound)
    if solved.factor is not None:
        good = solved.factor.good
        return solved if good else _refined(objective, coef, moments, solved, solved.factor)
    if solved.cut.shape[1] == 0:
        return solved
    _, real, gram = objective.split_null(solved.cut)
    # Margins do move in these directions, if little: nothing is proved, but curvature is
    # at most 1/4 (1/2 for K margins), so this part of the step is sure to help.
    step = solved.step + real @ ((real.T @ moments.gradient) / (0.5 * gram))
    left = solved.left_over if real.shape[1] == 0 else np.inf
    return replace(solved, step=step, left_over=left)


def _refined(
    objective: Objective, coef: Array, moments: Moments, solved: NewtonStep, factor: Factor
) -> NewtonStep:
    """Newton step that is right to the digits of Z d, which H d has not: two passes.

    Refined once with the residual Z'(h Z d) + P d - g (Golub and Van Loan, 2013, 3.5.3), if that
    helps, and what is left over measured with it.
    """
    found: list[tuple[float, float, Array]] = []
    step = solved.step
    for _ in range(2):
        image = objective.hessian_product(coef, step)
        correction = factor.solve(image - moments.gradient)
        size = float(correction @ (image - moments.gradient))
        found.append((max(size, 0.0), max(float(step @ image), 0.0), step))
        step = step - correction
    size, square, step = min(found, key=lambda one: one[0])
    return replace(solved, step=step, left_over=left_over(size, square))


def _certificate(
    objective: Objective, coef: Array, moments: Moments, solved: NewtonStep
) -> Certificate:
    """Certificate at coef from its Newton step: one pass."""
    part = 0.5 * float(objective.penalty.diagonal @ (solved.step * solved.step))
    return certificate(objective, coef, moments, solved.step, part + solved.left_over)


@dataclass
class Newton(Parameters):
    """Newton's method: coef <- coef - H^-1 g, shortened where the step would not help.

    Two passes over the rows an iteration: one for value, gradient and Hessian; one along the
    step for the value at its end, or the certificate; a third only where the step is too long.
    Near the minimum the Hessian is kept, and an iteration is one pass for the gradient (Kelley,
    1995, "Iterative methods for linear and nonlinear equations", 5.4.1, the chord method).
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

    max_iter: int = 1000
    name = "newton-cholesky"
    order = 2

    def __post_init__(self) -> None:
        require_whole("max_iter", self.max_iter)

    def iterates(self, objective: Objective, start: Array) -> Iterator[Iterate]:
        """Walk from start, forever."""
        coef = objective.centred(start)
        budget = _price(objective)
        metric = None if budget < _WORTH or coef.any() else _at_zero(objective)
        if metric is not None:
            coef, _ = yield from _corrected(objective, metric, coef, budget)
        while True:
            here, kept = _iterate(objective, coef)
            yield here
            coef = here.coef if here.successor is None else here.successor
            if kept is None:
                continue
            if budget >= _WORTH:
                coef, helped = yield from _corrected(objective, kept, coef, budget)
                budget = budget if helped else budget // 2
            elif kept.moved <= _KEPT_REACH:
                coef = yield from _chords(objective, kept)


def hessian_steps(objective: Objective, coef: Array) -> Iterator[Iterate]:
    """Walk forever, with the Hessian of every point."""
    while True:
        here, _ = _iterate(objective, coef)
        yield here
        coef = coef if here.successor is None else here.successor


def _iterate(objective: Objective, coef: Array) -> tuple[Iterate, Curvature | None]:
    """Iterate at coef with its Newton step, and the Hessian where the next ones can use it."""
    moments = objective.evaluate(coef, 2)
    solved = _solved(objective, coef, moments)
    value, gradient, step = moments.value, moments.gradient, solved.step
    slope = float(gradient @ step)
    prove = partial(_certificate, objective, coef, moments, solved)
    far = slope > _NEAR * objective.weight
    proof = None if far else prove()
    line = objective.along(coef, step, _LENGTHS, proof=False) if proof is None else proof.line
    length = newton_length(objective, coef, value, slope, step, line)
    if far and length == 1.0:
        length = _LENGTHS[int(np.argmin(line.values))]
    following = coef - length * step
    here = Iterate(coef, value, gradient, 0.5 * slope, proof, following, prove=prove)
    if solved.factor is None or not solved.factor.good:
        return here, None
    kept = Curvature(objective, 1.0, coef, solved.factor, following, length * line.reach)
    return replace(here, nearby=kept.prove(objective)), kept


def _chords(objective: Objective, kept: Curvature) -> Generator[Iterate, None, Array]:
    """Walk with a Hessian that is kept, while steps shrink; return where they end."""
    coef, last, nearby = kept.at, math.inf, kept.prove(objective)
    while True:
        moments = objective.evaluate(coef, 1)
        step = kept.solve(moments.gradient)
        estimate = 0.5 * float(moments.gradient @ step)
        if not estimate <= _CONTRACTION * last:
            return coef
        proof = kept.certificate(objective, coef, moments)
        following = coef - step
        yield Iterate(
            coef, moments.value, moments.gradient, estimate, proof, following, nearby=nearby
        )
        coef, last = following, estimate


def _price(objective: Objective) -> int:
    """Count the steps of `quasi_newton` that take as long as a Hessian and its factorisation.

    Both by their flops, those of a product of matrices being about ten times as fast.
    """
    n, size = objective.source.n_rows, objective.size
    return size * (n + size) // (10 * (4 * n + 2 * size))


def _corrected(
    objective: Objective, metric: Metric, start: Array, budget: int
) -> Generator[Iterate, None, tuple[Array, bool]]:
    """Walk in the metric of a Hessian, which L-BFGS corrects, for as long as the next would take.

    Whatever the best moment for another is, this takes no more than about twice its time
    (Karlin, Manasse, Rudolph and Sleator, 1988, "Competitive snoopy caching", section 2).
    Returns where it ends, and whether it helped, that is divided the estimate by ten.
    """
    coef, first, estimate = start, math.inf, math.inf
    kept = metric if isinstance(metric, Curvature) else None
    walk = quasi_newton(objective, start, metric, budget)
    for taken, (coef, here, estimate) in enumerate(walk):
        first = estimate if taken == 0 else first
        if taken == budget:
            break
        value, gradient = here.value, here.gradient
        if kept is None:
            yield Iterate(coef, value, gradient, estimate)
            continue
        prove = partial(kept.certificate, objective, coef, here)
        nearby = kept.prove(objective)
        yield Iterate(coef, value, gradient, estimate, prove=prove, nearby=nearby)
    return coef, estimate <= 0.1 * first


@dataclass(frozen=True, slots=True)
class _AtZero:
    """The Hessian of K > 1 margins at coef = 0, where a row's curvature is (I - 1 1' / K) / K.

    On vectors whose sums over the classes are 0 it is Gram / K + P, for each class alone.

    Attributes
    ----------
    hessian : array of shape (q, q)
        That matrix.
    factor : Factor
        Its own.
    """

    hessian: Array
    factor: Factor

    def times(self, vector: Array) -> Array:
        """Hessian times a vector."""
        return (self.hessian @ vector.reshape(self.hessian.shape[0], -1)).ravel()

    def solve(self, vector: Array) -> Array:
        """Inverse times a vector."""
        return self.factor.solve(vector.reshape(self.hessian.shape[0], -1)).ravel()


def _at_zero(objective: Objective) -> _AtZero | None:
    """Metric at coef = 0, whatever the offsets are; None for one margin, or aliased columns."""
    K = objective.width
    if K == 1:
        return None
    hessian = objective.gram() / K + np.diag(objective.penalty.diagonal[::K])
    factor = cholesky(hessian)
    return None if factor is None else _AtZero(hessian, factor)
