"""A proved upper bound on f(coef) - min f, in nats: how far a fit can be from the optimum.

For any probabilities a' whose gradient is zero where nothing is penalised, convex duality gives
(Boyd and Vandenberghe, 2004, 5.2.2; for the loss, Yu, Huang and Lin, 2011, section 2)

    lower = sum_i s_i (entropy(a'_i) + (a'_i - y_i) o_i) - 1/2 sum_{P_j > 0} v_j^2 / P_j <= min f,
    v = Z'S (a' - y).

With the Newton step d = H^-1 g and a' = a - h (Z d), h the curvature, v = -P (coef - d) exactly.
The gap f(coef) - lower is then a sum of terms that are never negative, so nothing cancels:

    gap = sum_i s_i KL(a'_i || a_i) + 1/2 sum_j (P d - r)_j^2 / P_j,    r = H d - g,

where r is what the linear solve left over. Near the optimum it equals the true distance. Where
r should be 0 and is only as small as rounding, see `left_over`.

What is proved is about the rows as the kernels read them: columns are centred only where they lie
far from zero, and are then exact to the last place of their entries.
"""

from dataclasses import dataclass

import numpy as np

from oddsmith.core.moments import LineMoments, Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array

__all__ = [
    "FLOOR",
    "Certificate",
    "certificate",
    "certificate_by_curvature",
    "certificate_by_penalty",
    "left_over",
]

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
    definite : bool
        Whether the Hessian was proved definite on the way: the optimum is finite and the only
        one, and no column is aliased.
    """

    gap: float
    line: LineMoments
    moments: Moments
    step: Array
    rounding: float
    definite: bool = False

    @property
    def lower(self) -> float:
        """Lower bound on min f (nats), with room for the rounding of the sum that f is."""
        return max(0.0, self.moments.value - self.gap - self.rounding)


def certificate(
    objective: Objective, coef: Array, moments: Moments, step: Array, penalty_part: float
) -> Certificate:
    """Bound f(coef) - min f with one pass along a step.

    Parameters
    ----------
    objective : Objective
    coef : array of shape (q,)
    moments : Moments
        f(coef) and its derivatives, nats.
    step : array of shape (q,)
        d, a solution of H d = g up to a residual r.
    penalty_part : float
        What the second sum and the residual add to the gap (nats): known to who solved for d.

    Returns
    -------
    Certificate
        Its gap is f(coef) itself where the dual point is not feasible: no loss is below 0.
    """
    line = objective.along(coef, step, (1.0,))
    gap, rounding = _rounded(objective, coef, moments.value, line.divergence + penalty_part)
    return Certificate(gap, line, moments, step, rounding)


def _rounded(objective: Objective, coef: Array, value: float, gap: float) -> tuple[float, float]:
    """Gap with room for the rounding of margins, and the rounding of the sum that f is (nats)."""
    # Coef is as if moved by that much, in the metric of a curvature <= 1/4.
    moved = objective.margin_rounding(coef)
    gap = (np.sqrt(gap) + moved * np.sqrt(objective.weight / 8.0)) ** 2
    rounding = 8.0 * FLOOR * value + moved * objective.weight
    return float(np.fmin(gap, value)), rounding


# Not more than psi(1) = exp(-1), see `certificate_by_curvature`.
_LEAST_BEND = 0.36


def certificate_by_curvature(
    objective: Objective, coef: Array, moments: Moments, decrement: float, row: float
) -> Certificate | None:
    """Bound f(coef) - min f from the gradient and a part of the Hessian: no pass over the rows.

    Let A be no more than the Hessian at coef, for example the curvature of some of the rows:
    the others' losses are convex, which is all that is asked of them. Where no log-odds of those
    rows change by more than t, their losses lie above parabolas with psi(t) =
    (exp(-t) - 1 + t) / t**2 >= 1/2 - t/6 times their curvature (Bach, 2010, "Self-concordant
    analysis for logistic regression", proposition 1), so with D = ||g|| in the metric of A^-1

        f(coef - u) >= f(coef) - D ||u||_A + psi(t) ||u||_A^2,    t = row ||u||_A.

    If row D < psi(1), f rises everywhere on the boundary of t <= 1, so that the minimum lies
    inside, with t <= row D / psi(1), and gap <= D^2 / (4 psi(t)).

    Parameters
    ----------
    objective : Objective
    coef : array of shape (q,)
    moments : Moments
        f(coef) and its gradient, nats.
    decrement : float
        D.
    row : float
        Log-odds of those rows change by at most this for a step of length 1 in the metric of A.

    Returns
    -------
    Certificate or None
        None where coef is too far from the minimum to prove anything.
    """
    reach = row * decrement / _LEAST_BEND
    if not reach < 1.0:
        return None
    gap = 0.5 * decrement**2 / (1.0 - reach / 3.0)
    gap, rounding = _rounded(objective, coef, moments.value, gap)
    line = LineMoments(np.empty(0), gap, np.inf, -np.inf, np.inf)
    return Certificate(gap, line, moments, np.zeros_like(coef), rounding, definite=True)


def certificate_by_penalty(
    objective: Objective, coef: Array, moments: Moments
) -> Certificate | None:
    """Bound f(coef) - min f by an L2 penalty on all but the intercepts: a pass for each of those.

    Let B be the intercepts' block of the Hessian at coef and C their rows of it. As Z'S h Z is
    positive semidefinite, it is at least C' B^-1 C (Boyd and Vandenberghe, 2004, A.5.5), so that

        A = P + C' B^-1 C <= H,   ||g||^2 = ||g_w - C_w' B^-1 g_b||^2 in P^-1 + g_b' B^-1 g_b

    in the metric of A^-1, which is all that `certificate_by_curvature` asks for.

    Returns
    -------
    Certificate or None
        None where a coefficient but an intercept is not penalised, or coef is too far off.
    """
    K, free = objective.width, objective.width * objective.design.intercept
    held = coef.size - free
    P, gradient = objective.penalty.diagonal[:held], moments.gradient
    if not (objective.l1 == 0.0 and held and float(P.min()) > 0.0):
        return None
    row = float(np.sqrt((objective.largest_entries[: held // K] ** 2 / P[::K]).sum()))
    size, apart = gradient[:held], 1.0 if K == 1 else np.sqrt(2.0)
    decrement = 0.0
    if free:
        rows = np.stack([objective.hessian_product(coef, unit) for unit in _units(coef.size, free)])
        values, vectors = np.linalg.eigh(rows[:, held:])
        # Adding the same to all K margins changes nothing, so that one value is 0.
        values, vectors = values[K > 1 :], vectors[:, K > 1 :]
        if not values[0] > 0.0:
            return None
        size = size - (vectors / values @ (vectors.T @ gradient[held:])) @ rows[:, :held]
        decrement = float(((vectors.T @ gradient[held:]) ** 2 / values).sum())
        # u' C' B^-1 C u is at most what the rows' curvatures, 1/4 or for K margins 1/2, make of u.
        most = (0.25 if K == 1 else 0.5) * objective.weight
        row += row * float(np.sqrt(most / values[0])) + float(np.sqrt(1.0 / values[0]))
    decrement = float(np.sqrt(decrement + (size**2 / P).sum()))
    return certificate_by_curvature(objective, coef, moments, decrement, apart * row)


def _units(size: int, last: int) -> Array:
    """Make the unit vectors of the last coordinates."""
    units = np.zeros((last, size))
    units[:, size - last :] = np.eye(last)
    return units


def left_over(residual: float, step: float) -> float:
    """Bound what a residual r adds to a gap, from its square and the square of d, as H measures.

    The dual point is feasible but for r, so the bound is off by r'(coef - argmin f), at most
    ||r|| ||coef - argmin f||, in the metrics of H^-1 and H; where the step is short enough to
    prove anything, the latter is within a factor 2 of ||H^-1 g|| <= ||d|| + ||r||.

    Examples
    --------
    >>> round(left_over(0.01, 4.0), 3)
    0.42
    """
    return 2.0 * (float(np.sqrt(residual * step)) + residual)
