"""The command line on files of any format and size: streamed, typed, resumed."""

import csv
import gzip
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest
from bad_csv import BAD, GOOD

from oddsmith import LogisticRegression, TableEncoder, load
from oddsmith.cli import fitting, main
from oddsmith.export.json import dump, read_model
from oddsmith.export.schema import plain_model

ROOT = Path(__file__).parent.parent


def read_rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def run(*args, stdin=None, code=""):
    """Run the program in a process of its own, after some code."""
    script = f"import sys\nfrom oddsmith.cli import main\n{code}\nsys.exit(main({list(args)!r}))\n"
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, input=stdin, timeout=120, check=False
    )


def error_of(capsys, *words):
    captured = capsys.readouterr()
    line = captured.err.rstrip("\n").split("\n")[-1]
    assert line.startswith("oddsmith: error: ")
    assert line.isprintable()
    assert [word for word in words if word not in line] == []
    return line


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rows():
    """Mixed rows: two numbers, a boolean, a category, an outcome, and an identifier."""
    rng = np.random.default_rng(0)
    n = 600
    dose, age = rng.normal(size=n).round(3), rng.integers(20, 80, n).astype(float)
    new, site = rng.random(n) < 0.4, rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    eta = dose - 0.02 * (age - 50) + 0.7 * new + (site == "b")
    return pa.table(
        {
            "id": [f"{i:05d}" for i in range(n)],
            "dose": dose,
            "age": age,
            "new": new,
            "site": site.tolist(),
            "ill": np.where(rng.random(n) < 1 / (1 + np.exp(-eta)), "yes", "no").tolist(),
        }
    )


def write(table, path):
    """Write a table in the format of the name."""
    if path.endswith((".parquet", ".pq")):
        parquet.write_table(table, path)
    elif path.endswith(".arrow"):
        feather.write_feather(table, path, compression="uncompressed")
    else:
        kind = "gzip" if path.endswith(".gz") else "zstd" if path.endswith(".zst") else None
        with pa.output_stream(path, compression=kind) as file:
            pacsv.write_csv(table, file, pacsv.WriteOptions(quoting_style="needed"))


FIT = ["--target", "ill", "--exclude", "id"]
KINDS = ["csv", "csv.gz", "csv.zst", "parquet", "arrow"]


# ---- predict ------------------------------------------------------------------------------------


@pytest.fixture
def fitted(here, rows):
    """A model of the mixed rows in ill/model.json."""
    write(rows, "rows.csv")
    assert main(["fit", "rows.csv", *FIT, "--out", "ill"]) == 0
    return here


def expected(rows):
    model = load("ill/model.json")
    return model.predict_proba(rows.select(["dose", "age", "new", "site"]))


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_of_any_format_are_those_of_the_model(fitted, rows, kind, capsysbinary):
    write(rows, f"new.{kind}")
    capsysbinary.readouterr()
    assert main(["predict", "ill/model.json", f"new.{kind}", "--keep", "id"]) == 0
    captured = capsysbinary.readouterr()
    found = read_rows(captured.out.decode())
    assert list(found[0]) == ["id", "prediction", "p_no", "p_yes"]
    assert [row["id"] for row in found] == rows["id"].to_pylist()
    p = np.array([[float(row["p_no"]), float(row["p_yes"])] for row in found])
    np.testing.assert_allclose(p, expected(rows), rtol=1e-12)
    assert captured.err == b"", "nothing is ignored but the outcome"


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_of_any_format_hold_the_same_bits(fitted, kind):
    out = f"p.{kind}"
    assert main(["predict", "ill/model.json", "rows.csv", "--out", out, "--keep", "id"]) == 0
    assert (
        main(["predict", "ill/model.json", "rows.csv", "--out", "plain.csv", "--keep", "id"]) == 0
    )
    plain = read_rows(Path("plain.csv").read_text())
    if kind == "parquet":
        found = parquet.read_table(out).to_pylist()
    elif kind == "arrow":
        found = feather.read_table(out).to_pylist()
    else:
        with pa.input_stream(out) as file:
            found = read_rows(file.read().decode())
    assert [row["prediction"] for row in found] == [row["prediction"] for row in plain]
    assert [row["id"] for row in found] == [row["id"] for row in plain]
    for name in ("p_no", "p_yes"):
        assert [float(row[name]) for row in found] == [float(row[name]) for row in plain]


