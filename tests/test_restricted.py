"""The fit under a linear restriction: where it ends, and what it proves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import Problem, minimum
from test_inference_likelihood import drawn, likelihood

from oddsmith.solvers.restricted import Plane, _without_certain_rows, restricted_minimum


def long_value(X, y, offset):
    """Minus log-likelihood of two classes, by long double."""
    return float(minimum(Problem(X, y, 2, offset=offset)).objective) * len(y)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), m=st.integers(1, 4))
def test_a_plane_is_where_it_says(seed, m):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(m, 6)) * 10.0 ** rng.integers(-3, 4, (m, 1))
    plane = Plane.of(A)
    b, coef = A @ rng.normal(size=6), rng.normal(size=6)
    there = plane.nearest(coef, b)
    np.testing.assert_allclose(A @ there / plane.length, b / plane.length, atol=1e-12)
    # The way there is orthogonal to the plane, and the basis lies in it.
    np.testing.assert_allclose(plane.basis.T @ (there - coef), 0.0, atol=1e-12)
    np.testing.assert_allclose(plane.basis.T @ plane.basis, np.eye(6 - m), atol=1e-12)
    u = rng.normal(size=m)
    np.testing.assert_allclose(
        plane.multiplier(A.T @ u) * plane.length, u * plane.length, atol=1e-9
    )


@pytest.mark.parametrize("rows", [[[0.0, 0.0]], [[1.0, 2.0], [2.0, 4.0]], np.eye(2)[[0, 1, 0]]])
def test_dependent_rows_are_no_plane(rows):
    assert Plane.of(np.array(rows, dtype=float)) is None


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_a_column_held_is_an_offset(seed, K):
    X, y = drawn(seed, n=150, K=K)
    y[:K] = np.arange(K)
    own = likelihood(X, y)
    rows = own.contrast.reshape(K - 1, 4, -1)[:, 2]
    value = np.linspace(-0.3, 0.4, K - 1) / X[:, 1].std()
    plane = Plane.of(rows)
    found = restricted_minimum(own.objective, plane, value, own.coef)
    held = np.append(0.0, value) * X[:, [1]]
    offset = held[:, 1] if K == 2 else held
    assert found.gap <= 1e-14 * len(y)
    other = X[:, [0, 2]]
    unheld = likelihood(other, y, offset=offset).moments.value
    expected = long_value(other, y, offset) if K == 2 else unheld
    np.testing.assert_allclose(found.moments.value, expected, rtol=1e-12)
    np.testing.assert_allclose(rows @ found.coef, value, rtol=1e-9)


def test_the_multiplier_is_the_rate_of_the_minimum():
    X, y = drawn(3, n=200)
    own = likelihood(X, y)
    plane, value = Plane.of(own.contrast[1:3]), own.params[1:3] * 1.5
    found = restricted_minimum(own.objective, plane, value, own.coef)
    for k in range(2):
        step = 1e-4 * abs(own.params[k + 1]) * np.eye(2)[k]
        near = [
            restricted_minimum(own.objective, plane, value + s * step, own.coef).moments.value
            for s in (1.0, -1.0)
        ]
        rate = (near[0] - near[1]) / (2.0 * step[k])
        np.testing.assert_allclose(found.multiplier[k], rate, rtol=1e-5)


def test_all_coefficients_held_leave_nothing_to_find():
    X, y = drawn(0, n=60)
    own = likelihood(X, y)
    plane = Plane.of(own.contrast)
    found = restricted_minimum(own.objective, plane, np.zeros(4), own.coef)
    np.testing.assert_allclose(found.moments.value, 60 * np.log(2.0), rtol=1e-13)
    assert found.gap <= 1e-12


def test_too_few_steps_say_so():
    X, y = drawn(1, n=100)
    own = likelihood(X, y)
    plane = Plane.of(own.contrast[1:2])
    found = restricted_minimum(own.objective, plane, np.zeros(1), 3.0 + 0 * own.coef, max_iter=1)
    assert found.gap > 1e-6
    full = restricted_minimum(own.objective, plane, np.zeros(1), 3.0 + 0 * own.coef)
    assert found.moments.value - found.gap <= full.moments.value <= found.moments.value


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), K=st.integers(2, 3), steps=st.integers(0, 4))
def test_the_gap_is_never_below_the_distance(seed, K, steps):
    X, y = drawn(seed, n=80, K=K)
    y[:K] = np.arange(K)
    own = likelihood(X, y)
    plane = Plane.of(own.contrast[1:2])
    start = np.random.default_rng(seed).normal(size=own.coef.size)
    best = restricted_minimum(own.objective, plane, np.zeros(1), own.coef).moments.value
    found = restricted_minimum(own.objective, plane, np.zeros(1), start, max_iter=steps)
    assert found.moments.value - best <= found.gap * (1 + 1e-9) + 1e-12


def test_separated_rows_come_as_near_as_is_asked():
    """Held at a coefficient, another column still separates: there is only an infimum."""
    X = np.array([[0.0, 1, 2, 3, 4, 5, 6, 7], [1.0, -1, 0.5, 2, 1, -2, 0, 1]]).T
    y = np.repeat([0, 1], 4)
    own = likelihood(X, y)
    plane = Plane.of(own.contrast[2:3])
    found = restricted_minimum(own.objective, plane, np.array([0.1]), 0.0 * own.coef)
    assert found.moments.value <= found.gap <= 8e-12


def test_rows_that_are_certain_can_be_left_out_of_a_bound():
    X, y = drawn(2, n=80)
    own = likelihood(X, y, offset=np.random.default_rng(0).normal(size=80))
    rest = _without_certain_rows(own.objective, own.coef, 0.3)
    loss = own.rows(
        lambda block: own.objective.loss.value(
            own.objective.design(block).times(own.coef) + block.offset, block.y
        )
    )
    assert 0 < (loss > 0.3).sum() < 80
    np.testing.assert_allclose(rest.evaluate(own.coef, 0).value, loss[loss > 0.3].sum())
    assert (rest.source.n_rows, rest.source.n_features) == (80, 3)
