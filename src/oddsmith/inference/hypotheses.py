"""Wald, likelihood-ratio and score tests of linear restrictions R b = r.

With b the fit, V its covariance, b0 the fit under the restriction, l the log-likelihood, g its
gradient (score) and H the information at b0,

    Wald               (R b - r)' (R V R')^-1 (R b - r)
    likelihood ratio   2 (l(b) - l(b0))
    score              g' H^-1 g

are all chi-squared with d degrees of freedom, d rows of R, as the rows grow (Rao, 2005, "Score
test: historical review and recent developments", section 2; Cox and Hinkley, 1974, 9.3). The Wald
test needs no other fit and holds with a robust V; the likelihood ratio and the score need b0, and
do not depend on how the parameters are written. The score needs nothing but b0: it is finite where
the fit itself is not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg as la
from scipy.special import chdtrc

from oddsmith.core.stable import Array
from oddsmith.errors import DataError, ParameterError
from oddsmith.inference.likelihood import Likelihood
from oddsmith.inference.restrictions import Restriction, restriction
from oddsmith.solvers.curvature import cholesky
from oddsmith.solvers.restricted import Plane, Restricted, restricted_minimum

__all__ = ["HypothesisTest", "lr_test", "restricted_fit", "score_test", "wald_test"]


@dataclass(frozen=True)
class HypothesisTest:
    """Outcome of a test.

    Attributes
    ----------
    kind : "Wald", "likelihood ratio" or "score"
    hypothesis : str
        What was tested, in words.
    statistic : float
    df : int
        Degrees of freedom of the chi-squared distribution.
    pvalue : float
        Chance of a statistic as large, if the hypothesis is true.
    """

    kind: str
    hypothesis: str
    statistic: float
    df: int
    pvalue: float

    def __str__(self) -> str:
        """One line that says it all."""
        return (
            f"{self.kind} test of {self.hypothesis}: chi2({self.df}) = {self.statistic:.6g}, "
            f"p = {self.pvalue:.4g}"
        )


def wald_test(
    likelihood: Likelihood, given: Any, covariance: Array | None = None
) -> HypothesisTest:
    """Wald test: no other fit, and no pass over the rows.

    Parameters
    ----------
    likelihood : Likelihood
    given : str, list, array or tuple
        See `restriction`.
    covariance : array of shape (m, m), optional
        Of the parameters, such as a robust one; the likelihood's own if not given.

    Raises
    ------
    ParameterError
        If the restrictions cannot be read.
    """
    tested = restriction(likelihood, given)
    V = likelihood.covariance if covariance is None else covariance
    off = tested.matrix @ likelihood.params - tested.value
    spread = tested.matrix @ V @ tested.matrix.T
    factor = cholesky(spread) if np.isfinite(spread).all() else None
    statistic = np.nan if factor is None else float(off @ factor.solve(off))
    return _outcome("Wald", tested, statistic)


def lr_test(likelihood: Likelihood, given: Any, tol: float = 1e-12) -> HypothesisTest:
    """Likelihood-ratio test: the fit under the restriction, from the fit that is there.

    Parameters
    ----------
    likelihood : Likelihood
    given : str, list, array or tuple
        See `restriction`.
    tol : float
        Gap to prove of the restricted fit (nats per unit of weight).

    Raises
    ------
    ParameterError
        If the restrictions cannot be read, or weights are sampling weights: their likelihood is
        not that of a sample, and its ratio has no chi-squared distribution.
    DataError
        If the restricted fit could not be proved.
    """
    _refuse_sampling(likelihood, "likelihood-ratio", "the Wald test")
    tested = restriction(likelihood, given)
    found = restricted_fit(likelihood, tested, tol)
    # What rounding leaves below 0 is 0.
    statistic = max(0.0, 2.0 * (found.moments.value - likelihood.moments.value))
    return _outcome("likelihood ratio", tested, statistic)


def score_test(likelihood: Likelihood, given: Any, tol: float = 1e-12) -> HypothesisTest:
    """Rao's score test, from gradient and information of the fit under the restriction.

    Parameters
    ----------
    likelihood : Likelihood
    given : str, list, array or tuple
        See `restriction`.
    tol : float
        Gap to prove of the restricted fit (nats per unit of weight).

    Raises
    ------
    ParameterError
        If the restrictions cannot be read, or weights are sampling weights.
    DataError
        If the restricted fit could not be proved.
    """
    _refuse_sampling(likelihood, "score", "the Wald test")
    tested = restriction(likelihood, given)
    found = restricted_fit(likelihood, tested, tol)
    factor = cholesky(likelihood.objective.grounded(found.moments.hessian))
    if factor is None:
        return _outcome("score", tested, np.nan)
    gradient = found.moments.gradient
    return _outcome("score", tested, float(gradient @ factor.solve(gradient)))


def restricted_fit(likelihood: Likelihood, tested: Restriction, tol: float) -> Restricted:
    """Fit under a restriction, to a proved gap (nats per unit of weight).

    It begins where the quadratic model of the log-likelihood has its maximum on the plane.

    Raises
    ------
    DataError
        If tol was not reached.
    """
    objective = likelihood.objective
    plane = Plane.of(tested.matrix @ likelihood.contrast)
    if plane is None:
        raise ParameterError(f"the restrictions ({tested.text}) are linearly dependent.")
    start = quadratic_start(likelihood, plane, tested.value)
    found = restricted_minimum(objective, plane, tested.value, start, tol)
    if not found.good(tol, objective.weight):
        raise DataError(
            f"the fit under the restriction ({tested.text}) is only proved to within "
            f"{found.gap / objective.weight:.1e} nats per unit of weight of its optimum, not to "
            f"tol={tol:g}; its classes may be separated, which firth=True is for; or ask for a "
            "larger tol."
        )
    return found


def quadratic_start(likelihood: Likelihood, plane: Plane, value: Array) -> Array:
    """Where the parabola around the fit is lowest on the plane: coef - H^-1 A' (A H^-1 A')^-1 off.

    The fit itself where H is singular.
    """
    factor = likelihood.factor
    if factor is None:
        return likelihood.coef
    off = plane.matrix @ likelihood.coef - value / plane.length
    across = factor.solve(plane.matrix.T)
    return likelihood.coef - across @ la.solve(plane.matrix @ across, off, assume_a="sym")


def _outcome(kind: str, tested: Restriction, statistic: float) -> HypothesisTest:
    pvalue = float(chdtrc(tested.df, statistic))
    return HypothesisTest(kind, tested.text, statistic, tested.df, pvalue)


def _refuse_sampling(likelihood: Likelihood, test: str, instead: str) -> None:
    if likelihood.weights == "sampling":
        raise ParameterError(
            f"a {test} test is not defined with sampling weights, whose log-likelihood is not that "
            f"of a sample; use {instead}, whose covariance is the sandwich."
        )
