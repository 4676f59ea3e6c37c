"""Programs for many penalties: an L1 fit, a path, a cross-validation; and how each is judged."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.data import Array, Problem, objective
from benchmarks.programs import Options, Program, Run, Solution

__all__ = [
    "CROSS_VALIDATORS",
    "L1_FITTERS",
    "PATHS",
    "cross_validation_value",
    "path_value",
]

_MANY = 10_000
_FOLDS = 5


@dataclass(frozen=True)
class PathSolution:
    """Coefficients (m, 1 or K, p) and intercepts (m, 1 or K) for the problem's penalties."""

    coefs: Array
    intercepts: Array
    passes: int | None = None


def path_value(program: Program, problem: Problem, result: Any) -> tuple[float, int | None]:
    """Sum over the penalties of mean loss plus penalty (nats)."""
    found, values = program.read(result), []
    for strength, coef, intercept in zip(
        problem.lambdas, found.coefs, found.intercepts, strict=True
    ):
        own = replace(problem, C=1.0 / (strength * problem.y.size))
        values.append(strength * objective(own, coef, intercept))
    return math.fsum(values), found.passes


def cross_validation_value(
    program: Program, problem: Problem, result: Any
) -> tuple[float, int | None]:
    """Sum over folds and penalties of the objective on the rows that were fitted, per row."""
    values = []
    for coefs, (train, _) in zip(result.coefs_paths_[:, 0], _folds(problem), strict=True):
        rows = replace(problem, X=problem.X[train], y=problem.y[train])
        for C, coef in zip(_CS, coefs, strict=True):
            own = replace(rows, C=float(C))
            values.append(objective(own, coef[:, :-1], coef[:, -1]) / (C * train.size))
    return math.fsum(values), getattr(result, "n_passes_", None)


_CS = np.logspace(-4, 4, 10)


def _folds(problem: Problem) -> list[tuple[Array, Array]]:
    from sklearn.model_selection import StratifiedKFold

    return list(StratifiedKFold(_FOLDS).split(problem.X, problem.y))


def _tolerances(name: str, first: int, last: int, **fixed: Any) -> tuple[Options, ...]:
    return tuple({**fixed, name: float(f"1e-{k}")} for k in range(first, last + 1))


def _estimator(make: Callable[[Problem, Options, int], Any]) -> Callable[..., Run]:
    def prepare(problem: Problem, options: Options, threads: int) -> Run:
        model = make(problem, options, threads)
        return lambda: model.fit(problem.X, problem.y)

    return prepare


def _read_estimator(model: Any) -> Solution:
    passes = getattr(model, "n_passes_", None)
    coef = np.reshape(model.coef_, (-1, np.shape(model.coef_)[-1]))
    return Solution(coef, np.ravel(model.intercept_), None if passes is None else int(passes))


# ------------------------------------------------------------------------------------ one L1 fit


def _oddsmith(problem: Problem, options: Options, threads: int) -> Any:
    from oddsmith import LogisticRegression

    return LogisticRegression(problem.C, l1_ratio=problem.l1_ratio, n_jobs=threads, **options)


def _skglm(problem: Problem, options: Options, threads: int) -> Any:
    from skglm import SparseLogisticRegression

    return SparseLogisticRegression(
        alpha=1.0 / (problem.C * problem.y.size), fit_intercept=True, max_iter=_MANY, **options
    )


def _skglm_by_columns(problem: Problem, options: Options, threads: int) -> Run:
    """Turn X into columns, which it works on, in the timed call."""
    from scipy.sparse import csc_matrix

    model = _skglm(problem, options, threads)
    return lambda: model.fit(csc_matrix(problem.X), problem.y)


def _scikit_learn(problem: Problem, options: Options, threads: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        C=problem.C, l1_ratio=problem.l1_ratio, max_iter=_MANY, random_state=0, **options
    )


def _liblinear(problem: Problem, options: Options, threads: int) -> Run:
    """Its coordinate descent with L1 (-s 6); the constant column (-B) is penalised."""
    from liblinear.liblinearutil import train
    from scipy.sparse import csr_matrix

    text = f"-s 6 -c {problem.C!r} -B {options['B']!r} -e {options['e']!r} -q"
    y = problem.y.astype(np.float64)
    return lambda: train(y, csr_matrix(problem.X), text)


def _read_liblinear(model: Any) -> Solution:
    coef, intercept = model.get_decfun()
    sign = 1.0 if model.get_labels()[0] == 1 else -1.0
    return Solution(sign * np.array([coef]), sign * np.array([intercept]))


L1_FITTERS = (
    Program("oddsmith", "oddsmith", (({},),), _estimator(_oddsmith), _read_estimator),
    Program("skglm", "skglm", (_tolerances("tol", 4, 9),), _skglm_by_columns, _read_estimator),
    Program(
        "liblinear",
        "liblinear",
        tuple(_tolerances("e", 2, 7, B=column) for column in (1.0, 10.0)),
        _liblinear,
        _read_liblinear,
    ),
    Program(
        "scikit-learn saga",
        "sklearn",
        (_tolerances("tol", 4, 6, solver="saga"),),
        _estimator(_scikit_learn),
        _read_estimator,
    ),
)

# ---------------------------------------------------------------------------------------- a path


def _oddsmith_path(problem: Problem, options: Options, threads: int) -> Run:
    from oddsmith import regularization_path

    return lambda: regularization_path(
        problem.X,
        problem.y,
        l1_ratio=problem.l1_ratio,
        lambdas=problem.lambdas,
        n_jobs=threads,
        **options,
    )