def test_several_files_a_folder_and_a_glob_are_read_in_order(fitted, rows, capsysbinary):
    Path("parts").mkdir()
    for k in range(3):
        write(rows.slice(200 * k, 200), f"parts/{k}.parquet")
    outputs = []
    parts = [f"parts/{k}.parquet" for k in range(3)]
    for given in (["rows.csv"], ["parts"], ["parts/*.parquet"], parts):
        capsysbinary.readouterr()
        assert main(["predict", "ill/model.json", *given]) == 0
        outputs.append(capsysbinary.readouterr().out)
    assert outputs[1] == outputs[2] == outputs[3]
    rows = [read_rows(output.decode()) for output in outputs[:2]]
    for a, b in zip(*rows, strict=True):
        assert float(a["p_no"]) == pytest.approx(float(b["p_no"]), rel=1e-14)


def test_small_batches_give_the_same_predictions(fitted, monkeypatch, capsysbinary):
    outputs = []
    for entries, share in ((2**21, 32), (7, 2**20)):
        monkeypatch.setattr("oddsmith.cli.scoring._ENTRIES", entries)
        monkeypatch.setattr("oddsmith.cli.scoring._BATCH", share)
        capsysbinary.readouterr()
        assert main(["predict", "ill/model.json", "rows.csv"]) == 0
        outputs.append(read_rows(capsysbinary.readouterr().out.decode()))
    for a, b in zip(*outputs, strict=True):
        assert a["prediction"] == b["prediction"]
        assert float(a["p_no"]) == pytest.approx(float(b["p_no"]), rel=1e-14)


def test_rows_come_from_standard_input(fitted):
    done = run("predict", "ill/model.json", "-", stdin=Path("rows.csv").read_bytes())
    assert done.returncode == 0, done.stderr
    assert len(read_rows(done.stdout.decode())) == 600
    done = run("predict", "ill/model.json", "-", stdin=b"dose,age,new,site\nblue,1,true,a\n")
    assert done.returncode == 2
    assert b'standard input: line 2, column "dose": "blue" is text' in done.stderr


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",40,true,a", ['"dose"', "missing"]),
        ("1,40,true,", ['"site"', "missing"]),
        ("1,40,true,d", ['"site"', '"d"', "not seen"]),
        ("1,40,NA,a", ['"new"', "missing"]),
        ("1,inf,true,a", ['"age"', '"inf"']),
        ("1,40,maybe,a", ['"new"']),
        ("1,40,true", ["3 cells"]),
    ],
)
def test_rows_that_cannot_be_scored_are_named(fitted, capsys, row, words):
    Path("new.csv").write_text(f"dose,age,new,site\n1,40,true,a\n{row}\n2,50,false,b\n")
    before = names()
    capsys.readouterr()
    assert main(["predict", "ill/model.json", "new.csv", "--out", "p.csv"]) == 2
    place = [] if "maybe" in row else ["line 3"]
    error_of(capsys, "new.csv", *place, *words)
    assert names() == before


def test_rows_that_cannot_be_scored_are_left_empty_on_request(fitted, capsys):
    Path("new.csv").write_text(
        "id,dose,age,new,site\nu,1,40,true,a\nv,,40,true,a\nw,1,40,true,d\nx,2,50,false,b\n"
    )
    capsys.readouterr()
    asked = ["--unscorable", "empty", "--keep", "id"]
    assert main(["predict", "ill/model.json", "new.csv", *asked]) == 0
    captured = capsys.readouterr()
    found = read_rows(captured.out)
    assert [row["id"] for row in found] == [*"uvwx"]
    assert [bool(row["prediction"]) for row in found] == [True, False, False, True]
    assert found[1]["p_no"] == found[2]["p_yes"] == ""
    assert "2 rows cannot be scored" in captured.err
    assert 'new.csv: line 3, column "dose"' in captured.err
    assert main(["predict", "ill/model.json", "new.csv", *asked, "--out", "p.parquet"]) == 0
    assert parquet.read_table("p.parquet")["p_no"].null_count == 2


