"""``demo`` and ``fit``: from data to a model and its files."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oddsmith.cli.options import COST, MEMORY, PATH, seed, with_equals
from oddsmith.cli.showing import program, quote, show_fit, write_page
from oddsmith.errors import ParameterError

if TYPE_CHECKING:
    from oddsmith.cli.fit_request import PageRequest
    from oddsmith.cli.fitting import Fitted
    from oddsmith.core.encoding_rules import Missing

__all__ = ["demo", "fit"]

# In the order in which a new run replaces them: the model last.
_OUTPUTS = ("predictions.csv", "loss.png", "confusion_matrix.png", "model.json")
_DEMO_DATA, _DEMO_PAGE = "breast_cancer.csv", "report.html"
_PACKED = (".gz", ".zst")
_KINDS = ("number", "boolean", "category")


@click.command()
@click.option(
    "--out",
    type=PATH,
    default="oddsmith-demo",
    show_default=True,
    help="Folder for the data and the outputs.",
)
@seed
def demo(out: Path, seed: int) -> None:
    """Fit real data: 569 breast tumours.

    Each is benign or malignant, and has 30 measurements. A fifth of
    the rows is held out, and the model is judged on them. The folder then holds the
    data, the model, its predictions, two pictures and report.html, a page that
    shows the model to people and needs no network.

    Example:  oddsmith demo --out tumours
    """
    from oddsmith.cli.demo import write_breast_cancer
    from oddsmith.cli.fit_request import Columns, FitRequest
    from oddsmith.cli.fitting import fit_data, write_fit
    from oddsmith.export.staging import staged_folder

    page = _demo_page(out)
    with staged_folder(out, (_DEMO_DATA, _DEMO_PAGE, *_OUTPUTS)) as folder:
        data = folder / _DEMO_DATA
        target, positive = write_breast_cancer(data)
        _refuse_other_data(out / _DEMO_DATA, data)
        source = str(out / _DEMO_DATA)
        columns = Columns({})
        request = FitRequest(
            [data], source, target, positive, 1.0, 0.2, None, seed, columns, page=page
        )
        fitted = fit_data(request)
        content = _content(fitted)
        written = write_fit(fitted, folder)
        if content is not None:
            (folder / _DEMO_PAGE).write_bytes(content)
            written = (*written, _DEMO_PAGE)
    show_fit(fitted.summary, out, (_DEMO_DATA, *written))
    if content is not None:
        click.echo(f"Open {quote(out / _DEMO_PAGE)} in a browser: it shows the model to people.")
    click.echo(
        "\nAn odds ratio of 1.5 says: one unit more of that column, all others equal, and the "
        f"odds of {positive} are 1.5 times what they were (below 1: they fall)."
    )
    run, model, csv = program(), quote(out / "model.json"), quote(out / _DEMO_DATA)
    click.echo("\nTry next:")
    click.echo(f"  {run} summary {model}")
    click.echo(f"  {run} predict {model} {csv} --threshold 0.3")
    click.echo(f"  {run} fit {csv} --target {target} --C 100 --report report.html --cost fp=1,fn=5")


@click.command()
@click.argument("data", nargs=-1, required=True)
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
@click.option("--test", type=PATH, help="File of held-out rows, instead of a split.")
@seed
@click.option(
    "--feature",
    multiple=True,
    help="Column to fit; give it once for each. All but the others if not given.",
)
@click.option("--exclude", multiple=True, help="Column to leave out; give it once for each.")
@click.option("--weight", help="Column of the rows' weights.")
@click.option("--offset", help="Column that is added to the log-odds as it is.")
@click.option("--type", "types", multiple=True, help="NAME=number, NAME=boolean or NAME=category.")
@click.option(
    "--missing",
    type=click.Choice(["refuse", "mean", "indicator", "drop"]),
    default="refuse",
    show_default=True,
    help="What becomes of missing values: drop leaves out their rows.",
)
@click.option(
    "--min-count",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Levels of categories with fewer rows are pooled.",
)
@click.option(
    "--unseen",
    type=click.Choice(["refuse", "pool"]),
    default="refuse",
    show_default=True,
    help="What becomes of levels that only other rows have.",
)
@click.option(
    "--reference",
    multiple=True,
    help="NAME=LEVEL, or once: first or most_frequent.",
    show_default="first",
)
@MEMORY
@click.option("--cache", type=PATH, help="Folder for the checkpoint.", show_default="beside --out")
@click.option("--no-cache", is_flag=True, help="Keep no rows on disk: each pass decodes them.")
@click.option("--resume", is_flag=True, help="Go on with a fit that was cut short.")
@click.option("--out", type=PATH, help="Folder for the outputs.", show_default="DATA's name-model")
@click.option("--report", type=PATH, help="Write a page for people to this file, too.")
@COST
@click.option(
    "--compare",
    multiple=True,
    type=click.Choice(["baseline", "scikit-learn"]),
    help="Model that the report puts beside this one: the shares of the classes, or scikit-learn's "
    "own with the same penalty.",
)
@click.pass_context
def fit(
    context: click.Context,
    data: tuple[str, ...],
    target: str,
    positive: str | None,
    inverse_penalty: float,
    test_size: float | None,
    test: Path | None,
    seed: int,
    feature: tuple[str, ...],
    exclude: tuple[str, ...],
    weight: str | None,
    offset: str | None,
    types: tuple[str, ...],
    missing: "Missing",
    min_count: int,
    unseen: str,
    reference: tuple[str, ...],
    memory: int,
    cache: Path | None,
    no_cache: bool,
    resume: bool,
    out: Path | None,
    report: Path | None,
    cost: dict[str, float] | None,
    compare: tuple[str, ...],
) -> None:
    """Fit a model to the files DATA.

    CSV (also .gz, .zst), Parquet or Arrow: files, a folder, or a glob in quotes. Numbers and
    booleans are fitted as they are, and text as categories. The model is judged on rows that are
    held out. The folder then holds model.json, predictions.csv (the held-out rows), loss.png and
    confusion_matrix.png. Data that outgrow the memory are streamed. With --report a page that needs
    no network shows the model: its threshold, calibration, coefficients, what if.

    Example:  oddsmith fit tumours.csv --target diagnosis --positive malignant
    """
    _check_penalty(inverse_penalty)
    _check_split(test_size, test)
    if no_cache and cache is not None:
        raise ParameterError("--cache and --no-cache say the opposite; give one of them")
    page = _page(report, cost, compare)
    kinds, levels = _types(types), _reference(reference)
    out = Path(f"{_stem(data[0])}-model") if out is None else out

    from oddsmith.export.staging import check_folder, refuse_overwriting, staged_folder

    given = [_as_path(name) for name in data]
    refuse_overwriting((*given, test), tuple(out / name for name in _OUTPUTS))
    if page is not None:
        from oddsmith.cli.inputs import files_of
        from oddsmith.cli.reporting import check_page

        read = files_of(() if test is None else (test,)) + files_of(data)
        refuse_overwriting((*read, test), (page.path,), f"choose another {page.option}")
        check_page(page, out, _OUTPUTS)
    # Before the fit, which may take long; and again when its files are written.
    check_folder(out, _OUTPUTS)
    checkpoint = None if no_cache else _checkpoint(out, cache)
    from oddsmith.cli.fit_request import Columns, FitRequest
    from oddsmith.cli.fitting import fit_data, write_fit
    from oddsmith.cli.fitting_files import check_checkpoint
    from oddsmith.cli.inputs import regular_files, several

    check_checkpoint(checkpoint, resume=resume)
    share = 0.2 if test_size is None else test_size
    columns = Columns(
        kinds,
        weight,
        offset,
        feature,
        exclude,
        missing,
        unseen,
        min_count,
        levels,
    )
    again = _again(context)
    with regular_files(data) as files, regular_files(() if test is None else (test,)) as tests:
        request = FitRequest(
            files, several(data), target, positive, inverse_penalty, share, tests or None, seed,
            columns, memory, checkpoint, resume, again, page,
        )  # fmt: skip
        fitted = fit_data(request)
        content = _content(fitted)
    with staged_folder(out, _OUTPUTS) as folder:
        written = write_fit(fitted, folder)
    show_fit(fitted.summary, out, written)
    if page is not None and content is not None:
        write_page(page.path, content, page.option)


def _page(
    path: Path | None, cost: dict[str, float] | None, compare: tuple[str, ...]
) -> "PageRequest | None":
    """Read what is asked of a report."""
    from oddsmith.cli.fit_request import PageRequest

    if path is not None:
        return PageRequest(path, "--report", cost, compare)
    for option, value in (("--cost", cost), ("--compare", compare)):
        if value:
            raise ParameterError(f"{option} is for a report; name its file with --report")
    return None


def _demo_page(out: Path) -> "PageRequest | None":
    """Ask for the demo's page, where what draws it is installed."""
    from oddsmith.cli.fit_request import PageRequest
    from oddsmith.cli.messages import say
    from oddsmith.errors import MissingPackageError
    from oddsmith.views.pages.charts import need_program

    try:
        need_program()
    except MissingPackageError as error:
        say(f"no {_DEMO_PAGE}: {error}")
        return None
    return PageRequest(out / _DEMO_PAGE, "--out", None, ("baseline", "scikit-learn"))


