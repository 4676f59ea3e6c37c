"""From checked rows to a maximum-likelihood fit and its inference: `logit` and `infer` share it."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oddsmith.core.block import CountedSource
from oddsmith.core.columns import Columns, column_statistics
from oddsmith.core.fit import Fit
from oddsmith.core.stable import Array
from oddsmith.data.frames import missing_rows
from oddsmith.data.memory import MemoryBlocks, memory_blocks
from oddsmith.engines.threads import OnDemand, Threads
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.inputs import in_range
from oddsmith.estimators.labels import Encoded
from oddsmith.inference.covariance import covariance_of
from oddsmith.inference.diagnosis import Diagnosis, diagnose
from oddsmith.inference.likelihood import CovarianceKind, Likelihood, WeightKind
from oddsmith.inference.nested import nested, null_log_likelihood
from oddsmith.inference.polish import polished
from oddsmith.solvers.minimise import Task, minimise, objective_of
from oddsmith.solvers.run import Solver
from oddsmith.views.complaints import inference_complaints, lost_variances
from oddsmith.views.results import Results

__all__ = [
    "Rows",
    "admit_groups",
    "check_kinds",
    "diagnosed",
    "fitted",
    "in_unit",
    "inferred",
    "left_out",
]

# Whole numbers are exact in a float up to here.
_MOST_OBSERVATIONS = 2.0**53


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a maximum-likelihood fit, checked, each of positive weight.

    Attributes
    ----------
    X : ndarray, CSR or CSC of shape (n, p)
    labels : Encoded
    names : tuple of str
        Of the p columns.
    weight : array of shape (n,), or None
    offset : array of shape (n,) or (n, K), or None
    group : integer array of shape (n,), or None
    intercept : bool
    intercept_name, target : str
    weights : "frequency" or "sampling"
    counted : boolean array, or None
        Which rows of the user's these are.
    trials : array, or None
        Where rows were counts, see `Likelihood`.
    constant : float
        Of the likelihood of counts (nats).
    """

    X: Any
    labels: Encoded
    names: tuple[str, ...]
    weight: Array | None = None
    offset: Array | None = None
    group: np.ndarray[Any, Any] | None = None
    intercept: bool = True
    intercept_name: str = "const"
    target: str = "y"
    weights: WeightKind = "frequency"
    counted: np.ndarray[Any, np.dtype[np.bool_]] | None = None
    trials: Array | None = None
    constant: float = 0.0

    @property
    def width(self) -> int:
        """Margins a row."""
        K = self.labels.classes.size
        return 1 if K == 2 else int(K)

    @property
    def sparse(self) -> bool:
        """Whether X is."""
        return hasattr(self.X, "tocsr")

    @property
    def fractional(self) -> bool:
        """Whether there are frequency weights that are no whole numbers."""
        weight = self.weight
        if weight is None or self.weights == "sampling":
            return False
        return bool((weight != np.floor(weight)).any())

    def blocks(self) -> MemoryBlocks:
        """Rows in blocks."""
        return memory_blocks(
            self.X, self.labels.index, self.weight, self.offset, self.width, self.group
        )

    def task(self, tol: float, max_iter: int | None = None) -> Task:
        """Task of the solvers."""
        usual = None if self.offset is None else np.atleast_1d(np.median(self.offset, axis=0))
        return Task(
            int(self.labels.classes.size),
            self.intercept,
            0.0,
            self.sparse,
            tol,
            max_iter,
            offset=usual,
            entries=getattr(self.X, "nnz", 0),
        )


def in_unit(rows: Rows) -> Rows:
    """Rows whose weights can be squared, and added up as observations.

    Raises
    ------
    DataError
        If frequencies add up to more than can be counted.
    """
    if rows.weight is None:
        return rows
    if rows.weights == "sampling":
        # Their unit changes no coefficient and no error; a power of two changes no digit.
        return replace(rows, weight=in_range(rows.weight, 0.0, 0.0)[0])
    total = float(rows.weight.sum())
    if total > _MOST_OBSERVATIONS:
        raise DataError(
            f"weights add up to {total:.3g}, which is no number of observations; divide them by a "
            "number, or give weights_are='sampling'."
        )
    return rows


def left_out(rows: Rows) -> Rows:
    """Rows without those of weight 0, which are no observations."""
    if rows.weight is None or rows.weight.all():
        return rows
    kept = rows.weight > 0
    counted = kept
    if rows.counted is not None:
        counted = rows.counted.copy()
        counted[counted] = kept
    return replace(
        rows,
        X=rows.X[kept],
        labels=Encoded(rows.labels.classes, rows.labels.index[kept]),
        weight=rows.weight[kept],
        offset=None if rows.offset is None else rows.offset[kept],
        group=None if rows.group is None else rows.group[kept],
        counted=counted,
    )


