"""The law of the compiled kernels for sparse rows: what they say is what the plain ones say.

Plain kernels are given the same rows written out, zeros and all. Tolerances are those of
`test_compiled`.
"""

import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_compiled import ULP, UNDERFLOW, Walk, flat, problem, sizes
from test_solvers import fitted

from oddsmith.core import fused_sparse
from oddsmith.core.columns import Standardisation, column_statistics
from oddsmith.core.compiled import COMPILED
from oddsmith.core.kernels import PLAIN, Design, HessianDiagonal
from oddsmith.data.memory import MemoryBlocks, memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.solvers import LBFGS, NewtonCG


@dataclass(frozen=True)
class Pair:
    """The same rows written out and sparse."""

    dense: Walk
    sparse: Walk


def pair(seed, n, p, K=2, *, density=0.3, index=np.int32, full=0, **how):
    """Random sparse rows, the first `full` columns without a zero."""
    walk = problem(seed, n, p, K, **how)
    rng = np.random.default_rng(seed + 1)
    kept = rng.random((n, p)) < density * rng.random(p)
    kept[:, :full] = True
    X = np.where(kept, walk.block.X, 0).astype(walk.block.X.dtype)
    csr = sp.csr_array(X)
    csr.indices, csr.indptr = csr.indices.astype(index), csr.indptr.astype(index)
    design = Design(Standardisation(np.zeros(p), walk.design.standardisation.scale), True)
    design = replace(design, intercept=walk.design.intercept)
    walk = replace(walk, design=design)
    return Pair(
        replace(walk, block=replace(walk.block, X=X)),
        replace(walk, block=replace(walk.block, X=csr)),
    )


def sums_of(walk, of):
    with np.errstate(all="ignore"):
        found = walk.sums(of, order=1)
        diagonal = of.hessian_diagonal(walk.loss, walk.design, walk.coef)
        return {**found, "diagonal": diagonal(walk.block)}


def assert_equal_but_for_rounding(rows):
    walk = rows.dense
    with np.errstate(all="ignore"):
        size = sizes(walk, order=2)
    plain, fast = sums_of(walk, PLAIN), sums_of(rows.sparse, COMPILED)
    n, p = walk.block.X.shape
    tolerance = ULP * (8.0 + np.sqrt(n + p))
    unit = min(float(walk.design.standardisation.scale.min()), 1.0)
    lost = n * max(float(walk.block.weight.max()), 1.0) * UNDERFLOW / unit**2
    for name, sums in plain.items():
        other = flat(fast[name])
        for field, exact in flat(sums).items():
            ours, room = other[field], size[field]
            if name == "diagonal":
                room = np.diag(size["hessian"])
            assert ours.shape == exact.shape, (name, field)
            known = np.isfinite(exact)
            assert (np.isfinite(ours) == known).all(), (name, field)
            room = np.broadcast_to(room, exact.shape)[known] if exact.size else 0.0
            error = np.abs(ours[known] - exact[known])
            assert (error <= tolerance * room + lost).all(), (name, field)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 200),
    p=st.integers(1, 30),
    K=st.integers(2, 4),
    density=st.sampled_from([0.0, 0.1, 1.0, 2.0]),
    index=st.sampled_from([np.int32, np.int64]),
    full=st.integers(0, 2),
    dtype=st.sampled_from([np.float64, np.float32]),
    weights=st.sampled_from([None, "some", "huge", "wide"]),
    offset=st.booleans(),
    intercept=st.booleans(),
    scale=st.sampled_from([0, 3, 40]),
    margin=st.sampled_from([0.0, 1.0, 50.0]),
)
@example(
    seed=0,
    n=130,
    p=3,
    K=2,
    density=1.0,
    index=np.int32,
    full=0,
    dtype=np.float64,
    weights=None,
    offset=True,
    intercept=True,
    scale=0,
    margin=1.0,
)
@example(
    seed=0,
    n=130,
    p=3,
    K=3,
    density=1.0,
    index=np.int64,
    full=1,
    dtype=np.float32,
    weights="some",
    offset=True,
    intercept=True,
    scale=3,
    margin=1.0,
)
def test_the_law(seed, n, p, K, density, index, full, **how):
    assert_equal_but_for_rounding(
        pair(seed, n, p, K, density=density, index=index, full=full, **how)
    )


