"""What a decision costs: of two classes by its errors, of more by a matrix."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError

__all__ = ["cost_matrix", "decide", "optimal_threshold"]

_CELLS = {"tn": (0, 0), "fp": (0, 1), "fn": (1, 0), "tp": (1, 1)}


def cost_matrix(cost: Any, n_classes: int) -> Array:
    """Costs of shape (K, K): row the class that is true, column the one that was decided for.

    Parameters
    ----------
    cost : dict of "fp", "fn", "tp", "tn" to number, or array-like of shape (K, K)
        A dict is of two classes; what it leaves out is 0.
    n_classes : int

    Raises
    ------
    ParameterError
        If it is neither, or a cost is not finite.

    Examples
    --------
    >>> cost_matrix({"fp": 1, "fn": 5}, 2)
    array([[0., 1.],
           [5., 0.]])
    """
    if isinstance(cost, Mapping):
        if n_classes != 2:
            raise ParameterError(
                f"cost={cost!r} is of two classes, and there are {n_classes}; give an array of "
                f"shape ({n_classes}, {n_classes}), cost[true, decided]."
            )
        if not cost or set(cost) - set(_CELLS):
            raise ParameterError(f'cost={cost!r} has other keys than "fp", "fn", "tp" and "tn".')
    try:
        if isinstance(cost, Mapping):
            matrix = np.zeros((2, 2))
            for key, value in cost.items():
                matrix[_CELLS[key]] = value
        else:
            matrix = np.array(cost, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"cost={cost!r} is not made of numbers: {error}.") from error
    if matrix.shape != (n_classes, n_classes):
        raise ParameterError(
            f"cost has shape {matrix.shape}; give shape ({n_classes}, {n_classes}), "
            "cost[true, decided]" + (', or {"fp": ..., "fn": ...}.' if n_classes == 2 else ".")
        )
    if not np.isfinite(matrix).all():
        raise ParameterError(f"cost={cost!r} holds a number that is not finite.")
    return matrix


def optimal_threshold(matrix: Array) -> float:
    """Probability from which on it is cheaper to decide for the positive class.

    Raises
    ------
    ParameterError
        If an error costs no more than a decision that is right.

    Notes
    -----
    (fp - tn) / (fp - tn + fn - tp): Elkan (2001), "The foundations of cost-sensitive learning",
    equation 2.

    Examples
    --------
    >>> optimal_threshold(cost_matrix({"fp": 1, "fn": 4}, 2))
    0.2
    """
    [[tn, fp], [fn, tp]] = matrix.tolist()
    if fp < tn or fn < tp or (fp == tn and fn == tp):
        raise ParameterError(
            f"cost: a false positive costs {fp - tn:g} more than a true negative, and a false "
            f"negative {fn - tp:g} more than a true positive; errors must not be the cheaper "
            "decision, and not both cost nothing."
        )
    return (fp - tn) / ((fp - tn) + (fn - tp))


def decide(probabilities: Array, matrix: Array) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Class of the least expected cost in each row (Elkan, 2001, equation 1), of shape (n,).

    Examples
    --------
    >>> decide(np.array([[0.7, 0.2, 0.1]]), np.array([[0, 1, 1], [9, 0, 9], [1, 1, 0]]))
    array([1])
    """
    return np.argmin(probabilities @ matrix, axis=1)
