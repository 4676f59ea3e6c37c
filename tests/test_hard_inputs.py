"""The hard inputs of FIELD.md: the exact answer, or an error or warning that names the cause.

The independent answers come from reference.py (long double), from closed forms (saturated
models), or from the same rows in an easier form.
"""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import threadpoolctl
from reference import Problem, fit_recording, messages, minimum

from oddsmith import (
    CollinearityWarning,
    ConvergenceWarning,
    LogisticRegression,
    SeparationWarning,
)
from oddsmith.errors import DataError, ParameterError
from oddsmith.solvers import GradientDescent

SOLVERS = ["auto", "newton-cholesky", "newton-cg", "lbfgs"]
SECOND_ORDER = ["auto", "newton-cholesky"]

# Coefficients at a gap of 1e-12 (the default tol) are off by up to sqrt(2e-12 / curvature), some
# 1e-5; Newton's last step lands at rounding, so the second-order solvers are held to this:
TIGHT = 1e-8


def rows(seed=0, n=120, p=3, n_classes=2):
    """Overlapping classes; X on a grid of 2^-20, so that large shifts are exact in float64."""
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n, p)) * 2.0**20) / 2.0**20
    y = (X @ rng.normal(size=(p, n_classes)) + rng.gumbel(size=(n, n_classes))).argmax(axis=1)
    return X, y


def unpenalised(**parameters):
    return LogisticRegression(C=np.inf, **parameters)


def exact(X, y, n_classes=2, **options):
    answer = minimum(Problem(np.asarray(X, float), y, n_classes, **options))
    return answer.coef.astype(float), answer.intercept.astype(float)


def assert_same_model(model, other, rtol=1e-12):
    np.testing.assert_allclose(model.coef_, other.coef_, rtol=rtol, atol=1e-14)
    np.testing.assert_allclose(model.intercept_, other.intercept_, rtol=rtol, atol=1e-14)


# --------------------------------------------------------------------------- separated classes


@pytest.mark.parametrize("solver", SOLVERS)
def test_perfect_separation(solver):
    X, y = np.array([[-3.0], [-1.0], [2.0], [5.0]]), np.array([0, 0, 1, 1])
    model = unpenalised(solver=solver)
    caught = fit_recording(model, X, y)
    assert len(messages(caught, SeparationWarning)) == 1
    assert len(caught) == 1, "one cause, one warning"
    assert (model.predict(X) == y).all()
    assert model.objective_ <= model.optimality_gap_ + 1e-16, "the infimum is 0"


@pytest.mark.parametrize("solver", SOLVERS)
def test_quasi_separation(solver):
    """Rows with x = 0 decide nothing: the infimum is 4 log 2 over 6 rows, at a = inf."""
    X, y = np.array([[-1.0], [0], [0], [0], [0], [1]]), np.array([0, 0, 1, 0, 1, 1])
    model = unpenalised(solver=solver)
    caught = fit_recording(model, X, y)
    assert len(messages(caught, SeparationWarning)) == 1
    assert len(caught) == 1
    assert model.objective_ - 4 * np.log(2) / 6 <= model.optimality_gap_ + 2e-16
    np.testing.assert_allclose(model.predict_proba([[0.0]]), [[0.5, 0.5]], atol=1e-3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_separation_of_one_class_of_three(solver):
    """Class 2 lies apart, classes 0 and 1 overlap."""
    X, y = rows(seed=1)
    X = np.vstack([X, X[:20] + 100])
    y = np.r_[y, np.full(20, 2)]
    model = unpenalised(solver=solver)
    caught = fit_recording(model, X, y)
    assert len(messages(caught, SeparationWarning)) == 1
    assert (model.predict(X[-20:]) == 2).all()
    # Left over at the infimum: the binary problem of the overlapping classes.
    left = minimum(Problem(X[:-20], y[:-20])).objective * 120 / 140
    assert -1e-15 <= model.objective_ - left <= model.optimality_gap_ + 1e-15


def test_separation_with_a_penalty_is_an_ordinary_problem():
    X, y = np.array([[-3.0], [-1.0], [2.0], [5.0]]), np.array([0, 0, 1, 1])
    model = LogisticRegression(C=10.0).fit(X, y)
    coef, intercept = exact(X, y, C=10.0)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=TIGHT)


def test_breast_cancer_is_separable_and_says_so():
    """A real data set: 569 rows, 30 columns, raw; separable, so C = inf has no maximum."""
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    model = unpenalised()
    caught = fit_recording(model, X, y)
    assert len(messages(caught, SeparationWarning)) == 1
    assert model.score(X, y) == 1.0


def test_breast_cancer_raw_converges_in_twenty_iterations():
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    model = LogisticRegression().fit(X, y)
    answer = minimum(Problem(X, y, C=1.0))
    assert model.n_iter_[0] <= 20
    assert abs(model.objective_ - answer.objective) <= 1e-15
    np.testing.assert_allclose(model.coef_, answer.coef.astype(float), rtol=1e-6)


# ------------------------------------------------------------------------ rank-deficient columns


@pytest.mark.parametrize("solver", SOLVERS)
def test_duplicate_column_unpenalised(solver):
    """Minimum norm: each of the two copies takes half; the warning names one of them."""
    X, y = rows()
    frame = pd.DataFrame(X, columns=["age", "dose", "income"]).assign(dose_again=X[:, 1])
    model = unpenalised(solver=solver, tol=1e-14)
    caught = fit_recording(model, frame, y)
    [message] = messages(caught, CollinearityWarning)
    assert len(caught) == 1
    assert "dose" in message
    assert "age" not in message.replace("dose_again", "")
    assert "income" not in message
    coef, intercept = exact(X, y)
    expected = [coef[0, 0], coef[0, 1] / 2, coef[0, 2], coef[0, 1] / 2]
    np.testing.assert_allclose(model.coef_[0], expected, rtol=1e-6)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=1e-6)
    assert model.converged_


