"""Gradient descent: rules, schedules, batches, L1, early stopping, replays, streams."""

import copy
import pickle
import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.preprocessing import StandardScaler
from test_core_laws import objective_of

from oddsmith import ConvergenceWarning, DataError, LogisticRegression, ParameterError
from oddsmith.core.block import CountedSource
from oddsmith.core.columns import column_statistics
from oddsmith.core.kernels import LargestRow
from oddsmith.data.memory import memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.solvers import GradientDescent
from oddsmith.solvers import l1_proof as proving
from oddsmith.solvers.gradient_descent import Descent
from oddsmith.solvers.l1_proof import prove_with_l1
from oddsmith.solvers.minimise import Task, minimise
from oddsmith.solvers.rules import RULES, SCHEDULES, rule_named, schedule_named
from oddsmith.solvers.steady_rate import rose, steady_rate

NAMES = [rule.name for rule in RULES]


def data(seed=0, n=120, p=4, K=2):
    """Overlapping classes that the columns tell something of."""
    rng = np.random.default_rng(seed)
    X, truth = rng.normal(size=(n, p)), rng.normal(size=(p, K))
    return X, (X @ truth + rng.gumbel(size=(n, K))).argmax(axis=1).astype(np.int8)


def fit(X, y, solver, *, l2=0.0, l1=0.0, K=2, intercept=True, weight=None, offset=None, **task):
    blocks = memory_blocks(X, y.astype(np.int8), weight, offset, width=1 if K == 2 else K)
    with Threads(blocks, 1) as threads:
        source = CountedSource(threads)
        columns = source.fold(column_statistics)
        asked = Task(K, intercept, l2, sp.issparse(X), 1e-12, l1=l1, **task)
        return minimise(source, columns, solver, asked)


