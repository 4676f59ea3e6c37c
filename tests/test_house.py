"""The house itself: public names, documentation, layers, import times."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import oddsmith
import oddsmith.solvers

ROOT = Path(__file__).parent.parent


def test_the_public_names_are_exactly_those_of_all():
    assert oddsmith.__all__ == sorted(oddsmith.__all__)
    assert set(dir(oddsmith)) == {*oddsmith.__all__, "__version__"}
    for name in oddsmith.__all__:
        assert getattr(oddsmith, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'Logistic'"):
        _ = oddsmith.Logistic


def modules():
    return sorted(
        info.name
        for info in pkgutil.walk_packages(oddsmith.__path__, "oddsmith.")
        if not info.name.endswith("__main__")
    )


@pytest.mark.parametrize("name", modules())
def test_every_public_name_is_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__, name
    for public in getattr(module, "__all__", ()):
        thing = getattr(module, public)
        if not inspect.isclass(thing) and not inspect.isfunction(thing):
            continue
        assert thing.__doc__, f"{name}.{public}"
        if inspect.isclass(thing):
            for method, function in vars(thing).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    assert function.__doc__, f"{name}.{public}.{method}"


def test_documents_name_what_exists():
    """Every file that the drawing of the house names is there."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {p.name for p in (ROOT / "src" / "oddsmith").rglob("*.py")}
    named = {
        word.split("/")[-1]
        for line in text.splitlines()
        if line.startswith("| `")
        for word in line.split("`")[1::2]
        if word.endswith(".py")
    }
    assert named <= rooms, named - rooms
    assert len(named) > 20


@pytest.mark.parametrize(
    ("code", "limit"), [("import oddsmith", 0.25), ("import oddsmith.cli", 0.45)]
)
def test_imports_are_lazy(code, limit):
    """The best of several, beyond what the bare interpreter takes: other work may be going on."""
    forbidden = "numpy", "sklearn", "scipy", "rich", "numba", "pandas", "pyarrow"
    check = f"{code}; import sys; print([m for m in {forbidden} if m in sys.modules])"
    seen = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"
    assert best_time([sys.executable, "-c", code]) < limit


def best_time(command) -> float:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)
