"""What commands print to standard output."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from oddsmith.views.tables import Summary

__all__ = ["program", "quote", "show", "show_fit", "write_page"]

# A terminal full of coefficients helps no one; the model file has them all.
_MOST_ROWS = 60


def show(summary: "Summary", limit: int | None = None) -> None:
    """Print a summary: with colour in a terminal, plain and unwrapped elsewhere."""
    from oddsmith.views.summary import as_renderable, as_text

    if sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(as_renderable(summary, limit))
    else:
        text = as_text(summary, limit)
        lines_known = (sys.stdout.encoding or "").lower().startswith("utf")
        click.echo(text if lines_known else text.replace("─", "-"))


def show_fit(summary: "Summary", out: Path, written: tuple[str, ...]) -> None:
    """Print what came of a fit, and where its files are."""
    from dataclasses import replace

    click.echo()
    # The warnings have been shown on standard error.
    show(replace(summary, warnings=()), _MOST_ROWS)
    click.echo(f"\nWrote to {quote(out)}: {', '.join(written)}")


def write_page(path: Path, content: bytes, option: str) -> None:
    """Write a page, whole or not at all, and say where it is."""
    from oddsmith.export.staging import write_whole

    write_whole(path, content, f"choose another {option}")
    click.echo(f"Wrote {quote(path)} ({len(content) / 1e6:.2f} MB); open it in a browser")


def quote(path: Path) -> str:
    """Path as it can be typed, on one line."""
    from oddsmith.core.labels import printable

    return printable(shlex.quote(str(path)))


def program() -> str:
    """Command that runs this program again, as the user would type it."""
    here = Path(sys.argv[0])
    if here.name == "__main__.py" or not here.exists():
        return "python -m oddsmith"
    found = shutil.which("oddsmith")
    if found and Path(found).resolve() == here.resolve():
        return "oddsmith"
    return shlex.quote(min(os.path.relpath(here), str(here), key=len))
