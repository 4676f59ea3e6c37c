"""Fits that go together: many parts of the same rows at once, and penalty after penalty."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_core_laws import objective_of, rows
from test_solvers import fitted

from oddsmith import LogisticRegression, LogisticRegressionCV
from oddsmith.core.compiled import COMPILED
from oddsmith.core.each import (
    MOST_PARTS,
    EvaluateEach,
    Patterns,
    ReachEach,
    WeighParts,
    evaluator,
    with_parts,
)
from oddsmith.core.kernels import Evaluate
from oddsmith.core.loss import Binomial
from oddsmith.estimators import folds
from oddsmith.estimators.labels import encode_labels
from oddsmith.solvers import Newton, SampledLBFGS, around, each, follow
from oddsmith.solvers.around import fit_around, near_optimum
from oddsmith.solvers.each import fit_each


def parts_of(n, F, seed):
    """Rows of each part, overlapping as they like."""
    rng = np.random.default_rng(seed)
    return [np.flatnonzero(rng.random(n) < 0.7) for _ in range(F)]


def others(n, fits):
    """Rows to score each part's fit on."""
    return [np.setdiff1d(np.arange(n), own) for own in fits]


def each_objective(seed=0, n=90, p=3, F=3, size=None, **options):
    X, _, y = rows(seed, n, p, 2)
    fits = parts_of(n, F, seed)
    labels = with_parts(y, fits + others(n, fits))
    return X, y, fits, objective_of(X, labels, 2, rows=size, **options)


@given(st.integers(0, 99), st.sampled_from([None, 7]), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=30)
def test_sums_of_each_part_are_those_of_its_rows(seed, size, intercept, plain, hessians):
    """Plain and compiled: values, gradients, losses of the other rows, some Hessians."""
    rng = np.random.default_rng(seed)
    weight, offset = rng.integers(0, 3, 90).astype(float), rng.normal(size=90)
    options = {"intercept": intercept, "weight": weight, "offset": offset}
    X, y, fits, objective = each_objective(seed, size=size, **options)
    coefs = rng.normal(size=(4, objective.size))
    parts, wanted = np.array([0, 2, 1, 2]), np.array([1, 3] if hessians else [], dtype=int)
    kernel = EvaluateEach if plain else evaluator(COMPILED)
    sums = objective.source.fold(kernel(objective.design, coefs, parts, wanted, parts + 3))
    weights = objective.source.fold(WeighParts(6)).parts
    less = objective.source.fold(kernel(objective.design, coefs, parts, losses=False))
    assert not less.values.any()
    assert less.held_out.size == 0
    np.testing.assert_allclose(less.gradients, sums.gradients, atol=1e-12)
    how = objective.design.standardisation
    for m, part in enumerate(parts):
        own = fits[part]
        alone = objective_of(
            X[own], y[own], 2, l2=0.0, intercept=intercept,
            weight=weight[own], offset=offset[own], how=how,
        )  # fmt: skip
        moments = alone.evaluate(coefs[m], 2)
        assert sums.values[m] == pytest.approx(moments.value, rel=1e-10, abs=1e-12)
        assert weights[part] == pytest.approx(moments.weight)
        rest = others(90, fits)[part]
        held = objective_of(
            X[rest], y[rest], 2, l2=0.0, intercept=intercept,
            weight=weight[rest], offset=offset[rest], how=how,
        ).evaluate(coefs[m], 0)  # fmt: skip
        assert sums.held_out[m] == pytest.approx(held.value, rel=1e-10, abs=1e-12)
        assert weights[3 + part] == pytest.approx(held.weight)
        np.testing.assert_allclose(sums.gradients[m], moments.gradient, atol=1e-9)
        if m in wanted:
            hessian = sums.hessians[wanted.tolist().index(m)]
            np.testing.assert_allclose(hessian, moments.hessian, atol=1e-9)
    reach = objective.source.fold(ReachEach(objective.design, coefs)).largest
    for m, coef in enumerate(coefs):
        zero = np.zeros(objective.size)
        counted = replace(objective, source=objective_of(X, y, 2, weight=weight).source)
        line = counted.along(zero, coef, ())
        assert reach[m] == pytest.approx(line.reach)


