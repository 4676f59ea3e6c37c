"""Outputs that appear whole or not at all.

Everything is written under a hidden name beside its place, so on the same file system, and moved
there at the end: whoever looks sees the old files or the new ones, and after an error or an
interrupt the old ones.
"""

import errno
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from oddsmith.errors import ParameterError
from oddsmith.export.json import is_model

__all__ = [
    "check_file",
    "check_folder",
    "refuse_overwriting",
    "staged_file",
    "staged_folder",
    "write_whole",
]

_STAGING = re.compile(r"\.oddsmith-[0-9a-f]{16}")
# No run of ours writes for so long: what is older was left by one that was killed.
_STALE_SECONDS = 24 * 3600


def check_folder(target: Path, owned: tuple[str, ...]) -> None:
    """Refuse a folder whose files would not be ours to replace, or that cannot be written.

    Parameters
    ----------
    target : Path
        A new folder, or one that oddsmith wrote: its model.json is a model.
    owned : tuple of str
        Names of the files that may be written or deleted.

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as here:
    ...     _ = Path(here, "a.txt").write_text("mine")
    ...     check_folder(Path(here), ("a.txt",))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    oddsmith.errors.ParameterError: ...: already holds a.txt, not written by oddsmith; ...
    """
    if not target.is_dir() and os.path.lexists(target):
        raise ParameterError(f"{target}: is a file; choose another folder with --out")
    for name in owned:
        if (target / name).is_dir():
            raise ParameterError(f"{target / name}: is a folder; choose another one with --out")
    with _writing(target):
        place = target if target.is_dir() else target.parent
        place.stat()
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    held = [name for name in owned if os.path.lexists(target / name)]
    if held and not is_model(target / "model.json"):
        raise ParameterError(
            f"{target}: already holds {held[0]}, not written by oddsmith; choose another --out"
        )


def check_file(path: Path, otherwise: str) -> None:
    """Refuse a file that could not be written, before the work that it is to hold.

    Raises
    ------
    ParameterError
    """
    place = Path(os.path.realpath(path))
    with _writing(path, otherwise):
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if place.exists() and not place.is_file():
            return
        place.parent.stat()
        if not os.access(place.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def staged_folder(target: Path, owned: tuple[str, ...]) -> Iterator[Path]:
    """Folder to write into, whose files appear in `target` when the block ends without error.

    Parameters
    ----------
    target : Path
        A new folder, or one whose files of these names are to be replaced.
    owned : tuple of str
        Names of the files that may be written, in the order in which they are to be replaced. A
        file of such a name from an earlier run that is not written now is deleted from `target`.

    Raises
    ------
    ParameterError
        If `target` cannot be written, or holds such files that are not ours (`check_folder`).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as here:
    ...     with staged_folder(Path(here, "new"), ("a.txt",)) as folder:
    ...         _ = Path(folder, "a.txt").write_text("whole")
    ...         assert not Path(here, "new").exists()
    ...     Path(here, "new", "a.txt").read_text()
    'whole'
    """
    check_folder(target, owned)
    exists = target.is_dir()
    staging = _hidden(target if exists else target.parent)
    with _writing(target):
        staging.mkdir()
        try:
            yield staging
            if exists:
                _move(staging, target, owned)
            else:
                staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def staged_file(path: Path, otherwise: str = "choose another --out") -> Iterator[Path]:
    """File to write to, which appears as `path` at once when the block ends without error.

    A device or pipe (``/dev/stdout``) is written to as it is.

    Parameters
    ----------
    path : Path
    otherwise : str
        What an error says to do.

    Raises
    ------
    ParameterError
        If it cannot be written.
    """
    place = Path(os.path.realpath(path))
    with _writing(path, otherwise):
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if place.exists() and not place.is_file():
            yield place
            return
        staging = _hidden(place.parent)
        try:
            staging.touch()
            yield staging
            if place.is_file():
                shutil.copymode(place, staging)
            staging.replace(place)
        finally:
            staging.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, otherwise: str = "choose another --out") -> None:
    """Write a file so that it appears at once, or replaces the one there at once.

    Raises
    ------
    ParameterError
        If it cannot be written; see `staged_file`.
    """
    with staged_file(path, otherwise) as place:
        place.write_bytes(content)


def refuse_overwriting(
    inputs: tuple[Path | None, ...],
    outputs: tuple[Path, ...],
    otherwise: str = "choose another --out",
) -> None:
    """Refuse outputs that are inputs under the same or another name.

    Raises
    ------
    ParameterError
    """
    for output in outputs:
        for given in inputs:
            if given and given.exists() and output.exists() and output.samefile(given):
                raise ParameterError(
                    f"{output}: is an input, and would be overwritten; {otherwise}"
                )


def _hidden(folder: Path) -> Path:
    _sweep(folder)
    return folder / f".oddsmith-{secrets.token_hex(8)}"


def _sweep(folder: Path) -> None:
    """Delete what runs that were killed left behind: by our pattern of names, and a day old."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _STAGING.fullmatch(path.name):
                _delete_stale(path)


def _delete_stale(path: Path) -> None:
    with suppress(OSError):
        found = path.lstat()
        if time.time() - found.st_mtime < _STALE_SECONDS:
            return
        if stat.S_ISDIR(found.st_mode):
            shutil.rmtree(path, ignore_errors=True)
        elif stat.S_ISREG(found.st_mode):
            path.unlink()


def _move(staging: Path, target: Path, owned: tuple[str, ...]) -> None:
    for name in owned:
        if (staging / name).exists():
            (staging / name).replace(target / name)
        else:
            (target / name).unlink(missing_ok=True)


@contextmanager
def _writing(path: Path, otherwise: str = "choose another --out") -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        raise ParameterError(f"{path}: cannot be written ({why}); {otherwise}") from None
