"""The first pass over files: rows are decoded, surveyed, sampled, and kept for the passes to come.

Rows are kept in memory where they are few, else in a column cache on disk, or nowhere: then each
pass decodes the files again. All that the pass found can be written down, and read again.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.columns import Columns
from oddsmith.data.files import Batch, TableFiles
from oddsmith.data.raw_rows import Layout, RawRows, RowReader, blocks_of
from oddsmith.data.spool import Spool, SpoolWriter, bytes_a_row
from oddsmith.data.survey import Sample, Survey, survey
from oddsmith.errors import DataError, ParameterError

__all__ = ["FirstPass", "Kept", "first_pass", "load_first_pass", "rows_again", "save_first_pass"]

_FOUND, _ARRAYS = "first-pass.json", "first-pass.npz"


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
    """

    layout: Layout
    levels: dict[str, list[Any]]
    survey: Survey
    taken: RawRows
    stride: int
    n_dropped: int
    rows: Spool | tuple[RawRows, ...] | None


def first_pass(
    files: TableFiles,
    layout: Layout,
    statistics: Callable[[Block], Columns],
    kept: Kept,
    most_sampled: int,
    *,
    drop: bool,
    tell: Callable[[Batch], None],
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

    Raises
    ------
    DataError
        If there is nothing to fit, or a row cannot be used.
    """
    reader, sample, writer = RowReader(layout), Sample(most_sampled), _Keeper(layout, kept)
    surveys: list[Survey] = []
    n_dropped = 0

    def parts() -> Iterator[RawRows]:
        nonlocal n_dropped
        for batch in files.batches(layout.names):
            every = reader.read(batch)
            rows = every.take(~every.missing) if drop else every
            n_dropped += len(every) - len(rows)
            if len(rows):
                found = survey(rows, statistics)
                if found.columns is None and np.isinf(rows.numbers).any():
                    reader.refuse_infinite(batch, every)
                surveys[:] = [reduce(add, (*surveys, found))]
                yield rows
            tell(batch)

    with writer:
        for block in blocks_of(parts(), layout.rows):
            sample.add(block)
            writer.add(block)
    if not surveys:
        raise DataError(_nothing(files, n_dropped))
    levels = {name: own.levels for name, own in reader.vocabularies.items()}
    return FirstPass(
        layout,
        levels,
        surveys[0],
        sample.rows(),
        sample.stride,
        n_dropped,
        writer.kept(),
    )


def _nothing(files: TableFiles, n_dropped: int) -> str:
    where = f"{files.paths[0]}" + (f" and {len(files.paths) - 1} more" if files.paths[1:] else "")
    if n_dropped:
        return f"{where}: no row is left, as all {n_dropped} lack a value; fill some in"
    return f"{where}: there is no row; add data"


def rows_again(files: TableFiles, found: FirstPass, *, drop: bool) -> Iterator[RawRows]:
    """Rows of the files in the same blocks as in the first pass.

    Raises
    ------
    DataError
        If there are other rows now.
    """
    reader = RowReader(found.layout, found.levels)
    read = map(reader.read, files.batches(found.layout.names))
    parts = (rows.take(~rows.missing) if drop else rows for rows in read)
    n = 0
    for rows in blocks_of(parts, found.layout.rows):
        n += len(rows)
        if any(len(own.levels) > len(found.levels[name]) for name, own in reader.vocabularies.items()):
            break
        yield rows
    else:
        if n == found.survey.n_rows:
            return
    raise DataError(f"{files.paths[0]}: the data have changed since the first pass; fit again")


class _Keeper:
    """Keeps blocks in memory until they are too many, and then on disk."""

    def __init__(self, layout: Layout, kept: Kept) -> None:
        self._layout, self._kept = layout, kept
        self._blocks: list[RawRows] = []
        self._bytes = 0
        self._writer: SpoolWriter | None = None

    def __enter__(self) -> "_Keeper":
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.__exit__(*error)

    def add(self, block: RawRows) -> None:
        if self._kept.folder is None and self._bytes > self._kept.in_memory:
            self._blocks = []
            return
        self._bytes += len(block) * bytes_a_row(self._layout)
        if self._writer is not None:
            self._writer.add(block)
            return
        self._blocks.append(block)
        if self._bytes > self._kept.in_memory and self._kept.folder is not None:
            self._writer = SpoolWriter(self._kept.folder, self._layout).__enter__()
            for own in self._blocks:
                self._writer.add(own)
            self._blocks = []

    def kept(self) -> Spool | tuple[RawRows, ...] | None:
        if self._writer is not None:
            return self._writer.done()
        return tuple(self._blocks) if self._bytes <= self._kept.in_memory else None


def save_first_pass(found: FirstPass, identity: dict[str, Any]) -> None:
    """Write what the first pass found beside its rows on disk; the name that matters comes last."""
    if not isinstance(found.rows, Spool):
        raise ParameterError("only rows on disk can be gone on from")
    folder = found.rows.folder
    arrays: dict[str, Any] = {f"taken.{name}": own for name, own in found.taken.arrays().items()}
    own = found.survey
    arrays |= {"there": own.there, "mean": own.mean, "no_code": own.no_code}
    arrays |= {"label_weight": own.label_weight}
    arrays |= {f"counts.{place}": counts for place, counts in enumerate(own.counts)}
    if own.columns is not None:
        arrays |= {f"columns.{name}": value for name, value in asdict(own.columns).items()}
    with (folder / _ARRAYS).open("wb") as file:
        np.savez(file, **arrays)
    layout = asdict(found.layout) | {"dtype": found.layout.dtype.str}
    document = {
        "identity": identity,
        "layout": layout,
        "levels": found.levels,
        "n_rows": own.n_rows,
        "n_incomplete": own.n_incomplete,
        "stride": found.stride,
        "n_dropped": found.n_dropped,
    }
    staged = folder / f"{_FOUND}.part"
    staged.write_text(json.dumps(document), encoding="utf-8")
    staged.replace(folder / _FOUND)


def load_first_pass(folder: Path, identity: dict[str, Any]) -> FirstPass | None:
    """What a first pass left in a folder; None if it did not come to its end.

    Raises
    ------
    ParameterError
        If it was over other files, or with other parameters.
    """
    try:
        document = json.loads((folder / _FOUND).read_text(encoding="utf-8"))
        with np.load(folder / _ARRAYS, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError):
        return None
    was = document["identity"]
    for name, value in identity.items():
        if was.get(name) != json.loads(json.dumps(value)):
            raise ParameterError(
                f"{folder}: the checkpoint is of a fit with another {name}; fit without it, or "
                "as that fit was"
            )
    layout = document["layout"]
    layout = Layout(
        tuple(layout["numbers"]),
        tuple(layout["categories"]),
        layout["target"],
        layout["weight"],
        layout["offset"],
        np.dtype(layout["dtype"]),
    )
    columns = {name[8:]: own for name, own in arrays.items() if name.startswith("columns.")}
    if columns:
        columns["weight"] = float(columns["weight"])
    taken = {name[6:]: own for name, own in arrays.items() if name.startswith("taken.")}
    found = Survey(
        document["n_rows"],
        document["n_incomplete"],
        arrays["there"],
        arrays["mean"],
        arrays["no_code"],
        tuple(arrays[f"counts.{place}"] for place in range(len(layout.categories))),
        arrays["label_weight"],
        Columns(**columns) if columns else None,
    )
    spool = Spool(folder, layout, document["n_rows"])
    if not spool.whole:
        return None
    return FirstPass(
        layout,
        document["levels"],
        found,
        RawRows(**({"weight": None, "offset": None} | taken)),
        document["stride"],
        document["n_dropped"],
        spool,
    )
