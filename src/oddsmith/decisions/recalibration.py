"""Probabilities carried from one mix of the classes to another."""

from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.decisions.predictions import checked_probabilities
from oddsmith.errors import DataError, ParameterError

__all__ = ["class_shares", "prior_correction"]


def prior_correction(probabilities: Any, trained: Any, actual: Any) -> Array:
    """Probabilities of a model that was trained on other shares of the classes than there are.

    Class weights, and rows that were drawn by class, distort probabilities: this undoes it.

    Parameters
    ----------
    probabilities : array-like of shape (n,) or (n, K)
        Of the positive class of two, or of each class.
    trained, actual : float, or array-like of shape (K,)
        Shares of the classes: those of the (weighted) rows of the training, and those in reality.
        A number is the share of the positive class of two. Weights or counts by class do as well:
        they are divided by their sum.

    Returns
    -------
    array of the shape of probabilities

    Raises
    ------
    DataError
        If a probability is none.
    ParameterError
        If a share is not positive, or their number is not that of the classes.

    Notes
    -----
    With the shares t of the training and a of reality (Saerens, Latinne and Decaestecker, 2002,
    "Adjusting the outputs of a classifier to new a priori probabilities", section 2; for two
    classes Elkan, 2001, "The foundations of cost-sensitive learning", theorem 2)

        p_k a_k / t_k / sum_l p_l a_l / t_l

    in logarithms, so that tiny ones survive. The margin of a class moves by log(a_k / t_k): a
    linear model needs another intercept and nothing else (King and Zeng, 2001, "Logistic
    regression in rare events data", equation 7). It holds where the classes look as they did in
    the training, and only their shares are others.

    Examples
    --------
    >>> prior_correction([0.5, 0.9], trained=0.5, actual=0.01).round(4)
    array([0.01  , 0.0833])
    >>> prior_correction([[0.2, 0.3, 0.5]], [1, 1, 1], [0.5, 0.25, 0.25])
    array([[0.33333333, 0.25      , 0.41666667]])
    """
    given = checked_probabilities(probabilities, "probabilities")
    binary = given.ndim == 1
    n_classes = 2 if binary else given.shape[1]
    if n_classes < 2:
        raise DataError(
            f"probabilities has shape {given.shape}; give one column per class, or those of the "
            "positive class alone, shape (n,)."
        )
    t = class_shares(trained, n_classes, "trained")
    a = class_shares(actual, n_classes, "actual")
    with np.errstate(divide="ignore"):  # log 0 is -inf, and exp brings it back
        logs = np.stack([np.log1p(-given), np.log(given)], axis=1) if binary else np.log(given)
    logs += np.log(a) - np.log(t)
    logs -= logs.max(axis=1, keepdims=True)
    terms = np.exp(logs)
    found = terms / terms.sum(axis=1, keepdims=True)
    return found[:, 1].copy() if binary else found


def class_shares(given: Any, n_classes: int, name: str) -> Array:
    """Shares of K classes with the sum 1, from shares, weights or counts.

    Raises
    ------
    ParameterError
        If they cannot be used: the message calls them by their name.

    Examples
    --------
    >>> class_shares(0.2, 2, "actual"), class_shares([1, 3], 2, "actual")
    (array([0.8, 0.2]), array([0.25, 0.75]))
    """
    try:
        shares = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name}={given!r} cannot be used: {error}.") from error
    if shares.ndim == 0 and n_classes == 2 and 0 < shares < 1:
        return np.array([1.0 - shares, shares])
    if shares.shape != (n_classes,):
        number = " (or that of the positive class, between 0 and 1)" if n_classes == 2 else ""
        raise ParameterError(
            f"{name}={given!r} are no shares of {n_classes} classes; give {n_classes} positive "
            f"numbers{number}."
        )
    if not ((shares > 0) & (shares < np.inf)).all():
        raise ParameterError(
            f"{name}={given!r} cannot be used; the share of each class must be a positive number, "
            "as nothing is known of a class that was never seen."
        )
    return shares / shares.max() / (shares / shares.max()).sum()
