"""Model files: exact round trips, and one line of refusal for everything else."""

import dataclasses
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression as Reference

from oddsmith.errors import DataError, ModelFileError, ParameterError
from oddsmith.export import json as model_json
from oddsmith.export.json import dump, load, read_model
from oddsmith.export.schema import Model, Training

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(max_size=8)
LABELS = [
    TEXT,
    st.integers(-(2**63), 2**63 - 1),
    FLOATS,
    st.booleans(),
]


def training(**changes):
    plain = Training(20, 20.0, 1.0, "newton", 1e-12, 5, 11, 0.25, 1e-16, True, ("careful",))
    return dataclasses.replace(plain, **changes)


def binary_model():
    return Model(("a", "b"), ("no", "yes"), "y", [[0.5, -2.0]], [0.25], training())


def multinomial_model():
    coef = [[1.0, 0.0], [0.5, -2.0], [0.0, 1e-300]]
    return Model(("a", "b"), (1, 2, 3), "y", coef, [0.0, 0.1, 0.2], training())


@st.composite
def models(draw):
    classes = draw(
        st.sampled_from(LABELS).flatmap(
            lambda kind: st.lists(kind, min_size=2, max_size=4, unique=True)
        )
    )
    names = draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
    k, p = (1 if len(classes) == 2 else len(classes)), len(names) - 1
    numbers = draw(st.lists(FLOATS, min_size=k * (p + 1), max_size=k * (p + 1)))
    values = np.array(numbers).reshape(k, p + 1)
    how = training(
        C=draw(st.just(math.inf) | st.floats(1e-300, 1e300)),
        optimality_gap=draw(st.just(math.inf) | st.floats(0, 1e300)),
        objective=draw(FLOATS),
        converged=draw(st.booleans()),
        warnings=tuple(draw(st.lists(TEXT, max_size=2))),
    )
    return Model(tuple(names[1:]), tuple(classes), names[0], values[:, 1:], values[:, 0], how)


@given(model=models())
@settings(max_examples=200, deadline=None)
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
    assert json.loads(dump(binary_model())) == {
        "format": "oddsmith-model",
        "version": 1,
        "target": "y",
        "classes": ["no", "yes"],
        "features": ["a", "b"],
        "coefficients": [[0.5, -2.0]],
        "intercepts": [0.25],
        "training": {
            "rows": 20,
            "weight": 20.0,
            "C": 1.0,
            "solver": "newton",
            "tol": 1e-12,
            "iterations": 5,
            "passes": 11,
            "objective": 0.25,
            "optimality_gap": 1e-16,
            "converged": True,
            "warnings": ["careful"],
        },
    }


def _changed(path, value):
    document = json.loads(dump(binary_model()))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(document)


