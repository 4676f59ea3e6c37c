"""The door: a user's X and y become rows that the house can trust, or an error that names them.

Plain arrays, which leave nothing to ask, walk in; for all else scikit-learn's checks, which take
longer than a small fit, say what they always say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from oddsmith.core.block import CountedSource
from oddsmith.core.columns import Columns
from oddsmith.core.labels import column_name, listed, quoted
from oddsmith.data.memory import memory_blocks
from oddsmith.data.outcome import read_outcome
from oddsmith.engines.threads import Threads
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.inputs import row_offset
from oddsmith.estimators.labels import Encoded, encode_labels, encode_quickly, known_index
from oddsmith.estimators.table_door import Kept, first_rows, other_rows, read_y, takes
from oddsmith.solvers.choose import Problem, kernels_for
from oddsmith.views.progress import note

__all__ = [
    "Admitted",
    "admit",
    "admit_columns",
    "admit_held_out",
    "beyond_floats",
    "check_columns",
    "checked",
    "column_places",
    "enter",
    "fitted_columns",
    "is_collection",
    "name_bad_entry",
    "name_text_column",
    "names_of",
    "of_kept",
    "refuse_collection",
    "tell_dropped",
]

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
# Columns narrower than the smallest normal float have coefficients beyond the largest one.
_LEAST_SPREAD = 2.0**-1021


@dataclass(frozen=True, slots=True)
class Admitted:
    """Rows of a fit.

    Attributes
    ----------
    X : ndarray, CSR or CSC of shape (n, p), float64 or float32
        The user's own where it is one. Whether it is finite, the columns tell.
    labels : Encoded
        Of the n rows.
    kept : boolean array, or None
        Which rows of the user's these are; None if all.
    """

    X: Any
    labels: Encoded
    kept: Kept | None = None

    def beside(self, values: Any) -> Any:
        """Take what the user gave for each row, such as weights, of the rows that are left."""
        return of_kept(self.kept, values)


def is_collection(X: Any) -> bool:
    """Whether X is a collection of Dask, which is not asked to compute itself here.

    Examples
    --------
    >>> is_collection(np.eye(2))
    False
    """
    return hasattr(X, "__dask_graph__")


def refuse_collection(what: str, X: Any) -> None:
    """Raise where X is a collection of Dask, for what reads rows in memory alone.

    Raises
    ------
    ParameterError
    """
    if is_collection(X):
        raise ParameterError(
            f"{what} needs rows in memory here, and X is a Dask collection; give X.compute(), or "
            "use LogisticRegression, LogisticRegressionCV or regularization_path, which fit "
            "collections"
        )


def of_kept(kept: Kept | None, values: Any) -> Any:
    """Values of the rows that are left.

    Examples
    --------
    >>> of_kept(np.array([True, False, True]), [1.0, 2.0, 3.0])
    array([1., 3.])
    """
    if kept is None or values is None:
        return values
    given = np.asarray(values)
    if given.ndim == 0:
        return values
    if given.shape[0] != kept.size:
        raise DataError(
            f"X has {kept.size} rows, those with missing values included, and what was given "
            f"beside them has shape {given.shape}; give one value per row."
        )
    return given[kept]


def admit(model: Any, X: Any, y: Any) -> Admitted:
    """Rows and labels of a first fit, whose columns the model is to know from now on.

    Raises
    ------
    DataError, ValueError
        If X is not made of numbers and cannot be encoded, or y not of labels.
    """
    fitted = vars(model)
    asked = fitted.get("encoder") is not None
    fitted.pop("coef_names_", None)
    if not asked and _plain(X) and type(y) is np.ndarray and y.shape == X.shape[:1] and X.size:
        labels = encode_quickly(y)
        if labels is not None:
            model.n_features_in_ = X.shape[1]
            fitted.pop("feature_names_in_", None)
            model.encoder_, model.target_, model.n_dropped_ = None, None, 0
            return Admitted(X, labels)
    X, y, kept = enter(model, X, y, reset=True)
    return Admitted(X, encode_labels(y), kept)


def enter(model: Any, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any, Kept | None]:
    """Rows and labels, checked and encoded, and which of the user's rows they are.

    With `reset` the model learns the columns, and how to encode them; without it knows them.

    Raises
    ------
    DataError, ValueError
    """
    refuse_collection(type(model).__name__, X)
    if hasattr(X, "mapInArrow"):
        raise DataError(
            "X is a DataFrame of Spark; give it to oddsmith.spark.fit, with the name of the target"
        )
    if not reset:
        X, kept = _entered(model, X, drop=True)
        y, _ = read_y(y, X.shape[0] if kept is None else kept.size)
        return X, of_kept(kept, y), kept
    vars(model).pop("coef_names_", None)
    if vars(model).get("encoder") is not None or takes(X):
        X, y, kept = first_rows(model, X, y)
        model.n_dropped_ = 0 if kept is None else int(kept.size - kept.sum())
        return X, y, kept
    y, name = read_outcome(y)
    X, y = checked(model, X, y, reset=True)
    model.encoder_, model.target_, model.n_dropped_ = None, name, 0
    return X, y, None


def fitted_columns(model: Any, X: Any) -> Any:
    """X for a fitted model to predict from: its columns, encoded, in the order of `coef_`.

    Raises
    ------
    DataError, ValueError
        If X is not made of numbers and cannot be encoded, or its columns are not those of the fit.
    NotFittedError
        If there was no fit.
    """
    fitted = vars(model)
    same = _plain(X) and fitted.get("n_features_in_") == X.shape[1] and X.shape[0] > 0
    same = same and "coef_" in fitted and "feature_names_in_" not in fitted
    if same and fitted.get("encoder_") is None:
        return X
    check_is_fitted(model)
    refuse_collection(type(model).__name__, X)
    return _entered(model, X, drop=False)[0]


def _entered(model: Any, X: Any, *, drop: bool) -> tuple[Any, Kept | None]:
    if vars(model).get("encoder_") is not None or takes(X):
        return other_rows(model, X, drop=drop)
    return checked(model, X, None, reset=False)[0], None


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
    check_columns(model, columns, lambda: name_bad_entry(X, names_of(model)), penalised=penalised)
    return columns


def check_columns(
    model: Any,
    columns: Columns,
    explain: Callable[[], DataError | None] | None,
    *,
    penalised: bool,
) -> None:
    """Refuse entries that are not finite, which `explain` names, and coefficients beyond floats.

    Raises
    ------
    DataError
    """
    if not columns.finite and explain is not None:
        error = explain()
        if error is not None:
            raise error
    if not penalised:
        tiny = np.flatnonzero((columns.spread < _LEAST_SPREAD) & ~columns.constant)
        if tiny.size:
            raise beyond_floats(model, columns, int(tiny[0]))


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
        X, kept = _entered(model, validation[0], drop=True)
    except ValueError as error:
        raise DataError(f"the X of validation does not fit: {error}") from error
    error = name_bad_entry(X, names_of(model))
    if error is not None:
        raise error
    n = X.shape[0] if kept is None else kept.size
    labels = read_outcome(validation[1])[0]
    index = known_index(labels, classes, n, "the y of validation", "the y of the fit")
    offset = row_offset(validation[2], n, width) if with_offset else None
    rows = memory_blocks(X, of_kept(kept, index), offset=of_kept(kept, offset), width=width)
    return Threads(rows, n_jobs=1)


def names_of(model: Any) -> Any:
    """Names of the columns of a model's `coef_`; None if they are numbered."""
    if getattr(model, "encoder_", None) is not None:
        return model.coef_names_
    return getattr(model, "feature_names_in_", None)


