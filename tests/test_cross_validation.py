"""LogisticRegressionCV: each fold's fit, its score and the choice, against those made by hand."""

import io
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegressionCV as ScikitLearn
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from oddsmith import (
    ConvergenceWarning,
    DataError,
    LogisticRegression,
    LogisticRegressionCV,
    ParameterError,
)
from oddsmith.estimators.held_out import choose_penalty
from oddsmith.estimators.labels import encode_labels
from oddsmith.estimators.parameters import penalty_grid
from oddsmith.views.progress import counted_progress

CS = np.array([1e-3, 0.1, 10.0])


def drawn(seed=0, n=150, p=4, K=2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, (X @ rng.normal(size=(p, K)) + rng.gumbel(size=(n, K))).argmax(axis=1)


@parametrize_with_checks([LogisticRegressionCV(Cs=3, cv=2), LogisticRegressionCV(rule="1se", cv=3)])
@pytest.mark.filterwarnings("ignore::oddsmith.SeparationWarning")
@pytest.mark.filterwarnings("ignore::oddsmith.ConvergenceWarning")
def test_estimator_checks(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray, sp.csr_array])
def test_every_fold_is_the_fit_of_its_rows(K, weighted, intercept, layout):
    X, y = drawn(K=K)
    weight = np.random.default_rng(1).integers(0, 4, len(y)).astype(float) if weighted else None
    model = LogisticRegressionCV(Cs=CS, cv=3, fit_intercept=intercept)
    model.fit(layout(X), y, sample_weight=weight)
    for f, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        own, theirs = (None, None) if weight is None else (weight[train], weight[test])
        for c, C in enumerate(CS):
            fit = LogisticRegression(C, fit_intercept=intercept).fit(X[train], y[train], own)
            loss = log_loss(y[test], fit.predict_proba(X[test]), sample_weight=theirs)
            coef = model.coefs_paths_[f, 0, c]
            np.testing.assert_allclose(coef[:, : X.shape[1]], fit.coef_, rtol=0, atol=2e-6)
            if intercept:
                np.testing.assert_allclose(coef[:, -1], fit.intercept_, rtol=0, atol=2e-6)
            assert model.losses_[f, 0, c] == pytest.approx(loss, rel=1e-6)
            assert model.scores_[f, 0, c] == -model.losses_[f, 0, c]
            assert model.gaps_[f, 0, c] <= 1e-12
    whole = LogisticRegression(model.C_, fit_intercept=intercept).fit(X, y, weight)
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(model.classes_, whole.classes_)


@pytest.mark.parametrize("K", [2, 3])
def test_the_choice_is_that_of_scikit_learn(K):
    X, y = drawn(K=K)
    ours = LogisticRegressionCV(Cs=CS, class_weight="balanced").fit(X, y)
    theirs = ScikitLearn(
        Cs=CS,
        class_weight="balanced",
        scoring="neg_log_loss",
        l1_ratios=(0.0,),
        tol=1e-10,
        max_iter=10_000,
        use_legacy_attributes=False,
    ).fit(X, y)
    assert ours.C_ == theirs.C_
    assert ours.scores_.shape == theirs.scores_.shape
    assert ours.coefs_paths_.shape == theirs.coefs_paths_.shape
    np.testing.assert_allclose(ours.coefs_paths_, theirs.coefs_paths_, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours.scores_, theirs.scores_, rtol=1e-5)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=1e-5)


def test_any_scorer_decides():
    X, y = drawn()
    weight = np.linspace(0.1, 1, len(y))
    model = LogisticRegressionCV(Cs=CS, cv=3, scoring="accuracy").fit(X, y, sample_weight=weight)
    for f, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        fit = LogisticRegression(CS[0]).fit(X[train], y[train], weight[train])
        assert model.scores_[f, 0, 0] == pytest.approx(fit.score(X[test], y[test], weight[test]))


def test_a_scorer_that_knows_no_weights_is_named():
    X, y = drawn()
    model = LogisticRegressionCV(Cs=CS, cv=3, scoring=lambda model, X, y: model.score(X, y))
    assert model.fit(X, y).scores_.max() > 0.5
    with pytest.raises(ParameterError, match="could not score weighted rows"):
        model.fit(X, y, sample_weight=np.ones(len(y)))


def test_labels_and_names_are_kept():
    X, y = drawn()
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = LogisticRegressionCV(Cs=CS).fit(frame, np.array(["no", "yes"])[y])
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.feature_names_in_.tolist() == list("abcd")
    assert set(model.predict(frame)) == {"no", "yes"}


