"""What true and false positives and negatives amount to: the usual measures, none of them guessed.

Where a measure has nothing to divide by it is NaN, not 0: a threshold at which no row is positive
has no precision.
"""

import re
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError

__all__ = ["MEASURES", "Measures", "measure_named"]

# Beyond, F-beta is recall to the last digit of a float.
_LARGEST_BETA = 1e6


class Measures:
    """Measures of counts, of one threshold (floats) or of m (arrays of shape (m,)).

    Attributes
    ----------
    tp, fp, tn, fn : float or array
        Weight of the true positives, false positives, ....
    """

    __slots__ = ()

    tp: Any
    fp: Any
    tn: Any
    fn: Any

    @property
    def accuracy(self) -> Any:
        """(tp + tn) / all."""
        right = self.tp + self.tn
        return _ratio(right, right + (self.fp + self.fn))

    @property
    def precision(self) -> Any:
        """Share of those called positive that are: tp / (tp + fp)."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Any:
        """Share of the positives that are called so: tp / (tp + fn)."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> Any:
        """Share of the negatives that are called so: tn / (tn + fp)."""
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def f1(self) -> Any:
        """2 tp / (2 tp + fn + fp): harmonic mean of precision and recall."""
        return self.f_beta(1.0)

    @property
    def balanced_accuracy(self) -> Any:
        """(recall + specificity) / 2."""
        return 0.5 * (self.recall + self.specificity)

    @property
    def youden(self) -> Any:
        """Recall + specificity - 1 (Youden, 1950)."""
        return self.recall + self.specificity - 1.0

    @property
    def mcc(self) -> Any:
        """Correlation of called with true (Matthews, 1975).

        (tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn)).
        """
        total = np.max(self.tp + self.fp + self.tn + self.fn)
        # By a power of two, which rounds nothing: products of counts do not overflow.
        scale = -int(np.frexp(total)[1])
        tp, fp, tn, fn = (np.ldexp(count, scale) for count in (self.tp, self.fp, self.tn, self.fn))
        found = _ratio(
            tp * tn - fp * fn, np.sqrt(((tp + fp) * (tn + fn)) * ((tp + fn) * (tn + fp)))
        )
        return found if np.ndim(found) else float(found)

    def f_beta(self, beta: float) -> Any:
        """(1 + b) tp / ((1 + b) tp + b fn + fp) with b = beta**2 (van Rijsbergen, 1979).

        Parameters
        ----------
        beta : float
            Recall counts beta times as much as precision.
        """
        if not 0.0 <= beta <= _LARGEST_BETA:
            raise ParameterError(
                f"beta={beta!r} is not between 0, which is precision, and {_LARGEST_BETA:.0e}, "
                "which is recall."
            )
        b = float(beta) ** 2
        hits = (1.0 + b) * self.tp
        return _ratio(hits, hits + (b * self.fn + self.fp))

    def cost(self, fp: float = 0.0, fn: float = 0.0, tp: float = 0.0, tn: float = 0.0) -> Any:
        """Total cost of all rows (not the mean), in the unit of the costs.

        Parameters
        ----------
        fp, fn, tp, tn : float
            What a false positive, a false negative, ... costs; negative where it is worth it.
        """
        return fp * self.fp + fn * self.fn + (tp * self.tp + tn * self.tn)


def _ratio(over: Any, under: Any) -> Any:
    """Quotient; NaN where there is nothing to divide by."""
    if np.ndim(under) == 0:
        return float(over / under) if under > 0 else float("nan")
    return np.divide(over, under, out=np.full(np.shape(under), np.nan), where=under > 0)


MEASURES = (
    "accuracy",
    "balanced_accuracy",
    "f1",
    "mcc",
    "precision",
    "recall",
    "specificity",
    "youden",
)

_F_BETA = re.compile(r"f(\d+(?:\.\d+)?)")


def measure_named(counts: Measures, name: str) -> Array:
    """Measure by its name: one of `MEASURES`, or "f" and beta, as in "f0.5".

    Raises
    ------
    ParameterError
        If there is none of that name.

    Examples
    --------
    >>> from oddsmith.decisions.threshold_choice import Choice
    >>> measure_named(Choice(0.5, "", 0.0, tp=3.0, fp=1.0, tn=5.0, fn=1.0), "precision")
    0.75
    """
    if name in MEASURES:
        return getattr(counts, name)
    beta = _F_BETA.fullmatch(name) if isinstance(name, str) else None
    if beta is None:
        raise ParameterError(
            f"{name!r} is no measure of a threshold; use one of {', '.join(MEASURES)}, or f and "
            "beta, as in 'f2'."
        )
    return counts.f_beta(float(beta[1]))
