"""How fits of files are measured, each in a fresh process, and the command line from cold."""

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from benchmarks.cases import Case
from benchmarks.file_programs import FILE_PROGRAMS, OURS, FilePeer, Goal
from benchmarks.file_results import Cold, FileFits, FilesResult
from benchmarks.files import TABLES, Files, NoSpace, file_objective
from benchmarks.process import Failed
from benchmarks.programs import Options
from benchmarks.results import shortfall, words
from benchmarks.settings import Settings
from benchmarks.watch import watch

__all__ = ["measure_cold", "measure_files"]

_PATIENCE = 3.0  # of a program that reads files, whose objective is judged between its epochs
_COLD_RUNS = 11
_SETTLE_SECONDS = 0.25

Say = Callable[[str], None]


def measure_files(
    case: Case, settings: Settings, say: Say, only: Sequence[str], root: Path
) -> FilesResult:
    """Measure a case of files: ours on each table, then the peers on the first.

    Parameters
    ----------
    case : Case
    settings : Settings
    say : callable
    only : sequence of str
        Names of the only peers wanted; all if empty.
    root : Path
        Where the files are, or are made.

    Returns
    -------
    FilesResult

    Raises
    ------
    Failed
        If ours could not be measured.
    """
    tables = [TABLES[name] for name in case.data]
    try:
        made = []
        for name, table in zip(case.data, tables, strict=True):
            say(f"{case.name}: making the files of {name}, where they are not there")
            made.append(table.make(root, settings.seed, settings.scale, settings.threads))
        course = _Course(case, settings, say, root)
        if case.kind == "files-scaling":
            return course.scale(made)
        peers = [peer for peer in FILE_PROGRAMS[1:] if not only or peer.name in only]
        return course.race(made[0], peers)
    except NoSpace as error:
        raise Failed(str(error)) from None
    finally:
        for table in tables:
            table.discard(root, settings.seed, settings.scale)


class _Course:
    """Runs of one case."""

    def __init__(self, case: Case, settings: Settings, say: Say, root: Path) -> None:
        self.case = case
        self.settings = settings
        self.say = say
        self.root = root

    def race(self, files: Files, peers: Sequence[FilePeer]) -> FilesResult:
        """Ours, then each peer by turns with ours."""
        self.say(f"{self.case.name}: warming up ours")
        warm = self.judged(files, self.ours(files))
        own: list[FileFits] = []
        best = math.inf if warm.objective is None else warm.objective
        raced = []
        for peer in peers:
            raced.append(self.beside(peer, files, best, own))
            found = raced[-1].objective
            best = min(best, best if found is None else found)
        return FilesResult(self.case.name, [_joined(own or [self.ours(files)], warm)], raced)

    def beside(self, peer: FilePeer, files: Files, best: float, own: list[FileFits]) -> FileFits:
        """Try each way once, and take turns with the fastest that is equal."""
        nothing = FileFits(peer.name, files.n, files.p, files.bytes)
        if not peer.installed():
            return replace(nothing, why="not installable here", installed=False)
        equal = self.case.equal
        goal = Goal(best, equal)
        tried, why = [], ""
        for options in peer.ways:
            self.say(f"{self.case.name}: {peer.name} with {words(options)}")
            try:
                tried.append(self.judged(files, self.run(peer, files, options, goal)))
            except Failed as failure:
                why = f"{failure} with {words(options)}"
        if not tried:
            return replace(nothing, why=why)
        reached = [one for one in tried if _short(one, best) <= equal]
        chosen = min(reached or tried, key=lambda one: one.median if reached else _short(one, best))
        often = bool(reached) and chosen.median <= self.settings.limit
        turns: list[FileFits] = []
        self.say(f"{self.case.name}: {peer.name}, taking turns with {words(chosen.options)}")
        try:
            for _ in range(self.settings.pairs if often else 1):
                mine = self.ours(files)
                own.append(mine)
                turn = self.run(peer, files, dict(chosen.options or {}), goal)
                turns.append(replace(turn, ours=mine.seconds))
        except Failed as failure:
            return replace(nothing, why=str(failure))
        return replace(_joined(turns, chosen), why=why)

    def scale(self, made: Sequence[Files]) -> FilesResult:
        """Ours on each table by turns; one that takes longer than the limit once."""
        self.say(f"{self.case.name}: warming up")
        self.ours(made[0])
        runs: list[list[FileFits]] = [[] for _ in made]
        for _ in range(self.settings.pairs):
            for files, own in zip(made, runs, strict=True):
                if own and own[0].median > self.settings.limit:
                    continue
                self.say(f"{self.case.name}: {files.n:,} rows")
                own.append(self.ours(files))
        return FilesResult(self.case.name, [_joined(own, own[0]) for own in runs], [])

    def ours(self, files: Files) -> FileFits:
        """Fit with ours once."""
        return self.run(OURS, files, OURS.ways[0], Goal())

    def run(self, program: FilePeer, files: Files, options: Options, goal: Goal) -> FileFits:
        """Fit once, in a fresh process."""
        request = {
            "program": program.name,
            "paths": [str(path) for path in files.paths],
            "n": files.n,
            "p": files.p,
            "C": files.C,
            "options": options,
            "threads": self.settings.threads,
            "goal": asdict(goal),
            "folder": str(self.root),
        }
        command = [sys.executable, "-m", "benchmarks.file_worker"]
        patience = _PATIENCE * self.settings.patience
        time.sleep(_SETTLE_SECONDS)
        seen = watch(command, request, self.settings.threads, patience)
        answer = seen.answer
        return FileFits(
            program=program.name,
            n=files.n,
            p=files.p,
            bytes=files.bytes,
            seconds=[answer["seconds"]],
            wholes=[seen.seconds],
            peaks=[seen.peak],
            private=[seen.private],
            options=options,
            note=answer["note"],
            coef=[*answer["coef"], answer["intercept"]],
        )

    def judged(self, files: Files, fits: FileFits) -> FileFits:
        """Evaluate the objective that a run reached."""
        coef = np.array(fits.coef)
        return replace(fits, objective=file_objective(files, coef[:-1], float(coef[-1])))


