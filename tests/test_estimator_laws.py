"""Laws that any logistic regression obeys, drawn by Hypothesis.

Coefficients of two fits of one problem agree to the certificate: with a gap of 1e-12 per unit of
weight and curvature mu in the worst direction they differ by at most 2 sqrt(2e-12 / mu). A
penalty of C = 1 on n <= 40 rows has mu >= 1/40, hence 2e-5 at worst; Newton's last step lands far
below its own tol, so equality is asserted at 1e-7, and on the objective at the certificate.
"""

import functools

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from oddsmith import LogisticRegression

CLOSE = 1e-7
laws = settings(max_examples=25, deadline=None)


@st.composite
def data(draw, max_classes=3):
    """Rows on a grid, every class seen; n > p + 2."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_classes = draw(st.integers(2, max_classes))
    n, p = draw(st.integers(10, 40)), draw(st.integers(1, 4))
    X = np.round(rng.normal(size=(n, p)) * draw(st.sampled_from([0.5, 1, 8])) * 1024) / 1024
    return X, rng.permutation(np.arange(n) % n_classes), rng


@functools.cache
def overlapping(n_classes, seed=0, n=60, p=3):
    """For the laws without penalty: classes that overlap, columns of full rank."""
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n, p)) * 2.0**20) / 2.0**20
    return X, (X @ rng.normal(size=(p, n_classes)) + rng.gumbel(size=(n, n_classes))).argmax(axis=1)


def assert_equal_models(a, b, atol=CLOSE):
    np.testing.assert_allclose(a.coef_, b.coef_, rtol=CLOSE, atol=atol)
    np.testing.assert_allclose(a.intercept_, b.intercept_, rtol=CLOSE, atol=atol)
    assert abs(a.objective_ - b.objective_) <= a.optimality_gap_ + b.optimality_gap_ + 1e-15


@laws
@given(data())
def test_weight_two_is_the_row_twice(drawn):
    X, y, rng = drawn
    times = rng.integers(1, 4, len(y))
    weighted = LogisticRegression().fit(X, y, sample_weight=times)
    repeated = LogisticRegression().fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert_equal_models(weighted, repeated)


@laws
@given(data())
def test_weight_zero_is_no_row(drawn):
    X, y, rng = drawn
    w = (rng.uniform(size=len(y)) < 0.7).astype(float)
    w[: len(np.unique(y))] = 1.0
    kept = w > 0
    if len(np.unique(y[kept])) < len(np.unique(y)):
        w[:], kept[:] = 1.0, True
    assert_equal_models(
        LogisticRegression().fit(X, y, sample_weight=w), LogisticRegression().fit(X[kept], y[kept])
    )


@laws
@given(data(), st.floats(1e-3, 1e3))
def test_weights_times_a_constant_are_c_times_it(drawn, factor):
    """C sum w loss: only the product counts."""
    X, y, rng = drawn
    w = rng.uniform(0.5, 2, len(y))
    assert_equal_models(
        LogisticRegression(C=1.0).fit(X, y, sample_weight=w),
        LogisticRegression(C=1.0 / factor).fit(X, y, sample_weight=w * factor),
    )


@laws
@given(data())
def test_rows_in_any_order(drawn):
    X, y, rng = drawn
    order = rng.permutation(len(y))
    assert_equal_models(
        LogisticRegression().fit(X, y), LogisticRegression().fit(X[order], y[order])
    )


@laws
@given(data())
def test_columns_in_any_order(drawn):
    X, y, rng = drawn
    order = rng.permutation(X.shape[1])
    model, moved = LogisticRegression().fit(X, y), LogisticRegression().fit(X[:, order], y)
    np.testing.assert_allclose(moved.coef_, model.coef_[:, order], rtol=CLOSE, atol=CLOSE)
    np.testing.assert_allclose(moved.intercept_, model.intercept_, rtol=CLOSE, atol=CLOSE)


@laws
@given(
    n_classes=st.integers(2, 3),
    powers=st.lists(st.integers(-60, 60), min_size=3, max_size=3),
    shifts=st.lists(st.integers(-(10**6), 10**6), min_size=3, max_size=3),
)
def test_shift_and_scale_of_columns_without_penalty(n_classes, powers, shifts):
    """Integer shifts of a 2^-20 grid, and powers of two, are exact in float64."""
    X, y = overlapping(n_classes)
    scales, shifts = 2.0 ** np.array(powers), np.array(shifts, float)
    model = LogisticRegression(C=np.inf).fit(X, y)
    moved = LogisticRegression(C=np.inf).fit((X + shifts) * scales, y)
    np.testing.assert_allclose(moved.coef_ * scales, model.coef_, rtol=CLOSE)
    # The margin at the shifted origin cancels terms of size 1e6 |coef|.
    intercept = moved.intercept_ + moved.coef_ * scales @ shifts
    np.testing.assert_allclose(intercept, model.intercept_, atol=1e-7 + 1e-14 * abs(shifts).max())
    assert abs(model.objective_ - moved.objective_) <= 1e-15


@laws
@given(data(), st.integers(-(10**6), 10**6))
def test_shift_of_a_column_with_penalty(drawn, shift):
    """The intercept is free of penalty, so shifts do not count."""
    X, y, _ = drawn
    shifted = X.copy()
    shifted[:, 0] += shift
    model, moved = LogisticRegression().fit(X, y), LogisticRegression().fit(shifted, y)
    np.testing.assert_allclose(moved.coef_, model.coef_, rtol=CLOSE, atol=CLOSE)


@laws
@given(data())
def test_dense_is_sparse(drawn):
    X, y, rng = drawn
    X = np.where(rng.uniform(size=X.shape) < 0.5, 0, X)
    dense = LogisticRegression().fit(X, y)
    for container in (np.asfortranarray, sp.csr_array, sp.csc_array, sp.coo_array):
        other = LogisticRegression().fit(container(X), y)
        assert_equal_models(dense, other)
        np.testing.assert_allclose(
            dense.predict_proba(X), dense.predict_proba(container(X)), rtol=1e-12, atol=1e-15
        )


@laws
@given(data(), st.floats(-20, 20))
def test_a_constant_offset_moves_the_intercept(drawn, constant):
    X, y, _ = drawn
    K = len(np.unique(y))
    shape = (len(y),) if K == 2 else (len(y), K)
    # Softmax: a constant for class 1 only; the sum-to-zero intercepts move by its deviation.
    offset, change = np.full(shape, constant), np.array([constant])
    if K > 2:
        offset[:, [0, *range(2, K)]] = 0.0
        change = offset[0] - offset[0].mean()
    model, moved = LogisticRegression().fit(X, y), LogisticRegression().fit(X, y, offset=offset)
    np.testing.assert_allclose(moved.coef_, model.coef_, rtol=CLOSE, atol=CLOSE)
    np.testing.assert_allclose(moved.intercept_, model.intercept_ - change, rtol=CLOSE, atol=CLOSE)
    np.testing.assert_allclose(
        moved.predict_proba(X, offset=offset), model.predict_proba(X), atol=CLOSE
    )


@laws
@given(data())
def test_the_own_margin_as_offset_leaves_nothing_to_fit(drawn):
    """Unpenalised: with the fitted margins as offset the minimum is at zero."""
    _, _, rng = drawn
    n_classes = int(rng.integers(2, 4))
    X, y = overlapping(n_classes, seed=int(rng.integers(0, 5)))
    model = LogisticRegression(C=np.inf).fit(X, y)
    again = LogisticRegression(C=np.inf).fit(X, y, offset=model.decision_function(X))
    np.testing.assert_allclose(again.coef_, 0, atol=CLOSE)
    np.testing.assert_allclose(again.intercept_, 0, atol=CLOSE)


@laws
@given(data())
def test_float32_is_float64_of_the_same_values(drawn):
    X, y, _ = drawn
    X32 = X.astype(np.float32)
    single = LogisticRegression().fit(X32, y)
    assert_equal_models(single, LogisticRegression().fit(X32.astype(np.float64), y))
    assert single.coef_.dtype == np.float64


@laws
@given(data(max_classes=4), st.permutations(["ash", "birch", "cedar", "elm"]))
def test_labels_are_only_names(drawn, names):
    """Renaming classes permutes the rows of coef_; binary: swapping them changes its sign."""
    X, y, _ = drawn
    K = len(np.unique(y))
    names = np.array(names[:K])
    model, named = LogisticRegression().fit(X, y), LogisticRegression().fit(X, names[y])
    assert named.classes_.tolist() == sorted(names)
    if K == 2:
        sign = 1 if names[0] < names[1] else -1
        np.testing.assert_allclose(named.coef_, sign * model.coef_, rtol=CLOSE, atol=CLOSE)
        np.testing.assert_allclose(named.intercept_, sign * model.intercept_, atol=CLOSE)
    else:
        order = np.argsort(names)
        np.testing.assert_allclose(named.coef_, model.coef_[order], rtol=CLOSE, atol=CLOSE)
        np.testing.assert_allclose(named.intercept_, model.intercept_[order], atol=CLOSE)


@laws
@given(data(max_classes=2), st.sampled_from([[-1, 1], [False, True], ["a", "b"], [1.0, 7.0]]))
def test_labels_of_any_type_are_the_same_bits(drawn, labels):
    X, y, _ = drawn
    model = LogisticRegression().fit(X, y)
    other = LogisticRegression().fit(X, np.array(labels)[y])
    assert other.coef_.tobytes() == model.coef_.tobytes()
    assert other.intercept_.tobytes() == model.intercept_.tobytes()
    assert (other.predict(X) == np.array(labels)[model.predict(X)]).all()


@laws
@given(data(max_classes=4), st.floats(0, 1e5))
def test_predictions_are_probabilities_at_any_margin(drawn, size):
    X, y, rng = drawn
    K = len(np.unique(y))
    model = LogisticRegression().fit(X, y)
    offset = size * rng.normal(size=(len(y),) if K == 2 else (len(y), K))
    margin = model.decision_function(X, offset=offset)
    p = model.predict_proba(X, offset=offset)
    log_p = model.predict_log_proba(X, offset=offset)
    assert margin.shape == offset.shape
    assert p.shape == log_p.shape == (len(y), K)
    np.testing.assert_allclose(margin, model.decision_function(X) + offset, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-14)
    assert ((p >= 0) & (p <= 1)).all()
    assert np.isfinite(log_p).all(), "a probability may underflow, its logarithm does not"
    assert (log_p <= 0).all()
    np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-9, atol=1e-300)
    winner = margin.argmax(axis=1) if K > 2 else (margin > 0).astype(int)
    assert (model.predict(X, offset=offset) == model.classes_[winner]).all()
    both = np.column_stack([np.zeros(len(y)), margin]) if K == 2 else margin
    np.testing.assert_allclose(
        log_p[:, 1:] - log_p[:, :1], both[:, 1:] - both[:, :1], rtol=1e-9, atol=1e-9
    )


@laws
@given(data(max_classes=4))
def test_fitted_probabilities_match_the_class_shares(drawn):
    """With an intercept the slopes sum to zero: mean probability = share, penalised or not."""
    X, y, rng = drawn
    w = rng.uniform(0.5, 2, len(y))
    model = LogisticRegression().fit(X, y, sample_weight=w)
    shares = np.bincount(y, w) / w.sum()
    np.testing.assert_allclose(w @ model.predict_proba(X) / w.sum(), shares, atol=1e-9)


@laws
@given(data(), st.floats(1e-4, 1e4))
def test_the_penalised_gradient_is_zero(drawn, C):
    """First order: sum_i w_i (a_i - y_i) x_i + coef / C = 0, with formulas of this file only."""
    X, y, _ = drawn
    model = LogisticRegression(C=C).fit(X, y)
    residual = model.predict_proba(X) - np.eye(len(np.unique(y)))[y]
    residual = residual[:, 1:] if len(model.coef_) == 1 else residual
    gradient = residual.T @ X + model.coef_ / C
    scale = np.abs(X).sum() + np.abs(model.coef_ / C).max()
    np.testing.assert_allclose(gradient / scale, 0, atol=1e-8)


def test_multinomial_coefficients_sum_to_zero():
    X, y = overlapping(3)
    for C in (0.1, np.inf):
        model = LogisticRegression(C=C).fit(X, y)
        np.testing.assert_allclose(model.coef_.sum(axis=0), 0, atol=1e-13)
        np.testing.assert_allclose(model.intercept_.sum(), 0, atol=1e-13)