def test_unseen_levels_that_are_pooled_are_counted(here, capsys):
    body = "".join(f"{'abcd'[min(3, i // 20)]},{'yn'[i * i % 3 == 1]}\n" for i in range(62))
    Path("data.csv").write_text(f"site,y\n{body}")
    pool = ["--min-count", "5", "--unseen", "pool", "--test-size", "0"]
    assert main(["fit", "data.csv", "--target", "y", *pool]) == 0
    Path("new.csv").write_text("site\nz\nd\nz\n")
    capsys.readouterr()
    assert main(["predict", "data-model/model.json", "new.csv"]) == 0
    captured = capsys.readouterr()
    assert '"site": "z" in 2 rows is a level that the fit has not seen' in captured.err
    found = read_rows(captured.out)
    assert found[0] == found[1] == found[2], "as the pooled level"


def test_kept_cells_that_a_spreadsheet_would_run_are_escaped(here, capsys):
    Path("m.json").write_text(dump(plain_model(("a",), ("no", "yes"), "y", [[1.0]], [0.0])))
    cells = ["=cmd()", "@x", "-1.5", "+x", 'say "hi"', "a,b", "line\nbreak", "007", "plain", ""]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["=name", "a"])
    writer.writerows([cell, 1] for cell in cells)
    Path("new.csv").write_text(file.getvalue())
    assert main(["predict", "m.json", "new.csv", "--keep", "=name"]) == 0
    found = read_rows(capsys.readouterr().out)
    assert [row["'=name"] for row in found] == [
        "'=cmd()", "'@x", "-1.5", "'+x", 'say "hi"', "a,b", "line\nbreak", "007", "plain", "",
    ]  # fmt: skip


def test_kept_columns_of_other_formats_keep_their_types(here):
    Path("m.json").write_text(dump(plain_model(("a",), (0, 1), "y", [[1.0]], [0.0])))
    import datetime as dt

    table = pa.table(
        {
            "a": [1.0, 2.0],
            "id": pa.array([2**60, None], pa.int64()),
            "day": [dt.date(2020, 2, 29), None],
            "new": [True, None],
        }
    )
    parquet.write_table(table, "new.parquet")
    asked = ["predict", "m.json", "new.parquet", "--out", "p.parquet"]
    assert main([*asked, "--keep", "id", "--keep", "day", "--keep", "new", "--keep", "a"]) == 0
    found = parquet.read_table("p.parquet")
    assert found["id"].to_pylist() == [2**60, None]
    assert found["day"].to_pylist() == ["2020-02-29", None]
    assert found["new"].to_pylist() == [True, None]
    assert found["a"].to_pylist() == [1.0, 2.0]
    assert found["prediction"].to_pylist() == [1, 1]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--keep", "nobody"], ['"nobody"', "--keep"]),
        (["--keep", "id", "--keep", "id"], ['"id"', "another column"]),
        (["--out", "p.parquet.gz"], ["p.parquet.gz", "packed"]),
        (["--memory", "1MB"], ["--memory", "1MB"]),
        (["--memory", "much"], ["--memory", "much"]),
        (["--offset", "site"], ['"site"']),
        (["--offset", "nobody"], ['"nobody"']),
    ],
)
def test_wrong_options_of_predict(fitted, capsys, args, words):
    before = names()
    capsys.readouterr()
    assert main(["predict", "ill/model.json", "rows.csv", *args]) == 2
    error_of(capsys, *words)
    assert names() == before


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak")
def test_memory_is_bounded_whatever_the_size(here):
    """Larger input to larger output, in a process whose memory is looked at."""
    rng = np.random.default_rng(0)
    Path("m.json").write_text(
        dump(plain_model(("a", "b", "c"), ("no", "yes"), "y", [[1.0, 0.5, -1.0]], [0.0]))
    )
    schema = pa.schema([(name, pa.float64()) for name in "abc"])
    with parquet.ParquetWriter("new.parquet", schema) as writer:
        for _ in range(24):
            columns = [rng.normal(size=250_000) for _ in range(3)]
            writer.write_batch(pa.record_batch(columns, schema=schema))
    # Not what getrusage says, which counts the process that forked, too.
    code = (
        "import atexit, re\n"
        "peak = lambda: re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]\n"
        "atexit.register(lambda: print(peak(), file=sys.stderr))"
    )
    asked = ["predict", "m.json", "new.parquet", "--out", "p.csv", "--memory", "410MB"]
    done = run(*asked, code=code)
    assert done.returncode == 0, done.stderr
    assert Path("p.csv").stat().st_size > 240e6
    assert int(done.stderr) * 1024 < 410e6


