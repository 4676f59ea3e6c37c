"""Frames inside the estimators: the same bits from every library, and nothing silently wrong."""

import pickle
import subprocess
import sys
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from oddsmith import (
    CollinearityWarning,
    DataError,
    FirthLogisticRegression,
    LogisticRegression,
    LogisticRegressionCV,
    ParameterError,
    SeparationWarning,
    TableEncoder,
    logit,
    regularization_path,
)
from oddsmith.solvers import GradientDescent

MODELS = {
    "fit": LogisticRegression,
    "cv": lambda **more: LogisticRegressionCV(Cs=[0.1, 1.0], cv=3, **more),
    "firth": FirthLogisticRegression,
}


def table(n=120, seed=0, *, text=True):
    """Rows as lists, their outcome "ill" among them."""
    rng = np.random.default_rng(seed)
    dose = rng.normal(size=n)
    found = {"dose": dose.tolist(), "new": (rng.random(n) < 0.4).tolist()}
    if text:
        found["site"] = rng.choice(["b", "a", "c"], n).tolist()
    found["visits"] = rng.integers(0, 9, n).tolist()
    found["ill"] = np.where(dose + rng.logistic(size=n) > 0, "yes", "no").tolist()
    return found


def arrow(columns):
    return pa.table({name: pa.array(values) for name, values in columns.items()})


LIBRARIES = {
    "dict": dict,
    "pandas": pd.DataFrame,
    "pandas of Arrow": lambda t: arrow(t).to_pandas(types_mapper=pd.ArrowDtype),
    "pandas categories": lambda t: pd.DataFrame(
        {k: pd.Categorical(v) if isinstance(v[0], str) else pd.array(v) for k, v in t.items()}
    ),
    "Polars": pl.DataFrame,
    "Polars categories": lambda t: pl.DataFrame(t).with_columns(
        pl.col(pl.String).cast(pl.Categorical)
    ),
    "PyArrow": arrow,
    "PyArrow chunks": lambda t: pa.concat_tables([arrow(t).slice(0, 50), arrow(t).slice(50)]),
}


def same(one, other):
    return (
        one.coef_.tobytes() == other.coef_.tobytes()
        and one.intercept_.tobytes() == other.intercept_.tobytes()
        and one.classes_.tolist() == other.classes_.tolist()
    )


def features(columns):
    return {name: values for name, values in columns.items() if name != "ill"}


# ------------------------------------------------------------------------------ any library


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_frame_and_its_column(library, text):
    """Literally fit(frame, frame["ill"]): the outcome is no feature, wherever it is seen again."""
    columns = table(text=text)
    frame = LIBRARIES[library](columns)
    model = LogisticRegression().fit(frame, frame["ill"])
    names = ["dose", "new", "site", "visits"] if text else ["dose", "new", "visits"]
    shown = ["dose", "new", "site[b]", "site[c]", "visits"] if text else names
    assert model.feature_names_in_.tolist() == names
    assert model.coef_names_.tolist() == shown
    assert (model.target_, model.n_features_in_, model.n_dropped_) == ("ill", len(names), 0)
    assert (model.encoder_ is not None) == text
    assert same(model, LogisticRegression().fit(features(columns), columns["ill"]))
    probabilities = model.predict_proba(frame)
    assert probabilities.tobytes() == model.predict_proba(features(columns)).tobytes()
    assert model.score(frame, frame["ill"]) > 0.55


@pytest.mark.parametrize("text", [True, False])
def test_what_is_lazy(text):
    columns = table(text=text)
    want = LogisticRegression().fit(columns, columns["ill"])
    lazy = pl.LazyFrame(columns)
    relation = duckdb.from_arrow(arrow(columns))
    for X, y in ((lazy, lazy.select("ill")), (relation, relation.select("ill"))):
        model = LogisticRegression().fit(X, y)
        assert same(model, want)
        assert model.target_ == "ill"
        assert model.score(X, y) == want.score(columns, columns["ill"])


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("text", [True, False])
def test_law_encoded_inside_is_encoded_outside(kind, text):
    columns = table(text=text)
    encoder = TableEncoder()
    X = encoder.fit_transform(features(columns))
    inside = MODELS[kind]().fit(features(columns), columns["ill"])
    outside = MODELS[kind]().fit(X, np.array(columns["ill"]))
    assert same(inside, outside)
    assert inside.coef_names_.tolist() == encoder.get_feature_names_out().tolist()


