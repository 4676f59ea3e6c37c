"""Recalibration: other shares of the classes, and scikit-learn's methods on rows not fitted to."""

import pickle

import mpmath
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from oddsmith import (
    DataError,
    LogisticRegression,
    ParameterError,
    PriorCorrected,
    prior_correction,
    recalibrate,
    reliability,
)
from oddsmith.core.stable import sigmoid

SHARES = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3)


def drawn(n, seed=0, slope=(1.0, -2.0), intercept=-2.5):
    """Rows of a logistic model, one in eight positive."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(slope)))
    return X, (rng.random(n) < sigmoid(X @ np.array(slope) + intercept)).astype(int)


# ------------------------------------------------------------------------------ prior_correction


@given(SHARES, SHARES, SHARES)
def test_the_correction_is_bayes_rule_and_can_be_undone(p, trained, actual):
    p = np.array([p]) / np.sum(p)
    t, a = np.array(trained) / np.sum(trained), np.array(actual) / np.sum(actual)
    found = prior_correction(p, trained, actual)
    by_hand = p * a / t
    np.testing.assert_allclose(found, by_hand / by_hand.sum(), rtol=1e-13)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(prior_correction(found, actual, trained), p, rtol=1e-13)
    np.testing.assert_allclose(prior_correction(p, t, t), p, rtol=1e-14)
    order = [2, 0, 1]
    again = prior_correction(p[:, order], t[order], a[order])
    np.testing.assert_allclose(again, found[:, order], rtol=1e-13)


@given(st.floats(-700, 700), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_two_classes_move_by_a_constant_in_the_margin(margin, trained, actual):
    p = sigmoid(np.array([margin]))
    found = prior_correction(p, trained, actual)
    shift = mpmath.log(mpmath.mpf(actual) / (1 - mpmath.mpf(actual)))
    shift -= mpmath.log(mpmath.mpf(trained) / (1 - mpmath.mpf(trained)))
    odds = mpmath.mpf(p[0]) / (1 - mpmath.mpf(p[0])) * mpmath.exp(shift) if p[0] < 1 else mpmath.inf
    expected = float(odds / (1 + odds)) if p[0] < 1 else 1.0
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    both = prior_correction(np.column_stack([1 - p, p]), trained, actual)
    np.testing.assert_allclose(both[:, 1], found, rtol=1e-10, atol=1e-16)
    pair = prior_correction(p, [1 - trained, trained], [1 - actual, actual])
    np.testing.assert_allclose(pair, found, rtol=1e-14)


def test_tiny_probabilities_survive():
    found = prior_correction([1e-300, 0.0, 1.0, 5e-324], 0.5, 1e-6)
    np.testing.assert_allclose(found[0], 1e-306, rtol=1e-5)
    assert found[1:3].tolist() == [0.0, 1.0]
    assert prior_correction([[1e-320, 1.0]], [1e-300, 1.0], [1.0, 1e-20])[0, 0] > 0.4


@pytest.mark.parametrize(
    ("p", "trained", "actual", "error", "words"),
    [
        ([0.5], 0.0, 0.5, ParameterError, "trained=0.0"),
        ([0.5], 0.5, 1.5, ParameterError, "actual=1.5"),
        ([0.5], [0.5, 0.5, 0.5], 0.5, ParameterError, "no shares of 2 classes"),
        ([0.5], [0.0, 1.0], 0.5, ParameterError, "never seen"),
        ([0.5], "x", 0.5, ParameterError, "trained='x'"),
        ([1.5], 0.5, 0.5, DataError, "1.5 in row 0"),
        ([[0.5, 0.2]], 0.5, 0.5, DataError, "sum 0.7 in row 0"),
        ([[1.0], [1.0]], 0.5, 0.5, DataError, "one column per class"),
    ],
)
def test_what_cannot_be_corrected_is_named(p, trained, actual, error, words):
    with pytest.raises(error, match=words):
        prior_correction(p, trained, actual)


# ------------------------------------------------------------------------------- class weights


def test_class_weights_are_a_shift_of_the_intercept_which_the_correction_undoes():
    X, y = drawn(20_000)
    plain = LogisticRegression(C=np.inf).fit(X, y)
    weighted = LogisticRegression(C=np.inf, class_weight="balanced").fit(X, y)
    share = y.mean()
    found = prior_correction(weighted.predict_proba(X), 0.5, share)
    shift = np.log(share / (1 - share))
    margin = weighted.decision_function(X) + shift
    np.testing.assert_allclose(found[:, 1], sigmoid(margin), rtol=1e-12)
    # The model is right, so that its weights change little but the intercept.
    np.testing.assert_allclose(weighted.coef_, plain.coef_, atol=0.1)
    np.testing.assert_allclose(weighted.intercept_ + shift, plain.intercept_, atol=0.1)


def test_after_class_weights_the_correction_restores_calibration():
    X, y = drawn(40_000)
    X_new, y_new = drawn(20_000, seed=1)
    for class_weight in ("balanced", {0: 1.0, 1: 8.0}):
        model = LogisticRegression(class_weight=class_weight, C=np.inf).fit(X, y)
        fixed = recalibrate(model, X, y, "prior")
        before = reliability(y_new, model.predict_proba(X_new)[:, 1])
        after = reliability(y_new, fixed.predict_proba(X_new)[:, 1])
        assert before.log_loss.miscalibration > 0.1
        assert after.log_loss.miscalibration < 0.003
        assert before.error.value > 0.15
        assert after.error.value < 2 * after.error.bias
        # It is a rising function of one number: the ranks, and so the discrimination, stay.
        assert after.log_loss.discrimination == pytest.approx(before.log_loss.discrimination)


def test_shares_of_the_training_from_class_weights():
    X, y = drawn(2000)
    share = y.mean()
    balanced = LogisticRegression(class_weight="balanced").fit(X, y)
    assert PriorCorrected(balanced).fit(None, y).trained_.tolist() == [0.5, 0.5]
    by_hand = LogisticRegression(class_weight={1: 3.0}).fit(X, y)
    expected = 3 * share / (3 * share + 1 - share)
    assert PriorCorrected(by_hand).fit(None, y).trained_[1] == pytest.approx(expected)
    forest = RandomForestClassifier(5, class_weight="balanced_subsample", random_state=0)
    assert PriorCorrected(forest.fit(X, y)).fit(None, y).trained_.tolist() == [0.5, 0.5]
    pipe = make_pipeline(StandardScaler(), clone(balanced)).fit(X, y)
    search = GridSearchCV(pipe, {"logisticregression__C": [1.0]}, cv=2).fit(X, y)
    for wrapped in (pipe, search, FrozenEstimator(search)):
        assert PriorCorrected(wrapped).fit(None, y).trained_.tolist() == [0.5, 0.5]
    with pytest.raises(ParameterError, match="GaussianNB has no class_weight"):
        recalibrate(GaussianNB().fit(X, y), X, y, "prior")
    given = recalibrate(GaussianNB().fit(X, y), X, y, "prior", trained=share)
    expected = GaussianNB().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(given.predict_proba(X), expected, rtol=1e-9, atol=1e-300)


def test_shares_of_reality():
    X, y = drawn(2000)
    model = LogisticRegression(class_weight="balanced").fit(X, y)
    weight = np.where(y == 1, 2.0, 1.0)
    counted = PriorCorrected(model).fit(None, y, weight)
    assert counted.actual_[1] == pytest.approx(2 * y.sum() / weight.sum())
    for actual in (0.01, [0.99, 0.01], {1: 1, 0: 99}):
        found = PriorCorrected(model, actual=actual).fit(X, y)
        np.testing.assert_allclose(found.actual_, [0.99, 0.01])
        assert found.predict_proba(X).sum(axis=1) == pytest.approx(1.0)
        assert (found.predict(X) == 1).mean() < (model.predict(X) == 1).mean()
    with pytest.raises(ParameterError, match="a share of each"):
        PriorCorrected(model, actual={1: 0.1}).fit(X, y)
    with pytest.raises(DataError, match="no row of class 0"):
        PriorCorrected(model).fit(None, np.ones(5, dtype=int))
    with pytest.raises(DataError, match="holds the label 7"):
        PriorCorrected(model).fit(None, [0, 1, 7])
    with pytest.raises(NotFittedError):
        PriorCorrected(LogisticRegression()).fit(None, y)
    with pytest.raises(NotFittedError):
        PriorCorrected(model).predict_proba(X)


@parametrize_with_checks([PriorCorrected(LogisticRegression(class_weight="balanced"))])
def test_estimator_checks(estimator, check, monkeypatch):
    """No expected failures: of an estimator that is not fitted a clone is fitted."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


