"""Residuals, leverage and influence, row by row.

With P the probability, y the outcome, V = H^-1, g = z' V z and m parameters,

    response      y - P
    Pearson       r = (y - P) / sqrt(P (1 - P))
    deviance      sign(y - P) sqrt(2 loss)
    leverage      h = P (1 - P) g                  (Pregibon, 1981, section 2)
    standardised  r / sqrt(1 - h)
    one step      d = V z (y - P) / (1 - h)        what the row adds to coef
    Cook          d' C^-1 d / m,  C the covariance: r^2 h / ((1 - h)^2 m) where C = V

A row of frequency weight s is s rows, and what is told is of one of them; of a row of sampling
weight s, P (1 - P) and y - P count s times in h and d. A row of counts, k of n, is one
observation, a covariate pattern, with n P (1 - P) and k - n P in their place.

With K > 2 classes the curvature W = diag(P) - P P' and Q = Z_i V Z_i' are matrices: the leverage
is the trace of W Q, whose sum over rows is m, and d = V Z_i' (I - W Q)^-1 (y - P). Response and
Pearson residuals are one a class; a deviance residual has no sign there; residuals that are
standardised by the leverage, and what a row adds to its own fit, are not defined.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import fdtrc

from oddsmith.core.block import Block
from oddsmith.core.stable import Array, log1pexp, logsumexp, relative_entropy_term, sigmoid, softmax
from oddsmith.data.frames import frame_of
from oddsmith.errors import ParameterError
from oddsmith.inference.delta import Delta
from oddsmith.inference.likelihood import Likelihood
from oddsmith.inference.observations import observed, place_of_counts

__all__ = ["Influence", "Residuals", "influence", "residuals"]


@dataclass(frozen=True, eq=False)
class Residuals:
    """Residuals of n observations, in the order of the user's rows; NaN where the weight is 0.

    Attributes
    ----------
    count : array of shape (n,) or (n, K)
        Successes of each observation; for K > 2 which class it is of.
    cases : array of shape (n,)
        1, or the trials of a row of counts.
    weight : array of shape (n,)
        Of each row; the trials of a row of counts.
    margin : array of shape (n,) or (n, K)
    """

    count: Array
    cases: Array
    weight: Array
    margin: Array

    @property
    def fitted(self) -> Array:
        """Probabilities, shaped like `margin`."""
        return sigmoid(self.margin) if self.margin.ndim == 1 else softmax(self.margin)

    @property
    def _rest(self) -> Array:
        """1 - P for K > 2 classes, as the sum of the others: exact where P is near 1."""
        P = softmax(self.margin)
        return np.stack([np.delete(P, k, axis=1).sum(axis=1) for k in range(P.shape[1])], axis=1)

    @cached_property
    def response(self) -> Array:
        """Cases less expected ones, k - n P, shaped like `margin`; R's are divided by n.

        Exact where P is near 0 or 1.
        """
        if self.margin.ndim == 2:
            return np.where(self.count == 1, self._rest, -self.fitted)
        misses = self.cases - self.count
        return self.count * sigmoid(-self.margin) - misses * sigmoid(self.margin)

    @property
    def pearson(self) -> Array:
        """Response residual in units of its standard deviation, shaped like `margin`."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            if self.margin.ndim == 2:
                return self.response / np.sqrt(self.fitted * self._rest)
            small = np.exp(-0.5 * np.abs(self.margin))
            return self.response * (1.0 + small * small) / (np.sqrt(self.cases) * small)

    @property
    def deviance(self) -> Array:
        """Root of what the observation adds to the deviance, of shape (n,).

        With the sign of the response residual; without one for K > 2 classes.
        """
        m, k = self.margin, self.count
        if m.ndim == 2:
            lead = m - (k * m).sum(axis=1, keepdims=True)
            return np.sqrt(2.0 * np.maximum(logsumexp(lead), 0.0))
        loss = k * log1pexp(-m) + (self.cases - k) * log1pexp(m)
        mixed = (k > 0) & (k < self.cases)
        if mixed.any():
            # n KL(k/n || P), in which nothing cancels.
            one, zero = sigmoid(m[mixed]), sigmoid(-m[mixed])
            off = self.response[mixed] / self.cases[mixed]
            terms = (
                one * relative_entropy_term(off / one),
                zero * relative_entropy_term(-off / zero),
            )
            loss[mixed] = self.cases[mixed] * (terms[0] + terms[1])
        return np.sign(self.response) * np.sqrt(2.0 * loss)


