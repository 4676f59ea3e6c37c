"""Every warning that a fit deserves, in words."""

from typing import Any

from oddsmith.core.fit import Fit
from oddsmith.core.labels import column_name
from oddsmith.errors import CollinearityWarning, ConvergenceWarning, SeparationWarning

__all__ = ["complaints"]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


def complaints(fit: Fit, names: Any = None) -> list[tuple[type[UserWarning], str]]:
    """List the warnings that a fit deserves: what was found, and what to do.

    Parameters
    ----------
    fit : Fit
    names : sequence of str, or None
        Names of the columns, which are numbered if there are none.

    Returns
    -------
    list of (category, message)
    """
    found: list[tuple[type[UserWarning], str]] = []
    if fit.aliased:
        aliased = _listed([column_name(names, j) for j in fit.aliased])
        found.append(
            (
                CollinearityWarning,
                f"of {fit.coef.shape[0]} columns, {aliased} can be written as a linear "
                "combination of those before (and the intercept), so the coefficients are not "
                "unique: those of least norm are returned; drop the columns named, or give a "
                "finite C.",
            )
        )
    if fit.separated is not None:
        whole = "all rows" if fit.separated == "complete" else "some rows"
        found.append(
            (
                SeparationWarning,
                f"the columns separate the classes ({fit.separated} separation: {whole} can be "
                "predicted without error), so the unpenalised coefficients have no finite "
                f"optimum; they grow with every iteration, stopped here after {fit.n_iter}: "
                "give a finite C.",
            )
        )
    if not fit.converged:
        cause, advice = _cause(fit)
        found.append(
            (
                ConvergenceWarning,
                f"the fit stopped after {fit.n_iter} iterations of {fit.solver} at an objective "
                f"proved to be within {fit.gap:.2g} nats per unit of weight of the minimum, and "
                f"tol={fit.tol:.2g} was asked for: {cause}; {advice}.",
            )
        )
    return found


def _cause(fit: Fit) -> tuple[str, str]:
    objective = fit.history["objective"]
    rose = objective.size > 1 and float(objective[1:].max()) > float(objective[0])
    if fit.stopped == "diverged" or (rose and fit.solver == "gradient-descent"):
        return (
            "the objective rose, as the learning rate is too large for these columns",
            "lower learning_rate, standardise the columns, or use solver='auto'",
        )
    if fit.stopped == "max_iter":
        return "max_iter was reached", "raise max_iter, or use solver='auto'"
    return (
        "rounding leaves nothing to gain",
        "subtract a constant from columns far from zero, or raise tol",
    )
