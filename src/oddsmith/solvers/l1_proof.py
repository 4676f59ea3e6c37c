"""The certificate where the penalty has a kink: a dual point shrunk into the box of the L1 penalty.

For probabilities a'' with v = Z'S (a'' - y), zero where nothing is penalised, duality gives

    lower = sum_i s_i (entropy(a''_i) + (a''_i - y_i) o_i) - sum_j conjugate_j(v_j)  <=  min f,
    conjugate_j(v) = max(|v| - l1_j, 0)^2 / (2 P_j),   infinite where P_j = 0 and |v| > l1_j

(Ndiaye, Fercoq, Gramfort and Salmon, 2017, section 3; Zou and Hastie, 2005). The Newton step d on
the coefficients that are not 0 makes v = -P (coef - d) - l1 sign(coef) there, and 0 for what is
not penalised; the rest is met by shrinking: a'' = y + scale (a' - y) has scale * v.
"""

from typing import Any

import numpy as np

from oddsmith.core.certificate import FLOOR, Certificate
from oddsmith.core.objective import Objective
from oddsmith.core.penalty import Penalty
from oddsmith.core.stable import Array
from oddsmith.solvers.duality_gap import into_box, unpenalised
from oddsmith.solvers.newton import newton_step

__all__ = ["prove_with_l1"]

Flags = np.ndarray[Any, np.dtype[np.bool_]]

# Up to this length of coef a Hessian is formed.
_MOST_CURVATURES = 2000
# Newton steps of the intercepts alone, where a step of all coefficients is too long.
_INTERCEPT_STEPS = 30
_SHRINKINGS = (1.0, 0.9, 0.5)


def prove_with_l1(objective: Objective, coef: Array) -> Certificate:
    """Certificate at any coef for an objective with l1 > 0: about four passes.

    Parameters
    ----------
    objective : Objective
    coef : array of shape (q,)

    Returns
    -------
    Certificate
        Its step has no part in the coefficients that are 0.
    """
    moments = objective.evaluate(coef, 1)
    free = unpenalised(objective.penalty, coef)
    # The Hessian of many columns would not fit into memory: the intercepts alone are moved.
    moving = free | _inside(objective.penalty, coef) if objective.size <= _MOST_CURVATURES else free
    step, lower = _lower_bound(objective, coef, moments.gradient, moving)
    if lower == -np.inf:
        lower = _lower_bound_from_intercepts(objective, coef, free)
    line = objective.along(coef, step, (1.0,))
    moved = objective.margin_rounding(coef)
    rounding = 8.0 * FLOOR * moments.value + moved * objective.weight
    gap = min(max(moments.value - lower, 0.0) + rounding, moments.value)
    return Certificate(gap, line, moments, step, rounding)


def _lower_bound(
    objective: Objective, coef: Array, gradient: Array, moving: Flags
) -> tuple[Array, float]:
    """Newton step on the moving coefficients, and the bound of its dual point."""
    penalty = objective.penalty
    free = unpenalised(penalty, coef)
    hessian = _hessian_columns(objective, coef, moving)
    signed = gradient + penalty.l1 * np.sign(coef)
    solved = newton_step(hessian[moving], signed[moving], objective.curvature_bound[moving])
    step = np.zeros(objective.size)
    step[moving] = solved.step
    v = gradient - hessian @ solved.step - penalty.gradient(coef - step)
    scales = _scales(penalty, v)
    values = objective.dual_values(coef, step, scales)
    lower = max(
        float(value) - _conjugate(penalty, scale * v, free)
        for value, scale in zip(values, scales, strict=True)
    )
    return step, lower - solved.left_over


def _inside(penalty: Penalty, coef: Array) -> Flags:
    """Coefficients that are free to move either way."""
    low, high = penalty.bounds()
    return (coef != 0) & (coef > low) & (coef < high)


def _hessian_columns(objective: Objective, coef: Array, moving: Flags) -> Array:
    """Columns of the Hessian, of shape (q, m): one pass, or one for each where q is large."""
    if objective.size <= _MOST_CURVATURES:
        return objective.evaluate(coef, 2).hessian[:, moving]
    columns = np.zeros((objective.size, int(moving.sum())))
    for k, j in enumerate(np.flatnonzero(moving)):
        unit = np.zeros(objective.size)
        unit[j] = 1.0
        columns[:, k] = objective.hessian_product(coef, unit)
    return columns


def _lower_bound_from_intercepts(objective: Objective, coef: Array, free: Flags) -> float:
    """Bound from where the intercepts fit best: with the weights given, else without weights.

    A bound that is proved anywhere holds everywhere; without weights one is always near.
    """
    for begin in (coef, np.zeros_like(coef)):
        here = begin
        for _ in range(_INTERCEPT_STEPS):
            gradient = objective.evaluate(here, 1).gradient
            step, lower = _lower_bound(objective, here, gradient, free)
            if lower > -np.inf:
                return lower
            here = here - step / max(1.0, float(np.abs(step).max()))
    return -np.inf


def _scales(penalty: Penalty, v: Array) -> tuple[float, ...]:
    """Shrinkings to try: that which brings v into the box, and with a ridge others as well."""
    # A scale that brings v to the box's edge is rounded.
    inside = into_box(penalty, v, 4.0 * FLOOR * penalty.l1)
    return (inside, *_SHRINKINGS)


def _conjugate(penalty: Penalty, v: Array, free: Flags) -> float:
    """Penalty's part of the dual objective; what is not penalised is met but for rounding."""
    return float(penalty.conjugate(np.where(free, 0.0, v)).sum())
