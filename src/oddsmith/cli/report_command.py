"""``report``: a page that shows a stored model on labelled rows."""

from pathlib import Path

import click

from oddsmith.cli.options import COST, MEMORY, PATH
from oddsmith.cli.showing import write_page

__all__ = ["report"]


@click.command()
@click.argument("model", type=PATH)
@click.argument("data", nargs=-1, required=True)
@click.option(
    "--out", type=PATH, default="report.html", show_default=True, help="File for the page."
)
@click.option("--weight", help="Column of the rows' weights.")
@click.option("--offset", help="Column that is added to the log-odds, as at the fit.")
@COST
@click.option("--title", help="Title of the page.", show_default="Model of TARGET")
@click.option(
    "--unscorable",
    type=click.Choice(["refuse", "leave-out"]),
    default="refuse",
    show_default=True,
    help="What becomes of rows with gaps or levels that the fit has not seen.",
)
@MEMORY
def report(
    model: Path,
    data: tuple[str, ...],
    out: Path,
    weight: str | None,
    offset: str | None,
    cost: dict[str, float] | None,
    title: str | None,
    unscorable: str,
    memory: int,
) -> None:
    """Write a page that shows a model, judged on labelled rows.

    MODEL is the model.json that fit wrote; DATA are files with the target and the columns of the
    model, best of rows that the fit has not seen. One HTML file, which needs no network: threshold
    with its costs, calibration, coefficients, what if. Rows are read in batches, so that they need
    not fit in memory.

    Example:  oddsmith report tumours-model/model.json more.csv --cost fp=1,fn=5
    """
    from oddsmith.cli.fit_request import PageRequest
    from oddsmith.cli.inputs import files_of, regular_files
    from oddsmith.cli.judging import labelled_model
    from oddsmith.cli.reporting import check_page, page_of_model
    from oddsmith.cli.scoring import ScoreRequest
    from oddsmith.export.staging import refuse_overwriting

    page = PageRequest(out, "--out", cost, title=title)
    with regular_files(data) as files:
        refuse_overwriting((model, *files_of(files)), (out,))
        check_page(page)
        request = ScoreRequest(
            model,
            files,
            0.5,
            offset=offset,
            skip=unscorable == "leave-out",
            memory=memory,
            weight=weight,
            offer="out with --unscorable leave-out",
        )
        content = page_of_model(labelled_model(model), request, page, data)
    write_page(out, content, page.option)