def column_places(model: Any) -> dict[str, range]:
    """Columns of `coef_` by name: their own, or that of the column of X from which they come."""
    names, places = names_of(model), dict[str, range]()
    if names is None:
        raise ParameterError(
            "columns without names cannot be named: give a number for each column, or a table."
        )
    if getattr(model, "encoder_", None) is not None:
        start = 0
        for one in model.encoder_.encoding_.columns:
            places[one.name] = range(start, start + one.width)
            start += one.width
    return places | {str(name): range(j, j + 1) for j, name in enumerate(names)}


def tell_dropped(model: Any) -> None:
    """Say how many rows were left out, to whoever wants to hear."""
    if model.n_dropped_:
        note(bool(model.verbose), f"{model.n_dropped_} rows miss a value and are left out")


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
            f"X contains {found}: column {column_name(names, column)}, row {row} (from 0)"
            f"{_counted(X, names)}; fill or drop such rows before the fit (scikit-learn's "
            "SimpleImputer does, for NaN)."
        )
    return None


def _counted(X: Any, names: Any) -> str:
    """Values that are missing in all, by column where columns have names."""
    if names is None or hasattr(X, "tocoo"):
        return ""
    missing = np.isnan(X)
    counts = missing.sum(axis=0)
    if counts.sum() < 2:
        return ""
    found = [f"{quoted(str(names[j]))} {counts[j]}" for j in np.flatnonzero(counts).tolist()]
    rows = int(missing.any(axis=1).sum())
    return f"; values are missing in {rows} of {len(X)} rows, by column: {listed(found)}"


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
