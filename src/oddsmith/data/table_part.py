"""A part of a cluster's table: read where it lies, and what it reports to whoever learns from all.

A part is read as Arrow record batches into raw rows, which stay with the worker: in its memory, or
in a column cache on its disk. What comes back is a report, and reports add: counts, levels in the
order in which they came, where columns lie. The encoding is learned from their sum.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.columns import Columns
from oddsmith.core.labels import Label, listed, quoted
from oddsmith.core.parts import Part
from oddsmith.core.stable import Array
from oddsmith.core.table_encoding import TableEncoding
from oddsmith.data.arrow_columns import convert, is_narrow, kind_of_type, refuse_kind
from oddsmith.data.batches import Batch
from oddsmith.data.content import add_content
from oddsmith.data.keeper import Keeper, Kept
from oddsmith.data.raw_rows import Layout, RawRows, RowReader, rows_size
from oddsmith.data.row_encoder import RowEncoder
from oddsmith.data.spool import RowBlocks, Spool
from oddsmith.data.survey import Survey, survey
from oddsmith.errors import DataError

__all__ = [
    "EncodeTable",
    "PackTable",
    "PartReport",
    "TablePart",
    "TableSchema",
    "record_batches",
    "refuse_other_rows",
    "report_of",
]

# Entries that are looked at together: what is made of them stays small.
_ENTRIES = 2**22


@dataclass(frozen=True, slots=True)
class PartReport:
    """What parts tell of their rows; it adds, in the order of the parts.

    Attributes
    ----------
    counts : tuple of int
        Rows of each part, but for those that were dropped.
    n_dropped : int
        Rows that were left out because a value is missing.
    digests : tuple of str
        Of each part's content, to tell whether it is the same when it is read again.
    levels : dict of column name to list
        Level of each code in the survey, of the outcome too.
    survey : Survey or None
        None where there is no row.
    """

    counts: tuple[int, ...]
    n_dropped: int
    digests: tuple[str, ...]
    levels: dict[str, list[Any]]
    survey: Survey | None

    def __add__(self, other: Self) -> "PartReport":
        levels, places = _merged(self.levels, other.levels)
        found = self.survey
        if other.survey is not None:
            more = _recoded(other.survey, places)
            found = more if found is None else found + more
        return PartReport(
            self.counts + other.counts,
            self.n_dropped + other.n_dropped,
            self.digests + other.digests,
            levels,
            found,
        )


def _merged(
    levels: Mapping[str, list[Any]], more: Mapping[str, list[Any]]
) -> tuple[dict[str, list[Any]], list[Any]]:
    """Levels of both, new ones last, and the places of the latter's among them, by column."""
    found, places = dict[str, list[Any]](), list[Any]()
    for name, own in levels.items():
        known = {level: code for code, level in enumerate(own)}
        places.append(np.array([known.setdefault(one, len(known)) for one in more[name]], np.intp))
        found[name] = list(known)
    return found, places


def _recoded(found: Survey, places: list[Any]) -> Survey:
    """Survey with other codes; the outcome's are the last."""
    *codes, labels = places
    return replace(
        found,
        counts=tuple(map(_moved, found.counts, codes)),
        label_weight=_moved(found.label_weight, labels),
    )


def _moved(counts: Any, places: Any) -> Any:
    own = places[: counts.size]
    moved = np.zeros(int(own.max(initial=-1)) + 1, counts.dtype)
    moved[own] = counts
    return moved


@dataclass(frozen=True, slots=True)
class TablePart:
    """Raw rows of a part, where they lie.

    Attributes
    ----------
    layout : Layout
    rows : Spool or tuple of RawRows
        Blocks of `layout.rows` rows, the last one shorter.
    report : PartReport
        Of this part alone: its levels are those of its codes.
    """

    layout: Layout
    rows: Spool | tuple[RawRows, ...]
    report: PartReport

    def __sizeof__(self) -> int:
        return 0 if isinstance(self.rows, Spool) else rows_size(self.rows)

    @property
    def n_rows(self) -> int:
        """Rows of the part."""
        return self.report.counts[0]


