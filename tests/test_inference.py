"""Laws of inference, what `logit` and `infer` take and refuse, and how results are shown."""

import pickle
import re
import warnings
from dataclasses import replace

import mpmath
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

import oddsmith
from oddsmith import LogisticRegression, logit
from oddsmith.data.memory import memory_blocks
from oddsmith.engines.threads import OnDemand
from oddsmith.errors import (
    CollinearityWarning,
    DataError,
    OddsmithWarning,
    ParameterError,
    SeparationWarning,
)
from oddsmith.inference.covariance import covariance_of
from oddsmith.inference.tails import log_chi2_tail, log_normal_tails

KINDS = ["nonrobust", "HC0", "HC1", "HC2", "HC3", "cluster"]


def drawn(seed, n=150, p=3, K=2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    margins = X @ rng.normal(size=(p, K)) * 0.5 + rng.gumbel(size=(n, K))
    return X, margins.argmax(axis=1)


def groups_of(n, kind, count=20):
    return np.arange(n) % count if kind == "cluster" else None


# Laws.


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 3), st.sampled_from(KINDS))
def test_a_frequency_of_two_is_the_row_twice(seed, K, kind):
    X, y = drawn(seed, K=K)
    times = np.random.default_rng(seed).integers(0, 4, len(y))
    assume(all((times[y == k] > 0).sum() > 3 for k in range(K)))
    groups = groups_of(len(y), kind)
    repeated = np.repeat(np.arange(len(y)), times)
    weighted = logit(X, y, weights=times, cov_type=kind, groups=groups)
    written = logit(
        X[repeated], y[repeated], cov_type=kind, groups=None if groups is None else groups[repeated]
    )
    np.testing.assert_allclose(weighted.params, written.params, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(weighted.bse, written.bse, rtol=1e-8)
    for name in ("llf", "llnull", "nobs", "df_resid", "aic", "bic", "llr_pvalue"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(written, name), rtol=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 3), st.sampled_from(KINDS[1:]))
def test_sampling_weights_know_no_unit(seed, K, kind):
    X, y = drawn(seed, K=K)
    weight = np.random.default_rng(seed).uniform(0.2, 3.0, len(y))
    groups = groups_of(len(y), kind)
    how = {"cov_type": kind, "groups": groups, "weights_are": "sampling"}
    one, other = (logit(X, y, weights=unit * weight, **how) for unit in (1.0, 37.5))
    np.testing.assert_allclose(one.bse, other.bse, rtol=1e-8)
    assert one.nobs == len(y)
    far = logit(X, y, weights=2.0**-700 * weight, **how)
    np.testing.assert_allclose(one.bse, far.bse, rtol=1e-8)
    assert np.isnan([one.aic, one.bic, one.llr_pvalue]).all()


def test_sampling_weights_by_their_definition():
    X, y = drawn(0)
    weight = np.random.default_rng(0).uniform(0.2, 3.0, len(y))
    found = logit(X, y, weights=weight, weights_are="sampling", cov_type="HC0")
    Z = np.column_stack([np.ones(len(y)), X])
    a = 1.0 / (1.0 + np.exp(-Z @ found.params))
    H = (Z * (weight * a * (1 - a))[:, None]).T @ Z
    U = Z * (weight * (y - a))[:, None]
    expected = np.linalg.solve(H, np.linalg.solve(H, U.T @ U).T)
    np.testing.assert_allclose(found.cov_params(), expected, rtol=1e-9, atol=1e-14)


@settings(max_examples=20)
@given(
    st.integers(0, 10**6),
    st.integers(2, 3),
    st.sampled_from(KINDS),
    st.floats(-1e3, 1e3),
    st.floats(-8, 8),
)
def test_shift_and_scale_of_a_column_do_what_algebra_says(seed, K, kind, shift, scale):
    X, y = drawn(seed, K=K)
    groups = groups_of(len(y), kind)
    unit = 10.0**scale
    moved = X.copy()
    moved[:, 1] = (X[:, 1] + shift) * unit
    before, after = (logit(rows, y, cov_type=kind, groups=groups) for rows in (X, moved))
    q = 4
    T = np.eye(q)
    T[2, 2] = 1.0 / unit
    T[0, 2] = -shift
    T = np.kron(np.eye(K - 1), T)
    size = np.abs(T) @ np.abs(before.params)
    np.testing.assert_allclose(after.params / size, T @ before.params / size, atol=1e-8)
    expected = T @ before.cov_params() @ T.T
    errors = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(after.bse, errors, rtol=1e-7)
    np.testing.assert_allclose(
        after.cov_params() / np.outer(errors, errors),
        expected / np.outer(errors, errors),
        atol=1e-6,
    )
    np.testing.assert_allclose([after.llf, after.llnull], [before.llf, before.llnull], rtol=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 3), st.sampled_from(KINDS), st.booleans())
