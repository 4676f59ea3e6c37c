"""A fitted classifier as a `Model`: what its class has is stated, and all else is left open."""

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

import oddsmith
from oddsmith.core.stable import Array
from oddsmith.errors import ModelFileError, ParameterError
from oddsmith.estimators.parameters import elastic_net
from oddsmith.export.provenance import Certificate, Training
from oddsmith.export.rule import plain_label
from oddsmith.export.schema import Model, plain_encoding

__all__ = ["contrasts_of", "describe"]


def describe(model: Any, written_at: str | None = None, covariance: Any = None) -> Model:
    """Describe a fitted linear classifier as a document.

    Parameters
    ----------
    model : LinearClassifier
    written_at : str, optional
        Time in UTC.
    covariance : array of shape (m, m), or what `infer` returns, optional
        See `oddsmith.export.schema.Model`.

    Raises
    ------
    ParameterError
        If something of it has no place in a file, such as labels that are dates.
    """
    check_is_fitted(model)
    names = getattr(model, "feature_names_in_", None)
    encoder = getattr(model, "encoder_", None)
    encoding = None if encoder is None else encoder.encoding_
    if encoding is None:
        p = model.coef_.shape[1]
        given = [f"x{j}" for j in range(p)] if names is None else list(names)
        encoding = plain_encoding(given, getattr(model, "_booleans", ()))
    labels = tuple(plain_label(label) for label in model.classes_.tolist())
    named = names is not None
    try:
        bare = Model(
            encoding,
            named,
            labels,
            getattr(model, "target_", None),
            model.coef_,
            model.intercept_,
            _training(model, written_at),
            _certificate(model),
        )
        if covariance is None:
            return bare
        return Model(
            encoding,
            named,
            labels,
            bare.target,
            bare.coef,
            bare.intercept,
            bare.training,
            bare.certificate,
            contrasts_of(covariance, bare),
        )
    except ModelFileError as error:
        raise ParameterError(f"the model cannot be written ({error}); change it before") from None


def contrasts_of(covariance: Any, model: Model) -> Array:
    """Covariance in the order of a file, from an array in that order or from an inference.

    Raises
    ------
    ParameterError
        If it is not of this model.
    """
    if not hasattr(covariance, "cov_params"):
        try:
            given = np.array(covariance, dtype=np.float64)
        except (TypeError, ValueError):
            raise ParameterError(
                f"covariance is of type {type(covariance).__name__}; give what infer returns, or "
                "a square array of numbers"
            ) from None
        if given.ndim != 2 or given.shape[0] != given.shape[1]:
            raise ParameterError(f"covariance has shape {given.shape}; give a square array")
        return _symmetric(given)
    return _symmetric(_of_inference(covariance, model))


def _of_inference(found: Any, model: Model) -> Array:
    """Parameters of an inference are ordered equation by equation, the intercept first."""
    q, equations = model.encoding.width, len(model.classes) - 1
    table = np.asarray(found.cov_params(), dtype=np.float64)
    first = table.shape[0] - equations * q == equations  # an intercept in each equation
    length = q + first
    same = table.shape == (equations * length,) * 2
    coef = np.full((equations, length), np.nan)
    if same:
        own = model.coef if len(model.classes) == 2 else model.coef[1:] - model.coef[0]
        coef = np.asarray(found.params, dtype=np.float64).reshape(equations, length)[:, first:]
        known = ~np.isnan(coef)
        away = np.abs(coef - own)[known] / _errors(table, equations, length, first)[known]
        same = bool((away < _SAME).all())
    if not same:
        raise ParameterError(
            "covariance is of another fit: its parameters are not those of this model; give what "
            "model.infer(X, y) returns"
        )
    places = np.arange(equations * length).reshape(equations, length)
    order = np.concatenate([places[:, first:].ravel(), places[:, 0] if first else []])
    whole = np.full((equations * (q + 1),) * 2, np.nan)
    order = order.astype(np.intp)
    whole[: order.size, : order.size] = table[np.ix_(order, order)]
    return whole


# Standard errors by which parameters of one fit may differ.
_SAME = 1e-3


def _errors(table: Array, equations: int, length: int, first: bool) -> Array:
    errors = np.sqrt(np.diag(table)).reshape(equations, length)[:, first:]
    return np.where(errors > 0, errors, 1.0)


def _symmetric(covariance: Array) -> Array:
    """Mean of both triangles, which rounding keeps a digit or two apart."""
    scale = np.sqrt(np.abs(np.diag(covariance)))
    with np.errstate(invalid="ignore"):
        apart = np.abs(covariance - covariance.T) / np.outer(scale, scale)
    if np.any(apart > 1e-6):
        row, column = np.unravel_index(int(np.nanargmax(apart)), apart.shape)
        raise ParameterError(
            f"covariance is not symmetric: its entries {int(row)}, {int(column)} and "
            f"{int(column)}, {int(row)} (from 0) differ; give a covariance"
        )
    lower = np.tril(0.5 * covariance + 0.5 * covariance.T)
    return lower + np.tril(lower, -1).T


def _training(model: Any, written_at: str | None) -> Training:
    own = vars(model)
    C, ratio, penalty = _penalty(model)
    record = own.get("_record", {})
    return Training(
        estimator=type(model).__name__,
        rows=record.get("rows"),
        weight=record.get("weight"),
        C=C,
        l1_ratio=ratio,
        penalty=penalty,
        solver=own.get("solver_"),
        iterations=_whole(np.ravel(own["n_iter_"])[0]) if "n_iter_" in own else None,
        passes=_whole(own.get("n_passes_")),
        written_at=written_at,
        version=oddsmith.__version__,
        warnings=record.get("warnings"),
    )


def _penalty(model: Any) -> tuple[float | None, float | None, str | None]:
    """C, l1_ratio and name of the penalty; None of what the class has not."""
    if hasattr(model, "prior"):
        return None, None, str(model.prior)
    C, ratio = getattr(model, "C_", None), getattr(model, "l1_ratio_", None)
    if C is None and hasattr(model, "C"):
        l1, l2 = elastic_net(model.C, model.l1_ratio, model.penalty)
        C = float(model.C) if l1 > 0 or l2 > 0 else math.inf
        # A penalty by name overrules the ratio.
        ratio = float(l1 > 0) if l1 == 0 or l2 == 0 else float(model.l1_ratio)
    if C is None or ratio is None:
        return None, None, None
    if math.isinf(C):
        return math.inf, float(ratio), "none"
    name = "l2" if ratio == 0 else "l1" if ratio == 1 else "elasticnet"
    return float(C), float(ratio), name


def _certificate(model: Any) -> Certificate:
    own, names = vars(model), model.coef_names_
    gap = own.get("optimality_gap_")
    record = own.get("_record", {})
    aliased = record.get("aliased")
    converged = own.get("converged_")
    return Certificate(
        objective=_finite(own.get("objective_")),
        optimality_gap=None if gap is None or math.isnan(gap) else float(gap),
        tol=_number(own.get("tol")),
        converged=None if converged is None else bool(converged),
        separated=record.get("separated"),
        aliased=None if aliased is None else tuple(str(names[j]) for j in aliased),
    )


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
