"""Fits of the folds of a cross-validation that go together, by the way their shape allows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oddsmith.core.block import CountedSource
from oddsmith.core.each import MOST_PARTS, with_parts
from oddsmith.core.loss import Labels
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.data.memory import memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.estimators.path import regularization_path
from oddsmith.solvers.around import fit_around, near_optimum
from oddsmith.solvers.choose import Problem, choose, kernels_for
from oddsmith.solvers.each import Outcome, fit_each
from oddsmith.solvers.follow import follow
from oddsmith.solvers.minimise import Task, made_ready, objective_of

__all__ = ["Given", "Paths", "kinked_paths", "ridge_paths"]

# Rows times coefficients up to which all folds are fitted at once.
_FEW_ENTRIES = 2**19
# Rows a column from which on the optima of all folds lie near each other.
_ROWS_A_COLUMN = 20
# Numbers of the Hessians of all fits that may be kept.
_ROOM = 2**24
Parts = list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]


@dataclass(frozen=True, slots=True)
class Given:
    """Rows as they are fitted.

    Attributes
    ----------
    X : ndarray or CSR of shape (n, p)
    index : integer array of shape (n,)
        Classes.
    weight : array of shape (n,), or None
    offset : array of shape (n,) or (n, K), or None
    intercept : bool
    """

    X: Any
    index: Labels
    weight: Array | None
    offset: Array | None
    intercept: bool

    def part(self, rows: Any) -> "Given":
        """Take some of the rows."""
        return replace(
            self,
            X=self.X[rows],
            index=self.index[rows],
            weight=None if self.weight is None else self.weight[rows],
            offset=None if self.offset is None else self.offset[rows],
        )

    @property
    def n_classes(self) -> int:
        """Classes in all."""
        return int(self.index.max()) + 1

    @property
    def width(self) -> int:
        """Margins a row."""
        return 1 if self.n_classes == 2 else self.n_classes


@dataclass(frozen=True, slots=True)
class Paths:
    """Fits of one fold.

    Attributes
    ----------
    coef : array of shape (C, 1 or K, p)
    intercept : array of shape (C, 1 or K)
    gaps : array of shape (C,)
        Nats per unit of weight; inf where nothing is proved, and the numbers are no fit.
    held_out : array of shape (C,), or None
        Mean loss of the rows that the fold is scored on, if it is known.
    """

    coef: Array
    intercept: Array
    gaps: Array
    held_out: Array | None = None


def ridge_paths(
    given: Given, parts: Parts, l2: Array, tol: float, n_jobs: int | None
) -> Iterator[Paths]:
    """Fits of every fold; none where the shape allows no way but one fit after the other.

    Parameters
    ----------
    given : Given
    parts : list of (train, test)
        Rows of each fold, by number.
    l2 : array of shape (C,)
        Penalties, descending.
    tol : float
        Gap to reach (nats per unit of weight).
    n_jobs : int or None
    """
    (n, p), dense = given.X.shape, not hasattr(given.X, "tocsr")
    size = (p + given.intercept) * given.width
    together = dense and given.width == 1 and 2 * len(parts) <= MOST_PARTS
    together = together and all(_distinct(rows, n) for part in parts for rows in part)
    if together and n * size <= _FEW_ENTRIES:
        yield from _at_once(given, parts, l2, tol, n_jobs)
    elif together and n >= _ROWS_A_COLUMN * size and len(parts) * l2.size * size**2 <= _ROOM:
        yield from _around(given, parts, l2, tol, n_jobs)
    elif dense and choose("auto", Problem(n, size, given.width, False, samples=True)).name == (
        "sampled-lbfgs"
    ):
        for train, _ in parts:
            yield _one_by_one(given.part(train), l2, tol, n_jobs)


def kinked_paths(
    given: Given,
    parts: Parts,
    Cs: Array,
    l1_ratio: float,
    tol: float,
    n_jobs: int | None,
    limits: dict[str, Any],
) -> Iterator[Paths]:
    """Fits of every fold with an L1 part, each from where the penalty before has ended."""
    for train, _ in parts:
        own = given.part(train)
        total = own.index.size if own.weight is None else float(own.weight.sum())
        path = regularization_path(
            own.X,
            own.index,
            l1_ratio=l1_ratio,
            lambdas=1.0 / (Cs * total),
            fit_intercept=given.intercept,
            sample_weight=own.weight,
            offset=own.offset,
            tol=tol,
            n_jobs=n_jobs,
            **limits,
        )
        shape = (Cs.size, given.width, -1)
        intercepts = path.intercepts.reshape(Cs.size, given.width)
        yield Paths(path.coefs.reshape(shape), intercepts, path.gaps)


def _objective(given: Given, threads: Threads, l2: float) -> Objective:
    """Objective over rows, with columns as they lie in all of them."""
    source, width = CountedSource(threads), given.width
    shape = Problem(source.n_rows, source.n_features * width, width, False)
    columns = source.fold(kernels_for(shape).columns)
    task = Task(given.n_classes, given.intercept, l2, False, 1e-12)
    return objective_of(source, columns, task)[0]


def _distinct(rows: np.ndarray[Any, Any], n: int) -> bool:
    """Whether no row comes twice, as in a bootstrap: a label does not tell how often."""
    return int(np.bincount(rows % n, minlength=1).max()) < 2


def _labelled(given: Given, parts: Parts) -> Any:
    """Blocks of rows whose labels carry the folds that fit them, and those that score them."""
    rows = [train for train, _ in parts] + [test for _, test in parts]
    return memory_blocks(given.X, with_parts(given.index, rows), given.weight, given.offset)


def _at_once(
    given: Given, parts: Parts, l2: Array, tol: float, n_jobs: int | None
) -> Iterator[Paths]:
    with Threads(_labelled(given, parts), n_jobs) as threads:
        objective = made_ready(_objective(given, threads, float(l2.min())))
        found = fit_each(objective, l2, len(parts), tol)
    yield from _each(objective, found)


def _around(
    given: Given, parts: Parts, l2: Array, tol: float, n_jobs: int | None
) -> Iterator[Paths]:
    blocks = memory_blocks(given.X, given.index, given.weight, given.offset)
    with Threads(blocks, n_jobs) as threads, Threads(_labelled(given, parts), n_jobs) as labelled:
        objective = _objective(given, threads, float(np.median(l2)))
        point = near_optimum(objective)
        objective = replace(objective, source=CountedSource(labelled))
        found = fit_around(objective, point, l2, len(parts), tol)
    yield from _each(objective, found)


def _each(objective: Objective, found: Outcome) -> Iterator[Paths]:
    for coefs, gaps, held_out in zip(found.coefs, found.gaps, found.held_out, strict=True):
        yield replace(_paths(objective, list(coefs), gaps), held_out=held_out)


def _one_by_one(given: Given, l2: Array, tol: float, n_jobs: int | None) -> Paths:
    blocks = memory_blocks(given.X, given.index, given.weight, given.offset, given.width)
    with Threads(blocks, n_jobs) as threads:
        objective = _objective(given, threads, float(l2.min()))
        nowhere = np.zeros(objective.size), np.inf
        found = [nowhere if fit is None else fit for fit in follow(objective, l2, tol)]
    return _paths(objective, [coef for coef, _ in found], np.array([gap for _, gap in found]))


def _paths(objective: Objective, coefs: list[Array], gaps: Array) -> Paths:
    users = [objective.to_user(coef) for coef in coefs]
    return Paths(np.stack([w.T for w, _ in users]), np.stack([b for _, b in users]), gaps)
