"""Loops over rows that Numba compiles: a tile of rows in the cache, and all that is wanted of it.

They know arrays alone; `compiled` gives them blocks and makes sums of what they return.
"""

import math
from typing import Any

import numpy as np

from oddsmith.core.fused_loops import (
    add,
    exp_of_minus,
    highest_of,
    jit,
    jit_extremes,
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

__all__ = ["binomial", "evaluate", "statistics", "walk"]

_LANES = 64
_LONG_TILE = 2048


@jit_sums
def _margins(
    X: Any, by_columns: bool, first: int, center: Array, w: Array, b: float, m: Array
) -> None:
    """Set m = (X - center) w + b for rows `first` and on; no center is an empty array.

    X has a row of memory for each row, or for each column if it is stored by columns; either may
    be longer than what belongs to the block.
    """
    n, p = m.size, w.size
    if by_columns:
        m[:] = b
        last, fours = first + n, p - p % 4
        for j in range(0, fours, 4):  # four columns at once: m is read and written less often
            x0, x1, x2, x3 = (
                X[j, first:last],
                X[j + 1, first:last],
                X[j + 2, first:last],
                X[j + 3, first:last],
            )
            w0, w1, w2, w3 = w[j], w[j + 1], w[j + 2], w[j + 3]
            if center.size:
                c0, c1, c2, c3 = center[j], center[j + 1], center[j + 2], center[j + 3]
                for i in range(n):
                    m[i] += (
                        (x0[i] - c0) * w0
                        + (x1[i] - c1) * w1
                        + (x2[i] - c2) * w2
                        + (x3[i] - c3) * w3
                    )
            else:
                for i in range(n):
                    m[i] += x0[i] * w0 + x1[i] * w1 + x2[i] * w2 + x3[i] * w3
        for j in range(fours, p):
            column, w_j, c = X[j, first:last], w[j], center[j] if center.size else 0.0
            for i in range(n):
                m[i] += (column[i] - c) * w_j
        return
    rows = X[first : first + n]
    if center.size:
        for i in range(n):
            total = 0.0
            for j in range(p):
                total += (rows[i, j] - center[j]) * w[j]
            m[i] = total + b
        return
    fours = n - n % 4
    for i in range(0, fours, 4):
        x0, x1, x2, x3 = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
        for j in range(p):
            w_j = w[j]
            t0 += x0[j] * w_j
            t1 += x1[j] * w_j
            t2 += x2[j] * w_j
            t3 += x3[j] * w_j
        m[i], m[i + 1], m[i + 2], m[i + 3] = t0 + b, t1 + b, t2 + b, t3 + b
    for i in range(fours, n):
        total = 0.0
        for j in range(p):
            total += rows[i, j] * w[j]
        m[i] = total + b


@jit_sums
def _add_up(
    X: Any, by_columns: bool, first: int, p: int, center: Array, s: Array, g: Array
) -> None:
    """Add (X - center)' s to g, and the sum of s to its last entry if it has one more."""
    n = s.size
    if g.size > p:
        g[p] += sum_of(s)
    if by_columns:
        for j in range(p):
            column, total, c = X[j, first : first + n], 0.0, center[j] if center.size else 0.0
            for i in range(n):
                total += (column[i] - c) * s[i]
            g[j] += total
        return
    rows = X[first : first + n]
    fours = n - n % 4
    for i in range(0, fours, 4):
        s0, s1, s2, s3 = s[i], s[i + 1], s[i + 2], s[i + 3]
        x0, x1, x2, x3 = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        if center.size:
            for j in range(p):
                c = center[j]
                g[j] += s0 * (x0[j] - c) + s1 * (x1[j] - c) + s2 * (x2[j] - c) + s3 * (x3[j] - c)
        else:
            for j in range(p):
                g[j] += s0 * x0[j] + s1 * x1[j] + s2 * x2[j] + s3 * x3[j]
    for i in range(fours, n):
        for j in range(p):
            g[j] += s[i] * (rows[i, j] - (center[j] if center.size else 0.0))


@jit
def _tile(p: int, by_columns: bool) -> int:
    """Rows of a tile, such that they stay in the cache until they are read again."""
    entries, fewest, most = (32768, 64, 2048) if by_columns else (16384, 4, 64)
    rows = min(max(entries // max(1, p), fewest), most)
    return rows - rows % 4


@jit
def evaluate(
    X: Any,
    by_columns: bool,
    y: Any,
    weight: Array,
    offset: Array,
    center: Array,
    w: Array,
    b: float,
    g: Array,
    roots: Array,
) -> float:
    """Sum of the losses; adds Z'S slope to g, and sets roots to sqrt(s h) z for each row z.

    Each but the value is left out where its array is empty.
    """
    n, p, value, lost = y.size, w.size, 0.0, 0.0
    tile = _tile(p, by_columns)
    work = np.empty((4, tile))
    for first in range(0, n, tile):
        size = min(tile, n - first)
        m, z, e, s = work[0, :size], work[1, :size], work[2, :size], work[3, :size]
        own = y[first : first + size]
        _margins(X, by_columns, first, center, w, b, m)
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
            _add_up(X, by_columns, first, p, center, s, g)
        if roots.size:
            for i in range(size):
                s[i] = e[i]
            weigh(weight, first, s)
            for i in range(size):
                s[i] = math.sqrt(s[i]) / (1.0 + e[i])
            _write_out(X, by_columns, first, p, center, s, roots)
    return value + lost


@jit_sums
def _write_out(
    X: Any, by_columns: bool, first: int, p: int, center: Array, s: Array, roots: Array
) -> None:
    """Set roots to s z for each row z of the design, ones included where there is room for them."""
    n = s.size
    out = roots[first : first + n]
    if roots.shape[1] > p:
        for i in range(n):
            out[i, p] = s[i]
    if by_columns:
        for j in range(p):
            column, c = X[j, first : first + n], center[j] if center.size else 0.0
            for i in range(n):
                out[i, j] = s[i] * (column[i] - c)
        return
    rows = X[first : first + n]
    for i in range(n):
        if center.size:
            for j in range(p):
                out[i, j] = s[i] * (rows[i, j] - center[j])
        else:
            for j in range(p):
                out[i, j] = s[i] * rows[i, j]


@jit
def walk(
    X: Any,
    by_columns: bool,
    y: Any,
    weight: Array,
    offset: Array,
    center: Array,
    w: Array,
    b: float,
    direction: Array,
    shift: float,
    lengths: Array,
    values: Array,
    product: Array,
) -> tuple[float, float, float, float]:
    """Divergence, reach, lead and widest along coef - length * direction, see `LineMoments`.

    Adds the losses there to values, and Z'S h (Z d) to product, unless they are empty.
    """
    n, p = y.size, w.size
    tile = _tile(p, by_columns)
    divergence, reach, lead, widest = 0.0, 0.0, math.inf, 0.0
    work, lost = np.empty((7, tile)), np.zeros(lengths.size)
    for first in range(0, n, tile):
        size = min(tile, n - first)
        m, t, z, e = work[0, :size], work[1, :size], work[2, :size], work[3, :size]
        a, rest, s = work[4, :size], work[5, :size], work[6, :size]
        own = y[first : first + size]
        _margins(X, by_columns, first, center, w, b, m)
        if offset.size:
            m += offset[first : first + size]
        _margins(X, by_columns, first, center, direction, shift, t)
        share = weight[first : first + size]
        if weight.size:  # rows of weight 0 stay where they are, and lead by nothing
            for i in range(size):
                t[i] = t[i] if share[i] > 0 else 0.0
        reach = max(reach, largest_of(t))
        signed(own, m, z)
        if weight.size:
            for i in range(size):
                if share[i] > 0:
                    lead, widest = min(lead, -z[i]), max(widest, abs(m[i]))
        else:
            lead, widest = min(lead, -highest_of(z)), max(widest, largest_of(m))
        exp_of_minus(m, e)
        sigmoid(m, e, a)
        for i in range(size):
            rest[i] = -m[i]
        sigmoid(rest, e, rest)
        relative_entropies(a, rest, t, reach, s)
        weigh(weight, first, s)
        divergence += sum_of(s)
        if product.size:
            for i in range(size):
                s[i] = a[i] * rest[i]
            weigh(weight, first, s)
            for i in range(size):
                s[i] *= t[i]
            _add_up(X, by_columns, first, p, center, s, product)
        for k in range(lengths.size):
            for i in range(size):
                a[i] = m[i] - lengths[k] * t[i]
            signed(own, a, z)
            exp_of_minus(z, e)
            log1pexp(z, e, s)
            weigh(weight, first, s)
            values[k], lost[k] = add(values[k], lost[k], sum_of(s))
    values += lost
    return divergence, reach, lead, widest


@jit_extremes
def _extremes(column: Any, lanes: Array) -> tuple[float, float]:
    """Smallest and largest number of a column, in many lanes that are compared at once."""
    lows, highs = lanes[0], lanes[1]
    lows[:], highs[:] = math.inf, -math.inf
    whole = column.size - column.size % _LANES
    for i in range(0, whole, _LANES):
        part = column[i : i + _LANES]
        for k in range(_LANES):
            x = np.float64(part[k])
            lows[k] = x if x < lows[k] else lows[k]
            highs[k] = x if x > highs[k] else highs[k]
    low, high = math.inf, -math.inf
    for k in range(_LANES):
        low = lows[k] if lows[k] < low else low
        high = highs[k] if highs[k] > high else high
    for i in range(whole, column.size):
        x = np.float64(column[i])
        low = x if x < low else low
        high = x if x > high else high
    return low, high


@jit_sums
def _tile_by_columns(
    X: Any, first: int, share: Array, own: float, sums: Array, about: Array, low: Array, high: Array
) -> None:
    """Means, squares about them and extremes of a tile that is stored by columns."""
    lanes = np.empty((2, _LANES))
    for j in range(sums.size):
        column, s, t = X[j, first : first + share.size], 0.0, 0.0
        for i in range(share.size):
            s += share[i] * column[i]
        s /= own
        for i in range(share.size):
            t += share[i] * (column[i] - s) * (column[i] - s)
        sums[j], about[j] = s, t
        least, most = _extremes(column, lanes)
        low[j], high[j] = min(low[j], least), max(high[j], most)


@jit
def _smaller(x: float, y: float) -> float:
    return x if x < y else y


@jit
def _larger(x: float, y: float) -> float:
    return x if x > y else y


@jit_sums
def _tile_by_rows(
    X: Any, first: int, share: Array, own: float, sums: Array, about: Array, low: Array, high: Array
) -> None:
    """Means, squares about them and extremes of a tile that is stored by rows, four at once."""
    rows, n = X[first : first + share.size], share.size
    sums[:] = 0.0
    about[:] = 0.0
    fours = n - n % 4
    for i in range(0, fours, 4):
        s0, s1, s2, s3 = share[i], share[i + 1], share[i + 2], share[i + 3]
        x0, x1, x2, x3 = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        for j in range(sums.size):
            a, b, c, d = np.float64(x0[j]), np.float64(x1[j]), np.float64(x2[j]), np.float64(x3[j])
            sums[j] += s0 * a + s1 * b + s2 * c + s3 * d
            low[j] = _smaller(low[j], _smaller(_smaller(a, b), _smaller(c, d)))
            high[j] = _larger(high[j], _larger(_larger(a, b), _larger(c, d)))
    for i in range(fours, n):
        for j in range(sums.size):
            x = np.float64(rows[i, j])
            sums[j] += share[i] * x
            low[j], high[j] = _smaller(low[j], x), _larger(high[j], x)
    for j in range(sums.size):
        sums[j] /= own
    for i in range(0, fours, 4):
        s0, s1, s2, s3 = share[i], share[i + 1], share[i + 2], share[i + 3]
        x0, x1, x2, x3 = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        for j in range(sums.size):
            m = sums[j]
            a, b, c, d = x0[j] - m, x1[j] - m, x2[j] - m, x3[j] - m
            about[j] += s0 * a * a + s1 * b * b + s2 * c * c + s3 * d * d
    for i in range(fours, n):
        for j in range(sums.size):
            d = rows[i, j] - sums[j]
            about[j] += share[i] * d * d


@jit
def statistics(
    X: Any, by_columns: bool, n: int, p: int, weight: Array
) -> tuple[float, Array, Array, Array, Array]:
    """Weight, means, sums of squares about them, smallest and largest entries of the columns.

    Tile by tile, each merged as Chan, Golub and LeVeque (1983, equation 2.1) say. Entries that
    are no numbers are found in the sums, not in the extremes.
    """
    tile = _tile(p, by_columns)
    total = 0.0
    mean, squares = np.zeros(p), np.zeros(p)
    low, high = np.full(p, math.inf), np.full(p, -math.inf)
    sums, about, ones = np.empty(p), np.empty(p), np.ones(tile)
    for first in range(0, n, tile):
        size = min(tile, n - first)
        share = weight[first : first + size] if weight.size else ones[:size]
        own = sum_of(share)
        if by_columns:
            _tile_by_columns(X, first, share, own, sums, about, low, high)
        else:
            _tile_by_rows(X, first, share, own, sums, about, low, high)
        merged = total + own
        for j in range(p):
            d = sums[j] - mean[j]
            mean[j] += own / merged * d
            squares[j] += about[j] + total * (own / merged) * d * d
        total = merged
    return total, mean, squares, low, high


@jit
def binomial(
    y: Any, weight: Array, margin: Array, losses: Array, slope: Array, bend: Array
) -> None:
    """Set each row's loss, and its weighted slope and curvature; no weights are an empty array."""
    n = margin.size
    z, e = np.empty(_LONG_TILE), np.empty(_LONG_TILE)
    for first in range(0, n, _LONG_TILE):
        last = min(first + _LONG_TILE, n)
        own, m = y[first:last], margin[first:last]
        s, h = slope[first:last], bend[first:last]
        zt, et = z[: last - first], e[: last - first]
        signed(own, m, zt)
        exp_of_minus(zt, et)
        log1pexp(zt, et, losses[first:last])
        sigmoid(zt, et, s)
        for i in range(last - first):
            s[i] *= 1.0 - 2.0 * own[i]
            h[i] = et[i] / ((1.0 + et[i]) * (1.0 + et[i]))
        if weight.size:
            w = weight[first:last]
            for i in range(last - first):
                s[i] *= w[i]
                h[i] *= w[i]
