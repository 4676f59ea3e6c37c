"""Each column of a table as something that can be set by hand, with what the model makes of it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.encoding import ColumnEncoding
from oddsmith.core.labels import label_text
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import Column
from oddsmith.export.schema import Model
from oddsmith.views.labels import short_labels
from oddsmith.views.pages.report.document import Examples, Spread

__all__ = ["MOST_LEVELS", "Control", "controls", "example_values", "listed_values"]

# Levels of a column that can be chosen: the most frequent ones, and those that rows need.
MOST_LEVELS = 300
_LETTERS = 40
# Numbers of few letters without a point.
_WHOLE = 1e15
# A median is told to such a share of the range of its column.
_TYPICAL_DIGITS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """One column of the table.

    What a value adds to the margins is its number times ``coef[:, 0]``, or the column of `coef`
    at the place of its level.

    Attributes
    ----------
    kind : "number", "boolean" or "category"
    coef : array of shape (r, w)
        Coefficients of its w encoded columns that can be reached: one row for two classes, K for
        more.
    average : array of shape (r,)
        What the average row has of these margins.
    importance : float
        Standard deviation of what it adds to the margins, were the encoded columns independent.
    typical : float, int or None
        A number, or the place among the options; None is missing.
    low, high : float or None
        Least and greatest value that is known.
    whole_numbers : bool
        Whether all known values are whole.
    fill : float or None
        Number that stands for a missing one; None where they are refused.
    missing : int or None
        Column of `coef` that is added where the number is missing.
    options, places : list, or None for numbers
        Levels, printable, and the column of `coef` of each; -1 is none.
    left_out : int
        Levels that are no options.
    by_level : dict
        Option of each level; those of a level that was never seen under "new", of a missing one
        under "missing", wrapped in tuples to be told from levels.
    """

    kind: str
    coef: Array
    average: Array
    importance: float
    typical: Any
    low: float | None
    high: float | None
    whole_numbers: bool
    fill: float | None
    missing: int | None
    options: list[str] | None
    places: list[int] | None
    left_out: int
    by_level: dict[Any, int]


_NEW, _MISSING = ("new",), ("missing",)


def controls(
    model: Model, spread: Spread | None, examples: Examples | None, most: int = MOST_LEVELS
) -> list[Control]:
    """Make the controls of all columns, in the order of the table.

    Without a spread the average row has 0 in every encoded column. Of a column's levels the `most`
    frequent ones can be chosen, and those that rows need.
    """
    q = model.encoding.width
    mean = np.zeros(q) if spread is None else spread.mean
    deviation = np.ones(q) if spread is None else spread.deviation
    # Of many classes only the differences matter.
    weight = model.coef if len(model.classes) == 2 else model.coef - model.coef.mean(axis=0)
    found = []
    start = 0
    for place, one in enumerate(model.encoding.columns):
        own = slice(start, start + one.width)
        start += one.width
        with np.errstate(over="ignore"):
            importance = np.abs(weight[:, own] * deviation[own]).max(axis=0, initial=0.0)
            average = model.coef[:, own] @ mean[own]
        known = None if examples is None else examples.columns[place]
        typical = None if spread is None else spread.typical[place]
        make = _category if one.kind == "category" else _number
        how = (model.coef[:, own], _finite(average), float(np.linalg.norm(_finite(importance))))
        control = make(model, one, how, known, typical, spread, place, most)
        found.append(control)
    return found


def _finite(values: Array) -> Array:
    return np.nan_to_num(values, posinf=1e300, neginf=-1e300)


def _number(
    model: Model,
    one: ColumnEncoding,
    how: tuple[Array, Array, float],
    known: Column | None,
    typical: Any,
    spread: Spread | None,
    place: int,
    most: int,
) -> Control:
    values = np.empty(0) if known is None or known.kind == "category" else known.values
    values = values[np.isfinite(values)]
    low, high = (
        (None, None)
        if spread is None
        else (_or_none(spread.low[place]), _or_none(spread.high[place]))
    )
    fill = None if one.refuses_missing() else float(one.mean or 0.0)
    if typical is not None:
        start = _rounded(float(typical), low, high)
    else:
        start = None if fill is not None and spread is not None else low or 0.0
    return Control(
        one.kind,
        *how,
        start,
        low,
        high,
        bool(values.size and (values == np.floor(values)).all()),
        fill,
        one.missing_at,
        None,
        None,
        0,
        {},
    )


def _rounded(value: float, low: float | None, high: float | None) -> float:
    if low is None or high is None or not 0 < high - low < math.inf:
        return value
    found = round(value, _TYPICAL_DIGITS - math.floor(math.log10(high - low)))
    return min(max(found, low), high)


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _category(
    model: Model,
    one: ColumnEncoding,
    how: tuple[Array, Array, float],
    known: Column | None,
    typical: Any,
    spread: Spread | None,
    place: int,
    most: int,
) -> Control:
    needed = set() if known is None else set(_as_levels(known)[1].tolist())
    needed.add(typical)
    order = np.argsort(-one.counts, kind="stable")[:most]
    own = [k for k, level in enumerate(one.levels.tolist()) if level in needed]
    chosen = np.union1d(order, np.asarray(own, np.intp)).tolist()
    levels: list[Any] = one.levels[chosen].tolist()
    by_level: dict[Any, int] = {level: option for option, level in enumerate(levels)}
    options = short_labels([label_text(level) for level in levels], _LETTERS)
    places = [int(one.places[k]) for k in chosen]
    if one.pooled_at is not None and model.encoding.unseen == "pool":
        by_level[_NEW] = len(options)
        options.append("(other / not seen)")
        places.append(one.pooled_at)
    if one.missing_at is not None:
        by_level[_MISSING] = len(options)
        options.append("(missing)")
        places.append(one.missing_at)
    coef, average, importance = how
    used = sorted({at for at in places if at >= 0})
    local = {at: k for k, at in enumerate(used)} | {-1: -1}
    first = by_level.get(_MISSING if typical is None else typical, 0)
    return Control(
        one.kind,
        coef[:, used],
        average,
        importance,
        first,
        None,
        None,
        False,
        None,
        None,
        options,
        [local[at] for at in places],
        one.levels.size - len(chosen),
        by_level,
    )


def _as_levels(column: Column) -> tuple[Any, Any]:
    """Codes, -1 where missing, and levels of a column that may hold numbers."""
    if column.kind == "category":
        return column.codes, column.levels
    codes: Any = np.full(column.values.size, -1)
    there = ~np.isnan(column.values)
    levels, codes[there] = np.unique(column.values[there], return_inverse=True)
    return codes, levels.astype(object)


def example_values(model: Model, found: list[Control], examples: Examples) -> dict[str, Any]:
    """Rows that can be loaded, column by column: numbers (None is missing) or options.

    Rows that the model refuses to score are left out.
    """
    usable = np.ones(examples.numbers.size, dtype=bool)
    values = []
    for control, column in zip(found, examples.columns, strict=True):
        if control.options is None:
            missing = np.isnan(column.values)
            usable &= np.isfinite(column.values) | (missing & (control.fill is not None))
            values.append(column.values)
        else:
            codes, levels = _as_levels(column)
            new = control.by_level.get(_NEW, -1)
            known = [control.by_level.get(level, new) for level in levels.tolist()]
            own = np.asarray([*known, control.by_level.get(_MISSING, -1)], np.intp)[codes]
            usable &= own >= 0
            values.append(own)
    return {
        "numbers": examples.numbers[usable].tolist(),
        "classes": examples.y[usable].tolist(),
        "values": [listed_values(column[usable]) for column in values],
    }


def listed_values(values: Any) -> list[Any]:
    """Numbers as JSON has them in the fewest letters; None where there is NaN.

    Examples
    --------
    >>> listed_values(np.array([1.0, 0.5, np.nan]))
    [1, 0.5, None]
    """
    return [_short(value) for value in values.tolist()]


def _short(value: float) -> float | None:
    if math.isnan(value):
        return None
    return int(value) if abs(value) < _WHOLE and value == int(value) else value
