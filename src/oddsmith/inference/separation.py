"""Which columns separate the classes, in which direction, and which rows show it.

A direction d of the coefficients along which no row's own margin falls behind another's,

    gain_ik(d) = z_i' (d_{y_i} - d_k) >= 0   for all rows i and classes k != y_i,

and some gain is above 0, is one along which the likelihood rises for ever: separation is complete
where every row gains, else quasi-complete (Albert and Anderson, 1984, section 2). The largest sum
of gains in a box is a linear program (Konis, 2007, section 4.2), which SciPy's HiGHS solves. Of
many rows few matter: the program starts with none and is given those that its answer moves the
wrong way, a pass at a time, until there are none (Kelley, 1960, "The cutting-plane method").

Offsets move no gain, and rows of weight 0 are no rows. Columns are standardised, and an answer is
believed only as far as the products Z d show it, down to the rounding of their terms.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.optimize as so

from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.inference.gains import Aim, Cuts, Flags, Look, SupportOf

__all__ = ["Separation", "find_separation"]

# What HiGHS calls feasible. Its answers are vertices: ties are ties to the rounding of a solve.
_FEASIBLE = 1e-9
_MOST_ROUNDS = 100
# Columns up to which each is asked whether the others do without it.
_MOST_PRUNED = 40


@dataclass(frozen=True)
class Separation:
    """Proof that classes can be separated.

    Attributes
    ----------
    kind : "complete" or "quasi"
    columns : tuple of int
        Columns whose coefficients grow without bound; without any of them fewer rows would be
        separated.
    direction : array of shape (q, width)
        Along which, in the objective's coordinates, intercept last; 0 for other columns.
    rows : boolean array of shape (n,)
        Which rows of the source (those of positive weight) are told without error from the other
        class, with K > 2 classes from one of them at least.
    """

    kind: Literal["complete", "quasi"]
    columns: tuple[int, ...]
    direction: Array
    rows: Flags


def find_separation(objective: Objective, coef: Array) -> Separation | None:
    """Look for separation, and for the fewest columns that show it.

    Parameters
    ----------
    objective : Objective
        Its penalty does not matter.
    coef : array of shape (size,)
        Where a fit stopped: it is the first direction that is tried.

    Returns
    -------
    Separation or None
        None where the rows show none.
    """
    search = _Search(objective)
    whole = search.whole(coef)
    if whole is None:
        return None
    few = search.fewest(whole)
    rows = np.concatenate(objective.source.fold(SupportOf(objective.design, few)).rows)
    seen = search.look(few)
    p = objective.source.n_features
    moved = np.ptp(few, axis=1) if few.shape[1] > 1 else np.abs(few[:, 0])
    columns = tuple(np.flatnonzero(moved[:p]).tolist())
    return Separation("complete" if seen.tied == 0 else "quasi", columns, few, rows)


class _Search:
    """Linear programs over a pool of rows that grows by what they get wrong."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.shape = (objective.size // objective.width, objective.width)
        self.pool = np.empty((0, objective.size))
        self.most = 50 + 2 * objective.size

    def look(self, direction: Array, support: Array | None = None) -> Cuts:
        """One pass along a direction."""
        kernel = Look(self.objective.design, direction, support, self.most)
        return self.objective.source.fold(kernel)

    def whole(self, coef: Array) -> Array | None:
        """Direction along which all rows gain that can gain along any; None if none can."""
        start = coef.reshape(self.shape)
        if start.any():
            seen = self.look(start)
            if seen.tied == 0:
                return start
            self._keep(seen)
        total = np.zeros(self.shape)
        for _ in range(_MOST_ROUNDS):
            more = self._most_gain(total)
            if more is None:
                break
            total = _cleaned(total + more / np.abs(more).max())
            if self.look(total).tied == 0:
                break
        return total if total.any() else None

    def _keep(self, seen: Cuts) -> None:
        rows = np.concatenate(seen.rows)[:, :-1]
        size = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
        self.pool = np.unique(np.vstack([self.pool, rows / np.maximum(size, 1e-300)]), axis=0)

    def _most_gain(self, total: Array) -> Array | None:
        """Direction of the largest sum of gains of what does not gain along `total`."""
        aim = self.objective.source.fold(Aim(self.objective.design, total)).vector
        least = _FEASIBLE * max(1.0, float(np.abs(aim).max()))
        for _ in range(_MOST_ROUNDS):
            found = _program(-aim, self.pool, np.zeros(len(self.pool)))
            if found is None or float(aim @ found) <= least:
                return None
            direction = found.reshape(self.shape)
            seen = self.look(direction)
            if seen.loss == 0.0:
                return direction if seen.gaining else None
            before = len(self.pool)
            self._keep(seen)
            if len(self.pool) == before:
                return None
        return None

    def fewest(self, whole: Array) -> Array:
        """Direction with as few columns as can be along which the same rows gain.

        First the least sum of absolute coefficients, then each column left out that is not missed.
        """
        p = self.objective.source.n_features
        every = np.ones(self.shape[0], dtype=bool)
        best = self._shortest(whole, every)
        if best is None:
            return whole
        used = np.abs(best).max(axis=1)
        if (used[:p] > 0).sum() > _MOST_PRUNED:
            return best
        for j in np.argsort(used[:p]):
            if used[j] == 0:
                continue
            fewer = np.abs(best).max(axis=1) > 0
            fewer[p:], fewer[j] = True, False
            shorter = self._shortest(whole, fewer)
            if shorter is not None:
                best = shorter
                used = np.abs(best).max(axis=1)
        return best

    def _shortest(self, whole: Array, allowed: Any) -> Array | None:
        """Least sum of absolute slopes with gains of at least 1 where `whole` gains, else 0."""
        if not allowed.any():
            return None
        kept: Any = np.repeat(allowed, self.shape[1])
        slopes = np.repeat(
            np.arange(self.shape[0]) < self.objective.source.n_features, self.shape[1]
        )
        cost = np.where(slopes[kept], 1.0, 0.0)
        rows, wanted = np.empty((0, kept.sum())), np.empty(0)
        direction = np.zeros(self.objective.size)
        for _ in range(_MOST_ROUNDS):
            seen = self.look(direction.reshape(self.shape), whole)
            cuts = np.concatenate(seen.rows)
            if len(cuts) == 0:
                return direction.reshape(self.shape)
            scale = np.maximum(np.abs(cuts[:, :-1]).max(axis=1), 1e-300)
            rows = np.vstack([rows, cuts[:, :-1][:, kept] / scale[:, None]])
            wanted = np.append(wanted, cuts[:, -1] / scale)
            found = _least(cost, rows, wanted)
            if found is None or np.array_equal(found, direction[kept]):
                return None
            direction = np.zeros(self.objective.size)
            direction[kept] = found
        return None


