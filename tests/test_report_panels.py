"""The report's threshold, calibration and what-if, driven in a browser, against scikit-learn."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from browser import as_number, chromium, opened, place
from report_pages import fitted, page_file, spread_of
from sklearn import metrics

from oddsmith import LogisticRegression, TableEncoder
from oddsmith.core.table_columns import Column, objects
from oddsmith.data.tables import read_array
from oddsmith.decisions.calibration import reliability
from oddsmith.decisions.thresholds import threshold_curve
from oddsmith.estimators.description import describe
from oddsmith.export.schema import Model, plain_model
from oddsmith.views.pages.report import calibration, threshold, what_if
from oddsmith.views.pages.report.document import Examples, Judged, Report, Spread
from oddsmith.views.pages.report.one_class import shown_classes
from oddsmith.views.pages.report.page import report_page
from oddsmith.views.pages.report.positions import slider_positions

MADE = "2026-01-31T12:00:00Z"
MEASURES = ("precision", "recall", "specificity", "f1", "accuracy", "fallout")
# What the page shows of the threshold section, at each of some positions of the slider.
WALK = """(places) => places.map((place) => {
  const slider = document.getElementById("threshold-slider");
  slider.value = place;
  slider.dispatchEvent(new Event("input", {bubbles: true}));
  const shown = {typed: document.getElementById("threshold-typed").value};
  for (const found of document.querySelectorAll('data[id^="threshold-"]')) {
    shown[found.id.slice(10)] = [found.value, found.textContent];
  }
  shown["cost-parts"] = document.getElementById("threshold-cost-parts").textContent;
  shown.words = document.getElementById("threshold-words").textContent;
  return shown;
})"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def judged_report(y, p, weight=None, cost=(1.0, 5.0), labels=("no", "yes")):
    """A report on probabilities that no model needs to have made."""
    p = np.column_stack([1 - p, p]) if p.ndim == 1 else p
    k = p.shape[1]
    coef = np.zeros((1 if k == 2 else k, 1))
    model = plain_model(["x"], labels, "bought", coef, np.zeros(len(coef)))
    return Report("A title", MADE, model, judged=Judged("held.csv", False, y, p, weight), cost=cost)


def drawn(n, seed=0, digits=None):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.7, 1.2, size=n)
    y = (rng.random(n) < p**1.3).astype(int)
    return y, p if digits is None else p.round(digits)


# ---- threshold ----------------------------------------------------------------------------------


def value(found):
    return float("nan") if found[0] == "undefined" else float(found[0])


def check_position(shown, y, p, limit, weight=None, cost=(1.0, 5.0)):
    """Every number that the page shows is that of scikit-learn at the threshold."""
    guess = p >= limit
    tn, fp, fn, tp = metrics.confusion_matrix(y, guess, sample_weight=weight, labels=[0, 1]).ravel()
    for name, count in {"tp": tp, "fp": fp, "tn": tn, "fn": fn}.items():
        np.testing.assert_allclose(value(shown[name]), count, rtol=1e-12, err_msg=name)
        text = f"{count:,}" if weight is None else f"{float(f'{count:.6g}'):,}"
        assert as_number(shown[name][1]) == as_number(text)
    how = {"sample_weight": weight, "zero_division": np.nan}
    expected = {
        "precision": metrics.precision_score(y, guess, **how),
        "recall": metrics.recall_score(y, guess, **how),
        "specificity": metrics.recall_score(y, guess, pos_label=0, **how),
        "f1": metrics.f1_score(y, guess, **how),
        "accuracy": metrics.accuracy_score(y, guess, sample_weight=weight),
        "fallout": fp / (fp + tn),
    }
    for name, number in expected.items():
        np.testing.assert_allclose(value(shown[name]), number, rtol=1e-12, err_msg=name)
        said = shown[name][1]
        assert said == "undefined" if np.isnan(number) else abs(float(said) - number) < 5.1e-5
    total = cost[0] * fp + cost[1] * fn
    np.testing.assert_allclose(value(shown["cost"]), total / (tp + fp + tn + fn), rtol=1e-12)
    said = as_number(shown["cost-parts"].removesuffix(" in total"))
    assert said == pytest.approx(total, rel=1e-5)


