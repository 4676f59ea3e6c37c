"""Files as rows in memory: typed columns of a table, what is refused named by file and line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oddsmith.cli.inputs import several
from oddsmith.cli.reading import Indices, target_codes
from oddsmith.core.labels import listed, quoted
from oddsmith.core.stable import Array
from oddsmith.data.batches import Batch
from oddsmith.data.cells import NUMBER, is_missing, number_problem
from oddsmith.data.csv_bytes import arrow_csv
from oddsmith.data.files import TableFiles, open_files, read_csv
from oddsmith.data.scored_rows import numbers_of, place_of
from oddsmith.errors import DataError, ParameterError

__all__ = [
    "Chosen",
    "Rows",
    "absent_in",
    "choose_columns",
    "read_rows",
    "refuse_mixed",
    "words_of_kinds",
]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which columns of files are what.

    Attributes
    ----------
    target : str
    features : tuple of str
    weight, offset : str or None
    declared : dict of str to str
        Kinds that the user stated.
    """

    target: str
    features: tuple[str, ...]
    weight: str | None
    offset: str | None
    declared: dict[str, str]

    @property
    def names(self) -> list[str]:
        """All columns that are read."""
        more = [name for name in (self.weight, self.offset) if name is not None]
        return [*self.features, self.target, *more]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in memory.

    Attributes
    ----------
    table : pyarrow.Table
        Features, n rows.
    codes : integer array of shape (n,)
    levels : list
        Value of each code of the target.
    weight, offset : arrays of shape (n,), or None
    paths : list of Path
        File of each batch.
    unit : "line" or "row"
        What `lines` counts.
    batch : integer array of shape (n,)
        Batch of each row.
    lines : integer array of shape (n,)
        Line of each row in its file; its number from 0 where files have no lines.
    """

    table: Any
    codes: Indices
    levels: list[Any]
    weight: Array | None
    offset: Array | None
    paths: list[Path]
    unit: str
    batch: Indices
    lines: Indices

    def __len__(self) -> int:
        return self.codes.size

    def take(self, index: Indices) -> "Rows":
        """Keep some of the rows."""
        return Rows(
            self.table.take(arrow_csv().array(index)),
            self.codes[index],
            self.levels,
            None if self.weight is None else self.weight[index],
            None if self.offset is None else self.offset[index],
            self.paths,
            self.unit,
            self.batch[index],
            self.lines[index],
        )

    def place(self, row: int) -> str:
        """File and line of a row, for a message."""
        from_0 = " (from 0)" if self.unit == "row" else ""
        return f"{self.paths[self.batch[row]]}: {self.unit} {self.lines[row]}{from_0}"

    @property
    def n_files(self) -> int:
        """Number of different files."""
        return len(set(self.paths))

    def files(self) -> list[str]:
        """File of each row."""
        return [str(self.paths[k]) for k in self.batch.tolist()]


def choose_columns(
    files: TableFiles,
    target: str,
    features: Sequence[str],
    exclude: Sequence[str],
    weight: str | None,
    offset: str | None,
    declared: dict[str, str],
) -> Chosen:
    """Columns that are fitted: those that are named, or all but those that are not features.

    Raises
    ------
    DataError, ParameterError
        If a column is not there, or is named for two things.
    """
    source = several(files.paths)
    roles = {"target": target, "weight": weight, "offset": offset}
    given = {role: name for role, name in roles.items() if name is not None}
    for role, name in given.items():
        files.check(name, role)
    for name in (*features, *exclude):
        files.check(name, "features" if name in features else "columns to exclude")
    if len(set(given.values())) < len(given):
        raise ParameterError("--target, --weight and --offset name one column twice")
    for role, name in given.items():
        if name in features:
            raise ParameterError(f"--feature {quoted(name)} is the {role}; leave it out")
    if set(features) & set(exclude):
        [name, *_] = sorted(set(features) & set(exclude))
        raise ParameterError(f"{quoted(name)} is named by --feature and by --exclude; choose one")
    left_out = {*given.values(), *exclude}
    names = tuple(dict.fromkeys(features)) or tuple(n for n in files.kinds if n not in left_out)
    if not names:
        raise DataError(f"{source}: has no column but the target; add columns to fit")
    return Chosen(target, names, weight, offset, declared)


def words_of_kinds(files: TableFiles, names: Sequence[str]) -> str:
    """Say what columns hold: ``2 columns of numbers, 1 of categories ("site")``.

    Numbers are what is expected, so that only other columns are named.
    """
    words: list[str] = []
    for kind, text in (("number", "numbers"), ("category", "categories"), ("boolean", "booleans")):
        own = [quoted(name) for name in names if files.kinds[name] == kind]
        if own:
            shown = "" if kind == "number" else f" ({listed(own)})"
            columns = "" if words else " columns" if len(own) > 1 else " column"
            words.append(f"{len(own)}{columns} of {text}{shown}")
    return ", ".join(words)


def read_rows(
    files: TableFiles,
    chosen: Chosen,
    *,
    limit: int | None = None,
    drop: bool = False,
    refuse: bool = True,
) -> Rows | None:
    """Read all rows, or give up where they take more than `limit` bytes.

    Parameters
    ----------
    files : TableFiles
    chosen : Chosen
    limit : int, optional
        Bytes; None is no limit.
    drop : bool
        Whether rows that lack a value are left out.
    refuse : bool
        Whether rows that lack a value are refused.

    Raises
    ------
    DataError
        If a row cannot be used; the message names file, line and column.
    """
    batches: list[Batch] = []
    size = 0
    for batch in files.batches(chosen.names):
        size += batch.n_rows * 8 * (len(chosen.names) + 1)
        if limit is not None and size > limit:
            return None
        batches.append(batch)
    if refuse and not drop:
        _refuse_missing(files, batches, chosen.features)
    refuse_mixed(files, batches, chosen)
    rows = _joined(batches, chosen)
    if not drop:
        return rows
    whole = _complete(rows.table)
    if whole.all():
        return rows
    if not whole.any():
        raise DataError(
            f"{several(files.paths)}: no row is left, as all {len(rows)} lack a value; fill some in"
        )
    return rows.take(np.flatnonzero(whole))


def _joined(batches: list[Batch], chosen: Chosen) -> Rows:
    arrow = arrow_csv()
    known: dict[Any, int] = {}
    codes: list[Indices] = []
    columns: dict[str, list[Any]] = {name: [] for name in chosen.features}
    beside: dict[str, list[Array]] = {"weight": [], "offset": []}
    for batch in batches:
        _refuse_infinite(batch, chosen.features)
        own, levels = target_codes(batch, chosen.target)
        codes.append(np.array([known.setdefault(x, len(known)) for x in levels], np.intp)[own])
        for role, name in (("weight", chosen.weight), ("offset", chosen.offset)):
            if name is not None:
                beside[role].append(_beside(batch, name, role))
        for name, parts in columns.items():
            parts.append(_plain(batch.columns[name]))
    table = arrow.table({name: _chunked(parts) for name, parts in columns.items()})
    numbers = [
        b.lines if b.lines is not None else b.first_row + np.arange(b.n_rows) for b in batches
    ]
    return Rows(
        table,
        np.concatenate(codes),
        list(known),
        np.concatenate(beside["weight"]) if chosen.weight else None,
        np.concatenate(beside["offset"]) if chosen.offset else None,
        [b.path for b in batches],
        "row" if batches[0].lines is None else "line",
        np.repeat(np.arange(len(batches)), [b.n_rows for b in batches]),
        np.concatenate(numbers),
    )


def _plain(column: Any) -> Any:
    arrow = arrow_csv()
    if arrow.types.is_dictionary(column.type):
        return column.dictionary_decode().cast(arrow.large_string())
    return column


def _chunked(parts: list[Any]) -> Any:
    """Column of parts, of float64 where files differ in the type of their numbers."""
    arrow = arrow_csv()
    if len({part.type for part in parts}) > 1:
        parts = [part.cast(arrow.float64()) for part in parts]
    return arrow.chunked_array(parts)


def _complete(table: Any) -> Any:
    found = np.ones(table.num_rows, dtype=bool)
    for column in table.columns:
        found &= ~np.concatenate([absent_in(part) for part in column.chunks])
    return found


def _beside(batch: Batch, name: str, role: str) -> Array:
    if arrow_csv().types.is_dictionary(batch.columns[name].type):
        raise DataError(
            f"{batch.path}: the {role} column {quoted(name)} holds no numbers; name another one"
        )
    values = numbers_of(batch, name)
    bad = ~np.isfinite(values) | ((values < 0) if role == "weight" else False)
    if bad.any():
        what = "number from 0 up" if role == "weight" else "finite number"
        place = place_of(batch, int(np.argmax(bad)))
        raise DataError(f"{place}, column {quoted(name)}: is no {what}; mend it, or delete the row")
    return values


def absent_in(column: Any) -> Any:
    """Which values of an Arrow array are missing."""
    arrow = arrow_csv()
    absent = column.is_null(nan_is_null=True)
    return np.from_dlpack(absent.cast(arrow.uint8())).view(bool)


def _refuse_missing(files: TableFiles, batches: list[Batch], names: Iterable[str]) -> None:
    """Raise where rows lack a value: the first as it is written, and their number by column."""
    lacking = dict.fromkeys(names, 0)
    first: tuple[Batch, int, str] | None = None
    n_rows = 0
    for batch in batches:
        absent = {name: absent_in(batch.columns[name]) for name in lacking}
        rows = np.logical_or.reduce(list(absent.values()))
        n_rows += int(rows.sum())
        for name, own in absent.items():
            lacking[name] += int(own.sum())
        if first is None and rows.any():
            row = int(np.argmax(rows))
            first = batch, row, next(name for name, own in absent.items() if own[row])
    if first is None:
        return
    batch, row, name = first
    todo = "fill it in, delete the row, or say what to do with --missing"
    if sum(lacking.values()) > 1:
        counts = listed([f"{quoted(name)} {n:,}" for name, n in lacking.items() if n])
        total = sum(batch.n_rows for batch in batches)
        todo = f"in all {n_rows:,} of {total:,} rows lack a value, by column: {counts}; " + (
            "fill them in, or say what to do with --missing"
        )
    what = _as_written(files, batch, row, name)
    raise DataError(f"{place_of(batch, row)}, column {quoted(name)}: {what}; {todo}")


def _as_written(files: TableFiles, batch: Batch, row: int, name: str) -> str:
    """Say what is missing, with the word that stands for it in a CSV file."""
    what = "the value is missing"
    if batch.lines is None or files.format != "csv" or batch.path.suffix != ".csv":
        return what
    table = read_csv(batch.path)
    at = int(np.searchsorted(table.lines, batch.lines[row]))
    cell = table.columns[table.names.index(name)][at].as_py()
    return number_problem(cell)[0] if is_missing(cell) else what


def _refuse_infinite(batch: Batch, names: Iterable[str]) -> None:
    types = arrow_csv().types
    for name in names:
        if not types.is_floating(batch.columns[name].type):
            continue
        bad = np.isinf(numbers_of(batch, name))
        if bad.any():
            place = place_of(batch, int(np.argmax(bad)))
            raise DataError(
                f"{place}, column {quoted(name)}: is not finite; write a finite number, or delete "
                "the row"
            )


def refuse_mixed(files: TableFiles, batches: Sequence[Batch], chosen: Chosen) -> None:
    """Refuse columns of a CSV file that hold numbers and text: one typing error makes such.

    Raises
    ------
    DataError
        With the first cell that is no number.
    """
    if files.format != "csv":
        return
    for name in chosen.features:
        if files.kinds[name] != "category" or name in chosen.declared:
            continue
        levels = {x for b in batches for x in b.columns[name].dictionary.to_pylist()} - {None}
        if not any(NUMBER.fullmatch(x) and not number_problem(x)[0] for x in levels):
            continue
        numbers = open_files(files.paths, types={name: "number"}, text=(chosen.target,))
        for _ in numbers.batches([name]):
            pass
