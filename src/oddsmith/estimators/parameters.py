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
    """
    if penalty not in _PENALTIES:
        raise ParameterError(
            f"penalty={penalty!r} is not known; use None, 'l2', 'l1' or 'elasticnet'."
        )
    if not isinstance(C, Real) or isinstance(C, bool) or not float(C) > 0:
        raise ParameterError(f"C={C!r} is not a positive number; numpy.inf is no penalty.")
    if not isinstance(l1_ratio, Real) or not 0 <= float(l1_ratio) <= 1:
        raise ParameterError(f"l1_ratio={l1_ratio!r} is not a number between 0 and 1.")
    if penalty is None:
        return 0.0
    if penalty == "l1" or float(l1_ratio) > 0:
        raise ParameterError(
            f"an L1 penalty was asked for (penalty={penalty!r}, l1_ratio={l1_ratio!r}), and only "
            "the L2 penalty is fitted so far; use l1_ratio=0."
        )
    l2 = 1.0 / float(C) if float(C) >= 1e-300 else math.inf
    if math.isinf(l2):
        raise ParameterError(f"C={C!r} is too small: the penalty 1 / C is not a finite number.")
    return l2


def check_stopping(tol: Any, max_iter: Any) -> None:
    """Refuse a tolerance that cannot be proved, and a number of iterations that is none.

    Examples
    --------
    >>> check_stopping(1e-12, None)
    """
    if not isinstance(tol, Real) or not float(tol) >= FLOOR:
        raise ParameterError(
            f"tol={tol!r} cannot be proved with 64-bit floats; give at least {FLOOR:.1e}."
        )
    whole = isinstance(max_iter, Integral) and int(max_iter) >= 1
    if max_iter is not None and not whole:
        raise ParameterError(f"max_iter={max_iter!r} is not a positive whole number.")
