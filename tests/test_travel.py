"""Models that travel: as Python, as SQL in three databases, in points; against predict_proba."""

# ruff: noqa: S608

import ast
import math
import re
import sqlite3

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postgres import PostgreSQL

from oddsmith import (
    DataError,
    FirthLogisticRegression,
    LogisticRegression,
    LogisticRegressionCV,
    ParameterError,
)

DIALECTS = ["duckdb", "postgres", "sqlite", "bigquery", "snowflake"]
HOSTILE = [
    "'); DROP TABLE t; --",
    '"; import os; os.abort() #',
    '"""',
    "'''\n",
    "a\\",
    "\\'",
    "`",
    "]",
    "{0}",
    "{columns}",
    "%s",
    "$$",
    ":x",
    "?",
    "--",
    "/*",
    "\N{RIGHT-TO-LEFT OVERRIDE}x",
    "größe",
    "select",
    " ",
    "\r\n",
    "x\ty",
]


# ---------------------------------------------------------------------------------- the models


def made(coef, intercept, classes=None):
    """A fitted model of these coefficients."""
    model = LogisticRegression()
    model.coef_ = np.atleast_2d(np.array(coef, dtype=float))
    model.intercept_ = np.atleast_1d(np.array(intercept, dtype=float))
    model.n_features_in_ = model.coef_.shape[1]
    model.classes_ = np.arange(max(2, len(model.coef_))) if classes is None else np.array(classes)
    return model


def hostile_names(characters):
    return st.sampled_from(HOSTILE) | st.text(characters, min_size=1, max_size=12)


numbers = st.floats(-100, 100) | st.sampled_from([0.0, 0.1, 1 / 3, -1e-17, 5e-324, 123456.789])


@st.composite
def problems(draw, characters, folded=False):
    """Names, a model, and rows whose margins go up to some thousands."""
    names = draw(
        st.lists(
            hostile_names(characters),
            min_size=1,
            max_size=5,
            unique_by=str.lower if folded else None,
            unique=not folded,
        )
    )
    height = draw(st.sampled_from([1, 3, 4]))
    width = len(names)
    flat = draw(st.lists(numbers, min_size=height * (width + 1), max_size=height * (width + 1)))
    table = np.array(flat).reshape(height, width + 1)
    small = st.floats(-30, 30)
    rows = draw(st.lists(st.lists(small, min_size=width, max_size=width), min_size=1, max_size=4))
    return names, made(table[:, 1:], table[:, 0]), np.array(rows)


in_databases = st.characters(exclude_characters="\0", exclude_categories=["Cs"])


def near(found, wanted, size=0.0):
    """Within 1e-12, or what rounding leaves of margins whose terms sum to over 1000 nats."""
    close = max(1e-12, 4 * np.finfo(float).eps * size)
    np.testing.assert_allclose(np.array(found, dtype=float), wanted, rtol=0, atol=close)


def size_of(model, X):
    """Largest sum of the terms of a margin without their signs (nats)."""
    return (np.abs(X) @ np.abs(model.coef_).T + np.abs(model.intercept_)).max()


# -------------------------------------------------------------------------------------- Python


def run_python(source):
    space = {}
    exec(source, space)  # noqa: S102
    return space


@given(problems(st.characters()))
def test_the_python_function_gives_the_same_probabilities(problem):
    names, model, X = problem
    source = model.to_python(columns=names)
    assert source.isascii()
    space = run_python(source)
    for row, wanted in zip(X, model.predict_proba(X), strict=True):
        found = space["predict_proba"](dict(zip(names, row.tolist(), strict=True)))
        assert list(found) == model.classes_.tolist()
        near(list(found.values()), wanted, size_of(model, X))
    assert space["COLUMNS"] == tuple(names)
    assert np.array(space["COEFFICIENTS"]).tobytes() == model.coef_.tobytes()
    assert np.array(space["INTERCEPTS"]).tobytes() == model.intercept_.tobytes()


@given(problems(st.characters()))
def test_names_never_change_the_code(problem):
    """The syntax tree without its literals is that of any model of as many classes."""
    names, model, _ = problem
    model.classes_ = np.array(HOSTILE[: len(model.classes_)])
    plain = made([[1.0]] * len(model.coef_), [1.0] * len(model.coef_))
    assert statements(model.to_python(columns=names)) == statements(plain.to_python())


def statements(source):
    tree = ast.parse(source)
    return [
        ast.dump(node.targets[0])
        if isinstance(node, ast.Assign) and ast.literal_eval(node.value) is not None
        else ast.dump(node)
        for node in tree.body
    ]


