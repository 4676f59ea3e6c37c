"""The cases of `make bench` that fit files or start the command line, on small data."""

import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # benchmarks is run from the repository, never installed

from benchmarks import measure_files as measuring  # noqa: E402
from benchmarks.cases import CASES  # noqa: E402
from benchmarks.data import SIGNAL, Problem, objective  # noqa: E402
from benchmarks.file_programs import FilePeer, file_program  # noqa: E402
from benchmarks.file_results import Cold, FileFits, FilesResult  # noqa: E402
from benchmarks.file_worker import answer  # noqa: E402
from benchmarks.files import Files, NoSpace, Table, batches, file_objective  # noqa: E402
from benchmarks.kinds import from_saved  # noqa: E402
from benchmarks.process import Failed, TooSlow  # noqa: E402
from benchmarks.settings import Settings  # noqa: E402
from benchmarks.store import load, save  # noqa: E402
from benchmarks.table import peers_grid, summary_grid  # noqa: E402
from benchmarks.watch import Watched, resident, watch  # noqa: E402

parquet = pytest.importorskip("pyarrow.parquet")

SMALL = Table(40_000, 5, n_file=10_000, n_group=5_000)
MB = 10**6


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return SMALL.make(tmp_path_factory.mktemp("files"), 0, 1.0, 2)


def rows(files):
    both = list(batches(files.paths))
    return np.vstack([X for X, _ in both]), np.concatenate([y for _, y in both])


def test_the_files_are_what_they_are_called(files):
    assert (files.n, files.p, len(files.paths)) == (40_000, 5, 4)
    meta = parquet.read_metadata(files.paths[0])
    assert (meta.num_rows, meta.num_row_groups) == (10_000, 2)
    assert meta.row_group(0).column(0).compression == "ZSTD"
    assert files.bytes == sum(path.stat().st_size for path in files.paths)
    X, y = rows(files)
    assert (X.shape, X.dtype, set(y)) == ((40_000, 5), np.float32, {0, 1})
    assert np.unique(X[:, 0]).size > 39_000  # no group repeats another
    model = LogisticRegression(C=math.inf, tol=1e-8).fit(X.astype(float), y)
    assert (X @ model.coef_[0]).std() == pytest.approx(SIGNAL, rel=0.1)
    assert model.intercept_[0] == pytest.approx(0.5, abs=0.1)


def test_the_seed_alone_makes_the_files(files, tmp_path):
    same = SMALL.make(tmp_path, 0, 1.0, 1)
    other = SMALL.make(tmp_path, 1, 1.0, 1)
    assert all(np.array_equal(a, b) for a, b in zip(rows(files), rows(same), strict=True))
    assert not np.array_equal(rows(files)[0], rows(other)[0])


def test_files_that_are_there_are_used_and_a_large_table_begins_with_the_small_one(tmp_path):
    small = Table(20_000, 5, n_file=10_000, n_group=5_000).make(tmp_path, 0, 0.1, 1)
    before = [path.stat().st_mtime_ns for path in small.paths]
    large = SMALL.make(tmp_path, 0, 0.1, 1)
    assert large.paths[:2] == small.paths
    assert large.n == 2 * small.n == 4_000
    assert [path.stat().st_mtime_ns for path in small.paths] == before
    assert not list(tmp_path.rglob("*.part"))
    SMALL.discard(tmp_path, 0, 0.1)
    assert small.paths[0].exists()
    Table(20_000, 5, n_file=10_000, n_group=5_000, kept=False).discard(tmp_path, 0, 0.1)
    assert not small.paths[0].exists()


def test_a_full_disk_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(NoSpace, match="are free"):
        Table(10**15, 5, n_file=10**14, n_group=10**14).make(tmp_path, 0, 1.0, 1)
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize("C", [0.01, math.inf])
def test_the_objective_is_that_of_rows_in_memory(files, C):
    X, y = rows(files)
    w, b = np.linspace(-1.0, 1.0, 5), 0.3
    expected = objective(Problem(X, y, C), w[None], np.array([b]))
    found = file_objective(Files(files.paths, files.n, files.p, C), w, b)
    assert found == pytest.approx(expected, rel=1e-14)


def asked(files, program, options, least=-math.inf, equal=0.0):
    return {
        "program": program,
        "paths": [str(path) for path in files.paths],
        "n": files.n,
        "p": files.p,
        "C": files.C,
        "options": options,
        "threads": 1,
        "goal": {"least": least, "equal": equal},
        "folder": str(files.paths[0].parent),
    }


