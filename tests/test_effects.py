"""Marginal effects and predicted probabilities, against statsmodels and by their definition."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_softmax, logit
from test_golden import anes96, mroz, spector
from test_hypotheses import budworm, peer_of
from test_inference_likelihood import drawn, likelihood

import oddsmith
from oddsmith.errors import DataError, ParameterError
from oddsmith.inference.effects import marginal_effects

ATS = ["overall", "mean", "median", "zero"]
METHODS = ["dydx", "eyex", "dyex", "eydx"]


def close(mine, other, rtol=1e-8):
    """Within rtol, or within rtol of the largest where a number is a difference of larger ones."""
    mine, other = np.asarray(mine, float), np.asarray(other, float)
    size = np.nanmax(np.abs(other), initial=0.0)
    np.testing.assert_allclose(mine, other, rtol=rtol, atol=0.1 * rtol * size)


def same(mine, other):
    for name in ("margeff", "margeff_se", "margeff_cov"):
        close(getattr(mine, name), getattr(other, name))
    close(mine.conf_int(0.1), other.conf_int(0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 0 / 0 for elasticities at 0
        close(mine.tvalues, other.tvalues)
        close(mine.pvalues, other.pvalues)


@pytest.mark.parametrize("data", [spector, mroz])
@pytest.mark.parametrize("at", ATS)
@pytest.mark.parametrize("method", METHODS)
def test_effects_as_statsmodels_has_them(data, at, method):
    X, y = data()
    own, peer = oddsmith.logit(X, y), peer_of(X, y)
    same(own.get_margeff(at, method), peer.get_margeff(at, method))
    if at in ("overall", "mean") and method.endswith("dx"):
        for dummy, count in ((True, False), (False, True), (True, True)):
            how = {"at": at, "method": method, "dummy": dummy, "count": count}
            same(own.get_margeff(**how), peer.get_margeff(**how))


@pytest.mark.parametrize("at", ATS)
@pytest.mark.parametrize("method", ["dydx", "eydx"])
def test_effects_of_many_classes_as_statsmodels_has_them(at, method):
    X, y = anes96()
    same(oddsmith.logit(X, y).get_margeff(at, method), peer_of(X, y).get_margeff(at, method))


@pytest.mark.parametrize("how", [{"cov_type": "HC0"}, {"cov_type": "cluster"}])
def test_effects_with_a_robust_covariance(how):
    X, y = mroz()
    groups = np.arange(len(y)) % 9 if how["cov_type"] == "cluster" else None
    kwds = {} if groups is None else {"cov_kwds": {"groups": groups}}
    own, peer = oddsmith.logit(X, y, groups=groups, **how), peer_of(X, y, **how, **kwds)
    same(own.get_margeff(), peer.get_margeff())
    close(own.get_prediction().se, peer.get_prediction().se)


def test_the_table_is_statsmodels():
    X, y = spector()
    own, peer = oddsmith.logit(X, y).get_margeff(), peer_of(X, y).get_margeff()
    pd.testing.assert_frame_equal(own.summary_frame(0.1), peer.summary_frame(0.1), rtol=1e-8)
    X, y = anes96()
    own, peer = oddsmith.logit(X, y).get_margeff(), peer_of(X, y).get_margeff()
    mine, other = own.summary_frame(), peer.summary_frame()
    assert list(mine.columns) == list(other.columns)
    assert mine.index.names == other.index.names
    close(mine, other)
    assert mine.loc[(0.0, "selfLR")].iloc[0] == own.margeff[1, 0]


def test_effects_of_each_row():
    X, y = spector()
    own, peer = oddsmith.logit(X, y), peer_of(X, y)
    for method in METHODS:
        close(own.get_margeff("all", method).margeff, peer.get_margeff("all", method).margeff)
    found = own.get_margeff("all", dummy=True, count=True)
    close(found.margeff, peer.get_margeff("all", dummy=True, count=True).margeff)
    with pytest.raises(ParameterError, match="at='all'"):
        _ = found.margeff_se
    X, y = anes96()
    own = oddsmith.logit(X, y)
    found = own.get_margeff("all", "eyex").margeff
    assert found.shape == (944, 5, 7)
    close(found.mean(axis=0), own.get_margeff("overall", "eyex").margeff)


def log_p(params, X, offset, K):
    """Logarithms of the probabilities, from parameters as statsmodels has them."""
    table = params.reshape(K - 1, -1).T
    margin = np.column_stack([np.ones(len(X)), X]) @ table
    margin = np.column_stack([np.zeros(len(X)), margin])
    if offset is not None:
        margin = margin + (np.column_stack([0 * offset, offset]) if K == 2 else offset)
    return log_softmax(margin, axis=1)


def by_definition(params, X, offset, weight, K, method, changes):
    """Effects as differences of probabilities over small steps, of shape (p, K)."""
    effects = np.zeros((X.shape[1], K))
    for j in range(X.shape[1]):
        step, values = 1e-4 * max(1.0, np.abs(X[:, j]).max()), []
        ends = [X[:, j] + step, X[:, j] - step]
        size = 2 * step
        if changes[j] == "dummy":
            ends, size = [1.0, 0.0], 1.0
        elif changes[j] == "count":
            ends, size = [X[:, j] + 1, X[:, j] - 1], 2.0
        for end in ends:
            there = X.copy()
            there[:, j] = end
            levels = log_p(params, there, offset, K)
            values.append(levels if method.startswith("ey") else np.exp(levels))
        slope = (values[0] - values[1]) / size
        slope = slope * X[:, [j]] if method.endswith("ex") else slope
        effects[j] = weight @ slope / weight.sum()
    return effects if K > 2 else effects[:, 1]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    K=st.integers(2, 4),
    method=st.sampled_from(METHODS),
    discrete=st.booleans(),
    held=st.booleans(),
)
def test_effects_are_what_they_are_defined_to_be(seed, K, method, discrete, held):
    """With weights, offsets, and what statsmodels has not: elasticities and counts for K > 2."""
    rng = np.random.default_rng(seed)
    n = 80
    X = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n), rng.integers(0, 5, n)])
    X[:2, 1], X[:2, 2] = [0, 1], [0, 4]
    y = (X @ rng.normal(size=(3, K)) * 0.4 + rng.gumbel(size=(n, K))).argmax(axis=1)
    y[:K] = np.arange(K)
    offset = rng.normal(size=n) if K == 2 else rng.normal(size=(n, K))
    weight = rng.integers(1, 4, n).astype(float)
    own = likelihood(X, y, weight=weight, offset=offset)
    discrete = discrete and method.endswith("dx")
    changes = ["", "dummy", "count"] if discrete else ["", "", ""]
    atexog = {"x0": 0.7} if held else None
    there = X.copy()
    there[:, 0] = 0.7 if held else X[:, 0]
    found = marginal_effects(own, "overall", method, atexog, dummy=discrete, count=discrete)
    arguments = there, offset, weight, K, method, changes
    np.testing.assert_allclose(
        found.margeff, by_definition(own.params, *arguments), rtol=1e-5, atol=1e-6
    )
    jacobian = []
    for unit in np.eye(own.params.size):
        ends = [by_definition(own.params + s * 1e-4 * unit, *arguments) for s in (1, -1)]
        jacobian.append((ends[0] - ends[1]).ravel(order="F") / 2e-4)
    jacobian = np.array(jacobian).T
    expected = jacobian @ own.covariance @ jacobian.T
    np.testing.assert_allclose(
        found.margeff_cov, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max()
    )


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), K=st.integers(2, 3))
def test_laws_of_effects(seed, K):
    rng = np.random.default_rng(seed)
    X, y = drawn(seed, n=100, K=K, mild=True)
    y[:K] = np.arange(K)
    weight = rng.integers(1, 4, 100)
    weighed = likelihood(X, y, weight=weight.astype(float))
    twice = likelihood(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    scale = 10.0 ** rng.integers(-3, 4, 3)
    moved = likelihood(X * scale + 5.0 * scale, y, weight=weight.astype(float))
    for at in ("overall", "mean", "median"):
        one = marginal_effects(weighed, at)
        close(one.margeff, marginal_effects(twice, at).margeff, 1e-7)
        close(one.margeff_se, marginal_effects(twice, at).margeff_se, 1e-7)
        other = marginal_effects(moved, at)
        shape = (3,) if K == 2 else (3, 1)
        close(one.margeff, other.margeff * scale.reshape(shape), 1e-6)
        close(one.tvalues, other.tvalues, 1e-6)
        if K > 2:  # probabilities add up to 1
            np.testing.assert_allclose(one.margeff.sum(axis=1), 0.0, atol=1e-12)


def test_columns_far_from_zero_keep_their_errors():
    X, y = drawn(4, n=300, mild=True)
    far = X + np.array([1e8, 0.0, 0.0])
    for cov_type in ("nonrobust", "HC0"):
        one = oddsmith.logit(X, y, cov_type=cov_type)
        other = oddsmith.logit(far, y, cov_type=cov_type)
        close(one.get_margeff().margeff_se, other.get_margeff().margeff_se, 1e-6)
        close(one.get_prediction().se, other.get_prediction().se, 1e-5)
        dummies = [fit.get_margeff(dummy=True, count=True).margeff for fit in (one, other)]
        close(*dummies, 1e-6)


def test_rows_of_any_kind_and_number_give_the_same():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((40000, 6)) < 0.3, rng.integers(0, 3, (40000, 6)), 0.0)
    y = (rng.random(40000) < expit(X @ rng.normal(size=6) - 1)).astype(int)
    one, two = oddsmith.logit(X, y, n_jobs=1), oddsmith.logit(X, y, n_jobs=2)
    spare = oddsmith.logit(sp.csr_array(X), y)
    for how in ({"method": "eyex"}, {"count": True}, {"at": "median"}, {"at": "mean"}):
        mine = one.get_margeff(**how)
        np.testing.assert_array_equal(mine.margeff_cov, two.get_margeff(**how).margeff_cov)
        close(mine.margeff, spare.get_margeff(**how).margeff)
        close(mine.margeff_se, spare.get_margeff(**how).margeff_se)
    close(one.get_prediction().se, spare.get_prediction().se)
    close(one.get_prediction(X[:9]).se, spare.get_prediction(sp.csr_array(X[:9])).se)


def test_points_that_the_user_gives():
    X, y = mroz()
    own, peer = oddsmith.logit(X, y), peer_of(X, y)
    # statsmodels counts columns from the constant on, as column_names do.
    for at in ("overall", "mean", "median"):
        mine, other = (fit.get_margeff(at, atexog={2: 12.0, 5: 40.0}) for fit in (own, peer))
        close(mine.margeff, other.margeff)
        close(mine.margeff_se, other.margeff_se)
        named = own.get_margeff(at, atexog={"educ": 12.0, "age": 40.0})
        close(named.margeff, mine.margeff, 1e-14)
    # With at="zero" statsmodels forgets them; here the others are 0.
    held = own.get_margeff("zero", atexog={"educ": 12.0}).margeff
    P = expit(own.params[0] + 12.0 * own.params[2])
    close(held, P * (1 - P) * own.params[1:])


def test_an_offset_counts():
    """statsmodels has no effects for such models."""
    X, y = drawn(1, n=200, mild=True)
    offset = np.random.default_rng(1).normal(1.0, 1.0, 200)
    own = oddsmith.logit(X, y, offset=offset)
    P = expit(own.params[0] + X @ own.params[1:] + offset)
    close(own.get_margeff().margeff, (P * (1 - P)).mean() * own.params[1:])
    for at, row in (
        ("mean", np.mean),
        ("median", np.median),
        ("zero", lambda part, axis: 0 * part[0]),
    ):
        there = own.params[0] + row(X, axis=0) @ own.params[1:] + row(offset, axis=0)
        P = expit(there)
        close(own.get_margeff(at).margeff, P * (1 - P) * own.params[1:])
    close(own.get_prediction().predicted, own.predict(X, offset))


def test_a_model_of_constants_has_no_effects():
    own = likelihood(np.ones((30, 1)), np.arange(30) % 2, intercept=False)
    assert marginal_effects(own).margeff.shape == (0,)
    assert marginal_effects(own, "zero").names == ()
    X, y = drawn(0, n=50)
    with_constant = likelihood(np.column_stack([np.ones(50), X]), y, intercept=False)
    own, at_zero = likelihood(X, y), marginal_effects(with_constant, "zero")
    close(at_zero.margeff, marginal_effects(own, "zero").margeff, 1e-7)
    assert at_zero.names == ("x1", "x2", "x3")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"at": "best"}, "at='best'"),
        ({"method": "dy"}, "method='dy'"),
        ({"method": "eyex", "dummy": True}, "change in percent"),
        ({"at": "zero", "count": True}, "by a difference"),
        ({"atexog": {"nothing": 1.0}}, "'nothing'"),
        ({"atexog": {0: 1.0}}, "const"),
        ({"atexog": {9: 1.0}}, "9"),
        ({"atexog": {"x1": np.nan}}, "finite"),
        ({"atexog": {"x1": [1.0, 2.0]}}, "one finite number"),
    ],
)
def test_what_cannot_be_asked_is_said(how, says):
    own = oddsmith.logit(*drawn(0, n=60))
    with pytest.raises(ParameterError, match=says):
        own.get_margeff(**how)


@pytest.mark.parametrize("data", [spector, mroz])
def test_predictions_as_statsmodels_has_them(data):
    X, y = data()
    own, peer = oddsmith.logit(X, y), peer_of(X, y)
    mine, other = own.get_prediction(), peer.get_prediction()
    pd.testing.assert_frame_equal(
        mine.summary_frame(0.1), other.summary_frame(alpha=0.1), rtol=1e-8, check_index_type=False
    )
    close(mine.var_pred, other.var_pred)
    close(mine.linpred_se, other.linpred_se)
    close(mine.conf_int(0.2, "delta"), other.conf_int(alpha=0.2, method="delta"))
    rows = X.iloc[3:9] * 1.1
    mine = own.get_prediction(rows)
    other = peer.get_prediction(sm_constant(rows))
    close(mine.predicted, other.predicted)
    close(mine.se, other.se)
    close(own.get_prediction(rows.to_numpy()).se, mine.se, 1e-14)


def sm_constant(X):
    return np.column_stack([np.ones(len(X)), X])


def test_predictions_of_many_classes_by_definition():
    X, y = drawn(3, n=150, K=3, mild=True)
    own = oddsmith.logit(X, y)
    found = own.get_prediction(X[:7])

    def of(params):
        return np.exp(log_p(params, X[:7], None, 3))

    units = 1e-5 * np.eye(own.params.size)
    jacobian = np.array([(of(own.params + u) - of(own.params - u)) / 2e-5 for u in units])
    se = np.sqrt(np.einsum("ank,ab,bnk->nk", jacobian, own.cov_params(), jacobian))
    close(found.predicted, of(own.params), 1e-10)
    close(found.se, se, 1e-6)
    P = found.predicted
    close(found.linpred, logit(P), 1e-9)
    close(found.linpred_se, se / (P * (1 - P)), 1e-6)
    ends = found.conf_int()
    assert ends.shape == (7, 2, 3)
    assert ((ends[:, 0] > 0) & (ends[:, 0] < P) & (ends[:, 1] > P) & (ends[:, 1] < 1)).all()
    frame = found.summary_frame()
    assert frame.loc[(2, 1), "predicted"] == P[2, 1]
    close(own.predict()[:7], P, 1e-14)


def test_predictions_of_counts_are_one_a_row():
    X, counts = budworm()
    counts[3] = 0
    own = oddsmith.logit(X, counts, counts="failures", intercept=False)
    found = own.get_prediction()
    assert found.predicted.shape == (12,)
    assert np.isnan(found.predicted[3])
    there = np.arange(12) != 3
    close(found.predicted[there], expit(X[there] @ own.params))
    close(found.se[there], own.get_prediction(X[there]).se)


def test_predictions_say_what_is_wrong():
    X, y = drawn(0, n=60)
    own = oddsmith.logit(X, y)
    with pytest.raises(ParameterError, match="method='exact'"):
        own.get_prediction().conf_int(method="exact")
    with pytest.raises(ParameterError, match="alpha"):
        own.get_prediction().conf_int(alpha=2)
    with pytest.raises(DataError, match="3 columns"):
        own.get_prediction(X[:, :2])
    with pytest.raises(DataError, match="no column"):
        own.get_prediction(pd.DataFrame(X, columns=list("abc")))
    with pytest.raises(DataError, match="offset has shape"):
        own.get_prediction(X, offset=[1.0])
    with pytest.warns(oddsmith.errors.CollinearityWarning):
        aliased = oddsmith.logit(np.column_stack([X, X[:, 0]]), y)
    rows = np.column_stack([X, X[:, 0]])
    close(aliased.get_prediction(rows).se, own.get_prediction().se)
    assert aliased.get_margeff().names == ("x1", "x2", "x3")


def test_effects_show_themselves():
    X, y = drawn(0, n=120)
    found = oddsmith.logit(X, y).get_margeff(at="mean", atexog={2: 0.5}, method="eyex")
    text = str(found.summary(0.1))
    lines = text.splitlines()
    assert lines[0] == 'Effects on the probability that "y" is "1"'
    assert lines[1].split() == ["column", "d(lny)/d(lnx)", "std.", "error", "z", "p", "5%", "95%"]
    assert f"{found.margeff[0]:.6g}" in lines[3]
    assert 'd(lny)/d(lnx), at the mean of the columns; held: "x2" at 0.5.' in text
    assert "summary() shows them" in repr(found)
    assert "<table" in found._repr_html_()
    X, y = drawn(0, n=120, K=3)
    three = oddsmith.logit(X, y, cov_type="HC1").get_margeff()
    shown = str(three.summary()).splitlines()
    assert shown[0] == 'Effects on the probability of each "y"'
    assert [line.split()[0] for line in shown[3:-3]] == sorted(["0", "1", "2"] * X.shape[1])
    assert f"{three.margeff[0, 1]:.6g}" in shown[3 + X.shape[1]]
    assert shown[-1].endswith("from the spread of the scores (HC1, robust to a wrong variance).")
    assert oddsmith.logit(X, y).get_margeff(at="all")._repr_html_() is None