def admit_groups(groups: Any, n: int) -> np.ndarray[Any, Any] | None:
    """Clusters of n rows as numbers; None if there are none.

    Raises
    ------
    DataError
        If there is not one for each row, or some are missing.
    """
    if groups is None:
        return None
    given = np.asarray(groups)
    if given.shape != (n,):
        raise DataError(f"groups has shape {given.shape}; give one cluster per row, shape ({n},).")
    missing = int(missing_rows(given).sum())
    if missing:
        raise DataError(
            f"groups is missing in {missing} of {n} rows; give each row its cluster, or leave such "
            "rows out."
        )
    try:
        return np.unique(given, return_inverse=True)[1]
    except TypeError as error:
        raise DataError(
            "groups mixes labels that cannot be sorted; make them all of one kind."
        ) from error


def check_kinds(cov_type: Any, weights_are: Any, groups: Any) -> CovarianceKind:
    """Which covariance is asked for, in agreement with weights and clusters.

    Raises
    ------
    ParameterError
        If they contradict each other.
    """
    if weights_are not in ("frequency", "sampling"):
        raise ParameterError(
            f"weights_are={weights_are!r} is not known; 'frequency' is a row of weight 2 seen "
            "twice, 'sampling' one that was seen once and stands for two."
        )
    kinds = ("nonrobust", "HC0", "HC1", "HC2", "HC3", "cluster")
    if cov_type is None:
        usual: CovarianceKind = "nonrobust" if weights_are == "frequency" else "HC1"
        return "cluster" if groups is not None else usual
    if cov_type not in kinds:
        raise ParameterError(f"cov_type={cov_type!r} is not known; use one of {', '.join(kinds)}.")
    if (cov_type == "cluster") != (groups is not None):
        found, missing = ("cov_type='cluster'", "groups=...")
        if groups is not None:
            found, missing = "groups", "cov_type='cluster'"
        raise ParameterError(f"{found} without {missing} has no meaning; give both or neither.")
    if cov_type == "nonrobust" and weights_are == "sampling":
        raise ParameterError(
            "cov_type='nonrobust' takes weights for numbers of observations, which sampling "
            "weights are not; leave it out (HC1), or give another."
        )
    return cov_type


def fitted(
    rows: Rows,
    admit: Callable[[CountedSource], Columns],
    solver: str | Solver,
    tol: float,
    max_iter: int | None,
    n_jobs: int | None,
) -> tuple[Likelihood, Fit]:
    """Fit by maximum likelihood; aliased columns are left out of what is returned first.

    Parameters
    ----------
    rows : Rows
    admit : callable
        Finds where the columns lie, or raises what is wrong with them.
    solver, tol, max_iter, n_jobs
        As in `LogisticRegression`.
    """
    task = rows.task(tol, max_iter)
    with Threads(rows.blocks(), n_jobs) as threads:
        source = CountedSource(threads)
        columns = admit(source)
        fit = minimise(source, columns, solver, task)
    likelihood = of_fit(rows, columns, fit.coef, fit.intercept, task, n_jobs)
    if fit.aliased:
        kept = [j for j in range(len(rows.names)) if j not in fit.aliased]
        likelihood, again = nested(likelihood, kept, intercept=rows.intercept, tol=tol)
        fit = replace(again, aliased=fit.aliased, n_passes=fit.n_passes + again.n_passes)
    return polished(likelihood, fit)


def of_fit(
    rows: Rows, columns: Columns, w: Array, b: Array, task: Task, n_jobs: int | None
) -> Likelihood:
    """Likelihood of coefficients (p, K) and intercepts (K,) on the user's scale."""
    source = CountedSource(OnDemand(rows.blocks(), n_jobs))
    objective, _ = objective_of(source, columns, task)
    return Likelihood(
        objective,
        objective.from_user(w, b),
        rows.names,
        tuple(rows.labels.classes.tolist()),
        rows.intercept_name,
        rows.weights,
        rows.counted,
        rows.trials,
        rows.constant,
        rows.sparse,
        rows.fractional,
    )


def inferred(
    rows: Rows, likelihood: Likelihood, fit: Fit, kind: CovarianceKind, *, stacklevel: int = 3
) -> Results:
    """Inference of a fit, and its warnings given."""
    found = inference_complaints(likelihood, fit, rows.names, diagnosed(rows, likelihood, fit))
    covariance = covariance_of(likelihood, kind)
    found += lost_variances(likelihood, covariance, kind)
    for category, message in found:
        if category is not None:
            warnings.warn(message, category, stacklevel=stacklevel)
    return Results(
        likelihood,
        fit,
        kind,
        covariance,
        null_log_likelihood(likelihood),
        rows.names,
        fit.aliased or (),
        rows.target,
        tuple(message for _, message in found),
    )


def diagnosed(rows: Rows, likelihood: Likelihood, fit: Fit) -> tuple[Diagnosis, ...]:
    """Diagnose a fit; a pass more where columns are aliased, to say of which others they are."""
    objective, coef, hessian = likelihood.objective, likelihood.coef, None
    if fit.aliased:
        source = CountedSource(OnDemand(rows.blocks(), None))
        columns = source.fold(column_statistics)
        objective, _ = objective_of(source, columns, rows.task(fit.tol))
        coef = np.zeros(objective.size)
    elif fit.separated is None:
        hessian = likelihood.hessian
    return diagnose(objective, coef, fit, rows.names, likelihood.classes, hessian=hessian)
