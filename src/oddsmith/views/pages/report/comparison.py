"""The section "Comparison" of the report: models side by side on the same rows."""

import math
from dataclasses import dataclass
from typing import Any

from oddsmith.decisions.comparison import Comparison, Difference
from oddsmith.views.labels import short_labels
from oddsmith.views.pages.charts import load_charts, with_rows, with_values
from oddsmith.views.pages.report.document import Report, Section
from oddsmith.views.pages.report.words import figure, p_text, percent, short

__all__ = ["section"]

# How a measure is called, and whether more of it is better.
_MEASURES = {
    "log_loss": ("log loss", "nats per row", False),
    "auc": ("AUC", "", True),
    "cost": ("cost", "per row", False),
}
_PITCH, _AXIS = 30, 62
# The chart draws so many pairs, the table has all of them.
_DRAWN = 20
# Of a name, where two of them stand side by side.
_LETTERS = 24


@dataclass(frozen=True, slots=True)
class _Row:
    first: str
    second: str
    measure: str
    value: str
    interval: str
    p: str
    verdict: str


def section(report: Report) -> Section | None:
    """Section, or None where nothing was compared."""
    found = report.comparison
    if found is None:
        return None
    costed = any(score.cost is not None for score in found.scores)
    scores = [
        (short(one.name), figure(one.log_loss), _auc(one.auc), figure(one.cost))
        for one in found.scores
    ]
    charts = _charts(found)
    two = len(report.model.classes) == 2
    return Section(
        "comparison",
        "Comparison",
        {
            "rows": f"{found.n_rows:,}",
            "level": percent(found.level, 0),
            "costed": costed,
            "costs": [f"{value:g}" for value in report.cost] if two else [],
            "scores": scores,
            "differences": _rows(found),
            "charts": {name: _MEASURES[name.split("-", 1)[1]][0] for name in charts},
            "notes": found.notes,
        },
        charts=charts,
    )


def _auc(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.4f}"


def _rows(found: Comparison) -> list[_Row]:
    """Rows of the table; a name's whole stands among the scores, once."""
    names = [score.name for score in found.scores]
    shown = dict(zip(names, short_labels(names, _LETTERS), strict=True))
    return [_row(one, shown[one.first], shown[one.second]) for one in found.differences]


def _row(one: Difference, first: str, second: str) -> _Row:
    return _Row(
        first,
        second,
        _MEASURES[one.measure][0],
        figure(one.value),
        f"{figure(one.lower)} to {figure(one.upper)}",
        p_text(one.p_value),
        _verdict(one),
    )


def _verdict(one: Difference) -> str:
    """Which of both is better, where the interval leaves no doubt."""
    if not (math.isfinite(one.lower) and math.isfinite(one.upper)):
        return "unknown"
    if one.lower <= 0.0 <= one.upper:
        return "no difference shown"
    more = _MEASURES[one.measure][2]
    return "first is better" if (one.value > 0) == more else "second is better"


def _charts(found: Comparison) -> dict[str, Any]:
    charts: dict[str, Any] = {}
    for measure, (name, unit, _) in _MEASURES.items():
        known = [
            one
            for one in found.differences
            if one.measure == measure and all(map(math.isfinite, (one.value, one.lower, one.upper)))
        ][:_DRAWN]
        if known:
            title = f"difference of {name}" + (f" ({unit})" if unit else "")
            charts[f"differences-{measure}"] = _chart(known, title)
    return charts


def _chart(shown: list[Difference], title: str) -> dict[str, Any]:
    height = _PITCH * len(shown) + _AXIS
    chart = load_charts("report/comparison", {"differences": height})["differences"]
    ends = [0.0, *(end for one in shown for end in (one.lower, one.upper))]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low) or 0.5
    rows = [
        {
            "place": place,
            "name": " − ".join(short_labels([one.first, one.second], _LETTERS)),
            "value": one.value,
            "lower": one.lower,
            "upper": one.upper,
        }
        for place, one in enumerate(shown)
    ]
    looks = {"pitch": _PITCH, "title": title, "ends": [low - room, high + room]}
    return with_rows(with_values(chart, looks), "rows", rows)
