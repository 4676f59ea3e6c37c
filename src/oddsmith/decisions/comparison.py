"""Models side by side on the same rows: paired differences with intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from oddsmith.core.stable import Array
from oddsmith.decisions.delong import Areas, Flags, delong, mean_and_variance

__all__ = ["Candidate", "Comparison", "Difference", "Score", "compared"]

# With fewer rows a normal interval is rough.
_FEW = 30


@dataclass(frozen=True, slots=True)
class Score:
    """What one model reaches.

    Attributes
    ----------
    name : str
    log_loss : float
        Mean over the rows (nats).
    auc : float
        Area under the ROC curve; NaN with more than two classes.
    cost : float or None
        Mean per row, where costs were given.
    """

    name: str
    log_loss: float
    auc: float
    cost: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of the first model minus that of the second, on the same rows.

    Attributes
    ----------
    first, second : str
    measure : "log_loss", "auc" or "cost"
    value : float
    standard_error : float
    lower, upper : float
    p_value : float
        Two-sided, of no difference. With the interval it is NaN where no standard error can be
        had, or where it is 0 and the difference is not: the comparison's notes say so.
    """

    first: str
    second: str
    measure: str
    value: float
    standard_error: float
    lower: float
    upper: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Models on the same rows.

    Attributes
    ----------
    scores : tuple of Score
    differences : tuple of Difference
        Of each pair, the first against each other one first.
    level : float
        Of the intervals.
    n_rows : int
    notes : tuple of str
        What a reader has to know.
    """

    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    level: float
    n_rows: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What a model makes of each row.

    Attributes
    ----------
    name : str
    loss : array of shape (n,)
        Log loss of each row (nats), which may be ``inf``.
    score : array of shape (n,) or None
        What its ROC curve is of; None with more than two classes.
    cost : array of shape (n,) or None
        Of its decision in each row.
    """

    name: str
    loss: Array
    score: Array | None
    cost: Array | None


def compared(
    candidates: Sequence[Candidate],
    happened: Flags | None,
    weight: Array | None,
    level: float,
    notes: Sequence[str] = (),
) -> Comparison:
    """Scores of models on the same rows, and their differences with intervals.

    Parameters
    ----------
    candidates : sequence of Candidate
    happened : boolean array of shape (n,) or None
        Rows of the positive class; None with more than two classes.
    weight : array of shape (n,) or None
        Positive.
    level : float
        Of the intervals, each by itself.
    notes : sequence of str
        What is to be said first.

    Notes
    -----
    A mean over rows differs by the mean of the rows' differences, with the standard error of that
    mean (see `mean_and_variance`), which without weights is that of the paired t test: what both
    models find hard cancels. The areas differ as in `delong`. Intervals and p values are those of
    the normal distribution.
    """
    n = candidates[0].loss.size
    areas = None
    if happened is not None and 0 < int(happened.sum()) < n:
        areas = delong(happened, [one.score for one in candidates if one.score is not None], weight)
    w = np.ones(n) if weight is None else weight
    scores = tuple(_score(one, k, w, areas) for k, one in enumerate(candidates))
    found: list[Difference] = []
    for one, other in combinations(range(len(candidates)), 2):
        found += _differences(candidates, one, other, w, areas, level)
    said = (*notes, *_notes(candidates, happened, areas, found, n))
    return Comparison(scores, tuple(found), float(level), n, said)


def _score(one: Candidate, place: int, weight: Array, areas: Areas | None) -> Score:
    auc = math.nan if areas is None else float(areas.auc[place])
    cost = None if one.cost is None else mean_and_variance(one.cost, weight)[0]
    return Score(one.name, mean_and_variance(one.loss, weight)[0], auc, cost)


def _differences(
    candidates: Sequence[Candidate],
    one: int,
    other: int,
    weight: Array,
    areas: Areas | None,
    level: float,
) -> list[Difference]:
    first, second = candidates[one], candidates[other]
    ends: dict[str, tuple[float, float]] = {"log_loss": _paired(first.loss, second.loss, weight)}
    ends["auc"] = (math.nan, math.nan) if areas is None else areas.difference(one, other)
    if first.cost is not None and second.cost is not None:
        ends["cost"] = _paired(first.cost, second.cost, weight)
    return [
        Difference(first.name, second.name, measure, *pair, *_normal(*pair, level))
        for measure, pair in ends.items()
    ]


def _paired(first: Array, second: Array, weight: Array) -> tuple[float, float]:
    """Mean of the rows' differences, and its standard error."""
    # Two infinite losses of one row are the same; two models of them are not told apart there.
    with np.errstate(invalid="ignore"):
        apart = np.where(first == second, 0.0, first - second)
        value, variance = mean_and_variance(apart, weight) if apart.any() else (0.0, 0.0)
    return value, math.sqrt(variance)


def _normal(value: float, error: float, level: float) -> tuple[float, float, float]:
    """Give the ends of the interval and the two-sided p value."""
    if value == 0.0 and error == 0.0:
        return 0.0, 0.0, 1.0
    if not error > 0.0:
        return math.nan, math.nan, math.nan
    reach = float(-ndtri(0.5 - 0.5 * level)) * error
    return value - reach, value + reach, float(2.0 * ndtr(-abs(value) / error))


def _notes(
    candidates: Sequence[Candidate],
    happened: Flags | None,
    areas: Areas | None,
    differences: Sequence[Difference],
    n: int,
) -> list[str]:
    notes: list[str] = []
    if happened is None:
        notes.append("With more than two classes there is no one ROC curve, and AUC is NaN.")
    elif areas is None:
        notes.append("All rows are of one class: there is no ROC curve, and AUC is NaN.")
    infinite = [one.name for one in candidates if np.isinf(one.loss).any()]
    for name in infinite:
        rows = int(np.isinf(next(one for one in candidates if one.name == name).loss).sum())
        notes.append(
            f'The log loss of "{name}" is infinite: it gave probability 0 to what happened in '
            f"{rows:,} of {n:,} rows."
        )
    fewest = n if happened is None else min(int(happened.sum()), n - int(happened.sum()))
    if fewest < _FEW:
        what = "rows" if happened is None else "rows of the rarer class"
        notes.append(f"With {fewest} {what}, intervals and p values are rough.")
    if any(d.standard_error == 0 and d.value != 0 for d in differences):
        notes.append(
            "Where the standard error of a difference is 0, all rows tell the same, and neither "
            "an interval nor a p value can be had."
        )
    elif areas is not None and any(_certain(areas.auc)):
        notes.append(
            "An AUC of exactly 0 or 1 has no spread in these rows, and its uncertainty is not in "
            "the intervals."
        )
    if len(candidates) > 2:
        notes.append(
            f"Each of the intervals and p values of {len(candidates)} models stands by itself: "
            "they are not adjusted for their number."
        )
    return notes


def _certain(auc: Array) -> Any:
    return (auc == 0.0) | (auc == 1.0)
