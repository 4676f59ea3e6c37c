"""Loops over K margins a row that are there already, of shape (K, n): for rows that are sparse."""

import math
from typing import Any

import numpy as np

from oddsmith.core.fused_loops import add, entropy_term, exp_of_minus, jit, weigh
from oddsmith.core.stable import Array

__all__ = ["along", "losses", "slopes", "softmax"]


@jit
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
        exp_of_minus(out, out)
        for i in range(n):
            others[i] += 0.0 if m[i] == largest[i] else out[i]


@jit
def losses(M: Array, y: Any, weight: Array, largest: Array, others: Array) -> float:
    """Weighted sum of the losses, logsumexp(m) - m_y."""
    value, lost = 0.0, 0.0
    for first in range(0, y.size, 64):
        total = 0.0
        for i in range(first, min(first + 64, y.size)):
            loss = math.log1p(others[i]) + (largest[i] - M[y[i], i])
            total += loss * (weight[i] if weight.size else 1.0)
        value, lost = add(value, lost, total)
    return value + lost


@jit
def slopes(e: Array, y: Any, weight: Array, others: Array, slope: Array) -> None:
    """Slope softmax(m) - onehot(y), weighted; that of the own class is minus the others' sum."""
    K, n = e.shape
    scale, rest = np.empty(n), np.zeros(n)
    for i in range(n):
        scale[i] = 1.0 / (1.0 + others[i])
    weigh(weight, 0, scale)
    for k in range(K):
        out, terms = slope[k], e[k]
        for i in range(n):
            out[i] = terms[i] * scale[i]
            rest[i] += out[i] if y[i] != k else 0.0
    for i in range(n):
        slope[y[i], i] = -rest[i]


@jit
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
            divergence += share * a * entropy_term(-change)
            product[k, i] = share * a * change
    return divergence, reach, lead, widest
