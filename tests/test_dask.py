"""Dask: real clusters of processes on this machine give what rows in memory give, or say why not.

That parts in themselves are right is in ``test_parts.py``; here is what Dask does to them.
"""

import asyncio
import os
import signal
import threading
import time
import warnings

import clusters
import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import psutil
import pytest
import scipy.sparse as sp
from clusters import dask_cluster
from dask.delayed import delayed
from distributed import Client
from reference import fit_recording
from test_grid import PENALTIES, PROBLEMS, data
from test_parts import CUTS, FEATURES, TABLE, assert_same_fit, cut, fit_parts

from oddsmith import (
    ClusterError,
    DataError,
    LogisticRegression,
    ParameterError,
    TableEncoder,
    TunedThreshold,
)
from oddsmith.core.moments import VectorMoments
from oddsmith.engines import dask as engine
from oddsmith.engines.dask import DaskParts
from oddsmith.solvers import minimise


@pytest.fixture(scope="module")
def client():
    with dask_cluster() as found:
        yield found


@pytest.fixture
def in_passes(monkeypatch):
    """Few rows come to the client as they are; a fold a step is what many take."""
    monkeypatch.setattr(minimise, "_FEW_ENTRIES", 0)


def chunks(cuts):
    return tuple(own.stop - own.start for own in cuts)


def dask_rows(X, cuts):
    """Dask array of rows that are cut as told, dense or sparse, or of what is beside them."""
    X = np.asarray(X) if not sp.issparse(X) else X
    shape = X.shape[1:]
    pieces = [
        da.from_delayed(delayed(X[own]), (own.stop - own.start, *shape), dtype=X.dtype, meta=X[:0])
        for own in cuts
    ]
    return da.concatenate(pieces)


# ------------------------------------------------------------------------------- the same answers

SOME = ("K=2 C=inf", "K=3 scales", "K=5 weights, offset, no intercept", "wide")


@pytest.mark.parametrize(("name", "cuts"), [*zip(SOME, CUTS, strict=True), (SOME[2], "7")])
def test_a_problem_of_the_grid_on_workers(client, name, cuts, in_passes):
    problem = PROBLEMS[name]
    how = {"C": problem.C, "fit_intercept": problem.fit_intercept}
    if name == "wide":
        how["solver"] = "newton-cholesky"
    cuts = CUTS[cuts](problem.y.size)
    want, found = LogisticRegression(**how), LogisticRegression(**how)
    caught = fit_recording(want, problem.X, problem.y, **problem.fit_arguments())
    beside = {name: dask_rows(own, cuts) for name, own in problem.fit_arguments().items()}
    X, y = dask_rows(problem.X, cuts), dask_rows(problem.y, cuts)
    said = fit_recording(found, X, y, **beside)
    assert [str(one.message) for one in said] == [str(one.message) for one in caught]
    assert_same_fit(found, want)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("storage", ["dense", "CSR"])
def test_a_penalty_of_the_grid_on_workers(client, storage, penalty):
    X, y = data(3)
    X = sp.csr_array(X) if storage == "CSR" else X
    C, ratio = PENALTIES[penalty]
    solver = "proximal-newton-rows" if ratio else "auto"
    models = [LogisticRegression(C=C, l1_ratio=ratio, solver=solver) for _ in range(2)]
    want = models[0].fit(X, y)
    cuts = CUTS["uneven, some empty"](y.size)
    assert fit_recording(models[1], dask_rows(X, cuts), dask_rows(y, cuts)) == []
    assert_same_fit(models[1], want)


