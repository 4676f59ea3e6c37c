"""Marginal effects summed over rows, with their derivatives in the coefficients: one fold.

For F = P or log P of a row with margins m, the effect of column j on class k is

    e_jk = t_j sum_l A_kl b_jl,   A_kl = dF_k / dm_l,   t_j = 1, or x_j for changes in percent,

and its derivative in the coefficient of column r and margin l' is

    t_j ([r = j] A_kl' / scale_j + z_r sum_l C_kll' b_jl),   C_kll' = dA_kl / dm_l'.

A column that changes by a difference has (F(high) - F(low)) / size instead. One margin a row is
the case K = 1 of the same sums, with A = P (1 - P) or 1 - P.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from oddsmith.core.block import Block
from oddsmith.core.kernels import Design
from oddsmith.core.stable import Array, log1pexp, logsumexp, sigmoid, softmax

__all__ = ["Change", "EffectKernel", "EffectSums"]

# Entries of the largest array that is made for some of a block's rows.
_ENTRIES = 2**20


@dataclass(frozen=True, slots=True)
class Change:
    """A column that changes by a difference, (F(high) - F(low)) / size.

    Attributes
    ----------
    place : int
        Among the columns whose effects are asked for.
    low, high : float
        In the design's coordinates: where the column is put, or by how much it is moved.
    moves : bool
        Whether it is moved.
    size : float
        On the user's scale.
    """

    place: int
    low: float
    high: float
    moves: bool
    size: float


@dataclass(frozen=True, slots=True)
class EffectSums:
    """Effects of d columns on K probabilities (1 for two classes), summed over rows.

    Attributes
    ----------
    weight : float
    effects : array of shape (d, K)
    jacobian : array of shape (d, K, size)
        Derivatives of the effects in coef.
    """

    weight: float
    effects: Array
    jacobian: Array

    def __add__(self, other: Self) -> "EffectSums":
        return EffectSums(
            self.weight + other.weight,
            self.effects + other.effects,
            self.jacobian + other.jacobian,
        )


@dataclass(frozen=True, slots=True)
class EffectKernel:
    """Block -> effects.

    Attributes
    ----------
    design : Design
    coef : array of shape (q, K)
    relative : bool
        Whether F is log P.
    percent : bool
        Whether t is x.
    columns : integer array of shape (d,)
        Those whose effects are asked for.
    changes : tuple of Change
        Those of them that change by a difference.
    held : tuple of (column, value)
        Columns that are held, in the design's coordinates.
    """

    design: Design
    coef: Array
    relative: bool
    percent: bool
    columns: npt.NDArray[np.integer[Any]]
    changes: tuple[Change, ...] = ()
    held: tuple[tuple[int, float], ...] = ()

    def __call__(self, block: Block) -> EffectSums:
        """Sum up a block."""
        q, K = self.coef.shape
        effects = np.zeros((self.columns.size, K))
        jacobian = np.zeros((self.columns.size, K, q, K))
        for own, rows, margin in self._parts(block):
            weight = block.weight[own]
            self._add_slopes(effects, jacobian, rows, margin, weight)
            for change in self.changes:
                self._add_change(effects, jacobian, change, rows, margin, weight)
        flat = jacobian.reshape(self.columns.size, K, q * K)
        return EffectSums(float(block.weight.sum()), effects, flat)

    def of_rows(self, block: Block) -> Array:
        """Effects of each row, of shape (n, d, K)."""
        found: list[Array] = []
        for _, rows, margin in self._parts(block):
            slope = _first(margin, self.relative)
            effects = np.einsum("nkl,dl->ndk", slope, self._slopes)
            if self.percent:
                effects *= self._x(rows)[:, :, None]
            for change in self.changes:
                (high, _), (low, _) = self._ends(change, rows, margin)
                lead = _level(high, self.relative) - _level(low, self.relative)
                effects[:, change.place] = lead / change.size
            found.append(effects)
        return np.concatenate(found)

    def _parts(self, block: Block) -> Iterator[tuple[slice, Array, Array]]:
        """Rows (n, q) and margins (n, K) of some rows at a time."""
        rows = self.design(block).dense()
        if self.held:
            rows = rows.copy()
            for column, value in self.held:
                rows[:, column] = value
        margin = rows @ self.coef + block.offset.reshape(len(rows), -1)
        step = max(1, _ENTRIES // (self.coef.shape[1] ** 3 + self.coef.shape[0]))
        for first in range(0, len(rows), step):
            own = slice(first, first + step)
            yield own, rows[own], margin[own]

    @property
    def _scale(self) -> Array:
        return self.design.standardisation.scale[self.columns]

    @property
    def _slopes(self) -> Array:
        """B on the user's scale, of shape (d, K)."""
        return self.coef[self.columns] / self._scale[:, None]

    def _x(self, rows: Array) -> Array:
        """Columns on the user's scale, of shape (n, d)."""
        return (
            rows[:, self.columns] * self._scale + self.design.standardisation.center[self.columns]
        )

    def _add_slopes(
        self, effects: Array, jacobian: Array, rows: Array, margin: Array, weight: Array
    ) -> None:
        first, second = _first(margin, self.relative), _second(margin, self.relative)
        d, (q, K) = self.columns.size, self.coef.shape
        b, places = self._slopes, np.arange(d)
        if self.percent:
            times = self._x(rows) * weight[:, None]
            own = np.tensordot(times, first, (0, 0))
            for j in range(d):
                bent = np.einsum("nklm,l->nkm", second, b[j]).reshape(len(rows), -1)
                inner = (rows * times[:, j, None]).T @ bent
                jacobian[j] += inner.reshape(q, K, K).transpose(1, 0, 2)
        else:
            own = np.broadcast_to(np.tensordot(weight, first, (0, 0)), (d, K, K))
            bent = (rows * weight[:, None]).T @ second.reshape(len(rows), -1)
            jacobian += np.einsum("rklm,dl->dkrm", bent.reshape(q, K, K, K), b)
        effects += np.einsum("dkl,dl->dk", own, b)
        jacobian[places, :, self.columns, :] += own / self._scale[:, None, None]
        for change in self.changes:
            effects[change.place] = 0.0
            jacobian[change.place] = 0.0

    def _ends(self, change: Change, rows: Array, margin: Array) -> list[tuple[Array, Array]]:
        """Margins at both ends of a change, and how far the column went to get there."""
        column = self.columns[change.place]
        ends: list[tuple[Array, Array]] = []
        for end in (change.high, change.low):
            shift = np.full(len(rows), end) if change.moves else end - rows[:, column]
            ends.append((margin + shift[:, None] * self.coef[column], shift))
        return ends

    def _add_change(
        self,
        effects: Array,
        jacobian: Array,
        change: Change,
        rows: Array,
        margin: Array,
        weight: Array,
    ) -> None:
        q, K = self.coef.shape
        column, share = self.columns[change.place], weight / change.size
        for sign, (there, shift) in zip((1.0, -1.0), self._ends(change, rows, margin), strict=True):
            first = sign * _first(there, self.relative).reshape(len(rows), -1)
            effects[change.place] += sign * (share @ _level(there, self.relative))
            inner = (rows * share[:, None]).T @ first
            inner[column] += (share * shift) @ first
            jacobian[change.place] += inner.reshape(q, K, K).transpose(1, 0, 2)


