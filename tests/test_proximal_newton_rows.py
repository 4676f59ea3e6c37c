"""L1, elastic net and bounds from sums over rows alone: the fit and the proof of rows in memory."""

import math
from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from test_proximal_newton import LD, rows, slopes

from oddsmith.core.block import Block, CountedSource
from oddsmith.core.columns import column_statistics
from oddsmith.core.landing import Landing
from oddsmith.core.loss import Binomial, Multinomial
from oddsmith.core.penalty import Limits, Penalty
from oddsmith.data.memory import memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.errors import ParameterError
from oddsmith.solvers import minimise as solving
from oddsmith.solvers import proximal_newton_rows as module
from oddsmith.solvers.choose import Problem, choose
from oddsmith.solvers.duality_gap import DualSums, duality_gap, folded_gap
from oddsmith.solvers.minimise import Task, minimise, objective_of
from oddsmith.solvers.proximal_newton_rows import ProximalNewtonRows


@pytest.fixture(autouse=True)
def _no_copy(monkeypatch):
    """Few rows would be standardised once, all at once; the grid does so."""
    monkeypatch.setattr(solving, "_FEW_ENTRIES", 0)


class Folds:
    """Rows in uneven parts that can only be folded over, and sampled if asked to."""

    def __init__(self, X, y, weight, offset, parts=3):
        n = y.size
        ends = np.unique(np.round(np.linspace(0.0, 1.0, parts + 1) ** 1.5 * n).astype(int))
        self.rows, self.ends, self.n_rows, self.n_features = (X, y, weight, offset), ends, *X.shape
        self.kernels = []

    def fold(self, kernel):
        self.kernels.append(kernel)
        blocks = (Block(*(own[a:b] for own in self.rows)) for a, b in pairwise(self.ends))
        return reduce(add, map(kernel, blocks))


class Sampled(Folds):
    def sample(self, stride):
        return Sampled(*(own[::stride] for own in self.rows), 2)


def problem(seed, shape, K, storage="dense", weighted=False):
    X, y = rows(seed, *shape, K)
    rng = np.random.default_rng(seed)
    X = X * 10.0 ** rng.integers(-2, 3, shape[1])
    n, margins = y.size, (y.size,) if K == 2 else (y.size, K)
    weight = rng.uniform(0.2, 3.0, n) * (rng.random(n) < 0.9) if weighted else np.ones(n)
    offset = rng.normal(size=margins) if weighted else np.zeros(margins)
    if storage == "sparse":
        X = sp.csr_array(np.where(np.abs(X) < np.median(np.abs(X), axis=0), 0.0, X))
    return X, y.astype(np.int8), weight, offset


def penalties(X, weight, strength, ratio):
    """L1 and L2 in the unit of the weights."""
    size = float(np.sqrt(np.median(np.asarray((X * X).mean(axis=0)))))
    l1 = strength * weight.sum() * size
    return {"l1": ratio * l1, "l2": (1.0 - ratio) * l1 * size}


def task(X, K, tol=1e-14, intercept=True, **more):
    return Task(K, intercept, sparse=sp.issparse(X), tol=tol, **more)


def in_memory(X, y, weight, offset, asked):
    blocks = memory_blocks(X, y, weight, offset, 1 if offset.ndim == 1 else offset.shape[1])
    with Threads(blocks, 1) as threads:
        source = CountedSource(threads)
        return minimise(source, source.fold(column_statistics), "auto", asked)


def folded(given, asked, parts=3, kind=Folds, solver="auto"):
    source = CountedSource(kind(*given, parts))
    return minimise(source, source.fold(column_statistics), solver, asked)


def value(fit, X, y, weight, offset, asked):
    """Objective per unit of weight, in long double."""
    X = X.toarray() if sp.issparse(X) else X
    losses, _ = slopes(X, y, fit.coef.T, fit.intercept, weight, offset.reshape(y.size, -1), LD)
    w = fit.coef.astype(LD)
    factors = 1.0 if asked.limits is None else asked.limits.factors[:, None]
    pulled = factors * (asked.l1 * np.abs(w) + asked.l2 / 2 * w**2)
    return (losses.sum() + pulled.sum()) / LD(weight).sum()


