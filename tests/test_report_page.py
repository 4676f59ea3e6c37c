"""The report's page in a browser: what it says first, its coefficients, training, comparison."""

import dataclasses
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from browser import as_number, axis, chromium, numbers, opened
from report_pages import MADE, fitted, page_file, rows_of, spread_of
from sklearn import metrics

import oddsmith
from oddsmith.decisions.comparison import Comparison, Difference, Score
from oddsmith.estimators.judged_rows import gathered
from oddsmith.estimators.report import compose
from oddsmith.estimators.report import with_rows as with_rows_of
from oddsmith.export.provenance import Certificate, Training
from oddsmith.export.schema import plain_model
from oddsmith.views.pages.charts import load_charts, with_rows
from oddsmith.views.pages.report.coefficients import section as coefficients
from oddsmith.views.pages.report.document import Judged, Report
from oddsmith.views.pages.report.overview import section as overview
from oddsmith.views.pages.report.page import report_page
from oddsmith.views.pages.report.proof import objective_of
from oddsmith.views.pages.report.training import section as training
from oddsmith.views.pages.report.words import figure, fitting, p_text, percent

Z = 1.959963984540054


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def two():
    return fitted()


@pytest.fixture(scope="module")
def three():
    return fitted(coef=((1.0, 0.0, 0.2), (0.0, 1.0, 0.0), (0.0, 0.0, 0.7)))


@pytest.fixture(scope="module")
def files(tmp_path_factory, two, three):
    folder = tmp_path_factory.mktemp("reports")
    return {"two": page_file(folder, two, "two"), "three": page_file(folder, three, "three")}


def bare(coef=((1.0, -1.0),), training=None, certificate=None, **parts):
    """A report of a model alone, which nobody has fitted."""
    coef = np.array(coef, dtype=float)
    names = [f"x{j}" for j in range(coef.shape[1])]
    classes = list(range(max(2, len(coef))))
    model = plain_model(names, classes, "y", coef, np.zeros(len(coef)), training, certificate)
    return Report("Bare", MADE, model, **parts)


def tiles(report):
    return {tile.name: tile.value for tile in overview(report).context["tiles"]}


# ---- in short -----------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_the_headline_is_that_of_scikit_learn(two, weighted):
    judged = two.judged
    weight = np.random.default_rng(1).uniform(0, 3, len(judged.y)) if weighted else None
    report = dataclasses.replace(two, judged=dataclasses.replace(judged, weight=weight))
    y, p = judged.y, judged.probabilities
    shares = np.bincount(y, weight) / np.bincount(y, weight).sum()
    shown = overview(report).context
    assert tiles(report) == {
        "AUC": f"{metrics.roc_auc_score(y, p[:, 1], sample_weight=weight):.4f}",
        "log loss (nats per row)": figure(metrics.log_loss(y, p, sample_weight=weight)),
        "accuracy": percent(metrics.accuracy_score(y, p[:, 1] >= 0.5, sample_weight=weight)),
        "rows": "400",
    }
    base = metrics.log_loss(y, np.tile(shares, (len(y), 1)), sample_weight=weight)
    assert f"alone reach: {figure(base)}" in shown["tiles"][1].words
    assert [row[1] for row in shown["shares"]] == [str(n) for n in np.bincount(y)]
    assert [row[2] for row in shown["shares"]] == [percent(share) for share in shares]


def test_the_headline_of_three_classes(three):
    y, p = three.judged.y, three.judged.probabilities
    assert tiles(three) == {
        "accuracy": percent(metrics.accuracy_score(y, p.argmax(axis=1))),
        "mean recall": percent(metrics.balanced_accuracy_score(y, p.argmax(axis=1))),
        "log loss (nats per row)": figure(metrics.log_loss(y, p)),
        "rows": "400",
    }


def test_a_manager_reads_it(browser, files):
    with opened(browser, files["two"]) as page:
        lead = page.inner_text(".lead >> nth=0")
        assert "whether the target is “class 1” or “class 0”, from 3 columns" in lead
        assert "on 400 rows of held.csv that it was not fitted to." in lead
        assert page.title() == "A title"
        assert MADE in page.inner_text("footer")
        assert page.locator("nav a").count() == page.locator("main > section").count()
        for link in page.locator("nav a").all():
            assert page.locator(f"section{link.get_attribute('href')}").count() == 1


