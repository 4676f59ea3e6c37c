"""Files of rows, opened once and read as often as need be: typed batches at bounded memory.

CSV, Parquet and Arrow IPC; one file, a list, a glob or a folder. The format comes from the name,
and what the content says otherwise is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from oddsmith.core.labels import listed, quoted
from oddsmith.data.arrow_files import ArrowFiles
from oddsmith.data.batches import Batch, Reader, stamp_of
from oddsmith.data.csv_files import CsvFiles
from oddsmith.data.csv_table import Table, named_columns, read_csv
from oddsmith.data.file_names import format_of, named_files
from oddsmith.errors import DataError, ParameterError

__all__ = ["Batch", "Table", "TableFiles", "named_columns", "open_files", "read_csv"]

_KINDS = ("number", "boolean", "category")


@dataclass(frozen=True)
class TableFiles:
    """Files with the same columns, whose rows follow each other.

    Attributes
    ----------
    paths : tuple of Path
    format : "csv", "parquet" or "arrow"
    kinds : dict of str to str
        Column name -> "number", "boolean" or "category", inferred or declared, in the order of the
        first file; "other" is what `batches` refuses: dates, lists, bytes.
    n_rows : int or None
        Known in advance for Parquet and Arrow files, but for Arrow streams.
    narrow : frozenset of str
        Columns whose numbers are exact in single precision, as their types say.
    """

    paths: tuple[Path, ...]
    format: Literal["csv", "parquet", "arrow"]
    kinds: dict[str, str]
    n_rows: int | None
    narrow: frozenset[str]
    _reader: Reader = field(repr=False, compare=False)

    @property
    def where(self) -> str:
        """First file, with which messages begin."""
        return str(self.paths[0])

    @property
    def n_bytes(self) -> int:
        """Size of the files."""
        return sum(size for size, _, _ in map(stamp_of, self.paths))

    def identity(self) -> list[list[Any]]:
        """Tell these files from others, and from themselves once they have changed."""
        return [[str(path.absolute()), *stamp_of(path)] for path in self.paths]

    def check(self, name: str, role: str) -> None:
        """Refuse a column that is not there, or cannot be read.

        Raises
        ------
        DataError
        """
        if name not in self.kinds:
            known = listed([quoted(known) for known in self.kinds])
            raise DataError(
                f"{self.paths[0]}: there is no column {quoted(name)} for the {role}; it has {known}"
            )

    def pieces(self, most: int) -> list["TableFiles"]:
        """Consecutive rows of the files, in pieces that can be read elsewhere.

        Parameters
        ----------
        most : int
            About the bytes of a piece, where a file can be cut: Parquet between its row groups,
            Arrow files between their record batches. CSV files and Arrow streams are one piece.
        """
        return [replace(self, _reader=own) for own in self._reader.pieces(most)]

    def batches(self, names: Sequence[str], skip: int = 0) -> Iterator[Batch]:
        """Rows of the columns `names`, in the order of the files, but for the first batches.

        The next batches are read while the consumer works. NaN and infinity in Parquet and Arrow
        files come as they are stored.

        Raises
        ------
        DataError
            If there is no such column, it holds what cannot be read, or a file is corrupt or has
            changed since it was opened.
        """
        lacking = [name for name in names if name not in self.kinds]
        if lacking or not names:
            known = listed([quoted(name) for name in self.kinds])
            what = f"have no column {quoted(lacking[0])}" if lacking else "are asked for no column"
            raise DataError(f"the files, {self.paths[0]} first, {what}; name one of {known}")
        return self._reader.batches(list(names), skip)


def open_files(
    files: str | Path | Sequence[str | Path],
    *,
    types: Mapping[str, str] | None = None,
    text: Sequence[str] = (),
    block_bytes: int = 32 * 2**20,
) -> TableFiles:
    r"""Open files of rows, look at their columns, and read none but the first rows.

    Parameters
    ----------
    files : str, Path, or a sequence of them
        A file, a list of files, a glob (``"folder/*.parquet"``, ``**`` too), or a folder, whose
        files of one known format are read in the order of their names.
    types : dict, optional
        Column name -> "number", "boolean" or "category", where it should not be inferred.
    text : sequence of str
        Columns of CSV files that are not typed, such as the outcome: a dictionary of their cells.
        In other formats they come as they are stored.
    block_bytes : int
        About the size of a batch; memory is a few times that.

    Raises
    ------
    DataError
        If files are not there, are of several formats, or their columns differ.
    ParameterError
        If `types` or `text` names no column, or no kind.
    MissingPackageError
        If pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "dose.csv")
    ...     _ = path.write_text("dose,site\n0.5,b\nNA,a\n")
    ...     files = open_files(path)
    ...     print(files.kinds)
    ...     for batch in files.batches(["site", "dose"]):
    ...         print(batch.lines, batch.columns["dose"].to_pylist())
    {'dose': 'number', 'site': 'category'}
    [2 3] [0.5, None]
    """
    if block_bytes < 1:
        raise ParameterError(f"block_bytes is {block_bytes}; give at least 1.")
    paths = named_files(files)
    kind = format_of(paths)
    declared = dict(types or {})
    for name, asked in declared.items():
        if asked not in _KINDS:
            raise ParameterError(
                f"types says that column {quoted(str(name))} is {quoted(str(asked))}; "
                'say "number", "boolean" or "category".'
            )
    make = CsvFiles if kind == "csv" else ArrowFiles
    reader = make(paths, kind, declared, tuple(text), block_bytes)
    for argument, names in (("types", declared), ("the target", text)):
        lacking = [name for name in names if name not in reader.kinds]
        if lacking:
            raise ParameterError(
                f"{paths[0]}: there is no column {quoted(str(lacking[0]))}, which {argument} names;"
                f" it has {listed([quoted(name) for name in reader.kinds])}"
            )
    return TableFiles(paths, kind, reader.kinds, reader.n_rows, reader.narrow, reader)
