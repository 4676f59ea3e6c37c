"""The threshold curve: exact at every score, and the best of it is what brute force finds."""

import doctest
import math
import pickle
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from oddsmith import DataError, OddsmithWarning, ParameterError, ThresholdCurve, threshold_curve
from oddsmith.decisions.threshold_bootstrap import Cells, cells_of
from oddsmith.decisions.threshold_measures import MEASURES
from oddsmith.decisions.threshold_rows import sums


@st.composite
def rows(draw, weighted=False):
    """Rows of both classes, with ties; small whole weights if asked for."""
    n = draw(st.integers(2, 30))
    y = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    y[0], y[1] = False, True
    kind = draw(st.sampled_from(["tied", "any"]))
    one = st.integers(-3, 3) if kind == "tied" else st.floats(-1e300, 1e300)
    score = np.array(draw(st.lists(one, min_size=n, max_size=n)), dtype=float)
    if not weighted:
        return y, score
    weight = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), dtype=float)
    weight[:2] = 1.0
    return y, score, weight


def curve_of(y, score, *more, **kwargs):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "all scores are", OddsmithWarning)
        return threshold_curve(y, score, *more, **kwargs)


def same(one, other, tol=0.0):
    for name in ("thresholds", "tp", "fp", "tn", "fn"):
        a, b = getattr(one, name), getattr(other, name)
        assert a.shape == b.shape, name
        np.testing.assert_allclose(a, b, rtol=tol, atol=tol, err_msg=name)


# ------------------------------------------------------------------------------- the counts


@settings(max_examples=40)
@given(rows(weighted=True), st.booleans())
def test_it_counts_and_measures_as_scikit_learn_does(data, weighted):
    y, score, weight = data
    weight = weight if weighted else None
    curve = curve_of(y, score, weight)
    kept = np.ones(y.size, bool) if weight is None else weight > 0
    assert curve.thresholds.tolist() == [*np.unique(score[kept] + 0.0).tolist(), math.inf]
    assert curve.n_rows == kept.sum()
    theirs = {
        "accuracy": metrics.accuracy_score,
        "precision": lambda *a, **k: metrics.precision_score(*a, zero_division=np.nan, **k),
        "recall": metrics.recall_score,
        "specificity": lambda *a, **k: metrics.recall_score(*a, pos_label=False, **k),
        "f1": metrics.f1_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "mcc": metrics.matthews_corrcoef,
    }
    for k, threshold in enumerate(curve.thresholds):
        called = score >= threshold
        tn, fp, fn, tp = metrics.confusion_matrix(y, called, sample_weight=weight).ravel()
        own = [curve.tn[k], curve.fp[k], curve.fn[k], curve.tp[k]]
        assert own == [tn, fp, fn, tp]
        for name, measure in theirs.items():
            if name == "mcc" and (tp + fp == 0 or tn + fn == 0):
                assert np.isnan(curve.mcc[k])  # where scikit-learn says 0
                continue
            value = measure(y, called, sample_weight=weight)
            np.testing.assert_allclose(getattr(curve, name)[k], value, atol=1e-12, err_msg=name)
        for beta in (0.0, 0.5, 2.0):
            value = metrics.fbeta_score(
                y, called, beta=beta, sample_weight=weight, zero_division=np.nan
            )
            np.testing.assert_allclose(curve.f_beta(beta)[k], value, atol=1e-12)
        assert curve.cost(fp=2, fn=7, tp=-1, tn=0.5)[k] == 2 * fp + 7 * fn - tp + 0.5 * tn
    np.testing.assert_allclose(curve.youden, 2 * curve.balanced_accuracy - 1, atol=1e-15)


@given(rows(weighted=True), st.randoms(use_true_random=False))
def test_weights_are_repetitions_and_the_order_of_rows_is_nothing(data, random):
    y, score, weight = data
    times = weight.astype(int)
    curve = curve_of(y, score, weight)
    same(curve, curve_of(np.repeat(y, times), np.repeat(score, times)))
    order = np.array(random.sample(range(y.size), y.size))
    same(curve, curve_of(y[order], score[order], weight[order]))
    same(curve_of(y, score), curve_of(y[order], score[order]))


