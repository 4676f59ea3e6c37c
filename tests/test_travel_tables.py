"""Encoded tables that travel: as Python and as SQL in three databases, against predict_proba."""

# ruff: noqa: S608

import math
import sqlite3
import time
from collections.abc import Mapping

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres import PostgreSQL

from oddsmith import DataError, LogisticRegression, ParameterError, TableEncoder

LEVELS = ["'); DROP TABLE t; --", "''", "\\", "\\'", '"', "%s", "{0}", "$$", "?", ":x", "é"]
LEVELS += [
    "e\u0301",
    "",
    " ",
    "a",
    "A",
    "a ",
    "NULL",
    "null",
    "true",
    "1",
    "\n",
    "\r\n",
    "東京",
    "ß",
]
LEVELS += ["\U0001f600"]
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def encoded(table, coef, intercept, classes=None, **how):
    """A fitted model of these coefficients over a table, or rows of them drawn from a seed."""
    model = LogisticRegression()
    model.encoder_ = TableEncoder(**how).fit(table)
    width, height = model.encoder_.encoding_.width, len(np.atleast_1d(intercept))
    if isinstance(coef, int):
        coef = np.random.default_rng(coef).normal(size=(height, width))
    model.coef_ = np.array(coef, dtype=float).reshape(height, width)
    model.intercept_ = np.atleast_1d(np.array(intercept, dtype=float))
    model.n_features_in_ = model.encoder_.n_features_in_
    model.feature_names_in_ = model.encoder_.feature_names_in_
    model.classes_ = np.arange(max(2, height)) if classes is None else np.array(classes)
    return model


texts = st.sampled_from(LEVELS) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4
)
KINDS = {
    "number": st.floats(-50, 50).map(lambda x: x if abs(x) > 1e-100 else 0.0),
    "boolean": st.booleans(),
    "text": texts,
    "code": st.sampled_from([1, 2, 30]),
}


@st.composite
def columns(draw, n):
    """A column of some kind, with holes or none."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    some = draw(st.lists(KINDS[kind], min_size=1, max_size=4))
    values = draw(st.lists(st.sampled_from(some), min_size=n, max_size=n))
    if draw(st.booleans()):
        holes = draw(st.lists(st.booleans(), min_size=n, max_size=n))
        values = [None if hole else value for value, hole in zip(values, holes, strict=True)]
        if not any(value is not None for value in values):
            values[0] = some[0]
    return pd.Series(pd.Categorical(values) if kind == "code" else values, dtype=_dtype(kind))


def _dtype(kind):
    return {"boolean": "boolean", "number": "float64"}.get(kind)


@st.composite
def problems(draw):
    n = draw(st.integers(3, 8))
    names = draw(
        st.lists(
            st.sampled_from(["a", 'b"', "c'", "d`", "größe"]), min_size=1, max_size=3, unique=True
        )
    )
    frame = pd.DataFrame({name: draw(columns(n)) for name in names})
    missing = draw(st.sampled_from(["indicator", "mean"]))
    if missing == "mean":
        frame = pd.DataFrame(
            {
                k: v if str(v.dtype) in ("float64", "boolean") else _filled(v)
                for k, v in frame.items()
            }
        )
    K = draw(st.sampled_from([1, 3]))
    model = encoded(
        frame,
        draw(st.integers(0, 10**6)),
        draw(st.lists(st.floats(-3, 3), min_size=K, max_size=K)),
        missing=missing,
        min_count=draw(st.integers(1, 3)),
        unseen=draw(st.sampled_from(["refuse", "pool"])),
    )
    return model, frame


def _filled(column):
    """Column without holes, unless it is of numbers or booleans."""
    if str(column.dtype) in ("float64", "boolean"):
        return column
    there = column.dropna().tolist()
    values = [there[0] if pd.isna(value) else value for value in column.astype(object).tolist()]
    return pd.Series(pd.Categorical(values) if str(column.dtype) == "category" else values)


def rows_of(frame):
    """Rows of Python's own objects, None where one is missing."""
    cells = [column.astype(object).tolist() for _, column in frame.items()]
    plain = [
        [None if pd.isna(x) else x.item() if isinstance(x, np.generic) else x for x in column]
        for column in cells
    ]
    return [list(row) for row in zip(*plain, strict=True)]