def _read_oddsmith_path(path: Any) -> PathSolution:
    m, p = path.lambdas.size, path.coefs.shape[-1]
    return PathSolution(path.coefs.reshape(m, -1, p), path.intercepts.reshape(m, -1), path.n_passes)


class _EachAlone(np.ndarray):
    """Groups of coefficients, one each, which adelie would make groups of K by multiplying."""

    def __mul__(self, other: Any) -> Any:
        return np.asarray(self)


def _adelie(problem: Problem, options: Options, threads: int) -> Run:
    import adelie as ad

    X = np.asfortranarray(problem.X)
    K, groups, width = problem.n_classes, np.arange(X.shape[1]), 1
    if K == 2:
        glm = ad.glm.binomial(problem.y.astype(np.float64))
    else:
        # Its loss is that of the textbook over K, and a group is a coefficient.
        glm, width = ad.glm.multinomial(np.eye(K)[problem.y]), K
        groups = np.arange(X.shape[1] * K).view(_EachAlone)

    return lambda: ad.grpnet(
        X,
        glm,
        groups=groups,
        penalty=np.ones(groups.size),
        alpha=problem.l1_ratio,
        lmda_path=problem.lambdas / width,
        early_exit=False,
        progress_bar=False,
        n_threads=threads,
        **options,
    )


def _read_adelie(state: Any) -> PathSolution:
    intercepts = np.asarray(state.intercepts)
    m, K = len(intercepts), intercepts[0].size
    coefs = np.asarray(state.betas.toarray()).reshape(m, -1, K).transpose(0, 2, 1)
    return PathSolution(coefs, intercepts.reshape(m, K))


def _skglm_path(problem: Problem, options: Options, threads: int) -> Run:
    """One warm-started fit after the other."""
    from skglm import SparseLogisticRegression

    def run() -> PathSolution:
        model = SparseLogisticRegression(max_iter=_MANY, warm_start=True, **options)
        coefs, intercepts = [], []
        for strength in problem.lambdas:
            model.set_params(alpha=strength).fit(problem.X, problem.y)
            coefs.append(np.reshape(model.coef_, (1, -1)).copy())
            intercepts.append(np.reshape(model.intercept_, 1).copy())
        return PathSolution(np.array(coefs), np.array(intercepts))

    return run


def _saga_path(problem: Problem, options: Options, threads: int) -> Run:
    """One warm-started fit after the other."""
    from sklearn.linear_model import LogisticRegression

    def run() -> PathSolution:
        model = LogisticRegression(
            solver="saga",
            l1_ratio=problem.l1_ratio,
            max_iter=_MANY,
            random_state=0,
            warm_start=True,
            **options,
        )
        coefs, intercepts = [], []
        for strength in problem.lambdas:
            model.set_params(C=1.0 / (strength * problem.y.size)).fit(problem.X, problem.y)
            coefs.append(model.coef_.copy())
            intercepts.append(model.intercept_.copy())
        return PathSolution(np.array(coefs), np.array(intercepts))

    return run


def _binary_lasso(n_classes: int, C: float) -> str | None:
    return None if n_classes == 2 else "has no softmax"


def _oddsmith_paths(**options: Any) -> Program:
    return Program("oddsmith", "oddsmith", ((options,),), _oddsmith_path, _read_oddsmith_path)


_ADELIE = Program(
    "adelie",
    "adelie",
    (({}, *({"tol": 10.0**-k, "irls_tol": 10.0**-k} for k in range(8, 14))),),
    _adelie,
    _read_adelie,
)
PATHS = {
    # Gaps below what the comparison asks for, relative to objectives of some tenths of a nat.
    "path": (
        _oddsmith_paths(tol=1e-10),
        _ADELIE,
        Program(
            "skglm",
            "skglm",
            (_tolerances("tol", 4, 9),),
            _skglm_path,
            lambda solution: solution,
            _binary_lasso,
        ),
        Program(
            "scikit-learn saga",
            "sklearn",
            (_tolerances("tol", 4, 6),),
            _saga_path,
            lambda solution: solution,
        ),
    ),
    "loose-path": (
        # With this no objective is beyond adelie's by more than 2e-6 of it (seed 0).
        _oddsmith_paths(tol=5e-6),
        replace(_ADELIE, ladders=(({},),)),
    ),
}

# ---------------------------------------------------------------------------- a cross-validation


def _oddsmith_cv(problem: Problem, options: Options, threads: int) -> Any:
    from oddsmith import LogisticRegressionCV

    return LogisticRegressionCV(Cs=_CS, cv=_FOLDS, n_jobs=threads, **options)


def _scikit_learn_cv(problem: Problem, options: Options, threads: int) -> Any:
    from sklearn.linear_model import LogisticRegressionCV

    return LogisticRegressionCV(
        Cs=_CS,
        cv=_FOLDS,
        l1_ratios=(0.0,),
        scoring="neg_log_loss",
        use_legacy_attributes=False,
        **options,
    )


def _scikit_learn_cv_solver(solver: str) -> Program:
    return Program(
        name=f"scikit-learn {solver}",
        module="sklearn",
        ladders=(({"solver": solver}, *_tolerances("tol", 4, 10, solver=solver, max_iter=_MANY)),),
        prepare=_estimator(_scikit_learn_cv),
        read=_read_estimator,
    )


CROSS_VALIDATORS = (
    Program("oddsmith", "oddsmith", (({},),), _estimator(_oddsmith_cv), _read_estimator),
    *(_scikit_learn_cv_solver(name) for name in ("lbfgs", "newton-cholesky", "newton-cg")),
)
