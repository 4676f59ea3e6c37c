"""Spark tables give the coefficients of rows in memory, however they are cut and whoever dies."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from oddsmith import (
    ClusterError,
    DataError,
    LogisticRegression,
    LogisticRegressionCV,
    ParameterError,
    TableEncoder,
    regularization_path,
)
from oddsmith.core.moments import VectorMoments
from oddsmith.data.spark_table import spark_columns
from oddsmith.engines import spark as engine
from oddsmith.engines.parts import PartsHere, _Taken
from oddsmith.engines.spark import SparkDesk, SparkParts, SparkTable
from oddsmith.engines.spark_tasks import OnExecutor
from oddsmith.spark import fit, predict_proba
from oddsmith.spark import regularization_path as spark_path

pytestmark = [
    # PySpark says so of itself, wherever a function of Python is made.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    # Its sockets are closed when they are collected.
    pytest.mark.filterwarnings("ignore:unclosed.*socket:ResourceWarning"),
]

N = 3000


def started(folder, master="local[2,2]"):
    from pyspark import cloudpickle
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    # Workers cannot import this module.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    said = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "512m",
        "spark.executor.memory": "512m",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "2",
        # Less time for plans and machine code than they would save in so short a life.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.adaptive.enabled": "false",
        "spark.python.unix.domain.socket.enabled": "true",
    }
    builder = SparkSession.builder.master(master)
    for name, value in said.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    session = started(tmp_path_factory.mktemp("spark"))
    yield session
    session.stop()


def table(seed=0, n=N, classes=2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5)) * [1.0, 30.0, 0.01, 1.0, 1.0] + [0.0, 500.0, 0.0, 0.0, 0.0]
    site = rng.choice(["a", "b", "c d", 'e"f'], n, p=[0.4, 0.3, 0.2, 0.1])
    new = rng.random(n) < 0.3
    score = X @ [0.5, 0.01, 20.0, 0.1, 0.0] - 5.0 + 0.4 * (site == "b") - 0.7 * new
    noise = rng.gumbel(size=(n, classes))
    noise[:, 1:] += score[:, None] * np.linspace(0.5, 1.0, classes - 1)
    y = np.array(["no", "yes", "who knows"], dtype=object)[noise.argmax(axis=1)]
    found = {f"x {j}": X[:, j] for j in range(5)} | {"site": site, "new": new}
    found |= {"w": rng.integers(0, 3, n).astype(float), "o": rng.normal(size=n) / 3}
    return pa.table({**found, "y": y.tolist()})


def holey(data, seed=1):
    rng = np.random.default_rng(seed)
    for name in ("x 0", "site"):
        values = data[name].to_pylist()
        own = [
            None if hole else one
            for one, hole in zip(values, rng.random(len(values)) < 0.1, strict=True)
        ]
        data = data.set_column(data.column_names.index(name), name, pa.array(own))
    return data


def cut(session, data, parts, keys=None):
    """Table in partitions; with fewer keys than partitions some are empty, others not even."""
    if parts == 1:
        return session.createDataFrame(data).coalesce(1)
    keys = parts if keys is None else keys
    place = np.minimum(np.random.default_rng(2).geometric(0.5, len(data)), keys)
    frame = session.createDataFrame(data.append_column("place", pa.array(place)))
    return frame.coalesce(1).repartition(parts, "place").drop("place")


def here(data, model, features=None, weight=None, offset=None):
    beside = [name for name in ("y", weight, offset) if name is not None]
    X = data.drop_columns([name for name in beside if name in data.column_names])
    X = X if features is None else X.select(features)
    values = {name: None if name is None else data[name].to_numpy() for name in (weight, offset)}
    return model.fit(X, data["y"], sample_weight=values[weight], offset=values[offset])


def same(found, wanted, rel=1e-9):
    assert found.coef_names_.tolist() == wanted.coef_names_.tolist()
    assert found.classes_.tolist() == wanted.classes_.tolist()
    size = np.abs(wanted.coef_).max()
    np.testing.assert_allclose(found.coef_, wanted.coef_, rtol=rel, atol=rel * size)
    np.testing.assert_allclose(found.intercept_, wanted.intercept_, rtol=rel, atol=rel * size)
    assert found.converged_


# ------------------------------------------------------------------ the engine


def values_of(part):
    return np.array([one for batch in part.rows for one in batch.column(0).to_pylist()], float)


def sums(part, threads):
    return VectorMoments(np.array([part.rows.sum(), (part.number + 1) * part.rows.size, 1.0]))


def test_a_fold_has_the_bits_of_the_reference_whoever_has_which_part(spark, monkeypatch):
    values = np.random.default_rng(0).lognormal(sigma=9.0, size=500)
    frame = cut(spark, pa.table({"v": values}), 7, keys=3)
    with SparkDesk(spark) as desk:
        parts = SparkTable(desk, frame).prepared(values_of, "oddsmith read")
        assert parts.n_parts == 7
        rows = [part.rows for part in gathered(parts)]
        assert sorted(map(len, rows))[:4] == [0] * 4
        wanted = PartsHere(rows).fold(sums, "sum").vector
        assert parts.fold(sums, "oddsmith pass 1").vector.tobytes() == wanted.tobytes()
        # Sums of many tasks are added on the cluster first.
        monkeypatch.setattr(engine, "_MOST_TASKS", 1)
        assert parts.fold(sums, "oddsmith pass 2").vector.tobytes() == wanted.tobytes()


def gathered(parts):
    return parts.fold(lambda part, threads: _Taken((part,)), "gather").blocks


def test_parts_that_are_changed_keep_their_numbers(spark):
    with SparkDesk(spark) as desk:
        first = SparkTable(desk, spark.range(0, 90, 1, 5)).prepared(values_of, "read")
        second = first.prepared(lambda part: part.rows + 1000.0 * part.number, "change")
        found = gathered(second)
    assert [part.number for part in found] == [0, 1, 2, 3, 4]
    assert all((part.rows // 1000 == part.number).all() for part in found)
    np.testing.assert_array_equal(np.concatenate([one.rows % 1000 for one in found]), range(90))


def faulty(part, threads):
    if part.number > 2:
        raise DataError(f"partition {part.number} is bad")


def test_an_error_is_that_of_the_first_part_and_is_not_tried_again(spark):
    with SparkDesk(spark) as desk:
        parts = SparkTable(desk, spark.range(0, 90, 1, 5)).prepared(values_of, "read")
        with pytest.raises(DataError, match="partition 3 is bad"):
            parts.fold(faulty, "fold")
        with pytest.raises(DataError, match="partition 3 is bad"):
            parts.prepared(lambda part: faulty(part, 1), "change")
        with pytest.raises(ClusterError, match=r"'fold' failed \(ZeroDivisionError: .*mend"):
            parts.fold(lambda part, threads: 1 // 0, "fold")
        with pytest.raises(ClusterError, match=r"No module named 'nowhere'.*PYSPARK_PYTHON"):
            parts.fold(lambda part, threads: __import__("nowhere"), "fold")


class Written:
    """Change that keeps a part's numbers in a file."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, part):
        self.folder().mkdir(parents=True, exist_ok=True)
        path = self.folder() / f"{time.time_ns()}.npy"
        np.save(path, values_of(part))
        return path


