"""The loss of a row as a function of its margin: value, slope, curvature. Nothing else.

Both losses are the negative log-likelihood of the row's own class, in nats. Penalties, weights,
coefficients and blocks are known elsewhere. A first reader needs `value`, `slope` and
`own_curvature` of `Binomial`; what speaks of a dual point serves the proof in `certificate`.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from oddsmith.core.stable import (
    Array,
    log1pexp,
    logsumexp,
    relative_entropy_term,
    sigmoid,
    softmax,
)

__all__ = ["Binomial", "Labels", "Loss", "Multinomial"]

Labels = npt.NDArray[np.integer[Any]]

# Relative changes of a probability beyond this have powers that are no numbers.
_MOST = 2.0**200


class Loss(Protocol):
    """A convex loss in the margin; shapes are (n,) for one margin a row, (n, K) for K."""

    def value(self, margin: Array, y: Labels) -> Array:
        """Loss of each row, of shape (n,), in nats."""
        ...

    def slope(self, margin: Array, y: Labels) -> Array:
        """First derivative in the margin, shaped like it."""
        ...

    def derivatives(self, margin: Array, y: Labels) -> tuple[Array, Array, Array]:
        """Value, slope and own curvature at once, from one exponential."""
        ...

    def curvatures(self, margin: Array) -> Iterator[tuple[int, int, Array]]:
        """Second derivative in margins k >= j: k, j and an array of shape (n,), for each pair."""
        ...

    def own_curvature(self, margin: Array) -> Array:
        """Second derivative in each margin twice, shaped like the margin."""
        ...

    def curvature_product(self, margin: Array, t: Array) -> Array:
        """Second derivative times t, shaped like the margin."""
        ...

    def divergence(self, margin: Array, t: Array) -> Array:
        """Relative entropy of the dual point to the probabilities, of shape (n,), in nats."""
        ...

    def divergence_beside(self, margin: Array, move: Array, there: Array) -> tuple[Array, Array]:
        """Relative entropy and chi-square of a moved point to others, of shape (n,), in nats."""
        ...

    def dual_value(self, margin: Array, t: Array, y: Labels, scale: float) -> Array:
        """Entropy of the dual point shrunk towards the labels, of shape (n,), in nats."""
        ...

    def reach(self, t: Array) -> Array:
        """How far a change t of the margins moves a row's log-odds, of shape (n,)."""
        ...

    def lead(self, margin: Array, y: Labels) -> Array:
        """By how much the own class is ahead, of shape (n,)."""
        ...


