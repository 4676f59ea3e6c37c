"""Wald, likelihood-ratio and score tests, and profile intervals, against what others say."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import Problem, minimum
from scipy.optimize import minimize
from test_golden import anes96, mroz, spector
from test_inference_likelihood import drawn, likelihood

import oddsmith
from oddsmith.errors import CollinearityWarning, DataError, ParameterError, SeparationWarning
from oddsmith.inference.hypotheses import lr_test, score_test, wald_test
from oddsmith.inference.profile import profile_intervals
from oddsmith.inference.restrictions import restriction

TESTS = [wald_test, lr_test, score_test]


def peer_of(X, y, **how):
    model = sm.MNLogit if len(np.unique(y)) > 2 else sm.Logit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model(np.asarray(y), sm.add_constant(X)).fit(
            method="newton", tol=1e-15, maxiter=200, disp=0, **how
        )


def long_value(X, y, K=2, offset=None, weight=None):
    """Minus log-likelihood by long double."""
    found = minimum(Problem(X, y, K, weight=weight, offset=offset))
    return float(found.objective * (len(y) if weight is None else weight.sum()))


@pytest.mark.parametrize("data", [spector, mroz])
@pytest.mark.parametrize("how", [{}, {"cov_type": "HC0"}, {"cov_type": "cluster"}])
def test_wald_as_statsmodels_has_it(data, how):
    X, y = data()
    groups = np.arange(len(y)) % 7 if how.get("cov_type") == "cluster" else None
    kwds = {} if groups is None else {"cov_kwds": {"groups": groups}}
    own, peer = oddsmith.logit(X, y, groups=groups, **how), peer_of(X, y, **how, **kwds)
    a, b, c = X.columns[:3]
    for text in (f"{a} = 0", f"{a} = 0, {b} = 0", f"{a} = 2 * {b} - 0.5, {c} = {a}/4", "const = 1"):
        mine, other = own.wald_test(text), peer.wald_test(text, scalar=True)
        np.testing.assert_allclose(mine.statistic, other.statistic, rtol=1e-8)
        np.testing.assert_allclose(mine.pvalue, other.pvalue, rtol=1e-8)
        assert mine.df == other.df_denom
    R = np.random.default_rng(0).normal(size=(2, X.shape[1] + 1))
    other = peer.wald_test((R, np.array([0.1, 0.2])), scalar=True)
    np.testing.assert_allclose(own.wald_test((R, [0.1, 0.2])).statistic, other.statistic, rtol=1e-8)


def test_wald_of_many_classes_as_statsmodels_has_it():
    X, y = anes96()
    own, peer = oddsmith.logit(X, y), peer_of(X, y)
    R = np.zeros((6, 36))
    R[np.arange(6), np.arange(6) * 6 + 2] = 1.0
    other = peer.wald_test(R, scalar=True)
    mine = own.wald_test(X.columns[1])
    np.testing.assert_allclose(mine.statistic, other.statistic, rtol=1e-8)
    assert mine.df == 6
    np.testing.assert_allclose(own.wald_test(R).statistic, other.statistic, rtol=1e-8)
    single = own.wald_test([(y.max(), X.columns[1])])
    place = 5 * 6 + 2
    np.testing.assert_allclose(single.statistic, own.tvalues[place] ** 2, rtol=1e-10)


@pytest.mark.parametrize("data", [spector, mroz])
def test_likelihood_ratio_is_that_of_two_fits(data):
    X, y = data()
    own, out = oddsmith.logit(X, y), list(X.columns[:2])
    both = [long_value(np.asarray(x, float), np.asarray(y, int)) for x in (X.drop(columns=out), X)]
    np.testing.assert_allclose(own.lr_test(out).statistic, 2 * (both[0] - both[1]), rtol=1e-10)
    np.testing.assert_allclose(own.lr_test(list(X.columns)).statistic, own.llr, rtol=1e-10)


def test_the_score_test_as_statsmodels_has_it():
    X, y = mroz()
    own, out = oddsmith.logit(X, y), ["educ", "age"]
    small = sm.GLM(y, sm.add_constant(X.drop(columns=out)), family=sm.families.Binomial())
    peer = small.fit(tol=1e-14, maxiter=100).score_test(exog_extra=X[out])
    mine = own.score_test(out)
    np.testing.assert_allclose(mine.statistic, peer[0], rtol=1e-8)
    np.testing.assert_allclose(mine.pvalue, peer[1], rtol=1e-8)


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), K=st.integers(2, 4), G=st.integers(2, 4))
def test_in_a_table_the_score_is_pearson_and_the_ratio_is_g(seed, K, G):
    counts = np.random.default_rng(seed).integers(1, 30, size=(G, K)).astype(float)
    group, y = (part.ravel() for part in np.indices(counts.shape))
    own = likelihood(np.eye(G)[group][:, 1:], y, weight=counts.ravel())
    names = list(own.names)
    for test, how in ((score_test, "pearson"), (lr_test, "log-likelihood")):
        peer = scipy.stats.chi2_contingency(counts, correction=False, lambda_=how)
        mine = test(own, names)
        np.testing.assert_allclose(mine.statistic, peer.statistic, rtol=1e-8, atol=1e-10)
        assert mine.df == peer.dof
        np.testing.assert_allclose(mine.pvalue, peer.pvalue, rtol=1e-8)


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), K=st.integers(2, 3))
def test_laws_of_the_tests(seed, K):
    rng = np.random.default_rng(seed)
    X, y = drawn(seed, n=120, K=K)
    y[:K] = np.arange(K)
    own = likelihood(X, y)
    for j, name in enumerate(own.names):
        if K == 2:
            z = own.params[j + 1] / np.sqrt(own.covariance[j + 1, j + 1])
            np.testing.assert_allclose(wald_test(own, name).statistic, z**2, rtol=1e-9)
        for test in TESTS:
            assert test(own, name).statistic >= 0.0
    # Units and origins of the columns say nothing.
    moved = likelihood(X * 10.0 ** rng.integers(-4, 5, 3) + rng.normal(size=3) * X.std(axis=0), y)
    # A row of weight 2 is two rows.
    weight = rng.integers(1, 4, len(y))
    twice = likelihood(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    weighed = likelihood(X, y, weight=weight.astype(float))
    for test in TESTS:
        for one, other in ((own, moved), (twice, weighed)):
            pair = [test(fit, ["x0", "x2"]).statistic for fit in (one, other)]
            np.testing.assert_allclose(*pair, rtol=1e-6)


def test_a_column_far_from_zero_is_tested_as_well():
    X, y = drawn(5, n=300, mild=True)
    own, far = likelihood(X, y), likelihood(X + np.array([1e8, 0.0, 0.0]), y)
    for test in TESTS:
        np.testing.assert_allclose(test(own, "x0").statistic, test(far, "x0").statistic, rtol=1e-5)
    np.testing.assert_allclose(
        profile_intervals(own, which=[1]), profile_intervals(far, which=[1]), rtol=1e-5
    )


def test_restrictions_in_words():
    data = pd.DataFrame(drawn(0, n=90)[0], columns=["a", "b", "a:b"])
    data["kind"] = np.array(["u", "v", "w"])[np.arange(90) % 3]
    data["y"] = drawn(0, n=90)[1]
    own = oddsmith.logit("y ~ a + b + C(kind)", data)
    assert own.wald_test("C(kind)").df == 2
    assert own.wald_test("C(kind)") == own.wald_test(["C(kind)[T.v]", "C(kind)[T.w]"])
    text = "C(kind)[T.v] - C(kind)[T.w] = 0"
    assert own.wald_test(text).statistic == pytest.approx(
        own.wald_test("C(kind)[T.v] = C(kind)[T.w]").statistic
    )
    assert own.wald_test("a = b = 0").statistic == pytest.approx(
        own.wald_test(["a", "b"]).statistic
    )
    found = restriction(own.likelihood, "2*a - b/4 = 3 + .5e1, -a = 1")
    np.testing.assert_allclose(found.matrix[:, own.names.index("a")], [2.0, -1.0])
    np.testing.assert_allclose(found.matrix[:, own.names.index("b")], [-0.25, 0.0])
    np.testing.assert_allclose(found.value, [8.0, 1.0])
    assert restriction(own.likelihood, found) is found
    assert "a = 0, b = 0: chi2(2)" in str(own.lr_test(["a", "b"]))
    odd = oddsmith.logit(data[["a", "a:b"]], data["y"])
    assert odd.wald_test("a:b = 2 * a").df == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("nothing", 'no coefficient of "nothing"'),
        ("x1 = nothing", 'no coefficient of "nothing"'),
        ("x1 * x2 = 0", "not linear"),
        ("x1 / x2 = 0", "divides"),
        ("x1 / 0 = 0", "divides"),
        ("x1 = ", "ends too early"),
        ("x1 = * 2", "two signs"),
        ("x1 = 0, x2", "has no '='"),
        ("x1 = 0 2", "where a ',' could be"),
        (["x1", "x1 = 0"], "linearly dependent"),
        ("x1 = x1", "linearly dependent"),
        ([], "nothing to test"),
        ([3], "give a column's name"),
        (np.ones((1, 7)), "a column for each of the 4"),
        ((np.eye(4)[:2], [1.0, 2.0, 3.0]), "3 values and 2 rows"),
        ([("c", "x1")], "no parameter"),
        ([(1, "x9")], 'no coefficient of "x9"'),
    ],
)
def test_what_cannot_be_read_is_said(given, says):
    own = oddsmith.logit(*drawn(0, n=60))
    with pytest.raises(ParameterError, match=says.replace("*", r"\*")):
        own.wald_test(given)


def test_aliased_columns_have_nothing_to_test():
    X, y = drawn(0, n=100)
    with pytest.warns(oddsmith.errors.CollinearityWarning):
        own = oddsmith.logit(np.column_stack([X, X[:, 0]]), y)
    plain = oddsmith.logit(X, y)
    with pytest.raises(ParameterError, match="linear combination"):
        own.wald_test("x4")
    with pytest.raises(ParameterError, match="linear combination"):
        own.profile_conf_int(columns=["x4"])
    with pytest.raises(ParameterError, match="linear combinations"):
        own.wald_test(np.array([0.0, 1, 0, 0, 1]))
    mine = own.wald_test(np.array([0.0, 1, 1, 0, 0])).statistic
    assert mine == pytest.approx(plain.wald_test(np.array([0.0, 1, 1, 0])).statistic)
    found = own.profile_conf_int()
    assert np.isnan(found[4]).all()
    np.testing.assert_allclose(found[:4], plain.profile_conf_int(), rtol=1e-6)


def test_sampling_weights_have_no_likelihood_to_compare():
    X, y = drawn(0, n=100)
    own = oddsmith.logit(X, y, weights=np.ones(100), weights_are="sampling")
    for ask in (own.lr_test, own.score_test):
        with pytest.raises(ParameterError, match="sampling weights"):
            ask("x1")
    with pytest.raises(ParameterError, match="sampling weights"):
        own.profile_conf_int()
    assert own.wald_test("x1").df == 1


def budworm():
    """Collett's budworms (MASS 4th edition, section 7.2): n = 20 moths of each sex and dose."""
    dead = np.array([1, 4, 9, 13, 18, 20, 0, 2, 6, 10, 12, 16])
    female = np.repeat([0.0, 1.0], 6)
    X = pd.DataFrame({"sexF": female, "sexM": 1 - female, "ldose": np.tile(np.arange(6.0), 2)})
    return X, np.column_stack([dead, 20 - dead])


