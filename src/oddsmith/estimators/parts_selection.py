"""Penalties tried fold by fold on rows in parts: passes over a cluster are what they cost.

Two classes with many more rows than columns: all folds and penalties around the optimum of all
rows, in a handful of passes. Else a walk for each fold, from the strongest penalty on, and the
walks share their passes. All fits are scored on the rows inside their folds by one pass at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oddsmith.core.block import CountedSource
from oddsmith.core.columns import Standardisation
from oddsmith.core.each import MOST_PARTS
from oddsmith.core.fold_rows import HeldOut
from oddsmith.core.kernels import Design
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.engines.part_folds import SharedPasses
from oddsmith.errors import ParameterError
from oddsmith.estimators.parameters import (
    check_stopping,
    elastic_net,
    penalty_grid_by,
    seed_of,
)
from oddsmith.estimators.part_folds import FoldedRows, fold_rows, folds_of
from oddsmith.estimators.parts import Rows
from oddsmith.estimators.trained import TrainedClassifier
from oddsmith.estimators.training import Training
from oddsmith.solvers.around import fit_around, near_optimum
from oddsmith.solvers.choose import Problem, choose
from oddsmith.solvers.follow import follow
from oddsmith.solvers.minimise import Task, objective_of

__all__ = ["Searched", "check_search", "search"]

# Rows a column from which on the optima of all folds lie near each other.
_ROWS_A_COLUMN = 20
# Numbers of the Hessians of all fits that may be kept.
_ROOM = 2**24
_SCORINGS = ("neg_log_loss", "accuracy")


@dataclass(frozen=True, slots=True)
class Searched:
    """What was tried, and how well it did.

    Attributes
    ----------
    Cs : array of shape (C,)
        Ascending.
    l1_ratios : array of shape (R,)
    shares : array of shape (F,)
        Weight of the rows that each fold is scored on.
    scores, losses, gaps : arrays of shape (F, R, C)
        Greater scores are better; losses and gaps in nats per unit of weight.
    coefs : array of shape (F, R, C, 1 or K, p + 1)
        Intercepts last; p numbers without.
    """

    Cs: Array
    l1_ratios: Array
    shares: Array
    scores: Array
    losses: Array
    gaps: Array
    coefs: Array


@dataclass(slots=True)
class _Fits:
    """Fits of all folds with one l1_ratio, by fold and penalty: gaps of inf are none yet."""

    coef: Array
    intercept: Array
    gaps: Array

    @classmethod
    def none(cls, shape: tuple[int, int], width: int, p: int) -> "_Fits":
        """No fit yet."""
        return cls(np.zeros((*shape, width, p)), np.zeros((*shape, width)), np.full(shape, np.inf))


def check_search(cv: Any, scoring: Any, groups: Any, offset: Any) -> None:
    """Refuse what cannot be done on rows in parts, before any is read.

    Raises
    ------
    ParameterError
    """
    folds_of(cv)
    if groups is not None:
        raise ParameterError(
            "groups need all rows at one place, and these are in parts; leave them out, or fit "
            "rows in memory"
        )
    if not (isinstance(scoring, str) and scoring in _SCORINGS):
        raise ParameterError(
            f"scoring={scoring!r} needs the predictions of all rows at one place, and these are in "
            "parts; use 'neg_log_loss' or 'accuracy', which are sums over rows"
        )
    if offset is not None and scoring != "neg_log_loss":
        raise ParameterError(f"scoring={scoring!r} knows no offset; use 'neg_log_loss', or none.")


def search(
    model: TrainedClassifier,
    rows: Rows,
    Cs: Any,
    l1_ratios: Any,
    cv: Any,
    scoring: str,
    *,
    tick: Callable[[], None] = lambda: None,
) -> Searched:
    """Fit and score every fold, ratio and penalty.

    Parameters
    ----------
    model : LogisticRegression
        How fits are made, but for the penalty.
    rows : Rows
    Cs, l1_ratios, cv, scoring
        As in `LogisticRegressionCV`, checked by `check_search`.
    tick : callable
        Called after each ratio.

    Raises
    ------
    DataError
        If a fold lacks a class.
    ParameterError
        If a parameter cannot be used.
    """
    check_stopping(model.tol, model.max_iter)
    folded = fold_rows(rows, folds_of(cv))
    Cs, ratios = penalty_grid_by(Cs, l1_ratios, folded.largest_square, folded.largest_gradient)
    # Walks side by side must not draw from one generator.
    model.random_state = seed_of(model.random_state)
    every = [_fitted(model, folded, Cs, ratio, tick) for ratio in ratios.tolist()]
    coef, intercept, gaps = (
        np.stack([getattr(fits, name) for fits in every], axis=1)
        for name in ("coef", "intercept", "gaps")
    )
    coefs = np.concatenate([coef, intercept[..., None]], axis=-1)
    losses, correct = _scored(folded, coefs)
    scores = -losses if scoring == "neg_log_loss" else correct
    kept = coefs if model.fit_intercept else coef
    return Searched(Cs, ratios, folded.scored, scores, losses, gaps, kept)


def _scored(folded: FoldedRows, coefs: Array) -> tuple[Array, Array]:
    """Mean loss and accuracy of all fits on the rows inside their folds: one pass."""
    F, R, C, width, q = coefs.shape
    flat = coefs.reshape(F, R * C, width, q)
    shaped = flat[:, :, 0] if width == 1 else flat.swapaxes(2, 3)
    design = Design(Standardisation.none(q - 1), intercept=True)
    kernel = HeldOut(design, shaped, folded.n_classes, folded.rows.factors)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = folded.source.fold(kernel)
    weight = folded.scored[:, None, None]
    return sums.losses.reshape(F, R, C) / weight, sums.correct.reshape(F, R, C) / weight


def _fitted(
    model: TrainedClassifier,
    folded: FoldedRows,
    Cs: Array,
    ratio: float,
    tick: Callable[[], None],
) -> _Fits:
    """Fits of all folds with one ratio."""
    width, p = folded.rows.training.width, folded.source.n_features
    fits = _Fits.none((folded.n_folds, Cs.size), width, p)
    if ratio == 0.0 and _is_plain(model, Cs):
        l2 = np.array([folded.rows.penalised(*elastic_net(C, 0.0)).l2 for C in Cs.tolist()])
        if _go_together(model, folded, l2):
            _fit_around(model, folded, l2, fits)
    if not (fits.gaps <= model.tol).all():
        passes = folded.shared()
        passes.run(
            [
                _FoldWalk(model, folded, passes, fold, Cs, ratio, fits)
                for fold in range(folded.n_folds)
            ]
        )
    tick()
    return fits


def _is_plain(model: TrainedClassifier, Cs: Array) -> bool:
    """Whether no other way was asked for than the quickest to fits without a kink."""
    limits = (model.penalty_factors, model.lower_bounds, model.upper_bounds)
    free = all(limit is None for limit in limits)
    return (
        model.solver == "auto" and model.max_iter is None and free and bool(np.isfinite(Cs).all())
    )


def _go_together(model: TrainedClassifier, folded: FoldedRows, l2: Array) -> bool:
    """Whether all folds and penalties can be fitted around one optimum."""
    training = folded.rows.training
    n, size = folded.source.n_rows, training.n_features + bool(model.fit_intercept)
    binary = training.width == 1 and 2 * folded.n_folds <= MOST_PARTS and not training.sparse
    room = folded.n_folds * l2.size * size**2 <= _ROOM
    return binary and room and n >= _ROWS_A_COLUMN * size


def _fit_around(model: TrainedClassifier, folded: FoldedRows, l2: Array, fits: _Fits) -> None:
    """Fill in all fits, by a few passes that all of them share."""
    rows, columns = folded.rows, folded.columns_of_all
    task = Task(2, bool(model.fit_intercept), float(np.median(l2)), False, float(model.tol))
    objective, _ = objective_of(CountedSource(rows.source), columns, task)
    point = near_optimum(objective)
    labelled = replace(objective, source=CountedSource(folded.labelled()))
    found = fit_around(labelled, point, l2, folded.n_folds, float(model.tol))
    for at in np.argwhere(found.gaps <= model.tol).tolist():
        place = tuple(at)
        _keep(fits, place, objective, found.coefs[place], float(found.gaps[place]))


def _keep(fits: _Fits, at: Any, objective: Objective, coef: Array, gap: float) -> None:
    w, b = objective.to_user(coef)
    fits.coef[at], fits.intercept[at], fits.gaps[at] = w.T, b, gap


@dataclass(frozen=True, slots=True)
class _FoldWalk:
    """Fits of one fold from the strongest penalty on, but those that are known."""

    model: TrainedClassifier
    folded: FoldedRows
    passes: SharedPasses
    fold: int
    Cs: Array
    ratio: float
    fits: _Fits

    def __call__(self) -> None:
        """Take the walk."""
        model, fits = self.model, self.fits
        source = self.folded.outside(self.passes, self.fold)
        trainings = [self._training(source, C) for C in self.Cs.tolist()]
        self._follow(source, trainings)
        start = None
        for c, training in enumerate(trainings):
            at = self.fold, c
            if not fits.gaps[at] <= model.tol:
                fit = model._walk(source, training, start=start).fit
                fits.coef[at], fits.intercept[at] = fit.coef.T, fit.intercept
                fits.gaps[at] = fit.gap
            start = fits.coef[at].T.copy(), fits.intercept[at].copy()

    def _training(self, source: Any, C: float) -> Training:
        training = self.folded.rows.penalised(*elastic_net(C, self.ratio))
        columns = self.folded.columns_outside(self.fold)
        return replace(training, blocks=source, columns=columns)

    def _follow(self, source: Any, trainings: list[Training]) -> None:
        """Fit penalties without a kink in the metric of one sample, a pass or two for each."""
        model, first = self.model, trainings[0]
        K, width = first.classes.size, first.width
        size = (first.n_features + bool(model.fit_intercept)) * width
        tall = choose("auto", Problem(source.n_rows, size, width, first.sparse, samples=True))
        if self.ratio > 0 or not _is_plain(model, self.Cs) or tall.name != "sampled-lbfgs":
            return
        l2 = np.array([training.l2 for training in trainings])
        unknown = np.flatnonzero(~(self.fits.gaps[self.fold] <= model.tol))
        if not unknown.size or not first.columns:
            return
        task = Task(K, bool(model.fit_intercept), float(l2.min()), first.sparse, float(model.tol))
        objective, _ = objective_of(CountedSource(source), first.columns, task)
        with np.errstate(over="ignore", invalid="ignore"):
            for c, found in zip(unknown, follow(objective, l2[unknown], model.tol), strict=True):
                if found is not None:
                    _keep(self.fits, (self.fold, int(c)), objective, *found)
