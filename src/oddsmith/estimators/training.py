"""From rows in blocks, wherever they live, to the fit that an estimator keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from oddsmith.core.block import Blocks, CountedSource, RowSource
from oddsmith.core.columns import Columns
from oddsmith.core.fit import Fit
from oddsmith.core.stable import Array
from oddsmith.data.memory import memory_blocks
from oddsmith.errors import DataError
from oddsmith.estimators.inputs import in_range, row_offset, row_weights
from oddsmith.estimators.labels import Encoded
from oddsmith.solvers.choose import Problem, kernels_for
from oddsmith.solvers.minimise import Task

__all__ = ["Training", "Walked", "fit_record", "in_memory"]


@dataclass(frozen=True, slots=True)
class Training:
    """Rows as they are fitted, and the penalty in the unit of their weights.

    Attributes
    ----------
    blocks : Blocks, or the source itself where rows are in parts
    classes : array of shape (K,)
        Sorted; a block's y says which of them a row has.
    l1, l2 : float
        Penalty, as the weights of the blocks are scaled.
    sparse : bool
        Whether blocks are sparse.
    entries : int
        Entries that are stored, of sparse blocks.
    offset : array of shape (1,) or (K,), or None
        Median of the rows' offsets.
    columns : Columns or None
        Where the columns lie; one pass finds out where it is None.
    explain : callable or None
        Error that names an entry which is not finite, or None; asked where there is one.
    scaled : bool
        Whether weights and penalty were multiplied by a power of two.
    """

    blocks: Blocks | RowSource
    classes: np.ndarray[Any, Any]
    l1: float
    l2: float
    sparse: bool = False
    entries: int = 0
    offset: Array | None = None
    columns: Columns | None = None
    explain: Callable[[], DataError | None] | None = None
    scaled: bool = False

    @property
    def width(self) -> int:
        """Margins a row."""
        return 1 if self.classes.size == 2 else int(self.classes.size)

    @property
    def n_features(self) -> int:
        """Columns."""
        return self.blocks.n_features

    @property
    def penalised(self) -> bool:
        """Whether there is any penalty."""
        return self.l1 > 0 or self.l2 > 0

    def statistics(self, source: CountedSource) -> Columns:
        """Where the columns lie: what is known, or what one fold of the source tells."""
        if self.columns is not None:
            return self.columns
        size = self.n_features * self.width
        shape = Problem(source.n_rows, size, self.width, self.sparse, entries=self.entries)
        return source.fold(kernels_for(shape).columns)


@dataclass(frozen=True, slots=True)
class Walked:
    """Where the minimum was found, and from what.

    Attributes
    ----------
    source : CountedSource
    columns : Columns
    task : Task
    fit : Fit
    """

    source: CountedSource
    columns: Columns
    task: Task
    fit: Fit


def fit_record(
    rows: int,
    weight: float | None,
    warnings: tuple[str, ...],
    separated: str | None,
    aliased: tuple[int, ...] | None,
) -> dict[str, Any]:
    """Put together what a fit leaves for the model's file, of built-in types alone.

    Parameters
    ----------
    rows : int
    weight : float or None
        Sum of the weights; None where nobody knows it.
    warnings : tuple of str
        What the fit warned of.
    separated : "complete", "quasi" or None
    aliased : tuple of int, or None
        Encoded columns that are linear combinations of those before; None if nobody looked.
    """
    return {
        "rows": int(rows),
        "weight": None if weight is None else float(weight),
        "warnings": warnings,
        "separated": separated,
        "aliased": None if aliased is None else tuple(map(int, aliased)),
    }


def in_memory(
    X: Any,
    labels: Encoded,
    penalty: tuple[float, float],
    sample_weight: Any,
    class_weight: Any,
    offset: Any,
    *,
    explain: Callable[[], DataError | None],
    all_classes: bool = True,
) -> Training:
    """Rows of arrays, weighed.

    Parameters
    ----------
    X : ndarray, CSR or CSC of shape (n, p)
    labels : Encoded
    penalty : tuple (l1, l2)
    sample_weight, class_weight, offset
        As the user gave them.
    explain : callable
        See `Training`.
    all_classes : bool
        Whether each class must have weight.

    Raises
    ------
    DataError, ParameterError
        If weights or offsets cannot be used.
    """
    counted = row_weights(sample_weight, class_weight, labels, all_classes=all_classes)
    weight, l1, l2 = in_range(counted, *penalty)
    width = 1 if labels.classes.size == 2 else labels.classes.size
    given = row_offset(offset, X.shape[0], width)
    return Training(
        memory_blocks(X, labels.index, weight, given, width),
        labels.classes,
        l1,
        l2,
        sp.issparse(X),
        getattr(X, "nnz", 0),
        None if given is None else np.atleast_1d(np.median(given, axis=0)),
        explain=explain,
        scaled=weight is not counted,
    )