def test_an_estimator_that_is_not_fitted_is_fitted_to_the_rows():
    X, y = drawn(2000)
    weight = np.random.default_rng(3).uniform(0.5, 2.0, 2000)
    plain = LogisticRegression(class_weight="balanced")
    for w in (None, weight):
        found = PriorCorrected(plain).fit(X, y, w)
        assert not hasattr(plain, "coef_")
        before = clone(plain).fit(X, y, w)
        same = PriorCorrected(before).fit(None, y, w)
        assert same.estimator_ is before
        np.testing.assert_array_equal(found.predict_proba(X), same.predict_proba(X))
    # A clone of a corrected model forgets the fit: what is known of that no longer holds.
    lost = clone(PriorCorrected(before, trained=0.5))
    with pytest.raises(ParameterError, match=r"trained=0\.5 is of a training before"):
        lost.fit(X, y)
    frozen = clone(PriorCorrected(FrozenEstimator(before), trained=0.5)).fit(X, y)
    np.testing.assert_array_equal(frozen.estimator_.estimator.coef_, before.coef_)
    pipe = make_pipeline(StandardScaler(), plain)
    with pytest.raises(ParameterError, match="Pipeline takes no sample_weight, and is not fitted"):
        PriorCorrected(pipe).fit(X, y, weight)
    assert PriorCorrected(pipe).fit(X, y).trained_.tolist() == [0.5, 0.5]


