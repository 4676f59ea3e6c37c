"""The section "In short" of the report: what is predicted, how well, and what was fitted."""

import math
from dataclasses import dataclass
from typing import Any

from oddsmith.core.labels import label_text
from oddsmith.export.schema import Model
from oddsmith.views.pages.report.document import Judged, Report, Section
from oddsmith.views.pages.report.judgement import Judgement, judgement
from oddsmith.views.pages.report.proof import Finding, findings, objective_of, proof_of
from oddsmith.views.pages.report.words import counted, cut, figure, fitting, percent, short

__all__ = ["section"]

# Classes beyond these are counted.
_MOST_CLASSES = 20


@dataclass(frozen=True, slots=True)
class _Tile:
    name: str
    value: str
    words: str


def section(report: Report) -> Section | None:
    """Section, which is always there."""
    model, judged = report.model, report.judged
    found = None if judged is None else judgement(judged, model)
    return Section(
        "overview",
        "In short",
        {
            "target": "the target" if model.target is None else model.target,
            "classes": [label_text(label) for label in model.classes],
            "columns": counted(len(model.input_names), "column"),
            "rows": None if judged is None else counted(len(judged.y), "row"),
            "source": None if judged is None else judged.source,
            "seen": None if judged is None else judged.seen,
            "tiles": [] if found is None or judged is None else _tiles(found, judged, model),
            "cautions": [] if found is None else _cautions(found, report),
            "findings": _all_findings(report),
            "notes": list(report.notes),
            "objective": objective_of(model),
            "proof": proof_of(model.certificate, model.training),
            "facts": _facts(report),
            "shares": None if found is None else _shares(found, model),
            "more_classes": max(0, len(model.classes) - _MOST_CLASSES),
            "weighted": judged is not None and judged.weight is not None,
        },
    )


_SEEN = {False: "held out", True: "rows of the fit", None: "perhaps rows of the fit"}


def _tiles(found: Judgement, judged: Judged, model: Model) -> list[_Tile]:
    """Numbers, each with words that need no statistics."""
    two = len(model.classes) == 2
    rows = _Tile("rows", f"{len(judged.y):,}", _SEEN[judged.seen])
    value = figure(found.log_loss) if math.isfinite(found.log_loss) else "infinite"
    loss = _Tile("log loss (nats per row)", value, _against(found))
    name = _label(model, found.most_frequent_class)
    how = "cut at a probability of 0.5" if two else "its most probable class is the true one"
    always = f"{how}; always saying “{name}” would reach {percent(found.most_frequent)}"
    right = _Tile("accuracy", percent(found.accuracy), always)
    if two:
        return [_Tile("AUC", *_auc(found, model)), loss, right, rows]
    mean = "share of the rows of a class that is found, mean over the classes"
    return [right, _Tile("mean recall", percent(found.mean_recall), mean), loss, rows]


def _auc(found: Judgement, model: Model) -> tuple[str, str]:
    if math.isnan(found.auc):
        return "undefined", "it needs rows of both classes"
    pairs = (
        f"given a row of each class, “{_label(model, 1)}” has the higher probability for the right "
        f"one in {percent(found.auc)} of the pairs (guessing: 50%)"
    )
    return f"{found.auc:.4f}", pairs


def _against(found: Judgement) -> str:
    known = f"what the shares of the classes alone reach: {figure(found.baseline)}"
    gain = 1.0 - found.log_loss / found.baseline if found.baseline > 0 else math.nan
    return f"{percent(gain)} less than {known}" if gain > 0 else known


def _label(model: Model, k: int) -> str:
    """Label in a sentence, which the template escapes."""
    return cut(label_text(model.classes[k]))


def _cautions(found: Judgement, report: Report) -> list[str]:
    """Say what somebody who reads the numbers alone would not see."""
    said: list[str] = []
    if found.absent:
        said.append(
            "Some classes are not among these rows: "
            f"{counted(len(found.absent), 'class', 'classes')} of {len(found.shares)}. "
            "What compares classes is undefined, or says nothing of them."
        )
    elif not found.impossible and found.log_loss >= found.baseline:
        said.append(
            "Its log loss is not lower than that of the shares of the classes alone: on these "
            "rows, its probabilities are worth nothing."
        )
    if found.impossible:
        said.append(
            f"{counted(found.impossible, 'row')} had the probability 0 (less than 5e−324) for what "
            "happened, so that the log loss is infinite. scikit-learn counts such rows as 2.2e−16 "
            f"and says {figure(found.clipped_loss)}."
        )
        compared = report.comparison
        if compared is not None and math.isfinite(compared.scores[0].log_loss):
            said.append(
                "The comparison has the logarithms of these probabilities, which are not rounded "
                f"to 0, and the log loss of {figure(compared.scores[0].log_loss)} from them."
            )
    return said


def _all_findings(report: Report) -> list[Finding]:
    return findings(report.model.certificate, report.model.training)


def _shares(found: Judgement, model: Model) -> list[tuple[Any, str, str]]:
    labels, _ = fitting([label_text(label) for label in model.classes[:_MOST_CLASSES]])
    shown = zip(labels, found.counts, found.shares, strict=False)
    return [(short(label), f"{count:,}", percent(share)) for label, count, share in shown]


def _facts(report: Report) -> list[tuple[str, str]]:
    """Names and values of what is known of the fit, and nothing of what is not."""
    model, training = report.model, report.model.training
    names, encoded = len(model.input_names), model.encoding.width
    became = "" if encoded == names else f", which become {encoded:,} columns of numbers"
    how: list[tuple[str, Any, Any]] = [
        ("Rows of the fit", training.rows, lambda n: f"{n:,}"),
        ("Sum of their weights", _weight(model), lambda x: figure(x, 6)),
        ("Target", model.target, str),
        ("Classes", len(model.classes), lambda n: f"{n:,}"),
        ("Columns", names, lambda n: f"{n:,}{became}"),
        ("Estimator", training.estimator, str),
        ("Solver", training.solver, str),
        ("Iterations", training.iterations, lambda n: f"{n:,}"),
        ("Passes over the rows", training.passes, lambda n: f"{n:,}"),
        ("Model written", training.written_at, str),
        ("Written by", training.version, lambda version: f"oddsmith {version}"),
        ("Page made", report.made_at, str),
    ]
    said = {name for name, _ in report.data}
    own = [
        (name, words(value)) for name, value, words in how if value is not None and name not in said
    ]
    return [*report.data, *own]


def _weight(model: Model) -> float | None:
    """Sum of the weights where it says more than the number of rows."""
    training = model.training
    return None if training.weight == training.rows else training.weight
