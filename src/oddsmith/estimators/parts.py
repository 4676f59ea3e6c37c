"""Fits to rows in parts, whichever engine folds over them: what parts report teaches the encoding.

Two folds come before the solver's: one reads the parts and adds their reports, one encodes them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from oddsmith.core.block import Block, Blocks, RowSource
from oddsmith.core.columns import Columns
from oddsmith.core.parts import Parts
from oddsmith.core.stable import Array
from oddsmith.core.table_encoding import TableEncoding
from oddsmith.data.array_part import ArrayReport, EncodeArray, PackArray, array_report
from oddsmith.data.memory import memory_blocks
from oddsmith.data.survey import classes_of
from oddsmith.data.table_part import EncodeTable, PackTable, PartReport, report_of
from oddsmith.engines.journal import Journal
from oddsmith.engines.parts import PartRows
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.file_inference import is_likelihood, results_of
from oddsmith.estimators.learned import class_factors, label_array, learn
from oddsmith.estimators.request import Asked
from oddsmith.estimators.table_door import keep_columns
from oddsmith.estimators.trained import Complaints, TrainedClassifier
from oddsmith.estimators.training import Training
from oddsmith.inference.likelihood import CovarianceKind
from oddsmith.solvers.choose import Problem, kernels_for
from oddsmith.solvers.run import Watch

__all__ = ["Rows", "array_rows", "fit_rows", "pack_array", "pack_table", "table_rows"]

# Rows of the sample of offsets, whose median a fit starts from.
_OFFSETS = 100_000
# Rows of a part that compiled kernels are for; how many there are is not known yet.
_SOME_ROWS = 2**20


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in parts, encoded, and what a fit keeps of where they came from.

    Attributes
    ----------
    source : PartRows
    training : Training
    identity : object
        All that says which rows these are, and how they are encoded and weighed.
    n_dropped : int
    factors : array of shape (K,), or None
        What the weights of each class were multiplied by.
    scale : float
        What the penalty was multiplied by.
    """

    source: PartRows
    training: Training
    identity: Any
    n_dropped: int = 0
    factors: Array | None = None
    scale: float = 1.0

    def penalised(self, l1: float, l2: float) -> Training:
        """Rows as they are fitted with another penalty, as users have it."""
        return replace(self.training, l1=self.scale * l1, l2=self.scale * l2)


def pack_table(
    asked: Asked, cache: Callable[[], Path] | None = None, what: str = "partition"
) -> PackTable:
    """Make what reads a part of a table, for `Parts.prepared`."""
    layout = asked.layout
    width = len(layout.numbers) + 1
    return PackTable(layout, asked.drop, _statistics(width), what, cache)


def pack_array(n_features: int) -> PackArray:
    """Make what checks a part of an array, for `Parts.prepared`."""
    return PackArray(_statistics(n_features + 1), n_features)


def _statistics(size: int) -> Callable[[Block], Columns]:
    return kernels_for(Problem(_SOME_ROWS, size, 1, False)).columns


def table_rows(model: TrainedClassifier, asked: Asked, packed: Parts) -> Rows:
    """Learn from the parts of a table how to encode them, and let the model know its columns.

    Parameters
    ----------
    model : TrainedClassifier
    asked : Asked
    packed : Parts
        Of `TablePart`, as `pack_table` makes them.

    Raises
    ------
    DataError
        If the rows cannot be fitted.
    """
    report: PartReport | None = packed.fold(report_of, "oddsmith first pass")
    if report is None or report.survey is None:
        dropped = 0 if report is None else report.n_dropped
        raise DataError(
            f"{asked.where}: there is no row; add data"
            if not dropped
            else f"{asked.where}: no row is left, as all {dropped} lack a value; fill some in"
        )
    learned = learn(asked, report.survey, report.levels)
    labels, margins = learned.classes.labels, learned.margins
    encode = EncodeTable(learned.encoding, labels, margins, learned.factors, report.digests)
    ready = packed.prepared(encode, "oddsmith encode")
    source = PartRows(ready, report.counts, learned.encoding.width, partial(_gathered, margins))
    columns = report.survey.columns if learned.as_stored else None
    offset = _offsets(source) if asked.layout.offset is not None else None
    learned.name_columns(model)
    vars(model).update(n_rows_=report.survey.n_rows, n_dropped_=report.n_dropped)
    encoded = _identity(learned.encoding)
    identity = (asked.identity, report.digests, encoded, label_list(labels), learned.factors)
    training = learned.training(source, offset, columns)
    return Rows(source, training, identity, report.n_dropped, learned.factors, learned.scale)