def test_offsets_are_those_of_the_rows():
    X, y = drawn()
    offset = np.linspace(-2, 2, len(y))
    model = LogisticRegressionCV(Cs=CS, cv=3).fit(X, y, offset=offset)
    train, test = next(StratifiedKFold(3).split(X, y))
    fit = LogisticRegression(CS[1]).fit(X[train], y[train], offset=offset[train])
    loss = log_loss(y[test], fit.predict_proba(X[test], offset[test]))
    assert model.losses_[0, 0, 1] == pytest.approx(loss, rel=1e-6)
    with pytest.raises(ParameterError, match="knows no offset"):
        LogisticRegressionCV(Cs=CS, scoring="accuracy").fit(X, y, offset=offset)


def test_splitters_groups_and_lists_of_folds():
    X, y = drawn()
    groups = np.arange(len(y)) // 10
    for cv in (KFold(3), GroupKFold(3), ShuffleSplit(3, random_state=0)):
        given = groups if isinstance(cv, GroupKFold) else None
        model = LogisticRegressionCV(Cs=CS, cv=cv).fit(X, y, groups=given)
        listed = LogisticRegressionCV(Cs=CS, cv=list(cv.split(X, y, given))).fit(X, y)
        np.testing.assert_array_equal(model.scores_, listed.scores_)
    assert model.scores_.shape == (3, 1, 3)


def test_without_a_last_fit_coefficients_are_the_mean_of_the_folds():
    X, y = drawn()
    model = LogisticRegressionCV(Cs=CS, refit=False).fit(X, y)
    chosen = model.coefs_paths_[:, 0, model.Cs_ == model.C_][:, 0].mean(axis=0)
    np.testing.assert_allclose(model.coef_, chosen[:, :-1])
    np.testing.assert_allclose(model.intercept_, chosen[:, -1])
    assert not hasattr(model, "optimality_gap_")
    bare = LogisticRegressionCV(Cs=CS, refit=False, fit_intercept=False).fit(X, y)
    assert bare.intercept_ == 0


# ------------------------------------------------------------------------------- the choice


def test_the_best_is_the_strongest_of_equals():
    assert choose_penalty(np.ones((2, 1, 3)), np.ones(2), "best") == (0, 0)
    scores = np.zeros((2, 2, 3))
    scores[:, 1, 1] = 1.0
    assert choose_penalty(scores, np.ones(2), "best") == (1, 1)
    scores[0, 0, 2] = np.nan
    assert choose_penalty(scores, np.ones(2), "best") == (1, 1)


def test_one_standard_error_is_that_of_the_mean():
    """Three folds with scores 0, 1, 2 at the best: sd 1, standard error 1 / sqrt(3)."""
    best = np.array([0.0, 1.0, 2.0])
    for below, chosen in [(0.55, 0), (0.6, 1)]:
        scores = np.stack([best - below, best], axis=1)[:, None]
        assert choose_penalty(scores, np.ones(3), "1se") == (0, chosen)
    single = np.array([[[1.0, 2.0]]])
    assert choose_penalty(single, np.ones(1), "1se") == (0, 1)


def test_folds_count_by_the_weight_of_their_rows():
    scores = np.array([[[1.0, 0.0]], [[0.0, 2.0]]])
    assert choose_penalty(scores, np.array([1.0, 1.0]), "best") == (0, 1)
    assert choose_penalty(scores, np.array([9.0, 1.0]), "best") == (0, 0)
    X, y = drawn()
    weight = np.where(np.arange(len(y)) < 10, 1e-9, 1.0)
    folds = [(np.arange(10, 150), np.arange(10)), (np.arange(75), np.arange(75, 150))]
    model = LogisticRegressionCV(Cs=CS, cv=folds).fit(X, y, sample_weight=weight)
    assert CS[model.losses_[1, 0].argmin()] == model.C_


# ---------------------------------------------------------------------------- the penalties


def test_penalties_follow_the_scale_of_the_data():
    X, y = drawn()
    one = LogisticRegressionCV(Cs=5).fit(X, y)
    other = LogisticRegressionCV(Cs=5).fit(X * 1e3, y)
    np.testing.assert_allclose(one.Cs_ / 1e6, other.Cs_, rtol=1e-9)
    np.testing.assert_allclose(one.losses_, other.losses_, rtol=1e-6)
    assert np.abs(one.coefs_paths_[:, :, 0, :, :-1]).max() < 0.2
    assert one.Cs_.size == 5
    sparse = LogisticRegressionCV(Cs=5).fit(sp.csr_array(X), y, sample_weight=np.full(len(y), 2.0))
    np.testing.assert_allclose(sparse.Cs_, one.Cs_ / 2, rtol=1e-9)


