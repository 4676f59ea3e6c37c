"""The harness of `make bench`, on small data with scikit-learn as the only peer."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # benchmarks is run from the repository, never installed

from benchmarks import install  # noqa: E402
from benchmarks.__main__ import main  # noqa: E402
from benchmarks.cases import CASES  # noqa: E402
from benchmarks.cluster_data import SPREAD  # noqa: E402
from benchmarks.data import DATASETS, SIGNAL, Problem, objective, problem  # noqa: E402
from benchmarks.file_programs import FILE_PROGRAMS  # noqa: E402
from benchmarks.files import TABLES  # noqa: E402
from benchmarks.measure import climb, ladders  # noqa: E402
from benchmarks.process import Failed, Process, TooSlow  # noqa: E402
from benchmarks.programs import OURS  # noqa: E402
from benchmarks.results import Memory, Peer, Race, Scaling, shortfall  # noqa: E402
from benchmarks.settings import Settings  # noqa: E402
from benchmarks.store import START, STOP, load, save, text, write_between  # noqa: E402
from benchmarks.table import markdown, peers_grid, seconds, summary_grid  # noqa: E402
from benchmarks.tasks import TASKS  # noqa: E402
from benchmarks.worker import parts  # noqa: E402

SMALL = Settings(pairs=2, scale=0.0005, threads=1, limit=20.0)
LBFGS = "scikit-learn lbfgs"


def bits(X):
    return b"".join(part.tobytes() for part in parts(X))


@pytest.mark.parametrize("name", [*DATASETS])
def test_the_seed_alone_makes_the_data(name):
    one, same, other = (problem(name, seed, 1e-4) for seed in (3, 3, 4))
    assert bits(one.X) == bits(same.X)
    assert np.array_equal(one.y, same.y)
    assert set(one.y) == set(range(one.n_classes))
    shipped = name in ("breast-cancer", "digits", "scaled-breast-cancer")
    assert (bits(one.X) == bits(other.X)) == shipped


def test_the_data_are_what_they_are_called():
    assert problem("tall-fortran", 0, 1e-3).X.flags.f_contiguous
    assert problem("tall-float32", 0, 1e-3).X.dtype == np.float32
    assert math.isinf(problem("tall-unpenalised", 0, 1e-3).C)
    X = problem("tall-correlated", 0, 0.01).X
    between = np.corrcoef(X.T)[np.triu_indices(50, 1)]
    assert abs(between - 0.95).max() < 0.01
    assert X.std(axis=0)[[0, -1]] == pytest.approx([1e-3, 1e3], rel=0.02)
    rows = problem("tall", 0, 0.02)
    model = LogisticRegression(solver="newton-cholesky").fit(rows.X, rows.y)
    assert (rows.X @ model.coef_[0]).std() == pytest.approx(SIGNAL, rel=0.05)
    assert model.intercept_[0] == pytest.approx(0.5, abs=0.1)
    X = problem("sparse", 0, 0.02).X
    assert X.shape == (2000, 100_000)
    assert X.nnz / 2000 == pytest.approx(66, abs=1)
    assert X.multiply(X).sum(axis=1) == pytest.approx(np.ones((2000, 1)))


@pytest.mark.parametrize("C", [0.1, math.inf])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_objective_is_that_of_the_textbook(n_classes, C):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9000, 4)), np.arange(9000) % n_classes
    width = 1 if n_classes == 2 else n_classes
    W, b = rng.normal(size=(width, 4)), rng.normal(size=width)
    margin = (X @ W.T + b).astype(np.longdouble)
    if width == 1:
        margin = np.column_stack([np.zeros(9000), margin])
    chosen = np.exp(margin[np.arange(9000), y]) / np.exp(margin).sum(axis=1)
    expected = -np.log(chosen).sum() + (0.0 if math.isinf(C) else (W**2).sum() / 2 / C)
    found = objective(Problem(X, y, C), W, b) * (1.0 if math.isinf(C) else 1.0 / C)
    assert found == pytest.approx(float(expected), rel=1e-14)


def test_the_objective_stays_finite_far_out():
    far = Problem(np.array([[1e3], [-1e3], [0.0]]), np.array([0, 1, 1]), math.inf)
    assert objective(far, np.array([[1.0]]), np.zeros(1)) == pytest.approx(2e3 + math.log(2))


def test_an_l1_share_is_that_of_the_textbook():
    far = Problem(np.eye(2), np.array([0, 1]), 0.5, l1_ratio=0.25)
    found = objective(far, np.array([[2.0, -4.0]]), np.zeros(1))
    loss = 0.5 * (math.log1p(math.exp(2)) + math.log1p(math.exp(4)))
    assert found == pytest.approx(loss + 0.75 * 10.0 + 0.25 * 6.0, rel=1e-15)


@pytest.mark.parametrize("name", ["fit-l1", "path", "loose-path", "cv"])
def test_every_program_of_a_task_reaches_the_same(name):
    """Of those that are installed: scikit-learn for tests, all others for benchmarks."""
    data = {"fit-l1": "sparse-l1", "cv": "scaled-breast-cancer"}.get(name, "l1-path")
    small = problem(data, 0, 0.004)
    task = TASKS[name]
    reached = []
    for program in task.programs:
        if program.installed() and program.cannot(small.n_classes, small.C) is None:
            call = task.prepare(program, small, program.ladders[0][-1], 1)
            reached.append(task.judge(program, small, call())[0])
    assert np.isfinite(reached).all()
    # scikit-learn's saga ends early: by the change of its coefficients, which is small at once.
    assert shortfall(max(reached), min(reached)) <= 1e-3


def a_race(*peers: Peer) -> Race:
    return Race("tall", 1000, 100.0, 7, [0.1, 0.2], [1.0, 2.0], 30, list(peers))


def a_peer(name: str = LBFGS, objective: float | None = 100.0, times=(3.0, 8.0), **more) -> Peer:
    ours = [1.0, 2.0][: len(times)]
    return Peer(name, options={"tol": 0.1}, objective=objective, ours=ours, theirs=[*times], **more)


def test_ratios_are_those_of_adjacent_turns():
    peer = a_peer()
    assert peer.ratios == [3.0, 4.0]
    assert peer.ratio == 3.5
    assert peer.median == 5.5
    race = a_race(peer)
    assert race.median == 1.5
    assert race.multiple == 10.0


def test_a_peer_that_falls_short_is_named_so_and_is_not_the_fastest():
    short = a_peer("glum", 100.0001, (0.1, 0.1))
    race = a_race(short, a_peer(), a_peer("snapml", math.inf, (0.1, 0.1)))
    assert [race.state(peer) for peer in race.peers] == ["short", "equal", "short"]
    assert race.fastest == race.peers[1]
    cells = peers_grid([race]).rows
    assert cells[0][4] == "short by 1.0e-06"
    assert cells[2][4] == "short by inf"
    assert a_race(short).fastest is None
    assert "none" in summary_grid([a_race(short)]).rows[0]


def test_ours_is_judged_as_peers_are():
    better = a_race(a_peer(objective=99.0, times=(30.0, 30.0)))
    row = summary_grid([better]).rows[0]
    assert "short by 1.0e-02" in row[1]
    assert row[6] == "missed"
    assert shortfall(math.nan, 1.0) == math.inf


@pytest.mark.parametrize(
    ("peer", "state"),
    [
        (Peer("glum", why="not installable here", installed=False), "not installable here"),
        (Peer("glum", why="has no softmax", able=False), "left out"),
        (Peer("glum", why="over 180 s with tol=1"), "slow"),
        (Peer("glum", why="LinAlgError: singular with tol=1"), "failed"),
    ],
)
def test_a_peer_that_was_not_timed_is_in_the_table_with_the_reason(peer, state):
    row = peers_grid([a_race(peer)]).rows[0]
    assert row[4] == state
    assert row[5] == peer.why


@pytest.mark.parametrize(("times", "met"), [((10.0, 20.0), "met"), ((9.0, 18.0), "missed")])
def test_a_target_is_met_by_the_median_ratio(times, met):
    assert summary_grid([a_race(a_peer(times=times))]).rows[0][6] == met


def test_memory_and_scaling_have_targets_of_their_own():
    memory = Memory("memory", 1000, {"oddsmith": 40, "glum": 900}, {"snapml": "died"})
    scaling = Scaling("scaling", [10, 100, 1000], [[1.0], [1.0, 1.0, 9.0], [16.0]])
    assert scaling.per_row == [0.1, 0.01, 0.016]
    assert scaling.unevenness == pytest.approx(1.6)
    rows = summary_grid([memory, scaling]).rows
    assert [row[6] for row in rows] == ["met", "missed"]
    assert ("memory", "snapml", "–", "–", "–", "died") in peers_grid([memory]).rows
    assert all(len(row) == len(summary_grid([]).head) for row in rows)
    assert len(peers_grid([memory, scaling]).rows) == 6


def test_times_have_units():
    assert [seconds(t) for t in (12.34, 0.0123, 1.2e-6)] == ["12.3 s", "12.3 ms", "1.2 µs"]


def test_the_search_takes_the_loosest_options_that_reach_the_minimum():
    with Process(LBFGS, "tall", "fit", SMALL) as process:
        least = process.ask("choose", options={"tol": 1e-12, "max_iter": 1000})["objective"]
        ladder = [{"tol": tol} for tol in (0.1, 1e-9, 1e-10)]
        rung, why = climb(process, [ladder], least, 20.0)
        assert (rung.options, why) == ({"tol": 1e-9}, "")
        rung, why = climb(process, [[{"max_iter": 1}, {"max_iter": 2}, {"tol": "no"}]], least, 20.0)
        assert rung.options == {"max_iter": 2}
        assert why.startswith("InvalidParameterError")
        assert process.ask("choose", options=rung.options)["objective"] == rung.objective


def test_peers_may_make_float32_data_exact_in_the_timed_call():
    lbfgs = TASKS["fit"].program(LBFGS)
    assert ladders(lbfgs, "float64") == lbfgs.ladders
    given, exact = ladders(lbfgs, "float32")
    assert [one | {"as_float64": True} for one in given] == list(exact)


def test_a_program_that_takes_too_long_is_ended_and_can_be_asked_again():
    with Process(LBFGS, "rows-1e5", "fit", Settings(threads=1, scale=0.1)) as process:
        process.ask("size")
        process.patience = 1e-3
        with pytest.raises(TooSlow, match="over 0 s"):
            process.ask("choose", options={"tol": 1e-9})
        process.patience = 60.0
        assert process.ask("size")["shape"] == [10_000, 20]
        with pytest.raises(Failed, match="TypeError"):
            process.ask("choose", options={"no": 1})


def test_a_case_runs_from_end_to_end(tmp_path):
    names = "tall-float32,memory"
    arguments = ["--scale", "0.0005", "--pairs", "2", "--threads", "1", "--peer", LBFGS]
    arguments += ["--case", names, "--results", str(tmp_path)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    results, said = load(tmp_path / "scaled")
    assert [result.case for result in results] == names.split(",")
    race, memory = results
    assert race.state(race.peers[0]) == "equal"
    assert shortfall(race.objective, race.best) <= 1e-9
    assert len(race.own) == 3
    assert len(race.peers[0].ratios) == 2
    assert race.fastest.ratio > 0
    assert race.passes > 0
    assert race.multiple > 0
    assert set(memory.peaks) == {"oddsmith", LBFGS}
    assert said[0]["seed"] == 0
    assert "every program" in done.output.lower()
    assert (tmp_path / "scaled" / "table.md").read_text().startswith(said[0]["machine"])


def test_results_come_back_as_they_were_and_go_into_the_page(tmp_path):
    race = a_race(a_peer(), a_peer("glum", None, (), why="over 180 s"))
    said = {"scale": 1.0, "machine": "M", "cores": 2, "threads": 2, "python": "3", "packages": {}}
    said |= {"seed": 0, "signal": 2.0, "pairs": 5, "limit": 60.0}
    save(tmp_path, race, said)
    assert load(tmp_path) == ([race], [said])
    page = tmp_path / "page.md"
    page.write_text(f"before\n{START}\nold\n{STOP}\nafter\n")
    command = ["--write-docs", "--results", str(tmp_path), "--page", str(page)]
    assert CliRunner().invoke(main, command).exit_code == 0
    found = page.read_text()
    assert found.startswith("before\n")
    assert found.endswith(f"{STOP}\nafter\n")
    assert "old" not in found
    assert markdown(summary_grid([race])) in found
    assert text([race], [said]) in found
    scaled = {"kind": "race", "conditions": said | {"scale": 0.1}, "result": {}}
    saved = json.loads((tmp_path / "tall.json").read_text())
    (tmp_path / "tall.json").write_text(json.dumps(saved | {"conditions": scaled["conditions"]}))
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 1
    assert "scaled-down" in refused.output
    with pytest.raises(ValueError, match="no lines"):
        write_between(tmp_path / "tall.json", "new")


def test_the_page_has_the_markers_and_every_target_a_case():
    page = (ROOT / "docs" / "performance.md").read_text()
    assert page.count(START) == page.count(STOP) == 1
    on_files = {"files", "files-scaling"}
    assert {case.kind for case in CASES.values()} == on_files | {
        "race",
        "memory",
        "scaling",
        "cold",
        "cluster",
    }
    for case in CASES.values():
        known = SPREAD if case.kind == "cluster" else DATASETS
        assert set(case.data) <= {*(TABLES if case.kind in on_files else known)}


def test_an_unknown_case_is_refused():
    refused = CliRunner().invoke(main, ["--case", "tal"])
    assert refused.exit_code == 2
    assert "'tal' is none of" in refused.output


def test_every_peer_of_the_extra_is_raced():
    words = {"liblinear-multicore": "liblinear", "dask-ml": "dask_ml"}
    wanted = [requirement.split(">=")[0].split("[")[0] for requirement in install.peers()]
    wanted = [name for name in wanted if name not in ("dask", "distributed")]  # what it runs on
    raced = {program.module for task in TASKS.values() for program in task.programs}
    raced |= {program.module for program in FILE_PROGRAMS}
    assert {words.get(name, name) for name in wanted} <= raced
    assert OURS.installed()