def quiet(model, X, y, **arguments):
    """A fit that is meant to end after its epochs, wherever that is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **arguments)


# ------------------------------------------------------------------------------------ the rules


def by_hand(rule, gradient_at, start, rate, steps):
    """The rules as the frameworks write them: velocities, not displacements."""
    x, v, m, s = start.copy(), 0 * start, 0 * start, 0 * start
    for t in range(1, steps + 1):
        g = gradient_at(x)
        if rule == "plain":
            x = x - rate * g
        elif rule == "momentum":
            v = 0.9 * v + g
            x = x - rate * v
        elif rule == "nesterov":
            v = 0.9 * v + g
            x = x - rate * (g + 0.9 * v)
        else:
            m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
            x = x - rate * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    return x


@pytest.mark.parametrize("rule", NAMES)
@pytest.mark.parametrize("K", [2, 3])
def test_rules_are_those_of_the_literature(rule, K):
    X, y = data(1, K=K)
    objective = objective_of(X, y, K, l2=2.0)
    road = objective.in_coordinates(GradientDescent().coordinates(objective, False))

    def gradient_at(coef):
        return road.evaluate(coef, 1).gradient / road.weight

    expected = by_hand(rule, gradient_at, np.zeros(road.size), 0.05, 20)
    found = fit(X, y, GradientDescent(0.05, 20, rule=rule), l2=2.0, K=K)
    table = expected.reshape(-1, found.coef.shape[1])
    table -= table.mean(axis=1, keepdims=True) if K > 2 else 0.0
    np.testing.assert_allclose(found.coef, table[:-1], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found.intercept, table[-1], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name])
def test_schedules_fall_from_the_whole_rate(name):
    shares = [schedule_named(name)(epoch, 40) for epoch in range(41)]
    assert shares[0] == 1.0
    assert all(after <= before for before, after in pairwise(shares))
    assert 0.0 <= shares[40] < 0.1
    assert schedule_named(name)(80, 40) <= shares[40], "a stream may go on for longer"


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_a_share_of_the_learning_rate(name):
    """As if every epoch had a rate of its own."""
    X, y = data()
    found = fit(X, y, GradientDescent(0.5, 8, schedule=name))
    state = None
    objective = objective_of(X, y, 2, l2=0.0)
    objective = objective.in_coordinates(GradientDescent().coordinates(objective, False))
    for epoch in range(8):
        solver = GradientDescent(0.5 * (schedule_named(name)(epoch, 8) or 1e-300))
        state = solver.begin(objective.size, None, 0) if state is None else state
        gradient = objective.evaluate(state.coef, 1).gradient
        state = solver.after_epoch(objective, state, gradient)
    np.testing.assert_allclose(found.coef[:, 0], state.coef[:-1], rtol=1e-10)


@pytest.mark.parametrize("share", [-0.1, np.nan, np.inf, "half", None])
def test_a_schedule_that_gives_no_share_is_named(share):
    X, y = data()
    with pytest.raises(ParameterError, match=r"schedule gave .* in epoch 0"):
        fit(X, y, GradientDescent(schedule=lambda epoch, epochs: share))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rule", "adagrad"),
        ("rule", None),
        ("rule", ["adam"]),
        ("schedule", "warm"),
        ("schedule", 0.5),
        ("schedule", ["step"]),
        ("init", "ones"),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("patience", 0),
        ("shuffle", 1),
        ("early_stopping", "yes"),
        ("standardize", None),
    ],
)
def test_parameters_that_cannot_be_used_are_named(name, value):
    with pytest.raises(ParameterError, match=name):
        GradientDescent(**{name: value})


# -------------------------------------------------------------------------------- where it walks


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("intercept", [True, False])
def test_standardize_is_a_standard_scaler(K, intercept):
    """Without a penalty, which stays on the user's scale, the walks are the same."""
    X, y = data(2, K=K)
    X = X * np.array([1e3, 1.0, 1e-3, 1.0]) + np.array([5e3, 0.0, 0.1, -3.0])
    X[:, 3] = 7.0  # a constant column
    scaler = StandardScaler(with_mean=intercept).fit(X)
    own = fit(X, y, GradientDescent(0.3, 25, standardize=True), K=K, intercept=intercept)
    theirs = fit(scaler.transform(X), y, GradientDescent(0.3, 25), K=K, intercept=intercept)
    coef = theirs.coef / scaler.scale_[:, None]
    center = scaler.mean_ if intercept else np.zeros(4)
    np.testing.assert_allclose(own.coef, coef, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(own.intercept, theirs.intercept - center @ coef, rtol=1e-9)
    np.testing.assert_allclose(own.history["loss"], theirs.history["loss"], rtol=1e-9)
    assert own.state is None, "a stream could not go on from these coordinates"


def test_sparse_columns_are_scaled_and_not_centred():
    X, y = data(3)
    X[np.abs(X) < 0.7] = 0.0
    solver = GradientDescent(0.3, 25, standardize=True)
    own = fit(sp.csr_array(X), y, solver)
    scaled = fit(X / X.std(axis=0), y, GradientDescent(0.3, 25))
    np.testing.assert_allclose(own.coef[:, 0] * X.std(axis=0), scaled.coef[:, 0], rtol=1e-9)


def test_a_normal_start_is_drawn_from_the_random_state_intercept_last():
    X, y = data()
    model = LogisticRegression(
        C=np.inf, solver=GradientDescent(1e-9, 1, init="normal"), random_state=5, record_coef=True
    )
    history = quiet(model, X, y).history_
    drawn = np.random.default_rng(5).normal(size=5)
    np.testing.assert_allclose(history["coef"][0, 0], drawn[:4], rtol=1e-12)
    np.testing.assert_allclose(history["intercept"][0], drawn[4:], rtol=1e-12)
    again = quiet(copy.deepcopy(model), X, y)
    assert (again.coef_ == model.coef_).all()
    model.set_params(random_state=6)
    assert (quiet(model, X, y).coef_ != again.coef_).all()


def test_the_bias_as_a_column_is_the_intercept():
    X, y = data()
    solver = GradientDescent(0.1, 50, init="normal")
    with_intercept = quiet(LogisticRegression(C=np.inf, solver=solver, random_state=3), X, y)
    column = LogisticRegression(C=np.inf, solver=solver, random_state=3, fit_intercept=False)
    quiet(column, np.column_stack([X, np.ones(len(X))]), y)
    np.testing.assert_allclose(column.coef_[0, :-1], with_intercept.coef_[0], rtol=1e-10)
    np.testing.assert_allclose(column.coef_[0, -1:], with_intercept.intercept_, rtol=1e-10)


@pytest.mark.parametrize("state", [np.random.RandomState(0), np.random.default_rng(0), None, 7])
def test_every_kind_of_random_state(state):
    X, y = data()
    solver = GradientDescent(0.1, 3, batch_size=8)
    model = quiet(LogisticRegression(solver=solver, random_state=state), X, y)
    assert model.descent_.epoch == 3


@pytest.mark.parametrize("state", [-1, "seed", 2.5, True])
def test_a_random_state_that_is_none_is_named(state):
    X, y = data()
    with pytest.raises(ParameterError, match="random_state="):
        LogisticRegression(random_state=state).fit(X, y)


# ----------------------------------------------------------------------------------- the batches


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 50), st.integers(0, 5))
def test_an_epoch_reads_every_row_that_counts_once(seed, n, size, epoch):
    rng = np.random.default_rng(seed)
    X, y = np.arange(float(n))[:, None], rng.integers(0, 2, n).astype(np.int8)
    weight = rng.integers(0, 3, n).astype(float)
    weight[0] = 1.0
    blocks = memory_blocks(X, y, weight)
    for order in (None, seed):
        batches = list(blocks.batches(size, epoch, order))
        read = np.concatenate([batch.X.ravel() for _, batch in batches]).astype(int)
        assert sorted(read) == np.flatnonzero(weight).tolist()
        assert sum(share for share, _ in batches) == pytest.approx(1.0)
        assert all(batch.y.size <= size for _, batch in batches)
        for _, batch in batches:
            at = batch.X.ravel().astype(int)
            assert (batch.y == y[at]).all()
            assert (batch.weight == weight[at]).all()
        again = [batch.X.ravel().tolist() for _, batch in blocks.batches(size, epoch, order)]
        assert again == [batch.X.ravel().tolist() for _, batch in batches]