@given(rows())
def test_a_monotone_transform_of_the_score_changes_the_thresholds_alone(data):
    y, score = data
    rank = np.unique(score + 0.0, return_inverse=True)[1]
    one, other = curve_of(y, score), curve_of(y, np.exp(0.1 * rank) - 50.0)
    for name in ("tp", "fp", "tn", "fn"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    for name in MEASURES:
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)


@given(rows())
def test_the_other_class_is_the_mirror_image(data):
    y, score = data
    one, other = curve_of(y, score), curve_of(y, -score, positive=False)
    distinct = one.thresholds[:-1]
    assert np.array_equal(other.thresholds[:-1], -distinct[::-1] + 0.0)
    # What the one calls negative just above t, score <= t, the other calls positive at -t.
    for name, mirrored in (("tp", "tn"), ("fp", "fn"), ("tn", "tp"), ("fn", "fp")):
        assert np.array_equal(getattr(other, name), getattr(one, mirrored)[::-1])


def test_sums_from_both_sides_do_not_drift():
    rng = np.random.default_rng(0)
    n = 300_001
    y, score = rng.random(n) < 0.3, rng.random(n)
    weight = 10.0 ** rng.uniform(-6, 3, n)
    curve = threshold_curve(y, score, weight)
    whole = math.fsum(weight[y])
    np.testing.assert_allclose(curve.tp + curve.fn, whole, rtol=1e-13)
    np.testing.assert_allclose(curve.fp + curve.tn, math.fsum(weight[~y]), rtol=1e-13)
    for counts, sign in ((curve.tp, -1), (curve.fp, -1), (curve.tn, 1), (curve.fn, 1)):
        assert counts.min() == 0.0
        assert (sign * np.diff(counts) >= 0).all()
    order = np.argsort(score)
    for k in (1, 2, 1023, 1024, 1025, 70_000, n - 2, n - 1):
        below, above = order[:k], order[k:]
        # Relative to itself, also where it is a millionth of the whole.
        np.testing.assert_allclose(curve.fn[k], math.fsum(weight[below][y[below]]), rtol=1e-13)
        np.testing.assert_allclose(curve.tp[k], math.fsum(weight[above][y[above]]), rtol=1e-13)


@given(st.lists(st.floats(-10, 10), max_size=40), st.data())
def test_sums_of_any_numbers(values, data):
    values = np.array(values, dtype=float)
    inner = data.draw(st.lists(st.integers(0, values.size), max_size=5))
    start = np.array(sorted([0, *inner, values.size]))
    below, above = sums(values, start)
    for k, at in enumerate(start):
        assert below[k] == pytest.approx(math.fsum(values[:at]), abs=1e-12)
        assert above[k] == pytest.approx(math.fsum(values[at:]), abs=1e-12)


def test_counts_without_weights_are_exact_where_floats_of_half_the_size_are_not():
    n = 2**24 + 8
    score = np.zeros(n, dtype=np.float32)
    score[:3] = 1.0
    y = np.ones(n, dtype=bool)
    y[0] = False
    curve = threshold_curve(y, score)
    assert curve.tp.tolist() == [n - 1, 2, 0]
    assert curve.fn.tolist() == [0, n - 3, n - 1]


# ---------------------------------------------------------------------------------- the best


def brute_force(y, score, weight, value, meets):
    """The best by its definition, with the tie rule of the documentation."""
    found = []
    for threshold in [*np.unique(score[weight > 0] + 0.0), math.inf]:
        called = score >= threshold
        tp, fp = weight[called & y].sum(), weight[called & ~y].sum()
        fn, tn = weight[~called & y].sum(), weight[~called & ~y].sum()
        own = value(tp, fp, tn, fn)
        if own is not None and meets(tp, fp, tn, fn):
            balanced = 0.5 * (tp / (tp + fn) + tn / (tn + fp))
            found.append((round(own, 11), round(balanced, 11), threshold))
    if not found:
        return None, 0
    best = max(found)
    return best[2], sum(one[0] == best[0] for one in found)


