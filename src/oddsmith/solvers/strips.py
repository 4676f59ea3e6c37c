"""Sums over strips of columns: the Gram matrix of the rows, and the way back to the columns."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from oddsmith.core.block import Block
from oddsmith.core.columns import Standardisation
from oddsmith.core.kernels import Design
from oddsmith.core.stable import Array

__all__ = ["Gram", "GramOf", "Primal", "PrimalOf"]


@dataclass(frozen=True, slots=True)
class Gram:
    """Z Z', a sum over columns, and the rows' labels, weights and offsets."""

    matrix: Array
    rows: Block

    def __add__(self, other: Self) -> "Gram":
        return Gram(self.matrix + other.matrix, self.rows)


@dataclass(frozen=True, slots=True)
class GramOf:
    """Z Z' of a strip of columns, centred but on the user's scale: there P = l2 for all."""

    center: Array
    dtype: npt.DTypeLike

    def __call__(self, strip: Block, columns: slice) -> Gram:
        """Gram matrix from some of the columns."""
        Z = _centred(strip, self.center[columns], self.dtype)
        product = Z @ Z.T
        return Gram(product.toarray() if hasattr(product, "toarray") else product, strip)


def _centred(strip: Block, center: Array, dtype: npt.DTypeLike) -> Any:
    """Columns of a strip, centred; not copied where they are as they should be."""
    how = Standardisation(center, np.ones(center.size))
    dense = not hasattr(strip.X, "tocsr")
    Z = strip.X if dense and how.trivial else Design(how, intercept=False)(strip).Z
    return Z.astype(dtype, copy=False)


@dataclass(frozen=True, slots=True)
class Primal:
    """Coefficients, column after column, and the margins that they add up to."""

    coef: tuple[Array, ...]
    margin: Array

    def __add__(self, other: Self) -> "Primal":
        return Primal(self.coef + other.coef, self.margin + other.margin)


@dataclass(frozen=True, slots=True)
class PrimalOf:
    """w = P^-1 Z' alpha and Z w, of a strip of columns."""

    standardisation: Standardisation
    l2: float
    alpha: Array

    def __call__(self, strip: Block, columns: slice) -> Primal:
        """Coefficients of some of the columns, and their part of the margins."""
        how = self.standardisation
        Z = _centred(strip, how.center[columns], np.float64)
        w = Z.T @ (self.alpha / self.l2)
        return Primal(((w.T * how.scale[columns]).T,), Z @ w)
