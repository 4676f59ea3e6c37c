"""The first pass over files: rows are decoded, surveyed, sampled, and kept for the passes to come.

Rows are kept in memory where they are few, else in a column cache on disk, or nowhere: then each
pass decodes the files again. All that the pass found can be written down, and read again.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.columns import Columns
from oddsmith.data.files import Batch, TableFiles
from oddsmith.data.keeper import Keeper, Kept
from oddsmith.data.raw_rows import Layout, RawRows, RowReader, blocks_of
from oddsmith.data.spool import Spool
from oddsmith.data.survey import Sample, Survey, survey
from oddsmith.errors import DataError

__all__ = ["FirstPass", "Reading", "Split", "first_pass", "rows_again"]

# How often a first pass is written down, of which so much is lost at the most when it is cut short.
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Split:
    """Which rows are held out, by their number: the same ones however the files are read.

    Attributes
    ----------
    share : float
    seed : int
    """

    share: float
    seed: int

    def held(self, first: int, n: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether rows first, ..., first + n - 1 are (Steele, Lea and Flood, 2014, splitmix64).

        Examples
        --------
        >>> int(Split(0.2, 0).held(0, 100_000).sum())
        19933
        """
        z = np.arange(first, first + n, dtype=np.uint64) + np.uint64(1)
        with np.errstate(over="ignore"):
            z = z * np.uint64(0x9E3779B97F4A7C15) + np.uint64(self.seed) * np.uint64(
                0xD1B54A32D192ED03
            )
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (z ^ (z >> np.uint64(31))) < np.uint64(int(self.share * 2.0**64))


