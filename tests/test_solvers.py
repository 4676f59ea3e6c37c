"""Solvers one by one, on the objective itself: what each promises, and how each ends."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from test_core_laws import objective_of, rows

from oddsmith.core.block import CountedSource
from oddsmith.core.certificate import certificate
from oddsmith.core.columns import column_statistics
from oddsmith.core.moments import LineMoments, Moments
from oddsmith.data.memory import MemoryBlocks, memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.errors import DataError, ParameterError
from oddsmith.solvers import LBFGS, GradientDescent, Newton, NewtonCG
from oddsmith.solvers import minimise as minimising
from oddsmith.solvers.aliased import aliased_columns
from oddsmith.solvers.choose import FOREIGN, NAMES, TABLE, Problem, choose
from oddsmith.solvers.lbfgs import Diagonal, _search, quasi_newton
from oddsmith.solvers.line_search import newton_length
from oddsmith.solvers.minimise import Task, minimise
from oddsmith.solvers.newton import newton_step, null_space, prove_by_hessian
from oddsmith.solvers.newton_cg import conjugate_gradient, prove_by_products
from oddsmith.solvers.parameters import Parameters
from oddsmith.solvers.run import Iterate, run
from oddsmith.solvers.separation import separation

SOLVERS = [Newton(), NewtonCG(), LBFGS(), GradientDescent(learning_rate=0.5, epochs=5000)]


def fitted(X, y, solver="auto", K=2, l2=1.0, intercept=True, tol=1e-12, **task):
    with Threads(memory_blocks(X, y.astype(np.int8), width=1 if K == 2 else K), 1) as threads:
        source = CountedSource(threads)
        columns = source.fold(column_statistics)
        return minimise(
            source, columns, solver, Task(K, intercept, l2, sp.issparse(X), tol, **task)
        )


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(2, 4), st.floats(0.01, 100.0))
def test_the_two_proofs_agree(seed, p, K, l2):
    """By the Hessian and by conjugate gradients: bounds of the same distance."""
    X, _, y = rows(seed, 30, p, K)
    objective = objective_of(X, y, K, l2=l2)
    coef = objective.centred(np.random.default_rng(seed).normal(size=objective.size) * 0.05)
    direct, products = (
        prove_by_hessian(objective, coef),
        prove_by_products(objective, coef, tol=1e-12),
    )
    assert products.moments.value == pytest.approx(direct.moments.value)
    if direct.line.reach < 0.5:
        assert direct.gap * 0.99 <= products.gap <= direct.gap * 1.3 + 1e-11
    least = objective.weight * fitted(X, y, Newton(), K, l2).objective
    for proof in (direct, products):
        assert proof.gap >= direct.moments.value - least - 1e-12 * direct.moments.value


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_a_proof_without_the_hessian_at_any_size(monkeypatch, K, intercept, l2):
    """Beyond the limits, fits are certified by products alone, and reach the same optimum."""
    X, _, y = rows(3, 60, 4, K)
    direct = fitted(X, y, LBFGS(), K, l2, intercept)
    monkeypatch.setattr(minimising, "_HESSIAN_FOR_PROOF", 0)
    monkeypatch.setattr(minimising, "_HESSIAN_WITHOUT_PENALTY", 0)
    monkeypatch.setattr("oddsmith.solvers.newton_cg._MOST_FREE", 1 if l2 == 0 else 64)
    products = fitted(X, y, LBFGS(), K, l2, intercept)
    assert direct.converged
    assert products.converged
    # A gap of 1e-12 leaves coefficients their first six digits.
    np.testing.assert_allclose(products.coef, direct.coef, atol=1e-5)
    assert abs(products.objective - direct.objective) <= 2e-12
    short = fitted(X, y, LBFGS(), K, l2, intercept, max_iter=1)
    assert not short.converged
    assert short.objective - short.gap <= direct.objective


def test_what_cannot_be_proved_is_not_claimed(monkeypatch):
    """Conjugate gradients that are cut off leave a weak bound, not a false one."""
    X, _, y = rows(3, 60, 4, 2)
    best = fitted(X, y, Newton(), l2=0.0).objective
    monkeypatch.setattr(minimising, "_HESSIAN_FOR_PROOF", 0)
    monkeypatch.setattr(minimising, "_HESSIAN_WITHOUT_PENALTY", 0)
    monkeypatch.setattr("oddsmith.solvers.newton_cg._MOST_FREE", 1)
    monkeypatch.setattr("oddsmith.solvers.newton_cg._MOST_PRODUCTS", 1)
    fit = fitted(X, y, NewtonCG(), l2=0.0, max_iter=3)
    assert fit.objective - fit.gap <= best
    assert not fit.converged


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 3))
def test_a_newton_step_solves_and_avoids_the_null_space(seed, q, copies):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(20, q))
    A = np.hstack([A, A[:, :copies]]) * 10.0 ** rng.integers(-6, 6, q + min(copies, q))
    H, g = A.T @ A, A.T @ rng.normal(size=20)
    solved = newton_step(H, g, np.diag(H))
    size = np.sqrt(np.diag(H))
    np.testing.assert_allclose((H @ solved.step - g) / size, 0, atol=1e-9 * np.abs(g / size).max())
    assert solved.left_over <= 1e-12 * float(g @ solved.step)
    null = null_space(H)
    for directions in (null, solved.cut):
        assert directions.shape == (H.shape[0], min(copies, q))
        np.testing.assert_allclose((H @ directions) / size[:, None], 0, atol=1e-11)


def test_a_step_along_a_column_of_zeros_is_exactly_zero():
    solved = newton_step(np.diag([2.0, 0.0]), np.array([1.0, 0.0]), np.ones(2))
    assert solved.step.tolist() == [0.5, 0.0]


def test_a_step_without_curvature_looks_far_and_proves_nothing():
    solved = newton_step(np.diag([2.0, 0.0]), np.array([1.0, 8.0]), np.array([4.0, 16.0]))
    assert solved.step.tolist() == [2.0**18, 2.0**19]
    assert np.isinf(solved.left_over)


def test_aliased_columns_are_named_in_order():
    """x2 = x0 + x1, x3 constant, x5 = 1000 x4: 2, 3 and 5 depend on those before."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 6))
    X[:, 2], X[:, 3], X[:, 5] = X[:, 0] + X[:, 1], 7.0, 1000 * X[:, 4]
    Z = np.column_stack([X - X.mean(axis=0), np.ones(50)])
    assert aliased_columns(Z.T @ Z, intercept=True) == (2, 3, 5)
    assert aliased_columns(X.T @ X, intercept=False) == (2, 5)