def ratio(over, under):
    return over / under if under > 0 else None


RULES = {
    "f1": lambda tp, fp, tn, fn: ratio(2 * tp, 2 * tp + fp + fn),
    "f2": lambda tp, fp, tn, fn: ratio(5 * tp, 5 * tp + fp + 4 * fn),
    "f0.5": lambda tp, fp, tn, fn: ratio(1.25 * tp, 1.25 * tp + fp + 0.25 * fn),
    "accuracy": lambda tp, fp, tn, fn: (tp + tn) / (tp + fp + tn + fn),
    "precision": lambda tp, fp, tn, fn: ratio(tp, tp + fp),
    "recall": lambda tp, fp, tn, fn: tp / (tp + fn),
    "specificity": lambda tp, fp, tn, fn: tn / (tn + fp),
    "balanced_accuracy": lambda tp, fp, tn, fn: 0.5 * (tp / (tp + fn) + tn / (tn + fp)),
    "youden": lambda tp, fp, tn, fn: tp / (tp + fn) + tn / (tn + fp) - 1,
    "mcc": lambda tp, fp, tn, fn: ratio(
        tp * tn - fp * fn, math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    ),
}


@settings(max_examples=300)
@given(
    rows(weighted=True),
    st.sampled_from(sorted(RULES)),
    st.sampled_from([None, "precision", "recall", "specificity"]),
    st.sampled_from([0.3, 0.5, 0.75, 0.9]),
)
def test_the_best_is_what_brute_force_finds(data, objective, bound, least):
    y, score, weight = data

    def meets(*counts):
        own = RULES[bound](*counts) if bound else 1.0
        return own is not None and own >= least

    curve = curve_of(y, score, weight)
    threshold, ties = brute_force(y, score, weight, RULES[objective], meets)
    subject_to = {bound: least} if bound else None
    if threshold is None:
        with pytest.raises(DataError, match=r"no threshold has|nothing to divide"):
            curve.best(objective, subject_to=subject_to)
        return
    chosen = curve.best(objective, subject_to=subject_to)
    assert (chosen.threshold, chosen.ties) == (threshold, ties)
    again = curve.at(threshold, objective)
    assert (again.tp, again.fp, again.tn, again.fn) == (
        chosen.tp,
        chosen.fp,
        chosen.tn,
        chosen.fn,
    )
    assert again.value == chosen.value
    if objective in MEASURES:
        assert getattr(chosen, objective) == chosen.value


@settings(max_examples=200)
@given(rows(weighted=True), st.data())
def test_the_least_cost_is_what_brute_force_finds(data, draw):
    y, score, weight = data
    names = draw.draw(st.sets(st.sampled_from(["fp", "fn", "tp", "tn"]), min_size=1))
    # Tenths, of which sums do not come out even in floats.
    cost = {name: draw.draw(st.integers(-5, 50)) / 10 for name in sorted(names)}

    def value(tp, fp, tn, fn):
        counts = {"tp": tp, "fp": fp, "tn": tn, "fn": fn}
        return -sum(cost[name] * counts[name] for name in cost)

    chosen = curve_of(y, score, weight).best(cost=cost)
    threshold, ties = brute_force(y, score, weight, value, lambda *_: True)
    assert (chosen.threshold, chosen.ties) == (threshold, ties)


