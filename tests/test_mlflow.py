"""MLflow's scikit-learn flavour saves and loads the estimators, with no server and no network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# In a process of its own: MLflow warns of its own affairs, and we turn warnings into errors.
SCRIPT = """
import sys

def hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise RuntimeError(f"the network is asked: {args}")

sys.addaudithook(hook)
import mlflow.pyfunc, mlflow.sklearn
import numpy as np, pandas as pd
import oddsmith
from test_stored import fitted_to_table, numbers, table

form, folder = sys.argv[1:]
frame, y = table()
X, target = numbers()
plain = pd.DataFrame(X, columns=["a", "b", "größe"])
trusted = ["oddsmith.core.encoding.ColumnEncoding", "oddsmith.core.table_encoding.TableEncoding"]
trusted += ["oddsmith.estimators.table_encoder.TableEncoder"]
cases = {
    "table": (fitted_to_table(frame, y, missing="indicator"), frame),
    "firth": (oddsmith.FirthLogisticRegression().fit(plain, target), plain),
    "cv": (oddsmith.LogisticRegressionCV(Cs=[0.1, 1.0], cv=3).fit(plain, target), plain),
    "plain": (oddsmith.LogisticRegression().fit(plain, target), plain),
}
cases["plain"][0].save(folder + "/m.json")
cases["stored"] = oddsmith.load(folder + "/m.json"), plain
for name, (model, rows) in cases.items():
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    stored = ["oddsmith.export.schema.Model", "oddsmith.export.provenance.Training"]
    stored += ["oddsmith.export.provenance.Certificate"]
    how = {"skops_trusted_types": [*trusted, *stored, kind]} if form == "skops" else {}
    place = f"{folder}/{name}"
    mlflow.sklearn.save_model(
        model, place, serialization_format=form, input_example=rows.head(3), **how
    )
    again = mlflow.sklearn.load_model(place)
    assert type(again) is type(model)
    assert again.predict_proba(rows).tobytes() == model.predict_proba(rows).tobytes()
    served = mlflow.pyfunc.load_model(place)
    assert (np.asarray(served.predict(rows)) == model.predict(rows)).all()
    print(name)
"""


@pytest.mark.parametrize("form", ["cloudpickle", "skops"])
def test_models_are_saved_and_served_by_mlflow(form, tmp_path):
    (tmp_path / "models").mkdir()
    here = str(Path(__file__).parent)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([here, *sys.path]),
        "MLFLOW_TRACKING_URI": (tmp_path / "runs").as_uri(),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, form, str(tmp_path / "models")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["table", "firth", "cv", "plain", "stored"]
