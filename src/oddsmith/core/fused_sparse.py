"""Loops over sparse rows that Numba compiles: a tile of rows is read once for all that is wanted.

Rows are stored as CSR: `data`, `indices` and `indptr`, the last two as unsigned integers, which
spare the test whether an index counts from the end; and each row is cut out as a slice, whose
entries are then known to be counted from 0.
"""

import math
from typing import Any

import numpy as np

from oddsmith.core.fused_loops import (
    add,
    exp_of_minus,
    highest_of,
    jit,
    jit_sums,
    largest_of,
    log1pexp,
    relative_entropies,
    sigmoid,
    signed,
    sum_of,
    weigh,
)
from oddsmith.core.stable import Array

__all__ = [
    "evaluate",
    "full_columns",
    "sorted_once",
    "spreads",
    "squares_times",
    "statistics",
    "times",
    "transposed_times",
    "walk",
]

# Rows of a tile: their entries stay in the cache until they are read again.
_TILE = 64
# Numbers of `statistics` a column.
_SUM, _SQUARES, _LOW, _HIGH = 0, 1, 2, 3


@jit_sums
def _margins(
    data: Any, indices: Any, indptr: Any, first: int, w: Array, b: float, m: Array
) -> None:
    """Set m = X w + b for rows `first` and on."""
    for i in range(m.size):
        x = data[indptr[first + i] : indptr[first + i + 1]]
        own = indices[indptr[first + i] : indptr[first + i + 1]]
        sum_ = 0.0
        for k in range(x.size):
            sum_ += x[k] * w[own[k]]
        m[i] = sum_ + b


@jit
def _add_up(data: Any, indices: Any, indptr: Any, first: int, p: int, s: Array, g: Array) -> None:
    """Add X' s to g, and the sum of s to its last entry if it has one more."""
    if g.size > p:
        g[p] += sum_of(s)
    for i in range(s.size):
        x = data[indptr[first + i] : indptr[first + i + 1]]
        own = indices[indptr[first + i] : indptr[first + i + 1]]
        s_i = s[i]
        for k in range(x.size):
            g[own[k]] += s_i * x[k]


@jit
def evaluate(
    data: Any,
    indices: Any,
    indptr: Any,
    y: Any,
    weight: Array,
    offset: Array,
    w: Array,
    b: float,
    g: Array,
) -> float:
    """Sum of the losses; adds Z'S slope to g, unless it is empty."""
    value, lost = 0.0, 0.0
    work = np.empty((4, _TILE))
    for first in range(0, y.size, _TILE):
        size = min(_TILE, y.size - first)
        m, z, e, s = work[0, :size], work[1, :size], work[2, :size], work[3, :size]
        own = y[first : first + size]
        _margins(data, indices, indptr, first, w, b, m)
        if offset.size:
            m += offset[first : first + size]
        signed(own, m, z)
        exp_of_minus(z, e)
        log1pexp(z, e, s)
        weigh(weight, first, s)
        value, lost = add(value, lost, sum_of(s))
        if g.size:
            sigmoid(z, e, s)
            signed(own, s, s)
            weigh(weight, first, s)
            _add_up(data, indices, indptr, first, w.size, s, g)
    return value + lost


@jit
def walk(
    data: Any,
    indices: Any,
    indptr: Any,
    y: Any,
    weight: Array,
    offset: Array,
    w: Array,
    b: float,
    direction: Array,
    shift: float,
    lengths: Array,
    values: Array,
    product: Array,
) -> tuple[float, float, float, float]:
    """Divergence, reach, lead and widest along coef - length * direction, see `LineMoments`.

    Adds the losses there to values. Where product is not empty, only Z'S h (Z d) is added to it.
    Rows of weight 0 are the caller's to leave out.
    """
    apart, reach, lead, widest = 0.0, 0.0, math.inf, 0.0
    work, lost = np.empty((7, _TILE)), np.zeros(lengths.size)
    for first in range(0, y.size, _TILE):
        size = min(_TILE, y.size - first)
        m, t, z, e = work[0, :size], work[1, :size], work[2, :size], work[3, :size]
        a, rest, s = work[4, :size], work[5, :size], work[6, :size]
        own = y[first : first + size]
        _margins(data, indices, indptr, first, w, b, m)
        if offset.size:
            m += offset[first : first + size]
        _margins(data, indices, indptr, first, direction, shift, t)
        exp_of_minus(m, e)
        if product.size:
            for i in range(size):
                s[i] = e[i] / ((1.0 + e[i]) * (1.0 + e[i])) * t[i]
            weigh(weight, first, s)
            _add_up(data, indices, indptr, first, w.size, s, product)
            continue
        reach = max(reach, largest_of(t))
        signed(own, m, z)
        lead, widest = min(lead, -highest_of(z)), max(widest, largest_of(m))
        sigmoid(m, e, a)
        for i in range(size):
            rest[i] = -m[i]
        sigmoid(rest, e, rest)
        relative_entropies(a, rest, t, reach, s)
        weigh(weight, first, s)
        apart += sum_of(s)
        for k in range(lengths.size):
            for i in range(size):
                a[i] = m[i] - lengths[k] * t[i]
            signed(own, a, z)
            exp_of_minus(z, e)
            log1pexp(z, e, s)
            weigh(weight, first, s)
            values[k], lost[k] = add(values[k], lost[k], sum_of(s))
    values += lost
    return apart, reach, lead, widest


