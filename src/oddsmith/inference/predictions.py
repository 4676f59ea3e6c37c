"""Predicted probabilities with their standard errors and intervals.

With V the covariance of the margins of a row, the delta method gives se(P_k)^2 = (dP_k)' V (dP_k),
dP_k/dm_l = P_k ([k = l] - P_l). Intervals are made on the scale of log(P_k / (1 - P_k)), whose
standard error is se(P_k) / (P_k (1 - P_k)), and carried back, so that they stay between 0 and 1
(Hosmer, Lemeshow and Sturdivant, 2013, 2.5); for two classes that is the margin itself.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from oddsmith.core.block import Block
from oddsmith.core.stable import Array, logsumexp, sigmoid, softmax
from oddsmith.data.frames import frame_of
from oddsmith.data.memory import memory_blocks
from oddsmith.errors import ParameterError
from oddsmith.inference.delta import Delta
from oddsmith.inference.likelihood import Likelihood
from oddsmith.inference.observations import observed

__all__ = ["Predictions", "predictions"]


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """Probabilities of n rows, with statsmodels' names; arrays of shape (n,), or (n, K) for K > 2.

    Attributes
    ----------
    predicted : array
        Probability of the second class; of each class for K > 2.
    se : array
        Its standard error by the delta method.
    linpred : array
        log(P / (1 - P)) (nats).
    linpred_se : array
        Its standard error.
    classes : tuple
        K labels.
    """

    predicted: Array
    se: Array
    linpred: Array
    linpred_se: Array
    classes: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"<Predictions of {len(self.predicted)} rows: summary_frame() shows them>"

    @property
    def var_pred(self) -> Array:
        """Variance of `predicted`."""
        return self.se**2

    def conf_int(
        self, alpha: float = 0.05, method: Literal["endpoint", "delta"] = "endpoint"
    ) -> Array:
        """Intervals of level 1 - alpha, of shape (n, 2), or (n, 2, K) for K > 2.

        Parameters
        ----------
        alpha : float
        method : "endpoint" or "delta"
            On the scale of the log-odds, or on that of the probability, where an interval can
            leave [0, 1].

        Raises
        ------
        ParameterError
            If an argument has no such value.
        """
        if method not in ("endpoint", "delta"):
            raise ParameterError(f"method={method!r} is not known; use 'endpoint' or 'delta'.")
        if not 0.0 < alpha < 1.0:
            raise ParameterError(f"alpha={alpha!r} is not between 0 and 1; 0.05 is usual.")
        z = float(-ndtri(0.5 * alpha))
        ends = [-z, z]
        if method == "delta":
            return np.stack([self.predicted + end * self.se for end in ends], axis=1)
        found = [sigmoid(self.linpred + end * self.linpred_se) for end in ends]
        return np.stack(found, axis=1)

    def summary_frame(self, alpha: float = 0.05) -> Any:
        """Table with statsmodels' columns, a pandas DataFrame; for K > 2 a row for each class.

        Raises
        ------
        MissingPackageError
            If there is no pandas.
        """
        ends = self.conf_int(alpha)
        numbers = {
            "predicted": self.predicted,
            "se": self.se,
            "ci_lower": ends[:, 0],
            "ci_upper": ends[:, 1],
        }
        table = {name: values.ravel() for name, values in numbers.items()}
        if self.predicted.ndim == 1:
            return frame_of(table)
        n, K = self.predicted.shape
        labels = {
            "row": np.repeat(np.arange(n), K),
            "endog": np.tile(np.array(self.classes, dtype=object), n),
        }
        return frame_of(labels | table).set_index(["row", "endog"])


def predictions(
    likelihood: Likelihood,
    X: Any = None,
    offset: Array | None = None,
    meat: Array | None = None,
) -> Predictions:
    """Probabilities of the rows of the fit, or of others.

    Parameters
    ----------
    likelihood : Likelihood
    X : array or CSR of shape (n, p), optional
        Other rows, with the likelihood's columns.
    offset : array of shape (n,) or (n, K), optional
        Of those rows.
    meat : array of shape (size, size), optional
        Of a robust covariance.

    Returns
    -------
    Predictions
        NaN for rows of weight 0.
    """
    objective = likelihood.objective
    kernel = _Predict(likelihood, Delta.of(likelihood, meat))
    if X is None:
        found = observed(likelihood, kernel)
    else:
        y = np.zeros(X.shape[0], dtype=np.int8)
        blocks = memory_blocks(X, y, offset=offset, width=objective.width)
        found = np.concatenate([kernel(blocks[i]) for i in range(len(blocks))])
    predicted, se, linpred, error = np.moveaxis(
        found if objective.width > 1 else found[:, :, 0], 1, 0
    )
    return Predictions(predicted, se, linpred, error, likelihood.classes)


@dataclass(frozen=True)
class _Predict:
    """Block -> probability, its error, log-odds, its error, of shape (n, 4, K)."""

    likelihood: Likelihood
    delta: Delta

    def __call__(self, block: Block) -> Array:
        objective = self.likelihood.objective
        rows = objective.design(block).dense()
        table = self.likelihood.coef.reshape(-1, objective.width)
        margin = rows @ table + block.offset.reshape(len(rows), -1)
        V = self.delta.products(rows, objective.width)
        if objective.width == 1:
            error = np.sqrt(V[:, :, 0])
            one, zero = sigmoid(margin), sigmoid(-margin)
            return np.stack([one, one * zero * error, margin, error], axis=1)
        P = softmax(margin)
        logit = _log_odds(margin)
        # d log(P_k / (1 - P_k)) / dm = e_k - the others' shares among themselves.
        slope = _others(margin)
        error = np.sqrt(np.maximum(np.einsum("nkl,nlm,nkm->nk", slope, V, slope), 0.0))
        return np.stack([P, P * sigmoid(-logit) * error, logit, error], axis=1)


def _log_odds(margin: Array) -> Array:
    """log(P_k / (1 - P_k)) = m_k - log sum of exp(m_l) over the other classes, of shape (n, K)."""
    K = margin.shape[1]
    rest = [logsumexp(np.delete(margin, k, axis=1)) for k in range(K)]
    return margin - np.stack(rest, axis=1)


def _others(margin: Array) -> Array:
    """Derive the log-odds in the margins, of shape (n, K, K)."""
    n, K = margin.shape
    slope = np.zeros((n, K, K))
    for k in range(K):
        others = np.arange(K) != k
        slope[:, k, others] = -softmax(margin[:, others])
        slope[:, k, k] = 1.0
    return slope
