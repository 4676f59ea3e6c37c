"""Marginal effects: how much a probability changes with a column, and how sure that is.

With P_k the probability of class k at x, and b_jk the coefficient of column j for it,

    dy/dx    P_k (b_jk - sum_l P_l b_jl)      for two classes P (1 - P) b_j
    ey/dx    the same divided by P_k          d log P / dx
    dy/ex    dy/dx times x_j                  dP / d log x
    ey/ex    ey/dx times x_j                  an elasticity

averaged over the rows ("overall"), or at one row; a column that is 0 or 1, or counts, changes by a
difference instead (Greene, 2018, "Econometric analysis", 17.3.2 and 18.2.3). Effects are sums over
rows, and so are their derivatives in the coefficients: standard errors by the delta method cost no
pass of their own.
"""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from oddsmith.core.block import Block
from oddsmith.core.stable import Array
from oddsmith.data.frames import frame_of
from oddsmith.errors import ParameterError
from oddsmith.inference.delta import Delta
from oddsmith.inference.effect_sums import Change, EffectKernel
from oddsmith.inference.likelihood import Likelihood
from oddsmith.inference.observations import observed
from oddsmith.inference.tails import log_normal_tails

__all__ = ["At", "MarginalEffects", "Method", "marginal_effects"]

At = Literal["overall", "mean", "median", "zero", "all"]
Method = Literal["dydx", "eyex", "dyex", "eydx"]

_TITLES = {"dydx": "dy/dx", "eyex": "d(lny)/d(lnx)", "dyex": "dy/d(lnx)", "eydx": "d(lny)/dx"}


