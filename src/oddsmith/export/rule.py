"""The rule by which a fitted model scores a row, and nothing else: names, labels, coefficients."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.encoding import ColumnEncoding
from oddsmith.core.labels import Label, quoted
from oddsmith.core.stable import Array
from oddsmith.core.table_encoding import TableEncoding
from oddsmith.errors import ParameterError
from oddsmith.export.schema import plain_encoding

__all__ = ["LinearRule", "linear_rule", "plain_label"]


@dataclass(frozen=True, slots=True)
class LinearRule:
    """Margins that are linear in the q columns that p columns become, for K classes.

    Attributes
    ----------
    columns : tuple of str
        p distinct names, of the columns of the table.
    classes : tuple of str, int, float or bool
        K distinct labels; with two, the margin is the log-odds of the second.
    coef : tuple of tuples of float
        1 x q for two classes, K x q for more; nats per unit of the column.
    intercept : tuple of float
        1 or K; nats.
    encoding : TableEncoding or None
        How the p columns become q; None where they are numbers, and q is p.

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
    encoding: TableEncoding | None = None

    @property
    def plain(self) -> bool:
        """Whether each column is a number that must be there."""
        return all(one.kind == "number" and one.refuses_missing() for _, one, _ in self.inputs())

    def inputs(self) -> Iterator[tuple[str, ColumnEncoding, int]]:
        """Name and encoding of each column, and the first of the columns that it becomes."""
        encoding = plain_encoding(self.columns) if self.encoding is None else self.encoding
        start = 0
        for name, one in zip(self.columns, encoding.columns, strict=True):
            yield name, one, start
            start += one.width

    def encoded_names(self) -> tuple[str, ...]:
        """Names of the q columns."""
        return self.columns if self.encoding is None else tuple(self.encoding.names(self.columns))

    def pools_unseen(self, one: ColumnEncoding) -> bool:
        """Whether levels that the fit has not seen count as the pooled one."""
        pooled = self.encoding is not None and self.encoding.unseen == "pool"
        return pooled and one.pooled_at is not None


def linear_rule(
    columns: Sequence[str] | None,
    classes: np.ndarray[Any, Any],
    coef: Array,
    intercept: Array,
    encoding: TableEncoding | None = None,
) -> LinearRule:
    """Describe a fitted linear classifier.

    Parameters
    ----------
    columns : sequence of str, optional
        By default x0, x1, ..., as scikit-learn names columns without names.
    classes : array of shape (K,)
    coef : array of shape (1, q) or (K, q)
    intercept : array of shape (1,) or (K,)
    encoding : TableEncoding, optional

    Raises
    ------
    ParameterError
        If the names are not p distinct texts, a label is neither text, number nor boolean, or a
        coefficient is not finite.
    """
    width = coef.shape[1] if encoding is None else len(encoding.columns)
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
        encoding=encoding,
    )


def plain_label(label: Any) -> Label:
    """Turn a label into an exact built-in, whose repr is its literal.

    Raises
    ------
    ParameterError
        If it is neither text, number nor boolean.
    """
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
