"""The door: a user's X and y become rows that the house can trust, or an error that names them.

Plain arrays, which leave nothing to ask, walk in; for all else scikit-learn's checks, which take
longer than a small fit, say what they always say.
"""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from oddsmith.core.block import CountedSource
from oddsmith.core.columns import Columns
from oddsmith.core.labels import column_name, quoted
from oddsmith.data.memory import memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.errors import DataError
from oddsmith.estimators.inputs import row_offset
from oddsmith.estimators.labels import Encoded, encode_labels, encode_quickly, known_index
from oddsmith.solvers.choose import Problem, kernels_for

__all__ = [
    "admit",
    "admit_columns",
    "admit_held_out",
    "beyond_floats",
    "checked",
    "fitted_columns",
    "name_bad_entry",
    "name_text_column",
    "names_of",
]

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
# Columns narrower than the smallest normal float have coefficients beyond the largest one.
_LEAST_SPREAD = 2.0**-1021


def admit(model: Any, X: Any, y: Any) -> tuple[Any, Encoded]:
    """Rows and labels of a first fit, whose columns the model is to know from now on.

    Returns
    -------
    X : ndarray, CSR or CSC of shape (n, p), float64 or float32
        The user's own where it is one. Whether it is finite, the columns tell.
    labels : Encoded

    Raises
    ------
    DataError, ValueError
        If X is not made of numbers, or y not of labels.
    """
    if _plain(X) and type(y) is np.ndarray and y.shape == X.shape[:1] and X.size:
        labels = encode_quickly(y)
        if labels is not None:
            model.n_features_in_ = X.shape[1]
            vars(model).pop("feature_names_in_", None)
            return X, labels
    X, y = checked(model, X, y, reset=True)
    return X, encode_labels(y)


def fitted_columns(model: Any, X: Any) -> Any:
    """X for a fitted model to predict from: as many columns as it was fitted with, and named so.

    Raises
    ------
    DataError, ValueError
        If X is not made of numbers, or its columns are not those of the fit.
    NotFittedError
        If there was no fit.
    """
    fitted = vars(model)
    same = _plain(X) and fitted.get("n_features_in_") == X.shape[1] and X.shape[0] > 0
    known = "coef_" in fitted and "feature_names_in_" not in fitted
    if same and known and fitted.get("encoder_") is None:
        return X
    check_is_fitted(model)
    encoder = fitted.get("encoder_")
    if encoder is not None:
        return encoder.transform(X)
    return checked(model, X, None, reset=False)[0]


def _plain(X: Any) -> bool:
    return type(X) is np.ndarray and X.ndim == 2 and X.dtype in _FLOATS


def checked(model: Any, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
    """X and y as arrays with scikit-learn's checks; finiteness is checked with the columns."""
    how = {
        "accept_sparse": ["csr", "csc"],
        "dtype": [np.float64, np.float32],
        "ensure_all_finite": False,
        "reset": reset,
    }
    try:
        # Extended precision beyond float64 becomes infinite, which is then named as such.
        with np.errstate(over="ignore"):
            if y is None and not reset:
                return validate_data(model, X, **how), None
            both: Any = validate_data(model, X, y, **how)  # type: ignore[arg-type]
            return both
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
        named = name_text_column(X, error)
        if named is None:
            raise
        raise named from error


def admit_columns(
    model: Any, source: CountedSource, X: Any, width: int, *, penalised: bool
) -> Columns:
    """Where the columns of all rows lie, in one pass.

    Raises
    ------
    DataError
        If an entry is not finite, or a coefficient could not be.
    """
    shape = Problem(
        source.n_rows,
        source.n_features * width,
        width,
        hasattr(X, "tocsr"),
        entries=getattr(X, "nnz", 0),
    )
    columns = source.fold(kernels_for(shape).columns)
    if not columns.finite:
        error = name_bad_entry(X, names_of(model))
        if error is not None:
            raise error
    if not penalised:
        tiny = np.flatnonzero((columns.spread < _LEAST_SPREAD) & ~columns.constant)
        if tiny.size:
            raise beyond_floats(model, columns, int(tiny[0]))
    return columns


def beyond_floats(model: Any, columns: Columns, column: int) -> DataError:
    """Error that names a column whose coefficient is no float."""
    return DataError(
        f"the coefficient of column {column_name(names_of(model), column)} is beyond the largest "
        f"float, as the column's spread is only {columns.spread[column]:.3g}; multiply the column "
        "by a large number, or penalise with a finite C."
    )


def admit_held_out(
    model: Any, validation: Any, classes: np.ndarray[Any, Any], width: int, with_offset: bool
) -> Threads | None:
    """Held-out rows as a source; None if there are none.

    Raises
    ------
    DataError
        If they do not fit the rows of the fit.
    """
    if validation is None:
        return None
    parts = 3 if with_offset else 2
    if not isinstance(validation, (tuple, list)) or len(validation) != parts:
        raise DataError(
            "validation must be a tuple (X, y), or (X, y, offset) where the fit has an "
            f"offset; got {type(validation).__name__}"
            + (f" of {len(validation)}." if isinstance(validation, (tuple, list)) else ".")
        )
    try:
        X, _ = checked(model, validation[0], None, reset=False)
    except ValueError as error:
        raise DataError(f"the X of validation does not fit: {error}") from error
    error = name_bad_entry(X, names_of(model))
    if error is not None:
        raise error
    index = known_index(
        validation[1], classes, X.shape[0], "the y of validation", "the y of the fit"
    )
    offset = row_offset(validation[2], X.shape[0], width) if with_offset else None
    return Threads(memory_blocks(X, index, offset=offset, width=width), n_jobs=1)


def names_of(model: Any) -> Any:
    """Names of a model's columns; None if they are numbered."""
    return getattr(model, "feature_names_in_", None)


def name_bad_entry(X: Any, names: Any) -> DataError | None:
    """Error that names the first entry of X that is NaN or infinite; None if all are finite."""
    entries = X.data if hasattr(X, "tocoo") else X
    for start in range(0, max(1, entries.shape[0]), 65536):
        finite = np.isfinite(entries[start : start + 65536])
        if finite.all():
            continue
        bad = np.argwhere(~finite)
        if hasattr(X, "tocoo"):
            place = X.tocoo().coords
            row, column = (int(axis[start + bad[0][0]]) for axis in place)
            value = entries[start + bad[0][0]]
        else:
            row, column = start + int(bad[0][0]), int(bad[0][1])
            value = entries[row, column]
        found = "NaN" if np.isnan(value) else "infinity"
        return DataError(
            f"X contains {found}: column {column_name(names, column)}, row {row} (from 0); fill "
            "or drop such rows before the fit (scikit-learn's SimpleImputer does, for NaN)."
        )
    return None


def name_text_column(X: Any, error: ValueError) -> DataError | None:
    """Error that names the first column that is not made of numbers; None if all are."""
    if not hasattr(X, "columns"):
        table = np.asarray(X, dtype=object)
        columns = enumerate(table.T) if table.ndim == 2 else []
    else:
        columns = ((name, np.asarray(X[name], dtype=object)) for name in X.columns)
    for name, column in columns:
        for row, entry in enumerate(column):
            try:
                float(entry)
            except (TypeError, ValueError):
                return DataError(
                    f"X is not made of numbers: column {quoted(str(name))}, row {row} (from 0) "
                    f"holds {entry!r}; encode text columns first, for example with "
                    f"oddsmith.TableEncoder ({error})."
                )
    return None
