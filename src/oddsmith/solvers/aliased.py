"""Columns that are linear combinations of others: which, and the coefficients of least norm."""

import numpy as np
import scipy.linalg as la

from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.newton import null_space

__all__ = ["aliased_columns", "least_norm"]

# A part of the columns this much smaller than its column is rounding (both of unit length).
_ALIASED = 1e-11


def least_norm(
    objective: Objective, coef: Array, most: int
) -> tuple[Array, tuple[int, ...] | None]:
    """Of all coef with the same margins, the one whose user's coefficients have least norm.

    It is the limit of ever smaller ridge penalties, and differs from coef only where columns
    are aliased. Also says which columns those are; None where there are more than `most`.
    """
    if objective.limited:
        return coef, ()
    K, p = objective.width, objective.source.n_features
    penalty = objective.penalty.diagonal[: p * K]
    penalised = penalty.size == 0 or float(penalty.min()) > 1e-10 * objective.weight
    if penalised:
        return coef, ()
    if objective.size > K * most:
        return coef, None
    gram = objective.gram()
    suspects = null_space(gram)
    null = objective.split_null(suspects)[0] if suspects.shape[1] else suspects
    if null.shape[1] == 0:
        return coef, ()
    table = coef.reshape(-1, K)
    unit = objective.design.standardisation.scale[:, None]
    w_null = null[:p] / unit
    # Where scales differ by hundreds of decades a basis vector would overflow when squared.
    size = np.abs(w_null).max(axis=0)
    basis, triangle = la.qr(w_null / size, mode="economic")
    share = la.solve_triangular(triangle, basis.T @ (table[:p] / unit)) / size[:, None]
    aliased = aliased_columns(gram, objective.design.intercept) if objective.l2 == 0 else ()
    least = table - null @ share
    least[np.diag(gram) == 0] = 0.0
    return least.ravel(), aliased


def aliased_columns(gram: Array, intercept: bool) -> tuple[int, ...]:
    """Columns that are linear combinations of the columns before them and the intercept.

    A Cholesky factorisation in the order of the columns, intercept first, that passes over
    every column of which nothing is left (as R's `lm` does for NA coefficients).

    Parameters
    ----------
    gram : array of shape (q, q)
        Z'S Z, intercept last.
    intercept : bool

    Examples
    --------
    >>> X = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
    >>> aliased_columns(X.T @ X, intercept=False)
    (2,)
    """
    q = gram.shape[0]
    columns = list(range(q))
    order = columns[-1:] + columns[:-1] if intercept else columns
    left = gram[order][:, order]
    whole = np.diag(left).copy()
    aliased: list[int] = []
    for j in range(q):
        if left[j, j] <= _ALIASED * whole[j]:
            aliased.append(order[j])
            continue
        row = left[j, j:] / np.sqrt(left[j, j])
        left[j:, j:] -= row[:, None] * row
    return tuple(sorted(aliased))
