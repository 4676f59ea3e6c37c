"""L-BFGS with a sampled start and metric: the optimum is that of all rows, and so is the proof."""

from itertools import islice

import mpmath
import numpy as np
import pytest
import scipy.linalg as la
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import LD, Problem, minimum, objective
from test_core_laws import objective_of, rows
from test_solvers import fitted

from oddsmith.core.block import CountedSource
from oddsmith.core.certificate import certificate_by_curvature
from oddsmith.core.columns import Standardisation, column_statistics
from oddsmith.core.kernels import Design
from oddsmith.data.memory import MemoryBlocks, memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.errors import ParameterError
from oddsmith.solvers import Newton
from oddsmith.solvers.choose import Problem as Choice
from oddsmith.solvers.choose import choose
from oddsmith.solvers.lbfgs import quasi_newton
from oddsmith.solvers.minimise import Task, minimise
from oddsmith.solvers.sampled import SampledLBFGS, _metric

# So few rows a column that some thousand rows have a sample, and that a sample of its own.
SMALL = SampledLBFGS(rows_a_column=50)


def drawn(kind, n=4000, p=4):
    """Overlapping classes: (X, y, K, options of a fit, size of the columns)."""
    K = 3 if "multinomial" in kind else 2
    rng = np.random.default_rng(5)
    X, truth = rng.normal(size=(n, p)), rng.normal(size=(p, K))
    if "correlated" in kind:
        X[:, 1:] = 0.95 * X[:, :1] + np.sqrt(1 - 0.95**2) * X[:, 1:]
    margin = X @ truth + (np.array([8.0] + [0.0] * (K - 1)) if "imbalanced" in kind else 0.0)
    y = (margin + 2 * rng.gumbel(size=(n, K))).argmax(axis=1)
    unit, options = np.ones(p), {"l2": 0.0 if "unpenalised" in kind else 1.0}
    if "scaled" in kind:
        unit = 10.0 ** np.linspace(-3, 3, p)
    X = X * unit
    if "shifted" in kind:
        X = X + 1e8 * unit
    if "sorted" in kind:
        order = np.argsort(y, kind="stable")
        X, y = X[order], y[order]
    if "periodic" in kind:
        X = X[np.arange(n) % 40]
        y[:40] = np.arange(40) % K
    if "no intercept" in kind:
        options["intercept"] = False
    if "weighted" in kind:
        options["weight"] = rng.exponential(size=n) * (rng.random(n) < 0.8)
    if "offset" in kind:
        options["offset"] = rng.normal(size=n if K == 2 else (n, K))
    if "float32" in kind:
        X = X.astype(np.float32)
    if "Fortran" in kind:
        X = np.asfortranarray(X)
    return X, y.astype(np.int8), K, options, unit


def fit(X, y, K, solver, *, l2=1.0, intercept=True, weight=None, offset=None, n_jobs=1, rows=256,
        tol=1e-13, **task):  # fmt: skip
    blocks = memory_blocks(X, y, weight, offset, 1 if K == 2 else K)
    blocks = MemoryBlocks(blocks.X, blocks.y, blocks.weight, blocks.offset, rows)
    with Threads(blocks, n_jobs) as threads:
        source = CountedSource(threads)
        columns = source.fold(column_statistics)
        return minimise(
            source, columns, solver, Task(K, intercept, l2, sp.issparse(X), tol, **task)
        )


def assert_same_optimum(ours, exact, unit=1.0):
    assert ours.converged
    assert ours.objective == pytest.approx(exact.objective, rel=1e-12)
    size = np.abs(exact.coef * np.reshape(unit, (-1, 1))).max()
    np.testing.assert_allclose(
        ours.coef * np.reshape(unit, (-1, 1)),
        exact.coef * np.reshape(unit, (-1, 1)),
        rtol=1e-6,
        atol=1e-6 * size,
    )


KINDS = [
    f"{K} {how}".strip()
    for K in ("binary", "multinomial")
    for how in (
        *("", "correlated", "scaled", "shifted", "imbalanced", "weighted", "offset"),
        *("no intercept", "unpenalised", "float32", "Fortran", "sorted", "periodic"),
        "correlated scaled shifted weighted offset unpenalised",
    )
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_optimum_is_that_of_all_rows(kind):
    X, y, K, options, unit = drawn(kind)
    ours, exact = fit(X, y, K, SMALL, **options), fit(X, y, K, Newton(), **options)
    assert_same_optimum(ours, exact, unit)
    assert ours.solver == "sampled-lbfgs"
    assert ours.separated is None
    assert ours.aliased == ()
    again = fit(X, y, K, SMALL, **options)
    assert again.coef.tobytes() == ours.coef.tobytes()
    assert again.history["objective"].tobytes() == ours.history["objective"].tobytes()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "periodic" not in kind])
