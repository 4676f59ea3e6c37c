"""CSV files, read strictly: every cell is what it seems, or the file is refused by line and column.

Readers differ silently on missing values, blank lines, stray quotes and long numbers. Here all
cells are read as text first (pyarrow), and become numbers or labels by the rules of
`cells`, only for the columns that are asked for.

- The encoding is UTF-8, with or without a byte-order mark. The separator is a comma; where the
  header holds none, it is a semicolon, else a tab. Lines end in LF, CRLF or CR.
- Blanks around names, numbers and labels do not count. Blank lines count only inside the file.
"""

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oddsmith.core.labels import Label, quoted
from oddsmith.core.stable import Array
from oddsmith.data.cells import NUMBER, is_missing, number_problem, read_label
from oddsmith.errors import DataError, MissingPackageError

__all__ = ["Table", "named_columns", "read_csv"]

# What needs no second look: no leading zero, and no more digits than 64 bits hold.
_PLAIN_NUMBER = r"^[+-]?(?:(?:0|[1-9][0-9]{0,17})(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
# Arrow cannot read a row that is longer than a block.
_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a CSV file as text, each column turned into numbers or labels on demand.

    Attributes
    ----------
    source : str
        Name of the file, for messages.
    names : tuple of str
        Names of the p columns.
    lines : array of shape (n,)
        Line of the file on which each row starts; the header is line 1.
    columns : tuple of pyarrow.ChunkedArray
        p columns of n text cells, without blanks around them.
    """

    source: str
    names: tuple[str, ...]
    lines: np.ndarray[Any, np.dtype[np.int64]]
    columns: tuple[Any, ...]

    @property
    def n_rows(self) -> int:
        """Number of rows, the header not counted."""
        return len(self.lines)

    def text(self, name: str) -> list[str]:
        """Cells of one column, as they stand in the file but for blanks around them."""
        if name not in self.names:
            known = ", ".join(quoted(n) for n in self.names[:20])
            more = f" and {len(self.names) - 20} more" if len(self.names) > 20 else ""
            raise DataError(
                f"{self.source}: there is no column {quoted(name)}; "
                f"name one of its columns: {known}{more}"
            )
        return self.columns[self.names.index(name)].to_pylist()

    def numbers(self, names: tuple[str, ...]) -> Array:
        """Matrix of shape (n, p) of the columns `names`, which must hold finite numbers only.

        Raises
        ------
        DataError
            If a cell is missing or no number: the message names file, line and column.
        """
        matrix = np.empty((self.n_rows, len(names)))
        for j, name in enumerate(names):
            matrix[:, j] = self._number_column(name)
        return matrix

    def labels(self, name: str) -> list[Label]:
        """Class labels, one a row: whole numbers, numbers, true/false, or else text.

        A column is of one kind only. Text is kept as it stands, ``007``, ``True`` and ``1_0``
        included; ``true`` and ``false`` are booleans.

        Raises
        ------
        DataError
            If a label is missing: the message names file, line and column.
        """
        cells = self.text(name)
        kinds = {cell: read_label(cell) for cell in dict.fromkeys(cells)}
        if any(is_missing(cell) for cell in kinds):
            row = next(i for i, cell in enumerate(cells) if is_missing(cell))
            raise self._refusal(row, name, *number_problem(cells[row]))
        types = {type(value) for value in kinds.values()}
        if types == {int, float}:
            kinds = {cell: float(value) for cell, value in kinds.items()}
        elif len(types) > 1:
            return list(cells)
        return [kinds[cell] for cell in cells]

    def _number_column(self, name: str) -> Array:
        cells = self.columns[self.names.index(name)]
        compute = _arrow().compute
        plain = compute.match_substring_regex(cells, pattern=_PLAIN_NUMBER)
        if not compute.all(plain).as_py():
            self._refuse_what_is_no_number(name)
        values = _array(compute.cast(cells, _arrow().float64()))
        if not np.isfinite(values).all():
            self._refuse_what_is_no_number(name)
        return values

    def _refuse_what_is_no_number(self, name: str) -> None:
        for row, cell in enumerate(self.text(name)):
            what, todo = number_problem(cell)
            if what:
                raise self._refusal(row, name, what, todo)

    def _refusal(self, row: int, name: str, what: str, todo: str) -> DataError:
        if all(not cells[row].as_py() for cells in self.columns):
            return DataError(f"{self.source}: line {self.lines[row]} is blank; delete it")
        return DataError(
            f"{self.source}: line {self.lines[row]}, column {quoted(name)}: {what}; {todo}"
        )


def read_csv(path: str | Path, source: str | None = None) -> Table:
    r"""Read a CSV file with a header into a `Table`.

    Parameters
    ----------
    path : str or Path
    source : str, optional
        Name of the file in messages, `path` unless told.

    Raises
    ------
    DataError
        If the file cannot be read, or its rows are not all as long as its header; the message
        names the file and the line.
    MissingPackageError
        If pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "dose.csv")
    ...     _ = path.write_text("dose,alive\n0.5,yes\n1.5,no\n")
    ...     table = read_csv(path)
    >>> table.numbers(("dose",)).ravel(), table.labels("alive"), table.lines.tolist()
    (array([0.5, 1.5]), ['yes', 'no'], [2, 3])
    """
    source = str(path) if source is None else source
    arrow = _arrow()
    data = _read_bytes(Path(path), source)
    text = _decode(data, source)
    header, separator = _read_header(text, source)
    if '"' in text:
        _check_quotes(text, separator, source)
    rows = _parse(data, len(header), separator, source, text)
    if rows.num_rows < 2:
        raise DataError(f"{source}: there is a header but no row; add data below line 1")
    trim = arrow.compute.utf8_trim_whitespace
    columns = tuple(trim(column.slice(1)) for column in rows.columns)
    return Table(source, header, _lines(rows, '"' in text), columns)


def named_columns(X: Array, names: tuple[str, ...]) -> Any:
    """Make a data frame (pyarrow Table) of X, of shape (n, p), so that a fit knows names.

    Examples
    --------
    >>> named_columns(np.eye(2), ("a", "b")).column_names
    ['a', 'b']
    """
    return _arrow().table({name: X[:, j] for j, name in enumerate(names)})


def _arrow() -> Any:
    try:
        import pyarrow.compute
        import pyarrow.csv
    except ImportError:
        raise MissingPackageError(
            'reading CSV files needs pyarrow; install it with: pip install "oddsmith[table]"'
        ) from None
    return pyarrow


def _read_bytes(path: Path, source: str) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{source}: there is no such file; check its name") from None
    except IsADirectoryError:
        raise DataError(f"{source}: is a folder; name a CSV file in it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{source}: cannot be read ({why}); name a readable CSV file") from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{source}: is UTF-16; save it as UTF-8")
    # Blank lines at the end of a file say nothing.
    data = data.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n") + b"\n"
    if not data.strip():
        raise DataError(f"{source}: is empty; give it a header and rows")
    return data


def _decode(data: bytes, source: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = _line_breaks(data[: error.start].decode("utf-8")) + 1
        byte = data[error.start]
        raise DataError(
            f"{source}: line {line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
        ) from None
    if "\0" in text:
        line = _line_breaks(text[: text.index("\0")]) + 1
        raise DataError(f"{source}: line {line}: holds a zero byte; save the file as UTF-8 text")
    return text


def _line_breaks(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _records(text: str, separator: str) -> Any:
    """Rows by Python's own reader, which is slow, but strict about quotes, and counts lines."""
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def _read_header(text: str, source: str) -> tuple[tuple[str, ...], str]:
    """Names of the columns, and the separator: the first of comma, semicolon, tab that splits."""
    found: dict[str, list[str]] = {}
    problems: list[DataError] = []
    for separator in ",;\t":
        try:
            found[separator] = next(_records(text, separator))
        except csv.Error as error:
            problems.append(_quote_error(source, 1, error))
    separator = next((s for s, header in found.items() if len(header) > 1), ",")
    if separator not in found:
        raise problems[0]
    names = tuple(name.strip() for name in found[separator])
    _check_names(names, source)
    return names, separator


