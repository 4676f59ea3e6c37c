"""The lesson: one page to play with the sigmoid, the descent and the threshold.

Here is what it shows, as data, and how that becomes HTML. Vega computes what moves; the template
says what it means; no number is computed in Python for a position of a slider.
"""

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from oddsmith.core.labels import printable
from oddsmith.core.stable import Array
from oddsmith.views.labels import short_labels
from oddsmith.views.pages.charts import CONFIG, load_charts, program, with_values

__all__ = ["Lesson", "Run", "lesson_page"]

Whole = np.ndarray[Any, np.dtype[np.intp]]

# Colours of Okabe and Ito (2008); and for those who see none of them, dashes and shapes.
_COLOURS = ("#1b1b1b", "#0072B2", "#D55E00", "#009E73", "#CC79A7")
_DASHES = ([1, 0], [10, 4], [2, 3], [10, 3, 2, 3], [5, 3])
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
# As in specs/replay.json.
_WEIGHTS = (
    ("#0072B2", [1, 0], "circle"),
    ("#D55E00", [8, 4], "square"),
    ("#595959", [2, 3], "diamond"),
)
_HEIGHTS = {
    "sigmoid": {"sigmoid": 260, "losses": 260},
    "replay": {"boundary": 400, "cost": 250, "weights": 250},
    "threshold": {"scores": 300, "roc": 300, "precision": 300},
}
# So many characters of a name fit along an axis, or into a box of the confusion matrix.
_AXIS_LETTERS, _BOX_LETTERS = 34, 16
# Where the page starts: the runs are well apart, and the second one is the textbook's.
_FIRST_EPOCH, _CHOSEN = 10, 1


@dataclass(frozen=True, slots=True)
class Run:
    """One training, epoch by epoch, of the margin b + w1 x1 + w2 x2 on the user's columns.

    Attributes
    ----------
    name : str
    coef : array of shape (m, p)
        Weights per unit of the p columns (1 or 2), before the first epoch and after each.
    intercept : array of shape (m,)
    loss, validation_loss : array of shape (m,)
        Mean over the training rows, and over the held-out rows (nats).
    accuracy : array of shape (m,)
        Share of the held-out rows that are right at the threshold 0.5.
    """

    name: str
    coef: Array
    intercept: Array
    loss: Array
    validation_loss: Array
    accuracy: Array


@dataclass(frozen=True, slots=True)
class Lesson:
    """All that the page shows.

    Attributes
    ----------
    title : str
        Name of the data.
    story : tuple of str
        Sentences on where the rows and columns come from.
    target : str
        Name of the column of labels.
    classes : tuple of two str
        The second one is the positive class, label 1.
    columns : tuple of p str
        Names of the one or two columns.
    X : array of shape (n, p)
        Training rows, in the units of the user.
    y : array of shape (n,) of int
        Labels of the training rows, 0 or 1.
    drawn : array of int
        Indices of the training rows whose points are drawn.
    runs : tuple of at most five Run
        All with the same number m of epochs.
    minimum : float or None
        The least mean loss on the training rows (nats), if it is proved that there is one.
    scores : array of shape (h,)
        Probabilities of the positive class on the held-out rows, by the optimum on the training
        rows.
    truths : array of shape (h,) of int
        Labels of the held-out rows, 0 or 1.
    """

    title: str
    story: tuple[str, ...]
    target: str
    classes: tuple[str, str]
    columns: tuple[str, ...]
    X: Array
    y: Whole
    drawn: Whole
    runs: tuple[Run, ...]
    minimum: float | None
    scores: Array
    truths: Whole


