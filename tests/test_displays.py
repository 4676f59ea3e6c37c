"""Displays: the numbers drawn are those of the data, in the axes that are given, and no others."""

import itertools
import re
import subprocess
import sys
import time
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LogisticRegression as TheirLogisticRegression
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV, ValidationCurveDisplay
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import oddsmith
from oddsmith import (
    CoefficientDisplay,
    DataError,
    LogisticRegression,
    LogisticRegressionCV,
    LossCurveDisplay,
    MissingPackageError,
    ParameterError,
    PathDisplay,
    ReliabilityDisplay,
    ThresholdCurveDisplay,
)
from oddsmith.decisions.calibration import CalibrationError, Decomposition, Reliability
from oddsmith.decisions.thresholds import threshold_curve
from oddsmith.views.displays.axes import thinned
from oddsmith.views.displays.path import _apart

HOSTILE = [
    "$x^{",
    "_hidden",
    "a_b",
    "\\frac{%",
    "<b>",
    "n\ne\tw",
    "a" * 10_000,
    "\x1b[31m",
    "%s{0}",
]


@pytest.fixture(autouse=True)
def _no_figures_left():
    assert plt.get_fignums() == []
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = (X - X.mean()) / X.std()
    return X, y


@pytest.fixture(scope="module")
def ill():
    """Rows of a table with text, and their labels."""
    rng = np.random.default_rng(1)
    n = 600
    frame = pd.DataFrame(
        {
            "age": rng.normal(50.0, 10.0, n),
            "site": rng.choice(["north", "south", "$x_1^{"], n),
            "_dose": rng.normal(size=n),
        }
    )
    margin = -3.0 + 0.06 * frame["age"] + 0.8 * (frame["site"] == "south")
    return frame, np.where(rng.random(n) < 1 / (1 + np.exp(-margin)), "yes", "no")


@pytest.fixture(scope="module")
def plain_fit(ill):
    return LogisticRegression(C=np.inf).fit(*ill)


@pytest.fixture(scope="module")
def chosen(cancer):
    return LogisticRegressionCV(Cs=20, l1_ratios=[1.0]).fit(*cancer)


@pytest.fixture(scope="module")
def path(cancer):
    return oddsmith.regularization_path(*cancer, n_lambdas=12)


def plain_reliability(m=5, log_loss=0.5):
    p = np.linspace(0.1, 0.9, m)
    parts = Decomposition(log_loss, 0.1, 0.2, 0.6)
    return Reliability(
        probability=p,
        weight=np.arange(1.0, m + 1),
        positive_weight=p,
        recalibrated=p**2,
        lower=p - 0.05,
        upper=p + 0.05,
        level=0.9,
        n_rows=15,
        log_loss=parts,
        brier=parts,
        error=CalibrationError(0.1, 0.05, 10),
    )


def every(cancer, ill, plain_fit, chosen, path):
    """Each display, by what makes it in the axes that it is given."""
    curve = threshold_curve([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.8])
    return {
        "loss": lambda ax: LossCurveDisplay.from_estimator(plain_fit, ax=ax),
        "history": lambda ax: LossCurveDisplay.from_history(plain_fit.history_, ax=ax),
        "threshold": lambda ax: ThresholdCurveDisplay.from_estimator(plain_fit, *ill, ax=ax),
        "curve": lambda ax: ThresholdCurveDisplay(curve).plot(ax),
        "coefficients": lambda ax: CoefficientDisplay.from_estimator(plain_fit, ax=ax),
        "forest": lambda ax: CoefficientDisplay.from_inference(plain_fit.infer(*ill), ax=ax),
        "path": lambda ax: PathDisplay.from_path(path, ax=ax),
        "cv": lambda ax: PathDisplay.from_estimator(chosen, ax=ax),
        "reliability": lambda ax: ReliabilityDisplay(plain_reliability()).plot(ax),
    }


KINDS = (
    "loss",
    "history",
    "threshold",
    "curve",
    "coefficients",
    "forest",
    "path",
    "cv",
    "reliability",
)


@pytest.fixture
def make(request, cancer, ill, plain_fit, chosen, path):
    return every(cancer, ill, plain_fit, chosen, path)[request.param]


# The convention.


