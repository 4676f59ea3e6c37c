"""A program in a process of its own: makes the data, then fits or predicts whenever it is asked.

Requests and answers are lines of JSON. What libraries print goes to standard error.
"""

import gc
import json
import os
import statistics
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from ctypes import CDLL
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from benchmarks.data import Array, problem
from benchmarks.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Worker", "main", "parts", "read_time", "serve"]

_TURN_SECONDS = 0.2  # short calls are repeated for so long, and the median is the turn's time
_TURN_CALLS = 2000
_SETTLE_SECONDS = 0.25  # OpenMP threads of the program before may spin for 0.2 s
_STATUS = Path("/proc/self/status")
_MARKS = Path("/proc/self/clear_refs")


class Worker:
    """The data, a program, and the call that the last `choose` has prepared.

    Parameters
    ----------
    program : str
        One of the task's programs.
    data : str
        A key of `benchmarks.data.DATASETS`.
    task : str
        A key of `benchmarks.tasks.TASKS`: what is timed.
    seed : int
    scale : float
    threads : int
    """

    def __init__(
        self, program: str, data: str, task: str, seed: int, scale: float, threads: int
    ) -> None:
        self.task = TASKS[task]
        self.program = self.task.program(program)
        self.problem = problem(data, seed, scale)
        self.threads = threads
        self.call: Callable[[], Any] = lambda: None

    def size(self) -> dict[str, Any]:
        """Tell the problem: shape, type and bytes of X, the number of classes, and C."""
        X = self.problem.X
        return {
            "shape": list(X.shape),
            "dtype": X.dtype.name,
            "bytes": sum(part.nbytes for part in parts(X)),
            "n_classes": self.problem.n_classes,
            "C": self.problem.C,
        }

    def choose(self, options: dict[str, Any]) -> dict[str, Any]:
        """Prepare the call with `options`, and call it once: the warm-up.

        Returns
        -------
        dict
            Its seconds, the objective that it reached, and its passes.
        """
        self.call = self.task.prepare(self.program, self.problem, options, self.threads)
        start = time.perf_counter()
        result = self.call()
        seconds = time.perf_counter() - start
        reached, passes = self.task.judge(self.program, self.problem, result)
        return {"seconds": seconds, "objective": reached, "passes": passes}

    def turn(self) -> dict[str, float]:
        """Time the call: its median where it is so short that it is repeated."""
        gc.collect()
        time.sleep(_SETTLE_SECONDS)
        times: list[float] = []
        while len(times) < _TURN_CALLS and sum(times) < _TURN_SECONDS:
            start = time.perf_counter()
            self.call()
            times.append(time.perf_counter() - start)
        return {"seconds": statistics.median(times)}

    def read(self) -> dict[str, float]:
        """Time one read of X."""
        time.sleep(_SETTLE_SECONDS)
        return {"seconds": read_time(self.problem.X, self.threads)}

    def weigh(self) -> dict[str, int | None]:
        """Call once; the highest resident memory during it less that before it, in bytes."""
        gc.collect()
        if not _MARKS.exists():
            return {"bytes": None}
        CDLL(None).malloc_trim(0)
        _MARKS.write_text("5")  # the mark falls to what is resident now (Linux, proc(5))
        before = _high_water()
        self.call()
        return {"bytes": _high_water() - before}


def parts(X: Any) -> list[Array]:
    """Arrays that X is made of."""
    return [X.data, X.indices, X.indptr] if hasattr(X, "indptr") else [X]


def read_time(X: Any, threads: int) -> float:
    """Seconds for reading X once: each thread sums its share; the best of five.

    Parameters
    ----------
    X : array or sparse matrix of shape (n, p)
    threads : int

    Returns
    -------
    float
    """
    whole = [np.array_split(part.ravel(order="K"), threads) for part in parts(X)]
    shares = [share for arrays in whole for share in arrays]
    times = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            start = time.perf_counter()
            list(pool.map(np.sum, shares))
            times.append(time.perf_counter() - start)
    return min(times)


def _high_water() -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_STATUS} has no VmHWM")


def serve(requests: TextIO, answers: TextIO, kind: type[Worker] = Worker) -> None:
    """Answer requests until there are no more.

    Parameters
    ----------
    requests : text stream
        Lines ``[name, arguments]``: first ``["start", {...}]`` with the arguments of `Worker`,
        then methods of it.
    answers : text stream
        Lines ``{...}``: what the method returned, or ``{"error": ...}``.
    kind : type
        Of worker.
    """
    worker: Worker | None = None
    for line in requests:
        name, arguments = json.loads(line)
        try:
            if name == "start":
                worker = kind(**arguments)
                answer: dict[str, Any] = worker.size()
            else:
                answer = getattr(worker, name)(**arguments)
        except Exception as error:  # whatever a library raises is a fact about it
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main(kind: type[Worker] = Worker) -> None:
    """Serve standard input and output."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.stdin, answers, kind)


if __name__ == "__main__":
    main()
