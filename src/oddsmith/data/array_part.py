"""A part of a cluster's array: rows as they are, without a copy, and what it reports of them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.columns import Columns
from oddsmith.core.labels import Label, listed
from oddsmith.core.parts import Part
from oddsmith.core.stable import Array
from oddsmith.data.content import add_content, size_of
from oddsmith.data.memory import MemoryBlocks, memory_blocks
from oddsmith.data.table_part import refuse_other_rows
from oddsmith.errors import DataError

__all__ = ["ArrayPart", "ArrayReport", "EncodeArray", "PackArray", "array_report", "coded"]

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
# A column of labels with more different values holds no classes.
_MOST_LABELS = 4096


@dataclass(frozen=True, slots=True)
class ArrayReport:
    """What parts tell of their rows; it adds, in the order of the parts.

    Attributes
    ----------
    counts : tuple of int
        Rows of each part.
    digests : tuple of str
        Of each part's content.
    weight : dict of label to float
        Of the rows with each label.
    columns : Columns or None
        Where the columns lie; None where there is no row.
    entries : int
        Entries that are stored, of sparse rows.
    sparse : bool
        Whether some part is sparse.
    """

    counts: tuple[int, ...]
    digests: tuple[str, ...]
    weight: dict[Label, float]
    columns: Columns | None
    entries: int
    sparse: bool

    def __add__(self, other: Self) -> "ArrayReport":
        weight = dict(self.weight)
        for label, more in other.weight.items():
            weight[label] = weight.get(label, 0.0) + more
        columns = self.columns
        if other.columns is not None:
            columns = other.columns if columns is None else columns + other.columns
        return ArrayReport(
            self.counts + other.counts,
            self.digests + other.digests,
            weight,
            columns,
            self.entries + other.entries,
            self.sparse or other.sparse,
        )


@dataclass(frozen=True, slots=True)
class ArrayPart:
    """Rows of a part.

    Attributes
    ----------
    X : ndarray or CSR array of shape (n, p)
    labels : array of shape (n,)
    weight : array of shape (n,), or None
    offset : array of shape (n,) or (n, K), or None
    report : ArrayReport
        Of this part alone.
    """

    X: Any
    labels: np.ndarray[Any, Any]
    weight: Array | None
    offset: Array | None
    report: ArrayReport

    def __sizeof__(self) -> int:
        return size_of(self.X, self.labels, self.weight, self.offset)


@dataclass(frozen=True, slots=True)
class PackArray:
    """Checks a part: from (X, y, weight, offset) to an `ArrayPart`, without a copy of floats.

    Attributes
    ----------
    statistics : callable
        Kernel of the columns' statistics.
    n_features : int
    """

    statistics: Callable[[Block], Columns]
    n_features: int

    def __call__(self, part: Part) -> ArrayPart:
        """Check a part.

        Raises
        ------
        DataError
            If a row cannot be used; the message names the part and its row.
        """
        where = f"partition {part.number}"
        given, y, weight, offset = part.rows
        X = _matrix(given, where, self.n_features)
        n = X.shape[0]
        labels = _per_row(y, n, "y", where)
        if weight is not None:
            weight = _floats(_per_row(weight, n, "sample_weight", where), "sample_weight", where)
            _refuse(~(weight >= 0), "sample_weight is no number from 0 up", where)
        if offset is not None:
            offset = _floats(_per_row(offset, n, "offset", where), "offset", where)
        report = self._report(X, labels, weight, offset, where)
        return ArrayPart(X, labels, weight, offset, report)

    def _report(
        self, X: Any, labels: Any, weight: Array | None, offset: Array | None, where: str
    ) -> ArrayReport:
        n = X.shape[0]
        if not n:
            return ArrayReport((0,), ("",), {}, None, 0, False)
        rows = memory_blocks(X, np.zeros(n, np.int8), weight)
        columns = _total([self.statistics(rows[k]) for k in range(len(rows))])
        # Rows of no weight say nothing, whatever they hold.
        if columns.weight > 0 and not columns.finite:
            raise _named(X, where)
        own, place = _labels(labels, where)
        if own.size > _MOST_LABELS:
            raise DataError(
                f"{where} of y holds more than {_MOST_LABELS} different values, so it has no "
                "classes; give labels, or cut it into classes"
            )
        sums = np.bincount(place, weight, minlength=own.size)
        weights = dict(zip(own.tolist(), map(float, sums.tolist()), strict=True))
        digest = hashlib.sha256(repr((X.shape, sorted(map(repr, weights.items())))).encode())
        for numbers in (columns.mean, columns.spread, columns.low, columns.high):
            digest.update(np.ascontiguousarray(numbers).tobytes())
        add_content(digest, X, place, weight, offset)
        return ArrayReport(
            (n,),
            (digest.hexdigest()[:32],),
            weights,
            columns,
            int(getattr(X, "nnz", 0)),
            hasattr(X, "tocsr"),
        )


def array_report(part: Part, threads: int) -> ArrayReport:
    """Report of a part that is packed, a kernel to fold."""
    return part.rows.report


def coded(labels: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Different labels in order, and the place of each row's among them.

    Parameters
    ----------
    labels : array of shape (n,)

    Returns
    -------
    values : array of shape (K,)
    places : integer array of shape (n,)

    Examples
    --------
    >>> coded(np.array([7, -1, 7, 3]))
    (array([-1,  3,  7]), array([2, 0, 2, 1]))
    >>> coded(np.array(["no", "yes", "no"]))[1]
    array([0, 1, 0])
    """
    kind = labels.dtype
    if labels.size and (kind.kind in "bi" or (kind.kind == "u" and kind.itemsize < 8)):
        low, high = int(labels.min()), int(labels.max())
        if high - low <= _MOST_LABELS:
            # Counting takes a sixth of the time of a sort, which would be a third of a pass.
            above = np.subtract(labels, low, dtype=np.int64)
            there = np.bincount(above) > 0
            values = (np.flatnonzero(there) + low).astype(kind)
            return values, (np.cumsum(there) - 1)[above]
    values, places = np.unique(labels, return_inverse=True)
    return values, places.ravel()


