"""What margins amount to: probabilities, their logarithms, and classes, written where they belong.

The functions take the margins of a block of rows and fill its part of the result: no array of
the size of the result is ever made beside it. Margins may be infinite, but not NaN.
"""

import numpy as np
import numpy.typing as npt

from oddsmith.core.stable import Array, logsumexp, softmax

__all__ = ["class_index", "put_log_probabilities", "put_probabilities"]


def put_probabilities(margin: Array, out: Array) -> None:
    """Fill out with the probability of each class: softmax, of (0, margin) if binary.

    Parameters
    ----------
    margin : array of shape (n,) or (n, K)
        Nats.
    out : array of shape (n, 2) or (n, K)

    Notes
    -----
    For two classes exp(-max(z, 0)) and exp(min(z, 0)), one of which is 1, over their sum: the
    same digits as sigmoid(-z) and sigmoid(z), without a choice per row, which would cost more
    than a second exponential (Blanchard, Higham and Higham, 2021, "Accurately computing the
    log-sum-exp and softmax functions", equation 1.6).

    Examples
    --------
    >>> out = np.empty((3, 2))
    >>> put_probabilities(np.array([-1000.0, 0.0, 1000.0]), out)
    >>> out
    array([[1. , 0. ],
           [0.5, 0.5],
           [0. , 1. ]])
    """
    if margin.ndim == 2:
        out[...] = softmax(margin)
        return
    second = np.exp(np.minimum(margin, 0.0))
    first = np.exp(-np.maximum(margin, 0.0))
    total = first + second
    np.divide(first, total, out=out[:, 0])
    np.divide(second, total, out=out[:, 1])


def put_log_probabilities(margin: Array, out: Array) -> None:
    """Fill out with the logarithm of the probability of each class, exact far below 1e-308.

    Parameters
    ----------
    margin : array of shape (n,) or (n, K)
        Nats.
    out : array of shape (n, 2) or (n, K)

    Notes
    -----
    For two classes -log1pexp(z) and -log1pexp(-z), which share log1p(exp(-abs(z))): see
    `oddsmith.core.stable.log1pexp`.

    Examples
    --------
    >>> out = np.empty((2, 2))
    >>> put_log_probabilities(np.array([0.0, 1000.0]), out)
    >>> out.round(4)
    array([[-6.931e-01, -6.931e-01],
           [-1.000e+03,  0.000e+00]])
    """
    if margin.ndim == 2:
        np.subtract(margin, logsumexp(margin)[:, None], out=out)
        return
    tail = np.log1p(np.exp(-np.abs(margin)))
    np.subtract(np.minimum(-margin, 0.0), tail, out=out[:, 0])
    np.subtract(np.minimum(margin, 0.0), tail, out=out[:, 1])


def class_index(margin: Array) -> npt.NDArray[np.intp]:
    """Index of the most probable class; of two that are equal, the first.

    Parameters
    ----------
    margin : array of shape (n,) or (n, K)

    Examples
    --------
    >>> class_index(np.array([-1.0, 0.0, 1.0]))
    array([0, 0, 1])
    """
    return (margin > 0).astype(np.intp) if margin.ndim == 1 else margin.argmax(axis=1)