@pytest.mark.parametrize("missing", ["indicator", "mean"])
def test_law_a_given_encoder_is_the_transformer(missing):
    columns = features(table())
    columns["dose"][3] = None
    if missing == "indicator":
        columns["site"][5] = None
    y = np.array(table()["ill"])
    encoder = TableEncoder(missing=missing, min_count=30, reference="most_frequent")
    model = LogisticRegression(encoder=encoder).fit(columns, y)
    assert not hasattr(encoder, "encoding_")
    outside = LogisticRegression().fit(encoder.fit_transform(columns), y)
    assert same(model, outside)
    assert model.encoder_.get_params() == encoder.get_params()


@given(st.permutations(range(60)), st.permutations(["dose", "new", "site", "visits"]))
@settings(max_examples=20, deadline=None)
def test_law_order_of_rows_and_of_columns(rows, names):
    columns = table(60)
    X, y = pd.DataFrame(features(columns)), pd.Series(columns["ill"])
    model = LogisticRegression().fit(X, y)
    other = LogisticRegression().fit(X.iloc[rows], y.iloc[rows])
    np.testing.assert_allclose(other.coef_, model.coef_, rtol=1e-9, atol=1e-9)
    turned = model.predict_proba(X[names])
    assert turned.tobytes() == model.predict_proba(X).tobytes()


def test_columns_of_numbers_in_any_order():
    X = pl.DataFrame(features(table(text=False)))
    model = LogisticRegression().fit(X, table()["ill"])
    assert model.predict_proba(X[:, ::-1]).tobytes() == model.predict_proba(X).tobytes()


def test_single_precision_stays_so():
    X = pl.DataFrame(features(table(text=False))).select(pl.all().cast(pl.Float32))
    y = table()["ill"]
    want = LogisticRegression().fit(X.to_numpy(), np.array(y))
    assert same(LogisticRegression().fit(X, y), want)
    assert same(LogisticRegression().fit(X.to_pandas(), y), want)


def test_frames_of_numbers_are_not_copied_by_pandas():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])
    y = np.arange(50) % 2
    assert same(LogisticRegression().fit(X, y), LogisticRegression().fit(X.to_numpy(), y))


# ------------------------------------------------------------------------------- the outcome


def test_a_column_with_the_name_of_the_outcome_and_other_values():
    frame = pd.DataFrame(table())
    for y in (frame["ill"] == "yes", frame["ill"].sample(frac=1, random_state=0)):
        with pytest.raises(DataError, match='X has a column "ill", the name of y, with other'):
            LogisticRegression().fit(frame, y)


def test_the_outcome_alone_is_no_feature():
    frame = pl.DataFrame({"ill": [0, 1, 0, 1]})
    with pytest.raises(DataError, match="no column but the outcome"):
        LogisticRegression().fit(frame, frame["ill"])


def test_arrays_have_no_name_that_could_be_a_column():
    frame = pd.DataFrame({"a": [0.0, 1.0, 0.0, 1.0], "b": [1.0, 2.0, 3.0, 4.0]})
    model = LogisticRegression().fit(frame, np.array([0, 1, 0, 1]))
    assert (model.n_features_in_, model.target_) == (2, None)
    assert LogisticRegression().fit(frame, frame["a"].rename("b2").tolist()).n_features_in_ == 2


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(["no", None, "yes", None], dtype="string"),
        pd.Series([0.0, np.nan, 1.0, np.nan]),
        pl.Series(["no", None, "yes", None]),
        pl.Series([0, None, 1, None]),
        pa.chunked_array([["no", None], ["yes", None]]),
        pa.array([False, None, True, None]),
        pl.DataFrame({"y": [0, None, 1, None]}),
    ],
    ids=lambda y: f"{type(y).__module__}.{type(y).__name__}",
)
def test_rows_without_a_label_are_named(y):
    for X in ({"dose": [1.0, 2.0, 3.0, 4.0]}, np.eye(4)):
        with pytest.raises(DataError, match=r"no label \(NaN or null\) in row 1 \(from 0\) and 1 "):
            LogisticRegression().fit(X, y)


