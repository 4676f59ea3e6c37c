"""The objective in as many dimensions as there are rows, and Newton's method there.

Every minimum of an L2-penalised objective is w = P^-1 Z' alpha, one number alpha_i a row and
margin (the representer theorem: Kimeldorf and Wahba, 1971; Schölkopf and Smola, 2002, theorem
4.2). With the Gram matrix K = Z P^-1 Z' of the rows, the margins are K alpha + b + o, and

    f(alpha, b) = sum_i s_i loss(K_i alpha + b + o_i, y_i) + 1/2 alpha'K alpha       (nats)

is the objective itself, not an approximation (Zhu and Hastie, 2005, equation 6).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg as la

from oddsmith.core.block import Block
from oddsmith.core.loss import Loss
from oddsmith.core.stable import Array, log1pexp, sigmoid
from oddsmith.solvers.line_search import SAFE_REACH, sufficient

__all__ = ["Reduced"]

# Newton's method squares a decrement: after a step with this one (nats) it is about 1e-16.
_LAST_DECREMENT = 1e-9
_MOST_STEPS = 100
# Sweeps before it cost a tenth of a step each: they end where they gain less than this (nats).
_MOST_SWEEPS, _LEAST_GAIN = 20, 1e-9
_ROOTS = 5
_MOST_PRODUCTS = 250
# Frobenius norm of a matrix I + W K W beyond which 32 bits round the I away.
_LARGEST_SINGLE = 2.0**20
# Curvature of a perfectly fitted row, for the preconditioner alone.
_LEAST_CURVATURE = 1e-16


@dataclass(frozen=True, slots=True)
class Reduced:
    """The objective in (alpha, b).

    A point or step is an array of shape (n,), or (n, K) for K margins, with one more entry or
    row for an intercept. A gradient (Z' rho, g_b), rho = S slope + alpha, is stored as
    (rho, g_b), so that its product with a step (alpha, b) is rho'K alpha + g_b b.

    Attributes
    ----------
    gram, single : arrays of shape (n, n)
        K as float64, and again as float32.
    rows : Block
        y, weight and offset of all rows.
    loss : Loss
    intercept : bool
    """

    gram: Array
    single: npt.NDArray[np.float32]
    rows: Block
    loss: Loss
    intercept: bool

    def product(self, x: Array) -> Array:
        """(K alpha, b) for x = (alpha, b): the dual of a step."""
        n = self.gram.shape[0]
        return np.concatenate([(x[:n].T @ self.gram).T, x[n:]])

    def margins(self, product: Array) -> Array:
        """K alpha + b, from the product."""
        n = self.gram.shape[0]
        return product[:n] + product[n:].sum(axis=0)

    def minimum(self, x: Array, offset: Array) -> Array:
        """Newton's method from x until rounding, a step at a time.

        Examples
        --------
        >>> from oddsmith.core.loss import Binomial
        >>> rows = Block(np.eye(2), np.array([0, 1]), np.ones(2), np.zeros(2))
        >>> reduced = Reduced(np.eye(2), np.eye(2, dtype=np.float32), rows, Binomial(), False)
        >>> reduced.minimum(np.zeros(2), rows.offset).round(4)
        array([-0.4011,  0.4011])
        """
        n = self.gram.shape[0]
        for _ in range(_MOST_STEPS):
            product = self.product(x)
            margin = self.margins(product) + offset
            slopes = self.loss.slope(margin, self.rows.y)
            gradient = self._over_rows(slopes, x[:n])
            step, moved = self.newton_step(margin, gradient)
            slope = float((gradient * moved).sum())
            t = self.margins(moved)
            reach, length = float(self.loss.reach(t).max(initial=0.0)), 1.0
            value = self._value(margin, x, product)
            while length * reach > SAFE_REACH and not sufficient(
                value,
                self._value(margin - length * t, x - length * step, product - length * moved),
                length,
                slope,
            ):
                length *= 0.5
            x = x - length * step
            if not slope > _LAST_DECREMENT:
                break
        return x

    def begin(self, x: Array, offset: Array) -> Array:
        """Sweeps that give each row its optimum beside all others as they were: a start.

        In many columns rows are nearly orthogonal, K nearly diagonal, and the sweeps converge
        (Ortega and Rheinboldt, 1970, section 7.4, nonlinear Jacobi); they end where they do not.
        For one margin a row; K margins start at x.
        """
        if x.ndim > 1:
            return x
        n, weight, least, best = self.gram.shape[0], self.rows.weight, np.inf, x
        toward, own = 2.0 * self.rows.y - 1.0, self.gram.diagonal() * weight
        own = np.maximum(own, np.finfo(float).tiny)
        for _ in range(_MOST_SWEEPS):
            product = self.product(x)
            margin = self.margins(product) + offset
            value = self._value(margin, x, product)
            best = x if value < least else best
            if not value < least - _LEAST_GAIN:
                break
            least = value
            rest = toward * (margin - self.gram.diagonal() * x[:n])
            a = _alone(own, rest)
            curvature = a * (1.0 - a)
            alpha = toward * weight * a
            moved = (weight * curvature / (1.0 + own * curvature)).sum()
            x = np.append(alpha, x[n:] + alpha.sum() / moved)
        return best

    def newton_step(self, margin: Array, gradient: Array) -> tuple[Array, Array]:
        """Solution d of H d = g, and its product: H d = (d + D t, 1'D t), t the margins of d.

        Conjugate gradients, preconditioned with the solution for each margin by itself: for
        one margin that is H^-1, and one product does (Nocedal and Wright, 2006, algorithm 5.3).
        """
        n = self.gram.shape[0]
        solve = self._preconditioner(margin)
        d, moved, residual = np.zeros_like(gradient), np.zeros_like(gradient), gradient
        direction = solve(residual)
        p = self.product(direction)
        size = first = float((residual * p).sum())
        for _ in range(_MOST_PRODUCTS):
            if not size > first * min(0.01, first):
                break
            t = self.loss.curvature_product(margin, self.margins(p))
            image = self._over_rows(t, direction[:n])
            length = size / float((image * p).sum())
            d, moved = d + length * direction, moved + length * p
            residual = residual - length * image
            z = solve(residual)
            dual = self.product(z)
            size, last = float((residual * dual).sum()), size
            direction, p = z + size / last * direction, dual + size / last * p
        return d, moved

    def _over_rows(self, t: Array, alpha: Array) -> Array:
        weighted = (t.T * self.rows.weight).T
        return np.concatenate([weighted + alpha, weighted.sum(axis=0)[None][: self.intercept]])

    def _value(self, margin: Array, x: Array, product: Array) -> float:
        n = self.gram.shape[0]
        loss = float(self.rows.weight @ self.loss.value(margin, self.rows.y))
        return loss + 0.5 * float((x[:n] * product[:n]).sum())

    def _preconditioner(self, margin: Array) -> Callable[[Array], Array]:
        """Solve (I + D K) z + D b = rho, 1'D (K z + b) = g_b with D = W^2 diagonal.

        By Woodbury's identity z = rho - q - b v, q = W B^-1 W K rho, v = W B^-1 W 1 with
        B = I + W K W, whose eigenvalues are at least 1 even if K is singular (Rasmussen and
        Williams, 2006, equations 3.26 to 3.27); b makes the second equation hold.
        """
        n, weight = self.gram.shape[0], self.rows.weight
        own = self.loss.own_curvature(margin).reshape(n, -1).T * weight
        roots = np.sqrt(np.maximum(own, _LEAST_CURVATURE * weight))
        factors = [self._factor(w) for w in roots]

        def weighted(right: Array) -> Array:
            each = zip(roots, factors, right.T, strict=True)
            return np.column_stack([w * _solved(L, w * r) for w, L, r in each])

        v = weighted(np.ones((n, len(roots))))

        def solve(residual: Array) -> Array:
            rho = residual.reshape(residual.shape[0], -1)
            q = weighted(self.product(rho)[:n])
            z = rho[:n] - q
            if self.intercept:
                b = (rho[n] - q.sum(axis=0)) / v.sum(axis=0)
                z = np.vstack([z - b * v, b])
            # Adding the same to all margins of a row changes nothing, and must not drift.
            z = z - z.mean(axis=1, keepdims=True) if len(roots) > 1 else z
            return z.reshape(residual.shape)

        return solve

    def _factor(self, root: Array) -> Array:
        """Cholesky factor of B = I + W K W: in 32 bits where they serve, at half the time."""
        matrix = _plus_identity(self.single, root)
        if not float(np.linalg.norm(matrix.ravel())) <= _LARGEST_SINGLE:
            matrix = _plus_identity(self.gram, root)
        # Symmetric: LAPACK reads the transpose, which is column-major, without a copy.
        return la.cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)


def _alone(own: Array, rest: Array) -> Array:
    """Solve a = sigmoid(-rest - own a) for each row: 1 - probability of its class.

    Newton's method on u = log(own a), in which the equation is nearly linear, from the right.
    """
    size = np.log(own)
    most = np.log(np.maximum(np.log1p(own) - rest, 1.0))
    u = np.minimum(size - log1pexp(rest), most)
    for _ in range(_ROOTS):
        z = rest + np.exp(u)
        u = u - (u - size + log1pexp(z)) / (1.0 + sigmoid(z) * np.exp(u))
    return np.exp(u - size)


def _plus_identity(gram: Any, root: Array) -> Array:
    """I + W K W, as precise as K."""
    w = root.astype(gram.dtype)
    matrix: Any = gram * w
    np.multiply(matrix, w[:, None], out=matrix)
    matrix[np.diag_indices_from(matrix)] += 1.0
    return matrix


def _solved(factor: Any, right: Array) -> Array:
    short = right.astype(factor.dtype)
    solution: Any = la.cho_solve((factor, True), short, check_finite=False)
    return np.asarray(solution, dtype=np.float64)
