"""The rule by which a fitted model scores a row, and nothing else: names, labels, coefficients."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import Label, quoted
from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError

__all__ = ["LinearRule", "linear_rule", "plain_label"]


@dataclass(frozen=True, slots=True)
class LinearRule:
    """Margins that are linear in p columns, for K classes.

    Attributes
    ----------
    columns : tuple of str
        p distinct names.
    classes : tuple of str, int, float or bool
        K distinct labels; with two, the margin is the log-odds of the second.
    coef : tuple of tuples of float
        1 x p for two classes, K x p for more; nats per unit of the column.
    intercept : tuple of float
        1 or K; nats.

    Examples
    --------
    >>> rule = linear_rule(["dose"], np.array([0, 1]), np.array([[2.0]]), np.array([-1.0]))
    >>> rule.coef, rule.intercept
    (((2.0,),), (-1.0,))
    """

    columns: tuple[str, ...]
    classes: tuple[Label, ...]
    coef: tuple[tuple[float, ...], ...]
    intercept: tuple[float, ...]


def linear_rule(
    columns: Sequence[str] | None, classes: np.ndarray[Any, Any], coef: Array, intercept: Array
) -> LinearRule:
    """Describe a fitted linear classifier.

    Parameters
    ----------
    columns : sequence of str, optional
        By default x0, x1, ..., as scikit-learn names columns without names.
    classes : array of shape (K,)
    coef : array of shape (1, p) or (K, p)
    intercept : array of shape (1,) or (K,)

    Raises
    ------
    ParameterError
        If the names are not p distinct texts, a label is neither text, number nor boolean, or a
        coefficient is not finite.
    """
    width = coef.shape[1]
    names = [f"x{j}" for j in range(width)] if columns is None else list(columns)
    if len(names) != width:
        raise ParameterError(
            f"columns has {len(names)} names, but the model has {width} columns; name each once"
        )
    for name in names:
        if not isinstance(name, str):
            raise ParameterError(f"columns holds {name!r}; give names that are text")
    if len(set(names)) < width:
        twice = next(name for j, name in enumerate(names) if name in names[:j])
        raise ParameterError(f"columns holds {quoted(twice)} twice; name each column once")
    if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
        raise ParameterError("a coefficient is not finite, so that no row has a score; fit anew")
    return LinearRule(
        columns=tuple(str.__str__(name) for name in names),
        classes=tuple(plain_label(label) for label in classes.tolist()),
        coef=tuple(tuple(map(float, row)) for row in coef.tolist()),
        intercept=tuple(map(float, intercept.tolist())),
    )


def plain_label(label: Any) -> Label:
    """Label as an exact built-in, whose repr is its literal."""
    plain = label.item() if isinstance(label, np.generic) else label
    if isinstance(plain, str):
        return str.__str__(plain)
    if isinstance(plain, bool | int):
        return plain if type(plain) is bool else int(plain)
    if isinstance(plain, float) and math.isfinite(plain):
        return float(plain)
    raise ParameterError(
        f"the class label {plain!r} has no literal in other languages; fit with labels that are "
        "text, finite numbers or booleans"
    )
