"""A maximum-likelihood fit together with its rows: what every inference starts from.

    information  H = Z'S diag(curvature) Z,   one pass over the rows
    parameters   b = L coef                   what is reported, on the user's scale
    covariance   V = L H^-1 L'                (McCullagh and Nelder, 1989, 4.4.3)

Coordinates inside are the objective's: standardised, flat, intercept last. Outside, a parameter
is what statsmodels calls one: the intercept first, and with K > 2 classes the K - 1 contrasts of
a class to the first one, equation by equation.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import scipy.linalg as la

from oddsmith.core.block import Block
from oddsmith.core.moments import Moments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.errors import DataError
from oddsmith.solvers.curvature import Factor, cholesky

__all__ = ["CovarianceKind", "Likelihood", "WeightKind"]

WeightKind = Literal["frequency", "sampling"]
# A sum of terms this much larger than itself has lost all digits but three.
_LOST = 2.0**-42

CovarianceKind = Literal["nonrobust", "HC0", "HC1", "HC2", "HC3", "cluster"]


@dataclass(frozen=True)
class Likelihood:
    """A maximum-likelihood fit together with the rows that it came from.

    Attributes
    ----------
    objective : Objective
        Without a penalty, and with linearly independent columns; its source can be folded again.
    coef : array of shape (size,)
        Where the fit stopped, in the objective's coordinates.
    names : tuple of str
        Of the p columns, without the intercept.
    classes : tuple
        The K labels; the first is the reference.
    intercept_name : str
        "Intercept" for formulas and "const" for matrices, as statsmodels has it.
    weights : "frequency" or "sampling"
        Whether a row of weight 2 is two rows, or one row that stands for twice as many.
    counted : boolean array of shape (n,), or None
        Which of the user's rows are rows of the source; None if all are. Rows of weight 0 are not.
    trials : array of shape (n,), or None
        Where a row of the user's is counts, its trials: the source then has its successes and its
        failures as two rows, all of the former first, and its groups are the rows of counts.
    constant : float
        What the likelihood of counts has beyond that of their cases: sum of log (n over k) (nats).
    sparse : bool
        Whether blocks are sparse.
    fractional : bool
        Whether there are frequency weights that are no whole numbers.
    known : Moments or None
        The objective and its two derivatives at coef, where the fit has left them.

    Examples
    --------
    >>> from oddsmith.core.block import CountedSource
    >>> from oddsmith.core.columns import column_statistics
    >>> from oddsmith.data.memory import memory_blocks
    >>> from oddsmith.engines.threads import Threads
    >>> from oddsmith.solvers.minimise import Task, minimise, objective_of
    >>> X = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]])
    >>> blocks = memory_blocks(X, np.array([0, 0, 1, 0, 1, 1]))
    >>> source = CountedSource(Threads(blocks, n_jobs=1))
    >>> columns, task = source.fold(column_statistics), Task(2, True, 0.0, False, 1e-12)
    >>> fit = minimise(source, columns, "auto", task)
    >>> objective, _ = objective_of(source, columns, task)
    >>> coef = objective.from_user(fit.coef, fit.intercept)
    >>> found = Likelihood(objective, coef, ("dose",), (0, 1))
    >>> found.parameter_names, found.params.round(6), found.covariance.round(6)
    (('const', 'dose'), array([-0.693147,  1.386294]), array([[ 1.5, -1.5],
           [-1.5,  3. ]]))
    """

    objective: Objective
    coef: Array
    names: tuple[str, ...]
    classes: tuple[Any, ...]
    intercept_name: str = "const"
    weights: WeightKind = "frequency"
    counted: np.ndarray[Any, np.dtype[np.bool_]] | None = None
    trials: Array | None = None
    constant: float = 0.0
    sparse: bool = False
    fractional: bool = False
    known: Moments | None = None

    def without_rows(self) -> "Likelihood":
        """Return the same with all that one pass tells, and no row: what is stored or sent.

        Whatever needs the rows then says that they are gone.
        """
        objective = self.objective
        gone = _Gone(objective.source.n_rows, objective.source.n_features)
        return replace(self, objective=replace(objective, source=gone), known=self.moments)

    def __getstate__(self) -> dict[str, Any]:
        # A pickle is passed on, and must not carry the data along unasked.
        return vars(self.without_rows())

    @property
    def column_names(self) -> tuple[str, ...]:
        """The q names of a single equation, intercept first, of shape (q,)."""
        first = (self.intercept_name,) if self.objective.design.intercept else ()
        return first + self.names

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The m names of the parameters; with K > 2 they repeat, equation by equation."""
        return self.column_names * self.n_equations

    @property
    def n_equations(self) -> int:
        """1 for two classes, K - 1 for K."""
        return len(self.classes) - 1

    @property
    def nobs(self) -> float:
        """Number of observations: the weight of the rows, or their count with sampling weights."""
        if self.trials is not None:
            return float(self.trials.size)
        if self.weights == "frequency":
            return self.objective.weight
        return float(self.objective.source.n_rows)

    @cached_property
    def moments(self) -> Moments:
        """Minus log-likelihood (nats), its gradient and its Hessian at coef: one pass."""
        return self.objective.evaluate(self.coef, 2) if self.known is None else self.known

    @property
    def llf(self) -> float:
        """Log-likelihood (nats)."""
        return self.constant - self.moments.value

    @property
    def hessian(self) -> Array:
        """Information in the objective's coordinates, of shape (size, size)."""
        return self.moments.hessian

    @cached_property
    def factor(self) -> Factor | None:
        """Cholesky factor of `Objective.grounded` information; None where it is singular."""
        return cholesky(self.objective.grounded(self.hessian))

    @cached_property
    def contrast(self) -> Array:
        """L of shape (m, size): parameters on the user's scale from coef.

        With one margin a row, w_j = coef_j / scale_j and b = coef_q - sum_j center_j w_j; with K,
        the same of the difference to the first class.
        """
        objective, K = self.objective, self.objective.width
        how, free = objective.design.standardisation, objective.design.intercept
        p = objective.source.n_features
        q = p + free
        one = np.zeros((q, q))
        one[np.arange(free, q), np.arange(p)] = 1.0 / how.scale
        if free:
            one[0, :p] = -how.center / how.scale
            one[0, p] = 1.0
        if K == 1:
            return one
        whole = np.zeros((K - 1, q, q, K))
        for k in range(1, K):
            whole[k - 1, :, :, k] = one
            whole[k - 1, :, :, 0] = -one
        return whole.reshape((K - 1) * q, q * K)

    @cached_property
    def params(self) -> Array:
        """Parameters of shape (m,): L coef, rounded once, as the fit has them."""
        w, b = self.objective.to_user(self.coef)
        table = np.vstack([b[None, :], w]) if self.objective.design.intercept else w
        if self.objective.width == 1:
            return table.ravel()
        return (table[:, 1:] - table[:, :1]).T.ravel()

    @cached_property
    def covariance(self) -> Array:
        """L H^-1 L' of shape (m, m), by a triangular solve; NaN where H is singular.

        With K > 2, H is singular along sums over the classes, which L does not see: lifted there
        it gives the same.
        """
        half = self.half_solved
        with np.errstate(over="ignore", invalid="ignore"):
            return half.T @ half

    @cached_property
    def half_solved(self) -> Array:
        """C^-1 L' of shape (size, m) with H = C C'; NaN where H is singular."""
        factor = self.factor
        if factor is None:
            return np.full(self.contrast.T.shape, np.nan)
        scaled = factor.unit[:, None] * self.contrast.T
        return la.solve_triangular(factor.lower, scaled, lower=True)

    def sandwich(self, meat: Array) -> Array:
        """L H^-1 M H^-1 L' of shape (m, m), for M of shape (size, size) (Huber, 1967).

        NaN for parameters whose variance is what is left of terms that cancel, so that it would be
        their rounding.
        """
        if self.factor is None:
            return np.full((len(self.params),) * 2, np.nan)
        bread = self.factor.solve(self.contrast.T)
        whole = bread.T @ meat @ bread
        whole = 0.5 * (whole + whole.T)
        terms = np.einsum("jm,jk,km->m", np.abs(bread), np.abs(meat), np.abs(bread))
        lost = np.diag(whole) <= _LOST * terms
        whole[lost], whole[:, lost] = np.nan, np.nan
        return whole

    def rows(self, kernel: Callable[[Block], Array]) -> Array:
        """Results of a kernel for each of the user's rows, in their order: one pass.

        Parameters
        ----------
        kernel : callable
            Block of n rows -> array of shape (n, ...).

        Returns
        -------
        array of shape (n, ...)
            NaN for rows of weight 0, which are no rows of the fit.
        """
        parts = self.objective.source.fold(_RowsOf(kernel)).parts
        found = np.concatenate(parts)
        if self.counted is None:
            return found
        whole = np.full((self.counted.size, *found.shape[1:]), np.nan)
        whole[self.counted] = found
        return whole


@dataclass(frozen=True, slots=True)
class _Gone:
    """A row source whose rows were left behind."""

    n_rows: int
    n_features: int

    def fold(self, kernel: Callable[[Block], Any], /) -> Any:
        raise DataError(
            "the rows of this fit are gone, as results are stored without them; fit again for "
            "what needs them."
        )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Results row by row: they add by being put one behind the other."""

    parts: tuple[Array, ...]

    def __add__(self, other: Self) -> "_Rows":
        return _Rows(self.parts + other.parts)


@dataclass(frozen=True, slots=True)
class _RowsOf:
    kernel: Callable[[Block], Array]

    def __call__(self, block: Block) -> _Rows:
        return _Rows((self.kernel(block),))