def _check_names(names: tuple[str, ...], source: str) -> None:
    if not names:
        raise DataError(f"{source}: line 1 is blank; put a header on it")
    for position, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"{source}: line 1: column {position} has no name; name it")
    # Whole numbers may be names; with a point, or twice, they are the first row of data.
    for name in names:
        if NUMBER.fullmatch(name) and ("." in name or names.count(name) > 1):
            raise DataError(
                f"{source}: line 1: {quoted(name)} is a number where the name of a column "
                "is needed; put a header above the data"
            )
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if name in seen:
            raise DataError(
                f"{source}: line 1: columns {seen[name]} and {position} are both named "
                f"{quoted(name)}; rename one"
            )
        seen[name] = position


def _check_quotes(text: str, separator: str, source: str) -> None:
    reader, line = _records(text, separator), 1
    try:
        for _ in reader:
            line = reader.line_num + 1
    except csv.Error as error:
        raise _quote_error(source, line, error) from None


def _quote_error(source: str, line: int, error: csv.Error) -> DataError:
    if "expected after" in str(error):
        what = "text follows a closing quote; double the quotes inside a quoted cell"
    elif "unexpected end" in str(error):
        what = "a quote is opened here and never closed; close it"
    else:
        what = "a cell is longer than 131072 characters; check that each quote is closed"
    return DataError(f"{source}: line {line}: {what}")


