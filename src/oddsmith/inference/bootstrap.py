"""Percentile intervals by the bootstrap: what can be said of coefficients that are penalised.

A penalty moves coefficients towards 0, so that they are not those of maximum likelihood: Wald's
intervals and p values would be of another estimator. Rows that are drawn again and again with
replacement show how much the penalised coefficients vary (Efron and Tibshirani, 1993, chapter 13);
not how far the penalty has moved them, so that there are no p values.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from oddsmith.core.loss import Labels
from oddsmith.core.stable import Array
from oddsmith.errors import DataError, ParameterError

__all__ = ["Bootstrap", "Drawn", "bootstrapped"]

# Draws in a row without all classes, after which there is no use in more.
_MOST_REDRAWN = 1000


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap:
    """How coefficients vary from one sample of the rows to another.

    Attributes
    ----------
    names : tuple of str
        Of the m parameters.
    equations : tuple
        Class of each parameter's margin; None with two classes, where there is one margin.
    params : array of shape (m,)
        Coefficients of the fit.
    samples : array of shape (B, m)
        Those of the samples.
    redrawn : int
        Samples that lacked a class, and were drawn again.
    penalty : str
        In words.
    """

    names: tuple[str, ...]
    equations: tuple[object, ...]
    params: Array
    samples: Array
    redrawn: int
    penalty: str

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} of {len(self.names)} parameters from {len(self.samples)} "
            "samples: summary() shows them>"
        )

    @property
    def bse(self) -> Array:
        """Standard deviation over the samples, of shape (m,)."""
        return self.samples.std(axis=0, ddof=1)

    def conf_int(self, alpha: float = 0.05) -> Array:
        """Percentile intervals of level 1 - alpha, of shape (m, 2).

        Raises
        ------
        ParameterError
            If alpha is not between 0 and 1.
        """
        if not 0.0 < alpha < 1.0:
            raise ParameterError(f"alpha={alpha!r} is not between 0 and 1; 0.05 is usual.")
        return np.quantile(self.samples, [0.5 * alpha, 1.0 - 0.5 * alpha], axis=0).T


@dataclass(frozen=True, slots=True)
class Drawn:
    """How often each row, or each cluster of rows, comes in a sample.

    Attributes
    ----------
    index : integer array of shape (n,)
        Class of each row.
    weight : array of shape (n,), or None
    group : integer array of shape (n,), or None
    """

    index: Labels
    weight: Array | None
    group: Labels | None

    def times(self, rng: np.random.Generator) -> Array | None:
        """Weights of a sample, of shape (n,); None if it lacks a class."""
        n = self.index.size if self.group is None else int(self.group.max()) + 1
        counts = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        weight = counts if self.group is None else counts[self.group]
        weight = weight if self.weight is None else weight * self.weight
        by_class = np.bincount(self.index, weight, minlength=int(self.index.max()) + 1)
        return weight if (by_class > 0).all() else None


def bootstrapped(
    refit: Callable[[Array], Array], drawn: Drawn, count: int, seed: int | None
) -> tuple[Array, int]:
    """Coefficients of many samples, of shape (count, m), and how many had to be drawn again.

    Parameters
    ----------
    refit : callable
        Weights of shape (n,) -> parameters of shape (m,).
    drawn : Drawn
    count : int
    seed : int or None

    Raises
    ------
    DataError
        If samples never have all classes.
    """
    rng = np.random.default_rng(seed)
    samples: list[Array] = []
    redrawn = 0
    while len(samples) < count:
        weight = drawn.times(rng)
        if weight is None:
            redrawn += 1
            if redrawn >= _MOST_REDRAWN + count:
                raise DataError(
                    "samples of the rows nearly always lack a class, which has too few rows for "
                    "a bootstrap; there is no interval to be had from them."
                )
            continue
        samples.append(refit(weight))
    return np.array(samples), redrawn
