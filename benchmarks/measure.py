"""How a case is measured: who is asked what, in which order."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.kinds import Result
from benchmarks.measure_files import measure_cold, measure_files
from benchmarks.process import Failed, Process
from benchmarks.programs import OURS, Options, Program
from benchmarks.results import Memory, Peer, Race, Scaling, shortfall, words
from benchmarks.settings import Settings
from benchmarks.tasks import TASKS

__all__ = ["Rung", "climb", "ladders", "measure"]

_FILES = Path(__file__).parent / "results" / "files"
_SEARCH = 2.0  # limits that the search for a program's options may take

Say = Callable[[str], None]


@dataclass(frozen=True)
class Rung:
    """Options that a program was tried with, and where they led.

    Parameters
    ----------
    options : dict
    seconds : float
    objective : float
    passes : int or None
    """

    options: Options
    seconds: float
    objective: float
    passes: int | None


def measure(
    case: Case, settings: Settings, say: Say, only: Sequence[str] = (), root: Path = _FILES
) -> Result:
    """Measure one case.

    Parameters
    ----------
    case : Case
    settings : Settings
    say : callable
        Told what is going on, a line at a time.
    only : sequence of str
        Names of the only peers wanted; all if empty.
    root : Path
        Where files to be fitted are made.

    Returns
    -------
    Race, Memory, Scaling, FilesResult or Cold

    Raises
    ------
    Failed
        If ours could not be measured.
    """
    if case.kind in ("files", "files-scaling"):
        return measure_files(case, settings, say, only, root)
    if case.kind == "cold":
        return measure_cold(case, settings, say)
    if case.kind == "scaling":
        return _scaling(case, settings, say)
    peers = [peer for peer in TASKS[case.task].peers if not only or peer.name in only]
    if case.kind == "memory":
        return _memory(case, peers, settings, say)
    return _race(case, peers, settings, say)


def _race(case: Case, peers: Sequence[Program], settings: Settings, say: Say) -> Race:
    with Process(OURS.name, case.data[0], case.task, settings) as ours:
        size = ours.ask("size")
        say(f"{case.name}: warming up ours")
        options = TASKS[case.task].ours.ladders[0][0]
        warm = Rung(options, **ours.ask("choose", options=options))
        peak = ours.ask("weigh")["bytes"]
        clock = _Clock(ours)
        clock.turn()
        best = warm.objective
        seen = []
        for program in peers:
            peer = _beside(case, program, size, best, clock, settings, say)
            seen.append(peer)
            best = min(best, best if peer.objective is None else peer.objective)
    return Race(
        case=case.name,
        bytes=size["bytes"],
        objective=warm.objective,
        passes=warm.passes,
        reads=clock.reads,
        own=clock.times,
        peak=peak,
        peers=seen,
    )


class _Clock:
    """Turns of ours, each with a read of X just before it."""

    def __init__(self, ours: Process) -> None:
        self.ours = ours
        self.reads: list[float] = []
        self.times: list[float] = []

    def turn(self) -> float:
        self.reads.append(self.ours.ask("read")["seconds"])
        self.times.append(self.ours.ask("turn")["seconds"])
        return self.times[-1]


def _beside(
    case: Case,
    program: Program,
    size: dict[str, Any],
    best: float,
    clock: _Clock,
    settings: Settings,
    say: Say,
) -> Peer:
    """Find the peer's options, then take turns with it."""
    unable = _unable(program, size)
    if unable is not None:
        return unable
    say(f"{case.name}: {program.name}, looking for its options")
    with Process(program.name, case.data[0], case.task, settings) as theirs:
        try:
            rung, why = climb(
                theirs, ladders(program, size["dtype"]), best, settings.limit, case.equal
            )
            if rung is None:
                return Peer(program.name, why=why)
            say(f"{case.name}: {program.name}, taking turns with {words(rung.options)}")
            equal = shortfall(rung.objective, best) <= case.equal
            turns = settings.pairs if equal and rung.seconds <= settings.limit else 1
            pairs = [(clock.turn(), theirs.ask("turn")["seconds"]) for _ in range(turns)]
        except Failed as failure:
            return Peer(program.name, why=str(failure))
    return Peer(
        program=program.name,
        why=why,
        options=rung.options,
        objective=rung.objective,
        ours=[ours for ours, _ in pairs],
        theirs=[theirs for _, theirs in pairs],
    )


