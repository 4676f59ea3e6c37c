"""The command line: real runs, one-line errors, and outputs that appear whole or not at all."""

import csv
import errno
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from bad_csv import BAD, GOOD
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_iris

from oddsmith import LogisticRegression, __version__
from oddsmith.cli import cli, fitting, main, showing
from oddsmith.export.json import dump, read_model
from oddsmith.export.predictions import predictions_csv
from oddsmith.export.provenance import Certificate, Training
from oddsmith.export.schema import plain_model

OUTPUTS = ["confusion_matrix.png", "loss.png", "model.json", "predictions.csv"]
DEMO_OUTPUTS = sorted([*OUTPUTS, "report.html"])
TRAINING = Training(
    rows=20, weight=20.0, C=1.0, solver="newton", iterations=5, passes=11, warnings=()
)
CERTIFICATE = Certificate(0.25, 1e-16, 1e-12, True)


def oddsmith(*args, cwd, **kwargs):
    """Run the program as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "oddsmith", *map(str, args)],
        cwd=cwd,
        capture_output=True,
        timeout=120,
        check=False,
        **{"text": True, "encoding": "utf-8", **kwargs},
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder that holds the data and is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text(GOOD)
    return tmp_path


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def read_rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def one_line_error(capsys, *words):
    """The message of a failed run, which must be one printable line."""
    captured = capsys.readouterr()
    line = captured.err.rstrip("\n")
    assert line.startswith("oddsmith: error: ")
    assert line.isprintable(), "one line, no terminal escapes"
    assert captured.out == ""
    assert [word for word in words if word not in line] == []


# ---- the main job -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, oddsmith("demo", cwd=folder)


def test_demo_writes_its_folder_and_nothing_else(demo):
    folder, done = demo
    assert done.returncode == 0, done.stderr
    assert names(folder) == ["oddsmith-demo"]
    assert names(folder / "oddsmith-demo") == ["breast_cancer.csv", *DEMO_OUTPUTS]
    for picture in ("loss.png", "confusion_matrix.png"):
        assert (folder / "oddsmith-demo" / picture).read_bytes().startswith(b"\x89PNG\r\n")


def test_demo_shows_progress_and_results(demo):
    _, done = demo
    assert "iteration 1: objective" in done.stderr
    assert "455 rows to train, 114 held out" in done.stderr
    for word in ("worst concavity", "odds ratio", "accuracy", "log loss", "precision", "recall"):
        assert word in done.stdout
    assert "the odds of malignant are 1.5 times" in done.stdout
    for word in ("F1 of", "Confusion matrix", "Proved: no coefficients", "Converged"):
        assert word in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_demo_data_are_those_of_scikit_learn_bit_by_bit(demo):
    rows = read_rows((demo[0] / "oddsmith-demo/breast_cancer.csv").read_text())
    data = load_breast_cancer()
    X = [[float(row[name]) for name in data.feature_names] for row in rows]
    assert np.array(X).tobytes() == data.data.tobytes()
    assert [row["diagnosis"] for row in rows] == data.target_names[data.target].tolist()


def test_demo_model_is_the_exact_optimum_of_the_training_rows(demo):
    folder = demo[0] / "oddsmith-demo"
    model = read_model(folder / "model.json")
    held = read_rows((folder / "predictions.csv").read_text())
    data = load_breast_cancer()
    train = np.ones(569, dtype=bool)
    train[[int(row["line"]) - 2 for row in held]] = False
    again = LogisticRegression().fit(data.data[train], data.target[train] == 0)
    assert train.sum() == model.training.rows == 455
    np.testing.assert_allclose(model.coef, again.coef_, rtol=1e-6, atol=1e-9)
    assert model.certificate.converged
    assert model.certificate.optimality_gap <= 1e-12
    assert model.training.iterations <= 20


def test_demo_measures_are_those_of_the_predictions(demo):
    folder, done = demo
    rows = read_rows((folder / "oddsmith-demo/predictions.csv").read_text())
    true = [row["true"] for row in rows]
    predicted = [row["prediction"] for row in rows]
    p = np.array([float(row["p_malignant"]) for row in rows])
    shown = {
        "accuracy": metrics.accuracy_score(true, predicted),
        "log loss (nats per row)": metrics.log_loss(np.array(true) == "malignant", p),
        'precision of "malignant"': metrics.precision_score(true, predicted, pos_label="malignant"),
        'recall of "malignant"': metrics.recall_score(true, predicted, pos_label="malignant"),
        'F1 of "malignant"': metrics.f1_score(true, predicted, pos_label="malignant"),
    }
    for name, value in shown.items():
        line = next(x for x in done.stdout.splitlines() if name in x)
        assert line.split()[-1] == f"{value:.4g}"
    assert (p >= 0.5).tolist() == [label == "malignant" for label in predicted]


def test_the_commands_that_demo_suggests_work(demo):
    folder, done = demo
    suggested = done.stdout.split("Try next:\n")[1].strip().splitlines()
    assert len(suggested) == 3
    for line in suggested:
        words = line.split()
        assert words[:3] == ["python", "-m", "oddsmith"]
        again = oddsmith(*words[3:], cwd=folder)
        assert again.returncode == 0, again.stderr
    assert (folder / "report.html").exists()


def test_the_demo_does_without_what_draws_pages(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert main(["demo", "--out", str(tmp_path / "d")]) == 0
    assert names(tmp_path / "d") == ["breast_cancer.csv", *OUTPUTS]
    said = capsys.readouterr().err
    assert 'no report.html: pages need vl-convert; install it with: pip install "oddsmith' in said


def test_fit_on_the_data_of_the_demo_gives_the_same_files(demo, tmp_path):
    data = demo[0] / "oddsmith-demo/breast_cancer.csv"
    done = oddsmith("fit", data, "--target", "diagnosis", "--out", "again", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "again") == OUTPUTS
    for name in OUTPUTS:
        assert (tmp_path / "again" / name).read_bytes() == (data.parent / name).read_bytes(), name


def test_fit_predict_evaluate_and_summary_agree(here):
    fitted = oddsmith("fit", "data.csv", "--target", "y", "--test-size", "0.3", cwd=here)
    assert fitted.returncode == 0, fitted.stderr
    assert names(here) == ["data-model", "data.csv"]
    model = "data-model/model.json"
    predicted = oddsmith("predict", model, "data.csv", cwd=here)
    rows = read_rows(predicted.stdout)
    assert (predicted.returncode, predicted.stderr, len(rows)) == (0, "", 20)
    held = read_rows((here / "data-model/predictions.csv").read_text())
    for row in held:
        again = rows[int(row["line"]) - 2]
        assert again["prediction"] == row["prediction"]
        assert float(again["p_yes"]) == pytest.approx(float(row["p_yes"]), rel=1e-12)
    evaluated = oddsmith("evaluate", model, "data.csv", cwd=here)
    truth = [row["y"] for row in read_rows(GOOD)]
    hits = np.mean([t == row["prediction"] for t, row in zip(truth, rows, strict=True)])
    assert next(x for x in evaluated.stdout.splitlines() if "accuracy" in x).split()[-1] == (
        f"{hits:.4g}"
    )
    summarised = oddsmith("summary", model, cwd=here)
    coefficients = fitted.stdout.split("Evaluated")[0].strip()
    assert coefficients in summarised.stdout
    assert coefficients in evaluated.stdout


# ---- fit ----------------------------------------------------------------------------------------


def fit(*args):
    return main(["fit", "data.csv", "--target", "y", *args])


def test_held_out_rows_are_named_by_their_line(here):
    assert fit("--test-size", "0.25", "--seed", "3") == 0
    source = GOOD.splitlines()
    rows = read_rows((here / "data-model/predictions.csv").read_text())
    lines = [int(row["line"]) for row in rows]
    assert lines == sorted(set(lines))
    assert len(lines) == 5
    for row in rows:
        assert source[int(row["line"]) - 1].split(",")[2] == row["true"]


def test_another_seed_holds_out_other_rows(here):
    held = []
    for seed in ("1", "2", "1"):
        assert fit("--seed", seed) == 0
        rows = read_rows((here / "data-model/predictions.csv").read_text())
        held.append([row["line"] for row in rows])
    assert held[0] == held[2] != held[1]


def test_no_rows_held_out(here, capsys):
    assert fit("--test-size", "0") == 0
    assert names(here / "data-model") == ["loss.png", "model.json"]
    assert read_model("data-model/model.json").training.rows == 20
    assert "accuracy" not in capsys.readouterr().out


def test_a_file_of_held_out_rows(here):
    (here / "test.csv").write_text("y,note,b,a\nyes,first,1,2.5\nno,second,3,0.5\n")
    assert fit("--test", "test.csv") == 0
    assert read_model("data-model/model.json").training.rows == 20
    rows = read_rows((here / "data-model/predictions.csv").read_text())
    assert [(row["line"], row["true"]) for row in rows] == [("2", "yes"), ("3", "no")]


def test_positive_chooses_the_second_class_and_flips_the_coefficients(here, capsys):
    assert fit() == 0
    plain = read_model("data-model/model.json")
    assert fit("--positive", "no") == 0
    flipped = read_model("data-model/model.json")
    assert (plain.classes, flipped.classes) == (("no", "yes"), ("yes", "no"))
    np.testing.assert_allclose(flipped.coef, -plain.coef, rtol=1e-6)
    np.testing.assert_allclose(flipped.intercept, -plain.intercept, rtol=1e-6)
    assert 'recall of "no"' in capsys.readouterr().out


def test_C_is_the_penalty_of_the_model(here):
    assert fit("--test-size", "0", "--C", "0.01") == 0
    model = read_model("data-model/model.json")
    rows = read_rows(GOOD)
    X = np.array([[float(row["a"]), float(row["b"])] for row in rows])
    again = LogisticRegression(C=0.01).fit(X, [row["y"] for row in rows])
    np.testing.assert_allclose(model.coef, again.coef_, rtol=1e-9)
    assert model.training.C == 0.01
    assert fit("--test-size", "0", "--C", "inf") == 0
    assert json.loads((here / "data-model/model.json").read_text())["training"]["C"] == "inf"


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (("0", "1"), (0, 1)),
        (("true", "false"), (False, True)),
        (("0.5", "1.5", "2.5"), (0.5, 1.5, 2.5)),
        (("007", "1"), ("007", "1")),
        (("True", "False"), ("False", "True")),
    ],
)
def test_labels_come_back_as_they_were_written(here, values, classes):
    rows = "".join(f"{i * i % 7},{values[i % len(values)]}\n" for i in range(30))
    (here / "data.csv").write_text(f"x,y\n{rows}")
    assert fit() == 0
    model = read_model("data-model/model.json")
    assert model.classes == classes
    held = read_rows((here / "data-model/predictions.csv").read_text())
    assert {row["true"] for row in held} <= set(values)
    assert main(["predict", "data-model/model.json", "data.csv", "--out", "p.csv"]) == 0
    predicted = read_rows((here / "p.csv").read_text())
    assert {row["prediction"] for row in predicted} <= set(values)
    assert set(predicted[0]) == {"prediction", *(f"p_{value}" for value in values)}


def test_three_classes(here, capsys):
    X, y = load_iris(return_X_y=True)
    kinds = np.array(["setosa", "versicolor", "virginica"])[y].tolist()
    columns = {f"x{j}": X[:, j].tolist() for j in range(4)}
    (here / "data.csv").write_text(predictions_csv({**columns, "y": kinds}))
    assert fit() == 0
    shown = capsys.readouterr().out
    assert 'odds ratios are against "setosa"' in shown
    assert 'F1 of "versicolor"' in shown
    model = read_model("data-model/model.json")
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    capsys.readouterr()
    assert fit("--positive", "setosa") == 2
    one_line_error(capsys, "--positive", "two classes", "3")


def test_warnings_of_a_fit_are_shown_and_kept(here, capsys):
    rows = "".join(f"{i},{2 * i},{'no' if i < 10 else 'yes'}\n" for i in range(20))
    (here / "data.csv").write_text(f"a,twice,y\n{rows}")
    assert fit("--C", "inf", "--test-size", "0") == 0
    captured = capsys.readouterr()
    lines = [x for x in captured.err.splitlines() if x.startswith("oddsmith: warning: data.csv: ")]
    kept = read_model("data-model/model.json").training.warnings
    assert [line.removeprefix("oddsmith: warning: data.csv: ") for line in lines] == list(kept)
    assert any("separate" in text for text in kept)
    assert any("twice" in text for text in kept)
    assert ".py:" not in captured.err
    assert main(["summary", "data-model/model.json"]) == 0
    assert all(text in capsys.readouterr().out for text in kept[:1])


def test_a_fit_that_did_not_converge_says_so(here, capsys, monkeypatch):
    plain = LogisticRegression

    def hurried(**kwargs):
        return plain(**kwargs, max_iter=1)

    monkeypatch.setattr(fitting, "LogisticRegression", hurried)
    assert fit() == 0
    captured = capsys.readouterr()
    assert "NOT CONVERGED" in captured.out
    assert "oddsmith: warning: data.csv: the fit stopped after 1 iterations" in captured.err


def test_without_matplotlib_all_but_the_pictures_is_written(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert fit() == 0
    assert names(here / "data-model") == ["model.json", "predictions.csv"]
    assert 'pip install "oddsmith[plot]"' in capsys.readouterr().err


def test_letters_that_no_font_has_are_told_on_one_line(here, capsys):
    (here / "data.csv").write_text(GOOD.replace("yes", "\U00012000"), encoding="utf-8")
    assert fit() == 0
    [line] = [x for x in capsys.readouterr().err.splitlines() if "confusion_matrix.png" in x]
    assert 'no font that is installed has "\U00012000", drawn as boxes' in line


def test_without_pyarrow_the_error_says_what_to_install(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    assert fit() == 2
    one_line_error(capsys, 'pip install "oddsmith[table]"')


# ---- predict, evaluate, summary -----------------------------------------------------------------


@pytest.fixture
def stored(here):
    """A stored model with known coefficients."""
    model = plain_model(("a", "b"), ("no", "yes"), "y", [[1.0, -1.0]], [0.0], TRAINING, CERTIFICATE)
    (here / "model.json").write_text(dump(model))
    return here


def test_columns_are_matched_by_name_in_any_order(stored, capsysbinary):
    (stored / "new.csv").write_text("b,note,a\n0,x,2\n3,y,1\n")
    assert main(["predict", "model.json", "new.csv"]) == 0
    captured = capsysbinary.readouterr()
    rows = read_rows(captured.out.decode())
    assert [row["prediction"] for row in rows] == ["yes", "no"]
    p = [float(row["p_yes"]) for row in rows]
    np.testing.assert_allclose(p, [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))], rtol=1e-15)
    assert captured.err.decode().splitlines() == ['new.csv: not in the model, so ignored: "note"']


def test_threshold(stored, capsys):
    (stored / "new.csv").write_text("a,b\n0,0\n-0.5,0\n-1,0\n")
    for threshold, labels in (("0.5", "yes no no"), ("0.3", "yes yes no"), ("1", "no no no")):
        assert main(["predict", "model.json", "new.csv", "--threshold", threshold]) == 0
        rows = read_rows(capsys.readouterr().out)
        assert [row["prediction"] for row in rows] == labels.split()


def test_evaluate_uses_the_threshold(stored, capsys):
    (stored / "new.csv").write_text("a,b,y\n0,0,yes\n-0.5,0,yes\n-1,0,no\n")
    assert main(["evaluate", "model.json", "new.csv", "--threshold", "0.3"]) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if "accuracy" in x)
    assert line.split() == ["accuracy", "1"]


def test_evaluate_knows_labels_written_otherwise(stored, capsys):
    model = plain_model(("a",), (0, 1), "y", [[1.0]], [0.0], TRAINING, CERTIFICATE)
    (stored / "model.json").write_text(dump(model))
    (stored / "new.csv").write_text("a,y\n1,1.0\n-1,0.0\n2,+1\n")
    assert main(["evaluate", "model.json", "new.csv"]) == 0
    assert "accuracy" in capsys.readouterr().out
    (stored / "new.csv").write_text("a,y\n1,1\n-1,maybe\n")
    assert main(["evaluate", "model.json", "new.csv"]) == 2
    one_line_error(capsys, "new.csv: line 3", '"y"', '"maybe"', '"0", "1"')


def test_cells_that_a_spreadsheet_would_run_are_quoted(stored):
    labels = ("=cmd()", "@sum", "+a", "-a", "\ttab", "-1.5", "plain")
    coef, intercept = np.zeros((7, 1)), np.zeros(7)
    model = plain_model(("a",), labels, "y", coef, intercept, TRAINING, CERTIFICATE)
    shown = []
    for k in range(7):
        again = plain_model(("a",), labels, "y", coef, np.eye(7)[k], TRAINING, CERTIFICATE)
        (stored / "model.json").write_text(dump(again))
        (stored / "new.csv").write_text("a\n0\n")
        assert main(["predict", "model.json", "new.csv", "--out", "out.csv"]) == 0
        shown.append(read_rows((stored / "out.csv").read_text())[0]["prediction"])
    assert shown == ["'=cmd()", "'@sum", "'+a", "'-a", "'\ttab", "-1.5", "plain"]
    assert model.classes == labels


def test_summary_as_html(stored, capsys):
    assert main(["summary", "model.json", "--html", "page.html"]) == 0
    assert "<td>2.71828</td>" in (stored / "page.html").read_text()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_any_encoding_of_the_terminal_will_do(stored, encoding):
    model = plain_model(("größe",), ("no", "yes"), "y", [[1.0]], [0.0], TRAINING, CERTIFICATE)
    (stored / "model.json").write_text(dump(model), encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = oddsmith("summary", "model.json", cwd=stored, env=environment, encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "größe" in done.stdout
    assert "\\u" not in done.stdout


def test_colour_only_in_a_terminal_that_wants_it(stored):
    """Run in a pseudo-terminal, with and without NO_COLOR."""
    pty = pytest.importorskip("pty")
    shown = {}
    for no_colour in ("", "1"):
        leader, follower = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": no_colour}
        command = [sys.executable, "-m", "oddsmith", "summary", "model.json"]
        subprocess.run(
            command, cwd=stored, stdout=follower, stderr=follower, env=environment, check=True
        )
        os.close(follower)
        shown[no_colour] = os.read(leader, 100_000).decode()
        os.close(leader)
    assert "\x1b[1m" in shown[""]
    assert "\x1b[3" not in shown["1"], "no colours"
    assert "odds ratio" in shown["1"]


# ---- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_files_leave_one_line_and_nothing_else(here, capsys, name):
    content, words = BAD[name]
    (here / "data.csv").write_bytes(content)
    assert fit() == 2
    captured = capsys.readouterr()
    *told, line = captured.err.rstrip("\n").split("\n")
    assert line.startswith("oddsmith: error: data.csv: ")
    assert line.isprintable()
    assert [word for word in words if word not in line] == []
    assert len(told) <= 1, "at most what was read"
    assert captured.out == ""
    assert names(here) == ["data.csv"]


def test_the_corpus_is_large():
    assert len(BAD) >= 30


@pytest.mark.parametrize("name", ["bad UTF-8", "missing value"])
def test_bad_files_in_a_real_run(here, name):
    content, words = BAD[name]
    (here / "data.csv").write_bytes(content)
    done = oddsmith("fit", "data.csv", "--target", "y", cwd=here)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert all(word in done.stderr for word in words)
    assert names(here) == ["data.csv"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["frobnicate"], ["frobnicate", "see oddsmith --help"]),
        (["fit"], ["DATA", "see oddsmith fit --help"]),
        (["fit", "data.csv"], ["--target"]),
        (["fit", "none.csv", "--target", "y"], ["none.csv", "no such file"]),
        (["fit", ".", "--target", "y", "--out", "x"], ["unlike"]),
        (["fit", "data.csv", "--target", "y", "--C", "0"], ["--C 0", "inf"]),
        (["fit", "none.csv", "--target", "y", "--C", "-1"], ["--C -1", "inf"]),
        (["fit", "data.csv", "--target", "y", "--C", "nan"], ["--C nan", "inf"]),
        (["fit", "data.csv", "--target", "y", "--C", "one"], ["--C", "one"]),
        (["fit", "data.csv", "--target", "y", "--test-size", "1"], ["--test-size"]),
        (["fit", "data.csv", "--target", "y", "--test-size", "nan"], ["--test-size"]),
        (["fit", "data.csv", "--target", "y", "--test-size", "0.01"], ["too few"]),
        (["fit", "data.csv", "--target", "y", "--test-size", "0.2", "--test", "data.csv"], ["one"]),
        (["fit", "data.csv", "--target", "y", "--test", "none.csv"], ["none.csv"]),
        (["fit", "data.csv", "--target", "y", "--test", "new.csv"], ["new.csv", '"y"']),
        (["fit", "data.csv", "--target", "y", "--seed", "-1"], ["--seed"]),
        (["fit", "data.csv", "--target", "y", "--positive", "maybe"], ['"maybe"', '"no", "yes"']),
        (["fit", "data.csv", "--target", "y", "--out", "data.csv"], ["data.csv", "is a file"]),
        (["fit", "data.csv", "--target", "y", "--out", "a/b"], ["a/b", "cannot be written"]),
        (["demo", "--out", "data.csv"], ["data.csv", "is a file"]),
        (["predict", "none.json", "new.csv"], ["none.json", "no such file"]),
        (["predict", "data.csv", "new.csv"], ["data.csv", "not a model"]),
        (["predict", ".", "new.csv"], ["is a folder"]),
        (["predict", "model.json", "none.csv"], ["none.csv", "no such file"]),
        (["predict", "model.json", "."], ["unlike"]),
        (["predict", "model.json", "short.csv"], ["short.csv", 'column "b"']),
        (["predict", "model.json", "far.csv"], ["far.csv", "data row 1"]),
        (["predict", "model.json", "new.csv", "--threshold", "1.1"], ["threshold", "1.1"]),
        (["predict", "model.json", "new.csv", "--threshold", "nan"], ["threshold"]),
        (["predict", "model.json", "new.csv", "--out", "."], ["cannot be written"]),
        (["predict", "model.json", "new.csv", "--out", "a/b.csv"], ["a/b.csv"]),
        (["predict", "model.json", "new.csv", "--out", "new.csv"], ["new.csv", "is an input"]),
        (["predict", "model.json", "new.csv", "--out", "model.json"], ["is an input"]),
        (["evaluate", "model.json", "new.csv"], ["new.csv", 'no column "y"']),
        (["summary", "none.json"], ["none.json", "no such file"]),
        (["summary", "broken.json"], ["broken.json", "broken JSON"]),
        (["summary", "model.json", "--html", "model.json"], ["is an input"]),
    ],
)
def test_wrong_arguments_leave_one_line_and_nothing_else(stored, capsys, args, words):
    (stored / "new.csv").write_text("a,b\n1,2\n")
    (stored / "short.csv").write_text("a\n1\n")
    (stored / "far.csv").write_text("a,b\n1e308,-1e308\n")
    (stored / "broken.json").write_text("{")
    before = {path: path.read_bytes() for path in stored.iterdir()}
    assert main(args) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = captured.err.rstrip("\n").split("\n")[-1]
    assert line.startswith("oddsmith: error: ")
    assert line.isprintable()
    assert [word for word in words if word not in line] == []
    assert {path: path.read_bytes() for path in stored.iterdir()} == before


def test_a_class_that_would_not_be_trained_on_is_refused(here, capsys):
    """Two rare rows of 400, a tenth of which trains: scikit-learn holds out both."""
    rows = "".join(f"{i},{'rare' if i < 2 else 'no' if i % 2 else 'yes'}\n" for i in range(400))
    (here / "data.csv").write_text(f"a,y\n{rows}")
    assert fit("--test-size", "0.9") == 2
    assert "leaves no row of some class" in capsys.readouterr().err
    assert names(here) == ["data.csv"]


def test_hostile_file_names_are_shown_on_one_line(here, capsys):
    assert main(["fit", "a\n\x1b[31mb.csv", "--target", "y"]) == 2
    one_line_error(capsys, "a\\n\\x1b[31mb.csv")


def test_files_without_permission(here, capsys, monkeypatch):
    """Root may read everything, so the refusal is the operating system's own, said by hand."""

    def refuse(path, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert fit() == 2
    one_line_error(capsys, "data.csv", "Permission denied")


def test_an_output_that_is_a_folder_is_refused_before_the_fit(here, capsys):
    (here / "data-model/model.json").mkdir(parents=True)
    assert fit() == 2
    one_line_error(capsys, "data-model/model.json: is a folder")
    assert names(here / "data-model") == ["model.json"]


def test_too_little_memory_is_an_error_of_one_line(stored, capsys, monkeypatch):
    def exhaust(*args):
        raise MemoryError

    monkeypatch.setattr("oddsmith.export.json.load", exhaust)
    assert main(["summary", "model.json"]) == 2
    one_line_error(capsys, "not enough memory")


@pytest.mark.parametrize(
    ("called", "shown"),
    [
        ("/nowhere/oddsmith/__main__.py", "python -m oddsmith"),
        ("bin/my oddsmith", "'bin/my oddsmith'"),
        ("path/oddsmith", "oddsmith"),
    ],
)
def test_suggested_commands_can_be_typed(here, monkeypatch, called, shown):
    """As a command of the search path, or by the path by which it was called."""
    for folder in ("bin", "path"):
        (here / folder).mkdir()
    for program in ("bin/my oddsmith", "path/oddsmith"):
        (here / program).write_text("#!/bin/sh\n")
        (here / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(here / "path"))
    monkeypatch.setattr(sys, "argv", [called])
    assert showing.program() == shown


# ---- whole or not at all ------------------------------------------------------------------------


def test_a_run_replaces_its_own_files_only(here):
    assert fit() == 0
    (here / "data-model/notes.txt").write_text("mine")
    old = (here / "data-model/model.json").read_bytes()
    assert fit("--C", "5", "--test-size", "0") == 0
    assert (here / "data-model/model.json").read_bytes() != old
    assert names(here / "data-model") == ["loss.png", "model.json", "notes.txt"]


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("command", ["fit", "demo"])
def test_files_that_oddsmith_did_not_write_are_left_alone(here, capsys, command, name):
    (here / "mine").mkdir()
    (here / "mine" / name).write_text('{"format": "another"}')
    run = ["demo"] if command == "demo" else ["fit", "none.csv", "--target", "y"]
    assert main([*run, "--out", "mine"]) == 2
    one_line_error(
        capsys, f"mine: already holds {name}, not written by oddsmith; choose another --out"
    )
    assert names(here / "mine") == [name]
    assert (here / "mine" / name).read_text() == '{"format": "another"}'


def test_the_current_folder_with_predictions_of_the_users_own(here, capsys):
    (here / "predictions.csv").write_text("mine")
    assert fit("--out", ".") == 2
    one_line_error(capsys, ".: already holds predictions.csv")
    assert (here / "predictions.csv").read_text() == "mine"


def test_files_that_appear_during_the_fit_are_left_alone(here, monkeypatch):
    plain = fitting.open_files

    def read(*args, **kwargs):
        (here / "data-model").mkdir()
        (here / "data-model/loss.png").write_text("mine")
        return plain(*args, **kwargs)

    monkeypatch.setattr(fitting, "open_files", read)
    assert fit() == 2
    assert (here / "data-model/loss.png").read_text() == "mine"


def test_demo_leaves_other_data_of_that_name_alone(stored, capsys):
    (stored / "breast_cancer.csv").write_text("mine")
    before = {path: path.read_bytes() for path in stored.iterdir()}
    assert main(["demo", "--out", "."]) == 2
    one_line_error(capsys, "breast_cancer.csv: holds other data")
    assert {path: path.read_bytes() for path in stored.iterdir()} == before


def test_what_killed_runs_left_is_swept_and_nothing_else(here):
    old, name = time.time() - 90_000, ".oddsmith-" + "0123456789abcdef"
    (here / name).mkdir()
    (here / name / "model.json").write_text("half")
    (here / f"{name}f").mkdir()
    (here / ".oddsmith-mine").write_text("mine")
    young = here / (".oddsmith-" + "f" * 16)
    young.mkdir()
    for path in (here / name, here / f"{name}f", here / ".oddsmith-mine"):
        os.utime(path, (old, old))
    assert fit() == 0
    left = [".oddsmith-0123456789abcdeff", young.name, ".oddsmith-mine", "data-model", "data.csv"]
    assert names(here) == left


@pytest.mark.parametrize(("number", "status"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_signals_while_files_are_written_leave_nothing(here, number, status):
    """The program sends itself the signal when its staging folder is there."""
    code = (
        "import os, signal, sys\n"
        "from oddsmith.cli import fitting, main\n"
        # Who runs the tests under nohup has it ignored, which children inherit.
        f"signal.signal(signal.{number}, signal.SIG_DFL)\n"
        f"fitting.save_png = lambda *args: os.kill(os.getpid(), signal.{number})\n"
        "sys.exit(main(['fit', 'data.csv', '--target', 'y']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert names(here) == ["data.csv"]


def test_nothing_is_staged_while_a_fit_runs(here, monkeypatch):
    plain, seen = fitting._estimate, []

    def estimate(*args):
        seen.extend(names(here))
        return plain(*args)

    monkeypatch.setattr(fitting, "_estimate", estimate)
    assert fit() == 0
    assert seen == ["data.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize(
    "args",
    [
        ["predict", "model.json", "data.csv"],
        ["summary", "model.json"],
        ["fit", "data.csv", "--target", "y"],
        ["--help"],
    ],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_an_error_of_one_line(stored, args, unbuffered):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "oddsmith", *args],
            cwd=stored,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("oddsmith: error: standard output: No space left on device")
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_failed_run_leaves_the_old_files(here, capsys):
    assert fit() == 0
    before = {path: path.read_bytes() for path in (here / "data-model").iterdir()}
    (here / "data.csv").write_bytes(BAD["short row"][0])
    assert fit() == 2
    assert {path: path.read_bytes() for path in (here / "data-model").iterdir()} == before
    assert names(here) == ["data-model", "data.csv"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_run_that_breaks_at_the_last_file_leaves_nothing(here, capsys, monkeypatch, failure):
    assert fit() == 0
    (here / "data-model").rename(here / "old")
    capsys.readouterr()

    def break_down(*args):
        raise failure

    monkeypatch.setattr(fitting, "save_png", break_down)
    assert fit() == (130 if failure is KeyboardInterrupt else 2)
    assert names(here) == ["data.csv", "old"]
    captured = capsys.readouterr()
    last = captured.err.splitlines()[-1]
    assert last in (
        "oddsmith: interrupted",
        "oddsmith: error: data-model: cannot be written (No space left on device); "
        "choose another --out",
    )
    assert captured.out == ""


def test_ctrl_c_in_a_real_run_leaves_nothing(here):
    """Rows arrive by a pipe that never ends, so the signal meets a running fit."""
    os.mkfifo(here / "pipe.csv")
    command = [sys.executable, "-m", "oddsmith", "fit", "pipe.csv", "--target", "y"]
    with (
        subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE, text=True) as process,
        (here / "pipe.csv").open("w") as pipe,  # returns when the program reads
    ):
        pipe.write(GOOD)
        pipe.flush()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "oddsmith: interrupted"
    assert names(here) == ["data.csv", "pipe.csv"]


def test_new_outputs_have_the_permissions_of_any_new_file(here):
    old = os.umask(0o027)
    try:
        assert fit() == 0
        assert main(["predict", "data-model/model.json", "data.csv", "--out", "p.csv"]) == 0
    finally:
        os.umask(old)
    assert stat.S_IMODE((here / "data-model").stat().st_mode) == 0o750
    assert stat.S_IMODE((here / "data-model/model.json").stat().st_mode) == 0o640
    assert stat.S_IMODE((here / "p.csv").stat().st_mode) == 0o640


def test_a_replaced_file_keeps_its_place_and_permissions(stored):
    (stored / "new.csv").write_text("a,b\n1,2\n")
    (stored / "real.csv").write_text("old")
    (stored / "real.csv").chmod(0o600)
    (stored / "link.csv").symlink_to("real.csv")
    assert main(["predict", "model.json", "new.csv", "--out", "link.csv"]) == 0
    assert (stored / "link.csv").is_symlink()
    assert (stored / "real.csv").read_text().startswith("prediction,")
    assert stat.S_IMODE((stored / "real.csv").stat().st_mode) == 0o600


def test_a_pipe_is_written_to_and_not_replaced(stored):
    (stored / "new.csv").write_text("a,b\n1,2\n")
    os.mkfifo(stored / "pipe")
    command = [sys.executable, "-m", "oddsmith", "predict", "model.json", "new.csv"]
    with subprocess.Popen([*command, "--out", "pipe"], cwd=stored) as process:
        assert (stored / "pipe").read_text().startswith("prediction,")
    assert process.returncode == 0
    assert stat.S_ISFIFO((stored / "pipe").stat().st_mode)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_early_is_no_error(stored, unbuffered):
    (stored / "new.csv").write_text("a,b\n" + "1,2\n" * 20_000)
    command = [sys.executable, "-m", "oddsmith", "predict", "model.json", "new.csv"]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=stored, env=environment, **pipes) as process:
        assert process.stdout.readline() == "prediction,p_no,p_yes\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


# ---- quick answers ------------------------------------------------------------------------------


def imported_by(*args, cwd):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "oddsmith", *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    return {name.split(".")[0] for name in names}


def test_help_imports_click_and_the_standard_library_only(tmp_path):
    packages = imported_by("--help", cwd=tmp_path)
    assert {"click", "oddsmith"} <= packages
    heavy = {"numpy", "scipy", "sklearn", "numba", "pandas", "pyarrow", "rich", "matplotlib"}
    assert packages & heavy == set()


def test_predict_needs_no_scikit_learn(stored):
    (stored / "new.csv").write_text("a,b\n1,2\n")
    packages = imported_by("predict", "model.json", "new.csv", cwd=stored)
    assert {"numpy", "pyarrow"} <= packages
    assert packages & {"sklearn", "scipy", "pandas", "numba", "rich", "matplotlib"} == set()


def test_summary_needs_no_scikit_learn(stored):
    packages = imported_by("summary", "model.json", cwd=stored)
    assert packages & {"sklearn", "scipy", "pandas", "numba", "pyarrow", "matplotlib"} == set()


def test_help_answers_at_once(tmp_path):
    """0.2 s on an idle machine; the best of several runs, against a bare Python on a busy one."""

    def seconds(*args):
        start = time.perf_counter()
        subprocess.run([sys.executable, *args], cwd=tmp_path, capture_output=True, check=True)
        return time.perf_counter() - start

    bare = min(seconds("-c", "pass") for _ in range(5))
    full = min(seconds("-m", "oddsmith", "--help") for _ in range(5))
    assert full < 0.2 + 5 * bare


@pytest.mark.parametrize("command", [None, *sorted(cli.commands)])
def test_every_command_has_help_with_an_example(capsys, command):
    assert main(["--help"] if command is None else [command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "oddsmith demo" in shown if command is None else f"Example:  oddsmith {command}" in shown


def test_no_command_shows_help(capsys):
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"oddsmith {__version__}\n"
