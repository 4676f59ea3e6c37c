"""What the scores of held-out rows speak for."""

from typing import Any, Literal

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names

from oddsmith.core.loss import Binomial, Multinomial
from oddsmith.core.stable import Array
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.logistic import LogisticRegression

__all__ = ["Rule", "choose_penalty", "log_loss", "score", "scorer_of"]

Rule = Literal["best", "1se"]


def choose_penalty(scores: Array, weight: Array, rule: Rule) -> tuple[int, int]:
    """Ratio and penalty that the scores of the folds speak for.

    Parameters
    ----------
    scores : array of shape (n_folds, n_l1_ratios, n_Cs)
        Greater is better; penalties from the strongest on. One with a NaN is not chosen.
    weight : array of shape (n_folds,)
        Of the rows that were scored.
    rule : {"best", "1se"}
        Of equal scores the stronger penalty; with "1se" the strongest, of the ratio that has the
        best, whose mean score is within one standard error of it.

    Returns
    -------
    r, c : int

    Raises
    ------
    DataError
        If every penalty has a score that is NaN.

    Examples
    --------
    >>> scores = np.array([[[1.0, 2.9, 3.0]], [[1.2, 3.5, 4.0]]])
    >>> choose_penalty(scores, np.ones(2), "best"), choose_penalty(scores, np.ones(2), "1se")
    ((0, 2), (0, 1))
    """
    mean = np.average(scores, axis=0, weights=weight)
    if np.isnan(mean).all():
        raise DataError(
            "the scores of every penalty are NaN in some fold, so there is nothing to choose by; "
            "use another scoring, or folds in which it is defined (every class in the scored rows)."
        )
    r, c = np.unravel_index(int(np.argmax(np.where(np.isnan(mean), -np.inf, mean))), mean.shape)
    if rule == "1se" and len(scores) > 1:
        spread = np.average((scores[:, r, c] - mean[r, c]) ** 2, weights=weight)
        error = np.sqrt(spread / (len(scores) - 1))
        c = np.argmax(mean[r] >= mean[r, c] - error)
    return int(r), int(c)


def log_loss(model: LogisticRegression, test: dict[str, Any], index: Any) -> float:
    """Mean loss of held-out rows (nats per unit of weight), finite however sure the model is."""
    margin = model.decision_function(test["X"], test["offset"])
    loss = (Binomial() if margin.ndim == 1 else Multinomial()).value(margin, index)
    return float(np.average(loss, weights=test["sample_weight"]))


def scorer_of(model: LogisticRegression, scoring: Any) -> Any:
    """Scorer of scikit-learn; None for the log loss, which is our own."""
    if isinstance(scoring, str) and scoring == "neg_log_loss":
        return None
    if isinstance(scoring, str) and scoring not in get_scorer_names():
        raise ParameterError(
            f"scoring={scoring!r} is no scorer of scikit-learn; sklearn.metrics.get_scorer_names() "
            "lists them."
        )
    return check_scoring(model, scoring)


def score(scorer: Any, model: LogisticRegression, test: dict[str, Any]) -> float:
    """Score held-out rows, with their weights if there are any."""
    if test["sample_weight"] is None:
        return float(scorer(model, test["X"], test["y"]))
    try:
        return float(scorer(model, test["X"], test["y"], sample_weight=test["sample_weight"]))
    except TypeError as error:
        raise ParameterError(
            f"scoring={scorer!r} could not score weighted rows ({error}); give a scorer that takes "
            "sample_weight, or fit without weights."
        ) from error
