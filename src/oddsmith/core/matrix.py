"""A block as a design matrix: a few operations for every kind of matrix, and no others.

Kernels are written once against `DesignMatrix`; how the rows are stored, centred and scaled is
settled here, for one block at a time, so that no more than a block is ever copied.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from oddsmith.core.columns import Standardisation
from oddsmith.core.stable import Array

__all__ = ["DesignMatrix", "design_matrix"]


@dataclass(frozen=True, slots=True)
class DesignMatrix:
    """Standardised rows Z of a block, with a last column of ones if there is an intercept.

    Attributes
    ----------
    Z : ndarray or SciPy CSR array of shape (n, p), float64
    intercept : bool
    """

    Z: Any
    intercept: bool

    @property
    def sparse(self) -> bool:
        """Whether Z is sparse."""
        return _is_sparse(self.Z)

    def dense(self) -> Array:
        """All of the rows, ones included, as an array of shape (n, q)."""
        rows = self.Z.toarray() if self.sparse else self.Z
        return np.column_stack([rows, np.ones(rows.shape[0])]) if self.intercept else rows

    def times(self, coef: Array) -> Array:
        """Z @ coef: margins of shape (n,), or (n, K) for coef of shape (q, K)."""
        if not self.intercept:
            return self.Z @ coef
        return self.Z @ coef[:-1] + coef[-1]

    def transposed_times(self, slope: Array) -> Array:
        """Z' @ slope, of shape (q,) or (q, K)."""
        product = self.Z.T @ slope
        if not self.intercept:
            return product
        return np.concatenate([product, slope.sum(axis=0, keepdims=True)])

    def squares_times(self, curvature: Array) -> Array:
        """(Z * Z)' @ curvature, of shape (q,) or (q, K)."""
        squares = self.Z.multiply(self.Z) if self.sparse else self.Z * self.Z
        product = squares.T @ curvature
        if not self.intercept:
            return product
        return np.concatenate([product, curvature.sum(axis=0, keepdims=True)])

    def row_squares(self) -> Array:
        """Squared norm of each row, ones included, of shape (n,)."""
        squares = self.Z.multiply(self.Z) if self.sparse else self.Z * self.Z
        return np.asarray(squares.sum(axis=1)).ravel() + float(self.intercept)

    def gram(self, curvature: Array) -> Array:
        """Z' @ diag(curvature) @ Z, of shape (q, q).

        Entries of curvature are of one sign, positive where Z is dense.
        """
        p = self.Z.shape[1]
        q = p + self.intercept
        root = np.sqrt(np.abs(curvature))
        if self.sparse:
            sign = -1.0 if (curvature < 0).any() else 1.0
            scaled: Any = sp.diags_array(root) @ self.Z
            inner = (scaled.T @ scaled).toarray() * sign
        else:
            columns = self.Z.T * root
            inner = columns @ columns.T
        if not self.intercept:
            return inner
        gram = np.empty((q, q))
        gram[:p, :p] = inner
        gram[-1] = gram[:, -1] = np.append(self.Z.T @ curvature, curvature.sum())
        return gram


def design_matrix(X: Any, standardisation: Standardisation, intercept: bool) -> DesignMatrix:
    """Rows X, dense or sparse, as a standardised design matrix.

    Examples
    --------
    >>> X = np.array([[1e8, 3.0], [1e8 + 2, 5.0]])
    >>> how = Standardisation(np.array([1e8 + 1, 0.0]), np.array([1.0, 2.0]))
    >>> design_matrix(X, how, intercept=True).Z
    array([[-1. ,  1.5],
           [ 1. ,  2.5]])
    """
    if _is_sparse(X):
        return DesignMatrix(_standardised_sparse(X, standardisation), intercept)
    if standardisation.trivial:
        return DesignMatrix(X.astype(np.float64, copy=False), intercept)
    # Scaled first: the difference of two numbers near 1e308 could overflow before it is scaled.
    rows = X * (1.0 / standardisation.scale)
    rows -= standardisation.center / standardisation.scale
    return DesignMatrix(rows, intercept)


def _is_sparse(X: Any) -> bool:
    return bool(sp.issparse(X))


def _standardised_sparse(X: Any, standardisation: Standardisation) -> Any:
    unit = 1.0 / standardisation.scale
    scaled = X.data.astype(np.float64) * unit[X.indices]
    Z: Any = sp.csr_array((scaled, X.indices, X.indptr), shape=X.shape)
    moved = np.flatnonzero(standardisation.center)
    if moved.size == 0:
        return Z
    # The few columns that are centred are nearly full: they are written out, zeros and all.
    dense = Z[:, moved].toarray() - (standardisation.center * unit)[moved]
    kept = ~np.isin(Z.indices, moved)
    every = np.arange(int(X.shape[0]))
    rows = np.repeat(every, np.diff(X.indptr))
    rows_moved = np.repeat(every, moved.size)
    data = np.concatenate([Z.data[kept], dense.ravel()])
    row = np.concatenate([rows[kept], rows_moved])
    column = np.concatenate([Z.indices[kept], np.tile(moved, X.shape[0])])
    return sp.csr_array((data, (row, column)), shape=X.shape)
