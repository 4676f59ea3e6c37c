"""Models as ONNX graphs, run with onnxruntime, against predict_proba."""

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_travel import HOSTILE, made, size_of
from test_travel import near as within
from test_travel import problems as plain_problems
from test_travel_tables import LEVELS, encoded, near, problems, rows_of

from oddsmith import LogisticRegression, ParameterError
from oddsmith.export import onnx as export

QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def run(graph, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)


def inputs_of(model, frame):
    """Columns as the graph takes them: NaN and "" where a value is missing."""
    found = {}
    rows = rows_of(frame)
    columns = model.encoder_.encoding_.columns
    if all(one.kind == "number" and one.refuses_missing() for one in columns):
        return {"X": np.array(rows, dtype=float)}
    for place, (name, one) in enumerate(
        zip(frame.columns, model.encoder_.encoding_.columns, strict=True)
    ):
        values = [row[place] for row in rows]
        if one.kind == "category" and isinstance(one.levels[0], str):
            cells = np.array([["" if x is None else x] for x in values], dtype=object)
        else:
            cells = np.array([[np.nan if x is None else float(x)] for x in values])
        found[name] = cells
    return found


@given(plain_problems(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=60, **QUIET)
def test_a_matrix_of_numbers_has_the_same_probabilities(problem):
    names, model, X = problem
    label, found = run(model.to_onnx(columns=names), {"X": X})
    wanted = model.predict_proba(X)
    within(found, wanted, size_of(model, X))
    clear = np.sort(wanted, axis=1)[:, -1] - np.sort(wanted, axis=1)[:, -2] > 1e-8
    assert (label == model.predict(X))[clear].all()


@given(problems())
@settings(max_examples=60, **QUIET)
def test_an_encoded_table_has_the_same_probabilities(problem):
    model, frame = problem
    texts = [one for one in model.encoder_.encoding_.columns if one.kind == "category"]
    if any("" in one.levels.tolist() and one.missing_at is not None for one in texts):
        return  # "" cannot be both
    label, found = run(model.to_onnx(), inputs_of(model, frame))
    wanted = model.predict_proba(frame)
    near(found, wanted)
    clear = np.sort(wanted, axis=1)[:, -1] - np.sort(wanted, axis=1)[:, -2] > 1e-8
    assert (label == model.predict(frame))[clear].all()


@pytest.mark.parametrize("height", [1, 3])
def test_hostile_levels_and_names(height):
    frame = pd.DataFrame(dict.fromkeys(HOSTILE[:6], LEVELS))
    model = encoded(frame, 1, [0.5] * height)
    _, found = run(model.to_onnx(), inputs_of(model, frame))
    near(found, model.predict_proba(frame))


@pytest.mark.parametrize("classes", [["nein", "größer"], [False, True], [-1, 1], [0.5, 1.5]])
def test_labels_keep_their_kind(classes):
    model = made([1.0], 0.0, classes)
    label, _ = run(model.to_onnx(), {"X": np.array([[-1.0], [2.0], [0.0]])})
    assert label.tolist() == [*classes, classes[0]]
    assert label.dtype.kind == np.array(classes).dtype.kind.replace("U", "O")


def test_margins_far_out_and_small_probabilities():
    model = made([1.0], 0.0)
    X = np.array([[-1e300], [-1000.0], [-600.0], [-50.0], [50.0], [1000.0], [1e300]])
    _, found = run(model.to_onnx(), {"X": X})
    near(found, model.predict_proba(X))
    np.testing.assert_allclose(found[2:4, 1], np.exp([-600.0, -50.0]), rtol=1e-12)


def test_what_the_model_refuses_is_an_error():
    frame = pd.DataFrame({"s": ["a", "b"], "b": [True, False], "x": [1.0, 2.0]})
    graph = encoded(frame, 2, 0.5).to_onnx()
    good = {"s": np.array([["a"]], dtype=object), "b": np.array([[1.0]]), "x": np.array([[2.0]])}
    assert np.isfinite(run(graph, good)[1]).all()
    for level in ("z", "", "A"):
        with pytest.raises(Exception, match="out of data bounds"):
            run(graph, good | {"s": np.array([[level]], dtype=object)})
    for change in ({"b": 0.5}, {"b": np.nan}, {"x": np.nan}, {"x": np.inf}, {"x": -np.inf}):
        change = {name: np.array([[value]]) for name, value in change.items()}
        with pytest.raises(Exception, match="out of data bounds"):
            run(graph, good | change)


def test_unseen_levels_are_pooled_where_asked():
    frame = pd.DataFrame({"s": [*"aaabbbc"], "k": pd.Categorical([1, 1, 1, 2, 2, 2, 3])})
    model = encoded(frame, 3, 0.5, min_count=2, unseen="pool")
    other = pd.DataFrame({"s": ["zz", "a"], "k": pd.Categorical([7, 1])})
    _, found = run(model.to_onnx(), inputs_of(model, other))
    near(found, model.predict_proba(other))


def test_thousands_of_levels():
    frame = pd.DataFrame({"x": [f"level {i}" for i in range(20_000)]})
    model = encoded(frame, 4, [0.0] * 3)
    _, found = run(model.to_onnx(), inputs_of(model, frame[::100]))
    near(found, model.predict_proba(frame[::100]))


def test_old_runtimes_read_it(tmp_path):
    frame = pd.DataFrame({"s": ["a", "b"], "x": [1.0, 2.0]})
    path = tmp_path / "m.onnx"
    graph = encoded(frame, 5, 0.5).to_onnx(path)
    onnx.checker.check_model(graph, full_check=True)
    assert onnx.load(path) == graph
    assert (graph.ir_version, [one.version for one in graph.opset_import]) == (8, [15, 2])
    assert [one.name for one in graph.graph.input] == ["s", "x"]
    assert [one.name for one in graph.graph.output] == ["label", "probabilities"]


def test_names_that_no_graph_can_have_are_refused():
    frame = pd.DataFrame({"label": ["a", "b"], "x": [1.0, 2.0]})
    with pytest.raises(ParameterError, match='a column is called "label"'):
        encoded(frame, 6, 0.5).to_onnx()
    encoded(frame, 6, 0.5).to_onnx(columns=["label_", "x"])
    with pytest.raises(ParameterError, match="not valid Unicode"):
        made([1.0], 0.0).to_onnx(columns=["\ud800"])
    with pytest.raises(ParameterError, match=r'column "s" has the level .* Unicode'):
        encoded({"s": ["\udfff", "b"]}, 7, 0.5).to_onnx()
    frame = pd.DataFrame({"_0": ["a", "b"], "__c0": [1.0, 2.0]})
    model = encoded(frame, 8, 0.5)
    near(run(model.to_onnx(), inputs_of(model, frame))[1], model.predict_proba(frame))


def test_onnx_is_optional():
    code = (
        "import sys; sys.modules['onnx'] = None; import numpy as np, oddsmith; "
        "m = oddsmith.LogisticRegression().fit(np.eye(4), [0, 1, 0, 1])\n"
        "try: m.to_onnx()\n"
        "except oddsmith.MissingPackageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "oddsmith[onnx]"' in done.stdout


def test_a_fitted_model_travels():
    rng = np.random.default_rng(9)
    X = rng.normal(size=(200, 4))
    y = np.array(["no", "yes", "maybe"])[np.digitize(X[:, 0], [0, 1])]
    model = LogisticRegression().fit(X, y)
    label, found = run(model.to_onnx(), {"X": X})
    near(found, model.predict_proba(X))
    assert label.tolist() == model.predict(X).tolist()
    assert export.__all__ == ["onnx_model"]
