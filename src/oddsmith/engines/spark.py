"""Partitions of a Spark table as parts: data come to Python once, sums go back on every pass.

`SparkTable` is read with ``mapInArrow``. What a change makes of a partition stays where it is made,
in files on the executor's disk; Spark keeps a ticket for it, a row with a small object that opens
them. A pass is one job with one task a core, over the tickets that lie near it. Lineage makes the
tickets of a lost executor again, and with them the files.

The DataFrame API does all of this, so that Spark Connect could; what it lacks, such as names of
jobs, is left out there.
"""

import os
import pickle
import shutil
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Self, TypeVar

from oddsmith.core.block import Mergeable
from oddsmith.core.parts import Node, Part, PartKernel, added, total
from oddsmith.engines.parts import partial_sums
from oddsmith.errors import ClusterError, OddsmithError

__all__ = ["OnExecutor", "SparkDesk", "SparkParts", "SparkTable"]

S = TypeVar("S", bound=Mergeable)

_NUMBER = "__oddsmith_part"
_NUMBERED = f"spark_partition_id() AS {_NUMBER}"
# Pickled: what a part holds; nodes of the tree; number of a part and why it has none.
_TICKET = "part binary, fault binary"
_SUMS = "place int, sums binary, fault binary"
# How often a job is tried where workers die or rows are lost, beside Spark's own tries.
_TRIES = 3
# What Spark says when a Python worker was killed; when it was stopped itself.
_DIED = "Python worker exited unexpectedly"
_GONE = ("shut down", "stopped SparkContext", "SESSION_OR_CONTEXT_NOT_EXISTS", "has been stopped")
_OF_JAVA = "Py4JJavaError"
# More tasks than this have their sums added on the cluster before they come to the driver.
_MOST_TASKS = 64


class _LostRowsError(Exception):
    """The files of a part are not on the machine on which its task runs."""


class SparkDesk:
    """Runs the jobs of a fit, keeps its tickets, and clears up; use it as a context manager.

    Parameters
    ----------
    session : SparkSession
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._kept: list[Any] = []
        # Of the folders on executors in which this fit keeps files.
        self.token = f"oddsmith-{uuid.uuid4().hex}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Remove files and tickets, as far as the cluster is still there."""
        try:
            if self._kept:
                # One task for each core comes to each executor, where they are idle.
                tasks = self.n_tasks or _MOST_TASKS
                everywhere = self._session.range(0, tasks, 1, tasks)
                self.run(everywhere.mapInArrow(_Clearing(self.token), _SUMS), "oddsmith clears up")
            for frame in reversed(self._kept):
                frame.unpersist()
        except Exception:
            # What went wrong before says more, and executors remove their folders when they end.
            return
        finally:
            self._kept.clear()

    def keep(self, frame: Any, name: str) -> Any:
        """Let Spark keep the rows of a frame until the fit ends."""
        with _told(name):
            self._kept.append(frame.persist())
        return self._kept[-1]

    def forget(self, name: str) -> None:
        """Let all tickets be made again."""
        with _told(name):
            for frame in self._kept:
                frame.unpersist(blocking=True)
            for frame in self._kept:
                frame.persist()

    def tasks_of(self, frame: Any) -> Any:
        """Give several partitions to a task, so that there is one task a core."""
        context = self._context
        return frame if context is None else frame.coalesce(max(1, context.defaultParallelism))

    @property
    def n_tasks(self) -> int:
        """Cores of the cluster; 0 where that is not known."""
        return 0 if self._context is None else self._context.defaultParallelism

    @property
    def _context(self) -> Any:
        try:
            context = self._session.sparkContext
        except Exception:  # Spark Connect has none, and says so with errors of several classes
            return None
        if context._jsc is None:
            raise _gone("oddsmith", "it was stopped")
        return context

    def run(self, frame: Any, name: str) -> list[Any]:
        """Rows of a small frame, by a job of this name, which is tried again if workers die."""
        for left in reversed(range(_TRIES)):
            try:
                with self._described(name):
                    return frame.collect()
            except Exception as error:
                if left == 0 or _DIED not in str(error):
                    raise _said(error, name) from error
        raise AssertionError("not reached")

    @contextmanager
    def _described(self, name: str) -> Iterator[None]:
        context = self._context
        if context is None:
            yield
            return
        key = "spark.job.description"
        before = context.getLocalProperty(key)
        context.setLocalProperty(key, name)
        try:
            yield
        finally:
            if context._jsc is not None:
                with suppress(Exception):  # what has stopped the session says more
                    context.setLocalProperty(key, before)