def test_the_python_function_needs_math_alone():
    source = made([[1.0], [2.0], [3.0]], [0.0, 0.0, 0.0]).to_python()
    imports = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert [node.module for node in imports] == ["math"]


@pytest.mark.parametrize("height", [1, 3])
def test_the_python_function_is_stable_far_out(height):
    model = made([[1.0], [-1.0], [0.5]][:height], [0.0, 1.0, -1.0][:height])
    predict = run_python(model.to_python())["predict_proba"]
    for x in (-1e300, -1000.0, 1000.0, 1e300):
        near(list(predict({"x0": x}).values()), model.predict_proba([[x]])[0])


def test_the_python_function_refuses_what_the_model_refuses():
    predict = run_python(made([1.0, 1e10], 0.0).to_python(columns=["a", "b"]))["predict_proba"]
    with pytest.raises(KeyError, match="b"):
        predict({"a": 1.0})
    with pytest.raises(ValueError, match="column 'a' holds nan"):
        predict({"a": math.nan, "b": 1.0})
    with pytest.raises(ValueError, match="column 'b' holds inf"):
        predict({"a": 1.0, "b": math.inf})
    with pytest.raises(TypeError):
        predict({"a": None, "b": 1.0})
    with pytest.raises(ValueError, match="outside the data"):
        predict({"a": 1.0, "b": 1e300})
    assert predict({"a": 0, "b": 0, "other": "text"}) == {0: 0.5, 1: 0.5}


class Sly(str):
    """A name that would like to be code."""

    __slots__ = ()

    def __repr__(self):
        return "__import__('os').abort()"

    __str__ = __repr__


def test_names_and_labels_with_an_own_repr_are_text():
    model = made([1.0], 0.0)
    model.classes_ = np.array([Sly("no"), Sly("yes")], dtype=object)
    space = run_python(model.to_python(columns=[Sly("x")]))
    assert space["predict_proba"]({"x": 0.0}) == {"no": 0.5, "yes": 0.5}


@pytest.mark.parametrize("classes", [["a", "b"], [False, True], [-1, 1], [0.5, 1.5]])
def test_labels_keep_their_kind(classes):
    space = run_python(made([1.0], 0.0, classes).to_python())
    found = list(space["predict_proba"]({"x0": 0.0}))
    assert found == classes
    assert [type(x) for x in found] == [type(x) for x in classes]


# ----------------------------------------------------------------------------------------- SQL


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(value):
    return "NULL" if value is None else f"CAST('{value!r}' AS DOUBLE PRECISION)"


def table_of(names, rows):
    """Statements that make the table t, with its rows numbered in the column after the names."""
    columns = ", ".join(f"{quoted(name)} DOUBLE PRECISION" for name in names)
    number = "row number of the test"
    lines = [f'CREATE TABLE t({columns}, "{number}" INTEGER);']
    for i, row in enumerate(rows):
        values = ", ".join(literal(value) for value in row)
        lines.append(f"INSERT INTO t VALUES ({values}, {i});")
    return lines, f'ORDER BY "{number}"'


def query(expressions, order):
    found = expressions if isinstance(expressions, dict) else {1: expressions}
    chosen = ", ".join(f"{text} AS p{k}" for k, text in found.items())
    return f"SELECT {chosen} FROM t {order}"


def on_sqlite(model, names, rows):
    lines, order = table_of(names, rows)
    base = sqlite3.connect(":memory:")
    try:
        for line in lines[:1]:
            base.execute(line)
        # CAST of SQLite 3.40 from text is not to the last bit.
        marks = ", ".join("?" * (len(names) + 1))
        base.executemany(
            f"INSERT INTO t VALUES ({marks})",
            [[*map(as_float, row), i] for i, row in enumerate(rows)],
        )
        return base.execute(query(model.to_sql("sqlite", columns=names), order)).fetchall()
    finally:
        base.close()


def as_float(value):
    return None if value is None else float(value)


def on_duckdb(model, names, rows):
    lines, order = table_of(names, rows)
    with duckdb.connect(":memory:", config={"threads": 1}) as base:
        for line in lines:
            base.execute(line)
        return base.execute(query(model.to_sql("duckdb", columns=names), order)).fetchall()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with PostgreSQL() as running:
        yield running


@pytest.fixture
def on_postgres(server):
    def ask(model, names, rows):
        lines, order = table_of(names, rows)
        asked = query(model.to_sql("postgres", columns=names), order)
        return server.rows(["DROP TABLE IF EXISTS t;", *lines], asked)

    return ask


