"""TunedThreshold: any classifier, a threshold from rows that it was not fitted to."""

import os
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import balanced_accuracy_score, f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from oddsmith import (
    DataError,
    LogisticRegression,
    OddsmithWarning,
    ParameterError,
    TableEncoder,
    TunedThreshold,
    threshold_curve,
)


def rows(n=300, seed=0, share=0.25):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    y = (X @ [1.0, -0.5, 0.2] + rng.logistic(size=n) > -np.log(share / (1 - share))).astype(int)
    return X, 1 - y


# ------------------------------------------------------------------ scikit-learn's own checks


def expected(estimator):
    """scikit-learn expects the same of its own TunedThresholdClassifierCV."""
    return {"check_classifiers_train": "predict is not the most probable class: that is its use"}


@parametrize_with_checks(
    [
        TunedThreshold(LogisticRegression()),
        TunedThreshold(LinearSVC(random_state=0)),
        TunedThreshold(LogisticRegression(), cost={"fp": 1, "fn": 2}, random_state=0),
    ],
    expected_failed_checks=expected,
)
# The checks have tiny data, in which at times no row is called positive.
@pytest.mark.filterwarnings("ignore:the best by:oddsmith.OddsmithWarning")
@pytest.mark.filterwarnings("ignore:all scores are:oddsmith.OddsmithWarning")
def test_estimator_checks(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


def test_tags_are_those_of_the_classifier():
    tags = sklearn.utils.get_tags(TunedThreshold(LogisticRegression()))
    assert is_classifier(TunedThreshold(GaussianNB()))
    assert tags.input_tags.sparse
    assert not tags.classifier_tags.multi_class
    assert not sklearn.utils.get_tags(TunedThreshold(GaussianNB())).input_tags.sparse
    matrix = TunedThreshold(GaussianNB(), cost=np.zeros((3, 3)))
    assert sklearn.utils.get_tags(matrix).classifier_tags.multi_class


# ------------------------------------------------------------------------------ the choice


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), GaussianNB(), RidgeClassifier(), LinearSVC(random_state=0)]
)
@pytest.mark.parametrize("arguments", [{}, {"objective": "f1"}, {"cost": {"fp": 1, "fn": 5}}])
def test_the_threshold_is_the_best_of_cross_fitted_scores(estimator, arguments):
    X, y = rows()
    model = TunedThreshold(estimator, **arguments).fit(X, y)
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"
    score = cross_val_predict(estimator, X, y, cv=5, method=method)
    score = score[:, 1] if score.ndim == 2 else score
    asked = arguments or {"objective": "balanced_accuracy"}
    curve = threshold_curve(y, score)
    assert model.choice_ == curve.best(**asked)
    assert model.threshold_ == model.choice_.threshold
    # Each fold's own, and its value at what the others choose.
    for k, (_, test) in enumerate(StratifiedKFold(5).split(X, y)):
        assert model.thresholds_[k] == threshold_curve(y[test], score[test]).best(**asked).threshold
        others = np.setdiff1d(np.arange(y.size), test)
        at = threshold_curve(y[others], score[others]).best(**asked).threshold
        value = threshold_curve(y[test], score[test]).at(at, **asked).value
        assert model.fold_values_[k] == pytest.approx(value)
    # All rows are fitted in the end.
    own = clone(estimator).fit(X, y)
    found = getattr(own, method)(X)
    found = found[:, 1] if found.ndim == 2 else found
    assert np.array_equal(model.predict(X), (found >= model.threshold_).astype(int))
    assert np.array_equal(getattr(model, method)(X), getattr(own, method)(X))


def test_it_does_better_by_its_objective_than_one_half():
    X, y = rows(2000, 1, share=0.1)
    X_new, y_new = rows(20_000, 2, share=0.1)
    plain = LogisticRegression().fit(X, y).predict(X_new)
    tuned = TunedThreshold(LogisticRegression(), "balanced_accuracy").fit(X, y)
    better = balanced_accuracy_score(y_new, tuned.predict(X_new))
    assert better > balanced_accuracy_score(y_new, plain) + 0.05
    f1 = TunedThreshold(LogisticRegression(), "f1").fit(X, y)
    assert f1_score(y_new, f1.predict(X_new)) > f1_score(y_new, plain)


