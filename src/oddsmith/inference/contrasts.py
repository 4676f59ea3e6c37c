"""Linear combinations of parameters one by one, and the terms of a model: Wald's way.

With b the fit and V its covariance, a row of R has the effect R b, of standard error
sqrt(R V R'); z = (R b - r) / error is standard normal where R b = r (McCullagh and Nelder, 1989,
4.4.4). No pass over the rows is needed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from oddsmith.core.stable import Array
from oddsmith.data.frames import frame_of
from oddsmith.errors import ParameterError
from oddsmith.inference.hypotheses import HypothesisTest
from oddsmith.inference.restrictions import Restriction
from oddsmith.inference.tails import log_normal_tails

__all__ = ["Contrasts", "TermTests", "contrasts"]


@dataclass(frozen=True, eq=False)
class Contrasts:
    """Linear combinations of parameters with statsmodels' names; arrays of shape (d,).

    Attributes
    ----------
    hypotheses : tuple of str
        What each row says.
    effect : array
        R b.
    sd : array
        Its standard error.
    value : array
        r, what the effect is compared to.

    Examples
    --------
    >>> found = Contrasts(("a = b",), np.array([3.0]), np.array([1.5]), np.array([0.0]))
    >>> print(found)
    a = b: 3, std. error 1.5, z = 2, p = 0.0455
    >>> found.conf_int().round(2)
    array([[0.06, 5.94]])
    """

    hypotheses: tuple[str, ...]
    effect: Array
    sd: Array
    value: Array

    @property
    def statistic(self) -> Array:
        """Wald's z, (effect - value) / sd."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.effect - self.value) / self.sd

    @property
    def tvalue(self) -> Array:
        """The same as `statistic`."""
        return self.statistic

    @property
    def pvalue(self) -> Array:
        """P(|Z| >= |z|), with Z standard normal."""
        return np.exp(log_normal_tails(self.statistic))

    def conf_int(self, alpha: float = 0.05) -> Array:
        """Wald intervals of the effects, of level 1 - alpha and shape (d, 2).

        Raises
        ------
        ParameterError
            If alpha is not between 0 and 1.
        """
        if not 0.0 < alpha < 1.0:
            raise ParameterError(f"alpha={alpha!r} is not between 0 and 1; 0.05 is usual.")
        half = -ndtri(0.5 * alpha) * self.sd
        return np.column_stack([self.effect - half, self.effect + half])

    def summary_frame(self, alpha: float = 0.05) -> Any:
        """Table with statsmodels' columns, a pandas DataFrame.

        Raises
        ------
        MissingPackageError
            If there is no pandas.
        """
        ends = self.conf_int(alpha)
        columns = {
            "hypothesis": np.array(self.hypotheses, dtype=object),
            "coef": self.effect,
            "std err": self.sd,
            "z": self.statistic,
            "P>|z|": self.pvalue,
            "Conf. Int. Low": ends[:, 0],
            "Conf. Int. Upp.": ends[:, 1],
        }
        return frame_of(columns).set_index("hypothesis").rename_axis(None)

    def __str__(self) -> str:
        """One line for each."""
        rows = zip(self.hypotheses, self.effect, self.sd, self.statistic, self.pvalue, strict=True)
        return "\n".join(
            f"{text}: {effect:.6g}, std. error {sd:.6g}, z = {z:.4g}, p = {p:.4g}"
            for text, effect, sd, z, p in rows
        )


def contrasts(params: Array, covariance: Array, tested: Restriction) -> Contrasts:
    """Effects and errors of the rows of a restriction.

    Parameters
    ----------
    params : array of shape (m,)
    covariance : array of shape (m, m)
    tested : Restriction
    """
    R = tested.matrix
    variance = np.einsum("dm,mk,dk->d", R, covariance, R)
    return Contrasts(tested.rows, R @ params, np.sqrt(variance), tested.value)


@dataclass(frozen=True)
class TermTests:
    """A test for each term of a model.

    Attributes
    ----------
    tests : dict of str to HypothesisTest
        That the term has no effect; of NaN where the data say nothing of it.
    """

    tests: dict[str, HypothesisTest]

    def __getitem__(self, term: str) -> HypothesisTest:
        """Test of a term."""
        return self.tests[term]

    def summary_frame(self) -> Any:
        """Table with statsmodels' columns, a pandas DataFrame.

        Raises
        ------
        MissingPackageError
            If there is no pandas.
        """
        found = self.tests.values()
        columns = {
            "term": np.array(list(self.tests), dtype=object),
            "chi2": np.array([test.statistic for test in found]),
            "P>chi2": np.array([test.pvalue for test in found]),
            "df constraint": np.array([test.df for test in found]),
        }
        return frame_of(columns).set_index("term").rename_axis(None)

    def __str__(self) -> str:
        """One line for each."""
        width = max(map(len, self.tests), default=0)
        return "\n".join(
            f"{term:{width}}  chi2({test.df}) = {test.statistic:.6g}, p = {test.pvalue:.4g}"
            for term, test in self.tests.items()
        )