def test_duplicate_column_without_names_is_named_by_index():
    X, y = rows()
    model = unpenalised()
    [message] = messages(fit_recording(model, X[:, [0, 1, 2, 1]], y), CollinearityWarning)
    assert "1" in message or "3" in message
    np.testing.assert_allclose(model.coef_[0, 1], model.coef_[0, 3], rtol=TIGHT)


def test_duplicate_column_penalised_is_an_ordinary_problem():
    """The ridge shares the weight; no warning (warnings are errors in this run)."""
    X, y = rows()
    X = X[:, [0, 1, 2, 1]]
    model = LogisticRegression(C=2.0).fit(X, y)
    coef, _ = exact(X, y, C=2.0)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_dummy_trap(n_classes):
    """One-hot columns beside an intercept: saturated, so fitted probabilities are group shares.

    The minimum-norm coefficients sum to 0 over the columns (the constant is free).
    """
    rng = np.random.default_rng(3)
    group = np.arange(90) % 3
    X, y = np.eye(3)[group], rng.integers(0, n_classes, 90)
    frame = pd.DataFrame(X, columns=["red", "green", "blue"])
    model = unpenalised()
    [message] = messages(fit_recording(model, frame, y), CollinearityWarning)
    assert any(name in message for name in frame.columns)
    shares = np.array([[np.mean(y[group == g] == k) for k in range(n_classes)] for g in range(3)])
    probabilities = model.predict_proba(pd.DataFrame(np.eye(3), columns=frame.columns))
    np.testing.assert_allclose(probabilities, shares, rtol=TIGHT)
    np.testing.assert_allclose(model.coef_.sum(axis=1), 0, atol=1e-9)
    assert model.converged_


@pytest.mark.parametrize("constant", [0.0, 1.0, -7.25, 1e8, 0.1, 1e-200])
def test_constant_column_unpenalised(constant):
    X, y = rows()
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(still=constant)
    model = unpenalised()
    [message] = messages(fit_recording(model, frame, y), CollinearityWarning)
    assert "still" in message
    coef, intercept = exact(X, y)
    np.testing.assert_allclose(model.coef_[0, :3], coef[0], rtol=TIGHT)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=TIGHT)
    assert model.coef_[0, 3] == 0
    assert model.converged_


@pytest.mark.parametrize("constant", [0.0, 1.0, 0.1, 1e8])
def test_constant_column_penalised_costs_nothing(constant):
    """The intercept carries it for free, so its coefficient is 0; no warning."""
    X, y = rows()
    model = LogisticRegression().fit(np.column_stack([X, np.full(len(X), constant)]), y)
    coef, intercept = exact(X, y, C=1.0)
    np.testing.assert_allclose(model.coef_[0, :3], coef[0], rtol=TIGHT)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=TIGHT)
    # Whatever rounding leaves there must not move the margin.
    assert abs(model.coef_[0, 3] * constant) < 1e-12


def test_constant_column_is_the_intercept_where_there_is_none():
    X, y = rows()
    model = unpenalised(fit_intercept=False).fit(np.column_stack([X, np.ones(len(X))]), y)
    coef, intercept = exact(X, y)
    np.testing.assert_allclose(model.coef_[0], np.r_[coef[0], intercept], rtol=TIGHT)
    assert model.intercept_.tolist() == [0.0]


def test_only_constant_columns_is_the_intercept_only_model():
    y = np.array([0, 1, 1, 1])
    model = unpenalised()
    [message] = messages(fit_recording(model, np.ones((4, 2)), y), CollinearityWarning)
    assert "0" in message
    assert "1" in message
    np.testing.assert_allclose(model.intercept_, [np.log(3)], rtol=1e-12)
    assert model.coef_.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("solver", SOLVERS)
def test_more_columns_than_rows_unpenalised(solver):
    """Four distinct rows in eight columns, each seen three times with both labels: saturated.

    The margins are the log odds of the shares, and of all coefficients that give them the ones
    of minimum norm (intercept not counted) are pinv of the centred distinct rows.
    """
    rng = np.random.default_rng(4)
    distinct = rng.normal(size=(4, 8))
    X = np.repeat(distinct, 3, axis=0)
    y = np.array([0, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 1])
    log_odds = np.log([0.5, 2.0, 2.0, 0.5])
    model = unpenalised(solver=solver, tol=1e-14)
    caught = fit_recording(model, X, y)
    assert len(messages(caught, CollinearityWarning)) == 1
    assert len(caught) == 1
    coef = np.linalg.pinv(distinct - distinct.mean(axis=0)) @ (log_odds - log_odds.mean())
    np.testing.assert_allclose(model.coef_[0], coef, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(model.decision_function(distinct), log_odds, rtol=1e-6)


def test_more_columns_than_rows_separated():
    """Any labels of distinct rows can be separated: the warning says so."""
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(6, 20)), np.array([0, 1, 0, 1, 1, 0])
    model = unpenalised()
    caught = fit_recording(model, X, y)
    assert len(messages(caught, SeparationWarning)) == 1
    assert (model.predict(X) == y).all()


def test_aliased_column_names_the_columns():
    """A sum of two others, among independent ones."""
    X, y = rows(p=4)
    frame = pd.DataFrame(X, columns=["w", "x", "y", "z"]).assign(total=X[:, 0] + X[:, 1])
    model = unpenalised()
    [message] = messages(fit_recording(model, frame, y), CollinearityWarning)
    assert "total" in message or "'w'" in message or "'x'" in message
    # Minimum norm: c + t v with v = (1, 1, 0, 0, -1) the null direction.
    coef, intercept = exact(X, y)
    start, v = np.r_[coef[0], 0], np.array([1.0, 1, 0, 0, -1])
    np.testing.assert_allclose(model.coef_[0], start - v * (start @ v) / 3, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=TIGHT)


