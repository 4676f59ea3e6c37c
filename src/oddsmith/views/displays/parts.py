"""What displays ask of an estimator: the part that was fitted, its scores, its columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import label_text, quoted
from oddsmith.core.stable import Array
from oddsmith.data.outcome import read_outcome
from oddsmith.errors import DataError, ParameterError

__all__ = ["Scored", "column_names", "label_of", "part_with", "plain_labels", "scored"]


def part_with(estimator: Any, attribute: str) -> Any:
    """Find the fitted part of an estimator that has an attribute.

    Parameters
    ----------
    estimator : fitted estimator
        Itself; else the last step of a pipeline, or what a search or a wrapper has fitted.
    attribute : str

    Raises
    ------
    ParameterError
        If no part has it.
    """
    part, seen = estimator, 0
    while part is not None and not hasattr(part, attribute) and seen < 10:
        part, seen = _inner(part), seen + 1
    if part is None or not hasattr(part, attribute):
        raise ParameterError(
            f"this {type(estimator).__name__} has no {attribute}, of which the display is made: "
            "give a fitted estimator of oddsmith that has it."
        )
    return part


def _inner(part: Any) -> Any:
    steps = getattr(part, "steps", None)
    if steps:
        return steps[-1][1]
    found = getattr(part, "best_estimator_", None)
    return getattr(part, "estimator_", None) if found is None else found


def column_names(estimator: Any, part: Any) -> tuple[list[str], bool]:
    """Names of the columns of `coef_`, and whether they are more than numbers.

    Where the part knows none, they are those that the pipeline makes.
    """
    count = np.atleast_2d(part.coef_).shape[1]
    names = None
    if getattr(part, "encoder_", None) is not None:
        names = part.coef_names_
    elif hasattr(part, "feature_names_in_"):
        names = part.feature_names_in_
    elif part is not estimator:
        try:
            names = estimator[:-1].get_feature_names_out()
        except (AttributeError, TypeError, ValueError):
            names = None
    if names is None or len(names) != count:
        return [f"x{j}" for j in range(count)], False
    return [str(name) for name in names], True


def label_of(label: Any) -> str:
    """Text of a class."""
    return label_text(label.item() if isinstance(label, np.generic) else label)


def plain_labels(y: Any) -> np.ndarray[Any, Any]:
    """Labels as an array, from a column of any library."""
    return np.asarray(read_outcome(y)[0])


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Labels with the scores that an estimator gives their rows.

    Attributes
    ----------
    y : array of shape (n,)
    score : array of shape (n,)
    pos_label : label
        The class that the scores speak for.
    name : str
        Of the estimator's class.
    """

    y: np.ndarray[Any, Any]
    score: Array
    pos_label: Any
    name: str


def scored(estimator: Any, X: Any, y: Any, pos_label: Any, methods: tuple[str, ...]) -> Scored:
    """Score rows for the positive class.

    Parameters
    ----------
    estimator : fitted classifier of two classes
    X, y
        Rows and their labels.
    pos_label : label or None
        ``classes_[1]`` if None.
    methods : tuple of str
        "predict_proba" and "decision_function", in the order in which they are looked for.

    Raises
    ------
    DataError
        If there are not two classes, or y has others.
    ParameterError
        If the estimator has none of the methods, or pos_label is no class of it.
    """
    method = next((one for one in methods if hasattr(estimator, one)), None)
    kind = type(estimator).__name__
    if method is None:
        raise ParameterError(f"this {kind} has no {' or '.join(methods)}; give a classifier.")
    classes = np.asarray(estimator.classes_)
    if classes.size != 2:
        raise DataError(
            f"this {kind} has {classes.size} classes, and the display is of two; choose one class "
            "against the others, and give its scores to from_predictions."
        )
    place = 1 if pos_label is None else _place(classes, pos_label)
    labels = plain_labels(y)
    known = set(classes.tolist())
    unknown = next((label for label in labels.ravel().tolist() if label not in known), None)
    if unknown is not None:
        raise DataError(
            f"y has the label {quoted(label_of(unknown))}, which is no class of this {kind}; give "
            "the labels that it was fitted to."
        )
    values = np.asarray(getattr(estimator, method)(X), dtype=float)
    margin = values if place else -values
    score = values[:, place] if method == "predict_proba" else margin
    return Scored(labels, score, classes.tolist()[place], kind)


def _place(classes: Any, pos_label: Any) -> int:
    places = [k for k, label in enumerate(classes.tolist()) if label == pos_label]
    if not places:
        shown = " and ".join(quoted(label_of(label)) for label in classes.tolist())
        raise ParameterError(f"pos_label={pos_label!r} is no class; the classes are {shown}.")
    return places[0]