def test_columns_that_are_nearly_equal_are_told_from_equal_ones():
    """Products Z v know twelve digits, where the Gram matrix knows seven."""
    X, _, y = rows(0, 40, 3, 2)
    for gap, null in [(1e-6, 0), (1e-9, 0), (1e-11, 0), (0.0, 1)]:
        near = np.column_stack([X, X[:, 0] + gap * X[:, 1]])
        objective = objective_of(near, y, 2, l2=0.0)
        direction = np.array([[1.0], [0.0], [0.0], [-1.0], [0.0]])
        found, real, gram = objective.split_null(direction)
        assert (found.shape[1], real.shape[1], gram.size) == (null, 1 - null, 1 - null)


def test_columns_that_are_nearly_equal_keep_an_honest_bound():
    """One to eight digits apart are solved; at twelve nothing is claimed that is not proved."""
    X, _, y = rows(0, 40, 2, 2)
    best = fitted(X, y, "newton-cholesky", l2=0.0).objective
    for gap in (1e-3, 1e-6, 1e-8, 1e-10, 1e-12):
        near = np.column_stack([X[:, 0], X[:, 0] + gap * X[:, 1]])
        fit = fitted(near, y, "newton-cholesky", l2=0.0)
        assert fit.objective - fit.gap <= best + 1e-15
        assert fit.objective <= best + 1e-6, "near the optimum, proved or not"
        assert fit.converged or gap < 1e-6


def test_one_far_entry_does_not_move_the_others():
    """A mean that one row draws far away is no centre: the digits of the others would be lost."""
    X, _, y = rows(0, 40, 2, 2)
    y[0] = 1
    far = X.copy()
    far[0, 0] = 1e14
    fit, near = fitted(far, y), fitted(X[1:], y[1:])
    np.testing.assert_allclose(fit.coef, near.coef, atol=0.2)
    assert fit.gap < 1e-5


def test_conjugate_gradients_stop_in_a_null_space():
    X, _, y = rows(0, 40, 3, 2)
    objective = objective_of(np.hstack([X, X]), y, 2, l2=0.0)
    coef = np.zeros(objective.size)
    gradient = objective.evaluate(coef, 1).gradient
    steps = list(conjugate_gradient(objective, coef, gradient))
    assert len(steps) < 100
    assert np.abs(steps[-1][1]).max() < 1e-10
    assert list(conjugate_gradient(objective, coef, 0.0 * gradient)) == []