def limit_of(shown, p):
    """The threshold in the field; empty above all scores."""
    return float(shown["typed"]) if shown["typed"] else p.max() + 1


@pytest.mark.parametrize("weighted", [False, True])
def test_every_position_is_exact(browser, tmp_path, weighted):
    y, p = drawn(90, digits=2)
    weight = np.random.default_rng(5).exponential(size=90) if weighted else None
    path = page_file(tmp_path, judged_report(y, p, weight))
    scores = np.unique(p)
    with opened(browser, path) as page:
        assert page.locator("#threshold-slider").get_attribute("max") == str(scores.size)
        shown = page.evaluate(WALK, list(range(scores.size + 1)))
        for at, limit in zip(shown, [*scores, 2.0], strict=True):
            check_position(at, y, p, limit, weight)
            check_position(at, y, p, limit_of(at, p), weight)
        assert shown[-1]["precision"][1] == "undefined"
        assert "No row is predicted" in shown[-1]["words"]
        assert ("adds up their weights" in page.inner_text("#threshold")) == weighted


def test_many_rows_have_quantiles_of_their_scores(browser, tmp_path):
    y, p = drawn(60_000)
    path = page_file(tmp_path, judged_report(y, p))
    with opened(browser, path) as page:
        last = int(page.locator("#threshold-slider").get_attribute("max"))
        assert 9_900 < last < threshold.MOST_POSITIONS
        places = np.linspace(0, last, 40).astype(int).tolist()
        shown = page.evaluate(WALK, places)
        for at in shown:
            check_position(at, y, p, limit_of(at, p))
        said = page.inner_text("#threshold-how")
        assert "60,000 distinct scores" in said
        assert f"{last + 1:,} positions" in said
        # What is the best of all distinct scores is so on the page, whatever errors cost.
        curve = threshold_curve(y, p)
        for fp, fn in [(1, 1), (1, 7.3), (3, 0.2), (0, 1), (1, 0)]:
            page.locator("#threshold-cost-fp").fill(str(fp))
            page.locator("#threshold-cost-fn").fill(str(fn))
            best = curve.cost(fp=fp, fn=fn).min() / y.size
            assert float(page.locator("#threshold-best-cost").get_attribute("value")) == best


def test_the_best_by_each_rule_is_marked_and_reached(browser, tmp_path):
    y, p = drawn(300, seed=3, digits=3)
    curve = threshold_curve(y, p)
    path = page_file(tmp_path, judged_report(y, p))
    rules = {"f1": "f1", "accuracy": "accuracy", "balanced": "balanced_accuracy", "mcc": "mcc"}
    with opened(browser, path) as page:
        for name, rule in rules.items():
            best = curve.best(rule)
            shown = float(page.locator(f"#threshold-best-{name}").get_attribute("value"))
            assert shown == pytest.approx(best.value, rel=1e-12)
            page.locator(f'[data-best="{name}"]').click()
            check_position(
                page.evaluate(WALK, [int(page.input_value("#threshold-slider"))])[0],
                y,
                p,
                best.threshold,
            )
            assert page.locator(f'[data-best="{name}"]').get_attribute("aria-current") == "true"
            x, up = place(page, "threshold_roc", "point")
            assert (x, up) == (
                pytest.approx(1 - best.specificity, abs=5e-3),
                pytest.approx(best.recall, abs=5e-3),
            )
            x, up = place(page, "threshold_precision", "point")
            assert (x, up) == (
                pytest.approx(best.recall, abs=5e-3),
                pytest.approx(best.precision, abs=5e-3),
            )
        for cost in [(1.0, 5.0), (4.0, 1.0), (1e-30, 3e-30)]:
            page.locator("#threshold-cost-fp").fill(repr(cost[0]))
            page.locator("#threshold-cost-fn").fill(repr(cost[1]))
            page.locator('[data-best="cost"]').click()
            best = curve.best(cost={"fp": cost[0], "fn": cost[1]})
            at = page.evaluate(WALK, [int(page.input_value("#threshold-slider"))])[0]
            check_position(at, y, p, best.threshold, cost=cost)
        letters = page.locator("#chart-threshold_scores .letters text").all_text_contents()
        assert set(" ".join(letters).split()) == set("FABMC")
        page.locator("#threshold-cost-fp").fill("")
        assert page.locator("#threshold-cost").inner_text() == "undefined"
        assert page.locator('[data-best="cost"]').is_disabled()