def test_columns_of_zeros_have_a_penalty_all_the_same():
    X, y = np.zeros((20, 2)), np.arange(20) % 2
    model = LogisticRegressionCV(Cs=3).fit(X, y)
    assert not model.coef_.any()
    assert np.isfinite(model.Cs_).all()


# ------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "worst"}, "rule='worst' is not known"),
        ({"Cs": 0}, "Cs=0: give at least one"),
        ({"scoring": "guess"}, "scoring='guess' is no scorer"),
        ({"Cs": []}, "give a list of at least one number"),
        ({"Cs": ["a"]}, "not made of numbers"),
        ({"Cs": [1.0, -1.0]}, "C=-1.0 is not a positive number"),
        ({"l1_ratios": [2.0]}, "l1_ratio=2.0 is not a number between 0 and 1"),
        ({"l1_ratios": 0.5}, "l1_ratios=0.5: give a list"),
        ({"tol": None}, "tol=None is not a finite number"),
        ({"cv": []}, "cv=.* gives no folds"),
        ({"cv": [([0, 1], [2.0])]}, r"fold 0 \(from 0\) of cv does not say which of the"),
        ({"cv": [([0, 1], [9999])]}, r"fold 0 \(from 0\) of cv does not say which of the"),
        ({"cv": [([[0, 1]], [2])]}, r"fold 0 \(from 0\) of cv does not say which of the"),
    ],
)
def test_parameters_that_cannot_be_used_are_named(options, message):
    X, y = drawn()
    with pytest.raises(ParameterError, match=message):
        LogisticRegressionCV(**options).fit(X, y)


def test_folds_are_the_same_as_numbers_masks_and_lists():
    X, y = drawn()
    tests = [np.arange(len(y)) < 30, np.arange(len(y)) >= 70]
    masks = [(~test, test) for test in tests]
    numbers = [(np.flatnonzero(~test), np.flatnonzero(test)) for test in tests]
    lists = [(train.tolist(), test.tolist()) for train, test in numbers]
    chosen = [
        LogisticRegressionCV(Cs=CS, cv=cv, rule="1se").fit(X, y, sample_weight=None)
        for cv in (numbers, masks, lists)
    ]
    for other in chosen[1:]:
        np.testing.assert_array_equal(other.scores_, chosen[0].scores_)
        assert other.C_ == chosen[0].C_


def test_scores_that_are_nan_choose_nothing():
    scores = np.ones((2, 1, 3))
    scores[1, 0, 2] = np.nan
    assert choose_penalty(scores, np.ones(2), "1se") == (0, 0)
    with pytest.raises(DataError, match="scores of every penalty are NaN"):
        choose_penalty(np.full((2, 1, 3), np.nan), np.ones(2), "best")


def test_a_fit_without_refit_forgets_the_one_before():
    X, y = drawn()
    model = LogisticRegressionCV(Cs=CS).fit(X, y)
    assert hasattr(model.set_params(refit=True), "optimality_gap_")
    assert not hasattr(model.set_params(refit=False).fit(X, y), "optimality_gap_")


def test_default_penalties_span_all_shares_of_l1():
    X, y = drawn()
    both = penalty_grid(5, (1e-2, 1.0), X, y, None)[0]
    small, large = (penalty_grid(5, (share,), X, y, None)[0] for share in (1e-2, 1.0))
    np.testing.assert_allclose(both[[0, -1]], [small[0], large[-1]])
    tiny = penalty_grid(5, (1e-12, 1.0), X, y, None)[0]
    np.testing.assert_allclose(tiny[[0, -1]], [1e-3 * large[0], large[-1]])
    huge = penalty_grid(5, (0.0, 1.0), X * 1e300, y, None)[0]
    assert np.isfinite(1 / huge).all()


def test_a_class_that_is_too_rare_is_named():
    X, y = drawn()
    labels = np.where(np.arange(len(y)) < 3, "rare", "common")
    with pytest.raises(DataError, match=r"class 'rare' has 3 rows, .* use cv=3"):
        LogisticRegressionCV().fit(X, labels)
    LogisticRegressionCV(Cs=CS, cv=3).fit(X, labels)


def test_a_fold_that_lacks_a_class_is_named():
    X, y = drawn()
    y = np.sort(y)
    with pytest.raises(DataError, match=r"fold 0 \(from 0\) has no row of class 0 to fit"):
        LogisticRegressionCV(cv=KFold(2)).fit(X, y)
    weight = (np.arange(len(y)) < 100).astype(float)
    folds = [(np.arange(120), np.arange(20)), (np.arange(100), np.arange(100, 150))]
    with pytest.raises(DataError, match=r"fold 1 \(from 0\) has no row of positive weight"):
        LogisticRegressionCV(cv=folds).fit(X, np.arange(150) % 2, sample_weight=weight)


