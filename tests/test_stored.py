"""Saved models: classifiers again, bit by bit; files that are kept for ever; hostile files."""

import calendar
import json
import math
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hostile_models import hostile
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import oddsmith
from oddsmith import (
    FirthLogisticRegression,
    LogisticRegression,
    LogisticRegressionCV,
    ModelFileError,
    ParameterError,
    StoredModel,
    TableEncoder,
)

MODELS = Path(__file__).parent / "models"


def numbers(n=80, p=3, K=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, (X[:, 0] + rng.normal(size=n) > 0) + (X[:, 1] > 0.5) * (K - 2)


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    sites, shares = ["Köln", "東京", "a\"'b", "(pooled)", " "], [0.5, 0.3, 0.1, 0.06, 0.04]
    columns = {"dose": rng.normal(size=n), "Ort": rng.choice(sites, n, p=shares)}
    frame = pd.DataFrame({**columns, "new": rng.random(n) > 0.5})
    y = np.where(frame["dose"] + frame["new"] + rng.normal(size=n) > 0.5, "yes", "no")
    frame.loc[::7, "dose"] = np.nan
    frame.loc[::11, "Ort"] = None
    return frame, y


def fitted_to_table(frame, y, **how):
    """A classifier whose encoder is inside, whatever `fit` does with tables."""
    encoder = TableEncoder(**how).fit(frame)
    model = LogisticRegression(C=np.inf).fit(encoder.transform(frame), y)
    model.encoder_, model.n_features_in_ = encoder, encoder.n_features_in_
    model.feature_names_in_ = encoder.feature_names_in_
    model.coef_names_ = encoder.get_feature_names_out()
    model.target_ = "outcome"
    return model


def there_and_back(model, path, **how):
    model.save(path, **how)
    found = oddsmith.load(path)
    again = path.with_suffix(".again")
    found.save(again)
    assert again.read_bytes() == path.read_bytes()
    return found


# ----------------------------------------------------------------------------- there and back


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize(
    "labels",
    [[0, 1, 2], ["nein", "ja", "größer"], [-0.0, 1.0, 7.0], [False, True, True]],
    ids=["numbers", "text", "floats", "booleans"],
)
def test_a_loaded_model_predicts_the_same_bits(K, labels, tmp_path):
    X, y = numbers(K=K)
    y = np.array(labels)[y]
    model = LogisticRegression().fit(X, y)
    found = there_and_back(model, tmp_path / "m.json")
    assert isinstance(found, StoredModel)
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        a, b = getattr(found, method)(X), getattr(model, method)(X)
        assert a.tobytes() == b.tobytes()
    assert found.predict(X).tolist() == model.predict(X).tolist()
    assert found.score(X, y) == model.score(X, y)
    assert found.coef_.tobytes() == model.coef_.tobytes()
    assert found.intercept_.tobytes() == model.intercept_.tobytes()
    assert found.classes_.tolist() == model.classes_.tolist()
    assert found.coef_names_.tolist() == ["x0", "x1", "x2"]
    assert not hasattr(found, "feature_names_in_")
    assert found.encoder_ is None
    sparse = sp.csr_array(np.where(X > 0, X, 0))
    assert (found.predict(sparse) == model.predict(sparse)).all()


def test_names_and_offsets_come_back(tmp_path):
    X, y = numbers()
    frame = pd.DataFrame(X, columns=["a", "größe", "a b"])
    model = LogisticRegression().fit(frame, y)
    found = there_and_back(model, tmp_path / "m.json")
    offset = np.arange(80.0) / 80
    np.testing.assert_array_equal(
        found.predict_proba(frame, offset), model.predict_proba(frame, offset)
    )
    assert found.feature_names_in_.tolist() == ["a", "größe", "a b"]
    assert found.to_sql("duckdb") == model.to_sql("duckdb")
    assert found.to_python() == model.to_python()
    with pytest.raises(ValueError, match='X lacks the column "a"'):
        found.predict(frame.rename(columns={"a": "b"}))


@pytest.mark.parametrize(
    "how",
    [
        {"missing": "indicator"},
        {"missing": "indicator", "min_count": 15, "unseen": "pool"},
        {"missing": "indicator", "min_count": 1000},
        {"missing": "indicator", "reference": {"Ort": "東京"}, "sparse": True},
    ],
    ids=["indicator", "pooled", "all pooled", "sparse"],
)
def test_encodings_come_back(how, tmp_path):
    frame, y = table()
    with np.errstate(all="ignore"):
        model = fitted_to_table(frame, y, **how)
    found = there_and_back(model, tmp_path / "m.json")
    assert found.predict_proba(frame).tobytes() == model.predict_proba(frame).tobytes()
    assert found.target_ == "outcome"
    assert found.coef_names_.tolist() == model.coef_names_.tolist()
    for name in ("levels_", "counts_", "reference_", "pooled_", "means_", "n_missing_", "sparse_"):
        assert getattr(found.encoder_, name) == getattr(model.encoder_, name)
    again = clone(found.encoder_).fit(frame)
    assert again.get_feature_names_out().tolist() == found.coef_names_.tolist()
    other = frame.assign(Ort="new")
    if how.get("unseen") == "pool":
        assert found.predict_proba(other).tobytes() == model.predict_proba(other).tobytes()
    else:
        with pytest.raises(oddsmith.DataError, match='column "Ort" of X has the value "new"'):
            found.predict_proba(other)


def test_numbers_as_levels_come_back(tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"code": pd.Categorical(rng.choice([1, 5, 70], 60)), "x": rng.normal(size=60)}
    )
    y = rng.random(60) > 0.5
    model = fitted_to_table(frame, y)
    found = there_and_back(model, tmp_path / "m.json")
    assert found.encoder_.levels_ == {"code": [1, 5, 70]}
    assert found.predict_proba(frame).tobytes() == model.predict_proba(frame).tobytes()


