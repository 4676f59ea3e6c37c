"""A drop-in for scikit-learn: its checks, its tools, its numbers; and no copy of X."""

import copy
import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
import sklearn.linear_model
from reference import fit_recording, messages
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from oddsmith import ConvergenceWarning, LogisticRegression, ParameterError, SolverWarning
from oddsmith.solvers import LBFGS, GradientDescent, Newton, NewtonCG


def rows(seed=0, n=200, p=4, n_classes=2, noise=1.0):
    """Overlapping classes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    truth = rng.normal(size=(p, n_classes))
    return X, (X @ truth + noise * rng.gumbel(size=(n, n_classes))).argmax(axis=1)


# ------------------------------------------------------------------- scikit-learn's own checks


@parametrize_with_checks(
    [
        LogisticRegression(),
        LogisticRegression(solver="newton-cholesky"),
        LogisticRegression(solver="newton-cg"),
        LogisticRegression(solver="lbfgs"),
        LogisticRegression(solver=Newton()),
        LogisticRegression(class_weight="balanced"),
        LogisticRegression(C=0.01, warm_start=True),
    ]
)
def test_estimator_checks(estimator, check, monkeypatch):
    """No expected failures; and no warning, since warnings are errors in this run."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # else scikit-learn skips one of its checks
    check(estimator)


