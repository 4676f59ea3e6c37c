"""L1, elastic net, factors and bounds: the conditions of a minimum, and the proof."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import scale

from oddsmith import LogisticRegression, ParameterError
from oddsmith.core import descent, fused_columns, fused_descent, sparse_descent
from oddsmith.core.columns import Standardisation
from oddsmith.core.penalty import Penalty
from oddsmith.solvers import column_model, working_set
from oddsmith.solvers.active_set import ActiveSet
from oddsmith.solvers.duality_gap import duality_gap
from oddsmith.solvers.sparse_columns import SparseColumns
from oddsmith.solvers.working_set import WorkingSet

LD = np.longdouble


def rows(seed, n, p, K=2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.5 * rng.normal(size=(n, 1))
    margin = X[:, : min(p, 5)].sum(axis=1)
    if K == 2:
        y = (rng.logistic(size=n) < margin).astype(int)
    else:
        y = (np.outer(margin, np.linspace(-1, 1, K)) + rng.gumbel(size=(n, K))).argmax(axis=1)
    y[:K] = np.arange(K)
    return X, y


def slopes(X, y, coef, intercept, weight, offset, kind=float):
    """Weighted losses (n,) and slopes (n, K), in any precision: nothing of oddsmith in it."""
    margin = X.astype(kind) @ coef.T.astype(kind) + intercept.astype(kind) + offset.astype(kind)
    if coef.shape[0] == 1:
        sign = 1 - 2 * y
        z = sign * margin[:, 0]
        losses = np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
        with np.errstate(over="ignore"):
            slope = (sign / (1 + np.exp(-z)))[:, None]
    else:
        top = margin.max(axis=1, keepdims=True)
        whole = np.log(np.exp(margin - top).sum(axis=1)) + top[:, 0]
        losses = whole - margin[np.arange(y.size), y]
        slope = np.exp(margin - whole[:, None])
        slope[np.arange(y.size), y] -= 1
    return weight * losses, weight[:, None] * slope


def assert_minimum(model, X, y, C, ratio, *, weight=None, offset=None, factors=1.0, tol=1e-7):
    """Each coefficient's own condition, and the intercepts'."""
    X = X.toarray() if sp.issparse(X) else X
    weight = np.ones(y.size) if weight is None else weight
    offset = np.zeros((y.size, 1)) if offset is None else offset.reshape(y.size, -1)
    _, slope = slopes(X, y, model.coef_, model.intercept_, weight, offset)
    gradient = (slope.T @ X) * C + (1 - ratio) * factors * model.coef_
    kink = np.broadcast_to(ratio * factors, gradient.shape)
    size = C * weight.sum() * np.abs(X).max()
    at_zero = model.coef_ == 0
    assert (np.abs(gradient)[at_zero] <= kink[at_zero] + tol * size).all()
    moved = gradient + kink * np.sign(model.coef_)
    assert np.abs(moved[~at_zero]).max(initial=0.0) <= tol * size
    if model.fit_intercept:
        assert np.abs(slope.sum(axis=0)).max() <= tol * weight.sum()


@given(
    st.integers(0, 10**6),
    st.sampled_from([2, 3]),
    st.sampled_from([(60, 4), (25, 60), (40, 1)]),
    st.floats(-2.5, 1.5),
    st.sampled_from([1.0, 0.5, 0.05]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_it_ends_where_every_coefficient_is_at_its_minimum(
    seed, K, shape, log_C, ratio, intercept, sparse
):
    """More columns than rows, one column, columns of zeros, twice the same, weights and offsets."""
    X, y = rows(seed, *shape, K)
    rng = np.random.default_rng(seed)
    if shape[1] > 3:
        X[:, 2] = 0.0
        X[:, 3] = X[:, 0]
    weight = rng.uniform(0.2, 2.0, y.size)
    offset = rng.normal(size=y.size if K == 2 else (y.size, K))
    given_rows = sp.csr_array(X) if sparse else X
    model = LogisticRegression(C=10**log_C, l1_ratio=ratio, fit_intercept=intercept)
    model.fit(given_rows, y, sample_weight=weight, offset=offset)
    assert model.solver_ == "proximal-newton"
    assert model.converged_
    assert_minimum(model, X, y, 10**log_C, ratio, weight=weight, offset=offset)


@given(
    st.integers(0, 10**6),
    st.sampled_from([2, 3]),
    st.sampled_from([1.0, 0.5]),
    st.sampled_from([1e-2, 1e-5, 1e-12]),
)
@settings(max_examples=40, deadline=None)
def test_the_gap_is_never_less_than_the_distance(seed, K, ratio, tol):
    """In long double, from a fit that was stopped early to one that went on to the end."""
    X, y = rows(seed, 50, 8, K)
    C = 0.3
    ends = [LogisticRegression(C=C, l1_ratio=ratio, tol=t).fit(X, y) for t in (tol, 1e-14 * 5)]
    objectives = []
    for model in ends:
        weight, offset = np.ones(y.size), np.zeros((y.size, 1))
        losses, _ = slopes(X, y, model.coef_, model.intercept_, weight, offset, LD)
        coef = model.coef_.astype(LD)
        penalty = (1 - ratio) / 2 * (coef**2).sum() + ratio * np.abs(coef).sum()
        objectives.append((losses.sum() + penalty / LD(C)) / y.size)
        assert abs(float(objectives[-1]) - model.objective_) < 1e-14
    assert ends[0].optimality_gap_ >= float(objectives[0] - objectives[1]) - 1e-17
    assert ends[0].optimality_gap_ <= max(tol, 1e-13)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_factors_and_bounds_against_a_solver_for_bounds_alone(K, ratio):
    """Coefficients as differences of two numbers >= 0, by SciPy's L-BFGS-B."""
    X, y = rows(3, 200, 8, K)
    factors = np.array([0.0, 1.0, 2.5, np.inf, 1.0, 0.0, 1.0, 1.0])
    low = np.array([-np.inf, 0.0, -0.1, -np.inf, -0.05, -np.inf, -np.inf, -np.inf])
    high = np.array([np.inf, np.inf, 0.2, np.inf, np.inf, 0.3, 0.0, np.inf])
    C, width, p = 0.1, 1 if K == 2 else K, 8
    model = LogisticRegression(
        C=C, l1_ratio=ratio, penalty_factors=factors, lower_bounds=low, upper_bounds=high
    ).fit(X, y)
    scale = np.where(np.isinf(factors), 1.0, factors) / C

    def value(t):
        up, down = t[: 2 * p * width].reshape(2, width, p)
        coef, intercept = up - down, t[2 * p * width :]
        losses, slope = slopes(X, y, coef, intercept, np.ones(200), np.zeros((200, 1)))
        kinks = ratio * (scale * (up + down)).sum()
        total = losses.sum() + kinks + (1 - ratio) / 2 * (scale * coef**2).sum()
        gradient = slope.T @ X + (1 - ratio) * scale * coef
        kink = ratio * scale
        return total, np.concatenate(
            [(gradient + kink).ravel(), (kink - gradient).ravel(), slope.sum(axis=0)]
        )

    out = np.isinf(factors)
    ups = [
        (0.0, None if np.isinf(h) and not o else 0.0 if o else h)
        for h, o in zip(high, out, strict=True)
    ]
    downs = [
        (0.0, None if np.isinf(b) and not o else 0.0 if o else -b)
        for b, o in zip(low, out, strict=True)
    ]
    found = minimize(
        value,
        np.zeros((2 * p + 1) * width),
        jac=True,
        method="L-BFGS-B",
        bounds=ups * width + downs * width + [(None, None)] * width,
        options={"maxiter": 20_000, "maxfun": 50_000, "ftol": 1e-16, "gtol": 1e-10},
    )
    assert model.converged_
    assert model.objective_ == pytest.approx(found.fun / 200, abs=1e-11)
    assert (model.coef_[:, 3] == 0).all()
    assert (model.coef_ >= low).all()
    assert (model.coef_ <= high).all()