@pytest.mark.parametrize(
    "make",
    [
        lambda y: pd.Series(y, dtype="category"),
        lambda y: pl.Series(y, dtype=pl.Enum(["yes", "no"])),
        lambda y: pl.Series(y, dtype=pl.Categorical),
        lambda y: pa.array(y).dictionary_encode(),
        lambda y: pd.DataFrame({"ill": y}),
        lambda y: pa.table({"ill": y}),
        list,
    ],
)
def test_labels_of_any_kind(make):
    columns = table()
    X = np.array([columns["dose"], columns["visits"]]).T
    want = LogisticRegression().fit(X, np.array(columns["ill"]))
    assert same(LogisticRegression().fit(X, make(columns["ill"])), want)


def test_booleans_and_several_columns_as_labels():
    X = {"dose": table()["dose"]}
    y = pl.Series([label == "yes" for label in table()["ill"]])
    assert LogisticRegression().fit(X, y).classes_.tolist() == [False, True]
    with pytest.raises(DataError, match="y has 2 columns"):
        LogisticRegression().fit(X, pl.DataFrame({"a": y, "b": y}))
    with pytest.raises(DataError, match="y has 120 labels, and X has 3 rows"):
        LogisticRegression().fit({"dose": [1.0, 2.0, 3.0]}, y)
    with pytest.raises(DataError, match="requires y"):
        LogisticRegression().fit(X, None)


# ---------------------------------------------------------------------------- missing values


@pytest.mark.parametrize("kind", MODELS)
def test_missing_values_are_counted(kind):
    columns = table()
    columns["dose"][0] = columns["dose"][7] = columns["site"][7] = None
    for frame in (columns, pd.DataFrame(columns), pl.DataFrame(columns)):
        with pytest.raises(DataError, match=r'in 2 of 120 rows, by column: "dose" 2 and "site" 1'):
            MODELS[kind]().fit(frame, frame["ill"])


def test_missing_numbers_are_counted_without_an_encoder():
    X, y = pd.DataFrame(features(table(text=False))), table()["ill"]
    X.loc[[2, 5], "dose"] = np.nan
    with pytest.raises(DataError, match=r'row 2 .*missing in 2 of 120 rows, by column: "dose" 2'):
        LogisticRegression().fit(X, y)
    model = LogisticRegression().fit(X.fillna(0.0), y)
    with pytest.raises(DataError, match=r'"dose" 2'):
        model.predict(X)
    with pytest.raises(DataError, match=r'in 2 of 120 rows, by column: "dose" 2'):
        model.predict(pl.DataFrame({k: X[k].replace({np.nan: None}).tolist() for k in X}))


@pytest.mark.parametrize("kind", MODELS)
def test_rows_with_holes_are_left_out_everywhere(kind, capfd):
    columns = table()
    for row in (3, 50, 119):
        columns["dose"][row] = None
    columns["site"][50] = None
    kept = [row for row in range(120) if row not in (3, 50, 119)]
    weight, offset = np.arange(120) % 3 + 1.0, np.linspace(-1, 1, 120)
    short = {name: [values[row] for row in kept] for name, values in columns.items()}
    drop = TableEncoder(missing="drop")
    model = MODELS[kind](encoder=drop)
    given = MODELS[kind](encoder=TableEncoder())
    if kind != "firth":
        model.set_params(verbose=1)
    model.fit(columns, columns["ill"], weight, offset)
    given.fit(short, short["ill"], weight[kept], offset[kept])
    assert same(model, given)
    assert model.n_dropped_ == 3
    if kind != "firth":
        assert "3 rows miss a value and are left out" in capfd.readouterr().err
    with pytest.raises(DataError, match=r'by column: "dose" 3 and "site" 1'):
        model.predict(columns)
    with pytest.raises(DataError, match="one value per row"):
        model.fit(columns, columns["ill"], weight[kept])


