"""The command line: ``demo``, ``fit``, ``predict``, ``evaluate``, ``summary`` and ``lesson``.

At the top only click and the standard library are imported, so that ``--help`` answers at once;
each command imports what it needs.
"""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oddsmith.cli.messages import fail, say, warn
from oddsmith.cli.signals import Ended, ending_cleanly
from oddsmith.errors import OddsmithError, ParameterError

if TYPE_CHECKING:
    from oddsmith.views.tables import Summary

__all__ = ["cli", "main"]

# In the order in which a new run replaces them: the model last.
_OUTPUTS = ("predictions.csv", "loss.png", "confusion_matrix.png", "model.json")
_DEMO_DATA = "breast_cancer.csv"
# A terminal full of coefficients helps no one; the model file has them all.
_MOST_ROWS = 60

_PATH = click.Path(path_type=Path)


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
            status = cli.main(args, prog_name="oddsmith", standalone_mode=False)
            sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except Ended as ended:
        return ended.status
    except BrokenPipeError:
        return _reader_left()
    except (KeyboardInterrupt, click.Abort):
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


_out_folder = click.option(
    "--out", type=_PATH, help="Folder for the outputs.", show_default="DATA's name and -model"
)
_seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Chooses which rows are held out.",
)
_threshold = click.option(
    "--threshold",
    type=float,
    default=0.5,
    show_default=True,
    help="Probability from which on the positive class is predicted (two classes only).",
)


@cli.command()
@click.option(
    "--out",
    type=_PATH,
    default="oddsmith-demo",
    show_default=True,
    help="Folder for the data and the outputs.",
)
@_seed
def demo(out: Path, seed: int) -> None:
    """Fit real data: 569 breast tumours.

    Each is benign or malignant, and has 30 measurements. A fifth of
    the rows is held out, and the model is judged on them. The folder then holds the
    data, the model, its predictions and two pictures.

    Example:  oddsmith demo --out tumours
    """
    from oddsmith.cli.demo import write_breast_cancer
    from oddsmith.cli.fitting import FitRequest, fit_csv, write_fit
    from oddsmith.export.staging import staged_folder

    with staged_folder(out, (_DEMO_DATA, *_OUTPUTS)) as folder:
        data = folder / _DEMO_DATA
        target, positive = write_breast_cancer(data)
        _refuse_other_data(out / _DEMO_DATA, data)
        source = str(out / _DEMO_DATA)
        request = FitRequest(data, source, target, positive, 1.0, 0.2, None, seed)
        fitted = fit_csv(request)
        written = write_fit(fitted, folder)
    _show_fit(fitted.summary, out, (_DEMO_DATA, *written))
    click.echo(
        "\nAn odds ratio of 1.5 says: one unit more of that column, all others equal, and the "
        f"odds of {positive} are 1.5 times what they were (below 1: they fall)."
    )
    program, model, csv = _program(), _quote(out / "model.json"), _quote(out / _DEMO_DATA)
    click.echo("\nTry next:")
    click.echo(f"  {program} summary {model}")
    click.echo(f"  {program} predict {model} {csv} --threshold 0.3")
    click.echo(f"  {program} fit {csv} --target {target} --C 100")


@cli.command()
@click.argument("data", type=_PATH)
@click.option("--target", required=True, help="Column that holds the labels.")
@click.option(
    "--positive", help="Label of the positive class, if there are two.", show_default="the last"
)
@click.option(
    "--C",
    "inverse_penalty",
    type=float,
    default=1.0,
    show_default=True,
    help="Inverse strength of the penalty; inf for none.",
)
@click.option(
    "--test-size",
    type=float,
    help="Share of the rows to hold out, 0 for none.",
    show_default="0.2",
)
@click.option("--test", type=_PATH, help="CSV file of held-out rows, instead of a split.")
@_seed
@_out_folder
def fit(
    data: Path,
    target: str,
    positive: str | None,
    inverse_penalty: float,
    test_size: float | None,
    test: Path | None,
    seed: int,
    out: Path | None,
) -> None:
    """Fit a model to the CSV file DATA.

    It is judged on rows that are held out. All columns but the target must be numbers. The
    folder then holds model.json, predictions.csv (the held-out rows), loss.png and
    confusion_matrix.png.

    Example:  oddsmith fit tumours.csv --target diagnosis --positive malignant
    """
    _check_penalty(inverse_penalty)
    _check_split(test_size, test)
    out = Path(f"{data.stem}-model") if out is None else out

    from oddsmith.export.staging import check_folder, refuse_overwriting, staged_folder

    refuse_overwriting((data, test), tuple(out / name for name in _OUTPUTS))
    # Before the fit, which may take long; and again when its files are written.
    check_folder(out, _OUTPUTS)
    from oddsmith.cli.fitting import FitRequest, fit_csv, write_fit

    share = 0.2 if test_size is None else test_size
    request = FitRequest(data, str(data), target, positive, inverse_penalty, share, test, seed)
    fitted = fit_csv(request)
    with staged_folder(out, _OUTPUTS) as folder:
        written = write_fit(fitted, folder)
    _show_fit(fitted.summary, out, written)


@cli.command()
@click.argument("model", type=_PATH)
@click.argument("data", type=_PATH)
@click.option("--out", type=_PATH, help="File for the predictions.", show_default="standard output")
@_threshold
def predict(model: Path, data: Path, out: Path | None, threshold: float) -> None:
    """Predict the rows of the CSV file DATA.

    MODEL is the model.json that fit wrote. Columns are matched by name, in any order. The answer
    is a CSV file with the predicted label and one column of probabilities per class.

    Example:  oddsmith predict tumours-model/model.json new.csv --out predictions.csv
    """
    from oddsmith.cli.scoring import predictions_of
    from oddsmith.export.staging import refuse_overwriting, write_whole

    if out is not None:
        refuse_overwriting((model, data), (out,))
    content = predictions_of(model, data, threshold).encode()
    if out is None:
        _write_bytes(content)
    else:
        write_whole(out, content)


