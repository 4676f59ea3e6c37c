"""L1 fits at the edges: rows stored oddly, columns that say nothing, sources that give no columns.

Where nothing in the user's reach comes to an edge, the part is asked by itself.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from test_proximal_newton import assert_minimum, rows

from oddsmith import LogisticRegression, ParameterError, regularization_path
from oddsmith.core import descent, fused_descent
from oddsmith.core.block import CountedSource
from oddsmith.core.columns import column_statistics, standardise
from oddsmith.core.kernels import Design
from oddsmith.core.objective import Objective
from oddsmith.core.penalty import Penalty
from oddsmith.data.memory import memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.solvers import proximal_newton, working_set
from oddsmith.solvers.active_set import ActiveSet
from oddsmith.solvers.coordinate_descent import CoordinateDescent
from oddsmith.solvers.duality_gap import duality_gap
from oddsmith.solvers.proximal_newton import ProximalNewton


class OnlyRows:
    """A source that folds over its rows and can do nothing else."""

    def __init__(self, block):
        self.block = block
        self.n_rows, self.n_features = block.X.shape

    def fold(self, kernel):
        return kernel(self.block)


def objective_of(X, y, l1, source=None, offset=None):
    if source is None:
        source = Threads(memory_blocks(X, y.astype(np.int8), None, offset), 1)
    columns = source.fold(column_statistics)
    how = standardise(columns, intercept=True, ridge=0.0, sparse=sp.issparse(X))
    return Objective(source, columns, 2, Design(how, True), 0.0, l1)


def stored_twice(X, kind, seed):
    """Each entry of X in two parts, in any order within its row or column."""
    rng = np.random.default_rng(seed)
    row, column = np.nonzero(X)
    part = rng.uniform(-1.0, 2.0, row.size)
    values = np.concatenate([part, X[row, column] - part])
    by_row = kind is sp.csr_array
    major, minor = (np.tile(at, 2) for at in ((row, column) if by_row else (column, row)))
    order = rng.permutation(values.size)
    order = order[np.argsort(major[order], kind="stable")]
    ends = np.searchsorted(major[order], np.arange(X.shape[0 if by_row else 1] + 1))
    twice = kind((values[order], minor[order], ends), shape=X.shape)
    assert twice.nnz == 2 * row.size
    assert not twice.has_canonical_format
    return twice


@given(
    st.integers(0, 10**6), st.sampled_from([2, 3]), st.sampled_from([sp.csr_array, sp.csc_array])
)
@settings(max_examples=15, deadline=None)
def test_entries_stored_twice_and_out_of_order_are_their_sums(seed, K, kind):
    X, y = rows(seed, 60, 6, K)
    X[np.abs(X) < 0.5] = 0.0
    twice = stored_twice(X, kind, seed)
    entries = twice.nnz
    once, other = (
        LogisticRegression(C=0.5, l1_ratio=1.0).fit(given_rows, y)
        for given_rows in (kind(X), twice)
    )
    assert other.converged_
    assert_minimum(other, X, y, 0.5, 1.0)
    np.testing.assert_allclose(other.coef_, once.coef_, atol=1e-7)
    assert twice.nnz == entries  # the user's own matrix is as it was


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_the_hessian_of_entries_stored_twice_is_that_of_their_sums(seed):
    """Columns in ascending order, each once, are what its loops rely on."""
    X, y = rows(seed, 60, 6)
    X[np.abs(X) < 0.5] = 0.0
    curvature = np.random.default_rng(seed).uniform(0.0, 0.25, y.size)
    hessians = []
    for given_rows in (X, stored_twice(X, sp.csr_array, seed)):
        objective = objective_of(given_rows, y, 1.0)
        working = CoordinateDescent(objective).working
        working.add(np.arange(6))
        working.refresh([(0, 0, curvature)], np.zeros(objective.size))
        hessians.append(working.hessian[:7, :7])
    np.testing.assert_allclose(hessians[1], hessians[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize(("at", "tol"), [(1e4, 1e-11), (1e8, 1e-11)])
def test_sparse_columns_far_from_zero_are_those_of_dense_rows(K, at, tol):
    X, y = rows(1, 200, 4, K)
    X[:, 1][np.abs(X[:, 1]) < 0.5] = 0.0
    X[:, [0, 2]] += [at, -at]
    for parameters in ({"C": 0.05}, {"C": 1.0}):
        dense, sparse = (
            LogisticRegression(l1_ratio=1.0, tol=tol, **parameters).fit(given_rows, y)
            for given_rows in (X, sp.csr_array(X))
        )
        np.testing.assert_allclose(sparse.coef_, dense.coef_, atol=1e-7)
        np.testing.assert_array_equal(sparse.coef_ == 0, dense.coef_ == 0)
        np.testing.assert_allclose(sparse.intercept_, dense.intercept_, rtol=1e-7)


def test_an_entry_that_is_missing_from_a_column_far_from_zero_is_a_zero():
    """One zero among 3000 entries near 40: it is moved with the others."""
    X, y = rows(2, 3000, 3)
    X[:, 0] = 40.0 + 0.5 * X[:, 0]
    X[7, 0] = 0.0
    given_rows = sp.csr_array(X)
    assert given_rows.nnz == X.size - 1
    columns = column_statistics(memory_blocks(given_rows, y.astype(np.int8))[0])
    assert standardise(columns, intercept=True, ridge=0.0, sparse=True).center[0] > 0
    sparse = LogisticRegression(C=0.05, l1_ratio=1.0).fit(given_rows, y)
    assert sparse.coef_[0, 0] != 0
    assert_minimum(sparse, X, y, 0.05, 1.0, tol=1e-8)
    dense = LogisticRegression(C=0.05, l1_ratio=1.0).fit(X, y)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, atol=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_column_of_zeros_that_is_not_penalised_stays_at_zero(sparse):
    X, y = rows(3, 80, 4)
    without = LogisticRegression(C=0.5, l1_ratio=1.0).fit(X, y)
    X = np.insert(X, 1, 0.0, axis=1)
    given_rows = sp.csr_array(X) if sparse else X
    model = LogisticRegression(C=0.5, l1_ratio=1.0, penalty_factors=[1, 0, 1, 1, 1])
    model.fit(given_rows, y)
    assert model.converged_
    assert model.coef_[0, 1] == 0.0
    np.testing.assert_allclose(np.delete(model.coef_, 1, axis=1), without.coef_, atol=1e-6)


@pytest.mark.parametrize("module", [descent, fused_descent])
def test_descent_passes_over_what_has_no_curvature(module):
    """Neither an unpenalised slope nor a NaN comes of a division by 0; the others still move."""
    H = np.diag(np.array([2.0, 0.0, 1.0], dtype=np.float32))
    q, u, free = np.array([4.0, -3.0, 1.0]), np.array([0.0, 5.0, 0.0]), np.full(3, np.inf)
    worst = module.descend(H, q, u, np.zeros(3), -free, free, 5, 0.0)
    np.testing.assert_allclose(u, [-2.0, 5.0, -1.0])
    np.testing.assert_allclose(q, [0.0, -3.0, 0.0])
    assert worst == 0.0


def test_a_coordinate_without_curvature_that_joins_a_set_does_not_move():
    """The Schur complement is singular: the equations are solved for the rest."""
    active_set = ActiveSet(np.diag(np.array([2.0, 0.0, 4.0], dtype=np.float32)), np.array([0]))
    assert active_set.change_to(np.array([0, 1, 2]))
    np.testing.assert_allclose(active_set.solve(np.array([4.0, 3.0, 8.0])), [2, 0, 2], rtol=1e-5)


@given(
    st.integers(0, 10**6), st.integers(2, 12), st.sampled_from([3e-4, 3e-3, 0.03, 0.3, 3.0, 100.0])
)
@settings(max_examples=40, deadline=None)
def test_an_indefinite_hessian_is_lifted_by_the_least_ridge_that_will_do(seed, m, lost):
    """Rounding can make it so. Where no ridge will do it is the diagonal, twice."""
    rng = np.random.default_rng(seed)
    H = np.full((m, m), -(1.0 + lost) / (m - 1))  # its least eigenvalue is -lost
    np.fill_diagonal(H, 1.0)
    ridges = [ridge for ridge in (1e-3, 1e-2, 0.1, 1.0) if ridge > lost]
    lifted = H + ridges[0] * np.eye(m) if ridges else 2.0 * np.eye(m)
    scale = rng.choice([-1.0, 1.0], m) * 10.0 ** rng.uniform(-2, 2, m)
    active_set = ActiveSet((H * np.outer(scale, scale)).astype(np.float32), np.arange(m))
    for right in rng.normal(size=(3, m)):
        exact = np.linalg.solve(lifted, right)
        step = active_set.solve(right * scale) * scale
        np.testing.assert_allclose(step, exact, atol=0.01 * np.abs(exact).max())


@pytest.mark.parametrize("anew", [False, True])
def test_a_step_that_only_rises_is_not_taken(anew):
    """From beyond the intercept's minimum, away from it."""
    X, y = rows(4, 100, 3)
    walk = CoordinateDescent(objective_of(X, y, 1.0))
    own = walk.objective.penalty.at(walk.working.ids)
    here, _ = walk.centred(own)
    u, margin = walk.u + 1.0, here.margin + 1.0
    walk.u, walk.margin = u, margin
    walked = walk._walk(walk.at(margin), own, u + 50.0, anew)
    assert walked.shortened
    assert walked.length > 50.0
    np.testing.assert_array_equal(walk.u, u)
    np.testing.assert_array_equal(walk.margin, margin)
    walked = walk._walk(walk.at(margin), own, u - 1.0, anew)
    assert not walked.shortened  # and towards it, whole
    np.testing.assert_array_equal(walked.there.margin, walk.margin)
    np.testing.assert_allclose(walk.margin, here.margin, atol=1e-14)


