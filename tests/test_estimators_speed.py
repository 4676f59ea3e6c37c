"""The door and the scores are fast, and say what the slow ways say, in every corner."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.exceptions import NotFittedError
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from oddsmith import LogisticRegression
from oddsmith.core.scoring import class_index, put_log_probabilities, put_probabilities
from oddsmith.core.stable import log1pexp, logsumexp, sigmoid, softmax
from oddsmith.errors import DataError
from oddsmith.estimators import door, inputs, labels, scoring

SCORES = ("decision_function", "predict_proba", "predict_log_proba", "predict")
EXTREMES = [0.0, -0.0, 1e-300, 1.0, -1.0, 36.0, -36.0, 700.0, -745.0, 1e308, np.inf, -np.inf]


# --- labels ---------------------------------------------------------------------------------


def sorted_labels(y):
    """What the door said before it was fast: scikit-learn's checks, then a sort."""
    check_classification_targets(y)
    try:
        classes, index = np.unique(y, return_inverse=True)
    except TypeError:
        return "mixed"
    return ("one class",) if classes.size < 2 else (classes, index)


def outcome(function, y):
    """What a function returns, warns of or raises, in a form that can be compared."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = function(y)
        except DataError as error:
            found = "mixed" if "mixes" in str(error) else ("one class",)
        except (ValueError, TypeError) as error:
            found = (type(error), str(error))
    return found, [(w.category, str(w.message)) for w in caught]


INTEGERS = st.sampled_from([f"{kind}{bits}" for kind in "iu" for bits in (1, 2, 4, 8)])
WHOLE = st.one_of(
    st.integers(-3, 3), st.integers(-40_000, 40_000), st.sampled_from([-(2**63), 2**63 - 1])
)


@st.composite
def label_arrays(draw):
    n = draw(st.integers(1, 60))
    kind = draw(st.sampled_from(["bool", "integer", "edge", "float", "text", "object", "odd"]))
    if kind == "bool":
        return draw(hnp.arrays(bool, n))
    if kind == "integer":
        return draw(hnp.arrays(draw(INTEGERS), n))
    if kind == "edge":  # few values, at either end of the type
        limits = np.iinfo(dtype := np.dtype(draw(INTEGERS)))
        pool = st.sampled_from([limits.min, limits.min + 2, 1, limits.max - 1, limits.max])
        return np.array(draw(st.lists(pool, min_size=n, max_size=n)), dtype=dtype)
    if kind == "float":
        dtype = draw(st.sampled_from([np.float16, np.float32, np.float64, np.longdouble]))
        far = [6e4, -6e4] if dtype is np.float16 else [2.0**53, 2.0**54, -(2.0**53)]
        values = st.one_of(st.integers(-5, 5).map(float), st.sampled_from([0.5, -0.0, *far]))
        return np.array(draw(st.lists(values, min_size=n, max_size=n)), dtype=dtype)
    texts = st.sampled_from(["", "a", "b", "ab", "B", "é", "no", "yes"])
    if kind == "text":
        return np.array(draw(st.lists(texts, min_size=n, max_size=n)))
    if kind == "odd":
        texts = st.one_of(texts, WHOLE, st.none(), st.booleans(), st.just(("a",)))
    y = np.empty(n, dtype=object)
    y[:] = draw(st.lists(texts, min_size=n, max_size=n))
    return y


@settings(max_examples=400, deadline=None)
@given(y=label_arrays(), rows=st.sampled_from([3, 7, 2**16]), most=st.sampled_from([5, 4096]))
def test_labels_are_encoded_as_a_sort_would(y, rows, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "_ROWS", rows)
        patch.setattr(labels, "_MOST_CLASSES", most)
        found, warned = outcome(labels.encode_labels, y)
    expected, expected_warnings = outcome(sorted_labels, y)
    assert warned == expected_warnings
    if not isinstance(found, labels.Encoded):
        assert found == expected
        return
    classes, index = expected
    assert found.classes.dtype == classes.dtype
    np.testing.assert_array_equal(found.classes, classes)
    np.testing.assert_array_equal(found.index, index)
    assert found.index.dtype == (np.int8 if classes.size <= 127 else np.int32)


@pytest.mark.parametrize("n_classes", [127, 128, 300, 5000])
@pytest.mark.parametrize("kind", [int, float, str, object, "wide"])
def test_many_classes_are_encoded_as_a_sort_would(n_classes, kind):
    numbers = np.random.default_rng(n_classes).integers(0, n_classes, 12_000)
    y = numbers * 10**9 if kind == "wide" else numbers.astype(str if kind is object else kind)
    y = y.astype(object) if kind is object else y
    classes, index = sorted_labels(y)
    found = labels.encode_labels(y)
    np.testing.assert_array_equal(found.classes, classes)
    np.testing.assert_array_equal(found.index, index)


@pytest.mark.parametrize("y", [[0.0, np.nan, 1.0], [0.0, np.inf, 1.0], ["a", np.nan], ["a", None]])
def test_missing_labels_are_refused_by_a_plain_array_as_by_a_list(y):
    X = np.arange(len(y) * 2.0).reshape(len(y), 2)
    labels_ = np.array(y, dtype=object if isinstance(y[0], str) else float)
    with pytest.raises((ValueError, TypeError)) as plain:
        LogisticRegression().fit(X, labels_)
    # A list is never let in unasked.
    with pytest.raises(type(plain.value)) as slow:
        LogisticRegression().fit(X.tolist(), labels_)
    assert str(plain.value) == str(slow.value)


@pytest.mark.parametrize(
    ("classes", "y"),
    [
        ([0, 1], [1, 0, 1, 1, 0]),
        ([0.0, 1.0], [1.0, 0.0, 1.0, 0.0, 0.0]),
        ([False, True], [True, False, True, True, True]),
        (["a", "b"], ["b", "a", "b", "b", "a"]),
        ([0, 1], [True, False, True, True, True]),
        ([0, 1], [0.0, 1.0, 1.0, 0.0, 1.0]),
    ],
)
@pytest.mark.parametrize("dtype", [None, object])
def test_labels_of_known_classes_are_found_in_every_chunk(monkeypatch, classes, y, dtype):
    monkeypatch.setattr(labels, "_ROWS", 2)
    known = np.array(classes)
    index = labels.known_index(np.array(y, dtype=dtype), known, 5, "y", "classes")
    np.testing.assert_array_equal(known[index], y)
    strange = [*y[:4], "zz" if isinstance(y[0], str) else 7]
    with pytest.raises(DataError, match=r"in row 4 \(from 0\), which classes lacks"):
        labels.known_index(np.array(strange, dtype=dtype), known, 5, "y", "classes")


# --- weights and offsets --------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 999), n_classes=st.integers(2, 5), given_weights=st.booleans())
def test_balanced_weights_are_those_of_scikit_learn(seed, n_classes, given_weights):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, 40)])
    weight = rng.random(y.size) + 0.01 if given_weights else None
    encoded = labels.encode_labels(y)
    expected = compute_class_weight("balanced", classes=encoded.classes, y=y, sample_weight=weight)[
        y
    ] * (1.0 if weight is None else weight)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "_ROWS", 7)
        found = inputs.row_weights(weight, "balanced", encoded)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1e-9])
@pytest.mark.parametrize("row", [0, 4, 9])
def test_a_bad_weight_or_offset_is_named_in_every_chunk(monkeypatch, bad, row):
    monkeypatch.setattr(inputs, "_ROWS", 4)
    encoded = labels.encode_labels(np.arange(10) % 2)
    numbers = np.ones(10)
    numbers[row] = bad
    with pytest.raises(DataError, match=f"sample_weight is {bad} in row {row};"):
        inputs.row_weights(numbers, None, encoded)
    if not np.isfinite(bad):
        with pytest.raises(DataError, match=f"offset is {bad} in row {row};"):
            inputs.row_offset(numbers, 10, 1)
        with pytest.raises(DataError, match=f"offset is {bad} in row {row};"):
            inputs.row_offset(np.column_stack([np.zeros((10, 2)), numbers]), 10, 3)


def test_a_class_without_weight_is_named_wherever_the_others_are(monkeypatch):
    monkeypatch.setattr(inputs, "_ROWS", 4)
    y = np.arange(12) % 3
    for kind, name in ((int, "1"), (str, "'1'"), (object, "'1'")):
        encoded = labels.encode_labels(y.astype(int if kind is int else str).astype(kind))
        with pytest.raises(DataError, match=f"all rows of class {name} have weight 0"):
            inputs.row_weights(y != 1, None, encoded)
    last = np.r_[np.zeros(9), np.ones(3)]
    assert np.shares_memory(inputs.row_weights(last, None, labels.encode_labels(y)), last)


# --- who walks in, and who is asked ---------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    return X, (X[:, 0] + rng.normal(size=300) > 0).astype(int), rng.integers(0, 3, 300)


@pytest.fixture
def no_questions(monkeypatch):
    def asked(*_args, **_how):
        raise AssertionError("asked scikit-learn")

    monkeypatch.setattr(door, "validate_data", asked)
    monkeypatch.setattr(labels, "check_classification_targets", asked)


@pytest.mark.usefixtures("no_questions")
@pytest.mark.parametrize("kind", [bool, np.int64, np.int8, np.uint8, float, str, object])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_plain_arrays_walk_in(rows, kind, order, dtype):
    X, y, _ = rows
    X = np.asarray(X, dtype=dtype, order=order)
    y = y.astype(str).astype(object) if kind is object else y.astype(kind)
    model = LogisticRegression().fit(X, y)
    assert model.n_features_in_ == 4
    assert [len(getattr(model, method)(X[:1])) for method in SCORES] == [1, 1, 1, 1]


def unusual(X):
    """The same rows in forms that are looked at closely, or that are not contiguous."""

    class Own(np.ndarray):
        pass

    wide = np.zeros((2 * X.shape[0], 2 * X.shape[1]))
    wide[::2, ::2] = X
    locked = X.copy()
    locked.flags.writeable = False
    return {
        "list": X.tolist(),
        "subclass": X.view(Own),
        "swapped": X.astype(X.dtype.newbyteorder()),
        "strided": wide[::2, ::2],
        "reversed": X[::-1, ::-1].copy()[::-1, ::-1],
        "locked": locked,
        "csr": sp.csr_array(X),
        "csc": sp.csc_matrix(X),
    }


@pytest.mark.parametrize("form", list(unusual(np.zeros((2, 2)))))
def test_every_form_of_the_rows_gives_the_same_fit_and_scores(rows, form):
    X, y, _ = rows
    plain = LogisticRegression().fit(X, y)
    other = LogisticRegression().fit(unusual(X)[form], y)
    np.testing.assert_allclose(other.coef_, plain.coef_, rtol=1e-9)
    for method in SCORES:
        expected = getattr(plain, method)(X)
        np.testing.assert_allclose(getattr(plain, method)(unusual(X)[form]), expected, rtol=1e-12)


def test_names_of_a_fit_before_are_forgotten_and_kept_ones_asked_for(rows):
    import pandas as pd

    X, y, _ = rows
    named = pd.DataFrame(X, columns=list("abcd"))
    model = LogisticRegression().fit(named, y)
    assert model.feature_names_in_.tolist() == list("abcd")
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict_proba(X)
    turned = model.predict_proba(named[["b", "a", "c", "d"]])
    np.testing.assert_array_equal(turned, model.predict_proba(named))
    model.fit(X[:, :3], y)
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 3


@pytest.mark.parametrize("method", SCORES)
def test_rows_that_do_not_fit_are_refused_in_scikit_learns_words(rows, method):
    X, y, _ = rows
    with pytest.raises(NotFittedError):
        getattr(LogisticRegression(), method)(X)
    score = getattr(LogisticRegression().fit(X, y), method)
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4 features"):
        score(X[:, :3])
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        score(X[0])
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        score(X[:0])
    with pytest.raises(ValueError, match="Complex data not supported"):
        score(X.astype(complex))


@pytest.mark.parametrize("shape", [(0, 4), (300, 0), (299, 4), (300,), (300, 4, 1)])
def test_shapes_that_cannot_be_fitted_are_refused(rows, shape):
    with pytest.raises(ValueError):
        LogisticRegression().fit(np.zeros(shape), rows[1])


def test_a_column_of_labels_is_warned_of(rows):
    X, y, _ = rows
    with pytest.warns(UserWarning, match="column-vector y"):
        LogisticRegression().fit(X, y[:, None])


# --- scores ---------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    margin=hnp.arrays(
        float,
        st.integers(1, 40),
        elements=st.one_of(st.sampled_from(EXTREMES), st.floats(-50, 50)),
    )
)
def test_scores_of_two_classes_are_the_functions_of_stable_to_the_bit(margin):
    out = np.empty((margin.size, 2))
    put_probabilities(margin, out)
    np.testing.assert_array_equal(out, np.column_stack([sigmoid(-margin), sigmoid(margin)]))
    put_log_probabilities(margin, out)
    np.testing.assert_array_equal(out, -np.column_stack([log1pexp(margin), log1pexp(-margin)]))
    np.testing.assert_array_equal(class_index(margin), margin > 0)


@settings(max_examples=50, deadline=None)
@given(
    margin=hnp.arrays(
        float, st.tuples(st.integers(1, 9), st.integers(3, 5)), elements=st.floats(-1000, 1000)
    )
)
def test_scores_of_more_classes_are_the_functions_of_stable_to_the_bit(margin):
    out = np.empty_like(margin)
    put_probabilities(margin, out)
    np.testing.assert_array_equal(out, softmax(margin))
    put_log_probabilities(margin, out)
    np.testing.assert_array_equal(out, margin - logsumexp(margin)[:, None])
    np.testing.assert_array_equal(class_index(margin), margin.argmax(axis=1))


FORMS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
    "csr": sp.csr_array,
    "csc": sp.csc_array,
    "csr float32": lambda X: sp.csr_matrix(X.astype(np.float32)),
}


@pytest.mark.parametrize("entries", [1, 2000])  # a few blocks of the rows below, or many
@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("with_offset", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_scores_do_not_depend_on_blocks_and_threads(
    monkeypatch, rows, entries, n_jobs, n_classes, with_offset, form
):
    X, y = np.tile(rows[0], (5, 1)), rows[n_classes - 1]
    # Digits that float32 has too.
    X = FORMS[form](np.round(X * 64) / 64)
    model = LogisticRegression(n_jobs=n_jobs).fit(rows[0], y)
    shape = (1500,) if n_classes == 2 else (1500, 3)
    offset = np.random.default_rng(1).normal(size=shape) if with_offset else None
    whole = [getattr(model, method)(X, offset) for method in SCORES]
    monkeypatch.setattr(scoring, "_ENTRIES", entries)
    for method, expected in zip(SCORES, whole, strict=True):
        np.testing.assert_allclose(getattr(model, method)(X, offset), expected, rtol=1e-13)


@pytest.mark.parametrize("kind", [np.int16, bool, float, str, object])
def test_predicted_labels_are_of_the_kind_of_the_classes(rows, kind):
    X, y, _ = rows
    y = y.astype(str).astype(object) if kind is object else y.astype(kind)
    model = LogisticRegression().fit(X, y)
    found = model.predict(X)
    assert found.dtype == model.classes_.dtype == y.dtype
    np.testing.assert_array_equal(found, model.classes_[(model.decision_function(X) > 0) * 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 150, 299])
@pytest.mark.parametrize("form", ["C", "F", "float32", "csr"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("method", SCORES)
def test_an_entry_that_is_not_finite_is_named_in_every_block(
    monkeypatch, rows, bad, row, form, n_classes, method
):
    model = LogisticRegression().fit(rows[0], rows[n_classes - 1])
    monkeypatch.setattr(scoring, "_FEWEST_ROWS", 16)
    monkeypatch.setattr(scoring, "_ENTRIES", 1)
    X = rows[0].copy()
    X[row, 2] = bad
    what = "NaN" if np.isnan(bad) else "infinity"
    with pytest.raises(DataError, match=rf"X contains {what}: column 2, row {row} \(from 0\)"):
        getattr(model, method)(FORMS[form](X))


def test_finite_rows_whose_margins_are_not_have_probabilities_of_0_and_1(rows):
    X, y, _ = rows
    model = LogisticRegression().fit(X, y)
    model.coef_ = np.array([[10.0, 0.0, 0.0, 0.0]])
    far = np.array([[1e308, 0, 0, 0], [-1e308, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(model.decision_function(far)[:2], [np.inf, -np.inf])
    np.testing.assert_array_equal(model.predict_proba(far)[:2], [[0, 1], [1, 0]])
    np.testing.assert_array_equal(model.predict_log_proba(far)[:2], [[-np.inf, 0], [0, -np.inf]])
    np.testing.assert_array_equal(model.predict(far)[:2], [1, 0])
    model.coef_ = np.array([[10.0, -10.0, 0.0, 0.0]])
    far[0, 1] = 1e308
    with pytest.raises(DataError, match="the margin of row 0"):
        model.predict_proba(far)


# --- memory ---------------------------------------------------------------------------------


def peak(function):
    """Bytes at the most beyond those of the result while a function runs."""
    tracemalloc.start()
    try:
        result = function()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [bool, np.int64, float, str, object, "-1/1", "wide"])
def test_encoding_labels_takes_two_bytes_a_row(kind):
    n = 500_000
    y = np.arange(n) % 2
    made = {"-1/1": 2 * y - 1, "wide": y * 10**12, object: y.astype(str).astype(object)}
    y = made[kind] if kind in made else y.astype(kind)
    used, _ = peak(lambda: labels.encode_labels(y))
    assert used < 2 * n + (7e6 if kind is str else 2e6)  # a chunk of fixed-width text is long


def test_weights_take_those_of_one_array():
    n = 500_000
    encoded = labels.encode_labels(np.arange(n) % 2)
    weight = np.linspace(1, 2, n)
    assert peak(lambda: inputs.row_weights(weight, None, encoded))[0] < 2e6 + n
    assert peak(lambda: inputs.row_offset(weight, n, 1))[0] < 2e6
    assert peak(lambda: inputs.row_weights(weight, "balanced", encoded))[0] < 8 * n + 2e6


@pytest.mark.parametrize("form", ["C", "F", "float32"])
def test_predicting_takes_a_few_blocks_beyond_the_result(rows, form):
    model = LogisticRegression(n_jobs=2).fit(rows[0], rows[1])
    X = FORMS[form](np.tile(rows[0], (2000, 1)))
    model.predict_proba(X[:10_000])
    used, result = peak(lambda: model.predict_proba(X))
    assert used < result.nbytes + 0.2 * X.nbytes + 12e6
