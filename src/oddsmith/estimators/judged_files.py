"""Rows of files that a model is judged by, block by block."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oddsmith.core.scoring import put_probabilities
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import Column, Indices
from oddsmith.data.raw_rows import RawRows
from oddsmith.data.row_encoder import RowEncoder
from oddsmith.estimators.scoring import Scorer
from oddsmith.views.pages.report.gathering import Gathering, statistics_of

__all__ = ["HeldOut", "judge"]

# Share of memory for the scores of held-out rows.
_HELD_OUT = 8


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows that no fit has seen, and what the model says of them.

    Attributes
    ----------
    n_rows : int
        Rows that were held out.
    n_unseen : int
        Rows that are left out here, as they have a level that the fit has not seen.
    true : integer array of shape (m,)
        Class of each row: of all, or every k-th where they are too many.
    probabilities : array of shape (m, K)
    """

    n_rows: int
    n_unseen: int
    true: Indices
    probabilities: Array


def judge(
    model: Any,
    parts: Iterable[RawRows],
    n_rows: int,
    encoder: RowEncoder,
    room: int,
    gathering: Gathering | None,
) -> HeldOut:
    """Let a fitted model judge rows.

    Parameters
    ----------
    model : LogisticRegression
    parts : iterable of RawRows
    n_rows : int
        How many they are.
    encoder : RowEncoder
    room : int
        Bytes that there are.
    gathering : Gathering or None
        What gathers them for a page.
    """
    K = model.classes_.size
    every = max(1, -(-n_rows * 8 * (K + 1) // (room // _HELD_OUT)))
    true: list[Indices] = [np.empty(0, np.intp)]
    probabilities: list[Array] = [np.empty((0, K))]
    n_unseen = 0
    for part in parts:
        some = part.take(slice(None, None, every))
        known = encoder.known(some)
        n_unseen += int((~known).sum())
        rows = some.take(known)
        block = encoder(replace(rows, weight=None))
        out = np.empty((block.y.size, K))
        Scorer(model.coef_, model.intercept_, model.n_jobs).score(
            block.X, None if rows.offset is None else block.offset, put_probabilities, out
        )
        if gathering is not None and len(rows):
            gathering.measure(statistics_of(block.X))
            _gather(gathering, encoder, rows, block.y, out)
        true.append(block.y)
        probabilities.append(out)
    return HeldOut(n_rows, n_unseen, np.concatenate(true), np.concatenate(probabilities))


def _gather(
    gathering: Gathering, encoder: RowEncoder, rows: RawRows, y: Any, probabilities: Array
) -> None:
    def pick(places: Any) -> list[Column]:
        return encoder.columns(rows.take(places))

    gathering.add(pick, encoder.bounds(rows), y, probabilities, rows.weight)
