"""Numbers as the tables write them."""

import statistics
from collections.abc import Sequence

__all__ = ["NONE", "met", "seconds", "spread"]

NONE = "–"


def seconds(time: float) -> str:
    """Write a time with three digits and its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if time >= size:
            return f"{time / size:.3g} {unit}"
    return f"{time / 1e-6:.3g} µs"


def spread(ratios: Sequence[float]) -> str:
    """Write the median, and the range."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def met(yes: bool) -> str:
    """Write whether a target is met."""
    return "met" if yes else "missed"
