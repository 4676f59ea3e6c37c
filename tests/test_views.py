"""Summaries, progress and pictures: right numbers, and hostile names shown as they are."""

import dataclasses
import io
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sklearn import metrics
from sklearn.datasets import load_iris

from oddsmith import LogisticRegression
from oddsmith.core.fit import Fit
from oddsmith.errors import ConvergenceWarning, MissingPackageError, SeparationWarning
from oddsmith.export.provenance import Certificate, Training
from oddsmith.export.schema import plain_model
from oddsmith.solvers.run import Progress
from oddsmith.views import plots
from oddsmith.views.complaints import complaints
from oddsmith.views.evaluation import Tally
from oddsmith.views.plots import plot_confusion, plot_history, save_png
from oddsmith.views.progress import progress_text, training_progress
from oddsmith.views.summary import as_html, as_renderable, as_text
from oddsmith.views.tables import evaluate, number_text, summarise, text_tables

TRAINING = Training(
    rows=20, weight=20.0, C=1.0, solver="newton", iterations=5, passes=11, warnings=()
)
CERTIFICATE = Certificate(0.25, 3.14e-17, 1e-12, True)
FIT = (TRAINING, CERTIFICATE)


def model_of(*coefficients, names=None, **changes):
    names = names or tuple(f"x{j}" for j in range(len(coefficients)))
    proved = {
        f.name: changes.pop(f.name) for f in dataclasses.fields(CERTIFICATE) if f.name in changes
    }
    parts = dataclasses.replace(TRAINING, **changes), dataclasses.replace(CERTIFICATE, **proved)
    return plain_model(names, ("no", "yes"), "y", [list(coefficients)], [0.5], *parts)


def test_coefficients_and_odds_ratios():
    rows = summarise(model_of(0.0, math.log(2), -1000.0, 1000.0)).coefficients
    assert [row.name for row in rows] == ["x0", "x1", "x2", "x3", "(intercept)"]
    assert [row.coefficient for row in rows] == [0.0, math.log(2), -1000.0, 1000.0, 0.5]
    assert [row.odds_ratio for row in rows] == [1.0, pytest.approx(2.0), 0.0, math.inf, None]


def test_odds_ratios_of_several_classes_do_not_depend_on_what_is_added_to_all():
    coef, names = np.array([[1.0, 0.0], [0.5, -2.0], [0.0, 3.0]]), ("a", "b")
    ratios = []
    for shift in (0.0, 0.25):
        model = plain_model(
            names, ("p", "q", "r"), "y", coef + shift, [0.0, 0.0, 0.0], TRAINING, CERTIFICATE
        )
        rows = summarise(model).coefficients
        assert [row.label for row in rows] == ["p"] * 3 + ["q"] * 3 + ["r"] * 3
        ratios.append([row.odds_ratio for row in rows if row.odds_ratio is not None])
    np.testing.assert_allclose(ratios[0], ratios[1])
    np.testing.assert_allclose(ratios[0], np.exp([0, 0, -0.5, -2, -1, 3]))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1e-150, "1e-150"),
        (-1.23456789e150, "-1.23457e+150"),
        (5e-324, "4.94066e-324"),
        (0.0, "0"),
        (1 / 3, "0.333333"),
        (math.nan, "undefined"),
        (None, ""),
    ],
)
def test_numbers_of_any_size_are_readable(value, shown):
    assert number_text(value) == shown


def test_odds_ratios_that_do_not_fit_a_float_say_so():
    cells = [row[2] for row in text_tables(summarise(model_of(1000.0, -1000.0)))[0].rows]
    assert cells == ["> 1.8e308", "< 4.9e-324", ""]