def test_three_classes_after_class_weights():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30_000, 2))
    margin = X @ rng.normal(size=(2, 3)) + np.array([0.0, -1.5, -2.5])
    y = np.array(["a", "b", "c"])[(margin + rng.gumbel(size=margin.shape)).argmax(axis=1)]
    plain = LogisticRegression(C=np.inf).fit(X, y)
    weighted = LogisticRegression(C=np.inf, class_weight="balanced").fit(X, y)
    found = recalibrate(weighted, X, y, "prior")
    best = log_loss(y, plain.predict_proba(X))
    assert log_loss(y, weighted.predict_proba(X)) > best + 0.1
    assert log_loss(y, found.predict_proba(X)) < best + 0.001
    assert set(found.predict(X)) <= {"a", "b", "c"}


# ---------------------------------------------------------------------- scikit-learn's methods


@pytest.mark.parametrize("method", ["platt", "temperature", "isotonic"])
@pytest.mark.parametrize("weighted", [False, True])
def test_recalibration_is_scikit_learns_with_a_frozen_model(method, weighted):
    X, y = drawn(3000)
    labels = np.where(y == 1, "yes", "no")
    model = LogisticRegression(C=1e-3).fit(X[:1000], labels[:1000])
    coef = model.coef_.copy()
    weight = np.random.default_rng(0).integers(0, 3, 2000) * 1.0 if weighted else None
    found = recalibrate(model, X[1000:], labels[1000:], method, weight)
    assert isinstance(found, CalibratedClassifierCV)
    np.testing.assert_array_equal(model.coef_, coef)
    # More folds change nothing, as nothing is fitted in them.
    name = "sigmoid" if method == "platt" else method
    more = CalibratedClassifierCV(FrozenEstimator(model), method=name, cv=5)
    if not weighted:
        expected = more.fit(X[1000:], labels[1000:]).predict_proba(X)
        np.testing.assert_allclose(found.predict_proba(X), expected, rtol=1e-12)
    else:
        times = weight.astype(int)
        repeated = np.repeat(X[1000:], times, axis=0), np.repeat(labels[1000:], times)
        expected = recalibrate(model, *repeated, method).predict_proba(X)
        np.testing.assert_allclose(found.predict_proba(X), expected, atol=1e-4)
    before = reliability(y[1000:], model.predict_proba(X[1000:])[:, 1], weight)
    after = reliability(y[1000:], found.predict_proba(X[1000:])[:, 1], weight)
    # One factor on all margins cannot move an intercept.
    worse = 1.0 if method == "temperature" else 0.5
    assert after.log_loss.miscalibration < worse * before.log_loss.miscalibration
    assert found.classes_.tolist() == ["no", "yes"]


