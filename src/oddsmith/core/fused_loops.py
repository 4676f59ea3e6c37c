"""Loops over the numbers of a tile of rows, for Numba: one each, so that eight are done at once.

Numba keeps machine code by the file it is asked for: whoever edits these loops deletes
`__pycache__` beside them, or `fused` and `fused_sparse` go on with what they were.
"""

import math
from typing import Any

import numba
import numpy as np

from oddsmith.core.stable import Array

__all__ = [
    "add",
    "divergence",
    "entropy_term",
    "exp_of_minus",
    "highest",
    "largest",
    "log1pexp",
    "sigmoid",
    "signed",
    "total",
    "weigh",
]

# For long sums, whose terms may be added in any order; a difference would lose its parentheses.
jit_sums: Any = numba.njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"}
)
# For extremes, whose numbers are known to be none that compare with nothing.
jit_extremes: Any = numba.njit(nogil=True, cache=True, fastmath={"nnan", "nsz", "reassoc"})
jit: Any = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})

_LOG2_E = 1.4426950408889634
# ln 2 as a sum whose first part has 21 trailing zero bits (Cody and Waite, 1980, chapter 6).
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


@jit
def exp_of_minus(z: Array, e: Array) -> None:
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


@jit
def log1pexp(z: Array, e: Array, loss: Array) -> None:
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


@jit
def sigmoid(z: Array, e: Array, a: Array) -> None:
    """Set a = sigmoid(z) given e = exp(-abs(z))."""
    for i in range(z.size):
        a[i] = (1.0 if z[i] >= 0 else e[i]) / (1.0 + e[i])


@jit
def signed(y: Any, m: Array, z: Array) -> None:
    """Set z = (1 - 2y) m, the margin in favour of the other class."""
    for i in range(m.size):
        z[i] = (1.0 - 2.0 * y[i]) * m[i]


@jit
def weigh(weight: Array, first: int, s: Array) -> None:
    """Multiply by the rows' weights; an empty array is weight 1."""
    if weight.size:
        own = weight[first : first + s.size]
        for i in range(s.size):
            s[i] *= own[i]


@jit_sums
def total(values: Array) -> float:
    """Sum of the values, added in any order."""
    total = 0.0
    for i in range(values.size):
        total += values[i]
    return total


@jit
def add(total: float, lost: float, term: float) -> tuple[float, float]:
    """Sum of total and term, and what all roundings so far have lost (Neumaier, 1974).

    Many tiles that lose the same would drift by more than the last places otherwise.
    """
    new = total + term
    if abs(total) >= abs(term):
        return new, lost + ((total - new) + term)
    return new, lost + ((term - new) + total)


@jit
def divergence(a: Array, rest: Array, t: Array, far: float, out: Array) -> None:
    """Set out to the relative entropy of the dual point a - a (1 - a) t to a; rest is 1 - a."""
    for i in range(t.size):
        up, down = -rest[i] * t[i], a[i] * t[i]
        u, v = _near(up), _near(down)
        out[i] = a[i] * u + rest[i] * v
    if far < 1e-3:
        return
    for i in range(t.size):
        up, down = -rest[i] * t[i], a[i] * t[i]
        out[i] = a[i] * entropy_term(up) + rest[i] * entropy_term(down)


@jit
def _near(u: float) -> float:
    return 0.5 * u * u * (1.0 - u / 3.0 * (1.0 - u / 2.0 * (1.0 - 0.6 * u)))


@jit
def entropy_term(u: float) -> float:
    """(1 + u) log(1 + u) - u, see `stable.relative_entropy_term`; inf below -1."""
    if u < -1.0:
        return math.inf
    if abs(u) < 1e-3:
        return _near(u)
    return (1.0 + u) * math.log1p(max(u, -1.0 + 2.0**-53)) - u


@jit_extremes
def largest(t: Array) -> float:
    """Largest absolute value, 0 of none."""
    largest = 0.0
    for i in range(t.size):
        largest = max(largest, abs(t[i]))
    return largest


@jit_extremes
def highest(z: Array) -> float:
    """Largest value."""
    highest = -math.inf
    for i in range(z.size):
        highest = max(highest, z[i])
    return highest
