"""Formulas: what they make of a frame, of other rows later, and what is refused."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import oddsmith
from oddsmith import logit
from oddsmith.errors import DataError

RICH = "admit ~ bs(gre, df=4) * sex + poly(gpa, 2) + C(rank, Treatment(2)) + offset(beside)"


def students(n=300):
    rng = np.random.default_rng(0)
    data = pd.DataFrame(
        {
            "gre": rng.normal(600, 100, n),
            "gpa": rng.normal(3.3, 0.4, n),
            "rank": rng.integers(1, 5, n),
            "sex": rng.choice(["f", "m"], n),
            "beside": rng.normal(size=n) / 10,
        }
    )
    margin = -5 + 0.004 * data["gre"] + 0.8 * data["gpa"] - 0.5 * data["rank"]
    return data.assign(admit=np.where(rng.random(n) < 1 / (1 + np.exp(-margin)), "yes", "no"))


@pytest.mark.parametrize("call", ["bs(gre, df=4)", "poly(gre, 2)", "scale(gre)", "center(gre)"])
def test_a_column_that_stands_in_such_a_call_alone_is_found(call):
    data = students()
    found = logit(f"admit ~ {call}", data)
    np.testing.assert_allclose(found.llf, logit(f"admit ~ {call} + gre - gre", data).llf)
    data.loc[3, "gre"] = np.nan
    with pytest.raises(DataError, match='by column: "gre" 1'):
        logit(f"admit ~ {call}", data)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "dict"])
@pytest.mark.parametrize("how", ["whole", "pickled", "firth", "classes"])
def test_other_rows_are_encoded_as_those_of_the_fit(library, how):
    data = students()
    formula = RICH.replace("admit", "rank", 1).replace(" + C(rank, Treatment(2))", "")
    formula = formula.replace(" + offset(beside)", "") if how == "classes" else RICH
    found = logit(formula, data, firth=how == "firth")
    expected = found.predict()[40:47]
    some = data[40:47].drop(columns="admit").reset_index(drop=True)
    if how == "pickled":
        found = pickle.loads(pickle.dumps(found))  # noqa: S301
    make = {
        "pandas": lambda frame: frame,
        "polars": pl.from_pandas,
        "pyarrow": pa.Table.from_pandas,
        "dict": lambda frame: frame.to_dict("list"),
    }
    # Seven rows have other levels, means and quantiles than all.
    np.testing.assert_allclose(found.predict(make[library](some)), expected, rtol=1e-12)


def test_what_a_pickle_keeps_of_a_formula_knows_no_row():
    small, large = (len(pickle.dumps(logit(RICH, students(n)))) for n in (200, 2000))
    assert large < small + 500


def test_an_offset_of_other_rows_is_theirs():
    data = students()
    inside = logit("admit ~ gre + offset(beside)", data)
    named = logit("admit ~ gre", data, offset="beside")
    given = logit("admit ~ gre", data, offset=data["beside"])
    both = logit("admit ~ gre + offset(beside)", data, offset="beside")
    doubled = logit("admit ~ gre", data, offset=2 * data["beside"])
    assert inside.names == named.names == ("Intercept", "gre")
    some = data[5:9]
    for found, peer, factor in ((inside, given, 1), (named, given, 1), (both, doubled, 2)):
        np.testing.assert_allclose(found.params, peer.params, rtol=1e-12)
        own = peer.predict(some, offset=factor * some["beside"])
        np.testing.assert_allclose(found.predict(some), own, rtol=1e-12)
        np.testing.assert_allclose(
            found.predict(some, offset=np.zeros(4)), peer.predict(some), rtol=1e-12
        )
    with pytest.raises(DataError, match='no column "beside"'):
        named.predict(some.drop(columns="beside"))


def test_other_rows_that_the_fit_cannot_know_are_refused_or_missing():
    data, some = students(), students()[:4]
    found = logit(RICH, data)
    lost = some.assign(sex=["f", None, "m", "f"], gpa=[3.0, 3.0, np.nan, 3.0])
    assert np.isnan(found.get_prediction(lost).conf_int()).all(axis=1).tolist() == [0, 1, 1, 0]
    for wrong, said in (
        (some.assign(sex="x"), "none of its levels: 'x'"),
        (some.assign(rank=9), "none of its levels: 9"),
        (some.assign(sex=1), 'column "sex" held labels in the fit, and here numbers'),
        (some.assign(gre=1e6), "extend beyond"),
        (some.drop(columns="gpa"), 'no column "gpa"'),
    ):
        with pytest.raises(DataError, match=said):
            found.predict(wrong)
    ranked = data.assign(rank=data["rank"].astype("category"))
    with pytest.raises(DataError, match='"rank" has the value "9", which is no category'):
        logit("admit ~ rank", ranked).predict(some.assign(rank=9))
    # Three categories that these rows lack are categories still.
    few = logit("admit ~ rank", ranked)
    one = ranked[ranked["rank"] == 3][:2]
    np.testing.assert_allclose(few.predict(one), few.predict()[one.index], rtol=1e-12)


@pytest.mark.parametrize("firth", [False, True])
def test_an_intercept_alone_is_the_log_odds(firth):
    # Firth: half a case more of each class (Firth, 1993, 4.1).
    more = 0.5 * firth
    data = {"y": ["a"] * 7 + ["b"] * 3, "k": [1, 2, 0, 0, 0, 0, 0, 0, 0, 0], "n": [5] + [3] * 9}
    found = logit("y ~ 1", data, firth=firth)
    np.testing.assert_allclose(found.params, np.log((3 + more) / (7 + more)), rtol=1e-10)
    counts = logit("trials(k, n) ~ 1", data, firth=firth)
    np.testing.assert_allclose(counts.params, np.log((3 + more) / (29 + more)), rtol=1e-10)
    share = (3 + more) / (10 + 2 * more)
    np.testing.assert_allclose(found.predict({"y": ["a", "b"]}), [share, share], rtol=1e-10)
    assert (found.llr, found.df_model, found.prsquared) == (0.0, 0.0, 0.0)
    assert "Intercept" in str(found.summary())


def test_nothing_to_fit_is_said():
    X, y = np.zeros((4, 0)), [0, 1, 0, 1]
    for ask in (
        lambda: logit("y ~ 0", {"y": y}),
        lambda: logit(X, y, intercept=False),
        lambda: logit(X, np.column_stack([y, y]), counts="trials", intercept=False),
    ):
        with pytest.raises(DataError, match="neither a column nor an intercept"):
            ask()


def test_a_terms_name_is_no_interactions_name():
    found = logit("admit ~ sex * gre + C(rank)", students())
    assert found.wald_test("sex") == found.wald_test(["sex[T.m]"])
    assert found.wald_test("sex:gre") == found.wald_test(["sex[T.m]:gre"])
    assert found.wald_test("C(rank)").df == 3


def test_a_dict_of_columns_serves_without_a_formula():
    data = students()
    found = oddsmith.logit(data[["gre", "gpa"]], data["admit"])
    own = found.predict({"gpa": data["gpa"][:5].tolist(), "gre": data["gre"][:5].tolist()})
    np.testing.assert_allclose(own, found.predict()[:5], rtol=1e-12)
    with pytest.raises(DataError, match="one value per row"):
        logit("y ~ x", {"y": [0, 1, 1], "x": [1, 2]})


def test_rows_that_miss_a_weight_or_a_cluster_are_dropped_or_refused():
    data = students()
    weight = np.where(np.arange(300) % 5 == 0, np.nan, 2.0)
    cluster = np.where(np.arange(300) % 7 == 0, None, np.arange(300) % 10)
    kept = np.isfinite(weight) & (np.arange(300) % 7 > 0)
    found = logit("admit ~ poly(gre, 2)", data, weights=weight, groups=cluster, missing="drop")
    own = logit("admit ~ poly(gre, 2)", data[kept], groups=np.arange(300)[kept] % 10)
    np.testing.assert_allclose(found.params, own.params, rtol=1e-9)
    named = data.assign(w=weight, g=cluster)
    same = logit("admit ~ poly(gre, 2)", named, weights="w", groups="g", missing="drop")
    np.testing.assert_array_equal(same.bse, found.bse)
    for groups in (cluster, np.where(cluster == None, np.nan, 1.0)):  # noqa: E711
        with pytest.raises(DataError, match="groups is missing in 43 of 300 rows"):
            logit("admit ~ gre", data, groups=groups)


def test_what_holds_rows_is_short_where_it_is_shown():
    found = logit("admit ~ 1", students())
    assert repr(found.get_prediction()) == "<Predictions of 300 rows: summary_frame() shows them>"
    assert repr(found.get_influence()) == "<Influence of 300 rows: summary_frame() shows them>"
    assert found.separation() is None
    assert found.vif() == {}
