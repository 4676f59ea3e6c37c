"""Bias reduction: the maximum of a penalised likelihood that no separation drives to infinity.

    Jeffreys   l*(coef) = l(coef) + 1/2 log|I(coef)|          (Firth, 1993, section 3)
    log-F      l*(coef) = l(coef) + sum_j [m/2 w_j - m log(1 + exp(w_j))]
                                                              (Greenland and Mansournia, 2015)

with l the log-likelihood (nats), I = Z'S diag(a (1 - a)) Z the information, and w_j a slope on the
user's scale. The modified score of Firth's penalty needs the hat values h_i of the rows,

    U* = sum_i [s_i (y_i - a_i) + h_i (1/2 - a_i)] z_i,   h_i = s_i a_i (1 - a_i) z_i' I^-1 z_i

(Heinze and Schemper, 2002, equation 2), a sum over rows like any other once I is known: two passes
a step, whatever the number of rows. The maximum is finite for every data set whose columns are
linearly independent (Kosmidis and Firth, 2021, theorem 1).

Firth's l* is not concave in general, so there is no dual point and no proved distance from its
maximum. What is reported is the decrement: the length of U* in the metric of the information, in
standard errors, which says how far the next step would go.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy.linalg import lapack

from oddsmith.core.block import Block
from oddsmith.core.kernels import Design
from oddsmith.core.moments import Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array, log1pexp, sigmoid
from oddsmith.errors import DataError
from oddsmith.solvers.curvature import Factor, cholesky

__all__ = ["NO_PRIOR", "Jeffreys", "LogF", "NoPrior", "Peak", "Point", "Prior", "maximise"]

# A step is accepted whose value falls by less than the rounding of the sum that it is.
_ROUNDING = 2.0**-46
_HALVINGS = 40
# Steps that have not halved for so long are rounding.
_PATIENCE = 20
_LEAST_GAIN = 1e-4
_SECANTS = 20
# Steps shorter than this (standard errors) must shrink, or else their secants are rounding.
_NEAR = 1e-4
_LEAST_RATIO = 1e-4


@dataclass(frozen=True)
class Point:
    """A penalised log-likelihood at one point.

    Attributes
    ----------
    coef : array of shape (size,)
        In the objective's coordinates.
    value : float
        l* (nats), of the columns on the user's scale.
    loglikelihood : float
        l (nats), without the penalty.
    information : array of shape (size, size)
        Whose inverse is the covariance that is reported: I for Firth's penalty, the curvature of
        -l* otherwise.
    derive : callable
        () -> modified score of shape (size,), and the metric of shape (size, size) that steps are
        measured in: at most one pass.
    """

    coef: Array
    value: float
    loglikelihood: float
    information: Array
    derive: Callable[[], tuple[Array, Array]]

    @cached_property
    def derivatives(self) -> tuple[Array, Array]:
        """Modified score and metric."""
        return self.derive()

    def __getstate__(self) -> dict[str, Any]:
        # What derives them holds the rows, which no pickle is to carry along.
        return vars(self) | {"derivatives": self.derivatives, "derive": None}


class Prior(Protocol):
    """A penalty on the likelihood of a binary response."""

    def point(self, objective: Objective, coef: Array) -> Point | None:
        """Penalised likelihood at coef; None where it is no finite number."""
        ...


@dataclass(frozen=True, slots=True)
class NoPrior:
    """The likelihood itself, without a penalty."""

    def point(self, objective: Objective, coef: Array) -> Point | None:
        """Log-likelihood at coef: one pass."""
        rows = objective.evaluate(coef, 2)
        value, information = -rows.value, rows.hessian
        return Point(coef, value, value, information, lambda: (-rows.gradient, information))


NO_PRIOR = NoPrior()


@dataclass(frozen=True, slots=True)
class Jeffreys:
    """Firth's penalty, 1/2 log|I|: the invariant prior of Jeffreys."""

    def point(self, objective: Objective, coef: Array) -> Point | None:
        """Penalised likelihood at coef: one pass, another for its derivatives."""
        rows = objective.evaluate(coef, 2)
        factor = cholesky(rows.hessian)
        if factor is None:
            return None
        # I is in standardised coordinates; on the user's scale it has the scales' squares more.
        scales = float(np.log(objective.design.standardisation.scale).sum())
        pivots = float(np.log(factor.lower.diagonal()).sum() - np.log(factor.unit).sum())

        def derive() -> tuple[Array, Array]:
            hats = objective.source.fold(_Hats(objective.design, coef, _inverse_half(factor)))
            return hats.gradient - rows.gradient, rows.hessian + hats.hessian

        return Point(coef, pivots + scales - rows.value, -rows.value, rows.hessian, derive)


