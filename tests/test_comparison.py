"""Models on the same rows: paired differences of log loss, area under the ROC curve, and cost."""

import math
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.metrics import confusion_matrix, log_loss, roc_auc_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from oddsmith import (
    Comparison,
    DataError,
    LogisticRegression,
    ParameterError,
    TunedThreshold,
    compare,
)
from oddsmith.decisions.costs import cost_matrix, optimal_threshold
from oddsmith.decisions.delong import delong

# Albumin, total protein, K-G score and outcome of the patients of DeLong, DeLong and
# Clarke-Pearson (1988), as "Comparing Receiver Operating Characteristic Curves" prints them in the
# SAS/STAT User's Guide, The LOGISTIC Procedure.
OVARIAN = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0
1.6 5.6 5 1  3.8 5.7 5 1  3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1
4.3 7.0 4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0  4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1
3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1
3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1
3.5 6.2 5 1  2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1
3.6 6.6 5 1
"""


def brute_force(happened, one, other):
    """AUC of both, their difference and its standard error by every pair of rows."""
    kernels = []
    for score in (one, other):
        pairs = score[happened][:, None] - score[~happened][None, :]
        kernels.append(np.where(pairs > 0, 1.0, np.where(pairs == 0, 0.5, 0.0)))
    yes = np.stack([kernel.mean(axis=1) for kernel in kernels])
    no = np.stack([kernel.mean(axis=0) for kernel in kernels])
    covariance = np.cov(yes) / yes.shape[1] + np.cov(no) / no.shape[1]
    contrast = np.array([1.0, -1.0])
    auc = yes.mean(axis=1)
    return auc, auc[0] - auc[1], math.sqrt(max(contrast @ covariance @ contrast, 0.0)), covariance


def drawn(n, seed=0, n_classes=2, p=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    margin = X @ rng.normal(size=(p, n_classes))
    return X, (margin + 2.0 * rng.gumbel(size=margin.shape)).argmax(axis=1)


def of(found, measure, place=0):
    return [one for one in found.differences if one.measure == measure][place]


# -------------------------------------------------------------------------------------------- AUC


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), min_size=4, max_size=40
    )
)
def test_areas_and_their_differences_are_those_of_all_pairs(rows):
    happened = np.array([row[0] for row in rows])
    assume(2 <= happened.sum() <= len(rows) - 2)
    one, other = (np.array([row[k] for row in rows], dtype=float) for k in (1, 2))
    areas = delong(happened, [one, other])
    auc, difference, error, covariance = brute_force(happened, one, other)
    np.testing.assert_allclose(areas.auc, auc, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(areas.auc[0], roc_auc_score(happened, one), rtol=1e-13, atol=1e-15)
    value, found = areas.difference(0, 1)
    assert value == pytest.approx(difference, abs=1e-14)
    assert found == pytest.approx(error, rel=1e-6, abs=1e-8)
    assert areas.standard_error(1) == pytest.approx(math.sqrt(covariance[1, 1]), abs=1e-12)
    assert areas.difference(1, 0) == (pytest.approx(-value), pytest.approx(found))
    # A rising function of a score changes nothing.
    bent = delong(happened, [np.exp(one), other])
    assert bent.difference(0, 1) == areas.difference(0, 1)


def test_areas_of_a_published_example():
    """To the four digits that SAS prints of it (from memory), and to all digits by all pairs."""
    table = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4)
    happened = table[:, 3] == 1
    albumin, protein, score = table[:, 0], table[:, 1], 10 - table[:, 2]
    areas = delong(happened, [albumin, score, protein])
    np.testing.assert_allclose(areas.auc, [0.7366, 0.7258, 0.6478], atol=5e-5)
    errors = [areas.standard_error(k) for k in range(3)]
    np.testing.assert_allclose(errors, [0.0927, 0.1028, 0.1000], atol=6e-5)
    np.testing.assert_allclose(areas.difference(0, 1), [0.0108, 0.0953], atol=5e-5)
    np.testing.assert_allclose(areas.difference(2, 1), [-0.0780, 0.1046], atol=5e-5)
    for place, other in ((0, albumin), (2, protein)):
        _, value, error, _ = brute_force(happened, other, score)
        np.testing.assert_allclose(areas.difference(place, 1), [value, error], rtol=1e-12)


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_weights_of_one_number_change_nothing_and_others_are_means(seed):
    rng = np.random.default_rng(seed)
    happened = rng.random(40) < 0.4
    assume(2 <= happened.sum() <= 38)
    scores = [rng.integers(0, 9, 40) / 8, rng.random(40)]
    plain, tripled = delong(happened, scores), delong(happened, scores, np.full(40, 3.0))
    np.testing.assert_allclose(plain.difference(0, 1), tripled.difference(0, 1), rtol=1e-12)
    w = rng.integers(1, 4, 40)
    weighted = delong(happened, scores, w.astype(float))
    for auc, score in zip(weighted.auc, scores, strict=True):
        assert auc == pytest.approx(roc_auc_score(happened, score, sample_weight=w), rel=1e-12)
    repeated = delong(np.repeat(happened, w), [np.repeat(score, w) for score in scores])
    np.testing.assert_allclose(weighted.auc, repeated.auc, rtol=1e-12)


def test_the_standard_errors_are_those_of_repeated_samples():
    """Of the weighted mean differences too, whose weights say how many each row stands for."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        X = rng.normal(size=(200, 2))
        y = (rng.random(200) < 1 / (1 + np.exp(-X.sum(axis=1)))).astype(int)
        one, other = 1 / (1 + np.exp(-X[:, 0])), 1 / (1 + np.exp(-0.5 * X[:, 1]))
        w = rng.choice([0.2, 1.0, 3.0], 200)
        found.append(compare({"a": one, "b": other}, None, y, sample_weight=w, cost={"fp": 1}))
    for measure in ("log_loss", "auc"):
        values = [of(one, measure).value for one in found]
        errors = [of(one, measure).standard_error for one in found]
        assert np.mean(errors) == pytest.approx(np.std(values), rel=0.1), measure
        held = [
            of(one, measure).lower <= np.mean(values) <= of(one, measure).upper for one in found
        ]
        assert 0.92 < np.mean(held) < 0.98, measure


