"""The cases of `make bench` whose rows lie on workers, and the model of docs/scale.md."""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # benchmarks is run from the repository, never installed

from benchmarks.cases import CASES  # noqa: E402
from benchmarks.cluster_data import SPREAD, Chunks, DenseChunk, TextChunk  # noqa: E402
from benchmarks.cluster_programs import CLUSTER_FITTERS, OVERHEADS  # noqa: E402
from benchmarks.data import Problem, objective  # noqa: E402
from benchmarks.places import Here  # noqa: E402
from benchmarks.process import Process  # noqa: E402
from benchmarks.results import Peer, Race, shortfall  # noqa: E402
from benchmarks.scale import learned, traffic  # noqa: E402
from benchmarks.scale_model import Calls, Cluster, Constants, Share, predicted  # noqa: E402
from benchmarks.settings import Settings  # noqa: E402
from benchmarks.table import summary_grid  # noqa: E402
from benchmarks.tasks import TASKS  # noqa: E402

DENSE = Chunks(DenseChunk(0, 5, 300), 4, 300, 5, C=0.7)
TEXT = Chunks(TextChunk(0, 400, 300, 1200), 4, 300, 400, sparse=True, C=0.7)


def together(chunks):
    both = [chunks.make(k) for k in range(chunks.count)]
    stack = sp.vstack if chunks.sparse else np.vstack
    return stack([X for X, _ in both]), np.concatenate([y for _, y in both])


@pytest.mark.parametrize("chunks", [DENSE, TEXT])
def test_a_chunk_comes_from_its_seed_and_number_alone(chunks):
    def bits(seed, number):
        X, y = replace(chunks.make, seed=seed)(number)
        return (X.toarray() if chunks.sparse else X).tobytes() + y.tobytes()

    assert bits(0, 1) == bits(0, 1)
    assert len({bits(0, 1), bits(0, 2), bits(1, 1)}) == 3


def test_texts_are_rows_of_length_one_with_margins_of_the_same_spread():
    X, y = together(TEXT)
    assert np.allclose(X.multiply(X).sum(axis=1), 1.0)
    assert 0.3 < y.mean() < 0.85
    assert 30 < X.nnz / X.shape[0] < 60


@pytest.mark.parametrize("C", [0.7, math.inf])
@pytest.mark.parametrize("chunks", [DENSE, TEXT])
def test_the_objective_is_that_of_rows_in_memory(chunks, C):
    chunks = replace(chunks, C=C)
    X, y = together(chunks)
    w, b = np.linspace(-1.0, 1.0, chunks.p), 0.3
    expected = objective(Problem(sp.csr_matrix(X) if chunks.sparse else X, y, C), w[None], [b])
    assert chunks.objective(w, b, 2) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("chunks", [DENSE, TEXT])
def test_rows_here_are_those_of_the_chunks(chunks):
    place = Here(chunks, 2)
    X, y = together(chunks)
    assert abs(place.X - X).max() == 0
    assert np.array_equal(place.y, y)
    assert place.bytes() > 8 * chunks.n
    assert place.read() > 0


def test_ours_reach_the_same_on_workers_and_here():
    """By the processes that the benchmark starts, and ends with all of their children."""
    pytest.importorskip("distributed")
    settings = Settings(threads=2, scale=0.001)
    reached = []
    for program in OVERHEADS[:2]:
        with Process(program.name, "spread-10m", "fit-ours", settings) as process:
            size = process.ask("size")
            assert size["shape"] == [32 * 312, 50]
            assert size["bytes"] == 8 * 32 * 312 * 50
            reached.append(process.ask("choose", options={})["objective"])
            assert process.ask("turn")["seconds"] > 0
            assert process.ask("read")["seconds"] > 0
            peak = process.ask("weigh")["bytes"]
            assert peak is None or peak > 50e6
    assert shortfall(max(reached), min(reached)) <= 1e-12


def test_every_case_of_clusters_has_data_programs_and_places():
    cases = [case for case in CASES.values() if case.kind == "cluster"]
    assert {case.data[0] for case in cases} == set(SPREAD)
    assert {case.task for case in cases} == {"fit-spread", "fit-ours"}
    assert TASKS["fit-spread"].ours is TASKS["fit-ours"].ours
    assert {program.place for program in (*CLUSTER_FITTERS, *OVERHEADS)} == {
        *["dask", "spark", "here"]
    }


def a_race(peak, case="dask-text"):
    peer = Peer("Spark ML", options={}, objective=10.0, ours=[1.0], theirs=[3.0])
    return Race(case, 8, 10.0, 5, [1.0], [1.0], peak, [peer])


@pytest.mark.parametrize(("peak", "met"), [(23e9, "met"), (25e9, "missed"), (None, "met")])
def test_rows_on_workers_have_a_target_of_memory(peak, met):
    row = summary_grid([a_race(peak)]).rows[0]
    assert row[5:7] == ("≥ 1, ≤ 24 GB", met)


KNOWN = Constants(
    *(Share(0.1, 8e-8), Share(0.04, 1e-8), Share(0.02, 5e-8)),
    byte=3e-9,
    rest=0.1,
    passes=5,
    task=1e-3,
    part=1e-5,
    node=4e-5,
    hop=0.01,
)


def test_the_model_learns_the_constants_that_made_the_times():
    sizes = [160_000, 320_000, 640_000, 1_280_000, 2_560_000]
    alone = Cluster(1, 32, network=math.inf, nodes=0.0)
    runs = [(n, predicted(KNOWN, n, alone, 0, 0, 400)) for n in sizes]
    costs = {name: getattr(KNOWN, name) for name in ("task", "part", "node", "hop")}
    found = learned(runs, 50, costs)
    for name in ("first", "sample", "each"):
        assert getattr(found, name).row == pytest.approx(getattr(KNOWN, name).row)
        assert getattr(found, name).start == pytest.approx(getattr(KNOWN, name).start)
    assert (found.byte, found.passes) == (pytest.approx(3e-9), 5)


def test_the_model_adds_up_what_the_page_says():
    one = predicted(KNOWN, 1e9, Cluster(1, 32, math.inf, 0.0), 0, 0, 400)
    assert one.passes == (pytest.approx(0.02 + 50.0),) * 5
    ten = predicted(KNOWN, 1e9, Cluster(10, 400, 1e9, 0.5), 5e3, 1e3, 400)
    overhead = 9e-3 + 368e-5 + 200 * 4e-5
    moved = (10 * 5e3 + 210 * 1e3) / 1e9
    assert ten.passes[0] == pytest.approx(0.02 + 5.0 + overhead + moved)
    assert ten.first == pytest.approx(0.1 + 8.0 + overhead)
    many = predicted(KNOWN, 1e9, Cluster(1000, 32, math.inf, 0.0), 0, 0, 400)
    assert many.passes[0] == pytest.approx(0.02 + 0.05 + 0.999 + 2 * 0.01)
    assert isinstance(many, Calls)
    assert many.whole == pytest.approx(many.first + many.sample + sum(many.passes) + many.rest)


def test_bytes_of_a_pass_grow_with_the_columns_alone():
    def bytes_of(p, n):
        return traffic(DenseChunk(0, p, n)(0), p)["oddsmith pass, Evaluate"]

    few, more, rows = bytes_of(20, 120_000), bytes_of(24, 120_000), bytes_of(20, 240_000)
    assert np.allclose(few, rows, atol=64)  # numbers in pickles differ in length
    assert more[0] > few[0] + 4 * 8
    assert more[1] - few[1] == 4 * 8
