"""Inference of a fitted model: `LogisticRegression.infer`."""

import math
import warnings
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from oddsmith.core.block import CountedSource
from oddsmith.core.fit import Fit
from oddsmith.core.stable import Array
from oddsmith.engines.threads import OnDemand, Threads
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.door import (
    admit_columns,
    column_places,
    enter,
    is_collection,
    names_of,
    of_kept,
)
from oddsmith.estimators.inputs import row_offset, row_weights
from oddsmith.estimators.labels import Encoded, known_index
from oddsmith.estimators.likelihood import (
    Rows,
    admit_groups,
    check_kinds,
    fitted,
    in_unit,
    inferred,
    left_out,
    of_fit,
)
from oddsmith.estimators.parameters import column_limits, elastic_net, seed_of
from oddsmith.inference.bootstrap import Drawn, bootstrapped
from oddsmith.inference.likelihood import Likelihood
from oddsmith.inference.polish import distance, proof_at
from oddsmith.solvers.minimise import minimise
from oddsmith.solvers.newton import prove_by_hessian
from oddsmith.solvers.separation import separation
from oddsmith.views.bootstrap import BootstrapResults
from oddsmith.views.results import Results

__all__ = ["infer"]

# A fit within this many times what is proved of it is the fit of the rows given.
_SAME = 100.0
_LEAST_GAP = 1e-12


def infer(
    model: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    offset: Any,
    cov_type: str | None,
    groups: Any,
    weights_are: str,
    bootstrap: int | None,
    seed: Any,
) -> Results | BootstrapResults:
    """Inference of a fitted `LogisticRegression`, see its method `infer`."""
    check_is_fitted(model)
    penalty = _penalty(model)
    kind = check_kinds(cov_type, weights_are, groups)
    if bootstrap is None:
        _refuse_what_is_no_likelihood(model, penalty, weights_are)
    if is_collection(X):
        on_dask = import_module("oddsmith.estimators.dask_scores").infer_collection
        found, said = on_dask(model, X, y, sample_weight, offset, kind, weights_are, bootstrap)
        for category, message in said:
            warnings.warn(message, category, stacklevel=3)
        return found
    rows = replace(_rows(model, X, y, sample_weight, offset, groups), weights=weights_are)
    if bootstrap is not None:
        return _bootstrap(model, rows, penalty, bootstrap, seed)
    rows = in_unit(rows)
    likelihood, fit = _likelihood(model, left_out(rows))
    return inferred(rows, likelihood, fit, kind, stacklevel=4)


def _penalty(model: Any) -> str:
    """Say what keeps the coefficients from those of maximum likelihood; "" if nothing does."""
    l1, l2 = elastic_net(model.C, model.l1_ratio, model.penalty)
    if l1 > 0 or l2 > 0:
        return f"penalised (C={model.C:g}, l1_ratio={model.l1_ratio:g})"
    limits = (model.penalty_factors, model.lower_bounds, model.upper_bounds)
    return "" if all(limit is None for limit in limits) else "bounded, or has columns left out"


def _refuse_what_is_no_likelihood(model: Any, penalty: str, weights_are: str) -> None:
    if penalty:
        raise ParameterError(
            f"this fit is {penalty}, and standard errors and p values are those of maximum "
            "likelihood, from which that moves the coefficients: fit with C=numpy.inf alone, or "
            "ask for infer(..., bootstrap=200, seed=0), percentile intervals without p values."
        )
    if model.class_weight is not None and weights_are != "sampling":
        raise ParameterError(
            f"class_weight={model.class_weight!r} multiplies the rows' weights, which then say no "
            "longer how often a row was seen: fit without it, or give weights_are='sampling'."
        )


def _rows(model: Any, X: Any, y: Any, sample_weight: Any, offset: Any, groups: Any) -> Rows:
    X, y, kept = enter(model, X, y, reset=False)
    classes = model.classes_
    index = known_index(y, classes, X.shape[0], "y", "the y of the fit")
    labels = Encoded(classes, index)
    n, K = index.size, classes.size
    known = names_of(model)
    numbered = (f"x{j}" for j in range(1, X.shape[1] + 1))
    return Rows(
        X,
        labels,
        tuple(numbered) if known is None else tuple(str(name) for name in known),
        row_weights(of_kept(kept, sample_weight), model.class_weight, labels),
        row_offset(of_kept(kept, offset), n, 1 if K == 2 else int(K)),
        admit_groups(of_kept(kept, groups), n),
        bool(model.fit_intercept),
        target=getattr(model, "target_", None) or "y",
        counted=kept,
    )