def judged_as(y, p, seen=False):
    y, p = np.array(y), np.array(p, dtype=float)
    return Judged("rows", seen, y, np.column_stack([1 - p, p]))


def test_what_flatters_is_said(browser, tmp_path):
    rows = judged_as([0, 1, 1], [0.1, 0.7, 0.6], seen=True)
    path = page_file(tmp_path, bare(judged=rows, spread=spread_of(np.eye(2))))
    with opened(browser, path) as page:
        assert "that it was fitted to." in page.inner_text(".lead >> nth=0")
        assert "they flatter the model" in page.inner_text("#overview .warning")


def test_one_class_alone_has_no_auc():
    report = bare(judged=judged_as([1, 1], [0.7, 0.6], seen=None))
    assert tiles(report)["AUC"] == "undefined"
    [said] = overview(report).context["cautions"]
    assert "Some classes are not among these rows: 1 class of 2." in said
    assert overview(report).context["seen"] is None


def test_probabilities_worth_nothing_are_called_so():
    [said] = overview(bare(judged=judged_as([0, 1], [0.6, 0.4]))).context["cautions"]
    assert "worth nothing" in said


def test_an_infinite_log_loss_is_named():
    report = bare(judged=judged_as([0, 1, 1], [0.0, 1.0, 0.0]))
    said = " ".join(overview(report).context["cautions"])
    assert "1 row had the probability 0 (less than 5e−324) for what happened" in said
    clipped = figure(metrics.log_loss([0, 1, 1], [0.0, 1.0, 0.0]))
    assert said.endswith(f"scikit-learn counts such rows as 2.2e−16 and says {clipped}.")
    # As in the section Calibration; there it is not clipped.
    assert tiles(report)["log loss (nats per row)"] == "infinite"
    assert "worth nothing" not in said


def test_names_of_facts_are_of_one_style(tmp_path):
    X = pd.DataFrame({"dose": [0.5, None, 2.0, 1.0], "kind": ["a", "b", "a", "b"]})
    encoder = oddsmith.TableEncoder(missing="mean")
    model = oddsmith.LogisticRegression(encoder=encoder).fit(X, [0, 1, 1, 0])
    facts = compose(model._description(None), facts=[("Data", "doses.csv")])
    names = [name for name, _ in overview(facts).context["facts"]]
    assert {"Data", "Kinds of columns", "Missing values", "Rows of the fit"} <= set(names)
    assert all(name[0].isupper() for name in names)


def test_a_page_without_judged_rows_stands(browser, tmp_path):
    path = page_file(tmp_path, bare())
    with opened(browser, path) as page:
        assert "has not been judged" in page.inner_text(".lead >> nth=0")
        assert page.locator("#overview .tiles").count() == 0
        assert page.locator("#coefficients-unit").count() == 0
        assert "What was minimised is not recorded" in page.inner_text("#overview")
        assert "is not recorded." in page.inner_text(".proof")
        assert "no covariance" in page.inner_text("#why-no-intervals")
        assert "was not kept" in page.inner_text("#training")
        assert page.locator("#comparison").count() == 0


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        (Certificate(), ["is not recorded"]),
        (Certificate(0.5, math.inf, 1e-8, False), ["Nothing is proved", "which is NOT met"]),
        (Certificate(0.5, 2e-17, 1e-12, True), ["by more than 2.0e−17 nats per row.", "is met"]),
        (Certificate(0.5, 1e-3, 1e-8, False), ["by more than 0.0010 nats", "which is NOT met"]),
    ],
)
def test_the_certificate_in_words(certificate, said):
    words = " ".join(overview(bare(certificate=certificate)).context["proof"])
    assert all(one in words for one in said), words


def test_no_warning_is_hidden(browser, tmp_path):
    warnings = tuple(f"warning number {k}" for k in range(30))
    certificate = Certificate(0.1, 0.01, 1e-8, False, "quasi", ("x1", "x<2>"))
    notes = ("rows were left out",)
    report = bare(training=Training(warnings=warnings), certificate=certificate, notes=notes)
    with opened(browser, page_file(tmp_path, report)) as page:
        shown = page.locator(".warnings li").all_inner_texts()
        assert [f"The fit said: {one}" for one in warnings] == shown[-30:]
        assert len(shown) == 33
        assert "separate some rows" in shown[0]
        assert "“x1” and “x<2>”" in shown[1]
        assert "stopped before" in shown[2]
        assert page.locator(".notes li").all_inner_texts() == ["rows were left out"]