@pytest.mark.filterwarnings("ignore:the best by:oddsmith.OddsmithWarning")
def test_values_of_folds_are_not_flattered():
    """Scores that know nothing: on the rows that it was chosen on, a threshold looks worthwhile."""
    rng = np.random.default_rng(0)
    looks, folds = [], []
    for _ in range(40):
        X, y = rng.normal(size=(60, 1)), np.tile([0, 1], 30)
        model = TunedThreshold(GaussianNB()).fit(X, y)
        looks.append(model.choice_.value)
        folds.append(np.nanmean(model.fold_values_))
    assert np.mean(looks) > 0.53
    assert abs(np.mean(folds) - 0.5) < 0.03


def test_constraints():
    X, y = rows(600)
    model = TunedThreshold(LogisticRegression(), "recall", subject_to={"precision": 0.5}).fit(X, y)
    assert model.choice_.precision >= 0.5
    assert model.choice_.objective == "recall, precision at least 0.5"
    with pytest.raises(DataError, match=r"no threshold has precision of at least 1.5"):
        TunedThreshold(LogisticRegression(), "recall", subject_to={"precision": 1.5}).fit(X, y)


def test_the_other_class_may_be_the_positive_one():
    X, y = rows()
    labels = np.array(["no", "yes"])[y]
    for estimator in (LogisticRegression(), RidgeClassifier()):
        model = TunedThreshold(estimator, "recall", subject_to={"precision": 0.9}, positive="no")
        model.fit(X, labels)
        assert (model.positive_, model.classes_.tolist()) == ("no", ["no", "yes"])
        assert model.choice_.precision >= 0.9
        if hasattr(estimator, "predict_proba"):
            called = model.predict_proba(X)[:, 0] >= model.threshold_
        else:
            called = -model.decision_function(X) >= model.threshold_
        assert np.array_equal(model.predict(X) == "no", called)
    with pytest.raises(ParameterError, match="positive='maybe' is no label of y"):
        TunedThreshold(LogisticRegression(), positive="maybe").fit(X, labels)


def test_no_row_positive_is_told():
    X = np.random.default_rng(0).normal(size=(300, 2))
    y = (np.arange(300) % 20 == 0).astype(int)
    with pytest.warns(OddsmithWarning, match="is to call no row '1', which predict will do"):
        model = TunedThreshold(LogisticRegression(), cost={"fp": 100, "fn": 1}).fit(X, y)
    assert model.threshold_ == np.inf
    assert not model.predict(X).any()
    assert model.choice_.value == y.sum()


# --------------------------------------------------------------------------------- costs


def test_costs_of_each_row():
    X, y = rows(500)
    amount = np.random.default_rng(3).exponential(10, 500)
    model = TunedThreshold(LogisticRegression()).fit(X, y, costs={"fp": 2.0, "fn": amount})
    score = cross_val_predict(LogisticRegression(), X, y, cv=5, method="predict_proba")[:, 1]
    cost = {"fp": 2.0, "fn": amount}
    assert model.choice_ == threshold_curve(y, score).best(cost=cost)
    totals = [
        (2.0 * ((score >= t) & (y == 0)) + amount * ((score < t) & (y == 1))).sum()
        for t in np.unique(score)
    ]
    assert model.choice_.value == pytest.approx(min(totals))
    for (_, test), value, at in zip(
        StratifiedKFold(5).split(X, y), model.fold_values_, _of_others(y, score, cost), strict=True
    ):
        called, s = score[test] >= at, y[test]
        assert value == pytest.approx(
            2.0 * (called & (s == 0)).sum() + amount[test][~called & (s == 1)].sum()
        )
    frame = pd.DataFrame({"fp": np.full(500, 2.0), "fn": amount})
    assert TunedThreshold(LogisticRegression()).fit(X, y, costs=frame).threshold_ == (
        model.threshold_
    )
    # They go before those of all rows, which hold where there are none of theirs.
    both = TunedThreshold(LogisticRegression(), cost={"fp": 2.0, "fn": 99.0})
    assert both.fit(X, y, costs={"fn": amount}).threshold_ == model.threshold_
    for costs, message in [
        ({"fn": amount[:10]}, r"cost\['fn'\] is an array of shape \(10,\)"),
        (5, "costs is a int"),
    ]:
        with pytest.raises(ParameterError, match=message):
            TunedThreshold(LogisticRegression()).fit(X, y, costs=costs)
    with pytest.raises(ParameterError, match="either a measure"):
        TunedThreshold(LogisticRegression(), "f1").fit(X, y, costs={"fn": amount})


def _of_others(y, score, cost):
    for _, test in StratifiedKFold(5).split(score[:, None], y):
        others = np.setdiff1d(np.arange(y.size), test)
        own = {name: c[others] if np.ndim(c) else c for name, c in cost.items()}
        yield threshold_curve(y[others], score[others]).best(cost=own).threshold