@pytest.mark.parametrize("out", ["new.xlsx", "new.json", "new.tsv.gz"])
def test_an_output_whose_name_says_another_format_is_refused(fitted, rows, out, capsys):
    write(rows, "new.csv")
    capsys.readouterr()
    assert main(["predict", "ill/model.json", "new.csv", "--out", out]) == 2
    error_of(capsys, out, ".csv", ".parquet")
    assert not Path(out).exists()


# ---- evaluate -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_streams_any_format(fitted, rows, kind, capsys, monkeypatch):
    monkeypatch.setattr("oddsmith.cli.scoring._BATCH", 2**20)
    write(rows, f"new.{kind}")
    capsys.readouterr()
    assert main(["evaluate", "ill/model.json", f"new.{kind}"]) == 0
    shown = capsys.readouterr().out
    predicted = load("ill/model.json").predict(rows.select(["dose", "age", "new", "site"]))
    accuracy = np.mean(predicted == np.array(rows["ill"].to_pylist()))
    line = next(line for line in shown.splitlines() if "accuracy" in line)
    assert line.split() == ["accuracy", f"{accuracy:.4g}"]
    assert "Evaluated on 600 rows" in shown


# ---- fit ----------------------------------------------------------------------------------------


def in_python(rows, keep=("dose", "age", "new", "site"), **how):
    encoder = TableEncoder(**how)
    return LogisticRegression(encoder=encoder).fit(rows.select(list(keep)), rows["ill"])


@pytest.mark.parametrize("kind", KINDS)
def test_fit_reads_any_format(here, rows, kind, capsys):
    write(rows, f"rows.{kind}")
    assert main(["fit", f"rows.{kind}", *FIT, "--test-size", "0"]) == 0
    assert names() == ["rows-model", f"rows.{kind}"]
    model = read_model("rows-model/model.json")
    np.testing.assert_allclose(model.coef, in_python(rows).coef_, rtol=1e-7)
    assert model.feature_names == ("dose", "age", "new", "site[b]", "site[c]")
    told = capsys.readouterr().err
    assert '2 columns of numbers, 1 of categories ("site"), 1 of booleans ("new")' in told
    assert '"site": 3 levels, reference "a"' in told