class Binomial:
    """Two classes, one margin m: loss = log(1 + exp(m)) - y m (McCullagh and Nelder, 1989, 4.4).

    Written in the signed margin z = (1 - 2y) m, in which nothing cancels: the loss is
    log1pexp(z), its slope (1 - 2y) sigmoid(z), its curvature sigmoid(z) sigmoid(-z).

    Examples
    --------
    >>> margin, y = np.array([0.0, -1000.0]), np.array([1, 0])
    >>> Binomial().value(margin, y).round(4), Binomial().slope(margin, y)
    (array([0.6931, 0.    ]), array([-0.5,  0. ]))
    """

    def value(self, margin: Array, y: Labels) -> Array:
        """Loss of each row (nats): -log of the probability of its own class."""
        return log1pexp((1.0 - 2.0 * y) * margin)

    def slope(self, margin: Array, y: Labels) -> Array:
        """First derivative in the margin: sigmoid(m) - y."""
        sign = 1.0 - 2.0 * y
        return sign * sigmoid(sign * margin)

    def own_curvature(self, margin: Array) -> Array:
        """Second derivative in the margin: a (1 - a) with a = sigmoid(m)."""
        small = np.exp(-np.abs(margin))
        return small / (1.0 + small) ** 2

    def derivatives(self, margin: Array, y: Labels) -> tuple[Array, Array, Array]:
        """Value, slope and own curvature at once, from one exponential."""
        sign = 1.0 - 2.0 * y
        z = sign * margin
        small = np.exp(-np.abs(z))
        whole = 1.0 + small
        value = np.maximum(z, 0.0) + np.log1p(small)
        share = np.where(z >= 0, 1.0, small) / whole
        return value, sign * share, small / (whole * whole)

    def curvatures(self, margin: Array) -> Iterator[tuple[int, int, Array]]:
        """Second derivative in the one margin there is."""
        yield 0, 0, self.own_curvature(margin)

    def curvature_product(self, margin: Array, t: Array) -> Array:
        """Second derivative times t."""
        return self.own_curvature(margin) * t

    def divergence(self, margin: Array, t: Array) -> Array:
        """Relative entropy of the dual point a - a (1 - a) t to a = sigmoid(margin), in nats.

        a' / a = 1 - (1 - a) t and (1 - a') / (1 - a) = 1 + a t; inf where a' leaves [0, 1].
        """
        one, zero = sigmoid(margin), sigmoid(-margin)
        up, down = -zero * t, one * t
        outside = (up < -1.0) | (down < -1.0)
        entropy = one * relative_entropy_term(up) + zero * relative_entropy_term(down)
        return np.where(outside, np.inf, entropy)

    def divergence_beside(self, margin: Array, move: Array, there: Array) -> tuple[Array, Array]:
        """Relative entropy and chi-square of sigmoid(margin) + move to sigmoid(there), in nats.

        With b the smaller probability there and c what is moved to, KL = b k(c / b - 1) + (1 - b)
        k((b - c) / (1 - b)), k(u) = (1 + u) log(1 + u) - u, and chi-square = (c - b)^2 / (b (1 -
        b)), which is no less (Gibbs and Su, 2002, "On choosing and bounding probability metrics",
        theorem 5); inf where c leaves [0, 1].
        """
        side = np.where(there > 0, -1.0, 1.0)
        least, most = sigmoid(side * there), sigmoid(-side * there)
        other = sigmoid(side * margin) + side * move
        down = (least - other) / most
        up, outside = _relative(other - least, least)
        entropy = least * relative_entropy_term(up) + most * relative_entropy_term(down)
        square = least * up**2 + most * down**2
        outside |= down < -1.0
        return np.where(outside, np.inf, entropy), np.where(outside, np.inf, square)

    def dual_value(self, margin: Array, t: Array, y: Labels, scale: float) -> Array:
        """Entropy of y + scale (a' - y) with a' = a - a (1 - a) t and a = sigmoid(margin), nats.

        Minus infinity where that leaves [0, 1].
        """
        one, zero = sigmoid(margin), sigmoid(-margin)
        shares = np.stack([zero + zero * one * t, one - one * zero * t])
        labels = np.stack([y == 0, y == 1]).astype(np.float64)
        return _entropy(shares, labels, scale, axis=0)

    def reach(self, t: Array) -> Array:
        """How far a change t of the margin moves the log-odds of a row."""
        return np.abs(t)

    def lead(self, margin: Array, y: Labels) -> Array:
        """Signed margin: by how much the own class is ahead of the other."""
        return (2.0 * y - 1.0) * margin


