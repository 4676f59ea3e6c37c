"""The Hessian of K margins a row, pair by pair of classes and of columns.

Its entry for columns j, l and classes k, m is the sum over rows of c_km z_j z_l, with the curvature
c_km = s a_k ([k = m] - a_m). That is symmetric in the classes and in the columns, each for
themselves, so that little more than a quarter of the entries is formed (Böhning, 1992, section 2,
writes it as a Kronecker product).
"""

import numpy as np
import numpy.typing as npt

from oddsmith.core.stable import Array

__all__ = ["class_hessian", "pair_sums"]

# Products of two columns that are written out at once, and their rows: four megabytes at the most,
# which stay near the cache and are long enough for BLAS.
_PRODUCTS, _ROWS = 256, 2048
# Entries of a Hessian that are put in order at once.
_ENTRIES = 2**15
# Columns per class from which BLAS forms a Gram matrix faster than sums of written-out products.
_MANY_COLUMNS = 16


def pair_sums(Z: Array, curvatures: Array) -> Array:
    """Weighted sums of products of two columns, for each pair of classes; they add over rows.

    Parameters
    ----------
    Z : array of shape (q, n)
        Rows of the design, side by side.
    curvatures : array of shape (K (K + 1) / 2, n)
        Of classes (0, 0), (1, 0), (1, 1), (2, 0) and on; none is positive but those of a class
        with itself, and those are not negative.

    Returns
    -------
    array of shape (K (K + 1) / 2, q (q + 1) / 2) or (K (K + 1) / 2, q, q)

    Examples
    --------
    >>> pair_sums(np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([[1.0, 1.0], [0.0, -2.0]]))
    array([[  5.,   6.,   9.],
           [ -8., -12., -18.]])
    """
    if len(Z) <= _MANY_COLUMNS * _classes(curvatures):
        return _sums_of_products(Z, curvatures)
    own = np.cumsum(np.arange(_classes(curvatures)) + 1) - 1
    sums = np.empty((len(curvatures), len(Z), len(Z)))
    for c, curvature in enumerate(curvatures):
        weighted = Z * np.sqrt(np.abs(curvature))
        np.matmul(weighted, weighted.T, out=sums[c])
    np.negative(sums, out=sums, where=~np.isin(np.arange(len(sums)), own)[:, None, None])
    return sums


def class_hessian(sums: Array, unit: Array) -> Array:
    """Hessian of shape (q K, q K), class by class within each column, from sums of pairs.

    Parameters
    ----------
    sums : array
        See `pair_sums`.
    unit : array of shape (q,)
        What each column is to be divided by.

    Examples
    --------
    >>> class_hessian(np.array([[5.0], [-8.0], [9.0]]), np.array([1.0]))
    array([[ 5., -8.],
           [-8.,  9.]])
    """
    q, K = unit.size, _classes(sums)
    high, low = _sides(K)
    classes = high * (high + 1) // 2 + low
    high, low = _sides(q)
    columns = low * (2 * q - low - 1) // 2 + high if sums.ndim == 2 else np.arange(q * q)
    columns = columns.reshape(q, q)
    stored, hessian = sums.reshape(len(sums), -1), np.empty((q, K, q, K))
    step = max(1, _ENTRIES // (q * K * K))
    for j in range(0, q, step):  # runs of rows that stay in the cache while they are put in order
        scale = unit[j : j + step, None] * unit
        pairs = stored[:, columns[j : j + step]] / scale
        hessian[j : j + step] = pairs[classes].transpose(2, 0, 3, 1)
    return hessian.reshape(q * K, q * K)


def _sides(size: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Larger and smaller index of each entry of a symmetric matrix."""
    index = np.arange(size)
    return np.maximum(index[:, None], index), np.minimum(index[:, None], index)


def _classes(pairs: Array) -> int:
    """K of K (K + 1) / 2 pairs."""
    return int(np.sqrt(2 * len(pairs)))


def _sums_of_products(Z: Array, curvatures: Array) -> Array:
    q, n = Z.shape
    sums = np.zeros((len(curvatures), q * (q + 1) // 2))
    room = np.empty((min(_PRODUCTS + q, sums.shape[1]), min(n, _ROWS)))
    for first in range(0, n, _ROWS):
        rows, weights = Z[:, first : first + _ROWS], curvatures[:, first : first + _ROWS]
        products = room[:, : rows.shape[1]]
        done = formed = 0
        for j in range(q):
            np.multiply(rows[j:], rows[j], out=products[formed : formed + q - j])
            formed += q - j
            if formed >= _PRODUCTS or j == q - 1:
                sums[:, done : done + formed] += weights @ products[:formed].T
                done, formed = done + formed, 0
    return sums
