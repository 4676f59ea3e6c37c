"""One class against all the others: the rows that are judged, as two classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import label_text, printable
from oddsmith.core.stable import Array
from oddsmith.export.schema import Model
from oddsmith.views.labels import short_labels
from oddsmith.views.pages.report.document import Judged

__all__ = ["MOST_CLASSES", "OneClass", "class_names", "histogram", "shown_classes"]

# More classes than these are not shown one by one.
MOST_CLASSES = 20
# So many characters of a class stand in a box, and in a sentence or a list.
_BOX_LETTERS, _LINE_LETTERS = 16, 60
_BARS = 40


@dataclass(frozen=True, slots=True, eq=False)
class OneClass:
    """A class against the rest.

    Attributes
    ----------
    index : int
        Of the class.
    name, rest : str
        The class and its opposite, printable, of at most 60 characters.
    box, rest_box : str
        The same of at most 16.
    positive : boolean array of shape (n,)
        Rows of the class.
    score : array of shape (n,)
        Its probability.
    weight : array of shape (n,), or None
    """

    index: int
    name: str
    rest: str
    box: str
    rest_box: str
    positive: np.ndarray[Any, np.dtype[np.bool_]]
    score: Array
    weight: Array | None


def class_names(model: Model, limit: int = _LINE_LETTERS) -> list[str]:
    """Labels of the classes, printable, of at most `limit` characters and all different."""
    return short_labels([label_text(label) for label in model.classes], limit)


def shown_classes(model: Model, judged: Judged) -> list[OneClass]:
    """Classes that are judged one by one: the positive one of two, else the most frequent ones.

    Classes without a row, and one that all rows are of, are left out: there is nothing to judge.
    """
    counts = np.bincount(judged.y, weights=judged.weight, minlength=len(model.classes))
    there = np.flatnonzero((counts > 0) & (counts < counts.sum()))
    if len(model.classes) == 2:
        places = there[there == 1]
    else:
        places = np.sort(there[np.argsort(-counts[there], kind="stable")][:MOST_CLASSES])
    names, boxes = class_names(model), class_names(model, _BOX_LETTERS)
    return [_one(judged, place, names, boxes) for place in places.tolist()]


def _one(judged: Judged, place: int, names: list[str], boxes: list[str]) -> OneClass:
    two = len(names) == 2
    return OneClass(
        place,
        names[place],
        names[0] if two else f"not {names[place]}",
        boxes[place],
        boxes[0] if two else printable(f"not {boxes[place]}"),
        judged.y == place,
        np.ascontiguousarray(judged.probabilities[:, place]),
        judged.weight,
    )


def histogram(one: OneClass) -> tuple[list[float], list[float]]:
    """Weights of the rows by their score, in 40 bars from 0 to 1: of the class, and of the rest."""
    bars = np.minimum((one.score * _BARS).astype(np.intp), _BARS - 1)

    def of(rows: Any) -> list[float]:
        weight = None if one.weight is None else one.weight[rows]
        return np.bincount(bars[rows], weights=weight, minlength=_BARS).tolist()

    return of(one.positive), of(~one.positive)
