"""Folds of rows in parts: which rows each has, what they weigh, and sources of them."""

from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, check_cv

from oddsmith.core.block import RowSource
from oddsmith.core.columns import Columns
from oddsmith.core.fold_rows import ByLabel, part_labels
from oddsmith.core.labels import label_text, quoted
from oddsmith.core.stable import Array
from oddsmith.data.part_folds import (
    ClassCounts,
    CountClasses,
    WithFolds,
    piece_sizes,
    stratified_sizes,
)
from oddsmith.engines.part_folds import FoldRows, SharedPasses, WithLabels
from oddsmith.engines.parts import PartRows
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.inputs import refuse_rare_classes
from oddsmith.estimators.parts import Rows
from oddsmith.solvers.choose import Problem, kernels_for

__all__ = ["FoldedRows", "fold_rows", "folds_of"]


@dataclass(frozen=True, slots=True)
class Folds:
    """How rows are shared out.

    Attributes
    ----------
    count : int
    by_class : bool
        Class by class, or in one piece.
    rare : bool
        Whether a class with fewer rows than folds is left to the check of the rows to fit.
    """

    count: int
    by_class: bool
    rare: bool


def folds_of(cv: Any) -> Folds:
    """Read what `cv` asks for.

    Raises
    ------
    ParameterError
        If the folds of rows cannot be told from their order.

    Examples
    --------
    >>> folds_of(None)
    Folds(count=5, by_class=True, rare=False)
    """
    splitter: Any = check_cv(cv, np.array([0, 1]), classifier=True)
    kind = type(splitter)
    if kind in (StratifiedKFold, KFold) and not splitter.shuffle:
        return Folds(splitter.n_splits, kind is StratifiedKFold, splitter is cv)
    name = kind.__name__ + ("(shuffle=True)" if kind in (StratifiedKFold, KFold) else "")
    raise ParameterError(
        f"cv={name} needs all rows at one place, and these are in parts; use a number of folds, or "
        "StratifiedKFold or KFold without shuffle, and shuffle the rows where they are written"
    )


@dataclass(frozen=True)
class FoldedRows:
    """Rows in parts whose labels carry their folds.

    Attributes
    ----------
    rows : Rows
        The same without folds.
    source : PartRows
    counts : integer array of shape (F,)
        Rows inside each fold, those of weight 0 included.
    columns : dict of int to Columns
        Of the rows with each label.
    """

    rows: Rows
    source: PartRows
    counts: Any
    columns: dict[int, Columns]

    @property
    def n_classes(self) -> int:
        """Classes."""
        return int(self.rows.training.classes.size)

    @property
    def n_folds(self) -> int:
        """Folds."""
        return int(self.counts.size)

    def shared(self) -> SharedPasses:
        """Share passes between walks over all folds."""
        return SharedPasses(self.source, self.n_classes)

    def outside(self, passes: SharedPasses, fold: int) -> FoldRows:
        """Rows to fit."""
        return FoldRows(passes, fold, int(self.source.n_rows - self.counts[fold]))

    def labelled(self) -> RowSource:
        """All rows, of two classes, with labels for `core.each`."""
        return WithLabels(self.source, part_labels(self.n_folds))

    def columns_outside(self, fold: int) -> Columns:
        """Where the columns of the rows to fit lie."""
        K = self.n_classes
        return reduce(add, (self.columns[n] for n in sorted(self.columns) if n // K != fold))

    @property
    def columns_of_all(self) -> Columns:
        """Where the columns of all rows lie."""
        return reduce(add, (self.columns[n] for n in sorted(self.columns)))

    @property
    def fitted(self) -> Array:
        """Weight of the rows to fit, of shape (F, K)."""
        inside = self._weights(np.ones(self.n_classes))
        return inside.sum(axis=0) - inside

    @property
    def scored(self) -> Array:
        """Weight of the rows that each fold is scored on, of shape (F,), classes as they are."""
        factors = self.rows.factors
        inside = self._weights(np.ones(self.n_classes) if factors is None else factors)
        return inside.sum(axis=1)

    def _weights(self, factors: Array) -> Array:
        found = np.zeros((self.n_folds, self.n_classes))
        for label, columns in self.columns.items():
            f, k = divmod(label, self.n_classes)
            found[f, k] = columns.weight / factors[k]
        return found

    def _as_given(self) -> list[Columns]:
        """Columns of each class, rows weighed as they were given."""
        factors = self.rows.factors
        K, found = self.n_classes, list[Columns]()
        for k in range(K):
            whole = reduce(add, (self.columns[n] for n in sorted(self.columns) if n % K == k))
            weight = whole.weight if factors is None else whole.weight / float(factors[k])
            found.append(replace(whole, weight=weight))
        return found

    def largest_square(self) -> float:
        """Give the largest sum of s (x - mean)**2 of a column, for `penalty_grid_by`."""
        columns = reduce(add, self._as_given())
        with np.errstate(over="ignore"):
            return float((columns.weight * columns.spread**2).max(initial=0.0))

    def largest_gradient(self) -> float:
        """Give the largest gradient at the shares of the classes, for `penalty_grid_by`."""
        own = self._as_given()
        mean = reduce(add, own).mean
        return max(float(np.abs(one.weight * (one.mean - mean)).max(initial=0.0)) for one in own)


def fold_rows(rows: Rows, folds: Folds) -> FoldedRows:
    """Share rows in parts out to folds: three passes.

    Raises
    ------
    DataError
        If a class is too rare, or a fold has nothing to fit or to score.
    """
    classes, F = rows.training.classes, folds.count
    found: ClassCounts | None = rows.source.parts.fold(CountClasses(classes.size), "oddsmith count")
    counts: Any = found
    total = counts.total
    if folds.by_class and not folds.rare:
        refuse_rare_classes(total, classes, F)
    if rows.source.n_rows < F:
        raise DataError(f"there are {rows.source.n_rows} rows, too few for {F} folds; use fewer.")
    sizes = (
        stratified_sizes(total, counts.order, F)
        if folds.by_class
        else piece_sizes(rows.source.n_rows, F)
    )
    parts = rows.source.parts.prepared(WithFolds(counts.counts, sizes), "oddsmith folds")
    source = rows.source.over(parts)
    shape = Problem(source.n_rows, source.n_features, 1, rows.training.sparse)
    shape = replace(shape, entries=rows.training.entries)
    columns = source.fold(ByLabel(kernels_for(shape).columns)).found
    inside = sizes.sum(axis=0) if folds.by_class else sizes
    whole = FoldedRows(rows, source, inside, columns)
    _refuse_empty(whole)
    return whole


def _refuse_empty(folded: FoldedRows) -> None:
    """Raise where a fold has no row to fit of some class, or none to score."""
    for number, (fitted, scored) in enumerate(zip(folded.fitted, folded.scored, strict=True)):
        if not fitted.all():
            label = folded.rows.training.classes.tolist()[int(np.argmin(fitted))]
            raise DataError(
                f"fold {number} (from 0) has no row of class {quoted(label_text(label))} to fit; "
                "use fewer folds, or a splitter that shares out each class, as StratifiedKFold does."
            )
        if not scored > 0:
            raise DataError(f"fold {number} (from 0) has no row of positive weight to score.")
