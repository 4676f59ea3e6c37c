"""What a tuned threshold is to be the best by, read against the classes that there are."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from oddsmith.core.labels import label_text
from oddsmith.data.opened import is_table, open_table
from oddsmith.decisions.costs import cost_matrix, costs_of_matrix
from oddsmith.decisions.threshold_choice import Rule, read_rule
from oddsmith.errors import ParameterError

__all__ = ["is_matrix", "positive_label", "refuse_more_classes", "rule_of"]


def is_matrix(cost: Any) -> bool:
    """Whether costs are of pairs of classes, and not of the kinds of rows of two."""
    return cost is not None and not isinstance(cost, Mapping)


def refuse_more_classes(n_classes: int, cost: Any, others: Mapping[str, Any]) -> None:
    """Refuse what does not go with more than two classes.

    Parameters
    ----------
    n_classes : int
    cost : object
    others : mapping of str to object
        Arguments that are for two classes, by their names.

    Raises
    ------
    ParameterError
        If there is no matrix of costs, or another argument beside it.
    """
    K = n_classes
    if not is_matrix(cost):
        # The first sentence is the one that scikit-learn expects.
        raise ParameterError(
            f"Only binary classification is supported. There are {K} classes, which no "
            f"threshold parts: give cost=, an array of shape ({K}, {K}), cost[true, "
            "predicted], for the class of the least expected cost."
        )
    for name, given in others.items():
        if given is not None:
            raise ParameterError(
                f"{name} is for two classes, and there are {K}; leave it out, as the matrix of "
                "costs says it all."
            )


def positive_label(classes: np.ndarray[Any, Any], positive: Any) -> Any:
    """Class that is the positive one: the second, or the one that is asked for.

    Raises
    ------
    ParameterError
        If it is none of the two.

    Examples
    --------
    >>> str(positive_label(np.array(["no", "yes"]), None))
    'yes'
    """
    if positive is None:
        return classes[1]
    for label in classes:
        if label == positive:
            return label
    first, second = map(label_text, classes.tolist())
    raise ParameterError(
        f"positive={positive!r} is no label of y, which has {first!r} and {second!r}."
    )


def rule_of(
    objective: str | None, cost: Any, costs: Any, subject_to: Any, positive: int, n: int
) -> Rule:
    """Read the objective, or the costs, and the constraints of two classes.

    Parameters
    ----------
    objective : str or None
        "balanced_accuracy" where there are no costs either.
    cost : dict, array of shape (2, 2), or None
    costs : dict, data frame or None
        Of n rows, which go before `cost`.
    subject_to : dict or None
    positive : 0 or 1
        Which of the classes is the positive one.
    n : int

    Raises
    ------
    ParameterError
        If they are not understood.

    Examples
    --------
    >>> rule_of(None, {"fp": 1}, {"fn": [2, 3]}, None, 1, 2).words
    'cost (fp 1, fn by row)'
    """
    if is_matrix(cost):
        cost = costs_of_matrix(cost_matrix(cost, 2), positive)
    if costs is not None:
        own = _by_row(costs)
        cost = {**cost, **own} if isinstance(cost, Mapping) else own
    if objective is None and cost is None:
        objective = "balanced_accuracy"
    return read_rule(objective, cost, subject_to, n)


def _by_row(costs: Any) -> dict[str, Any]:
    if isinstance(costs, Mapping):
        return dict(costs)
    if not is_table(costs):
        raise ParameterError(
            f"costs is a {type(costs).__name__}; give a dict, {{'fp': 1, 'fn': amounts}}, or a "
            "data frame with such columns."
        )
    table = open_table(costs)
    return {name: np.asarray(table.column(name)) for name in table.names}
