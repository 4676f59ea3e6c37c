"""Sums over rows that can be added: raw sums, never means; divide once, at the end."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from oddsmith.core.stable import Array

__all__ = ["LineMoments", "Moments", "VectorMoments"]


def _nothing() -> Array:
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class Moments:
    """Weight, loss, and its derivatives in the coefficients, summed over rows.

    Attributes
    ----------
    weight : float
        Sum of the weights (rows).
    value : float
        Weighted sum of the losses (nats).
    gradient : array of shape (q,), or (0,) if it was not asked for
    hessian : array of shape (q, q), or (0,) if it was not asked for
    """

    weight: float
    value: float
    gradient: Array = field(default_factory=_nothing)
    hessian: Array = field(default_factory=_nothing)

    def __add__(self, other: Self) -> "Moments":
        return Moments(
            self.weight + other.weight,
            self.value + other.value,
            self.gradient + other.gradient,
            self.hessian + other.hessian,
        )


@dataclass(frozen=True, slots=True)
class VectorMoments:
    """One vector or matrix summed over rows, such as a Hessian product."""

    vector: Array

    def __add__(self, other: Self) -> "VectorMoments":
        return VectorMoments(self.vector + other.vector)


@dataclass(frozen=True, slots=True)
class LineMoments:
    """What one pass along a direction d tells: the line search and the certificate.

    With m the margins at coef and t = X d, over the rows of positive weight:

    Attributes
    ----------
    values : array of shape (len(lengths),)
        Sum of the losses at coef - length * d (nats).
    divergence : float
        Sum of the relative entropies of the dual point a - h t to a = sigmoid(m) (nats);
        inf where a - h t is not a probability.
    reach : float
        Largest change of any difference of margins within a row (nats).
    lead : float
        Smallest signed margin: positive if every row is on its own side (nats).
    widest : float
        Largest difference of margins within a row at coef (nats).
    """

    values: Array
    divergence: float
    reach: float
    lead: float
    widest: float

    def __add__(self, other: Self) -> "LineMoments":
        return LineMoments(
            self.values + other.values,
            self.divergence + other.divergence,
            float(np.maximum(self.reach, other.reach)),
            float(np.minimum(self.lead, other.lead)),
            float(np.maximum(self.widest, other.widest)),
        )
