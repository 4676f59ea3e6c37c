"""From files to a model, its evaluation and its files: what ``fit`` and ``demo`` share."""

import math
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oddsmith.cli.fit_request import FitRequest, encoder_of
from oddsmith.cli.fit_rows import (
    Chosen,
    Rows,
    choose_columns,
    read_rows,
    words_of_kinds,
)
from oddsmith.cli.holding_out import Part, split
from oddsmith.cli.messages import in_words_of_options, say, warn
from oddsmith.cli.reading import Indices, choose_classes, labels_of
from oddsmith.core.labels import Label, label_text, quoted
from oddsmith.core.stable import Array
from oddsmith.data.files import TableFiles, open_files
from oddsmith.errors import MissingPackageError, OddsmithError, ParameterError
from oddsmith.estimators.description import describe
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.export.json import dump
from oddsmith.export.predictions import predictions_csv, probability_columns
from oddsmith.export.schema import Model
from oddsmith.views.plots import plot_confusion, plot_history, save_png
from oddsmith.views.tables import Evaluation, Summary, evaluate, summarise

if TYPE_CHECKING:
    from oddsmith.views.pages.report.document import Report

__all__ = [
    "Fitted",
    "fit_data",
    "say_what_was_encoded",
    "settled",
    "write_fit",
]

