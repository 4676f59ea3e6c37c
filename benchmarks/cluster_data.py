"""Rows in chunks, each made from a seed where it is wanted: on a worker, an executor, or here.

No chunk is ever sent, and any of them can be made again: the objective is evaluated on rows that
this process makes, whichever program fitted them.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.data import SIGNAL, Array

__all__ = ["SPREAD", "Chunks", "DenseChunk", "TextChunk", "chunk_bytes"]

_ROWS = 8192  # rows that are judged at a time
_SCALING = 2**32 - 1  # seed of the texts that the margin's standard deviation is taken from
_SCALING_TEXTS = 10_000


@dataclass(frozen=True)
class DenseChunk:
    """Standard normal rows of a logistic model, as `benchmarks.data.Truth` makes them.

    Parameters
    ----------
    seed, p, rows : int
        Of the data; columns; and rows of a chunk.
    """

    seed: int
    p: int
    rows: int

    def __call__(self, number: int) -> tuple[Array, Array]:
        """X of shape (rows, p), float64, and labels of chunk `number`."""
        direction = np.random.default_rng(self.seed).standard_normal(self.p)
        direction *= SIGNAL / np.linalg.norm(direction)
        rng = np.random.default_rng((self.seed, number))
        X = rng.standard_normal((self.rows, self.p))
        return X, (rng.logistic(size=self.rows) < X @ direction + 0.5).astype(np.int8)


@dataclass(frozen=True)
class TextChunk:
    """Weights of the words of texts, tf-idf, as `benchmarks.data.Texts` makes them.

    The number of texts that have a word, which no chunk knows, is the expected one.

    Parameters
    ----------
    seed, p, rows : int
        Of the data; words that there are; and texts of a chunk.
    n : int
        Texts in all.
    words : int
        Mean of the Poisson number of words a text.
    telling : float
        Share of the words that have a coefficient, a normal one.
    """

    seed: int
    p: int
    rows: int
    n: int
    words: int = 60
    telling: float = 0.05

    def __call__(self, number: int) -> tuple[Any, Array]:
        """X of shape (rows, p), CSR of float64, and labels of chunk `number`."""
        coef = self._coef()
        sample, _ = self._texts(np.random.default_rng((self.seed, _SCALING)), _SCALING_TEXTS)
        X, rng = self._texts(np.random.default_rng((self.seed, number)), self.rows)
        margin = (X @ coef) * (SIGNAL / (sample @ coef).std())
        return X, (rng.logistic(size=self.rows) < margin + 0.5).astype(np.int8)

    def _coef(self) -> Array:
        rng = np.random.default_rng((self.seed, _SCALING, 1))
        coef = np.zeros(self.p)
        told = rng.choice(self.p, max(1, round(self.telling * self.p)), replace=False)
        coef[told] = rng.standard_normal(told.size)
        return coef

    def _texts(self, rng: np.random.Generator, n: int) -> tuple[Any, np.random.Generator]:
        often = 1.0 / np.arange(1, self.p + 1)
        often /= often.sum()
        ranks = np.cumsum(often)
        row = np.repeat(np.arange(n), np.maximum(rng.poisson(self.words, n), 1))
        place = np.minimum(np.searchsorted(ranks, rng.random(row.size)), self.p - 1)
        order = np.random.default_rng((self.seed, _SCALING, 2)).permutation(self.p)
        X = sp.csr_matrix((np.ones(row.size), (row, order[place])), shape=(n, self.p))
        having = np.empty(self.p)
        having[order] = -self.n * np.expm1(-self.words * often)
        X.data *= (np.log((1.0 + self.n) / (1.0 + having)) + 1.0)[X.indices]
        lengths = np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel())
        X.data /= np.repeat(lengths, np.diff(X.indptr))
        return X, rng


@dataclass(frozen=True)
class Chunks:
    """A problem in chunks: ``C * sum_i loss_i + 1/2 ||w||^2``, without the intercept in w.

    Parameters
    ----------
    make : callable
        From a chunk's number to (X, y); it pickles.
    count, rows, p : int
        Chunks, rows of each, and columns.
    sparse : bool
    C : float
    """

    make: Callable[[int], tuple[Any, Array]]
    count: int
    rows: int
    p: int
    sparse: bool = False
    C: float = 1.0

    @property
    def n(self) -> int:
        """Rows in all."""
        return self.count * self.rows

    def objective(self, coef: Array, intercept: float, threads: int) -> float:
        """Evaluate the objective at float64, a chunk at a time, the sums added exactly.

        Parameters
        ----------
        coef : array of shape (p,)
        intercept : float
        threads : int
            Each makes a chunk.

        Returns
        -------
        float
            Nats.
        """
        w = np.asarray(coef, dtype=np.float64)

        def loss(number: int) -> float:
            X, y = self.make(number)
            sums = []
            for first in range(0, len(y), _ROWS):
                some = slice(first, first + _ROWS)
                margin = X[some] @ w + intercept
                sums.append(float(np.logaddexp(0.0, np.where(y[some] == 1, -margin, margin)).sum()))
            return math.fsum(sums)

        with ThreadPoolExecutor(threads) as pool:
            found = math.fsum(pool.map(loss, range(self.count)))
        return found if math.isinf(self.C) else self.C * found + 0.5 * math.fsum(w**2)


def chunk_bytes(X: Any) -> int:
    """Bytes of an array, or of the arrays of a sparse one."""
    arrays = [X.data, X.indices, X.indptr] if hasattr(X, "indptr") else [X]
    return sum(array.nbytes for array in arrays)


def _dense(n: int, p: int, count: int) -> Callable[[int, float], Chunks]:
    def make(seed: int, scale: float) -> Chunks:
        rows = max(round(n * scale / count), 20)
        return Chunks(DenseChunk(seed, p, rows), count, rows, p)

    return make


def _texts(n: int, p: int, count: int) -> Callable[[int, float], Chunks]:
    def make(seed: int, scale: float) -> Chunks:
        rows = max(round(n * scale / count), 20)
        return Chunks(TextChunk(seed, p, rows, rows * count), count, rows, p, sparse=True)

    return make


# From seed and scale, the share of the rows.
SPREAD: dict[str, Callable[[int, float], Chunks]] = {
    # Chunks of 125 MB, as Dask cuts arrays (array.chunk-size, 128 MiB).
    "spread-10m": _dense(10_000_000, 50, 32),
    "spread-text": _texts(1_000_000, 100_000, 16),
}