def test_a_newton_step_is_shortened_until_it_helps():
    """From far out the whole step overshoots; every length taken lowers the objective."""
    X, _, y = rows(1, 60, 3, 2)
    objective = objective_of(X, y, 2, l2=0.01)
    start = np.array([30.0, -20.0, 5.0, 10.0])
    values = []
    for here, _ in zip(Newton().iterates(objective, start), range(15), strict=False):
        values.append(here.value)
    assert all(b < a for a, b in pairwise(values[:5]))


def test_the_length_of_a_newton_step():
    """Whole where it is proved to help or does, else the best of halvings, else the safe one."""
    valley, coef = Valley(), np.array([3.0])
    value, gradient = np.cosh(3.0), np.sinh(coef)

    def length(direction, reach):
        step = np.array([direction])
        line = LineMoments(valley.values_along(coef, step, (1.0,)), np.inf, reach, 0.0, 0.0)
        return newton_length(valley, coef, value, float(gradient @ step), step, line)

    assert length(1.0, 1.0) == 1.0
    assert 0.4 < length(6.5, 6.5) < 0.6, "the least value is at 3 / 6.5"
    assert 1e-4 < length(1e4, 1e4) < 1e-3
    assert 1e-9 < length(1e9, 1e9) < 1e-8
    assert length(8.0, 0.4) == 1.0, "proved, whatever the values say"
    assert length(-1.0, 1.0) == 0.5, "no length lowers f: the safe one"


class Valley:
    """f(x) = sum cosh(x) as an objective, for line searches: smooth, convex, steep far out."""

    weight = 1.0

    def evaluate(self, coef, order):
        with np.errstate(over="ignore"):
            return Moments(1.0, float(np.cosh(coef).sum()), np.sinh(coef))

    def values_along(self, coef, direction, lengths):
        with np.errstate(over="ignore"):
            return np.array([np.cosh(coef - length * direction).sum() for length in lengths])


@pytest.mark.parametrize(
    ("direction", "least", "most"), [(0.01, 100, 200), (3.5, 1, 1), (900.0, 0.001, 0.01)]
)
def test_a_quasi_newton_step_is_stretched_or_shortened(direction, least, most):
    valley, coef = Valley(), np.array([3.0])
    here = valley.evaluate(coef, 1)
    length, there = _search(valley, coef, here, np.array([direction]))
    assert least <= length <= most
    assert there.value < here.value


def test_a_step_uphill_is_refused():
    valley, coef = Valley(), np.array([3.0])
    here = valley.evaluate(coef, 1)
    assert _search(valley, coef, here, np.array([-1.0])) is None
    # Downhill in the slope given, but no length helps: the slope is wrong by its sign.
    wrong = Moments(1.0, here.value, -here.gradient)
    assert _search(valley, coef, wrong, np.array([-1.0])) is None


@pytest.mark.parametrize("name", NAMES)
def test_the_table_makes_each_solver_by_name(name):
    solver = choose(name, Problem(100, 3, 1, False))
    assert solver.name == name
    assert solver.order in (1, 2)
    kinked = ("gradient-descent", "proximal-newton", "proximal-newton-rows")
    assert solver.handles_l1 is (name in kinked)
    assert choose(solver, Problem(100, 3, 1, False)) is solver


def test_auto_takes_the_first_row_that_suits():
    assert choose("auto", Problem(100, 1000, 1, False)).name == "newton-cholesky"
    assert choose("auto", Problem(100, 1001, 1, False)).name == "newton-cg"
    assert choose("auto", Problem(100, 1000, 1, True)).name == "newton-cg"
    assert choose("auto", Problem(100, 260, 20, False)).name == "newton-cg", "many classes"
    kinked = Problem(100, 3, 1, False, l1=True, by_column=True)
    assert choose("auto", kinked).name == "proximal-newton"
    for name in FOREIGN:
        assert choose(name, Problem(100, 3, 1, False)).name == "newton-cholesky"
    assert choose("auto", Problem(100, 1000, 1, True, l2=True)).name == "lbfgs"
    assert not any(row.suits(Problem(100, 3, 1, False)) for row in TABLE[7:])


