"""The grid: every solver x penalty x storage of rows x number of classes, in one table.

A cell either ends at the minimum, which is known from NumPy alone, or is refused in the words of
the table of capabilities. After it: the kinds of problems that smooth penalties meet, and the edges
of the kinked ones.
"""

import functools
import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from reference import Problem, fit_recording, messages
from test_estimator_laws import overlapping
from test_proximal_newton import LD, rows, slopes

from oddsmith import ConvergenceWarning, LogisticRegression, ParameterError, regularization_path
from oddsmith.solvers import GradientDescent
from oddsmith.solvers.choose import NAMES

# ------------------------------------------------------------------------------------- the table

SMOOTH, KINKED = ("none", "l2"), ("l1", "elastic net")
PENALTIES = {  # C and l1_ratio
    "none": (np.inf, 0.0),
    "l2": (1.0, 0.0),
    "l1": (0.1, 1.0),
    "elastic net": (0.1, 0.5),
}
# What each can do, as its own documentation says; of the others' refusal, the words.
FITS = {
    "auto": SMOOTH + KINKED,
    "proximal-newton": SMOOTH + KINKED,
    "proximal-newton-rows": SMOOTH + KINKED,
    "gradient-descent": SMOOTH + KINKED,
    "sampled-lbfgs": SMOOTH,
    "newton-cholesky": SMOOTH,
    "newton-cg": SMOOTH,
    "lbfgs": SMOOTH,
    "newton-kernel": ("l2",),
}
KINK_REFUSED = (
    "an L1 penalty, factors or bounds were asked for (l1_ratio > 0, penalty='l1', "
    "penalty_factors, lower_bounds or upper_bounds), which solver='{}' does not fit; "
    "use 'auto' or 'proximal-newton'."
)
NO_PENALTY_REFUSED = "solver='{}' needs an L2 penalty and rows in memory; use 'auto'."
# Coordinates of well-conditioned columns, so that plain descent arrives as well.
PATIENT = GradientDescent(learning_rate=1.0, epochs=3000)
SOLVERS = {**dict.fromkeys(FITS), "gradient-descent as told": PATIENT}
STORAGES = {"dense": np.asarray, "CSR": sp.csr_array, "CSC": sp.csc_array}

# A gap of 1e-12 nats at curvatures of a tenth, and slopes of at most 1, is a distance and a slope
# of about a millionth.
NEAR = 5e-6


def test_the_table_has_every_solver():
    assert set(FITS) == {"auto", *NAMES}


@functools.cache
def data(K):
    X, y = rows(11, 90, 5, K)
    X[np.abs(X) < 0.4] = 0.0
    return X, y


def slopes_in_coef(X, y, coef, intercept, l2, kind=float):
    """Mean loss plus L2 penalty, and its slopes in coef (K, p) and intercept (K,)."""
    ones, none = np.ones(y.size, kind), np.zeros((y.size, 1), kind)
    losses, slope = slopes(X, y, coef, intercept, ones, none, kind)
    value = losses.sum() / y.size + l2 / 2 * (coef.astype(kind) ** 2).sum()
    return value, slope.T @ X.astype(kind) / y.size + l2 * coef, slope.sum(axis=0) / y.size


def broken(X, y, coef, intercept, l2, l1):
    """Largest violation of the conditions of a minimum, per unit of weight."""
    _, gradient, free = slopes_in_coef(X, y, coef, intercept, l2)
    moved = np.abs(gradient + l1 * np.sign(coef))
    at_zero = np.maximum(np.abs(gradient) - l1, 0.0)
    return max(np.where(coef != 0, moved, at_zero).max(), np.abs(free).max())


def curvatures(Z, y, theta, active):
    """Hessian of the mean loss over the active ones of theta (K, q)."""
    K, width = int(y.max()) + 1, theta.shape[0]
    margin = Z @ theta.T
    if width == 1:
        margin = np.column_stack([np.zeros(y.size), margin])
    a = np.exp(margin - margin.max(axis=1, keepdims=True))
    a /= a.sum(axis=1, keepdims=True)
    classes = range(1, 2) if width == 1 else range(K)
    blocks = [
        [(Z * (a[:, k] * ((k == m) - a[:, m]))[:, None]).T @ Z / y.size for m in classes]
        for k in classes
    ]
    return np.block(blocks)[np.ix_(active, active)]