@pytest.mark.parametrize("column", [False, True])
def test_stochastic_descent_ends_at_the_goal(files, column):
    X, y = rows(files)
    best = LogisticRegression(C=files.C, tol=1e-8).fit(X.astype(float), y)
    least = file_objective(files, best.coef_[0], best.intercept_[0])
    options = {"average": 10_000, "learning_rate": "constant", "eta0": 0.01, "epochs": 3}
    options["column"] = column
    early = answer(asked(files, "SGDClassifier", options, least, 0.01))
    whole = answer(asked(files, "SGDClassifier", options))
    assert "1 epochs" in early["note"]
    assert "3 epochs" in whole["note"]
    assert whole["seconds"] > early["seconds"] > 0.0
    found = file_objective(files, np.array(whole["coef"]), whole["intercept"])
    assert least <= found <= least * 1.01
    assert not [path for path in files.paths[0].parent.iterdir() if path.suffix != ".parquet"]


def test_a_program_that_fails_is_an_answer(files):
    assert answer(asked(files, "SGDClassifier", {"epochs": 1, "no": 1}))["error"].startswith(
        "TypeError"
    )


def python(code):
    return [sys.executable, "-c", code]


def test_memory_is_that_of_the_process_and_its_children():
    if not Path("/proc").exists():
        pytest.skip("needs Linux")
    inner = f"import time; held = b'1' * {150 * MB}; time.sleep(0.5)"
    code = (
        "import json, subprocess, sys, time\n"
        "told = json.load(sys.stdin)\n"
        f"child = subprocess.Popen([sys.executable, '-c', {inner!r}])\n"
        f"held = b'1' * {100 * MB}\n"
        "child.wait()\n"
        "print('loud'); print(json.dumps(told))"
    )
    seen = watch(python(code), {"a": 1}, 1, 20.0)
    assert seen.answer == {"a": 1}
    assert 250 * MB < seen.private <= seen.peak < 400 * MB
    assert seen.seconds > 0.5
    assert resident(os.getsid(0))[0] > 0


def test_pages_of_mapped_files_are_counted_apart(tmp_path):
    if not Path("/proc").exists():
        pytest.skip("needs Linux")
    (tmp_path / "mapped").write_bytes(bytes(100 * MB))
    code = (
        "import mmap, time\n"
        f"file = open({str(tmp_path / 'mapped')!r}, 'rb')\n"
        "held = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\n"
        "held.find(b'1')\n"
        "time.sleep(0.4)"
    )
    seen = watch(python(code), {}, 1, 20.0)
    assert seen.peak > 100 * MB
    assert seen.private < 50 * MB


def test_a_command_that_fails_or_takes_too_long_is_told():
    with pytest.raises(Failed, match="status 3"):
        watch(python("import sys; sys.exit(3)"), {}, 1, 20.0)
    with pytest.raises(Failed, match="its own words"):
        watch(python("""print('{"error": "its own words"}')"""), {}, 1, 20.0)
    with pytest.raises(TooSlow, match="over 0 s"):
        watch(python("import time; time.sleep(60)"), {}, 1, 0.3)


def fits(program="oddsmith", objective=100.0, seconds=(1.0, 2.0), n=10, peak=9, **more):
    times = [*seconds]
    ours = [] if program == "oddsmith" else [1.0, 2.0][: len(times)]
    peaks = [peak] * len(times)
    more = {"options": {"tol": 1}, "note": "7 passes"} | more
    return FileFits(
        program, n, 5, 99, times, times, peaks, peaks, ours, objective=objective, **more
    )


def test_a_target_of_files_is_met_by_ratio_and_memory():
    def row(peer, **own):
        return summary_grid([FilesResult("parquet-10m", [fits(**own)], [peer])]).rows[0]

    fast = fits("SGDClassifier", 100.001, (1.0, 1.0))
    spark = fits("Spark ML", 100.00000001, (6.0, 12.0))
    assert row(spark)[2:7] == ("Spark ML", "9 s", "6.00 (6.00–6.00)", "≥ 6, ≤ 1 GB", "met")
    assert row(spark, peak=2 * 10**9)[6] == "missed"
    assert row(fits("Spark ML", seconds=(5.0, 10.0)))[6] == "missed"
    assert row(spark, objective=100.1)[1].endswith("short by 1.0e-03")
    result = FilesResult("parquet-10m", [fits()], [fast, spark])
    assert [result.state(peer) for peer in result.peers] == ["short", "equal"]
    assert result.fastest is spark
    none = FilesResult("parquet-10m", [fits()], [fast])
    assert summary_grid([none]).rows[0][2] == "none"
    slow = fits("Spark ML", None, (), why="over 540 s")
    missing = fits("Spark ML", None, (), why="not installable here", installed=False)
    cells = peers_grid([FilesResult("parquet-10m", [fits()], [fast, slow, missing])]).rows
    assert [cell[4] for cell in cells] == [
        *("equal", "short by 1.0e-05", "slow", "not installable here")
    ]


