"""What an encoding learns of a column: reference, rare levels, missing values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from oddsmith.core.encoding import FILL, MISSING, POOLED, REFERENCE, WORDS, ColumnEncoding
from oddsmith.core.labels import listed, quoted
from oddsmith.core.table_columns import ColumnSummary, objects, unread
from oddsmith.errors import ParameterError

__all__ = ["Missing", "Rules", "learn"]

Missing = Literal["refuse", "mean", "indicator", "drop"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user asked for; see `oddsmith.TableEncoder`."""

    reference: str | Mapping[str, Any]
    min_count: int
    missing: Missing

    def refuses(self, kind: str) -> bool:
        """Whether a column of this kind must have a value in every row that is fitted."""
        text = self.missing == "mean" and kind == "category"
        return text or self.missing in ("refuse", "drop")

    @property
    def hint(self) -> str:
        """What to do where values are missing that must not be."""
        if self.missing == "mean":
            return "text has no mean: fill it, or use missing='indicator'"
        return FILL


def learn(column: ColumnSummary, rules: Rules) -> ColumnEncoding:
    """Learn the encoding of a column from the rows of a fit.

    Raises
    ------
    DataError
        If it has no value, or one is missing where that is refused.
    ParameterError
        If the reference that was asked for cannot be one.

    Examples
    --------
    >>> levels, counts = np.array(["a", "b", "c"], dtype=object), np.array([1, 2, 2])
    >>> site = ColumnSummary("site", "category", 5, 0, np.nan, levels, counts)
    >>> found = learn(site, Rules("most_frequent", 2, "refuse"))
    >>> found.reference, found.names(), found.places.tolist()
    ('b', ['site[c]', 'site[(pooled)]'], [1, -1, 0])
    """
    if column.kind == "nothing":
        raise unread(column.name, "no value in any row", "leave it out")
    if column.kind == "category":
        return _of_levels(column, rules)
    if isinstance(rules.reference, Mapping) and column.name in rules.reference:
        raise ParameterError(
            f"reference names a level of column {quoted(column.name)}, which holds "
            f"{WORDS[column.kind]}; leave it out, or make text of the column."
        )
    with_indicator = rules.missing == "indicator" and column.n_missing > 0
    mean = column.mean if rules.missing == "mean" or with_indicator else None
    labels = objects([None, MISSING] if with_indicator else [None])
    nothing, none = objects([]), np.empty(0, np.intp)
    at = 1 if with_indicator else None
    return ColumnEncoding(
        column.name,
        column.kind,
        column.n_missing,
        mean,
        nothing,
        none,
        none,
        labels,
        None,
        None,
        at,
    )


def _of_levels(column: ColumnSummary, rules: Rules) -> ColumnEncoding:
    counts = column.counts
    order = _order(column)
    kept = order[counts[order] >= rules.min_count]
    pools = kept.size < order.size
    reference = _reference(column, counts, kept, rules)
    shown = kept if reference is None else kept[kept != reference]
    places = np.full(column.levels.size, REFERENCE)
    places[shown] = np.arange(shown.size)
    labels = column.levels[shown].tolist()
    pooled_at = None
    if pools:
        pooled_at = len(labels) if kept.size else REFERENCE
        places[counts < rules.min_count] = pooled_at
        labels += [POOLED] * bool(kept.size)
    n_missing = column.n_missing
    missing_at = len(labels) if n_missing and rules.missing == "indicator" else None
    labels += [MISSING] * (missing_at is not None)
    return ColumnEncoding(
        column.name,
        "category",
        n_missing,
        None,
        column.levels,
        counts,
        places,
        objects(labels),
        POOLED if reference is None else column.levels[reference],
        pooled_at,
        missing_at,
    )


def _order(column: ColumnSummary) -> np.ndarray[Any, Any]:
    """Codes in the order that the table states, or that of the levels."""
    if column.declared is None:
        return np.arange(column.levels.size)
    rank = {level: place for place, level in enumerate(column.declared)}
    return np.argsort([rank[level] for level in column.levels.tolist()])


def _reference(column: ColumnSummary, counts: Any, kept: Any, rules: Rules) -> int | None:
    """Code of the reference level; None if it is that of the pooled ones."""
    if isinstance(rules.reference, Mapping) and column.name in rules.reference:
        asked = rules.reference[column.name]
        codes = [code for code in kept.tolist() if column.levels[code] == asked]
        if not codes:
            there = listed([quoted(str(level)) for level in column.levels[kept[:11]]] or ["none"])
            raise ParameterError(
                f"reference of column {quoted(column.name)} is {quoted(str(asked))}, which is no "
                f"level of it that at least min_count={rules.min_count} rows have; it has {there}."
            )
        return codes[0]
    if not kept.size:
        return None
    return int(kept[np.argmax(counts[kept])] if rules.reference == "most_frequent" else kept[0])
