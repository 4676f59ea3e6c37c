"""The dual point of a step's own model: what it proves, and that a path asks no more of it."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from test_proximal_newton import rows

from oddsmith import regularization_path
from oddsmith.core.penalty import Penalty
from oddsmith.errors import ConvergenceWarning
from oddsmith.solvers.coordinate_descent import CoordinateDescent
from oddsmith.solvers.duality_gap import duality_gap
from oddsmith.solvers.working_set import WorkingSet


@given(
    st.integers(0, 10**6),
    st.sampled_from([(80, 6), (30, 90), (300, 40), (1200, 30)]),
    st.sampled_from([1.0, 0.5]),
    st.sampled_from([1e-2, 1e-3, 1e-4, 1e-5, 1e-6]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_a_loose_path_is_as_near_as_it_proves(seed, shape, ratio, tol, sparse, intercept, weighted):
    X, y = rows(seed, *shape)
    rng = np.random.default_rng(seed)
    parameters = {
        "l1_ratio": ratio,
        "n_lambdas": 12,
        "lambda_ratio": 0.02,
        "fit_intercept": intercept,
        "sample_weight": rng.uniform(0.5, 2.0, y.size) if weighted else None,
        "offset": rng.normal(size=y.size) if weighted else None,
    }
    own = sp.csr_array(X) if sparse else X
    loose = regularization_path(own, y, tol=tol, **parameters)
    tight = regularization_path(own, y, tol=1e-12, **parameters)
    away = loose.objectives - tight.objectives
    assert (away <= loose.gaps + 1e-14).all()
    assert (away >= -2e-12).all()
    assert loose.gaps.max() <= 1.01 * tol


@given(st.integers(0, 10**6), st.floats(0.1, 3.0), st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_the_gap_of_another_dual_point_is_primal_less_dual(seed, largest, way):
    """Where it is shrunk into the box as well; without logarithms it is up to a fifth larger."""
    rng = np.random.default_rng(seed)
    n, m = 12, 3
    Z, y = rng.normal(size=(n, m)), rng.integers(0, 2, n)
    weight, coef = rng.uniform(0.5, 2.0, n), rng.normal(size=m)
    margin = Z @ coef
    a = 1.0 / (1.0 + np.exp(-margin))
    other = a + way * (rng.random(n) - a)
    penalty = Penalty(np.zeros(m), largest * rng.uniform(0.5, 1.0, m))
    losses = np.logaddexp(0.0, np.where(y == 1, -margin, margin))
    v = Z.T @ (weight * (other - y))
    further = (1 - 2 * y) * (other - a)
    gap = duality_gap(penalty, coef, v, losses, weight, 0.0, np.zeros(m), further)
    scale = min(1.0, float((penalty.l1 / np.abs(v)).min()))
    shrunk = y + scale * (other - y)
    entropy = -shrunk * np.log(shrunk) - (1 - shrunk) * np.log1p(-shrunk)
    primal = weight @ losses + penalty.l1 @ np.abs(coef)
    exact = primal - weight @ entropy
    assert (1.0 - 1e-9) * exact - 1e-11 <= gap <= 1.2 * exact + 1e-11


@pytest.mark.parametrize("loss", [0.5, 700.0])
def test_what_is_no_probability_proves_nothing(loss):
    penalty, losses, one = Penalty(np.zeros(1), np.ones(1)), np.full(2, loss), np.ones(1)
    further = np.array([0.0, 0.7])  # beyond 1, at a loss of 0.5
    gap = duality_gap(penalty, one, -one, losses, np.ones(2), 0.0, 0.0 * one, further)
    assert gap == np.inf
    within = duality_gap(penalty, one, -one, losses, np.ones(2), 0.0, 0.0 * one, 0.5 * further)
    assert (within < np.inf) == (loss < 1.0)


def test_a_dual_point_that_does_not_keep_its_word_is_not_believed(monkeypatch):
    """Steps say that they have arrived: the proof from all columns disagrees, and they go on."""
    X, y = rows(7, 400, 30)
    parameters = {"n_lambdas": 15, "lambda_ratio": 0.02, "tol": 1e-5}
    honest = regularization_path(X, y, **parameters)
    real, said = CoordinateDescent._linear_end, []

    def boasting(self, *arguments):
        end = real(self, *arguments)
        wrong = replace(end.dual, slope=0.5 * end.dual.slope, further=end.dual.further - 0.01)
        said.append(end.gap)
        return replace(end, gap=0.0, dual=wrong)

    monkeypatch.setattr(CoordinateDescent, "_linear_end", boasting)
    path = regularization_path(X, y, **parameters)
    assert said
    assert path.n_passes <= honest.n_passes + 2 * path.lambdas.size
    assert path.gaps.max() <= 1.01e-5
    np.testing.assert_allclose(path.objectives, honest.objectives, atol=1e-5)


def test_a_path_that_is_asked_for_less_than_rounding_leaves_ends_there():
    X, y = rows(9, 200, 10)
    with pytest.warns(ConvergenceWarning, match="8 of 8 penalties"):
        path = regularization_path(X, y, n_lambdas=8, lambda_ratio=0.05, tol=2.5e-16)
    assert 2.5e-16 < path.gaps.max() < 1e-13


def test_a_loose_path_takes_about_a_step_for_a_penalty(monkeypatch):
    X, y = rows(8, 500, 80)
    steps = []
    real = CoordinateDescent._walk

    def counted(self, *arguments):
        steps.append(1)
        return real(self, *arguments)

    monkeypatch.setattr(CoordinateDescent, "_walk", counted)
    regularization_path(X, y, n_lambdas=60, lambda_ratio=0.02, tol=1e-5)
    assert len(steps) <= 75


def test_a_very_loose_path_holds_few_columns(monkeypatch):
    """Gradients at points that hardly moved would ask for nearly all of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 800)) + rng.normal(size=(200, 1))
    y = (rng.logistic(size=200) < X[:, :10] @ rng.normal(size=10)).astype(int)
    held = []
    real = WorkingSet.add

    def watched(self, ids):
        real(self, ids)
        held.append(self.m)

    monkeypatch.setattr(WorkingSet, "add", watched)
    path = regularization_path(X, y, tol=1e-2)
    assert path.gaps.max() <= 1.01e-2
    assert max(held) <= 2 * path.degrees_of_freedom.max() + 20
