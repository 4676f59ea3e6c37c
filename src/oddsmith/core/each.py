"""Many coefficients, one read: fits to parts of the same rows, such as the folds of a validation.

Which fits a row belongs to travels with its label:

    y = class + 2 * sum over its fits f of 2**f,

so that any source hands it out, and nothing of the rows is copied. Two classes, one margin.
"""

from dataclasses import dataclass

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.kernels import Design
from oddsmith.core.loss import Binomial, Labels
from oddsmith.core.stable import Array

__all__ = ["MOST_PARTS", "EachMoments", "EvaluateEach", "ReachEach", "with_parts"]

# A label of 64 bits has one for each part, one for the class and one for the sign.
MOST_PARTS = 62


def with_parts(index: Labels, fits: list[Labels]) -> Labels:
    """Labels that carry the parts of their rows.

    Parameters
    ----------
    index : integer array of shape (n,)
        Class, 0 or 1.
    fits : list of integer arrays
        Rows of each fit; `MOST_PARTS` of them at the most.

    Examples
    --------
    >>> with_parts(np.array([0, 1, 1]), [np.array([0, 1]), np.array([1, 2])])
    array([2, 7, 5])
    """
    parts = np.zeros(index.size, dtype=np.int64)
    for f, rows in enumerate(fits):
        parts[rows] |= 1 << f
    return index + 2 * parts


def _within(block: Block, parts: Labels) -> Labels:
    """Whether each row has a part, for each of some parts, of shape (n, M)."""
    return (block.y[:, None] >> (1 + parts)) & 1


@dataclass(frozen=True, slots=True)
class EachMoments:
    """Sums of every fit.

    Attributes
    ----------
    values : array of shape (M,)
        Weighted losses (nats).
    weights : array of shape (M,)
    gradients : array of shape (M, q)
    hessians : array of shape (H, q, q)
        Of those that were asked for.
    """

    values: Array
    weights: Array
    gradients: Array
    hessians: Array

    def __add__(self, other: "EachMoments") -> "EachMoments":
        return EachMoments(
            self.values + other.values,
            self.weights + other.weights,
            self.gradients + other.gradients,
            self.hessians + other.hessians,
        )


@dataclass(frozen=True, slots=True)
class EvaluateEach:
    """Loss and gradient of every fit, and the Hessian of some.

    Attributes
    ----------
    design : Design
    coefs : array of shape (M, q)
    parts : integer array of shape (M,)
        Part of the rows that each fit is of.
    wanted : integer array of shape (H,)
        Fits whose Hessian is formed.
    """

    design: Design
    coefs: Array
    parts: Labels
    wanted: Labels

    def __call__(self, block: Block) -> EachMoments:
        """Add up a block."""
        Z = self.design(block)
        share = block.weight[:, None] * _within(block, self.parts)
        margins = Z.times(self.coefs.T) + block.offset[:, None]
        losses, slopes, curvatures = Binomial().derivatives(margins, (block.y & 1)[:, None])
        hessians = [
            Z.gram(np.ascontiguousarray(share[:, m] * curvatures[:, m])) for m in self.wanted
        ]
        q = self.coefs.shape[1]
        return EachMoments(
            (share * losses).sum(axis=0),
            share.sum(axis=0),
            Z.transposed_times(share * slopes).T,
            np.array(hessians).reshape(-1, q, q),
        )


@dataclass(frozen=True, slots=True)
class EachReach:
    """Largest change of a row's log-odds, of shape (M,)."""

    largest: Array

    def __add__(self, other: "EachReach") -> "EachReach":
        return EachReach(np.maximum(self.largest, other.largest))


@dataclass(frozen=True, slots=True)
class ReachEach:
    """How far steps of shape (M, q) move the log-odds of a row, of any part."""

    design: Design
    steps: Array

    def __call__(self, block: Block) -> EachReach:
        """Largest changes of a block."""
        return EachReach(np.abs(self.design(block).times(self.steps.T)).max(axis=0, initial=0.0))
