"""The loops of many coefficients over the same rows: products of matrices, a tile at a time."""

from typing import Any

import numpy as np

from oddsmith.core.fused_loops import add, exp_of_minus, jit, log1pexp, sigmoid, signed
from oddsmith.core.fused_multinomial import add_up, entries, shift, tile_of, times
from oddsmith.core.stable import Array

__all__ = ["evaluate"]


@jit
def _share(bits: Any, part: int, weight: Array, first: int, s: Array) -> None:
    """Set s to the weights of rows that have a part, 0 where they have not."""
    for i in range(s.size):
        s[i] = float((bits[i] >> (1 + part)) & 1)
    if weight.size:
        for i in range(s.size):
            s[i] *= weight[first + i]


@jit
def _dot(s: Array, t: Array) -> float:
    """Sum of the products, in order."""
    total = 0.0
    for i in range(s.size):
        total += s[i] * t[i]
    return total


@jit
def evaluate(
    X: Any,
    by_columns: bool,
    ready: Array,
    labels: Any,
    weight: Array,
    offset: Array,
    center: Array,
    w: Array,
    b: Array,
    parts: Any,
    tests: Any,
    g: Array,
    values: Array,
    held_out: Array,
) -> None:
    """Add slopes times rows to g, the losses to values, and those of the tests to held_out.

    w is (p, M), g is (M, p) or (M, p + 1). Losses are left out where their arrays are empty.
    """
    n = labels.size
    p, M = w.shape
    tile = tile_of(p, M)
    room = np.empty(0 if ready.size else tile * p)
    wide, work, sums = np.empty(tile * M), np.empty((6, tile)), np.empty((M, p))
    lost = np.zeros((2, M))
    for first in range(0, n, tile):
        size = min(tile, n - first)
        S = wide[: M * size].reshape(M, size)
        z, e, a, s, loss, y = (
            work[0, :size],
            work[1, :size],
            work[2, :size],
            work[3, :size],
            work[4, :size],
            work[5, :size],
        )
        bits = labels[first : first + size]
        for i in range(size):
            y[i] = float(bits[i] & 1)
        part = entries(X, ready, by_columns, first, center, size, room[: size * p])
        times(part, by_columns, w, S)
        shift(S, b)
        for m in range(M):
            own = S[m]
            if offset.size:
                for i in range(size):
                    own[i] += offset[first + i]
            signed(y, own, z)
            exp_of_minus(z, e)
            if held_out.size:
                log1pexp(z, e, loss)
                _share(bits, tests[m], weight, first, s)
                held_out[m], lost[1, m] = add(held_out[m], lost[1, m], _dot(s, loss))
            _share(bits, parts[m], weight, first, s)
            if values.size:
                if not held_out.size:
                    log1pexp(z, e, loss)
                values[m], lost[0, m] = add(values[m], lost[0, m], _dot(s, loss))
            # The slope is the other class's probability, with the sign of the way there.
            sigmoid(z, e, a)
            for i in range(size):
                own[i] = (1.0 - 2.0 * y[i]) * (a[i] * s[i])
        add_up(S, part, by_columns, sums, g)
    if values.size:
        values += lost[0]
    if held_out.size:
        held_out += lost[1]
