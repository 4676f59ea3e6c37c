"""What was minimised, how near the minimum the fit is proved to be, and what it warned of."""

import math
from dataclasses import dataclass

from oddsmith.core.labels import listed
from oddsmith.export.provenance import Certificate, Training
from oddsmith.export.schema import Model
from oddsmith.views.pages.report.words import cut, figure
from oddsmith.views.tables import number_text

__all__ = ["Finding", "Objective", "findings", "objective_of", "proof_of"]


@dataclass(frozen=True, slots=True)
class Objective:
    """What was minimised, part by part.

    Attributes
    ----------
    total : str
        What the sum is divided by: its rows or their weight, "n" where nobody knows.
    weighted : bool
        Whether rows have weights.
    l1, l2 : str or None
        Factors of the penalties, where there are any.
    prior : "jeffreys", "log-f" or None
    words : tuple of str
        What the letters stand for, and the numbers that the user gave.
    known : bool
        Whether the penalty is.
    """

    total: str
    weighted: bool
    l1: str | None
    l2: str | None
    prior: str | None
    words: tuple[str, ...]
    known: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a reader has to know of the fit.

    Attributes
    ----------
    words : str
    quoted : bool
        Whether these are words that the fit itself has said.
    """

    words: str
    quoted: bool


def objective_of(model: Model) -> Objective:
    """Objective of the fit, per unit of weight.

    Examples
    --------
    >>> from oddsmith.export.schema import plain_model
    >>> training = Training(rows=100, weight=100.0, C=4.0, l1_ratio=0.25, penalty="elasticnet")
    >>> found = objective_of(plain_model(["dose"], [0, 1], None, [[1.0]], [0.0], training))
    >>> found.total, found.l1, found.l2, found.words[-1]
    ('100', '0.0625', '0.1875', 'C = 4, l1_ratio = 0.25: λ₁ = l1_ratio / C, λ₂ = (1 − l1_ratio) / C.')
    """  # noqa: E501
    training = model.training
    C, ratio, penalty = training.C, training.l1_ratio or 0.0, training.penalty
    weighted = training.weight is not None and training.weight != training.rows
    total = training.weight if weighted else training.rows
    free = C is None or math.isinf(C)
    prior = penalty if penalty in ("jeffreys", "log-f") else None
    words = [
        "ℓ is the loss of a row: −ln of the probability that the model gives to its true class "
        "(nats).",
    ]
    if weighted:
        words.append("s is the weight of a row.")
    if prior == "jeffreys":
        words.append("I(w, b) is the information matrix: Firth's bias reduction.")
    if prior == "log-f":
        words.append("Each coefficient has a log-F prior.")
    if not free and C is not None:
        words.append("w are the coefficients; the intercept b is not penalised.")
        words.append(_given(C, ratio))
    elif penalty == "none" or C is not None:
        words.append("There is no penalty (C = ∞).")
    return Objective(
        total="n" if total is None else figure(total, 6) if weighted else f"{total:,}",
        weighted=weighted,
        l1=None if free or C is None or ratio == 0 else number_text(ratio / C),
        l2=None if free or C is None or ratio == 1 else number_text((1.0 - ratio) / C),
        prior=prior,
        words=tuple(words),
        known=C is not None or penalty is not None,
    )


def _given(C: float, ratio: float) -> str:
    given = f"C = {C:g}, l1_ratio = {ratio:g}"
    if ratio == 0:
        return f"{given}: λ₂ = 1 / C."
    if ratio == 1:
        return f"{given}: λ₁ = 1 / C."
    return f"{given}: λ₁ = l1_ratio / C, λ₂ = (1 − l1_ratio) / C."


def proof_of(certificate: Certificate, training: Training) -> tuple[str, ...]:
    """Certificate in words: the proved distance from the least objective.

    Examples
    --------
    >>> print(proof_of(Certificate(0.5, 2e-17, 1e-12, True), Training(penalty="l2"))[0])
    Proved: no other coefficients bring the objective lower by more than 2.0e−17 nats per row.
    >>> print(proof_of(Certificate(), Training())[0])
    How near the fit is to the best coefficients is not recorded.
    """
    gap, tol, value = certificate.optimality_gap, certificate.tol, certificate.objective
    said: list[str] = []
    per = "per row" if training.weight == training.rows else "per unit of weight"
    if gap is None:
        said.append("How near the fit is to the best coefficients is not recorded.")
    elif math.isinf(gap):
        said.append(
            "Nothing is proved of how much lower other coefficients could bring the objective."
        )
    else:
        said.append(
            f"Proved: no other coefficients bring the objective lower by more than "
            f"{figure(gap, 2)} nats {per}."
        )
    if value is not None:
        said.append(f"The objective is {figure(value, 6)} nats {per}.")
    if gap is not None and tol is not None:
        verdict = "which is met" if gap <= tol else "which is NOT met"
        said.append(f"A distance of {figure(tol, 2)} was asked for, {verdict}.")
    return tuple(said)


def findings(certificate: Certificate, training: Training) -> list[Finding]:
    """All that a reader has to know of the fit, the warnings that it gave last.

    Examples
    --------
    >>> [one.words for one in findings(Certificate(converged=False), Training(warnings=("hot",)))]
    ['The fit stopped before it reached what was asked for.', 'hot']
    """
    said: list[str] = []
    if certificate.separated is not None:
        said.append(_SEPARATED[certificate.separated])
    if certificate.aliased:
        several = len(certificate.aliased) > 1
        said.append(
            f"{len(certificate.aliased):,} {'columns are' if several else 'column is'} determined "
            "by columns before: how much of an effect belongs to which is arbitrary. "
            + listed([f"“{cut(name)}”" for name in certificate.aliased], most=50)
        )
    elif certificate.aliased is None and training.penalty == "none":
        said.append(
            "Whether columns are determined by others was not looked for; if any are, these "
            "coefficients are one of many choices."
        )
    if certificate.converged is False:
        said.append("The fit stopped before it reached what was asked for.")
    quoted = [Finding(words, True) for words in training.warnings or ()]
    return [*(Finding(words, False) for words in said), *quoted]


_SEPARATED = {
    "complete": (
        "The columns separate the classes completely on the rows of the fit: every row can be told "
        "without error. Without a penalty, coefficients then grow without end, and odds ratios "
        "mean nothing."
    ),
    "quasi": (
        "The columns separate some rows of the fit without error. Without a penalty, some "
        "coefficients then grow without end, and their odds ratios mean nothing."
    ),
}