@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("lower", [-2.0, -np.inf])
def test_bounds_hold_what_nothing_else_does(C, lower):
    """Unpenalised columns of separable classes stop at their bounds, all of them proved."""
    X, _ = rows(0, 60, 4)
    y = (X[:, 0] + 0.1 * X[:, 1] > 0).astype(int)
    bounds = {"lower_bounds": lower, "upper_bounds": np.array([2.0, 0.5, 3.0, 0.0])}
    model = LogisticRegression(C=C, penalty_factors=[0, 0, 1, 0], **bounds).fit(X, y)
    assert (model.coef_ >= lower).all()
    assert (model.coef_ <= bounds["upper_bounds"]).all()
    assert model.coef_[0, 0] == 2.0
    assert model.optimality_gap_ <= 1e-12


def test_columns_far_from_zero_are_proved_as_well():
    X, y = rows(1, 60, 3)
    near, far = (LogisticRegression(C=0.5, l1_ratio=1.0).fit(X + at, y) for at in (0.0, 1e8))
    assert far.optimality_gap_ <= 1e-12
    np.testing.assert_allclose(far.coef_, near.coef_, atol=1e-5)


def test_all_coefficients_are_zero_above_the_largest_penalty():
    X, y = rows(1, 80, 6)
    largest = np.abs((y.mean() - y) @ X).max()
    model = LogisticRegression(C=0.999 / largest, l1_ratio=1.0).fit(X, y)
    assert (model.coef_ == 0).all()
    assert model.intercept_[0] == pytest.approx(np.log(y.mean() / (1 - y.mean())), abs=1e-12)
    assert (LogisticRegression(C=1.02 / largest, l1_ratio=1.0).fit(X, y).coef_ != 0).any()


