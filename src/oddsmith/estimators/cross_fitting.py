"""Scores of rows by a classifier that was fitted to others: each fold by a clone of its own."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from types import NoneType
from typing import Any, Literal

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils import indexable

from oddsmith.core.stable import Array
from oddsmith.data.opened import open_table
from oddsmith.data.outcome import outcome_among
from oddsmith.decisions.outcomes import checked_weights
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.labels import Encoded, encode_labels
from oddsmith.estimators.row_parts import n_rows, some_rows
from oddsmith.estimators.table_door import read_y, takes

__all__ = ["Given", "Response", "folds_of", "held_out_scores", "positive_scores", "read_rows"]

Response = Literal["auto", "predict_proba", "decision_function"]


@dataclass(frozen=True, slots=True)
class Given:
    """What a fit is given, checked.

    Attributes
    ----------
    X, y : object
        As the classifier gets them, but rows can be taken of them.
    labels : Encoded
        Of the n rows.
    weight : array of shape (n,), or None
    params : dict
        For the classifier's fit, beside these.
    """

    X: Any
    y: Any
    labels: Encoded
    weight: Array | None
    params: dict[str, Any]

    def part(self, rows: np.ndarray[Any, Any] | None) -> tuple[Any, Any, dict[str, Any]]:
        """Arguments of a fit to some rows; None is all."""
        if rows is None:
            return self.X, self.y, self.params
        n = self.labels.index.size
        params = {
            name: some_rows(value, rows) if n_rows(value) == n else value
            for name, value in self.params.items()
        }
        return some_rows(self.X, rows), some_rows(self.y, rows), params


def read_rows(X: Any, y: Any, sample_weight: Any) -> Given:
    """Check what a user gave, and bring it to a form of which rows can be taken.

    Raises
    ------
    DataError
        If there are no rows, labels of one class, or weights that cannot be.
    """
    if not isinstance(X, Mapping) or issparse(X):  # of which some are mappings
        [X] = indexable(X)
    n = n_rows(X)
    if n is None:
        raise DataError(
            f"X is a {type(X).__name__}, of which no rows can be taken; give an array, or a data "
            "frame of pandas, Polars or PyArrow."
        )
    if not n:
        raise DataError("X has no rows; give some of both classes.")
    labels, name = read_y(y, n)
    encoded = encode_labels(labels)
    # A name tells the classifier which column of X is the outcome itself.
    y_fit = labels if name is None else y
    if name is None and takes(X):
        # Without one it could not tell, once rows have been taken of both.
        among = outcome_among(open_table(X), y, labels, None)
        y_fit = labels if among is None else {among: labels}
    return Given(X, y_fit, encoded, checked_weights(sample_weight, n), {})


def folds_of(
    rows: Given, cv: Any, random_state: Any, split: dict[str, Any]
) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Rows to fit and rows to score, by number; all classes are among the rows to fit.

    Parameters
    ----------
    rows : Given
    cv : int, splitter, iterable of (train, test), or None
    random_state : int, RandomState or None
        Shuffles rows before they are cut into a number of folds.
    split : dict
        For the splitter, beside rows and labels.

    Raises
    ------
    DataError
        If a fold has no row to score, or lacks a class in the rows to fit.
    ParameterError
        If there is no fold.
    """
    index, classes = rows.labels.index, rows.labels.classes
    every = np.arange(index.size)
    splits: Any = 5 if cv is None else cv
    if random_state is not None and isinstance(cv, (Integral, NoneType)):
        splits = StratifiedKFold(int(splits), shuffle=True, random_state=random_state)
    X = every[:, None] if isinstance(rows.X, Mapping) else rows.X
    splitter: Any = check_cv(splits, index, classifier=True)
    with warnings.catch_warnings():
        # Scores of all folds are pooled, so that one may be without a class.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        parts = list(splitter.split(X, index, **split))
    if not parts:
        raise ParameterError(f"cv={cv!r} gives no folds; give at least one (train, test).")
    found = []
    for number, (train, test) in enumerate(parts):
        fitted, scored = every[train], every[test]
        seen = np.bincount(index[fitted], minlength=classes.size)
        if not seen.all():
            label = classes.tolist()[int(np.argmin(seen))]
            raise DataError(
                f"fold {number} (from 0) has no row of class {label!r} to fit; use fewer "
                "folds, or a splitter that shares out each class, such as StratifiedKFold."
            )
        if not scored.size:
            raise DataError(f"fold {number} (from 0) has no row to score.")
        found.append((fitted, scored))
    return found


def held_out_scores(
    model: Any, rows: Given, train: Any, test: Any, method: Response, positive: Any
) -> Array:
    """Fit to some rows, score others."""
    X, y, params = rows.part(train)
    model.fit(X, y, **params)
    return positive_scores(model, some_rows(rows.X, test), method, positive)


def positive_scores(model: Any, X: Any, method: Response, positive: Any) -> Array:
    """Score rows for the positive class, shape (n,), by the first method that there is.

    Raises
    ------
    ParameterError
        If there is none.
    """
    wanted = ("predict_proba", "decision_function") if method == "auto" else (method,)
    name = next((one for one in wanted if hasattr(model, one)), None)
    if name is None or name not in ("predict_proba", "decision_function"):
        raise ParameterError(
            f"{type(model).__name__} has no {' and no '.join(wanted)} to score rows by; choose "
            "another classifier, or response_method='auto'."
        )
    found = np.asarray(getattr(model, name)(X), dtype=np.float64)
    second = bool(model.classes_[1] == positive)
    if name == "predict_proba":
        return found[:, int(second)]
    return found.reshape(-1) if second else -found.reshape(-1)
