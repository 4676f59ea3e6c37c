"""A last Newton step for inference, with the Hessian that the standard errors need anyway.

A fit whose objective is proved to 1e-12 nats per row has coefficients that are right to about
1e-6. Standard errors are read to more digits, and the Newton step squares what is left.
"""

from dataclasses import replace

import numpy as np

from oddsmith.core.certificate import FLOOR, Certificate, certificate_by_curvature
from oddsmith.core.fit import Fit
from oddsmith.inference.likelihood import Likelihood

__all__ = ["distance", "polished", "proof_at"]

# Distance per unit of weight at which coefficients are right to ten digits.
_POLISHED = 2.0**-66
_STEPS = 3


def distance(likelihood: Likelihood) -> float:
    """How far the objective is above its minimum by the Newton step's account, g'H^-1 g / 2 (nats).

    Infinity where the information is singular (Boyd and Vandenberghe, 2004, 9.5.1).
    """
    if likelihood.factor is None:
        return np.inf
    gradient = likelihood.moments.gradient
    return 0.5 * float(gradient @ likelihood.factor.solve(gradient))


def polished(likelihood: Likelihood, fit: Fit) -> tuple[Likelihood, Fit]:
    """Walk on until rounding is all that is left, and prove where that is: a pass for each step.

    Where there is no finite optimum, or its Hessian is nearly singular, nothing is changed.
    """
    objective = likelihood.objective
    before = getattr(objective.source, "passes", 0)
    for _ in range(_STEPS):
        factor = likelihood.factor
        if fit.separated is not None or factor is None or not factor.good:
            break
        left = distance(likelihood)
        if left <= _POLISHED * objective.weight:
            break
        step = factor.solve(likelihood.moments.gradient)
        there = objective.as_given(objective.centred(likelihood.coef - step))
        closer = replace(likelihood, coef=there, known=None)
        if not distance(closer) < 0.5 * left:
            break
        proved = _proved(closer, fit)
        if proved is None:
            break
        likelihood, fit = closer, proved
    after = getattr(objective.source, "passes", 0)
    return likelihood, replace(fit, n_passes=fit.n_passes + after - before)


def proof_at(likelihood: Likelihood) -> Certificate | None:
    """Prove by the Hessian that a finite minimum is near: no pass more; None where it cannot."""
    objective, factor = likelihood.objective, likelihood.factor
    if factor is None:
        return None
    decrement = float(np.sqrt(2.0 * distance(likelihood)))
    row = factor.row(objective.largest_entries, objective.width)
    moments = likelihood.moments
    return certificate_by_curvature(objective, likelihood.coef, moments, decrement, row)


def _proved(likelihood: Likelihood, fit: Fit) -> Fit | None:
    """Prove where the step has led to, by the Hessian there; None where it cannot."""
    objective, moments, proof = likelihood.objective, likelihood.moments, proof_at(likelihood)
    if proof is None:
        return None
    w, b = objective.to_user(likelihood.coef)
    gap = max(proof.gap / objective.weight, FLOOR)
    return replace(fit, coef=w, intercept=b, objective=moments.value / objective.weight, gap=gap)
