"""Rows of files as arrays, not encoded yet: numbers as they are, categories and labels as codes.

A category's code is the place of its level in the order of first appearance, which is known before
all rows are. Rows that come in batches of any length are cut into blocks of one length, so that
nothing later depends on how a file was read.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import Indices
from oddsmith.data.cells import is_missing
from oddsmith.data.content import size_of
from oddsmith.data.files import Batch
from oddsmith.errors import DataError

__all__ = [
    "Cutter",
    "Layout",
    "RawRows",
    "RowReader",
    "Vocabulary",
    "blocks_of",
    "joined",
    "rows_size",
]

# Entries of a block of rows: two megabytes of float32 and more, so that a block is worth a read.
_ENTRIES = 2**21
_FEWEST_ROWS = 64
# Whole numbers up to here are floats.
_EXACT = 2.0**53
# A label column with more different values holds no classes.
_MOST_LABELS = 4096


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a table are read as what.

    Attributes
    ----------
    numbers : tuple of str
        Columns of numbers and booleans.
    categories : tuple of str
    target : str
    weight, offset : str or None
    dtype : dtype
        float32 if all numbers are exact in it, else float64.
    """

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    target: str
    weight: str | None
    offset: str | None
    dtype: np.dtype[Any]

    @property
    def names(self) -> tuple[str, ...]:
        """All columns that are read."""
        more = (name for name in (self.target, self.weight, self.offset) if name is not None)
        return (*self.numbers, *self.categories, *more)

    @property
    def rows(self) -> int:
        """Rows of a block."""
        return max(_FEWEST_ROWS, _ENTRIES // (len(self.numbers) + len(self.categories) + 1))


@dataclass(frozen=True, slots=True)
class RawRows:
    """n consecutive rows, column by column.

    Attributes
    ----------
    numbers : float array of shape (p, n)
        NaN is missing.
    codes : int32 array of shape (c, n)
        -1 is missing.
    labels : int32 array of shape (n,)
        Codes of the outcome.
    weight, offset : float64 arrays of shape (n,), or None
    """

    numbers: Array
    codes: Indices
    labels: Indices
    weight: Array | None
    offset: Array | None

    def __len__(self) -> int:
        return self.labels.size

    def take(self, rows: Any) -> Self:
        """Take some of the rows: a slice, a mask or numbers."""
        return replace(self, **{name: own[..., rows] for name, own in self.arrays().items()})

    def arrays(self) -> dict[str, Any]:
        """Arrays that are there, by name."""
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: own for name, own in named if own is not None}

    @property
    def missing(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which rows lack a value, of shape (n,)."""
        return np.asarray(np.isnan(self.numbers).any(axis=0) | (self.codes < 0).any(axis=0))


class Vocabulary:
    """Levels of a category in the order in which they came, and the code of each.

    Attributes
    ----------
    levels : list
        Level of each code; it grows while rows are read.
    """

    def __init__(self, levels: Iterable[Any] = ()) -> None:
        self.levels = list(levels)
        self._code = {level: code for code, level in enumerate(self.levels)}

    def codes(self, column: Any) -> Indices:
        """Codes of an Arrow array of dictionary type, -1 where it is null; new levels are added."""
        import pyarrow as pa
        import pyarrow.compute as compute

        known = self._code
        own = [
            -1 if level is None else known.setdefault(level, len(known))
            for level in column.dictionary.to_pylist()
        ]
        self.levels.extend(list(known)[len(self.levels) :])
        places = compute.fill_null(column.indices.cast(pa.int32()), len(own))
        at: Any = np.from_dlpack(places)
        return np.array([*own, -1], dtype=np.int32)[at]


class RowReader:
    """Turns batches into raw rows; its vocabularies are its only state.

    Parameters
    ----------
    layout : Layout
    levels : dict of column name to list, optional
        Levels that are known already.
    """

    def __init__(self, layout: Layout, levels: Mapping[str, list[Any]] | None = None) -> None:
        known = levels or {}
        self.layout = layout
        self.vocabularies = {
            name: Vocabulary(known.get(name, ())) for name in (*layout.categories, layout.target)
        }

    @property
    def levels(self) -> dict[str, int]:
        """How many levels each column has so far."""
        return {name: len(own.levels) for name, own in self.vocabularies.items()}

    def read(self, batch: Batch) -> RawRows:
        """Rows of a batch.

        Raises
        ------
        DataError
            If a label is missing, or a weight or offset is none.
        """
        layout, n = self.layout, batch.n_rows
        numbers = np.empty((len(layout.numbers), n), layout.dtype)
        for out, name in zip(numbers, layout.numbers, strict=True):
            out[...] = _floats(batch.columns[name])
            self._refuse_rounded(batch, name, out)
        codes = np.empty((len(layout.categories), n), np.int32)
        for out, name in zip(codes, layout.categories, strict=True):
            out[...] = self.vocabularies[name].codes(batch.columns[name])
        weight, offset = (
            None if name is None else _floats(batch.columns[name]).astype(np.float64)
            for name in (layout.weight, layout.offset)
        )
        rows = RawRows(numbers, codes, self._labels(batch), weight, offset)
        self._check_weights(batch, rows)
        return rows

    def _refuse_rounded(self, batch: Batch, name: str, values: Array) -> None:
        """Raise where a whole number of 64 bits, such as an identifier, is no float."""
        column = batch.columns[name]
        if str(column.type) not in ("int64", "uint64") or not (np.abs(values) >= _EXACT).any():
            return
        whole: Any = np.from_dlpack(column.fill_null(0))
        with np.errstate(invalid="ignore"):
            bad = np.where(np.isnan(values), 0, values).astype(whole.dtype) != whole
        if bad.any():
            todo = "leave the column out if it is an identifier, or make text of it"
            raise _refusal(batch, name, bad, "holds a whole number that floats would round", todo)

    def refuse_infinite(self, batch: Batch, rows: RawRows) -> None:
        """Raise where a number is infinite: for batches whose statistics say that one may be.

        Raises
        ------
        DataError
        """
        for name, values in zip(self.layout.numbers, rows.numbers, strict=True):
            bad = np.isinf(values)
            if bad.any():
                todo = "write a finite number, or delete the row"
                raise _refusal(batch, name, bad, "is infinite", todo)

    def _labels(self, batch: Batch) -> Indices:
        import pyarrow as pa

        name = self.layout.target
        column = batch.columns[name]
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        vocabulary = self.vocabularies[name]
        codes = vocabulary.codes(column)
        if len(vocabulary.levels) > _MOST_LABELS:
            raise DataError(
                f"{batch.path}: column {quoted(name)} holds more than {_MOST_LABELS} different "
                "values, so it has no classes; name another target, or cut it into classes"
            )
        cells = batch.lines is not None
        absent = [code for code, one in enumerate(vocabulary.levels) if _is_no_label(one, cells)]
        bad = np.isin(codes, [-1, *absent])
        if bad.any():
            raise _refusal(batch, name, bad, "has no label", "fill it in, or delete the row")
        return codes

    def _check_weights(self, batch: Batch, rows: RawRows) -> None:
        for name, values, negative in (
            (self.layout.weight, rows.weight, False),
            (self.layout.offset, rows.offset, True),
        ):
            if name is None or values is None:
                continue
            bad = ~np.isfinite(values) if negative else ~(np.isfinite(values) & (values >= 0))
            if bad.any():
                what = "is no finite number" if negative else "is no number from 0 up"
                raise _refusal(batch, name, bad, what, "mend it, or delete the row")


class Cutter:
    """Cuts rows that come in parts of any length into blocks of `rows`, the last one shorter."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._waiting: list[RawRows] = []
        self._held = 0

    def add(self, part: RawRows) -> Iterator[RawRows]:
        """Blocks that are whole with this part."""
        start = 0
        while self._held + len(part) - start >= self._rows:
            end = start + self._rows - self._held
            whole = [*self._waiting, part.take(slice(start, end))]
            self._waiting, self._held, start = [], 0, end
            yield joined(whole)
        if start < len(part):
            self._waiting.append(part.take(slice(start, None)))
            self._held += len(part) - start

    @property
    def waiting(self) -> RawRows | None:
        """Rows that are not a whole block yet."""
        return joined(self._waiting) if self._waiting else None

    def rest(self) -> Iterator[RawRows]:
        """Give the last block, if rows are left."""
        if self._waiting:
            yield joined(self._waiting)
            self._waiting, self._held = [], 0


def blocks_of(parts: Iterable[RawRows], rows: int) -> Iterator[RawRows]:
    """Rows that come in parts of any length in blocks of `rows`, the last one shorter."""
    cutter = Cutter(rows)
    for part in parts:
        yield from cutter.add(part)
    yield from cutter.rest()


def rows_size(blocks: Iterable[RawRows]) -> int:
    """Bytes in memory of blocks of rows."""
    return sum(size_of(*rows.arrays().values()) for rows in blocks)


def joined(parts: list[RawRows]) -> RawRows:
    """Rows one after the other, in arrays of their own."""
    names = parts[0].arrays()
    found = {
        name: np.concatenate([part.arrays()[name] for part in parts], axis=-1) for name in names
    }
    return replace(parts[0], **found)


def _floats(column: Any) -> Any:
    """Numbers of an Arrow array, NaN where it is null; Arrow's own to_numpy would import pandas."""
    import pyarrow as pa
    import pyarrow.compute as compute

    kind = column.type
    if not pa.types.is_floating(kind) or pa.types.is_float16(kind):
        small = pa.types.is_boolean(kind) or kind.bit_width <= 16
        column = column.cast(pa.float32() if small else pa.float64(), safe=False)
    if column.null_count:
        column = compute.fill_null(column, float("nan"))
    return np.from_dlpack(column)


def _refusal(batch: Batch, name: str, bad: Any, what: str, todo: str) -> DataError:
    row = int(np.argmax(bad))
    lines = batch.lines
    place = f"row {batch.first_row + row} (from 0)" if lines is None else f"line {lines[row]}"
    return DataError(f"{batch.path}: {place}, column {quoted(name)}: {what}; {todo}")


def _is_no_label(level: Any, cell: bool) -> bool:
    """Whether a value stands for none: a cell of a CSV file by its word, a number by being none."""
    if isinstance(level, str):
        return cell and is_missing(level)
    return isinstance(level, float) and not math.isfinite(level)