# ------------------------------------------------------------------------- shifts and scales


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("solver", SECOND_ORDER)
def test_columns_shifted_by_1e8(solver, n_classes):
    """Rows on a grid of 2^-20 plus 1e8 are exact in float64, so the answer is the unshifted one.

    Tolerance: the margin is a difference of terms of size 1e8 |coef|, rounded to 2^-53 of that;
    coefficients themselves do not cancel.
    """
    X, y = rows(n_classes=n_classes)
    shifts = np.array([1e8, -1e8, 1e8])
    assert ((X + shifts) - shifts == X).all()
    model = unpenalised(solver=solver).fit(X + shifts, y)
    coef, intercept = exact(X, y, n_classes)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)
    np.testing.assert_allclose(
        model.predict_proba(X + shifts),
        unpenalised(solver=solver).fit(X, y).predict_proba(X),
        rtol=1e-6,  # 1e8 * 2^-53 * a few terms
    )
    np.testing.assert_allclose(model.intercept_ + model.coef_ @ shifts, intercept, atol=1e-6)
    assert model.converged_


def test_columns_shifted_by_1e8_penalised():
    """The intercept is free, so a shift changes nothing else, penalised or not."""
    X, y = rows()
    model = LogisticRegression(C=0.5).fit(X + 1e8, y)
    coef, _ = exact(X, y, C=0.5)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array])
def test_sparse_columns_shifted_by_1e8(container):
    """One column far from zero in a sparse matrix: it is full, the others stay sparse."""
    X, y = thinned()
    coef, _ = exact(X, y)
    X[:, 3] += 1e8
    model = unpenalised().fit(container(X), y)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)


def test_float32_columns_far_from_zero():
    """Multiples of 1/8 plus 2^20 fill the 24 bits of a float32."""
    X, y = rows()
    near = (X * 8).round() / 8
    far = (near + 2.0**20).astype(np.float32)
    assert (far.astype(float) - 2.0**20 == near).all()
    model = unpenalised().fit(far, y)
    coef, _ = exact(near, y)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)


@pytest.mark.parametrize("power", [-498, 400])
def test_columns_shifted_and_scaled_at_once(power):
    X, y = rows()
    scales = np.array([2.0**power, 1.0, 2.0**-power])
    model = unpenalised().fit((X + 1e8) * scales, y)
    coef, _ = exact(X, y)
    np.testing.assert_allclose(model.coef_ * scales, coef, rtol=TIGHT)


def test_columns_shifted_by_1e8_where_weights_move_the_centre():
    X, y = rows()
    w = np.exp(3 * X[:, 0])
    model = unpenalised().fit(X + 1e8, y, sample_weight=w)
    coef, _ = exact(X, y, weight=w)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)


@pytest.mark.parametrize("solver", ["newton-cg", "lbfgs"])
def test_columns_shifted_by_1e8_first_order(solver):
    X, y = rows()
    model = unpenalised(solver=solver).fit(X + 1e8, y)
    coef, _ = exact(X, y)
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-5)  # sqrt(2 tol / curvature)


@pytest.mark.parametrize("power", [-498, -100, -20, 20, 100, 498])
@pytest.mark.parametrize("solver", SOLVERS)
def test_columns_scaled_by_powers_of_two(solver, power):
    """2^498 is 8e149. Scaling by a power of two is exact, so the coefficients scale exactly."""
    X, y = rows()
    scales = np.array([2.0**power, 1.0, 2.0**-power])
    model = unpenalised(solver=solver).fit(X * scales, y)
    coef, intercept = exact(X, y)
    rtol = TIGHT if solver in SECOND_ORDER else 1e-5
    np.testing.assert_allclose(model.coef_ * scales, coef, rtol=rtol)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=rtol)
    assert model.converged_


@pytest.mark.parametrize("exponent", [-150, -75, 75, 150])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_columns_scaled_by_powers_of_ten(exponent, n_classes):
    """Multiplying by 10^e rounds each value by 2^-53: relative 1e-16, amplified little."""
    X, y = rows(n_classes=n_classes)
    scales = np.array([10.0**exponent, 1.0, 10.0**-exponent])
    model = unpenalised().fit(X * scales, y)
    coef, intercept = exact(X, y, n_classes)
    np.testing.assert_allclose(model.coef_ * scales, coef, rtol=TIGHT)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=TIGHT)
    np.testing.assert_allclose(
        model.predict_proba(X * scales), unpenalised().fit(X, y).predict_proba(X), rtol=1e-7
    )


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_scales_of_1e150_in_sparse_and_float32(fit_intercept):
    X, y = rows()
    coef, _ = exact(X, y, fit_intercept=fit_intercept)
    scales = np.array([2.0**498, 1.0, 2.0**-498])
    sparse = unpenalised(fit_intercept=fit_intercept).fit(sp.csr_array(X * scales), y)
    np.testing.assert_allclose(sparse.coef_ * scales, coef, rtol=TIGHT)
    # float32 ends at 3e38: 2^80 is 1e24.
    X32 = X.astype(np.float32)
    coef, _ = exact(X32, y, fit_intercept=fit_intercept)
    scales = np.array([2.0**80, 1.0, 2.0**-80], np.float32)
    single = unpenalised(fit_intercept=fit_intercept).fit(X32 * scales, y)
    np.testing.assert_allclose(single.coef_ * scales, coef, rtol=TIGHT)


def outcome(model, X, y):
    """The warnings or the refusal, as one list of texts."""
    try:
        return [str(w.message) for w in fit_recording(model, X, y)]
    except DataError as error:
        return [str(error)]


@pytest.mark.parametrize("scale", [1e300, 1e307, 1e-300, 1e-310, 5e-324])
@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_column_times_1e300_or_1e_minus_310(scale, C, n_classes):
    """The exact answer, or an error or a warning that names the column.

    Long double (range 1e4932) solves the problem as it stands, but for a penalised column of
    1e-300: its coefficient is at most C * sum |x| = 1e-297 and the rest is the fit without it.
    An exact coefficient beyond 1.8e308 is inf here, which no finite fit equals.
    """
    X, y = rows(n_classes=n_classes)
    X[:, 1] *= scale
    frame = pd.DataFrame(X, columns=["age", "giant", "dose"])
    model = LogisticRegression(C=C)
    said = outcome(model, frame, y)
    if said:
        assert any("giant" in text for text in said)
        return
    keep = [0, 2] if scale < 1 and np.isfinite(C) else [0, 1, 2]
    answer = minimum(Problem(X[:, keep], y, n_classes, C=C))
    coef = np.zeros((len(answer.coef), 3))
    with np.errstate(over="ignore"):
        coef[:, keep] = answer.coef.astype(float)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT, atol=1e-290 if len(keep) < 3 else 0)
    np.testing.assert_allclose(model.intercept_, answer.intercept.astype(float), rtol=TIGHT)


