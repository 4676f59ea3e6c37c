"""The section "Coefficients" of the report: odds ratios as a forest, and as a table."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.export.schema import Model
from oddsmith.views.pages.charts import load_charts, with_values
from oddsmith.views.pages.report.document import Report, Section
from oddsmith.views.pages.report.effects import Effects, Z, effects, listed_numbers
from oddsmith.views.pages.report.words import counted, figure, p_text

__all__ = ["section"]

# The forest draws so many lines, each so high (CSS pixels), above an axis.
_DRAWN, _PITCH, _AXIS = 30, 22, 62
# The table begins with so many rows, and has the others on demand.
_ROWS = 100
# Columns whose reference is named.
_MOST_REFERENCES = 30
# Digits that the script reads; four of them are shown.
_DIGITS = 9
# Fewer columns need no search.
_SEARCHED = 12


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    coefficient: str
    ratio: str
    interval: str
    p: str


def section(report: Report) -> Section | None:
    """Section, or None where the model has no column."""
    model, spread = report.model, report.spread
    if model.encoding.width == 0:
        return None
    found = effects(model, None if spread is None else _scale(model, spread.deviation))
    order = found.order(0).tolist()
    height = _PITCH * min(_DRAWN, len(order)) + _AXIS
    charts = load_charts("report/coefficients", {"forest": height})
    return Section(
        "coefficients",
        "Coefficients",
        {
            "classes": found.classes if len(model.classes) > 2 else [],
            "positive": found.classes[0],
            "reference": found.reference,
            "scaled": found.deviation is not None,
            "yes_or_no": spread is not None and not _of_numbers(model).all(),
            "intervals": found.error is not None,
            "why": _why_none(model),
            "rows": [_row(found, 0, j) for j in order[:_ROWS]],
            "intercept": _intercept(found),
            "total": len(order),
            "more": len(order) > _ROWS,
            "searched": len(order) > _SEARCHED,
            "notes": _notes(found, model),
            "references": _references(model),
        },
        _data(found),
        {"forest": with_values(charts["forest"], {"pitch": _PITCH})},
        script=True,
    )


def _of_numbers(model: Model) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which encoded columns hold numbers, and not whether something is so: shape (q,)."""
    return np.array(
        [
            column.kind == "number" and label is None
            for column in model.encoding.columns
            for label in column.labels.tolist()
        ],
        dtype=bool,
    )


def _scale(model: Model, deviation: Array) -> Array:
    """Step of each column: a standard deviation of numbers; from no to yes of all else."""
    return np.where(_of_numbers(model), deviation, 1.0)


def _data(found: Effects) -> dict[str, Any]:
    return {
        "names": found.names,
        "classes": found.classes,
        "reference": found.reference,
        "coef": listed_numbers(found.coef, _DIGITS),
        "error": listed_numbers(found.error, _DIGITS),
        "p": listed_numbers(found.p, _DIGITS),
        "deviation": listed_numbers(found.deviation),
        "intercept": listed_numbers(found.intercept),
        "intercept_error": listed_numbers(found.intercept_error),
        "intercept_p": listed_numbers(found.intercept_p),
        "z": Z,
        "drawn": _DRAWN,
        "rows": _ROWS,
    }


def _row(found: Effects, k: int, j: int) -> _Row:
    by = 1.0 if found.deviation is None else float(found.deviation[j])
    coef = float(found.coef[k, j]) * by
    interval, p = "", ""
    if found.error is not None and found.p is not None:
        half = Z * float(found.error[k, j]) * by
        p = p_text(float(found.p[k, j]))
        interval = f"{_ratio(coef - half)} to {_ratio(coef + half)}"
        interval = "not estimated" if math.isnan(half) else interval
    return _Row(found.names[j], figure(coef), _ratio(coef), interval, p)


def _ratio(log_odds: float) -> str:
    """Odds ratio, which may be beyond the floats."""
    if log_odds > math.log(1.7976931348623157e308):
        return "> 1.8e308"
    ratio = math.exp(log_odds)
    return "< 4.9e−324" if ratio == 0.0 else figure(ratio)


def _intercept(found: Effects) -> tuple[str, str]:
    p = None if found.intercept_p is None else float(found.intercept_p[0])
    return figure(float(found.intercept[0])), p_text(p)


def _why_none(model: Model) -> str | None:
    """Say why there are no intervals, and how to get some; None where there are."""
    if model.covariance is not None:
        return None
    training = model.training
    if training.penalty in ("l1", "l2", "elasticnet"):
        return (
            "There are no intervals: a penalty draws the coefficients towards 0, and the standard "
            "errors of an unpenalised fit would not be true of them. A fit without a penalty "
            "(C = ∞) has some, where the data determine its coefficients; and how much these here "
            "vary from sample to sample, model.infer(X, y, bootstrap=200) tells apart from this "
            "page."
        )
    return (
        "There are no intervals: the model carries no covariance. It comes from the rows of the "
        "fit: give the report what model.infer(X, y) returns."
    )


def _references(model: Model) -> list[tuple[str, str, str]]:
    """Columns of categories, the level that others are compared with, and the name of one."""
    named = zip(model.input_names, model.encoding.columns, strict=True)
    return [
        (name, str(column.reference), f"{name}[{column.labels[0]}]")
        for name, column in named
        if column.reference is not None and column.width
    ][:_MOST_REFERENCES]


def _notes(found: Effects, model: Model) -> list[str]:
    said: list[str] = []
    zero = int((found.coef == 0.0).all(axis=0).sum())
    if zero:
        said.append(
            f"{zero:,} of {counted(len(found.names), 'coefficient')} "
            f"{'is' if zero == 1 else 'are'} exactly 0."
        )
    still = 0 if found.deviation is None else int((found.deviation == 0.0).sum())
    if still:
        said.append(
            f"{counted(still, 'column')} {'does' if still == 1 else 'do'} not vary among the rows "
            "that are judged: per standard deviation, the odds ratio is 1."
        )
    if found.columns_left_out:
        said.append(
            f"{counted(found.columns_left_out, 'column')} of the least effect are not on this page."
        )
    if found.classes_left_out:
        said.append(
            f"{counted(found.classes_left_out, 'class', 'classes')} after the first "
            f"{len(found.classes) + 1} are not on this page."
        )
    if found.names_cut:
        said.append("Long names are cut in the middle.")
    return said
