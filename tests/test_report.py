"""From a model and rows to the report: every number that the page gets, held against NumPy."""

import json
import time
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from browser import chromium, opened
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.metrics import log_loss, roc_auc_score

import oddsmith.estimators.report as made_by
from oddsmith import (
    FirthLogisticRegression,
    LogisticRegression,
    LogisticRegressionCV,
    TableEncoder,
    compare,
    load,
)
from oddsmith.core.encoding import FILL
from oddsmith.core.table_columns import Column, objects
from oddsmith.errors import DataError, OddsmithError, ParameterError
from oddsmith.estimators.judged_rows import places_of_labels
from oddsmith.estimators.stored import stored_model
from oddsmith.export.schema import plain_encoding, plain_model
from oddsmith.views.pages.report.gathering import (
    Gathering,
    bounds_of,
    matrix_columns,
    rows_that_fit,
    statistics_of,
)
from oddsmith.views.pages.report.page import report_page
from oddsmith.views.pages.report.sampling import chosen_examples, joined, uniform

RNG = np.random.default_rng(3)
N = 300


@pytest.fixture(scope="module")
def browser():
    with chromium() as program:
        yield program


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """What a model's report shows, as data."""
    found = []
    monkeypatch.setattr(made_by, "page_of", lambda report: found.append(report) or b"a page")

    def show(model, *rows, **how):
        model.report(tmp_path / "r.html", *rows, **how)
        return found[-1]

    return show


def rows_of(K, n=N):
    rng = np.random.default_rng(K)
    X = rng.standard_normal((n, 3)) * [1.0, 20.0, 0.01] + [0.0, 5.0, 1.0]
    margins = np.column_stack([(X - [0.0, 5.0, 1.0]) @ [1.0, 0.02, 10.0] * k for k in range(K)])
    y = np.argmax(margins + rng.gumbel(size=(n, K)) * 2, axis=1)
    return X, np.array(["a", "b", "c", "d"], dtype=object)[y]


def table(n=N, seed=0):
    """Rows of all kinds, with gaps, and their outcome."""
    rng = np.random.default_rng(seed)
    dose = rng.normal(size=n).round(2)
    site = rng.choice(["a", "b", "c", "rare"], n, p=[0.5, 0.3, 0.17, 0.03]).astype(object)
    new = rng.random(n) < 0.3
    eta = np.nan_to_num(dose) + (site == "b") - new
    ill = np.where(rng.random(n) < 1 / (1 + np.exp(-eta)), "yes", "no")
    dose[::7] = np.nan
    site[::11] = None
    site[:2] = "rare", "rare"
    return {"dose": dose, "site": site, "new": new}, ill


def rebuilt(model, shown):
    """Probabilities of the examples, from what the page has of them."""
    X = shown.model.encoding.rows(shown.examples.columns)
    return shown.model.predict_proba(X)


