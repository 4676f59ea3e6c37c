"""The section "Calibration" of the report."""

from oddsmith.views.pages.report.document import Report, Section

__all__ = ["section"]


def section(report: Report) -> Section | None:
    """Section, or None where there is nothing to show."""
    return Section("calibration", "Calibration", {})
