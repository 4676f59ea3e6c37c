"""Loops over sparse columns that Numba compiles: gathering them, products, coordinate descent.

Columns are stored as CSC: `values`, `rows` and `starts`, the last two as unsigned integers, and
each column is cut out as a slice (see `fused_sparse`). Their plain twin is `sparse_descent`.
"""

from typing import Any

import numba
import numpy as np

from oddsmith.core.sparse_descent import ROUNDING
from oddsmith.core.stable import Array

__all__ = ["count", "descend", "place_picked", "scale", "times", "transposed_times"]

_jit: Any = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
_jit_sums: Any = numba.njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc"}
)


@_jit_sums
def _dot(values: Any, rows: Any, r: Any) -> Any:
    """Sum of values_e r_rows_e, in the precision of r."""
    total = r.dtype.type(0)
    for e in range(values.size):
        total += values[e] * r[rows[e]]
    return total


@_jit
def _add_to(values: Any, rows: Any, c: Any, r: Any) -> None:
    """Add c times a column to r."""
    for e in range(values.size):
        r[rows[e]] += c * values[e]


@_jit
def count(ends: Any, indices: Any, counts: Any) -> None:
    """Add up how often each column occurs between two places."""
    for e in range(np.uint64(ends[0]), np.uint64(ends[1])):
        counts[indices[e]] += np.uint32(1)


@_jit
def place_picked(
    indptr: Any,
    indices: Any,
    data: Any,
    slot: Any,
    unit: Array,
    first: int,
    places: Any,
    rows: Any,
    values: Array,
) -> None:
    """Copy the entries in columns that have a slot, divided by their units, to the slot's place.

    Parameters
    ----------
    indptr, indices, data : arrays
        CSR rows, of which the first has the number `first`.
    slot : array of int32, one for each column
        -1 is no slot.
    unit : array, one for each slot
    places : array of uint64, one for each slot
        Where the next entry goes; moved on.
    rows, values : arrays
        Written to.
    """
    for i in range(indptr.size - 1):
        row = np.uint32(first + i)
        for e in range(np.uint64(indptr[i]), np.uint64(indptr[i + 1])):
            k = slot[indices[e]]
            if k >= 0:
                place = places[k]
                rows[place], values[place] = row, data[e] / unit[k]
                places[k] = place + np.uint64(1)


@_jit
def times(starts: Any, rows: Any, values: Array, D: Array, out: Array) -> None:
    """Add Z D to out', of shape (K, n), for columns Z and D of shape (columns, K)."""
    for j in range(D.shape[0]):
        own, at = values[starts[j] : starts[j + 1]], rows[starts[j] : starts[j + 1]]
        for k in range(D.shape[1]):
            if D[j, k] != 0.0:
                _add_to(own, at, D[j, k], out[k])


@_jit
def transposed_times(starts: Any, rows: Any, values: Array, R: Array, out: Array) -> None:
    """Set out = Z'R' of shape (columns, K), for R of shape (K, n)."""
    for j in range(out.shape[0]):
        own, at = values[starts[j] : starts[j + 1]], rows[starts[j] : starts[j + 1]]
        for k in range(out.shape[1]):
            out[j, k] = _dot(own, at, R[k])


@_jit
def scale(
    starts: Any, rows: Any, values: Array, root: Any, out: Any, squares: Array, sums: Array
) -> None:
    """Set out = S = diag(root) Z, and each column's S_j'S_j and S_j'root, in float64."""
    for j in range(squares.size):
        own, at = values[starts[j] : starts[j + 1]], rows[starts[j] : starts[j + 1]]
        to, square, sum_ = out[starts[j] : starts[j + 1]], 0.0, 0.0
        for e in range(own.size):
            s = root[at[e]]
            x = np.float32(own[e]) * s
            to[e] = x
            square += np.float64(x) * np.float64(x)
            sum_ += np.float64(x) * np.float64(s)
        squares[j], sums[j] = square, sum_


@_jit
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
    """Coordinate descent on sparse columns, see `sparse_descent.descend`."""
    start, pulled, moved, most, done = u.copy(), 0.0, 0.0, 0.0, 0
    finest = 0.0
    for j in range(u.size):
        finest += ROUNDING * curvature[j] * u[j] * u[j]
    for _ in range(sweeps):
        moved = 0.0
        for j in range(u.size):
            h = curvature[j]
            if not h > 0.0:
                continue
            first, last = starts[slot[j]], starts[slot[j] + np.uint32(1)]
            own, at = S[first:last], rows[first:last]
            old = u[j]
            slope = q[j] + ridge[j] * (old - start[j]) + np.float64(_dot(own, at, r))
            z = h * old - (slope - mean[j] * pulled)
            if z > l1[j]:
                new = (z - l1[j]) / h
            elif z < -l1[j]:
                new = (z + l1[j]) / h
            else:
                new = 0.0
            new = min(max(new, low[j]), high[j])
            change = new - old
            if change != 0.0:
                u[j] = new
                _add_to(own, at, np.float32(change), r)
                pulled += change * mean[j]
                moved += change * change * h
        done += 1
        most = max(most, moved)
        if moved <= max(tol * most, finest):
            break
    return done, moved <= max(tol * most, finest)