@cli.command()
@click.argument("model", type=_PATH)
@click.argument("data", type=_PATH)
@_threshold
def evaluate(model: Path, data: Path, threshold: float) -> None:
    """Judge a model on labelled rows.

    DATA is a CSV file with the target and the columns of the model.

    Example:  oddsmith evaluate tumours-model/model.json more.csv
    """
    from oddsmith.cli.scoring import evaluation_of

    _show(evaluation_of(model, data, threshold))


@cli.command()
@click.argument("model", type=_PATH)
@click.option("--html", type=_PATH, help="Write an HTML page to this file instead.")
def summary(model: Path, html: Path | None) -> None:
    """Show a model, and what is proved of it.

    MODEL is the model.json that fit wrote.

    Example:  oddsmith summary tumours-model/model.json
    """
    from oddsmith.export.json import read_model
    from oddsmith.export.staging import refuse_overwriting, write_whole
    from oddsmith.views.summary import as_html
    from oddsmith.views.tables import summarise

    shown = summarise(read_model(model))
    if html is None:
        _show(shown)
    else:
        refuse_overwriting((model,), (html,))
        write_whole(html, as_html(shown).encode())


@cli.command()
@click.argument("name", required=False)
@click.option("--data", type=_PATH, help="CSV file of your own, instead of a NAME.")
@click.option("--target", help="Column of DATA that holds the labels of two classes.")
@click.option(
    "--out", type=_PATH, default="lesson.html", show_default=True, help="File for the page."
)
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
def lesson(name: str | None, data: Path | None, target: str | None, out: Path, show: bool) -> None:
    """Write a page to play with.

    The sigmoid, the training and the threshold, each with its slider. One file, which needs no
    network, and opens from disk. NAME is one of

    \b
    clusters       a thousand points in two clusters (the default)
    breast-cancer  569 breast tumours; the two most telling columns

    and with --data the same page is made of your own rows.

    Example:  oddsmith lesson --data tumours.csv --target diagnosis --open
    """  # noqa: D301  # click needs the character itself
    _check_lesson(name, data, target)
    from oddsmith.export.staging import refuse_overwriting, write_whole

    refuse_overwriting((data,), (out,))
    from oddsmith.cli.lesson import page_of_file, page_of_name, refuse_foreign_page

    refuse_foreign_page(out)
    page = page_of_file(data, target) if data and target else page_of_name(name or "clusters")
    content = page.encode()
    write_whole(out, content)
    click.echo(f"Wrote {_quote(out)} ({len(content) / 1e6:.2f} MB); open it in a browser")
    if show:
        _open_in_browser(out)


def _check_lesson(name: str | None, data: Path | None, target: str | None) -> None:
    if name is not None and data is not None:
        raise ParameterError("NAME and --data both say what the lesson is about; give one of them")
    if data is not None and target is None:
        raise ParameterError("--data needs --target, the column that holds the labels")
    if target is not None and data is None:
        raise ParameterError("--target names a column of --data, which is missing; add it")


def _open_in_browser(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        warn("no browser was found; open the page by hand")


def _write_bytes(content: bytes) -> None:
    """Write all to standard output, which takes a part at a time where it is unbuffered."""
    sys.stdout.flush()
    left = memoryview(content)
    while left:
        left = left[sys.stdout.buffer.write(left) :]
    sys.stdout.buffer.flush()


def _refuse_other_data(there: Path, new: Path) -> None:
    """Keep a file of the user's that bears the name of the demo's data."""
    if there.exists() and there.read_bytes() != new.read_bytes():
        raise ParameterError(f"{there}: holds other data than the demo's; choose another --out")


def _check_penalty(C: float) -> None:
    # Below 1e-300 the penalty 1 / C would come near the largest float; NaN is not above it either.
    if not C >= 1e-300:
        raise ParameterError(f"--C {C:g} is not a positive number; inf is no penalty")


def _check_split(test_size: float | None, test: Path | None) -> None:
    if test is not None and test_size is not None:
        raise ParameterError("--test and --test-size both say what to hold out; give one of them")
    if test_size is not None and not 0 <= test_size < 1:
        raise ParameterError(f"--test-size {test_size:g} is not from 0 to below 1; try 0.2")


def _show(summary: "Summary", limit: int | None = None) -> None:
    """Print a summary: with colour in a terminal, plain and unwrapped elsewhere."""
    from oddsmith.views.summary import as_renderable, as_text

    if sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(as_renderable(summary, limit))
    else:
        text = as_text(summary, limit)
        lines_known = (sys.stdout.encoding or "").lower().startswith("utf")
        click.echo(text if lines_known else text.replace("─", "-"))


def _show_fit(summary: "Summary", out: Path, written: tuple[str, ...]) -> None:
    from dataclasses import replace

    click.echo()
    # The warnings have been shown on standard error.
    _show(replace(summary, warnings=()), _MOST_ROWS)
    click.echo(f"\nWrote to {_quote(out)}: {', '.join(written)}")


def _quote(path: Path) -> str:
    from oddsmith.core.labels import printable

    return printable(shlex.quote(str(path)))


def _program() -> str:
    """Command that runs this program again, as the user would type it."""
    here = Path(sys.argv[0])
    if here.name == "__main__.py" or not here.exists():
        return "python -m oddsmith"
    found = shutil.which("oddsmith")
    if found and Path(found).resolve() == here.resolve():
        return "oddsmith"
    return shlex.quote(min(os.path.relpath(here), str(here), key=len))
