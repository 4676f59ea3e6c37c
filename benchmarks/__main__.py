"""The command: `python -m benchmarks`."""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.cases import CASES
from benchmarks.measure import measure
from benchmarks.process import Failed
from benchmarks.settings import Settings
from benchmarks.store import conditions, load, save, text, write_between
from benchmarks.table import peers_grid, rich_table, summary_grid
from benchmarks.tasks import PROGRAMS

__all__ = ["main"]

_WIDTH = 150  # columns of text that the tables need
_HERE = Path(__file__).parent
_PAGE = _HERE.parent / "docs" / "performance.md"


def _names(known: Any) -> Any:
    def split(context: click.Context, option: click.Parameter, value: str) -> list[str]:
        names = [name.strip() for name in value.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise click.BadParameter(f"{name!r} is none of {', '.join(known)}")
        return names

    return split


@click.command()
@click.option("--case", "cases", default="", callback=_names(CASES), help="Only these, by commas.")
@click.option("--peer", "peers", default="", callback=_names(PROGRAMS), help="Only these peers.")
@click.option("--pairs", default=5, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option(
    "--scale", default=1.0, show_default=True, type=click.FloatRange(0, 1, min_open=True),
    help="Share of the rows (of wide data, of the columns), to try things out.",
)  # fmt: skip
@click.option("--limit", default=60.0, show_default=True, help="A slower fit is timed once.")
@click.option("--threads", default=None, type=click.IntRange(1), help="All cores unless given.")
@click.option(
    "--results", "folder", default=_HERE / "results", type=click.Path(path_type=Path),
    help="Where results are kept.",
)  # fmt: skip
@click.option("--write-docs", is_flag=True, help="Measure nothing; put results on the page.")
@click.option(
    "--page", default=_PAGE, type=click.Path(path_type=Path, exists=True), help="For --write-docs."
)
def main(
    cases: list[str],
    peers: list[str],
    folder: Path,
    write_docs: bool,
    page: Path,
    threads: int | None,
    **given: Any,
) -> None:
    """Measure oddsmith beside other libraries; docs/performance.md explains the table."""
    console = Console()
    console.width = max(console.width, _WIDTH)
    if write_docs:
        _write_docs(folder, page)
        return
    settings = Settings(**given, **({} if threads is None else {"threads": threads}))
    if settings.scale < 1.0:
        folder = folder / "scaled"
    said = conditions(settings)
    done = []
    for name in cases or list(CASES):
        try:
            result = measure(CASES[name], settings, console.print, peers, folder / "files")
        except Failed as failure:
            console.print(f"{name}: ours could not be measured: {failure}", markup=False)
            continue
        save(folder, result, said)
        done.append(result)
    for grid in (summary_grid(done), peers_grid(done)):
        console.print(rich_table(grid))
    if len(done) < len(cases or CASES):
        raise SystemExit(1)


def _write_docs(folder: Path, page: Path) -> None:
    results, said = load(folder)
    if not results:
        raise click.ClickException("there are no results yet; run make bench first.")
    if any(one["scale"] < 1.0 for one in said):
        raise click.ClickException("the results are of scaled-down data; the page has full ones.")
    write_between(page, text(results, said))


if __name__ == "__main__":
    main()