def probabilities(model, X):
    found = model.predict_proba(X)
    return found[:, 1:] if found.shape[1] == 2 else found


@given(problems(in_databases, folded=True))
def test_sqlite_gives_the_same_probabilities(problem):
    names, model, X = problem
    near(on_sqlite(model, names, X.tolist()), probabilities(model, X), size_of(model, X))


@settings(max_examples=60)
@given(problems(in_databases, folded=True))
def test_duckdb_gives_the_same_probabilities(problem):
    names, model, X = problem
    near(on_duckdb(model, names, X.tolist()), probabilities(model, X), size_of(model, X))


def test_postgres_gives_the_same_probabilities(on_postgres):
    @settings(max_examples=25)
    @given(problems(in_databases, folded=True))
    def law(problem):
        names, model, X = problem
        # It raises an error where a product is too small for a double.
        model.coef_[np.abs(model.coef_) < 1e-100] = 0.0
        X[np.abs(X) < 1e-100] = 0.0
        found = on_postgres(model, names, X.tolist())
        near(found, probabilities(model, X), size_of(model, X))

    law()


@pytest.fixture(params=["sqlite", "duckdb", "postgres"])
def on_base(request):
    if request.param == "postgres":
        return request.getfixturevalue("on_postgres")
    return {"sqlite": on_sqlite, "duckdb": on_duckdb}[request.param]


@pytest.mark.parametrize("height", [1, 3])
def test_every_hostile_name_at_once(on_base, height):
    rng = np.random.default_rng(0)
    model = made(rng.normal(size=(height, len(HOSTILE))), rng.normal(size=height))
    X = rng.normal(size=(20, len(HOSTILE)))
    near(on_base(model, HOSTILE, X.tolist()), probabilities(model, X))


@pytest.mark.parametrize("height", [1, 3])
def test_margins_far_out_do_not_overflow(on_base, height):
    model = made([[1.0], [-1.0], [0.5]][:height], [0.0, 1.0, -1.0][:height])
    X = [
        [x]
        for x in (-1e150, -1000.0, -745.0, -700.0, -20.0, 0.0, 20.0, 700.0, 745.0, 1000.0, 1e150)
    ]
    near(on_base(model, ["x"], X), probabilities(model, X))


def test_small_probabilities_keep_their_digits(on_base):
    model = made([1.0], 0.0)
    X = [[-600.0], [-50.0], [-1.0]]
    [[a], [b], [c]] = on_base(model, ["x"], X)
    wanted = model.predict_proba(X)[:, 1]
    np.testing.assert_allclose([float(a), float(b), float(c)], wanted, rtol=1e-13)


@pytest.mark.parametrize("height", [1, 3])
def test_what_is_null_stays_null(on_base, height):
    model = made([[1.0, 2.0], [0.0, 1.0], [3.0, 1.0]][:height], [0.0, 1.0, 2.0][:height])
    rows = [[None, 1.0], [1.0, None], [None, None], [1000.0, None]]
    assert set(sum(map(tuple, on_base(model, ["a", "b"], rows)), ())) == {None}


@pytest.mark.parametrize("height", [1, 3])
def test_nan_and_infinity_give_null(on_base, height):
    model = made([[1.0, 2.0], [0.5, 1.0], [3.0, 1.5]][:height], [0.0, 1.0, 2.0][:height])
    rows = [[math.nan, 1.0], [math.inf, 1.0], [1.0, -math.inf], [math.inf, -math.inf]]
    rows += [[1.1e150, 1.0], [1.0, -1e308]]
    assert set(sum(map(tuple, on_base(model, ["a", "b"], rows)), ())) == {None}


def test_many_columns_pass_the_limits_of_depth(on_base):
    # More than 1000 levels if they were added one by one; PostgreSQL holds 8 kB a row.
    width = 1200 if on_base in (on_sqlite, on_duckdb) else 900
    rng = np.random.default_rng(1)
    model = made(rng.normal(size=width) / 30, 0.5)
    X = rng.normal(size=(3, width))
    names = [f"column {j}" for j in range(width)]
    near(on_base(model, names, X.tolist()), probabilities(model, X))


