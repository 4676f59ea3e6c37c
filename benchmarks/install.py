"""Install oddsmith and the peers: all at once, or, where one cannot be installed, the others.

Runs before anything is installed, so it needs the standard library alone.
"""

import subprocess
import sys
import tomllib
import venv
from pathlib import Path

__all__ = ["ALONE", "interpreter", "main", "peers"]

# Peers that want another NumPy than ours: each in an environment inside this one.
ALONE = {"adelie": ("adelie>=1.1.50", "scikit-learn>=1.8")}

_ROOT = Path(__file__).parent.parent


def peers() -> list[str]:
    """Read the requirements of the extra `bench`."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"]["bench"])


def interpreter(program: str) -> Path:
    """Path of the Python that a program runs in."""
    return (
        Path(sys.prefix) / "alone" / program / "bin" / "python"
        if program in ALONE
        else (Path(sys.executable))
    )


def main() -> int:
    """Install into the interpreter that runs this; 1 if oddsmith itself could not be installed."""
    for program, needs in ALONE.items():
        home = interpreter(program)
        venv.create(home.parent.parent, with_pip=True)
        command = [str(home), "-m", "pip", "install", "--quiet", *needs]
        if subprocess.run(command, check=False).returncode:  # noqa: S603
            sys.stderr.write(f"not installable here: {program}\n")
    if _install("--editable", ".[bench,table]", quiet=True):
        return 0
    if not _install("--editable", ".[table]"):
        return 1
    missing = [peer for peer in peers() if not _install(peer, quiet=True)]
    sys.stderr.write(f"not installable here: {', '.join(missing) or 'nothing, one by one'}\n")
    return 0


def _install(*what: str, quiet: bool = False) -> bool:
    """Install with the versions of the lock, where it names one."""
    command = [sys.executable, "-m", "pip", "install", "--quiet"]
    command += ["--constraint", "requirements-dev.lock", *what]
    ran = subprocess.run(command, cwd=_ROOT, capture_output=quiet, check=False)  # noqa: S603
    return ran.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
