"""Laws of the sums over rows: partition, weights, permutation, derivatives, dense = sparse."""

import mpmath
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from oddsmith.core.block import Block, CountedSource
from oddsmith.core.columns import Columns, Standardisation, column_statistics, standardise
from oddsmith.core.kernels import Design, Evaluate, Gram, HessianProduct, Line, Score
from oddsmith.core.loss import Binomial, Multinomial
from oddsmith.core.matrix import design_matrix
from oddsmith.core.objective import Objective
from oddsmith.data.memory import MemoryBlocks, memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.errors import ParameterError

LAYOUTS = ["dense", "fortran", "float32", "csr", "csc", "csr far from zero"]


def rows(seed: int, n: int, p: int, K: int, layout: str = "dense"):
    """Random rows of n x p and K classes, in a layout, as (X as float64, X as stored, y)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    if "cs" in layout:
        X *= rng.random((n, p)) < 0.5
    if "far" in layout:
        X[:, 0] = 1000.0 + np.round(X[:, 0] * 16) / 16
    if layout == "float32":
        X = X.astype(np.float32).astype(np.float64)
    stored = {
        "dense": lambda: X,
        "fortran": lambda: np.asfortranarray(X),
        "float32": lambda: X.astype(np.float32),
        "csr": lambda: sp.csr_array(X),
        "csc": lambda: sp.csc_array(X),
        "csr far from zero": lambda: sp.csr_array(X),
    }[layout]()
    return X, stored, rng.integers(0, K, n).astype(np.int8)


def objective_of(X, y, K, *, l2=0.7, intercept=True, weight=None, offset=None, rows=None, how=None):
    width = 1 if K == 2 else K
    blocks = memory_blocks(X, y, weight, offset, width)
    if rows is not None:
        blocks = MemoryBlocks(blocks.X, blocks.y, blocks.weight, blocks.offset, rows)
    source = Threads(blocks, n_jobs=1)
    columns = source.fold(column_statistics)
    if how is None:
        how = standardise(
            columns, intercept=intercept, ridge=l2 / columns.weight, sparse=sp.issparse(X)
        )
    return Objective(source, columns, K, Design(how, intercept), l2)


problems = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**6),
        "n": st.integers(1, 40),
        "p": st.integers(1, 5),
        "K": st.integers(2, 4),
        "layout": st.sampled_from(LAYOUTS),
        "intercept": st.booleans(),
        "l2": st.floats(0.01, 100.0),
    }
)


def drawn(problem, **options):
    """Objective and coefficients of a drawn problem, with weights and offsets."""
    seed, n, p, K = (problem[name] for name in ("seed", "n", "p", "K"))
    X, stored, y = rows(seed, n, p, K, problem["layout"])
    rng = np.random.default_rng(seed + 1)
    shape = (n,) if K == 2 else (n, K)
    objective = objective_of(
        stored,
        y,
        K,
        l2=problem["l2"],
        intercept=problem["intercept"],
        weight=rng.uniform(0, 3, n) * (rng.random(n) < 0.9) + 1e-3,
        offset=rng.normal(size=shape),
        **options,
    )
    return X, objective, rng.normal(size=objective.size)


@given(problems)
def test_derivatives_are_those_of_the_value(problem):
    """Central differences, with a penalty: error h^2 |f'''| / 6 plus rounding / h."""
    _, objective, coef = drawn(problem)
    moments = objective.evaluate(coef, 2)
    W, h = objective.weight, 1e-4
    for j in range(coef.size):
        step = np.zeros(coef.size)
        step[j] = h
        up, down = objective.evaluate(coef + step, 1), objective.evaluate(coef - step, 1)
        slope = (up.value - down.value) / (2 * h)
        curvature = (up.gradient - down.gradient) / (2 * h)
        tolerance = 1e-5 * (W + problem["l2"])
        assert abs(slope - moments.gradient[j]) <= tolerance
        assert np.abs(curvature - moments.hessian[j]).max() <= tolerance
        product = objective.hessian_product(coef, step)
        np.testing.assert_allclose(product, moments.hessian[j] * h, rtol=1e-9, atol=1e-12 * W)
    np.testing.assert_allclose(
        objective.hessian_diagonal(coef), np.diag(moments.hessian), rtol=1e-9, atol=1e-13 * W
    )
    assert objective.evaluate(coef, 0).value == pytest.approx(moments.value, rel=1e-13)
    assert (np.diag(moments.hessian) <= objective.curvature_bound * (1 + 1e-9) + 1e-9).all()
    largest = np.linalg.eigvalsh(moments.hessian)[-1]
    assert largest <= objective.lipschitz_bound * (1 + 1e-9)


@given(problems, st.integers(1, 17))
def test_any_partition_of_the_rows_has_the_same_sums(problem, size):
    """Results do not depend on the size of blocks (SPARK-59562 was a buffer reused)."""
    _, whole, coef = drawn(problem, rows=10**6)
    _, parts, _ = drawn(problem, rows=size, how=whole.design.standardisation)
    a, b = whole.evaluate(coef, 2), parts.evaluate(coef, 2)
    np.testing.assert_allclose(b.value, a.value, rtol=1e-12)
    scale = 1e-12 * (1 + whole.weight)
    np.testing.assert_allclose(b.gradient, a.gradient, rtol=1e-11, atol=scale)
    np.testing.assert_allclose(b.hessian, a.hessian, rtol=1e-11, atol=scale)
    np.testing.assert_allclose(parts.gram(), whole.gram(), rtol=1e-11, atol=scale)
    for name in ("mean", "spread", "low", "high"):
        np.testing.assert_allclose(
            getattr(parts.columns, name), getattr(whole.columns, name), rtol=1e-11, atol=1e-13
        )
    lengths = (1.0, 0.5)
    a, b = whole.along(coef, coef[::-1], lengths), parts.along(coef, coef[::-1], lengths)
    np.testing.assert_allclose(b.values, a.values, rtol=1e-12)
    np.testing.assert_allclose(b.divergence, a.divergence, rtol=1e-10)
    for name in ("reach", "lead", "widest"):
        np.testing.assert_allclose(getattr(b, name), getattr(a, name), rtol=1e-9, atol=1e-10)


@given(problems)
def test_every_layout_has_the_sums_of_its_dense_rows(problem):
    X, stored, coef = drawn(problem)
    dense = dict(problem, layout="dense")
    seed, n, p, K = (problem[name] for name in ("seed", "n", "p", "K"))
    _, _, y = rows(seed, n, p, K, problem["layout"])
    blocks = stored.source.blocks
    plain = objective_of(
        X,
        y,
        K,
        l2=dense["l2"],
        intercept=dense["intercept"],
        weight=blocks.weight,
        offset=blocks.offset,
        how=stored.design.standardisation,
    )
    a, b = plain.evaluate(coef, 2), stored.evaluate(coef, 2)
    np.testing.assert_allclose(b.value, a.value, rtol=1e-11)
    scale = 1e-10 * (1 + plain.weight)
    np.testing.assert_allclose(b.gradient, a.gradient, rtol=1e-9, atol=scale)
    np.testing.assert_allclose(b.hessian, a.hessian, rtol=1e-9, atol=scale)
    np.testing.assert_allclose(stored.columns.mean, plain.columns.mean, rtol=1e-12, atol=1e-14)
    # A spread of zero is found within the rounding of entries of a thousand.
    np.testing.assert_allclose(stored.columns.spread, plain.columns.spread, rtol=1e-9, atol=1e-12)


@given(problems)
def test_coordinates_change_nothing_but_coordinates(problem):
    """Standardised columns: the same value at the same user's coefficients, both ways."""
    _, objective, coef = drawn(problem)
    w, b = objective.to_user(coef)
    plain = objective.in_coordinates(Standardisation.none(problem["p"]))
    np.testing.assert_allclose(
        plain.evaluate(plain.from_user(w, b), 0).value, objective.evaluate(coef, 0).value, rtol=1e-9
    )
    np.testing.assert_allclose(objective.from_user(w, b), coef, rtol=1e-12, atol=1e-12)


@given(problems, st.integers(0, 3))
def test_a_weight_counts_rows(problem, times):
    """Weight k is the row k times, weight 0 the row left out, in every kernel."""
    seed, n, p, K = (problem[name] for name in ("seed", "n", "p", "K"))
    X, _, y = rows(seed, n, p, K)
    weight = np.ones(n)
    weight[0] = times
    again = np.repeat(np.arange(n), weight.astype(int))
    width = 1 if K == 2 else K
    coef = (
        np.random.default_rng(seed).normal(size=((p + 1), width)).squeeze(axis=1 if K == 2 else ())
    )
    design = Design(Standardisation.none(p), True)
    loss = Binomial() if K == 2 else Multinomial()
    zero = np.zeros((n,) if K == 2 else (n, K))
    weighted = Block(X, y, weight, zero)
    repeated = Block(X[again], y[again], np.ones(again.size), zero[again])
    kernels = [
        Evaluate(loss, design, coef, 2),
        HessianProduct(loss, design, coef, coef[::-1].copy()),
        Gram(design),
        Line(loss, design, coef, coef[::-1].copy(), (1.0,)),
        Score(loss, design, coef),
        *([column_statistics] if again.size else []),
    ]
    for kernel in kernels:
        a, b = kernel(weighted), kernel(repeated)
        for name in type(a).__dataclass_fields__:
            if name in ("low", "high"):  # entries of rows that do not count must be numbers too
                continue
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9, atol=1e-9)


@given(st.integers(0, 10**6), st.integers(2, 5), st.floats(0, 3))
def test_the_dual_point_and_its_divergence(seed, K, size):
    """Relative entropy of a - h t to a, from its definition in forty digits."""
    rng = np.random.default_rng(seed)
    margin, t = rng.normal(size=(1, K)) * 3, rng.normal(size=(1, K)) * size
    with mpmath.workdps(40):
        exps = [mpmath.exp(mpmath.mpf(m)) for m in margin[0].tolist()]
        a = [e / mpmath.fsum(exps) for e in exps]
        mean = mpmath.fsum(x * mpmath.mpf(s) for x, s in zip(a, t[0].tolist(), strict=True))
        dual = [x - x * (mpmath.mpf(s) - mean) for x, s in zip(a, t[0].tolist(), strict=True)]
        if min(dual) > 0:
            exact = mpmath.fsum(d * mpmath.log(d / x) for d, x in zip(dual, a, strict=True))
            ours = float(Multinomial().divergence(margin, t)[0])
            assert abs(ours - exact) <= 1e-11 * exact + 1e-30
        else:
            assert np.isinf(Multinomial().divergence(margin, t)[0])
    two = Binomial().divergence(margin[:, 0] - margin[:, 1], t[:, 0] - t[:, 1])
    softmax = Multinomial().divergence(margin[:, :2], t[:, :2])
    np.testing.assert_allclose(two, softmax, rtol=1e-9)


@given(st.integers(0, 10**6))
def test_two_classes_are_a_softmax_of_two_margins(seed):
    rng = np.random.default_rng(seed)
    margin, y, t = rng.normal(size=7) * 5, rng.integers(0, 2, 7), rng.normal(size=7)
    pair, pair_t = np.column_stack([0 * margin, margin]), np.column_stack([0 * t, t])
    one, many = Binomial(), Multinomial()
    np.testing.assert_allclose(one.value(margin, y), many.value(pair, y), rtol=1e-13)
    np.testing.assert_allclose(one.slope(margin, y), many.slope(pair, y)[:, 1], rtol=1e-13)
    np.testing.assert_allclose(
        one.curvature_product(margin, t), many.curvature_product(pair, pair_t)[:, 1], rtol=1e-12
    )
    for k, j, curvature in many.curvatures(pair):
        sign = 1.0 if k == j else -1.0
        np.testing.assert_allclose(curvature, sign * one.own_curvature(margin), rtol=1e-12)
    np.testing.assert_allclose(one.lead(margin, y), many.lead(pair, y))
    np.testing.assert_allclose(one.reach(t), many.reach(pair_t))


def test_losses_at_margins_of_a_thousand():
    margin, y = np.array([1e3, -1e3, 1e3, -1e3]), np.array([0, 0, 1, 1])
    assert Binomial().value(margin, y).tolist() == [1e3, 0.0, 0.0, 1e3]
    pair = np.column_stack([0 * margin, margin])
    assert Multinomial().value(pair, y).tolist() == [1e3, 0.0, 0.0, 1e3]
    assert np.isfinite(Binomial().slope(margin, y)).all()
    assert np.isfinite(Multinomial().slope(pair, y)).all()


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(-300, 300), st.integers(-40, 40), st.booleans())
def test_statistics_of_a_scaled_and_shifted_column(seed, exponent, shift, sparse):
    """Powers of two and shifts by whole numbers are exact, so the statistics must follow."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(50, 1)) * 1024) / 1024
    far = x + shift * 2.0**20
    far = far * 2.0 ** (3 * exponent // 2) if abs(exponent) < 200 else far * 2.0**exponent
    scale = 2.0 ** (3 * exponent // 2) if abs(exponent) < 200 else 2.0**exponent
    blocks = memory_blocks(sp.csr_array(far) if sparse else far, np.zeros(50, np.int8))
    columns = column_statistics(blocks[0])
    np.testing.assert_allclose(columns.spread / scale, x.std(axis=0), rtol=1e-7)
    np.testing.assert_allclose(columns.mean / scale, far.mean(axis=0) / scale, rtol=1e-13)


def test_statistics_at_the_ends_of_the_floats():
    huge = np.array([[1.7e308, 5e-324], [-1.7e308, 1e-323]])
    columns = column_statistics(memory_blocks(huge, np.zeros(2, np.int8))[0])
    assert columns.finite
    np.testing.assert_allclose(columns.spread[0], 1.7e308)
    assert 0 < columns.spread[1] < 1e-322
    Z = design_matrix(huge, standardise(columns, intercept=True, ridge=0.0, sparse=False), True).Z
    assert np.isfinite(Z).all()
    np.testing.assert_allclose(np.abs(Z[:, 0]), 1.7e308 / 2.0**1021)


def test_nothing_is_read_twice_without_being_counted():
    source = CountedSource(Threads(memory_blocks(np.eye(3), np.zeros(3, np.int8)), n_jobs=1))
    assert (source.n_rows, source.n_features, source.passes) == (3, 3, 0)
    source.fold(column_statistics)
    source.fold(column_statistics)
    assert source.passes == 2


def test_columns_without_weight_merge():
    empty = Columns(0.0, np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1))
    assert (empty + empty).weight == 0.0
    block = Block(np.array([[3.0]]), np.array([0]), np.array([0.0]), np.zeros(1))
    assert column_statistics(block).spread.tolist() == [0.0]


@pytest.mark.parametrize("n_jobs", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [1, 63, 64, 65, 64 * 40 + 1])
def test_threads_fold_every_row_once_in_order(n, n_jobs):
    blocks = MemoryBlocks(
        np.arange(n, dtype=float)[:, None],
        np.zeros(n, np.int8),
        np.broadcast_to(1.0, n),
        np.zeros(n),
        64,
    )

    class Seen(list):
        def __add__(self, other):
            return Seen([*self, *other])

    with Threads(blocks, n_jobs) as source:
        assert source.fold(lambda block: Seen(block.X[:, 0].tolist())) == list(range(n))


def test_threads_raise_what_a_kernel_raises():
    def broken(block):
        raise ZeroDivisionError

    blocks = MemoryBlocks(np.zeros((9, 1)), np.zeros(9, np.int8), np.ones(9), np.zeros(9), 2)
    with Threads(blocks, 2) as source, pytest.raises(ZeroDivisionError):
        source.fold(broken)


@pytest.mark.parametrize("n_jobs", [0, 1.5, "2", True])
def test_numbers_of_threads_that_cannot_be(n_jobs):
    with pytest.raises(ParameterError, match="n_jobs"):
        Threads(memory_blocks(np.zeros((1, 1)), np.zeros(1, np.int8)), n_jobs)
