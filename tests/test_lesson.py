"""The lesson's page, driven in a browser: every number on it is held against NumPy."""

import csv
import dataclasses
import importlib
import json
import re
import sys
import webbrowser
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

import numpy as np
import pytest
from browser import (
    as_number,
    axis,
    chromium,
    corners,
    drag,
    number,
    numbers,
    opened,
    place,
    text,
    typed,
    until,
)
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_iris

from oddsmith import LogisticRegression
from oddsmith.cli import cli, main
from oddsmith.errors import MissingPackageError
from oddsmith.views.pages import lesson as view
from oddsmith.views.pages.charts import load_charts, with_values
from oddsmith.views.pages.lesson import Lesson, Run, lesson_page

# The package has a command of the same name.
command = importlib.import_module("oddsmith.cli.lesson")

LAST = 150
RULES = [(0.02, "plain"), (0.5, "plain"), (50.0, "plain"), (0.1, "momentum"), (0.1, "adam")]
# Two scores of each label are tied at 0.5, and three at 0.25.
TIED_SCORES = [0.0, 0.1, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 0.5, 0.75, 0.9, 1.0]
TIED_LABELS = [0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1]


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def lesson():
    """The default lesson, as data."""
    return command._lesson(command.LESSONS["clusters"]())


@pytest.fixture(scope="module")
def clusters(tmp_path_factory, lesson):
    """The default lesson, as a page."""
    path = tmp_path_factory.mktemp("clusters") / "page.html"
    path.write_text(lesson_page(lesson), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tied(tmp_path_factory, lesson):
    """A lesson with ties among its scores."""
    scores, truths = np.array(TIED_SCORES), np.array(TIED_LABELS)
    path = tmp_path_factory.mktemp("tied") / "page.html"
    changed = dataclasses.replace(lesson, scores=scores, truths=truths)
    path.write_text(lesson_page(changed), encoding="utf-8")
    return path


def write_csv(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


# ---- the sigmoid --------------------------------------------------------------------------------


def check_sigmoid(page, z):
    p = 1 / (1 + np.exp(-z))
    expected = {
        "p": p,
        "slope": p * (1 - p),
        "loss_1": np.logaddexp(0, -z),
        "loss_0": np.logaddexp(0, z),
    }
    shown = {name: text(page, f"sigmoid.{name}_text") for name in expected}
    assert shown == {name: rounded(value) for name, value in expected.items()}
    assert place(page, "sigmoid", "point") == (
        pytest.approx(z, abs=0.03),
        pytest.approx(p, abs=5e-3),
    )
    for name in ("loss_1", "loss_0"):
        assert place(page, "losses", f"{name}_point")[1] == pytest.approx(expected[name], abs=0.04)


def test_the_sigmoid_follows_its_slider(browser, clusters):
    with opened(browser, clusters) as page:
        check_sigmoid(page, 1.5)
        for z in (-8.0, -0.3, 0.0, 2.7501, 8.0):
            typed(page, "z", z)
            check_sigmoid(page, z)
        z = drag(page, "z", 0.25)
        assert z == pytest.approx(-4, abs=0.5)
        check_sigmoid(page, z)
        page.locator("#z").press("ArrowRight")
        check_sigmoid(page, round(z + 0.1, 1))
        page.locator("#z").press("End")
        check_sigmoid(page, 8.0)


def test_numbers_out_of_range_change_nothing(browser, clusters):
    with opened(browser, clusters) as page:
        for wrong in ("9", "-8.5", ""):
            typed(page, "z", wrong)
            assert text(page, "sigmoid.p_text") == "0.8176"
        typed(page, "epoch", "2.5")
        assert page.locator("#epoch").input_value() == "10"


# ---- the training -------------------------------------------------------------------------------


def walk(X, y, rate, rule):
    """Weights and intercept after each epoch, on the user's scale: the textbook in NumPy."""
    mean, spread = X.mean(axis=0), X.std(axis=0)
    A = np.column_stack([(X - mean) / spread, np.ones(len(y))])
    w, m, v, path = np.zeros(3), np.zeros(3), np.zeros(3), []
    for t in range(1, LAST + 2):
        slopes = w[:2] / spread
        path.append((*slopes, w[2] - slopes @ mean))
        g = A.T @ (1 / (1 + np.exp(-A @ w)) - y) / len(y)
        if rule == "plain":
            w = w - rate * g
        elif rule == "momentum":
            m = 0.9 * m + g
            w = w - rate * m
        else:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            w = w - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return np.array(path)


@pytest.fixture(scope="module")
def paths(lesson):
    return [walk(lesson.X, lesson.y, *how) for how in RULES]


@pytest.fixture(scope="module")
def held():
    """Held-out rows of the default lesson."""
    rows = command._clusters()
    _, test = command.train_test_split(
        np.arange(len(rows.y)), test_size=0.2, stratify=rows.y, random_state=0
    )
    return rows.X[test], rows.y[test]


def cost(X, y, w):
    return np.logaddexp(0, (1 - 2 * y) * (X @ w[:2] + w[2])).mean()


def check_runs(page, lesson, held, paths, epoch):
    for number_of_run, path in enumerate(paths):
        w = path[epoch]
        expected = cost(lesson.X, lesson.y, w), cost(*held, w)
        for field, value in zip(("cost", "held"), expected, strict=True):
            shown = text(page, f"boundary.runs.{number_of_run}.{field}")
            assert as_number(shown) == pytest.approx(value, abs=5.1e-5), (number_of_run, field)
        right = np.mean((held[0] @ w[:2] + w[2] > 0) == held[1])
        assert text(page, f"boundary.runs.{number_of_run}.accuracy") == f"{right:.1%}"


def check_equation(page, w):
    for name, value in zip(("w1", "w2", "b"), w, strict=True):
        assert number(page, f"boundary.{name}_text") == pytest.approx(value, rel=6e-4, abs=1e-12)


def check_boundaries(page, paths, epoch):
    """Both ends of every line have the margin 0, to a pixel."""
    x, y = axis(page, "boundary", "x"), axis(page, "boundary", "y")
    lines = page.locator("#chart-boundary svg .boundaries line").all()
    assert len(lines) == len(paths)
    for line, path in zip(lines, paths, strict=True):
        left, top = numbers(line.get_attribute("transform"))[:2]
        right, bottom = (float(line.get_attribute(key) or 0) for key in ("x2", "y2"))
        w, pixel = path[epoch], np.hypot(x(1) - x(0), y(1) - y(0))
        for end in ((x(left), y(top)), (x(left + right), y(top + bottom))):
            assert abs(w[:2] @ end + w[2]) / np.hypot(*w[:2]) < pixel


@pytest.mark.parametrize("epoch", [1, 10, 75, 150])
def test_the_replay_shows_what_numpy_walks(browser, clusters, lesson, held, paths, epoch):
    with opened(browser, clusters) as page:
        typed(page, "epoch", str(epoch))
        assert page.locator("#epoch").input_value() == str(epoch)
        check_runs(page, lesson, held, paths, epoch)
        check_boundaries(page, paths, epoch)
        for run in (0, 3):
            page.locator(f'input[name="run"][value="{run}"]').check()
            check_equation(page, paths[run][epoch])
            check_weights(page, lesson, paths[run], epoch)
            check_cost_curves(page, lesson, held, paths, epoch)


def check_weights(page, lesson, path, epoch):
    w = path[epoch]
    expected = [*(w[:2] * lesson.X.std(axis=0)), w[2] + w[:2] @ lesson.X.mean(axis=0)]
    to_value = axis(page, "weights", "y")
    drawn = []
    for symbol in page.locator("#chart-weights svg .here path").all():
        left, top = numbers(symbol.get_attribute("transform"))[:2]
        assert axis(page, "weights", "x")(left) == pytest.approx(epoch, abs=1)
        drawn.append(to_value(top))
    span = abs(to_value(250) - to_value(0))
    np.testing.assert_allclose(sorted(drawn), sorted(expected), atol=span / 250)


def check_cost_curves(page, lesson, held, paths, epoch):
    for chart, rows in (("cost", (lesson.X, lesson.y)), ("held", held)):
        expected = [cost(*rows, path[epoch]) for path in paths]
        to_value = log_axis(page, chart)
        tops = [
            numbers(symbol.get_attribute("transform"))[1]
            for symbol in page.locator(f"#chart-{chart} svg .here path").all()
        ]
        np.testing.assert_allclose(to_value(np.array(tops)), np.log(expected), atol=0.02)


def log_axis(page, chart):
    """Line from pixels to the logarithm of the cost, by the labels of the axis."""
    labels = page.locator(f"#chart-{chart} svg .role-axis-label").nth(1).locator("text").all()
    known = [
        (numbers(label.get_attribute("transform"))[1] - 4, np.log(as_number(label.text_content())))
        for label in labels
        if label.text_content() and label.get_attribute("opacity") != "0"
    ]
    slope, start = np.polyfit(*zip(*known, strict=True), 1)
    return lambda pixel: start + slope * pixel


def test_before_the_first_epoch_there_is_no_boundary(browser, clusters):
    with opened(browser, clusters) as page:
        page.locator("#epoch").press("Home")
        assert page.locator("#chart-boundary svg .boundaries line").count() == 0
        assert text(page, "boundary.runs.2.cost") == "0.6931"
        assert [text(page, f"boundary.{name}_text") for name in ("b", "w1", "w2")] == [
            "0.000",
            "+ 0.000",
            "+ 0.000",
        ]


def test_the_epoch_slider_by_mouse_and_keys(browser, clusters, lesson, held, paths):
    with opened(browser, clusters) as page:
        epoch = int(drag(page, "epoch", 0.5))
        assert 65 <= epoch <= 85
        check_runs(page, lesson, held, paths, epoch)
        page.locator("#epoch").press("ArrowLeft")
        check_runs(page, lesson, held, paths, epoch - 1)


def epoch_of(page):
    return int(page.locator("#epoch").input_value())


def test_play_advances_and_pause_stops(browser, clusters, lesson, held, paths):
    with opened(browser, clusters) as page:
        button = page.get_by_role("button", name="Play")
        button.focus()
        page.keyboard.press("Enter")
        until(page, lambda: epoch_of(page) >= 14)
        page.get_by_role("button", name="Pause").press(" ")
        stopped = epoch_of(page)
        page.wait_for_timeout(300)
        assert epoch_of(page) == stopped
        check_runs(page, lesson, held, paths, stopped)
        typed(page, "epoch", str(LAST - 1))
        page.get_by_role("button", name="Play").click()
        until(page, lambda: epoch_of(page) == LAST)
        page.get_by_role("button", name="Play").click()  # it has stopped, and begins again
        until(page, lambda: epoch_of(page) < 20)
        typed(page, "epoch", "40")  # to take the slider is to pause
        page.wait_for_timeout(300)
        assert epoch_of(page) == 40


def test_play_leaps_where_less_motion_is_asked_for(browser, clusters):
    with opened(browser, clusters, reduced_motion="reduce") as page:
        page.get_by_role("button", name="Play").click()
        page.wait_for_timeout(600)
        assert epoch_of(page) == 10, "nothing moves yet"
        until(page, lambda: epoch_of(page) != 10)
        assert epoch_of(page) == 20


def test_runs_differ_by_colour_dash_and_shape(browser, clusters):
    with opened(browser, clusters) as page:
        lines = page.locator("#chart-boundary svg .boundaries line").all()
        symbols = page.locator("#chart-cost svg .here path").all()
        for looks, keys in ((lines, ("stroke", "stroke-dasharray")), (symbols, ("fill", "d"))):
            for key in keys:
                assert len({look.get_attribute(key) for look in looks}) == len(RULES), key
        widths = [line.get_attribute("stroke-width") for line in lines]
        assert widths == ["2", "4", "2", "2", "2"], "the chosen run is the second one"


# ---- the threshold ------------------------------------------------------------------------------


def rounded(value):
    """Four decimals; a half goes up, as in JavaScript."""
    return str(Decimal(float(value)).quantize(Decimal("0.0001"), ROUND_HALF_UP))


def check_threshold(page, scores, truths, threshold):
    predicted = (scores >= threshold).astype(int)
    (tn, fp), (fn, tp) = metrics.confusion_matrix(truths, predicted, labels=[0, 1])
    shown = {key: text(page, f"scores.{key}_text") for key in ("tn", "fp", "fn", "tp")}
    assert shown == {"tn": str(tn), "fp": str(fp), "fn": str(fn), "tp": str(tp)}
    recall, fallout = tp / (tp + fn), fp / (fp + tn)
    precision = rounded(tp / (tp + fp)) if tp + fp else "undefined"
    expected = {
        "accuracy": rounded(metrics.accuracy_score(truths, predicted)),
        "precision": precision,
        "recall": rounded(metrics.recall_score(truths, predicted)),
        "f1": rounded(metrics.f1_score(truths, predicted)),
    }
    assert {key: text(page, f"scores.{key}_text") for key in expected} == expected
    assert text(page, "scores.accuracy_parts") == f"{tn + tp} / {len(truths)}"
    assert text(page, "roc.recall_text") == text(page, "precision.recall_text") == rounded(recall)
    assert text(page, "roc.fallout_text") == rounded(fallout)
    assert text(page, "precision.precision_text") == precision
    close = {"abs": 5e-3}
    assert place(page, "roc", "point") == (
        pytest.approx(fallout, **close),
        pytest.approx(recall, **close),
    )
    point = page.locator("#chart-precision svg .point path")
    assert (point.get_attribute("opacity") == "0") == (precision == "undefined")
    if tp + fp:
        assert place(page, "precision", "point") == (
            pytest.approx(recall, **close),
            pytest.approx(tp / (tp + fp), **close),
        )


def test_the_threshold_counts_exactly(browser, clusters, lesson):
    scores, truths = lesson.scores, lesson.truths
    highest, middle = float(scores.max()), float(np.sort(scores)[100])
    with opened(browser, clusters) as page:
        check_threshold(page, scores, truths, 0.5)
        beside = [np.nextafter(middle, 1), np.nextafter(middle, 0), np.nextafter(highest, 1)]
        for threshold in (0.0, 1.0, 0.37, 0.999, middle, highest, *beside):
            typed(page, "threshold", threshold)
            check_threshold(page, scores, truths, threshold)


def test_the_threshold_slider_by_mouse_and_keys(browser, clusters, lesson):
    scores, truths = lesson.scores, lesson.truths
    with opened(browser, clusters) as page:
        threshold = drag(page, "threshold", 0.2)
        assert threshold == pytest.approx(0.2, abs=0.05)
        check_threshold(page, scores, truths, threshold)
        page.locator("#threshold").press("ArrowRight")
        check_threshold(page, scores, truths, round(threshold + 0.01, 2))
        for key, end in (("Home", 0.0), ("End", 1.0)):
            page.locator("#threshold").press(key)
            check_threshold(page, scores, truths, end)


def test_tied_scores_are_cut_together(browser, tied):
    scores, truths = np.array(TIED_SCORES), np.array(TIED_LABELS)
    with opened(browser, tied) as page:
        for threshold in (0.0, 0.25, 0.26, 0.5, 0.51, 1.0):
            typed(page, "threshold", threshold)
            check_threshold(page, scores, truths, threshold)


def test_the_curves_are_those_of_scikit_learn(browser, tied):
    scores, truths = np.array(TIED_SCORES), np.array(TIED_LABELS)
    with opened(browser, tied) as page:
        fallout, recall, _ = metrics.roc_curve(truths, scores, drop_intermediate=False)
        drawn = corners(page, "roc", "path")
        np.testing.assert_allclose(drawn, np.column_stack([fallout, recall]), atol=4e-3)
        precision, recall, _ = metrics.precision_recall_curve(truths, scores)
        # Steps: at each recall first down or up to the new precision, then on; and scikit-learn
        # adds a last point that no threshold has.
        points = np.column_stack([recall, precision])[:-1][::-1]
        steps = [points[0]]
        for before, after in pairwise(points):
            steps += [(before[0], after[1]), after]
        drawn = corners(page, "precision", "path")
        np.testing.assert_allclose(drawn, steps, atol=4e-3)


def test_the_scores_are_those_of_the_proved_optimum(lesson, held):
    model = LogisticRegression(C=np.inf).fit(lesson.X, lesson.y)
    np.testing.assert_allclose(lesson.scores, model.predict_proba(held[0])[:, 1], rtol=1e-12)
    assert lesson.minimum == pytest.approx(model.objective_, rel=1e-12)
    assert all(run.loss.min() >= lesson.minimum - 1e-12 for run in lesson.runs)


# ---- the page as a page -------------------------------------------------------------------------


def test_the_page_forbids_all_but_its_own_scripts(clusters):
    page = clusters.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    for directive in ("base-uri 'none'", "form-action 'none'"):
        assert directive in policy
    assert not re.search(r"<(link|img|iframe)|\ssrc=|url\(|@import", page.split("<script", 1)[0])
    assert len(page.encode()) < 1.25e6


def test_a_script_that_is_not_ours_does_not_run(browser, clusters, tmp_path):
    page = clusters.read_text(encoding="utf-8")
    path = tmp_path / "changed.html"
    path.write_text(page.replace("</main>", "</main><script>window.hacked = 1</script>"))
    context = browser.new_context()
    found = context.new_page()
    found.goto(path.as_uri())
    assert found.evaluate("window.hacked") is None
    context.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_overflows_and_text_is_large_enough(browser, clusters, width):
    with opened(browser, clusters, width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sizes = page.locator(".chart svg text").evaluate_all(
            "all => all.map(x => parseFloat(getComputedStyle(x).fontSize))"
        )
        assert min(sizes) >= 12
        # Nothing that is drawn leaves its chart.
        outside = page.locator(".chart svg text").evaluate_all(
            """all => all.filter(x => {
              const inner = x.getBoundingClientRect();
              const outer = x.ownerSVGElement.getBoundingClientRect();
              return inner.width && (inner.left < outer.left - 1 || inner.right > outer.right + 1
                || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1);
            }).map(x => x.textContent)"""
        )
        assert outside == []


def test_charts_follow_the_width_of_the_window(browser, clusters):
    with opened(browser, clusters, 1280) as page:
        page.set_viewport_size({"width": 360, "height": 800})
        # Drawn anew, not only shrunk, which would make its text too small.
        until(page, lambda: float(page.locator("#chart-roc svg").get_attribute("width")) < 340)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_page_can_be_read_and_driven_without_a_mouse(browser, clusters):
    with opened(browser, clusters) as page:
        levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(x => x.tagName)")
        assert levels == ["H1", "H2", "H2", "H2"]
        nameless = page.locator("input, button").evaluate_all(
            """all => all.filter(x => !x.labels?.length && !x.ariaLabel && !x.textContent.trim())
              .length"""
        )
        assert nameless == 0
        for chart in page.locator(".chart").all():
            assert len(chart.get_attribute("aria-label")) > 30
            assert chart.locator("[tabindex], [role$='symbol']:not([aria-hidden] *)").count() == 0
        reached = []
        for _ in range(11):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate(
                    """() => { const x = document.activeElement, s = getComputedStyle(x);
                    return [x.id || x.dataset.signal || x.hash, s.outlineStyle]; }"""
                )
            )
        assert {style for _, style in reached} == {"solid"}, "the focus is seen"
        assert [name for name, _ in reached] == [
            *("#one", "#two", "#three"),
            *("z", "z", "play", "epoch", "epoch", "run", "threshold", "threshold"),
        ]


def test_the_page_prints(browser, clusters):
    with opened(browser, clusters) as page:
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 680, "height": 1000})
        assert not page.locator("#play").is_visible()
        assert page.locator("#chart-precision svg").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 680
        assert page.pdf(format="A4").count(b"/Type /Page\n") <= 5


