"""Coordinate descent on the columns of a quadratic model, in plain NumPy."""

from typing import Any

import numpy as np

from oddsmith.core.stable import Array

__all__ = ["ROUNDING", "descend"]

# Changes that rounding of u makes, as parts of sum_j H_jj u_j^2.
ROUNDING = 2.0**-98


def descend(
    starts: Any,
    rows: Any,
    S: Any,
    slot: Any,
    curvature: Array,
    mean: Array,
    ridge: Array,
    q: Array,
    u: Array,
    l1: Array,
    low: Array,
    high: Array,
    r: Any,
    sweeps: int,
    tol: float,
) -> tuple[int, bool]:
    """Minimise q'd + |S_c d|^2 / 2 + d'P d / 2 + sum_j l1_j |u_j + d_j| within bounds, in place.

    The model's Hessian is never formed: r = S d follows u, and each coordinate in turn goes to its
    own minimum (Friedman, Hastie and Tibshirani, 2010, "Regularization paths", section 2.1, naive
    updates). S_c is S less its projection on a vector t of length 1, S_c = S - t mean', which is
    what an intercept leaves where it is always at its minimum: then mean_j = S_j't, t = s / |s|
    for the square roots s of the curvatures.

    Parameters
    ----------
    starts, rows, S : arrays
        Columns as CSC, float32.
    slot : array of shape (m,)
        Column of each coordinate.
    curvature : array of shape (m,)
        H_jj = |S_cj|^2 + ridge_j, or more; a coordinate of curvature 0 stays.
    mean, ridge, q : arrays of shape (m,)
    u : array of shape (m,)
        Where d is 0; changed.
    l1, low, high : arrays of shape (m,)
    r : array of shape (n,), float32
        0 at first; S d at the end.
    sweeps : int
        At the most.
    tol : float
        Ends after a sweep in which sum_j H_jj d_j^2 is no larger than that of the largest sweep
        times this, or than what rounding of u makes.

    Returns
    -------
    tuple of int and bool
        Sweeps done, and whether they ended so.

    Examples
    --------
    >>> starts, rows, S = np.arange(3), np.arange(2), np.ones(2, np.float32)
    >>> u, none, free = np.zeros(2), np.zeros(2), np.full(2, np.inf)
    >>> q, r = np.array([-3.0, 0.5]), np.zeros(2, np.float32)
    >>> _ = descend(starts, rows, S, rows, np.ones(2), none, none, q, u, np.ones(2), -free, free,
    ...             r, 10, 0.0)
    >>> u
    array([2., 0.])
    """
    start, pulled, moved, most, done = u.copy(), 0.0, 0.0, 0.0, 0
    finest = ROUNDING * float((curvature * u * u).sum())
    for _ in range(sweeps):
        moved = 0.0
        for j in np.flatnonzero(curvature > 0):
            own = slice(int(starts[slot[j]]), int(starts[slot[j] + 1]))
            slope = q[j] + ridge[j] * (u[j] - start[j]) + float(S[own] @ r[rows[own]])
            z = curvature[j] * u[j] - (slope - mean[j] * pulled)
            new = np.sign(z) * max(abs(z) - l1[j], 0.0) / curvature[j]
            change = min(max(new, low[j]), high[j]) - u[j]
            u[j] += change
            r[rows[own]] += np.float32(change) * S[own]
            pulled += change * mean[j]
            moved += change * change * curvature[j]
        done += 1
        most = max(most, moved)
        if moved <= max(tol * most, finest):
            break
    return done, moved <= max(tol * most, finest)
