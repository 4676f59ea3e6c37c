"""`oddsmith.compare`: fitted models of any library, side by side on the same rows."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from oddsmith.core.labels import listed, quoted
from oddsmith.decisions.comparison import Candidate, Comparison, compared
from oddsmith.decisions.costs import cost_matrix
from oddsmith.decisions.outcomes import checked_weights
from oddsmith.decisions.uncertainty import checked_level
from oddsmith.errors import ParameterError
from oddsmith.estimators.candidates import Costs, candidate_of, rows_of
from oddsmith.views.comparison import ComparisonResults

__all__ = ["compare"]


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
        ``{"fp": 1, "fn": 5}`` (also "tp" and "tn"), or ``cost[true, predicted]``, of a row.
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
    _check_arguments(models, cost, threshold)
    level = checked_level(level)
    rows = rows_of(models, X, y)
    binary = rows.classes.size == 2
    weight = checked_weights(sample_weight, rows.n)
    costs, notes = None, []
    if cost is not None:
        costs = Costs(cost_matrix(cost, rows.classes.size), _thresholds(models, threshold))
    candidates = []
    deciding: dict[str, list[str]] = {}
    for name, model in models.items():
        candidate, how = candidate_of(str(name), model, rows, costs)
        candidates.append(candidate)
        if how is not None:
            deciding.setdefault(how, []).append(quoted(str(name)))
    notes += [_who_decides(names, how) for how, names in deciding.items()]
    if weight is not None:
        notes.append("Rows count by their weights; each is one row in the standard errors.")
    kept = np.arange(rows.n) if weight is None else np.flatnonzero(weight)
    if kept.size < rows.n:
        candidates = [_taken(candidate, kept) for candidate in candidates]
        weight = None if weight is None else weight[kept]
    happened = rows.index[kept] == 1 if binary else None
    found = compared(candidates, happened, weight, level, notes)
    return ComparisonResults(
        **{field.name: getattr(found, field.name) for field in fields(Comparison)}
    )


def _check_arguments(models: Any, cost: Any, threshold: Any) -> None:
    if not isinstance(models, Mapping) or len(models) < 2:
        found = len(models) if isinstance(models, Mapping) else type(models).__name__
        raise ParameterError(
            f'models holds {found}; give two or more by name, such as {{"ours": a, "theirs": b}}.'
        )
    texts = [str(name) for name in models]
    if len(set(texts)) < len(texts):
        raise ParameterError(
            f"models has names that read the same, {listed([repr(name) for name in models])}; "
            "give each its own."
        )
    if threshold is not None and cost is None:
        raise ParameterError(
            f"threshold={threshold!r} says how costs arise, and there are none; give cost=, such "
            'as {"fp": 1, "fn": 5}, or leave it out.'
        )


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


def _who_decides(names: list[str], how: str) -> str:
    if len(names) == 1:
        return f"{names[0]} decides {how}."
    return f"{listed(names)} decide {how.replace('its own', 'their own')}."


def _taken(candidate: Candidate, kept: Any) -> Candidate:
    score, cost = candidate.score, candidate.cost
    return Candidate(
        candidate.name,
        candidate.loss[kept],
        None if score is None else score[kept],
        None if cost is None else cost[kept],
    )
