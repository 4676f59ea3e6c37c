"""How well a model does on labelled rows, in the numbers that a headline needs."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from oddsmith.core.stable import Array
from oddsmith.export.schema import Model
from oddsmith.views.pages.report.document import Judged

__all__ = ["Judgement", "judgement"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Measures over n rows with K classes, weighted where the rows are.

    Attributes
    ----------
    auc : float
        Area under the ROC curve; NaN with more than two classes, or where one is not there.
    log_loss : float
        Mean over the rows (nats); infinite where what happened had the probability 0.
    clipped_loss : float
        The same, probabilities clipped at 2.2e-16 as scikit-learn does.
    baseline : float
        Log loss of the shares of the classes in these rows, the same for all rows.
    accuracy : float
        Of the positive class from 0.5 on, with more classes of the most probable one.
    mean_recall : float
        Mean of the recalls of the classes that are there.
    counts : tuple of int
        Rows of each class, not weighted.
    shares : tuple of float
        Of each class.
    most_frequent : float
        The greatest share.
    most_frequent_class : int
    absent : tuple of int
        Classes without weight in these rows.
    impossible : int
        Rows whose class had the probability 0.
    """

    auc: float
    log_loss: float
    clipped_loss: float
    baseline: float
    accuracy: float
    mean_recall: float
    counts: tuple[int, ...]
    shares: tuple[float, ...]
    most_frequent: float
    most_frequent_class: int
    absent: tuple[int, ...]
    impossible: int


def judgement(judged: Judged, model: Model) -> Judgement:
    """Judge a model by its probabilities for labelled rows.

    Examples
    --------
    >>> from oddsmith.export.schema import plain_model
    >>> model = plain_model(["dose"], ["no", "yes"], "alive", [[2.0]], [-1.0])
    >>> p = np.array([0.2, 0.7, 0.6, 0.9])
    >>> rows = Judged("X", False, np.array([0, 0, 1, 1]), np.column_stack([1 - p, p]))
    >>> found = judgement(rows, model)
    >>> found.auc, found.accuracy, round(found.baseline, 4)
    (0.75, 0.75, 0.6931)
    """
    K, y = len(model.classes), judged.y
    weight = np.ones(len(y)) if judged.weight is None else np.asarray(judged.weight, float)
    total = float(weight.sum())
    shares = np.bincount(y, weights=weight, minlength=K) / total
    there = shares > 0
    right = model.choose(judged.probabilities) == y
    found = np.bincount(y, weights=weight * right, minlength=K) / total
    own = np.take_along_axis(judged.probabilities, y[:, None], axis=1)[:, 0]
    tiny = float(np.finfo(np.float64).eps)
    clipped = float(weight @ -np.log(np.clip(own, tiny, 1.0 - tiny))) / total
    impossible = int(((own == 0.0) & (weight > 0)).sum())
    return Judgement(
        auc=_auc(judged) if K == 2 and there.all() else np.nan,
        log_loss=np.inf if impossible else _loss(own, weight) / total,
        clipped_loss=clipped,
        baseline=float(-(shares[there] @ np.log(shares[there]))) + 0.0,
        accuracy=float(found.sum()),
        mean_recall=float((found[there] / shares[there]).mean()),
        counts=tuple(np.bincount(y, minlength=K).tolist()),
        shares=tuple(shares.tolist()),
        most_frequent=float(shares.max()),
        most_frequent_class=int(shares.argmax()),
        absent=tuple(np.flatnonzero(~there).tolist()),
        impossible=impossible,
    )


def _loss(own: Array, weight: Array) -> float:
    counted = weight > 0
    return float(weight[counted] @ -np.log(own[counted])) + 0.0


def _auc(judged: Judged) -> float:
    score = judged.probabilities[:, 1]
    return float(roc_auc_score(judged.y, score, sample_weight=judged.weight))
