"""Clusters of Dask for tests, on this machine alone, and what their workers are made to do.

What workers call stands here and not in the tests, which they would have to import.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import dask
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster

from oddsmith.core.moments import VectorMoments

# Faults of workers are told to the scheduler soon, and the log is not for the tests' output.
QUICK = {
    "distributed.comm.timeouts.connect": "10s",
    "distributed.scheduler.worker-ttl": "20s",
    "distributed.admin.low-level-log-length": 0,
}


@contextmanager
def dask_cluster(n_workers=2, **how):
    """Client of a cluster of processes with a thread each."""
    given = {
        "host": "127.0.0.1",
        # An HTTP server of the scheduler there is anyway, and by default on a port that others use.
        "dashboard_address": "127.0.0.1:0",
        "scheduler_kwargs": {"dashboard": False},
        "threads_per_worker": 1,
        **how,
    }
    with (
        dask.config.set(QUICK),
        LocalCluster(n_workers=n_workers, silence_logs=logging.CRITICAL + 1, **given) as cluster,
        Client(cluster) as client,
    ):
        yield client


def process_of(worker=None):
    return os.getpid()


def scheduler_processes(client):
    """Process of each worker, by address."""
    return client.run(process_of)


def prefixes(client):
    """Names of tasks that the scheduler has seen, as its dashboard shows them."""
    return client.run_on_scheduler(_prefixes)


def _prefixes(dask_scheduler):
    return sorted(dask_scheduler.task_prefixes)


def tasks(client):
    """Names of the tasks that the scheduler has now."""
    return client.run_on_scheduler(_tasks)


def _tasks(dask_scheduler):
    return sorted(str(key) for key in dask_scheduler.tasks)


def busy(client):
    """Names of the tasks that workers have been given."""
    return [key for keys in client.processing().values() for key in keys]


def first_time(marker):
    """Whether nobody has asked before, on any worker."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


class KilledOnce:
    """Kernel in the midst of which the first worker that calls it is killed."""

    def __init__(self, kernel, marker):
        self.kernel, self.marker = kernel, marker

    def __call__(self, part, threads):
        if part.number > 0 and first_time(self.marker):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.kernel(part, threads)


class Slow:
    """Kernel that takes its time."""

    def __init__(self, kernel, seconds):
        self.kernel, self.seconds = kernel, seconds

    def __call__(self, part, threads):
        time.sleep(self.seconds)
        return self.kernel(part, threads)


def rows(number, n=400, p=4, seed=0):
    """Rows of a part, the same whenever they are made; the outcome is the last column."""
    rng = np.random.default_rng([number, seed])
    X = rng.normal(size=(n, p)) + 0.1 * number
    y = X @ np.linspace(-1.0, 1.0, p) + rng.logistic(size=n) > 0
    return np.column_stack([X, y])


def other_rows(number, folder, change):
    """Rows of a part that are others the second time."""
    found = rows(number)
    if not first_time(Path(folder) / f"made-{number}"):
        found = change(found)
    return found


def shuffled_labels(own):
    found = own.copy()
    found[:, -1] = np.random.default_rng().permutation(own[:, -1])
    return found


def new_values(own):
    found = own.copy()
    found[:, 0] = np.random.default_rng().normal(size=len(own))
    return found


def fewer(own):
    return own[:-1]


def fatal(number):
    """A part whose making ends the process, as one that is too large for its memory does."""
    os._exit(1)


def lost_file(number):
    raise FileNotFoundError(2, "No such file or directory", f"part-{number}.parquet")


def as_frame(own):
    return pd.DataFrame(own, columns=list("abcdy"))


def itself(rows):
    return rows


def rows_of(part):
    return part.rows


class Value:
    """Kernel whose sum is that of numbers that are parts."""

    def __call__(self, part, threads):
        return VectorMoments(np.array([part.rows]))


def with_nan(X):
    found = X.copy()
    if found[0, 0] == rows(1)[0, 0]:
        found[3, 1] = np.nan
    return found


def spilled(dask_worker):
    """Bytes that a worker has written to its disk."""
    return dask_worker.data.spilled_total.disk


@contextmanager
def hasty_cluster():
    """A cluster that gives a task up whose first worker has died."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), dask_cluster() as client:
        yield client


@contextmanager
def separate_scheduler(folder):
    """Process of a scheduler that has a worker, and whose client is that of the session."""
    place = folder / "scheduler.json"
    dask_program = [sys.executable, "-m", "dask"]
    quiet = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        # Schedulers, too, read the functions that tasks call.
        "env": {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    }
    scheduler = subprocess.Popen(
        [*dask_program, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
         "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(place)],
        **quiet,
    )  # fmt: skip
    worker = subprocess.Popen(
        [*dask_program, "worker", "--no-nanny", "--nthreads", "1", "--no-dashboard", "--host",
         "127.0.0.1", "--death-timeout", "20", "--scheduler-file", str(place)],
        **quiet,
    )  # fmt: skip
    try:
        with dask.config.set(QUICK), Client(scheduler_file=str(place), timeout=20):
            yield scheduler
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
