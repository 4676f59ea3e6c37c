"""Predictions written as they come: CSV (gzip and zstd too), Parquet or Arrow IPC."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from oddsmith.core.labels import Label, label_text, quoted
from oddsmith.core.stable import Array
from oddsmith.errors import MissingPackageError, ParameterError
from oddsmith.export.predictions import escaped

__all__ = ["Scored", "Sink", "csv_sink", "file_sink", "format_of_output", "output_names"]

_FORMATS = {
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), "arrow"),
}
# Whoever opens these would not find CSV in them right.
_OTHERS = frozenset(
    {".tsv", ".xlsx", ".xls", ".ods", ".json", ".jsonl", ".ndjson", ".html", ".xml"}
)
_PACKED = {".gz": "gzip", ".zst": "zstd"}
# Cells that have to be quoted or escaped, so looked at one by one.
_SPECIAL = '[",\r\n]|^[=+@\t-]'
_NEEDS_QUOTES = re.compile('[",\r\n]')


@dataclass(frozen=True, slots=True)
class Scored:
    """Predictions of rows that stand together.

    Attributes
    ----------
    kept : sequence of pyarrow.Array
        Columns that are copied from the input.
    chosen : integer array of shape (n,)
        Class that is predicted.
    probabilities : array of shape (n, K)
    known : boolean array of shape (n,), or None
        Which rows were scored; None if all. The others are left empty.
    """

    kept: Sequence[Any]
    chosen: np.ndarray[Any, np.dtype[np.intp]]
    probabilities: Array
    known: np.ndarray[Any, np.dtype[np.bool_]] | None


class Sink(Protocol):
    """What takes predictions in parts, in the order of the rows."""

    def add(self, scored: Scored) -> None:
        """Write some rows."""
        ...


def _arrow() -> Any:
    try:
        import pyarrow.compute
    except ImportError:
        raise MissingPackageError(
            'writing predictions needs pyarrow; install it with: pip install "oddsmith[table]"'
        ) from None
    return pyarrow


def output_names(kept: Sequence[str], classes: Sequence[Label]) -> list[str]:
    """Names of the columns of predictions.

    Raises
    ------
    ParameterError
        If a column that is kept has the name of another one.

    Examples
    --------
    >>> output_names(["id"], [False, True])
    ['id', 'prediction', 'p_false', 'p_true']
    """
    names = [*kept, "prediction", *(f"p_{label_text(label)}" for label in classes)]
    for name in kept:
        if names.count(name) > 1:
            raise ParameterError(
                f"--keep {quoted(name)}: another column of the output has that name; rename it "
                "in the data, or keep it once"
            )
    return names


def format_of_output(path: Path) -> tuple[Literal["csv", "parquet", "arrow"], str]:
    """Format and packing that the name of an output says; CSV if it says nothing.

    Raises
    ------
    ParameterError
        If it is packed and no CSV file, or says a format that is not written.

    Examples
    --------
    >>> format_of_output(Path("a.csv.gz")), format_of_output(Path("a.parquet"))
    (('csv', 'gzip'), ('parquet', ''))
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = _PACKED.get("".join(suffixes[-1:]), "")
    found = _FORMATS.get("".join(suffixes[-2:-1] if packed else suffixes[-1:]), "csv")
    if packed and found != "csv":
        raise ParameterError(f"{path}: Parquet and Arrow files are packed inside; leave .gz away")
    said = "".join(suffixes[-2:-1] if packed else suffixes[-1:])
    if said in _OTHERS:
        raise ParameterError(
            f"{path}: no {said} file can be written; name it .csv, .csv.gz, .csv.zst, .parquet or "
            ".arrow"
        )
    return found, packed  # type: ignore[return-value]


def csv_sink(write: Any, names: Sequence[str], classes: Sequence[Label]) -> Sink:
    """Write CSV text through `write`, which takes bytes."""
    return _CsvSink(write, names, classes)


@contextmanager
def file_sink(
    place: Path, named: Path, names: Sequence[str], classes: Sequence[Label]
) -> Iterator[Sink]:
    """Write to the file `place`, in the format that the name `named` says."""
    found, packed = format_of_output(named)
    arrow = _arrow()
    with ExitStack() as stack:
        if found != "csv":
            file = stack.enter_context(place.open("wb"))
            yield stack.enter_context(_table_sink(file, found, names, classes))
            return
        file = stack.enter_context(place.open("wb"))
        if packed:
            file = stack.enter_context(arrow.CompressedOutputStream(file, packed))
        yield _CsvSink(file.write, names, classes)


