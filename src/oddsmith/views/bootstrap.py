"""Bootstrap intervals as a table, and what they do not say."""

from typing import Any

from oddsmith.core.labels import label_text
from oddsmith.data.frames import frame_of
from oddsmith.inference.bootstrap import Bootstrap
from oddsmith.views.results import Shown
from oddsmith.views.tables import Page, TextTable, number_text

__all__ = ["BootstrapResults"]


class BootstrapResults(Bootstrap):
    """A `Bootstrap` that shows itself.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.array([[0.1, 1.0], [0.2, 2.0], [0.3, 3.0]])
    >>> found = BootstrapResults(
    ...     ("const", "dose"), (None, None), samples[1], samples, 0, "penalised (C=1, l1_ratio=0)"
    ... )
    >>> print(found.summary(alpha=0.5))
    Coefficients in 3 samples of the rows
     column   coefficient   std. deviation    25%    75%
    ─────────────────────────────────────────────────────
     const            0.2              0.1   0.15   0.25
     dose               2                1    1.5    2.5
    <BLANKLINE>
    The fit is penalised (C=1, l1_ratio=0), and so are those of the samples, with rows drawn again.
    Intervals are percentiles: they tell how the coefficients vary, not how a penalty moves them.
    There are no p values, as those are of maximum likelihood.
    """

    def summary(self, alpha: float = 0.05) -> Shown:
        """Table of the coefficients with their intervals, and what these do not say."""
        title = f"Coefficients in {len(self.samples)} samples of the rows"
        columns = self._columns(alpha)
        words = 1 + ("class" in columns)
        cells = [
            list(values) if j < words else [number_text(float(value)) for value in values]
            for j, values in enumerate(columns.values())
        ]
        table = TextTable(title, tuple(columns), tuple(zip(*cells, strict=True)), words)
        return Shown(Page(title, (table,), self._notes(), ()))

    def to_frame(self, library: str = "pandas", alpha: float = 0.05) -> Any:
        """Table of the coefficients as a data frame of "pandas", "polars" or "pyarrow"."""
        return frame_of(self._columns(alpha), library)

    def _repr_html_(self) -> str:
        return self.summary().as_html()

    def _columns(self, alpha: float) -> dict[str, Any]:
        interval = self.conf_int(alpha)
        labels: list[Any] = [label for label in self.equations if label is not None]
        first: dict[str, Any] = {"class": [label_text(label) for label in labels]} if labels else {}
        return first | {
            "column": list(self.names),
            "coefficient": self.params,
            "std. deviation": self.bse,
            f"{100 * alpha / 2:.4g}%": interval[:, 0],
            f"{100 - 100 * alpha / 2:.4g}%": interval[:, 1],
        }

    def _notes(self) -> tuple[str, ...]:
        notes = [
            f"The fit is {self.penalty}, and so are those of the samples, with rows drawn again.",
            "Intervals are percentiles: they tell how the coefficients vary, not how a penalty "
            "moves them.",
            "There are no p values, as those are of maximum likelihood.",
        ]
        if self.redrawn:
            notes.append(f"{self.redrawn} samples lacked a class, and were drawn again.")
        return tuple(notes)
