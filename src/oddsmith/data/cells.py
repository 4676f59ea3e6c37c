"""The rules for one cell of a CSV file: what is a number, a label, a missing value.

- A number is decimal text such as ``-12``, ``.5`` or ``1e-3``. Whole numbers beyond 64 bits,
  numbers beyond 1.8e308, and numbers with leading zeros are refused: ``007`` is a code.
- An empty cell is a missing value, and so are NA, N/A, #N/A, NaN and null, in a label, too.
- A label is a whole number, a number, ``true`` or ``false``, or else text as it stands.
"""

import re

import numpy as np

from oddsmith.core.labels import Label, quoted

__all__ = ["MISSING", "NUMBER", "is_missing", "is_text", "number_problem", "read_label"]

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null"})
_INFINITE = frozenset({"inf", "infinity"})
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]")


def is_missing(cell: str) -> bool:
    """Whether a cell stands for a missing value.

    Examples
    --------
    >>> is_missing(""), is_missing("NaN"), is_missing("none")
    (True, True, False)
    """
    return cell.lower() in MISSING


def is_text(cell: str) -> bool:
    """Whether a cell can only be text: neither missing nor a number, not even one that is refused.

    Examples
    --------
    >>> is_text("blue"), is_text("007"), is_text("1,5"), is_text("1e999"), is_text("NA")
    (True, True, False, False, False)
    """
    if is_missing(cell) or cell.lower().lstrip("+-") in _INFINITE:
        return False
    if NUMBER.fullmatch(cell):
        return bool(_LEADING_ZERO.match(cell))
    return not (_THOUSANDS.fullmatch(cell) or _COMMA.fullmatch(cell))


def read_label(cell: str) -> Label:
    """Value of one label by itself: whole number, number, boolean or else text.

    Examples
    --------
    >>> read_label("1"), read_label("1.0"), read_label("true"), read_label("007")
    (1, 1.0, True, '007')
    """
    if cell in ("true", "false"):
        return cell == "true"
    if is_missing(cell) or not NUMBER.fullmatch(cell) or number_problem(cell)[0]:
        return cell
    return int(cell) if _WHOLE.fullmatch(cell) else float(cell)


def number_problem(cell: str) -> tuple[str, str]:
    """Say what is wrong with a number, and what to do; two empty strings if nothing is.

    Examples
    --------
    >>> number_problem("1,5")
    ('"1,5" has a decimal comma', 'write it with a point')
    >>> number_problem("1,000")
    ('"1,000" holds a comma', 'write 1000 or 1.000 as you mean it')
    >>> number_problem("1.5")
    ('', '')
    """
    if is_missing(cell):
        found = f"{quoted(cell)} stands for a missing value" if cell else "the value is missing"
        return found, "fill it in, or delete the row"
    if cell.lower().lstrip("+-") in _INFINITE:
        return f"{quoted(cell)} is not finite", "write a finite number, or delete the row"
    if not NUMBER.fullmatch(cell):
        # "1,000" is a thousand in one country and one in another.
        if _THOUSANDS.fullmatch(cell):
            plain = cell.replace(",", "")
            meant = f"{plain} or {cell.replace(',', '.')}" if cell.count(",") == 1 else plain
            todo = f"write {meant}" + (" as you mean it" if meant != plain else "")
            return f"{quoted(cell)} holds a comma", todo
        if _COMMA.fullmatch(cell):
            return f"{quoted(cell)} has a decimal comma", "write it with a point"
        todo = "delete the column, or write its categories as columns of 0 and 1"
        return f"{quoted(cell)} is text where a number is needed", todo
    if _LEADING_ZERO.match(cell):
        todo = "delete the column, or write its numbers without leading zeros"
        return f"{quoted(cell)} has leading zeros, so it is a code, not a number", todo
    if _WHOLE.fullmatch(cell) and (len(cell) > 20 or not -(2**63) <= int(cell) < 2**63):
        todo = "delete the column if it is an identifier, or write the number as 1.5e19"
        return f"{quoted(cell)} does not fit in 64 bits", todo
    if np.isinf(float(cell)):
        return f"{quoted(cell)} is larger than 1.8e308", "measure the column in a larger unit"
    return "", ""
