"""Columns that are combinations of others, exactly or nearly, and what it costs.

A Gram matrix cannot tell columns that agree to seven digits from equal ones; the products Z v can
(`Objective.split_null`). So what the Gram matrix suspects is looked at again: the combination of
the columns before is solved for, refined by the products, and called exact only where they vanish.

    variance inflation  v_j = 1 / (1 - R_j^2)   (Belsley, Kuh and Welsch, 1980, section 3.3)
    condition number    of the columns' correlations: largest by smallest singular value of the
                        standardised columns (there, section 3.2)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.kernels import Design, GramIn
from oddsmith.core.moments import VectorMoments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array, exact_dot
from oddsmith.solvers.aliased import aliased_columns
from oddsmith.solvers.curvature import cholesky

__all__ = ["Alias", "Collinearity", "find_collinearity"]

# Root mean square of Z v, relative to the size of its terms, below which it is rounding.
_ROUNDING = 2.0**-42
# Parts of a combination smaller than this, relative to the column, are rounding.
_NOTHING = 1e-9
_REFINEMENTS = 3


@dataclass(frozen=True, slots=True)
class Alias:
    """A column that is a combination of columns before it.

    Attributes
    ----------
    column : int
    terms : tuple of (int, float)
        Other columns and their factors, on the user's scale.
    constant : float
    """

    column: int
    terms: tuple[tuple[int, float], ...]
    constant: float


@dataclass(frozen=True)
class Collinearity:
    """How the columns depend on each other.

    Attributes
    ----------
    aliases : tuple of Alias
        Columns that are combinations of those before (and of the intercept) to the last digit.
    near : tuple of Alias
        The same to six digits or more, but not to the last: coefficients are unique, and hardly
        determined.
    inflation : array of shape (p,)
        Variance inflation factor of each column among those that are not aliased: how much larger
        the variance of its coefficient is than if it were uncorrelated; NaN where aliased.
    condition : float
        Condition number of the standardised columns that are not aliased; 1 if there are none.
    """

    aliases: tuple[Alias, ...]
    near: tuple[Alias, ...]
    inflation: Array
    condition: float

    @property
    def kept(self) -> tuple[int, ...]:
        """Columns that are not aliased."""
        gone = {alias.column for alias in self.aliases}
        return tuple(j for j in range(self.inflation.size) if j not in gone)


@dataclass(frozen=True, slots=True)
class _GramTimes:
    """Z'S (Z V) of shape (q, m), from the products Z V."""

    design: Design
    directions: Array

    def __call__(self, block: Block) -> VectorMoments:
        Z = self.design(block)
        return VectorMoments(Z.transposed_times(block.weight[:, None] * Z.times(self.directions)))


def find_collinearity(objective: Objective) -> Collinearity:
    """Look for combinations of columns: one pass, a few more where there is a suspect.

    Parameters
    ----------
    objective : Objective
        Its rows, weights and standardisation; labels and penalty do not matter.

    Examples
    --------
    >>> from oddsmith.core.block import CountedSource
    >>> from oddsmith.core.columns import column_statistics
    >>> from oddsmith.data.memory import memory_blocks
    >>> from oddsmith.engines.threads import Threads
    >>> from oddsmith.solvers.minimise import Task, objective_of
    >>> x = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 2.0], [4.0, 0.0]])
    >>> X = np.column_stack([x, 2 * x[:, 0] - x[:, 1] + 1])
    >>> source = CountedSource(Threads(memory_blocks(X, np.array([0, 1, 1, 0])), n_jobs=1))
    >>> columns, task = source.fold(column_statistics), Task(2, True, 0.0, False, 1e-12)
    >>> find_collinearity(objective_of(source, columns, task)[0]).aliases
    (Alias(column=2, terms=((0, 2.0), (1, -1.0)), constant=1.0),)
    """
    plain = gram = objective.gram()
    p, free = objective.source.n_features, objective.design.intercept
    suspects = list(aliased_columns(gram, free))
    exact: list[int] = []
    basis = np.eye(gram.shape[0])
    if suspects:
        basis = _residuals(objective, gram, suspects)
        gram = objective.source.fold(GramIn(objective.design, basis[:, None, :])).vector
        exact, basis = _settled(objective, gram, basis, suspects)
        gram = objective.source.fold(GramIn(objective.design, basis[:, None, :])).vector
    near = [j for j in suspects if j not in exact]
    inflation, condition = _inflation(objective, plain, gram, basis, exact)
    return Collinearity(
        tuple(_alias(objective, basis[:, j], j) for j in exact),
        tuple(_alias(objective, basis[:, j], j) for j in near),
        inflation[:p],
        condition,
    )