def least(X, y, l2, l1):
    """Coefficients (K, p), intercepts and objective at the minimum: nothing of oddsmith in it.

    Accelerated proximal steps (Beck and Teboulle, 2009, FISTA) find which coefficients are 0; over
    the others it is smooth, and Newton steps from slopes in long double do the rest.
    """
    (n, p), width = X.shape, 1 if y.max() == 1 else int(y.max()) + 1
    Z = np.column_stack([X, np.ones(n)])
    step = 1.0 / (0.5 * np.linalg.eigvalsh(Z.T @ Z / n)[-1] + l2)
    theta = point = np.zeros((width, p + 1))
    for k in range(3000):
        _, gradient, free = slopes_in_coef(X, y, point[:, :p], point[:, p], l2)
        new = point - step * np.column_stack([gradient, free])
        size = np.maximum(np.abs(new[:, :p]) - step * l1, 0.0)
        new[:, :p] = np.copysign(size, new[:, :p])
        point, theta = new + k / (k + 3) * (new - theta), new
    coef, signs = theta[:, :p], np.sign(theta[:, :p])
    active = np.flatnonzero(np.column_stack([coef if l1 > 0 else np.ones_like(coef), free + 1.0]))
    ridge = np.column_stack([np.full((width, p), l2), np.zeros(width)]).ravel()[active]
    theta = theta.astype(LD)
    for _ in range(6):
        _, gradient, free = slopes_in_coef(X, y, theta[:, :p], theta[:, p], l2, LD)
        gradient = np.column_stack([gradient + l1 * signs, free]).ravel()[active].astype(float)
        H = curvatures(Z, y, theta.astype(float), active) + np.diag(ridge)
        # Intercepts of a softmax are known up to a shift, and unpenalised coefficients are.
        theta.reshape(-1)[active] -= np.linalg.lstsq(H, gradient, rcond=1e-12)[0]
    coef, intercept = theta[:, :p], theta[:, p]
    value, _, _ = slopes_in_coef(X, y, coef, intercept, l2, LD)
    value += l1 * np.abs(coef).sum()
    coef, intercept = coef.astype(float), intercept.astype(float)
    return coef, intercept - intercept.mean() * (width > 1), float(value)


def per_row(n, C, ratio):
    """L2 and L1 penalty per unit of weight."""
    return (0.0, 0.0) if np.isinf(C) else ((1 - ratio) / (C * n), ratio / (C * n))


@functools.cache
def minimum(K, penalty):
    X, y = data(K)
    return least(X, y, *per_row(y.size, *PENALTIES[penalty]))


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("K", [2, 3])
def test_the_minimum_that_cells_are_held_to_is_one(K, penalty):
    """To rounding; and what is 0 there is so by far, so that every solver has to see it."""
    X, y = data(K)
    l2, l1 = per_row(y.size, *PENALTIES[penalty])
    coef, intercept, _ = minimum(K, penalty)
    assert broken(X, y, coef, intercept, l2, l1) < 1e-15
    _, gradient, _ = slopes_in_coef(X, y, coef, intercept, l2)
    assert (np.abs(gradient)[coef == 0] < 0.98 * l1).all()
    assert (np.abs(coef[coef != 0]) > 1e-3).all()
    assert (coef == 0).any() == (penalty in KINKED)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_cell_ends_at_the_minimum_or_is_refused(solver, penalty, storage, K):
    X, y = data(K)
    C, ratio = PENALTIES[penalty]
    model = LogisticRegression(C=C, l1_ratio=ratio, solver=SOLVERS[solver] or solver)
    given, name = STORAGES[storage](X), solver.removesuffix(" as told")
    if penalty not in FITS[name]:
        words = KINK_REFUSED if penalty in KINKED else NO_PENALTY_REFUSED
        with pytest.raises(ParameterError) as refused:
            model.fit(given, y)
        assert str(refused.value) == words.format(name)
        return
    caught = fit_recording(model, given, y)
    coef, intercept, value = minimum(K, penalty)
    assert -1e-15 <= model.objective_ - value <= model.optimality_gap_ + 1e-15
    if not model.converged_:
        assert solver == "gradient-descent", "1000 steps of a tenth, as it comes"
        (said,) = messages(caught, ConvergenceWarning)
        assert said.startswith("the fit stopped after 1000 iterations of gradient-descent at an ")
        return
    assert caught == []
    assert name in ("auto", model.solver_)
    found = model.intercept_ - model.intercept_.mean() * (K > 2)
    np.testing.assert_allclose(model.coef_, coef, atol=NEAR)
    np.testing.assert_allclose(found, intercept, atol=NEAR)
    np.testing.assert_array_equal(model.coef_ != 0, coef != 0)
    assert broken(X, y, model.coef_, model.intercept_, *per_row(y.size, C, ratio)) <= NEAR


