"""Bias reduction: against logistf, firthmodels, closed forms and long double; laws; refusals."""

import pickle
import warnings

import firthmodels
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from endometrial import COEFFICIENTS, INTERVALS, endometrial
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from sklearn.utils.estimator_checks import parametrize_with_checks

from oddsmith import (
    CollinearityWarning,
    ConvergenceWarning,
    DataError,
    FirthLogisticRegression,
    LogisticRegression,
    OddsmithWarning,
    ParameterError,
    logit,
)

LD = np.longdouble


# ------------------------------------------------------------------------------- an own answer


def solved(A, b):
    """Gaussian elimination in long double."""
    A, b = A.astype(LD).copy(), b.astype(LD).copy()
    for k in range(len(b)):
        pivot = k + int(np.argmax(np.abs(A[k:, k])))
        A[[k, pivot]], b[[k, pivot]] = A[[pivot, k]], b[[pivot, k]]
        for i in range(k + 1, len(b)):
            factor = A[i, k] / A[k, k]
            A[i, k:] -= factor * A[k, k:]
            b[i] -= factor * b[k]
    for k in reversed(range(len(b))):
        b[k] = (b[k] - A[k, k + 1 :] @ b[k + 1 :]) / A[k, k]
    return b


def modified_score(X, y, coef, weight=None, offset=None):
    """Firth's modified score and the information with hats, from their definition."""
    Z = np.column_stack([np.ones(len(y)), X]).astype(LD)
    s = np.ones(len(y), LD) if weight is None else np.asarray(weight, LD)
    margin = Z @ coef + (0 if offset is None else np.asarray(offset, LD))
    a = 1 / (1 + np.exp(-margin))
    curvature = s * a * (1 - a)
    info = Z.T @ (curvature[:, None] * Z)
    inverse = np.column_stack([solved(info, unit) for unit in np.eye(Z.shape[1], dtype=LD)])
    hats = curvature * np.einsum("ij,jk,ik->i", Z, inverse, Z)
    score = Z.T @ (s * (y - a) + hats * (LD(0.5) - a))
    return score, Z.T @ (((s + hats) * a * (1 - a))[:, None] * Z)


def exact(X, y, weight=None, offset=None, start=None):
    """Intercept and slopes where the modified score vanishes, in long double."""
    coef = np.zeros(X.shape[1] + 1, LD) if start is None else np.asarray(start, LD)
    for _ in range(3000):
        score, metric = modified_score(X, y, coef, weight, offset)
        step = solved(metric, score)
        coef = coef + step
        if np.abs(step).max() < 1e-16 * (1 + np.abs(coef).max()):
            return coef
    raise AssertionError("the reference did not converge")


def rows(seed, n=60, p=3, separated=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, (X[:, 0] + (0 if separated else 1) * rng.logistic(size=n) > 0).astype(int)


def coefficients(model):
    return np.append(model.intercept_, model.coef_[0])


# -------------------------------------------------------------------------------- golden numbers


def test_endometrial_is_what_r_prints():
    X, y = endometrial()
    found = logit(X, y, firth=True)
    np.testing.assert_allclose(found.params, COEFFICIENTS, rtol=1e-7, atol=2e-8)
    np.testing.assert_allclose(found.conf_int(), INTERVALS, rtol=2e-7)
    Z = np.column_stack([np.ones(len(y)), X])
    a = found.predict()
    information = Z.T @ ((a * (1 - a))[:, None] * Z)
    np.testing.assert_allclose(found.bse, np.sqrt(np.diag(np.linalg.inv(information))), rtol=1e-9)
    assert found.params[1] > 0
    assert found.conf_int()[1, 0] > 0, "the interval that Wald's misses"
    assert found.conf_int(method="wald")[1, 0] < 0


DATA = {
    "endometrial": (*endometrial(), None, None),
    "plain": (*rows(0), None, None),
    "many": (*rows(1, 2000, 8), None, None),
    "separated": (*rows(2, 30, 2, separated=True), None, None),
    "weights": (*rows(3), np.random.default_rng(3).uniform(0.2, 3, 60), None),
    "offset": (*rows(4), None, np.random.default_rng(4).normal(size=60)),
    "both": (*rows(5), np.random.default_rng(5).integers(1, 4, 60), np.linspace(-1, 1, 60)),
}


@pytest.mark.parametrize("name", DATA)
def test_coefficients_are_those_of_long_double(name):
    X, y, weight, offset = DATA[name]
    model = FirthLogisticRegression().fit(X, y, sample_weight=weight, offset=offset)
    score, _ = modified_score(X, y, coefficients(model).astype(LD), weight, offset)
    assert np.abs(score).max() < 1e-9
    reference = exact(X, y, weight, offset, coefficients(model)).astype(float)
    np.testing.assert_allclose(coefficients(model), reference, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["endometrial", "plain", "many", "offset", "weights", "both"])
def test_everything_is_that_of_firthmodels(name):
    X, y, weight, offset = DATA[name]
    theirs = firthmodels.FirthLogisticRegression(
        backend="numpy", gtol=1e-9, xtol=1e-8, max_iter=1000
    )
    theirs.fit(X, y, sample_weight=weight, offset=offset)
    assert theirs.converged_
    theirs.lrt()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OddsmithWarning)  # weights are not whole
        ours = FirthLogisticRegression().infer(X, y, sample_weight=weight, offset=offset)
    last_first = np.r_[X.shape[1], : X.shape[1]]
    np.testing.assert_allclose(ours.params[1:], theirs.coef_, rtol=1e-8)
    np.testing.assert_allclose(ours.params[0], theirs.intercept_, rtol=1e-8)
    np.testing.assert_allclose(ours.llf, theirs.loglik_, rtol=1e-12)
    np.testing.assert_allclose(ours.pvalues, theirs.lrt_pvalues_[last_first], rtol=1e-8)
    interval = theirs.conf_int(method="pl", tol=1e-9, max_iter=500)[last_first]
    np.testing.assert_allclose(ours.conf_int(), interval, rtol=1e-8)
    # Theirs are of the information with the hat values added, ours of Firth's own.
    assert (ours.bse > theirs.bse_[last_first]).all()