def _residuals(objective: Objective, gram: Array, suspects: list[int]) -> Array:
    """Basis whose suspects are what the other columns leave of them, refined by products.

    Column j of it is e_j - c with c the combination of the others that fits column j best.
    """
    q = gram.shape[0]
    others = [j for j in range(q) if j not in suspects]
    basis = np.eye(q)
    factor = cholesky(gram[np.ix_(others, others)]) if others else None
    if factor is None:
        return basis
    left = gram[:, suspects]
    for _ in range(_REFINEMENTS):
        basis[np.ix_(others, suspects)] -= factor.solve(left[others])
        kernel = _GramTimes(objective.design, np.ascontiguousarray(basis[:, suspects]))
        left = objective.source.fold(kernel).vector
    return basis


def _settled(
    objective: Objective, gram: Array, basis: Array, suspects: list[int]
) -> tuple[list[int], Array]:
    """Tell suspects whose residual is rounding, or a combination of other suspects' residuals.

    Returns them, and the basis with the latter combination taken off as well.
    """
    sizes = _sizes(objective)
    floor = (_ROUNDING * (sizes @ np.abs(basis))) ** 2 * objective.weight
    exact = [j for j in suspects if gram[j, j] <= floor[j]]
    rest = [j for j in suspects if j not in exact]
    basis = basis.copy()
    again = aliased_columns(gram[np.ix_(rest, rest)], intercept=False)
    for j in (rest[i] for i in again):
        before = [k for k in rest if k < j and k not in exact]
        factor = cholesky(gram[np.ix_(before, before)])
        if factor is None:
            continue
        whole = basis[:, j] - basis[:, before] @ factor.solve(gram[before, j])
        kernel = GramIn(objective.design, whole[:, None, None])
        square = float(objective.source.fold(kernel).vector[0, 0])
        if square <= (_ROUNDING * float(sizes @ np.abs(whole))) ** 2 * objective.weight:
            basis[:, j] = whole
            exact.append(j)
    return sorted(exact), basis


def _sizes(objective: Objective) -> Array:
    """Sizes of the columns before they were centred, in their scales, of shape (q,)."""
    how = objective.design.standardisation
    moved = np.append(np.abs(how.center) / how.scale, np.zeros(int(objective.design.intercept)))
    return objective.column_sizes + moved


def _inflation(
    objective: Objective, plain: Array, gram: Array, basis: Array, exact: list[int]
) -> tuple[Array, float]:
    """Variance inflation factors, and the condition number of the columns that are left."""
    p, free = objective.source.n_features, objective.design.intercept
    inflation = np.full(p + free, np.nan)
    kept = np.array([j for j in range(gram.shape[0]) if j not in exact], dtype=int)
    columns = kept[kept < p]
    factor = cholesky(gram[np.ix_(kept, kept)])
    if columns.size == 0 or factor is None:
        return inflation, 1.0 if columns.size == 0 else np.inf
    # (B'GB)^-1 is what the residuals tell to all digits; G^-1 = B (B'GB)^-1 B'.
    half = np.zeros((gram.shape[0], kept.size))
    half[kept] = basis[np.ix_(kept, kept)]
    inverse = half @ factor.solve(half.T)
    how, stats = objective.design.standardisation, objective.columns
    size = stats.spread if free else np.hypot(stats.spread, stats.mean)
    size = (size / how.scale)[columns] * np.sqrt(objective.weight)
    inner = inverse[np.ix_(columns, columns)] * np.outer(size, size)
    inflation[columns] = np.diag(inner)
    # Largest eigenvalue of the correlations, and of their inverse: neither has lost its digits.
    largest = np.linalg.eigvalsh(_correlations(objective, plain, columns))[-1]
    return inflation, float(np.sqrt(largest * np.linalg.eigvalsh(inner)[-1]))


def _correlations(objective: Objective, gram: Array, columns: Any) -> Array:
    inner = gram[np.ix_(columns, columns)]
    if objective.design.intercept:
        sums = gram[-1, columns]
        inner = inner - np.outer(sums, sums) / gram[-1, -1]
    size = np.sqrt(np.diag(inner))
    return inner / np.outer(size, size)


def _alias(objective: Objective, direction: Array, column: int) -> Alias:
    """Read a vanishing Z @ direction, 1 at its column, as a combination on the user's scale."""
    how, p = objective.design.standardisation, objective.source.n_features
    size = np.hypot(objective.columns.spread, objective.columns.mean)
    factors = -direction[:p] * (how.scale[column] / how.scale)
    own = np.abs(factors) * size > _NOTHING * size[column]
    own[column] = False
    terms = tuple((int(k), _tidy(factors[k])) for k in np.flatnonzero(own))
    if not objective.design.intercept:
        return Alias(column, terms, 0.0)
    moved = np.append(how.center[own], how.center[column])
    constant = exact_dot(moved, np.append(-factors[own], 1.0), -direction[p] * how.scale[column])
    scale = float(np.abs(moved).max(initial=0.0) + size[column] + np.abs(factors[own]) @ size[own])
    return Alias(column, terms, _tidy(constant) if abs(constant) > _NOTHING * scale else 0.0)


def _tidy(number: float) -> float:
    """Drop the rounding of a solve: ten digits are left."""
    return float(f"{number:.10g}")
