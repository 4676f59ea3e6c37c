"""The duality gap of an L1 penalty as a sum of terms that are never negative.

For probabilities a'' and v'' = Z'S (a'' - y), Fenchel and Young give (Ndiaye, Fercoq, Gramfort and
Salmon, 2017, section 3; Boyd and Vandenberghe, 2004, 3.3.2)

    f(coef) - min f <= sum_i s_i KL(a''_i || a_i) + sum_j fenchel_j(coef_j, v''_j).

Take a'' = y + c (a - y): shrinking towards the labels by c <= 1 shrinks v to c v, into the box
|v_j| <= l1_j; where every kink has a ridge c = 1 will do. With o_i = exp(-loss_i) the probability
of the row's own class, the first sum needs no margins:

    KL(a'' || a) = (1 - o) k(c - 1) + o k((1 - c)(1 - o) / o),    k(u) = (1 + u) log(1 + u) - u.

Where nothing is penalised v must be 0. Let delta^2 = v_U' H_UU^-1 v_U there; the correction that
makes it 0 moves a by h (Z_U H_UU^-1 v_U), whose size in the metric of the curvature is delta: so
it moves the other v_j by no more than delta sqrt(sum_i s_i h_i z_ij^2), for which the box leaves
room.

Where another dual point than a is known, it takes a's place: then the entropies are those of
a'' = y + c (a_other - y) to a, each formed from its distance. Where only sums over rows are known,
it is bounded twice, with chi the root of the chi-square distance to a,

    KL(a'' || a) <= c KL(a_other || a) + (1 - c) loss,   as it is convex, and
    KL(a'' || a) <= (c chi(a_other) + (1 - c) chi(y))^2,  chi(y)^2 = exp(loss) - 1,

the first of them good where c is 1, the second near it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.certificate import FLOOR
from oddsmith.core.penalty import Penalty
from oddsmith.core.stable import Array, relative_entropy_term

__all__ = [
    "DualSums",
    "duality_gap",
    "folded_gap",
    "into_box",
    "least_gap",
    "smallest",
    "unpenalised",
]

Flags = np.ndarray[Any, np.dtype[np.bool_]]

# Losses beyond which exp(loss) is not a number that can be worked with.
_LARGEST_LOSS = 600.0
# Correction of the unpenalised coordinates, per unit of weight, beyond which nothing is proved.
_LARGEST_CORRECTION = 2.0**-40
# Gradient per unit of weight and of a column's size that is as good as 0.
_SMALL = 2.0**-30
# Relative changes of probabilities up to which k(u) is no larger than this many u^2.
_NEAR, _ABOVE_SQUARE = 0.25, 0.55
# Rounding of a sum over rows, relative to the sizes of its terms.
_ROUNDING = 8.0 * FLOOR


def unpenalised(
    penalty: Penalty, coef: Array, v: Array | None = None, small: Array | None = None
) -> Flags:
    """Coordinates that no penalty and no bound holds where they are, of shape (q,).

    Between two finite bounds the conjugate is finite, and asks for nothing. With a gradient v:
    those whose conjugate is infinite, or would be if a small v had the other sign. With classes
    that can all be shifted, a coordinate may rest at its bound with a v of 0.
    """
    free: Flags = (penalty.l1 == 0) & (penalty.diagonal == 0)
    if not penalty.bounded:
        return free
    low, high = penalty.bounds()
    free &= np.isinf(low) | np.isinf(high)
    if v is None or small is None:
        return free & (coef > low) & (coef < high)
    return free & ~((v < -small) & np.isfinite(high)) & ~((v > small) & np.isfinite(low))


def smallest(sizes: Array, total: float) -> Array:
    """Gradients that are as good as 0, for columns of so many rows, of shape (q,)."""
    return _SMALL * total * sizes


def duality_gap(
    penalty: Penalty,
    coef: Array,
    v: Array,
    losses: Array,
    weight: Array,
    correction: float,
    sizes: Array,
    further: Array | None = None,
) -> float:
    """Upper bound on f(coef) - min f (nats); infinite where nothing is proved.

    Parameters
    ----------
    penalty : Penalty
        Of the coordinates that coef, v and sizes are about; others are known to prefer 0.
    coef, v : arrays of shape (m,)
        v is the gradient of the losses alone.
    losses, weight : arrays of shape (n,)
        Each row's loss (nats) and weight.
    correction : float
        delta^2 (nats).
    sizes : array of shape (m,)
        Root mean square of each coordinate's column.
    further : array of shape (n,), optional
        What another dual point, which v is about, adds to the probability of the class that each
        row is not of; of two classes.

    Examples
    --------
    >>> penalty, losses = Penalty(np.zeros(1), np.ones(1)), np.full(4, np.log(2.0))
    >>> duality_gap(penalty, np.zeros(1), np.full(1, 0.5), losses, np.ones(4), 0.0, np.ones(1))
    0.0
    """
    total = float(weight.sum())

    def divergence(scale: float, terms: float) -> float:
        if further is None:
            return _divergence(losses, weight, scale, 0.1 * terms)
        return _entropy_beside(losses, weight, scale, further)

    size = _slope_size(losses, weight, further)
    return _gap(penalty, coef, v, total, correction, sizes, size, divergence)


@dataclass(frozen=True, slots=True)
class DualSums:
    """What is summed over rows at coef of a dual point beside its probabilities.

    Attributes
    ----------
    weight, loss : float
        Sums of the weights, and of the losses (nats).
    divergence, square : float
        Relative entropy and chi-square of the dual point to the probabilities (nats); 0 of those
        themselves.
    odds : float
        Sum of exp(loss) - 1, the chi-square of the labels (nats).
    moved : float
        At least the root of the sum of the dual point's squared distances from probabilities that
        it was moved from.
    """

    weight: float
    loss: float
    divergence: float = 0.0
    square: float = 0.0
    odds: float = math.inf
    moved: float = 0.0

    def shrunk(self, scale: float) -> float:
        """Bound the relative entropy of the dual point shrunk towards the labels (nats)."""
        rest = 1.0 - scale
        if rest == 0.0:
            return self.divergence
        root = scale * math.sqrt(self.square) + rest * math.sqrt(self.odds)
        return min(scale * self.divergence + rest * self.loss, root * root)


def folded_gap(
    penalty: Penalty, coef: Array, v: Array, sums: DualSums, correction: float, sizes: Array
) -> float:
    """Upper bound on f(coef) - min f (nats) from sums over rows; see `duality_gap`.

    Examples
    --------
    >>> penalty, sums = Penalty(np.zeros(1), np.ones(1)), DualSums(4.0, 4.0 * np.log(2.0))
    >>> folded_gap(penalty, np.zeros(1), np.full(1, 0.5), sums, 0.0, np.ones(1))
    0.0
    """
    if not math.isfinite(sums.divergence):  # no probability
        return math.inf
    # No slope is above 1 or above the loss; no distance above the root of half the entropy.
    size = math.sqrt(sums.loss) + math.sqrt(sums.divergence) + sums.moved
    return _gap(
        penalty, coef, v, sums.weight, correction, sizes, size, lambda scale, _: sums.shrunk(scale)
    )


def _gap(
    penalty: Penalty,
    coef: Array,
    v: Array,
    total: float,
    correction: float,
    sizes: Array,
    slope_size: float,
    divergence_of: Callable[[float, float], float],
) -> float:
    """Sum of the terms; `divergence_of` is told the shrinking, and what the columns add (nats)."""
    if not correction <= _LARGEST_CORRECTION * total:
        return math.inf
    room = _room(slope_size, total, correction, sizes)
    v = np.where(unpenalised(penalty, coef, v, smallest(sizes, total)), 0.0, v)
    scale = into_box(penalty, v, room)
    terms = float(penalty.fenchel(coef, scale * v).sum())
    divergence = divergence_of(scale, terms)
    if math.isinf(divergence):
        return math.inf
    divergence += 4.0 * math.sqrt(correction * divergence) + 2.0 * correction
    return terms + divergence + 2.0 * float(room @ np.abs(coef))


def _slope_size(losses: Array, weight: Array, further: Array | None = None) -> float:
    """Root of the weighted sum of squares of the dual point's distances from the labels."""
    slopes = np.minimum(1.0, losses)
    if further is not None:
        slopes += np.abs(further)
    return math.sqrt(float(weight @ slopes**2))


