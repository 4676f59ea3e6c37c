"""Dask arrays and frames at the door: fits and predictions on the workers that hold them.

A collection is cut into the partitions that it has; each is checked and encoded where it is made,
and stays there until the fit is done. Predictions are collections again, and lazy.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.core.parts import Part
from oddsmith.data.table_part import PackTable, TablePart, TableSchema
from oddsmith.engines.dask import DaskParts
from oddsmith.errors import DataError, MissingPackageError, ParameterError
from oddsmith.estimators.parameters import check_stopping, elastic_net
from oddsmith.estimators.parts import Rows, array_rows, fit_rows, pack_array, pack_table, table_rows
from oddsmith.estimators.request import Asked, checked_model
from oddsmith.estimators.trained import Complaints, TrainedClassifier
from oddsmith.inference.likelihood import CovarianceKind
from oddsmith.views.files_progress import files_progress

__all__ = ["collection_rows", "dask_client", "fit_collection", "partitions"]

# A cluster in this process' threads. The HTTP servers that Dask starts with any would listen to the
# whole network, and on a port that others want.
_HERE: dict[str, Any] = {
    "processes": False,
    "n_workers": 1,
    "set_as_default": False,
    "dashboard_address": "127.0.0.1:0",
    "worker_dashboard_address": "127.0.0.1:0",
    "scheduler_kwargs": {"dashboard": False},
}
_WEIGHT, _OFFSET = "(sample_weight)", "(offset)"


@contextmanager
def dask_client(client: Any = None) -> Iterator[Any]:
    """Client to use: the one that is given, that of the session, or one of this process' threads.

    Raises
    ------
    MissingPackageError
        If distributed is not installed.
    ParameterError
        If the client is asynchronous.
    """
    try:
        from distributed import Client, get_client
    except ImportError:
        raise MissingPackageError(
            "Dask collections need the package distributed; install it with: pip install "
            '"oddsmith[dask]"'
        ) from None
    if client is None:
        try:
            client = get_client()
        except ValueError:
            with Client(**_HERE) as own:
                yield own
            return
    if client.asynchronous:
        raise ParameterError("the Dask client is asynchronous; give one with asynchronous=False")
    yield client


def fit_collection(
    model: TrainedClassifier,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    offset: Any = None,
    *,
    inference: bool = False,
    kind: CovarianceKind = "nonrobust",
) -> Complaints:
    """Fit a Dask array or frame, and return what there is to warn of.

    Parameters
    ----------
    model : LogisticRegression
        It keeps the fit.
    X : dask Array of shape (n, p), or dask DataFrame
        An array's blocks may be sparse (CSR).
    y : dask Array or Series, in the same partitions, or array of shape (n,)
    sample_weight, offset : like y, optional
    inference, kind
        See `fit_rows`.

    Raises
    ------
    DataError
        If the data cannot be fitted; the message names partition, row and column.
    ParameterError
        If a parameter cannot be used.
    ClusterError
        If the cluster goes away.
    """
    with dask_client() as client, files_progress(bool(model.verbose)) as told:
        rows = collection_rows(model, client, X, y, sample_weight, offset)
        rows.source.watch = told.began
        return fit_rows(model, rows, watch=told.iteration, inference=inference, kind=kind)


def collection_rows(
    model: TrainedClassifier, client: Any, X: Any, y: Any, sample_weight: Any, offset: Any
) -> Rows:
    """Rows of a collection, encoded on the workers; the model learns its columns."""
    if y is None:
        raise DataError("requires y to be passed, but the target y is None: give the labels.")
    if _is_frame(X):
        return _frame_rows(model, client, X, y, sample_weight, offset)
    return _array_rows(model, client, X, y, sample_weight, offset)


def _is_frame(X: Any) -> bool:
    # An object of `dask.delayed` has an attribute of any name.
    cut = isinstance(getattr(X, "npartitions", None), int) and hasattr(X, "divisions")
    return cut and X.ndim == 2


def partitions(X: Any, *beside: tuple[str, Any]) -> tuple[list[Any], list[Any]]:
    """Delayed partitions of a collection with what belongs to their rows, and numbers of rows.

    Parameters
    ----------
    X : dask Array of shape (n, p), or dask DataFrame
    *beside : (name, values)
        Values in the same partitions, or None; of an array X also arrays in memory.

    Returns
    -------
    list of Delayed
        Tuples: the rows, and then each of the values.
    list of int or NaN
        Rows of each, NaN where nobody knows.

    Raises
    ------
    DataError
        If X is no table of rows and columns, or values are cut otherwise.
    """
    if _is_frame(X):
        items = _of_frame(X, beside)
        return items, [np.nan] * len(items)
    ndim = getattr(X, "ndim", 0)
    if not isinstance(ndim, int) or ndim != 2:
        raise DataError(
            f"X is a Dask {type(X).__name__}; give an array of shape (n, p) or a data frame"
        )
    return _of_array(X, beside), list(X.chunks[0])


def _of_array(X: Any, beside: Sequence[tuple[str, Any]]) -> list[Any]:
    from dask.delayed import delayed

    if len(X.chunks[1]) > 1:
        X = X.rechunk({1: -1})
    blocks = X.to_delayed(optimize_graph=False).ravel()
    others = [_beside(values, X, name) or [None] * len(blocks) for name, values in beside]
    pack: Any = delayed(_tuple, pure=False)
    return [pack(*own) for own in zip(blocks, *others, strict=True)]


def _of_frame(X: Any, beside: Sequence[tuple[str, Any]]) -> list[Any]:
    """Partitions of frames and series by one plan: Dask reads together what is small.

    Planned one by one, columns of a Parquet file could be cut otherwise than others of it.
    """
    from dask.dataframe import from_dask_array, map_partitions

    there = []
    for name, values in beside:
        if values is None:
            continue
        if not hasattr(values, "to_delayed"):
            raise DataError(
                f"{name} is of type {type(values).__name__}, and X is a Dask frame; give a Dask "
                "series or array in the same partitions, such as a column of the frame"
            )
        own = from_dask_array(values) if hasattr(values, "chunks") else values
        if own.npartitions != X.npartitions:
            raise _other_cut(name, own.npartitions, X.npartitions)
        there.append(own)
    known = tuple(values is not None for _, values in beside)
    made: Any = map_partitions(
        _with_gaps, X, *there, known=known, meta=X._meta, align_dataframes=False,
        enforce_metadata=False,
    )  # fmt: skip
    return list(made.to_delayed())


def _with_gaps(*own: Any, known: tuple[bool, ...]) -> tuple[Any, ...]:
    rows, *there = own
    values = iter(there)
    return rows, *(next(values) if one else None for one in known)


def _tuple(*own: Any) -> tuple[Any, ...]:
    return own


def _array_rows(
    model: TrainedClassifier, client: Any, X: Any, y: Any, sample_weight: Any, offset: Any
) -> Rows:
    penalty = elastic_net(model.C, model.l1_ratio, model.penalty)
    check_stopping(model.tol, model.max_iter)
    checked_model(model)
    if model.encoder is not None:
        raise ParameterError("encoder encodes tables, and X is a Dask array; give a Dask frame")
    items, _ = partitions(X, *_named(y, sample_weight, offset))
    parts = DaskParts(client, items).prepared(pack_array(X.shape[1]), "oddsmith read")
    name = getattr(y, "name", None) if hasattr(y, "npartitions") else None
    return array_rows(
        model,
        penalty,
        parts,
        int(X.shape[1]),
        target=name if _is_series(y) and isinstance(name, str) else None,
        with_offset=offset is not None,
    )


def _named(y: Any, sample_weight: Any, offset: Any) -> list[tuple[str, Any]]:
    return [("y", y), ("sample_weight", sample_weight), ("offset", offset)]


def _is_series(values: Any) -> bool:
    return hasattr(values, "npartitions") and hasattr(values, "to_dask_array")


def _beside(values: Any, X: Any, name: str) -> list[Any] | None:
    """Delayed parts of what belongs to the rows of an array, cut as the array is."""
    import dask.array

    if values is None:
        return None
    if _is_frame(values) or _is_series(values):
        return _same_count(values.to_delayed(optimize_graph=False), X.numblocks[0], name)
    known = not np.isnan(X.chunks[0]).any()
    if not hasattr(values, "__dask_graph__"):
        given = np.asarray(values)
        if given.ndim == 0 or not known or given.shape[0] != X.shape[0]:
            raise DataError(
                f"{name} has shape {given.shape}, and X is a Dask array of shape {X.shape}; give a "
                "Dask array in the same chunks"
            )
        chunks: Any = (X.chunks[0], *given.shape[1:])
        values = dask.array.from_array(given, chunks=chunks)
    if known and not np.isnan(values.chunks[0]).any():
        if values.shape[0] != X.shape[0]:
            raise DataError(
                f"{name} has {values.shape[0]} rows, and X {X.shape[0]}; give one for each"
            )
        values = values.rechunk((X.chunks[0], *(-1 for _ in values.shape[1:])))
    return _same_count(values.to_delayed(optimize_graph=False).ravel(), X.numblocks[0], name)


def _same_count(parts: Sequence[Any], count: int, name: str) -> list[Any]:
    if len(parts) != count:
        raise _other_cut(name, len(parts), count)
    return list(parts)


def _other_cut(name: str, own: int, count: int) -> DataError:
    return DataError(
        f"{name} is in {own} partitions, and X in {count}; cut both into the same (columns of one "
        "frame are, and arrays whose chunk sizes are known can be: compute_chunk_sizes())"
    )


@dataclass(frozen=True, slots=True)
class _PackFrame:
    """Reads a partition: from a frame and what belongs to its rows to a `TablePart`.

    Attributes
    ----------
    target : str
        What the outcome is called.
    own : object or None
        What X itself calls the outcome, where it is one of its columns.
    pack : PackTable
    """

    target: str
    own: Any
    pack: PackTable

    def __call__(self, part: Part) -> TablePart:
        return self.pack(Part(part.number, _frame(self, part.number, *part.rows)))


def _frame_rows(
    model: TrainedClassifier, client: Any, X: Any, y: Any, sample_weight: Any, offset: Any
) -> Rows:
    labels = {str(label): label for label in X.columns}
    if len(labels) < len(X.columns):
        raise DataError("X has two columns whose names read the same; rename all but one.")
    name = _outcome_name(y)
    own = labels.get(name) if name is not None else None
    target = name or ("y" if "y" not in labels else "(outcome)")
    items, _ = partitions(X, *_named(y, sample_weight, offset))
    fields = _fields(client, X)
    features = [one for one in fields if one != name]
    fields |= _fields_beside(y, target, sample_weight, offset)
    asked = Asked.about(
        TableSchema("X", fields),
        target,
        model,
        features=features,
        weight=None if sample_weight is None else _WEIGHT,
        offset=None if offset is None else _OFFSET,
    )
    pack = _PackFrame(target, own, pack_table(asked))
    parts = DaskParts(client, items).prepared(pack, "oddsmith read")
    rows = table_rows(model, asked, parts)
    model.target_ = name
    return rows


def _outcome_name(y: Any) -> str | None:
    if _is_frame(y):
        if len(y.columns) != 1:
            raise DataError(
                f"y has {len(y.columns)} columns; give one, whose values are the labels."
            )
        return str(y.columns[0])
    name = getattr(y, "name", None) if _is_series(y) else None
    return name if isinstance(name, str) and name else None


def _fields(client: Any, X: Any) -> dict[str, Any]:
    """Arrow's fields of the columns; what their types leave open is looked up in the rows."""
    import pyarrow as pa

    found = _arrow_fields(X._meta)
    kinds = {str(label): kind for label, kind in X._meta.dtypes.items()}
    open_ = [name for name, kind in kinds.items() if kind.name in ("object", "category")]
    if not open_:
        return found
    from dask.delayed import delayed

    own = [label for label in X.columns if str(label) in open_]
    look: Any = delayed(_arrow_fields, pure=False)
    looked = client.gather(client.compute([look(part) for part in X[own].to_delayed()]))
    for name in open_:
        types = [fields[name] for fields in looked if fields[name].type != pa.null()]
        found[name] = types[0] if types else pa.field(name, pa.null())
    return found


