"""What holds for every case of one run."""

import os
from dataclasses import dataclass, field

__all__ = ["Settings"]


_PATIENCE = 3.0


@dataclass(frozen=True)
class Settings:
    """Conditions of a run, the same for all programs.

    Parameters
    ----------
    pairs : int
        How often ours and a peer take turns.
    seed : int
        Of the data.
    scale : float
        Share of the rows (of wide data, of the columns).
    threads : int
        For every program, and for its BLAS and OpenMP.
    limit : float
        Seconds: a slower call is timed once, and no tighter tolerance is tried.
    """

    pairs: int = 5
    seed: int = 0
    scale: float = 1.0
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    limit: float = 60.0

    @property
    def patience(self) -> float:
        """Seconds after which a program is ended."""
        return _PATIENCE * self.limit