@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False)
        | st.sampled_from([-0.0, 5e-324, -5e-324, 2.2e-308, 1.7976931348623157e308, 0.1]),
        min_size=4,
        max_size=4,
    )
)
@settings(deadline=None, max_examples=200)
def test_every_bit_of_a_coefficient_comes_back(tmp_path_factory, values):
    model = LogisticRegression()
    model.coef_, model.intercept_ = np.array([values[:3]]), np.array(values[3:])
    model.classes_, model.n_features_in_ = np.array([0, 1]), 3
    path = tmp_path_factory.mktemp("bits") / "m.json"
    model.save(path)
    found = oddsmith.load(path)
    assert found.coef_.tobytes() == model.coef_.tobytes()
    assert found.intercept_.tobytes() == model.intercept_.tobytes()


# ----------------------------------------------------------- what is known, and what is not


def test_the_certificate_and_the_training_come_back(tmp_path):
    X, y = numbers()
    model = LogisticRegression(C=0.5, l1_ratio=0.25).fit(X, y)
    found = there_and_back(model, tmp_path / "m.json")
    proof, training = found.certificate_, found.training_
    assert proof.objective == model.objective_
    assert proof.optimality_gap == model.optimality_gap_
    assert (proof.tol, proof.converged) == (1e-12, True)
    assert (training.estimator, training.C, training.l1_ratio) == ("LogisticRegression", 0.5, 0.25)
    assert (training.penalty, training.solver) == ("elasticnet", model.solver_)
    assert (training.iterations, training.passes) == (model.n_iter_[0], model.n_passes_)
    assert training.version == oddsmith.__version__
    assert (training.rows, training.weight, training.warnings) == (80, 80.0, ())
    written = time.strptime(training.written_at, "%Y-%m-%dT%H:%M:%SZ")
    assert abs(time.time() - calendar.timegm(written)) < 60


@pytest.mark.parametrize(
    ("given", "C", "ratio", "penalty"),
    [
        ({}, 1.0, 0.0, "l2"),
        ({"C": np.inf}, math.inf, 0.0, "none"),
        ({"C": 2.0, "l1_ratio": 1.0}, 2.0, 1.0, "l1"),
        ({"C": 2.0, "penalty": "l1"}, 2.0, 1.0, "l1"),
        ({"penalty": None}, math.inf, 0.0, "none"),
    ],
)
def test_the_penalty_is_named(given, C, ratio, penalty, tmp_path):
    X, y = numbers()
    training = there_and_back(LogisticRegression(**given).fit(X, y), tmp_path / "m.json").training_
    assert (training.C, training.l1_ratio, training.penalty) == (C, ratio, penalty)