# ------------------------------------------------------------------------- log loss and cost


def test_differences_are_those_of_the_paired_t_test():
    X, y = drawn(300)
    ours = LogisticRegression().fit(X[:100], y[:100])
    theirs = RandomForestClassifier(20, random_state=0, min_samples_leaf=5).fit(X[:100], y[:100])
    found = compare({"ours": ours, "theirs": theirs}, X[100:], y[100:], cost={"fp": 1, "fn": 3})
    assert isinstance(found, Comparison)
    p = [model.predict_proba(X[100:])[:, 1] for model in (ours, theirs)]
    yes = y[100:] == 1
    losses = [-np.log(np.where(yes, q, 1 - q)) for q in p]
    costs = [np.where(yes, 3.0 * (q < 0.25), 1.0 * (q >= 0.25)) for q in p]
    for measure, (a, b) in {"log_loss": losses, "cost": costs}.items():
        one = of(found, measure)
        paired = stats.ttest_rel(a, b)
        assert one.value == pytest.approx((a - b).mean(), rel=1e-12)
        assert one.standard_error == pytest.approx(stats.sem(a - b), rel=1e-12)
        assert one.value / one.standard_error == pytest.approx(paired.statistic)
        assert one.p_value == pytest.approx(2 * stats.norm.sf(abs(paired.statistic)), rel=1e-9)
        reach = stats.norm.ppf(0.975) * one.standard_error
        assert (one.lower, one.upper) == pytest.approx((one.value - reach, one.value + reach))
        assert (one.first, one.second) == ("ours", "theirs")
    for score, q, _model in zip(found.scores, p, (ours, theirs), strict=True):
        assert score.log_loss == pytest.approx(log_loss(y[100:], q))
        assert score.auc == pytest.approx(roc_auc_score(y[100:], q))
        _tn, fp, fn, _tp = confusion_matrix(y[100:], q >= 0.25).ravel()
        assert score.cost == pytest.approx((fp + 3 * fn) / 200)
    one = of(found, "auc")
    _auc, value, error, _ = brute_force(yes, *p)
    assert (one.value, one.standard_error) == (pytest.approx(value), pytest.approx(error))
    reversed_ = compare({"theirs": theirs, "ours": ours}, X[100:], y[100:])
    assert of(reversed_, "log_loss").value == pytest.approx(-of(found, "log_loss").value)
    assert of(reversed_, "auc").upper == pytest.approx(-of(found, "auc").lower)


