"""The data of every case, made from a seed, and the objective that all programs are judged by."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer, load_digits

__all__ = ["DATASETS", "SIGNAL", "Problem", "Truth", "objective", "problem"]

Array = np.ndarray[Any, Any]

SIGNAL = 2.0  # standard deviation of the true margin
_BLOCK = 8192  # rows that are made, or judged, at a time


@dataclass(frozen=True)
class Problem:
    """Rows, labels 0 .. K - 1, and the penalty; X is an array, or a sparse matrix by rows.

    The objective is ``C * sum_i loss_i + (1 - r) / 2 ||w||^2 + r ||w||_1``, r = l1_ratio, without
    the intercept in w; ``C = inf`` is the sum of the losses alone. `lambdas` are the penalties of
    a path, 1 / (C n).
    """

    X: Any
    y: Array
    C: float = 1.0
    l1_ratio: float = 0.0
    lambdas: Array = field(default_factory=lambda: np.empty(0))

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.y.max()) + 1


@dataclass(frozen=True)
class Truth:
    """How normal rows become a problem.

    Parameters
    ----------
    n, p : int
        Rows and columns.
    n_classes : int
    correlation : float
        Of every pair of columns.
    decades : float
        Column scales run from ``10**-decades`` to ``10**decades``, evenly in the logarithm.
    dtype, order : str
        Of X.
    C : float
    wide : bool
        Whether a smaller run has fewer columns instead of fewer rows.
    telling : int or None
        Columns whose coefficient is not 0; all if None.
    """

    n: int
    p: int
    n_classes: int = 2
    correlation: float = 0.0
    decades: float = 0.0
    dtype: str = "float64"
    order: str = "C"
    C: float = 1.0
    wide: bool = False
    telling: int | None = None

    def make(self, seed: int, scale: float) -> Problem:
        """Make the problem, the same bits for the same seed.

        Parameters
        ----------
        seed : int
        scale : float
            Share of the rows, or of the columns of wide data, that are made.

        Returns
        -------
        Problem
            Of the logistic model with normal coefficients, scaled to margins of standard
            deviation `SIGNAL`, and an intercept of 0.5 where there are two classes.
        """
        n = self.n if self.wide else max(round(self.n * scale), 20 * self.n_classes)
        p = max(round(self.p * scale), 20) if self.wide else self.p
        rng = np.random.default_rng(seed)
        width = 1 if self.n_classes == 2 else self.n_classes
        direction = rng.standard_normal((p, width))
        if self.telling is not None:
            direction[self.telling :] = 0.0
        X = np.empty((n, p), dtype=self.dtype, order=self.order)
        margin = np.empty((n, width))
        scales = np.logspace(-self.decades, self.decades, p)
        for start in range(0, n, _BLOCK):
            rows = self._standard_rows(rng, min(_BLOCK, n - start), p)
            margin[start : start + _BLOCK] = rows @ direction
            X[start : start + _BLOCK] = rows * scales
        margin *= SIGNAL / margin.std(axis=0)
        if width == 1:
            y = rng.logistic(size=n) < margin[:, 0] + 0.5
        else:
            y = (margin + rng.gumbel(size=margin.shape)).argmax(axis=1)
        return Problem(X, y.astype(np.int64), self.C)

    def _standard_rows(self, rng: np.random.Generator, n: int, p: int) -> Array:
        rows = rng.standard_normal((n, p))
        if self.correlation:
            rows *= math.sqrt(1.0 - self.correlation)
            rows += math.sqrt(self.correlation) * rng.standard_normal((n, 1))
        return rows


@dataclass(frozen=True)
class Texts:
    """How words become a sparse problem: tf-idf of words whose frequencies are a power law.

    Parameters
    ----------
    n, p : int
        Texts, and words that there are. The word of rank r is drawn in proportion to 1 / r
        (Zipf, 1949); words are numbered in no order.
    words : int
        Mean of the Poisson number of words a text: 80 make 66 different ones.
    telling : float
        Share of the words that have a coefficient, a normal one.
    """

    n: int
    p: int
    words: int = 80
    telling: float = 0.05

    def make(self, seed: int, scale: float) -> Problem:
        """Make the problem, the same bits for the same seed; `scale` is the share of the texts.

        Weights are those of scikit-learn's TfidfTransformer: count times
        log((1 + n) / (1 + d)) + 1, d the number of texts with the word, rows of length 1.
        """
        n, rng = max(round(self.n * scale), 40), np.random.default_rng(seed)
        ranks = np.cumsum(1.0 / np.arange(1, self.p + 1))
        row = np.repeat(np.arange(n), np.maximum(rng.poisson(self.words, n), 1))
        place = np.searchsorted(ranks, ranks[-1] * rng.random(row.size))
        column = rng.permutation(self.p)[np.minimum(place, self.p - 1)]
        X = sp.csr_matrix((np.ones(row.size), (row, column)), shape=(n, self.p))
        texts = np.bincount(X.indices, minlength=self.p)
        X.data *= (np.log((1.0 + n) / (1.0 + texts)) + 1.0)[X.indices]
        lengths = np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel())
        X.data /= np.repeat(lengths, np.diff(X.indptr))
        told = rng.choice(self.p, round(self.telling * self.p), replace=False)
        coef = np.zeros(self.p)
        coef[told] = rng.standard_normal(told.size)
        margin = X @ coef
        margin *= SIGNAL / margin.std()
        return Problem(X, (rng.logistic(size=n) < margin + 0.5).astype(np.int64))


@dataclass(frozen=True)
class Penalties:
    """How a problem becomes one of an L1 penalty, or of a path of them.

    Parameters
    ----------
    make_rows : callable
        From seed and scale to the problem without it.
    l1_ratio : float
    count : int
        Penalties, evenly in the logarithm, from the one that holds all coefficients at 0 to 0.01
        of it; 0 for the problem's C alone.
    """

    make_rows: Callable[[int, float], Problem]
    l1_ratio: float = 1.0
    count: int = 0

    def make(self, seed: int, scale: float) -> Problem:
        """Make the problem, the same bits for the same seed."""
        rows = self.make_rows(seed, scale)
        if not self.count:
            return replace(rows, l1_ratio=self.l1_ratio)
        own = np.eye(rows.n_classes)[rows.y]
        largest = np.abs(rows.X.T @ (own - own.mean(axis=0))).max() / rows.y.size
        lambdas = largest / self.l1_ratio * np.logspace(0.0, -2.0, self.count)
        return replace(rows, l1_ratio=self.l1_ratio, lambdas=lambdas)


def _scaled_breast_cancer(seed: int, scale: float) -> Problem:
    X, y = load_breast_cancer(return_X_y=True)
    return Problem((X - X.mean(axis=0)) / X.std(axis=0), y)


def _breast_cancer(seed: int, scale: float) -> Problem:
    return Problem(*load_breast_cancer(return_X_y=True))


def _digits(seed: int, scale: float) -> Problem:
    return Problem(*load_digits(return_X_y=True))


_TALL = {"n": 2_000_000, "p": 50}

DATASETS: dict[str, Callable[[int, float], Problem]] = {
    "tall": Truth(**_TALL).make,
    "tall-correlated": Truth(**_TALL, correlation=0.95, decades=3.0).make,
    "tall-fortran": Truth(**_TALL, order="F").make,
    "tall-float32": Truth(**_TALL, dtype="float32").make,
    "tall-unpenalised": Truth(**_TALL, C=math.inf).make,
    "breast-cancer": _breast_cancer,
    "multinomial": Truth(200_000, 50, n_classes=10).make,
    "digits": _digits,
    "wide": Truth(1_000, 20_000, wide=True).make,
    "sparse": Texts(100_000, 100_000).make,
    "sparse-l1": Penalties(Texts(100_000, 100_000).make).make,
    "l1-path": Penalties(
        Truth(2_000, 5_000, correlation=0.5, order="F", telling=50, wide=True).make, count=100
    ).make,
    "enet-path": Penalties(
        Truth(5_000, 500, n_classes=5, order="F", telling=50).make, l1_ratio=0.5, count=100
    ).make,
    "scaled-breast-cancer": _scaled_breast_cancer,
    "cv": Truth(200_000, 50).make,
    "inference": Truth(500_000, 30, C=math.inf).make,
    "small": Truth(10_000, 50).make,
    **{f"rows-{n}": Truth(int(float(n)), 20).make for n in ("1e4", "1e5", "1e6", "3e6", "1e7")},
}


def problem(name: str, seed: int = 0, scale: float = 1.0) -> Problem:
    """Make the data named `name`.

    Parameters
    ----------
    name : str
        A key of `DATASETS`.
    seed : int
    scale : float
        1 is the full size; data that scikit-learn ships have one size.

    Returns
    -------
    Problem
    """
    return DATASETS[name](seed, scale)


def objective(problem: Problem, coef: Array, intercept: Array) -> float:
    """Evaluate the objective at float64, block by block, the blocks' sums added exactly.

    Parameters
    ----------
    problem : Problem
    coef : array of shape (1, p), or (K, p) for K > 2 classes
    intercept : array of shape (1,) or (K,)

    Returns
    -------
    float
        Nats; rounding is about 1e-15 of it.
    """
    W = np.asarray(coef, dtype=np.float64)
    b = np.asarray(intercept, dtype=np.float64)
    sums = []
    for start in range(0, problem.y.size, _BLOCK):
        rows = problem.X[start : start + _BLOCK].astype(np.float64, copy=False)
        sums.append(_loss(rows @ W.T + b, problem.y[start : start + _BLOCK]))
    loss = math.fsum(sums)
    if math.isinf(problem.C):
        return loss
    ratio = problem.l1_ratio
    squares, sizes = math.fsum(W.ravel() ** 2), math.fsum(np.abs(W).ravel())
    return problem.C * loss + 0.5 * (1.0 - ratio) * squares + ratio * sizes


def _loss(margin: Array, y: Array) -> float:
    if margin.shape[1] == 1:
        return math.fsum(np.logaddexp(0.0, np.where(y == 1, -margin[:, 0], margin[:, 0])))
    top = margin.max(axis=1)
    total = np.log(np.exp(margin - top[:, None]).sum(axis=1))
    return math.fsum(total + (top - margin[np.arange(y.size), y]))
