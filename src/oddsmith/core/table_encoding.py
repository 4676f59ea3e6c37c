"""How a whole table becomes a matrix of numbers: all that a model needs to encode any rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from oddsmith.core.encoding import FILL, ColumnEncoding, Part, Unseen, refuse_missing_values
from oddsmith.core.encoding_rules import Missing, Rules, learn
from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import Column, ColumnSummary
from oddsmith.errors import ParameterError

__all__ = ["TableEncoding", "assembled", "learn_table", "told_apart"]

# Sparse pays from this many columns on, where at most this share of the entries is not zero.
_WIDE, _THIN = 100, 0.1
# Rows put side by side at a time: they stay in cache.
_ROWS = 2**14


@dataclass(frozen=True, slots=True, eq=False)
class TableEncoding:
    """Encodings of the columns of a table, side by side.

    Attributes
    ----------
    columns : tuple of ColumnEncoding
    unseen : "refuse" or "pool"
        What becomes of levels that the fit has not seen.
    min_count : int
        Rows below which a level was pooled.
    missing : "refuse", "mean", "indicator" or "drop"
        What became of missing values; with "drop" the fit left such rows out.
    sparse : bool
        Whether encoded rows are sparse.
    """

    columns: tuple[ColumnEncoding, ...]
    unseen: Unseen
    min_count: int
    missing: Missing
    sparse: bool

    @property
    def width(self) -> int:
        """Number of columns that the table becomes."""
        return sum(one.width for one in self.columns)

    @property
    def plain(self) -> bool:
        """Whether all columns are numbers or booleans that are encoded as they are."""
        return all(one.kind != "category" and one.width == 1 for one in self.columns)

    def input_names(self) -> tuple[str, ...]:
        """Names of the columns of the table."""
        return tuple(one.name for one in self.columns)

    def names(self, inputs: Sequence[str] | None = None) -> list[str]:
        """Names of the encoded columns, all different: ``dose``, ``site[b]``.

        Parameters
        ----------
        inputs : sequence of str, optional
            Names of the columns of the table, where they are to be called otherwise.
        """
        called = self.input_names() if inputs is None else inputs
        return told_apart(
            [
                str(name) + out[len(one.name) :]
                for name, one in zip(called, self.columns, strict=True)
                for out in one.names()
            ]
        )

    def rows(self, columns: Sequence[Column]) -> Any:
        """Encode rows, given the columns in the order of the encodings.

        Returns
        -------
        array or CSR array of shape (n, width), float64

        Raises
        ------
        DataError
            If a column holds what the fit has not taught, or lacks values that are refused.
        """
        strict = [
            column
            for column, one in zip(columns, self.columns, strict=True)
            if one.refuses_missing()
        ]
        refused = self.missing in ("refuse", "drop")
        refuse_missing_values(
            strict, FILL if refused else "the fit missed none there, so fill them"
        )
        parts: list[Part] = []
        start = 0
        for column, one in zip(columns, self.columns, strict=True):
            parts += [part.moved(start) for part in one.parts(column, self.unseen)]
            start += one.width
        return assembled(parts, columns[0].n_rows, start, sparse=self.sparse)


def assembled(parts: Sequence[Part], n: int, width: int, *, sparse: bool) -> Any:
    """Array or CSR array of shape (n, width) of parts side by side."""
    return _sparse(parts, n, width) if sparse else _dense(parts, n, width)


def learn_table(
    columns: Sequence[ColumnSummary], rules: Rules, unseen: Unseen, sparse: bool | None
) -> TableEncoding:
    """Learn how to encode a table; `sparse` None stores the rows as it pays.

    Raises
    ------
    DataError, ParameterError
        See `learn`.

    Examples
    --------
    >>> dose = ColumnSummary("dose", "number", 4, 1, 0.5, np.empty(0), np.empty(0))
    >>> learn_table([dose], Rules("first", 1, "indicator"), "refuse", None).names()
    ['dose', 'dose[(missing)]']
    """
    if isinstance(rules.reference, Mapping):
        known = {column.name for column in columns}
        strange = [name for name in rules.reference if name not in known]
        if strange:
            raise ParameterError(
                f"reference names the column {quoted(str(strange[0]))}, which X lacks."
            )
    learned = tuple(learn(column, rules) for column in columns)
    if sparse is None:
        width = sum(one.width for one in learned)
        sparse = width >= _WIDE and sum(one.n_parts for one in learned) <= _THIN * width
    return TableEncoding(learned, unseen, rules.min_count, rules.missing, sparse)


def told_apart(names: list[str]) -> list[str]:
    """Names that are all different: one that is taken already gets a number behind it.

    Examples
    --------
    >>> told_apart(["a", "a", "b"])
    ['a', 'a (2)', 'b']
    """
    if len(set(names)) == len(names):
        return names
    given, taken = set(names), set[str]()
    found: list[str] = []
    for name in names:
        own, number = name, 2
        while own in taken or (own != name and own in given):
            own, number = f"{name} ({number})", number + 1
        taken.add(own)
        found.append(own)
    return found


def _dense(parts: Sequence[Part], n: int, width: int) -> Array:
    # Column after column is how it is filled, and how plain tables are.
    out = np.zeros((n, width), order="F")
    for part in parts:
        if part.values is not None:
            out[:, part.places] = part.values
        else:
            rows = np.flatnonzero(part.places >= 0)
            out[rows, part.places[rows]] = 1.0
    return out


def _sparse(parts: Sequence[Part], n: int, width: int) -> Any:
    """Rows of the parts side by side, whose columns rise from part to part."""
    # Who scores dense rows shall not wait for SciPy.
    sp = import_module("scipy.sparse")
    stored = sum(_stored(part) for part in parts)
    index: Any = np.int32 if stored < 2**31 and width < 2**31 else np.int64
    data, columns = np.empty(stored), np.empty(stored, dtype=index)
    ends = np.zeros(n + 1, dtype=index)
    at = 0
    for start in range(0, n, _ROWS):
        rows = slice(start, min(start + _ROWS, n))
        own, values = _side_by_side(parts, rows, index)
        there = (own >= 0) & (values != 0)
        ends[start + 1 : rows.stop + 1] = there.sum(axis=1)
        after = at + int(np.count_nonzero(there))
        data[at:after], columns[at:after] = values[there], own[there]
        at = after
    np.cumsum(ends, out=ends)
    return sp.csr_array((data, columns, ends), shape=(n, width))


def _stored(part: Part) -> int:
    """Entries of a part that are not zero."""
    if part.values is None:
        return int(np.count_nonzero(part.places >= 0))
    return int(np.count_nonzero(part.values))


def _side_by_side(parts: Sequence[Part], rows: slice, index: Any) -> tuple[Any, Array]:
    """Columns and values of some rows, each of shape (rows, parts)."""
    shape = (rows.stop - rows.start, len(parts))
    columns: Any = np.empty(shape, dtype=index)
    values = np.ones(shape)
    for place, part in enumerate(parts):
        columns[:, place] = part.places[rows] if part.values is None else part.places
        if part.values is not None:
            values[:, place] = part.values[rows]
    return columns, values