@dataclass(frozen=True, slots=True)
class PackTable:
    """Reads a part: from `TableFiles`, or what `record_batches` takes, to a `TablePart`.

    Attributes
    ----------
    layout : Layout
    drop : bool
        Whether rows that lack a value are dropped.
    statistics : callable
        Kernel of the columns' statistics.
    what : str
        How messages call a part: "partition" and its number follow each other.
    cache : callable or None
        Gives the folder beneath which a part's column cache is made on the machine that reads it;
        without it rows stay in memory.
    """

    layout: Layout
    drop: bool
    statistics: Callable[[Block], Columns]
    what: str = "partition"
    cache: Callable[[], Path] | None = None

    def __call__(self, part: Part) -> TablePart:
        """Read a part.

        Raises
        ------
        DataError
            If a row cannot be used; the message names the partition, its row and the column.
        """
        reader, found, n_dropped = RowReader(self.layout), None, 0
        content = hashlib.sha256()
        where = Path(f"{self.what} {part.number}")
        folder = None if self.cache is None else _folder(self.cache(), part.number)
        with Keeper(self.layout, Kept(folder, -1 if folder else 2**62)) as keeper:
            for batch in _batches(where, part.rows, self.layout):
                rows = reader.read(batch)
                if self.drop:
                    every, rows = len(rows), rows.take(~rows.missing)
                    n_dropped += every - len(rows)
                if not len(rows):
                    continue
                more = survey(rows, self.statistics)
                if more.columns is None:  # a number is missing or infinite
                    reader.refuse_infinite(batch, reader.read(batch))
                found = more if found is None else found + more
                add_content(content, rows.numbers.T, rows.labels)
                add_content(content, rows.codes.T, rows.weight, rows.offset)
                keeper.add(rows)
            keeper.end()
            n_rows, kept = keeper.n_rows, keeper.kept()
        levels = {name: own.levels for name, own in reader.vocabularies.items()}
        digest = _digest(content, n_rows, levels, found)
        report = PartReport((n_rows,), n_dropped, (digest,), levels, found)
        return TablePart(self.layout, () if kept is None else kept, report)


def report_of(part: Part, threads: int) -> PartReport:
    """Report of a part that is packed, a kernel to fold."""
    return part.rows.report


@dataclass(frozen=True, slots=True)
class EncodeTable:
    """Makes blocks of the raw rows of a part: from a `TablePart` to `RowBlocks`.

    Attributes
    ----------
    encoding : TableEncoding
    labels : tuple of str, int, float or bool
        Classes.
    margins : int
        Margins a row.
    factors : array of shape (K,), or None
        Multiplies the weight of the rows of each class.
    digests : tuple of str
        What each part's content was when the encoding was learned.
    """

    encoding: TableEncoding
    labels: tuple[Label, ...]
    margins: int
    factors: Array | None
    digests: tuple[str, ...]

    def __call__(self, part: Part) -> RowBlocks:
        """Encode a part.

        Raises
        ------
        DataError
            If it was read again, as a machine was lost, and has other rows now.
        """
        own: TablePart = part.rows
        refuse_other_rows(part.number, own.report.digests[0], self.digests)
        place = {label: k for k, label in enumerate(self.labels)}
        classes = [place.get(label, 0) for label in own.report.levels[own.layout.target]]
        encoder = RowEncoder(
            own.layout,
            self.encoding,
            own.report.levels,
            np.array(classes, dtype=np.intp),
            self.margins,
            self.factors,
        )
        return RowBlocks(own.rows, own.layout.rows, own.n_rows, encoder)


def refuse_other_rows(number: int, digest: str, digests: tuple[str, ...]) -> None:
    """Raise where a part that was read again is not what it was.

    Raises
    ------
    DataError
    """
    if digest != digests[number]:
        raise DataError(
            f"partition {number} was read again and has other rows than before; make the table the "
            "same whenever it is read (sort what is shuffled, or write it to files), and fit again"
        )


@dataclass(frozen=True, slots=True)
class TableSchema:
    """What is known of a cluster's table before its rows are read.

    Attributes
    ----------
    where : str
        Begins a message.
    fields : dict of str to pyarrow.Field
    """

    where: str
    fields: dict[str, Any]

    @property
    def kinds(self) -> dict[str, str]:
        """Column name -> "number", "boolean", "category" or "other"; nulls alone are numbers."""
        found = {name: kind_of_type(field.type) for name, field in self.fields.items()}
        return {name: "number" if kind == "nothing" else kind for name, kind in found.items()}

    @property
    def narrow(self) -> frozenset[str]:
        """Columns whose numbers are exact in single precision, as their types say."""
        return frozenset(name for name, field in self.fields.items() if is_narrow(field.type))

    def check(self, name: str, role: str) -> None:
        """Refuse a column that is not there, or cannot be read.

        Raises
        ------
        DataError
        """
        if name not in self.fields:
            known = listed([quoted(known) for known in self.fields])
            raise DataError(
                f"{self.where}: there is no column {quoted(name)} for the {role}; it has {known}"
            )
        refuse_kind(Path(self.where), self.fields[name], None)


