"""The fold over blocks on threads of this machine: same bits for any number of them."""

import copy
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

from oddsmith.core.block import ArrayBlocks, Block, Blocks, Mergeable
from oddsmith.errors import ParameterError

__all__ = ["BlockThreads", "OnDemand", "Threads", "one_blas_thread", "thread_count"]

S = TypeVar("S", bound=Mergeable)
T = TypeVar("T")

# Blocks are summed in this many runs, whatever the number of threads, and the runs in order.
_RUNS = 32
# A run of fewer blocks takes compiled kernels hardly longer than handing it to a thread.
_FEWEST_BLOCKS = 4
# Where there are so few, each is worth a thread all the same.
_FEWEST_RUNS = 8
# Strips of columns are summed in fewer, as their sums can be large: n x n for n rows.
_COLUMN_RUNS = 8


def thread_count(n_jobs: int | None) -> int:
    """Threads that `n_jobs` stands for: all cores for None or -1, all but one for -2.

    Raises
    ------
    ParameterError
        If n_jobs is 0 or not an integer.

    Examples
    --------
    >>> thread_count(3)
    3
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    if n_jobs is None:
        return cores
    if isinstance(n_jobs, bool) or not hasattr(n_jobs, "__index__") or n_jobs == 0:
        raise ParameterError(
            f"n_jobs is {n_jobs!r}; give a number of threads, or None or -1 for all cores."
        )
    return int(n_jobs) if n_jobs > 0 else max(1, cores + 1 + int(n_jobs))


class _OneBlasThread:
    """BLAS on one thread while any fold of the process runs: the last to leave restores.

    The limit is the process's own, so that fits in several threads must share it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._controller: ThreadpoolController | None = None
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                # Finding the BLAS libraries takes milliseconds, and they do not change.
                self._controller = self._controller or ThreadpoolController()
                self._limit = self._controller.limit(limits=1, user_api="blas")
                self._limit.__enter__()
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                # threadpoolctl obeys the thread that limited; the last to leave may be another.
                for library in self._controller.lib_controllers if self._controller else []:
                    if hasattr(library, "clear_controlling_thread"):
                        library.clear_controlling_thread(force=True)
                self._limit.__exit__(None, None, None)


one_blas_thread = _OneBlasThread()


