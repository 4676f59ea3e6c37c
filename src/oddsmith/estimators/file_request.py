"""What a fit to files was asked for, checked before the first row is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone

from oddsmith.data.files import TableFiles, open_files
from oddsmith.data.first_pass import Split
from oddsmith.errors import ParameterError
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.estimators.request import Asked, checked_model

__all__ = ["AskedFiles", "fitted_clone"]

# Python, its libraries, machine code and Arrow's decoders take about this much.
_LIBRARIES = 448 * 2**20
_LEAST_MEMORY = 640 * 2**20
# Share of what is left for a batch.
_BATCH = 32


@dataclass(frozen=True, slots=True)
class AskedFiles:
    """What the user asked for of files, checked.

    Attributes
    ----------
    files : TableFiles
    asked : Asked
    room : int
        Bytes beside those of the libraries.
    split : Split or None
        Which rows are held out.
    """

    files: TableFiles
    asked: Asked
    room: int
    split: Split | None

    @classmethod
    def of(
        cls,
        files: Any,
        target: str,
        model: LogisticRegression | None,
        *,
        types: Mapping[str, str] | None = None,
        memory: int = 2**30,
        split: Split | None = None,
        **how: Any,
    ) -> "AskedFiles":
        """Check what was asked for, and open the files; see `oddsmith.fit_files`."""
        fitted = fitted_clone(model, "files")
        if isinstance(memory, bool) or not hasattr(memory, "__index__") or memory < _LEAST_MEMORY:
            raise ParameterError(
                f"memory={memory!r} is less than the {_LEAST_MEMORY} bytes that Python and its "
                "libraries take with a few rows; give more"
            )
        room = int(memory) - _LIBRARIES
        checked_model(fitted)
        there = open_files(files, types=types, text=(target,), block_bytes=room // _BATCH)
        asked = Asked.about(there, target, fitted, cells=there.format == "csv", **how)
        asked.identity.update(
            {
                "set of files": there.identity(),
                "memory": room,
                "split": None if split is None else [split.share, split.seed],
            }
        )
        return cls(there, asked, room, split)


def fitted_clone(model: LogisticRegression | None, what: str) -> LogisticRegression:
    """Copy of a model to be fitted, as it is a pattern.

    Raises
    ------
    ParameterError
        If it is none.
    """
    given = LogisticRegression() if model is None else model
    if not isinstance(given, LogisticRegression):
        raise ParameterError(
            f"model is a {type(given).__name__}; {what} are fitted by LogisticRegression"
        )
    own: Any = clone(given)
    return own