def _total(found: list[Columns]) -> Columns:
    first, *others = found
    for other in others:
        first = first + other
    return first


def _matrix(given: Any, where: str, n_features: int) -> Any:
    X = given
    if hasattr(X, "tocsr"):
        X = X.tocsr()
    elif not isinstance(X, np.ndarray):
        X = np.asarray(X)
    if X.ndim != 2 or X.shape[1] != n_features:
        raise DataError(f"{where} of X has shape {X.shape}; give {n_features} columns in each")
    if X.dtype not in _FLOATS:
        if X.dtype.kind not in "biuf":
            raise DataError(f"{where} of X holds {X.dtype}; make numbers of it")
        X = X.astype(np.float64)
    return X


def _per_row(values: Any, n: int, name: str, where: str) -> Any:
    found = np.asarray(values)
    if found.ndim == 2 and found.shape[1] == 1 and name == "y":
        found = found[:, 0]
    if found.ndim != 1 and name == "y":
        raise DataError(f"{where} of y has shape {found.shape}; give one label a row")
    if found.ndim != 1 and name == "sample_weight":
        raise DataError(f"{where} of sample_weight has shape {found.shape}; give one number a row")
    if found.shape[:1] != (n,):
        raise DataError(
            f"{where} of {name} has shape {found.shape}, and that of X {n} rows; cut both into the "
            "same parts"
        )
    if name == "y" and found.dtype.kind not in "biufOUST":
        raise DataError(
            f"{where} of y holds {found.dtype}; give labels: numbers, strings or booleans"
        )
    if name == "y" and found.dtype.kind == "f":
        _refuse(~np.isfinite(found), "y has no label", where)
    if name == "y" and found.dtype.kind == "O":
        lost = np.array([_is_missing(one) for one in found.tolist()], dtype=bool)
        _refuse(lost, "y has no label", where)
    return found


def _is_missing(value: Any) -> bool:
    same: Any = value == value
    return value is None or type(same).__name__ == "NAType" or not same


def _labels(labels: Any, where: str) -> tuple[Any, Any]:
    """Different labels, and the place of each row's among them."""
    try:
        return coded(labels)
    except TypeError:
        kinds = sorted({type(value).__name__ for value in labels.tolist()})
        raise DataError(
            f"{where} of y mixes {listed(kinds)}; make labels all of one kind"
        ) from None


def _floats(values: Any, name: str, where: str) -> Array:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{where} of {name} holds {values.dtype}; give numbers")
    found = values.astype(np.float64, copy=False)
    bad = ~np.isfinite(found)
    _refuse(bad.any(axis=1) if bad.ndim > 1 else bad, f"{name} is no finite number", where)
    return found


def _refuse(bad: Any, what: str, where: str) -> None:
    if bad.any():
        raise DataError(
            f"{where}, row {int(np.argmax(bad))} (from 0): {what}; mend it, or drop the row"
        )


def _named(X: Any, where: str) -> DataError:
    rows = X.tocoo() if hasattr(X, "tocoo") else None
    entries = X if rows is None else rows.data
    bad = np.argwhere(~np.isfinite(entries))[0]
    row, column = bad if rows is None else (int(axis[bad[0]]) for axis in rows.coords)
    return DataError(
        f"X contains NaN or infinity: {where}, row {row} (from 0), column {column}; fill or drop "
        "such rows before the fit"
    )


@dataclass(frozen=True, slots=True)
class EncodeArray:
    """Makes blocks of the rows of a part: from an `ArrayPart` to `MemoryBlocks`.

    Attributes
    ----------
    labels : tuple
        Classes.
    margins : int
        Margins a row.
    factors : array of shape (K,), or None
        Multiplies the weight of the rows of each class.
    digests : tuple of str
        What each part's content was when the classes were learned.
    """

    labels: tuple[Label, ...]
    margins: int
    factors: Array | None
    digests: tuple[str, ...]

    def __call__(self, part: Part) -> MemoryBlocks:
        """Encode a part.

        Raises
        ------
        DataError
            If it was made again, as a machine was lost, and has other rows now, or its offset has
            another shape than the classes ask for.
        """
        own: ArrayPart = part.rows
        refuse_other_rows(part.number, own.report.digests[0], self.digests)
        self._refuse_shape(own.offset, part.number)
        place = {label: k for k, label in enumerate(self.labels)}
        names, codes = coded(own.labels)
        kind = np.int8 if len(self.labels) < 127 else np.int32
        y = np.array([place.get(label, 0) for label in names.tolist()], kind)[codes]
        weight = own.weight
        if self.factors is not None:
            weight = self.factors[y] * (1.0 if weight is None else weight)
        return memory_blocks(own.X, y, weight, own.offset, self.margins)

    def _refuse_shape(self, offset: Array | None, number: int) -> None:
        K = self.margins
        if offset is not None and offset.shape[1:] != (() if K == 1 else (K,)):
            wanted = "one number a row" if K == 1 else f"{K} numbers a row, one for each class"
            raise DataError(f"partition {number} of offset has shape {offset.shape}; give {wanted}")
