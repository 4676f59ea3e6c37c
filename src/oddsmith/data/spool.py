"""A column cache on disk: raw rows in blocks of one length, uncompressed, mapped to be read.

One file for each kind of array (numbers, codes, labels, weight, offset); in a file block after
block, in a block column after column. A block is mapped for as long as someone uses it, so that a
pass over any number of rows needs the memory of a few blocks.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.loss import Labels
from oddsmith.data.memory import MemoryBlocks
from oddsmith.data.raw_rows import Layout, RawRows, joined, rows_size
from oddsmith.data.row_encoder import RowEncoder, Taken
from oddsmith.errors import DataError, ParameterError

__all__ = ["RowBlocks", "Spool", "SpoolWriter", "bytes_a_row"]

# Entries of an encoded block: 16 megabytes as float64.
_ENTRIES = 2**21
_FEWEST_ROWS = 64


def bytes_a_row(layout: Layout) -> int:
    """Bytes that a row takes in a cache."""
    return sum(width * kind.itemsize for width, kind in _files(layout).values())


def _files(layout: Layout) -> dict[str, tuple[int, np.dtype[Any]]]:
    """Columns and type of the arrays, by name."""
    found = {
        "numbers": (len(layout.numbers), np.dtype(layout.dtype)),
        "codes": (len(layout.categories), np.dtype(np.int32)),
        "labels": (1, np.dtype(np.int32)),
    }
    if layout.weight is not None:
        found["weight"] = (1, np.dtype(np.float64))
    if layout.offset is not None:
        found["offset"] = (1, np.dtype(np.float64))
    return found


class SpoolWriter:
    """Writes blocks of raw rows into a folder; use it as a context manager.

    Parameters
    ----------
    folder : Path
    layout : Layout
    n_rows : int
        Rows that are there already; what comes after them is cut off.
    """

    def __init__(self, folder: Path, layout: Layout, n_rows: int = 0) -> None:
        self.folder = folder
        self.layout = layout
        self.n_rows = n_rows
        self._files: dict[str, BinaryIO] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for name, (width, kind) in _files(self.layout).items():
            path = self.folder / f"{name}.bin"
            mode = "r+b" if self.n_rows else "wb"
            file = self._open.enter_context(path.open(mode, buffering=0))
            file.truncate(self.n_rows * width * kind.itemsize)
            file.seek(0, os.SEEK_END)
            self._files[name] = file
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def add(self, rows: RawRows) -> None:
        """Write a block; all but the last have `layout.rows` rows.

        Raises
        ------
        DataError
            If the disk is full, or cannot be written.
        """
        try:
            for name, own in rows.arrays().items():
                left = memoryview(np.ascontiguousarray(own).reshape(-1).view(np.uint8))  # type: ignore[arg-type]
                while left:
                    left = left[self._files[name].write(left) :]
        except OSError as error:
            why = error.strerror or str(error)
            raise DataError(
                f"{self.folder}: the column cache cannot be written ({why}); name a folder on a "
                "disk with room, or go without one: cache=False"
            ) from None
        self.n_rows += len(rows)

    def done(self) -> "Spool":
        """Spool of what was written."""
        return Spool(self.folder, self.layout, self.n_rows)


@dataclass(frozen=True, slots=True)
class Spool:
    """A column cache that is complete.

    Attributes
    ----------
    folder : Path
    layout : Layout
    n_rows : int
    """

    folder: Path
    layout: Layout
    n_rows: int

    def __len__(self) -> int:
        return -(-self.n_rows // self.layout.rows)

    def __getitem__(self, index: int) -> RawRows:
        first = index * self.layout.rows
        n = min(self.layout.rows, self.n_rows - first)
        found: dict[str, Any] = dict.fromkeys(("weight", "offset"))
        for name, (width, kind) in _files(self.layout).items():
            shape = (n,) if name in ("labels", "weight", "offset") else (width, n)
            if width == 0:
                found[name] = np.empty(shape, kind)
                continue
            place = first * width * kind.itemsize
            path = self.folder / f"{name}.bin"
            found[name] = np.memmap(path, kind, "r", place, shape).view(np.ndarray)
        return RawRows(**found)

    def __iter__(self) -> Iterator[RawRows]:
        return (self[index] for index in range(len(self)))

    @property
    def whole(self) -> bool:
        """Whether the files are as long as they were."""
        return self._as_long(exactly=True)

    @property
    def there(self) -> bool:
        """Whether the files have all of the rows, and perhaps more."""
        return self._as_long(exactly=False)

    def _as_long(self, *, exactly: bool) -> bool:
        try:
            for name, (width, kind) in _files(self.layout).items():
                wanted = width * kind.itemsize * self.n_rows
                size = (self.folder / f"{name}.bin").stat().st_size
                if size < wanted or (exactly and size > wanted):
                    return False
        except OSError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class RowBlocks:
    """Raw rows that are kept, encoded block by block: what an engine folds over.

    Attributes
    ----------
    kept : Spool or tuple of RawRows
        Blocks of `length` rows, the last one shorter.
    length, n_rows : int
    encoder : RowEncoder
    taken : Taken or None
        Where rows were sampled when they were first read.
    y : integer array of shape (n_rows,), or None
        Labels, as the encoder knows them, in place of those of the rows.
    """

    kept: Spool | tuple[RawRows, ...]
    length: int
    n_rows: int
    encoder: RowEncoder
    taken: Taken | None = None
    y: Labels | None = None

    @property
    def n_features(self) -> int:
        """Columns, encoded."""
        return self.encoder.width

    @property
    def cuts(self) -> int:
        """Blocks that one of those kept is cut into, as encoded rows may be long."""
        rows = max(_FEWEST_ROWS, _ENTRIES // self.encoder.entries_a_row)
        return -(-self.length // rows)

    @property
    def _rows(self) -> int:
        return -(-self.length // self.cuts)

    def __len__(self) -> int:
        whole, rest = divmod(self.n_rows, self.length)
        return max(1, whole * self.cuts + -(-rest // self._rows))

    def __getitem__(self, index: int) -> Block:
        place, cut = divmod(index, self.cuts)
        rows = self._raw(place)
        if self.cuts > 1:
            rows = rows.take(slice(cut * self._rows, (cut + 1) * self._rows))
        return self.encoder(rows)

    def _raw(self, place: int) -> RawRows:
        rows = self.kept[place]
        if self.y is None:
            return rows
        first = place * self.length
        return replace(rows, labels=self.y[first : first + len(rows)])

    def labels(self) -> Labels:
        """Class of every row, of shape (n_rows,), those of weight 0 too."""
        none = np.empty(0, dtype=np.int32)
        return np.concatenate([none, *(self.encoder.labels(rows) for rows in self.kept)])

    def with_labels(self, y: Labels, n_labels: int) -> "RowBlocks":
        """Give the same rows labels that carry more than the class: class + K * copy."""
        own = y.astype(np.int32, copy=False)
        return replace(self, encoder=self.encoder.as_labelled(n_labels), taken=None, y=own)

    def joined(self, run: range) -> Iterator[Block]:
        """Consecutive blocks, which are long enough as they are."""
        return (self[index] for index in run)

    def sample(self, stride: int) -> MemoryBlocks:
        """Every k-th row; see `Taken`."""
        if self.taken is None:
            raise ParameterError("no rows of these were sampled; use another solver.")
        return self.taken(stride)

    def __sizeof__(self) -> int:
        return 0 if isinstance(self.kept, Spool) else rows_size(self.kept)

    def every(self, first: int, stride: int) -> Block | None:
        """Rows first, first + stride, ... in arrays of their own; None if there is none."""
        starts = range(0, self.n_rows, self.length)
        found = [
            self._raw(place).take(slice((first - start) % stride, None, stride))
            for place, start in enumerate(starts)
        ]
        found = [rows for rows in found if len(rows)]
        return self.encoder.every_row(joined(found)) if found else None