def test_a_sample_is_walked_from(kind):
    """Else the laws here would be Newton's."""
    X, y, K, options, _ = drawn(kind, n=16_000)
    walked = objective_of(X, y, K, **options)
    begin, metric = SampledLBFGS().sampled(walked, np.zeros(walked.size))
    first = walked.evaluate(np.zeros(walked.size), 0).value
    least = walked.weight * fit(X, y, K, Newton(), **options).objective
    assert walked.evaluate(begin, 0).value - least < 0.25 * (first - least)
    product = walked.hessian_product(begin, metric.solve(walked.evaluate(begin, 1).gradient))
    assert (product @ metric.solve(product)) > 0
    assert 0 < metric.share < 0.5


# The rounding of an intercept of columns near 1e8 is told in test_certificate.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if "shifted" not in kind])
@pytest.mark.parametrize("max_iter", [1, 2, 4, 1000])
def test_the_certificate_holds_at_every_stop(kind, max_iter):
    X, y, K, options, _ = drawn(kind, n=1500)
    ours = fit(X, y, K, SMALL, max_iter=max_iter, **options)
    problem = reference_of(X, y, K, **options)
    value = objective(problem, ours.coef.T, ours.intercept)
    distance = value - minimum_of(kind, problem)
    assert abs(value - LD(ours.objective)) <= 4e-15 * ours.objective
    assert distance <= ours.gap + 1e-15
    if ours.converged:
        assert distance <= 1e-12


def reference_of(X, y, K, *, l2, intercept=True, weight=None, offset=None):
    return Problem(
        np.asarray(X, dtype=float),
        y,
        K,
        weight=weight,
        offset=offset,
        C=1 / l2 if l2 else np.inf,
        fit_intercept=intercept,
    )


_minima = {}


def minimum_of(kind, problem):
    if kind not in _minima:
        _minima[kind] = minimum(problem).objective
    return _minima[kind]


def curvature_of(walked, stride, coef):
    """Hessian of every stride-th row at coef as L L', and the most a step of length 1 moves one."""
    part = walked.sample(stride)
    factor = la.cholesky(part.grounded(part.evaluate(coef, 2).hessian), lower=True)
    q, K = walked.size // walked.width, walked.width
    block = part.source.blocks[0]
    inverse = la.solve_triangular(factor, np.eye(walked.size), lower=True)
    Z = walked.design(block).times(np.eye(q))
    margins = np.einsum("ij,ajk->iak", Z, inverse.reshape(-1, q, K))
    pairs = [margins[:, :, 0]] if K == 1 else []
    pairs += [margins[:, :, k] - margins[:, :, j] for k in range(K) for j in range(k)]
    return factor, max(float(np.linalg.norm(t, axis=1).max()) for t in pairs)


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(60, 300),
    p=st.integers(1, 4),
    K=st.integers(2, 4),
    stride=st.sampled_from([1, 2, 5]),
    decades=st.floats(-5, 1.0),
    l2=st.sampled_from([0.01, 1.0, 100.0]),
    intercept=st.booleans(),
    weighted=st.booleans(),
)
@settings(max_examples=150)
def test_a_gap_by_curvature_is_never_below_the_distance(
    seed, n, p, K, stride, decades, l2, intercept, weighted
):
    rng = np.random.default_rng(seed)
    X, _, y = rows(seed, n, p, K)
    weight = rng.uniform(0.1, 3, n) if weighted else None
    walked = objective_of(X, y, K, l2=l2, intercept=intercept, weight=weight, rows=n)
    problem = reference_of(X, y, K, l2=l2, intercept=intercept, weight=weight)
    exact = minimum(problem)
    best = walked.from_user(exact.coef.T.astype(float), exact.intercept.astype(float))
    coef = walked.centred(best + 10.0**decades * rng.normal(size=walked.size))
    moments = walked.evaluate(coef, 1)
    factor, row = curvature_of(walked, stride, coef)
    decrement = np.linalg.norm(la.solve_triangular(factor, moments.gradient, lower=True))
    proof = certificate_by_curvature(walked, coef, moments, decrement, row)
    w, b = walked.to_user(coef)
    distance = walked.weight * float(objective(problem, w.T, b) - exact.objective)
    if proof is None:
        assert row * decrement > 0.35
        return
    # The reference tells the objective per unit of weight to about 1e-18.
    assert proof.gap >= distance - 1e-16 * walked.weight
    assert proof.definite
    assert proof.lower <= walked.weight * float(exact.objective) + 1e-16 * walked.weight
    if stride == 1 and decades < -2:
        assert proof.gap <= 1.2 * distance + 1e-14 * walked.weight, "and tight where all is known"