def test_separable_classes_have_a_minimum_under_a_small_penalty():
    X = np.linspace(-1, 1, 40)[:, None]
    y = (X[:, 0] > 0).astype(int)
    model = LogisticRegression(C=1e4, l1_ratio=1.0).fit(X, y)
    assert model.converged_
    assert_minimum(model, X, y, 1e4, 1.0, tol=1e-10)


@pytest.mark.parametrize("C", [1e2, 1e3])
def test_correlated_columns_under_a_small_penalty_arrive(C):
    """Columns that nearly depend on each other: a step stops where coefficients come to 0."""
    X, y = load_breast_cancer(return_X_y=True)
    kept, _ = next(StratifiedKFold(5).split(X, y))
    X, y = scale(X)[kept], y[kept]
    model = LogisticRegression(C=C, l1_ratio=1.0, tol=1e-11).fit(X, y)
    assert model.converged_
    assert_minimum(model, X, y, C, 1.0, tol=1e-9)


@pytest.mark.parametrize(
    ("C", "K", "layout"),
    [(1e2, 2, np.asarray), (1e4, 2, np.asarray), (1e4, 2, sp.csr_array), (1e2, 3, np.asarray)],
)
def test_many_columns_of_a_few_causes_arrive(C, K, layout):
    """Directions that a Hessian in float32 does not know: one in float64 takes its place."""
    rng = np.random.default_rng(0)
    cause = rng.normal(size=(200, 3))
    X = cause @ rng.normal(size=(3, 40)) + 1e-3 * rng.normal(size=(200, 40))
    y = ((X[:, :5] > 0).sum(axis=1) + rng.logistic(size=200)) / 3 * (K - 1)
    y = np.clip(np.floor(y), 0, K - 1).astype(int)
    model = LogisticRegression(C=C, l1_ratio=1.0, tol=1e-10).fit(layout(X), y)
    assert model.converged_
    assert_minimum(model, X, y, C, 1.0, tol=1e-8)


