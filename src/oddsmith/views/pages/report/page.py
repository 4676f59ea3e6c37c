"""From the sections of a report to HTML that loads nothing and runs no stranger's text."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from oddsmith.core.labels import printable
from oddsmith.views.pages.charts import CONFIG, Spec, program
from oddsmith.views.pages.report import (
    calibration,
    coefficients,
    comparison,
    overview,
    threshold,
    training,
    what_if,
)
from oddsmith.views.pages.report.document import Report, Section
from oddsmith.views.pages.report.words import cut, short

__all__ = ["report_page"]

# Colours are those of the page's style, so that charts follow it into the dark and onto paper.
_CONFIG: Spec = {
    **CONFIG,
    "axis": {
        **CONFIG["axis"],
        "domainColor": "var(--edge)",
        "tickColor": "var(--edge)",
        "gridColor": "var(--line)",
        "labelColor": "var(--soft)",
        "titleColor": "var(--ink)",
    },
}

# Bytes that a page may have, and what is saved on where it would have more: positions of the
# slider, and every which row of those that can be looked up.
_MOST = 3_000_000
_THRIFT = ((10_000, 2), (10_000, 4), (10_000, 16), (5000, 16), (2500, 16), (1000, 64))

# What matters first.
_SECTIONS: tuple[Callable[[Report], Section | None], ...] = (
    overview.section,
    threshold.section,
    calibration.section,
    coefficients.section,
    what_if.section,
    comparison.section,
    training.section,
)


def report_page(report: Report) -> str:
    """HTML of the whole page.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
        At most 3 MB.

    Raises
    ------
    MissingPackageError
        If vl-convert is not installed.
    """
    made = [(make, make(report)) for make in _SECTIONS]
    page = _rendered(report, [one for _, one in made if one is not None])
    for positions, k in _THRIFT:
        if len(page.encode("utf-8", "replace")) <= _MOST:
            break
        # Rows that can be looked up go first; then positions of the slider.
        lean = replace(report, positions=positions)
        if report.examples is not None:
            lean = replace(lean, examples=report.examples.every(k))
        again = {what_if.section} | ({threshold.section} if positions < report.positions else set())
        made = [(make, make(lean) if make in again else one) for make, one in made]
        page = _rendered(report, [one for _, one in made if one is not None])
    return page


def _rendered(report: Report, sections: list[Section]) -> str:
    pages = _environment()
    charts = {name: spec for one in sections for name, spec in one.charts.items()}
    pages.globals["heights"] = {name: _height(spec) for name, spec in charts.items()}
    own = [_template(f"{one.name}.js") for one in sections if one.script]
    scripts = (program(), _template("report.js"), *own, "oddsmith.start();")
    style = _template("report.css")
    return pages.get_template("report/report.html.jinja").render(
        report=report,
        version=_version(),
        sections=sections,
        page={
            "charts": charts,
            "config": _CONFIG,
            "data": {one.name: one.data for one in sections},
        },
        style=Markup(style),  # noqa: S704  # our own file
        scripts=[Markup(text) for text in scripts],  # noqa: S704  # Vega, and our own files
        script_hashes=[_hash(text) for text in scripts],
        style_hash=_hash(style),
    )


def _environment() -> Environment:
    pages = Environment(
        loader=PackageLoader("oddsmith.views", "pages/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # What is not finite is no JSON, and a page that reads it would stay empty.
    pages.policies["json.dumps_kwargs"] = {
        "allow_nan": False,
        "separators": (",", ":"),
        "sort_keys": True,
    }
    pages.filters |= {"cut": cut, "printable": printable, "short": short}
    return pages


def _version() -> str:
    """Version of what makes the page; nothing where it runs without being installed."""
    try:
        return f" {version('oddsmith')}"
    except PackageNotFoundError:
        return ""


def _height(chart: Spec) -> int:
    return next(signal["value"] for signal in chart["signals"] if signal["name"] == "height")


def _template(name: str) -> str:
    place = files("oddsmith.views.pages").joinpath("templates", "report", name)
    return place.read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Name of a script or style in a Content-Security-Policy: no other one then runs."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
