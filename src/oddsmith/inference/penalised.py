"""What can be said of a bias-reduced fit: tests and intervals by its penalised likelihood.

Near separation a Wald interval is symmetric where the likelihood is not, and misses. So tests and
intervals come from the penalised likelihood ratio (Heinze and Schemper, 2002, sections 2.3, 2.4):

    2 [l*(best) - l*(best with b_j = t)] ~ chi-squared of 1 degree of freedom

with the penalty of the whole model in both. Standard errors are of the information I at the
maximum, as Firth (1993) has them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import scipy.special as special
import scipy.stats as stats

from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError
from oddsmith.inference.firth import NO_PRIOR, Peak, Prior, maximise
from oddsmith.inference.likelihood import Likelihood

__all__ = ["PenalisedInference", "RatioTest", "intercept_corrected", "penalised_inference"]

_MOST_STEPS = 100
# Precision of the ends of an interval, in standard errors.
_END = 1e-11


@dataclass(frozen=True, slots=True)
class RatioTest:
    """A likelihood-ratio test.

    Attributes
    ----------
    statistic : float
        Twice the difference of two log-likelihoods (nats).
    df : int
    pvalue : float
    """

    statistic: float
    df: int
    pvalue: float


@dataclass(frozen=True)
class PenalisedInference:
    """Estimates, errors, tests and intervals of a bias-reduced fit, with statsmodels' names.

    Attributes
    ----------
    likelihood : Likelihood
        Its rows, with the coefficients of the penalised maximum.
    prior : Prior
    peak : Peak
    corrected : float or None
        The intercept after FLIC, where that was asked for.
    """

    likelihood: Likelihood
    prior: Prior
    peak: Peak
    corrected: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the m parameters, intercept first."""
        return self.likelihood.parameter_names

    @cached_property
    def params(self) -> Array:
        """Estimates on the user's scale, of shape (m,)."""
        found = self.likelihood.params.copy()
        if self.corrected is not None:
            found[0] = self.corrected
        return found

    def cov_params(self) -> Array:
        """Inverse of the information at the maximum, of shape (m, m)."""
        return self.likelihood.covariance

    @cached_property
    def bse(self) -> Array:
        """Standard errors, of shape (m,)."""
        return np.sqrt(np.diag(self.likelihood.covariance))

    @property
    def tvalues(self) -> Array:
        """Wald's z: estimates by their standard errors; NaN for an intercept after FLIC."""
        z = self.params / self.bse
        if self.corrected is not None:
            z[0] = np.nan
        return z

    @cached_property
    def tests(self) -> tuple[RatioTest, ...]:
        """Penalised likelihood-ratio test of each parameter against 0: a few steps each."""
        return tuple(self.ratio_test([j]) for j in range(len(self.names)))

    @property
    def pvalues(self) -> Array:
        """p-values of the penalised likelihood-ratio tests, of shape (m,)."""
        return np.array([test.pvalue for test in self.tests])

    @property
    def wald_pvalues(self) -> Array:
        """p-values by Wald's z: too large near separation."""
        return 2.0 * special.ndtr(-np.abs(self.tvalues))

    def ratio_test(self, parameters: Sequence[int | str]) -> RatioTest:
        """Penalised likelihood-ratio test that all of these parameters are 0.

        Parameters
        ----------
        parameters : sequence of names or of indices

        Raises
        ------
        ParameterError
            If there is no such parameter.
        """
        chosen = [self._index(one) for one in parameters]
        ties = self._unit_rows(chosen)
        held = self._held(ties, np.zeros(len(chosen)), self.peak.point.coef)
        statistic = max(0.0, 2.0 * (self.peak.point.value - held.point.value))
        return RatioTest(statistic, len(chosen), float(stats.chi2.sf(statistic, len(chosen))))

    @property
    def llf(self) -> float:
        """Penalised log-likelihood (nats)."""
        return self.peak.point.value

    @cached_property
    def _slopes(self) -> RatioTest:
        free = int(self.likelihood.objective.design.intercept)
        return self.ratio_test(range(free, len(self.names)))

    @property
    def llnull(self) -> float:
        """Penalised log-likelihood with all slopes 0 (nats)."""
        return self.llf - 0.5 * self.llr

    @property
    def llr(self) -> float:
        """Penalised likelihood-ratio statistic of all slopes."""
        return self._slopes.statistic

    @property
    def llr_pvalue(self) -> float:
        """p-value of `llr`."""
        return self._slopes.pvalue

    @property
    def nobs(self) -> float:
        """Number of observations."""
        return self.likelihood.nobs

    @property
    def df_model(self) -> int:
        """Slopes."""
        return len(self.names) - int(self.likelihood.objective.design.intercept)

    @property
    def df_resid(self) -> float:
        """Observations less parameters."""
        return self.nobs - len(self.names)

    @property
    def odds_ratios(self) -> Array:
        """Exponentials of the estimates, of shape (m,)."""
        with np.errstate(over="ignore"):
            return np.exp(self.params)

    @property
    def converged(self) -> bool:
        """Whether the last step was as short as rounding allows: a maximum, if not the only one."""
        return self.peak.stopped != "max_iter"

    @property
    def certificate(self) -> str:
        """What is known of the distance from the maximum, in a sentence."""
        return (
            f"The modified score vanishes to {self.peak.decrement:.2g} standard errors "
            f"({self.peak.n_iter} steps); this penalised likelihood need not be concave, so that "
            "no distance from its maximum is proved."
        )

    def conf_int(
        self, alpha: float = 0.05, method: Literal["profile", "wald"] = "profile"
    ) -> Array:
        """Confidence intervals of level 1 - alpha, of shape (m, 2).

        Parameters
        ----------
        alpha : float
        method : "profile" or "wald"
            Profile penalised likelihood (Heinze and Schemper, 2002, section 2.4), or estimate and
            standard error. An intercept after FLIC has none by its profile: NaN.

        Raises
        ------
        ParameterError
            If alpha or method cannot be used.
        """
        if not 0.0 < alpha < 1.0:
            raise ParameterError(f"alpha={alpha!r} must lie between 0 and 1.")
        if method not in ("profile", "wald"):
            raise ParameterError(f'method={method!r} must be "profile" or "wald".')
        z = -float(special.ndtri(0.5 * alpha))
        if method == "wald":
            return self.params[:, None] + np.outer(self.bse, [-z, z])
        ends = np.array([[self._end(j, side, z) for side in (-1, 1)] for j in range(len(self.bse))])
        if self.corrected is not None:
            ends[0] = np.nan
        return ends

    def _index(self, parameter: int | str) -> int:
        if isinstance(parameter, str):
            if parameter not in self.names:
                raise ParameterError(
                    f"there is no parameter {parameter!r}; there are {', '.join(self.names)}."
                )
            return self.names.index(parameter)
        if not 0 <= parameter < len(self.names):
            raise ParameterError(f"there is no parameter {parameter}; there are {len(self.names)}.")
        return int(parameter)

    def _unit_rows(self, chosen: Sequence[int]) -> Array:
        """Rows of the contrast, each of length 1."""
        rows = self.likelihood.contrast[list(chosen)]
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def _held(self, ties: Array, targets: Array, near: Array) -> Peak:
        """Maximum where ties @ coef = targets, from the nearest such point (in the metric)."""
        metric = self.peak.point.derivatives[1]
        ways = np.linalg.solve(metric, ties.T)
        start = near + ways @ np.linalg.solve(ties @ ways, targets - ties @ near)
        return maximise(self.likelihood.objective, self.prior, start, ties)

    def _end(self, j: int, side: int, z: float) -> float:
        """Where the profile has fallen by z^2 / 2, on one side of the estimate."""
        ties = self._unit_rows([j])
        length = float(np.linalg.norm(self.likelihood.contrast[j]))
        best, coef = self.peak.point.value, [self.peak.point.coef]
        estimate = float(ties[0] @ coef[0])

        def root(distance: float) -> tuple[float, float]:
            held = self._held(ties, np.array([estimate + side * distance]), coef[0])
            coef[0] = held.point.coef
            fall = max(0.0, 2.0 * (best - held.point.value))
            return math.sqrt(fall), abs(float(held.multipliers[0]))

        unit = float(self.bse[j]) / length
        return length * (estimate + side * _crossing(root, z, unit))