@pytest.mark.parametrize("size", [None, 7])
@pytest.mark.parametrize("kind", [Evaluate, COMPILED.evaluate])
def test_sums_of_patterns_are_those_of_their_rows(size, kind):
    X, y, fits, objective = each_objective(size=size, l2=0.0)
    coef = np.random.default_rng(0).normal(size=objective.size)
    evaluate = kind(Binomial(), objective.design, coef, 2)
    sums = objective.source.fold(Patterns(evaluate, 3)).patterns
    assert sum(moments.weight for moments in sums.values()) == len(y)
    for f, own in enumerate(fits):
        mine = [moments for pattern, moments in sums.items() if pattern >> f & 1]
        alone = objective_of(X[own], y[own], 2, l2=0.0, how=objective.design.standardisation)
        hessian = sum(moments.hessian for moments in mine)
        np.testing.assert_allclose(hessian, alone.evaluate(coef, 2).hessian, atol=1e-10)


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_each_fit_is_that_of_its_rows_alone(shift):
    l2 = np.array([100.0, 1.0, 1e-2, 1e-4])
    X, y, fits, objective = each_objective(n=200)
    X = X + shift
    labels = with_parts(y, fits + others(200, fits))
    objective = objective_of(X, labels, 2, l2=1e-4)
    found = fit_each(objective, l2, 3, 1e-12)
    assert found.gaps.max() <= 1e-12
    for f, own in enumerate(fits):
        for c, penalty in enumerate(l2):
            alone = fitted(X[own], y[own], Newton(), 2, penalty)
            w, b = objective.to_user(found.coefs[f, c])
            np.testing.assert_allclose(w, alone.coef, rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(b, alone.intercept, rtol=1e-5, atol=1e-5)
            rest = others(200, fits)[f]
            losses = Binomial().value((X[rest] @ w + b).ravel(), y[rest])
            assert found.held_out[f, c] == pytest.approx(losses.mean(), rel=1e-6)


@pytest.mark.parametrize("tol", [0.1, 1e-3])
def test_a_gap_is_never_below_the_distance(monkeypatch, tol):
    """Fits that are ended early are as far from their minimum as is proved, or nearer."""
    monkeypatch.setattr(each, "_NEAR", 1.0)  # chords: their last step does not square the distance
    X, y, fits, objective = each_objective(n=200)
    l2 = np.array([3.0, 2.0, 1.0])
    found = fit_each(objective, l2, 3, tol)
    how, far = objective.design.standardisation, 0
    for f, own in enumerate(fits):
        for c, penalty in enumerate(l2):
            alone = objective_of(X[own], y[own], 2, l2=penalty, how=how)
            best = fitted(X[own], y[own], Newton(), 2, penalty)
            least = alone.evaluate(alone.from_user(best.coef, best.intercept), 0).value
            distance = (alone.evaluate(found.coefs[f, c], 0).value - least) / own.size
            assert found.gaps[f, c] >= distance - 1e-15
            far += distance > 1e-13
    assert far > 3, "the bound is put to a test"


def test_steps_that_go_too_far_are_taken_back():
    """Weak penalties at once, on classes that are nearly separated: whole steps overshoot."""
    rng = np.random.default_rng(1)
    X = rng.standard_cauchy(size=(120, 2)) * 10
    y = (X[:, 0] + 0.1 * rng.normal(size=120) > 0).astype(int)
    labels = with_parts(y, [np.arange(120), np.arange(100)])
    objective = objective_of(X, labels, 2, l2=1e-6)
    found = fit_each(objective, np.array([1e-6, 1e3]), 2, 1e-12)
    proved = found.gaps <= 1e-12
    assert proved.any()
    alone = fitted(X, y, Newton(), 2, 1e3)
    w, _ = objective.to_user(found.coefs[0, 1])
    np.testing.assert_allclose(w, alone.coef, rtol=1e-6)


def test_what_is_not_definite_proves_nothing():
    """Two equal columns and next to no penalty: no Hessian is trusted, and none is proved."""
    X, y, fits, _ = each_objective()
    X[:, 1] = X[:, 0]
    objective = objective_of(X, with_parts(y, fits), 2, l2=1e-14)
    assert np.isinf(fit_each(objective, np.array([1e-14]), 3, 1e-12).gaps).all()


def test_a_matrix_that_is_not_positive_spoils_no_more_than_a_pass():
    hessians = np.stack([np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]])])
    assert np.isnan(each.inverse_factors(hessians)).all()
    hessians[1] = np.nan
    inverses = each.inverse_factors(hessians)
    np.testing.assert_array_equal(inverses[0], np.eye(2))
    assert np.isnan(inverses[1]).all()


def test_passes_run_out(monkeypatch):
    monkeypatch.setattr(each, "_MOST_PASSES", 1)
    *_, objective = each_objective()
    found = fit_each(objective, np.array([1e-3]), 3, 1e-12)
    assert not (found.gaps <= 1e-12).any()


# --------------------------------------------------------------------- penalty after penalty


