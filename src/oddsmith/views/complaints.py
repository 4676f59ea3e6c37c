"""Every warning that a fit deserves, in words."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from oddsmith.core.fit import Fit
from oddsmith.core.labels import column_name, listed, quoted
from oddsmith.core.stable import Array
from oddsmith.errors import (
    CollinearityWarning,
    ConvergenceWarning,
    OddsmithWarning,
    SeparationWarning,
)
from oddsmith.inference.diagnosis import Diagnosis
from oddsmith.inference.likelihood import Likelihood

__all__ = ["complaints", "inference_complaints", "lost_variances"]


def complaints(
    fit: Fit, names: Any = None, diagnoses: Iterable[Diagnosis] = ()
) -> list[tuple[type[UserWarning], str]]:
    """List the warnings that a fit deserves: what was found, and what to do.

    Parameters
    ----------
    fit : Fit
    names : sequence of str, or None
        Names of the columns, which are numbered if there are none.
    diagnoses : iterable of Diagnosis
        What the rows say of separation and collinearity.

    Returns
    -------
    list of (category, message)
    """
    findings = {one.kind: one.finding for one in diagnoses}
    found: list[tuple[type[UserWarning], str]] = []
    if fit.aliased:
        message = _collinearity(fit.aliased, fit.coef.shape[0], names, findings.get("aliased"))
        found.append((CollinearityWarning, message))
    if fit.aliased is None:
        found.append(
            (
                CollinearityWarning,
                f"with {fit.coef.size} coefficients and no penalty, columns that are linear "
                "combinations of others were not looked for: if there are any, these "
                "coefficients are one of many choices; give a finite C to make them unique.",
            )
        )
    if fit.separated is not None:
        found.append((SeparationWarning, _separation(fit, findings.get("separation"))))
    # Whoever asked to stop early did not ask for the minimum.
    if not fit.converged and (fit.stopped != "early" or fit.steady_rate is not None):
        found.append((ConvergenceWarning, _no_convergence(fit)))
    return found


def _collinearity(columns: tuple[int, ...], width: int, names: Any, equations: str | None) -> str:
    aliased = listed([column_name(names, j) for j in columns])
    # A bare number would be taken for a count.
    where = "" if names is not None else " (from 0)"
    how = "" if equations is None else f": {equations}"
    what, each = ("columns", "each ") if len(columns) > 1 else ("column", "")
    return (
        f"{what} {aliased}{where} of {width} can {each}be written as a linear "
        f"combination of those before (and the intercept){how}, so the coefficients are not "
        "unique: those of least norm are returned; drop the columns named, or give a finite C."
    )


def _separation(fit: Fit, finding: str | None) -> str:
    proved = (
        "; what is proved is the distance from the infimum, which no finite coefficients reach"
        if fit.converged
        else ""
    )
    return (
        f"{_separating(fit, finding)}, so the unpenalised coefficients have no finite "
        f"optimum; they grow with every iteration, stopped here after {fit.n_iter}{proved}: "
        "give a finite C (a ridge penalty), or use FirthLogisticRegression."
    )


def _no_convergence(fit: Fit) -> str:
    cause, advice = _cause(fit)
    least = "minimum" if fit.separated is None else "infimum"
    return (
        f"the fit stopped after {fit.n_iter} iterations of {fit.solver} at an objective "
        f"proved to be within {fit.gap:.2g} nats per unit of weight of the {least}, and "
        f"tol={fit.tol:.2g} was asked for: {cause}; {advice}."
    )


# Gaps (nats per unit of weight) beyond this are not left by rounding alone.
_ROUNDING = 1e-8


def _cause(fit: Fit) -> tuple[str, str]:
    if fit.stopped == "diverged" or fit.steady_rate is not None:
        return (
            "the objective rose, as the learning rate is too large for these columns",
            _smaller_rate(fit.steady_rate),
        )
    if fit.stopped == "max_iter":
        return "max_iter was reached", _more_iterations(fit)
    if fit.gap > _ROUNDING:
        return "no step leads further", "lower C, or give columns like scales"
    return (
        "rounding leaves nothing to gain",
        "subtract a constant from columns far from zero, or raise tol",
    )


def _smaller_rate(steady: float | None) -> str:
    lower = "lower it"
    if steady is not None:
        exponent = math.floor(math.log10(steady)) - 1
        # Rounded down to two digits: a larger one may be too large.
        lower = f"learning_rate={math.floor(steady * 10.0**-exponent) * 10.0**exponent:.2g} works"
    return f"{lower}; or use standardize=True, or solver='auto'"


def _more_iterations(fit: Fit) -> str:
    if fit.solver == "gradient-descent":
        return (
            "raise epochs (or max_iter; batches hover above the minimum until a schedule lets them "
            "settle), or use solver='auto'"
        )
    # The best that 'auto' has to offer is what ran.
    more = "" if fit.solver == "newton-cholesky" else ", or use solver='auto'"
    return f"raise max_iter{more}"


def lost_variances(
    likelihood: Likelihood, covariance: Array, kind: str
) -> list[tuple[type[UserWarning] | None, str]]:
    """List the warning that robust standard errors deserve where rounding has left none.

    Parameters
    ----------
    likelihood : Likelihood
    covariance : array of shape (m, m)
        Of that kind.
    kind : str

    Returns
    -------
    list of (category, message)
    """
    plain = np.isfinite(np.diag(likelihood.covariance))
    lost = np.isnan(np.diag(covariance)) & plain
    # With no more rows than parameters there is no such spread, which other words say.
    if kind == "nonrobust" or not lost.any() or likelihood.nobs <= len(plain):
        return []
    names = listed(
        [quoted(n) for n, gone in zip(likelihood.parameter_names, lost, strict=True) if gone]
    )
    return [
        (
            OddsmithWarning,
            f"standard errors of {names} by cov_type={kind!r} are NaN: nearly all rows are "
            "predicted with certainty or columns nearly depend on each other, so that rounding "
            "leaves none of their digits, or a row alone decides a coefficient (leverage 1); use "
            "cov_type='nonrobust', or drop columns.",
        )
    ]


def inference_complaints(
    likelihood: Likelihood, fit: Fit, names: Any, diagnoses: Iterable[Diagnosis] = ()
) -> list[tuple[type[UserWarning] | None, str]]:
    """List the warnings that an inference deserves: what was found, and what to do.

    Parameters
    ----------
    likelihood : Likelihood
    fit : Fit
    names : sequence of str
        Of all columns, aliased ones too.
    diagnoses : iterable of Diagnosis
        What the rows say of separation and collinearity: they name columns where the fit cannot.

    Returns
    -------
    list of (category, message)
        The category is None where a summary mentions what nobody needs to be stopped by.
    """
    known = {one.kind: one for one in diagnoses}
    findings = {one.kind: one.finding for one in diagnoses}
    found: list[tuple[type[UserWarning] | None, str]] = []
    if fit.aliased:
        found.append((CollinearityWarning, _aliased(fit.aliased, names, findings.get("aliased"))))
    if "nearly aliased" in known and not fit.aliased:
        found.append((CollinearityWarning, known["nearly aliased"].message))
    if fit.separated is not None:
        found.append((SeparationWarning, _infinite(fit, findings.get("separation"))))
    elif likelihood.factor is None and "nearly aliased" not in known:
        found.append(
            (
                CollinearityWarning,
                "the information matrix is singular to rounding, so that standard errors are NaN: "
                "columns are very nearly linear combinations of others; drop some.",
            )
        )
    if not fit.converged:
        found.append((ConvergenceWarning, _no_convergence(fit)))
    if "few cases" in known:
        found.append((None, known["few cases"].message))
    if likelihood.fractional:
        found.append(
            (
                OddsmithWarning,
                "weights are not whole numbers, and were taken for numbers of times that a row "
                "was seen; if they say how many others a row stands for, its standard errors "
                "are wrong: give weights_are='sampling'.",
            )
        )
    return found


def _aliased(columns: tuple[int, ...], names: Any, equations: str | None) -> str:
    these = listed([column_name(names, j) for j in columns])
    several = len(columns) > 1
    how = "" if equations is None else f": {equations}"
    return (
        f"{'columns' if several else 'column'} {these} can {'each ' if several else ''}be written "
        f"as a linear combination of those before (and the intercept){how}; the data say "
        f"nothing of {'their coefficients' if several else 'its coefficient'}, which "
        f"{'are' if several else 'is'} NaN: drop {'them' if several else 'it'}."
    )


def _separating(fit: Fit, finding: str | None) -> str:
    """Say what is known of the separation, as a clause."""
    if finding is not None:
        return finding
    whole = "all rows" if fit.separated == "complete" else "some rows"
    return (
        f"the columns separate the classes ({fit.separated} separation: {whole} can be "
        "predicted without error)"
    )


def _infinite(fit: Fit, finding: str | None) -> str:
    return (
        f"{_separating(fit, finding)}, so that the likelihood rises for ever and some coefficients "
        "are infinite: their standard errors, z, p and intervals say nothing; use firth=True, "
        "or a ridge penalty: LogisticRegression(C=1)."
    )