@pytest.mark.parametrize(
    ("parts", "formula"),
    [
        ({"C": 2.0, "l1_ratio": 0.0, "penalty": "l2"}, "(1 / 80) ( Σ ℓ + (0.5 / 2) ‖w‖² )"),
        ({"C": 4.0, "l1_ratio": 1.0, "penalty": "l1"}, "(1 / 80) ( Σ ℓ + 0.25 ‖w‖₁ )"),
        (
            {"C": 4.0, "l1_ratio": 0.25, "penalty": "elasticnet", "weight": 99.5},
            "(1 / 99.5000) ( Σ s ℓ + (0.1875 / 2) ‖w‖² + 0.0625 ‖w‖₁ )",
        ),
        ({"C": math.inf, "l1_ratio": 0.0, "penalty": "none"}, "(1 / 80) ( Σ ℓ )"),
        ({"penalty": "jeffreys"}, "(1 / 80) ( Σ ℓ − ½ ln det I(w, b) )"),
        ({"penalty": "log-f"}, "(1 / 80) ( Σ ℓ − Σ ln f(w) )"),
    ],
)
def test_the_objective_is_printed_with_its_numbers(parts, formula):
    told = Training(**{"rows": 80, "weight": 80.0} | parts)
    page = report_page(bare(training=told))
    [found] = re.findall(r'<p class="formula box">(.*?)</p>', page, re.DOTALL)
    assert " ".join(re.sub("<.*?>", "", found).split()) == formula


def test_the_printed_objective_is_the_one_that_was_minimised(two):
    """The formula, worked out by hand, is the objective of the certificate."""
    report = fitted(C=0.5, infer=False)
    found = objective_of(report.model)
    X, y = rows_of(800, np.array([[1.0, -0.5, 0.0]]), scale=10.0 ** np.arange(3))
    p = report.model.predict_proba(X[:400])
    loss = metrics.log_loss(y[:400], p, normalize=False)
    w = report.model.coef
    value = (loss + float(found.l2) / 2 * (w**2).sum()) / float(found.total)
    assert value == pytest.approx(report.model.certificate.objective, rel=1e-9)
    assert objective_of(two.model).l2 is None


# ---- coefficients -------------------------------------------------------------------------------


def cells(page):
    rows = page.locator("#coefficients-table tbody tr").all()
    return {
        row.locator("th").inner_text(): [cell.inner_text() for cell in row.locator("td").all()]
        for row in rows
    }


def expected(report, k, scaled, reference=None):
    """Cells of the table by NumPy alone, from the coefficients of the class and the covariance."""
    model, q = report.model, report.model.encoding.width
    coef = model.coef[k] if reference is None else model.coef[k] - model.coef[reference]
    place = 0 if reference is None else k - 1
    error = np.sqrt(np.diag(model.covariance))[place * q : (place + 1) * q]
    by = report.spread.deviation if scaled else np.ones(q)
    p = [math.erfc(abs(b / s) / math.sqrt(2)) for b, s in zip(coef, error, strict=True)]
    order = np.argsort(-np.abs(coef * by))
    return {
        f"x{j}": [
            figure(coef[j] * by[j]),
            figure(math.exp(coef[j] * by[j])),
            f"{figure(math.exp((coef[j] - Z * error[j]) * by[j]))} to "
            f"{figure(math.exp((coef[j] + Z * error[j]) * by[j]))}",
            p_text(p[j]),
        ]
        for j in order
    }


def test_the_table_is_right_in_both_units(browser, files, two):
    with opened(browser, files["two"]) as page:
        for scaled in (True, False):
            if not scaled:
                page.get_by_label("per unit").check()
            found = cells(page)
            assert found == expected(two, 0, scaled)
            assert list(found) == list(expected(two, 0, scaled)), "the greatest effect first"
        assert page.inner_text("#intercept") == figure(float(two.model.intercept[0]))


