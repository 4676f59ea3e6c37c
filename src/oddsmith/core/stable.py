"""The scalar functions of logistic regression, exact to the last digits at every argument.

Each is written so that no intermediate overflows and no digits cancel, for arguments of
either sign and any size. Only NumPy is used: a stored model is scored with this file alone.
"""

import math

import numpy as np
import numpy.typing as npt

__all__ = [
    "Array",
    "exact_dot",
    "log1pexp",
    "logsumexp",
    "relative_entropy_term",
    "sigmoid",
    "softmax",
]

Array = npt.NDArray[np.float64]


def sigmoid(z: Array) -> Array:
    """Probability that belongs to a margin: 1 / (1 + exp(-z)).

    Parameters
    ----------
    z : array of any shape
        Margins (log-odds, nats).

    Returns
    -------
    array of the same shape
        Probabilities in [0, 1]; ``1 - sigmoid(z)`` is had without cancellation as ``sigmoid(-z)``.

    Notes
    -----
    exp is only taken of -abs(z), which cannot overflow (Blanchard, Higham and Higham, 2021,
    "Accurately computing the log-sum-exp and softmax functions", section 1).

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, small) / (1.0 + small)


def log1pexp(z: Array) -> Array:
    """Softplus, log(1 + exp(z)): the loss of a row whose signed margin is -z, in nats.

    Notes
    -----
    max(z, 0) + log1p(exp(-abs(z))) keeps full relative accuracy on both sides (Mächler, 2012,
    "Accurately computing log(1 - exp(-abs(a)))", equation 10, treats the same function by cases).

    Examples
    --------
    >>> log1pexp(np.array([-1000.0, 0.0, 1000.0])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def logsumexp(z: Array) -> Array:
    """Logarithm of the sum of exponentials along the last axis: log sum_k exp(z_k).

    Parameters
    ----------
    z : array of shape (..., K)

    Returns
    -------
    array of shape (...)

    Notes
    -----
    With z_m the largest entry, z_m + log1p(sum_{k != m} exp(z_k - z_m)): the largest is left
    out of the sum, so that small others keep their digits (Blanchard, Higham and Higham, 2021,
    algorithm 3.2).

    Examples
    --------
    >>> logsumexp(np.array([[1000.0, 1000.0], [0.0, -1000.0]])).round(4)
    array([1000.6931,    0.    ])
    """
    largest = np.argmax(z, axis=-1, keepdims=True)
    top = np.take_along_axis(z, largest, axis=-1)
    terms = np.exp(z - top)
    np.put_along_axis(terms, largest, 0.0, axis=-1)
    return top[..., 0] + np.log1p(terms.sum(axis=-1))


def softmax(z: Array) -> Array:
    """Probabilities that belong to K margins: exp(z_k) / sum_l exp(z_l), along the last axis.

    Parameters
    ----------
    z : array of shape (..., K)

    Returns
    -------
    array of shape (..., K)
        Each row sums to 1 within rounding.

    Notes
    -----
    Shifted by the largest margin (Blanchard, Higham and Higham, 2021, equation 1.6).

    Examples
    --------
    >>> softmax(np.array([[1000.0, 1000.0], [0.0, -1000.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    terms = np.exp(z - z.max(axis=-1, keepdims=True))
    return terms / terms.sum(axis=-1, keepdims=True)


def relative_entropy_term(u: Array) -> Array:
    """(1 + u) log(1 + u) - u, for u >= -1: never negative, and u**2 / 2 near zero.

    The relative entropy of a' to a is sum_k a_k * relative_entropy_term(a'_k / a_k - 1): written
    so, the parts that are linear in u, which cancel in the sum, are never formed.

    Notes
    -----
    Below 1e-3 by its Taylor series to the fifth power, where the direct formula would lose
    half of the digits.

    Examples
    --------
    >>> relative_entropy_term(np.array([-1.0, 0.0, 1e-12])).tolist()
    [1.0, 0.0, 4.999999999998333e-25]
    """
    series = 0.5 * u * u * (1.0 - u / 3.0 * (1.0 - u / 2.0 * (1.0 - 0.6 * u)))
    # At u = -1 the first term is 0 * log(0) = 0; the clip keeps the logarithm finite there.
    direct = (1.0 + u) * np.log1p(np.maximum(u, -1.0 + 2.0**-53)) - u
    return np.where(np.abs(u) < 1e-3, series, direct)


def exact_dot(a: Array, b: Array, start: float = 0.0) -> float:
    """Start + sum_j a_j b_j, rounded once: for sums whose terms cancel almost wholly.

    Notes
    -----
    Each product is split into two floats without error (Dekker, 1971; Ogita, Rump and Oishi,
    2005, algorithm 3.3), on mantissas, so that nothing overflows on the way; `math.fsum` adds
    them without error. Costs about a microsecond a term.

    Examples
    --------
    >>> exact_dot(np.array([1e8, 1e8]), np.array([1e8 + 1.0, -1e8]), start=-1e8)
    0.0
    """
    mantissa_a, exponent_a = np.frexp(a)
    mantissa_b, exponent_b = np.frexp(b)
    product = mantissa_a * mantissa_b
    (high_a, low_a), (high_b, low_b) = _halves(mantissa_a), _halves(mantissa_b)
    error = low_a * low_b - (((product - high_a * high_b) - low_a * high_b) - high_a * low_b)
    exponent = exponent_a + exponent_b
    terms = [*np.ldexp(product, exponent).tolist(), *np.ldexp(error, exponent).tolist(), start]
    return math.fsum(terms) if all(map(math.isfinite, terms)) else math.nan


def _halves(x: Array) -> tuple[Array, Array]:
    """X as the sum of two floats of 26 bits each (Veltkamp, 1968)."""
    shifted = 134217729.0 * x
    high = shifted - (shifted - x)
    return high, x - high