def test_thresholds_are_typed_and_keys_move_the_slider(browser, tmp_path):
    y, p = drawn(200, seed=4, digits=2)
    path = page_file(tmp_path, judged_report(y, p))
    field = "#threshold-typed"
    with opened(browser, path) as page:
        assert page.input_value(field) == "0.5"
        for limit in (0.3, 0.123456, 0.0, -4.0, 1.0, 7.0, float(p.max()), np.nextafter(p.max(), 2)):
            page.locator(field).fill(repr(float(limit)))
            assert float(page.input_value(field)) == limit
            shown = page.evaluate(
                WALK.replace('slider.dispatchEvent(new Event("input", {bubbles: true}));', ""),
                [int(page.input_value("#threshold-slider"))],
            )[0]
            check_position(shown, y, p, limit)
        page.locator(field).fill("0.3")
        before = int(page.input_value("#threshold-slider"))
        for key, by in [("ArrowRight", 1), ("ArrowLeft", -1), ("End", None), ("Home", None)]:
            page.locator("#threshold-slider").press(key)
            now = int(page.input_value("#threshold-slider"))
            assert by is None or now == before + by
            before = now
        assert before == 0
        page.locator("#threshold-slider").press("PageUp")
        assert int(page.input_value("#threshold-slider")) > 5
        spoken = page.locator("#threshold-slider").get_attribute("aria-valuetext")
        assert spoken == page.input_value(field)


def test_a_typed_threshold_between_positions_says_so(browser, tmp_path):
    y, p = drawn(30_000)
    path = page_file(tmp_path, judged_report(y, p))
    distinct = np.unique(p)
    with opened(browser, path) as page:
        said = set()
        for limit in distinct[15_000:15_012].tolist():
            page.locator("#threshold-typed").fill(repr(limit))
            text = page.inner_text("#threshold-where")
            exact = (
                int(page.locator("#threshold-tp").get_attribute("value"))
                == (p[y == 1] >= limit).sum()
            )
            exact &= (
                int(page.locator("#threshold-fp").get_attribute("value"))
                == (p[y == 0] >= limit).sum()
            )
            assert exact or "no position with just these rows" in text
            said.add("no position" in text)
        assert said == {True, False}


def test_classes_are_judged_one_by_one(browser, tmp_path):
    report, *_ = [fitted(200, ((1.0, 0.0), (-1.0, 0.5), (0.0, -0.5)), infer=False)]
    judged = report.judged
    path = page_file(tmp_path, report)
    with opened(browser, path) as page:
        for k in range(3):
            page.locator("#threshold-class").select_option(str(k))
            last = int(page.locator("#threshold-slider").get_attribute("max"))
            p = judged.probabilities[:, k]
            for at in page.evaluate(WALK, list(range(0, last + 1, 9))):
                check_position(at, (judged.y == k).astype(int), p, limit_of(at, p), cost=(1.0, 1.0))
        rows = page.locator(".classes tbody tr").all()
        table = [[int(c) for c in row.locator("td").all_inner_texts()[:-1]] for row in rows]
        guess = judged.probabilities.argmax(axis=1)
        assert table == metrics.confusion_matrix(judged.y, guess).tolist()