# ---- a learner's own data -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def tumours(tmp_path_factory):
    """The page of a CSV file of thirty columns."""
    folder = tmp_path_factory.mktemp("tumours")
    data = load_breast_cancer()
    labels = data.target_names[data.target]
    rows = [[*row, label] for row, label in zip(data.data.tolist(), labels, strict=True)]
    path = write_csv(folder / "tumours.csv", [*data.feature_names, "diagnosis"], rows)
    out = folder / "page.html"
    how = ["lesson", "--data", str(path), "--target", "diagnosis", "--out", str(out)]
    assert main(how) == 0
    return out


def test_own_data_have_their_columns_named(browser, tumours):
    with opened(browser, tumours, 360) as page:
        words = page.locator("header").inner_text()
        assert "tumours.csv" in words
        assert "569 rows, 30 columns of numbers" in words
        named = re.findall(r'"([^"]+)"', words)
        assert len(named) == 2
        titles = page.locator("#chart-boundary .role-axis-title text").all_text_contents()
        assert sorted(titles) == sorted(named)
        assert "benign" in page.locator(".confusion").inner_text()
        assert all(name in page.locator("#equation").inner_text() for name in named)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        label = page.locator("#chart-boundary .role-axis-label text").first
        assert as_number(label.text_content()) >= 40, "in the units of the file"


