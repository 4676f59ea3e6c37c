"""Where the columns lie and how wide they are: one fold, and the virtual standardisation.

A column shifted by 1e8 or scaled by 1e-150 must give the same model. Solvers therefore walk in
standardised columns z = (x - center) / scale, which no one ever stores: a block is standardised
when it is read, and coefficients are carried back at the end. Scales are powers of two, so that
scaling is exact; centring is a change of the intercept alone.
"""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from oddsmith.core.block import Block
from oddsmith.core.stable import Array

__all__ = ["Columns", "Standardisation", "column_statistics", "standardise"]

# Columns are centred only where their mean lies this many spreads from zero. Fewer than half of
# the rows cannot draw it so far: else one far entry would move all others, and the subtraction
# round off their digits.
_FAR_FROM_ZERO = 1.0
# A sparse column so far out is nearly full (at most 1 / 900 of its entries are missing), so
# centring its entries in a block costs no sparsity.
_FAR_FROM_ZERO_SPARSE = 30.0
# Squares below this have lost digits.
_LEAST_SQUARE = 2.0**-900


@dataclass(frozen=True, slots=True)
class Columns:
    """Weighted location and spread of each column, of shape (p,) each.

    Attributes
    ----------
    weight : float
        Sum of the weights (rows).
    mean, spread : array
        Weighted mean and standard deviation; the spread is kept unsquared, so that columns
        near 1e300 or 1e-300 neither overflow nor vanish.
    low, high : array
        Smallest and largest entry: NaN or infinite where an entry is.
    """

    weight: float
    mean: Array
    spread: Array
    low: Array
    high: Array

    def __add__(self, other: Self) -> "Columns":
        """Merge two sets of rows (Chan, Golub and LeVeque, 1983, equation 2.1)."""
        weight = self.weight + other.weight
        share = other.weight / weight if weight > 0 else 0.0
        rest = 1.0 - share
        with np.errstate(over="ignore", invalid="ignore"):
            between = np.sqrt(share * rest) * (other.mean - self.mean)
            within = _hypot(np.sqrt(rest) * self.spread, np.sqrt(share) * other.spread)
            return Columns(
                weight,
                rest * self.mean + share * other.mean,
                _hypot(within, between),
                np.minimum(self.low, other.low),
                np.maximum(self.high, other.high),
            )

    @property
    def finite(self) -> bool:
        """Whether every entry is a finite number."""
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all())

    @property
    def constant(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which columns hold one value only."""
        return self.low == self.high


def _hypot(a: Array, b: Array) -> Array:
    """Root of a^2 + b^2; NumPy's takes ten times as long, and is needed at the ends of floats."""
    squares = a * a + b * b
    usual = (squares > _LEAST_SQUARE) & (squares < 1.0 / _LEAST_SQUARE) | (squares == 0.0)
    return np.sqrt(squares) if usual.all() and not _lost(a, b, squares) else np.hypot(a, b)


def _lost(a: Array, b: Array, squares: Array) -> bool:
    """Whether squares vanished of numbers that are not 0."""
    gone = squares == 0.0
    return bool(gone.any()) and bool((a[gone] != 0).any() or (b[gone] != 0).any())


def column_statistics(block: Block) -> Columns:
    """Columns of one block, a kernel to fold.

    Examples
    --------
    >>> block = Block(np.array([[1e8], [1e8 + 2]]), np.array([0, 1]), np.ones(2), np.zeros(2))
    >>> column_statistics(block).spread
    array([1.])
    """
    total = float(block.weight.sum())
    if total == 0.0:
        nothing = np.zeros(block.X.shape[1])
        return Columns(0.0, nothing, nothing, nothing + np.inf, nothing - np.inf)
    share = block.weight / total
    with np.errstate(over="ignore", invalid="ignore"):
        if sp.issparse(block.X):
            return Columns(total, *_sparse_statistics(block.X, share))
        return Columns(total, *_dense_statistics(block.X, share))


def _dense_statistics(X: Array, share: Array) -> tuple[Array, Array, Array, Array]:
    low, high = X.min(axis=0).astype(float), X.max(axis=0).astype(float)
    rows = X.astype(np.float64, copy=False)
    mean = np.clip(share @ rows, low, high)
    unit = power_of_two(np.maximum(high / 2 - mean / 2, mean / 2 - low / 2))
    z = rows * (1.0 / unit)
    z -= mean / unit
    return mean, np.sqrt(share @ (z * z)) * unit, low, high


def _sparse_statistics(X: Any, share: Array) -> tuple[Array, Array, Array, Array]:
    n, p = X.shape
    own = X.astype(np.float64, copy=True)
    own.sum_duplicates()
    low, high = own.min(axis=0).toarray().ravel(), own.max(axis=0).toarray().ravel()
    unit = power_of_two(np.maximum(np.abs(low), np.abs(high)))
    data = own.data / unit[own.indices]
    row_share = np.repeat(share, np.diff(own.indptr))
    mean = np.bincount(own.indices, row_share * data, minlength=p)
    squares = np.bincount(own.indices, row_share * (data - mean[own.indices]) ** 2, minlength=p)
    full = np.bincount(own.indices, minlength=p) == n
    filled = np.where(full, 1.0, np.bincount(own.indices, row_share, minlength=p))
    spread = np.sqrt(squares + np.maximum(1.0 - filled, 0.0) * mean**2)
    return mean * unit, spread * unit, low, high


def power_of_two(size: Array) -> Array:
    """Least power of two that is not below each size, 1 for 0 or non-finite sizes.

    Never so small that its reciprocal is not finite.

    Examples
    --------
    >>> power_of_two(np.array([3.0, 0.0, 0.25]))
    array([4.  , 1.  , 0.25])
    """
    known = np.isfinite(size) & (size > 0)
    _, exponent = np.frexp(np.where(known, size, 0.5))
    # frexp gives 0.5 <= m < 1, so an exact power needs one less.
    mantissa = np.frexp(np.where(known, size, 0.5))[0]
    exponent = np.clip(exponent - (mantissa == 0.5), -1021, 1021)
    return np.where(known, np.ldexp(1.0, exponent), 1.0)


@dataclass(frozen=True, slots=True)
class Standardisation:
    """z = (x - center) / scale, column by column.

    Attributes
    ----------
    center : array of shape (p,)
    scale : array of shape (p,)
        Powers of two, so that dividing by them is exact.
    unit : array of shape (p,)
        1 / scale.
    largest : float
        Largest of scale, unit and 1.
    centred : bool
        Whether any center is not 0.
    """

    center: Array
    scale: Array
    unit: Array = field(init=False, repr=False, compare=False)
    largest: float = field(init=False, repr=False, compare=False)
    centred: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out once what each block asks for."""
        with np.errstate(over="ignore", divide="ignore"):
            unit = 1.0 / self.scale
        far = float(max(self.scale.max(initial=1.0), unit.max(initial=1.0)))
        object.__setattr__(self, "unit", unit)
        object.__setattr__(self, "largest", far)
        object.__setattr__(self, "centred", bool(self.center.any()))

    @property
    def trivial(self) -> bool:
        """Whether z = x."""
        return not self.center.any() and bool((self.scale == 1.0).all())

    @classmethod
    def none(cls, p: int) -> "Standardisation":
        """Standardisation that leaves p columns as they are."""
        return cls(np.zeros(p), np.ones(p))


def standardise(
    columns: Columns, *, intercept: bool, ridge: float, sparse: bool
) -> Standardisation:
    """Standardisation that brings every column of the Hessian to about the same size.

    Parameters
    ----------
    columns : Columns
    intercept : bool
        Without an intercept to absorb it, nothing can be centred.
    ridge : float
        Penalty per unit of weight on a squared coefficient: a column much smaller than the
        penalty allows is scaled by the penalty instead.
    sparse : bool
        Sparse columns are centred only where they lie very far from zero.

    Examples
    --------
    >>> c = Columns(4.0, np.array([1e8]), np.array([3.0]), np.array([1e8 - 4]), np.array([1e8 + 4]))
    >>> standardise(c, intercept=True, ridge=0.0, sparse=False)
    Standardisation(center=array([1.e+08]), scale=array([4.]))
    """
    center = np.where(columns.constant, columns.low, columns.mean)
    if not intercept:
        center = np.zeros_like(center)
    else:
        far = _FAR_FROM_ZERO_SPARSE if sparse else _FAR_FROM_ZERO
        center = np.where(np.abs(center) > far * columns.spread, center, 0.0)
    with np.errstate(over="ignore"):
        size = np.hypot(np.where(columns.constant, 0.0, columns.spread), columns.mean - center)
        size = np.hypot(size, 2.0 * np.sqrt(ridge))
    return Standardisation(center, power_of_two(np.minimum(size, np.finfo(float).max)))
