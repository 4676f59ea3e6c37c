"""Programs that fit by maximum likelihood and print a table of coefficients with their errors.

Peers are left the solver that their tables are usually made with.
"""

from typing import Any

import numpy as np

from benchmarks.data import Problem
from benchmarks.programs import Options, Program, Run, Solution

__all__ = ["SUMMARIES"]

_MANY = 10_000


def _cannot(n_classes: int, C: float) -> str | None:
    return None if n_classes == 2 and np.isinf(C) else "has no such table"


def _oddsmith(problem: Problem, options: Options, threads: int) -> Run:
    from oddsmith import logit

    def run() -> Any:
        result = logit(problem.X, problem.y, n_jobs=threads, **options)
        return result, str(result.summary())

    return run


def _read_oddsmith(made: Any) -> Solution:
    params, passes = made[0].params, made[0].fit.n_passes
    return Solution(params[None, 1:], params[:1], passes)


def _statsmodels(problem: Problem, options: Options, threads: int) -> Run:
    from statsmodels.api import Logit, add_constant

    def run() -> Any:
        X = add_constant(problem.X, has_constant="add")
        result = Logit(problem.y, X).fit(disp=0, maxiter=_MANY, **options)
        return result, str(result.summary())

    return run


def _read_statsmodels(made: Any) -> Solution:
    return Solution(made[0].params[None, 1:], made[0].params[:1])


def _glum(problem: Problem, options: Options, threads: int) -> Run:
    from glum import GeneralizedLinearRegressor

    # As ours and statsmodels have it: standard errors by the information, not by the scores.
    how = {"robust": False, "expected_information": True, "max_iter": _MANY}
    model = GeneralizedLinearRegressor(family="binomial", alpha=0.0, **how, **options)
    y = problem.y.astype(problem.X.dtype)

    def run() -> Any:
        model.fit(problem.X, y, store_covariance_matrix=True)
        return model, str(model.coef_table())

    return run


def _read_glum(made: Any) -> Solution:
    return Solution(made[0].coef_[None, :], np.atleast_1d(made[0].intercept_))


_OURS = Program("oddsmith", "oddsmith", (({},),), _oddsmith, _read_oddsmith, _cannot)
_PEERS = {
    "statsmodels": Program(
        "statsmodels",
        "statsmodels",
        (tuple({"method": "newton", "tol": 10.0**-k} for k in range(4, 11, 2)),),
        _statsmodels,
        _read_statsmodels,
        _cannot,
    ),
    "glum": Program(
        "glum",
        "glum",
        (tuple({"solver": "irls-ls", "gradient_tol": 10.0**-k} for k in range(4, 10)),),
        _glum,
        _read_glum,
        _cannot,
    ),
}

# Each peer has a target, and so a race, of its own.
SUMMARIES = {name: (_OURS, peer) for name, peer in _PEERS.items()}