@pytest.mark.parametrize("cells", [(0, 5, 7, 0), (3, 5, 7, 0), (1, 9, 4, 2), (0, 1, 1, 0)])
def test_a_two_by_two_table_has_a_half_added_to_each_cell(cells):
    """The saturated model: Haldane's and Anscombe's correction (Firth, 1993, section 4.1)."""
    a, b, c, d = cells
    X = np.repeat([0.0, 0.0, 1.0, 1.0], cells)[:, None]
    y = np.repeat([1, 0, 1, 0], cells)
    model = FirthLogisticRegression().fit(X, y)
    a, b, c, d = (cell + 0.5 for cell in cells)
    np.testing.assert_allclose(model.coef_, [[np.log(c * b / (a * d))]], rtol=1e-10)
    np.testing.assert_allclose(model.intercept_, [np.log(a / b)], rtol=1e-10)


def test_the_standard_error_of_a_table():
    """Information at the estimate: n_j a_j (1 - a_j) of each group."""
    cells = np.array([3, 5, 7, 0])
    X, y = np.repeat([0.0, 0.0, 1.0, 1.0], cells)[:, None], np.repeat([1, 0, 1, 0], cells)
    found = logit(X, y, firth=True)
    a = np.array([3.5 / 9, 7.5 / 8])
    curvature = np.array([8, 7]) * a * (1 - a)
    expected = np.sqrt([1 / curvature[0], (1 / curvature).sum()])
    np.testing.assert_allclose(found.bse, expected, rtol=1e-10)


# ------------------------------------------------------------------------------------------ laws


@settings(max_examples=40)
@given(st.lists(st.integers(0, 3), min_size=12, max_size=12).filter(lambda c: sum(c) > 0))
def test_every_table_has_finite_coefficients(counts):
    """2 x 2 x 3 tables, most of them separated; aliased columns are left out."""
    cells = np.array([[i, j == 1, j == 2, y] for i in (0, 1) for j in range(3) for y in (0, 1)])
    data = np.repeat(cells, counts, axis=0).astype(float)
    if len(set(data[:, 3])) < 2:
        with pytest.raises(DataError, match="class"):
            FirthLogisticRegression().fit(data[:, :3], data[:, 3])
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollinearityWarning)
        model = FirthLogisticRegression().fit(data[:, :3], data[:, 3])
    assert model.converged_
    assert model.decrement_ < 1e-6
    assert np.abs(coefficients(model)).max() < 20
    kept = [j for j in range(3) if model.coef_[0, j] != 0]
    rank = np.linalg.matrix_rank(np.column_stack([np.ones(len(data)), data[:, :3]])) - 1
    if len(kept) == rank:
        own = np.append(model.intercept_, model.coef_[0, kept]).astype(LD)
        score, _ = modified_score(data[:, kept], data[:, 3], own)
        assert np.abs(score).max() < 1e-8


