"""What displays draw on and with: axes, colours, words that fit, lines of a million points.

Colours are those of Okabe and Ito (2008, "Color universal design"), which people with any kind
of colour vision tell apart; where many lines meet, their markers differ as well.
"""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from oddsmith.core.labels import printable
from oddsmith.core.stable import Array
from oddsmith.errors import MissingPackageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "CURVE",
    "GREY",
    "MARKERS",
    "PALE",
    "PALETTE",
    "VERMILION",
    "curves_of",
    "draw_legend",
    "families",
    "figure_of",
    "given_or_new",
    "height_of",
    "ink",
    "legend_name",
    "new_axes",
    "next_colour",
    "plain",
    "pyplot",
    "thinned",
    "tidy",
    "title",
    "width_of",
    "wrapped",
]

BLUE, VERMILION = "#0072B2", "#D55E00"
# Seen on white and on black.
GREY, PALE = "#767676", "#A8A8A8"
# Okabe and Ito's, black left out and yellow darkened to be seen on white.
PALETTE = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#B3A100")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
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
# Width of a letter relative to the size of its font, on average.
_LETTER = 0.54
_POINTS = 72.0
_NEEDED = 'pictures need matplotlib; install it with: pip install "oddsmith[plot]"'
# What tells lines of a display from others on the same axes.
CURVE = "oddsmith.curve"
_LONGEST = 40
# Columns of pixels that a line of many points is drawn for.
_BINS = 2000


def pyplot() -> Any:
    """Import `matplotlib.pyplot`, which knows the figures that ``plt.show()`` shows.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise MissingPackageError(_NEEDED) from None
    return plt


def new_axes(width: float, height: float, number: int = 1) -> list["Axes"]:
    """Axes side by side in a figure of pyplot's, as scikit-learn's displays make it (inches)."""
    _, axes = pyplot().subplots(
        1, number, figsize=(width, height), layout="constrained", squeeze=False
    )
    return list(axes[0])


def given_or_new(ax: "Axes | None", width: float = 6.4, height: float = 4.8) -> "Axes":
    """Return the axes that were given, else those of a new figure (inches)."""
    return new_axes(width, height)[0] if ax is None else ax


def figure_of(ax: "Axes") -> Any:
    """Figure that the axes are in."""
    figure: Figure | None = ax.get_figure(root=True)
    return figure


def ink() -> str:
    """Colour to write with, which is light in a dark style."""
    from matplotlib import rcParams

    return str(rcParams["text.color"])


def width_of(ax: "Axes") -> float:
    """Width of the axes (points)."""
    return float(ax.bbox.width) / figure_of(ax).dpi * _POINTS


def height_of(ax: "Axes") -> float:
    """Height of the axes (points)."""
    return float(ax.bbox.height) / figure_of(ax).dpi * _POINTS


def families() -> list[str]:
    """Fonts to look for a letter in, one after the other: only those that are installed."""
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return ["sans-serif", *(name for name in _FALLBACKS if name in installed)]


def plain(*texts: Any) -> None:
    """Show texts as they are: ``$`` and ``_`` in a name are no formula, nor TeX."""
    fonts = families()
    for text in texts:
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_fontfamily(fonts)


def points_of(size: str | float) -> float:
    """Size of a font in points."""
    from matplotlib.font_manager import FontProperties

    return float(FontProperties(size=size).get_size_in_points())


def wrapped(text: str, room: float, size: str | float) -> str:
    """Text broken between words into lines of at most `room` points."""
    letters = max(int(room / (_LETTER * points_of(size))), 12)
    lines = (textwrap.fill(line, letters, break_long_words=False) for line in text.split("\n"))
    return "\n".join(lines)


def title(ax: "Axes", text: str) -> None:
    """Write what the axes show above them."""
    shown = wrapped(text, 1.1 * width_of(ax), "medium")
    plain(ax.set_title(shown, loc="left", fontsize="medium", fontweight="bold"))


def tidy(ax: "Axes", x_label: str, y_label: str, grid: str = "y") -> None:
    """Name both axes, in lines that fit, and take away what says nothing."""
    wide, high = width_of(ax), height_of(ax)
    size = "medium" if min(wide, high) > 150.0 else "small"
    plain(
        ax.set_xlabel(wrapped(x_label, 1.1 * wide, size), fontsize=size),
        ax.set_ylabel(wrapped(y_label, 1.1 * high, size), fontsize=size),
    )
    if size == "small":
        ax.tick_params(labelsize="small")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, color=ink(), alpha=0.14, linewidth=0.7)  # pyright: ignore[reportArgumentType]
    ax.set_axisbelow(True)


def draw_legend(ax: "Axes", handles: Sequence[Any], **where: Any) -> Any:
    """Draw a legend of lines, by their labels, also of those that matplotlib would leave out."""
    least = min(width_of(ax), height_of(ax))
    size = "small" if least > 200.0 else "x-small" if least > 140.0 else "xx-small"
    labels = [str(handle.get_label()) for handle in handles]
    room = {"framealpha": 0.8, "edgecolor": "none", "fontsize": size, "borderaxespad": 0.3}
    room |= {"handlelength": 1.6, "borderpad": 0.2}
    legend = ax.legend(handles, labels, **(room | where))
    plain(*legend.get_texts())
    return legend


def curves_of(ax: "Axes") -> list[Any]:
    """Lines that displays have drawn on the axes, by what they say, and no others."""
    return [line for line in ax.get_lines() if line.get_gid() == CURVE]


def legend_name(name: str) -> str:
    """Name of a model on one line, however long it is."""
    text = printable(str(name))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def next_colour(ax: "Axes") -> str:
    """First colour of the palette that no line of the axes has."""
    used = {str(line.get_color()).upper() for line in ax.get_lines()}
    return next((colour for colour in PALETTE if colour.upper() not in used), PALETTE[0])


def thinned(x: Array, *curves: Array) -> Any:
    """Places of the points that make the same picture as all of them do.

    Parameters
    ----------
    x : array of shape (m,)
        Finite, ascending.
    curves : arrays of shape (m,)
        NaN is never a lowest or highest point.

    Returns
    -------
    integer array
        All m places where those are few; else, of each of many narrow bins, the first point, the
        last, and the lowest and the highest of every curve.

    Examples
    --------
    >>> x = np.arange(1e6)
    >>> kept = thinned(x, np.where(x == 123456, 1.0, 0.0))
    >>> kept.size < 10_000, bool(123456 in kept), thinned(x[:3]).tolist()
    (True, True, [0, 1, 2])
    """
    if x.size <= 4 * _BINS:
        return np.arange(x.size)
    edges = np.linspace(x[0], x[-1], _BINS + 1)[:-1]
    starts = np.unique(np.searchsorted(x, edges))
    ends = np.append(starts[1:], x.size)
    kept = [starts, ends - 1]
    for curve in curves:
        low, high = (np.where(np.isnan(curve), sign * np.inf, curve) for sign in (1.0, -1.0))
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True):
            kept.append(np.array([a + low[a:b].argmin(), a + high[a:b].argmax()]))
    return np.unique(np.concatenate(kept))
