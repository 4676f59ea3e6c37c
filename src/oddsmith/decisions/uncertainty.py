"""What an interval asks of a user: a level, a number of samples, a seed."""

from numbers import Integral, Real
from typing import Any

import numpy as np

from oddsmith.errors import ParameterError

__all__ = ["checked_count", "checked_level", "generator"]


def checked_level(level: Any) -> float:
    """Level of an interval, between 0 and 1.

    Raises
    ------
    ParameterError
        If it is none.

    Examples
    --------
    >>> checked_level(0.95)
    0.95
    """
    if isinstance(level, bool) or not isinstance(level, Real) or not 0.0 < float(level) < 1.0:
        raise ParameterError(f"level={level!r} is not between 0 and 1; 0.95 is usual.")
    return float(level)


def checked_count(number: Any, name: str, least: int) -> int:
    """Whole number, such as that of the samples, not below the least.

    Raises
    ------
    ParameterError
        If it is none: the message calls it by its name.

    Examples
    --------
    >>> checked_count(1000, "n_bootstrap", 0)
    1000
    """
    if isinstance(number, bool) or not isinstance(number, Integral) or int(number) < least:
        raise ParameterError(f"{name}={number!r} is no whole number from {least} on.")
    return int(number)


def generator(random_state: Any) -> np.random.Generator:
    """Source of random numbers, from whatever stands for one; nothing global is touched.

    Parameters
    ----------
    random_state : int, Generator, RandomState or None

    Raises
    ------
    ParameterError
        If it is none of these.

    Examples
    --------
    >>> generator(0).integers(10) == generator(0).integers(10)
    np.True_
    """
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(int(random_state.randint(2**31)))
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"random_state={random_state!r} is no seed ({error}); give a whole number from 0 on, a "
            "numpy.random.Generator, or None."
        ) from error