def collection(parts=7, **how):
    """Dask arrays X and y whose parts are made on the workers, and the same rows in memory."""
    whole = np.vstack([clusters.rows(number, **how) for number in range(parts)])
    made = [
        da.from_delayed(
            delayed(clusters.rows)(number, **how), (len(whole) // parts, whole.shape[1]), float
        )
        for number in range(parts)
    ]
    table = da.concatenate(made)
    return table[:, :-1], table[:, -1], whole


def bits(model):
    return model.coef_.tobytes() + model.intercept_.tobytes() + model.optimality_gap_.hex().encode()


def test_the_bits_are_the_same_for_any_workers(client, in_passes):
    X, y, whole = collection(parts=11)
    found = {"two processes": bits(LogisticRegression().fit(X, y))}
    assert len(client.scheduler_info()["workers"]) == 2
    for threads in (1, 3):
        with Client(
            processes=False,
            n_workers=1,
            threads_per_worker=threads,
            dashboard_address="127.0.0.1:0",
        ):
            found[f"{threads} threads"] = bits(LogisticRegression().fit(X, y))
    here = LogisticRegression()
    fit_parts(here, whole[:, :-1], whole[:, -1], cut(len(whole), range(400, 4400, 400)))
    found["in this process"] = bits(here)
    assert len(set(found.values())) == 1, found


def test_tasks_are_named_after_passes(client, in_passes):
    X, y, _ = collection()
    model = LogisticRegression().fit(X, y)
    shown = clusters.prefixes(client)
    for name in ("read", "first pass", "encode", "pass 1", "pass 3"):
        assert f"oddsmith {name}" in shown, shown
    assert model.n_iter_[0] >= 3


def gone(client, seconds=10.0, tasks=None):
    """Wait until the scheduler has no task; those that are left."""
    end = time.monotonic() + seconds
    tasks = tasks or (lambda: clusters.tasks(client))
    while (left := tasks()) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def test_a_fit_leaves_nothing_on_the_cluster(client):
    X, y, _ = collection()
    model = LogisticRegression().fit(X, y)
    assert gone(client) == []
    with pytest.raises(DataError, match=r"^partition 0 of y has shape"):
        LogisticRegression().fit(X, X)
    assert model.n_rows_ == 2800


class Large:
    """Kernel with many numbers in it, that counts how often it is pickled."""

    pickled = 0

    def __init__(self, numbers):
        self.numbers = numbers

    def __getstate__(self):
        type(self).pickled += 1
        return vars(self)

    def __setstate__(self, state):
        vars(self).update(state)

    def __call__(self, part, threads):
        return VectorMoments(np.array([part.rows * self.numbers[part.number]]))


def test_a_large_kernel_is_sent_to_each_worker_once(client):
    parts = DaskParts(client, [delayed(float)(k) for k in range(9)])
    parts = parts.prepared(clusters.rows_of, "oddsmith read")
    sent = []
    submit = client.submit
    client.submit = lambda *what, **how: sent.append(how["key"]) or submit(*what, **how)
    try:
        for size, times in ((9, 0), (100_000, 1)):
            sent.clear()
            Large.pickled = 0
            found = parts.fold(Large(np.arange(float(size))), "oddsmith pass 1")
            assert found.vector.tolist() == [sum(k * k for k in range(9))]
            assert len([key for key in sent if " sent-" in key]) == times
        assert Large.pickled <= 3, "for its size, for Dask's own look at it, and to be sent"
    finally:
        del client.submit


def test_many_tasks_are_added_in_a_tree_of_tasks(client):
    parts = DaskParts(client, [delayed(float)(k) for k in range(300)])
    parts = parts.prepared(clusters.rows_of, "oddsmith read")
    parts._tasks = 40  # as if they were too many for a worker's memory
    assert parts.fold(clusters.Value(), "oddsmith pass 1").vector.tolist() == [sum(range(300))]


# ------------------------------------------------------------------------------------------ frames


def frames(table, parts=3):
    """Dask frame with an empty partition."""
    cuts = cut(len(table), [len(table) * k // parts for k in range(1, parts)])
    pieces = [table.iloc[own] for own in (*cuts, slice(0, 0))]
    return dd.from_map(clusters.itself, pieces, meta=table.iloc[:0])


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"C": np.inf, "class_weight": "balanced"},
        {"C": 0.1, "l1_ratio": 0.5, "solver": "proximal-newton-rows"},
        {"class_weight": {"ill": 2.0, "well": 0.5}},
    ],
)
def test_a_frame_on_workers(client, how):
    table = TABLE.assign(site=TABLE["site"].astype("category"), new=TABLE["new"].astype("boolean"))
    given = frames(table)
    models = [LogisticRegression(**how) for _ in range(2)]
    want = models[0].fit(table[FEATURES], table["y"], table["w"], offset=table["o"])
    found = models[1].fit(given[FEATURES], given["y"], given["w"], offset=given["o"])
    assert_same_fit(found, want)
    for name in ("coef_names_", "feature_names_in_"):
        assert getattr(found, name).tolist() == getattr(want, name).tolist()
    assert found.target_ == want.target_ == "y"
    for method in ("predict", "predict_proba", "decision_function"):
        lazy = getattr(found, method)(given[FEATURES])
        own = getattr(found, method)(table[FEATURES])
        if method == "predict":
            np.testing.assert_array_equal(lazy.compute(), own)
        else:  # rows that are encoded together, or apart
            np.testing.assert_allclose(lazy.compute(), own, rtol=1e-12)


