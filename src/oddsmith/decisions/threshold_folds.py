"""One threshold from the scores of rows that were held out, and what such a threshold is worth.

Scores of all folds are pooled, and counted once: an F measure of sums is less biased than the mean
of each fold's (Forman and Scholz, 2010), and every threshold stays one that was seen.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.decisions.threshold_choice import Choice, Counts, Rule
from oddsmith.decisions.thresholds import ThresholdCurve, threshold_curve
from oddsmith.errors import DataError, OddsmithWarning

__all__ = ["Chosen", "Scored", "choose_threshold"]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Held-out rows of a fold.

    Attributes
    ----------
    positive : boolean array of shape (n,)
    score : array of shape (n,)
    weight : array of shape (n,), or None
    cost : dict of str to float or to array of shape (n,), or None
    """

    positive: np.ndarray[Any, np.dtype[np.bool_]]
    score: Array
    weight: Array | None
    cost: dict[str, Any] | None


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What the folds say.

    Attributes
    ----------
    choice : Choice
        From the rows of all folds.
    thresholds : array of shape (k,)
        What each fold's rows alone would choose; NaN where they cannot.
    values : array of shape (k,)
        Objective of each fold's rows at the threshold that the other folds choose; NaN where they
        cannot, or there is nothing to divide by.
    """

    choice: Choice
    thresholds: Array
    values: Array


def choose_threshold(folds: Sequence[Scored], rule: Rule) -> Chosen:
    """Choose from all folds, from each, and for each from all others.

    Raises
    ------
    DataError
        If no threshold of all rows meets the constraints.

    Examples
    --------
    >>> from oddsmith.decisions.threshold_choice import read_rule
    >>> one = Scored(np.array([False, True, True]), np.array([0.2, 0.4, 0.9]), None, None)
    >>> two = Scored(np.array([False, False, True]), np.array([0.1, 0.5, 0.6]), None, None)
    >>> found = choose_threshold([one, two], read_rule("accuracy", None, None))
    >>> found.choice.threshold, found.thresholds, found.values.round(3)
    (0.6, array([0.4, 0.6]), array([0.667, 0.667]))
    """
    choice = _best(_pooled(folds), rule)
    with warnings.catch_warnings():
        # Equal scores were told of, if they are equal in all folds.
        warnings.simplefilter("ignore", OddsmithWarning)
        alone = [_threshold(fold, rule) for fold in folds]
        others = [
            _threshold(_pooled([*folds[:number], *folds[number + 1 :]]), rule)
            if len(folds) > 1
            else np.nan
            for number in range(len(folds))
        ]
    values = [_value(fold, rule, at) for fold, at in zip(folds, others, strict=True)]
    return Chosen(choice, np.array(alone), np.array(values))


def _pooled(folds: Sequence[Scored]) -> Scored:
    first = folds[0]
    weights = [fold.weight for fold in folds if fold.weight is not None]
    costs = [fold.cost for fold in folds if fold.cost is not None]
    return Scored(
        np.concatenate([fold.positive for fold in folds]),
        np.concatenate([fold.score for fold in folds]),
        np.concatenate(weights) if weights else None,
        None
        if first.cost is None
        else {
            error: np.concatenate([own[error] for own in costs]) if np.ndim(cost) else cost
            for error, cost in first.cost.items()
        },
    )


def _curve(rows: Scored) -> ThresholdCurve:
    return threshold_curve(rows.positive, rows.score, rows.weight, positive=True)


def _best(rows: Scored, rule: Rule) -> Choice:
    objective = rule.name if rule.cost is None else None
    return _curve(rows).best(objective, cost=rows.cost, subject_to=dict(rule.bounds))


def _threshold(rows: Scored, rule: Rule) -> float:
    try:
        return _best(rows, rule).threshold
    except DataError:
        return np.nan


def _value(rows: Scored, rule: Rule, threshold: float) -> float:
    """Objective at a threshold, also of rows of one class."""
    if np.isnan(threshold):
        return np.nan
    called, positive = rows.score >= threshold, rows.positive
    weight = np.ones(positive.size) if rows.weight is None else rows.weight
    parts = {
        "tp": called & positive,
        "fp": called & ~positive,
        "tn": ~called & ~positive,
        "fn": ~called & positive,
    }
    if rows.cost is not None:
        return float(
            sum(
                (np.broadcast_to(cost, positive.size) * weight)[parts[error]].sum()
                for error, cost in rows.cost.items()
            )
        )
    counts = Counts(**{name: weight[part].sum(keepdims=True) for name, part in parts.items()})
    return float(rule.values(counts)[0][0])
