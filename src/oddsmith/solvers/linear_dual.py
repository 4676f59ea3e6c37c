"""The dual point of a step's own model, whose gap is of higher order than the step.

Let a step d from probabilities a be the minimum of the model with curvatures h, of any point, and
move the margins by Z d. Then

    a'' = a + h (Z d)    has    v'' = Z'S (a'' - y) = v + H d,

the model's gradient at its minimum, which lies in the box of the L1 penalty and explains the new
coefficients: of the gap there is left the relative entropy of a'' to the new probabilities,

    sum_i s_i KL(a''_i || sigmoid(m + Z d)_i),

of the order of the squares of (h - h(m)) Z d and of (Z d)^2.
The gap at the gradient itself, which has to be shrunk into the box, is of the order of the next
step's length. It is the linear form of the certificate's Newton-corrected dual point
(`core.certificate`), for a box.
"""

from dataclasses import dataclass

from oddsmith.core.stable import Array

__all__ = ["LinearDual", "linear_dual"]


@dataclass(frozen=True, slots=True)
class LinearDual:
    """A dual point beside the point that a step led to.

    Attributes
    ----------
    slope : array of shape (n,)
        s (a'' - y).
    v : array of shape (m,)
        Z' slope, as the model has it: with its rounding.
    further : array of shape (n,)
        What a'' adds to the probability of the class that each row is not of.
    left : float
        delta^2 of the intercept (nats).
    """

    slope: Array
    v: Array
    further: Array
    left: float


def linear_dual(
    slope: Array, curvature: Array, v: Array, there: tuple[Array, Array], sides: Array, free: bool
) -> LinearDual:
    """Dual point of the model that led there.

    Parameters
    ----------
    slope : array of shape (n,)
        Weighted, s (a - y + h (Z d)).
    curvature : array of shape (n,)
        The model's, s h.
    v : array of shape (m,)
        The model's gradient at its minimum, of the losses alone.
    there : tuple of two arrays of shape (n,)
        Weighted slopes and curvatures where the step ended.
    sides : array of shape (n,)
        (1 - 2 y) / s.
    free : bool
        Whether there is an intercept, whose gradient must be 0.
    """
    there_slope, bend = there
    left = 0.0
    if free:
        slope = slope - curvature * (float(slope.sum()) / float(curvature.sum()))
        left = float(slope.sum()) ** 2 / float(bend.sum())
    return LinearDual(slope, v, sides * (slope - there_slope), left)
