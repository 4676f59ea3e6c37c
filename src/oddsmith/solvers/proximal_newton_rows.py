"""Proximal Newton steps from sums over rows alone: L1, elastic net and bounds, wherever rows live.

Every pass folds, at the coefficients where the last step has led: the losses and their gradient in
all columns, the Hessian in those of a working set, and how far the step's own dual point is from
the probabilities there, which proves the gap (`core.landing`). In memory coordinate descent then
walks to the minimum of the model (Lee, Sun and Saunders, 2014, "Proximal Newton-type methods";
Friedman, Hastie and Tibshirani, 2010). A pass is a read of all rows and has its price: the walk
begins where a sample of the rows has its optimum, and so ends after three or four.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import numpy as np

from oddsmith.core.certificate import FLOOR, Certificate
from oddsmith.core.landing import Landing, LandingMoments, OnColumns, Step
from oddsmith.core.moments import LineMoments, Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.solvers.duality_gap import DualSums, folded_gap
from oddsmith.solvers.folded_model import FoldedModel, Indices, Minimum
from oddsmith.solvers.parameters import Parameters, require_whole
from oddsmith.solvers.path import missed
from oddsmith.solvers.run import Iterate

__all__ = ["Ahead", "Landed", "ProximalNewtonRows", "RowWalk"]

# Up to this length of coef the working set is all; and of a working set at the most.
_WHOLE, _MOST = 1000, 2000
# Coordinates whose Hessian is formed in each pass; beyond, where steps shrink by less than this.
_CHEAP, _CONTRACTION = 300, 0.1
# Columns join whose gradient is nearer than this to the penalty; at once so many, or so many
# relative to those in the model.
_NEAR, _FEWEST, _GROWTH = 0.8, 400, 3
# A sample is no larger part of the rows, and has so many rows a coefficient of the working set.
_LEAST_STRIDE, _LEAST_ROWS = 8, 5
# Steps on a sample, whose optimum need not be known better than so many nats a coefficient.
_SAMPLE_STEPS, _WORTH = 30, 0.1
# Lengths that one pass tries where a whole step leads up.
_LENGTHS = tuple(0.5**k for k in range(1, 21))
# Changes of f that rounding makes, relative to it.
_ROUNDING = 2.0**-46
# Below every length of a step.
_TINY = 1e-300
# Steps in a row that make neither gap nor objective smaller.
_IDLE = 3


@dataclass(frozen=True, slots=True)
class Landed:
    """Where a step has ended.

    Attributes
    ----------
    coef, v : arrays of shape (size,)
        v is the gradient of the losses.
    model : FoldedModel
        The latest.
    formed : bool
        Whether it is from here.
    certificate : Certificate
    loss : float
        Without the penalty (nats).
    """

    coef: Array
    v: Array
    model: FoldedModel
    formed: bool
    certificate: Certificate
    loss: float

    @property
    def value(self) -> float:
        """Objective (nats)."""
        return self.certificate.moments.value

    @property
    def gap(self) -> float:
        """Proved bound on the distance from the minimum (nats)."""
        return self.certificate.gap


@dataclass(frozen=True, slots=True)
class Ahead:
    """Where a model's minimum is, seen from where it was made."""

    here: Landed
    minimum: Minimum