def record_batches(rows: Any, where: Path) -> Iterator[Any]:
    """Arrow record batches of a pandas frame, an Arrow table, or of an iterable of batches.

    Raises
    ------
    DataError
        If a column of objects is not of one kind; the message begins with `where`.
    """
    if hasattr(rows, "to_batches"):
        yield from rows.to_batches()
    elif hasattr(rows, "iloc"):
        size = max(1, _ENTRIES // max(1, rows.shape[1]))
        for first in range(0, max(1, len(rows)), size):
            yield _of_pandas(rows.iloc[first : first + size], where)
    else:
        yield from rows


def _of_pandas(frame: Any, where: Path) -> Any:
    import pyarrow as pa

    try:
        return pa.RecordBatch.from_pandas(frame, preserve_index=False)
    except pa.ArrowException as error:
        why = ". ".join(map(str, error.args))
        raise DataError(f"{where}: {why}; make one kind of the column") from None


def _batches(where: Path, rows: Any, layout: Layout) -> Iterator[Batch]:
    first, names = 0, layout.names
    if hasattr(rows, "batches"):  # files, which know their rows
        yield from rows.batches(names)
        return
    categories = {*layout.categories, layout.target}
    for batch in record_batches(rows, where):
        if batch.num_rows == 0:
            continue
        columns = dict[str, Any]()
        for name in names:
            place = batch.schema.get_field_index(name)
            if place < 0:
                raise DataError(
                    f"{where}: there is no column {quoted(name)}, or more than one, and other "
                    "partitions have it; make the columns the same in all"
                )
            field = batch.schema.field(place)
            kind = kind_of_type(field.type)
            text = name in categories
            if name != layout.target and kind not in ("nothing", "other"):
                _refuse_other_kind(where, name, field.type, text != (kind == "category"), text)
            declared = "category" if text and kind == "nothing" else None
            columns[name] = convert(where, first, field, batch.column(place), declared)
            single = layout.dtype == np.float32 and name in layout.numbers
            if single and not is_narrow(field.type) and kind == "number":
                _refuse_rounded(where, first, field, batch.column(place))
        yield Batch(where, first, None, columns, batch.num_rows)
        first += batch.num_rows


def _refuse_other_kind(where: Path, name: str, kind: Any, other: bool, text: bool) -> None:
    if other:
        wanted = "text" if text else "numbers"
        raise DataError(
            f"{where}: column {quoted(name)} holds {kind}, and {wanted} in other partitions; make "
            "one kind of it in all"
        )


def _refuse_rounded(where: Path, first: int, field: Any, column: Any) -> None:
    """Raise where a part has wider numbers than the table's types say, and loses digits."""
    pa: Any = import_module("pyarrow")
    pc: Any = import_module("pyarrow.compute")
    wide = column.cast(pa.float64(), safe=False)
    same = pc.equal(wide, wide.cast(pa.float32(), safe=False).cast(pa.float64()))
    known = pc.and_(pc.is_valid(wide), pc.invert(pc.is_nan(wide)))
    rounded = pc.and_(pc.fill_null(known, False), pc.invert(pc.fill_null(same, True)))
    row = pc.index(rounded, True).as_py()
    if row >= 0:
        raise DataError(
            f"{where}: row {first + row} (from 0), column {quoted(field.name)}: is {field.type}, "
            "of more digits than the type that the table says it has; make the type the same in all"
        )


def _folder(above: Path, number: int) -> Path:
    """Make a folder for a part's column cache, which another reading of it has not."""
    above.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"part-{number:05d}-", dir=above))


def _digest(sums: Any, n_rows: int, levels: dict[str, list[Any]], found: Survey | None) -> str:
    """Say in 32 letters which rows a part has, from a hash of some and the sums over all."""
    sums.update(repr((n_rows, sorted(levels.items()))).encode())
    if found is not None:
        columns = found.columns
        numbers = [found.there, found.mean, found.no_code, *found.counts, found.label_weight]
        numbers += [] if columns is None else [columns.mean, columns.spread, columns.low]
        for own in numbers:
            sums.update(np.ascontiguousarray(own).tobytes())
    return sums.hexdigest()[:32]