def probabilities(model, frame):
    found = model.predict_proba(frame)
    return found if found.shape[1] > 2 else found[:, 1:]


def near(found, wanted):
    np.testing.assert_allclose(np.array(found, dtype=float), wanted, rtol=0, atol=1e-12)


# ------------------------------------------------------------------------------------ databases


def kind_of(column):
    values = [value for value in column if value is not None]
    kind = type(values[0]) if values else float
    return {bool: "BOOLEAN", int: "INTEGER", float: "DOUBLE PRECISION", str: "TEXT"}[kind]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).upper() if isinstance(value, bool) else repr(value)


def table_of(names, rows):
    kinds = [kind_of(column) for column in zip(*rows, strict=True)]
    listed = ", ".join(f"{quoted(n)} {kind}" for n, kind in zip(names, kinds, strict=True))
    return f'CREATE TABLE t({listed}, "no." INTEGER)'


def query(model, dialect):
    found = model.to_sql(dialect)
    found = found if isinstance(found, Mapping) else {1: found}
    return f'SELECT {", ".join(f"{x} AS p{k}" for k, x in found.items())} FROM t ORDER BY "no."'


def on_sqlite(model, names, rows):
    base = sqlite3.connect(":memory:")
    try:
        base.execute(table_of(names, rows))
        marks = ", ".join("?" * (len(names) + 1))
        base.executemany(f"INSERT INTO t VALUES ({marks})", [[*r, i] for i, r in enumerate(rows)])
        return base.execute(query(model, "sqlite")).fetchall()
    finally:
        base.close()


def on_duckdb(model, names, rows):
    with duckdb.connect(":memory:", config={"threads": 1}) as base:
        base.execute(table_of(names, rows))
        marks = ", ".join("?" * (len(names) + 1))
        base.executemany(f"INSERT INTO t VALUES ({marks})", [[*r, i] for i, r in enumerate(rows)])
        return base.execute(query(model, "duckdb")).fetchall()


@pytest.fixture(scope="session")
def server():
    with PostgreSQL() as running:
        yield running


@pytest.fixture
def on_postgres(server):
    def ask(model, names, rows):
        lines = ["DROP TABLE IF EXISTS t", table_of(names, rows)]
        for i, row in enumerate(rows):
            lines.append(f"INSERT INTO t VALUES ({', '.join(map(literal, [*row, i]))})")
        return server.rows([line + ";" for line in lines], query(model, "postgres"))

    return ask


@pytest.fixture(params=["sqlite", "duckdb", "postgres"])
def on_base(request):
    if request.param == "postgres":
        return request.getfixturevalue("on_postgres")
    return {"sqlite": on_sqlite, "duckdb": on_duckdb}[request.param]


@given(problems())
@settings(max_examples=60, **QUIET)
def test_python_gives_the_same_probabilities(problem):
    model, frame = problem
    source = model.to_python()
    assert source.isascii()
    space = {}
    exec(source, space)  # noqa: S102
    names = frame.columns.tolist()
    found = [
        list(space["predict_proba"](dict(zip(names, row, strict=True))).values())
        for row in rows_of(frame)
    ]
    near(found, model.predict_proba(frame))


@given(problems())
@settings(max_examples=60, **QUIET)
def test_sqlite_gives_the_same_probabilities(problem):
    model, frame = problem
    near(on_sqlite(model, frame.columns, rows_of(frame)), probabilities(model, frame))


