"""Model files: exact round trips, and one line of refusal for everything else."""

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression as Reference

from oddsmith.core.encoding_rules import Rules
from oddsmith.core.table_columns import ColumnSummary, objects
from oddsmith.core.table_encoding import learn_table
from oddsmith.errors import DataError, ModelFileError, ParameterError
from oddsmith.export import json as model_json
from oddsmith.export.json import dump, load, read_model
from oddsmith.export.provenance import Certificate, Training
from oddsmith.export.schema import Model, plain_model

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(max_size=8)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
LABELS = [TEXT, INTEGERS, FLOATS, st.booleans()]
TRAINING = Training(
    "LogisticRegression", 20, 20.0, 1.0, 0.0, "l2", "newton", 5, 11, None, "0.1.0", ("careful",)
)
CERTIFICATE = Certificate(0.25, 1e-16, 1e-12, True)


def binary_model():
    coef = [[0.5, -2.0]]
    return plain_model(("a", "b"), ("no", "yes"), "y", coef, [0.25], TRAINING, CERTIFICATE)


def multinomial_model():
    coef = [[1.0, 0.0], [0.5, -2.0], [0.0, 1e-300]]
    return plain_model(("a", "b"), (1, 2, 3), "y", coef, [0.0, 0.1, 0.2], TRAINING, CERTIFICATE)


def table_model():
    """Every kind of column, with pooled levels, holes and a covariance."""
    columns = [
        ColumnSummary("dose", "number", 9, 2, 0.5, objects([]), np.empty(0, int)),
        ColumnSummary("site", "category", 9, 1, np.nan, objects([*"abcd"]), np.array([3, 3, 1, 1])),
        ColumnSummary("new", "boolean", 9, 0, 0.5, objects([]), np.empty(0, int)),
    ]
    encoding = learn_table(columns, Rules("first", 2, "indicator"), "pool", None)
    coef = np.arange(encoding.width)[None, :] / 8 - 0.25
    covariance = np.eye(encoding.width + 1)
    covariance[2, :] = covariance[:, 2] = np.nan
    return Model(
        encoding, True, ("no", "yes"), None, coef, [0.25], TRAINING, CERTIFICATE, covariance
    )


@st.composite
def summaries(draw, name):
    kind = draw(st.sampled_from(["number", "boolean", "category"]))
    n_missing = draw(st.integers(0, 2))
    if kind != "category":
        mean = draw(st.floats(-1e300, 1e300))
        return ColumnSummary(name, kind, 9, n_missing, mean, objects([]), np.empty(0, int))
    levels = draw(
        st.sampled_from(LABELS).flatmap(
            lambda one: st.lists(one, min_size=1, max_size=5, unique=True)
        )
    )
    counts = np.array(draw(st.lists(st.integers(1, 5), min_size=len(levels), max_size=len(levels))))
    return ColumnSummary(name, "category", 9, n_missing, np.nan, objects(sorted(levels)), counts)


@st.composite
def encodings(draw, names):
    rules = Rules(
        draw(st.sampled_from(["first", "most_frequent"])),
        draw(st.integers(1, 4)),
        draw(st.sampled_from(["refuse", "mean", "indicator", "drop"])),
    )
    columns = [draw(summaries(name)) for name in names]
    unseen = draw(st.sampled_from(["refuse", "pool"]))
    return learn_table(columns, rules, unseen, draw(st.sampled_from([None, True, False])))


def or_none(strategy):
    return st.none() | strategy


positive = st.floats(0, 1e300, exclude_min=True)
trainings = st.builds(
    Training,
    estimator=or_none(TEXT),
    rows=or_none(st.integers(0, 2**63 - 1)),
    weight=or_none(positive),
    C=or_none(positive | st.just(math.inf)),
    l1_ratio=or_none(st.floats(0, 1)),
    penalty=or_none(TEXT),
    solver=or_none(TEXT),
    iterations=or_none(st.integers(0, 2**63 - 1)),
    passes=or_none(st.integers(0, 2**63 - 1)),
    written_at=or_none(TEXT),
    version=or_none(TEXT),
    warnings=or_none(st.lists(TEXT, max_size=2).map(tuple)),
)
certificates = st.builds(
    Certificate,
    objective=or_none(FLOATS),
    optimality_gap=or_none(st.floats(0, 1e300) | st.just(math.inf)),
    tol=or_none(st.floats(0, 1e300)),
    converged=or_none(st.booleans()),
    separated=st.sampled_from([None, "quasi", "complete"]),
    aliased=or_none(st.lists(TEXT, max_size=2).map(tuple)),
)


