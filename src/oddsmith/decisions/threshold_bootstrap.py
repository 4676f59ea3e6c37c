"""How a chosen threshold, and what it yields, vary from one sample of the rows to another.

Rows are drawn with replacement, and a threshold is chosen from each sample as it was from all rows
(Efron and Tibshirani, 1993, chapter 13). A choice looks better on the rows that it was made on than
on others: by how much, the samples show as well (Efron and Gong, 1983, section 7), since the
thresholds chosen from them can be judged on all rows. The interval of the value is that of the
chosen threshold on rows drawn anew, moved by this optimism.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.decisions.threshold_choice import Counts, Rule, pick
from oddsmith.decisions.threshold_rows import SortedRows, sums
from oddsmith.errors import DataError

__all__ = ["Cells", "Sampled", "cells_of", "sampled"]

# Rows that are alike for each kind of them from which counting kinds beats drawing rows.
_ALIKE = 4
# Samples of one class, or without a threshold that meets the constraints, for each that is wanted.
_MOST_LOST = 10


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows to draw from, or kinds of rows that are alike, by their score.

    Attributes
    ----------
    times : array of shape (k,), or None
        Rows of each kind; None where each is one row.
    n : int
        Rows.
    start : integer array of shape (m,)
        First cell of each distinct score; and k.
    positive, negative : array of shape (k,)
        Weight of a row that is positive, else 0; the same of negative ones.
    spared, called : array of shape (k,), or None
        What a row costs that is called negative, or positive.
    """

    times: Array | None
    n: int
    start: np.ndarray[Any, np.dtype[np.intp]]
    positive: Array
    negative: Array
    spared: Array | None
    called: Array | None

    def draw(self, rng: np.random.Generator) -> Array:
        """How often each cell comes in n draws."""
        if self.times is not None:
            return rng.multinomial(self.n, self.times / self.n).astype(np.float64)
        drawn = rng.integers(0, self.n, self.n)
        return np.bincount(drawn, minlength=self.n).astype(np.float64)

    def counts(self, drawn: Array) -> Counts:
        """Count what the thresholds of the curve yield on a sample."""
        fn, tp = sums(drawn * self.positive, self.start)
        tn, fp = sums(drawn * self.negative, self.start)
        if self.spared is None or self.called is None:
            return Counts(tp, fp, tn, fn)
        cost = _split(drawn, self.spared, self.called, self.start)
        size = _split(drawn, np.abs(self.spared), np.abs(self.called), self.start)
        return Counts(tp, fp, tn, fn, cost, size)


def _split(drawn: Array, spared: Array, called: Array, start: Any) -> Array:
    return sums(drawn * spared, start)[0] + sums(drawn * called, start)[1]


def cells_of(rows: SortedRows, costs: tuple[Array, Array] | None) -> Cells:
    """Rows as they are drawn from: counted by score and class where many are alike."""
    n, m = rows.positive.size, rows.start.size - 1
    if costs is None and rows.weight is None and n >= _ALIKE * 2 * m:
        hits = np.add.reduceat(rows.positive, rows.start[:-1], dtype=np.float64)
        times = np.column_stack([hits, np.diff(rows.start) - hits]).ravel()
        kind = np.tile([1.0, 0.0], m)
        return Cells(times, n, 2 * np.arange(m + 1), kind, 1.0 - kind, None, None)
    weight = np.ones(n) if rows.weight is None else rows.weight
    return Cells(
        None,
        n,
        rows.start,
        np.where(rows.positive, weight, 0.0),
        np.where(rows.positive, 0.0, weight),
        *(costs or (None, None)),
    )


@dataclass(frozen=True, slots=True)
class Sampled:
    """What the samples tell; `lost` of them had no threshold to choose."""

    threshold_interval: tuple[float, float]
    value_interval: tuple[float, float]
    optimism: float
    lost: int


def sampled(
    cells: Cells,
    rule: Rule,
    thresholds: Array,
    chosen: tuple[int, Array],
    n_bootstrap: int,
    level: float,
    rng: np.random.Generator,
) -> Sampled:
    """Choose from many samples.

    Parameters
    ----------
    cells : Cells
    rule : Rule
    thresholds : array of shape (m,)
    chosen : (int, array of shape (m,))
        Place of the choice from all rows, and the objective of all rows.
    n_bootstrap : int
    level : float
    rng : Generator

    Raises
    ------
    DataError
        If hardly any sample has both classes and a threshold that meets the constraints.
    """
    place, values = chosen
    found = np.empty((n_bootstrap, 3))
    done = lost = 0
    while done < n_bootstrap:
        counts = cells.counts(cells.draw(rng))
        own = _choice(counts, rule, thresholds)
        if own is None:
            lost += 1
            if lost > _MOST_LOST * (n_bootstrap + 10):
                raise DataError(
                    f"of {lost + done} samples of the rows {done} have both classes and a "
                    "threshold that meets the constraints, too few for intervals; ask for less, "
                    "or leave n_bootstrap out."
                )
            continue
        best, drawn = own
        found[done] = thresholds[best], drawn[best] - values[best], drawn[place]
        done += 1
    tails = [0.5 * (1.0 - level), 0.5 * (1.0 + level)]
    # A percentile of thresholds is one of them: between one and inf there is none.
    low, high = np.quantile(found[:, 0], tails, method="inverted_cdf").tolist()
    optimism = float(np.nanmean(found[:, 1]))
    least, most = (np.nanquantile(found[:, 2], tails) - optimism).tolist()
    return Sampled((low, high), (least, most), optimism, lost)


def _choice(counts: Counts, rule: Rule, thresholds: Array) -> tuple[int, Array] | None:
    if counts.tp[0] == 0.0 or counts.fp[0] == 0.0:
        return None
    try:
        best, _, values = pick(counts, rule, thresholds)
    except DataError:
        return None
    return best, values
