"""One loop around every solver: stopping, tracing, progress. Solvers only walk."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np

from oddsmith.core.certificate import FLOOR, Certificate
from oddsmith.core.columns import Standardisation
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.line_search import SAFE_REACH

__all__ = ["Iterate", "Progress", "Run", "Solver", "Stop", "Watch", "run"]

Stop = Literal["converged", "early", "max_iter", "stalled", "diverged"]


@dataclass(frozen=True, slots=True)
class Iterate:
    """Where a solver stands, and what it knows there.

    Attributes
    ----------
    coef : array of shape (q,)
    value : float
        f(coef), nats.
    gradient : array of shape (q,)
        Least-norm subgradient where the penalty has a kink.
    estimate : float
        The solver's guess of f(coef) - min f (nats); it only says when to ask for a proof.
    certificate : Certificate or None
        A proof, where the solver has one in passing.
    successor : array of shape (q,), or None
        The next coef, where it is already known and provably no worse.
    state : object or None
        What the solver needs to go on from here as if it had never stopped.
    prove : callable or None
        A proof that the solver has at less than the usual price, or None where it fails.
    nearby : callable or None
        The same at any coef near by.
    """

    coef: Array
    value: float
    gradient: Array
    estimate: float
    certificate: Certificate | None = None
    successor: Array | None = None
    state: Any = None
    prove: Callable[[], Certificate | None] | None = None
    nearby: Callable[[Array], Certificate | None] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What a watcher is told at every iteration.

    Attributes
    ----------
    iteration, max_iter : int
    objective : float
        Nats per unit of weight.
    gap : float or None
        The best bound so far on the distance from the minimum (nats per unit of weight).
    gradient_norm : float
        Of the objective per unit of weight, in the solver's coordinates.
    """

    iteration: int
    max_iter: int
    objective: float
    gap: float | None
    gradient_norm: float


Watch = Callable[[Progress], None]


