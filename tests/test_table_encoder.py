"""`TableEncoder`: any table, the same bits; what does not fit is named."""

import datetime as dt
import pickle
import subprocess
import sys
import time
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from oddsmith import DataError, LogisticRegression, ParameterError, TableEncoder

TABLE = {
    "dose": [1, 2, 4, 8, 16, 32],
    "site": ["b", "a", "c", "a", "b", "b"],
    "new": [True, False, True, True, False, False],
}
HOLES = {
    "dose": [1.0, None, 3.0, None],
    "site": ["b", None, "a", "b"],
    "new": [True, None, None, True],
}


@parametrize_with_checks(
    [
        TableEncoder(),
        TableEncoder(missing="indicator", min_count=3, unseen="pool", reference="most_frequent"),
        TableEncoder(missing="mean", sparse=True),
    ]
)
def test_estimator_checks(estimator, check, monkeypatch):
    """No expected failures."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


# -------------------------------------------------------------------------- tables of any library


class Stream:
    """Anything that speaks Arrow's C interface, and nothing else."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


def arrow(table):
    return pa.table({name: pa.array(values) for name, values in table.items()})


LIBRARIES = {
    "lists": dict,
    "arrays": lambda t: {name: np.array(values, dtype=object) for name, values in t.items()},
    "pandas": pd.DataFrame,
    "pandas objects": lambda t: pd.DataFrame(t, dtype=object),
    "pandas of Arrow": lambda t: arrow(t).to_pandas(types_mapper=pd.ArrowDtype),
    "pandas categories": lambda t: pd.DataFrame(
        {k: pd.Categorical(v) if isinstance(v[0], str) else pd.array(v) for k, v in t.items()}
    ),
    "Polars": lambda t: pl.DataFrame(t, strict=False),
    "Polars, lazy": lambda t: pl.LazyFrame(t, strict=False),
    "Polars categories": lambda t: pl.DataFrame(t).with_columns(
        pl.col(pl.String).cast(pl.Categorical)
    ),
    "PyArrow": arrow,
    "PyArrow dictionary": lambda t: pa.table(
        {
            k: a.dictionary_encode() if pa.types.is_string((a := pa.array(v)).type) else a
            for k, v in t.items()
        }
    ),
    "PyArrow chunks": lambda t: pa.concat_tables([arrow(t).slice(0, 1), arrow(t).slice(1)]),
    "an Arrow stream": lambda t: Stream(arrow(t)),
}
OPTIONS = {
    "plain": {},
    "pooled": {"min_count": 2, "reference": "most_frequent"},
    "sparse": {"sparse": True},
    "holes": {"missing": "indicator"},
}


def described(encoder):
    names = ("levels_", "counts_", "reference_", "pooled_", "means_", "n_missing_", "sparse_")
    return [repr(getattr(encoder, name)) for name in names]


def same_bits(one, other):
    if sp.issparse(one):
        names = ("data", "indices", "indptr")
        parts = [(getattr(one, name), getattr(other, name)) for name in names]
        return one.shape == other.shape and all(a.tobytes() == b.tobytes() for a, b in parts)
    return one.shape == other.shape and one.tobytes() == other.tobytes()


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_gives_the_same_bits(library, options):
    table = HOLES if options == "holes" else TABLE
    make, options = LIBRARIES[library], OPTIONS[options]
    want = TableEncoder(**options).fit(table)
    found = TableEncoder(**options)
    Z = found.fit_transform(make(table))
    assert described(found) == described(want)
    assert found.get_feature_names_out().tolist() == want.get_feature_names_out().tolist()
    assert same_bits(Z, want.transform(table))
    assert same_bits(found.transform(make(table)), Z)
    assert same_bits(found.transform({name: table[name] for name in reversed(table)}), Z)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
values = {
    "number": st.floats(allow_nan=False, allow_infinity=False, width=64),
    "whole": st.integers(-(2**53), 2**53),
    "yes": st.booleans(),
    "text": text,
}