def test_costs_of_each_row_in_a_search_travel_as_a_frame():
    X, y = rows(200)
    costs = pd.DataFrame({"fp": np.ones(200), "fn": np.linspace(1, 9, 200)})
    search = GridSearchCV(TunedThreshold(LogisticRegression()), {"estimator__C": [0.1, 1.0]})
    search.fit(X, y, costs=costs)
    assert "by row" in search.best_estimator_.choice_.objective


def test_a_matrix_of_two_classes_is_a_dict():
    X, y = rows()
    matrix = [[-1.0, 2.0], [7.0, -3.0]]
    one = TunedThreshold(LogisticRegression(), cost=matrix).fit(X, y)
    same = {"tn": -1.0, "fp": 2.0, "fn": 7.0, "tp": -3.0}
    other = TunedThreshold(LogisticRegression(), cost=same).fit(X, y)
    assert one.threshold_ == other.threshold_
    assert one.choice_.value == other.choice_.value
    flipped = {"tp": -1.0, "fn": 2.0, "fp": 7.0, "tn": -3.0}
    one = TunedThreshold(LogisticRegression(), cost=matrix, positive=0).fit(X, y)
    other = TunedThreshold(LogisticRegression(), cost=flipped, positive=0).fit(X, y)
    assert one.threshold_ == other.threshold_


@pytest.mark.parametrize("estimator", [LogisticRegression(), RandomForestClassifier(20)])
def test_more_classes_by_the_least_expected_cost(estimator):
    X, y = load_iris(return_X_y=True)
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    if hasattr(estimator, "random_state"):
        estimator.set_params(random_state=0)
    cost = np.array([[0.0, 1, 1], [1, 0, 1], [1, 20, 0]])
    model = TunedThreshold(estimator, cost=cost).fit(X, labels)
    share = clone(estimator).fit(X, labels).predict_proba(X)
    expected_cost = share[:, :, None] * cost[None]
    best = model.classes_[expected_cost.sum(axis=1).argmin(axis=1)]
    assert np.array_equal(model.predict(X), best)
    assert not hasattr(model, "threshold_")
    # Of equal costs the most probable class is the least expected cost.
    plain = TunedThreshold(estimator, cost=1 - np.eye(3)).fit(X, labels)
    assert np.array_equal(plain.predict(X), clone(estimator).fit(X, labels).predict(X))
    # A later fit to two classes has a threshold, and the other way round.
    model.set_params(cost=None).fit(X[y > 0], labels[y > 0])
    assert model.threshold_ < np.inf
    model.set_params(cost=cost).fit(X, labels)
    assert not hasattr(model, "thresholds_")


def test_more_classes_without_a_matrix():
    X, y = load_iris(return_X_y=True)
    matrix = 1 - np.eye(3)
    for arguments, fit, message in [
        ({}, {}, "Only binary classification is supported. There are 3 classes"),
        ({"cost": {"fp": 1}}, {}, "Only binary classification is supported"),
        ({"cost": matrix[:2]}, {}, r"(?s)for 3 classes; give an array of shape \(3, 3\)"),
        (
            {"cost": matrix * np.nan},
            {},
            r"cost of shape \(3, 3\), not all finite, cannot be used for 3 classes",
        ),
        ({"cost": "dear"}, {}, "cost 'dear' cannot be used for 3 classes"),
        ({"cost": matrix, "objective": "f1"}, {}, "objective is for two classes"),
        ({"cost": matrix, "subject_to": {"recall": 1}}, {}, "subject_to is for two classes"),
        ({"cost": matrix, "positive": 1}, {}, "positive is for two classes"),
        ({"cost": matrix}, {"costs": {"fp": 1}}, "costs is for two classes"),
    ]:
        with pytest.raises(ParameterError, match=message):
            TunedThreshold(LogisticRegression(), **arguments).fit(X, y, **fit)
    with pytest.raises(ParameterError, match="cost 5 cannot be used for 2 classes; give a dict"):
        TunedThreshold(LogisticRegression(), cost=5).fit(X[y > 0], y[y > 0])
    model = TunedThreshold(LinearSVC(random_state=0), cost=matrix).fit(X, y)
    with pytest.raises(ParameterError, match="has no predict_proba, which expected costs need"):
        model.predict(X)


# ------------------------------------------------------------------------- weights, metadata


