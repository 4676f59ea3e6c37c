"""Inference: the frozen result of a maximum-likelihood fit, with the names that statsmodels uses.

Numbers only: how they are shown is for `views`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtri

from oddsmith.core.fit import Fit
from oddsmith.core.stable import Array
from oddsmith.data.formulas import Encoding
from oddsmith.errors import ParameterError
from oddsmith.inference.likelihood import CovarianceKind, Likelihood
from oddsmith.inference.methods import Methods
from oddsmith.inference.tails import log_chi2_tail, log_normal_tails

__all__ = ["Inference"]


@dataclass(frozen=True, eq=False, repr=False)
class Inference(Methods):
    """What a maximum-likelihood fit says of its parameters.

    Parameters are flat, of shape (m,): the intercept first, and for K > 2 classes the K - 1
    equations against the first class, one after the other. NaN stands for what aliased columns
    have none of, as R's NA does.

    Attributes
    ----------
    likelihood : Likelihood
        The fit and its rows, without aliased columns.
    fit : Fit
        Where the solver stopped, and what is proved of it.
    cov_type : str
        "nonrobust", "HC0", "HC1", "HC2", "HC3" or "cluster".
    covariance : array of shape (m', m')
        Of the parameters that are not aliased.
    llnull : float
        Log-likelihood of the model with an intercept alone (nats).
    columns : tuple of str
        Names of all columns, aliased ones too.
    aliased : tuple of int
        Columns that are linear combinations of columns before them and the intercept.
    target : str
        Name of the outcome.
    warnings : tuple of str
        What was found that a reader has to know.
    encoding : Encoding or None
        Of the formula, where there was one: it makes the columns of other rows.

    Examples
    --------
    >>> import oddsmith
    >>> X = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]])
    >>> found = oddsmith.logit(X, [0, 0, 1, 0, 1, 1])
    >>> found.params.round(4), found.bse.round(4), found.pvalues.round(4)
    (array([-0.6931,  1.3863]), array([1.2247, 1.7321]), array([0.5714, 0.4235]))
    >>> found.conf_int().round(2)
    array([[-3.09,  1.71],
           [-2.01,  4.78]])
    """

    likelihood: Likelihood
    fit: Fit
    cov_type: CovarianceKind
    covariance: Array
    llnull: float
    columns: tuple[str, ...]
    aliased: tuple[int, ...] = ()
    target: str = "y"
    warnings: tuple[str, ...] = ()
    encoding: Encoding | None = None

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} of {len(self.names)} parameters from {self.nobs:.15g} "
            "observations: summary() shows them>"
        )

    # Which parameters there are.

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Names of an equation's parameters, the intercept first."""
        first = self.likelihood.column_names[: len(self.likelihood.column_names) - self._kept]
        return first + self.columns

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the m parameters; with K > 2 classes they repeat, equation by equation."""
        return self.column_names * self.likelihood.n_equations

    @property
    def equations(self) -> tuple[Any, ...]:
        """Class of each of the m parameters' equations: its odds are against `classes[0]`."""
        q = len(self.column_names)
        return tuple(label for label in self.classes[1:] for _ in range(q))

    @property
    def classes(self) -> tuple[Any, ...]:
        """The K labels; the first is the reference."""
        return self.likelihood.classes

    @property
    def _kept(self) -> int:
        return len(self.likelihood.names)

    @cached_property
    def estimable(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which of the m parameters are not aliased."""
        one = np.ones(len(self.column_names), dtype=bool)
        one[np.array(self.aliased, dtype=int) + len(self.column_names) - len(self.columns)] = False
        return np.tile(one, self.likelihood.n_equations)

    def _spread(self, values: Array) -> Array:
        whole = np.full(self.estimable.size, np.nan)
        whole[self.estimable] = values
        return whole

    # Parameters and their errors.

    @cached_property
    def params(self) -> Array:
        """Parameters (log-odds per unit of their column, nats), of shape (m,)."""
        return self._spread(self.likelihood.params)

    @cached_property
    def odds_ratios(self) -> Array:
        """exp(params), of shape (m,): factor on the odds per unit of the column."""
        with np.errstate(over="ignore"):
            return np.exp(self.params)

    def cov_params(self) -> Array:
        """Covariance of the parameters, of shape (m, m)."""
        whole = np.full((self.estimable.size,) * 2, np.nan)
        whole[np.ix_(self.estimable, self.estimable)] = self.covariance
        return whole

    @cached_property
    def bse(self) -> Array:
        """Standard errors, of shape (m,)."""
        return self._spread(np.sqrt(np.diag(self.covariance)))

    @cached_property
    def tvalues(self) -> Array:
        """Wald's z statistics, of shape (m,): params / bse."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.params / self.bse

    @cached_property
    def pvalues(self) -> Array:
        """P(|Z| >= |z|) of shape (m,), with Z standard normal."""
        return np.exp(self.log_pvalues)

    @cached_property
    def log_pvalues(self) -> Array:
        """Logarithms (nats) of the p values, of shape (m,): exact where those are no floats."""
        return log_normal_tails(self.tvalues)

    def conf_int(self, alpha: float = 0.05) -> Array:
        """Wald intervals of level 1 - alpha, of shape (m, 2).

        Raises
        ------
        ParameterError
            If alpha is not between 0 and 1.
        """
        if not 0.0 < alpha < 1.0:
            raise ParameterError(f"alpha={alpha!r} is not between 0 and 1; 0.05 is usual.")
        half = -ndtri(0.5 * alpha) * self.bse
        return np.column_stack([self.params - half, self.params + half])

    # How well the model fits.

    @property
    def llf(self) -> float:
        """Log-likelihood (nats)."""
        return self.likelihood.llf

    @property
    def llr(self) -> float:
        """Likelihood-ratio statistic against the intercept alone: 2 (llf - llnull)."""
        return 2.0 * (self.llf - self.llnull)

    @cached_property
    def llr_pvalue(self) -> float:
        """P(X >= llr), X chi-squared with df_model degrees of freedom; NaN for sampling weights."""
        return float(np.exp(self.llr_log_pvalue))

    @cached_property
    def llr_log_pvalue(self) -> float:
        """Logarithm (nats) of `llr_pvalue`."""
        return log_chi2_tail(self.llr, self.df_model) if self._is_likelihood else float("nan")

    @property
    def prsquared(self) -> float:
        """McFadden's pseudo R squared, 1 - llf / llnull."""
        return 1.0 - self.llf / self.llnull

    @property
    def nobs(self) -> float:
        """Observations: the sum of frequency weights, else the rows that count."""
        return self.likelihood.nobs

    @property
    def rank(self) -> int:
        """Parameters that are estimated."""
        return int(self.estimable.sum())

    @property
    def df_model(self) -> float:
        """Parameters less one an equation, for the constant."""
        return float(self.rank - self.likelihood.n_equations)

    @property
    def df_resid(self) -> float:
        """Observations less parameters."""
        return self.nobs - self.rank

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2 rank - 2 llf; NaN for sampling weights."""
        return 2.0 * self.rank - 2.0 * self.llf if self._is_likelihood else float("nan")

    @property
    def bic(self) -> float:
        """Schwarz' criterion, rank log(nobs) - 2 llf; NaN for sampling weights."""
        if not self._is_likelihood:
            return float("nan")
        return self.rank * float(np.log(self.nobs)) - 2.0 * self.llf

    @property
    def _is_likelihood(self) -> bool:
        """Whether the weighted sum is a likelihood: that of sampling weights has no such scale."""
        return self.likelihood.weights == "frequency"

    # What is proved.

    @property
    def objective(self) -> float:
        """Mean loss (nats per unit of weight), which was minimised."""
        return self.fit.objective

    @property
    def optimality_gap(self) -> float:
        """Proved bound on `objective` minus its minimum (nats per unit of weight)."""
        return self.fit.gap

    @property
    def converged(self) -> bool:
        """Whether that bound is within the tolerance."""
        return self.fit.converged
