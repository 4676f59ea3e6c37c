"""Newton's method on a plane A coef = b: the fit under a linear hypothesis, with its proof.

With N a basis of the directions that A does not see, the step is d = N (N'H N)^-1 N'g, and the
dual point of `certificate`, a' = a - h (Z d), leaves Z'S (a' - y) = g - H d, which is orthogonal to
N: dual feasible for the plane. So its sum proves how far coef is from the minimum *on the plane*,
as it does without one. At that minimum g = A'u, and u, the multiplier, is the rate at which the
minimum rises with b (Nocedal and Wright, 2006, 12.8; 16.2 for the null-space method).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np

from oddsmith.core.block import Block, Mergeable, RowSource
from oddsmith.core.certificate import Certificate, certificate
from oddsmith.core.kernels import Design
from oddsmith.core.loss import Loss
from oddsmith.core.moments import Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.line_search import newton_length
from oddsmith.solvers.newton import newton_step

__all__ = ["Plane", "Restricted", "restricted_minimum"]

S = TypeVar("S", bound=Mergeable)

# Gap per unit of weight at which coefficients are right to ten digits and more.
_POLISHED = 2.0**-66
# Gap (nats) that moves a statistic by no more than 1e-8.
_ENOUGH = 5e-9
# Steps in a row that neither lower the value nor prove more, after which none will.
_IDLE = 8
# Singular values of A, rows of length 1, below which a row follows from the others.
_DEPENDENT = 2.0**-40


@dataclass(frozen=True)
class Plane:
    """Coefficients with A coef = b.

    Attributes
    ----------
    matrix : array of shape (m, size)
        A, its rows of length 1.
    length : array of shape (m,)
        What its rows were divided by.
    inverse : array of shape (size, m)
        A^+, so that A^+ b is the shortest coef on the plane.
    basis : array of shape (size, size - m)
        N, orthonormal.
    """

    matrix: Array
    length: Array
    inverse: Array
    basis: Array

    @classmethod
    def of(cls, matrix: Array) -> "Self | None":
        """Plane of any (m, size) matrix; None where its rows are linearly dependent.

        Examples
        --------
        >>> plane = Plane.of(np.array([[3.0, 4.0]]))
        >>> plane.nearest(np.array([5.0, 5.0]), np.zeros(1)).round(12).tolist()
        [0.8, -0.6]
        >>> Plane.of(np.array([[1.0, 0.0], [2.0, 0.0]])) is None
        True
        """
        length = np.sqrt((matrix * matrix).sum(axis=1))
        if not (length > 0).all():
            return None
        rows = matrix / length[:, None]
        m = len(rows)
        if m > rows.shape[1] or np.linalg.svd(rows, compute_uv=False)[-1] <= _DEPENDENT:
            return None
        whole, triangle = np.linalg.qr(rows.T, mode="complete")
        # With A = R'Q', A^+ = Q R'^-1.
        inverse = np.linalg.solve(triangle[:m], whole[:, :m].T).T
        return cls(rows, length, inverse, whole[:, m:])

    def nearest(self, coef: Array, value: Array) -> Array:
        """Point of the plane A coef = value (as A was given) that is nearest to coef."""
        return coef + self.inverse @ (value / self.length - self.matrix @ coef)

    def multiplier(self, gradient: Array) -> Array:
        """Rate u of the restricted minimum with the value, from g = A'u; of shape (m,)."""
        return (self.inverse.T @ gradient) / self.length


@dataclass(frozen=True)
class Restricted:
    """The minimum on a plane.

    Attributes
    ----------
    coef : array of shape (size,)
    moments : Moments
        Value (nats), gradient and Hessian there.
    gap : float
        Value minus the minimum on the plane is at most this (nats).
    multiplier : array of shape (m,)
        Rate at which the minimum rises with the plane's value (nats).
    """

    coef: Array
    moments: Moments
    gap: float
    multiplier: Array

    def good(self, tol: float, weight: float) -> bool:
        """Whether the gap is within tol (nats per unit of weight), or too small for any test.

        Where coefficients are huge, as separated classes make them, the rounding of the margins
        leaves more than tol to prove; a statistic is known to 1e-8 all the same.
        """
        return self.gap <= max(tol * weight, _ENOUGH)