def test_neither_the_order_of_rows_nor_of_columns_nor_sparsity_matters(seed, K, kind, sparse):
    X, y = drawn(seed, K=K)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(len(y)), rng.permutation(X.shape[1])
    groups = groups_of(len(y), kind)
    other = X[np.ix_(rows, columns)]
    one = logit(X, y, cov_type=kind, groups=groups)
    two = logit(
        sp.csr_array(other) if sparse else other,
        y[rows],
        cov_type=kind,
        groups=None if groups is None else groups[rows],
    )
    place = np.concatenate([[0], 1 + columns])
    order = np.concatenate([place + 4 * k for k in range(K - 1)])
    np.testing.assert_allclose(two.params, one.params[order], rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(two.bse, one.bse[order], rtol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("K", [2, 3])
def test_another_reference_class_changes_signs_and_contrasts_alone(kind, K):
    X, y = drawn(1, K=K)
    groups = groups_of(len(y), kind)
    one = logit(X, y, cov_type=kind, groups=groups)
    two = logit(X, K - 1 - y, cov_type=kind, groups=groups)
    # Of K - 1 - y, class 0 is class K - 1 of y.
    A = -np.ones((1, 1)) if K == 2 else np.array([[1.0, -1.0], [0.0, -1.0]])
    T = np.kron(A, np.eye(4))
    np.testing.assert_allclose(two.params, T @ one.params, rtol=1e-8, atol=1e-10)
    expected = T @ one.cov_params() @ T.T
    np.testing.assert_allclose(two.cov_params(), expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("K", [2, 3])
def test_hc3_is_what_rows_move_the_coefficients_by_when_left_out(K):
    """A Newton step without the row, by the Hessian without it; exactly, not in the limit."""
    X, y = drawn(2, n=60, K=K)
    found = logit(X, y, cov_type="HC3")
    likelihood = found.likelihood
    objective, coef = likelihood.objective, likelihood.coef
    total = np.zeros((len(found.params),) * 2)
    for i in range(len(y)):
        weight = np.ones(len(y))
        weight[i] = 0.0
        index = y.astype(np.int8)
        width = objective.width
        source = OnDemand(memory_blocks(X, index, weight, None, width), 1)
        without = replace(objective, source=source)
        moments = without.evaluate(coef, 2)
        step = np.linalg.lstsq(moments.hessian, moments.gradient, rcond=1e-12)[0]
        moved = likelihood.contrast @ step
        total += np.outer(moved, moved)
    np.testing.assert_allclose(found.cov_params(), total, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("K", [2, 3])
def test_clusters_of_one_row_each_are_hc1(K):
    X, y = drawn(3, K=K)
    one = logit(X, y, groups=np.arange(len(y)))
    np.testing.assert_allclose(one.bse, logit(X, y, cov_type="HC1").bse, rtol=1e-10)


def test_the_same_bits_for_any_number_of_threads():
    X, y = drawn(4, n=30_000, p=12)
    groups = np.random.default_rng(0).integers(0, 100, len(y))
    for kind in KINDS:
        how = {"cov_type": kind, "groups": groups if kind == "cluster" else None}
        one, two = (logit(X, y, n_jobs=jobs, **how) for jobs in (1, 2))
        assert (one.cov_params() == two.cov_params()).all()


def test_a_large_fit_by_compiled_kernels_is_polished_to_the_last_digits():
    X, y = drawn(5, n=200_000, p=25)
    found = logit(X, y)
    assert found.fit.solver == "sampled-lbfgs"
    Z = np.column_stack([np.ones(len(y)), X])
    params = found.params.copy()
    for _ in range(3):
        a = 1.0 / (1.0 + np.exp(-Z @ params))
        H = (Z * (a * (1 - a))[:, None]).T @ Z
        params += np.linalg.solve(H, Z.T @ (y - a))
    np.testing.assert_allclose(found.params, params, rtol=1e-9)
    np.testing.assert_allclose(found.bse, np.sqrt(np.diag(np.linalg.inv(H))), rtol=1e-9)
    assert found.optimality_gap <= 1e-15
    fit = LogisticRegression(C=np.inf).fit(X, y)
    inferred = fit.infer(X, y)
    np.testing.assert_array_equal(inferred.params[1:], fit.coef_[0])
    np.testing.assert_allclose(inferred.bse, found.bse, rtol=1e-5)


# Tails.


def test_p_values_keep_their_digits_far_out():
    z = np.array([0.0, 1.0, 5.0, 30.0])
    np.testing.assert_allclose(np.exp(log_normal_tails(z)), 2 * stats.norm.sf(z), rtol=1e-13)
    for value in (50.0, 300.0):
        exact = float(mpmath.log(mpmath.erfc(mpmath.mpf(value) / mpmath.sqrt(2))))
        assert log_normal_tails(np.array([value]))[0] == pytest.approx(exact, rel=1e-13)
    for x, df in [(3.0, 1), (700.0, 3), (2000.0, 7), (50_000.0, 30), (1200.0, 400), (900.0, 1)]:
        exact = float(mpmath.log(mpmath.gammainc(df / 2, x / 2, regularized=True)))
        assert log_chi2_tail(x, df) == pytest.approx(exact, rel=1e-11)
    assert np.isnan(log_chi2_tail(3.0, 0))
    assert log_chi2_tail(-1e-12, 2) == pytest.approx(0.0, abs=1e-11)


def test_a_p_value_below_all_floats_is_shown_with_its_exponent():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 1))
    y = rng.random(40_000) < 1 / (1 + np.exp(-2 * X[:, 0]))
    found = logit(X, y)
    assert found.pvalues[1] == 0.0
    assert "e-" in found.summary().page.tables[0].rows[1][5]


# What it takes.


def study():
    rng = np.random.default_rng(7)
    n = 120
    data = pd.DataFrame(
        {
            "dose": rng.normal(size=n),
            "site": rng.choice(["north", "south", "west"], n),
            "ill": rng.random(n) < 0.3,
            "weight": rng.integers(1, 4, n),
            "clinic": rng.integers(0, 9, n),
            "known": rng.normal(size=n),
        }
    )
    margin = data["dose"] - 0.5 * (data["site"] == "south")
    data["alive"] = np.where(rng.random(n) < 1 / (1 + np.exp(-margin)), "yes", "no")
    return data


@pytest.mark.parametrize("library", ["polars", "pyarrow", "dict"])
def test_any_frame_gives_what_pandas_gives(library):
    data = study()
    formula = "alive ~ dose * C(site) + ill + np.exp(dose)"
    how = {"weights": "weight", "groups": "clinic", "offset": "known"}
    expected = logit(formula, data, **how)
    other = {
        "polars": lambda: pl.from_pandas(data),
        "pyarrow": lambda: pa.Table.from_pandas(data),
        "dict": lambda: {name: data[name].tolist() for name in data},
    }[library]()
    found = logit(formula, other, **how)
    assert found.names == expected.names
    np.testing.assert_array_equal(found.bse, expected.bse)
    assert found.target == "alive"
    assert found.classes == ("no", "yes")
    assert found.names[:3] == ("Intercept", "dose", "C(site)[T.south]")


def test_a_formula_is_the_matrix_that_it_writes():
    data = study()
    found = logit("alive ~ dose + site", data)
    X = data[["dose"]].assign(
        south=data["site"] == "south",
        west=data["site"] == "west",
    )
    by_hand = logit(X, data["alive"])
    np.testing.assert_allclose(found.params, by_hand.params, rtol=1e-12)
    assert by_hand.names == ("const", "dose", "south", "west")
    assert by_hand.target == "alive"
    for frame in (pl.from_pandas(X), pa.Table.from_pandas(X)):
        np.testing.assert_array_equal(logit(frame, data["alive"]).params, by_hand.params)
    without = logit("alive ~ dose + site - 1", data)
    assert (
        without.names == ("dose", "site[north]", "site[south]", "site[west]")
        or len(without.names) == 4
    )
    np.testing.assert_allclose(without.llf, found.llf, rtol=1e-10)
    assert without.df_model == found.df_model
    np.testing.assert_allclose(
        logit(
            "alive == 'yes' ~ dose + site".replace("alive == 'yes'", "I(alive == 'yes')"), data
        ).params,
        found.params,
        rtol=1e-10,
    )
    dotted = logit("alive ~ .", data[["alive", "dose", "site"]])
    np.testing.assert_allclose(dotted.params, found.params, rtol=1e-12)


def test_categories_keep_their_order():
    data = study()
    data["site"] = pd.Categorical(data["site"], ["west", "south", "north"])
    expected = ("Intercept", "site[T.south]", "site[T.north]")
    assert logit("alive ~ site", data).names == expected
    assert logit("alive ~ site", pl.from_pandas(data)).names == expected


def test_without_an_intercept():
    X, y = drawn(0)
    found = logit(X, y, intercept=False)
    ones = logit(np.column_stack([X, np.ones(len(y))]), y, intercept=False)
    assert found.names == ("x1", "x2", "x3")
    with_it = logit(X, y)
    np.testing.assert_allclose(ones.params[[3, 0, 1, 2]], with_it.params, rtol=1e-8)
    np.testing.assert_allclose(ones.bse[[3, 0, 1, 2]], with_it.bse, rtol=1e-8)


def test_missing_values_are_counted_by_column_and_dropped_when_asked():
    data = study()
    whole = data.copy()
    data.loc[[3, 5], "dose"] = np.nan
    data.loc[5, "site"] = None
    data.loc[8, "alive"] = None
    data.loc[9, "known"] = np.nan
    message = r'missing in 3 of 120 rows, by column: "dose" 2, "site" 1, "alive" 1; .*missing=.drop'
    for frame in (data, pl.from_pandas(data), pa.Table.from_pandas(data)):
        with pytest.raises(DataError, match=message):
            logit("alive ~ dose + site", frame)
        found = logit("alive ~ dose + site", frame, missing="drop", weights="weight")
        kept = whole.drop(index=[3, 5, 8])
        expected = logit("alive ~ dose + site", kept, weights="weight")
        np.testing.assert_array_equal(found.params, expected.params)
        assert np.isnan(found.likelihood.rows(lambda block: block.weight)).sum() == 3
    with pytest.raises(DataError, match='by column: "dose" 2, "known" 1;'):
        logit(data[["dose", "known"]], whole["alive"])
    array = data[["dose", "known"]].to_numpy()
    with pytest.raises(DataError, match='by column: "x1" 2, "x2" 1;'):
        logit(array, whole["alive"])
    with pytest.raises(DataError, match='in 1 of 120 rows, by column: "y" 1;'):
        logit(whole[["dose"]], data["alive"])
    dropped = logit(array, data["alive"], missing="drop")
    assert dropped.nobs == 116
    assert np.isnan(dropped.likelihood.rows(lambda block: block.weight)).sum() == 4


def test_rows_of_weight_zero_are_no_observations():
    X, y = drawn(0)
    weight = np.ones(len(y))
    weight[::3] = 0
    far = X.copy()
    far[::3] = 1e6
    found = logit(far, y, weights=weight, cov_type="HC3")
    kept = weight > 0
    np.testing.assert_array_equal(found.bse, logit(X[kept], y[kept], cov_type="HC3").bse)
    assert np.isnan(found.likelihood.rows(lambda block: block.weight)[::3]).all()


@pytest.mark.parametrize(
    ("arguments", "how", "message"),
    [
        (("alive ~ nosuch", study()), {}, "nosuch"),
        (("alive ~ dose +* site", study()), {}, "cannot be read"),
        (("~ dose", study()), {}, "no single outcome"),
        (("alive ~ dose", study()), {"weights": "nosuch"}, 'no column "nosuch"'),
        (("alive ~ dose", study()), {"intercept": False}, "y ~ x - 1"),
        (("alive ~ dose", study()), {"counts": "trials"}, "two columns of counts"),
        (("dose + ill ~ known", study()), {}, "2 parts"),
        ((study(), study()["alive"]), {}, '"site" of X holds string'),
        ((study()[["dose"]], study()["alive"]), {"weights": "weight"}, "names a column"),
        ((study()[["dose"]], study()["alive"]), {"cov_type": "HC4"}, "HC4"),
        ((study()[["dose"]], study()["alive"]), {"cov_type": "cluster"}, "without groups"),
        ((study()[["dose"]], study()["alive"]), {"groups": [1, 2]}, "one cluster per row"),
        ((study()[["dose"]], study()["alive"]), {"groups": np.zeros(120)}, "at least two"),
        (
            (study()[["dose"]], study()["alive"]),
            {"cov_type": "HC0", "groups": np.zeros(120)},
            "groups without cov_type",
        ),
        ((study()[["dose"]], study()["alive"]), {"weights_are": "x"}, "weights_are='x'"),
        ((study()[["dose"]], study()["alive"]), {"missing": "x"}, "missing='x'"),
        ((study()[["dose"]], study()["alive"]), {"counts": "x"}, "counts='x'"),
        ((study()[["dose"]], study()["alive"]), {"weights": -np.ones(120)}, "weights is -1"),
        (
            (study()[["dose"]], study()["alive"]),
            {"cov_type": "nonrobust", "weights_are": "sampling"},
            "which sampling weights are not",
        ),
        ((study()["dose"], study()["alive"]), {"weights": np.full(120, 1e200)}, "no number of"),
        ((np.ones((3, 1)), [[1, 2], [2, 3], [1, 2]]), {}, "say what they are"),
        ((np.ones((2, 1)), [[1, 2], [3, 2]]), {"counts": "trials"}, "row 1 .* 3 successes"),
        ((np.ones((2, 1)), [[1, 2.5], [3, 2]]), {"counts": "failures"}, "whole numbers"),
        ((np.ones((2, 1)), [[1, 0], [3, 0]]), {"counts": "failures"}, "all successes"),
        (
            (np.ones((2, 1)), [[1, 0], [3, 2]]),
            {"counts": "failures", "weights": np.ones(2)},
            "counts are weights",
        ),
        (
            ([[1.0], [2.0], [4.0]], [[1, 1], [3, 2], [2, 4]]),
            {"counts": "failures", "cov_type": "HC3"},
            "leverage",
        ),
    ],
)
def test_what_cannot_be_used_is_named(arguments, how, message):
    with pytest.raises((DataError, ParameterError), match=message):
        logit(*arguments, **how)


# What is wrong with the columns.


def test_aliased_columns_are_nan_and_named():
    X, y = drawn(0)
    data = pd.DataFrame(X, columns=["a", "b", "c"])
    data["twice"] = 2 * data["a"] - data["b"] + 3
    data["d"] = np.random.default_rng(0).normal(size=len(y))
    with pytest.warns(CollinearityWarning, match=r'column "twice" can be written .* is NaN'):
        found = logit(data, y, cov_type="HC1")
    kept = logit(data.drop(columns="twice"), y, cov_type="HC1")
    assert found.names == ("const", "a", "b", "c", "twice", "d")
    assert np.isnan(found.params).tolist() == [False] * 4 + [True, False]
    own = ~np.isnan(found.params)
    np.testing.assert_allclose(found.params[own], kept.params, rtol=1e-8)
    np.testing.assert_allclose(found.bse[own], kept.bse, rtol=1e-8)
    assert np.isnan(found.cov_params()[4]).all()
    assert (found.df_model, found.df_resid) == (kept.df_model, kept.df_resid)
    assert found.llf == pytest.approx(kept.llf, rel=1e-12)
    assert "NA" in str(found.summary())
    assert "twice" in found.warnings[0]
    fit = LogisticRegression(C=np.inf)
    with pytest.warns(CollinearityWarning):
        fit.fit(data, y)
    with pytest.warns(CollinearityWarning, match="twice"):
        again = fit.infer(data, y, cov_type="HC1")
    np.testing.assert_allclose(again.bse, found.bse, rtol=1e-8)


def test_a_constant_beside_the_intercept_is_aliased():
    X, y = drawn(0, K=3)
    with pytest.warns(CollinearityWarning, match='"x2"'):
        found = logit(np.column_stack([X[:, 0], np.ones(len(y)), X[:, 1]]), y)
    assert np.isnan(found.params).tolist() == [False, False, True, False] * 2


def test_separation_is_said_and_errors_are_not_believed():
    X, y = drawn(0)
    X[:, 1] = y
    with pytest.warns(SeparationWarning, match="firth=True"):
        found = logit(X, y)
    assert "infinite" in found.warnings[0]
    assert "Warning" in str(found.summary())


def test_fractional_frequencies_are_questioned():
    X, y = drawn(0)
    weight = np.linspace(0.5, 1.5, len(y))
    with pytest.warns(OddsmithWarning, match="weights_are='sampling'"):
        logit(X, y, weights=weight)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert logit(X, y, weights=weight, weights_are="sampling").cov_type == "HC1"


def test_an_intercept_alone():
    data = study()
    found = logit("alive ~ 1", data)
    share = (data["alive"] == "yes").mean()
    np.testing.assert_allclose(found.params, np.log(share / (1 - share)), rtol=1e-12)
    np.testing.assert_allclose(found.bse, 1 / np.sqrt(120 * share * (1 - share)), rtol=1e-12)
    assert found.df_model == 0
    assert np.isnan(found.llr_pvalue)


# A fitted model.


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_infer_is_logit_of_the_same_rows(K, kind):
    X, y = drawn(0, K=K)
    groups = groups_of(len(y), kind)
    weight = np.random.default_rng(0).integers(1, 3, len(y))
    offset = np.random.default_rng(1).normal(size=len(y) if K == 2 else (len(y), K))
    fit = LogisticRegression(C=np.inf).fit(X, y, weight, offset)
    found = fit.infer(X, y, weight, offset, cov_type=kind, groups=groups)
    expected = logit(X, y, weights=weight, offset=offset, cov_type=kind, groups=groups)
    np.testing.assert_allclose(found.params, expected.params, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.bse, expected.bse, rtol=1e-8)
    np.testing.assert_allclose(found.llnull, expected.llnull, rtol=1e-12)
    assert found.optimality_gap == fit.optimality_gap_
    assert found.names == expected.names


def test_infer_refuses_other_rows():
    X, y = drawn(0)
    fit = LogisticRegression(C=np.inf).fit(X, y)
    for other in [(X[:-1], y[:-1]), (X, 1 - y), (X + 0.1, y)]:
        with pytest.raises(DataError, match="rows, weights and offset that it was fitted to"):
            fit.infer(*other)
    with pytest.raises(DataError, match="at these rows"):
        fit.infer(X, y, np.arange(len(y)))


def test_a_penalised_fit_has_no_p_values():
    X, y = drawn(0)
    with pytest.raises(ParameterError, match=r"penalised .C=1.* bootstrap=200"):
        LogisticRegression().fit(X, y).infer(X, y)
    with pytest.raises(ParameterError, match="bounded"):
        LogisticRegression(C=np.inf, lower_bounds=0).fit(X, y).infer(X, y)
    with pytest.raises(ParameterError, match="class_weight"):
        LogisticRegression(C=np.inf, class_weight="balanced").fit(X, y).infer(X, y)
    robust = LogisticRegression(C=np.inf, class_weight={0: 2.0, 1: 1.0}).fit(X, y)
    weight = np.where(y == 0, 2.0, 1.0)
    expected = logit(X, y, weights=weight, weights_are="sampling")
    np.testing.assert_allclose(
        robust.infer(X, y, weights_are="sampling").bse, expected.bse, rtol=1e-8
    )


def test_a_bootstrap_of_a_penalised_fit():
    X, y = drawn(0, n=400)
    fit = LogisticRegression(C=0.5).fit(X, y)
    found = fit.infer(X, y, bootstrap=100, seed=0)
    again = fit.infer(X, y, bootstrap=100, seed=0)
    np.testing.assert_array_equal(found.samples, again.samples)
    np.testing.assert_array_equal(found.params, np.append(fit.intercept_, fit.coef_))
    low, high = found.conf_int().T
    assert (low < found.params).all()
    assert (found.params < high).all()
    # In the mean, it agrees with the sandwich of the unpenalised fit, which is hardly another.
    np.testing.assert_allclose(found.bse, logit(X, y, cov_type="HC0").bse, rtol=0.3)
    assert "no p values" in str(found.summary())
    assert "penalised (C=0.5" in str(found.summary())
    assert not hasattr(found, "pvalues")
    assert next(iter(found.to_frame().columns)) == "column"
    several = LogisticRegression().fit(*drawn(0, K=3)).infer(*drawn(0, K=3), bootstrap=3, seed=1)
    assert several.samples.shape == (3, 12)
    with pytest.raises(ParameterError, match="bootstrap=1"):
        fit.infer(X, y, bootstrap=1)


def test_a_bootstrap_by_clusters_and_of_a_rare_class():
    X, y = drawn(0, n=60)
    y[:] = 0
    y[:2] = 1
    fit = LogisticRegression().fit(X, y)
    found = fit.infer(X, y, bootstrap=20, seed=0, groups=np.arange(60) // 2)
    assert found.redrawn > 0
    assert "lacked a class" in str(found.summary())


# How it is shown.

HOSTILE = '<script>alert("x")</script> & \\input{/etc/passwd} | `a` $x_1$ \x1b[31m\n[b](c)'


def hostile():
    X, y = drawn(0)
    data = pd.DataFrame(X, columns=[HOSTILE, "b", "c"])
    return logit(data, np.where(y == 1, HOSTILE, "no"))


def test_hostile_names_are_shown_and_not_obeyed():
    found = hostile()
    page = found.summary()
    text, html = page.as_text(), page.as_html()
    assert "\x1b" not in text
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    for latex in (found.to_latex(), page.as_latex()):
        assert "\\input" not in latex
        assert re.search(r"(?<!\\)[$_&#%]", latex.replace(" & ", "")) is None
        assert r"\textbackslash{}input\{" in latex
        assert "\x1b" not in latex
    for markdown in (found.to_markdown(), page.as_markdown()):
        assert "<script" not in markdown
        assert r"\`a\`" in markdown
        assert r"\[b\](c)" in markdown
        rows = [line for line in markdown.split("\n") if line.startswith("| ")]
        bars = {line.replace(r"\|", "").count("|") for line in rows[:6]}
        assert bars == {9}


def test_tables_hold_the_numbers():
    X, y = drawn(0, K=3)
    found = logit(X, np.array(["a", "b", "c"])[y])
    for library in ("pandas", "polars", "pyarrow"):
        frame = found.to_frame(library, alpha=0.1)
        columns = list(getattr(frame, "column_names", None) or frame.columns)
        assert columns[:3] == ["class", "column", "coefficient"]
        assert columns[-2:] == ["5%", "95%"]
    pandas = found.to_frame()
    np.testing.assert_array_equal(pandas["std. error"], found.bse)
    np.testing.assert_array_equal(pandas["p"], found.pvalues)
    assert pandas["class"].tolist() == ["b"] * 4 + ["c"] * 4
    with pytest.raises(ImportError, match="nosuch"):
        found.to_frame("nosuch")
    text = str(found.summary())
    assert "Proved: no coefficients give an objective lower" in text
    assert 'Log-odds of "y" against "a"' in text
    assert repr(found.summary()) == text
    assert "<table" in found._repr_html_()
    assert "parameters from 150 observations" in repr(found)


def test_a_result_is_frozen_and_can_be_pickled():
    X, y = drawn(0)
    found = logit(X, y)
    with pytest.raises(AttributeError):
        found.cov_type = "HC0"
    again = pickle.loads(pickle.dumps(found))  # noqa: S301
    np.testing.assert_array_equal(again.bse, found.bse)
    assert str(again.summary()) == str(found.summary())
    assert isinstance(found, oddsmith.Inference)


def test_a_pickle_holds_no_rows():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2000, 2)), rng.integers(0, 2, 2000)
    found = logit(X, y)
    stored = pickle.dumps(found)
    assert len(stored) < 10_000
    assert X[17].tobytes() not in stored
    again = pickle.loads(stored)  # noqa: S301
    with pytest.raises(DataError, match="rows of this fit are gone"):
        again.likelihood.rows(lambda block: block.weight)
    assert found.likelihood.rows(lambda block: block.weight).sum() == 2000


def test_alpha_is_a_probability():
    X, y = drawn(0)
    found = logit(X, y)
    with pytest.raises(ParameterError, match="alpha=95"):
        found.conf_int(95)
    np.testing.assert_allclose(
        found.conf_int(0.32),
        np.column_stack([found.params - found.bse, found.params + found.bse]),
        rtol=2e-2,
    )


def test_an_unknown_kind_of_covariance_is_refused():
    X, y = drawn(0)
    with pytest.raises(ParameterError, match="'HC9'"):
        covariance_of(logit(X, y).likelihood, "HC9")
    with pytest.raises(ParameterError, match="groups="):
        covariance_of(logit(X, y).likelihood, "cluster")
