"""The section "Threshold" of the report: what each threshold yields, counted over all rows."""

from typing import Any

import numpy as np

from oddsmith.core.labels import printable
from oddsmith.export.schema import Model
from oddsmith.views.pages.charts import load_charts
from oddsmith.views.pages.report.document import Judged, Report, Section
from oddsmith.views.pages.report.one_class import (
    MOST_CLASSES,
    OneClass,
    class_names,
    histogram,
    shown_classes,
)
from oddsmith.views.pages.report.positions import slider_positions

__all__ = ["MOST_POSITIONS", "section"]

# Of the sliders of all classes together.
MOST_POSITIONS = 10_000
_HEIGHTS = {"threshold_scores": 300, "threshold_roc": 300, "threshold_precision": 300}
# So many characters of a class stand over a column of the table of all classes.
_COLUMN_LETTERS = 10


def section(report: Report) -> Section | None:
    """Section, or None where no rows were judged."""
    judged, model = report.judged, report.model
    if judged is None or not judged.y.size:
        return None
    title = "Threshold"
    shown = shown_classes(model, judged)
    context = {
        "source": printable(judged.source),
        "seen": judged.seen,
        "rows": judged.y.size,
        "weighted": judged.weight is not None,
        "two": len(model.classes) == 2,
        "classes": [(one.name, f"{_weight_of(one):,.6g}") for one in shown],
        "left_out": len(model.classes) - len(shown) if len(model.classes) > 2 else 0,
        "most": MOST_CLASSES,
        "only": class_names(model)[int(judged.y[0])],
        "table": _table(model, judged),
        "cost": [repr(one).removesuffix(".0") for one in report.cost],
    }
    if not shown:
        return Section("threshold", title, context)
    most = min(MOST_POSITIONS, report.positions) // len(shown)
    data = {
        "classes": [_class_data(one, most) for one in shown],
        "cost": list(report.cost),
        "rows": _total(judged),
        "weighted": judged.weight is not None,
    }
    charts = load_charts("report/threshold", _HEIGHTS)
    return Section("threshold", title, context, data, charts, script=True)


def _weight_of(one: OneClass) -> float:
    """Weight of the rows of the class."""
    rows = one.positive
    return float(rows.sum() if one.weight is None else one.weight[rows].sum())


def _total(judged: Judged) -> float:
    return judged.y.size if judged.weight is None else float(judged.weight.sum())


def _class_data(one: OneClass, most: int) -> dict[str, Any]:
    found = slider_positions(one, most)
    counts: dict[str, Any] = {"tp": found.tp, "fp": found.fp}
    if one.weight is None:
        counts = {name: part.astype(np.int64) for name, part in counts.items()}
    else:
        counts |= {"fn": found.fn, "tn": found.tn}
    positive, negative = histogram(one)
    return {
        "name": one.name,
        "rest": one.rest,
        "box": one.box,
        "rest_box": one.rest_box,
        "score": [*found.score[:-1].tolist(), None],
        "short": found.short,
        "start": found.start,
        "scores": found.n_scores,
        "bars": [positive, negative],
        **{name: part.tolist() for name, part in counts.items()},
    }


def _table(model: Model, judged: Judged) -> dict[str, Any] | None:
    """Truth by the most probable class, for three classes up to 20."""
    k = len(model.classes)
    if not 2 < k <= MOST_CLASSES:
        return None
    guess = judged.probabilities.argmax(axis=1)
    counts = np.bincount(judged.y * k + guess, weights=judged.weight, minlength=k * k)
    counts = counts.reshape(k, k)
    names = class_names(model)
    right = float(np.trace(counts) / counts.sum())
    rows = []
    for place, row in enumerate(counts.tolist()):
        total = sum(row)
        recall = f"{row[place] / total:.1%}" if total else "no row"
        cells = [
            {"text": f"{count:,.6g}", "step": _step(count, total), "right": other == place}
            for other, count in enumerate(row)
        ]
        rows.append({"name": names[place], "cells": cells, "recall": recall})
    return {"columns": class_names(model, _COLUMN_LETTERS), "rows": rows, "right": f"{right:.1%}"}


def _step(count: float, total: float) -> int:
    """How dark a cell is: 0 to 4, by its share of the row."""
    return int(np.ceil(4 * np.sqrt(count / total))) if count else 0
