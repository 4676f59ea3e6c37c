"""Tables at the door: columns by name, the outcome left out, text and holes encoded inside."""

from typing import Any
from warnings import warn

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_is_fitted, column_or_1d

from oddsmith.core.encoding import refuse_missing_values
from oddsmith.core.table_columns import Column, complete_rows, some_rows, unread
from oddsmith.data.opened import OpenTable, is_table, open_table
from oddsmith.data.outcome import outcome_among, read_outcome
from oddsmith.data.tables import read_columns
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.table_encoder import TableEncoder

__all__ = ["Kept", "first_rows", "keep_columns", "other_rows", "read_y", "table_columns", "takes"]

Kept = np.ndarray[Any, np.dtype[np.bool_]]
# Rows, and which of them are left; None where all are.
Entered = tuple[Any, Kept | None]
_FILL = "fill them, or fit with encoder=TableEncoder(missing=...)"


def takes(X: Any) -> bool:
    """Whether X is for this door: a table with names, or with columns that are no numbers."""
    if isinstance(X, np.ndarray) or not is_table(X):
        return False
    if not hasattr(X, "iloc"):
        return True
    if not hasattr(X, "columns"):  # a series, which scikit-learn refuses in its words
        return False
    # Sparse frames and numbers without names are scikit-learn's to read.
    kinds = set(X.dtypes.tolist())
    if any(hasattr(kind, "fill_value") for kind in kinds):
        return False
    named = any(isinstance(label, str) for label in X.columns)
    return named or any(kind.kind not in "biuf" for kind in kinds)


def read_y(y: Any, n: int) -> tuple[Any, str | None]:
    """Labels of n rows, and the outcome's name, with scikit-learn's checks."""
    labels, name = read_outcome(y)
    if labels is None:
        raise DataError(
            "requires y to be passed, but the target y is None: give the label of each row."
        )
    labels = column_or_1d(labels, warn=True)
    if labels.dtype.kind in "fc":
        assert_all_finite(labels, input_name="y")
    if labels.shape[0] != n:
        raise DataError(
            f"y has {labels.shape[0]} labels, and X has {n} rows (inconsistent numbers of "
            "samples); give one label per row."
        )
    return labels, name


def first_rows(model: Any, X: Any, y: Any) -> tuple[Any, Any, Kept | None]:
    """Matrix and labels of a first fit; the model learns the columns and how to encode them.

    Sets `encoder_`, `target_`, `n_features_in_` and, where there are names, `feature_names_in_`.

    Raises
    ------
    DataError
        If a column cannot be encoded, or a label is missing.
    ParameterError
        If the encoder is none, or cannot be used.
    """
    encoder, known = encoder_of(model)
    asked = getattr(model, "encoder", None) is not None
    if is_table(X):
        table, labels, target = _features(X, y)
        names = list(encoder.encoding_.input_names()) if known else list(table.names)
        table.matched(names)
        rows = None if asked else table.plain(names)
        if rows is not None and rows.shape[0]:
            labels, _ = read_y(labels, rows.shape[0])
            keep_columns(model, None, names, len(names), target)
            # Where the model travels to they may be no numbers.
            model._booleans = table.booleans(names)
            return rows, labels, None
        columns = read_columns(table, names)
        labels, _ = read_y(labels, columns[0].n_rows)
    else:
        columns, names = (encoder.columns_of(X), None) if known else encoder.first_columns(X)
        labels, target = read_y(y, columns[0].n_rows)
    columns, kept = _complete(columns) if encoder.missing == "drop" else (columns, None)
    if not known:
        encoder.learn(columns, names)
    rows = encoder.encoding_.rows(columns)
    plain = not asked and encoder.encoding_.plain
    keep_columns(model, None if plain else encoder, names, len(columns), target)
    return rows, labels if kept is None else labels[kept], kept


def _features(X: Any, y: Any) -> tuple[OpenTable, Any, str | None]:
    """Table without the outcome, the labels, and the outcome's name if it has one."""
    table = open_table(X)
    labels, name = read_outcome(y)
    own = outcome_among(table, y, labels, name)
    if own is not None:
        table = table.without(own)
        if not table.names:
            raise DataError("X has no column but the outcome, and so 0 feature(s); give one.")
    return table, labels, name or own