@pytest.mark.parametrize("method", ["platt", "temperature", "isotonic", "prior"])
@pytest.mark.parametrize("library", [pd, pl])
def test_data_frames_with_text_go_through(method, library):
    X, y = drawn(600)
    kind = np.where(X[:, 1] > 0, "high", "low")
    frame = library.DataFrame({"dose": X[:, 0], "kind": kind})
    outcome = (
        library.Series("ill", np.where(y == 1, "yes", "no"))
        if library is pl
        else pd.Series(np.where(y == 1, "yes", "no"), name="ill")
    )
    model = LogisticRegression(class_weight="balanced").fit(frame[:300], outcome[:300])
    found = recalibrate(model, frame[300:], outcome[300:], method)
    assert found.predict_proba(frame).shape == (600, 2)
    assert set(found.predict(frame)) <= {"no", "yes"}
    assert found.classes_.tolist() == ["no", "yes"]


def test_a_margin_alone_can_be_recalibrated():
    X, y = drawn(600)
    model = LinearSVC().fit(X[:300], y[:300])
    assert recalibrate(model, X[300:], y[300:]).predict_proba(X).shape == (600, 2)


def test_what_cannot_be_recalibrated_is_named():
    X, y = drawn(100)
    model = LogisticRegression().fit(X, y)
    with pytest.raises(ParameterError, match="method='beta' is none of 'platt'"):
        recalibrate(model, X, y, "beta")
    with pytest.raises(ParameterError, match="leave it out"):
        recalibrate(model, X, y, "platt", trained=0.5)
    with pytest.raises(DataError, match="a dict of columns"):
        recalibrate(model, {"a": X[:, 0], "b": X[:, 1]}, y)
    with pytest.raises(DataError, match="0 rows of class 0"):
        recalibrate(model, X, np.ones(100, dtype=int))
    with pytest.raises(DataError, match="0 rows of class 1"):
        recalibrate(model, X, y, sample_weight=np.where(y == 1, 0.0, 1.0))
    with pytest.raises(DataError, match="holds the label 5"):
        recalibrate(model, X, np.where(y == 1, 5, 0))
    with pytest.raises(DataError, match="one label per row"):
        recalibrate(model, X, np.zeros((100, 2)))
    with pytest.raises(NotFittedError):
        recalibrate(LogisticRegression(), X, y)


def test_a_corrected_model_is_cloned_pickled_and_validated():
    X, y = drawn(400)
    model = LogisticRegression(class_weight="balanced").fit(X, y)
    found = recalibrate(model, X, y, "prior")
    again = pickle.loads(pickle.dumps(found))  # noqa: S301
    np.testing.assert_array_equal(again.predict_proba(X), found.predict_proba(X))
    same = clone(found).fit(X, y)
    np.testing.assert_array_equal(same.predict_proba(X), found.predict_proba(X))
    assert found.n_features_in_ == 2
    assert np.isfinite(cross_val_score(found, X, y, scoring="neg_log_loss")).all()
    assert "PriorCorrected" in repr(found)
