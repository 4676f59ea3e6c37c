"""Clusters of Dask for tests, on this machine alone, and what their workers are made to do.

What workers call stands here and not in the tests, which they would have to import.
"""

import logging
import os
import signal
from contextlib import contextmanager
from pathlib import Path

import dask
import numpy as np
from distributed import Client, LocalCluster

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