@settings(max_examples=20)
@given(st.integers(0, 1000), st.booleans())
def test_a_row_of_weight_2_is_the_row_twice(seed, separated):
    X, y = rows(seed, 20, 2, separated)
    if y.min() == y.max():
        return
    weight = np.random.default_rng(seed).integers(0, 3, 20)
    if len(set(y[weight > 0])) < 2 or (weight > 0).sum() < 5:
        return
    weighted = FirthLogisticRegression().fit(X, y, sample_weight=weight)
    repeated = FirthLogisticRegression().fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(coefficients(weighted), coefficients(repeated), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(weighted.loglikelihood_, repeated.loglikelihood_, rtol=1e-12)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.booleans())
def test_an_affine_change_of_the_columns_changes_no_probability(seed, separated):
    X, y = rows(seed, 25, 3, separated)
    if y.min() == y.max():
        return
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(3, 3)) + 3 * np.eye(3)
    there = X @ A + rng.normal(size=3) * 100
    one, other = (FirthLogisticRegression().fit(columns, y) for columns in (X, there))
    np.testing.assert_allclose(
        one.decision_function(X), other.decision_function(there), rtol=1e-7, atol=1e-8
    )
    np.testing.assert_allclose(other.coef_[0], np.linalg.solve(A, one.coef_[0]), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_scaled_and_shifted_columns(scale):
    X, y = endometrial()
    plain, there = FirthLogisticRegression().fit(X, y), FirthLogisticRegression().fit(X * scale, y)
    np.testing.assert_allclose(there.coef_ * scale, plain.coef_, rtol=1e-9)
    far = FirthLogisticRegression().fit(X[:, :2] + 1e8, y)
    near = FirthLogisticRegression().fit(X[:, :2], y)
    np.testing.assert_allclose(far.coef_, near.coef_, rtol=1e-9)


def test_swapped_labels_have_the_opposite_coefficients():
    X, y = endometrial()
    one, other = FirthLogisticRegression().fit(X, y), FirthLogisticRegression().fit(X, 1 - y)
    np.testing.assert_allclose(one.coef_, -other.coef_, rtol=1e-9)
    labels = FirthLogisticRegression().fit(X, np.array(["low", "high"])[1 - y])
    assert (labels.coef_ == other.coef_).all() or (labels.coef_ == one.coef_).all()


@pytest.mark.parametrize("entries", [64, 2**18])
def test_sparse_rows_in_many_blocks_are_dense_rows_in_one(entries, monkeypatch):
    monkeypatch.setattr("oddsmith.data.memory._SPARSE_ENTRIES", entries)
    X, y = rows(7, 700, 3)
    X[np.abs(X) < 0.4] = 0.0
    dense = FirthLogisticRegression().fit(X, y)
    for n_jobs in (1, 2):
        sparse = FirthLogisticRegression(n_jobs=n_jobs).fit(sp.csr_array(X), y)
        np.testing.assert_allclose(coefficients(sparse), coefficients(dense), rtol=1e-9)


def test_the_same_bits_for_any_number_of_threads(monkeypatch):
    monkeypatch.setattr("oddsmith.data.memory._SPARSE_ENTRIES", 1000)
    X, y = rows(7, 3000, 3)
    X[np.abs(X) < 0.4] = 0.0
    one, two = (FirthLogisticRegression(n_jobs=k).fit(sp.csr_array(X), y) for k in (1, 2))
    assert (one.coef_ == two.coef_).all()
    assert (one.intercept_ == two.intercept_).all()


def test_rows_as_many_as_coefficients():
    """Saturated: every row is a group of its own, and a half is added to each of its cells."""
    X, y = rows(8, 4, 3)
    y = np.array([0, 1, 1, 0])
    model = FirthLogisticRegression().fit(X, y)
    np.testing.assert_allclose(model.decision_function(X), (2 * y - 1) * np.log(3), rtol=1e-8)


# --------------------------------------------------------------------------- tests and intervals


@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_an_interval_ends_where_the_ratio_test_says(alpha):
    X, y = endometrial()
    found = logit(X, y, firth=True)
    interval = found.conf_int(alpha)
    for j in range(4):
        for end in interval[j]:
            test = found.lr_test((np.eye(4)[[j]], [end]))
            np.testing.assert_allclose(test.pvalue, alpha, rtol=1e-8)
    assert np.isnan(found.profile_conf_int(alpha, ["x1"])[[0, 2, 3]]).all()
    assert (found.profile_conf_int(alpha, "x1")[1] == interval[1]).all()


def test_a_ratio_test_of_a_table():
    """Restricted to one probability a for both groups, by a grid: penalty of both groups in it."""
    cells = np.array([3, 5, 7, 1])
    X, y = np.repeat([0.0, 0.0, 1.0, 1.0], cells)[:, None], np.repeat([1, 0, 1, 0], cells)
    found = logit(X, y, firth=True)

    def value(a, b):
        own = 3 * np.log(a) + 5 * np.log(1 - a) + 7 * np.log(b) + np.log(1 - b)
        return own + 0.5 * np.log(8 * a * (1 - a) * 8 * b * (1 - b))

    free = value(3.5 / 9, 7.5 / 9)
    np.testing.assert_allclose(found.llf, free, rtol=1e-12)
    a = (10 + 1) / (16 + 2)  # the penalty is a half in each of the four cells
    statistic = 2 * (free - value(a, a))
    np.testing.assert_allclose(found.llr, statistic, rtol=1e-10)
    np.testing.assert_allclose(found.pvalues[1], chi2.sf(statistic, 1), rtol=1e-9)
    np.testing.assert_allclose(found.llr_pvalue, found.pvalues[1], rtol=1e-8)
    np.testing.assert_allclose(found.tvalues[1], np.sqrt(statistic), rtol=1e-9)
    np.testing.assert_allclose(found.prsquared, 1 - found.llf / found.llnull)


def test_a_test_of_several_parameters_and_what_is_refused():
    X, y = endometrial()
    found = logit(X, y, firth=True)
    both = found.lr_test(["x2", "x3"])
    assert both.df == 2
    assert both.kind == "penalised likelihood ratio"
    assert found.lr_test(["x1", "x2", "x3"]).statistic == pytest.approx(found.llr, rel=1e-9)
    with pytest.raises(ParameterError, match="lr_test"):
        found.score_test("x1")
    with pytest.raises(ParameterError, match="method"):
        found.conf_int(method="exact")
    for method in ("profile", "wald"):
        with pytest.raises(ParameterError, match="alpha"):
            found.conf_int(2.0, method=method)


def test_summaries_say_what_is_proved_and_what_not():
    X, y = endometrial()
    frame = pd.DataFrame(X, columns=["NV", "PI", "EH"]).assign(HG=y)
    found = logit("HG ~ NV + PI + EH", frame, firth=True)
    text = str(found.summary())
    assert "no distance from its maximum is proved" in text
    assert "Jeffreys" in text
    assert "penalised log-likelihood" in text
    assert "NOT CONVERGED" not in text
    assert found.converged
    assert "NV" in found.summary()._repr_html_()
    assert found.to_frame()["p"][1] == found.pvalues[1]


def test_a_pickle_keeps_numbers_and_no_rows():
    X, y = endometrial()
    X = np.vstack([X, X[:50] + 1e-3])
    y = np.append(y, y[:50])
    found = logit(X, y, firth=True)
    stored = pickle.dumps(found)
    back = pickle.loads(stored)  # noqa: S301
    assert (back.pvalues == found.pvalues).all()
    assert (back.conf_int(method="wald") == found.conf_int(method="wald")).all()
    assert back.llr == found.llr
    with pytest.raises(DataError, match="gone"):
        back.conf_int(0.1)
    assert X.tobytes()[:800] not in stored
    assert np.ascontiguousarray(X.T).tobytes()[:800] not in stored
    assert len(stored) < 8 * X.size


# ---------------------------------------------------------------------------- FLIC and log-F


def test_flic_predicts_as_many_events_as_there_are():
    X, y = endometrial()
    weight = np.random.default_rng(0).integers(1, 4, y.size)
    offset = np.linspace(-1, 1, y.size)
    plain = FirthLogisticRegression().fit(X, y, sample_weight=weight, offset=offset)
    model = FirthLogisticRegression(correct_intercept=True)
    model.fit(X, y, sample_weight=weight, offset=offset)
    assert (model.coef_ == plain.coef_).all()
    events = weight @ model.predict_proba(X, offset)[:, 1]
    np.testing.assert_allclose(events, weight @ y, rtol=1e-12)
    assert abs(weight @ plain.predict_proba(X, offset)[:, 1] - weight @ y) > 0.1
    found = model.infer(X, y, sample_weight=weight, offset=offset)
    assert found.params[0] == model.intercept_[0]
    assert np.isnan(found.conf_int()[0]).all()
    assert np.isnan(found.pvalues[0])
    assert np.isfinite(found.conf_int()[1:]).all()
    assert "FLIC" in str(found.summary())
    with pytest.raises(ParameterError, match="intercept"):
        FirthLogisticRegression(correct_intercept=True, fit_intercept=False).fit(X, y)


@pytest.mark.parametrize("m", [1.0, 2.0, 0.5])
def test_log_f_priors_are_pseudo_observations(m):
    """m / 2 successes and failures at x_j = 1, without an intercept (Greenland and Mansournia)."""
    X, y = endometrial()
    X = X + np.array([0, 1000, 0])
    ours = FirthLogisticRegression(prior="log-f", m=m)
    found = ours.infer(X, y)
    ours.fit(X, y)
    Z = np.column_stack([np.ones(len(y)), X])
    pseudo = np.tile(np.eye(4)[1:], (2, 1))
    theirs = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-15).fit(
        np.vstack([Z, pseudo]),
        np.append(y, [0, 0, 0, 1, 1, 1]),
        sample_weight=np.append(np.ones(len(y)), np.full(6, m / 2)),
    )
    np.testing.assert_allclose(coefficients(ours), theirs.coef_[0], rtol=1e-7)
    a = theirs.predict_proba(np.vstack([Z, pseudo]))[:, 1]
    w = a * (1 - a) * np.append(np.ones(len(y)), np.full(6, m / 2))
    whole = np.vstack([Z, pseudo])
    covariance = np.linalg.inv(whole.T @ (w[:, None] * whole))
    np.testing.assert_allclose(found.bse[1:], np.sqrt(np.diag(covariance))[1:], rtol=1e-6)
    assert "log-F" in str(found.summary())
    for end in found.conf_int()[1]:
        assert found.lr_test((np.eye(4)[[1]], [end])).pvalue == pytest.approx(0.05, rel=1e-7)


