"""Fitted classifiers, recalibrated on rows that they were not fitted to."""

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from oddsmith.core.labels import listed
from oddsmith.core.stable import Array
from oddsmith.data.outcome import read_outcome
from oddsmith.decisions.outcomes import checked_weights
from oddsmith.decisions.recalibration import class_shares, prior_correction
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.inputs import class_weights
from oddsmith.estimators.labels import Encoded, known_index

__all__ = ["PriorCorrected", "innermost", "recalibrate"]

Method = Literal["platt", "temperature", "isotonic", "prior"]

_SCIKIT_LEARN = {"platt": "sigmoid", "temperature": "temperature", "isotonic": "isotonic"}


class PriorCorrected(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A fitted classifier whose probabilities are carried to the shares of the classes in reality.

    For models that were fitted with class weights, or to rows drawn by class.

    Parameters
    ----------
    estimator : classifier
        Fitted, of any library, with ``predict_proba`` and ``classes_``. It is not fitted again;
        inside what clones, such as a cross-validation, freeze it: ``FrozenEstimator(model)``.
    trained : float, array-like of shape (K,), dict of label to share, or None
        Shares of the classes in the (weighted) rows of its training; a number is the share of
        ``classes_[1]``. None finds them from the ``class_weight`` of the estimator (of the last
        step of a pipeline, of the best estimator of a search): equal ones for "balanced"; for a
        dict, the shares in reality times its weights, which takes the rows of the training to
        have been drawn as they came.
    actual : float, array-like of shape (K,), dict of label to share, or None
        Shares of the classes in reality; None takes those of the y given to `fit`.

    Attributes
    ----------
    classes_ : array of shape (K,)
    trained_, actual_ : array of shape (K,)
        Shares, with the sum 1.

    Examples
    --------
    >>> import numpy as np
    >>> from oddsmith import LogisticRegression
    >>> X, y = np.array([[0.0], [1.0], [0.0], [1.0], [1.0], [1.0]]), [0, 0, 0, 1, 0, 1]
    >>> model = LogisticRegression(class_weight="balanced", C=1.0).fit(X, y)
    >>> found = PriorCorrected(model).fit(X, y)
    >>> found.trained_.tolist(), found.actual_.round(4).tolist()
    ([0.5, 0.5], [0.6667, 0.3333])
    """

    classes_: np.ndarray[Any, Any]
    trained_: Array
    actual_: Array

    def __init__(self, estimator: Any, *, trained: Any = None, actual: Any = None) -> None:
        self.estimator = estimator
        self.trained = trained
        self.actual = actual

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "PriorCorrected":
        """Learn the shares of the classes; nothing of X is looked at.

        Parameters
        ----------
        X : ignored
        y : array-like of shape (n,)
            Labels of rows as they come in reality.
        sample_weight : array-like of shape (n,), optional
        """
        check_is_fitted(self.estimator)
        classes = np.asarray(self.estimator.classes_)
        labels, _ = read_outcome(y)
        encoded = Encoded(classes, _known(labels, classes))
        weight = checked_weights(sample_weight, encoded.index.size)
        seen = np.bincount(encoded.index, weight, minlength=classes.size)
        if self.actual is not None:
            seen = _shares(self.actual, classes, "actual")
        elif not (seen > 0).all():
            label = classes.tolist()[int(np.argmin(seen > 0))]
            raise DataError(
                f"y holds no row of class {label!r}, whose share is then unknown; give rows of "
                "each class, or the shares by actual=."
            )
        self.actual_ = class_shares(seen, classes.size, "actual")
        self.trained_ = self._trained(classes)
        self.classes_ = classes
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator, name):
                setattr(self, name, getattr(self.estimator, name))
        return self

    def _trained(self, classes: np.ndarray[Any, Any]) -> Array:
        if self.trained is not None:
            return class_shares(_shares(self.trained, classes, "trained"), classes.size, "trained")
        inner = innermost(self.estimator)
        weights = getattr(inner, "class_weight", None)
        if weights is None:
            raise ParameterError(
                f"{type(inner).__name__} has no class_weight that would tell the shares of the "
                "classes in its training; give them by trained=, such as the share of "
                f"{classes.tolist()[-1]!r} among its rows."
            )
        if isinstance(weights, str):  # balanced, or balanced_subsample: all weigh the same
            return class_shares(np.ones(classes.size), classes.size, "trained")
        every = Encoded(classes, np.arange(classes.size, dtype=np.int32))
        by_class = class_weights(weights, self.actual_, every)
        return class_shares(self.actual_ * by_class, classes.size, "class_weight")

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class, of shape (n, K), columns as in ``classes_``."""
        check_is_fitted(self)
        return prior_correction(self.estimator.predict_proba(X), self.trained_, self.actual_)

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """Most probable class of each row, of shape (n,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


def recalibrate(
    estimator: Any,
    X: Any,
    y: Any,
    method: Method = "platt",
    sample_weight: Any = None,
    *,
    trained: Any = None,
) -> Any:
    """Recalibrate a fitted classifier on rows that it was not fitted to.

    On the rows of its own fit a model looks calibrated, whatever it is: they teach nothing.

    Parameters
    ----------
    estimator : classifier
        Fitted, of any library with scikit-learn's conventions. It stays as it is.
    X : array or data frame of shape (n, p)
        Of pandas, Polars or PyArrow.
    y : array-like of shape (n,)
        Every class of the estimator at least twice.
    method : "platt", "temperature", "isotonic" or "prior"
        - "platt": a logistic regression on the margin (two numbers a class);
        - "temperature": one factor on all margins, which keeps the most probable class;
        - "isotonic": any rising function; it wants a thousand rows or more;
        - "prior": other shares of the classes and nothing else, see `PriorCorrected`: the one to
          take after ``class_weight="balanced"``. It learns nothing from the rows but the shares.
    sample_weight : array-like of shape (n,), optional
    trained : float, array-like of shape (K,) or dict, optional
        For "prior": shares of the classes in the training.

    Returns
    -------
    CalibratedClassifierCV or PriorCorrected
        Fitted: scikit-learn's for the first three methods.

    Raises
    ------
    DataError
        If y holds a label that the estimator does not know, or too few rows of one that it does.
    ParameterError
        If an argument cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> from oddsmith import LogisticRegression
    >>> X, y = np.arange(8.0)[:, None], np.array([0, 0, 1, 0, 0, 1, 1, 1])
    >>> model = LogisticRegression(class_weight="balanced").fit(X[::2], y[::2])
    >>> recalibrate(model, X[1::2], y[1::2], "prior").classes_
    array([0, 1])
    """
    if method not in (*_SCIKIT_LEARN, "prior"):
        known = listed([repr(name) for name in (*_SCIKIT_LEARN, "prior")])
        raise ParameterError(f"method={method!r} is none of {known}.")
    if method == "prior":
        frozen = FrozenEstimator(estimator)
        return PriorCorrected(frozen, trained=trained).fit(X, y, sample_weight)
    if trained is not None:
        raise ParameterError(
            f"trained= is of method='prior', and method={method!r} learns from the rows alone; "
            "leave it out."
        )
    check_is_fitted(estimator)
    if isinstance(X, Mapping):
        raise DataError(
            "X is a dict of columns, which scikit-learn cannot take rows of; give a data frame of "
            "pandas, Polars or PyArrow."
        )
    labels, _ = read_outcome(y)
    labels = np.asarray(labels)
    weight = checked_weights(sample_weight, labels.size)
    classes = np.asarray(estimator.classes_)
    counts = np.bincount(
        _known(labels, classes), None if weight is None else weight > 0, classes.size
    )
    if (counts < 2).any():
        label = classes.tolist()[int(np.argmin(counts))]
        raise DataError(
            f"y holds {counts.min():g} rows of class {label!r} (that have weight); to recalibrate "
            "give at least two of each class that the estimator knows."
        )
    # The estimator is frozen: the folds only say in which order its rows are scored.
    found = CalibratedClassifierCV(FrozenEstimator(estimator), method=_SCIKIT_LEARN[method], cv=2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Since FrozenEstimator does not appear to accept")
        return found.fit(X, labels, sample_weight=weight)


def _known(labels: Any, classes: np.ndarray[Any, Any]) -> Any:
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0:
        raise DataError(f"y has shape {labels.shape}; give one label per row, shape (n,).")
    return known_index(labels, classes, labels.size, "y", "the estimator")


def _shares(given: Any, classes: np.ndarray[Any, Any], name: str) -> Any:
    """Shares in the order of the classes."""
    if not isinstance(given, dict):
        return class_shares(given, classes.size, name)
    labels = classes.tolist()
    if set(given) != set(labels):
        raise ParameterError(
            f"{name} has the labels {list(given)}, and the estimator the classes {labels}; give a "
            "share of each."
        )
    return class_shares([given[label] for label in labels], classes.size, name)


def innermost(estimator: Any) -> Any:
    """Classifier inside pipelines, searches and frozen estimators.

    Parameters
    ----------
    estimator : fitted estimator
    """
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        else:
            return estimator