def test_positions_share_a_budget_and_keep_the_corners():
    rng = np.random.default_rng(0)
    k, n = 25, 3_000
    p = rng.dirichlet(np.full(k, 0.3), size=n)
    y = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    section = threshold.section(judged_report(y, p, labels=tuple(f"c{j:02d}" for j in range(k))))
    classes = section.data["classes"]
    assert len(classes) == 20
    assert sum(len(one["tp"]) for one in classes) <= threshold.MOST_POSITIONS
    assert section.context["left_out"] == 5
    assert section.context["table"] is None


def test_few_positions_hold_what_any_cost_chooses():
    y, p = drawn(5_000)
    judged = judged_report(y, p)
    found = slider_positions(shown_classes(judged.model, judged.judged)[0], 100)
    assert found.score.size <= 100
    assert found.score[-1] == np.inf
    curve = threshold_curve(y, p)
    for ratio in np.geomspace(1e-3, 1e3, 50):
        assert (found.fp + ratio * found.fn).min() == curve.cost(fp=1.0, fn=ratio).min()


@pytest.mark.parametrize("y", [[0, 0], [1, 1]])
def test_one_class_alone_is_named(browser, tmp_path, y):
    path = page_file(tmp_path, judged_report(np.array(y), np.array([0.2, 0.7])))
    with opened(browser, path) as page:
        assert "no threshold can be judged" in page.inner_text("#threshold")
        assert page.locator("#calibration").count() == 0


def test_equal_scores_and_scores_of_one_have_two_positions(browser, tmp_path):
    y = np.array([0, 1, 1])
    path = page_file(tmp_path, judged_report(y, np.ones(3)))
    with opened(browser, path) as page:
        first, last = page.evaluate(WALK, [0, 1])
        assert (first["tp"][0], first["fp"][0], first["typed"]) == ("2", "1", "0.5")
        assert (last["tp"][0], last["fp"][0], last["typed"]) == ("0", "0", "")


# ---- calibration --------------------------------------------------------------------------------


def test_the_curve_and_the_numbers_are_those_of_reliability(browser, tmp_path):
    y, p = drawn(400, seed=6)
    held = reliability(y, p)
    path = page_file(tmp_path, judged_report(y, p))
    section = calibration.section(judged_report(y, p))
    [one] = section.data["classes"]
    np.testing.assert_allclose(one["observed"], held.recalibrated, atol=5.1e-6)
    np.testing.assert_allclose(one["lower"], held.lower, atol=5.1e-6)
    assert sum(one["bars"]) == 400
    with opened(browser, path) as page:
        rows = page.locator(".parts-of-scores tbody tr").all()
        shown = [[float(c) for c in row.locator("td").all_inner_texts()] for row in rows]
        parts = ("uncertainty", "discrimination", "miscalibration", "score")
        expected = [
            [getattr(found, part) for found in (held.log_loss, held.brier)] for part in parts
        ]
        np.testing.assert_allclose(shown, expected, atol=5.1e-5)
        tiles = page.locator("#calibration .tiles dd:not(.parts)").all_inner_texts()
        assert tiles == [f"{held.error.value:.4f}", f"{held.error.bias:.4f}"]
        assert page.locator("#chart-calibration_curve .path path").count() == 1


def test_drawn_curves_keep_their_shape():
    y, p = drawn(20_000, seed=7)
    held = reliability(y, p, n_resamples=100)
    one = calibration._drawn(
        shown_classes(judged_report(y, p).model, judged_report(y, p).judged)[0], held, 1000
    )
    assert len(one["p"]) <= 1000
    for name, line in (
        ("observed", held.recalibrated),
        ("lower", held.lower),
        ("upper", held.upper),
    ):
        away = np.abs(np.interp(held.probability, one["p"], one[name]) - line)
        assert np.mean(away) < 2e-3, name
        assert np.quantile(away, 0.999) < 0.02, name


def test_exact_probabilities_are_believed_and_others_are_not():
    rng = np.random.default_rng(8)
    believed = {"exact": 0, "too sure": 0}
    for _ in range(40):
        z = rng.normal(size=500)
        y = (rng.random(500) < 1 / (1 + np.exp(-z))).astype(int)
        for name, stretch in (("exact", 1.0), ("too sure", 2.5)):
            report = judged_report(y, 1 / (1 + np.exp(-stretch * z)))
            believed[name] += calibration.section(report).context["classes"][0]["good"]
    assert believed["exact"] >= 36
    assert believed["too sure"] <= 2


