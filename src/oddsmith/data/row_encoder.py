"""From raw rows to a block: every category's code looked up once, what is plain passed through."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.encoding import ColumnEncoding, Part, Unseen
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import Column, Indices, objects
from oddsmith.core.table_encoding import TableEncoding, assembled
from oddsmith.data.memory import MemoryBlocks, memory_blocks
from oddsmith.data.raw_rows import Layout, RawRows

__all__ = ["RowEncoder", "Taken"]

# Place of a level that the fit has not seen.
_UNSEEN = -2


class RowEncoder:
    """Turns raw rows into blocks; nothing changes after it is made.

    Parameters
    ----------
    layout : Layout
    encoding : TableEncoding
    levels : dict of column name to list
        Level of each code.
    classes : int array
        Class of each code of the outcome.
    width : int
        Margins a row.
    factors : array of shape (K,), optional
        Multiplies the weight of the rows of each class.
    """

    def __init__(
        self,
        layout: Layout,
        encoding: TableEncoding,
        levels: Mapping[str, Sequence[Any]],
        classes: Indices,
        width: int = 1,
        factors: Array | None = None,
    ) -> None:
        self._factors = factors
        self._levels = levels
        self.encoding = encoding
        self.margins = width
        self._classes = classes.astype(np.int8 if classes.max(initial=0) < 127 else np.int32)
        self._numbers = {name: place for place, name in enumerate(layout.numbers)}
        self._categories = {name: place for place, name in enumerate(layout.categories)}
        self._places = {
            one.name: _places(one, levels[one.name], encoding.unseen)
            for one in encoding.columns
            if one.kind == "category"
        }
        order = [self._numbers.get(one.name) for one in encoding.columns]
        self.as_stored = order == list(range(len(layout.numbers))) and all(
            one.width == 1 and one.n_missing == 0 for one in encoding.columns
        )

    @property
    def width(self) -> int:
        """Encoded columns."""
        return self.encoding.width

    def labels(self, rows: RawRows) -> Indices:
        """Class of each row, of shape (n,)."""
        return self._classes[rows.labels]

    def as_labelled(self, n_labels: int) -> "RowEncoder":
        """Make an encoder of the same rows whose labels are class + K * copy, as they stand."""
        other = copy.copy(self)
        other._classes = np.arange(n_labels, dtype=np.int32)
        if self._factors is not None:
            other._factors = np.tile(self._factors, n_labels // self._factors.size)
        return other

    @property
    def identity(self) -> dict[str, Any]:
        """All that says what becomes of rows: other encoders of the same rows have another."""
        columns = self.encoding.columns
        return {
            "names": self.encoding.names(),
            "means": [one.mean for one in columns],
            "places": list(self._places.items()),
            "sparse": self.encoding.sparse,
            "classes": self._classes,
            "margins": self.margins,
            "factors": self._factors,
        }

    @property
    def entries_a_row(self) -> int:
        """Numbers of an encoded row that are stored, and a few more for its margins."""
        columns = self.encoding.columns
        stored = 2 * sum(one.n_parts for one in columns) if self.encoding.sparse else self.width
        return stored + self.margins

    def known(self, rows: RawRows) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which rows have no level and no gap that the fit has not seen, of shape (n,)."""
        found = np.ones(len(rows), dtype=bool)
        for one in self.encoding.columns:
            if one.kind == "category":
                codes = rows.codes[self._categories[one.name]]
                found &= self._places[one.name][codes] != _UNSEEN
            elif one.mean is None:
                found &= ~np.isnan(rows.numbers[self._numbers[one.name]])
        return found

    def columns(self, rows: RawRows) -> list[Column]:
        """Columns of rows as they are before they are encoded, in the order of the encoding."""
        return [self._column(one, rows) for one in self.encoding.columns]

    def bounds(self, rows: RawRows) -> tuple[Array, Array]:
        """Least and greatest value of each of these columns; NaN for categories, or if none is."""
        low, high = np.full((2, len(self.encoding.columns)), np.nan)
        for place, one in enumerate(self.encoding.columns):
            if one.kind != "category":
                values = rows.numbers[self._numbers[one.name]]
                low[place] = np.fmin.reduce(values, initial=np.nan)
                high[place] = np.fmax.reduce(values, initial=np.nan)
        return low, high

    def _column(self, one: ColumnEncoding, rows: RawRows) -> Column:
        none = np.empty(0, np.intp)
        if one.kind != "category":
            values = rows.numbers[self._numbers[one.name]].astype(np.float64)
            return Column(one.name, one.kind, values, none, objects([]))
        codes = rows.codes[self._categories[one.name]]
        there = np.unique(codes[codes >= 0]).tolist()
        known = self._levels[one.name]
        there.sort(key=known.__getitem__)
        places = dict(zip(there, range(len(there)), strict=True))
        own = np.array([places.get(code, -1) for code in codes.tolist()], np.intp)
        levels = objects([known[code] for code in there])
        return Column(one.name, "category", np.empty(0), own, levels)

    def __call__(self, rows: RawRows) -> Block:
        """Block of rows; those of weight 0 are left out, but one stays, as none is no block."""
        if rows.weight is not None and not rows.weight.all():
            counted = np.flatnonzero(rows.weight)
            rows = rows.take(counted if counted.size else slice(0, 1))
        return self.every_row(rows)

    def every_row(self, rows: RawRows) -> Block:
        """Block of rows, those of weight 0 too: of a sample, whose rows are counted."""
        n = len(rows)
        X = rows.numbers.T if self.as_stored else self._encoded(rows)
        shape = (n,) if self.margins == 1 else (n, self.margins)
        y = self._classes[rows.labels]
        weight = np.broadcast_to(1.0, n) if rows.weight is None else rows.weight
        if self._factors is not None:
            weight = weight * self._factors[y]
        offset = np.broadcast_to(0.0, shape) if rows.offset is None else rows.offset
        return Block(X, y, weight, offset)

    def _encoded(self, rows: RawRows) -> Any:
        parts: list[Part] = []
        start = 0
        for one in self.encoding.columns:
            if one.kind == "category":
                own = self._places[one.name][rows.codes[self._categories[one.name]]]
                parts.append(Part(np.where(own < 0, -1, own + start), None))
            else:
                column = self._column(one, rows)
                parts += [part.moved(start) for part in one.parts(column, "refuse")]
            start += one.width
        return assembled(parts, len(rows), start, sparse=self.encoding.sparse)


@dataclass(frozen=True, slots=True)
class Taken:
    """A part of the rows, taken when they were first read.

    Attributes
    ----------
    rows : RawRows
        Every `stride`-th row.
    stride : int
    encoder : RowEncoder
    """

    rows: RawRows
    stride: int
    encoder: RowEncoder

    def __call__(self, stride: int) -> MemoryBlocks:
        """Every k-th row of all, with k the last multiple of our stride that is not above it."""
        every = max(1, stride // self.stride)
        block = self.encoder.every_row(self.rows.take(slice(None, None, every)))
        X = block.X if hasattr(block.X, "tocsr") else np.ascontiguousarray(block.X)
        return memory_blocks(X, block.y, block.weight, block.offset, self.encoder.margins)


def _places(one: ColumnEncoding, levels: Sequence[Any], unseen: Unseen) -> Indices:
    """Place of each code among the encoded columns, and last of a missing value."""
    known = dict(zip(one.levels.tolist(), one.places.tolist(), strict=True))
    new = one.pooled_at if unseen == "pool" and one.pooled_at is not None else _UNSEEN
    missing = _UNSEEN if one.missing_at is None else one.missing_at
    return np.array([*(known.get(level, new) for level in levels), missing], dtype=np.int64)
