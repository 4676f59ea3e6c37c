"""Rows: a block of them, where blocks come from, and what folds over them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError

__all__ = [
    "ArrayBlocks",
    "Block",
    "BlockSource",
    "Blocks",
    "ColumnSource",
    "CountedSource",
    "Mergeable",
    "RowSource",
    "SampleSource",
]


class Mergeable(Protocol):
    """What a kernel returns: something that can be added to its like."""

    def __add__(self, other: Self, /) -> Self: ...


S = TypeVar("S", bound=Mergeable)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows of a data set.

    Attributes
    ----------
    X : ndarray or SciPy CSR matrix of shape (n, p)
        float64 or float32, as stored: kernels convert a block, never the whole.
    y : integer array of shape (n,)
        Class index, 0 or 1 if binary.
    weight : array of shape (n,)
        >= 0, in rows: weight 2 is the row twice.
    offset : array of shape (n,) or (n, K)
        Added to the margin with a fixed coefficient of 1 (nats).
    group : integer array of shape (n,), or None
        Cluster of each row, whose rows depend on each other; no fit asks for it.
    """

    X: Any
    y: npt.NDArray[np.integer[Any]]
    weight: Array
    offset: Array
    group: npt.NDArray[np.integer[Any]] | None = None


class Blocks(Protocol):
    """A data set cut into blocks with fixed boundaries, whoever reads them."""

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        ...

    @property
    def n_features(self) -> int:
        """Columns."""
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Block: ...

    def joined(self, run: range, /) -> Iterator[Block]:
        """Consecutive blocks, as few as can be: for kernels that cut them into tiles themselves."""
        ...

    def sample(self, stride: int, /) -> "Blocks":
        """Every stride-th row, as `SampleSource` says."""
        ...


class ArrayBlocks(Blocks, Protocol):
    """Blocks of arrays in memory, which can also be cut otherwise."""

    def strips(self) -> list[slice]:
        """All columns once, cut into slices with fixed boundaries."""
        ...

    def strip(self, columns: slice, /) -> Block:
        """Every row of positive weight, with some of the columns."""
        ...

    def batches(self, size: int, epoch: int, seed: int | None, /) -> Iterator[tuple[float, Block]]:
        """All rows once, as `BlockSource` says."""
        ...


class RowSource(Protocol):
    """What an engine implements: a sum of a kernel over all rows, in a fixed order."""

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        ...

    @property
    def n_features(self) -> int:
        """Columns."""
        ...

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        """Sum of kernel(block) over all blocks."""
        ...


@runtime_checkable
class BlockSource(RowSource, Protocol):
    """A row source that also hands out its rows in small batches: local and replayable."""

    def batches(self, size: int, epoch: int, seed: int | None, /) -> Iterator[tuple[float, Block]]:
        """Every row of positive weight once, in batches, each with its share of those rows.

        The order is drawn anew from seed and epoch alone, so that any epoch can be replayed;
        with the seed None it is the order of the rows.
        """
        ...


@runtime_checkable
class SampleSource(RowSource, Protocol):
    """A row source that also gives a part of its rows, the same whoever reads them."""

    def sample(self, stride: int, /) -> RowSource:
        """Rows 0, k, 2 k, ... by their number in the whole, as a source of their own.

        k is the stride; files, which take a sample when they are first read, may give a k that
        is somewhat smaller.
        """
        ...


@runtime_checkable
class ColumnSource(RowSource, Protocol):
    """A row source that can also be read column by column: in memory."""

    def fold_columns(self, kernel: Callable[[Block, slice], S], /) -> S:
        """Sum of kernel(strip, columns) over all strips, in a fixed order.

        A strip is a block of every row of positive weight, and of some of the columns.
        """
        ...

    def spread(self, task: Callable[[T], object], parts: Sequence[T], /) -> None:
        """Do a task for each part, at the same time where there are threads."""
        ...


class CountedSource:
    """A source that counts how often its rows were read, its only state.

    Attributes
    ----------
    source : RowSource
    passes : int
        Folds so far.
    """

    def __init__(self, source: RowSource) -> None:
        self.source = source
        self.passes = 0
        # Asking a protocol takes longer than a small task.
        self._columns = source if isinstance(source, ColumnSource) else None

    @property
    def n_rows(self) -> int:
        """Rows of the source."""
        return self.source.n_rows

    @property
    def n_features(self) -> int:
        """Columns of the source."""
        return self.source.n_features

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        """Fold the kernel over the source, and count it."""
        self.passes += 1
        return self.source.fold(kernel)

    @property
    def by_column(self) -> bool:
        """Whether the source can be read column by column."""
        return self._columns is not None

    def fold_columns(self, kernel: Callable[[Block, slice], S], /) -> S:
        """Fold the kernel over strips of columns, one pass in all.

        Raises
        ------
        ParameterError
            If the source has no columns to give.
        """
        if self._columns is None:
            raise ParameterError(
                "this solver reads columns, which needs rows in memory; use solver='auto' without "
                "an L1 part, or GradientDescent(...)."
            )
        self.passes += 1
        return self._columns.fold_columns(kernel)

    def spread(self, task: Callable[[T], object], parts: Sequence[T], /) -> None:
        """Do a task for each part: no pass over the rows."""
        if self._columns is not None:
            self._columns.spread(task, parts)
        else:
            for part in parts:
                task(part)

    def batches(self, size: int, epoch: int, seed: int | None, /) -> Iterator[tuple[float, Block]]:
        """Hand out the source's batches, one pass in all.

        Raises
        ------
        ParameterError
            If the source has no batches to give.
        """
        if not isinstance(self.source, BlockSource):
            raise ParameterError(
                f"batch_size={size} needs rows in memory; leave it None, or use another solver."
            )
        self.passes += 1
        return self.source.batches(size, epoch, seed)
