"""Parameters of an estimator as users write them, checked and turned into the house's own."""

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from oddsmith.core.certificate import FLOOR
from oddsmith.core.labels import quoted
from oddsmith.core.penalty import Limits
from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError

__all__ = [
    "check_stopping",
    "column_limits",
    "elastic_net",
    "penalties_of_a_path",
    "penalty_grid",
    "penalty_grid_by",
    "refuse_balanced",
    "seed_of",
]

_PENALTIES = ("deprecated", None, "l2", "l1", "elasticnet")


def elastic_net(C: Any, l1_ratio: Any, penalty: Any = "deprecated") -> tuple[float, float]:
    """Turn the user's penalty into l1 and l2, the only form in which the house knows it.

    Parameters
    ----------
    C : float
        Inverse of the penalty; infinity is none.
    l1_ratio : float
        Share of the L1 part.
    penalty : None, "l2", "l1" or "elasticnet"
        As scikit-learn's users used to write; "deprecated" where they did not.

    Returns
    -------
    l1, l2 : float

    Raises
    ------
    ParameterError
        If a value cannot be used, or penalty and l1_ratio contradict each other.

    Examples
    --------
    >>> elastic_net(C=4.0, l1_ratio=0.0), elastic_net(C=4.0, l1_ratio=0.5)
    ((0.0, 0.25), (0.125, 0.125))
    >>> elastic_net(C=4.0, l1_ratio=0.0, penalty="l1"), elastic_net(4.0, 0.0, None)
    ((0.25, 0.0), (0.0, 0.0))
    >>> elastic_net(C=10**400, l1_ratio=0.0)  # doctest: +ELLIPSIS
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
        return 0.0, 0.0
    ratio = _agreed(ratio, penalty)
    strength = 1.0 / inverse if inverse >= 1e-300 else math.inf
    if math.isinf(strength):
        raise ParameterError(f"C={C!r} is too small: the penalty 1 / C is not a finite number.")
    return ratio * strength, (1.0 - ratio) * strength


Places = Callable[[], Mapping[str, Sequence[int]]]


def column_limits(
    factors: Any, lower: Any, upper: Any, p: int, places: Places | None = None
) -> Limits | None:
    """Factors and bounds of p columns, None where all three are.

    Parameters
    ----------
    factors, lower, upper : number, array of shape (p,), dict of name to number, or None
    p : int
    places : callable, optional
        Columns that each name stands for; asked where there is a dict.

    Raises
    ------
    ParameterError
        If a number is not one, of the wrong sign, or there are not p of them.

    Examples
    --------
    >>> column_limits(None, 0.0, None, 2)
    Limits(factors=array([1., 1.]), lower=array([0., 0.]), upper=array([inf, inf]))
    """
    if factors is None and lower is None and upper is None:
        return None
    inf = math.inf
    scale = _by_column(
        "penalty_factors", _spread("penalty_factors", factors, 1.0, p, places), p, 0.0, inf
    )
    low = _by_column("lower_bounds", _spread("lower_bounds", lower, -inf, p, places), p, -inf, 0.0)
    high = _by_column("upper_bounds", _spread("upper_bounds", upper, inf, p, places), p, 0.0, inf)
    return Limits(scale, low, high)


def _spread(name: str, given: Any, usual: float, p: int, places: Places | None) -> Any:
    """Numbers by column of those that a dict gives by name; the names of single columns last."""
    if given is None:
        return usual
    if not isinstance(given, Mapping) or places is None:
        return given
    known, numbers = places(), np.full(p, usual)
    strange = [one for one in given if str(one) not in known]
    if strange:
        raise ParameterError(
            f"{name} names the column {quoted(str(strange[0]))}, which is neither one of X nor one "
            "of coef_names_; see coef_names_ of a fit without it."
        )
    widest_first = sorted(given, key=lambda one: -len(known[str(one)]))
    for one in widest_first:
        number = _float(given[one])
        if math.isnan(number):
            raise ParameterError(
                f"{name} of column {quoted(str(one))} is {_shown(given[one])}; give a number."
            )
        numbers[list(known[str(one)])] = number
    return numbers


def penalties_of_a_path(
    l1_ratio: Any, n_lambdas: Any, lambdas: Any, lambda_ratio: Any
) -> tuple[float, Array | None]:
    """Share of the L1 part, and the penalties from large to small, None where none are given.

    Raises
    ------
    ParameterError
        If one cannot be used.

    Examples
    --------
    >>> penalties_of_a_path(1.0, 100, [0.1, 0.5], None)
    (1.0, array([0.5, 0.1]))
    """
    ratio = _float(l1_ratio)
    if not 0 <= ratio <= 1:
        raise ParameterError(f"l1_ratio={_shown(l1_ratio)} is not a number between 0 and 1.")
    if lambda_ratio is not None and not 0 < _float(lambda_ratio) < 1:
        raise ParameterError(
            f"lambda_ratio={_shown(lambda_ratio)} is not a number between 0 and 1, both left out."
        )
    if lambdas is None:
        whole = isinstance(n_lambdas, Integral) and not isinstance(n_lambdas, bool)
        if not (whole and int(n_lambdas) >= 1):
            raise ParameterError(f"n_lambdas={_shown(n_lambdas)} is not a positive whole number.")
        return ratio, None
    try:
        given = np.asarray(lambdas, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"lambdas is not made of numbers: {error}.") from error
    if given.ndim != 1 or given.size == 0 or not (np.isfinite(given) & (given > 0)).all():
        raise ParameterError(
            f"lambdas={_shown(lambdas)} must be a list of positive, finite numbers."
        )
    return ratio, np.sort(given)[::-1]


def _by_column(name: str, given: Any, p: int, least: float, most: float) -> Array:
    try:
        numbers = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} is not made of numbers: {error}.") from error
    if numbers.shape not in ((), (p,)):
        raise ParameterError(
            f"{name} has shape {numbers.shape}; give one number, or one per column, shape ({p},)."
        )
    numbers = np.array(np.broadcast_to(numbers, (p,)))
    bad = np.flatnonzero(~((numbers >= least) & (numbers <= most)))
    if bad.size:
        raise ParameterError(
            f"{name} is {numbers[bad[0]]} for column {bad[0]} (from 0); give a number from "
            f"{least:g} to {most:g}."
        )
    return numbers


def _agreed(ratio: float, penalty: str) -> float:
    """Share of the L1 part, where penalty and l1_ratio say the same; 0 says nothing."""
    said = {"l1": 1.0, "l2": 0.0}.get(penalty, ratio)
    if ratio not in (0.0, said):
        raise ParameterError(
            f"penalty={penalty!r} and l1_ratio={ratio:g} contradict each other; leave one out."
        )
    return said


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


# Decades of the penalties that are tried: from next to nothing left to next to no penalty.
_L2_DECADES, _L1_DECADES = 8.0, 4.0
# Share of l1 from which on it decides what is strong; and the decade of the smallest C.
_LEAST_SHARE, _SMALLEST = 1e-3, -299.0


def penalty_grid(
    Cs: Any, l1_ratios: Any, X: Any, index: Any, weight: Array | None
) -> tuple[Array, Array]:
    """Inverse penalties, ascending, and shares of the L1 part.

    Parameters
    ----------
    Cs : int, or array-like of floats
        If a number, they are spaced evenly in the logarithm. With an L1 part from where all
        coefficients are zero, as no gradient at zero is larger than the penalty, to four decades
        on, of all shares; without one from where the penalty is ten times the largest curvature of
        a column, (1/4) sum of s (x - mean)**2, eight decades on.
    l1_ratios : array-like of floats
    X : ndarray or CSR of shape (n, p)
        Finite.
    index : integer array of shape (n,)
        Classes.
    weight : array of shape (n,), or None

    Raises
    ------
    ParameterError
        If there is nothing to try, or a value cannot be used.

    Examples
    --------
    >>> penalty_grid([1.0, 0.1], (0.0,), np.eye(4), np.array([0, 1, 0, 1]), None)
    (array([0.1, 1. ]), array([0.]))
    """
    return penalty_grid_by(
        Cs,
        l1_ratios,
        lambda: _largest_square(X, weight),
        lambda: _largest_gradient(X, index, weight),
    )


def penalty_grid_by(
    Cs: Any, l1_ratios: Any, square: Callable[[], float], gradient: Callable[[], float]
) -> tuple[Array, Array]:
    """Do what `penalty_grid` does, by what the rows tell.

    Parameters
    ----------
    Cs, l1_ratios
        See `penalty_grid`.
    square : callable
        Gives the largest sum of s (x - mean)**2 of a column.
    gradient : callable
        Gives the largest gradient of a coefficient at the shares of the classes.

    Examples
    --------
    >>> penalty_grid_by(2, (0.0,), lambda: 4.0, lambda: 0.0)
    (array([1.e-01, 1.e+07]), array([0.]))
    """
    ratios, given = _floats("l1_ratios", l1_ratios), Cs
    if isinstance(Cs, Integral) and not isinstance(Cs, bool):
        if int(Cs) < 1:
            raise ParameterError(f"Cs={_shown(Cs)}: give at least one penalty to try.")
        given = _from_data(int(Cs), ratios, square, gradient)
    Cs = np.unique(_floats("Cs", given))
    for ratio in ratios.tolist():
        for C in Cs.tolist():
            elastic_net(C, ratio)
    return Cs, ratios


def _floats(name: str, values: Any) -> Array:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name}={_shown(values)} is not made of numbers.") from error
    if array.ndim != 1 or array.size == 0:
        raise ParameterError(f"{name}={_shown(values)}: give a list of at least one number.")
    return array


def _largest_square(X: Any, weight: Array | None) -> float:
    share = np.ones(X.shape[0]) if weight is None else weight
    total = share.sum()
    mean = X.T @ share / total
    with np.errstate(over="ignore", invalid="ignore"):  # columns near 1e300
        squares = (X.multiply(X) if hasattr(X, "tocsr") else X * X).T @ share - total * mean * mean
    return float(squares.max(initial=0.0))


def _largest_gradient(X: Any, index: Any, weight: Array | None) -> float:
    share = np.ones(X.shape[0]) if weight is None else weight
    own = np.arange(index.max() + 1)[None] == index[:, None]
    residual = share[:, None] * (own - share @ own / share.sum())
    return float(np.abs(X.T @ residual).max(initial=0.0))


def _from_data(
    count: int, ratios: Array, square: Callable[[], float], gradient: Callable[[], float]
) -> Array:
    strongest = [(10 * 0.25 * square(), _L2_DECADES)] if 0.0 in ratios else []
    kinked = ratios[ratios > 0]
    if kinked.size:
        largest = gradient()
        # The smallest share has the smallest first, the largest share the largest last.
        shares = max(float(kinked.min()), _LEAST_SHARE), float(kinked.max())
        strongest += [(largest / share, _L1_DECADES) for share in shares]
    # Columns of zeros have no size: any penalty does.
    firsts = [-math.log10(size) if 0 < size < math.inf else 0.0 for size, _ in strongest]
    lasts = [first + decades for first, (_, decades) in zip(firsts, strongest, strict=True)]
    return np.logspace(max(min(firsts), _SMALLEST), max(lasts), count)


def seed_of(random_state: Any) -> int:
    """Seed that a random_state stands for: a number is itself, None is 0.

    Raises
    ------
    ParameterError
        If it is neither a number nor a generator.

    Examples
    --------
    >>> seed_of(7), seed_of(None)
    (7, 0)
    """
    if random_state is None:
        return 0
    whole = isinstance(random_state, Integral) and not isinstance(random_state, bool)
    if whole and int(random_state) >= 0:
        return int(random_state)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    raise ParameterError(
        f"random_state={_shown(random_state)} is not a whole number from 0 on, a "
        "numpy.random.RandomState or Generator, or None."
    )


def refuse_balanced(class_weight: Any) -> None:
    """Refuse class weights that depend on rows which are still to come.

    Examples
    --------
    >>> refuse_balanced({0: 1.0, 1: 19.0})
    """
    if isinstance(class_weight, str):
        raise ParameterError(
            f"class_weight={class_weight!r} needs all labels at once, and partial_fit has a part "
            "of them; give a dict of label to weight."
        )
