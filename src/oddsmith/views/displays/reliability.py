"""Whether 0.8 means 0.8: observed shares against probabilities, with the band that chance makes."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.decisions.calibration import Reliability, reliability
from oddsmith.views.displays.axes import (
    BLUE,
    CURVE,
    GREY,
    curves_of,
    draw_legend,
    figure_of,
    given_or_new,
    height_of,
    ink,
    legend_name,
    next_colour,
    plain,
    thinned,
    tidy,
    title,
    width_of,
)
from oddsmith.views.displays.parts import label_of, plain_labels, scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ReliabilityDisplay"]

# Up to so many distinct probabilities each one is a dot.
_MOST_DOTS = 30
_BINS = 40
# Share of the height that the histogram takes, below the curve.
_SHARE = 0.16
_DIAGONAL, _BAND = "oddsmith.diagonal", "oddsmith.band"
_HISTOGRAM = "histogram of the probabilities"


class ReliabilityDisplay:
    """Reliability diagram: isotonic, with a consistency band and a histogram of probabilities.

    Where the curve leaves the band, probabilities are off by more than chance explains
    (Dimitriadis, Gneiting and Jordan, 2021). It is made by `from_estimator` or
    `from_predictions`; all parameters are stored as attributes.

    Parameters
    ----------
    reliability : Reliability
    pos_label : label, optional
        The class whose probability it is.
    name : str, optional
        Of the model, for the legend.

    Attributes
    ----------
    line_ : matplotlib Line2D
        Recalibrated probabilities; of very many those that make the same picture.
    band_ : matplotlib PolyCollection or None
    histogram_ : matplotlib StepPatch or None
        Weight of the rows in 40 bins of the same width.
    histogram_ax_ : matplotlib Axes or None
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> import oddsmith
    >>> p = np.linspace(0.02, 0.98, 200)
    >>> y = np.random.default_rng(0).random(200) < p
    >>> display = oddsmith.ReliabilityDisplay.from_predictions(y, p)
    >>> bool((display.line_.get_ydata() == display.reliability.recalibrated).all())
    True
    """

    line_: Any
    band_: Any
    histogram_: Any
    histogram_ax_: "Axes | None"
    ax_: "Axes"
    figure_: Any

    def __init__(
        self, reliability: Reliability, *, pos_label: Any = None, name: str | None = None
    ) -> None:
        self.reliability, self.pos_label, self.name = reliability, pos_label, name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        level: float = 0.9,
        pos_label: Any = None,
        name: str | None = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Draw how reliable the probabilities of a fitted classifier are on some rows.

        Parameters
        ----------
        estimator : fitted classifier of two classes
            Of any library with `predict_proba`, or a pipeline.
        X, y
            Rows and their labels, not those of the fit.
        sample_weight : array of shape (n,), optional
        level : float, default 0.9
            Of the consistency band.
        pos_label : label, optional
            The class whose probability it is, by default ``classes_[1]``.
        name : str, optional
            For the legend; by default the estimator's class.
        ax
            As in `plot`.
        **options
            Of `oddsmith.reliability`.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        DataError
            If there are not two classes.
        ParameterError
            If an argument cannot be used.
        MissingPackageError
            If matplotlib is not installed.
        """
        found = scored(estimator, X, y, pos_label, ("predict_proba",))
        return cls.from_predictions(
            found.y,
            found.score,
            sample_weight=sample_weight,
            level=level,
            pos_label=found.pos_label,
            name=found.name if name is None else name,
            ax=ax,
            **options,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_prob: Any,
        *,
        sample_weight: Any = None,
        level: float = 0.9,
        pos_label: Any = None,
        name: str | None = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Draw how reliable probabilities are.

        Parameters
        ----------
        y_true : array of shape (n,)
            Labels of two classes.
        y_prob : array of shape (n,)
            Probabilities of the positive class.
        sample_weight, level, pos_label, name, ax, **options
            As in `from_estimator`; the positive class is by default the greater label.

        Returns
        -------
        ReliabilityDisplay
        """
        found = reliability(
            plain_labels(y_true), y_prob, sample_weight, positive=pos_label, level=level, **options
        )
        return cls(found, pos_label=pos_label, name=name).plot(ax)

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        name: str | None = None,
        band: bool = True,
        histogram: bool = True,
    ) -> Self:
        """Draw the diagram.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Without them a figure of pyplot's is made. Those of another reliability display compare
            the two.
        name : str, optional
            For the legend.
        band, histogram : bool, default True
            Whether they are drawn.

        Returns
        -------
        ReliabilityDisplay
            Itself.

        Raises
        ------
        MissingPackageError
            If matplotlib is not installed.
        """
        own = ax is None
        ax = given_or_new(ax, 5.6, 5.4)
        self.ax_, self.figure_ = ax, figure_of(ax)
        first = not any(line.get_gid() == _DIAGONAL for line in ax.get_lines())
        colour = BLUE if first else next_colour(ax)
        if first:
            ax.plot([0, 1], [0, 1], color=GREY, lw=1.0, ls=":", label="_", gid=_DIAGONAL)
        self._draw_curve(ax, colour, self.name if name is None else name, band)
        self._draw_histogram(ax, colour, histogram)
        ax.set_xlim(-0.01, 1.01)
        ax.set_ylim(-0.02 - 1.1 * _SHARE, 1.02)
        ax.set_yticks(np.linspace(0.0, 1.0, 6))
        label = self.reliability.positive if self.pos_label is None else self.pos_label
        of = "" if label is None else f" of {quoted(label_of(label), 24)}"
        tidy(ax, f"probability{of}", "observed share, recalibrated")
        bands = [one for one in ax.collections if one.get_gid() == _BAND][:1]
        handles = [*curves_of(ax), *bands]
        draw_legend(ax, handles, loc="lower right", bbox_to_anchor=(1.0, 1.25 * _SHARE))
        if first:
            self._write_parts(ax)
        if own:
            title(ax, f"Reliability on {self.reliability.n_rows:,} rows")
        return self

    def _draw_curve(self, ax: "Axes", colour: str, name: str | None, band: bool) -> None:
        found = self.reliability
        x, y = found.probability, found.recalibrated
        kept = thinned(x, y, found.lower, found.upper)
        self.band_ = None
        if band:
            label = f"{100 * found.level:.4g}% of what chance makes"
            self.band_ = ax.fill_between(
                x[kept],
                found.lower[kept],
                found.upper[kept],
                color=ink() if colour == BLUE else colour,
                alpha=0.13 if colour == BLUE else 0.2,
                lw=0,
                label=label,
                gid=_BAND,
                zorder=0.5,
            )
        marker = "o" if x.size <= _MOST_DOTS else ""
        label = "isotonic" if name is None else legend_name(name)
        [self.line_] = ax.plot(
            x[kept], y[kept], color=colour, lw=1.8, marker=marker, ms=4, label=label, gid=CURVE
        )

    def _draw_histogram(self, ax: "Axes", colour: str, wanted: bool) -> None:
        self.histogram_ = self.histogram_ax_ = None
        if not wanted:
            return
        inset: Any = next((one for one in ax.child_axes if one.get_label() == _HISTOGRAM), None)
        if inset is None:
            inset = ax.inset_axes((0.0, 0.0, 1.0, _SHARE), label=_HISTOGRAM, zorder=0)
            inset.set_xlim(-0.01, 1.01)
            inset.set_axis_off()
        counts, edges = self.weights()
        self.histogram_ax_ = inset
        self.histogram_ = inset.stairs(counts, edges, fill=colour == BLUE, color=colour, alpha=0.6)
        inset.set_ylim(0.0, max(1.05 * float(counts.max(initial=0.0)), inset.get_ylim()[1]))

    def weights(self) -> tuple[Array, Array]:
        """Weight of the rows in 40 bins of probability, and the 41 edges of these."""
        counts, edges = np.histogram(
            self.reliability.probability, _BINS, (0.0, 1.0), weights=self.reliability.weight
        )
        return counts, edges

    def _write_parts(self, ax: "Axes") -> None:
        """Write what the log loss is made of, where there is room."""
        if min(width_of(ax), height_of(ax)) < 200.0:
            return
        loss = self.reliability.log_loss
        text = (
            f"log loss {loss.score:.3f}\n"
            f"= {loss.miscalibration:.3f} miscalibration\n"
            f"\N{MINUS SIGN} {loss.discrimination:.3f} discrimination\n"
            f"+ {loss.uncertainty:.3f} uncertainty"
        )
        where = {"transform": ax.transAxes, "va": "top", "fontsize": "small", "color": GREY}
        plain(ax.text(0.03, 0.97, text, **where))
