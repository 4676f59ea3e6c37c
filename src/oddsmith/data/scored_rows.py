"""Rows of a batch as the columns of a model's encoding, and why some cannot be scored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from oddsmith.core.encoding import ColumnEncoding
from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import Column, Indices, objects
from oddsmith.core.table_encoding import TableEncoding
from oddsmith.data.arrow_values import as_numpy
from oddsmith.data.batches import Batch
from oddsmith.data.csv_bytes import arrow_csv
from oddsmith.errors import DataError

__all__ = [
    "Unscorable",
    "codes_of",
    "columns_of",
    "numbers_of",
    "place_of",
    "slice_of",
    "unscorable",
]


@dataclass(frozen=True, slots=True, eq=False)
class Unscorable:
    """Rows that lack something in one column.

    Attributes
    ----------
    name : str
        Of the column.
    rows : boolean array of shape (n,)
    what : str
        What is wrong with the first of them.
    """

    name: str
    rows: npt.NDArray[np.bool_]
    what: str

    @property
    def first(self) -> int:
        """Number of the first of them in the batch."""
        return int(np.argmax(self.rows))


def place_of(batch: Batch, row: int) -> str:
    """Where a row of a batch stands: file and line, or the row's number from 0.

    Examples
    --------
    >>> from pathlib import Path
    >>> place_of(Batch(Path("a.csv"), 0, np.array([2, 3]), {}, 2), 1)
    'a.csv: line 3'
    """
    if batch.lines is not None:
        return f"{batch.path}: line {batch.lines[row]}"
    return f"{batch.path}: row {batch.first_row + row} (from 0)"


def columns_of(batch: Batch, encoding: TableEncoding, names: Sequence[str]) -> list[Column]:
    """Columns of a batch in the order of an encoding, which calls them `names`.

    Raises
    ------
    DataError
        If a whole number is too large to be told from its neighbours as a float.
    """
    pairs = zip(encoding.columns, names, strict=True)
    return [_column(batch, one, name) for one, name in pairs]


def _column(batch: Batch, one: ColumnEncoding, name: str) -> Column:
    column = batch.columns[name]
    types = arrow_csv().types
    if not types.is_dictionary(column.type):
        boolean = types.is_boolean(column.type)
        values = numbers_of(batch, name)
        return Column(
            one.name,
            "boolean" if boolean else "number",
            values,
            np.empty(0, np.intp),
            np.empty(0, object),
        )
    codes, levels = codes_of(column)
    if not levels:
        return Column(
            one.name,
            "nothing",
            np.full(codes.size, np.nan),
            np.empty(0, np.intp),
            np.empty(0, object),
        )
    return Column(one.name, "category", np.empty(0), codes, objects(levels))


def numbers_of(batch: Batch, name: str) -> Array:
    """Numbers of a column of a batch as float64, NaN where they are missing.

    Raises
    ------
    DataError
        If a whole number is too large to be told from its neighbours as a float.
    """
    arrow = arrow_csv()
    column = batch.columns[name]
    try:
        column = column.cast(arrow.float64())
    except arrow.ArrowInvalid:
        raise DataError(
            f"{batch.path}: column {quoted(name)} holds whole numbers that floats would round; "
            "make text of them if they are identifiers, or round them"
        ) from None
    if column.null_count:
        column = arrow.compute.fill_null(column, float("nan"))
    return as_numpy(column)


def codes_of(column: Any) -> tuple[Indices, list[Any]]:
    """Codes of an Arrow dictionary, -1 where it is null, and the sorted levels that occur.

    Examples
    --------
    >>> import pyarrow
    >>> codes, levels = codes_of(pyarrow.array(["b", None, "a"]).dictionary_encode())
    >>> codes.tolist(), levels
    ([1, -1, 0], ['a', 'b'])
    """
    arrow = arrow_csv()
    found = column.dictionary.to_pylist()
    indices = column.indices.cast(arrow.int32())
    raw = as_numpy(indices.fill_null(len(found)) if indices.null_count else indices)
    there = np.bincount(raw, minlength=len(found) + 1)[:-1] > 0
    order = sorted(np.flatnonzero(there).tolist(), key=found.__getitem__)
    places = np.full(len(found) + 1, -1, dtype=np.int32)
    places[order] = np.arange(len(order))
    return places[raw], [found[code] for code in order]


def slice_of(columns: Sequence[Column], rows: slice) -> list[Column]:
    """Consecutive rows of columns whose levels are all known."""
    return [
        replace(column, codes=column.codes[rows], values=column.values[rows]) for column in columns
    ]


def unscorable(
    columns: Sequence[Column], encoding: TableEncoding, names: Sequence[str]
) -> list[Unscorable]:
    """Which rows a model cannot score, by column and cause: none as a rule."""
    found: list[Unscorable] = []
    for column, one, name in zip(columns, encoding.columns, names, strict=True):
        if one.refuses_missing() and column.n_missing:
            absent = column.codes < 0 if column.kind == "category" else np.isnan(column.values)
            what = "the value is missing, and the fit missed none there; fill it in"
            found.append(Unscorable(name, absent, what))
        if column.kind != "category":
            found += _bad_numbers(column, one, name)
        pools = encoding.unseen == "pool" and one.pooled_at is not None
        if one.kind == "category" and not pools:
            found += _never_seen(column, one, name)
    return found


def _bad_numbers(column: Column, one: ColumnEncoding, name: str) -> list[Unscorable]:
    values = column.values
    # A sum is finite where all values are, and is quickly made.
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(values.sum())
    found: list[Unscorable] = []
    if not np.isfinite(total) and np.isinf(values).any():
        found.append(Unscorable(name, np.isinf(values), "is not finite; write a finite number"))
    if one.kind == "boolean" and column.kind == "number":
        wrong = ~((values == 0) | (values == 1) | np.isnan(values))
        if wrong.any():
            what = "is neither true (1) nor false (0), as all were at the fit; correct it"
            found.append(Unscorable(name, wrong, what))
    return found


def _never_seen(column: Column, one: ColumnEncoding, name: str) -> list[Unscorable]:
    new = one.unseen(column)
    if not new:
        return []
    if column.kind == "category":
        places = {level: place for place, level in enumerate(column.levels.tolist())}
        rows = np.isin(column.codes, [places[level] for level in new])
        level = column.levels[column.codes[int(np.argmax(rows))]]
    else:
        rows = np.isin(column.values, [float(level) for level in new])
        level = column.values[int(np.argmax(rows))]
    what = f"{quoted(str(level))} is a level that the fit has not seen; correct it"
    return [Unscorable(name, rows, what)]
