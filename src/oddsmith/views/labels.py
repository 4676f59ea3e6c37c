"""Labels of classes where there is little room: short, and never two that look the same."""

from collections import Counter
from collections.abc import Sequence

from oddsmith.core.labels import printable

__all__ = ["short_labels"]


def short_labels(labels: Sequence[str], limit: int) -> list[str]:
    """Printable labels of at most `limit` characters, shortened in the middle.

    Labels that then look the same get their number in the order of the classes, from 1.

    Examples
    --------
    >>> short_labels(["yes", "a long label of 2025", "a long label of 2026"], 12)
    ['yes', 'a lon...2025', 'a lon...2026']
    >>> short_labels(["a long label, part 1, end", "a long label, part 2, end"], 12)
    ['a l...nd #1', 'a l...nd #2']
    """
    whole = [printable(label) for label in labels]
    short = [_middle(text, limit) for text in whole]
    counts = Counter(short)
    numbered = [_numbered(text, k, limit) for k, text in enumerate(whole, start=1)]
    mixed = [n if counts[s] > 1 else s for s, n in zip(short, numbered, strict=True)]
    return mixed if len(set(mixed)) == len(mixed) else numbered


def _numbered(text: str, number: int, limit: int) -> str:
    tag = f" #{number}"
    return _middle(text, limit - len(tag)) + tag


def _middle(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    tail = (limit - 3) // 2
    return f"{text[: limit - 3 - tail]}...{text[-tail:]}"