@dataclass(frozen=True, eq=False)
class MarginalEffects:
    """Marginal effects with statsmodels' names.

    Attributes
    ----------
    margeff : array of shape (p,), or (p, K) for K > 2 classes
        Two classes: of the second one's probability. With at="all" one more axis first, for rows.
    margeff_cov : array of shape (d, d), or None
        Of the effects class by class; None with at="all".
    names : tuple of str
        Columns; those that hold one value only have no effect and are left out.
    classes : tuple
        K labels.
    at, method : str
    """

    margeff: Array
    margeff_cov: Array | None
    names: tuple[str, ...]
    classes: tuple[Any, ...]
    at: At
    method: Method

    @property
    def title(self) -> str:
        """What the effects are, such as "dy/dx"."""
        return _TITLES[self.method]

    @property
    def margeff_se(self) -> Array:
        """Standard errors by the delta method, shaped like `margeff`."""
        variances = np.diag(self._covariance)
        return np.sqrt(variances).reshape(self.margeff.shape, order="F")

    @property
    def tvalues(self) -> Array:
        """Effects divided by their standard errors."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.margeff / self.margeff_se

    @property
    def pvalues(self) -> Array:
        """P(|Z| >= |t|), with Z standard normal."""
        return np.exp(log_normal_tails(self.tvalues))

    def conf_int(self, alpha: float = 0.05) -> Array:
        """Intervals of level 1 - alpha, of shape (p, 2), or (p, 2, K) as statsmodels has it."""
        half = float(-ndtri(0.5 * alpha)) * self.margeff_se
        return np.stack([self.margeff - half, self.margeff + half], axis=1)

    def summary_frame(self, alpha: float = 0.05) -> Any:
        """Table with statsmodels' columns, a pandas DataFrame.

        Raises
        ------
        MissingPackageError
            If there is no pandas.
        """
        ends, classes = self.conf_int(alpha), self.classes if self.margeff.ndim == 2 else (None,)
        columns = {
            "endog": np.repeat(np.array(classes, dtype=object), len(self.names)),
            "exog": np.array(self.names * len(classes), dtype=object),
        }
        numbers = {
            self.title: self.margeff,
            "Std. Err.": self.margeff_se,
            "z": self.tvalues,
            "Pr(>|z|)": self.pvalues,
            "Conf. Int. Low": ends[:, 0],
            "Cont. Int. Hi.": ends[:, 1],  # with statsmodels' spelling
        }
        table = {name: values.ravel(order="F") for name, values in numbers.items()}
        if self.margeff.ndim == 2:
            return frame_of(columns | table).set_index(["endog", "exog"])
        return frame_of({"exog": columns["exog"]} | table).set_index("exog").rename_axis(None)

    @property
    def _covariance(self) -> Array:
        if self.margeff_cov is None:
            raise ParameterError(
                "at='all' has effects row by row and no standard errors; use at='overall', or a "
                "point such as at='mean'."
            )
        return self.margeff_cov


def marginal_effects(
    likelihood: Likelihood,
    at: At = "overall",
    method: Method = "dydx",
    atexog: dict[Any, float] | None = None,
    dummy: bool = False,
    count: bool = False,
    meat: Array | None = None,
) -> MarginalEffects:
    """Marginal effects and their standard errors.

    An offset counts with what it is in the rows; at a point, with its mean, its median or 0 as the
    columns do.

    Parameters
    ----------
    likelihood : Likelihood
    at : "overall", "mean", "median", "zero" or "all"
        The average over the rows; at their mean; at their median; at 0; for each row.
    method : "dydx", "eyex", "dyex" or "eydx"
    atexog : dict, optional
        Columns, by name or by place in `Likelihood.column_names`, held at these values; the others
        are as `at` says.
    dummy : bool
        Whether a column of 0 and 1 changes from 0 to 1.
    count : bool
        Whether a column of whole numbers that are not negative changes from x - 1 to x + 1, halved.
    meat : array of shape (size, size), optional
        Of a robust covariance.

    Returns
    -------
    MarginalEffects

    Raises
    ------
    ParameterError
        If an argument has no such value, or method and discrete columns do not fit.
    """
    _check(at, method, dummy or count)
    objective = likelihood.objective
    moving = np.flatnonzero(~objective.columns.constant)
    changes = _changes(likelihood, moving, dummy, count)
    kernel = EffectKernel(
        objective.design,
        likelihood.coef.reshape(-1, objective.width),
        relative=method.startswith("ey"),
        percent=method.endswith("ex"),
        columns=moving,
        changes=changes,
        held=_held(likelihood, atexog),
    )
    names = tuple(likelihood.names[j] for j in moving)
    found = (names, likelihood.classes, at, method)
    if at == "all":
        effects = observed(likelihood, kernel.of_rows)
        return MarginalEffects(_squeezed(effects), None, *found)
    sums = objective.source.fold(kernel) if at == "overall" else kernel(_point(likelihood, at))
    # Class by class, as statsmodels has them.
    jacobian = np.moveaxis(sums.jacobian, 1, 0).reshape(-1, objective.size) / sums.weight
    covariance = Delta.of(likelihood, meat).covariance(jacobian)
    return MarginalEffects(_squeezed(sums.effects / sums.weight), covariance, *found)


def _squeezed(effects: Array) -> Array:
    """Effects without the axis of the classes, where there are two."""
    return effects[..., 0] if effects.shape[-1] == 1 else effects


def _check(at: str, method: str, discrete: bool) -> None:
    if at not in ("overall", "mean", "median", "zero", "all"):
        raise ParameterError(
            f"at={at!r} is not known; use 'overall', 'mean', 'median', 'zero' or 'all'."
        )
    if method not in _TITLES:
        raise ParameterError(
            f"method={method!r} is not known; use {', '.join(map(repr, _TITLES))}."
        )
    if discrete and method in ("dyex", "eyex"):
        raise ParameterError(
            f"method={method!r} asks for a change in percent, which a column that is 0 or 1, or "
            "counts, does not have; use 'dydx' or 'eydx', or leave dummy and count out."
        )
    if discrete and at in ("median", "zero"):
        raise ParameterError(
            f"at={at!r} is not defined for columns that change by a difference; use 'overall', "
            "'mean' or 'all', or leave dummy and count out."
        )


def _held(likelihood: Likelihood, atexog: dict[Any, float] | None) -> tuple[tuple[int, float], ...]:
    """Columns that are held, by their place in the design, and their values in its coordinates."""
    how, columns = likelihood.objective.design.standardisation, likelihood.column_names
    first = len(columns) - len(likelihood.names)
    held: list[tuple[int, float]] = []
    for name, value in (atexog or {}).items():
        place = columns.index(name) if name in columns else name
        inside = isinstance(place, int | np.integer) and first <= place < len(columns)
        if not inside or np.ndim(value) or not np.isfinite(value):
            raise ParameterError(
                f"atexog holds {name!r} at {value!r}; give a column's name, or its place from "
                f"{first} to {len(columns) - 1}, and one finite number."
            )
        j = int(place) - first
        held.append((j, float((value - how.center[j]) / how.scale[j])))
    return tuple(held)


def _changes(
    likelihood: Likelihood, moving: npt.NDArray[np.intp], dummy: bool, count: bool
) -> tuple[Change, ...]:
    """Columns that change by a difference, of those that move at all."""
    if not (dummy or count):
        return ()
    objective = likelihood.objective
    columns, how = objective.columns, objective.design.standardisation
    whole = objective.source.fold(_AreWhole()).whole
    changes: list[Change] = []
    for place, j in enumerate(moving.tolist()):
        center, scale, low = float(how.center[j]), float(how.scale[j]), float(columns.low[j])
        if not whole[j] or low < 0:
            continue
        if low == 0 and columns.high[j] == 1:
            if dummy:
                ends = (0.0 - center) / scale, (1.0 - center) / scale
                changes.append(Change(place, *ends, moves=False, size=1.0))
        elif count:
            changes.append(Change(place, -1.0 / scale, 1.0 / scale, moves=True, size=2.0))
    return tuple(changes)


@dataclass(frozen=True, slots=True)
class _Whole:
    """Which columns hold whole numbers only."""

    whole: np.ndarray[Any, np.dtype[np.bool_]]

    def __add__(self, other: Self) -> "_Whole":
        return _Whole(self.whole & other.whole)


@dataclass(frozen=True, slots=True)
class _AreWhole:
    """A kernel without a design: it is given the rows as they are stored."""

    def __call__(self, block: Block) -> _Whole:
        X = _stored(block)
        return _Whole((np.round(X) == X).all(axis=0))


def _stored(block: Block) -> Array:
    """Rows of shape (n, p), dense."""
    X = block.X.toarray() if hasattr(block.X, "toarray") else block.X
    return X.astype(np.float64, copy=False)


def _point(likelihood: Likelihood, at: str) -> Block:
    """One row that stands for all: their mean, their median, or zeros; its offset alike."""
    objective = likelihood.objective
    width = objective.width
    p = objective.source.n_features
    if at == "mean":
        X, total = objective.columns.mean, objective.source.fold(_Offsets()).vector
        offset = total / objective.weight
    elif at == "median":
        found = objective.source.fold(_Gathered()).parts
        weight = np.concatenate([part[1] for part in found])
        X = np.array(
            [_median(np.concatenate([part[0][j] for part in found]), weight) for j in range(p)]
        )
        offsets = np.concatenate([part[2] for part in found]).reshape(weight.size, -1)
        offset = np.array([_median(own, weight) for own in offsets.T])
    else:
        # A column that holds one value only stands in for an intercept.
        X = np.where(objective.columns.constant, objective.columns.low, 0.0)
        offset = np.zeros(width)
    row = offset if width == 1 else offset[None, :]
    return Block(X[None, :], np.zeros(1, dtype=np.int8), np.ones(1), row)


@dataclass(frozen=True, slots=True)
class _Sum:
    vector: Array

    def __add__(self, other: Self) -> "_Sum":
        return _Sum(self.vector + other.vector)


@dataclass(frozen=True, slots=True)
class _Offsets:
    """Weighted sum of the offsets."""

    def __call__(self, block: Block) -> _Sum:
        return _Sum(block.weight @ block.offset.reshape(block.y.size, -1))


@dataclass(frozen=True, slots=True)
class _Parts:
    parts: tuple[tuple[Array, Array, Array], ...]

    def __add__(self, other: Self) -> "_Parts":
        return _Parts(self.parts + other.parts)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Columns, weights and offsets: a median needs them all at once."""

    def __call__(self, block: Block) -> _Parts:
        columns = np.ascontiguousarray(_stored(block).T)
        return _Parts(((columns, block.weight, block.offset),))


def _median(values: Array, weight: Array) -> float:
    """Median of values that each stand for as many as their weight.

    Examples
    --------
    >>> _median(np.array([3.0, 1.0]), np.array([1.0, 1.0]))
    2.0
    >>> _median(np.array([3.0, 1.0]), np.array([1.0, 2.0]))
    1.0
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order])
    half = 0.5 * below[-1]
    place = int(np.searchsorted(below, half))
    low = float(values[order[place]])
    if below[place] != half:
        return low
    return 0.5 * (low + float(values[order[place + 1]]))
