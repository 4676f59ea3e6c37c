"""Coefficients along a path of penalties, from strong to weak."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.errors import DataError
from oddsmith.views.displays.axes import (
    GREY,
    PALE,
    PALETTE,
    draw_legend,
    figure_of,
    given_or_new,
    height_of,
    ink,
    plain,
    points_of,
    tidy,
    title,
    width_of,
)
from oddsmith.views.displays.parts import column_names, part_with
from oddsmith.views.labels import short_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PathDisplay"]

_LONGEST_NAME = 18
_DASHES = ("--", ":", "-.")


class PathDisplay:
    """Every coefficient along a path of penalties, the largest ones named.

    It is made by `from_path` or `from_estimator`; all parameters are stored as attributes.

    Parameters
    ----------
    penalties : array of shape (m,)
        Greater than 0, from strong to weak.
    coefs : array of shape (m, p)
    names : sequence of p str
    degrees : array of shape (m,)
        How many coefficients are not 0.
    scale : {"lambda", "C"}, default "lambda"
        What the penalties are: lambda falls from strong to weak, C grows.
    marks : mapping of str to float, optional
        Penalties to mark, such as the chosen one.
    length : bool, default False
        Whether `coefs` are lengths: of each column's coefficients in more than two classes.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        Of the columns that are named, the largest first.
    others_ : list of matplotlib Line2D
    mark_lines_ : list of matplotlib Line2D
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> import oddsmith
    >>> path = oddsmith.regularization_path(*load_breast_cancer(return_X_y=True), n_lambdas=20)
    >>> display = oddsmith.PathDisplay.from_path(path)
    >>> bool((display.lines_[0].get_xdata() == path.lambdas).all())
    True
    """

    lines_: list[Any]
    others_: list[Any]
    mark_lines_: list[Any]
    ax_: "Axes"
    figure_: Any

    def __init__(
        self,
        penalties: Any,
        coefs: Any,
        names: Sequence[str],
        degrees: Any,
        *,
        scale: str = "lambda",
        marks: Mapping[str, float] | None = None,
        length: bool = False,
    ) -> None:
        self.penalties, self.coefs = np.asarray(penalties, dtype=float), np.asarray(coefs)
        self.names, self.degrees = [str(name) for name in names], np.asarray(degrees)
        self.scale, self.marks, self.length = scale, dict(marks or {}), length

    @classmethod
    def from_path(
        cls, path: Any, *, marks: Mapping[str, float] | None = None, ax: "Axes | None" = None
    ) -> Self:
        """Draw what `regularization_path` returns.

        Parameters
        ----------
        path : Path
            Of K > 2 classes the length of each column's K coefficients is drawn.
        marks : mapping of str to float, optional
            Lambdas to mark, by what is written beside them.
        ax
            As in `plot`.

        Returns
        -------
        PathDisplay

        Raises
        ------
        MissingPackageError
            If matplotlib is not installed.
        """
        deep = path.coefs.ndim == 3
        coefs = np.linalg.norm(path.coefs, axis=1) if deep else path.coefs
        made = cls(
            path.lambdas,
            coefs,
            path.feature_names,
            path.degrees_of_freedom,
            marks=marks,
            length=deep,
        )
        return made.plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: "Axes | None" = None) -> Self:
        """Draw the means over the folds of a `LogisticRegressionCV`, at its l1_ratio.

        Marked are the C that it chose, and where they differ the C of the best mean score and
        that of the one-standard-error rule.

        Parameters
        ----------
        estimator : LogisticRegressionCV
            Fitted; also a pipeline that ends in one.
        ax
            As in `plot`.

        Returns
        -------
        PathDisplay

        Raises
        ------
        ParameterError
            If it keeps no path.
        MissingPackageError
            If matplotlib is not installed.
        """
        part = part_with(estimator, "coefs_paths_")
        names, _ = column_names(estimator, part)
        ratio = part.l1_ratios_.tolist().index(part.l1_ratio_)
        folds = part.coefs_paths_[:, ratio, :, :, : len(names)]
        mean = folds.mean(axis=0)
        deep = mean.shape[1] > 1
        coefs = np.linalg.norm(mean, axis=1) if deep else mean[:, 0]
        degrees = np.count_nonzero(folds, axis=(2, 3)).mean(axis=0)
        return cls(
            part.Cs_, coefs, names, degrees, scale="C", marks=_chosen(part), length=deep
        ).plot(ax)

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the path.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Without them a figure of pyplot's is made.

        Returns
        -------
        PathDisplay
            Itself.

        Raises
        ------
        DataError
            If no penalty is finite and greater than 0.
        MissingPackageError
            If matplotlib is not installed.
        """
        own = ax is None
        ax = given_or_new(ax, 7.0, 4.2)
        self.ax_, self.figure_ = ax, figure_of(ax)
        kept = np.isfinite(self.penalties) & (self.penalties > 0)
        if not kept.any():
            raise DataError("no penalty is finite and greater than 0, so that there is no path.")
        x, coefs = self.penalties[kept], self.coefs[kept]
        named = self._draw_lines(ax, x, coefs)
        self._set_scale(ax, x, not kept.all())
        if own:
            title(ax, "Coefficients along the path")
        _name_ends(ax, [float(coefs[-1, j]) for j in named], [self.names[j] for j in named])
        _count_above(ax, x, self.degrees[kept])
        self._draw_marks(ax)
        return self

    def _draw_lines(self, ax: "Axes", x: Array, coefs: Array) -> list[int]:
        sizes = np.abs(coefs).max(axis=0, initial=0.0)
        order = np.argsort(-sizes, kind="stable")[: int((sizes > 0).sum())]
        room = int(height_of(ax) / (1.4 * points_of("small")))
        some = max(min(len(PALETTE), room), 1)
        named, others = order[:some].tolist(), order[some:]
        self.others_ = ax.plot(x, coefs[:, others], color=PALE, lw=0.7, zorder=1)
        self.lines_ = [
            ax.plot(x, coefs[:, j], color=colour, lw=1.6, zorder=2)[0]
            for colour, j in zip(PALETTE, named, strict=False)
        ]
        ax.axhline(0.0, color=GREY, lw=0.7)
        return named

    def _set_scale(self, ax: "Axes", x: Array, dropped: bool) -> None:
        first, last = float(x[0]), float(x[-1])
        room = max(first / last, last / first, 2.0) ** 0.04
        rising = last > first
        ax.set_xscale("log")
        ax.set_xlim(*((first / room, last * room) if rising else (first * room, last / room)))
        what = "inverse penalty C" if self.scale == "C" else "penalty lambda"
        left_out = f" ({self.scale} without end not drawn)" if dropped else ""
        y_label = "coefficient (nats per unit)"
        y_label = f"length of the {y_label}" if self.length else y_label
        tidy(ax, f"{what}, from strong to weak{left_out}", y_label)
        ax.grid(visible=False)

    def _draw_marks(self, ax: "Axes") -> None:
        self.mark_lines_ = []
        for k, (label, value) in enumerate(self.marks.items()):
            if not (np.isfinite(value) and value > 0):
                continue
            text = f"{label}: {self.scale} = {value:.3g}"
            style = {"ls": _DASHES[k % len(_DASHES)], "color": ink(), "lw": 1.1}
            self.mark_lines_.append(ax.axvline(value, label=text, **style))
        if self.mark_lines_:
            draw_legend(ax, self.mark_lines_, loc="lower left", handlelength=2.2)