def test_without_script_the_table_and_the_numbers_stand(browser, files, two):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(files["two"].as_uri())
    assert "need JavaScript" in page.inner_text("noscript")
    assert cells(page) == expected(two, 0, scaled=True)
    context.close()


def test_classes_are_held_against_the_first(browser, files, three):
    with opened(browser, files["three"]) as page:
        select = page.locator("#coefficients-class")
        assert [o.inner_text() for o in select.locator("option").all()] == ["class 1", "class 2"]
        for k in (1, 2):
            select.select_option(str(k - 1))
            assert cells(page) == expected(three, k, scaled=True, reference=0)
            own = three.model.intercept[k] - three.model.intercept[0]
            assert page.inner_text("#intercept") == figure(float(own))


def test_the_forest_draws_what_the_table_says(browser, files, two):
    with opened(browser, files["two"]) as page:
        for scaled in (True, False):
            if not scaled:
                page.locator('input[value="deviation"]').press("ArrowRight")
            x = log_axis(page)
            table = expected(two, 0, scaled)
            marks = page.locator("#chart-forest .ratios path").all()
            assert len(marks) == 3
            names = page.locator("#chart-forest .names text").all_text_contents()
            assert names == list(table)
            for mark, (_, ratio, *_) in zip(marks, table.values(), strict=True):
                at = numbers(mark.get_attribute("transform"))[0]
                assert x(at) == pytest.approx(as_number(ratio), rel=0.02)
            lines = page.locator("#chart-forest .intervals line").all()
            for line, (_, _, interval, _) in zip(lines, table.values(), strict=True):
                start = numbers(line.get_attribute("transform"))[0]
                ends = x(start), x(start + float(line.get_attribute("x2")))
                shown = [as_number(end) for end in interval.split(" to ")]
                assert sorted(ends) == pytest.approx(shown, rel=0.03)


def log_axis(page):
    """From pixels to odds ratios, by the ticks of the forest."""
    ticks = page.locator("#chart-forest .role-axis-tick line").evaluate_all(
        "(lines) => lines.map((line) => line.getAttribute('transform'))"
    )
    labels = page.locator("#chart-forest .role-axis-label text").all_text_contents()
    pixels = sorted({numbers(tick)[0] for tick in ticks})
    values = sorted(as_number(label) for label in labels if label)
    slope, start = np.polyfit(pixels[: len(values)], np.log(values), 1)
    return lambda pixel: math.exp(start + slope * pixel)


def test_the_table_sorts_by_every_header_and_says_so(browser, files, two):
    with opened(browser, files["two"]) as page:
        coef = two.model.coef[0] * two.spread.deviation
        model, q = two.model, 3
        z = np.abs(model.coef[0]) / np.sqrt(np.diag(model.covariance))[:q]
        keys = {
            "column": [f"x{j}" for j in range(q)],
            "coefficient": [f"x{j}" for j in np.argsort(-coef)],
            "odds ratio": [f"x{j}" for j in np.argsort(-np.abs(coef))],
            "p": [f"x{j}" for j in np.argsort(-z)],
        }
        for name, order in keys.items():
            head = page.locator("#coefficients-table thead th", has_text=name).first
            head.locator("button").focus()
            page.keyboard.press("Enter")
            assert list(cells(page)) == order
            first = head.get_attribute("aria-sort")
            assert first == ("ascending" if name in ("column", "p") else "descending")
            page.keyboard.press("Enter")
            assert list(cells(page)) == order[::-1]
            assert head.get_attribute("aria-sort") != first
            assert page.locator("#coefficients-table [aria-sort]").count() == 1


@pytest.mark.parametrize(
    ("penalty", "C", "said"),
    [("l2", 1.0, "a penalty draws"), ("none", math.inf, "model.infer(X, y)"), (None, None, "no")],
)
def test_why_there_are_no_intervals(penalty, C, said):
    report = bare(training=Training(C=C, penalty=penalty))
    assert said in coefficients(report).context["why"]


