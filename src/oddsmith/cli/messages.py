"""What goes to standard error: one line each, with nothing that a terminal obeys."""

from contextlib import suppress

import click

from oddsmith.core.labels import printable
from oddsmith.errors import OddsmithError

__all__ = ["fail", "in_words_of_options", "say", "warn"]


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


def in_words_of_options(error: OddsmithError, source: str) -> OddsmithError:
    """Name the file, and the option, where an error names what a programmer would give."""
    what = str(error)
    if what.startswith(("values are missing", "values of X are missing")):
        said = what.partition(";")[0]
        return type(error)(f"{source}: {said}; fill them in, or say what to do with --missing")
    return error