def of_file(part, threads):
    return VectorMoments(np.load(part.rows).sum(keepdims=True))


def test_rows_that_are_lost_are_read_again_and_removed_at_the_end(spark, monkeypatch):
    with SparkDesk(spark) as desk:
        read = Written(OnExecutor(desk.token))
        parts = SparkTable(desk, spark.range(0, 90, 1, 5)).prepared(read, "read")
        parts = parts.prepared(lambda part: part.rows, "change")
        paths = [part.rows for part in gathered(parts)]
        paths[3].unlink()
        assert parts.fold(of_file, "fold").vector == [90 * 89 / 2]
        again = [part.rows for part in gathered(parts)]
        assert len(again) == 5
        assert not {*paths} & {*again}
        again[0].unlink()
        monkeypatch.setattr(engine, "_TRIES", 1)
        bad = SparkTable(desk, spark.range(0, 4, 1, 2)).prepared(
            lambda part: Path("nowhere"), "bad"
        )
        with pytest.raises(
            ClusterError, match=r"'fold' came to machines that.*spark.locality.wait"
        ):
            bad.fold(of_file, "fold")
    assert not any(path.parent.exists() for path in (*paths, *again))
    assert not spark.sparkContext._jsc.getPersistentRDDs()


def test_a_table_without_partitions_has_no_sum(spark):
    with SparkDesk(spark) as desk:
        assert SparkTable(desk, spark.range(0)).prepared(values_of, "read").fold(sums, "x") is None
    with pytest.raises(DataError, match="there is no row; add data"):
        fit(cut(spark, table(n=10), 2).where("w < -1"), model=LogisticRegression())


