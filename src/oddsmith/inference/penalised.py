"""What can be said of a bias-reduced fit: tests and intervals by its penalised likelihood.

Near separation a Wald interval is symmetric where the likelihood is not, and misses. So tests and
intervals come from the penalised likelihood ratio (Heinze and Schemper, 2002, sections 2.3, 2.4):

    2 [l*(best) - l*(best with b_j = t)] ~ chi-squared of 1 degree of freedom

with the penalty of the whole model in both. Standard errors are of the information I at the
maximum, as Firth (1993) has them.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from oddsmith.core.fit import Fit
from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError
from oddsmith.inference.covariance import refuse_lost
from oddsmith.inference.firth import NO_PRIOR, Peak, Prior, maximise
from oddsmith.inference.hypotheses import HypothesisTest
from oddsmith.inference.likelihood import Likelihood
from oddsmith.inference.result import Inference
from oddsmith.inference.tails import log_chi2_tail
from oddsmith.solvers.curvature import cholesky

__all__ = ["PenalisedInference", "as_fit", "penalised_fit", "penalised_inference"]

_MOST_STEPS = 100
# Level of the intervals that a summary shows, 1 less it.
_USUAL = 0.05
# Precision of the ends of an interval, in standard errors.
_END = 1e-11


@dataclass(frozen=True, eq=False, repr=False)
class PenalisedInference(Inference):
    """What a bias-reduced fit says of its parameters, with the names of `Inference`.

    `llf` and all that is made of it are penalised. `tvalues` are the signed roots of the penalised
    likelihood-ratio statistics, so that `pvalues` are those of the tests; `conf_int` is by the
    profile. Where the intercept was corrected (FLIC) it has neither: NaN.

    Attributes
    ----------
    prior : Prior
    peak : Peak
        The maximum of the penalised likelihood.
    corrected : bool
        Whether the intercept is that of FLIC, and so `likelihood.coef` not the peak's.
    """

    prior: Prior = NO_PRIOR
    peak: Peak | None = None
    corrected: bool = False

    def __getstate__(self) -> dict[str, Any]:
        # Rows stay behind, so that the tests and intervals which need them are made before.
        return vars(self) | {"tvalues": self.tvalues, "_usual": self._usual}

    @property
    def _top(self) -> Peak:
        if self.peak is None:
            raise ParameterError("a penalised inference needs the peak that it speaks of.")
        return self.peak

    @property
    def llf(self) -> float:
        """Penalised log-likelihood (nats), at its maximum."""
        return self.likelihood.constant + self._top.point.value

    @cached_property
    def _ratios(self) -> Array:
        """Penalised likelihood-ratio statistics of the parameters that are not aliased."""
        rows, zero = self.likelihood.contrast, np.zeros(1)
        return np.array([self._ratio(rows[[j]], zero) for j in range(self.rank)])

    @cached_property
    def tvalues(self) -> Array:
        """Signed roots of the penalised likelihood-ratio statistics, of shape (m,)."""
        own = self.likelihood.contrast @ self._top.point.coef
        roots = np.sign(own) * np.sqrt(self._ratios)
        return self._spread(self._without_corrected(roots))

    @property
    def wald_tvalues(self) -> Array:
        """Wald's z, params / bse, of shape (m,): misleading near separation."""
        return self.params / self.bse

    @property
    def llr_log_pvalue(self) -> float:
        """Logarithm (nats) of `llr_pvalue`."""
        return log_chi2_tail(self.llr, self.df_model)

    @property
    def converged(self) -> bool:
        """Whether the walk ended where rounding leaves nothing to gain: nothing is proved."""
        return self._top.stopped != "max_iter"

    @property
    def decrement(self) -> float:
        """Length of the last step that was seen (standard errors): no bound on a distance."""
        return self._top.decrement

    @property
    def certificate(self) -> str:
        """What is known of the distance from the maximum, in a sentence."""
        return (
            f"The modified score vanishes to {self._top.decrement:.2g} standard errors "
            f"({self._top.n_iter} steps); a penalised likelihood of this kind need not be concave, "
            "so that no distance from its maximum is proved."
        )

    def lr_test(self, restrictions: Any, tol: float = 1e-12) -> HypothesisTest:
        """Penalised likelihood-ratio test, with the penalty of the whole model in both.

        Parameters
        ----------
        restrictions : str, list, array or tuple
            As in `wald_test`.
        tol : float
            Not used: every walk ends where rounding leaves nothing to gain.

        Raises
        ------
        ParameterError
            If the restrictions cannot be read.
        """
        tested = self._restriction(restrictions)
        statistic = self._ratio(tested.matrix @ self.likelihood.contrast, tested.value)
        pvalue = math.exp(log_chi2_tail(statistic, tested.df))
        kind = "penalised likelihood ratio"
        return HypothesisTest(kind, tested.text, statistic, tested.df, pvalue)

    def score_test(self, restrictions: Any, tol: float = 1e-12) -> HypothesisTest:
        """Refuse: there is none for penalised likelihoods."""
        raise ParameterError("a penalised likelihood has no score test; use lr_test.")

    def _ratio(self, ties: Array, targets: Array) -> float:
        held = self._held(ties, targets, self._top.point.coef)
        return max(0.0, 2.0 * (self._top.point.value - held.point.value))

    def conf_int(
        self, alpha: float = 0.05, method: Literal["profile", "wald"] = "profile"
    ) -> Array:
        """Confidence intervals of level 1 - alpha, of shape (m, 2).

        Parameters
        ----------
        alpha : float
        method : "profile" or "wald"
            By the profile of the penalised likelihood (Heinze and Schemper, 2002, section 2.4), or
            by estimate and standard error.

        Raises
        ------
        ParameterError
            If alpha or method cannot be used.
        """
        if method == "wald":
            return super().conf_int(alpha)
        if method != "profile":
            raise ParameterError(f"method={method!r} is not known; use 'profile' or 'wald'.")
        if not 0.0 < alpha < 1.0:
            raise ParameterError(f"alpha={alpha!r} is not between 0 and 1; 0.05 is usual.")
        return self._usual.copy() if alpha == _USUAL else self._profiled(alpha)

    @cached_property
    def _usual(self) -> Array:
        return self._profiled(_USUAL)

    def _profiled(self, alpha: float) -> Array:
        z = -float(ndtri(0.5 * alpha))
        low, high = (
            self._without_corrected(np.array([self._end(j, side, z) for j in range(self.rank)]))
            for side in (-1, 1)
        )
        return np.column_stack([self._spread(low), self._spread(high)])

    def _without_corrected(self, values: Array) -> Array:
        return np.append(np.nan, values[1:]) if self.corrected else values

    def profile_conf_int(
        self, alpha: float = 0.05, columns: Iterable[str] | None = None, tol: float = 1e-12
    ) -> Array:
        """Give what `conf_int` does, or that of some columns alone, NaN for others."""
        found = self.conf_int(alpha)
        if columns is None:
            return found
        wanted = [columns] if isinstance(columns, str) else list(columns)
        for name in wanted:
            self._known(name)
        found[[name not in wanted for name in self.names]] = np.nan
        return found

    def _held(self, ties: Array, targets: Array, near: Array) -> Peak:
        """Maximum where ties @ coef = targets, from the nearest such point (in the metric)."""
        sizes = np.linalg.norm(ties, axis=1)
        ties, targets = ties / sizes[:, None], targets / sizes
        ways = np.linalg.solve(self._top.point.derivatives[1], ties.T)
        start = near + ways @ np.linalg.solve(ties @ ways, targets - ties @ near)
        return maximise(self.likelihood.objective, self.prior, start, ties)

    def _end(self, j: int, side: int, z: float) -> float:
        """Where the profile has fallen by z^2 / 2, on one side of the estimate."""
        ties = self.likelihood.contrast[[j]]
        length = float(np.linalg.norm(ties))
        best, coef = self._top.point.value, [self._top.point.coef]
        estimate = float(ties[0] @ coef[0])

        def root(distance: float) -> tuple[float, float]:
            held = self._held(ties, np.array([estimate + side * distance]), coef[0])
            coef[0] = held.point.coef
            fall = max(0.0, 2.0 * (best - held.point.value))
            return math.sqrt(fall), abs(float(held.multipliers[0])) / length

        unit = math.sqrt(float(self.covariance[j, j]))
        return estimate + side * _crossing(root, z, unit)


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


