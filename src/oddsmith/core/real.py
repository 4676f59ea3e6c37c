"""Real numbers, as users give them: read as floats, or refused by their name."""

from typing import Any

import numpy as np

from oddsmith.core.stable import Array
from oddsmith.errors import DataError

__all__ = ["real_numbers"]


def real_numbers(given: Any, name: str) -> Array:
    """Array-like of real numbers as float64, of any shape; no copy where it is one.

    Parameters
    ----------
    given : array-like
    name : str
        How a message calls it.

    Raises
    ------
    DataError
        If it holds text, complex numbers, dates or anything else that is no real number.

    Examples
    --------
    >>> real_numbers([1, True, 0.5], "offset")
    array([1. , 1. , 0.5])
    """
    array: np.ndarray[Any, Any] = np.asarray(given)
    try:
        if array.dtype.kind not in "fiubO":
            raise TypeError(f"found {array.dtype}")
        return array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} is not made of real numbers: {error}.") from error