def test_another_epoch_has_another_order():
    blocks = memory_blocks(np.arange(50.0)[:, None], np.zeros(50, dtype=np.int8))
    orders = [next(blocks.batches(50, epoch, 0))[1].X.ravel().tolist() for epoch in range(3)]
    assert orders[0] != orders[1] != orders[2]


@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(1, 15), st.floats(0.1, 10.0))
@settings(max_examples=50)
def test_the_mean_of_the_batch_gradients_is_the_gradient(seed, K, size, l2):
    X, y = data(seed, 30, 3, K)
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.0, 3.0, 30)
    width = 1 if K == 2 else K
    offset = rng.normal(size=30 if K == 2 else (30, K))
    blocks = memory_blocks(X, y.astype(np.int8), weight, offset, width)
    source = CountedSource(Threads(blocks, 1))
    objective = objective_of(X, y, K, l2=l2)
    objective = type(objective)(source, source.fold(column_statistics), K, objective.design, l2)
    coef = rng.normal(size=objective.size)
    total = sum(
        share * objective.batch_gradient(coef, block, share)
        for share, block in source.batches(size, 0, seed)
    )
    np.testing.assert_allclose(total, objective.evaluate(coef, 1).gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", NAMES)
def test_one_batch_of_all_rows_is_the_full_batch(rule):
    X, y = data()
    whole = fit(X, y, GradientDescent(0.1, 20, rule=rule), l2=1.0)
    batch = fit(X, y, GradientDescent(0.1, 20, rule=rule, batch_size=500, shuffle=False), l2=1.0)
    np.testing.assert_allclose(batch.coef, whole.coef, rtol=1e-10)


def test_batches_are_the_same_for_every_kind_of_matrix_and_number_of_threads():
    X, y = data(4, 200)
    X[np.abs(X) < 0.5] = 0.0
    solver = GradientDescent(0.1, 5, batch_size=16, rule="adam")
    dense = quiet(LogisticRegression(solver=solver, random_state=1), X, y)
    for kind in (sp.csr_array, sp.csc_array, np.asfortranarray):
        for n_jobs in (1, 2):
            model = LogisticRegression(solver=solver, random_state=1, n_jobs=n_jobs)
            quiet(model, kind(X), y)
            np.testing.assert_allclose(model.coef_, dense.coef_, rtol=1e-10)


def test_batches_need_rows_in_memory():
    class Far:
        n_rows, n_features = 3, 1

        def fold(self, kernel):
            raise AssertionError

    with pytest.raises(ParameterError, match="batch_size=8 needs rows in memory"):
        next(CountedSource(Far()).batches(8, 0, 0))


@pytest.mark.parametrize("rule", NAMES)
def test_minibatches_come_near_the_optimum(rule):
    X, y = data(5, 300)
    best = fit(X, y, "newton-cholesky", l2=1.0)
    rate = 0.02 if rule == "adam" else 0.1
    solver = GradientDescent(rate, 400, batch_size=32, rule=rule, schedule="cosine")
    near = fit(X, y, solver, l2=1.0, seed=3)
    assert near.objective - best.objective < 1e-3
    assert near.objective - near.gap <= best.objective


# ---------------------------------------------------------------------------------- L1 penalties


@pytest.mark.parametrize("rule", NAMES)
@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_every_rule_ends_at_the_optimum_of_an_elastic_net(rule, K, l1_ratio):
    """The optimum of scikit-learn's saga, zeros included; the proof holds and is tight."""
    X, y = data(6, 80, 6, K)
    theirs = Theirs(C=0.1, l1_ratio=l1_ratio, solver="saga", tol=1e-12, max_iter=100_000)
    theirs.fit(X, y)
    rate = 0.02 if rule == "adam" else 0.4
    solver = GradientDescent(rate, 6000, rule=rule, schedule="cosine" if rule == "adam" else None)
    model = LogisticRegression(C=0.1, l1_ratio=l1_ratio, solver=solver)
    quiet(model, X, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-5)
    assert ((model.coef_ == 0) == (np.abs(theirs.coef_) < 1e-9)).all()
    assert (model.coef_ == 0).any()
    assert model.optimality_gap_ < 1e-9


@pytest.mark.parametrize("K", [2, 3])
def test_standardize_keeps_an_l1_penalty_on_the_users_scale(K):
    X, y = data(6, 80, 4, K)
    X = X * np.array([4.0, 1.0, 0.25, 1.0]) + np.array([3.0, 0.0, 0.0, -2.0])
    theirs = Theirs(C=0.1, l1_ratio=1.0, solver="saga", tol=1e-12, max_iter=200_000).fit(X, y)
    solver = GradientDescent(0.4, 8000, rule="nesterov", standardize=True)
    model = quiet(LogisticRegression(C=0.1, l1_ratio=1.0, solver=solver), X, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-5)
    assert ((model.coef_ == 0) == (np.abs(theirs.coef_) < 1e-9)).all()


@given(
    st.integers(0, 10**6),
    st.integers(2, 4),
    st.floats(0.01, 20.0),
    st.sampled_from([0.0, 0.5]),
    st.booleans(),
    st.integers(0, 3),
)
@settings(max_examples=60)
def test_a_bound_with_an_l1_penalty_is_never_false(seed, K, l1, l2, intercept, how):
    """At the start, far out, half-way and near the optimum, with weights and offsets."""
    X, y = data(seed, 40, 3, K)
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.0, 2.0, 40)
    weight[:K] = 1.0
    y[:K] = np.arange(K)
    offset = rng.normal(size=40 if K == 2 else (40, K))
    solver = GradientDescent(0.3, 4000, rule="nesterov", standardize=True)
    best = fit(X, y, solver, l1=l1, l2=l2, K=K, intercept=intercept, weight=weight, offset=offset)
    blocks = memory_blocks(X, y.astype(np.int8), weight, offset, 1 if K == 2 else K)
    source = CountedSource(Threads(blocks, 1))
    objective = objective_of(X, y, K, l2=l2)
    objective = type(objective)(
        source,
        source.fold(column_statistics),
        K,
        type(objective.design)(objective.design.standardisation, intercept),
        l2,
        l1,
    )
    end = objective.from_user(best.coef, best.intercept)
    coef = [0.0 * end, 5.0 * rng.normal(size=end.size), 0.5 * end, end][how]
    proof = prove_with_l1(objective, coef)
    distance = objective.evaluate(coef, 0).value - objective.weight * best.objective
    assert proof.gap >= distance - 1e-12 * objective.weight
    assert proof.gap <= proof.moments.value
    if how == 3:
        assert proof.gap <= 1e-6 * objective.weight + 3.0 * objective.weight * best.gap


