"""A worker seen from outside: started when first asked, ended when it takes too long."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from benchmarks.cluster_data import SPREAD
from benchmarks.install import interpreter
from benchmarks.settings import Settings

__all__ = ["CAPS", "Failed", "Process", "TooSlow"]

_ROOT = Path(__file__).parent.parent
CAPS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class Failed(Exception):  # noqa: N818  a fact about a program, no error of ours
    """The program raised, or its process died."""


class TooSlow(Failed):
    """The program was ended as it took too long."""


class Process:
    """One program with its own copy of the data.

    Parameters
    ----------
    program, data, task : str
        As in `benchmarks.worker.Worker`, or in `ClusterWorker` where the rows are a cluster's.
    settings : Settings
    """

    def __init__(self, program: str, data: str, task: str, settings: Settings) -> None:
        self.start = {
            "program": program,
            "data": data,
            "task": task,
            "seed": settings.seed,
            "scale": settings.scale,
            "threads": settings.threads,
        }
        self.patience = settings.patience
        self._running: subprocess.Popen[str] | None = None

    def ask(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Call a method of the worker and wait for what it returns.

        Parameters
        ----------
        name : str
            A method of `benchmarks.worker.Worker`.
        **arguments

        Returns
        -------
        dict

        Raises
        ------
        Failed
            If the program raised or died; the next call starts it anew.
        TooSlow
            If it took longer than the settings' patience and was ended.
        """
        if self._running is None:
            self._running = self._spawn()
            try:
                self._exchange("start", self.start, patience=None)
            except Failed:
                self.close()
                raise
        return self._exchange(name, arguments, self.patience)

    def close(self) -> None:
        """End the process, and those that it started."""
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)
            self._running.communicate()
            self._running = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _spawn(self) -> subprocess.Popen[str]:
        threads = str(self.start["threads"])
        module = "cluster_worker" if self.start["data"] in SPREAD else "worker"
        return subprocess.Popen(  # noqa: S603  our own interpreters
            [str(interpreter(self.start["program"])), "-m", f"benchmarks.{module}"],
            cwd=_ROOT,
            # Where Spark calls Python, it is this one.
            env=os.environ | dict.fromkeys(CAPS, threads) | {"PYSPARK_PYTHON": sys.executable},
            start_new_session=True,  # so that its children are known, and end with it
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _exchange(
        self, name: str, arguments: dict[str, Any], patience: float | None
    ) -> dict[str, Any]:
        running = self._running
        if running is None or running.stdin is None or running.stdout is None:
            raise Failed("the process is not running")
        with contextlib.suppress(BrokenPipeError):  # it has died, as the empty answer says
            running.stdin.write(json.dumps([name, arguments]) + "\n")
            running.stdin.flush()
        if not select.select([running.stdout], [], [], patience)[0]:
            self.close()
            raise TooSlow(f"over {patience:.0f} s")
        line = running.stdout.readline()
        if not line:
            self.close()
            raise Failed("the process died")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer
