"""The charts of a page, as Vega specifications, and the program that draws them.

The specifications lie in ``specs/*.json`` and are fixed: names of columns, labels and numbers enter
them as values of signals and data alone, never as expressions or names of fields, so that nothing
in a stranger's file is ever evaluated. Vega (Satyanarayan, Russell, Hoffswell and Heer, 2016,
"Reactive Vega") computes everything that a page shows live.
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any

from oddsmith.errors import MissingPackageError

__all__ = ["CONFIG", "Spec", "load_charts", "need_program", "program", "with_rows", "with_values"]

Spec = dict[str, Any]

# How every chart looks. Grey on white is at least 4.5 to 1, as WCAG 2.2 asks of text.
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'
CONFIG: Spec = {
    "background": "transparent",
    "text": {"font": _FONT},
    "axis": {
        "labelFont": _FONT,
        "titleFont": _FONT,
        "domainColor": "#8a8a8a",
        "tickColor": "#8a8a8a",
        "gridColor": "#e4e4e4",
        "labelColor": "#404040",
        "titleColor": "#1b1b1b",
        "labelFontSize": 12,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelFlush": False,
        "labelOverlap": True,
    },
}

# As wide as its place on the page, also after the window has changed.
_WIDTH = {
    "name": "width",
    "init": "containerSize()[0]",
    "on": [{"events": {"source": "window", "type": "resize"}, "update": "containerSize()[0]"}],
}
# Room for the labels at the ends of an axis.
_PADDING = {"left": 2, "right": 6, "top": 8, "bottom": 4}
# What must not be read out or focused point by point: the chart has a description.
_QUIET = ("axes", "marks")


def load_charts(section: str, heights: Mapping[str, int]) -> dict[str, Spec]:
    """Vega specifications of the charts of one section, whose signals and data have no values yet.

    Parameters
    ----------
    section : str
        Name of a file in ``specs``: what its charts share, and what each has of its own.
    heights : mapping of str to int
        Names of the charts, and how high each is (CSS pixels).

    Returns
    -------
    dict of str to dict

    Examples
    --------
    >>> charts = load_charts("sigmoid", {"losses": 240})
    >>> list(charts), charts["losses"]["signals"][1]
    (['losses'], {'name': 'height', 'value': 240})
    """
    text = (
        files("oddsmith.views.pages")
        .joinpath("specs", f"{section}.json")
        .read_text(encoding="utf-8")
    )
    document = json.loads(text)
    return {
        name: _whole(document["shared"], document["charts"][name], height)
        for name, height in heights.items()
    }


def _whole(shared: Spec, own: Spec, height: int) -> Spec:
    own = deepcopy(own)
    for key in _QUIET:
        for part in own[key]:
            part["aria"] = False
    size = [_WIDTH, {"name": "height", "value": height}]
    joined = {
        key: [*deepcopy(shared.get(key, [])), *own.get(key, [])]
        for key in ("signals", "data", "scales")
    }
    joined["signals"] = [*size, *joined["signals"]]
    fit = {"type": "fit", "contains": "padding"}
    return {**own, **joined, "autosize": fit, "padding": _PADDING}


def with_values(chart: Spec, values: Mapping[str, Any]) -> Spec:
    """Specification whose signals of these names start with these values.

    Parameters
    ----------
    chart : dict
    values : mapping of str to object
        Numbers, texts or lists of them. Texts are shown as they are, and never evaluated.

    Returns
    -------
    dict

    Raises
    ------
    KeyError
        If a name is not that of a signal that takes a value.

    Examples
    --------
    >>> chart = {"signals": [{"name": "z", "value": 0}]}
    >>> with_values(chart, {"z": 2})
    {'signals': [{'name': 'z', 'value': 2}]}
    """
    unknown = values.keys() - {s["name"] for s in chart["signals"] if "value" in s}
    if unknown:
        raise KeyError(f"no signal takes a value under the name {sorted(unknown)[0]}")
    signals = [
        {**s, "value": values[s["name"]]} if s["name"] in values else s for s in chart["signals"]
    ]
    return {**chart, "signals": signals}


def with_rows(chart: Spec, name: str, rows: Sequence[Mapping[str, Any]]) -> Spec:
    """Specification one of whose data sets has these rows.

    Parameters
    ----------
    chart : dict
    name : str
        Of a data set that has ``values``.
    rows : sequence of mapping
        Texts in them are shown as they are, and never evaluated.

    Returns
    -------
    dict

    Raises
    ------
    KeyError
        If there is no such data set.

    Examples
    --------
    >>> chart = {"data": [{"name": "steps", "values": []}]}
    >>> with_rows(chart, "steps", [{"at": 1}])
    {'data': [{'name': 'steps', 'values': [{'at': 1}]}]}
    """
    if not any(one["name"] == name and "values" in one for one in chart["data"]):
        raise KeyError(f"no data set takes rows under the name {name}")
    data = [{**one, "values": [*rows]} if one["name"] == name else one for one in chart["data"]]
    return {**chart, "data": data}


@cache
def program() -> str:
    """JavaScript that defines ``vegaEmbed``: Vega with its interpreter of expressions.

    The interpreter evaluates expressions without ``eval``, so that the page can forbid it.

    Returns
    -------
    str
        About 0.9 MB, which may stand between ``<script>`` tags.

    Raises
    ------
    MissingPackageError
        If vl-convert is not installed.

    Examples
    --------
    >>> "</script" in program().lower()
    False
    """
    text = need_program().javascript_bundle("globalThis.vegaEmbed = vegaEmbed;")
    return text.replace("\r\n", "\n").replace("</script", "<\\/script")


def need_program() -> Any:
    """Import vl-convert, which brings Vega along.

    Raises
    ------
    MissingPackageError
        If it is not installed; the message says how to install it.

    Examples
    --------
    >>> need_program().__name__
    'vl_convert'
    """
    try:
        import vl_convert
    except ImportError:
        raise MissingPackageError(
            'pages need vl-convert; install it with: pip install "oddsmith[page]"'
        ) from None
    return vl_convert