def test_denormal_entries_among_ordinary_ones():
    """A few denormals in a column are as good as zeros."""
    X, y = rows()
    X[::7, 1] = 3e-310
    zeros = X.copy()
    zeros[::7, 1] = 0.0
    assert_same_model(unpenalised().fit(X, y), unpenalised().fit(zeros, y))


# -------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "labels",
    [
        [-1, 1],
        ["no", "yes"],
        [False, True],
        [0.0, 1.0],
        [2, 7],
        np.array(["ham", "spam"], dtype=object),
        np.array([0, 1], np.uint8),
    ],
    ids=repr,
)
def test_labels_of_any_type(labels):
    X, y = rows()
    labels = np.asarray(labels)
    model = LogisticRegression().fit(X, labels[y])
    plain = LogisticRegression().fit(X, y)
    assert (model.coef_ == plain.coef_).all()
    assert (model.classes_ == labels).all()
    assert (model.predict(X) == labels[plain.predict(X)]).all()


@pytest.mark.parametrize("dtype", ["category", "string", "Int64", "boolean"])
def test_labels_in_a_pandas_series(dtype):
    X, y = rows()
    labels = {"category": ["no", "yes"], "string": ["no", "yes"]}.get(dtype, [0, 1])
    series = pd.Series(np.array(labels)[y]).astype(dtype)
    model = LogisticRegression().fit(X, series)
    assert (model.coef_ == LogisticRegression().fit(X, y).coef_).all()
    assert model.classes_.tolist() == labels


@pytest.mark.parametrize("label", [0, "lonely", True])
def test_one_class(label):
    X, _ = rows()
    with pytest.raises(DataError, match=str(label)) as error:
        LogisticRegression().fit(X, np.full(len(X), label))
    assert "class" in str(error.value)


def test_labels_of_bytes_are_refused_as_in_scikit_learn():
    X, y = rows()
    with pytest.raises(TypeError, match="bytes"):
        LogisticRegression().fit(X, np.array(["a", "b"], "S1")[y])


@pytest.mark.parametrize(
    "y",
    [
        np.linspace(0, 1, 120),
        np.array([np.nan] + [0.0, 1.0] * 59 + [0.0]),
        np.array([None] + ["a", "b"] * 59 + ["a"], dtype=object),
        np.array([np.inf] + [0.0, 1.0] * 59 + [0.0]),
        np.zeros((120, 2)),
        np.array([0, 1] * 59),
        None,
    ],
    ids=["continuous", "NaN", "None", "inf", "two columns", "too short", "missing"],
)
def test_labels_that_are_none(y):
    X, _ = rows()
    with pytest.raises(ValueError, match=r"\by\b|label|target|shape|samples|rows"):
        LogisticRegression().fit(X, y)


# --------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("weight", [0, 0.0])
def test_all_weights_zero(weight):
    X, y = rows()
    with pytest.raises(DataError, match=r"weight.*zero|zero.*weight"):
        LogisticRegression().fit(X, y, sample_weight=np.full(len(X), weight))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_class_with_all_weight_zero(n_classes):
    X, y = rows(n_classes=n_classes)
    names = np.array(["ash", "birch", "cedar"])
    with pytest.raises(DataError, match="birch") as error:
        LogisticRegression().fit(X, names[y], sample_weight=(y != 1).astype(float))
    assert "weight" in str(error.value)


def test_class_weight_zero_names_the_class():
    X, y = rows()
    with pytest.raises(ValueError, match="birch"):
        LogisticRegression(class_weight={"ash": 1, "birch": 0}).fit(
            X, np.array(["ash", "birch"])[y]
        )


def test_negative_weights():
    X, y = rows()
    w = np.ones(len(X))
    w[17] = -0.5
    with pytest.raises(DataError, match=r"sample_weight.*\b17\b|\b17\b.*sample_weight") as error:
        LogisticRegression().fit(X, y, sample_weight=w)
    assert "-0.5" in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("argument", ["sample_weight", "offset"])
def test_weights_and_offsets_that_are_not_finite(argument, bad):
    X, y = rows()
    values = np.ones(len(X))
    values[23] = bad
    with pytest.raises(ValueError, match=argument) as error:
        LogisticRegression().fit(X, y, **{argument: values})
    assert "23" in str(error.value)


@pytest.mark.parametrize("shape", [(119,), (121,), (120, 2), (1, 120)])
@pytest.mark.parametrize("argument", ["sample_weight", "offset"])
def test_weights_and_offsets_of_the_wrong_shape(argument, shape):
    X, y = rows()
    with pytest.raises(ValueError, match=argument):
        LogisticRegression().fit(X, y, **{argument: np.ones(shape)})


def test_multinomial_offset_needs_one_column_per_class():
    X, y = rows(n_classes=3)
    with pytest.raises(DataError, match="offset"):
        LogisticRegression().fit(X, y, offset=np.zeros(120))
    with pytest.raises(DataError, match="offset"):
        LogisticRegression().fit(X, y, offset=np.zeros((120, 2)))
    model = LogisticRegression().fit(X, y, offset=np.zeros((120, 3)))
    assert (model.coef_ == LogisticRegression().fit(X, y).coef_).all()


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_weights_of_any_size_are_relative_when_unpenalised(scale):
    X, y = rows()
    w = np.random.default_rng(6).uniform(0.5, 2, len(X))
    assert_same_model(
        unpenalised().fit(X, y, sample_weight=w * scale),
        unpenalised().fit(X, y, sample_weight=w),
        rtol=TIGHT,
    )


