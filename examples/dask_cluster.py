"""Fit a Dask frame where it lies: here on two processes of this machine, elsewhere on a cluster.

Needs ``pip install "oddsmith[dask]"``.

    python examples/dask_cluster.py
"""

import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster

from oddsmith import LogisticRegression


def patients(month: int) -> pd.DataFrame:
    """Rows of a partition, which are made on the worker that is to hold them."""
    rng = np.random.default_rng(month)
    dose, age, site = (
        rng.normal(size=50_000),
        rng.uniform(20, 80, 50_000),
        rng.integers(3, size=50_000),
    )
    margin = dose - 0.05 * (age - 50) + 0.5 * (site == 1)
    ill = np.where(margin + rng.logistic(size=50_000) > 0, "ill", "well")
    return pd.DataFrame(
        {"dose": dose, "age": age, "site": np.array(list("abc"))[site], "state": ill}
    )


if __name__ == "__main__":
    local = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}  # nobody else can connect
    with LocalCluster(n_workers=2, threads_per_worker=1, **local) as cluster, Client(cluster):
        rows = dd.from_map(patients, range(12))  # or dd.read_parquet("months/*.parquet")
        model = LogisticRegression(C=np.inf).fit(rows, rows["state"])
        print(model.infer(rows, rows["state"]).summary())
        gap = f"{model.optimality_gap_:.1e}"
        print(f"{model.n_rows_} rows: at most {gap} nats a row above the minimum, proved")
        print(f"of {model.classes_.tolist()} right: {model.score(rows, rows['state']):.3f}")
