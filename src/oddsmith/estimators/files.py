"""`fit_files`: CSV, Parquet and Arrow files to a fitted model, at bounded memory."""

import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from oddsmith.core.block import Block, Blocks, RowSource
from oddsmith.core.labels import label_text, listed, quoted
from oddsmith.core.stable import Array
from oddsmith.data.checkpoint import (
    load_first_pass,
    load_reading,
    save_first_pass,
    save_reading,
)
from oddsmith.data.files import Batch, TableFiles
from oddsmith.data.first_pass import FirstPass, Split, first_pass, rows_again
from oddsmith.data.keeper import Kept
from oddsmith.data.row_encoder import RowEncoder, Taken
from oddsmith.data.spool import RowBlocks, bytes_a_row
from oddsmith.data.survey import Classes
from oddsmith.engines.journal import Journal
from oddsmith.engines.streams import Streams
from oddsmith.engines.threads import BlockThreads
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.file_inference import is_likelihood, results_of
from oddsmith.estimators.file_request import AskedFiles
from oddsmith.estimators.judged_files import HeldOut, judge
from oddsmith.estimators.learned import learn
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.estimators.workplace import Place, workplace
from oddsmith.solvers.choose import Problem, kernels_for
from oddsmith.views.files_progress import Told, files_progress
from oddsmith.views.pages.report.gathering import Gathering, rows_that_fit
from oddsmith.views.tables import number_text

__all__ = ["FilesFit", "fit_and_hold_out", "fit_files"]

# Shares of memory for rows that are kept in it, and the sample.
_IN_MEMORY, _SAMPLE = 8, 8
# Rows of the sample for each column at the most. About half are kept at the least, and the solver
# asks for 2000, or up to 1.4 times as many, so as to have every 2**k-th row. How many columns the
# categories become is known only at the end.
_ROWS_A_COLUMN = 5700
_LEAST_SAMPLE = 500_000


def fit_files(
    files: str | Path | Sequence[str | Path],
    target: str,
    model: LogisticRegression | None = None,
    *,
    features: Sequence[str] | None = None,
    weight: str | None = None,
    offset: str | None = None,
    types: Mapping[str, str] | None = None,
    memory: int = 2**30,
    cache: bool | str | Path = True,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    engine: str = "threads",
    client: Any = None,
) -> LogisticRegression:
    r"""Fit files that need not fit in memory to the same proved optimum as rows in memory.

    The files are decoded once: a first pass learns the encoding, takes a sample from which the
    solver starts, and writes the columns uncompressed to disk, where the passes that follow map
    them. Categories, booleans and missing values are encoded as by `oddsmith.TableEncoder`.

    Parameters
    ----------
    files : str, Path or list of them
        CSV (also gzip or zstd), Parquet or Arrow IPC: a file, files, a glob or a folder.
    target : str
        Column of the labels.
    model : LogisticRegression, optional
        What to fit, with its parameters, its encoder too; it is cloned. By default
        ``LogisticRegression()``.
    features : sequence of str, optional
        Columns to fit; by default all but the target, the weight and the offset.
    weight, offset : str, optional
        Columns of the rows' weights and offsets.
    types : dict of column name to "number", "boolean" or "category", optional
        Types of columns of CSV files that are not to be inferred.
    memory : int, default 2**30
        Bytes that the process may take, Python and its libraries included.
    cache : bool, str or Path, default True
        Whether the columns are kept on disk, in a temporary folder or beneath this one, where they
        are too many for memory. Without, every pass decodes the files.
    checkpoint : str or Path, optional
        Folder, new or empty, in which the cache and what each pass found is kept until the fit is
        done: a fit that was cut short goes on from there. It is removed at the end.
    resume : bool, default False
        Whether to go on from the checkpoint; the coefficients are the same bits as without the
        interruption.
    engine : "threads" or "dask", default "threads"
        What reads the files: threads of this process, or the workers of a Dask cluster, which must
        find the files by the same names. Rows are then kept in the workers' memory, and there is
        no cache; a part is a CSV file, or some row groups of a Parquet file.
    client : distributed.Client, optional
        For ``engine="dask"``; by default that of the session.

    Returns
    -------
    LogisticRegression
        Fitted, with `feature_names_in_`, `coef_names_`, `encoder_` and `target_`; `n_rows_` and
        `n_dropped_` count rows; and where nothing is penalised `results_`, what
        `oddsmith.logit` returns (standard errors, p values, `summary()`), without rows.

    Raises
    ------
    DataError
        If the files cannot be read or fitted; the message names file, line and column.
    ParameterError
        If a parameter cannot be used.
    ClusterError
        If the Dask cluster goes away.

    Warns
    -----
    ConvergenceWarning, SeparationWarning, CollinearityWarning, SolverWarning

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "doses.csv")
    ...     _ = path.write_text("dose,site,alive\n1,a,no\n2,b,yes\n3,a,yes\n4,b,no\n")
    ...     model = fit_files(path, "alive")
    >>> model.coef_names_.tolist(), model.classes_.tolist(), model.converged_
    (['dose', 'site[b]'], ['no', 'yes'], True)
    """
    how: dict[str, Any] = {
        "features": features,
        "weight": weight,
        "offset": offset,
        "types": types,
        "memory": memory,
    }
    if engine == "dask":
        if cache is not True:
            raise ParameterError(
                f"cache={cache!r} is for engine='threads': Dask's workers keep rows in their own "
                "memory, and on their own disks; leave it out"
            )
        request = AskedFiles.of(files, target, model, **how)
        # Few have a cluster, and its libraries take a while to import.
        on_dask = import_module("oddsmith.estimators.dask_files").fit_files_on_dask
        fitted, complaints = (
            request.asked.model,
            on_dask(request, client, checkpoint, resume=resume),
        )
    else:
        _refuse_engine(engine, client)
        done = fit_and_hold_out(
            files, target, model, cache=cache, checkpoint=checkpoint, resume=resume, **how
        )
        fitted, complaints = done.model, done.complaints
    for kind, message in complaints:
        warnings.warn(message, kind, stacklevel=2)
    return fitted