@given(rows(weighted=True), st.data())
def test_costs_of_each_row(data, draw):
    y, score, weight = data
    numbers = st.lists(st.integers(0, 20), min_size=y.size, max_size=y.size)
    fp, fn = (np.array(draw.draw(numbers), dtype=float) for _ in range(2))
    tp = -np.array(draw.draw(numbers), dtype=float)
    curve = curve_of(y, score, weight)
    totals = []
    for threshold in curve.thresholds:
        called = score >= threshold
        each = np.where(y, np.where(called, tp, fn), np.where(called, fp, 0.25))
        totals.append((each * weight).sum())
    chosen = curve.best(cost={"fp": fp, "fn": fn, "tp": tp, "tn": 0.25})
    assert chosen.value == min(totals)
    assert chosen.ties == totals.count(min(totals))
    assert totals[curve.thresholds.tolist().index(chosen.threshold)] == min(totals)
    assert chosen.objective == "cost (fp by row, fn by row, tp by row, tn 0.25)"
    # Costs that are all alike are a number.
    alike = curve.best(cost={"fp": np.full(y.size, 2.0), "fn": np.full(y.size, 3.0)})
    assert alike.threshold == curve.best(cost={"fp": 2, "fn": 3}).threshold


@given(rows())
def test_no_threshold_dominates_the_chosen_one(data):
    y, score = data
    curve = curve_of(y, score)
    for objective in ("precision", "recall", "specificity", "accuracy"):
        chosen = curve.best(objective)
        better = (curve.tp >= chosen.tp) & (curve.fp <= chosen.fp)
        better &= (curve.tp > chosen.tp) | (curve.fp < chosen.fp)
        assert not better.any()


@given(rows())
def test_any_threshold_between_the_scores(data):
    y, score = data
    curve = curve_of(y, score)
    distinct = curve.thresholds[:-1]
    between = [-math.inf, math.inf, *distinct, *np.nextafter(distinct, math.inf)]
    for threshold in between:
        chosen = curve.at(threshold)
        called = score >= threshold
        assert (chosen.tp, chosen.fp) == ((called & y).sum(), (called & ~y).sum())
        assert chosen.threshold == threshold
        assert np.isnan(chosen.value)
    assert curve.at(0, cost={"fp": 1, "fn": 1}).value == ((score >= 0) != y).sum()


