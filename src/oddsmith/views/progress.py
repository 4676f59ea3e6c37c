"""Progress of a fit on standard error: one moving line in a terminal, a few lines elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, TextIO

from oddsmith.views.tables import number_text

if TYPE_CHECKING:
    from rich.console import Console

    from oddsmith.solvers.run import Progress

__all__ = ["counted_progress", "note", "progress_text", "training_progress"]


def progress_text(progress: "Progress") -> str:
    """One line that says where a fit stands.

    Examples
    --------
    >>> from oddsmith.solvers.run import Progress
    >>> progress_text(Progress(3, 100, 0.0612345678, 2.5e-9, 1e-5))
    'iteration 3: objective 0.061234568 nats, proved within 2.5e-09 of the minimum'
    """
    objective = number_text(progress.objective, 8)
    line = f"iteration {progress.iteration}: objective {objective} nats"
    if progress.gap is None or progress.gap == float("inf"):
        return line
    return f"{line}, proved within {number_text(progress.gap, 2)} of the minimum"


def note(enabled: bool, text: str, file: TextIO | None = None) -> None:
    """Write one line beside the progress.

    Examples
    --------
    >>> note(True, "3 rows are left out", sys.stdout)
    3 rows are left out
    """
    if enabled:
        stream = sys.stderr if file is None else file
        stream.write(f"{text}\n")


@contextmanager
def training_progress(
    enabled: bool, file: TextIO | None = None
) -> Iterator[Callable[["Progress"], None]]:
    """Watch a fit: call what this yields once per iteration.

    Parameters
    ----------
    enabled : bool
        Whether to show anything.
    file : text file, optional
        Standard error unless told.

    Notes
    -----
    How many iterations a fit needs is not known before its end, so there is no bar that fills.
    The terminal is put back in order however the block is left.

    Examples
    --------
    >>> with training_progress(False) as watch:
    ...     watch(None)
    """
    if not enabled:
        yield lambda progress: None
        return
    from rich.console import Console

    stream = sys.stderr if file is None else file
    console = Console(file=stream, highlight=False)
    # Asked of the stream itself, because FORCE_COLOR makes rich take a pipe for a terminal.
    moving = stream.isatty() and not console.is_dumb_terminal
    watching = _in_terminal(console) if moving else _in_pipe(stream)
    with watching as watch:
        yield watch


@contextmanager
def counted_progress(
    enabled: bool, total: int, what: str, file: TextIO | None = None
) -> Iterator[Callable[[], None]]:
    """Watch work of which the end is known: call what this yields once per step.

    Parameters
    ----------
    enabled : bool
        Whether to show anything.
    total : int
        Steps in all.
    what : str
        Name of a step.
    file : text file, optional
        Standard error unless told.

    Examples
    --------
    >>> with counted_progress(True, 2, "fold", sys.stdout) as tick:
    ...     tick()
    fold 1 of 2
    """
    if not enabled:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    stream = sys.stderr if file is None else file
    console = Console(file=stream, highlight=False)
    if not stream.isatty() or console.is_dumb_terminal:
        steps = count(1)
        yield lambda: print(f"{what} {next(steps)} of {total}", file=stream, flush=True)
        return
    with Bar(console=console, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def _in_terminal(console: "Console") -> Iterator[Callable[["Progress"], None]]:
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    spinner = Spinner("line", Text("fitting"))
    last: list[Text] = []

    def watch(progress: "Progress") -> None:
        last[:] = [Text(progress_text(progress))]
        spinner.update(text=last[0])

    with Live(
        spinner,
        console=console,
        refresh_per_second=10,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:
        try:
            yield watch
        finally:
            if last:
                live.update(last[0])


@contextmanager
def _in_pipe(file: TextIO) -> Iterator[Callable[["Progress"], None]]:
    """Plain lines for iterations 0, 1, 2, 5, 10, 20, 50, ... and for the last one."""
    waiting: list[Progress] = []

    def watch(progress: "Progress") -> None:
        waiting[:] = [progress]
        if progress.iteration in (0, 1, 2, 5) or _is_round(progress.iteration):
            show()

    def show() -> None:
        if waiting:
            print(progress_text(waiting.pop()), file=file, flush=True)

    try:
        yield watch
    finally:
        show()


def _is_round(iteration: int) -> bool:
    """Whether only the first digit is not 0, and that is 1, 2 or 5."""
    return iteration >= 10 and str(iteration).rstrip("0") in ("1", "2", "5")