@given(problems())
@settings(max_examples=40, **QUIET)
def test_duckdb_gives_the_same_probabilities(problem):
    model, frame = problem
    near(on_duckdb(model, frame.columns, rows_of(frame)), probabilities(model, frame))


def test_postgres_gives_the_same_probabilities(on_postgres):
    @given(problems())
    @settings(max_examples=25, **QUIET)
    def law(problem):
        model, frame = problem
        near(on_postgres(model, frame.columns, rows_of(frame)), probabilities(model, frame))

    law()


@pytest.mark.parametrize("height", [1, 3])
def test_every_hostile_level_at_once(on_base, height):
    frame = pd.DataFrame({"x": LEVELS})
    model = encoded(frame, 1, [0.0] * height)
    near(on_base(model, ["x"], [[level] for level in LEVELS]), probabilities(model, frame))


@pytest.mark.parametrize("height", [1, 3])
def test_unseen_levels_are_null_or_pooled_as_asked(on_base, height):
    frame = pd.DataFrame({"x": [*"aaabbbc"], "n": np.arange(7.0)})
    rows = [["a", 0.5], ["z", 0.5], ["A", 0.5], ["a ", 0.5], [None, 0.5]]
    refused = encoded(frame, 2, [0.5] * height, min_count=2)
    found = on_base(refused, ["x", "n"], rows)
    near(found[:1], probabilities(refused, pd.DataFrame({"x": ["a"], "n": [0.5]})))
    assert {cell for row in found[1:] for cell in row} == {None}
    pools = encoded(frame, 2, [0.5] * height, min_count=2, unseen="pool")
    found = on_base(pools, ["x", "n"], rows)
    wanted = probabilities(pools, pd.DataFrame({"x": ["a", "z", "A", "a "], "n": [0.5] * 4}))
    near(found[:4], wanted)
    assert set(found[4]) == {None}


def test_missing_values_are_null_where_they_are_refused(on_base):
    frame = pd.DataFrame({"x": [1.0, np.nan, 3.0], "b": [True, False, True], "s": ["a", "b", "c"]})
    model = encoded(frame, 3, 0.5, missing="mean")
    rows = [[None, True, "a"], [1.0, None, "a"], [2.5, False, "b"], [1.0, True, None]]
    found = on_base(model, ["x", "b", "s"], rows)
    filled = {"x": [None, 1.0, 2.5], "b": [True, None, False], "s": ["a", "a", "b"]}
    near(found[:3], probabilities(model, pd.DataFrame(filled).astype({"b": "boolean"})))
    assert found[3] == (None,)


def test_booleans_may_be_numbers_of_any_type(server):
    """Boolean, whole numbers, decimals and doubles; 2 and 0.5 are no booleans."""
    frame = pd.DataFrame({"b": [True, False]})
    model = encoded(frame, [[2.0]], -1.0)
    wanted = {True: model.predict_proba(frame)[0, 1], False: model.predict_proba(frame)[1, 1]}
    kinds = {
        "BOOLEAN": ["TRUE", "FALSE"],
        "INTEGER": ["1", "0", "2"],
        "NUMERIC(5, 2)": ["1", "0", "0.5"],
    }
    kinds["DOUBLE PRECISION"] = ["1", "0", "0.5", "'NaN'"]
    for kind, values in kinds.items():
        lines = [f'DROP TABLE IF EXISTS t; CREATE TABLE t(b {kind}, "no." INTEGER)']
        lines += [f"INSERT INTO t VALUES ({value}, {i})" for i, value in enumerate(values)]
        found = server.rows([line + ";" for line in lines], query(model, "postgres"))
        near(found[:2], [[wanted[True]], [wanted[False]]])
        assert set(found[2:]) <= {(None,)}
        with duckdb.connect(":memory:") as base:
            for line in lines:
                base.execute(line)
            found = base.execute(query(model, "duckdb")).fetchall()
        near(found[:2], [[wanted[True]], [wanted[False]]])
        assert set(found[2:]) <= {(None,)}