@st.composite
def covariances(draw, size):
    numbers = draw(st.lists(FLOATS, min_size=size * size, max_size=size * size))
    lower = np.tril(np.array(numbers).reshape(size, size))
    found = lower + np.tril(lower, -1).T
    np.fill_diagonal(found, draw(st.lists(positive, min_size=size, max_size=size)))
    gone = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=bool)
    found[gone] = found[:, gone] = np.nan
    return found


@st.composite
def models(draw):
    kinds = st.sampled_from(LABELS)
    classes = draw(kinds.flatmap(lambda kind: st.lists(kind, min_size=2, max_size=4, unique=True)))
    target, *names = draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
    encoding = draw(encodings(names))
    k, q = (1 if len(classes) == 2 else len(classes)), encoding.width
    numbers = draw(st.lists(FLOATS, min_size=k * (q + 1), max_size=k * (q + 1)))
    values = np.array(numbers).reshape(k, q + 1)
    return Model(
        encoding,
        draw(st.booleans()),
        tuple(classes),
        draw(st.sampled_from([target, None])),
        values[:, 1:],
        values[:, 0],
        draw(trainings),
        draw(certificates),
        draw(or_none(covariances((len(classes) - 1) * (q + 1)))) if q < 5 else None,
    )


@given(model=models())
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_bit_comes_back(model):
    text = dump(model)
    for document in (text, text.encode()):
        found = load(document)
        assert found == model
        assert hash(found) == hash(model)
        assert dump(found) == text


def test_equality_tells_models_apart():
    model = binary_model()
    assert model == binary_model()
    assert model != dataclasses.replace(model, coef=[[0.5, np.nextafter(-2.0, 0)]])
    assert model != dataclasses.replace(model, intercept=[0.5])
    assert model != dataclasses.replace(model, target="z")
    assert model != dataclasses.replace(model, classes=(0, 1))
    assert model != dataclasses.replace(model, named=False)
    assert model != dataclasses.replace(model, certificate=Certificate())
    assert model != dataclasses.replace(model, training=Training())
    assert model != dataclasses.replace(model, covariance=np.eye(3))
    assert dataclasses.replace(model, classes=(0, 1)) != dataclasses.replace(
        model, classes=(False, True)
    )
    assert model != "a model"


