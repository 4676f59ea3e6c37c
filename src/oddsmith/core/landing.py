"""All that one pass tells where a step has ended: derivatives there, and the step's dual point.

A solver that may only fold over rows wants few passes. Where a model of the losses led from
coefficients w in a direction d, to its minimum, the dual point of the model is

    a'' = a + h (Z d),    Z'S (a'' - y) = gradient(w) + H d,

with the probabilities a at w and the model's curvatures h, of w or of where it was formed. The pass
at the next coefficients sums its relative entropy to the probabilities there, which is the gap that
is left but for what each column adds, together with the loss, its gradient, and its Hessian in some
of the columns: for the next model.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.columns import Standardisation
from oddsmith.core.kernels import Design, Evaluate, HessianProduct
from oddsmith.core.moments import Moments
from oddsmith.core.stable import Array

__all__ = ["Landing", "LandingMoments", "OnColumns", "Step"]

Indices = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, slots=True)
class LandingMoments:
    """What is summed over the rows.

    Attributes
    ----------
    weight, value : float
        Weight and losses (nats).
    gradient : array of shape (q,)
    hessian : array of shape (m, m), or (0,) if it was not asked for
        In the columns that were asked for.
    divergence, square : float
        Relative entropy and chi-square of the dual point to the probabilities (nats).
    odds : float
        Of exp(loss) - 1.
    product : array of shape (q,), or (0,) if it was not asked for
        H d of all columns.
    """

    weight: float
    value: float
    gradient: Array
    hessian: Array
    divergence: float
    square: float
    odds: float
    product: Array

    def __add__(self, other: Self) -> "LandingMoments":
        return LandingMoments(
            self.weight + other.weight,
            self.value + other.value,
            self.gradient + other.gradient,
            self.hessian + other.hessian,
            self.divergence + other.divergence,
            self.square + other.square,
            self.odds + other.odds,
            self.product + other.product,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a model: coefficients as the kernels take them.

    Attributes
    ----------
    coef : array of shape (q,) or (q, K)
        Where the model stood.
    direction : array like coef
        From there to its minimum.
    bent : array like coef
        Where its curvatures are from.
    """

    coef: Array
    direction: Array
    bent: Array


@dataclass(frozen=True, slots=True)
class OnColumns:
    """Block -> moments of order 2 in some of the columns, the others' part in margins held.

    Attributes
    ----------
    evaluate : Evaluate
        With the design and coefficients of these columns alone.
    columns : index array
    design : Design
        Of all columns.
    rest : array or None
        Coefficients of all columns, 0 at these; None where there are no others.
    """

    evaluate: Evaluate
    columns: Indices
    whole: Design
    rest: Array | None

    @classmethod
    def of(cls, evaluate: Evaluate, columns: Indices) -> "OnColumns":
        """Make the kernel from one over all columns, for ascending places of some."""
        how, coef = evaluate.design.standardisation, evaluate.coef
        some = Design(
            Standardisation(how.center[columns], how.scale[columns]), evaluate.design.intercept
        )
        own = np.append(columns, len(coef) - 1) if some.intercept else columns
        rest = coef.copy()
        rest[own] = 0.0
        inner = replace(evaluate, design=some, coef=np.ascontiguousarray(coef[own]), order=2)
        return cls(inner, columns, evaluate.design, rest if rest.any() else None)

    def __call__(self, block: Block) -> Moments:
        """Moments of a block."""
        offset = block.offset
        if self.rest is not None:
            offset = offset + self.whole(block).times(self.rest)
        X: Any = block.X[:, self.columns]
        return self.evaluate(replace(block, X=X, offset=offset))


@dataclass(frozen=True, slots=True)
class Landing:
    """Losses and derivatives at coefficients, and how far a step's dual point is from there.

    Attributes
    ----------
    evaluate : Evaluate
        At the coefficients; its order is 2 where the Hessian of all columns is wanted.
    part : OnColumns or None
        Where that of some is.
    step : Step or None
    product : HessianProduct or None
        Of the step, where H d is wanted for all columns.
    """

    evaluate: Evaluate
    part: OnColumns | None = None
    step: Step | None = None
    product: HessianProduct | None = None

    @property
    def design(self) -> Design | None:
        """Design of rows that may come ready; columns cannot be taken out of those."""
        return self.evaluate.design if self.part is None else None

    def __call__(self, block: Block) -> LandingMoments:
        """Add up a block."""
        here = self.evaluate(block)
        hessian = here.hessian if self.part is None else self.part(block).hessian
        product = np.empty(0) if self.product is None else self.product(block).vector
        return LandingMoments(
            here.weight, here.value, here.gradient, hessian, *self._beside(block), product
        )

    def _beside(self, block: Block) -> tuple[float, float, float]:
        """Relative entropy and chi-square of the dual point, and that of the labels."""
        loss, counted = self.evaluate.loss, block.weight > 0
        weight = block.weight[counted]
        there, *before = self._margins(block)
        with np.errstate(over="ignore"):
            odds = float((weight * np.expm1(loss.value(there, block.y)[counted])).sum())
        if not before:
            return 0.0, 0.0, odds
        margin, moved, bent = before
        move = loss.curvature_product(bent, moved)
        divergence, square = loss.divergence_beside(margin, move, there)
        sums = [float((weight * row[counted]).sum()) for row in (divergence, square)]
        return sums[0], sums[1], odds

    def _margins(self, block: Block) -> list[Array]:
        """Margins at the coefficients, and of the step: where it began, its change, and bent."""
        Z, coefs = self.evaluate.design(block), [self.evaluate.coef]
        if self.step is not None:
            coefs += [self.step.direction, self.step.coef]
            # Most often the curvatures are those of where the step began.
            coefs += [] if self.step.bent is self.step.coef else [self.step.bent]
        width = coefs[0].ndim
        table = Z.times(np.column_stack(coefs))
        K = table.shape[1] // len(coefs)
        found = [table[:, i * K : (i + 1) * K] for i in range(len(coefs))]
        if width == 1:
            found = [np.ascontiguousarray(own[:, 0]) for own in found]
        if self.step is None:
            return [found[0] + block.offset]
        there, moved, margin = found[0] + block.offset, found[1], found[2] + block.offset
        return [there, margin, moved, margin if len(found) == 3 else found[3] + block.offset]
