"""Gradient descent, as every article on logistic regression begins."""

from collections.abc import Iterator
from dataclasses import dataclass

from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.parameters import Parameters, require_positive, require_whole
from oddsmith.solvers.run import Iterate

__all__ = ["GradientDescent"]


@dataclass
class GradientDescent(Parameters):
    """Full-batch gradient descent: coef <- coef - learning_rate * gradient of the mean loss.

    It walks on the user's own columns, from zero, as the textbook does (Murphy, 2022, equation
    10.22): columns of very different scales make it slow, or diverge.

    Parameters
    ----------
    learning_rate : float
        Step per unit of the gradient of the objective per unit of weight.
    epochs : int
        Steps at the most, one pass over the rows each.

    Examples
    --------
    >>> GradientDescent(learning_rate=0.5, epochs=10)
    GradientDescent(learning_rate=0.5, epochs=10)
    """

    learning_rate: float = 0.1
    epochs: int = 1000
    name = "gradient-descent"
    order = 1
    handles_l1 = False
    standardised = False

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)
        require_whole("epochs", self.epochs)

    @property
    def max_iter(self) -> int:
        """Steps at the most: the epochs."""
        return self.epochs

    def iterates(self, objective: Objective, start: Array) -> Iterator[Iterate]:
        """Walk from start, forever."""
        coef = start
        while True:
            moments = objective.evaluate(coef, 1)
            gradient = moments.gradient
            # With curvature at most L, f(coef) - min f is at least ||g||^2 / (2 L)
            # (Nesterov, 2018, 2.1.6): only when that is small is a proof worth its passes.
            estimate = float(gradient @ gradient) / (2.0 * objective.lipschitz_bound)
            yield Iterate(coef, moments.value, gradient, estimate)
            coef = coef - self.learning_rate / objective.weight * gradient