def test_a_bound_with_an_l1_penalty_without_a_hessian(monkeypatch):
    """Of many columns the intercepts alone are moved: a weaker bound, and a true one."""
    X, y = data(6, 80, 6, 3)
    solver = GradientDescent(0.4, 3000, rule="nesterov")
    direct = fit(X, y, solver, l1=2.0, K=3)
    monkeypatch.setattr(proving, "_MOST_CURVATURES", 0)
    products = fit(X, y, solver, l1=2.0, K=3)
    assert products.objective == pytest.approx(direct.objective, abs=1e-11)
    assert direct.gap <= products.gap < 0.01


def test_a_bound_with_an_l1_penalty_is_found_from_far_out(monkeypatch):
    """From the weights given or without them; where nothing is found nothing is claimed."""
    X, y = data(6, 80, 2)
    objective = objective_of(X, y, 2, l2=0.0)
    objective = type(objective)(objective.source, objective.columns, 2, objective.design, 0.0, 1.0)
    best = 80 * fit(X, y, GradientDescent(0.5, 5000, rule="nesterov"), l1=1.0).objective
    for far in ([0.5, -0.5, 10.0], [0.0, 0.0, 900.0], [1e5, -1e4, 1e5]):
        proof = prove_with_l1(objective, np.array(far))
        assert 5.0 < proof.lower < best
    monkeypatch.setattr(proving, "_INTERCEPT_STEPS", 0)
    far = np.array([0.0, 0.0, 900.0])
    assert prove_with_l1(objective, far).gap == objective.evaluate(far, 0).value


def test_all_coefficients_are_zero_beyond_the_largest_penalty():
    X, y = data(7)
    y[0], y[1] = 0, 1
    largest = np.abs(X.T @ (y.mean() - y)).max()
    for factor, empty in ((1.01, True), (0.95, False)):
        C = 1.0 / (factor * largest)
        solver = GradientDescent(0.5, 3000)
        model = quiet(LogisticRegression(C=C, l1_ratio=1.0, solver=solver, tol=1e-9), X, y)
        assert (model.coef_ == 0).all() == empty
        assert not (np.signbit(model.coef_) & (model.coef_ == 0)).any(), "a zero has no sign"
        assert model.converged_


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"penalty": "l2", "l1_ratio": 0.5}, "contradict"),
        ({"penalty": "l1", "l1_ratio": 0.5}, "contradict"),
    ],
)
def test_penalties_that_contradict_each_other(parameters, named):
    X, y = data()
    with pytest.raises(ParameterError, match=named):
        LogisticRegression(**parameters).fit(X, y)