def _said(error: Exception, name: str) -> Exception:
    """Say in one sentence what became of the cluster."""
    if isinstance(error, OddsmithError) or not _is_sparks(error):
        return error
    lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    # An error of Java's is told of in its second line, one of Python's in its last.
    at = -1 if "Python worker" in "".join(lines[:1]) else int(type(error).__name__ == _OF_JAVA)
    why = (lines or [""])[max(at, -len(lines))][-200:] if len(lines) > 1 else "".join(lines)[:200]
    if "ModuleNotFoundError" in why or "ImportError" in why:
        todo = "install oddsmith[spark] where they run, and let PYSPARK_PYTHON name that Python"
        return ClusterError(f"Spark's Python workers cannot go on in {name!r} ({why}); {todo}")
    if any(_DIED in line for line in lines):
        todo = "give them more memory, or cut the table into smaller partitions"
        return ClusterError(f"Spark's Python workers died again and again in {name!r}; {todo}")
    if any(word in line for line in lines for word in _GONE) or isinstance(error, OSError):
        return _gone(name, why)
    todo = "mend what it names, and fit again, with resume=True where there is a checkpoint"
    return ClusterError(f"Spark's job {name!r} failed ({why}); {todo}")


def _gone(name: str, why: str) -> ClusterError:
    return ClusterError(
        f"the Spark session went away in {name!r} ({why}); start one and fit again, with "
        "resume=True where there is a checkpoint"
    )


def _is_sparks(error: Exception) -> bool:
    homes = {one.__module__.partition(".")[0] for one in type(error).__mro__}
    return bool(homes & {"py4j", "pyspark", "grpc"}) or isinstance(error, OSError)


class SparkTable:
    """A Spark table, not read yet: `prepared` reads it.

    Parameters
    ----------
    desk : SparkDesk
    frame : DataFrame
    opened : callable, optional
        Makes of an Arrow record batch of the frame the one that a change is given.
    """

    def __init__(
        self, desk: SparkDesk, frame: Any, opened: Callable[[Any], Any] | None = None
    ) -> None:
        self._desk, self._frame, self._opened = desk, frame, opened

    def prepared(self, change: Callable[[Part], Any], name: str, /) -> "SparkParts":
        """Parts whose rows are what `change` makes of each partition's record batches."""
        with _told(name):
            numbered = self._frame.selectExpr("*", _NUMBERED)
            tickets = numbered.mapInArrow(_Reading(change, self._opened), _TICKET)
        return SparkParts(self._desk, self._desk.keep(tickets, name), name)


class SparkParts:
    """Parts of a table on the executors of a Spark session; a ticket stands for each.

    Parameters
    ----------
    desk : SparkDesk
    tickets : DataFrame
        Kept by the desk.
    name : str
        Of the job that makes them.

    Raises
    ------
    ClusterError
        If the cluster goes away, or its workers die again and again.
    """

    def __init__(self, desk: SparkDesk, tickets: Any, name: str) -> None:
        self._desk, self._tickets = desk, tickets
        rows = self._sound(lambda: tickets.selectExpr(_NUMBERED, "fault"), name)
        self._n_parts = len(rows)

    @property
    def n_parts(self) -> int:
        """Parts in all, empty ones too."""
        return self._n_parts

    def prepared(self, change: Callable[[Part], Any], name: str, /) -> Self:
        """Parts whose rows are what `change` makes of each, on the executors that hold these."""
        with _told(name):
            tickets = self._numbered().mapInArrow(_Changing(change), _TICKET)
        return type(self)(self._desk, self._desk.keep(tickets, name), name)

    def fold(self, kernel: PartKernel[S], name: str, /) -> S | None:
        """Sum of kernel(part, threads) over all parts, in the tree's order.

        Raises
        ------
        ClusterError
            If the cluster goes away, or its workers die again and again.
        """
        if not self.n_parts:
            return None
        rows = self._sound(lambda: self._sums(kernel), name)
        return total(_nodes(row.sums for row in rows), self.n_parts)

    def _sums(self, kernel: PartKernel[Any]) -> Any:
        """Frame of sums, of which few come to the driver."""
        tasks = min(self._desk.n_tasks or self.n_parts, self.n_parts)
        groups = max(1, round(tasks**0.5)) if tasks > _MOST_TASKS else 1
        folding = _Folding(kernel, self.n_parts, groups)
        sums = self._desk.tasks_of(self._numbered()).mapInArrow(folding, _SUMS)
        if groups > 1:
            sums = sums.repartition(groups, "place").mapInArrow(_Adding(self.n_parts), _SUMS)
        return sums

    def _numbered(self) -> Any:
        """Tickets with the numbers of their parts.

        Spark numbers the partitions, and not the tasks: one task has several parts, and makes the
        tickets of those that were lost.
        """
        return self._tickets.selectExpr(_NUMBERED, "part", "fault")

    def _sound(self, made: Callable[[], Any], name: str) -> list[Any]:
        """Rows of a job without faults, after lost rows were read again."""
        for _ in range(_TRIES):
            with _told(name):
                frame = made()
            rows = self._desk.run(frame, name)
            faults = [pickle.loads(row.fault) for row in rows if row.fault is not None]  # noqa: S301
            if not faults:
                return rows
            if not any(isinstance(error, _LostRowsError) for _, error in faults):
                raise min(faults, key=_number_of)[1]
            self._desk.forget(name)
        raise ClusterError(
            f"{name!r} came to machines that do not have the rows of their parts, again and again; "
            "raise spark.locality.wait, or give executors that stay"
        )


