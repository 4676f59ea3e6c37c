"""A program that fits rows of a cluster, in a process of its own, whose children are the cluster's.

Requests and answers are those of `benchmarks.worker`.
"""

import os
import threading
import time
from typing import Any

from benchmarks.cluster_data import SPREAD
from benchmarks.tasks import TASKS
from benchmarks.watch import resident
from benchmarks.worker import Worker, main

__all__ = ["ClusterWorker"]

_EVERY = 0.1  # seconds between samples of the memory


class ClusterWorker(Worker):
    """Rows in their place, a program, and the call that the last `choose` has prepared.

    Parameters
    ----------
    program, data, task : str
        One of the task's programs; keys of `SPREAD` and of `TASKS`.
    seed : int
    scale : float
    threads : int
        Workers of one thread each, or threads.
    """

    def __init__(
        self, program: str, data: str, task: str, seed: int, scale: float, threads: int
    ) -> None:
        self.task = TASKS[task]
        self.program = self.task.program(program)
        self.threads = threads
        self.problem: Any = self.program.at(SPREAD[data](seed, scale), threads)  # type: ignore[attr-defined]
        self.call = lambda: None

    def size(self) -> dict[str, Any]:
        """Tell the problem: shape, type and bytes of X, the number of classes, and C."""
        chunks = self.problem.chunks
        return {
            "shape": [chunks.n, chunks.p],
            "dtype": "float64",
            "bytes": self.problem.bytes(),
            "n_classes": 2,
            "C": chunks.C,
        }

    def read(self) -> dict[str, float]:
        """Time one read of X, where it lies."""
        return {"seconds": self.problem.read()}

    def weigh(self) -> dict[str, int | None]:
        """Call once; bytes that all processes together had resident at most, X included."""
        seen, over = [0], threading.Event()

        def look() -> None:
            while not over.wait(_EVERY):
                seen.append(resident(os.getsid(0))[0])

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            self.call()
        finally:
            time.sleep(2 * _EVERY)
            over.set()
            watcher.join()
        return {"bytes": max(seen) or None}


if __name__ == "__main__":
    main(ClusterWorker)
