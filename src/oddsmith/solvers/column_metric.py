"""What the columns' statistics alone tell of the Hessian: where walks over many columns begin."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array

__all__ = ["ColumnMetric"]

# Curvature of a loss in a margin is at most this.
_CURVATURE = 0.25


@dataclass(frozen=True, slots=True)
class ColumnMetric:
    """Hessian of rows that are all equally curved and of columns that are not correlated.

    With means m and variances v of the columns, W the weight of the rows and h their curvature,

        A = diag(h W v + P, 0) + h W (m, 1) (m, 1)',

    for each of K margins. Few columns are centred in sparse data, so that the intercept is
    correlated with all of them; here it is so exactly. No pass over the rows is needed, and A is
    inverted in time linear in the columns.

    Attributes
    ----------
    own : array of shape (p, K)
        h W v + P.
    mean : array of shape (p, 1)
    whole : float
        h W, or 0 where there is no intercept: then own has h W (v + m^2) + P.
    """

    own: Array
    mean: Array
    whole: float

    @classmethod
    def of(cls, objective: Objective) -> Self:
        """Metric of an objective, in its coordinates."""
        how, columns, K = objective.design.standardisation, objective.columns, objective.width
        p, most = objective.source.n_features, _CURVATURE * objective.weight
        mean, spread = (columns.mean - how.center) * how.unit, columns.spread * how.unit
        if not objective.design.intercept:
            spread, mean = np.hypot(spread, mean), np.zeros_like(mean)
        penalty = objective.penalty.diagonal[: p * K].reshape(p, K)
        own = (most * spread * spread)[:, None] + penalty
        whole = most if objective.design.intercept else 0.0
        return cls(np.where(own > 0, own, 1.0), mean[:, None], whole)

    def times(self, vector: Array) -> Array:
        """A times a vector of shape (q K,)."""
        p, K = self.own.shape
        table = vector.reshape(-1, K)
        image = np.empty_like(table)
        np.multiply(self.own, table[:p], out=image[:p])
        if self.whole:
            image[p] = self.whole * (table[p] + self.mean[:, 0] @ table[:p])
            image[:p] += self.mean * image[p]
        return image.ravel()

    def solve(self, vector: Array) -> Array:
        """Inverse of A times a vector of shape (q K,)."""
        p, K = self.own.shape
        table = vector.reshape(-1, K)
        solution = np.empty_like(table)
        if not self.whole:
            return (table / self.own).ravel()
        np.multiply(self.mean, -table[p], out=solution[:p])
        solution[:p] += table[:p]
        solution[:p] /= self.own
        solution[p] = table[p] / self.whole - self.mean[:, 0] @ solution[:p]
        return solution.ravel()
