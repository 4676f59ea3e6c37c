"""The certificate: ``optimality_gap_`` is never below the true distance from the minimum.

Minima and objectives are in long double (reference.py), itself checked here against mpmath.
"""

import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import LD, Minimum, Problem, fit_recording, messages, minimum, objective

from oddsmith import ConvergenceWarning, LogisticRegression
from oddsmith.solvers import GradientDescent

# Below this the difference of two float64 objectives of size one is rounding (2 units).
FLOOR = 4.5e-16


def draw(seed, n=80, p=3, n_classes=2, noise=1.0, **options) -> Problem:
    """Overlapping classes in every problem: Gumbel noise of standard deviation 1.28 * noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    truth = rng.normal(size=(p, n_classes))
    y = (X @ truth + noise * rng.gumbel(size=(n, n_classes))).argmax(axis=1)
    return Problem(X, y, n_classes, **options)


def weights(seed, n=80):
    return np.random.default_rng(seed).uniform(0.1, 3, n)


def offsets(seed, n_margins, n=80):
    return np.random.default_rng(seed).normal(size=(n, n_margins)).squeeze()


def stretched(problem, scales, shifts) -> Problem:
    """Powers of two and shifts that are exact in float64: the data themselves are not rounded."""
    X = np.round(problem.X * 2.0**20) / 2.0**20
    return problem.with_(X=X * np.array(scales) + np.array(shifts))


PROBLEMS: dict[str, Problem] = {}
for K, kind in [(2, "binary"), (3, "multinomial")]:
    m = 1 if K == 2 else K
    for C in (0.1, 1.0, 100.0, np.inf):
        PROBLEMS[f"{kind} C={C}"] = draw(1, n_classes=K, C=C)
    PROBLEMS[f"{kind} weighted"] = draw(2, n_classes=K, weight=weights(3), C=1.0)
    PROBLEMS[f"{kind} weighted unpenalised"] = draw(2, n_classes=K, weight=weights(3))
    PROBLEMS[f"{kind} offset"] = draw(4, n_classes=K, offset=offsets(5, m), C=1.0)
    PROBLEMS[f"{kind} offset unpenalised"] = draw(4, n_classes=K, offset=offsets(5, m))
    PROBLEMS[f"{kind} no intercept"] = draw(6, n_classes=K, fit_intercept=False, C=1.0)
    PROBLEMS[f"{kind} no intercept unpenalised"] = draw(6, n_classes=K, fit_intercept=False)
    PROBLEMS[f"{kind} everything"] = draw(
        7, n_classes=K, weight=weights(8), offset=offsets(9, m), C=5.0
    )
WELL_SCALED = list(PROBLEMS)
for K, kind in [(2, "binary"), (3, "multinomial")]:
    far = ([1.0, 2.0**-10, 2.0**10], [2.0**27, 0.0, -(2.0**13)])
    PROBLEMS[f"{kind} shifted and scaled"] = stretched(draw(1, n_classes=K), *far)
    PROBLEMS[f"{kind} shifted and scaled C=1"] = stretched(draw(1, n_classes=K, C=1.0), *far)
    PROBLEMS[f"{kind} strong signal"] = draw(10, n_classes=K, noise=0.2, C=100.0)
NEWTON = "newton-cholesky"
NAMED = ["auto", NEWTON, "newton-cg", "lbfgs"]

_minima: dict[str, Minimum] = {}


def minimum_of(name: str) -> Minimum:
    if name not in _minima:
        _minima[name] = minimum(PROBLEMS[name])
    return _minima[name]


def estimator(problem: Problem, **parameters) -> LogisticRegression:
    return LogisticRegression(C=problem.C, fit_intercept=problem.fit_intercept, **parameters)


def rounding(problem: Problem, model: LogisticRegression) -> float:
    """What storing coef_ and intercept_ as float64 can add to the objective.

    The margins move by delta = 2^-53 sum_j |x_ij coef_j|. A value whose distance from the minimum
    is ``gap`` moves by at most sqrt(2 gap) delta (Cauchy-Schwarz in the metric of the Hessian,
    whose weights are at most 1) plus delta^2.
    """
    size = np.abs(problem.X) @ np.abs(model.coef_).T + np.abs(model.intercept_)
    delta = 2.0**-53 * size.max() * np.sqrt(problem.n_margins)
    return FLOOR + delta * np.sqrt(2 * model.optimality_gap_) + delta**2


def assert_bound(problem: Problem, model: LogisticRegression, least: LD) -> None:
    value = objective(problem, model.coef_, model.intercept_)
    slack = rounding(problem, model)
    # A float64 sum of some hundred losses, each of them right to a few 2^-53.
    assert abs(value - LD(model.objective_)) <= slack + 2e-15, "objective_ is not that of coef_"
    assert value - least >= -1e-17, "the reference is not the minimum"
    assert value - least <= model.optimality_gap_ + slack, "the certificate is false"


def test_the_reference_agrees_with_mpmath():
    """Forty-digit Newton on a small weighted, penalised problem with offset."""
    problem = draw(11, n=25, p=2, C=3.0, weight=weights(12, n=25), offset=offsets(13, 1, n=25))
    with mpmath.workdps(40):
        rows = [[mpmath.mpf(v) for v in row] + [mpmath.mpf(1)] for row in problem.X.tolist()]
        w = [mpmath.mpf(v) for v in problem.weight.tolist()]
        o = [mpmath.mpf(v) for v in problem.offset.tolist()]
        ridge = [1 / mpmath.mpf(3), 1 / mpmath.mpf(3), mpmath.mpf(0)]
        theta = mpmath.zeros(3, 1)
        for _ in range(12):
            g = mpmath.matrix([ridge[j] * theta[j] for j in range(3)])
            H = mpmath.diag(ridge)
            for x, y, wi, oi in zip(rows, problem.y.tolist(), w, o, strict=True):
                a = 1 / (1 + mpmath.exp(-(oi + sum(x[j] * theta[j] for j in range(3)))))
                for j in range(3):
                    g[j] += wi * (a - y) * x[j]
                    for k in range(3):
                        H[j, k] += wi * a * (1 - a) * x[j] * x[k]
            theta -= mpmath.lu_solve(H, g)
        assert mpmath.norm(g) < mpmath.mpf(10) ** -36
        value = sum(ridge[j] * theta[j] ** 2 for j in range(3)) / 2
        for x, y, wi, oi in zip(rows, problem.y.tolist(), w, o, strict=True):
            z = oi + sum(x[j] * theta[j] for j in range(3))
            value += wi * mpmath.log1p(mpmath.exp(-z if y else z))
        value /= sum(w)
        ours = minimum(problem)
        # str of a long double keeps all its digits; float() would round it.
        assert abs(mpmath.mpf(str(ours.objective)) - value) < 1e-18
        for j, name in enumerate([ours.coef[0, 0], ours.coef[0, 1], ours.intercept[0]]):
            assert abs(mpmath.mpf(str(name)) - theta[j]) < 1e-17


def test_the_softmax_reference_at_two_classes_is_the_binary_one():
    """Softmax with margins (-z/2, z/2) is binary: half the coefficients, half the penalty each."""
    binary = draw(14, C=2.0)
    # ||(-c/2, c/2)||^2 = ||c||^2 / 2, so softmax at C/2 has the penalty of binary at C.
    softmax = minimum(_as_softmax(binary))
    exact = minimum(binary)
    assert abs(softmax.objective - exact.objective) < 1e-18
    np.testing.assert_allclose(
        (softmax.coef[1] - softmax.coef[0]).astype(float), exact.coef[0].astype(float), rtol=1e-14
    )


def _as_softmax(problem: Problem) -> Problem:
    class Softmax(Problem):
        n_margins = 2

    return Softmax(problem.X, problem.y, 2, C=problem.C / 2)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("solver", NAMED)
def test_the_bound_holds_at_the_end(solver, name):
    problem, exact = PROBLEMS[name], minimum_of(name)
    model = estimator(problem, solver=solver)
    caught = fit_recording(model, problem.X, problem.y, **problem.fit_arguments())
    assert caught == []
    assert model.converged_
    assert model.optimality_gap_ <= 1e-12
    assert_bound(problem, model, exact.objective)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("solver", NAMED)
def test_the_bound_holds_at_every_stop(solver, name):
    problem, exact = PROBLEMS[name], minimum_of(name)
    for max_iter in range(1, 60):
        model = estimator(problem, solver=solver, max_iter=max_iter)
        caught = fit_recording(model, problem.X, problem.y, **problem.fit_arguments())
        assert model.n_iter_.shape == (1,)
        assert model.n_iter_[0] <= max_iter
        assert_bound(problem, model, exact.objective)
        if model.converged_:
            assert caught == []
            break
        [message] = messages(caught, ConvergenceWarning)
        assert len(caught) == 1
        assert "max_iter" in message
    else:
        assert solver == "lbfgs", "second-order solvers need fewer than 60 iterations"


@pytest.mark.parametrize("name", WELL_SCALED)
def test_the_bound_holds_along_gradient_descent(name):
    problem, exact = PROBLEMS[name], minimum_of(name)
    for epochs in (1, 2, 5, 30, 300):
        model = estimator(problem, solver=GradientDescent(learning_rate=0.5, epochs=epochs))
        caught = fit_recording(model, problem.X, problem.y, **problem.fit_arguments())
        assert model.n_iter_[0] <= epochs
        assert model.converged_ or len(messages(caught, ConvergenceWarning)) == 1
        assert_bound(problem, model, exact.objective)
        distance = objective(problem, model.coef_, model.intercept_) - exact.objective
        if epochs == 300:
            assert distance < 1e-3, "300 epochs on well-scaled data come close"


def test_gradient_descent_reaches_tol():
    """A strongly convex problem (C = 0.1): descent contracts fast enough to end."""
    problem, exact = PROBLEMS["binary C=0.1"], minimum_of("binary C=0.1")
    model = estimator(problem, solver=GradientDescent(learning_rate=1.0, epochs=5000))
    model.fit(problem.X, problem.y)
    assert model.converged_
    assert model.n_iter_[0] < 5000, "it stops when the certificate reaches tol"
    assert_bound(problem, model, exact.objective)
    np.testing.assert_allclose(model.coef_, exact.coef.astype(float), rtol=1e-5)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("solver", NAMED[1:])
def test_history_holds_a_valid_bound_for_every_iterate(solver, name):
    problem, exact = PROBLEMS[name], minimum_of(name)
    model = estimator(problem, solver=solver)
    model.fit(problem.X, problem.y, **problem.fit_arguments())
    values = np.array(model.history_["objective"])
    gaps = np.array(model.history_["gap"])
    distance = (values.astype(LD) - exact.objective).astype(float)
    assert (gaps >= 0).all()
    assert len(values) >= 3
    assert (distance <= gaps + rounding(problem, model)).all()
    assert values[-1] == model.objective_
    assert gaps[-1] == model.optimality_gap_


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_bound_is_tight_from_the_second_newton_step_on(name):
    """Within a factor 2 of the true distance, until both are rounding (1e-15)."""
    problem, exact = PROBLEMS[name], minimum_of(name)
    for max_iter in range(2, 30):
        model = estimator(problem, solver=NEWTON, max_iter=max_iter, tol=1e-15)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(problem.X, problem.y, **problem.fit_arguments())
        distance = objective(problem, model.coef_, model.intercept_) - exact.objective
        assert model.optimality_gap_ <= 2 * distance + 1e-15, max_iter
        if model.converged_:
            break
    assert distance < 1e-13


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-8])
@pytest.mark.parametrize("solver", NAMED)
def test_tol_is_the_same_number_for_every_solver(solver, tol):
    """A looser tol stops earlier, and the bound it stops at holds."""
    for name in ("binary C=1.0", "multinomial C=inf"):
        problem, exact = PROBLEMS[name], minimum_of(name)
        model = estimator(problem, solver=solver, tol=tol)
        model.fit(problem.X, problem.y)
        strict = estimator(problem, solver=solver).fit(problem.X, problem.y)
        assert model.converged_
        assert model.optimality_gap_ <= tol
        # Newton's last step may take the gap from above 1e-8 to below 1e-12 at once.
        assert model.n_iter_[0] < strict.n_iter_[0] + (tol < 1e-4)
        assert_bound(problem, model, exact.objective)


def test_float32_rows_have_their_own_minimum():
    """Float32 X: the certificate is about the float32 values, summed in float64."""
    for name in ("binary C=1.0", "multinomial C=inf"):
        problem = PROBLEMS[name].with_(X=PROBLEMS[name].X.astype(np.float32))
        model = estimator(problem).fit(problem.X, problem.y)
        assert model.converged_
        assert_bound(problem, model, minimum(problem).objective)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(8, 60),
    p=st.integers(1, 5),
    n_classes=st.integers(2, 4),
    decades=st.integers(0, 4),
    log_c=st.floats(-3, 3),
    fit_intercept=st.booleans(),
    weighted=st.booleans(),
    solver=st.sampled_from(NAMED),
    max_iter=st.integers(1, 12),
)
def test_the_bound_holds_on_any_penalised_problem(
    seed, n, p, n_classes, decades, log_c, fit_intercept, weighted, solver, max_iter
):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * 10 ** rng.uniform(-decades / 2, decades / 2, p)
    y = rng.permutation(np.arange(n) % n_classes)
    problem = Problem(
        X,
        y,
        n_classes,
        weight=rng.exponential(size=n) if weighted else None,
        C=10**log_c,
        fit_intercept=fit_intercept,
    )
    model = estimator(problem, solver=solver, max_iter=max_iter)
    fit_recording(model, X, y, **problem.fit_arguments())
    assert_bound(problem, model, minimum(problem).objective)


@pytest.mark.parametrize("data", ["separated", "quasi-separated"])
@pytest.mark.parametrize("max_iter", [1, 2, 3, 5, 8])
def test_the_bound_holds_where_the_infimum_is_not_attained(data, max_iter):
    """Unpenalised and separable. The infimum is 0, or the loss of the rows left undecided:
    here four of six rows have x = 0, two of each class, so 4 log 2 / 6."""
    if data == "separated":
        X, y, least = np.array([[-2.0], [-1.0], [1.0], [3.0]]), np.array([0, 0, 1, 1]), LD(0)
    else:
        X, y = np.array([[-1.0], [0.0], [0.0], [0.0], [0.0], [1.0]]), np.array([0, 0, 1, 0, 1, 1])
        least = 4 * np.log(LD(2)) / 6
    problem = Problem(X, y)
    model = estimator(problem, max_iter=max_iter)
    caught = fit_recording(model, X, y)
    assert caught != []
    assert_bound(problem, model, least)
