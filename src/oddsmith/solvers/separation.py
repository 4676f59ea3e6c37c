"""Whether an unpenalised fit walks towards infinity because the classes can be separated."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import scipy.optimize as so

from oddsmith.core.block import Block
from oddsmith.core.certificate import Certificate
from oddsmith.core.kernels import Design
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.newton import hessian_steps
from oddsmith.solvers.newton_cg import NewtonCG

__all__ = ["separation"]

# At a finite optimum the next Newton step moves no log-odds; on the way to infinity, about 1 nat.
_STILL_MOVING = 0.05
# Entries of the rows that a linear program decides about exactly; beyond, it takes too long.
_MOST_ENTRIES = 300_000
# More Newton steps that are watched where the rows are too many for that.
_STEPS_WATCHED = 4
# The same from a point further back, where curvature that was lost is there again.
_STEPS_FROM_BACK = 12
# A row that is fitted so well that curvature along it may be lost to rounding.
_SATURATED = 20.0
_GAIN, _LOSS = 1e-5, 1e-8


Separation = Literal["complete", "quasi"]


def separation(objective: Objective, coef: Array, proof: Certificate) -> Separation | None:
    """Look for a direction that moves rows ever further to their own side, and none back.

    Along such a direction of recession the likelihood rises for ever (Albert and Anderson, 1984,
    section 2). If every row is on its own side, coef itself is one. Else there is no reason to
    look where the proof's Newton step moves nothing any more: that optimum is finite.

    Parameters
    ----------
    objective : Objective
        Without a penalty.
    coef : array of shape (q,)
    proof : Certificate
        At coef.

    Returns
    -------
    "complete", "quasi" or None
        None where a linear program finds no such direction, or there is no sign of one.
    """
    if proof.line.lead > 0:
        return "complete"
    if proof.line.reach < _STILL_MOVING and proof.line.widest < _SATURATED:
        return None
    if objective.source.n_rows * objective.size * (objective.width) <= _MOST_ENTRIES:
        return _separated(objective)
    return "quasi" if _never_arrives(objective, coef, proof) else None


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Differences of design rows, (n (K - 1), qK): what a coef must make positive."""

    rows: tuple[Array, ...]

    def __add__(self, other: Self) -> "_Pairs":
        return _Pairs(self.rows + other.rows)


@dataclass(frozen=True, slots=True)
class _PairsOf:
    design: Design
    n_classes: int
    size: int

    def __call__(self, block: Block) -> _Pairs:
        Z = self.design(block)
        width = 1 if self.n_classes == 2 else self.n_classes
        counted = block.weight > 0
        rows, y = Z.dense()[counted], block.y[counted]
        if width == 1:
            return _Pairs(((2.0 * y - 1.0)[:, None] * rows,))
        pairs: list[Array] = []
        for k in range(width):
            own = y != k
            table = np.zeros((int(own.sum()), rows.shape[1], width))
            table[np.arange(len(table)), :, y[own]] = rows[own]
            table[:, :, k] -= rows[own]
            pairs.append(table.reshape(len(table), rows.shape[1] * width))
        return _Pairs(tuple(pairs))


def _separated(objective: Objective) -> Separation | None:
    """Decide by linear programs: the largest sum of gains in a box, no row losing (Konis, 2007).

    Where there is one, a second finds whether every row can gain at once: the largest least gain.
    Rows are scaled to length 1, so that a far row neither hides the loss of a near one nor is
    held to more digits than it has.
    """
    kernel = _PairsOf(objective.design, objective.n_classes, objective.size)
    rows = np.concatenate(objective.source.fold(kernel).rows)
    rows /= np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-300)
    found = so.linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1))
    # Zero is always feasible: a program that fails has run out of time, and has found nothing.
    gains = rows @ (found.x if found.success else np.zeros(rows.shape[1]))
    if gains.max() <= _GAIN or gains.min() < -_LOSS:
        return None
    least = np.column_stack([-rows, np.ones(len(rows))])
    aim = np.append(np.zeros(rows.shape[1]), -1.0)
    every = so.linprog(aim, A_ub=least, b_ub=np.zeros(len(rows)), bounds=(-1, 1))
    return "complete" if every.success and -float(every.fun or 0.0) > _LOSS else "quasi"


def _never_arrives(objective: Objective, coef: Array, proof: Certificate) -> bool:
    """Watch a few more Newton steps: near a finite optimum they shrink, towards infinity not."""
    walk = hessian_steps if proof.moments.hessian.size > 0 else NewtonCG().iterates
    steps = _STEPS_WATCHED
    if proof.line.reach < _STILL_MOVING:
        steps, coef = _STEPS_FROM_BACK, coef * (_SATURATED / proof.line.widest)
    seen = [coef, coef]
    for here, _ in zip(walk(objective, coef), range(steps), strict=False):
        seen.append(here.coef)
    return objective.along(seen[-1], seen[-2] - seen[-1], ()).reach > _STILL_MOVING