def _number_of(fault: tuple[int, Exception]) -> int:
    return fault[0]


def _nodes(pickled: Iterable[bytes]) -> dict[Node, Any]:
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


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Say what became of the cluster where a plan is made, before a job runs."""
    try:
        yield
    except Exception as error:
        raise _said(error, name) from error


@dataclass(frozen=True, slots=True)
class _Reading:
    """Task that makes the ticket of one partition of a table."""

    change: Callable[[Part], Any]
    opened: Callable[[Any], Any] | None

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        first = next(batches, None)
        # Of a partition without rows, the number that Spark gave is not here, and not needed.
        number = -1 if first is None else first.column(_NUMBER)[0].as_py()
        every = () if first is None else chain((first,), batches)
        rows = (batch.drop_columns([_NUMBER]) for batch in every)
        yield _made(
            self.change, Part(number, rows if self.opened is None else map(self.opened, rows))
        )


@dataclass(frozen=True, slots=True)
class _Changing:
    """Task that makes tickets of tickets."""

    change: Callable[[Part], Any]

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        for number, part, fault in _tickets(batches):
            if fault is not None:
                yield _ticket(None, fault)
            else:
                yield _made(self.change, Part(number, part))


def _made(change: Callable[[Part], Any], part: Part) -> Any:
    try:
        return _ticket(change(part), None)
    except FileNotFoundError:
        return _ticket(None, (part.number, _LostRowsError()))
    except OddsmithError as error:  # it would come again: Spark need not try
        return _ticket(None, (part.number, error))


def _tickets(batches: Iterator[Any]) -> Iterator[tuple[int, Any, Any]]:
    for batch in batches:
        for number, *own in zip(*(batch.column(at).to_pylist() for at in range(3)), strict=True):
            yield number, *(None if one is None else pickle.loads(one) for one in own)  # noqa: S301


@dataclass(frozen=True, slots=True)
class _Folding:
    """Task that adds what its parts give; its sums go to the group in which they are added."""

    kernel: PartKernel[Any]
    n_parts: int
    groups: int

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
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
            fault = (number, _LostRowsError())
        except OddsmithError as error:
            fault = (number, error)
        if fault is not None:
            yield _record({"place": [0], "sums": [b""], "fault": [pickle.dumps(fault)]})
            return
        places = defaultdict[int, dict[Node, Any]](dict)
        for (level, place), own in sums.items():
            places[(place << level) * self.groups // self.n_parts][level, place] = own
        made = [pickle.dumps(own, 5) for own in places.values()]
        yield _record({"place": list(places), "sums": made, "fault": [None] * len(made)})


@dataclass(frozen=True, slots=True)
class _Adding:
    """Task that adds sums of a group."""

    n_parts: int

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        sums, faults = list[bytes](), list[bytes]()
        for batch in batches:
            for own, fault in zip(
                batch.column(1).to_pylist(), batch.column(2).to_pylist(), strict=True
            ):
                (sums if fault is None else faults).append(own if fault is None else fault)
        made = pickle.dumps(added(_nodes(sums), self.n_parts), 5)
        yield _record({"place": [0], "sums": [made], "fault": [faults[0] if faults else None]})


@dataclass(frozen=True, slots=True)
class _Clearing:
    """Task that removes what the fit keeps on its machine."""

    token: str

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
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
