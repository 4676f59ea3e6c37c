"""Reliability: isotonic regression, consistency bands, scores in three parts, calibration error."""

import math
import re
import time
from pathlib import Path

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from oddsmith import DataError, ParameterError, compare, reliability, threshold_curve
from oddsmith.decisions.consistency import grade

TENTHS = st.integers(1, 9).map(lambda k: k / 10)


@st.composite
def judged(draw, least=2):
    """Labels, probabilities with ties, and weights of which some are 0."""
    n = draw(st.integers(least, 30))
    p = np.array(draw(st.lists(TENTHS, min_size=n, max_size=n)))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    w = np.array(draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)), dtype=float)
    w[0] = 1.0
    return y, p, w


def calibrated(n, seed=0, decimals=None):
    rng = np.random.default_rng(seed)
    p = rng.beta(1.0, 3.0, n)
    p = p if decimals is None else p.round(decimals)
    return (rng.random(n) < p).astype(int), p


def pooled(y, p, w):
    """Isotonic regression by definition: max over starts of min over ends of means."""
    found = []
    for at in p:
        least = []
        for low in p[p <= at]:
            means = [
                np.average(y[(p >= low) & (p <= high)], weights=w[(p >= low) & (p <= high)])
                for high in p[p >= at]
            ]
            least.append(min(means))
        found.append(max(least))
    return np.array(found)


# ------------------------------------------------------------------------------------ regression


@given(judged())
@settings(max_examples=50)
def test_recalibrated_is_the_isotonic_regression(rows):
    y, p, w = rows
    found = reliability(y, p, w, n_resamples=2)
    kept = w > 0
    y, p, w = y[kept], p[kept], w[kept]
    np.testing.assert_array_equal(found.probability, np.unique(p))
    by_hand = dict(zip(p, pooled(y, p, w), strict=True))
    np.testing.assert_allclose(found.recalibrated, [by_hand[at] for at in found.probability])
    theirs = IsotonicRegression().fit(p, y, w)
    np.testing.assert_allclose(found.recalibrated, theirs.predict(found.probability), atol=1e-12)
    assert found.weight.sum() == w.sum()
    assert found.positive_weight.sum() == w[y == 1].sum()
    assert found.n_rows == len(y)


@given(judged())
@settings(max_examples=50)
def test_scores_are_those_of_scikit_learn_and_their_parts_add_up(rows):
    y, p, w = rows
    found = reliability(y, p, w, n_resamples=2)
    fitted = dict(zip(found.probability, found.recalibrated, strict=True))
    kept = w > 0
    y, p, w = y[kept], p[kept], w[kept]
    again = np.array([fitted[at] for at in p])
    share = np.full(len(p), np.average(y, weights=w))
    for parts, score in (
        (found.brier, lambda q: brier_score_loss(y, q, sample_weight=w, pos_label=1)),
        (found.log_loss, lambda q: exact_log_loss(y, q, w)),
    ):
        assert parts.score == pytest.approx(score(p), rel=1e-12)
        assert parts.uncertainty == pytest.approx(score(share), rel=1e-12, abs=1e-15)
        assert parts.miscalibration == pytest.approx(score(p) - score(again), abs=1e-13)
        assert parts.discrimination == pytest.approx(score(share) - score(again), abs=1e-13)
        assert parts.miscalibration >= 0
        assert parts.discrimination >= 0
        total = parts.miscalibration - parts.discrimination + parts.uncertainty
        assert total == pytest.approx(parts.score, abs=1e-14)
    assert found.log_loss.score == pytest.approx(log_loss(y, p, sample_weight=w, labels=[0, 1]))


def exact_log_loss(y, p, w):
    """With many digits, and 0 log 0 = 0."""
    terms = [
        mpmath.mpf(weight) * mpmath.log(mpmath.mpf(chance) if label else 1 - mpmath.mpf(chance))
        for label, chance, weight in zip(y, p, w, strict=True)
        if not (chance in (0, 1) and chance == label)
    ]
    return float(-mpmath.fsum(terms) / mpmath.fsum(w)) + 0.0


