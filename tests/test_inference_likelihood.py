"""The spine of the inference room: parameters and covariance of a fit, on the user's scale."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from oddsmith.core.block import CountedSource
from oddsmith.core.columns import column_statistics
from oddsmith.data.memory import memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.inference.likelihood import Likelihood
from oddsmith.solvers.minimise import Task, minimise, objective_of


def likelihood(X, y, weight=None, offset=None, intercept=True, classes=None):
    K = int(y.max()) + 1
    blocks = memory_blocks(X, y.astype(np.int8), weight, offset, 1 if K == 2 else K)
    source = CountedSource(Threads(blocks, 1))
    columns = source.fold(column_statistics)
    task = Task(K, intercept, 0.0, False, 1e-12)
    fit = minimise(source, columns, "auto", task)
    objective, _ = objective_of(source, columns, task)
    coef = objective.from_user(fit.coef, fit.intercept)
    names = tuple(f"x{j}" for j in range(X.shape[1]))
    return Likelihood(objective, coef, names, classes or tuple(range(K)))


def drawn(seed, n=200, p=3, K=2, mild=False):
    """Rows of columns far apart; mild ones for peers, whose Newton steps lose digits otherwise."""
    rng = np.random.default_rng(seed)
    far = 0.0 if mild else 1.0
    X = rng.normal(size=(n, p)) * 10.0 ** (far * rng.integers(-3, 4, p))
    X += far * 100.0 * rng.integers(-2, 3, p)
    how = (X - X.mean(axis=0)) / X.std(axis=0)
    margins = how @ rng.normal(size=(p, K)) * 0.5 + rng.gumbel(size=(n, K))
    return X, margins.argmax(axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_two_classes_as_statsmodels_has_them(seed):
    X, y = drawn(seed, mild=True)
    own = likelihood(X, y)
    peer = sm.Logit(y, sm.add_constant(X)).fit(method="newton", tol=1e-14, maxiter=200, disp=0)
    np.testing.assert_allclose(own.params, peer.params, rtol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(own.covariance)), peer.bse, rtol=1e-8)
    np.testing.assert_allclose(own.llf, peer.llf, rtol=1e-12)
    assert own.parameter_names == ("const", "x0", "x1", "x2")


@pytest.mark.parametrize("seed", range(5))
def test_more_classes_are_contrasts_to_the_first(seed):
    X, y = drawn(seed, n=400, K=4, mild=True)
    own = likelihood(X, y)
    peer = sm.MNLogit(y, sm.add_constant(X)).fit(method="newton", tol=1e-14, maxiter=200, disp=0)
    np.testing.assert_allclose(own.params, np.asarray(peer.params).T.ravel(), rtol=1e-8)
    bse = np.sqrt(np.diag(own.covariance))
    np.testing.assert_allclose(bse, np.asarray(peer.bse).T.ravel(), rtol=1e-8)


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), K=st.integers(2, 4), intercept=st.booleans())
def test_the_contrast_is_the_parameters(seed, K, intercept):
    X, y = drawn(seed, n=120, K=K)
    y[:K] = np.arange(K)
    own = likelihood(X, y, intercept=intercept)
    size = np.abs(own.contrast) @ np.abs(own.coef)
    np.testing.assert_allclose(own.contrast @ own.coef / size, own.params / size, atol=1e-13)


def test_rows_come_in_their_order_those_that_do_not_count_as_nan():
    X, y = drawn(0, n=50)
    own = likelihood(X[10:], y[10:])
    counted = np.arange(50) >= 10
    own = Likelihood(own.objective, own.coef, own.names, own.classes, counted=counted)
    found = own.rows(lambda block: block.X[:, 0])
    assert np.isnan(found[:10]).all()
    np.testing.assert_array_equal(found[10:], X[10:, 0])
