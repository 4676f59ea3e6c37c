"""Coordinate descent on a quadratic model with an L1 penalty and bounds, in plain NumPy."""

from typing import Any

import numpy as np

from oddsmith.core.stable import Array

__all__ = ["add_rows", "descend"]


def descend(
    H: Any, q: Array, u: Array, l1: Array, low: Array, high: Array, sweeps: int, tol: float
) -> float:
    """Minimise q'd + d'H d / 2 + sum_j l1_j |u_j + d_j| over low <= u + d <= high, in place.

    Each coordinate in turn goes to its own minimum (Friedman, Hastie and Tibshirani, 2010,
    "Regularization paths", equation 10, with covariance updates: q is the model's gradient and
    follows u).

    Parameters
    ----------
    H : array of shape (m, m)
        Symmetric, positive semidefinite; float32 or float64. Coordinates of curvature 0 stay.
    q, u : arrays of shape (m,)
        Gradient and coefficients, changed in place.
    l1, low, high : arrays of shape (m,)
    sweeps : int
        At the most.
    tol : float
        Ends after a sweep in which no H_jj d_j^2 is larger.

    Returns
    -------
    float
        Largest H_jj d_j^2 of the last sweep (nats).

    Examples
    --------
    >>> u, free = np.zeros(2), np.full(2, np.inf)
    >>> _ = descend(np.eye(2), np.array([-3.0, 0.5]), u, np.ones(2), -free, free, 10, 0.0)
    >>> u
    array([2., 0.])
    """
    worst = 0.0
    for _ in range(sweeps):
        worst = 0.0
        for j in range(u.size):
            curvature = float(H[j, j])
            if not curvature > 0.0:
                continue
            z = curvature * u[j] - q[j]
            new = np.sign(z) * max(abs(z) - l1[j], 0.0) / curvature
            change = min(max(new, low[j]), high[j]) - u[j]
            if change != 0.0:
                u[j] += change
                q += change * H[j, : u.size]
                worst = max(worst, change * change * curvature)
        if worst <= tol:
            break
    return worst


def add_rows(H: Any, which: Any, change: Array, out: Array) -> None:
    """Add sum_k change_k H[which_k] to out."""
    out += change @ H[which][:, : out.size]
