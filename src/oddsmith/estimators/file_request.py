"""What a fit to files was asked for, checked before the first row is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from oddsmith import __version__
from oddsmith.core.labels import quoted
from oddsmith.data.files import TableFiles, open_files
from oddsmith.data.first_pass import Split
from oddsmith.data.raw_rows import Layout
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.estimators.parameters import check_stopping, elastic_net
from oddsmith.estimators.table_door import encoder_of
from oddsmith.estimators.table_encoder import TableEncoder

__all__ = ["Asked"]

# Python, its libraries, machine code and Arrow's decoders take about this much.
_LIBRARIES = 448 * 2**20
_LEAST_MEMORY = 640 * 2**20
# Share of what is left for a batch.
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked for, checked.

    Attributes
    ----------
    files : TableFiles
    layout : Layout
    kinds : dict of str to str
        Of the features, in their order.
    model : LogisticRegression
        A clone, to be fitted.
    encoder : TableEncoder
        To be fitted.
    penalty : tuple (l1, l2)
    room : int
        Bytes beside those of the libraries.
    identity : dict
        What a checkpoint must agree with.
    split : Split or None
        Which rows are held out.
    positive : str or None
        Label, as text, that is to be the second of two.
    """

    files: TableFiles
    layout: Layout
    kinds: dict[str, Any]
    model: LogisticRegression
    encoder: TableEncoder
    penalty: tuple[float, float]
    room: int
    identity: dict[str, Any]
    split: Split | None
    positive: str | None

    @classmethod
    def of(
        cls,
        files: Any,
        target: str,
        model: LogisticRegression | None,
        *,
        features: Sequence[str] | None = None,
        weight: str | None = None,
        offset: str | None = None,
        types: Mapping[str, str] | None = None,
        memory: int = 2**30,
        split: Split | None = None,
        positive: str | None = None,
    ) -> "Asked":
        """Check what was asked for, and open the files; see `oddsmith.fit_files`."""
        fitted = LogisticRegression() if model is None else model
        if not isinstance(fitted, LogisticRegression):
            raise ParameterError(
                f"model is a {type(fitted).__name__}; files are fitted by LogisticRegression"
            )
        if isinstance(memory, bool) or not hasattr(memory, "__index__") or memory < _LEAST_MEMORY:
            raise ParameterError(
                f"memory={memory!r} is less than the {_LEAST_MEMORY} bytes that Python and its "
                "libraries take with a few rows; give more"
            )
        fitted: Any = clone(fitted)
        room = int(memory) - _LIBRARIES
        penalty = elastic_net(fitted.C, fitted.l1_ratio, fitted.penalty)
        check_stopping(fitted.tol, fitted.max_iter)
        _refuse_columns(fitted)
        encoder, known = encoder_of(fitted)
        if known:
            raise ParameterError(
                "the encoder is fitted already, and files teach theirs anew; give one that is not"
            )
        encoder.rules()
        there = open_files(files, types=types, text=(target,), block_bytes=room // _BATCH)
        roles = _roles(there, target, weight, offset)
        names = _features(there, features, roles)
        kinds: dict[str, Any] = {name: there.kinds[name] for name in names}
        texts = tuple(name for name in names if kinds[name] == "category")
        numbers = tuple(name for name in names if kinds[name] != "category")
        wide = np.float32 if set(numbers) <= there.narrow else np.float64
        layout = Layout(numbers, texts, target, weight, offset, np.dtype(wide))
        identity = {
            "version of oddsmith": __version__,
            "set of files": there.identity(),
            "target": target,
            "features": list(names),
            "weight": weight,
            "offset": offset,
            "types": kinds,
            "memory": room,
            "missing": encoder.missing,
            "split": None if split is None else [split.share, split.seed],
        }
        return cls(there, layout, kinds, fitted, encoder, penalty, room, identity, split, positive)

    @property
    def drop(self) -> bool:
        """Whether rows that lack a value are dropped."""
        return self.encoder.missing == "drop"


def _refuse_columns(model: LogisticRegression) -> None:
    """Refuse solvers that need columns side by side in memory, before any row is read."""
    if isinstance(model.solver, str) and model.solver in ("proximal-newton", "newton-kernel"):
        raise ParameterError(
            f"solver={model.solver!r} needs columns in memory, and files are read row by row; use "
            "'auto', or read the table and use LogisticRegression.fit"
        )


def _roles(
    files: TableFiles, target: str, weight: str | None, offset: str | None
) -> dict[str, str]:
    """Columns that are no features, by what they are."""
    roles = {
        word: name
        for word, name in (("target", target), ("weight", weight), ("offset", offset))
        if name is not None
    }
    for word, name in roles.items():
        files.check(name, word)
        if word != "target" and files.kinds[name] != "number":
            raise DataError(
                f"{files.paths[0]}: the {word} column {quoted(name)} holds no numbers; name "
                "another one"
            )
    if len(set(roles.values())) < len(roles):
        raise ParameterError("target, weight and offset must be different columns")
    return roles


def _features(
    files: TableFiles, features: Sequence[str] | None, roles: Mapping[str, str]
) -> tuple[str, ...]:
    if features is None:
        names = tuple(name for name in files.kinds if name not in roles.values())
    else:
        names = tuple(features)
        for name in names:
            files.check(name, "feature")
            if name in roles.values() or names.count(name) > 1:
                raise ParameterError(
                    f"features names {quoted(name)}, which is named already; name each column once"
                )
    if not names:
        raise DataError(f"{files.paths[0]}: there is no column besides the target; add features")
    return names