def test_the_two_columns_are_the_best_pair_of_a_forward_choice():
    """Beside the first column, none lowers the cost more than the second one."""
    rows = command._breast_cancer()
    X, y = rows.X[:, :8], rows.y
    Z = (X - X.mean(axis=0)) / X.std(axis=0)

    def least(columns):
        return LogisticRegression(C=1.0).fit(Z[:, columns], y).objective_

    first = min(range(8), key=lambda j: least([j]))
    second = min((j for j in range(8) if j != first), key=lambda j: least([first, j]))
    assert command._most_telling(X, y) == [first, second]


def test_many_columns_and_rows_are_thinned_and_told(monkeypatch):
    monkeypatch.setattr(command, "_MOST_ROWS", 200)
    monkeypatch.setattr(command, "_MOST_POINTS", 50)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 300))
    y = (X[:, 123] + X[:, 7] + 0.5 * rng.normal(size=300) > 0).astype(int)
    names = tuple(f"c{j}" for j in range(300))
    rows = command._checked("wide.csv", command._Rows("w", ("w",), "t", ("a", "b"), names, X, y))
    found = command._lesson(rows)
    assert sorted(found.columns) == ["c123", "c7"]
    assert len(found.y) + len(found.truths) == 200
    assert len(found.drawn) == 50
    told = " ".join(found.story)
    assert "takes 200 of the rows" in told
    assert "50 of the training rows are drawn" in told