def _inverse_half(factor: Factor) -> Array:
    """B of shape (size, size) with B B' = I^-1."""
    # SciPy's triangular solve wakes all threads of BLAS, which take longer than a small fit.
    inverse, _ = lapack.dtrtri(factor.lower, lower=1)
    return np.ascontiguousarray((np.tril(inverse) * factor.unit).T)


@dataclass(frozen=True, slots=True)
class _Hats:
    """What the hat values h_i add to score and metric, from B with B B' = I^-1.

    Rows enter as if each were there h_i times more, half of them with the other label: so the
    score grows by h_i (1/2 - a_i) z_i, and the information by h_i a_i (1 - a_i) z_i z_i' (Heinze
    and Schemper, 2002, section 2.2). `value` is the sum of the hat values:
    the number of coefficients.
    """

    design: Design
    coef: Array
    half: Array

    def __call__(self, block: Block) -> Moments:
        Z = self.design(block)
        margin = Z.times(self.coef) + block.offset
        a = sigmoid(margin)
        curvature = a * sigmoid(-margin)
        rows = Z.dense() @ self.half
        hats = block.weight * curvature * np.einsum("ij,ij->i", rows, rows)
        score = Z.transposed_times(hats * (-0.5 * np.tanh(0.5 * margin)))
        weight = float(block.weight.sum())
        return Moments(weight, float(hats.sum()), score, Z.gram(hats * curvature))


@dataclass(frozen=True, slots=True)
class LogF:
    """Independent log-F(m, m) priors on the slopes: m / 2 successes and m / 2 failures at x_j = 1.

    Attributes
    ----------
    m : float
        Degrees of freedom: with 1 (the usual choice) 95% of a prior lies on odds ratios between
        1/648 and 648. It depends on the units of the columns, and leaves the intercept alone.
    """

    m: float = 1.0

    def point(self, objective: Objective, coef: Array) -> Point | None:
        """Penalised likelihood at coef: one pass."""
        rows = objective.evaluate(coef, 2)
        scale, p = objective.design.standardisation.scale, objective.source.n_features
        w = coef[:p] / scale
        penalty = self.m * float((0.5 * w - log1pexp(w)).sum())
        score, metric = -rows.gradient, rows.hessian.copy()
        score[:p] -= 0.5 * self.m * np.tanh(0.5 * w) / scale
        metric[np.arange(p), np.arange(p)] += self.m * sigmoid(w) * sigmoid(-w) / scale**2
        return Point(coef, penalty - rows.value, -rows.value, metric, lambda: (score, metric))


@dataclass(frozen=True, slots=True)
class Peak:
    """Where a penalised likelihood is greatest, as far as it was followed.

    Attributes
    ----------
    point : Point
    decrement : float
        Length of the last step that was seen (standard errors). It proves nothing of a maximum
        elsewhere: l* need not be concave.
    multipliers : array of shape (k,)
        Modified score along each constraint: the derivative of the profile.
    n_iter : int
    stopped : str
        "converged", "stalled" (rounding leaves nothing to gain) or "max_iter".
    """

    point: Point
    decrement: float
    multipliers: Array
    n_iter: int
    stopped: str