@dataclass(frozen=True, eq=False, repr=False)
class Influence:
    """How much each observation weighs on the fit, with statsmodels' names; NaN where weight is 0.

    Attributes
    ----------
    likelihood : Likelihood
    residuals : Residuals
    spread : array of shape (n,), or (n, K, K)
        z' V z, or Z_i V Z_i'.
    robust : array of shape (n,), or None
        z' C z for a robust covariance C; None where it is V, and for K > 2.
    delta : Delta
        Of the covariance C.
    classical : bool
        Whether C = V.
    """

    likelihood: Likelihood
    residuals: Residuals
    spread: Array
    robust: Array | None
    delta: Delta
    classical: bool

    def __repr__(self) -> str:
        return f"<Influence of {len(self.spread)} rows: summary_frame() shows them>"

    @property
    def _mass(self) -> Array:
        """How often P (1 - P) counts."""
        return self.residuals.weight if self._weighs else np.ones_like(self.residuals.weight)

    @property
    def _weighs(self) -> bool:
        return self.likelihood.weights == "sampling" or self.likelihood.trials is not None

    @property
    def _raw(self) -> Array:
        """(y - P) as often as it counts."""
        raw = self.residuals.response
        if self.likelihood.weights == "frequency":
            return raw
        return (self.residuals.weight * raw.T).T

    @cached_property
    def _curved(self) -> Array:
        """W Q of shape (n, K, K)."""
        P = self.residuals.fitted
        W = P[:, :, None] * (np.eye(P.shape[1]) - P[:, None, :])
        return self._mass[:, None, None] * (W @ self.spread)

    @cached_property
    def hat_matrix_diag(self) -> Array:
        """Leverage, of shape (n,): between 0 and 1, or for K > 2 classes K - 1."""
        if self.spread.ndim == 3:
            return np.einsum("nkk->n", self._curved)
        small = np.exp(-np.abs(self.residuals.margin))
        return self._mass * small / (1.0 + small) ** 2 * self.spread

    @cached_property
    def _kept(self) -> Array:
        """(y - P) / (1 - h), or (I - W Q)^-1 (y - P): what V Z' carries to coef."""
        if self.spread.ndim == 1:
            # A row of leverage 1 is fitted whatever it is: there is no fit without it.
            with np.errstate(divide="ignore", invalid="ignore"):
                return self._raw / (1.0 - self.hat_matrix_diag)
        there = np.isfinite(self._raw).all(axis=1)
        kept = np.full_like(self._raw, np.nan)
        one = np.eye(self._raw.shape[1]) - self._curved[there]
        kept[there] = np.linalg.solve(one, self._raw[there][:, :, None])[:, :, 0]
        return kept

    @cached_property
    def steps(self) -> Array:
        """One-step change of coef, in the objective's coordinates, of shape (n, size): one pass."""
        likelihood = self.likelihood
        design = likelihood.objective.design
        rows = _observed(likelihood, _DesignRows(design))[:, 2:]
        kept = self._kept.reshape(len(rows), -1)
        scores = (rows[:, :, None] * kept[:, None, :]).reshape(len(rows), -1)
        factor = likelihood.factor
        return np.full_like(scores, np.nan) if factor is None else factor.solve(scores.T).T

    @cached_property
    def d_params(self) -> Array:
        """What the observation adds to the parameters, in one Newton step, of shape (n, m)."""
        return self.steps @ self.likelihood.contrast.T

    @property
    def dfbetas(self) -> Array:
        """`d_params` in units of the parameters' standard errors, of shape (n, m)."""
        return self.d_params / self.delta.errors(self.likelihood.contrast)

    @property
    def params_one(self) -> Array:
        """Parameters without the observation, by one Newton step, of shape (n, m)."""
        return self.likelihood.params - self.d_params

    @cached_property
    def cooks_distance(self) -> tuple[Array, Array]:
        """Cook's distance, of shape (n,), and its tail in an F distribution, as statsmodels has it.

        The p values are those of a linear model; they order the rows and test nothing.
        """
        m = len(self.likelihood.params)
        if not self.classical:
            root = self.delta.root
            known = np.isfinite(root).all()
            found = self.steps @ (np.linalg.pinv(root).T if known else root)
            distance = (found**2).sum(axis=1)
        elif self.spread.ndim == 1:
            distance = self._kept**2 * self.spread
        else:
            distance = np.einsum("nk,nkl,nl->n", self._kept, self.spread, self._kept)
        distance = distance / m
        return distance, fdtrc(m, self.likelihood.nobs - m, distance)

    @property
    def resid_studentized(self) -> Array:
        """Pearson residuals divided by sqrt(1 - h), of shape (n,).

        Raises
        ------
        ParameterError
            For K > 2 classes.
        """
        self._only_two("residuals that are standardised by the leverage")
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.residuals.pearson / np.sqrt(1.0 - self.hat_matrix_diag)

    @property
    def d_fittedvalues(self) -> Array:
        """What the observation adds to its own probability, of shape (n,).

        Raises
        ------
        ParameterError
            For K > 2 classes.
        """
        self._only_two("changes of the fitted value")
        small = np.exp(-np.abs(self.residuals.margin))
        return small / (1.0 + small) ** 2 * self.spread * self._kept

    @property
    def d_fittedvalues_scaled(self) -> Array:
        """The same in units of the probability's standard error, of shape (n,): DFFITS.

        Raises
        ------
        ParameterError
            For K > 2 classes.
        """
        self._only_two("changes of the fitted value")
        error = np.sqrt(self.spread if self.robust is None else self.robust)
        return self.spread * self._kept / error

    def summary_frame(self) -> Any:
        """Table with statsmodels' columns, a pandas DataFrame.

        Raises
        ------
        MissingPackageError
            If there is no pandas.
        """
        names, classes = self.likelihood.column_names, self.likelihood.classes
        many = self.spread.ndim == 3
        labels = [f"{label}_{name}" if many else name for label in classes[1:] for name in names]
        table = dict(zip([f"dfb_{name}" for name in labels], self.dfbetas.T, strict=True))
        table["cooks_d"] = self.cooks_distance[0]
        if many:
            return frame_of(table | {"hat_diag": self.hat_matrix_diag})
        table["standard_resid"] = self.resid_studentized
        table["hat_diag"] = self.hat_matrix_diag
        return frame_of(table | {"dffits_internal": self.d_fittedvalues_scaled})

    def _only_two(self, what: str) -> None:
        if self.spread.ndim == 3:
            raise ParameterError(
                f"{what} are not defined for more than two classes; use hat_matrix_diag, "
                "cooks_distance or dfbetas."
            )


