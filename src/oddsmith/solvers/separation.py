"""Whether an unpenalised fit walks towards infinity because the classes can be separated."""

from typing import Literal

import numpy as np
import scipy.linalg as la

from oddsmith.core.certificate import Certificate
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array

__all__ = ["separation"]

# Lead of a row at which its loss, exp(-lead), is one in a million.
_SURE = 14.0
# A direction is saturated if the curvature along it has fallen to this share of what it can be.
_SATURATED = 1e-5
# Rows may lose this share of what others gain, as rounding does not leave them quite in place.
_LOSS = 1e-6


def separation(
    objective: Objective, coef: Array, proof: Certificate
) -> Literal["complete", "quasi"] | None:
    """Look for a direction that moves rows ever further to their own side, and none back.

    Along such a direction of recession the likelihood rises for ever (Albert and Anderson, 1984,
    section 2). If every row is on its own side, coef itself is one: complete separation. Else
    it is looked for where the rows that decide have been fitted so well that their curvature is
    gone: the part of coef in that subspace is a direction of recession if no row loses by it.

    Parameters
    ----------
    objective : Objective
        Without a penalty.
    coef : array of shape (q,)
    proof : Certificate
        At coef.

    Returns
    -------
    "complete", "quasi" or None
        What the rows prove; None says only that nothing was found.
    """
    if proof.line.lead > 0:
        return "complete"
    hessian = proof.moments.hessian
    if hessian.size == 0 or proof.line.best_lead < _SURE:
        return None
    direction = _saturated_part(objective, hessian, coef)
    line = objective.along(coef, -direction, ())
    moves = line.reach > 0
    return "quasi" if moves and line.retreat >= -_LOSS * line.reach else None


def _saturated_part(objective: Objective, hessian: Array, coef: Array) -> Array:
    """Part of coef along which the curvature is gone, orthogonal in the Gram matrix."""
    gram = np.kron(objective.gram(), np.eye(objective.width))
    diagonal = np.diag(gram)
    unit = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    roots, vectors = la.eigh(gram * unit * unit[:, None], check_finite=False)
    kept = roots > 1e-10 * roots.max(initial=0.0)
    # In the coordinates u = whiten' coef the Gram matrix is the identity.
    whiten = unit[:, None] * vectors[:, kept] / np.sqrt(roots[kept])
    curvature, basis = la.eigh(whiten.T @ hessian @ whiten, check_finite=False)
    saturated = basis[:, curvature <= _SATURATED * 0.25]
    coordinates = whiten.T @ (gram @ coef)
    return whiten @ (saturated @ (saturated.T @ coordinates))
