"""A fit of files that need not fit in memory: with a checkpoint, from which it can go on."""

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from oddsmith.cli.fit_request import FitRequest, encoder_of
from oddsmith.cli.fit_rows import Chosen, refuse_mixed, words_of_kinds
from oddsmith.cli.fitting import Fitted, say_what_was_encoded, settled
from oddsmith.cli.judging import judged
from oddsmith.cli.messages import in_words_of_options, say, warn
from oddsmith.cli.scoring import ScoreRequest
from oddsmith.core.labels import printable
from oddsmith.data.checkpoint import READ, UNDER_WAY
from oddsmith.data.files import TableFiles
from oddsmith.data.first_pass import Split
from oddsmith.errors import OddsmithError, ParameterError
from oddsmith.estimators.files import FilesFit, fit_and_hold_out
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.export.schema import Model
from oddsmith.views.tables import Evaluation, evaluate, summarise

if TYPE_CHECKING:
    from oddsmith.views.pages.report.document import Report
    from oddsmith.views.pages.report.gathering import Gathering

__all__ = ["check_checkpoint", "fit_streamed"]

# What a first pass writes when it is done.


def check_checkpoint(folder: Path | None, *, resume: bool) -> None:
    """Refuse to go on from nothing, and to begin anew over what a fit has left.

    Raises
    ------
    ParameterError
    """
    if folder is None:
        if resume:
            raise ParameterError("--resume needs the checkpoint that --no-cache does not keep")
        return
    there = folder.is_dir() and any(folder.iterdir())
    if resume and not there:
        raise ParameterError(f"{folder}: there is no checkpoint to go on from; leave --resume out")
    if there and not resume:
        raise ParameterError(
            f"{folder}: holds a fit that was cut short; go on with --resume, or delete the folder"
        )


def fit_streamed(request: FitRequest, files: TableFiles, chosen: Chosen) -> Fitted:
    """Fit rows that are read in batches; they are kept on disk while the fit runs."""
    _refuse_mixed_beginning(files, chosen)
    say(f"{request.source}: {words_of_kinds(files, chosen.features)}; read in batches")
    done = _fit(request, files, chosen)
    messages = tuple(dict.fromkeys(message for _, message in done.complaints))
    for message in messages:
        warn(f"{request.source}: {message}")
    estimator = done.model
    results = getattr(estimator, "results_", None) if math.isinf(request.C) else None
    rows = int(estimator.n_rows_)  # type: ignore[attr-defined]
    weight = float(rows) if request.columns.weight is None else None
    model = settled(estimator, request, rows, weight, messages, results)
    say_what_was_encoded(model)
    judgement, report = _judge(request, model, done)
    if judgement is not None:
        say("predictions.csv is not written for rows that are streamed; use oddsmith predict")
    return Fitted(model, estimator.history_, summarise(model, judgement), None, report)


def _fit(request: FitRequest, files: TableFiles, chosen: Chosen) -> FilesFit:
    share = 0.0 if request.test is not None else request.test_size
    with _leaving(request):
        return fit_and_hold_out(
            list(files.paths),
            chosen.target,
            LogisticRegression(C=request.C, encoder=encoder_of(request.columns)),
            split=Split(share, request.seed) if share > 0 else None,
            positive=request.positive,
            progress=True,
            note=say,
            gather=request.page is not None and request.test is None,
            cache=request.checkpoint is not None,
            checkpoint=request.checkpoint,
            resume=request.resume,
            features=chosen.features,
            weight=chosen.weight,
            offset=chosen.offset,
            types={n: k for n, k in chosen.declared.items() if n in chosen.features},
            memory=request.memory,
        )


def _refuse_mixed_beginning(files: TableFiles, chosen: Chosen) -> None:
    texts = [name for name in chosen.features if files.kinds[name] == "category"]
    if not texts:
        return
    first = next(files.batches(texts), None)
    if first is not None:
        refuse_mixed(files, [first], chosen)


def _judge(
    request: FitRequest, model: Model, done: FilesFit
) -> "tuple[Evaluation | None, Report | None]":
    """Evaluate on the rows that were held out, or on those of another file; and report."""
    if request.test is not None:
        return _judge_others(request, model, done)
    held = done.held_out
    if held is None or not held.true.size:
        return None, _report(request, model, done, done.rows, None)
    if held.n_unseen:
        say(
            f"{held.n_unseen} held-out rows are not judged: they have a level or a gap that the "
            "fit has not seen"
        )
    if held.true.size + held.n_unseen < held.n_rows:
        say(f"judged by {held.true.size:,} of {held.n_rows:,} held-out rows, for want of memory")
    report = _report(request, model, done, done.rows, (held.n_rows, held.n_unseen))
    p = held.probabilities
    return evaluate(held.true, model.choose(p), p, model.classes), report


def _judge_others(
    request: FitRequest, model: Model, done: FilesFit
) -> "tuple[Evaluation, Report | None]":
    """Evaluate on the rows of other files."""
    assert request.test is not None  # noqa: S101
    own = request.columns
    weight = None if request.page is None else own.weight
    asked = ScoreRequest(
        Path(), request.test, 0.5, offset=own.offset, memory=request.memory, weight=weight
    )
    rows = None
    if request.page is not None:
        from oddsmith.cli.reporting import gathering_for

        rows = gathering_for(model, request.memory)
    found, n_left = judged(model, asked, rows)
    held = (found.rows + n_left, n_left)
    return found, _report(request, model, done, rows, held)


def _report(
    request: FitRequest,
    model: Model,
    done: FilesFit,
    rows: "Gathering | None",
    held: tuple[int, int] | None,
) -> "Report | None":
    if request.page is None:
        return None
    from oddsmith.cli.reporting import report_of_files

    return report_of_files(request, model, done.model, done.shares, rows, held)


@contextmanager
def _leaving(request: FitRequest) -> Iterator[None]:
    """Say what a fit that was cut short has left, and how to go on; leave nothing useless."""
    try:
        yield
    except OddsmithError as error:
        if not request.resume:
            _remove(request.checkpoint)
        raise in_words_of_options(error, request.source) from None
    except BaseException as error:
        error.add_note(_what_is_left(request))
        raise


def _what_is_left(request: FitRequest) -> str:
    folder = request.checkpoint
    if folder is None:
        return "nothing is left, as --no-cache keeps no checkpoint"
    done, begun = (folder / READ).is_file(), (folder / UNDER_WAY).is_file()
    if not (done or begun):
        _remove(folder)
        return "the first pass had only begun, so nothing is left to go on from"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    folds = sum(1 for _ in folder.glob("fold-*.npz"))
    passes = f"the rows and {folds} pass{'es' if folds != 1 else ''}"
    kept = passes if done else "the rows that were read"
    return (
        f"{printable(str(folder))} ({size / 1e6:,.0f} MB) keeps {kept}; go on with: {request.again}"
    )


def _remove(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
