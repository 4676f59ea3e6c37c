"""Rows of a table that a page carries: brought to one kind, joined, and chosen by their size."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from oddsmith.core.encoding import ColumnEncoding
from oddsmith.core.table_columns import Column, objects
from oddsmith.views.pages.report.document import Whole

__all__ = ["chosen_examples", "joined", "uniform"]

# Characters that the rows of a page may take, and how many rows there are at the most.
_CHARACTERS, _ROWS = 700_000, 2000
# Rows whose length is looked at.
_LOOKED_AT = 64


def uniform(column: Column, one: ColumnEncoding) -> Column:
    """Column of the kind that its encoding has, whatever the values came as.

    Examples
    --------
    >>> from oddsmith.export.schema import plain_encoding
    >>> [one] = plain_encoding(["new"], ["new"]).columns
    >>> given = Column("new", "number", np.array([0.0, 1.0]), np.empty(0), np.empty(0))
    >>> uniform(given, one).kind
    'boolean'
    """
    if column.kind == one.kind:
        return replace(column, declared=None)
    if one.kind != "category":
        values = np.full(column.n_rows, np.nan) if column.kind == "category" else column.values
        return Column(one.name, one.kind, values, np.empty(0, np.intp), objects([]))
    levels, codes = objects([]), np.full(column.n_rows, -1)
    there = ~np.isnan(column.values)
    if there.any():
        found, own = np.unique(column.values[there], return_inverse=True)
        levels, codes[there] = objects(found.tolist()), own
    return Column(one.name, "category", np.empty(0), codes, levels)


def joined(parts: Sequence[Column]) -> Column:
    """Parts of one column, of one kind, one after another.

    Examples
    --------
    >>> a = Column("site", "category", np.empty(0), np.array([0]), objects(["b"]))
    >>> b = Column("site", "category", np.empty(0), np.array([-1, 0]), objects(["a"]))
    >>> both = joined([a, b])
    >>> both.codes.tolist(), both.levels.tolist()
    ([1, -1, 0], ['a', 'b'])
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    if first.kind != "category":
        return replace(first, values=np.concatenate([part.values for part in parts]))
    levels = sorted({level for part in parts for level in part.levels.tolist()})
    places = {level: place for place, level in enumerate(levels)}
    codes = [
        np.array([*(places[level] for level in part.levels.tolist()), -1], np.intp)[part.codes]
        for part in parts
    ]
    return replace(first, codes=np.concatenate(codes), levels=objects(levels))


def chosen_examples(columns: Sequence[Column], n: int) -> Whole:
    """Places of rows, evenly spaced, that take at most some hundred thousand characters.

    Examples
    --------
    >>> dose = Column("dose", "number", np.arange(4000.0), np.empty(0), np.empty(0))
    >>> chosen_examples([dose], 4000)[-2:]
    array([3996, 3998])
    """
    looked_at = np.linspace(0, n - 1, min(n, _LOOKED_AT)).astype(np.intp)
    size = sum(_characters(column, looked_at) for column in columns) / looked_at.size
    # Levels are written once; their text has a place in the budget all the same.
    text = sum(len(repr(level)) for column in columns for level in column.levels.tolist())
    left = max(_CHARACTERS // 4, _CHARACTERS - text)
    most = int(min(n, _ROWS, max(1, left // (size + 8))))
    return np.arange(most) * n // most


def _characters(column: Column, rows: Any) -> int:
    values = column.codes if column.kind == "category" else column.values
    return sum(len(repr(value)) + 1 for value in values[rows].tolist())