def _short(fits: FileFits, best: float) -> float:
    return math.inf if fits.objective is None else shortfall(fits.objective, best)


def _joined(runs: Sequence[FileFits], judged: FileFits) -> FileFits:
    """One of many; the objective is that of the run that was judged."""

    def every(name: str) -> list:
        return [value for run in runs for value in getattr(run, name)]

    lists = ("seconds", "wholes", "peaks", "private", "ours")
    return replace(judged, **{name: every(name) for name in lists})


def measure_cold(case: Case, settings: Settings, say: Say) -> Cold:
    """Time ``oddsmith predict MODEL DATA`` on one row, each time in a process of its own.

    Parameters
    ----------
    case : Case
    settings : Settings
    say : callable

    Returns
    -------
    Cold

    Raises
    ------
    Failed
        If the command ends with an error.
    """
    say(f"{case.name}: making a model of 30 columns")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _command_line("demo", "--out", str(folder / "demo"))
        rows = (folder / "demo" / "breast_cancer.csv").read_text(encoding="utf-8").splitlines()
        (folder / "one.csv").write_text("\n".join(rows[:2]) + "\n", encoding="utf-8")
        said = "predict", str(folder / "demo" / "model.json"), str(folder / "one.csv")
        _command_line(*said)
        times = []
        for _ in range(max(_COLD_RUNS, settings.pairs)):
            time.sleep(_SETTLE_SECONDS)
            start = time.perf_counter()
            _command_line(*said)
            times.append(time.perf_counter() - start)
    return Cold(case.name, times)


def _command_line(*said: str) -> None:
    """Run the command as a shell would find it beside this interpreter, or else as a module."""
    script = Path(sys.executable).with_name("oddsmith")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "oddsmith"]
    ran = subprocess.run([*command, *said], capture_output=True, check=False)  # noqa: S603
    if ran.returncode or not ran.stdout:
        raise Failed(f"oddsmith {said[0]} ended with {ran.returncode}")