def test_the_words_of_a_choice():
    curve = threshold_curve([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    assert curve.best("f1").objective == "f1"
    assert curve.best(cost={"fp": 1, "fn": 5}).objective == "cost (fp 1, fn 5)"
    chosen = curve.best("recall", subject_to={"precision": 0.9, "specificity": 0.5})
    assert chosen.objective == "recall, precision at least 0.9, specificity at least 0.5"
    assert repr(curve) == "<ThresholdCurve of 4 rows at 5 thresholds, positive 1>"


# ----------------------------------------------------------------------------- the bootstrap


@given(rows(weighted=True), st.integers(0, 1000), st.booleans())
def test_a_sample_is_the_curve_of_the_rows_drawn(data, seed, by_row):
    y, score, weight = data
    curve = curve_of(y, score, weight)
    found = curve._rows
    n = found.positive.size
    costs = (np.arange(n) + 0.5, np.arange(n)[::-1] + 0.5) if by_row else None
    cells = cells_of(found, costs)
    drawn = np.bincount(np.random.default_rng(seed).integers(0, n, n), minlength=n)
    counts = cells.counts(drawn.astype(float))
    taken = np.repeat(found.order, drawn)
    for k, threshold in enumerate(curve.thresholds):
        called = score[taken] >= threshold
        assert counts.tp[k] == pytest.approx(weight[taken][called & y[taken]].sum())
        assert counts.tn[k] == pytest.approx(weight[taken][~called & ~y[taken]].sum())
        if by_row:
            above = score[found.order] >= threshold
            each = np.where(above, costs[1], costs[0])
            assert counts.row_cost[k] == pytest.approx((drawn * each).sum())


def example(n=400, seed=0, digits=None):
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.3
    score = rng.normal(size=n) + 1.2 * y
    return y, score if digits is None else score.round(digits)


def test_rows_that_are_alike_are_drawn_by_kind_with_the_same_result():
    y, score = example(2000, digits=0)
    curve = threshold_curve(y, score)
    rows_ = curve._rows
    kinds = cells_of(rows_, None)
    assert isinstance(kinds, Cells)
    assert kinds.times.sum() == 2000
    assert kinds.times.size == 2 * (curve.thresholds.size - 1)
    whole = kinds.counts(kinds.times)
    for name in ("tp", "fp", "tn", "fn"):
        assert np.array_equal(getattr(whole, name), getattr(curve, name))
    by_kind = curve.best("f1", n_bootstrap=2000, random_state=0)
    # Weights of 1 are drawn row by row.
    by_row = threshold_curve(y, score, np.ones(2000)).best("f1", n_bootstrap=2000, random_state=0)
    assert by_kind.threshold_interval == by_row.threshold_interval
    np.testing.assert_allclose(by_kind.value_interval, by_row.value_interval, atol=0.004)


def test_intervals_are_on_request_and_follow_the_seed():
    curve = threshold_curve(*example())
    plain = curve.best("f1")
    assert (plain.threshold_interval, plain.value_interval, plain.optimism) == (None, None, None)
    one, again, other = (curve.best("f1", n_bootstrap=200, random_state=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert (one.threshold, one.value) == (plain.threshold, plain.value)
    assert (one.level, one.n_bootstrap) == (0.95, 200)
    assert one.optimism > 0
    low, high = one.threshold_interval
    assert low <= one.threshold <= high
    assert {low, high} <= set(curve.thresholds.tolist())
    narrow = curve.best("f1", n_bootstrap=200, random_state=1, level=0.5)
    assert low <= narrow.threshold_interval[0] <= narrow.threshold_interval[1] <= high
    cost = curve.best(cost={"fp": 1, "fn": 5}, n_bootstrap=200, random_state=1)
    assert cost.optimism < 0  # costs look too low
    state = np.random.RandomState(3)
    assert curve.best("f1", n_bootstrap=5, random_state=state).n_bootstrap == 5


def test_the_interval_of_the_value_covers_what_the_threshold_is_worth():
    """Of 200 samples of 200 rows the truth is in the intervals of 90 % in 80 % or more.

    Were they not moved by the optimism, it would be in fewer of them.
    """
    truth = threshold_curve(*example(300_000, seed=99))
    moved, plain, gaps = [], [], []
    for seed in range(200):
        curve = threshold_curve(*example(200, seed))
        chosen = curve.best("f1", n_bootstrap=200, random_state=0, level=0.9)
        worth = truth.at(chosen.threshold, "f1").value
        low, high = chosen.value_interval
        moved.append(low <= worth <= high)
        plain.append(low <= worth - chosen.optimism <= high)
        gaps.append((chosen.value - worth, chosen.optimism))
    assert np.mean(moved) >= 0.8
    assert np.mean(moved) > np.mean(plain)
    real, told = np.mean(gaps, axis=0)
    assert 0.5 * real < told < 1.2 * real


def test_samples_that_cannot_choose_are_told_of():
    y = np.array([0, 1] * 10)
    score = np.linspace(0, 1, 20)
    score[[-1, -2]] = score[[-2, -1]]
    score[y == 1] += 0.3
    curve = threshold_curve(y, score)
    with pytest.warns(OddsmithWarning, match=r"samples of the rows had one class, or no threshold"):
        chosen = curve.best(
            "recall",
            subject_to={"precision": 0.9, "recall": 0.25},
            n_bootstrap=100,
            random_state=0,
        )
    assert np.isfinite(chosen.value_interval).all()
    # Two rows: a sample has one class every other time.
    with pytest.warns(OddsmithWarning, match="one class"):
        threshold_curve([0, 1], [0.0, 1.0]).best("f1", n_bootstrap=20, random_state=0)


def test_samples_that_hardly_ever_can_choose_are_no_ground_for_intervals(monkeypatch):
    monkeypatch.setattr("oddsmith.decisions.threshold_bootstrap._MOST_LOST", 0.1)
    curve = threshold_curve([0, 1], [0.0, 1.0])
    with pytest.raises(DataError, match=r"of \d+ samples of the rows \d+ have both classes"):
        curve.best("f1", n_bootstrap=20, random_state=0)


# ------------------------------------------------------------------------------- hard inputs


def test_labels_of_any_kind():
    score = [0.1, 0.6, 0.4, 0.9]
    plain = threshold_curve([0, 0, 1, 1], score)
    for y, positive in [
        (["no", "no", "yes", "yes"], "yes"),
        (np.array(["no", "no", "yes", "yes"], dtype=object), "yes"),
        ([False, False, True, True], True),
        ([-1, -1, 1, 1], 1),
        ([1.5, 1.5, 2.5, 2.5], 2.5),
        (pd.Series(["a", "a", "b", "b"], dtype="category"), "b"),
        (pd.Series(["a", "a", "b", "b"], dtype="string"), "b"),
        (pd.Series([False, False, True, True], dtype="boolean"), True),
        (pl.Series(["a", "a", "b", "b"]), "b"),
        (pa.chunked_array([["a", "a"], ["b", "b"]]), "b"),
        (np.array(["2020", "2020", "2021", "2021"], "datetime64[Y]"), None),
    ]:
        curve = threshold_curve(y, score)
        same(curve, plain)
        assert positive is None or curve.positive == positive
        assert type(curve.positive).__module__ != "numpy"
    other = threshold_curve(["no", "no", "yes", "yes"], score, positive="no")
    assert other.positive == "no"
    assert other.tp.tolist() == plain.fp.tolist()
    rest = threshold_curve(["a", "b", "c", "c"], score, positive="c")
    same(rest, plain)


def test_scores_of_any_kind():
    y = [0, 0, 1, 1]
    plain = threshold_curve(y, [-1.0, 0.0, 0.0, 2.0])
    same(plain, threshold_curve(y, [-1.0, -0.0, 0.0, 2.0]))
    assert not np.signbit(threshold_curve(y, [-1.0, -0.0, -0.0, 2.0]).thresholds[1])
    for kind in (np.float16, np.float32, np.int8, np.int64, object):
        same(plain, threshold_curve(y, np.array([-1, 0, 0, 2]).astype(kind)))
    same(plain, threshold_curve(pd.Series(y), pd.Series([-1.0, 0.0, 0.0, 2.0])))
    tiny = threshold_curve(y, [5e-324, 0.0, 1e308, -1e308])
    assert tiny.thresholds.tolist() == [-1e308, 0.0, 5e-324, 1e308, math.inf]
    nan = math.nan
    bad = [
        ([0.1, nan, 0.3, 0.4], "score is nan in row 1"),
        ([0.1, 0.2, math.inf, 0.4], "score is inf in row 2"),
        ([0.1, 0.2, 0.3], r"score has shape \(3,\), and y has 4"),
        (np.zeros((4, 2)), r"predict_proba\(X\)\[:, 1\]"),
        (["a", "b", "c", "d"], "score is not made of real numbers"),
        (np.zeros(4, complex), "score is not made of real numbers"),
        (np.array([2**53 + 1, 2**53, 0, 1]), r"beyond 2\*\*53"),
    ]
    for score, message in bad:
        with pytest.raises(DataError, match=message):
            threshold_curve(y, score)


def test_a_curve_needs_two_classes():
    for y in ([1, 1, 1], ["a", "a", "a"], [True, True, True]):
        with pytest.raises(DataError, match="one class only"):
            threshold_curve(y, [0.1, 0.2, 0.3])
    cases = [
        ([0, 1, 2], None, DataError, "more than two classes"),
        ([0, 1, 1], 2, ParameterError, "positive=2 is no label of y"),
        ([[0], [1], [1]], None, DataError, r"y has shape \(3, 1\)"),
        ([0.0, math.nan, 1.0], None, DataError, "no label in row 1"),
        (["a", None, "b"], None, DataError, "no label in row 1"),
        (pd.Series(["a", "b", pd.NA]), None, DataError, "no label in row 2"),
        (np.array(["a", 1, 1], dtype=object), None, DataError, r"cannot be sorted: int, str"),
    ]
    for y, positive, kind, message in cases:
        with pytest.raises(kind, match=message):
            threshold_curve(y, [0.1, 0.2, 0.3], positive=positive)
    with pytest.raises(DataError, match="y is empty"):
        threshold_curve([], [])


def test_weights_that_cannot_be():
    y, score = [0, 1, 1], [0.1, 0.2, 0.3]
    for weight, message in [
        ([1.0, -1.0, 1.0], "sample_weight is -1.0 in row 1"),
        ([1.0, math.nan, 1.0], "sample_weight is nan in row 1"),
        ([1.0, 1.0, math.inf], "sample_weight is inf in row 2"),
        ([1.0, 1.0], r"sample_weight has shape \(2,\)"),
        ([0.0, 1.0, 1.0], "all rows of one class have weight 0"),
        ([0.0, 0.0, 0.0], "all weights in sample_weight are zero"),
        ([1e308, 1e308, 1e308], "beyond the largest float"),
    ]:
        with pytest.raises(DataError, match=message):
            threshold_curve(y, score, weight)
    same(threshold_curve(y, score, 1), threshold_curve(y, score))


@pytest.mark.parametrize("scale", [1e-300, 1e-5, 1e5, 1e300])
def test_measures_do_not_depend_on_the_unit_of_weights(scale):
    y, score = example(50)
    weight = np.random.default_rng(1).uniform(0.5, 2, 50)
    one, other = (threshold_curve(y, score, weight * unit) for unit in (1.0, scale))
    for name in MEASURES:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-12)


def test_equal_scores_are_named():
    with pytest.warns(OddsmithWarning, match=r"all scores are 0\.5, so that no threshold tells"):
        curve = threshold_curve([0, 1, 1], [0.5, 0.5, 0.5])
    assert curve.thresholds.tolist() == [0.5, math.inf]
    assert curve.best("accuracy").threshold == 0.5
    assert curve.best("specificity").threshold == math.inf


def test_nothing_is_chosen_where_there_is_nothing_to_divide_by():
    curve = threshold_curve([1, 0, 0], [0.1, 0.2, 0.3])
    assert np.isnan(curve.precision[-1])
    assert np.isnan(curve.mcc[[0, -1]]).all()
    assert curve.best("precision").threshold == 0.1
    with pytest.warns(OddsmithWarning, match="all scores"):
        alike = threshold_curve([0, 1], [1.0, 1.0])
    with pytest.raises(DataError, match="mcc has nothing to divide by"):
        alike.best("mcc")


def test_what_cannot_be_met_says_how_far_one_gets():
    curve = threshold_curve([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.5])
    with pytest.raises(
        DataError,
        match=r"no threshold has precision of at least 0\.9: the best is 0\.66.*, at 0\.4",
    ):
        curve.best("recall", subject_to={"precision": 0.9})
    with pytest.raises(
        DataError, match=r"where specificity is at least 1: it has nothing to divide by"
    ):
        curve.best("recall", subject_to={"specificity": 1.0, "precision": 0.1})
    with pytest.raises(DataError, match=r"where specificity is at least 0\.5: the best is 0\.66"):
        curve.best("recall", subject_to={"specificity": 0.5, "precision": 0.7})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "say what the best threshold is the best by"),
        ({"objective": "f1", "cost": {"fp": 1}}, "say what the best threshold is the best by"),
        ({"objective": "auc"}, "'auc' is no measure of a threshold; use one of accuracy"),
        ({"objective": "f-1"}, "is no measure"),
        ({"objective": "f9999999"}, "beta=9999999.0 is not between"),
        ({"objective": 3}, "3 is no measure"),
        ({"cost": {}}, r"cost=\{\} is not understood"),
        ({"cost": {"FP": 1}}, "is not understood"),
        ({"cost": 5}, "cost=5 is not understood"),
        ({"cost": {"fp": "x"}}, r"cost\['fp'\] is 'x'; give a finite number, or one for each"),
        ({"cost": {"fp": math.inf}}, r"cost\['fp'\] is inf"),
        ({"cost": {"fp": [1, 2]}}, r"cost\['fp'\] is an array of shape \(2,\)"),
        ({"objective": "f1", "subject_to": 0.9}, "subject_to=0.9 is not understood"),
        ({"objective": "f1", "subject_to": {"pr": 1}}, "'pr' is no measure"),
        ({"objective": "f1", "subject_to": {"recall": None}}, r"subject_to\['recall'\]=None"),
        ({"objective": "f1", "n_bootstrap": -1}, "n_bootstrap=-1"),
        ({"objective": "f1", "n_bootstrap": 1.5}, "n_bootstrap=1.5"),
        ({"objective": "f1", "level": 95}, "level=95 is not between 0 and 1"),
        ({"objective": "f1", "n_bootstrap": 5, "random_state": "x"}, "random_state='x' is no seed"),
    ],
)
def test_arguments_that_cannot_be(arguments, message):
    curve = threshold_curve([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    with pytest.raises(ParameterError, match=message):
        curve.best(**arguments)


def test_thresholds_that_are_no_numbers():
    curve = threshold_curve([0, 1], [0.1, 0.6])
    for threshold in (math.nan, "0.5", None):
        with pytest.raises(ParameterError, match="is no number"):
            curve.at(threshold)


def test_a_curve_is_frozen_and_travels():
    y, score = example(50)
    curve = threshold_curve(y, score)
    with pytest.raises(AttributeError):
        curve.n_rows = 3
    with pytest.raises(ValueError, match="read-only"):
        curve.tp[0] = 1.0
    again = pickle.loads(pickle.dumps(curve))  # noqa: S301
    same(curve, again)
    assert curve.best("f1", n_bootstrap=20, random_state=0) == again.best(
        "f1", n_bootstrap=20, random_state=0
    )
    given_score = score.copy()
    threshold_curve(y, score)
    assert np.array_equal(score, given_score)


def test_a_curve_of_counts_alone_chooses_but_knows_no_rows():
    curve = threshold_curve([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    bare = ThresholdCurve(
        curve.thresholds, curve.tp, curve.fp, curve.tn, curve.fn, curve.n_rows, curve.positive
    )
    assert bare.best("f1") == curve.best("f1")
    with pytest.raises(ParameterError, match="knows no rows"):
        bare.best("f1", n_bootstrap=10)


def test_rounding_makes_no_difference_between_equal_costs():
    """3 * 0.1 is not 0.3 in floats, and is the same cost."""
    curve = threshold_curve([1, 0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5])
    cost = {"fp": 0.1, "fn": 0.3}
    costs = curve.cost(**cost)
    assert costs[0] != costs[4]  # 3 false positives, 1 false negative
    chosen = curve.best(cost=cost)
    assert (chosen.threshold, chosen.ties) == (0.5, 2)
    by_row = curve.best(cost={"fp": np.full(5, 0.1), "fn": np.full(5, 0.3)})
    assert (by_row.threshold, by_row.ties) == (0.5, 2)


def test_a_million_rows_take_no_longer_than_twice_what_a_roc_curve_takes():
    """It is about a third on the machine where it was written."""
    rng = np.random.default_rng(0)
    score = rng.random(1_000_000)
    y = (rng.random(score.size) < score).astype(int)
    ours = best_time(lambda: threshold_curve(y, score))
    theirs = best_time(lambda: metrics.roc_curve(y, score))
    assert ours < 2 * theirs


def test_a_thousand_samples_of_ten_thousand_rows_take_seconds():
    curve = threshold_curve(*example(10_000))
    assert best_time(lambda: curve.best("f1", n_bootstrap=1000, random_state=0), 2) < 5.0


def best_time(run, times=3):
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def test_the_page_on_decisions_says_what_is():
    page = Path(__file__).parent.parent / "docs" / "decisions.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0
