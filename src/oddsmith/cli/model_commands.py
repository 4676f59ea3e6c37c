"""``predict``, ``evaluate`` and ``summary``: what a stored model says."""

from pathlib import Path

import click

from oddsmith.cli.options import MEMORY, PATH, threshold
from oddsmith.cli.showing import show

__all__ = ["evaluate", "predict", "summary"]

_offset = click.option("--offset", help="Column that is added to the log-odds, as at the fit.")


@click.command()
@click.argument("model", type=PATH)
@click.argument("data", nargs=-1, required=True)
@click.option("--out", type=PATH, help="File for the predictions.", show_default="standard output")
@click.option("--keep", multiple=True, help="Column of DATA to copy beside the predictions.")
@threshold
@_offset
@click.option(
    "--unscorable",
    type=click.Choice(["refuse", "empty"]),
    default="refuse",
    show_default=True,
    help="What becomes of rows with gaps or levels that the fit has not seen.",
)
@MEMORY
def predict(
    model: Path,
    data: tuple[str, ...],
    out: Path | None,
    keep: tuple[str, ...],
    threshold: float,
    offset: str | None,
    unscorable: str,
    memory: int,
) -> None:
    """Predict the rows of the files DATA.

    MODEL is the model.json that fit wrote; DATA are CSV, Parquet or Arrow files, a folder, or a
    glob in quotes. Columns are matched by name, in any order. The answer has the predicted label
    and one column of probabilities per class, row by row; the name of --out says its format: .csv
    (also .gz, .zst), .parquet or .arrow. Rows are read and written in batches, so that neither
    need fit in memory.

    Example:  oddsmith predict tumours-model/model.json new.csv --out predictions.csv
    """
    from oddsmith.cli.inputs import files_of, regular_files
    from oddsmith.cli.scoring import ScoreRequest, write_predictions
    from oddsmith.export.staging import refuse_overwriting

    with regular_files(data) as files:
        if out is not None:
            refuse_overwriting((model, *files_of(files)), (out,))
        skip = unscorable == "empty"
        request = ScoreRequest(
            model,
            files,
            threshold,
            keep,
            offset,
            skip,
            memory,
            offer="empty with --unscorable empty",
        )
        write_predictions(request, out)


@click.command()
@click.argument("model", type=PATH)
@click.argument("data", nargs=-1, required=True)
@threshold
@_offset
@MEMORY
def evaluate(
    model: Path, data: tuple[str, ...], threshold: float, offset: str | None, memory: int
) -> None:
    """Judge a model on labelled rows.

    DATA are files with the target and the columns of the model. Rows are read in batches, so that
    they need not fit in memory.

    Example:  oddsmith evaluate tumours-model/model.json more.csv
    """
    from oddsmith.cli.inputs import regular_files
    from oddsmith.cli.judging import evaluation_of
    from oddsmith.cli.scoring import ScoreRequest

    with regular_files(data) as files:
        request = ScoreRequest(model, files, threshold, offset=offset, memory=memory)
        show(evaluation_of(request))


@click.command()
@click.argument("model", type=PATH)
@click.option("--html", type=PATH, help="Write an HTML page to this file instead.")
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
        show(shown)
    else:
        refuse_overwriting((model,), (html,))
        write_whole(html, as_html(shown).encode())