@pytest.mark.parametrize(("last", "met"), [(300.0, "met"), (301.0, "missed")])
def test_time_per_row_may_grow_by_half(last, met):
    own = [fits(seconds=(1.0, 2.0, 9.0), n=10), fits(seconds=(last,), n=1000)]
    result = FilesResult("parquet-100m", own, [])
    assert result.growth == pytest.approx(last / 200)
    assert summary_grid([result]).rows[0][6] == met
    assert len(peers_grid([result]).rows) == 2


def test_a_cold_start_has_a_target_in_seconds():
    found = [summary_grid([Cold("predict-cold", [t, 0.1, 9.0])]).rows[0][6] for t in (0.4, 0.41)]
    assert found == ["met", "missed"]


def test_results_of_files_come_back_as_they_were(tmp_path):
    results = [
        FilesResult("parquet-10m", [fits()], [fits("Spark ML")]),
        Cold("predict-cold", [0.3, 0.4]),
    ]
    said = {"scale": 1.0, "machine": "M", "cores": 2, "threads": 2, "python": "3", "packages": {}}
    said |= {"seed": 0, "signal": 2.0, "pairs": 5, "limit": 60.0}
    for result in results:
        save(tmp_path, result, said)
    assert load(tmp_path)[0] == results
    saved = json.loads((tmp_path / "parquet-10m.json").read_text())
    assert from_saved("files", saved["result"]) == results[0]


def test_a_fit_of_files_has_a_process_of_its_own(files):
    request = asked(files, "SGDClassifier", {"epochs": 1})
    seen = watch([sys.executable, "-m", "benchmarks.file_worker"], request, 1, 60.0)
    assert seen.answer["coef"] == answer(request)["coef"]
    assert 0.0 < seen.answer["seconds"] < seen.seconds


def test_a_case_of_files_runs_from_end_to_end(tmp_path, monkeypatch):
    """In this process, and with stochastic descent in the place of ours."""
    sgd = file_program("SGDClassifier")
    way = {"average": 10_000, "learning_rate": "constant", "eta0": 0.01, "epochs": 2}
    ours = FilePeer(sgd.name, "sklearn", (way,), sgd.fit)
    peer = FilePeer(sgd.name, "sklearn", ({"epochs": "no"}, {"epochs": 1}, way), sgd.fit)
    missing = FilePeer("Spark ML", "no_such_module", ({},), sgd.fit)

    def here(command, request, threads, patience):
        told = answer(request)
        if "error" in told:
            raise Failed(told["error"])
        return Watched(told, 1.0, 30, 20)

    monkeypatch.setattr(measuring, "watch", here)
    monkeypatch.setattr(measuring, "_SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(measuring, "OURS", ours)
    monkeypatch.setattr(measuring, "FILE_PROGRAMS", (ours, peer, missing))
    monkeypatch.setitem(measuring.TABLES, "10m-50", SMALL)
    settings = Settings(pairs=2, threads=1, limit=20.0)
    result = measuring.measure_files(CASES["parquet-10m"], settings, print, (), tmp_path)
    raced, absent = result.peers
    assert len(result.own[0].seconds) == len(raced.ratios) == 2
    assert (result.state(raced), raced.options) == ("equal", way)
    assert "TypeError" in raced.why
    assert result.state(absent) == "not installable here"
    assert result.peak == 30
    monkeypatch.setitem(measuring.TABLES, "10m-20", SMALL)
    monkeypatch.setitem(measuring.TABLES, "100m-20", Table(50_000, 5, n_file=10_000, n_group=5_000))
    result = measuring.measure_files(CASES["parquet-100m"], settings, print, (), tmp_path)
    assert [one.n for one in result.own] == [40_000, 50_000]
    assert [len(one.seconds) for one in result.own] == [2, 2]
    assert result.growth > 0


def test_the_command_line_is_timed_from_cold(monkeypatch):
    monkeypatch.setattr(measuring, "_COLD_RUNS", 2)
    found = measuring.measure_cold(CASES["predict-cold"], Settings(pairs=1), print)
    assert len(found.seconds) == 2
    assert 0.0 < found.median < 30.0
