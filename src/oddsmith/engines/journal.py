"""A journal of folds: a fit that was cut short is run again, and asks the journal before the rows.

A solver is a function of the sums that its folds return. So nothing of the solver has to be stored:
run again from the beginning, it is given the same sums, takes the same steps to the same bits, and
goes on where the journal ends. A sum is a few numbers a column, so that a journal is small.
"""

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from oddsmith.core.block import Block, Mergeable, RowSource, SampleSource
from oddsmith.core.columns import Columns
from oddsmith.core.kernels import ScoreMoments
from oddsmith.core.landing import LandingMoments
from oddsmith.core.moments import LineMoments, Moments, VectorMoments
from oddsmith.errors import DataError, ParameterError

__all__ = ["Journal"]

S = TypeVar("S", bound=Mergeable)

# Sums that are written down; another kind is summed again, which gives the same bits too.
_KINDS = {
    kind.__name__: kind
    for kind in (Columns, LandingMoments, LineMoments, Moments, ScoreMoments, VectorMoments)
}


class Journal:
    """A row source that writes down what each fold returns, and reads it where it is written.

    Parameters
    ----------
    source : RowSource
        One that gives samples.
    folder : Path
        Of the journal; what it holds from a fit before is gone through first.
    rows : tuple, dict, array, str, number or None, one in the other
        All that says which rows these are and how they are encoded and weighed: sums over others
        are refused.

    Attributes
    ----------
    read : int
        Folds that were read so far, and not done again.

    Examples
    --------
    >>> import tempfile
    >>> from oddsmith.core.columns import column_statistics
    >>> from oddsmith.data.memory import memory_blocks
    >>> from oddsmith.engines.threads import BlockThreads
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for _ in range(2):
    ...         with BlockThreads(memory_blocks(np.eye(2), np.zeros(2, dtype=np.int8))) as source:
    ...             journal = Journal(source, Path(folder))
    ...             print(journal.fold(column_statistics).mean, journal.read)
    [0.5 0.5] 0
    [0.5 0.5] 1
    """

    def __init__(self, source: RowSource, folder: Path, rows: Any = None) -> None:
        self.source = source
        self._rows = _digest(rows)
        self.folder = folder
        self.read = 0
        self._folds = 0

    @property
    def n_rows(self) -> int:
        """Rows of the source."""
        return self.source.n_rows

    @property
    def n_features(self) -> int:
        """Columns of the source."""
        return self.source.n_features

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        """Sum of kernel(block) over all blocks, from the journal if it is there.

        Raises
        ------
        ParameterError
            If the journal is of another fit.
        DataError
            If the journal cannot be written.
        """
        path = self.folder / f"fold-{self._folds:05d}.npz"
        self._folds += 1
        asked = _digest((self._rows, kernel))
        if asked is None:
            return self.source.fold(kernel)
        found: Any = _read(path, asked)
        if found is not None:
            self.read += 1
            return found
        result = self.source.fold(kernel)
        _write(path, asked, result)
        return result

    def sample(self, stride: int, /) -> RowSource:
        """Sample of the source, whose folds are quick, and done again."""
        if not isinstance(self.source, SampleSource):
            raise ParameterError("this source of rows gives no sample; use another solver.")
        return self.source.sample(stride)


class _UnknownError(Exception):
    """What is asked for holds something whose bits nobody can tell."""


def _digest(asked: Any) -> str | None:
    """Say in 64 letters what is asked for: its type and the bits of all that it holds.

    None where it holds what cannot be told from others of its kind, such as a lambda's variables.
    """
    sums = hashlib.sha256()
    try:
        _add(sums, asked)
    except _UnknownError:
        return None
    return sums.hexdigest()


def _add(sums: Any, value: Any) -> None:
    named = value if hasattr(value, "__qualname__") else type(value)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        sums.update(f"{value.dtype.str}{value.shape}".encode())
        sums.update(np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value) and not isinstance(value, type):
        # Compiled kernels have the names of the plain ones, which round otherwise.
        sums.update(f"{named.__module__}.{named.__qualname__}(".encode())
        for field in fields(value):
            _add(sums, getattr(value, field.name))
        sums.update(b")")
    elif isinstance(value, (tuple, list, dict)):
        parts: Any = value.items() if isinstance(value, dict) else value
        sums.update(f"{type(value).__name__}{len(value)}(".encode())
        for part in parts:
            _add(sums, part)
        sums.update(b")")
    elif isinstance(value, (int, float, str, np.generic)) or value is None:
        sums.update(f"{type(value).__name__}:{value!r};".encode())
    elif _is_all_in_its_name(value):
        sums.update(f"{named.__module__}.{named.__qualname__};".encode())
    else:
        raise _UnknownError


def _is_all_in_its_name(value: Any) -> bool:
    """Whether the name says all: of a module's function, a class, or a loss without numbers."""
    if isinstance(value, type):
        return True
    if hasattr(value, "__qualname__"):
        return "<" not in value.__qualname__ and getattr(value, "__self__", None) is None
    slots = any(getattr(kind, "__slots__", ()) for kind in type(value).__mro__)
    return not slots and getattr(value, "__dict__", None) == {}


def _read(path: Path, asked: str) -> Any:
    """Sum that was written; None if there is none, or it was cut short."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            parts = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    kind = _KINDS.get(str(parts.pop("kind", "")))
    if kind is None:
        return None
    if str(parts.pop("asked", "")) != asked:
        raise ParameterError(
            f"{path.parent}: the checkpoint is of a fit with other parameters or of another "
            "version; fit without it, or with those of its fit."
        )
    make: Any = kind
    return make(**{name: own if own.ndim else float(own) for name, own in parts.items()})


def _write(path: Path, asked: str, result: Any) -> None:
    """Write a sum so that it is there whole or not at all."""
    kind = type(result).__name__
    if _KINDS.get(kind) is not type(result):
        return
    parts = {field.name: getattr(result, field.name) for field in fields(result)}
    staged = path.with_suffix(".part")
    try:
        with staged.open("wb") as file:
            np.savez(file, kind=np.array(kind), asked=np.array(asked), **parts)
        staged.replace(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise DataError(
            f"{path.parent}: the checkpoint cannot be written ({why}); name a folder on a disk "
            "with room."
        ) from None
