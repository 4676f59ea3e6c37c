"""The model of a report beside others, on the rows that it is judged by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.decisions.comparison import Comparison
from oddsmith.errors import ParameterError
from oddsmith.estimators.comparison import compare
from oddsmith.views.pages.report.document import Judged

__all__ = ["OWN", "Known", "beside_models", "beside_probabilities"]

# What the page calls the model that it is about.
OWN = "this model"
Cost = Mapping[str, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A classifier whose probabilities are known already.

    Attributes
    ----------
    classes_ : array of shape (K,)
    probabilities : array of shape (n, K)
    logarithms : callable, or None
        Returns their logarithms, exact where a probability vanishes.
    """

    classes_: Any
    probabilities: Array
    logarithms: Callable[[], Array] | None = None

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities, whatever the rows."""
        return self.probabilities

    def predict_log_proba(self, X: Any) -> Array:
        """Return their logarithms."""
        if self.logarithms is not None:
            return self.logarithms()
        with np.errstate(divide="ignore"):
            return np.log(self.probabilities)


def beside_probabilities(judged: Judged, others: Mapping[str, Array], cost: Cost) -> Comparison:
    """Compare with probabilities of shape (n, K), in the order of the model's classes."""
    K = judged.probabilities.shape[1]
    classes = np.arange(K)
    models = {OWN: judged.probabilities, **others}
    known = {name: Known(classes, found) for name, found in models.items()}
    # Of the rows nothing is asked.
    asked = cost if K == 2 else None
    return compare(known, judged.y, judged.y, sample_weight=judged.weight, cost=asked)


def beside_models(
    model: Any, X: Any, y: Any, offset: Any, judged: Judged, others: Mapping[str, Any], cost: Cost
) -> Comparison:
    """Compare with fitted classifiers of any library, or with probabilities.

    Parameters
    ----------
    model : LinearClassifier
    X, y, offset
        The rows, as they were given.
    judged : Judged
        They, as the model sees them.
    others : mapping of str to classifier, or to array of shape (n,) or (n, K)
        Arrays are in the order of the model's classes.
    cost : mapping, or None

    Raises
    ------
    DataError, ParameterError
        If they are not models of these rows.
    """
    if not isinstance(others, Mapping):
        raise ParameterError(
            f"compare is of type {type(others).__name__}; give fitted models, or probabilities, by "
            'name: {"baseline": DummyClassifier().fit(X_train, y_train)}'
        )
    if OWN in others:
        raise ParameterError(f'compare names "{OWN}", as the page calls this one; rename it')
    order = np.argsort(model.classes_)
    moved = bool((order != np.arange(order.size)).any())
    if cost is not None and order.size > 2:
        cost = None  # which is of two errors, and so of two classes
    if cost is not None and moved:  # labels are sorted there, and the positive one comes last
        cost = {"fp": cost["fn"], "fn": cost["fp"]}
    own = Known(model.classes_, judged.probabilities, lambda: model.predict_log_proba(X, offset))
    given = {
        name: _sorted(one, order) if moved and not hasattr(one, "predict") else one
        for name, one in others.items()
    }
    return compare({OWN: own, **given}, X, y, sample_weight=judged.weight, cost=cost)


def _sorted(probabilities: Any, order: Any) -> Any:
    """Columns in the order of the labels."""
    found = np.asarray(probabilities)
    if found.ndim == 1:
        return 1.0 - found
    return found[:, order] if found.ndim == 2 and found.shape[1] == order.size else found
