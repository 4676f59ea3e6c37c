"""The classifier inside what wraps it."""

from typing import Any

from sklearn.frozen import FrozenEstimator

__all__ = ["innermost"]


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
