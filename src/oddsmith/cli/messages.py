"""What goes to standard error: one line each, with nothing that a terminal obeys."""

from contextlib import suppress

import click

from oddsmith.core.labels import printable

__all__ = ["fail", "say", "warn"]


def say(text: str) -> None:
    """Tell something that is no result."""
    click.echo(printable(text), err=True)


def warn(text: str) -> None:
    """Tell what the user should look into."""
    say(f"oddsmith: warning: {text}")


def fail(text: str) -> int:
    """Tell why nothing came of it; the exit status is returned."""
    # Where even this cannot be written, the exit status has to say it.
    with suppress(OSError):
        say(f"oddsmith: error: {text}")
    return 2
