"""Which solver for which problem: one table."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from oddsmith.core.kernels import PLAIN, Kernels
from oddsmith.errors import ParameterError
from oddsmith.solvers.gradient_descent import GradientDescent
from oddsmith.solvers.kernel_newton import KernelNewton
from oddsmith.solvers.lbfgs import LBFGS
from oddsmith.solvers.newton import Newton
from oddsmith.solvers.newton_cg import NewtonCG
from oddsmith.solvers.proximal_newton import ProximalNewton
from oddsmith.solvers.proximal_newton_rows import ProximalNewtonRows
from oddsmith.solvers.run import Solver
from oddsmith.solvers.sampled import SampledLBFGS

__all__ = ["FOREIGN", "NAMES", "Problem", "choose", "kernels_for"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What a choice depends on.

    Attributes
    ----------
    n_rows : int
    size : int
        Length of coef: (columns + intercept) times margins.
    width : int
        Margins a row.
    sparse : bool
    l1 : bool
        Whether the penalty has a kink, or columns have factors or bounds.
    samples : bool
        Whether rows can be sampled without reading them all.
    l2 : bool
        Whether the penalty is strictly convex.
    by_column : bool
        Whether rows can be read column by column.
    entries : int
        Entries that are stored, of sparse rows.
    """

    n_rows: int
    size: int
    width: int
    sparse: bool
    l1: bool = False
    samples: bool = False
    l2: bool = False
    by_column: bool = False
    entries: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a solver, and the problems that `auto` gives to it."""

    name: str
    make: Callable[[], Solver]
    suits: Callable[[Problem], bool]


# The Hessian of K margins has K (K + 1) / 2 blocks, each a product over all rows.
_FEW_CLASSES = 12


def _small(problem: Problem) -> bool:
    """Whether forming and factorising the Hessian is cheap: its entries and its flops.

    A sparse block's Hessian is dense all the same, so it must be smaller to be worth it.
    """
    return problem.size <= (300 if problem.sparse else 1000) and problem.width <= _FEW_CLASSES


def _tall(problem: Problem) -> bool:
    """Whether a sample is worth its walk: it is large for the columns, and small for the rows."""
    q = problem.size // problem.width
    cheap = problem.size <= 1000 and not problem.sparse
    return problem.samples and cheap and problem.n_rows >= max(30_000, 1600 * q)


# Rows whose Gram matrix is formed and factorised at ease, for one margin: a matrix for each is.
_FEW_ROWS = 5000
# Columns a row that repay it.
_COLUMNS_A_ROW = 5


def _wide(problem: Problem) -> bool:
    """Whether the Gram matrix of the rows is cheap, and much smaller than the rows."""
    n, K = problem.n_rows, problem.width
    few = n * n * K <= _FEW_ROWS**2 and _COLUMNS_A_ROW * n * K <= problem.size
    return few and problem.l2 and problem.by_column and not problem.sparse


def _sparse(problem: Problem) -> bool:
    """Whether the columns tell enough of the Hessian: most hardly meet, and all are penalised."""
    return problem.sparse and problem.l2


# Products of an entry and a coefficient in a pass, from which on compiled kernels repay the
# second that importing them takes, and in time that of compiling them once.
_MANY_PRODUCTS = 2**22


def kernels_for(problem: Problem) -> Kernels:
    """Plain or compiled kernels, by the shape alone."""
    entries = problem.entries * problem.width if problem.sparse else problem.n_rows * problem.size
    if entries < _MANY_PRODUCTS:
        return PLAIN
    # Imports Numba, which small problems need not wait for.
    return import_module("oddsmith.core.compiled").COMPILED


# `auto` takes the first row that suits; a name takes the row of that name.
TABLE = (
    Row("proximal-newton", ProximalNewton, lambda problem: problem.l1 and problem.by_column),
    Row("proximal-newton-rows", ProximalNewtonRows, lambda problem: problem.l1),
    Row("sampled-lbfgs", SampledLBFGS, _tall),
    Row("newton-cholesky", Newton, _small),
    Row("newton-kernel", KernelNewton, _wide),
    Row("lbfgs", LBFGS, _sparse),
    Row("newton-cg", NewtonCG, lambda _: True),
    Row("gradient-descent", GradientDescent, lambda _: False),
)

NAMES = tuple(row.name for row in TABLE)
# Names that scikit-learn's users write, for solvers that are not ours: `auto` runs instead.
FOREIGN = ("liblinear", "sag", "saga")


def choose(solver: str | Solver, problem: Problem) -> Solver:
    """Solver object for a name, a solver object, or "auto".

    Parameters
    ----------
    solver : str or Solver
    problem : Problem

    Raises
    ------
    ParameterError
        If there is no solver of that name, or it cannot do what the penalty asks for.

    Examples
    --------
    >>> choose("auto", Problem(n_rows=569, size=31, width=1, sparse=False)).name
    'newton-cholesky'
    """
    walker = _found(solver, problem)
    if problem.l1 and not walker.handles_l1:
        raise ParameterError(
            "an L1 penalty, factors or bounds were asked for (l1_ratio > 0, penalty='l1', "
            f"penalty_factors, lower_bounds or upper_bounds), which solver={solver!r} does not "
            "fit; use 'auto' or 'proximal-newton'."
        )
    return walker


def _found(solver: str | Solver, problem: Problem) -> Solver:
    if isinstance(solver, type):
        raise ParameterError(
            f"solver={solver.__name__} is a class; give an object: {solver.__name__}()."
        )
    if not isinstance(solver, str) and hasattr(solver, "iterates"):
        return solver
    for row in TABLE:
        if row.name == solver or (solver in ("auto", *FOREIGN) and row.suits(problem)):
            return row.make()
    raise ParameterError(
        f"solver={solver!r} is not known; use 'auto', one of {', '.join(map(repr, NAMES))}, "
        "or a solver object from oddsmith.solvers."
    )
