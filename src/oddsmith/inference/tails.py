"""Tail probabilities as logarithms: exact where the probability itself is below every float."""

import numpy as np
from scipy.special import gammaincc, gammaln, log_ndtr

from oddsmith.core.stable import Array

__all__ = ["log_chi2_tail", "log_normal_tails"]

# Tails below this are summed as a continued fraction, which is exact to rounding there.
_SMALL = 1e-200
_TERMS = 500
_EPS = 2.0**-52


def log_normal_tails(z: Array) -> Array:
    """Logarithm of P(|Z| >= |z|) for a standard normal Z: log 2 + log Phi(-|z|), nats.

    Examples
    --------
    >>> (log_normal_tails(np.array([0.0, 1.959963984540054, 50.0])) / np.log(10)).round(4)
    array([   0.    ,   -1.301 , -544.6653])
    """
    return np.log(2.0) + log_ndtr(-np.abs(z))


def log_chi2_tail(statistic: float, df: float) -> float:
    """Logarithm of P(X >= statistic) for X of a chi-squared distribution: nats.

    That is Q(a, x) with a = df / 2 and x = statistic / 2, the regularised upper incomplete gamma
    function; far out by its continued fraction (DLMF 8.9.2, by the method of Lentz).

    Examples
    --------
    >>> float(round(log_chi2_tail(3.841458820694124, 1) / np.log(10), 4))
    -1.301
    >>> float(round(log_chi2_tail(2500.0, 1) / np.log(10), 4))
    -544.6653
    """
    if np.isnan(statistic) or np.isnan(df) or df <= 0:
        return float("nan")
    if np.isinf(statistic):
        return -np.inf if statistic > 0 else 0.0
    a, x = 0.5 * df, max(0.5 * statistic, 0.0)
    tail = float(gammaincc(a, x))
    if tail > _SMALL:
        return float(np.log(tail))
    return float(a * np.log(x) - x - gammaln(a) + np.log(_fraction(a, x)))


def _fraction(a: float, x: float) -> float:
    """1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / (x + 5 - a - ...))), for x > a + 1."""
    b = x + 1.0 - a
    c, d = 1e300, 1.0 / b
    value = d
    for i in range(1, _TERMS):
        top = -i * (i - a)
        b += 2.0
        d = 1.0 / (top * d + b)
        c = b + top / c
        value *= c * d
        if abs(c * d - 1.0) < _EPS:
            break
    return value