REFUSED = {
    "format": (("format",), "pickle", '"format"'),
    "older version": (("version",), 0, "version 0"),
    "newer version": (("version",), 2, "version 2"),
    "version as text": (("version",), "1", '"version"'),
    "version as boolean": (("version",), True, '"version"'),
    "version as float": (("version",), 1.0, '"version"'),
    "unknown key": (("__reduce__",), "os.system", "unknown key"),
    "unknown key in training": (("training", "file"), "/etc/passwd", "unknown key"),
    "training as list": (("training",), [], '"training"'),
    "target as number": (("target",), 1, '"target"'),
    "target among features": (("target",), "a", "target"),
    "target as half a character": (("target",), "\ud800", "Unicode"),
    "one class": (("classes",), ["no"], "fewer than two"),
    "equal classes": (("classes",), ["no", "no"], "share a label"),
    "mixed classes": (("classes",), ["no", 1], "not all"),
    "true as 1": (("classes",), [0, True], "not all"),
    "class null": (("classes",), ["no", None], '"classes"'),
    "class list": (("classes",), ["no", []], '"classes"'),
    "class beyond 64 bits": (("classes",), [0, 2**63], "64 bits"),
    "classes as text": (("classes",), "no", '"classes"'),
    "three classes": (("classes",), ["a", "b", "c"], "3 x 2"),
    "features as text": (("features",), "ab", '"features"'),
    "features as numbers": (("features",), [1, 2], '"features"'),
    "equal features": (("features",), ["a", "a"], "share a name"),
    "too few features": (("features",), ["a"], "length 1"),
    "coefficients as object": (("coefficients",), {}, '"coefficients"'),
    "coefficients flat": (("coefficients",), [0.5, -2.0], '"coefficients"'),
    "ragged coefficients": (("coefficients",), [[0.5], [-2.0, 1.0]], "length 2"),
    "two rows of coefficients": (("coefficients",), [[0.5, 1.0], [0.5, 1.0]], "1 x 2"),
    "no coefficients": (("coefficients",), [], "1 x 2"),
    "coefficient null": (("coefficients",), [[0.5, None]], '"coefficients"'),
    "coefficient text": (("coefficients",), [[0.5, "1"]], '"coefficients"'),
    "coefficient boolean": (("coefficients",), [[0.5, True]], '"coefficients"'),
    "coefficient too long": (("coefficients",), [[0.5, 2**53 + 1]], "exact"),
    "two intercepts": (("intercepts",), [0.25, 0.5], "1 intercepts"),
    "intercept boolean": (("intercepts",), [False], '"intercepts"'),
    "negative rows": (("training", "rows"), -1, '"rows"'),
    "rows as float": (("training", "rows"), 20.0, '"rows"'),
    "rows as boolean": (("training", "rows"), True, '"rows"'),
    "endless rows": (("training", "rows"), 2**63, '"rows"'),
    "no weight": (("training", "weight"), 0.0, "weight"),
    "weight as text": (("training", "weight"), "20", '"weight"'),
    "C of 0": (("training", "C"), 0, "C is not above 0"),
    "negative tol": (("training", "tol"), -1e-12, "tol"),
    "objective null": (("training", "objective"), None, '"objective"'),
    "negative gap": (("training", "optimality_gap"), -1e-16, "negative"),
    "converged as number": (("training", "converged"), 1, '"converged"'),
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


@pytest.mark.parametrize("key", sorted(json.loads(dump(binary_model()))))
def test_a_missing_key_is_named(key):
    document = json.loads(dump(binary_model()))
    del document[key]
    with pytest.raises(ModelFileError, match=f'"{key}"'):
        load(json.dumps(document))


@pytest.mark.parametrize("key", [field.name for field in dataclasses.fields(Training)])
def test_a_missing_key_of_the_training_is_named(key):
    document = json.loads(dump(binary_model()))
    del document["training"][key]
    with pytest.raises(ModelFileError, match=f'"training" lacks the key "{key}"'):
        load(json.dumps(document))


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
        (dump(binary_model()).replace('"tol"', '"C"'), "twice"),
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
    model=st.sampled_from([binary_model(), multinomial_model()]),
    start=st.integers(0, 2000),
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
PLACES = [(key,) for key in json.loads(dump(binary_model()))] + [
    ("training", field.name) for field in dataclasses.fields(Training)
]


@given(path=st.sampled_from(PLACES), value=JSON)
@settings(max_examples=600, deadline=None)
def test_mutated_values_load_or_are_refused(path, value):
    _loads_to_what_it_says(_changed(path, value))


def _loads_to_what_it_says(document):
    """Whatever loads is a whole model, which can be written and predicts probabilities."""
    try:
        model = load(document)
    except ModelFileError as error:
        refusal = str(error)
        assert refusal.isprintable(), refusal
        return
    assert load(dump(model)) == model
    assert math.isclose(model.predict_proba(np.zeros((1, len(model.feature_names)))).sum(), 1)


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
    model = Model(names, classes, "y", reference.coef_, reference.intercept_, training())
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), rtol=1e-13)
    np.testing.assert_allclose(model.margin(X), reference.decision_function(X), rtol=1e-12)
    assert model.predict(X).tolist() == reference.predict(X).tolist()


def test_probabilities_of_extreme_margins_are_exact():
    model = Model(("a",), (False, True), "y", [[1.0]], [0.0], training())
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
