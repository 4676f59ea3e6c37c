"""A Hessian that was formed once, for the points near by: a metric to walk in, and a proof."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import blas, lapack

from oddsmith.core.certificate import Certificate, certificate_by_curvature
from oddsmith.core.moments import Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array

__all__ = ["Curvature", "Factor", "cholesky", "factored", "rounding"]

# Squared pivots of a unit-diagonal Hessian below this are not trusted to be its own curvature.
_GOOD_PIVOT = 2.0**-30
# Log-odds that changed by more make a curvature too little to prove with.
_FAR = 4.0
# A bound on that change which is not worth a pass to lower.
_NEAR = 2.0**-5


@dataclass(frozen=True)
class Factor:
    """Cholesky factor L of a unit-diagonal matrix D H D, D = diag(unit)."""

    lower: Array
    unit: Array

    def times(self, vector: Array) -> Array:
        """H times a vector."""
        half = blas.dtrmv(self.lower, vector / self.unit, lower=1, trans=1)
        return blas.dtrmv(self.lower, half, lower=1) / self.unit

    def solve(self, right: Array) -> Array:
        """Solution of H d = right, for a vector or the columns of a matrix."""
        return (self.unit * self.solve_scaled((self.unit * right.T).T).T).T

    def solve_scaled(self, right: Array) -> Array:
        """Solution of L L' d = right."""
        if right.size == 0:
            return right  # LAPACK knows no empty matrices
        solution, _ = lapack.dpotrs(self.lower, right, lower=1)
        return solution

    def length(self, vector: Array) -> float:
        """Length of a vector in the metric H."""
        half = blas.dtrmv(self.lower, vector / self.unit, lower=1, trans=1)
        return float(np.linalg.norm(half))

    @cached_property
    def good(self) -> bool:
        """Whether H is surely definite."""
        return float(self.lower.diagonal().min(initial=1.0)) ** 2 > _GOOD_PIVOT

    def row(self, largest: Array, width: int) -> float:
        """Bound on how far a step of length 1 in the metric H moves a row's log-odds.

        That is the length of L^-1 D z, whose entries are at most those of abs(L^-1) times the
        largest entries of the columns; a log-odds is one margin, or the difference of two.
        """
        inverse, _ = lapack.dtrtri(self.lower, lower=1)
        entries = np.abs(inverse) * self.unit
        lengths = [float(np.linalg.norm(entries[:, k::width] @ largest)) for k in range(width)]
        return max(lengths) * (1.0 if width == 1 else 2.0)


def cholesky(hessian: Array) -> Factor | None:
    """Factor of a positive semidefinite matrix, None where it is singular within rounding."""
    diagonal = hessian.diagonal()
    if not (diagonal > 0).all():
        return None
    unit = 1.0 / np.sqrt(diagonal)
    scaled = hessian * unit
    scaled *= unit[:, None]
    return factored(scaled, unit)


def factored(scaled: Array, unit: Array) -> Factor | None:
    """Factor of a unit-diagonal matrix, None where it is singular within rounding."""
    # The transpose of a symmetric matrix is itself, and stored as LAPACK reads it.
    lower, failed = lapack.dpotrf(scaled.T, lower=1)
    if failed or not float(lower.diagonal().min(initial=1.0)) ** 2 > rounding(scaled):
        return None
    return Factor(lower, unit)


def rounding(scaled: Array) -> float:
    """Eigenvalues of a unit-diagonal matrix below this may be rounding of zero."""
    return 32.0 * np.finfo(float).eps * max(scaled.shape[0], 8)


@dataclass(frozen=True)
class Curvature:
    """The Hessian A of a part of the rows at one point, the penalty's share included.

    As a metric for all rows it is A / share.

    Attributes
    ----------
    part : Objective
        Over those rows, whose weight is this share of all; it may be all.
    share : float
    coef : array of shape (q,)
        The point.
    factor : Factor
        Of A.
    at : array of shape (q,)
    moved : float
        Log-odds at `at` are not farther than this from those at the point.
    """

    part: Objective
    share: float
    coef: Array
    factor: Factor
    at: Array
    moved: float = 0.0

    def lifted(self, diagonal: Array) -> "Curvature | None":
        """Curvature with this much more penalty on all rows; None where it is not definite."""
        half = self.factor.lower / self.factor.unit[:, None]
        factor = cholesky(half @ half.T + self.share * np.diag(diagonal))
        return None if factor is None else replace(self, factor=factor)

    def times(self, vector: Array) -> Array:
        """Multiply A / share by a vector."""
        return self.factor.times(vector) / self.share

    def solve(self, vector: Array) -> Array:
        """Inverse of A / share times a vector."""
        return self.share * self.factor.solve(vector)

    @cached_property
    def row(self) -> float:
        """A step of length 1 in the metric A moves a row's log-odds by this at the most."""
        return self.factor.row(self.part.largest_entries, self.part.width)

    def prove(self, objective: Objective) -> Callable[[Array], Certificate | None]:
        """Prover for a coef near by: one pass, two where it is not so near."""
        return lambda coef: self.certificate(objective, coef, objective.evaluate(coef, 1))

    def certificate(
        self, objective: Objective, coef: Array, moments: Moments
    ) -> Certificate | None:
        """Certificate from the gradient at a coef near by, None where it is too far.

        Where log-odds moved by no more than t, the Hessian is not less than exp(-t) A (Bach,
        2010, proposition 1).
        """
        moved = self._moved(coef)
        if not moved < _FAR:
            return None
        grown = math.exp(0.5 * moved)
        step = self.factor.solve(moments.gradient)
        decrement = grown * math.sqrt(max(float(moments.gradient @ step), 0.0))
        found = certificate_by_curvature(objective, coef, moments, decrement, grown * self.row)
        return None if found is None else replace(found, step=self.share * step)

    def _moved(self, coef: Array) -> float:
        bound = self.moved + self.row * self.factor.length(coef - self.at)
        if bound < _NEAR:
            return bound
        return self.part.along(self.coef, self.coef - coef, (), proof=False).reach