class _CsvSink:
    def __init__(self, write: Any, names: Sequence[str], classes: Sequence[Label]) -> None:
        self._write = write
        self._header = (",".join(map(_cell, names)) + "\n").encode()
        # Numbers and booleans are what they are.
        texts = [label if isinstance(label, str) else None for label in classes]
        cells = [_cell(text) for text in texts if text is not None]
        self._labels = _texts(cells or [label_text(label) for label in classes])

    def add(self, scored: Scored) -> None:
        arrow = _arrow()
        labels, *probabilities = _filled(scored, self._labels)
        cells = [_cells(column) for column in scored.kept]
        cells += [labels, *(column.cast(arrow.string()) for column in probabilities)]
        empty, comma = _texts(["", ","])
        cells = [column.fill_null(empty) if column.null_count else column for column in cells]
        rows = arrow.compute.binary_join_element_wise(*cells, comma)
        whole = arrow.ListArray.from_arrays(_numbers(np.array([0, len(rows)], np.int32)), rows)
        text = arrow.compute.binary_join(whole, _texts(["\n"])[0])
        self._write(self._header)
        self._header = b""
        self._write(memoryview(text[0].as_buffer()))
        self._write(b"\n" if len(rows) else b"")


@contextmanager
def _table_sink(
    file: Any, found: str, names: Sequence[str], classes: Sequence[Label]
) -> Iterator[Sink]:
    sink = _TableSink(file, found, names, classes)
    try:
        yield sink
    finally:
        sink.close()


class _TableSink:
    def __init__(self, file: Any, found: str, names: Sequence[str], classes: Sequence[Label]):
        self._file, self._found, self._names = file, found, names
        self._labels = _arrow().array(list(classes))
        self._writer: Any = None
        self._schema: Any = None

    def add(self, scored: Scored) -> None:
        arrow = _arrow()
        columns = [_plain(column) for column in scored.kept]
        columns += _filled(scored, self._labels)
        if self._writer is None:
            fields = [arrow.field(n, c.type) for n, c in zip(self._names, columns, strict=True)]
            self._schema = arrow.schema(fields)
            self._writer = self._open()
        columns = [c.cast(kind) for c, kind in zip(columns, self._schema.types, strict=True)]
        batch = arrow.RecordBatch.from_arrays(columns, schema=self._schema)
        self._writer.write_batch(batch)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _open(self) -> Any:
        if self._found == "arrow":
            import pyarrow.ipc as ipc

            return ipc.new_file(self._file, self._schema)
        import pyarrow.parquet as parquet

        return parquet.ParquetWriter(self._file, self._schema, compression="zstd")


def _filled(scored: Scored, labels: Any) -> list[Any]:
    """Label and probabilities of each row as Arrow arrays, null where a row was not scored."""
    K = scored.probabilities.shape[1]
    chosen = labels.take(_numbers(scored.chosen, scored.known))
    return [chosen, *(_numbers(scored.probabilities[:, k], scored.known) for k in range(K))]


# Arrow's own ways to take values from Python and NumPy import pandas, which takes long.


def _numbers(values: Any, known: Any = None) -> Any:
    """Arrow array of a NumPy array of numbers, null where they are not known."""
    arrow = _arrow()
    kind = {"f8": arrow.float64(), "i8": arrow.int64(), "i4": arrow.int32()}[values.dtype.str[1:]]
    mask = None if known is None else arrow.py_buffer(np.packbits(known, bitorder="little"))
    values = arrow.py_buffer(np.ascontiguousarray(values))
    return arrow.Array.from_buffers(kind, len(values) // (kind.bit_width // 8), [mask, values])


def _texts(values: Sequence[str | None]) -> Any:
    """Arrow array of text."""
    arrow = _arrow()
    raw = [b"" if value is None else value.encode() for value in values]
    ends = arrow.py_buffer(np.cumsum([0, *map(len, raw)], dtype=np.int32))
    there = np.array([value is not None for value in values], dtype=bool)
    mask = arrow.py_buffer(np.packbits(there, bitorder="little"))
    return arrow.Array.from_buffers(
        arrow.string(), len(raw), [mask, ends, arrow.py_buffer(b"".join(raw))]
    )


def _plain(column: Any) -> Any:
    types = _arrow().types
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _cells(column: Any) -> Any:
    """Text of a column as it stands in a CSV file."""
    arrow = _arrow()
    if arrow.types.is_dictionary(column.type):
        return _safe(column.dictionary.cast(arrow.string())).take(column.indices)
    if arrow.types.is_string(column.type) or arrow.types.is_large_string(column.type):
        return _safe(column.cast(arrow.string()))
    return column.cast(arrow.string())


def _safe(cells: Any) -> Any:
    arrow = _arrow()
    special = arrow.compute.match_substring_regex(cells, pattern=_SPECIAL)
    if not arrow.compute.any(special).as_py():
        return cells
    mended = [None if cell is None else _cell(cell) for cell in cells.filter(special).to_pylist()]
    special = special.fill_null(False)
    return arrow.compute.replace_with_mask(cells, special, _texts(mended))


def _cell(text: str) -> str:
    safe = escaped(text)
    return '"' + safe.replace('"', '""') + '"' if _NEEDS_QUOTES.search(safe) else safe
