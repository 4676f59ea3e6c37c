"""A path of penalties over rows in parts, by sums over them alone."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from oddsmith.core.block import CountedSource, RowSource
from oddsmith.core.columns import Columns
from oddsmith.core.objective import Objective
from oddsmith.estimators.door import check_columns, column_places, names_of
from oddsmith.estimators.parameters import column_limits
from oddsmith.estimators.parts import Rows
from oddsmith.estimators.path_result import (
    NULL_TOL,
    Path,
    PathAsked,
    Shown,
    first_lambda,
    path_of,
    shown,
    spaced_lambdas,
)
from oddsmith.estimators.trained import TrainedClassifier
from oddsmith.estimators.training import Training
from oddsmith.solvers.minimise import Task, minimise, objective_of
from oddsmith.solvers.path import Station
from oddsmith.solvers.path_rows import null_landing, row_stations

if TYPE_CHECKING:
    from oddsmith.core.stable import Array

__all__ = ["objective_of_path", "path_by_parts"]

# Coefficients from which on fits without a kink need other steps than those on a Hessian.
_MANY = 1000


def path_by_parts(model: TrainedClassifier, rows: Rows, asked: PathAsked) -> Path:
    """Fit a path to rows in parts, as `regularization_path` does in memory.

    Parameters
    ----------
    model : LogisticRegression
        Which the rows have taught their columns; it says what else is asked for.
    rows : Rows
    asked : PathAsked

    Raises
    ------
    DataError
        If the data cannot be fitted.
    ParameterError
        If a parameter cannot be used.
    """
    source, training = CountedSource(rows.source), rows.training
    with np.errstate(over="ignore", invalid="ignore"):
        columns = training.statistics(source)
        check_columns(model, columns, None, penalised=True)
        objective = objective_of_path(model, source, columns, training)
        weight = objective.weight
        null = null_landing(objective, NULL_TOL * weight)
        kinks = replace(objective, l1=weight, l2=0.0).penalty
        lambdas = asked.lambdas
        if lambdas is None:
            largest = first_lambda(kinks, null.v, asked.ratio)
            shape = source.n_rows, source.n_features
            lambdas = spaced_lambdas(largest, shape, asked.n_lambdas, asked.lambda_ratio)
        penalties = [
            (asked.ratio * weight * own, (1.0 - asked.ratio) * weight * own)
            for own in lambdas.tolist()
        ]
        smooth = asked.ratio == 0.0 and objective.limits is None and objective.size > _MANY
        if smooth:
            found = list(_smooth(model, source, columns, training, penalties, asked.tol))
        else:
            steps = row_stations(objective, penalties, asked.tol * weight, null)
            found = [_shown(objective, step, *penalties[step.index]) for step in steps]
    names = names_of(model)
    told = [f"x{j}" for j in range(source.n_features)] if names is None else names
    path = path_of(
        objective,
        found,
        lambdas,
        asked.ratio,
        training.classes,
        tuple(str(name) for name in told),
        null.loss,
    )
    return replace(path, encoder=getattr(model, "encoder_", None))


def objective_of_path(
    model: TrainedClassifier, source: RowSource, columns: Columns, training: Training
) -> Objective:
    """Objective but for its penalty, in coordinates that suit any."""
    limits = column_limits(
        model.penalty_factors,
        model.lower_bounds,
        model.upper_bounds,
        training.n_features,
        lambda: column_places(model),
    )
    task = Task(
        int(training.classes.size),
        bool(model.fit_intercept),
        0.0,
        training.sparse,
        float(model.tol),
        entries=training.entries,
        limits=limits,
    )
    counted = source if isinstance(source, CountedSource) else CountedSource(source)
    return objective_of(counted, columns, task)[0]


def _shown(objective: Objective, step: Station, l1: float, l2: float) -> Shown:
    return shown(objective, step, replace(objective, l1=l1, l2=l2).penalty)


def _smooth(
    model: TrainedClassifier,
    source: CountedSource,
    columns: Columns,
    training: Training,
    penalties: list[tuple[float, float]],
    tol: float,
) -> Iterator[Shown]:
    """Fit penalties without a kink, each from where the last has ended."""
    start: tuple[Array, Array] | None = None
    for _, l2 in penalties:
        task = Task(
            int(training.classes.size),
            bool(model.fit_intercept),
            l2,
            training.sparse,
            tol,
            start=start,
            offset=training.offset,
            entries=training.entries,
        )
        fit = minimise(source, columns, "auto", task)
        start = fit.coef, fit.intercept
        loss = fit.objective - 0.5 * l2 / columns.weight * float((fit.coef**2).sum())
        yield fit.coef.T, fit.intercept, fit.objective, fit.gap, loss
