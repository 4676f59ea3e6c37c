"""Numbers and names as the report writes them; `report.js` writes numbers in the same way."""

import json
import math
from collections.abc import Sequence

from markupsafe import Markup

from oddsmith.core.labels import printable
from oddsmith.views.labels import short_labels

__all__ = ["counted", "cut", "figure", "fitting", "p_text", "percent", "short"]

# Longer names would push what matters aside.
_LETTERS = 40
# Longer names are not read by anybody, and shorter ones do not say which.
_MOST_LETTERS, _FEWEST_LETTERS = 10_100, 10


def figure(value: float | None, digits: int = 4) -> str:
    """Write a number with that many significant digits, its minus sign as wide as a plus sign.

    Examples
    --------
    >>> [figure(x) for x in (0.5, -1234.56, 12345.6, 2e-7, math.nan, math.inf, None)]
    ['0.5000', '−1235', '1.235e4', '2.000e−7', 'undefined', '∞', '']
    """
    if value is None:
        return ""
    if not math.isfinite(value):
        return "undefined" if math.isnan(value) else "∞" if value > 0 else "−∞"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    text = f"{value:.{digits - 1 - power}f}" if -4 <= power < digits else f"{mantissa}e{power}"
    return text.replace("-", "−")


def p_text(value: float | None) -> str:
    """P value with three digits, never 0.

    Examples
    --------
    >>> p_text(0.04999), p_text(1e-30), p_text(math.nan)
    ('0.0500', '< 0.0001', 'undefined')
    """
    if value is None:
        return ""
    if math.isnan(value):
        return "undefined"
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def percent(share: float, places: int = 1) -> str:
    """Share as a percentage; not 100 or 0 where some rows are missing from it, or in it.

    Examples
    --------
    >>> percent(0.5), percent(1.0), percent(0.99999), percent(0.00001), percent(math.nan)
    ('50.0%', '100%', '> 99.9%', '< 0.1%', 'undefined')
    """
    if math.isnan(share):
        return "undefined"
    if share in (0.0, 1.0):
        return f"{100 * share:.0f}%"
    text, least = f"{100 * share:.{places}f}", 10.0**-places
    if float(text) == 100.0:
        return f"> {100 - least:.{places}f}%"
    return f"< {least:.{places}f}%" if float(text) == 0.0 else f"{text}%"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Count with its noun.

    Examples
    --------
    >>> counted(1, "row"), counted(1234, "row"), counted(0, "class", "classes")
    ('1 row', '1,234 rows', '0 classes')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def cut(text: str, limit: int = _LETTERS) -> str:
    """Printable text, cut in the middle where it is long.

    Examples
    --------
    >>> cut("dose"), cut("a" * 50 + "b", 11)
    ('dose', 'aaaa...aaab')
    """
    return short_labels([text], limit)[0]


def short(text: str, limit: int = _LETTERS) -> Markup:
    """Printable text, cut in the middle where it is long: the whole is its title then.

    Of more than 10,100 characters the title is cut as well, so that no page grows with it.

    Examples
    --------
    >>> short("<dose>"), short("a" * 12, 11)
    (Markup('&lt;dose&gt;'), Markup('<span title="aaaaaaaaaaaa">aaaa...aaaa</span>'))
    """
    whole, shown = cut(text, _MOST_LETTERS), cut(text, limit)
    if shown == whole:
        return Markup().join([whole])
    return Markup('<span title="{}">{}</span>').format(whole, shown)


def fitting(names: Sequence[str], budget: int = 120_000) -> tuple[list[str], bool]:
    """Printable names that take no more than about `budget` bytes of JSON, and whether any was cut.

    Examples
    --------
    >>> fitting(["dose", "age"])
    (['dose', 'age'], False)
    >>> fitting(["a" * 100 + "b", "a" * 100 + "c"], 40)
    (['aaaa...aab', 'aaaa...aac'], True)
    """
    whole, limit = [printable(name) for name in names], _MOST_LETTERS
    shown = short_labels(whole, limit)
    while limit > _FEWEST_LETTERS and len(json.dumps(shown)) > budget:
        limit //= 2
        shown = short_labels(whole, max(limit, _FEWEST_LETTERS))
    return shown, shown != whole
