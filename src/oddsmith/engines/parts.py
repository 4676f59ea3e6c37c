"""Rows in parts as a row source: what every engine of a cluster shares, and the one that has none.

An engine implements `oddsmith.core.parts.Parts`: it sends a kernel to where the parts are. From
that comes `PartRows`, which solvers, proofs and inference fold over as over rows in memory.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Self, TypeVar

import numpy as np
import scipy.sparse as sp

from oddsmith.core.block import Block, Blocks, Mergeable
from oddsmith.core.parts import Node, Part, PartKernel, Parts, Refused, added, total
from oddsmith.engines.threads import BlockThreads
from oddsmith.errors import DataError, OddsmithError

__all__ = ["OverBlocks", "PartRows", "PartsHere", "changed", "joined", "partial_sums"]

S = TypeVar("S", bound=Mergeable)


def partial_sums(
    kernel: PartKernel[S], parts: Iterable[Part], n_parts: int, threads: int
) -> dict[Node, S | None]:
    """Add what the parts of one worker give, in the order of the tree: what its task returns."""
    floats = {"over": "ignore", "invalid": "ignore", "divide": "ignore", "under": "ignore"}
    with np.errstate(**floats):  # type: ignore[arg-type]
        return added({(0, part.number): _one(kernel, part, threads) for part in parts}, n_parts)


def _one(kernel: PartKernel[S], part: Part, threads: int) -> Any:
    if isinstance(part.rows, Refused):
        return part.rows
    try:
        return kernel(part, threads)
    except OddsmithError as error:
        return Refused(error)


def changed(change: Callable[[Part], Any], part: Part) -> Any:
    """Rows that `change` makes of a part, or why it refuses them: what its task returns."""
    if isinstance(part.rows, Refused):
        return part.rows
    try:
        return change(part)
    except OddsmithError as error:
        return Refused(error)


@dataclass(frozen=True, slots=True)
class OverBlocks:
    """Kernel over a part, from one over a block.

    Attributes
    ----------
    kernel : callable
    """

    kernel: Callable[[Block], Any]

    def __call__(self, part: Part, threads: int) -> Any:
        """Sum over the blocks of a part; None if it has no rows."""
        if part.rows.n_rows == 0:
            return None
        with BlockThreads(part.rows, threads) as source:
            return source.fold(self.kernel)


@dataclass(frozen=True, slots=True)
class _Taken:
    """Blocks in the order of their rows."""

    blocks: tuple[Block, ...]

    def __add__(self, other: Self) -> "_Taken":
        return _Taken(self.blocks + other.blocks)


@dataclass(frozen=True, slots=True)
class _EveryRow:
    """Rows 0, k, 2 k, ... of all parts, of which each part has some."""

    stride: int
    starts: tuple[int, ...]

    def __call__(self, part: Part, threads: int) -> _Taken | None:
        first = -self.starts[part.number] % self.stride
        found = part.rows.every(first, self.stride)
        return None if found is None else _Taken((found,))


class PartRows:
    """A row source of parts, wherever they are; each part's rows have `n_rows` and `every`.

    Parameters
    ----------
    parts : Parts
        Whose rows are `Blocks` that also have ``every(first, stride) -> Block or None``, the rows
        first, first + stride, ... of the part; their boundaries depend on the part alone.
    counts : sequence of int
        Rows of each part.
    n_features : int
    gathered : callable
        Blocks of a block of rows that were gathered from all parts, for `sample`.

    Attributes
    ----------
    passes : int
        Folds so far.
    watch : callable or None
        Called with the number of a pass when it begins.
    gathered : callable
        As it was given.
    """

    def __init__(
        self,
        parts: Parts,
        counts: Sequence[int],
        n_features: int,
        gathered: Callable[[Block], Blocks],
    ) -> None:
        self.parts = parts
        self.counts = tuple(counts)
        self.n_rows = sum(self.counts)
        self.n_features = n_features
        self.passes = 0
        self.watch: Callable[[int], None] | None = None
        self.gathered = gathered

    def over(self, parts: Parts) -> "PartRows":
        """Read the same rows from other parts, such as parts that tell more of each."""
        other = PartRows(parts, self.counts, self.n_features, self.gathered)
        other.passes, other.watch = self.passes, self.watch
        return other

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        """Sum of kernel(block) over all blocks of all parts."""
        self.passes += 1
        if self.watch is not None:
            self.watch(self.passes)
        found: Any = self.parts.fold(OverBlocks(kernel), f"oddsmith pass {self.passes}")
        if found is None:
            raise DataError("no part has a row; give data with rows.")
        return found

    def sample(self, stride: int, /) -> BlockThreads:
        """Rows 0, k, 2 k, ... by their number in the whole, gathered here."""
        starts = (0, *accumulate(self.counts[:-1]))
        found: Any = self.parts.fold(_EveryRow(stride, starts), "oddsmith sample")
        return BlockThreads(self.gathered(joined(found.blocks)), 1)


def joined(blocks: Sequence[Block]) -> Block:
    """Blocks one after the other as one, in arrays of its own."""
    sparse = sp.issparse(blocks[0].X)
    rows: Any = [block.X for block in blocks]
    return Block(
        sp.csr_array(sp.vstack(rows, "csr")) if sparse else np.vstack(rows),
        *(
            np.concatenate([getattr(block, name) for block in blocks])
            for name in ("y", "weight", "offset")
        ),
    )


class PartsHere:
    """Parts in the memory of this process: the reference that clusters are held to.

    Parameters
    ----------
    rows : sequence
        What each part holds.
    threads : int

    Examples
    --------
    >>> from oddsmith.core.moments import VectorMoments
    >>> parts = PartsHere([[1.0, 2.0], [], [4.0]])
    >>> parts.fold(lambda part, threads: VectorMoments(sum(part.rows)), "sum").vector
    7.0
    """

    def __init__(self, rows: Iterable[Any], threads: int = 1) -> None:
        self._rows, self._threads = tuple(rows), threads

    @property
    def n_parts(self) -> int:
        """Parts in all."""
        return len(self._rows)

    def fold(self, kernel: PartKernel[S], name: str, /) -> S | None:
        """Sum of kernel(part, threads) over all parts, in the tree's order."""
        parts = (Part(number, rows) for number, rows in enumerate(self._rows))
        return total(partial_sums(kernel, parts, self.n_parts, self._threads), self.n_parts)

    def prepared(self, change: Callable[[Part], Any], name: str, /) -> Self:
        """Parts whose rows are what `change` makes of each."""
        rows = (changed(change, Part(number, own)) for number, own in enumerate(self._rows))
        return type(self)(rows, self._threads)
