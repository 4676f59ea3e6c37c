"""What is timed: a fit, the probabilities of all rows, or those of one."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.data import Array, Problem, objective
from benchmarks.programs import Options, Program, Run

__all__ = ["TASKS", "Task"]

_FIT_ROWS = 10_000  # of the model that predicts


@dataclass(frozen=True)
class Task:
    """One public call, and the number by which its result is judged.

    Parameters
    ----------
    prepare : callable
        From (program, problem, options, threads) to the call that is timed.
    judge : callable
        From (program, problem, what the call returned) to the objective (nats) and the passes.
    """

    prepare: Callable[[Program, Problem, Options, int], Run]
    judge: Callable[[Program, Problem, Any], tuple[float, int | None]]


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


TASKS: dict[str, Task] = {
    "fit": Task(_fit, _judge_fit),
    "predict": Task(_predict, _judge_probabilities),
    "predict-one": Task(_predict_one, _judge_probabilities),
}