def test_a_model_cannot_be_changed():
    model = binary_model()
    with pytest.raises(ValueError, match="read-only"):
        model.coef[0, 0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.target = "z"


def test_a_model_does_not_share_the_array_it_was_made_from():
    coef = np.array([[0.5, -2.0]])
    model = dataclasses.replace(binary_model(), coef=coef)
    coef[0, 0] = 7.0
    assert model.coef[0, 0] == 0.5


def test_the_layout_is_the_documented_one():
    """A change of what is written needs a new version."""
    plain = {"kind": "number", "n_missing": 0, "mean": None, "missing_at": None}
    assert json.loads(dump(binary_model())) == {
        "format": "oddsmith-model",
        "version": 2,
        "target": "y",
        "classes": ["no", "yes"],
        "named": True,
        "encoding": {
            "unseen": "refuse",
            "min_count": 1,
            "missing": "refuse",
            "sparse": False,
            "columns": [{"name": "a", **plain}, {"name": "b", **plain}],
        },
        "coefficients": [[0.5, -2.0]],
        "intercepts": [0.25],
        "covariance": None,
        "certificate": {
            "objective": 0.25,
            "optimality_gap": 1e-16,
            "tol": 1e-12,
            "converged": True,
            "separated": None,
            "aliased": None,
        },
        "training": {
            "estimator": "LogisticRegression",
            "rows": 20,
            "weight": 20.0,
            "C": 1.0,
            "l1_ratio": 0.0,
            "penalty": "l2",
            "solver": "newton",
            "iterations": 5,
            "passes": 11,
            "written_at": None,
            "version": "0.1.0",
            "warnings": ["careful"],
        },
    }
    columns = json.loads(dump(table_model()))["encoding"]["columns"]
    assert columns[:2] == [
        {"name": "dose", "kind": "number", "n_missing": 2, "mean": 0.5, "missing_at": 1},
        {
            "name": "site",
            "kind": "category",
            "n_missing": 1,
            "levels": ["a", "b", "c", "d"],
            "counts": [3, 3, 1, 1],
            "places": [-1, 0, 1, 1],
            "reference": "a",
            "pooled_at": 1,
            "missing_at": 2,
        },
    ]


def _changed(path, value, document=None):
    document = json.loads(document or dump(table_model()))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(document)


DOSE, SITE = ("encoding", "columns", 0), ("encoding", "columns", 1)
COEFFICIENTS = [[0.5] * 6]
REFUSED = {
    "format": (("format",), "pickle", '"format"'),
    "older version": (("version",), 0, "version 0"),
    "newer version": (("version",), 3, "version 3"),
    "version as text": (("version",), "2", '"version"'),
    "version as boolean": (("version",), True, '"version"'),
    "version as float": (("version",), 2.0, '"version"'),
    "the first version": (("version",), 1, 'lacks the key "features"'),
    "unknown key": (("__reduce__",), "os.system", "unknown key"),
    "unknown key in training": (("training", "file"), "/etc/passwd", "unknown key"),
    "unknown key in a column": ((*DOSE, "levels"), [], "unknown key"),
    "training as list": (("training",), [], '"training"'),
    "certificate as null": (("certificate",), None, '"certificate"'),
    "named as number": (("named",), 1, '"named"'),
    "target as number": (("target",), 1, '"target"'),
    "target among features": (("target",), "dose", "target"),
    "target as half a character": (("target",), "\ud800", "Unicode"),
    "one class": (("classes",), ["no"], "fewer than two"),
    "equal classes": (("classes",), ["no", "no"], "share a label"),
    "mixed classes": (("classes",), ["no", 1], "not all"),
    "true as 1": (("classes",), [0, True], "not all"),
    "class null": (("classes",), ["no", None], '"classes"'),
    "class list": (("classes",), ["no", []], '"classes"'),
    "class as half a character": (("classes",), ["no", "\udfff"], "Unicode"),
    "class beyond 64 bits": (("classes",), [0, 2**63], "64 bits"),
    "classes as text": (("classes",), "no", '"classes"'),
    "three classes": (("classes",), ["a", "b", "c"], "3 x 6"),
    "encoding as list": (("encoding",), [], '"encoding"'),
    "strange unseen": (("encoding", "unseen"), "eval", '"unseen"'),
    "unseen as list": (("encoding", "unseen"), [], '"unseen"'),
    "strange missing": (("encoding", "missing"), "median", '"missing"'),
    "missing refused": (("encoding", "missing"), "refuse", "which are refused"),
    "min_count of 0": (("encoding", "min_count"), 0, '"min_count"'),
    "min_count as float": (("encoding", "min_count"), 2.0, '"min_count"'),
    "sparse as text": (("encoding", "sparse"), "auto", '"sparse"'),
    "columns as object": (("encoding", "columns"), {}, '"columns"'),
    "column as text": (DOSE, "dose", "else than objects"),
    "strange kind": ((*DOSE, "kind"), "date", '"kind"'),
    "kind as list": ((*DOSE, "kind"), ["number"], '"kind"'),
    "name as number": ((*DOSE, "name"), 1, '"name"'),
    "name as half a character": ((*DOSE, "name"), "\ud800x", "Unicode"),
    "equal names": ((*DOSE, "name"), "site", "share a name"),
    "mean as text": ((*DOSE, "mean"), "0.5", '"mean"'),
    "indicator without mean": ((*DOSE, "mean"), None, "no mean"),
    "indicator elsewhere": ((*DOSE, "missing_at"), 2, "at 1"),
    "negative count of missing": ((*DOSE, "n_missing"), -1, '"n_missing"'),
    "no levels": ((*SITE, "levels"), [], "0 levels"),
    "levels as text": ((*SITE, "levels"), "abcd", '"levels"'),
    "unsorted levels": ((*SITE, "levels"), ["b", "a", "c", "d"], "sorted"),
    "equal levels": ((*SITE, "levels"), ["a", "a", "c", "d"], "sorted"),
    "mixed levels": ((*SITE, "levels"), ["a", "b", "c", 1], "several types"),
    "level null": ((*SITE, "levels"), ["a", "b", "c", None], '"levels"'),
    "level as half a character": ((*SITE, "levels"), ["a", "b", "c", "\ud9ff"], "Unicode"),
    "too few counts": ((*SITE, "counts"), [3], "as many counts"),
    "negative count": ((*SITE, "counts"), [3, 3, 1, -1], '"counts"'),
    "too few places": ((*SITE, "places"), [-1, 0, 1], "as many counts"),
    "place far outside": ((*SITE, "places"), [-1, 0, 1, 2**40], '"places"'),
    "place as float": ((*SITE, "places"), [-1, 0, 1, 1.0], '"places"'),
    "place below": ((*SITE, "places"), [-2, 0, 1, 1], '"places"'),
    "place left out": ((*SITE, "places"), [-1, 3, 1, 1], "leave some out"),
    "shared place": ((*SITE, "places"), [-1, 0, 0, 1], "share the place"),
    "no reference": ((*SITE, "places"), [3, 0, 1, 1], "0 references"),
    "two references": ((*SITE, "places"), [-1, -1, 1, 1], "leave some out"),
    "another reference": ((*SITE, "reference"), "b", "not the reference"),
    "reference null": ((*SITE, "reference"), None, "not the reference"),
    "pooled as reference": ((*SITE, "pooled_at"), -1, "share the place"),
    "pooled nowhere": ((*SITE, "pooled_at"), 3, "share the place"),
    "pooled as boolean": ((*SITE, "pooled_at"), True, '"pooled_at"'),
    "missing at a level": ((*SITE, "missing_at"), 0, "no place of their own"),
    "missing at the reference": ((*SITE, "missing_at"), -1, "no place of their own"),
    "coefficients as object": (("coefficients",), {}, '"coefficients"'),
    "coefficients flat": (("coefficients",), [0.5, -2.0], '"coefficients"'),
    "ragged coefficients": (("coefficients",), [[0.5] * 6, [1.0]], "1 numbers"),
    "two rows of coefficients": (("coefficients",), COEFFICIENTS * 2, "1 x 6"),
    "no coefficients": (("coefficients",), [], "1 x 6"),
    "coefficient null": (("coefficients",), [[None] * 6], '"coefficients"'),
    "coefficient text": (("coefficients",), [["1"] * 6], '"coefficients"'),
    "coefficient boolean": (("coefficients",), [[True] * 6], '"coefficients"'),
    "coefficient too long": (("coefficients",), [[2**53 + 1] * 6], "exact"),
    "two intercepts": (("intercepts",), [0.25, 0.5], "1 intercepts"),
    "intercept boolean": (("intercepts",), [False], '"intercepts"'),
    "intercept inf": (("intercepts",), ["inf"], '"intercepts"'),
    "covariance as object": (("covariance",), {}, '"covariance"'),
    "covariance square": (("covariance",), [[1.0, 0.0], [0.0, 1.0]], "lower triangle"),
    "covariance too small": (("covariance",), [[1.0], [0.0, 1.0]], "7 x 7"),
    "covariance of text": (("covariance", 0), ["1"], '"covariance"'),
    "variance of 0": (("covariance", 0), [0.0], "variance"),
    "negative variance": (("covariance", 0), [-1.0], "variance"),
    "half a hole": (("covariance", 1), [None, 1.0], "lacks entries"),
    "negative rows": (("training", "rows"), -1, '"rows"'),
    "rows as float": (("training", "rows"), 20.0, '"rows"'),
    "rows as boolean": (("training", "rows"), True, '"rows"'),
    "endless rows": (("training", "rows"), 2**63, '"rows"'),
    "no weight": (("training", "weight"), 0.0, "weight"),
    "weight as text": (("training", "weight"), "20", '"weight"'),
    "weight inf": (("training", "weight"), "inf", '"weight"'),
    "C of 0": (("training", "C"), 0, "C is not above 0"),
    "C as text": (("training", "C"), "Infinity", '"C"'),
    "l1_ratio of 2": (("training", "l1_ratio"), 2, "l1_ratio"),
    "written at a number": (("training", "written_at"), 0, '"written_at"'),
    "negative tol": (("certificate", "tol"), -1e-12, "tol"),
    "objective as text": (("certificate", "objective"), "0", '"objective"'),
    "negative gap": (("certificate", "optimality_gap"), -1e-16, "negative"),
    "converged as number": (("certificate", "converged"), 1, '"converged"'),
    "strange separation": (("certificate", "separated"), "maybe", "separated"),
    "aliased as numbers": (("certificate", "aliased"), [1], '"aliased"'),
    "warnings as text": (("training", "warnings"), "careful", '"warnings"'),
    "warning as number": (("training", "warnings"), [1], '"warnings"'),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_breaks_the_schema_is_refused_with_one_line(name):
    path, value, word = REFUSED[name]
    with pytest.raises(ModelFileError, match="not a model") as caught:
        load(_changed(path, value))
    assert word in str(caught.value)
    assert str(caught.value).isprintable()


OLD = (Path(__file__).parent / "models" / "version_1.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        (("features",), ["a", "a"], "share a name"),
        (("features",), ["a"], "2 numbers, not 1"),
        (("features",), [1, 2], '"features"'),
        (("target",), None, '"target"'),
        (("target",), "größe", "target"),
        (("coefficients",), [], "1 x 2"),
        (("classes",), ["no"], "fewer than two"),
        (("training", "rows"), None, '"rows"'),
        (("training", "C"), "inf", '"C"'),
        (("training", "estimator"), "x", "unknown key"),
        (("encoding",), {}, "unknown key"),
    ],
)
def test_what_breaks_the_first_schema_is_refused_too(path, value, word):
    with pytest.raises(ModelFileError, match="not a model") as caught:
        load(_changed(path, value, OLD))
    assert word in str(caught.value)


@pytest.mark.parametrize("document", [OLD, dump(table_model())], ids=["version 1", "version 2"])
def test_a_missing_key_is_named(document):
    tree = json.loads(document)
    places = [(tree, key) for key in tree] + [
        (part, key) for part in tree.values() if isinstance(part, dict) for key in part
    ]
    places += [(one, key) for one in tree.get("encoding", {}).get("columns", []) for key in one]
    for part, key in places:
        value = part.pop(key)
        with pytest.raises(ModelFileError, match=f'"{key}"'):
            load(json.dumps(tree))
        part[key] = value


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ("", "broken JSON"),
        ("[]", "not an object"),
        (dump(binary_model())[:-30], "broken JSON"),
        (dump(binary_model()) + "{}", "broken JSON"),
        (dump(binary_model()).replace("0.5", "NaN"), "NaN"),
        (dump(binary_model()).replace("0.5", "-Infinity"), "-Infinity"),
        (dump(binary_model()).replace("0.5", "1e999"), "1.8e308"),
        (dump(binary_model()).replace("0.5", "9" * 5000), "digits"),
        (dump(binary_model()).replace('"version"', '"format"'), "twice"),
        (dump(binary_model()).replace('"rows"', '"C"'), "twice"),
        ("[" * 1_000_000, "nested too deeply"),
        ('{"a":' * 1_000_000, "nested too deeply"),
        (b"\xff\xfe", "UTF-8"),
        (dump(binary_model()).encode("utf-16"), "UTF-8"),
        (b"\x80\x04\x95.", "UTF-8"),
    ],
)
def test_what_is_no_json_is_refused_with_one_line(document, word):
    with pytest.raises(ModelFileError) as caught:
        load(document)
    assert word in str(caught.value)
    assert str(caught.value).isprintable()