@given(
    seed=st.integers(0, 10**6),
    K=st.integers(2, 3),
    l2=st.sampled_from([0.0, 1.0]),
    step=st.floats(-4, 1),
    away=st.floats(-4, 1),
    scaled=st.booleans(),
)
@settings(max_examples=40)
def test_a_gap_by_the_curvature_of_another_place_is_never_below_the_distance(
    seed, K, l2, step, away, scaled
):
    """The metric is known where the sample's optimum is; the proof is about where the walk is."""
    X, y, K, options, _ = drawn("multinomial" if K == 3 else "binary", n=600, p=3)
    rng = np.random.default_rng(seed)
    X = X * (10.0 ** rng.integers(-3, 4, 3) if scaled else 1.0)
    options = options | {"l2": l2}
    walked = objective_of(X, y, K, rows=600, **options)
    problem = reference_of(X, y, K, **options)
    exact = minimum(problem)
    best = walked.from_user(exact.coef.T.astype(float), exact.intercept.astype(float))
    _, metric = SampledLBFGS().sampled(
        walked, walked.centred(best + 10.0**away * rng.normal(size=walked.size))
    )
    coef = walked.centred(best + 10.0**step * rng.normal(size=walked.size))
    proof = metric.certificate(walked, coef, walked.evaluate(coef, 1))
    if proof is None:
        # A sample of so few rows may lie far away, or know next to no curvature.
        far = metric._moved(coef) > 0.5 or metric.row > 1.0
        assert step >= -3 or far, "near the optimum there is a proof"
        return
    w, b = walked.to_user(coef)
    distance = walked.weight * float(objective(problem, w.T, b) - exact.objective)
    assert proof.gap >= distance - 1e-15 * walked.weight


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "periodic" not in kind])
def test_no_row_moves_further_than_the_metric_says(kind):
    X, y, K, options, _ = drawn(kind, n=1000)
    walked = objective_of(X, y, K, rows=1000, **options)
    metric, _ = _metric(walked.sample(8), walked, np.zeros(walked.size))
    factor, row = curvature_of(walked, 8, np.zeros(walked.size))
    whole = metric.factor.lower / metric.factor.unit[:, None]
    np.testing.assert_allclose(np.abs(whole), np.abs(factor), rtol=1e-9, atol=1e-9)
    assert row <= metric.row <= 30 * row


def exponential(share, margin):
    """Two rows whose curvature falls as fast as it may along the way, and their distance.

    log(1 + exp(-m)) + s log(1 + exp(m)) is about exp(-m) + s m far out, whose curvature is
    exp(-m); its least value is where exp(-m) = s, for s = share exp(-margin).
    """
    weight = share * np.exp(-margin)
    walked = objective_of(
        np.ones((2, 1)),
        np.array([1, 0], np.int8),
        2,
        l2=0.0,
        intercept=False,
        weight=np.array([1.0, weight]),
        how=Standardisation.none(1),
    )
    with mpmath.workdps(40):
        s, m = mpmath.mpf(weight), mpmath.mpf(margin)
        value = mpmath.log1p(mpmath.exp(-m)) + s * mpmath.log1p(mpmath.exp(m))
        return walked, float(value - (mpmath.log1p(s) + s * mpmath.log1p(1 / s)))


@given(st.floats(-4, 4), st.floats(10, 25), st.floats(-3, 3))
@example(np.log(0.7), 20.0, 1.5)
@example(np.log(0.1), 20.0, 0.0)
def test_curvature_that_falls_as_fast_as_it_may_is_allowed_for(log_share, margin, away):
    walked, distance = exponential(np.exp(log_share), margin)
    coef = np.array([margin])
    moments = walked.evaluate(coef, 2)
    root = float(np.sqrt(moments.hessian[0, 0]))
    here = certificate_by_curvature(
        walked, coef, moments, float(abs(moments.gradient[0])) / root, 1.0 / root
    )
    metric, _ = _metric(walked.sample(1), walked, coef - away)
    there = metric.certificate(walked, coef, moments)
    for proof in (here, there):
        assert proof is None or proof.gap >= distance
    if abs(log_share) < 0.25:
        assert here is not None
    if abs(log_share) > 1.0:
        assert here is None


