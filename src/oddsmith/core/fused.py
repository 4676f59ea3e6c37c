"""Loops over rows that Numba compiles: a tile of rows in the cache, and all that is wanted of it.

They know arrays alone; `compiled` gives them blocks and makes sums of what they return.
"""

import math
from typing import Any

import numba
import numpy as np

from oddsmith.core.stable import Array

__all__ = [
    "add_each",
    "along",
    "binomial",
    "evaluate",
    "losses",
    "slopes",
    "softmax",
    "statistics",
    "walk",
    "weighted_rows",
]

# For long sums, whose terms may be added in any order; a difference would lose its parentheses.
_jit_sums: Any = numba.njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"}
)
# For extremes, whose numbers are known to be none that compare with nothing.
_jit_extremes: Any = numba.njit(nogil=True, cache=True, fastmath={"nnan", "nsz", "reassoc"})
_jit: Any = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})

_LANES = 64
_LONG_TILE = 2048
_LOG2_E = 1.4426950408889634
# ln 2 as a sum whose first part has 21 trailing zero bits (Cody and Waite, 1980, chapter 6).
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


@_jit
def _exp_of_minus(z: Array, e: Array) -> None:
    """Set e = exp(-abs(z)), within 2 units of the last place.

    exp(x) = 2**k exp(r), r = x - k ln 2 (Cody and Waite, 1980, chapter 6), with exp(r) =
    1 + r + r**2 P(r), P the Chebyshev interpolant of degree 9 on abs(r) <= ln(2) / 2. Written out
    so that eight rows are done at once, which no call of a library's exp is.
    """
    for i in range(z.size):
        x = -abs(z[i])
        x = -750.0 if x < -750.0 else x  # NaN stays NaN
        k = math.floor(x * _LOG2_E + 0.5)
        r = (x - k * _LN2_HIGH) - k * _LN2_LOW
        p = 2.5100375832561233664e-8
        p = p * r + 2.7620075879983366586e-7
        p = p * r + 2.7557268480310025526e-6
        p = p * r + 0.000024801521322368693266
        p = p * r + 0.00019841269863040545271
        p = p * r + 0.0013888888917196719077
        p = p * r + 0.0083333333333300644495
        p = p * r + 0.041666666666624161903
        p = p * r + 0.16666666666666667452
        p = p * r + 0.5
        p = p * r * r + r + 1.0
        # 2**k as two factors, so that results below the normal numbers are reached as well.
        whole = np.int64(k)
        half = whole >> 1
        first = np.int64((half + 1023) << 52)
        second = np.int64((whole - half + 1023) << 52)
        e[i] = p * first.view(np.float64) * second.view(np.float64)


@_jit
def _log1pexp(z: Array, e: Array, loss: Array) -> None:
    """Set loss = log(1 + exp(z)) given e = exp(-abs(z)).

    log1p(e) = 2 artanh(s), s = e / (2 + e), by an interpolant of degree 9 in s**2 <= 1/9.
    """
    for i in range(z.size):
        s = e[i] / (2.0 + e[i])
        t = s * s
        p = 0.16164045611943532221
        p = p * t + 0.088007384861446738822
        p = p * t + 0.12001072809590712535
        p = p * t + 0.1331414420965493615
        p = p * t + 0.15385570064958623103
        p = p * t + 0.18181789436132858169
        p = p * t + 0.22222222717427862989
        p = p * t + 0.28571428567108757162
        p = p * t + 0.40000000000014582673
        p = p * t + 0.66666666666666658561
        # (z + abs(z)) / 2 is max(z, 0), and NaN where z is.
        loss[i] = 0.5 * (z[i] + abs(z[i])) + s * (2.0 + t * p)


@_jit
def _sigmoid(z: Array, e: Array, a: Array) -> None:
    """Set a = sigmoid(z) given e = exp(-abs(z))."""
    for i in range(z.size):
        a[i] = (1.0 if z[i] >= 0 else e[i]) / (1.0 + e[i])


@_jit_sums
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


@_jit_sums
def _add_up(
    X: Any, by_columns: bool, first: int, p: int, center: Array, s: Array, g: Array
) -> None:
    """Add (X - center)' s to g, and the sum of s to its last entry if it has one more."""
    n = s.size
    if g.size > p:
        g[p] += _sum(s)
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


