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
        Keys of `benchmarks.data.DATASETS`; several in a case of kind "scaling".
    target : float
        Of a "race", the least ratio of times; of "memory", the largest share of X; of "scaling",
        the largest ratio of times per row.
    task : str
        A key of `benchmarks.tasks.TASKS`.
    kind : str
        "race": times beside each peer's. "memory": peaks beside each peer's. "scaling": ours
        alone, on data of several sizes.
    reads : float, optional
        How many reads of X the call may take, in time.
    """

    name: str
    title: str
    data: tuple[str, ...]
    target: float
    task: str = "fit"
    kind: Literal["race", "memory", "scaling"] = "race"
    reads: float | None = None


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
)

CASES: dict[str, Case] = {case.name: case for case in _CASES}