def test_a_bad_entry_is_named_by_its_own_row():
    X, y = drawn()
    X[77, 2] = np.nan
    with pytest.raises(DataError, match=r"NaN: column 2.*row 77"):
        LogisticRegressionCV().fit(X, y)


def test_fits_that_are_not_proved_are_counted():
    X, y = drawn()
    model = LogisticRegressionCV(Cs=CS, cv=3, max_iter=1, solver="lbfgs", refit=False)
    with pytest.warns(ConvergenceWarning, match=r"\d of 9 fits of the folds are not proved"):
        model.fit(X, y)
    assert model.gaps_.max() > 1e-12


# ------------------------------------------------------------------------------- progress


def test_progress_is_shown_where_asked_for(capsys):
    X, y = drawn()
    LogisticRegressionCV(Cs=CS, cv=3, refit=False, verbose=1).fit(X, y)
    assert capsys.readouterr().err.splitlines() == [f"fold {k} of 3" for k in (1, 2, 3)]
    LogisticRegressionCV(Cs=CS, cv=3, refit=False).fit(X, y)
    assert capsys.readouterr().err == ""


def test_progress_moves_in_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Terminal()
    with counted_progress(True, 2, "fold", screen) as tick:
        tick()
        tick()
    assert "fold" in screen.getvalue()
    assert "100%" in screen.getvalue()


def test_the_bits_do_not_depend_on_the_number_of_threads():
    X, y = drawn(n=3000, p=30)
    paths = [
        LogisticRegressionCV(Cs=CS, cv=3, n_jobs=n_jobs).fit(X, y).coefs_paths_
        for n_jobs in (1, 2, None)
    ]
    np.testing.assert_array_equal(paths[0], paths[1])
    np.testing.assert_array_equal(paths[0], paths[2])


def test_separated_folds_are_fitted_without_a_word():
    X = np.linspace(-1, 1, 40)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LogisticRegressionCV(Cs=[1.0, 1e6]).fit(X, X[:, 0] > 0)
    assert model.gaps_.max() <= 1e-12


# ------------------------------------------------------------------------- with an L1 part


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array])
def test_folds_with_an_l1_part_are_those_of_single_fits(K, weighted, layout):
    X, y = drawn(K=K, p=8)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y)) if weighted else None
    Cs = np.array([0.01, 0.1, 1.0])
    model = LogisticRegressionCV(
        Cs=Cs, l1_ratios=(0.0, 0.5, 1.0), cv=2, class_weight="balanced", tol=1e-11
    )
    model.fit(layout(X), y, sample_weight=weight)
    assert model.gaps_.max() <= 1e-11
    by_class = model._rows(X, encode_labels(y), weight, None).class_weight
    for f, (train, _) in enumerate(StratifiedKFold(2).split(X, y)):
        own = None if weight is None else weight[train]
        for r, ratio in enumerate(model.l1_ratios_):
            for c, C in enumerate(Cs):
                alone = LogisticRegression(C, l1_ratio=ratio, class_weight=by_class)
                alone.fit(X[train], y[train], own)
                coef = model.coefs_paths_[f, r, c]
                np.testing.assert_allclose(coef[:, :-1], alone.coef_, rtol=0, atol=3e-5)
                np.testing.assert_array_equal(coef[:, :-1] == 0, alone.coef_ == 0)


def test_the_strongest_of_the_default_penalties_leaves_nothing():
    X, y = drawn(p=8)
    model = LogisticRegressionCV(Cs=6, l1_ratios=(1.0,)).fit(X, y)
    whole = LogisticRegression(model.Cs_[0] * 0.999, l1_ratio=1.0).fit(X, y)
    assert not whole.coef_.any()
    assert LogisticRegression(model.Cs_[0] * 1.01, l1_ratio=1.0).fit(X, y).coef_.any()
    assert model.scores_.shape == (5, 1, 6)


def test_factors_and_bounds_hold_in_every_fold():
    X, y = drawn(p=4)
    limits = {"penalty_factors": [1.0, 0.0, np.inf, 2.0], "lower_bounds": 0.0}
    for ratios in ((0.0,), (1.0,)):
        model = LogisticRegressionCV(Cs=CS, l1_ratios=ratios, cv=3, **limits).fit(X, y)
        paths = model.coefs_paths_[..., :-1]
        assert (paths >= 0).all()
        assert not paths[..., 2].any()
        assert (model.coef_ >= 0).all()