@_jit
def _tile(p: int, by_columns: bool) -> int:
    """Rows of a tile, such that they stay in the cache until they are read again."""
    entries, fewest, most = (32768, 64, 2048) if by_columns else (16384, 4, 64)
    rows = min(max(entries // max(1, p), fewest), most)
    return rows - rows % 4


@_jit
def _signed(y: Any, m: Array, z: Array) -> None:
    """Set z = (1 - 2y) m, the margin in favour of the other class."""
    for i in range(m.size):
        z[i] = (1.0 - 2.0 * y[i]) * m[i]


@_jit
def _weigh(weight: Array, first: int, s: Array) -> None:
    """Multiply by the rows' weights; an empty array is weight 1."""
    if weight.size:
        own = weight[first : first + s.size]
        for i in range(s.size):
            s[i] *= own[i]


@_jit_sums
def _sum(values: Array) -> float:
    total = 0.0
    for i in range(values.size):
        total += values[i]
    return total


@_jit
def _add(total: float, lost: float, term: float) -> tuple[float, float]:
    """Sum of total and term, and what all roundings so far have lost (Neumaier, 1974).

    Many tiles that lose the same would drift by more than the last places otherwise.
    """
    new = total + term
    if abs(total) >= abs(term):
        return new, lost + ((total - new) + term)
    return new, lost + ((term - new) + total)


@_jit
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
        _signed(own, m, z)
        _exp_of_minus(z, e)
        _log1pexp(z, e, s)
        _weigh(weight, first, s)
        value, lost = _add(value, lost, _sum(s))
        if g.size:
            _sigmoid(z, e, s)
            _signed(own, s, s)
            _weigh(weight, first, s)
            _add_up(X, by_columns, first, p, center, s, g)
        if roots.size:
            for i in range(size):
                s[i] = e[i]
            _weigh(weight, first, s)
            for i in range(size):
                s[i] = math.sqrt(s[i]) / (1.0 + e[i])
            _write_out(X, by_columns, first, p, center, s, roots)
    return value + lost


@_jit_sums
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


@_jit
def _divergence(a: Array, rest: Array, t: Array, far: float, out: Array) -> None:
    """Set out to the relative entropy of the dual point a - a (1 - a) t to a; rest is 1 - a."""
    for i in range(t.size):
        up, down = -rest[i] * t[i], a[i] * t[i]
        u, v = _near(up), _near(down)
        out[i] = a[i] * u + rest[i] * v
    if far < 1e-3:
        return
    for i in range(t.size):
        up, down = -rest[i] * t[i], a[i] * t[i]
        out[i] = a[i] * _entropy_term(up) + rest[i] * _entropy_term(down)


@_jit
def _near(u: float) -> float:
    return 0.5 * u * u * (1.0 - u / 3.0 * (1.0 - u / 2.0 * (1.0 - 0.6 * u)))


@_jit
def _entropy_term(u: float) -> float:
    """(1 + u) log(1 + u) - u, see `stable.relative_entropy_term`; inf below -1."""
    if u < -1.0:
        return math.inf
    if abs(u) < 1e-3:
        return _near(u)
    return (1.0 + u) * math.log1p(max(u, -1.0 + 2.0**-53)) - u


@_jit
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
        reach = max(reach, _largest(t))
        _signed(own, m, z)
        if weight.size:
            for i in range(size):
                if share[i] > 0:
                    lead, widest = min(lead, -z[i]), max(widest, abs(m[i]))
        else:
            lead, widest = min(lead, -_highest(z)), max(widest, _largest(m))
        _exp_of_minus(m, e)
        _sigmoid(m, e, a)
        for i in range(size):
            rest[i] = -m[i]
        _sigmoid(rest, e, rest)
        _divergence(a, rest, t, reach, s)
        _weigh(weight, first, s)
        divergence += _sum(s)
        if product.size:
            for i in range(size):
                s[i] = a[i] * rest[i]
            _weigh(weight, first, s)
            for i in range(size):
                s[i] *= t[i]
            _add_up(X, by_columns, first, p, center, s, product)
        for k in range(lengths.size):
            for i in range(size):
                a[i] = m[i] - lengths[k] * t[i]
            _signed(own, a, z)
            _exp_of_minus(z, e)
            _log1pexp(z, e, s)
            _weigh(weight, first, s)
            values[k], lost[k] = _add(values[k], lost[k], _sum(s))
    values += lost
    return divergence, reach, lead, widest


@_jit_extremes
def _largest(t: Array) -> float:
    largest = 0.0
    for i in range(t.size):
        largest = max(largest, abs(t[i]))
    return largest


@_jit_extremes
def _highest(z: Array) -> float:
    highest = -math.inf
    for i in range(z.size):
        highest = max(highest, z[i])
    return highest


@_jit_extremes
def _lowest(z: Array) -> float:
    lowest = math.inf
    for i in range(z.size):
        lowest = min(lowest, z[i])
    return lowest


@_jit_extremes
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


@_jit_sums
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


@_jit
def _smaller(x: float, y: float) -> float:
    return x if x < y else y


@_jit
def _larger(x: float, y: float) -> float:
    return x if x > y else y


@_jit_sums
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


@_jit
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
        own = _sum(share)
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


@_jit
def add_each(M: Array, b: Array) -> None:
    """Add a number to each row of M."""
    for k in range(b.size):
        m, own = M[k], b[k]
        for i in range(m.size):
            m[i] += own


@_jit
def softmax(M: Array, e: Array, largest: Array, others: Array) -> None:
    """Row by row: the largest margin, e = exp(m - largest), and the sum of e but for that one.

    Margins are (K, n), so that many rows are done at once.
    """
    K, n = M.shape
    largest[:] = M[0]
    for k in range(1, K):
        m = M[k]
        for i in range(n):
            largest[i] = m[i] if m[i] > largest[i] else largest[i]
    others[:] = -1.0
    for k in range(K):  # margins that are equally the largest: how many, less one
        m, out = M[k], e[k]
        for i in range(n):
            out[i] = m[i] - largest[i]
            others[i] += 1.0 if out[i] == 0.0 else 0.0
    for k in range(K):
        out, m = e[k], M[k]
        _exp_of_minus(out, out)
        for i in range(n):
            others[i] += 0.0 if m[i] == largest[i] else out[i]


@_jit
def losses(M: Array, y: Any, weight: Array, largest: Array, others: Array) -> float:
    """Weighted sum of the losses, logsumexp(m) - m_y."""
    value, lost = 0.0, 0.0
    for first in range(0, y.size, 64):
        total = 0.0
        for i in range(first, min(first + 64, y.size)):
            loss = math.log1p(others[i]) + (largest[i] - M[y[i], i])
            total += loss * (weight[i] if weight.size else 1.0)
        value, lost = _add(value, lost, total)
    return value + lost


@_jit
def slopes(e: Array, y: Any, weight: Array, others: Array, slope: Array) -> None:
    """Slope softmax(m) - onehot(y), weighted; that of the own class is minus the others' sum."""
    K, n = e.shape
    scale, rest = np.empty(n), np.zeros(n)
    for i in range(n):
        scale[i] = 1.0 / (1.0 + others[i])
    _weigh(weight, 0, scale)
    for k in range(K):
        out, terms = slope[k], e[k]
        for i in range(n):
            out[i] = terms[i] * scale[i]
            rest[i] += out[i] if y[i] != k else 0.0
    for i in range(n):
        slope[y[i], i] = -rest[i]


@_jit
def weighted_rows(
    Z: Array, e: Array, weight: Array, others: Array, spread: Array, roots: Array
) -> None:
    """Write out what the Hessian sum of s (diag(a) - a a') kron z z' is made of.

    Sets spread, (n, q K), to sqrt(s) z kron a, and roots, (K, n), to sqrt(s a_k (1 - a_k)), where
    1 - a_k of the largest is the sum of the others, which keeps its digits.
    """
    K, n = e.shape
    a = np.empty(K)
    for i in range(n):
        total = 1.0 + others[i]
        root = math.sqrt(weight[i]) if weight.size else 1.0
        for k in range(K):
            rest = others[i] if e[k, i] == 1.0 else total - e[k, i]
            roots[k, i] = root * math.sqrt(e[k, i] * rest) / total
            a[k] = root * e[k, i] / total
        out = spread[i]
        for j in range(Z.shape[1]):
            z = Z[i, j]
            for k in range(K):
                out[j * K + k] = z * a[k]


@_jit
def along(
    M: Array,
    T: Array,
    y: Any,
    weight: Array,
    e: Array,
    others: Array,
    product: Array,
) -> tuple[float, float, float, float]:
    """Divergence, reach, lead and widest of rows whose margins M move by T.

    Sets product to the weighted curvature times t.
    """
    K, n = M.shape
    divergence, reach, lead, widest = 0.0, 0.0, math.inf, 0.0
    for i in range(n):
        share = weight[i] if weight.size else 1.0
        if share == 0.0:
            product[:, i] = 0.0
            continue
        best, inverse = 0, 1.0 / (1.0 + others[i])
        for k in range(1, K):
            best = k if M[k, i] > M[best, i] else best
        low_t, high_t, low_m, rival = math.inf, -math.inf, math.inf, -math.inf
        mean = 0.0  # of t, seen from the largest margin's
        for k in range(K):
            low_t, high_t = min(low_t, T[k, i]), max(high_t, T[k, i])
            low_m = min(low_m, M[k, i])
            if k != y[i]:
                rival = max(rival, M[k, i])
            mean += e[k, i] * inverse * (T[k, i] - T[best, i])
        reach, widest = max(reach, high_t - low_t), max(widest, M[best, i] - low_m)
        lead = min(lead, M[y[i], i] - rival)
        for k in range(K):
            a, change = e[k, i] * inverse, (T[k, i] - T[best, i]) - mean
            divergence += share * a * _entropy_term(-change)
            product[k, i] = share * a * change
    return divergence, reach, lead, widest


@_jit
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
        _signed(own, m, zt)
        _exp_of_minus(zt, et)
        _log1pexp(zt, et, losses[first:last])
        _sigmoid(zt, et, s)
        for i in range(last - first):
            s[i] *= 1.0 - 2.0 * own[i]
            h[i] = et[i] / ((1.0 + et[i]) * (1.0 + et[i]))
        if weight.size:
            w = weight[first:last]
            for i in range(last - first):
                s[i] *= w[i]
                h[i] *= w[i]
