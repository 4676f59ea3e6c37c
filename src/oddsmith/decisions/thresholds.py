"""What every threshold yields, counted at each distinct score; and the best one."""

import warnings
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.decisions.outcomes import (
    Outcomes,
    checked_weights,
    label_column,
    plain,
    read_outcomes,
)
from oddsmith.decisions.predictions import read_scores
from oddsmith.decisions.threshold_bootstrap import cells_of, sampled
from oddsmith.decisions.threshold_choice import Choice, Counts, Rule, pick, read_rule, row_costs
from oddsmith.decisions.threshold_measures import Measures
from oddsmith.decisions.threshold_rows import SortedRows, sorted_rows, sums
from oddsmith.decisions.uncertainty import checked_count, checked_level, generator
from oddsmith.errors import DataError, OddsmithWarning, ParameterError

__all__ = ["Choice", "ThresholdCurve", "threshold_curve"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ThresholdCurve(Measures):
    """What every threshold yields: a row is positive where score >= threshold.

    The measures `accuracy`, `precision`, `recall`, `specificity`, `f1`, `balanced_accuracy`,
    `youden` and `mcc`, `f_beta(beta)`, and the total `cost(fp, fn, tp, tn)` are arrays of shape
    (m,), NaN where there is nothing to divide by.

    Attributes
    ----------
    thresholds : array of shape (m,)
        The distinct scores, ascending, and then ``inf``, at which no row is positive.
    tp, fp, tn, fn : array of shape (m,)
        Weight of the rows that are true positives, false positives, ...: counts without weights.
    n_rows : int
        Rows of positive weight.
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
    _rows: SortedRows | None = field(default=None)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} of {self.n_rows} rows at {self.thresholds.size} thresholds, "
            f"positive {self.positive!r}>"
        )

    def at(self, threshold: float, objective: str | None = None, *, cost: Any = None) -> Choice:
        """Say what one threshold yields, also one between the scores.

        Parameters
        ----------
        threshold : float
        objective : str, optional
            A measure, for `Choice.value`.
        cost : dict, optional
            Costs in place of it, as in `best`.

        Returns
        -------
        Choice

        Raises
        ------
        ParameterError
            If threshold is no number, or the objective none.
        """
        if not isinstance(threshold, Real) or np.isnan(float(threshold)):
            raise ParameterError(f"threshold={threshold!r} is no number.")
        # The first score that is no smaller has the same rows above it.
        place = int(np.searchsorted(self.thresholds, float(threshold)))
        if objective is None and cost is None:
            return self._choice(place, "none", np.nan, 1, threshold)
        rule = self._rule(objective, cost, None)
        values, _ = rule.values(self._counts(rule))
        return self._choice(place, rule.words, values[place], 1, threshold)

    def best(
        self,
        objective: str | None = None,
        *,
        cost: Any = None,
        subject_to: Any = None,
        n_bootstrap: int = 0,
        level: float = 0.95,
        random_state: Any = None,
    ) -> Choice:
        """Choose the best of all thresholds.

        Of those that tie, to rounding, the one with the highest balanced accuracy is chosen, and
        of these the highest: with "recall" under a constraint that is the one with the fewest
        false positives. `Choice.ties` says how many there were.

        Parameters
        ----------
        objective : str, optional
            A measure: "accuracy", "balanced_accuracy", "f1" ("f0.5", "f2", ...), "mcc",
            "precision", "recall", "specificity" or "youden".
        cost : dict, optional
            In place of it, what each kind of row costs, such as ``{"fp": 1, "fn": 5}``, also "tp"
            and "tn": numbers, or arrays with one for each of the rows that the curve is of. The
            least total is the best.
        subject_to : dict, optional
            The least that other measures must be, such as ``{"precision": 0.9}``.
        n_bootstrap : int, default 0
            Samples of the rows for the intervals of threshold and value.
        level : float, default 0.95
            Of the intervals.
        random_state : int, Generator, RandomState or None
            Of the samples.

        Returns
        -------
        Choice

        Raises
        ------
        DataError
            If no threshold meets the constraints: it says how far one gets.
        ParameterError
            If there is neither an objective nor a cost, or they are not understood.

        Warns
        -----
        OddsmithWarning
            If some samples have no threshold that meets the constraints.

        Examples
        --------
        >>> curve = threshold_curve([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
        >>> chosen = curve.best(cost={"fp": 1, "fn": 5})
        >>> chosen.threshold, chosen.value, chosen.recall
        (0.4, 1.0, 1.0)
        """
        n_bootstrap, level = checked_count(n_bootstrap, "n_bootstrap", 0), checked_level(level)
        rule = self._rule(objective, cost, subject_to)
        place, ties, values = pick(self._counts(rule), rule, self.thresholds)
        chosen = self._choice(place, rule.words, values[place], ties)
        if not n_bootstrap:
            return chosen
        rows = self._known_rows()
        cells = cells_of(rows, row_costs(rule, rows) if rule.by_row else None)
        rng = generator(random_state)
        found = sampled(cells, rule, self.thresholds, (place, values), n_bootstrap, level, rng)
        if found.lost:
            warnings.warn(
                f"{found.lost} of {found.lost + n_bootstrap} samples of the rows had one class, or "
                f"no threshold that meets the constraints, and were drawn again; the intervals of "
                f"{rule.words} are of the others.",
                OddsmithWarning,
                stacklevel=2,
            )
        return replace(
            chosen,
            threshold_interval=found.threshold_interval,
            value_interval=found.value_interval,
            optimism=found.optimism,
            level=level,
            n_bootstrap=n_bootstrap,
        )

    def _rule(self, objective: Any, cost: Any, subject_to: Any) -> Rule:
        n = 0 if self._rows is None else self._rows.n_given
        return read_rule(objective, cost, subject_to, n)

    def _known_rows(self) -> SortedRows:
        if self._rows is None:
            raise ParameterError(
                "this curve was put together from counts and knows no rows; make it by "
                "threshold_curve(y, score)."
            )
        return self._rows

    def _counts(self, rule: Rule) -> Counts:
        counts = self.tp, self.fp, self.tn, self.fn
        if not rule.by_row:
            return Counts(*counts)
        rows = self._known_rows()
        spared, called = row_costs(rule, rows)
        cost = sums(spared, rows.start)[0] + sums(called, rows.start)[1]
        size = sums(np.abs(spared), rows.start)[0] + sums(np.abs(called), rows.start)[1]
        return Counts(*counts, cost, size)

    def _choice(
        self, place: int, words: str, value: Any, ties: int, threshold: float | None = None
    ) -> Choice:
        at = self.thresholds[place] if threshold is None else threshold
        tp, fp, tn, fn = (float(count[place]) for count in (self.tp, self.fp, self.tn, self.fn))
        return Choice(float(at), words, float(value), tp, fp, tn, fn, ties)


def threshold_curve(
    y: Any, score: Any, sample_weight: Any = None, *, positive: Any = None
) -> ThresholdCurve:
    """Count what every threshold yields: one sort, and sums from both of its ends.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels of two classes.
    score : array-like of shape (n,)
        Larger where a row is more likely positive: probabilities, margins, any finite numbers.
        They are read as float64.
    sample_weight : array-like of shape (n,), optional
        2 counts a row twice, 0 leaves it out.
    positive : label, optional
        The class that score speaks for, by default the second in sorted order. All others are
        negative, also where they are several.

    Returns
    -------
    ThresholdCurve

    Raises
    ------
    DataError
        If there are not two classes, or scores or weights that are no finite numbers.
    ParameterError
        If no row is of the positive class.

    Warns
    -----
    OddsmithWarning
        If all scores are equal, so that rows are all positive or all negative.

    Examples
    --------
    >>> curve = threshold_curve(["no", "no", "yes", "yes"], [0.1, 0.6, 0.4, 0.9])
    >>> curve.thresholds, curve.tp, curve.fp
    (array([0.1, 0.4, 0.6, 0.9, inf]), array([2., 2., 1., 1., 0.]), array([2., 1., 1., 0., 0.]))
    >>> curve.best("recall", subject_to={"precision": 0.9}).threshold
    0.9
    """
    outcomes = _of_both_classes(y, positive)
    n = outcomes.happened.size
    scores, weight = read_scores(score, n), checked_weights(sample_weight, n)
    distinct, rows = sorted_rows(outcomes.happened, scores, weight)
    if distinct.size == 1:
        warnings.warn(
            f"all scores are {distinct[0]:g}, so that no threshold tells one row from another: "
            "either all are positive or none is.",
            OddsmithWarning,
            stacklevel=2,
        )
    if rows.weight is None:
        fn, tp = sums(rows.positive, rows.start)
        below, above = rows.start, rows.positive.size - rows.start
        tn, fp = below - fn, above - tp
    else:
        fn, tp = sums(np.where(rows.positive, rows.weight, 0.0), rows.start)
        tn, fp = sums(np.where(rows.positive, 0.0, rows.weight), rows.start)
    thresholds = np.append(distinct, np.inf)
    for array in (thresholds, tp, fp, tn, fn):
        array.flags.writeable = False
    return ThresholdCurve(thresholds, tp, fp, tn, fn, rows.positive.size, outcomes.positive, rows)


def _of_both_classes(y: Any, positive: Any) -> Outcomes:
    labels = label_column(y)
    if bool(np.all(labels == labels[0])):
        raise DataError(
            f"y holds one class only, {plain(labels[0])!r}: a threshold can be judged by rows of "
            "both."
        )
    return read_outcomes(labels, positive)