class BlockThreads:
    """A row source that folds blocks on a pool of threads; use it as a context manager.

    Blocks are grouped into a fixed number of runs, each summed by one thread in order, and the
    runs are added in order: the sum does not depend on the number of threads. BLAS runs on one
    thread inside, so that its threads neither fight ours nor change the rounding.

    Parameters
    ----------
    blocks : Blocks
    n_jobs : int or None
        See `thread_count`.

    Examples
    --------
    >>> import numpy as np
    >>> from oddsmith.core.columns import column_statistics
    >>> from oddsmith.data.memory import memory_blocks
    >>> with BlockThreads(memory_blocks(np.eye(4), np.zeros(4, dtype=np.int8)), n_jobs=2) as source:
    ...     source.fold(column_statistics).mean
    array([0.25, 0.25, 0.25, 0.25])
    """

    def __init__(self, blocks: Blocks, n_jobs: int | None = None) -> None:
        self.blocks = blocks
        self.n_threads = min(thread_count(n_jobs), len(blocks))
        self._pool: ThreadPoolExecutor | None = None
        self._limited = False

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        return self.blocks.n_rows

    @property
    def n_features(self) -> int:
        """Columns."""
        return self.blocks.n_features

    def __enter__(self) -> Self:
        # One block as well: NumPy and SciPy bring a BLAS each, whose idle threads stay awake for
        # a while and take the cores from the other's.
        one_blas_thread.__enter__()
        self._limited = True
        if self.n_threads > 1:
            self._pool = ThreadPoolExecutor(self.n_threads, "oddsmith")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            # After Ctrl-C the runs that have not begun are dropped.
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        if self._limited:
            one_blas_thread.__exit__()
            self._limited = False

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        """Sum of kernel(block) over all blocks."""
        floats, tiled = np.geterr(), getattr(kernel, "tiled", False)

        def run(blocks: range) -> S:
            # What the caller's thread ignores, ours ignore as well.
            with np.errstate(**floats):
                parts = (
                    self.blocks.joined(blocks) if tiled else map(self.blocks.__getitem__, blocks)
                )
                return reduce(add, map(kernel, parts))

        count = len(self.blocks)
        size = max(-(-count // _RUNS), min(_FEWEST_BLOCKS, count // _FEWEST_RUNS) if tiled else 1)
        runs = [range(i, min(i + size, count)) for i in range(0, count, size)]
        sums = self._pool.map(run, runs) if self._pool else map(run, runs)
        return reduce(add, sums)

    def sample(self, stride: int, /) -> Self:
        """Every stride-th row, folded by the same threads."""
        part = copy.copy(self)
        part.blocks = self.blocks.sample(stride)
        return part


class Threads(BlockThreads):
    """Threads over arrays in memory, which give columns and batches, too.

    Parameters
    ----------
    blocks : ArrayBlocks
    n_jobs : int or None
        See `thread_count`.
    """

    blocks: ArrayBlocks

    def __init__(self, blocks: ArrayBlocks, n_jobs: int | None = None) -> None:
        super().__init__(blocks, n_jobs)

    def fold_columns(self, kernel: Callable[[Block, slice], S], /) -> S:
        """Sum of kernel(strip, columns) over all strips of columns."""
        floats, strips = np.geterr(), self.blocks.strips()

        def run(some: list[slice]) -> S:
            with np.errstate(**floats):
                return reduce(add, (kernel(self.blocks.strip(own), own) for own in some))

        size = -(-len(strips) // _COLUMN_RUNS)
        runs = [strips[i : i + size] for i in range(0, len(strips), size)]
        return reduce(add, self._pool.map(run, runs) if self._pool else map(run, runs))

    def spread(self, task: Callable[[T], object], parts: Sequence[T], /) -> None:
        """Do a task for each part, on the threads; what the tasks write must not overlap."""
        waiting = iter(parts)

        def work() -> None:
            for part in waiting:
                task(part)

        if self._pool is None or len(parts) < 2:
            work()
            return
        # The caller's thread is one of them: to wait for each part takes longer than a short task.
        others = [self._pool.submit(work) for _ in range(min(self.n_threads, len(parts)) - 1)]
        try:
            work()
        finally:
            for other in others:
                other.result()

    def batches(self, size: int, epoch: int, seed: int | None, /) -> Iterator[tuple[float, Block]]:
        """Hand out the blocks' rows in batches, on the caller's thread."""
        return self.blocks.batches(size, epoch, seed)


class OnDemand:
    """A row source that starts its threads for a fold and lets them go after it.

    A result that may be asked for more at any time keeps one: idle threads would outlive it.

    Parameters
    ----------
    blocks : Blocks
    n_jobs : int or None
        See `thread_count`.

    Examples
    --------
    >>> import numpy as np
    >>> from oddsmith.core.columns import column_statistics
    >>> from oddsmith.data.memory import memory_blocks
    >>> source = OnDemand(memory_blocks(np.eye(4), np.zeros(4, dtype=np.int8)), n_jobs=2)
    >>> source.fold(column_statistics).mean
    array([0.25, 0.25, 0.25, 0.25])
    """

    def __init__(self, blocks: Blocks, n_jobs: int | None = None) -> None:
        self.blocks = blocks
        self.n_jobs = n_jobs

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        return self.blocks.n_rows

    @property
    def n_features(self) -> int:
        """Columns."""
        return self.blocks.n_features

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        """Sum of kernel(block) over all blocks, the same bits as `Threads`."""
        with BlockThreads(self.blocks, self.n_jobs) as threads:
            return threads.fold(kernel)