@pytest.mark.parametrize("shift", [100.0, -150.0])
def test_an_offset_of_all_rows_is_the_intercept_s(shift):
    """So far that the intercept does not come home in one go: no step is longer than 2."""
    X, y = rows(5, 120, 5)
    near = regularization_path(X, y, n_lambdas=6)
    far = regularization_path(X, y, n_lambdas=6, offset=np.full(y.size, shift))
    np.testing.assert_allclose(far.lambdas, near.lambdas, rtol=1e-9)
    np.testing.assert_allclose(far.coefs, near.coefs, atol=1e-5)
    np.testing.assert_allclose(far.intercepts + shift, near.intercepts, atol=1e-5)
    assert far.gaps.max() <= 1e-9


def test_what_an_intercept_has_not_made_up_for_is_told():
    """A walk of 30 steps of 2 at the most ends 40 short of home, where nothing is proved."""
    X, y = rows(5, 120, 5)
    objective = objective_of(X, y, 1.0, offset=np.full(y.size, 100.0))
    walk = CoordinateDescent(objective)
    own = objective.penalty.at(walk.working.ids)
    here, left = walk.centred(own)
    np.testing.assert_allclose(walk.u, [-60.0])
    assert left > y.size
    v, zeros = walk.pull([here.slope])[0], np.zeros(objective.size)
    sizes = objective.column_sizes
    gap = duality_gap(objective.penalty, zeros, v, here.losses, walk.weight, left, sizes)
    assert gap == np.inf
    here, left = walk.centred(own)
    assert left < 1e-20 * y.size
    assert here.slope.sum() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("K", [2, 3])
