"""What the columns tell of the Hessian, walks that begin with it, and the proof by the penalty."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from test_core_laws import objective_of, rows
from test_solvers import fitted

from oddsmith.core.certificate import certificate_by_penalty
from oddsmith.core.columns import Standardisation
from oddsmith.solvers import LBFGS, Newton
from oddsmith.solvers.column_metric import ColumnMetric
from oddsmith.solvers.lbfgs import _search, quasi_newton
from oddsmith.solvers.newton_cg import _solve_nearly


@given(
    st.integers(0, 10**6),
    st.integers(1, 5),
    st.integers(2, 4),
    st.floats(0.0, 10.0),
    st.booleans(),
    st.booleans(),
)
def test_the_metric_is_inverted_and_positive(seed, p, K, l2, intercept, measured):
    X, _, y = rows(seed, 30, p, K)
    objective = objective_of(X + 3.0, y, K, l2=l2, intercept=intercept)
    rng = np.random.default_rng(seed)
    coef = rng.normal(size=objective.size)
    metric = ColumnMetric.of(objective, coef if measured else None)
    vector = rng.normal(size=objective.size)
    np.testing.assert_allclose(metric.solve(metric.times(vector)), vector, rtol=1e-9, atol=1e-9)
    assert vector @ metric.times(vector) > 0
    other = rng.normal(size=objective.size)
    assert other @ metric.times(vector) == pytest.approx(vector @ metric.times(other), rel=1e-9)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("measured", [False, True])
def test_the_metric_is_the_hessian_of_columns_that_are_not_correlated(intercept, measured):
    """At the start all rows are equally curved; of one column there is nothing else to know."""
    X, _, y = rows(0, 50, 1, 2)
    objective = objective_of(X + 3.0, y, 2, l2=0.7, intercept=intercept)
    coef = np.zeros(objective.size)
    metric = ColumnMetric.of(objective, coef if measured else None)
    ours = np.stack([metric.times(unit) for unit in np.eye(objective.size)])
    np.testing.assert_allclose(ours, objective.evaluate(coef, 2).hessian, rtol=1e-12, atol=1e-10)


@given(
    st.integers(0, 10**6),
    st.integers(1, 5),
    st.integers(2, 4),
    st.floats(0.01, 100.0),
    st.booleans(),
    st.sampled_from([1e-6, 1e-4, 1e-2]),
)
def test_the_proof_by_the_penalty_is_one(seed, p, K, l2, intercept, away):
    X, _, y = rows(seed, 30, p, K)
    objective = objective_of(X, y, K, l2=l2, intercept=intercept)
    fit = fitted(X, y, Newton(), K, l2, intercept, tol=1e-15)
    best = objective.from_user(fit.coef, fit.intercept)
    coef = best + away * np.random.default_rng(seed).normal(size=best.size)
    moments = objective.evaluate(coef, 1)
    proof = certificate_by_penalty(objective, coef, moments)
    distance = moments.value - objective.evaluate(best, 0).value
    if proof is None:
        assert away * p > 1e-5, "near the optimum there is a proof"
        return
    assert proof.gap >= distance - 1e-13 * moments.value
    # Not better than what the penalty's share of the Hessian lets be, nor much worse.
    step = np.linalg.solve(objective.evaluate(coef, 2).hessian + 1e-12, moments.gradient)
    assert proof.gap <= max(1.0, 30.0 * 30.0 / l2) * moments.gradient @ step + 1e-10


def test_there_is_no_proof_by_a_penalty_that_is_not_there():
    X, _, y = rows(0, 30, 3, 2)
    objective = objective_of(X, y, 2, l2=0.0)
    coef = np.zeros(4)
    assert certificate_by_penalty(objective, coef, objective.evaluate(coef, 1)) is None


def test_there_is_no_proof_where_the_intercept_is_lost():
    """So far from all rows that none has any curvature."""
    X, _, y = rows(0, 30, 3, 2)
    objective = objective_of(X, y, 2, l2=1.0)
    coef = np.array([0.0, 0.0, 0.0, 1e4])
    assert certificate_by_penalty(objective, coef, objective.evaluate(coef, 1)) is None


def sparse_rows(n=400, p=800, K=2, unit=1.0):
    rng = np.random.default_rng(3)
    X = sp.random_array((n, p), density=0.02, rng=rng, format="csr")
    X.data *= unit
    y = (X @ rng.normal(size=(p, K)) / unit + rng.gumbel(size=(n, K))).argmax(axis=1)
    return X, y


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("intercept", [False, True])
def test_sparse_rows_with_a_penalty_are_walked_and_proved_by_it(monkeypatch, K, intercept):
    X, y = sparse_rows(K=K)
    asked = []
    monkeypatch.setattr("oddsmith.solvers.minimise._prove", lambda *_: asked.append(1))
    fit = fitted(X, y, "auto", K, 1.0, intercept)
    assert (fit.solver, fit.converged, asked) == ("lbfgs", True, [])
    monkeypatch.undo()
    other = fitted(X, y, "newton-cg", K, 1.0, intercept)
    assert fit.objective == pytest.approx(other.objective, abs=2e-12)


@pytest.mark.parametrize("l2", [1e-12, 1e-3])
def test_a_long_walk_looks_at_the_curvatures_anew(monkeypatch, l2):
    """And where the penalty alone would prove too late, the proof is another."""
    X, y = sparse_rows(n=3000, p=60, unit=30.0)
    monkeypatch.setattr("oddsmith.solvers.lbfgs._STEPS", 4)
    monkeypatch.setattr("oddsmith.solvers.lbfgs._FEW", 0)
    fit = fitted(X, y, LBFGS(), l2=l2)
    assert fit.converged
    assert fit.n_iter > 8
    exact = fitted(X, y, Newton(), l2=l2)
    assert fit.objective == pytest.approx(exact.objective, abs=2e-12)
    values = fit.history["objective"]
    assert (np.diff(values) < 0).all(), "no step is told twice"


def test_a_walk_ends_where_rounding_does():
    """Asked for more than floats can hold, and without a penalty to prove anything by."""
    X, _, y = rows(0, 100, 4, 2)
    exact = fitted(X, y, Newton(), l2=0.0)
    objective = objective_of(X, y, 2, l2=0.0)
    seen = list(LBFGS().iterates(objective, np.zeros(objective.size)))
    assert len(seen) < 200
    w, _ = objective.to_user(seen[-1].coef)
    np.testing.assert_allclose(w, exact.coef, rtol=1e-6)


def test_many_coefficients_without_a_penalty_are_proved_by_others(monkeypatch):
    X, _, y = rows(0, 100, 4, 2)
    monkeypatch.setattr("oddsmith.solvers.lbfgs._FEW", 0)
    assert fitted(X, y, LBFGS(), l2=0.0).converged


def test_a_walk_that_its_memory_misleads_begins_afresh(monkeypatch):
    X, _, y = rows(0, 100, 4, 2)
    objective, asked = objective_of(X, y, 2), []

    def misled(*walk):
        asked.append(walk)
        return None if len(asked) == 3 else _search(*walk)

    monkeypatch.setattr("oddsmith.solvers.lbfgs._search", misled)
    metric = ColumnMetric.of(objective)
    seen = [coef for coef, _, _ in quasi_newton(objective, np.zeros(5), metric, 20)]
    assert len(seen) > 4
    (_, direction), (_, afresh) = ((walk[1], walk[3]) for walk in asked[2:4])
    np.testing.assert_array_equal(afresh, metric.solve(asked[3][2].gradient))
    assert not np.array_equal(direction, afresh)
    assert np.linalg.norm(objective.evaluate(seen[-1], 1).gradient) < 1e-6


def test_nothing_is_left_to_solve_for_a_gradient_of_zeros():
    X, _, y = rows(0, 100, 4, 2)
    objective, zeros = objective_of(X, y, 2), np.zeros(5)
    assert not _solve_nearly(objective, zeros, zeros, 1e-12).any()


@pytest.mark.parametrize("K", [2, 3])
def test_the_proof_knows_what_the_intercept_does_to_the_columns(K):
    """All coefficients are at their best beside an intercept that is not."""
    X, _, y = rows(0, 60, 2, K)
    how = Standardisation.none(2)
    objective = objective_of(X + 5.0, y, K, l2=0.5, how=how)
    coef = objective.from_user(*_user(fitted(X + 5.0, y, Newton(), K, 0.5, tol=1e-15)))
    best, held = objective.evaluate(coef, 0).value, 2 * objective.width
    coef[held:] += 1e-3 * np.arange(1, objective.width + 1)
    for _ in range(5):
        here = objective.evaluate(coef, 2)
        coef[:held] -= np.linalg.solve(here.hessian[:held, :held], here.gradient[:held])
    moments = objective.evaluate(coef, 1)
    proof = certificate_by_penalty(objective, coef, moments)
    assert proof is not None
    assert proof.gap >= moments.value - best > 1e-9
    step = moments.gradient[held:]
    assert proof.gap > step @ step, "which their own curvature would make of it"


def _user(fit):
    return fit.coef, fit.intercept