# Decoded rows that take more than this share of the memory are streamed, and a file of more than
# four times that is not tried.
_IN_MEMORY = 16
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of a fit, before anything is written.

    Attributes
    ----------
    model : Model
    history : dict of str to array
    summary : Summary
    predictions : dict of str to list, or None
        Columns of predictions.csv, None without held-out rows, and where rows are not kept.
    report : Report or None
        Where one was asked for.
    """

    model: Model
    history: dict[str, Array]
    summary: Summary
    predictions: dict[str, list[Any]] | None
    report: "Report | None" = None


def fit_data(request: FitRequest) -> Fitted:
    """Fit a model, and evaluate it on the held-out rows; nothing is written but a checkpoint."""
    own = request.columns
    files = _opened(request)
    chosen = choose_columns(
        files, request.target, own.features, own.exclude, own.weight, own.offset, own.types
    )
    rows = None
    if not request.resume and not _is_large(request, files, chosen):
        refuse = own.missing == "refuse"
        limit = request.memory // _IN_MEMORY
        drop = own.missing == "drop"
        rows = read_rows(files, chosen, limit=limit, drop=drop, refuse=refuse)
    if rows is not None:
        return _fit_rows(request, files, chosen, rows)
    from oddsmith.cli.fitting_files import fit_streamed

    return fit_streamed(request, files, chosen)


def _opened(request: FitRequest) -> TableFiles:
    own = {n: kind for n, kind in request.columns.types.items() if n != request.target}
    block = request.memory // _BATCH
    try:
        return open_files(request.data, types=own, text=(request.target,), block_bytes=block)
    except ParameterError:
        files = open_files(request.data)
        files.check(request.target, "target")
        for name in own:
            files.check(name, "types (--type)")
        raise


def _is_large(request: FitRequest, files: TableFiles, chosen: Chosen) -> bool:
    limit = request.memory // _IN_MEMORY
    if files.n_rows is not None:
        return files.n_rows * 8 * (len(chosen.names) + 1) > limit
    return files.n_bytes > 4 * limit


def write_fit(fitted: Fitted, folder: Path) -> tuple[str, ...]:
    """Write model, predictions and pictures into `folder`; the names of the files are returned."""
    written = ["model.json"]
    (folder / "model.json").write_text(dump(fitted.model), encoding="utf-8")
    if fitted.predictions is not None:
        text = predictions_csv(fitted.predictions)
        (folder / "predictions.csv").write_text(text, encoding="utf-8")
        written.append("predictions.csv")
    return (*written, *_write_pictures(folder, fitted.history, fitted.summary))


def _fit_rows(request: FitRequest, files: TableFiles, chosen: Chosen, rows: Rows) -> Fitted:
    """Fit rows in memory: a stratified split, and all that can be said of the rows held out."""
    values = labels_of(rows.levels)
    where = f"{request.source}: column {quoted(request.target)}"
    classes, y = choose_classes([values[c] for c in rows.codes], where, request.positive)
    _say_what_was_read(request, files, chosen, classes, y)
    train, held = split(request, files, chosen, Part(rows, y), classes)
    estimator, messages = _estimate(request, train, held)
    model = _describe(estimator, classes, request, train, messages)
    say_what_was_encoded(model)
    report = None
    if request.page is not None:
        from oddsmith.cli.reporting import report_of_rows

        report = report_of_rows(request, model, estimator, train, held)
    if held is None or not len(held.rows):
        return Fitted(model, estimator.history_, summarise(model), None, report)
    probabilities = estimator.predict_proba(held.rows.table, held.rows.offset)
    predicted = model.choose(probabilities)
    summary = summarise(model, evaluate(held.y, predicted, probabilities, classes))
    columns = _prediction_columns(held, predicted, probabilities, classes)
    return Fitted(model, estimator.history_, summary, columns, report)


def _say_what_was_read(
    request: FitRequest,
    files: TableFiles,
    chosen: Chosen,
    classes: tuple[Label, ...],
    y: Indices,
) -> None:
    counts = np.bincount(y, minlength=len(classes)).tolist()
    shown = [
        f"{quoted(label_text(label))} {count:,}"
        for label, count in zip(classes[:10], counts, strict=False)
    ]
    more = f" and {len(classes) - 10} more classes" if len(classes) > 10 else ""
    kinds = words_of_kinds(files, chosen.features)
    say(
        f"{request.source}: {len(y):,} rows, {kinds}, "
        f"{quoted(request.target)}: {', '.join(shown)}{more}"
    )


def say_what_was_encoded(model: Model) -> None:
    """Name categories with their levels and reference, and where missing values went."""
    for one in model.encoding.columns[:20]:
        missing = f", {one.n_missing:,} missing" if one.n_missing else ""
        if one.kind == "category":
            at = one.pooled_at
            pooled = 0 if at is None else int((one.places == at).sum())
            pools = f", {pooled:,} pooled" if pooled else ""
            say(
                f"{quoted(one.name)}: {one.levels.size:,} levels, reference "
                f"{quoted(str(one.reference))}{pools}{missing}"
            )
        elif missing:
            say(f"{quoted(one.name)}: {one.n_missing:,} missing values count as {one.mean:.6g}")
    if len(model.encoding.columns) > 20 and not model.encoding.plain:
        say("(more columns are described in model.json)")


def _estimate(
    request: FitRequest, train: Part, held: Part | None
) -> tuple[LogisticRegression, tuple[str, ...]]:
    """Fitted estimator, and what it warned of."""
    encoder = encoder_of(request.columns)
    estimator = LogisticRegression(C=request.C, verbose=1, encoder=encoder)
    validation = None
    if held is not None and len(held.rows):
        beside = () if held.rows.offset is None else (held.rows.offset,)
        validation = (held.rows.table, held.y, *beside)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Libraries speak to programmers here, not to the user of a command.
        for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", category)
        rows = train.rows
        try:
            estimator.fit(rows.table, train.y, rows.weight, rows.offset, validation=validation)
        except OddsmithError as error:
            raise in_words_of_options(error, request.source) from None
    messages = tuple(dict.fromkeys(str(warning.message) for warning in caught))
    for message in messages:
        warn(f"{request.source}: {message}")
    return estimator, messages


def _describe(
    estimator: LogisticRegression,
    classes: tuple[Label, ...],
    request: FitRequest,
    train: Part,
    messages: tuple[str, ...],
) -> Model:
    rows = train.rows
    weight = float(len(train.y) if rows.weight is None else rows.weight.sum())
    results = None
    if math.isinf(request.C):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results = estimator.infer(rows.table, train.y, rows.weight, rows.offset)
        except OddsmithError as error:
            say(f"no standard errors: {error}")
    return settled(estimator, request, len(train.y), weight, messages, results, classes)


def settled(
    estimator: LogisticRegression,
    request: FitRequest,
    rows: int,
    weight: float | None,
    messages: tuple[str, ...],
    results: Any,
    classes: tuple[Label, ...] | None = None,
) -> Model:
    """Describe a fit as a document, with its covariance where there is one."""
    try:
        model = describe(estimator, covariance=results)
    except ParameterError as error:
        if results is None:
            raise
        say(f"no standard errors: {error}")
        model = describe(estimator)
    training = replace(model.training, rows=rows, weight=weight, warnings=messages)
    return replace(
        model,
        target=request.target,
        training=training,
        classes=model.classes if classes is None else classes,
    )


def _prediction_columns(
    held: Part, predicted: Indices, probabilities: Array, classes: tuple[Label, ...]
) -> dict[str, list[Any]]:
    several = {"file": held.rows.files()} if held.rows.n_files > 1 else {}
    return {
        **several,
        held.rows.unit: held.rows.lines.tolist(),
        "true": [classes[k] for k in held.y.tolist()],
        "prediction": [classes[k] for k in predicted.tolist()],
        **probability_columns(probabilities, classes),
    }


def _write_pictures(folder: Path, history: dict[str, Array], summary: Summary) -> tuple[str, ...]:
    try:
        save_png(plot_history(history), folder / "loss.png")
    except MissingPackageError as error:
        warn(f"no picture is drawn: {error}")
        return ()
    if summary.evaluation is None:
        return ("loss.png",)
    return ("loss.png", *_write_confusion(folder, summary.evaluation, summary.classes))


def _write_confusion(
    folder: Path, evaluation: Evaluation, classes: tuple[str, ...]
) -> tuple[str, ...]:
    boxes = save_png(plot_confusion(evaluation.confusion, classes), folder / "confusion_matrix.png")
    if boxes:
        warn(
            f"confusion_matrix.png: no font that is installed has {quoted(boxes, 30)}, drawn as "
            "boxes; install one that has, such as Noto Sans CJK"
        )
    return ("confusion_matrix.png",)
