"""A stored model on the labelled rows of files: ``evaluate``, and what ``report`` shows."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oddsmith.cli.reading import match_labels, target_codes
from oddsmith.cli.scoring import ScoredBatch, ScoreRequest, Source
from oddsmith.core.table_columns import Column, some_rows
from oddsmith.data.scored_rows import place_of
from oddsmith.errors import ModelFileError
from oddsmith.export.json import read_model
from oddsmith.export.schema import Model
from oddsmith.views.evaluation import Tally

if TYPE_CHECKING:
    from oddsmith.views.pages.report.gathering import Gathering
    from oddsmith.views.tables import Evaluation, Summary

__all__ = ["evaluation_of", "judged", "labelled_model"]


def evaluation_of(request: ScoreRequest) -> "Summary":
    """Summary of a model with its evaluation on labelled rows."""
    from oddsmith.views.tables import summarise

    model = labelled_model(request.model)
    found, _ = judged(model, request)
    return summarise(model, found)


def labelled_model(path: Path) -> Model:
    """Read a model that knows which column holds the labels.

    Raises
    ------
    ModelFileError
    """
    model = read_model(path)
    if model.target is None:
        raise ModelFileError(
            f"{path}: does not say which column held the labels; use oddsmith.load in Python"
        )
    return model


def judged(
    model: Model, request: ScoreRequest, gathering: "Gathering | None" = None
) -> tuple["Evaluation", int]:
    """Evaluate a model on labelled rows, of which only counts are kept, and what a page shows.

    Returns
    -------
    Evaluation
    int
        Rows that were left out, as they cannot be scored.
    """
    assert model.target is not None  # noqa: S101
    watch = None if gathering is None else _measuring(gathering)
    source = Source.of(model, request, target=model.target, watch=watch)
    tally = Tally(len(model.classes))
    for found in source.scored():
        batch = found.batch
        codes, levels = target_codes(batch, model.target)
        place = partial(place_of, batch)
        index = match_labels(codes, levels, model.target, model.classes, place)
        rows = slice(None) if found.known is None else found.known
        tally.add(index[rows], found.chosen[rows], found.probabilities[rows])
        if gathering is not None:
            _gather(gathering, source, found, index, rows)
    source.say_what_was_odd("they are left out")
    return tally.evaluation(model.classes), source.n_left


def _measuring(gathering: "Gathering") -> Callable[[Any], None]:
    from oddsmith.views.pages.report.gathering import statistics_of

    return lambda X: gathering.measure(statistics_of(X))


def _gather(gathering: "Gathering", source: Source, found: ScoredBatch, y: Any, rows: Any) -> None:
    from oddsmith.views.pages.report.gathering import bounds_of

    def pick(places: Any) -> list[Column]:
        return [some_rows(column, places) for column in found.columns]

    batch, weight = found.batch, source.weights(found.batch)
    numbers = None
    if batch.lines is not None and len(source.files.paths) == 1:
        numbers = np.asarray(batch.lines)[rows]
    gathering.add(
        pick,
        bounds_of(found.columns),
        y[rows],
        found.probabilities[rows],
        None if weight is None else weight[rows],
        numbers,
    )