@pytest.mark.parametrize(
    ("args", "how"),
    [
        (["--reference", "most_frequent"], {"reference": "most_frequent"}),
        (["--reference", "site=c"], {"reference": {"site": "c"}}),
        (["--min-count", "150"], {"min_count": 150}),
        (["--feature", "site", "--feature", "dose"], {"keep": ("site", "dose")}),
        (["--exclude", "new"], {"keep": ("dose", "age", "site")}),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_options_of_columns_are_those_of_the_encoder(here, rows, args, how, streamed, monkeypatch):
    if streamed:
        monkeypatch.setattr(fitting, "_IN_MEMORY", 2**40)
    write(rows, "rows.csv")
    assert main(["fit", "rows.csv", *FIT, "--test-size", "0", *args]) == 0
    model = read_model("rows-model/model.json")
    again = in_python(rows, **how)
    np.testing.assert_allclose(model.coef, again.coef_, rtol=1e-6)
    assert list(model.feature_names) == again.coef_names_.tolist()
    assert names() == ["rows-model", "rows.csv"]


def test_types_are_declared(here, rows):
    codes = pa.array(["007" if i % 2 else "12" for i in range(600)])
    write(rows.append_column("code", codes).drop_columns(["id"]), "rows.csv")
    assert main(["fit", "rows.csv", "--target", "ill", "--test-size", "0"]) == 2
    asked = ["--test-size", "0", "--type", "code=category"]
    assert main(["fit", "rows.csv", "--target", "ill", *asked]) == 0
    assert "code[12]" in read_model("rows-model/model.json").feature_names


@pytest.mark.parametrize("missing", ["mean", "indicator", "drop"])
@pytest.mark.parametrize("streamed", [False, True])
def test_missing_values_as_asked(here, rows, missing, streamed, monkeypatch, capsys):
    gone = np.arange(600) % 7 == 0
    dose = pa.array(np.array(rows["dose"]), mask=gone)
    rows = rows.set_column(1, "dose", dose)
    write(rows, "rows.csv")
    if streamed:
        monkeypatch.setattr(fitting, "_IN_MEMORY", 2**40)
    assert main(["fit", "rows.csv", *FIT]) == 2
    assert names() == ["rows.csv"]
    assert main(["fit", "rows.csv", *FIT, "--test-size", "0", "--missing", missing]) == 0
    model = read_model("rows-model/model.json")
    assert model.encoding.missing == missing
    kept = rows.filter(pa.array(~gone)) if missing == "drop" else rows
    again = in_python(kept, missing="refuse" if missing == "drop" else missing)
    np.testing.assert_allclose(model.coef, again.coef_, rtol=1e-6)
    assert model.training.rows == len(kept)


@pytest.mark.parametrize("streamed", [False, True])
def test_weights_and_offsets_are_columns(here, rows, streamed, monkeypatch):
    rng = np.random.default_rng(1)
    weight, offset = rng.integers(0, 3, 600), rng.normal(size=600).round(2)
    table = rows.append_column("w", pa.array(weight)).append_column("o", pa.array(offset))
    write(table, "rows.csv")
    if streamed:
        monkeypatch.setattr(fitting, "_IN_MEMORY", 2**40)
    asked = ["--test-size", "0", "--weight", "w", "--offset", "o"]
    assert main(["fit", "rows.csv", *FIT, *asked]) == 0
    X = rows.select(["dose", "age", "new", "site"])
    again = LogisticRegression().fit(X, rows["ill"], weight, offset)
    model = read_model("rows-model/model.json")
    np.testing.assert_allclose(model.coef, again.coef_, rtol=1e-6)
    asked = ["--offset", "o", "--out", "p.parquet"]
    assert main(["predict", "rows-model/model.json", "rows.csv", *asked]) == 0
    p = parquet.read_table("p.parquet")["p_yes"]
    np.testing.assert_allclose(p, again.predict_proba(X, offset)[:, 1], rtol=1e-5)


def test_held_out_rows_with_levels_of_their_own_are_not_judged(here, rows, capsys):
    site = rows["site"].to_pylist()
    Path("test").mkdir()
    write(rows, "rows.csv")
    write(rows.set_column(4, "site", pa.array(["d", *site[1:]])), "test/test.csv")
    assert main(["fit", "rows.csv", *FIT, "--test", "test/test.csv"]) == 0
    captured = capsys.readouterr()
    assert "1 held-out rows are not judged" in captured.err
    assert "Evaluated on 599 rows" in captured.out


@pytest.mark.parametrize("streamed", [False, True])
def test_without_a_penalty_there_are_standard_errors(here, rows, streamed, monkeypatch, capsys):
    write(rows, "rows.csv")
    if streamed:
        monkeypatch.setattr(fitting, "_IN_MEMORY", 2**40)
    assert main(["fit", "rows.csv", *FIT, "--C", "inf", "--test-size", "0"]) == 0
    shown = capsys.readouterr().out
    assert "std. error" in shown
    X = rows.select(["dose", "age", "new", "site"])
    again = LogisticRegression(C=np.inf).fit(X, rows["ill"]).infer(X, rows["ill"])
    covariance = read_model("rows-model/model.json").covariance
    errors = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(errors, np.roll(np.asarray(again.bse), -1), rtol=1e-6)
    line = next(line for line in shown.splitlines() if line.strip().startswith("dose"))
    assert float(line.split()[-2]) == pytest.approx(errors[0], rel=1e-4)


def test_a_column_of_numbers_with_a_typing_error_is_refused(here, rows, capsys):
    write(rows, "rows.csv")
    lines = Path("rows.csv").read_text().splitlines()
    cells = lines[300].split(",")
    lines[300] = ",".join([*cells[:2], "4O", *cells[3:]])
    Path("rows.csv").write_text("\n".join(lines))
    assert main(["fit", "rows.csv", *FIT]) == 2
    error_of(capsys, "rows.csv: line 301", '"age"', '"4O"', "--type age=category")


def test_dates_are_named(here, rows, capsys):
    days = pa.array([f"2020-01-{1 + i % 28:02d}" for i in range(600)])
    write(rows.append_column("day", days), "rows.csv")
    assert main(["fit", "rows.csv", *FIT]) == 2
    error_of(capsys, "rows.csv", '"day"', "dates")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--type", "dose"], ["--type", "NAME="]),
        (["--type", "dose=float"], ["--type dose=float", "number"]),
        (["--type", "nobody=number"], ['"nobody"']),
        (["--feature", "nobody"], ['"nobody"']),
        (["--exclude", "nobody"], ['"nobody"']),
        (["--feature", "ill"], ['"ill"', "target"]),
        (["--feature", "dose", "--exclude", "dose"], ['"dose"']),
        (["--weight", "site"], ['"site"', "weight"]),
        (["--weight", "dose"], ['"dose"', "from 0 up"]),
        (["--weight", "ill"], ["twice"]),
        (["--reference", "site=z"], ['"z"', '"site"']),
        (["--reference", "nobody=z"], ['"nobody"']),
        (["--missing", "ignore"], ["--missing"]),
        (["--min-count", "0"], ["--min-count"]),
        (["--cache", "x", "--no-cache"], ["--cache"]),
        (["--resume"], ["--resume", "no checkpoint"]),
        (["--resume", "--no-cache"], ["--resume", "--no-cache"]),
        (["--memory", "100MB"], ["--memory"]),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_wrong_options_of_fit(here, rows, capsys, args, words, streamed, monkeypatch):
    if streamed:
        monkeypatch.setattr(fitting, "_IN_MEMORY", 2**40)
    write(rows, "rows.csv")
    assert main(["fit", "rows.csv", *FIT, *args]) == 2
    error_of(capsys, *words)
    assert names() == ["rows.csv"]


# ---- larger than memory -------------------------------------------------------------------------

STREAMED = "import oddsmith.cli.fitting as fitting; fitting._IN_MEMORY = 2**40"


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_files_leave_nothing_where_rows_are_streamed(here, capsys, monkeypatch, name):
    monkeypatch.setattr(fitting, "_IN_MEMORY", 2**40)
    Path("data.csv").write_bytes(BAD[name][0])
    status = main(["fit", "data.csv", "--target", "y", "--test-size", "0"])
    if name in ("class of one row", "too few rows", "identifier as target"):
        return  # which only a split, or all rows at once, can see
    assert status == 2
    assert "data.csv" in error_of(capsys)
    assert names() == ["data.csv"]


def test_streamed_rows_reach_the_optimum_of_rows_in_memory(here, rows, capsys, monkeypatch):
    write(rows, "rows.csv")
    assert main(["fit", "rows.csv", *FIT, "--test-size", "0", "--out", "small"]) == 0
    monkeypatch.setattr(fitting, "_IN_MEMORY", 2**40)
    assert main(["fit", "rows.csv", *FIT, "--test-size", "0", "--out", "large"]) == 0
    small, large = (read_model(f"{name}/model.json") for name in ("small", "large"))
    np.testing.assert_allclose(large.coef, small.coef, rtol=1e-7)
    assert large.encoding.names() == small.encoding.names()
    assert names() == ["large", "rows.csv", "small"]
    capsys.readouterr()
    assert main(["fit", "rows.csv", *FIT, "--out", "large"]) == 0
    captured = capsys.readouterr()
    assert names("large") == ["confusion_matrix.png", "loss.png", "model.json"]
    assert "predictions.csv is not written" in captured.err
    assert "held out" in captured.err
    assert "Evaluated on" in captured.out
    assert main(["fit", "rows.csv", *FIT, "--out", "large", "--no-cache"]) == 0
    again = capsys.readouterr()
    # Passes that decode the files again are counted as those over the cache are.
    counted = [re.findall(r"^pass (\d+);", one.err, re.MULTILINE)[-1] for one in (captured, again)]
    assert counted[0] == counted[1] != "0"
    assert main(["fit", "rows.csv", *FIT, "--out", "large", "--test", "rows.csv"]) == 0
    assert "Evaluated on 600 rows" in capsys.readouterr().out


ASKED = ["fit", "rows.csv", "--target", "ill", "--exclude", "id", "--C", "inf", "--out", "own"]


@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_fit_that_is_cut_short_goes_on_to_the_same_bits(here, rows, number, status):
    """The program sends itself the signal when its second pass has been written down."""
    write(rows, "rows.csv")
    whole = run(*ASKED, code=STREAMED)
    assert whole.returncode == 0, whole.stderr
    bits = Path("own/model.json").read_bytes()
    for path in Path("own").iterdir():
        path.unlink()
    Path("own").rmdir()
    kill = (
        f"{STREAMED}\nimport os, signal\nfrom oddsmith.engines import journal\n"
        f"signal.signal(signal.{number}, signal.default_int_handler"
        " if signal.SIGTERM != signal." + number + " else signal.SIG_DFL)\n"
        "plain, seen = journal._write, []\n"
        "def write(*args):\n"
        "    plain(*args)\n"
        "    seen.append(1)\n"
        "    if len(seen) == 2:\n"
        f"        os.kill(os.getpid(), signal.{number})\n"
        "journal._write = write"
    )
    done = run(*ASKED, code=kill)
    assert done.returncode == status, done.stderr
    assert names() == ["own.checkpoint", "rows.csv"]
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith("oddsmith: interrupted; own.checkpoint (")
    assert re.search(
        r" MB\) keeps the rows and [12] pass(es)?; go on with: python -m oddsmith", last
    )
    words = last.split("python -m oddsmith ")[1].split()
    assert words == [*ASKED, "--resume"]
    again = run(*ASKED, code=STREAMED)
    assert again.returncode == 2
    assert b"holds a fit that was cut short" in again.stderr
    changed = run(*words, "--seed", "1", code=STREAMED)
    assert (changed.returncode, names()) == (2, ["own.checkpoint", "rows.csv"])
    assert b"own.checkpoint: " in changed.stderr
    resumed = run(*words, code=STREAMED)
    assert resumed.returncode == 0, resumed.stderr
    assert b"going on from the checkpoint" in resumed.stderr
    assert Path("own/model.json").read_bytes() == bits
    assert names() == ["own", "rows.csv"]


def test_a_first_pass_that_is_cut_short_leaves_nothing(here, rows):
    write(rows, "rows.csv")
    kill = (
        f"{STREAMED}\nimport os, signal\nfrom oddsmith.data import spool\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "spool.SpoolWriter.add = lambda *args: os.kill(os.getpid(), signal.SIGINT)"
    )
    done = run(*ASKED, code=kill)
    assert done.returncode == 130, done.stderr
    last = done.stderr.decode().splitlines()[-1]
    assert "interrupted; the first pass had only begun, so nothing is left" in last
    assert names() == ["rows.csv"]


def test_a_cache_in_another_folder(here, rows, monkeypatch):
    write(rows, "rows.csv")
    Path("disk").mkdir()
    seen = []
    monkeypatch.setattr(fitting, "_IN_MEMORY", 2**40)
    from oddsmith.engines import journal

    write_down = journal._write

    def watched(path, *args):
        seen.append(path.parent)
        return write_down(path, *args)

    monkeypatch.setattr(journal, "_write", watched)
    assert main(["fit", "rows.csv", *FIT, "--cache", "disk", "--out", "own"]) == 0
    assert {str(path) for path in seen} == {"disk/own.checkpoint"}
    assert names("disk") == []


def test_outputs_are_named_after_the_data(here, rows):
    Path("parts").mkdir()
    write(rows, "parts/a.parquet")
    with gzip.open("b.csv.gz", "wt") as file:
        file.write(GOOD)
    assert main(["fit", "parts/*.parquet", *FIT]) == 0
    assert main(["fit", "parts", *FIT]) == 0
    assert main(["fit", "b.csv.gz", "--target", "y"]) == 0
    assert names() == ["b-model", "b.csv.gz", "parts", "parts-model"]


def test_missing_values_are_counted_by_column(here, capsys):
    cells = "".join(
        f"{i},{'' if i in (3, 5) else 't'},{'NA' if i == 5 else i},{i % 2}\n" for i in range(9)
    )
    Path("holes.csv").write_text("id,town,dose,y\n" + cells)
    assert main(["fit", "holes.csv", "--target", "y"]) == 2
    error_of(
        capsys,
        'holes.csv: line 5, column "town": the value is missing; in all 2 of 9 rows lack a value',
        'by column: "town" 2 and "dose" 1;',
    )
    assert main(["fit", "holes.csv", "--target", "y", "--missing", "mean", "--test-size", "0"]) == 2
    error_of(capsys, "holes.csv: values of X are missing", '"town" 2', "--missing")
    assert names() == ["holes.csv"]
