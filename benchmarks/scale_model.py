"""The time of a fit on many workers, from constants that `benchmarks.scale` measures.

    seconds = first + sample + passes * each + rest
    each    = start + row * n / W + task * (W - 1) + part * (P - P0) + node * N + hop * H + moved
    moved   = (W * sent + (W + N) * returned) / network

with n rows on W workers of one core in P parts, N sums without a neighbour, and H levels of tasks
that add. docs/scale.md says what is what.
"""

import math
from dataclasses import dataclass

__all__ = ["COUNT", "Calls", "Cluster", "Constants", "Share", "predicted", "sample_rows"]

BRANCHES = 16  # sums that a task adds, as in `oddsmith.engines.dask`
SAMPLE = 2000  # rows of the sample for each column of the design
COUNT = 32  # parts of a measured table


@dataclass(frozen=True)
class Calls:
    """A fit's seconds by kind of fold.

    Parameters
    ----------
    first, sample : float
        Of the fold that checks the parts, and of that which encodes and samples them.
    passes : tuple of float
        Of each pass.
    rest : float
        On the client.
    """

    first: float
    sample: float
    passes: tuple[float, ...]
    rest: float

    @property
    def whole(self) -> float:
        """Seconds of the fit."""
        return self.first + self.sample + sum(self.passes) + self.rest


@dataclass(frozen=True)
class Share:
    """A line: seconds of an empty fold, and of each row of a worker.

    Parameters
    ----------
    start, row : float
    """

    start: float
    row: float

    def at(self, rows: float) -> float:
        """Seconds of so many rows on each worker."""
        return self.start + self.row * rows


@dataclass(frozen=True)
class Constants:
    """What the model of time needs.

    Parameters
    ----------
    first, sample, each : Share
        Of the fold that checks, of that which encodes and samples, and of a pass: on workers that
        have `COUNT` parts between them.
    byte : float
        Seconds of each byte of the sample on its way to the client, beside the network's.
    rest : float
        Seconds on the client.
    passes : float
    task, part, node : float
        Seconds that each task of a fold, each part, and each sum that finds no neighbour on its
        worker costs the client and the scheduler.
    hop : float
        Seconds of one more level of the tree of sums.
    """

    first: Share
    sample: Share
    each: Share
    byte: float
    rest: float
    passes: float
    task: float
    part: float
    node: float
    hop: float


@dataclass(frozen=True)
class Cluster:
    """What is assumed of a cluster.

    Parameters
    ----------
    workers : int
        Of one core each, as fast as one of this machine.
    parts : int
    network : float
        Bytes per second of the client's, and the scheduler's, line.
    nodes : float
        Sums that a part leaves over, between 0 (neighbours lie on one worker) and 1.
    """

    workers: int
    parts: int
    network: float = 1.25e9
    nodes: float = 1.0


def sample_rows(n: float, q: float) -> float:
    """Rows of the sample that a fit starts from, as `oddsmith.solvers.sampled` takes them."""
    return n / 2 ** round(math.log2(max(8.0, n / (SAMPLE * q))))


def predicted(
    known: Constants, n: float, cluster: Cluster, sent: float, returned: float, row_bytes: float
) -> Calls:
    """Predict the seconds of a fit.

    Parameters
    ----------
    known : Constants
    n : float
        Rows.
    cluster : Cluster
    sent, returned : float
        Bytes of the kernel, and of a sum.
    row_bytes : float
        Bytes of a row that is sampled.

    Returns
    -------
    Calls
    """
    rows = n / cluster.workers
    # What a fold of COUNT parts on one worker costs is in its start already.
    calls = known.task * (cluster.workers - 1) + known.part * max(cluster.parts - COUNT, 0)
    levels = max(0, math.ceil(math.log(cluster.workers, BRANCHES)) - 1)
    nodes = cluster.nodes * cluster.parts
    moved = (cluster.workers * sent + (cluster.workers + nodes) * returned) / cluster.network
    overhead = calls + known.node * nodes + levels * known.hop
    sampled = sample_rows(n, row_bytes / 8 + 1) * row_bytes * (known.byte + 2 / cluster.network)
    return Calls(
        known.first.at(rows) + overhead,
        known.sample.at(rows) + overhead + sampled,
        (known.each.at(rows) + overhead + moved,) * round(known.passes),
        known.rest,
    )