def test_measures_by_hand():
    """Ten rows: TP 3, FP 1, FN 2, TN 4."""
    true = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    predicted = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0])
    p = np.where(predicted == 1, 0.8, 0.4)
    found = evaluate(true, predicted, np.column_stack([1 - p, p]), (False, True))
    assert found.confusion == ((4, 1), (2, 3))
    assert found.accuracy == 0.7
    assert found.precision[1] == pytest.approx(3 / 4)
    assert found.recall[1] == pytest.approx(3 / 5)
    assert found.f1[1] == pytest.approx(2 / 3)
    by_hand = -(3 * math.log(0.8) + math.log(0.2) + 2 * math.log(0.4) + 4 * math.log(0.6)) / 10
    assert found.log_loss == pytest.approx(by_hand)
    assert found.classes == ("false", "true")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(1, 30), st.integers(1, 30))
def test_measures_of_rows_in_parts_are_those_of_scikit_learn(seed, K, n, at):
    rng = np.random.default_rng(seed)
    true, said = rng.integers(K, size=(2, n))
    p = rng.dirichlet(np.full(K, 0.1), n)
    tally = Tally(K)
    for part in (slice(0, at), slice(at, None)):
        tally.add(true[part], said[part], p[part])
    found = tally.evaluation(tuple("abcd"[:K]))
    labels = range(K)
    theirs = metrics.precision_recall_fscore_support(
        true, said, labels=labels, zero_division=np.nan
    )
    for own, their in zip((found.precision, found.recall, found.f1), theirs, strict=False):
        np.testing.assert_allclose(own, their, rtol=1e-14)
    assert found.log_loss == pytest.approx(metrics.log_loss(true, p, labels=labels), rel=1e-12)
    assert found.accuracy == pytest.approx(np.mean(true == said))
    np.testing.assert_array_equal(
        found.confusion, metrics.confusion_matrix(true, said, labels=labels)
    )


def test_measures_without_anything_to_divide_by_are_undefined():
    p = np.array([[0.9, 0.1], [0.8, 0.2]])
    found = evaluate(np.array([0, 0]), np.array([0, 0]), p, ("no", "yes"))
    assert math.isnan(found.precision[1])
    assert math.isnan(found.recall[1])
    assert found.confusion == ((2, 0), (0, 0))
    assert "undefined" in as_text(summarise(model_of(1.0), found))


def test_measures_of_several_classes_are_shown_class_by_class():
    p = np.eye(3)[[0, 1, 2, 1]] * 0.7 + 0.1
    found = evaluate(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]), p, ("a", "b", "c"))
    model = plain_model(
        ("x",), ("a", "b", "c"), "y", [[1.0], [2.0], [3.0]], [0.0] * 3, TRAINING, CERTIFICATE
    )
    shown = as_text(summarise(model, found))
    for label, recall in (("a", "1"), ("b", "1"), ("c", "0.5")):
        line = next(x for x in shown.splitlines() if f'recall of "{label}"' in x)
        assert line.split()[-1] == recall


def test_foot_says_what_is_proved():
    shown = as_text(summarise(model_of(1.0)))
    assert "Objective 0.25 nats per unit of weight, fitted to 20 rows with C = 1." in shown
    proof = "Proved: no coefficients give an objective lower by more than 3.1e-17 nats per unit"
    assert proof in shown
    assert "Converged: newton, 5 iterations, 11 passes" in shown


def test_foot_says_what_is_not_proved():
    model = model_of(
        1.0,
        converged=False,
        optimality_gap=math.inf,
        C=math.inf,
        weight=7.5,
        warnings=("the classes\ncan be separated",),
    )
    shown = as_text(summarise(model))
    assert "Nothing is proved" in shown
    assert "NOT CONVERGED" in shown
    assert "20 rows of total weight 7.5 with no penalty" in shown
    assert "Warning: the classes\\ncan be separated" in shown


HOSTILE = (
    "[bold]x[/bold]",
    "\x1b[31mred\x07",
    ":smile:",
    "a\nb",
    "\u202eright",
    "<script>&",
    "[/]",
)


def test_hostile_names_are_text():
    shown = as_text(summarise(model_of(*[1.0] * len(HOSTILE), names=HOSTILE)))
    for printed in (
        "[bold]x[/bold]",
        "\\x1b[31mred\\x07",
        ":smile:",
        "a\\nb",
        "\\u202eright",
        "[/]",
    ):
        assert printed in shown
    assert shown.replace("\n", "").isprintable()


