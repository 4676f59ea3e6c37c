"""What a decision costs: of two classes by its errors, of more by a matrix."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError

__all__ = ["ERRORS", "cost_matrix", "costs_of_matrix", "decide", "optimal_threshold", "read_costs"]

_CELLS = {"fp": (0, 1), "fn": (1, 0), "tp": (1, 1), "tn": (0, 0)}
ERRORS = tuple(_CELLS)


def read_costs(cost: Any, n: int = 0) -> dict[str, Any]:
    """Costs of each kind of row of two classes, checked: numbers, or arrays of shape (n,).

    Parameters
    ----------
    cost : dict of "fp", "fn", "tp", "tn" to number, or to array-like of shape (n,)
    n : int
        Rows that may have costs of their own; 0 where they may not.

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> read_costs({"fp": 1, "fn": 5})
    {'fp': 1.0, 'fn': 5.0}
    """
    if not isinstance(cost, Mapping) or not cost or not set(cost) <= set(ERRORS):
        raise ParameterError(
            f"cost={cost!r} is not understood; say what each kind of row costs, such as "
            "{'fp': 1, 'fn': 5}, also 'tp' and 'tn'."
        )
    found: dict[str, Any] = {}
    for error, given in cost.items():
        try:
            value = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            value = np.array(np.nan)
        if value.shape not in ((), (n,)) or not np.isfinite(value).all():
            rows = f", or one for each of the {n} rows" if n else ""
            shown = f"an array of shape {value.shape}" if value.ndim else repr(given)
            raise ParameterError(
                f"cost[{error!r}] is {shown}; give a finite number{rows}"
                + (", finite too." if value.ndim else ".")
            )
        found[error] = value if value.ndim else float(value)
    return found


def cost_matrix(cost: Any, n_classes: int) -> Array:
    """Costs of shape (K, K): row the class that is true, column the one that is predicted.

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
    K = n_classes
    if isinstance(cost, Mapping) and K == 2:
        matrix = np.zeros((2, 2))
        for error, value in read_costs(cost).items():
            matrix[_CELLS[error]] = value
        return matrix
    try:
        matrix = np.asarray(cost, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (K, K) or not np.isfinite(matrix).all():
        shown = f"of shape {matrix.shape}" if isinstance(cost, np.ndarray) else repr(cost)
        holes = ", not all finite," if not np.isfinite(matrix).all() else ""
        either = "a dict such as {'fp': 1, 'fn': 5}, or " if K == 2 else ""
        raise ParameterError(
            f"cost {shown}{holes} cannot be used for {K} classes; give {either}an array of shape "
            f"({K}, {K}) of finite numbers, cost[true, predicted]."
        )
    return matrix.copy()


def costs_of_matrix(matrix: Array, positive: int) -> dict[str, float]:
    """Costs of a matrix of two classes by their kind, as `read_costs` has them.

    Parameters
    ----------
    matrix : array of shape (2, 2)
        ``cost[true, predicted]``.
    positive : 0 or 1
        Which of the classes is the positive one.

    Examples
    --------
    >>> costs_of_matrix(cost_matrix({"fp": 1, "fn": 5}, 2), 1)
    {'fp': 1.0, 'fn': 5.0, 'tp': 0.0, 'tn': 0.0}
    """
    turned = matrix if positive else matrix[::-1, ::-1]
    return {error: float(turned[cell]) for error, cell in _CELLS.items()}


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