def check(shown, model, X, y, encoded, offset=None):
    judged, spread, examples = shown.judged, shown.spread, shown.examples
    given = () if offset is None else (offset,)
    np.testing.assert_array_equal(judged.probabilities, model.predict_proba(X, *given))
    assert [model.classes_.tolist()[k] for k in judged.y.tolist()] == list(y)
    np.testing.assert_allclose(spread.mean, encoded.mean(axis=0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(spread.deviation, encoded.std(axis=0), rtol=1e-10, atol=1e-15)
    assert examples.total == len(judged.y)
    np.testing.assert_array_equal(examples.y, judged.y[examples.numbers])
    assert (np.diff(examples.numbers) > 0).all()
    own = [column.kind for column in examples.columns]
    assert own == [one.kind for one in shown.model.encoding.columns]
    if offset is None:
        expected = judged.probabilities[examples.numbers]
        np.testing.assert_allclose(rebuilt(model, shown), expected, rtol=1e-12, atol=1e-300)


ESTIMATORS = [
    (LogisticRegression(), 2),
    (LogisticRegression(), 3),
    (LogisticRegression(C=np.inf), 2),
    (LogisticRegressionCV(Cs=3, cv=3), 2),
    (LogisticRegressionCV(Cs=3, cv=3), 3),
    (FirthLogisticRegression(), 2),
]


@pytest.mark.parametrize(("estimator", "K"), ESTIMATORS, ids=str)
def test_every_estimator_has_a_report(estimator, K, shown):
    X, y = rows_of(K)
    model = estimator.fit(X, y)
    found = shown(model, X, y)
    check(found, model, X, y, X)
    np.testing.assert_array_equal(found.spread.low, X.min(axis=0))
    np.testing.assert_array_equal(found.spread.high, X.max(axis=0))
    assert found.spread.typical == tuple(np.median(X, axis=0))
    assert found.examples.unit == "row"
    assert found.examples.total == found.examples.numbers.size == N
    assert found.judged.source == "X"
    assert found.judged.seen is None
    assert found.judged.weight is None
    assert found.title == "Logistic regression"
    assert found.cost == (1.0, 1.0)
    assert found.comparison is None
    assert found.model.covariance is None
    assert found.model.training.written_at is None
    assert (found.history is None) == (not hasattr(model, "history_"))


def test_a_stored_model_has_a_report_with_what_its_file_says(shown, tmp_path):
    X, y = rows_of(2)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = LogisticRegression(C=np.inf).fit(frame, pd.Series(y, name="letter"))
    results = model.infer(frame, y)
    model.save(tmp_path / "m.json", covariance=results)
    stored = load(tmp_path / "m.json")
    found = shown(stored, frame, y, title="Ours", seen=False, cost={"fp": 2, "fn": 0.5})
    check(found, stored, frame, y, X)
    assert found.history is None
    assert found.title == "Ours"
    assert found.judged.seen is False
    assert found.cost == (2.0, 0.5)
    assert found.model.training.written_at is not None
    np.testing.assert_array_equal(found.model.covariance, stored.covariance_)
    boot = model.infer(frame, y, bootstrap=3, seed=0)
    for other, words in ((boot, "of a bootstrap"), (3, "results is of type int")):
        with pytest.raises(ParameterError, match=words):
            model.report(tmp_path / "none.html", frame, y, results=other)
    assert not (tmp_path / "none.html").exists()
    own = shown(model, frame, y, results=results)
    np.testing.assert_array_equal(own.model.covariance, stored.covariance_)
    assert own.title == "Model of letter"
    assert own.history is model.history_


def test_classes_need_not_be_sorted(shown):
    """A model of the command line may have the positive label before the other one."""
    model = stored_model(plain_model(["x"], ["yes", "no"], "ill", [[2.0]], [0.5]))
    X, y = pd.DataFrame({"x": [0.0, 1.0, -2.0, 0.3]}), ["no", "yes", "yes", "no"]
    other = np.array([0.9, 0.2, 0.3, 0.8])
    found = shown(model, X, y, compare={"other": other}, cost={"fp": 1, "fn": 5})
    assert found.judged.y.tolist() == [1, 0, 0, 1]
    scores = {one.name: one for one in found.comparison.scores}
    p = model.predict_proba(X)[:, 1]
    for name, own in (("this model", p), ("other", other)):
        assert scores[name].auc == roc_auc_score([1, 0, 0, 1], own)
        assert scores[name].log_loss == pytest.approx(log_loss([1, 0, 0, 1], own), rel=1e-12)
        wrong = [1, 0, 0, 1] - (own > 1 / 6).astype(int)
        assert scores[name].cost == np.mean(5 * (wrong > 0) + (wrong < 0))
    both = np.column_stack([1 - other, other])
    again = shown(model, X, y, compare={"other": both}).comparison
    assert again.scores[1].log_loss == pytest.approx(scores["other"].log_loss, rel=1e-12)
    with pytest.raises(DataError, match="shape"):
        shown(model, X, y, compare={"other": np.ones((4, 3)) / 3})
    np.testing.assert_array_equal(
        places_of_labels(["c", "a"], np.array(["b", "c", "a"], dtype=object), 2), [1, 2]
    )


FRAMES = {
    "pandas": pd.DataFrame,
    "polars": lambda own: pl.DataFrame({k: list(v) for k, v in own.items()}, strict=False),
    "pyarrow": lambda own: pa.table(
        {k: pa.array(list(v), from_pandas=True) for k, v in own.items()}
    ),
    "dict": lambda own: own,
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("missing", ["indicator", "mean"])
def test_tables_of_any_library_show_columns_as_they_were(kind, missing, shown):
    own, y = table()
    if missing == "mean":
        own = {
            "dose": own["dose"],
            "new": own["new"],
            "site": np.where(own["site"] == "a", "a", "b"),
        }
    X = FRAMES[kind](own)
    encoder = TableEncoder(missing=missing, min_count=15, unseen="pool")
    model = LogisticRegression(encoder=encoder).fit(X, y)
    found = shown(model, X, y)
    encoded = model.encoder_.transform(X)
    check(found, model, X, y, encoded)
    names = [one.name for one in found.model.encoding.columns]
    at = {name: place for place, name in enumerate(names)}
    assert found.spread.low[at["dose"]] == np.nanmin(own["dose"])
    assert found.spread.high[at["dose"]] == np.nanmax(own["dose"])
    assert np.isnan(found.spread.low[at["site"]])
    assert found.spread.typical[at["dose"]] == np.nanmedian(own["dose"])
    assert found.spread.typical[at["new"]] is False
    assert found.spread.typical[at["site"]] in ("a", "b")
    kinds = "1 of numbers, 1 of booleans and 1 of text or categories"
    assert dict(found.data)["Kinds of columns"] == kinds
    assert dict(found.data)["Missing values"].endswith("in the rows of the fit")


def test_wide_categories_stay_sparse(shown):
    rng = np.random.default_rng(1)
    n = 4000
    X = pd.DataFrame({"zip": rng.integers(0, 500, n).astype(str), "dose": rng.normal(size=n)})
    y = rng.integers(0, 2, n)
    model = LogisticRegression().fit(X, y)
    encoded = model.encoder_.transform(X)
    assert sp.issparse(encoded)
    found = shown(model, X, y)
    check(found, model, X, y, encoded.toarray())


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_array, sp.csr_matrix])
def test_sparse_rows_are_those_that_are_dense(kind, shown):
    dense = sp.random_array((200, 30), density=0.1, rng=np.random.default_rng(0)).toarray()
    y = np.random.default_rng(1).integers(0, 2, 200)
    model = LogisticRegression().fit(dense, y)
    one, other = shown(model, dense, y), shown(model, kind(dense), y)
    check(other, model, kind(dense), y, dense)
    np.testing.assert_array_equal(one.spread.low, other.spread.low)
    np.testing.assert_array_equal(one.spread.high, other.spread.high)
    assert one.spread.typical == other.spread.typical


def test_single_precision_and_booleans_are_numbers_of_their_kind(shown):
    X, y = rows_of(2)
    model = LogisticRegression().fit(X.astype(np.float32), y)
    single = X.astype(np.float32)
    check(shown(model, single, y), model, single, y, single.astype(float))
    frame = pd.DataFrame({"dose": X[:, 0], "new": X[:, 1] > 5})
    model = LogisticRegression().fit(frame, y)
    found = shown(model, frame, y)
    assert [column.kind for column in found.examples.columns] == ["number", "boolean"]
    assert found.spread.typical[1] == bool(np.mean(frame["new"]) > 0.5)
    assert dict(found.data) == {"Kinds of columns": "1 of numbers and 1 of booleans"}


def test_weights_and_offsets_count(shown):
    X, y = rows_of(2)
    weight, offset = RNG.random(N), RNG.normal(size=N)
    weight[:5] = 0.0
    model = LogisticRegression().fit(X, y, weight, offset)
    found = shown(model, X, y, sample_weight=weight, offset=offset, compare={"p": [0.5] * N})
    check(found, model, X, y, X, offset)
    np.testing.assert_array_equal(found.judged.weight, weight)
    p = found.judged.probabilities[:, 1]
    expected = log_loss(y, p, sample_weight=weight)
    assert found.comparison.scores[0].log_loss == pytest.approx(expected, rel=1e-12)
    with pytest.raises(DataError, match="all weights in sample_weight are zero"):
        shown(model, X, y, sample_weight=np.zeros(N))
    X, y = rows_of(3)
    offset = RNG.normal(size=(N, 3))
    model = LogisticRegression().fit(X, y, offset=offset)
    found = shown(model, X, y, offset=offset)
    check(found, model, X, y, X, offset)
    # What-if has no offset, so that its answer for a row is another one: the page says so.
    assert found.judged.offset
    assert "the offset is 0" in report_page(found)
    assert "the offset is 0" not in report_page(shown(model, X, y))


def test_a_report_without_rows_is_of_the_model_alone(shown):
    X, y = rows_of(2)
    found = shown(LogisticRegression().fit(X, y))
    assert found.judged is found.spread is found.examples is found.comparison is None
    assert found.history is not None


def test_comparisons_are_those_of_compare(shown):
    X, y = load_breast_cancer(return_X_y=True)
    train, test = slice(0, 400), slice(400, None)
    model = LogisticRegression().fit(X[train], y[train])
    others = {
        "scikit-learn": Theirs(solver="newton-cholesky").fit(X[train], y[train]),
        "baseline": DummyClassifier().fit(X[train], y[train]),
    }
    cost = {"fp": 1, "fn": 5}
    found = shown(model, X[test], y[test], compare=others, cost=cost).comparison
    expected = compare({"this model": model, **others}, X[test], y[test], cost=cost)
    assert found.scores == expected.scores
    assert found.differences == expected.differences
    assert [one.name for one in found.scores] == ["this model", "scikit-learn", "baseline"]


def test_comparisons_of_three_classes_have_no_two_costs(shown):
    X, y = rows_of(3)
    model = LogisticRegression().fit(X, y)
    others = {"baseline": DummyClassifier().fit(X, y)}
    found = shown(model, X, y, compare=others, cost={"fp": 1, "fn": 5})
    assert found.comparison.scores[0].cost is None
    assert found.cost == (1.0, 5.0)


def test_a_vanishing_probability_keeps_its_loss(shown):
    model = stored_model(plain_model(["x"], ["no", "yes"], None, [[1.0]], [0.0]))
    X, y = pd.DataFrame({"x": [-2000.0, 1.0]}), ["yes", "no"]
    found = shown(model, X, y, compare={"other": [0.5, 0.5]}).comparison
    assert found.scores[0].log_loss == pytest.approx((2000 + np.log1p(np.e)) / 2)


MODEL = LogisticRegression().fit(*rows_of(2))
X2, Y2 = rows_of(2)
PAGES = {
    "one row": (X2[:1], Y2[:1]),
    "one class": (X2[Y2 == "a"], Y2[Y2 == "a"]),
    "all rows alike": (np.repeat(X2[:1], 50, axis=0), Y2[:50]),
    "two rows": (X2[:2], ["a", "b"]),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_of_few_and_odd_rows_open(name, browser, tmp_path):
    X, y = PAGES[name]
    path = tmp_path / "r.html"
    MODEL.report(path, X, y, compare={"baseline": np.full(len(y), 0.5)})
    with opened(browser, path) as page:
        assert f"{len(y)} row" in page.inner_text("main")


@pytest.mark.parametrize("K", [2, 3])
def test_a_page_of_every_kind_of_column_opens(K, browser, tmp_path):
    own, y = table()
    y = np.where(np.arange(N) % 5 == 0, "maybe", y) if K == 3 else y
    X = pd.DataFrame({"</script><script>alert(1)</script>": own["dose"], "__proto__": own["site"]})
    model = LogisticRegression(encoder=TableEncoder(missing="indicator")).fit(X, y)
    model.report(
        tmp_path / "r.html", X, y, title="<b>&\ud800", compare={"</script>": np.full((N, K), 1 / K)}
    )
    with opened(browser, tmp_path / "r.html"):
        pass


def test_a_page_without_rows_opens(browser, tmp_path):
    MODEL.report(tmp_path / "r.html")
    with opened(browser, tmp_path / "r.html") as page:
        assert "Training" in page.inner_text("main")


WRONG = [
    ({"y": None}, "X, but no y"),
    ({"X": None}, "y, but no X"),
    ({"X": None, "y": None, "sample_weight": [1.0]}, "sample_weight, but no rows"),
    ({"X": None, "y": None, "offset": [1.0]}, "offset, but no rows"),
    ({"X": None, "y": None, "compare": {}}, "compare, but no rows"),
    ({"y": ["a"] * (N - 1) + ["z"]}, "'z' in row 299"),
    ({"y": ["a"]}, "shape"),
    ({"X": X2[:, :2]}, "features"),
    ({"X": np.full((N, 3), np.nan)}, "NaN"),
    ({"sample_weight": [-1.0] * N}, "not negative"),
    ({"offset": [1.0]}, "offset has shape"),
    ({"cost": 3}, "does not say what both errors cost"),
    ({"cost": {"fp": 1}}, "does not say what both errors cost"),
    ({"cost": {"fp": 1, "fn": "x"}}, "the cost of a false negative is 'x'"),
    ({"cost": {"fp": -1, "fn": 1}}, "the cost of a false positive is -1"),
    ({"cost": {"fp": np.inf, "fn": 1}}, "finite"),
    ({"cost": {"fp": 0, "fn": 0}}, "both errors cost 0"),
    ({"compare": ["a"]}, "compare is of type list"),
    ({"compare": {"this model": [0.5] * N}}, "rename it"),
    ({"compare": {"p": [0.5]}}, r"\(1,\); give one probability per row"),
    ({"results": 3}, "square array"),
]


@pytest.mark.parametrize(("how", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_does_not_fit_is_refused_and_the_old_page_stays(how, words, tmp_path):
    path = tmp_path / "r.html"
    path.write_text("the old page")
    own = {"X": X2, "y": Y2} | how
    with pytest.raises(ValueError, match=words) as caught:
        MODEL.report(path, own.pop("X"), own.pop("y"), **own)
    assert isinstance(caught.value, OddsmithError) or "features" in words
    assert path.read_text() == "the old page"


def test_a_page_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="cannot be written"):
        MODEL.report(tmp_path, X2, Y2)
    with pytest.raises(ParameterError, match="choose another path"):
        MODEL.report(tmp_path / "nowhere" / "r.html", X2, Y2)
    assert list(tmp_path.iterdir()) == []


def test_levels_that_the_fit_has_not_seen_are_refused_as_by_predict(shown):
    own, y = table()
    X = pd.DataFrame({"site": np.where(own["site"] == "a", "a", "b")})
    model = LogisticRegression().fit(X, y)
    X.loc[3, "site"] = "new"
    with pytest.raises(DataError, match='"new", in 1 of 300 rows'):
        shown(model, X, y)
    with pytest.raises(DataError, match=FILL[:10]):
        shown(model, X.assign(site=None), y)


def parts_of(n, cuts):
    edges = [0, *sorted(cut % (n + 1) for cut in cuts), n]
    return [np.arange(a, b) for a, b in pairwise(edges)]


@given(st.lists(st.integers(0, 10_000), max_size=6), st.integers(1, 400), st.booleans())
def test_parts_are_the_whole(cuts, most, numbered):
    """However rows come, and however few are kept: every k-th, k a power of two, from the first."""
    X, _ = rows_of(2)
    encoding = plain_encoding(["a", "b", "c"])
    p, weight = np.column_stack([X[:, 0], 1 - X[:, 0]]), np.arange(N) + 1.0
    numbers = np.arange(N) * 3 + 2 if numbered else None

    def gather(parts):
        found = Gathering(encoding, most)
        for rows in parts:
            if rows.size:
                found.measure(statistics_of(X[rows]))
            own = None if numbers is None else numbers[rows]
            columns = matrix_columns(X[rows], encoding)
            found.add(
                lambda at, rows=rows: matrix_columns(X[rows][at], encoding),
                bounds_of(columns), np.arange(N)[rows] % 2, p[rows], weight[rows], own,
            )  # fmt: skip
        return found

    whole, found = gather([np.arange(N)]), gather(parts_of(N, cuts))
    every = 1
    while -(-N // every) > most:
        every *= 2
    for one in (whole, found):
        judged = one.judged("X", None)
        np.testing.assert_array_equal(judged.probabilities, p[::every])
        np.testing.assert_array_equal(judged.weight, weight[::every])
        np.testing.assert_array_equal(judged.y, (np.arange(N) % 2)[::every])
        assert one.n_rows == N
        assert one.every == every
        assert one.numbered is numbered
        assert one.spread().typical == tuple(np.median(X, axis=0))
        np.testing.assert_array_equal(one.spread().low, X.min(axis=0))
        np.testing.assert_allclose(one.spread().deviation, X.std(axis=0), rtol=1e-12)
        examples = one.examples("row")
        assert examples.total == N
        np.testing.assert_array_equal(
            examples.numbers, np.arange(N) if numbers is None else numbers
        )
        np.testing.assert_array_equal(examples.columns[1].values, X[:, 1])
        said = [note for note in one.notes() if "for want of memory" in note]
        assert len(said) == (every > 1)


def test_medians_of_many_rows_are_those_of_a_sample_and_the_page_says_so(shown):
    n = 100_001
    X = np.arange(n, dtype=float)[:, None]
    y = np.arange(n) % 3 == 0
    model = LogisticRegression(max_iter=3, tol=1.0).fit(X, y)
    found = shown(model, X, y)
    assert found.spread.typical[0] == pytest.approx(50_000, abs=8)
    assert found.spread.low[0] == 0
    assert found.spread.high[0] == n - 1
    [note] = found.notes
    assert "25,001 of 100,001 rows" in note
    assert found.judged.y.size == n
    assert found.examples.total == n
    assert found.examples.numbers.size == 2000
    np.testing.assert_array_equal(found.examples.columns[0].values, found.examples.numbers)


def test_rows_without_a_vote_are_refused():
    found = Gathering(plain_encoding(["a"]))
    with pytest.raises(DataError, match=r"x\.csv: there is no row"):
        found.judged("x.csv", None)
    none = lambda at: [Column("a", "nothing", np.full(at.size, np.nan), np.empty(0), objects([]))]  # noqa: E731
    found.measure(statistics_of(np.zeros((2, 1))))
    found.add(none, bounds_of(none(np.arange(2))), np.array([0, 1]), np.eye(2), np.zeros(2))
    with pytest.raises(DataError, match="all judged rows have the weight 0"):
        found.judged("x.csv", None)
    assert found.spread().typical == (None,)
    assert np.isnan(found.spread().low).all()


def test_columns_are_brought_to_the_kind_of_the_fit():
    own, _ = table()
    encoder = TableEncoder(missing="indicator").fit(pd.DataFrame({**own, "code": np.arange(N) % 3}))
    kinds = {one.name: one for one in encoder.encoding_.columns}
    nothing = Column("x", "nothing", np.full(2, np.nan), np.empty(0, np.intp), objects([]))
    assert uniform(nothing, kinds["dose"]).kind == "number"
    empty = uniform(nothing, kinds["site"])
    assert (empty.kind, empty.codes.tolist(), empty.levels.size) == ("category", [-1, -1], 0)
    numbers = Column("x", "number", np.array([3.0, np.nan, 1.0]), np.empty(0, np.intp), objects([]))
    found = uniform(numbers, kinds["site"])
    assert (found.codes.tolist(), found.levels.tolist()) == ([1, -1, 0], [1.0, 3.0])
    both = joined(
        [
            found,
            empty,
            uniform(
                Column("x", "category", np.empty(0), np.array([0]), objects([2.0])), kinds["site"]
            ),
        ]
    )
    assert both.codes.tolist() == [2, -1, 0, -1, -1, 1]
    assert both.levels.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("q", [1, 20, 1000])
def test_examples_keep_to_their_budget(q):
    values = np.random.default_rng(0).standard_normal((q, 5000))
    columns = [Column("x", "number", v, np.empty(0, np.intp), objects([])) for v in values]
    at = chosen_examples(columns, 5000)
    written = json.dumps([column.values[at].tolist() for column in columns], separators=(",", ":"))
    assert len(written) < 750_000
    assert at.size == 2000 if q == 1 else len(written) > 600_000
    assert at[0] == 0
    gaps = np.diff(at)
    assert gaps.max() - gaps.min() <= 1


def test_levels_take_from_the_budget_of_examples():
    long = objects(["x" * 100_000 + str(k) for k in range(20)])
    column = Column("x", "category", np.empty(0), np.arange(3000) % 20, long)
    numbers = Column("y", "number", np.random.default_rng(0).random(3000), np.empty(0), objects([]))
    assert 1000 < chosen_examples([column, *[numbers] * 5], 3000).size < 2000


def test_medians_of_huge_numbers_are_finite(shown):
    X = pd.DataFrame({"x": [1.7e308, 1.6e308, -1.7e308, 1.7e308]})
    model = stored_model(plain_model(["x"], ["no", "yes"], None, [[1e-300]], [0.0]))
    found = shown(model, X, ["no", "yes", "no", "yes"])
    assert found.spread.typical == pytest.approx((1.65e308,))
    assert np.isfinite(found.spread.deviation).all()


def test_rows_that_fit_grow_with_memory_and_fall_with_classes():
    assert rows_that_fit(2**30, 2) > 1_000_000
    assert rows_that_fit(2**30, 20) < rows_that_fit(2**30, 2) < rows_that_fit(2**31, 2)
    assert rows_that_fit(0, 2) == 1000


@pytest.mark.parametrize(("n", "q"), [(1_000_000, 5), (20_000, 1000)])
def test_large_pages_are_small_and_quick(n, q, browser, tmp_path):
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((n, q)), rng.standard_normal(q) / np.sqrt(q)
    y = (rng.random(n) < 1 / (1 + np.exp(-(X @ w)))).astype(int)
    model = LogisticRegression().fit(X, y)
    path = tmp_path / "r.html"
    start = time.perf_counter()
    model.report(path, X, y, seen=True)
    seconds, size = time.perf_counter() - start, path.stat().st_size
    # What `pytest -s` shows is the figure that documents give.
    print(f"\n{n:,} rows x {q:,} columns: {size / 1e6:.2f} MB in {seconds:.1f} s")  # noqa: T201
    assert size <= 3_000_000
    with opened(browser, path) as page:
        assert f"{n:,} rows" in page.inner_text("main")


def test_iris_has_a_page_of_three_classes(browser, tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression().fit(X, y)
    model.report(tmp_path / "r.html", X, y, compare={"baseline": DummyClassifier().fit(X, y)})
    assert (tmp_path / "r.html").stat().st_size < 2_000_000
    with opened(browser, tmp_path / "r.html"):
        pass
