"""A forest on axes: points, intervals, and arrows where these go on beyond the edge."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.views.displays.axes import GREY, MARKERS, PALETTE, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_forest"]

# Intervals longer than so many times what is usual end at the edge, with an arrow.
_LONG = 3.0
# Log-odds (nats) whose exponential is a floating point number; a range that is very wide.
_LARGEST, _WIDE = 690.0, 200.0


def draw_forest(
    ax: "Axes", value: Array, low: Array, high: Array, names: Sequence[str], odds_ratios: bool
) -> tuple[list[Any], list[Any]]:
    """Draw coefficients, or odds ratios on a logarithmic axis, the first row on top.

    Parameters
    ----------
    ax : matplotlib Axes
    value, low, high : arrays of shape (r, E)
        Log-odds (nats) and their intervals; NaN where there is none.
    names : sequence of E str
        Of the margins.
    odds_ratios : bool

    Returns
    -------
    points, intervals : lists of E matplotlib Line2D and LineCollection
    """
    E = value.shape[1]
    rows = np.arange(len(value), dtype=float)
    left, right = _limits(value, low, high)
    shown = _exponential if odds_ratios else np.asarray
    # Limits come first: matplotlib would look for some that overflow.
    if odds_ratios:
        ax.set_xscale("log")
        _ratio_ticks(ax, left, right)
    ax.set_xlim(*shown(np.array([left, right])).tolist())
    ax.set_ylim(len(value) - 0.4, -0.6)
    ax.axvline(1.0 if odds_ratios else 0.0, color=GREY, lw=0.8, zorder=1)
    drawn: tuple[list[Any], list[Any]] = [], []
    for e in range(E):
        place = rows + (e - 0.5 * (E - 1)) * 0.8 / E
        style: dict[str, Any] = {
            "color": PALETTE[e % len(PALETTE)],
            "marker": MARKERS[(e + e // 7) % len(MARKERS)],
        }
        known = ~np.isnan(low[:, e]) & ~np.isnan(high[:, e])
        # Infinite ends would not be drawn at all.
        far = right - left
        a = shown(np.maximum(low[known, e], min(left - far, _finite(low).min(initial=left))))
        b = shown(np.minimum(high[known, e], max(right + far, _finite(high).max(initial=right))))
        bars = ax.hlines(place[known], a, b, color=style["color"], lw=1.6, zorder=2)
        size = 5.0 if E <= 3 else 4.0
        [points] = ax.plot(shown(value[:, e]), place, ls="", ms=size, label=names[e], **style)
        drawn[0].append(points)
        drawn[1].append(bars)
        _point_out(ax, place, low[:, e], high[:, e], (left, right), shown, style["color"])
    return drawn


def _finite(ends: Array) -> Array:
    return ends[np.isfinite(ends)]


def _exponential(value: Array) -> Array:
    return np.exp(np.clip(value, -_LARGEST, _LARGEST))


def _limits(value: Array, low: Array, high: Array) -> tuple[float, float]:
    """Return the ends of the axis: all coefficients, and intervals unless a few dwarf the rest."""
    points = np.append(value[np.isfinite(value)], 0.0)
    bottom, top = float(points.min()), float(points.max())
    width = (high - low)[np.isfinite(high - low)]
    usual = float(np.median(width)) if width.size else 0.0
    room = _LONG * max(top - bottom, usual)
    ends = np.concatenate([low[np.isfinite(low)], high[np.isfinite(high)]])
    if ends.size:
        bottom = min(bottom, max(float(ends.min()), bottom - room))
        top = max(top, min(float(ends.max()), top + room))
    some = 0.06 * (top - bottom) or 1.0
    return bottom - some, top + some


def _point_out(
    ax: "Axes",
    place: Array,
    low: Array,
    high: Array,
    limits: tuple[float, float],
    shown: Any,
    colour: str,
) -> None:
    """Mark intervals that go on beyond the edge."""
    for end, beyond, marker in (
        (limits[0], low < limits[0], "<"),
        (limits[1], high > limits[1], ">"),
    ):
        if beyond.any():
            edge = np.broadcast_to(shown(np.array(end)), (int(beyond.sum()),))
            ax.plot(edge, place[beyond], marker, color=colour, ms=5, clip_on=False, label="_")


def _ratio_ticks(ax: "Axes", left: float, right: float) -> None:
    """Ticks of a logarithmic axis at numbers that people read: 0.5, 1, 2, 5.

    Left and right are the ends of the axis in nats.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

    width = right - left
    few = max(3, int(width_of(ax) / 45.0))
    if width < 1.2:
        ax.xaxis.set_major_locator(MaxNLocator(few, steps=[1, 2, 2.5, 5, 10]))
    elif width < 2.2:
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
    elif width < 2.3 * min(few / 3.0, 2.0):
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    elif width < _WIDE:
        ax.xaxis.set_major_locator(LogLocator(numticks=few))
    else:
        # LogLocator looks beyond the ends, where there are no floats.
        ends = np.clip([left, right], -_LARGEST, _LARGEST) / np.log(10.0)
        decades = np.array(MaxNLocator(few, integer=True).tick_values(*ends))
        inside = decades[(decades >= ends[0]) & (decades <= ends[1])]
        ax.xaxis.set_major_locator(FixedLocator((10.0**inside).tolist()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