# ----------------------------------------------------------------- smooth penalties: all problems


def smooth_problems():
    rng = np.random.default_rng(1)
    problems = {}
    for K in (2, 3, 5):
        X, y = overlapping(K, seed=K, n=150, p=4)
        for C in (0.01, 1.0, 100.0, np.inf):
            problems[f"K={K} C={C}"] = Problem(X, y, K, C=C)
        margins = 1 if K == 2 else K
        problems[f"K={K} weights, offset, no intercept"] = Problem(
            X,
            y,
            K,
            weight=rng.uniform(0.1, 4, 150),
            offset=rng.normal(size=(150, margins)).squeeze(),
            fit_intercept=False,
            C=3.0,
        )
        problems[f"K={K} no intercept"] = Problem(X, y, K, fit_intercept=False)
        scaled = X * [1, 1e-4, 1e4, 1] + [0, 1, 0, 1e5]
        problems[f"K={K} scales"] = Problem(scaled, y, K, C=1.0)
        problems[f"K={K} scales, unpenalised"] = Problem(scaled, y, K)
        problems[f"K={K} correlated"] = Problem(X @ (np.ones((4, 4)) + 0.05 * np.eye(4)), y, K)
    problems["wide"] = Problem(rng.normal(size=(40, 100)), np.arange(40) % 2, 2, C=1.0)
    return problems


PROBLEMS = smooth_problems()
# Those that go on for the digits that a gap does not show.
POLISHED = ("newton-cg", "lbfgs")
HASTY = GradientDescent(learning_rate=0.05, epochs=300)
CELLS = [
    (name, solver)
    for (name, problem), solver in itertools.product(PROBLEMS.items(), FITS)
    if ("none" if np.isinf(problem.C) else "l2") in FITS[solver]
]


@functools.cache
def smooth_fit(name, solver):
    problem = PROBLEMS[name]
    own = HASTY if solver == "gradient-descent" else solver
    model = LogisticRegression(C=problem.C, fit_intercept=problem.fit_intercept, solver=own)
    caught = fit_recording(model, problem.X, problem.y, **problem.fit_arguments())
    return model, caught


@pytest.mark.parametrize(("name", "solver"), CELLS)
def test_every_solver_reaches_the_same_objective(name, solver):
    """No solver is proved to be above what another has reached."""
    model, caught = smooth_fit(name, solver)
    best = min(smooth_fit(name, other)[0].objective_ for other in ("newton-cholesky", "lbfgs"))
    assert model.objective_ - model.optimality_gap_ <= best + 1e-15
    assert model.objective_ >= best - 1e-12
    if solver == "gradient-descent":
        assert model.converged_ or len(caught) == 1
    else:
        assert model.converged_
        assert caught == []
        assert model.objective_ <= best + model.tol
        # Of a column as it varies in the rows, in log-odds.
        spread, exact = PROBLEMS[name].X.std(axis=0), smooth_fit(name, "newton-cholesky")[0]
        coef, near = model.coef_ * spread, 1e-8 if solver in POLISHED else NEAR
        np.testing.assert_allclose(coef, exact.coef_ * spread, rtol=near, atol=near / 100)


# --------------------------------------------------------------------- kinked penalties: the edges

EDGES = [
    pytest.param(K, ratio, storage, id=f"K={K} l1_ratio={ratio} {storage}")
    for K in (2, 3)
    for ratio in (1.0, 0.5)
    for storage in ("dense", "CSR")
]


def fitted(X, y, storage, **parameters):
    model = LogisticRegression(**parameters)
    assert fit_recording(model, STORAGES[storage](X), y) == []
    return model


def largest_lambda(X, y, ratio):
    """From the slopes at 0, where only the intercepts are fitted."""
    K = int(y.max()) + 1
    target = np.eye(K)[y]
    return np.abs(X.T @ (target - target.mean(axis=0))).max() / (y.size * ratio)


@pytest.mark.parametrize(("K", "ratio", "storage"), EDGES)
def test_above_the_largest_lambda_all_is_zero_but_the_base_rates(K, ratio, storage):
    X, y = data(K)
    strength = largest_lambda(X, y, ratio)
    shares = np.bincount(y) / y.size
    base = np.log(shares) - np.log(shares).mean() if K > 2 else np.log(shares[1:] / shares[0])
    for factor in (1.0 + 1e-6, 30.0):
        model = fitted(X, y, storage, C=1 / (factor * strength * y.size), l1_ratio=ratio)
        assert not model.coef_.any()
        found = model.intercept_ - model.intercept_.mean() * (K > 2)
        np.testing.assert_allclose(found, base, atol=1e-7)
    given = STORAGES[storage](X)
    path = regularization_path(given, y, lambdas=strength * np.array([30, 1.0 + 1e-6, 0.999]),
                               l1_ratio=ratio)  # fmt: skip
    assert np.count_nonzero(path.coefs.reshape(3, -1), axis=1).tolist()[:2] == [0, 0]
    assert path.coefs[2].any()
    assert fitted(X, y, storage, C=1 / (0.999 * strength * y.size), l1_ratio=ratio).coef_.any()