def test_far_from_the_optimum_nothing_is_proved():
    X, y, K, options, _ = drawn("binary")
    walked = objective_of(X, y, K, **options)
    _, metric = SMALL.sampled(walked, np.zeros(walked.size))
    for size in (5.0, 1e5, 1e200):
        coef = np.full(walked.size, size)
        with np.errstate(all="ignore"):
            assert metric.certificate(walked, coef, walked.evaluate(coef, 1)) is None


def separated(kind):
    X, y, K, _, _ = drawn(kind)
    X = X.copy()
    X[:, 0] = y + 0.1 * np.sign(X[:, 0])
    return X, y, K


@pytest.mark.parametrize("kind", ["binary", "multinomial"])
def test_separated_classes_are_named(kind):
    X, y, K = separated(kind)
    ours, exact = (fit(X, y, K, s, l2=0.0, tol=1e-10) for s in (SMALL, Newton()))
    assert ours.separated == exact.separated
    assert ours.separated is not None
    assert np.isfinite(ours.coef).all()


@pytest.mark.parametrize("kind", ["binary", "multinomial"])
@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_aliased_columns_fall_back(kind, l2):
    X, y, K, _, _ = drawn(kind)
    X = np.column_stack([X, X[:, 0] + X[:, 1], np.full(len(X), 3.0)])
    ours, exact = (fit(X, y, K, s, l2=l2) for s in (SMALL, Newton()))
    assert_same_optimum(ours, exact)
    assert ours.aliased == exact.aliased
    assert ours.aliased == ((4, 5) if l2 == 0 else ())


@pytest.mark.parametrize("l2", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["binary", "multinomial"])
def test_what_the_sample_does_not_see_is_fitted_all_the_same(kind, l2):
    """A column that is constant in it, columns that are equal in it, a class that is not in it."""
    X, y, K, _, _ = drawn(kind)
    sampled = np.arange(len(X)) % 8 == 0
    constant, equal, rare = X.copy(), X.copy(), y.copy()
    constant[sampled, 1] = 0.0
    equal[sampled, 1] = equal[sampled, 2]
    rare[sampled & (y == K - 1)] = 0
    for stored, labels in [(constant, y), (equal, y), (X, rare)]:
        ours, exact = (fit(stored, labels, K, s, l2=l2) for s in (SMALL, Newton()))
        assert_same_optimum(ours, exact)


def test_a_sample_without_weight_falls_back():
    X, y, K, _, _ = drawn("binary")
    weight = (np.arange(len(X)) % 8 != 0).astype(float)
    ours, exact = (fit(X, y, K, s, weight=weight) for s in (SMALL, Newton()))
    assert_same_optimum(ours, exact)


@pytest.mark.parametrize("kind", ["binary", "multinomial correlated unpenalised"])
def test_however_badly_a_sample_is_fitted_the_optimum_is_the_same(monkeypatch, kind):
    monkeypatch.setattr("oddsmith.solvers.sampled._STEPS", 1)
    X, y, K, options, _ = drawn(kind)
    assert_same_optimum(fit(X, y, K, SMALL, **options), fit(X, y, K, Newton(), **options))


def test_a_walk_ends_where_the_method_below_it_does(monkeypatch):
    X, y, K, options, _ = drawn("binary")
    walked = objective_of(X, y, K, **options)
    begin = np.zeros(walked.size)
    monkeypatch.setattr(
        "oddsmith.solvers.sampled.quasi_newton", lambda *walk: islice(quasi_newton(*walk), 3)
    )
    *_, last = SMALL.iterates(walked, begin)
    assert last.prove is not None
    monkeypatch.setattr(Newton, "iterates", lambda self, objective, start: iter([last]))
    monkeypatch.setattr(SampledLBFGS, "sampled", lambda self, objective, start: None)
    assert list(SMALL.iterates(walked, begin)) == [last]


class Rows:
    """A source that can but fold."""

    def __init__(self, source):
        self.n_rows, self.n_features, self.fold = source.n_rows, source.n_features, source.fold


