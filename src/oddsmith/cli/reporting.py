"""What the page of a fit or of a stored model shows: its rows, its data in words, its rivals."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oddsmith.cli.fit_request import FitRequest, PageRequest
from oddsmith.cli.inputs import several
from oddsmith.cli.messages import say
from oddsmith.core.labels import label_text, listed, quoted
from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError
from oddsmith.estimators.door import fitted_columns
from oddsmith.estimators.judged_rows import gathered
from oddsmith.estimators.report import compose, costs_of, page_of, with_rows
from oddsmith.estimators.report_comparison import beside_probabilities
from oddsmith.export.schema import Model
from oddsmith.export.staging import check_file
from oddsmith.views.pages.charts import need_program
from oddsmith.views.pages.report.document import Report
from oddsmith.views.pages.report.gathering import Gathering, rows_that_fit
from oddsmith.views.pages.report.words import percent

if TYPE_CHECKING:
    from oddsmith.cli.holding_out import Part
    from oddsmith.cli.scoring import ScoreRequest

__all__ = ["check_page", "gathering_for", "page_of_model", "report_of_files", "report_of_rows"]

# What Python, its libraries and the batches of a file take.
_PROGRAM = 320 * 10**6
BASELINE, THEIRS = "baseline", "scikit-learn"
# Coefficients up to which scikit-learn's Newton solver is quick; it needs no scaled columns.
_NEWTON = 2000


def check_page(page: PageRequest, out: Path | None = None, owned: Sequence[str] = ()) -> None:
    """Refuse a page that could not be written, before a fit that may take long.

    Parameters
    ----------
    page : PageRequest
    out : Path, optional
        Folder that is to be made, and may hold the page.
    owned : sequence of str
        Names of its other files.

    Raises
    ------
    ParameterError
        If it cannot be written, or the costs are none.
    MissingPackageError
        If vl-convert is not installed.
    """
    costs_of(page.cost)
    need_program()
    place = page.path.absolute()
    if out is not None and place.parent.resolve() == out.absolute().resolve():
        if place.name in owned:
            raise ParameterError(
                f"{page.path}: is the name of another output; choose another {page.option}"
            )
        if not out.exists():
            return
    check_file(page.path, f"choose another {page.option}")


def report_of_rows(
    request: FitRequest, model: Model, estimator: Any, train: "Part", held: "Part | None"
) -> Report:
    """Report of a fit in memory, judged on the rows held out, or on its own if none are."""
    page = request.page
    assert page is not None  # noqa: S101
    seen = held is None or not len(held.rows)
    part = train if held is None or seen else held
    rows, one = part.rows, part.rows.n_files == 1
    numbers = rows.lines if one else None
    found = gathered(estimator, model, rows.table, part.y, rows.weight, rows.offset, numbers)
    notes = () if held is None else _left_out(held.n_left_out)
    n_held = 0 if held is None else len(held.rows) + held.n_left_out
    facts = _facts(request, model, _shares(train, len(model.classes)), len(train.y), n_held)
    report = compose(
        model, history=estimator.history_, facts=facts, cost=costs_of(page.cost), notes=notes
    )
    unit = rows.unit if one else _unit(seen)
    report = with_rows(
        report, found, _source(request, seen), unit, seen, offset=rows.offset is not None
    )
    return _beside(report, page, _rivals(page, model, estimator, train, part))


def report_of_files(
    request: FitRequest,
    model: Model,
    estimator: Any,
    shares: Array,
    rows: Gathering | None,
    held: tuple[int, int] | None,
) -> Report:
    """Report of a fit of rows that were streamed.

    Parameters
    ----------
    request : FitRequest
    model : Model
    estimator : LogisticRegression
    shares : array of shape (K,)
        Of the classes in the rows of the fit.
    rows : Gathering or None
        What was gathered of the rows that are judged.
    held : tuple of two int, or None
        How many rows were held out, and how many of them cannot be judged; None if none were.
    """
    page = request.page
    assert page is not None  # noqa: S101
    n_held, n_left = (0, 0) if held is None else held
    facts = _facts(request, model, shares, int(estimator.n_rows_), n_held)
    report = compose(
        model,
        history=estimator.history_,
        facts=facts,
        cost=costs_of(page.cost),
        notes=_left_out(n_left),
    )
    if rows is None or not rows.n_rows:
        return report
    seen = held is None
    unit = "line" if rows.numbered else "row" if request.test is not None else _unit(seen)
    offset = request.columns.offset is not None
    report = with_rows(report, rows, _source(request, seen), unit, seen, offset=offset)
    judged = report.judged
    assert judged is not None  # noqa: S101
    rivals: list[tuple[str, Array | None, str]] = []
    if BASELINE in page.compare:
        rivals.append(_baseline(model, shares, judged.y.size))
    if THEIRS in page.compare:
        rivals.append((THEIRS, None, "not compared, as the rows were streamed"))
    return _beside(report, page, rivals)


def gathering_for(model: Model, memory: int) -> Gathering:
    """Gather rows in so many bytes, those of the program included."""
    return Gathering(model.encoding, rows_that_fit(memory - _PROGRAM, len(model.classes)))


def page_of_model(
    model: Model, request: "ScoreRequest", page: PageRequest, names: Sequence[str]
) -> bytes:
    """Page of a stored model, judged on the labelled rows of files of these names."""
    from oddsmith.cli.judging import judged

    rows = gathering_for(model, request.memory)
    _, n_left = judged(model, request, rows)
    report = compose(model, page.title, cost=costs_of(page.cost), notes=_left_out(n_left))
    # Not the name of the copy that is made of a pipe.
    source = several(["standard input" if name == "-" else name for name in names])
    unit = "line" if rows.numbered else "row"
    offset = request.offset is not None
    return page_of(with_rows(report, rows, source, unit, None, offset=offset))


def _left_out(n: int) -> tuple[str, ...]:
    if not n:
        return ()
    rows = "1 row is not judged: it has" if n == 1 else f"{n:,} rows are not judged: they have"
    return (f"{rows} a level, or a gap, that the fit has not seen.",)


def _unit(seen: bool) -> str:
    return "row" if seen else "held-out row"


def _source(request: FitRequest, seen: bool) -> str:
    if request.test is not None:
        return several(request.test)
    return request.source if seen else f"{request.source} (held-out part)"


def _facts(
    request: FitRequest, model: Model, shares: Array, n: int, n_held: int
) -> list[tuple[str, str]]:
    """Say where the rows of a fit come from."""
    rows = f"{n:,} to fit"
    if request.test is not None:
        rows += f", {n_held:,} held out ({several(request.test)})"
    elif n_held:
        rows += f", {n_held:,} held out (by lot, seed {request.seed})"
    else:
        rows += ", none held out"
    pairs = zip(model.classes, shares.tolist(), strict=True)
    classes = [f"“{label_text(label)}” {percent(share)}" for label, share in pairs]
    found = [("Data", request.source), ("Split", rows), ("Shares in the fit", listed(classes))]
    beside = {"Weights": request.columns.weight, "Offset": request.columns.offset}
    found += [(role, f"column “{name}”") for role, name in beside.items() if name is not None]
    return found


def _shares(part: "Part", K: int) -> Array:
    weight = np.bincount(part.y, part.rows.weight, minlength=K).astype(np.float64)
    return weight / weight.sum()


def _rivals(
    page: PageRequest, model: Model, estimator: Any, train: "Part", part: "Part"
) -> list[tuple[str, Array | None, str]]:
    """Name, probabilities of the judged rows, and a word on each model that was asked for."""
    found: list[tuple[str, Array | None, str]] = []
    if BASELINE in page.compare:
        found.append(_baseline(model, _shares(train, len(model.classes)), len(part.y)))
    if THEIRS in page.compare:
        found.append(_theirs(model, estimator, train, part))
    return found


def _baseline(model: Model, shares: Array, n: int) -> tuple[str, Array, str]:
    pairs = zip(model.classes[:10], shares.tolist(), strict=False)
    said = listed([f"{quoted(label_text(label))} {share:.4f}" for label, share in pairs])
    what = f"gives every row the shares of the classes in the rows of the fit ({said})"
    return BASELINE, np.tile(shares, (n, 1)), what


def _theirs(
    model: Model, estimator: Any, train: "Part", part: "Part"
) -> tuple[str, Array | None, str]:
    """scikit-learn's own, fitted to the same encoded rows with the same penalty."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if train.rows.offset is not None:
        return THEIRS, None, "not compared, as scikit-learn's model knows no offsets"
    solver = "newton-cholesky" if model.coef.size <= _NEWTON else "lbfgs"
    theirs = LogisticRegression(C=estimator.C, solver=solver, max_iter=1000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        X = fitted_columns(estimator, train.rows.table)
        theirs.fit(X, train.y, sample_weight=train.rows.weight)
    what = f"LogisticRegression(C={estimator.C:g}, solver={solver!r}), fitted to the same rows"
    if any(issubclass(one.category, ConvergenceWarning) for one in caught):
        what += ", did not converge within 1,000 iterations"
    return THEIRS, theirs.predict_proba(fitted_columns(estimator, part.rows.table)), what


def _beside(
    report: Report, page: PageRequest, rivals: Sequence[tuple[str, Array | None, str]]
) -> Report:
    if not rivals or report.judged is None:
        return report
    said = tuple(f"{name}: {what}." for name, _, what in rivals)
    there: Mapping[str, Array] = {name: p for name, p, _ in rivals if p is not None}
    for name, probabilities, what in rivals:
        if probabilities is None:
            say(f"{name}: {what}")
    if not there:
        return replace(report, notes=(*report.notes, *said))
    comparison = beside_probabilities(report.judged, there, page.cost)
    return replace(report, comparison=replace(comparison, notes=(*said, *comparison.notes)))