def centred(coef):
    """Without what a softmax does not see: a shift of a column's coefficients."""
    coef = np.atleast_2d(coef)
    return coef - coef.mean(axis=0) * (len(coef) > 1)


@pytest.mark.parametrize(("K", "ratio", "storage"), EDGES)
def test_near_a_lambda_of_zero_it_is_the_fit_without_a_penalty(K, ratio, storage):
    X, y = data(K)
    coef, _, value = minimum(K, "none")
    model = fitted(X, y, storage, C=1e7, l1_ratio=ratio)
    path = regularization_path(
        STORAGES[storage](X), y, l1_ratio=ratio, n_lambdas=20, lambda_ratio=1e-8, tol=1e-12
    )
    assert path.gaps.max() <= 1e-12
    np.testing.assert_allclose(centred(model.coef_), coef, atol=NEAR)
    np.testing.assert_allclose(centred(path.coefs[-1]), coef, atol=NEAR)
    assert model.objective_ == pytest.approx(value, abs=1e-7)
    assert path.objectives[-1] == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize(("K", "ratio", "storage"), EDGES)
def test_the_copies_of_a_column_share_what_it_has(K, ratio, storage):
    """Under L1 in any parts of one sign; under an L2 part too, evenly."""
    X, y = data(K)
    alone = fitted(X, y, storage, C=0.3, l1_ratio=1.0)
    twice = np.column_stack([X, X[:, 0]])
    model = fitted(twice, y, storage, C=0.3, l1_ratio=ratio)
    l2, l1 = per_row(y.size, 0.3, ratio)
    assert broken(twice, y, model.coef_, model.intercept_, l2, l1) <= NEAR
    first, copy = model.coef_[:, 0], model.coef_[:, 5]
    if ratio == 1.0:
        np.testing.assert_allclose(first + copy, alone.coef_[:, 0], atol=NEAR)
        np.testing.assert_allclose(model.coef_[:, 1:5], alone.coef_[:, 1:], atol=NEAR)
        assert (first * copy >= 0).all()
        assert model.objective_ == pytest.approx(alone.objective_, abs=2e-12)
    else:
        np.testing.assert_allclose(first, copy, atol=NEAR)
        assert first.any()


@pytest.mark.parametrize(("K", "ratio", "storage"), EDGES)
def test_columns_of_zeros_stay_at_zero_and_change_nothing(K, ratio, storage):
    X, y = data(K)
    alone = fitted(X, y, storage, C=0.3, l1_ratio=ratio)
    wider = np.insert(X, [0, 3, 5], 0.0, axis=1)
    model = fitted(wider, y, storage, C=0.3, l1_ratio=ratio)
    empty = [0, 4, 7]
    assert not wider[:, empty].any()
    assert not model.coef_[:, empty].any()
    np.testing.assert_allclose(np.delete(model.coef_, empty, axis=1), alone.coef_, atol=NEAR)


@pytest.mark.parametrize("shape", [(24, 80), (60, 1)], ids=["n < p", "p = 1"])
@pytest.mark.parametrize(("K", "ratio", "storage"), EDGES)
def test_wide_and_narrow_rows_meet_the_conditions_along_the_whole_path(K, ratio, storage, shape):
    """From the largest lambda to one so small that separable classes are all but told apart."""
    X, y = rows(3, *shape, K)
    strengths = largest_lambda(X, y, ratio) * np.array([0.5, 0.1, 1e-2, 1e-4])
    for strength in strengths:
        model = fitted(X, y, storage, C=1 / (strength * y.size), l1_ratio=ratio)
        conditions = (1 - ratio) * strength, ratio * strength
        assert broken(X, y, model.coef_, model.intercept_, *conditions) <= NEAR
    path = regularization_path(STORAGES[storage](X), y, lambdas=strengths, l1_ratio=ratio)
    assert path.gaps.max() <= 1e-9
    assert path.objectives[-1] == pytest.approx(model.objective_, abs=1e-9)
