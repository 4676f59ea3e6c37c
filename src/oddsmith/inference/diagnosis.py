"""What ails a fit, by the names of its columns: separation, collinearity, too few cases.

Each is looked for only where the fit shows a sign of it, but for the count of cases, which costs
next to nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from oddsmith.core.block import Block
from oddsmith.core.fit import Fit
from oddsmith.core.kernels import Design
from oddsmith.core.labels import column_name, label_text, listed, quoted
from oddsmith.core.moments import VectorMoments
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.inference.collinearity import Alias, find_collinearity
from oddsmith.inference.separation import Separation, find_separation
from oddsmith.solvers.curvature import cholesky

__all__ = ["Diagnosis", "Kind", "alias_text", "diagnose"]

Kind = Literal["separation", "aliased", "nearly aliased", "few cases"]

# Entries of the design up to which the columns that separate are looked for: seconds.
_MOST_ENTRIES = 2**25
# Cases of the rarer class a column below which estimates are known to be biased.
_CASES = 10.0
# Parts of a message of one kind that are written out.
_MOST_PARTS = 3
# Pivot of the scaled Hessian below which columns are nearly aliased, whatever the weights.
_PIVOT = 1e-9


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that ails a fit.

    Attributes
    ----------
    kind : "separation", "aliased", "nearly aliased" or "few cases"
    columns : tuple of int
        The columns that it is about.
    finding : str
        What was found: a clause, of aliased columns their equations.
    message : str
        A sentence: what was found, what it means, what to do.
    evidence : Separation, tuple of Alias, or float
        What the message says, as data; of few cases, how many there are a column.
    """

    kind: Kind
    columns: tuple[int, ...]
    finding: str
    message: str
    evidence: Any


def diagnose(
    objective: Objective,
    coef: Array,
    fit: Fit,
    names: Any,
    classes: Sequence[Any],
    *,
    hessian: Array | None = None,
    most_entries: int = _MOST_ENTRIES,
) -> tuple[Diagnosis, ...]:
    """Name what ails an unpenalised fit: one short pass where nothing does.

    Parameters
    ----------
    objective : Objective
        Of all columns, aliased ones too.
    coef : array of shape (size,)
        Where the fit stopped.
    fit : Fit
        What it says of separation and aliases decides what is looked for.
    names : sequence of str, or None
        Of the p columns, which are numbered if there are none.
    classes : sequence of K labels
    hessian : array of shape (size, size), optional
        Information at coef, where it is known: it shows whether columns are nearly aliased.
    most_entries : int
        Entries of the design up to which the columns that separate are looked for.

    Returns
    -------
    tuple of Diagnosis

    Examples
    --------
    >>> import oddsmith
    >>> from oddsmith.core.block import CountedSource
    >>> from oddsmith.core.columns import column_statistics
    >>> from oddsmith.data.memory import memory_blocks
    >>> from oddsmith.engines.threads import Threads
    >>> from oddsmith.solvers.minimise import Task, minimise, objective_of
    >>> X, y = np.array([[0.0], [0], [0], [0], [1], [1]]), np.array([0, 1, 0, 1, 1, 1])
    >>> source = CountedSource(Threads(memory_blocks(X, y), n_jobs=1))
    >>> columns, task = source.fold(column_statistics), Task(2, True, 0.0, False, 1e-12)
    >>> fit = minimise(source, columns, "auto", task)
    >>> objective = objective_of(source, columns, task)[0]
    >>> coef = objective.from_user(fit.coef, fit.intercept)
    >>> found = diagnose(objective, coef, fit, ["x"], [0, 1])
    >>> print(found[0].finding.split("(")[1])
    quasi-complete separation): every row with "x" > 0 is "1"
    """
    found: list[Diagnosis] = []
    if fit.aliased or (fit.separated is None and _looks_singular(objective, hessian)):
        found += _collinear(objective, names)
    entries = objective.source.n_rows * objective.size * objective.width
    if fit.separated is not None and entries <= most_entries:
        separation = find_separation(objective, coef)
        if separation is not None:
            found.append(_separated(objective, separation, names, classes))
    few = _few_cases(objective, fit, classes)
    return (*found, few) if few is not None else tuple(found)


def _looks_singular(objective: Objective, hessian: Array | None) -> bool:
    """Whether a Hessian has lost so many digits that columns must be nearly aliased."""
    if hessian is None:
        return False
    factor = cholesky(objective.grounded(hessian))
    return factor is None or float(factor.lower.diagonal().min(initial=1.0)) ** 2 < _PIVOT


