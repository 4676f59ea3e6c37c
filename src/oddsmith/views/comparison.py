"""A comparison of models as tables: what each reaches, and by how much they differ."""

from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.data.frames import frame_of
from oddsmith.decisions.comparison import Comparison, Difference
from oddsmith.inference.tails import log_normal_tails
from oddsmith.views.results import Shown, p_text
from oddsmith.views.tables import Page, TextTable, number_text

__all__ = ["ComparisonResults", "page_of_comparison"]

_MEASURES = {"log_loss": "log loss", "auc": "AUC", "cost": "cost"}


def page_of_comparison(comparison: Comparison) -> Page:
    """All that a summary of a comparison shows.

    Parameters
    ----------
    comparison : Comparison
    """
    title = f"{len(comparison.scores)} models on the same {comparison.n_rows:,} rows"
    tables = (_scores(comparison, title), _differences(comparison))
    sides = (
        "Differences are of the first model minus the second, row by row: log loss (nats per row) "
        "and cost speak for the first below 0, AUC above 0."
    )
    return Page(title, tables, (sides, *comparison.notes), ())


def _scores(comparison: Comparison, title: str) -> TextTable:
    costs = any(score.cost is not None for score in comparison.scores)
    rows = []
    for score in comparison.scores:
        cells = score.name, number_text(score.log_loss), _text(score.auc)
        rows.append((*cells, number_text(score.cost)) if costs else cells)
    headers = ("model", "log loss", "AUC", *(("cost per row",) if costs else ()))
    return TextTable(title, headers, tuple(rows))


def _differences(comparison: Comparison) -> TextTable:
    rows = tuple(
        (
            f"{quoted(one.first, 30)} - {quoted(one.second, 30)}",
            _MEASURES[one.measure],
            *map(_text, (one.value, one.standard_error, one.lower, one.upper)),
            _p_text(one),
        )
        for one in comparison.differences
    )
    low, high = 50 - 50 * comparison.level, 50 + 50 * comparison.level
    ends = f"{low:.4g}%", f"{high:.4g}%"
    headers = ("models", "measure", "difference", "std. error", *ends, "p")
    return TextTable("Paired differences", headers, rows, words=2)


def _text(value: float) -> str:
    return "NA" if np.isnan(value) else number_text(value)


def _p_text(one: Difference) -> str:
    if np.isnan(one.p_value) or one.standard_error == 0:
        return "NA" if np.isnan(one.p_value) else number_text(one.p_value, 3)
    return p_text(float(log_normal_tails(np.array(one.value / one.standard_error))))


class ComparisonResults(Comparison):
    """A `Comparison` that shows itself.

    Examples
    --------
    >>> from oddsmith import compare
    >>> y = [0, 1, 0, 1, 1, 0, 0, 1]
    >>> ours, theirs = [0.1, 0.9, 0.2, 0.25, 0.7, 0.3, 0.2, 0.8], [0.5] * 8
    >>> print(compare({"ours": ours, "constant": theirs}, None, y))  # doctest: +ELLIPSIS
    2 models on the same 8 rows
     model      log loss      AUC
    ──────────────────────────────
     ours       0.372474   0.9375
     constant   0.693147      0.5
    ...
    """

    __slots__ = ()

    def summary(self) -> Shown:
        """Tables of the scores and of their differences, which print and render in a notebook."""
        return Shown(page_of_comparison(self))

    def to_frame(self, library: str = "pandas") -> Any:
        """Differences as a data frame of "pandas", "polars" or "pyarrow"."""
        fields = Difference.__slots__
        columns = {name: [getattr(one, name) for one in self.differences] for name in fields}
        return frame_of(columns, library)

    def __str__(self) -> str:
        return self.summary().as_text()

    def _repr_html_(self) -> str:
        return self.summary().as_html()
