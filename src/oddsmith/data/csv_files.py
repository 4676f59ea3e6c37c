"""CSV files in batches: kinds inferred from the first rows, then held to, on two threads."""

from collections.abc import Iterator, Sequence
from copy import copy
from itertools import islice
from pathlib import Path

from oddsmith.core.labels import quoted
from oddsmith.data.batches import (
    DATE_HINT,
    Batch,
    ahead,
    refuse_changed,
    refuse_other_columns,
    stamp_of,
)
from oddsmith.data.csv_records import CsvFile, Header, Records
from oddsmith.data.strict_csv import (
    declared_as_category,
    kind_of,
    kinds_in,
    read_cells,
    read_columns,
)
from oddsmith.errors import DataError

__all__ = ["CsvFiles"]

# Bytes from which kinds are inferred, whatever the size of the blocks.
_SAMPLE_BYTES = 8 * 2**20
_SAMPLE_BLOCK = 2**20
_WORKERS = 2


class CsvFiles:
    """CSV files with the same columns; see `oddsmith.data.files.open_files`."""

    n_rows = None
    narrow: frozenset[str] = frozenset()

    def __init__(
        self,
        paths: tuple[Path, ...],
        format: str,  # noqa: A002
        types: dict[str, str],
        text: tuple[str, ...],
        block_bytes: int,
    ) -> None:
        self._paths, self._block_bytes = paths, block_bytes
        self._stamps = {path: stamp_of(path) for path in paths}
        self._dates: set[str] = set()
        self._check_headers()
        self.kinds = self._infer({**types, **dict.fromkeys(text, "category")})

    def pieces(self, most: int) -> Sequence["CsvFiles"]:
        """Readers of one file each: a file is read from its beginning."""
        found = [copy(self) for _ in self._paths]
        for own, path in zip(found, self._paths, strict=True):
            own._paths = (path,)
        return found

    def batches(self, names: list[str], skip: int = 0) -> Iterator[Batch]:
        """Rows of the columns `names`, without the first batches."""
        for name in names:
            if name in self._dates:
                raise DataError(
                    f"{self._paths[0]}: column {quoted(name)} holds dates or times; {DATE_HINT}, "
                    f"or declare the column: {declared_as_category(name)}"
                )
        kinds = {name: self.kinds[name] for name in names}

        def read(found: tuple[Path, Header, Records]) -> Batch:
            path, header, records = found
            columns = read_columns(records, header, kinds)
            return Batch(path, records.first_row, records.lines, columns, records.lines.size)

        return ahead(read, islice(self._records(), skip, None), _WORKERS)

    def _records(self) -> Iterator[tuple[Path, Header, Records]]:
        for path in self._paths:
            refuse_changed(path, self._stamps[path])
            with CsvFile(path, str(path)) as file:
                for records in file.records(self._block_bytes):
                    yield path, file.header, records
            refuse_changed(path, self._stamps[path])

    def _check_headers(self) -> None:
        first: tuple[str, ...] = ()
        for path in self._paths:
            with CsvFile(path, str(path)) as file:
                first = first or file.header.names
                refuse_other_columns(path, file.header.names, self._paths[0], first)
        self._names = first

    def _infer(self, declared: dict[str, str]) -> dict[str, str]:
        """Kinds of the columns, from the first rows of the files together."""
        seen: dict[str, set[str]] = {name: set() for name in self._names}
        size = 0
        for header, records in self._first_records():
            size += records.lines.size
            for name, cells in zip(header.names, read_cells(records, header), strict=True):
                if name not in declared and "text" not in seen[name]:
                    seen[name] |= kinds_in(cells)
        if not size:
            raise DataError(self._without_rows())
        kinds = {name: declared.get(name) or kind_of(seen[name]) for name in self._names}
        self._dates = {name for name, kind in kinds.items() if kind == "date"}
        return {name: "other" if kind == "date" else kind for name, kind in kinds.items()}

    def _first_records(self) -> Iterator[tuple[Header, Records]]:
        size = 0
        for path in self._paths:
            with CsvFile(path, str(path)) as file:
                for records in file.records(_SAMPLE_BLOCK):
                    yield file.header, records
                    size += len(records.data)
                    if size >= _SAMPLE_BYTES:
                        return

    def _without_rows(self) -> str:
        what = "there is a header but no row; add data below line 1"
        if self._paths[1:]:
            what = f"has a header but no row, and so have all {len(self._paths)} files; add data"
        return f"{self._paths[0]}: {what}"