def test_hostile_labels_are_text():
    labels = ("[red]no", "\x1b]0;owned\x07yes")
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    found = evaluate(np.array([0, 1]), np.array([0, 1]), p, labels)
    model = dataclasses.replace(model_of(1.0), classes=labels, target="[link=x]y")
    shown = as_text(summarise(model, found))
    assert shown.replace("\n", "").isprintable()
    assert 'true "[red]no"' in shown
    assert '"[link=x]y" is "\\x1b]0;owned\\x07yes"' in shown


def test_text_is_not_cut_outside_of_a_terminal():
    name = "a very long name " * 20
    lines = as_text(summarise(model_of(1.5, names=(name,)))).splitlines()
    assert any(name.strip() in line and line.endswith("4.48169") for line in lines)


def test_a_narrow_terminal_folds_names_and_keeps_numbers():
    file = io.StringIO()
    console = Console(file=file, width=40, force_terminal=True, color_system="truecolor")
    console.print(as_renderable(summarise(model_of(1.5, names=("long name " * 10,)))))
    assert "4.48169" in file.getvalue()


def test_long_tables_say_how_much_is_left_out():
    summary = summarise(model_of(*range(100)))
    shown = as_text(summary, limit=10)
    assert "x9 " in shown
    assert "x10 " not in shown
    assert "and 91 rows more" in shown
    assert "x99 " in as_text(summary)


def test_html_escapes_names_and_labels_and_loads_nothing():
    hostile = '"><img src=x onerror=alert(1)>'
    model = dataclasses.replace(
        model_of(1.0, names=(hostile,), warnings=("<script>alert(1)</script>",)),
        classes=("no", "</title><script>"),
        target="{{ 7 * 7 }}",
    )
    page = as_html(summarise(model))
    assert "<script" not in page
    assert "<img" not in page
    assert "{{ 7 * 7 }}" in page
    assert "default-src 'none'" in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def frozen(**changes):
    """A fit of 40 columns, as the solvers hand it over."""
    plain = {
        "coef": np.zeros((40, 1)),
        "intercept": np.zeros(1),
        "solver": "newton-cholesky",
        "n_iter": 7,
        "n_passes": 9,
        "objective": 0.5,
        "gap": 1e-3,
        "tol": 1e-12,
        "history": {"objective": np.array([0.7, 0.5])},
        "separated": None,
        "aliased": (),
        "stopped": "max_iter",
    }
    return Fit(**(plain | changes))


@pytest.mark.parametrize(
    ("solver", "advice"),
    [
        ("gradient-descent", "settle), or use solver='auto'."),
        ("lbfgs", "raise max_iter, or use solver='auto'."),
        ("newton-cholesky", "max_iter was reached; raise max_iter."),
    ],
)
def test_what_to_do_about_too_few_iterations(solver, advice):
    [(kind, text)] = complaints(frozen(solver=solver))
    assert kind is ConvergenceWarning
    assert text.endswith(advice)
    assert "of the minimum" in text


def test_columns_are_listed_by_number_or_name():
    [(_, text)] = complaints(frozen(aliased=(0, 32, 39), gap=0.0))
    assert text.startswith("columns 0, 32 and 39 (from 0) of 40 can each be written")
    names = [f"c{j}" for j in range(40)]
    [(_, text)] = complaints(frozen(aliased=(3,), gap=0.0), names)
    assert text.startswith('column "c3" of 40 can be written')
    [(_, text)] = complaints(frozen(aliased=tuple(range(12)), gap=0.0), names)
    assert '"c9" and 2 more of 40' in text


def test_separated_classes_have_an_infimum_and_no_minimum():
    [(kind, text)] = complaints(frozen(separated="quasi", gap=0.0))
    assert kind is SeparationWarning
    assert "distance from the infimum, which no finite coefficients reach" in text
    (_, separation), (_, convergence) = complaints(frozen(separated="complete"))
    assert "what is proved" not in separation
    assert "of the infimum" in convergence


class Terminal(io.StringIO):
    def isatty(self):
        return True


