"""What is timed: a fit, many of them, the probabilities of all rows, or those of one."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.cluster_programs import CLUSTER_FITTERS, OVERHEADS
from benchmarks.data import Array, Problem, objective
from benchmarks.file_programs import FILE_PROGRAMS
from benchmarks.inference import SUMMARIES
from benchmarks.places import Place
from benchmarks.programs import FITTERS, OURS, PREDICTORS, Options, Program, Run
from benchmarks.selection import (
    CROSS_VALIDATORS,
    L1_FITTERS,
    PATHS,
    cross_validation_value,
    path_value,
)

__all__ = ["PROGRAMS", "TASKS", "Task"]

_FIT_ROWS = 10_000  # of the model that predicts


@dataclass(frozen=True)
class Task:
    """One public call, and the number by which its result is judged.

    Parameters
    ----------
    prepare : callable
        From (program, problem, options, threads) to the call that is timed. The problem of a
        cluster is a `benchmarks.places.Place`.
    judge : callable
        From (program, problem, what the call returned) to the objective (nats) and the passes.
    programs : tuple of Program
        Ours first.
    """

    prepare: Callable[[Program, Any, Options, int], Run]
    judge: Callable[[Program, Any, Any], tuple[float, int | None]]
    programs: tuple[Program, ...]

    @property
    def ours(self) -> Program:
        """Our own program."""
        return self.programs[0]

    @property
    def peers(self) -> tuple[Program, ...]:
        """All the others."""
        return self.programs[1:]

    def program(self, name: str) -> Program:
        """Program of that name."""
        return next(program for program in self.programs if program.name == name)


def _fit(program: Program, problem: Problem, options: Options, threads: int) -> Run:
    options = dict(options)
    if not options.pop("as_float64", False):
        return program.prepare(problem, options, threads)

    def run() -> Any:
        exact = replace(problem, X=problem.X.astype(np.float64))
        return program.prepare(exact, options, threads)()

    return run


def _judge_fit(program: Program, problem: Problem, result: Any) -> tuple[float, int | None]:
    solution = program.read(result)
    return objective(problem, solution.coef, solution.intercept), solution.passes


def _model(program: Program, problem: Problem, options: Options, threads: int) -> Any:
    few = Problem(problem.X[:_FIT_ROWS], problem.y[:_FIT_ROWS], problem.C)
    return program.prepare(few, options, threads)()


def _predict(program: Program, problem: Problem, options: Options, threads: int) -> Run:
    model = _model(program, problem, options, threads)
    return lambda: model.predict_proba(problem.X)


def _predict_one(program: Program, problem: Problem, options: Options, threads: int) -> Run:
    model = _model(program, problem, options, threads)
    row = problem.X[:1].copy()
    return lambda: model.predict_proba(row)


def _judge_probabilities(program: Program, problem: Problem, result: Array) -> tuple[float, None]:
    """Minus the log-likelihood of the rows under their predicted probabilities."""
    rows = np.arange(result.shape[0])
    return -math.fsum(np.log(result[rows, problem.y[: rows.size]])), None


def _judge_spread(program: Program, place: Place, result: Any) -> tuple[float, int | None]:
    found = program.read(result)
    coef, intercept = found.coef[0], float(found.intercept[0])
    return place.chunks.objective(coef, intercept, place.threads), found.passes


TASKS: dict[str, Task] = {
    "fit": Task(_fit, _judge_fit, (OURS, *FITTERS)),
    "fit-spread": Task(_fit, _judge_spread, CLUSTER_FITTERS),
    "fit-ours": Task(_fit, _judge_spread, OVERHEADS),
    "fit-l1": Task(_fit, _judge_fit, L1_FITTERS),
    "path": Task(_fit, path_value, PATHS["path"]),
    "loose-path": Task(_fit, path_value, PATHS["loose-path"]),
    "cv": Task(_fit, cross_validation_value, CROSS_VALIDATORS),
    **{f"summary-{name}": Task(_fit, _judge_fit, both) for name, both in SUMMARIES.items()},
    "predict": Task(_predict, _judge_probabilities, (OURS, *PREDICTORS)),
    "predict-one": Task(_predict_one, _judge_probabilities, (OURS, *PREDICTORS)),
}

# Names of all programs, which --peer knows.
PROGRAMS = tuple(
    sorted(
        {program.name for task in TASKS.values() for program in task.programs}
        | {program.name for program in FILE_PROGRAMS}
    )
)
