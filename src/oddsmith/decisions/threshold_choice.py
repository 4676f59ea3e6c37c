"""The best threshold by a measure or by costs, under constraints; ties broken by a stated rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.decisions.costs import ERRORS, read_costs
from oddsmith.decisions.threshold_measures import Measures, measure_named
from oddsmith.decisions.threshold_rows import SortedRows
from oddsmith.errors import DataError, ParameterError

__all__ = ["Choice", "Counts", "Rule", "pick", "read_rule", "row_costs"]

# Values that differ by no more than this share of what they are made of are equal to rounding.
_SLACK = 64 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class Choice(Measures):
    """A threshold, and what it yields: measures are properties, as of a curve.

    Attributes
    ----------
    threshold : float
        A row is positive where score >= threshold; ``inf`` where none is.
    objective : str
        What it is the best by, in words: "f1", "cost (fp 1, fn 5)".
    value : float
        Of the objective; NaN where there is none. Costs are totals.
    tp, fp, tn, fn : float
    ties : int
        How many thresholds have this value, to rounding.
    threshold_interval : (float, float), or None
        Between which thresholds the choices from rows drawn anew lie (percentiles).
    value_interval : (float, float), or None
        Of the value that this very threshold has, the optimism taken off.
    optimism : float or None
        How much better than it is a choice looks on the rows that it was made on, on average over
        the samples; ``value - optimism`` is what to expect of other rows.
    level : float or None
        Of the intervals.
    n_bootstrap : int
        Samples that the intervals are of.
    """

    threshold: float
    objective: str
    value: float
    tp: float
    fp: float
    tn: float
    fn: float
    ties: int = 1
    threshold_interval: tuple[float, float] | None = None
    value_interval: tuple[float, float] | None = None
    optimism: float | None = None
    level: float | None = None
    n_bootstrap: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Counts(Measures):
    """What m thresholds yield, with the cost where rows have their own.

    Attributes
    ----------
    tp, fp, tn, fn : array of shape (m,)
    row_cost : array of shape (m,), or None
    row_size : array of shape (m,), or None
        The same sum of absolute costs, which its rounding goes by.
    """

    tp: Array
    fp: Array
    tn: Array
    fn: Array
    row_cost: Array | None = None
    row_size: Array | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What is the best, under which constraints.

    Attributes
    ----------
    name : str
        Of a measure, or "cost".
    cost : dict of str to float, or to array of shape (n,), or None
        If given, the least total is the best.
    bounds : tuple of (str, float)
        Measures, and the least that they must be.
    """

    name: str
    cost: dict[str, Any] | None
    bounds: tuple[tuple[str, float], ...]

    @property
    def words(self) -> str:
        """As `Choice.objective` has it."""
        found = self.name
        if self.cost is not None:
            parts = [
                f"{error} {'by row' if np.ndim(cost) else f'{cost:g}'}"
                for error, cost in self.cost.items()
            ]
            found = f"cost ({', '.join(parts)})"
        return found + "".join(f", {name} at least {bound:g}" for name, bound in self.bounds)

    @property
    def by_row(self) -> bool:
        """Whether rows have costs of their own."""
        return self.cost is not None and any(np.ndim(cost) for cost in self.cost.values())

    def values(self, counts: Counts) -> tuple[Array, Any]:
        """Objective at each threshold, and the size that its rounding goes by."""
        if self.cost is None:
            return measure_named(counts, self.name), 1.0
        if counts.row_cost is not None:
            return counts.row_cost, counts.row_size
        sizes = {error: abs(cost) for error, cost in self.cost.items()}
        return counts.cost(**self.cost), counts.cost(**sizes)


