"""Rows in parts that lie on several machines, and the tree in which sums over parts are added.

A part is a partition of a cluster's table. Sums over parts are added two by two in one fixed tree:
part 0 to part 1, 2 to 3, then these sums to each other, and so on. Whoever holds some of the parts
adds what is in hand, and sends the nodes that are whole; so the sum has the same bits whichever
machine holds which part, and however many machines there are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from oddsmith.core.block import Mergeable
from oddsmith.errors import OddsmithError

__all__ = ["Node", "Part", "PartKernel", "Parts", "Refused", "added", "total"]

S = TypeVar("S", bound=Mergeable)
# Level and place of a sum in the tree: node (l, i) is over parts i 2**l to (i + 1) 2**l - 1.
Node = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """One of the parts that a table is in.

    Attributes
    ----------
    number : int
        Its place in the order of the parts.
    rows : object
        What it holds: rows as they were read, or blocks that a kernel can be folded over.
    """

    number: int
    rows: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """What is there instead of rows that cannot be used, or of sums over them.

    It travels as a value: an engine would wrap an error into its own, and log it on each worker.
    """

    error: OddsmithError


# Called with a part and a number of threads; None is nothing to add.
PartKernel = Callable[[Part, int], S | None]


class Parts(Protocol):
    """What the engine of a cluster implements: a sum over parts, wherever they are."""

    @property
    def n_parts(self) -> int:
        """Parts in all, empty ones too."""
        ...

    def fold(self, kernel: PartKernel[S], name: str, /) -> S | None:
        """Sum of kernel(part, threads) over all parts, in the tree's order.

        The kernel is sent once to each worker; `name` is what its dashboard shows.
        """
        ...

    def prepared(self, change: Callable[[Part], Any], name: str, /) -> Self:
        """Parts whose rows are what `change` makes of each; they stay where they are made."""
        ...


def added(sums: Mapping[Node, S | None], n_parts: int) -> dict[Node, S | None]:
    """Add neighbours in the tree until no two nodes that are here belong together.

    Parameters
    ----------
    sums : dict of Node to sum
        A sum that is None is over parts that have nothing to add.
    n_parts : int
        Leaves of the tree.

    Examples
    --------
    >>> added({(0, 0): 1, (0, 1): 2, (0, 2): 4}, 5)
    {(0, 2): 4, (1, 0): 3}
    >>> added({(0, 4): 16}, 5)
    {(2, 1): 16}
    """
    here, found = dict(sums), dict[Node, S | None]()
    for level in range(max(1, n_parts).bit_length() + 1):
        at_level = sorted(place for of, place in here if of == level)
        for place in at_level:
            node, twin = (level, place), (level, place ^ 1)
            if node not in here:
                continue  # its left neighbour has taken it
            alone = place % 2 == 0 and (place + 1) << level >= n_parts
            if 1 << level >= n_parts:
                found[node] = here.pop(node)
            elif alone:
                here[level + 1, place // 2] = here.pop(node)
            elif twin in here:
                here[level + 1, place // 2] = _sum(here.pop(node), here.pop(twin))
            else:
                found[node] = here.pop(node)
    return found


def total(sums: Mapping[Node, S | None], n_parts: int) -> S | None:
    """Sum over all parts, from nodes that are over all of them together.

    Raises
    ------
    ValueError
        If some part is missing.
    OddsmithError
        If parts were refused: why the first of them was.

    Examples
    --------
    >>> total({(1, 0): 3, (0, 2): 4}, 3)
    7
    """
    found = list(added(sums, n_parts).values())
    if len(found) != 1:
        raise ValueError(f"{len(found)} sums are left over, as parts are missing")
    if isinstance(found[0], Refused):
        raise found[0].error
    return found[0]


def _sum(left: Any, right: Any) -> Any:
    if left is None or isinstance(right, Refused):
        return left if isinstance(left, Refused) else right
    return left if right is None or isinstance(left, Refused) else left + right
