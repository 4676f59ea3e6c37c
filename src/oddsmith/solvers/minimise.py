"""From rows to a fit: coordinates, a solver, the proof, and the least-norm answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from oddsmith.core.block import CountedSource, RowSource, SampleSource
from oddsmith.core.certificate import FLOOR, Certificate
from oddsmith.core.columns import Columns, standardise
from oddsmith.core.fit import Fit
from oddsmith.core.kernels import PLAIN, Design
from oddsmith.core.objective import Objective
from oddsmith.core.penalty import Limits
from oddsmith.core.ready import ReadySource
from oddsmith.core.stable import Array
from oddsmith.errors import DataError, ParameterError
from oddsmith.solvers.aliased import least_norm
from oddsmith.solvers.choose import Problem, choose, kernels_for
from oddsmith.solvers.l1_proof import prove_with_l1
from oddsmith.solvers.newton import Newton, prove_by_hessian
from oddsmith.solvers.newton_cg import prove_by_products
from oddsmith.solvers.run import Progress, Run, Solver, Watch, run
from oddsmith.solvers.separation import separation

__all__ = ["Task", "made_ready", "minimise", "objective_of"]

# Up to this length of coef a proof forms the Hessian; beyond, conjugate gradients are cheaper.
_HESSIAN_FOR_PROOF = 500
# Without a penalty they must be solved to rounding, and the Hessian pays for longer.
_HESSIAN_WITHOUT_PENALTY = 2000
_STEPS_FOR_PROOF = 50
# Gap per unit of weight at which coefficients are right to ten digits.
_POLISHED = 2.0**-66
_STEPS_TO_POLISH = 3
# Rows times coefficients up to which a standardised copy of the rows is worth its memory.
_FEW_ENTRIES = 2**21
_ROUNDING = 2.0**-52


@dataclass(frozen=True, slots=True)
class Task:
    """What to minimise, and when to stop.

    Attributes
    ----------
    n_classes : int
    intercept : bool
    l2, l1 : float
        Penalty on the user's coefficients, in the unit of the weights.
    sparse : bool
        Whether blocks are sparse.
    tol : float
        Gap to reach (nats per unit of weight).
    max_iter : int or None
        The solver's own if None.
    start : pair of arrays (p, K) and (K,), or None
        Coefficients and intercepts on the user's scale; zeros if None.
    offset : array of shape (K,), or None
        Median of the offsets, which an intercept first has to make up for.
    validation : RowSource or None
    watch : callable or None
    seed : int
        What solvers draw from.
    record_coef : bool
        Whether the history keeps the coefficients of every iteration.
    entries : int
        Entries that are stored, of sparse blocks.
    limits : Limits or None
        What distinguishes columns.
    """

    n_classes: int
    intercept: bool
    l2: float
    sparse: bool
    tol: float
    max_iter: int | None = None
    start: tuple[Array, Array] | None = None
    offset: Array | None = None
    validation: RowSource | None = None
    watch: Watch | None = None
    l1: float = 0.0
    seed: int = 0
    record_coef: bool = False
    entries: int = 0
    limits: Limits | None = None

    @property
    def penalised(self) -> bool:
        """Whether there is any penalty."""
        return self.l2 > 0 or self.l1 > 0


def objective_of(source: CountedSource, columns: Columns, task: Task) -> tuple[Objective, Problem]:
    """Objective in the coordinates that suit its columns and penalty, and its shape."""
    how = standardise(
        columns,
        intercept=task.intercept,
        ridge=task.l2 / columns.weight,
        sparse=task.sparse,
    )
    design = Design(how, task.intercept)
    objective = Objective(
        source, columns, task.n_classes, design, task.l2, task.l1, limits=task.limits
    )
    problem = Problem(
        source.n_rows,
        objective.size,
        objective.width,
        task.sparse,
        task.l1 > 0 or task.limits is not None,
        isinstance(source.source, SampleSource),
        task.l2 > 0,
        source.by_column,
        task.entries,
    )
    return replace(objective, kernels=kernels_for(problem)), problem


def made_ready(objective: Objective) -> Objective:
    """Objective with its rows standardised once, where they are few; they give no columns then."""
    few = objective.source.n_rows * objective.size <= _FEW_ENTRIES
    if few and objective.kernels is PLAIN and isinstance(objective.source, CountedSource):
        return replace(objective, source=ReadySource(objective.source, objective.design))
    return objective


def minimise(source: CountedSource, columns: Columns, solver: str | Solver, task: Task) -> Fit:
    """Fit coefficients, and prove how far they can be from the optimum.

    Parameters
    ----------
    source : CountedSource
    columns : Columns
        Of the same source.
    solver : str or Solver
    task : Task

    Returns
    -------
    Fit

    Raises
    ------
    DataError
        If the objective is not a finite number even at the start.
    """
    objective, problem = objective_of(source, columns, task)
    walker = choose(solver, problem)
    if not (task.sparse or getattr(walker, "by_column", False)):
        objective = made_ready(objective)
    if walker.waits is not None and task.validation is None:
        raise ParameterError(
            "early_stopping=True needs rows to judge by: fit(..., validation=(X, y))."
        )
    walk = _walk(walker, objective, task)
    coef, proof, aliased = _proved(walk, objective, task)
    separated = None
    if not (task.penalised or proof.definite or task.limits is not None):
        separated = separation(objective, coef, proof)
    lower = max(walk.run.lower, proof.lower)
    if proof.gap > task.tol * objective.weight and separated != "complete":
        lower = max(lower, _lower_from_further_on(objective, coef, task))
    fit = _frozen(walk, objective, task, coef, aliased, proof, lower, separated)
    if task.watch is not None and fit.n_iter > walk.run.seen:
        norm = float(fit.history["gradient_norm"][-1])
        task.watch(Progress(fit.n_iter, walk.run.max_iter, fit.objective, fit.gap, norm))
    return fit


def _proved(
    walk: "_Walk", objective: Objective, task: Task
) -> tuple[Array, Certificate, tuple[int, ...] | None]:
    """Coefficients as the user gets them, what is proved of them, and which columns are aliased.

    A proof from the walk is good for coefficients that differ by no more than the rounding of
    margins, for which it has room; and where it knows the Hessian as definite, nothing is aliased.
    """
    coef, proof = objective.centred(walk.coef), walk.run.proof
    arrived = walk.run.stopped == "converged" and walk.road is objective
    if walk.run.nearby is not None and arrived:
        given, near = _polished(objective, coef, walk.run.nearby)
        if near is not None and near.gap <= task.tol * objective.weight:
            return given, near, ()
    if proof is not None and proof.definite and arrived:
        given = objective.as_given(coef)
        # Each margin of a row is rounded by as much as all of the row's are.
        sizes = np.abs(walk.coef).reshape(-1, objective.width).sum(axis=1)
        moved = np.abs(given - walk.coef).reshape(-1, objective.width).max(axis=1)
        same = bool((moved <= _ROUNDING * sizes).all())
        if same and proof.gap <= task.tol * objective.weight:
            return given, proof, ()
        return given, _prove(objective, given, task.tol), ()
    coef, aliased = least_norm(objective, coef, _HESSIAN_WITHOUT_PENALTY)
    coef = objective.as_given(coef)
    return coef, _prove(objective, coef, task.tol), aliased


def _polished(
    objective: Objective, coef: Array, nearby: Callable[[Array], Certificate | None]
) -> tuple[Array, Certificate | None]:
    """Coefficients as given with their proof, after a few more of its steps while they help.

    A gap at the floor still is a distance of 1e-8; a pass is a low price for the other digits.
    """
    given = objective.as_given(coef)
    proof = nearby(given)
    for _ in range(_STEPS_TO_POLISH):
        if proof is None or proof.gap <= _POLISHED * objective.weight:
            break
        closer = objective.as_given(given - proof.step)
        better = nearby(closer)
        if better is None or not better.gap < 0.5 * proof.gap:
            break
        given, proof = closer, better
    return given, proof


def _lower_from_further_on(objective: Objective, coef: Array, task: Task) -> float:
    """Lower bound on min f from where Newton's method gets from coef, if it is affordable.

    Far from the optimum the Newton step is too long to make a dual point. A bound proved
    anywhere holds everywhere, so the walk goes on for the proof alone; coef stays.
    """
    if objective.size > _HESSIAN_FOR_PROOF or objective.limited:
        return 0.0
    return run(
        Newton(),
        objective,
        coef,
        tol=task.tol,
        max_iter=_STEPS_FOR_PROOF,
        prove=lambda here: _prove(objective, here, task.tol),
    ).lower


@dataclass(frozen=True, slots=True)
class _Walk:
    """A run, the solver's coordinates, and its end in those of the objective."""

    walker: Solver
    road: Objective
    run: Run
    coef: Array


