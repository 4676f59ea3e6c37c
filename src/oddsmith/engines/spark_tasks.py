"""Tasks on Spark's executors: partitions to tickets, tickets to sums, sums to fewer sums.

Each is called with the Arrow record batches of its partitions, and gives record batches back. An
error that would come again is given back as a fault, as Spark would try the task three times more.
"""

import os
import pickle
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from oddsmith.core.parts import Node, Part, PartKernel, added
from oddsmith.engines.parts import partial_sums
from oddsmith.errors import OddsmithError

__all__ = [
    "NUMBER",
    "SUMS",
    "TICKET",
    "Adding",
    "Changing",
    "Clearing",
    "Folding",
    "LostRowsError",
    "OnExecutor",
    "Reading",
    "nodes",
]

# Column of the number of a partition.
NUMBER = "__oddsmith_part"
# Pickled: what a part holds; nodes of the tree; number of a part and why it has none.
TICKET = "part binary, fault binary"
SUMS = "place int, sums binary, fault binary"


class LostRowsError(Exception):
    """The files of a part are not on the machine on which its task runs."""


def nodes(pickled: Iterable[bytes]) -> dict[Node, Any]:
    """Nodes of the tree that came in several pieces."""
    found = dict[Node, Any]()
    for sums in pickled:
        found.update(pickle.loads(sums))  # noqa: S301
    return found


def _record(columns: dict[str, list[Any]]) -> Any:
    """Record batch of whole numbers and bytes."""
    import pyarrow as pa

    kinds = {"place": pa.int32()}
    arrays = [pa.array(own, kinds.get(name, pa.binary())) for name, own in columns.items()]
    return pa.RecordBatch.from_arrays(arrays, list(columns))


def _ticket(part: Any, fault: Any) -> Any:
    made = [None if one is None else pickle.dumps(one, 5) for one in (part, fault)]
    return _record({"part": made[:1], "fault": made[1:]})


@dataclass(frozen=True, slots=True)
class Reading:
    """Task that makes the ticket of one partition of a table."""

    change: Callable[[Part], Any]
    opened: Callable[[Any], Any] | None

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Ticket of the partition."""
        first = next(batches, None)
        # Of a partition without rows, the number that Spark gave is not here, and not needed.
        number = -1 if first is None else first.column(NUMBER)[0].as_py()
        every = () if first is None else chain((first,), batches)
        rows = (batch.drop_columns([NUMBER]) for batch in every)
        yield _made(
            self.change, Part(number, rows if self.opened is None else map(self.opened, rows))
        )


@dataclass(frozen=True, slots=True)
class Changing:
    """Task that makes tickets of tickets."""

    change: Callable[[Part], Any]

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Tickets of the parts."""
        for number, part, fault in _tickets(batches):
            if fault is not None:
                yield _ticket(None, fault)
            else:
                yield _made(self.change, Part(number, part))


def _made(change: Callable[[Part], Any], part: Part) -> Any:
    try:
        return _ticket(change(part), None)
    except FileNotFoundError:
        return _ticket(None, (part.number, LostRowsError()))
    except OddsmithError as error:  # it would come again: Spark need not try
        return _ticket(None, (part.number, error))


def _tickets(batches: Iterator[Any]) -> Iterator[tuple[int, Any, Any]]:
    for batch in batches:
        for number, *own in zip(*(batch.column(at).to_pylist() for at in range(3)), strict=True):
            part, fault = (None if one is None else pickle.loads(one) for one in own)  # noqa: S301
            yield number, part, fault


@dataclass(frozen=True, slots=True)
class Folding:
    """Task that adds what its parts give; its sums go to the group in which they are added."""

    kernel: PartKernel[Any]
    n_parts: int
    groups: int

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Nodes of the tree, for each group."""
        from pyspark import TaskContext

        context: Any = TaskContext.get()
        sums, fault, number = dict[Node, Any](), None, -1
        try:
            for number, part, fault in _tickets(batches):
                if fault is not None:
                    break
                one = partial_sums(self.kernel, [Part(number, part)], self.n_parts, context.cpus())
                sums = added(sums | one, self.n_parts)
        except FileNotFoundError:
            fault = (number, LostRowsError())
        except OddsmithError as error:
            fault = (number, error)
        if fault is not None:
            for _ in batches:  # a worker that leaves some unread is not used again
                pass
            yield _record({"place": [0], "sums": [b""], "fault": [pickle.dumps(fault)]})
            return
        places = defaultdict[int, dict[Node, Any]](dict)
        for (level, place), own in sums.items():
            places[(place << level) * self.groups // self.n_parts][level, place] = own
        made = [pickle.dumps(own, 5) for own in places.values()]
        yield _record({"place": list(places), "sums": made, "fault": [None] * len(made)})


@dataclass(frozen=True, slots=True)
class Adding:
    """Task that adds sums of a group."""

    n_parts: int

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Nodes of the tree that are whole here."""
        sums, faults = list[bytes](), list[bytes]()
        for batch in batches:
            for own, fault in zip(
                batch.column(1).to_pylist(), batch.column(2).to_pylist(), strict=True
            ):
                (sums if fault is None else faults).append(own if fault is None else fault)
        made = pickle.dumps(added(nodes(sums), self.n_parts), 5)
        yield _record({"place": [0], "sums": [made], "fault": [faults[0] if faults else None]})


@dataclass(frozen=True, slots=True)
class Clearing:
    """Task that removes what the fit keeps on its machine."""

    token: str

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        """No sum."""
        for _ in batches:
            pass
        for folder in _local_folders():
            shutil.rmtree(folder / self.token, ignore_errors=True)
        yield _record({"place": [0], "sums": [b""], "fault": [None]})


@dataclass(frozen=True, slots=True)
class OnExecutor:
    """Gives the folder on an executor's disk in which a fit keeps files.

    Attributes
    ----------
    token : str
        Of the `SparkDesk`.
    """

    token: str

    def __call__(self) -> Path:
        """Spark's own folders, which it removes when the executor ends, are taken in turn."""
        folders = _local_folders()
        return folders[os.getpid() % len(folders)] / self.token


def _local_folders() -> list[Path]:
    """Folders that Spark tells its Python workers of."""
    return [
        Path(own) for own in os.environ.get("SPARK_LOCAL_DIRS", tempfile.gettempdir()).split(",")
    ]