@pytest.mark.parametrize("make", KINDS, indirect=True)
def test_axes_that_are_given_are_drawn_on_and_no_others(make):
    figure = Figure()
    ax, other = figure.subplots(1, 2)
    display = make(ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert ax.get_lines()
    assert not other.get_lines()
    assert other.get_xlabel() == ""
    assert figure.axes == [ax, other]
    assert ax.get_title(loc="left") == "", "titles of given axes are their owner's"
    assert plt.get_fignums() == []
    figure.canvas.draw()


@pytest.mark.parametrize("make", KINDS, indirect=True)
def test_without_axes_there_is_one_new_figure_that_pyplot_shows(make):
    before = dict(mpl.rcParams)
    display = make(None)
    assert plt.get_fignums() == [display.figure_.number]
    assert plt.gcf() is display.figure_
    assert display.ax_ in display.figure_.axes
    assert display.ax_.get_title(loc="left")
    assert dict(mpl.rcParams) == before
    display.figure_.canvas.draw()


@pytest.mark.parametrize("make", KINDS, indirect=True)
def test_plot_draws_again_elsewhere_and_returns_the_display(make):
    display = make(Figure().subplots())
    first, ax = display.ax_, Figure().subplots()
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax
    numbers = [[one.get_xydata() for one in each.get_lines()] for each in (first, ax)]
    assert len(numbers[0]) == len(numbers[1])
    for old, new in zip(*numbers, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("make", KINDS, indirect=True)
@pytest.mark.parametrize("size", [(6.4, 4.8), (12.0, 7.0), (3.0, 2.0)])
def test_small_axes_hold_no_more_than_they_can(make, size):
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots(2, 3)[1, 1]
    display = make(ax)
    figure.canvas.draw()
    assert no_overlap(ax.get_yticklabels(), figure)
    if display.ax_.get_legend() is not None and size[0] > 6:
        legend, room = display.ax_.get_legend().get_window_extent(), figure.bbox
        assert legend.width <= room.width
        assert legend.height <= ax.bbox.height


@pytest.mark.parametrize("make", KINDS, indirect=True)
def test_displays_are_drawn_on_subfigures_and_in_dark_styles(make):
    with plt.style.context("dark_background"):
        figure = Figure(layout="constrained")
        left, _ = figure.subfigures(1, 2)
        assert make(left.subplots()).figure_ is figure
        figure.canvas.draw()


def no_overlap(labels, figure):
    boxes = [label.get_window_extent() for label in labels if label.get_text()]
    boxes.sort(key=lambda box: box.y0)
    # Boxes have room above and below the letters.
    return all(
        low.y1 - 0.25 * low.height <= high.y0 + 0.25 * high.height
        for low, high in itertools.pairwise(boxes)
    )


@pytest.mark.parametrize(
    "name",
    [
        "CoefficientDisplay",
        "LossCurveDisplay",
        "PathDisplay",
        "ReliabilityDisplay",
        "ThresholdCurveDisplay",
    ],
)
def test_displays_follow_scikit_learn(name):
    kind = getattr(oddsmith, name)
    assert callable(kind.from_estimator)
    assert callable(kind.plot)
    assert "ax_" in kind.__doc__
    assert "figure_" in kind.__doc__


def test_parameters_are_stored_as_attributes():
    found = plain_reliability()
    display = ReliabilityDisplay(found, pos_label="yes", name="ours")
    assert (display.reliability, display.pos_label, display.name) == (found, "yes", "ours")
    assert not hasattr(display, "ax_")


def test_matplotlib_is_not_imported_before_it_is_needed():
    code = (
        "import sys, oddsmith; oddsmith.CoefficientDisplay(['a'], [1.0]); "
        "seen = 'matplotlib' in sys.modules; from matplotlib.figure import Figure; "
        "oddsmith.CoefficientDisplay(['a'], [1.0]).plot(Figure().subplots()); "
        "print(seen, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch, plain_fit):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingPackageError, match=r'pip install "oddsmith\[plot\]"'):
        CoefficientDisplay.from_estimator(plain_fit)
    with pytest.raises(ImportError):
        LossCurveDisplay.from_estimator(plain_fit)


# Loss.


def test_losses_are_those_of_the_history(cancer):
    X, y = cancer
    model = LogisticRegression().fit(X[:400], y[:400], validation=(X[400:], y[400:]))
    display = LossCurveDisplay.from_estimator(model)
    history = model.history_
    for line, key in (
        (display.line_, "loss"),
        (display.validation_line_, "validation_loss"),
        (display.gap_line_, "gap"),
    ):
        np.testing.assert_array_equal(line.get_xdata(), history["iteration"])
        np.testing.assert_array_equal(line.get_ydata(), history[key])
    assert display.gap_ax_.get_yscale() == "log"
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert shown == ["training rows", "validation rows"]


def test_losses_of_two_fits_share_their_axes(cancer):
    X, y = cancer
    long = LogisticRegression(solver="gradient-descent", max_iter=40, tol=1e-3)
    short = LogisticRegression().fit(X, y)
    with pytest.warns(oddsmith.ConvergenceWarning):
        long.fit(X, y)
    first = LossCurveDisplay.from_estimator(long, name="_slow $x$")
    both = [first.ax_, first.gap_ax_]
    second = LossCurveDisplay.from_estimator(short, name="quick", ax=both)
    assert (second.ax_, second.gap_ax_) == tuple(both)
    assert first.line_.get_color() != second.line_.get_color()
    shown = [text.get_text().strip() for text in first.ax_.get_legend().get_texts()]
    assert shown == ["_slow $x$", "quick"]
    for ax in both:
        assert ax.get_xlim()[1] >= 40, "the longer fit is still in the picture"


def test_a_loss_without_gaps_has_one_panel():
    display = LossCurveDisplay(iteration=[0, 1, 2], loss=[0.7, 0.5, 0.4]).plot()
    assert len(display.figure_.axes) == 1
    assert display.gap_ax_ is display.gap_line_ is None
    two = Figure().subplots(1, 2)
    display.plot(two)
    assert display.gap_ax_.texts[0].get_text() == "nothing is proved"
    with pytest.raises(ParameterError, match="ax has 3 axes"):
        display.plot(Figure().subplots(1, 3))


def test_one_iteration_is_drawn():
    display = LossCurveDisplay(iteration=[0], loss=[0.0], gap=[0.0]).plot()
    display.figure_.canvas.draw()


def test_an_estimator_without_a_history_is_named(cancer):
    with pytest.raises(ParameterError, match="StandardScaler has no history_"):
        LossCurveDisplay.from_estimator(StandardScaler())
    pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(*cancer)
    search = GridSearchCV(pipe, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(*cancer)
    display = LossCurveDisplay.from_estimator(search)
    inner = search.best_estimator_[-1].history_["loss"]
    np.testing.assert_array_equal(display.line_.get_ydata(), inner)


# Thresholds.


def test_measures_at_every_threshold_are_those_of_scikit_learn(plain_fit, ill):
    X, y = ill
    score = plain_fit.predict_proba(X)[:, 1]
    display = ThresholdCurveDisplay.from_estimator(plain_fit, X, y)
    for name, measure in (("precision", precision_score), ("recall", recall_score)):
        x, drawn = display.lines_[name].get_data()
        for place in (1, 5, 200, x.size - 2):
            theirs = measure(y, np.where(score >= x[place], "yes", "no"), pos_label="yes")
            assert drawn[place] == pytest.approx(theirs, abs=1e-15)
    best = display.choice
    assert best.value == max(
        f1_score(y, np.where(score >= at, "yes", "no"), pos_label="yes") for at in score
    )
    assert display.choice_line_.get_xdata() == [best.threshold] * 2
    assert display.choice_point_.get_ydata() == [best.value]


def test_steps_hold_between_scores():
    display = ThresholdCurveDisplay.from_predictions([0, 1, 0, 1], [0.2, 0.4, 0.6, 0.8])
    line = display.lines_["recall"]
    assert line.get_drawstyle() == "steps-pre"
    x, y = line.get_data()
    assert x.tolist() == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    # To the left of a score, up to the next one, its own value holds.
    assert y.tolist() == [1.0, 1.0, 1.0, 0.5, 0.5, 0.0]


def test_costs_are_drawn_per_row(plain_fit, ill):
    X, y = ill
    display = ThresholdCurveDisplay.from_estimator(plain_fit, X, y, cost={"fp": 1, "fn": 5})
    x, drawn = display.lines_["cost"].get_data()
    called = plain_fit.predict_proba(X)[:, 1] >= x[100]
    cost = np.mean(np.where(called, 1.0 * (y == "no"), 5.0 * (y == "yes")))
    assert drawn[100] == pytest.approx(cost, abs=1e-14)
    assert display.choice_point_.get_ydata() == [pytest.approx(np.nanmin(drawn))]
    with pytest.raises(ParameterError, match="different units"):
        ThresholdCurveDisplay(display.curve, measures=["f1"], cost={"fp": 1})
    with pytest.raises(ParameterError, match="one 'fn' for each row"):
        ThresholdCurveDisplay(display.curve, cost={"fp": 1, "fn": np.ones(3)})


def test_other_measures_constraints_and_margins(plain_fit, ill):
    X, y = ill
    display = ThresholdCurveDisplay.from_estimator(
        plain_fit,
        X,
        y,
        measures=["mcc", "f2", "recall"],
        objective="recall",
        subject_to={"precision": 0.7},
        response_method="decision_function",
    )
    assert list(display.lines_) == ["mcc", "f2", "recall"]
    assert display.choice.precision >= 0.7
    assert display.choice_point_ is not None
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert shown[:3] == ["MCC", "F2", "recall"]
    assert shown[3].startswith("best recall, precision at least 0.7: ")
    low, high = display.ax_.get_xlim()
    margin = plain_fit.decision_function(X)
    assert low < margin.min() < margin.max() < high


def test_a_threshold_at_which_none_is_positive_is_marked():
    display = ThresholdCurveDisplay.from_predictions(
        [0, 0, 0, 1], [0.2, 0.5, 0.9, 0.1], cost={"fp": 1, "fn": 0.1}
    )
    assert np.isinf(display.choice.threshold)
    text = display.ax_.get_legend().get_texts()[-1].get_text()
    assert text.endswith("inf: none is positive")


def test_the_other_class_can_be_the_positive_one(plain_fit, ill):
    X, y = ill
    display = ThresholdCurveDisplay.from_estimator(plain_fit, X, y, pos_label="no")
    assert display.curve.positive == "no"
    p = plain_fit.predict_proba(X)[:, 0]
    np.testing.assert_array_equal(display.curve.thresholds[:-1], np.unique(p))
    margins = ThresholdCurveDisplay.from_estimator(
        plain_fit, X, y, pos_label="no", response_method="decision_function"
    )
    np.testing.assert_array_equal(
        margins.curve.thresholds[:-1], np.unique(-plain_fit.decision_function(X))
    )
    assert '"no"' in display.ax_.get_xlabel()


def test_scores_that_cannot_be_had_are_named(plain_fit, ill):
    X, y = ill
    iris = TheirLogisticRegression(max_iter=1000).fit(*load_iris(return_X_y=True))
    with pytest.raises(DataError, match="has 3 classes"):
        ThresholdCurveDisplay.from_estimator(iris, *load_iris(return_X_y=True))
    with pytest.raises(DataError, match='label "1", which is no class'):
        ThresholdCurveDisplay.from_estimator(plain_fit, X, (y == "yes").astype(int) + 1)
    with pytest.raises(ParameterError, match='classes are "no" and "yes"'):
        ThresholdCurveDisplay.from_estimator(plain_fit, X, y, pos_label="maybe")
    with pytest.raises(ParameterError, match="response_method='proba' is not known"):
        ThresholdCurveDisplay.from_estimator(plain_fit, X, y, response_method="proba")
    with pytest.raises(ParameterError, match="StandardScaler has no predict_proba or decision"):
        ThresholdCurveDisplay.from_estimator(StandardScaler(), X, y)
    with pytest.raises(ParameterError, match="'f_1' is no measure"):
        ThresholdCurveDisplay.from_estimator(plain_fit, X, y, measures=["f_1"])


def test_any_classifier_and_any_labels_are_drawn(cancer):
    X, y = cancer
    model = TheirLogisticRegression().fit(X, y)
    display = ThresholdCurveDisplay.from_estimator(model, X, pd.Series(y, name="benign"))
    assert display.curve.n_rows == len(y)


def test_a_million_scores_are_thinned_to_the_same_picture():
    rng = np.random.default_rng(0)
    score = rng.random(1_000_000)
    start = time.perf_counter()
    display = ThresholdCurveDisplay.from_predictions(rng.random(score.size) < score, score)
    display.figure_.canvas.draw()
    assert time.perf_counter() - start < 10.0
    x, drawn = display.lines_["f1"].get_data()
    assert x.size < 40_000
    whole = display.curve.f1
    assert drawn.max() == whole.max()
    assert np.isin(drawn, whole).all()


def test_thinning_keeps_extremes():
    rng = np.random.default_rng(0)
    x = np.sort(rng.random(50_000) ** 6)
    curve = rng.normal(size=x.size)
    curve[123] = np.nan
    kept = thinned(x, curve)
    assert kept[0] == 0
    assert kept[-1] == x.size - 1
    assert (np.diff(kept) > 0).all()
    edges = np.linspace(x[0], x[-1], 2001)
    for a, b in itertools.pairwise(edges):
        own = (x >= a) & (x < b) & ~np.isnan(curve)
        if own.any():
            assert curve[own].max() in curve[kept]
            assert curve[own].min() in curve[kept]
    np.testing.assert_array_equal(thinned(np.zeros(9000)), [0, 8999])


# Coefficients.


def rows_of(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def test_coefficients_are_sorted_and_counted(cancer):
    model = LogisticRegression().fit(*cancer)
    display = CoefficientDisplay.from_estimator(model)
    order = np.argsort(-np.abs(model.coef_[0]), kind="stable")[:20]
    assert display.drawn_ == order.tolist()
    np.testing.assert_array_equal(display.points_[0].get_xdata(), model.coef_[0, order])
    assert display.points_[0].get_ydata().tolist() == list(range(20))
    assert rows_of(display)[0] == model.feature_names_in_[order[0]]
    assert "20 of 30 columns; 10 not drawn" in display.ax_.get_xlabel()
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1], "the first is on top"
    assert display.intervals_[0].get_segments() == [], "no intervals of a penalised fit"


@pytest.mark.parametrize("ax", [None, "given"])
def test_thirty_names_do_not_overlap(cancer, ax):
    figure = Figure(figsize=(5, 4), layout="constrained")
    ax = None if ax is None else figure.subplots()
    model = LogisticRegression().fit(*cancer)
    display = CoefficientDisplay.from_estimator(model, n=30, ax=ax)
    display.figure_.canvas.draw()
    assert len(rows_of(display)) == 30
    assert no_overlap(display.ax_.get_yticklabels(), display.figure_)
    assert "not drawn" not in display.ax_.get_xlabel()


def test_intervals_are_those_of_the_inference(plain_fit, ill):
    found = plain_fit.infer(*ill)
    display = CoefficientDisplay.from_estimator(plain_fit, found, level=0.9, order="columns")
    interval = found.conf_int(0.1)[1:]
    drawn = np.array([each[:, 0] for each in display.intervals_[0].get_segments()])
    np.testing.assert_array_equal(drawn, interval)
    np.testing.assert_array_equal(display.points_[0].get_xdata(), found.params[1:])
    assert "bars: 90% intervals (Wald)" in display.ax_.get_xlabel()
    assert '"yes", not "no"' in display.ax_.get_xlabel()
    alone = CoefficientDisplay.from_inference(found, level=0.9, intercept=True, order="columns")
    np.testing.assert_array_equal(alone.points_[0].get_xdata(), found.params)
    robust = plain_fit.infer(*ill, cov_type="HC0")
    assert "HC0" in CoefficientDisplay.from_inference(robust).ax_.get_xlabel()


def test_odds_ratios_are_exponentials_on_a_logarithmic_axis(plain_fit, ill):
    found = plain_fit.infer(*ill)
    display = CoefficientDisplay.from_inference(found, odds_ratios=True)
    ax = display.ax_
    assert ax.get_xscale() == "log"
    np.testing.assert_array_equal(
        display.points_[0].get_xdata(), found.odds_ratios[1:][display.drawn_]
    )
    left, right = ax.get_xlim()
    display.figure_.canvas.draw()
    ticks = [tick for tick in ax.get_xticks() if left <= tick <= right]
    assert len(ticks) >= 2
    assert all(len(label.get_text()) <= 6 for label in ax.get_xticklabels())


def test_order_by_z(plain_fit, ill):
    found = plain_fit.infer(*ill)
    display = CoefficientDisplay.from_inference(found, order="z")
    assert display.drawn_ == np.argsort(-np.abs(found.tvalues[1:])).tolist()
    with pytest.raises(ParameterError, match="order='z' needs standard errors"):
        CoefficientDisplay.from_estimator(plain_fit, order="z")
    with pytest.raises(ParameterError, match="order='p' is not known"):
        CoefficientDisplay.from_estimator(plain_fit, order="p")
    for n in (0, 1.5, True):
        with pytest.raises(ParameterError, match="is not a number of rows"):
            CoefficientDisplay.from_estimator(plain_fit, n=n)
    with pytest.raises(ParameterError, match="level=95 is not between"):
        CoefficientDisplay.from_estimator(plain_fit, found, level=95)


def test_a_stored_model_has_the_intervals_of_its_covariance(tmp_path, plain_fit, ill):
    found = plain_fit.infer(*ill)
    plain_fit.save(tmp_path / "m.json", covariance=found)
    stored = oddsmith.load(tmp_path / "m.json")
    display = CoefficientDisplay.from_estimator(stored, order="columns", intercept=True)
    np.testing.assert_allclose(display.lower[:, 0], found.conf_int()[:, 0], rtol=1e-6)
    np.testing.assert_allclose(display.upper[:, 0], found.conf_int()[:, 1], rtol=1e-6)
    np.testing.assert_allclose(display.coefficient[:, 0], found.params, rtol=1e-6)
    plain_fit.save(tmp_path / "n.json")
    none = CoefficientDisplay.from_estimator(oddsmith.load(tmp_path / "n.json"))
    assert none.lower is None


@pytest.fixture(scope="module")
def three():
    rng = np.random.default_rng(2)
    X = pd.DataFrame(rng.normal(size=(400, 3)), columns=["a", "b", "c"])
    margins = np.column_stack([np.zeros(400), X["a"], X["b"] - X["a"]])
    y = (margins + rng.gumbel(size=margins.shape)).argmax(axis=1)
    return X, np.array(["x", "y", "z"])[y]


def test_three_classes_have_colours_of_their_own(three):
    model = LogisticRegression(C=np.inf).fit(*three)
    display = CoefficientDisplay.from_estimator(model, order="columns")
    assert len(display.points_) == 3
    for k in range(3):
        np.testing.assert_array_equal(display.points_[k].get_xdata(), model.coef_[k])
    assert len({points.get_color() for points in display.points_}) == 3
    assert len({points.get_marker() for points in display.points_}) == 3
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert shown == ["x", "y", "z"]
    # An odds ratio is against a class.
    ratios = CoefficientDisplay.from_estimator(model, order="columns", odds_ratios=True)
    assert len(ratios.points_) == 2
    np.testing.assert_allclose(
        ratios.points_[1].get_xdata(), np.exp(model.coef_[2] - model.coef_[0])
    )
    assert 'against "x"' in ratios.ax_.get_xlabel()


def test_three_classes_with_intervals(tmp_path, three):
    model = LogisticRegression(C=np.inf).fit(*three)
    found = model.infer(*three)
    display = CoefficientDisplay.from_estimator(model, found, order="columns")
    interval = found.conf_int().reshape(2, 4, 2)
    for e in range(2):
        drawn = np.array([each[:, 0] for each in display.intervals_[e].get_segments()])
        np.testing.assert_allclose(drawn, interval[e, 1:], rtol=1e-13)
        assert display.points_[e].get_label() == "yz"[e]
    model.save(tmp_path / "m.json", covariance=found)
    stored = CoefficientDisplay.from_estimator(oddsmith.load(tmp_path / "m.json"), intercept=True)
    np.testing.assert_allclose(stored.lower.T.ravel(), found.conf_int()[:, 0], rtol=1e-6)
    samples = model.infer(*three, bootstrap=10, seed=0)
    boot = CoefficientDisplay.from_estimator(model, samples, order="columns")
    by_class = samples.samples.reshape(10, 3, 4)[:, :, 1:]
    ends = np.quantile(by_class[:, 2] - by_class[:, 0], [0.025, 0.975], axis=0)
    np.testing.assert_allclose(boot.lower[:, 1], ends[0])
    np.testing.assert_allclose(boot.upper[:, 1], ends[1])


def test_bootstrap_intervals_of_a_penalised_fit(cancer):
    X, y = cancer
    model = LogisticRegression().fit(X.iloc[:, :4], y)
    samples = model.infer(X.iloc[:, :4], y, bootstrap=8, seed=0)
    display = CoefficientDisplay.from_estimator(model, samples, order="columns")
    np.testing.assert_allclose(display.lower[:, 0], samples.conf_int()[1:, 0], rtol=1e-13)
    assert "percentile intervals of 8 samples" in display.ax_.get_xlabel()
    np.testing.assert_array_equal(
        CoefficientDisplay.from_inference(samples, order="columns").upper, display.upper
    )


def test_a_bias_reduced_fit_has_its_profile_intervals():
    X, y = np.array([[0.0], [0], [0], [1], [1], [1]]), np.array([0, 0, 0, 1, 1, 1])
    model = oddsmith.FirthLogisticRegression().fit(X, y)
    found = model.infer(X, y)
    display = CoefficientDisplay.from_estimator(model, found)
    assert display.lower.item() == pytest.approx(found.conf_int()[1, 0], rel=1e-9)
    assert "(profile)" in display.ax_.get_xlabel()


def test_results_of_another_fit_are_refused(plain_fit, ill):
    X, y = ill
    other = LogisticRegression(C=np.inf).fit(X.iloc[:300], y[:300])
    with pytest.raises(ParameterError, match="results are of another fit"):
        CoefficientDisplay.from_estimator(plain_fit, other.infer(X.iloc[:300], y[:300]))
    with pytest.raises(ParameterError, match="results are a ndarray"):
        CoefficientDisplay.from_estimator(plain_fit, np.ones(3))
    with pytest.raises(ParameterError, match="has no coef_"):
        CoefficientDisplay.from_estimator(StandardScaler())


def test_a_pipeline_names_the_columns_that_it_makes(cancer):
    X, y = cancer
    pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    display = CoefficientDisplay.from_estimator(pipe, n=1)
    assert display.names == list(X.columns)
    np.testing.assert_array_equal(display.coefficient[:, 0], pipe[-1].coef_[0])
    bare = make_pipeline(StandardScaler(), LogisticRegression()).fit(X.to_numpy(), y)
    assert CoefficientDisplay.from_estimator(bare, n=1).names[:2] == ["x0", "x1"]
    theirs = TheirLogisticRegression().fit(X, y)
    assert CoefficientDisplay.from_estimator(theirs).names == list(X.columns)


def test_a_thousand_columns_of_which_most_are_zero():
    rng = np.random.default_rng(0)
    coefficient = np.zeros(1000)
    coefficient[rng.choice(1000, 50, replace=False)] = rng.normal(size=50)
    display = CoefficientDisplay([f"x{j}" for j in range(1000)], coefficient).plot()
    label = display.ax_.get_xlabel()
    assert "20 of 1,000 columns; 30 not drawn" in label
    assert "950 of 1,000 columns have coefficient 0" in label
    assert (display.points_[0].get_xdata() != 0).all()
    nothing = CoefficientDisplay(["a", "b"], [0.0, 0.0]).plot()
    assert nothing.points_[0].get_xdata().tolist() == [0.0, 0.0]


def test_aliased_columns_have_no_row_and_are_counted():
    x = np.array([0.0, 1, 2, 3, 4, 5])
    with pytest.warns(oddsmith.OddsmithWarning):
        found = oddsmith.logit(np.column_stack([x, 2 * x]), [0, 1, 0, 1, 0, 1])
    display = CoefficientDisplay.from_inference(found)
    assert len(display.drawn_) == 1
    assert "1 aliased: without a coefficient" in display.ax_.get_xlabel()


def test_an_interval_that_dwarfs_the_rest_ends_in_an_arrow():
    value = np.array([1.0, -0.5, 0.2, 0.1])
    half = np.array([5000.0, 0.3, 0.2, 0.3])
    low, high = value - half, value + half
    high[1] = np.inf
    for odds in (False, True):
        display = CoefficientDisplay(list("abcd"), value, low, high).plot(odds_ratios=odds)
        left, right = np.log(display.ax_.get_xlim()) if odds else display.ax_.get_xlim()
        assert right - left < 15.0
        ends = {line.get_marker(): line for line in display.ax_.get_lines()}
        assert ends["<"].get_ydata().tolist() == [0.0]
        assert ends[">"].get_ydata().tolist() == [0.0, 1.0]
        segments = np.array(display.intervals_[0].get_segments())
        assert np.isfinite(segments).all()
        assert len(segments) == 4
        assert segments[1, 1, 0] > display.ax_.get_xlim()[1]
        display.figure_.canvas.draw()


def test_coefficients_beyond_all_exponentials_are_drawn():
    value = [800.0, -900.0]
    display = CoefficientDisplay(["a", "b"], value, [700.0, -1e4], [1e5, -800.0]).plot(
        odds_ratios=True
    )
    assert np.isfinite(display.points_[0].get_xdata()).all()
    display.figure_.canvas.draw()


def test_many_classes_are_told_apart():
    display = CoefficientDisplay(
        [f"x{j}" for j in range(40)],
        np.random.default_rng(0).normal(size=(40, 12)),
        classes=list(range(12)),
    ).plot()
    looks = {(points.get_color(), points.get_marker()) for points in display.points_}
    assert len(looks) == 12
    assert len(display.drawn_) <= 7


# Paths.


def test_paths_are_those_of_the_data(path):
    display = PathDisplay.from_path(path, marks={"lambda.1se": path.lambdas[4]})
    order = np.argsort(-np.abs(path.coefs).max(axis=0), kind="stable")
    for line, j in zip(display.lines_, order.tolist(), strict=False):
        np.testing.assert_array_equal(line.get_xdata(), path.lambdas)
        np.testing.assert_array_equal(line.get_ydata(), path.coefs[:, j])
    assert len(display.lines_) == 7
    assert len(display.others_) == int((path.coefs != 0).any(axis=0).sum()) - 7
    assert display.ax_.get_xlim()[0] > display.ax_.get_xlim()[1]
    [mark] = display.mark_lines_
    assert mark.get_xdata() == [path.lambdas[4]] * 2


def test_cross_validation_marks_what_it_chose(chosen):
    display = PathDisplay.from_estimator(chosen)
    mean = chosen.coefs_paths_[:, 0, :, 0, :-1].mean(axis=0)
    j = np.argmax(np.abs(mean).max(axis=0))
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), mean[:, j])
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), chosen.Cs_)
    assert display.mark_lines_[0].get_xdata() == [chosen.C_] * 2
    assert chosen.C_ == chosen.C_best_ > chosen.C_1se_
    marks = dict(display.marks.items())
    assert marks["chosen (best)"] == chosen.C_
    assert marks.get("1se", chosen.C_) == chosen.C_1se_


