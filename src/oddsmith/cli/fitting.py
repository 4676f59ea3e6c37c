"""From a CSV file to a model, its evaluation and its files: what ``fit`` and ``demo`` share."""

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from oddsmith import __version__
from oddsmith.cli.messages import say, warn
from oddsmith.cli.reading import Indices, choose_classes, match_classes, match_features
from oddsmith.core.labels import Label, label_text, quoted
from oddsmith.core.stable import Array
from oddsmith.data.files import Table, named_columns, read_csv
from oddsmith.errors import DataError, MissingPackageError, ParameterError
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.export.json import dump
from oddsmith.export.predictions import predictions_csv, probability_columns
from oddsmith.export.provenance import Certificate, Training
from oddsmith.export.schema import Model, plain_model
from oddsmith.views.plots import plot_confusion, plot_history, save_png
from oddsmith.views.tables import Summary, evaluate, summarise

__all__ = ["FitRequest", "Fitted", "fit_csv", "write_fit"]


@dataclass(frozen=True, slots=True)
class FitRequest:
    """What the user asked ``fit`` for.

    Attributes
    ----------
    data : Path
    source : str
        Name of `data` in messages.
    target : str
    positive : str or None
    C : float
    test_size : float
        Share of the rows to hold out, unless `test` is given.
    test : Path or None
        File of held-out rows.
    seed : int
    """

    data: Path
    source: str
    target: str
    positive: str | None
    C: float
    test_size: float
    test: Path | None
    seed: int


