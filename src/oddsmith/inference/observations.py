"""Results for each observation of the user's: a row, or a row of counts."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from oddsmith.core.block import Block
from oddsmith.core.stable import Array
from oddsmith.inference.likelihood import Likelihood

__all__ = ["observed", "place_of_counts"]


def observed(likelihood: Likelihood, kernel: Callable[[Block], Array]) -> Array:
    """Results of a kernel for each observation, in the user's order: one pass.

    Parameters
    ----------
    likelihood : Likelihood
    kernel : callable
        Block of n rows -> array of shape (n, ...), which must not depend on y or weight where
        there are counts, as their rows have two of each.

    Returns
    -------
    array of shape (n, ...)
        NaN for observations of weight 0, or of no trials.
    """
    if likelihood.trials is None:
        return likelihood.rows(kernel)
    place, n = place_of_counts(likelihood)
    found = replace(likelihood, counted=None).rows(kernel)
    whole = np.full((n, *found.shape[1:]), np.nan)
    whole[place] = found
    return whole


def place_of_counts(likelihood: Likelihood) -> tuple[npt.NDArray[np.intp], int]:
    """Which row of counts each row of the source comes from, and how many there are.

    The source has all successes first, then all failures, without those that are 0.
    """
    both = likelihood.counted
    if both is None:
        n = likelihood.objective.source.n_rows // 2
        return np.arange(2 * n) % n, n
    n = both.size // 2
    return np.flatnonzero(both) % n, n