def test_thresholds_are_the_models_own_the_best_or_those_given():
    X, y = drawn(400)
    base = Theirs().fit(X, y)
    fixed = FixedThresholdClassifier(base, threshold=0.8).fit(X, y)
    tuned = TunedThresholdClassifierCV(base, cv=3).fit(X, y)
    models = {"plain": base, "fixed": fixed, "tuned": make_pipeline(StandardScaler(), tuned)}
    models["tuned"].fit(X, y)
    cost = {"fp": 2.0, "fn": 3.0, "tp": -1.0}
    p = base.predict_proba(X)[:, 1]

    def mean(decided):
        _tn, fp, fn, tp = confusion_matrix(y, decided).ravel()
        return (2 * fp + 3 * fn - tp) / len(y)

    found = compare(models, X, y, cost=cost)
    best = 2 / (2 + 3 + 1)
    expected = [p >= best, fixed.predict(X), models["tuned"].predict(X)]
    assert [s.cost for s in found.scores] == pytest.approx([mean(d) for d in expected])
    assert '"plain" decides from the probability 0.3333 on.' in found.notes
    assert '"fixed" and "tuned" decide by their own predict.' in found.notes
    found = compare(models, X, y, cost=cost, threshold={"plain": "predict", "tuned": 0.1})
    expected = [base.predict(X), fixed.predict(X), models["tuned"].predict_proba(X)[:, 1] >= 0.1]
    assert [s.cost for s in found.scores] == pytest.approx([mean(d) for d in expected])
    found = compare({"a": base, "b": p}, X, y, cost=cost, threshold=0.6)
    assert [s.cost for s in found.scores] == pytest.approx([mean(p >= 0.6)] * 2)
    matrix = compare({"a": base, "b": p}, X, y, cost=[[0, 2], [3, -1]])
    assert matrix.scores[0].cost == pytest.approx(mean(p >= best))


def test_a_tuned_threshold_decides_for_itself():
    """The real class, also inside what wraps it: its threshold, and not that of these costs."""
    X, y = drawn(400)
    X, X_new, y, y_new = X[:200], X[200:], y[:200], y[200:]
    base = LogisticRegression().fit(X, y)
    tuned = TunedThreshold(LogisticRegression(), "recall", subject_to={"precision": 0.6})
    pipe = make_pipeline(StandardScaler(), clone(tuned))
    search = GridSearchCV(clone(tuned), {"estimator__C": [1.0]}, cv=2)
    models = {"plain": base, "tuned": tuned, "pipe": pipe, "search": search}
    for model in models.values():
        model.fit(X, y)
    models["frozen"] = FrozenEstimator(tuned)
    cost = {"fp": 1.0, "fn": 1.0}
    found = compare(models, X_new, y_new, cost=cost)
    for model, score in zip(models.values(), found.scores, strict=True):
        assert score.cost == pytest.approx((model.predict(X_new) != y_new).mean())
    own = '"tuned", "pipe", "search" and "frozen" decide by their own predict.'
    assert found.notes[:2] == ('"plain" decides from the probability 0.5 on.', own)
    # Were it not so, its costs would be those of the model inside, as its AUC is.
    assert found.scores[1].cost != pytest.approx(found.scores[0].cost)
    assert found.scores[1].auc == pytest.approx(found.scores[0].auc)
    assert found.scores[1].log_loss == pytest.approx(found.scores[0].log_loss)
    other = compare(models, X_new, y_new, cost=cost, threshold={"tuned": 0.5})
    assert other.scores[1].cost == pytest.approx(found.scores[0].cost)