@pytest.mark.parametrize("solver", ["adam", "", 3, None, Newton])
def test_a_solver_that_is_not_known_is_named(solver):
    with pytest.raises(ParameterError, match="solver="):
        choose(solver, Problem(100, 3, 1, False))


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: s.name)
def test_parameters_can_be_read_and_set(solver):
    again = type(solver)(**solver.get_params())
    assert again == solver
    name = next(iter(solver.get_params()))
    assert again.set_params(**{name: 2}).get_params()[name] == 2
    with pytest.raises(ParameterError, match="no parameter 'speed'"):
        again.set_params(speed=1)
    with pytest.raises(ParameterError, match=name):
        again.set_params(**{name: -1})


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda v: GradientDescent(learning_rate=v), "learning_rate"),
        (lambda v: GradientDescent(epochs=v), "epochs"),
        (lambda v: Newton(max_iter=v), "max_iter"),
        (lambda v: NewtonCG(max_iter=v), "max_iter"),
        (lambda v: LBFGS(memory=v), "memory"),
    ],
)
@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, "1", None, True])
def test_parameters_that_cannot_be_used_are_named(make, name, value):
    with pytest.raises(ParameterError, match=name):
        make(value)


def test_gradient_descent_is_the_textbooks():
    """Three epochs by hand, from zeros, on the user's own columns, penalty per unit of weight."""
    X, _, y = rows(2, 30, 3, 2)
    X = X + 5.0
    fit = fitted(X, y, GradientDescent(learning_rate=0.03, epochs=3), l2=2.0)
    w, b = np.zeros(3), 0.0
    losses = []
    for _ in range(4):
        a = 1 / (1 + np.exp(-(X @ w + b)))
        losses.append(-np.mean(y * np.log(a) + (1 - y) * np.log(1 - a)))
        if len(losses) < 4:
            w, b = w - 0.03 * (X.T @ (a - y) + 2.0 * w) / 30, b - 0.03 * np.mean(a - y)
    np.testing.assert_allclose(fit.coef[:, 0], w, rtol=1e-12)
    np.testing.assert_allclose(fit.intercept, b, rtol=1e-12)
    np.testing.assert_allclose(fit.history["loss"], losses, rtol=1e-12)
    assert fit.history["iteration"].tolist() == [0, 1, 2, 3]
    assert (fit.n_iter, fit.stopped) == (3, "max_iter")


def test_a_descent_that_leaves_the_floats_keeps_the_last_finite_point():
    X, _, y = rows(2, 30, 3, 2)
    fit = fitted(X * 1e150, y, GradientDescent(learning_rate=1e10, epochs=50))
    assert fit.stopped == "diverged"
    assert not fit.converged
    assert np.isfinite(fit.coef).all()
    assert np.isfinite(fit.gap)


def test_an_objective_that_is_not_finite_at_the_start_is_an_error():
    X, _, y = rows(2, 30, 3, 2)
    start = (np.full((3, 1), 1e308), np.zeros(1))
    with pytest.raises(DataError, match="start"):
        fitted(X * 100, y, Newton(), start=start)


def test_a_start_at_the_optimum_takes_at_most_one_step():
    X, _, y = rows(2, 30, 3, 2)
    first = fitted(X, y, "newton-cholesky")
    again = fitted(X, y, LBFGS(), start=(first.coef, first.intercept))
    assert again.n_iter == 1
    assert again.converged
    np.testing.assert_allclose(again.coef, first.coef, rtol=1e-10)


def test_watchers_are_told_of_every_iterate():
    X, _, y = rows(2, 30, 3, 2)
    seen = []
    fit = fitted(X, y, "newton-cholesky", watch=seen.append)
    assert [progress.iteration for progress in seen] == fit.history["iteration"].tolist()
    np.testing.assert_array_equal([p.objective for p in seen], fit.history["objective"])
    np.testing.assert_array_equal([p.gradient_norm for p in seen], fit.history["gradient_norm"])
    assert seen[-1].gap == fit.gap
    assert seen[0].max_iter == Newton().max_iter


def test_a_validation_set_is_measured_and_changes_nothing():
    X, _, y = rows(2, 60, 3, 2)
    held = Threads(MemoryBlocks(X[40:], y[40:], np.ones(20), np.zeros(20), rows=7), 1)
    for solver in SOLVERS:
        alone = fitted(X[:40], y[:40], solver)
        fit = fitted(X[:40], y[:40], solver, validation=held)
        assert fit.coef.tobytes() == alone.coef.tobytes()
        margin = X[40:] @ fit.coef[:, 0] + fit.intercept[0]
        loss = np.mean(np.logaddexp(0, np.where(y[40:] == 1, -margin, margin)))
        np.testing.assert_allclose(fit.history["validation_loss"][-1], loss, rtol=1e-12)
        accuracy = np.mean((margin > 0) == y[40:])
        assert fit.history["validation_accuracy"][-1] == pytest.approx(accuracy)
        assert all(len(v) == len(fit.history["iteration"]) for v in fit.history.values())


