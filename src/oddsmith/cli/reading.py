"""From the values of a target column to classes and class indices, with or without a model."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from oddsmith.core.labels import Label, label_text, quoted
from oddsmith.data.batches import Batch
from oddsmith.data.cells import is_missing, read_label
from oddsmith.data.csv_bytes import arrow_csv
from oddsmith.data.scored_rows import codes_of, place_of
from oddsmith.errors import DataError, ParameterError

__all__ = ["Indices", "choose_classes", "labels_of", "match_labels", "target_codes"]

Indices = np.ndarray[Any, np.dtype[np.intp]]

# More different numbers than this are a measurement, not classes.
_MOST_NUMBERS = 100


def labels_of(cells: Sequence[Any]) -> list[Label]:
    """Labels of one kind that cells of a CSV file stand for; other values are what they are.

    Examples
    --------
    >>> labels_of(["1", "0.5"]), labels_of(["1", "a"]), labels_of([True, False])
    ([1.0, 0.5], ['1', 'a'], [True, False])
    """
    if not all(isinstance(cell, str) for cell in cells):
        return list(cells)
    read = [read_label(cell) for cell in cells]
    kinds = {type(value) for value in read}
    if kinds == {int, float}:
        return [float(value) for value in read]
    return read if len(kinds) == 1 else list(cells)


def choose_classes(
    labels: Sequence[Label], where: str, positive: str | None
) -> tuple[tuple[Label, ...], Indices]:
    """Classes of a target column, the positive one second if there are two, and each row's index.

    Raises
    ------
    DataError
        If the column holds no classes; `where` begins the message.
    ParameterError
        If `positive` is not one of two labels.
    """
    try:
        classes = tuple(sorted(set(labels)))  # type: ignore[type-var]  # labels are of one kind
    except TypeError:
        raise DataError(f"{where} holds labels of several kinds; make them one") from None
    _refuse_unless_classes(len(labels), where, classes)
    if positive is not None:
        classes = _with_positive_second(classes, positive)
    index = {label: k for k, label in enumerate(classes)}
    return classes, np.array([index[label] for label in labels], dtype=np.intp)


def _refuse_unless_classes(n: int, where: str, classes: tuple[Label, ...]) -> None:
    what = len(classes)
    if what == 1:
        raise DataError(
            f"{where} holds the label {_shown(classes[0])} only; a fit needs rows of two classes"
        )
    if what > _MOST_NUMBERS and not isinstance(classes[0], str):
        raise DataError(
            f"{where} holds {what} different numbers, so it is continuous and has no classes; "
            "choose another --target, or cut it into classes"
        )
    if what == n and what > 2:
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


def target_codes(batch: Batch, target: str) -> tuple[Indices, list[Any]]:
    """Code of each row's label, and the value of each code.

    Raises
    ------
    DataError
        If a label is missing; the message names the row.
    """
    column = batch.columns[target]
    if not arrow_csv().types.is_dictionary(column.type):
        column = column.dictionary_encode()
    codes, levels = codes_of(column)
    known = [
        level == level and not (isinstance(level, str) and is_missing(level)) for level in levels
    ]
    bad = ~np.array([*known, False])[codes]
    if bad.any():
        place = place_of(batch, int(np.argmax(bad)))
        raise DataError(
            f"{place}, column {quoted(target)}: the label is missing; fill it in, or delete the row"
        )
    return codes.astype(np.intp), levels


def match_labels(
    codes: Indices,
    levels: Sequence[Any],
    target: str,
    classes: tuple[Label, ...],
    place: Callable[[int], str],
) -> Indices:
    """Index in `classes` of each row's label, which may be written otherwise (1.0 for 1).

    Parameters
    ----------
    codes, levels
        See `target_codes`.
    target : str
    classes : tuple of labels
    place : callable
        Says where a row stands, for a message.

    Raises
    ------
    DataError
        If a label is not among the classes; the message names the row.
    """
    by_text = {label_text(label): k for k, label in enumerate(classes)}
    by_number: dict[Label, int] = {}
    if not isinstance(classes[0], str | bool):
        by_number = {label: k for k, label in enumerate(classes)}
    places: list[int] = []
    for level in levels:
        value = read_label(label_text(level))
        found = by_text.get(label_text(level), -1)
        if found < 0 and not isinstance(value, bool):
            found = by_number.get(value, -1)
        places.append(found)
    index = np.array(places, dtype=np.intp)[codes]
    if (index < 0).any():
        row = int(np.argmax(index < 0))
        known = ", ".join(_shown(label) for label in classes[:10])
        raise DataError(
            f"{place(row)}, column {quoted(target)}: {_shown(levels[codes[row]])} is not a class "
            f"of the training data ({known}); correct it, or delete the row"
        )
    return index


def _shown(label: Label) -> str:
    return quoted(label_text(label))
