"""The section "Calibration" of the report: whether 0.8 means 0.8."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import printable
from oddsmith.core.stable import Array
from oddsmith.decisions.calibration import Decomposition, Reliability, reliability
from oddsmith.views.pages.charts import load_charts
from oddsmith.views.pages.report.document import Report, Section, Whole
from oddsmith.views.pages.report.one_class import OneClass, histogram, shown_classes

__all__ = ["section"]

_HEIGHTS = {"calibration_curve": 400, "calibration_scores": 130}
# Points of a curve, of all classes together and of each, and digits of what is drawn.
_MOST_POINTS, _LEAST_POINTS, _DIGITS = 1000, 100, 5
# Draws of the band for each of several classes, so that twenty take no longer than a few.
_DRAWS = 100
# Of several classes, probabilities that are graded as they are; beyond, they are rounded.
_EXACT = 2_000_000
# The band is pointwise, and what leaves it hangs together: of exact probabilities, 19 in 20 samples
# of 100 to 20,000 rows have at most this many times the expected share of rows outside.
_LIMIT = 2.0
# Stretches outside of the band that are told one by one.
_MOST_STRETCHES = 3


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring probabilities at which the observed share leaves the band on one side."""

    low: float
    high: float
    mean: float
    observed: float
    share: float


def section(report: Report) -> Section | None:
    """Section, or None where no rows were judged."""
    judged, model = report.judged, report.model
    if judged is None or not judged.y.size:
        return None
    shown = shown_classes(model, judged)
    if not shown:
        return None
    two = len(model.classes) == 2
    found = [_reliability(one, len(shown) if not two else 1) for one in shown]
    points = max(_LEAST_POINTS, _MOST_POINTS // len(shown))
    context = {
        "source": printable(judged.source),
        "seen": judged.seen,
        "two": two,
        "classes": [_words(one, held) for one, held in zip(shown, found, strict=True)],
        "points": points,
        "rounded": not two and judged.y.size * len(shown) > _EXACT,
        "level": f"{found[0].level:.0%}",
        "by_chance": f"{1 - found[0].level:.0%}",
        "limit": f"{_LIMIT * (1 - found[0].level):.0%}",
    }
    data = {
        "classes": [_drawn(one, held, points) for one, held in zip(shown, found, strict=True)],
    }
    charts = load_charts("report/calibration", _HEIGHTS)
    return Section("calibration", "Calibration", context, data, charts, script=True)


def _reliability(one: OneClass, n_classes: int) -> Reliability:
    # Sums of probabilities may round to a little more than 1.
    score = np.clip(one.score, 0.0, 1.0)
    if n_classes == 1:
        return reliability(one.positive, score, one.weight, positive=True)
    if score.size * n_classes > _EXACT:
        score = _rounded(score)
    return reliability(one.positive, score, one.weight, positive=True, n_resamples=_DRAWS)


def _rounded(score: Array) -> Array:
    """Three digits of p up to 1/2, and of 1 - p above: there are fewer distinct ones then."""
    lesser = np.minimum(score, 1.0 - score)
    with np.errstate(divide="ignore"):
        unit = 10.0 ** (np.floor(np.log10(lesser)) - 2)
    # Neither 0 nor a probability that is next to it changes.
    near = np.where(lesser > 1e-300, np.round(lesser / np.maximum(unit, 1e-300)) * unit, lesser)
    return np.where(score <= 0.5, near, 1.0 - near)


def _drawn(one: OneClass, held: Reliability, points: int) -> dict[str, Any]:
    """Gather what the charts show of a class."""
    lines = np.stack([held.probability, held.recalibrated, held.lower, held.upper])
    at = _along(lines, points)
    names = ("p", "observed", "lower", "upper")
    positive, negative = histogram(one)
    return {
        **{name: line[at].round(_DIGITS).tolist() for name, line in zip(names, lines, strict=True)},
        "bars": [a + b for a, b in zip(positive, negative, strict=True)],
    }


def _along(lines: Array, points: int) -> Whole:
    """Places of at most so many points, the ends among them, at even distances along the lines.

    Parameters
    ----------
    lines : array of shape (k, m)
    points : int
    """
    m = lines.shape[1]
    if m <= points:
        return np.arange(m)
    way = np.concatenate([[0.0], np.abs(np.diff(lines, axis=1)).sum(axis=0).cumsum()])
    # Both ends of a jump, so that it stays one.
    places = np.searchsorted(way, np.linspace(0.0, way[-1], points // 2))
    both = np.union1d(places, np.maximum(places - 1, 0))
    return np.union1d(np.minimum(both, m - 1), [0, m - 1])[:points]


def _words(one: OneClass, held: Reliability) -> dict[str, Any]:
    """Say what the template says of a class."""
    outside, stretches = _stretches(held)
    return {
        "name": one.name,
        "good": outside <= _LIMIT * (1 - held.level),
        "outside": f"{outside:.1%}",
        "stretches": [_stretch(part) for part in stretches[:_MOST_STRETCHES]],
        "more": max(0, len(stretches) - _MOST_STRETCHES),
        "parts": _parts(one, held),
        "gained": _gained(held.log_loss),
        "error": f"{held.error.value:.4f}",
        "bias": f"{held.error.bias:.4f}",
        "bins": held.error.n_bins,
        "draws": held.n_resamples,
        "notes": [note for note in held.notes if "n_resamples" not in note],
        "distinct": held.probability.size,
    }


def _parts(one: OneClass, held: Reliability) -> list[dict[str, Any]]:
    """Rows of the table of both scores."""
    words = {
        "uncertainty": ("uncertainty", f"of who knows only how frequent “{one.name}” is"),
        "discrimination": ("− discrimination", "saved by telling rows apart"),
        "miscalibration": ("+ miscalibration", "lost as probabilities are not exact"),
        "score": ("= the model’s score", "mean over the rows"),
    }
    return [
        {
            "name": name,
            "words": meaning,
            "numbers": [_number(getattr(found, part)) for found in (held.log_loss, held.brier)],
        }
        for part, (name, meaning) in words.items()
    ]


def _number(value: float) -> str:
    return f"{value:.4f}" if np.isfinite(value) else "infinite"


def _gained(found: Decomposition) -> dict[str, Any] | None:
    """Shares of the uncertainty that the model removes, and that miscalibration adds."""
    if not np.isfinite(found.score) or found.uncertainty <= 0:
        return None
    return {
        "removed": f"{found.discrimination / found.uncertainty:.0%}",
        "lost": f"{found.miscalibration / found.uncertainty:.1%}",
        "better": found.score < found.uncertainty,
    }


def _stretches(held: Reliability) -> tuple[float, list[Stretch]]:
    """Share of the weight outside of the band, and where that is, the heaviest first."""
    side = (held.recalibrated > held.upper).astype(np.intp)
    side -= held.recalibrated < held.lower
    total = held.weight.sum()
    starts = np.flatnonzero(np.diff(side, prepend=2) != 0)
    ends = np.append(starts[1:], side.size)
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        weight = held.weight[start:end].sum()
        if side[start] and weight > 0:
            p = held.probability[start:end]
            found.append(
                Stretch(
                    float(p[0]),
                    float(p[-1]),
                    float(p @ held.weight[start:end] / weight),
                    float(held.recalibrated[start:end] @ held.weight[start:end] / weight),
                    float(weight / total),
                )
            )
    outside = float(held.weight[side != 0].sum() / total)
    return outside, sorted(found, key=lambda part: -part.share)


def _stretch(part: Stretch) -> str:
    where = (
        f"from {part.low:.3g} to {part.high:.3g}" if part.low < part.high else f"at {part.low:.3g}"
    )
    way = "low" if part.observed > part.mean else "high"
    return (
        f"The probabilities {where} ({part.share:.1%} of the rows) are too {way}: on average they "
        f"say {part.mean:.1%}, where the line of what happened lies at {part.observed:.1%}."
    )