def array_rows(
    model: TrainedClassifier,
    penalty: tuple[float, float],
    packed: Parts,
    n_features: int,
    *,
    target: str | None,
    with_offset: bool,
) -> Rows:
    """Learn from the parts of an array which classes there are, and let the model know its columns.

    Parameters
    ----------
    model : TrainedClassifier
    penalty : tuple (l1, l2)
    packed : Parts
        Of `ArrayPart`, as `pack_array` makes them.
    n_features : int
    target : str or None
        Name of the outcome.
    with_offset : bool

    Raises
    ------
    DataError
        If the rows cannot be fitted.
    """
    report: ArrayReport | None = packed.fold(array_report, "oddsmith first pass")
    if report is None or report.columns is None:
        raise DataError("X has no row; give at least two, of different classes")
    weights = np.array(list(report.weight.values()))
    classes = classes_of(list(report.weight), weights, False, "y")
    labels = classes.labels
    sums = np.bincount(classes.index, weights).astype(np.float64)
    n_rows = sum(report.counts)
    factors, scale = class_factors(model, sums, n_rows, labels)
    margins = 1 if len(labels) == 2 else len(labels)
    encode = EncodeArray(labels, margins, factors, report.digests)
    ready = packed.prepared(encode, "oddsmith encode")
    source = PartRows(ready, report.counts, n_features, partial(_gathered, margins))
    training = Training(
        source,
        label_array(labels),
        scale * penalty[0],
        scale * penalty[1],
        report.sparse,
        report.entries,
        _offsets(source) if with_offset else None,
        report.columns if factors is None else None,
        scaled=scale != 1.0,
    )
    vars(model).pop("coef_names_", None)
    keep_columns(model, None, None, n_features, target)
    vars(model).update(n_rows_=n_rows, n_dropped_=0)
    identity = (report.digests, label_list(labels), factors)
    return Rows(source, training, identity, 0, factors, scale)


def _identity(encoding: TableEncoding) -> tuple[Any, ...]:
    """All that says what becomes of rows: the same columns may stand for other levels."""
    columns = [
        (
            one.name,
            one.mean,
            one.missing_at,
            list(zip(map(repr, one.levels), one.places.tolist(), strict=True)),
        )
        for one in encoding.columns
    ]
    return encoding.names(), columns, encoding.sparse


def label_list(labels: tuple[Any, ...]) -> list[str]:
    """Labels as text that tells 1, 1.0 and True apart."""
    return [repr(label) for label in labels]


def _gathered(margins: int, block: Block) -> Blocks:
    X = block.X if hasattr(block.X, "tocsr") else np.ascontiguousarray(block.X)
    return memory_blocks(X, block.y, block.weight, block.offset, margins)


def _offsets(source: PartRows) -> Array:
    """Median of some rows' offsets, of shape (1,) or (K,)."""
    rows: Any = source.sample(max(1, source.n_rows // _OFFSETS)).blocks
    return np.atleast_1d(np.median(rows.offset, axis=0))


def fit_rows(
    model: TrainedClassifier,
    rows: Rows,
    *,
    watch: Watch | None = None,
    journal: Path | None = None,
    inference: bool = False,
    kind: CovarianceKind = "nonrobust",
) -> Complaints:
    """Fit rows in parts, and return what there is to warn of.

    Parameters
    ----------
    model : TrainedClassifier
        It keeps the fit.
    rows : Rows
    watch : callable, optional
        Called once per iteration.
    journal : Path, optional
        Folder in which what each fold returns is written down, and found again.
    inference : bool
        Whether to keep `results_`, where the likelihood is maximised.
    kind : str
        Of the standard errors.
    """
    vars(model).pop("results_", None)
    source: RowSource = rows.source
    if journal is not None:
        source = Journal(source, journal, rows.identity)
    training = replace(rows.training, blocks=source)
    walk = model._walk(source, training, watch=watch)
    complaints = model._settle(walk, training)
    if not inference:
        return complaints
    if is_likelihood(model):
        results, more = results_of(model, walk, training, kind)
        vars(model)["results_"] = results
        return more or complaints
    if kind != "nonrobust":
        raise ParameterError(
            f"cov_type={kind!r} asks for standard errors, which a penalised fit does not have; "
            "use C=numpy.inf"
        )
    return complaints