def test_what_a_class_does_not_have_is_null(tmp_path):
    X, y = numbers()
    firth = there_and_back(FirthLogisticRegression().fit(X, y), tmp_path / "firth.json")
    assert firth.training_.estimator == "FirthLogisticRegression"
    assert firth.training_.penalty == "jeffreys"
    assert firth.training_.C is firth.training_.l1_ratio is firth.training_.solver is None
    assert firth.certificate_.optimality_gap is firth.certificate_.objective is None
    assert firth.certificate_.converged is True
    assert (firth.training_.rows, firth.training_.weight) == (80, None)

    chosen = LogisticRegressionCV(Cs=[0.1, 1.0], cv=3).fit(X, y)
    cv = there_and_back(chosen, tmp_path / "cv.json")
    assert (cv.training_.C, cv.training_.penalty, cv.training_.rows) == (chosen.C_, "l2", 80)
    assert cv.certificate_.optimality_gap == chosen.optimality_gap_
    mean = LogisticRegressionCV(Cs=[0.1, 1.0], cv=3, refit=False).fit(X, y)
    mean = there_and_back(mean, tmp_path / "mean.json")
    assert mean.certificate_.objective is mean.certificate_.optimality_gap is None
    assert mean.certificate_.converged is mean.training_.iterations is mean.training_.rows is None

    part = LogisticRegression(solver="gradient-descent").partial_fit(X, y, classes=[0, 1])
    part = there_and_back(part, tmp_path / "part.json")
    assert part.certificate_.optimality_gap is part.certificate_.converged is None
    assert part.training_.iterations == 1


# -------------------------------------------------------------------------------- covariance


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_covariance_of_an_inference_is_kept_in_order(K, intercept, tmp_path):
    X, y = numbers(n=200, K=K)
    model = LogisticRegression(C=np.inf, fit_intercept=intercept).fit(X, y)
    inference = model.infer(X, y)
    found = there_and_back(model, tmp_path / "m.json", covariance=inference)
    errors = np.sqrt(np.diag(found.covariance_))
    q, first = 3, int(intercept)
    wanted = inference.bse.reshape(K - 1, q + first)
    np.testing.assert_allclose(errors[: (K - 1) * q].reshape(K - 1, q), wanted[:, first:])
    if intercept:
        np.testing.assert_allclose(errors[(K - 1) * q :], wanted[:, 0])
    else:
        assert np.isnan(errors[(K - 1) * q :]).all()
    own = there_and_back(model, tmp_path / "own.json", covariance=found.covariance_)
    assert own.covariance_.tobytes() == found.covariance_.tobytes()
    later = there_and_back(model, tmp_path / "later.json")
    assert later.covariance_ is None
    later.save(tmp_path / "later.json", covariance=inference)
    kept = oddsmith.load(tmp_path / "later.json")
    assert kept.covariance_.tobytes() == found.covariance_.tobytes()


def test_aliased_columns_have_no_covariance(tmp_path):
    X, y = numbers(n=200)
    X[:, 2] = X[:, 0]
    with pytest.warns(oddsmith.CollinearityWarning):
        model = LogisticRegression(C=np.inf).fit(X, y)
    with pytest.warns(oddsmith.CollinearityWarning):
        inference = model.infer(X, y)
    # The fit shares the coefficient out between them, and an inference gives it to the first.
    with pytest.raises(ParameterError, match="covariance is of another fit"):
        model.save(tmp_path / "m.json", covariance=inference)
    found = there_and_back(model, tmp_path / "m.json")
    assert found.certificate_.aliased == ("x2",)
    assert ["linear combination" in text for text in found.training_.warnings] == [True]


def test_separated_classes_and_weights_are_told_of(tmp_path):
    X, y = numbers()
    weight = np.arange(80) % 3
    model = LogisticRegression().fit(X, y, sample_weight=weight)
    assert there_and_back(model, tmp_path / "m.json").training_.weight == weight.sum()
    with pytest.warns(oddsmith.SeparationWarning):
        apart = LogisticRegression(C=np.inf).fit(X, X[:, 0] > 0)
    found = there_and_back(apart, tmp_path / "apart.json")
    assert found.certificate_.separated == "complete"
    assert len(found.training_.warnings) >= 1


def test_a_frame_with_text_is_fitted_saved_and_loaded(tmp_path):
    frame, y = table()
    frame = frame.dropna().assign(outcome=y[frame.dropna().index])
    model = LogisticRegression(C=np.inf).fit(frame, frame["outcome"])
    inference = model.infer(frame, frame["outcome"])
    found = there_and_back(model, tmp_path / "m.json", covariance=inference)
    assert found.predict_proba(frame).tobytes() == model.predict_proba(frame).tobytes()
    assert found.target_ == "outcome"
    assert found.feature_names_in_.tolist() == ["dose", "Ort", "new"]
    assert found.coef_names_.tolist() == model.coef_names_.tolist()
    assert found.score(frame, frame["outcome"]) == model.score(frame, frame["outcome"])
    wanted = np.append(inference.bse[1:], inference.bse[0])
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance_)), wanted)