def _likelihood(model: Any, rows: Rows) -> tuple[Likelihood, Fit]:
    """Likelihood at the model's own coefficients: two passes, and no walk where that is regular."""
    task = rows.task(float(model.tol))
    source = CountedSource(OnDemand(rows.blocks(), model.n_jobs))
    columns = admit_columns(model, source, rows.X, rows.width, penalised=False)
    w, b = model.coef_.T.copy(), model.intercept_.copy()
    likelihood = of_fit(rows, columns, w, b, task, model.n_jobs)
    proved = getattr(model, "optimality_gap_", float("nan"))
    allowed = _SAME * np.fmax(np.fmax(proved, model.tol), _LEAST_GAP)
    if likelihood.factor is None or not likelihood.factor.good:
        # Something is wrong with the rows: the walk says what.
        before = likelihood.moments.value / likelihood.moments.weight
        likelihood, fit = fitted(
            rows, lambda _: columns, "auto", float(model.tol), None, model.n_jobs
        )
        _refuse_other_rows(before - fit.objective, allowed)
        return likelihood, fit
    moments = likelihood.moments
    _refuse_other_rows(distance(likelihood) / moments.weight, allowed)
    gap = proved if math.isfinite(proved) else math.inf
    fit = Fit(
        w,
        b,
        model.solver_,
        int(model.n_iter_[0]),
        int(getattr(model, "n_passes_", 0)),
        moments.value / moments.weight,
        gap,
        float(model.tol),
        model.history_,
        _separated(likelihood),
        (),
        "converged" if gap <= model.tol else _stopped(model),
    )
    return likelihood, fit


def _stopped(model: Any) -> str:
    return "max_iter" if int(model.n_iter_[0]) == model.max_iter else "stalled"


def _separated(likelihood: Likelihood) -> str | None:
    """Whether the classes can be separated: a model does not keep what its fit said of that."""
    if proof_at(likelihood) is not None:
        return None
    objective, coef = likelihood.objective, likelihood.coef
    with np.errstate(over="ignore", invalid="ignore"):
        return separation(objective, coef, prove_by_hessian(objective, coef))


def _refuse_other_rows(left: float, allowed: float) -> None:
    if left <= allowed:
        return
    raise DataError(
        f"at these rows the coefficients are about {left:.2g} nats per unit of weight above the "
        "minimum, farther than the fit was from its own: give the rows, weights and offset that "
        "it was fitted to, or fit to these."
    )


def _bootstrap(model: Any, rows: Rows, penalty: str, count: Any, seed: Any) -> BootstrapResults:
    if isinstance(count, bool) or not hasattr(count, "__index__") or count < 2:
        raise ParameterError(
            f"bootstrap={count!r} is not a number of samples; give 2 or more, such as 200."
        )
    rows = left_out(rows)
    l1, l2 = elastic_net(model.C, model.l1_ratio, model.penalty)
    limits = column_limits(
        model.penalty_factors,
        model.lower_bounds,
        model.upper_bounds,
        rows.X.shape[1],
        lambda: column_places(model),
    )
    start = (model.coef_.T.copy(), model.intercept_.copy())

    def refit(weight: Array) -> Array:
        drawn = left_out(replace(rows, weight=weight))
        task = replace(
            drawn.task(float(model.tol), model.max_iter), l1=l1, l2=l2, limits=limits, start=start
        )
        with Threads(drawn.blocks(), model.n_jobs) as threads:
            source = CountedSource(threads)
            columns = admit_columns(model, source, drawn.X, drawn.width, penalised=l1 + l2 > 0)
            fit = minimise(source, columns, "auto", task)
        return _flat(fit.coef, fit.intercept, rows.intercept)

    drawn = Drawn(rows.labels.index, rows.weight, rows.group)
    samples, redrawn = bootstrapped(refit, drawn, int(count), seed_of(seed))
    K = rows.width
    names = ((rows.intercept_name,) if rows.intercept else ()) + rows.names
    labels = (None,) if K == 1 else tuple(rows.labels.classes.tolist())
    return BootstrapResults(
        names * K,
        tuple(label for label in labels for _ in names),
        _flat(*start, rows.intercept),
        samples,
        redrawn,
        penalty or "not penalised",
    )


def _flat(w: Array, b: Array, intercept: bool) -> Array:
    """Parameters equation by equation, the intercept first, from (p, K) and (K,)."""
    table = np.vstack([b[None, :], w]) if intercept else w
    return table.T.ravel()