@pytest.mark.parametrize("kind", ["binary", "multinomial unpenalised"])
def test_a_source_without_samples_is_newtons(kind):
    X, y, K, options, _ = drawn(kind)
    with Threads(memory_blocks(X, y, width=1 if K == 2 else K), 1) as threads:
        source = CountedSource(Rows(threads))
        columns = source.fold(column_statistics)
        fits = [
            minimise(source, columns, solver, Task(K, True, options["l2"], False, 1e-13))
            for solver in (SMALL, Newton(), "auto")
        ]
    assert_same_optimum(fits[0], fits[1])
    assert fits[0].coef.tobytes() == fits[1].coef.tobytes()
    assert fits[2].solver == "newton-cholesky"


@pytest.mark.parametrize("n", [12, 30, 100])
@pytest.mark.parametrize("K", [2, 3])
def test_few_rows_are_fitted_all_the_same(n, K):
    X, _, y = rows(1, n, 3, K)
    assert_same_optimum(fitted(X, y, SMALL, K), fitted(X, y, Newton(), K))


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_a_sample_whose_classes_are_separable_misleads_nobody(seed, K):
    """An eighth of 90 rows, and no penalty: an optimum at infinity, where no step helps."""
    X, _, y = rows(seed, 90, 5, K)
    assert_same_optimum(*(fitted(X, y, solver, K, l2=0.0) for solver in (SMALL, Newton())))


def test_sparse_rows_are_sampled_where_asked_for():
    X, y, K, options, _ = drawn("binary")
    X = sp.random_array((4000, 4), density=0.5, rng=np.random.default_rng(0), format="csr") * 3.0
    for stored in (X, X.tocsc()):
        ours, exact = (fit(stored, y, K, s, **options) for s in (SMALL, Newton()))
        assert_same_optimum(ours, exact)


@pytest.mark.parametrize("kind", ["binary weighted", "multinomial offset", "binary Fortran"])
def test_the_bits_do_not_depend_on_the_number_of_threads(kind):
    X, y, K, options, _ = drawn(kind)
    fits = [fit(X, y, K, SMALL, n_jobs=n_jobs, **options) for n_jobs in (1, 2, 3)]
    for other in fits[1:]:
        assert other.coef.tobytes() == fits[0].coef.tobytes()
        assert other.intercept.tobytes() == fits[0].intercept.tobytes()
        assert other.gap == fits[0].gap


def test_a_start_is_used():
    X, y, K, options, _ = drawn("binary")
    first = fit(X, y, K, SMALL, **options)
    again = fit(X, y, K, SMALL, start=(first.coef, first.intercept), **options)
    assert_same_optimum(again, first)


def test_parameters_can_be_read_and_set():
    assert SampledLBFGS(**SMALL.get_params()) == SMALL
    assert SampledLBFGS().set_params(rows_a_column=50) == SMALL
    assert (SMALL.order, SMALL.handles_l1) == (1, False)


@pytest.mark.parametrize("name", ["max_iter", "memory", "rows_a_column"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "1", None, True])
def test_parameters_that_cannot_be_used_are_named(name, value):
    with pytest.raises(ParameterError, match=name):
        SampledLBFGS(**{name: value})


@given(st.integers(1, 10**8), st.integers(1, 500), st.integers(1, 20), st.booleans(), st.booleans())
def test_auto_takes_it_for_tall_rows_alone(n, q, K, sparse, samples):
    chosen = choose("auto", Choice(n, q * K, K, sparse, samples=samples))
    if sparse or not samples or n < 30_000 or n < 500 * q:
        assert chosen.name != "sampled-lbfgs"
    elif n > 200_000 and n > 10_000 * q and q * K <= 1000:
        assert chosen.name == "sampled-lbfgs"


LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every second column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "csr": sp.csr_array,
    "csc": sp.csc_array,
}


def dense(X):
    return X.toarray() if sp.issparse(X) else X


