"""The ridge penalty l2 / 2 * ||w||^2 on the user's scale, as a diagonal in any coordinates."""

from dataclasses import dataclass

from oddsmith.core.stable import Array

__all__ = ["Penalty"]


@dataclass(frozen=True, slots=True)
class Penalty:
    """1/2 sum_j P_j coef_j^2 with a diagonal P >= 0 of shape (q,), 0 where nothing is penalised.

    In standardised coordinates coef_j = scale_j w_j, so that P_j = l2 / scale_j^2 penalises the
    user's own w_j; the entries of intercepts are 0.

    Examples
    --------
    >>> import numpy as np
    >>> penalty = Penalty(np.array([2.0, 0.0]))
    >>> penalty.value(np.array([3.0, 5.0])), penalty.gradient(np.array([3.0, 5.0]))
    (9.0, array([6., 0.]))
    """

    diagonal: Array

    def value(self, coef: Array) -> float:
        """Penalty at coef (nats, summed like the losses)."""
        return 0.5 * float(self.diagonal @ (coef * coef))

    def gradient(self, coef: Array) -> Array:
        """P coef, of shape (q,)."""
        return self.diagonal * coef