def test_both_rules_are_known_of_either_choice(cancer, chosen):
    other = LogisticRegressionCV(Cs=20, l1_ratios=[1.0], rule="1se").fit(*cancer)
    assert other.C_ == other.C_1se_ == chosen.C_1se_
    assert other.C_best_ == chosen.C_best_


def test_the_path_is_that_of_the_chosen_l1_ratio(cancer):
    found = LogisticRegressionCV(Cs=4, l1_ratios=[0.0, 1.0], cv=3).fit(*cancer)
    for r, ratio in enumerate(found.l1_ratios_):
        found.l1_ratio_ = ratio
        mean = found.coefs_paths_[:, r, :, 0, :-1].mean(axis=0)
        j = np.argmax(np.abs(mean).max(axis=0))
        drawn = PathDisplay.from_estimator(found).lines_[0].get_ydata()
        np.testing.assert_array_equal(drawn, mean[:, j])


def test_paths_of_three_classes_are_lengths(three):
    path = oddsmith.regularization_path(*three, n_lambdas=5)
    display = PathDisplay.from_path(path)
    lengths = np.linalg.norm(path.coefs, axis=1)
    j = np.argmax(lengths.max(axis=0))
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), lengths[:, j])
    assert "length" in display.ax_.get_ylabel()
    found = LogisticRegressionCV(Cs=3, refit=False).fit(*three)
    display = PathDisplay.from_estimator(found)
    lengths = np.linalg.norm(found.coefs_paths_.mean(axis=0)[0, :, :, :-1], axis=1)
    j = np.argmax(lengths.max(axis=0))
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), lengths[:, j])


