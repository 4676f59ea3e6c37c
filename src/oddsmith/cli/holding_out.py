"""Which rows of a fit in memory are held out, and which of them can be judged."""

import math
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import train_test_split

from oddsmith.cli.fit_request import FitRequest
from oddsmith.cli.fit_rows import Chosen, Rows, absent_in, read_rows
from oddsmith.cli.messages import say
from oddsmith.cli.reading import Indices, match_labels
from oddsmith.core.labels import Label, label_text, quoted
from oddsmith.data.files import TableFiles, open_files
from oddsmith.errors import DataError, ParameterError

__all__ = ["Part", "split"]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows with their class.

    Attributes
    ----------
    rows : Rows
    y : integer array of shape (n,)
    n_left_out : int
        Rows beside these that the fit cannot judge.
    """

    rows: Rows
    y: Indices
    n_left_out: int = 0


def split(
    request: FitRequest,
    files: TableFiles,
    chosen: Chosen,
    part: Part,
    classes: tuple[Label, ...],
) -> tuple[Part, Part | None]:
    """Rows to train on, and those held out, if any.

    Raises
    ------
    DataError, ParameterError
        If a class would be left out on either side.
    """
    if request.test is not None:
        held = _test_rows(request, files, chosen, classes)
        say(f"{request.test[0]}: {len(held.rows)} rows held out")
        return part, _judgeable(request, part, held)
    if request.test_size == 0:
        say("no rows held out (--test-size 0)")
        return part, None
    _refuse_small_classes(request, part, classes)
    # Classes in the order of the rows, so that the split does not depend on which is positive.
    _, first = np.unique(part.y, return_index=True)
    train, held = train_test_split(
        np.arange(len(part.y)),
        test_size=request.test_size,
        stratify=first[part.y],
        random_state=request.seed,
    )
    if len(np.unique(part.y[train])) < len(classes):
        raise ParameterError(
            f"--test-size {request.test_size:g} leaves no row of some class to train on; lower it"
        )
    say(f"{len(train)} rows to train, {len(held)} held out (stratified, seed {request.seed})")
    own = _take(part, np.sort(train))
    return own, _judgeable(request, own, _take(part, np.sort(held)))


def _test_rows(
    request: FitRequest, files: TableFiles, chosen: Chosen, classes: tuple[Label, ...]
) -> Part:
    """Rows of a file of their own, their columns of the kinds of the others."""
    there = open_files(request.test or ())
    for name in chosen.names:
        there.check(name, "target" if name == chosen.target else "model")
    kinds = {name: files.kinds[name] for name in chosen.features}
    there = open_files(request.test or (), types=kinds, text=(chosen.target,))
    own = request.columns.missing
    rows = read_rows(
        there, replace(chosen, declared=kinds), drop=own == "drop", refuse=own == "refuse"
    )
    assert rows is not None  # noqa: S101
    y = match_labels(rows.codes, rows.levels, chosen.target, classes, rows.place)
    return Part(rows, y)


def _judgeable(request: FitRequest, train: Part, held: Part) -> Part:
    """Held-out rows without those that have a level, or a gap, that the fit does not see."""
    known = np.ones(len(held.rows), dtype=bool)
    own = request.columns
    for name in train.rows.table.column_names:
        before, after = train.rows.table.column(name), held.rows.table.column(name)
        gaps = np.concatenate([absent_in(chunk) for chunk in after.chunks] or [known])
        fitted_gaps = any(absent_in(chunk).any() for chunk in before.chunks)
        if gaps.any() and not fitted_gaps and own.missing != "mean":
            known &= ~gaps
        if "string" not in str(before.type):
            continue
        counts = before.value_counts().to_pylist()
        levels = {one["values"] for one in counts}
        pools = own.unseen == "pool" and any(one["counts"] < own.min_count for one in counts)
        if not pools:
            known &= np.array([x is None or x in levels for x in after.to_pylist()], dtype=bool)
    if known.all():
        return held
    say(
        f"{int((~known).sum())} held-out rows are not judged: they have a level or a gap that the "
        "fit has not seen"
    )
    return replace(_take(held, np.flatnonzero(known)), n_left_out=int((~known).sum()))


def _take(part: Part, index: Indices) -> Part:
    return Part(part.rows.take(index), part.y[index])


def _refuse_small_classes(request: FitRequest, part: Part, classes: tuple[Label, ...]) -> None:
    """Refuse a split that would leave out a class on either side."""
    counts = np.bincount(part.y)
    todo = "add rows, or hold out none with --test-size 0"
    if counts.min() < 2:
        k = int(counts.argmin())
        place = part.rows.place(int((part.y == k).argmax()))
        raise DataError(
            f"{place}: is the only row with the label "
            f"{quoted(label_text(classes[k]))}, and cannot both train and be held out; {todo}"
        )
    held = math.ceil(request.test_size * len(part.y))
    if min(held, len(part.y) - held) < len(classes):
        raise DataError(
            f"{request.source}: --test-size {request.test_size:g} splits its {len(part.y)} rows "
            f"into {len(part.y) - held} and {held}, too few for {len(classes)} classes; {todo}"
        )