def _collinear(objective: Objective, names: Any) -> list[Diagnosis]:
    found = find_collinearity(objective)
    parts: list[Diagnosis] = []
    both: tuple[tuple[Kind, tuple[Alias, ...]], ...] = (
        ("aliased", found.aliases),
        ("nearly aliased", found.near),
    )
    for kind, aliases in both:
        if not aliases:
            continue
        several = len(aliases) > 1
        finding = listed([alias_text(one, names) for one in aliases], _MOST_PARTS)
        what = "columns are" if several else "a column is"
        if kind == "aliased":
            message = (
                f"{what} a linear combination of those before: {finding}; the data say nothing "
                f"of {'their coefficients' if several else 'its coefficient'}: drop "
                f"{'them' if several else 'it'}, or give a ridge penalty (C=1)."
            )
        else:
            message = (
                f"{what} very nearly a linear combination of those before: {finding}, to six "
                f"digits or more; {'their coefficients are' if several else 'its coefficient is'} "
                "hardly determined, and standard errors are huge or NaN: drop "
                f"{'them' if several else 'it'}, or give a ridge penalty (C=1)."
            )
        columns = tuple(one.column for one in aliases)
        parts.append(Diagnosis(kind, columns, finding, message, aliases))
    return parts


def alias_text(alias: Alias, names: Any) -> str:
    """Write a combination in words.

    Examples
    --------
    >>> alias_text(Alias(2, ((0, 2.0), (1, -1.0)), 1.0), ["x1", "x2", "x3"])
    '"x3" = 2 "x1" - "x2" + 1'
    >>> alias_text(Alias(0, (), 3.0), None)
    'column 0 = 3'
    """
    own = (lambda j: column_name(names, j)) if names is not None else (lambda j: f"column {j}")
    parts = [(factor, own(j)) for j, factor in alias.terms]
    text = ""
    for factor, name in parts:
        size = f"{abs(factor):.6g}"
        sign = "-" if factor < 0 else "+"
        lead = f" {sign} " if text else ("-" if factor < 0 else "")
        text += lead + (name if size == "1" else f"{size} {name}")
    if alias.constant or not text:
        size = f"{abs(alias.constant):.6g}"
        lead = (" - " if text else "-") if alias.constant < 0 else (" + " if text else "")
        text += lead + size
    return f"{own(alias.column)} = {text}"


def _separated(
    objective: Objective, found: Separation, names: Any, classes: Sequence[Any]
) -> Diagnosis:
    columns = found.columns
    labels = [quoted(label_text(_plain(label))) for label in classes]
    shown = [column_name(names, j) for j in columns]
    called = shown if names is not None else [f"column {name}" for name in shown]
    where = "" if names is not None else " (from 0)"
    whole = "completely" if found.kind == "complete" else "in part (quasi-complete separation)"
    several = len(columns) > 1
    finding = (
        f"{'columns' if several else 'column'} {listed(shown)}{where} "
        f"{'separate' if several else 'separates'} the classes {whole}: "
        f"{_evidence(objective, found, called, labels)}"
    )
    message = (
        f"{finding}, so that the likelihood rises for ever and "
        f"{'their coefficients are' if several else 'its coefficient is'} infinite; use firth=True "
        "(FirthLogisticRegression) or a ridge penalty (C=1)."
    )
    return Diagnosis("separation", columns, finding, message, found)


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _evidence(objective: Objective, found: Separation, names: list[str], labels: list[str]) -> str:
    """Say which rows show it: by one column each where that is all, else how many there are."""
    n, told = found.rows.size, int(found.rows.sum())
    if len(found.columns) <= _MOST_PARTS:
        ranges = _ranges(objective, found.columns)
        parts = [_by_one(ranges, m, name, labels) for m, name in enumerate(names)]
        if all(parts):
            return ", and ".join(part for part in parts if part is not None)
    rows = "all rows" if told == n else f"{told} of {n} rows"
    which = "it tells" if len(found.columns) == 1 else "a combination of them tells"
    other = "the other class" if len(labels) == 2 else "another class"
    return f"{which} {rows} from {other} without error"


