"""Where a fit to files may write: a cache that goes with the fit, or a checkpoint that stays."""

import importlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oddsmith.errors import ParameterError

__all__ = ["Place", "workplace"]

# Says that a folder is a checkpoint, whose files may be written over and removed.
_MARK = "oddsmith-checkpoint"
_WRITTEN = ("*.bin", "fold-*.npz", "fold-*.part", "first-pass.*", "reading.*", _MARK)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fit may write.

    Attributes
    ----------
    folder : Path or None
        Of the cache; None writes nothing.
    journal : Path or None
        Of the folds, where the fit may be resumed.
    """

    folder: Path | None
    journal: Path | None


@contextmanager
def workplace(
    cache: bool | str | Path, checkpoint: str | Path | None, *, resume: bool
) -> Iterator[Place]:
    """Folder for the cache: a checkpoint stays where the fit is cut short, all else goes."""
    if checkpoint is not None:
        folder = Path(checkpoint)
        _admit_checkpoint(folder, resume=resume)
        with _held(folder):
            yield Place(folder, folder)
        _remove(folder)
        return
    if resume:
        raise ParameterError("resume=True needs checkpoint, the folder to go on from; name it")
    if cache is False:
        yield Place(None, None)
        return
    try:
        above = None if cache is True else str(cache)
        folder = Path(tempfile.mkdtemp(prefix="oddsmith-", dir=above))
    except OSError as error:
        why = error.strerror or str(error)
        raise ParameterError(f"cache={cache!r} cannot be written ({why}); name a folder") from None
    try:
        yield Place(folder, None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _admit_checkpoint(folder: Path, *, resume: bool) -> None:
    if resume:
        if not folder.is_dir():
            raise ParameterError(
                f"{folder}: there is no checkpoint to go on from; leave resume out"
            )
        if not (folder / _MARK).is_file():
            raise ParameterError(f"{folder}: is no checkpoint of a fit; name the folder of one")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {path.name for path in folder.iterdir()}
        if not there:
            (folder / _MARK).touch()
    except OSError as error:
        why = error.strerror or str(error)
        raise ParameterError(
            f"{folder}: cannot be a checkpoint ({why}); name a new folder"
        ) from None
    if there:
        go_on = "go on from it with resume=True, or " if _MARK in there else ""
        raise ParameterError(f"{folder}: is not empty; {go_on}name a new folder")


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other fits out of a checkpoint, where the system has locks that go with a process."""
    try:
        fcntl: Any = importlib.import_module("fcntl")
    except ImportError:  # Windows
        yield
        return
    with (folder / _MARK).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ParameterError(
                f"{folder}: another fit is at work in this checkpoint; wait for it, or name a new "
                "folder"
            ) from None
        except OSError:  # a file system without locks
            pass
        yield


def _remove(folder: Path) -> None:
    """Remove what fits write, and the folder if nothing else is in it."""
    for pattern in _WRITTEN:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
    shutil.rmtree(folder / "held-out", ignore_errors=True)
    with suppress(OSError):
        folder.rmdir()
