"""The cases: which data, which call, what ratio is aimed at."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["CASES", "Case"]


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Parameters
    ----------
    name : str
    title : str
        What it is, for the table.
    data : tuple of str
        Keys of `benchmarks.data.DATASETS`, of `benchmarks.files.TABLES` where files are fitted, or
        of `benchmarks.cluster_data.SPREAD` where rows of a cluster are; several in a case of kind
        "scaling" or "files-scaling"; none in "cold".
    target : float
        Of a race, the least ratio of times; of "memory", the largest share of X; of scaling,
        the largest ratio of times per row; of "cold", seconds.
    task : str
        A key of `benchmarks.tasks.TASKS`.
    kind : str
        "race": times beside each peer's. "memory": peaks beside each peer's. "scaling": ours
        alone, on data of several sizes. "files" and "files-scaling": the same of files, each fit
        in a fresh process. "cold": one row by the command line, from a cold start. "cluster": a
        race of fits of rows on workers.
    reads : float, optional
        How many reads of X the call may take, in time.
    equal : float
        Two objectives are equal within this part of the least one known.
    memory : float, optional
        Bytes that ours may have resident while it fits files, or rows on workers.
    """

    name: str
    title: str
    data: tuple[str, ...]
    target: float
    task: str = "fit"
    kind: Literal["race", "memory", "scaling", "files", "files-scaling", "cold", "cluster"] = "race"
    reads: float | None = None
    equal: float = 1e-9
    memory: float | None = None


_CASES = (
    Case("tall", "2,000,000 x 50, L2, C=1", ("tall",), 10, reads=14),
    Case(
        "tall-correlated",
        "the same, columns correlated 0.95, scales 1e-3 to 1e3",
        ("tall-correlated",),
        15,
    ),
    Case("tall-fortran", "tall, X in Fortran order", ("tall-fortran",), 8),
    Case("tall-float32", "tall, X of float32", ("tall-float32",), 8),
    Case("tall-unpenalised", "tall, no penalty", ("tall-unpenalised",), 10),
    Case("breast-cancer", "569 x 30, unscaled, L2, C=1", ("breast-cancer",), 3),
    Case("multinomial", "200,000 x 50, 10 classes, L2, C=1", ("multinomial",), 5),
    Case("digits", "1,797 x 64, 10 classes, L2, C=1", ("digits",), 5),
    Case("wide", "1,000 x 20,000, L2, C=1", ("wide",), 3),
    Case("sparse-l2", "100,000 x 100,000, tf-idf, 66 entries a row, L2, C=1", ("sparse",), 3),
    Case("sparse-l1", "the same, L1, C=1", ("sparse-l1",), 3, task="fit-l1"),
    Case(
        "l1-path",
        "2,000 x 5,000, correlated 0.5, L1, 100 penalties to 0.01 of the largest",
        ("l1-path",),
        2,
        task="path",
    ),
    Case(
        "l1-path-loose",
        "the same at adelie's own tolerance",
        ("l1-path",),
        1.3,
        task="loose-path",
        equal=1e-4,
    ),
    Case(
        "enet-path",
        "5,000 x 500, 5 classes, l1_ratio 0.5, 100 penalties to 0.01 of the largest",
        ("enet-path",),
        2,
        task="path",
    ),
    Case(
        "cv-small",
        "LogisticRegressionCV, 10 Cs x 5 folds, breast cancer scaled",
        ("scaled-breast-cancer",),
        10,
        task="cv",
    ),
    Case("cv-tall", "the same, 200,000 x 50", ("cv",), 10, task="cv"),
    Case(
        "logit-statsmodels",
        "500,000 x 30, no penalty: fit and print the table of coefficients",
        ("inference",),
        8,
        task="summary-statsmodels",
    ),
    Case("logit-glum", "the same", ("inference",), 3, task="summary-glum"),
    Case("predict", "predict_proba, 2,000,000 x 50", ("tall",), 2, task="predict"),
    Case("predict-one", "predict_proba, 1 x 50", ("small",), 2, task="predict-one"),
    Case("memory", "peak beyond X, tall", ("tall",), 0.05, kind="memory"),
    Case(
        "scaling",
        "time per row at p = 20, beyond 1e6 rows",
        ("rows-1e4", "rows-1e5", "rows-1e6", "rows-3e6", "rows-1e7"),
        1.5,
        kind="scaling",
    ),
    Case(
        "parquet-10m",
        "Parquet files, 10,000,000 x 50 of float32, L2, C=1",
        ("10m-50",),
        6,
        kind="files",
        memory=1e9,
    ),
    Case(
        "parquet-100m",
        "Parquet files, time per row of 100,000,000 x 20 over that of 10,000,000 x 20",
        ("10m-20", "100m-20"),
        1.5,
        kind="files-scaling",
        memory=1e9,
    ),
    Case(
        "dask-10m",
        "two local workers, 10,000,000 x 50, L2, C=1",
        ("spread-10m",),
        5,
        task="fit-spread",
        kind="cluster",
    ),
    Case(
        "dask-overhead",
        "the same by ourselves: our threads beside two Dask workers",
        ("spread-10m",),
        0.5,
        task="fit-ours",
        kind="cluster",
    ),
    Case(
        "dask-text",
        "two local workers, 1,000,000 x 100,000, tf-idf, 50 entries a row, L2, C=1",
        ("spread-text",),
        1,
        task="fit-spread",
        kind="cluster",
        memory=24e9,
    ),
    Case("predict-cold", "oddsmith predict, one row, cold start", (), 0.4, kind="cold"),
)

CASES: dict[str, Case] = {case.name: case for case in _CASES}
