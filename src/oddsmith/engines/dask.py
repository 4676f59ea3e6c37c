"""Parts on the workers of a Dask cluster: one task per worker and pass, over the parts it holds.

Parts are futures, pinned in the workers' memory, which Dask writes to their disks where they are
too many. A pass sends the kernel, with the coefficients in it, once to each worker; sums come back
through a tree of tasks. Where a worker is lost, Dask makes its parts again on the others, from the
graph by which they were made: the sum has the same bits.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Self, TypeVar
from uuid import uuid4

from oddsmith.core.block import Mergeable
from oddsmith.core.parts import Node, Part, PartKernel, added, total
from oddsmith.engines.parts import changed, partial_sums
from oddsmith.errors import ClusterError, MissingPackageError, OddsmithError

__all__ = ["DaskParts"]

S = TypeVar("S", bound=Mergeable)

# Sums that one task adds; as many come back to the client at the most.
_BRANCHES = 16
# Bytes from which on a kernel is sent to each worker once, and not with each task.
_LARGE = 2**16
# Share of a worker's memory that the parts of one task may take.
_SHARE = 0.3


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise MissingPackageError(
            "Dask clusters need the package distributed; install it with: pip install "
            '"oddsmith[dask]"'
        ) from None
    return distributed


class DaskParts:
    """Parts of a table on a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
    items : sequence of Delayed or Future
        What makes the rows of each part, in their order.

    Examples
    --------
    >>> from dask import delayed
    >>> from distributed import Client
    >>> from oddsmith.core.moments import VectorMoments
    >>> with Client(processes=False, dashboard_address="127.0.0.1:0") as client:
    ...     parts = DaskParts(client, [delayed(list)([1.0, 2.0]), delayed(list)([4.0])])
    ...     parts = parts.prepared(lambda part: sum(part.rows), "oddsmith read")
    ...     parts.fold(lambda part, threads: VectorMoments(part.rows), "oddsmith pass 1").vector
    7.0
    """

    def __init__(self, client: Any, items: Sequence[Any]) -> None:
        self.client = client
        self._items = tuple(items)
        self._token = uuid4().hex
        self._folds = count(1)
        self._tasks: int | None = None

    @property
    def n_parts(self) -> int:
        """Parts in all."""
        return len(self._items)

    def prepared(self, change: Callable[[Part], Any], name: str, /) -> Self:
        """Parts whose rows are what `change` makes of each, on the workers that hold these."""
        from dask.delayed import delayed

        make: Any = delayed(_changed, pure=False)
        with self._clear(name):
            sent = self._sent(change)
            token = uuid4().hex
            made = [
                make(sent, number, item, dask_key_name=f"{name}-{token}-{number}")
                for number, item in enumerate(self._items)
            ]
            return type(self)(self.client, self.client.compute(made))

    def fold(self, kernel: PartKernel[S], name: str, /) -> S | None:
        """Sum of kernel(part, threads) over all parts, in the tree's order.

        Raises
        ------
        ClusterError
            If the cluster goes away, or its workers die again and again.
        """
        place = f"{self._token}-{next(self._folds)}"
        with self._clear(name):
            sent = self._sent(kernel)
            tasks = [
                self.client.submit(
                    _partial_sums,
                    sent,
                    numbers,
                    [self._items[number] for number in numbers],
                    self.n_parts,
                    key=f"{name}-{place}-{at}",
                    workers=None if worker is None else [worker],
                    allow_other_workers=worker is not None,
                    pure=False,
                )
                for at, (worker, numbers) in enumerate(self._placed())
            ]
            level = 0
            while len(tasks) > _BRANCHES:
                level += 1
                tasks = [
                    self.client.submit(
                        _added, list(some), self.n_parts, key=f"{name}-{place}-{level}-{at}"
                    )
                    for at, some in enumerate(_batched(tasks, _BRANCHES))
                ]
            found: list[dict[Node, S | None]] = self.client.gather(tasks)
        return total({node: own for sums in found for node, own in sums.items()}, self.n_parts)

    def _sent(self, what: Any) -> Any:
        """Give what tasks take as an argument; on each worker already, if it is large."""
        from distributed.protocol.pickle import dumps

        if len(dumps(what)) < _LARGE:
            return what
        return self.client.scatter(what, broadcast=True, hash=False)

    def _placed(self) -> Iterator[tuple[str | None, list[int]]]:
        """Parts of each task: those of a worker, or some of them where they are large."""
        if self._tasks is None:
            _distributed().wait(self._items)
            self._tasks = self._tasks_a_worker()
        holders: dict[str, Sequence[str]] = self.client.who_has(self._items)
        own = defaultdict[str | None, list[int]](list)
        for number, item in enumerate(self._items):
            # Several workers may have a part; one that nobody has now is made again.
            own[min(holders.get(item.key) or (None,), key=str)].append(number)
        for worker, numbers in own.items():
            for some in _batched(numbers, -(-len(numbers) // self._tasks)):
                yield worker, list(some)

    def _tasks_a_worker(self) -> int:
        """One, unless the parts are more than a worker's memory can have at once."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        limits = [own["memory_limit"] for own in workers if own["memory_limit"]]
        if not limits:
            return 1
        keys = {item.key for item in self._items}
        sizes: dict[str, int] = self.client.nbytes(summary=False)
        size = sum(own for key, own in sizes.items() if key in keys)
        return max(1, round(size / (_SHARE * len(limits) * min(limits)) + 0.5))

    @contextmanager
    def _clear(self, name: str) -> Iterator[None]:
        """Say in one sentence what became of the cluster."""
        from concurrent.futures import CancelledError

        lost = (CancelledError, OSError, TimeoutError)
        try:
            with self.client.as_current():
                yield
        except OddsmithError:
            raise
        except _distributed().KilledWorker as error:
            raise ClusterError(
                f"workers of the Dask cluster died again and again in {name!r} ({error.task}); give"
                " them more memory, or cut the data into smaller partitions"
            ) from None
        except Exception as error:
            if isinstance(error, lost) or self.client.status != "running":
                why = " ".join(str(error).split())[:200] or type(error).__name__
                raise ClusterError(
                    f"the Dask cluster went away in {name!r} ({why}); start it and fit again, with "
                    "resume=True where there is a checkpoint"
                ) from error
            raise


def _batched(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[first : first + size] for first in range(0, len(items), size))


def _changed(change: Callable[[Part], Any], number: int, rows: Any) -> Any:
    return changed(change, Part(number, rows))


def _partial_sums(
    kernel: PartKernel[Any], numbers: list[int], rows: list[Any], n_parts: int
) -> dict[Node, Any]:
    """Add up a worker's parts, on all of its threads."""
    threads = _distributed().get_worker().state.nthreads
    parts = (Part(number, own) for number, own in zip(numbers, rows, strict=True))
    return partial_sums(kernel, parts, n_parts, threads)


def _added(sums: list[dict[Node, Any]], n_parts: int) -> dict[Node, Any]:
    return added({node: own for some in sums for node, own in some.items()}, n_parts)