def maximise(
    objective: Objective,
    prior: Prior,
    start: Array,
    constraint: Array | None = None,
    *,
    tol: float = 1e-10,
    max_iter: int = 500,
) -> Peak:
    """Walk to the maximum of l* by scoring steps that secants correct, halved where they fail.

    Steps are d = H U*, with H the inverse of the metric after the BFGS updates of the last pairs of
    steps and changes of the score (Nocedal and Wright, 2006, algorithm 7.4): scoring alone gains
    less than half a digit a step where classes are separated. Constraints A coef = A start are kept
    by walking in the null space of A (there, 15.3).

    Parameters
    ----------
    objective : Objective
        Binary, without a penalty, of linearly independent columns.
    prior : Prior
    start : array of shape (size,)
    constraint : array of shape (k, size), optional
        A, of full rank.
    tol : float
        Length of a step to end at (standard errors).
    max_iter : int

    Returns
    -------
    Peak

    Raises
    ------
    DataError
        If l* is no finite number at the start.
    """
    A = np.empty((0, start.size)) if constraint is None else constraint
    ways = np.linalg.qr(A.T, mode="complete")[0][:, len(A) :] if len(A) else np.eye(start.size)
    point = prior.point(objective, start)
    if point is None or not np.isfinite(point.value):
        raise DataError(
            "the penalised likelihood is not a finite number where the walk starts, as the offset "
            "or the held coefficients leave the rows no information; make the offset smaller."
        )
    lengths: list[float] = []
    secants: deque[tuple[Array, Array]] = deque(maxlen=_SECANTS)
    stopped = "max_iter"
    while len(lengths) < max_iter:
        score, metric = point.derivatives
        score = ways.T @ score
        step = _corrected(ways.T @ metric @ ways, score, secants)
        lengths.append(float(np.sqrt(max(score @ step, 0.0))))
        ended = "converged" if lengths[-1] <= tol else "stalled" if _stalled(lengths) else ""
        following = _search(objective, prior, point, ways @ step, lengths[-1])
        if following is not None:
            moved = ways.T @ (following.coef - point.coef)
            point = following
        if ended or following is None:
            stopped = ended or "stalled"
            break
        change = score - ways.T @ point.derivatives[0]
        if _worth(lengths, float(moved @ change), float(moved @ ways.T @ metric @ ways @ moved)):
            secants.append((moved, change))
        else:
            secants.clear()
    multipliers: Any = np.linalg.lstsq(A.T, point.derivatives[0], rcond=None)[0]
    return Peak(point, lengths[-1] if lengths else np.inf, multipliers, len(lengths), stopped)


def _corrected(metric: Array, score: Array, secants: deque[tuple[Array, Array]]) -> Array:
    """Step H score: the two loops of L-BFGS around the inverse of the metric."""
    right, shares = score.copy(), []
    for moved, change in reversed(secants):
        share = float(moved @ right) / float(moved @ change)
        right -= share * change
        shares.append(share)
    factor = cholesky(metric)
    step = factor.solve(right) if factor is not None else np.linalg.pinv(metric) @ right
    for (moved, change), share in zip(secants, reversed(shares), strict=True):
        step += (share - float(change @ step) / float(moved @ change)) * moved
    return step


def _worth(lengths: list[float], curvature: float, expected: float) -> bool:
    """Whether a change of the score is one, and not the rounding of two scores."""
    shrinks = lengths[-1] > _NEAR or len(lengths) < 2 or lengths[-1] < 0.5 * lengths[-2]
    return shrinks and _LEAST_RATIO * expected < curvature < expected / _LEAST_RATIO


def _stalled(lengths: list[float]) -> bool:
    """Whether the last steps have become no shorter."""
    return len(lengths) > _PATIENCE and min(lengths[-_PATIENCE:]) > 0.5 * min(lengths[:-_PATIENCE])


def _search(
    objective: Objective, prior: Prior, point: Point, step: Array, length: float
) -> Point | None:
    """Next point: the whole step, halved until l* rises as it should; None if it never does."""
    room = _ROUNDING * (abs(point.value) + abs(point.loglikelihood) + objective.weight)
    share = 1.0
    for _ in range(_HALVINGS):
        there = prior.point(objective, point.coef + share * step)
        wanted = point.value + _LEAST_GAIN * share * length**2 - room
        if there is not None and there.value >= wanted:
            return there
        share *= 0.5
    return None
