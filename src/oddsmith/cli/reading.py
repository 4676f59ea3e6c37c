"""From the cells of a CSV file to features and class indices, with or without a model."""

from typing import Any

import numpy as np

from oddsmith.core.labels import Label, label_text, quoted
from oddsmith.core.stable import Array
from oddsmith.data.cells import read_label
from oddsmith.data.files import Table
from oddsmith.errors import DataError, ParameterError

__all__ = ["Indices", "choose_classes", "match_classes", "match_features"]

Indices = np.ndarray[Any, np.dtype[np.intp]]

# More different numbers than this are a measurement, not classes.
_MOST_NUMBERS = 100


def choose_classes(
    table: Table, target: str, positive: str | None
) -> tuple[tuple[Label, ...], Indices]:
    """Classes of a target column, the positive one second if there are two, and each row's index.

    Raises
    ------
    DataError
        If the column holds no classes.
    ParameterError
        If `positive` is not one of two labels.
    """
    labels = table.labels(target)
    classes = tuple(sorted(set(labels)))  # type: ignore[type-var]  # labels are of one kind
    _refuse_unless_classes(table, target, classes)
    if positive is not None:
        classes = _with_positive_second(classes, positive)
    index = {label: k for k, label in enumerate(classes)}
    return classes, np.array([index[label] for label in labels], dtype=np.intp)


def _refuse_unless_classes(table: Table, target: str, classes: tuple[Label, ...]) -> None:
    what, where = len(classes), f"{table.source}: column {quoted(target)}"
    if what == 1:
        raise DataError(
            f"{where} holds the label {_shown(classes[0])} only; a fit needs rows of two classes"
        )
    if what > _MOST_NUMBERS and not isinstance(classes[0], str):
        raise DataError(
            f"{where} holds {what} different numbers, so it is continuous and has no classes; "
            "choose another --target, or cut it into classes"
        )
    if what == table.n_rows and what > 2:
        raise DataError(
            f"{where} holds another label in each of its {what} rows, as an identifier does; "
            "choose another --target"
        )


def _with_positive_second(classes: tuple[Label, ...], positive: str) -> tuple[Label, ...]:
    shown = [label_text(label) for label in classes]
    known = ", ".join(_shown(label) for label in classes[:10])
    if positive not in shown:
        raise ParameterError(f"--positive {quoted(positive)} is not a label; use one of {known}")
    if len(classes) != 2:
        raise ParameterError(
            f"--positive needs two classes, and there are {len(classes)} ({known}); leave it out"
        )
    return classes if shown[1] == positive else classes[::-1]


def match_classes(table: Table, target: str, classes: tuple[Label, ...]) -> Indices:
    """Index in `classes` of each row's label, which may be written otherwise (1.0 for 1).

    Raises
    ------
    DataError
        If a label is missing or not among the classes; the message names the line.
    """
    table.labels(target)  # refuses missing ones
    by_text = {label_text(label): k for k, label in enumerate(classes)}
    if not isinstance(classes[0], str | bool):
        by_number = {label: k for k, label in enumerate(classes)}
        for cell in set(table.text(target)) - by_text.keys():
            value = read_label(cell)
            if not isinstance(value, bool) and value in by_number:
                by_text[cell] = by_number[value]
    cells = table.text(target)
    for row, cell in enumerate(cells):
        if cell not in by_text:
            known = ", ".join(_shown(label) for label in classes[:10])
            raise DataError(
                f"{table.source}: line {table.lines[row]}, column {quoted(target)}: "
                f"{quoted(cell)} is not a class of the training data ({known}); "
                "correct it, or delete the row"
            )
    return np.array([by_text[cell] for cell in cells], dtype=np.intp)


def match_features(table: Table, names: tuple[str, ...]) -> Array:
    """Matrix of shape (n, p) of the columns `names`, in any order in the file.

    Raises
    ------
    DataError
        If a column is missing, or a cell of one is no number.
    """
    missing = [quoted(name) for name in names if name not in table.names]
    if missing:
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise DataError(
            f"{table.source}: lacks {'columns' if missing[1:] else 'column'} "
            f"{', '.join(missing[:10])}{more}, which the model needs; "
            "add what is missing, or check the header"
        )
    return table.numbers(names)


def _shown(label: Label) -> str:
    return quoted(label_text(label))
