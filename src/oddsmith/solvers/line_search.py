"""How long a step may be: decided by what is proved, or by values that differ for sure."""

from oddsmith.core.moments import LineMoments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array

__all__ = ["ARMIJO", "SAFE_REACH", "newton_length", "sufficient"]

ARMIJO = 1e-4
# If no row's log-odds move by more than this, curvatures change by less than exp(0.5) < 2 on
# the way, and the step is sure to lower the objective (Bach, 2010, "Self-concordant analysis
# for logistic regression", proposition 1): no comparison of rounded values is needed.
SAFE_REACH = 0.5
# How many lengths are tried in one pass where a whole Newton step goes too far.
_TRIALS = 20


def sufficient(value: float, new: float, length: float, slope: float) -> bool:
    """Armijo's test: f(coef - length d) <= f(coef) - c length g'd (Nocedal and Wright, 3.4).

    Examples
    --------
    >>> sufficient(value=1.0, new=0.6, length=1.0, slope=0.5)
    True
    """
    return new <= value - ARMIJO * length * slope


def newton_length(
    objective: Objective, coef: Array, value: float, slope: float, step: Array, line: LineMoments
) -> float:
    """Length of a Newton step d.

    Parameters
    ----------
    objective : Objective
    coef : array of shape (q,)
    value : float
        f(coef), nats.
    slope : float
        g'd > 0, the rate at which f falls along coef - length d.
    step : array of shape (q,)
    line : LineMoments
        The pass along d, which tried the whole step.

    Returns
    -------
    float
        1 where the whole step is proved to help, or lowers f enough; else the length of the
        many tried in one more pass that lowers f most; else the longest that is proved to.
    """
    if line.reach <= SAFE_REACH or sufficient(value, float(line.values[0]), 1.0, slope):
        return 1.0
    safe = SAFE_REACH / line.reach
    # Evenly in the logarithm: where curvature has all but vanished, a step is too long by decades.
    lengths = tuple(float(safe ** (k / _TRIALS)) for k in range(1, _TRIALS + 1))
    values = objective.values_along(coef, step, lengths).tolist()
    lowest, length = min(zip(values, lengths, strict=True))
    return length if sufficient(value, lowest, length, slope) else safe