# ------------------------------------------------------------------ fits


@pytest.mark.parametrize(
    ("parts", "keys", "classes", "model", "beside"),
    [
        (7, 3, 2, LogisticRegression(), {"weight": "w", "offset": "o"}),
        (2, 2, 3, LogisticRegression(C=0.3, class_weight="balanced"), {"weight": "w"}),
        (1, 1, 2, LogisticRegression(C=0.02, l1_ratio=0.8), {}),
    ],
)
def test_the_coefficients_are_those_of_rows_in_memory(spark, parts, keys, classes, model, beside):
    data = holey(table(classes=classes))
    model.encoder = TableEncoder(missing="indicator")
    found = fit(cut(spark, data, parts, keys), "y", model, **beside)
    assert (found.n_rows_, found.n_dropped_) == (N, 0)
    assert not hasattr(model, "coef_")
    same(found, here(data, model, **beside))


def test_inference_is_that_of_rows_in_memory(spark):
    data = table()
    found = fit(cut(spark, data, 2), "y", LogisticRegression(C=np.inf), cov_type="HC0").results_
    X, y = data.drop_columns(["y"]), data["y"]
    wanted = LogisticRegression(C=np.inf).fit(X, y).infer(X, y, cov_type="HC0")
    assert found.names == wanted.names
    np.testing.assert_allclose(found.params, wanted.params, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.bse, wanted.bse, rtol=1e-9)
    assert found.llf == pytest.approx(wanted.llf, rel=1e-12)


def test_a_large_table_starts_from_a_sample_of_all_partitions(spark):
    data = table(n=40_000).select(["x 0", "x 1", "x 2", "x 3", "y"])
    frame = cut(spark, data, 7)
    spark.sparkContext.setLocalProperty("spark.job.description", "mine")
    # Every k-th row in the order of the partitions, so that both start from the same sample.
    found = fit(frame)
    same(found, here(frame.toArrow(), LogisticRegression()))
    assert found.solver_.startswith("sampled")
    assert spark.sparkContext.getLocalProperty("spark.job.description") == "mine"
    spark.sparkContext.setLocalProperty("spark.job.description", None)
    jobs = spark.sparkContext._jsc.sc().statusStore().jobsList(None)
    shown = {jobs.apply(at).description() for at in range(jobs.size())}
    shown = {one.get() for one in shown if one.isDefined()}
    assert {"oddsmith read", "oddsmith sample", "oddsmith pass 1"} <= shown


def test_the_penalty_and_the_path_are_those_of_rows_in_memory(spark):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 4))
    y = np.where(X[:, 0] - X[:, 1] + rng.logistic(size=900) > 0, "yes", "no")
    data = pa.table({**dict(zip("abcd", X.T, strict=True)), "y": y})
    table = spark.createDataFrame(data)
    # Folds are by the order of rows, which is that of the partitions.
    rows = table.toArrow()
    X, y = np.column_stack([rows[name] for name in "abcd"]), np.array(rows["y"])
    ways = {"Cs": [0.01, 0.1, 1.0], "cv": 3, "tol": 1e-15}
    found = fit(table, "y", LogisticRegressionCV(**ways))
    want = LogisticRegressionCV(**ways).fit(X, y)
    assert found.C_ == want.C_
    # Folds are fitted by other steps than in memory, each to its own proof.
    np.testing.assert_allclose(found.losses_, want.losses_, rtol=1e-7)
    np.testing.assert_allclose(found.coef_, want.coef_, rtol=1e-9)
    path = spark_path(table, "y", lambdas=[0.1, 0.01], tol=1e-14)
    known = regularization_path(X, y, lambdas=[0.1, 0.01], tol=1e-14)
    np.testing.assert_allclose(path.coefs, known.coefs, rtol=1e-6, atol=1e-9)
    with pytest.raises(ParameterError, match="LogisticRegressionCV makes many; leave it out"):
        fit(table, "y", LogisticRegressionCV(), resume=True)
    with pytest.raises(ParameterError, match="C=3 is not known of a path; use one of fit_"):
        spark_path(table, "y", C=3)