def _room(slope_size: float, total: float, correction: float, sizes: Array) -> Array:
    """How far each v_j may be from what it should be, of shape (m,)."""
    reach = math.sqrt(0.25 * correction) + _ROUNDING * slope_size
    return sizes * math.sqrt(total) * reach


def least_gap(penalty: Penalty, coef: Array, losses: Array, weight: Array, sizes: Array) -> float:
    """About the gap (nats) that `duality_gap` finds at the minimum itself, by rounding alone."""
    room = _room(_slope_size(losses, weight), float(weight.sum()), 0.0, sizes)
    size = np.abs(coef)
    hard = (penalty.diagonal == 0) & (penalty.l1 > 0)
    excess = float((room[hard] / penalty.l1[hard]).max(initial=0.0))
    return excess * float(penalty.l1 @ size) + 2.0 * float(room @ size)


def into_box(penalty: Penalty, v: Array, room: Array) -> float:
    """Largest c <= 1 with which c v is where the conjugate of the penalty is finite."""
    hard = (penalty.diagonal == 0) & (penalty.l1 > 0)
    if not hard.any():
        return 1.0
    low, high = penalty.bounds()
    if not penalty.bounded:
        low, high = low[:1], high[:1]  # all the same
    outward = np.where(np.isneginf(low), v, -np.inf)
    outward = np.maximum(outward, np.where(np.isposinf(high), -v, -np.inf))[hard]
    l1 = penalty.l1[hard]
    # Rounding of c itself: one more place.
    excess = float(((outward + room[hard]) / l1).max(initial=0.0)) * (1.0 + 2.0 * FLOOR)
    return 1.0 if excess <= 1.0 else 1.0 / excess


