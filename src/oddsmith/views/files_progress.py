"""Progress of a fit to files: rows of the first pass, passes, rows of this pass, what is proved."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from oddsmith.core.block import Block, Blocks
from oddsmith.core.labels import printable
from oddsmith.views.progress import progress_text

if TYPE_CHECKING:
    from oddsmith.solvers.run import Progress

__all__ = ["Told", "files_progress"]

# A pipe gets a line at most so often, and a terminal ten times a second.
_SECONDS, _SECONDS_IN_TERMINAL = 5.0, 0.1


class Told:
    """What a fit to files tells while it runs, shown or not.

    Parameters
    ----------
    show : callable or None
        Shows a line that the next one replaces; None shows nothing.
    note : callable or None
        Shows a line that stays.
    """

    def __init__(self, show: Any = None, note: Any = None) -> None:
        self._show, self._note = show, note
        self._lock = threading.Lock()
        self._read = self._pass = self._rows = self._total = 0
        self._last = ""

    def cache(self, folder: Path, size: int) -> None:
        """Say how large the cache will be (bytes)."""
        self._line(
            f"column cache in {printable(str(folder))}: {size / 1e9:.2f} GB, removed afterwards"
        )

    def resumed(self, rows: int) -> None:
        """Say that the first pass was done before."""
        self._line(f"going on from the checkpoint: {rows:,} rows are in its column cache")

    def going_on(self, rows: int) -> None:
        """Say how many rows of the first pass were read before."""
        self._read = rows
        if rows:
            self._line(f"going on with the first pass, of which {rows:,} rows were read before")

    def read(self, rows: int, total: int | None) -> None:
        """Count rows that the first pass has read."""
        self._read += rows
        of = "" if total is None else f" of {total:,} ({100 * self._read // max(1, total)} %)"
        if self._show is not None:
            self._show(f"first pass: {self._read:,} rows{of}")

    def done_reading(self, rows: int) -> None:
        """Say how many rows the first pass has read."""
        self._line(f"first pass: {rows:,} rows")

    def iteration(self, progress: "Progress") -> None:
        """Show where the solver stands."""
        self._last = f"; {progress_text(progress)}"
        if self._show is not None:
            self._show(f"pass {self._pass}{self._last}")

    def began(self, number: int) -> None:
        """Show that a pass over rows elsewhere begins."""
        self._pass = number
        if self._show is not None:
            self._show(f"pass {number}{self._last}")

    def blocks(self, blocks: Blocks) -> Blocks:
        """Give the same blocks, their rows counted where something is shown."""
        self._total = blocks.n_rows
        return blocks if self._show is None else _ToldBlocks(blocks, self)

    def stream(self, blocks: Iterator[Block], total: int) -> Iterator[Block]:
        """Give the blocks of a new pass over `total` rows, counted as they are handed out."""
        self._total, self._rows = total, 0
        for block in blocks:
            if self._show is not None:
                self.block(block.y.size)
            yield block

    def block(self, rows: int) -> None:
        """Count rows of a pass, from any thread."""
        with self._lock:
            self._pass += self._rows % self._total == 0
            self._rows += rows
            done = (self._rows - 1) % self._total + 1
            share = f"{100 * done // self._total} % of {self._total:,} rows"
            self._show(f"pass {self._pass}: {share}{self._last}")

    def _line(self, text: str) -> None:
        if self._note is not None:
            self._note(text)


class _ToldBlocks:
    """Blocks whose rows are counted when they are handed out."""

    def __init__(self, blocks: Blocks, told: Told) -> None:
        self._blocks, self._told = blocks, told

    @property
    def n_rows(self) -> int:
        return self._blocks.n_rows

    @property
    def n_features(self) -> int:
        return self._blocks.n_features

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, index: int) -> Block:
        return self._counted(self._blocks[index])

    def joined(self, run: range) -> Iterator[Block]:
        return map(self._counted, self._blocks.joined(run))

    def sample(self, stride: int) -> Blocks:
        return self._blocks.sample(stride)

    def _counted(self, block: Block) -> Block:
        self._told.block(block.y.size)
        return block


@contextmanager
def files_progress(enabled: bool, file: TextIO | None = None) -> Iterator[Told]:
    """Watch a fit to files on standard error, or on `file`.

    Examples
    --------
    >>> with files_progress(True, sys.stdout) as told:
    ...     told.read(1000, 4000)
    first pass: 1,000 rows of 4,000 (25 %)
    """
    if not enabled:
        yield Told()
        return
    from rich.console import Console

    stream = sys.stderr if file is None else file
    console = Console(file=stream, highlight=False)
    # Asked of the stream itself, because FORCE_COLOR makes rich take a pipe for a terminal.
    if stream.isatty() and not console.is_dumb_terminal:
        with _in_terminal(console) as told:
            yield told
    else:
        yield from _in_pipe(stream)


@contextmanager
def _in_terminal(console: Any) -> Iterator[Told]:
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    spinner = Spinner("line", Text("reading"))
    with Live(
        spinner,
        console=console,
        refresh_per_second=10,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        shown = _Throttled(lambda text: spinner.update(text=Text(text)), _SECONDS_IN_TERMINAL)
        yield Told(shown, lambda text: console.print(text, markup=False))


def _in_pipe(stream: TextIO) -> Iterator[Told]:
    def line(text: str) -> None:
        print(text, file=stream, flush=True)

    shown = _Throttled(line, _SECONDS)
    yield Told(shown, line)
    shown.last()


class _Throttled:
    """Shows no more lines than one in some seconds, and the last one in any case."""

    def __init__(self, show: Any, seconds: float) -> None:
        self._show, self._seconds = show, seconds
        self._at = -seconds
        self._waiting: list[str] = []

    def __call__(self, text: str) -> None:
        self._waiting[:] = [text]
        now = time.monotonic()
        if now - self._at >= self._seconds:
            self._at = now
            self.last()

    def last(self) -> None:
        if self._waiting:
            self._show(self._waiting.pop())
