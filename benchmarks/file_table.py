"""Rows of the tables for fits of files, and for the command line."""

from collections.abc import Sequence

from benchmarks.cases import Case
from benchmarks.file_results import Cold, FileFits, FilesResult
from benchmarks.results import shortfall, words
from benchmarks.wording import NONE, met, seconds, spread

__all__ = ["cold_row", "files_row", "program_rows"]


def files_row(case: Case, result: FilesResult) -> tuple[str, ...]:
    """Ours beside the fastest peer; or, on several tables, the growth of our time per row."""
    own = result.own[-1]
    lean = case.memory is None or result.peak is None or result.peak <= case.memory
    memory = "" if case.memory is None else f", ≤ {case.memory / 1e9:g} GB"
    tail = (NONE, NONE, _peaks(result.own))
    if case.kind == "files-scaling":
        grown = f"{result.growth:.2f} times the time per row of {result.own[0].n:,} rows"
        yes = result.growth <= case.target and lean
        target = f"≤ {case.target:g}{memory}"
        ours = f"{seconds(own.median)}, {own.median / own.n * 1e9:.0f} ns per row"
        return (result.case, ours, NONE, NONE, grown, target, met(yes), *tail)
    ours, target = seconds(own.median), f"≥ {case.target:g}{memory}"
    behind = shortfall(own.objective or 0.0, result.best)
    if not behind <= case.equal:
        ours += f", short by {behind:.1e}"
    peer = result.fastest
    if peer is None:
        return (result.case, ours, "none", NONE, NONE, target, NONE, *tail)
    yes = peer.ratio >= case.target and lean and behind <= case.equal
    rival = peer.program, seconds(peer.median), spread(peer.ratios), target, met(yes)
    return (result.case, ours, *rival, *tail)


def program_rows(result: FilesResult) -> list[tuple[str, ...]]:
    """One row for each program and table."""
    return [_program_row(result, fits) for fits in (*result.own, *result.peers)]


def _program_row(result: FilesResult, fits: FileFits) -> tuple[str, ...]:
    name = f"{fits.program}, {fits.n:,} x {fits.p}"
    if not fits.seconds:
        return (result.case, name, NONE, NONE, result.state(fits), fits.why)
    whole = f"process {seconds(max(fits.wholes))}"
    row = fits.median / fits.n * 1e9
    per = f"{row:.0f} ns per row, {row / fits.p:.1f} per entry"
    state = per
    if fits.objective is not None:
        state = result.state(fits)
        if state == "short":
            state = f"short by {shortfall(fits.objective, result.best):.1e}"
    ratio = spread(fits.ratios) if fits.ours else NONE
    told = [words(fits.options), fits.note, whole, f"peak {_peaks([fits])}", fits.why]
    if state != per:
        told.insert(2, per)
    return (
        *(result.case, name, seconds(fits.median), ratio, state),
        "; ".join(text for text in told if text),
    )


def cold_row(case: Case, cold: Cold) -> tuple[str, ...]:
    """Median of the command's seconds."""
    return (
        *(cold.case, f"{seconds(cold.median)} ({min(cold.seconds):.2f}–{max(cold.seconds):.2f})"),
        *(NONE, NONE, NONE, f"≤ {case.target:g} s", met(cold.median <= case.target)),
        *(NONE, NONE, NONE),
    )


def _peaks(fits: Sequence[FileFits]) -> str:
    """Highest resident memory, and how much of it is no page of a mapped file."""
    peaks = [peak for one in fits for peak in one.peaks if peak is not None]
    private = [peak for one in fits for peak in one.private if peak is not None]
    if not peaks or not private:
        return NONE
    return f"{max(peaks) / 1e6:.0f} MB resident, {max(private) / 1e6:.0f} MB its own"