def restricted_minimum(
    objective: Objective,
    plane: Plane,
    value: Array,
    start: Array,
    tol: float = 1e-12,
    max_iter: int = 200,
) -> Restricted:
    """Minimum of a smooth objective on a plane, by Newton's method: two passes an iteration.

    Parameters
    ----------
    objective : Objective
    plane : Plane
    value : array of shape (m,)
        b.
    start : array of shape (size,)
        The walk begins at the point of the plane nearest to it.
    tol : float
        Gap to prove (nats per unit of weight). Where it is reached, the walk goes on for as long
        as a step still divides the gap; where it is not, the walk begins anew from the shortest
        coef of the plane.
    max_iter : int

    Returns
    -------
    Restricted
        Its gap is larger than tol where max_iter was too few.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        found = _walked(objective, plane, value, start, tol, max_iter)
        if found.good(tol, objective.weight) or not start.any():
            return found
        # From where margins are so large that there is no curvature, nothing leads back.
        again = _walked(objective, plane, value, np.zeros_like(start), tol, max_iter)
        return again if again.gap < found.gap else found


def _walked(
    objective: Objective, plane: Plane, value: Array, start: Array, tol: float, max_iter: int
) -> Restricted:
    coef, W = plane.nearest(objective.centred(start), value), objective.weight
    here, proof = _proved(objective, plane, coef)
    lower, gap, idle = proof.lower, proof.gap, 0
    for _ in range(max_iter):
        if proof.gap <= _POLISHED * W:
            break
        slope = float(here.gradient @ proof.step)
        length = newton_length(objective, coef, here.value, slope, proof.step, proof.line)
        # Once more onto the plane, from which rounding would lead away.
        following = plane.nearest(coef - length * proof.step, value)
        moments, certified = _proved(objective, plane, following)
        # A lower bound that was proved anywhere on the plane holds everywhere on it.
        lower = max(lower, certified.lower)
        better = min(certified.gap, moments.value - lower + certified.rounding)
        if gap <= tol * W and not better < 0.25 * gap:
            break
        # Where classes are separated on the plane, steps end in rounding before there is a proof.
        helps = better < gap or moments.value < here.value - certified.rounding
        idle = 0 if helps else idle + 1
        if idle == _IDLE:
            break
        coef, here, proof, gap = following, moments, certified, better
    if not gap <= tol * W:
        rest = _without_certain_rows(objective, coef, tol)
        gap = min(gap, here.value - _proved(rest, plane, coef)[1].lower + proof.rounding)
    return Restricted(coef, here, gap, plane.multiplier(here.gradient))


def _proved(objective: Objective, plane: Plane, coef: Array) -> tuple[Moments, Certificate]:
    """Value, derivatives and certificate on the plane: two passes."""
    moments, N = objective.evaluate(coef, 2), plane.basis
    if N.shape[1] == 0:
        return moments, certificate(objective, coef, moments, np.zeros_like(coef), 0.0)
    hessian = N.T @ objective.grounded(moments.hessian) @ N
    # |H_ij| <= sqrt(bound_i bound_j), so this bounds the diagonal of N'HN.
    bound = (np.abs(N).T @ np.sqrt(objective.curvature_bound)) ** 2
    solved = newton_step(hessian, N.T @ moments.gradient, bound)
    left = solved.left_over
    if solved.cut.shape[1]:
        # Directions in which no margin moves ask for nothing; where one does, nothing is proved.
        moves = objective.split_null(N @ solved.cut)[1].shape[1] > 0
        left = np.inf if moves else left
    return moments, certificate(objective, coef, moments, N @ solved.step, left)


def _without_certain_rows(objective: Objective, coef: Array, tol: float) -> Objective:
    """Objective of the rows whose loss at coef is more than tol (nats).

    No loss is below 0, so that its minimum is a lower bound on the whole's. Where classes are
    separated in part, it is a bound that can be proved: the rows that are certain there are the
    ones whose margins would still grow, in directions in which no other row's do.
    """
    kernel = _LossAbove(objective.loss, objective.design, objective.shaped(coef), tol)
    return replace(objective, source=_SomeRows(objective.source, kernel))


@dataclass(frozen=True)
class _LossAbove:
    """Block -> the same block, its weight 0 where the loss is no more than a bound (nats)."""

    loss: Loss
    design: Design
    coef: Array
    bound: float

    def __call__(self, block: Block) -> Block:
        margin = self.design(block).times(self.coef) + block.offset
        uncertain = self.loss.value(margin, block.y) > self.bound
        return replace(block, weight=np.where(uncertain, block.weight, 0.0))


@dataclass(frozen=True)
class _SomeRows:
    """A row source whose blocks are changed before a kernel reads them."""

    source: RowSource
    change: _LossAbove

    @property
    def n_rows(self) -> int:
        return self.source.n_rows

    @property
    def n_features(self) -> int:
        return self.source.n_features

    def fold(self, kernel: Callable[[Block], S], /) -> S:
        return self.source.fold(lambda block: kernel(self.change(block)))