def progress(iteration, gap=None):
    return Progress(iteration, 100, 0.5 / (iteration + 1), gap, 1e-3)


def test_progress_in_a_pipe_is_a_few_plain_lines(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = io.StringIO()
    with training_progress(True, file) as watch:
        for iteration in range(1234):
            watch(progress(iteration))
    lines = file.getvalue().splitlines()
    shown = [int(line.split()[1].rstrip(":")) for line in lines]
    assert shown == [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1233]
    assert file.getvalue().replace("\n", "").isprintable()


def test_progress_shows_the_bound_once_there_is_one():
    assert "proved" not in progress_text(progress(1))
    assert "proved" not in progress_text(progress(1, math.inf))
    assert "proved within 2.5e-09 of the minimum" in progress_text(progress(1, 2.5e-9))


def test_progress_that_is_off_says_nothing(capsys):
    with training_progress(False) as watch:
        watch(progress(1))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("ends", [None, RuntimeError, KeyboardInterrupt])
def test_a_terminal_is_put_back_in_order(monkeypatch, ends):
    monkeypatch.setenv("TERM", "xterm")
    file = Terminal()
    stdout, stderr = sys.stdout, sys.stderr
    try:
        with training_progress(True, file) as watch:
            watch(progress(3, 1e-5))
            if ends:
                raise ends
    except (RuntimeError, KeyboardInterrupt) as error:
        assert type(error) is ends  # noqa: PT017
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert hidden in file.getvalue()
    assert file.getvalue().rindex(shown) > file.getvalue().rindex(hidden)
    assert "iteration 3: objective 0.125 nats, proved within 1e-05" in file.getvalue()
    assert (sys.stdout, sys.stderr) == (stdout, stderr)


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    file = Terminal()
    with training_progress(True, file) as watch:
        watch(progress(0))
    assert file.getvalue() == "iteration 0: objective 0.5 nats\n"


def test_verbose_fits_show_progress_and_others_do_not(capsys):
    X, y = load_iris(return_X_y=True)
    LogisticRegression(verbose=1).fit(X, y)
    assert "iteration 1: objective" in capsys.readouterr().err
    LogisticRegression().fit(X, y)
    assert capsys.readouterr() == ("", "")


def iris_history():
    X, y = load_iris(return_X_y=True)
    return LogisticRegression().fit(X, y, validation=(X[::2], y[::2])).history_


def test_history_is_drawn_to_the_last_value():
    history = iris_history()
    left, right = plot_history(history).axes
    loss, validation = left.get_lines()
    np.testing.assert_array_equal(loss.get_ydata(), history["loss"])
    np.testing.assert_array_equal(validation.get_ydata(), history["validation_loss"])
    assert right.get_yscale() == "log"
    assert right.get_lines()[0].get_ydata()[-1] == history["gap"][-1]
    assert left.get_xlabel() == "iteration"
    assert "nats" in left.get_ylabel()


def test_history_with_unknown_gaps_is_drawn():
    history = {"iteration": np.arange(3), "loss": np.array([0.7, 1e-5, 0.0]), "gap": [np.inf] * 3}
    right = plot_history(history).axes[1]
    assert right.get_lines() == []
    assert right.texts[0].get_text() == "nothing is proved"
    history["gap"] = [np.nan, 1e-3, 0.0]
    drawn = plot_history(history).axes[1].get_lines()[0]
    assert (drawn.get_xdata().tolist(), drawn.get_ydata().tolist()) == ([1], [1e-3])


def test_pictures_are_drawn_where_told():
    ax = plots._new_figure(3, 3).subplots()
    assert plot_history(iris_history(), ax) is ax.figure
    assert len(ax.figure.axes) == 1
    ax = plots._new_figure(3, 3).subplots()
    assert plot_confusion([[1, 0], [0, 1]], ["a", "b"], ax) is ax.figure


def test_confusion_cells_hold_counts_and_shares_of_the_true_class():
    ax = plot_confusion([[30, 10], [0, 0]], ["no", "yes"]).axes[0]
    assert [t.get_text() for t in ax.texts] == ["30\n75.0%", "10\n25.0%", "0\n0.0%", "0\n0.0%"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["no", "yes"]
    assert ax.get_title(loc="left") == "Confusion matrix of 40 rows"


def test_many_classes_are_drawn_without_numbers():
    ax = plot_confusion(np.eye(30), [f"class {k}" for k in range(30)]).axes[0]
    assert len(ax.texts) == 0
    assert len(ax.get_yticklabels()) == 30


def test_hostile_labels_are_drawn_as_text(tmp_path):
    labels = ["$x^{", "\x1b[31m\n", "😀" * 100]
    figure = plot_confusion(np.eye(3), labels)
    shown = [t.get_text() for t in figure.axes[0].get_xticklabels()]
    assert shown == ["$x^{", "\\x1b[31m\\n", "😀" * 8 + "..." + "😀" * 7]
    save_png(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_characters_that_no_font_has_are_returned(tmp_path):
    assert save_png(plot_confusion(np.eye(2), ["no", "yes"]), tmp_path / "a.png") == ""
    figure = plot_confusion(np.eye(2), ["no", "\U00012000\U00012001\U00012000"])
    assert save_png(figure, tmp_path / "a.png") == "\U00012000\U00012001"


def test_only_fonts_that_are_installed_are_looked_in(monkeypatch):
    from matplotlib.font_manager import fontManager

    monkeypatch.setattr(fontManager, "get_font_names", lambda: ["Noto Sans CJK SC", "Other"])
    label = plot_confusion(np.eye(2), ["no", "yes"]).axes[0].get_xticklabels()[0]
    assert label.get_fontfamily() == ["sans-serif", "Noto Sans CJK SC"]


LONG = tuple(f"a rather long class label, of which there are many, {k:02}" for k in range(12))


def long_labels(labels):
    p = np.eye(len(labels)) * 0.5 + 0.5 / len(labels)
    index = np.arange(len(labels))
    found = evaluate(index, index, p, labels)
    coef = np.zeros((len(labels), 1))
    return summarise(plain_model(("x",), labels, "y", coef, coef[:, 0], *FIT), found)


@pytest.mark.parametrize("labels", [LONG, tuple(f"{text}, as others" for text in LONG)])
def test_long_labels_are_told_apart(labels):
    _, measures, confusion = text_tables(long_labels(labels))
    for table in (measures, confusion):
        first = [row[0] for row in table.rows]
        assert len(set(first)) == len(first)
        assert len(set(table.headers)) == len(table.headers)
    drawn = plot_confusion(np.eye(12), labels).axes[0].get_yticklabels()
    assert len({label.get_text() for label in drawn}) == 12
    assert max(len(label.get_text()) for label in drawn) <= 18


def test_a_confusion_matrix_of_many_classes_is_not_too_wide():
    lines = as_text(long_labels(LONG)).split("Confusion matrix")[1].splitlines()
    assert max(map(len, lines)) <= 120
    assert lines[1].split() == [str(k) for k in range(1, 13)]
    assert lines[3].split()[:2] == ["true", "1:"]


def test_html_justifies_words_to_the_left_and_has_its_title_once():
    page = as_html(long_labels(("p", "q", "r")))
    assert '<td class="words">p</td><td class="words">x</td><td>0</td><td>1</td>' in page
    heading = "Margins of &#34;y&#34;; odds ratios are against &#34;p&#34;"
    assert page.count(heading) == 2, "title and h1"
    assert page.count('<div class="table"><table>') == page.count("<table>") == 3


def test_the_same_history_gives_the_same_bytes(tmp_path):
    history = iris_history()
    for name in ("a.png", "b.png"):
        save_png(plot_history(history), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=r'pip install "oddsmith\[plot\]"'):
        plot_confusion([[1, 0], [0, 1]], ["a", "b"])


def test_pictures_leave_pyplot_alone():
    code = (
        "import sys, io, numpy as np; from oddsmith.views.plots import *; "
        "save_png(plot_confusion(np.eye(2), ['a', 'b']), io.BytesIO()); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