@pytest.mark.parametrize("K", [2, 3])
def test_many_rows_and_columns(K):
    assert_equal_but_for_rounding(pair(1, 9000, 40, K, density=0.1, weights="some", offset=True))


@pytest.mark.parametrize("K", [2, 3])
def test_entries_that_are_stored_twice_or_in_any_order(K):
    """The sum of what is stored twice is the entry; squares are those of the sum."""
    rows = pair(2, 50, 6, K)
    X = rows.sparse.block.X
    row = np.repeat(np.arange(50), np.diff(X.indptr))
    order = np.lexsort((np.random.default_rng(0).random(2 * X.nnz), np.tile(row, 2)))
    data = np.concatenate([0.25 * X.data, 0.75 * X.data])[order]
    twice = sp.csr_array((data, np.tile(X.indices, 2)[order], 2 * X.indptr), shape=X.shape)
    assert not twice.has_canonical_format
    block = replace(rows.sparse.block, X=twice)
    assert_equal_but_for_rounding(Pair(rows.dense, replace(rows.sparse, block=block)))


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308])
@pytest.mark.parametrize("where", ["X", "coef", "offset", "direction"])
def test_no_sum_is_silently_finite(bad, where, K):
    rows = pair(3, 130, 5, K, offset=True, full=5)
    for row in (0, 66, 129):
        walks = []
        for walk in (rows.dense, rows.sparse):
            X, offset = walk.block.X.copy(), walk.block.offset.copy()
            coef, direction = 10.0 * walk.coef, walk.direction.copy()
            place = {"X": X, "coef": coef, "offset": offset, "direction": direction}[where]
            place[(row if where in ("X", "offset") else 2, *([1] * (place.ndim - 1)))] = bad
            block = replace(walk.block, X=X, offset=offset)
            walks.append(Walk(block, walk.design, coef, direction))
        plain, fast = sums_of(walks[0], PLAIN), sums_of(walks[1], COMPILED)
        for name, sums in plain.items():
            for field, exact in flat(sums).items():
                if field in ("reach", "lead", "widest"):  # extremes, not sums
                    continue
                known = np.isfinite(exact).all() or not np.isfinite(flat(fast[name])[field]).all()
                assert known, (name, field, row)


@pytest.mark.parametrize("weights", [None, "wide"])
@pytest.mark.parametrize("holes", [False, True])
def test_statistics_of_any_column_there_may_be(weights, holes):
    rng = np.random.default_rng(0)
    columns = {
        "constant": np.full(200, 3.3),
        "zero": np.zeros(200),
        "shifted": rng.normal(size=200) + 1e8,
        "nearly constant": 1.0 + 1e-9 * rng.normal(size=200),
        "huge": rng.normal(size=200) * 1e300,
        "tiny": rng.normal(size=200) * 1e-300,
        "denormal": rng.integers(0, 3, 200) * 5e-324,
        "NaN": np.where(np.arange(200) == 150, np.nan, 1.0),
        "all NaN": np.full(200, np.nan),
        "inf": np.where(np.arange(200) == 150, np.inf, 1.0),
    }
    walk = problem(0, 200, 1, weights=weights)
    for name, column in columns.items():
        X = np.column_stack([rng.normal(size=200), column])
        X[:: 7 if holes else 200] = 0.0
        dense, sparse = (replace(walk.block, X=rows) for rows in (X, sp.csr_array(X)))
        with np.errstate(all="ignore"):
            exact, ours = column_statistics(dense), COMPILED.columns(sparse)
        assert ours.finite == exact.finite, name
        if not exact.finite:
            continue
        assert (ours.constant == exact.constant).all(), name
        np.testing.assert_array_equal(ours.low, exact.low)
        np.testing.assert_array_equal(ours.high, exact.high)
        np.testing.assert_allclose(ours.mean, exact.mean, rtol=1e-12, atol=1e-13)
        # The weight of the zeros that are not stored is a difference of two sums.
        far = 8 * (np.sqrt(ULP) if weights else ULP) * np.abs(exact.mean)
        assert (np.abs(ours.spread - exact.spread) <= 1e-11 * exact.spread + far).all(), name


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("case", ["scale", "centred", "big-endian"])
def test_what_is_not_compiled_is_left_to_the_plain_kernels(monkeypatch, case, K):
    for name in fused_sparse.__all__:
        monkeypatch.setattr(fused_sparse, name, None)
    rows = pair(0, 50, 3, K)
    scale, center = np.ones(3), np.zeros(3)
    if case == "scale":
        scale = np.array([1.0, 2.0**301, 2.0**-301])
    elif case == "centred":
        center[1] = 5.0
    else:
        rows.sparse.block.X.data = rows.sparse.block.X.data.astype(">f8")
    walk = replace(rows.sparse, design=Design(Standardisation(center, scale), True))
    plain, fast = walk.kernels(PLAIN), walk.kernels(COMPILED)
    diagonal = COMPILED.hessian_diagonal(walk.loss, walk.design, walk.coef)
    with np.errstate(all="ignore"):
        for name in plain.keys() - {"columns"}:
            exact = flat(plain[name](walk.block))
            for field, ours in flat(fast[name](walk.block)).items():
                np.testing.assert_array_equal(ours, exact[field])
        exact = HessianDiagonal(walk.loss, walk.design, walk.coef)(walk.block)
        np.testing.assert_array_equal(diagonal(walk.block).vector, exact.vector)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("zeros", [False, True])
