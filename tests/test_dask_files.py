"""Files that Dask's workers read give what rows in memory give, and a fit cut short goes on."""

import numpy as np
import pytest
from clusters import dask_cluster
from test_fit_files import N, model, table, write

from oddsmith import ClusterError, DataError, ParameterError, fit_files
from oddsmith.engines.parts import PartRows
from oddsmith.estimators import dask_files
from oddsmith.solvers import minimise


@pytest.fixture(scope="module")
def client():
    with dask_cluster() as found:
        yield found


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow"])
def test_same_coefficients_as_in_memory(client, tmp_path, monkeypatch, suffix, classes):
    monkeypatch.setattr(dask_files, "_PART", 2**15)  # several row groups' worth a file
    data = table(classes=classes)
    for place, rows in enumerate(np.array_split(np.arange(N), 3)):
        write(data.take(rows), tmp_path / f"{place}.{suffix}")
    found = fit_files(tmp_path, "y", model(), engine="dask", client=client)
    want = model().fit(data.drop(["y"]), data["y"])
    assert found.coef_names_.tolist() == want.coef_names_.tolist()
    assert found.n_rows_ == N
    np.testing.assert_allclose(found.coef_, want.coef_, rtol=1e-9)
    np.testing.assert_allclose(found.intercept_, want.intercept_, rtol=1e-9)


def test_a_fit_goes_on_where_its_cluster_went_away(tmp_path, monkeypatch):
    monkeypatch.setattr(minimise, "_FEW_ENTRIES", 0)
    path, folder = tmp_path / "rows.parquet", tmp_path / "fit"
    write(table(), path)
    fold, passes = PartRows.fold, list[int]()

    def counted(rows, kernel):
        passes.append(rows.passes)
        return fold(rows, kernel)

    monkeypatch.setattr(PartRows, "fold", counted)
    with dask_cluster() as own:
        want = fit_files(path, "y", model(), engine="dask", client=own)
        whole = len(passes)

        def closing(rows, kernel):
            if rows.passes == 3:
                own.cluster.close(timeout=5)
            return fold(rows, kernel)

        monkeypatch.setattr(PartRows, "fold", closing)
        with pytest.raises(ClusterError, match="the Dask cluster went away in 'oddsmith pass 4'"):
            fit_files(path, "y", model(), engine="dask", client=own, checkpoint=folder)
    passes.clear()
    monkeypatch.setattr(PartRows, "fold", counted)
    with dask_cluster(1) as other:
        again = fit_files(
            path, "y", model(), engine="dask", client=other, checkpoint=folder, resume=True
        )
    assert (again.coef_ == want.coef_).all()
    assert len(passes) == whole - 3, "what was found before is not asked for again"
    assert not folder.exists()


def test_what_is_refused(client, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n1,a\nNaN?,b\n")
    with pytest.raises(ParameterError, match="engine='ray' is not known; use 'threads' or 'dask'"):
        fit_files(path, "y", engine="ray")
    with pytest.raises(ParameterError, match="client is for engine='dask'"):
        fit_files(path, "y", client=client)
    with pytest.raises(ParameterError, match="cache=False is for engine='threads'"):
        fit_files(path, "y", engine="dask", client=client, cache=False)
    with pytest.raises(DataError, match=r'rows\.csv: line 3, column "x"'):
        fit_files(path, "y", types={"x": "number"}, engine="dask", client=client)