def test_a_hessian_in_float64_grows_with_its_set_and_gives_way_to_a_large_one(monkeypatch):
    X, y = rows(9, 80, 12)
    penalty = LogisticRegression(C=1.0, l1_ratio=1.0)
    expected = penalty.fit(X, y).coef_
    monkeypatch.setattr(WorkingSet, "__init__", _sharp(WorkingSet.__init__))
    np.testing.assert_allclose(penalty.fit(X, y).coef_, expected, atol=1e-8)
    monkeypatch.setattr(working_set, "_MOST_PRECISE", 6 * 80)
    np.testing.assert_allclose(penalty.fit(X, y).coef_, expected, atol=1e-8)


def _sharp(made):
    def make(self, objective):
        made(self, objective)
        assert self.sharpen()
        assert not self.sharpen()

    return make


def test_dense_sparse_and_any_number_of_threads_give_the_same():
    X, y = rows(5, 3000, 60)
    X[np.abs(X) < 0.7] = 0.0
    fits = [
        LogisticRegression(C=0.05, l1_ratio=1.0, n_jobs=jobs).fit(given_rows, y)
        for given_rows in (X, np.asfortranarray(X), sp.csr_array(X), sp.csc_array(X))
        for jobs in (1, 2)
    ]
    for one, two in zip(fits[::2], fits[1::2], strict=True):
        np.testing.assert_array_equal(one.coef_, two.coef_)
    for other in fits[2:]:
        np.testing.assert_allclose(other.coef_, fits[0].coef_, atol=1e-7)
        np.testing.assert_array_equal(other.coef_ != 0, fits[0].coef_ != 0)
        assert other.objective_ == pytest.approx(fits[0].objective_, abs=1e-12)


def test_far_columns_and_scales_change_nothing_but_the_scale():
    X, y = rows(6, 150, 5)
    model = LogisticRegression(C=1.0, l1_ratio=1.0, penalty_factors=np.full(5, 1.0)).fit(X, y)
    scales = np.array([1e-3, 1.0, 1e3, 1.0, 1.0])
    moved = LogisticRegression(C=1.0, l1_ratio=1.0, penalty_factors=scales)
    moved.fit(X * scales + np.array([0, 1e4, 0, 0, 0]), y)
    np.testing.assert_allclose(moved.coef_ * scales, model.coef_, atol=1e-6)
    assert moved.converged_


@given(st.integers(0, 10**6), st.integers(1, 12), st.booleans())
@settings(max_examples=30, deadline=None)
def test_compiled_and_plain_descent_are_the_same(seed, m, bounded):
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(m + 2, m))
    H, q, u = (half.T @ half).astype(np.float32), rng.normal(size=m), rng.normal(size=m)
    l1 = rng.uniform(0, 1, m)
    low = -rng.uniform(0, 1, m) if bounded else np.full(m, -np.inf)
    high = rng.uniform(0, 1, m) if bounded else np.full(m, np.inf)
    results = []
    for module in (descent, fused_descent):
        own_q, own_u = q.copy(), u.copy()
        worst = module.descend(H, own_q, own_u, l1, low, high, 3, 0.0)
        extra = np.zeros(m)
        module.add_rows(H, np.arange(0, m, 2), u[::2].copy(), extra)
        results.append((own_q, own_u, worst, extra))
    for plain, fused in zip(*results, strict=True):
        np.testing.assert_allclose(plain, fused, rtol=1e-9, atol=1e-12)


