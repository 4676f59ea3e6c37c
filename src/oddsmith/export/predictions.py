"""Predictions as CSV that no spreadsheet takes for a program."""

import csv
import io
import re
from collections.abc import Mapping, Sequence

from oddsmith.core.labels import Label, label_text
from oddsmith.core.stable import Array

__all__ = ["escaped", "predictions_csv", "probability_columns"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def predictions_csv(columns: Mapping[str, Sequence[Label]]) -> str:
    """CSV text of columns of equal length, with a header.

    Floats are written so that they read back bit by bit, booleans as true and false. Text that
    begins with ``=``, ``+``, ``-``, ``@`` or a tab and is no number gets a single quote in front.

    Examples
    --------
    >>> print(predictions_csv({"label": ["=1+1", "a,b"], "p": [0.1, 1.0]}), end="")
    label,p
    '=1+1,0.1
    "a,b",1.0
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_cell(name) for name in columns)
    cells = (map(_cell, column) for column in columns.values())
    writer.writerows(zip(*cells, strict=True))
    return file.getvalue()


def probability_columns(probabilities: Array, classes: tuple[Label, ...]) -> dict[str, list[float]]:
    """One column per class, named ``p_`` and its label.

    Examples
    --------
    >>> import numpy as np
    >>> probability_columns(np.array([[0.25, 0.75]]), (False, True))
    {'p_false': [0.25], 'p_true': [0.75]}
    """
    return {
        f"p_{label_text(label)}": column
        for label, column in zip(classes, probabilities.T.tolist(), strict=True)
    }


def escaped(text: str) -> str:
    """Text that a spreadsheet would run, with a single quote in front; other text as it is.

    Examples
    --------
    >>> escaped("=1+1"), escaped("-1.5"), escaped("plain")
    ("'=1+1", '-1.5', 'plain')
    """
    runs = text[:1] in ("=", "+", "-", "@", "\t", "\r") and not _NUMBER.fullmatch(text)
    return f"'{text}" if runs else text


def _cell(value: Label) -> str:
    return escaped(value) if isinstance(value, str) else label_text(value)