@pytest.mark.parametrize("kind", ["INTEGER", "REAL", "NUMERIC(10, 2)"])
def test_whole_numbers_and_decimals_are_scored_as_doubles(kind, server):
    model = made([1 / 3], 0.1)
    wanted = model.predict_proba([[7.0]])[0, 1]
    make = f"CREATE TABLE t(x {kind})", "INSERT INTO t VALUES (7)"
    ask = {name: query(model.to_sql(name, columns=["x"]), "") for name in DIALECTS[:3]}
    with duckdb.connect(":memory:") as base:
        for line in make:
            base.execute(line)
        near(base.execute(ask["duckdb"]).fetchall(), wanted)
    base = sqlite3.connect(":memory:")
    for line in make:
        base.execute(line)
    near(base.execute(ask["sqlite"]).fetchall(), wanted)
    base.close()
    near(
        server.rows(["DROP TABLE IF EXISTS t;", *(f"{s};" for s in make)], ask["postgres"]), wanted
    )


def test_sqlite_neither_reads_text_as_0_nor_a_missing_column_as_text():
    expression = made([1.0], 0.0).to_sql("sqlite", columns=["x"])
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE t(x TEXT, y REAL)")
    base.execute("INSERT INTO t VALUES ('abc', 1.0)")
    assert base.execute(f"SELECT {expression} FROM t").fetchall() == [(None,)]
    missing = made([1.0], 0.0).to_sql("sqlite", columns=["z"])
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        base.execute(f"SELECT {missing} FROM t")
    base.close()


def test_literals_read_back_to_the_same_bits(server):
    values = (np.random.default_rng(2).normal(size=300) * 10.0 ** np.arange(-150, 150)).tolist()
    expression = {name: made(values, 0.0).to_sql(name) for name in ("duckdb", "postgres")}
    pattern = r"[(](CAST[(]'[^']*' AS DOUBLE PRECISION[)]|[-0-9.e+]+)[)] [*] CAST"
    literals = {name: re.findall(pattern, text)[:300] for name, text in expression.items()}
    [row] = server.rows([], f"SELECT {', '.join(literals['postgres'])}")
    assert [-float(x) for x in row] == values
    with duckdb.connect(":memory:") as base:
        [row] = base.execute(f"SELECT {', '.join(literals['duckdb'])}").fetchall()
    assert [-x for x in row] == values


def test_bigquery_and_snowflake_are_written_in_their_words():
    model = made([0.5], -0.25)
    bigquery = model.to_sql("bigquery", columns=["a`b\\c\n"])
    assert "CAST(`a\\`b\\\\c\\n` AS FLOAT64)" in bigquery
    assert "(-5.0000000000000000e-01) * CAST" in bigquery
    snowflake = model.to_sql("snowflake", columns=['a"b'])
    assert 'CAST("a""b" AS DOUBLE)' in snowflake
    assert "(CAST('2.5000000000000000e-01' AS DOUBLE))" in snowflake


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["", "a\0b", "\ud800"])
def test_names_that_no_database_takes_are_refused(dialect, name):
    with pytest.raises(ParameterError, match="empty, or holds a character"):
        made([1.0], 0.0).to_sql(dialect, columns=[name])


def test_names_that_a_database_would_confuse_are_refused():
    model = made([1.0, 2.0], 0.0)
    for dialect in ("duckdb", "sqlite", "bigquery"):
        with pytest.raises(ParameterError, match='"Age" and "age" differ in case alone'):
            model.to_sql(dialect, columns=["Age", "age"])
    for dialect in ("postgres", "snowflake"):
        assert '"Age"' in model.to_sql(dialect, columns=["Age", "age"])
    with pytest.raises(ParameterError, match="64 bytes, and postgres takes 63"):
        model.to_sql("postgres", columns=["ä" * 32, "b"])
    with pytest.raises(ParameterError, match="dialect is 'oracle'; choose one of duckdb"):
        model.to_sql("oracle")
    with pytest.raises(ParameterError, match=r"a coefficient is beyond 1e\+150"):
        made([[1e151], [-1.0], [0.0]], [0.0, 0.0, 0.0]).to_sql("duckdb")


# ----------------------------------------------------------------------------------- scorecards