def _chosen(model: Any) -> dict[str, float]:
    """Penalties that were chosen, and what the other rule would have chosen."""
    marks = {f"chosen ({getattr(model, 'rule', 'best')})": float(model.C_)}
    for rule, name in (("best", "C_best_"), ("1se", "C_1se_")):
        value = getattr(model, name, None)
        if value is not None and value != model.C_:
            marks[rule] = float(value)
    return marks


def _name_ends(ax: "Axes", ends: list[float], names: list[str]) -> None:
    """Write names to the right of the ends of their lines, none over another."""
    low, high = ax.get_ylim()
    size = "small" if height_of(ax) > 150.0 else "x-small"
    least = 1.25 * points_of(size) / height_of(ax) * (high - low)
    limit = int(min(max(width_of(ax) / 12.0, 6), _LONGEST_NAME))
    shown = short_labels(names, limit)
    order = sorted(range(len(ends)), key=lambda k: ends[k])
    places = _apart([ends[k] for k in order], least, high)
    for k, place in zip(order, places, strict=True):
        text = ax.annotate(
            shown[k],
            (1.0, place),
            xycoords=ax.get_yaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=PALETTE[k],
            fontsize=size,
            annotation_clip=False,
        )
        plain(text)


def _apart(ends: list[float], least: float, high: float) -> list[float]:
    """Places at least so far apart, near ascending ends, and none above the axes."""
    places: list[float] = []
    for end in ends:
        places.append(max(end, places[-1] + least) if places else end)
    ceiling = high
    for k in reversed(range(len(places))):
        places[k] = min(places[k], ceiling)
        ceiling = places[k] - least
    return places


def _count_above(ax: "Axes", x: Array, degrees: Array) -> None:
    """Write how many coefficients are not 0 along the upper edge."""
    some = 6 if width_of(ax) > 200.0 else 3
    places = np.unique(np.linspace(0, x.size - 1, some).round().astype(int))
    for i in places.tolist():
        text = ax.annotate(
            f"{float(degrees[i]):.4g}",
            (float(x[i]), 1.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(0, -2),
            textcoords="offset points",
            ha="center",
            va="top",
            color=GREY,
            fontsize="x-small",
            bbox={"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 0.5},
        )
        plain(text)