def test_nan_counts_as_missing(server):
    frame = pd.DataFrame({"x": [1.0, np.nan, 3.0]})
    model = encoded(frame, [[2.0, 0.25]], -1.0, missing="indicator")
    wanted = model.predict_proba(frame)[1, 1]
    lines = ['DROP TABLE IF EXISTS t; CREATE TABLE t(x DOUBLE PRECISION, "no." INTEGER)']
    lines += ["INSERT INTO t VALUES ('NaN', 0), (NULL, 1), ('Infinity', 2)"]
    found = server.rows([line + ";" for line in lines], query(model, "postgres"))
    near(found[:2], [[wanted]] * 2)
    assert found[2] == (None,)
    with duckdb.connect(":memory:") as base:
        for line in lines:
            base.execute(line)
        found = base.execute(query(model, "duckdb")).fetchall()
    near(found[:2], [[wanted]] * 2)
    assert found[2] == (None,)


def test_sqlite_takes_no_number_for_text_and_no_text_for_a_number():
    frame = pd.DataFrame({"s": ["1", "b"], "x": [1.0, 2.0]})
    model = encoded(frame, 4, 0.5)
    base = sqlite3.connect(":memory:")
    base.execute('CREATE TABLE t(s, x, "no." INTEGER)')
    rows = [("1", 1.0, 0), (1, 1.0, 1), ("1", "1.0", 2), (b"1", 1.0, 3)]
    base.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    found = base.execute(query(model, "sqlite")).fetchall()
    base.close()
    near(found[0], model.predict_proba(frame[:1])[0, 1])
    assert set(found[1:]) == {(None,)}


def test_sqlite_compares_bytes_whatever_the_collation_of_the_column():
    frame = pd.DataFrame({"s": ["a", "b"]})
    model = encoded(frame, 5, 0.5)
    base = sqlite3.connect(":memory:")
    base.execute('CREATE TABLE t(s TEXT COLLATE NOCASE, "no." INTEGER)')
    base.executemany("INSERT INTO t VALUES (?, ?)", [("a", 0), ("A", 1)])
    found = base.execute(query(model, "sqlite")).fetchall()
    base.close()
    near(found[0], model.predict_proba(frame[:1])[0, 1])
    assert found[1] == (None,)


@pytest.mark.parametrize("height", [1, 3])
def test_thousands_of_levels_pass_the_limits(on_base, height):
    levels = [f"level {i}" for i in range(5000)]
    frame = pd.DataFrame({"x": levels})
    model = encoded(frame, 6, [0.0] * height)
    asked = [0, 1, 2500, 4999]
    start = time.monotonic()
    found = on_base(model, ["x"], [*([levels[i]] for i in asked), ["level x"]])
    assert time.monotonic() - start < 30
    near(found[:4], probabilities(model, frame.iloc[asked]))
    assert set(found[4]) == {None}


def test_booleans_as_levels_and_whole_numbers(on_base):
    frame = pd.DataFrame(
        {"b": pd.Categorical([True, False, None, True]), "k": pd.Categorical([3, 1, 2, 3])}
    )
    model = encoded(frame, 7, 0.5, missing="indicator")
    rows = [[True, 3], [False, 1], [None, 2], [True, 4]]
    found = on_base(model, ["b", "k"], rows)
    near(found[:3], probabilities(model, frame[:3]))
    assert found[3] == (None,)


def test_the_other_dialects_are_written_in_their_words():
    frame = pd.DataFrame({"s": ["a'\\\n", "b"], "b": [True, None]}).astype({"b": "boolean"})
    model = encoded(frame, 8, 0.5, missing="indicator")
    bigquery = model.to_sql("bigquery")
    assert "COLLATE(CAST(`s` AS STRING), '') IN ('a\\'\\\\\\n', 'b')" in bigquery
    assert (
        "CASE CAST(`b` AS STRING) WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE SAFE_CAST" in bigquery
    )
    snowflake = model.to_sql("snowflake")
    assert "CAST(\"s\" AS VARCHAR) IN ('a\\'\\\\\\n', 'b')" in snowflake
    assert 'TRY_CAST(CAST("b" AS VARCHAR) AS DOUBLE)' in snowflake