@st.composite
def tables(draw):
    n = draw(st.integers(1, 6))
    kinds = draw(st.lists(st.sampled_from(list(values)), min_size=1, max_size=4))
    names = draw(st.lists(text, min_size=len(kinds), max_size=len(kinds), unique=True))
    holes = draw(st.booleans())
    table = {}
    for name, kind in zip(names, kinds, strict=True):
        entry = st.none() | values[kind] if holes else values[kind]
        column = draw(st.lists(entry, min_size=n, max_size=n))
        table[name] = [*column[:-1], draw(values[kind])]
    return table


@given(tables(), st.sampled_from(["first", "most_frequent"]), st.integers(1, 3), st.booleans())
def test_law_the_same_bits_from_every_library(table, reference, min_count, sparse):
    """Hostile names and levels included: empty, control characters, brackets, any script."""
    encoders = [
        TableEncoder(reference=reference, min_count=min_count, sparse=sparse, missing="indicator")
        for _ in range(4)
    ]
    frames = [
        table,
        pd.DataFrame({k: pd.array(v, dtype=dtype_of(v)) for k, v in table.items()}),
        pl.DataFrame(table),
        arrow(table),
    ]
    results = [e.fit_transform(frame) for e, frame in zip(encoders, frames, strict=True)]
    for encoder, Z, frame in zip(encoders, results, frames, strict=True):
        assert same_bits(Z, results[0])
        assert same_bits(encoder.transform(frame), Z)
        assert described(encoder) == described(encoders[0])
    names = encoders[0].get_feature_names_out().tolist()
    assert len(set(names)) == len(names) == results[0].shape[1]


def dtype_of(column):
    kinds = {bool: "boolean", float: "float64", int: "Int64", str: object}
    return kinds[type(column[-1])]


@given(tables())
def test_law_every_row_has_one_level_of_each_category(table):
    encoder = TableEncoder(missing="indicator", sparse=False).fit(table)
    Z, start = encoder.transform(table), 0
    for encoding in encoder.encoding_.columns:
        own = Z[:, start : start + encoding.width]
        start += encoding.width
        if encoding.kind != "category":
            continue
        shown = [encoding.labels[row.argmax()] if row.any() else None for row in own]
        for given_level, level in zip(table[encoding.name], shown, strict=True):
            want = "(missing)" if given_level is None else given_level
            assert level == (None if want == encoding.reference else want)


def test_duckdb():
    known = arrow(TABLE)
    relation = duckdb.from_arrow(known)
    assert same_bits(TableEncoder().fit_transform(relation), TableEncoder().fit_transform(TABLE))


HIDE = """
import sys

class NoPandas:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoPandas())
sys.modules.update(dict.fromkeys({hidden!r}))
import numpy as np
from oddsmith import TableEncoder
print(TableEncoder().fit_transform({data}).tolist())
"""


@pytest.mark.parametrize(
    ("data", "hidden"),
    [
        ("np.array([[1, 'b'], [2, 'a']], dtype=object)", ["polars", "pyarrow"]),
        ("{'n': [1, 2], 's': ['b', 'a']}", ["polars", "pyarrow"]),
        ("__import__('polars').DataFrame({'n': [1, 2], 's': ['b', 'a']})", ["pyarrow"]),
        ("__import__('pyarrow').table({'n': [1, 2], 's': ['b', 'a']})", ["polars"]),
    ],
)
def test_it_needs_no_pandas(data, hidden):
    code = HIDE.format(hidden=hidden, data=data)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[[1.0, 1.0], [2.0, 0.0]]", done.stderr


def test_a_long_column_of_strings_is_read_as_a_short_one():
    rng = np.random.default_rng(3)
    column = rng.choice(["b", "é", "\U0001f600", "\uffff", "", "a\0", "a"], 30_000).tolist()
    column[0] = "a\0"  # which NumPy cuts
    halves = [*column, "\ud800"]
    for long in (column, halves):
        encoder = TableEncoder()
        Z = encoder.fit_transform({"s": long})
        assert encoder.levels_["s"] == sorted(set(long))
        few = long[:50] + sorted(set(long))
        assert same_bits(Z[:50], encoder.transform({"s": few})[:50])


