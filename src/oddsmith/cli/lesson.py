"""From named data, or a learner's own file, to the page of ``oddsmith lesson``."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.model_selection import train_test_split

from oddsmith.cli.messages import say
from oddsmith.cli.reading import Indices, choose_classes
from oddsmith.core.labels import label_text, quoted
from oddsmith.core.stable import Array
from oddsmith.data.files import read_csv
from oddsmith.errors import DataError, OddsmithWarning, ParameterError, SeparationWarning
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.solvers import GradientDescent
from oddsmith.views.pages.charts import need_program
from oddsmith.views.pages.lesson import Lesson, Run, lesson_page

__all__ = ["LESSONS", "page_of_file", "page_of_name", "refuse_foreign_page"]

_EPOCHS = 150
# Rates on standardised columns: too small to arrive, one that suits, and one far beyond the
# largest stable one where the classes overlap; and two rules that make more of a step.
_RUNS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("plain, rate 0.02", {"learning_rate": 0.02}),
    ("plain, rate 0.5", {"learning_rate": 0.5}),
    ("plain, rate 50", {"learning_rate": 50.0}),
    ("momentum, rate 0.1", {"learning_rate": 0.1, "rule": "momentum"}),
    ("Adam, rate 0.1", {"learning_rate": 0.1, "rule": "adam"}),
)
# More rows than this teach no more, and more points than this hide one another.
_MOST_ROWS, _MOST_POINTS = 10_000, 800
_LEAST_OF_A_CLASS = 5
_SHORTLIST = 30
# Squares of larger numbers would overflow.
_LARGEST = 1e100
_SEED = 0


@dataclass(frozen=True, slots=True)
class _Rows:
    """Data of two classes: X of shape (n, p), y of shape (n,) with 1 for the second class."""

    title: str
    story: tuple[str, ...]
    target: str
    classes: tuple[str, str]
    columns: tuple[str, ...]
    X: Array
    y: Indices


def page_of_name(name: str) -> str:
    """HTML of the lesson on built-in data.

    Parameters
    ----------
    name : str
        One of `LESSONS`.

    Returns
    -------
    str

    Raises
    ------
    ParameterError
        If there is no lesson of that name; the message lists those that there are.
    MissingPackageError
        If vl-convert is not installed.
    """
    if name not in LESSONS:
        known = ", ".join(sorted(LESSONS))
        raise ParameterError(f"there is no lesson {quoted(name)}; choose one of: {known}")
    need_program()
    return lesson_page(_lesson(LESSONS[name]()))


def page_of_file(data: Path, target: str) -> str:
    """HTML of the lesson on the rows of a CSV file.

    Parameters
    ----------
    data : Path
    target : str
        Column that holds the labels of two classes.

    Returns
    -------
    str

    Raises
    ------
    DataError
        If the file cannot be read, or has other than two classes, or too few rows of one.
    MissingPackageError
        If vl-convert or pyarrow is not installed.
    """
    need_program()
    return lesson_page(_lesson(_own_rows(data, target)))


def refuse_foreign_page(out: Path) -> None:
    """Refuse to replace a file that this command did not write.

    Raises
    ------
    ParameterError
    """
    if not out.is_file():
        return
    try:
        with out.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise ParameterError(
            f"{out}: cannot be read ({error.strerror}); choose another --out"
        ) from None
    if start and b'name="generator" content="oddsmith lesson"' not in start:
        raise ParameterError(
            f"{out}: is there already, and not written by oddsmith; choose another --out"
        )


def _clusters() -> _Rows:
    made: Any = make_classification(
        n_samples=1000,
        n_features=2,
        n_redundant=0,
        n_informative=2,
        n_clusters_per_class=1,
        random_state=42,
    )
    story = ("A thousand points in two clusters that overlap, made by scikit-learn.",)
    return _Rows("clusters", story, "cluster", ("0", "1"), ("x1", "x2"), *made)


def _breast_cancer() -> _Rows:
    data: Any = load_breast_cancer()
    story = (
        "569 breast tumours with 30 measurements each (Street, Wolberg and Mangasarian, 1993), as "
        "shipped in scikit-learn.",
    )
    names = tuple(data.feature_names.tolist())
    malignant = (data.target == 0).astype(np.intp)
    classes = ("benign", "malignant")
    return _Rows("breast cancer", story, "diagnosis", classes, names, data.data, malignant)


LESSONS: dict[str, Callable[[], _Rows]] = {
    "breast-cancer": _breast_cancer,
    "clusters": _clusters,
}


def _own_rows(data: Path, target: str) -> _Rows:
    table = read_csv(data)
    labels, y = choose_classes(table.labels(target), f"{data}: column {quoted(target)}", None)
    if len(labels) != 2:
        raise DataError(
            f"{data}: column {quoted(target)} has {len(labels)} classes, and a lesson is about "
            "two; choose another --target, or keep the rows of two classes"
        )
    names = tuple(name for name in table.names if name != target)
    if not names:
        raise DataError(f"{data}: has no column but the target; add columns of numbers")
    negative, positive = (label_text(label) for label in labels)
    story = (f"{len(y):,} rows, {len(names):,} column{'s' if names[1:] else ''} of numbers.",)
    X = table.numbers(names)
    return _checked(str(data), _Rows(data.name, story, target, (negative, positive), names, X, y))


def _checked(source: str, rows: _Rows) -> _Rows:
    """Rows that vary, not too many, with enough of either class to split."""
    n = len(rows.y)
    X, y, story = rows.X, rows.y, rows.story
    if n > _MOST_ROWS:
        kept = np.sort(np.random.default_rng(_SEED).choice(n, _MOST_ROWS, replace=False))
        X, y = X[kept], y[kept]
        story = (*story, f"The lesson takes {_MOST_ROWS:,} of the rows, drawn at random.")
    counts = np.bincount(y, minlength=2)
    if counts.min() < _LEAST_OF_A_CLASS:
        label = rows.classes[int(counts.argmin())]
        raise DataError(
            f"{source}: has {counts.min()} rows of the class {quoted(label)}, and a lesson needs "
            f"{_LEAST_OF_A_CLASS} of each; add rows"
        )
    large = np.abs(X).max(axis=0) > _LARGEST
    if large.any():
        raise DataError(
            f"{source}: column {quoted(rows.columns[int(large.argmax())])} has numbers beyond "
            f"{_LARGEST:g}, which no picture shows; divide it by a large number"
        )
    varied = np.ptp(X, axis=0) > 0
    if not varied.any():
        raise DataError(f"{source}: every column holds one value only; add columns that vary")
    names = tuple(name for name, varies in zip(rows.columns, varied, strict=True) if varies)
    return _Rows(rows.title, story, rows.target, rows.classes, names, X[:, varied], y)


def _lesson(rows: _Rows) -> Lesson:
    train, held = train_test_split(
        np.arange(len(rows.y)), test_size=0.2, stratify=rows.y, random_state=_SEED
    )
    y = rows.y[train]
    chosen = _most_telling(rows.X[train], y)
    columns = tuple(rows.columns[j] for j in chosen)
    X, X_held = rows.X[train][:, chosen], rows.X[held][:, chosen]
    best, minimum = _optimum(X, y)
    say(f"{rows.title}: {len(train)} rows to train, {len(held)} held out")
    return Lesson(
        title=rows.title,
        story=(*rows.story, *_tell(rows, columns, len(train), len(held), minimum)),
        target=rows.target,
        classes=rows.classes,
        columns=columns,
        X=X,
        y=y,
        # The split has shuffled the rows.
        drawn=np.arange(min(len(y), _MOST_POINTS)),
        runs=tuple(_run(name, how, (X, y), (X_held, rows.y[held])) for name, how in _RUNS),
        minimum=minimum,
        scores=best.predict_proba(X_held)[:, 1],
        truths=rows.y[held],
    )


def _tell(
    rows: _Rows, columns: tuple[str, ...], train: int, held: int, minimum: float | None
) -> list[str]:
    told = [f"{train:,} rows train the model, and {held:,} are held out to judge it."]
    if train > _MOST_POINTS:
        told.append(f"{_MOST_POINTS} of the training rows are drawn.")
    if len(rows.columns) > 2:
        told.append(
            f"This page uses the two most telling of {len(rows.columns)} columns: "
            f"{quoted(columns[0])}, which alone lowers the cost on the training rows most, and "
            f"{quoted(columns[1])}, which lowers it most beside that one."
        )
    if minimum is None:
        told.append(
            "No finite weights are best here, as where a line separates the classes: the longer "
            "the training, the larger the weights."
        )
    return told


def _most_telling(X: Array, y: Indices) -> list[int]:
    """Two columns, chosen one after the other; or all, where there are no more.

    First the one whose model has the least cost on the training rows, then the one that lowers it
    most beside the first; standardised and with C = 1, so that the cost has a minimum whatever the
    data. Of many columns only those are tried that are most correlated with the label.
    """
    p = X.shape[1]
    if p <= 2:
        return list(range(p))
    centred = X - X.mean(axis=0)
    spread = np.sqrt(np.mean(centred**2, axis=0))
    Z = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    correlation = np.abs(Z.T @ (y - y.mean()))
    tried = np.sort(np.argsort(-correlation, kind="stable")[:_SHORTLIST]).tolist()
    chosen: list[int] = []
    for _ in range(2):
        left = [j for j in tried if j not in chosen]
        costs = [_optimum(Z[:, [*chosen, j]], y, C=1.0)[0].objective_ for j in left]
        chosen.append(left[int(np.argmin(costs))])
    return chosen


def _optimum(X: Array, y: Indices, C: float = np.inf) -> tuple[LogisticRegression, float | None]:
    """Fitted model, and its cost if that is proved to be the least there is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", OddsmithWarning)
        model = LogisticRegression(C=C).fit(X, y)
    separated = any(issubclass(warning.category, SeparationWarning) for warning in caught)
    return model, None if separated or not model.converged_ else float(model.objective_)


def _run(
    name: str, how: dict[str, Any], train: tuple[Array, Indices], held: tuple[Array, Indices]
) -> Run:
    solver = GradientDescent(epochs=_EPOCHS, standardize=True, **how)
    model = LogisticRegression(C=np.inf, solver=solver, random_state=_SEED, record_coef=True)
    with warnings.catch_warnings():
        # To stop after so many epochs is what a lesson is about.
        warnings.simplefilter("ignore", OddsmithWarning)
        history = model.fit(*train, validation=held).history_
    # A run that has arrived stays where it is.
    epochs = np.minimum(np.arange(_EPOCHS + 1), len(history["loss"]) - 1)
    return Run(
        name,
        history["coef"][epochs, 0],
        history["intercept"][epochs, 0],
        *(history[key][epochs] for key in ("loss", "validation_loss", "validation_accuracy")),
    )
