"""A path of penalties from large to small: several steps ahead, then one pass that checks them.

Gradients of all columns are the dear part of each step. So a few penalties are solved on the
working set alone, and one product of matrices then gives the gradients at all of their solutions.
The working set grows by the columns whose gradient, drawn on as a line through the last two
penalties, will reach the penalty; that line is a better guess than a bound on its slope (the
strong rule: Tibshirani et al., 2012, "Strong rules for discarding predictors", equation 20).
Where a column was missed, the check finds it, and the walk goes back to before it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.penalty import Penalty
from oddsmith.core.stable import Array
from oddsmith.solvers.coordinate_descent import CoordinateDescent
from oddsmith.solvers.linear_dual import LinearDual
from oddsmith.solvers.point import Point

__all__ = ["Station", "largest_lambda", "missed", "null_fit", "stations"]

# Penalties that are solved before the gradients of all columns are formed.
_AHEAD = 5
# A column joins where its gradient is expected to come this near to the penalty, and a
# coordinate at 0 leaves where it is farther.
_NEAR = 0.97
_STAYS = 0.95
# Gap (of the objective) beyond which gradients no longer tell which columns will be needed: a walk
# that stops there is the slower one.
_ROUGHEST = 1e-4
# Columns that join before there is a line to draw on.
_FIRST = 12


@dataclass(frozen=True, slots=True)
class Station:
    """A solution on the path.

    Attributes
    ----------
    index : int
        Of the penalty.
    coef : array of shape (size,)
    loss, gap : float
        Sum of the losses, and proved distance of the objective from its minimum (nats).
    """

    index: int
    coef: Array
    loss: float
    gap: float


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A solution on the working set, not yet checked."""

    index: int
    here: Point
    left: float
    dual: LinearDual | None = None

    @property
    def slope(self) -> Array:
        """Of the dual point."""
        return self.here.slope if self.dual is None else self.dual.slope

    def gap(self, walk: CoordinateDescent, penalty: Penalty, v: Array) -> float:
        """Proved distance from the minimum (nats), from the gradient of all at the dual point."""
        further = None if self.dual is None else self.dual.further
        return walk.gap(penalty, self.here, v, self.left, further=further)


def null_fit(walk: CoordinateDescent, penalty: Penalty, tol: float) -> tuple[Point, Array]:
    """Fit of what has no kink alone, and the gradient there."""
    free = np.flatnonzero(penalty.l1 == 0)
    walk.add(np.setdiff1d(free, walk.working.ids))
    here = walk.settle(penalty, tol).here
    return here, walk.pull([here.slope])[0]


def largest_lambda(penalty: Penalty, v: Array) -> float:
    """Least multiple of l1 that holds every coefficient at 0, from the gradient there.

    Examples
    --------
    >>> penalty = Penalty(np.zeros(2), np.array([1.0, 2.0]))
    >>> largest_lambda(penalty, np.array([-3.0, 5.0]))
    3.0
    """
    low, high = penalty.bounds()
    kinked = penalty.l1 > 0
    outward = np.maximum(np.where(low < 0, v, 0.0), np.where(high > 0, -v, 0.0))
    return float((outward[kinked] / penalty.l1[kinked]).max(initial=0.0))