def test_effects_beyond_the_floats_are_drawn_and_named(browser, tmp_path):
    """Separation: huge coefficients with huge errors; one error is not known."""
    q, m = 4, 5
    covariance = np.diag([1e8, 1.0, np.nan, 1e-12, 1.0])
    covariance[2], covariance[:, 2] = np.nan, np.nan
    model = dataclasses.replace(
        plain_model(["a", "b", "c", "d"], [0, 1], "y", [[900.0, -900.0, 0.5, 1e-300]], [0.0]),
        covariance=covariance,
    )
    assert covariance.shape == (m, m)
    X = np.ones((5, q)) * np.arange(q)
    report = Report("Far", MADE, model, spread=spread_of(X))
    assert report.spread.deviation.tolist() == [0.0] * 4
    with opened(browser, page_file(tmp_path, report)) as page:
        assert "4 columns do not vary" in page.inner_text("#coefficients")
        page.get_by_label("per unit").check()
        found = cells(page)
        assert found["a"][1:3] == ["> 1.8e308", "< 4.9e−324 to > 1.8e308"]
        assert found["b"][1] == "< 4.9e−324"
        assert found["c"][2:] == ["not estimated", "undefined"]
        assert found["d"] == ["1.000e−300", "1.000", "1.000 to 1.000", "1.0000"]
        assert page.locator("#chart-forest .goes_higher path[opacity='0']").count() == 3
        assert "NaN" not in page.inner_html("#chart-forest")


def test_a_thousand_columns(browser, tmp_path):
    rng = np.random.default_rng(0)
    q = 1000
    X = rng.normal(size=(300, q)) * 10 ** rng.uniform(-3, 3, q)
    coef = rng.normal(size=(1, q)) / X.std(axis=0)
    y = (X @ coef[0] > 0).astype(int)
    model = plain_model([f"column {j}" for j in range(q)], [0, 1], "y", coef, [0.0])
    judged = Judged("X", False, y, model.predict_proba(X))
    report = Report("Wide", MADE, model, judged=judged, spread=spread_of(X))
    path = page_file(tmp_path, report)
    assert path.stat().st_size < 3e6
    with opened(browser, path) as page:
        size = np.abs(coef[0]) * X.std(axis=0)
        order = [f"column {j}" for j in np.argsort(-size, kind="stable")]
        assert list(cells(page)) == order[:100]
        assert page.inner_text("#coefficients-says") == "The table shows the first 100 of 1,000."
        assert "the first 30 of 1,000" in page.inner_text("#forest-says")
        assert page.locator("#chart-forest .names text").count() == 30
        page.fill("#coefficients-search", "COLUMN 99")
        found = [name for name in order if name.startswith("column 99")]
        assert list(cells(page)) == found
        assert page.inner_text("#coefficients-says") == "11 of 1,000 columns found."
        assert page.locator("#chart-forest .names text").count() == 11
        page.fill("#coefficients-search", "nothing")
        assert cells(page) == {}
        page.fill("#coefficients-search", "")
        page.click("#coefficients-all")
        assert page.locator("#coefficients-table tbody tr").count() == 1000
        took = page.evaluate(
            """() => {
              const start = performance.now();
              document.querySelector('[data-sort="name"]').click();
              return performance.now() - start;
            }"""
        )
        assert took < 500, "milliseconds, with 1,000 rows in the table"


def test_more_than_fits_is_left_out_and_said():
    coef = np.random.default_rng(0).normal(size=(30, 1200))
    shown = coefficients(bare(coef=coef))
    assert shown.context["notes"][-2:] == [
        "200 columns of the least effect are not on this page.",
        "9 classes after the first 21 are not on this page.",
    ]
    assert len(shown.data["names"]) == 1000
    assert np.shape(shown.data["coef"]) == (20, 1000)


def test_no_column_makes_no_section(browser, tmp_path):
    report = bare(coef=np.empty((1, 0)))
    assert coefficients(report) is None
    with opened(browser, page_file(tmp_path, report)) as page:
        assert page.locator("#coefficients").count() == 0


# ---- training -----------------------------------------------------------------------------------


def test_the_training_is_drawn(browser, files, two):
    history = two.history
    with opened(browser, files["two"]) as page:
        points = page.locator("#chart-training_loss .mark-symbol path").all()
        assert len(points) == len(history["loss"])
        y = axis(page, "training_loss", "y")
        for mark, loss in zip(points, history["loss"], strict=True):
            at = numbers(mark.get_attribute("transform"))[1]
            assert y(at) == pytest.approx(loss, abs=0.01)
        steps = page.locator("#chart-training_gap .mark-symbol path").count()
        assert steps == np.isfinite(history["gap"]).sum()