def test_a_covariance_that_is_none_is_refused(tmp_path):
    X, y = numbers()
    model = LogisticRegression(C=np.inf).fit(X, y)
    other = LogisticRegression(C=np.inf).fit(X[:, ::-1], y).infer(X[:, ::-1], y)
    path = tmp_path / "m.json"
    for covariance, word in [
        (other, "another fit"),
        (LogisticRegression(C=np.inf).fit(X[:, :2], y).infer(X[:, :2], y), "another fit"),
        ("cov", "type str"),
        (np.eye(3), "4 x 4"),
        (np.ones((4, 3)), "square"),
        (np.array([[1.0, 2, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "not symmetric"),
        (np.zeros((4, 4)), "variance"),
        (np.full((4, 4), np.inf), "not finite"),
    ]:
        with pytest.raises(ParameterError, match=word):
            model.save(path, covariance=covariance)
    assert not path.exists()


def test_firth_keeps_its_covariance(tmp_path):
    X, y = numbers()
    model = FirthLogisticRegression().fit(X, y)
    inference = model.infer(X, y)
    found = there_and_back(model, tmp_path / "m.json", covariance=inference)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance_))[:3], inference.bse[1:])


# -------------------------------------------------------------------------- a stored model


def test_a_stored_model_says_what_it_is_and_is_not_fitted(tmp_path):
    X, y = numbers()
    model = LogisticRegression().fit(X, y)
    found = there_and_back(model, tmp_path / "m.json")
    assert repr(found).startswith("<StoredModel: LogisticRegression")
    assert "3 columns, 2 classes, written 20" in repr(found)
    with pytest.raises(ParameterError, match="a stored model cannot be fitted"):
        found.fit(X, y)
    with pytest.raises(NotFittedError):
        clone(found).predict(X)
    assert repr(clone(found)) == "StoredModel()"
    again = pickle.loads(pickle.dumps(found))  # noqa: S301
    assert (again.predict(X) == model.predict(X)).all()
    with pytest.raises(NotFittedError):
        LogisticRegression().save(tmp_path / "n.json")


def test_what_no_file_can_hold_is_refused_and_leaves_nothing(tmp_path):
    X, y = numbers()
    path = tmp_path / "m.json"
    model = LogisticRegression().fit(X, y)
    model.coef_ = model.coef_ * np.nan
    with pytest.raises(ParameterError, match="a coefficient is not finite"):
        model.save(path)
    dated = LogisticRegression().fit(X, y)
    dated.classes_ = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
    with pytest.raises(ParameterError, match="the class label"):
        dated.save(path)
    halved = LogisticRegression().fit(X, y)
    halved.feature_names_in_ = np.array(["\ud800", "b", "c"], dtype=object)
    with pytest.raises(ParameterError, match="not valid Unicode"):
        halved.save(path)
    frame = {"a": ["\udfff", "b", "c"] * 20}
    with pytest.raises(ParameterError, match="not valid Unicode"):
        fitted_to_table(frame, np.arange(60) % 2).save(path)
    with pytest.raises(ParameterError, match=r"m\.json: cannot be .*choose another path"):
        LogisticRegression().fit(X, y).save(tmp_path / "no" / "m.json")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    X, y = numbers()
    model = LogisticRegression().fit(X, y)
    path = tmp_path / "m.json"
    model.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ParameterError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_no_row_of_the_fit_is_in_the_file(tmp_path):
    X, y = numbers()
    path = tmp_path / "m.json"
    model = LogisticRegression(C=np.inf).fit(X, y)
    model.save(path, covariance=model.infer(X, y))
    text = path.read_text()
    assert not [value for value in X.ravel().tolist() if repr(value) in text]
    assert path.stat().st_size < 3000


# ------------------------------------------------------------------- files kept for ever


def shares(*odds):
    return np.array(odds) / sum(odds)


def test_a_file_of_version_1_is_read_for_ever():
    found = oddsmith.load(MODELS / "version_1.json")
    assert found.classes_.tolist() == ["no", "yes"]
    # Margins 0.25 + 0.5 dose - 2 size, by hand.
    rows = pd.DataFrame({"dose (mg)": [0.0, 1.5, -0.5], "größe": [0.125, 0.5, -1.0]})
    wanted = [0.5, 0.5, 1 / (1 + math.exp(-2.0))]
    np.testing.assert_allclose(found.predict_proba(rows)[:, 1], wanted, rtol=1e-15)
    assert found.predict(rows).tolist()[2] == "yes"
    assert found.target_ == "alive"
    assert (found.training_.rows, found.training_.C) == (40, math.inf)
    assert found.training_.estimator is found.training_.version is found.covariance_ is None
    assert found.certificate_.optimality_gap == 3.5e-17
    assert found.training_.warnings == ("the classes are nearly separated",)