def _refuse_engine(engine: str, client: Any) -> None:
    if engine != "threads":
        raise ParameterError(
            f"engine={engine!r} is not known; use 'threads' or 'dask', and oddsmith.spark.fit for "
            "Spark"
        )
    if client is not None:
        raise ParameterError("client is for engine='dask'; add it, or leave client out")


@dataclass(frozen=True, slots=True)
class FilesFit:
    """A fit to files, what there is to warn of, and how it does on rows that were held out.

    Attributes
    ----------
    model : LogisticRegression
    complaints : list of (category, message)
    held_out : HeldOut or None
    shares : array of shape (K,)
        Of the classes in the weight of the rows of the fit.
    rows : Gathering or None
        What a page shows of the rows that were held out, or of those of the fit if none were.
    """

    model: LogisticRegression
    complaints: list[tuple[type[UserWarning], str]]
    held_out: HeldOut | None
    shares: Array
    rows: Gathering | None


def fit_and_hold_out(
    files: str | Path | Sequence[str | Path],
    target: str,
    model: LogisticRegression | None = None,
    *,
    split: Split | None = None,
    positive: str | None = None,
    progress: bool | None = None,
    note: Callable[[str], None] | None = None,
    gather: bool = False,
    cache: bool | str | Path = True,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    **how: Any,
) -> FilesFit:
    """Fit files as `fit_files` does, and judge the fit on rows that are held out.

    Parameters
    ----------
    files, target, model, cache, checkpoint, resume, how
        See `fit_files`.
    split : Split, optional
        Which rows are held out; none if not given.
    positive : str, optional
        Label, as text, that is to be the second of two.
    progress : bool, optional
        Whether to show progress; what the model's `verbose` says if not given.
    note : callable, optional
        Called with a line that says what was read, once the first pass is done.
    gather : bool
        Whether to gather what a page shows of the rows.
    """
    request = AskedFiles.of(files, target, model, split=split, positive=positive, **how)
    asked = request.asked
    shown = bool(asked.model.verbose) if progress is None else progress
    with ExitStack() as stack:
        place = stack.enter_context(workplace(cache, checkpoint, resume=resume))
        tell = stack.enter_context(files_progress(shown))
        found = _rows(request, place, resume, tell)
        return _fit(request, found, place, tell, note, gather=gather)


