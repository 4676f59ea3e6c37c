"""How a gradient becomes a step, and how the learning rate changes: rules and schedules.

A rule is a pair: `init(coef)` makes its memory, and `update(coef, gradient, rate, prox, memory)`
takes one step and gives the next coef and the memory to go on with. Nothing is hidden: whoever
keeps both goes on as if nothing had stopped.

`prox(point, step)` is the proximal step of a penalty with a kink (Parikh and Boyd, 2014, 4.2 and
6.5.2); without such a penalty it gives the point back. Every rule rests exactly where
0 is in gradient + subgradient, at the minimum of loss plus penalty, whatever its memory: that is
why the steps are written in displacements, and why Adam's prox is scaled as its step is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError

__all__ = [
    "RULES",
    "SCHEDULES",
    "Memory",
    "Proximal",
    "Rule",
    "Schedule",
    "rule_named",
    "schedule_named",
]

Proximal = Callable[[Array, "float | Array"], Array]

# The usual values of the literature: Sutskever et al. (2013), section 2; Kingma and Ba (2015).
_MOMENTUM = 0.9
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8
_DROPS, _DROP = 4, 0.5
_DECAY = 10.0


@dataclass(frozen=True, slots=True)
class Memory:
    """What a rule remembers between steps.

    Attributes
    ----------
    steps : int
        Steps taken.
    last : array of shape (q,)
        Momentum: coef one step ago; Nesterov: where the last gradient step ended.
    mean, square : arrays of shape (q,)
        Adam's running averages of the gradient and of its square.
    """

    steps: int
    last: Array
    mean: Array
    square: Array


Update = Callable[[Array, Array, float, Proximal, Memory], tuple[Array, Memory]]


@dataclass(frozen=True, slots=True)
class Rule:
    """An init/update pair, by name."""

    name: str
    update: Update

    def init(self, coef: Array) -> Memory:
        """Make the memory of a descent that begins at coef."""
        return Memory(0, coef, np.zeros_like(coef), np.zeros_like(coef))


def plain(
    coef: Array, gradient: Array, rate: float, prox: Proximal, memory: Memory
) -> tuple[Array, Memory]:
    """Gradient descent: coef <- prox(coef - rate g) (Cauchy, 1847).

    Examples
    --------
    >>> rule, start = rule_named("plain"), np.array([1.0])
    >>> rule.update(start, np.array([2.0]), 0.1, lambda point, step: point, rule.init(start))[0]
    array([0.8])
    """
    there = prox(coef - rate * gradient, rate)
    return there, Memory(memory.steps + 1, coef, memory.mean, memory.square)


def momentum(
    coef: Array, gradient: Array, rate: float, prox: Proximal, memory: Memory
) -> tuple[Array, Memory]:
    """Heavy ball: coef <- prox(coef - rate g + 0.9 (coef - last)) (Polyak, 1964, equation 9).

    With a prox it is iPiano (Ochs, Chen, Brox and Pock, 2014, section 4).

    Examples
    --------
    >>> start = np.array([1.0])
    >>> memory = Memory(1, np.array([1.5]), np.zeros(1), np.zeros(1))
    >>> momentum(start, np.array([2.0]), 0.1, lambda point, step: point, memory)[0]
    array([0.35])
    """
    there = prox(coef - rate * gradient + _MOMENTUM * (coef - memory.last), rate)
    return there, Memory(memory.steps + 1, coef, memory.mean, memory.square)


def nesterov(
    coef: Array, gradient: Array, rate: float, prox: Proximal, memory: Memory
) -> tuple[Array, Memory]:
    """Nesterov's momentum: x <- prox(coef - rate g), coef <- x + 0.9 (x - last x).

    The gradient is taken where the ball is about to be, which is coef (Nesterov, 1983; Sutskever
    et al., 2013, equations 3 and 4; with a prox, Beck and Teboulle, 2009, equation 4.1).

    Examples
    --------
    >>> start = np.array([1.0])
    >>> memory = Memory(1, np.array([1.3]), np.zeros(1), np.zeros(1))
    >>> nesterov(start, np.array([2.0]), 0.1, lambda point, step: point, memory)[0]
    array([0.35])
    """
    x = prox(coef - rate * gradient, rate)
    there = x + _MOMENTUM * (x - memory.last)
    return there, Memory(memory.steps + 1, x, memory.mean, memory.square)


def adam(
    coef: Array, gradient: Array, rate: float, prox: Proximal, memory: Memory
) -> tuple[Array, Memory]:
    """Adam: each coefficient has a step of its own, about as long as the rate.

    m <- 0.9 m + 0.1 g and v <- 0.999 v + 0.001 g^2, corrected for their start at zero; the step
    is rate m / (1 - 0.9^t) / (sqrt(v / (1 - 0.999^t)) + 1e-8) (Kingma and Ba, 2015, algorithm 1).
    The prox is that of the same metric (Duchi, Hazan and Singer, 2011, equation 4).

    Examples
    --------
    >>> rule, start = rule_named("adam"), np.zeros(2)
    >>> gradient = np.array([1e-3, -5.0])
    >>> rule.update(start, gradient, 0.1, lambda point, step: point, rule.init(start))[0].round(4)
    array([-0.1,  0.1])
    """
    steps = memory.steps + 1
    mean = _BETA_1 * memory.mean + (1.0 - _BETA_1) * gradient
    square = _BETA_2 * memory.square + (1.0 - _BETA_2) * gradient**2
    step = rate / (np.sqrt(square / (1.0 - _BETA_2**steps)) + _EPSILON)
    there = prox(coef - step * mean / (1.0 - _BETA_1**steps), step)
    return there, Memory(steps, coef, mean, square)


RULES = (
    Rule("plain", plain),
    Rule("momentum", momentum),
    Rule("nesterov", nesterov),
    Rule("adam", adam),
)

# Share of the learning rate that is used in an epoch, from the epoch (from 0) and their number:
# a schedule remembers nothing, so that a descent can go on at any epoch.
Schedule = Callable[[int, int], float]


def constant(epoch: int, epochs: int) -> float:
    """Keep the whole learning rate in every epoch."""
    return 1.0


def step(epoch: int, epochs: int) -> float:
    """Halve the rate at each quarter of the epochs (step decay: Ge et al., 2019).

    Examples
    --------
    >>> [step(epoch, 8) for epoch in range(8)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    """
    return _DROP ** (_DROPS * epoch // max(1, epochs))


def inverse(epoch: int, epochs: int) -> float:
    """Decay as 1 / (1 + 10 t / T) in epoch t of T (Bottou, 2012, 5.2).

    Examples
    --------
    >>> inverse(0, 100), inverse(90, 100)
    (1.0, 0.1)
    """
    return 1.0 / (1.0 + _DECAY * epoch / max(1, epochs))


def cosine(epoch: int, epochs: int) -> float:
    """Fall along half a cosine: (1 + cos(pi t / T)) / 2 (Loshchilov and Hutter, 2017, eq. 5).

    It is 0 from epoch T on.

    Examples
    --------
    >>> cosine(0, 100), round(cosine(50, 100), 12)
    (1.0, 0.5)
    """
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, epoch / max(1, epochs))))


SCHEDULES: dict[str | None, Schedule] = {
    None: constant,
    "step": step,
    "inverse": inverse,
    "cosine": cosine,
}


def rule_named(name: str) -> Rule:
    """Rule of a name.

    Raises
    ------
    ParameterError
        If there is none.

    Examples
    --------
    >>> rule_named("adam").name
    'adam'
    """
    for rule in RULES:
        if rule.name == name:
            return rule
    known = ", ".join(repr(rule.name) for rule in RULES)
    raise ParameterError(f"rule={name!r} is not known; use one of {known}.")


def schedule_named(schedule: str | Schedule | None) -> Schedule:
    """Schedule of a name, or the callable itself.

    Raises
    ------
    ParameterError
        If there is none of that name.

    Examples
    --------
    >>> schedule_named("step")(5, 10), schedule_named(lambda epoch, epochs: 0.3)(5, 10)
    (0.25, 0.3)
    """
    if callable(schedule):
        return schedule
    for name, known in SCHEDULES.items():
        if name == schedule:
            return known
    named = ", ".join(repr(name) for name in SCHEDULES)
    raise ParameterError(
        f"schedule={schedule!r} is not known; use one of {named}, or a function of the epoch and "
        "the number of epochs."
    )
