"""The section "What if" of the report: a row to change by hand, and the model's answer, exact."""

import json
from typing import Any

import numpy as np

from oddsmith.core.labels import printable
from oddsmith.core.stable import Array
from oddsmith.views.labels import short_labels
from oddsmith.views.pages.charts import load_charts, with_values
from oddsmith.views.pages.report.controls import (
    MOST_LEVELS,
    Control,
    controls,
    example_values,
    listed_values,
)
from oddsmith.views.pages.report.document import Report, Section
from oddsmith.views.pages.report.one_class import class_names

__all__ = ["section"]

# Numbers that the page can carry of the model, 20 bytes each, and characters of its columns.
_MOST_NUMBERS, _MOST_CHARACTERS = 50_000, 1_200_000
# Levels of a column that can be chosen: fewer where the model would be too large otherwise.
_LEVELS = (MOST_LEVELS, MOST_LEVELS, MOST_LEVELS // 3, MOST_LEVELS // 10, MOST_LEVELS // 30)
# Columns that have a control at first, and a step of their own in the waterfall.
_SHOWN, _STEPS = 15, 12
# Heights of a step, and of the axes (CSS pixels).
_PITCH, _AXES = 38, 100
# So many letters of a column's name stand beside its control, and in its tooltip.
_LETTERS, _WHOLE = 40, 200


def section(report: Report) -> Section | None:
    """Section, or None where the model has no column."""
    model, spread = report.model, report.spread
    if not model.encoding.columns:
        return None
    names = class_names(model)
    found, columns = _fitting(report)
    n = len(found)
    context: dict[str, Any] = {
        "two": len(names) == 2,
        "classes": names,
        "positive": names[1],
        "columns": n,
        "shown": min(n, _SHOWN),
        "around": "the average row" if spread is not None else "a row of zeros",
        "source": printable(report.judged.source) if report.judged is not None else "the data",
        "rows": None,
        "offset": report.judged is not None and report.judged.offset,
        "numbers": sum(one.coef.size for one in found),
        "fits": columns is not None,
    }
    if columns is None:
        return Section("what_if", "What if", context)
    examples = None
    if report.examples is not None:
        examples = example_values(model, found, report.examples)
        numbers = examples["numbers"]
        context["rows"] = {
            "unit": report.examples.unit,
            "first": numbers[0] if numbers else None,
            "last": numbers[-1] if numbers else None,
            "count": len(numbers),
            "total": report.examples.total,
        }
        if not numbers:
            examples = context["rows"] = None
    data = {
        "classes": names,
        "intercept": model.intercept.tolist(),
        "columns": columns,
        "order": _by_importance(found).tolist(),
        "examples": examples,
        "unit": "row" if report.examples is None else report.examples.unit,
        "source": context["source"],
        "around": context["around"],
        "shown": _SHOWN,
        "steps": _STEPS,
    }
    steps = min(n, _STEPS) + (n > _STEPS) + 2
    charts = load_charts("report/what_if", {"what_if": steps * _PITCH + _AXES})
    chart = with_values(charts["what_if"], {"pitch": _PITCH, "two": context["two"]})
    if not context["two"]:
        chart["axes"] = chart["axes"][:1]  # of many classes no probability belongs to one number
    return Section("what_if", "What if", context, data, {"what_if": chart}, script=True)


def _fitting(report: Report) -> tuple[list[Control], list[dict[str, Any]] | None]:
    """Make the controls, and what the script reads of them; None where it is too much."""
    found: list[Control] = []
    for place, most in enumerate(_LEVELS):
        found = controls(report.model, report.spread, report.examples, most)
        if sum(one.coef.size for one in found) <= _MOST_NUMBERS:
            columns = _columns(report.model.input_names, found, _LETTERS if place else _WHOLE)
            if len(json.dumps(columns)) <= _MOST_CHARACTERS:
                return found, columns
    return found, None


def _by_importance(found: list[Control]) -> Any:
    return np.argsort([-one.importance for one in found], kind="stable")


def _columns(names: tuple[str, ...], found: list[Control], letters: int) -> list[dict[str, Any]]:
    """Gather what the script reads of each column; what has no value is left out.

    Names of more than 40 letters have a tooltip, of so many letters if these are more than 40.
    """
    columns = []
    for whole, short, one in zip(names, short_labels(names, _LETTERS), found, strict=True):
        shown = printable(whole[:letters])
        column = {
            "name": short,
            "whole": shown if shown != short and letters > _LETTERS else None,
            "kind": one.kind,
            "coef": _plain(one.coef),
            "average": _plain(one.average),
            "typical": one.typical,
            "low": one.low,
            "high": one.high,
            "whole_numbers": one.whole_numbers or None,
            "fill": one.fill,
            "missing": one.missing,
            "options": one.options,
            "places": one.places,
            "left_out": one.left_out or None,
        }
        columns.append({name: value for name, value in column.items() if value is not None})
    return columns


def _plain(values: Array) -> Any:
    # A whole number needs no ".0".
    return listed_values(values.ravel()) if values.ndim == 1 else [_plain(row) for row in values]
