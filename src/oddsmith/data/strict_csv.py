"""Columns of CSV records: numbers, booleans and categories by the rules of `cells`, or a refusal.

Arrow reads cells as what they should be, which is quick; where it may have been more generous than
the rules, or did not read them, they are read as text and judged one by one.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.data.arrow_values import as_numpy, first_true, float_view, floats, texts
from oddsmith.data.cells import MISSING, is_missing, is_text, number_problem
from oddsmith.data.csv_bytes import arrow_csv
from oddsmith.data.csv_records import Header, Records, first_records
from oddsmith.data.leading_zeros import columns_with_leading_zeros
from oddsmith.errors import DataError

__all__ = [
    "booleans_in",
    "declared_as_category",
    "kind_of",
    "kinds_in",
    "numbers_in",
    "read_cells",
    "read_columns",
]

# What needs no second look: no leading zero, and no more digits than 64 bits hold.
_PLAIN_NUMBER = r"^[+-]?(?:(?:0|[1-9][0-9]{0,17})(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_TIME = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
_DATE = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:[T ]{_TIME}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?|{_TIME}"
)


_TRUTH = {"true": True, "false": False}


class _RaggedError(Exception):
    """A record has more or fewer cells than the header."""

    def __init__(self, row: int, found: int) -> None:
        super().__init__(row, found)
        self.row, self.found = row, found


def read_columns(records: Records, header: Header, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Arrow arrays of the columns that `kinds` names; null where a value is missing.

    Numbers are float64, booleans are boolean, and categories a dictionary of text without blanks
    around it.

    Raises
    ------
    DataError
        At the first record that is blank, has not as many cells as the header, or has a cell that
        is not of the kind of its column.
    """
    try:
        found = _quick(records, header, kinds)
        return _strict(records, header, kinds) if found is None else found
    except _RaggedError as error:
        if error.row:  # what is wrong before it comes first
            read_columns(first_records(records, header, error.row), header, kinds)
        raise _ragged(records, header, error) from None


def read_cells(records: Records, header: Header) -> list[Any]:
    """Arrow arrays of the text of all columns, without blanks around it.

    Raises
    ------
    DataError
        At the first record that has not as many cells as the header.
    """
    try:
        return _text(records, header)
    except _RaggedError as error:
        raise _ragged(records, header, error) from None


def numbers_in(cells: Any) -> tuple[Any, int | None]:
    """Numbers that text stands for, null where missing, and the row of the first that is none.

    Examples
    --------
    >>> import pyarrow
    >>> numbers, bad = numbers_in(pyarrow.array(["1.5", "NA", "blue"]))
    >>> numbers[:2].to_pylist(), bad
    ([1.5, None], 2)
    """
    arrow = arrow_csv()
    compute = arrow.compute
    plain = compute.match_substring_regex(cells, pattern=_PLAIN_NUMBER)
    if as_numpy(plain).all():
        values = compute.cast(cells, arrow.float64())
    else:
        nothing = arrow.nulls(1, cells.type)[0]
        values = compute.cast(compute.if_else(plain, cells, nothing), arrow.float64())
        odd = compute.invert(plain)
        distinct = compute.dictionary_encode(compute.filter(cells, odd))
        read = floats([_number(cell) for cell in distinct.dictionary.to_pylist()])
        values = compute.replace_with_mask(values, odd, compute.take(read, distinct.indices))
    bad = ~np.isfinite(float_view(values))
    if values.null_count:
        bad &= as_numpy(values.is_valid())
    return values, int(np.argmax(bad)) if bad.any() else None


def _number(cell: str) -> float | None:
    """Value of a cell: None if it is missing, NaN if it is no number."""
    if is_missing(cell):
        return None
    return float("nan") if number_problem(cell)[0] else float(cell)


def kinds_in(cells: Any) -> set[str]:
    """Kinds of value that text stands for: number, boolean, date or other text.

    Examples
    --------
    >>> import pyarrow
    >>> sorted(kinds_in(pyarrow.array(["1", "NA", "true", "007", "2020-02-29"])))
    ['boolean', 'date', 'number', 'text']
    """
    compute = arrow_csv().compute
    plain = compute.match_substring_regex(cells, pattern=_PLAIN_NUMBER)
    odd = compute.filter(cells, compute.invert(plain))
    found = {_kind(cell) for cell in compute.unique(odd).to_pylist() if not is_missing(cell)}
    return found | {"number"} if len(odd) < len(cells) else found