def test_penalties_without_end_are_left_out_and_named():
    display = PathDisplay(
        [0.1, 1.0, np.inf], [[1.0], [2.0], [3.0]], ["a"], [1, 1, 1], scale="C"
    ).plot()
    assert display.lines_[0].get_xdata().tolist() == [0.1, 1.0]
    assert "C without end not drawn" in display.ax_.get_xlabel()
    with pytest.raises(DataError, match="no penalty is finite"):
        PathDisplay([np.inf], [[1.0]], ["a"], [1], scale="C").plot()


def test_one_penalty_and_no_coefficient_are_drawn():
    display = PathDisplay([0.5], [[0.0, 0.0]], ["a", "b"], [0]).plot()
    assert display.lines_ == []
    display.figure_.canvas.draw()


def test_names_at_the_ends_keep_apart():
    places = np.array(_apart([0.0, 0.0, 0.9, 1.0, 1.0], 0.1, 1.0))
    assert (np.diff(places) >= 0.1 - 1e-12).all()
    assert places.max() <= 1.0
    assert _apart([], 0.1, 1.0) == []


def test_an_estimator_without_a_path_is_named(plain_fit):
    with pytest.raises(ParameterError, match="LogisticRegression has no coefs_paths_"):
        PathDisplay.from_estimator(plain_fit)