def stations(
    walk: CoordinateDescent,
    penalties: list[Penalty],
    tol: Callable[[float], float],
    gradient: Array,
) -> Iterator[Station]:
    """Solve for each penalty in turn.

    Parameters
    ----------
    walk : CoordinateDescent
        At the null fit.
    penalties : list of Penalty
    tol : callable
        From the objective (nats) to the gap to reach.
    gradient : array of shape (size,)
        Of the losses, at the null fit.
    """
    known: list[tuple[Penalty, Array]] = [(penalties[0], gradient)]
    points: list[Point] = []
    index, doubted = 0, -1
    while index < len(penalties):
        last = min(index + min(_AHEAD, 1 + index // 2), len(penalties))
        _thin(walk, penalties[index])
        walk.add(_expected(walk, known, penalties[index], penalties[last - 1]))
        ahead: list[_Ahead] = []
        for i in range(index, last):
            if len(points) > 1:
                walk.leap(points[-2], _stride(penalties, i), penalties[i])
            ahead.append(_settled(walk, penalties[i], i, tol, linear=i != doubted))
            points = [*points[-1:], ahead[-1].here]
        gradients = walk.pull([one.slope for one in ahead])
        for place, (one, v) in enumerate(zip(ahead, gradients, strict=True)):
            penalty = penalties[one.index]
            gap = one.gap(walk, penalty, v)
            value = one.here.value + penalty.at(one.here.ids).value(one.here.u)
            if gap > 1.01 * tol(value):
                beyond = _beyond(walk, penalties, ahead[place:], gradients[place:])
                if not beyond.size and one.dual is not None:
                    doubted = one.index
                if beyond.size or one.dual is not None:
                    before = ahead[place - 1] if place else one
                    walk.add(beyond)
                    walk.place(before.here.coef(walk.objective.size))
                    points = []
                    break
            yield Station(one.index, one.here.coef(walk.objective.size), one.here.value, gap)
            known = [known[-1], (penalty, v)]
            index = one.index + 1


def _beyond(
    walk: CoordinateDescent, penalties: list[Penalty], ahead: list[_Ahead], gradients: list[Array]
) -> Any:
    """Coordinates that the first of some solutions lacks, and then those of the others as well."""
    known = walk.working.ids
    each = [missed(penalties[one.index], v, known) for one, v in zip(ahead, gradients, strict=True)]
    return np.unique(np.concatenate(each)) if each[0].size else each[0]


def _stride(penalties: list[Penalty], index: int) -> float:
    """How far it is to a penalty, relative to the step before."""
    here, last, before = (float(penalties[index - i].l1.sum()) for i in range(3))
    return (last - here) / (before - last) if before > last else 0.0


def _settled(
    walk: CoordinateDescent,
    penalty: Penalty,
    index: int,
    tol: Callable[[float], float],
    *,
    linear: bool,
) -> _Ahead:
    own = penalty.at(walk.working.ids)
    value = walk.at(walk.margin).value + own.value(walk.u)
    end = walk.settle(penalty, min(tol(value), _ROUGHEST * value), linear)
    if end.dual is not None:
        return _Ahead(index, end.here, end.dual.left, end.dual)
    # The margins were added up from steps; what is proved is about the coefficients.
    walk.margin = walk.working.times(walk.u) + walk.offset
    here, left = walk.centred(own)
    if own.bounded:
        left = walk.left_at(here, own)
    return _Ahead(index, here, left)


def _thin(walk: CoordinateDescent, penalty: Penalty) -> None:
    """Leave out coordinates at 0 whose gradient is far from the penalty."""
    v, own = walk.last_gradient, penalty.at(walk.working.ids)
    if v.size != walk.u.size:
        return
    kept = (walk.u != 0) | (own.l1 == 0) | (np.abs(v) > _STAYS * own.l1)
    if kept.sum() < 0.9 * kept.size:
        walk.leave(kept)


def _expected(
    walk: CoordinateDescent, known: list[tuple[Penalty, Array]], first: Penalty, last: Penalty
) -> Any:
    """Coordinates that are expected to leave 0, and are not in the working set."""
    penalty, v = known[-1]
    joins = np.zeros(v.size, dtype=bool)
    kinked = first.l1 > 0
    if len(known) == 1:
        ratio = np.where(kinked, np.abs(v) / np.where(kinked, first.l1, 1.0), 0.0)
        joins[np.argsort(-ratio)[:_FIRST]] = True
    else:
        before, v_before = known[-2]
        drop = float((penalty.l1 - before.l1)[kinked].sum())
        slope = (v - v_before) / drop if drop else np.zeros_like(v)
        for then in (first, last):
            line = v + slope * float((then.l1 - penalty.l1)[kinked].sum())
            joins |= np.abs(line) >= _NEAR * then.l1
    joins &= kinked
    joins[walk.working.ids] = False
    return np.flatnonzero(joins)


def missed(penalty: Penalty, v: Array, known: Any) -> Any:
    """Coordinates, other than the known, that the penalty does not hold at 0: ascending.

    Parameters
    ----------
    penalty : Penalty
    v : array of shape (size,)
        Gradient of the losses.
    known : index array
    """
    low, high = penalty.bounds()
    beyond = (np.where(low < 0, v, 0.0) > penalty.l1) | (np.where(high > 0, -v, 0.0) > penalty.l1)
    beyond[known] = False
    return np.flatnonzero(beyond)
