"""Pictures of a fit, by matplotlib's object interface: no global state, no window.

Colours are those of Okabe and Ito (2008, "Color universal design"), which people with any kind
of colour vision tell apart.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.errors import MissingPackageError
from oddsmith.views.labels import short_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_confusion", "plot_history", "plot_path", "save_png"]

_BLUE, _VERMILION, _GREY = "#0072B2", "#D55E00", "#595959"
# Up to so many iterations each one is a dot, and up to so many classes each cell has its number.
_MOST_DOTS = 60
_MOST_CELLS = 20
_LONGEST_NAME = 18
# Columns of a path with a colour and a name of their own (Okabe and Ito's, black left out).
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#B3A100")
# matplotlib's own font has no Chinese, Japanese or Korean letters.
_FALLBACKS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Arial Unicode MS",
)
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
        _draw_loss(ax, history)
        return _figure_of(ax)
    figure = _new_figure(9.0, 3.8)
    left, right = figure.subplots(1, 2)
    _draw_loss(left, history)
    _draw_gap(right, history)
    return figure


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
    for label in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        label.set_parse_math(False)
        label.set_fontfamily(_families())
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class (its rows are 100%)")
    _title(ax, f"Confusion matrix of {counts.sum():,.0f} rows")
    return _figure_of(ax)


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
        return plot_path(lambdas, coefs, names, degrees, _new_figure(7.0, 4.2).subplots())
    sizes = np.abs(coefs).max(axis=0, initial=0.0)
    order = np.argsort(-sizes, kind="stable")[: int((sizes > 0).sum())]
    named = order[: len(_PALETTE)]
    ax.plot(lambdas, coefs[:, order[len(_PALETTE) :]], color="#BBBBBB", lw=0.7, zorder=1)
    for colour, j in zip(_PALETTE, named.tolist(), strict=False):
        ax.plot(lambdas, coefs[:, j], color=colour, lw=1.6, zorder=2)
    ax.axhline(0.0, color=_GREY, lw=0.7)
    first, last = float(lambdas[0]), float(lambdas[-1])
    room = max(first / last, 2.0) ** 0.04
    ax.set_xscale("log")
    ax.set_xlim(first * room, last / room)
    ax.set_xlabel("penalty lambda, from strong to weak")
    ax.set_ylabel("coefficient (nats per unit)")
    ax.spines[["top", "right"]].set_visible(False)
    _title(ax, "Coefficients along the path")
    _name_ends(ax, [float(coefs[-1, j]) for j in named], [str(names[j]) for j in named])
    _count_above(ax, lambdas, degrees)
    return _figure_of(ax)


def _name_ends(ax: "Axes", ends: list[float], names: list[str]) -> None:
    """Write names to the right of the ends of their lines, none over another."""
    low, high = ax.get_ylim()
    least = 0.055 * (high - low)
    place = -np.inf
    for colour, end, name in sorted(
        zip(_PALETTE, ends, short_labels(names, _LONGEST_NAME), strict=False),
        key=lambda own: own[1],
    ):
        place = max(end, place + least)
        ax.annotate(
            name,
            (1.0, place),
            xycoords=ax.get_yaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize="small",
            annotation_clip=False,
        )


def _count_above(ax: "Axes", lambdas: Array, degrees: Array) -> None:
    """Write how many coefficients are not 0 along the upper edge."""
    some = np.unique(np.linspace(0, lambdas.size - 1, 6).round().astype(int))
    for i in some.tolist():
        ax.annotate(
            str(int(degrees[i])),
            (float(lambdas[i]), 1.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(0, -2),
            textcoords="offset points",
            ha="center",
            va="top",
            color=_GREY,
            fontsize="x-small",
        )


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


def _figure_of(ax: "Axes") -> Any:
    return ax.get_figure(root=True)


def _title(ax: "Axes", text: str) -> None:
    ax.set_title(text, loc="left", fontsize="medium", fontweight="bold")


def _draw_loss(ax: "Axes", history: Mapping[str, Array]) -> None:
    marker = "o" if len(history["iteration"]) <= _MOST_DOTS else ""
    lines = [("loss", "training rows", _BLUE, "-")]
    if "validation_loss" in history:
        lines.append(("validation_loss", "validation rows", _VERMILION, "--"))
    for key, label, colour, style in lines:
        values = np.asarray(history[key], dtype=float)
        ax.plot(history["iteration"], values, style, marker=marker, ms=4, color=colour, label=label)
    drawn = np.concatenate([np.asarray(history[key], dtype=float) for key, *_ in lines])
    finite = drawn[np.isfinite(drawn)]
    if finite.size and 0 < finite.min() < finite.max() / 100:
        ax.set_yscale("log")
    elif finite.size:
        # Room above: a fit that begins near its minimum draws a flat line.
        ax.set_ylim(0.0, 1.08 * float(finite.max()) or 1.0)
    if len(lines) > 1:
        ax.legend(frameon=False)
    _title(ax, "Loss while training")
    _finish(ax, "mean log loss (nats per row)", history["iteration"])
    _mark_last(ax, history["iteration"], np.asarray(history["loss"], dtype=float), _BLUE)


def _draw_gap(ax: "Axes", history: Mapping[str, Array]) -> None:
    gap = np.asarray(history["gap"], dtype=float)
    known = np.isfinite(gap) & (gap > 0)
    iteration = np.asarray(history["iteration"])
    _title(ax, "Distance from the minimum, proved")
    _finish(ax, "at most (nats per unit of weight)", iteration)
    if not known.any():
        ax.set_yticks([])
        ax.text(0.5, 0.5, "nothing is proved", transform=ax.transAxes, ha="center", color=_GREY)
        return
    marker = "o" if known.sum() <= _MOST_DOTS else ""
    ax.plot(iteration[known], gap[known], marker=marker, ms=4, color=_BLUE)
    ax.set_yscale("log")
    _mark_last(ax, iteration[known], gap[known], _BLUE)


def _mark_last(ax: "Axes", x: Array, y: Array, colour: str) -> None:
    """Write the last value to the right of the end of its line."""
    if len(y) and np.isfinite(y[-1]):
        ax.annotate(
            f"{y[-1]:#.3g}",
            (float(x[-1]), float(y[-1])),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize="small",
        )


def _finish(ax: "Axes", y_label: str, iteration: Array) -> None:
    from matplotlib.ticker import MaxNLocator

    last = float(iteration[-1]) if len(iteration) else 0.0
    ax.set_xlim(-max(0.04 * last, 0.2), last + max(0.2 * last, 0.5))
    ax.set_xlabel("iteration")
    ax.set_ylabel(y_label)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="#DDDDDD", linewidth=0.7)
    ax.set_axisbelow(True)


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


def _families() -> list[str]:
    """Fonts to look for a letter in, one after the other: only those that are installed."""
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return ["sans-serif", *(name for name in _FALLBACKS if name in installed)]