def read_rule(objective: Any, cost: Any, subject_to: Any, n: int = 0) -> Rule:
    """Read what the user means by the best.

    Parameters
    ----------
    objective : str or None
    cost : dict or None
        In place of an objective.
    subject_to : dict of str to float, or None
    n : int
        Rows that may have costs of their own.

    Raises
    ------
    ParameterError
    """
    if (objective is None) == (cost is None):
        raise ParameterError(
            f"objective={objective!r} and cost={cost!r}: say what the best threshold is the best "
            "by, either a measure such as 'f1', or cost={'fp': 1, 'fn': 5}."
        )
    one = Counts(*np.ones((4, 1)))
    if cost is None:
        measure_named(one, objective)
    bounds: list[tuple[str, float]] = []
    if subject_to is not None and not isinstance(subject_to, Mapping):
        raise ParameterError(
            f"subject_to={subject_to!r} is not understood; give the least that measures must be, "
            "such as {'precision': 0.9}."
        )
    for name, bound in (subject_to or {}).items():
        measure_named(one, name)
        if not isinstance(bound, Real) or not np.isfinite(float(bound)):
            raise ParameterError(
                f"subject_to[{name!r}]={bound!r} is no number; give the least that it must be."
            )
        bounds.append((name, float(bound)))
    costs = None if cost is None else read_costs(cost, n)
    return Rule("cost" if costs is not None else objective, costs, tuple(bounds))


def row_costs(rule: Rule, rows: SortedRows) -> tuple[Array, Array]:
    """Cost of each sorted row, its weight included: if called negative, if called positive."""
    given = rule.cost or {}
    costs = [
        np.broadcast_to(np.asarray(given.get(error, 0.0)), rows.n_given)[rows.order]
        for error in ERRORS
    ]
    fp, fn, tp, tn = costs
    weight = 1.0 if rows.weight is None else rows.weight
    spared = np.where(rows.positive, fn, tn) * weight
    called = np.where(rows.positive, tp, fp) * weight
    return spared, called


def pick(counts: Counts, rule: Rule, thresholds: Array) -> tuple[int, int, Array]:
    """Place of the best threshold, how many tie, and the objective at each.

    Of thresholds that tie, the one with the highest balanced accuracy, so that none is chosen
    where another has more true positives for no more false ones, or fewer false ones for no fewer
    true ones; and of these the highest.

    Raises
    ------
    DataError
        If no threshold meets the constraints, or the objective is NaN at all of them.
    """
    values, size = rule.values(counts)
    usable = _met(counts, rule.bounds, thresholds) & ~np.isnan(values)
    if not usable.any():
        raise DataError(
            f"{rule.name} has nothing to divide by at any threshold that meets the constraints; "
            "choose by another measure."
        )
    signed = values if rule.cost is None else -values
    best = int(np.argmax(np.where(usable, signed, -np.inf)))
    slack = _SLACK * (size if np.ndim(size) == 0 else np.maximum(size, size[best]))
    tied = np.flatnonzero(usable & (signed >= signed[best] - slack))
    if tied.size > 1:
        spread = _some(counts, tied).balanced_accuracy
        best = int(tied[np.flatnonzero(spread >= spread.max() - _SLACK)[-1]])
    return best, tied.size, values


def _some(counts: Counts, places: Any) -> Counts:
    return Counts(counts.tp[places], counts.fp[places], counts.tn[places], counts.fn[places])


def _met(counts: Counts, bounds: tuple[tuple[str, float], ...], thresholds: Array) -> Any:
    """Where all constraints are met."""
    met = np.ones(thresholds.size, dtype=bool)
    before: list[str] = []
    for name, bound in bounds:
        found = measure_named(counts, name)
        now = met & (found >= bound - _SLACK)
        if not now.any():
            left = np.where(met & ~np.isnan(found), found, -np.inf)
            best = int(np.argmax(left))
            reach = (
                f"the best is {found[best]:.6g}, at {thresholds[best]:.6g}"
                if np.isfinite(left[best])
                else "it has nothing to divide by"
            )
            where = f" where {' and '.join(before)}" if before else ""
            raise DataError(
                f"no threshold has {name} of at least {bound:g}{where}: {reach}; ask for less."
            )
        met = now
        before.append(f"{name} is at least {bound:g}")
    return met
