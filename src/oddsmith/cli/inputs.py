"""What a command reads: files by name, and pipes, which are copied as they can be read once."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from oddsmith.errors import DataError, OddsmithError

__all__ = ["files_of", "regular_files", "several"]


def several(paths: Sequence[str | Path]) -> str:
    """Name of some files in a message."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more}"


def files_of(data: Sequence[str | Path]) -> list[Path]:
    """Files that are read, those of a folder or a glob included."""
    from oddsmith.data.file_names import named_files

    try:
        return list(named_files(data))
    except (OddsmithError, OSError, ValueError):  # which is said when they are opened
        return []


@contextmanager
def regular_files(data: Sequence[str | Path]) -> Iterator[list[str | Path]]:
    """Files that can be read more than once: a pipe, or ``-``, is copied to a temporary file.

    Errors name the pipe, not the copy.
    """
    names: dict[str, str] = {}
    with ExitStack() as stack:
        found: list[str | Path] = []
        for name in data:
            if not _is_pipe(name):
                found.append(name)
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oddsmith-")))
            copy = folder / f"{len(names)}-{_file_name(name)}"
            _copy(name, copy)
            names[str(copy)] = "standard input" if str(name) == "-" else str(name)
            found.append(copy)
        try:
            yield found
        except OddsmithError as error:
            text = str(error)
            for copy, name in names.items():
                text = text.replace(str(copy), name)
            if text == str(error):
                raise
            raise type(error)(text) from None


def _is_pipe(name: str | Path) -> bool:
    try:
        path = Path(name)
        return str(name) == "-" or (path.exists() and not path.is_file() and not path.is_dir())
    except ValueError:
        return False


def _file_name(name: str | Path) -> str:
    own = Path(name).name
    return own if own.lower().endswith((".csv", ".gz", ".zst", ".tsv", ".txt")) else "data.csv"


def _copy(name: str | Path, copy: Path) -> None:
    try:
        with copy.open("wb") as file:
            if str(name) == "-":
                shutil.copyfileobj(sys.stdin.buffer, file, 2**20)
            else:
                with Path(name).open("rb", buffering=0) as pipe:
                    shutil.copyfileobj(pipe, file, 2**20)
    except OSError as error:
        why = error.strerror or os.strerror(error.errno or 0)
        raise DataError(f"{name}: cannot be read ({why}); name a readable file") from None