def encoder_of(model: Any) -> tuple[TableEncoder, bool]:
    """Copy the encoder for the model, and say whether it has learned already."""
    given = getattr(model, "encoder", None)
    if given is None:
        return TableEncoder(), False
    frozen = isinstance(given, FrozenEstimator)
    encoder: Any = given.estimator if frozen else given
    if not isinstance(encoder, TableEncoder):
        raise ParameterError(
            f"encoder={given!r} is no oddsmith.TableEncoder; give one, or None; other transformers "
            "go before the model in a pipeline."
        )
    if not frozen:
        own: Any = clone(encoder)
        return own, False
    check_is_fitted(encoder)
    own = clone(encoder)
    vars(own).update({k: v for k, v in vars(encoder).items() if k.endswith("_")})
    return own, True


def _complete(columns: list[Column]) -> tuple[list[Column], Kept | None]:
    kept = complete_rows(columns)
    if kept.all():
        return columns, None
    if not kept.any():
        raise DataError(
            f"every one of the {kept.size} rows of X misses a value, so missing='drop' leaves "
            "none; leave the emptiest columns out, or use missing='indicator'."
        )
    return [some_rows(column, kept) for column in columns], kept


def keep_columns(
    model: Any, encoder: TableEncoder | None, names: Any, count: int, target: str | None
) -> None:
    """Let a model know its columns, and how they are encoded."""
    model.encoder_ = encoder
    model.target_ = target
    vars(model).pop("_booleans", None)
    model.n_features_in_ = count
    vars(model).pop("feature_names_in_", None)
    if names is not None:
        model.feature_names_in_ = np.array(names, dtype=object)


def other_rows(model: Any, X: Any, *, drop: bool = False) -> Entered:
    """Rows for a fitted model, its columns found by name; with `drop` those with holes left out.

    Raises
    ------
    DataError
        If a column is lacking or extra, or holds what the fit has not taught.
    """
    encoder, names = getattr(model, "encoder_", None), getattr(model, "feature_names_in_", None)
    if is_table(X) and names is not None:
        return _by_name(model, open_table(X), names.tolist(), encoder, drop)
    if encoder is not None:
        return _encoded(encoder, encoder.columns_of(X), drop)
    table = open_table(X)
    own = type(model).__name__
    if len(table.names) != model.n_features_in_:
        raise DataError(
            f"X has {len(table.names)} features, but {own} is expecting {model.n_features_in_} "
            "features as input."
        )
    warn(f"X has feature names, but {own} was fitted without feature names", stacklevel=5)
    return _plain(table, list(table.names)), None


def table_columns(model: Any, X: Any) -> list[Column]:
    """Columns of other rows as they are before the encoder of a fitted model makes numbers of them.

    Raises
    ------
    DataError
        If a column is lacking or extra, or cannot be read.
    """
    names = getattr(model, "feature_names_in_", None)
    if not is_table(X) or names is None:
        return model.encoder_.columns_of(X)
    table = open_table(X)
    _match(model, table, names.tolist())
    return read_columns(table, names.tolist())


def _match(model: Any, table: OpenTable, names: list[str]) -> None:
    target = getattr(model, "target_", None)
    if target in table.labels and target not in names:  # the outcome beside the rows
        table.without(target).matched(names)
    else:
        table.matched(names)


def _by_name(
    model: Any, table: OpenTable, names: list[str], encoder: TableEncoder | None, drop: bool
) -> Entered:
    _match(model, table, names)
    if encoder is None:
        return _plain(table, names), None
    return _encoded(encoder, read_columns(table, names), drop)


def _encoded(encoder: TableEncoder, columns: list[Column], drop: bool) -> Entered:
    kept = None
    if drop and encoder.missing == "drop":
        columns, kept = _complete(columns)
    return encoder.encoding_.rows(columns), kept


def _plain(table: OpenTable, names: list[str]) -> Any:
    """Matrix of columns that were numbers at the fit; what else they hold now is named."""
    rows = table.plain(names)
    if rows is not None and rows.shape[0]:
        return rows
    columns = read_columns(table, names)
    for column in columns:
        if column.kind == "category":
            raise unread(
                column.name,
                "text or categories, and held numbers or booleans at the fit",
                "give the same kind of values",
            )
    refuse_missing_values(columns, _FILL)
    return np.array([column.values for column in columns]).T
