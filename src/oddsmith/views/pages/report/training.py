"""The section "Training" of the report: loss and proved distance at each iteration."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.export.schema import Model
from oddsmith.views.pages.charts import load_charts, with_rows, with_values
from oddsmith.views.pages.report.document import Report, Section, Whole
from oddsmith.views.pages.report.words import counted, figure

__all__ = ["section"]

_HEIGHTS = {"training_loss": 300, "training_gap": 300}
# A line of more points looks the same.
_MOST_POINTS = 400
# Points that can be told apart.
_MOST_DOTS = 40


def section(report: Report) -> Section | None:
    """Section; where no history was kept it says so."""
    history, model = report.history, report.model
    if history is None or not len(history.get("iteration", ())):
        return Section("training", "Training", {"words": _unknown(model), "charts": []})
    iteration = np.asarray(history["iteration"])
    kept = _kept(len(iteration))
    specs = load_charts("report/training", _HEIGHTS)
    looks = {
        "ends": [int(iteration[0]), max(int(iteration[-1]), int(iteration[0]) + 1)],
        "points": len(kept) <= _MOST_DOTS,
    }
    charts = {"training_loss": _loss(with_values(specs["training_loss"], looks), history, kept)}
    gap = _gap(with_values(specs["training_gap"], looks), history, kept, model.certificate.tol)
    if gap is not None:
        charts["training_gap"] = gap
    tol = model.certificate.tol
    context = {
        "charts": list(charts),
        "words": _words(history),
        "validated": "validation_loss" in history,
        "tol": figure(tol, 2) if gap is not None and tol else None,
        "thinned": len(kept) < len(iteration) and f"{len(kept):,} of {len(iteration):,}",
    }
    return Section("training", "Training", context, charts=charts)


def _unknown(model: Model) -> str:
    steps = model.training.iterations
    known = "" if steps is None else f" What is known: it took {counted(steps, 'iteration')}."
    return f"The course of the training was not kept in the model.{known}"


def _words(history: Mapping[str, Array]) -> str:
    steps = int(np.asarray(history["iteration"])[-1])
    loss = np.asarray(history["loss"], dtype=float)
    said = (
        f"In {counted(steps, 'iteration')} the mean log loss of the training rows went from "
        f"{figure(float(loss[0]))} to {figure(float(loss[-1]))} nats per row"
    )
    if "validation_loss" not in history:
        return f"{said}. There were no validation rows."
    held = np.asarray(history["validation_loss"], dtype=float)
    if not np.isfinite(held).any():
        return f"{said}."
    best = int(np.nanargmin(held))
    at = int(np.asarray(history["iteration"])[best])
    return (
        f"{said}. On the validation rows it was least after {counted(at, 'iteration')}: "
        f"{figure(float(held[best]))}; at the end it is {figure(float(held[-1]))}."
    )


def _kept(length: int) -> Whole:
    """Places of the points that are drawn: the first, the last, and what lies evenly between."""
    return np.unique(np.linspace(0, length - 1, min(length, _MOST_POINTS)).round().astype(np.intp))


def _loss(chart: dict[str, Any], history: Mapping[str, Array], kept: Whole) -> dict[str, Any]:
    rows = []
    for line, key in enumerate(("loss", "validation_loss")):
        if key in history:
            rows += [{"line": line, **row} for row in _rows(history, key, kept)]
    return with_rows(chart, "steps", rows)


def _gap(
    chart: dict[str, Any], history: Mapping[str, Array], kept: Whole, tol: float | None
) -> dict[str, Any] | None:
    """Chart of what is proved; None where nothing is."""
    if "gap" not in history:
        return None
    rows = [row for row in _rows(history, "gap", kept) if row["value"]]
    if not rows:
        return None
    values = [row["value"] for row in rows] + ([tol] if tol else [])
    low, high = (math.log10(end) for end in (min(values), max(values)))
    ends = [10.0 ** math.floor(low - 0.01), 10.0 ** math.ceil(high + 0.01)]
    return with_rows(with_values(chart, {"tol": tol or None, "range": ends}), "steps", rows)


def _rows(history: Mapping[str, Array], key: str, kept: Whole) -> list[dict[str, Any]]:
    iteration, values = np.asarray(history["iteration"]), np.asarray(history[key], dtype=float)
    pairs = zip(iteration[kept].tolist(), values[kept].tolist(), strict=True)
    return [{"iteration": at, "value": x if math.isfinite(x) else None} for at, x in pairs]
