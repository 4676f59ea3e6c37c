"""What the columns' statistics alone tell of the Hessian: where walks over many columns begin."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array

__all__ = ["ColumnMetric"]

# A coordinate that lost its curvature to well-fitted rows must not rule all the others.
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class ColumnMetric:
    """Hessian of rows that are all equally curved and of columns that are not correlated.

    With means m and variances v of the columns, W the weight of the rows and h their curvature,

        A = diag(h W v + P, 0) + h W (m, 1) (m, 1)',

    for each of K margins. Few columns are centred in sparse data, so that the intercept is
    correlated with all of them; here it is so exactly. A is inverted in time linear in the columns.
    Where the diagonal of the Hessian is known, it takes the place of that of Z'S h Z in each
    coordinate, of which the share v / (v + m^2) is its own.

    Attributes
    ----------
    own : array of shape (p, K)
        h W v + P.
    mean : array of shape (p, 1)
    whole : array of shape (K,), or (0,) if there is no intercept
        h W.
    """

    own: Array
    mean: Array
    whole: Array

    @classmethod
    def of(cls, objective: Objective, coef: Array | None = None) -> Self:
        """Metric of an objective in its coordinates: one pass if curvatures at coef are wanted."""
        how, columns, K = objective.design.standardisation, objective.columns, objective.width
        p, intercept = objective.source.n_features, objective.design.intercept
        mean, spread = (columns.mean - how.center) * how.unit, columns.spread * how.unit
        size = np.hypot(spread, mean)
        share = np.divide(spread, size, out=np.ones(p), where=size > 0) ** 2
        penalty = objective.penalty.diagonal.reshape(-1, K)
        bound = objective.curvature_bound.reshape(-1, K)
        if coef is not None:
            found = objective.hessian_diagonal(coef).reshape(-1, K)
            bound = np.maximum(found, _LEAST * bound)
        whole = bound[p:].ravel()
        own = (bound - penalty)[:p] * (share[:, None] if intercept else 1.0) + penalty[:p]
        own, whole = np.where(own > 0, own, 1.0), np.where(whole > 0, whole, 1.0)
        return cls(own, mean[:, None], whole)

    def times(self, vector: Array) -> Array:
        """Multiply A by a vector of shape (q K,)."""
        p, K = self.own.shape
        table = vector.reshape(-1, K)
        image = np.empty_like(table)
        np.multiply(self.own, table[:p], out=image[:p])
        if self.whole.size:
            image[p] = self.whole * (table[p] + self.mean[:, 0] @ table[:p])
            image[:p] += self.mean * image[p]
        return image.ravel()

    def solve(self, vector: Array) -> Array:
        """Inverse of A times a vector of shape (q K,)."""
        p, K = self.own.shape
        table = vector.reshape(-1, K)
        solution = np.empty_like(table)
        if not self.whole.size:
            return (table / self.own).ravel()
        np.multiply(self.mean, -table[p], out=solution[:p])
        solution[:p] += table[:p]
        solution[:p] /= self.own
        solution[p] = table[p] / self.whole - self.mean[:, 0] @ solution[:p]
        return solution.ravel()
