"""Results as tables: for the terminal, and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from benchmarks.cases import CASES, Case
from benchmarks.results import Memory, Peer, Race, Result, Scaling, shortfall, words

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
_NONE = "–"


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
                (result.case, name, _memory(result, name), _NONE, _NONE, "defaults")
                for name in result.peaks
            ]
            rows += [
                (result.case, name, _NONE, _NONE, _NONE, why) for name, why in result.why.items()
            ]
        else:
            rows += _size_rows(result)
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


def seconds(time: float) -> str:
    """Write a time with three digits and its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if time >= size:
            return f"{time / size:.3g} {unit}"
    return f"{time / 1e-6:.3g} µs"


def _summary(case: Case, result: Result) -> tuple[str, ...]:
    if isinstance(result, Race):
        return _race_row(case, result)
    if isinstance(result, Memory):
        return _memory_row(case, result)
    return (
        *(result.case, f"{result.per_row[-1] * 1e9:.1f} ns per row", _NONE, _NONE),
        *(f"{result.unevenness:.2f} from the quickest size to the slowest", f"≤ {case.target:g}"),
        *(_met(result.unevenness <= case.target), _NONE, _NONE, _NONE),
    )


def _race_row(case: Case, race: Race) -> tuple[str, ...]:
    behind = shortfall(race.objective, race.best)
    own = seconds(race.median)
    if not behind <= case.equal:
        own += f", short by {behind:.1e}"
    target = f"≥ {case.target:g}"
    reads_met = case.reads is None or race.multiple <= case.reads
    if case.reads is not None:
        target += f", ≤ {case.reads:g} reads"
    peer = race.fastest
    if peer is None:
        rival = ("none", _NONE, _NONE, target, _NONE)
    else:
        met = peer.ratio >= case.target and reads_met and behind <= case.equal
        rival = (peer.program, seconds(peer.median), _ratio(peer), target, _met(met))
    passes = _NONE if race.passes is None else str(race.passes)
    if case.task == "predict-one":  # reads one row, not X
        return (race.case, own, *rival, passes, _NONE, _NONE)
    return (race.case, own, *rival, passes, f"{race.multiple:.1f}", _bytes(race.peak, race.bytes))


def _memory_row(case: Case, memory: Memory) -> tuple[str, ...]:
    share = memory.peaks["oddsmith"] / memory.bytes if "oddsmith" in memory.peaks else None
    others = {name: peak for name, peak in memory.peaks.items() if name != "oddsmith"}
    leanest = min(others, key=lambda name: others[name], default=None)
    return (
        *(memory.case, _memory(memory, "oddsmith"), leanest or _NONE),
        *(_memory(memory, leanest) if leanest else _NONE, _NONE, f"≤ {case.target:.0%} of X"),
        *(_NONE if share is None else _met(share <= case.target), _NONE, _NONE),
        _memory(memory, "oddsmith"),
    )


def _peer_row(race: Race, peer: Peer) -> tuple[str, ...]:
    state = race.state(peer)
    if peer.objective is None:
        return (race.case, peer.program, _NONE, _NONE, state, peer.why)
    if state == "short":
        state = f"short by {shortfall(peer.objective, race.best):.1e}"
    options = words(peer.options) + (f"; {peer.why}" if peer.why else "")
    return (race.case, peer.program, seconds(peer.median), _ratio(peer), state, options)


def _size_rows(scaling: Scaling) -> list[tuple[str, ...]]:
    return [
        (
            scaling.case,
            f"oddsmith, {rows:,} rows",
            seconds(time * rows),
            _NONE,
            f"{time * 1e9:.1f} ns per row",
            "defaults",
        )
        for rows, time in zip(scaling.rows, scaling.per_row, strict=True)
    ]


def _ratio(peer: Peer) -> str:
    return f"{peer.ratio:.2f} ({min(peer.ratios):.2f}–{max(peer.ratios):.2f})"


def _met(yes: bool) -> str:
    return "met" if yes else "missed"


def _memory(memory: Memory, name: str) -> str:
    return _bytes(memory.peaks.get(name), memory.bytes)


def _bytes(number: int | None, of: int) -> str:
    return _NONE if number is None else f"{number / 1e6:.1f} MB ({number / of:.1%} of X)"