def _walk(walker: Solver, objective: Objective, task: Task) -> _Walk:
    """Run the solver in its own coordinates; the end comes back in the standardised ones."""
    p = objective.source.n_features
    how = walker.coordinates(objective, task.sparse)
    same = how is objective.design.standardisation
    road = objective if same else objective.in_coordinates(how)
    given = None
    if task.start is not None:
        given = road.from_user(*task.start)
    elif task.offset is not None and task.intercept and walker.standardised:
        given = road.from_user(np.zeros((p, road.width)), -task.offset)

    def home(coef: Array) -> Array:
        return objective.from_user(*road.to_user(coef)) if road is not objective else coef

    outcome = run(
        walker,
        road,
        walker.begin(road.size, given, task.seed),
        tol=task.tol,
        max_iter=walker.max_iter if task.max_iter is None else task.max_iter,
        prove=lambda coef: _prove(objective, objective.centred(home(coef)), task.tol),
        watch=task.watch,
        measure=_validation(road, task.validation),
        keep_path=task.record_coef,
    )
    if not outcome.trace:
        raise DataError(
            "the objective is not a finite number at the start; make the offset, the weights "
            "or the starting coefficients smaller."
        )
    return _Walk(walker, road, outcome, home(outcome.coef))


def _validation(
    objective: Objective, validation: RowSource | None
) -> Callable[[Array], dict[str, float]] | None:
    if validation is None:
        return None

    def measure(coef: Array) -> dict[str, float]:
        score, own = objective.score(coef, validation), objective.score(coef, objective.source)
        return {
            "accuracy": own.correct / own.weight,
            "validation_loss": score.value / score.weight,
            "validation_accuracy": score.correct / score.weight,
        }

    return measure