class Stubborn(Parameters):
    """A solver that never brings a proof, and stays where it is."""

    name, order, max_iter = "stubborn", 1, 5

    def iterates(self, objective, start):
        for estimate in (1e-20, 1e-21, 5e-22, 1e-30):
            moments = objective.evaluate(start, 1)
            yield Iterate(start, moments.value, moments.gradient, estimate)


def test_a_proof_is_asked_for_only_when_it_may_succeed():
    X, _, y = rows(2, 30, 3, 2)
    objective = objective_of(X, y, 2)
    asked = []

    def prove(coef):
        asked.append(coef)
        return certificate(objective, coef, objective.evaluate(coef, 1), 0 * coef, np.inf)

    outcome = run(Stubborn(), objective, np.ones(4), tol=1e-12, max_iter=9, prove=prove)
    assert len(asked) == 3, "the third estimate has not fallen tenfold"
    assert outcome.stopped == "stalled"
    assert outcome.iterations == 3


@pytest.mark.parametrize("columns", ["dummy", "combination"])
@pytest.mark.parametrize("solver", SOLVERS[:3], ids=lambda s: s.name)
def test_quasi_separation_is_found(columns, solver):
    """One level of a dummy, or one combination of columns, holds a single class."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (rng.random(200) < 1 / (1 + np.exp(-X[:, 0]))).astype(int)
    if columns == "dummy":
        X[:, 2] = np.arange(200) % 20 == 0
        y[X[:, 2] == 1] = 1
    else:
        X[:, 2] = X[:, 1]
        X[::20, 2] += 1.0
        y[::20] = 0
    fit = fitted(X, y, solver, l2=0.0)
    assert fit.separated == "quasi"
    assert np.isfinite(fit.coef).all()


@pytest.mark.parametrize("strength", [1.0, 5.0, 20.0])
def test_overlapping_classes_are_not_called_separated(strength):
    """However strong the signal: two rows on the wrong side, one for each class."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 3))
    y = (X[:, 0] > 0).astype(int)
    X[0], y[0], X[1], y[1] = [strength / 10, 0, 0], 0, [-strength / 10, 0, 0], 1
    fit = fitted(X, y, "newton-cholesky", l2=0.0)
    assert fit.separated is None
    assert fit.converged


def test_a_far_row_does_not_hide_an_overlap():
    """A missing value coded 0 in a column near 1e8: the optimum is finite."""
    X, _, y = rows(0, 200, 2, 2)
    X[:, 0] += 1e8
    X[0, 0], y[0] = 0.0, 1
    fit = fitted(X, y, l2=0.0)
    assert fit.separated is None
    assert fit.converged


EMPTY_CELL = (np.array([[0.0]] * 9 + [[1.0]] * 8), np.array([0, 1, 2] * 3 + [0, 1] * 4))


@pytest.mark.parametrize("entries", [300_000, 0])
@pytest.mark.parametrize("solver", SOLVERS[:3], ids=lambda s: s.name)
def test_an_empty_cell_of_three_classes_is_found(monkeypatch, solver, entries):
    """Class 2 never has x = 1: found by a linear program, or by watching where it is too large."""
    monkeypatch.setattr("oddsmith.solvers.separation._MOST_ENTRIES", entries)
    X, y = EMPTY_CELL
    assert fitted(X, y, solver, K=3, l2=0.0).separated == "quasi"


@pytest.mark.parametrize("size", [3, 100])
def test_a_linear_program_gathers_its_rows_from_all_blocks(size):
    X, y = EMPTY_CELL
    fit = fitted(X, y, K=3, l2=0.0)
    objective = objective_of(X, y.astype(np.int8), 3, l2=0.0, rows=size)
    coef = objective.from_user(fit.coef, fit.intercept)
    assert separation(objective, coef, prove_by_hessian(objective, coef)) == "quasi"


def dummies(levels, n, separated, seed=2):
    rng = np.random.default_rng(seed)
    level = np.r_[np.repeat(np.arange(levels), 4), rng.integers(0, levels, n - 4 * levels)]
    y = np.r_[np.tile([0, 1, 0, 1], levels), rng.integers(0, 2, n - 4 * levels)]
    if separated:
        y[level == 7] = 1
    return level, y


