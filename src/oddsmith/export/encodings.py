"""Encodings of tables as JSON, and back: checked, so that no place lies outside of the columns.

A column of numbers or booleans is written as::

    {"name": "dose", "kind": "number", "n_missing": 2, "mean": 0.5, "missing_at": 1}

with null for what it has not, and one of categories as::

    {"name": "site", "kind": "category", "n_missing": 0, "levels": ["a", "b", "c", "d"],
     "counts": [5, 3, 1, 1], "places": [-1, 0, 1, 1], "reference": "a", "pooled_at": 1,
     "missing_at": null}

``places`` says to which of the encoded columns each level belongs, -1 is the reference;
``pooled_at`` and ``missing_at`` say it of pooled levels and of missing values. ``reference`` is
null where the pooled levels are it.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from oddsmith.core.encoding import MISSING, POOLED, REFERENCE, ColumnEncoding
from oddsmith.core.labels import quoted
from oddsmith.core.table_columns import objects
from oddsmith.core.table_encoding import TableEncoding
from oddsmith.export.strict_json import (
    boolean,
    count,
    integer,
    items,
    known_keys,
    label,
    number,
    optional,
    refuse,
    text,
)

__all__ = ["encoding_tree", "read_encoding"]

_TABLE_KEYS = ("unseen", "min_count", "missing", "sparse", "columns")
_NUMBER_KEYS = ("name", "kind", "n_missing", "mean", "missing_at")
_CATEGORY_KEYS = (
    "name",
    "kind",
    "n_missing",
    "levels",
    "counts",
    "places",
    "reference",
    "pooled_at",
    "missing_at",
)
_UNSEEN = ("refuse", "pool")
_MISSING = ("refuse", "mean", "indicator", "drop")
# Limits before any array is made: far beyond what a file of our size can use.
_MOST_COLUMNS = 2**22
_MOST_LEVELS = 2**24


def encoding_tree(encoding: TableEncoding) -> dict[str, Any]:
    """Write an encoding as a tree that JSON can hold.

    Examples
    --------
    >>> none = np.empty(0, object)
    >>> dose = ColumnEncoding(
    ...     "dose", "number", 0, None, none, none, none, objects([None]), None, None, None
    ... )
    >>> tree = encoding_tree(TableEncoding((dose,), "refuse", 1, "refuse", False))
    >>> tree["columns"]
    [{'name': 'dose', 'kind': 'number', 'n_missing': 0, 'mean': None, 'missing_at': None}]
    >>> read_encoding(tree).names()
    ['dose']
    """
    return {
        "unseen": encoding.unseen,
        "min_count": encoding.min_count,
        "missing": encoding.missing,
        "sparse": encoding.sparse,
        "columns": [_column_tree(one) for one in encoding.columns],
    }


def _column_tree(one: ColumnEncoding) -> dict[str, Any]:
    head = {"name": one.name, "kind": one.kind, "n_missing": int(one.n_missing)}
    if one.kind != "category":
        mean = None if one.mean is None else float(one.mean)
        return {**head, "mean": mean, "missing_at": one.missing_at}
    return {
        **head,
        "levels": [_plain(level) for level in one.levels.tolist()],
        "counts": one.counts.tolist(),
        "places": one.places.tolist(),
        "reference": None if one.pooled_at == REFERENCE else _plain(one.reference),
        "pooled_at": one.pooled_at,
        "missing_at": one.missing_at,
    }


def _plain(level: Any) -> Any:
    """Level without the type that a library gave it."""
    if isinstance(level, str):
        return str.__str__(level)
    if isinstance(level, float):
        return float(level)
    return level.item() if isinstance(level, np.generic) else level


def read_encoding(tree: Any) -> TableEncoding:
    """Read an encoding from a tree.

    Raises
    ------
    ModelFileError
        If it is none, or contradicts itself.
    """
    found = known_keys(tree, '"encoding"', _TABLE_KEYS)
    unseen, missing = found["unseen"], found["missing"]
    if unseen not in _UNSEEN:
        refuse(f'"unseen" is not one of {", ".join(_UNSEEN)}')
    if missing not in _MISSING:
        refuse(f'"missing" is not one of {", ".join(_MISSING)}')
    columns = items(found["columns"], '"columns"')
    if len(columns) > _MOST_COLUMNS:
        refuse(f'"columns" holds {len(columns)} columns, beyond {_MOST_COLUMNS}')
    read = tuple(_read_column(one) for one in columns)
    if missing in ("refuse", "drop"):
        for one in read:
            if one.mean is not None or one.missing_at is not None:
                refuse(f"column {quoted(one.name)} encodes missing values, which are refused")
    return TableEncoding(
        read,
        unseen,
        integer(found["min_count"], '"min_count"', 1),
        missing,
        boolean(found["sparse"], '"sparse"'),
    )


def _read_column(tree: Any) -> ColumnEncoding:
    if not isinstance(tree, dict):
        refuse('"columns" holds something else than objects')
    kind = tree.get("kind")
    if kind == "category":
        return _read_category(known_keys(tree, "a column", _CATEGORY_KEYS))
    if kind not in ("number", "boolean"):
        refuse('the "kind" of a column is not number, boolean or category')
    found = known_keys(tree, "a column", _NUMBER_KEYS)
    name, at = text(found["name"], '"name"'), found["missing_at"]
    mean = optional(number, found["mean"], '"mean"')
    if at is not None and (integer(at, '"missing_at"', 1) != 1 or mean is None):
        refuse(f"column {quoted(name)} has no mean beside its indicator, or that is not at 1")
    none, empty = objects([]), np.empty(0, np.intp)
    return ColumnEncoding(
        name,
        kind,
        count(found["n_missing"], '"n_missing"'),
        mean,
        none,
        empty,
        empty,
        objects([None] if at is None else [None, MISSING]),
        None,
        None,
        at,
    )


def _read_category(found: dict[str, Any]) -> ColumnEncoding:
    name = text(found["name"], '"name"')
    levels = _levels(found["levels"], name)
    counts = [count(x, '"counts"') for x in items(found["counts"], '"counts"')]
    most = len(levels) + 2  # no encoded column is without a level, but two
    places = [integer(x, '"places"', -1, most) for x in items(found["places"], '"places"')]
    if not len(levels) == len(counts) == len(places):
        refuse(f"column {quoted(name)} has not as many counts and places as levels")
    pooled_at, missing_at = (
        optional(lambda x, where: integer(x, where, -1, most), found[key], f'"{key}"')
        for key in ("pooled_at", "missing_at")
    )
    labels, reference = _labels(name, levels, places, pooled_at, missing_at)
    given = optional(label, found["reference"], '"reference"')
    if (type(given), repr(given)) != (type(reference), repr(reference)):
        refuse(f"column {quoted(name)} has not the reference that its places say")
    return ColumnEncoding(
        name,
        "category",
        count(found["n_missing"], '"n_missing"'),
        None,
        objects(levels),
        np.array(counts, dtype=np.intp),
        np.array(places, dtype=np.intp),
        objects(labels),
        POOLED if reference is None else reference,
        pooled_at,
        missing_at,
    )


def _levels(value: Any, name: str) -> list[Any]:
    given = items(value, '"levels"')
    if not 0 < len(given) <= _MOST_LEVELS:
        refuse(f"column {quoted(name)} has {len(given)} levels, not 1 to {_MOST_LEVELS}")
    levels: list[Any] = [label(x, '"levels"') for x in given]
    if len(set(map(type, levels))) > 1:
        refuse(f"column {quoted(name)} has levels of several types")
    if not all(a < b for a, b in pairwise(levels)):
        refuse(f"the levels of column {quoted(name)} are not sorted, each once")
    return levels


def _labels(
    name: str, levels: list[Any], places: list[int], pooled_at: int | None, missing_at: int | None
) -> tuple[list[Any], Any]:
    """Label of each encoded column, and the reference; None where pooled levels are it."""
    labels: dict[int, Any] = {}
    reference: list[Any] = []
    for level, place in zip(levels, places, strict=True):
        if place == REFERENCE:
            reference.append(level)
        elif place == pooled_at:
            labels[place] = POOLED
        elif place in labels:
            refuse(f"two levels of column {quoted(name)} share the place {place}")
        else:
            labels[place] = level
    if pooled_at is not None and pooled_at != REFERENCE and pooled_at not in labels:
        refuse(f"no level of column {quoted(name)} is pooled")
    if missing_at is not None:
        if missing_at in labels or missing_at == REFERENCE:
            refuse(f"missing values of column {quoted(name)} have no place of their own")
        labels[missing_at] = MISSING
    if set(labels) != set(range(len(labels))):
        refuse(f"the places of column {quoted(name)} leave some out")
    if pooled_at == REFERENCE:
        if len(reference) < len(levels):
            refuse(f"column {quoted(name)} has two references")
        return [labels[place] for place in range(len(labels))], None
    if len(reference) != 1:
        refuse(f"column {quoted(name)} has {len(reference)} references, and needs one")
    return [labels[place] for place in range(len(labels))], reference[0]
