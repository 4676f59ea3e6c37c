"""The delta method: standard errors of what is computed from the coefficients.

If coef has the covariance V, then t(coef) has about J V J', J the derivative of t (Rao, 1973,
6a.2). J and V are in the objective's coordinates, in which columns far from zero lose no digits,
and V = B B' is kept as its root B, so that no variance can be negative.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg as la

from oddsmith.core.stable import Array
from oddsmith.inference.likelihood import Likelihood

__all__ = ["Delta"]


@dataclass(frozen=True)
class Delta:
    """Covariance V = B B' of coef, in the objective's coordinates.

    Attributes
    ----------
    root : array of shape (size, r)
        B; NaN where the information is singular, or the meat unknown.
    """

    root: Array

    @classmethod
    def of(cls, likelihood: Likelihood, meat: Array | None = None) -> "Delta":
        """V = H^-1, or H^-1 M H^-1 for a meat M of shape (size, size).

        With K > 2, H is lifted along sums over the classes, of which nothing that is reported
        knows.
        """
        factor = likelihood.factor
        if factor is None or (meat is not None and not np.isfinite(meat).all()):
            return cls(np.full((likelihood.objective.size,) * 2, np.nan))
        if meat is None:
            scaled = la.solve_triangular(factor.lower, np.diag(factor.unit), lower=True)
            return cls(np.ascontiguousarray(scaled.T))
        values, vectors = la.eigh(0.5 * (meat + meat.T))
        return cls(factor.solve(vectors * np.sqrt(np.maximum(values, 0.0))))

    def covariance(self, jacobian: Array) -> Array:
        """J V J' of shape (r, r), for J of shape (r, size)."""
        half = jacobian @ self.root
        return half @ half.T

    def errors(self, jacobian: Array) -> Array:
        """Find standard errors, of shape (r,): roots of the diagonal of J V J'."""
        return np.sqrt(((jacobian @ self.root) ** 2).sum(axis=1))

    def products(self, rows: Array, width: int) -> Array:
        """Covariance of the margins of rows z, of shape (n, K, K); (n, 1, 1) for one margin.

        Parameters
        ----------
        rows : array of shape (n, q)
        width : int
            Margins a row.
        """
        half = (rows @ self.root.reshape(rows.shape[1], -1)).reshape(len(rows), width, -1)
        return np.einsum("nks,nls->nkl", half, half)
