"""The door: a user's arrays become rows that the house can trust, or an error that names them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from oddsmith.core.labels import column_name, quoted
from oddsmith.core.loss import Labels
from oddsmith.core.stable import Array
from oddsmith.errors import DataError, ParameterError

__all__ = [
    "Encoded",
    "encode_labels",
    "in_range",
    "known_classes",
    "known_index",
    "name_bad_entry",
    "name_text_column",
    "row_offset",
    "row_weights",
]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Labels as class indices, encoded once.

    Attributes
    ----------
    classes : array of shape (K,)
        Sorted; the positive class of two is the second.
    index : integer array of shape (n,)
    """

    classes: np.ndarray[Any, Any]
    index: Labels


def encode_labels(y: np.ndarray[Any, Any]) -> Encoded:
    """Class indices of labels of any sortable kind.

    Raises
    ------
    DataError
        If there are not at least two classes.

    Examples
    --------
    >>> encode_labels(np.array(["b", "a", "b"])).index
    array([1, 0, 1], dtype=int8)
    """
    try:
        classes, index = np.unique(y, return_inverse=True)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in y.tolist()})
        raise DataError(
            f"y mixes labels that cannot be sorted: {', '.join(kinds)}; make them all of one kind, "
            "and drop rows without a label."
        ) from error
    if classes.size < 2:
        raise DataError(
            f"y holds one class only, {classes.tolist()[0]!r}; a classifier needs rows of at "
            "least two classes."
        )
    small = np.int8 if classes.size <= 127 else np.int32
    return Encoded(classes, index.astype(small))


def known_classes(classes: Any, before: np.ndarray[Any, Any] | None) -> np.ndarray[Any, Any]:
    """Classes of rows that come in parts: those of the first call.

    Parameters
    ----------
    classes : array-like of shape (K,), or None
    before : array of shape (K,), or None
        Those of the calls before.

    Raises
    ------
    DataError
        If there are none, fewer than two, or others than before.

    Examples
    --------
    >>> known_classes(["no", "yes"], None).tolist()
    ['no', 'yes']
    """
    if classes is None:
        if before is None:
            raise DataError(
                "the first call of partial_fit needs classes, all labels that will ever come: "
                "partial_fit(X, y, classes=[...])."
            )
        return before
    given = np.unique(np.asarray(classes))
    if before is not None and not np.array_equal(given, before):
        raise DataError(
            f"classes={given.tolist()} are not those of the first call, {before.tolist()}; leave "
            "them out, or fit a new estimator."
        )
    if given.size < 2:
        raise DataError(f"classes={given.tolist()} are fewer than two.")
    return given


def known_index(y: Any, classes: np.ndarray[Any, Any], n: int, whose: str, where: str) -> Labels:
    """Class indices of labels whose classes are known already.

    Parameters
    ----------
    y : array-like of shape (n,)
    classes : array of shape (K,)
        Sorted.
    n : int
        Rows of X.
    whose, where : str
        How a message calls y, and the place of the classes.

    Raises
    ------
    DataError
        If there are not n labels, or one that is not among the classes.

    Examples
    --------
    >>> known_index(["b", "a"], np.array(["a", "b"]), 2, "y", "classes")
    array([1, 0], dtype=int32)
    """
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise DataError(f"{whose} has shape {labels.shape}, and its X has {n} rows.")
    known = np.isin(labels, classes)
    if not known.all():
        row = int(np.argmin(known))
        raise DataError(
            f"{whose} holds the label {labels[row].item()!r} in row {row} (from 0), "
            f"which {where} lacks."
        )
    return np.searchsorted(classes, labels).astype(np.int32)


def _numbers(given: Any, name: str) -> Array:
    """Argument as floats, or an error that names it."""
    array = np.asarray(given)
    if array.dtype.kind not in "fiub":
        try:
            if array.dtype.kind == "c":
                raise TypeError("complex numbers")
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"{name} is not made of real numbers: {error}.") from error
    return array.astype(np.float64)