def history_of(n, **more):
    iteration = np.arange(n)
    return {"iteration": iteration, "loss": 0.5 + 1.0 / (1 + iteration), **more}


def test_long_histories_are_thinned_and_it_is_said(browser, tmp_path):
    n = 5000
    held = 0.6 + (np.arange(n) - 2000.0) ** 2 * 1e-8
    gap = np.full(n, np.inf)
    gap[1000:] = 1e-3 / np.arange(1, n - 999)
    report = bare(history=history_of(n, validation_loss=held, gap=gap))
    with opened(browser, page_file(tmp_path, report)) as page:
        text = page.inner_text("#training")
        assert "least after 2,000 iterations: 0.6000; at the end it is 0.6899" in text
        assert "Drawn are 400 of 5,000 iterations" in text
        assert page.locator("#chart-training_loss .path path").count() == 2
        assert page.locator("#chart-training_gap .path path").count() == 1
        assert "NaN" not in page.inner_html("#training")


def test_histories_of_which_nothing_is_proved_or_left():
    nothing = training(bare(history=history_of(3, gap=np.full(3, np.inf))))
    assert list(nothing.charts) == ["training_loss"]
    assert list(training(bare(history=history_of(1))).charts) == ["training_loss"]
    none = training(bare(history=history_of(0), training=Training(iterations=7)))
    assert none.charts == {}
    assert "it took 7 iterations" in none.context["words"]
    lost = history_of(2, validation_loss=np.full(2, np.nan))
    assert "validation" not in training(bare(history=lost)).context["words"]


# ---- comparison ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def comparison():
    scores = Score("ours", 0.1, 0.9, 0.2), Score("base", 0.3, math.nan, None)
    differences = (
        Difference("ours", "base", "log_loss", -0.2, 0.01, -0.25, -0.15, 1e-9),
        Difference("ours", "base", "auc", 0.1, 0.01, -0.05, 0.25, 0.2),
        Difference("ours", "base", "cost", math.nan, math.nan, math.nan, math.nan, math.nan),
    )
    return Comparison(scores, differences, 0.9, 1234, ("Paired <by> row.",))


def test_the_comparison_is_a_table_and_charts(browser, tmp_path, comparison):
    with opened(browser, page_file(tmp_path, bare(comparison=comparison))) as page:
        text = page.inner_text("#comparison")
        assert "the same 1,234 rows" in text
        assert "Intervals cover 90%" in text
        assert "Paired <by> row." in text
        rows = [row.inner_text().split("\t") for row in page.locator("#differences tbody tr").all()]
        assert [row[2:] for row in rows] == [
            ["−0.2000", "−0.2500 to −0.1500", "< 0.0001", "first is better"],
            ["0.1000", "−0.05000 to 0.2500", "0.2000", "no difference shown"],
            ["undefined", "undefined to undefined", "undefined", "unknown"],
        ]
        assert page.locator('[id="chart-differences-cost"]').count() == 0
        for measure, value in (("log_loss", -0.2), ("auc", 0.1)):
            [mark] = page.locator(f"#chart-differences-{measure} .points path").all()
            x = axis(page, f"differences-{measure}", "x")
            at = numbers(mark.get_attribute("transform"))[0]
            assert x(at) == pytest.approx(value, abs=0.01)


# ---- the page -----------------------------------------------------------------------------------


WATCH_SHIFTS = """new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.moved = (window.moved ?? 0) + entry.value;
}).observe({type: "layout-shift", buffered: true});"""


