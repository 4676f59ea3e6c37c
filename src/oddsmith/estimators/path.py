"""regularization_path: fits from the penalty that holds all coefficients at 0 downwards."""

import warnings
from dataclasses import dataclass, replace
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
from oddsmith.errors import ConvergenceWarning
from oddsmith.estimators.door import admit, admit_columns, column_places, names_of
from oddsmith.estimators.inputs import in_range, row_offset, row_weights
from oddsmith.estimators.parameters import check_stopping, column_limits, penalties_of_a_path
from oddsmith.estimators.table_encoder import TableEncoder
from oddsmith.solvers.coordinate_descent import CoordinateDescent
from oddsmith.solvers.path import Station, largest_lambda, null_fit, stations
from oddsmith.views.plots import plot_path

__all__ = ["Path", "regularization_path"]

# Share of l1 that stands for none where the largest penalty is looked for, as in glmnet.
_LEAST_SHARE = 1e-3
# Smallest penalty relative to the largest, for more rows than columns and for fewer.
_TALL_RATIO, _WIDE_RATIO = 1e-4, 1e-2
# Gap per unit of weight at which what is not penalised rests.
_NULL_TOL = 2.0**-46
# Times tol at which a walk ends already.
_ALMOST = 1.02


@dataclass(frozen=True)
class Path:
    """Fits along a path of penalties, from large to small.

    Attributes
    ----------
    lambdas : array of shape (m,)
        Penalties on glmnet's scale.
    coefs : array of shape (m, p), or (m, K, p) for K > 2 classes
    intercepts : array of shape (m,), or (m, K)
    objectives : array of shape (m,)
        Mean loss plus penalty (nats per unit of weight).
    gaps : array of shape (m,)
        Proved upper bounds on `objectives` minus their minima.
    degrees_of_freedom : array of shape (m,)
        Coefficients that are not 0 (Zou, Hastie and Tibshirani, 2007), intercepts left out.
    deviance_explained : array of shape (m,)
        1 minus the deviance relative to that of the intercepts (and the offset) alone.
    classes : array of shape (K,)
        Sorted; of two, the second is the positive one.
    l1_ratio : float
    n_passes : int
        How often the rows were read.
    feature_names : tuple of str
        Of the encoded columns, else x0, x1, ...
    encoder : TableEncoder or None
        Fitted, where the columns had to be encoded.
    """

    lambdas: Array
    coefs: Array
    intercepts: Array
    objectives: Array
    gaps: Array
    degrees_of_freedom: Array
    deviance_explained: Array
    classes: Any
    l1_ratio: float
    n_passes: int
    feature_names: tuple[str, ...]
    encoder: TableEncoder | None = None

    def plot(self, ax: Any = None) -> Any:
        """Draw the coefficients along the path, the seven that grow largest with their names.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; without it a figure is made.

        Returns
        -------
        matplotlib Figure
            Of K > 2 classes it shows the length of each column's K coefficients.

        Raises
        ------
        MissingPackageError
            If matplotlib is not installed.
        """
        table = self.coefs if self.coefs.ndim == 2 else np.linalg.norm(self.coefs, axis=1)
        return plot_path(self.lambdas, table, self.feature_names, self.degrees_of_freedom, ax)


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
    X : array, sparse matrix (CSR, CSC) or table of shape (n, p)
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
            least = lambda_ratio or (_WIDE_RATIO if X.shape[0] < X.shape[1] else _TALL_RATIO)
            given = walk.largest * np.logspace(0.0, np.log10(least), n_lambdas)
        names = names_of(model)
        shown = [f"x{j}" for j in range(X.shape[1])] if names is None else names
        path = walk.path(given, labels.classes, tuple(str(name) for name in shown))
        path = replace(path, encoder=model.encoder_)
    _warn_of_gaps(path, float(tol))
    return path


def _warn_of_gaps(path: Path, tol: float) -> None:
    late = np.flatnonzero(~(path.gaps <= _ALMOST * tol))  # NaN is late as well
    if late.size:
        warnings.warn(
            f"{late.size} of {path.gaps.size} penalties were not proved to be within tol={tol:.1e} "
            f"of their minimum (the worst is within {path.gaps.max():.1e} nats per unit of weight, "
            f"the largest is lambdas[{late[0]}]={path.lambdas[late[0]]:.2g}, see gaps); leave out "
            "the smallest lambdas, or raise tol.",
            ConvergenceWarning,
            stacklevel=3,
        )


class _Walk:
    """A path over one objective."""

    def __init__(self, objective: Objective, ratio: float, tol: float) -> None:
        self._objective, self._ratio, self._tol = objective, ratio, tol
        self._descent = CoordinateDescent(objective)
        weight = objective.weight
        kinks = replace(objective, l1=weight).penalty
        self._null = self._descent.settle(kinks, _NULL_TOL * weight).here
        _, self._gradient = null_fit(self._descent, kinks, _NULL_TOL * weight)
        share = max(ratio, _LEAST_SHARE)
        # Where no column says anything, every penalty is as good.
        self.largest = (largest_lambda(kinks, self._gradient) or 1.0) / share

    def _penalty(self, strength: float) -> Penalty:
        total = strength * self._objective.weight
        l1, l2 = self._ratio * total, (1.0 - self._ratio) * total
        return replace(self._objective, l1=l1, l2=l2).penalty

    def path(self, lambdas: Array, classes: Any, names: tuple[str, ...]) -> Path:
        """Fit for each of the penalties, which descend."""
        objective, weight = self._objective, self._objective.weight
        penalties = [self._penalty(float(strength)) for strength in lambdas]
        steps = stations(self._descent, penalties, lambda _: self._tol * weight, self._gradient)
        found = [self._shown(step, penalties[step.index]) for step in steps]
        coefs, intercepts, values, gaps, losses = (
            np.stack(part) for part in zip(*found, strict=True)
        )
        counts = np.count_nonzero(coefs.reshape(len(found), -1), axis=1)
        binary = objective.width == 1
        null = self._null.value / weight
        source: Any = objective.source
        return Path(
            lambdas=np.asarray(lambdas),
            coefs=coefs[:, 0] if binary else coefs,
            intercepts=intercepts[:, 0] if binary else intercepts,
            objectives=values,
            gaps=gaps,
            degrees_of_freedom=counts,
            deviance_explained=1.0 - losses / null if null > 0 else np.zeros(len(found)),
            classes=classes,
            l1_ratio=self._ratio,
            n_passes=source.passes,
            feature_names=names,
        )

    def _shown(self, step: Station, penalty: Penalty) -> tuple[Array, Array, float, float, float]:
        """Coefficients, intercepts, objective, gap and loss as the user gets them."""
        weight = self._objective.weight
        w, b = self._objective.to_user(step.coef)
        value = (step.loss + penalty.value(step.coef)) / weight
        return w.T, b, value, max(step.gap / weight, 2.0**-52), step.loss / weight
