"""Parameters of an estimator as users write them, checked and turned into the house's own."""

import math
from numbers import Integral, Real
from typing import Any

from oddsmith.core.certificate import FLOOR
from oddsmith.errors import ParameterError

__all__ = ["check_stopping", "ridge"]

_PENALTIES = ("deprecated", None, "l2", "l1", "elasticnet")


def ridge(C: Any, l1_ratio: Any, penalty: Any = "deprecated") -> float:
    """Turn the user's penalty into l2, the only form in which the house knows it.

    Parameters
    ----------
    C : float
        Inverse of the penalty; infinity is none.
    l1_ratio : float
    penalty : None, "l2", "l1" or "elasticnet"
        As scikit-learn's users used to write; "deprecated" where they did not.

    Raises
    ------
    ParameterError
        If a value cannot be used, or asks for a penalty that is not fitted yet.

    Examples
    --------
    >>> ridge(C=4.0, l1_ratio=0.0), ridge(C=4.0, l1_ratio=0.0, penalty=None)
    (0.25, 0.0)
    >>> ridge(C=4.0, l1_ratio=0.0, penalty="l1")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    oddsmith.errors.ParameterError: an L1 penalty was asked for (penalty='l1'), ...
    >>> ridge(C=10**400, l1_ratio=0.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    oddsmith.errors.ParameterError: C=1000... is not a positive number (64 bits); ...
    """
    if not (penalty is None or (isinstance(penalty, str) and penalty in _PENALTIES)):
        raise ParameterError(
            f"penalty={_shown(penalty)} is not known; use None, 'l2', 'l1' or 'elasticnet'."
        )
    inverse, ratio = _float(C), _float(l1_ratio)
    if not inverse > 0:
        raise ParameterError(
            f"C={_shown(C)} is not a positive number (64 bits); numpy.inf is no penalty."
        )
    if not 0 <= ratio <= 1:
        raise ParameterError(f"l1_ratio={_shown(l1_ratio)} is not a number between 0 and 1.")
    if penalty is None:
        return 0.0
    _refuse_l1(penalty, l1_ratio)
    l2 = 1.0 / inverse if inverse >= 1e-300 else math.inf
    if math.isinf(l2):
        raise ParameterError(f"C={C!r} is too small: the penalty 1 / C is not a finite number.")
    return l2


def _refuse_l1(penalty: str, l1_ratio: Any) -> None:
    """Refuse an L1 penalty in the words in which the user asked for it."""
    asked: list[str] = []
    cure: list[str] = []
    if penalty == "l1" or (penalty == "elasticnet" and float(l1_ratio) > 0):
        asked.append(f"penalty={penalty!r}")
        cure.append("penalty='l2' (or leave it out)")
    if float(l1_ratio) > 0:
        asked.append(f"l1_ratio={l1_ratio!r}")
        cure.append("l1_ratio=0")
    if asked:
        raise ParameterError(
            f"an L1 penalty was asked for ({', '.join(asked)}), and only the L2 penalty is fitted "
            f"so far; use {' and '.join(cure)}."
        )


def _float(value: Any) -> float:
    """Value as a float; NaN, which satisfies no condition, where it is none."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # a whole number beyond 1.8e308
        return math.nan


def _shown(value: Any) -> str:
    """Short text of any object, on one line: arrays and numbers of a thousand digits included."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."


def check_stopping(tol: Any, max_iter: Any) -> None:
    """Refuse a tolerance that cannot be proved, and a number of iterations that is none.

    Examples
    --------
    >>> check_stopping(1e-12, None)
    >>> check_stopping(math.inf, None)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    oddsmith.errors.ParameterError: tol=inf is not a finite number of at least ...
    >>> check_stopping(1e-12, True)
    Traceback (most recent call last):
        ...
    oddsmith.errors.ParameterError: max_iter=True is not a positive whole number.
    """
    if not FLOOR <= _float(tol) < math.inf:
        raise ParameterError(
            f"tol={_shown(tol)} is not a finite number of at least {FLOOR:.1e}, below which "
            "nothing can be proved with 64-bit floats."
        )
    whole = isinstance(max_iter, Integral) and not isinstance(max_iter, bool)
    if max_iter is not None and not (whole and int(max_iter) >= 1):
        raise ParameterError(f"max_iter={_shown(max_iter)} is not a positive whole number.")
