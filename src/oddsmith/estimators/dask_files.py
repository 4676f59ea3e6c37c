"""Files that the workers of a Dask cluster read: each some of them, or of their row groups."""

from pathlib import Path
from typing import Any

from oddsmith.engines.dask import DaskParts
from oddsmith.estimators.dask import dask_client
from oddsmith.estimators.file_request import AskedFiles
from oddsmith.estimators.parts import fit_rows, pack_table, table_rows
from oddsmith.estimators.trained import Complaints
from oddsmith.estimators.workplace import workplace
from oddsmith.views.files_progress import files_progress

__all__ = ["fit_files_on_dask"]

# About the bytes of a part, as the rows are stored: many a worker, so that a lost one's are shared.
_PART = 2**26


def fit_files_on_dask(
    request: AskedFiles, client: Any, checkpoint: str | Path | None, *, resume: bool
) -> Complaints:
    """Fit files that every worker can read by the same names; return what there is to warn of.

    Parameters
    ----------
    request : AskedFiles
        Its model is fitted.
    client : distributed.Client, or None
        By default that of the session, or one of this process' threads.
    checkpoint, resume
        See `oddsmith.fit_files`: what each pass found is kept, and the files are read again.
    """
    from dask.delayed import delayed

    asked = request.asked
    model = asked.model
    with (
        workplace(False, checkpoint, resume=resume) as place,
        dask_client(client) as own,
        files_progress(bool(model.verbose)) as told,
    ):
        items = [delayed(piece, traverse=False) for piece in request.files.pieces(_PART)]
        parts = DaskParts(own, items).prepared(pack_table(asked), "oddsmith read")
        rows = table_rows(model, asked, parts)
        rows.source.watch = told.began
        told.done_reading(rows.source.n_rows)
        return fit_rows(model, rows, watch=told.iteration, journal=place.journal, inference=True)
