"""Covariance of the parameters: by the information, by the scores' own spread, by clusters.

With scores u_i = z_i slope_i of shape (size,) and the information H, all are L H^-1 M H^-1 L':

    nonrobust  M = H                                  (McCullagh and Nelder, 1989, 4.4.3)
    HC0        M = sum_i u_i u_i'                     (Huber, 1967; White, 1982, theorem 3.2)
    HC1        n / (n - m) times HC0                  (MacKinnon and White, 1985, equation 4)
    HC2, HC3   u_i by 1 / sqrt(1 - h_i), 1 / (1 - h_i)    (same, equations 6 and 12, for the
               residual on the scale of the working response: Zeileis, 2006, section 4.1)
    cluster    M = sum_g u_g u_g', u_g the sum of a cluster's scores (Liang and Zeger, 1986,
               section 2), times G / (G - 1) (n - 1) / (n - m)

with n observations and m parameters. M is a sum over rows: one more pass. A row of frequency
weight s is s rows with a score u_i each; one of sampling weight s is one row with the score s u_i.
With K > 2 margins the leverage of a row is a matrix, V_i Q_i with V_i its curvature and
Q_i = Z_i H^-1 Z_i'; then (I - V_i Q_i)^-1 e_i stands for e_i / (1 - h_i). It is by that factor that
the row alone moves the coefficients in a Newton step without it (Pregibon, 1981, section 4).
"""

from dataclasses import dataclass
from typing import Any, Self, get_args

import numpy as np
import scipy.linalg as la
import scipy.sparse as sp

from oddsmith.core.block import Block
from oddsmith.core.kernels import Design
from oddsmith.core.labels import quoted
from oddsmith.core.loss import Loss
from oddsmith.core.matrix import DesignMatrix
from oddsmith.core.moments import VectorMoments
from oddsmith.core.stable import Array, softmax
from oddsmith.errors import DataError, ParameterError
from oddsmith.inference.likelihood import CovarianceKind, Likelihood

__all__ = [
    "GroupScores",
    "GroupScoresOf",
    "ScoreProducts",
    "covariance_of",
    "meat_of",
    "refuse_lost",
]

# Entries of the scores of K margins that are written out at once.
_ENTRIES = 2**20
# Powers of 1 - h by which a score is divided.
_POWERS = {"HC0": 0.0, "HC1": 0.0, "HC2": 0.5, "HC3": 1.0}


def covariance_of(likelihood: Likelihood, kind: CovarianceKind = "nonrobust") -> Array:
    """Covariance of the parameters, of shape (m, m): at most one pass more.

    Parameters
    ----------
    likelihood : Likelihood
        For "cluster" its blocks know their groups.
    kind : "nonrobust", "HC0", "HC1", "HC2", "HC3" or "cluster"

    Returns
    -------
    array of shape (m, m)
        NaN where the information is singular, and where rounding or a row of leverage 1 leaves
        nothing.

    Raises
    ------
    ParameterError
        If there is no such kind, or the rows do not have what it asks for.
    DataError
        If a variance is too small or too large for a float.
    """
    refuse_lost(likelihood.covariance, likelihood)
    # A row of leverage 1 has no residual to divide: 0 / 0, and NaN for what it decides.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        meat = meat_of(likelihood, kind)
        return likelihood.covariance if meat is None else likelihood.sandwich(meat)


def refuse_lost(covariance: Array, likelihood: Likelihood) -> None:
    """Raise where a variance is too small or too large for a float.

    Raises
    ------
    DataError
        Naming the column.
    """
    variances = np.diag(covariance)
    with np.errstate(invalid="ignore"):
        lost = (variances < np.finfo(np.float64).tiny) | np.isinf(variances)
    if not lost.any():
        return
    names, p = likelihood.parameter_names, len(likelihood.names)
    # A column that lies far from zero brings the intercept's with it.
    of_columns = np.flatnonzero(lost & (np.arange(lost.size) % len(likelihood.column_names) > 0))
    first = int(of_columns[0]) if p and of_columns.size else int(np.flatnonzero(lost)[0])
    small = bool(variances[first] < 1.0)
    raise DataError(
        f"the variance of the coefficient of {quoted(names[first])} is too "
        f"{'small' if small else 'large'} for a floating point number; "
        f"{'divide' if small else 'multiply'} the column by a large number."
    )