@pytest.mark.parametrize("missing", ["mean", "indicator", "drop"])
def test_a_frame_with_gaps_on_workers(client, missing):
    table = TABLE.copy()
    table.loc[::9, "dose"] = np.nan
    table.loc[: len(table) // 3, "far"] = np.nan
    if missing != "mean":
        table.loc[::7, "site"] = None
    given = frames(table)
    encoder = TableEncoder(missing=missing, min_count=50)
    models = [LogisticRegression(encoder=encoder) for _ in range(2)]
    want = models[0].fit(table[FEATURES], table["y"])
    found = models[1].fit(given[FEATURES], given["y"])
    assert_same_fit(found, want)
    assert found.n_dropped_ == want.n_dropped_
    assert found.coef_names_.tolist() == want.coef_names_.tolist()


def test_an_outcome_inside_a_frame_is_left_out(client):
    table = TABLE[[*FEATURES, "y"]].assign(y=np.arange(len(TABLE)) % 3)
    given = frames(table)
    want = LogisticRegression().fit(table, table["y"])
    found = LogisticRegression().fit(given, given["y"])
    assert_same_fit(found, want)
    assert found.feature_names_in_.tolist() == FEATURES
    np.testing.assert_array_equal(found.predict(given).compute(), want.predict(table))
    with pytest.raises(DataError, match=r'^X has a column "y", the name of y, with other values'):
        LogisticRegression().fit(given, (given["y"] + 1).rename("y"))


@pytest.mark.parametrize("kind", ["str", "object", "float64", "Int64"])
def test_a_label_that_is_missing_inside_a_frame_is_named(client, kind):
    labels = pd.Series(np.arange(len(TABLE)) % 2).astype("Int64").astype(kind)
    labels[3] = None
    given = frames(TABLE[FEATURES].assign(y=labels.to_numpy()).astype({"y": kind}))
    said = r'^partition 0: row 3 \(from 0\), column "y": has no label'
    with pytest.raises(DataError, match=said):
        LogisticRegression().fit(given, given["y"])


def test_categories_of_an_outcome_that_no_row_has_are_no_classes(client):
    labels = pd.Categorical.from_codes(np.arange(len(TABLE)) % 2, ["yes", "no", "never"])
    table = TABLE[FEATURES].assign(y=labels)
    given = frames(table)
    want = LogisticRegression(class_weight="balanced").fit(table, table["y"])
    found = LogisticRegression(class_weight="balanced").fit(given, given["y"])
    assert found.classes_.tolist() == ["no", "yes"]
    assert_same_fit(found, want)


def test_columns_of_objects_are_looked_up_in_the_rows(client):
    table = pd.DataFrame(
        {
            "words": pd.Series(["a", None, "b", "a"] * 30, dtype=object),
            "numbers": pd.Series([1, 2.5, 3, 0] * 30, dtype=object),
            "truths": pd.Series([True, False, False, True, True] * 24, dtype=object),
            "y": pd.Series([True, False, False] * 40, dtype=object),
        }
    )
    with dask.config.set({"dataframe.convert-string": False}):
        given = frames(table)
    assert given["numbers"].dtype == object
    encoder = TableEncoder(missing="indicator")
    names = ["words", "numbers", "truths"]
    found = LogisticRegression(encoder=encoder).fit(given[names], given["y"])
    typed = table.astype({"numbers": float, "truths": bool, "y": bool})
    want = LogisticRegression(encoder=encoder).fit(typed[names], typed["y"])
    assert found.coef_names_.tolist() == want.coef_names_.tolist()
    assert_same_fit(found, want)


def test_arrays_take_a_series_and_rows_in_memory_beside_them(client):
    X, y, whole = collection()
    want = LogisticRegression().fit(whole[:, :-1], whole[:, -1], np.arange(2800.0))
    cuts = cut(2800, range(400, 2800, 400))
    series = dd.from_pandas(pd.Series(whole[:, -1], name="ill"), npartitions=1)
    series = series.repartition(divisions=[*range(0, 2800, 400), 2799])
    for labels in (whole[:, -1], series, dask_rows(whole[:, -1], CUTS["7"](2800))):
        found = LogisticRegression().fit(X, labels, np.arange(2800.0))
        assert_same_fit(found, want)
    assert chunks(cuts) == (400,) * 7
    wide = X.rechunk((400, 2))
    assert_same_fit(LogisticRegression().fit(wide, y, da.arange(2800.0, chunks=500)), want)
    np.testing.assert_array_equal(want.predict(wide).compute(), want.predict(whole[:, :-1]))


# --------------------------------------------------------------------------------- what is refused


def refused(kind, said, X, y, *beside, **how):
    options = how.pop("options", {})
    with pytest.raises(kind) as caught:
        LogisticRegression(**options).fit(X, y, *beside, **how)
    assert str(caught.value).startswith(said)


def test_what_dask_arrays_must_not_be(client):
    X, y, whole = collection(parts=2)
    bad = X.map_blocks(clusters.with_nan)
    refused(
        DataError, "X contains NaN or infinity: partition 1, row 3 (from 0), column 1; fill", bad, y
    )
    refused(
        DataError, "requires y to be passed, but the target y is None: give the labels", X, None
    )
    refused(DataError, "X is a Dask Array; give an array of shape (n, p) or a data frame", y, y)
    refused(DataError, "y has 400 rows, and X 800; give one for each", X, y[:400])
    refused(
        DataError,
        "y has shape (5,), and X is a Dask array of shape (800, 4); give",
        X,
        whole[:5, -1],
    )
    unknown = dask_rows(whole, CUTS["7"](800))
    unknown = unknown[unknown[:, 0] > -100]
    refused(DataError, "y is in 2 partitions, and X in 7; cut both into the same", unknown, y)
    series = dd.from_pandas(pd.Series(whole[:, -1]), npartitions=3)
    refused(DataError, "y is in 3 partitions, and X in 2; cut both into the same", X, series)
    refused(ParameterError, "encoder encodes tables, and X is a Dask array; give", X, y,
            options={"encoder": TableEncoder()})  # fmt: skip
    refused(ParameterError, "solver='proximal-newton' needs columns in memory", X, y,
            options={"solver": "proximal-newton"})  # fmt: skip
    refused(ParameterError, "validation needs rows in memory, and X is a Dask collection", X, y,
            validation=(whole[:, :-1], whole[:, -1]))  # fmt: skip
    with pytest.raises(DataError, match=r"^X is a Dask Array; give an array of shape"):
        LogisticRegression().fit(whole[:, :-1], whole[:, -1]).predict(y)


def test_what_dask_frames_must_not_be(client):
    given = frames(TABLE)
    X, y = given[FEATURES], given["y"]
    refused(
        DataError, "y has 2 columns; give one, whose values are the labels.", X, given[["y", "o"]]
    )
    refused(DataError, "sample_weight is of type Series, and X is a Dask frame; give a Dask series",
            X, y, TABLE["w"])  # fmt: skip
    refused(DataError, "y is in 1 partitions, and X in 4; cut both into the same", X,
            y.repartition(npartitions=1))  # fmt: skip
    dates = frames(TABLE.assign(y=pd.Timestamp("2020-01-01")))
    refused(DataError, "y holds dates or times; give labels: numbers, strings or booleans",
            X, dates["y"])  # fmt: skip
    refused(DataError, 'X: column "d" holds values of type timestamp',
            given.assign(d=dates["y"])[[*FEATURES, "d"]], y)  # fmt: skip
    twice = frames(TABLE[["dose", "far"]].set_axis([1, "1"], axis=1))
    refused(DataError, "X has two columns whose names read the same; rename all but one.", twice, y)
    gaps = frames(TABLE.assign(dose=np.nan))
    refused(DataError, 'values are missing in 400 of 400 rows, by column: "dose" 400;',
            gaps[FEATURES], y)  # fmt: skip
    weights = frames(TABLE.assign(w=-TABLE["w"]))
    refused(DataError, 'partition 0: row 0 (from 0), column "(sample_weight)": is no number',
            X, y, weights["w"])  # fmt: skip
    refused(DataError, "X is a Dask DelayedLeaf; give an array of shape (n, p) or a data",
            delayed(TABLE), y)  # fmt: skip
    model = LogisticRegression().fit(X, y)
    with pytest.raises(ParameterError, match=r"^TunedThreshold needs rows in memory"):
        TunedThreshold(model).fit(X, y)
    with pytest.raises(ParameterError, match=r"^a report needs rows in memory"):
        model.report("report.html", X, y)


def test_an_asynchronous_client_is_refused():
    X, y, _ = collection(parts=2)

    async def fit():
        how = {"processes": False, "dashboard_address": "127.0.0.1:0", "asynchronous": True}
        async with Client(**how):
            LogisticRegression().fit(X, y)

    with pytest.raises(ParameterError, match=r"^the Dask client is asynchronous; give one with "):
        asyncio.run(fit())


def test_errors_of_the_making_of_parts_are_the_users_own(client):
    """A file that is not there does not mean that the cluster is not."""
    X, y, _ = collection(parts=2)
    lost = da.from_delayed(delayed(clusters.lost_file)(1), (400, 4), float)
    with pytest.raises(FileNotFoundError, match=r"part-1\.parquet"):
        LogisticRegression().fit(da.concatenate([X[:400], lost]), y)


def listening():
    return {
        one.laddr.ip
        for one in psutil.Process().net_connections()
        if one.status == psutil.CONN_LISTEN
    }


def test_without_a_client_the_threads_of_this_process_work(monkeypatch):
    X, y, whole = collection(parts=3)
    assert listening() <= {"127.0.0.1"}, "of the cluster of other tests"
    seen, fold = [], DaskParts.fold

    def watched(self, kernel, name):
        seen.append((name, listening(), self.client.cluster.workers[0].worker_address))
        return fold(self, kernel, name)

    def nobody():
        raise ValueError("No clients found")

    monkeypatch.setattr(DaskParts, "fold", watched)
    monkeypatch.setattr("distributed.get_client", nobody)
    found = LogisticRegression().fit(X, y)
    assert_same_fit(found, LogisticRegression().fit(whole[:, :-1], whole[:, -1]))
    assert [name for name, *_ in seen] == ["oddsmith first pass", "oddsmith pass 1"]
    for _, ports, address in seen:
        assert address.startswith("inproc://")
        assert ports <= {"127.0.0.1"}, "nothing that others could reach"


# ------------------------------------------------------------------------------------------ faults


def in_pass(monkeypatch, number, change):
    """Let `change` make another kernel of that of a pass, or of any fold by its name."""
    fold = DaskParts.fold
    wanted = f"oddsmith pass {number}" if isinstance(number, int) else number

    def changed(self, kernel, name):
        return fold(self, change(kernel) if name == wanted else kernel, name)

    monkeypatch.setattr(DaskParts, "fold", changed)


@pytest.fixture
def whole():
    """A cluster of its own: not every nanny that has lost its worker starts another one."""
    with dask_cluster() as found:
        yield found


@pytest.mark.parametrize("when", ["oddsmith first pass", 1, 2])
def test_a_worker_that_is_killed_in_a_pass_changes_no_bit(
    whole, monkeypatch, tmp_path, in_passes, when
):
    X, y, _ = collection()
    want = bits(LogisticRegression().fit(X, y))
    before = set(clusters.scheduler_processes(whole).values())
    marker = str(tmp_path / "killed")
    in_pass(monkeypatch, when, lambda kernel: clusters.KilledOnce(kernel, marker))
    assert bits(LogisticRegression().fit(X, y)) == want
    assert os.path.exists(marker)  # noqa: PTH110
    assert len(before - set(clusters.scheduler_processes(whole).values())) == 1


@pytest.mark.parametrize("change", [clusters.shuffled_labels, clusters.new_values, clusters.fewer])
@pytest.mark.parametrize("kind", ["array", "frame"])
def test_parts_that_are_made_again_otherwise_are_refused(
    whole, monkeypatch, tmp_path, in_passes, change, kind
):
    made = [delayed(clusters.other_rows)(k, str(tmp_path), change) for k in range(6)]
    if kind == "array":
        table = da.concatenate([da.from_delayed(own, (400, 5), float) for own in made])
        X, y = table[:, :-1], table[:, -1]
    else:
        frame = delayed(clusters.as_frame)
        table = dd.from_delayed(
            [frame(own) for own in made], meta=clusters.as_frame(np.ones((0, 5)))
        )
        X, y = table[list("abcd")], table["y"]
    in_pass(monkeypatch, 2, lambda kernel: clusters.KilledOnce(kernel, str(tmp_path / "killed")))
    with pytest.raises(DataError) as caught:
        LogisticRegression().fit(X, y)
    assert "was read again and has other rows than before; make the table the" in str(caught.value)


def within(seconds, kind, said, task):
    """The error of a task that must not take long."""
    start = time.monotonic()
    with pytest.raises(kind) as caught:
        task()
    assert time.monotonic() - start < seconds
    assert str(caught.value).startswith(said)
    return str(caught.value)


def test_a_cluster_that_is_closed_in_a_pass_is_named(monkeypatch, in_passes):
    with warnings.catch_warnings(), dask_cluster() as own:
        X, y, _ = collection()
        slow = threading.Timer(1.0, own.cluster.close)

        def change(kernel):
            slow.start()
            return clusters.Slow(kernel, 1.0)

        in_pass(monkeypatch, 2, change)
        said = within(
            30,
            ClusterError,
            "the Dask cluster went away in 'oddsmith pass 2' (",
            lambda: LogisticRegression().fit(X, y),
        )
        assert said.endswith(
            "; start it and fit again, with resume=True where there is a checkpoint"
        )
        slow.join()


def test_a_scheduler_that_is_killed_is_named(monkeypatch, tmp_path, in_passes):
    X, y, _ = collection()
    with clusters.separate_scheduler(tmp_path) as scheduler:

        def change(kernel):
            threading.Timer(0.5, scheduler.kill).start()
            return clusters.Slow(kernel, 1.0)

        in_pass(monkeypatch, 2, change)
        within(
            30,
            ClusterError,
            "the Dask cluster went away in 'oddsmith pass 2' (",
            lambda: LogisticRegression().fit(X, y),
        )


def test_workers_that_die_every_time_are_named():
    with clusters.hasty_cluster():
        X, y, _ = collection(parts=2)
        fatal = da.from_delayed(delayed(clusters.fatal)(1), (400, 4), float)
        within(
            30,
            ClusterError,
            "workers of the Dask cluster died again and again in 'oddsmith first pass' (",
            lambda: LogisticRegression().fit(da.concatenate([X[:400], fatal]), y),
        )


def test_an_interrupt_leaves_no_task_running(whole, monkeypatch, in_passes):
    X, y, _ = collection()

    begun = list[float]()

    def change(kernel):
        begun.append(time.monotonic())
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        return clusters.Slow(kernel, 1.5)

    in_pass(monkeypatch, 2, change)
    with pytest.raises(KeyboardInterrupt) as caught:
        LogisticRegression().fit(X, y)
    assert time.monotonic() - begun[0] < 4, "it does not wait for the tasks"
    # The frames of the traceback, which a session keeps, still hold what they held.
    assert caught.value.__traceback__ is not None
    left = gone(whole, 10.0, lambda: clusters.busy(whole))
    assert left == []
    left = [name for name in clusters.tasks(whole) if "oddsmith pass" in name or "encode" in name]
    assert left == []
    monkeypatch.undo()
    assert LogisticRegression().fit(X, y).converged_


def test_parts_that_outgrow_the_memory_are_kept_on_disk(monkeypatch, in_passes):
    """Dask writes what is beyond 20 MB to disk; a task takes as many parts as 10 MB."""
    monkeypatch.setattr(engine, "_SHARE", 0.01)
    memory = {"target": 0.02, "spill": False, "pause": False, "terminate": False}
    named = {f"distributed.worker.memory.{name}": own for name, own in memory.items()}
    seen = list[tuple[int, int]]()
    with dask.config.set(named), dask_cluster(1, memory_limit="1GB") as own:
        X, y, whole = collection(parts=20, n=5_000, p=40)
        assert whole.nbytes > 30e6
        fold = DaskParts.fold

        def watched(parts, kernel, name):
            total = fold(parts, kernel, name)
            seen.append((max(own.run(clusters.spilled).values()), parts._tasks))
            return total

        monkeypatch.setattr(DaskParts, "fold", watched)
        found = LogisticRegression().fit(X, y)
    on_disk, tasks = zip(*seen, strict=True)
    assert max(on_disk) > 10e6
    assert max(tasks) == 4
    assert_same_fit(found, LogisticRegression().fit(whole[:, :-1], whole[:, -1]))