def _program(cost: Array, rows: Array, least: Array) -> Array | None:
    """Least cost in a box with rows @ d >= least."""
    found: Any = so.linprog(
        cost,
        A_ub=-rows if len(rows) else None,
        b_ub=-least if len(rows) else None,
        bounds=(-1.0, 1.0),
        options={"primal_feasibility_tolerance": _FEASIBLE},
    )
    return _cleaned(found.x) if found.success else None


def _least(cost: Array, rows: Array, wanted: Array) -> Array | None:
    """Least sum of cost times absolute values with rows @ d >= wanted, cleaned of rounding."""
    found: Any = so.linprog(
        np.append(cost, cost),
        A_ub=-np.column_stack([rows, -rows]),
        b_ub=-wanted,
        bounds=(0.0, None),
        options={"primal_feasibility_tolerance": _FEASIBLE},
    )
    if not found.success:
        return None
    d = found.x[: cost.size] - found.x[cost.size :]
    # Room for what the program calls feasible: any multiple is as good.
    return 2.0 * _cleaned(d)


def _cleaned(direction: Array) -> Array:
    """Direction without what the program leaves of zeros: rows with nothing else would gain."""
    small = np.abs(direction) <= _FEASIBLE * np.abs(direction).max(initial=0.0)
    return np.where(small, 0.0, direction)
