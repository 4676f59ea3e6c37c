"""The fold over rows that are read anew in each pass: decoded by one thread, summed by others."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from oddsmith.core.block import Block, Blocks, Mergeable
from oddsmith.engines.threads import BlockThreads, one_blas_thread, thread_count

__all__ = ["Streams"]

S = TypeVar("S", bound=Mergeable)


class Streams:
    """A row source that goes through an iterator of blocks in every fold.

    Blocks are added in their order, so that the sum has the same bits for any number of threads;
    no more of them are in memory than threads, and two.

    Parameters
    ----------
    blocks : callable
        Gives an iterator of the same blocks each time.
    n_rows, n_features : int
    taken : callable
        Sample of the rows for a stride.
    n_jobs : int or None
        See `thread_count`.

    Examples
    --------
    >>> from oddsmith.core.columns import column_statistics
    >>> from oddsmith.data.memory import memory_blocks
    >>> blocks = memory_blocks(np.eye(4), np.zeros(4, dtype=np.int8))
    >>> with Streams(lambda: iter([blocks[0]]), 4, 4, blocks.sample) as source:
    ...     source.fold(column_statistics).mean
    array([0.25, 0.25, 0.25, 0.25])
    """

    def __init__(
        self,
        blocks: Callable[[], Iterable[Block]],
        n_rows: int,
        n_features: int,
        taken: Callable[[int], Blocks],
        n_jobs: int | None = None,
    ) -> None:
        self.blocks = blocks
        self.n_rows = n_rows
        self.n_features = n_features
        self.n_threads = thread_count(n_jobs)
        self._taken = taken
        self._n_jobs = n_jobs
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        one_blas_thread.__enter__()
        self._pool = ThreadPoolExecutor(self.n_threads, "oddsmith")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        one_blas_thread.__exit__()

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        """Sum of kernel(block) over all blocks."""
        floats = np.geterr()

        def run(block: Block) -> S:
            with np.errstate(**floats):
                return kernel(block)

        total: Any = None
        waiting: deque[Future[S]] = deque()
        for block in self.blocks():
            waiting.append(self._submit(run, block))
            if len(waiting) > self.n_threads + 1:
                part = waiting.popleft().result()
                total = part if total is None else total + part
        for future in waiting:
            part = future.result()
            total = part if total is None else total + part
        return total

    def _submit(self, run: Callable[[Block], S], block: Block) -> Future[S]:
        if self._pool is None:
            raise RuntimeError("a source that is not entered has no threads")
        return self._pool.submit(run, block)

    def sample(self, stride: int, /) -> BlockThreads:
        """Every k-th row of those that were taken, folded on the caller's thread."""
        return BlockThreads(self._taken(stride), 1)