def _unable(program: Program, size: dict[str, Any]) -> Peer | None:
    if not program.installed():
        return Peer(program.name, why="not installable here", installed=False)
    reason = program.cannot(size["n_classes"], size["C"])
    return None if reason is None else Peer(program.name, why=reason, able=False)


def ladders(program: Program, dtype: str) -> tuple[tuple[Options, ...], ...]:
    """List a program's ladders; for float32 also those with X made float64 in the timed call.

    Parameters
    ----------
    program : Program
    dtype : str
        Of X.

    Returns
    -------
    tuple of tuples of dict
    """
    if dtype == "float64":
        return program.ladders
    exact = tuple(
        tuple({**options, "as_float64": True} for options in ladder) for ladder in program.ladders
    )
    return program.ladders + exact


def climb(
    process: Process,
    ways: Sequence[Sequence[Options]],
    best: float,
    limit: float,
    within: float = 1e-9,
) -> tuple[Rung | None, str]:
    """Find the options that reach the objective `best` soonest, and leave the process with them.

    Each ladder is climbed until a rung is `within` of `best`, or slower than the limit or
    twice the fastest rung that was, or the search has taken two limits. Where none is equal, the
    one with the least objective is taken.

    Parameters
    ----------
    process : Process
    ways : sequence of sequences of dict
        Ladders.
    best : float
    limit : float
        Seconds.
    within : float
        Part of `best`.

    Returns
    -------
    rung : Rung or None
        None where no rung ended.
    why : str
        What went wrong on the way; empty if nothing.
    """
    tried: list[Rung] = []
    why = ""
    last: Options | None = None
    fastest = limit
    for ladder in ways:
        for options in ladder:
            try:
                rung = Rung(options, **process.ask("choose", options=options))
                last = options
                equal = shortfall(rung.objective, best) <= within
                if equal and rung.seconds <= limit:
                    warm = process.ask("turn")["seconds"]
                    rung = Rung(options, warm, rung.objective, rung.passes)
            except Failed as failure:
                why, last = f"{failure} with {words(options)}", None
                break
            tried.append(rung)
            fastest = min(fastest, 2.0 * rung.seconds) if equal else fastest
            if equal or rung.seconds > fastest or _spent(tried) > _SEARCH * limit:
                break
    chosen = _choose(tried, best, within)
    if chosen is not None and chosen.options != last:
        process.ask("choose", options=chosen.options)
    return chosen, why


def _spent(tried: Sequence[Rung]) -> float:
    return math.fsum(rung.seconds for rung in tried)


def _choose(tried: Sequence[Rung], best: float, within: float) -> Rung | None:
    equal = [rung for rung in tried if shortfall(rung.objective, best) <= within]
    if equal:
        return min(equal, key=lambda rung: rung.seconds)
    finite = [rung for rung in tried if math.isfinite(rung.objective)]
    return min(finite, key=lambda rung: rung.objective, default=None)


def _memory(case: Case, peers: Sequence[Program], settings: Settings, say: Say) -> Memory:
    """Each program alone in a fresh process; peers with the options that they come with."""
    size: dict[str, Any] = {}
    peaks: dict[str, int] = {}
    why: dict[str, str] = {}
    for program in (OURS, *peers):
        unable = _unable(program, size) if size else None
        if unable is not None:
            why[program.name] = unable.why
            continue
        say(f"{case.name}: {program.name}")
        with Process(program.name, case.data[0], case.task, settings) as process:
            try:
                size = process.ask("size")
                process.ask("choose", options=program.ladders[0][0])
                peak = process.ask("weigh")["bytes"]
            except Failed as failure:
                if program is OURS:
                    raise
                why[program.name] = str(failure)
                continue
        if peak is None:
            why[program.name] = "needs Linux"
        else:
            peaks[program.name] = peak
    return Memory(case.name, size["bytes"], peaks, why)


def _scaling(case: Case, settings: Settings, say: Say) -> Scaling:
    """Ours alone, a process for every size, taking turns."""
    processes = [Process(OURS.name, data, case.task, settings) for data in case.data]
    try:
        rows = []
        for process, data in zip(processes, case.data, strict=True):
            say(f"{case.name}: warming up {data}")
            rows.append(process.ask("size")["shape"][0])
            process.ask("choose", options=OURS.ladders[0][0])
        say(f"{case.name}: taking turns")
        turns = [[p.ask("turn")["seconds"] for p in processes] for _ in range(settings.pairs)]
    finally:
        for process in processes:
            process.close()
    return Scaling(case.name, rows, [list(times) for times in zip(*turns, strict=True)])