# Reliability.


def test_reliability_is_drawn_as_it_is():
    found = plain_reliability()
    display = ReliabilityDisplay(found, pos_label="yes", name="ours").plot()
    np.testing.assert_array_equal(display.line_.get_xdata(), found.probability)
    np.testing.assert_array_equal(display.line_.get_ydata(), found.recalibrated)
    corners = display.band_.get_paths()[0].vertices
    for p, low, high in zip(found.probability, found.lower, found.upper, strict=True):
        own = corners[corners[:, 0] == p, 1]
        assert (own.min(), own.max()) == (low, high)
    counts, edges, _ = display.histogram_.get_data()
    assert counts.sum() == found.weight.sum()
    assert edges[0] == 0.0
    assert edges[-1] == 1.0
    assert '"yes"' in display.ax_.get_xlabel()
    assert "log loss 0.500" in display.ax_.texts[0].get_text()
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert shown == ["ours", "90% of what chance makes"]


def test_two_models_are_compared_in_one_diagram():
    first = ReliabilityDisplay(plain_reliability(), name="_ours").plot()
    second = ReliabilityDisplay(plain_reliability(7), name="theirs $x$").plot(first.ax_)
    assert second.line_.get_color() != first.line_.get_color()
    assert second.histogram_ax_ is first.histogram_ax_
    shown = [text.get_text().strip() for text in first.ax_.get_legend().get_texts()]
    assert shown == ["_ours", "theirs $x$", "90% of what chance makes"]
    diagonals = [line for line in first.ax_.get_lines() if line.get_linestyle() == ":"]
    assert len(diagonals) == 1


