"""Rows are kept as they come: in memory where they are few, else on disk, or nowhere."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from oddsmith.data.raw_rows import Cutter, Layout, RawRows
from oddsmith.data.spool import Spool, SpoolWriter, bytes_a_row

__all__ = ["Keeper", "Kept"]


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the rows of a first pass go.

    Attributes
    ----------
    folder : Path or None
        Of the cache on disk; None keeps nothing.
    in_memory : int
        Bytes up to which rows are kept in memory instead.
    """

    folder: Path | None
    in_memory: int

    @property
    def beside(self) -> "Kept":
        """The same for rows that are held out."""
        return Kept(None if self.folder is None else self.folder / "held-out", self.in_memory)


class Keeper:
    """Keeps rows in blocks: in memory until they are too many, and then on disk."""

    def __init__(self, layout: Layout, kept: Kept) -> None:
        self.n_rows = 0
        self._layout, self._kept = layout, kept
        self._cutter = Cutter(layout.rows)
        self._blocks: list[RawRows] = []
        self._writer: SpoolWriter | None = None
        self._too_many = False

    def go_on(self, n_rows: int, waiting: RawRows | None) -> None:
        """Go on as another keeper did, whose rows are in our folder."""
        self.n_rows = n_rows
        if n_rows and self._kept.folder is not None:
            self._too_many = True
            self._writer = SpoolWriter(self._kept.folder, self._layout, n_rows).__enter__()
        if waiting is not None:
            self.add(waiting)

    @property
    def waiting(self) -> RawRows | None:
        """Rows that are not a whole block yet."""
        return self._cutter.waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.__exit__(*error)

    def add(self, part: RawRows, also: Callable[[RawRows], None] | None = None) -> None:
        """Add rows; every whole block is given to `also`, too."""
        self._put(self._cutter.add(part), also)

    def end(self, also: Callable[[RawRows], None] | None = None) -> None:
        """Put away what is left."""
        self._put(self._cutter.rest(), also)

    def _put(self, blocks: Iterator[RawRows], also: Callable[[RawRows], None] | None) -> None:
        for block in blocks:
            if also is not None:
                also(block)
            self.n_rows += len(block)
            self._keep(block)

    def _keep(self, block: RawRows) -> None:
        if self._writer is not None:
            self._writer.add(block)
            return
        if not self._too_many:
            self._blocks.append(block)
        if self.n_rows * bytes_a_row(self._layout) <= self._kept.in_memory:
            return
        self._too_many = True
        if self._kept.folder is not None:
            self._kept.folder.mkdir(exist_ok=True)
            self._writer = SpoolWriter(self._kept.folder, self._layout).__enter__()
            for own in self._blocks:
                self._writer.add(own)
        self._blocks = []

    def kept(self) -> Spool | tuple[RawRows, ...] | None:
        """Rows in blocks; None if they were too many, and there was no folder."""
        if self._writer is not None:
            return self._writer.done()
        return None if self._too_many else tuple(self._blocks)
