"""What fitted models of any library, or their probabilities, make of the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier

from oddsmith.core.labels import listed, quoted
from oddsmith.core.stable import Array
from oddsmith.data.outcome import read_outcome
from oddsmith.decisions.comparison import Candidate
from oddsmith.decisions.costs import decide, optimal_threshold
from oddsmith.decisions.outcomes import distinct_labels, is_binary, label_column, plain
from oddsmith.decisions.predictions import checked_probabilities
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.labels import known_index
from oddsmith.estimators.threshold import TunedThreshold
from oddsmith.estimators.wrapped import innermost

__all__ = ["Costs", "Rows", "candidate_of", "rows_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows on which the models are compared.

    Attributes
    ----------
    X : object
        As the models take it.
    classes : array of shape (K,)
        Sorted.
    index : integer array of shape (n,)
        Class of each row.
    """

    X: Any
    classes: np.ndarray[Any, Any]
    index: np.ndarray[Any, np.dtype[np.integer[Any]]]

    @property
    def n(self) -> int:
        """How many."""
        return self.index.size


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What decisions cost, and by which threshold each model decides.

    Attributes
    ----------
    matrix : array of shape (K, K)
        ``matrix[true, predicted]``.
    thresholds : mapping of str to float, "predict" or None
    """

    matrix: Array
    thresholds: Mapping[str, Any]


def rows_of(models: Mapping[str, Any], X: Any, y: Any) -> Rows:
    """Rows with their classes, which are those of the models where there are any.

    Raises
    ------
    DataError
        If y has a label that the models lack, or they are of different classes.
    ParameterError
        If a model is not fitted.
    """
    labels, _ = read_outcome(y)
    labels = label_column(labels)
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
    return Rows(X, classes, known_index(labels, classes, labels.size, "y", "the models' classes_"))


def _classes_of(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Classes where no model names them."""
    found = distinct_labels(labels)
    if len(found) == 1:
        if not is_binary(found[0]):
            raise DataError(
                f"y holds one class only, {plain(found[0])!r}, and no model names another; give "
                "rows of at least two classes."
            )
        found = [0, 1]
    return np.array(found, dtype=labels.dtype)


def _is_model(model: Any) -> bool:
    return hasattr(model, "predict_proba") or hasattr(model, "predict")


def candidate_of(
    name: str, model: Any, rows: Rows, costs: Costs | None
) -> tuple[Candidate, str | None]:
    """Score each row by a model, and say by what it decides, as the end of a sentence.

    Raises
    ------
    DataError, ParameterError
        If the model, or its probabilities, cannot be used.
    """
    probabilities = _probabilities(name, model, rows)
    loss = _loss(probabilities, model, rows)
    matrix = _columns(probabilities)
    score = matrix[:, 1] if rows.classes.size == 2 else None
    if costs is None:
        return Candidate(name, loss, score, None), None
    decided, how = _decisions(name, model, matrix, rows, costs)
    return Candidate(name, loss, score, costs.matrix[rows.index, decided]), how


def _probabilities(name: str, model: Any, rows: Rows) -> Array:
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


def _order(model: Any, rows: Rows) -> list[int]:
    """Columns of a model in the order of the classes; those of a table go by their names.

    The names of a table are read where they are the classes; a table of other names, or an array,
    has its columns in the order of the classes.
    """
    if _is_model(model):
        own = np.asarray(getattr(model, "classes_", rows.classes))
    else:
        own, texts = rows.classes, [str(name) for name in getattr(model, "columns", ())]
        if sorted(texts) == sorted(map(str, own.tolist())):
            by_text = {str(label): k for k, label in enumerate(own.tolist())}
            own = own[[by_text[text] for text in texts]]
    place = {label: k for k, label in enumerate(own.tolist())}
    return [place[label] for label in rows.classes.tolist()]


def _columns(probabilities: Array) -> Array:
    if probabilities.ndim == 2:
        return probabilities
    return np.column_stack([1.0 - probabilities, probabilities])


def _loss(probabilities: Array, model: Any, rows: Rows) -> Array:
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
    name: str, model: Any, matrix: Array, rows: Rows, costs: Costs
) -> tuple[np.ndarray[Any, Any], str]:
    """Class of each row that a model decides for, and by what."""
    asked = costs.thresholds[name]
    if asked is None and _is_model(model) and _decides_itself(model):
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


def _decides_itself(model: Any) -> bool:
    inner = innermost(model)
    own = hasattr(inner, "threshold_") or hasattr(inner, "best_threshold_")
    # Of more than two classes TunedThreshold has no threshold, but a matrix of costs of its own.
    return own or isinstance(inner, (FixedThresholdClassifier, TunedThreshold))


def _number(threshold: Any, name: str) -> float:
    if isinstance(threshold, bool) or not np.isscalar(threshold) or np.isnan(threshold):
        raise ParameterError(f"threshold={threshold!r} of {quoted(name)} is no number.")
    return float(threshold)  # type: ignore[arg-type]