def tall(K=2, n=40_000, p=3, shift=0.0):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, p)) + shift
    margins = (X - shift) @ rng.normal(size=(p, K))
    return X, (margins + rng.gumbel(size=(n, K))).argmax(axis=1)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("shift", [0.0, 1e5])
def test_every_penalty_is_fitted_in_turn(K, shift):
    X, y = tall(K, shift=shift)
    l2 = 1.0 / np.logspace(-6, 2, 6)
    objective = objective_of(X, y, K, l2=float(l2.min()))
    for own, found in zip(l2, follow.follow(objective, l2, 1e-12), strict=True):
        coef, gap = found
        assert gap <= 1e-12
        alone = fitted(X, y, Newton(), K, own)
        np.testing.assert_allclose(objective.to_user(coef)[0], alone.coef, atol=2e-6)


def test_penalties_that_are_not_reached_are_left_open(monkeypatch):
    X, y = tall()
    objective = objective_of(X, y, 2, l2=1.0)
    monkeypatch.setattr(follow, "_MOST_PASSES", 1)
    assert list(follow.follow(objective, np.array([1e4, 1.0]), 1e-12)) == [None, None]
    monkeypatch.setattr(SampledLBFGS, "sampled", lambda self, objective, start: None)
    assert list(follow.follow(objective, np.array([1e4, 1.0]), 1e-12)) == [None, None]


# --------------------------------------------------------------------- around one optimum


def fitted_around(X, y, l2, tol=1e-12, n_parts=4, **options):
    """Fits of four folds, each with every fourth row left out, and the objective over all."""
    n = len(y)
    tests = [np.arange(f, n, n_parts) for f in range(n_parts)]
    fits = others(n, tests)
    whole = replace(objective_of(X, y, 2, l2=float(np.median(l2))), **options)
    labelled = objective_of(X, with_parts(y, fits + tests), 2)
    objective = replace(whole, source=labelled.source)
    return fits, tests, objective, fit_around(objective, near_optimum(whole), l2, n_parts, tol)


@pytest.mark.parametrize("kernels", [None, COMPILED])
@pytest.mark.parametrize("shift", [0.0, 1e5])
def test_fits_around_an_optimum_are_those_of_their_rows_alone(shift, kernels):
    X, y = tall(n=3000, shift=shift)
    l2 = np.array([1e5, 1e3, 10.0, 1e-2, 1e-6])
    options = {} if kernels is None else {"kernels": kernels}
    fits, tests, objective, found = fitted_around(X, y, l2, **options)
    assert found.gaps.max() <= 1e-12
    for f, own in enumerate(fits):
        for c, penalty in enumerate(l2):
            alone = fitted(X[own], y[own], Newton(), 2, penalty)
            w, b = objective.to_user(found.coefs[f, c])
            np.testing.assert_allclose(w, alone.coef, atol=3e-6)
            margins = (X[tests[f]] @ w + b).ravel()
            losses = Binomial().value(margins, y[tests[f]])
            assert found.held_out[f, c] == pytest.approx(losses.mean(), rel=1e-9)


@pytest.mark.parametrize("tol", [1e-4, 1e-6])
def test_gaps_around_an_optimum_are_never_below_the_distance(tol):
    X, y = tall(n=2000)
    l2 = np.array([1e4, 300.0])
    fits, _, objective, found = fitted_around(X, y, l2, tol)
    how = objective.design.standardisation
    far = 0
    for f, own in enumerate(fits):
        for c, penalty in enumerate(l2):
            alone = objective_of(X[own], y[own], 2, l2=penalty, how=how)
            best = fitted(X[own], y[own], Newton(), 2, penalty)
            least = alone.evaluate(alone.from_user(best.coef, best.intercept), 0).value
            distance = (alone.evaluate(found.coefs[f, c], 0).value - least) / own.size
            assert distance - 1e-15 <= found.gaps[f, c] <= tol
            far += distance > 1e-13
    assert far > 3, "the bound is put to a test"


