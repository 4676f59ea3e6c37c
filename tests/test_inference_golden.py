"""Inference against what was published, and against all that statsmodels reports.

statsmodels stops at its own tolerance, so it is asked for more digits than it usually gives.
"""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
from test_golden import agrees, anes96, default, mroz, spector

import oddsmith

NEWTON = {"method": "newton", "tol": 1e-14, "maxiter": 200, "disp": 0, "warn_convergence": False}


def best(model, **how):
    """statsmodels' fit after one more Newton step of our own, whose tolerance is rounding."""
    start = model.fit(**NEWTON).params
    flat = np.asarray(start).ravel(order="F")
    for _ in range(2):
        flat = flat - np.linalg.solve(model.hessian(flat), model.score(flat))
    return model.fit(start_params=flat, **NEWTON | {"maxiter": 0}, **how)


def close(own, peer, rtol=1e-8, atol=0.0):
    np.testing.assert_allclose(
        np.asarray(own), np.asarray(peer, dtype=float).ravel(order="F"), rtol=rtol, atol=atol
    )


def test_spector():
    """Greene, Econometric Analysis, table 21.1 (5th ed.), logit."""
    X, y = spector()
    found = oddsmith.logit(X, y)
    printed = {"GPA": "2.82611", "TUCE": ".09516", "PSI": "2.37869", "const": "-13.02135"}
    own = dict(zip(found.names, found.params, strict=True))
    assert all(agrees(own[name], value) for name, value in printed.items())
    assert agrees(found.llf, "-12.88963")
    # The same table's standard errors, in its printed precision.
    errors = dict(zip(found.names, found.bse, strict=True))
    printed = {"GPA": "1.26", "TUCE": ".142", "PSI": "1.06", "const": "4.93"}
    assert all(agrees(errors[name], value) for name, value in printed.items())


def test_mroz():
    """Wooldridge, Introductory Econometrics, table 17.1, with the standard errors beside it."""
    X, y = mroz()
    found = oddsmith.logit(X, y)
    printed = {
        "nwifeinc": ("-.0213", ".008"),
        "educ": (".2212", ".043"),
        "exper": (".206", ".032"),
        "age": ("-.088", ".015"),
        "kidslt6": ("-1.443", ".204"),
        "kidsge6": (".060", ".075"),
        "const": (".4255", ".860"),
    }
    for name, (value, error) in printed.items():
        j = found.names.index(name)
        assert agrees(found.params[j], value), name
        assert agrees(found.bse[j], error), name
    assert agrees(found.llf, "-401.765")
    assert agrees(found.prsquared, ".220")


def test_default():
    """James et al., An Introduction to Statistical Learning, tables 4.1 and 4.3."""
    X, y = default()
    data = X.assign(income=X["income"] / 1000.0, default=y)
    found = oddsmith.logit("default ~ balance + income + student", data)
    printed = {
        "Intercept": ("-10.8690", ".4923", "-22.08"),
        "balance": (".005737", ".0002319", "24.74"),
        "income": (".0030", ".0082", ".37"),
        "student": ("-.6468", ".2362", "-2.74"),
    }
    for name, (value, error, z) in printed.items():
        j = found.names.index(name)
        assert agrees(found.params[j], value), name
        # The book prints errors of R's glm, cut where it stops: a unit of the last digit.
        assert agrees(found.bse[j], error, "1"), name
        assert agrees(found.tvalues[j], z, "1"), name


def test_anes96():
    """Documentation of statsmodels' MNLogit on the American National Election Study of 1996."""
    X, y = anes96()
    found = oddsmith.logit(X, y)
    assert agrees(found.llf, "-1461.9227")
    peer = best(sm.MNLogit(y, sm.add_constant(X)))
    close(found.params, peer.params)
    close(found.bse, peer.bse)
    close(found.tvalues, peer.tvalues)
    close(found.pvalues, peer.pvalues, atol=1e-300)
    for name in ("llf", "aic", "bic", "prsquared", "llr", "df_model", "df_resid"):
        np.testing.assert_allclose(getattr(found, name), getattr(peer, name), rtol=1e-8)
    assert found.names[:3] == ("const", "logpopul", "selfLR")
    assert found.equations[0] == 1.0


