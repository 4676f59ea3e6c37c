"""What makes small fits fast changes nothing: rows made ready, Hessians kept, proofs near by."""

from dataclasses import replace

import numpy as np
import pytest
from test_solvers import fitted, objective_of, rows

from oddsmith.core.block import Block, CountedSource
from oddsmith.core.kernels import Design, Evaluate, Line
from oddsmith.core.loss import Binomial, Multinomial
from oddsmith.core.objective import Objective
from oddsmith.core.ready import ReadySource
from oddsmith.errors import ParameterError
from oddsmith.solvers import Newton
from oddsmith.solvers.curvature import Curvature, cholesky
from oddsmith.solvers.minimise import _polished
from oddsmith.solvers.newton import prove_by_hessian
from oddsmith.solvers.newton_cg import _solve_nearly
from oddsmith.solvers.separation import separation


@pytest.mark.parametrize("size", [7, 100])
@pytest.mark.parametrize("K", [2, 3])
def test_rows_that_are_ready_give_the_same_sums(size, K):
    X, _, y = rows(3, 40, 3, K)
    objective = objective_of(X + np.array([0.0, 50.0, 0.0]), y, K, rows=size)
    counted = CountedSource(objective.source)
    ready = ReadySource(counted, objective.design)
    assert (counted.passes, ready.passes) == (1, 1)
    own = Objective(ready, objective.columns, K, objective.design, objective.l2)
    coef = np.linspace(-1.0, 1.0, own.size)
    a, b = objective.evaluate(coef, 2), own.evaluate(coef, 2)
    np.testing.assert_allclose(a.value, b.value, rtol=1e-13)
    np.testing.assert_allclose(a.gradient, b.gradient, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(a.hessian, b.hessian, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(objective.gram(), own.gram(), rtol=1e-11, atol=1e-11)
    other = Design(own.design.standardisation, not own.design.intercept)
    shorter = own.shaped(coef)[:-1]
    found = ready.fold(Evaluate(own.loss, other, shorter, 1)).gradient
    theirs = objective.source.fold(Evaluate(own.loss, other, shorter, 1)).gradient
    np.testing.assert_array_equal(found, theirs)
    assert ready.passes == 4


@pytest.mark.parametrize("K", [2, 3])
def test_derivatives_at_once_are_those_one_by_one(K):
    rng = np.random.default_rng(0)
    y = rng.integers(0, K, 200).astype(np.int8)
    scale = np.repeat([1.0, 30.0, 800.0, 1e-9], 50)
    shape = (200,) if K == 2 else (200, K)
    margin = (rng.normal(size=shape).T * scale).T
    loss = Binomial() if K == 2 else Multinomial()
    value, slope, own = loss.derivatives(margin, y)
    np.testing.assert_allclose(value, loss.value(margin, y), rtol=1e-14)
    np.testing.assert_allclose(slope, loss.slope(margin, y), rtol=1e-14, atol=1e-320)
    np.testing.assert_allclose(own, loss.own_curvature(margin), rtol=1e-14, atol=1e-320)


def test_a_line_without_proof_tells_values_and_reach_alone():
    X, _, y = rows(4, 30, 3, 2)
    objective = objective_of(X, y, 2)
    coef, step = np.linspace(0, 1, 4), np.linspace(1, -1, 4)
    whole = objective.along(coef, step, (1.0, 2.0))
    part = objective.along(coef, step, (1.0, 2.0), proof=False)
    np.testing.assert_array_equal(whole.values, part.values)
    assert whole.reach == part.reach
    assert (part.divergence, part.lead, part.widest) == (np.inf, -np.inf, np.inf)


@pytest.mark.parametrize("K", [2, 3])
def test_rows_of_weight_zero_tell_nothing_along_a_line(K):
    X, _, y = rows(4, 30, 3, K)
    weight = np.ones(30)
    weight[::3] = 0.0
    objective = objective_of(X, y, K)
    shape = (30,) if K == 2 else (30, K)
    block = Block(X, y, weight, np.zeros(shape))
    kept = weight > 0
    fewer = Block(X[kept], y[kept], weight[kept], np.zeros(shape)[kept])
    coef = objective.shaped(np.linspace(0, 1, objective.size))
    line = Line(objective.loss, objective.design, coef, coef[::-1], (1.0, 0.5))
    np.testing.assert_allclose(line(block).values, line(fewer).values, rtol=1e-14)
    assert line(block).reach == line(fewer).reach


def kept_at(objective, coef):
    """The Hessian at coef, kept for coef itself."""
    factor = cholesky(objective.grounded(objective.evaluate(coef, 2).hessian))
    return Curvature(objective, 1.0, coef, factor, coef).prove(objective)


@pytest.mark.parametrize("K", [2, 3])
def test_what_a_kept_hessian_proves_is_true(K):
    """Around the optimum the bound holds, and is not far above the true distance."""
    X, _, y = rows(5, 200, 3, K)
    objective = objective_of(X, y, K, l2=0.1)
    fit = fitted(X, y, Newton(), K, 0.1)
    best = objective.from_user(fit.coef, fit.intercept)
    least = objective.evaluate(best, 0).value
    kept = kept_at(objective, best)
    rng = np.random.default_rng(1)
    for size in (1e-5, 1e-4, 1e-3):
        coef = objective.centred(best + size * rng.normal(size=best.size))
        proof = kept(coef)
        true = objective.evaluate(coef, 0).value - least
        assert true <= proof.gap * (1 + 1e-6) + 1e-13
        assert proof.gap <= 1.3 * true + 1e-12
        assert proof.definite
        dual = prove_by_hessian(objective, coef)
        assert proof.gap <= 1.5 * dual.gap + 1e-12
    assert kept(best + 100.0) is None


def test_a_kept_hessian_proves_nothing_far_from_the_optimum():
    X, _, y = rows(5, 40, 3, 2)
    objective = objective_of(X, y, 2, l2=0.1)
    start = np.zeros(objective.size)
    assert kept_at(objective, start)(start) is None


def test_newton_goes_on_where_the_hessian_it_kept_no_longer_helps():
    """At the rounding of the gradient no step shrinks any more: Hessians are formed again."""
    X, _, y = rows(6, 100, 3, 2)
    fit = fitted(X, y, Newton(), tol=0.0, max_iter=20)
    assert (fit.n_iter, fit.stopped) == (20, "max_iter")
    assert fit.gap == 2.0**-52


def test_polishing_ends_where_nothing_is_proved_or_nothing_gained():
    X, _, y = rows(6, 100, 3, 2)
    objective = objective_of(X, y, 2, l2=0.1)
    fit = fitted(X, y, Newton(), 2, 0.1)
    best = objective.from_user(fit.coef, fit.intercept)
    kept = kept_at(objective, best)
    off = best + 1e-4
    coef, proof = _polished(objective, off, lambda c: kept(c))
    np.testing.assert_allclose(coef, best, rtol=1e-9)
    assert proof.gap < 1e-18
    only = kept(off)
    coef, proof = _polished(objective, off, lambda c: only)
    np.testing.assert_array_equal(coef, objective.as_given(off))
    assert _polished(objective, off, lambda c: None)[1] is None


class Coy(Newton):
    """Newton's method, whose iterates cannot be proved once more near by."""

    def iterates(self, objective, start):
        for here in super().iterates(objective, start):
            yield replace(here, nearby=lambda coef: None)


def test_a_fit_that_is_not_proved_near_by_is_proved_as_any_other():
    X, _, y = rows(5, 60, 3, 2)
    coy, plain = fitted(X, y, Coy()), fitted(X, y, Newton())
    # Not polished, coefficients are as near as the gap of 1e-12 makes them.
    np.testing.assert_allclose(coy.coef, plain.coef, rtol=1e-6)
    assert coy.gap <= 1e-12


def test_nothing_is_left_to_solve_where_the_gradient_is_zero():
    X, _, y = rows(6, 30, 3, 2)
    objective = objective_of(X, y, 2)
    assert not _solve_nearly(objective, np.ones(4), np.zeros(4), 1e-12).any()


def test_quasi_separation_is_found_where_margins_have_no_curvature_left():
    n = 120_000
    x = np.repeat([-1.0, 0.0, 1.0], n // 3)
    y = np.repeat([0, 0, 1, 1], [n // 3, n // 6, n // 6, n // 3]).astype(np.int8)
    noise = np.random.default_rng(0).normal(size=n)
    objective = objective_of(np.column_stack([x, noise]), y, 2, l2=0.0)
    coef = objective.from_user(np.array([[900.0], [0.0]]), np.zeros(1))
    coef = Newton().iterates(objective, coef).__next__().coef
    proof = prove_by_hessian(objective, coef)
    still = replace(proof, line=replace(proof.line, reach=0.0))
    assert separation(objective, coef, still) == "quasi"


class Folded:
    """A source that can be folded, and nothing else."""

    n_rows, n_features = 3, 2


def test_a_source_without_columns_is_named():
    source = CountedSource(Folded())
    assert not source.by_column
    with pytest.raises(ParameterError, match="needs rows in memory"):
        source.fold_columns(lambda strip, columns: strip)