def test_validation_and_inference_leave_rows_with_holes_out():
    columns = table()
    columns["dose"][3] = None
    short = {name: values[:3] + values[4:] for name, values in columns.items()}
    model = LogisticRegression(C=np.inf, encoder=TableEncoder(missing="drop"))
    y = columns["ill"]
    offset = np.linspace(-1, 1, 120)
    model.fit(columns, y, offset=offset, validation=(columns, y, offset))
    own = LogisticRegression(C=np.inf).fit(
        short,
        short["ill"],
        offset=np.delete(offset, 3),
        validation=(short, short["ill"], np.delete(offset, 3)),
    )
    assert model.history_["validation_loss"].tolist() == own.history_["validation_loss"].tolist()
    found = model.infer(columns, y, offset=offset)
    want = own.infer(short, short["ill"], offset=np.delete(offset, 3))
    assert found.bse.tolist() == want.bse.tolist()
    leverage = found.get_influence().hat_matrix_diag
    assert np.flatnonzero(np.isnan(leverage)).tolist() == [3]
    with pytest.raises(DataError, match="every one of the 2 rows of X misses a value"):
        model.fit({"a": [1.0, None], "b": [None, 1.0]}, [0, 1])


# --------------------------------------------------------------------- what is refused, by name


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pl.Series([f"2020-01-0{d}" for d in range(1, 5)]).str.to_date(), "make numbers of it"),
        ([[1], [2], [3], [4]], "when"),
        ([1.0, np.inf, 2.0, 3.0], r'infinity: column "when", row 1'),
        ([2**53 + 1, 1, 2, 3], r"9007199254740993 in row 0 .* text of it if it is an identifier"),
        ([Decimal(2**53 + 1), 1, 2, 3], "9007199254740993 in row 0"),
        (pd.array([1, 2, 3, 2**60 + 1], dtype="Int64"), "1152921504606846977 in row 3"),
    ],
)
def test_columns_that_cannot_be_numbers(column, message):
    frames = [{"when": column}]
    if isinstance(column, pl.Series):
        frames.append(pl.DataFrame({"when": column}))
    else:
        frames.append(pd.DataFrame({"when": column}))
    for frame in frames:
        with pytest.raises(DataError, match=message) as error:
            LogisticRegression().fit(frame, [0, 1, 0, 1])
        assert '"when"' in str(error.value)


