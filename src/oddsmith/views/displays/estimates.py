"""Coefficients with their intervals, from whatever has them: results, a model, a stored model."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtri

from oddsmith.core.stable import Array
from oddsmith.decisions.uncertainty import checked_level
from oddsmith.errors import ParameterError
from oddsmith.views.displays.parts import column_names, part_with

__all__ = ["Estimates", "estimates_of", "of_results"]

# Standard errors by which parameters of one fit may differ.
_SAME = 1e-3
# Names of intercepts in results.
_CONSTANT = ("const", "Intercept")


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Coefficients of p columns in E margins.

    Attributes
    ----------
    names : list of p str
    coefficient : array of shape (p, E)
        Log-odds (nats per unit of the column).
    lower, upper, standard_error : arrays of shape (p, E), or None
    classes : list of E labels
    reference : label or None
        What the log-odds are against; None where there is one margin a class.
    intervals : str or None
        What the intervals are.
    """

    names: list[str]
    coefficient: Array
    lower: Array | None
    upper: Array | None
    standard_error: Array | None
    classes: list[Any]
    reference: Any
    intervals: str | None


def of_results(
    results: Any, level: float = 0.95, intercept: bool = False, columns: int | None = None
) -> Estimates:
    """Coefficients and intervals of an `Inference`, or of bootstrap samples.

    Of samples alone it is not known whether the first parameter is an intercept, unless `columns`
    says how many columns there are: its name decides.

    Raises
    ------
    ParameterError
        If they are neither.
    """
    checked_level(level)
    if hasattr(results, "samples"):
        return _of_samples(results, level, intercept, columns)
    if not hasattr(results, "conf_int") or not hasattr(results, "column_names"):
        raise ParameterError(
            f"results are a {type(results).__name__}; give what infer or oddsmith.logit returns."
        )
    names = list(results.column_names)
    first = 0 if intercept else len(names) - len(results.columns)
    E = len(results.classes) - 1

    def table(flat: Array) -> Array:
        return np.asarray(flat, dtype=float).reshape(E, len(names)).T[first:]

    interval = results.conf_int(1.0 - level)
    by = "Wald" if results.cov_type == "nonrobust" else f"Wald, {results.cov_type}"
    by = "profile" if hasattr(results, "prior") else by
    return Estimates(
        [str(name) for name in names[first:]],
        table(results.params),
        table(interval[:, 0]),
        table(interval[:, 1]),
        table(results.bse),
        list(results.classes[1:]),
        results.classes[0],
        f"{100 * level:.4g}% intervals ({by})",
    )


def _of_samples(results: Any, level: float, intercept: bool, columns: int | None) -> Estimates:
    """Percentiles of samples: of more than two classes those of contrasts with the first."""
    labels = list(dict.fromkeys(results.equations))
    E = len(labels)
    names = [str(name) for name in results.names[: len(results.names) // E]]
    values = np.vstack([results.params[None, :], results.samples]).reshape(-1, E, len(names))
    if E > 1:
        values = values[:, 1:] - values[:, :1]
    constants = int(names[0] in _CONSTANT) if columns is None else len(names) - columns
    first = 0 if intercept else constants
    values = values[:, :, first:].transpose(0, 2, 1)
    ends = np.quantile(values[1:], [0.5 * (1.0 - level), 0.5 * (1.0 + level)], axis=0)
    return Estimates(
        names[first:],
        values[0],
        ends[0],
        ends[1],
        values[1:].std(axis=0, ddof=1),
        labels[1:] if E > 1 else [None],
        labels[0] if E > 1 else None,
        f"{100 * level:.4g}% percentile intervals of {len(results.samples):,} samples",
    )


def estimates_of(
    estimator: Any, results: Any = None, level: float = 0.95, intercept: bool = False
) -> Estimates:
    """Coefficients of a fitted linear classifier, with intervals where it has them.

    Raises
    ------
    ParameterError
        If it has no coefficients, or the results are of another fit.
    """
    checked_level(level)
    part = part_with(estimator, "coef_")
    results = getattr(part, "results_", None) if results is None else results
    names, known = column_names(estimator, part)
    if results is None:
        return _of_coef(part, names, level, intercept)
    p = len(names)
    _refuse_other(part, of_results(results, level, columns=p))
    found = of_results(results, level, intercept, p)
    classes = part.classes_.tolist()
    if len(classes) == 2:
        found = replace(found, classes=classes[1:], reference=classes[0])
    return replace(found, names=[*found.names[: len(found.names) - p], *names]) if known else found


def _refuse_other(part: Any, found: Estimates) -> None:
    """Raise if results are not of the coefficients of this model."""
    coef = np.atleast_2d(part.coef_)
    own = (coef if coef.shape[0] == 1 else coef[1:] - coef[0]).T
    same = own.shape == found.coefficient.shape
    if same:
        error = np.ones(own.shape) if found.standard_error is None else found.standard_error
        error = np.where(error > 0, error, 1.0)
        away = np.abs(own - found.coefficient) / error
        same = bool((np.isnan(away) | (away < _SAME)).all())
    if not same:
        raise ParameterError(
            "results are of another fit: their parameters are not those of this model; give what "
            "its infer(X, y) returns."
        )


def _of_coef(part: Any, names: list[str], level: float, intercept: bool) -> Estimates:
    """`coef_`, with Wald's intervals where there is a covariance (of a stored model)."""
    coef, constant = np.atleast_2d(part.coef_).T, np.ravel(part.intercept_)[None, :]
    classes = np.asarray(part.classes_).tolist()
    covariance = getattr(part, "covariance_", None)
    error = None
    if covariance is not None:
        if coef.shape[1] > 1:
            coef, constant = coef[:, 1:] - coef[:, :1], constant[:, 1:] - constant[:, :1]
        p, E = coef.shape
        flat = np.sqrt(np.diag(covariance))
        error = flat[: p * E].reshape(E, p).T
        if intercept:
            error = np.vstack([flat[None, p * E :], error])
    value = np.vstack([constant, coef]) if intercept else coef
    whole = len(classes) > 2 and covariance is None
    half = None if error is None else float(-ndtri(0.5 * (1.0 - level))) * error
    return Estimates(
        ["intercept", *names] if intercept else names,
        value,
        None if half is None else value - half,
        None if half is None else value + half,
        error,
        classes if whole else classes[1:],
        None if whole else classes[0],
        None if half is None else f"{100 * level:.4g}% intervals (Wald)",
    )
