"""Many fits around one optimum: of nearly the same rows, with other penalties.

The folds of a validation share most of their rows. Over many more rows than columns their optima
lie near that of all rows, and so does their curvature: sums apart for every fold at that one point
give each fit a Newton step, and a metric in which L-BFGS walks on (Nocedal and Wright, 2006,
algorithm 7.4, H_0 the inverse of its Hessian there). All fits that are on their way share a read
of the rows, which is a product of matrices.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import numpy as np

from oddsmith.core.each import EachMoments, Patterns, ReachEach, WeighParts, evaluator
from oddsmith.core.loss import Binomial
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.each import Outcome, gaps_by_curvature, inverse_factors
from oddsmith.solvers.sampled import SampledLBFGS

__all__ = ["fit_around", "near_optimum"]

# Steps of a penalty's fits in the metric of one point, and points, at the most.
_MOST_STEPS, _MOST_POINTS = 10, 4
# A step that divides the estimates by less than this has left the metric behind.
_CONTRACTION = 0.25
# Part of the tolerance that an estimate must be within to be worth a proof.
_ROOM = 0.5
# Nats per unit of weight between a fold's optimum and that of all rows are a thousandth or more
# where there are a thousand rows a column.
_NEAR_ENOUGH, _STEPS_THERE = 1e-9, 30


@dataclass(frozen=True)
class _Parts:
    """The rows of every part, and what all fits have in common."""

    objective: Objective
    n_parts: int
    weights: Array
    tol: float

    @cached_property
    def unit(self) -> Array:
        """Penalty of weight 1."""
        return replace(self.objective, l2=1.0).penalty.diagonal

    def sums_at(self, point: Array) -> tuple[Array, Array]:
        """Gradients (F, q) and Hessians (F, q, q) of all parts, without penalty: one pass."""
        own, F = self.objective, self.n_parts
        evaluate = own.kernels.evaluate(Binomial(), own.design, point, 2)
        sums = own.source.fold(Patterns(evaluate, F)).patterns
        gradients, hessians = np.zeros((F, point.size)), np.zeros((F, point.size, point.size))
        for pattern, moments in sums.items():
            for f in range(F):
                if pattern >> f & 1:
                    gradients[f] += moments.gradient
                    hessians[f] += moments.hessian
        return gradients, hessians

    def evaluate(self, groups: "list[_Group]") -> list[EachMoments]:
        """Values and gradients of groups, penalties included, and scores: one pass."""
        own, F = self.objective, self.n_parts
        fits = np.tile(np.arange(F, dtype=np.intp), len(groups))
        coefs = np.concatenate([group.coefs for group in groups])
        kernel = evaluator(own.kernels)
        # After the first step nothing is proved or scored yet.
        last = any(len(group.pairs) > 1 for group in groups)
        tests = fits + F if last else fits[:0]
        sums = own.source.fold(kernel(own.design, coefs, fits, tests=tests, losses=last))
        found: list[EachMoments] = []
        for g, group in enumerate(groups):
            mine, pull = slice(g * F, (g + 1) * F), group.penalty * group.coefs
            values = sums.values[mine] + 0.5 * _dot(pull, group.coefs)
            gradients = sums.gradients[mine] + pull
            found.append(EachMoments(values, gradients, sums.hessians, sums.held_out[mine]))
        return found

    def gaps(self, group: "_Group", sums: EachMoments) -> Array:
        """Proved gaps, of shape (F,); a pass more where a bound on what moved is too much."""
        # L' times the way from the point is its length in the metric, and L^-1 z a row's reach.
        away = group.coefs - group.point
        lengths = np.linalg.norm(np.linalg.solve(group.inverses.mT, away[:, :, None]), axis=(1, 2))
        rows = np.linalg.norm(np.abs(group.inverses) @ self.objective.largest_entries, axis=1)
        gaps = self._gaps(group, sums, lengths * rows)
        if (gaps <= self.tol).all():
            return gaps
        reach = self.objective.source.fold(ReachEach(self.objective.design, away)).largest
        return self._gaps(group, sums, reach)

    def _gaps(self, group: "_Group", sums: EachMoments, moved: Array) -> Array:
        weights, l2 = self.weights[: self.n_parts], np.full(self.n_parts, group.l2)
        return gaps_by_curvature(
            self.objective, group.coefs, sums, weights, group.inverses, moved, l2
        )


@dataclass(slots=True)
class _Group:
    """Fits of one penalty, where they stand; rows of the arrays are fits.

    The metric of fit f is the Hessian L L' of its rows at `point`; `inverses` are L^-1.
    """

    l2: float
    penalty: Array
    point: Array
    inverses: Array
    coefs: Array
    gradients: Array
    estimates: Array
    pairs: list[tuple[Array, Array]]
    points: int

    def directions(self) -> Array:
        """Two-loop recursion of every fit; pairs without curvature are passed over."""
        left, back = self.gradients, list[tuple[Array, Array, Array, Array]]()
        for step, change in reversed(self.pairs):
            curvature = _dot(step, change)
            told = np.where(curvature > 0, 1.0 / curvature, 0.0)
            share = told * _dot(step, left)
            left = left - share[:, None] * change
            back.append((step, change, told, share))
        ahead = np.matmul(self.inverses, left[:, :, None])
        ahead = np.matmul(self.inverses.mT, ahead)[:, :, 0]
        for step, change, told, share in reversed(back):
            ahead = ahead + (share - told * _dot(change, ahead))[:, None] * step
        return ahead


def _dot(a: Array, b: Array) -> Array:
    """Products of the rows of a and b."""
    return (a * b).sum(axis=1)


def near_optimum(objective: Objective) -> Array:
    """Coef near the minimum: as near as fits to parts of the rows have use for."""
    solver, coef = SampledLBFGS(), np.zeros(objective.size)
    for here in islice(solver.iterates(objective, coef), _STEPS_THERE):
        coef = here.coef
        if here.estimate <= _NEAR_ENOUGH * objective.weight:
            break
    return coef


def fit_around(objective: Objective, point: Array, l2: Array, n_parts: int, tol: float) -> Outcome:
    """Fit every part with every penalty.

    Parameters
    ----------
    objective : Objective
        Of two classes, with labels as `core.each.with_parts` makes them, over all rows; it gives
        the design, and bounds of the columns that hold for every part.
    point : array of shape (q,)
        Near the optimum of all rows, with a penalty in the midst of all.
    l2 : array of shape (C,)
        Penalties, > 0.
    n_parts : int
        F: fit f is of the rows of part f, and scored on those of part F + f.
    tol : float
        Gap to reach (nats per unit of weight).

    Returns
    -------
    Outcome
        Gaps of a penalty that was not reached in a few steps are inf, its numbers are no fits.
    """
    weights = objective.source.fold(WeighParts(2 * n_parts)).parts
    parts = _Parts(objective, n_parts, weights, tol)
    shape = (n_parts, l2.size)
    coefs, gaps = np.zeros((*shape, point.size)), np.full(shape, math.inf)
    held_out = np.full(shape, math.nan)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        sums = parts.sums_at(point)
        groups = {c: _group(parts, own, point, *sums) for c, own in enumerate(l2.tolist())}
        while groups:
            for group in groups.values():
                _step(parts, group)
            found = parts.evaluate(list(groups.values()))
            for (c, group), own in zip(list(groups.items()), found, strict=True):
                after = _judged(parts, group, own)
                if isinstance(after, _Group):
                    groups[c] = after
                    continue
                coefs[:, c], gaps[:, c] = group.coefs, after
                if own.held_out.size:
                    held_out[:, c] = own.held_out / weights[n_parts:]
                del groups[c]
    return Outcome(coefs, gaps, held_out)


def _group(
    parts: _Parts, l2: float, point: Array, gradients: Array, hessians: Array, points: int = 1
) -> _Group:
    """Fits of a penalty at a point, given the sums of their rows there."""
    penalty = l2 * parts.unit
    inverses = inverse_factors(hessians + np.diag(penalty))
    coefs, far = np.tile(point, (parts.n_parts, 1)), np.full(parts.n_parts, math.inf)
    slopes = gradients + penalty * point
    return _Group(l2, penalty, point, inverses, coefs, slopes, far, [], points)


def _step(parts: _Parts, group: _Group) -> None:
    """Move all fits of a penalty, to coefficients as the user gets them."""
    ahead = group.coefs - group.directions()
    before, group.coefs = group.coefs, np.array([parts.objective.as_given(w) for w in ahead])
    # The change of the gradient is known when it is evaluated there.
    group.pairs.append((group.coefs - before, group.gradients))


def _judged(parts: _Parts, group: _Group, sums: EachMoments) -> _Group | Array:
    """Gaps of all fits of a penalty if they are done or given up, else the group that goes on."""
    before, (step, gradients) = group.estimates, group.pairs[-1]
    group.pairs[-1], group.gradients = (step, sums.gradients - gradients), sums.gradients
    estimates = 0.5 * _dot(sums.gradients, group.directions()) / parts.weights[: parts.n_parts]
    group.estimates = estimates
    if (estimates <= _ROOM * parts.tol).all() and sums.held_out.size:
        gaps = parts.gaps(group, sums)
        if (gaps <= parts.tol).all():
            return gaps
    if (estimates <= _CONTRACTION * before).all() and len(group.pairs) < _MOST_STEPS:
        return group
    if group.points == _MOST_POINTS:
        return np.full(parts.n_parts, math.inf)
    closer = (estimates <= before).all()
    point = (group.coefs if closer else group.coefs - step).mean(axis=0)
    return _group(parts, group.l2, point, *parts.sums_at(point), group.points + 1)
