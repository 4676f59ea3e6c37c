"""What happened, and how much each row counts: labels as yes or no, weights checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import listed
from oddsmith.core.real import real_numbers
from oddsmith.core.stable import Array
from oddsmith.errors import DataError, ParameterError

__all__ = [
    "Outcomes",
    "checked_weights",
    "distinct_labels",
    "is_binary",
    "label_column",
    "plain",
    "read_outcomes",
]

Labels = np.ndarray[Any, Any]

# Up to so many labels are told apart faster one after the other than by a sort.
_FEW = 4


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Which rows are of the positive class.

    Attributes
    ----------
    happened : boolean array of shape (n,)
    positive : label
        As Python has it.
    """

    happened: np.ndarray[Any, np.dtype[np.bool_]]
    positive: Any


def read_outcomes(y: Any, positive: Any = None) -> Outcomes:
    """Labels as yes or no: one class, and all the rest.

    Parameters
    ----------
    y : array-like of shape (n,)
    positive : label, optional
        By default the second of two labels, sorted; of 0 and 1, or False and True, the latter, even
        where every row has the same.

    Raises
    ------
    DataError
        If y is no column of labels, if a label is missing, labels cannot be sorted, or there are
        more than two and none is said to be positive.
    ParameterError
        If no row has the label `positive`, and there are several others; or if it is left out
        where y holds one label only.

    Examples
    --------
    >>> read_outcomes(["no", "yes", "no"]).happened
    array([False,  True, False])
    """
    labels = label_column(y)
    if positive is None:
        positive = _second(distinct_labels(labels))
        return Outcomes(np.asarray(labels == positive, dtype=bool), plain(positive))
    happened = np.asarray(labels == positive) if np.ndim(positive) == 0 else np.empty(0)
    if happened.shape != labels.shape or not happened.any():
        found = distinct_labels(labels)
        if happened.shape != labels.shape or len(found) > 1:
            raise ParameterError(
                f"positive={positive!r} is no label of y, whose labels are {_shown(found)}."
            )
        return Outcomes(np.zeros(labels.size, dtype=bool), plain(positive))
    happened = happened.astype(bool, copy=False)
    return Outcomes(happened, plain(labels[int(np.argmax(happened))]))


def _second(found: list[Any]) -> Any:
    """Of one label or two the positive one."""
    if len(found) > 2:
        raise DataError(
            f"y holds {len(found)} labels, {_shown(found)}, and so more than two classes; say by "
            "positive= which one is held against the rest."
        )
    if len(found) == 2:
        return found[1]
    [only] = found
    if not is_binary(only):
        raise ParameterError(
            f"y holds one label only, {plain(only)!r}, and does not tell which class is the "
            "positive one: name it by positive=."
        )
    return True if isinstance(plain(only), bool) else 1


def _shown(found: list[Any]) -> str:
    return listed([repr(plain(label)) for label in found], most=5)


def is_binary(label: Any) -> bool:
    """Whether a label is 0 or 1, False or True, which tell what the other one is."""
    return isinstance(plain(label), (bool, int, float)) and label in (0, 1)


def plain(label: Any) -> Any:
    """Label as Python has it."""
    return label.item() if isinstance(label, np.generic) else label


def distinct_labels(labels: Labels) -> list[Any]:
    """Labels that are there, sorted, in a few passes where they are few.

    Parameters
    ----------
    labels : array of shape (n,)
        As `label_column` has it.

    Raises
    ------
    DataError
        If they cannot be sorted.

    Examples
    --------
    >>> distinct_labels(np.array(["no", "yes", "no"], dtype=object))
    ['no', 'yes']
    """
    try:
        if labels.dtype.kind == "O":
            return sorted(set(labels.tolist()))
        found, rest = [], labels
        while rest.size:
            if len(found) == _FEW:
                return list(np.unique(labels))
            found.append(rest[0])
            rest = rest[rest != rest[0]]
        return sorted(found)
    except TypeError as error:
        kinds = sorted({type(plain(label)).__name__ for label in labels.tolist()})
        raise DataError(
            f"y mixes labels that cannot be sorted: {', '.join(kinds)}; make them all of one kind."
        ) from error


def label_column(y: Any) -> Labels:
    """Labels as an array of shape (n,), none of them missing.

    Raises
    ------
    DataError
        If y is no column of labels, there is none, or one is missing.

    Examples
    --------
    >>> label_column(["no", "yes"]).shape
    (2,)
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise DataError(f"y has shape {labels.shape}; give one label per row, shape (n,).")
    if labels.size == 0:
        raise DataError("y is empty and holds no rows; give at least one.")
    kind = labels.dtype.kind
    if kind not in "fcOmM":
        return labels
    if kind == "O":
        lost = np.array([one is None or _is_lost(one) for one in labels.tolist()])
    else:
        lost = labels != labels  # as what is missing does
    if lost.any():
        row = int(np.argmax(lost))
        raise DataError(
            f"y has no label in row {row} (from 0), {labels[row]}; leave such rows out."
        )
    return labels


def _is_lost(label: Any) -> bool:
    try:
        return bool(label != label)
    except (TypeError, ValueError):  # pandas' NA says neither yes nor no
        return True


def checked_weights(sample_weight: Any, n: int) -> Array | None:
    """Weight of each row, of shape (n,), or None where each counts once.

    Parameters
    ----------
    sample_weight : array-like of shape (n,), number for all rows, or None
    n : int

    Raises
    ------
    DataError
        If the shape is another one, a weight is negative or not finite, all are 0, or their sum is
        beyond the largest float.

    Examples
    --------
    >>> checked_weights([1, 2], 2)
    array([1., 2.])
    """
    if sample_weight is None:
        return None
    weight = real_numbers(sample_weight, "sample_weight")
    if weight.ndim == 0:
        weight = np.full(n, weight)
    if weight.shape != (n,):
        raise DataError(
            f"sample_weight has shape {weight.shape}; give one number per row, shape ({n},)."
        )
    # NaN is neither, and is what min and max find before anything else.
    if not (weight.min() >= 0.0 and weight.max() < np.inf):
        row = int(np.argmin(np.isfinite(weight) & (weight >= 0.0)))
        raise DataError(
            f"sample_weight is {weight[row]} in row {row} (from 0); weights must be finite numbers "
            "that are not negative."
        )
    if not weight.any():
        raise DataError("all weights in sample_weight are zero, so no row counts.")
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total):
        raise DataError("the sum of sample_weight is beyond the largest float; scale the weights.")
    return weight
