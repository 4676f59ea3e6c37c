"""Predictions as CSV that no spreadsheet takes for a program."""

import csv
import io
import re
from collections.abc import Mapping, Sequence

from oddsmith.core.labels import Label, label_text
from oddsmith.core.stable import Array

__all__ = ["predictions_csv", "probability_columns"]

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


def _cell(value: Label) -> str:
    if not isinstance(value, str):
        return label_text(value)
    runs = value[:1] in ("=", "+", "-", "@", "\t", "\r") and not _NUMBER.fullmatch(value)
    return f"'{value}" if runs else value
