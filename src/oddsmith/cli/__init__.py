"""The command line: ``demo``, ``fit``, ``predict``, ``evaluate``, ``report`` and others.

At the top only click and the standard library are imported, so that ``--help`` answers at once;
each command imports what it needs.
"""

import os
import sys

import click

from oddsmith.cli.fit_commands import demo, fit
from oddsmith.cli.lesson_command import lesson
from oddsmith.cli.messages import fail, say
from oddsmith.cli.model_commands import evaluate, predict, summary
from oddsmith.cli.report_command import report
from oddsmith.cli.signals import Ended, ending_cleanly
from oddsmith.errors import OddsmithError

__all__ = ["cli", "main"]


def main(args: list[str] | None = None) -> int:
    """Run a command, and return the exit status.

    0, or 2 after an error, 1 where whoever read the output has gone; 130 after Ctrl-C, 143 after
    SIGTERM and 129 after SIGHUP, as shells count them.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a letter gets its escape, never a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with ending_cleanly():
            given = sys.argv[1:] if args is None else args
            status = cli.main(given, prog_name="oddsmith", standalone_mode=False, obj=given)
            sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except Ended as ended:
        _say_left(ended)
        return ended.status
    except BrokenPipeError:
        return _reader_left()
    except (KeyboardInterrupt, click.Abort) as error:
        if not _say_left(error.__context__ if isinstance(error, click.Abort) else error):
            say("oddsmith: interrupted")
        return 130
    except click.ClickException as error:
        return fail(_usage(error))
    except OddsmithError as error:
        return fail(str(error))
    except MemoryError:
        return fail("there is not enough memory; use fewer rows or columns")
    except OSError as error:
        # Reading and writing files name theirs; what is left is what is printed.
        _forget_output()
        why = error.strerror or str(error)
        return fail(f"standard output: {why}; send it to a place that can be written")


def _say_left(error: BaseException | None) -> bool:
    """Tell what a fit that was cut short has left; it is noted on what cut it short."""
    notes = getattr(error, "__notes__", [])
    if notes:
        say(f"oddsmith: interrupted; {notes[-1]}")
    return bool(notes)


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "oddsmith"
    return f"{error.format_message().rstrip('.')}; see {command} --help"


def _reader_left() -> int:
    """End quietly, as click does where the reader leaves earlier: ``oddsmith ... | head -1``."""
    _forget_output()
    return 1


def _forget_output() -> None:
    """Send what is left elsewhere: the interpreter flushes standard output when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="oddsmith", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Logistic regression with a proof of optimality on every fit.

    Start with:  oddsmith demo
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for _command in (demo, fit, predict, evaluate, report, summary, lesson):
    cli.add_command(_command)
