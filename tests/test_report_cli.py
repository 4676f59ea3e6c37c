"""Reports from the command line: of files of any kind, in memory and streamed."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as parquet
import pytest
from browser import chromium, opened
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.metrics import log_loss

import oddsmith.cli.reporting as reporting
import oddsmith.estimators.report as made_by
from oddsmith import load
from oddsmith.cli import fitting, main
from oddsmith.errors import MissingPackageError

N = 600


@pytest.fixture(scope="module")
def browser():
    with chromium() as program:
        yield program


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def streamed(monkeypatch):
    monkeypatch.setattr(fitting, "_IN_MEMORY", 2**40)


@pytest.fixture
def reports(monkeypatch):
    """What the pages that are written show, as data."""
    found, page_of = [], made_by.page_of

    def kept(report):
        found.append(report)
        return page_of(report)

    monkeypatch.setattr(made_by, "page_of", kept)
    monkeypatch.setattr(reporting, "page_of", kept)
    return found


def table(n=N, seed=0):
    """Rows of all kinds: with weights, an offset, and an outcome of two or three classes."""
    rng = np.random.default_rng(seed)
    dose, age = rng.normal(size=n).round(3), rng.integers(20, 80, n).astype(float)
    new, site = rng.random(n) < 0.4, rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    eta = dose - 0.02 * (age - 50) + 0.7 * new + (site == "b")
    ill = np.where(rng.random(n) < 1 / (1 + np.exp(-eta)), "yes", "no")
    return pa.table(
        {
            "dose": dose,
            "age": age,
            "new": new,
            "site": site.tolist(),
            "w": rng.integers(1, 4, n).astype(float),
            "o": rng.normal(size=n).round(2),
            "ill": ill.tolist(),
            "stage": np.where(rng.random(n) < 0.3, "late", ill).tolist(),
        }
    )


def write(path, rows=None):
    rows = table() if rows is None else rows
    (parquet.write_table if path.endswith(".parquet") else pacsv.write_csv)(rows, path)
    return path


def run(*args):
    assert main([str(one) for one in args]) == 0


def error_of(capsys, *args):
    capsys.readouterr()
    assert main([str(one) for one in args]) == 2
    line = capsys.readouterr().err.rstrip("\n").split("\n")[-1]
    assert line.startswith("oddsmith: error: ")
    return line


OTHERS = ("--exclude", "w", "--exclude", "o", "--exclude", "stage")
FIT = ("--target", "ill", *OTHERS, "--report", "r.html", "--out", "m")
BOTH = ("--compare", "baseline", "--compare", "scikit-learn", "--cost", "fp=1,fn=5")


def rebuilt(report):
    X = report.model.encoding.rows(report.examples.columns)
    return report.model.predict_proba(X)


def check_examples(report):
    """What the page carries of a row gives the probability of that very row."""
    examples, judged = report.examples, report.judged
    assert examples.total == examples.y.size == judged.y.size
    np.testing.assert_array_equal(examples.y, judged.y)
    np.testing.assert_allclose(rebuilt(report), judged.probabilities, rtol=1e-12)
    for column in examples.columns:
        assert column.levels.tolist() == sorted(column.levels.tolist())


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_fit_writes_a_page_of_the_rows_held_out(name, here, reports, capsys, browser):
    run("fit", write(name), *FIT, *BOTH)
    assert "Wrote r.html (" in capsys.readouterr().out
    [report] = reports
    assert report.judged.seen is False
    assert report.judged.source == f"{name} (held-out part)"
    assert report.cost == (1.0, 5.0)
    assert report.judged.y.size == N // 5
    check_examples(report)
    model, whole = load("m/model.json"), table()
    numbers = report.examples.numbers - (2 if name == "t.csv" else 0)
    assert report.examples.unit == ("line" if name == "t.csv" else "row")
    rows = whole.take(pa.array(numbers))
    X = rows.select(["dose", "age", "new", "site"])
    np.testing.assert_allclose(model.predict_proba(X), report.judged.probabilities, rtol=1e-12)
    labels = [model.classes_.tolist()[k] for k in report.judged.y]
    assert labels == rows["ill"].to_pylist()
    facts = dict(report.data)
    assert facts["Data"] == name
    assert facts["Split"] == "480 to fit, 120 held out (by lot, seed 0)"
    assert report.model.covariance is None
    assert report.history["validation_loss"].size == report.history["loss"].size
    check_rivals(report, whole, numbers)
    with opened(browser, here / "r.html") as page:
        assert "(held-out part)" in page.inner_text("main")


def check_rivals(report, whole, numbers):
    scores = {one.name: one for one in report.comparison.scores}
    assert list(scores) == ["this model", "baseline", "scikit-learn"]
    train = whole.take(pa.array(np.setdiff1d(np.arange(N), numbers)))
    share = np.mean(np.array(train["ill"].to_pylist()) == "yes")
    truth = report.judged.y
    expected = log_loss(truth, np.full(truth.size, share))
    assert scores["baseline"].log_loss == pytest.approx(expected, rel=1e-12)
    # The same minimum, as far as their solver goes.
    assert scores["scikit-learn"].log_loss == pytest.approx(scores["this model"].log_loss, rel=1e-4)
    said = " ".join(report.comparison.notes)
    assert "newton-cholesky" in said
    assert f'"yes" {share:.4f}' in said


def test_the_rows_of_the_fit_are_marked_as_seen(here, reports, browser, streamed_or_not):
    run("fit", write("t.csv"), *FIT, "--test-size", "0", "--compare", "baseline")
    [report] = reports
    assert report.judged.seen is True
    assert report.judged.source == "t.csv"
    assert report.judged.y.size == report.model.training.rows == N
    check_examples(report)
    share = np.mean(np.array(table()["ill"].to_pylist()) == "yes")
    assert report.comparison.scores[1].log_loss == pytest.approx(
        -share * np.log(share) - (1 - share) * np.log(1 - share), rel=1e-9
    )
    assert dict(report.data)["Split"] == "600 to fit, none held out"
    with opened(browser, here / "r.html"):
        pass


@pytest.fixture(params=[False, True], ids=["in memory", "streamed"])
def streamed_or_not(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(fitting, "_IN_MEMORY", 2**40)
    return request.param


@pytest.mark.parametrize("more", [(), ("--no-cache",)])
def test_streamed_rows_are_judged_as_rows_in_memory_are(more, here, reports, streamed, browser):
    """With weights, which both count."""
    args = ("--weight", "w", "--exclude", "o", "--exclude", "stage")
    out = ("--report", "r.html", "--out", "m", "--test-size", "0")
    run("fit", write("t.csv"), "--target", "ill", *args, *out, *more)
    [report] = reports
    check_examples(report)
    np.testing.assert_array_equal(report.judged.weight, table()["w"])
    X = table().select(["dose", "age", "new", "site"])
    encoded = load("m/model.json").encoder_.transform(X)
    np.testing.assert_allclose(report.spread.mean, encoded.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(report.spread.deviation, encoded.std(axis=0), rtol=1e-12)
    low = [-np.inf if np.isnan(x) else x for x in report.spread.low]
    assert low == [min(table()["dose"].to_pylist()), min(table()["age"].to_pylist()), 0, -np.inf]
    with opened(browser, here / "r.html"):
        pass


def test_streamed_rows_that_are_held_out(here, reports, streamed, capsys):
    run("fit", write("t.csv"), *FIT, *BOTH)
    [report] = reports
    assert report.judged.seen is False
    assert report.examples.unit == "held-out row"
    check_examples(report)
    n = report.judged.y.size
    assert dict(report.data)["Split"] == f"{N - n} to fit, {n} held out (by lot, seed 0)"
    assert "scikit-learn: not compared, as the rows were streamed" in capsys.readouterr().err
    assert [one.name for one in report.comparison.scores] == ["this model", "baseline"]


def test_only_a_rival_that_cannot_be_had(here, reports, streamed):
    run("fit", write("t.csv"), *FIT, "--compare", "scikit-learn")
    assert reports[0].comparison is None
    assert "not compared" in reports[0].notes[-1]


def test_rows_of_another_file(here, reports, streamed_or_not, capsys):
    other = table(200, seed=1)
    site = ["new", *other["site"].to_pylist()[1:]]
    write("t.csv")
    write("other.csv", other.set_column(3, "site", [site]))
    args = ("--weight", "w", "--offset", "o", "--exclude", "stage", "--target", "ill")
    args += ("--test", "other.csv", "--report", "r.html", "--out", "m")
    args += ("--compare", "scikit-learn")
    if streamed_or_not:
        assert "not seen" in error_of(capsys, "fit", "t.csv", *args)
        write("other.csv", other.slice(1))
    run("fit", "t.csv", *args)
    [report] = reports
    left = 0 if streamed_or_not else 1
    assert report.notes[0].startswith("1 row is not judged") == (left == 1)
    assert dict(report.data)["Split"] == f"600 to fit, {199 + left} held out (other.csv)"
    assert report.judged.source == "other.csv"
    assert report.judged.seen is False
    assert report.examples.unit == "line"
    assert report.examples.numbers.tolist() == list(range(2 + left, 201 + left))
    np.testing.assert_array_equal(report.judged.weight, other["w"].to_numpy()[1:])
    assert "not compared, as" in report.notes[-1]
    X = other.slice(1).select(["dose", "age", "new", "site"])
    p = load("m/model.json").predict_proba(X, offset=other["o"].to_numpy()[1:])
    np.testing.assert_allclose(report.judged.probabilities, p, rtol=1e-12)
    assert dict(report.data)["Weights"] == "column “w”"
    assert dict(report.data)["Offset"] == "column “o”"
    assert report.judged.offset


def test_three_classes_and_several_files(here, reports, browser):
    write("a.csv", table().slice(0, 350))
    write("b.csv", table().slice(350))
    args = ("--target", "stage", "--exclude", "w", "--exclude", "o", "--exclude", "ill")
    run("fit", "a.csv", "b.csv", *args, "--report", "r.html", "--out", "m", *BOTH)
    [report] = reports
    assert report.judged.probabilities.shape == (120, 3)
    assert report.examples.unit == "held-out row"
    assert report.examples.numbers.tolist() == list(range(120))
    assert report.comparison.scores[0].cost is None
    check_examples(report)
    run("report", "m/model.json", "a.csv", "b.csv")
    assert reports[1].examples.unit == "row"
    assert reports[1].examples.numbers.tolist() == list(range(600))
    assert reports[1].judged.source == "a.csv and 1 more"
    with opened(browser, here / "report.html"):
        pass


def test_without_a_penalty_the_page_has_intervals(here, reports, streamed_or_not):
    run("fit", write("t.csv"), *FIT, "--C", "inf")
    assert reports[0].model.covariance is not None


def test_a_rival_that_does_not_converge_is_named(here, reports, monkeypatch):
    class Slow(Theirs):
        def __init__(self, C=1.0, solver="lbfgs", max_iter=100):
            super().__init__(C=C, solver="lbfgs", max_iter=1)

    monkeypatch.setattr("sklearn.linear_model.LogisticRegression", Slow)
    monkeypatch.setattr(reporting, "_NEWTON", 0)
    run("fit", write("t.csv"), *FIT, "--compare", "scikit-learn")
    said = " ".join(reports[0].comparison.notes)
    assert "did not converge" in said
    assert "lbfgs" in said


@pytest.fixture
def fitted(here):
    run("fit", write("t.csv"), "--target", "ill", *OTHERS, "--out", "m", "--missing", "mean")
    return "m/model.json"


def test_report_reads_files_as_evaluate_does(fitted, here, reports, capsys, browser):
    write("new.csv", table(300, seed=2))
    run("evaluate", fitted, "new.csv")
    evaluated = capsys.readouterr().out
    run("report", fitted, "new.csv", "--title", "Ours", "--weight", "w")
    [report] = reports
    assert report.title == "Ours"
    assert report.judged.seen is None
    assert report.history is None
    check_examples(report)
    assert report.examples.numbers.tolist() == list(range(2, 302))
    right = np.mean(report.judged.probabilities.argmax(axis=1) == report.judged.y)
    assert f"{right:.4f}" in evaluated
    np.testing.assert_array_equal(report.judged.weight, table(300, seed=2)["w"])
    model = load(fitted)
    encoded = model.encoder_.transform(table(300, seed=2).select(["dose", "age", "new", "site"]))
    np.testing.assert_allclose(report.spread.mean, encoded.mean(axis=0), rtol=1e-12)
    with opened(browser, here / "report.html") as page:
        assert page.title() == "Ours"


def test_rows_of_a_pipe_are_not_called_by_their_copy(fitted, reports, monkeypatch):
    """The page is sent to others: it names no folder of this machine."""
    content = Path("t.csv").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    run("report", fitted, "-")
    assert reports[0].judged.source == "standard input"


def test_rows_that_cannot_be_judged_are_refused_or_counted(fitted, reports, capsys):
    rows = table(300, seed=2)
    dose = [None, *rows["dose"].to_pylist()[1:]]
    site = ["a", "new", *rows["site"].to_pylist()[2:]]
    write("new.csv", rows.set_column(0, "dose", [dose]).set_column(3, "site", [site]))
    error = error_of(capsys, "report", fitted, "new.csv")
    assert "line 3" in error
    assert error.rstrip().endswith("or leave such rows out with --unscorable leave-out")
    assert "--unscorable empty" in error_of(capsys, "predict", fitted, "new.csv")
    assert "--unscorable" not in error_of(capsys, "evaluate", fitted, "new.csv")
    run("report", fitted, "new.csv", "--unscorable", "leave-out")
    assert "1 rows cannot be scored, and they are left out" in capsys.readouterr().err
    [report] = reports
    assert report.judged.y.size == 299
    assert report.notes[0].startswith("1 row is not judged")
    assert report.examples.numbers.tolist() == [2, *range(4, 302)]
    # A number that is missing counts as the mean, and the page shows it as missing.
    assert np.isnan(report.examples.columns[0].values[0])
    check_examples(report)


def test_beyond_memory_every_second_row_is_judged_and_the_page_says_so(
    fitted, reports, monkeypatch
):
    monkeypatch.setattr(reporting, "rows_that_fit", lambda memory, K: 300)
    run("report", fitted, write("t.csv"))
    assert reports[0].judged.y.size == 300
    assert reports[0].notes == ("Judged by 300 of 600 rows, evenly spaced, for want of memory.",)
    assert reports[0].examples.total == N


HOSTILE = ["<img src=x onerror=alert(1)>.csv", "</script>\u202e'\".csv", "a\x1b[31m\n.csv"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_files_run_nothing(name, fitted, here, browser, capsys):
    name = name.replace("/", "\u2215")
    write(name)
    run("report", fitted, name, "--out", "r.html")
    with opened(browser, here / "r.html") as page:
        assert ".csv" in page.inner_text("main")


WRONG = [
    (
        ("--report", "t.csv"),
        "t.csv: is an input, and would be overwritten; choose another --report",
    ),
    (("--report", "m/model.json"), "is the name of another output; choose another --report"),
    (("--report", "nowhere/r.html"), "choose another --report"),
    (("--report", "."), "choose another --report"),
    (("--cost", "fp=1,fn=2"), "--cost is for a report; name its file with --report"),
    (("--compare", "baseline"), "--compare is for a report; name its file with --report"),
    (("--report", "r.html", "--cost", "1:5"), "write them as fp=1,fn=5"),
    (("--report", "r.html", "--cost", "fp=1,fn=x"), "write them as fp=1,fn=5"),
    (("--report", "r.html", "--cost", "fp=1,fp=1"), "write them as fp=1,fn=5"),
    (("--report", "r.html", "--cost", "fp=-1,fn=1"), "the cost of a false positive is -1"),
    (("--report", "r.html", "--test", "r.html"), "is an input, and would be overwritten"),
    (("--report", "r.html", "--compare", "magic"), "'magic' is not one of"),
]


@pytest.mark.parametrize(("args", "words"), WRONG, ids=[" ".join(args) for args, _ in WRONG])
def test_wrong_options_are_refused_before_the_fit(args, words, here, capsys):
    write("t.csv")
    if "--test" in args:
        write("r.csv")
        (here / "r.csv").rename("r.html")
    before = sorted(path.name for path in here.iterdir())
    assert words in error_of(capsys, "fit", "t.csv", "--target", "ill", "--out", "m", *args)
    assert sorted(path.name for path in here.iterdir()) == before


def test_a_page_may_lie_in_the_folder_of_the_model_or_go_to_a_pipe(here, capsys):
    run("fit", write("t.csv"), *FIT[:-4], "--report", "m/r.html", "--out", "m")
    assert (here / "m" / "r.html").stat().st_size > 900_000
    run("fit", "t.csv", *FIT[:-4], "--report", "m/r.html", "--out", "m")
    run("report", "m/model.json", "t.csv", "--out", "/dev/null")


def test_a_folder_that_cannot_be_written_is_named_before_the_fit(here, capsys, monkeypatch):
    write("t.csv")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "choose another --report" in error_of(capsys, "fit", "t.csv", *FIT)


def test_wrong_requests_of_report(fitted, here, capsys):
    model = (here / fitted).read_bytes()
    assert "is an input" in error_of(capsys, "report", fitted, "t.csv", "--out", fitted)
    assert "is an input" in error_of(capsys, "report", fitted, "t.csv", "--out", "t.csv")
    assert (here / fitted).read_bytes() == model
    assert 'no column "nope" for the weight' in error_of(
        capsys, "report", fitted, "t.csv", "--weight", "nope"
    )
    assert "holds no numbers" in error_of(capsys, "report", fitted, "t.csv", "--weight", "site")
    write("bad.csv", table().set_column(4, "w", [[-1.0] * N]))
    assert "line 2" in error_of(capsys, "report", fitted, "bad.csv", "--weight", "w")
    write("none.csv", table().set_column(4, "w", [[0.0] * N]))
    assert "weight 0" in error_of(capsys, "report", fitted, "none.csv", "--weight", "w")
    write("odd.csv", table().set_column(6, "ill", [["perhaps"] * N]))
    assert "is not a class" in error_of(capsys, "report", fitted, "odd.csv")
    (here / "gone.csv").write_text("dose,age,new,site,ill\n")
    error_of(capsys, "report", fitted, "gone.csv")
    error_of(capsys, "report", fitted, "missing.csv")
    assert not (here / "report.html").exists()


def test_without_the_package_for_charts_nothing_is_begun(here, capsys, monkeypatch):
    def lacking():
        raise MissingPackageError("install vl-convert-python")

    monkeypatch.setattr(reporting, "need_program", lacking)
    write("t.csv")
    assert "vl-convert" in error_of(capsys, "fit", "t.csv", *FIT)
    assert not (here / "m").exists()