@given(
    st.floats(1, 100),
    st.floats(-1000, 1000),
    st.floats(1e-3, 1e3),
    st.sampled_from([None, 0, 1]),
)
def test_points_double_the_odds(pdo, base_score, base_odds, good):
    model = made([0.5, -2.0], 0.25)
    card = model.to_scorecard(pdo, base_score, base_odds, good=good)
    X = np.random.default_rng(3).normal(size=(30, 2))
    good_column = 1 if good is None else good
    p = model.predict_proba(X)[:, good_column]
    wanted = base_score + pdo * np.log2(p / (1 - p) / base_odds)
    np.testing.assert_allclose(card.score(X), wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(card.probability(card.score(X)), p, rtol=1e-9)
    assert card.good == good_column


def test_a_scorecard_by_hand():
    """Siddiqi (2006): 20 points double the odds, 600 points at 50 to 1; 28.8539 and 487.1229."""
    card = made([1.0], 0.0).to_scorecard(columns=["x"])
    assert (round(card.factor, 4), round(card.offset, 4)) == (28.8539, 487.1229)
    np.testing.assert_allclose(card.score([[math.log(50)], [math.log(100)]]), [600, 620])
    frame = card.to_frame()
    assert frame["column"].tolist() == ["(base)", "x"]
    assert frame["points_per_unit"].tolist() == [card.base_points, card.points[0]]
    assert type(card.to_frame("polars")).__module__.startswith("polars")


def test_a_scorecard_finds_columns_by_name_and_refuses_the_rest():
    card = made([1.0, 10.0], 0.0).to_scorecard(columns=["a", "b"])
    frame = pd.DataFrame({"b": [1.0], "extra": ["text"], "a": [0.0]})
    np.testing.assert_array_equal(card.score(frame), card.score([[0.0, 1.0]]))
    with pytest.raises(DataError, match='0 columns "b"'):
        card.score(frame[["a"]])
    with pytest.raises(DataError, match=r'nan in row 1 \(from 0\), column "b"'):
        card.score([[0.0, 1.0], [0.0, math.nan]])
    with pytest.raises(DataError, match=r"shape \(1, 3\)"):
        card.score([[0.0, 1.0, 2.0]])
    with pytest.raises(ValueError, match="read-only"):
        card.points[0] = 1.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"points_to_double_odds": 0.0}, "points_to_double_odds is 0.0"),
        ({"base_odds": -1.0}, "base_odds is -1.0"),
        ({"base_score": math.nan}, "base_score is nan"),
        ({"good": "yes"}, "good is 'yes'; choose one of"),
        ({"points_to_double_odds": 1e308}, "beyond the largest float"),
    ],
)
def test_scales_without_meaning_are_refused(arguments, said):
    with pytest.raises(ParameterError, match=said):
        made([100.0], 0.0).to_scorecard(**arguments)


def test_a_scorecard_has_two_classes():
    with pytest.raises(ParameterError, match="needs two classes, and this model has 3"):
        made([[1.0], [2.0], [3.0]], [0.0, 0.0, 0.0]).to_scorecard()


# ----------------------------------------------------------------------------------- estimators


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), LogisticRegressionCV(Cs=[0.1, 1.0], cv=3), FirthLogisticRegression()],
    ids=lambda estimator: type(estimator).__name__,
)
def test_every_estimator_travels_with_its_names(estimator):
    rng = np.random.default_rng(4)
    X = pd.DataFrame(rng.normal(size=(80, 3)), columns=["age", "it's", 'a "b"'])
    y = np.where(X["age"] + rng.normal(size=80) > 0, "yes", "no")
    model = estimator.fit(X, y)
    wanted = model.predict_proba(X)[:, 1]
    predict = run_python(model.to_python())["predict_proba"]
    near([predict(row)["yes"] for row in X.to_dict("records")], wanted)
    with duckdb.connect(":memory:") as base:
        base.execute(table_of(X.columns, [])[0][0].replace("INTEGER", "INTEGER DEFAULT 0"))
        base.executemany(
            "INSERT INTO t VALUES (?, ?, ?, 0)", [list(map(float, row)) for row in X.to_numpy()]
        )
        found = base.execute(f"SELECT {model.to_sql('duckdb')} FROM t").fetchall()
    near(np.sort([p for (p,) in found]), np.sort(wanted))
    card = model.to_scorecard(good="yes")
    near(card.probability(card.score(X)), wanted)


def test_models_that_cannot_travel_say_why():
    with pytest.raises(ValueError, match="not fitted"):
        LogisticRegression().to_python()
    model = made([1.0, 2.0], 0.0)
    assert "'x0'" in model.to_python()
    with pytest.raises(ParameterError, match="columns has 1 names, but the model has 2"):
        model.to_python(columns=["a"])
    with pytest.raises(ParameterError, match='columns holds "a" twice'):
        model.to_python(columns=["a", "a"])
    with pytest.raises(ParameterError, match="columns holds 1; give names that are text"):
        model.to_python(columns=["a", 1])
    with pytest.raises(ParameterError, match="a coefficient is not finite"):
        made([math.nan], 0.0).to_python()
    model.classes_ = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
    with pytest.raises(ParameterError, match=r"the class label datetime\.date"):
        model.to_python()
