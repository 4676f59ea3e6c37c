"""The reduction of a wide problem to as many dimensions as there are rows."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from test_core_laws import LAYOUTS, objective_of, rows

from oddsmith.core.block import CountedSource
from oddsmith.core.certificate import FLOOR
from oddsmith.core.columns import column_statistics
from oddsmith.data.memory import memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.errors import ParameterError
from oddsmith.solvers import kernel_newton, reduced, strips
from oddsmith.solvers.choose import Problem, choose
from oddsmith.solvers.kernel_newton import KernelNewton
from oddsmith.solvers.minimise import Task, minimise
from oddsmith.solvers.newton import Newton, prove_by_hessian


def fitted(X, y, solver, K=2, l2=1.0, intercept=True, weight=None, offset=None, **task):
    blocks = memory_blocks(X, y.astype(np.int8), weight, offset, 1 if K == 2 else K)
    with Threads(blocks, 1) as threads:
        source = CountedSource(threads)
        columns = source.fold(column_statistics)
        how = Task(K, intercept, l2, sp.issparse(X), 1e-12, **task)
        return minimise(source, columns, solver, how)


def assert_same(X, y, K=2, atol=1e-8, **options):
    """The same optimum as Newton's, proved, and found without another solver's help."""
    fit, newton = (fitted(X, y, s, K, **options) for s in (KernelNewton(), Newton()))
    assert fit.converged
    assert fit.gap <= 1e-12
    assert abs(fit.objective - newton.objective) <= 64 * FLOOR * max(1.0, newton.objective)
    size = max(1.0, float(np.abs(newton.coef).max()))
    np.testing.assert_allclose(fit.coef, newton.coef, atol=atol * size, rtol=0)
    return fit


@settings(max_examples=50)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 30),
    p=st.integers(1, 60),
    K=st.integers(2, 4),
    layout=st.sampled_from(LAYOUTS),
    intercept=st.booleans(),
    l2=st.floats(0.01, 100.0),
)
def test_it_has_the_same_optimum_as_newton(seed, n, p, K, layout, intercept, l2):
    _, X, y = rows(seed, n, p, K, layout)
    y[:K] = np.arange(K)[: y[:K].size]
    rng = np.random.default_rng(seed)
    weight = rng.integers(0, 3, n).astype(float)
    weight[:K] = 1.0
    offset = rng.normal(size=n if K == 2 else (n, K))
    options = {"l2": l2, "intercept": intercept, "weight": weight, "offset": offset}
    assert_same(X, y, K, **options)


HARD = ["shifted", "scaled", "duplicate rows", "duplicate columns", "weak penalty", "low rank"]


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("kind", HARD)
def test_hard_data_are_proved(kind, K):
    X, _, y = rows(7, 40, 90, K)
    rng = np.random.default_rng(8)
    l2 = 1.0
    if kind == "shifted":
        X = np.round(X * 64) / 64 + 1e8 * (np.arange(90) % 3 == 0)
    elif kind == "scaled":
        X = X * 10.0 ** rng.uniform(-3, 3, 90)
    elif kind == "duplicate rows":
        X, y = np.repeat(X[:20], 2, axis=0), y
    elif kind == "duplicate columns":
        X = np.repeat(X[:, :30], 3, axis=1)
    elif kind == "weak penalty":
        l2 = 1e-4
    else:
        X = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 90))
    fit = assert_same(X, y, K, l2=l2, atol=1e-6 if kind in ("scaled", "weak penalty") else 1e-8)
    assert fit.n_iter <= 6


@pytest.mark.parametrize("K", [2, 10])
def test_wider_than_the_hessian_could_be(K):
    """Proved without the Hessian, in few passes, and the same bits for any number of threads."""
    X, _, y = rows(3, 120, 4000, K)
    fits = []
    for n_jobs in (1, 2):
        with Threads(memory_blocks(X, y, width=1 if K == 2 else K), n_jobs) as threads:
            source = CountedSource(threads)
            columns = source.fold(column_statistics)
            fits.append(minimise(source, columns, KernelNewton(), Task(K, True, 1.0, False, 1e-12)))
        assert source.passes <= 12 + 2 * (K if K > 2 else 1)
    assert all(fit.converged for fit in fits)
    np.testing.assert_array_equal(fits[0].coef, fits[1].coef)


def test_its_minimum_is_that_of_the_reduced_objective():
    """Rounding apart, one return to the columns has gradient 0 there."""
    X, _, y = rows(5, 30, 50, 3)
    objective = objective_of(X, y, 3)
    walk = KernelNewton().iterates(objective, np.zeros(objective.size))
    first, second = next(walk), next(walk)
    assert first.estimate > 1e-3
    assert second.estimate < 1e-18
    assert prove_by_hessian(objective, objective.centred(second.coef)).gap < 1e-13


def test_a_gram_matrix_known_to_few_digits_is_made_up_for(monkeypatch):
    """What its rounding got wrong in the margins becomes the offset of the next iteration."""
    right = strips.GramOf.__call__

    def rounded(self, strip, columns):
        found = right(self, strip, columns)
        return strips.Gram(found.matrix.astype(np.float16).astype(float), found.rows)

    monkeypatch.setattr(strips.GramOf, "__call__", rounded)
    X, _, y = rows(5, 30, 50, 2)
    assert 2 <= assert_same(X, y, atol=1e-6).n_iter <= 12


@pytest.mark.parametrize("unit", [1e-180, 1e-5, 1e5, 1e180])
def test_what_floats_cannot_hold_is_left_to_newton_cg(unit):
    X, _, y = rows(5, 30, 50, 2)
    fit, newton = (fitted(X * unit, y, s) for s in (KernelNewton(), Newton()))
    assert fit.objective - fit.gap <= newton.objective + 8 * FLOOR


def test_a_factor_that_fails_is_left_to_newton_cg(monkeypatch):
    def fails(*_, **__):
        raise np.linalg.LinAlgError

    monkeypatch.setattr(reduced.la, "cholesky", fails)
    monkeypatch.setattr("oddsmith.solvers.minimise._HESSIAN_FOR_PROOF", 0)
    X, _, y = rows(5, 30, 50, 2)
    assert fitted(X, y, KernelNewton()).converged


def test_large_matrices_are_factorised_in_64_bits(monkeypatch):
    monkeypatch.setattr(reduced, "_LARGEST_SINGLE", 0.0)
    X, _, y = rows(5, 30, 50, 2)
    assert_same(X, y)


def test_few_steps_and_few_products_end_somewhere(monkeypatch):
    X, _, y = rows(5, 30, 50, 3)
    _, _, two = rows(5, 30, 50, 2)
    monkeypatch.setattr(reduced, "_MOST_STEPS", 2)
    monkeypatch.setattr(reduced, "_MOST_PRODUCTS", 1)
    monkeypatch.setattr(reduced, "_MOST_SWEEPS", 1)
    assert fitted(X, y, KernelNewton(), 3).converged
    assert fitted(X, two, KernelNewton()).converged


def test_a_start_at_the_optimum_needs_no_gram_matrix(monkeypatch):
    X, _, y = rows(5, 30, 50, 2)
    first = fitted(X, y, KernelNewton())
    monkeypatch.setattr(kernel_newton, "GramOf", None)
    again = fitted(X, y, KernelNewton(), start=(first.coef, first.intercept))
    assert again.converged
    assert again.n_iter == 1


def test_a_step_too_long_is_shortened():
    """Classes that an offset holds on the wrong side by far."""
    X, _, y = rows(5, 30, 50, 2)
    assert_same(X, y, offset=(1.0 - 2.0 * y) * 40.0)


def test_it_needs_a_penalty_and_columns():
    X, _, y = rows(5, 30, 50, 2)
    with pytest.raises(ParameterError, match="needs an L2 penalty"):
        fitted(X, y, KernelNewton(), l2=0.0)
    with pytest.raises(ParameterError, match="max_iter"):
        KernelNewton(max_iter=0)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("unit", [1.0, 1e-25, 1e25])
def test_half_the_bits_serve_where_they_can(monkeypatch, unit, K):
    """Squares that 32 bits cannot hold are left to 64."""
    X, _, y = rows(5, 30, 50, K)
    monkeypatch.setattr(kernel_newton, "_MANY_PRODUCTS", 0)
    fit = fitted(X * unit, y, KernelNewton(), K, l2=unit**2)
    newton = fitted(X * unit, y, Newton(), K, l2=unit**2)
    assert fit.converged
    np.testing.assert_allclose(fit.coef * unit, newton.coef * unit, atol=1e-6)


def test_where_half_the_bits_stop_helping_all_follow(monkeypatch):
    """Large and nearly equal rows, whose difference is beyond what 32 bits know of them."""
    X, _, y = rows(5, 30, 50, 2)
    monkeypatch.setattr(kernel_newton, "_MANY_PRODUCTS", 0)
    asked = []
    right = strips.GramOf.__call__

    def watched(self, strip, columns):
        asked.append(self.dtype)
        return right(self, strip, columns)

    monkeypatch.setattr(strips.GramOf, "__call__", watched)
    fit, newton = (fitted(X + 1e4, y, s, intercept=False) for s in (KernelNewton(), Newton()))
    assert fit.converged
    assert fit.objective == pytest.approx(newton.objective, abs=1e-12)
    assert set(asked) == {np.float32, np.float64}


@settings(max_examples=100)
@given(
    seed=st.integers(0, 10**6),
    away=st.floats(-12, 1),
    intercept=st.booleans(),
    l2=st.floats(0.01, 100.0),
)
def test_the_proof_from_the_gradient_is_never_below_the_distance(seed, away, intercept, l2):
    X, _, y = rows(seed, 12, 20, 2)
    rng = np.random.default_rng(seed)
    options = {
        "l2": l2,
        "intercept": intercept,
        "weight": rng.integers(1, 3, 12).astype(float),
        "offset": rng.normal(size=12),
    }
    objective = objective_of(X, y, 2, **options)
    best = fitted(X, y, Newton(), **options)
    optimum = objective.from_user(best.coef, best.intercept)
    coef = optimum + 10.0**away * rng.normal(size=optimum.size)
    block = memory_blocks(X, y, options["weight"], options["offset"])[0]
    Z = objective.design(block)
    gram = (Z.Z / objective.penalty.diagonal[:20]) @ Z.Z.T
    known = reduced.Reduced(gram, gram.astype(np.float32), block, objective.loss, intercept)
    here = objective.evaluate(coef, 1)
    margin = Z.times(coef) + block.offset
    proof = kernel_newton._certificate(objective, coef, here, known, margin)
    least = objective.evaluate(optimum, 0).value
    if proof is None:
        assert away > -6
    else:
        assert proof.gap >= (here.value - least) * (1 - 1e-9) - 8 * FLOOR * max(1.0, least)
        assert proof.lower <= least


def test_rows_without_curvature_prove_nothing():
    X, _, y = rows(5, 30, 50, 2)
    objective = objective_of(X, y, 2)
    block = memory_blocks(X, y)[0]
    known = reduced.Reduced(np.eye(30), np.eye(30), block, objective.loss, intercept=True)
    here = objective.evaluate(np.zeros(51), 1)
    assert kernel_newton._certificate(objective, np.zeros(51), here, known, y + 1e4) is None


def test_auto_takes_it_for_few_rows_of_many_columns():
    def name(n, p, width=1, **more):
        how = {"sparse": False, "l2": True, "by_column": True} | more
        return choose("auto", Problem(n, (p + 1) * width, width, **how)).name

    assert name(1000, 20_000) == name(1000, 20_000, 10) == "newton-kernel"
    assert name(1000, 20_000, sparse=True) == "lbfgs"
    for other in ({"l2": False}, {"by_column": False}):
        assert name(1000, 20_000, **other) == "newton-cg"
    assert name(1000, 4000) == name(10_000, 100_000) == name(2000, 20_000, 10) == "newton-cg"
    assert name(100, 900) == "newton-cholesky"