def test_identifiers_in_frames_of_numbers():
    frame = pd.DataFrame({"a": [1, 2**53 + 1, 3, 4], "b": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(DataError, match='column "a" of X holds 9007199254740993 in row 1'):
        LogisticRegression().fit(frame, [0, 1, 0, 1])
    frame["a"] = [2**60, 1, 2, 3]
    assert LogisticRegression().fit(frame, [0, 1, 0, 1]).converged_


def test_decimals_are_numbers():
    column = [Decimal("0.1"), Decimal("0.7"), Decimal("-0.2"), Decimal("0.4")]
    want = LogisticRegression().fit(np.array([list(map(float, column))]).T, [0, 1, 0, 1])
    for frame in ({"a": column}, pl.DataFrame({"a": column}), arrow({"a": column})):
        model = LogisticRegression().fit(frame, [0, 1, 0, 1])
        assert same(model, want)
        assert model.encoder_ is None
        assert (model.predict_proba(frame) == want.predict_proba(want_rows(column))).all()


def want_rows(column):
    return np.array([list(map(float, column))]).T


@pytest.mark.parametrize("text", [True, False])
def test_columns_that_are_lacking_extra_or_of_another_kind(text):
    X, y = pd.DataFrame(features(table(text=text))), table()["ill"]
    model = LogisticRegression().fit(X, y)
    with pytest.raises(DataError, match='X lacks the column "new" and 1 more, which the fit had'):
        model.predict(X.drop(columns=["new", "visits"]))
    with pytest.raises(DataError, match='X has the column "more", which the fit did not have'):
        model.predict(X.assign(more=1))
    with pytest.raises(DataError, match='column "dose" of X holds text'):
        model.predict(X.assign(dose="a"))
    with pytest.raises(DataError, match="lacks"):
        LogisticRegression().fit(X, y, validation=(X[["dose"]], y))
    with pytest.raises(DataError, match="more than one column"):
        LogisticRegression().fit(pd.concat([X, X], axis=1), y)


def test_levels_that_the_fit_has_not_seen():
    columns = table()
    model = LogisticRegression().fit(columns, columns["ill"])
    other = pl.DataFrame(columns).with_columns(site=pl.lit("z"))
    with pytest.raises(DataError, match='column "site" of X has the value "z", in 120 of 120'):
        model.predict(other)
    pooling = TableEncoder(unseen="pool", min_count=60)
    model = LogisticRegression(encoder=pooling).fit(columns, columns["ill"])
    assert np.isfinite(model.predict_proba(other)).all()


def test_names_on_one_side_only():
    X, y = features(table(text=False)), table()["ill"]
    model = LogisticRegression().fit(TableEncoder().fit_transform(X), y)
    with pytest.warns(UserWarning, match="LogisticRegression was fitted without feature names"):
        assert model.predict(pl.DataFrame(X)).shape == (120,)
    with pytest.raises(DataError, match="X has 1 features, but LogisticRegression is expecting 3"):
        model.predict({"dose": [1.0]})
    named = LogisticRegression().fit(X, y)
    with pytest.warns(UserWarning, match="LogisticRegression was fitted with feature names"):
        named.predict(np.zeros((2, 3)))


def test_what_is_no_encoder():
    with pytest.raises(ParameterError, match=r"is no oddsmith\.TableEncoder"):
        LogisticRegression(encoder=StandardScaler()).fit(table(), table()["ill"])


def test_arrays_of_objects_with_an_encoder():
    X = np.array([[1.0, "a"], [2.0, "b"], [3.0, "a"], [4.0, "b"]], dtype=object)
    y = [0, 1, 1, 0]
    with pytest.raises(DataError, match="not made of numbers"):
        LogisticRegression().fit(X, y)
    model = LogisticRegression(encoder=TableEncoder()).fit(X, y)
    assert model.coef_names_.tolist() == ["x0", "x1[b]"]
    assert model.predict(X).shape == (4,)
    assert not hasattr(model, "feature_names_in_")


def test_frames_whose_columns_have_numbers_for_names():
    X = pd.DataFrame([[1.0, "a"], [2.0, "b"], [3.0, "a"], [4.0, "b"]])
    model = LogisticRegression().fit(X, [0, 1, 1, 0])
    assert model.coef_names_.tolist() == ["0", "1[b]"]
    assert model.predict(X).shape == (4,)
    numbers = LogisticRegression().fit(X[[0]], [0, 1, 1, 0])
    assert not hasattr(numbers, "feature_names_in_")
    assert numbers.predict(X[[0]]).shape == (4,)


# ---------------------------------------------------------------- names in all that is shown


def test_inference_shows_the_encoded_names():
    columns = table()
    frame = pd.DataFrame(columns)
    model = LogisticRegression(C=np.inf).fit(frame, frame["ill"])
    found = model.infer(frame, frame["ill"])
    text = str(found.summary())
    assert "site[b]" in text
    assert '"ill"' in text
    by_formula = logit(
        "ill ~ dose + new + site + visits",
        frame.replace({"ill": {"yes": 1, "no": 0}}).astype({"ill": int}),
    )
    np.testing.assert_allclose(np.sort(found.bse), np.sort(by_formula.bse), rtol=1e-6)
    firth = FirthLogisticRegression().fit(frame, frame["ill"])
    assert "site[c]" in str(firth.infer(frame, frame["ill"]).summary())


def test_warnings_name_the_encoded_columns():
    columns = table()
    columns["twin"] = columns["site"]
    with pytest.warns(CollinearityWarning, match=r"twin\[b\]"):
        LogisticRegression(C=np.inf).fit(columns, columns["ill"])
    columns["twin"] = columns["ill"][:]
    with pytest.warns(SeparationWarning, match=r"twin\[yes\]"):
        LogisticRegression(C=np.inf).fit(columns, columns["ill"])


def test_factors_and_bounds_by_name():
    columns = features(table())
    y = table()["ill"]
    plain = TableEncoder().fit_transform(columns)
    by_name = LogisticRegression(
        penalty_factors={"site": 0.0, "site[c]": 3.0, "dose": 2.0}, upper_bounds={"dose": 0.1}
    ).fit(columns, y)
    by_place = LogisticRegression(
        penalty_factors=[2.0, 1.0, 0.0, 3.0, 1.0], upper_bounds=[0.1] + [np.inf] * 4
    ).fit(plain, np.array(y))
    assert same(by_name, by_place)
    with pytest.raises(ParameterError, match='names the column "sit", which is neither'):
        LogisticRegression(penalty_factors={"sit": 1.0}).fit(columns, y)
    with pytest.raises(ParameterError, match='of column "site" is None'):
        LogisticRegression(lower_bounds={"site": None}).fit(columns, y)
    with pytest.raises(ParameterError, match="cannot be named"):
        LogisticRegression(penalty_factors={"site": 1.0}).fit(plain, y)
    cv = LogisticRegressionCV(Cs=[1.0], penalty_factors={"dose": 5.0}).fit(columns, y)
    assert same(cv, LogisticRegression(penalty_factors={"dose": 5.0}).fit(columns, y))
    path = regularization_path(columns, y, n_lambdas=3, penalty_factors={"site": np.inf})
    assert path.feature_names == ("dose", "new", "site[b]", "site[c]", "visits")
    assert not path.coefs[:, 2:4].any()
    assert path.encoder.levels_ == {"site": ["a", "b", "c"]}


def test_partial_fit_learns_the_encoding_from_the_first_rows():
    columns = table()
    first = {name: values[:60] for name, values in columns.items()}
    rest = {name: values[60:] for name, values in columns.items()}
    model = LogisticRegression(solver=GradientDescent(0.1))
    outside = clone(model)
    encoder = TableEncoder().fit(features(first))
    for part in (first, rest):
        model.partial_fit(part, part["ill"], classes=["no", "yes"])
        X = encoder.transform(features(part))
        outside.partial_fit(X, part["ill"], classes=["no", "yes"])
    assert same(model, outside)
    rest["site"][0] = "z"
    with pytest.raises(DataError, match='the value "z"'):
        model.partial_fit(rest, rest["ill"])


def test_a_frozen_encoder_is_used_as_it_is():
    columns = table()
    part = {
        name: [v for v, s in zip(values, columns["site"], strict=True) if s != "c"]
        for name, values in columns.items()
    }
    known = TableEncoder().fit(features(columns))
    model = LogisticRegression(encoder=FrozenEstimator(known)).fit(part, part["ill"])
    assert model.coef_names_.tolist() == known.get_feature_names_out().tolist()
    assert model.predict(columns).shape == (120,)
    assert clone(model).fit(part, part["ill"]).encoder_.levels_ == {"site": ["a", "b", "c"]}


# --------------------------------------------------------------------- scikit-learn's contract


@parametrize_with_checks([LogisticRegression(encoder=TableEncoder())])
def test_estimator_checks(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@pytest.mark.parametrize("kind", MODELS)
def test_clone_and_pickle(kind):
    frame = pd.DataFrame(table())
    model = MODELS[kind](encoder=TableEncoder(min_count=2)).fit(frame, frame["ill"])
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert again.predict_proba(frame).tobytes() == model.predict_proba(frame).tobytes()
    assert again.coef_names_.tolist() == model.coef_names_.tolist()
    fresh = clone(model)
    assert fresh.get_params()["encoder__min_count"] == 2
    assert not hasattr(fresh, "encoder_")


def test_grid_search_reaches_the_encoder():
    frame = pd.DataFrame(table())
    search = GridSearchCV(
        LogisticRegression(encoder=TableEncoder(unseen="pool")),
        {"encoder__min_count": [1, 45], "C": [0.1, 1.0]},
        cv=3,
    ).fit(frame, frame["ill"])
    assert search.best_params_.keys() == {"encoder__min_count", "C"}
    assert search.predict(frame).shape == (120,)


def test_tools_of_scikit_learn_on_a_frame_with_text():
    frame = pd.DataFrame(table())
    X, y = frame.drop(columns="ill"), frame["ill"]
    assert cross_val_score(LogisticRegression(), X, y, cv=3).shape == (3,)
    calibrated = CalibratedClassifierCV(LogisticRegression(), cv=3).fit(X, y)
    assert calibrated.predict_proba(X).shape == (120, 2)
    model = LogisticRegression().fit(X, y)
    frozen = CalibratedClassifierCV(FrozenEstimator(model), cv=3).fit(X, y)
    assert frozen.predict(X).shape == (120,)
    some = make_column_transformer((StandardScaler(), ["dose"]), remainder="passthrough")
    some.set_output(transform="pandas")
    pipeline = make_pipeline(some, LogisticRegression()).fit(X, y)
    assert "remainder__site[b]" in pipeline[-1].coef_names_
    for library, kind in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        shown = TableEncoder().set_output(transform=library).fit_transform(X)
        assert isinstance(shown, kind)
        assert same(LogisticRegression().fit(shown, y), model)


def test_what_is_no_table_is_refused_in_words():
    x, y = np.arange(6.0), np.array([0, 1, 0, 1, 1, 0])
    cut = pd.DataFrame({"x": x, "d": pd.cut(x, 3)})
    with pytest.raises(DataError, match='column "d" of X holds categories of type dict'):
        LogisticRegression().fit(cut, y)
    with pytest.raises(ValueError, match="Expected a 2-dimensional container"):
        LogisticRegression().fit(pd.Series(x), y)


def test_labels_of_arrow_beside_a_frame_of_another_library():
    frame, y = pd.DataFrame({"x": np.arange(6.0)}), np.array([0, 1, 0, 1, 1, 0])
    found = LogisticRegression().fit(frame, pa.array(y == 1))
    assert (found.coef_ == LogisticRegression().fit(frame, y == 1).coef_).all()


def test_sparse_frames_are_scikit_learns_to_read():
    X = sp.random(40, 3, 0.5, random_state=0).tocsr()
    frame = pd.DataFrame.sparse.from_spmatrix(X, columns=["a", "b", "c"])
    y = np.arange(40) % 2
    model = LogisticRegression().fit(frame, y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(model.coef_, LogisticRegression().fit(X, y).coef_, rtol=1e-9)


def test_many_levels_stay_sparse_and_are_proved():
    rng = np.random.default_rng(0)
    n = 30_000
    frame = pl.DataFrame(
        {"x": rng.normal(size=n), "id": rng.integers(0, n, n).astype(str), "y": rng.random(n) < 0.5}
    )
    model = LogisticRegression().fit(frame, frame["y"])
    assert model.encoder_.sparse_
    assert model.converged_
    assert model.coef_.shape[1] == frame["id"].n_unique()


# ------------------------------------------------------------------- packages that are not there

HIDE = """
import sys

class NoPandas:  # which PyArrow asks for its version where it finds it at all
    def find_spec(self, name, *_):
        if "pandas" in {hidden!r} and name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoPandas())
sys.modules.update(dict.fromkeys(name for name in {hidden!r} if name != "pandas"))
import numpy as np
from oddsmith import LogisticRegression
columns = {{"dose": [1.0, 2.0, 4.0, 8.0], "site": ["a", "b", "a", "b"], "y": [0, 1, 1, 0]}}
frame = {make}
model = LogisticRegression().fit(frame, frame["y"])
print(model.coef_names_.tolist(), model.target_, model.predict(frame).shape)
"""


@pytest.mark.parametrize(
    ("make", "hidden"),
    [
        ("columns", ["pandas", "polars", "pyarrow"]),
        ("__import__('polars').DataFrame(columns)", ["pandas", "pyarrow"]),
        ("__import__('pyarrow').table(columns)", ["pandas", "polars"]),
        ("__import__('pandas').DataFrame(columns)", ["polars", "pyarrow"]),
    ],
)
def test_other_packages_are_not_needed(make, hidden):
    code = HIDE.format(hidden=hidden, make=make)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "['dose', 'site[b]'] y (4,)", done.stderr
