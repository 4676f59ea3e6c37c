"""Some of the rows of what a user gave, in the form in which it was given."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

__all__ = ["n_rows", "some_rows"]


def n_rows(values: Any) -> int | None:
    """Rows of an array, a table, a column or a list; None for what has none.

    Examples
    --------
    >>> n_rows([1, 2, 3]), n_rows({"a": [1, 2]}), n_rows("abc")
    (3, 2, None)
    """
    if isinstance(values, Mapping):
        return n_rows(next(iter(values.values()))) if values else None
    shape = getattr(values, "shape", None)
    if isinstance(shape, tuple):
        return int(shape[0]) if shape else None
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        return None
    return len(values)


def some_rows(values: Any, rows: np.ndarray[Any, Any]) -> Any:
    """Rows by number, in a form as that of all of them.

    Examples
    --------
    >>> some_rows({"a": ["x", "y", "z"]}, np.array([0, 2]))
    {'a': ['x', 'z']}
    """
    if isinstance(values, Mapping):
        return {name: some_rows(column, rows) for name, column in values.items()}
    return _safe_indexing(values, rows)
