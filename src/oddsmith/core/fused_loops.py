"""Short loops that Numba compiles into all others: elementary functions, and sums of many terms.

Written so that four or eight rows are done at once, which no call of a library's exp or log is.
"""

import math
from typing import Any

import numba
import numpy as np

from oddsmith.core.stable import Array

__all__ = [
    "add",
    "entropy_term",
    "exp_of_minus",
    "exp_to_one",
    "highest_of",
    "jit",
    "jit_extremes",
    "jit_sums",
    "largest_of",
    "log1p",
    "log1pexp",
    "near_entropy_term",
    "relative_entropies",
    "sigmoid",
    "signed",
    "sum_of",
    "weigh",
]


def jit_sums(function: Any) -> Any:
    """Compile long sums, whose terms may be added in any order: differences lose parentheses."""
    how = {"reassoc", "contract", "nsz"}
    return numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=how)(function)


def jit_extremes(function: Any) -> Any:
    """Compile a search for extremes among numbers of which none is NaN."""
    how = {"nnan", "nsz", "reassoc"}
    return numba.njit(nogil=True, cache=True, fastmath=how)(function)


def jit(function: Any) -> Any:
    """Compile a loop whose terms stay in their order."""
    how = {"contract"}
    return numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=how)(function)


_LOG2_E = 1.4426950408889634
# ln 2 as a sum whose first part has 21 trailing zero bits (Cody and Waite, 1980, chapter 6).
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
# 1.5 * 2**52: what is added to it is rounded to a whole number, told by the last bits.
_WHOLE = 6755399441055744.0
_ROOT_HALF = 0x3FE6A09E667F3BCD
_ONE = 0x3FF0000000000000


@jit
def exp_to_one(x: float) -> float:
    """exp(x) for x <= 0, within 2 units of the last place.

    exp(x) = 2**k exp(r), r = x - k ln 2 (Cody and Waite, 1980, chapter 6), with exp(r) =
    1 + r + r**2 P(r), P the Chebyshev interpolant of degree 9 on abs(r) <= ln(2) / 2.
    """
    x = -750.0 if x < -750.0 else x  # NaN stays NaN
    shifted = x * _LOG2_E + _WHOLE
    k = shifted - _WHOLE
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
    # 2**(k + 64), a normal number, and 2**-64: so results below the normal ones are reached.
    bits = np.int64((np.float64(shifted).view(np.int64) + (1023 + 64)) << 52)
    return p * bits.view(np.float64) * 2.0**-64


@jit
def exp_of_minus(z: Array, e: Array) -> None:
    """Set e = exp(-abs(z)), see `exp_to_one`."""
    for i in range(z.size):
        e[i] = exp_to_one(-abs(z[i]))


@jit
def _log1p_of_small(v: float) -> float:
    """log1p(v) for 1/sqrt(2) <= 1 + v <= 2, by an interpolant.

    log1p(v) = 2 artanh(s), s = v / (2 + v), of degree 9 in s**2 <= 1/9.
    """
    s = v / (2.0 + v)
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
    return s * (2.0 + t * p)


@jit
def log1p(u: float) -> float:
    """log(1 + u) for u > -1, within 3 units of the last place.

    k ln 2 + log1p(v) with v = (1 + u) / 2**k - 1, where 1 + v is between 1/sqrt(2) and sqrt(2):
    u - (2**k - 1), whose terms are near each other, is exact (Sterbenz, 1974, theorem 4.3.1).
    """
    k = (np.float64(1.0 + u).view(np.int64) + (_ONE - _ROOT_HALF)) >> 52
    power = np.int64(k << 52).view(np.float64)
    inverse = np.int64((2046 - k) << 52).view(np.float64)
    n = np.float64(k - 1023)
    small = _log1p_of_small((u - (power - 1.0)) * inverse)
    return n * _LN2_HIGH + (small + n * _LN2_LOW)


@jit
def log1pexp(z: Array, e: Array, loss: Array) -> None:
    """Set loss = log(1 + exp(z)) given e = exp(-abs(z))."""
    for i in range(z.size):
        # (z + abs(z)) / 2 is max(z, 0), and NaN where z is.
        loss[i] = 0.5 * (z[i] + abs(z[i])) + _log1p_of_small(e[i])


@jit
def near_entropy_term(u: float) -> float:
    """`entropy_term` for small u."""
    return 0.5 * u * u * (1.0 - u / 3.0 * (1.0 - u / 2.0 * (1.0 - 0.6 * u)))


@jit
def entropy_term(u: float) -> float:
    """(1 + u) log(1 + u) - u, see `stable.relative_entropy_term`; inf below -1."""
    inside = u if u > -1.0 + 2.0**-53 else -1.0 + 2.0**-53
    far = (1.0 + u) * log1p(inside) - u
    term = near_entropy_term(u) if abs(u) < 1e-3 else far
    return math.inf if u < -1.0 else term


@jit
def weigh(weight: Array, first: int, s: Array) -> None:
    """Multiply by the rows' weights; an empty array is weight 1."""
    if weight.size:
        own = weight[first : first + s.size]
        for i in range(s.size):
            s[i] *= own[i]


@jit_sums
def sum_of(values: Array) -> float:
    """Sum of all numbers, in any order."""
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
def relative_entropies(a: Array, rest: Array, t: Array, far: float, out: Array) -> None:
    """Set out to the relative entropy of the dual point a - a (1 - a) t to a; rest is 1 - a."""
    for i in range(t.size):
        up, down = -rest[i] * t[i], a[i] * t[i]
        u, v = near_entropy_term(up), near_entropy_term(down)
        out[i] = a[i] * u + rest[i] * v
    if far < 1e-3:
        return
    for i in range(t.size):
        up, down = -rest[i] * t[i], a[i] * t[i]
        out[i] = a[i] * entropy_term(up) + rest[i] * entropy_term(down)


@jit_extremes
def largest_of(t: Array) -> float:
    """Largest absolute value."""
    largest = 0.0
    for i in range(t.size):
        largest = max(largest, abs(t[i]))
    return largest


@jit_extremes
def highest_of(z: Array) -> float:
    """Largest number."""
    highest = -math.inf
    for i in range(z.size):
        highest = max(highest, z[i])
    return highest
