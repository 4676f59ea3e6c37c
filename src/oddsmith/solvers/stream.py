"""One epoch over the rows that have just come: what `partial_fit` is made of."""

from dataclasses import dataclass

import numpy as np

from oddsmith.core.block import RowSource
from oddsmith.core.columns import Columns, Standardisation
from oddsmith.core.kernels import Design
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError
from oddsmith.solvers.gradient_descent import Descent, GradientDescent
from oddsmith.solvers.minimise import Task
from oddsmith.solvers.steady_rate import steady_rate

__all__ = ["Streamed", "stream"]


@dataclass(frozen=True, slots=True)
class Streamed:
    """Where a descent stands after one more epoch.

    Attributes
    ----------
    descent : Descent
        What the next epoch goes on from.
    coef, intercept : arrays of shape (p, K) and (K,)
        On the user's scale; K = 1 for two classes.
    objective, loss, gradient_norm : float
        Of the rows given, before they were learnt from (nats per unit of weight).
    """

    descent: Descent
    coef: Array
    intercept: Array
    objective: float
    loss: float
    gradient_norm: float


def stream(
    source: RowSource,
    columns: Columns,
    solver: GradientDescent,
    task: Task,
    descent: Descent | None,
) -> Streamed:
    """Go on with a descent for one epoch over the rows of a source.

    Parameters
    ----------
    source : RowSource
    columns : Columns
        Of the same source.
    solver : GradientDescent
        It walks on the columns as they come, and never stops early.
    task : Task
        Its penalty is relative to the rows of this source: nobody knows how many will come.
    descent : Descent or None
        Where the epoch before ended; None begins at `task.start` or as the solver likes.

    Returns
    -------
    Streamed

    Raises
    ------
    ParameterError
        If the learning rate is so large that the objective is no longer finite.
    """
    design = Design(Standardisation.none(source.n_features), task.intercept)
    objective = Objective(
        source, columns, task.n_classes, design, task.l2, task.l1, limits=task.limits
    )
    if descent is None:
        given = None if task.start is None else objective.from_user(*task.start)
        descent = solver.begin(objective.size, given, task.seed)
    if descent.coef.size != objective.size:
        raise ParameterError(
            f"the descent so far has {descent.coef.size} coefficients, and now there are "
            f"{objective.size}; fit_intercept cannot change between calls of partial_fit."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        before = objective.evaluate(descent.coef, 1)
        after = solver.after_epoch(objective, descent, before.gradient)
        end = objective.evaluate(after.coef, 0).value
    if not np.isfinite(end):
        raise _diverged(solver, objective)
    gradient = objective.penalty.steepest(descent.coef, before.gradient)
    coef, intercept = objective.to_user(objective.centred(after.coef))
    return Streamed(
        after,
        coef,
        intercept,
        before.value / objective.weight,
        (before.value - objective.penalty.value(descent.coef)) / objective.weight,
        float(np.linalg.norm(gradient)) / objective.weight,
    )


def _diverged(solver: GradientDescent, objective: Objective) -> ParameterError:
    """Name the learning rate, and one that works."""
    rate = steady_rate(objective, solver.rule, solver.batch_size is not None)
    works = "" if rate is None else f"; learning_rate={rate:.2g} works for these rows"
    return ParameterError(
        f"learning_rate={solver.learning_rate:g} is so large that the objective is no longer a "
        f"finite number{works}. The coefficients are still those of the last call."
    )
