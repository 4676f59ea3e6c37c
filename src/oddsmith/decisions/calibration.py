"""Whether 0.8 means 0.8: reliability, and what it costs where it does not."""

from dataclasses import dataclass

from oddsmith.core.stable import Array

__all__ = ["CalibrationError", "Decomposition", "Reliability", "reliability"]


@dataclass(frozen=True, slots=True)
class Decomposition:
    """A mean score in three parts: score = miscalibration - discrimination + uncertainty.

    Attributes
    ----------
    score : float
        Of the probabilities (nats for log loss).
    miscalibration : float
        What recalibration (isotonic) would gain.
    discrimination : float
        What the recalibrated probabilities gain over the share of the class alone.
    uncertainty : float
        Score of that share.
    """

    score: float
    miscalibration: float
    discrimination: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """Expected calibration error, and how much of it chance alone makes.

    Attributes
    ----------
    value : float
        Weighted mean of abs(observed share - mean probability) over bins.
    bias : float
        Its mean were the probabilities exact: with finite bins it is never 0.
    n_bins : int
    """

    value: float
    bias: float
    n_bins: int


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Observed shares against probabilities, by isotonic regression.

    Attributes
    ----------
    probability : array of shape (m,)
        Distinct probabilities, ascending.
    weight : array of shape (m,)
        Weight of the rows with that probability.
    positive_weight : array of shape (m,)
        Weight of those of the positive class among them.
    recalibrated : array of shape (m,)
        Isotonic regression (pool adjacent violators) at each probability.
    lower, upper : array of shape (m,)
        Consistency band: where `recalibrated` would lie with probability `level`, pointwise, were
        the probabilities exact.
    level : float
    n_rows : int
    log_loss, brier : Decomposition
    error : CalibrationError
    """

    probability: Array
    weight: Array
    positive_weight: Array
    recalibrated: Array
    lower: Array
    upper: Array
    level: float
    n_rows: int
    log_loss: Decomposition
    brier: Decomposition
    error: CalibrationError


def reliability(y, probability, sample_weight=None) -> Reliability:
    """Hold probabilities against what happened."""
    raise NotImplementedError
