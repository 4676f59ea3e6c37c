"""A model in tables, as data: what a summary shows, before it becomes text or HTML."""

import math
from dataclasses import dataclass

import numpy as np

from oddsmith.core.labels import label_text, quoted
from oddsmith.export.provenance import Certificate, Training
from oddsmith.export.schema import Model
from oddsmith.views.evaluation import Evaluation, evaluate
from oddsmith.views.labels import short_labels

__all__ = [
    "CoefficientRow",
    "Evaluation",
    "Page",
    "Summary",
    "TextTable",
    "evaluate",
    "heading",
    "number_text",
    "page_of",
    "ratio_text",
    "summarise",
    "text_tables",
]


# Headers longer than this together would not fit beside the first column in a wide terminal.
_MOST_HEADERS = 100


@dataclass(frozen=True, slots=True)
class CoefficientRow:
    """One coefficient.

    Attributes
    ----------
    label : str or None
        Class to whose margin it belongs; None with two classes, where there is one margin.
    name : str
        Feature, or ``(intercept)``.
    coefficient : float
        Change of the margin (nats) per unit of the feature.
    odds_ratio : float or None
        Factor on the odds per unit of the feature, of this class against the reference (the first
        class); ``inf`` or 0 where it does not fit a floating point number; None for intercepts.
    std_error, p_value : float or None
        Of the coefficient, with more than two classes of its difference from the first class; NaN
        where it was not estimated. None where the model has no covariance.
    """

    label: str | None
    name: str
    coefficient: float
    odds_ratio: float | None
    std_error: float | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """All that a summary shows, as data.

    Attributes
    ----------
    classes : tuple of str
        K labels as text.
    target : str
    coefficients : tuple of CoefficientRow
        Class by class, the features in their order and then the intercept.
    notes : tuple of str
        What is proved of the fit, in words.
    warnings : tuple of str
        What the fit warned of.
    evaluation : Evaluation or None
    """

    classes: tuple[str, ...]
    target: str
    coefficients: tuple[CoefficientRow, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table whose cells are text: the first `words` columns are left justified, numbers right."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """Tables with what has to be said of them: all that is shown, whatever it is shown in.

    Attributes
    ----------
    title : str
    tables : tuple of TextTable
    notes, warnings : tuple of str
    """

    title: str
    tables: tuple[TextTable, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def number_text(value: float | None, digits: int = 6) -> str:
    """Readable number of any size, with `digits` significant digits.

    Examples
    --------
    >>> [number_text(x) for x in (0.1, -123456.789, 1e-150, math.inf, math.nan, None)]
    ['0.1', '-123457', '1e-150', 'inf', 'undefined', '']
    """
    if value is None:
        return ""
    return "undefined" if math.isnan(value) else f"{value:.{digits}g}"


def ratio_text(ratio: float | None) -> str:
    """Readable odds ratio, which may be beyond the floats.

    Examples
    --------
    >>> ratio_text(2.0), ratio_text(math.inf), ratio_text(0.0), ratio_text(math.nan)
    ('2', '> 1.8e308', '< 4.9e-324', 'undefined')
    """
    if ratio is not None and math.isinf(ratio):
        return "> 1.8e308"
    return "< 4.9e-324" if ratio == 0.0 else number_text(ratio)


def summarise(model: Model, evaluation: Evaluation | None = None) -> Summary:
    """Tables and notes of a model, as data.

    Examples
    --------
    >>> from oddsmith.export.schema import plain_model
    >>> proof = Certificate(0.5, 2e-17, 1e-12, True)
    >>> model = plain_model(("dose",), ("no", "yes"), "alive", [[0.0]], [-1.0], None, proof)
    >>> summary = summarise(model)
    >>> summary.coefficients[0]  # doctest: +ELLIPSIS
    CoefficientRow(label=None, name='dose', coefficient=0.0, odds_ratio=1.0, std_error=None, ...)
    >>> summary.notes[1]
    'Proved: no coefficients give an objective lower by more than 2e-17 nats per unit of weight.'
    """
    return Summary(
        classes=tuple(label_text(label) for label in model.classes),
        target="y" if model.target is None else model.target,
        coefficients=tuple(_coefficients(model)),
        notes=(*_notes(model.training, model.certificate), *_note_of_errors(model)),
        warnings=model.training.warnings or (),
        evaluation=evaluation,
    )


def _p_text(value: float | None) -> str:
    return "< 4.9e-324" if value == 0.0 else number_text(value, 3)


def _coefficients(model: Model) -> list[CoefficientRow]:
    binary = len(model.classes) == 2
    # exp(w_k - w_0) is the odds ratio of class k against class 0, whatever is added to all w.
    reference = np.zeros_like(model.coef[0]) if binary else model.coef[0]
    with np.errstate(over="ignore", under="ignore"):
        ratios = np.exp(model.coef - reference)
    errors, p_values = _errors(model)
    rows: list[CoefficientRow] = []
    for k, intercept in enumerate(model.intercept.tolist()):
        label = None if binary else label_text(model.classes[k])
        values = [*model.coef[k].tolist(), intercept]
        names = [*model.feature_names, "(intercept)"]
        shown = [*ratios[k].tolist(), None]
        columns = zip(names, values, shown, errors[k], p_values[k], strict=True)
        rows += [CoefficientRow(label, *column) for column in columns]
    return rows


def _errors(model: Model) -> tuple[list[list[float | None]], list[list[float | None]]]:
    """Give standard error and p value (Wald, two-sided) of each coefficient, the intercept last."""
    rows, width = model.coef.shape[0], model.coef.shape[1] + 1
    nothing: list[float | None] = [None] * width
    if model.covariance is None:
        return [nothing] * rows, [nothing] * rows
    equations = len(model.classes) - 1
    variance = np.diag(model.covariance)
    slopes = variance[: equations * (width - 1)].reshape(equations, width - 1)
    errors = np.sqrt(np.column_stack([slopes, variance[equations * (width - 1) :]]))
    coef = np.column_stack([model.coef, model.intercept])
    z = np.abs(coef if rows == 1 else coef[1:] - coef[0]) / errors
    # The first of several classes is what the others differ from.
    first: list[list[float | None]] = [] if rows == 1 else [nothing]
    found: list[list[float | None]] = [[*row] for row in errors.tolist()]
    p_values: list[list[float | None]] = [
        [math.erfc(x / math.sqrt(2.0)) for x in row] for row in z.tolist()
    ]
    return [*first, *found], [*first, *p_values]


def _notes(training: Training, certificate: Certificate) -> tuple[str, ...]:
    """Say what is known of the fit; of what is not, nothing is said."""
    fitted = f"fitted to {_rows_and_penalty(training)}."
    if certificate.objective is None:
        objective = fitted[0].upper() + fitted[1:]
    else:
        value = number_text(certificate.objective)
        objective = f"Objective {value} nats per unit of weight, {fitted}"
    gap = certificate.optimality_gap
    if gap is None or math.isinf(gap):
        proof = "Nothing is proved of how much lower other coefficients could bring it."
    else:
        # True of separated classes, too, where there is an infimum and no minimum.
        proof = (
            "Proved: no coefficients give an objective lower by more than "
            f"{number_text(gap, 2)} nats per unit of weight."
        )
    known = {
        "{}": training.solver,
        "{} iterations": training.iterations,
        "{} passes over the rows": training.passes,
    }
    steps = [words.format(value) for words, value in known.items() if value is not None]
    if certificate.tol is not None:
        steps.append(f"asked for a gap of {number_text(certificate.tol, 2)}")
    verdicts = {True: "Converged", False: "NOT CONVERGED", None: "Solver"}
    verdict = f"{verdicts[certificate.converged]}: {', '.join(steps)}."
    return (objective, proof, *([verdict] if steps else []))


def _note_of_errors(model: Model) -> tuple[str, ...]:
    if model.covariance is None or len(model.classes) == 2:
        return ()
    first = quoted(label_text(model.classes[0]))
    return (f"Standard errors and p values are of the differences from {first}.",)


def _rows_and_penalty(training: Training) -> str:
    rows = "rows" if training.rows is None else f"{training.rows:,} rows"
    weight = training.weight
    if weight is not None and weight != training.rows:
        rows += f" of total weight {number_text(weight)}"
    if training.C is not None:
        return f"{rows} with {_penalty(training)}"
    return rows if training.penalty is None else f"{rows} with the penalty {training.penalty}"


def _penalty(training: Training) -> str:
    if math.isinf(training.C or 0.0):
        return "no penalty"
    ratio = f", l1_ratio = {number_text(training.l1_ratio)}" if training.l1_ratio else ""
    return f"C = {number_text(training.C or 0.0)}{ratio}"


def heading(summary: Summary) -> str:
    """Title of a summary: what the coefficients are the log-odds of."""
    if len(summary.classes) == 2:
        negative, positive = (quoted(label) for label in summary.classes)
        return f"Log-odds that {quoted(summary.target)} is {positive}, not {negative}"
    reference = quoted(summary.classes[0])
    return f"Margins of {quoted(summary.target)}; odds ratios are against {reference}"


def text_tables(summary: Summary) -> tuple[TextTable, ...]:
    """Tables of a summary: coefficients, and where it was evaluated, measures and confusion.

    Examples
    --------
    >>> from oddsmith.export.schema import plain_model
    >>> model = plain_model(("dose",), ("no", "yes"), "alive", [[800.0]], [-1.0])
    >>> text_tables(summarise(model))[0].rows
    (('dose', '800', '> 1.8e308'), ('(intercept)', '-1', ''))
    """
    tables = [_coefficient_table(summary)]
    if summary.evaluation is not None:
        tables += [_measure_table(summary.evaluation), _confusion_table(summary.evaluation)]
    return tuple(tables)


def page_of(summary: Summary) -> Page:
    """All that a summary shows, as tables of text."""
    return Page(heading(summary), text_tables(summary), summary.notes, summary.warnings)


def _coefficient_table(summary: Summary) -> TextTable:
    several = len(summary.classes) > 2
    inferred = any(row.std_error is not None for row in summary.coefficients)
    rows: list[tuple[str, ...]] = []
    for row in summary.coefficients:
        cells = row.name, number_text(row.coefficient), ratio_text(row.odds_ratio)
        if inferred:
            cells += number_text(row.std_error), _p_text(row.p_value)
        rows.append((row.label or "", *cells) if several else cells)
    headers = ("class",) if several else ()
    more = ("std. error", "p") if inferred else ()
    return TextTable(
        heading(summary),
        (*headers, "column", "coefficient", "odds ratio", *more),
        tuple(rows),
        words=1 + several,
    )


def _measure_table(evaluation: Evaluation) -> TextTable:
    rows = [
        ("accuracy", number_text(evaluation.accuracy, 4)),
        ("log loss (nats per row)", number_text(evaluation.log_loss, 4)),
    ]
    for k, label in enumerate(_quoted_labels(evaluation)):
        # With two classes the measures of the positive one say all.
        if k == 1 or len(evaluation.classes) > 2:
            of = f"of {label}"
            rows.append((f"precision {of}", number_text(evaluation.precision[k], 4)))
            rows.append((f"recall {of}", number_text(evaluation.recall[k], 4)))
            rows.append((f"F1 {of}", number_text(evaluation.f1[k], 4)))
    return TextTable(f"Evaluated on {evaluation.rows:,} rows", ("measure", "value"), tuple(rows))


def _confusion_table(evaluation: Evaluation) -> TextTable:
    labels = _quoted_labels(evaluation)
    title, headers = "Confusion matrix (rows)", [f"predicted {label}" for label in labels]
    first = [f"true {label}" for label in labels]
    if sum(map(len, headers)) > _MOST_HEADERS:
        # The first column is the key to the numbers above the others.
        title += ", predicted class by number"
        headers = [str(k) for k in range(1, len(labels) + 1)]
        first = [f"true {k}: {label}" for k, label in enumerate(labels, start=1)]
    counts = (map(str, row) for row in evaluation.confusion)
    rows = tuple((name, *row) for name, row in zip(first, counts, strict=True))
    return TextTable(title, ("", *headers), rows)


def _quoted_labels(evaluation: Evaluation) -> list[str]:
    return [f'"{label}"' for label in short_labels(evaluation.classes, 30)]