def assert_same(ours, theirs, X):
    """The same columns, and coefficients to nine digits of the largest, as columns vary."""
    spread = np.std(X.toarray() if sp.issparse(X) else X, axis=0)[:, None]
    assert ours.solver == "proximal-newton-rows"
    assert ours.objective == pytest.approx(theirs.objective, rel=1e-12)
    np.testing.assert_array_equal(ours.coef != 0, theirs.coef != 0)
    size = float(np.abs(theirs.coef * spread).max(initial=1e-3))
    np.testing.assert_allclose(ours.coef * spread, theirs.coef * spread, atol=1e-9 * size)


SHAPES = [(120, 5), (60, 1), (40, 70), (400, 12)]


@given(
    st.integers(0, 10**6),
    st.sampled_from(SHAPES),
    st.sampled_from([2, 3]),
    st.sampled_from(["dense", "sparse"]),
    st.sampled_from([1.0, 0.5, 0.1]),
    st.sampled_from([1.0, 0.1, 0.02]),
    st.sampled_from([1, 2, 7]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_sums_over_rows_give_the_fit_of_rows_in_memory(
    seed, shape, K, storage, ratio, strength, parts, intercept, weighted
):
    drawn = X, _, weight, _ = problem(seed, shape, K, storage, weighted)
    asked = task(X, K, intercept=intercept, **penalties(X, weight, strength, ratio))
    ours, theirs = folded(drawn, asked, parts), in_memory(*drawn, asked)
    away = value(ours, *drawn, asked) - value(theirs, *drawn, asked)
    assert -theirs.gap - 1e-15 <= away <= ours.gap + 1e-15
    assert ours.gap <= max(1e-13, 10 * theirs.gap)
    assert ours.objective == pytest.approx(theirs.objective, rel=1e-12)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("storage", ["dense", "sparse"])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
@pytest.mark.parametrize("strength", [0.5, 0.1, 0.01])
@pytest.mark.parametrize("whole", [True, False])
def test_coefficients_to_nine_digits(monkeypatch, whole, strength, ratio, storage, K):
    if not whole:
        monkeypatch.setattr(module, "_WHOLE", 1)
    drawn = X, _, weight, _ = problem(7, (600, 14), K, storage, weighted=True)
    asked = task(X, K, tol=1e-13, **penalties(X, weight, strength, ratio))
    theirs = folded(drawn, asked, 1, solver=ProximalNewtonRows())
    for parts in (2, 7):
        assert_same(folded(drawn, asked, parts), theirs, X)
    memory = in_memory(*drawn, asked)
    assert memory.solver == "proximal-newton"
    # Its walk ends at the proof: an L2 part hides digits from it that the last step here finds.
    spread = np.std(X.toarray() if sp.issparse(X) else X, axis=0)[:, None]
    size = float(np.abs(memory.coef * spread).max(initial=1e-3))
    near = 1e-9 if ratio == 1.0 else 2e-7
    np.testing.assert_allclose(theirs.coef * spread, memory.coef * spread, atol=near * size)
    np.testing.assert_array_equal(theirs.coef != 0, memory.coef != 0)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("whole", [True, False])
def test_factors_and_bounds(monkeypatch, whole, ratio, K):
    if not whole:
        monkeypatch.setattr(module, "_WHOLE", 1)
    drawn = X, _, weight, _ = problem(3, (500, 8), K)
    free = np.inf
    limits = Limits(
        np.array([1.0, 0.0, 2.0, free, 1.0, 0.5, 1.0, 0.0]),
        np.array([0.0, -free, -free, -free, -0.01, 0.0, -free, 0.0]),
        np.array([free, free, 0.0, free, 0.01, free, free, free]),
    )
    asked = task(X, K, tol=1e-13, limits=limits, **penalties(X, weight, 0.02, ratio))
    ours, theirs = folded(drawn, asked), in_memory(*drawn, asked)
    assert ours.gap <= 1e-12
    assert ours.objective == pytest.approx(theirs.objective, rel=1e-12)
    assert (ours.coef[3] == 0).all()
    assert (ours.coef >= limits.lower[:, None]).all()
    assert (ours.coef <= limits.upper[:, None]).all()
    spread, found = X.std(axis=0)[:, None], []
    for fit in (ours, theirs):  # columns without a penalty are known up to a shift
        coef = fit.coef.copy()
        coef[[1, 7]] -= coef[[1, 7]].mean(axis=1, keepdims=True) * (K > 2)
        found.append(coef * spread)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("kind", ["twice", "far", "zeros"])
def test_awkward_columns(kind, K):
    drawn = X, y, weight, offset = problem(5, (300, 5), K)
    changed = {
        "twice": np.column_stack([X, X[:, :2]]),
        "far": X + 1e6 * np.abs(X).max(axis=0),
        "zeros": np.insert(X, [0, 3], 0.0, axis=1),
    }[kind]
    asked = task(X, K, tol=1e-12, **penalties(X, weight, 0.05, 1.0))
    ours = folded((changed, y, weight, offset), asked)
    alone = folded(drawn, asked)
    assert ours.gap <= (1e-12 if kind != "far" else 1e-9)
    assert ours.objective == pytest.approx(alone.objective, abs=1e-12 if kind != "far" else 1e-9)
    if kind == "twice":
        both = ours.coef[:5].copy()
        both[:2] += ours.coef[5:]
        np.testing.assert_allclose(both, alone.coef, atol=1e-8 * np.abs(alone.coef).max())


@given(
    st.integers(0, 10**6),
    st.sampled_from(SHAPES),
    st.sampled_from([2, 3]),
    st.sampled_from([1.0, 0.5]),
    st.sampled_from([0.3, 0.03, 0.003]),
    st.sampled_from([(1000, 2000, 300), (1, 2000, 300), (1000, 2000, 0), (1, 6, 300), (1, 9, 0)]),
    st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_no_gap_is_less_than_the_distance(seed, shape, K, ratio, strength, sizes, weighted):
    """At every iterate, and wherever else it is asked for: whole, in parts, with old models."""
    with pytest.MonkeyPatch.context() as patch:
        for name, size in zip(("_WHOLE", "_MOST", "_CHEAP"), sizes, strict=True):
            patch.setattr(module, name, size)
        drawn = X, _, weight, _ = problem(seed, shape, K, weighted=weighted)
        asked = task(X, K, **penalties(X, weight, strength, ratio))
        least = in_memory(*drawn, asked)
        source = CountedSource(Folds(*drawn))
        objective, _ = objective_of(source, source.fold(column_statistics), asked)
        W = objective.weight
        lowest = float(value(least, *drawn, asked)) - least.gap
        rng = np.random.default_rng(seed)
        start = rng.normal(size=objective.size) if seed % 2 else np.zeros(objective.size)
        for k, here in enumerate(ProximalNewtonRows().iterates(objective, start)):
            assert here.certificate.gap >= here.value - W * (lowest + least.gap) - 1e-12 * W
            beside = here.nearby(here.successor)
            assert beside.gap >= beside.moments.value - W * (lowest + least.gap) - 1e-12 * W
            assert here.nearby(here.successor) is beside
            assert here.nearby(here.coef) is here.certificate
            if here.certificate.gap <= 1e-12 * W or k > 60:
                break


def test_old_models_are_kept_while_steps_shrink(monkeypatch):
    monkeypatch.setattr(module, "_CHEAP", 0)
    drawn = X, _, weight, _ = problem(2, (2000, 6), 2)
    asked = task(X, 2, tol=1e-13, **penalties(X, weight, 0.01, 1.0))
    source = Folds(*drawn)
    counted = CountedSource(source)
    fit = minimise(counted, counted.fold(column_statistics), ProximalNewtonRows(), asked)
    orders = [kernel.evaluate.order for kernel in source.kernels if isinstance(kernel, Landing)]
    assert 1 in orders[:-1]
    assert 2 in orders[1:]
    assert fit.gap <= 1e-13
    assert_same(fit, folded(drawn, asked), X)


@pytest.mark.parametrize("K", [2, 3])
def test_a_working_set_that_is_too_large_is_taken_in_turns(monkeypatch, K):
    width = 1 if K == 2 else K
    monkeypatch.setattr(module, "_WHOLE", 1)
    monkeypatch.setattr(module, "_MOST", 3 * width)
    drawn = X, _, weight, _ = problem(4, (500, 9), K)
    asked = task(X, K, tol=1e-11, max_iter=1000, **penalties(X, weight, 0.005, 1.0))
    ours, theirs = folded(drawn, asked), in_memory(*drawn, asked)
    assert np.count_nonzero(theirs.coef) > 3 * width
    assert ours.objective == pytest.approx(theirs.objective, abs=1e-9)
    assert ours.objective - theirs.objective <= ours.gap + 1e-12


def test_a_sample_spares_passes():
    drawn = X, _, weight, _ = problem(1, (40_000, 5), 2, weighted=True)
    asked = task(X, 2, tol=1e-12, **penalties(X, weight, 0.02, 1.0))
    with_sample = folded(drawn, asked, kind=Sampled)
    without = folded(drawn, asked)
    assert_same(with_sample, without, X)
    assert with_sample.n_passes <= 6 < without.n_passes
    few = tuple(own[:60] for own in drawn)
    asked = task(X, 2, **penalties(X[:60], weight[:60], 0.02, 1.0))
    assert folded(few, asked, kind=Sampled).n_passes == folded(few, asked).n_passes


def test_few_rows_come_ready(monkeypatch):
    drawn = X, _, weight, _ = problem(1, (300, 5), 2)
    asked = task(X, 2, tol=1e-12, **penalties(X, weight, 0.02, 1.0))
    without = folded(drawn, asked)
    monkeypatch.setattr(solving, "_FEW_ENTRIES", 2**21)
    assert_same(folded(drawn, asked), without, X)


def test_a_sample_that_knows_too_little_ends(monkeypatch):
    monkeypatch.setattr(module, "_SAMPLE_STEPS", 1)
    drawn = X, _, weight, _ = problem(1, (4000, 5), 2)
    asked = task(X, 2, tol=1e-12, **penalties(X, weight, 0.02, 1.0))
    fit = folded(drawn, asked, kind=Sampled)
    assert_same(fit, folded(drawn, asked), X)


def test_a_start_far_away_comes_back():
    """By shorter steps, and where none leads down the walk ends without a word."""
    drawn = X, _, weight, _ = problem(6, (200, 4), 2)
    spread = X.std(axis=0)[:, None]
    asked = task(X, 2, tol=1e-12, **penalties(X, weight, 0.01, 1.0))
    far = Task(**{**vars_of(asked), "start": (20.0 / spread, np.zeros(1))})
    assert_same(folded(drawn, far), folded(drawn, asked), X)
    source = CountedSource(Folds(*drawn))
    objective, _ = objective_of(source, source.fold(column_statistics), asked)
    walk = module.RowWalk(objective)
    here = walk.land(np.zeros(objective.size), np.arange(4))
    minimum = here.model.minimum(here.coef, here.v, here.gap)
    up = type(minimum)(here.coef - 3 * (minimum.coef - here.coef), minimum.change, minimum.v, 1.0)
    assert walk.follow(module.Ahead(here, up), anew=True) is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.RowWalk, "follow", lambda *_, **__: None)
        assert len(list(ProximalNewtonRows().iterates(objective, here.coef))) == 1


def vars_of(asked):
    return {name: getattr(asked, name) for name in asked.__slots__}


def test_steps_end_where_rounding_begins():
    drawn = X, _, weight, _ = problem(6, (200, 4), 2)
    asked = task(X, 2, tol=1e-300, **penalties(X, weight, 0.05, 1.0))
    source = CountedSource(Folds(*drawn))
    objective, _ = objective_of(source, source.fold(column_statistics), asked)
    found = list(ProximalNewtonRows().iterates(objective, np.zeros(objective.size)))
    assert 4 < len(found) < 30
    assert found[-1].estimate <= 1e-13 * objective.weight


@given(
    st.integers(0, 10**6), st.sampled_from([2, 3]), st.sampled_from([0.0, 1e-6, 0.1, 30.0]),
    st.sampled_from([1.0, 1e3]),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_a_moved_point_is_as_far_as_its_definition_says(seed, K, by, size):
    rng = np.random.default_rng(seed)
    loss, shape = (Binomial(), (6,)) if K == 2 else (Multinomial(), (6, K))
    margin, moved = size * rng.normal(size=shape), by * rng.normal(size=shape)
    there = margin + moved * rng.uniform(0.5, 1.5)
    move = loss.curvature_product(margin, moved)
    found, square = loss.divergence_beside(margin, move, there)

    def shares(m):
        m = np.column_stack([np.zeros(6), m]) if m.ndim == 1 else m
        m = m.astype(LD) - m.max(axis=1, keepdims=True)
        return np.exp(m) / np.exp(m).sum(axis=1, keepdims=True)

    both = np.column_stack([-move, move]) if K == 2 else move
    other, own = shares(margin) + both.astype(LD), shares(there)
    inside = (other > 1e-18).all(axis=1) & (own > 1e-300).all(axis=1)
    logs = np.log(np.where(inside[:, None], other / own, 1.0))
    exact = (other * logs - other + own).sum(axis=1)
    near = 1e-12 + 1e-9 * exact[inside].astype(float)
    assert (np.abs(found[inside] - exact[inside].astype(float)) <= near).all()
    outside = (other < -1e-15).any(axis=1)
    assert np.isinf(found[outside]).all()
    assert (square >= found * (1 - 1e-12)).all()


def test_shrunk_dual_points_are_bounded():
    """The bounds from sums are no less than the gap row by row, and not much more."""
    rng = np.random.default_rng(0)
    n, m = 50, 3
    for largest in (1e-3, 1.0, 5.0, 1e3):
        Z, y = rng.normal(size=(n, m)), rng.integers(0, 2, n)
        coef, weight = rng.normal(size=m), rng.uniform(0.5, 2.0, n)
        margin = Z @ coef
        losses = Binomial().value(margin, y)
        v = Z.T @ (weight * Binomial().slope(margin, y))
        penalty = Penalty(np.zeros(m), largest * rng.uniform(0.5, 1.0, m))
        sums = DualSums(weight.sum(), weight @ losses, odds=float(weight @ np.expm1(losses)))
        found = folded_gap(penalty, coef, v, sums, 0.0, np.zeros(m))
        exact = duality_gap(penalty, coef, v, losses, weight, 0.0, np.zeros(m))
        assert exact * (1 - 1e-12) <= found <= 3.0 * exact + 1e-12
    nowhere = DualSums(1.0, 1.0, math.inf)
    assert folded_gap(penalty, coef, v, nowhere, 0.0, np.zeros(m)) == math.inf
    assert folded_gap(penalty, coef, v, sums, 1.0, np.zeros(m)) == math.inf


def test_the_table_gives_it_what_has_no_columns():
    kinked = Problem(100, 3, 1, False, l1=True)
    assert choose("auto", kinked).name == "proximal-newton-rows"
    assert choose("auto", Problem(10**6, 3, 1, True, l1=True)).name == "proximal-newton-rows"
    with pytest.raises(ParameterError, match="max_iter=0 is not"):
        ProximalNewtonRows(max_iter=0)
    with pytest.raises(ParameterError, match="rows_a_column=0 is not"):
        ProximalNewtonRows(rows_a_column=0)