def test_weights_are_for_the_fits_and_for_the_counts():
    X, y = rows(200)
    weight = np.random.default_rng(5).integers(1, 4, 200).astype(float)
    folds = list(StratifiedKFold(4).split(X, y))
    model = TunedThreshold(LogisticRegression(), "f1", cv=folds).fit(X, y, weight)
    index = np.repeat(np.arange(200), weight.astype(int))
    repeated = [tuple(np.flatnonzero(np.isin(index, part)) for part in fold) for fold in folds]
    twice = TunedThreshold(LogisticRegression(), "f1", cv=repeated).fit(X[index], y[index])
    assert model.threshold_ == pytest.approx(twice.threshold_, rel=1e-6)
    assert model.choice_.tp == twice.choice_.tp
    np.testing.assert_allclose(model.estimator_.coef_, twice.estimator_.coef_, rtol=1e-5)
    np.testing.assert_allclose(model.thresholds_, twice.thresholds_, rtol=1e-5)
    np.testing.assert_allclose(model.fold_values_, twice.fold_values_)
    with pytest.raises(DataError, match=r"sample_weight is -1\.0 in row 3"):
        TunedThreshold(LogisticRegression()).fit(X, y, np.where(np.arange(200) == 3, -1.0, 1.0))


def test_a_pipeline_is_told_of_its_weights_by_name():
    X, y = rows(200)
    weight = np.linspace(0.5, 2, 200)
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    with pytest.warns(OddsmithWarning, match="Pipeline takes no sample_weight"):
        half = TunedThreshold(pipe).fit(X, y, weight)
    whole = TunedThreshold(pipe).fit(X, y, weight, logisticregression__sample_weight=weight)
    scaled = StandardScaler().fit_transform(X)
    own = LogisticRegression().fit(scaled, y, weight)
    np.testing.assert_allclose(whole.estimator_[-1].coef_, own.coef_, rtol=1e-6)
    assert not np.allclose(half.estimator_[-1].coef_, own.coef_)


def test_metadata_routing():
    X, y = rows(200)
    weight, groups = np.linspace(0.5, 2, 200), np.arange(200) // 10
    direct = TunedThreshold(LogisticRegression(), cv=GroupKFold(4)).fit(X, y, weight, groups=groups)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = LogisticRegression().set_fit_request(sample_weight=True)
        routed = TunedThreshold(inner, cv=GroupKFold(4)).fit(X, y, weight, groups=groups)
        assert routed.threshold_ == direct.threshold_
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), clone(inner))
        inside = TunedThreshold(pipe, cv=GroupKFold(4)).fit(X, y, weight, groups=groups)
        assert inside.estimator_[-1].coef_.shape == (1, 3)
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError):
            TunedThreshold(LogisticRegression()).fit(X, y, weight)
        request = TunedThreshold(inner).set_fit_request(sample_weight=True, costs=True)
        request = request.set_score_request(sample_weight=False)
        search = GridSearchCV(request, {"estimator__C": [0.1, 1.0]})
        search.fit(X, y, sample_weight=weight, costs=pd.DataFrame({"fp": weight, "fn": weight}))
        assert "by row" in search.best_estimator_.choice_.objective


# ------------------------------------------------------------------------------------ folds


def test_folds_of_any_kind():
    X, y = rows(150)
    model = TunedThreshold(LogisticRegression())
    by_number = clone(model).set_params(cv=3).fit(X, y)
    for cv in (StratifiedKFold(3), list(StratifiedKFold(3).split(X, y))):
        assert clone(model).set_params(cv=cv).fit(X, y).threshold_ == by_number.threshold_
    masks = [
        tuple(np.isin(np.arange(150), part) for part in fold)
        for fold in StratifiedKFold(3).split(X, y)
    ]
    assert clone(model).set_params(cv=masks).fit(X, y).threshold_ == by_number.threshold_
    default = clone(model).set_params(cv=None).fit(X, y)
    assert default.threshold_ == clone(model).fit(X, y).threshold_
    assert default.thresholds_.shape == (5,)
    one = clone(model).set_params(cv=ShuffleSplit(1, random_state=0)).fit(X, y)
    assert one.thresholds_.tolist() == [one.threshold_]
    assert np.isnan(one.fold_values_).all()
    shuffled = [clone(model).set_params(random_state=seed).fit(X, y) for seed in (0, 0, 1)]
    assert shuffled[0].threshold_ == shuffled[1].threshold_ != shuffled[2].threshold_
    both = clone(model).set_params(n_jobs=2).fit(X, y)
    assert both.choice_ == clone(model).fit(X, y).choice_


