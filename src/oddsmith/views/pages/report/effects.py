"""What each column does to the odds: contrasts of classes with the first, and their errors."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import label_text
from oddsmith.core.stable import Array
from oddsmith.export.schema import Model
from oddsmith.views.pages.report.document import Whole
from oddsmith.views.pages.report.words import fitting

__all__ = ["Effects", "Z", "effects"]

# Wald's intervals of 95 %: this many standard errors to both sides.
Z = 1.959963984540054
# More columns or classes would make the page slow and large.
_MOST_COLUMNS, _MOST_CLASSES = 1000, 20


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Coefficients of E classes against the first one; one of them with two classes.

    Attributes
    ----------
    names : list of str
        Of the m columns that are shown, printable.
    classes : list of str
        Of the E classes, printable.
    reference : str
        The first class.
    coef : array of shape (E, m)
        Log-odds (nats) per unit.
    error, p : array of shape (E, m), or None
        Standard errors, NaN where one was not estimated, and p values (Wald).
    deviation : array of shape (m,), or None
        Step of each column: the standard deviation of numbers among the rows that are judged.
    intercept : array of shape (E,)
    intercept_error, intercept_p : array of shape (E,), or None
    columns_left_out, classes_left_out : int
    names_cut : bool
    """

    names: list[str]
    classes: list[str]
    reference: str
    coef: Array
    error: Array | None
    p: Array | None
    deviation: Array | None
    intercept: Array
    intercept_error: Array | None
    intercept_p: Array | None
    columns_left_out: int
    classes_left_out: int
    names_cut: bool

    def order(self, k: int) -> Whole:
        """Places of the columns, from the greatest effect on the odds of class k to the least."""
        size = np.abs(self.coef[k]) * (1.0 if self.deviation is None else self.deviation)
        return np.argsort(-size, kind="stable")


def effects(model: Model, deviation: Array | None) -> Effects:
    """Read the effects of a model's columns.

    Examples
    --------
    >>> from oddsmith.export.schema import plain_model
    >>> model = plain_model(["a", "b"], ["x", "y", "z"], None, [[1, 2], [3, 1], [0, 0]], [0, 1, 2])
    >>> found = effects(model, None)
    >>> found.classes, found.coef.tolist(), found.intercept.tolist()
    (['y', 'z'], [[2.0, -1.0], [-1.0, -2.0]], [1.0, 2.0])
    """
    two = len(model.classes) == 2
    q, E = model.encoding.width, len(model.classes) - 1
    coef = model.coef if two else model.coef[1:] - model.coef[0]
    intercept = model.intercept if two else model.intercept[1:] - model.intercept[0]
    scale = np.ones(q) if deviation is None else deviation
    kept = np.argsort(-(np.abs(coef) * scale).max(axis=0), kind="stable")[:_MOST_COLUMNS]
    kept = np.sort(kept)
    names, cut = fitting([model.feature_names[j] for j in kept.tolist()])
    labels, labels_cut = fitting([label_text(one) for one in model.classes[: _MOST_CLASSES + 1]])
    shown = min(E, _MOST_CLASSES)
    error = None
    if model.covariance is not None:
        error = np.sqrt(np.diag(model.covariance))
    slopes = None if error is None else error[: E * q].reshape(E, q)[:shown, kept]
    own = None if error is None else error[E * q :][:shown]
    return Effects(
        names=names,
        classes=labels[1:],
        reference=labels[0],
        coef=coef[:shown, kept],
        error=slopes,
        p=_p(coef[:shown, kept], slopes),
        deviation=None if deviation is None else deviation[kept],
        intercept=intercept[:shown],
        intercept_error=own,
        intercept_p=_p(intercept[:shown], own),
        columns_left_out=q - kept.size,
        classes_left_out=E - shown,
        names_cut=cut or labels_cut,
    )


def _p(coef: Array, error: Array | None) -> Array | None:
    """P values of no effect, two-sided (Wald)."""
    if error is None:
        return None
    z = np.abs(coef) / error / math.sqrt(2.0)
    return np.vectorize(math.erfc, otypes=[np.float64])(z)


def listed_numbers(values: Array | None, digits: int = 17) -> Any:
    """Numbers of so many digits as JSON has them: None where one is not finite.

    Examples
    --------
    >>> listed_numbers(np.array([1 / 3, np.nan]), 4)
    [0.3333, None]
    """
    if values is None:
        return None
    plain = np.vectorize(lambda x: float(f"{x:.{digits}g}"), otypes=[object])(values)
    plain[~np.isfinite(values)] = None
    return plain.tolist()
