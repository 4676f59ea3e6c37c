"""Results as tables: for the terminal, and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from benchmarks.cases import CASES, Case
from benchmarks.file_results import Cold, FilesResult
from benchmarks.file_table import cold_row, files_row, program_rows
from benchmarks.kinds import Result
from benchmarks.results import Memory, Peer, Race, Scaling, shortfall, words
from benchmarks.wording import NONE, met, seconds, spread

__all__ = ["Grid", "markdown", "peers_grid", "rich_table", "seconds", "summary_grid"]

_HEAD = (
    "case",
    "ours",
    "fastest peer at equal objective",
    "its time",
    "ratio (range)",
    "target",
    "met",
    "passes",
    "reads of X",
    "peak beyond X",
)


@dataclass(frozen=True)
class Grid:
    """A table as text.

    Parameters
    ----------
    title : str
    head : tuple of str
    rows : list of tuple of str
    """

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def summary_grid(results: Sequence[Result]) -> Grid:
    """One row per case: ours, the peer to beat, and the target."""
    rows = [_summary(CASES[result.case], result) for result in results]
    return Grid("Ours beside the fastest peer", _HEAD, rows)


def peers_grid(results: Sequence[Result]) -> Grid:
    """One row per case and program: what it was raced with, or why it was not."""
    rows = []
    for result in results:
        if isinstance(result, Race):
            rows += [_peer_row(result, peer) for peer in result.peers]
        elif isinstance(result, Memory):
            rows += [
                (result.case, name, _memory(result, name), NONE, NONE, "defaults")
                for name in result.peaks
            ]
            rows += [(result.case, name, NONE, NONE, NONE, why) for name, why in result.why.items()]
        elif isinstance(result, Scaling):
            rows += _size_rows(result)
        elif isinstance(result, FilesResult):
            rows += program_rows(result)
    head = ("case", "program", "median", "ratio to ours (range)", "objective", "options")
    return Grid("Every program", head, rows)


def rich_table(grid: Grid) -> Table:
    """Lay the grid out for a terminal."""
    table = Table(title=grid.title)
    for name in grid.head:
        table.add_column(name, overflow="fold")
    for row in grid.rows:
        table.add_row(*row)
    return table


def markdown(grid: Grid) -> str:
    """Write the grid in Markdown."""
    lines = [grid.head, tuple("---" for _ in grid.head), *grid.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _summary(case: Case, result: Result) -> tuple[str, ...]:
    if isinstance(result, Race):
        return _race_row(case, result)
    if isinstance(result, Memory):
        return _memory_row(case, result)
    if isinstance(result, FilesResult):
        return files_row(case, result)
    if isinstance(result, Cold):
        return cold_row(case, result)
    return (
        *(result.case, f"{result.per_row[-1] * 1e9:.1f} ns per row", NONE, NONE),
        *(f"{result.unevenness:.2f} from the quickest size to the slowest", f"≤ {case.target:g}"),
        *(met(result.unevenness <= case.target), NONE, NONE, NONE),
    )


def _race_row(case: Case, race: Race) -> tuple[str, ...]:
    behind = shortfall(race.objective, race.best)
    own = seconds(race.median)
    if not behind <= case.equal:
        own += f", short by {behind:.1e}"
    target = f"≥ {case.target:g}"
    lean = case.memory is None or race.peak is None or race.peak <= case.memory
    if case.memory is not None:
        target += f", ≤ {case.memory / 1e9:g} GB"
    reads_met = case.reads is None or race.multiple <= case.reads
    if case.reads is not None:
        target += f", ≤ {case.reads:g} reads"
    peer = race.fastest
    if peer is None:
        rival = ("none", NONE, NONE, target, NONE)
    else:
        yes = peer.ratio >= case.target and reads_met and lean and behind <= case.equal
        rival = (peer.program, seconds(peer.median), spread(peer.ratios), target, met(yes))
    passes = NONE if race.passes is None else str(race.passes)
    if case.task == "predict-one":  # reads one row, not X
        return (race.case, own, *rival, passes, NONE, NONE)
    peak = _bytes(race.peak, race.bytes)
    if case.kind == "cluster":
        peak = NONE if race.peak is None else f"{race.peak / 1e9:.1f} GB resident, X included"
    return (race.case, own, *rival, passes, f"{race.multiple:.1f}", peak)


def _memory_row(case: Case, memory: Memory) -> tuple[str, ...]:
    share = memory.peaks["oddsmith"] / memory.bytes if "oddsmith" in memory.peaks else None
    others = {name: peak for name, peak in memory.peaks.items() if name != "oddsmith"}
    leanest = min(others, key=lambda name: others[name], default=None)
    return (
        *(memory.case, _memory(memory, "oddsmith"), leanest or NONE),
        *(_memory(memory, leanest) if leanest else NONE, NONE, f"≤ {case.target:.0%} of X"),
        *(NONE if share is None else met(share <= case.target), NONE, NONE),
        _memory(memory, "oddsmith"),
    )


def _peer_row(race: Race, peer: Peer) -> tuple[str, ...]:
    state = race.state(peer)
    if peer.objective is None:
        return (race.case, peer.program, NONE, NONE, state, peer.why)
    if state == "short":
        state = f"short by {shortfall(peer.objective, race.best):.1e}"
    options = words(peer.options) + (f"; {peer.why}" if peer.why else "")
    return (race.case, peer.program, seconds(peer.median), spread(peer.ratios), state, options)


def _size_rows(scaling: Scaling) -> list[tuple[str, ...]]:
    return [
        (
            scaling.case,
            f"oddsmith, {rows:,} rows",
            seconds(time * rows),
            NONE,
            f"{time * 1e9:.1f} ns per row",
            "defaults",
        )
        for rows, time in zip(scaling.rows, scaling.per_row, strict=True)
    ]


def _memory(memory: Memory, name: str) -> str:
    return _bytes(memory.peaks.get(name), memory.bytes)


def _bytes(number: int | None, of: int) -> str:
    return NONE if number is None else f"{number / 1e6:.1f} MB ({number / of:.1%} of X)"