def _kind(cell: str) -> str:
    if cell in ("true", "false"):
        return "boolean"
    if not is_text(cell):
        return "number"
    return "date" if _DATE.fullmatch(cell) else "text"


def kind_of(found: set[str]) -> str:
    """Kind of a column with such values: number, boolean, date or category.

    Examples
    --------
    >>> kind_of({"number"}), kind_of({"number", "boolean"}), kind_of(set())
    ('number', 'category', 'number')
    """
    if len(found) > 1 or found == {"text"}:
        return "category"
    return next(iter(found), "number")


def _quick(records: Records, header: Header, kinds: Mapping[str, str]) -> dict[str, Any] | None:
    """Columns as Arrow reads them, where that is certain to be what the rules say."""
    arrow = arrow_csv()
    types = {
        "number": arrow.float64(),
        "boolean": arrow.bool_(),
        "category": arrow.dictionary(arrow.int32(), arrow.string()),
    }
    try:
        table = _parse(records, header, {name: types[kind] for name, kind in kinds.items()})
    except arrow.ArrowInvalid:
        return None
    columns = dict(zip(kinds, table, strict=True))
    numbers = [name for name, kind in kinds.items() if kind == "number"]
    if not all(_are_small(columns[name]) for name in numbers):
        return None
    if numbers and _have_leading_zeros(records, header, numbers):
        return None
    for name, kind in kinds.items():
        if kind == "category":
            columns[name] = _tidy(columns[name])
    return None if _may_have_blank_rows(columns.values()) else columns


def _are_small(numbers: Any) -> bool:
    """Whether all numbers are finite, and no integer among them needs more than 64 bits."""
    found = float_view(numbers)  # nulls are 0 there
    return not found.size or bool(found.max() < 2.0**63 and found.min() > -(2.0**63))


def _have_leading_zeros(records: Records, header: Header, names: list[str]) -> bool:
    """Whether a cell of these columns may have leading zeros."""
    places = columns_with_leading_zeros(records, header.separator, len(header.names))
    return places is None or bool(places & {header.names.index(name) for name in names})


def _may_have_blank_rows(columns: Iterable[Any]) -> bool:
    nothing: Any = None
    for column in columns:
        if not column.null_count:
            return False
        absent = as_numpy(column.is_null())
        nothing = absent if nothing is None else nothing & absent
    return nothing is not None and bool(nothing.any())