def test_a_weight_of_zero_is_a_row_that_is_not_there():
    X, y = rows()
    w = np.random.default_rng(7).integers(0, 2, len(X)).astype(float)
    kept = w > 0
    X[~kept] *= 1e6
    model = unpenalised().fit(X, y, sample_weight=w)
    assert_same_model(model, unpenalised().fit(X[kept], y[kept]), rtol=1e-7)


# ------------------------------------------------------------------------- shapes and values


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["array", "fortran", "float32", "frame"])
def test_nan_and_infinity_name_column_and_row(kind, bad):
    X, y = rows()
    X[41, 2] = bad
    given = {
        "array": X,
        "fortran": np.asfortranarray(X),
        "float32": X.astype(np.float32),
        "frame": pd.DataFrame(X, columns=["age", "dose", "income"]),
    }[kind]
    with pytest.raises(DataError, match="NaN" if np.isnan(bad) else "inf") as error:
        LogisticRegression().fit(given, y)
    assert ("income" if kind == "frame" else "2") in str(error.value)
    assert "41" in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array, sp.csr_matrix, sp.coo_array])
def test_nan_and_infinity_in_sparse_rows(container, bad):
    X, y = rows()
    X[np.abs(X) < 0.5] = 0
    X[41, 2] = bad
    with pytest.raises(DataError, match="NaN" if np.isnan(bad) else "inf") as error:
        LogisticRegression().fit(container(X), y)
    assert "2" in str(error.value)
    assert "41" in str(error.value)


def test_nan_in_a_late_block_names_its_row():
    X, y = np.zeros((60_000, 2)), np.arange(60_000) % 2
    X[:, 0] = y
    X[54_321, 1] = np.nan
    with pytest.raises(DataError, match=r"54[_,]?321"):
        LogisticRegression().fit(X, y)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_at_prediction(bad):
    X, y = rows()
    model = LogisticRegression().fit(X, y)
    X[41, 2] = bad
    for method in (model.predict, model.predict_proba, model.decision_function):
        with pytest.raises(DataError, match="41"):
            method(X)


def test_complex():
    X, y = rows()
    with pytest.raises(ValueError, match=r"[Cc]omplex data not supported"):
        LogisticRegression().fit(X + 1j, y)
    with pytest.raises(ValueError, match=r"[Cc]omplex"):
        LogisticRegression().fit(sp.csr_array(X + 1j), y)


def test_no_columns():
    """scikit-learn's checks demand the refusal and its words."""
    with pytest.raises(ValueError, match=r"0 feature\(s\)"):
        LogisticRegression().fit(np.empty((12, 0)), np.arange(12) % 2)


def test_no_rows():
    with pytest.raises(ValueError, match=r"0 sample\(s\)|no rows|0 rows"):
        LogisticRegression().fit(np.empty((0, 3)), np.empty(0, int))


def test_one_row():
    with pytest.raises(ValueError, match=r"class|1 sample"):
        LogisticRegression().fit(np.ones((1, 3)), np.array([1]))


@pytest.mark.parametrize("shape", [(120,), (120, 3, 1), ()])
def test_wrong_dimensions(shape):
    with pytest.raises(ValueError, match=r"2D|2-D|[Tt]wo|dim|[Rr]eshape"):
        LogisticRegression().fit(np.ones(shape), np.arange(120) % 2)


def test_wrong_number_of_columns_at_prediction():
    X, y = rows()
    model = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match=r"2 features.*3 features"):
        model.predict(X[:, :2])


def test_a_frame_with_other_names_at_prediction():
    X, y = rows()
    model = LogisticRegression().fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)
    with pytest.raises(DataError, match='lacks the column "c"'):
        model.predict(pd.DataFrame(X, columns=["a", "b", "z"]))


def test_object_array_of_numbers():
    X, y = rows()
    model = LogisticRegression().fit(X.astype(object), y)
    assert_same_model(model, LogisticRegression().fit(X, y))


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_column_of_text_is_encoded(dtype):
    X, y = rows()
    frame = pd.DataFrame(X, columns=["age", "dose", "income"])
    frame["colour"] = pd.Series(["red", "blue"] * 60).astype(dtype)
    model = LogisticRegression().fit(frame, y)
    assert_same_model(model, LogisticRegression().fit(np.c_[X, np.arange(120) % 2 == 0], y))
    assert model.coef_names_.tolist() == ["age", "dose", "income", "colour[red]"]


def test_object_column_of_numbers_in_a_frame():
    X, y = rows()
    frame = pd.DataFrame(X, columns=["age", "dose", "income"])
    model = LogisticRegression().fit(frame.astype({"dose": object}), y)
    assert_same_model(model, LogisticRegression().fit(frame, y))


# -------------------------------------------------------------------------- memory layouts


def test_float16():
    """Each float16 is a float64: the exact answer is that of the float64 copies."""
    X, y = rows()
    X16 = X.astype(np.float16)
    model = unpenalised().fit(X16, y)
    coef, intercept = exact(X16, y)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=TIGHT)


def test_float16_does_not_overflow_inside():
    """Squares of 1e4 overflow float16 (65504)."""
    X, y = rows()
    X16 = (X * 1e4).astype(np.float16)
    model = unpenalised().fit(X16, y)
    coef, _ = exact(X16, y)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)


def test_longdouble():
    """float128: read as float64 where it fits, refused with its column where it does not."""
    X, y = rows()
    model = unpenalised().fit(X.astype(np.longdouble), y)
    assert_same_model(model, unpenalised().fit(X, y))
    beyond = X.astype(np.longdouble)
    beyond[3, 1] = np.longdouble("1e4000")
    with pytest.raises(ValueError, match="1") as error:
        unpenalised().fit(beyond, y)
    assert "3" in str(error.value)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_integers_and_booleans(dtype):
    X = np.random.default_rng(8).integers(0, 2 if dtype is bool else 100, (120, 3)).astype(dtype)
    y = np.random.default_rng(9).integers(0, 2, 120)
    model = unpenalised().fit(X, y)
    coef, intercept = exact(X, y)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=TIGHT)