def test_decimals_are_rounded_right_and_whole_numbers_of_every_width():
    text = ["0.1", "123456789.123456789", "-7.70"]
    column = [Decimal(entry) for entry in text]
    for table in ({"d": column}, pl.DataFrame({"d": column}), pa.table({"d": column})):
        assert TableEncoder().fit_transform(table).ravel().tolist() == list(map(float, text))
    wide = pa.table({"u": pa.array([2**63, None], pa.uint64()), "i": pa.array([-1, 1], pa.int8())})
    Z = TableEncoder(missing="mean").fit_transform(wide)
    assert Z.tolist() == [[2.0**63, -1.0], [2.0**63, 1.0]]


def test_ordered_categories_keep_their_order():
    order = ["low", "mid", "high"]
    column = ["mid", "high", "low", "mid"]
    for table in (
        pd.DataFrame({"dose": pd.Categorical(column, order, ordered=True)}),
        pl.DataFrame({"dose": column}, schema={"dose": pl.Enum(order)}),
    ):
        encoder = TableEncoder().fit(table)
        assert encoder.reference_ == {"dose": "low"}
        assert encoder.get_feature_names_out().tolist() == ["dose[mid]", "dose[high]"]
        assert encoder.transform({"dose": column}).tolist() == [[1, 0], [0, 1], [0, 0], [1, 0]]


def test_categories_of_numbers():
    frame = pd.DataFrame({"zip": pd.Categorical([20, 3, 20, 100], [3, 20, 100, 7])})
    encoder = TableEncoder().fit(frame)
    assert encoder.levels_ == {"zip": [3, 20, 100]}, "a category that no row has is none"
    assert encoder.transform({"zip": [100, 3]}).tolist() == [[0, 1], [0, 0]]
    with pytest.raises(DataError, match=r'"zip" of X has the value "7.0"'):
        encoder.transform({"zip": np.array([7.0])})


# ----------------------------------------------------------------------------- what it is told


def test_references_and_pooled_levels():
    column = {"site": [*"aabbbcd"]}
    encoder = TableEncoder(min_count=2, unseen="pool", reference={"site": "b"})
    Z = encoder.fit_transform(column)
    assert encoder.get_feature_names_out().tolist() == ["site[a]", "site[(pooled)]"]
    assert Z.tolist() == [[1, 0]] * 2 + [[0, 0]] * 3 + [[0, 1]] * 2
    assert encoder.pooled_ == {"site": ["c", "d"]}
    assert encoder.counts_ == {"site": {"a": 2, "b": 3, "c": 1, "d": 1}}
    others = {"site": [*"exea"]}
    assert encoder.transform(others).tolist() == [[0, 1]] * 3 + [[1, 0]]
    assert encoder.unseen_levels(others) == {"site": {"e": 2, "x": 1}}
    assert TableEncoder(min_count=9).fit(column).reference_ == {"site": "(pooled)"}
    assert TableEncoder(min_count=9).fit_transform(column).shape == (7, 0)


