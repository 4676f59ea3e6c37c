"""A path of penalties as users get it, wherever its rows were."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.objective import Objective
from oddsmith.core.penalty import Penalty
from oddsmith.core.stable import Array
from oddsmith.errors import ConvergenceWarning
from oddsmith.estimators.table_encoder import TableEncoder
from oddsmith.solvers.path import Station, largest_lambda
from oddsmith.views.plots import plot_path

__all__ = [
    "NULL_TOL",
    "Path",
    "PathAsked",
    "Shown",
    "first_lambda",
    "late_gaps",
    "path_of",
    "shown",
    "spaced_lambdas",
]

# Share of l1 that stands for none where the largest penalty is looked for, as in glmnet.
_LEAST_SHARE = 1e-3
# Smallest penalty relative to the largest, for more rows than columns and for fewer.
_TALL_RATIO, _WIDE_RATIO = 1e-4, 1e-2
# Gap per unit of weight at which what is not penalised rests.
NULL_TOL = 2.0**-46
# Times tol at which a walk ends already.
_ALMOST = 1.02
# Coefficients (K, p), intercepts (K,), objective, gap and loss, per unit of weight.
Shown = tuple[Array, Array, float, float, float]


@dataclass(frozen=True, slots=True)
class PathAsked:
    """Which path is asked for, checked.

    Attributes
    ----------
    ratio : float
        Share of the L1 penalty.
    lambdas : array of shape (m,), or None
        From large to small.
    n_lambdas : int
    lambda_ratio : float or None
    tol : float
        Gap to reach (nats per unit of weight).
    """

    ratio: float
    lambdas: Array | None
    n_lambdas: int
    lambda_ratio: float | None
    tol: float


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


def first_lambda(kinks: Penalty, gradient: Array, ratio: float) -> float:
    """Give the smallest penalty that holds all coefficients at 0.

    Parameters
    ----------
    kinks : Penalty
        With an l1 of the weight of all rows.
    gradient : array of shape (size,)
        Of the losses, where only what is not penalised is fitted.
    ratio : float
        Share of the L1 penalty.
    """
    # Where no column says anything, every penalty is as good.
    return (largest_lambda(kinks, gradient) or 1.0) / max(ratio, _LEAST_SHARE)


def spaced_lambdas(
    largest: float, shape: tuple[int, int], count: int, lambda_ratio: float | None
) -> Array:
    """Space penalties evenly in the logarithm, from the largest on.

    Examples
    --------
    >>> spaced_lambdas(1.0, (10, 2), 3, None).round(5)
    array([1.e+00, 1.e-02, 1.e-04])
    """
    least = lambda_ratio or (_WIDE_RATIO if shape[0] < shape[1] else _TALL_RATIO)
    return largest * np.logspace(0.0, np.log10(least), count)


def late_gaps(path: Path, tol: float) -> list[tuple[type[UserWarning], str]]:
    """Say how many penalties were not proved, if any was not."""
    late = np.flatnonzero(~(path.gaps <= _ALMOST * tol))  # NaN is late as well
    if not late.size:
        return []
    return [
        (
            ConvergenceWarning,
            f"{late.size} of {path.gaps.size} penalties were not proved to be within tol={tol:.1e} "
            f"of their minimum (the worst is within {path.gaps.max():.1e} nats per unit of weight, "
            f"the largest is lambdas[{late[0]}]={path.lambdas[late[0]]:.2g}, see gaps); leave out "
            "the smallest lambdas, or raise tol.",
        )
    ]


def shown(objective: Objective, step: Station, penalty: Penalty) -> Shown:
    """Coefficients, intercepts, objective, gap and loss as the user gets them."""
    weight = objective.weight
    w, b = objective.to_user(step.coef)
    value = (step.loss + penalty.value(step.coef)) / weight
    return w.T, b, value, max(step.gap / weight, 2.0**-52), step.loss / weight


def path_of(
    objective: Objective,
    found: Sequence[Shown],
    lambdas: Array,
    ratio: float,
    classes: Any,
    names: tuple[str, ...],
    null: float,
) -> Path:
    """Put a path together.

    Parameters
    ----------
    objective : Objective
        Over a source that counts its passes.
    found : sequence of Shown
    lambdas : array of shape (m,)
    ratio : float
    classes : array of shape (K,)
    names : tuple of str
    null : float
        Loss of the intercepts alone (nats).
    """
    coefs, intercepts, values, gaps, losses = (np.stack(part) for part in zip(*found, strict=True))
    binary, mean = objective.width == 1, null / objective.weight
    source: Any = objective.source
    return Path(
        lambdas=np.asarray(lambdas),
        coefs=coefs[:, 0] if binary else coefs,
        intercepts=intercepts[:, 0] if binary else intercepts,
        objectives=values,
        gaps=gaps,
        degrees_of_freedom=np.count_nonzero(coefs.reshape(len(found), -1), axis=1),
        deviance_explained=1.0 - losses / mean if mean > 0 else np.zeros(len(found)),
        classes=classes,
        l1_ratio=ratio,
        n_passes=source.passes,
        feature_names=names,
    )
