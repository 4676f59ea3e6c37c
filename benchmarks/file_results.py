"""What was measured of files and of the command line, and the arithmetic on it."""

import statistics
from dataclasses import dataclass, field
from typing import Any

from benchmarks.cases import CASES
from benchmarks.results import State, shortfall

__all__ = ["Cold", "FileFits", "FilesResult"]


@dataclass(frozen=True)
class FileFits:
    """Fits of one table by one program, each in a fresh process.

    Parameters
    ----------
    program : str
    n, p, bytes : int
        Rows and columns, and bytes of the files.
    seconds : list of float
        Of each fit, from files to coefficients.
    wholes : list of float
        Of its process: start-up and imports too.
    peaks, private : list of int or None
        Highest resident memory of each, with and without the pages of mapped files.
    ours : list of float
        Seconds of our fit just before each; empty for ours.
    options : dict or None
    objective : float or None
    note : str
        What the program told of its fit.
    why : str
        Why it was not timed.
    installed : bool
    coef : list of float
        Of the last fit, the intercept last.
    """

    program: str
    n: int
    p: int
    bytes: int
    seconds: list[float] = field(default_factory=list)
    wholes: list[float] = field(default_factory=list)
    peaks: list[int | None] = field(default_factory=list)
    private: list[int | None] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    options: dict[str, Any] | None = None
    objective: float | None = None
    note: str = ""
    why: str = ""
    installed: bool = True
    coef: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median of its seconds."""
        return statistics.median(self.seconds)

    @property
    def ratios(self) -> list[float]:
        """Its seconds over ours, pair by pair."""
        return [own / ours for ours, own in zip(self.ours, self.seconds, strict=True)]

    @property
    def ratio(self) -> float:
        """Median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def peak(self) -> int | None:
        """Highest of the peaks."""
        return max((peak for peak in self.peaks if peak is not None), default=None)


@dataclass(frozen=True)
class FilesResult:
    """Fits of files: ours on each table, then the peers on the first.

    Parameters
    ----------
    case : str
    own : list of FileFits
    peers : list of FileFits
    """

    case: str
    own: list[FileFits]
    peers: list[FileFits]

    @property
    def best(self) -> float:
        """The least objective that any program reached on the first table."""
        known = [one.objective for one in (self.own[0], *self.peers) if one.objective is not None]
        return min(known)

    def state(self, fits: FileFits) -> State:
        """Whether a program counts: only one at an equal objective does."""
        if not fits.installed:
            return "not installable here"
        if fits.objective is None:
            return "slow" if fits.why.startswith("over ") else "failed"
        return (
            "equal" if shortfall(fits.objective, self.best) <= CASES[self.case].equal else "short"
        )

    @property
    def fastest(self) -> FileFits | None:
        """The fastest peer at an equal objective."""
        equal = [peer for peer in self.peers if self.state(peer) == "equal" and peer.seconds]
        return min(equal, key=lambda peer: peer.median, default=None)

    @property
    def growth(self) -> float:
        """Our time per row on the last table over that on the first."""
        first, last = self.own[0], self.own[-1]
        return (last.median / last.n) / (first.median / first.n)

    @property
    def peak(self) -> int | None:
        """Our highest peak."""
        return max((one.peak for one in self.own if one.peak is not None), default=None)


@dataclass(frozen=True)
class Cold:
    """Seconds of the command line from its start to its end.

    Parameters
    ----------
    case : str
    seconds : list of float
    """

    case: str
    seconds: list[float]

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return statistics.median(self.seconds)
