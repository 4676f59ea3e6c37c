"""The loss while a solver ran, and the proved distance from its minimum."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError
from oddsmith.views.displays.axes import (
    BLUE,
    CURVE,
    GREY,
    VERMILION,
    curves_of,
    draw_legend,
    figure_of,
    legend_name,
    new_axes,
    next_colour,
    plain,
    tidy,
    title,
)
from oddsmith.views.displays.parts import part_with

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LossCurveDisplay"]

# Up to so many iterations each one is a dot.
_MOST_DOTS = 60


class LossCurveDisplay:
    """Loss per iteration, and how far from its minimum each iterate can be.

    It is made by `from_estimator`; all parameters are stored as attributes.

    Parameters
    ----------
    iteration : array of shape (m,)
    loss : array of shape (m,)
        Mean log loss of the training rows (nats per row).
    gap : array of shape (m,), optional
        Proved bound on the distance of the objective from its minimum (nats per unit of weight).
    validation_loss : array of shape (m,), optional
        Mean log loss of the validation rows (nats per row).
    name : str, optional
        Of the fit, for the legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
        Loss of the training rows.
    validation_line_, gap_line_ : matplotlib Line2D or None
    ax_ : matplotlib Axes
        Where the loss is.
    gap_ax_ : matplotlib Axes or None
        Where the distance is.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import oddsmith
    >>> model = oddsmith.LogisticRegression().fit(*load_iris(return_X_y=True))
    >>> display = oddsmith.LossCurveDisplay.from_estimator(model)
    >>> bool((display.line_.get_ydata() == model.history_["loss"]).all())
    True
    """

    line_: Any
    validation_line_: Any
    gap_line_: Any
    ax_: "Axes"
    gap_ax_: "Axes | None"
    figure_: Any

    def __init__(
        self,
        *,
        iteration: Any,
        loss: Any,
        gap: Any = None,
        validation_loss: Any = None,
        name: str | None = None,
    ) -> None:
        self.iteration = np.asarray(iteration)
        self.loss = np.asarray(loss, dtype=float)
        self.gap = None if gap is None else np.asarray(gap, dtype=float)
        known = validation_loss is not None
        self.validation_loss = np.asarray(validation_loss, dtype=float) if known else None
        self.name = name

    @classmethod
    def from_history(
        cls,
        history: Mapping[str, Any],
        *,
        name: str | None = None,
        ax: "Axes | Sequence[Axes] | None" = None,
    ) -> Self:
        """Draw a history, with the keys that `history_` has.

        Parameters
        ----------
        history : mapping of str to array of shape (m,)
            ``iteration``, ``loss``, and where they are known ``gap`` and ``validation_loss``.
        name, ax
            As in `plot`.

        Returns
        -------
        LossCurveDisplay
        """
        return cls._of(history, name).plot(ax)

    @classmethod
    def _of(cls, history: Mapping[str, Any], name: str | None = None) -> Self:
        return cls(
            iteration=history["iteration"],
            loss=history["loss"],
            gap=history.get("gap"),
            validation_loss=history.get("validation_loss"),
            name=name,
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        name: str | None = None,
        ax: "Axes | Sequence[Axes] | None" = None,
    ) -> Self:
        """Draw what a fitted estimator keeps of its fit.

        Parameters
        ----------
        estimator : fitted estimator
            With `history_`; also a pipeline that ends in one, or a search that has chosen one.
        name, ax
            As in `plot`.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        ParameterError
            If it keeps no history.
        MissingPackageError
            If matplotlib is not installed.
        """
        history = part_with(estimator, "history_").history_
        if "loss" not in history or not len(history["loss"]):
            raise ParameterError(
                f"the history_ of this {type(estimator).__name__} has no losses: fit it first."
            )
        return cls.from_history(history, name=name, ax=ax)

    def plot(self, ax: "Axes | Sequence[Axes] | None" = None, *, name: str | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, or two of them, optional
            One is for the loss alone, two for the loss and the distance; without any a figure of
            pyplot's with both is made.
        name : str, optional
            For the legend, so that several fits can be told apart in the same axes.

        Returns
        -------
        LossCurveDisplay
            Itself.

        Raises
        ------
        MissingPackageError
            If matplotlib is not installed.
        """
        name = self.name if name is None else name
        name = None if name is None else legend_name(name)
        own = ax is None
        axes = _listed(ax) if ax is not None else new_axes(*_SIZES[self.gap is not None])
        self.ax_, self.gap_ax_ = axes[0], axes[1] if len(axes) > 1 else None
        self.figure_ = figure_of(self.ax_)
        colour = next_colour(self.ax_) if name is not None else BLUE
        self._draw_loss(self.ax_, colour, name)
        self.gap_line_ = None
        if self.gap_ax_ is not None:
            self._draw_gap(self.gap_ax_, colour, name)
        if own:
            title(self.ax_, "Loss while training")
            if self.gap_ax_ is not None:
                title(self.gap_ax_, "Distance from the minimum, proved")
        return self

    def _draw_loss(self, ax: "Axes", colour: str, name: str | None) -> None:
        _stretch(ax, self.iteration)
        before = ax.get_ylim()[1] if ax.get_lines() else 0.0
        dots = {"marker": "o" if len(self.iteration) <= _MOST_DOTS else "", "ms": 4, "gid": CURVE}
        training = "training rows" if name is None else name
        [self.line_] = ax.plot(self.iteration, self.loss, color=colour, label=training, **dots)
        self.validation_line_ = None
        drawn = self.loss
        if self.validation_loss is not None:
            drawn = np.concatenate([drawn, self.validation_loss])
            other = VERMILION if name is None else colour
            label = "validation rows" if name is None else f"{name}, validation rows"
            [self.validation_line_] = ax.plot(
                self.iteration, self.validation_loss, "--", color=other, label=label, **dots
            )
        finite = drawn[np.isfinite(drawn)]
        if finite.size and 0 < finite.min() < finite.max() / 100:
            ax.set_yscale("log")
        elif finite.size and ax.get_yscale() != "log":
            # Room above: a fit that begins near its minimum draws a flat line.
            ax.set_ylim(0.0, max(before, 1.08 * float(finite.max())) or 1.0)
        tidy(ax, "iteration", "mean log loss (nats per row)")
        lines = curves_of(ax)
        if len(lines) > 1 or name is not None:
            draw_legend(ax, lines)
        if name is None:
            mark_last(ax, self.iteration, self.loss, colour)

    def _draw_gap(self, ax: "Axes", colour: str, name: str | None) -> None:
        _stretch(ax, self.iteration)
        tidy(ax, "iteration", "at most (nats per unit of weight)")
        gap = np.full(self.loss.shape, np.nan) if self.gap is None else self.gap
        known = np.isfinite(gap) & (gap > 0)
        if not known.any():
            if not ax.get_lines():
                ax.set_yticks([])
                where = {"transform": ax.transAxes, "ha": "center", "color": GREY}
                plain(ax.text(0.5, 0.5, "nothing is proved", **where))
            return
        marker = "o" if known.sum() <= _MOST_DOTS else ""
        x, y = self.iteration[known], gap[known]
        [self.gap_line_] = ax.plot(x, y, marker=marker, ms=4, color=colour, label=name)
        ax.set_yscale("log")
        if name is None:
            mark_last(ax, x, y, colour)


# Width, height and number of axes, without and with the distance (inches).
_SIZES = ((6.4, 4.2, 1), (9.0, 3.8, 2))


def _listed(ax: Any) -> list[Any]:
    axes = list(np.ravel(np.array(ax, dtype=object)))
    if len(axes) not in (1, 2):
        raise ParameterError(
            f"ax has {len(axes)} axes; give one for the loss, or two for the loss and the distance "
            "from the minimum."
        )
    return axes


def mark_last(ax: "Axes", x: Array, y: Array, colour: str) -> None:
    """Write the last value to the right of the end of its line."""
    if len(y) and np.isfinite(y[-1]):
        text = ax.annotate(
            f"{y[-1]:#.3g}",
            (float(x[-1]), float(y[-1])),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize="small",
        )
        plain(text)


def _stretch(ax: "Axes", iteration: Array) -> None:
    """Make room for the iterations, beside those that are drawn already."""
    from matplotlib.ticker import MaxNLocator

    last = float(iteration[-1]) if len(iteration) else 0.0
    others = ax.get_xlim()[1] if ax.get_lines() else 0.0
    ax.set_xlim(-max(0.04 * last, 0.2), max(last + max(0.2 * last, 0.5), others))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
