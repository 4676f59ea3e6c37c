"""The frozen outcome of a fit, which every later room reads."""

from dataclasses import dataclass
from typing import Any

from oddsmith.core.stable import Array

__all__ = ["Fit"]


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a solver stopped, with proof of how far from the minimum that can be.

    Attributes
    ----------
    coef : array of shape (p, K)
        On the user's scale; K = 1 for two classes.
    intercept : array of shape (K,)
    solver : str
        Name of the solver that ran.
    n_iter : int
        Steps taken.
    n_passes : int
        How often the rows were read, all in all.
    objective : float
        Nats per unit of weight: (sum_i s_i loss_i + l2 / 2 ||coef||^2) / sum_i s_i.
    gap : float
        Proved upper bound on `objective` minus its minimum (nats per unit of weight).
    tol : float
        The gap that was asked for.
    history : dict of str to array
        Per iteration: iteration, objective, loss, gap, gradient_norm; where there was a
        validation set accuracy, validation_loss and validation_accuracy; and where it was asked
        for coef of shape (m, K, p) and intercept of shape (m, K).
    separated : str or None
        "complete" or "quasi" where the rows show that the classes can be separated.
    aliased : tuple of int or None
        Columns that are linear combinations of columns before them (and the intercept); None
        where there are too many columns to look.
    stopped : str
        Why the solver stopped: "converged", "early" (the validation loss had long been least),
        "max_iter", "stalled" or "diverged".
    steady_rate : float or None
        A learning rate that would work, where the one given made the objective rise.
    state : object or None
        What the solver needs to go on from here.
    """

    coef: Array
    intercept: Array
    solver: str
    n_iter: int
    n_passes: int
    objective: float
    gap: float
    tol: float
    history: dict[str, Array]
    separated: str | None
    aliased: tuple[int, ...] | None
    stopped: str
    steady_rate: float | None = None
    state: Any = None

    @property
    def converged(self) -> bool:
        """Whether the proved gap is within tol."""
        return self.gap <= self.tol