def test_profile_intervals_of_the_budworms_in_thirty_digits():
    """Where the profile has fallen by half the quantile: computed once with mpmath from that.

    R's `confint(budworm.lg0)` interpolates, and is right to four digits.
    """
    X, counts = budworm()
    own = oddsmith.logit(X, counts, counts="failures", intercept=False)
    exact = [
        [-4.45806804898751, -2.61353596911400],
        [-3.17284421350180, -1.65510319309790],
        [0.822854515697543, 1.33903877925890],
    ]
    np.testing.assert_allclose(own.profile_conf_int(), exact, rtol=1e-9)


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), alpha=st.sampled_from([0.01, 0.05, 0.5]))
def test_at_the_ends_the_ratio_is_the_quantile(seed, alpha):
    X, y = drawn(seed, n=80, mild=True)
    own = likelihood(X, y)
    best, quantile = long_value(X, y), scipy.stats.chi2.isf(alpha, 1)
    for j, ends in enumerate(profile_intervals(own, alpha)[1:]):
        assert ends[0] < own.params[j + 1] < ends[1]
        for end in ends:
            there = long_value(np.delete(X, j, axis=1), y, offset=end * X[:, j])
            np.testing.assert_allclose(2 * (there - best), quantile, rtol=1e-8)


def test_profile_intervals_of_many_classes_by_brute_force():
    X, y = drawn(2, n=150, p=2, K=3, mild=True)
    own = likelihood(X, y)
    design = np.column_stack([np.ones(150), X])

    def value(free, place, held):
        table = np.insert(free, place, held).reshape(2, 3)
        margins = np.column_stack([np.zeros(150), design @ table.T])
        top = margins.max(axis=1)
        whole = top + np.log(np.exp(margins - top[:, None]).sum(axis=1))
        return (whole - margins[np.arange(150), y]).sum()

    ends = profile_intervals(own)
    for place in (1, 3, 5):
        for end in ends[place]:
            start = np.delete(own.params, place)
            found = minimize(value, start, (place, end), method="BFGS", options={"gtol": 1e-7})
            ratio = 2 * (found.fun + own.llf)
            np.testing.assert_allclose(ratio, scipy.stats.chi2.isf(0.05, 1), rtol=1e-7)


