"""Models side by side on the same rows: paired differences with intervals."""

from dataclasses import dataclass

__all__ = ["Comparison", "Difference", "Score"]


@dataclass(frozen=True, slots=True)
class Score:
    """What one model reaches.

    Attributes
    ----------
    name : str
    log_loss : float
        Mean over the rows (nats).
    auc : float
        Area under the ROC curve; NaN with more than two classes.
    cost : float or None
        Mean per row, where costs were given.
    """

    name: str
    log_loss: float
    auc: float
    cost: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of the first model minus that of the second, on the same rows.

    Attributes
    ----------
    first, second : str
    measure : "log_loss", "auc" or "cost"
    value : float
    standard_error : float
    lower, upper : float
    p_value : float
        Two-sided, of no difference.
    """

    first: str
    second: str
    measure: str
    value: float
    standard_error: float
    lower: float
    upper: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Models on the same rows.

    Attributes
    ----------
    scores : tuple of Score
    differences : tuple of Difference
        Of each pair, the first against each other one first.
    level : float
        Of the intervals.
    n_rows : int
    notes : tuple of str
        What a reader has to know.
    """

    scores: tuple[Score, ...]
    differences: tuple[Difference, ...]
    level: float
    n_rows: int
    notes: tuple[str, ...]
