"""The programs: what is timed of each, its options from loose to tight, and its coefficients.

The whole public call is timed, and only the coefficients that it returns count. Labels are turned
into the type that a program likes best before the clock starts. Each ladder lists options from the
fastest to the most exact: its first that reaches the minimum is taken, and of several ladders the
fastest.
"""

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.data import Array, Problem
from benchmarks.install import ALONE, interpreter

__all__ = [
    "FITTERS",
    "OURS",
    "PREDICTORS",
    "Options",
    "Program",
    "Run",
    "Solution",
]

Options = dict[str, Any]
Run = Callable[[], Any]

_MANY = 10_000  # iterations: tolerances end a fit, not this


@dataclass(frozen=True)
class Solution:
    """What a program returned.

    Parameters
    ----------
    coef : array of shape (1, p), or (K, p) for K > 2 classes
    intercept : array of shape (1,) or (K,)
    passes : int or None
        How often the rows were read, where the program counts it.
    """

    coef: Array
    intercept: Array
    passes: int | None = None


@dataclass(frozen=True)
class Program:
    """One program beside others.

    Parameters
    ----------
    name : str
    module : str
        What has to be importable.
    ladders : tuple of tuples of dict
        Options, from the fastest to the most exact, of each of the program's ways.
    prepare : callable
        From (problem, options, threads) to the call that is timed.
    read : callable
        From what that call returned to a `Solution`.
    cannot : callable
        Why it cannot fit a problem (from the number of classes and C), or None.
    """

    name: str
    module: str
    ladders: tuple[tuple[Options, ...], ...]
    prepare: Callable[[Any, Options, int], Run]
    read: Callable[[Any], Solution]
    cannot: Callable[[int, float], str | None] = lambda n_classes, C: None

    def installed(self) -> bool:
        """Whether it can be imported here, or has an environment of its own."""
        if self.name in ALONE:
            return interpreter(self.name).exists()
        return importlib.util.find_spec(self.module) is not None


def _tolerances(name: str, first: int, last: int, **fixed: Any) -> tuple[Options, ...]:
    """Options with the tolerance `name` from 10**-first to 10**-last."""
    return tuple({**fixed, name: float(f"1e-{k}")} for k in range(first, last + 1))


def _oddsmith(problem: Problem, options: Options, threads: int) -> Run:
    from oddsmith import LogisticRegression

    model = LogisticRegression(C=problem.C, n_jobs=threads, **options)
    return lambda: model.fit(problem.X, problem.y)


