"""From files to a model, its evaluation and its files: what ``fit`` and ``demo`` share."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from oddsmith.cli.fit_rows import (
    Chosen,
    Rows,
    absent_in,
    choose_columns,
    read_rows,
    words_of_kinds,
)
from oddsmith.cli.messages import say, warn
from oddsmith.cli.reading import Indices, choose_classes, labels_of, match_labels
from oddsmith.core.encoding_rules import Missing
from oddsmith.core.labels import Label, label_text, quoted
from oddsmith.core.stable import Array
from oddsmith.data.files import TableFiles, open_files
from oddsmith.errors import DataError, MissingPackageError, OddsmithError, ParameterError
from oddsmith.estimators.description import describe
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.estimators.table_encoder import TableEncoder
from oddsmith.export.json import dump
from oddsmith.export.predictions import predictions_csv, probability_columns
from oddsmith.export.schema import Model
from oddsmith.views.plots import plot_confusion, plot_history, save_png
from oddsmith.views.tables import Evaluation, Summary, evaluate, summarise

__all__ = [
    "Columns",
    "FitRequest",
    "Fitted",
    "encoder_of",
    "fit_data",
    "say_what_was_encoded",
    "settled",
    "write_fit",
]

# Decoded rows that take more than this share of the memory are streamed, and a file of more than
# four times that is not tried.
_IN_MEMORY = 16
_BATCH = 32
_DEFAULT = TableEncoder()


@dataclass(frozen=True, slots=True)
class Columns:
    """What the user said of the columns.

    Attributes
    ----------
    types : dict of str to str
    weight, offset : str or None
    features, exclude : tuple of str
    missing, unseen : str
    min_count : int
    reference : str, or dict of str to str
    """

    types: dict[str, str]
    weight: str | None = None
    offset: str | None = None
    features: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    missing: Missing = "refuse"
    unseen: Any = "refuse"
    min_count: int = 1
    reference: Any = "first"


@dataclass(frozen=True, slots=True)
class FitRequest:
    """What the user asked ``fit`` for.

    Attributes
    ----------
    data : sequence of str or Path
    source : str
        Name of `data` in messages.
    target : str
    positive : str or None
    C : float
    test_size : float
        Share of the rows to hold out, unless `test` is given.
    test : sequence of str or Path, or None
        File of held-out rows.
    seed : int
    columns : Columns
    memory : int
        Bytes.
    checkpoint : Path or None
        Folder for the rows of a fit that is streamed; None keeps none.
    resume : bool
    again : str
        Command that goes on with such a fit.
    """

    data: Sequence[str | Path]
    source: str
    target: str
    positive: str | None
    C: float
    test_size: float
    test: Sequence[str | Path] | None
    seed: int
    columns: Columns
    memory: int = 2**30
    checkpoint: Path | None = None
    resume: bool = False
    again: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows with their class."""

    rows: Rows
    y: Indices


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
    """

    model: Model
    history: dict[str, Array]
    summary: Summary
    predictions: dict[str, list[Any]] | None


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


def encoder_of(columns: Columns) -> TableEncoder | None:
    """Make the encoder that the user asked for; None is what suits the columns."""
    asked = TableEncoder(
        reference=columns.reference,
        min_count=columns.min_count,
        unseen=columns.unseen,
        missing=columns.missing,  # type: ignore[arg-type]
    )
    return None if asked.get_params() == _DEFAULT.get_params() else asked


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
    train, held = _split(request, files, chosen, _Part(rows, y), classes)
    estimator, messages = _estimate(request, train, held)
    model = _describe(estimator, classes, request, train, messages)
    say_what_was_encoded(model)
    if held is None or not len(held.rows):
        return Fitted(model, estimator.history_, summarise(model), None)
    probabilities = estimator.predict_proba(held.rows.table, held.rows.offset)
    predicted = model.choose(probabilities)
    summary = summarise(model, evaluate(held.y, predicted, probabilities, classes))
    columns = _prediction_columns(held, predicted, probabilities, classes)
    return Fitted(model, estimator.history_, summary, columns)


def _say_what_was_read(
    request: FitRequest,
    files: TableFiles,
    chosen: Chosen,
    classes: tuple[Label, ...],
    y: Indices,
) -> None:
    counts = np.bincount(y, minlength=len(classes)).tolist()
    shown = [
        f"{quoted(label_text(label))} {count}"
        for label, count in zip(classes[:10], counts, strict=False)
    ]
    more = f" and {len(classes) - 10} more classes" if len(classes) > 10 else ""
    kinds = words_of_kinds(files, chosen.features)
    say(
        f"{request.source}: {len(y)} rows, {kinds}, "
        f"{quoted(request.target)}: {', '.join(shown)}{more}"
    )


def say_what_was_encoded(model: Model) -> None:
    """Name categories with their levels and reference, and where missing values went."""
    for one in model.encoding.columns[:20]:
        missing = f", {one.n_missing} missing" if one.n_missing else ""
        if one.kind == "category":
            at = one.pooled_at
            pooled = 0 if at is None else int((one.places == at).sum())
            pools = f", {pooled} pooled" if pooled else ""
            say(
                f"{quoted(one.name)}: {one.levels.size} levels, reference "
                f"{quoted(str(one.reference))}{pools}{missing}"
            )
        elif missing:
            say(f"{quoted(one.name)}: {one.n_missing} missing values count as {one.mean:.6g}")
    if len(model.encoding.columns) > 20 and not model.encoding.plain:
        say("(more columns are described in model.json)")


def _split(
    request: FitRequest,
    files: TableFiles,
    chosen: Chosen,
    part: _Part,
    classes: tuple[Label, ...],
) -> tuple[_Part, _Part | None]:
    """Rows to train on, and those held out, if any."""
    if request.test is not None:
        held = _test_rows(request, files, chosen, classes)
        say(f"{request.test[0]}: {len(held.rows)} rows held out")
        return part, _judgeable(request, part, held)
    if request.test_size == 0:
        say("no rows held out (--test-size 0)")
        return part, None
    _refuse_small_classes(request, part, classes)
    # Classes in the order of the rows, so that the split does not depend on which is positive.
    _, first = np.unique(part.y, return_index=True)
    train, held = train_test_split(
        np.arange(len(part.y)),
        test_size=request.test_size,
        stratify=first[part.y],
        random_state=request.seed,
    )
    if len(np.unique(part.y[train])) < len(classes):
        raise ParameterError(
            f"--test-size {request.test_size:g} leaves no row of some class to train on; lower it"
        )
    say(f"{len(train)} rows to train, {len(held)} held out (stratified, seed {request.seed})")
    own = _take(part, np.sort(train))
    return own, _judgeable(request, own, _take(part, np.sort(held)))


def _test_rows(
    request: FitRequest, files: TableFiles, chosen: Chosen, classes: tuple[Label, ...]
) -> _Part:
    """Rows of a file of their own, their columns of the kinds of the others."""
    there = open_files(request.test or ())
    for name in chosen.names:
        there.check(name, "target" if name == chosen.target else "model")
    kinds = {name: files.kinds[name] for name in chosen.features}
    there = open_files(request.test or (), types=kinds, text=(chosen.target,))
    own = request.columns.missing
    rows = read_rows(
        there, replace(chosen, declared=kinds), drop=own == "drop", refuse=own == "refuse"
    )
    assert rows is not None  # noqa: S101
    y = match_labels(rows.codes, rows.levels, chosen.target, classes, rows.place)
    return _Part(rows, y)


def _judgeable(request: FitRequest, train: _Part, held: _Part) -> _Part:
    """Held-out rows without those that have a level, or a gap, that the fit does not see."""
    known = np.ones(len(held.rows), dtype=bool)
    own = request.columns
    for name in train.rows.table.column_names:
        before, after = train.rows.table.column(name), held.rows.table.column(name)
        gaps = np.concatenate([absent_in(chunk) for chunk in after.chunks] or [known])
        fitted_gaps = any(absent_in(chunk).any() for chunk in before.chunks)
        if gaps.any() and not fitted_gaps and own.missing != "mean":
            known &= ~gaps
        if "string" not in str(before.type):
            continue
        counts = before.value_counts().to_pylist()
        levels = {one["values"] for one in counts}
        pools = own.unseen == "pool" and any(one["counts"] < own.min_count for one in counts)
        if not pools:
            known &= np.array([x is None or x in levels for x in after.to_pylist()], dtype=bool)
    if known.all():
        return held
    say(
        f"{int((~known).sum())} held-out rows are not judged: they have a level or a gap that the "
        "fit has not seen"
    )
    return _take(held, np.flatnonzero(known))


def _take(part: _Part, index: Indices) -> _Part:
    return _Part(part.rows.take(index), part.y[index])


def _refuse_small_classes(request: FitRequest, part: _Part, classes: tuple[Label, ...]) -> None:
    """Refuse a split that would leave out a class on either side."""
    counts = np.bincount(part.y)
    todo = "add rows, or hold out none with --test-size 0"
    if counts.min() < 2:
        k = int(counts.argmin())
        place = part.rows.place(int((part.y == k).argmax()))
        raise DataError(
            f"{place}: is the only row with the label "
            f"{quoted(label_text(classes[k]))}, and cannot both train and be held out; {todo}"
        )
    held = math.ceil(request.test_size * len(part.y))
    if min(held, len(part.y) - held) < len(classes):
        raise DataError(
            f"{request.source}: --test-size {request.test_size:g} splits its {len(part.y)} rows "
            f"into {len(part.y) - held} and {held}, too few for {len(classes)} classes; {todo}"
        )


def _estimate(
    request: FitRequest, train: _Part, held: _Part | None
) -> tuple[LogisticRegression, tuple[str, ...]]:
    """Fitted estimator, and what it warned of."""
    own = {} if (encoder := encoder_of(request.columns)) is None else {"encoder": encoder}
    estimator = LogisticRegression(C=request.C, verbose=1, **own)
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
        estimator.fit(rows.table, train.y, rows.weight, rows.offset, validation=validation)
    messages = tuple(dict.fromkeys(str(warning.message) for warning in caught))
    for message in messages:
        warn(f"{request.source}: {message}")
    return estimator, messages


def _describe(
    estimator: LogisticRegression,
    classes: tuple[Label, ...],
    request: FitRequest,
    train: _Part,
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
    held: _Part, predicted: Indices, probabilities: Array, classes: tuple[Label, ...]
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