def test_the_old_names_of_penalties():
    X, y = data()
    solver = GradientDescent(0.5, 300)
    new = quiet(LogisticRegression(C=0.1, l1_ratio=1.0, solver=solver), X, y)
    old = quiet(LogisticRegression(C=0.1, penalty="l1", solver=solver), X, y)
    assert (old.coef_ == new.coef_).all()


def test_class_weights_are_weights():
    X, y = data(8)
    solver = GradientDescent(0.3, 30, batch_size=16)
    parameters = {"solver": solver, "random_state": 2}
    by_class = quiet(LogisticRegression(class_weight={0: 1.0, 1: 5.0}, **parameters), X, y)
    by_row = quiet(LogisticRegression(**parameters), X, y, sample_weight=np.where(y == 1, 5.0, 1.0))
    np.testing.assert_array_equal(by_class.coef_, by_row.coef_)
    plain = quiet(LogisticRegression(**parameters), X, y)
    assert by_class.predict(X).mean() > plain.predict(X).mean()


# ------------------------------------------------------------- validation, stopping, the history


def overfitted():
    """Rows whose validation loss is least long before the end."""
    X, y = data(9, 60, 20)
    rng = np.random.default_rng(9)
    return X[:40], np.where(rng.random(40) < 0.2, 1 - y[:40], y[:40]), X[40:], y[40:]


def test_early_stopping_keeps_the_best_coefficients():
    X, y, X_held, y_held = overfitted()
    whole = quiet(
        LogisticRegression(C=100.0, solver=GradientDescent(0.3, 400), record_coef=True, tol=1e-9),
        X,
        y,
        validation=(X_held, y_held),
    )
    best = int(whole.history_["validation_loss"].argmin())
    assert 3 < best < 300
    solver = GradientDescent(0.3, 400, early_stopping=True, patience=7)
    model = LogisticRegression(C=100.0, solver=solver, record_coef=True)
    model.fit(X, y, validation=(X_held, y_held))  # without a ConvergenceWarning
    assert model.n_iter_[0] == best
    assert model.history_["iteration"][-1] == best + 7
    np.testing.assert_allclose(model.coef_, whole.history_["coef"][best], rtol=1e-12)
    np.testing.assert_array_equal(model.history_["coef"][best], model.coef_)
    np.testing.assert_allclose(
        model.history_["validation_loss"], whole.history_["validation_loss"][: best + 8]
    )
    assert model.objective_ == model.history_["objective"][best]
    assert model.optimality_gap_ == model.history_["gap"][best]
    assert (model.history_["gap"] > 0).all()
    assert model.descent_.epoch == best


def test_early_stopping_keeps_the_best_where_the_epochs_run_out():
    X, y, X_held, y_held = overfitted()
    solver = GradientDescent(0.3, 400, early_stopping=True, patience=1000)
    model = LogisticRegression(C=100.0, solver=solver)
    model.fit(X, y, validation=(X_held, y_held))
    assert model.n_iter_[0] == model.history_["validation_loss"].argmin()
    assert model.history_["iteration"][-1] == 400


def test_early_stopping_that_never_stops_says_that_the_epochs_ran_out():
    X, y, X_held, y_held = overfitted()
    solver = GradientDescent(1e-4, 20, early_stopping=True)
    with pytest.warns(ConvergenceWarning, match="raise epochs"):
        LogisticRegression(solver=solver).fit(X, y, validation=(X_held, y_held))


def test_early_stopping_that_diverges_is_not_silent():
    X, y, X_held, y_held = overfitted()
    solver = GradientDescent(1e3, 50, early_stopping=True)
    with pytest.warns(ConvergenceWarning, match="learning_rate=.* works"):
        LogisticRegression(solver=solver).fit(X, y, validation=(X_held, y_held))


def test_early_stopping_needs_rows_to_judge_by():
    X, y = data()
    with pytest.raises(ParameterError, match="validation"):
        LogisticRegression(solver=GradientDescent(early_stopping=True)).fit(X, y)


def test_early_stopping_at_the_optimum():
    """A validation loss that falls to the end: the fit converges, and nothing is undone."""
    X, y = data(10, 200)
    solver = GradientDescent(0.5, 20_000, early_stopping=True, patience=20_000)
    model = LogisticRegression(C=0.1, solver=solver, tol=1e-6)
    model.fit(X, y, validation=(X, y))
    assert model.converged_


