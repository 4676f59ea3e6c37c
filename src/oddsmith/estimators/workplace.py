"""Where a fit to files may write: a cache that goes with the fit, or a checkpoint that stays."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from oddsmith.errors import ParameterError

__all__ = ["Place", "workplace"]


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
        yield Place(folder, folder)
        shutil.rmtree(folder, ignore_errors=True)
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
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError as error:
        why = error.strerror or str(error)
        raise ParameterError(
            f"{folder}: cannot be a checkpoint ({why}); name a new folder"
        ) from None
    if not empty:
        raise ParameterError(
            f"{folder}: is not empty; go on from it with resume=True, or name a new folder"
        )