def test_probabilities_are_columns_of_the_table(spark):
    data = table(n=300)
    model = here(data, LogisticRegression(), ["x 0", "site", "new"])
    frame = cut(spark, data, 3, keys=2).withColumnRenamed("w", "p")
    found = predict_proba(model, frame).toArrow().sort_by("x 0")
    data = data.sort_by("x 0")
    assert found.column_names == [*frame.columns, "p_no", "p_yes"]
    wanted = model.predict_proba(data.select(["x 0", "site", "new"]))
    np.testing.assert_array_equal(found["p_yes"].to_numpy(), wanted[:, 1])
    with pytest.raises(DataError, match='lacks the column "site"'):
        predict_proba(model, frame.drop("site"))
    with pytest.raises(DataError, match='has a column "p_no" already'):
        predict_proba(model, frame.withColumnRenamed("p", "P_NO"))


def test_columns_are_read_by_their_types_or_refused_by_name(spark):
    frame = spark.createDataFrame(table(n=400))
    odd = frame.selectExpr(
        "*",
        "CAST(`x 0` AS DECIMAL(12, 4)) AS dec",
        "CAST(`x 1` AS INT) AS i",
        "IF(rand(0) < 0.2, NULL, CAST(1000 * `x 2` AS SMALLINT)) AS s",
        "new AS b1",
        "NOT new AS b2",
        "DATE'2020-01-01' AS day",
        "array(1.0f) AS `an array`",
        "map(1, 2) AS m",
        "struct(1 AS a) AS st",
    )
    good = ["x 0", "x 1", "x 2", "x 3", "x 4", "dec", "i", "s", "site", "b1"]
    model = LogisticRegression(encoder=TableEncoder(missing="indicator"))
    same(fit(odd, "y", model, features=good), here(odd.toArrow(), model, good))
    for name, says in {
        "day": "the days since",
        "an array": r"array<float>; take its entries",
        "m": r"map<int,int>; take its entries",
        "st": r"struct<a:int>; take its fields",
    }.items():
        with pytest.raises(DataError, match=f'column "{name}" holds values of type .*{says}'):
            fit(odd, "y", features=["x 0", name])
    with pytest.raises(DataError, match='column "day"'):
        fit(odd)
    with pytest.raises(DataError, match='"site" and "SITE" are one name'):
        spark_columns(frame.selectExpr("site", "y AS SITE"))
    with pytest.raises(ParameterError, match="frame is of type Table; give a DataFrame of Spark"):
        fit(table(n=3))


def test_names_with_points_and_quotes(spark):
    data = table(n=400)
    names = {"x 0": "x.0", "x 1": "x`1", "site": "the.site", "y": "is.ill", "w": "w.w"}
    odd = data.rename_columns([names.get(name, name) for name in data.column_names])
    frame = spark.createDataFrame(data).toDF(*odd.column_names)
    features = ["x.0", "x`1", "the.site"]
    found = fit(frame, "is.ill", features=features, weight="w.w")
    wanted = fit(
        spark.createDataFrame(data), "y", features=["x 0", "x 1", "site"], weight="w"
    )  # fmt: skip
    assert found.coef_.tolist() == wanted.coef_.tolist()
    assert found.feature_names_in_.tolist() == features
    scored = predict_proba(found, frame)
    assert scored.columns[:-2] == odd.column_names
    np.testing.assert_allclose(
        scored.toArrow()["p_yes"].to_numpy(),
        found.predict_proba(odd.select(features))[:, 1],
        rtol=1e-12,
    )
    with pytest.raises(ParameterError, match="target is of type Column; give a column's name"):
        fit(frame, frame["`is.ill`"])
    with pytest.raises(ParameterError, match="the model was fitted to columns without names"):
        predict_proba(LogisticRegression().fit(np.eye(2), [0, 1]), frame)
    with pytest.raises(DataError, match=r"give it to oddsmith\.spark\.fit"):
        LogisticRegression().fit(frame, "is.ill")