def test_size_is_capped_before_anything_is_parsed(monkeypatch, tmp_path):
    text = dump(binary_model())
    monkeypatch.setattr(model_json, "_MAX_BYTES", len(text))
    path = tmp_path / "model.json"
    path.write_text(text)
    assert read_model(path) == binary_model()
    path.write_text(text + " ")
    with pytest.raises(ModelFileError, match=r"model\.json: .* larger than"):
        read_model(path)


SPLICES = st.sampled_from(
    [b"", b"0", b"-", b"1e9", b"NaN", b"null", b"true", b'"', b"\\ud800", b"[", b"}", b",", b"\xff"]
)


@given(
    model=st.sampled_from([binary_model(), multinomial_model(), table_model()]),
    start=st.integers(0, 2500),
    length=st.integers(0, 40),
    splice=SPLICES | st.binary(max_size=4),
)
@settings(max_examples=600, deadline=None)
def test_mutated_bytes_load_or_are_refused(model, start, length, splice):
    document = dump(model).encode()
    _loads_to_what_it_says(document[:start] + splice + document[start + length :])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just("\udfff"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def _places(tree, path=()):
    yield path
    tree = dict(enumerate(tree)) if isinstance(tree, list) else tree
    for key, value in tree.items() if isinstance(tree, dict) else ():
        yield from _places(value, (*path, key))


PLACES = [path for path in _places(json.loads(dump(table_model()))) if path]


@given(path=st.sampled_from(PLACES), value=JSON)
@settings(max_examples=600, deadline=None)
def test_mutated_values_load_or_are_refused(path, value):
    _loads_to_what_it_says(_changed(path, value))


@given(document=JSON)
@settings(max_examples=300, deadline=None)
def test_any_json_loads_or_is_refused(document):
    _loads_to_what_it_says(json.dumps(document))


def _loads_to_what_it_says(document):
    """Whatever loads is a whole model, which can be written and predicts probabilities."""
    try:
        model = load(document)
    except ModelFileError as error:
        refusal = str(error)
        assert refusal.isprintable(), refusal
        return
    assert load(dump(model)) == model
    assert math.isclose(model.predict_proba(np.zeros((1, model.encoding.width))).sum(), 1)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"none\.json: there is no such file"):
        read_model(tmp_path / "none.json")
    with pytest.raises(ModelFileError, match="is a folder"):
        read_model(tmp_path)
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_model("a\0b")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ModelFileError, match=r"bad\.json: not a model: .*; use a file that"):
        read_model(tmp_path / "bad.json")


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_those_of_the_same_coefficients_elsewhere(n_classes):
    rng = np.random.default_rng(n_classes)
    X, y = rng.normal(size=(60, 3)), np.arange(60) % n_classes
    reference = Reference().fit(X, y)
    names, classes = ("a", "b", "c"), tuple(range(n_classes))
    model = plain_model(names, classes, "y", reference.coef_, reference.intercept_)
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), rtol=1e-13)
    np.testing.assert_allclose(model.margin(X), reference.decision_function(X), rtol=1e-12)
    assert model.predict(X).tolist() == reference.predict(X).tolist()


