"""What a model says of each row: scores and probabilities, checked."""

from typing import Any

import numpy as np

from oddsmith.core.real import real_numbers
from oddsmith.core.stable import Array
from oddsmith.errors import DataError

__all__ = ["checked_probabilities", "read_probability", "read_scores"]

# Whole numbers in a float are exact up to here.
_EXACT = 2**53
# How far from 1 the sum of a row's probabilities may be: single precision of many classes.
_SUM = 1e-4


def read_scores(score: Any, n: int) -> Array:
    """Scores of n rows as floats, a copy, in which zeros are all 0.0.

    Raises
    ------
    DataError
        If they are no finite numbers, one for each row, or floats would round them.

    Examples
    --------
    >>> read_scores([-0.0, 2], 2)
    array([0., 2.])
    """
    given = np.asarray(score)
    found = _one_per_row(given, "score", n)
    if given.dtype.kind in "iu" and max(abs(int(given.min())), abs(int(given.max()))) > _EXACT:
        raise DataError(
            "score holds whole numbers beyond 2**53, which floats would round, so that different "
            "ones could become equal; scale them."
        )
    low, high = found.min(), found.max()  # which NaN is, where there is one
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int(np.argmin(np.isfinite(found)))
        raise DataError(
            f"score is {found[bad]} in row {bad} (from 0); give finite numbers, or leave such rows "
            "out."
        )
    return found + 0.0  # -0.0 is 0.0


def read_probability(probability: Any, n: int) -> Array:
    """Probabilities of the positive class, of n rows, as floats, a copy.

    Raises
    ------
    DataError
        If they are none, one for each row.

    Examples
    --------
    >>> read_probability([1, 0.5], 2)
    array([1. , 0.5])
    """
    return checked_probabilities(_one_per_row(probability, "probability", n), "probability", n)


def _one_per_row(given: Any, name: str, n: int) -> Array:
    found = real_numbers(given, name)
    if found.ndim == 2 and found.shape[1] == 2:
        raise DataError(
            f"{name} has shape {found.shape}; give that of the positive class alone, shape ({n},), "
            "such as predict_proba(X)[:, 1]."
        )
    if found.shape != (n,):
        raise DataError(
            f"{name} has shape {found.shape}, and y has {n} labels; give one number for each, "
            f"shape ({n},)."
        )
    return found


def checked_probabilities(given: Any, name: str, n: int | None = None) -> Array:
    """Probabilities as floats of shape (n,) or (n, K), each in [0, 1], rows of K with sum 1.

    Raises
    ------
    DataError
        If they are none: the message calls them by their name.

    Examples
    --------
    >>> checked_probabilities([0.5, 1.0], "probability")
    array([0.5, 1. ])
    """
    found = real_numbers(given, name)
    if found.ndim not in (1, 2) or (n is not None and found.shape[0] != n) or found.shape[0] == 0:
        rows = "n" if n is None else n
        raise DataError(
            f"{name} has shape {found.shape}; give one probability per row, shape ({rows},), or "
            f"one per class, shape ({rows}, K)."
        )
    bad = ~((found >= 0) & (found <= 1))
    if bad.any():
        row, *column = np.argwhere(bad)[0].tolist()
        raise DataError(
            f"{name} is {found[(row, *column)]} in row {row} (from 0), and probabilities lie in "
            "[0, 1]; give what predict_proba returns, not margins."
        )
    if found.ndim == 2:
        total = found.sum(axis=1)
        off = np.abs(total - 1.0) > _SUM
        if off.any():
            row = int(np.argmax(off))
            raise DataError(
                f"{name} has the sum {total[row]:.6g} in row {row} (from 0); the probabilities of "
                "a row's classes have the sum 1."
            )
    return found + 0.0  # and so no -0.0