def test_folds_without_a_class_to_score_are_pooled():
    X, y = rows(60)
    model = TunedThreshold(LogisticRegression(), "accuracy", cv=LeaveOneOut()).fit(X, y)
    assert np.isnan(model.thresholds_).all()
    assert set(model.fold_values_) <= {0.0, 1.0}
    assert model.choice_.tp + model.choice_.fn == y.sum()
    y[:] = 0
    y[[5, 40]] = 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the best by", OddsmithWarning)
        few = TunedThreshold(LogisticRegression(), "recall").fit(X, y)
    assert few.choice_.tp + few.choice_.fn == 2
    assert np.isnan(few.thresholds_).sum() == 3


def test_folds_that_cannot_be():
    X, y = rows(60)
    y = np.sort(y)
    for cv, message in [
        ([], "gives no folds"),
        ([(np.arange(60), np.arange(0))], r"fold 0 \(from 0\) has no row to score"),
        ([(np.flatnonzero(y == 0), np.arange(60))], "fold 0 .* has no row of class 1 to fit"),
        (KFold(2), "fold 0 .* has no row of class 0 to fit"),
    ]:
        with pytest.raises((DataError, ParameterError), match=message):
            TunedThreshold(LogisticRegression(), cv=cv).fit(X, y)


# ------------------------------------------------------------------------------- where it works


def test_a_step_of_a_search_and_of_a_pipeline():
    X, y = rows(200)
    model = TunedThreshold(make_pipeline(StandardScaler(), LogisticRegression()), "f1")
    grid = {
        "estimator__logisticregression__C": [0.01, 1.0],
        "objective": ["f1", "f2"],
    }
    search = GridSearchCV(model, grid, scoring=make_scorer(f1_score)).fit(X, y)
    assert set(search.best_params_) == set(grid)
    outer = make_pipeline(StandardScaler(), TunedThreshold(LogisticRegression(), "f1"))
    assert cross_val_score(outer, X, y).shape == (5,)
    assert TunedThreshold(CalibratedClassifierCV(GaussianNB())).fit(X, y).threshold_ > 0
    nested = TunedThreshold(GridSearchCV(Theirs(), {"C": [0.1, 1.0]}, refit=True)).fit(X, y)
    assert nested.estimator_.best_params_


def test_a_classifier_that_is_fitted_already():
    X, y = rows(300)
    fitted = LogisticRegression().fit(X[:200], y[:200])
    model = TunedThreshold(FrozenEstimator(fitted), "f1").fit(X[200:], y[200:])
    score = fitted.predict_proba(X[200:])[:, 1]
    assert model.choice_ == threshold_curve(y[200:], score).best("f1")


def test_a_score_that_is_the_threshold_is_positive():
    """Few different rows have few scores, which are met again in every fold and at predict."""
    X, y = rows(300)
    X = np.clip(X[:, :1].round(), -1, 1)
    fitted = LogisticRegression().fit(X, y)
    model = TunedThreshold(FrozenEstimator(fitted), "accuracy").fit(X, y)
    score = fitted.predict_proba(X)[:, 1]
    assert (score == model.threshold_).any()
    assert np.array_equal(model.predict(X) == 1, score >= model.threshold_)
    for (_, test), value in zip(StratifiedKFold(5).split(X, y), model.fold_values_, strict=True):
        others = np.setdiff1d(np.arange(300), test)
        at = threshold_curve(y[others], score[others]).best("accuracy").threshold
        assert (score[test] == at).any()
        assert value == np.mean((score[test] >= at) == y[test])


def test_sparse_rows_and_lists():
    X, y = rows(100)
    dense = TunedThreshold(LogisticRegression()).fit(X, y)
    for kind in (sp.csr_array, sp.csc_matrix, sp.coo_array, sp.dok_array):
        assert TunedThreshold(LogisticRegression()).fit(kind(X), y).threshold_ == pytest.approx(
            dense.threshold_
        )
    assert TunedThreshold(LogisticRegression()).fit(X.tolist(), y.tolist()).threshold_ == (
        dense.threshold_
    )


def table(n=200):
    X, y = rows(n)
    ward = np.array(["north", "south", "east"])[np.arange(n) % 3]
    data = {"age": X[:, 0], "dose": X[:, 1], "ward": ward}
    return data, np.array(["no", "yes"], dtype=object)[y]