def test_levels_that_no_database_holds_are_refused():
    for level in ("a\0", "\udfff"):
        model = encoded({"s": [level, "b"]}, 9, 0.5)
        with pytest.raises(ParameterError, match=r'column "s" has the level .* database takes'):
            model.to_sql("duckdb")
        assert model.to_python().isascii()
    far = encoded(pd.DataFrame({"x": [1e149, np.nan]}), [[1e20]], 0.0, missing="mean")
    with pytest.raises(ParameterError, match='mean of column "x"'):
        far.to_sql("duckdb")


def test_the_python_function_refuses_what_the_model_refuses():
    frame = pd.DataFrame({"s": ["a", "b"], "b": [True, False], "x": [1.0, 2.0]})
    space = {}
    exec(encoded(frame, 10, 0.5).to_python(), space)  # noqa: S102
    predict = space["predict_proba"]
    good = {"s": "a", "b": True, "x": 1.0}
    assert math.isclose(sum(predict(good).values()), 1.0)
    for change, word in [
        ({"s": "z"}, "column 's' holds 'z', which the fit has not seen"),
        ({"s": 1}, "column 's' holds 1, which the fit has not seen"),
        ({"s": None}, "column 's' holds None"),
        ({"b": 2}, "column 'b' holds 2; give a boolean"),
        ({"b": None}, "column 'b' holds None"),
        ({"x": math.nan}, "column 'x' holds nan"),
        ({"x": math.inf}, "column 'x' holds inf"),
    ]:
        with pytest.raises(ValueError, match=word):
            predict(good | change)
    with pytest.raises(KeyError, match="x"):
        predict({"s": "a", "b": True})


# ----------------------------------------------------------------------------------- scorecards


def test_a_scorecard_of_a_table_has_points_for_each_level():
    frame = pd.DataFrame({"s": ["a", "b", "c", None], "x": [1.0, 2.0, np.nan, 4.0]})
    model = encoded(frame, 11, 0.5, missing="indicator")
    card = model.to_scorecard(points_to_double_odds=20, base_score=600, base_odds=50)
    p = model.predict_proba(frame)[:, 1]
    np.testing.assert_allclose(card.probability(card.score(frame)), p, rtol=1e-12)
    # The target is no column of the card: it is ignored, as in predict.
    y = pd.Series([0, 1, 1, 0], name="y")
    own = LogisticRegression(encoder=TableEncoder(missing="indicator")).fit(frame, y)
    scores = own.to_scorecard().score(frame)
    np.testing.assert_array_equal(own.to_scorecard().score(frame.assign(y=y)), scores)
    assert card.columns == ("s[b]", "s[c]", "s[(missing)]", "x", "x[(missing)]")
    assert card.to_frame()["column"].tolist() == ["(base)", *card.columns]
    np.testing.assert_allclose(card.points, model.coef_[0] * 20 / math.log(2))
    with pytest.raises(DataError, match='column "s" of X has the value "z"'):
        card.score(frame.assign(s="z"))
    with pytest.raises(ParameterError, match="its own names"):
        model.to_scorecard(columns=["a", "b"])


def test_booleans_among_plain_numbers_stay_booleans(on_base):
    frame = pd.DataFrame({"x": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5], "b": [True, False, True] * 2})
    model = LogisticRegression().fit(frame, [0, 1, 0, 1, 1, 0])
    assert model.encoder_ is None
    near(on_base(model, frame.columns, rows_of(frame)), probabilities(model, frame))