def _scikit_learn(problem: Problem, options: Options, threads: int) -> Run:
    """Take threads from the environment, as BLAS and OpenMP do."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=problem.C, **options)
    return lambda: model.fit(problem.X, problem.y)


def _read_estimator(model: Any) -> Solution:
    passes = getattr(model, "n_passes_", None)
    return Solution(model.coef_, model.intercept_, None if passes is None else int(passes))


def _scikit_learn_solver(solver: str) -> Program:
    """One of its solvers: as it comes, then with as many iterations as the tolerance asks for."""
    return Program(
        name=f"scikit-learn {solver}",
        module="sklearn",
        ladders=(({"solver": solver}, *_tolerances("tol", 4, 10, solver=solver, max_iter=_MANY)),),
        prepare=_scikit_learn,
        read=_read_estimator,
    )


def _binary(n_classes: int, C: float) -> str | None:
    return None if n_classes == 2 else "has no softmax"


def _binary_penalised(n_classes: int, C: float) -> str | None:
    return "cannot leave the penalty out" if math.isinf(C) else _binary(n_classes, C)


def _glum(problem: Problem, options: Options, threads: int) -> Run:
    """Minimises the mean loss plus ``alpha / 2 ||w||^2``: alpha is 1 / (C n)."""
    from glum import GeneralizedLinearRegressor

    alpha = 1.0 / (problem.C * problem.y.size)
    model = GeneralizedLinearRegressor(family="binomial", alpha=alpha, max_iter=_MANY, **options)
    y = problem.y.astype(problem.X.dtype)
    return lambda: model.fit(problem.X, y)


def _read_glum(model: Any) -> Solution:
    return Solution(model.coef_[None, :], np.atleast_1d(model.intercept_))


def _snapml(problem: Problem, options: Options, threads: int) -> Run:
    """Penalises the intercept as the coefficient of a constant column, `intercept_scaling`.

    The larger that column, the less the penalty counts, and the slower the fit.
    """
    from snapml import LogisticRegression

    model = LogisticRegression(
        regularizer=1.0 / problem.C,
        fit_intercept=True,
        n_jobs=threads,
        max_iter=_MANY,
        random_state=0,
        **options,
    )
    y = problem.y.astype(np.float64)
    return lambda: model.fit(problem.X, y)


def _read_snapml(model: Any) -> Solution:
    return Solution(np.reshape(model.coef_, (1, -1)), np.reshape(model.intercept_, 1))


def _statsmodels(problem: Problem, options: Options, threads: int) -> Run:
    """Has the intercept as a column of ones, added in the timed call."""
    from statsmodels.api import Logit, add_constant

    def run() -> Any:
        X = add_constant(problem.X, prepend=False, has_constant="add")
        return Logit(problem.y, X).fit(disp=0, maxiter=_MANY, **options)

    return run


def _read_statsmodels(result: Any) -> Solution:
    return Solution(result.params[None, :-1], result.params[-1:])


def _liblinear(problem: Problem, options: Options, threads: int) -> Run:
    """Its primal Newton method (-s 0), all threads (-m), intercept not penalised (-B 1 -R)."""
    from liblinear.liblinearutil import train
    from scipy.sparse import csr_matrix

    text = f"-s 0 -c {problem.C!r} -B 1 -R -m {threads} -e {options['e']!r} -q"
    y = problem.y.astype(np.float64)
    return lambda: train(y, csr_matrix(problem.X), text)


def _liblinear_dual(problem: Problem, options: Options, threads: int) -> Run:
    """Its coordinate descent on the dual (-s 7), which has one thread and penalises the intercept.

    That counts the less the larger the constant column is (-B).
    """
    from liblinear.liblinearutil import train
    from scipy.sparse import csr_matrix

    text = f"-s 7 -c {problem.C!r} -B {options['B']!r} -e {options['e']!r} -q"
    y = problem.y.astype(np.float64)
    return lambda: train(y, csr_matrix(problem.X), text)


def _read_liblinear(model: Any) -> Solution:
    coef, intercept = model.get_decfun()
    sign = 1.0 if model.get_labels()[0] == 1 else -1.0
    return Solution(sign * np.array([coef]), sign * np.array([intercept]))


OURS = Program("oddsmith", "oddsmith", (({},),), _oddsmith, _read_estimator)

FITTERS = (
    _scikit_learn_solver("lbfgs"),
    _scikit_learn_solver("newton-cholesky"),
    _scikit_learn_solver("newton-cg"),
    Program(
        name="glum",
        module="glum",
        ladders=(
            _tolerances("gradient_tol", 4, 9, solver="irls-ls"),
            _tolerances("gradient_tol", 4, 9, solver="lbfgs"),
        ),
        prepare=_glum,
        read=_read_glum,
        cannot=_binary,
    ),
    Program(
        name="snapml",
        module="snapml",
        ladders=tuple(
            _tolerances("tol", 3, 8, intercept_scaling=scaling) for scaling in (1.0, 100.0)
        ),
        prepare=_snapml,
        read=_read_snapml,
        cannot=_binary_penalised,
    ),
    Program(
        name="statsmodels",
        module="statsmodels",
        ladders=(
            _tolerances("tol", 4, 10, method="newton"),
            _tolerances("pgtol", 4, 10, method="lbfgs"),
        ),
        prepare=_statsmodels,
        read=_read_statsmodels,
        cannot=lambda n_classes, C: None if math.isinf(C) else "has no L2 penalty",
    ),
    Program(
        name="liblinear",
        module="liblinear",
        ladders=(_tolerances("e", 3, 10),),
        prepare=_liblinear,
        read=_read_liblinear,
        cannot=_binary_penalised,
    ),
    Program(
        name="liblinear dual",
        module="liblinear",
        ladders=tuple(_tolerances("e", 1, 5, B=column) for column in (1.0, 10.0)),
        prepare=_liblinear_dual,
        read=_read_liblinear,
        cannot=_binary_penalised,
    ),
)

PREDICTORS = (
    Program(
        name="scikit-learn",
        module="sklearn",
        ladders=(({"solver": "newton-cholesky", "tol": 1e-10},),),
        prepare=_scikit_learn,
        read=_read_estimator,
    ),
)
