"""What a fit was asked for whose rows are read where they lie, checked before the first is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from oddsmith import __version__
from oddsmith.core.labels import quoted
from oddsmith.data.raw_rows import Layout
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.parameters import check_stopping, elastic_net
from oddsmith.estimators.table_door import encoder_of
from oddsmith.estimators.table_encoder import TableEncoder
from oddsmith.estimators.trained import TrainedClassifier

__all__ = ["Asked", "Described", "checked_model"]


class Described(Protocol):
    """A table of which the columns are known, and no row is read."""

    @property
    def kinds(self) -> dict[str, str]:
        """Column name -> "number", "boolean", "category" or "other"."""
        ...

    @property
    def narrow(self) -> frozenset[str]:
        """Columns whose numbers are exact in single precision."""
        ...

    @property
    def where(self) -> str:
        """Begins a message."""
        ...

    def check(self, name: str, role: str) -> None:
        """Refuse a column that is not there, or cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked for, checked.

    Attributes
    ----------
    layout : Layout
    kinds : dict of str to str
        Of the features, in their order.
    model : TrainedClassifier
        To be fitted.
    encoder : TableEncoder
        To be fitted.
    penalty : tuple (l1, l2)
    identity : dict
        What a checkpoint must agree with.
    where : str
        Begins a message.
    cells : bool
        Whether labels are cells of a CSV file, which may stand for numbers or booleans.
    positive : str or None
        Label, as text, that is to be the second of two.
    """

    layout: Layout
    kinds: dict[str, Any]
    model: Any
    encoder: TableEncoder
    penalty: tuple[float, float]
    identity: dict[str, Any]
    where: str
    cells: bool = False
    positive: str | None = None

    @classmethod
    def about(
        cls,
        table: Described,
        target: str,
        model: TrainedClassifier,
        *,
        features: Sequence[str] | None = None,
        weight: str | None = None,
        offset: str | None = None,
        positive: str | None = None,
        cells: bool = False,
    ) -> "Asked":
        """Check what was asked for of a table; the model is to be fitted.

        Raises
        ------
        DataError
            If a column is not there, or cannot be read.
        ParameterError
            If a parameter cannot be used.
        """
        penalty, encoder = checked_model(model)
        roles = _roles(table, target, weight, offset)
        names = _features(table, features, roles)
        kinds: dict[str, Any] = {name: table.kinds[name] for name in names}
        texts = tuple(name for name in names if kinds[name] == "category")
        numbers = tuple(name for name in names if kinds[name] != "category")
        wide = np.float32 if set(numbers) <= table.narrow else np.float64
        layout = Layout(numbers, texts, target, weight, offset, np.dtype(wide))
        identity = {
            "version of oddsmith": __version__,
            "target": target,
            "features": list(names),
            "weight": weight,
            "offset": offset,
            "types": kinds,
            "missing": encoder.missing,
        }
        return cls(layout, kinds, model, encoder, penalty, identity, table.where, cells, positive)

    @property
    def drop(self) -> bool:
        """Whether rows that lack a value are dropped."""
        return self.encoder.missing == "drop"


def checked_model(model: TrainedClassifier) -> tuple[tuple[float, float], TableEncoder]:
    """Penalty and encoder of a model that rows in parts can be fitted by."""
    penalty = elastic_net(model.C, model.l1_ratio, model.penalty)
    check_stopping(model.tol, model.max_iter)
    _refuse_columns(model)
    encoder, known = encoder_of(model)
    if known:
        raise ParameterError(
            "the encoder is fitted already, and files teach theirs anew; give one that is not"
        )
    encoder.rules()
    return penalty, encoder


def _refuse_columns(model: TrainedClassifier) -> None:
    """Refuse solvers that need columns side by side in memory, before any row is read."""
    if isinstance(model.solver, str) and model.solver in ("proximal-newton", "newton-kernel"):
        raise ParameterError(
            f"solver={model.solver!r} needs columns in memory, and these are read row by row; use "
            "'auto', or read the table and use LogisticRegression.fit"
        )


def _roles(table: Described, target: str, weight: str | None, offset: str | None) -> dict[str, str]:
    """Columns that are no features, by what they are."""
    roles = {
        word: name
        for word, name in (("target", target), ("weight", weight), ("offset", offset))
        if name is not None
    }
    for word, name in roles.items():
        table.check(name, word)
        if word != "target" and table.kinds[name] != "number":
            raise DataError(
                f"{table.where}: the {word} column {quoted(name)} holds no numbers; name "
                "another one"
            )
    if len(set(roles.values())) < len(roles):
        raise ParameterError("target, weight and offset must be different columns")
    return roles


def _features(
    table: Described, features: Sequence[str] | None, roles: Mapping[str, str]
) -> tuple[str, ...]:
    if features is None:
        names = tuple(name for name in table.kinds if name not in roles.values())
    else:
        names = tuple(features)
        for name in names:
            table.check(name, "feature")
            if name in roles.values() or names.count(name) > 1:
                raise ParameterError(
                    f"features names {quoted(name)}, which is named already; name each column once"
                )
    if not names:
        raise DataError(f"{table.where}: there is no column besides the target; add features")
    return names
