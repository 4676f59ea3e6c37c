"""Few rows, standardised once: the passes of a small fit then cost what their arithmetic does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np

from oddsmith.core.block import Block, CountedSource, Mergeable
from oddsmith.core.kernels import Design
from oddsmith.core.matrix import DesignMatrix

__all__ = ["ReadySource"]

S = TypeVar("S", bound=Mergeable)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Blocks in the order of their rows."""

    blocks: tuple[Block, ...]

    def __add__(self, other: Self) -> "_Blocks":
        return _Blocks(self.blocks + other.blocks)


@dataclass(frozen=True, slots=True)
class _Standardised:
    """A block whose X is the rows of a design, the intercept an ordinary column of ones."""

    design: Design

    def __call__(self, block: Block) -> _Blocks:
        rows = self.design(block).dense()
        return _Blocks((Block(rows, block.y, block.weight, block.offset),))


class ReadySource(CountedSource):
    """A source with a copy of its rows as one design has them; other designs read the source.

    Rows are stored column by column, in which BLAS multiplies them fastest.

    Parameters
    ----------
    counted : CountedSource
        Whose count goes on.
    design : Design
    """

    def __init__(self, counted: CountedSource, design: Design) -> None:
        super().__init__(counted.source)
        self.design = design
        blocks = counted.fold(_Standardised(design)).blocks
        self.passes = counted.passes
        rows = np.vstack([block.X for block in blocks])
        y, weight, offset = blocks[0].y, blocks[0].weight, blocks[0].offset
        if len(blocks) > 1:
            y = np.concatenate([block.y for block in blocks])
            weight = np.concatenate([block.weight for block in blocks])
            offset = np.concatenate([block.offset for block in blocks])
        self._block = Block(DesignMatrix(np.asfortranarray(rows), False), y, weight, offset)

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        """Call the kernel with all rows at once, and count it."""
        if getattr(kernel, "design", None) is not self.design:
            return super().fold(kernel)
        self.passes += 1
        return kernel(self._block)
