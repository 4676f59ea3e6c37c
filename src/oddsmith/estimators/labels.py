"""Labels become class indices once, at the door, in time linear in the rows wherever it can be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from oddsmith.core.loss import Labels
from oddsmith.errors import DataError

__all__ = ["Encoded", "encode_labels", "encode_quickly", "known_classes", "known_index"]

# Rows looked at together: what is made of them stays in cache, whatever the labels are.
_ROWS = 2**16
# Beyond as many classes nothing is gained over sorting all labels.
_MOST_CLASSES = 4096
# Whole numbers in a float, and so the ones that count as labels, are exact up to here.
_EXACT = 2**53


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
    """Class indices of labels of any sortable kind, after scikit-learn's checks of them.

    Raises
    ------
    DataError
        If there are not at least two classes.
    ValueError
        If y holds numbers to predict rather than classes.

    Examples
    --------
    >>> encode_labels(np.array(["b", "a", "b"])).index
    array([1, 0, 1], dtype=int8)
    """
    quick = encode_quickly(y)
    if quick is not None:
        return quick
    check_classification_targets(y)
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
    return Encoded(classes, index.astype(_index_type(classes.size)))


def encode_quickly(y: np.ndarray[Any, Any]) -> Encoded | None:
    """Class indices without a sort of y or a copy of it; None where y needs a closer look.

    What it returns is what `numpy.unique` would say, of labels in which scikit-learn finds
    nothing to refuse or to warn of.

    Parameters
    ----------
    y : array of shape (n,)

    Examples
    --------
    >>> encode_quickly(np.array([-1, 1, 1]))
    Encoded(classes=array([-1,  1]), index=array([0, 1, 1], dtype=int8))
    >>> encode_quickly(np.array([0.1, 0.7, 0.2])) is None
    True
    """
    if y.size < 2:
        return None
    kind = y.dtype.kind
    if kind == "b":
        encoded = Encoded(np.array([False, True]), y.astype(np.int8))
        encoded = encoded if y.any() and not y.all() else None
    elif kind in "iuf":
        encoded = _of_numbers(y)
    elif kind == "U":
        encoded = _by_search(y)
    else:
        encoded = _of_texts(y) if kind == "O" else None
    # One class is an error, and where most rows have their own scikit-learn warns.
    if encoded is None or not 2 <= encoded.classes.size <= max(2, y.size // 2):
        return None
    return encoded


def _of_numbers(y: np.ndarray[Any, Any]) -> Encoded | None:
    low, high = y.min(), y.max()
    whole = y.dtype.kind != "f"
    if not whole and not (float(low) >= -_EXACT and float(high) <= _EXACT):
        return None  # or NaN
    span = int(high) - int(low)
    if whole and span == 1:
        return Encoded(np.array([low, high]), (y == high).view(np.int8))
    if span < min(_ROWS, max(256, y.size)):
        return _by_table(y, low, span)
    return _by_search(y) if whole else None


def _by_table(y: np.ndarray[Any, Any], low: Any, span: int) -> Encoded | None:
    """Encode whole numbers from low to low + span; None if a number is not whole."""
    seen = np.zeros(span + 1, dtype=bool)
    for rows in _chunks(y):
        steps = _steps(rows, low)
        if y.dtype.kind == "f" and (steps + int(low) != rows).any():
            return None
        seen |= np.bincount(steps, minlength=span + 1) > 0
    found = np.flatnonzero(seen)
    place = np.zeros(span + 1, dtype=_index_type(found.size))
    place[found] = np.arange(found.size)
    index = np.empty(y.size, dtype=place.dtype)
    for rows, out in zip(_chunks(y), _chunks(index), strict=True):
        np.take(place, _steps(rows, low), out=out)
    unsigned = y.dtype.kind == "u"  # of which the largest are beyond the signed ones
    classes = low + found.astype(y.dtype) if unsigned else (found + int(low)).astype(y.dtype)
    return Encoded(classes, index)


def _steps(rows: np.ndarray[Any, Any], low: Any) -> np.ndarray[Any, Any]:
    """How far whole numbers are from the lowest, without overflow in their own type."""
    steps = rows - low if rows.dtype.kind == "u" else rows.astype(np.int64) - int(low)
    return steps.astype(np.intp, copy=False)


def _by_search(y: np.ndarray[Any, Any]) -> Encoded | None:
    """Encode labels of a type that compares fast; None if there are very many classes."""
    classes = np.unique(y[:_ROWS])
    for rows in _chunks(y):
        known = _search(classes, rows)[1]
        if not known.all():
            classes = np.union1d(classes, rows[~known])
        if classes.size > _MOST_CLASSES:
            return None
    index = np.empty(y.size, dtype=_index_type(classes.size))
    for rows, out in zip(_chunks(y), _chunks(index), strict=True):
        out[...] = _search(classes, rows)[0]
    return Encoded(classes, index)


def _search(classes: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """Where labels are among the classes, and whether they are there at all."""
    place = np.minimum(np.searchsorted(classes, rows), classes.size - 1)
    return place, classes[place] == rows


def _of_texts(y: np.ndarray[Any, Any]) -> Encoded | None:
    """Encode Python strings, as data frames hold them; None if anything is not one."""
    found: set[Any] = set()
    try:
        for rows in _chunks(y):
            found.update(rows.tolist())
            if len(found) > _MOST_CLASSES:
                return None
    except TypeError:  # what has no hash is no string
        return None
    if not all(isinstance(label, str) for label in found):
        return None
    classes = sorted(found)
    code = {label: number for number, label in enumerate(classes)}
    index = np.empty(y.size, dtype=_index_type(len(classes)))
    for rows, out in zip(_chunks(y), _chunks(index), strict=True):
        out[...] = [code[label] for label in rows.tolist()]
    return Encoded(np.array(classes, dtype=object), index)


def _chunks(array: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    return (array[start : start + _ROWS] for start in range(0, array.size, _ROWS))


def _index_type(n_classes: int) -> type[np.integer[Any]]:
    return np.int8 if n_classes <= 127 else np.int32


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
    index = np.empty(n, dtype=np.int32)
    for start, out in zip(range(0, n, _ROWS), _chunks(index), strict=True):
        rows = labels[start : start + _ROWS]
        if rows.dtype.kind == classes.dtype.kind and rows.dtype.kind in "biufU":
            out[...], known = _search(classes, rows)
        else:
            known = np.isin(rows, classes)
            out[...] = np.searchsorted(classes, rows) if known.all() else 0
        if not known.all():
            row = int(np.argmin(known))
            raise DataError(
                f"{whose} holds the label {rows.tolist()[row]!r} in row {start + row} (from 0), "
                f"which {where} lacks; its labels are such as {classes.tolist()[0]!r}."
            )
    return index
