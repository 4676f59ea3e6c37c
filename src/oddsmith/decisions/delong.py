"""Areas under ROC curves of several models on the same rows, with standard errors (DeLong)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.stable import Array

__all__ = ["Areas", "Flags", "delong", "mean_and_variance"]

Flags = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """Areas under the ROC curves of M models on the same rows.

    Attributes
    ----------
    of_yes : array of shape (M, n1)
        Placements of the positive rows.
    of_no : array of shape (M, n0)
        Placements of the negative rows.
    w_yes, w_no : array of shape (n1,) and (n0,)
        Weights of these rows.
    """

    of_yes: Array
    of_no: Array
    w_yes: Array
    w_no: Array

    @property
    def auc(self) -> Array:
        """Areas, of shape (M,)."""
        return np.array([mean_and_variance(row, self.w_yes)[0] for row in self.of_yes])

    def standard_error(self, model: int) -> float:
        """Of the area of a model; NaN where a class has one row only."""
        return self._of(self.of_yes[model], self.of_no[model])[1]

    def difference(self, one: int, other: int) -> tuple[float, float]:
        """AUC of a model minus that of another, and the standard error of that."""
        yes, no = self.of_yes[one] - self.of_yes[other], self.of_no[one] - self.of_no[other]
        return self._of(yes, no) if yes.any() or no.any() else (0.0, 0.0)

    def _of(self, yes: Array, no: Array) -> tuple[float, float]:
        # The placements' differences, and not those of their covariances: nothing cancels.
        value, from_yes = mean_and_variance(yes, self.w_yes)
        _, from_no = mean_and_variance(no, self.w_no)
        return value, math.sqrt(from_yes + from_no)


def delong(happened: Flags, scores: Sequence[Array], weight: Array | None = None) -> Areas:
    """Areas and their covariance by placements, in n log n steps a model.

    Parameters
    ----------
    happened : boolean array of shape (n,)
        Rows of the positive class; at least one is, and at least one is not.
    scores : M arrays of shape (n,)
    weight : array of shape (n,), optional
        Positive.

    Notes
    -----
    The placement of a positive row is the share of the negative ones below it, ties counted half,
    and that of a negative row the share of the positive ones above it (DeLong, DeLong and
    Clarke-Pearson, 1988, "Comparing the areas under two or more correlated receiver operating
    characteristic curves"). AUC is the mean of either, and its variance

        S10 / n1 + S01 / n0,

    with the sample variances S of the placements in the two classes; that of a difference has
    the differences of two models' placements. Sums along the sorted scores give placements as
    midranks do (Sun and Xu, 2014, "Fast implementation of DeLong's algorithm"), and honour
    weights: shares are then of the weight, and variances those of `mean_and_variance`. With equal
    weights they are DeLong's.

    Examples
    --------
    >>> happened = np.array([True, True, False, False, False])
    >>> found = delong(happened, [np.array([0.9, 0.4, 0.5, 0.2, 0.1])])
    >>> round(float(found.auc[0]), 4), round(found.standard_error(0), 4)
    (0.8333, 0.2357)
    """
    w = np.ones(happened.size) if weight is None else weight
    pairs = [_placements(happened, score, w) for score in scores]
    yes, no = np.stack([yes for yes, _ in pairs]), np.stack([no for _, no in pairs])
    return Areas(yes, no, w[happened], w[~happened])


def mean_and_variance(values: Array, weight: Array) -> tuple[float, float]:
    """Weighted mean of rows, and its variance by linearisation: NaN of one row.

    Parameters
    ----------
    values : array of shape (n,)
    weight : array of shape (n,)
        Positive.

    Notes
    -----
    sum_i w_i^2 (v_i - mean)^2 / (sum_i w_i)^2 * n / (n - 1): with equal weights the sample
    variance over n.

    Examples
    --------
    >>> mean_and_variance(np.array([1.0, 2.0, 3.0]), np.ones(3))
    (2.0, 0.3333333333333333)
    """
    n = values.size
    if math.isfinite(values[0]) and (values == values[0]).all():
        # A mean that is rounded would leave a spread where there is none.
        return float(values[0]), 0.0 if n > 1 else math.nan
    share = weight / weight.sum()
    mean = float(values @ share)
    if not math.isfinite(mean):
        return mean, math.nan
    apart = (values - mean) * share
    return mean, float(apart @ apart * (n / (n - 1)))


def _placements(happened: Flags, score: Array, weight: Array) -> tuple[Array, Array]:
    """Placements of the positive rows and of the negative ones, each in their order."""
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    yes = np.where(happened, weight, 0.0)[order]
    no = np.where(happened, 0.0, weight)[order]
    tie = np.empty(order.size, dtype=np.intp)
    tie[order] = np.repeat(np.arange(starts.size), np.diff(starts, append=order.size))
    beaten = _shares_below(np.add.reduceat(no, starts))
    # From above, so that the best rows' shares are exactly 1 as well.
    beating = _shares_below(np.add.reduceat(yes, starts)[::-1])[::-1]
    return beaten[tie[happened]], beating[tie[~happened]]


def _shares_below(steps: Array) -> Array:
    """Share of the total that lies before each step, and half of the step."""
    sums = np.cumsum(steps)
    return (np.concatenate([[0.0], sums[:-1]]) + 0.5 * steps) / sums[-1]
