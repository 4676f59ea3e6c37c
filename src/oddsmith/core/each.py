"""Many coefficients, one read: fits to parts of the same rows, such as the folds of a validation.

Which parts a row belongs to travels with its label:

    y = class + 2 * sum over its parts f of 2**f,

so that any source hands it out, and nothing of the rows is copied. Two classes, one margin.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.kernels import PLAIN, Design, Kernels
from oddsmith.core.loss import Binomial, Labels
from oddsmith.core.moments import Moments
from oddsmith.core.stable import Array

__all__ = [
    "MOST_PARTS",
    "EachMoments",
    "EvaluateEach",
    "Patterns",
    "ReachEach",
    "WeighParts",
    "evaluator",
    "with_parts",
]

# A label of 64 bits has one for each part, one for the class and one for the sign.
MOST_PARTS = 62


def with_parts(index: Labels, parts: list[Labels]) -> Labels:
    """Labels that carry the parts of their rows.

    Parameters
    ----------
    index : integer array of shape (n,)
        Class, 0 or 1.
    parts : list of integer arrays
        Rows of each part; `MOST_PARTS` of them at the most.

    Examples
    --------
    >>> with_parts(np.array([0, 1, 1]), [np.array([0, 1]), np.array([1, 2])])
    array([2, 7, 5])
    """
    bits = np.zeros(index.size, dtype=np.int64)
    for f, rows in enumerate(parts):
        bits[rows] |= 1 << f
    return index + 2 * bits


def _within(block: Block, parts: Labels) -> Labels:
    """Whether each row has a part, for each of some parts, of shape (n, M)."""
    return (block.y[:, None] >> (1 + parts)) & 1


def _no_labels() -> Labels:
    return np.empty(0, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class EachMoments:
    """Sums of every fit.

    Attributes
    ----------
    values : array of shape (M,)
        Weighted losses (nats).
    gradients : array of shape (M, q)
    hessians : array of shape (H, q, q)
        Of those that were asked for.
    held_out : array of shape (M,), or (0,)
        Weighted losses in other parts, where they were asked for (nats).
    """

    values: Array
    gradients: Array
    hessians: Array
    held_out: Array

    def __add__(self, other: "EachMoments") -> "EachMoments":
        return EachMoments(
            self.values + other.values,
            self.gradients + other.gradients,
            self.hessians + other.hessians,
            self.held_out + other.held_out,
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
    tests : integer array of shape (M,), or (0,)
        Part of the rows that each fit is scored on.
    losses : bool
        Whether values are wanted, or left at 0.
    """

    design: Design
    coefs: Array
    parts: Labels
    wanted: Labels = field(default_factory=_no_labels)
    tests: Labels = field(default_factory=_no_labels)
    losses: bool = True

    def __call__(self, block: Block) -> EachMoments:
        """Add up a block."""
        Z = self.design(block)
        weight = block.weight[:, None]
        share = weight * _within(block, self.parts)
        margins = Z.times(self.coefs.T) + block.offset[:, None]
        losses, slopes, curvatures = Binomial().derivatives(margins, (block.y & 1)[:, None])
        hessians = [
            Z.gram(np.ascontiguousarray(share[:, m] * curvatures[:, m])) for m in self.wanted
        ]
        q = self.coefs.shape[1]
        held_out = np.zeros(0)
        if self.tests.size:
            held_out = (weight * _within(block, self.tests) * losses).sum(axis=0)
        return EachMoments(
            (share * losses * self.losses).sum(axis=0),
            Z.transposed_times(share * slopes).T,
            np.array(hessians).reshape(-1, q, q),
            held_out,
        )


def evaluator(kernels: Kernels) -> type[EvaluateEach]:
    """`EvaluateEach`, compiled where the kernels are."""
    if kernels is PLAIN:
        return EvaluateEach
    # Imports Numba, which small problems need not wait for.
    return import_module("oddsmith.core.compiled_each").EvaluateEach


@dataclass(frozen=True, slots=True)
class _Weights:
    """Weights of all parts."""

    parts: Array

    def __add__(self, other: "_Weights") -> "_Weights":
        return _Weights(self.parts + other.parts)


@dataclass(frozen=True, slots=True)
class WeighParts:
    """Weight of each of the first parts, of shape (n_parts,)."""

    n_parts: int

    def __call__(self, block: Block) -> _Weights:
        """Weights in a block."""
        parts: Any = np.arange(self.n_parts)
        return _Weights(block.weight @ _within(block, parts))


@dataclass(frozen=True, slots=True)
class _Sums:
    """Moments of each pattern of parts."""

    patterns: dict[int, Moments]

    def __add__(self, other: "_Sums") -> "_Sums":
        both = dict(self.patterns)
        for pattern, moments in other.patterns.items():
            both[pattern] = both[pattern] + moments if pattern in both else moments
        return _Sums(both)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Moments at one coef, apart for every pattern of parts that rows have.

    The sums of any part are those of the patterns with its bit, so that the Hessians of all parts
    together cost no more than that of all rows.

    Attributes
    ----------
    evaluate : Evaluate
        What is formed of the rows of a pattern, whose labels are classes alone.
    n_parts : int
        Of the first parts; others make no difference.
    """

    evaluate: Callable[[Block], Moments]
    n_parts: int

    @property
    def tiled(self) -> bool:
        """Whether long blocks are welcome."""
        return getattr(self.evaluate, "tiled", False)

    def __call__(self, block: Block) -> _Sums:
        """Add up a block, pattern by pattern."""
        bits = (block.y >> 1) & ((1 << self.n_parts) - 1)
        sums: dict[int, Moments] = {}
        for pattern in np.unique(bits).tolist():
            rows = np.flatnonzero(bits == pattern)
            own = Block(block.X[rows], block.y[rows] & 1, block.weight[rows], block.offset[rows])
            sums[pattern] = self.evaluate(own)
        return _Sums(sums)


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
