"""Columns of Parquet and Arrow files: what they are, and how they come."""

from pathlib import Path
from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.data.arrow_values import as_numpy
from oddsmith.data.batches import DATE_HINT
from oddsmith.data.strict_csv import booleans_in, numbers_in
from oddsmith.errors import DataError

__all__ = ["convert", "is_narrow", "kind_of_type", "refuse_kind", "row_bytes"]

# Kinds that can be declared for columns of a kind.
_DECLARED = {
    "number": ("number", "category"),
    "boolean": ("boolean", "number", "category"),
    "category": ("category", "number", "boolean"),
    "nothing": ("number", "boolean", "category"),
    "date": ("category",),
    "other": (),
}
_TEXT_BYTES = 16


def _arrow() -> Any:
    import pyarrow.compute

    return pyarrow


def _kind(kind: Any) -> str:
    types = _arrow().types
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_boolean(kind):
        return "boolean"
    if types.is_null(kind):
        return "nothing"
    if types.is_dictionary(kind):
        return "category" if _is_text(kind.value_type) else "other"
    if _is_text(kind):
        return "category"
    return "date" if types.is_temporal(kind) else "other"


def _is_text(kind: Any) -> bool:
    types = _arrow().types
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def kind_of_type(kind: Any) -> str:
    """Name the kind: number, boolean, category, nothing (all null), or other: refused.

    Examples
    --------
    >>> import pyarrow
    >>> kind_of_type(pyarrow.int8()), kind_of_type(pyarrow.string()), kind_of_type(pyarrow.date32())
    ('number', 'category', 'other')
    """
    found = _kind(kind)
    return "other" if found == "date" else found


def is_narrow(kind: Any) -> bool:
    """Whether all values are exact in single precision.

    Examples
    --------
    >>> import pyarrow
    >>> is_narrow(pyarrow.float32()), is_narrow(pyarrow.int32()), is_narrow(pyarrow.string())
    (True, False, False)
    """
    types = _arrow().types
    numbers = types.is_floating(kind) and kind.bit_width <= 32
    return numbers or types.is_boolean(kind) or (types.is_integer(kind) and kind.bit_width <= 16)


def refuse_kind(path: Path, field: Any, declared: str | None) -> None:
    """Raise if a column cannot be read, or not as it is declared.

    Raises
    ------
    DataError
    """
    found = _kind(field.type)
    if declared is not None and declared not in _DECLARED[found]:
        raise DataError(
            f"{path}: column {quoted(field.name)} holds {field.type}, which cannot be read as "
            f"{declared}; declare it otherwise, or leave it out"
        )
    if declared is None and found in ("date", "other"):
        hint = DATE_HINT if found == "date" else "make numbers or text of it"
        raise DataError(
            f"{path}: column {quoted(field.name)} holds values of type {field.type}; {hint}, or "
            "leave it out"
        )


def row_bytes(fields: list[Any]) -> int:
    """About how many bytes a row of these columns takes."""
    sizes = []
    for field in fields:
        try:
            sizes.append(max(8, field.type.bit_width) // 8)
        except ValueError:
            sizes.append(_TEXT_BYTES)
    return sum(sizes)


def convert(path: Path, first_row: int, field: Any, column: Any, declared: str | None) -> Any:
    """Column as a batch holds it.

    Raises
    ------
    DataError
        If a value is not of the kind that is declared, or text is not UTF-8.
    """
    refuse_kind(path, field, declared)
    found = _kind(column.type)
    kind = declared or found
    column = _checked(path, field.name, column)
    if found == "category":
        if kind == "category":
            return _dictionary(column)
        read = numbers_in if kind == "number" else booleans_in
        cells = _arrow().compute.utf8_trim_whitespace(_text(column))
        cells = cells.fill_null("") if cells.null_count else cells
        values, bad = read(cells)
        if bad is not None:
            raise _fault(path, first_row + bad, field.name, cells[bad].as_py(), kind)
        return values
    if kind == "category":
        return _dictionary(_as_text(path, first_row, field.name, column))
    return _numbers(column, kind)


def _fault(path: Path, row: int, name: str, cell: Any, kind: str) -> DataError:
    return DataError(
        f"{path}: row {row} (from 0), column {quoted(name)}: {quoted(str(cell))} cannot be read "
        f"as {kind}; correct it, or declare the column otherwise"
    )


def _checked(path: Path, name: str, column: Any) -> Any:
    """Column whose buffers are whole, and whose text is UTF-8, which files do not promise."""
    try:
        column.validate(full=_kind(column.type) == "category")
    except _arrow().ArrowInvalid as error:
        why = " ".join(str(error).split())[:100]
        raise DataError(
            f"{path}: column {quoted(name)} holds values that are corrupt ({why}); "
            "write the file again"
        ) from None
    return column


def _numbers(column: Any, kind: str) -> Any:
    arrow = _arrow()
    types = arrow.types
    if kind == "boolean":
        return column.cast(arrow.bool_())
    if types.is_decimal(column.type):  # by way of text, so that each is rounded once
        return column.cast(arrow.string()).cast(arrow.float64())
    if types.is_float16(column.type):
        return column.cast(arrow.float32())
    if types.is_null(column.type):
        return column.cast(arrow.float64())
    return column.cast(arrow.uint8()) if types.is_boolean(column.type) else column


def _as_text(path: Path, first_row: int, name: str, column: Any) -> Any:
    arrow = _arrow()
    if arrow.types.is_floating(column.type):
        column = column.cast(arrow.float64())
        column = arrow.compute.if_else(
            arrow.compute.is_nan(column), arrow.nulls(1, column.type)[0], column
        )
        wrong = as_numpy(column.is_valid()) & (
            as_numpy(arrow.compute.round(column).fill_null(0.0)) != as_numpy(column.fill_null(0.0))
        )
        if wrong.any():
            row = int(np.argmax(wrong))
            raise _fault(path, first_row + row, name, column[row].as_py(), "category")
        column = column.cast(arrow.int64())
    return column.cast(arrow.string())


def _text(column: Any) -> Any:
    arrow = _arrow()
    if arrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column if arrow.types.is_large_string(column.type) else column.cast(arrow.string())


def _dictionary(column: Any) -> Any:
    """Text as a dictionary with 32-bit indices, without null among its levels."""
    arrow = _arrow()
    if not arrow.types.is_dictionary(column.type):
        return _text(column).dictionary_encode()
    if column.dictionary.null_count or arrow.types.is_string_view(column.type.value_type):
        return _text(column).dictionary_encode()
    if column.type.index_type == arrow.int32():
        return column
    return arrow.DictionaryArray.from_arrays(column.indices.cast(arrow.int32()), column.dictionary)
