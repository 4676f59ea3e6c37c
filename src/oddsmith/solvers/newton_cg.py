"""Newton-CG: Newton steps from Hessian products alone, for many columns."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg as la

from oddsmith.core.certificate import Certificate, certificate, left_over
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.column_metric import ColumnMetric
from oddsmith.solvers.line_search import newton_length
from oddsmith.solvers.parameters import Parameters, require_whole
from oddsmith.solvers.run import Iterate

__all__ = ["NewtonCG", "conjugate_gradient", "prove_by_products"]

# Conjugate gradients for a proof end after this many products, converged or not.
_MOST_PRODUCTS = 1000
# Coordinates without a penalty that are solved for one by one, a pass each.
_MOST_FREE = 64
_RESTARTS = 4
# Part of tol that a proof by the penalty alone may leave.
_AMPLE = 1e-3
# Curvature relative to its bound that cannot be told from 0.
_NO_CURVATURE = 2.0**-46
# Products of one inexact step.
_MOST_INEXACT = 250


def conjugate_gradient(
    objective: Objective, coef: Array, gradient: Array
) -> Iterator[tuple[Array, Array]]:
    """Approximate solutions d of H d = g and their residuals r = H d - g, better and better.

    Conjugate gradients preconditioned by the diagonal of the Hessian and its tie to the intercept,
    see `ColumnMetric` (Nocedal and Wright, 2006, algorithm 5.3); one pass over the rows each, and
    one for the diagonal.

    Parameters
    ----------
    objective : Objective
    coef, gradient : array of shape (q,)

    Yields
    ------
    step, residual : array of shape (q,)
    """
    metric = ColumnMetric.of(objective, coef)
    step = np.zeros_like(gradient)
    residual = -gradient
    direction = metric.solve(gradient)
    size = float(gradient @ direction)
    while size > 0:
        product = objective.hessian_product(coef, direction)
        curvature = float(direction @ product)
        if curvature <= _NO_CURVATURE * float(direction @ metric.times(direction)):
            return  # what is left lies in the null space of H, within rounding
        alpha = size / curvature
        step = step + alpha * direction
        residual = residual + alpha * product
        yield step, residual
        solved = metric.solve(residual)
        new_size = float(residual @ solved)
        direction = new_size / size * direction - solved
        size = new_size


def prove_by_products(objective: Objective, coef: Array, tol: float) -> Certificate:
    """Certificate at any coef without the Hessian, from conjugate gradients.

    They end when what is left over adds less than a tenth to the bound, or less than a tenth
    of tol (nats). The few coordinates without a penalty, the intercepts, are then solved for
    exactly, as the dual point must be feasible there; where there are many, all are solved to
    rounding, by restarts.
    """
    moments = objective.evaluate(coef, 1)
    gradient = moments.gradient
    free = np.flatnonzero(objective.penalty.diagonal == 0)
    if free.size > _MOST_FREE:
        step, part = _solve_to_rounding(objective, coef, gradient)
    else:
        # Where the penalty alone proves enough, the intercepts are all that must be solved for.
        step, products = np.zeros_like(gradient), _products(objective, coef, free)
        step, part = _solve_free(gradient, step, step, objective.penalty.diagonal, free, products)
        if not part <= _AMPLE * tol:
            step = _solve_nearly(objective, coef, gradient, tol)
            image = objective.hessian_product(coef, step)
            step, part = _solve_free(
                gradient, step, image, objective.penalty.diagonal, free, products
            )
    return certificate(objective, coef, moments, step, part)


def _solve_nearly(objective: Objective, coef: Array, gradient: Array, tol: float) -> Array:
    P = objective.penalty.diagonal
    held = P > 0
    step = np.zeros_like(gradient)
    for count, (step, residual) in enumerate(conjugate_gradient(objective, coef, gradient), 1):
        with np.errstate(over="ignore"):
            extra = 0.5 * float((residual[held] ** 2 / P[held]).sum())
        extra += float(np.abs(residual[~held]) @ np.abs(step[~held]))
        if extra <= 0.1 * max(0.5 * float(gradient @ step), tol) or count >= _MOST_PRODUCTS:
            break
    return step


def _products(objective: Objective, coef: Array, free: npt.NDArray[np.intp]) -> Array:
    """Rows of the Hessian that belong to the coordinates without a penalty, a pass each."""
    products = np.empty((free.size, coef.size))
    for row, index in enumerate(free):
        unit = np.zeros_like(coef)
        unit[index] = 1.0
        products[row] = objective.hessian_product(coef, unit)
    return products


def _solve_free(
    gradient: Array,
    step: Array,
    product: Array,
    P: Array,
    free: npt.NDArray[np.intp],
    products: Array,
) -> tuple[Array, float]:
    """Change d where nothing is penalised so that r = H d - g is 0 there; and what r adds."""
    block = products[:, free]
    inverse = la.pinvh(block) if free.size else block
    change = inverse @ (product - gradient)[free]
    step = step.copy()
    step[free] -= change
    product = product - change @ products
    residual = product - gradient
    held = P > 0
    with np.errstate(over="ignore"):
        part = 0.5 * float(((P * step - residual)[held] ** 2 / P[held]).sum())
    size = float(residual[free] @ inverse @ residual[free])
    return step, part + left_over(max(size, 0.0), float(step @ product))


def _solve_to_rounding(objective: Objective, coef: Array, gradient: Array) -> tuple[Array, float]:
    """Solution d of H d = g that restarts no longer improve, and what is left over adds.

    Each restart solves for the residual of the last, which also measures it in the metric of
    H^-1; what conjugate gradients cannot reach is the null space, where g is rounding as well.
    """
    step, residual = np.zeros_like(gradient), -gradient
    size, left = 0.0, np.inf
    for _ in range(_RESTARTS):
        correction, smallest = np.zeros_like(gradient), np.inf
        for count, (closer, rest) in enumerate(conjugate_gradient(objective, coef, -residual), 1):
            correction = closer
            smallest = min(smallest, float(np.linalg.norm(rest)))
            if smallest <= 1e-3 * float(np.linalg.norm(residual)) or count >= _MOST_PRODUCTS:
                break
        left = left_over(max(-float(residual @ correction), 0.0), size)
        step = step + correction
        product = objective.hessian_product(coef, step)
        residual, size = product - gradient, float(step @ product)
    return step, 0.5 * float(objective.penalty.diagonal @ (step * step)) + left


@dataclass
class NewtonCG(Parameters):
    """Newton's method with inexact steps: conjugate gradients on Hessian products.

    They end when the residual is below min(1/4, sqrt(||g|| / ||g_0||)) of the gradient, so that
    convergence is superlinear (Nocedal and Wright, 2006, algorithm 7.1). The Hessian is never
    formed: a pass over the rows a product, and memory for a few vectors.

    Parameters
    ----------
    max_iter : int
        Newton steps at the most.

    Examples
    --------
    >>> NewtonCG().name
    'newton-cg'
    """

    max_iter: int = 200
    name = "newton-cg"
    order = 2

    def __post_init__(self) -> None:
        require_whole("max_iter", self.max_iter)

    def iterates(self, objective: Objective, start: Array) -> Iterator[Iterate]:
        """Walk from start, until no step is left."""
        coef, first = start, 0.0
        while True:
            moments = objective.evaluate(coef, 1)
            gradient = moments.gradient
            norm = float(np.linalg.norm(gradient))
            first = max(first, norm)
            step = _inexact_step(objective, coef, gradient, first)
            slope = float(gradient @ step)
            line = objective.along(coef, step, (1.0,))
            length = newton_length(objective, coef, moments.value, slope, step, line)
            following = coef - length * step
            yield Iterate(coef, moments.value, gradient, slope / 2.0, successor=following)
            coef = following


def _inexact_step(objective: Objective, coef: Array, gradient: Array, first: float) -> Array:
    norm = float(np.linalg.norm(gradient))
    enough = norm * min(0.25, (norm / first) ** 0.5) if first > 0 else 0.0
    step = np.zeros_like(gradient)
    for count, (closer, residual) in enumerate(conjugate_gradient(objective, coef, gradient), 1):
        step = closer
        if float(np.linalg.norm(residual)) <= enough or count >= _MOST_INEXACT:
            break
    return step
