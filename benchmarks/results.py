"""What was measured, and the arithmetic on it. Saved as it is measured; everything else follows."""

import math
import statistics
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.cases import CASES

__all__ = [
    "Memory",
    "Peer",
    "Race",
    "Scaling",
    "State",
    "shortfall",
    "words",
]

State = Literal["equal", "short", "slow", "failed", "left out", "not installable here"]


def shortfall(objective: float, best: float) -> float:
    """Return how far an objective is above the least one, relative to it; inf if not finite."""
    return (objective - best) / abs(best) if math.isfinite(objective) else math.inf


def words(options: dict[str, Any] | None) -> str:
    """Write options as a table shows them."""
    return ", ".join(f"{name}={value}" for name, value in (options or {}).items()) or "defaults"


@dataclass(frozen=True)
class Peer:
    """One peer beside ours.

    Parameters
    ----------
    program : str
    why : str
        Why it was not timed, or not timed as often: its own words, or ours.
    options : dict or None
        What it was raced with.
    objective : float or None
        What it reached.
    ours, theirs : list of float
        Seconds of adjacent turns.
    installed : bool
    able : bool
        Whether it solves this problem at all.
    """

    program: str
    why: str = ""
    options: dict[str, Any] | None = None
    objective: float | None = None
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    installed: bool = True
    able: bool = True

    @property
    def median(self) -> float:
        """Median of its seconds."""
        return statistics.median(self.theirs)

    @property
    def ratios(self) -> list[float]:
        """Its seconds over ours, pair by pair."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """Median of the ratios."""
        return statistics.median(self.ratios)


@dataclass(frozen=True)
class Race:
    """Times of ours and of peers on one problem.

    Parameters
    ----------
    case : str
    bytes : int
        Of X.
    objective : float
        What ours reached.
    passes : int or None
    reads : list of float
        Seconds of one read of X, before each turn of ours.
    own : list of float
        Seconds of all turns of ours.
    peak : int or None
        Bytes beyond X.
    peers : list of Peer
    """

    case: str
    bytes: int
    objective: float
    passes: int | None
    reads: list[float]
    own: list[float]
    peak: int | None
    peers: list[Peer]

    @property
    def median(self) -> float:
        """Median of our seconds."""
        return statistics.median(self.own)

    @property
    def best(self) -> float:
        """The least objective that any program reached."""
        known = [peer.objective for peer in self.peers if peer.objective is not None]
        return min([self.objective, *(value for value in known if math.isfinite(value))])

    @property
    def multiple(self) -> float:
        """Our time as a multiple of one read of X: the median over turns."""
        return statistics.median(own / read for own, read in zip(self.own, self.reads, strict=True))

    def state(self, peer: Peer) -> State:
        """Whether a peer counts: only one at an equal objective does."""
        if not peer.installed:
            return "not installable here"
        if not peer.able:
            return "left out"
        if peer.objective is None:
            return "slow" if peer.why.startswith("over ") else "failed"
        return (
            "equal" if shortfall(peer.objective, self.best) <= CASES[self.case].equal else "short"
        )

    @property
    def fastest(self) -> Peer | None:
        """The fastest peer at an equal objective."""
        equal = [peer for peer in self.peers if self.state(peer) == "equal" and peer.theirs]
        return min(equal, key=lambda peer: peer.median, default=None)


@dataclass(frozen=True)
class Memory:
    """Peaks of resident memory beyond X during a second fit.

    Parameters
    ----------
    case : str
    bytes : int
        Of X.
    peaks : dict of str to int
        Bytes of each program that could be measured.
    why : dict of str to str
        Why the others could not.
    """

    case: str
    bytes: int
    peaks: dict[str, int]
    why: dict[str, str]


@dataclass(frozen=True)
class Scaling:
    """Our times for several numbers of rows.

    Parameters
    ----------
    case : str
    rows : list of int
    seconds : list of lists of float
        Of each turn.
    """

    case: str
    rows: list[int]
    seconds: list[list[float]]

    @property
    def per_row(self) -> list[float]:
        """Median seconds per row, for each number of rows."""
        return [
            statistics.median(times) / n for n, times in zip(self.rows, self.seconds, strict=True)
        ]

    @property
    def unevenness(self) -> float:
        """Largest over smallest time per row, among sizes from a tenth of the largest on."""
        many = [
            time
            for n, time in zip(self.rows, self.per_row, strict=True)
            if n >= max(self.rows) / 10
        ]
        return max(many) / min(many)
