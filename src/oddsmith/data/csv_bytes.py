"""The bytes of a CSV file, unpacked if its name says so, a view at a time."""

import codecs
from pathlib import Path
from typing import Any

from oddsmith.errors import DataError, MissingPackageError

__all__ = ["CsvBytes", "arrow_csv"]

_PACKED = {".gz": "gzip", ".zst": "zstd"}
_PIECE = 2**20


def arrow_csv() -> Any:
    """pyarrow, with its parts that read CSV.

    Raises
    ------
    MissingPackageError
    """
    try:
        import pyarrow.compute
        import pyarrow.csv
    except ImportError:
        raise MissingPackageError(
            'reading CSV files needs pyarrow; install it with: pip install "oddsmith[table]"'
        ) from None
    return pyarrow


class CsvBytes:
    """Bytes behind the byte-order mark, seen through a window that moves forward.

    Line breaks at the end of the file are one, and a window never ends between CR and LF.
    """

    def __init__(self, path: Path, source: str) -> None:
        self._source = source
        self._fault: DataError | None = None
        self._held, self._at, self._ended = b"", 0, False
        self._file: Any = None
        self._unpacked: Any = None
        try:
            self._open(path)
            self._fill(max(_PIECE, len(codecs.BOM_UTF8)))
            if self._held.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise DataError(f"{source}: is UTF-16; save it as UTF-8")
        except BaseException:
            self.close()
            raise
        self._at = len(codecs.BOM_UTF8) * self._held.startswith(codecs.BOM_UTF8)
        self._mend_end()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def view(self, size: int) -> bytes:
        """About `size` bytes from where the window stands, or all that there are."""
        self._fill(self._at + size)
        end = self._at + size
        if self._held[end - 1 : end] == b"\r":
            end += 1
        if not self._at and end >= len(self._held):
            return self._held
        return self._held[self._at : end]

    def complete(self, size: int) -> bool:
        """Whether nothing comes behind `size` bytes of the window."""
        return self._ended and self._fault is None and self._at + size >= len(self._held)

    def advance(self, size: int) -> None:
        """Move the window forward."""
        self._at += size

    def expect_more(self, size: int) -> None:
        """Raise if the file could not be read beyond `size` bytes of the window."""
        if self._fault is not None and self._at + size >= len(self._held):
            raise self._fault

    def _open(self, path: Path) -> None:
        try:
            self._file = path.open("rb")
        except FileNotFoundError:
            raise DataError(f"{self._source}: there is no such file; check its name") from None
        except IsADirectoryError:
            raise DataError(f"{self._source}: is a folder; name a CSV file in it") from None
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from None
        self._packing = _PACKED.get(path.suffix.lower(), "")
        self._unpacked = self._file
        if self._packing:
            self._unpacked = arrow_csv().CompressedInputStream(self._file, self._packing)

    def _unreadable(self, error: Exception) -> DataError:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        return DataError(f"{self._source}: cannot be read ({why}); name a readable CSV file")

    def _fill(self, end: int) -> None:
        """Hold all bytes before `end`, and not a CR as the last one."""
        if self._ended or len(self._held) >= end:
            return
        held = [self._held[self._at :]]
        size = len(held[0])
        end -= self._at
        self._at = 0
        while size < end or held[-1][-1:] == b"\r":
            piece = self._piece(end - size)
            if not piece:
                self._ended = True
                break
            held.append(piece)
            size += len(piece)
        self._held = b"".join(held)
        self._mend_end()

    def _mend_end(self) -> None:
        """Blank lines at the end of a file say nothing."""
        if self._ended and self._fault is None:
            rest = self._held[self._at :].rstrip(b"\r\n")
            self._held, self._at = rest + b"\n" if rest else b"", 0

    def _piece(self, wanted: int) -> bytes:
        """Read on; what is unpacked by a fixed number, so that a fault is at the same byte."""
        try:
            return self._unpacked.read(_PIECE if self._packing else max(wanted, _PIECE))
        except OSError as error:
            self._fault = self._unreadable(error)
            if self._packing:
                why = " ".join(str(error).split())
                what = f"is no whole {self._packing} file ({why})"
                self._fault = DataError(f"{self._source}: {what}; pack it again")
            return b""
