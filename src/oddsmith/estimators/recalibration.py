"""Fitted classifiers, recalibrated on rows that they were not fitted to."""

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from oddsmith.core.labels import listed
from oddsmith.core.stable import Array
from oddsmith.data.outcome import read_outcome
from oddsmith.decisions.outcomes import checked_weights, label_column
from oddsmith.decisions.recalibration import class_shares, prior_correction
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.inputs import class_weights
from oddsmith.estimators.labels import Encoded, known_index
from oddsmith.estimators.wrapped import innermost

__all__ = ["PriorCorrected", "recalibrate"]

Method = Literal["platt", "temperature", "isotonic", "prior"]

_SCIKIT_LEARN = {"platt": "sigmoid", "temperature": "temperature", "isotonic": "isotonic"}


class PriorCorrected(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier whose probabilities are carried to the shares of the classes in reality.

    For models that were fitted with class weights, or to rows drawn by class.

    Parameters
    ----------
    estimator : classifier
        Of any library, with ``predict_proba`` and ``classes_``. One that is fitted is taken as it
        is; of one that is not, as inside what clones, a clone is fitted to the rows of `fit`. For
        a fitted one to stay so inside a cross-validation, freeze it: ``FrozenEstimator(model)``.
    trained : float, array-like of shape (K,), dict of label to share, or None
        Shares of the classes in the (weighted) rows of its training; a number is the share of
        ``classes_[1]``. None finds them from the ``class_weight`` of the estimator (of the last
        step of a pipeline, of the best estimator of a search): equal ones for "balanced"; for a
        dict, the shares in reality times its weights, which takes the rows of the training to
        have been drawn as they came. To be given with a fitted estimator only.
    actual : float, array-like of shape (K,), dict of label to share, or None
        Shares of the classes in reality; None takes those of the y given to `fit`.

    Attributes
    ----------
    estimator_ : classifier
        The fitted one.
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

    estimator_: Any
    classes_: np.ndarray[Any, Any]
    trained_: Array
    actual_: Array

    def __init__(self, estimator: Any, *, trained: Any = None, actual: Any = None) -> None:
        self.estimator = estimator
        self.trained = trained
        self.actual = actual

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags, tags.classifier_tags = inner.input_tags, inner.classifier_tags
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "PriorCorrected":
        """Learn the shares of the classes; of X nothing, if the estimator is fitted.

        Parameters
        ----------
        X : array or table of shape (n, p)
            For an estimator that is not fitted; otherwise not looked at.
        y : array-like of shape (n,)
            Labels of rows as they come in reality.
        sample_weight : array-like of shape (n,), optional
        """
        self.estimator_ = self._fitted(X, y, sample_weight)
        classes = np.asarray(self.estimator_.classes_)
        encoded = Encoded(classes, _known(_column(y), classes))
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
            vars(self).pop(name, None)
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _fitted(self, X: Any, y: Any, sample_weight: Any) -> Any:
        """Return the estimator if it is fitted, else a clone that is fitted to the rows."""
        try:
            check_is_fitted(self.estimator)
        except NotFittedError:
            if X is None:
                raise
        else:
            return self.estimator
        kind = type(self.estimator).__name__
        if self.trained is not None:
            raise ParameterError(
                f"trained={self.trained!r} is of a training before, and this {kind} is not fitted; "
                "fit it first, and inside what clones freeze it: FrozenEstimator(model)."
            )
        if sample_weight is None:
            return clone(self.estimator).fit(X, y)
        if not has_fit_parameter(self.estimator, "sample_weight"):
            raise ParameterError(
                f"{kind} takes no sample_weight, and is not fitted; fit it first, by the name that "
                "it has for weights."
            )
        return clone(self.estimator).fit(X, y, sample_weight=sample_weight)

    def _trained(self, classes: np.ndarray[Any, Any]) -> Array:
        if self.trained is not None:
            return class_shares(_shares(self.trained, classes, "trained"), classes.size, "trained")
        inner = innermost(self.estimator_)
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
        check_is_fitted(self, "estimator_")
        return prior_correction(self.estimator_.predict_proba(X), self.trained_, self.actual_)

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """Most probable class of each row, of shape (n,)."""
        check_is_fitted(self, "estimator_")
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
    labels = _column(y)
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


def _column(y: Any) -> np.ndarray[Any, Any]:
    """Labels, also those of a matrix of one column, as scikit-learn takes them."""
    labels = np.asarray(read_outcome(y)[0])
    return label_column(labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels)


def _known(labels: np.ndarray[Any, Any], classes: np.ndarray[Any, Any]) -> Any:
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
