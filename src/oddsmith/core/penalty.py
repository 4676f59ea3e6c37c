"""The elastic net l2 / 2 * ||w||^2 + l1 * ||w||_1 on the user's scale, in any coordinates."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oddsmith.core.stable import Array

__all__ = ["Penalty"]


@dataclass(frozen=True)
class Penalty:
    """sum_j P_j coef_j^2 / 2 + l1_j |coef_j| with P, l1 >= 0 of shape (q,), 0 for intercepts.

    In standardised coordinates coef_j = scale_j w_j, so that P_j = l2 / scale_j^2 and
    l1_j = l1 / scale_j penalise the user's own w_j (Zou and Hastie, 2005, equation 3).

    Attributes
    ----------
    diagonal : array of shape (q,)
        P, the smooth part.
    l1 : array of shape (q,)
        The part with a kink at 0.

    Examples
    --------
    >>> penalty = Penalty(np.array([2.0, 0.0]), np.array([1.0, 0.0]))
    >>> penalty.value(np.array([-3.0, 5.0])), penalty.gradient(np.array([-3.0, 5.0]))
    (12.0, array([-6.,  0.]))
    """

    diagonal: Array
    l1: Array

    @cached_property
    def kinked(self) -> bool:
        """Whether any coordinate has an L1 penalty."""
        return bool(self.l1.any())

    def value(self, coef: Array) -> float:
        """Penalty at coef (nats, summed like the losses)."""
        smooth = 0.5 * float(self.diagonal @ (coef * coef))
        return smooth + float(self.l1 @ np.abs(coef)) if self.kinked else smooth

    def gradient(self, coef: Array) -> Array:
        """P coef, of shape (q,): the derivative of the smooth part."""
        return self.diagonal * coef

    def prox(self, point: Array, step: float | Array) -> Array:
        """Minimum over c of ||c - point||^2 / (2 step) + sum_j l1_j |c_j|, of shape (q,).

        Each coefficient moves towards 0 by step * l1, and stops there: soft thresholding
        (Donoho, 1995; Parikh and Boyd, 2014, equation 6.9).

        Examples
        --------
        >>> penalty = Penalty(np.zeros(3), np.array([1.0, 1.0, 0.0]))
        >>> penalty.prox(np.array([3.0, -0.2, 0.2]), 0.5)
        array([2.5, 0. , 0.2])
        """
        return _shrunk(point, step * self.l1)

    def steepest(self, coef: Array, gradient: Array) -> Array:
        """Least-norm subgradient, of shape (q,): 0 exactly at the minimum.

        Parameters
        ----------
        coef, gradient : arrays of shape (q,)
            The gradient is that of the smooth part of the objective.

        Examples
        --------
        >>> penalty = Penalty(np.zeros(2), np.ones(2))
        >>> penalty.steepest(np.array([2.0, 0.0]), np.array([-1.0, 0.5])).tolist()
        [0.0, 0.0]
        """
        at_kink = _shrunk(gradient, self.l1)
        return np.where(coef == 0, at_kink, gradient + self.l1 * np.sign(coef))


def _shrunk(point: Array, by: Array) -> Array:
    """Soft thresholding; a zero has no sign."""
    return np.sign(point) * np.maximum(np.abs(point) - by, 0.0) + 0.0
