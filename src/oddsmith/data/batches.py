"""Batches of rows as they come from files, made ahead of their use; files must not change."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from oddsmith.core.labels import listed, quoted
from oddsmith.errors import DataError

__all__ = [
    "DATE_HINT",
    "Batch",
    "Reader",
    "Stamp",
    "ahead",
    "refuse_changed",
    "refuse_other_columns",
    "stamp_of",
]

DATE_HINT = (
    "make numbers of it first, such as the days since a date, the month or the day of the week"
)
Stamp = tuple[int, int, int]
S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """Rows that stand together in a file.

    Attributes
    ----------
    path : Path
    first_row : int
        Number in its file of the first row, from 0.
    lines : integer array of shape (n_rows,), or None
        In CSV files: the line on which each row starts.
    columns : dict of str to pyarrow.Array
        Numbers as stored (float64 in CSV files), booleans, or dictionary<int32, text>; null is a
        missing value, and so is NaN.
    n_rows : int
    """

    path: Path
    first_row: int
    lines: np.ndarray[Any, np.dtype[np.int64]] | None
    columns: dict[str, Any]
    n_rows: int


class Reader(Protocol):
    """What reads the files of one format."""

    kinds: dict[str, str]
    narrow: frozenset[str]

    @property
    def n_rows(self) -> int | None:
        """Number of all rows, where the files state it."""
        ...

    def batches(self, names: list[str], skip: int = 0) -> Iterator[Batch]:
        """Rows of the columns `names`, without the first batches."""
        ...

    def pieces(self, most: int) -> Sequence["Reader"]:
        """Readers of consecutive rows, about `most` bytes each where a file can be cut."""
        ...


def ahead(make: Callable[[S], T], items: Iterator[S], workers: int) -> Iterator[T]:
    """Results in the order of the items, made on threads while the consumer works.

    Examples
    --------
    >>> list(ahead(abs, iter([-1, 2, -3]), workers=2))
    [1, 2, 3]
    """
    waiting: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="oddsmith-read")
    try:
        for _ in range(workers + 1):  # one waits, so that no thread does
            _submit(pool, make, items, waiting)
        while waiting:
            result = waiting.popleft().result()
            _submit(pool, make, items, waiting)
            yield result
            del result
    finally:
        for future in waiting:
            future.cancel()
        pool.shutdown(wait=True)


def _submit(
    pool: ThreadPoolExecutor, make: Callable[[S], T], items: Iterator[S], waiting: deque[Future[T]]
) -> None:
    """Start with the next item; an error in getting it comes in its turn."""
    future: Future[T] = Future()
    try:
        waiting.append(pool.submit(make, next(items)))
    except StopIteration:
        return
    except Exception as error:  # raised when what comes before it has been given
        future.set_exception(error)
        waiting.append(future)


def stamp_of(path: Path) -> Stamp:
    """Tell whether a file is still the same, by size, time and place.

    Raises
    ------
    DataError
        If it is not there any more.
    """
    try:
        found = path.stat()
    except OSError:
        raise DataError(
            f"{path}: has vanished since it was opened; keep the files while they are read"
        ) from None
    return found.st_size, found.st_mtime_ns, found.st_ino


def refuse_changed(path: Path, stamp: Stamp) -> None:
    """Raise if a file is not what it was.

    Raises
    ------
    DataError
    """
    if stamp_of(path) != stamp:
        raise DataError(
            f"{path}: has changed since it was opened; keep the files as they are until they are "
            "read"
        )


def refuse_other_columns(
    path: Path, names: tuple[str, ...], first: Path, expected: tuple[str, ...]
) -> None:
    """Raise if a file has not the columns of the first one, in any order.

    Raises
    ------
    DataError
    """
    if set(names) == set(expected):
        return
    lacking = [quoted(name) for name in expected if name not in names]
    extra = [quoted(name) for name in names if name not in expected]
    pairs = (("lacks", lacking), ("has", extra))
    found = [f"{word} {listed(some)}" for word, some in pairs if some]
    raise DataError(
        f"{path}: {' and '.join(found)}, unlike {first}; give files with the same columns"
    )