def test_a_matrix_of_costs_of_its_own_is_what_a_tuned_model_decides_by():
    X, y = drawn(400, n_classes=3)
    labels = np.array(["x", "y", "z"])[y]
    base = LogisticRegression().fit(X[:200], labels[:200])
    own = np.array([[0, 9, 9], [1, 0, 9], [1, 1, 0]])
    tuned = TunedThreshold(LogisticRegression(), cost=own).fit(X[:200], labels[:200])
    assert not hasattr(tuned, "threshold_")
    cost = 1 - np.eye(3)
    for one in (tuned, make_pipeline(tuned)):
        found = compare({"base": base, "tuned": one}, X[200:], labels[200:], cost=cost)
        assert found.scores[1].cost == pytest.approx(
            (tuned.predict(X[200:]) != labels[200:]).mean()
        )
        assert '"tuned" decides by its own predict.' in found.notes
        assert found.scores[1].cost > found.scores[0].cost
        assert found.scores[1].log_loss == pytest.approx(found.scores[0].log_loss)


def test_more_than_two_classes():
    X, y = drawn(300, n_classes=3)
    labels = np.array(["x", "y", "z"])[y]
    models = {
        "ours": LogisticRegression().fit(X, labels),
        "dummy": DummyClassifier().fit(X, labels),
    }
    cost = np.array([[0, 1, 2], [1, 0, 1], [9, 3, 0]])
    found = compare(models, X, labels, cost=cost)
    for score, model in zip(found.scores, models.values(), strict=True):
        p = model.predict_proba(X)
        decided = np.argmin(p @ cost, axis=1)
        assert score.cost == pytest.approx(cost[y, decided].mean())
        assert math.isnan(score.auc)
    p = models["ours"].predict_proba(X)
    assert found.scores[0].log_loss == pytest.approx(log_loss(labels, p))
    assert math.isnan(of(found, "auc").value)
    assert any("AUC is NaN" in note for note in found.notes)
    assert "NA" in str(found)
    assert compare(models, X, labels, cost=cost, threshold="predict").scores[0].cost is not None
    with pytest.raises(ParameterError, match="of two classes"):
        compare(models, X, labels, cost=cost, threshold=0.5)
    with pytest.raises(ParameterError, match="array of shape"):
        compare(models, X, labels, cost={"fp": 1})


# ------------------------------------------------------------------------------- whose columns


class Turned:
    """A model whose columns stand in another order."""

    def __init__(self, model):
        self.model, self.classes_ = model, model.classes_[::-1]

    def predict_proba(self, X):
        return self.model.predict_proba(X)[:, ::-1]

    def predict_log_proba(self, X):
        return self.model.predict_log_proba(X)[:, ::-1]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_columns_are_matched_by_label(n_classes):
    X, y = drawn(200, n_classes=n_classes)
    labels = np.array(["b", "c", "a"])[y]
    model = Theirs().fit(X, labels)
    found = compare({"turned": Turned(model), "straight": model}, X, labels)
    for one in found.differences:
        if one.measure != "auc" or n_classes == 2:
            assert (one.value, one.standard_error, one.p_value) == (0.0, 0.0, 1.0)
    assert found.scores[0].log_loss == pytest.approx(log_loss(labels, model.predict_proba(X)))


def test_probabilities_stand_in_for_models_and_frames_for_arrays():
    X, y = drawn(200)
    model = LogisticRegression().fit(X, y)
    p = model.predict_proba(X)
    expected = compare({"a": model, "b": p[:, 1] ** 2}, X, y)
    for other in (p, p[:, 1], pd.Series(p[:, 1]), p.tolist()):
        found = compare({"a": other, "b": p[:, 1] ** 2}, None, y.tolist())
        for one, same in zip(found.differences, expected.differences, strict=True):
            assert one.value == pytest.approx(same.value, rel=1e-12)
    for library in (pd, pl):
        frame = library.DataFrame({"a": X[:, 0], "kind": np.where(X[:, 1] > 0, "u", "v")})
        series = library.Series(np.where(y == 1, "yes", "no"))
        ours = LogisticRegression().fit(frame, series)
        again = compare({"ours": ours, "flat": np.full(200, 0.5)}, frame, series)
        assert again.scores[0].log_loss < again.scores[1].log_loss
        assert of(again, "auc").p_value < 1e-4