def test_where_probabilities_are_too_high_is_said(browser, tmp_path):
    rng = np.random.default_rng(9)
    p = rng.uniform(size=4000)
    y = (rng.random(4000) < np.where(p > 0.7, p - 0.25, p)).astype(int)
    path = page_file(tmp_path, judged_report(y, p))
    with opened(browser, path) as page:
        words = page.inner_text("#calibration")
        assert "not all to be taken at their word" in words
        assert re.search(r"from 0\.[67]\d* to .* are too high", words)


def test_an_infinite_loss_is_no_gap_in_the_table(browser, tmp_path):
    path = page_file(
        tmp_path, judged_report(np.array([1, 0, 1, 0]), np.array([0.0, 0.2, 0.9, 0.4]))
    )
    with opened(browser, path) as page:
        assert "infinite" in page.inner_text(".parts-of-scores")
        assert "exactly 0 or 1" in page.inner_text("#calibration")


def test_rounding_for_speed_keeps_the_ends():
    p = np.array([0.0, 5e-324, 1e-310, 1e-9, 0.123456, 0.5, 1 - 1e-9, 1.0])
    found = calibration._rounded(p)
    np.testing.assert_allclose(found, p, rtol=5e-3)
    np.testing.assert_allclose(1 - found, 1 - p, rtol=5e-3)
    assert found[0] == 0
    assert found[-1] == 1
    assert ((found > 0) & (found < 1))[1:-1].all()


# ---- what if ------------------------------------------------------------------------------------


def probability(page):
    return float(page.locator("#what_if-p").get_attribute("value"))


def check_answer(page, model, columns, k=1):
    """Probability, log-odds and the waterfall are those of the model, for a row of columns."""
    X = model.encoding.rows(columns)
    X = X.toarray() if hasattr(X, "toarray") else X
    assert probability(page) == pytest.approx(model.predict_proba(X)[0, k], rel=1e-12, abs=1e-300)
    margin = model.margin(X)[0]
    margin = margin - margin.mean() if np.ndim(margin) else margin
    expected = margin[k] if np.ndim(margin) else margin
    shown = float(page.locator("#what_if-margin").get_attribute("value"))
    assert shown == pytest.approx(expected, rel=1e-11, abs=1e-11)
    steps = page.locator("#what_if-steps data").evaluate_all(
        "(all) => all.map((x) => Number(x.value))"
    )
    assert steps[-1] == pytest.approx(expected, rel=1e-11, abs=1e-11)
    assert sum(steps[:-1]) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def number_columns(model, values):
    row = np.asarray(values, float)[None, :]
    return read_array(row, model.encoding.input_names())


@pytest.fixture(scope="module", params=[2, 3], ids=lambda k: f"{k} classes")
def numbers(request, tmp_path_factory):
    coef = (
        ((1.0, -0.5, 0.2),)
        if request.param == 2
        else ((1.0, 0.0, 0.3), (-1.0, 0.5, 0.0), (0.0, -0.5, -0.3))
    )
    report = fitted(300, coef, infer=False)
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 3)) * [1.0, 10.0, 100.0]
    keep = np.arange(0, 300, 10)
    examples = Examples(
        keep,
        "line",
        tuple(read_array(X, report.model.encoding.input_names())),
        report.judged.y[keep],
        300,
    )
    report = dataclasses.replace(report, examples=examples)
    return report, X, page_file(tmp_path_factory.mktemp("numbers"), report)


