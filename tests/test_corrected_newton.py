"""Newton's method with a Hessian that L-BFGS corrects: fewer Hessians, the same optimum."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from test_core_laws import objective_of, rows
from test_solvers import fitted

from oddsmith import LogisticRegression
from oddsmith.core.objective import Objective
from oddsmith.solvers import LBFGS, Newton, lbfgs, newton
from oddsmith.solvers.curvature import cholesky
from oddsmith.solvers.lbfgs import quasi_newton


@pytest.fixture
def hessians(monkeypatch):
    """Points where a Hessian was formed."""
    seen = []
    evaluate = Objective.evaluate

    def counted(self, coef, order):
        if order == 2:
            seen.append(coef)
        return evaluate(self, coef, order)

    monkeypatch.setattr(Objective, "evaluate", counted)
    return seen


def drawn(kind, seed=0, n=400):
    """Rows with enough columns for a Hessian to have the price of some steps."""
    rng = np.random.default_rng(seed)
    p, K = (190, 2) if kind == "binary" else (45, 4)
    X = rng.normal(size=(n, p))
    margins = 0.2 * X @ rng.normal(size=(p, K))
    y = (margins + rng.gumbel(size=(n, K))).argmax(axis=1)
    return X, y, K


def test_digits_need_two_hessians(hessians):
    X, y = load_digits(return_X_y=True)
    model = LogisticRegression().fit(X, y)
    assert model.solver_ == "newton-cholesky"
    assert model.optimality_gap_ <= 1e-15
    assert len(hessians) == 2


@pytest.mark.parametrize("kind", ["binary", "multinomial"])
@pytest.mark.parametrize("l2", [1.0, 1e-6])
def test_the_optimum_is_that_of_newton(kind, l2, monkeypatch):
    X, y, K = drawn(kind, n=2000)
    ours = fitted(X, y, Newton(), K, l2)
    monkeypatch.setattr(newton, "_WORTH", np.inf)
    plain = fitted(X, y, Newton(), K, l2)
    assert ours.stopped == plain.stopped == "converged"
    assert ours.n_iter > plain.n_iter
    np.testing.assert_allclose(ours.coef, plain.coef, rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours.intercept, plain.intercept, rtol=0, atol=1e-8)


@pytest.mark.parametrize("kind", ["binary", "multinomial"])
def test_classes_that_can_be_separated_are_named(kind):
    X, _, K = drawn(kind)
    y = (X[:, :K] + 0.0).argmax(axis=1)
    fit = fitted(X, y, Newton(), K, 0.0)
    assert fit.separated == "complete"


def test_quasi_separation_is_not_claimed_where_margins_are_merely_huge():
    """Steps that are watched are those of Newton's method, whatever road led to the optimum."""
    rng = np.random.default_rng(0)
    X, y, K = drawn("multinomial", n=1500)
    fit = fitted(X * np.exp(2 * rng.normal(size=X.shape)), y, Newton(), K, 0.0)
    assert fit.separated is None
    assert fit.gap <= 1e-12


@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_equal_columns_are_met(l2):
    X, y, K = drawn("multinomial", n=2000)
    X[:, 1] = X[:, 0]
    fit = fitted(X, y, Newton(), K, l2)
    assert fit.gap <= 1e-12
    assert fit.aliased == ((1,) if l2 == 0 else ())
    np.testing.assert_allclose(fit.coef[0], fit.coef[1], rtol=1e-6)


def test_a_walk_that_does_not_help_is_tried_for_ever_shorter(monkeypatch):
    X, y, K = drawn("multinomial")
    budgets = []
    corrected = newton._corrected

    def idle(objective, metric, start, budget):
        budgets.append(budget)
        coef, _ = yield from corrected(objective, metric, start, 1)
        return coef, False

    monkeypatch.setattr(newton, "_corrected", idle)
    monkeypatch.setattr(newton, "_price", lambda objective: 16)
    fit = fitted(X, y, Newton(), K, 1e-3)
    assert budgets == [16, 16, 8, 4]
    assert fit.stopped == "converged"


def test_a_walk_ends_where_no_step_lowers_the_objective_and_newton_goes_on(monkeypatch):
    X, y, K = drawn("multinomial")
    walk = quasi_newton
    monkeypatch.setattr(newton, "quasi_newton", lambda *given: islice(walk(*given), 2))
    fit = fitted(X, y, Newton(), K, 1.0)
    assert fit.stopped == "converged"
    assert fit.gap <= 1e-12


@given(st.integers(0, 99), st.integers(3, 5))
@settings(max_examples=20)
def test_at_zero_the_hessian_is_that_of_each_class_alone(seed, K):
    X, _, y = rows(seed, 60, 4, K)
    objective = objective_of(X, y, K, l2=0.5)
    zero = np.zeros(objective.size)
    metric = newton._at_zero(objective)
    vector = objective.centred(np.random.default_rng(seed).normal(size=objective.size))
    image = objective.hessian_product(zero, vector)
    np.testing.assert_allclose(metric.times(vector), image, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(metric.solve(image), vector, rtol=1e-8, atol=1e-10)


def test_a_factor_multiplies_solves_and_measures():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(5, 9)) * 10.0 ** rng.integers(-3, 4, 5)[:, None]
    hessian, vector = root @ root.T, rng.normal(size=5)
    factor = cholesky(hessian)
    np.testing.assert_allclose(factor.times(vector), hessian @ vector, rtol=1e-9)
    np.testing.assert_allclose(factor.solve(hessian @ vector), vector, rtol=1e-6)
    assert factor.length(vector) == pytest.approx(np.sqrt(vector @ hessian @ vector))
    assert cholesky(np.zeros((2, 2))) is None
    assert cholesky(np.ones((2, 2))) is None


def test_a_walk_begins_afresh_where_its_pairs_mislead(monkeypatch):
    X, _, y = rows(3, 50, 3, 2)
    search, answers = lbfgs._search, iter([True, True, False])
    monkeypatch.setattr(
        lbfgs, "_search", lambda *given: search(*given) if next(answers, True) else None
    )
    fit = fitted(X, y, LBFGS(), 2, 1.0)
    assert next(answers, None) is None
    assert fit.stopped == "converged"
    assert fit.gap <= 1e-12
