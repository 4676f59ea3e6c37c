"""How well predictions fit labelled rows: counted as the rows come, none of them kept."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import Label, label_text
from oddsmith.core.stable import Array

__all__ = ["Evaluation", "Tally", "evaluate"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well predictions fit n rows with K classes.

    Attributes
    ----------
    rows : int
    classes : tuple of str
        K labels as text.
    accuracy : float
    log_loss : float
        Mean over the rows (nats), probabilities clipped at 2.2e-16 as scikit-learn does.
    precision, recall, f1 : tuple of float
        K values; NaN where there is nothing to divide by.
    confusion : tuple of tuple of int
        K x K counts, true class by predicted class.
    """

    rows: int
    classes: tuple[str, ...]
    accuracy: float
    log_loss: float
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]


class Tally:
    """Counts and sums from which an evaluation is made: rows may come in parts, and none is kept.

    Parameters
    ----------
    n_classes : int
    """

    def __init__(self, n_classes: int) -> None:
        self._confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
        self._losses: list[float] = []

    def add(
        self, true: np.ndarray[Any, Any], predicted: np.ndarray[Any, Any], probabilities: Array
    ) -> None:
        """Count rows: class indices of shape (n,), twice, and probabilities of shape (n, K)."""
        K = len(self._confusion)
        pairs = np.bincount(true * K + predicted, minlength=K * K)
        self._confusion += pairs.reshape(K, K)
        own = np.take_along_axis(probabilities, true[:, None], axis=1)
        # log(1 - 2.2e-16), not 0, for a probability of 1: so does scikit-learn.
        tiny = float(np.finfo(np.float64).eps)
        self._losses.append(-float(np.log(np.clip(own, tiny, 1.0 - tiny)).sum()))

    def evaluation(self, classes: tuple[Label, ...]) -> Evaluation:
        """Say what was found of the rows so far."""
        confusion = self._confusion
        rows, right = int(confusion.sum()), np.diag(confusion)
        said, are = confusion.sum(axis=0), confusion.sum(axis=1)
        return Evaluation(
            rows=rows,
            classes=tuple(label_text(label) for label in classes),
            accuracy=float(right.sum()) / rows,
            log_loss=math.fsum(self._losses) / rows,
            precision=_shares(right, said),
            recall=_shares(right, are),
            f1=_shares(2 * right, said + are),
            confusion=tuple(map(tuple, confusion.tolist())),
        )


def evaluate(
    true: np.ndarray[Any, Any],
    predicted: np.ndarray[Any, Any],
    probabilities: Array,
    classes: tuple[Label, ...],
) -> Evaluation:
    """Compare predictions with the truth; the measures are scikit-learn's.

    Parameters
    ----------
    true, predicted : arrays of shape (n,)
        Class indices.
    probabilities : array of shape (n, K)
    classes : tuple of K labels

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.4, 0.6]])
    >>> evaluate(np.array([0, 0]), np.array([0, 1]), p, ("no", "yes")).accuracy
    0.5
    """
    tally = Tally(len(classes))
    tally.add(true, predicted, probabilities)
    return tally.evaluation(classes)


def _shares(part: np.ndarray[Any, Any], whole: np.ndarray[Any, Any]) -> tuple[float, ...]:
    """Quotients; NaN where there is nothing to divide by."""
    pairs = zip(part.tolist(), whole.tolist(), strict=True)
    return tuple(a / b if b else math.nan for a, b in pairs)