LAYOUTS = {
    "fortran": np.asfortranarray,
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "every other row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "backwards": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "big-endian": lambda X: X.astype(">f8"),
    "unaligned": lambda X: _unaligned(X),
    "list": lambda X: X.tolist(),
    "frame": pd.DataFrame,
    "frame float64": lambda X: pd.DataFrame(X).astype("Float64"),
    "matrix of one row broadcast": lambda X: np.lib.stride_tricks.as_strided(
        X, X.shape, X.strides, writeable=False
    ),
}


def _unaligned(X):
    buffer = np.zeros(X.nbytes + 1, np.uint8)
    view = buffer[1:].view(X.dtype).reshape(X.shape)
    view[:] = X
    assert not view.flags.aligned
    return view


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
def test_layouts(layout, n_classes):
    """The same numbers in another order of memory: the same model, to the rounding of a sum."""
    X, y = rows(n_classes=n_classes)
    given = LAYOUTS[layout](X)
    if layout.startswith("frame"):
        given.columns = ["a", "b", "c"]
    model = unpenalised().fit(given, y)
    plain = unpenalised().fit(X, y)
    assert_same_model(model, plain, rtol=1e-9)
    np.testing.assert_allclose(model.predict_proba(given), plain.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("container", [np.asarray, np.asfortranarray, sp.csr_array, sp.csc_array])
def test_read_only(container):
    X, y = rows()
    expected = LogisticRegression().fit(container(X), y).coef_
    w, offset, given = np.ones(len(X)), np.zeros(len(X)), container(X)
    arrays = [given] if isinstance(given, np.ndarray) else [given.data, given.indices, given.indptr]
    for array in [*arrays, w, offset, y]:
        array.setflags(write=False)
    model = LogisticRegression().fit(given, y, sample_weight=w, offset=offset)
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-12)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_mapped(tmp_path, order, dtype):
    X, y = rows()
    mapped = np.memmap(tmp_path / "X", dtype, "w+", shape=X.shape, order=order)
    mapped[:] = X
    mapped.flush()
    mapped = np.memmap(tmp_path / "X", dtype, "r", shape=X.shape, order=order)
    plain = np.array(mapped, order=order)
    model = LogisticRegression().fit(mapped, y)
    assert (model.coef_ == LogisticRegression().fit(plain, y).coef_).all()
    assert not isinstance(model.coef_, np.memmap)


def test_arguments_are_not_changed():
    X, y = rows()
    sparse = sp.csr_array(X)
    w, offset = np.ones(len(X)), np.zeros(len(X))
    class_weight = {0: 1.0, 1: 2.0}
    before = [X.copy(), y.copy(), w.copy(), offset.copy(), sparse.data.copy()]
    for given in (X, np.asfortranarray(X), sparse):
        LogisticRegression(class_weight=class_weight).fit(given, y, sample_weight=w, offset=offset)
    for now, then in zip([X, y, w, offset, sparse.data], before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert class_weight == {0: 1.0, 1: 2.0}


# ---------------------------------------------------------------------------------- sparse


def thinned(seed=0, n_classes=2):
    X, y = rows(seed=seed, p=5, n_classes=n_classes)
    X[np.random.default_rng(seed).uniform(size=X.shape) < 0.7] = 0
    return X, y


def with_index_type(matrix, dtype):
    matrix.indices, matrix.indptr = matrix.indices.astype(dtype), matrix.indptr.astype(dtype)
    return matrix


@pytest.mark.parametrize(
    "container",
    [
        sp.csr_array,
        sp.csc_array,
        sp.csr_matrix,
        sp.csc_matrix,
        sp.coo_array,
        sp.lil_array,
        sp.dok_array,
        sp.bsr_array,
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparse_containers(container, n_classes):
    X, y = thinned(n_classes=n_classes)
    model = unpenalised().fit(container(X), y)
    coef, intercept = exact(X, y, n_classes)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=TIGHT)
    np.testing.assert_allclose(
        model.predict_proba(container(X)), model.predict_proba(X), rtol=1e-12
    )


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array])
def test_sparse_types(container, dtype, index):
    X, y = thinned()
    X = X.round() if dtype in (np.int64, bool) else X
    given = with_index_type(container(X.astype(dtype)), index)
    model = unpenalised().fit(given, y)
    coef, _ = exact(X.astype(dtype).astype(float), y)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)
    assert given.indices.dtype == index
    assert given.indptr.dtype == index
    assert given.dtype == dtype


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array])
def test_explicit_zeros(container):
    X, y = thinned()
    given = container(np.where(X == 0, 1.0, X))
    given.data[given.data == 1.0] = 0.0
    stored = given.nnz
    assert stored == X.size
    model = unpenalised().fit(given, y)
    coef, _ = exact(X, y)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)
    assert given.nnz == stored, "the caller's matrix is left as it was"


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_array])
def test_unsorted_and_duplicate_entries(container):
    """Entries stored twice are summed, as SciPy defines; the caller's matrix is not touched."""
    X, y = thinned()
    plain = container(X)
    indptr = plain.indptr * 2
    indices, data = np.empty(2 * plain.nnz, np.int32), np.empty(2 * plain.nnz)
    for start, stop in zip(plain.indptr[:-1], plain.indptr[1:], strict=True):
        # x is 3 x + (-2 x), and the second half runs backwards.
        values, where = plain.data[start:stop], plain.indices[start:stop]
        data[2 * start : 2 * stop] = np.r_[3 * values, -2 * values[::-1]]
        indices[2 * start : 2 * stop] = np.r_[where, where[::-1]]
    given = container((data.copy(), indices.copy(), indptr.copy()), shape=X.shape)
    assert not given.has_canonical_format
    model = unpenalised().fit(given, y)
    coef, intercept = exact(X, y)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=TIGHT)
    np.testing.assert_allclose(model.predict_proba(given), model.predict_proba(X), rtol=1e-9)
    np.testing.assert_array_equal(given.data, data)
    np.testing.assert_array_equal(given.indices, indices)


