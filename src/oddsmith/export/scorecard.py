"""A model of two classes in points, as lenders write it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from oddsmith.core.labels import Label, quoted
from oddsmith.core.stable import Array, sigmoid
from oddsmith.errors import DataError, MissingPackageError, ParameterError
from oddsmith.export.rule import LinearRule

__all__ = ["Scorecard", "scorecard"]


@dataclass(frozen=True, slots=True, eq=False)
class Scorecard:
    """Points that are linear in the columns; a fixed number of them doubles the odds.

    Attributes
    ----------
    columns : tuple of str
        Of a table that is encoded, those that it becomes: ``site[b]`` has the points of a level.
    points : array of shape (p,)
        Points per unit of each column; read-only.
    base_points : float
        Points of a row of zeros.
    good : str, int, float or bool
        The class whose odds the points tell of.
    factor : float
        Points per nat of log-odds.
    offset : float
        Points at even odds.
    encode : callable or None
        Makes such columns of a table; None where they are the table's own.
    """

    columns: tuple[str, ...]
    points: Array
    base_points: float
    good: Label
    factor: float
    offset: float
    encode: Callable[[Any], Any] | None = None

    def score(self, X: Any) -> Array:
        """Points of each row, of shape (n,).

        Parameters
        ----------
        X : array of shape (n, p) or data frame
            The columns of a data frame are found by name.

        Raises
        ------
        DataError
            If a column is missing, or an entry is not a finite number or a level of the fit.
        """
        if self.encode is not None:
            return self.encode(X) @ self.points + self.base_points
        rows = self._rows(X)
        if rows.ndim != 2 or rows.shape[1] != len(self.columns):
            raise DataError(
                f"X has shape {rows.shape}, but the scorecard has {len(self.columns)} columns; "
                "give one row per case and one column per name"
            )
        bad = np.argwhere(~np.isfinite(rows))
        if bad.size:
            row, column = bad[0].tolist()
            raise DataError(
                f"X holds {rows[row, column]} in row {row} (from 0), column "
                f"{quoted(self.columns[column])}; fill or drop such rows"
            )
        return rows @ self.points + self.base_points

    def probability(self, score: Any) -> Array:
        """Probability of `good` that belongs to points, of the shape of `score`."""
        return sigmoid((np.asarray(score, dtype=np.float64) - self.offset) / self.factor)

    def to_frame(self, library: str = "pandas") -> Any:
        """Columns and their points as a data frame, the base points first.

        Parameters
        ----------
        library : "pandas", "polars", "pyarrow" or "modin"

        Raises
        ------
        MissingPackageError
            If Narwhals or the library is not installed.
        """
        columns = {
            "column": ["(base)", *self.columns],
            "points_per_unit": [self.base_points, *self.points.tolist()],
        }
        try:
            narwhals = import_module("narwhals")
            return narwhals.from_dict(columns, backend=library).to_native()
        except ImportError as error:
            raise MissingPackageError(
                f"to_frame needs narwhals and {library} ({error}); install them with "
                f"pip install narwhals {library}"
            ) from error

    def _rows(self, X: Any) -> Array:
        if not hasattr(X, "columns"):
            return np.asarray(X, dtype=np.float64)
        names = list(X.columns)
        for name in self.columns:
            if names.count(name) != 1:
                raise DataError(
                    f"X has {names.count(name)} columns {quoted(name)}; the scorecard needs one"
                )
        found = [np.asarray(X[name], dtype=np.float64) for name in self.columns]
        return np.column_stack(found)


def scorecard(
    rule: LinearRule,
    points_to_double_odds: float = 20.0,
    base_score: float = 600.0,
    base_odds: float = 50.0,
    good: Label | None = None,
    encode: Callable[[Any], Any] | None = None,
) -> Scorecard:
    """Scale log-odds to points.

    Parameters
    ----------
    rule : LinearRule
        Of two classes.
    points_to_double_odds : float
    base_score, base_odds : float
        The points that rows with these odds of `good` get.
    good : label, optional
        By default the second class.
    encode : callable, optional
        Makes the columns of the rule's coefficients of a table; without it they are its own.

    Raises
    ------
    ParameterError
        If there are more than two classes, `good` is none of them, or a number cannot be used.

    Notes
    -----
    score = offset + factor log(odds), factor = points_to_double_odds / log 2, offset =
    base_score - factor log(base_odds) (Siddiqi, 2006, "Credit Risk Scorecards", chapter 6,
    scorecard scaling).

    Examples
    --------
    >>> rule = LinearRule(("late",), ("good", "bad"), ((math.log(2.0),),), (-math.log(50.0),))
    >>> card = scorecard(rule, good="good")
    >>> card.score([[0.0], [1.0]]).round(9).tolist()
    [600.0, 580.0]
    """
    if len(rule.classes) != 2:
        raise ParameterError(
            f"a scorecard needs two classes, and this model has {len(rule.classes)}; "
            "fit one against the rest"
        )
    if good is not None and good not in rule.classes:
        raise ParameterError(f"good is {good!r}; choose one of {list(rule.classes)!r}")
    for name, value in (("points_to_double_odds", points_to_double_odds), ("base_odds", base_odds)):
        if not (math.isfinite(value) and value > 0):
            raise ParameterError(f"{name} is {value}; give a finite number above 0")
    if not math.isfinite(base_score):
        raise ParameterError(f"base_score is {base_score}; give a finite number")
    factor = points_to_double_odds / math.log(2.0)
    offset = base_score - factor * math.log(base_odds)
    signed = -factor if good == rule.classes[0] and good is not None else factor
    with np.errstate(over="ignore"):
        points = np.array(rule.coef[0]) * signed
    base = offset + signed * rule.intercept[0]
    if not (np.isfinite(points).all() and math.isfinite(base)):
        raise ParameterError("the points are beyond the largest float; ask for fewer")
    points.flags.writeable = False
    return Scorecard(
        columns=rule.encoded_names(),
        points=points,
        base_points=base,
        good=rule.classes[1] if good is None else rule.classes[rule.classes.index(good)],
        factor=factor,
        offset=offset,
        encode=encode,
    )
