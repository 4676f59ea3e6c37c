"""regularization_path: each point as a fit of its own, and what a path says of itself."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from test_proximal_newton import rows

from oddsmith import (
    ConvergenceWarning,
    LogisticRegression,
    ParameterError,
    regularization_path,
)


@given(
    st.integers(0, 10**6),
    st.sampled_from([2, 3]),
    st.sampled_from([(80, 6), (30, 90), (50, 1)]),
    st.sampled_from([1.0, 0.5, 0.0]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_each_point_is_the_fit_at_its_penalty(seed, K, shape, ratio, sparse, intercept):
    X, y = rows(seed, *shape, K)
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 2.0, y.size)
    offset = rng.normal(size=y.size if K == 2 else (y.size, K))
    own = sp.csr_array(X) if sparse else X
    path = regularization_path(
        own,
        y,
        l1_ratio=ratio,
        n_lambdas=12,
        lambda_ratio=0.02,
        fit_intercept=intercept,
        sample_weight=weight,
        offset=offset,
        tol=1e-11,
    )
    assert path.gaps.max() <= 1e-11
    for index in (0, 5, 11):
        C = 1.0 / (path.lambdas[index] * weight.sum())
        model = LogisticRegression(C=C, l1_ratio=ratio, fit_intercept=intercept)
        model.fit(own, y, sample_weight=weight, offset=offset)
        assert path.objectives[index] == pytest.approx(model.objective_, abs=3e-11)
        ours = np.atleast_2d(path.coefs[index])
        np.testing.assert_allclose(ours, model.coef_, atol=2e-3)


def test_a_path_begins_where_the_first_coefficient_leaves_zero():
    X, y = rows(2, 60, 200)
    path = regularization_path(X, y, n_lambdas=10)
    assert path.degrees_of_freedom[0] == 0
    assert path.degrees_of_freedom[1] > 0
    assert path.lambdas[0] == pytest.approx(np.abs((y - y.mean()) @ X).max() / 60, rel=1e-12)
    assert path.lambdas[-1] == pytest.approx(0.01 * path.lambdas[0])
    assert path.intercepts[0] == pytest.approx(np.log(y.mean() / (1 - y.mean())))
    assert path.deviance_explained[0] == pytest.approx(0.0, abs=1e-12)
    assert (np.diff(path.deviance_explained) > 0).all()
    assert path.coefs.shape == (10, 200)


def test_a_path_reads_the_rows_much_less_often_than_it_has_points():
    X, y = rows(3, 300, 400)
    path = regularization_path(X, y, n_lambdas=60, lambda_ratio=0.05)
    assert path.n_passes < 60


def test_factors_bounds_and_given_penalties():
    X, y = rows(4, 120, 8)
    factors = np.array([0.0, 1, 1, np.inf, 1, 2, 1, 1])
    path = regularization_path(
        X, y, lambdas=[0.01, 0.1, 0.03], penalty_factors=factors, lower_bounds=0.0, l1_ratio=0.7
    )
    np.testing.assert_array_equal(path.lambdas, [0.1, 0.03, 0.01])
    assert (path.coefs >= 0).all()
    assert (path.coefs[:, 3] == 0).all()
    assert path.gaps.max() <= 1e-9
    model = LogisticRegression(
        C=1 / (0.03 * 120), l1_ratio=0.7, penalty_factors=factors, lower_bounds=0.0
    ).fit(X, y)
    np.testing.assert_allclose(path.coefs[1], model.coef_[0], atol=1e-4)
    assert path.objectives[1] == pytest.approx(model.objective_, abs=1e-9)


def test_threads_and_the_order_of_memory_do_not_matter():
    X, y = rows(5, 2500, 200)
    paths = [
        regularization_path(own, y, n_lambdas=15, n_jobs=jobs)
        for own in (X, np.asfortranarray(X))
        for jobs in (1, 2)
    ]
    np.testing.assert_array_equal(paths[0].coefs, paths[1].coefs)
    np.testing.assert_array_equal(paths[2].coefs, paths[3].coefs)
    np.testing.assert_allclose(paths[0].objectives, paths[2].objectives, atol=2e-9)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"l1_ratio": 1.5}, "l1_ratio=1.5"),
        ({"n_lambdas": 0}, "n_lambdas=0"),
        ({"lambdas": [0.0, 1.0]}, "lambdas="),
        ({"lambdas": "many"}, "lambdas is not made of numbers"),
        ({"lambda_ratio": 1.0}, "lambda_ratio=1.0"),
        ({"tol": 0.0}, "tol=0.0"),
    ],
)
def test_what_cannot_be_used_is_named(parameters, named):
    X, y = rows(0, 30, 2)
    with pytest.raises(ParameterError, match=named):
        regularization_path(X, y, **parameters)


def test_a_path_is_drawn_with_the_names_of_its_columns(tmp_path):
    X, y = rows(0, 80, 12, 2)
    frame = pd.DataFrame(X, columns=[f"column {j}" for j in range(12)])
    path = regularization_path(frame, y, n_lambdas=8)
    assert path.feature_names[3] == "column 3"
    figure = path.plot()
    (axes,) = figure.axes
    shown = [text.get_text() for text in axes.texts]
    largest = np.argsort(-np.abs(path.coefs).max(axis=0))[:7]
    assert {f"column {j}" for j in largest} <= set(shown)
    assert str(path.degrees_of_freedom[-1]) in shown
    assert axes.get_xlim()[0] > axes.get_xlim()[1], "from strong to weak"
    assert path.plot(axes) is figure
    figure.savefig(tmp_path / "path.png")


def test_a_path_of_several_classes_or_of_nothing_is_drawn():
    X, y = rows(0, 80, 4, 3)
    path = regularization_path(X, y, n_lambdas=5)
    assert path.feature_names == ("x0", "x1", "x2", "x3")
    (axes,) = path.plot().axes
    lengths = np.linalg.norm(path.coefs, axis=1)
    drawn = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 5]
    assert len(drawn) == int((lengths.max(axis=0) > 0).sum())
    nothing = regularization_path(X, y, lambdas=[1e3])
    (axes,) = nothing.plot().axes
    assert [text.get_text() for text in axes.texts] == ["0"]


def test_penalties_that_are_not_proved_are_told():
    X, y = rows(0, 60, 3)
    with pytest.warns(ConvergenceWarning, match=r"1 of 2 penalties .* lambdas\[1\]=1e-300"):
        path = regularization_path(X, y, lambdas=[0.1, 1e-300])
    assert path.gaps[1] > 1e-9