@dataclass(frozen=True, slots=True)
class _Rows:
    X: Array
    y: Indices
    lines: Any


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of a fit, before anything is written.

    Attributes
    ----------
    model : Model
    history : dict of str to array
    summary : Summary
    predictions : dict of str to list, or None
        Columns of predictions.csv, None without held-out rows.
    """

    model: Model
    history: dict[str, Array]
    summary: Summary
    predictions: dict[str, list[Any]] | None


def fit_csv(request: FitRequest) -> Fitted:
    """Fit a model, and evaluate it on the held-out rows; nothing is written."""
    table = read_csv(request.data, request.source)
    classes, y = choose_classes(table, request.target, request.positive)
    names = tuple(name for name in table.names if name != request.target)
    if not names:
        raise DataError(f"{request.source}: has no column but the target; add columns of numbers")
    rows = _Rows(table.numbers(names), y, table.lines)
    _say_what_was_read(request, table, classes, y)
    train, held = _split(request, rows, names, classes)
    estimator, messages = _estimate(request, train, held, names)
    model = _describe(estimator, names, classes, request, len(train.y), messages)
    if held is None:
        return Fitted(model, estimator.history_, summarise(model), None)
    probabilities = model.predict_proba(held.X)
    predicted = model.choose(probabilities)
    summary = summarise(model, evaluate(held.y, predicted, probabilities, classes))
    columns = _prediction_columns(held, predicted, probabilities, classes)
    return Fitted(model, estimator.history_, summary, columns)


def write_fit(fitted: Fitted, folder: Path) -> tuple[str, ...]:
    """Write model, predictions and pictures into `folder`; the names of the files are returned."""
    written = ["model.json"]
    (folder / "model.json").write_text(dump(fitted.model), encoding="utf-8")
    if fitted.predictions is not None:
        text = predictions_csv(fitted.predictions)
        (folder / "predictions.csv").write_text(text, encoding="utf-8")
        written.append("predictions.csv")
    return (*written, *_write_pictures(folder, fitted.history, fitted.summary))


def _say_what_was_read(
    request: FitRequest, table: Table, classes: tuple[Label, ...], y: Indices
) -> None:
    counts = np.bincount(y, minlength=len(classes)).tolist()
    shown = [
        f"{quoted(label_text(label))} {count}"
        for label, count in zip(classes[:10], counts, strict=False)
    ]
    more = f" and {len(classes) - 10} more classes" if len(classes) > 10 else ""
    say(
        f"{request.source}: {table.n_rows} rows, {len(table.names) - 1} columns of numbers, "
        f"{quoted(request.target)}: {', '.join(shown)}{more}"
    )


def _split(
    request: FitRequest, rows: _Rows, names: tuple[str, ...], classes: tuple[Label, ...]
) -> tuple[_Rows, _Rows | None]:
    """Rows to train on, and those held out, if any."""
    if request.test is not None:
        table = read_csv(request.test)
        y = match_classes(table, request.target, classes)
        held = _Rows(match_features(table, names), y, table.lines)
        say(f"{request.test}: {table.n_rows} rows held out")
        return rows, held
    if request.test_size == 0:
        say("no rows held out (--test-size 0)")
        return rows, None
    _refuse_small_classes(request, rows, classes)
    # Classes in the order of the rows, so that the split does not depend on which is positive.
    _, first = np.unique(rows.y, return_index=True)
    train, held = train_test_split(
        np.arange(len(rows.y)),
        test_size=request.test_size,
        stratify=first[rows.y],
        random_state=request.seed,
    )
    if len(np.unique(rows.y[train])) < len(classes):
        raise ParameterError(
            f"--test-size {request.test_size:g} leaves no row of some class to train on; lower it"
        )
    say(f"{len(train)} rows to train, {len(held)} held out (stratified, seed {request.seed})")
    return _take(rows, np.sort(train)), _take(rows, np.sort(held))


def _take(rows: _Rows, index: Indices) -> _Rows:
    return _Rows(rows.X[index], rows.y[index], rows.lines[index])


def _refuse_small_classes(request: FitRequest, rows: _Rows, classes: tuple[Label, ...]) -> None:
    """Refuse a split that would leave out a class on either side."""
    counts = np.bincount(rows.y)
    todo = "add rows, or hold out none with --test-size 0"
    if counts.min() < 2:
        k = int(counts.argmin())
        line = rows.lines[int((rows.y == k).argmax())]
        raise DataError(
            f"{request.source}: line {line}: is the only row with the label "
            f"{quoted(label_text(classes[k]))}, and cannot both train and be held out; {todo}"
        )
    held = math.ceil(request.test_size * len(rows.y))
    if min(held, len(rows.y) - held) < len(classes):
        raise DataError(
            f"{request.source}: --test-size {request.test_size:g} splits its {len(rows.y)} rows "
            f"into {len(rows.y) - held} and {held}, too few for {len(classes)} classes; {todo}"
        )


def _estimate(
    request: FitRequest, train: _Rows, held: _Rows | None, names: tuple[str, ...]
) -> tuple[LogisticRegression, tuple[str, ...]]:
    """Fitted estimator, and what it warned of."""
    estimator = LogisticRegression(C=request.C, verbose=1)
    validation = None if held is None else (named_columns(held.X, names), held.y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # Libraries speak to programmers here, not to the user of a command.
        for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", category)
        estimator.fit(named_columns(train.X, names), train.y, validation=validation)
    messages = tuple(dict.fromkeys(str(warning.message) for warning in caught))
    for message in messages:
        warn(f"{request.source}: {message}")
    return estimator, messages


def _describe(
    estimator: LogisticRegression,
    names: tuple[str, ...],
    classes: tuple[Label, ...],
    request: FitRequest,
    n: int,
    messages: tuple[str, ...],
) -> Model:
    training = Training(
        estimator=type(estimator).__name__,
        rows=n,
        weight=float(n),
        C=request.C,
        l1_ratio=0.0,
        penalty="none" if math.isinf(request.C) else "l2",
        solver=estimator.solver_,
        iterations=int(estimator.n_iter_[0]),
        passes=int(estimator.n_passes_),
        version=__version__,
        warnings=messages,
    )
    certificate = Certificate(
        objective=float(estimator.objective_),
        optimality_gap=float(estimator.optimality_gap_),
        tol=estimator.tol,
        converged=bool(estimator.converged_),
    )
    coef, intercept = estimator.coef_, estimator.intercept_
    return plain_model(names, classes, request.target, coef, intercept, training, certificate)


def _prediction_columns(
    held: _Rows, predicted: Indices, probabilities: Array, classes: tuple[Label, ...]
) -> dict[str, list[Any]]:
    return {
        "line": held.lines.tolist(),
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
    figure = plot_confusion(summary.evaluation.confusion, summary.classes)
    boxes = save_png(figure, folder / "confusion_matrix.png")
    if boxes:
        warn(
            f"confusion_matrix.png: no font that is installed has {quoted(boxes, 30)}, drawn as "
            "boxes; install one that has, such as Noto Sans CJK"
        )
    return "loss.png", "confusion_matrix.png"