def meat_of(likelihood: Likelihood, kind: CovarianceKind) -> Array | None:
    """M of shape (size, size), its correction for few rows included; None where it is H itself.

    It is what effects and influence need, which are computed in the objective's coordinates.

    Parameters
    ----------
    likelihood : Likelihood
    kind : "nonrobust", "HC0", "HC1", "HC2", "HC3" or "cluster"

    Raises
    ------
    ParameterError
        If there is no such kind, or the rows do not have what it asks for.
    """
    if kind not in get_args(CovarianceKind):
        raise ParameterError(
            f"cov_type={kind!r} is not known; use 'nonrobust', 'HC0', 'HC1', 'HC2', 'HC3' or "
            "'cluster'."
        )
    if kind == "nonrobust":
        return None
    if likelihood.factor is None:
        return likelihood.hessian
    n, m = likelihood.nobs, len(likelihood.params)
    if kind == "cluster":
        sums = _by_group(likelihood)
        groups = len(sums.groups)
        if groups < 2:
            raise ParameterError(
                f"cov_type='cluster' found {groups} group; their spread needs at least two."
            )
        correction = groups / (groups - 1.0) * ((n - 1.0) / (n - m) if n > m else np.nan)
        return correction * (sums.sums.T @ sums.sums)
    correction = (n / (n - m) if n > m else np.nan) if kind == "HC1" else 1.0
    return correction * _meat(likelihood, kind)


def _meat(likelihood: Likelihood, kind: CovarianceKind) -> Array:
    """Sum of the outer products of the scores, each divided by its power of 1 - leverage."""
    power = _POWERS[kind]
    if likelihood.trials is not None:
        # Successes and failures of a row of counts are rows of their own, with one score.
        if power:
            raise ParameterError(
                f"cov_type={kind!r} asks for the leverage of single cases, which counts do not "
                "have; use 'HC0' or 'HC1', or give one row per case."
            )
        sums = _by_group(likelihood).sums
        return sums.T @ sums
    root = None
    if power:
        factor = likelihood.factor
        assert factor is not None  # noqa: S101  (its caller has looked)
        upper = la.solve_triangular(factor.lower, np.diag(factor.unit), lower=True)
        root = np.ascontiguousarray(upper.T)
    objective = likelihood.objective
    kernel = ScoreProducts(
        objective.loss,
        objective.design,
        objective.shaped(likelihood.coef),
        likelihood.weights == "sampling",
        power,
        root,
    )
    return objective.source.fold(kernel).vector


def _by_group(likelihood: Likelihood) -> "GroupScores":
    objective = likelihood.objective
    kernel = GroupScoresOf(objective.loss, objective.design, objective.shaped(likelihood.coef))
    return objective.source.fold(kernel)