def test_the_bits_do_not_depend_on_the_number_of_threads(K, zeros):
    walk = pair(0, 5003, 7, K, weights="some" if zeros else None, offset=True).sparse
    block = walk.block
    blocks = MemoryBlocks(block.X, block.y, block.weight, block.offset, rows=64)
    for name, kernel in walk.kernels(COMPILED, order=1).items():
        folded = []
        for n_jobs in (1, 2, 3):
            with Threads(blocks, n_jobs) as source:
                folded.append({k: v.tobytes() for k, v in flat(source.fold(kernel)).items()})
        assert folded[0] == folded[1] == folded[2], name


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("writeable", [False, True])
def test_rows_are_neither_changed_nor_copied(K, writeable):
    rng = np.random.default_rng(0)
    n, p, each = 60_000, 500, 40
    indices = np.sort(rng.random((n, p)).argpartition(each, axis=1)[:, :each], axis=1)
    X = sp.csr_array((n, p))
    X.data, X.indices = rng.normal(size=n * each), indices.ravel().astype(np.int32)
    X.indptr = np.arange(n + 1, dtype=np.int32) * each
    X.data.flags.writeable = X.indices.flags.writeable = writeable
    before = X.data.tobytes()
    walk = problem(0, 2, p, K)
    y = rng.integers(0, K, n).astype(np.int8)
    with Threads(memory_blocks(X, y, width=1 if K == 2 else K), 1) as source:
        for name, kernel in walk.kernels(COMPILED, order=1).items():
            source.fold(kernel)  # compiling takes memory of its own
            tracemalloc.start()
            source.fold(kernel)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 5e6 < X.data.nbytes, name
    assert X.data.tobytes() == before


HARD = {
    "plain": {},
    "unpenalised": {"l2": 0.0},
    "weakly penalised": {"l2": 1e-6},
    "no intercept": {"intercept": False},
    "a column of ones": {"ones": True},
    "scaled": {"unit": 1e3},
}


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("kind", HARD)
def test_a_fit_of_sparse_rows_is_that_of_the_same_rows_written_out(monkeypatch, kind, K):
    how = {"l2": 1.0, "intercept": True, "ones": False, "unit": 1.0} | HARD[kind]
    rng = np.random.default_rng(2)
    X = np.where(rng.random((600, 8)) < 0.4, rng.normal(size=(600, 8)) + 1.0, 0.0)
    X[:, 0] *= how["unit"]
    if how["ones"]:
        X[:, 1] = 1.0
    y = (X / X.std(axis=0).clip(1e-3) @ rng.normal(size=(8, K)) + rng.gumbel(size=(600, K))).argmax(
        1
    )
    options = {"tol": 1e-14}
    exact = fitted(X, y, "newton-cholesky", K, how["l2"], how["intercept"], **options)
    monkeypatch.setattr("oddsmith.solvers.choose._MANY_PRODUCTS", 0)
    for solver in (LBFGS(), NewtonCG()):
        ours = fitted(sp.csr_array(X), y, solver, K, how["l2"], how["intercept"], **options)
        assert ours.converged
        assert ours.objective == pytest.approx(exact.objective, rel=1e-13)