def test_sliders_and_fields_answer_as_predict_proba(browser, numbers):
    report, _, path = numbers
    model, values = report.model, [None] * 3
    with opened(browser, path) as page:
        k = 1
        if len(model.classes) > 2:
            page.locator("#what_if-class").select_option("2")
            k = 2
        for j, number in enumerate((-0.123456789012345, 17.25, 3e-7)):
            page.locator(f"#what_if-column-{j}").fill(repr(number))
        values = [-0.123456789012345, 17.25, 3e-7]
        check_answer(page, model, number_columns(model, values), k)
        for j in range(3):
            slider = page.locator(f".knob:has(#what_if-column-{j}) input[type=range]")
            for key in ("Home", "ArrowRight", "PageUp", "End"):
                slider.press(key)
                values[j] = float(page.input_value(f"#what_if-column-{j}"))
                check_answer(page, model, number_columns(model, values), k)
            assert values[j] == report.spread.high[j]
        page.locator("#what_if-column-0").fill("")
        check_answer(page, model, number_columns(model, values), k)
        page.locator("#what_if-reset").click()
        typical = [float(page.input_value(f"#what_if-column-{j}")) for j in range(3)]
        span = report.spread.high - report.spread.low
        assert (np.abs(typical - np.array(report.spread.typical)) <= 1e-5 * span).all()
        check_answer(page, model, number_columns(model, typical), k)


def test_rows_are_loaded_by_number(browser, numbers):
    report, X, path = numbers
    model = report.model
    names = [str(label) for label in model.classes]
    with opened(browser, path) as page:
        k = 1 if len(names) == 2 else int(page.input_value("#what_if-class"))

        def check(at, number):
            check_answer(page, model, number_columns(model, X[at]), k)
            said = page.inner_text("#what_if-state")
            assert f"Line {number} of held.csv, truly “{names[report.examples.y[at]]}”." in said
            return said

        page.locator("#what_if-row").fill("20")
        page.locator("#what_if-load").click()
        assert "Changed" not in check(2, 20)
        page.locator("#what_if-next").click()
        check(3, 30)
        page.locator("#what_if-previous").click()
        check(2, 20)
        page.locator("#what_if-row").fill("47")
        page.locator("#what_if-row").press("Enter")
        assert "Line 47 is not on this page; the nearest one is." in check(5, 50)
        page.locator("#what_if-column-1").fill("3")
        assert "Changed since in one column." in page.inner_text("#what_if-state")