def _arrow_fields(frame: Any) -> dict[str, Any]:
    import pyarrow as pa

    try:
        schema = pa.Schema.from_pandas(frame, preserve_index=False)
    except pa.ArrowException as error:
        why = ". ".join(map(str, error.args))
        raise DataError(f"X: {why}; make one kind of the column") from None
    return {str(field.name): field for field in schema}


def _fields_beside(y: Any, target: str, weight: Any, offset: Any) -> dict[str, Any]:
    import pyarrow as pa

    found = {target: pa.field(target, pa.string())}
    dtype = getattr(y, "dtype", None)
    if dtype is not None and getattr(dtype, "kind", "O") in "mM":
        raise DataError("y holds dates or times; give labels: numbers, strings or booleans")
    for name, values in ((_WEIGHT, weight), (_OFFSET, offset)):
        if values is not None:
            found[name] = pa.field(name, pa.float64())
    return found


def _frame(names: _PackFrame, place: int, X: Any, y: Any, weight: Any, offset: Any) -> Any:
    """Partition with the outcome and what belongs to the rows as columns."""
    import pandas as pd

    frame = X.copy(deep=False)
    if names.own is not None:
        inside = frame.pop(names.own)
        if not _same(_values(inside), _values(y)):
            raise DataError(
                f"X has a column {quoted(names.target)}, the name of y, with other values than y: "
                "leave it out if it is the outcome in other words, or rename y if it is a feature."
            )
    frame.columns = [str(label) for label in frame.columns]
    for name, word, values in (
        (names.target, "y", y),
        (_WEIGHT, "sample_weight", weight),
        (_OFFSET, "offset", offset),
    ):
        if values is None:
            continue
        own = values.iloc[:, 0] if getattr(values, "ndim", 1) == 2 else values
        own = own.array if hasattr(own, "array") else np.asarray(own)
        if len(own) != len(frame):
            raise DataError(
                f"partition {place} of X has {len(frame)} rows, and that of {word} {len(own)}; cut "
                "both into the same partitions"
            )
        frame[name] = pd.Series(own, index=frame.index)
    return frame


def _same(one: Any, other: Any) -> bool:
    """Whether values are equal; where both are missing is said later, with the row."""
    import pandas as pd

    lost = pd.isna(one)
    same = one.shape == other.shape and np.array_equal(lost, pd.isna(other))
    return bool(same and np.array_equal(one[~lost], other[~lost]))


def _values(column: Any) -> Any:
    own = column.iloc[:, 0] if getattr(column, "ndim", 1) == 2 else column
    return np.asarray(own, dtype=object)
