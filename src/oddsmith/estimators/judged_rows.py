"""Rows in memory that a model is judged by: labels to places, rows to probabilities and columns."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from oddsmith.core.columns import Columns
from oddsmith.core.scoring import put_probabilities
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import Column, some_rows
from oddsmith.data.memory import memory_blocks
from oddsmith.data.outcome import read_outcome
from oddsmith.engines.threads import Threads
from oddsmith.errors import DataError
from oddsmith.estimators.door import fitted_columns, refuse_collection
from oddsmith.estimators.inputs import row_weights
from oddsmith.estimators.labels import Encoded, known_index
from oddsmith.estimators.table_door import table_columns
from oddsmith.export.schema import Model
from oddsmith.solvers.choose import Problem, kernels_for
from oddsmith.views.pages.report.document import Whole
from oddsmith.views.pages.report.gathering import Gathering, Pick, bounds_of, matrix_columns

__all__ = ["gathered", "places_of_labels"]


def gathered(
    model: Any,
    description: Model,
    X: Any,
    y: Any,
    sample_weight: Any,
    offset: Any,
    numbers: Whole | None = None,
) -> Gathering:
    """Judge rows, and gather what a page shows of them.

    Parameters
    ----------
    model : LinearClassifier
        Fitted.
    description : Model
        Of it.
    X, y, sample_weight, offset
        As `predict_proba` and `score` take them.
    numbers : integer array of shape (n,), optional
        By which the page finds a row; its place, from 0, if not given.

    Raises
    ------
    DataError, ParameterError
        If they do not fit the model.
    """
    refuse_collection("a report", X)
    columns, rows = _entered(model, X)
    n = rows.shape[0]
    index = places_of_labels(y, model.classes_, n)
    weight = _weight(sample_weight, model.classes_, index)
    out = np.empty((n, model.classes_.size))
    probabilities = model._scores(rows, offset, put_probabilities, out)
    found = Gathering(description.encoding)
    moments = _moments(rows, index, model.n_jobs)
    found.measure(moments)
    if columns is None:
        pick, bounds = _of_matrix(rows, description), (moments.low, moments.high)
    else:
        pick, bounds = _of_table(columns), bounds_of(columns)
    found.add(pick, bounds, index, probabilities, weight, numbers)
    return found


def places_of_labels(y: Any, classes: Any, n: int) -> Whole:
    """Place among the classes, which need not be sorted, of the label of each of n rows.

    Raises
    ------
    DataError
        If there are not n labels, or one that the model does not know.

    Examples
    --------
    >>> places_of_labels(["no", "yes"], np.array(["yes", "no"], dtype=object), 2)
    array([1, 0])
    """
    labels, _ = read_outcome(y)
    if labels is None:
        raise DataError("y is None; give the label of each row")
    order = np.argsort(classes)
    index = known_index(labels, classes[order], n, "y", "the model")
    return order[index].astype(np.intp, copy=False)


def _entered(model: Any, X: Any) -> tuple[list[Column] | None, Any]:
    """Columns of an encoded table, or None, and the rows as the model reads them."""
    check_is_fitted(model)
    encoder = getattr(model, "encoder_", None)
    if encoder is None:
        return None, fitted_columns(model, X)
    columns = table_columns(model, X)
    return columns, encoder.encoding_.rows(columns)


def _weight(sample_weight: Any, classes: Any, index: Whole) -> Array | None:
    labels = Encoded(classes, index)
    return row_weights(sample_weight, None, labels, all_classes=False)


def _moments(rows: Any, index: Whole, n_jobs: int | None) -> Columns:
    entries = getattr(rows, "nnz", 0)
    n, q = rows.shape
    kernels = kernels_for(Problem(n, q + 1, 1, hasattr(rows, "tocsr"), entries=entries))
    blocks = memory_blocks(rows, index)
    with Threads(blocks, n_jobs) as threads:
        return threads.fold(kernels.columns)


def _of_matrix(rows: Any, description: Model) -> Pick:
    ordered = rows.tocsr() if hasattr(rows, "tocsr") else rows
    return lambda places: matrix_columns(ordered[places], description.encoding)


def _of_table(columns: list[Column]) -> Pick:
    return lambda places: [some_rows(column, places) for column in columns]
