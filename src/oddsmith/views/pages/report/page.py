"""From the sections of a report to HTML that loads nothing and runs no stranger's text."""

import base64
import hashlib
from collections.abc import Callable
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
    sections = [made for make in _SECTIONS if (made := make(report)) is not None]
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
