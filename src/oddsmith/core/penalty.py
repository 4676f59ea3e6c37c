"""The elastic net l2 / 2 * ||w||^2 + l1 * ||w||_1 on the user's scale, in any coordinates."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from oddsmith.core.stable import Array

__all__ = ["Limits", "Penalty"]


@dataclass(frozen=True)
class Limits:
    """What distinguishes columns on the user's scale, of shape (p,) each.

    Attributes
    ----------
    factors : array
        Multiples of the penalty; 0 is no penalty, infinity leaves the column out.
    lower, upper : array
        Bounds on the coefficients, lower <= 0 <= upper.
    """

    factors: Array
    lower: Array
    upper: Array


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
    low, high : arrays of shape (q,), or None
        Bounds; low <= 0 <= high.

    Examples
    --------
    >>> penalty = Penalty(np.array([2.0, 0.0]), np.array([1.0, 0.0]))
    >>> penalty.value(np.array([-3.0, 5.0])), penalty.gradient(np.array([-3.0, 5.0]))
    (12.0, array([-6.,  0.]))
    """

    diagonal: Array
    l1: Array
    low: Array | None = None
    high: Array | None = None

    def bounds(self) -> tuple[Array, Array]:
        """Bounds of shape (q,) each, infinite where there are none."""
        free = np.full(self.l1.size, np.inf)
        low = -free if self.low is None else self.low
        return low, free if self.high is None else self.high

    def at(self, ids: Any) -> "Penalty":
        """Penalty of some of the coordinates."""
        low = None if self.low is None else self.low[ids]
        high = None if self.high is None else self.high[ids]
        return Penalty(self.diagonal[ids], self.l1[ids], low, high)

    def times(self, factor: float) -> "Penalty":
        """Multiply the penalty, with the same bounds."""
        if factor == 1.0:
            return self
        return Penalty(factor * self.diagonal, factor * self.l1, self.low, self.high)

    @cached_property
    def bounded(self) -> bool:
        """Whether any coordinate has a bound."""
        if self.low is None and self.high is None:
            return False
        low, high = self.bounds()
        return bool((low > -np.inf).any() or (high < np.inf).any())

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

    def conjugate(self, v: Array) -> Array:
        """Sup over t of (-v_j t - penalty_j(t)), t within the bounds, of shape (q,)."""
        return self.fenchel(np.zeros_like(v), v)

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
        moved = _shrunk(point, step * self.l1)
        return np.clip(moved, *self.bounds()) if self.bounded else moved

    def fenchel(self, coef: Array, v: Array) -> Array:
        """Fenchel-Young gaps of the coordinates, of shape (q,): 0 exactly where v explains coef.

        penalty_j(coef_j) + v_j coef_j + sup over t of (-v_j t - penalty_j(t)), t within the
        bounds (Boyd and Vandenberghe, 2004, 3.3.2). With t the maximiser and
        s = -(v + P t) its subgradient it is P (coef - t)^2 / 2 + l1 (|coef| - |t|) - s (coef - t),
        in which no large terms cancel.

        Parameters
        ----------
        coef, v : arrays of shape (q,)
            v is the gradient of the losses, or another feasible point of the dual.

        Examples
        --------
        >>> penalty = Penalty(np.array([0.0, 1.0]), np.ones(2))
        >>> penalty.fenchel(np.array([2.0, 2.0]), np.array([-1.0, -1.0])).tolist()
        [0.0, 2.0]
        """
        if not (self.bounded or self.diagonal.any()):
            kink = self.l1 * np.abs(coef)
            inside = np.abs(v) <= self.l1
            return np.where(inside, np.maximum(kink + v * coef, 0.0), np.inf)
        low, high = self.bounds()
        point = -_shrunk(v, self.l1)  # -v less the kink
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(point == 0, 0.0, np.divide(point, self.diagonal))
        t = np.minimum(np.maximum(t, low), high)
        found = np.isfinite(t)
        t = np.where(found, t, 0.0)
        s = -(v + self.diagonal * t)
        away = coef - t
        kink = self.l1 * (np.abs(coef) - np.abs(t))
        gaps = 0.5 * self.diagonal * away**2 + kink - s * away
        return np.where(found, np.maximum(gaps, 0.0), np.inf)

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
        steepest = np.where(coef == 0, at_kink, gradient + self.l1 * np.sign(coef))
        if not self.bounded:
            return steepest
        low, high = self.bounds()
        outward = ((coef <= low) & (steepest > 0)) | ((coef >= high) & (steepest < 0))
        return np.where(outward, 0.0, steepest)


def _shrunk(point: Array, by: Array) -> Array:
    """Soft thresholding; a zero has no sign."""
    return np.sign(point) * np.maximum(np.abs(point) - by, 0.0) + 0.0
