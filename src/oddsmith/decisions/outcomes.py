"""What happened, and how much each row counts: labels as yes or no, weights checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import listed
from oddsmith.core.stable import Array
from oddsmith.errors import DataError, ParameterError

__all__ = ["Outcomes", "checked_probabilities", "checked_weights", "read_outcomes"]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Which rows are of the positive class.

    Attributes
    ----------
    happened : boolean array of shape (n,)
    positive : label
    """

    happened: np.ndarray[Any, np.dtype[np.bool_]]
    positive: Any


def read_outcomes(y: Any, positive: Any = None) -> Outcomes:
    """Labels of two classes as yes or no.

    Parameters
    ----------
    y : array-like of shape (n,)
    positive : label, optional
        By default the second label, sorted; of 0 and 1, or False and True, the latter, even where
        every row has the same.

    Raises
    ------
    DataError
        If y is no column of labels, if a label is missing, or there are more than two.
    ParameterError
        If no row has the label `positive`, or it is left out where y holds one label only.

    Examples
    --------
    >>> read_outcomes(["no", "yes", "no"]).happened
    array([False,  True, False])
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise DataError(f"y has shape {labels.shape}; give one label per row, shape (n,).")
    if labels.size == 0:
        raise DataError("y holds no rows; give at least one.")
    found = _labels(labels)
    if len(found) > 2:
        shown = listed([repr(label) for label in found], most=5)
        raise DataError(
            f"y holds {len(found)} labels, {shown}; give those of one class against the rest, "
            "such as y == label."
        )
    binary = all(isinstance(label, (bool, int, float)) and label in (0, 1) for label in found)
    if positive is None:
        if len(found) == 1 and not binary:
            raise ParameterError(
                f"y holds one label only, {found[0]!r}, and does not tell which class is the "
                "positive one: name it by positive=."
            )
        positive = found[-1]
        if binary:
            positive = True if isinstance(found[0], bool) else 1
    elif len(found) == 2 and positive not in found:
        shown = listed([repr(label) for label in found])
        raise ParameterError(f"positive={positive!r} is no label of y, whose labels are {shown}.")
    return Outcomes(np.asarray(labels == positive, dtype=bool), positive)


def _labels(labels: np.ndarray[Any, Any]) -> list[Any]:
    """Distinct labels, sorted, as Python has them."""
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        row = int(np.argmax(np.isnan(labels)))
        raise DataError(f"y has no label in row {row} (from 0), {labels[row]}; leave it out.")
    try:
        if labels.dtype.kind != "O":
            return np.unique(labels).tolist()
        found = set(labels.tolist())
        lost = [label for label in found if label is None or label != label]
        if lost:
            row = next(i for i, label in enumerate(labels) if label is None or label != label)
            raise DataError(f"y has no label in row {row} (from 0), {lost[0]}; leave it out.")
        return sorted(found)
    except TypeError as error:
        raise DataError(
            f"y holds labels that cannot be sorted ({error}); make them all of one kind, and drop "
            "rows without a label."
        ) from error


def checked_weights(sample_weight: Any, n: int) -> Array | None:
    """Weight of each row, of shape (n,), or None where each counts once.

    Raises
    ------
    DataError
        If the shape is another one, a weight is negative or not finite, or all are 0.

    Examples
    --------
    >>> checked_weights([1, 2], 2)
    array([1., 2.])
    """
    if sample_weight is None:
        return None
    weight = _floats(sample_weight, "sample_weight")
    if weight.shape != (n,):
        raise DataError(
            f"sample_weight has shape {weight.shape}; give one number per row, shape ({n},)."
        )
    bad = ~((weight >= 0) & (weight < np.inf))
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"sample_weight is {weight[row]} in row {row} (from 0); weights must be finite numbers "
            "that are not negative."
        )
    if not weight.any():
        raise DataError("all weights in sample_weight are zero, so no row counts.")
    return weight


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
    found = _floats(given, name)
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
        off = np.abs(total - 1.0) > 1e-4
        if off.any():
            row = int(np.argmax(off))
            raise DataError(
                f"{name} has the sum {total[row]:.6g} in row {row} (from 0); the probabilities of "
                "a row's classes have the sum 1."
            )
    return found + 0.0  # and so no -0.0


def _floats(given: Any, name: str) -> Array:
    array = np.asarray(given)
    try:
        if array.dtype.kind not in "fiubO":
            raise TypeError(f"they are of type {array.dtype}")
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} is not made of real numbers: {error}.") from error
