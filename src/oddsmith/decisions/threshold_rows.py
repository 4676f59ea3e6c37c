"""Rows by their score, and sums over those above and below every threshold."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.errors import DataError

__all__ = ["SortedRows", "sorted_rows", "sums"]

# Terms summed one after the other, so that rounding grows with their number and not with n.
_RUN = 1024


@dataclass(frozen=True, slots=True, eq=False)
class SortedRows:
    """Rows of positive weight by their score, ascending.

    Attributes
    ----------
    order : integer array of shape (n,)
        Which of the user's rows they are.
    start : integer array of shape (m,)
        First row of each distinct score; and n.
    positive : boolean array of shape (n,)
    weight : array of shape (n,), or None
    n_given : int
        Rows that the user gave.
    """

    order: np.ndarray[Any, np.dtype[np.intp]]
    start: np.ndarray[Any, np.dtype[np.intp]]
    positive: np.ndarray[Any, np.dtype[np.bool_]]
    weight: Array | None
    n_given: int


def sorted_rows(
    positive: np.ndarray[Any, np.dtype[np.bool_]], score: Array, weight: Array | None
) -> tuple[Array, SortedRows]:
    """Distinct scores, ascending, and the rows by them; rows of weight 0 are left out.

    Raises
    ------
    DataError
        If a class has no weight.
    """
    n = score.size
    kept = None
    if weight is not None and not (weight > 0.0).all():
        kept = np.flatnonzero(weight > 0.0)
        score, weight, positive = score[kept], weight[kept], positive[kept]
        if not positive.any() or positive.all():
            raise DataError(
                "all rows of one class have weight 0: a threshold can be judged by rows of both."
            )
    order = np.argsort(score)
    score = score[order]
    start = np.flatnonzero(score[1:] != score[:-1]) + 1
    start = np.concatenate([[0], start, [score.size]])
    rows = SortedRows(
        order=order if kept is None else kept[order],
        start=start,
        positive=positive[order],
        weight=None if weight is None else weight[order],
        n_given=n,
    )
    return score[start[:-1]], rows


def sums(values: np.ndarray[Any, Any], start: np.ndarray[Any, Any]) -> tuple[Array, Array]:
    """Sum values over the rows before each start, and from it on, both of shape (m,).

    Each is added up from its own side: neither is a difference, so that no rounding makes a sum
    of weights negative, or large where it is small. Whole numbers are exact.

    Parameters
    ----------
    values : array of shape (n,)
        Booleans, whole numbers or floats.
    start : integer array of shape (m,)

    Examples
    --------
    >>> sums(np.array([0.5, 0.25, 2.0]), np.array([0, 1, 3]))
    (array([0.  , 0.5 , 2.75]), array([2.75, 2.25, 0.  ]))
    """
    if values.dtype.kind in "biu":
        ahead = np.zeros(values.size + 1, dtype=np.int64)
        np.cumsum(values, out=ahead[1:])
        below = ahead[start]
        return below.astype(np.float64), (ahead[-1] - below).astype(np.float64)
    return _cumulated(values)[start], _cumulated(values[::-1])[values.size - start]


def _cumulated(values: Array) -> Array:
    """Sum of the first k values for each k, of shape (n + 1,), in two levels."""
    n = values.size
    found = np.zeros((1 + -(-n // _RUN)) * _RUN)
    found[_RUN : _RUN + n] = values
    runs = found.reshape(-1, _RUN)
    np.cumsum(runs, axis=1, out=runs)
    runs[1:] += np.cumsum(runs[:-1, -1])[:, None]
    return found[_RUN - 1 : _RUN + n]
