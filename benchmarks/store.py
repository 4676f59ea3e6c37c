"""Results on disk, and from there into docs/performance.md."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES
from benchmarks.data import SIGNAL
from benchmarks.kinds import Result, from_saved
from benchmarks.settings import Settings
from benchmarks.table import markdown, peers_grid, summary_grid

__all__ = ["START", "STOP", "conditions", "load", "save", "text", "write_between"]

START, STOP = "<!-- results -->", "<!-- /results -->"

_PACKAGES = (
    *("oddsmith", "numpy", "scipy", "numba", "scikit-learn"),
    *("glum", "snapml", "statsmodels", "liblinear-multicore", "pyarrow", "pyspark"),
    *("distributed", "dask-ml"),
)


def conditions(settings: Settings) -> dict[str, Any]:
    """Say what a reader has to know of the machine and the run.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict
    """
    return {
        **asdict(settings),
        "signal": SIGNAL,
        "machine": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def save(folder: Path, result: Result, said: dict[str, Any]) -> None:
    """Write one case as JSON, and the tables of all saved cases as Markdown.

    Parameters
    ----------
    folder : Path
        Made if need be.
    result : Race, Memory or Scaling
    said : dict
        What `conditions` returned.
    """
    folder.mkdir(parents=True, exist_ok=True)
    saved = {"kind": CASES[result.case].kind, "conditions": said, "result": asdict(result)}
    path = folder / f"{result.case}.json"
    path.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
    (folder / "table.md").write_text(text(*load(folder)), encoding="utf-8")


def load(folder: Path) -> tuple[list[Result], list[dict[str, Any]]]:
    """Read the saved cases, in the order of `CASES`.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    results : list of Race, Memory or Scaling
    conditions : list of dict
    """
    paths = [folder / f"{name}.json" for name in CASES]
    saved = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    results = [from_saved(one["kind"], one["result"]) for one in saved]
    return results, [one["conditions"] for one in saved]


def text(results: Sequence[Result], said: Sequence[dict[str, Any]]) -> str:
    """Write the conditions, and the tables in Markdown.

    Parameters
    ----------
    results : sequence of Race, Memory or Scaling
    said : sequence of dict
        The conditions of each.

    Returns
    -------
    str
    """
    runs: dict[str, list[str]] = {}
    for result, one in zip(results, said, strict=True):
        runs.setdefault(_in_words(one), []).append(result.case)
    parts = [
        f"{words}\n" + ("" if len(runs) == 1 else f"\nCases: {', '.join(names)}.\n")
        for words, names in runs.items()
    ]
    grids = summary_grid(results), peers_grid(results)
    parts += [f"### {grid.title}\n\n{markdown(grid)}" for grid in grids]
    return "\n".join(parts)


def write_between(path: Path, new: str) -> None:
    """Replace what stands between the markers of a file.

    Parameters
    ----------
    path : Path
    new : str

    Raises
    ------
    ValueError
        If the file has no such markers.
    """
    old = path.read_text(encoding="utf-8")
    head, start, rest = old.partition(START)
    _, stop, tail = rest.partition(STOP)
    if not (start and stop):
        raise ValueError(f"{path.name} has no lines {START} and {STOP}; put them back.")
    path.write_text(f"{head}{START}\n\n{new}\n{STOP}{tail}", encoding="utf-8")


def _in_words(said: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in said["packages"].items())
    return (
        f"{said['machine']}, {said['cores']} cores, {said['threads']} threads for every program; "
        f"Python {said['python']}; {versions}. Seed {said['seed']}, margins of standard deviation "
        f"{said['signal']:g}, {said['pairs']} pairs, limit {said['limit']:g} s"
        + ("." if said["scale"] == 1.0 else f", data scaled down to {said['scale']:g}.")
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installable here"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