@given(st.integers(0, 10**6), st.integers(2, 20))
@settings(max_examples=30, deadline=None)
def test_an_active_set_solves_its_own_equations(seed, m):
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(2 * m, m))
    H = (half.T @ half / m).astype(np.float32)
    base = np.flatnonzero(rng.random(m) < 0.6)
    base = base if base.size else np.array([0])
    active_set = ActiveSet(H, base)
    for _ in range(3):
        active = np.flatnonzero(rng.random(m) < 0.6)
        if active.size == 0 or not active_set.change_to(active):
            continue
        right = rng.normal(size=active.size)
        exact = np.linalg.solve(H[np.ix_(active, active)].astype(float), right)
        np.testing.assert_allclose(active_set.solve(right), exact, rtol=0.02, atol=0.02)


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_fenchel_gaps_are_what_their_definition_says(seed, ridge, bounded):
    """The conjugate by looking at many points."""
    rng = np.random.default_rng(seed)
    m = 6
    low = -rng.uniform(0, 2, m) if bounded else np.full(m, -50.0)
    high = rng.uniform(0, 2, m) if bounded else np.full(m, 50.0)
    penalty = Penalty(np.full(m, ridge), rng.uniform(0.1, 1, m), low, high)
    coef = np.clip(rng.normal(size=m) * (rng.random(m) < 0.7), low, high)
    v = rng.normal(size=m)
    t = np.sort(np.concatenate([np.linspace(low, high, 20_001), np.zeros((1, m))]), axis=0)
    own = ridge / 2 * t**2 + penalty.l1 * np.abs(t)
    conjugate = (-v * t - own).max(axis=0)
    expected = ridge / 2 * coef**2 + penalty.l1 * np.abs(coef) + v * coef + conjugate
    np.testing.assert_allclose(penalty.fenchel(coef, v), expected, atol=1e-4)
    assert (penalty.fenchel(coef, v) >= 0).all()


def test_a_gap_is_infinite_where_the_rows_say_nothing():
    penalty = Penalty(np.zeros(1), np.ones(1))
    losses = np.full(2, 700.0)
    gap = duality_gap(penalty, np.ones(1), np.full(1, 2.0), losses, np.ones(2), 0.0, np.ones(1))
    assert gap == np.inf


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"penalty_factors": [1.0, -1.0]}, "penalty_factors is -1.0 for column 1"),
        ({"penalty_factors": [1.0]}, "penalty_factors has shape"),
        ({"lower_bounds": 1.0}, "lower_bounds is 1.0"),
        ({"upper_bounds": [0.0, np.nan]}, "upper_bounds is nan"),
        ({"upper_bounds": "high"}, "upper_bounds is not made of numbers"),
        ({"l1_ratio": 1.0, "solver": "lbfgs"}, "use 'auto' or 'proximal-newton'"),
        ({"lower_bounds": 0.0, "solver": "newton-kernel"}, "lower_bounds"),
    ],
)
def test_what_cannot_be_used_is_named(parameters, named):
    X, y = rows(0, 30, 2)
    with pytest.raises(ParameterError, match=named):
        LogisticRegression(**parameters).fit(X, y)


def columns_and_model(seed, m, bounded):
    """Sparse columns, and a model of them, as `descend` takes them; the columns dense as well."""
    rng = np.random.default_rng(seed)
    n = 2 * m + 3
    S = sp.random_array((n, m), density=0.5, rng=rng, format="csc").astype(np.float32)
    t = rng.uniform(0.5, 1.0, n)
    t /= np.linalg.norm(t)
    mean = S.T @ t
    centred = S.toarray() - np.outer(t, mean)
    ridge = rng.uniform(0, 1, m)
    curvature = (centred**2).sum(axis=0) + ridge
    low = -rng.uniform(0, 1, m) if bounded else np.full(m, -np.inf)
    high = rng.uniform(0, 1, m) if bounded else np.full(m, np.inf)
    q, u = rng.normal(size=m), np.clip(rng.normal(size=m), low, high)
    memory = (S.indptr.astype(np.uint64), S.indices.astype(np.uint32), S.data)
    model = (np.arange(m, dtype=np.uint32), curvature, mean, ridge, q)
    return memory, model, u, (rng.uniform(0, 1, m), low, high), centred, n


