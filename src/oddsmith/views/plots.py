"""Pictures of a fit, by matplotlib's object interface: no global state, no window.

For what writes files; for what is shown there are the displays, which draw these as well.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.errors import MissingPackageError
from oddsmith.views.displays.axes import figure_of, plain, title
from oddsmith.views.displays.loss_curve import LossCurveDisplay
from oddsmith.views.displays.path import PathDisplay
from oddsmith.views.labels import short_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_confusion", "plot_history", "plot_path", "save_png"]

# Up to so many classes each cell has its number.
_MOST_CELLS = 20
_NO_GLYPH = re.compile(r"Glyph ([0-9]+) .* missing from")


def plot_history(history: Mapping[str, Array], ax: "Axes | None" = None) -> "Figure":
    """Draw the loss per iteration, and beside it how far from the minimum it can be.

    Parameters
    ----------
    history : mapping of str to array of shape (m,)
        ``iteration``, ``loss`` (nats), ``gap`` (nats), and ``validation_loss`` if there is one.
    ax : matplotlib Axes, optional
        Where to draw the loss alone; without it a figure with both is made.

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> m = np.arange(3)
    >>> figure = plot_history({"iteration": m, "loss": 0.7**m, "gap": 1e-4**m})
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['Loss while training', 'Distance from the minimum, proved']
    """
    if ax is not None:
        return LossCurveDisplay.from_history(history, ax=ax).figure_
    axes = _new_figure(9.0, 3.8).subplots(1, 2)
    title(axes[0], "Loss while training")
    title(axes[1], "Distance from the minimum, proved")
    return LossCurveDisplay.from_history(history, ax=axes).figure_


def plot_confusion(
    matrix: Array | Sequence[Sequence[int]], classes: Sequence[str], ax: "Axes | None" = None
) -> "Figure":
    """Draw a confusion matrix: counts, coloured by their share of the true class.

    Parameters
    ----------
    matrix : array of shape (K, K)
        Rows of data (counts), true class by predicted class.
    classes : sequence of K str
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> plot_confusion([[3, 1], [0, 4]], ["no", "yes"]).axes[0].get_xlabel()
    'predicted class'
    """
    counts = np.asarray(matrix, dtype=float)
    size = len(classes)
    if ax is None:
        side = min(4.2 + 0.45 * max(size - 2, 0), 14.0)
        ax = _new_figure(side + 0.6, side).subplots()
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    ax.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    if size <= _MOST_CELLS:
        _write_cells(ax, counts, shares)
    names = short_labels(classes, 18)
    slant = {} if size <= 4 else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(size), names, **slant)
    ax.set_yticks(range(size), names)
    plain(*ax.get_xticklabels(), *ax.get_yticklabels())
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class (its rows are 100%)")
    title(ax, f"Confusion matrix of {counts.sum():,.0f} rows")
    return figure_of(ax)


def plot_path(
    lambdas: Array,
    coefs: Array,
    names: Sequence[str],
    degrees: Array,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw every coefficient along a path of penalties, the largest ones named.

    Parameters
    ----------
    lambdas : array of shape (m,)
        Penalties > 0, descending: they are drawn from left to right.
    coefs : array of shape (m, p)
    names : sequence of p str
    degrees : array of shape (m,)
        How many coefficients are not 0; written above.
    ax : matplotlib Axes, optional
        Where to draw; without it a figure is made.

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> lambdas, coefs = np.array([1.0, 0.1]), np.array([[0.0, 0.0], [2.0, 0.0]])
    >>> figure = plot_path(lambdas, coefs, ["age", "dose"], np.array([0, 1]))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['age', '0', '1']
    """
    if ax is None:
        ax = _new_figure(7.0, 4.2).subplots()
        title(ax, "Coefficients along the path")
    return PathDisplay(lambdas, coefs, names, degrees).plot(ax).figure_


def save_png(figure: "Figure", path: str | Path) -> str:
    """Write a figure as a PNG image: the same bytes for the same figure.

    Returns
    -------
    str
        The characters that no font has, which are drawn as boxes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "matrix.png")
    ...     boxes = save_png(plot_confusion([[3, 1], [0, 4]], ["no", "yes"]), path)
    ...     boxes, path.read_bytes()[1:4]
    ('', b'PNG')
    """
    boxes: dict[str, None] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(path, format="png", dpi=150, metadata={"Software": None})
    for warning in caught:
        if found := _NO_GLYPH.match(str(warning.message)):
            boxes[chr(int(found[1]))] = None
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return "".join(boxes)


def _new_figure(width: float, height: float) -> "Figure":
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingPackageError(
            'pictures need matplotlib; install it with: pip install "oddsmith[plot]"'
        ) from None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _write_cells(ax: "Axes", counts: Array, shares: Array) -> None:
    size = 12.0 if len(counts) <= 4 else max(5.0, 11.0 - 0.35 * len(counts))
    for i, j in np.ndindex(*counts.shape):
        ax.text(
            j,
            i,
            f"{counts[i, j]:,.0f}\n{shares[i, j]:.1%}",
            ha="center",
            va="center",
            fontsize=size,
            # "Blues" is dark enough for white from about the middle on.
            color="white" if shares[i, j] > 0.55 else "black",
        )