class Multinomial:
    """K classes, K margins: loss = logsumexp(m) - m_y, symmetric (Hastie et al., 2015, 3.3).

    Examples
    --------
    >>> margin, y = np.array([[0.0, 0.0, 0.0], [1000.0, 0.0, 0.0]]), np.array([2, 0])
    >>> Multinomial().value(margin, y).round(4)
    array([1.0986, 0.    ])
    """

    def value(self, margin: Array, y: Labels) -> Array:
        """Loss of each row (nats): -log of the probability of its own class."""
        return logsumexp(margin - np.take_along_axis(margin, _column(y), axis=1))

    def slope(self, margin: Array, y: Labels) -> Array:
        """First derivative in the margins: softmax(m) - onehot(y), shape (n, K)."""
        slope = softmax(margin)
        # a_y - 1 is minus the sum of the others: written so, it keeps its digits near 0.
        np.put_along_axis(slope, _column(y), 0.0, axis=1)
        np.put_along_axis(slope, _column(y), -slope.sum(axis=1, keepdims=True), axis=1)
        return slope

    def own_curvature(self, margin: Array) -> Array:
        """Second derivative in margin k twice: a_k (1 - a_k), shape (n, K).

        Where a_k is the largest, 1 - a_k is the sum of the others, which keeps its digits.
        """
        a = softmax(margin)
        top = np.argmax(a, axis=1, keepdims=True)
        rest = 1.0 - a
        others = a.copy()
        np.put_along_axis(others, top, 0.0, axis=1)
        np.put_along_axis(rest, top, others.sum(axis=1, keepdims=True), axis=1)
        return a * rest

    def derivatives(self, margin: Array, y: Labels) -> tuple[Array, Array, Array]:
        """Value, slope and own curvature at once, from one exponential.

        With e_k = exp(m_k - max m), a_k = e_k / sum e; the parts of a sum that leaves out the own
        class, or the largest, are added without it, so that they keep their digits near 0.
        """
        rows = np.arange(y.size)
        top = margin.argmax(axis=1)
        lead = margin - margin[rows, top][:, None]
        e = np.exp(lead)
        e[rows, top] = 0.0
        others = e.sum(axis=1)
        e[rows, top] = 1.0
        whole = 1.0 + others
        value = np.log1p(others) - lead[rows, y]
        a = e / whole[:, None]
        rest = 1.0 - a
        rest[rows, top] = others / whole
        slope = a.copy()
        slope[rows, y] = 0.0
        slope[rows, y] = -slope.sum(axis=1)
        return value, slope, a * rest

    def curvatures(self, margin: Array) -> Iterator[tuple[int, int, Array]]:
        """Second derivative in margins k >= j: a_k ([k = j] - a_j)."""
        a, own = softmax(margin), self.own_curvature(margin)
        for k in range(a.shape[1]):
            for j in range(k):
                yield k, j, -a[:, k] * a[:, j]
            yield k, k, own[:, k]

    def curvature_product(self, margin: Array, t: Array) -> Array:
        """Second derivative times t, shape (n, K): a_k (t_k - sum_l a_l t_l)."""
        a = softmax(margin)
        return a * _centred(a, t)

    def divergence(self, margin: Array, t: Array) -> Array:
        """Relative entropy of the dual point a - (diag(a) - a a') t to a = softmax(margin).

        a'_k / a_k = 1 - (t_k - sum_l a_l t_l); inf where a' leaves the simplex. In nats.
        """
        a = softmax(margin)
        change = -_centred(a, t)
        outside = (change < -1.0).any(axis=1)
        return np.where(outside, np.inf, (a * relative_entropy_term(change)).sum(axis=1))

    def divergence_beside(self, margin: Array, move: Array, there: Array) -> tuple[Array, Array]:
        """Relative entropy and chi-square of softmax(margin) + move to softmax(there), in nats.

        With b the probabilities there and u = c / b - 1 for what is moved to, sum_k b_k k(u_k) and
        sum_k b_k u_k^2; inf where c leaves the simplex.
        """
        b = softmax(there)
        u, beyond = _relative(softmax(margin) + move - b, b)
        entropy, square = (b * relative_entropy_term(u)).sum(axis=1), (b * u**2).sum(axis=1)
        outside = beyond.any(axis=1)
        return np.where(outside, np.inf, entropy), np.where(outside, np.inf, square)

    def dual_value(self, margin: Array, t: Array, y: Labels, scale: float) -> Array:
        """Entropy of y + scale (a' - y) with a' = a - (diag(a) - a a') t, in nats.

        Minus infinity where that leaves the simplex.
        """
        a = softmax(margin)
        labels = np.zeros_like(a)
        np.put_along_axis(labels, _column(y), 1.0, axis=1)
        return _entropy(a - a * _centred(a, t), labels, scale, axis=1)

    def reach(self, t: Array) -> Array:
        """How far a change t of the margins moves the log-odds between two classes of a row."""
        return t.max(axis=1) - t.min(axis=1)

    def lead(self, margin: Array, y: Labels) -> Array:
        """By how much the own class is ahead of the best of the others."""
        own = np.take_along_axis(margin, _column(y), axis=1)
        others = margin.copy()
        np.put_along_axis(others, _column(y), -np.inf, axis=1)
        return own[:, 0] - others.max(axis=1)


def _entropy(shares: Array, labels: Array, scale: float, axis: int) -> Array:
    """Entropy of labels + scale * (shares - labels) along an axis; -inf if one is below 0."""
    entropy: Array = entr(labels + scale * (shares - labels)).sum(axis=axis)
    return entropy


def _relative(change: Array, b: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Change / b, where 0 / 0 is none; 0, and flagged, where that is below -1 or too large."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u = np.where(change == 0, 0.0, change / b)
    outside = (u < -1.0) | (u > _MOST)
    return np.where(outside, 0.0, u), outside


def _centred(a: Array, t: Array) -> Array:
    """t_k - sum_l a_l t_l, exact where one class has almost all of the probability."""
    top = np.argmax(a, axis=1, keepdims=True)
    from_top = t - np.take_along_axis(t, top, axis=1)
    return from_top - (a * from_top).sum(axis=1, keepdims=True)


def _column(y: Labels) -> npt.NDArray[np.intp]:
    return y.astype(np.intp)[:, None]
