"""The programs that fit files, one call each, every one in a fresh process.

What each takes is timed from after its imports, or the start of its session, until the
coefficients are there: opening, decoding and caching the files is part of it.
"""

import importlib.util
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.data import Array
from benchmarks.files import TARGET, Files, batches, file_objective
from benchmarks.places import spark_session
from benchmarks.programs import Options
from benchmarks.results import shortfall

__all__ = ["FILE_PROGRAMS", "OURS", "FilePeer", "Fitted", "Goal", "file_program"]


@dataclass(frozen=True)
class Goal:
    """Where a program that never ends may stop.

    Parameters
    ----------
    least : float
        The least objective known.
    equal : float
        Part of it within which another is equal.
    """

    least: float = -math.inf
    equal: float = 0.0

    def short(self, objective: float) -> float:
        """How far an objective is above the least, relative to it."""
        return shortfall(objective, self.least)


@dataclass(frozen=True)
class Fitted:
    """What a program returned, and its seconds.

    Parameters
    ----------
    seconds : float
        Of the fit from files to coefficients.
    coef : list of float
    intercept : float
    note : str
        What else is worth telling of the fit.
    """

    seconds: float
    coef: list[float]
    intercept: float
    note: str = ""


@dataclass(frozen=True)
class FilePeer:
    """A program that fits files.

    Parameters
    ----------
    name, module : str
    ways : tuple of dict
        Options; all are tried once, and the fastest at an equal objective is raced.
    fit : callable
        From (files, options, threads, scratch, goal) to `Fitted`: `scratch` is a folder for
        what the program spills.
    command : str, optional
        What it runs on.
    """

    name: str
    module: str
    ways: tuple[Options, ...]
    fit: Callable[[Files, Options, int, Path, Goal], Fitted]
    command: str | None = None

    def installed(self) -> bool:
        """Whether it can be imported here, and its command is there."""
        there = self.command is None or shutil.which(self.command) is not None
        return there and importlib.util.find_spec(self.module) is not None


def _oddsmith(files: Files, options: Options, threads: int, scratch: Path, goal: Goal) -> Fitted:
    """Cache columns beside the files: a temporary folder may be memory."""
    import oddsmith

    model = oddsmith.LogisticRegression(C=files.C, n_jobs=threads)
    start = time.perf_counter()
    paths = list(files.paths)
    fitted = oddsmith.fit_files(paths, target=TARGET, model=model, cache=scratch, **options)
    seconds = time.perf_counter() - start
    note = f"{fitted.n_passes_} passes, gap {fitted.optimality_gap_:.1e}"
    return Fitted(seconds, fitted.coef_[0].tolist(), float(fitted.intercept_[0]), note)


def _spark(files: Files, options: Options, threads: int, scratch: Path, goal: Goal) -> Fitted:
    """Minimise the mean loss plus ``regParam / 2 ||w||^2``: regParam is 1 / (C n).

    Without `standardization` the penalty is on the coefficients as they are, as ours; inside
    Spark scales the columns either way.
    """
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import VectorAssembler
    from pyspark.sql import functions

    options = dict(options)
    memory, cached = options.pop("memory"), options.pop("cached")
    session = spark_session(threads, memory, scratch)
    model = LogisticRegression(
        regParam=1.0 / (files.C * files.n), elasticNetParam=0.0, standardization=False, **options
    )
    start = time.perf_counter()
    frame = session.read.parquet(*map(str, files.paths))
    if cached == "frame":
        frame = frame.persist()
        frame.count()
    names = [name for name in frame.columns if name != TARGET]
    rows = VectorAssembler(inputCols=names, outputCol="features").transform(frame)
    rows = rows.select("features", functions.col(TARGET).cast("double").alias("label"))
    if cached == "vectors":
        rows = rows.persist()
        rows.count()
    fitted = model.fit(rows)
    coef, intercept = fitted.coefficients.toArray().tolist(), float(fitted.intercept)
    seconds = time.perf_counter() - start
    note = f"{fitted.summary.totalIterations} iterations"
    session.stop()
    return Fitted(seconds, coef, intercept, note)


def _sgd(files: Files, options: Options, threads: int, scratch: Path, goal: Goal) -> Fitted:
    """Read epoch after epoch until the goal; the clock stands still while that is judged.

    Its `alpha` is 1 / (C n). With `column` the rows are made float64, since averages of float32
    drift, and a constant column takes the place of the intercept, which every call of
    `partial_fit` starts from where the averages began; its penalty is 3e-8 of the objective.
    """
    from sklearn.linear_model import SGDClassifier

    options = dict(options)
    most, column = options.pop("epochs"), options.pop("column", False)
    alpha = 1.0 / (files.C * files.n)
    model = SGDClassifier(loss="log_loss", alpha=alpha, random_state=0, **options)
    model.set_params(fit_intercept=not column)
    classes = np.array([0, 1])
    seconds = 0.0
    reached: list[str] = []
    coef, intercept = np.zeros(files.p), 0.0
    for _ in range(most):
        start = time.perf_counter()
        for X, y in batches(files.paths):
            model.partial_fit(_with_ones(X) if column else X, y, classes=classes)
        seconds += time.perf_counter() - start
        coef, intercept = model.coef_[0][: files.p], float(model.intercept_[0])
        intercept = float(model.coef_[0][-1]) if column else intercept
        short = goal.short(file_objective(files, coef, intercept))
        reached.append(f"{short:.1e} at {seconds:.1f} s")
        if short <= goal.equal:
            break
    note = f"short after each of {len(reached)} epochs by {', '.join(reached)}"
    return Fitted(seconds, coef.tolist(), intercept, note)


def _with_ones(X: Array) -> Array:
    wider = np.ones((X.shape[0], X.shape[1] + 1))
    wider[:, :-1] = X
    return wider


_AVERAGED: Options = {"average": 1_000_000, "epochs": 3}  # from the millionth row on

OURS = FilePeer("oddsmith", "oddsmith", ({"memory": 10**9},), _oddsmith)

# Ours first.
FILE_PROGRAMS = (
    OURS,
    FilePeer(
        "Spark ML",
        "pyspark",
        tuple({"memory": "14g", "cached": what} for what in ("frame", "nothing")),
        _spark,
        command="java",
    ),
    FilePeer(
        "SGDClassifier",
        "sklearn",
        # The best of some twenty that were looked at.
        (
            _AVERAGED | {"learning_rate": "constant", "eta0": 3e-4},
            _AVERAGED | {"learning_rate": "invscaling", "eta0": 0.3, "column": True},
        ),
        _sgd,
    ),
)


def file_program(name: str) -> FilePeer:
    """Program of that name."""
    return next(program for program in FILE_PROGRAMS if program.name == name)