def lesson_page(lesson: Lesson) -> str:
    """HTML of the whole page, which loads nothing.

    Parameters
    ----------
    lesson : Lesson

    Returns
    -------
    str

    Raises
    ------
    MissingPackageError
        If vl-convert is not installed.
    ValueError
        If a number of the lesson is not finite.

    Examples
    --------
    >>> X, y, path = np.array([[0.0], [1.0]]), np.array([0, 1]), np.array([0.7, 0.6])
    >>> run = Run("plain", np.array([[0.0], [1.0]]), path, path, path, path)
    >>> page = lesson_page(
    ...     Lesson(
    ...         title="doses",
    ...         story=("Two rows.",),
    ...         target="alive",
    ...         classes=("no", "yes"),
    ...         columns=("dose",),
    ...         X=X,
    ...         y=y,
    ...         drawn=np.array([0, 1]),
    ...         runs=(run,),
    ...         minimum=None,
    ...         scores=np.array([0.4, 0.6]),
    ...         truths=y,
    ...     )
    ... )
    >>> page.startswith("<!doctype html>"), "src=" in page.split("<script")[0]
    (True, False)
    """
    pages = Environment(
        loader=PackageLoader("oddsmith.views", "pages/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # What is not finite is no JSON, and a page that reads it would stay empty.
    pages.policies["json.dumps_kwargs"] = {"allow_nan": False, "sort_keys": True}
    pages.filters["printable"] = printable
    scripts = (program(), _template("lesson.js"))
    return pages.get_template("lesson.html.jinja").render(
        lesson=lesson,
        page={"charts": _charts(lesson), "config": CONFIG, "data": _data(lesson)},
        style=Markup(_template("lesson.css")),  # noqa: S704  # our own file
        scripts=[Markup(text) for text in scripts],  # noqa: S704  # Vega, and our own file
        script_hashes=[_hash(text) for text in scripts],
        style_hash=_hash(_template("lesson.css")),
        swatches=list(zip(_COLOURS, _DASHES, _SHAPES, strict=True)),
        boxes=short_labels(lesson.classes, _BOX_LETTERS),
        weight_swatches=_WEIGHTS,
        chosen=min(_CHOSEN, len(lesson.runs) - 1),
        last=len(lesson.runs[0].loss) - 1,
        first=min(_FIRST_EPOCH, len(lesson.runs[0].loss) - 1),
    )


def _template(name: str) -> str:
    return files("oddsmith.views.pages").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Name of a script or style in a Content-Security-Policy: no other one then runs."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _charts(lesson: Lesson) -> dict[str, Any]:
    """Each chart's specification under the name that the template gives its place."""
    sigmoid, replay, threshold = (load_charts(name, _HEIGHTS[name]) for name in _HEIGHTS)
    looks = {
        "last": len(lesson.runs[0].loss) - 1,
        "colours": _COLOURS[: len(lesson.runs)],
        "dashes": _DASHES[: len(lesson.runs)],
        "shapes": _SHAPES[: len(lesson.runs)],
    }
    titles = short_labels(lesson.columns, _AXIS_LETTERS)
    one = len(lesson.columns) == 1
    box = _box(lesson)
    picture = {
        "box": box,
        "x_format": _format(*box[:2]),
        "y_format": _format(*box[2:]),
        "x_title": titles[0],
        "y_title": "(height says nothing)" if one else titles[1],
        "flat": one,
    }
    cost = with_values(replay["cost"], {**looks, "span": _span(lesson), "minimum": lesson.minimum})
    scale = {
        "means": _pair(lesson.X.mean(axis=0)),
        "spreads": _pair(lesson.X.std(axis=0)),
        "weights": ["u1", "u0"] if one else ["u1", "u2", "u0"],
    }
    return {
        **sigmoid,
        "boundary": with_values(replay["boundary"], looks | picture),
        "cost": with_values(cost, {"shown": "cost"}),
        "held": with_values(cost, {"shown": "held"}),
        "weights": with_values(replay["weights"], looks | scale),
        **threshold,
    }


def _data(lesson: Lesson) -> dict[str, Any]:
    """Columns of the data sets that the charts share; Vega makes rows of them."""
    points = _points(lesson)
    frames: dict[str, list[Any]] = {
        name: [] for name in ("run", "epoch", "w1", "w2", "b", "cost", "held", "accuracy")
    }
    for number, run in enumerate(lesson.runs):
        m = len(run.loss)
        parts = (
            np.full(m, number),
            np.arange(m),
            *_two_columns(run.coef).T,
            run.intercept,
            run.loss,
            run.validation_loss,
            run.accuracy,
        )
        for column, part in zip(frames.values(), parts, strict=True):
            column.extend(np.asarray(part).tolist())
    return {
        "frames": [frames],
        "points": [
            {
                "x": points[:, 0].tolist(),
                "y": points[:, 1].tolist(),
                "label": lesson.y[lesson.drawn].tolist(),
            }
        ],
        "scores": [{"score": lesson.scores.tolist(), "label": lesson.truths.tolist()}],
    }


def _two_columns(X: Array) -> Array:
    """X with a second column of zeros where it has one only."""
    return X if X.shape[1] == 2 else np.column_stack([X, np.zeros(len(X))])


def _points(lesson: Lesson) -> Array:
    """Where the points are drawn: one column alone is spread upwards, class by class."""
    X, y = lesson.X[lesson.drawn], lesson.y[lesson.drawn]
    if X.shape[1] == 2:
        return X
    # Multiples of the golden ratio fill an interval evenly, and are the same in every run.
    spread = 0.7 * ((np.arange(len(y)) * 0.6180339887) % 1.0 - 0.5)
    return np.column_stack([X[:, 0], y + spread])


def _box(lesson: Lesson) -> list[float]:
    """Left, right, bottom and top of the picture of the points."""
    points = _points(lesson)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, 0.06 * (high - low), 1.0)
    left, bottom = (low - margin).tolist()
    right, top = (high + margin).tolist()
    return [left, right, bottom, top]


def _span(lesson: Lesson) -> list[float]:
    """Least and greatest cost that is drawn: the scale is logarithmic, and 0 is not on it."""
    costs = np.concatenate([[*run.loss, *run.validation_loss] for run in lesson.runs])
    return [max(0.93 * float(costs.min()), 1e-4), 1.07 * float(costs.max())]


def _pair(values: Array) -> list[float]:
    return [*values.tolist(), 0.0][:2]


def _format(low: float, high: float) -> str | None:
    """How Vega writes the numbers of an axis: with exponents where zeros would fill it."""
    largest = max(abs(low), abs(high))
    return None if 1e-3 <= largest < 1e12 else ".2~e"