def test_sparse_column_that_is_empty():
    X, y = thinned()
    X[:, 2] = 0
    model = unpenalised()
    [message] = messages(fit_recording(model, sp.csr_array(X), y), CollinearityWarning)
    assert "2" in message
    coef, _ = exact(np.delete(X, 2, axis=1), y)
    np.testing.assert_allclose(model.coef_[0], np.insert(coef[0], 2, 0), rtol=TIGHT, atol=1e-15)


def one_million_categories():
    """20 000 rows, one 1 each, among a million columns."""
    rng = np.random.default_rng(10)
    n, p = 20_000, 1_000_000
    column = rng.choice(rng.choice(p, 8_000, replace=False), n)
    X = sp.csr_array((np.ones(n), column, np.arange(n + 1)), shape=(n, p))
    return X, rng.integers(0, 2, n) | (column % 3 == 0), column


def one_hot_answer(y, column, C):
    """Columns with the same counts of labels share a coefficient: one unknown for each count.

    Newton on those few unknowns and the intercept; independent of the million columns.
    """
    used, place = np.unique(column, return_inverse=True)
    counts = np.column_stack([np.bincount(place, y == 0), np.bincount(place, y == 1)])
    patterns, which, times = np.unique(counts, axis=0, return_inverse=True, return_counts=True)
    n0, n1 = patterns.T
    w, b = np.zeros(len(patterns)), 0.0
    for _ in range(100):
        a = 1 / (1 + np.exp(-(w + b)))
        slope = (n0 + n1) * a - n1
        curvature = (n0 + n1) * a * (1 - a)
        # Blocks: diagonal in w, bordered by b.
        D = curvature + 1 / C
        g_w, g_b = slope + w / C, (times * slope).sum()
        schur = (times * (curvature - curvature**2 / D)).sum()
        step_b = -(g_b - (times * curvature / D * g_w).sum()) / schur
        w, b = w + (-(g_w + curvature * step_b) / D), b + step_b
    assert abs(step_b) < 1e-13
    return used, w[which.ravel()], b


def test_one_million_categories():
    X, y, column = one_million_categories()
    model = LogisticRegression(C=1.0).fit(X, y)
    used, coef, intercept = one_hot_answer(y, column, C=1.0)
    assert model.converged_
    assert model.coef_.shape == (1, 1_000_000)
    # A gap of 1e-12 per row is sqrt(2 C n 1e-12) = 2e-4 in coefficients at worst.
    np.testing.assert_allclose(model.coef_[0, used], coef, atol=2e-4)
    np.testing.assert_allclose(model.intercept_, [intercept], atol=2e-4)
    assert np.count_nonzero(np.delete(model.coef_[0], used)) == 0


def test_one_million_categories_unpenalised_do_not_end_in_silence():
    X, y, _ = one_million_categories()
    model = unpenalised(max_iter=20)
    caught = fit_recording(model, X, y)
    assert messages(caught, SeparationWarning) or messages(caught, ConvergenceWarning)


# -------------------------------------------------------------------------- large margins


def test_margins_of_a_thousand():
    X, y = rows()
    model = LogisticRegression().fit(X, y)
    far = np.array([1000.0, -1000.0, 800.0])
    z = model.decision_function(X[:3], offset=far - model.decision_function(X[:3]))
    np.testing.assert_allclose(z, far)
    p = model.predict_proba(X[:3], offset=far - model.decision_function(X[:3]))
    assert p[:, 1].tolist() == [1.0, 0.0, 1.0]
    log_p = model.predict_log_proba(X[:3], offset=far - model.decision_function(X[:3]))
    np.testing.assert_allclose(log_p, [[-1000, 0], [0, -1000], [-800, 0]], rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("size", [1e3, 1e5])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_offsets_of_a_thousand_in_fit(size, n_classes):
    """Offsets that decide most rows for themselves, some of them wrongly; the rest is fitted."""
    X, y = rows(n_classes=n_classes)
    shape = (len(X),) if n_classes == 2 else (len(X), 3)
    offset = np.zeros(shape)
    offset[:40] = size * np.random.default_rng(11).normal(size=offset[:40].shape)
    model = LogisticRegression()
    caught = fit_recording(model, X, y, offset=offset)
    assert caught == []
    problem = Problem(X, y, n_classes, offset=offset, C=1.0)
    exact_objective = minimum(problem).objective
    assert abs(model.objective_ - exact_objective) <= 1e-13 * exact_objective


# ------------------------------------------------------------------------------ parameters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("C", 0),
        ("C", -1.0),
        ("C", np.nan),
        ("C", "strong"),
        ("C", None),
        ("l1_ratio", 2.0),
        ("l1_ratio", -0.1),
        ("l1_ratio", np.nan),
        ("tol", -1e-3),
        ("tol", np.nan),
        ("tol", np.inf),
        ("tol", True),
        ("C", 10**400),
        ("max_iter", True),
        ("penalty", np.array([1, 2])),
        ("max_iter", 0),
        ("max_iter", -5),
        ("max_iter", 2.5),
        ("solver", "warp"),
        ("solver", 3),
        ("class_weight", "heavy"),
        ("class_weight", {0: -1.0, 1: 1.0}),
        ("class_weight", {0: np.nan}),
        ("class_weight", {"other": 2.0}),
        ("penalty", "l3"),
        ("n_jobs", 0),
        ("n_jobs", "all"),
    ],
)
def test_parameters_that_cannot_be_used(name, value):
    X, y = rows()
    with pytest.raises(ParameterError, match=name):
        LogisticRegression(**{name: value}).fit(X, y)


@pytest.mark.parametrize(
    "parameters",
    [{"learning_rate": 0}, {"learning_rate": np.nan}, {"epochs": 0}, {"learning_rate": "big"}],
)
def test_solver_parameters_that_cannot_be_used(parameters):
    X, y = rows()
    with pytest.raises(ParameterError, match=next(iter(parameters))):
        LogisticRegression(solver=GradientDescent(**parameters)).fit(X, y)


