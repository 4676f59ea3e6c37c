"""The programs that fit rows of a cluster. The rows are there, and cached, before the clock starts.

What is timed is one call, from the rows on the workers to coefficients in this process.
"""

import shutil
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.cluster_data import Chunks
from benchmarks.places import PLACES, Here, OnDask, OnSpark, Place
from benchmarks.programs import Options, Program, Run, Solution

__all__ = ["CLUSTER_FITTERS", "OVERHEADS", "ClusterProgram"]

_MANY = 1000  # iterations: tolerances end a fit, not this


@dataclass(frozen=True)
class ClusterProgram(Program):
    """A program, and where its rows lie.

    Parameters
    ----------
    place : str
        A key of `benchmarks.places.PLACES`.
    command : str, optional
        What it runs on.
    """

    place: str = "dask"
    command: str | None = None

    def installed(self) -> bool:
        """Whether it can be imported here, and its command is there."""
        return (self.command is None or shutil.which(self.command) is not None) and (
            super().installed()
        )

    def at(self, chunks: Chunks, threads: int) -> Place:
        """Make the rows where this program has them."""
        return PLACES[self.place](chunks, threads)


def _read(model: Any) -> Solution:
    passes = getattr(model, "n_passes_", None)
    coef = np.asarray(model.coef_).reshape(1, -1)
    intercept = np.asarray(model.intercept_).reshape(1)
    return Solution(coef, intercept, None if passes is None else int(passes))


def _ours_on_dask(place: OnDask, options: Options, threads: int) -> Run:
    from oddsmith import LogisticRegression

    model = LogisticRegression(C=place.chunks.C, **options)
    return lambda: model.fit(place.X, place.y)


def _ours_on_spark(place: OnSpark, options: Options, threads: int) -> Run:
    from oddsmith import LogisticRegression
    from oddsmith.spark import fit  # type: ignore[import-not-found]

    model = LogisticRegression(C=place.chunks.C, **options)
    return lambda: fit(place.frame, target="label", model=model, features=["features"])


def _ours_here(place: Here, options: Options, threads: int) -> Run:
    from oddsmith import LogisticRegression

    model = LogisticRegression(C=place.chunks.C, n_jobs=threads, **options)
    return lambda: model.fit(place.X, place.y)


def _dask_ml(place: OnDask, options: Options, threads: int) -> Run:
    """Penalises the intercept too, which is 4e-8 of the objective here; `newton` nothing at all.

    Without `normalize` it does not divide the columns by their standard deviations, which are 1
    here, in each pass again: with it, a fit takes up to twice as long.
    """
    from dask_ml.linear_model import LogisticRegression

    plain = {"normalize": False}
    model = LogisticRegression(C=place.chunks.C, solver_kwargs=plain, **options)
    return lambda: model.fit(place.X, place.y)


def _spark(place: OnSpark, options: Options, threads: int) -> Run:
    """Minimises the mean loss plus ``regParam / 2 ||w||^2``: regParam is 1 / (C n).

    Without `standardization` the penalty is on the coefficients as they are, as ours.
    """
    from pyspark.ml.classification import LogisticRegression

    chunks = place.chunks
    model = LogisticRegression(
        regParam=1.0 / (chunks.C * chunks.n), elasticNetParam=0.0, standardization=False, **options
    )
    return lambda: model.fit(place.frame)


def _read_spark(model: Any) -> Solution:
    return Solution(model.coefficients.toArray()[None], np.array([model.intercept]))


def _dask_ml_solver(solver: str, *tolerances: float) -> ClusterProgram:
    """One of its solvers, with its own tolerance and tighter ones."""
    way = ({"solver": solver}, *({"solver": solver, "tol": tol} for tol in tolerances))
    return ClusterProgram(f"dask-ml {solver}", "dask_ml", (way,), _dask_ml, _read)


def _ours(name: str, prepare: Any, place: str, module: str = "oddsmith") -> ClusterProgram:
    return ClusterProgram(name, module, (({},),), prepare, _read, place=place)


_OURS = _ours("oddsmith", _ours_on_dask, "dask")
_SPARK_ML = ClusterProgram(
    name="Spark ML",
    module="pyspark",
    ladders=(({}, *({"tol": tol, "maxIter": _MANY} for tol in (1e-7, 1e-8, 1e-9))),),
    prepare=_spark,
    read=_read_spark,
    place="spark",
    command="java",
)

# Ours first.
CLUSTER_FITTERS = (
    _OURS,
    _SPARK_ML,
    _dask_ml_solver("lbfgs", 1e-6),
    _dask_ml_solver("newton"),
    _dask_ml_solver("admm"),
    _dask_ml_solver("gradient_descent"),
    _dask_ml_solver("proximal_grad"),
)
# The same fit by ourselves, elsewhere.
OVERHEADS = (
    _OURS,
    _ours("oddsmith, threads", _ours_here, "here"),
    _ours("oddsmith on Spark", _ours_on_spark, "spark", "oddsmith.spark"),
)