# The checks draw separable, constant and tiny data: without a penalty these have no finite
# maximum, and a few epochs of descent do not reach the tolerance. Saying so is right there.
@pytest.mark.filterwarnings("ignore::oddsmith.SeparationWarning")
@pytest.mark.filterwarnings("ignore::oddsmith.CollinearityWarning")
@pytest.mark.filterwarnings("ignore::oddsmith.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::oddsmith.SolverWarning")
@parametrize_with_checks(
    [
        LogisticRegression(C=np.inf),
        LogisticRegression(C=np.inf, solver="lbfgs"),
        LogisticRegression(solver=GradientDescent(learning_rate=0.01, epochs=100)),
        LogisticRegression(
            l1_ratio=0.5,
            solver=GradientDescent(0.01, 100, rule="adam", standardize=True, init="normal"),
        ),
        LogisticRegression(solver="liblinear"),
    ]
)
def test_estimator_checks_that_may_warn(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


MINIBATCHES = LogisticRegression(solver=GradientDescent(0.01, 100, batch_size=8, rule="adam"))
# A row of weight 2 is one row of a batch, and a row twice is two, in different batches.
WEIGHTS = ("check_sample_weight_equivalence", "check_sample_weights_invariance")


def _checks_of_minibatches():
    checks = estimator_checks_generator(MINIBATCHES)
    return [check for _, check in checks if not check.func.__name__.startswith(WEIGHTS)]


@pytest.mark.filterwarnings("ignore::oddsmith.ConvergenceWarning")
@pytest.mark.parametrize("check", _checks_of_minibatches(), ids=lambda check: check.func.__name__)
def test_estimator_checks_of_minibatches(check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(clone(MINIBATCHES))


def test_it_is_a_binary_and_multiclass_classifier():
    tags = sklearn.utils.get_tags(LogisticRegression())
    assert is_classifier(LogisticRegression())
    assert tags.classifier_tags.multi_class
    assert tags.input_tags.sparse
    assert tags.target_tags.required
    assert not tags.input_tags.allow_nan


# ------------------------------------------------------------------------------ parameters


def test_parameters_and_their_defaults():
    """The names and defaults of scikit-learn's LogisticRegression, but for solver and stopping."""
    ours, theirs = LogisticRegression().get_params(), _theirs().get_params()
    differing = {"solver", "tol", "max_iter"}
    unsaid = {"penalty", "dual", "intercept_scaling", "multi_class"}  # deprecated there
    assert set(theirs) - unsaid <= set(ours)
    for name in set(theirs) - unsaid - differing:
        assert ours[name] == theirs[name], name
    assert ours["solver"] == "auto"
    assert ours["tol"] == 1e-12


def _theirs(**parameters):
    return sklearn.linear_model.LogisticRegression(**parameters)


def test_only_c_is_positional():
    assert LogisticRegression(3.0).C == 3.0
    with pytest.raises(TypeError):
        LogisticRegression(3.0, 0.0)


def test_penalty_none_is_c_infinite():
    X, y = rows()
    model = LogisticRegression(penalty=None, C=0.1).fit(X, y)
    assert (model.coef_ == LogisticRegression(C=np.inf).fit(X, y).coef_).all()


def test_penalty_l2_is_the_default():
    X, y = rows()
    for parameters in ({"penalty": "l2"}, {"penalty": "elasticnet", "l1_ratio": 0.0}):
        model = LogisticRegression(C=0.1, **parameters).fit(X, y)
        assert (model.coef_ == LogisticRegression(C=0.1).fit(X, y).coef_).all()


@pytest.mark.parametrize(
    "parameters",
    [
        {"l1_ratio": 1.0, "solver": "lbfgs"},
        {"l1_ratio": 0.25, "solver": "newton-cg"},
        {"penalty": "l1", "solver": "newton-cholesky"},
        {"penalty": "elasticnet", "l1_ratio": 0.5, "solver": "lbfgs"},
        {"penalty": "l2", "l1_ratio": 0.5},
    ],
    ids=str,
)
def test_l1_is_refused_rather_than_fitted_as_something_else(parameters):
    X, y = rows()
    model = LogisticRegression(**parameters)
    with pytest.raises(ParameterError, match=r"l1") as error:
        model.fit(X, y)
    assert "penalty" in str(error.value) or "l1_ratio" in str(error.value)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize(
    "parameters",
    [
        {"l1_ratio": 1.0},
        {"penalty": "l1"},
        {"penalty": "l1", "solver": "liblinear"},
        {"penalty": "l1", "solver": "saga"},
    ],
    ids=str,
)
def test_l1_is_fitted_as_such(parameters):
    X, y = rows()
    model = quiet_fit(LogisticRegression(**parameters), X, y)
    same = LogisticRegression(l1_ratio=1.0, solver="proximal-newton").fit(X, y)
    assert model.solver_ == "proximal-newton"
    assert (model.coef_ == same.coef_).all()


def quiet_fit(model, X, y):
    """Fit without the warning that a solver of another library is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


@pytest.mark.parametrize("name", ["lbfgs", "newton-cg", "newton-cholesky"])
def test_solver_names_that_run_our_solver_of_that_name(name):
    X, y = rows()
    model = LogisticRegression(solver=name).fit(X, y)
    assert model.solver_ == name


@pytest.mark.parametrize("name", ["liblinear", "sag", "saga"])
def test_solver_names_that_run_auto_and_say_so_once(name):
    X, y = rows()
    model = LogisticRegression(solver=name)
    caught = fit_recording(model, X, y)
    [message] = messages(caught, SolverWarning)
    assert len(caught) == 1
    assert name in message
    assert "auto" in message, "it says what runs instead"
    auto = LogisticRegression().fit(X, y)
    assert model.solver_ == auto.solver_
    assert (model.coef_ == auto.coef_).all()


@pytest.mark.parametrize(
    ("solver", "name"),
    [(Newton(), "newton-cholesky"), (NewtonCG(), "newton-cg"), (LBFGS(), "lbfgs")],
    ids=["Newton", "NewtonCG", "LBFGS"],
)
def test_a_solver_object_is_the_solver_of_its_name(solver, name):
    X, y = rows()
    model = LogisticRegression(solver=solver).fit(X, y)
    by_name = LogisticRegression(solver=name).fit(X, y)
    assert model.solver_ == name
    assert (model.coef_ == by_name.coef_).all()


def test_gradient_descent_by_name_is_the_object_with_its_defaults():
    X, y = rows()
    fits = []
    for solver in ("gradient-descent", GradientDescent(learning_rate=0.1, epochs=1000)):
        model = LogisticRegression(C=0.1, solver=solver)
        fit_recording(model, X, y)
        fits.append(model)
    assert fits[0].solver_ == "gradient-descent"
    assert (fits[0].coef_ == fits[1].coef_).all()


def test_gradient_descent_is_the_textbook():
    """Three epochs by hand: coef <- coef - rate * gradient of the objective per unit of weight."""
    X, y = rows()
    model = LogisticRegression(C=2.0, solver=GradientDescent(learning_rate=0.3, epochs=3))
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    w, b = np.zeros(X.shape[1]), 0.0
    for _ in range(3):
        a = 1 / (1 + np.exp(-(X @ w + b)))
        gradient = (X.T @ (a - y) + w / 2.0) / len(y)
        w, b = w - 0.3 * gradient, b - 0.3 * (a - y).mean()
    np.testing.assert_allclose(model.coef_[0], w, rtol=1e-12)
    np.testing.assert_allclose(model.intercept_, [b], rtol=1e-12)


# ------------------------------------------------------------------------------- the numbers


CASES = {
    "plain": ({}, {}),
    "balanced": ({"class_weight": "balanced"}, {}),
    "class weights": ({"class_weight": {0: 0.5, 1: 3.0}}, {}),
    "sample weights": ({}, {"sample_weight": np.random.default_rng(1).uniform(0.2, 3, 200)}),
    "both weights": (
        {"class_weight": "balanced"},
        {"sample_weight": np.random.default_rng(2).uniform(0.2, 3, 200)},
    ),
    "no intercept": ({"fit_intercept": False}, {}),
}


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("case", CASES)
def test_coefficients_are_those_of_scikit_learn(case, n_classes, C):
    """To 1e-8, where both are at the rounding of the minimum."""
    parameters, arguments = CASES[case]
    X, y = rows(n_classes=n_classes)
    ours = LogisticRegression(C=C, **parameters).fit(X, y, **arguments)
    # newton-cholesky at tol 1e-14 warns of its line search at the floor; lbfgs goes on silently.
    theirs = _theirs(C=C, solver="lbfgs", tol=1e-14, max_iter=100_000, **parameters)
    theirs.fit(X, y, **arguments)
    polished = _theirs(C=C, solver="newton-cg", tol=1e-10, max_iter=1000, **parameters)
    polished.fit(X, y, **arguments)
    np.testing.assert_allclose(ours.coef_, polished.coef_, rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours.intercept_, polished.intercept_, rtol=0, atol=1e-8)
    # Its lbfgs ends some 1e-7 from its own Newton: the looser second opinion.
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-6)
    assert (ours.classes_ == theirs.classes_).all()
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape
    for method in ("decision_function", "predict_proba", "predict_log_proba"):
        a, b = getattr(ours, method)(X), getattr(polished, method)(X)
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-7)
    assert (ours.predict(X) == polished.predict(X)).all()
    assert ours.score(X, y) == polished.score(X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_coefficients_without_penalty_are_those_of_scikit_learn(n_classes):
    X, y = rows(n_classes=n_classes)
    ours = LogisticRegression(C=np.inf).fit(X, y)
    theirs = _theirs(C=np.inf, solver="newton-cg", tol=1e-10, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours.coef_.sum(axis=0) * (n_classes > 2), 0, atol=1e-12)
    np.testing.assert_allclose(ours.intercept_.sum() * (n_classes > 2), 0, atol=1e-12)


def test_class_weight_by_label():
    X, y = rows()
    labels = np.array(["no", "yes"])[y]
    named = LogisticRegression(class_weight={"no": 0.5, "yes": 3.0}).fit(X, labels)
    plain = LogisticRegression(class_weight={0: 0.5, 1: 3.0}).fit(X, y)
    assert (named.coef_ == plain.coef_).all()


# --------------------------------------------------------------------------------- the tools


def test_pipeline_with_pandas_output_keeps_the_names():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.set_output(transform="pandas").fit(X, y)
    model = pipeline[-1]
    assert model.feature_names_in_.tolist() == X.columns.tolist()
    assert model.n_features_in_ == 30
    assert pipeline.score(X, y) > 0.98
    assert not hasattr(LogisticRegression().fit(X.to_numpy(), y), "feature_names_in_")


def test_clone_copies_parameters_and_not_the_fit():
    X, y = rows()
    model = LogisticRegression(C=3.0, solver=GradientDescent(learning_rate=0.3, epochs=20))
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    copied = clone(model)
    assert copied.C == 3.0
    assert (copied.solver.learning_rate, copied.solver.epochs) == (0.3, 20)
    assert not hasattr(copied, "coef_")
    with pytest.raises(NotFittedError):
        copied.predict(X)


def test_a_parameter_of_the_solver_is_set_on_the_copy_only():
    original = LogisticRegression(solver=GradientDescent(learning_rate=0.3))
    copied = clone(original).set_params(solver__learning_rate=0.7, C=2.0)
    assert copied.solver.learning_rate == 0.7
    assert original.solver.learning_rate == 0.3
    assert copied.get_params()["solver__learning_rate"] == 0.7
    assert original.get_params()["solver__epochs"] == 1000
    assert "solver__learning_rate" not in LogisticRegression().get_params()


def test_grid_search_reaches_the_learning_rate():
    X, y = rows()
    search = GridSearchCV(
        LogisticRegression(C=0.1, solver=GradientDescent(epochs=20)),
        {"solver__learning_rate": [1e-4, 0.5], "C": [0.1, 1.0]},
        scoring="neg_log_loss",
        cv=3,
        error_score="raise",
    )
    with pytest.warns(ConvergenceWarning):
        search.fit(X, y)
    score = dict(
        zip(
            [(p["C"], p["solver__learning_rate"]) for p in search.cv_results_["params"]],
            search.cv_results_["mean_test_score"],
            strict=True,
        )
    )
    assert score[0.1, 0.5] > score[0.1, 1e-4], "twenty steps of 1e-4 go nowhere"
    assert search.best_params_["solver__learning_rate"] == 0.5
    assert search.best_estimator_.solver.learning_rate == 0.5
    assert search.estimator.solver.learning_rate == 0.1, "the one that was given is untouched"


def test_grid_search_over_whole_solvers():
    X, y = rows()
    search = GridSearchCV(LogisticRegression(), {"solver": ["lbfgs", Newton(), NewtonCG()]}, cv=3)
    search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert (scores == scores[0]).all(), "the same optimum, so the same accuracy"


def test_grid_search_over_c_equals_scikit_learns():
    X, y = rows()
    grid = {"C": [1e-3, 1e-1, 10.0]}
    ours = GridSearchCV(LogisticRegression(), grid, scoring="neg_log_loss").fit(X, y)
    theirs = GridSearchCV(
        _theirs(solver="newton-cholesky", tol=1e-8), grid, scoring="neg_log_loss"
    ).fit(X, y)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-7
    )
    assert ours.best_params_ == theirs.best_params_


def test_cross_val_score_and_predict():
    X, y = load_breast_cancer(return_X_y=True)
    scores = cross_val_score(LogisticRegression(), X, y, cv=5)
    assert scores.shape == (5,)
    assert scores.min() > 0.9, "raw data, no scaler, no warning"
    p = cross_val_predict(LogisticRegression(), X, y, cv=3, method="predict_proba")
    assert ((p[:, 1] > 0.5) == y).mean() > 0.9


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_classifier(method):
    X, y = rows()
    ours = CalibratedClassifierCV(LogisticRegression(), method=method, cv=3).fit(X, y)
    theirs = CalibratedClassifierCV(
        _theirs(solver="newton-cholesky", tol=1e-8), method=method, cv=3
    ).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)


def test_tuned_threshold():
    X, y = rows()
    ours = TunedThresholdClassifierCV(LogisticRegression(), scoring="f1", cv=3).fit(X, y)
    theirs = TunedThresholdClassifierCV(
        _theirs(solver="newton-cholesky", tol=1e-8), scoring="f1", cv=3
    ).fit(X, y)
    np.testing.assert_allclose(ours.best_threshold_, theirs.best_threshold_, atol=1e-6)
    assert (ours.predict(X) == theirs.predict(X)).all()


def test_feature_selection_and_one_vs_rest():
    X, y = rows(p=6, n_classes=3)
    assert SelectFromModel(LogisticRegression(), max_features=2).fit(X, y).get_support().sum() == 2
    assert RFE(LogisticRegression(), n_features_to_select=3).fit(X, y).support_.sum() == 3
    ovr = OneVsRestClassifier(LogisticRegression()).fit(X, y)
    binary = LogisticRegression().fit(X, y == 2)
    np.testing.assert_array_equal(ovr.estimators_[2].coef_, binary.coef_)


@pytest.mark.parametrize("copier", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy])  # noqa: S301
@pytest.mark.parametrize("solver", ["auto", Newton(), LBFGS()], ids=str)
def test_pickle_and_deepcopy(copier, solver):
    X, y = rows(n_classes=3)
    model = LogisticRegression(solver=solver).fit(pd.DataFrame(X, columns=list("abcd")), y)
    again = copier(model)
    frame = pd.DataFrame(X, columns=list("abcd"))
    assert (again.predict_proba(frame) == model.predict_proba(frame)).all()
    assert again.optimality_gap_ == model.optimality_gap_
    assert again.feature_names_in_.tolist() == list("abcd")
    assert (again.fit(frame, y).coef_ == model.coef_).all()
    unfitted = copier(LogisticRegression(solver=solver))
    assert repr(unfitted) == repr(LogisticRegression(solver=solver))


def test_a_pickle_holds_no_training_rows():
    """statsmodels#8947: a saved model must not leak its data, nor grow with it."""
    small, large = rows(n=200), rows(n=20_000)
    size = [len(pickle.dumps(LogisticRegression().fit(*data))) for data in (small, large)]
    assert size[1] < size[0] + 2000


def test_representations():
    model = LogisticRegression(C=2.5, solver=GradientDescent(learning_rate=0.25))
    assert "C=2.5" in repr(model)
    assert "learning_rate=0.25" in repr(model)
    html = model._repr_html_()
    assert "LogisticRegression" in html
    assert "2.5" in html
    fitted = LogisticRegression().fit(*rows())
    assert "fitted" in fitted._repr_html_().lower()
    assert repr(LogisticRegression()) == "LogisticRegression()"


# ------------------------------------------------------------------------- metadata routing


def routed():
    return (
        LogisticRegression()
        .set_fit_request(sample_weight=True, offset=True)
        .set_score_request(sample_weight=True, offset=True)
        .set_predict_request(offset=True)
        .set_predict_proba_request(offset=True)
        .set_decision_function_request(offset=True)
    )


def test_cross_validation_routes_weights_and_offset():
    X, y = rows()
    rng = np.random.default_rng(3)
    w, o = rng.uniform(0.5, 2, len(y)), rng.normal(size=len(y))
    folds = KFold(4)
    with sklearn.config_context(enable_metadata_routing=True):
        result = cross_validate(routed(), X, y, cv=folds, params={"sample_weight": w, "offset": o})
    by_hand = []
    for train, test in folds.split(X):
        model = LogisticRegression().fit(X[train], y[train], w[train], offset=o[train])
        right = model.predict(X[test], offset=o[test]) == y[test]
        by_hand.append((w[test] * right).sum() / w[test].sum())
        assert model.score(X[test], y[test], w[test], offset=o[test]) == pytest.approx(by_hand[-1])
    np.testing.assert_allclose(result["test_score"], by_hand)
    plain = cross_val_score(LogisticRegression(), X, y, cv=folds)
    assert not np.allclose(plain, by_hand), "the weights and offsets matter here"


def test_pipeline_routes_offset_to_every_method():
    X, y = rows()
    o = np.random.default_rng(4).normal(size=len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = Pipeline([("scale", StandardScaler()), ("model", routed())])
        pipeline.fit(X, y, offset=o)
        Z = pipeline[0].transform(X)
        model = LogisticRegression().fit(Z, y, offset=o)
        for method in ("predict", "predict_proba", "decision_function"):
            through = getattr(pipeline, method)(X, offset=o)
            assert (through == getattr(model, method)(Z, offset=o)).all()


def test_an_unrouted_weight_is_refused():
    X, y = rows()
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(ValueError, match="sample_weight"),
    ):
        cross_validate(LogisticRegression(), X, y, params={"sample_weight": np.ones(len(y))})


# --------------------------------------------------------------- what a fit says about itself


def test_fitted_attributes():
    X, y = rows(n_classes=3)
    model = LogisticRegression().fit(X, y)
    assert model.coef_.shape == (3, 4)
    assert model.intercept_.shape == (3,)
    assert model.coef_.dtype == model.intercept_.dtype == np.float64
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.n_iter_.shape == (1,)
    assert np.issubdtype(model.n_iter_.dtype, np.integer)
    assert isinstance(model.n_passes_, int)
    assert model.n_passes_ >= model.n_iter_[0]
    assert isinstance(model.objective_, float)
    assert isinstance(model.optimality_gap_, float)
    assert model.converged_ is True
    assert model.solver_ in ("newton-cholesky", "newton-cg", "lbfgs")


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs", GradientDescent()])
def test_history(solver):
    X, y = rows()
    held_out = rows(seed=5)
    model = LogisticRegression(C=0.1, solver=solver, tol=1e-6).fit(X, y, validation=held_out)
    history = model.history_
    names = {"iteration", "objective", "loss", "gap", "gradient_norm"}
    assert set(history) == names | {"accuracy", "validation_loss", "validation_accuracy"}
    assert {len(v) for v in history.values()} == {len(history["iteration"])}
    iteration = np.array(history["iteration"])
    assert (np.diff(iteration) > 0).all()
    assert iteration[-1] == model.n_iter_[0]
    assert history["objective"][-1] == model.objective_
    assert (np.diff(history["objective"]) <= 1e-15).all(), "downhill, at every iterate"
    assert (np.array(history["loss"]) <= np.array(history["objective"])).all()
    log_p = model.predict_log_proba(held_out[0])
    loss = -log_p[np.arange(200), held_out[1]].mean()
    np.testing.assert_allclose(history["validation_loss"][-1], loss, rtol=1e-12)
    assert history["validation_accuracy"][-1] == model.score(*held_out)
    plain = LogisticRegression(C=0.1, solver=solver, tol=1e-6).fit(X, y)
    assert set(plain.history_) == names
    assert (plain.coef_ == model.coef_).all(), "watching changes nothing"


def test_validation_of_another_shape_is_refused():
    X, y = rows()
    with pytest.raises(ValueError, match="validation"):
        LogisticRegression().fit(X, y, validation=(X[:, :2], y))
    with pytest.raises(ValueError, match="validation"):
        LogisticRegression().fit(X, y, validation=(X, np.full(len(X), 9)))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
def test_warm_start_begins_where_the_last_fit_ended(solver, n_classes):
    X, y = rows(n_classes=n_classes)
    model = LogisticRegression(warm_start=True, solver=solver).fit(X, y)
    cold_iterations = model.n_iter_[0]
    model.fit(X, y)
    assert model.n_iter_[0] < cold_iterations
    model.set_params(C=1.05).fit(X, y)
    cold = LogisticRegression(C=1.05, solver=solver).fit(X, y)
    assert model.n_iter_[0] <= cold.n_iter_[0]
    assert abs(model.objective_ - cold.objective_) <= 2e-12
    again = LogisticRegression(solver=solver).fit(X, y).fit(X, y)
    assert again.n_iter_[0] == cold_iterations, "without warm_start each fit begins anew"


def test_warm_start_on_other_columns_or_classes_begins_anew():
    X, y = rows()
    model = LogisticRegression(warm_start=True).fit(X, y)
    three = rows(n_classes=3)
    model.fit(*three)
    np.testing.assert_allclose(model.coef_, LogisticRegression().fit(*three).coef_, atol=1e-8)
    model.fit(three[0][:, :2], three[1])
    cold = LogisticRegression().fit(three[0][:, :2], three[1])
    np.testing.assert_allclose(model.coef_, cold.coef_, atol=1e-8)


def test_verbose_shows_progress_and_quiet_is_quiet(capfd):
    X, y = rows()
    quiet = LogisticRegression().fit(X, y)
    assert capfd.readouterr() == ("", "")
    loud = LogisticRegression(verbose=1).fit(X, y)
    shown = capfd.readouterr()
    assert shown.out + shown.err != ""
    assert (quiet.coef_ == loud.coef_).all()


# --------------------------------------------------------- threads, memory: many blocks of rows


def many_rows(n_classes, n=50_000, p=6):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(n, p))
    X[rng.uniform(size=X.shape) < 0.5] = 0
    y = (X @ rng.normal(size=(p, n_classes)) + rng.gumbel(size=(n, n_classes))).argmax(axis=1)
    return X, y


CONTAINERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
    "CSR": sp.csr_array,
    "CSC": sp.csc_array,
}


