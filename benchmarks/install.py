"""Install oddsmith and the peers: all at once, or, where one cannot be installed, the others.

Runs before anything is installed, so it needs the standard library alone.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

__all__ = ["main", "peers"]

_ROOT = Path(__file__).parent.parent


def peers() -> list[str]:
    """Read the requirements of the extra `bench`."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"]["bench"])


def main() -> int:
    """Install into the interpreter that runs this; 1 if oddsmith itself could not be installed."""
    if _install("--editable", ".[bench]", quiet=True):
        return 0
    if not _install("--editable", "."):
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