def _parse(data: bytes, width: int, separator: str, source: str, text: str) -> Any:
    """Arrow table of text, whose first row is the header."""
    arrow = _arrow()
    ragged: list[Any] = []

    def refuse(row: Any) -> str:
        ragged.append(row)
        return "error"

    try:
        return arrow.csv.read_csv(
            arrow.BufferReader(data),
            # One thread, because only so does Arrow tell the number of a bad row.
            arrow.csv.ReadOptions(
                autogenerate_column_names=True, use_threads=False, block_size=_BLOCK_BYTES
            ),
            arrow.csv.ParseOptions(
                delimiter=separator,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=refuse,
            ),
            arrow.csv.ConvertOptions(
                column_types={f"f{j}": arrow.string() for j in range(width)},
                strings_can_be_null=False,
            ),
        )
    except arrow.ArrowInvalid as error:
        if not ragged:
            why = " ".join(str(error).split())
            raise DataError(f"{source}: is not a CSV file ({why}); check it") from None
    raise _ragged_error(ragged[0], text, separator, source)


def _ragged_error(row: Any, text: str, separator: str, source: str) -> DataError:
    line = row.number
    if '"' in text:  # quoted cells may hold line breaks
        reader = _records(text, separator)
        for _ in range(row.number - 1):
            next(reader)
        line = reader.line_num + 1
    longer = row.actual_columns > row.expected_columns
    todo = "quote cells that hold the separator" if longer else "add what is missing"
    return DataError(
        f"{source}: line {line}: has {row.actual_columns} cells where the header has "
        f"{row.expected_columns}; {todo}"
    )


def _array(column: Any) -> Any:
    """Column as a NumPy array, through DLPack: Arrow's own to_numpy would import pandas."""
    return np.from_dlpack(column.combine_chunks())


def _lines(rows: Any, quotes: bool) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Line on which each row starts, the header left out: quoted cells may hold line breaks."""
    if not quotes:
        return np.arange(2, rows.num_rows + 1)
    arrow = _arrow()
    inside = np.zeros(rows.num_rows, dtype=np.int64)
    for column in rows.columns:
        breaks = arrow.compute.count_substring_regex(column, pattern="\r\n|\r|\n")
        inside += _array(breaks)
    return np.cumsum(1 + inside, dtype=np.int64)[:-1] + 1