def test_numbers_beyond_all_bounds_are_no_nan(browser, numbers):
    report, _, path = numbers
    model = report.model
    with opened(browser, path) as page:
        if len(model.classes) > 2:
            page.locator("#what_if-class").select_option("0")
        for number in ("1e300", "-1e300", "1.7e308", "-1.7e308"):
            for j in range(3):
                page.locator(f"#what_if-column-{j}").fill(number)
                assert 0 <= probability(page) <= 1
            assert "NaN" not in page.inner_text("#what_if")
            assert "NaN" not in page.locator("#chart-what_if").inner_html()
        page.locator("#what_if-column-0").fill("1.7e308")
        for j in (1, 2):
            page.locator(f"#what_if-column-{j}").fill("0")
        sign = (
            model.coef[0, 0] if len(model.coef) == 1 else model.coef[0, 0] - model.coef[1:, 0].max()
        )
        assert probability(page) == (1.0 if sign > 0 else 0.0)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Text with rare levels, holes and booleans: a model, its frame of examples, and its page."""
    rng = np.random.default_rng(0)
    n = 1500
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n).astype(float),
            "town": rng.choice(["Ulm", "Bonn", "Kiel", "Rom"], n, p=[0.4, 0.3, 0.28, 0.02]),
            "member": rng.random(n) < 0.4,
        }
    )
    z = 0.05 * (frame.age - 50) + (frame.town == "Ulm") - 0.8 * frame.member
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-z)), "yes", "no")
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame["town"] = frame["town"].astype(object)
    frame.loc[rng.random(n) < 0.1, "town"] = None
    encoder = TableEncoder(missing="indicator", min_count=60, unseen="pool")
    estimator = LogisticRegression(encoder=encoder).fit(frame, y)
    model = describe(estimator, MADE)
    rows = np.arange(60)
    columns = frame_columns(frame.iloc[:60])
    X = model.encoding.rows(frame_columns(frame))
    X = X.toarray() if hasattr(X, "toarray") else X
    none = float("nan")
    spread = Spread(
        np.array([18.0, none, 0.0]),
        np.array([89.0, none, 1.0]),
        (50.0, "Ulm", False),
        X.mean(axis=0),
        X.std(axis=0),
    )
    truth = (y[:60] == "yes").astype(int)
    judged = Judged("people.csv", False, truth, model.predict_proba(X[:60]))
    report = Report(
        "Who buys",
        MADE,
        model,
        judged=judged,
        spread=spread,
        examples=Examples(rows, "row", columns, truth, 60),
    )
    return model, frame, page_file(tmp_path_factory.mktemp("table"), report)


def frame_columns(frame):
    levels = sorted({town for town in frame["town"] if town is not None})
    codes = np.array([-1 if town is None else levels.index(town) for town in frame["town"]])
    none = np.empty(0, np.intp)
    return (
        Column("age", "number", frame["age"].to_numpy(), none, objects([])),
        Column("town", "category", np.empty(0), codes, objects(levels)),
        Column("member", "boolean", frame["member"].to_numpy(float), none, objects([])),
    )


def test_text_holes_and_booleans_answer_as_predict_proba(browser, table):
    model, frame, path = table
    with opened(browser, path) as page:
        options = page.locator("#what_if-column-1 option").all_inner_texts()
        assert options == ["Bonn", "Kiel", "Rom", "Ulm", "(other / not seen)", "(missing)"]
        page.locator("#what_if-column-0").fill("33")
        page.locator("#what_if-column-2").check()
        for town in options:
            page.locator("#what_if-column-1").select_option(label=town)
            known = {"(other / not seen)": "Nowhere", "(missing)": None}.get(town, town)
            row = pd.DataFrame({"age": [33.0], "town": [known], "member": [True]})
            check_answer(page, model, frame_columns(row))
        page.locator(".knob:has(#what_if-column-0) .missing input").check()
        row["age"] = np.nan
        check_answer(page, model, frame_columns(row))
        page.locator(".knob:has(#what_if-column-0) .missing input").uncheck()
        row["age"] = float(page.input_value("#what_if-column-0"))
        check_answer(page, model, frame_columns(row))
        for number in range(60):
            page.locator("#what_if-row").fill(str(number))
            page.locator("#what_if-load").click()
            check_answer(page, model, frame_columns(frame.iloc[[number]]))


def test_a_thousand_columns_are_found_and_few_are_drawn(browser, tmp_path):
    rng = np.random.default_rng(0)
    q = 1000
    coef = rng.normal(size=(1, q)) * 0.1
    coef[0, 17] = 3.0
    X = rng.normal(size=(500, q))
    names = [f"gene {j:04d}" for j in range(q)]
    model = plain_model(names, ["no", "yes"], "ill", coef, [0.3])
    p = model.predict_proba(X)
    judged = Judged("genes.csv", False, (p[:, 1] > rng.random(500)).astype(int), p)
    rows = np.arange(20)
    examples = Examples(rows, "row", tuple(read_array(X[:20], tuple(names))), judged.y[:20], 500)
    report = Report("Genes", MADE, model, judged=judged, spread=spread_of(X), examples=examples)
    path = page_file(tmp_path, report)
    assert path.stat().st_size < 3_000_000
    with opened(browser, path) as page:
        assert page.locator(".knob").count() == 15
        assert page.locator(".knob label").first.inner_text() == "gene 0017"
        page.locator("#what_if-row").fill("7")
        page.locator("#what_if-load").click()
        check_answer(page, model, number_columns(model, X[7]))
        page.locator("#what_if-search").fill("GENE 0999")
        page.locator("#what_if-found button").click()
        page.locator("#what_if-column-999").fill("2.5")
        row = X[7].copy()
        row[999] = 2.5
        check_answer(page, model, number_columns(model, row))
        page.locator("#what_if-search").fill("gene")
        assert page.locator("#what_if-found button").count() == 20
        page.locator("#what_if-more").click()
        assert page.locator(".knob").count() == 31
        assert page.locator("#what_if *").count() < 600


def test_what_if_stands_without_rows_and_refuses_too_much(browser, tmp_path):
    model = plain_model(["dose"], ["no", "yes"], "alive", [[2.0]], [-1.0])
    path = page_file(tmp_path, Report("Bare", MADE, model))
    with opened(browser, path) as page:
        page.locator("#what_if-column-0").fill("0.25")
        check_answer(page, model, number_columns(model, [0.25]))
        assert page.locator("#what_if-row").count() == 0
        assert page.locator("#threshold").count() == page.locator("#calibration").count() == 0
    wide = plain_model(
        [f"x{j}" for j in range(3000)], list(range(20)), None, np.zeros((20, 3000)), np.zeros(20)
    )
    section = what_if.section(Report("Wide", MADE, wide))
    assert not section.script
    assert section.context["numbers"] == 60_000


def test_columns_of_many_levels_keep_the_most_frequent_ones():
    """Where all levels of all columns were too many, each column has some."""
    rng = np.random.default_rng(0)
    table = {f"site {j}": [f"{'x' * 30} {k:04d}" for k in rng.permutation(290)] for j in range(150)}
    encoding = TableEncoder().fit(table).encoding_
    model = Model(encoding, True, ("no", "yes"), None, rng.normal(size=(1, encoding.width)), [0.0])
    report = Report("Wide", MADE, model)
    section = what_if.section(report)
    assert section.script
    options = section.data["columns"][0]["options"]
    assert 90 <= len(options) < 290
    assert section.data["columns"][0]["left_out"] == 290 - len(options)
    assert len(report_page(report)) < 3_000_000


@pytest.mark.parametrize("k", [2, 20])
def test_no_page_is_larger_than_it_may_be(k):
    """A thousand columns, weighted rows, as many scores as there are: what is cut off is said."""
    rng = np.random.default_rng(k)
    names = [f"{'n' * 190} {j}" for j in range(1000)]
    coef = rng.normal(size=(1 if k == 2 else k, 1000))
    labels = [f"{'größe' * 2000} {j}" for j in range(k)]
    model = plain_model(names, labels, "t" * 10**6, coef, np.zeros(len(coef)))
    p = rng.dirichlet(np.ones(k), size=12_000)
    y = rng.integers(0, k, 12_000)
    judged = Judged("big.csv", None, y, p, rng.exponential(size=12_000))
    X = rng.normal(size=(40, 1000))
    examples = Examples(np.arange(40), "row", tuple(read_array(X, tuple(names))), y[:40], 12_000)
    size = {"judged": judged, "spread": spread_of(X), "examples": examples}
    page = report_page(Report("w" * 10**6, MADE, model, **size, notes=("o" * 10**6,) * 3))
    assert len(page.encode()) < 3_000_000
    [data] = re.findall(r'id="page">(.*?)</script>', page, re.DOTALL)
    shown = json.loads(data)["data"]
    kept = shown["what_if"]["examples"]["numbers"]
    assert kept == list(range(0, 40, kept[1] if len(kept) > 1 else 1))[: len(kept)]
    assert f"{len(kept)} of 12,000 rows are on this page" in page
    assert len(shown["threshold"]["classes"][0]["score"]) >= 1000 // k


def test_rows_that_the_model_refuses_are_not_offered():
    model = plain_model(["dose"], ["no", "yes"], "alive", [[2.0]], [-1.0])
    doses = np.array([1.0, np.nan, np.inf, 2.0])
    columns = (Column("dose", "number", doses, np.empty(0, np.intp), objects([])),)
    examples = Examples(np.array([0, 4, 5, 9]), "row", columns, np.array([0, 1, 0, 1]), 10)
    data = what_if.section(Report("Bare", MADE, model, examples=examples)).data
    assert data["examples"] == {"numbers": [0, 9], "classes": [0, 1], "values": [[1, 2]]}