def _by_one(ranges: "_Ranges", m: int, name: str, labels: list[str]) -> str | None:
    """Sentence about the rows that one column tells, None where it alone tells none."""
    every = range(len(labels))
    sentences: list[tuple[bool, str]] = []
    for k in reversed(every):
        rest = [j for j in every if j != k]
        own = ranges.low[k, m], ranges.high[k, m]
        others = ranges.low[rest, m].min(), ranges.high[rest, m].max()
        against = labels[rest[0]] if len(rest) == 1 else f"not {labels[k]}"
        above, below = own[0] >= others[1], own[1] <= others[0]
        sentence = None
        if above:
            sentence = _above(name, own, others, labels[k], against)
        elif below:
            sentence = _above(name, others, own, against, labels[k])
        if sentence is not None:
            sentences.append((own[0] > others[1] or own[1] < others[0], sentence))
    # What tells a class from all others says more than what only touches.
    return max(sentences, key=lambda one: one[0])[1] if sentences else None


def _above(
    name: str, upper: tuple[float, float], lower: tuple[float, float], high: str, low: str
) -> str | None:
    """Words for: the rows of `high` lie above those of `low`, or touch them."""
    if upper[0] > lower[1]:
        ends = _told_apart(upper[0], lower[1])
        return f"every row with {name} >= {ends[0]} is {high}, with {name} <= {ends[1]} {low}"
    edge = f"{upper[0]:.10g}"
    parts = [f"> {edge} is {high}"] if upper[1] > upper[0] else []
    parts += [f"< {edge} is {low}"] if lower[0] < lower[1] else []
    return "every row with " + ", with ".join(f"{name} {part}" for part in parts) if parts else None


def _told_apart(upper: float, lower: float) -> tuple[str, str]:
    """Write two numbers with as many digits as tell them apart."""
    for digits in range(6, 17):
        ends = f"{upper:.{digits}g}", f"{lower:.{digits}g}"
        if ends[0] != ends[1]:
            return ends
    return f"{upper:.17g}", f"{lower:.17g}"


@dataclass(frozen=True, slots=True)
class _Ranges:
    """Least and largest entry of some columns by class, of shape (K, m)."""

    low: Array
    high: Array

    def __add__(self, other: Self) -> "_Ranges":
        return _Ranges(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


@dataclass(frozen=True, slots=True)
class _RangesOf:
    design: Design
    columns: tuple[int, ...]
    n_classes: int

    def __call__(self, block: Block) -> _Ranges:
        Z: Any = self.design(block).Z[:, list(self.columns)]
        rows = Z.toarray() if hasattr(Z, "toarray") else Z
        shape = (self.n_classes, len(self.columns))
        low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
        for k in range(self.n_classes):
            own = rows[(block.y == k) & (block.weight > 0)]
            low[k], high[k] = own.min(axis=0, initial=np.inf), own.max(axis=0, initial=-np.inf)
        return _Ranges(low, high)


def _ranges(objective: Objective, columns: tuple[int, ...]) -> _Ranges:
    found = objective.source.fold(_RangesOf(objective.design, columns, objective.n_classes))
    how, chosen = objective.design.standardisation, list(columns)
    scale, center = how.scale[chosen], how.center[chosen]
    return _Ranges(found.low * scale + center, found.high * scale + center)


@dataclass(frozen=True, slots=True)
class _ClassWeights:
    n_classes: int

    def __call__(self, block: Block) -> VectorMoments:
        counts = np.bincount(block.y, block.weight, minlength=self.n_classes)
        return VectorMoments(counts.astype(np.float64))


def _few_cases(objective: Objective, fit: Fit, classes: Sequence[Any]) -> Diagnosis | None:
    """Fewer than 10 cases of the rarer class a column (Peduzzi, Concato and others, 1996)."""
    columns = objective.source.n_features - len(fit.aliased or ())
    weights = objective.source.fold(_ClassWeights(objective.n_classes)).vector
    least = int(np.argmin(weights))
    if columns == 0 or weights[least] >= _CASES * columns:
        return None
    label = quoted(label_text(_plain(classes[least])))
    rarer = "rarer" if len(classes) == 2 else "rarest"
    cases, many = float(weights[least]), "columns" if columns > 1 else "column"
    finding = (
        f"there {'is' if cases == 1 else 'are'} {cases:.6g} case{'' if cases == 1 else 's'} of "
        f"{label}, the {rarer} class, for {columns} {many}: fewer than 10 a column"
    )
    message = (
        f"{finding}, where estimates are biased away from 0 and intervals too short; take fewer "
        "columns, or firth=True."
    )
    return Diagnosis("few cases", (), finding, message, cases / columns)
