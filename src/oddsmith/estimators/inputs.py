"""What a user gives per row, weights and offsets: checked, in few passes and little memory."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from oddsmith.core.real import real_numbers
from oddsmith.core.stable import Array
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.labels import Encoded

__all__ = ["class_weights", "in_range", "refuse_rare_classes", "row_offset", "row_weights"]

# Rows looked at together, so that what is made of them stays small.
_ROWS = 2**16


def row_weights(
    sample_weight: Any,
    class_weight: Any,
    encoded: Encoded,
    *,
    all_classes: bool = True,
    name: str = "sample_weight",
) -> Array | None:
    """Weight of each row, of shape (n,), or None if every row counts once.

    Parameters
    ----------
    sample_weight : array-like of shape (n,), number, or None
    class_weight : dict of label to weight, "balanced", or None
    encoded : Encoded
    all_classes : bool
        Whether each class must have weight, or only some row.
    name : str
        How a message calls the weights.

    Raises
    ------
    DataError
        If a weight is negative or not finite, or a class that must have weight has none.

    Examples
    --------
    >>> row_weights(None, "balanced", Encoded(np.array([0, 1]), np.array([0, 1, 1, 1])))
    array([2.        , 0.66666667, 0.66666667, 0.66666667])
    """
    n = encoded.index.size
    if sample_weight is None and class_weight is None:
        return None
    weight = np.broadcast_to(1.0, n)
    if sample_weight is not None:
        given = real_numbers(sample_weight, name)
        if given.ndim > 1 or (given.ndim == 1 and given.size != n):
            raise DataError(
                f"{name} has shape {given.shape}; give one number per row, shape ({n},)."
            )
        weight = np.broadcast_to(given, n)
        _check_weights(weight, name)
        _check_classes_weigh(weight, encoded, all_classes, name)
    if class_weight is not None:
        by_class = class_weights(class_weight, weight, encoded)[encoded.index]
        weight = by_class if sample_weight is None else np.multiply(by_class, weight, out=by_class)
        _check_weights(weight, "sample_weight times class_weight")
        _check_classes_weigh(weight, encoded, all_classes, name)
    return weight


def class_weights(class_weight: Any, weight: Array, encoded: Encoded) -> Array:
    """Weight of each class, of shape (K,), for rows of these weights.

    Raises
    ------
    ParameterError
        If class_weight cannot be used.

    Examples
    --------
    >>> class_weights("balanced", np.ones(4), Encoded(np.array([0, 1]), np.array([0, 1, 1, 1])))
    array([2.        , 0.66666667])
    """
    classes = encoded.classes
    try:
        # scikit-learn sorts the labels: each class once, as heavy as its rows, says the same.
        by_class = compute_class_weight(
            class_weight,
            classes=classes,
            y=classes,
            sample_weight=_weight_by_class(weight, encoded),
        )
        by_class = np.asarray(by_class, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"class_weight={class_weight!r} cannot be used: {error}") from error
    if not (np.isfinite(by_class) & (by_class >= 0)).all():
        raise ParameterError(
            f"class_weight={class_weight!r} cannot be used; weights must be finite numbers that "
            "are not negative."
        )
    return by_class


def _weight_by_class(weight: Array, encoded: Encoded) -> Array:
    total = np.zeros(encoded.classes.size)
    for rows in _chunks(weight.size):
        total += np.bincount(encoded.index[rows], weight[rows], minlength=total.size)
    return total


def _check_weights(weight: Array, name: str) -> None:
    # NaN is neither, and is what min and max find before anything else.
    if weight.size and weight.min() >= 0 and weight.max() < math.inf:
        return
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if bad.size:
        raise DataError(
            f"{name} is {weight[bad[0]]} in row {bad[0]}; weights must be finite numbers that "
            "are not negative (Negative values in data passed to `sample_weight` are refused)."
        )


def _check_classes_weigh(weight: Array, encoded: Encoded, all_classes: bool, name: str) -> None:
    if not weight.any():
        raise DataError(
            f"all weights in {name} are zero, so no row counts; give at least one row of "
            "each class a positive weight."
        )
    if not all_classes:
        return
    weighs = np.zeros(encoded.classes.size, dtype=bool)
    for rows in _chunks(weight.size):
        weighs |= np.bincount(encoded.index[rows], weight[rows], minlength=weighs.size) > 0
        if weighs.all():
            return
    label = encoded.classes.tolist()[np.argmin(weighs)]
    raise DataError(
        f"all rows of class {label!r} have weight 0; leave the class out of y, or give it weight."
    )


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS) for start in range(0, n, _ROWS))


def row_offset(offset: Any, n: int, width: int) -> Array | None:
    """Offset of each row, of shape (n,) for two classes and (n, K) for K > 2.

    Raises
    ------
    DataError
        If the shape is another one, or an entry is not finite.
    """
    if offset is None:
        return None
    given = real_numbers(offset, "offset")
    shape = (n,) if width == 1 else (n, width)
    if given.shape != shape:
        raise DataError(
            f"offset has shape {given.shape}; give shape {shape}, "
            + ("one number per row." if width == 1 else "one number per row and class.")
        )
    for rows in _chunks(n):
        finite = np.isfinite(given[rows])
        if not finite.all():
            row, *column = np.argwhere(~finite)[0].tolist()
            found = given[(rows.start + row, *column)]
            raise DataError(f"offset is {found} in row {rows.start + row}; offsets must be finite.")
    return given


def in_range(weight: Array | None, l1: float, l2: float) -> tuple[Array | None, float, float]:
    """Bring weights near 1 by an exact power of two that the penalty shares: the same minimum.

    Examples
    --------
    >>> in_range(np.array([2.0**900]), 0.0, 1.0)[2] == 2.0**-901
    True
    """
    if weight is None:
        return None, l1, l2
    heaviest = float(weight.max())
    if 1e-100 < heaviest < 1e100:
        return weight, l1, l2
    exponent = -max(math.frexp(heaviest)[1], -900)
    return np.ldexp(weight, exponent), math.ldexp(l1, exponent), math.ldexp(l2, exponent)


def refuse_rare_classes(counts: Any, classes: Any, folds: int) -> None:
    """Raise where a class cannot be in each fold.

    Parameters
    ----------
    counts : integer array of shape (K,)
        Rows of each class.
    classes : array of shape (K,)
    folds : int

    Raises
    ------
    DataError
    """
    rarest = int(counts.argmin())
    if folds > 1 and counts[rarest] < folds:
        raise DataError(
            f"class {classes.tolist()[rarest]!r} has {counts[rarest]} rows, too few to be "
            f"in each of {folds} folds; use cv={max(2, int(counts[rarest]))} or fewer folds, or "
            "leave the class out."
        )
