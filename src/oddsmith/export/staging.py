"""Outputs that appear whole or not at all.

Everything is written under a hidden name beside its place, so on the same file system, and moved
there at the end: whoever looks sees the old files or the new ones, and after an error or an
interrupt the old ones.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oddsmith.errors import ParameterError

__all__ = ["refuse_overwriting", "staged_folder", "write_whole"]


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
        If `target` cannot be written.

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
    exists = target.is_dir()
    if not exists and os.path.lexists(target):
        raise ParameterError(f"{target}: is a file; choose another folder with --out")
    for name in owned:
        if (target / name).is_dir():
            raise ParameterError(f"{target / name}: is a folder; choose another one with --out")
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


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it appears at once, or replaces the one there at once.

    A device or pipe (``/dev/stdout``) is written to as it is.

    Raises
    ------
    ParameterError
        If it cannot be written.
    """
    place = Path(os.path.realpath(path))
    with _writing(path):
        if place.exists() and not place.is_file() and not place.is_dir():
            place.write_bytes(content)
            return
        staging = _hidden(place.parent)
        try:
            staging.write_bytes(content)
            if place.is_file():
                shutil.copymode(place, staging)
            staging.replace(place)
        finally:
            staging.unlink(missing_ok=True)


def refuse_overwriting(inputs: tuple[Path | None, ...], outputs: tuple[Path, ...]) -> None:
    """Refuse outputs that are inputs under the same or another name.

    Raises
    ------
    ParameterError
    """
    for output in outputs:
        for given in inputs:
            if given and given.exists() and output.exists() and output.samefile(given):
                raise ParameterError(
                    f"{output}: is an input, and would be overwritten; choose another --out"
                )


def _hidden(folder: Path) -> Path:
    return folder / f".oddsmith-{secrets.token_hex(8)}"


def _move(staging: Path, target: Path, owned: tuple[str, ...]) -> None:
    for name in owned:
        if (staging / name).exists():
            (staging / name).replace(target / name)
        else:
            (target / name).unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        raise ParameterError(f"{path}: cannot be written ({why}); choose another --out") from None
