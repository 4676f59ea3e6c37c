"""Loops of coordinate descent that Numba compiles: the model's minimum, and sparse columns.

They know arrays alone; `descent` is their plain twin, and the law that holds them equal is in the
tests. Indices of sparse matrices come as unsigned numbers, which spares a test for negative ones.
"""

from typing import Any

import numba
import numpy as np

from oddsmith.core.stable import Array

__all__ = [
    "add_rows",
    "descend",
    "pull",
    "put_symmetric",
    "row_gram",
]

_jit: Any = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})


@_jit
def descend(
    H: Any, q: Array, u: Array, l1: Array, low: Array, high: Array, sweeps: int, tol: float
) -> float:
    """Coordinate descent, see `descent.descend`."""
    m = u.size
    worst = 0.0
    for _ in range(sweeps):
        worst = 0.0
        for j in range(m):
            row = H[j]
            curvature = np.float64(row[j])
            if not curvature > 0.0:
                continue
            old = u[j]
            z = curvature * old - q[j]
            if z > l1[j]:
                new = (z - l1[j]) / curvature
            elif z < -l1[j]:
                new = (z + l1[j]) / curvature
            else:
                new = 0.0
            new = min(max(new, low[j]), high[j])
            change = new - old
            if change != 0.0:
                u[j] = new
                for i in range(m):
                    q[i] += change * row[i]
                worst = max(worst, change * change * curvature)
        if worst <= tol:
            break
    return worst


@_jit
def add_rows(H: Any, which: Any, change: Array, out: Array) -> None:
    """Add sum_k change_k H[which_k] to out."""
    m = out.size
    for k in range(which.size):
        c = change[k]
        if c != 0.0:
            row = H[which[k]]
            for i in range(m):
                out[i] += c * row[i]


@_jit
def pull(indptr: Any, indices: Any, data: Any, R: Array, out: Array) -> None:
    """Add X'R to out of shape (p, m), for a CSR matrix X and R of shape (n, m)."""
    n, m = R.shape
    if m == 1:
        for i in range(n):
            r = R[i, 0]
            for e in range(np.uint64(indptr[i]), np.uint64(indptr[i + 1])):
                out[indices[e], 0] += data[e] * r
        return
    for i in range(n):
        for e in range(np.uint64(indptr[i]), np.uint64(indptr[i + 1])):
            x, target = data[e], out[indices[e]]
            for k in range(m):
                target[k] += x * R[i, k]


@_jit
def row_gram(starts: Any, columns: Any, values: Array, weight: Array, out: Any) -> None:
    """Add X' diag(weight) X to out, for a CSR matrix X: the part with column i >= column j.

    The columns of each row ascend.
    """
    for i in range(starts.size - 1):
        w = weight[i]
        if w == 0.0:
            continue
        first, last = np.uint64(starts[i]), np.uint64(starts[i + 1])
        for e in range(first, last):
            x, target = w * values[e], out[columns[e]]
            for f in range(first, e + np.uint64(1)):
                target[columns[f]] += x * values[f]


@_jit
def put_symmetric(first: Any, second: Any, slot: Any, H: Any) -> None:
    """Set H_ij to the sum of two matrices, told by their lower halves, at slots i and j."""
    for i in range(slot.size):
        for j in range(i + 1):
            a, b = slot[i], slot[j]
            if a < b:
                a, b = b, a
            H[i, j] = first[a, b] + second[a, b]
    # Tiles: a row of one half is a column of the other.
    for top in range(0, slot.size, 64):
        for i in range(top, min(top + 64, slot.size)):
            for j in range(i):
                H[j, i] = H[i, j]
