"""TunedThreshold: any classifier with the threshold that its held-out scores speak for."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import signature
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils import Bunch, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from oddsmith.core.labels import label_text
from oddsmith.core.stable import Array
from oddsmith.data.opened import is_table, open_table
from oddsmith.data.outcome import outcome_among, read_outcome
from oddsmith.decisions.threshold_choice import Choice, Rule, read_rule
from oddsmith.decisions.threshold_folds import Scored, choose_threshold
from oddsmith.decisions.threshold_rows import read_weights
from oddsmith.errors import DataError, OddsmithWarning, ParameterError
from oddsmith.estimators.labels import Encoded, encode_labels
from oddsmith.estimators.row_parts import n_rows, some_rows
from oddsmith.estimators.table_door import read_y

__all__ = ["TunedThreshold"]

Response = Literal["auto", "predict_proba", "decision_function"]


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a fit is given, checked."""

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


def _can(method: str) -> Callable[[Any], bool]:
    return lambda self: hasattr(getattr(self, "estimator_", self.estimator), method)


class TunedThreshold(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier with the threshold that is the best for rows that it was not fitted to.

    Clones are fitted to all folds but one and score the one that is left; the threshold is the
    best for all these scores together, counted exactly, at every distinct one. The classifier is
    then fitted to all rows, and a row is positive where its score is at least `threshold_`.

    With a matrix of costs and more than two classes there is no threshold: `predict` gives the
    class of the least expected cost (Elkan, 2001, section 1.1), and nothing is cross-fitted.

    Parameters
    ----------
    estimator : classifier
        Any of scikit-learn's kind with `predict_proba` or `decision_function`. One that is fitted
        already, to other rows, comes as ``FrozenEstimator(model)``.
    objective : str, optional
        A measure, as in `ThresholdCurve.best`; "balanced_accuracy", as in scikit-learn, where
        there is no cost either.
    cost : dict, or array of shape (K, K), optional
        What each kind of row costs, ``{"fp": 1, "fn": 5}``; or ``cost[true, predicted]``, in the
        order of `classes_`.
    subject_to : dict, optional
        The least that other measures must be, ``{"precision": 0.9}``.
    positive : label, optional
        By default ``classes_[1]``.
    cv : int, splitter of scikit-learn, iterable of (train, test), or None, default 5
        Folds; each class is shared out evenly where they are a number.
    response_method : "auto", "predict_proba" or "decision_function", default "auto"
        What scores; "auto" takes `predict_proba` where there is one.
    n_jobs : int or None
        Folds that are fitted at once; None is one.
    random_state : int, RandomState or None
        Where given, and folds are a number, rows are shuffled before they are cut.

    Attributes
    ----------
    estimator_ : classifier
        Fitted to all rows.
    threshold_ : float
        ``inf`` where no row is called positive. Not there with more than two classes, as the
        three after it.
    choice_ : Choice
        What the threshold yields on the held-out scores. It was chosen on them, so that it looks
        a little better than it is; `fold_values_` do not.
    thresholds_ : array of shape (n_folds,)
        What each fold's scores alone would choose: how far the choice can be trusted. NaN where a
        fold cannot choose, as it lacks a class or a threshold that meets the constraints.
    fold_values_ : array of shape (n_folds,)
        The objective on each fold at the threshold that the other folds choose; costs are the
        fold's total, so that their sum is to be held against ``choice_.value``.
    classes_ : array of shape (K,)
    positive_ : label
    n_features_in_, feature_names_in_
        As the classifier has them.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from oddsmith import LogisticRegression
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = TunedThreshold(LogisticRegression(), cost={"fp": 5, "fn": 1}).fit(X, y)
    >>> round(model.threshold_, 2), model.choice_.value, model.fold_values_.sum()
    (0.88, 61.0, 77.0)
    """

    def __init__(
        self,
        estimator: Any,
        objective: str | None = None,
        *,
        cost: Any = None,
        subject_to: Any = None,
        positive: Any = None,
        cv: Any = 5,
        response_method: Response = "auto",
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.objective = objective
        self.cost = cost
        self.subject_to = subject_to
        self.positive = positive
        self.cv = cv
        self.response_method: Response = response_method
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        tags.classifier_tags.multi_class = _is_matrix(self.cost)
        return tags

    def get_metadata_routing(self) -> MetadataRouter:
        """Say what goes where, for scikit-learn's metadata routing."""
        both = MethodMapping().add(caller="fit", callee="fit")
        split = MethodMapping().add(caller="fit", callee="split")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=both).add(
            splitter=self.cv, method_mapping=split
        )

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        costs: Any = None,
        groups: Any = None,
        **fit_params: Any,
    ) -> Self:
        """Choose the threshold, and fit the classifier to all rows.

        Parameters
        ----------
        X : array, sparse matrix or table of shape (n, p)
            Given to the classifier as it is.
        y : array or column of shape (n,)
        sample_weight : array of shape (n,), optional
            For the fits, where the classifier takes it, and for the counts.
        costs : dict or data frame, optional
            What rows cost if they are of a kind, ``{"fp": 1, "fn": amounts}``: numbers, or arrays
            of shape (n,). Goes before `cost`.
        groups : array of shape (n,), optional
            For a splitter that keeps groups together.
        **fit_params
            For the classifier's `fit`.

        Returns
        -------
        TunedThreshold
            The estimator itself.

        Raises
        ------
        DataError
            If there are not two classes, a fold lacks one in the rows to fit, or no threshold
            meets the constraints.
        ParameterError
            If a parameter cannot be used, or there are more classes and no matrix of costs.

        Warns
        -----
        OddsmithWarning
            If the classifier does not take the weights, or all scores are equal.
        """
        labels, weight, y_fit, X = _read(X, y, sample_weight)
        self.classes_ = labels.classes
        routed = self._routed(weight, groups, fit_params)
        rows = _Rows(X, y_fit, labels, weight, routed.estimator.fit)
        K = labels.classes.size
        for name in ("threshold_", "choice_", "thresholds_", "fold_values_"):
            vars(self).pop(name, None)
        if K > 2:
            self._refuse_classes(K, costs)
            self.positive_ = None
            self._check_matrix(K)
        else:
            self.positive_ = self._positive(labels)
            rule = self._rule(costs, labels.index.size)
            self._choose(rows, rule, routed.splitter.split)
        self.estimator_ = clone(self.estimator)
        X, y, params = rows.part(None)
        self.estimator_.fit(X, y, **params)
        for name in ("n_features_in_", "feature_names_in_"):
            vars(self).pop(name, None)
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _routed(self, weight: Array | None, groups: Any, params: dict[str, Any]) -> Any:
        """Share out what comes beside rows and labels: to the classifier's fit, the splitter."""
        own = {"sample_weight": weight, "groups": groups}
        own = {name: value for name, value in own.items() if value is not None}
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **own, **params)
        given = dict(params)
        if weight is not None:
            if "sample_weight" in signature(self.estimator.fit).parameters:
                given["sample_weight"] = weight
            elif not any(name.endswith("__sample_weight") for name in params):
                warnings.warn(
                    f"{type(self.estimator).__name__} takes no sample_weight, so that the weights "
                    "choose the threshold and are not in the fits; a step of a pipeline takes "
                    "them by its name, fit(..., <step>__sample_weight=...), or by scikit-learn's "
                    "metadata routing.",
                    OddsmithWarning,
                    stacklevel=3,
                )
        split = {} if groups is None else {"groups": groups}
        return Bunch(estimator=Bunch(fit=given), splitter=Bunch(split=split))

    def _refuse_classes(self, K: int, costs: Any) -> None:
        if not _is_matrix(self.cost):
            # The first sentence is the one that scikit-learn expects.
            raise ParameterError(
                f"Only binary classification is supported. There are {K} classes, which no "
                f"threshold parts: give cost=, an array of shape ({K}, {K}), cost[true, "
                "predicted], for the class of the least expected cost."
            )
        for name, given in (
            ("objective", self.objective),
            ("subject_to", self.subject_to),
            ("positive", self.positive),
            ("costs", costs),
        ):
            if given is not None:
                raise ParameterError(
                    f"{name} is for two classes, and there are {K}; leave it out, as the matrix of "
                    "costs says it all."
                )

    def _check_matrix(self, K: int) -> Array:
        try:
            matrix = np.asarray(self.cost, dtype=np.float64)
        except (TypeError, ValueError):
            matrix = np.empty(0)
        if matrix.shape != (K, K) or not np.isfinite(matrix).all():
            raise ParameterError(
                f"cost is no array of shape ({K}, {K}) of finite numbers, cost[true, predicted], "
                f"which {K} classes need; its shape is {np.shape(self.cost)}."
            )
        return matrix

    def _positive(self, labels: Encoded) -> Any:
        if self.positive is None:
            return labels.classes[1]
        for label in labels.classes:
            if label == self.positive:
                return label
        first, second = map(label_text, labels.classes.tolist())
        raise ParameterError(
            f"positive={self.positive!r} is no label of y, which has {first!r} and {second!r}."
        )

    def _rule(self, costs: Any, n: int) -> Rule:
        cost = self.cost
        if _is_matrix(cost):
            matrix = self._check_matrix(2)
            k = int(self.positive_ == self.classes_[1])
            cost = {
                "tp": matrix[k, k],
                "fn": matrix[k, 1 - k],
                "fp": matrix[1 - k, k],
                "tn": matrix[1 - k, 1 - k],
            }
        if costs is not None:
            own = _read_costs(costs)
            cost = {**cost, **own} if isinstance(cost, Mapping) else own
        objective = self.objective
        if objective is None and cost is None:
            objective = "balanced_accuracy"
        return read_rule(objective, cost, self.subject_to, n)

    def _choose(self, rows: _Rows, rule: Rule, split: dict[str, Any]) -> None:
        folds = list(self._folds(rows, split))
        if not folds:
            raise ParameterError(f"cv={self.cv!r} gives no folds; give at least one (train, test).")
        positive = rows.labels.index == int(self.positive_ == self.classes_[1])
        scores = Parallel(n_jobs=self.n_jobs)(
            delayed(_held_out)(
                clone(self.estimator), rows, train, test, self.response_method, self.positive_
            )
            for train, test in folds
        )
        parts = [
            Scored(
                positive[test],
                score,
                None if rows.weight is None else rows.weight[test],
                None
                if rule.cost is None
                else {
                    error: cost[test] if np.ndim(cost) else cost
                    for error, cost in rule.cost.items()
                },
            )
            for (_, test), score in zip(folds, scores, strict=True)
        ]
        chosen = choose_threshold(parts, rule)
        self.choice_: Choice = chosen.choice
        self.threshold_ = chosen.choice.threshold
        self.thresholds_, self.fold_values_ = chosen.thresholds, chosen.values

    def _folds(self, rows: _Rows, split: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
        """Rows to fit and rows to score, each with both classes in the rows to fit."""
        index, classes = rows.labels.index, rows.labels.classes
        cv: Any = 5 if self.cv is None else self.cv
        if isinstance(cv, Integral) and self.random_state is not None:
            cv = StratifiedKFold(int(cv), shuffle=True, random_state=self.random_state)
        every = np.arange(index.size)
        X = every[:, None] if isinstance(rows.X, Mapping) else rows.X
        splitter: Any = check_cv(cv, index, classifier=True)
        with warnings.catch_warnings():
            # Scores of all folds are pooled, so that one may be without a class.
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            parts = list(splitter.split(X, index, **split))
        for number, (train, test) in enumerate(parts):
            fitted, scored = every[train], every[test]
            seen = np.bincount(index[fitted], minlength=2)
            if not seen.all():
                label = classes.tolist()[int(np.argmin(seen))]
                raise DataError(
                    f"fold {number} (from 0) has no row of class {label!r} to fit; use fewer "
                    "folds, or a splitter that shares out each class, such as StratifiedKFold."
                )
            if not scored.size:
                raise DataError(f"fold {number} (from 0) has no row to score.")
            yield fitted, scored

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """Class of each row, of shape (n,): by the threshold, or of the least expected cost."""
        check_is_fitted(self, "estimator_")
        classes = self.classes_
        if classes.size == 2:
            score = _scores(self.estimator_, X, self.response_method, self.positive_)
            if np.isnan(score).any():
                raise DataError(
                    f"the score of row {int(np.argmax(np.isnan(score)))} (from 0) is NaN, so that "
                    "it lies on no side of the threshold."
                )
            called = (score >= self.threshold_) == (self.positive_ == classes[1])
            return classes[called.astype(np.intp)]
        if not hasattr(self.estimator_, "predict_proba"):
            raise ParameterError(
                f"{type(self.estimator_).__name__} has no predict_proba, which expected costs need."
            )
        share = np.asarray(self.estimator_.predict_proba(X), dtype=np.float64)
        order = np.searchsorted(classes, self.estimator_.classes_)
        return classes[np.argmin(share @ self._check_matrix(classes.size)[order], axis=1)]

    @available_if(_can("predict_proba"))
    def predict_proba(self, X: Any) -> Array:
        """Probability of each class by the classifier, of shape (n, K)."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_proba(X)

    @available_if(_can("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Array:
        """Logarithm of the probability of each class by the classifier, of shape (n, K)."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_log_proba(X)

    @available_if(_can("decision_function"))
    def decision_function(self, X: Any) -> Array:
        """Margins by the classifier, of shape (n,) or (n, K); no threshold is taken off."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.decision_function(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy: the share of the rows' weight that `predict` gets right."""
        labels, _ = read_outcome(y)
        return float(accuracy_score(labels, self.predict(X), sample_weight=sample_weight))


def _is_matrix(cost: Any) -> bool:
    return cost is not None and not isinstance(cost, Mapping)


def _read(X: Any, y: Any, sample_weight: Any) -> tuple[Encoded, Array | None, Any, Any]:
    """Labels, weights, y for fits, and X in a form of which rows can be taken."""
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
    if name is None and not isinstance(y, (np.ndarray, list)) and is_table(X):
        # Without one it could not tell, once rows have been taken of both.
        among = outcome_among(open_table(X), y, labels, None)
        y_fit = labels if among is None else {among: labels}
    return encoded, read_weights(sample_weight, n), y_fit, X


def _read_costs(costs: Any) -> dict[str, Any]:
    if isinstance(costs, Mapping):
        return dict(costs)
    if not is_table(costs):
        raise ParameterError(
            f"costs is a {type(costs).__name__}; give a dict, {{'fp': 1, 'fn': amounts}}, or a "
            "data frame with such columns."
        )
    table = open_table(costs)
    return {name: np.asarray(table.column(name)) for name in table.names}


def _held_out(
    model: Any, rows: _Rows, train: Any, test: Any, method: Response, positive: Any
) -> Array:
    X, y, params = rows.part(train)
    model.fit(X, y, **params)
    return _scores(model, some_rows(rows.X, test), method, positive)


def _scores(model: Any, X: Any, method: Response, positive: Any) -> Array:
    """Scores of the positive class, of shape (n,)."""
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