@given(judged(), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_weights_are_repetitions_and_order_does_not_matter(rows, random):
    y, p, w = rows
    found = reliability(y, p, w, n_resamples=2)
    times = w.astype(int)
    repeated = reliability(np.repeat(y, times), np.repeat(p, times), n_resamples=2)
    order = np.array(random.sample(range(len(y)), len(y)))
    shuffled = reliability(y[order], p[order], w[order], n_resamples=2)
    for other in (repeated, shuffled):
        np.testing.assert_array_equal(found.weight, other.weight)
        np.testing.assert_allclose(found.recalibrated, other.recalibrated, rtol=1e-14)
        assert found.log_loss.score == pytest.approx(other.log_loss.score, rel=1e-13)
        assert found.brier.discrimination == pytest.approx(other.brier.discrimination, abs=1e-14)


# ------------------------------------------------------------------------------------------ bands


def test_the_band_holds_what_it_says():
    """Pointwise, of exact probabilities, over many data sets: with and without ties, weighted."""
    for decimals, weighted in ((None, False), (1, False), (None, True)):
        inside, places = [], np.array([0.1, 0.25, 0.5])
        for seed in range(200):
            y, p = calibrated(300, seed, decimals)
            w = np.random.default_rng(seed).uniform(0.5, 2.0, 300) if weighted else None
            draws = np.random.default_rng([seed, 1])
            found = reliability(y, p, w, n_resamples=150, level=0.8, random_state=draws)
            at = np.searchsorted(found.probability, places).clip(max=found.probability.size - 1)
            held = (found.lower <= found.recalibrated) & (found.recalibrated <= found.upper)
            inside.append(held[at])
        share = np.mean(inside, axis=0)
        # The spread of a share of 200 is 0.028; ties make a band wider.
        assert (share > 0.72).all(), (decimals, weighted, share)
        assert decimals == 1 or (share < 0.88).all(), (decimals, weighted, share)


def test_the_band_of_one_probability_is_that_of_a_binomial_share():
    n, chance = 1000, 0.3
    found = reliability(np.arange(n) < 310, np.full(n, chance), n_resamples=20_000)
    spread = 1.6449 * math.sqrt(chance * (1 - chance) / n)
    assert found.lower[0] == pytest.approx(chance - spread, abs=0.002)
    assert found.upper[0] == pytest.approx(chance + spread, abs=0.002)
    assert found.recalibrated[0] == 0.31


def test_ways_of_drawing_agree():
    """Binomial draws of ties, and one uniform number a row."""
    y, p = calibrated(2100, 1, decimals=2)
    drawn = reliability(y, p, n_resamples=4000)
    rows = reliability(y, p, np.ones(len(y)), n_resamples=4000)
    np.testing.assert_array_equal(drawn.recalibrated, rows.recalibrated)
    common = drawn.weight > 20
    np.testing.assert_allclose(drawn.lower[common], rows.lower[common], atol=0.03)
    np.testing.assert_allclose(drawn.upper[common], rows.upper[common], atol=0.03)
    assert drawn.error.bias == pytest.approx(rows.error.bias, rel=0.03)


def test_the_band_is_the_same_each_time_and_for_each_seed_another():
    y, p = calibrated(200)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    one, same = reliability(y, p), reliability(y, p)
    other = reliability(y, p, random_state=1)
    np.testing.assert_array_equal(one.lower, same.lower)
    assert not np.array_equal(one.lower, other.lower)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert (one.lower <= one.upper).all()
    assert (np.diff(one.lower) >= 0).all()
    assert (np.diff(one.upper) >= 0).all()
    wider = reliability(y, p, level=0.99)
    assert (wider.lower <= one.lower).all()
    assert (wider.upper >= one.upper).all()
    assert wider.n_resamples == 1000
    assert reliability(y[:20], p[:20], level=0.999).n_resamples == 10_000


def test_quantiles_over_steps_are_quantiles_at_each_probability():
    """The table of steps against one fit per draw, kept whole."""
    from scipy.optimize import isotonic_regression

    from oddsmith.decisions.consistency import consistency, grade

    y, p = calibrated(150, 3, decimals=2)
    rows = grade(y == 1, p, None, 10)
    found = consistency(rows, 0.9, 50, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    whole = [
        isotonic_regression(rows.draw(rng) / rows.weight, weights=rows.weight).x for _ in range(50)
    ]
    np.testing.assert_allclose(found.lower, np.quantile(whole, 0.05, axis=0), rtol=1e-14)
    np.testing.assert_allclose(found.upper, np.quantile(whole, 0.95, axis=0), rtol=1e-14)


# -------------------------------------------------------------------------------------------- ECE


def test_the_calibration_error_is_that_of_bins_of_equal_weight():
    y, p = calibrated(1000, 2)
    found = reliability(y, p)
    order = np.argsort(p)
    bins = zip(np.split(y[order], 10), np.split(p[order], 10), strict=True)
    by_hand = np.mean([abs(one.mean() - other.mean()) for one, other in bins])
    assert found.error.value == pytest.approx(by_hand, rel=1e-12)
    assert found.error.n_bins == 10
    assert reliability(y, p, n_bins=1).error.value == pytest.approx(abs(y.mean() - p.mean()))


def test_the_bias_of_the_calibration_error_is_its_mean_of_exact_probabilities():
    p = calibrated(500)[1]
    rng = np.random.default_rng(5)
    values = [
        reliability((rng.random(500) < p).astype(int), p, n_resamples=1).error.value
        for _ in range(500)
    ]
    stated = reliability((rng.random(500) < p).astype(int), p).error.bias
    assert stated == pytest.approx(np.mean(values), rel=0.05)


def test_bins_have_equal_weight_and_not_equal_numbers_of_rows():
    y, p, w = [0, 1, 0, 0], [0.1, 0.2, 0.6, 0.7], [1.0, 1.0, 1.0, 3.0]
    found = reliability(y, p, w, n_bins=2)
    # Weights 3 and 3: the first three rows, and the last.
    assert found.error.value == pytest.approx((abs(1 - 0.9) + 3 * 0.7) / 6)


def test_bins_keep_ties_together():
    found = reliability([0, 1, 1, 0, 1, 0], [0.5] * 5 + [0.9], n_bins=4)
    assert found.error.n_bins == 2
    assert found.error.value == pytest.approx((abs(3 - 2.5) + 0.9) / 6)


# -------------------------------------------------------------------------------------- hard input


def test_certainty_that_was_wrong_costs_infinitely_and_is_said_so():
    found = reliability([1, 0, 1, 0], [0.0, 0.2, 0.9, 0.3])
    assert math.isinf(found.log_loss.score)
    assert math.isinf(found.log_loss.miscalibration)
    assert math.isfinite(found.log_loss.discrimination)
    assert found.log_loss.uncertainty == pytest.approx(math.log(2))
    assert "weight 1 of 4" in found.notes[0]
    assert math.isfinite(found.brier.score)


def test_certainty_that_was_right_costs_nothing():
    found = reliability([0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0])
    assert found.log_loss.score == found.log_loss.miscalibration == 0.0
    assert found.log_loss.discrimination == pytest.approx(math.log(2))
    np.testing.assert_array_equal(found.lower, [0, 1])
    np.testing.assert_array_equal(found.upper, [0, 1])
    assert found.notes == ()


def test_a_weight_too_small_to_be_seen_beside_another_keeps_the_scores_finite():
    found = reliability([1, 0], [0.5, 0.5], [1.0, 1e-20])
    assert found.recalibrated[0] == 1.0
    assert math.isfinite(found.log_loss.miscalibration)
    assert found.log_loss.miscalibration == pytest.approx(math.log(2))


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_enough_where_it_is_known_which(label):
    found = reliability([label] * 3, [0.2, 0.4, 0.6])
    np.testing.assert_array_equal(found.recalibrated, [label] * 3)
    assert found.log_loss.uncertainty == found.brier.uncertainty == 0.0
    assert found.positive == 1
    named = reliability(["no"] * 3, [0.2, 0.4, 0.6], positive="yes")
    assert named.positive_weight.sum() == 0.0
    with pytest.raises(ParameterError, match="one label only, 'no'"):
        reliability(["no"] * 3, [0.2, 0.4, 0.6])


def test_two_rows_constant_and_tiny_probabilities():
    found = reliability([0, 1], [0.5, 0.5])
    np.testing.assert_array_equal(found.recalibrated, [0.5])
    assert "told apart" in found.notes[-1]
    assert found.log_loss.discrimination == found.log_loss.miscalibration == 0.0
    tiny = reliability([0, 1], [1e-300, 1 - 1e-16])
    assert tiny.log_loss.score == pytest.approx(5.55e-17, rel=0.01)
    assert reliability([0, 1], [-0.0, 0.0]).probability.size == 1


def test_labels_of_any_kind():
    p = [0.1, 0.8, 0.4]
    expected = reliability([0, 1, 0], p)
    for y in (
        ["no", "yes", "no"],
        [False, True, False],
        pd.Series(["a", "b", "a"]),
        pd.Series(["a", "b", "a"], dtype="category"),
        np.array(["a", "b", "a"], dtype=object),
        [-1, 1, -1],
    ):
        found = reliability(y, pd.Series(p))
        np.testing.assert_array_equal(found.recalibrated, expected.recalibrated)
        np.testing.assert_array_equal(found.lower, expected.lower)
    flipped = reliability(["no", "yes", "no"], p, positive="no")
    assert flipped.positive_weight.tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"y": [0, 1], "probability": [0.1, 1.2]}, "1.2 in row 1"),
        ({"y": [0, 1], "probability": [0.1, np.nan]}, "nan in row 1"),
        ({"y": [0, 1], "probability": [0.1]}, r"shape \(1,\)"),
        ({"y": [0, 1], "probability": [[0.9, 0.1], [0.2, 0.8]]}, "positive class alone"),
        ({"y": [0, 1], "probability": ["a", "b"]}, "real numbers"),
        ({"y": [0, 1, 2], "probability": [0.1, 0.2, 0.3]}, "3 labels"),
        ({"y": [[0], [1]], "probability": [0.1, 0.2]}, "one label per row"),
        ({"y": [], "probability": []}, "no rows"),
        ({"y": [0.0, np.nan], "probability": [0.1, 0.2]}, "no label in row 1"),
        ({"y": ["a", None], "probability": [0.1, 0.2]}, "no label in row 1"),
        ({"y": np.array(["a", 1], object), "probability": [0.1, 0.2]}, "sorted"),
        ({"y": [0, 1], "probability": [0.1, 0.2], "sample_weight": [1, -1]}, "-1.0 in row 1"),
        ({"y": [0, 1], "probability": [0.1, 0.2], "sample_weight": [0, 0]}, "all weights"),
        ({"y": [0, 1], "probability": [0.1, 0.2], "sample_weight": [1]}, "one number per row"),
    ],
)
def test_rows_that_cannot_be_used_are_named(arguments, words):
    with pytest.raises(DataError, match=words):
        reliability(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"y": [[0], [1], [1]]},
        {"y": []},
        {"y": [0, 1, 2]},
        {"y": ["a", pd.NA, "b"]},
        {"y": [0.0, np.nan, 1.0]},
        {"y": np.array(["a", 1, 1], object)},
        {"y": np.array(["2020", "NaT", "2021"], "datetime64[D]")},
        {"positive": "maybe"},
        {"positive": [0, 1]},
        {"sample_weight": [1.0, np.nan, 1.0]},
        {"sample_weight": [1.0, -1.0, 1.0]},
        {"sample_weight": [1e308, 1e308, 1e308]},
        {"sample_weight": [0, 0, 0]},
        {"sample_weight": ["1", "1", "1"]},
        {"sample_weight": [1j, 1, 1]},
        {"sample_weight": [1, 1]},
    ],
)
def test_what_is_wrong_with_rows_is_said_in_the_same_words_of_curve_and_calibration(arguments):
    """And in those of a comparison, where it reads them, too."""
    said = []
    given = {"y": [0, 1, 1]} | arguments
    for judge in (reliability, threshold_curve):
        with pytest.raises((DataError, ParameterError)) as caught:
            judge(given["y"], [0.1, 0.2, 0.3], given.get("sample_weight"), **_positive(given))
        said.append((type(caught.value), str(caught.value)))
    # A comparison has no positive class, and takes more than two.
    if "positive" not in given and "2, and so more" not in said[0][1]:
        half = [0.5, 0.5, 0.5]
        with pytest.raises(DataError) as caught:
            compare(
                {"a": half, "b": half}, None, given["y"], sample_weight=given.get("sample_weight")
            )
        said.append((type(caught.value), str(caught.value)))
    assert len(set(said)) == 1, said


