"""`oddsmith.compare`: fitted models of any library, side by side on the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier

from oddsmith.core.labels import listed, quoted
from oddsmith.core.stable import Array
from oddsmith.data.outcome import read_outcome
from oddsmith.decisions.comparison import Candidate, Comparison, compared
from oddsmith.decisions.costs import cost_matrix, decide, optimal_threshold
from oddsmith.decisions.outcomes import checked_probabilities, checked_weights
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.labels import known_index
from oddsmith.estimators.recalibration import innermost
from oddsmith.views.comparison import ComparisonResults

__all__ = ["compare"]


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows on which the models are compared."""

    X: Any
    classes: np.ndarray[Any, Any]
    index: np.ndarray[Any, np.dtype[np.integer[Any]]]

    @property
    def n(self) -> int:
        return self.index.size


@dataclass(frozen=True, slots=True, eq=False)
class _Costs:
    """Costs of decisions, shape (K, K), and by which threshold each model decides."""

    matrix: Array
    thresholds: Mapping[str, Any]


def compare(
    models: Mapping[str, Any],
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    cost: Any = None,
    threshold: Any = None,
    level: float = 0.95,
) -> ComparisonResults:
    """Compare models on the same rows: paired differences with intervals.

    Give rows that none of the models was fitted to, nor chosen by.

    Parameters
    ----------
    models : dict of str to classifier, or to array-like of shape (n,) or (n, K)
        At least two: fitted, of any library, with ``predict_proba`` and ``classes_``, which are
        matched by label; or probabilities, of the positive class (the second label, sorted) or of
        each class in sorted order. Differences are of each pair, the first against each other one
        first.
    X : array or data frame of shape (n, p)
        None where only probabilities are compared.
    y : array-like of shape (n,)
    sample_weight : array-like of shape (n,), optional
        How much each row counts, in means and in their standard errors; a row of weight 2 is one
        row. Rows of weight 0 are left out.
    cost : dict or array-like of shape (K, K), optional
        ``{"fp": 1, "fn": 5}`` (also "tp" and "tn"), or ``cost[true, decided]``, of a row.
    threshold : float, "predict", dict of name to either, or None
        Probability from which on a model decides for the positive class, or its own ``predict``.
        None, or a model that the dict leaves out: ``predict`` if the model has a threshold of its
        own (`TunedThreshold`, scikit-learn's ``TunedThresholdClassifierCV`` and
        ``FixedThresholdClassifier``), else the least expected cost, which with two classes is the
        threshold fp / (fp + fn).
    level : float
        Of each interval.

    Returns
    -------
    Comparison
        With ``summary()``, ``to_frame()``; it prints and renders itself.

    Raises
    ------
    DataError
        If rows, labels or probabilities do not fit together.
    ParameterError
        If an argument cannot be used.

    Notes
    -----
    Log loss by the paired differences of rows, in nats; a probability of 0 of what happened makes
    it infinite and is not clipped (``predict_log_proba`` is asked where a model has it). AUC, of
    two classes, after DeLong, DeLong and Clarke-Pearson (1988). See `decisions.comparison`.

    Examples
    --------
    >>> y = [0, 1, 0, 1, 1, 0, 0, 1]
    >>> ours, theirs = [0.1, 0.9, 0.2, 0.25, 0.7, 0.3, 0.2, 0.8], [0.5] * 8
    >>> found = compare({"ours": ours, "constant": theirs}, None, y, cost={"fp": 1, "fn": 5})
    >>> [(one.measure, round(one.value, 3), round(one.upper, 3)) for one in found.differences]
    [('log_loss', -0.321, -0.029), ('auc', 0.438, 0.611), ('cost', -0.125, 0.12)]
    """
    _check_arguments(models, cost, threshold, level)
    rows = _rows(models, X, y)
    binary = rows.classes.size == 2
    weight = checked_weights(sample_weight, rows.n)
    costs, notes = None, []
    if cost is not None:
        costs = _Costs(cost_matrix(cost, rows.classes.size), _thresholds(models, threshold))
    candidates = []
    deciding: dict[str, list[str]] = {}
    for name, model in models.items():
        candidate, how = _candidate(str(name), model, rows, costs)
        candidates.append(candidate)
        if how is not None:
            deciding.setdefault(how, []).append(quoted(str(name)))
    for how, names in deciding.items():
        notes.append(f"{listed(names)} {'decides' if len(names) == 1 else 'decide'} {how}.")
    if weight is not None:
        notes.append("Rows count by their weights; each is one row in the standard errors.")
    kept = np.arange(rows.n) if weight is None else np.flatnonzero(weight)
    if kept.size < rows.n:
        candidates = [_taken(candidate, kept) for candidate in candidates]
        weight = None if weight is None else weight[kept]
    happened = rows.index[kept] == 1 if binary else None
    found = compared(candidates, happened, weight, float(level), notes)
    return ComparisonResults(
        **{field.name: getattr(found, field.name) for field in fields(Comparison)}
    )


