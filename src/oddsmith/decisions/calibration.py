"""Whether 0.8 means 0.8: reliability, and what it costs where it does not."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import xlog1py, xlogy

from oddsmith.core.stable import Array
from oddsmith.decisions.consistency import GradedRows, bin_error, consistency, grade
from oddsmith.decisions.outcomes import checked_weights, read_outcomes
from oddsmith.decisions.predictions import read_probability
from oddsmith.decisions.uncertainty import checked_count, checked_level, generator
from oddsmith.errors import ParameterError

__all__ = ["CalibrationError", "Decomposition", "Reliability", "reliability"]

# Random numbers that the resamples may take together, and how many are drawn at least.
_DRAWS = 2 * 10**7
_MOST_RESAMPLES = 1000
_LEAST_RESAMPLES = 100
# A level so near 1 that it needs more would take very long: the user has to ask for it.
_UNASKED_RESAMPLES = 100_000


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
        Rows that have weight.
    log_loss, brier : Decomposition
        The log loss in nats per unit of weight. It is ``inf``, and its miscalibration with it,
        where a probability of exactly 0 or 1 was wrong: `notes` say so.
    error : CalibrationError
    positive : label
        The class that the probabilities are of.
    n_resamples : int
        Of the outcomes, from which the band and the bias of the error are.
    notes : tuple of str
        What a reader has to know.
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
    positive: Any = None
    n_resamples: int = 0
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} of {self.n_rows} rows at {self.probability.size} "
            f"probabilities, positive {self.positive!r}: log loss {self.log_loss.score:.4g}, of it "
            f"miscalibration {self.log_loss.miscalibration:.4g}>"
        )


def reliability(
    y: Any,
    probability: Any,
    sample_weight: Any = None,
    *,
    positive: Any = None,
    level: float = 0.9,
    n_resamples: int | None = None,
    n_bins: int = 10,
    random_state: Any = 0,
) -> Reliability:
    """Hold probabilities against what happened: whether 0.8 means 0.8, and what it costs if not.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels of two classes, or of more where `positive` is given, which is held against the rest.
    probability : array-like of shape (n,)
        Of the positive class.
    sample_weight : array-like of shape (n,), optional
        How much each row counts. A row is one outcome, whatever its weight.
    positive : label, optional
        By default the second label, sorted.
    level : float
        Of the consistency band, pointwise.
    n_resamples : int, optional
        Draws of the outcomes for the band and for the bias of the calibration error. By default
        1,000, and fewer beyond 20,000 random numbers a draw, down to 100 from 200,000 on; always
        as many as leave five beyond either end of the band.
    n_bins : int
        Of the calibration error: bins of equal weight.
    random_state : int, Generator or None
        0 by default: the same rows give the same band. None draws anew in each call.

    Returns
    -------
    Reliability

    Raises
    ------
    DataError
        If y does not hold labels of one class and another, or a probability is none.
    ParameterError
        If an argument cannot be used.

    Notes
    -----
    The CORP approach of Dimitriadis, Gneiting and Jordan (2021), "Stable reliability diagrams for
    probabilistic classifiers", PNAS 118(8): isotonic regression on the distinct probabilities by
    pooling adjacent violators; for both scores

        miscalibration = score(probability) - score(recalibrated)
        discrimination = score(share of the class) - score(recalibrated)
        uncertainty    = score(share of the class)

    none of which is negative. With the weights P and N of the classes in a pooled block, the block
    adds -P log(P / (P + N)) - N log(N / (P + N)) to the log loss of the recalibrated, and
    P N / (P + N) to the Brier score.

    Examples
    --------
    >>> found = reliability([0, 1, 0, 1, 1, 1], [0.1, 0.3, 0.4, 0.6, 0.8, 0.9])
    >>> found.recalibrated
    array([0. , 0.5, 0.5, 1. , 1. , 1. ])
    >>> round(found.brier.score, 4), round(found.brier.miscalibration, 4)
    (0.145, 0.0617)
    """
    outcomes = read_outcomes(y, positive)
    n = outcomes.happened.size
    chances, weight = read_probability(probability, n), checked_weights(sample_weight, n)
    level, n_bins = checked_level(level), checked_count(n_bins, "n_bins", 1)
    if n_resamples is not None:
        n_resamples = checked_count(n_resamples, "n_resamples", 1)
    rng = generator(random_state)
    rows = grade(outcomes.happened, chances, weight, n_bins)
    draws = _resamples(rows, level) if n_resamples is None else n_resamples
    share = np.minimum(rows.positive / rows.weight, 1.0)
    fitted = isotonic_regression(share, weights=rows.weight)
    log_loss, brier = _decomposed(rows, fitted.blocks[:-1])
    band = consistency(rows, level, draws, rng)
    error = CalibrationError(bin_error(rows, rows.positive), band.error, rows.bins.size)
    return Reliability(
        rows.probability,
        rows.weight,
        rows.positive,
        fitted.x,
        band.lower,
        band.upper,
        level,
        rows.n_rows,
        log_loss,
        brier,
        error,
        outcomes.positive,
        draws,
        _notes(rows, n, draws),
    )


def _resamples(rows: GradedRows, level: float) -> int:
    """As many as take a second or so; and enough of them beyond the ends of the band."""
    quick = min(_MOST_RESAMPLES, max(_LEAST_RESAMPLES, _DRAWS // rows.n_draws))
    needed = math.ceil(10.0 / (1.0 - level) - 1e-6)
    if needed > _UNASKED_RESAMPLES:
        raise ParameterError(
            f"level={level!r} needs {needed:,} draws of the outcomes to have five beyond either "
            "end of the band; lower it, or say by n_resamples= how many to make."
        )
    return max(quick, needed)


def _decomposed(rows: GradedRows, blocks: Any) -> tuple[Decomposition, Decomposition]:
    """Mean log loss and mean Brier score in three parts, see `reliability`."""
    p, yes, no = rows.probability, rows.positive, rows.negative
    total = rows.weight.sum()
    log_loss = -(xlogy(yes, p) + xlog1py(no, -p)).sum() / total
    brier = (yes * (1.0 - p) ** 2 + no * p**2).sum() / total
    pooled = np.add.reduceat(yes, blocks), np.add.reduceat(no, blocks)
    everything = yes.sum(keepdims=True), no.sum(keepdims=True)
    return (
        _parts(log_loss, _entropy(*pooled) / total, _entropy(*everything) / total),
        _parts(brier, _variance(*pooled) / total, _variance(*everything) / total),
    )


def _parts(score: float, recalibrated: float, uncertainty: float) -> Decomposition:
    # What is never negative must not become so by rounding.
    return Decomposition(
        float(score) + 0.0,
        max(float(score - recalibrated), 0.0),
        max(float(uncertainty - recalibrated), 0.0),
        float(uncertainty) + 0.0,
    )


def _entropy(yes: Array, no: Array) -> float:
    both = yes + no
    return float(-(xlogy(yes, yes / both) + xlogy(no, no / both)).sum())


def _variance(yes: Array, no: Array) -> float:
    return float((yes * (no / (yes + no))).sum())


def _notes(rows: GradedRows, n: int, draws: int) -> tuple[str, ...]:
    notes: list[str] = []
    p = rows.probability
    wrong = rows.positive[p == 0].sum() + rows.negative[p == 1].sum()
    if wrong > 0:
        notes.append(
            "The log loss is infinite: some rows whose probability was exactly 0 or 1 (weight "
            f"{wrong:g} of {rows.weight.sum():g}) turned out otherwise."
        )
    if rows.n_rows < n:
        notes.append(f"{n - rows.n_rows:,} rows of weight 0 were left out.")
    if rows.row_weight is not None:
        notes.append("In the band each row is one outcome, whatever its weight.")
    if draws < _MOST_RESAMPLES:
        notes.append(
            f"The band and the bias are from {draws} draws of the outcomes; n_resamples= sets more."
        )
    if p.size == 1:
        notes.append("All probabilities are the same, so that nothing is told apart by them.")
    return tuple(notes)