@pytest.mark.parametrize("solver", ["newton-cholesky", "lbfgs", GradientDescent(0.5, 30)])
@pytest.mark.parametrize("K", [2, 3])
def test_a_run_can_be_replayed(solver, K):
    X, y = data(11, 100, 3, K)
    model = LogisticRegression(C=0.5, solver=solver, record_coef=True)
    history = quiet(model, X, y, validation=(X, y)).history_
    epochs = len(history["iteration"])
    width = 1 if K == 2 else K
    assert history["coef"].shape == (epochs, width, 3)
    assert history["intercept"].shape == (epochs, width)
    np.testing.assert_array_equal(history["coef"][-1], model.coef_)
    np.testing.assert_array_equal(history["intercept"][-1], model.intercept_)
    replay = copy.copy(model)
    for epoch in range(epochs):
        replay.coef_, replay.intercept_ = history["coef"][epoch], history["intercept"][epoch]
        own = -replay.predict_log_proba(X)[np.arange(100), y]
        assert own.mean() == pytest.approx(history["loss"][epoch], rel=1e-9)
        assert replay.score(X, y) == pytest.approx(history["accuracy"][epoch])
    np.testing.assert_allclose(history["accuracy"], history["validation_accuracy"])
    assert "coef" not in quiet(model.set_params(record_coef=False), X, y).history_


# ------------------------------------------------------------- learning rates that are too large


@pytest.mark.parametrize("rule", NAMES)
@pytest.mark.parametrize("batch_size", [None, 1, 16])
@pytest.mark.parametrize("K", [2, 3])
def test_the_learning_rate_that_is_named_works(rule, batch_size, K):
    """On columns of very different scales, with weights and a penalty."""
    X, y = data(12, 100, 3, K)
    X = X * np.array([100.0, 1.0, 0.01]) + np.array([0.0, 30.0, 0.0])
    weight = np.random.default_rng(0).uniform(0.1, 10.0, 100)
    solver = GradientDescent(50.0, 30, rule=rule, batch_size=batch_size)
    wild = fit(X, y, solver, l2=1.0, K=K, weight=weight)
    assert wild.steady_rate is not None
    solver = solver.set_params(learning_rate=wild.steady_rate)
    tame = fit(X, y, solver, l2=1.0, K=K, weight=weight)
    values = tame.history["objective"]
    assert tame.steady_rate is None
    assert values[-1] < values[0]
    if rule == "plain" and batch_size is None:
        assert (np.diff(values) < 0).all()


@given(st.integers(0, 10**6), st.floats(0.1, 50.0))
@settings(max_examples=40)
def test_a_named_rate_for_plain_descent_never_raises_the_objective(seed, spread):
    X, y = data(seed, 40, 3)
    X = X * np.array([spread, 1.0, 1.0 / spread])
    objective = objective_of(X, y, 2, l2=0.1)
    objective = objective.in_coordinates(GradientDescent().coordinates(objective, False))
    rate = steady_rate(objective, "plain", False)
    start = np.random.default_rng(seed).normal(size=objective.size) * 3.0
    values = [
        iterate.value
        for iterate, _ in zip(
            GradientDescent(rate).iterates(objective, start), range(30), strict=False
        )
    ]
    assert (np.diff(values) <= 1e-12 * values[0]).all()
    assert not rose(values, "plain", False)


def test_a_rate_for_many_columns_needs_no_gram_matrix(monkeypatch):
    X, y = data(12)
    exact = fit(X, y, GradientDescent(1e3, 30), l2=1.0).steady_rate
    monkeypatch.setattr("oddsmith.solvers.steady_rate._MOST_EIGENVALUES", 0)
    by_trace = fit(X, y, GradientDescent(1e3, 30), l2=1.0).steady_rate
    assert 0.1 * exact < by_trace < exact


def test_no_rate_is_named_where_no_float_would_do():
    X, y = data(12)
    found = fit(X * 1e160, y, GradientDescent(1e10, 5), l2=1.0)
    assert found.stopped == "diverged"
    assert found.steady_rate is None
    with pytest.warns(ConvergenceWarning, match="lower it; or use standardize"):
        LogisticRegression(solver=GradientDescent(1e10, 5)).fit(X * 1e160, y)


def test_a_fit_that_fell_has_no_rate_to_name():
    X, y = data(12)
    assert fit(X, y, "newton-cholesky", l2=1.0, max_iter=1).steady_rate is None
    assert fit(X, y, GradientDescent(0.01, 30)).steady_rate is None
    # Noise of single rows lifts the objective now and then, which is no divergence.
    assert fit(X, y, GradientDescent(0.05, 60, batch_size=1)).steady_rate is None


