"""TunedThreshold: any classifier with the threshold that its held-out scores speak for."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.metrics import accuracy_score
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from oddsmith.core.labels import label_text
from oddsmith.core.stable import Array
from oddsmith.data.outcome import read_outcome
from oddsmith.decisions.costs import cost_matrix, decide
from oddsmith.decisions.threshold_choice import Choice, Rule
from oddsmith.decisions.threshold_folds import Scored, choose_threshold
from oddsmith.errors import DataError, OddsmithWarning, ParameterError
from oddsmith.estimators.cross_fitting import (
    Given,
    Response,
    folds_of,
    held_out_scores,
    positive_scores,
    read_rows,
)
from oddsmith.estimators.door import refuse_collection
from oddsmith.estimators.threshold_rule import (
    is_matrix,
    positive_label,
    refuse_more_classes,
    rule_of,
)

__all__ = ["TunedThreshold"]


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
    >>> round(model.threshold_, 2), model.choice_.value, float(model.fold_values_.sum())
    (0.82, 54.0, 71.0)
    """

    estimator_: Any
    threshold_: float
    choice_: Choice
    thresholds_: Array
    fold_values_: Array
    classes_: np.ndarray[Any, Any]
    positive_: Any
    _scored_by: Response
    _matrix: Array

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
        tags.classifier_tags.multi_class = is_matrix(self.cost)
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
        refuse_collection(type(self).__name__, X)
        rows = read_rows(X, y, sample_weight)
        labels = rows.labels
        self.classes_ = labels.classes
        routed = self._routed(rows.weight, groups, fit_params)
        rows = replace(rows, params=routed.estimator.fit)
        K = labels.classes.size
        for name in ("threshold_", "choice_", "thresholds_", "fold_values_"):
            vars(self).pop(name, None)
        if K > 2:
            own = {"objective": self.objective, "subject_to": self.subject_to}
            own |= {"positive": self.positive, "costs": costs}
            refuse_more_classes(K, self.cost, own)
            self._matrix = cost_matrix(self.cost, K)
            self.positive_ = None
        else:
            self.positive_ = positive_label(self.classes_, self.positive)
            place = int(self.positive_ == self.classes_[1])
            n = labels.index.size
            rule = rule_of(self.objective, self.cost, costs, self.subject_to, place, n)
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

    def _choose(self, rows: Given, rule: Rule, split: dict[str, Any]) -> None:
        folds = folds_of(rows, self.cv, self.random_state, split)
        positive = rows.labels.index == int(self.positive_ == self.classes_[1])
        scores: Any = Parallel(n_jobs=self.n_jobs)(
            delayed(held_out_scores)(
                clone(self.estimator), rows, train, test, self.response_method, self.positive_
            )
            for train, test in folds
        )
        parts = zip(folds, scores, strict=True)
        chosen = choose_threshold(
            [_scored(rows, rule, positive, test, score) for (_, test), score in parts], rule
        )
        self.choice_ = chosen.choice
        self.threshold_ = chosen.choice.threshold
        if self.threshold_ == np.inf:
            warnings.warn(
                f"the best by {rule.words} is to call no row "
                f"{label_text(np.asarray(self.positive_).item())!r}, which predict will do; weigh "
                "the errors by cost=, or ask for recall by subject_to=.",
                OddsmithWarning,
                stacklevel=3,
            )
        self.thresholds_, self.fold_values_ = chosen.thresholds, chosen.values
        # A threshold holds for the scores that it was chosen on, whatever is set afterwards.
        self._scored_by = self.response_method

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """Class of each row, of shape (n,): by the threshold, or of the least expected cost."""
        check_is_fitted(self, "estimator_")
        classes = self.classes_
        if classes.size == 2:
            score = positive_scores(self.estimator_, X, self._scored_by, self.positive_)
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
        return classes[decide(share, self._matrix[order])]

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


def _scored(rows: Given, rule: Rule, positive: Any, test: Any, score: Array) -> Scored:
    """Held-out rows of a fold, with what they weigh and cost."""
    cost = rule.cost
    if cost is not None:
        cost = {error: own[test] if np.ndim(own) else own for error, own in cost.items()}
    weight = None if rows.weight is None else rows.weight[test]
    return Scored(positive[test], score, weight, cost)
