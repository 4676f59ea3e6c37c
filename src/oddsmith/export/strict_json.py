"""JSON read to the letter: what is not exactly as it should be is refused with one line.

Keys must be all there, once, and no others; numbers finite; text whole characters. So nothing that
a stranger writes into a file can mean more than it says.
"""

import json
import math
from typing import Any, NoReturn

from oddsmith.core.labels import Label, quoted
from oddsmith.errors import ModelFileError

__all__ = [
    "boolean",
    "count",
    "integer",
    "items",
    "known_keys",
    "label",
    "number",
    "optional",
    "parse",
    "refuse",
    "text",
    "texts",
    "vector",
]


def parse(document: str | bytes, most_bytes: int) -> Any:
    """Tree of a JSON text.

    Raises
    ------
    ModelFileError
        If it is none, or larger than `most_bytes`.

    Examples
    --------
    >>> parse(b'{"a": [1, 2.5]}', 100)
    {'a': [1, 2.5]}
    """
    if len(document) > most_bytes:
        raise ModelFileError(f"not a model: larger than {most_bytes // 2**20} MiB")
    try:
        found = document.decode("utf-8") if isinstance(document, bytes) else document
        return json.loads(found, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise ModelFileError("not a model: not UTF-8 text") from None
    except RecursionError:
        raise ModelFileError("not a model: nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ModelFileError(f"not a model: broken JSON at {where} ({error.msg})") from None
    except ModelFileError:
        raise
    except ValueError:  # a whole number of thousands of digits
        raise ModelFileError("not a model: a number has too many digits") from None


def refuse(why: str) -> NoReturn:
    """Raise a `ModelFileError`."""
    raise ModelFileError(f"not a model: {why}")


def known_keys(value: Any, where: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Object with exactly these keys."""
    if not isinstance(value, dict):
        refuse(f"{where} is not an object")
    for key in keys:
        if key not in value:
            refuse(f"{where} lacks the key {quoted(key)}")
    for key in value:
        if key not in keys:
            refuse(f"{where} has the unknown key {quoted(key)}")
    return value


def items(value: Any, where: str) -> list[Any]:
    """List of anything."""
    if not isinstance(value, list):
        refuse(f"{where} is not a list")
    return value


def text(value: Any, where: str) -> str:
    """Text without half characters."""
    if not isinstance(value, str):
        refuse(f"{where} holds something else than text")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            refuse(f"{where} holds {quoted(value)}, which is not valid Unicode")
    return value


def texts(value: Any, where: str) -> tuple[str, ...]:
    """List of texts."""
    return tuple(text(x, where) for x in items(value, where))


def label(value: Any, where: str) -> Label:
    """Text, number or boolean."""
    if isinstance(value, str):
        return text(value, where)
    if not isinstance(value, int | float):
        refuse(f"{where} holds something else than text, numbers and booleans")
    if isinstance(value, float) and not math.isfinite(value):
        refuse(f"{where} holds a number beyond 1.8e308")
    if not isinstance(value, float) and not -(2**63) <= value < 2**63:
        refuse(f"{where} holds a whole number that does not fit in 64 bits")
    return value


def boolean(value: Any, where: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        refuse(f"{where} is not true or false")
    return value


def integer(value: Any, where: str, low: int, high: int = 2**63) -> int:
    """Whole number from `low` to below `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value < high:
        refuse(f"{where} is not a whole number from {low} up" if low else f"{where} is not a count")
    return value


def count(value: Any, where: str) -> int:
    """Whole number from 0 up."""
    return integer(value, where, 0)


def number(value: Any, where: str) -> float:
    """Finite number, exact as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(f"{where} holds something else than a number")
    if isinstance(value, int) and abs(value) > 2**53:
        refuse(f"{where} holds a whole number that is too long to be exact")
    if not math.isfinite(value):
        refuse(f"{where} holds a number beyond 1.8e308")
    return float(value)


def vector(value: Any, where: str, length: int) -> list[float]:
    """So many numbers."""
    found = items(value, where)
    if len(found) != length:
        refuse(f"{where} holds a row of {len(found)} numbers, not {length}")
    return [number(x, where) for x in found]


def optional(read: Any, value: Any, where: str) -> Any:
    """Read a value as `read` does, and null as None."""
    return None if value is None else read(value, where)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        for name, _ in pairs:
            if found.pop(name, pairs) is pairs:
                refuse(f"the key {quoted(name)} is there twice")
    return found


def _no_constant(name: str) -> NoReturn:
    refuse(f"{name} is not a number of JSON")
