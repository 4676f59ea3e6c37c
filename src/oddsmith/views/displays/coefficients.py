"""Coefficients as a forest: one row a column, the largest first, intervals where there are any."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError
from oddsmith.views.displays.axes import (
    draw_legend,
    figure_of,
    height_of,
    new_axes,
    plain,
    points_of,
    tidy,
    title,
    width_of,
)
from oddsmith.views.displays.estimates import Estimates, estimates_of, of_results
from oddsmith.views.displays.forest import draw_forest
from oddsmith.views.displays.parts import label_of
from oddsmith.views.labels import short_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CoefficientDisplay"]

_USUAL, _MOST = 20, 7

Order = Literal["effect", "z", "columns"]


class CoefficientDisplay:
    """Forest of coefficients, or of odds ratios on a logarithmic axis.

    It is made by `from_estimator` or `from_inference`; all parameters are stored as attributes.

    Parameters
    ----------
    names : sequence of p str
    coefficient : array of shape (p,), or (p, E) for E margins
        Log-odds (nats per unit of the column); NaN where there is none.
    lower, upper : arrays shaped like `coefficient`, optional
        Intervals; NaN where there is none.
    standard_error : array shaped like `coefficient`, optional
    classes : sequence of E labels, optional
        Class whose log-odds each margin is.
    reference : label, optional
        Class that the log-odds are against.
    intervals : str, optional
        What the intervals are, in words.

    Attributes
    ----------
    points_ : list of E matplotlib Line2D
    intervals_ : list of E matplotlib LineCollection
    drawn_ : list of int
        Places of the columns that are drawn, from top to bottom.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import oddsmith
    >>> data = {"dose": [1, 2, 3, 4, 5, 6, 7, 8], "alive": [1, 1, 0, 1, 1, 0, 0, 0]}
    >>> found = oddsmith.logit("alive ~ dose", data)
    >>> display = oddsmith.CoefficientDisplay.from_inference(found, odds_ratios=True)
    >>> display.points_[0].get_xdata().round(3), display.ax_.get_xscale()
    (array([0.437]), 'log')
    """

    points_: list[Any]
    intervals_: list[Any]
    drawn_: list[int]
    ax_: "Axes"
    figure_: Any

    def __init__(
        self,
        names: Sequence[str],
        coefficient: Any,
        lower: Any = None,
        upper: Any = None,
        *,
        standard_error: Any = None,
        classes: Sequence[Any] | None = None,
        reference: Any = None,
        intervals: str | None = None,
    ) -> None:
        self.names = [str(name) for name in names]
        self.coefficient = np.asarray(coefficient, dtype=float)
        self.lower, self.upper, self.standard_error = (
            None if one is None else np.asarray(one, dtype=float)
            for one in (lower, upper, standard_error)
        )
        self.classes, self.reference, self.intervals = classes, reference, intervals

    @classmethod
    def _of(cls, found: Estimates) -> Self:
        return cls(
            found.names,
            found.coefficient,
            found.lower,
            found.upper,
            standard_error=found.standard_error,
            classes=found.classes,
            reference=found.reference,
            intervals=found.intervals,
        )

    @classmethod
    def from_inference(
        cls,
        results: Any,
        *,
        level: float = 0.95,
        intercept: bool = False,
        n: int | None = None,
        odds_ratios: bool = False,
        order: Order = "effect",
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw what `oddsmith.logit` or a model's `infer` returns.

        Parameters
        ----------
        results : Inference, or bootstrap results
            Intervals are those of its `conf_int`: Wald's, by the profile of a bias-reduced fit, or
            percentiles of bootstrap samples.
        level : float, default 0.95
        intercept : bool, default False
            Whether the intercept is drawn as well.
        n, odds_ratios, order, ax
            As in `plot`.

        Returns
        -------
        CoefficientDisplay
        """
        display = cls._of(of_results(results, level, intercept))
        return display.plot(ax, n=n, odds_ratios=odds_ratios, order=order)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        results: Any = None,
        *,
        level: float = 0.95,
        intercept: bool = False,
        n: int | None = None,
        odds_ratios: bool = False,
        order: Order = "effect",
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the coefficients of a fitted linear classifier.

        Parameters
        ----------
        estimator : fitted classifier
            With `coef_`; also a pipeline that ends in one, whose units are then those of the
            columns that the pipeline makes.
        results : what `infer` returns, optional
            For intervals. Without it they are those of `covariance_` (of a stored model) or
            `results_` (of `fit_files`); where there is none, as of a penalised fit, there are no
            intervals.
        level : float, default 0.95
        intercept : bool, default False
            Whether the intercept is drawn as well.
        n, odds_ratios, order, ax
            As in `plot`.

        Returns
        -------
        CoefficientDisplay

        Raises
        ------
        ParameterError
            If it has no coefficients, or the results are of another fit.
        MissingPackageError
            If matplotlib is not installed.
        """
        display = cls._of(estimates_of(estimator, results, level, intercept))
        return display.plot(ax, n=n, odds_ratios=odds_ratios, order=order)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        n: int | None = None,
        odds_ratios: bool = False,
        order: Order = "effect",
    ) -> Self:
        """Draw the forest.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Without them a figure of pyplot's is made, as high as the rows need.
        n : int, optional
            Rows to draw at most; by default 20, or as many as there is room for in the axes that
            are given. How many are left out is written below.
        odds_ratios : bool, default False
            Draw exp(coefficient), on a logarithmic axis.
        order : {"effect", "z", "columns"}, default "effect"
            By abs(coefficient), by that in standard errors, or as the model has them; the first n
            are drawn. Coefficients are per unit of their column, so that "effect" compares them
            fairly only where units are alike.

        Returns
        -------
        CoefficientDisplay
            Itself.

        Raises
        ------
        ParameterError
            If an argument cannot be used.
        MissingPackageError
            If matplotlib is not installed.
        """
        value, low, high, classes, reference = self._margins(odds_ratios)
        ranked = self._ranked(order, value)
        if n is not None and (isinstance(n, bool) or not hasattr(n, "__index__") or n < 1):
            raise ParameterError(f"n={n!r} is not a number of rows to draw; give 1 or more.")
        own = ax is None
        E = value.shape[1]
        most = _USUAL if E <= 2 else max(_MOST, 3 * _USUAL // E)
        if ax is None:
            self.drawn_ = ranked[: most if n is None else int(n)]
            row = 0.27 if E == 1 else 0.14 * E + 0.12
            ax = new_axes(6.4, min(1.4 + row * max(len(self.drawn_), 3), 60.0))[0]
        else:
            room = int(height_of(ax) / max(1.3 * points_of("small"), 5.0 * E))
            self.drawn_ = ranked[: max(1, min(most, room)) if n is None else int(n)]
        self.ax_, self.figure_ = ax, figure_of(ax)
        rows = self.drawn_
        names = short_labels([_text(label) for label in classes], 24) if E > 1 else ["coefficient"]
        self.points_, self.intervals_ = draw_forest(
            ax, value[rows], low[rows], high[rows], names, odds_ratios
        )
        self._name_rows(ax)
        tidy(ax, self._words(value, ranked, odds_ratios, classes, reference, own), "", grid="x")
        if E > 1:
            beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
            draw_legend(ax, self.points_, **(beside if own else {"loc": "best"}))
        if own:
            title(ax, "Odds ratios" if odds_ratios else "Coefficients")
        return self

    def _margins(self, odds_ratios: bool) -> tuple[Array, Array, Array, list[Any], Any]:
        """Coefficients and intervals of shape (p, E), the class of each margin, and against what.

        An odds ratio needs two classes: of one margin a class they are made against the first.
        """
        value = self.coefficient.reshape(len(self.names), -1)
        none = np.full(value.shape, np.nan)
        low, high = (
            none if one is None else one.reshape(value.shape) for one in (self.lower, self.upper)
        )
        E = value.shape[1]
        classes: list[Any] = [None] * E if self.classes is None else list(self.classes)
        if not odds_ratios or E == 1 or self.reference is not None:
            return value, low, high, classes, self.reference
        return value[:, 1:] - value[:, :1], none[:, 1:], none[:, 1:], classes[1:], classes[0]

    def _ranked(self, order: str, value: Array) -> list[int]:
        """Columns that have a coefficient, in order; those that are 0 only if all are."""
        if order not in ("effect", "z", "columns"):
            raise ParameterError(f"order={order!r} is not known; use 'effect', 'z' or 'columns'.")
        size = np.abs(value)
        if order == "z":
            if self.standard_error is None:
                raise ParameterError(
                    "order='z' needs standard errors, and there are none; use 'effect'."
                )
            error = self.standard_error.reshape(len(self.names), -1)
            with np.errstate(divide="ignore", invalid="ignore"):
                size = size / error
        size = np.where(np.isnan(size), -1.0, size).max(axis=1, initial=-1.0)
        there = np.asarray(~np.isnan(value).all(axis=1))
        zero = (value == 0).all(axis=1) & (self.lower is None)
        kept = there & ~zero if (there & ~zero).any() else there
        places = np.arange(size.size) if order == "columns" else np.argsort(-size, kind="stable")
        return [int(j) for j in places if kept[j]]

    def _name_rows(self, ax: "Axes") -> None:
        count = len(self.drawn_)
        # Names may take as much room as the picture, but no more.
        room = width_of(ax) / (0.54 * points_of("small"))
        names = short_labels([self.names[j] for j in self.drawn_], int(min(max(0.5 * room, 9), 28)))
        ax.set_yticks(np.arange(count), names)
        size = min(points_of("small"), 0.85 * height_of(ax) / max(count, 1))
        for label in ax.get_yticklabels():
            label.set_fontsize(max(size, 3.0))
        plain(*ax.get_yticklabels())
        ax.tick_params(axis="y", length=0)

    def _words(
        self,
        value: Array,
        ranked: list[int],
        odds_ratios: bool,
        classes: list[Any],
        reference: Any,
        own: bool,
    ) -> str:
        """Say what the axis is, and what is not in the picture."""
        kind = "odds ratio" if odds_ratios else "coefficient (log-odds)"
        if value.shape[1] == 1 and classes[0] is not None:
            kind += f" of {_short(classes[0])}, not {_short(reference)}"
        elif reference is not None:
            kind += f" against {_short(reference)}"
        words = [f"{kind}, per unit"]
        if self.lower is not None and self.intervals:
            words.append(f"bars: {self.intervals}")
        left = len(ranked) - len(self.drawn_)
        gone = int(np.isnan(value).all(axis=1).sum())
        zero = len(self.names) - len(ranked) - gone
        if left:
            words.append(f"{len(self.drawn_):,} of {len(self.names):,} columns; {left:,} not drawn")
        if zero:
            words.append(f"{zero:,} of {len(self.names):,} columns have coefficient 0")
        if gone:
            words.append(f"{gone:,} aliased: without a coefficient")
        return "\n".join(words) if own else "; ".join(words)


def _text(label: Any) -> str:
    return "" if label is None else label_of(label)


def _short(label: Any) -> str:
    return quoted(_text(label), 24)