# ------------------------------------------------------------------------------ what is refused


def test_refusals_are_one_sentence():
    X, y = endometrial()
    for model, match in (
        (FirthLogisticRegression(prior="ridge"), "prior='ridge'"),
        (FirthLogisticRegression(prior="log-f", m=-1.0), "m=-1.0"),
        (FirthLogisticRegression(max_iter=0), "max_iter"),
    ):
        with pytest.raises(ParameterError, match=match):
            model.fit(X, y)
    three = np.arange(len(y)) % 3
    with pytest.raises(ParameterError, match="Only binary"):
        FirthLogisticRegression().fit(X, three)
    with pytest.raises(ParameterError, match="Only binary"):
        logit(X, three, firth=True)
    with pytest.raises(ParameterError, match="firth=True"):
        logit(X, y, firth=True, cov_type="HC1")
    with pytest.raises(ParameterError, match="firth=True"):
        logit(X, y, firth=True, weights=np.ones(len(y)), weights_are="sampling")


def test_aliased_columns_are_named_and_left_out():
    X, y = endometrial()
    frame = pd.DataFrame(X, columns=["NV", "PI", "EH"])
    frame = frame.assign(twice=2 * frame.PI - frame.EH + 1, one=7.0)
    with pytest.warns(CollinearityWarning) as caught:
        model = FirthLogisticRegression().fit(frame, y)
    assert '"twice" = 2 "PI" - "EH" + 1 and "one" = 7' in str(caught[0].message)
    np.testing.assert_allclose(model.coef_[0], [*COEFFICIENTS[1:], 0, 0], rtol=1e-7, atol=2e-8)
    with pytest.warns(CollinearityWarning):
        found = model.infer(frame, y)
    assert np.isnan(found.params[4:]).all()
    assert np.isnan(found.conf_int()[4:]).all()
    np.testing.assert_allclose(found.conf_int()[:4], INTERVALS, rtol=2e-7)


def test_a_walk_that_was_cut_short_says_so():
    X, y = endometrial()
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        model = FirthLogisticRegression(max_iter=2).fit(X, y)
    assert not model.converged_
    with pytest.warns(ConvergenceWarning):
        assert "NOT CONVERGED" in str(model.infer(X, y).summary())


def test_without_an_intercept():
    X, y = endometrial()
    model = FirthLogisticRegression(fit_intercept=False).fit(X, y)
    assert (model.intercept_ == 0).all()
    theirs = firthmodels.FirthLogisticRegression(
        backend="numpy", fit_intercept=False, gtol=1e-9, xtol=1e-8, max_iter=1000
    ).fit(X, y)
    np.testing.assert_allclose(model.coef_[0], theirs.coef_, rtol=1e-8)


@pytest.mark.filterwarnings("ignore::oddsmith.CollinearityWarning")
@parametrize_with_checks(
    [
        FirthLogisticRegression(),
        FirthLogisticRegression(prior="log-f"),
        FirthLogisticRegression(correct_intercept=True),
    ]
)
def test_estimator_checks(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)