@given(st.integers(0, 10**6), st.integers(1, 12), st.booleans())
@settings(max_examples=30, deadline=None)
def test_sweeps_over_sparse_columns_end_where_sweeps_over_their_hessian_do(seed, m, bounded):
    memory, model, u, own, centred, n = columns_and_model(seed, m, bounded)
    results = []
    for module in (sparse_descent, fused_columns):
        own_u, r = u.copy(), np.zeros(n, dtype=np.float32)
        done, ended = module.descend(*memory, *model, own_u, *own, r, 3, 1e-30)
        results.append((own_u, r, done, ended))
    for plain, fused in zip(*results, strict=True):
        np.testing.assert_allclose(plain, fused, rtol=1e-4, atol=1e-5)
    q, there = model[-1].copy(), u.copy()
    H = centred.T @ centred + np.diag(model[-2])
    descent.descend(H, q, there, *own, 3, 0.0)
    np.testing.assert_allclose(results[0][0], there, rtol=1e-3, atol=1e-4)


@given(st.integers(0, 10**6), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=30, deadline=None)
def test_sparse_columns_are_those_of_the_rows(seed, ones, centred, repeated):
    rng = np.random.default_rng(seed)
    n, p = 30, 12
    X = sp.random_array((n, p), density=0.3, rng=rng, format="csr")
    if repeated:
        halves = (np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr)
        X = sp.csr_array(halves, shape=X.shape)
    center = rng.normal(size=p) * (rng.random(p) < 0.3) * centred
    how = Standardisation(center, 2.0 ** rng.integers(-2, 3, p))
    columns = SparseColumns(X, how, ones, lambda task, parts: [task(part) for part in parts])
    first, second = np.sort(rng.permutation(p)[:8].reshape(2, 4), axis=1)
    columns.take(first)
    columns.take(second)
    Z = ((X.toarray() - how.center) / how.scale)[:, np.concatenate([first, second])]
    Z = np.hstack([np.ones((n, int(ones))), Z])
    D, R, weight = rng.normal(size=(Z.shape[1], 2)), rng.normal(size=(n, 2)), rng.uniform(0, 1, n)
    S, squares, sums = columns.scaled(weight)
    assert S.size == columns.entries
    np.testing.assert_allclose(columns.dense(np.arange(Z.shape[1])), Z.T, atol=1e-14)
    np.testing.assert_allclose(columns.by_row().toarray(), Z, atol=1e-14)
    np.testing.assert_allclose(columns.times(D), Z @ D, atol=1e-12)
    np.testing.assert_allclose(columns.transposed_times(R), Z.T @ R, atol=1e-12)
    whole = (X.toarray() - how.center) / how.scale
    np.testing.assert_allclose(columns.whole_transposed_times(R), whole.T @ R, atol=1e-12)
    np.testing.assert_allclose(squares, weight @ Z**2, rtol=1e-5)
    np.testing.assert_allclose(sums, weight @ Z, rtol=1e-5, atol=1e-5)


def test_a_hessian_is_formed_where_sweeps_do_not_end(monkeypatch):
    for name in ("_EXPECTED", "_PRODUCT", "_NUMBER"):
        monkeypatch.setattr(column_model, name, 0)
    monkeypatch.setattr(column_model, "_MOST", 1)
    models = []
    begin = column_model.ColumnModel.__init__

    def remember(own, working):
        begin(own, working)
        models.append(own)

    monkeypatch.setattr(column_model.ColumnModel, "__init__", remember)
    X, y = rows(2, 25, 60)
    model = LogisticRegression(C=3.0, l1_ratio=1.0).fit(sp.csr_array(X), y)
    assert any(own.slow for own in models)
    assert model.converged_
    assert_minimum(model, X, y, 3.0, 1.0)


@pytest.mark.parametrize("fold", [1, 3])
@pytest.mark.parametrize("C", [1e5, 1e6])
def test_a_walk_goes_on_while_the_objective_falls(fold, C):
    """Separated classes, many columns of few entries: for long the gap tells nothing."""
    X = sp.random_array((120, 50), density=0.05, random_state=0, format="csr")
    rng = np.random.default_rng(0)
    B = rng.normal(size=(120, 6))
    y = (B[:, 0] - B[:, 1] + rng.logistic(size=120) > 0).astype(int)
    own = list(StratifiedKFold(5).split(B, y))[fold][0]
    model = LogisticRegression(C, l1_ratio=1, tol=1e-10).fit(X[own], y[own])
    assert model.converged_