MAKERS = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": lambda data: pa.table({k: pa.array(list(v)) for k, v in data.items()}),
    "dict": dict,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_tables_go_to_the_classifier_as_they_are(kind):
    data, ill = table()
    reference = TunedThreshold(LogisticRegression()).fit(pd.DataFrame(data), ill)
    X = MAKERS[kind](data)
    model = TunedThreshold(LogisticRegression()).fit(X, ill)
    assert model.threshold_ == reference.threshold_
    assert model.feature_names_in_.tolist() == ["age", "dose", "ward"]
    assert np.array_equal(model.predict(X), reference.predict(pd.DataFrame(data)))


@pytest.mark.parametrize("kind", MAKERS)
def test_the_outcome_among_the_columns_is_left_out_in_each_fold(kind):
    """It would tell the answer; without a name only all rows can show that it is the outcome."""
    data, ill = table()
    reference = TunedThreshold(LogisticRegression()).fit(MAKERS["pandas"](data), ill)
    X = MAKERS[kind](data | {"ill": ill})
    model = TunedThreshold(LogisticRegression()).fit(X, X["ill"])
    assert model.feature_names_in_.tolist() == ["age", "dose", "ward"]
    assert model.choice_ == reference.choice_
    assert np.array_equal(model.predict(X), reference.predict(MAKERS["pandas"](data)))
    assert model.score(X, X["ill"]) == pytest.approx((model.predict(X) == ill).mean())


def test_text_and_holes_of_an_encoder():
    data, ill = table()
    data["dose"] = np.where(np.arange(200) % 10 == 0, np.nan, data["dose"])
    encoder = TableEncoder(missing="indicator")
    frame = pd.DataFrame(data)
    model = TunedThreshold(LogisticRegression(encoder=encoder), "f1").fit(frame, ill)
    assert 0 < model.threshold_ < 1
    assert model.predict(frame).dtype == object


def test_what_has_no_rows():
    with pytest.raises(DataError, match="X has no rows"):
        TunedThreshold(LogisticRegression()).fit(np.empty((0, 2)), [])
    with pytest.raises(DataError, match="y has 3 labels, and X has 4 rows"):
        TunedThreshold(LogisticRegression()).fit(np.zeros((4, 2)), [0, 1, 1])
    with pytest.raises(DataError, match="one class only"):
        TunedThreshold(LogisticRegression()).fit(np.zeros((4, 2)), [1, 1, 1, 1])
    with pytest.raises(NotFittedError):
        TunedThreshold(LogisticRegression()).predict(np.zeros((4, 2)))


class Odd(GaussianNB):
    """Scores that are no numbers, after the fit to all rows."""

    def predict_proba(self, X):
        return super().predict_proba(X) * np.where(np.asarray(X)[:, :1] > 100, np.nan, 1.0)


def test_scores_that_are_nan():
    X, y = rows(100)
    model = TunedThreshold(Odd()).fit(X, y)
    X[7, 0] = 101.0
    with pytest.raises(DataError, match="the score of row 7"):
        model.predict(X)
    with pytest.raises(DataError, match="score is nan"):
        TunedThreshold(Odd()).fit(X, y)


def test_scores_are_asked_for_by_name():
    X, y = rows(100)
    margin = TunedThreshold(LogisticRegression(), response_method="decision_function").fit(X, y)
    share = TunedThreshold(LogisticRegression()).fit(X, y)
    assert margin.threshold_ == pytest.approx(np.log(share.threshold_ / (1 - share.threshold_)))
    for method, estimator in (("predict_proba", RidgeClassifier()), ("predict", Theirs())):
        with pytest.raises(ParameterError, match=f"has no {method} to score rows by"):
            TunedThreshold(estimator, response_method=method).fit(X, y)
    model = TunedThreshold(RidgeClassifier()).fit(X, y)
    assert not hasattr(model, "predict_proba")
    assert hasattr(model, "decision_function")


def test_it_travels_and_shows_itself():
    X, y = rows(100)
    model = TunedThreshold(LogisticRegression(C=2.0), cost={"fp": 1, "fn": 3}).fit(X, y)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert np.array_equal(again.predict(X), model.predict(X))
    assert again.choice_ == model.choice_
    # No row, no label and no score of the fit is kept.
    assert len(pickle.dumps(model)) < 6000
    assert "TunedThreshold" in model._repr_html_()
    copy = clone(model)
    assert not hasattr(copy, "threshold_")
    assert copy.get_params()["estimator__C"] == 2.0
    assert os.linesep not in repr(TunedThreshold(GaussianNB()))