class Solver(Protocol):
    """A generator of iterates, and what it can do."""

    @property
    def name(self) -> str:
        """Name, as in the table of `choose`."""
        ...

    @property
    def order(self) -> int:
        """Derivatives that it needs."""
        ...

    @property
    def handles_l1(self) -> bool:
        """Whether the penalty may have a kink."""
        ...

    @property
    def standardised(self) -> bool:
        """Whether it is free to walk as it likes; a textbook's method stays the textbook's."""
        ...

    @property
    def max_iter(self) -> int:
        """Steps at the most, unless told otherwise."""
        ...

    @property
    def waits(self) -> int | None:
        """Steps to wait for a lower validation loss, None for ever."""
        ...

    def coordinates(self, objective: Objective, sparse: bool, /) -> Standardisation:
        """Coordinates to walk in."""
        ...

    def begin(self, size: int, given: Array | None, seed: int, /) -> Any:
        """Where to start: at the coef given, or where the solver likes."""
        ...

    def iterates(self, objective: Objective, start: Any, /) -> Iterator[Iterate]:
        """Walk from what `begin` made, or from a coef, until there is no step left."""
        ...

    def steady_rate(self, objective: Objective, values: list[float], /) -> float | None:
        """Learning rate that would work, where the one given made the objective rise."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """Where a run ended, and how it came there.

    Attributes
    ----------
    coef : array of shape (q,)
    iterations, seen : int
        Steps taken to coef, and steps traced: the last one may be taken on the strength of a
        proof; early stopping goes back to an earlier one.
    max_iter : int
    stopped : Stop
    lower : float
        The best lower bound on min f that was proved on the way (nats).
    trace : dict of str to list
        iteration, objective, loss, gradient_norm, and what `measure` adds, per iteration.
    path : list of arrays of shape (q,)
        coef per iteration traced.
    state : object or None
        What the solver needs to go on from coef.
    proof : Certificate or None
        Of coef itself, where the run ended with one.
    nearby : callable or None
        What proves a coef near by at less than the usual price, or None where it fails.
    """

    coef: Array
    iterations: int
    seen: int
    max_iter: int
    stopped: Stop
    lower: float
    trace: dict[str, list[float]]
    path: list[Array]
    state: Any = None
    proof: Certificate | None = None
    nearby: Callable[[Array], Certificate | None] | None = None


@dataclass(slots=True)
class _Journey:
    """What the loop remembers from iterate to iterate."""

    lower: float = 0.0
    asked_at: float = math.inf
    trace: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    path: list[Array] = field(default_factory=list[Array])
    best: Iterate | None = None
    best_at: int = 0
    least: float = math.inf

    def record(self, **row: float) -> None:
        for name, number in row.items():
            self.trace.setdefault(name, []).append(number)

    def waited(self, here: Iterate, iteration: int) -> int:
        """Count the iterations since the validation loss was least."""
        loss = self.trace["validation_loss"][-1]
        if loss < self.least or self.best is None:
            self.best, self.best_at, self.least = here, iteration, loss
        return iteration - self.best_at


def run(
    solver: Solver,
    objective: Objective,
    start: Any,
    *,
    tol: float,
    max_iter: int,
    prove: Callable[[Array], Certificate],
    watch: Watch | None = None,
    measure: Callable[[Array], dict[str, float]] | None = None,
    keep_path: bool = False,
) -> Run:
    """Follow a solver until a certificate says that it has arrived, or it cannot go on.

    Parameters
    ----------
    solver : Solver
    objective : Objective
        In the solver's coordinates.
    start : array of shape (q,), or what the solver's `begin` made
    tol : float
        Gap at which to stop (nats per unit of weight).
    max_iter : int
        Steps at the most.
    prove : callable
        Certificate at a coef, for solvers that bring none; asked when the solver's estimate
        reaches tol, and again only after the estimate has fallen tenfold.
    watch : callable, optional
        Told of every iterate.
    measure : callable, optional
        More columns for the trace, from coef; a solver that stops early needs validation_loss.
    keep_path : bool
        Whether to keep every coef.

    Returns
    -------
    Run
    """
    journey = _Journey()
    last: Iterate | None = None
    stopped: Stop = "stalled"
    iteration = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for iteration, here in enumerate(solver.iterates(objective, start)):
            if not _finite(here):
                stopped = "diverged"
                iteration -= 1
                break
            last = here = _with_proof(here, journey, prove, tol * objective.weight)
            _trace(here, iteration, objective, journey, measure)
            if keep_path:
                journey.path.append(here.coef)
            _tell(watch, here, iteration, max_iter, objective.weight, journey.lower)
            stop = _stop(solver, here, iteration, max_iter, journey, tol * objective.weight)
            if stop is not None:
                stopped = stop
                break
    return _ended(solver, last, journey, iteration, max_iter, stopped)


def _stop(
    solver: Solver,
    here: Iterate,
    iteration: int,
    max_iter: int,
    journey: _Journey,
    tol: float,
) -> Stop | None:
    """Reason to stop at an iterate, if there is one."""
    if solver.waits is not None and journey.waited(here, iteration) >= solver.waits:
        return "early"
    if here.certificate is not None and here.certificate.gap <= tol:
        return "converged"
    return "max_iter" if iteration >= max_iter else None


def _ended(
    solver: Solver,
    last: Iterate | None,
    journey: _Journey,
    iteration: int,
    max_iter: int,
    stopped: Stop,
) -> Run:
    trace, path, lower = journey.trace, journey.path, journey.lower
    if last is None:  # not even the start has a finite value
        return Run(np.empty(0), 0, 0, max_iter, "diverged", 0.0, trace, path)
    seen, best = iteration, journey.best
    if best is not None and journey.best_at < seen:
        stopped = "diverged" if stopped == "diverged" else "early"
        at = journey.best_at
        return Run(best.coef, at, seen, max_iter, stopped, lower, trace, path, best.state)
    coef, proof = last.coef, last.certificate
    following = _last_step(solver, last) if stopped == "converged" else None
    if following is not None and iteration < max_iter and best is None:
        coef, proof, iteration = following, None, iteration + 1
    return Run(
        coef, iteration, seen, max_iter, stopped, lower, trace, path, last.state, proof, last.nearby
    )


def _finite(here: Iterate) -> bool:
    return math.isfinite(here.value) and bool(np.isfinite(here.gradient).all())


def _with_proof(
    here: Iterate, journey: _Journey, prove: Callable[[Array], Certificate], tol: float
) -> Iterate:
    wanted = here.estimate <= tol and here.estimate <= 0.1 * journey.asked_at
    if here.certificate is None and wanted:
        journey.asked_at = here.estimate
        own = None if here.prove is None else here.prove()
        here = replace(here, certificate=prove(here.coef) if own is None else own)
    if here.certificate is not None:
        journey.lower = max(journey.lower, here.certificate.lower)
    return here


def _last_step(solver: Solver, last: Iterate) -> Array | None:
    """Take the step that the proof has paid for: it about squares the distance for nothing.

    Not for a solver that walks on the user's scale: a textbook's descent stays the textbook's.
    """
    if last.successor is not None:
        return last.successor
    proof = last.certificate
    if proof is None or not solver.standardised or proof.line.reach > SAFE_REACH:
        return None
    return last.coef - proof.step


def _trace(
    here: Iterate,
    iteration: int,
    objective: Objective,
    journey: _Journey,
    measure: Callable[[Array], dict[str, float]] | None,
) -> None:
    W = objective.weight
    journey.record(
        iteration=iteration,
        objective=here.value / W,
        loss=(here.value - objective.penalty.value(here.coef)) / W,
        gradient_norm=float(np.linalg.norm(here.gradient)) / W,
        **(measure(here.coef) if measure else {}),
    )


def _tell(
    watch: Watch | None, here: Iterate, iteration: int, max_iter: int, W: float, lower: float
) -> None:
    if watch is None:
        return
    gap = max((here.value - lower) / W, FLOOR) if lower > 0 else None
    norm = float(np.linalg.norm(here.gradient)) / W
    watch(Progress(iteration, max_iter, here.value / W, gap, norm))