def test_missing_values():
    with pytest.raises(
        DataError, match=r'in 3 of 4 rows, by column: "dose" 2, "site" 1 and "new" 2'
    ):
        TableEncoder().fit(HOLES)
    with pytest.raises(DataError, match=r'"site" 1; text has no mean'):
        TableEncoder(missing="mean").fit(HOLES)
    encoder = TableEncoder(missing="indicator")
    Z = encoder.fit_transform(HOLES)
    names = ["dose", "dose[(missing)]", "site[b]", "site[(missing)]", "new", "new[(missing)]"]
    assert encoder.get_feature_names_out().tolist() == names
    assert Z.tolist() == [
        [1, 0, 1, 0, 1, 0],
        [2, 1, 0, 1, 1, 1],
        [3, 0, 0, 0, 1, 1],
        [2, 1, 1, 0, 1, 0],
    ]
    assert encoder.means_ == {"dose": 2.0, "new": 1.0}
    assert encoder.n_missing_ == {"dose": 2, "site": 1, "new": 2}
    whole = TableEncoder(missing="indicator").fit(TABLE)
    with pytest.raises(DataError, match=r'by column: "dose" 1; the fit missed none there'):
        whole.transform({"dose": [None], "site": ["a"], "new": [True]})
    mean = TableEncoder(missing="mean").fit({"dose": [1, 2]})
    assert mean.transform({"dose": [None, float("nan")]}).tolist() == [[1.5], [1.5]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"missing": "drop"}, "not possible in a transformer"),
        ({"missing": "zero"}, "missing='zero' is not known"),
        ({"unseen": True}, "unseen=True"),
        ({"sparse": 1}, "sparse=1"),
        ({"reference": "last"}, "'most_frequent' or a dict"),
        ({"min_count": 0}, "min_count=0"),
        ({"min_count": True}, "min_count=True"),
        ({"reference": {"dose": 1}}, '"dose", which holds numbers'),
        ({"reference": {"sight": "a"}}, '"sight", which X lacks'),
        ({"reference": {"site": "z"}}, '"z", which is no level of it'),
        ({"reference": {"site": "c"}, "min_count": 2}, 'it has "a" and "b"'),
    ],
)
def test_parameters_that_cannot_be_used(options, message):
    with pytest.raises(ParameterError) as caught:
        TableEncoder(**options).fit(TABLE)
    assert message in str(caught.value)


# ------------------------------------------------------------------------ what does not fit


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([dt.date(2020, 1, 1)], "holds dates or times; make numbers"),
        (pd.to_datetime(["2020-01-01"]), "such as the days since a date"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "holds dates or times"),
        (pl.Series([dt.timedelta(1)]), "of type duration; make numbers"),
        (["a", 1], "holds text in row 0 and number in row 1"),
        ([True, 1.5], "boolean in row 0 and number in row 1"),
        ([{"a": 1}], 'an object of type "dict" in row 0'),
        ([b"a"], 'an object of type "bytes" in row 0'),
        (pa.chunked_array([[[1]]]), "values of type list"),
        ([1j], 'type "complex"'),
        ([None, None], "no value in any row"),
        ([1.0, float("inf")], "row 1 (from 0)"),
        ([10**400], "beyond the largest float"),
        (np.eye(2), "array of shape (2, 2)"),
    ],
)
def test_columns_that_cannot_be_encoded(column, message):
    with pytest.raises(DataError) as caught:
        TableEncoder(missing="mean").fit({"on\nset": column})
    assert message in str(caught.value)
    assert '"on\\nset"' in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"site": ["z"]}, 'column "site" of X has the value "z", in 1 of 1 rows'),
        ({"site": ["\x1b[31m"]}, r'the value "\x1b[31m"'),
        ({"site": [1]}, "holds numbers, and held text or categories at the fit"),
        ({"dose": ["1"]}, "holds text or categories, and held numbers at the fit"),
        ({"new": [2]}, "holds numbers, and held booleans at the fit"),
        ({"more": [2]}, 'X has the column "more", which the fit did not have'),
        ({"dose": [1, 2]}, 'column "site" of X has 1 values, and "dose" 2'),
        ({"dose": []}, "has 1 values"),
    ],
)
def test_rows_that_do_not_fit(change, message):
    encoder = TableEncoder().fit(TABLE)
    with pytest.raises(DataError) as caught:
        encoder.transform({"dose": [1], "site": ["a"], "new": [False], **change})
    assert message in str(caught.value)


