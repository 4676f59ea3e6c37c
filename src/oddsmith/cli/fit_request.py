"""What the user asked ``fit`` for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oddsmith.core.encoding_rules import Missing
from oddsmith.estimators.table_encoder import TableEncoder

__all__ = ["Columns", "FitRequest", "PageRequest", "encoder_of"]

_DEFAULT = TableEncoder()


@dataclass(frozen=True, slots=True)
class Columns:
    """What the user said of the columns.

    Attributes
    ----------
    types : dict of str to str
    weight, offset : str or None
    features, exclude : tuple of str
    missing, unseen : str
    min_count : int
    reference : str, or dict of str to str
    """

    types: dict[str, str]
    weight: str | None = None
    offset: str | None = None
    features: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    missing: Missing = "refuse"
    unseen: Any = "refuse"
    min_count: int = 1
    reference: Any = "first"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What the user asked of a report.

    Attributes
    ----------
    path : Path
    option : str
        By which it was given.
    cost : dict of "fp" and "fn" to float, or None
    compare : tuple of str
        "baseline", "scikit-learn".
    title : str or None
    """

    path: Path
    option: str
    cost: dict[str, float] | None = None
    compare: tuple[str, ...] = ()
    title: str | None = None


@dataclass(frozen=True, slots=True)
class FitRequest:
    """What the user asked ``fit`` for.

    Attributes
    ----------
    data : sequence of str or Path
    source : str
        Name of `data` in messages.
    target : str
    positive : str or None
    C : float
    test_size : float
        Share of the rows to hold out, unless `test` is given.
    test : sequence of str or Path, or None
        File of held-out rows.
    seed : int
    columns : Columns
    memory : int
        Bytes.
    checkpoint : Path or None
        Folder for the rows of a fit that is streamed; None keeps none.
    resume : bool
    again : str
        Command that goes on with such a fit.
    page : PageRequest or None
        Report that is wanted.
    """

    data: Sequence[str | Path]
    source: str
    target: str
    positive: str | None
    C: float
    test_size: float
    test: Sequence[str | Path] | None
    seed: int
    columns: Columns
    memory: int = 2**30
    checkpoint: Path | None = None
    resume: bool = False
    again: str = ""
    page: PageRequest | None = None


def encoder_of(columns: Columns) -> TableEncoder | None:
    """Make the encoder that the user asked for; None is what suits the columns."""
    asked = TableEncoder(
        reference=columns.reference,
        min_count=columns.min_count,
        unseen=columns.unseen,
        missing=columns.missing,  # type: ignore[arg-type]
    )
    return None if asked.get_params() == _DEFAULT.get_params() else asked