def test_ends_that_are_never_reached_are_infinite():
    y = np.repeat([0, 1], 4)
    with pytest.warns(SeparationWarning):
        own = oddsmith.logit(np.arange(8.0)[:, None], y)
    ends = own.profile_conf_int()
    assert ends[0, 0] == -np.inf
    assert ends[1, 1] == np.inf
    # The other ends are where they are for real: complete separation is a likelihood of 1.
    X, quantile = np.arange(8.0)[:, None], scipy.stats.chi2.isf(0.05, 1)
    value = long_value(X[:, :0], y, offset=ends[1, 0] * X[:, 0])
    np.testing.assert_allclose(2 * value, quantile, rtol=1e-6)


def test_quasi_separation_leaves_the_other_columns_their_intervals():
    dose = np.arange(8.0)
    rare = np.array([0.0, 0, 0, 0, 0, 1, 1, 1])
    y = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    with pytest.warns(SeparationWarning):
        own = oddsmith.logit(np.column_stack([dose, rare]), y)
    ends = own.profile_conf_int()
    assert ends[2, 1] == np.inf
    assert np.isfinite(np.delete(ends.ravel(), 5)).all()
    # In the limit the rows that are separated are certain, and the others alone decide.
    rest = oddsmith.logit(dose[:5, None], y[:5])
    np.testing.assert_allclose(ends[1], rest.profile_conf_int()[1], rtol=1e-4)
    assert own.lr_test("x2").statistic > 0
    assert own.score_test("x2").statistic > 0


