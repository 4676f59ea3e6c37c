"""Rows scored in blocks, on threads where there are many: nothing large is made but the scores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.engines.threads import Threads

__all__ = ["Put", "Scorer"]

# A function of margins, of shape (n,) or (n, K), that writes what they amount to.
Put = Callable[[Array, np.ndarray[Any, Any]], object]

# Entries of X in a block: with its margins and scores it stays in cache.
_ENTRIES = 2**18
_FEWEST_ROWS = 64
# A pool of threads takes longer to start than fewer blocks take to score.
_FEWEST_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class Scorer:
    """Coefficients that score rows.

    Attributes
    ----------
    coef : array of shape (1, p), or (K, p) for K > 2 classes
    intercept : array of shape (1,) or (K,)
    n_jobs : int or None
        Threads, as `Threads` counts them.
    """

    coef: Array
    intercept: Array
    n_jobs: int | None = None

    def score(self, X: Any, offset: Array | None, put: Put, out: np.ndarray[Any, Any]) -> bool:
        """Write the scores of all rows; False if a margin is not finite, and its block left out.

        Parameters
        ----------
        X : ndarray, CSR or CSC of shape (n, p), float64 or float32
        offset : array of shape (n,) or (n, K), optional
        put : callable
            See `Put`.
        out : array of n rows

        Examples
        --------
        >>> out = np.empty(2)
        >>> Scorer(np.array([[1.0, 2.0]]), np.array([0.5])).score(np.eye(2), None, np.positive, out)
        True
        >>> out
        array([1.5, 2.5])
        """
        n, p = X.shape
        entries = max(1, X.nnz // max(1, n) if hasattr(X, "nnz") else p) + self.intercept.size
        rows = max(_FEWEST_ROWS, _ENTRIES // entries)
        # Rows of a CSC matrix can be found only by searching all of it.
        if n <= rows or getattr(X, "format", "csr") == "csc":
            return self._put(X, offset, put, out)
        places = _Places(X, offset, out, rows)

        def score(place: _Place) -> int:
            return self._put(place.X, place.offset, put, place.out)

        if len(places) < _FEWEST_BLOCKS:
            return all(score(places[index]) for index in range(len(places)))
        blocks: Any = places
        with Threads(blocks, self.n_jobs) as threads:
            kernel: Any = score
            return threads.fold(kernel) == len(places)

    def margins(self, X: Any, offset: Array | None) -> Array:
        """Margins of the rows, all at once, whatever they are.

        Returns
        -------
        array of shape (n,) or (n, K)
            In nats.
        """
        if type(X) is np.ndarray and X.dtype != np.float64:
            X = X.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            # A matrix of one column is slower to multiply with than a vector.
            margin = X @ (self.coef[0] if self.intercept.size == 1 else self.coef.T)
            margin += self.intercept
            if offset is not None:
                margin += offset
        return margin

    def _put(self, X: Any, offset: Array | None, put: Put, out: np.ndarray[Any, Any]) -> bool:
        margin = self.margins(X, offset)
        finite = bool(np.isfinite(margin).all())
        if finite:
            put(margin, out)
        return finite


@dataclass(frozen=True, slots=True)
class _Place:
    """A block of rows beside the place of its scores."""

    X: Any
    offset: Array | None
    out: np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class _Places:
    """What `Threads` folds over in place of blocks: it asks no more of them than this."""

    X: Any
    offset: Array | None
    out: np.ndarray[Any, Any]
    rows: int

    @property
    def n_rows(self) -> int:
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        return int(self.X.shape[1])

    def __len__(self) -> int:
        return -(-self.n_rows // self.rows)

    def __getitem__(self, index: int) -> _Place:
        rows = slice(index * self.rows, (index + 1) * self.rows)
        return _Place(
            self.X[rows], None if self.offset is None else self.offset[rows], self.out[rows]
        )