def test_parts_of_the_diagram_can_be_left_out():
    display = ReliabilityDisplay(plain_reliability(log_loss=np.inf)).plot(
        band=False, histogram=False
    )
    assert display.band_ is display.histogram_ is display.histogram_ax_ is None
    assert "log loss inf" in display.ax_.texts[0].get_text()


def test_reliability_of_a_fitted_model(plain_fit, ill):
    X, y = ill
    display = ReliabilityDisplay.from_estimator(plain_fit, X, y, level=0.8, n_resamples=50)
    p = plain_fit.predict_proba(X)[:, 1]
    found = oddsmith.reliability(y, p, level=0.8, n_resamples=50)
    np.testing.assert_array_equal(display.line_.get_ydata(), found.recalibrated)
    np.testing.assert_array_equal(display.reliability.upper, found.upper)
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert shown == ["LogisticRegression", "80% of what chance makes"]
    other = ReliabilityDisplay.from_estimator(plain_fit, X, y, pos_label="no", n_resamples=50)
    own = np.unique(plain_fit.predict_proba(X)[:, 0])
    np.testing.assert_array_equal(other.reliability.probability, own)
    assert '"no"' in other.ax_.get_xlabel()
    with pytest.raises(ParameterError, match="has no predict_proba"):
        ReliabilityDisplay.from_estimator(StandardScaler(), X, y)


