"""Spark tables to a fitted model, on the executors, and predictions there."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from oddsmith.core.labels import label_text, quoted
from oddsmith.data.spark_table import spark_columns
from oddsmith.engines.spark import SparkDesk, SparkTable
from oddsmith.engines.spark_tasks import OnExecutor
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.cross_validation import LogisticRegressionCV
from oddsmith.estimators.file_request import fitted_clone
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.estimators.parameters import check_stopping, penalties_of_a_path
from oddsmith.estimators.parts import Rows, fit_rows, pack_table, table_rows
from oddsmith.estimators.parts_choice import choose_by_parts, learner_of
from oddsmith.estimators.parts_path import path_by_parts
from oddsmith.estimators.parts_selection import check_search
from oddsmith.estimators.path_result import Path, PathAsked, late_gaps
from oddsmith.estimators.request import Asked
from oddsmith.estimators.workplace import workplace
from oddsmith.inference.likelihood import CovarianceKind
from oddsmith.views.files_progress import Told, files_progress

__all__ = ["fit", "predict_proba", "regularization_path"]

_OF_A_PATH = (
    "fit_intercept",
    "class_weight",
    "penalty_factors",
    "lower_bounds",
    "upper_bounds",
    "encoder",
)


def fit(
    frame: Any,
    target: str = "y",
    model: Any = None,
    *,
    features: Sequence[str] | None = None,
    weight: str | None = None,
    offset: str | None = None,
    cov_type: CovarianceKind = "nonrobust",
    checkpoint: str | FilePath | None = None,
    resume: bool = False,
) -> Any:
    r"""Fit a Spark DataFrame on its executors, to the same proved optimum as rows in memory.

    Rows come to Python once, partition by partition, and stay on the executors' disks as columns;
    each pass sends the coefficients there, and sums come back. Both are removed at the end.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
    target : str, default "y"
        Column of the labels.
    model : LogisticRegression or LogisticRegressionCV, optional
        What to fit, with its parameters, its encoder too; it is cloned. By default
        ``LogisticRegression()``.
    features : sequence of str, optional
        Columns to fit; by default all but the target, the weight and the offset. One that holds
        vectors of Spark ML stands for their entries.
    weight, offset : str, optional
        Columns of the rows' weights and offsets.
    cov_type : {"nonrobust", "HC0", "HC1"}, default "nonrobust"
        Of the standard errors, where nothing is penalised.
    checkpoint : str or Path, optional
        Folder of this machine, new or empty, in which the sums of each pass are kept until the fit
        is done: a fit that was cut short goes on from there. It is removed at the end.
    resume : bool, default False
        Whether to go on from the checkpoint: the table is read again, and the passes that it has
        are not; the coefficients are the same bits as without the interruption.

    Returns
    -------
    LogisticRegression or LogisticRegressionCV
        Fitted, with what `oddsmith.fit_files` gives it, `results_` too where nothing is penalised.

    Raises
    ------
    DataError
        If the table cannot be fitted; the message names partition, row and column.
    ParameterError
        If a parameter cannot be used.
    ClusterError
        If the session goes away, or its workers cannot go on.

    Warns
    -----
    ConvergenceWarning, SeparationWarning, CollinearityWarning, SolverWarning
    """
    chooses = isinstance(model, LogisticRegressionCV)
    fitted: Any = clone(model) if chooses else fitted_clone(model, "Spark tables")
    if chooses:
        _refuse_checkpoint(checkpoint, resume)
        check_search(fitted.cv, fitted.scoring, None, offset)
    learner = learner_of(fitted) if chooses else fitted
    columns = {"features": features, "weight": weight, "offset": offset}
    with (
        workplace(False, checkpoint, resume=resume) as place,
        files_progress(bool(fitted.verbose)) as told,
        _rows(frame, target, learner, told, columns) as rows,
    ):
        if chooses:
            complaints = choose_by_parts(fitted, learner, rows, watch=told.iteration)
        else:
            complaints = fit_rows(
                fitted,
                rows,
                watch=told.iteration,
                journal=place.journal,
                inference=True,
                kind=cov_type,
            )
    for kind, message in complaints:
        warnings.warn(message, kind, stacklevel=2)
    return fitted


def regularization_path(
    frame: Any,
    target: str = "y",
    *,
    features: Sequence[str] | None = None,
    weight: str | None = None,
    offset: str | None = None,
    l1_ratio: float = 1.0,
    n_lambdas: int = 100,
    lambdas: Any = None,
    lambda_ratio: float | None = None,
    tol: float = 1e-9,
    **how: Any,
) -> Path:
    r"""Fit a Spark DataFrame for a path of penalties, each proved to be within tol of its minimum.

    Parameters
    ----------
    frame, target, features, weight, offset
        See `fit`.
    l1_ratio, n_lambdas, lambdas, lambda_ratio, tol
        See `oddsmith.regularization_path`.
    **how
        `fit_intercept`, `class_weight`, `penalty_factors`, `lower_bounds`, `upper_bounds` and
        `encoder`, as there.

    Returns
    -------
    Path

    Raises
    ------
    DataError, ParameterError, ClusterError
        See `fit`.

    Warns
    -----
    ConvergenceWarning
    """
    ratio, given = penalties_of_a_path(l1_ratio, n_lambdas, lambdas, lambda_ratio)
    check_stopping(tol, None)
    unknown = sorted(set(how) - set(_OF_A_PATH))
    if unknown:
        raise ParameterError(
            f"{unknown[0]}={how[unknown[0]]!r} is not known of a path; use one of "
            f"{', '.join(_OF_A_PATH)}"
        )
    asked = PathAsked(ratio, given, int(n_lambdas), lambda_ratio, float(tol))
    learner = LogisticRegression(l1_ratio=1.0, tol=tol, **how)
    columns = {"features": features, "weight": weight, "offset": offset}
    with files_progress(False) as told, _rows(frame, target, learner, told, columns) as rows:
        path = path_by_parts(learner, rows, asked)
    for kind, message in late_gaps(path, float(tol)):
        warnings.warn(message, kind, stacklevel=2)
    return path


def _refuse_checkpoint(checkpoint: Any, resume: bool) -> None:
    if checkpoint is not None or resume:
        raise ParameterError(
            "checkpoint keeps the passes of one fit, and LogisticRegressionCV makes many; leave it "
            "out, or fit the penalty that it has chosen by LogisticRegression"
        )


@contextmanager
def _rows(
    frame: Any, target: str, learner: Any, told: Told, columns: Mapping[str, Any]
) -> Iterator[Rows]:
    """Rows of a table on the executors, for as long as they are needed; the learner is taught."""
    _refuse_other_frames(frame)
    if not isinstance(target, str):
        raise ParameterError(f"target is of type {type(target).__name__}; give a column's name")
    features = columns["features"]
    names = [features] if isinstance(features, str) else features
    table = spark_columns(frame, names)
    beside = {name: columns[name] for name in ("weight", "offset")}
    asked = Asked.about(table, target, learner, features=table.expanded(names), **beside)
    for name in asked.kinds:
        table.check(name, "feature")
    selected, opened = table.read(asked.layout)
    with SparkDesk(frame.sparkSession) as desk:
        pack = pack_table(asked, OnExecutor(desk.token))
        packed = SparkTable(desk, selected, opened).prepared(pack, "oddsmith read")
        rows = table_rows(learner, asked, packed)
        rows.source.watch = told.began
        yield rows


def _refuse_other_frames(frame: Any) -> None:
    if not hasattr(frame, "mapInArrow"):
        raise ParameterError(
            f"frame is of type {type(frame).__name__}; give a DataFrame of Spark 3.3 or later"
        )


def predict_proba(model: Any, frame: Any) -> Any:
    """Probability of each class as columns of a Spark DataFrame, lazily.

    Parameters
    ----------
    model : fitted model
        Any that has `classes_`, `feature_names_in_` and `predict_proba`.
    frame : pyspark.sql.DataFrame
        With the columns of the fit, and any others.

    Returns
    -------
    pyspark.sql.DataFrame
        The columns of `frame`, and one for each class, named ``p_`` and its label.

    Raises
    ------
    DataError
        If a column of the fit is not there, or there is one of a new column's name.
    ParameterError
        If the model does not know its columns by name, or `frame` is of another library.
    """
    from pyspark.sql.types import DoubleType, StructField, StructType

    check_is_fitted(model)
    _refuse_other_frames(frame)
    if not hasattr(model, "feature_names_in_"):
        raise ParameterError(
            "the model was fitted to columns without names; fit it to a table, whose columns have "
            "the names of this one's"
        )
    there = [field.name for field in frame.schema.fields]
    names = tuple(model.feature_names_in_.tolist())
    lacking = [name for name in names if name not in there]
    if lacking:
        raise DataError(
            f"the table lacks the column {quoted(lacking[0])}, which the fit had; give the columns "
            "of the fit"
        )
    new = tuple(f"p_{label_text(label)}" for label in model.classes_.tolist())
    for name in new:
        if name.lower() in map(str.lower, there):
            raise DataError(f"the table has a column {quoted(name)} already; rename it")
    schema = StructType([*frame.schema.fields, *(StructField(one, DoubleType()) for one in new)])
    # PySpark looks columns up by name there, and a point in one would be no part of it.
    plain = frame.toDF(*(f"c{place}" for place in range(len(there))))
    return plain.mapInArrow(_Scoring(model, names, tuple(there), new), schema)


@dataclass(frozen=True, slots=True)
class _Scoring:
    """Task that adds columns of probabilities to record batches."""

    model: Any
    names: tuple[str, ...]
    there: tuple[str, ...]
    new: tuple[str, ...]

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in batches:
            if not batch.num_rows:
                continue
            places = [self.there.index(name) for name in self.names]
            own = [batch.column(place) for place in places]
            table = pa.Table.from_arrays(own, list(self.names))
            found = self.model.predict_proba(table).T
            columns = [*batch.columns, *(pa.array(one) for one in found)]
            yield pa.RecordBatch.from_arrays(columns, [*self.there, *self.new])
