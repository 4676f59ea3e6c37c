"""The programs that fit files, one call each, every one in a fresh process.

What each takes is timed from after its imports, or the start of its session, until the
coefficients are there: opening, decoding and caching the files is part of it.
"""

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.files import TARGET, Files, batches, file_objective
from benchmarks.programs import Options

__all__ = ["FILE_PROGRAMS", "OURS", "FilePeer", "Fitted", "file_program"]


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
        what the program spills, `goal` the objective at which a program that never ends may stop.
    """

    name: str
    module: str
    ways: tuple[Options, ...]
    fit: Callable[[Files, Options, int, Path, float], Fitted]

    def installed(self) -> bool:
        """Whether it can be imported here."""
        return importlib.util.find_spec(self.module) is not None


def _oddsmith(files: Files, options: Options, threads: int, scratch: Path, goal: float) -> Fitted:
    import oddsmith

    model = oddsmith.LogisticRegression(C=files.C, n_jobs=threads)
    start = time.perf_counter()
    fitted = oddsmith.fit_files(files.paths, target=TARGET, model=model, **options)
    seconds = time.perf_counter() - start
    note = f"{fitted.n_passes_} passes, gap {fitted.optimality_gap_:.1e}"
    return Fitted(seconds, fitted.coef_[0].tolist(), float(fitted.intercept_[0]), note)


def _spark(files: Files, options: Options, threads: int, scratch: Path, goal: float) -> Fitted:
    """Minimise the mean loss plus ``regParam / 2 ||w||^2``: regParam is 1 / (C n).

    Without `standardization` the penalty is on the coefficients as they are, as ours; inside
    Spark scales the columns either way.
    """
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import VectorAssembler
    from pyspark.sql import functions

    options = dict(options)
    memory, cached = options.pop("memory"), options.pop("cached")
    session = _spark_session(threads, memory, scratch)
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


def _spark_session(threads: int, memory: str, scratch: Path) -> Any:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local[{threads}]")
    said = {
        "spark.driver.memory": memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.ui.enabled": "false",
    }
    for name, value in said.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _sgd(files: Files, options: Options, threads: int, scratch: Path, goal: float) -> Fitted:
    """Epochs until the objective is at most `goal`; the clock stands still while it is judged.

    Its `alpha` is 1 / (C n).
    """
    from sklearn.linear_model import SGDClassifier

    options = dict(options)
    most = options.pop("epochs")
    alpha = 1.0 / (files.C * files.n)
    model = SGDClassifier(loss="log_loss", alpha=alpha, random_state=0, **options)
    classes = np.array([0, 1])
    seconds = 0.0
    reached: list[str] = []
    for _ in range(most):
        start = time.perf_counter()
        for X, y in batches(files.paths):
            model.partial_fit(X, y, classes=classes)
        seconds += time.perf_counter() - start
        found = file_objective(files, model.coef_[0], float(model.intercept_[0]))
        reached.append(f"{found:.9g} at {seconds:.1f} s")
        if found <= goal:
            break
    note = f"{len(reached)} epochs; {', '.join(reached)}"
    return Fitted(seconds, model.coef_[0].tolist(), float(model.intercept_[0]), note)


OURS = FilePeer("oddsmith", "oddsmith", ({},), _oddsmith)

# Ours first.
FILE_PROGRAMS = (
    OURS,
    FilePeer(
        "Spark ML",
        "pyspark",
        tuple({"memory": "8g", "cached": what} for what in ("frame", "nothing")),
        _spark,
    ),
    FilePeer(
        "SGDClassifier",
        "sklearn",
        ({"average": True, "learning_rate": "invscaling", "eta0": 0.1, "epochs": 10},),
        _sgd,
    ),
)


def file_program(name: str) -> FilePeer:
    """Program of that name."""
    return next(program for program in FILE_PROGRAMS if program.name == name)
