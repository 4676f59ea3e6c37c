"""Equations of an active set that changes by a few coordinates at a time: one factorisation.

Let L L' be the base's Hessian. A set that has the coordinates E more and D fewer than the base
solves the bordered system (Gill, Murray, Saunders and Wright, 1990, "A Schur-complement method
for sparse quadratic programming", section 3)

    | H_00  B | |x_0|   |r_0|
    | B'    C | | y | = |r_1|,    B = (H_0E, e_D),  C = diag(H_EE, 0),

whose last rows with r_1 = 0 hold the coordinates D at 0. With V = L^-1 B, which grows by the
columns that are new, y = (C - V'V)^-1 (r_1 - V' L^-1 r_0) and x_0 = L^-T (L^-1 r_0 - V y).
"""

from typing import Any

import numpy as np
from scipy.linalg import get_blas_funcs, lapack

from oddsmith.core.stable import Array

__all__ = ["ActiveSet"]

Indices = np.ndarray[Any, np.dtype[np.intp]]

# Changes that are kept beside a factor before a new one is cheaper.
_MOST_CHANGES = 64
# Ridges, relative to the diagonal, of which the least that makes it definite is taken: the
# solution only has to point downhill. What is in float64 was worth more digits.
_RIDGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
_FINE_RIDGES = (1e-12, 1e-10, 1e-8, *_RIDGES)


class ActiveSet:
    """Solves H_AA x = r, approximately, for sets A near a base set.

    Parameters
    ----------
    H : array of shape (m, m)
        float32 or float64; only its rows and columns in the sets are read, until the next base.
    base : index array
        Ascending.
    """

    def __init__(self, H: Any, base: Indices) -> None:
        self._H = H
        self._base = base
        self._lower = _factor(H[base].take(base, axis=1))
        self._in_base = np.zeros(H.shape[0], dtype=bool)
        self._in_base[base] = True
        self._place = {int(j): i for i, j in enumerate(base)}
        self._column: dict[tuple[bool, int], int] = {}
        self._V = np.empty((base.size, _MOST_CHANGES), H.dtype, order="F")
        self._trsm, self._trsv = get_blas_funcs(("trsm", "trsv"), (self._lower,))
        self.change_to(base)

    def change_to(self, active: Indices) -> bool:
        """Make A the set of ascending indices; False where it is too far from the base."""
        now = np.zeros(self._H.shape[0], dtype=bool)
        now[active] = True
        self._own = self._in_base[active]
        more, fewer = active[~self._own], self._base[~now[self._base]]
        keys = [(True, int(j)) for j in more] + [(False, int(j)) for j in fewer]
        if len(keys) > _MOST_CHANGES or not self._grow([k for k in keys if k not in self._column]):
            return False
        self._at = np.searchsorted(self._base, active[self._own])
        self._border = np.asfortranarray(self._V[:, [self._column[key] for key in keys]])
        schur = -(self._border.T @ self._border).astype(np.float64)
        schur[: more.size, : more.size] += self._H[more][:, more]
        schur.ravel()[:: len(keys) + 1][: more.size] *= 1.0 + _ridges(self._H)[0]
        self._inverse = _inverse(schur)
        return True

    def solve(self, right: Array) -> Array:
        """Solution x of shape (|A|,)."""
        inner = np.zeros(self._base.size, dtype=self._H.dtype)
        inner[self._at] = right[self._own]
        inner = self._trsv(self._lower, inner, lower=1)
        solution = np.empty(right.size)
        if self._inverse.size:
            outer = np.zeros(self._inverse.shape[0])
            count = right.size - self._at.size
            outer[:count] = right[~self._own]
            y = self._inverse @ (outer - self._border.T @ inner)
            inner = inner - self._border @ y.astype(self._H.dtype)
            solution[~self._own] = y[:count]
        solution[self._own] = self._trsv(self._lower, inner, lower=1, trans=1)[self._at]
        return solution

    def _grow(self, keys: list[tuple[bool, int]]) -> bool:
        """Make columns of V for changes met for the first time; False where there is no room."""
        have = len(self._column)
        if have + len(keys) > _MOST_CHANGES:
            return False
        if keys:
            B = np.zeros((self._base.size, len(keys)), dtype=self._H.dtype, order="F")
            for column, (more, j) in enumerate(keys):
                if more:
                    B[:, column] = self._H[j, self._base]
                else:
                    B[self._place[j], column] = 1.0
            self._V[:, have : have + len(keys)] = self._trsm(1.0, self._lower, B, lower=1)
            self._column |= {key: have + column for column, key in enumerate(keys)}
        return True


def _ridges(H: Any) -> tuple[float, ...]:
    return _RIDGES if H.dtype == np.float32 else _FINE_RIDGES


def _factor(matrix: Any) -> Any:
    """Cholesky factor of a matrix with the least ridge that makes it definite."""
    diagonal, kind = matrix.diagonal().copy(), matrix.dtype.type
    potrf = lapack.spotrf if kind is np.float32 else lapack.dpotrf
    for ridge in _ridges(matrix):
        lifted = np.array(matrix, order="C")
        lifted.ravel()[:: diagonal.size + 1] = diagonal * kind(1.0 + ridge) + kind(1e-30)
        lower, failed = potrf(lifted.T, lower=1, overwrite_a=1)
        if not failed:
            return lower
    return np.asfortranarray(np.diag(np.sqrt(diagonal * kind(2.0)) + kind(1e-30)))


def _inverse(schur: Array) -> Any:
    try:
        return np.asarray(np.linalg.inv(schur) if schur.size else schur)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(schur, hermitian=True))