@dataclass(frozen=True, slots=True)
class ScoreProducts:
    """Sum of outer products of scores u_i = z_i (x) e_i, of shape (size, size); it adds over rows.

    Attributes
    ----------
    loss : Loss
    design : Design
    coef : array of shape (q,) or (q, K)
    sampling : bool
        Whether a weight s is one row with s times the score, or s rows with one each.
    power : float
        0, 1/2 or 1: of 1 - leverage, by which e_i is divided.
    root : array of shape (size, size), or None
        B with H^-1 = B B', for the leverages.
    """

    loss: Loss
    design: Design
    coef: Array
    sampling: bool
    power: float
    root: Array | None

    def __call__(self, block: Block) -> VectorMoments:
        """Products of a block."""
        Z = self.design(block)
        margin = Z.times(self.coef) + block.offset
        residual = self.loss.slope(margin, block.y)
        weight = block.weight**2 if self.sampling else block.weight
        # Leverage is that of one row: of a single copy, or of one that stands for several.
        share = block.weight if self.sampling else np.ones_like(block.weight)
        if residual.ndim == 1:
            if self.root is not None:
                rows = Z.times(self.root)
                leverage = share * self.loss.own_curvature(margin) * (rows * rows).sum(axis=1)
                residual = residual / (1.0 - leverage) ** self.power
            return VectorMoments(Z.gram(weight * residual * residual))
        return VectorMoments(self._of_classes(Z.dense(), margin, residual, weight, share))

    def _of_classes(
        self, rows: Array, margin: Array, residual: Array, weight: Array, share: Array
    ) -> Array:
        size = rows.shape[1] * residual.shape[1]
        total = np.zeros((size, size))
        step = max(1, _ENTRIES // (size * (1 if self.root is None else residual.shape[1])))
        for first in range(0, len(rows), step):
            own = slice(first, first + step)
            e = residual[own]
            if self.root is not None:
                e = e + self._by_leverage(rows[own], margin[own], e, share[own])
            scores = (rows[own, :, None] * e[:, None, :]).reshape(-1, size)
            scores *= np.sqrt(weight[own])[:, None]
            total += scores.T @ scores
        return total

    def _by_leverage(self, rows: Array, margin: Array, e: Array, share: Array) -> Array:
        """Give what (I - V Q)^-power adds to e: R g(R'QR) R'Q e.

        Here g(x) = ((1 - x)^-power - 1) / x.

        With V = R R', R = diag(r) (I - r r') and r the roots of the probabilities, no inverse of
        V is needed, which is singular.
        """
        assert self.root is not None  # noqa: S101  (its caller has looked)
        n, q = rows.shape
        K = e.shape[1]
        half = (rows @ self.root.reshape(q, -1)).reshape(n, K, -1)
        r = np.sqrt(softmax(margin))
        Q = np.einsum("nks,nls->nkl", half, half) * share[:, None, None]
        R = r[:, :, None] * (np.eye(K) - r[:, :, None] * r[:, None, :])
        S, turned = np.linalg.eigh(np.swapaxes(R, 1, 2) @ Q @ R)
        grown = np.expm1(-self.power * np.log1p(-S))
        g = np.divide(grown, S, out=np.full_like(S, self.power), where=np.abs(S) > 1e-300)
        turn = np.swapaxes(R, 1, 2) @ (Q @ e[:, :, None])
        inner = turned @ (g[:, :, None] * (np.swapaxes(turned, 1, 2) @ turn))
        return (R @ inner)[:, :, 0]


@dataclass(frozen=True, slots=True)
class GroupScores:
    """Scores summed by cluster: those of the same cluster add, others stand side by side.

    Attributes
    ----------
    groups : integer array of shape (G,)
        Sorted.
    sums : array of shape (G, size)
    """

    groups: np.ndarray[Any, Any]
    sums: Array

    def __add__(self, other: Self) -> "GroupScores":
        groups, place = np.unique(np.concatenate([self.groups, other.groups]), return_inverse=True)
        if groups.size == self.groups.size + other.groups.size and (
            not self.groups.size or not other.groups.size or self.groups[-1] < other.groups[0]
        ):
            return GroupScores(groups, np.concatenate([self.sums, other.sums]))
        sums = np.zeros((groups.size, self.sums.shape[1]))
        sums[place[: self.groups.size]] = self.sums
        sums[place[self.groups.size :]] += other.sums
        return GroupScores(groups, sums)


@dataclass(frozen=True, slots=True)
class GroupScoresOf:
    """Scores s_i z_i (x) e_i of a block, summed by the rows' clusters."""

    loss: Loss
    design: Design
    coef: Array

    def __call__(self, block: Block) -> GroupScores:
        """Add up a block.

        Raises
        ------
        ParameterError
            If the rows do not know their clusters.
        """
        if block.group is None:
            raise ParameterError(
                "cov_type='cluster' needs to know the cluster of each row: give groups=..."
            )
        Z = self.design(block)
        margin = Z.times(self.coef) + block.offset
        residual = self.loss.slope(margin, block.y).reshape(block.y.size, -1)
        groups, place = np.unique(block.group, return_inverse=True)
        count = np.arange(block.y.size)
        own: Any = sp.csr_array((block.weight, (place, count)), shape=(groups.size, block.y.size))
        parts = [_sums(own, Z, e) for e in residual.T]
        return GroupScores(groups, np.stack(parts, axis=2).reshape(groups.size, -1))


def _sums(own: Any, Z: DesignMatrix, e: Array) -> Array:
    """Add z_i e_i up over groups: (G, q)."""
    scaled: Any = own @ sp.diags_array(e)
    inner: Any = scaled @ Z.Z
    inner = inner.toarray() if hasattr(inner, "tocsr") else inner
    return np.column_stack([inner, scaled.sum(axis=1)]) if Z.intercept else np.asarray(inner)