def _crossing(root: Callable[[float], tuple[float, float]], z: float, unit: float) -> float:
    """Distance at which the signed root of the likelihood ratio is z.

    Newton's method on r(t) = sqrt(2 (l*(best) - l*(t))), whose derivative is lambda / r, lambda the
    multiplier of the constraint; within the bracket that has been seen.

    Parameters
    ----------
    root : callable
        Distance -> r and lambda.
    z : float
    unit : float
        A standard error: where to begin.
    """
    low, high, distance = 0.0, math.inf, z * unit
    for _ in range(_MOST_STEPS):
        r, slope = root(distance)
        low, high = (distance, high) if r < z else (low, distance)
        following = distance + (z - r) * r / slope if slope > 0 else math.inf
        # A profile that is flat far out would be left in one leap.
        following = min(following, 4.0 * distance)
        if not low <= following <= high:
            following = 0.5 * (low + high)
        if abs(following - distance) <= _END * unit:
            return following
        distance = following
    return distance


def penalised_inference(
    likelihood: Likelihood, prior: Prior, *, correct_intercept: bool = False, max_iter: int = 500
) -> PenalisedInference:
    """Fit by penalised likelihood, from the likelihood's coefficients on.

    Parameters
    ----------
    likelihood : Likelihood
        Binary; its coefficients are where the walk starts, zeros if in doubt.
    prior : Prior
    correct_intercept : bool
        FLIC: whether the intercept is then chosen by maximum likelihood, the slopes kept.
    max_iter : int

    Raises
    ------
    ParameterError
        If there are more than two classes, or no intercept to correct.
    """
    if len(likelihood.classes) > 2:
        raise ParameterError(
            f"Firth's penalty is for two classes here, and there are {len(likelihood.classes)}; "
            "give a ridge penalty (C=1), or compare the classes two at a time."
        )
    peak = maximise(likelihood.objective, prior, likelihood.coef, max_iter=max_iter)
    found = replace(likelihood, coef=peak.point.coef, known=None)
    corrected = intercept_corrected(found) if correct_intercept else None
    return PenalisedInference(found, prior, peak, corrected)


def intercept_corrected(likelihood: Likelihood) -> float:
    """Intercept of greatest likelihood, the slopes kept, on the user's scale (FLIC).

    Firth's penalty pulls the predicted probabilities towards 1/2; after this they sum to the
    number of events again (Puhr, Heinze, Nold, Lusa and Geroldinger, 2017, section 2.2).

    Raises
    ------
    ParameterError
        If there is no intercept.
    """
    objective = likelihood.objective
    if not objective.design.intercept:
        raise ParameterError("FLIC corrects the intercept; set fit_intercept=True.")
    slopes = np.eye(objective.size)[:-1]
    held = slopes if len(slopes) else None
    peak = maximise(objective, NO_PRIOR, likelihood.coef, held)
    corrected: Any = objective.to_user(peak.point.coef)[1][0]
    return float(corrected)