def test_one_column_is_a_lesson_too(browser, tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=80)
    y = np.where(x + rng.normal(size=80) > 0, "yes", "no")
    data = write_csv(tmp_path / "one.csv", ["dose", "alive"], zip(x, y, strict=True))
    out = tmp_path / "page.html"
    assert main(["lesson", "--data", str(data), "--target", "alive", "--out", str(out)]) == 0
    with opened(browser, out) as page:
        b, w = number(page, "boundary.b_text"), number(page, "boundary.w1_text")
        line = page.locator("#chart-boundary svg .boundaries line").nth(1)
        assert float(line.get_attribute("x2") or 0) == pytest.approx(0), "upright"
        left = numbers(line.get_attribute("transform"))[0]
        assert axis(page, "boundary", "x")(left) == pytest.approx(-b / w, abs=0.02)
        assert page.locator("#chart-weights svg .here path").count() == 2
        assert "×" in page.locator("#equation").inner_text()


@pytest.mark.parametrize(("scale", "shift"), [(1e-160, 0.0), (1.0, 1e8), (-1e15, 0.0)])
def test_columns_of_any_size_are_drawn(browser, tmp_path, lesson, scale, shift):
    """Columns of another unit give the same picture, with other numbers on its axes."""
    run = lesson.runs[1]
    coef = run.coef / scale
    moved = dataclasses.replace(run, coef=coef, intercept=run.intercept - coef.sum(axis=1) * shift)
    changed = dataclasses.replace(lesson, X=lesson.X * scale + shift, runs=(moved,))
    path = tmp_path / "page.html"
    path.write_text(lesson_page(changed), encoding="utf-8")
    with opened(browser, path) as page:
        drawn = [
            numbers(dot.get_attribute("transform"))[:2]
            for dot in page.locator("#chart-boundary svg .dots path").all()[:60]
        ]
        x, y = axis(page, "boundary", "x"), axis(page, "boundary", "y")
        at = np.array([(x(left), y(top)) for left, top in drawn])
        np.testing.assert_allclose(at, changed.X[lesson.drawn][:60], atol=0.05 * abs(scale), rtol=0)
        check_equation(page, (*moved.coef[10], moved.intercept[10]))
        labels = page.locator("#chart-boundary .role-axis-label text").all_text_contents()
        assert max(map(len, labels)) <= len("100,000,000")