def test_a_large_penalty_takes_all_coefficients_of_a_warm_start_back_to_zero(K):
    """Without an intercept nothing is left to move."""
    X, y = rows(6, 80, 5, K)
    model = LogisticRegression(C=1.0, l1_ratio=1.0, fit_intercept=False, warm_start=True)
    assert (model.fit(X, y).coef_ != 0).any()
    model.set_params(C=1e-4).fit(X, y)
    assert model.converged_
    assert (model.coef_ == 0).all()
    assert model.objective_ == pytest.approx(np.log(K), abs=1e-14)


@pytest.mark.filterwarnings("ignore::oddsmith.ConvergenceWarning")
@pytest.mark.parametrize("size", [1e150, 1e300])
def test_a_column_of_any_size_leaves_stages_for_the_others(size):
    X, y = rows(3, 80, 4)
    scales = np.array([size, 1.0, 1.0, 1.0])
    model = LogisticRegression(C=1.0, l1_ratio=1.0).fit(X * scales, y)
    same = LogisticRegression(C=1.0, l1_ratio=1.0, penalty_factors=[0.0, 1.0, 1.0, 1.0]).fit(X, y)
    np.testing.assert_allclose(model.coef_ * scales, same.coef_, atol=1e-7)


def test_more_columns_than_may_join_at_once_are_all_found():
    X, y = rows(7, 60, 1500)
    model = LogisticRegression(C=2.0, l1_ratio=0.05).fit(X, y)
    assert (model.coef_ != 0).sum() > proximal_newton._FEWEST
    assert model.converged_
    assert_minimum(model, X, y, 2.0, 0.05)