def _content(fitted: "Fitted") -> bytes | None:
    """Page of a fit, before any file is written."""
    if fitted.report is None:
        return None
    from oddsmith.estimators.report import page_of

    return page_of(fitted.report)


def _as_path(name: str) -> Path | None:
    """File of that name, if it is one."""
    try:
        return Path(name) if Path(name).exists() else None
    except (OSError, ValueError):
        return None


def _stem(name: str) -> str:
    """Say what the outputs are named after."""
    path = Path(name)
    if set("*?[") & set(name):
        plain = [part for part in path.parts if not set("*?[") & set(part)]
        return Path(*plain).name or "data" if plain else "data"
    if path.suffix.lower() in _PACKED:
        path = path.with_suffix("")
    return "data" if name == "-" else path.stem or path.resolve().name


def _checkpoint(out: Path, cache: Path | None) -> Path:
    name = f"{out.resolve().name}.checkpoint"
    return out.parent / name if cache is None else cache / name


def _again(context: click.Context) -> str:
    """Command that goes on with this one."""
    words = [word for word in context.find_root().obj or () if word]
    words += [] if "--resume" in words else ["--resume"]
    return f"{program()} {shlex.join(words)}"


def _types(values: tuple[str, ...]) -> dict[str, str]:
    found = with_equals(values, "--type")
    for name, kind in found.items():
        if kind not in _KINDS:
            raise ParameterError(f"--type {name}={kind}: say number, boolean or category")
    return found


def _reference(values: tuple[str, ...]) -> str | dict[str, str]:
    if not values:
        return "first"
    if len(values) == 1 and values[0] in ("first", "most_frequent"):
        return values[0]
    return with_equals(values, "--reference")


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
