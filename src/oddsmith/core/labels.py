"""Names and labels, and how hostile ones are shown: on one line, nothing that a terminal obeys."""

from typing import Any

__all__ = ["Label", "column_name", "label_text", "listed", "printable", "quoted"]

Label = str | int | float | bool


def label_text(label: Label) -> str:
    """Label as it is written in a CSV file.

    Examples
    --------
    >>> label_text(True), label_text(1), label_text(0.5), label_text("yes")
    ('true', '1', '0.5', 'yes')
    """
    return str(label).lower() if isinstance(label, bool) else str(label)


def printable(text: str) -> str:
    r"""Text with every control, format and surrogate character written as an escape.

    Line breaks, terminal escape sequences and characters that reverse the direction of
    writing are shown instead of obeyed; letters of any script stay as they are.

    Examples
    --------
    >>> print(printable("größe\n\x1b[31m"))
    größe\n\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def quoted(text: str, limit: int = 60) -> str:
    """Printable text in double quotes, cut to `limit` characters.

    Examples
    --------
    >>> print(quoted("age"), quoted("a" * 100, limit=8))
    "age" "aaaaa..."
    """
    shown = printable(text[: limit + 1])
    if len(shown) > limit:
        shown = shown[: limit - 3] + "..."
    return f'"{shown}"'


def column_name(names: Any, index: int) -> str:
    """Name a column as messages do: its quoted name if it has one, else its number from 0.

    Examples
    --------
    >>> print(column_name(["age", "dose"], 1), column_name(None, 1))
    "dose" 1
    """
    return quoted(str(names[index])) if names is not None else str(index)


def listed(names: list[str], most: int = 10) -> str:
    """Names as a list in words, no more than `most` of them.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], most=2)
    ('a, b and c', 'a, b and 1 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