def penalised_fit(
    likelihood: Likelihood, prior: Prior, *, correct_intercept: bool = False, max_iter: int = 500
) -> tuple[Likelihood, Peak]:
    """Fit by penalised likelihood, from the likelihood's coefficients on.

    Parameters
    ----------
    likelihood : Likelihood
        Binary, of linearly independent columns; its coefficients are where the walk starts: zeros
        if in doubt.
    prior : Prior
    correct_intercept : bool
        FLIC: whether the intercept is then chosen by maximum likelihood, the slopes kept.
    max_iter : int

    Returns
    -------
    likelihood : Likelihood
        With the coefficients that are reported.
    peak : Peak
        The maximum, without FLIC.

    Raises
    ------
    ParameterError
        If there is no intercept to correct.
    """
    if correct_intercept and not likelihood.objective.design.intercept:
        raise ParameterError("FLIC corrects the intercept, and there is none; add one.")
    peak = maximise(likelihood.objective, prior, likelihood.coef, max_iter=max_iter)
    coef = _corrected(likelihood, peak) if correct_intercept else peak.point.coef
    return replace(likelihood, coef=coef, known=None), peak


def penalised_inference(
    likelihood: Likelihood,
    peak: Peak,
    prior: Prior,
    *,
    columns: tuple[str, ...],
    aliased: tuple[int, ...] = (),
    target: str = "y",
    warnings: tuple[str, ...] = (),
    corrected: bool = False,
    kind: Callable[..., Any] = PenalisedInference,
) -> Any:
    """Infer from what `penalised_fit` returned.

    Parameters
    ----------
    likelihood, peak, prior
        Of the fit.
    columns : tuple of str
        Names of all columns, aliased ones too.
    aliased : tuple of int
    target : str
    warnings : tuple of str
    corrected : bool
        Whether the intercept is that of FLIC.
    kind : type
        `PenalisedInference`, or one that shows itself as well.

    Returns
    -------
    PenalisedInference
    """
    objective = likelihood.objective
    p = objective.source.n_features
    start = np.append(np.zeros(p), peak.point.coef[p:])
    null = maximise(objective, prior, start, np.eye(objective.size)[:p]) if p else peak
    return kind(
        likelihood,
        as_fit(likelihood, peak, aliased),
        "nonrobust",
        _covariance(likelihood, peak),
        likelihood.constant + null.point.value,
        columns,
        aliased,
        target,
        warnings,
        prior=prior,
        peak=peak,
        corrected=corrected,
    )