def test_the_warning_names_a_rate_that_works():
    X, y = data(12)
    model = LogisticRegression(solver=GradientDescent(100.0, 30))
    with pytest.warns(ConvergenceWarning, match=r"learning_rate=(\S+) works") as caught:
        model.fit(X * 10, y)
    [message] = [str(w.message) for w in caught]
    rate = float(message.split("learning_rate=")[1].split()[0])
    history = quiet(model.set_params(solver=GradientDescent(rate, 30)), X * 10, y).history_
    assert (np.diff(history["objective"]) < 0).all()


def test_the_largest_row_is_of_the_rows_that_count():
    X = np.array([[3.0, 4.0], [100.0, 0.0], [0.0, 1.0]])
    blocks = memory_blocks(X, np.array([0, 1, 1], np.int8), np.array([2.0, 0.0, 50.0]))
    for matrix in (X, sp.csr_array(X)):
        blocks = memory_blocks(matrix, blocks.y, blocks.weight)
        objective = objective_of(X, blocks.y, 2, l2=0.0)
        design = type(objective.design)(GradientDescent().coordinates(objective, False), True)
        sizes = Threads(blocks, 1).fold(LargestRow(design))
        assert (sizes.rows, sizes.square, sizes.weighted) == (2, 26.0, 100.0)


# --------------------------------------------------------------------------------------- streams


