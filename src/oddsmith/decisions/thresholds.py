"""What every threshold yields, counted at each distinct score; and the best one."""

from dataclasses import dataclass
from typing import Any

from oddsmith.core.stable import Array

__all__ = ["Choice", "ThresholdCurve", "threshold_curve"]


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdCurve:
    """What every threshold yields: a row is positive where score >= threshold.

    Attributes
    ----------
    thresholds : array of shape (m,)
        The distinct scores, ascending, and then ``inf``, at which no row is positive.
    tp, fp, tn, fn : array of shape (m,)
        Weight of the rows that are true positives, false positives, ...: counts without weights.
    n_rows : int
    positive : label
        The class that score speaks for.
    """

    thresholds: Array
    tp: Array
    fp: Array
    tn: Array
    fn: Array
    n_rows: int
    positive: Any


@dataclass(frozen=True, slots=True)
class Choice:
    """A threshold, and what it yields.

    Attributes
    ----------
    threshold : float
    objective : str
        What it is the best by, in words: "f1", "cost (fp 1, fn 5)".
    value : float
        Of the objective.
    tp, fp, tn, fn : float
    """

    threshold: float
    objective: str
    value: float
    tp: float
    fp: float
    tn: float
    fn: float


def threshold_curve(y: Any, score: Any, sample_weight: Any = None) -> ThresholdCurve:
    """Count what every threshold yields."""
    raise NotImplementedError
