"""Profile-likelihood intervals: all values of a parameter that a likelihood-ratio test allows.

    profile(v) = min f(b) where b_j = v,      r(v) = sqrt(2 (profile(v) - min f)),

and the interval ends where r(v) is the normal quantile of its level (Venables and Ripley, 2002,
7.2; Venzon and Moolgavkar, 1988, for the search). profile is convex and its slope is the multiplier
of the restricted fit, so a safeguarded Newton search on r, which is almost a straight line, takes
few fits, each of them to a proved gap and from where the last one was.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from oddsmith.core.stable import Array
from oddsmith.errors import DataError, ParameterError
from oddsmith.inference.likelihood import Likelihood
from oddsmith.solvers.curvature import cholesky
from oddsmith.solvers.restricted import Plane, Restricted, restricted_minimum

__all__ = ["profile_intervals"]

# Distance of r from its target, relative to it, from which the last Newton step is right to
# twice the digits.
_NEAR = 1e-5
_FITS = 100
# An end that lies farther out than this many first steps is open.
_FARTHEST = 2.0**40
# Longest first step, in units in which a row's margin typically moves by as much (nats).
_LONGEST = 8.0
# Of the target: r that has not risen to this, far out, will not rise at all.
_FLAT = 1e-3
# Largest factor by which a search goes out at a time.
_GROWTH = 4.0


def profile_intervals(
    likelihood: Likelihood,
    alpha: float = 0.05,
    which: Iterable[int] | None = None,
    tol: float = 1e-12,
) -> Array:
    """Profile-likelihood intervals of the parameters.

    Parameters
    ----------
    likelihood : Likelihood
    alpha : float
        1 minus the level.
    which : iterable of int, optional
        Places of the parameters in `Likelihood.parameter_names`; all if not given.
    tol : float
        Gap to prove of each fit (nats per unit of weight).

    Returns
    -------
    array of shape (d, 2)
        An end is infinite where the likelihood never falls so far: where classes are separated.

    Raises
    ------
    ParameterError
        If alpha is not between 0 and 1, or weights are sampling weights.
    DataError
        If a fit on the way could not be proved.
    """
    if not 0.0 < alpha < 1.0:
        raise ParameterError(f"alpha is {alpha!r}; give a number between 0 and 1, such as 0.05.")
    if likelihood.weights == "sampling":
        raise ParameterError(
            "profile-likelihood intervals are not defined with sampling weights, whose "
            "log-likelihood is not that of a sample; use conf_int, with its robust covariance."
        )
    places = range(len(likelihood.params)) if which is None else which
    target = float(-ndtri(0.5 * alpha))
    searches = [_Search(likelihood, j, target, tol) for j in places]
    return np.array([[one.end(-1.0), one.end(1.0)] for one in searches]).reshape(-1, 2)


@dataclass(frozen=True)
class _Point:
    """The profile at v: r, its slope outwards, and the fit."""

    v: float
    r: float
    slope: float
    fit: Restricted


class _Search:
    """The search for the two ends of one parameter's interval."""

    def __init__(self, likelihood: Likelihood, place: int, target: float, tol: float) -> None:
        row = likelihood.contrast[place]
        plane = Plane.of(row[None, :])
        assert plane is not None, "a parameter's row of the contrast is never 0"  # noqa: S101
        self.likelihood, self.plane, self.target, self.tol = likelihood, plane, target, tol
        self.name = likelihood.parameter_names[place]
        self.best = likelihood.moments.value
        self.at = float(row @ likelihood.coef)
        variance = likelihood.covariance[place, place]
        # Where classes are separated a standard error says nothing.
        longest = _LONGEST * float(plane.length[0])
        self.step = min(target * np.sqrt(variance), longest) if variance > 0 else longest

    def end(self, side: float) -> float:
        """Where r reaches the target on one side; infinite where it never does."""
        moments = self.likelihood.moments
        inner, outer = 0.0, np.inf
        out = self.step
        last = _Point(0.0, 0.0, 0.0, Restricted(self.likelihood.coef, moments, 0.0, np.zeros(1)))
        for _ in range(_FITS):
            point = self._point(side, out, last)
            if point is None:
                # Beyond where anything moves, there is no curvature to prove anything with.
                if np.isinf(outer) and inner > 0.0 and last.r <= _FLAT * self.target:
                    return side * np.inf
                raise self._unproved(side * out)
            last = point
            if abs(last.r - self.target) <= _NEAR * self.target:
                last_step = (self.target - last.r) / last.slope if last.slope > 0 else 0.0
                return self.at + side * (out + last_step)
            if last.r > self.target:
                outer = out
            else:
                inner = out
            if inner > _FARTHEST * self.step:
                return side * np.inf
            out = self._next(last, inner, outer)
        return self.at + side * out

    def _next(self, last: _Point, inner: float, outer: float) -> float:
        """Newton's step on r where it stays inside the bracket and shortens it, else half of it."""
        step = (self.target - last.r) / last.slope if last.slope > 0 else np.inf
        out = last.v + step
        if np.isinf(outer):
            return min(out, _GROWTH * inner)
        width = outer - inner
        return out if inner < out < outer and abs(step) <= 0.75 * width else inner + 0.5 * width

    def _point(self, side: float, out: float, last: _Point) -> _Point | None:
        """Profile farther out, or None where it could not be proved."""
        objective, value = self.likelihood.objective, np.array([self.at + side * out])
        start = self._start(value, last.fit)
        fit = restricted_minimum(objective, self.plane, value, start, self.tol)
        if not fit.good(self.tol, objective.weight):
            return None
        r = float(np.sqrt(max(0.0, 2.0 * (fit.moments.value - self.best))))
        # dr/dv = f'/r, f' the multiplier.
        slope = side * float(fit.multiplier[0]) / r if r > 0 else 0.0
        return _Point(out, r, slope, fit)

    def _unproved(self, off: float) -> DataError:
        return DataError(
            f"the fit with the coefficient of {self.name} held at {self.at + off:.6g} could not be "
            f"proved to tol={self.tol:g}; its classes may be separated, which firth=True is for."
        )

    def _start(self, value: Array, last: Restricted) -> Array:
        """Along the curve of restricted fits, whose direction at the last one is H^-1 A'."""
        factor = cholesky(self.likelihood.objective.grounded(last.moments.hessian))
        if factor is None:
            return last.coef
        off = value[0] / self.plane.length[0] - float(self.plane.matrix[0] @ last.coef)
        # Where all rows are certain, curvatures are beyond what can be divided by.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            across = factor.solve(self.plane.matrix[0])
            start = last.coef + across * (off / float(self.plane.matrix[0] @ across))
        return start if np.isfinite(start).all() else last.coef