def row_weights(
    sample_weight: Any,
    class_weight: Any,
    y: np.ndarray[Any, Any],
    encoded: Encoded,
    *,
    all_classes: bool = True,
) -> Array | None:
    """Weight of each row, of shape (n,), or None if every row counts once.

    Parameters
    ----------
    sample_weight : array-like of shape (n,), number, or None
    class_weight : dict of label to weight, "balanced", or None
    y : array of shape (n,)
    encoded : Encoded
    all_classes : bool
        Whether each class must have weight, or only some row.

    Raises
    ------
    DataError
        If a weight is negative or not finite, or a class that must have weight has none.
    """
    n = encoded.index.size
    if sample_weight is None and class_weight is None:
        return None
    weight = np.ones(n)
    if sample_weight is not None:
        given = _numbers(sample_weight, "sample_weight")
        if given.ndim > 1 or (given.ndim == 1 and given.size != n):
            raise DataError(
                f"sample_weight has shape {given.shape}; give one number per row, shape ({n},)."
            )
        weight = np.broadcast_to(given, (n,))
    _check_weights(weight, "sample_weight")
    _check_classes_weigh(weight, encoded, all_classes)
    if class_weight is not None:
        weight = weight * _class_weights(class_weight, y, weight, encoded)[encoded.index]
        _check_weights(weight, "sample_weight times class_weight")
    _check_classes_weigh(weight, encoded, all_classes)
    return weight


def _class_weights(
    class_weight: Any, y: np.ndarray[Any, Any], weight: Array, encoded: Encoded
) -> Array:
    try:
        by_class = compute_class_weight(
            class_weight, classes=encoded.classes, y=y, sample_weight=weight
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


def _check_weights(weight: Array, name: str) -> None:
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if bad.size:
        raise DataError(
            f"{name} is {weight[bad[0]]} in row {bad[0]}; weights must be finite numbers that "
            "are not negative (Negative values in data passed to `sample_weight` are refused)."
        )


def _check_classes_weigh(weight: Array, encoded: Encoded, all_classes: bool) -> None:
    if not weight.any():
        raise DataError(
            "all weights in sample_weight are zero, so no row counts; give at least one row of "
            "each class a positive weight."
        )
    heaviest = np.zeros(encoded.classes.size)
    np.maximum.at(heaviest, encoded.index, weight)
    if all_classes and (heaviest == 0).any():
        label = encoded.classes[np.argmin(heaviest)].item()
        raise DataError(
            f"all rows of class {label!r} have weight 0; leave the class out of y, or give it "
            "weight."
        )


def row_offset(offset: Any, n: int, width: int) -> Array | None:
    """Offset of each row, of shape (n,) for two classes and (n, K) for K > 2.

    Raises
    ------
    DataError
        If the shape is another one, or an entry is not finite.
    """
    if offset is None:
        return None
    given = _numbers(offset, "offset")
    shape = (n,) if width == 1 else (n, width)
    if given.shape != shape:
        raise DataError(
            f"offset has shape {given.shape}; give shape {shape}, "
            + ("one number per row." if width == 1 else "one number per row and class.")
        )
    bad = np.argwhere(~np.isfinite(given))
    if bad.size:
        raise DataError(
            f"offset is {given[tuple(bad[0])]} in row {bad[0][0]}; offsets must be finite."
        )
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


def name_bad_entry(X: Any, names: Any) -> DataError | None:
    """Error that names the first entry of X that is NaN or infinite; None if all are finite."""
    entries = X.data if hasattr(X, "tocoo") else X
    for start in range(0, max(1, entries.shape[0]), 65536):
        bad = np.argwhere(~np.isfinite(entries[start : start + 65536]))
        if bad.size == 0:
            continue
        if hasattr(X, "tocoo"):
            place = X.tocoo().coords
            row, column = (int(axis[start + bad[0][0]]) for axis in place)
            value = entries[start + bad[0][0]]
        else:
            row, column = start + int(bad[0][0]), int(bad[0][1])
            value = entries[row, column]
        found = "NaN" if np.isnan(value) else "infinity"
        return DataError(
            f"X contains {found}: column {column_name(names, column)}, row {row} (from 0); fill "
            "or drop such rows before the fit (scikit-learn's SimpleImputer does, for NaN)."
        )
    return None


def name_text_column(X: Any, error: ValueError) -> DataError | None:
    """Error that names the first column that is not made of numbers; None if all are."""
    if not hasattr(X, "columns"):
        table = np.asarray(X, dtype=object)
        columns = enumerate(table.T) if table.ndim == 2 else []
    else:
        columns = ((name, np.asarray(X[name], dtype=object)) for name in X.columns)
    for name, column in columns:
        for row, entry in enumerate(column):
            try:
                float(entry)
            except (TypeError, ValueError):
                return DataError(
                    f"X is not made of numbers: column {quoted(str(name))}, row {row} (from 0) "
                    f"holds {entry!r}; encode text columns first, for example with scikit-learn's "
                    f"OneHotEncoder ({error})."
                )
    return None
