"""The report of a fitted model: from the model and labelled rows to one page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from oddsmith.core.encoding import WORDS
from oddsmith.core.labels import listed
from oddsmith.decisions.comparison import Comparison
from oddsmith.errors import ParameterError
from oddsmith.estimators.judged_rows import gathered
from oddsmith.estimators.report_comparison import beside_models
from oddsmith.export.schema import Model
from oddsmith.export.staging import write_whole
from oddsmith.inference.bootstrap import Bootstrap
from oddsmith.views.pages.report.document import Report
from oddsmith.views.pages.report.gathering import Gathering

__all__ = ["compose", "costs_of", "page_of", "report", "with_rows"]

_ERRORS = {"fp": "a false positive", "fn": "a false negative"}


def report(
    model: Any,
    path: str | Path,
    X: Any,
    y: Any,
    *,
    sample_weight: Any,
    offset: Any,
    results: Any,
    compare: Mapping[str, Any] | None,
    cost: Mapping[str, float] | None,
    title: str | None,
    seen: bool | None,
) -> None:
    """Write the report of a fitted linear classifier, see its method `report`."""
    costs = costs_of(cost)
    if X is None or y is None:
        _refuse_half(X, y, sample_weight, offset, compare)
    description = _description(model, results)
    shown = compose(description, title, history=getattr(model, "history_", None), cost=costs)
    if X is not None:
        rows = gathered(model, description, X, y, sample_weight, offset)
        shown = with_rows(shown, rows, "X", "row", seen, offset=offset is not None)
        if compare:
            shown = replace(
                shown, comparison=_compared(model, shown, (X, y, offset), compare, cost)
            )
    write_whole(Path(path), page_of(shown), "choose another path")


def costs_of(cost: Mapping[str, float] | None) -> tuple[float, float]:
    """Costs of a false positive and a false negative; 1 of each where nothing is said.

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> costs_of({"fp": 1, "fn": 5}), costs_of(None)
    ((1.0, 5.0), (1.0, 1.0))
    """
    if cost is None:
        return 1.0, 1.0
    if not isinstance(cost, Mapping) or set(cost) != set(_ERRORS):
        raise ParameterError(
            f"cost={cost!r} does not say what both errors cost; give {{'fp': 1, 'fn': 5}}, the "
            "costs of a false positive and a false negative"
        )
    found: list[float] = []
    for name, what in _ERRORS.items():
        try:
            value = float(cost[name])
        except (TypeError, ValueError):
            value = math.nan
        if not 0 <= value < math.inf:
            raise ParameterError(
                f"the cost of {what} is {cost[name]!r}; give a finite number from 0 up"
            )
        found.append(value)
    if not any(found):
        raise ParameterError("both errors cost 0, so no threshold is better than another; give one")
    return found[0], found[1]


def compose(
    model: Model,
    title: str | None = None,
    *,
    history: Any = None,
    facts: Sequence[tuple[str, str]] = (),
    cost: tuple[float, float] = (1.0, 1.0),
    notes: Sequence[str] = (),
) -> Report:
    """Report of a model without judged rows, which `with_rows` adds.

    Parameters
    ----------
    model : Model
    title : str, optional
    history : dict of str to array, optional
        See `oddsmith.core.fit.Fit`.
    facts : sequence of (str, str)
        What is known of the data of the fit, before what the model knows of it.
    cost : tuple of two float
        Of a false positive and a false negative.
    notes : sequence of str
    """
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    own = _title(model) if title is None else title
    given = (*facts, *_facts(model))
    return Report(own, now, model, given, history=history, cost=cost, notes=tuple(notes))


def with_rows(
    report: Report,
    rows: Gathering,
    source: str,
    unit: str,
    seen: bool | None,
    *,
    offset: bool = False,
) -> Report:
    """Report with the rows that are judged.

    Parameters
    ----------
    report : Report
    rows : Gathering
    source, seen, offset
        See `oddsmith.views.pages.report.document.Judged`.
    unit : str
        What the numbers of the rows count.
    """
    return replace(
        report,
        judged=replace(rows.judged(source, seen), offset=offset),
        spread=rows.spread(),
        examples=rows.examples(unit),
        notes=(*report.notes, *rows.notes()),
    )


def page_of(report: Report) -> bytes:
    """Page as the bytes of a file.

    Raises
    ------
    MissingPackageError
        If vl-convert is not installed.
    """
    from oddsmith.views.pages.report.page import report_page

    # Half characters (lone surrogates) have no bytes.
    return report_page(report).encode("utf-8", "replace")


def _description(model: Any, results: Any) -> Model:
    if isinstance(results, Bootstrap):
        raise ParameterError(
            "results are of a bootstrap, whose percentiles are no covariance, from which the page "
            "draws its intervals; leave results out, and show results.summary() beside the page"
        )
    if results is not None and not hasattr(results, "cov_params") and np.ndim(results) != 2:
        raise ParameterError(
            f"results is of type {type(results).__name__}; give what model.infer(X_train, y_train) "
            "returns, or the covariance of the coefficients as a square array"
        )
    found: Model = model._description(results)
    if hasattr(model, "training_"):  # of a file, which says when it was written
        return found
    return replace(found, training=replace(found.training, written_at=None))


def _refuse_half(X: Any, y: Any, sample_weight: Any, offset: Any, compare: Any) -> None:
    """Refuse what is said of rows that are not there."""
    if (X is None) != (y is None):
        given, lacking = ("X", "y") if y is None else ("y", "X")
        raise ParameterError(
            f"report has {given}, but no {lacking}; give both, so that the model is judged, or none"
        )
    beside = {"sample_weight": sample_weight, "offset": offset, "compare": compare}
    for name, value in beside.items():
        if value is not None:
            raise ParameterError(f"report has {name}, but no rows; give X and y, too")


def _title(model: Model) -> str:
    return "Logistic regression" if model.target is None else f"Model of {model.target}"


def _facts(model: Model) -> list[tuple[str, str]]:
    """Say what a model knows of the data of its fit."""
    columns = model.encoding.columns
    kinds = [
        f"{count:,} of {words}"
        for kind, words in WORDS.items()
        if (count := sum(one.kind == kind for one in columns))
    ]
    plain = len(kinds) == 1 and kinds[0].endswith("numbers")
    found = [] if plain else [("Kinds of columns", listed(kinds))]
    missing = sum(one.n_missing for one in columns)
    if missing:
        found.append(("Missing values", f"{missing:,} in the rows of the fit"))
    return found


def _compared(
    model: Any,
    report: Report,
    rows: tuple[Any, Any, Any],
    others: Mapping[str, Any],
    cost: Mapping[str, float] | None,
) -> Comparison:
    assert report.judged is not None  # noqa: S101
    return beside_models(model, *rows, report.judged, others, cost)