@jit
def times(data: Any, indices: Any, indptr: Any, W: Array, b: Array, M: Array) -> None:
    """Set M = (X W + b)', of shape (K, n), for W of shape (p, K)."""
    K, n = M.shape
    m = np.empty(K)
    for i in range(n):
        x = data[indptr[i] : indptr[i + 1]]
        own = indices[indptr[i] : indptr[i + 1]]
        m[:] = b
        for j in range(x.size):
            c, x_j = own[j], x[j]
            for k in range(K):
                m[k] += x_j * W[c, k]
        for k in range(K):
            M[k, i] = m[k]


@jit
def transposed_times(data: Any, indices: Any, indptr: Any, S: Array, G: Array) -> None:
    """Add X' S' to G of shape (p, K), or with the sums of S to a last row if it has one more."""
    K, n = S.shape
    s = np.empty(K)
    for i in range(n):
        x = data[indptr[i] : indptr[i + 1]]
        own = indices[indptr[i] : indptr[i + 1]]
        for k in range(K):
            s[k] = S[k, i]
        for j in range(x.size):
            c, x_j = own[j], x[j]
            for k in range(K):
                G[c, k] += x_j * s[k]


@jit
def squares_times(data: Any, indices: Any, indptr: Any, S: Array, G: Array) -> None:
    """Add (X * X)' S' to the first p rows of G, for S of shape (K, n)."""
    K, n = S.shape
    s = np.empty(K)
    for i in range(n):
        x = data[indptr[i] : indptr[i + 1]]
        own = indices[indptr[i] : indptr[i + 1]]
        for k in range(K):
            s[k] = S[k, i]
        for j in range(x.size):
            c, square = own[j], np.float64(x[j]) * np.float64(x[j])
            for k in range(K):
                G[c, k] += square * s[k]


@jit
def sorted_once(indices: Any, indptr: Any) -> bool:
    """Whether the entries of each row are sorted by column, and no column comes twice."""
    for i in range(indptr.size - 1):
        own, wrong = indices[indptr[i] : indptr[i + 1]], 0
        for k in range(own.size - 1):
            wrong += own[k + 1] <= own[k]
        if wrong:
            return False
    return True


@jit
def full_columns(indices: Any, indptr: Any) -> Any:
    """Columns that every row has an entry of, where `sorted_once`."""
    found = indices[: indptr[1]].copy()
    count = found.size
    for i in range(1, indptr.size - 1):
        own = indices[indptr[i] : indptr[i + 1]]
        kept, k = 0, 0
        for c in range(count):
            while k < own.size and own[k] < found[c]:
                k += 1
            if k < own.size and own[k] == found[c]:
                found[kept] = found[c]
                kept += 1
        count = kept
        if count == 0:
            break
    return found[:count]


@jit
def statistics(data: Any, indices: Any, indptr: Any, weight: Array, sums: Array) -> None:
    """Add up x and x^2 of each column, and find its least and largest entry.

    Updates sums, of shape (p, 4), which were 0, 0, inf and -inf.
    """
    for i in range(indptr.size - 1):
        x = data[indptr[i] : indptr[i + 1]]
        own = indices[indptr[i] : indptr[i + 1]]
        share = weight[i] if weight.size else 1.0
        for k in range(x.size):
            j, x_k = own[k], np.float64(x[k])  # a slice of sums for the column would be slow
            sums[j, _SUM] += share * x_k
            sums[j, _SQUARES] += share * x_k * x_k
            sums[j, _LOW] = x_k if x_k < sums[j, _LOW] else sums[j, _LOW]
            sums[j, _HIGH] = x_k if x_k > sums[j, _HIGH] else sums[j, _HIGH]


@jit
def spreads(
    data: Any, indices: Any, indptr: Any, weight: Array, mean: Array, near: Any, about: Array
) -> None:
    """Add up, for columns that are `near`, squares of the entries about the mean, and weights."""
    for i in range(indptr.size - 1):
        x = data[indptr[i] : indptr[i + 1]]
        own = indices[indptr[i] : indptr[i + 1]]
        share = weight[i] if weight.size else 1.0
        for k in range(x.size):
            j = own[k]
            if near[j]:
                d = x[k] - mean[j]
                about[j, 0] += share * d * d
                about[j, 1] += share
