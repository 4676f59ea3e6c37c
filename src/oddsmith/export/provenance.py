"""Where a model comes from: how it was fitted, and what is proved of it."""

import math
from dataclasses import dataclass
from typing import Literal

from oddsmith.core.labels import quoted
from oddsmith.errors import ModelFileError

__all__ = ["Certificate", "Training", "demand", "demand_text"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """How far from the optimum a fit can be; None is what nobody knows.

    Attributes
    ----------
    objective : float or None
        Mean log loss plus penalty (nats per unit of weight).
    optimality_gap : float or None
        Proved bound on `objective` minus its minimum (nats per unit of weight), ``inf`` if none.
    tol : float or None
        Gap that was asked for (nats per unit of weight).
    converged : bool or None
    separated : "complete", "quasi" or None
        Whether the rows show that the classes can be separated.
    aliased : tuple of str, or None
        Encoded columns that are linear combinations of columns before them.
    """

    objective: float | None = None
    optimality_gap: float | None = None
    tol: float | None = None
    converged: bool | None = None
    separated: Literal["complete", "quasi"] | None = None
    aliased: tuple[str, ...] | None = None

    def __post_init__(self):
        gap, tol = self.optimality_gap, self.tol
        demand(self.objective is None or math.isfinite(self.objective), "objective is not finite")
        demand(gap is None or gap >= 0, "the optimality gap is negative")
        demand(tol is None or (math.isfinite(tol) and tol >= 0), "tol is not a number from 0 up")
        demand(self.separated in (None, "complete", "quasi"), 'separated is not "complete"')
        for name in self.aliased or ():
            demand_text(name)


@dataclass(frozen=True, slots=True)
class Training:
    """How a model was fitted; None is what its class has not, or nobody knows.

    Attributes
    ----------
    estimator : str or None
        Name of the class that was fitted.
    rows : int or None
    weight : float or None
        Sum of the weights of the rows.
    C : float or None
        Inverse strength of the penalty, ``inf`` for none.
    l1_ratio : float or None
        Share of the L1 penalty.
    penalty : str or None
        "none", "l2", "l1", "elasticnet", or the prior: "jeffreys", "log-f".
    solver : str or None
    iterations, passes : int or None
        Steps of the solver; how often it read the rows.
    written_at : str or None
        When the model was written, in UTC: "2026-01-31T12:00:00Z".
    version : str or None
        Of the oddsmith that wrote it.
    warnings : tuple of str, or None
        What the fit warned of.
    """

    estimator: str | None = None
    rows: int | None = None
    weight: float | None = None
    C: float | None = None
    l1_ratio: float | None = None
    penalty: str | None = None
    solver: str | None = None
    iterations: int | None = None
    passes: int | None = None
    written_at: str | None = None
    version: str | None = None
    warnings: tuple[str, ...] | None = None

    def __post_init__(self):
        counts = [x for x in (self.rows, self.iterations, self.passes) if x is not None]
        demand(min(counts, default=0) >= 0, "a count of rows, iterations or passes is negative")
        weight, ratio = self.weight, self.l1_ratio
        demand(
            weight is None or (math.isfinite(weight) and weight > 0), "the weight is not above 0"
        )
        demand(self.C is None or self.C > 0, "C is not above 0")
        demand(ratio is None or 0 <= ratio <= 1, "l1_ratio is not from 0 to 1")
        texts = (self.estimator, self.penalty, self.solver, self.written_at, self.version)
        for text in (*texts, *(self.warnings or ())):
            if text is not None:
                demand_text(text)


def demand(satisfied: bool, otherwise: str) -> None:
    """Refuse a model, and say why.

    Raises
    ------
    ModelFileError
    """
    if not satisfied:
        raise ModelFileError(f"not a model: {otherwise}")


def demand_text(text: str) -> None:
    """Refuse half characters (lone surrogates), which no file can hold.

    Raises
    ------
    ModelFileError
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ModelFileError(f"not a model: {quoted(text)} is not valid Unicode") from None
