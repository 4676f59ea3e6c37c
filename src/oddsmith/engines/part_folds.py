"""Walks over the folds of rows in parts, which share their passes.

Each fold's walk is a loop of its own, over a source that has the rows outside the fold. They run
side by side; when all that are on their way have asked for a fold, one pass answers all of them. So
the passes are as many as those of the longest walk, and each sum is the same whoever shares a read.
"""

import contextvars
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from oddsmith.core.block import Block, Mergeable
from oddsmith.core.fold_rows import FoldJob, Jobs, Relabelled
from oddsmith.core.loss import Labels
from oddsmith.engines.parts import PartRows
from oddsmith.engines.threads import BlockThreads

__all__ = ["FoldRows", "SharedPasses", "WithLabels"]

S = TypeVar("S", bound=Mergeable)
T = TypeVar("T")


class WithLabels:
    """A source whose rows have other labels than their blocks.

    Parameters
    ----------
    source : RowSource
    labels : integer array
        In place of each label.
    """

    def __init__(self, source: PartRows, labels: Labels) -> None:
        self.source, self.labels = source, labels
        self.n_rows, self.n_features = source.n_rows, source.n_features

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        """Sum of kernel(block) over all blocks."""
        return self.source.fold(Relabelled(kernel, self.labels))


class FoldRows:
    """Rows outside a fold, as a source.

    Parameters
    ----------
    passes : SharedPasses
    fold : int
    n_rows : int
    """

    def __init__(self, passes: "SharedPasses", fold: int, n_rows: int) -> None:
        self._passes, self._fold = passes, fold
        self.n_rows, self.n_features = n_rows, passes.source.n_features

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        """Sum of kernel(block) over the rows; other folds may share the read."""
        found: S = self._passes.ask(FoldJob(kernel, self._fold))
        return found

    def sample(self, stride: int, /) -> BlockThreads:
        """Those of rows 0, k, 2 k, ... of the whole that are outside the fold, gathered here."""
        every: Any = self._passes.ask(stride)
        K = self._passes.n_classes
        rows = np.flatnonzero(every.y // K != self._fold)
        classes = (every.y[rows] % K).astype(np.int8 if K < 127 else np.int32)
        own = Block(every.X[rows], classes, every.weight[rows], every.offset[rows])
        return BlockThreads(self._passes.source.gathered(own), 1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A fold's kernel, or the stride of a sample, and who waits for what comes of it."""

    what: FoldJob | int
    answer: Future[Any]


class SharedPasses:
    """Passes over rows whose labels carry folds, each for all walks that wait for one.

    Parameters
    ----------
    source : PartRows
        Labelled as `core.fold_rows` says.
    n_classes : int
    """

    def __init__(self, source: PartRows, n_classes: int) -> None:
        self.source, self.n_classes = source, n_classes
        self._waiting: list[_Asked] = []
        self._changed = threading.Condition()
        self._samples: dict[int, Any] = {}

    def ask(self, what: FoldJob | int) -> Any:
        """Wait, inside a walk, for the next pass."""
        asked = _Asked(what, Future())
        with self._changed:
            self._waiting.append(asked)
            self._changed.notify()
        return asked.answer.result()

    def run(self, walks: Sequence[Callable[[], T]]) -> list[T]:
        """Take all walks, side by side; what the first that failed has raised is raised here.

        A walk is called on a thread of its own, and reads rows by `FoldRows` alone; passes are
        folded by the caller's thread.
        """
        ends = [Future[T]() for _ in walks]
        threads = [
            threading.Thread(target=self._walk, args=(contextvars.copy_context(), *both))
            for both in zip(walks, ends, strict=True)
        ]
        for thread in threads:
            thread.start()
        try:
            while (waiting := self._all_waiting(ends)) is not None:
                self._answer(waiting)
        except BaseException as error:
            self._give_up(ends, error)
            raise
        finally:
            for thread in threads:
                thread.join()
        return [end.result() for end in ends]

    def _walk(self, context: Any, walk: Callable[[], T], end: Future[T]) -> None:
        try:
            found = context.run(walk)
        except BaseException as error:  # the caller's thread raises it again
            end.set_exception(error)
        else:
            end.set_result(found)
        with self._changed:
            self._changed.notify()

    def _all_waiting(self, ends: Sequence[Future[Any]]) -> list[_Asked] | None:
        """Wait for what all walks that have not ended ask for; None when the last has ended."""
        with self._changed:
            while True:
                left = sum(not end.done() for end in ends)
                if left == 0:
                    return None
                if len(self._waiting) == left:
                    waiting, self._waiting = self._waiting, []
                    return waiting
                self._changed.wait()

    def _answer(self, waiting: list[_Asked]) -> None:
        jobs = [one for one in waiting if isinstance(one.what, FoldJob)]
        try:
            for one in waiting:
                if isinstance(one.what, int):
                    one.answer.set_result(self._sample(one.what))
            if jobs:
                # In one order, whichever walk came first.
                jobs.sort(key=lambda one: one.what.fold)  # type: ignore[union-attr]
                asked: Any = tuple(one.what for one in jobs)
                sums = self.source.fold(Jobs(asked, self.n_classes)).each
                for one, own in zip(jobs, sums, strict=True):
                    one.answer.set_result(own)
        except BaseException as error:
            for one in waiting:
                if not one.answer.done():
                    one.answer.set_exception(error)
            raise

    def _sample(self, stride: int) -> Any:
        if stride not in self._samples:
            self._samples[stride] = self.source.sample(stride).blocks
        return self._samples[stride]

    def _give_up(self, ends: Sequence[Future[Any]], error: BaseException) -> None:
        """Let no walk wait any longer."""
        with self._changed:
            while not all(end.done() for end in ends):
                for one in self._waiting:
                    one.answer.set_exception(error)
                self._waiting = []
                self._changed.wait(0.1)
