"""Inference where it could go wrong: each case once was a wrong number in silence, or broke."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from oddsmith import FirthLogisticRegression, LogisticRegression, logit
from oddsmith.errors import (
    CollinearityWarning,
    ConvergenceWarning,
    DataError,
    OddsmithWarning,
    ParameterError,
    SeparationWarning,
)

HALF = np.repeat([0.0, 1.0], 10)[:, None]


def _rows(seed=0, n=60):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 3))
    return X, (random.random(n) < 1.0 / (1.0 + np.exp(-X[:, 0]))).astype(int)


def _fitted(X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LogisticRegression(C=np.inf).fit(X, y)


@pytest.mark.parametrize(("zeros", "kind"), [(5, "in part"), (10, "completely")])
def test_infer_warns_of_separation_as_the_fit_did(zeros, kind):
    y = np.repeat([0, 1], [zeros, 20 - zeros])
    model = _fitted(HALF, y)
    with pytest.warns(SeparationWarning, match=f'"x1" separates the classes {kind}'):
        found = model.infer(HALF, y)
    assert any("separates" in message for message in found.warnings)


@pytest.mark.parametrize("firth", [False, True])
@pytest.mark.parametrize(("scale", "advice"), [(1e300, "small.*divide"), (1e-300, "large.*multi")])
def test_a_variance_beyond_the_floats_is_refused(scale, advice, firth):
    X, y = _rows()
    X[:, 1] *= scale
    with pytest.raises(DataError, match=f'the coefficient of "x2" is too {advice}'):
        logit(X, y, firth=firth)


def test_a_column_called_as_the_intercept_is_no_intercept():
    X, y = _rows()
    data = {"y": y, "Intercept": X[:, 0], "b": X[:, 1]}
    found = logit("y ~ Intercept + b - 1", data)
    np.testing.assert_allclose(found.params, logit(X[:, :2], y, intercept=False).params, rtol=1e-9)


def test_names_that_two_coefficients_have_are_not_tested():
    X, y = _rows()
    found = logit(pd.DataFrame(X, columns=["const", "a", "b"]), y)
    for given in ("const", ["const"], "const = 2 * a", [(1, "const")]):
        with pytest.raises(ParameterError, match='2 coefficients are called "const"'):
            found.wald_test(given)


@pytest.mark.parametrize("columns", [[0, 1, 2], [("a", 1), ("a", 2), ("b", 1)]])
def test_names_that_are_no_text(columns):
    X, y = _rows()
    data = pd.DataFrame(X, columns=columns)
    found, plain = logit(data, y), logit(X, y)
    assert found.columns == tuple(map(str, columns))
    np.testing.assert_array_equal(found.params, plain.params)
    np.testing.assert_array_equal(found.predict(data), plain.predict(X))


def test_columns_of_one_name_are_refused():
    X, y = _rows()
    with pytest.raises(DataError, match='more than one column "a"'):
        logit(pd.DataFrame(X, columns=["a", "a", "b"]), y)
    with pytest.raises(DataError, match='more than one column "a"'):
        logit(pa.table([X[:, 0], X[:, 1]], names=["a", "a"]), y)


def test_missing_groups_are_no_cluster_of_their_own():
    X, y = _rows()
    groups = np.where(np.arange(len(y)) % 7 == 0, np.nan, np.arange(len(y)) % 5)
    for given in (groups, np.where(np.isnan(groups), None, "a")):
        with pytest.raises(DataError, match="groups is missing in 9 of 60 rows"):
            logit(X, y, groups=given)


@pytest.mark.parametrize("data", [dict, pd.DataFrame])
def test_complex_columns_are_no_categories(data):
    given = data({"y": [0, 1, 0, 1], "a": np.array([1, 2, 3, 1j])})
    with pytest.raises(DataError, match='column "a" holds complex numbers'):
        logit("y ~ a", given)


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC3"])
def test_robust_errors_that_are_rounding_are_not_given(kind):
    """By mpmath they are 5.4 and 1.9 (HC0), from terms of 1e24; they came out as thousands."""
    X = [[2], [0], [3], [2], [3], [3], [1], [2], [2], [3]]
    y, w = [1, 0, 0, 0, 0, 1, 0, 0, 1, 1], [1, 3, 0, 3, 1, 0, 0, 3, 2, 1]
    offset = [
        -11.28086465, -208.91870494, -77.42644851, 125.65035629, -71.87515234,
        -52.18237396, 109.8289571, -115.92181895, 132.80928536, -17.46971215,
    ]  # fmt: skip
    with pytest.warns(OddsmithWarning, match="rounding leaves none of their digits"):
        found = logit(X, y, weights=w, offset=offset, cov_type=kind)
    assert np.isnan(found.bse).all()
    assert "rounding leaves none" in str(found.summary())


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_a_row_that_alone_decides_a_coefficient_is_no_warning_of_numpy(kind):
    X = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 1.5]])
    with pytest.warns(OddsmithWarning):  # of separation; with HC2 of what is NaN as well
        found = logit(X, [1, 0, 1, 0], intercept=False, cov_type=kind)
    assert found.params[0] > 10


def test_a_model_of_nothing():
    with pytest.raises(DataError, match="neither a column nor an intercept"):
        logit(np.empty((4, 0)), [0, 1, 0, 1], intercept=False)


@pytest.mark.parametrize("given", [None, 3, "x1 = 1e400"])
def test_restrictions_that_cannot_be_read(given):
    with pytest.raises(ParameterError, match=r"cannot be read|beyond the floats"):
        logit(*_rows()).lr_test(given)


def test_bias_reduction_with_far_offsets():
    X, y = _rows()
    X = np.column_stack([X, X[:, 0]])
    with pytest.warns(CollinearityWarning):
        plain, far = (logit(X, y, offset=np.full(60, o), firth=True) for o in (0.0, 1e5))
    np.testing.assert_allclose(far.params[1:], plain.params[1:], rtol=1e-7)
    with pytest.raises(DataError, match="make the offset smaller"):
        logit(X[:, :3], y, offset=np.resize([1e3, -1e3], 60), firth=True)


def test_the_name_of_a_column_is_never_evaluated(tmp_path):
    X, y = _rows()
    left = f"open({str(tmp_path / 'left')!r}, 'w')"
    plain = logit("y ~ x", {"y": y, "x": X[:, 0]})
    found = logit(f"`{left}` ~ `{left}x`", {left: y, f"{left}x": X[:, 0]})
    np.testing.assert_array_equal(found.params, plain.params)
    assert logit("y ~ .", {"y": y, left: X[:, 0]}).columns == (left,)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["s.l", "np", "C", "exp", "poly", "w w"])
def test_columns_are_found_whatever_they_are_called(name):
    X, y = _rows()
    data = {"y": y, name: X[:, 0].round(), "bad": np.full(60, np.nan)}
    plain = {"y": y, "x": X[:, 0].round()}
    asked = [(f"y ~ `{name}`", "y ~ x"), (f"y ~ log(`{name}`**2 + 1)", "y ~ log(x**2 + 1)")]
    asked += [(f"y ~ C(`{name}`)", "y ~ C(x)")] if name != "C" else []
    for own, other in asked:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, wanted = logit(own, data), logit(other, plain)
        np.testing.assert_array_equal(found.params, wanted.params)
    data[name] = np.where(np.arange(60) == 3, np.nan, data[name])
    with pytest.raises(DataError, match=f'by column: "{name}" 1'):
        logit(f"y ~ `{name}`", data)


@pytest.mark.parametrize(
    ("formula", "name", "says"),
    [
        ("y ~ `1`", "1", "call the intercept"),
        ("y ~ .", "1", "call the intercept"),
        ("y ~ C(`None`)", "None", "a word of Python"),
        ("y ~ C(`class`)", "class", "cannot be read"),
        ("y ~ {lambda} + x", "x", "cannot be"),
        ("y ~ x + {np.ones(3)}", "x", "formula part"),
        ("y ~ {x y} + x", "x", "cannot be read|formula part"),
    ],
)
def test_formulas_that_would_leave_a_column_out_are_refused(formula, name, says):
    X, y = _rows()
    with pytest.raises(DataError, match=says):
        logit(formula, {"y": y, name: X[:, 0]})


def test_a_pickled_bias_reduced_fit_shows_what_it_showed():
    found = logit(*_rows(), firth=True)
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(found))))  # noqa: S301
    assert str(again.summary()) == str(found.summary())
    with pytest.raises(DataError, match="rows of this fit are gone"):
        again.conf_int(0.1)


def test_bias_reduced_inference_is_of_the_rows_of_the_fit():
    X, y = _rows()
    model = FirthLogisticRegression().fit(X, y)
    np.testing.assert_allclose(model.infer(X[::-1], y[::-1]).params[1:], model.coef_[0], rtol=1e-6)
    for given in ((X[:50], y[:50]), (X, y, np.full(60, 2.0)), (X, 1 - y)):
        with pytest.raises(DataError, match="other coefficients than the fit"):
            model.infer(*given)
    with pytest.raises(DataError, match="other coefficients than the fit"):
        model.set_params(fit_intercept=False).infer(X, y)


def test_infer_says_why_an_early_fit_stopped():
    X, y = _rows()
    model = LogisticRegression(C=np.inf, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="max_iter was reached"):
        model.fit(X, y)
    with pytest.warns(ConvergenceWarning, match="max_iter was reached"):
        model.infer(X, y)


def test_nothing_but_an_intercept_separates_nothing():
    assert logit(np.empty((4, 0)), [0, 1, 0, 1]).separation() is None


@pytest.mark.parametrize("K", [2, 3])
def test_a_covariance_that_is_not_known_makes_errors_nan_everywhere(K):
    X, _ = _rows(n=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = logit(X, np.resize(np.arange(K), 4), groups=[0, 1, 0, 1])
        assert np.isnan(found.bse).all()
        assert np.isnan(found.get_margeff().margeff_se).all()
        assert np.isnan(found.get_prediction().se).all()
        assert np.isnan(found.get_influence().cooks_distance[0]).all()