@pytest.mark.parametrize("tol", [1e-12, 1e-5])
def test_separation_is_found_before_margins_are_large(tol):
    level, y = dummies(20, 400, separated=True)
    X = np.eye(20)[level][:, 1:]
    assert fitted(X, y, l2=0.0, tol=tol).separated == "quasi"
    level, y = dummies(20, 400, separated=False)
    X = np.eye(20)[level][:, 1:]
    assert fitted(X, y, l2=0.0, tol=tol).separated is None


@pytest.mark.parametrize("separated", [True, False])
def test_separation_among_thousands_of_columns(separated):
    """No Hessian, no linear program: the steps of Newton-CG are watched."""
    level, y = dummies(2500, 20_000, separated)
    X = sp.csr_array((np.ones(20_000), (np.arange(20_000), level)), shape=(20_000, 2500))
    fit = fitted(X[:, 1:], y, l2=0.0)
    assert fit.separated == ("quasi" if separated else None)
    assert fit.aliased is None, "too many columns to look for aliases"
    assert fit.converged


@pytest.mark.parametrize("most_free", [1, 64])
def test_a_proof_at_an_exact_optimum(monkeypatch, most_free):
    """Columns and labels that cancel: the gradient is exactly 0, and there is nothing to solve."""
    monkeypatch.setattr("oddsmith.solvers.newton_cg._MOST_FREE", most_free)
    X = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    objective = objective_of(X, np.array([0, 1, 0, 1], np.int8), 2, l2=0.0)
    proof = prove_by_products(objective, np.zeros(2), tol=1e-12)
    assert proof.gap == 0.0
    assert proof.moments.value == pytest.approx(4 * np.log(2))


class Plateau(Valley):
    """Values that never change, beside slopes that promise they do."""

    def evaluate(self, coef, order):
        return Moments(1.0, 1.0, np.ones(1) + 1e-3 * coef)

    def values_along(self, coef, direction, lengths):
        return np.ones(len(lengths))


def test_a_diagonal_metric_is_inverted():
    metric, vector = Diagonal(np.array([2.0, 4.0])), np.array([3.0, -1.0])
    np.testing.assert_array_equal(metric.solve(metric.times(vector)), vector)


def test_a_quasi_newton_method_ends_where_no_step_helps():
    walk = quasi_newton(Plateau(), np.zeros(1), Diagonal(np.ones(1)), 20)
    assert len(list(walk)) == 1


def test_a_whole_step_may_be_the_longest_that_helps():
    """The slope at its end is still steep, but values further on are higher by rounding."""
    valley, coef = Valley(), np.array([3.0])
    there = valley.evaluate(np.array([2.999]), 1)

    class Rough(Valley):
        def values_along(self, coef, direction, lengths):
            return np.array([there.value, *[np.inf] * (len(lengths) - 1)])

    found = _search(Rough(), coef, valley.evaluate(coef, 1), np.array([0.001]))
    assert found is not None
    assert found[0] == 1.0


def test_a_direction_that_only_looks_null_is_not_proved_away():
    """Two columns equal to twelve digits: their difference still separates a better fit."""
    X, _, y = rows(0, 40, 2, 2)
    near = np.column_stack([X[:, 0], X[:, 0] + 1e-12 * X[:, 1]])
    one, both = fitted(X[:, :1], y, l2=0.0), fitted(X, y, l2=0.0)
    assert one.objective > both.objective + 1e-4
    objective = objective_of(near, y, 2, l2=0.0)
    coef = objective.from_user(np.vstack([one.coef, [[0.0]]]), one.intercept)
    proof = prove_by_hessian(objective, coef)
    assert proof.gap >= 40 * (one.objective - both.objective)


def test_an_intercept_of_columns_far_from_zero_is_rounded_once():
    X, _, y = rows(0, 40, 3, 2)
    objective = objective_of(X + np.array([1e8, -3e9, 7e12]), y, 2)
    coef = np.random.default_rng(0).normal(size=4)
    w, b = objective.to_user(coef)
    center = objective.design.standardisation.center
    terms = [Fraction(c) * Fraction(v) for c, v in zip(center, w[:, 0], strict=True)]
    assert b[0] == float(Fraction(coef[3]) - sum(terms))
    np.testing.assert_allclose(objective.from_user(w, b), coef, atol=1e-3)