def _check_arguments(models: Any, cost: Any, threshold: Any, level: Any) -> None:
    if not isinstance(models, Mapping) or len(models) < 2:
        found = len(models) if isinstance(models, Mapping) else type(models).__name__
        raise ParameterError(
            f'models holds {found}; give two or more by name, such as {{"ours": a, "theirs": b}}.'
        )
    if threshold is not None and cost is None:
        raise ParameterError(
            f"threshold={threshold!r} says how costs arise, and there are none; give cost=, such "
            'as {"fp": 1, "fn": 5}, or leave it out.'
        )
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise ParameterError(
            f"level={level!r} is no share between 0 and 1; give one, such as 0.95."
        )


def _rows(models: Mapping[str, Any], X: Any, y: Any) -> _Rows:
    labels, _ = read_outcome(y)
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0:
        raise DataError(f"y has shape {labels.shape}; give one label per row, shape (n,).")
    classes = None
    for name, model in models.items():
        if not _is_model(model):
            continue
        if X is None:
            raise DataError(f"X is None, and {quoted(str(name))} is a model; give the rows.")
        own = getattr(model, "classes_", None)
        if own is None:
            raise ParameterError(
                f"{quoted(str(name))} has no classes_, so that its columns have no labels; fit it, "
                "or give its probabilities."
            )
        if classes is None:
            classes = np.unique(np.asarray(own))
        elif set(classes.tolist()) != set(np.asarray(own).tolist()):
            raise DataError(
                f"{quoted(str(name))} knows the classes {np.asarray(own).tolist()}, and a model "
                f"before it {classes.tolist()}; compare models of the same classes."
            )
    if classes is None:
        classes = _classes_of(labels)
    return _Rows(X, classes, known_index(labels, classes, labels.size, "y", "the models' classes_"))


