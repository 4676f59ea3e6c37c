"""Inference of a fit whose rows are gone afterwards: what it needs of them is summed at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from oddsmith.estimators.parameters import elastic_net
from oddsmith.estimators.training import Training, Walked
from oddsmith.inference.covariance import covariance_of
from oddsmith.inference.diagnosis import diagnose
from oddsmith.inference.likelihood import CovarianceKind, Likelihood
from oddsmith.inference.nested import nested, null_log_likelihood
from oddsmith.inference.polish import polished
from oddsmith.solvers.minimise import objective_of
from oddsmith.views.complaints import inference_complaints, lost_variances
from oddsmith.views.results import Results

__all__ = ["is_likelihood", "results_of"]


def is_likelihood(model: Any) -> bool:
    """Whether a `LogisticRegression` maximises the likelihood, so that its errors are known."""
    limits = (model.penalty_factors, model.lower_bounds, model.upper_bounds)
    free = elastic_net(model.C, model.l1_ratio, model.penalty) == (0.0, 0.0)
    return free and model.class_weight is None and all(limit is None for limit in limits)


def results_of(
    model: Any,
    walk: Walked,
    rows: Training,
    kind: CovarianceKind = "nonrobust",
    names: Sequence[str] | None = None,
) -> tuple[Results, list[tuple[Any, str]]]:
    """Inference that needs no rows afterwards, and what there is to warn of.

    The coefficients of the model become those of the inference, which is right to more digits.
    """
    objective, _ = objective_of(walk.source, walk.columns, walk.task)
    fit = walk.fit
    names = tuple(model.coef_names_.tolist() if names is None else names)
    likelihood = Likelihood(
        objective,
        objective.from_user(fit.coef, fit.intercept),
        names,
        tuple(rows.classes.tolist()),
        sparse=rows.sparse,
    )
    if fit.aliased:
        kept = [j for j in range(len(names)) if j not in fit.aliased]
        likelihood, again = nested(
            likelihood, kept, intercept=bool(model.fit_intercept), tol=float(model.tol)
        )
        fit = replace(again, aliased=fit.aliased, n_passes=fit.n_passes + again.n_passes)
    likelihood, fit = polished(likelihood, fit)
    hessian = None if fit.aliased or fit.separated else likelihood.hessian
    found = diagnose(
        objective if fit.aliased else likelihood.objective,
        objective.from_user(walk.fit.coef, walk.fit.intercept) if fit.aliased else likelihood.coef,
        fit,
        names,
        likelihood.classes,
        hessian=hessian,
    )
    covariance = covariance_of(likelihood, kind)
    complaints = inference_complaints(likelihood, fit, names, found)
    complaints += lost_variances(likelihood, covariance, kind)
    result = Results(
        likelihood.without_rows(),
        fit,
        kind,
        covariance,
        null_log_likelihood(likelihood),
        names,
        fit.aliased or (),
        model.target_ or "y",
        tuple(message for _, message in complaints),
    )
    return result, [(kind, message) for kind, message in complaints if kind is not None]