# ------------------------------------------------------------------------------------ hard input


@pytest.mark.parametrize("n", [2, 3, 100])
def test_identical_models_differ_by_nothing(n):
    y = np.arange(n) % 2
    p = np.random.default_rng(0).random(n)
    found = compare({"one": p, "same": p.copy()}, None, y, cost={"fp": 1, "fn": 1})
    for one in found.differences:
        numbers = (one.value, one.standard_error, one.lower, one.upper, one.p_value)
        assert numbers == (0.0, 0.0, 0.0, 0.0, 1.0)
    assert (
        found.differences
        == compare({"one": p, "same": p}, None, y, cost=np.eye(2)[::-1]).differences
    )


def test_certainty_that_was_wrong_costs_infinitely_and_is_said_so():
    y = np.array([0, 1, 0, 1])
    sure, calm = np.array([0.0, 0.0, 0.2, 1.0]), np.full(4, 0.5)
    found = compare({"sure": sure, "calm": calm}, None, y)
    assert found.scores[0].log_loss == math.inf
    one = of(found, "log_loss")
    assert one.value == math.inf
    assert math.isnan(one.standard_error)
    assert math.isnan(one.p_value)
    assert any('"sure" is infinite' in note and "1 of 4" in note for note in found.notes)
    both = compare({"sure": sure, "again": sure, "other": 1 - sure}, None, y)
    assert of(both, "log_loss").value == 0.0
    assert math.isnan(of(both, "log_loss", 1).value)
    assert math.isfinite(of(both, "auc", 1).value)
    assert "inf" in str(found)


def test_a_model_that_knows_logarithms_is_asked_for_them():
    X, y = np.array([[-3000.0], [3000.0], [-1.0], [1.0]]), np.array([1, 0, 0, 1])
    model = LogisticRegression().fit(X[2:], y[2:])
    found = compare({"far": model, "calm": np.full(4, 0.5)}, X, y)
    logs = model.predict_log_proba(X)
    assert found.scores[0].log_loss == pytest.approx(-logs[np.arange(4), y].mean(), rel=1e-12)
    assert model.predict_proba(X)[0, 1] == 0.0
    for columns in (Turned(model), model):
        again = compare({"far": columns, "calm": np.full(4, 0.5)}, X, y)
        assert again.scores[0].log_loss == pytest.approx(found.scores[0].log_loss)


def test_one_class_a_constant_and_differences_without_spread():
    found = compare({"a": [0.2, 0.4], "b": [0.1, 0.3]}, None, [0, 0])
    assert math.isnan(found.scores[0].auc)
    assert any("one class" in note for note in found.notes)
    flat = compare({"a": [0.2] * 6, "b": [0.3] * 6}, None, [0, 1] * 3)
    assert flat.scores[0].auc == 0.5
    assert of(flat, "auc").value == of(flat, "auc").standard_error == 0.0
    opposed = compare({"a": [0.1, 0.2, 0.8, 0.9], "b": [0.9, 0.8, 0.2, 0.1]}, None, [0, 0, 1, 1])
    one = of(opposed, "auc")
    assert (one.value, one.standard_error) == (1.0, 0.0)
    assert math.isnan(one.p_value)
    assert any("all rows tell the same" in note for note in opposed.notes)
    sure = compare({"a": [0.1, 0.2, 0.8, 0.9], "b": [0.1, 0.5, 0.2, 0.9]}, None, [0, 0, 1, 1])
    assert any("exactly 0 or 1" in note for note in sure.notes)
    two = compare({"a": [0.1, 0.2], "b": [0.4, 0.3]}, None, [0, 1])
    assert math.isnan(of(two, "auc").standard_error)
    assert any("rough" in note for note in two.notes)


