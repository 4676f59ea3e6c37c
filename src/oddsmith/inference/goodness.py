"""How well probabilities fit the outcomes: the Hosmer-Lemeshow test, and the prediction table."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from oddsmith.core.block import Block
from oddsmith.core.kernels import Design
from oddsmith.core.stable import Array, sigmoid, softmax
from oddsmith.errors import ParameterError
from oddsmith.inference.likelihood import Likelihood

__all__ = ["HosmerLemeshow", "hosmer_lemeshow", "pred_table"]

# Decimals to which risks are equal: rows alike may differ in their last place.
_DECIMALS = 12


@dataclass(frozen=True, eq=False)
class HosmerLemeshow:
    """Outcome of the Hosmer-Lemeshow test.

    Attributes
    ----------
    statistic : float
    df : int
        (groups - 2) (K - 1).
    pvalue : float
        Chance of a statistic as large, if the model is right.
    upper : array of shape (groups,)
        Largest risk of each group.
    observed, expected : array of shape (groups, K)
        Cases of each class.
    """

    statistic: float
    df: int
    pvalue: float
    upper: Array
    observed: Array
    expected: Array

    def __str__(self) -> str:
        """One line that says it all."""
        return (
            f"Hosmer-Lemeshow test of {len(self.upper)} groups: chi2({self.df}) = "
            f"{self.statistic:.6g}, p = {self.pvalue:.4g}"
        )


def hosmer_lemeshow(likelihood: Likelihood, groups: int = 10) -> HosmerLemeshow:
    """Compare observed with expected cases in groups of like risk.

    Cases are ordered by their risk, P, or for K > 2 classes 1 - P of the first class, and cut at
    its quantiles i / groups: the i-th group ends with the least risk that at least that share of
    the cases does not exceed (as Stata's `estat gof` does). Cases of equal risk are never parted,
    so there can be fewer groups. Then

        sum over groups and classes of (observed - expected)^2 / expected

    is about chi-squared with (groups - 2) (K - 1) degrees of freedom (Hosmer and Lemeshow, 1980;
    Fagerland, Hosmer and Bofin, 2008, section 2.2, for K > 2).

    Parameters
    ----------
    likelihood : Likelihood
    groups : int
        At least 3.

    Raises
    ------
    ParameterError
        If groups is not such a number, weights are sampling weights, or the risks have fewer than
        three different values to make groups of.
    """
    if isinstance(groups, bool) or not hasattr(groups, "__index__") or groups < 3:
        raise ParameterError(f"groups={groups!r}; give a whole number of groups, at least 3.")
    if likelihood.weights == "sampling":
        raise ParameterError(
            "the Hosmer-Lemeshow test counts cases, which sampling weights do not; fit with "
            "frequency weights, or none."
        )
    objective = likelihood.objective
    found = objective.source.fold(_Gather(objective.design, objective.shaped(likelihood.coef)))
    y, weight = (np.concatenate([part[i] for part in found.parts]) for i in (0, 1))
    P = np.concatenate([part[2] for part in found.parts])
    risk = np.round(P[:, 1:].sum(axis=1), _DECIMALS)
    group = np.searchsorted(_cuts(risk, weight, int(groups)), risk)
    taken, place = np.unique(group, return_inverse=True)
    if taken.size < 3:
        raise ParameterError(
            f"the Hosmer-Lemeshow test found {taken.size} groups of different risk; it needs 3."
        )
    K = P.shape[1]
    expected: Array = np.stack([_counted(place, weight * own) for own in P.T], axis=1)
    observed: Array = np.stack([_counted(place, weight * (y == k)) for k in range(K)], axis=1)
    upper = np.array([risk[place == i].max() for i in range(taken.size)])
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (observed - expected) ** 2 / expected
    statistic = float(terms[observed != expected].sum())
    df = int((taken.size - 2) * (K - 1))
    return HosmerLemeshow(statistic, df, float(chdtrc(df, statistic)), upper, observed, expected)


def _counted(place: npt.NDArray[np.intp], weight: Array, least: int = 0) -> Array:
    """Add up weights by place."""
    return np.bincount(place, weight, minlength=least).astype(np.float64)


def _cuts(risk: Array, weight: Array, groups: int) -> Array:
    """Largest risk of each group but the last: at least i / groups of the cases have no more.

    Examples
    --------
    >>> _cuts(np.array([0.4, 0.1, 0.2, 0.3]), np.ones(4), 2)
    array([0.2])
    """
    order = np.argsort(risk, kind="stable")
    ordered, below = risk[order], np.cumsum(weight[order])
    aims = below[-1] * np.arange(1, groups) / groups
    # Sums of weights that should be an aim may miss it by rounding.
    return ordered[np.searchsorted(below, aims * (1.0 - 1e-12))]


@dataclass(frozen=True, slots=True)
class _Parts:
    parts: tuple[tuple[Array, Array, Array], ...]

    def __add__(self, other: Self) -> "_Parts":
        return _Parts(self.parts + other.parts)


@dataclass(frozen=True, slots=True)
class _Gather:
    """Outcome, weight and probabilities (n, K) of each row."""

    design: Design
    coef: Array

    def __call__(self, block: Block) -> _Parts:
        margin = self.design(block).times(self.coef) + block.offset
        P = (
            softmax(margin)
            if margin.ndim == 2
            else np.stack([sigmoid(-margin), sigmoid(margin)], 1)
        )
        return _Parts(((block.y.astype(np.float64), block.weight, P),))


def pred_table(likelihood: Likelihood, threshold: float = 0.5) -> Array:
    """Cases by class and predicted class, of shape (K, K): entry (i, j) was i, and predicted j.

    Parameters
    ----------
    likelihood : Likelihood
    threshold : float
        Two classes: the second is predicted where its probability is larger. For K > 2 the
        likeliest class is, and there is no threshold.

    Raises
    ------
    ParameterError
        If the threshold is not between 0 and 1.
    """
    if not 0.0 <= threshold <= 1.0:
        raise ParameterError(f"threshold={threshold!r}; give a probability, such as 0.5.")
    objective = likelihood.objective
    kernel = _Table(objective.design, objective.shaped(likelihood.coef), float(threshold))
    return objective.source.fold(kernel).counts


@dataclass(frozen=True, slots=True)
class _Counts:
    counts: Array

    def __add__(self, other: Self) -> "_Counts":
        return _Counts(self.counts + other.counts)


@dataclass(frozen=True, slots=True)
class _Table:
    design: Design
    coef: Array
    threshold: float

    def __call__(self, block: Block) -> _Counts:
        margin = self.design(block).times(self.coef) + block.offset
        K = 2 if margin.ndim == 1 else margin.shape[1]
        predicted: Any = margin.argmax(axis=1) if K > 2 else sigmoid(margin) > self.threshold
        place = K * block.y.astype(np.intp) + predicted
        return _Counts(_counted(place, block.weight, K * K).reshape(K, K))