def test_masked_entries_are_missing():
    masked = np.ma.array([[1.0], [2.0], [9.0]], mask=[[False], [False], [True]])
    for X in (masked, {"a": masked[:, 0]}):
        assert TableEncoder(missing="mean").fit_transform(X).tolist() == [[1.0], [2.0], [1.5]]
        with pytest.raises(DataError, match="in 1 of 3 rows"):
            TableEncoder().fit(X)


@pytest.mark.parametrize("X", ["abc", None, pl.Series([1]), pd.Series([1]), {"a": 5}, np.ones(3)])
def test_what_is_no_table(X):
    with pytest.raises(ValueError, match=r"2D array|no table|one value per row"):
        TableEncoder().fit(X)


def test_columns_that_are_lacking_or_there_twice():
    encoder = TableEncoder().fit(TABLE)
    with pytest.raises(DataError, match=r'X lacks the column "site" and 1 more, which the fit had'):
        encoder.transform({"dose": [1]})
    twins = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(DataError, match='more than one column "a"'):
        encoder.fit(twins)
    with pytest.raises(DataError, match="read the same"):
        encoder.fit({1: [1], "1": [2]})
    with pytest.raises(DataError, match="no column"):
        encoder.fit({})


def test_unseen_levels_have_no_coefficient_where_none_was_pooled():
    encoder = TableEncoder(unseen="pool").fit(TABLE)
    with pytest.raises(DataError, match=r"cannot be pooled.*min_count"):
        encoder.transform({"dose": [1], "site": ["z"], "new": [True]})


def test_names_are_told_apart():
    table = {"a": [*"xy"], "a[y]": [1, 2], "a[y] (2)": [3, 4]}
    frame = TableEncoder().set_output(transform="polars").fit_transform(table)
    assert frame.columns == ["a[y]", "a[y] (3)", "a[y] (2)"]
    assert frame["a[y] (3)"].to_list() == [1, 2], "a[y]"
    assert TableEncoder().fit_transform({"s": ["(pooled)", "a\0", "a", ""]}).sum() == 3


# -------------------------------------------------------------------------- in scikit-learn's hands


def test_in_a_pipeline():
    rng = np.random.default_rng(0)
    table = {"dose": rng.normal(size=90), "site": rng.choice([*"abc"], 90)}
    y = (table["dose"] + (table["site"] == "b") + rng.logistic(size=90) > 0).astype(int)
    for library in ("polars", "pandas"):
        encoder = TableEncoder().set_output(transform=library)
        model = make_pipeline(encoder, LogisticRegression()).fit(pl.DataFrame(table), y)
        names = ["dose", "site[b]", "site[c]"]
        assert model[0].feature_names_in_.tolist() == ["dose", "site"]
        assert model[:-1].get_feature_names_out().tolist() == names
        assert model[-1].feature_names_in_.tolist() == names
    plain = make_pipeline(TableEncoder(), LogisticRegression()).fit(pa.table(table), y)
    assert (plain[-1].coef_ == model[-1].coef_).all()
    again = pickle.loads(pickle.dumps(plain))  # noqa: S301
    frame = pd.DataFrame(table)[["site", "dose"]]
    assert (again.predict_proba(frame) == plain.predict_proba(table)).all()
    assert clone(TableEncoder(min_count=3)).min_count == 3


def test_in_a_column_transformer():
    frame = pd.DataFrame(TABLE)
    both = make_column_transformer((TableEncoder(), ["site", "new"]), remainder="passthrough")
    assert both.fit_transform(frame).shape == (6, 4)
    names = ["tableencoder__site[b]", "tableencoder__site[c]", "tableencoder__new"]
    assert both.get_feature_names_out().tolist() == [*names, "remainder__dose"]


