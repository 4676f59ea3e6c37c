"""Gradient descent, as every article on logistic regression begins.

The step itself is `plain` in `rules`; here are its epochs and batches. Objectives are sums over
rows: divided by W, the weight of all rows, they are means.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from oddsmith.core.columns import Standardisation
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError
from oddsmith.solvers.parameters import (
    Parameters,
    require_boolean,
    require_positive,
    require_whole,
)
from oddsmith.solvers.rules import Memory, Schedule, rule_named, schedule_named
from oddsmith.solvers.run import Iterate
from oddsmith.solvers.steady_rate import rose, steady_rate

if TYPE_CHECKING:
    from oddsmith.core.block import BlockSource

__all__ = ["Descent", "GradientDescent"]


@dataclass(frozen=True, slots=True)
class Descent:
    """All that a descent needs to go on as if it had never stopped.

    Attributes
    ----------
    coef : array of shape (q,)
    memory : Memory
        Of the rule.
    epoch : int
        Epochs done.
    seed : int
        What the orders of the rows are drawn from.
    """

    coef: Array
    memory: Memory
    epoch: int
    seed: int


@dataclass
class GradientDescent(Parameters):
    """Gradient descent: coef <- coef - learning_rate * gradient of the mean loss.

    Full batch, minibatch or stochastic (Murphy, 2022, equation 10.22 and section 8.4). It walks
    on the user's own columns, as the textbook does: columns of very different scales make it
    slow, or diverge. An L1 penalty is met by a proximal step, which sets weights to exactly 0
    (Parikh and Boyd, 2014, 4.2).

    Parameters
    ----------
    learning_rate : float
        Step per unit of the gradient of the objective per unit of weight.
    epochs : int
        Passes over the rows, at the most.
    batch_size : int or None
        Rows of a step: None takes all, 1 is stochastic gradient descent.
    rule : "plain", "momentum", "nesterov" or "adam"
        How a gradient becomes a step, see `oddsmith.solvers.rules`.
    schedule : None, "step", "inverse", "cosine" or callable
        Share of the learning rate in an epoch; a callable is given the epoch (from 0) and the
        number of epochs.
    init : "zeros" or "normal"
        Where to start: at 0, or at standard normal numbers, intercept included, drawn from the
        estimator's `random_state`.
    shuffle : bool
        Whether batches are drawn in a new order in every epoch, from `random_state`.
    early_stopping : bool
        End where the loss on the validation rows has not fallen for `patience` epochs, and keep
        the coefficients where it was least.
    patience : int
        Epochs.
    standardize : bool
        Walk on columns of mean 0 and standard deviation 1 (sparse ones are scaled only). The
        coefficients come back on the user's scale, where the penalty stays.

    Raises
    ------
    ParameterError
        If a parameter cannot be used.

    Examples
    --------
    >>> solver = GradientDescent(learning_rate=0.5, epochs=10, batch_size=32, rule="adam")
    >>> solver.learning_rate, solver.rule
    (0.5, 'adam')
    """

    learning_rate: float = 0.1
    epochs: int = 1000
    batch_size: int | None = None
    rule: str = "plain"
    schedule: str | Schedule | None = None
    init: str = "zeros"
    shuffle: bool = True
    early_stopping: bool = False
    patience: int = 10
    standardize: bool = False
    name = "gradient-descent"
    order = 1
    handles_l1 = True
    standardised = False

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)
        for name in ("epochs", "patience"):
            require_whole(name, getattr(self, name))
        if self.batch_size is not None:
            require_whole("batch_size", self.batch_size)
        for name in ("shuffle", "early_stopping", "standardize"):
            require_boolean(name, getattr(self, name))
        rule_named(self.rule)
        schedule_named(self.schedule)
        if self.init not in ("zeros", "normal"):
            raise ParameterError(f"init={self.init!r} is not known; use 'zeros' or 'normal'.")

    @property
    def max_iter(self) -> int:
        """Epochs at the most."""
        return self.epochs

    @property
    def waits(self) -> int | None:
        """Epochs to wait for a lower validation loss."""
        return self.patience if self.early_stopping else None

    def coordinates(self, objective: Objective, sparse: bool) -> Standardisation:
        """Coordinates to walk in: the user's columns, or those of mean 0 and deviation 1."""
        columns = objective.columns
        if not self.standardize:
            return Standardisation.none(columns.mean.size)
        centred = objective.design.intercept and not sparse
        center = columns.mean if centred else np.zeros_like(columns.mean)
        scale = np.where(columns.constant | (columns.spread == 0), 1.0, columns.spread)
        return Standardisation(center, scale)

    def begin(self, size: int, given: Array | None, seed: int) -> Descent:
        """Make the state of a descent that has not taken a step.

        Parameters
        ----------
        size : int
            Length of coef.
        given : array of shape (size,), or None
            Where to start, instead of `init`.
        seed : int

        Returns
        -------
        Descent
        """
        coef = np.zeros(size) if given is None else given
        if given is None and self.init == "normal":
            coef = np.random.default_rng(seed).normal(size=size)
        return Descent(coef, rule_named(self.rule).init(coef), 0, seed)

    def iterates(self, objective: Objective, start: Descent | Array) -> Iterator[Iterate]:
        """Walk from start, forever: one iterate an epoch."""
        here = start if isinstance(start, Descent) else self.begin(objective.size, start, 0)
        penalty, steepness = objective.penalty, objective.lipschitz_bound
        while True:
            moments = objective.evaluate(here.coef, 1)
            gradient = penalty.steepest(here.coef, moments.gradient)
            # With curvature at most L, f(coef) - min f is at least ||g||^2 / (2 L)
            # (Nesterov, 2018, 2.1.6): only when that is small is a proof worth its passes.
            estimate = float(gradient @ gradient) / (2.0 * steepness)
            yield Iterate(here.coef, moments.value, gradient, estimate, state=here)
            here = self.after_epoch(objective, here, moments.gradient)

    def after_epoch(self, objective: Objective, here: Descent, gradient: Array) -> Descent:
        """Go on for one epoch.

        Parameters
        ----------
        objective : Objective
        here : Descent
        gradient : array of shape (q,)
            Of all rows at `here.coef`: the only step of a full-batch epoch.

        Returns
        -------
        Descent
        """
        rule, penalty, W = rule_named(self.rule), objective.penalty, objective.weight
        rate = self._rate(here.epoch)
        coef, memory = here.coef, here.memory

        def prox(point: Array, step: float | Array) -> Array:
            return penalty.prox(point, step / W) if objective.l1 > 0 or penalty.bounded else point

        if self.batch_size is None:
            coef, memory = rule.update(coef, gradient / W, rate, prox, memory)
        else:
            seed = here.seed if self.shuffle else None
            # Others are refused by `CountedSource`, which all sources come in.
            source = cast("BlockSource", objective.source)
            for share, block in source.batches(self.batch_size, here.epoch, seed):
                gradient = objective.batch_gradient(coef, block, share)
                coef, memory = rule.update(coef, gradient / W, rate, prox, memory)
        return Descent(coef, memory, here.epoch + 1, here.seed)

    def _rate(self, epoch: int) -> float:
        share: Any = schedule_named(self.schedule)(epoch, self.epochs)
        if not (isinstance(share, Real) and 0.0 <= float(share) < np.inf):
            raise ParameterError(
                f"schedule gave {share!r} in epoch {epoch}; it must give a finite number that is "
                "not negative, the share of the learning rate."
            )
        return self.learning_rate * float(share)

    def steady_rate(self, objective: Objective, values: list[float]) -> float | None:
        """Learning rate that would work, where this one made the objective rise."""
        batches = self.batch_size is not None
        if not rose(values, self.rule, batches):
            return None
        return steady_rate(objective, self.rule, batches)