def test_vectors_stand_for_their_entries(spark):
    from pyspark.ml.feature import VectorAssembler

    data = table(n=400)
    frame = spark.createDataFrame(data)
    frame = VectorAssembler(inputCols=["x 0", "x 1", "x 3"], outputCol="both").transform(frame)
    with pytest.raises(DataError, match='column "both" holds values of type vector; name it in'):
        fit(frame)
    found = fit(frame.select("both", "y"), features=["both"])
    same(found, here(data, LogisticRegression(), ["x 0", "x 1", "x 3"]))
    columns = spark_columns(frame, ["both"])
    assert columns.expanded(["both", "site"]) == ["both[0]", "both[1]", "both[2]", "site"]


# ------------------------------------------------------------------ faults


def killing(once, kernel, whom):
    """Kernel that has the process of its first caller killed, or the executor's, by signal 9."""

    def kills(part, threads):
        try:
            once.touch(exist_ok=False)
        except FileExistsError:
            return kernel(part, threads)
        victim = os.getpid()
        if whom == "executor":  # the parent of the parent of a worker
            for _ in range(2):
                victim = int(Path(f"/proc/{victim}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(victim, signal.SIGKILL)
        time.sleep(30)
        raise AssertionError

    return kills


def at_pass(monkeypatch, name, change):
    fold = SparkParts.fold
    monkeypatch.setattr(
        SparkParts,
        "fold",
        lambda self, kernel, own: fold(self, change(kernel) if own == name else kernel, own),
    )


def test_a_worker_that_is_killed_changes_no_bit(spark, monkeypatch, tmp_path):
    frame = cut(spark, table(), 5).select("x 0", "x 1", "site", "y").cache()
    wanted = fit(frame)
    once = tmp_path / "once"
    at_pass(monkeypatch, "oddsmith pass 2", lambda kernel: killing(once, kernel, "worker"))
    found = fit(frame)
    frame.unpersist()
    assert once.exists()
    assert found.coef_.tobytes() == wanted.coef_.tobytes()


def test_an_executor_that_is_lost_and_a_session_that_stops(spark, monkeypatch, tmp_path):
    """Last of the module, as it stops the session of the others."""
    data, rows = table().select(["x 0", "x 1", "site", "y"]), str(tmp_path / "rows")
    cut(spark, data, 5).write.parquet(rows)
    wanted = fit(spark.read.parquet(rows))
    checkpoint = tmp_path / "checkpoint"
    with monkeypatch.context() as patch:
        stop = threading.Timer(0.3, spark.stop)
        at_pass(patch, "oddsmith pass 2", lambda kernel: stopping(stop, kernel))
        with pytest.raises(ClusterError, match=r"session went away in 'oddsmith pass 2'.*resume"):
            fit(spark.read.parquet(rows), checkpoint=checkpoint)
    stop.join()
    assert len(list(checkpoint.glob("fold-*.npz"))) == 1
    again = started(tmp_path / "spark", "local-cluster[2,1,1024]")
    try:
        once = tmp_path / "once"
        at_pass(monkeypatch, "oddsmith pass 1", lambda kernel: killing(once, kernel, "executor"))
        found = fit(again.read.parquet(rows), checkpoint=checkpoint, resume=True)
    finally:
        again.stop()
    assert once.exists()
    assert found.coef_.tobytes() == wanted.coef_.tobytes()
    assert not checkpoint.exists()


def stopping(thread, kernel):
    thread.start()

    def slow(part, threads):
        time.sleep(3)
        return kernel(part, threads)

    return slow
