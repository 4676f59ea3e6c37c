"""Parquet and Arrow IPC files in batches, the next one decoded while the consumer works."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from itertools import repeat, takewhile
from pathlib import Path
from typing import Any

from oddsmith.core.labels import printable, quoted
from oddsmith.data.arrow_columns import convert, is_narrow, kind_of_type, refuse_kind, row_bytes
from oddsmith.data.batches import Batch, ahead, refuse_changed, refuse_other_columns, stamp_of
from oddsmith.errors import DataError, MissingPackageError

__all__ = ["ArrowFiles"]

# Read through buffers of this size, a whole column of a row group need not be held.
_BUFFER_BYTES = 2**18
# What ends a stream of record batches; without it, some may have been cut off.
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


def _arrow() -> Any:
    try:
        import pyarrow.compute
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError:
        raise MissingPackageError(
            "reading Parquet and Arrow files needs pyarrow; install it with: pip install "
            '"oddsmith[table]"'
        ) from None
    return pyarrow


class ArrowFiles:
    """Parquet or Arrow IPC files with the same columns; see `oddsmith.data.files.open_files`."""

    def __init__(
        self,
        paths: tuple[Path, ...],
        format: str,  # noqa: A002
        types: dict[str, str],
        text: tuple[str, ...],
        block_bytes: int,
    ) -> None:
        self._paths, self._format, self._block_bytes = paths, format, block_bytes
        self._declared = {name: kind for name, kind in types.items() if name not in text}
        self._stamps = {path: stamp_of(path) for path in paths}
        found = [self._describe(path) for path in paths]
        self._schema = next(schema for schema, _ in found)
        for path, (schema, _) in zip(paths, found, strict=True):
            refuse_other_columns(path, tuple(schema.names), paths[0], tuple(self._schema.names))
        counts = [count for _, count in found]
        known = [count for count in counts if count is not None]
        self.n_rows = sum(known) if len(known) == len(counts) else None
        if self.n_rows == 0:
            more = f", and so have all {len(paths)} files" if paths[1:] else ""
            raise DataError(f"{paths[0]}: has no row{more}; give files with rows")
        self.kinds = self._kinds([schema for schema, _ in found])
        narrow = [{f.name for f in schema if is_narrow(f.type)} for schema, _ in found]
        self.narrow = frozenset(set[str].intersection(*narrow) - set(self._declared))
        # Which row groups or record batches are read of the only file, and their first row.
        self._groups: range | None = None
        self._first_row = 0

    def pieces(self, most: int) -> list["ArrowFiles"]:
        """Readers of some row groups or record batches each."""
        row = row_bytes(list(self._schema))
        found = []
        for path in self._paths:
            with self._reading(path), self._open(path, columns=[]) as file:
                if self._format == "parquet":
                    metadata = file.metadata
                    counts = [metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
                elif hasattr(file, "num_record_batches"):
                    every = range(file.num_record_batches)
                    counts = [file.get_batch(k).num_rows for k in every]
                else:
                    counts = None
            for groups, first in _runs(counts, max(1, most // row)):
                own = copy(self)
                own._paths, own._groups, own._first_row = (path,), groups, first
                found.append(own)
        return found

    def batches(self, names: list[str], skip: int = 0) -> Iterator[Batch]:
        """Rows of the columns `names`, without the first batches."""
        for name in names:
            refuse_kind(self._paths[0], self._schema.field(name), self._declared.get(name))
        following = self._batches(names, skip)
        batches = ahead(lambda batches: next(batches, None), repeat(following), workers=1)
        yield from takewhile(lambda batch: batch is not None, batches)  # type: ignore[misc]

    def _kinds(self, schemas: list[Any]) -> dict[str, str]:
        """Kinds of the columns, which must be the same in all files; all nulls are of any kind."""
        kinds: dict[str, str] = {}
        origin: dict[str, Path] = {}
        for path, schema in zip(self._paths, schemas, strict=True):
            for field in schema:
                kind = kind_of_type(field.type)
                if kind == "nothing":
                    continue
                if kinds.setdefault(field.name, kind) != kind:
                    raise DataError(
                        f"{path}: column {quoted(field.name)} holds {field.type}, unlike "
                        f"{origin[field.name]}; make one kind of it in all files"
                    )
                origin.setdefault(field.name, path)
        found = {name: kinds.get(name, "number") for name in self._schema.names}
        return {**found, **{n: k for n, k in self._declared.items() if n in found}}

    def _describe(self, path: Path) -> tuple[Any, int | None]:
        """Give the schema, and the number of rows where the file states it."""
        with self._reading(path), self._open(path) as file:
            schema = file.schema_arrow if self._format == "parquet" else file.schema
            for name in schema.names:
                if schema.names.count(name) > 1:
                    raise DataError(f"{path}: has more than one column {quoted(name)}; rename one")
            if self._format == "parquet":
                return schema, file.metadata.num_rows
            if not hasattr(file, "num_record_batches"):
                _refuse_cut_stream(path)
                return schema, None
        with self._reading(path), self._open(path, columns=[]) as file:
            return schema, sum(file.get_batch(k).num_rows for k in range(file.num_record_batches))

    def _batches(self, names: list[str], skip: int) -> Iterator[Batch]:
        count = 0
        for path in self._paths:
            first = self._first_row
            refuse_changed(path, self._stamps[path])
            for found in self._record_batches(path, names):
                here, first, count = first, first + found.num_rows, count + 1
                if count <= skip:
                    continue
                columns = {}
                for name in names:
                    place = found.schema.get_field_index(name)
                    kind = self._declared.get(name)
                    columns[name] = convert(
                        path,
                        first - found.num_rows,
                        found.schema.field(place),
                        found.column(place),
                        kind,
                    )
                yield Batch(path, here, None, columns, found.num_rows)
            refuse_changed(path, self._stamps[path])

    def _record_batches(self, path: Path, names: list[str]) -> Iterator[Any]:
        rows = max(1, self._block_bytes // row_bytes([self._schema.field(name) for name in names]))
        with self._reading(path), self._open(path, names) as file:
            if self._format == "parquet":
                groups = None if self._groups is None else list(self._groups)
                found = file.iter_batches(rows, groups, columns=names, use_threads=True)
            elif hasattr(file, "num_record_batches"):
                every = self._groups
                every = range(file.num_record_batches) if every is None else every
                found = (file.get_batch(k) for k in every)
            else:
                found = iter(file)
            for batch in found:
                for at in range(0, batch.num_rows, rows):
                    yield batch.slice(at, rows) if batch.num_rows > rows else batch

    @contextmanager
    def _reading(self, path: Path) -> Iterator[None]:
        """Say in one line what goes wrong in reading."""
        arrow = _arrow()
        try:
            yield
        except DataError:
            raise
        except (arrow.ArrowException, OSError, EOFError, ValueError, KeyError) as error:
            refuse_changed(path, self._stamps[path])
            why = printable(" ".join(str(error).split()))[:200].rstrip(".")
            title = "Parquet" if self._format == "parquet" else "Arrow"
            raise DataError(f"{path}: is no whole {title} file ({why}); write it again") from None

    @contextmanager
    def _open(self, path: Path, columns: list[str] | None = None) -> Iterator[Any]:
        arrow = _arrow()
        if self._format == "parquet":
            with arrow.parquet.ParquetFile(path) as file:
                schema = file.schema_arrow
            names = [n for n in columns or () if _is_text(schema.field(n).type)]
            with arrow.parquet.ParquetFile(
                path,
                buffer_size=_BUFFER_BYTES,
                read_dictionary=names,
                pre_buffer=False,
                page_checksum_verification=True,
            ) as file:
                yield file
            return
        with arrow.memory_map(str(path)) as source:
            make = arrow.ipc.open_file if _is_file(path) else arrow.ipc.open_stream
            if columns is None:
                yield make(source)
                return
            schema = make(source).schema
            source.seek(0)
            places = sorted(schema.get_field_index(name) for name in columns)
            # No places would mean all columns.
            yield make(source, options=arrow.ipc.IpcReadOptions(included_fields=places or [0]))


def _runs(counts: list[int] | None, most: int) -> Iterator[tuple[range | None, int]]:
    """Cut into groups that follow each other, of not many more rows than `most`."""
    if not counts:
        yield None, 0
        return
    start = first = rows = 0
    for k, count in enumerate(counts):
        if rows and rows + count > most:
            yield range(start, k), first
            start, first, rows = k, first + rows, 0
        rows += count
    yield range(start, len(counts)), first


def _is_text(kind: Any) -> bool:
    types = _arrow().types
    return types.is_string(kind) or types.is_large_string(kind)


def _is_file(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6) == b"ARROW1"


def _refuse_cut_stream(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(-min(8, path.stat().st_size), 2)
        if file.read(8) != _END_OF_STREAM:
            raise DataError(
                f"{path}: is no whole Arrow stream (its end is missing); write it again"
            )
