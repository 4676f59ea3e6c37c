"""``lesson``: a page to play with."""

from pathlib import Path

import click

from oddsmith.cli.messages import warn
from oddsmith.cli.options import PATH
from oddsmith.cli.showing import quote
from oddsmith.errors import ParameterError

__all__ = ["lesson"]


@click.command()
@click.argument("name", required=False)
@click.option("--data", type=PATH, help="CSV file of your own, instead of a NAME.")
@click.option("--target", help="Column of DATA that holds the labels of two classes.")
@click.option(
    "--out", type=PATH, default="lesson.html", show_default=True, help="File for the page."
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
    click.echo(f"Wrote {quote(out)} ({len(content) / 1e6:.2f} MB); open it in a browser")
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
