"""The first pass over files: rows are decoded, surveyed, sampled, and kept for the passes to come.

Rows are kept in memory where they are few, else in a column cache on disk, or nowhere: then each
pass decodes the files again. All that the pass found can be written down, and read again.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, Self, cast

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.columns import Columns
from oddsmith.data.files import Batch, TableFiles
from oddsmith.data.raw_rows import Cutter, Layout, RawRows, RowReader, blocks_of
from oddsmith.data.spool import Spool, SpoolWriter, bytes_a_row
from oddsmith.data.survey import Sample, Survey, survey
from oddsmith.errors import DataError, ParameterError

__all__ = [
    "FirstPass",
    "Kept",
    "Split",
    "first_pass",
    "load_first_pass",
    "rows_again",
    "save_first_pass",
]

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

    @property
    def beside(self) -> "Kept":
        """The same for rows that are held out."""
        return Kept(None if self.folder is None else self.folder / "held-out", self.in_memory)


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

    Raises
    ------
    DataError
        If there is nothing to fit, or a row cannot be used.
    """
    reader, sample = RowReader(layout), Sample(most_sampled)
    surveys: list[Survey] = []
    n_read = n_dropped = 0
    with _Keeper(layout, kept) as rows, _Keeper(layout, kept.beside) as held:
        for batch in files.batches(layout.names):
            every = reader.read(batch)
            use = ~every.missing if drop else np.ones(len(every), dtype=bool)
            n_dropped += len(every) - int(use.sum())
            out = use & (False if split is None else split.held(n_read, len(every)))
            n_read += len(every)
            own = _taken(every, use & ~out)
            if len(own):
                found = survey(own, statistics)
                if found.columns is None:  # a number is missing or infinite
                    reader.refuse_infinite(batch, every)
                surveys[:] = [reduce(add, (*surveys, found))]
                rows.add(own, sample.add)
            if out.any():
                reader.refuse_infinite(batch, every)
                held.add(every.take(out))
            tell(batch)
        rows.end(sample.add)
        held.end()
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
        rows.kept(),
        held.n_rows,
        held.kept(),
    )


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


class _Keeper:
    """Keeps rows in blocks: in memory until they are too many, and then on disk."""

    def __init__(self, layout: Layout, kept: Kept) -> None:
        self.n_rows = 0
        self._layout, self._kept = layout, kept
        self._cutter = Cutter(layout.rows)
        self._blocks: list[RawRows] = []
        self._writer: SpoolWriter | None = None
        self._too_many = False

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
        "n_held": found.n_held,
    }
    staged = folder / f"{_FOUND}.part"
    staged.write_text(json.dumps(document), encoding="utf-8")
    staged.replace(folder / _FOUND)


def load_first_pass(folder: Path, identity: dict[str, Any]) -> FirstPass | None:
    """Read what a first pass left in a folder; None if it did not come to its end.

    Raises
    ------
    ParameterError
        If it was over other files, or with other parameters.
    """
    try:
        document = json.loads((folder / _FOUND).read_text(encoding="utf-8"))
        with (folder / _ARRAYS).open("rb") as file, np.load(file) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
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
    held = Spool(folder / "held-out", layout, document["n_held"])
    if not spool.whole or (len(held) and not held.whole):
        return None
    return FirstPass(
        layout,
        document["levels"],
        found,
        RawRows(**cast("Any", {"weight": None, "offset": None} | taken)),
        document["stride"],
        document["n_dropped"],
        spool,
        document["n_held"],
        held if len(held) else (),
    )