def _strict(records: Records, header: Header, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Columns by the rules, cell by cell where need be."""
    cells = dict(zip(header.names, _text(records, header), strict=True))
    faults = [(row, -1) for row in [_blank_row(list(cells.values()))] if row is not None]
    columns: dict[str, Any] = {}
    for place, name in enumerate(header.names):
        if name in kinds:
            columns[name], bad = _READ[kinds[name]](cells[name])
            faults += [(bad, place)] if bad is not None else []
    if faults:
        row, place = min(faults)
        if place < 0:
            raise DataError(f"{header.source}: line {records.lines[row]} is blank; delete it")
        name = header.names[place]
        raise _fault(records, header, row, name, kinds[name], cells[name][row].as_py())
    return {name: columns[name] for name in kinds}


def _blank_row(columns: list[Any]) -> int | None:
    blank = np.ones(len(columns[0]), dtype=bool)
    for column in columns:
        blank &= as_numpy(arrow_csv().compute.binary_length(column)) == 0
    return int(np.argmax(blank)) if blank.any() else None


def booleans_in(cells: Any) -> tuple[Any, int | None]:
    """Booleans that text stands for, null where missing, and the row of the first that is none."""
    arrow = arrow_csv()
    distinct = _categories_in(cells)[0]
    read = [_TRUTH.get(level) for level in distinct.dictionary.to_pylist()]
    values = floats(read).cast(arrow.bool_()).take(distinct.indices)
    return values, first_true(arrow.compute.and_(values.is_null(), distinct.is_valid()))


def _categories_in(cells: Any) -> tuple[Any, int | None]:
    return _tidy(arrow_csv().compute.dictionary_encode(cells)), None


_READ = {"number": numbers_in, "boolean": booleans_in, "category": _categories_in}


def _tidy(column: Any) -> Any:
    """Make levels free of blanks around them, and of missing values."""
    arrow = arrow_csv()
    compute = arrow.compute
    levels = compute.utf8_trim_whitespace(column.dictionary)
    absent = compute.is_in(compute.utf8_lower(levels), value_set=texts(sorted(MISSING)))
    if first_true(absent) is None and levels.equals(column.dictionary):
        return column
    kept = compute.if_else(absent, arrow.nulls(1, levels.type)[0], levels).dictionary_encode()
    return arrow.DictionaryArray.from_arrays(kept.indices.take(column.indices), kept.dictionary)


def _text(records: Records, header: Header) -> list[Any]:
    arrow = arrow_csv()
    try:
        table = _parse(records, header, dict.fromkeys(header.names, arrow.string()))
    except arrow.ArrowInvalid as error:
        why = " ".join(str(error).split())
        raise DataError(f"{header.source}: is not a CSV file ({why}); check it") from None
    return [arrow.compute.utf8_trim_whitespace(column) for column in table]


def _parse(records: Records, header: Header, types: Mapping[str, Any]) -> list[Any]:
    """Columns of the records; those that are not asked for are split, but not read."""
    arrow = arrow_csv()
    ragged: list[Any] = []

    def refuse(row: Any) -> str:
        ragged.append(row)
        return "error"

    places = {name: f"f{j}" for j, name in enumerate(header.names)}
    try:
        table = arrow.csv.read_csv(
            arrow.BufferReader(records.data),
            # One thread, because only so does Arrow tell the number of a bad row; and one block.
            arrow.csv.ReadOptions(
                column_names=list(places.values()),
                use_threads=False,
                block_size=len(records.data) + 1,
            ),
            arrow.csv.ParseOptions(
                delimiter=header.separator,
                newlines_in_values=b'"' in records.data,
                ignore_empty_lines=False,
                invalid_row_handler=refuse,
            ),
            arrow.csv.ConvertOptions(
                column_types={places[name]: kind for name, kind in types.items()},
                include_columns=[places[name] for name in types],
                null_values=_SPELLINGS,
                true_values=["true"],
                false_values=["false"],
                strings_can_be_null=False,
            ),
        )
    except arrow.ArrowInvalid:
        if ragged:
            raise _RaggedError(ragged[0].number - 1, ragged[0].actual_columns) from None
        raise
    if table.num_rows != records.lines.size:
        raise arrow.ArrowInvalid("two readers find different numbers of records")
    return [column.chunk(0) for column in table.columns]


def _spellings(word: str) -> list[str]:
    """Write a word with each letter large or small."""
    found = [""]
    for letter in word:
        found = [head + tail for head in found for tail in sorted({letter, letter.upper()})]
    return found


_SPELLINGS = [spelling for word in sorted(MISSING) for spelling in _spellings(word)]


def _fault(
    records: Records, header: Header, row: int, name: str, kind: str, cell: str
) -> DataError:
    what, todo = number_problem(cell)
    if kind == "boolean":
        what = f"{quoted(cell)} is neither true nor false"
    if kind == "boolean" or is_text(cell):
        todo = f"correct it, or declare the column: {declared_as_category(name)}"
    return DataError(
        f"{header.source}: line {records.lines[row]}, column {quoted(name)}: {what}; {todo}"
    )


def declared_as_category(name: str) -> str:
    """How a user says that a column holds categories.

    Examples
    --------
    >>> print(declared_as_category("zip"))
    types={"zip": "category"}, or --type zip=category on the command line
    """
    return (
        f'types={{{quoted(name)}: "category"}}, or --type {quoted(name)[1:-1]}=category '
        "on the command line"
    )


def _ragged(records: Records, header: Header, error: _RaggedError) -> DataError:
    width = len(header.names)
    todo = "quote cells that hold the separator" if error.found > width else "add what is missing"
    return DataError(
        f"{header.source}: line {records.lines[error.row]}: has {error.found} cells where the "
        f"header has {width}; {todo}"
    )
