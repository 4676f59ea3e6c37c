"""Independent answers: logistic regression in long double, with nothing of oddsmith in it.

The objective is written from its definition, per unit of weight,

    [sum_i w_i loss_i + ||coef||^2 / (2 C)] / sum_i w_i,

and its minimum is found by Newton steps whose gradient is long double (64 bits of mantissa) and
whose linear solve is float64: each step then removes about ten digits of the error, so a few steps
reach the rounding of long double. ``test_certificate.py`` checks it against mpmath (40 digits).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

LD = np.longdouble


@dataclass(frozen=True)
class Problem:
    """Rows, and what is asked of them. ``y`` holds class indices 0..K-1; K = 2 is binary."""

    X: np.ndarray  # (n, p)
    y: np.ndarray  # (n,)
    n_classes: int = 2
    weight: np.ndarray | None = None  # (n,)
    offset: np.ndarray | None = None  # (n,) or (n, K)
    C: float = np.inf
    fit_intercept: bool = True

    @property
    def weights(self) -> np.ndarray:
        return np.ones(len(self.y), LD) if self.weight is None else np.asarray(self.weight, LD)

    @property
    def l2(self) -> LD:
        return LD(0) if np.isinf(self.C) else 1 / LD(self.C)

    @property
    def n_margins(self) -> int:
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def offsets(self) -> np.ndarray:
        """(n, n_margins)."""
        if self.offset is None:
            return np.zeros((len(self.y), self.n_margins), LD)
        return np.asarray(self.offset, LD).reshape(len(self.y), self.n_margins)

    def fit_arguments(self) -> dict[str, Any]:
        """What ``LogisticRegression.fit`` takes beside X and y."""
        given = {"sample_weight": self.weight, "offset": self.offset}
        return {name: value for name, value in given.items() if value is not None}

    def with_(self, **changes: Any) -> Problem:
        return replace(self, **changes)


@dataclass(frozen=True)
class Minimum:
    coef: np.ndarray  # (1, p) or (K, p), long double
    intercept: np.ndarray  # (1,) or (K,)
    objective: LD


def _row_losses(margins: np.ndarray, y: np.ndarray) -> np.ndarray:
    """-log P(y_i), without cancellation: log(1 + exp(-+z)), or log sum_k exp(z_k - z_y)."""
    if margins.shape[1] == 1:
        return np.logaddexp(LD(0), np.where(y == 1, -margins[:, 0], margins[:, 0]))
    below = margins - margins[np.arange(len(y)), y][:, None]
    top = below.max(axis=1, keepdims=True)
    return top[:, 0] + np.log(np.exp(below - top).sum(axis=1))


def _probabilities(margins: np.ndarray) -> np.ndarray:
    """(n, 1) of the positive class, or (n, K)."""
    if margins.shape[1] == 1:
        small = np.exp(-np.abs(margins))
        return np.where(margins >= 0, 1, small) / (1 + small)
    e = np.exp(margins - margins.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _exact_dot(w: np.ndarray, centre: np.ndarray, b: LD) -> LD:
    """b + w @ centre, rounded once."""
    terms = zip([*w, b], [*centre, 1.0], strict=True)
    total = sum((_fraction(v) * Fraction(float(c)) for v, c in terms), Fraction(0))
    high = float(total)
    return LD(high) + LD(float(total - Fraction(high)))


def _fraction(value: LD) -> Fraction:
    """A long double is the exact sum of two float64."""
    high = float(value)
    return Fraction(high) + Fraction(float(value - LD(high)))


def objective(problem: Problem, coef: Any, intercept: Any) -> LD:
    """The objective per unit of weight at these coefficients, in long double."""
    coef = np.asarray(coef, LD).reshape(problem.n_margins, -1)
    # Far from zero X coef and the intercept cancel, and the rounding left in each row would not
    # average out; around a centre the difference is exact, and so is the margin at the centre.
    centre = np.asarray(problem.X, LD).mean(axis=0).astype(float)
    origin = [
        _exact_dot(w, centre, b) for w, b in zip(coef, np.asarray(intercept, LD), strict=True)
    ]
    margins = (np.asarray(problem.X, LD) - centre) @ coef.T + np.array(origin) + problem.offsets
    w = problem.weights
    total = (w * _row_losses(margins, problem.y)).sum() + problem.l2 / 2 * (coef**2).sum()
    return total / w.sum()


def minimum(problem: Problem) -> Minimum:
    """The minimum in long double; for full column rank and, without a penalty, overlapping classes.

    Softmax: the representative whose coefficients and intercepts sum to 0 over the classes.
    """
    X, w, K = np.asarray(problem.X, LD), problem.weights, problem.n_margins
    n, p = X.shape
    # Newton in standardised columns Z; the penalty stays on the user's scale.
    centre = X.mean(axis=0) if problem.fit_intercept else np.zeros(p, LD)
    scale = np.sqrt(((X - centre) ** 2).mean(axis=0))
    Z = (X - centre) / scale
    ridge = np.repeat((problem.l2 / scale**2)[None, :], K, axis=0)
    if problem.fit_intercept:
        Z = np.column_stack([Z, np.ones(n, LD)])
        ridge = np.column_stack([ridge, np.zeros(K, LD)])
    q = Z.shape[1]
    target = (problem.y[:, None] == (np.arange(K) if K > 1 else np.array([1]))).astype(LD)

    def value(theta: np.ndarray) -> LD:
        losses = _row_losses(Z @ theta.T + problem.offsets, problem.y)
        return (w * losses).sum() + (ridge * theta**2).sum() / 2

    theta = np.zeros((K, q), LD)
    for _ in range(200):
        a = _probabilities(Z @ theta.T + problem.offsets)
        gradient = (w[:, None] * (a - target)).T @ Z + ridge * theta
        step = np.linalg.solve(_hessian(Z, a, w, ridge), -gradient.ravel().astype(float))
        step = step.reshape(K, q).astype(LD)
        size = LD(1)
        while value(theta + size * step) > value(theta) * (1 + 8 * np.finfo(LD).eps) + LD(1e-18):
            size /= 2
        theta = theta + size * step
        if np.abs(step).max() <= 1e-17 * (1 + np.abs(theta).max()):
            break
    else:
        raise AssertionError("the reference did not converge: separated or rank-deficient data?")
    coef = theta[:, :p] / scale
    intercept = theta[:, p] - coef @ centre if problem.fit_intercept else np.zeros(K, LD)
    return Minimum(coef, intercept, value(theta) / w.sum())


def _hessian(Z: np.ndarray, a: np.ndarray, w: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Float64 Hessian; softmax's null space (one shift for all classes) is filled, not cut.

    The gradient has no component there, so the step stays in the space that sums to 0.
    """
    K, q = ridge.shape
    Zf, af, wf = (np.asarray(v, float) for v in (Z, a, w))
    H = np.zeros((K, q, K, q))
    for k in range(K):
        for m in range(K):
            h = wf * af[:, k] * ((k == m) - af[:, m])
            H[k, :, m, :] = (Zf * h[:, None]).T @ Zf
            if K > 1:
                H[k, :, m, :] += np.eye(q) * wf.sum() / K
    return H.reshape(K * q, K * q) + np.diag(np.asarray(ridge, float).ravel())


def fit_recording(estimator: Any, *args: Any, **kwargs: Any) -> list[warnings.WarningMessage]:
    """Fit and return the warnings. No fit may end as NaN, nor claim what its gap denies."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(*args, **kwargs)
    assert np.isfinite(estimator.coef_).all()
    assert np.isfinite(estimator.intercept_).all()
    assert estimator.optimality_gap_ >= 0
    assert estimator.converged_ == (estimator.optimality_gap_ <= estimator.tol)
    assert estimator.converged_ or caught, "it fell short of tol and said nothing"
    return caught


def messages(caught: list[warnings.WarningMessage], category: type[Warning]) -> list[str]:
    return [str(w.message) for w in caught if issubclass(w.category, category)]