@pytest.mark.parametrize("data", [spector, mroz, default])
@pytest.mark.parametrize("kind", ["nonrobust", "HC0"])
def test_two_classes_as_statsmodels(data, kind):
    X, y = data()
    y = (y == sorted(set(y))[1]).astype(float)
    found = oddsmith.logit(X, y, cov_type=kind)
    peer = best(sm.Logit(y, sm.add_constant(X)), cov_type=kind)
    close(found.params, peer.params)
    close(found.bse, peer.bse)
    close(found.tvalues, peer.tvalues)
    close(found.pvalues, peer.pvalues)
    np.testing.assert_allclose(found.conf_int(), peer.conf_int(), rtol=1e-8)
    np.testing.assert_allclose(found.conf_int(0.2), peer.conf_int(0.2), rtol=1e-8)
    np.testing.assert_allclose(found.cov_params(), peer.cov_params(), rtol=1e-8)
    for name in ("llf", "llnull", "llr", "prsquared", "aic", "bic", "df_model", "df_resid", "nobs"):
        np.testing.assert_allclose(getattr(found, name), getattr(peer, name), rtol=1e-8)
    # statsmodels fits the null model too, and stops where its llr is right to 2e-10: times llr / 2
    # that is 5e-8 in p. Its closed form gives p to all digits (scipy's tail, and mpmath's, agree).
    np.testing.assert_allclose(found.llr_pvalue, peer.llr_pvalue, rtol=1e-7)
    n, cases = len(y), y.sum()
    null = cases * np.log(cases / n) + (n - cases) * np.log1p(-cases / n)
    exact = scipy.stats.chi2.sf(2 * (peer.llf - null), peer.df_model)
    np.testing.assert_allclose(found.llr_pvalue, exact, rtol=1e-8)


@pytest.mark.parametrize("data", [spector, mroz, default])
def test_hc1_to_hc3_by_their_definition(data):
    """statsmodels gives HC0 for all four of a Logit; leverages are its own."""
    X, y = data()
    y = (y == sorted(set(y))[1]).astype(float)
    Z = sm.add_constant(X).to_numpy()
    peer = best(sm.Logit(y, Z))
    h = peer.get_influence().hat_matrix_diag
    e, bread = np.asarray(y - peer.predict()), np.asarray(peer.cov_params())
    n, m = Z.shape
    for kind, weight in {
        "HC1": np.full(n, n / (n - m)),
        "HC2": 1.0 / (1.0 - h),
        "HC3": 1.0 / (1.0 - h) ** 2,
    }.items():
        expected = bread @ ((Z * (weight * e**2)[:, None]).T @ Z) @ bread
        found = oddsmith.logit(X, y, cov_type=kind)
        np.testing.assert_allclose(found.bse, np.sqrt(np.diag(expected)), rtol=1e-8)


@pytest.mark.parametrize("data", [mroz, default])
def test_clusters_as_statsmodels(data):
    X, y = data()
    y = (y == sorted(set(y))[1]).astype(float)
    groups = np.random.default_rng(0).integers(0, 37, len(y))
    found = oddsmith.logit(X, y, groups=groups)
    peer = best(sm.Logit(y, sm.add_constant(X)), cov_type="cluster", cov_kwds={"groups": groups})
    assert found.cov_type == "cluster"
    close(found.bse, peer.bse)
    names = np.array([f"g{g}" for g in groups])
    np.testing.assert_allclose(oddsmith.logit(X, y, groups=names).bse, found.bse, rtol=1e-12)


