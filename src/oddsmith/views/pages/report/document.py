"""What the report shows, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.core.table_columns import Column, some_rows
from oddsmith.decisions.comparison import Comparison
from oddsmith.export.schema import Model

__all__ = ["Examples", "Judged", "Report", "Section", "Spread", "Whole"]

Whole = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Labelled rows, and what the model says of them: all rows, however many.

    Attributes
    ----------
    source : str
        Where they come from: "tumours.csv", "X".
    seen : bool or None
        Whether the model was fitted to them, so that they flatter it; None where nobody knows.
    y : array of shape (n,)
        Class indices.
    probabilities : array of shape (n, K)
    weight : array of shape (n,), or None
    offset : bool
        Whether an offset of each row is part of its probabilities.
    """

    source: str
    seen: bool | None
    y: Whole
    probabilities: Array
    weight: Array | None = None
    offset: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Where the columns lie in the rows that are judged.

    Attributes
    ----------
    low, high : array of shape (c,)
        Least and greatest value of the c columns of the table; NaN for categories.
    typical : tuple of c float, bool or str
        Median of numbers, most frequent value of others; None where all are missing.
    mean, deviation : array of shape (q,)
        Of the encoded columns: mean and standard deviation (divided by n).
    """

    low: Array
    high: Array
    typical: tuple[Any, ...]
    mean: Array
    deviation: Array


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Rows that the page carries, so that they can be loaded by number.

    Attributes
    ----------
    numbers : array of shape (r,)
        Ascending.
    unit : str
        What the numbers count: "row" (from 0), "line".
    columns : tuple of c Column
        As they were before encoding, in the order of the encoding.
    y : array of shape (r,)
        Class indices.
    total : int
        Rows that there are.
    """

    numbers: Whole
    unit: str
    columns: tuple[Column, ...]
    y: Whole
    total: int

    def every(self, k: int) -> "Examples":
        """Every k-th of them."""
        rows = np.arange(0, self.numbers.size, k)
        columns = tuple(some_rows(column, rows) for column in self.columns)
        return replace(self, numbers=self.numbers[rows], columns=columns, y=self.y[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """All that the page shows.

    Attributes
    ----------
    title : str
    made_at : str
        Time in UTC: "2026-01-31T12:00:00Z".
    model : Model
    data : tuple of (str, str)
        What is known of the data of the fit: name and value, in words.
    judged : Judged or None
    spread : Spread or None
    examples : Examples or None
    history : mapping of str to array, or None
        See `oddsmith.core.fit.Fit`; None where it was not kept.
    comparison : Comparison or None
    cost : tuple of two float
        What a false positive and a false negative cost when the page opens.
    notes : tuple of str
        What was left out or shortened, in words.
    positions : int
        Of the sliders of all classes together, at the most.
    """

    title: str
    made_at: str
    model: Model
    data: tuple[tuple[str, str], ...] = ()
    judged: Judged | None = None
    spread: Spread | None = None
    examples: Examples | None = None
    history: Mapping[str, Array] | None = None
    comparison: Comparison | None = None
    cost: tuple[float, float] = (1.0, 1.0)
    notes: tuple[str, ...] = ()
    positions: int = 10_000


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page.

    Attributes
    ----------
    name : str
        Of its files: ``report/NAME.html.jinja``, and ``report/NAME.js`` where it has a script.
    title : str
        Its heading.
    context : dict
        What its template reads, as ``s``.
    data : dict
        What its script reads: numbers (finite), texts, lists and dicts.
    charts : dict of str to dict
        Vega specifications under the names of their places.
    script : bool
        Whether it has a script.
    """

    name: str
    title: str
    context: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    charts: dict[str, Any] = field(default_factory=dict)
    script: bool = False
