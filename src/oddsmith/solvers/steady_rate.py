"""Whether a learning rate was too large, and one that would work, from the curvature."""

from itertools import pairwise

import numpy as np

from oddsmith.core.kernels import LargestRow
from oddsmith.core.objective import Objective

__all__ = ["rose", "steady_rate"]

# Up to this length of coef the largest curvature is found from the Gram matrix.
_MOST_EIGENVALUES = 2000
# Adam's steps are as long as the rate, whatever the gradient: none should move a margin by more
# than this (nats).
_ADAM_MOVES = 0.1
# Momentum of 0.9 adds up ten steps, and the rows of ten batches are not those of one.
_MOMENTUM_STRETCHES = 10.0
# Of the values of two epochs, beyond rounding.
_SLACK = 1.0 + 1e-9


def rose(values: list[float], rule: str, batches: bool) -> bool:
    """Whether the objective rose as it does only where the learning rate is too large.

    Plain, full-batch descent should fall at every step, and is forgiven only early ones;
    momentum and batches rise now and then by themselves, but end no higher than they began, or
    hardly so where the columns tell nothing.

    Parameters
    ----------
    values : list of float
        Objective per epoch (nats), the start first.
    rule : str
    batches : bool

    Examples
    --------
    >>> rose([0.7, 0.3, 0.2], "plain", False), rose([0.7, 0.3, 0.9], "plain", False)
    (False, True)
    """
    if rule == "plain" and not batches:
        late = values[len(values) * 3 // 4 :]
        rises = any(after > _SLACK * before for before, after in pairwise(late))
        return rises or max(values) > _SLACK * values[0]
    return values[-1] > 1.1 * values[0] or max(values) > 4.0 * values[0]


def steady_rate(objective: Objective, rule: str, batches: bool) -> float | None:
    """Learning rate with which the objective falls, or hovers near its minimum.

    Steps of 1 / L per unit of gradient never raise an objective whose curvature is at most L
    (Nesterov, 2018, theorem 2.1.14). For batches L is that of the most curved row. Adam's steps
    are as long as the rate, so that it is told how far they may move a margin.

    Parameters
    ----------
    objective : Objective
        In the coordinates of the walk.
    rule : str
    batches : bool

    Returns
    -------
    float or None
        None where no float would do.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        rate = _longest_rate(objective, rule, batches)
    return rate if np.isfinite(rate) and rate > 0 else None


def _longest_rate(objective: Objective, rule: str, batches: bool) -> float:
    W = objective.weight
    if rule != "adam" and not batches:
        return W / _largest_curvature(objective)
    row = objective.source.fold(LargestRow(objective.design))
    if rule == "adam":
        # ||z||_1 <= sqrt(q) ||z||_2.
        return float(_ADAM_MOVES / np.sqrt(row.square * objective.size / objective.width))
    curvature = _steepest_loss(objective) * row.rows * row.weighted / W
    rate = 1.0 / (curvature + _largest_penalty(objective) / W)
    return rate if rule == "plain" else rate / _MOMENTUM_STRETCHES


def _largest_curvature(objective: Objective) -> float:
    """Bound on the largest eigenvalue of the Hessian, from Z'S Z where it can be had."""
    if objective.size > _MOST_EIGENVALUES:
        return objective.lipschitz_bound
    gram = objective.gram()
    if not np.isfinite(gram).all():
        return np.inf
    largest = float(np.linalg.eigvalsh(gram)[-1])
    return _steepest_loss(objective) * largest + _largest_penalty(objective)


def _steepest_loss(objective: Objective) -> float:
    """Largest curvature of a row's loss: a (1 - a) <= 1/4, 1/2 for K margins (Böhning, 1992)."""
    return 0.25 if objective.width == 1 else 0.5


def _largest_penalty(objective: Objective) -> float:
    return float(objective.penalty.diagonal.max(initial=0.0))