def test_separated_classes_have_no_minimum_and_the_page_says_so(browser, tmp_path):
    rows = [[j, j % 3, "b" if j >= 20 else "a"] for j in range(40)]
    data = write_csv(tmp_path / "apart.csv", ["x", "z", "label"], rows)
    out = tmp_path / "page.html"
    assert main(["lesson", "--data", str(data), "--target", "label", "--out", str(out)]) == 0
    with opened(browser, out) as page:
        assert "No finite weights are best" in page.locator("header").inner_text()
        assert page.locator("#minimum").count() == 0
        assert text(page, "scores.accuracy_text") == "1.0000"


HOSTILE = {
    "names": ["</script><script>window.hacked=1</script>", "a[0]['x\"]\\.{{7*7}}${hacked=1}", "z"],
    "target": "' onmouseover='window.hacked=1",
    "labels": ["<img src=x onerror=window.hacked=1>", 'javascript:window.hacked=1//"'],
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A file whose every word would like to be a program."""
    folder = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 3))
    y = (X[:, 0] + X[:, 1] + rng.normal(size=60) > 0).astype(int)
    rows = [[*row, HOSTILE["labels"][k]] for row, k in zip(X.tolist(), y, strict=True)]
    header = [*HOSTILE["names"], HOSTILE["target"]]
    data = write_csv(folder / "<b onclick=alert(1)>.csv", header, rows)
    out = folder / "page.html"
    how = ["lesson", "--data", str(data), "--target", HOSTILE["target"], "--out", str(out)]
    assert main(how) == 0
    return out


def test_hostile_names_and_labels_are_shown_and_never_run(browser, hostile):
    with opened(browser, hostile, 360) as page:
        seen = page.locator("body").inner_text()
        for words in (*HOSTILE["names"][:2], *HOSTILE["labels"], HOSTILE["target"]):
            assert words in seen
        assert "<b onclick=alert(1)>.csv" in page.locator("h1 + p b").inner_text()
        titles = page.locator("#chart-boundary .role-axis-title text").all_text_contents()
        assert any(title.startswith("</script>") for title in titles)
        assert any("{{7*7}}" in title for title in titles)
        for place_on_page in page.locator("main *").all()[:40]:
            place_on_page.dispatch_event("mouseover")
        assert page.evaluate("window.hacked") is None
        assert page.locator("img, b[onclick], [onmouseover], [onerror]").count() == 0
        assert page.locator("script").count() == 3
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert text(page, "boundary.w1_text")


def test_long_names_do_not_break_the_page(browser, tmp_path, lesson):
    long = dataclasses.replace(
        lesson, columns=("x" * 300, "W" * 300), classes=("n" * 200, "p" * 200), target="t" * 200
    )
    path = tmp_path / "page.html"
    path.write_text(lesson_page(long), encoding="utf-8")
    for width in (360, 1280):
        with opened(browser, path, width) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width


# ---- the command --------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def error_of(capsys, *arguments):
    """The one line that a refused command says."""
    assert main(["lesson", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = captured.err.rstrip("\n").split("\n")[-1]
    assert line.startswith("oddsmith: error: ")
    return line


def rows_of(labels):
    return [[j, label] for j, label in enumerate(labels)]


def test_the_command_writes_one_page_and_replaces_it(here, capsys, monkeypatch):
    shown = []
    monkeypatch.setattr(webbrowser, "open", lambda address: shown.append(address) or True)
    assert main(["lesson"]) == 0
    assert [path.name for path in here.iterdir()] == ["lesson.html"]
    assert "Wrote lesson.html (1.0" in capsys.readouterr().out
    first = (here / "lesson.html").read_bytes()
    assert main(["lesson", "clusters", "--open"]) == 0
    assert (here / "lesson.html").read_bytes() == first, "the same bytes in every run"
    assert shown == [(here / "lesson.html").as_uri()]


def test_a_machine_without_a_browser_is_told_so(here, capsys, monkeypatch):
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    monkeypatch.setattr(command, "page_of_name", lambda name: "page")
    assert main(["lesson", "--open"]) == 0
    assert "no browser was found" in capsys.readouterr().err


def test_unknown_lessons_list_the_known_ones(here, capsys):
    line = error_of(capsys, "iris")
    assert 'no lesson "iris"; choose one of: breast-cancer, clusters' in line
    assert all(name in cli.commands["lesson"].help for name in command.LESSONS)


def test_options_that_do_not_fit_together(here, capsys):
    assert "give one of them" in error_of(capsys, "clusters", "--data", "x.csv", "--target", "y")
    assert "--data needs --target" in error_of(capsys, "--data", "x.csv")
    assert "--target names a column of --data" in error_of(capsys, "--target", "y")
    assert "there is no such file" in error_of(capsys, "--data", "x.csv", "--target", "y")


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (["x", "y"], rows_of("abcabcabcabc"), 'column "y" has 3 classes'),
        (["x", "y"], rows_of("aaaaaa"), 'holds the label "a" only'),
        (["x", "y"], rows_of("aaaaaaaabb"), '2 rows of the class "b"'),
        (["x", "y"], [[1, "a"], [1, "b"]] * 6, "every column holds one value only"),
        (["x", "y"], [[1, "a"], [1e200, "b"]] * 6, 'column "x" has numbers beyond 1e+100'),
        (["y"], [["a"], ["b"]] * 6, "no column but the target"),
        (["x", "y"], [["dear", "a"], [1, "b"]] * 6, 'line 2, column "x"'),
    ],
)
def test_data_that_make_no_lesson(here, capsys, header, rows, said):
    data = write_csv(here / "data.csv", header, rows)
    line = error_of(capsys, "--data", data.name, "--target", "y")
    assert said in line
    assert "data.csv" in line
    assert not (here / "lesson.html").exists()


def test_inputs_and_strangers_files_are_not_overwritten(here, capsys):
    data = write_csv(here / "data.csv", ["x", "y"], rows_of("ab" * 10))
    line = error_of(capsys, "--data", data.name, "--target", "y", "--out", "data.csv")
    assert "is an input" in line
    (here / "lesson.html").write_text("<p>my own page")
    assert "not written by oddsmith" in error_of(capsys)
    assert (here / "lesson.html").read_text() == "<p>my own page"


def test_the_missing_package_is_named(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert 'pip install "oddsmith[page]"' in error_of(capsys)
    with pytest.raises(MissingPackageError, match="pages need vl-convert"):
        command.page_of_name("clusters")


# ---- the page as data ---------------------------------------------------------------------------


def test_what_is_not_finite_is_refused(lesson):
    with pytest.raises(ValueError, match="not JSON compliant"):
        lesson_page(dataclasses.replace(lesson, minimum=np.nan))


def test_values_go_to_signals_that_take_them():
    with pytest.raises(KeyError, match="no signal takes a value under the name p"):
        with_values(load_charts("sigmoid", {"losses": 240})["losses"], {"p": 1})


def test_users_words_are_values_only(hostile):
    """No expression, name of a field or of a data set depends on the data."""
    page = hostile.read_text(encoding="utf-8")
    document = json.loads(re.search(r'id="page">(.*?)</script>', page, re.DOTALL)[1])
    for chart in document["charts"].values():
        for signal in chart["signals"]:
            signal.pop("value", None)
    words = json.dumps(document["charts"])
    assert not any(name in words for name in ("hacked", "</", "onmouseover", "7*7"))


def test_lessons_on_iris_need_two_classes(here, capsys):
    data = load_iris()
    rows = [[*row, label] for row, label in zip(data.data.tolist(), data.target, strict=True)]
    write_csv(here / "iris.csv", ["a", "b", "c", "d", "kind"], rows)
    line = error_of(capsys, "--data", "iris.csv", "--target", "kind")
    assert "has 3 classes, and a lesson is about two" in line


def test_a_lesson_of_one_run_starts_with_it():
    path = np.array([0.7, 0.6])
    run = Run("plain", np.array([[0.0], [1.0]]), path, path, path, path)
    X, y = np.array([[0.0], [1.0]]), np.array([0, 1])
    small = Lesson(
        *("t", ("s",), "y", ("a", "b"), ("x",), X, y, np.arange(2), (run,), None, X[:, 0], y)
    )
    page = lesson_page(small)
    assert 'value="0" checked' in page
    assert f'max="{view._charts(small)["cost"]["signals"][4]["value"]}"' in page