def _prove(objective: Objective, coef: Array, tol: float) -> Certificate:
    if objective.limited:
        with np.errstate(over="ignore", invalid="ignore"):
            return prove_with_l1(objective, coef)
    limit = _HESSIAN_FOR_PROOF if objective.l2 > 0 else _HESSIAN_WITHOUT_PENALTY
    with np.errstate(over="ignore", invalid="ignore"):
        if objective.size <= limit:
            return prove_by_hessian(objective, coef)
        return prove_by_products(objective, coef, tol * objective.weight)


def _frozen(
    walk: _Walk,
    objective: Objective,
    task: Task,
    coef: Array,
    aliased: tuple[int, ...] | None,
    proof: Certificate,
    lower: float,
    separated: str | None,
) -> Fit:
    W, value = objective.weight, proof.moments.value
    gap = proof.gap
    # The difference of two sums, with room for their rounding.
    gap = min(gap, value - lower + proof.rounding)
    gap = max(gap / W, FLOOR)
    w, b = objective.to_user(coef)
    values = [W * number for number in walk.run.trace["objective"]]
    values += [np.inf] if walk.run.stopped == "diverged" else []
    rate = walk.walker.steady_rate(walk.road, values) if gap > task.tol else None
    return Fit(
        coef=w,
        intercept=b,
        solver=walk.walker.name,
        n_iter=max(1, walk.run.iterations),
        n_passes=objective.source.passes if isinstance(objective.source, CountedSource) else 0,
        objective=value / W,
        gap=gap,
        tol=task.tol,
        history=_history(walk, objective, task, coef, proof, gap),
        separated=separated,
        aliased=aliased,
        stopped=walk.run.stopped,
        steady_rate=rate,
        # In other coordinates than the user's nothing else could go on from it.
        state=walk.run.state if walk.road.design.standardisation.trivial else None,
    )


def _history(
    walk: _Walk, objective: Objective, task: Task, coef: Array, proof: Certificate, gap: float
) -> dict[str, Array]:
    """Trace as arrays; a lower bound holds for every iterate, so the last serves for all."""
    outcome = walk.run
    trace = {name: list(numbers) for name, numbers in outcome.trace.items()}
    W, value, gradient = objective.weight, proof.moments.value, proof.moments.gradient
    if outcome.seen < outcome.iterations:  # the last step was taken unseen
        row = {
            "iteration": outcome.iterations,
            "objective": value / W,
            "loss": (value - objective.penalty.value(coef)) / W,
            "gradient_norm": float(np.linalg.norm(gradient)) / W,
        }
        measure = _validation(objective, task.validation)
        for name, number in (row | (measure(coef) if measure else {})).items():
            trace[name].append(number)
    arrays = {name: np.array(numbers) for name, numbers in trace.items()}
    kept = outcome.iterations
    arrays["objective"][kept] = value / W  # the solver's coordinates may have rounded otherwise
    lower = value / W - gap
    gaps = np.maximum(arrays["objective"] - lower, FLOOR)
    gaps[kept] = gap
    path = _path(walk, objective, coef) if task.record_coef else {}
    return {"iteration": arrays.pop("iteration"), "gap": gaps, **arrays, **path}


def _path(walk: _Walk, objective: Objective, coef: Array) -> dict[str, Array]:
    """Coefficients of every iteration on the user's scale, those of the fit as they are."""
    users = [walk.road.to_user(point) for point in walk.run.path]
    kept = walk.run.iterations
    users[kept : kept + 1] = [objective.to_user(coef)]  # appended where it was taken unseen
    return {
        "coef": np.stack([w.T for w, _ in users]),
        "intercept": np.stack([b for _, b in users]),
    }
