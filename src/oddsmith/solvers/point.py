"""Where a walk over a working set stands, where it has ended, and the steps between."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.solvers.linear_dual import LinearDual

__all__ = ["Point", "Settled", "Walked"]


@dataclass(frozen=True, slots=True)
class Point:
    """Where a walk stands.

    Attributes
    ----------
    ids : index array of shape (m,)
        Coordinates of the working set.
    u : array of shape (m,)
        Their coefficients; all others are 0.
    margin : array of shape (n,) or (n, K)
    losses : array of shape (n,)
    slope, bend : arrays shaped like the margin
        Weighted; `bend` is the curvature of each margin twice.
    value : float
        Losses summed (nats).
    """

    ids: Any
    u: Array
    margin: Array
    losses: Array
    slope: Array
    bend: Array
    value: float

    def coef(self, size: int) -> Array:
        """All coefficients, of shape (size,)."""
        whole = np.zeros(size)
        whole[self.ids] = self.u
        return whole


@dataclass(frozen=True, slots=True)
class Settled:
    """Where a walk over the working set has ended.

    Attributes
    ----------
    here : Point
    gap : float
        From the minimum over the working set (nats): proved, but for the dual point's v where
        that is the model's.
    dual : LinearDual or None
        Dual point of that gap; None for that of the point itself.
    """

    here: Point
    gap: float
    dual: LinearDual | None = None


@dataclass(frozen=True, slots=True)
class Walked:
    """A step towards a model's minimum.

    Attributes
    ----------
    there : Point
        Where it led.
    moved : array shaped like the margin
        Change of the margins by the whole step.
    length : float
        Of the whole step, in the metric of the curvature.
    shortened : bool
        Whether it was cut, or not taken at all.
    """

    there: Point
    moved: Array
    length: float
    shortened: bool
