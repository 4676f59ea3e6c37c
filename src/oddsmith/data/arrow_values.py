"""Values between Python, NumPy and Arrow without Arrow's own conversions, which import pandas."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from oddsmith.data.csv_bytes import arrow_csv

__all__ = ["as_numpy", "first_true", "float_view", "floats", "texts"]


def as_numpy(array: Any) -> Any:
    """Arrow array without nulls as NumPy's."""
    arrow = arrow_csv()
    if arrow.types.is_boolean(array.type):
        return np.from_dlpack(array.cast(arrow.uint8())).view(bool)
    return np.from_dlpack(array)


def first_true(mask: Any) -> int | None:
    """Place of the first true value of an Arrow array without nulls, None if there is none."""
    found = as_numpy(mask)
    place = int(np.argmax(found)) if len(found) else 0
    return place if len(found) and found[place] else None


def float_view(array: Any) -> Any:
    """Values of a float64 array; what stands at nulls may be anything."""
    _, values = array.buffers()
    return np.frombuffer(values, np.float64, len(array), 8 * array.offset)


def floats(values: Sequence[float | None]) -> Any:
    """Arrow array of float64; None is null.

    Examples
    --------
    >>> floats([1.5, None]).to_pylist()
    [1.5, None]
    """
    arrow = arrow_csv()
    known = np.packbits(np.array([value is not None for value in values], bool), bitorder="little")
    found = np.array([0.0 if value is None else value for value in values], dtype=np.float64)
    buffers = [arrow.py_buffer(known.tobytes()), arrow.py_buffer(found.tobytes())]
    return arrow.Array.from_buffers(arrow.float64(), len(values), buffers)


def texts(values: Sequence[str]) -> Any:
    """Arrow array of text.

    Examples
    --------
    >>> texts(["a", "größe"]).to_pylist()
    ['a', 'größe']
    """
    arrow = arrow_csv()
    raw = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, raw)], dtype=np.int32)
    buffers = [None, arrow.py_buffer(ends.tobytes()), arrow.py_buffer(b"".join(raw))]
    return arrow.Array.from_buffers(arrow.string(), len(raw), buffers)