@pytest.mark.parametrize("rate", [1e3, 1e300])
def test_gradient_descent_that_diverges_says_so(rate):
    X, y = rows()
    model = LogisticRegression(solver=GradientDescent(learning_rate=rate, epochs=50))
    caught = fit_recording(model, X, y)
    assert len(messages(caught, ConvergenceWarning)) == 1
    assert "learning_rate" in messages(caught, ConvergenceWarning)[0]
    assert not model.converged_


def test_a_failed_fit_leaves_the_earlier_one():
    X, y = rows()
    model = LogisticRegression().fit(X, y)
    before = model.coef_.copy()
    bad = X.copy()
    bad[0, 0] = np.nan
    with pytest.raises(DataError):
        model.fit(bad, y)
    assert (model.coef_ == before).all()
    assert (model.predict(X) == LogisticRegression().fit(X, y).predict(X)).all()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("C", [1e-200, 1e-12])
def test_a_penalty_without_bounds_leaves_the_intercept(C, n_classes):
    X, y = rows(n_classes=n_classes)
    model = LogisticRegression(C=C).fit(X, y)
    # |coef| <= C sum |residual x|
    assert np.abs(model.coef_).max() <= C * np.abs(X).sum()
    shares = np.bincount(y) / len(y)
    np.testing.assert_allclose(model.predict_proba(X[:1])[0], shares, rtol=TIGHT)


@pytest.mark.parametrize("C", [1e12, 1e200])
def test_a_penalty_of_nothing_is_none(C):
    X, y = rows()
    model = LogisticRegression(C=C).fit(X, y)
    coef, intercept = exact(X, y)
    np.testing.assert_allclose(model.coef_, coef, rtol=TIGHT)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=TIGHT)


def test_thirty_classes():
    rng = np.random.default_rng(12)
    X, y = rng.normal(size=(400, 3)), rng.permutation(np.arange(400) % 30)
    model = LogisticRegression().fit(X, y)
    answer = minimum(Problem(X, y, 30, C=1.0))
    assert model.coef_.shape == (30, 3)
    np.testing.assert_allclose(model.coef_, answer.coef.astype(float), rtol=1e-7, atol=1e-9)


def test_a_class_of_a_single_row():
    X, y = rows()
    y[5] = 2
    model = LogisticRegression().fit(X, y)
    answer = minimum(Problem(X, y, 3, C=1.0))
    np.testing.assert_allclose(model.coef_, answer.coef.astype(float), rtol=1e-7, atol=1e-9)


def test_ordinary_data_give_no_warning():
    X, y = rows()
    for C in (1e-6, 1.0, 1e6, np.inf):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = LogisticRegression(C=C).fit(X, y)
        assert caught == []
        assert model.converged_


def test_rows_of_weight_zero_may_hold_anything():
    """A weight of 0 leaves a row out: it makes no column vary, and its size does not matter."""
    X, y = rows()
    weight = np.ones(len(y))
    weight[0] = 0
    X[:, 1] = 3.0
    for odd in (5.0, 1e300):
        X[0, 1] = odd
        model = unpenalised()
        [message] = messages(fit_recording(model, X, y, sample_weight=weight), CollinearityWarning)
        assert "1" in message
        alone = unpenalised()
        fit_recording(alone, X[1:], y[1:])
        np.testing.assert_allclose(model.coef_, alone.coef_, rtol=TIGHT, atol=1e-15)


def test_validation_takes_the_offset_of_its_rows():
    X, y = rows()
    offset = np.linspace(-2, 2, len(y))
    model = LogisticRegression().fit(X, y, offset=offset, validation=(X, y, offset))
    np.testing.assert_allclose(
        model.history_["validation_loss"], model.history_["loss"], rtol=1e-12
    )
    for wrong in ((X, y), (X,), X, (X, y, offset, 1)):
        with pytest.raises(DataError, match="validation"):
            LogisticRegression().fit(X, y, offset=offset, validation=wrong)
    with pytest.raises(DataError, match="validation"):
        LogisticRegression().fit(X, y, validation=(X, y, offset))
    with pytest.raises(DataError, match=r"validation.*label 7"):
        LogisticRegression().fit(X, y, validation=(X, np.full(len(y), 7)))
    with pytest.raises(DataError, match="validation"):
        LogisticRegression().fit(X, y, validation=(X, y[:-1]))


def test_arguments_of_rows_that_are_not_numbers_are_named():
    X, y = rows()
    for name in ("sample_weight", "offset"):
        for values in (np.array(["a"] * len(y)), np.ones(len(y)) * 1j):
            with pytest.raises(DataError, match=name):
                LogisticRegression().fit(X, y, **{name: values})
    with pytest.raises(ValueError, match="label"):
        LogisticRegression().fit(X, np.array([None, "a"] * (len(y) // 2), dtype=object))


def test_fits_side_by_side_leave_the_threads_of_blas_as_they_were():
    X, y = np.random.default_rng(0).normal(size=(60_000, 10)), np.arange(60_000) % 2
    before = [library["num_threads"] for library in threadpoolctl.threadpool_info()]
    with ThreadPoolExecutor(4) as pool:
        fits = list(
            pool.map(lambda k: LogisticRegression(n_jobs=2).fit(X[k:], y[k:]), [0, 9, 5, 0, 7, 0])
        )
    assert [library["num_threads"] for library in threadpoolctl.threadpool_info()] == before
    assert fits[0].coef_.tobytes() == fits[3].coef_.tobytes() == fits[5].coef_.tobytes()


def test_too_many_columns_to_look_for_aliases_are_said_to_be():
    """A dummy for each of 2100 levels and an intercept: one too many, and too many to find it."""
    rng = np.random.default_rng(0)
    level = np.r_[np.repeat(np.arange(2100), 4), rng.integers(0, 2100, 600)]
    y = np.r_[np.tile([0, 1, 0, 1], 2100), rng.integers(0, 2, 600)]
    X = sp.csr_array((np.ones(9000), (np.arange(9000), level)), shape=(9000, 2100))
    [message] = messages(fit_recording(unpenalised(), X, y), CollinearityWarning)
    assert "not looked for" in message