@pytest.mark.parametrize("rule", NAMES)
@pytest.mark.parametrize("batch_size", [None, 16])
@pytest.mark.parametrize("K", [2, 3])
def test_partial_fit_resumes_exactly(rule, batch_size, K):
    """Eight epochs of fit are eight calls, or a fit and some calls; saved in between."""
    X, y = data(13, 100, 3, K)
    solver = GradientDescent(
        0.1, 8, rule=rule, batch_size=batch_size, schedule="inverse", init="normal"
    )
    model = LogisticRegression(C=0.5, l1_ratio=0.3, solver=solver, random_state=4)
    whole = quiet(copy.deepcopy(model), X, y)
    parts = copy.deepcopy(model)
    for _ in range(8):
        parts = pickle.loads(pickle.dumps(parts)).partial_fit(X, y, classes=np.arange(K))  # noqa: S301
    np.testing.assert_allclose(parts.coef_, whole.coef_, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(parts.intercept_, whole.intercept_, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(parts.history_["loss"], whole.history_["loss"][:8], rtol=1e-11)
    assert parts.history_["iteration"].tolist() == list(range(1, 9))
    assert (parts.descent_.epoch, parts.n_iter_[0]) == (8, 8)
    first = quiet(copy.deepcopy(model).set_params(max_iter=5), X, y)
    for _ in range(3):
        first.partial_fit(X, y)
    assert not hasattr(first, "optimality_gap_"), "nothing is proved of these coefficients"
    assert first.history_["iteration"].tolist() == [6, 7, 8]
    np.testing.assert_array_equal(first.descent_.coef, whole.descent_.coef)


def test_partial_fit_over_parts_is_minibatch_descent():
    X, y = data(14, 96)
    solver = GradientDescent(0.2, 1, batch_size=32, shuffle=False, rule="adam")
    whole = quiet(LogisticRegression(C=np.inf, solver=solver), X, y)
    stream = LogisticRegression(C=np.inf, solver=GradientDescent(0.2, rule="adam"))
    for start in range(0, 96, 32):
        stream.partial_fit(X[start : start + 32], y[start : start + 32], classes=[0, 1])
    np.testing.assert_allclose(stream.coef_, whole.coef_, rtol=1e-11)
    assert stream.predict(X).shape == (96,)
    assert stream.predict_proba(X).shape == (96, 2)


def test_partial_fit_goes_on_from_another_solver():
    X, y = data(15)
    model = LogisticRegression().fit(X, y)
    best = model.coef_.copy()
    assert not hasattr(model, "partial_fit")
    model.set_params(solver="gradient-descent").partial_fit(X, y)
    np.testing.assert_allclose(model.coef_, best, atol=1e-4)
    assert hasattr(model, "descent_")
    model.set_params(solver="auto").fit(X, y)
    assert not hasattr(model, "descent_"), "Newton's method has none"


def test_a_part_may_lack_a_class():
    X, y = data(16, 60, 3, 3)
    model = LogisticRegression(solver=GradientDescent(0.1))
    model.partial_fit(X, np.zeros(60, dtype=int), classes=[0, 1, 2])
    assert (model.predict(X) == 0).all()
    model.partial_fit(X, y, sample_weight=np.ones(60), offset=np.zeros((60, 3)))
    assert model.coef_.shape == (3, 3)


def test_class_weights_of_a_stream():
    X, y = data(16)
    solver = GradientDescent(0.1)
    by_class = LogisticRegression(solver=solver, class_weight={0: 1.0, 1: 4.0})
    by_row = LogisticRegression(solver=solver)
    for part in (slice(0, 60), slice(60, 120)):
        by_class.partial_fit(X[part], y[part], classes=[0, 1])
        weight = np.where(y[part] == 1, 4.0, 1.0)
        by_row.partial_fit(X[part], y[part], classes=[0, 1], sample_weight=weight)
    np.testing.assert_array_equal(by_class.coef_, by_row.coef_)


@pytest.mark.parametrize(
    ("change", "arguments", "error", "named"),
    [
        ({}, {}, DataError, "first call of partial_fit needs classes"),
        ({}, {"classes": [1]}, DataError, "fewer than two"),
        ({}, {"classes": [0, 2]}, DataError, "holds the label 1"),
        ({"class_weight": "balanced"}, {"classes": [0, 1]}, ParameterError, "balanced"),
    ],
)
def test_first_calls_that_cannot_be_used(change, arguments, error, named):
    X, y = data(17)
    model = LogisticRegression(solver=GradientDescent(), **change)
    with pytest.raises(error, match=named):
        model.partial_fit(X, y, **arguments)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize(
    ("change", "arguments", "error", "named"),
    [
        ({}, {"classes": [0, 1, 2]}, DataError, "not those of the first call"),
        ({}, {"sample_weight": np.zeros(120)}, DataError, "all weights"),
        ({"fit_intercept": False}, {}, ParameterError, "fit_intercept cannot change"),
        ({"solver": GradientDescent(1e300, rule="momentum")}, {}, ParameterError, "so large"),
        ({"solver": GradientDescent(1e200)}, {}, ParameterError, "learning_rate=1e.200.* works"),
    ],
)
def test_later_calls_that_cannot_be_used_change_nothing(change, arguments, error, named):
    X, y = data(17)
    model = LogisticRegression(solver=GradientDescent()).partial_fit(X, y, classes=[0, 1])
    before = model.coef_.copy()
    model.set_params(**change)
    with pytest.raises(error, match=named):
        model.partial_fit(X * 1e5, y, **arguments)
    np.testing.assert_array_equal(model.coef_, before)
    assert model.descent_.epoch == 1


@pytest.mark.parametrize(
    ("solver", "named"),
    [
        ("auto", "GradientDescent"),
        (GradientDescent(standardize=True), "StandardScaler"),
        (GradientDescent(early_stopping=True), "early_stopping=False"),
    ],
)
def test_solvers_that_cannot_go_on(solver, named):
    X, y = data(17)
    model = LogisticRegression(solver=solver)
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError) as error:
        model.partial_fit(X, y, classes=[0, 1])
    assert named in str(error.value.__cause__)


def test_a_state_can_be_given_and_taken():
    X, y = data()
    objective = objective_of(X, y, 2, l2=1.0)
    solver = GradientDescent(0.1, 5, rule="adam")
    walk = list(zip(solver.iterates(objective, np.zeros(5)), range(6), strict=False))
    middle = walk[3][0].state
    assert isinstance(middle, Descent)
    again, *_ = zip(solver.iterates(objective, middle), range(3), strict=False)
    assert again[0].coef.tobytes() == walk[3][0].coef.tobytes()
    rest = [
        here.coef for here, _ in zip(solver.iterates(objective, middle), range(3), strict=False)
    ]
    assert rest[2].tobytes() == walk[5][0].coef.tobytes()
    assert rule_named("adam").init(np.zeros(2)).steps == 0


def test_the_largest_row_is_found_in_any_block():
    X, y = data(12, 50)
    objective = objective_of(X, y, 2, rows=7)
    sizes = objective.source.fold(LargestRow(objective.design))
    whole = objective_of(X, y, 2).source.fold(LargestRow(objective.design))
    assert (sizes.rows, sizes.square) == (50, pytest.approx(whole.square))


@pytest.mark.parametrize("K", [2, 3])
def test_separation_is_named_the_same_wherever_the_descent_ends(K):
    """Complete: every row can be right at once, though at these coefficients not all are."""
    X, _ = data(18, 60, 3, K)
    y = (X @ np.random.default_rng(0).normal(size=(3, K))).argmax(axis=1)
    short = fit(X, y, GradientDescent(1e-4, 2), K=K)
    assert short.separated == fit(X, y, "newton-cholesky", K=K).separated == "complete"
    y[0] = (y[0] + 1) % K  # one row on the wrong side, and a column that tells nothing of others
    column = np.zeros((60, 1))
    column[y == 0] = np.arange(float((y == 0).sum()))[:, None]
    assert fit(np.hstack([X, column]), y, GradientDescent(1e-4, 2), K=K).separated == "quasi"