@dataclass
class ProximalNewtonRows(Parameters):
    """Proximal Newton method for rows that can only be folded over: files, clusters.

    Parameters
    ----------
    max_iter : int
        Steps at the most.
    rows_a_column : int
        Rows of the sample for each column of the design, where there are many more.

    Examples
    --------
    >>> ProximalNewtonRows().name
    'proximal-newton-rows'
    """

    max_iter: int = 100
    rows_a_column: int = 2000
    name = "proximal-newton-rows"
    order = 2
    handles_l1 = True

    def __post_init__(self) -> None:
        require_whole("max_iter", self.max_iter)
        require_whole("rows_a_column", self.rows_a_column)

    def iterates(self, objective: Objective, start: Array) -> Iterator[Iterate]:
        """Walk from where a sample's optimum is, or from start where no sample tells."""
        begin, near = self._sampled(objective, np.clip(start, *objective.penalty.bounds()))
        walk = RowWalk(objective)
        for ahead in walk.steps(begin, near):
            here, proof = ahead.here, ahead.here.certificate
            steepest = objective.penalty.steepest(here.coef, proof.moments.gradient)
            yield Iterate(
                here.coef,
                here.value,
                steepest,
                here.gap,
                proof,
                ahead.minimum.coef,
                nearby=partial(walk.nearby, ahead),
            )

    def _sampled(self, objective: Objective, start: Array) -> tuple[Array, Array | None]:
        """Optimum of a sample, and the gradient that it foretells; the start where none does."""
        rows = self.rows_a_column * (objective.size // objective.width) // objective.width
        stride = 2 ** round(math.log2(max(_LEAST_STRIDE, objective.source.n_rows / max(rows, 1))))
        part = objective.sample(stride)
        if part is None or part.source.n_rows < _LEAST_ROWS * min(part.size, _WHOLE):
            return start, None
        begin, near = self._sampled(part, start)
        for ahead in islice(RowWalk(part).steps(begin, near), _SAMPLE_STEPS):
            begin, near = ahead.minimum.coef, ahead.here.v / (part.weight / objective.weight)
            if ahead.here.gap <= _WORTH * max(1, np.count_nonzero(begin)):
                break
        return begin, near


@dataclass(slots=True)
class RowWalk:
    """Passes over the rows, and what one tells the next."""

    objective: Objective
    sizes: Array = field(init=False)
    whole: bool = field(init=False)
    _known: tuple[Array, Certificate] | None = None

    def __post_init__(self) -> None:
        self.sizes = np.repeat(self.objective.column_sizes, self.objective.width)
        self.whole = self.objective.size <= _WHOLE

    def steps(self, coef: Array, near: Array | None) -> Iterator[Ahead]:
        """Take steps from coef, with the gradient there or near by where it is known."""
        return self.onward(self.land(coef, self.columns(coef, near)))

    def onward(self, here: Landed) -> Iterator[Ahead]:
        """Take steps for as long as they lead on; see `ProximalNewtonRows`."""
        penalty, W = self.objective.penalty, self.objective.weight
        best, lowest, idle, before = here.gap, here.value, 0, math.inf
        while True:
            ahead = Ahead(here, here.model.minimum(here.coef, here.v, here.gap))
            yield ahead
            lacking = missed(penalty, here.v, here.model.ids)
            length = ahead.minimum.length
            # A new model leaves of a step about as much as the margins have moved.
            left = length / math.sqrt(W) if here.formed else length / max(before, _TINY)
            anew = lacking.size > 0 or here.model.m <= _CHEAP or left > _CONTRACTION
            there = self.follow(ahead, anew)
            if there is None:
                return
            better = there.gap < 0.5 * best or there.value < lowest - 1e-3 * best
            idle = 0 if better or lacking.size else idle + 1
            if idle == _IDLE:
                return
            best, lowest = min(best, there.gap), min(lowest, there.value)
            here, before = there, length

    def nearby(self, ahead: Ahead, coef: Array) -> Certificate:
        """Certificate at a coef near the model's minimum: a pass, if it is not known."""
        here = ahead.here
        for known, proof in ((here.coef, here.certificate), *filter(None, [self._known])):
            if np.array_equal(coef, known):
                return proof
        proof = self.land(coef, here.model, ahead).certificate
        self._known = coef, proof
        return proof

    def follow(self, ahead: Ahead, anew: bool) -> Landed | None:
        """Pass where the step leads, or a shorter one; None where none leads down."""
        here, target = ahead.here, ahead.minimum.coef
        there = self.land(target, self.columns(target, here.v) if anew else here.model, ahead)
        if there.value <= here.value + _ROUNDING * abs(here.value):
            return there
        back = here.coef - target
        values = self.objective.values_along(here.coef, back, _LENGTHS)
        k = int(np.argmin(np.where(np.isnan(values), np.inf, values)))
        if not values[k] < here.value:
            return None
        shorter = here.coef - _LENGTHS[k] * back
        return self.land(shorter, self.columns(shorter, here.v), ahead)

    def land(
        self, coef: Array, columns: Indices | FoldedModel, ahead: Ahead | None = None
    ) -> Landed:
        """Pass over the rows at coef.

        Parameters
        ----------
        coef : array of shape (size,)
        columns : index array or FoldedModel
            Working set of a new model, or the model to keep.
        ahead : Ahead, optional
            The step that led here.
        """
        objective = self.objective
        wanted = None if isinstance(columns, FoldedModel) else columns
        sums = objective.source.fold(self._kernel(coef, wanted, ahead))
        model = columns
        if not isinstance(model, FoldedModel):
            model = FoldedModel(self._ids(model), sums.hessian, objective.penalty, coef)
        value = sums.value + objective.penalty.value(coef)
        gap = self._gap(coef, sums, None if wanted is None else model, ahead)
        moved = objective.margin_rounding(coef)
        # Margins are rounded: coef is as if moved by that much, with curvatures <= 1/4.
        gap = (math.sqrt(gap) + moved * math.sqrt(objective.weight / 8.0)) ** 2
        gap = min(gap + FLOOR * value, value)
        rounding = 8.0 * FLOOR * value + moved * objective.weight
        gradient = sums.gradient + objective.penalty.gradient(coef)
        moments = Moments(objective.weight, value, gradient)
        line = LineMoments(np.empty(0), gap, math.inf, -math.inf, math.inf)
        proof = Certificate(gap, line, moments, np.zeros_like(coef), rounding)
        return Landed(coef, sums.gradient, model, wanted is not None, proof, sums.value)

    def _kernel(self, coef: Array, columns: Indices | None, ahead: Ahead | None) -> Landing:
        objective, kernels = self.objective, self.objective.kernels
        loss, design = objective.loss, objective.design
        order = 2 if self.whole and columns is not None else 1
        here = kernels.evaluate(loss, design, objective.shaped(coef), order)
        part = None
        if not self.whole and columns is not None:
            part = OnColumns.of(here, columns)
        if ahead is None:
            return Landing(here, part)
        at = objective.shaped(ahead.here.coef)
        direction = objective.shaped(ahead.minimum.coef - ahead.here.coef)
        bent = at if ahead.here.formed else objective.shaped(ahead.here.model.coef)
        product = None
        if not self.whole:
            product = kernels.hessian_product(loss, design, bent, direction)
        return Landing(here, part, Step(at, direction, bent), product)

    def _gap(
        self, coef: Array, sums: LandingMoments, fresh: FoldedModel | None, ahead: Ahead | None
    ) -> float:
        """Proved bound on f - min f (nats): the better one of two dual points."""
        penalty, W = self.objective.penalty, self.objective.weight
        gaps = [math.inf]
        if fresh is not None:  # the probabilities themselves
            correction = fresh.correction(coef, sums.gradient, self.sizes, W)
            own = DualSums(sums.weight, sums.value, odds=sums.odds)
            gaps.append(folded_gap(penalty, coef, sums.gradient, own, correction, self.sizes))
        if ahead is not None:
            here, minimum = ahead.here, ahead.minimum
            v = minimum.v if self.whole else here.v + sums.product
            correction = here.model.correction(coef, v, self.sizes, W)
            beside = DualSums(
                sums.weight, sums.value, sums.divergence, sums.square, sums.odds, minimum.length
            )
            gaps.append(folded_gap(penalty, coef, v, beside, correction, self.sizes))
        return min(gaps)

    def _ids(self, columns: Indices) -> Indices:
        """Coordinates of columns, intercepts last."""
        K, intercept = self.objective.width, self.objective.design.intercept
        own = np.append(columns, self.objective.source.n_features) if intercept else columns
        return (own[:, None] * K + np.arange(K)).ravel()

    def columns(self, coef: Array, v: Array | None) -> Indices:
        """Choose the working set at coef: what is not 0, has no kink, or may soon leave 0."""
        p, K = self.objective.source.n_features, self.objective.width
        if self.whole:
            return np.arange(p)
        penalty, size = self.objective.penalty, p * K
        l1 = penalty.l1[:size]
        inside = ((coef[:size] != 0) | (l1 == 0)).reshape(p, K).any(axis=1)
        urgency = np.zeros(p)
        if v is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(l1 > 0, np.abs(v[:size]) / l1, 0.0)
            urgency = ratio.reshape(p, K).max(axis=1)
        outside = np.flatnonzero(~inside & (urgency > _NEAR))
        most = max(_FEWEST, _GROWTH * int(inside.sum()))
        joining = outside[np.argsort(-urgency[outside], kind="stable")[:most]]
        found = np.concatenate([np.flatnonzero(inside), joining])
        if found.size * K > _MOST:
            found = found[self._steepest(coef, v, found)]
        return np.sort(found)

    def _steepest(self, coef: Array, v: Array | None, columns: Indices) -> Indices:
        """Places of as many columns as fit, in which the objective falls the most."""
        K, penalty = self.objective.width, self.objective.penalty
        slopes = np.zeros(coef.size) if v is None else v + penalty.gradient(coef)
        fall = np.abs(penalty.steepest(coef, slopes)) / np.maximum(self.sizes, 2.0**-500)
        by_column = fall.reshape(-1, K).max(axis=1)[columns]
        return np.argsort(-by_column, kind="stable")[: _MOST // K]