def test_weights_go_into_the_histogram():
    p, weight = np.array([0.1, 0.1, 0.6, 0.9]), np.array([1.0, 2.0, 3.0, 0.5])
    display = ReliabilityDisplay.from_predictions([0, 1, 0, 1], p, sample_weight=weight)
    counts, edges = display.weights()
    assert counts.sum() == weight.sum()
    assert counts[np.searchsorted(edges, 0.6, side="right") - 1] == 3.0


# Hostile names.


def every_text(figure):
    figure.canvas.draw()
    return [text for text in figure.findobj(mpl.text.Text) if text.get_text()]


def test_hostile_names_are_shown_as_they_are():
    p = len(HOSTILE)
    display = CoefficientDisplay(
        HOSTILE,
        np.arange(2.0 * p).reshape(p, 2) + 1,
        classes=["$y^{", "_z"],
        reference="\\x{%$a$",
    ).plot(n=p)
    shown = {text.get_text().strip() for text in every_text(display.figure_)}
    assert {"$x^{", "_hidden", "a_b", "\\frac{%", "n\\ne\\tw", "\\x1b[31m", "$y^{", "_z"} <= shown
    assert max(map(len, shown)) < 200
    lines = PathDisplay([1.0, 0.1], np.ones((2, p)) * np.arange(p, 0, -1), HOSTILE, [p, p]).plot()
    assert {"$x^{", "_hidden", "a_b"} <= {text.get_text() for text in every_text(lines.figure_)}
    labels = np.array(["$x^{_", "_b\n"])[[0, 1, 0, 1]]
    curve = ThresholdCurveDisplay.from_predictions(labels, [0.1, 0.4, 0.6, 0.9])
    assert '"_b\\n"' in curve.ax_.get_xlabel()
    every_text(curve.figure_)
    relied = ReliabilityDisplay(plain_reliability(), pos_label="$x^{", name="\n$" * 500).plot()
    every_text(relied.figure_)
    losses = LossCurveDisplay(iteration=[0, 1], loss=[2.0, 1.0], name="$\\frac{").plot()
    every_text(losses.figure_)