def test_names_of_arrays():
    encoder = TableEncoder().fit([[1, "b"], [2, "a"]])
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1[b]"]
    assert encoder.get_feature_names_out(["dose", "site"]).tolist() == ["dose", "site[b]"]
    with pytest.raises(ParameterError, match="length equal"):
        encoder.get_feature_names_out(["dose"])
    with pytest.warns(UserWarning, match="fitted without feature names"):
        encoder.transform(pd.DataFrame({"dose": [1], "site": ["a"]}))
    named = TableEncoder().fit(TABLE)
    with pytest.raises(ParameterError, match="not equal to feature_names_in_"):
        named.get_feature_names_out(["a", "b", "c"])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        named.transform([[1, "a", True]])
    with pytest.raises(DataError, match="expecting 2 features"):
        encoder.transform(TABLE)
    assert not hasattr(named.fit([[1]]), "feature_names_in_")


def test_wide_is_sparse_and_equal_to_dense():
    rng = np.random.default_rng(1)
    table = {
        "x": rng.integers(0, 2, 500) * rng.normal(size=500),
        "id": rng.integers(0, 200, 500).astype(str),
    }
    Z = TableEncoder().fit_transform(table)
    assert isinstance(Z, sp.csr_array)
    assert Z.indices.dtype == Z.indptr.dtype == np.int32
    assert Z.has_canonical_format
    assert (Z.data != 0).all()
    assert (Z.toarray() == TableEncoder(sparse=False).fit_transform(table)).all()
    assert not TableEncoder().fit(TABLE).sparse_


def test_few_levels_are_searched_among_many():
    many = [f"{i:03d}" for i in range(200)]
    encoder = TableEncoder(sparse=False).fit({"id": many})
    assert encoder.transform({"id": ["007", "000"]}).argmax(axis=1).tolist() == [6, 0]
    for strange in ("", "007a", "zzz"):
        assert encoder.unseen_levels({"id": [strange, "001"]}) == {"id": {strange: 1}}


def test_a_frozen_description():
    encoder = TableEncoder().fit(TABLE)
    with pytest.raises(AttributeError):
        encoder.encoding_.columns[0].mean = 1.0
    assert not hasattr(TableEncoder(), "levels_")


def test_many_levels_are_fast():
    n = 200_000
    ids = np.random.default_rng(2).permutation(n)
    table = pa.table({"id": [f"user {i:07d}" for i in ids]})
    start = time.perf_counter()
    Z = TableEncoder().fit_transform(table)
    assert time.perf_counter() - start < 3, "0.15 s on an idle machine"
    assert Z.shape == (n, n - 1)
    assert (Z.argmax(axis=1)[ids > 0] == ids[ids > 0] - 1).all()


def test_columns_of_another_kind_and_of_no_value():
    encoder = TableEncoder(missing="indicator")
    encoder.fit({"n": [1.0, None], "t": ["b", None], "b": [True, None]})
    assert not encoder.encoding_.plain
    with pytest.raises(DataError, match=r'column "n" of X holds text or categories, and held'):
        encoder.transform({"n": ["x"], "t": ["b"], "b": [True]})
    with pytest.raises(DataError, match=r'column "b" of X holds numbers, and held booleans'):
        encoder.transform({"n": [1.0], "t": ["b"], "b": [2.0]})
    Z = encoder.transform({"n": [None], "t": [None], "b": [1]})
    assert Z.tolist() == [[1.0, 1.0, 1.0, 1.0, 0.0]]
    assert encoder.unseen_levels({"n": [1], "t": [None], "b": [True]}) == {}


def test_a_search_among_many_levels():
    names = np.array([f"user {i:04d}" for i in range(1000)], dtype=object)
    encoder = TableEncoder().fit({"id": names})
    Z = encoder.transform({"id": ["user 0007"]})
    assert Z.indices.tolist() == [6]
    assert encoder.encoding_.width == 999
    with pytest.raises(DataError, match=r'the value "user 1",'):
        encoder.transform({"id": ["user 1"]})


def test_text_where_the_fit_had_numbers_as_categories():
    frame = pd.DataFrame({"id": pd.Categorical(range(100))})
    encoder = TableEncoder().fit(frame)
    with pytest.raises(DataError, match=r'the value "x", in 1 of 1 rows'):
        encoder.transform({"id": ["x"]})
