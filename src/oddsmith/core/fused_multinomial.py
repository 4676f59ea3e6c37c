"""The loops of `fused` for K margins a row: products of small matrices, a tile of rows at a time.

Margins of a tile are (K, rows), so that many rows are done at once in what comes of them. BLAS
forms them and the sums over rows, in room that is taken once for all tiles. A tile is written out
to be widened or centred, or where rows lie apart; rows fit for BLAS are read where they are.
"""

import math
from typing import Any

import numpy as np

from oddsmith.core.fused_loops import (
    add,
    entropy_term,
    exp_to_one,
    jit,
    log1p,
    near_entropy_term,
    sum_of,
    weigh,
)
from oddsmith.core.stable import Array

__all__ = ["add_up", "entries", "evaluate", "shift", "tile_of", "times", "walk"]


@jit
def tile_of(p: int, width: int) -> int:
    """Rows of a tile, such that they stay in the cache with `width` numbers formed of each."""
    return min(max(2**15 // (p + width), 16), 128)


@jit
def entries(
    X: Any, ready: Array, by_columns: bool, first: int, center: Array, size: int, room: Array
) -> Array:
    """Rows `first` and on, centred: of shape (size, p), or (p, size) if stored by columns.

    `ready` is X where that is what BLAS takes, else empty.
    """
    if ready.size:
        return ready[first : first + size]
    if by_columns:
        part = room.reshape(-1, size)
        for j in range(part.shape[0]):
            column, out, c = X[j, first : first + size], part[j], center[j] if center.size else 0.0
            for i in range(size):
                out[i] = column[i] - c
        return part
    part = room.reshape(size, -1)
    for i in range(size):
        row, out = X[first + i, : part.shape[1]], part[i]
        if center.size:
            for j in range(out.size):
                out[j] = row[j] - center[j]
        else:
            for j in range(out.size):
                out[j] = row[j]
    return part


@jit
def times(part: Array, by_columns: bool, w: Array, M: Array) -> None:
    """Set M to the margins of a part, (K, size), without intercept and offset."""
    if by_columns:
        np.dot(w.T, part, M)
    else:
        np.dot(w.T, part.T, M)


@jit
def add_up(S: Array, part: Array, by_columns: bool, room: Array, g: Array) -> None:
    """Add S times the rows of a part to g, and the sums of S to its last column if one more."""
    if by_columns:
        np.dot(S, part.T, room)
    else:
        np.dot(S, part, room)
    K, p = room.shape
    for k in range(K):
        out, terms = g[k], room[k]
        for j in range(p):
            out[j] += terms[j]
        if out.size > p:
            out[p] += sum_of(S[k])


@jit
def shift(M: Array, b: Array) -> None:
    """Add the intercepts."""
    for k in range(b.size):
        m, own = M[k], b[k]
        for i in range(m.size):
            m[i] += own


@jit
def _offset(M: Array, offset: Array, first: int) -> None:
    """Add the offsets of rows `first` and on, unless they are empty."""
    if offset.size:
        for k in range(M.shape[0]):
            m = M[k]
            for i in range(m.size):
                m[i] += offset[first + i, k]


@jit
def _highest(M: Array, high: Array) -> None:
    """Set high to the largest number of each column."""
    high[:] = M[0]
    for k in range(1, M.shape[0]):
        m = M[k]
        for i in range(m.size):
            high[i] = m[i] if m[i] > high[i] else high[i]


@jit
def _lowest(M: Array, low: Array) -> None:
    """Set low to the smallest number of each column."""
    low[:] = M[0]
    for k in range(1, M.shape[0]):
        m = M[k]
        for i in range(m.size):
            low[i] = m[i] if m[i] < low[i] else low[i]


@jit
def _second(M: Array, second: Array, high: Array) -> None:
    """Set high to the largest number of each column, and second to the one after that."""
    high[:] = M[0]
    second[:] = -math.inf
    for k in range(1, M.shape[0]):
        m = M[k]
        for i in range(m.size):
            less = high[i] if m[i] > high[i] else m[i]
            high[i] = m[i] if m[i] > high[i] else high[i]
            second[i] = less if less > second[i] else second[i]


@jit
def _exponentials(M: Array, top: Array, e: Array, others: Array, ties: Array) -> None:
    """Set e = exp(m - largest), and others to the sum of e but for that of the largest.

    Equal margins may be the largest: how many, less one, is added to the rest at the end, so that
    what is small keeps its digits.
    """
    others[:] = 0.0
    ties[:] = -1.0
    for k in range(M.shape[0]):
        m, out = M[k], e[k]
        for i in range(m.size):
            x = m[i] - top[i]
            power = exp_to_one(x)
            ties[i] += 1.0 if x == 0.0 else 0.0
            others[i] += 0.0 if x == 0.0 else power
            out[i] = power
    for i in range(others.size):
        others[i] += ties[i]


@jit
def _losses(M: Array, y: Any, top: Array, others: Array, s: Array) -> None:
    """Set s to the losses, logsumexp(m) - m_y."""
    for i in range(y.size):
        s[i] = top[i] - M[y[i], i]
    for i in range(y.size):
        s[i] += log1p(others[i])


@jit
def _slopes(e: Array, y: Any, others: Array, scale: Array, own: Array, slope: Array) -> None:
    """Set slope to softmax(m) - onehot(y), times the weights that scale comes with.

    That of the own class is minus the sum of the others': both ways to write it keep its digits.
    """
    K, n = e.shape
    for i in range(n):
        scale[i] /= 1.0 + others[i]
    for i in range(n):
        power = e[y[i], i]
        own[i] = others[i] if power == 1.0 else 1.0 + (others[i] - power)
    for k in range(K):
        out, terms = slope[k], e[k]
        for i in range(n):
            out[i] = terms[i] * scale[i]
    for i in range(n):
        slope[y[i], i] = -own[i] * scale[i]


@jit
def _curvatures(
    e: Array, others: Array, weight: Array, first: int, scale: Array, pairs: Array
) -> None:
    """Set pairs to the weighted curvatures a_k ([k = j] - a_j) of classes k >= j, pair by pair.

    1 - a_k of the largest is the sum of the others, which keeps its digits.
    """
    K, n = e.shape
    for i in range(n):
        scale[i] = 1.0 / (1.0 + others[i])
    row = 0
    for k in range(K):
        own = e[k]
        for j in range(k + 1):
            out, other = pairs[row, first : first + n], e[j]
            for i in range(n):
                out[i] = -(own[i] * scale[i]) * (other[i] * scale[i])
            if j == k:
                for i in range(n):
                    rest = others[i] if own[i] == 1.0 else 1.0 + (others[i] - own[i])
                    out[i] = (own[i] * scale[i]) * (rest * scale[i])
            weigh(weight, first, out)
            row += 1


@jit
def evaluate(
    X: Any,
    by_columns: bool,
    ready: Array,
    y: Any,
    weight: Array,
    offset: Array,
    center: Array,
    w: Array,
    b: Array,
    g: Array,
    pairs: Array,
) -> float:
    """Sum of the losses; adds slopes times rows to g, and sets pairs to the curvatures.

    w is (p, K), g is (K, p) or (K, p + 1), pairs is (K (K + 1) / 2, n). Each but the value is
    left out where its array is empty.
    """
    n, value, lost = y.size, 0.0, 0.0
    p, K = w.shape
    tile = tile_of(p, 2 * K)
    room = np.empty(0 if ready.size else tile * p)
    wide, work, sums = np.empty(2 * tile * K), np.empty((4, tile)), np.empty((K, p))
    for first in range(0, n, tile):
        size = min(tile, n - first)
        both = wide[: 2 * K * size].reshape(2 * K, size)
        M, e = both[:K], both[K:]
        top, others, s, own = work[0, :size], work[1, :size], work[2, :size], work[3, :size]
        labels = y[first : first + size]
        part = entries(X, ready, by_columns, first, center, size, room[: size * p])
        times(part, by_columns, w, M)
        shift(M, b)
        _offset(M, offset, first)
        _highest(M, top)
        _exponentials(M, top, e, others, s)
        _losses(M, labels, top, others, s)
        weigh(weight, first, s)
        value, lost = add(value, lost, sum_of(s))
        if pairs.size:
            _curvatures(e, others, weight, first, s, pairs)
        if g.size:
            s[:] = 1.0
            weigh(weight, first, s)
            _slopes(e, labels, others, s, own, M)
            add_up(M, part, by_columns, sums, g)
    return value + lost


@jit
def _from_the_largest(
    M: Array, T: Array, top: Array, e: Array, others: Array, seen: Array, mean: Array
) -> None:
    """Tell T relative to that of the largest margin, and set mean to its mean by softmax(m)."""
    K, n = M.shape
    seen[:] = T[0]
    for k in range(1, K):
        m, t = M[k], T[k]
        for i in range(n):
            seen[i] = t[i] if m[i] == top[i] else seen[i]
    mean[:] = 0.0
    for k in range(K):
        t, power = T[k], e[k]
        for i in range(n):
            t[i] -= seen[i]
            mean[i] += power[i] * t[i]
    for i in range(n):
        mean[i] /= 1.0 + others[i]


@jit
def _turned(T: Array, e: Array, scale: Array, others: Array, mean: Array, product: Array) -> None:
    """Set product to the curvature times T, a_k (t_k - mean), weighted by scale."""
    for i in range(mean.size):
        scale[i] /= 1.0 + others[i]
    for k in range(T.shape[0]):
        t, power, out = T[k], e[k], product[k]
        for i in range(t.size):
            out[i] = (power[i] * scale[i]) * (t[i] - mean[i])


@jit
def _divergence(
    T: Array, e: Array, others: Array, mean: Array, far: float, scale: Array, out: Array
) -> None:
    """Set out to the relative entropies of a_k (1 - (t_k - mean)) to a = softmax(m)."""
    out[:] = 0.0
    for i in range(mean.size):
        scale[i] = 1.0 / (1.0 + others[i])
    for k in range(T.shape[0]):
        t, power = T[k], e[k]
        if far < 1e-3:
            for i in range(t.size):
                out[i] += power[i] * scale[i] * near_entropy_term(mean[i] - t[i])
        else:
            for i in range(t.size):
                out[i] += power[i] * scale[i] * entropy_term(mean[i] - t[i])


@jit
def _moved(M: Array, T: Array, length: float, there: Array) -> None:
    for k in range(M.shape[0]):
        m, t, out = M[k], T[k], there[k]
        for i in range(m.size):
            out[i] = m[i] - length * t[i]


@jit
def _widest(high: Array, low: Array, weight: Array, first: int) -> float:
    """Largest difference between two numbers of a row of positive weight."""
    widest = 0.0
    for i in range(high.size):
        if not weight.size or weight[first + i] > 0.0:
            widest = max(widest, high[i] - low[i])
    return widest


@jit
def _lead(M: Array, y: Any, high: Array, second: Array, weight: Array, first: int) -> float:
    """Smallest lead of the own class over the best other in a row of positive weight."""
    lead = math.inf
    for i in range(y.size):
        if not weight.size or weight[first + i] > 0.0:
            own = M[y[i], i]
            lead = min(lead, own - (second[i] if own == high[i] else high[i]))
    return lead


@jit
def walk(
    X: Any,
    by_columns: bool,
    ready: Array,
    y: Any,
    weight: Array,
    offset: Array,
    center: Array,
    w: Array,
    b: Array,
    lengths: Array,
    values: Array,
    product: Array,
) -> tuple[float, float, float, float]:
    """Divergence, reach, lead and widest along coef - length * direction, see `LineMoments`.

    w is (p, 2 K), coef and direction beside each other, and so is b. Adds the losses to values.
    Unless product is empty, it alone is wanted: adds the Hessian times the direction, (K, q).
    """
    n, p, K = y.size, w.shape[0], w.shape[1] // 2
    tile = tile_of(p, 4 * K)
    divergence, reach, lead, widest = 0.0, 0.0, math.inf, 0.0
    room = np.empty(0 if ready.size else tile * p)
    wide, work = np.empty(4 * tile * K), np.empty((6, tile))
    sums, lost = np.empty((K, p)), np.zeros(lengths.size)
    for first in range(0, n, tile):
        size = min(tile, n - first)
        rows = wide[: 4 * K * size].reshape(4 * K, size)
        both, M, T, e, there = (
            rows[: 2 * K],
            rows[:K],
            rows[K : 2 * K],
            rows[2 * K : 3 * K],
            rows[3 * K :],
        )
        top, others, s = work[0, :size], work[1, :size], work[2, :size]
        mean, low, second = work[3, :size], work[4, :size], work[5, :size]
        labels = y[first : first + size]
        part = entries(X, ready, by_columns, first, center, size, room[: size * p])
        times(part, by_columns, w, both)
        shift(both, b)
        _offset(M, offset, first)
        if weight.size:  # rows of weight 0 stay where they are
            for i in range(size):
                if weight[first + i] == 0.0:
                    T[:, i] = 0.0
        _second(M, second, top)
        _exponentials(M, top, e, others, s)
        _from_the_largest(M, T, top, e, others, s, mean)
        if product.size:
            s[:] = 1.0
            weigh(weight, first, s)
            _turned(T, e, s, others, mean, there)
            add_up(there, part, by_columns, sums, product)
            continue
        _lowest(M, low)
        widest = max(widest, _widest(top, low, weight, first))
        lead = min(lead, _lead(M, labels, top, second, weight, first))
        _lowest(T, low)
        _highest(T, second)
        far = _widest(second, low, weight, first)
        reach = max(reach, far)
        _divergence(T, e, others, mean, far, low, s)
        weigh(weight, first, s)
        divergence += sum_of(s)
        for k in range(lengths.size):
            _moved(M, T, lengths[k], there)
            _highest(there, top)
            _exponentials(there, top, e, others, s)
            _losses(there, labels, top, others, s)
            weigh(weight, first, s)
            values[k], lost[k] = add(values[k], lost[k], sum_of(s))
    values += lost
    return divergence, reach, lead, widest
