"""Folds over strips of columns: some of the columns themselves, and products with all of them."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.kernels import Design
from oddsmith.core.stable import Array

__all__ = ["Gather", "Parts", "Pull"]

Indices = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, slots=True)
class Parts:
    """Pieces of an array, one for each strip of columns, in their order."""

    parts: tuple[Any, ...]
    rows: Block

    def __add__(self, other: Self) -> "Parts":
        return Parts(self.parts + other.parts, self.rows)


@dataclass(frozen=True, slots=True)
class Gather:
    """Some of the columns, standardised, each as a row of an array; sparse rows as they are."""

    design: Design
    features: Indices

    def __call__(self, strip: Block, columns: slice) -> Parts:
        """Columns of a strip."""
        first, last = np.searchsorted(self.features, [columns.start, columns.stop])
        own = self.features[first:last]
        how = self.design.standardisation
        if hasattr(strip.X, "tocsr"):
            return Parts((strip.X,), strip)  # columns are picked from them later
        columns_there = strip.X[:, own - columns.start].T.astype(np.float64, order="C")
        if how.center[own].any():
            np.subtract(columns_there, how.center[own][:, None], out=columns_there)
        np.divide(columns_there, how.scale[own][:, None], out=columns_there)
        return Parts((columns_there,), strip)


@dataclass(frozen=True, slots=True)
class Pull:
    """Z'R for a strip of columns, of shape (columns, m)."""

    design: Design
    R: Array

    def __call__(self, strip: Block, columns: slice) -> Parts:
        """Products of a strip."""
        how = self.design.standardisation
        center, scale = how.center[columns], how.scale[columns]
        rows = strip.X - center if center.any() else strip.X
        return Parts(((self.R.T @ rows).T / scale[:, None],), strip)