def _divergence(losses: Array, weight: Array, scale: float, enough: float) -> float:
    """Sum of s_i KL(a''_i || a_i) (nats); near c = 1 a bound on it, where that is small enough.

    k(u) <= u^2 / 2 for u >= 0 and k(u) <= u^2 for -1/4 <= u <= 0, so that no logarithms are needed:
    KL <= (1 - c)^2 (1 + (1 / o - 2 + o) / 2).
    """
    if scale == 1.0:
        return 0.0
    if float(losses.max(initial=0.0)) > _LARGEST_LOSS:
        return math.inf
    if scale >= 0.75:
        inverse = np.exp(losses)
        bound = 0.5 * float(weight @ (inverse + 1.0 / inverse))  # the rest is W - W
        if (1.0 - scale) ** 2 * bound <= enough:
            return (1.0 - scale) ** 2 * bound
    own, odds = np.exp(-losses), np.expm1(losses)
    towards = relative_entropy_term(np.array([scale - 1.0]))
    rows = -np.expm1(-losses) * towards + own * relative_entropy_term((1.0 - scale) * odds)
    return float(weight @ rows)


def _entropy_beside(losses: Array, weight: Array, scale: float, further: Array) -> float:
    """Sum of s_i KL(a''_i || a_i) (nats) for a dual point beside a; infinite where it is none.

    With d the distance of a'' from a in the direction of the class that the row is not of,
    KL = (1 - o) k(d / (1 - o)) + o k(-d / o); where no probability changes by more than a quarter
    of itself k(u) <= 0.55 u^2, which needs no logarithms.
    """
    if float(losses.max(initial=0.0)) > _LARGEST_LOSS:
        return math.inf
    own, other = np.exp(-losses), -np.expm1(-losses)
    away = scale * further - (1.0 - scale) * other
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        up, down = away / other, -away / own
        if max(float(np.abs(up).max()), float(np.abs(down).max())) <= _NEAR:
            return _ABOVE_SQUARE * float(weight @ (away * (up - down)))
        rows = other * relative_entropy_term(up) + own * relative_entropy_term(down)
    divergence = float(weight @ rows)
    inside = bool((up >= -1.0).all() and (down >= -1.0).all())
    return divergence if inside and math.isfinite(divergence) else math.inf