def _covariance(likelihood: Likelihood, peak: Peak) -> Array:
    factor = cholesky(peak.point.information)
    if factor is None:
        return np.full((likelihood.contrast.shape[0],) * 2, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        whole = likelihood.contrast @ factor.solve(likelihood.contrast.T)
    refuse_lost(whole, likelihood)
    return 0.5 * (whole + whole.T)


def as_fit(likelihood: Likelihood, peak: Peak, aliased: tuple[int, ...] = ()) -> Fit:
    """Peak as a `Fit`: its objective is -l* per unit of weight, and nothing is proved of it."""
    objective = likelihood.objective
    w, b = objective.to_user(likelihood.coef)
    return Fit(
        coef=w,
        intercept=b,
        solver="firth-scoring",
        n_iter=peak.n_iter,
        n_passes=getattr(objective.source, "passes", 0),
        objective=-peak.point.value / objective.weight,
        gap=np.inf,
        tol=0.0,
        history={},
        separated=None,
        aliased=aliased,
        stopped=peak.stopped,
    )


def _corrected(likelihood: Likelihood, peak: Peak) -> Array:
    """Coefficients with the intercept of greatest likelihood, the slopes kept (FLIC).

    Firth's penalty pulls predicted probabilities towards 1/2; after this they sum to the number
    of events again (Puhr, Heinze, Nold, Lusa and Geroldinger, 2017, section 2.2).
    """
    slopes = np.eye(likelihood.objective.size)[:-1]
    ties = slopes if len(slopes) else None
    return maximise(likelihood.objective, NO_PRIOR, peak.point.coef, ties).point.coef
