"""Files give the coefficients of rows in memory, whatever their format, however they are kept."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddsmith import LogisticRegression, TableEncoder, fit_files
from oddsmith.core.moments import VectorMoments
from oddsmith.data import first_pass as first
from oddsmith.data import spool
from oddsmith.data.first_pass import Split
from oddsmith.data.memory import memory_blocks
from oddsmith.data.raw_rows import Layout, RawRows, RowReader
from oddsmith.data.survey import Sample
from oddsmith.engines.journal import Journal
from oddsmith.engines.threads import BlockThreads
from oddsmith.errors import DataError, ParameterError, SeparationWarning
from oddsmith.estimators import file_request
from oddsmith.estimators import files as module
from oddsmith.estimators.workplace import workplace
from oddsmith.solvers import minimise, proximal_newton_rows

N = 4000


def table(seed=0, n=N, classes=2, plain=False, dtype=np.float64):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) * [1.0, 30.0, 0.01] + [0.0, 500.0, 0.0]
    site = rng.choice(["a", "b", "c d", 'e"f', "g,h"], n, p=[0.4, 0.3, 0.2, 0.08, 0.02])
    new = rng.random(n) < 0.3
    score = X @ [0.5, 0.01, 20.0] - 5.0 + 0.4 * (site == "b") - 0.7 * new
    noise = rng.gumbel(size=(n, classes))
    noise[:, 1:] += score[:, None] * np.linspace(0.5, 1.0, classes - 1)
    y = np.array(["no", "yes", "who knows"], dtype=object)[noise.argmax(axis=1)]
    found = {
        "dose": X[:, 0].astype(dtype),
        "far": X[:, 1].astype(dtype),
        "fine": X[:, 2].astype(dtype),
    }
    if not plain:
        holes = rng.random(n) < 0.1
        found["dose"] = pa.array(np.where(holes, 0.0, found["dose"]), mask=holes)
        found |= {"site": site, "new": new}
    return pa.table({**found, "y": y.tolist()})


def write(data, path):
    """Write a table in the format that the name says, in several files where it ends in a slash."""
    name = str(path)
    if name.endswith(".parquet"):
        pq.write_table(data, path, row_group_size=700)
    elif name.endswith(".arrow"):
        pa.feather.write_feather(data, path, compression="uncompressed", chunksize=900)
    else:
        with pa.output_stream(path, compression={"z": "gzip", "t": "zstd"}.get(name[-1])) as out:
            pa.csv.write_csv(data, out)


@pytest.fixture
def on_disk(monkeypatch):
    monkeypatch.setattr(module, "_IN_MEMORY", 2**40)


def model(**how):
    return LogisticRegression(encoder=TableEncoder(missing="indicator", min_count=200), **how)


@pytest.mark.parametrize("keep", ["memory", "disk", "nowhere"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "csv.zst", "parquet", "arrow"])
def test_same_coefficients_as_in_memory(tmp_path, monkeypatch, suffix, classes, keep):
    data = table(classes=classes)
    compression = {"gz": "gzip", "zst": "zstd"}.get(suffix.split(".")[-1])
    path = tmp_path / f"rows.{suffix}"
    if suffix.startswith("csv"):
        with pa.output_stream(path, compression=compression) as out:
            pa.csv.write_csv(data, out)
    else:
        write(data, path)
    if keep != "memory":
        monkeypatch.setattr(module, "_IN_MEMORY", 2**40)
    given = model(C=2.0)
    found = fit_files(path, "y", given, cache=keep != "nowhere")
    expected = model(C=2.0).fit(data.drop(["y"]), data["y"])
    assert found.coef_names_.tolist() == expected.coef_names_.tolist()
    assert found.classes_.tolist() == expected.classes_.tolist()
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9)
    np.testing.assert_allclose(found.intercept_, expected.intercept_, rtol=1e-9)
    assert found.converged_
    assert found.optimality_gap_ <= 1e-12
    assert found.n_rows_ == N
    assert not hasattr(given, "coef_"), "the model that is given is a pattern"
    rows = data.drop(["y"])
    np.testing.assert_allclose(found.predict_proba(rows), expected.predict_proba(rows), atol=1e-10)


def test_a_tall_fit_starts_from_the_same_sample(tmp_path, on_disk):
    data = table(n=60_000, plain=True, dtype=np.float32)
    write(data, tmp_path / "rows.parquet")
    found = fit_files(tmp_path / "rows.parquet", "y")
    X = np.column_stack([data[name] for name in data.column_names[:3]])
    expected = LogisticRegression().fit(X, data["y"].to_pylist())
    assert found.solver_ == expected.solver_ == "sampled-lbfgs"
    assert found.encoder_ is None
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9)


def test_a_tall_fit_of_many_levels_starts_from_the_same_sample(tmp_path, on_disk):
    """The sample is taken before anyone knows how many columns the levels become."""
    rng = np.random.default_rng(0)
    n = 300_000
    town = rng.integers(0, 40, n)
    x = rng.normal(size=n)
    y = x + 0.1 * town + rng.logistic(size=n) > 2
    data = pa.table({"x": x, "town": [f"t{k}" for k in town], "y": y})
    pq.write_table(data, tmp_path / "rows.parquet")
    found = fit_files(tmp_path / "rows.parquet", "y")
    expected = LogisticRegression().fit(data.drop(["y"]), data["y"])
    assert found.solver_ == expected.solver_ == "sampled-lbfgs"
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9)


def test_folders_globs_and_lists_are_one_table(tmp_path):
    data = table()
    for place, part in enumerate(np.array_split(np.arange(N), 3)):
        write(data.take(part), tmp_path / f"part-{place}.parquet")
    want = model().fit(data.drop(["y"]), data["y"]).coef_
    for files in (tmp_path, str(tmp_path / "*.parquet"), sorted(tmp_path.iterdir())):
        np.testing.assert_allclose(fit_files(files, "y", model()).coef_, want, rtol=1e-9)


def test_same_bits_for_any_number_of_threads(tmp_path, on_disk):
    write(table(n=30_000), tmp_path / "rows.parquet")
    one, three = (
        fit_files(tmp_path / "rows.parquet", "y", model(n_jobs=jobs)).coef_ for jobs in (1, 3)
    )
    assert (one == three).all()


@pytest.mark.parametrize("cache", [True, False])
def test_weights_offsets_and_class_weights(tmp_path, on_disk, cache):
    rng = np.random.default_rng(3)
    data = table()
    weight, offset = rng.integers(0, 4, N).astype(float), rng.normal(size=N)
    path = tmp_path / "rows.parquet"
    write(data.append_column("w", pa.array(weight)).append_column("o", pa.array(offset)), path)
    how = {"C": 0.5, "class_weight": {"no": 2.0, "yes": 0.25}}
    found = fit_files(path, "y", model(**how), weight="w", offset="o", cache=cache)
    expected = model(**how).fit(data.drop(["y"]), data["y"], sample_weight=weight, offset=offset)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9)
    assert "w" not in found.feature_names_in_


def test_weights_of_any_size(tmp_path):
    data = table(plain=True)
    for scale in (1e-200, 1e200):
        path = tmp_path / f"rows-{scale}.parquet"
        write(data.append_column("w", pa.array(np.full(N, scale))), path)
        found = fit_files(path, "y", LogisticRegression(C=1.0 / scale), weight="w")
        expected = LogisticRegression().fit(data.drop(["y"]), data["y"])
        np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9)


def test_standard_errors_without_rows(tmp_path, on_disk):
    data = table()
    write(data, tmp_path / "rows.parquet")
    found = fit_files(tmp_path / "rows.parquet", "y", model(C=np.inf))
    expected = model(C=np.inf).fit(data.drop(["y"]), data["y"]).infer(data.drop(["y"]), data["y"])
    np.testing.assert_allclose(found.results_.bse, expected.bse, rtol=1e-8)
    np.testing.assert_allclose(found.results_.llf, expected.llf, rtol=1e-12)
    assert found.results_.llnull == pytest.approx(expected.llnull, rel=1e-12)
    assert "site[b]" in found.results_.summary().as_text()
    assert not hasattr(fit_files(tmp_path / "rows.parquet", "y", model()), "results_")


@pytest.mark.parametrize("missing", ["drop", "mean", "refuse"])
def test_missing_values(tmp_path, on_disk, missing):
    data = table()
    write(data, tmp_path / "rows.parquet")
    asked = LogisticRegression(encoder=TableEncoder(missing=missing))
    if missing == "refuse":
        with pytest.raises(DataError, match=r'missing in \d+ of 4000 rows, by column: "dose" \d+;'):
            fit_files(tmp_path / "rows.parquet", "y", asked)
        return
    found = fit_files(tmp_path / "rows.parquet", "y", asked)
    expected = LogisticRegression(encoder=TableEncoder(missing=missing)).fit(
        data.drop(["y"]), data["y"]
    )
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9)
    assert found.n_dropped_ == (data["dose"].null_count if missing == "drop" else 0)
    assert found.n_rows_ + found.n_dropped_ == N


def test_many_levels_stay_sparse(tmp_path, on_disk):
    rng = np.random.default_rng(0)
    n = 20_000
    ids = [f"user {i:06d}" for i in rng.integers(0, 5000, n)]
    data = pa.table({"id": ids, "x": rng.normal(size=n), "y": rng.random(n) < 0.5})
    write(data, tmp_path / "rows.parquet")
    found = fit_files(tmp_path / "rows.parquet", "y")
    expected = LogisticRegression().fit(data.drop(["y"]), data["y"])
    assert found.encoder_.sparse_
    assert found.coef_.shape[1] > 4000
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-7, atol=1e-9)


class Cut(BaseException):
    """Stands for Ctrl-C, which pytest takes for itself."""


@pytest.fixture
def many_folds(monkeypatch):
    """Rows stay where they are, however few."""
    monkeypatch.setattr(minimise, "_FEW_ENTRIES", 0)


def cut_after(monkeypatch, folds):
    whole, count = Journal.fold, itertools.count()

    def fold(self, kernel):
        if next(count) == folds:
            raise Cut
        return whole(self, kernel)

    monkeypatch.setattr(Journal, "fold", fold)
    return lambda: monkeypatch.setattr(Journal, "fold", whole)


@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("folds", [0, 1, 3])
def test_a_fit_that_was_cut_short_goes_on_to_the_same_bits(
    tmp_path, monkeypatch, folds, C, many_folds
):
    write(table(n=5000), tmp_path / "rows.parquet")
    path, folder = tmp_path / "rows.parquet", tmp_path / "checkpoint"
    whole = fit_files(path, "y", model(C=C), checkpoint=tmp_path / "other")
    assert not (tmp_path / "other").exists()
    mend = cut_after(monkeypatch, folds)
    with pytest.raises(Cut):
        fit_files(path, "y", model(C=C), checkpoint=folder)
    mend()
    assert (folder / "first-pass.npz").exists()
    assert len(list(folder.glob("fold-*.npz"))) <= folds
    with pytest.raises(ParameterError, match="is not empty; go on from it with resume=True"):
        fit_files(path, "y", model(C=C), checkpoint=folder)
    again = fit_files(path, "y", model(C=C), checkpoint=folder, resume=True)
    assert (again.coef_ == whole.coef_).all()
    assert again.optimality_gap_ == whole.optimality_gap_
    assert not folder.exists()


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("folds", [0, 2, 4])
def test_an_l1_fit_that_was_cut_short_goes_on_as_well(
    tmp_path, monkeypatch, folds, whole, many_folds
):
    if not whole:
        monkeypatch.setattr(proximal_newton_rows, "_WHOLE", 1)
    write(table(n=5000), tmp_path / "rows.parquet")
    path, folder = tmp_path / "rows.parquet", tmp_path / "checkpoint"
    asked = model(C=0.01, l1_ratio=0.7)
    alone = fit_files(path, "y", asked)
    mend = cut_after(monkeypatch, folds)
    with pytest.raises(Cut):
        fit_files(path, "y", asked, checkpoint=folder)
    mend()
    # All sums are written down: none is done again.
    assert len(list(folder.glob("fold-*.npz"))) == folds
    again = fit_files(path, "y", asked, checkpoint=folder, resume=True)
    assert (again.coef_ == alone.coef_).all()
    assert again.optimality_gap_ == alone.optimality_gap_


@pytest.mark.parametrize("keep", ["memory", "disk", "nowhere"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
@pytest.mark.parametrize("suffix", ["csv.gz", "parquet"])
def test_an_l1_part_as_in_memory(tmp_path, monkeypatch, suffix, ratio, classes, keep):
    if keep == "disk":
        monkeypatch.setattr(module, "_IN_MEMORY", 2**40)
    data = table(classes=classes)
    path = tmp_path / f"rows.{suffix}"
    write(data, path)
    how = {"C": 0.02, "l1_ratio": ratio, "tol": 1e-14}
    found = fit_files(path, "y", model(**how), cache=keep != "nowhere")
    same = model(**how, solver="proximal-newton-rows").fit(data.drop(["y"]), data["y"])
    expected = model(**how).fit(data.drop(["y"]), data["y"])
    assert (found.solver_, expected.solver_) == ("proximal-newton-rows", "proximal-newton")
    np.testing.assert_allclose(found.coef_, same.coef_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(found.coef_ != 0, expected.coef_ != 0)
    assert found.objective_ == pytest.approx(expected.objective_, rel=1e-12)
    assert not found.coef_.all()
    assert not hasattr(found, "results_")


def test_columns_of_many_levels_with_an_l1_part(tmp_path, on_disk):
    rng = np.random.default_rng(0)
    n = 20_000
    code = rng.integers(0, 3000, n)
    effect = np.where(rng.random(3000) < 0.02, 3.0, 0.0)
    x = rng.normal(size=n)
    y = rng.random(n) < 1 / (1 + np.exp(-0.5 * x - effect[code]))
    data = pa.table({"id": [f"user {i:06d}" for i in code], "x": x, "y": y})
    write(data, tmp_path / "rows.parquet")
    how = {"C": 0.8, "l1_ratio": 1.0}
    found = fit_files(tmp_path / "rows.parquet", "y", LogisticRegression(**how))
    same = LogisticRegression(**how, solver=found.solver_).fit(data.drop(["y"]), data["y"])
    expected = LogisticRegression(**how).fit(data.drop(["y"]), data["y"])
    assert found.encoder_.sparse_
    assert 0 < np.count_nonzero(found.coef_) < 1000 < found.coef_.shape[1]
    np.testing.assert_allclose(found.coef_, same.coef_, rtol=1e-9, atol=1e-12)
    # As near as the gap of the walk in memory tells.
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(found.coef_ != 0, expected.coef_ != 0)


@pytest.mark.parametrize("C", [0.1, np.inf])
def test_factors_and_bounds_by_name(tmp_path, on_disk, C):
    data = table()
    write(data, tmp_path / "rows.parquet")
    how = {
        "C": C,
        "penalty_factors": {"dose": 0.0, "new": 2.0},
        "lower_bounds": {"site": 0.0, "site[b]": -0.1},
        "upper_bounds": {"far": 0.005},
    }
    found = fit_files(tmp_path / "rows.parquet", "y", model(**how))
    expected = model(**how).fit(data.drop(["y"]), data["y"])
    assert found.converged_
    assert (found.coef_ == 0).any()
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-6, atol=1e-9)
    assert found.objective_ == pytest.approx(expected.objective_, rel=1e-12)
    assert not hasattr(found, "results_")


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet", "arrow"])
@pytest.mark.parametrize("batches", [1, 2, 4])
def test_a_first_pass_that_was_cut_short_goes_on(tmp_path, monkeypatch, suffix, batches):
    monkeypatch.setattr(first, "_SECONDS", 0.0)
    monkeypatch.setattr(Layout, "rows", 300)
    monkeypatch.setattr(file_request, "_BATCH", 2**11 if suffix == "arrow" else 2**14)
    path, folder = tmp_path / f"rows.{suffix}", tmp_path / "checkpoint"
    write(table(), path)
    split = Split(0.2, 3)
    whole = module.fit_and_hold_out(path, "y", model(C=np.inf), split=split, checkpoint=folder)
    read, count = RowReader.read, itertools.count()

    def cut(self, batch):
        if next(count) == batches:
            raise Cut
        return read(self, batch)

    monkeypatch.setattr(RowReader, "read", cut)
    with pytest.raises(Cut):
        module.fit_and_hold_out(path, "y", model(C=np.inf), split=split, checkpoint=folder)
    monkeypatch.setattr(RowReader, "read", read)
    assert (folder / "reading.npz").exists()
    assert not (folder / "first-pass.npz").exists()
    # What was written after the last note of it is cut off.
    with (folder / "labels.bin").open("ab") as file:
        file.write(b"more")
    seen = []
    monkeypatch.setattr(RowReader, "read", lambda self, one: [seen.append(one), read(self, one)][1])
    again = module.fit_and_hold_out(
        path, "y", model(C=np.inf), split=split, checkpoint=folder, resume=True
    )
    assert seen[0].first_row > 0, "what was read is not read again"
    assert (again.model.coef_ == whole.model.coef_).all()
    assert (again.model.results_.bse == whole.model.results_.bse).all()
    assert (again.held_out.probabilities == whole.held_out.probabilities).all()
    assert (again.held_out.true == whole.held_out.true).all()
    assert not folder.exists()


@pytest.mark.usefixtures("many_folds")
def test_a_checkpoint_is_of_one_fit(tmp_path, monkeypatch):
    data, path, folder = table(n=5000), tmp_path / "rows.parquet", tmp_path / "checkpoint"
    write(data, path)
    mend = cut_after(monkeypatch, 3)
    with pytest.raises(Cut):
        fit_files(path, "y", model(), checkpoint=folder)
    mend()
    with pytest.raises(ParameterError, match="of a fit with another features"):
        fit_files(path, "y", model(), checkpoint=folder, resume=True, features=["far"])
    with pytest.raises(ParameterError, match="of a fit with other parameters"):
        fit_files(path, "y", model(C=7.0, fit_intercept=False), checkpoint=folder, resume=True)
    write(data.slice(1), path)
    with pytest.raises(ParameterError, match="of a fit with another set of files"):
        fit_files(path, "y", model(), checkpoint=folder, resume=True)


@pytest.mark.usefixtures("many_folds")
@pytest.mark.parametrize(
    "other",
    [
        {"class_weight": {"no": 2.0, "yes": 2.0}},
        {"encoder": TableEncoder(missing="indicator", min_count=1)},
        {"encoder": TableEncoder(missing="indicator", min_count=200, reference={"site": "b"})},
    ],
)
def test_sums_over_rows_that_were_weighed_or_encoded_otherwise_are_refused(
    tmp_path, monkeypatch, other
):
    path, folder = tmp_path / "rows.parquet", tmp_path / "checkpoint"
    write(table(n=5000), path)
    given = model(solver="lbfgs")
    mend = cut_after(monkeypatch, 3)
    with pytest.raises(Cut):
        fit_files(path, "y", given, checkpoint=folder)
    mend()
    with pytest.raises(ParameterError, match="of a fit with other parameters"):
        fit_files(path, "y", given.set_params(**other), checkpoint=folder, resume=True)


def test_a_label_of_dropped_rows_alone_is_no_class(tmp_path):
    rows = pa.table({"dose": [*range(8), None], "y": [*"uvuvuvuv", "w"]})
    pq.write_table(rows, tmp_path / "rows.parquet")
    found = fit_files(
        tmp_path / "rows.parquet", "y", LogisticRegression(encoder=TableEncoder(missing="drop"))
    )
    assert found.classes_.tolist() == ["u", "v"]


def test_a_folder_that_is_no_checkpoint_is_left_alone(tmp_path):
    write(table(), tmp_path / "rows.parquet")
    with pytest.raises(ParameterError, match="is no checkpoint of a fit"):
        fit_files(tmp_path / "rows.parquet", "y", model(), checkpoint=tmp_path, resume=True)
    with pytest.raises(ParameterError, match="is not empty; name a new folder"):
        fit_files(tmp_path / "rows.parquet", "y", model(), checkpoint=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def test_what_others_put_into_a_checkpoint_stays(tmp_path, monkeypatch):
    write(table(), tmp_path / "rows.parquet")
    path, folder = tmp_path / "rows.parquet", tmp_path / "checkpoint"
    mend = cut_after(monkeypatch, 0)
    with pytest.raises(Cut):
        fit_files(path, "y", model(), checkpoint=folder)
    mend()
    (folder / "notes.txt").touch()
    fit_files(path, "y", model(), checkpoint=folder, resume=True)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_two_fits_do_not_share_a_checkpoint(tmp_path):
    with (
        workplace(True, tmp_path / "checkpoint", resume=False),
        pytest.raises(ParameterError, match="another fit is at work in this checkpoint"),
        workplace(True, tmp_path / "checkpoint", resume=True),
    ):
        pass


def test_a_journal_reads_no_sum_of_what_it_cannot_tell_from_others(tmp_path):
    blocks = memory_blocks(np.eye(2), np.zeros(2, dtype=np.int8))

    def total(power):
        with BlockThreads(blocks) as source:
            return Journal(source, tmp_path).fold(
                lambda block: VectorMoments((3.0 * block.X).sum(axis=0) ** power)
            )

    assert total(1).vector.tolist() == [3.0, 3.0]
    assert total(2).vector.tolist() == [9.0, 9.0]


@pytest.mark.usefixtures("many_folds")
def test_a_checkpoint_that_was_damaged_is_made_again(tmp_path, monkeypatch):
    path, folder = tmp_path / "rows.parquet", tmp_path / "checkpoint"
    write(table(n=5000), path)
    whole = fit_files(path, "y", model())
    for damage in ("numbers.bin", "fold-00001.npz", "first-pass.npz"):
        mend = cut_after(monkeypatch, 3)
        with pytest.raises(Cut):
            fit_files(path, "y", model(), checkpoint=folder)
        mend()
        with (folder / damage).open("r+b") as file:
            file.truncate(10)
        again = fit_files(path, "y", model(), checkpoint=folder, resume=True)
        np.testing.assert_allclose(again.coef_, whole.coef_, rtol=1e-12)


def test_rows_held_out(tmp_path, on_disk):
    data = table(n=20_000)
    write(data, tmp_path / "rows.parquet")
    split = Split(0.25, 7)
    done = module.fit_and_hold_out(tmp_path / "rows.parquet", "y", model(), split=split)
    out = split.held(0, 20_000)
    assert done.held_out.n_rows == out.sum()
    own = data.filter(pa.array(~out))
    expected = model().fit(own.drop(["y"]), own["y"])
    np.testing.assert_allclose(done.model.coef_, expected.coef_, rtol=1e-9)
    held = data.filter(pa.array(out))
    want = expected.predict_proba(held.drop(["y"]))
    np.testing.assert_allclose(done.held_out.probabilities, want, atol=1e-10)
    labels = expected.classes_[done.held_out.true]
    assert labels.tolist() == held["y"].to_pylist()


def test_rows_held_out_of_files_that_are_read_again(tmp_path, monkeypatch):
    data, split = table(n=20_000), Split(0.1, 7)
    write(data, tmp_path / "rows.parquet")
    monkeypatch.setattr(module, "_IN_MEMORY", 2000)  # enough for those, but not for the others
    done = module.fit_and_hold_out(
        tmp_path / "rows.parquet", "y", model(), split=split, cache=False
    )
    own = data.filter(pa.array(~split.held(0, 20_000)))
    expected = model().fit(own.drop(["y"]), own["y"])
    np.testing.assert_allclose(done.model.coef_, expected.coef_, rtol=1e-9)
    assert done.model.n_rows_ == own.num_rows


def test_rows_held_out_with_what_no_fit_has_seen_are_counted(tmp_path):
    data, split = table(n=2000), Split(0.2, 7)
    held = np.flatnonzero(split.held(0, 2000))
    site, far = np.array(data["site"].to_pylist(), dtype=object), np.array(data["far"]).copy()
    site[held[:3]], far[held[2:7]] = "zz", np.nan
    data = data.set_column(1, "far", pa.array(far)).set_column(3, "site", pa.array(site.tolist()))
    write(data, tmp_path / "rows.parquet")
    given = LogisticRegression(encoder=TableEncoder(missing="indicator"))
    done = module.fit_and_hold_out(tmp_path / "rows.parquet", "y", given, split=split)
    assert (done.held_out.n_rows, done.held_out.n_unseen) == (held.size, 7)
    want = done.model.predict_proba(data.take(held[7:]).drop(["y"]))
    np.testing.assert_allclose(done.held_out.probabilities, want, atol=1e-12)


def test_long_encoded_rows_are_cut(tmp_path, monkeypatch, on_disk):
    write(table(), tmp_path / "rows.parquet")
    whole = fit_files(tmp_path / "rows.parquet", "y", model())
    monkeypatch.setattr(spool, "_ENTRIES", 2**21 // 2000)
    cut = fit_files(tmp_path / "rows.parquet", "y", model())
    np.testing.assert_allclose(cut.coef_, whole.coef_, rtol=1e-9)


@pytest.mark.parametrize("change", ["file", "fewer", "levels"])
def test_files_that_change_between_passes_are_refused(tmp_path, monkeypatch, on_disk, change):
    data, path, first_pass = table(), tmp_path / "rows.parquet", module.first_pass
    other = data.slice(1)
    if change == "levels":
        other = data.set_column(3, "site", pa.array(["new"] * N))
    write(data, path)

    def then_changed(files, *args, **how):
        found = first_pass(files, *args, **how)
        write(other, path)
        again = file_request.AskedFiles.of(path, "y", model()).files
        monkeypatch.setattr(module, "first_pass", first_pass)
        if change != "file":  # as if size and time were the same
            object.__setattr__(files, "_reader", again._reader)
        return found

    monkeypatch.setattr(module, "first_pass", then_changed)
    message = "has changed since it was opened" if change == "file" else "the data have changed"
    with pytest.raises(DataError, match=message):
        fit_files(path, "y", model(), cache=False)


def test_bad_requests(tmp_path):
    write(table(plain=True), tmp_path / "rows.parquet")
    path = tmp_path / "rows.parquet"
    for how, message in (
        ({"memory": 10}, "memory=10 is less than"),
        ({"model": "lbfgs"}, "model is a str"),
        ({"resume": True}, "resume=True needs checkpoint"),
        (
            {"model": LogisticRegression(solver="proximal-newton")},
            "^solver='proximal-newton' needs",
        ),
        ({"model": LogisticRegression(solver="newton-kernel")}, "^solver='newton-kernel' needs"),
        (
            {"model": LogisticRegression(class_weight={"no": 1, "yes": 0})},
            'all rows of class "yes" have weight 0, as class_weight=',
        ),
        ({"features": ["dose", "dose"]}, 'features names "dose", which is named already'),
        ({"features": ["y"]}, 'features names "y", which is named already'),
        ({"weight": "y"}, 'the weight column "y" holds no numbers'),
        ({"weight": "dose", "offset": "dose"}, "must be different columns"),
        ({"cache": tmp_path / "nowhere" / "at all"}, "cannot be written"),
        ({"checkpoint": path}, "cannot be a checkpoint"),
        ({"checkpoint": tmp_path / "none", "resume": True}, "there is no checkpoint to go on from"),
    ):
        with pytest.raises((ParameterError, DataError), match=message):
            fit_files(path, "y", **how)
    with pytest.raises(ParameterError, match='no column "z", which the target names'):
        fit_files(path, "z")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("x,y\n1,a\n2,b\n3,\n", r'line 4, column "y": has no label'),
        ("x,y\n1,a\n2,a\n", r'column "y" holds the label "a" only'),
        ("x,y\n" + "".join(f"1,{i}.5\n" for i in range(200)), "200 different numbers"),
        ("x,y\n,a\n,b\n", r'values are missing in 2 of 2 rows, by column: "x" 2'),
        ("x,y,w\n1,a,-1\n2,b,1\n", r'line 2, column "w": is no number from 0 up'),
    ],
)
def test_bad_rows(tmp_path, cells, message):
    (tmp_path / "bad.csv").write_text(cells)
    weight = "w" if "w" in cells.split("\n")[0] else None
    with pytest.raises(DataError, match=message):
        fit_files(tmp_path / "bad.csv", "y", weight=weight)


def test_whole_numbers_that_floats_would_round_are_named(tmp_path):
    values = np.arange(1000) + 2**53
    data = pa.table({"x": values, "y": np.arange(1000) % 2})
    write(data, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r'row 1 \(from 0\), column "x": holds a whole number'):
        fit_files(tmp_path / "rows.parquet", "y")
    data = pa.table({"x": [2**60, 2**61, None] * 300, "y": [0, 1, 0, 1, 1, 0] * 150})
    write(data, tmp_path / "rows.parquet")
    model = LogisticRegression(encoder=TableEncoder(missing="mean"))
    assert fit_files(tmp_path / "rows.parquet", "y", model).converged_


def test_infinite_numbers_are_named(tmp_path):
    values = np.ones(1000)
    values[777] = np.inf
    data = pa.table({"x": values, "y": np.arange(1000) % 2})
    write(data, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r'row 777 \(from 0\), column "x": is infinite'):
        fit_files(tmp_path / "rows.parquet", "y")


def test_infinite_numbers_in_rows_that_are_held_out_are_named(tmp_path):
    data = pa.table({"x": np.full(100, np.inf), "y": np.arange(100) % 2})
    write(data, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r'row 0 \(from 0\), column "x": is infinite'):
        module.fit_and_hold_out(tmp_path / "rows.parquet", "y", split=Split(0.9999, 0))


@pytest.mark.parametrize("missing", ["refuse", "mean"])
def test_rows_of_weight_0_teach_what_is_missing_too(tmp_path, missing):
    data = table(plain=True)
    weight = np.arange(N) % 3 / 2.0
    holed = pa.array(np.where(weight == 0, np.nan, data["dose"]), from_pandas=True)
    rows = data.set_column(0, "dose", holed)
    write(rows.append_column("w", pa.array(weight)), tmp_path / "rows.parquet")
    asked = LogisticRegression(encoder=TableEncoder(missing=missing))
    if missing == "refuse":
        with pytest.raises(DataError, match="values are missing in 1334 of 4000 rows, by column: "):
            fit_files(tmp_path / "rows.parquet", "y", asked, weight="w")
        return
    found = fit_files(tmp_path / "rows.parquet", "y", asked, weight="w")
    expected = asked.fit(rows.drop(["y"]), rows["y"], sample_weight=weight)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9)
    assert found.encoder_.encoding_.columns[0].n_missing == 1334


def test_labels_without_weight_are_no_classes(tmp_path):
    data = table(classes=3, plain=True)
    weight = np.array([label != "who knows" for label in data["y"].to_pylist()], dtype=float)
    write(data.append_column("w", pa.array(weight)), tmp_path / "rows.parquet")
    found = fit_files(tmp_path / "rows.parquet", "y", weight="w")
    own = data.filter(pa.array(weight > 0))
    expected = LogisticRegression().fit(own.drop(["y"]), own["y"])
    assert found.classes_.tolist() == ["no", "yes"]
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9)


@pytest.mark.parametrize("balance", [None, "balanced"])
def test_categories_that_no_row_has_are_no_classes(tmp_path, balance):
    codes = np.arange(60, dtype=np.int8) % 2
    labels = pa.DictionaryArray.from_arrays(codes, ["yes", "no", "never"])
    write(pa.table({"x": np.sin(np.arange(60.0)), "y": labels}), tmp_path / "rows.arrow")
    found = fit_files(tmp_path / "rows.arrow", "y", LogisticRegression(class_weight=balance))
    assert found.classes_.tolist() == ["no", "yes"]


@given(parts=st.lists(st.integers(1, 40), min_size=1, max_size=20), most=st.integers(2, 30))
def test_a_sample_is_every_kth_row(parts, most):
    sample, first = Sample(most), 0
    for n in parts:
        rows = np.arange(first, first + n, dtype=np.int32)
        sample.add(RawRows(rows[None].astype(float), rows[None], rows, None, None))
        first += n
    taken = sample.rows().labels
    assert taken.tolist() == list(range(0, first, sample.stride))
    assert taken.size <= most


def test_separation_is_named(tmp_path, on_disk):
    x = np.linspace(-1, 1, 500)
    write(pa.table({"x": x, "y": (x > 0).astype(int)}), tmp_path / "rows.parquet")
    with pytest.warns(SeparationWarning, match='"x"'):
        fit_files(tmp_path / "rows.parquet", "y", LogisticRegression(C=np.inf))


def test_nothing_is_left_behind(tmp_path, on_disk):
    write(table(plain=True), tmp_path / "rows.parquet")
    cache = tmp_path / "cache"
    cache.mkdir()
    fit_files(tmp_path / "rows.parquet", "y", cache=cache)
    with pytest.raises(DataError):
        fit_files(tmp_path / "rows.parquet", "dose", cache=cache)
    assert not list(cache.iterdir())


def test_a_full_disk_is_found_before(tmp_path, monkeypatch, on_disk):
    write(table(plain=True), tmp_path / "rows.parquet")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: os.statvfs_result(range(10)))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(DataError, match=r"the column cache needs 0\.0 GB, and 0\.0 GB are free"):
        fit_files(tmp_path / "rows.parquet", "y")


def test_progress_says_rows_passes_and_size(tmp_path, on_disk, capsys):
    write(table(plain=True), tmp_path / "rows.parquet")
    fit_files(tmp_path / "rows.parquet", "y", LogisticRegression(verbose=1))
    said = capsys.readouterr().err
    assert "column cache in" in said
    assert "first pass: 4,000 rows" in said
    assert "proved within" in said


MEASURED = """
import sys
from pathlib import Path
import oddsmith
oddsmith.fit_files(sys.argv[1], "y", memory=int(sys.argv[2]))
# Not ru_maxrss, which counts what the parent had when it forked.
status = Path("/proc/self/status").read_text()
print(status.split("VmHWM:")[1].split()[0])
"""


def test_memory_is_bounded(tmp_path):
    rng = np.random.default_rng(0)
    path, n, p = tmp_path / "rows.parquet", 2_000_000, 40
    schema = pa.schema({f"x{j}": pa.float32() for j in range(p)} | {"y": pa.int8()})
    with pq.ParquetWriter(path, schema) as out:
        for _ in range(10):
            X = rng.standard_normal((n // 10, p), dtype=np.float32)
            y = (X[:, 0] + rng.logistic(size=n // 10) > 0).astype(np.int8)
            out.write_table(pa.table({f"x{j}": X[:, j] for j in range(p)} | {"y": y}, schema))
    limit = 640 * 2**20
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, path, str(limit)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) * 1024 < limit, "the columns take 320 MB on top of 250 MB of libraries"


def test_words_for_what_is_missing_are_labels_outside_csv(tmp_path):
    data = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "y": ["NA", "b", "", "NA"]})
    write(data, tmp_path / "rows.parquet")
    assert fit_files(tmp_path / "rows.parquet", "y").classes_.tolist() == ["", "NA", "b"]
    data = pa.table({"x": [1.0, 2.0, 3.0], "y": [0.0, 1.0, np.inf]})
    write(data, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r'row 2 \(from 0\), column "y": has no label'):
        fit_files(tmp_path / "rows.parquet", "y")