@pytest.mark.parametrize("solver", ["auto", "lbfgs"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", CONTAINERS)
def test_the_same_bits_for_any_number_of_threads(container, n_classes, solver):
    X, y = many_rows(n_classes)
    X = CONTAINERS[container](X)
    fits = [LogisticRegression(solver=solver, n_jobs=k).fit(X, y) for k in (1, 2, 4, None, 2)]
    for other in fits[1:]:
        assert other.coef_.tobytes() == fits[0].coef_.tobytes()
        assert other.intercept_.tobytes() == fits[0].intercept_.tobytes()
        assert other.optimality_gap_ == fits[0].optimality_gap_
        for name, values in fits[0].history_.items():
            assert np.array_equal(other.history_[name], values), name
    assert fits[0].converged_


def sparse_of(container, index):
    rng = np.random.default_rng(7)
    n, each, p = 50_000, 72, 288
    indices = (np.arange(each) * (p // each) + rng.integers(0, p // each, (n, each))).ravel()
    X = sp.csr_array((rng.normal(size=n * each), indices, np.arange(0, n * each + 1, each)))
    X = container(X)
    X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
    return X, X.data.nbytes + X.indices.nbytes + X.indptr.nbytes


def dense_of(dtype, order):
    X = np.empty((50_000, 5_000_000 * 8 // np.dtype(dtype).itemsize // 50_000), dtype, order)
    X[:] = np.random.default_rng(8).normal(size=X.shape)
    return X, X.nbytes


WIDE = {
    "float64 C": lambda: dense_of(np.float64, "C"),
    "float64 F": lambda: dense_of(np.float64, "F"),
    "float32 C": lambda: dense_of(np.float32, "C"),
    "float32 F": lambda: dense_of(np.float32, "F"),
    "CSR int32": lambda: sparse_of(sp.csr_array, np.int32),
    "CSR int64": lambda: sparse_of(sp.csr_array, np.int64),
    "CSC int32": lambda: sparse_of(sp.csc_array, np.int32),
    "CSC int64": lambda: sparse_of(sp.csc_array, np.int64),
}


@pytest.mark.parametrize("layout", WIDE)
def test_no_copy_and_no_upcast(layout):
    """The peak of what fit and predict allocate stays below 35 % of X (40 MB, 50 000 rows).

    A copy would be 100 %, float32 read as float64 200 %, int64 indices as int32 33 % of CSR.
    """
    X, size = WIDE[layout]()
    y = (np.arange(X.shape[0]) * 7919 % 1000 < 400).astype(int)
    # lbfgs needs no p x p matrix; two steps read the rows in every way a fit does. One thread:
    # each further one holds one more block, whose size does not depend on that of X.
    model = LogisticRegression(solver="lbfgs", max_iter=2, n_jobs=1)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)  # imports and compiled kernels are not the fit's
    tracemalloc.start()
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    model.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 39e6
    assert peak < 0.35 * size, f"{peak / size:.0%} of X"


def test_no_copy_of_a_memory_map(tmp_path):
    X, size = dense_of(np.float64, "C")
    mapped = np.memmap(tmp_path / "X", X.dtype, "w+", shape=X.shape)
    mapped[:] = X
    del X
    mapped = np.memmap(tmp_path / "X", mapped.dtype, "r", shape=mapped.shape)
    y = (np.arange(mapped.shape[0]) * 7919 % 1000 < 400).astype(int)
    model = LogisticRegression(n_jobs=2)
    tracemalloc.start()
    model.fit(mapped, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.converged_
    assert peak < 0.35 * size, f"{peak / size:.0%} of X"