def test_profiles_name_what_is_wrong():
    X, y = drawn(0, n=80)
    own = oddsmith.logit(X, y)
    with pytest.raises(ParameterError, match="alpha"):
        own.profile_conf_int(alpha=0.0)
    with pytest.raises(ParameterError, match='no coefficient of "z"'):
        own.profile_conf_int(columns=["z"])
    some = own.profile_conf_int(columns="x2")
    np.testing.assert_allclose(some[2], own.profile_conf_int()[2])
    assert np.isnan(some[[0, 1, 3]]).all()


def test_separated_classes_can_still_be_compared_without_a_column():
    """The fit is at infinity, and the fits under the restrictions are not, or as near as asked."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    y = np.where(x > 1, 2, rng.random(40) < 0.4).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = oddsmith.logit(np.column_stack([x, rng.normal(size=40)]), y)
    whole = own.lr_test(["x1", "x2"])
    np.testing.assert_allclose(whole.statistic, own.llr, rtol=1e-10)
    # Without x2 the classes are separated still, in a way that is not proved for K > 2.
    with pytest.raises(DataError, match="only proved to within"):
        own.lr_test("x2")
    assert own.score_test(["x1", "x2"]).pvalue < 0.01
    assert np.isnan(own.wald_test("x1").statistic)
    with pytest.raises(DataError, match=r"could not be proved.*separated"):
        own.profile_conf_int()


@pytest.mark.parametrize("seed", range(6))
def test_partial_separation_is_proved_without_the_rows_that_are_certain(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 3))
    X[:, 2] = X[:, 2] > 1
    y, inside = (rng.random(60) < 0.4).astype(int), X[:, 2] == 1
    y[inside] = X[inside, 0] + 0.3 * X[inside, 1] > 0
    X = np.column_stack([X, X[:, [2]] * X[:, :2]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = oddsmith.logit(X, y)
    # The level has coefficients of its own, so that the others alone make the tests.
    rest = oddsmith.logit(X[~inside, :2], y[~inside])
    np.testing.assert_allclose(own.llf, rest.llf, atol=1e-7)
    for name in ("x1", "x2"):
        mine, other = own.lr_test(name), rest.lr_test(name)
        np.testing.assert_allclose(mine.statistic, other.statistic, rtol=1e-6, atol=1e-7)
    ends = own.profile_conf_int(columns=["x1", "x2"])[1:3]
    np.testing.assert_allclose(ends, rest.profile_conf_int()[1:], rtol=1e-5)


def test_as_many_rows_as_parameters_decide_nothing():
    X, y = np.random.default_rng(0).normal(size=(5, 4)), np.array([0, 1, 0, 1, 1])
    with pytest.warns(SeparationWarning):
        own = oddsmith.logit(X, y)
    assert own.lr_test("x1").pvalue > 0.999
    ends = own.profile_conf_int()
    assert np.isinf(ends).any(axis=1).all()
    assert own.get_influence().summary_frame().shape == (5, 9)


# Statsmodels' users' other tests.


def test_single_contrasts_and_terms_as_statsmodels():
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"a": rng.normal(size=200), "kind": rng.choice(list("uvw"), 200)})
    data["y"] = (rng.random(200) < 1 / (1 + np.exp(-data["a"]))).astype(int)
    own = oddsmith.logit("y ~ a * C(kind)", data)
    design = sm.add_constant(
        np.column_stack(
            [
                data["a"],
                *(data["kind"] == k for k in "vw"),
                *(data["a"] * (data["kind"] == k) for k in "vw"),
            ]
        )
    )
    peer = sm.Logit(data["y"], design).fit(start_params=own.params, disp=0, maxiter=3)
    R, r = rng.normal(size=(3, 6)), np.array([0.0, 1.0, -0.3])
    mine, other = own.t_test((R, r)), peer.t_test((R, r))
    for name in ("effect", "sd", "statistic", "tvalue", "pvalue"):
        np.testing.assert_allclose(getattr(mine, name), getattr(other, name), rtol=1e-8)
    np.testing.assert_allclose(mine.conf_int(0.1), other.conf_int(0.1), rtol=1e-8)
    np.testing.assert_allclose(mine.summary_frame(), other.summary_frame(), rtol=1e-8)
    one = own.t_test("C(kind)[T.v] = C(kind)[T.w]")
    assert str(one).startswith("C(kind)[T.v] = C(kind)[T.w]: ")
    np.testing.assert_allclose(one.pvalue, own.wald_test("C(kind)[T.v] = C(kind)[T.w]").pvalue)
    with pytest.raises(ParameterError, match="alpha"):
        one.conf_int(0.0)
    terms = own.wald_test_terms()
    assert list(terms.tests) == ["Intercept", "a", "C(kind)", "a:C(kind)"]
    for term, places in (
        ("Intercept", [0]),
        ("a", [1]),
        ("C(kind)", [2, 3]),
        ("a:C(kind)", [4, 5]),
    ):
        expected = peer.wald_test(np.eye(6)[places], scalar=True)
        np.testing.assert_allclose(terms[term].statistic, expected.statistic, rtol=1e-8)
        np.testing.assert_allclose(terms[term].pvalue, expected.pvalue, rtol=1e-8)
    assert terms.summary_frame()["df constraint"].tolist() == [1, 1, 2, 2]
    assert str(terms).splitlines()[2].startswith("C(kind)    chi2(2) = ")


def test_columns_without_a_formula_are_terms_and_aliased_ones_say_nothing():
    X, y = drawn(0, n=80)
    with pytest.warns(CollinearityWarning):
        own = oddsmith.logit(np.column_stack([X, X[:, 0] + X[:, 1]]), y)
    terms = own.wald_test_terms()
    assert list(terms.tests) == ["const", "x1", "x2", "x3", "x4"]
    assert np.isnan(terms["x4"].statistic)
    factors = own.vif()
    assert np.isnan(factors["x4"])
    r2 = 1 - 1 / factors["x1"]
    rest = sm.OLS(X[:, 0], sm.add_constant(X[:, 1:])).fit()
    np.testing.assert_allclose(r2, rest.rsquared, rtol=1e-9)
    assert list(oddsmith.logit(X, y, intercept=False).wald_test_terms().tests) == ["x1", "x2", "x3"]