@given(st.integers(0, 10**6), st.floats(0.1, 3.0), st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_most_urgent_columns_join_first(seed, stage, sparse):
    """Urgency is the gradient relative to the column's own penalty."""
    rng = np.random.default_rng(seed)
    size, own = 3000, np.arange(0, 3000, 3)
    penalty = Penalty(np.zeros(size), rng.uniform(0.5, 2.0, size))
    u = np.where(rng.random(own.size) < 0.2, 1.0, 0.0)
    columns = SimpleNamespace(able=sparse)
    walk = SimpleNamespace(working=SimpleNamespace(ids=own), columns=columns, u=u)
    v = rng.normal(size=size) * 5.0
    joins = proximal_newton._lacking(walk, penalty, v, stage)
    urgency = np.abs(v) / penalty.l1
    rest = np.setdiff1d(np.flatnonzero(urgency > stage), own)
    assert (np.diff(joins) > 0).all()
    assert np.isin(joins, rest).all()
    fewest = proximal_newton._FEWEST_SPARSE if sparse else proximal_newton._FEWEST
    most = max(fewest, proximal_newton._GROWTH * int(u.sum()))
    assert joins.size == min(most, rest.size)
    assert urgency[joins].min() >= urgency[np.setdiff1d(rest, joins)].max(initial=0.0)


def test_what_is_proved_near_by_is_about_the_columns_of_the_walk():
    X, y = rows(8, 120, 6)
    X[:, 2] = 0.0  # never joins
    objective = objective_of(X, y, 8.0)
    *_, end = ProximalNewton().iterates(objective, np.zeros(objective.size))
    assert end.nearby(end.coef).gap <= 1e-11 * y.size
    moved = end.coef * 1.01
    proof = end.nearby(moved)
    value = objective.evaluate(moved, 0).value
    assert proof.moments.value == pytest.approx(value, rel=1e-13)
    assert proof.gap >= value - end.value > 1e-6
    elsewhere = end.coef.copy()
    elsewhere[2] = 0.1
    assert end.nearby(elsewhere) is None


def test_a_source_that_gives_no_columns_is_refused_by_name():
    X, y = rows(9, 30, 2)
    source = OnlyRows(memory_blocks(X, y.astype(np.int8))[0])
    objective = objective_of(X, y, 1.0, source)
    with pytest.raises(ParameterError, match="solver='proximal-newton' needs rows in memory"):
        next(ProximalNewton().iterates(objective, np.zeros(objective.size)))


@pytest.mark.parametrize("by_column", [True, False])
def test_work_is_done_once_for_each_part_and_is_no_pass(by_column):
    X, y = rows(9, 30, 2)
    blocks = memory_blocks(X, y.astype(np.int8))
    source = CountedSource(Threads(blocks, 1) if by_column else OnlyRows(blocks[0]))
    assert source.by_column == by_column
    done = []
    source.spread(done.append, [3, 1, 2])
    assert done == [3, 1, 2]
    assert source.passes == 0


def test_a_set_that_outgrows_float64_has_a_hessian_in_float32_again(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    walk = CoordinateDescent(objective_of(X, (X[:, 0] > 0).astype(int), 1.0))
    walk.add(np.setdiff1d(np.arange(5), walk.working.ids))
    working, bend, ridge = walk.working, rng.random(60), np.zeros(5)
    assert working.sharpen()
    working.refresh([(0, 0, bend)], ridge)
    fine = working.hessian[:5, :5].copy()
    assert fine.dtype == np.float64
    monkeypatch.setattr(working_set, "_MOST_PRECISE", 0)
    working.refresh([(0, 0, bend)], ridge)
    assert working.hessian.dtype == np.float32
    assert not working.precise
    lower = np.tril(working.hessian[:5, :5])
    np.testing.assert_allclose(lower, np.tril(fine), rtol=1e-5, atol=1e-4)
