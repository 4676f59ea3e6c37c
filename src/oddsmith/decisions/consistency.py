"""What chance alone makes of exact probabilities: outcomes drawn by them, again and again."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from oddsmith.core.stable import Array

__all__ = ["Consistency", "GradedRows", "bin_error", "consistency", "grade"]

# Entries of the table of which quantiles are taken at once: 16 MiB of floats.
_ENTRIES = 2**21
# A binomial number takes as long as about so many uniform ones.
_BINOMIAL = 20

Places = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, slots=True, eq=False)
class GradedRows:
    """Rows gathered by their probability.

    Attributes
    ----------
    probability : array of shape (m,)
        Distinct, ascending.
    positive, negative : array of shape (m,)
        Weight of the rows of each class with that probability.
    weight : array of shape (m,)
        Of both together.
    starts : integer array of shape (m,)
        Where the rows of each probability begin among all n, sorted by probability.
    row_weight : array of shape (n,) or None
        In that order; None where each row counts once.
    n_rows : int
    bins : integer array of shape (b,)
        Where each of the bins of about equal weight begins among the m probabilities.
    """

    probability: Array
    positive: Array
    negative: Array
    weight: Array
    starts: Places
    row_weight: Array | None
    n_rows: int
    bins: Places

    @property
    def n_draws(self) -> int:
        """Random numbers that one draw of all outcomes takes, uniform ones or binomial ones."""
        return self.probability.size if self._binomial else self.n_rows

    @property
    def _binomial(self) -> bool:
        few = self.n_rows > _BINOMIAL * self.probability.size
        return self.row_weight is None and few

    def draw(self, rng: np.random.Generator) -> Array:
        """Weight of the positive rows, of shape (m,), were every row so with its probability."""
        if self._binomial:
            count = self.weight.astype(np.int64)
            return rng.binomial(count, self.probability).astype(np.float64)
        uniform = rng.random(self.n_rows)
        distinct = self.probability.size == self.n_rows
        chance = self.probability
        if not distinct:
            chance = np.repeat(chance, np.diff(self.starts, append=self.n_rows))
        drawn = (uniform < chance).astype(np.float64)
        if self.row_weight is not None:
            drawn *= self.row_weight
        return drawn if distinct else np.add.reduceat(drawn, self.starts)


@dataclass(frozen=True, slots=True, eq=False)
class Consistency:
    """What exact probabilities would show.

    Attributes
    ----------
    lower, upper : array of shape (m,)
        Between which the isotonic regression lies with a probability, pointwise.
    error : float
        Mean of the calibration error.
    """

    lower: Array
    upper: Array
    error: float


def grade(
    happened: np.ndarray[Any, np.dtype[np.bool_]],
    probability: Array,
    weight: Array | None,
    n_bins: int,
) -> GradedRows:
    """Gather rows by their probability; those without weight are left out.

    Parameters
    ----------
    happened : boolean array of shape (n,)
    probability : array of shape (n,)
    weight : array of shape (n,) or None
    n_bins : int
        Bins of equal weight; fewer where rows of one probability fill several.

    Examples
    --------
    >>> grade(np.array([True, False, True]), np.array([0.5, 0.2, 0.5]), None, 2).positive
    array([0., 2.])
    """
    if weight is not None and not weight.all():
        counts = weight > 0
        happened, probability, weight = happened[counts], probability[counts], weight[counts]
    order = np.argsort(probability, kind="stable")
    ranked = probability[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    yes = happened[order].astype(np.float64)
    row_weight = None if weight is None else weight[order]
    positive = np.add.reduceat(yes if row_weight is None else yes * row_weight, starts)
    no = 1.0 - yes
    # Summed, not had by a difference, which would lose the few against the many.
    negative = np.add.reduceat(no if row_weight is None else no * row_weight, starts)
    total = positive + negative
    before = np.cumsum(total) - 0.5 * total
    place = np.floor(n_bins * (before / total.sum()))
    bins = np.flatnonzero(np.diff(place, prepend=-1.0) > 0)
    return GradedRows(
        ranked[starts], positive, negative, total, starts, row_weight, ranked.size, bins
    )


def bin_error(rows: GradedRows, positive: Array) -> float:
    """Sum the calibration error: over bins abs(sum of weight (y - p)), by the sum of weight.

    Parameters
    ----------
    rows : GradedRows
    positive : array of shape (m,)
        Weight of the positive rows with each probability.
    """
    excess = np.add.reduceat(positive - rows.weight * rows.probability, rows.bins)
    return float(np.abs(excess).sum() / rows.weight.sum())


def consistency(
    rows: GradedRows, level: float, n_resamples: int, rng: np.random.Generator
) -> Consistency:
    """Draw outcomes by the probabilities and regress them again, `n_resamples` times.

    Notes
    -----
    The probabilities and the weights stay as they are, so that a band needs no interpolation;
    the R package reliabilitydiag of Dimitriadis, Gneiting and Jordan (2021) draws these anew, too.
    An isotonic regression is a step function of few steps: quantiles are taken once between two
    steps of any of them.
    """
    errors, firsts, values = [], [], []
    for _ in range(n_resamples):
        positive = rows.draw(rng)
        errors.append(bin_error(rows, positive))
        share = np.minimum(positive / rows.weight, 1.0)
        fitted = isotonic_regression(share, weights=rows.weight)
        # A copy, as SciPy gives a view of an array with an entry for each row.
        firsts.append(fitted.blocks[:-1].copy())
        values.append(fitted.x[fitted.blocks[:-1]])
    steps = np.unique(np.concatenate(firsts))
    ends = np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level])
    band = np.empty((2, steps.size))
    width = max(1, _ENTRIES // n_resamples)
    for start in range(0, steps.size, width):
        part = steps[start : start + width]
        table = np.stack(
            [
                x[np.searchsorted(first, part, "right") - 1]
                for first, x in zip(firsts, values, strict=True)
            ]
        )
        band[:, start : start + width] = np.quantile(table, ends, axis=0)
    # Quantiles of rising functions rise; interpolation must not let rounding say otherwise.
    band = np.maximum.accumulate(band, axis=1)
    sizes = np.diff(steps, append=rows.probability.size)
    return Consistency(np.repeat(band[0], sizes), np.repeat(band[1], sizes), float(np.mean(errors)))