def test_rows_of_weight_zero_are_left_out():
    _X, y = drawn(200)
    a, b = np.random.default_rng(1).random((2, 200))
    w = np.random.default_rng(2).integers(0, 3, 200).astype(float)
    found = compare({"a": a, "b": b}, None, y, sample_weight=w, cost={"fp": 1, "fn": 1})
    kept = w > 0
    same = compare(
        {"a": a[kept], "b": b[kept]}, None, y[kept], sample_weight=w[kept], cost={"fp": 1, "fn": 1}
    )
    assert found.differences == same.differences
    assert found.n_rows == kept.sum()
    assert found.scores[0].log_loss == pytest.approx(log_loss(y, a, sample_weight=w))
    assert found.scores[1].auc == pytest.approx(roc_auc_score(y, b, sample_weight=w))


def test_three_models_are_compared_each_with_each_and_nothing_is_adjusted():
    _X, y = drawn(200)
    p = np.random.default_rng(1).random((3, 200))
    found = compare(dict(zip("abc", p, strict=True)), None, y)
    pairs = [(one.first, one.second) for one in found.differences if one.measure == "auc"]
    assert pairs == [("a", "b"), ("a", "c"), ("b", "c")]
    assert any("not adjusted" in note for note in found.notes)
    alone = compare({"b": p[1], "c": p[2]}, None, y)
    assert of(found, "auc", 2) == of(alone, "auc")


MODEL = Theirs().fit(*drawn(50))
ROWS = drawn(50)
HALF = np.full(50, 0.5)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"models": {"a": MODEL}}, ParameterError, "models holds 1"),
        ({"models": [MODEL, MODEL]}, ParameterError, "models holds list"),
        ({"X": None}, DataError, "X is None"),
        ({"threshold": 0.5}, ParameterError, "give cost="),
        ({"level": 95}, ParameterError, "level=95"),
        ({"y": ROWS[1][:-1]}, DataError, r"shape \(50, 2\)"),
        ({"y": ROWS[1] + 1}, DataError, "holds the label 2"),
        ({"y": np.zeros((50, 2))}, DataError, "one label per row"),
        ({"models": {"a": MODEL, "b": LinearSVC().fit(*ROWS)}}, ParameterError, "no predict_proba"),
        ({"models": {"a": MODEL, "b": Theirs()}}, ParameterError, '"b" has no classes_'),
        (
            {"models": {"a": MODEL, "b": Theirs().fit(ROWS[0], ROWS[1] + 1)}},
            DataError,
            r'"b" knows the classes \[1, 2\]',
        ),
        ({"models": {"a": MODEL, "b": HALF[:9]}}, DataError, 'what "b" gives has shape'),
        ({"models": {"a": MODEL, "b": HALF * 3}}, DataError, 'what "b" gives is 1.5 in row 0'),
        ({"models": {"a": MODEL, "b": np.full((50, 3), 1 / 3)}}, DataError, "there are 2 classes"),
        ({"cost": {"fpr": 1}}, ParameterError, r"cost=\{'fpr': 1\} is not understood"),
        ({"cost": {"fp": "x"}}, ParameterError, r"cost\['fp'\] is 'x'; give a finite number"),
        ({"cost": {"fp": np.inf}}, ParameterError, r"cost\['fp'\] is inf; give a finite number"),
        ({"cost": {"fp": -1, "fn": 1}}, ParameterError, "cheaper"),
        (
            {"cost": np.eye(3)},
            ParameterError,
            r"cost of shape \(3, 3\) cannot be used for 2 classes",
        ),
        ({"cost": {"fp": 1}, "threshold": {"c": 0.5}}, ParameterError, "threshold names 'c'"),
        ({"cost": {"fp": 1}, "threshold": {"b": "predict"}}, ParameterError, "no model to ask"),
        ({"cost": {"fp": 1}, "threshold": "best"}, ParameterError, "threshold='best'"),
        ({"cost": {"fp": 1}, "threshold": np.nan}, ParameterError, "no number"),
        ({"sample_weight": -HALF}, DataError, "sample_weight is -0.5 in row 0"),
    ],
)
def test_what_cannot_be_compared_is_named(arguments, error, words):
    given = {"models": {"a": MODEL, "b": HALF}, "X": ROWS[0], "y": ROWS[1]} | arguments
    with pytest.raises(error, match=words):
        compare(given.pop("models"), given.pop("X"), given.pop("y"), **given)
    with pytest.raises(DataError, match="one class only, 'x'"):
        compare({"a": HALF, "b": HALF}, None, ["x"] * 50)


