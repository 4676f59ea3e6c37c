"""A model with some of the columns of another: the null model, and what aliased columns leave.

No rows are copied but those of a block while it is read.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from oddsmith.core.block import Block, CountedSource, Mergeable, RowSource
from oddsmith.core.columns import Columns
from oddsmith.core.fit import Fit
from oddsmith.core.moments import VectorMoments
from oddsmith.core.stable import exact_dot
from oddsmith.inference.likelihood import Likelihood
from oddsmith.solvers.minimise import Task, minimise, objective_of

__all__ = ["SomeColumns", "nested", "null_log_likelihood", "some_columns"]

S = TypeVar("S", bound=Mergeable)


class SomeColumns:
    """A row source with some of the columns of another.

    Parameters
    ----------
    source : RowSource
    kept : sequence of int
        Columns, in the order that they are to have.

    Examples
    --------
    >>> from oddsmith.core.columns import column_statistics
    >>> from oddsmith.data.memory import memory_blocks
    >>> from oddsmith.engines.threads import Threads
    >>> rows = Threads(memory_blocks(np.arange(6.0).reshape(2, 3), np.zeros(2, dtype=np.int8)))
    >>> SomeColumns(rows, [2, 0]).fold(column_statistics).mean
    array([3.5, 1.5])
    """

    def __init__(self, source: RowSource, kept: Any) -> None:
        self.source = source
        self.kept = np.asarray(kept, dtype=np.intp)

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        return self.source.n_rows

    @property
    def n_features(self) -> int:
        """Columns that are kept."""
        return int(self.kept.size)

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        """Fold the kernel over the rows with those columns."""
        return self.source.fold(_Narrow(kernel, self.kept))


@dataclass(frozen=True)
class _Narrow:
    """A kernel that is given some of the columns of each block."""

    kernel: Callable[[Block], Any]
    kept: np.ndarray[Any, np.dtype[np.intp]]

    def __call__(self, block: Block) -> Any:
        return self.kernel(replace(block, X=block.X[:, self.kept]))


def nested(
    likelihood: Likelihood, kept: Any, *, intercept: bool = True, tol: float = 1e-12
) -> tuple[Likelihood, Fit]:
    """Fit the model with some of the columns to the same rows.

    Parameters
    ----------
    likelihood : Likelihood
    kept : sequence of int
        Columns of it that stay.
    intercept : bool
        Whether the model has one.
    tol : float
        Gap to reach (nats per unit of weight).
    """
    start = some_columns(likelihood, kept, intercept=intercept)
    objective = start.objective
    task = Task(objective.n_classes, intercept, 0.0, likelihood.sparse, tol)
    counted: Any = objective.source
    fit = minimise(counted, objective.columns, "auto", task)
    return replace(start, coef=objective.from_user(fit.coef, fit.intercept)), fit


def some_columns(likelihood: Likelihood, kept: Any, *, intercept: bool = True) -> Likelihood:
    """Likelihood of the model with some of the columns, at coef = 0."""
    whole = likelihood.objective
    kept = np.asarray(kept, dtype=np.intp)
    counted = CountedSource(SomeColumns(whole.source, kept))
    columns = _of_columns(whole.columns, kept)
    task = Task(whole.n_classes, intercept, 0.0, likelihood.sparse, 0.0)
    objective, _ = objective_of(counted, columns, task)
    names = tuple(likelihood.names[j] for j in kept.tolist())
    coef = np.zeros(objective.size)
    return replace(likelihood, objective=objective, coef=coef, names=names, known=None)


def _of_columns(columns: Columns, kept: Any) -> Columns:
    parts = (columns.mean, columns.spread, columns.low, columns.high)
    return Columns(columns.weight, *(part[kept] for part in parts))


@dataclass(frozen=True, slots=True)
class _ClassWeights:
    """Weight of each class, and the sum of the sizes of the offsets."""

    n_classes: int

    def __call__(self, block: Block) -> VectorMoments:
        weight = np.bincount(block.y, block.weight, minlength=self.n_classes).astype(np.float64)
        return VectorMoments(np.append(weight, np.abs(block.offset).sum()))


def null_log_likelihood(likelihood: Likelihood) -> float:
    """Log-likelihood of the model with an intercept alone, and the same offset (nats).

    Without an offset it is sum_k W_k log(W_k / W), with W_k the weight of class k; with one it is
    fitted.
    """
    objective = likelihood.objective
    if not likelihood.names and objective.design.intercept:
        return likelihood.llf
    found = objective.source.fold(_ClassWeights(objective.n_classes)).vector
    weight, offset = found[:-1], found[-1]
    if offset == 0.0:
        own = weight[weight > 0]
        return likelihood.constant + exact_dot(own, np.log(own / own.sum()), 0.0)
    null, _ = nested(likelihood, [])
    return likelihood.constant - objective_value(null)


def objective_value(likelihood: Likelihood) -> float:
    """Minus log-likelihood of the cases (nats): one pass."""
    return likelihood.objective.evaluate(likelihood.coef, 0).value