def _rows(request: AskedFiles, place: Place, resume: bool, tell: Told) -> FirstPass:
    """First pass, what an earlier one has left, or the rest of one that was cut short."""
    asked, files = request.asked, request.files
    layout, begun, save = asked.layout, None, None
    if place.journal is not None:
        save = partial(save_reading, folder=place.journal, layout=layout, identity=asked.identity)
    if resume and place.journal is not None:
        found = load_first_pass(place.journal, asked.identity)
        if found is not None:
            tell.resumed(found.survey.n_rows)
            return found
        begun = load_reading(place.journal, asked.identity)
        tell.going_on(0 if begun is None else begun.n_read)
    rows = files.n_rows
    if place.folder is not None and rows is not None:
        _refuse_full_disk(place.folder, rows * bytes_a_row(layout), tell)
    width = len(layout.numbers) + len(layout.categories)
    size = max(1, rows or files.n_bytes // 8) * (width + 1)
    limit = 0 if place.journal is not None else request.room // _IN_MEMORY
    most = min(
        max(_LEAST_SAMPLE, _ROWS_A_COLUMN * (width + 1)),
        max(1000, request.room // _SAMPLE // bytes_a_row(layout)),
    )
    found = first_pass(
        files,
        layout,
        kernels_for(Problem(size // (width + 1), width + 1, 1, False)).columns,
        Kept(place.folder, limit),
        most,
        drop=asked.drop,
        tell=partial(_told, tell, files),
        split=request.split,
        begun=begun,
        save=save,
    )
    tell.done_reading(found.survey.n_rows + found.n_dropped + found.n_held)
    if found.held is None:
        raise ParameterError(
            f"{found.n_held} rows held out are more than memory keeps, and there is no cache; hold "
            "fewer out, or allow a cache"
        )
    if place.journal is not None:
        save_first_pass(found, asked.identity)
    return found


def _told(tell: Told, files: TableFiles, batch: Batch) -> None:
    tell.read(batch.n_rows, files.n_rows)


def _refuse_full_disk(folder: Path, size: int, tell: Told) -> None:
    """Say how large the cache will be, and refuse one for which there is no room."""
    tell.cache(folder, size)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DataError(
            f"{folder}: the column cache needs {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB are "
            "free; name a folder on another disk, or go without one: cache=False"
        )


def _fit(
    request: AskedFiles,
    found: FirstPass,
    place: Place,
    tell: Told,
    note: Callable[[str], None] | None,
    *,
    gather: bool,
) -> FilesFit:
    """Fit the rows, and judge the fit."""
    asked = request.asked
    model, layout = asked.model, found.layout
    learned = learn(asked, found.survey, found.levels)
    classes = learned.classes
    encoder = RowEncoder(
        layout, learned.encoding, found.levels, classes.index, learned.margins, learned.factors
    )
    stored = found.survey.columns if learned.as_stored else None
    blocks, offset = _blocks(found, encoder), found.taken.offset
    middle = None if offset is None else np.atleast_1d(np.median(offset))
    training = learned.training(blocks, middle, stored)
    if note is not None:
        note(_what_was_read(found, classes))
    vars(model).pop("results_", None)
    with _source(request, found, encoder, blocks, tell) as own:
        source: RowSource = own
        if place.journal is not None:
            source = Journal(own, place.journal, (asked.identity, encoder.identity))
        learned.name_columns(model)
        walk = model._walk(source, training, watch=tell.iteration)
        complaints = model._settle(walk, training)
        if is_likelihood(model):
            results, more = results_of(model, walk, training)
            vars(model)["results_"] = results
            complaints = more or complaints
    vars(model).update(n_rows_=found.survey.n_rows, n_dropped_=found.n_dropped)
    rows = None
    if gather:
        # The other half is for what the fit keeps.
        rows = Gathering(encoder.encoding, rows_that_fit(request.room // 2, len(classes.labels)))
    held = _judged(request, found, encoder, rows)
    return FilesFit(model, complaints, held, _shares(found, classes), rows)


def _what_was_read(found: FirstPass, classes: Classes) -> str:
    weight = classes.weigh(found.survey.label_weight)
    shown = [
        f"{quoted(label_text(label))} {f'{w:,.0f}' if w == np.floor(w) else number_text(w, 6)}"
        for label, w in zip(classes.labels, weight.tolist(), strict=True)
    ]
    rows = f"{found.survey.n_rows:,} rows to fit"
    rows += f", {found.n_held:,} held out" if found.n_held else ""
    rows += f", {found.n_dropped:,} dropped, as values are missing" if found.n_dropped else ""
    return f"{rows}; {quoted(found.layout.target)}: {listed(shown)}"


def _judged(
    request: AskedFiles, found: FirstPass, encoder: RowEncoder, rows: Gathering | None
) -> HeldOut | None:
    """Let the model judge rows that were held out; those of the fit for a page, if none were."""
    if request.split is not None:
        return judge(
            request.asked.model, found.held or (), found.n_held, encoder, request.room, rows
        )
    if rows is not None:
        fitted = found.rows
        if fitted is None:
            fitted = rows_again(request.files, found, drop=request.asked.drop)
        judge(request.asked.model, fitted, found.survey.n_rows, encoder, request.room, rows)
    return None


def _shares(found: FirstPass, classes: Classes) -> Array:
    weight = classes.weigh(found.survey.label_weight)
    return weight / weight.sum()


def _blocks(found: FirstPass, encoder: RowEncoder) -> RowBlocks:
    taken = Taken(found.taken, found.stride, encoder)
    rows = () if found.rows is None else found.rows
    return RowBlocks(rows, found.layout.rows, found.survey.n_rows, encoder, taken)


@contextmanager
def _source(
    request: AskedFiles, found: FirstPass, encoder: RowEncoder, blocks: Blocks, tell: Told
) -> Iterator[RowSource]:
    if found.rows is not None:
        with BlockThreads(tell.blocks(blocks), request.asked.model.n_jobs) as threads:
            yield threads
        return

    def again() -> Iterator[Block]:
        rows = rows_again(request.files, found, drop=request.asked.drop, split=request.split)
        return tell.stream(map(encoder, rows), blocks.n_rows)

    with Streams(
        again, blocks.n_rows, blocks.n_features, blocks.sample, request.asked.model.n_jobs
    ) as streams:
        yield streams