def test_costs_of_two_classes():
    assert optimal_threshold(cost_matrix({"fn": 1}, 2)) == 0.0
    assert optimal_threshold(cost_matrix({"fp": 1, "fn": 5}, 2)) == 1 / 6
    assert optimal_threshold(cost_matrix({"fp": 1, "fn": 4, "tn": -1, "tp": -1}, 2)) == 2 / 7


# ------------------------------------------------------------------------------------ how it shows


def test_a_comparison_shows_itself_and_hostile_names_are_text():
    _X, y = drawn(100)
    p = np.random.default_rng(1).random((2, 100))
    name = "<script>alert(1)</script>\n[red]"
    found = compare({name: p[0], "b": p[1]}, None, y, cost={"fp": 1, "fn": 2}, level=0.9)
    text = str(found)
    assert "2 models on the same 100 rows" in text
    assert " 5% " in text
    assert " 95% " in text
    assert "\\n[red]" in text
    assert "<script" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()
    assert repr(found.summary()) == text
    one = of(found, "auc")
    assert f"{one.value:.6g}" in text
    assert f"{one.p_value:.3g}" in text
    for library in ("pandas", "polars", "pyarrow"):
        frame = found.to_frame(library)
        assert frame.shape == (3, 8)
    assert found.to_frame()["value"].tolist() == [d.value for d in found.differences]
    assert "as_latex" in dir(found.summary())


def test_a_million_rows_take_seconds():
    rng = np.random.default_rng(0)
    p = rng.random((2, 10**6))
    y = (rng.random(10**6) < p[0]).astype(int)
    start = time.perf_counter()
    found = compare({"a": p[0], "b": p[1]}, None, y, cost={"fp": 1, "fn": 5})
    assert time.perf_counter() - start < 20.0  # 1 second on two idle cores
    assert found.scores[0].auc == pytest.approx(roc_auc_score(y, p[0]), rel=1e-10)
    assert of(found, "log_loss").p_value == 0.0
    assert of(found, "cost").standard_error < 0.01


def test_names_that_read_the_same_are_not_mixed_up():
    with pytest.raises(ParameterError, match="names that read the same, 1 and '1'"):
        compare({1: [0.1, 0.9], "1": [0.9, 0.2]}, None, [0, 1])


@pytest.mark.parametrize("library", [pd, pl])
def test_tables_of_probabilities_go_by_the_names_of_their_columns(library):
    rng = np.random.default_rng(0)
    y, p = rng.choice(["ash", "elm", "oak"], 60), rng.dirichlet(np.ones(3), 60)
    columns = {name: p[:, k] for k, name in enumerate(["ash", "elm", "oak"])}
    turned = {name: columns[name] for name in ("oak", "ash", "elm")}
    others = {name.upper(): column for name, column in columns.items()}
    models = {"array": p, "turned": library.DataFrame(turned), "other": library.DataFrame(others)}
    assert all(
        one.value == 0.0
        for one in compare(models, None, y).differences
        if one.measure == "log_loss"
    )


def test_a_probability_that_is_the_threshold_is_positive():
    models = {"at": [0.5, 0.5], "below": [0.25, 0.25]}
    found = compare(models, None, [0, 1], cost={"fp": 1, "fn": 3}, threshold=0.5)
    assert [one.cost for one in found.scores] == [0.5, 1.5]