def test_a_file_of_version_2_is_read_for_ever(tmp_path):
    found = oddsmith.load(MODELS / "version_2.json")
    rows = pd.DataFrame(
        {
            "new": [False, False, False, True],
            "Ort": ["Köln", None, "never seen", "東京"],
            "dose (mg)": [0.25, np.nan, 0.0, 0.75],
        }
    )
    # Odds against "low", by hand: coefficients are multiples of log 2, but the last.
    wanted = [
        shares(1, 2, 2**-1.5),
        shares(1, 2**2.5, 2),
        shares(1, 2**1.5, 0.5),
        shares(1, 4, math.e * 2**-0.5),
    ]
    np.testing.assert_allclose(found.predict_proba(rows), wanted, rtol=1e-14)
    assert found.predict(rows).tolist() == ["mid", "mid", "mid", "mid"]
    assert found.coef_names_.tolist() == [
        "dose (mg)",
        "dose (mg)[(missing)]",
        "Ort[ß]",
        "Ort[東京]",
        "Ort[(pooled)]",
        "Ort[(missing)]",
        "new",
    ]
    assert found.encoder_.pooled_ == {"Ort": ["(pooled)", 'a"b']}
    assert np.signbit(found.coef_[1, 5])
    assert found.coef_[1, 6] == 5e-324
    assert found.covariance_[15, 15] == 15.5
    assert np.isnan(found.covariance_[6]).all()
    assert found.certificate_.aliased == ("new",)
    found.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (MODELS / "version_2.json").read_bytes()


# ------------------------------------------------------------------------------ hostile files

HOSTILE = hostile()


def test_the_corpus_is_large():
    assert len(HOSTILE) >= 300


@pytest.mark.parametrize("part", range(8))
def test_each_hostile_file_is_refused_with_one_line_that_names_it(part, tmp_path):
    for number, (name, content) in enumerate(sorted(HOSTILE.items())):
        if number % 8 != part:
            continue
        path = tmp_path / f"model {number}.json"
        path.write_bytes(content)
        start = time.monotonic()
        with pytest.raises(ModelFileError) as caught:
            oddsmith.load(path)
        said = str(caught.value)
        assert f"model {number}.json" in said, name
        assert said.isprintable(), name
        assert len(said) < 600, name
        assert time.monotonic() - start < 20, name


def test_names_of_files_are_hostile_too(tmp_path):
    path = tmp_path / "a\n\x1b[31mb.json"
    path.write_bytes(b"{}")
    with pytest.raises(ModelFileError) as caught:
        oddsmith.load(path)
    assert str(caught.value).isprintable()
    for bad in ("no such file", "a\0b", tmp_path, ""):
        with pytest.raises(ModelFileError):
            oddsmith.load(bad)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
def test_loading_opens_no_other_file_and_imports_nothing(tmp_path):
    """Audited: what Python opens, imports, compiles and runs while it loads lures."""
    for number, content in enumerate(v for k, v in HOSTILE.items() if "lure" in k):
        (tmp_path / f"{number}.json").write_bytes(content)
    code = f"""
import sys, pathlib, oddsmith
try: oddsmith.load("nothing")
except oddsmith.ModelFileError: pass
oddsmith.load({str(MODELS / "version_2.json")!r})
seen = []
watched = "import", "exec", "compile", "subprocess", "socket", "os", "shutil", "pickle"
def hook(event, args):
    if event == "open" and str(args[0]).startswith({str(tmp_path)!r}):
        return
    if event == "open" or event.split(".")[0] in watched:
        seen.append((event, args))
files = sorted(pathlib.Path({str(tmp_path)!r}).iterdir())
sys.addaudithook(hook)
for path in files:
    try: oddsmith.load(path)
    except oddsmith.ModelFileError: pass
print(len(files), seen)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, seen = done.stdout.strip().split(" ", 1)
    assert int(count) > 60
    assert seen == "[]"


def test_the_tree_of_a_saved_file_is_plain_json(tmp_path):
    X, y = numbers()
    LogisticRegression().fit(X, y).save(tmp_path / "m.json")
    tree = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    assert tree["version"] == 2
