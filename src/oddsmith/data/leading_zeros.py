"""Which columns of CSV records hold numbers with leading zeros, found in the bytes.

``007`` is a code, but readers of numbers take it for 7. To look at each cell as text would cost
more than to read it as a number; here bytes are compared, gigabytes per second.
"""

from typing import Any

import numpy as np

from oddsmith.data.csv_records import Records

__all__ = ["columns_with_leading_zeros"]

# Bytes that are looked at in one go, so that they stay in the cache.
_PIECE = 2**18
_SIGNS, _EXPONENTS = np.frombuffer(b"+-", np.uint8), np.frombuffer(b"eE", np.uint8)


def columns_with_leading_zeros(records: Records, separator: str, width: int) -> set[int] | None:
    r"""Places of columns that may hold such a cell; None where cells cannot be counted.

    Examples
    --------
    >>> data = b"1.05,1e-05,01-02,0\n0.5,-1,1,-07\n"
    >>> columns_with_leading_zeros(Records(data, 0, np.array([2, 3]), np.empty(0, int)), ",", 4)
    {2, 3}
    """
    head = np.frombuffer(b"\n\n" + records.data[:3], np.uint8)
    found = [_zeros_before_digits(head, separator) - 2]
    cells = np.frombuffer(records.data, np.uint8)
    found += [
        _zeros_before_digits(cells[at : at + _PIECE + 3], separator) + at
        for at in range(0, cells.size - 3, _PIECE)
    ]
    zeros = np.concatenate(found)
    return _columns_at(zeros, records, separator, width) if zeros.size else set()


def _zeros_before_digits(cells: Any, separator: str) -> Any:
    """Places, from the third byte on, of zeros that begin a number, with a digit behind them."""
    zero, before, behind = cells[2:-1], cells[1:-2], cells[3:]
    # Below "0" are line breaks, blanks, quotes, signs, the comma and the point.
    found = before < ord("0")
    if separator == ";":
        found |= before == ord(";")
    found &= zero == ord("0")
    found &= (behind - np.uint8(ord("0"))) < 10
    found &= before != ord(".")
    if not found.any():
        return np.empty(0, np.intp)
    at = np.flatnonzero(found) + 2
    signed = np.isin(cells[at - 1], _SIGNS) & np.isin(cells[at - 2], _EXPONENTS)
    return at[~signed]


def _columns_at(places: Any, records: Records, separator: str, width: int) -> set[int] | None:
    data = records.data
    if records.quotes is None or data.count(b"\r") != data.count(b"\r\n"):
        return None
    cells = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((cells == ord(separator)) | (cells == ord("\n")))
    if records.quotes.size:
        ends = ends[(np.searchsorted(records.quotes, ends) & 1) == 0]
    if ends.size != records.lines.size * width:
        return None
    return set(np.unique(np.searchsorted(ends, places) % width).tolist())