def _positive(given):
    return {"positive": given["positive"]} if "positive" in given else {}


def test_one_class_against_the_rest_and_one_weight_for_all():
    y, p = ["a", "b", "c", "c"], [0.1, 0.2, 0.6, 0.9]
    found = reliability(y, p, 2.0, positive="c")
    same = reliability([0, 0, 1, 1], p, [2.0] * 4)
    np.testing.assert_array_equal(found.positive_weight, same.positive_weight)
    assert found.weight.sum() == 8.0
    assert found.positive == "c"
    # Labels that cannot be sorted need none, where the positive one is named.
    mixed = reliability(np.array(["a", 1, 2.5], object), [0.1, 0.2, 0.3], positive="a")
    assert mixed.positive_weight.sum() == 1.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"level": 1.0}, "level=1.0"),
        ({"level": "a"}, "level='a'"),
        ({"level": 0.9999999}, "level=0.9999999 needs 100,000,00. draws"),
        ({"n_resamples": 0}, "n_resamples=0"),
        ({"n_bins": 0}, "n_bins=0"),
        ({"n_bins": 2.5}, "n_bins=2.5"),
        ({"random_state": "x"}, "random_state='x'"),
        ({"positive": 3}, "positive=3"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(arguments, words):
    with pytest.raises(ParameterError, match=words):
        reliability([0, 1], [0.2, 0.7], **arguments)


def test_weights_of_zero_leave_rows_out_and_are_told():
    found = reliability([0, 1, 1], [0.2, 0.7, 0.1], [1, 1, 0])
    assert found.n_rows == 2
    assert found.probability.tolist() == [0.2, 0.7]
    assert "1 rows of weight 0" in found.notes[0]


def test_a_million_distinct_probabilities_take_seconds():
    y, p = calibrated(10**6)
    start = time.perf_counter()
    found = reliability(y, p)
    taken = time.perf_counter() - start
    assert found.probability.size == np.unique(p).size > 999_000
    assert found.n_resamples == 100
    assert any("100 draws" in note for note in found.notes)
    assert taken < 30.0  # 3 seconds on two idle cores
    middle = slice(1000, -1000)
    held = (found.lower <= found.recalibrated) & (found.recalibrated <= found.upper)
    assert 0.75 < held[middle].mean() <= 1.0


def test_the_python_of_the_page_runs(capsys):
    page = Path(__file__).parent.parent / "docs" / "calibration.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    names = {}
    for block in blocks:
        exec(block, names)  # noqa: S102
    before, after = names["found"], names["after"]
    assert after.log_loss.miscalibration < 0.1 * before.log_loss.miscalibration
    assert "one column" in capsys.readouterr().out


def test_a_probability_is_in_the_bin_of_its_middle_row():
    # Weights of 1, 2 and 1 in two bins: the middle of the second is where the second bin begins.
    rows = grade(np.zeros(4, dtype=bool), np.array([0.1, 0.2, 0.2, 0.3]), None, 2)
    assert rows.bins.tolist() == [0, 1]
    rows = grade(np.zeros(3, dtype=bool), np.array([0.1, 0.2, 0.3]), np.array([1.0, 1.9, 1.1]), 2)
    assert rows.bins.tolist() == [0, 2]
