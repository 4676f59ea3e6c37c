"""logit: maximum likelihood and its inference in one call, from a formula or from arrays."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import betaln

from oddsmith.core.block import CountedSource
from oddsmith.core.columns import Columns
from oddsmith.core.stable import Array
from oddsmith.data.formulas import Encoding, read_formula
from oddsmith.data.frames import is_frame, missing_rows, numbers_of, refuse_missing
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.door import admit, admit_columns, checked
from oddsmith.estimators.firth import bias_reduced
from oddsmith.estimators.inputs import row_offset, row_weights
from oddsmith.estimators.labels import Encoded, encode_labels
from oddsmith.estimators.likelihood import (
    Rows,
    admit_groups,
    check_kinds,
    fitted,
    in_unit,
    inferred,
    left_out,
)
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.estimators.parameters import check_stopping
from oddsmith.inference.firth import Jeffreys
from oddsmith.solvers.run import Solver
from oddsmith.views.results import Results

__all__ = ["logit"]


@dataclass(frozen=True, slots=True)
class _Table:
    """What a user gave, as arrays, with rows left out that miss something if so asked."""

    X: Any
    names: tuple[str, ...]
    y: Any
    target: str
    intercept: bool
    intercept_name: str
    counts: str | None
    beside: dict[str, Any]
    kept: np.ndarray[Any, np.dtype[np.bool_]] | None = None
    encoding: Encoding | None = None


def _from_formula(text: str, data: Any, given: dict[str, Any], missing: str) -> _Table:
    named = {key: name for key, name in given.items() if isinstance(name, str)}
    arrays = [np.asarray(v) for key, v in given.items() if key not in named and v is not None]
    sheet = read_formula(text, data, list(named.values()), missing, arrays)
    beside = {key: sheet.beside[name] for key, name in named.items()}
    for key, values in given.items():
        if key not in named and values is not None:
            array = np.asarray(values)
            fits = sheet.kept is None or array.shape[:1] != sheet.kept.shape
            beside[key] = array if fits else array[sheet.kept]
    if sheet.offset is not None:
        beside["offset"] = sheet.offset + np.asarray(beside.get("offset", 0.0), dtype=np.float64)
    return _Table(
        sheet.X,
        sheet.names,
        sheet.response,
        sheet.target,
        sheet.intercept,
        "Intercept",
        sheet.counts,
        beside,
        sheet.kept,
        replace(sheet.encoding, offset=named.get("offset")),
    )


def _from_arrays(
    given_X: Any, y: Any, given: dict[str, Any], missing: str, intercept: bool
) -> _Table:
    for key, values in given.items():
        if isinstance(values, str):
            raise ParameterError(
                f"{key}={values!r} names a column, and there is no data to look it up in: give "
                "the numbers, or a formula and a data frame."
            )
    target = getattr(y, "name", None)
    names: tuple[str, ...] | None = None
    X: Any = given_X
    if is_frame(given_X):
        X, names = numbers_of(given_X, missing)
    elif not hasattr(given_X, "tocsr"):
        X = np.asarray(given_X)
        X = X[:, None] if X.ndim == 1 else X
    y = numbers_of(y, missing)[0] if is_frame(y) else np.asarray(y)
    beside = {key: np.asarray(values) for key, values in given.items() if values is not None}
    kept = None
    if missing == "drop":
        X, y, beside, kept = _without_missing(X, y, beside)
    elif y.ndim == 1:
        refuse_missing({"y": missing_rows(y)})
    if names is None:
        names = tuple(f"x{j}" for j in range(1, X.shape[1] + 1 if len(X.shape) > 1 else 1))
    shown = target if isinstance(target, str) else "y"
    return _Table(X, names, y, shown, bool(intercept), "const", None, beside, kept)


def _without_missing(
    X: Any, y: Any, beside: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any], np.ndarray[Any, np.dtype[np.bool_]] | None]:
    n = X.shape[0]
    lost = np.zeros(n, dtype=bool)
    parts = [y, *beside.values()] + ([] if hasattr(X, "tocsr") else [X])
    for part in parts:
        if part.shape[:1] == (n,):
            flat = part.reshape(n, -1)
            lost |= np.array([missing_rows(flat[:, j]) for j in range(flat.shape[1])]).any(axis=0)
    if not lost.any():
        return X, y, beside, None
    kept = ~lost
    short = {k: v[kept] if v.shape[:1] == (n,) else v for k, v in beside.items()}
    return X[kept], y[kept], short, kept


def _rows(model: Any, table: _Table, kind: str) -> Rows:
    if table.X.shape[1:] == (0,) and not table.intercept:
        raise DataError("there is neither a column nor an intercept to fit; give one.")
    y = np.asarray(table.y)
    if y.ndim == 2 and y.shape[1] == 2:
        return _rows_of_counts(model, table, y, kind)
    if table.counts is not None:
        raise DataError(
            f"counts={table.counts!r} needs two columns of counts, and the outcome has shape "
            f"{y.shape}."
        )
    if table.X.shape[1:] == (0,):
        # An intercept alone, which scikit-learn's checks do not know.
        X, labels = table.X, encode_labels(y)
    else:
        admitted = admit(model, table.X, y)
        X, labels = admitted.X, admitted.labels
    n, K = X.shape[0], labels.classes.size
    model.feature_names_in_ = np.array(table.names, dtype=object)
    return Rows(
        X,
        labels,
        table.names,
        row_weights(table.beside.get("weights"), None, labels, name="weights"),
        row_offset(table.beside.get("offset"), n, 1 if K == 2 else int(K)),
        admit_groups(table.beside.get("groups"), n),
        table.intercept,
        table.intercept_name,
        table.target,
        counted=table.kept,
    )


def _rows_of_counts(model: Any, table: _Table, y: Any, kind: str) -> Rows:
    """Successes and failures of each row as two rows of that weight."""
    if "weights" in table.beside:
        raise ParameterError("counts are weights themselves; multiply them instead of weights=...")
    success, failure = _counted(y, table.counts)
    # scikit-learn's checks do not know an intercept alone.
    X = checked(model, table.X, success, reset=True)[0] if table.X.shape[1:] != (0,) else table.X
    model.feature_names_in_ = np.array(table.names, dtype=object)
    n, trials = X.shape[0], success + failure
    both = np.concatenate([success, failure])
    if not (success.any() and failure.any()):
        one = "successes" if success.any() else "failures"
        raise DataError(f"the counts are all {one}; a classifier needs both.")
    rows = np.tile(np.arange(n), 2)[both > 0]
    offset = row_offset(table.beside.get("offset"), n, 1)
    group = admit_groups(table.beside.get("groups"), n) if kind == "cluster" else np.arange(n)
    counted = trials > 0
    constant = -(np.log1p(trials) + betaln(success + 1.0, failure + 1.0)).sum()
    index = np.repeat(np.array([1, 0], dtype=np.int8), n)[both > 0]
    return Rows(
        X[rows],
        Encoded(np.array(["failure", "success"]), index),
        table.names,
        both[both > 0],
        None if offset is None else offset[rows],
        None if group is None else group[rows],
        table.intercept,
        table.intercept_name,
        table.target,
        counted=both > 0,
        trials=trials[counted],
        constant=float(constant),
    )


def _counted(y: Any, counts: str | None) -> tuple[Array, Array]:
    """Successes and failures of each row, of shape (n,) each."""
    if counts is None:
        raise ParameterError(
            "the outcome has two columns; say what they are: counts='trials' for (successes, "
            "trials), counts='failures' for (successes, failures), as in R and statsmodels."
        )
    try:
        first, second = y.astype(np.float64).T
    except (TypeError, ValueError) as error:
        raise DataError(f"the counts are not made of numbers: {error}.") from error
    failure = second - first if counts == "trials" else second
    whole = (first == np.floor(first)) & (second == np.floor(second)) & np.isfinite(first + second)
    bad = np.flatnonzero(~(whole & (first >= 0) & (failure >= 0)))
    if bad.size:
        row = int(bad[0])
        raise DataError(
            f"row {row} (from 0) has {first[row]:g} successes and {second[row]:g} {counts}; give "
            "whole numbers that are not negative, and no more successes than trials."
        )
    return first, failure


def _admitted(model: Any, source: CountedSource, rows: Rows) -> Columns:
    """Where the columns lie; missing values are counted in all columns before one is named."""
    try:
        return admit_columns(model, source, rows.X, rows.width, penalised=False)
    except DataError:
        if not rows.sparse:
            columns = enumerate(rows.names)
            refuse_missing({name: missing_rows(rows.X[:, j]) for j, name in columns})
        raise


def logit(
    formula_or_X: Any,
    data_or_y: Any,
    *,
    weights: Any = None,
    offset: Any = None,
    cov_type: str | None = None,
    groups: Any = None,
    firth: bool = False,
    weights_are: str = "frequency",
    counts: str | None = None,
    intercept: bool = True,
    missing: str = "raise",
    solver: str | Solver = "auto",
    tol: float = 1e-12,
    max_iter: int | None = None,
    n_jobs: int | None = None,
) -> Results:
    """Fit a logistic regression by maximum likelihood, and say how sure its coefficients are.

    Parameters
    ----------
    formula_or_X : str, or array, sparse matrix or data frame of shape (n, p)
        A formula such as ``"admit ~ gre + C(rank)"``, or columns of numbers. A formula is code:
        formulaic evaluates it.
    data_or_y : data frame or dict of columns; or array of shape (n,) or (n, 2)
        What the formula speaks of; or the outcome of each row. Outcomes are labels of any kind,
        two or more: the first in sorted order is the reference.
    weights : array of shape (n,), or name of a column of the data, optional
        See `weights_are`.
    offset : array of shape (n,), or (n, K) for K > 2 classes, or name of a column, optional
        Added to the margin with a fixed coefficient of 1.
    cov_type : "nonrobust", "HC0", "HC1", "HC2", "HC3" or "cluster", optional
        Where standard errors come from, see `oddsmith.inference.covariance`. If not given,
        "cluster" where there are groups, "HC1" for sampling weights, else "nonrobust".
    groups : array of shape (n,), or name of a column, optional
        Clusters of rows that depend on each other.
    firth : bool, default False
        Whether to take Firth's bias-reduced coefficients, which no separation makes infinite; tests
        and intervals are then by the penalised likelihood, see `FirthLogisticRegression`.
    weights_are : "frequency" or "sampling", default "frequency"
        A frequency of 2 says that the row was seen twice: statsmodels' ``freq_weights`` and R's
        ``weights``, hence the default. A sampling weight of 2 says that it was seen once, and
        stands for two: coefficients are the same, and standard errors are not.
    counts : "trials" or "failures", optional
        Where y has two columns, or a formula's outcome has: what the second is, beside the
        successes in the first. A formula says so itself: ``trials(successes, trials) ~ x``, or
        ``cbind(successes, failures) ~ x`` as in R.
    intercept : bool, default True
        Whether one is added to X, called "const". Formulas say so themselves.
    missing : "raise" or "drop", default "raise"
        What to do about rows with a missing value.
    solver, tol, max_iter, n_jobs
        As in `LogisticRegression`.

    Returns
    -------
    Results
        Frozen, with statsmodels' names: `summary()` shows it all.

    Raises
    ------
    DataError
        If the data cannot be used; the message names row, column or class.
    ParameterError
        If arguments cannot be used, or contradict each other.

    Warns
    -----
    SeparationWarning, CollinearityWarning, ConvergenceWarning, OddsmithWarning

    Examples
    --------
    >>> data = {"dose": [1, 2, 3, 4, 5, 6, 7, 8], "alive": [1, 1, 0, 1, 1, 0, 0, 0]}
    >>> found = logit("alive ~ dose", data)
    >>> found.names, found.params.round(3), found.bse.round(3), found.pvalues.round(3)
    (('Intercept', 'dose'), array([ 3.721, -0.827]), array([2.627, 0.545]), array([0.157, 0.129]))
    """
    kind = check_kinds(cov_type, weights_are, groups)
    check_stopping(tol, max_iter)
    if missing not in ("raise", "drop"):
        raise ParameterError(f"missing={missing!r} is not known; use 'raise' or 'drop'.")
    if counts not in (None, "trials", "failures"):
        raise ParameterError(f"counts={counts!r} is not known; use 'trials' or 'failures'.")
    given = {"weights": weights, "offset": offset, "groups": groups}
    if isinstance(formula_or_X, str):
        if not intercept:
            raise ParameterError("a formula says itself that it has no intercept: 'y ~ x - 1'.")
        table = _from_formula(formula_or_X, data_or_y, given, missing)
    else:
        table = _from_arrays(formula_or_X, data_or_y, given, missing, intercept)
    if counts is not None:
        table = replace(table, counts=counts)
    model = LogisticRegression(C=np.inf, fit_intercept=table.intercept)
    rows = in_unit(replace(_rows(model, table, kind), weights=weights_are))

    def admit_all(source: CountedSource) -> Columns:
        return _admitted(model, source, rows)

    if firth:
        if kind != "nonrobust" or weights_are != "frequency":
            raise ParameterError(
                "firth=True corrects a likelihood, so that it takes neither a robust cov_type nor "
                "sampling weights; leave them out, or fit without it."
            )
        reduced = bias_reduced(
            left_out(rows), admit_all, Jeffreys(), max_iter=max_iter or 500, n_jobs=n_jobs
        )
        return replace(reduced, encoding=table.encoding)
    likelihood, fit = fitted(left_out(rows), admit_all, solver, float(tol), max_iter, n_jobs)
    return replace(inferred(rows, likelihood, fit, kind), encoding=table.encoding)
