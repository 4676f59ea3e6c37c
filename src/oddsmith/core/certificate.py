"""A proved upper bound on f(coef) - min f, in nats: how far a fit can be from the optimum.

For any probabilities a' whose gradient is zero where nothing is penalised, convex duality gives
(Boyd and Vandenberghe, 2004, 5.2.2; for the loss, Yu, Huang and Lin, 2011, section 2)

    lower = sum_i s_i (entropy(a'_i) + (a'_i - y_i) o_i) - 1/2 sum_{P_j > 0} v_j^2 / P_j <= min f,
    v = Z'S (a' - y).

With the Newton step d = H^-1 g and a' = a - h (Z d), h the curvature, v = -P (coef - d) exactly.
The gap f(coef) - lower is then a sum of terms that are never negative, so nothing cancels:

    gap = sum_i s_i KL(a'_i || a_i) + 1/2 sum_j (P d - r)_j^2 / P_j,    r = H d - g,

where r is what the linear solve left over. Near the optimum it equals the true distance.
"""

from dataclasses import dataclass

import numpy as np

from oddsmith.core.moments import LineMoments, Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array

__all__ = ["FLOOR", "Certificate", "certificate", "residual_rounding"]

# Below this, per unit of weight, the bound is rounding: it is what is reported at the least.
FLOOR = 2.0**-52


@dataclass(frozen=True, slots=True)
class Certificate:
    """Proof of how far coef can be from the optimum.

    Attributes
    ----------
    gap : float
        f(coef) - min f is at most this (nats).
    line : LineMoments
        The pass along the step that proved it.
    moments : Moments
        f and its derivatives at coef.
    step : array of shape (q,)
        The Newton step d that proved it: coef - d is nearer still, where its reach is small.
    rounding : float
        How far the sum that `moments.value` is can be from f(coef) (nats). The gap itself is a
        sum of small terms, and knows no such error.
    """

    gap: float
    line: LineMoments
    moments: Moments
    step: Array
    rounding: float

    @property
    def lower(self) -> float:
        """Lower bound on min f (nats), with room for the rounding of the sum that f is."""
        return max(0.0, self.moments.value - self.gap - self.rounding)


def certificate(
    objective: Objective,
    coef: Array,
    moments: Moments,
    step: Array,
    residual: Array,
) -> Certificate:
    """Bound f(coef) - min f with one pass along a step.

    Parameters
    ----------
    objective : Objective
    coef : array of shape (q,)
    moments : Moments
        f(coef) and its derivatives, nats.
    step : array of shape (q,)
        d, a solution of H d = g up to the residual.
    residual : array of shape (q,)
        r = H d - g.

    Returns
    -------
    Certificate
        Its gap is f(coef) itself where the dual point is not feasible: no loss is below 0.
    """
    line = objective.along(coef, step, (1.0,))
    gap = line.divergence + _penalty_part(objective, step, residual)
    # Margins are rounded: coef is as if moved by that much, in the metric of a curvature <= 1/4.
    moved = objective.margin_rounding(coef)
    gap = (np.sqrt(gap) + moved * np.sqrt(objective.weight / 8.0)) ** 2
    rounding = 8.0 * FLOOR * moments.value + moved * objective.weight
    return Certificate(float(np.fmin(gap, moments.value)), line, moments, step, rounding)


def residual_rounding(objective: Objective, step: Array) -> float:
    """Size below which an entry of r = H d - g cannot be told from 0.

    The gradient and H d are sums over rows of terms of about the weight, times |d| for the
    latter; 2^-44 leaves room for the 2^8 roundings of a long sum.
    """
    return 2.0**-44 * objective.weight * (1.0 + float(np.abs(step).max(initial=0.0)))


def _penalty_part(objective: Objective, step: Array, residual: Array) -> float:
    """1/2 sum_j (P d - r)_j^2 / P_j, a residual at rounding level bounded by itself.

    Where r_j is not more than the rounding of the gradient it came from, it cannot be told from
    0, and its effect r_j (coef - argmin f)_j is bounded by twice |r_j d_j|.
    """
    P = objective.penalty.diagonal
    negligible = np.abs(residual) <= residual_rounding(objective, step)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exact = np.where(P > 0, 0.5 * (P * step - residual) ** 2 / P, np.inf)
    by_rounding = 0.5 * P * step**2 + 2.0 * np.abs(residual * step)
    exact = np.where(residual == 0, 0.5 * P * step**2, exact)
    return float(np.where(negligible, np.fmin(exact, by_rounding), exact).sum())
