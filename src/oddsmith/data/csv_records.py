"""A CSV file as runs of whole records; faults that no cell can mend are named by line.

A record ends at a line break outside quotes. What can be judged by counting quotes is judged so,
which is quick; all else is walked through by Python's own reader, which is slow, strict, and has
the last word. A fault is the first one in the order of bytes, whatever the size of the blocks.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.data.cells import NUMBER
from oddsmith.data.csv_bytes import CsvBytes
from oddsmith.errors import DataError

__all__ = ["CsvFile", "Header", "Records", "first_records"]

# Python's reader takes no longer cell, so that a quote never closed does not go on for ever.
_LONGEST_CELL = 131_072
_FIRST_BYTES = 2**16

Lines = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Header:
    """What the first record says.

    Attributes
    ----------
    source : str
        Name of the file, for messages.
    names : tuple of str
    separator : str
    """

    source: str
    names: tuple[str, ...]
    separator: str


@dataclass(frozen=True, slots=True)
class Records:
    """Whole records that stand together in a file.

    Attributes
    ----------
    data : bytes
        UTF-8 without zero bytes; ends in a line break.
    first_row : int
        Number of the first of them, the header not counted, from 0.
    lines : integer array of shape (n,)
        Line of the file on which each starts; the header is line 1.
    quotes : integer array or None
        Places of the quotes in data, where every other one closes a cell; None where it is not so.
    """

    data: bytes
    first_row: int
    lines: Lines
    quotes: Any


@dataclass(frozen=True, slots=True)
class _Cut:
    """Whole records at the start of some bytes, and what is wrong behind them."""

    end: int
    lines: Lines
    quotes: Any
    fault: DataError | None = None


class CsvFile:
    r"""A CSV file that is open for one reading, from its header to its end.

    Parameters
    ----------
    path : Path
    source : str
        Name of the file in messages.

    Raises
    ------
    DataError
        If it cannot be read, is empty, or has no good header.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "dose.csv")
    ...     _ = path.write_text('dose,note\n0.5,"a\nb"\n1.5,c\n')
    ...     with CsvFile(path, "dose.csv") as file:
    ...         for records in file.records(block_bytes=12):
    ...             print(file.header.names, records.data, records.lines)
    ('dose', 'note') b'0.5,"a\nb"\n' [2]
    ('dose', 'note') b'1.5,c\n' [4]
    """

    def __init__(self, path: Path, source: str) -> None:
        self._bytes = CsvBytes(path, source)
        self._source = source
        self._line = 1
        self._row = 0
        try:
            self.header = self._read_header(path)
        except BaseException:
            self._bytes.close()
            raise

    def __enter__(self) -> "CsvFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._bytes.close()

    def records(self, block_bytes: int) -> Iterator[Records]:
        """Cut runs of records of about `block_bytes`, but of one record at least.

        Raises
        ------
        DataError
            At the first fault, when all records before it have been given.
        """
        size = block_bytes
        while data := self._bytes.view(size):
            complete = self._bytes.complete(len(data))
            cut = _held_back(self._cut(data, complete), data, complete)
            if cut.end:
                yield Records(data[: cut.end], self._row, cut.lines[:-1], cut.quotes)
                self._row += cut.lines.size - 1
                self._line = int(cut.lines[-1])
                self._bytes.advance(cut.end)
                size = block_bytes
            if cut.fault is not None:
                raise cut.fault
            if not cut.end:
                size = 2 * max(size, len(data))
                self._bytes.expect_more(len(data))
        self._bytes.expect_more(0)

    def _cut(self, data: bytes, complete: bool) -> _Cut:
        found = _quick_cut(data, self.header.separator, self._line)
        return found or _slow_cut(data, complete, self.header, self._line)

    def _read_header(self, path: Path) -> Header:
        """Names of the columns, and the separator: the first that splits the first record."""
        order = "\t,;" if ".tsv" in [suffix.lower() for suffix in path.suffixes] else ",;\t"
        size = _FIRST_BYTES
        while True:
            data = self._bytes.view(size)
            complete = self._bytes.complete(len(data))
            if not data.strip() and complete:
                raise DataError(f"{self._source}: is empty; give it a header and rows")
            text, fault = _decode(data, complete, self._source, 1)
            complete = complete and fault is None
            found = {s: self._first_record(text, complete, s) for s in order}
            if fault is not None or complete or None not in found.values():
                break
            self._bytes.expect_more(len(data))
            size *= 2
        split = (s for s, first in found.items() if isinstance(first, tuple) and len(first[0]) > 1)
        first = found[next(split, ",")]
        if not isinstance(first, tuple):
            raise first or fault or DataError(f"{self._source}: line 1 cannot be read; check it")
        cells, end, self._line = first
        self._bytes.advance(_bytes_of(text, end))
        separator = next(s for s in order if found[s] is first)
        names = tuple(name.strip() for name in cells)
        _check_names(names, self._source)
        return Header(self._source, names, separator)

    def _first_record(
        self, text: str, complete: bool, separator: str
    ) -> tuple[list[str], int, int] | DataError | None:
        try:
            return next(_walk(text, complete, Header(self._source, (), separator), 1), None)
        except DataError as error:
            return error


def first_records(records: Records, header: Header, count: int) -> Records:
    r"""Keep the first `count` of the records.

    Examples
    --------
    >>> records = Records(b"1,a\n2,b\n", 0, np.array([2, 3]), None)
    >>> first_records(records, Header("x.csv", ("a", "b"), ","), 1).data
    b'1,a\n'
    """
    text = records.data.decode()
    walk = _walk(text, True, header, int(records.lines[0]))
    end = next(end for place, (_, end, _) in enumerate(walk, start=1) if place == count)
    return Records(
        records.data[: _bytes_of(text, end)], records.first_row, records.lines[:count], None
    )


def _bytes_of(text: str, end: int) -> int:
    """Bytes of the first `end` characters."""
    return end if text.isascii() else len(text[:end].encode())


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


def _held_back(cut: _Cut, data: bytes, complete: bool) -> _Cut:
    """Without the blank lines at its end, which say nothing where no record comes behind them."""
    if cut.fault is not None or complete or not cut.end:
        return cut
    tail = data[max(0, cut.end - 3) : cut.end]
    if tail.rstrip(b"\r\n") and _line_breaks(tail) == 1:
        return cut
    end = len(data[: cut.end].rstrip(b"\r\n"))
    if end == 0:
        return _Cut(0, cut.lines[:1], None)
    end += 2 if data[end : end + 2] == b"\r\n" else 1
    return _Cut(end, cut.lines[: cut.lines.size - _line_breaks(data[end : cut.end])], cut.quotes)


def _line_breaks(data: bytes, end: int | None = None) -> int:
    """Line breaks among the first `end` bytes."""
    found = data.count(b"\n", 0, end)
    if data.find(b"\r", 0, end) >= 0:
        found += data.count(b"\r", 0, end) - data.count(b"\r\n", 0, end)
    return found


def _quick_cut(data: bytes, separator: str, line: int) -> _Cut | None:
    """All whole records of data, by counting; None where counting does not tell."""
    end = _last_break(data, len(data))
    if not end or _has_long_stretch(data, end):
        return None
    quotes: Any = np.empty(0, dtype=np.int64)
    if b'"' in data:
        quotes = np.flatnonzero(np.frombuffer(data, np.uint8) == ord('"'))
        while (before := int(np.searchsorted(quotes, end))) % 2:
            end = _last_break(data, int(quotes[before - 1]))
        quotes = quotes[:before]
        if not end or not _quotes_are_plain(data, quotes, separator):
            return None
    if data.find(b"\0", 0, end) >= 0 or not _is_utf8(data, end):
        return None
    return _Cut(end, _lines_of(data, end, quotes, line), quotes)


def _last_break(data: bytes, end: int) -> int:
    """End of the last line break before `end`, 0 if there is none."""
    return max(data.rfind(b"\n", 0, end), data.rfind(b"\r", 0, end)) + 1


def _has_long_stretch(data: bytes, end: int) -> bool:
    """Whether some bytes without a line break are so many that a cell in them may be too long."""
    at = 0
    while at + _LONGEST_CELL < end:
        stop = at + _LONGEST_CELL
        found = max(data.rfind(b"\n", at, stop), data.rfind(b"\r", at, stop))
        if found < 0:
            return True
        at = found + 1
    return False


def _quotes_are_plain(data: bytes, quotes: Any, separator: str) -> bool:
    """Whether quotes open and close in turn, next to separators, line breaks or each other.

    Then each even one opens a cell, or is the second of two that stand for one; each odd one
    closes a cell, or is the first of two. By induction from the start, where a cell may open.
    """
    if not quotes.size:
        return True
    cells = np.frombuffer(data, np.uint8)
    beside = np.frombuffer(f"\n\r{separator}".encode(), np.uint8)
    opening, closing = quotes[::2], quotes[1::2]
    inner = opening[1:] == closing[:-1] + 1
    starts = opening[np.append(True, ~inner)]
    stops = closing[np.append(~inner, True)]
    if (stops - starts).max() > _LONGEST_CELL:
        return False
    opens = np.isin(cells[starts - 1], beside) | (starts == 0)
    return bool(opens.all() and np.isin(cells[stops + 1], beside).all())


def _is_utf8(data: bytes, end: int) -> bool:
    if data.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, end, 2**20):
            decoder.decode(data[at : min(end, at + 2**20)])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _lines_of(data: bytes, end: int, quotes: Any, line: int) -> Lines:
    """Line on which each record starts, and that after the last one."""
    if not quotes.size:
        return np.arange(line, line + _line_breaks(data, end) + 1)
    cells = np.frombuffer(data, np.uint8, end)
    breaks = cells == ord("\n")
    if b"\r" in data:
        returns = cells == ord("\r")
        returns[:-1] &= ~breaks[1:]
        breaks |= returns
    at = np.flatnonzero(breaks)
    outside = (np.searchsorted(quotes, at) & 1) == 0
    return np.append(line, line + 1 + np.flatnonzero(outside))


def _slow_cut(data: bytes, complete: bool, header: Header, line: int) -> _Cut:
    """All whole records of data and the fault behind them, by walking."""
    text, fault = _decode(data, complete, header.source, line)
    ends, lines = [0], [line]
    try:
        for _, end, after in _walk(text, complete and fault is None, header, line):
            ends.append(end)
            lines.append(after)
    except DataError as error:
        fault = error
    return _Cut(_bytes_of(text, ends[-1]), np.array(lines), None, fault)


def _decode(data: bytes, complete: bool, source: str, line: int) -> tuple[str, DataError | None]:
    """Text up to the first byte that is none, and the fault there."""
    fault = None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        text = data[: error.start].decode("utf-8")
        if complete or error.reason != "unexpected end of data":
            what = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
            fault = DataError(f"{source}: {_place(text, line)}: {what}")
    if "\0" in text:
        text = text[: text.index("\0")]
        what = "holds a zero byte; save the file as UTF-8 text"
        fault = DataError(f"{source}: {_place(text, line)}: {what}")
    return text, fault


def _place(text: str, line: int) -> str:
    """Line and character, both from 1, of what comes behind a text that begins on a line."""
    last = max(text.rfind("\n"), text.rfind("\r"))
    return f"line {line + _line_breaks(text.encode())}, character {len(text) - last}"


def _walk(
    text: str, complete: bool, header: Header, line: int
) -> Iterator[tuple[list[str], int, int]]:
    """Cells of each whole record, its end in characters, and the line behind it.

    Raises
    ------
    DataError
        At a record whose quotes are wrong, or that has a cell that is too long.
    """
    end, whole, start = 0, True, line

    def feed() -> Iterator[str]:
        nonlocal end, whole
        for row in io.StringIO(text, newline=""):
            end += len(row)
            whole = row[-1] in "\r\n"
            yield row

    reader = csv.reader(feed(), delimiter=header.separator, strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if not complete and "unexpected end" in str(error):
                return
            raise _quote_error(header.source, start, error) from None
        if cells is None or not (whole or complete):
            return
        start = line + reader.line_num
        yield cells, end, start


def _quote_error(source: str, line: int, error: csv.Error) -> DataError:
    if "expected after" in str(error):
        what = "text follows a closing quote; double the quotes inside a quoted cell"
    elif "unexpected end" in str(error):
        what = "a quote is opened here and never closed; close it"
    else:
        what = "a cell is longer than 131072 characters; check that each quote is closed"
    return DataError(f"{source}: line {line}: {what}")
