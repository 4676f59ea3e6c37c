"""Where the slider of thresholds can stand, and what each position yields."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from oddsmith.core.stable import Array
from oddsmith.decisions.thresholds import ThresholdCurve, threshold_curve
from oddsmith.errors import OddsmithWarning
from oddsmith.views.pages.report.document import Whole
from oddsmith.views.pages.report.one_class import OneClass

__all__ = ["Positions", "slider_positions"]

# Digits that tell every two floats apart.
_DIGITS = 17


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Some thresholds of a curve, ascending; the last one makes no row positive.

    Attributes
    ----------
    score : array of shape (m,)
        Distinct scores, and ``inf``.
    short : list of m float, or None for the last
        Number of few digits that is greater than the score before, of all scores, and at most
        this one: as a threshold it yields the same. None where there is none up to 1.
    tp, fp, tn, fn : array of shape (m,)
        Of all rows.
    start : int
        Position of the threshold 0.5.
    n_scores : int
        Distinct scores that there are.
    """

    score: Array
    short: list[float | None]
    tp: Array
    fp: Array
    tn: Array
    fn: Array
    start: int
    n_scores: int


def slider_positions(one: OneClass, most: int) -> Positions:
    """Every distinct score up to `most`; beyond, quantiles of them and the best of all.

    Whatever errors cost, the best threshold is a corner of the convex hull of the ROC curve
    (Provost and Fawcett, 2001), so these corners are always among the positions; as are the best
    by F1 and by Matthews' correlation, and 0.5.

    Parameters
    ----------
    one : OneClass
    most : int
        Positions that there may be, at least 2.
    """
    with warnings.catch_warnings():
        # That all scores are equal is seen on the page.
        warnings.simplefilter("ignore", OddsmithWarning)
        curve = threshold_curve(one.positive, one.score, one.weight, positive=True)
    thresholds = curve.thresholds
    at_half = int(np.searchsorted(thresholds, 0.5))
    places = np.arange(thresholds.size)
    if places.size > most:
        places = _chosen(curve, at_half, most)
    before = np.concatenate([[-np.inf], thresholds[:-1]])[places]
    start = int(np.searchsorted(places, at_half))
    short = _short(before, thresholds[places])
    short[start] = 0.5
    return Positions(
        thresholds[places],
        short,
        curve.tp[places],
        curve.fp[places],
        curve.tn[places],
        curve.fn[places],
        start,
        thresholds.size - 1,
    )


def _chosen(curve: ThresholdCurve, at_half: int, most: int) -> Whole:
    """Places of at most `most` positions, the first and the last among them."""
    last = curve.thresholds.size - 1
    own = np.unique([0, at_half, *_best(curve), last])
    corners = _corners(curve)
    # Of more corners than there is room for, the hull through every second one is hardly another.
    while own.size + corners.size > most:
        corners = corners[::2]
    own = np.union1d(own, corners)
    return np.union1d(own, _quantiles(last, most - own.size))


def _quantiles(last: int, count: int) -> Whole:
    return np.linspace(0, last, count + 2)[1:-1].round().astype(np.intp)


def _best(curve: ThresholdCurve) -> list[int]:
    """Best places by measures that the page offers."""
    measures = ("f1", "mcc", "accuracy", "balanced_accuracy")
    chosen = [curve.best(measure).threshold for measure in measures]
    return np.searchsorted(curve.thresholds, chosen).tolist()


def _corners(curve: ThresholdCurve) -> Whole:
    """Corners of the convex hull of the ROC curve: where blocks of isotonic regression begin."""
    tp, fp = curve.tp, curve.fp
    positive, negative = -np.diff(tp), -np.diff(fp)
    weight = positive + negative
    there = np.flatnonzero(weight > 0)
    share = positive[there] / weight[there]
    found: Any = isotonic_regression(share, weights=weight[there])
    return there[found.blocks[:-1]]


def _short(before: Array, scores: Array) -> list[float | None]:
    found = [
        _between(low, high) for low, high in zip(before.tolist(), scores.tolist(), strict=True)
    ]
    return [*found[:-1], 1.0 if before[-1] < 1.0 else None]


def _between(low: float, high: float) -> float:
    """Find a number of few digits in (low, high]."""
    if not low < high < np.inf:
        return high
    for digits in range(1, _DIGITS):
        short = float(f"{high:.{digits}g}")
        if low < short <= high:
            return short
    return high
