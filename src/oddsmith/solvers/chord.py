"""When a Hessian that is kept from step to step is too old: the chord method's one decision."""

import math
from dataclasses import dataclass

__all__ = ["Chord"]

# Steps with a new Hessian, and the coordinates for which forming it takes as long as a step.
_STEPS_ANEW = 2.0
_SIZE_OF_A_STEP = 300.0
# Steps that a new Hessian takes as well.
_FEWEST_STEPS = 2


@dataclass
class Chord:
    """Steps with one Hessian (Kelley, 1995, "Iterative Methods", 5.4.1), and what they tell of it.

    Attributes
    ----------
    length : float
        Of the last step of this walk, in the metric of the curvature.
    contraction : float
        Of the last step's length relative to the one before; 0 where there was none.
    fresh : bool
        Whether the last step was with a new Hessian.
    steps : int
        Of this walk.
    spent : float
        Steps since the last Hessian that a new one would have spared.
    """

    length: float = math.inf
    contraction: float = 0.0
    fresh: bool = False
    steps: int = 0
    spent: float = 0.0

    def begin(self) -> None:
        """Begin a walk to another minimum."""
        self.length, self.contraction, self.fresh, self.steps = math.inf, 0.0, False, 0

    def took(self, length: float, shortened: bool) -> None:
        """Take note of a step."""
        self.contraction = math.inf if shortened else length / self.length
        self.length = length
        self.steps += 1
        self.spent += float(self.steps > _FEWEST_STEPS)

    def renews(self, ready: bool, m: int, gap: float, tol: float) -> bool:
        """Whether the next step is to have a new Hessian.

        Parameters
        ----------
        ready : bool
            Whether there is one.
        m : int
            Its size.
        gap, tol : float
            Where the walk stands, and where it is to end (nats).
        """
        self.fresh = not ready or (not self.fresh and self._stale(m, gap, tol))
        if self.fresh:
            self.spent = 0.0
        return self.fresh

    def _stale(self, m: int, gap: float, tol: float) -> bool:
        """Whether a new Hessian is cheaper than the steps that the old one will take."""
        if self.contraction >= 1.0:
            return True
        if self.contraction == 0.0:
            return False
        steps = math.log(max(gap / tol, 1.0)) / -math.log(self.contraction)
        price = _STEPS_ANEW + m / _SIZE_OF_A_STEP
        # Steps that a new one would have spared have been paid before: rent, then buy.
        return steps > price or self.spent > price