def _level(margin: Array, relative: bool) -> Array:
    """F of shape (n, K)."""
    if margin.shape[1] == 1:
        return -log1pexp(-margin) if relative else sigmoid(margin)
    return margin - logsumexp(margin)[:, None] if relative else softmax(margin)


def _first(margin: Array, relative: bool) -> Array:
    """A_kl = dF_k / dm_l, of shape (n, K, K)."""
    if margin.shape[1] == 1:
        one, zero = sigmoid(margin), sigmoid(-margin)
        return (zero if relative else one * zero)[:, :, None]
    P = softmax(margin)
    slope = np.eye(P.shape[1]) - P[:, None, :]
    return slope if relative else P[:, :, None] * slope


def _second(margin: Array, relative: bool) -> Array:
    """C_kll' = dA_kl / dm_l', of shape (n, K, K, K)."""
    if margin.shape[1] == 1:
        one, zero = sigmoid(margin), sigmoid(-margin)
        curvature = one * zero
        return (-curvature if relative else curvature * (zero - one))[:, :, None, None]
    P, K = softmax(margin), margin.shape[1]
    slope = np.eye(K) - P[:, None, :]
    # dP_l / dm_l', the same for every k.
    fall = (P[:, :, None] * slope)[:, None]
    if relative:
        return np.broadcast_to(-fall, (len(P), K, K, K))
    return P[:, :, None, None] * (slope[:, :, :, None] * slope[:, :, None, :] - fall)
