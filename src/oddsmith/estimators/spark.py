"""Spark tables to a fitted model, on the executors, and predictions there."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oddsmith.core.labels import label_text, quoted
from oddsmith.data.spark_table import spark_columns
from oddsmith.engines.spark import OnExecutor, SparkDesk, SparkTable
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.file_request import fitted_clone
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.estimators.parts import fit_rows, pack_table, table_rows
from oddsmith.estimators.request import Asked
from oddsmith.estimators.workplace import workplace
from oddsmith.inference.likelihood import CovarianceKind
from oddsmith.views.files_progress import files_progress

__all__ = ["fit", "predict_proba"]


def fit(
    frame: Any,
    target: str = "y",
    model: LogisticRegression | None = None,
    *,
    features: Sequence[str] | None = None,
    weight: str | None = None,
    offset: str | None = None,
    cov_type: CovarianceKind = "nonrobust",
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> LogisticRegression:
    r"""Fit a Spark DataFrame on its executors, to the same proved optimum as rows in memory.

    Rows come to Python once, partition by partition, and stay on the executors' disks as columns;
    each pass sends the coefficients there, and sums come back. Both are removed at the end.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
    target : str, default "y"
        Column of the labels.
    model : LogisticRegression, optional
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
    LogisticRegression
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
    if not hasattr(frame, "mapInArrow"):
        raise ParameterError(
            f"frame is of type {type(frame).__name__}; give a DataFrame of Spark 3.3 or later"
        )
    fitted: Any = fitted_clone(model, "Spark tables")
    names = [features] if isinstance(features, str) else features
    table = spark_columns(frame, names)
    asked = Asked.about(
        table, target, fitted, features=table.expanded(names), weight=weight, offset=offset
    )
    for name in asked.kinds:
        table.check(name, "feature")
    selected, opened = table.read(asked.layout)
    with ExitStack() as stack:
        place = stack.enter_context(workplace(False, checkpoint, resume=resume))
        told = stack.enter_context(files_progress(bool(fitted.verbose)))
        desk = stack.enter_context(SparkDesk(frame.sparkSession))
        pack = pack_table(asked, OnExecutor(desk.token))
        packed = SparkTable(desk, selected, opened).prepared(pack, "oddsmith read")
        rows = table_rows(fitted, asked, packed)
        rows.source.watch = told.began
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
    """
    from pyspark.sql.types import DoubleType, StructField, StructType

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
    return frame.mapInArrow(_Scoring(model, names, new), schema)


@dataclass(frozen=True, slots=True)
class _Scoring:
    """Task that adds columns of probabilities to record batches."""

    model: Any
    names: tuple[str, ...]
    new: tuple[str, ...]

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in batches:
            if not batch.num_rows:
                continue
            table = pa.Table.from_batches([batch.select(list(self.names))])
            found = self.model.predict_proba(table).T
            columns = [*batch.columns, *(pa.array(own) for own in found)]
            yield pa.RecordBatch.from_arrays(columns, [*batch.schema.names, *self.new])