# The page.


def test_the_examples_of_the_page_run(monkeypatch):
    page = (Path(__file__).parent.parent / "docs" / "displays.md").read_text()
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)  # noqa: S102
    [figure] = shown
    assert len(figure.axes) == 4, "the picture of the page"
    figure.canvas.draw()


# What scikit-learn draws is used.


def test_scikit_learn_draws_our_estimators(cancer, ill, plain_fit, three):
    X, y = ill
    roc = RocCurveDisplay.from_estimator(plain_fit, X, y)
    assert roc.roc_auc == pytest.approx(roc_auc_score(y, plain_fit.predict_proba(X)[:, 1]))
    both = RocCurveDisplay.from_estimator(LogisticRegression().fit(X, y), X, y, ax=roc.ax_)
    assert both.ax_ is roc.ax_
    assert PrecisionRecallDisplay.from_estimator(plain_fit, X, y).average_precision > 0.4
    confusion = ConfusionMatrixDisplay.from_estimator(plain_fit, X, y)
    assert confusion.confusion_matrix.sum() == len(y)
    assert CalibrationDisplay.from_estimator(plain_fit, X, y, pos_label="yes").line_ is not None
    two, labels = cancer[0].iloc[:, :2], cancer[1]
    boundary = DecisionBoundaryDisplay.from_estimator(
        LogisticRegression().fit(two, labels), two, response_method="predict_proba"
    )
    assert boundary.response.min() >= 0.0
    few = three[0][["a", "b"]]
    regions = DecisionBoundaryDisplay.from_estimator(
        LogisticRegression().fit(few, three[1]), few, response_method="predict"
    )
    assert regions.response.shape == (100, 100)
    validation = ValidationCurveDisplay.from_estimator(
        LogisticRegression(), scale(two), labels, param_name="C", param_range=[0.1, 1.0], cv=2
    )
    assert validation.test_scores.shape == (2, 2)


def test_cross_validated_curves_of_scikit_learn_take_our_estimators(cancer):
    from sklearn.model_selection import cross_validate

    X, y = cancer
    found = cross_validate(
        LogisticRegression(), X, y, cv=3, return_estimator=True, return_indices=True
    )
    display = RocCurveDisplay.from_cv_results(found, X, y)
    assert len(display.roc_auc) == 3