def test_a_metric_that_is_left_behind_is_made_anew(monkeypatch):
    """Nearly separated classes, and from no penalty at all to one that leaves nothing."""
    rng = np.random.default_rng(0)
    X = rng.standard_cauchy(size=(400, 2)) * 3
    y = (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    points, sums_at = [], around._Parts.sums_at
    monkeypatch.setattr(
        around._Parts, "sums_at", lambda self, point: points.append(point) or sums_at(self, point)
    )
    l2 = np.array([1e6, 1.0, 1e-6])
    fits, _, objective, found = fitted_around(X, y, l2)
    assert len(points) > 1
    proved = found.gaps <= 1e-12
    assert proved.any()
    for f, c in zip(*np.nonzero(proved), strict=True):
        alone = fitted(X[fits[f]], y[fits[f]], Newton(), 2, l2[c])
        np.testing.assert_allclose(objective.to_user(found.coefs[f, c])[0], alone.coef, atol=1e-4)


def test_fits_that_leave_their_metric_at_once_are_given_up():
    """Four cases of a class among very many rows, and next to no penalty."""
    X = np.random.default_rng(0).normal(size=(12_000, 44))
    found = fitted_around(X, (np.arange(12_000) < 4).astype(int), np.array([1e-12]))[-1]
    assert np.isinf(found.gaps).all()


def test_a_start_that_is_never_near_is_a_start_all_the_same(monkeypatch):
    monkeypatch.setattr(around, "_NEAR_ENOUGH", 0.0)
    monkeypatch.setattr(around, "_STEPS_THERE", 1)
    X, y = tall(n=3000)
    found = fitted_around(X, y, np.array([1.0]))[-1]
    assert found.gaps.max() <= 1e-12


def test_fits_that_get_nowhere_are_given_up():
    """No gap of 1e-17 can be proved; what is said then is that nothing is."""
    X, y = tall(n=400)
    found = fitted_around(X, y, np.array([1.0]), tol=1e-17)[-1]
    assert np.isinf(found.gaps).all()


# --------------------------------------------------------------------------- the estimator


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("together", [True, False])
def test_folds_of_tall_rows_are_those_of_single_fits(K, together, monkeypatch):
    monkeypatch.setattr(folds, "_ROOM", 2**24 if together else 0)
    X, y = tall(K)
    Cs = np.array([1e-5, 1e-2, 10.0])
    weight = np.random.default_rng(0).integers(1, 3, len(y)).astype(float)
    model = LogisticRegressionCV(Cs=Cs, cv=2).fit(X, y, sample_weight=weight)
    assert model.gaps_.max() <= 1e-12
    splits = model._folds(model._rows(X, encode_labels(y), weight, None), None)
    for fold in splits:
        for c, C in enumerate(Cs):
            alone = LogisticRegression(C).fit(X[fold.train], y[fold.train], weight[fold.train])
            coef = model.coefs_paths_[fold.number, 0, c]
            np.testing.assert_allclose(coef[:, :-1], alone.coef_, atol=2e-6)


def test_fits_that_do_not_go_together_are_made_alone(monkeypatch):
    """Whatever is not proved there is fitted as any other."""
    X, y = tall(n=300)
    Cs = [0.1, 1.0]
    together = LogisticRegressionCV(Cs=Cs, cv=3).fit(X, y)
    path = folds.Paths(np.full((2, 1, 3), 7.0), np.zeros((2, 1)), np.array([np.inf, np.inf]))
    monkeypatch.setattr(folds, "_at_once", lambda *given: iter([path] * 3))
    alone = LogisticRegressionCV(Cs=Cs, cv=3).fit(X, y)
    np.testing.assert_allclose(together.coefs_paths_, alone.coefs_paths_, atol=2e-6)
    monkeypatch.undo()
    monkeypatch.setattr(folds, "MOST_PARTS", 2)
    many = LogisticRegressionCV(Cs=Cs, cv=3).fit(X, y)
    np.testing.assert_allclose(together.coefs_paths_, many.coefs_paths_, atol=2e-6)


@pytest.mark.parametrize("n", [300, 60_000])
def test_rows_that_come_twice_in_a_fold_count_twice(n):
    X, y = tall(n=n)
    rng = np.random.default_rng(0)
    parts = [(rng.integers(0, n, n), rng.integers(-n, 0, n)) for _ in range(2)]
    model = LogisticRegressionCV(Cs=[0.1, 1.0], cv=parts).fit(X, y)
    for f, (train, test) in enumerate(parts):
        alone = LogisticRegression(0.1).fit(X[train], y[train])
        np.testing.assert_allclose(model.coefs_paths_[f, 0, 0][:, :-1], alone.coef_, atol=2e-6)
        losses = Binomial().value(alone.decision_function(X[test]), y[test])
        assert model.losses_[f, 0, 0] == pytest.approx(losses.mean(), rel=1e-6)


def test_as_many_parts_as_there_is_room_for_are_told_apart():
    index = np.array([0, 1])
    labels = with_parts(index, [np.array([f % 2]) for f in range(MOST_PARTS)])
    assert (labels & 1).tolist() == [0, 1]
    assert (labels > 0).all()
    assert [int(labels[f % 2] >> (1 + f)) & 1 for f in range(MOST_PARTS)] == [1] * MOST_PARTS
    assert not any(int(labels[1 - f % 2] >> (1 + f)) & 1 for f in range(MOST_PARTS))
