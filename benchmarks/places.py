"""Where chunks of rows lie while programs fit them: on Dask workers, in Spark, or in this process.

They are made there, and are all there before a clock starts. Every place is of this machine.
"""

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.cluster_data import Chunks, chunk_bytes
from benchmarks.data import Array

__all__ = ["PLACES", "Here", "OnDask", "OnSpark", "Place", "spark_session"]

_READS = 5


class Place:
    """Rows in a place.

    Parameters
    ----------
    chunks : Chunks
    threads : int
        Workers of one thread each; or threads.
    """

    def __init__(self, chunks: Chunks, threads: int) -> None:
        self.chunks = chunks
        self.threads = threads

    def bytes(self) -> int:
        """Bytes of X."""
        return 0

    def read(self) -> float:
        """Seconds of one read of X: the best of a few."""
        times = []
        for _ in range(_READS):
            start = time.perf_counter()
            self._sum()
            times.append(time.perf_counter() - start)
        return min(times)

    def _sum(self) -> None:
        """Add up all entries of X."""


class OnDask(Place):
    """Arrays on the workers of a local Dask cluster, in processes, on the loopback alone.

    Attributes
    ----------
    client : distributed.Client
    X, y : dask arrays
        Persisted.
    made : list of Future
        Of (X, y), chunk by chunk: the same arrays.
    """

    def __init__(self, chunks: Chunks, threads: int) -> None:
        super().__init__(chunks, threads)
        import dask.array as da
        from dask.delayed import delayed
        from distributed import Client, LocalCluster, wait

        self.cluster = LocalCluster(
            n_workers=threads,
            threads_per_worker=1,
            memory_limit=None,  # nothing is spilled to disk
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
        )
        self.client = Client(self.cluster)
        # Each worker makes the same number of chunks, and keeps both parts of each.
        workers = sorted(self.client.scheduler_info(n_workers=-1)["workers"])
        made = [
            self.client.submit(chunks.make, k, workers=[workers[k * threads // chunks.count]])
            for k in range(chunks.count)
        ]
        self.made = made
        wait(made)
        first: Any = delayed(_item)
        meta = sp.csr_matrix((0, 0)) if chunks.sparse else np.empty((0, 0))
        shape, kind = (chunks.rows, chunks.p), np.dtype(float)
        X = [da.from_delayed(first(one, 0), shape, dtype=kind, meta=meta) for one in made]
        y = [da.from_delayed(first(one, 1), shape[:1], dtype=np.dtype(np.int8)) for one in made]
        self.X, self.y = self.client.persist([da.concatenate(X), da.concatenate(y)])
        wait([self.X, self.y])

    def bytes(self) -> int:
        """Bytes of X."""
        return sum(self.client.gather(self._each(chunk_bytes)))

    def close(self) -> None:
        """End the cluster."""
        self.client.close()
        self.cluster.close()

    def _sum(self) -> None:
        self.client.gather(self._each(_entries))

    def _each(self, what: Callable[[Any], Any]) -> list[Any]:
        from distributed import futures_of

        return self.client.map(what, futures_of(self.X), pure=False)


def _item(pair: tuple[Any, Array], place: int) -> Any:
    return pair[place]


def _entries(X: Any) -> float:
    return float((X.data if hasattr(X, "indptr") else X).sum())


class OnSpark(Place):
    """A frame of vectors `features` and numbers `label`, cached in Spark's own process.

    Attributes
    ----------
    session : SparkSession
    frame : DataFrame
    """

    memory = "12g"

    def __init__(self, chunks: Chunks, threads: int) -> None:
        super().__init__(chunks, threads)
        scratch = tempfile.mkdtemp(prefix="oddsmith-spark-")
        self.session = spark_session(threads, self.memory, scratch)
        numbers = self.session.sparkContext.parallelize(range(chunks.count), chunks.count)
        make = chunks.make
        rows: Any = numbers.flatMap(lambda k: _sparse_rows(make, k)) if chunks.sparse else None
        self.frame = self.session.createDataFrame(rows, _schema()) if rows else self._dense()
        self.frame = self.frame.persist()
        self.frame.count()

    def _dense(self) -> Any:
        """Vectors of lists, which Arrow brings into Spark without a Python object for each."""
        from pyspark.ml.functions import array_to_vector
        from pyspark.sql import functions

        make = self.chunks.make
        frame = self.session.range(0, self.chunks.count, 1, self.chunks.count)
        lists = frame.mapInArrow(lambda some: _arrow(make, some), "x array<double>, label double")
        return lists.select(array_to_vector(functions.col("x")).alias("features"), "label")


def _schema() -> Any:
    from pyspark.ml.linalg import VectorUDT
    from pyspark.sql.types import DoubleType, StructField, StructType

    return StructType([StructField("features", VectorUDT()), StructField("label", DoubleType())])


def _sparse_rows(make: Callable[[int], tuple[Any, Array]], number: int) -> Any:
    from pyspark.ml.linalg import SparseVector

    X, y = make(number)
    X.sort_indices()
    ends = X.indptr
    for i, label in enumerate(y.tolist()):
        own = slice(ends[i], ends[i + 1])
        yield SparseVector(X.shape[1], X.indices[own], X.data[own]), float(label)


def _arrow(make: Callable[[int], tuple[Any, Array]], batches: Any) -> Any:
    """Rows of the chunks whose numbers come, some thousand at a time."""
    import pyarrow as pa

    for batch in batches:
        for number in batch.column(0).to_pylist():
            X, y = make(number)
            for first in range(0, len(y), 8192):
                some = X[first : first + 8192]
                ends = np.arange(0, some.size + 1, X.shape[1], dtype=np.int32)
                lists = pa.ListArray.from_arrays(pa.array(ends), pa.array(some.ravel()))
                labels = pa.array(y[first : first + 8192].astype(np.float64))
                yield pa.RecordBatch.from_arrays([lists, labels], ["x", "label"])


class Here(Place):
    """Arrays in the memory of this process.

    Attributes
    ----------
    X : array or CSR matrix of shape (n, p)
    y : array of shape (n,)
    """

    def __init__(self, chunks: Chunks, threads: int) -> None:
        super().__init__(chunks, threads)
        self.y = np.empty(chunks.n, dtype=np.int8)
        rows = [slice(k * chunks.rows, (k + 1) * chunks.rows) for k in range(chunks.count)]
        with ThreadPoolExecutor(threads) as pool:
            if chunks.sparse:
                made = list(pool.map(chunks.make, range(chunks.count)))
                self.X: Any = sp.csr_matrix(sp.vstack([X for X, _ in made]))
                self.y[:] = np.concatenate([y for _, y in made])
                return
            self.X = np.empty((chunks.n, chunks.p))

            def fill(number: int) -> None:
                self.X[rows[number]], self.y[rows[number]] = chunks.make(number)

            list(pool.map(fill, range(chunks.count)))

    def bytes(self) -> int:
        """Bytes of X."""
        return chunk_bytes(self.X)

    def _sum(self) -> None:
        entries = (self.X.data if self.chunks.sparse else self.X).ravel()
        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(np.sum, np.array_split(entries, self.threads)))


def spark_session(threads: int, memory: str, scratch: str | os.PathLike[str]) -> Any:
    """Start Spark with an executor of `threads` threads, on the loopback alone."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local[{threads}]")
    said = {
        "spark.driver.memory": memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch) + "/warehouse",
        "spark.ui.enabled": "false",
    }
    for name, value in said.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


PLACES: dict[str, type[Place]] = {"dask": OnDask, "spark": OnSpark, "here": Here}
