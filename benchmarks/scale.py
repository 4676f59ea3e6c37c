"""How long a fit takes on many workers: the model of docs/scale.md, its constants measured here.

`python -m benchmarks.scale` measures on one and two local Dask workers, compares what the model
says with what fits take, and predicts tables that are larger than this machine.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.cluster_data import Chunks, DenseChunk, TextChunk
from benchmarks.places import OnDask
from benchmarks.scale_model import (
    COUNT,
    SAMPLE,
    Calls,
    Cluster,
    Constants,
    Share,
    predicted,
    sample_rows,
)

__all__ = [
    "Calls",
    "Constants",
    "Fold",
    "Share",
    "Timed",
    "fitted_calls",
    "passes_of",
    "predicted",
    "traffic",
]


@dataclass(frozen=True)
class Fold:
    """One fold over all parts.

    Parameters
    ----------
    name : str
        That of the dashboard.
    seconds : float
    sent, returned : int
        Bytes of the pickled kernel, and of the pickled sum.
    kernel : str
        What is folded over blocks.
    """

    name: str
    seconds: float
    sent: int
    returned: int
    kernel: str


class Timed:
    """Parts whose folds are timed.

    Parameters
    ----------
    parts : Parts
    seen : list of Fold
        What is seen is appended.
    """

    def __init__(self, parts: Any, seen: list[Fold]) -> None:
        self.parts = parts
        self.seen = seen

    @property
    def n_parts(self) -> int:
        """Parts in all."""
        return self.parts.n_parts

    def fold(self, kernel: Any, name: str, /) -> Any:
        """Sum over all parts, timed."""
        from distributed.protocol.pickle import dumps

        start = time.perf_counter()
        found = self.parts.fold(kernel, name)
        seconds = time.perf_counter() - start
        what = type(getattr(kernel, "kernel", kernel)).__name__
        self.seen.append(Fold(name, seconds, len(dumps(kernel)), len(dumps(found)), what))
        return found

    def prepared(self, change: Any, name: str, /) -> "Timed":
        """Parts whose rows are what `change` makes of each."""
        return Timed(self.parts.prepared(change, name), self.seen)


def fitted_calls(parts: Any, p: int, **parameters: Any) -> tuple[Any, list[Fold], float]:
    """Fit parts of arrays, and tell each fold.

    Parameters
    ----------
    parts : Parts
        Of (X, y, weight, offset).
    p : int
        Columns.
    **parameters
        Of LogisticRegression.

    Returns
    -------
    model : LogisticRegression
    folds : list of Fold
    seconds : float
        Of all.
    """
    from oddsmith import LogisticRegression
    from oddsmith.estimators.parameters import elastic_net
    from oddsmith.estimators.parts import array_rows, fit_rows, pack_array

    seen: list[Fold] = []
    model: Any = LogisticRegression(**parameters)
    start = time.perf_counter()
    packed = Timed(parts, seen).prepared(pack_array(p), "oddsmith read")
    penalty = elastic_net(model.C, model.l1_ratio, model.penalty)
    rows = array_rows(model, penalty, packed, p, target=None, with_offset=False)
    fit_rows(model, rows)
    return model, seen, time.perf_counter() - start


def traffic(chunk: Any, p: int, **parameters: Any) -> dict[str, tuple[int, int]]:
    """Bytes that a fold sends to each worker, and that come back for each sum.

    Parameters
    ----------
    chunk : tuple of (X, y)
    p : int
        Columns.
    **parameters
        Of LogisticRegression.

    Returns
    -------
    dict of str to (int, int)
        Name and kernel of a fold to the bytes of its kernel and of its sum.
    """
    from oddsmith.engines.parts import PartsHere

    _, seen, _ = fitted_calls(PartsHere([_four(chunk)]), p, **parameters)
    return {f"{_kind(fold.name)}, {fold.kernel}": (fold.sent, fold.returned) for fold in seen}


def pass_bytes(p: int) -> tuple[int, int]:
    """Bytes of a pass over dense rows of two classes: those of the kernel, and of a sum."""
    found = traffic(DenseChunk(0, p, 2 * SAMPLE * (p + 1))(0), p)
    return found["oddsmith pass, Evaluate"]


def _kind(name: str) -> str:
    return name.rstrip("0123456789").rstrip()


def passes_of(seen: Sequence[Fold], whole: float) -> Calls:
    """Sort the folds of a fit."""
    by = {kind: [fold.seconds for fold in seen if _kind(fold.name) == kind] for kind in _KINDS}
    first, sample, passes = (by[kind] for kind in _KINDS)
    known = sum(first) + sum(sample) + sum(passes)
    return Calls(sum(first), sum(sample), tuple(passes), whole - known)


_KINDS = ("oddsmith first pass", "oddsmith sample", "oddsmith pass")


@dataclass(frozen=True)
class Nothing:
    """A kernel that sends and returns vectors, and does nothing else.

    Parameters
    ----------
    coef : array
    """

    coef: Any

    def __call__(self, part: Any, threads: int) -> Any:
        """Zeros as a sum."""
        from oddsmith.core.moments import VectorMoments

        return VectorMoments(np.zeros(self.coef.size))


def fold_costs(parts: Any, q: int, often: int = 9) -> tuple[float, float]:
    """Median seconds of a fold that sends and returns q numbers, and those that this process works.

    The client and the scheduler are in this process: their work does not become less with workers.
    """
    kernel = Nothing(np.zeros(q))
    wall, own = [], []
    for _ in range(often + 1):
        start, busy = time.perf_counter(), time.process_time()
        parts.fold(kernel, "nothing")
        wall.append(time.perf_counter() - start)
        own.append(time.process_time() - busy)
    return statistics.median(wall[1:]), statistics.median(own[1:])


def chain_seconds(place: OnDask, length: int, often: int = 9) -> float:
    """Median seconds of tasks that wait for each other."""
    times = []
    for _ in range(often):
        start = time.perf_counter()
        value = place.client.submit(_same, 0, pure=False)
        for _ in range(length - 1):
            value = place.client.submit(_same, value, pure=False)
        value.result()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def tiny_parts(place: OnDask, count: int, tasks: int = 1, turns: bool = False) -> Any:
    """Parts with nothing in them: neighbours on one worker, or by turns on all."""
    from oddsmith.engines.dask import DaskParts

    client = place.client
    workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
    spot: Callable[[int], int] = (
        (lambda k: k % len(workers)) if turns else (lambda k: k * len(workers) // count)
    )
    items = [client.submit(_same, k, workers=[workers[spot(k)]], pure=False) for k in range(count)]
    parts: Any = DaskParts(client, items)
    parts.fold(Nothing(np.zeros(1)), "placed")
    parts._tasks = tasks
    return parts


def _same(value: Any) -> Any:
    return value


def _four(pair: Any) -> Any:
    return (*pair, None, None)


def measured(place: OnDask, often: int) -> tuple[Calls, Any, list[Fold]]:
    """Fit the rows of a place some times: the median of each kind of fold."""
    from oddsmith.engines.dask import DaskParts

    items = [place.client.submit(_four, made, pure=False) for made in place.made]
    runs = []
    for _ in range(often + 1):
        model, seen, whole = fitted_calls(DaskParts(place.client, items), place.chunks.p)
        runs.append(passes_of(seen, whole))
    middle = sorted(runs[1:], key=lambda run: run.whole)[often // 2]
    return middle, model, seen


def chunks_of(n: int, p: int, count: int = COUNT, seed: int = 0) -> Chunks:
    """Make standard normal rows in chunks."""
    return Chunks(DenseChunk(seed, p, n // count), count, n // count, p)


def learned(runs: Sequence[tuple[int, Calls]], p: int, costs: dict[str, float]) -> Constants:
    """Constants from fits of several sizes on one worker, by least squares of relative errors.

    Parameters
    ----------
    runs : sequence of (int, Calls)
        Rows, and what they took.
    p : int
    costs : dict of str to float
        `task`, `part`, `node` and `hop`.
    """
    n = np.array([rows for rows, _ in runs], float)
    moved = np.array([sample_rows(rows, p + 1) * 8 * p for rows in n])
    one = np.ones_like(n)
    first = _weighed([one, n], [calls.first for _, calls in runs])
    sample = _weighed([one, n, moved], [calls.sample for _, calls in runs])
    each = _weighed([one, n], [statistics.median(calls.passes) for _, calls in runs])
    last = runs[-1][1]
    return Constants(
        first=Share(*first),
        sample=Share(*sample[:2]),
        each=Share(*each),
        byte=sample[2],
        rest=last.rest,
        passes=len(last.passes),
        **costs,
    )


def _weighed(columns: Sequence[Any], seconds: Sequence[float]) -> list[float]:
    from scipy.optimize import nnls

    t = np.asarray(seconds)
    return nnls(np.column_stack(columns) / t[:, None], np.ones_like(t))[0].tolist()


def folding_costs(place: OnDask, q: int) -> dict[str, float]:
    """Measure what tasks, parts, lone sums and levels of the tree cost a fold."""
    few = fold_costs(tiny_parts(place, COUNT), q)[1]
    many = fold_costs(tiny_parts(place, _MANY), q)[1]
    apart = fold_costs(tiny_parts(place, _MANY, turns=True), q)[1]
    tasks = fold_costs(tiny_parts(place, _MANY, tasks=_TASKS // 2), q)[1]
    return {
        "task": max(tasks - many, 0.0) / _TASKS,
        "part": max(many - few, 0.0) / (_MANY - COUNT),
        "node": max(apart - many, 0.0) / _MANY,
        "hop": (chain_seconds(place, 9) - chain_seconds(place, 1)) / 8,
    }


_MANY, _TASKS = 1024, 128  # parts, and tasks on two workers


def run(sizes: Sequence[int], beyond: Sequence[int], p: int, often: int, say: Any) -> Constants:
    """Measure, and compare the model with fits on one and two workers."""
    place = OnDask(chunks_of(COUNT * 20, p), 2)
    costs = folding_costs(place, p + 1)
    empty = {q: fold_costs(tiny_parts(place, 2), q)[0] for q in (p + 1, 100_001)}
    place.close()
    say(f"costs of a fold (µs): { ({k: round(v * 1e6, 1) for k, v in costs.items()}) }")
    say(f"an empty fold of two parts, by numbers sent (ms): {_ms(empty)}")
    runs: dict[tuple[int, int], Calls] = {}
    for workers in (1, 2):
        for n in (*sizes, *beyond):
            place = OnDask(chunks_of(n, p), workers)
            runs[workers, n] = measured(place, often)[0]
            place.close()
            say(f"{workers} workers, {n:,} rows: {_told(runs[workers, n])}")
    known = learned([(n, runs[1, n]) for n in sizes], p, costs)
    say(repr(known))
    sent, returned = pass_bytes(p)
    for (workers, n), calls in runs.items():
        cluster = Cluster(workers, COUNT, network=math.inf, nodes=0.0)
        told = predicted(known, n, cluster, sent, returned, 8 * p)
        used = "" if workers > 1 or n not in sizes else " (calibrated on)"
        say(f"{workers} workers, {n:,} rows{used}: predicted {_told(told)}, took {_told(calls)}")
    return known


def foretell(known: Constants, p: int, say: Any) -> None:
    """Print the fits that do not fit into this machine."""
    sent, returned = pass_bytes(p)
    for n in (10**9, 10**11):
        parts = math.ceil(n * 8 * p / 1e9)
        for workers in (10, 100, 1000):
            for nodes in (0.0, 1.0):
                cluster = Cluster(workers, max(parts, workers), nodes=nodes)
                told = predicted(known, n, cluster, sent, returned, 8 * p)
                held = n * 8 * p / workers / 1e9
                size = f"{n:.0e} rows, {workers} workers, {held:,.1f} GB each, {parts} parts"
                say(f"{size}, sums apart {nodes:g}: {_told(told)}")


def _told(calls: Calls) -> str:
    each = statistics.median(calls.passes)
    return (
        f"{calls.whole:.2f} s (first {calls.first:.3f}, sample {calls.sample:.3f}, "
        f"{len(calls.passes)} passes of {each:.3f}, client {calls.rest:.3f})"
    )


def _ms(times: dict[int, float]) -> dict[int, float]:
    return {name: round(1e3 * seconds, 1) for name, seconds in times.items()}


def main() -> None:
    """Measure, compare, predict."""
    import sys

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    X, y = DenseChunk(0, 50, 2 * SAMPLE * 51)(0)
    say(f"bytes of folds, 50 columns, 2 classes: {traffic((X, y), 50)}")
    ten = np.clip(X[:, 0] * 2 + 5, 0, 9).astype(int)
    say(f"bytes of folds, 50 columns, 10 classes: {traffic((X, ten), 50, max_iter=5)}")
    text = TextChunk(0, 100_000, 20_000, 20_000)(0)
    say(f"bytes of folds, 100,000 sparse columns: {traffic(text, 100_000)}")
    if "bytes" in sys.argv[1:]:
        return
    sizes = (160_000, 320_000, 640_000, 1_280_000, 2_560_000)
    foretell(run(sizes, (5_120_000,), 50, 5, say), 50, say)


if __name__ == "__main__":
    main()