@given(st.integers(1, 200), st.integers(1, 30), st.sampled_from(list(LAYOUTS)), st.integers(1, 40))
def test_a_sample_is_every_so_many_rows(n, stride, layout, size):
    X = np.arange(3.0 * n).reshape(n, 3)
    y, weight = np.arange(n) % 2, np.arange(n) % 5.0
    whole = MemoryBlocks(LAYOUTS[layout](X), y, weight, X[:, 0], size)
    part = whole.sample(stride)
    assert part.n_rows == -(-n // stride)
    assert part.rows == size
    np.testing.assert_array_equal(dense(part.X), X[::stride])
    for own, rows_ in [(part.y, y), (part.weight, weight), (part.offset, X[:, 0])]:
        np.testing.assert_array_equal(own, rows_[::stride])
    np.testing.assert_array_equal(dense(part.sample(3).X), X[:: 3 * stride])
    seen = np.concatenate([dense(part[i].X) for i in range(len(part))])
    kept = X[::stride][weight[::stride] > 0]
    assert {tuple(row) for row in kept} <= {tuple(row) for row in seen}
    if layout == "C":
        assert np.shares_memory(part.X, whole.X)


@given(st.integers(1, 60), st.integers(1, 20), st.sampled_from(list(LAYOUTS)), st.booleans())
@settings(max_examples=50)
def test_joined_blocks_are_the_same_rows(n, size, layout, zeros):
    X = np.arange(3.0 * n).reshape(n, 3)
    weight = (np.arange(n) % 7 != 0).astype(float) if zeros else np.ones(n)
    blocks = MemoryBlocks(LAYOUTS[layout](X), np.arange(n) % 2, weight, X[:, 1], size)
    for first in range(len(blocks)):
        for last in range(first, min(first + 4, len(blocks))):
            run = range(first, last + 1)
            joined, apart = list(blocks.joined(run)), [blocks[i] for i in run]
            for field in ("y", "weight", "offset"):
                np.testing.assert_array_equal(
                    np.concatenate([getattr(block, field) for block in joined]),
                    np.concatenate([getattr(block, field) for block in apart]),
                )
            np.testing.assert_array_equal(
                np.concatenate([dense(block.X) for block in joined]),
                np.concatenate([dense(block.X) for block in apart]),
            )
            own = slice(first * size, (last + 1) * size)
            if layout in ("C", "Fortran") and weight[own].all():
                [block] = joined
                assert np.shares_memory(block.X, blocks.X)
                assert block.y.base is blocks.y or block.y.base is blocks.y.base


class Seen(list):
    def __add__(self, other):
        return Seen([*self, *other])


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
@pytest.mark.parametrize("tiled", [False, True])
def test_threads_fold_a_sample_in_order(n_jobs, tiled):
    class Kernel:
        def __call__(self, block):
            return Seen(block.X[:, 0].tolist())

    Kernel.tiled = tiled
    X = np.arange(1000.0)[:, None]
    blocks = MemoryBlocks(X, np.zeros(1000, np.int8), np.ones(1000), np.zeros(1000), 7)
    with Threads(blocks, n_jobs) as source:
        part = source.sample(3)
        assert (part.n_rows, part.n_features) == (334, 1)
        assert part.fold(Kernel()) == X[::3, 0].tolist()
        assert part.sample(5).fold(Kernel()) == X[::15, 0].tolist()
        assert source.fold(Kernel()) == X[:, 0].tolist()


def test_the_sums_of_a_sample_are_those_of_its_rows():
    """Weights are those of the rows, the penalty is the sample's share, and no pass is counted."""
    X, y, K, options, _ = drawn("multinomial weighted offset")
    walked = objective_of(X, y, K, **options)
    counted = type(walked)(
        CountedSource(walked.source), walked.columns, K, walked.design, walked.l2, 0.5
    )
    part = counted.sample(10)
    rows_ = {name: options[name][::10] for name in ("weight", "offset")}
    alone = objective_of(
        X[::10], y[::10], K, l2=part.l2, how=walked.design.standardisation, **rows_
    )
    coef = np.random.default_rng(0).normal(size=walked.size)
    a, b = part.evaluate(coef, 2), alone.evaluate(coef, 2)
    # A part has no more curvature than the whole, its penalty included.
    more = walked.evaluate(coef, 2).hessian - a.hessian
    assert np.linalg.eigvalsh(more)[0] > -1e-9 * np.abs(more).max()
    np.testing.assert_allclose(part.weight, options["weight"][::10].sum())
    share = part.weight / walked.weight
    assert (part.l2, part.l1) == (share * walked.l2, share * 0.5)
    np.testing.assert_allclose(a.gradient, b.gradient, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(a.hessian, b.hessian, rtol=1e-12, atol=1e-12)
    assert counted.source.passes == 0
    assert part.design is walked.design
    assert isinstance(part.design, Design)