def painted(browser, path, width=1280):
    """Milliseconds until text is there, and how much it moves after (0: not at all)."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.add_init_script(WATCH_SHIFTS)
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    page.wait_for_timeout(200)
    [first] = page.evaluate(
        "performance.getEntriesByName('first-contentful-paint').map((e) => e.startTime)"
    )
    moved = page.evaluate("window.moved ?? 0")
    context.close()
    return first, moved


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_moves_when_the_charts_come(browser, files, width):
    """Charts are as high before they are drawn: out of sight, too, where no shift is counted."""
    assert painted(browser, files["three"], width)[1] < 0.01
    heights = []
    for script in (False, True):
        context = browser.new_context(
            java_script_enabled=script, viewport={"width": width, "height": 900}
        )
        page = context.new_page()
        page.goto(files["three"].as_uri())
        if script:
            page.wait_for_selector("html[data-ready]", state="attached")
        boxes = [chart.bounding_box() for chart in page.locator(".chart").all()]
        heights.append([box["height"] for box in boxes])
        context.close()
    assert heights[0] == heights[1]
    assert min(heights[0]) > 50


def test_the_largest_page_paints_at_once(browser, tmp_path):
    """1,000 columns and a million rows: at most 3 MB, and text within 1.5 seconds."""
    rng = np.random.default_rng(0)
    q, n = 1000, 1_000_000
    p = rng.beta(0.5, 0.5, n)
    y = (rng.random(n) < p).astype(int)
    X = rng.normal(size=(50, q))
    names = [f"a column with number {j}" for j in range(q)]
    model = plain_model(names, ["no", "yes"], "y", rng.normal(size=(1, q)), [0.1])
    judged = Judged("X", False, y, np.column_stack([1 - p, p]))
    report = Report("Large", MADE, model, judged=judged, spread=spread_of(X))
    path = page_file(tmp_path, report)
    assert path.stat().st_size < 3e6
    times = [painted(browser, path)[0] for _ in range(5)]
    assert np.median(times) < 1500


@pytest.mark.parametrize("width", [320, 400, 1280])
@pytest.mark.parametrize("name", ["two", "three"])
def test_nothing_is_wider_than_the_window(browser, files, width, name):
    with opened(browser, files[name], width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_dark_page_is_dark_and_its_charts_with_it(browser, files):
    colours = {}
    for scheme in ("light", "dark"):
        with opened(browser, files["two"], color_scheme=scheme) as page:
            colours[scheme] = [
                page.evaluate("getComputedStyle(document.body).backgroundColor"),
                page.locator("#chart-forest .names text").first.evaluate(
                    "(text) => getComputedStyle(text).fill"
                ),
            ]
    assert colours["light"] == ["rgb(255, 255, 255)", "rgb(26, 32, 39)"]
    assert colours["dark"] == ["rgb(18, 23, 28)", "rgb(231, 235, 239)"]


def test_on_paper_everything_is_there(browser, files):
    """Also of a page that is dark on the screen."""
    with opened(browser, files["two"], 760, color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        assert not page.locator("body > nav").is_visible()
        for head in ("column", "coefficient", "odds ratio", "p"):
            assert page.locator(
                "#coefficients-table thead button", has_text=head
            ).first.is_visible()
        over = page.evaluate(
            """[...document.querySelectorAll(".scroll")].filter(
              (box) => box.scrollHeight > box.clientHeight + 1
            ).length"""
        )
        assert over == 0
        assert len(page.pdf()) > 10_000


def test_every_control_is_reached_by_keyboard(browser, files):
    with opened(browser, files["three"]) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        wanted = page.locator(
            "main :is(button, select, input:not([type=radio]), .scroll):visible"
        ).count()
        seen = 0
        for _ in range(400):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break
            seen += page.evaluate(
                "document.activeElement.matches("
                "'main :is(button, select, input:not([type=radio]), .scroll)')"
            )
        assert seen == wanted


def test_the_page_reads_no_clock_and_no_chance(two):
    assert report_page(two) == report_page(two)


def test_expressions_are_ours_alone(two):
    """Names, labels and numbers are values of signals and data: nothing else differs."""
    other = dataclasses.replace(two, history=None, title="other")
    renamed = dataclasses.replace(
        other,
        model=plain_model(["datum", "p", "q"], ["a", "b"], "t", two.model.coef, [0.0]),
    )
    assert shapes(other) == shapes(renamed)


def shapes(report):
    [text] = re.findall(r'id="page">(.*?)</script>', report_page(report), re.DOTALL)
    charts = json.loads(text)["charts"]
    for chart in charts.values():
        for signal in chart["signals"]:
            signal.pop("value", None)
        for data in chart["data"]:
            data.pop("values", None)
    return charts


def test_rows_go_to_data_sets_that_take_them():
    chart = load_charts("report/training", {"training_loss": 300})["training_loss"]
    with pytest.raises(KeyError, match="no data set takes rows under the name known"):
        with_rows(chart, "known", [])


# ---- words --------------------------------------------------------------------------------------


def test_numbers_read_alike_in_python_and_on_the_page(browser, files):
    rng = np.random.default_rng(0)
    values = [
        *(rng.normal(size=300) * 10.0 ** rng.integers(-12, 12, 300)).tolist(),
        *(0.0, 1.0, -1.0, 0.00001, 0.0001, 9999.0, 9999.5, 10000.0, 99995.0, 1e-320, 1e300),
    ]
    shares = [*rng.uniform(size=200).tolist(), 0.0, 1.0, 1e-9, 1 - 1e-9, 0.9995, 0.9994, 0.0005]
    with opened(browser, files["two"]) as page:
        source = (
            (values, "figure(x)", [figure(x) for x in values]),
            (values, "figure(x, 2)", [figure(x, 2) for x in values]),
            (shares, "pText(x)", [p_text(x) for x in shares]),
            (shares, "percent(x)", [percent(x) for x in shares]),
        )
        for given, call, written in source:
            script = f"(given) => given.map((x) => oddsmith.words.{call})"
            assert page.evaluate(script, given) == written


@pytest.mark.parametrize("budget", [60, 1000, 120_000])
def test_names_fit_their_budget_and_stay_different(budget):
    names = [f"{'long ' * 20}{k}{' name' * 30}" for k in range(100)]
    shown, cut = fitting(names, budget)
    assert len(set(shown)) == 100
    assert cut == (budget < 100_000)
    assert len(json.dumps(shown)) <= max(budget, 100 * 14 + 2)


# ---- on paper and in narrow windows -------------------------------------------------------------


def test_the_best_thresholds_are_on_paper(browser, files):
    with opened(browser, files["two"]) as page:
        page.emulate_media(media="print")
        buttons = page.locator("[data-best]")
        assert buttons.count() == 5
        assert all(buttons.nth(j).is_visible() for j in range(5))


def test_the_answer_of_what_if_stays_in_sight_in_a_narrow_window(browser, files):
    with opened(browser, files["two"], 400) as page:
        first, last = page.locator(".knob").first, page.locator(".knob").last
        answer = page.locator(".answer .probability")
        assert answer.bounding_box()["y"] < first.bounding_box()["y"]
        page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
        last.evaluate("(knob) => window.scrollBy(0, knob.getBoundingClientRect().top - 150)")
        box, nav = answer.bounding_box(), page.locator("body > nav").bounding_box()
        assert nav["y"] + nav["height"] - 1 <= box["y"] < last.bounding_box()["y"]


def test_letters_of_the_best_thresholds_do_not_lie_on_each_other(browser, files):
    with opened(browser, files["two"]) as page:
        for chart in ("threshold_scores", "threshold_roc", "threshold_precision"):
            texts = page.locator(f"#chart-{chart} svg .letters text").all()
            boxes = [one.bounding_box() for one in texts]
            assert boxes
            for j, a in enumerate(boxes):
                for b in boxes[:j]:
                    across = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
                    down = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
                    assert across <= 0 or down <= 3, (chart, a, b)


def test_levels_and_booleans_rise_from_no_to_yes_and_numbers_by_a_deviation():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "dose": rng.normal(0.0, 10.0, 80),
            "site": rng.choice(["a", "b"], 80),
            "sick": rng.random(80) < 0.3,
        }
    )
    y = (X["dose"] + 5.0 * X["sick"] + rng.normal(0.0, 9.0, 80) > 0).astype(int)
    model = oddsmith.LogisticRegression().fit(X, y)
    rows = gathered(model, model._description(None), X, y, None, None)
    shown = coefficients(with_rows_of(compose(model._description(None)), rows, "X", "row", None))
    table = {row.name: as_number(row.coefficient) for row in shown.context["rows"]}
    names = model.coef_names_.tolist()
    step = {"dose": X["dose"].std(ddof=0), "site[b]": 1.0, "sick": 1.0}
    for name, coef in zip(names, model.coef_[0], strict=True):
        assert table[name] == pytest.approx(coef * step[name], rel=1e-3), name
    assert shown.context["yes_or_no"]
    assert not coefficients(fitted()).context["yes_or_no"]