def residuals(likelihood: Likelihood) -> Residuals:
    """Residuals of all observations: one pass."""
    objective = likelihood.objective
    table = likelihood.coef.reshape(-1, objective.width)
    return _residuals(likelihood, _observed(likelihood, _Margins(objective.design, table)))


def influence(likelihood: Likelihood, meat: Array | None = None) -> Influence:
    """Leverage and influence of all observations: one pass.

    Parameters
    ----------
    likelihood : Likelihood
    meat : array of shape (size, size), optional
        Of a robust covariance, in which Cook's distance and dfbetas are then measured.
    """
    objective, K = likelihood.objective, likelihood.objective.width
    table = likelihood.coef.reshape(-1, K)
    deltas = [Delta.of(likelihood)]
    if meat is not None:
        deltas.append(Delta.of(likelihood, meat))
    kernel = _Spreads(objective.design, table, tuple(deltas))
    found = _observed(likelihood, kernel)
    spreads = found[:, 2 + K :]
    if K > 1:
        spread, robust = spreads[:, : K * K].reshape(-1, K, K), None
    else:
        spread, robust = spreads[:, 0], None if meat is None else spreads[:, 1]
    own = _residuals(likelihood, found)
    return Influence(likelihood, own, spread, robust, deltas[-1], classical=meat is None)


@dataclass(frozen=True, slots=True)
class _Margins:
    """Block -> outcome, weight and margins, of shape (n, 2 + K)."""

    design: Any
    coef: Array

    def __call__(self, block: Block) -> Array:
        n = block.y.size
        margin = self.design(block).times(self.coef) + block.offset.reshape(n, -1)
        return np.column_stack([_known(block), margin])


@dataclass(frozen=True, slots=True)
class _DesignRows:
    """Block -> outcome, weight and the design's rows, of shape (n, 2 + q)."""

    design: Any

    def __call__(self, block: Block) -> Array:
        return np.column_stack([_known(block), self.design(block).dense()])


@dataclass(frozen=True, slots=True)
class _Spreads:
    """Block -> as `_Margins`, and the covariance of the margins by each delta."""

    design: Any
    coef: Array
    deltas: tuple[Delta, ...]

    def __call__(self, block: Block) -> Array:
        n, K = block.y.size, self.coef.shape[1]
        rows = self.design(block).dense()
        margin = rows @ self.coef + block.offset.reshape(n, -1)
        spreads = [delta.products(rows, K).reshape(n, -1) for delta in self.deltas]
        return np.column_stack([_known(block), margin, *spreads])


def _known(block: Block) -> Array:
    return np.column_stack([block.y.astype(np.float64), block.weight])


def _observed(likelihood: Likelihood, kernel: Any) -> Array:
    """Ask a kernel of each observation; rows of counts have their successes for y."""
    found = observed(likelihood, kernel)
    if likelihood.trials is not None:
        place, n = place_of_counts(likelihood)
        known = replace(likelihood, counted=None).rows(_known)
        for column, sums in enumerate((known[:, 0] * known[:, 1], known[:, 1])):
            found[:, column] = np.where(
                np.isnan(found[:, 1]), np.nan, np.bincount(place, sums, minlength=n)
            )
    return found


def _residuals(likelihood: Likelihood, found: Array) -> Residuals:
    K = likelihood.objective.width
    y, weight, margin = found[:, 0], found[:, 1], found[:, 2 : 2 + K]
    cases = weight if likelihood.trials is not None else np.ones_like(weight)
    if K == 1:
        return Residuals(y, cases, weight, margin[:, 0])
    return Residuals((y[:, None] == np.arange(K)).astype(float), cases, weight, margin)
