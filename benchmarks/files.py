"""Parquet files of any size, made from a seed, and the objective over their rows.

Rows are those of `benchmarks.data.Truth`: standard normal, float32, a margin of standard deviation
`SIGNAL`, intercept 0.5. They are made a row group at a time, each from a seed of its own, so that
memory is bounded and the first files of a large table are those of a small one.
"""

import math
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.data import SIGNAL, Array

__all__ = ["TABLES", "TARGET", "Files", "NoSpace", "Table", "batches", "file_objective"]

TARGET = "y"
_BATCH = 2**13  # rows that are read at a time: as float32 they stay in a cache
_SPARE = 2 * 10**9  # bytes that stay free on the disk


class NoSpace(Exception):  # noqa: N818  a fact about the disk
    """The disk is too small for a table."""


@dataclass(frozen=True)
class Files:
    """A table on disk.

    Parameters
    ----------
    paths : tuple of Path
    n, p : int
        Rows, and columns without the target.
    C : float
    """

    paths: tuple[Path, ...]
    n: int
    p: int
    C: float

    @property
    def bytes(self) -> int:
        """Bytes of the files."""
        return sum(path.stat().st_size for path in self.paths)


@dataclass(frozen=True)
class Table:
    """How a table is made: zstd Parquet, float32 columns x0, x1, ..., int8 target y.

    Parameters
    ----------
    n, p : int
        Rows and columns.
    C : float
    n_file, n_group : int
        Rows of a file, and of a row group.
    kept : bool
        Whether the files stay for the next run.
    """

    n: int
    p: int
    C: float = 1.0
    n_file: int = 2_000_000
    n_group: int = 1_000_000
    kept: bool = True

    def home(self, root: Path, seed: int, scale: float) -> Path:
        """Folder of the files: tables that differ in `n` alone share it."""
        group = self._scaled(self.n_group, scale)
        return root / f"{self.p}-columns-groups-of-{group}-seed-{seed}"

    def make(self, root: Path, seed: int, scale: float, threads: int) -> Files:
        """Make the files that are not there yet.

        Parameters
        ----------
        root : Path
            Made if need be.
        seed : int
        scale : float
            Share of the rows; the number of files stays.
        threads : int
            Each makes a file at a time.

        Returns
        -------
        Files

        Raises
        ------
        NoSpace
            If the disk would be all but full.
        """
        home = self.home(root, seed, scale)
        home.mkdir(parents=True, exist_ok=True)
        group = self._scaled(self.n_group, scale)
        groups = self.n_file // self.n_group
        paths = [home / f"part-{k:05}.parquet" for k in range(self.n // self.n_file)]
        missing = [k for k, path in enumerate(paths) if not path.exists()]
        needed = len(missing) * groups * group * (4 * self.p + 1)
        free = shutil.disk_usage(home).free
        if needed + _SPARE > free:
            raise NoSpace(f"{home} needs {needed / 1e9:.0f} GB, and {free / 1e9:.0f} GB are free")
        with ThreadPoolExecutor(threads) as pool:
            seeds = [[(seed, k * groups + j) for j in range(groups)] for k in missing]
            list(pool.map(self._write, [paths[k] for k in missing], seeds, [group] * len(missing)))
        return Files(tuple(paths), len(paths) * groups * group, self.p, self.C)

    def discard(self, root: Path, seed: int, scale: float) -> None:
        """Remove the files, unless they are kept."""
        if not self.kept:
            shutil.rmtree(self.home(root, seed, scale), ignore_errors=True)

    def _scaled(self, n: int, scale: float) -> int:
        return max(round(n * scale), 20)

    def _write(self, path: Path, seeds: Sequence[tuple[int, int]], n: int) -> None:
        """Write one file, under another name until it is whole."""
        import pyarrow as pa
        from pyarrow import parquet

        names = [f"x{j}" for j in range(self.p)]
        schema = pa.schema([*((name, pa.float32()) for name in names), (TARGET, pa.int8())])
        part = path.with_suffix(".part")
        # Continuous columns repeat no value, which a dictionary is for.
        how = {"compression": "zstd", "use_dictionary": False}
        with parquet.ParquetWriter(part, schema, **how) as writer:
            for seed, group in seeds:
                X, y = self._rows(seed, group, n)
                arrays = [pa.array(column) for column in (*X, y)]
                writer.write_table(pa.table(arrays, schema=schema), row_group_size=n)
        part.replace(path)

    def _rows(self, seed: int, group: int, n: int) -> tuple[Array, Array]:
        """Columns (p, n) and labels (n,) of one row group."""
        direction = np.random.default_rng(seed).standard_normal(self.p)
        direction *= SIGNAL / np.linalg.norm(direction)
        rng = np.random.default_rng((seed, group))
        X = rng.standard_normal((self.p, n), dtype=np.float32)
        margin = direction.astype(np.float32) @ X
        return X, (rng.logistic(size=n) < margin + 0.5).astype(np.int8)


TABLES: dict[str, Table] = {
    "10m-50": Table(10_000_000, 50),
    "10m-20": Table(10_000_000, 20, kept=False),
    "100m-20": Table(100_000_000, 20, kept=False),
}


def batches(paths: Sequence[Path | str]) -> Iterator[tuple[Array, Array]]:
    """Read the rows, some 8,192 at a time: X of shape (n, p) and float32, y of shape (n,)."""
    from pyarrow import parquet

    for path in paths:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH):
                names = [name for name in batch.schema.names if name != TARGET]
                X = batch.select(names).to_tensor().to_numpy()
                yield X, batch.column(TARGET).to_numpy()


def file_objective(files: Files, coef: Array, intercept: float) -> float:
    """Evaluate ``C * sum_i loss_i + 1/2 ||w||^2`` at float64, the batches' sums added exactly.

    Parameters
    ----------
    files : Files
    coef : array of shape (p,)
    intercept : float

    Returns
    -------
    float
        Nats.
    """
    w = np.asarray(coef, dtype=np.float64)
    sums = []
    for X, y in batches(files.paths):
        margin = X.astype(np.float64) @ w + intercept
        sums.append(float(np.logaddexp(0.0, np.where(y == 1, -margin, margin)).sum()))
    loss = math.fsum(sums)
    if math.isinf(files.C):
        return loss
    return files.C * loss + 0.5 * math.fsum(w**2)