@pytest.mark.parametrize("kind", ["HC0", "cluster"])
def test_robust_errors_of_seven_classes_as_statsmodels(kind):
    X, y = anes96()
    groups = np.random.default_rng(0).integers(0, 37, len(y)) if kind == "cluster" else None
    how = {"cov_kwds": {"groups": groups}} if kind == "cluster" else {}
    found = oddsmith.logit(X, y, cov_type=kind, groups=groups)
    peer = best(sm.MNLogit(y, sm.add_constant(X)), cov_type=kind, **how)
    close(found.bse, peer.bse)


def grouped():
    """Budworms by dose and sex, of Venables and Ripley (2002), section 7.2."""
    return pd.DataFrame(
        {
            "dose": np.tile(np.arange(6.0), 2),
            "sex": np.repeat(["M", "F"], 6),
            "dead": [1, 4, 9, 13, 18, 20, 0, 2, 6, 10, 12, 16],
        }
    ).assign(alive=lambda d: 20 - d["dead"], n=20)


def test_counts_as_venables_and_ripley_print_them():
    """Modern Applied Statistics with S, section 7.2: glm(SF ~ sex + ldose, binomial)."""
    found = oddsmith.logit("trials(dead, n) ~ sex + dose", grouped())
    own = dict(zip(found.names, found.params, strict=True))
    assert agrees(own["Intercept"], "-3.4732")
    assert agrees(own["sex[T.M]"], "1.1007")
    assert agrees(own["dose"], "1.0642")
    errors = dict(zip(found.names, found.bse, strict=True))
    assert agrees(errors["Intercept"], ".4685")
    assert agrees(errors["dose"], ".1311")


@pytest.mark.parametrize("kind", ["nonrobust", "HC0"])
def test_counts_as_statsmodels(kind):
    data = grouped()
    X = data[["dose"]].assign(male=(data["sex"] == "M").astype(float))
    y = data[["dead", "alive"]].to_numpy()
    model = sm.GLM(y, sm.add_constant(X), family=sm.families.Binomial())
    peer = model.fit(tol=1e-15, maxiter=100, cov_type=kind)
    ways = [
        oddsmith.logit(X, y, counts="failures", cov_type=kind),
        oddsmith.logit(X, data[["dead", "n"]], counts="trials", cov_type=kind),
        oddsmith.logit("cbind(dead, alive) ~ dose + I(sex == 'M')", data, cov_type=kind),
    ]
    for found in ways:
        close(found.params, peer.params)
        close(found.bse, peer.bse)
        for name in ("llf", "llnull", "aic", "df_resid", "df_model", "nobs"):
            np.testing.assert_allclose(getattr(found, name), getattr(peer, name), rtol=1e-8)
    assert ways[0].bic == pytest.approx(peer.bic_llf)


def test_an_offset_as_statsmodels():
    X, y = mroz()
    offset = np.random.default_rng(0).normal(size=len(y))
    found = oddsmith.logit(X, y, offset=offset)
    family = sm.families.Binomial()
    peer = sm.GLM(y, sm.add_constant(X), family=family, offset=offset).fit(tol=1e-15, maxiter=100)
    close(found.params, peer.params)
    close(found.bse, peer.bse)
    np.testing.assert_allclose(found.llnull, peer.llnull, rtol=1e-9)


def test_frequency_weights_as_statsmodels():
    X, y = mroz()
    weight = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
    family = sm.families.Binomial()
    model = sm.GLM(y, sm.add_constant(X), family=family, freq_weights=weight)
    for kind in ("nonrobust", "HC0"):
        found = oddsmith.logit(X, y, weights=weight, cov_type=kind)
        peer = model.fit(tol=1e-15, maxiter=100, cov_type=kind)
        close(found.bse, peer.bse)
    assert found.nobs == weight.sum()  # statsmodels counts rows there, and weights in df_resid
    for name in ("llf", "llnull", "df_resid", "df_model"):
        np.testing.assert_allclose(getattr(found, name), getattr(peer, name), rtol=1e-8)