def _classes_of(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Classes where no model names them."""
    try:
        found = np.unique(labels)
    except TypeError as error:
        raise DataError(f"y holds labels that cannot be sorted ({error}).") from error
    if found.size > 1:
        return found
    if labels.dtype.kind == "b":
        return np.array([False, True])
    if labels.dtype.kind in "iuf" and found[0] in (0, 1):
        return np.array([0, 1], dtype=labels.dtype)
    raise DataError(
        f"y holds one class only, {found.tolist()[0]!r}, and no model names another; give rows of "
        "at least two classes."
    )


def _is_model(model: Any) -> bool:
    return hasattr(model, "predict_proba") or hasattr(model, "predict")


def _thresholds(models: Mapping[str, Any], threshold: Any) -> Mapping[str, Any]:
    if not isinstance(threshold, Mapping):
        return {str(name): threshold for name in models}
    unknown = [repr(name) for name in threshold if name not in models]
    if unknown:
        raise ParameterError(
            f"threshold names {listed(unknown)}, and the models are "
            f"{listed([repr(name) for name in models])}."
        )
    return {str(name): threshold.get(name) for name in models}


def _candidate(
    name: str, model: Any, rows: _Rows, costs: _Costs | None
) -> tuple[Candidate, str | None]:
    """Score each row by a model, and say by what it decides."""
    probabilities = _probabilities(name, model, rows)
    loss = _loss(probabilities, model, rows)
    matrix = _columns(probabilities)
    score = matrix[:, 1] if rows.classes.size == 2 else None
    if costs is None:
        return Candidate(name, loss, score, None), None
    decided, how = _decisions(name, model, matrix, rows, costs)
    return Candidate(name, loss, score, costs.matrix[rows.index, decided]), how


def _probabilities(name: str, model: Any, rows: _Rows) -> Array:
    """Probabilities of shape (n,), of the positive class, or (n, K) in the order of the classes."""
    if _is_model(model):
        if not hasattr(model, "predict_proba"):
            raise ParameterError(
                f"{quoted(name)} has no predict_proba (found {type(model).__name__}); give a model "
                "that has, such as CalibratedClassifierCV around it."
            )
        given = model.predict_proba(rows.X)
    else:
        given = model
    found = checked_probabilities(given, f"what {quoted(name)} gives", rows.n)
    K = rows.classes.size
    if found.shape not in ((rows.n, K), (rows.n,) if K == 2 else None):
        raise DataError(
            f"what {quoted(name)} gives has shape {found.shape}, and there are {K} classes, "
            f"{listed([repr(label) for label in rows.classes.tolist()])}; give shape "
            f"({rows.n}, {K})" + (f" or ({rows.n},)." if K == 2 else ".")
        )
    return found[:, _order(model, rows)] if found.ndim == 2 else found


def _order(model: Any, rows: _Rows) -> list[int]:
    """Columns of a model in the order of the classes."""
    own = np.asarray(getattr(model, "classes_", rows.classes)) if _is_model(model) else rows.classes
    place = {label: k for k, label in enumerate(own.tolist())}
    return [place[label] for label in rows.classes.tolist()]


def _columns(probabilities: Array) -> Array:
    if probabilities.ndim == 2:
        return probabilities
    return np.column_stack([1.0 - probabilities, probabilities])


def _loss(probabilities: Array, model: Any, rows: _Rows) -> Array:
    """Log loss of each row, shape (n,)."""
    with np.errstate(divide="ignore"):
        if probabilities.ndim == 1:
            yes = rows.index == 1
            return -np.where(yes, np.log(probabilities), np.log1p(-probabilities)) + 0.0
        every = np.arange(rows.n)
        loss = -np.log(probabilities[every, rows.index]) + 0.0
        if np.isinf(loss).any() and hasattr(model, "predict_log_proba"):
            logs = np.asarray(model.predict_log_proba(rows.X))[:, _order(model, rows)]
            loss = np.where(np.isinf(loss), -logs[every, rows.index], loss)
    return loss


def _decisions(
    name: str, model: Any, matrix: Array, rows: _Rows, costs: _Costs
) -> tuple[np.ndarray[Any, Any], str]:
    """Class of each row that a model decides for, and by what."""
    asked = costs.thresholds[name]
    if asked is None and _is_model(model) and _has_threshold(model):
        asked = "predict"
    if isinstance(asked, str):
        if asked != "predict" or not _is_model(model):
            raise ParameterError(
                f"threshold={asked!r} of {quoted(name)} cannot be used; give a number"
                + (', or "predict".' if _is_model(model) else ", as there is no model to ask.")
            )
        said, _ = read_outcome(model.predict(rows.X))
        index = known_index(said, rows.classes, rows.n, "predict", "classes_")
        return index, "by its own predict"
    if rows.classes.size > 2:
        if asked is not None:
            raise ParameterError(
                f"threshold={asked!r} of {quoted(name)} is of two classes, and there are "
                f'{rows.classes.size}; leave it out, or give "predict".'
            )
        return decide(matrix, costs.matrix), "for the class of the least expected cost"
    least = optimal_threshold(costs.matrix) if asked is None else _number(asked, name)
    return (matrix[:, 1] >= least).astype(np.intp), f"from the probability {least:.4g} on"


def _has_threshold(model: Any) -> bool:
    inner = innermost(model)
    own = hasattr(inner, "threshold_") or hasattr(inner, "best_threshold_")
    return own or isinstance(inner, FixedThresholdClassifier)


def _number(threshold: Any, name: str) -> float:
    if isinstance(threshold, bool) or not np.isscalar(threshold) or np.isnan(threshold):
        raise ParameterError(f"threshold={threshold!r} of {quoted(name)} is no number.")
    return float(threshold)  # type: ignore[arg-type]


def _taken(candidate: Candidate, kept: Any) -> Candidate:
    score, cost = candidate.score, candidate.cost
    return Candidate(
        candidate.name,
        candidate.loss[kept],
        None if score is None else score[kept],
        None if cost is None else cost[kept],
    )