@dataclass(frozen=True, slots=True)
class FirstPass:
    """What the first pass over files found.

    Attributes
    ----------
    layout : Layout
    levels : dict of column name to list
        Level of each code, of the outcome too.
    survey : Survey
    taken : RawRows
        Every `stride`-th row.
    stride : int
    n_dropped : int
        Rows that were left out because a value is missing.
    rows : Spool, tuple of RawRows, or None
        Rows in blocks, where they are kept.
    n_held : int
        Rows that are held out.
    held : Spool, tuple of RawRows, or None
        They, where they are kept.
    """

    layout: Layout
    levels: dict[str, list[Any]]
    survey: Survey
    taken: RawRows
    stride: int
    n_dropped: int
    rows: Spool | tuple[RawRows, ...] | None
    n_held: int
    held: Spool | tuple[RawRows, ...] | None


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a first pass has come between two batches: all that it needs to go on.

    Attributes
    ----------
    n_batches, n_read, n_dropped : int
        Batches and rows that were read; rows that were left out.
    survey : Survey
    levels : dict of column name to list
    taken : RawRows or None
    stride, seen : int
        Of the sample, and how many rows it has seen.
    n_rows, n_held : int
        Rows on disk, to fit and held out.
    waiting, waiting_held : RawRows or None
        Rows that are no whole block yet.
    """

    n_batches: int
    n_read: int
    n_dropped: int
    survey: Survey
    levels: dict[str, list[Any]]
    taken: RawRows | None
    stride: int
    seen: int
    n_rows: int
    n_held: int
    waiting: RawRows | None
    waiting_held: RawRows | None


def first_pass(
    files: TableFiles,
    layout: Layout,
    statistics: Callable[[Block], Columns],
    kept: Kept,
    most_sampled: int,
    *,
    drop: bool,
    tell: Callable[[Batch], None],
    split: Split | None = None,
    begun: Reading | None = None,
    save: Callable[[Reading], None] | None = None,
) -> FirstPass:
    """Read files once.

    Parameters
    ----------
    files : TableFiles
    layout : Layout
    statistics : callable
        Kernel of the columns' statistics.
    kept : Kept
    most_sampled : int
        Rows of the sample at the most.
    drop : bool
        Whether rows that lack a value are dropped.
    tell : callable
        Called with every batch that was read.
    split : Split, optional
        Which rows are held out.
    begun : Reading, optional
        How far it had come before it was cut short.
    save : callable, optional
        Called now and then with how far it has come, where rows are kept on disk.

    Raises
    ------
    DataError
        If there is nothing to fit, or a row cannot be used.
    """
    reader, sample = RowReader(layout, begun and begun.levels), Sample(most_sampled)
    found: Survey | None = None
    n_batches = n_read = n_dropped = 0
    with Keeper(layout, kept) as rows, Keeper(layout, kept.beside) as held:
        if begun is not None:
            n_batches, n_read, n_dropped = begun.n_batches, begun.n_read, begun.n_dropped
            found = begun.survey
            sample.go_on(begun.taken, begun.stride, begun.seen)
            rows.go_on(begun.n_rows, begun.waiting)
            held.go_on(begun.n_held, begun.waiting_held)
        saved = time.monotonic()
        for batch in files.batches(layout.names, n_batches):
            every = reader.read(batch)
            use = ~every.missing if drop else np.ones(len(every), dtype=bool)
            n_dropped += len(every) - int(use.sum())
            out = use & (False if split is None else split.held(n_read, len(every)))
            n_batches, n_read = n_batches + 1, n_read + len(every)
            own = _taken(every, use & ~out)
            if len(own):
                more = survey(own, statistics)
                if more.columns is None:  # a number is missing or infinite
                    reader.refuse_infinite(batch, every)
                found = more if found is None else found + more
                rows.add(own, sample.add)
            if out.any():
                reader.refuse_infinite(batch, every)
                held.add(every.take(out))
            tell(batch)
            if save is not None and found is not None and time.monotonic() - saved >= _SECONDS:
                save(
                    Reading(
                        n_batches,
                        n_read,
                        n_dropped,
                        found,
                        _levels(reader),
                        sample.rows(),
                        sample.stride,
                        sample.seen,
                        rows.n_rows,
                        held.n_rows,
                        rows.waiting,
                        held.waiting,
                    )
                )
                saved = time.monotonic()
        rows.end(sample.add)
        held.end()
    taken = sample.rows()
    if found is None or taken is None:
        raise DataError(_nothing(files, n_dropped))
    return FirstPass(
        layout,
        _levels(reader),
        found,
        taken,
        sample.stride,
        n_dropped,
        rows.kept(),
        held.n_rows,
        held.kept(),
    )


def _levels(reader: RowReader) -> dict[str, list[Any]]:
    return {name: own.levels for name, own in reader.vocabularies.items()}


def _taken(rows: RawRows, use: Any) -> RawRows:
    return rows if use.all() else rows.take(use)


def _nothing(files: TableFiles, n_dropped: int) -> str:
    where = f"{files.paths[0]}" + (f" and {len(files.paths) - 1} more" if files.paths[1:] else "")
    if n_dropped:
        return f"{where}: no row is left, as all {n_dropped} lack a value; fill some in"
    return f"{where}: there is no row; add data"


def rows_again(
    files: TableFiles, found: FirstPass, *, drop: bool, split: Split | None = None
) -> Iterator[RawRows]:
    """Rows of the files in the same blocks as in the first pass.

    Raises
    ------
    DataError
        If there are other rows now.
    """
    reader = RowReader(found.layout, found.levels)

    def parts() -> Iterator[RawRows]:
        n_read = 0
        for every in map(reader.read, files.batches(found.layout.names)):
            use = ~every.missing if drop else np.ones(len(every), dtype=bool)
            if split is not None:
                use &= ~split.held(n_read, len(every))
            n_read += len(every)
            yield _taken(every, use)

    n = 0
    for rows in blocks_of(parts(), found.layout.rows):
        known = (
            len(own.levels) == len(found.levels[name]) for name, own in reader.vocabularies.items()
        )
        n += len(rows)
        if not all(known):
            break
        yield rows
    else:
        if n == found.survey.n_rows:
            return
    raise DataError(f"{files.paths[0]}: the data have changed since the first pass; fit again")
