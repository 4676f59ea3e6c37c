"""regularization_path: fits from the penalty that holds all coefficients at 0 downwards."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin

from oddsmith.core.block import CountedSource
from oddsmith.core.columns import standardise
from oddsmith.core.kernels import Design
from oddsmith.core.objective import Objective
from oddsmith.core.penalty import Penalty
from oddsmith.core.stable import Array
from oddsmith.data.memory import memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.estimators.door import admit, admit_columns, column_places, is_collection, names_of
from oddsmith.estimators.inputs import in_range, row_offset, row_weights
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.estimators.parameters import check_stopping, column_limits, penalties_of_a_path
from oddsmith.estimators.path_result import (
    NULL_TOL,
    Path,
    PathAsked,
    first_lambda,
    late_gaps,
    path_of,
    shown,
    spaced_lambdas,
)
from oddsmith.estimators.table_encoder import TableEncoder
from oddsmith.solvers.coordinate_descent import CoordinateDescent
from oddsmith.solvers.path import null_fit, stations

__all__ = ["Path", "regularization_path"]


class _Model(ClassifierMixin, BaseEstimator):
    """What the door asks of an estimator."""

    encoder_: Any

    def __init__(self, encoder: TableEncoder | None = None) -> None:
        self.encoder = encoder

    @property
    def coef_names_(self) -> Any:
        """Names of the encoded columns."""
        return self.encoder_.get_feature_names_out()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def regularization_path(
    X: Any,
    y: Any,
    *,
    l1_ratio: float = 1.0,
    n_lambdas: int = 100,
    lambdas: Any = None,
    lambda_ratio: float | None = None,
    fit_intercept: bool = True,
    sample_weight: Any = None,
    class_weight: Any = None,
    offset: Any = None,
    penalty_factors: Any = None,
    lower_bounds: Any = None,
    upper_bounds: Any = None,
    tol: float = 1e-9,
    n_jobs: int | None = None,
    encoder: TableEncoder | None = None,
) -> Path:
    """Fit logistic regression for a path of penalties, each proved to be within tol of its minimum.

    Minimises, for each lambda, over the coefficients w (the intercept is never penalised),

        mean loss + lambda * sum_j f_j ((1 - l1_ratio) / 2 w_j^2 + l1_ratio |w_j|),

    the mean weighted, on the columns as they are given (Friedman, Hastie and Tibshirani, 2010,
    equation 11): `LogisticRegression` with ``C = 1 / (lambda * sum of weights)``.

    Parameters
    ----------
    X : array, sparse matrix (CSR, CSC), table or Dask collection of shape (n, p)
    y : array or column of shape (n,)
        Labels of two or more classes.
    l1_ratio : float, default 1.0
        Share of the L1 penalty.
    n_lambdas : int, default 100
        Penalties, evenly in the logarithm, from the smallest that holds all coefficients at 0.
    lambdas : array, optional
        Penalties instead, in any order; they are fitted from large to small.
    lambda_ratio : float, optional
        Smallest penalty relative to the largest: 1e-4, or 1e-2 for fewer rows than columns.
    fit_intercept : bool, default True
    sample_weight : array of shape (n,), optional
    class_weight : dict, "balanced" or None
    offset : array of shape (n,), or (n, K) for K > 2 classes, optional
    penalty_factors : array of shape (p,) or dict of name to float, optional
        f; 0 is no penalty, ``numpy.inf`` leaves a column out.
    lower_bounds, upper_bounds : float, array of shape (p,) or dict of name to float, optional
        Bounds on the coefficients, lower <= 0 <= upper.
    tol : float, default 1e-9
        Gap to reach (nats per unit of weight).
    n_jobs : int or None
        Threads; the results are the same bits for any number.
    encoder : TableEncoder or None
        As in `LogisticRegression`.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If the data cannot be fitted; the message names row, column or class.
    ParameterError
        If a parameter cannot be used.

    Warns
    -----
    ConvergenceWarning
        If the minimum of some penalty was not proved, with how many; see ``gaps``.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> path = regularization_path(X, y, n_lambdas=20)
    >>> path.degrees_of_freedom[[0, 10]], bool(path.gaps.max() <= 1e-9)
    (array([0, 2]), True)
    """
    ratio, given = penalties_of_a_path(l1_ratio, n_lambdas, lambdas, lambda_ratio)
    check_stopping(tol, None)
    if is_collection(X):
        asked = PathAsked(ratio, given, int(n_lambdas), lambda_ratio, float(tol))
        learner = LogisticRegression(
            l1_ratio=1.0,
            fit_intercept=fit_intercept,
            class_weight=class_weight,
            tol=tol,
            penalty_factors=penalty_factors,
            lower_bounds=lower_bounds,
            upper_bounds=upper_bounds,
            encoder=encoder,
        )
        beside = {"sample_weight": sample_weight, "offset": offset}
        path = _path_of_collection(X, y, beside, learner, asked)
        for kind, message in late_gaps(path, float(tol)):
            warnings.warn(message, kind, stacklevel=2)
        return path
    model = _Model(encoder)
    given_rows = admit(model, X, y)
    X, labels = given_rows.X, given_rows.labels
    weight = row_weights(given_rows.beside(sample_weight), class_weight, labels)
    weight, _, _ = in_range(weight, 0.0, 0.0)
    K = labels.classes.size
    width = 1 if K == 2 else K
    rows = memory_blocks(
        X, labels.index, weight, row_offset(given_rows.beside(offset), X.shape[0], width), width
    )
    limits = column_limits(
        penalty_factors, lower_bounds, upper_bounds, X.shape[1], lambda: column_places(model)
    )
    with Threads(rows, n_jobs) as threads, np.errstate(over="ignore", invalid="ignore"):
        source = CountedSource(threads)
        columns = admit_columns(model, source, X, width, penalised=True)
        how = standardise(columns, intercept=fit_intercept, ridge=0.0, sparse=sp.issparse(X))
        objective = Objective(
            source, columns, K, Design(how, bool(fit_intercept)), 0.0, limits=limits
        )
        walk = _Walk(objective, ratio, float(tol))
        if given is None:
            given = spaced_lambdas(walk.largest, X.shape, n_lambdas, lambda_ratio)
        names = names_of(model)
        shown = [f"x{j}" for j in range(X.shape[1])] if names is None else names
        path = walk.path(given, labels.classes, tuple(str(name) for name in shown))
        path = replace(path, encoder=model.encoder_)
    for kind, message in late_gaps(path, float(tol)):
        warnings.warn(message, kind, stacklevel=2)
    return path


def _path_of_collection(
    X: Any, y: Any, beside: dict[str, Any], model: LogisticRegression, asked: PathAsked
) -> Path:
    # Few have a cluster, and its libraries take a while to import.
    from oddsmith.estimators.dask import collection_rows, dask_client
    from oddsmith.estimators.parts_path import path_by_parts

    with dask_client() as client:
        rows = collection_rows(model, client, X, y, **beside)
        return path_by_parts(model, rows, asked)


class _Walk:
    """A path over one objective."""

    def __init__(self, objective: Objective, ratio: float, tol: float) -> None:
        self._objective, self._ratio, self._tol = objective, ratio, tol
        self._descent = CoordinateDescent(objective)
        weight = objective.weight
        kinks = replace(objective, l1=weight).penalty
        self._null = self._descent.settle(kinks, NULL_TOL * weight).here
        _, self._gradient = null_fit(self._descent, kinks, NULL_TOL * weight)
        self.largest = first_lambda(kinks, self._gradient, ratio)

    def _penalty(self, strength: float) -> Penalty:
        total = strength * self._objective.weight
        l1, l2 = self._ratio * total, (1.0 - self._ratio) * total
        return replace(self._objective, l1=l1, l2=l2).penalty

    def path(self, lambdas: Array, classes: Any, names: tuple[str, ...]) -> Path:
        """Fit for each of the penalties, which descend."""
        objective, weight = self._objective, self._objective.weight
        penalties = [self._penalty(float(strength)) for strength in lambdas]
        steps = stations(self._descent, penalties, lambda _: self._tol * weight, self._gradient)
        found = [shown(objective, step, penalties[step.index]) for step in steps]
        return path_of(objective, found, lambdas, self._ratio, classes, names, self._null.value)