def test_probabilities_of_extreme_margins_are_exact():
    model = plain_model(("a",), (False, True), "y", [[1.0]], [0.0])
    proba = model.predict_proba([[-1000.0], [-700.0], [0.0], [1000.0]])
    assert proba[:, 1].tolist() == [0.0, math.exp(-700.0), 0.5, 1.0]
    assert model.predict([[-1.0], [0.0]]).tolist() == [False, True]


def test_threshold_is_reached_by_equality():
    model = binary_model()
    assert model.choose(np.array([[0.7, 0.3], [0.71, 0.29]]), 0.3).tolist() == [1, 0]
    assert model.predict([[0.0, 0.0]], threshold=1.0).tolist() == ["no"]
    for threshold in (-0.1, 1.1, math.nan):
        with pytest.raises(ParameterError, match="from 0 to 1"):
            model.predict([[0.0, 0.0]], threshold=threshold)


def test_threshold_needs_two_classes():
    with pytest.raises(ParameterError, match="two classes"):
        multinomial_model().predict([[0.0, 0.0]], threshold=0.4)
    assert multinomial_model().predict([[0.0, 0.0]]).tolist() == [3]


def test_rows_that_do_not_fit_are_refused():
    model = dataclasses.replace(binary_model(), coef=[[1e300, -1e300]])
    with pytest.raises(DataError, match=r"data row 2 "):
        model.margin([[0.0, 1.0], [1e300, 1e300]])
    with pytest.raises(DataError, match=r"shape \(1, 3\).*2 features"):
        model.margin([[1.0, 2.0, 3.0]])


def test_loading_imports_neither_scikit_learn_nor_scipy():
    code = (
        "import sys; import oddsmith.export.json; "
        "print([m for m in ('pandas', 'scipy', 'sklearn', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
