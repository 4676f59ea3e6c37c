"""Rows by their score, and sums over those above and below every threshold."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.errors import DataError, ParameterError

__all__ = ["SortedRows", "read_positive", "read_scores", "read_weights", "sorted_rows", "sums"]

# Terms summed one after the other, so that rounding grows with their number and not with n.
_RUN = 1024
# Whole numbers in a float are exact up to here.
_EXACT = 2**53


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


def read_positive(y: Any, positive: Any) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], Any]:
    """Which rows are positive, of shape (n,), and the label of these.

    Raises
    ------
    DataError
        If there are not two labels, or one is missing.
    ParameterError
        If none is the one that is said to be positive.
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise DataError(f"y has shape {labels.shape}; give one label for each row, shape (n,).")
    if labels.size == 0:
        raise DataError("y is empty; give the labels of at least two rows, one of each class.")
    _refuse_missing(labels)
    first = labels[0]
    others = labels[labels != first]
    if others.size == 0:
        raise DataError(
            f"y holds one class only, {_plain(first)!r}: a threshold can be judged by rows of both."
        )
    second = others[0]
    if positive is None:
        more = others[others != second]
        if more.size:
            raise DataError(
                f"y has more than two classes ({_plain(first)!r}, {_plain(second)!r}, "
                f"{_plain(more[0])!r}, ...); say by positive= for which of them score speaks."
            )
        try:
            positive = max(first, second)
        except TypeError as error:
            raise DataError(
                f"y mixes labels that cannot be sorted, {_plain(first)!r} and {_plain(second)!r}; "
                "make them all of one kind, or say which is positive."
            ) from error
    found = np.asarray(labels == positive)
    if found.shape != labels.shape or not found.any():
        raise ParameterError(
            f"positive={positive!r} is no label of y, which has {_plain(first)!r} and "
            f"{_plain(second)!r}; give one that it has."
        )
    return found.astype(bool, copy=False), _plain(labels[int(np.argmax(found))])


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _refuse_missing(labels: np.ndarray[Any, Any]) -> None:
    if labels.dtype.kind not in "fcOmM":
        return
    lost = labels != labels  # as what is missing does
    if labels.dtype.kind == "O":
        values = labels.tolist()
        lost = np.array([one is None or _is_lost(one) for one in values])
    if np.any(lost):
        raise DataError(
            f"y has no label (NaN or null) in row {int(np.argmax(lost))} (from 0); leave such rows "
            "out."
        )


def _is_lost(label: Any) -> bool:
    try:
        return bool(label != label)
    except (TypeError, ValueError):  # pandas' NA says neither yes nor no
        return True


def read_scores(score: Any, n: int) -> Array:
    """Scores of n rows as floats, a copy, in which zeros are all 0.0.

    Raises
    ------
    DataError
        If they are no finite numbers, one for each row.
    """
    given = np.asarray(score)
    if given.ndim == 2 and given.shape[1] == 2:
        raise DataError(
            f"score has shape {given.shape}; give that of the positive class alone, such as "
            "predict_proba(X)[:, 1]."
        )
    if given.shape != (n,):
        raise DataError(f"score has shape {given.shape}, and y has {n} labels; give one for each.")
    found = _floats(given, "score")
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


def read_weights(sample_weight: Any, n: int) -> Array | None:
    """Weights of n rows as floats; None if each counts once.

    Raises
    ------
    DataError
        If they are no finite numbers that are not negative, one for each row.
    """
    if sample_weight is None:
        return None
    given = np.asarray(sample_weight)
    if given.ndim == 0:
        given = np.broadcast_to(given, n)
    if given.shape != (n,):
        raise DataError(
            f"sample_weight has shape {given.shape}, and there are {n} rows; give one for each."
        )
    found = _floats(given, "sample_weight")
    if not (found.min() >= 0.0 and found.max() < np.inf):
        bad = int(np.argmin(np.isfinite(found) & (found >= 0.0)))
        raise DataError(
            f"sample_weight is {found[bad]} in row {bad} (from 0); weights must be finite numbers "
            "that are not negative."
        )
    with np.errstate(over="ignore"):
        total = found.sum()
    if not np.isfinite(total):
        raise DataError("the sum of sample_weight is beyond the largest float; scale the weights.")
    return found


def _floats(given: np.ndarray[Any, Any], name: str) -> Array:
    if given.dtype.kind not in "fiub":
        try:
            if given.dtype.kind in "cUS":
                raise TypeError(f"found {given.dtype}")
            return given.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"{name} is not made of real numbers: {error}.") from error
    return given.astype(np.float64, copy=False)


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
