"""A first pass, whole or so far, written beside the rows that it kept on disk: a fit goes on there.

Arrays and one text of JSON in a file of NumPy's, which is there whole or not at all; nothing in it
is ever run.
"""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np

from oddsmith.core.columns import Columns
from oddsmith.data.first_pass import FirstPass, Reading
from oddsmith.data.raw_rows import Layout, RawRows
from oddsmith.data.spool import Spool
from oddsmith.data.survey import Survey
from oddsmith.errors import DataError, ParameterError

__all__ = [
    "READ",
    "UNDER_WAY",
    "load_first_pass",
    "load_reading",
    "save_first_pass",
    "save_reading",
]

# Names of a first pass that is done, and of one that was under way.
READ, UNDER_WAY = "first-pass.npz", "reading.npz"
_COUNTS = ("n_batches", "n_read", "n_dropped", "stride", "seen", "n_rows", "n_held")


def save_first_pass(found: FirstPass, identity: dict[str, Any]) -> None:
    """Write what the first pass found beside its rows on disk.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    if not isinstance(found.rows, Spool):
        raise ParameterError("only rows on disk can be gone on from")
    document = {
        "identity": identity,
        "layout": asdict(found.layout) | {"dtype": found.layout.dtype.str},
        "levels": found.levels,
        "stride": found.stride,
        "n_dropped": found.n_dropped,
        "n_rows": found.rows.n_rows,
        "n_held": found.n_held,
    }
    arrays = _named("taken", found.taken)
    _write(found.rows.folder / READ, document, found.survey, arrays)
    (found.rows.folder / UNDER_WAY).unlink(missing_ok=True)


def load_first_pass(folder: Path, identity: dict[str, Any]) -> FirstPass | None:
    """Read what a first pass left in a folder; None if it did not come to its end.

    Raises
    ------
    ParameterError
        If it was over other files, or with other parameters.
    """
    stored = _read(folder / READ, identity)
    if stored is None:
        return None
    document, survey, arrays = stored
    rows, held = _spools(folder, document)
    taken = _raw("taken", arrays)
    if taken is None or not rows.whole or (len(held) and not held.whole):
        return None
    return FirstPass(
        rows.layout,
        document["levels"],
        survey,
        taken,
        document["stride"],
        document["n_dropped"],
        rows,
        document["n_held"],
        held if len(held) else (),
    )


def save_reading(so_far: Reading, folder: Path, layout: Layout, identity: dict[str, Any]) -> None:
    """Write how far a first pass has come beside its rows on disk.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    document = {
        "identity": identity,
        "layout": asdict(layout) | {"dtype": layout.dtype.str},
        "levels": so_far.levels,
        **{name: getattr(so_far, name) for name in _COUNTS},
    }
    arrays = {
        **_named("taken", so_far.taken),
        **_named("waiting", so_far.waiting),
        **_named("waiting_held", so_far.waiting_held),
    }
    _write(folder / UNDER_WAY, document, so_far.survey, arrays)


def load_reading(folder: Path, identity: dict[str, Any]) -> Reading | None:
    """Read how far a first pass had come; None if nobody knows.

    Raises
    ------
    ParameterError
        If it was over other files, or with other parameters.
    """
    stored = _read(folder / UNDER_WAY, identity)
    if stored is None:
        return None
    document, survey, arrays = stored
    if not all(own.there for own in _spools(folder, document) if own.n_rows):
        return None
    return Reading(
        survey=survey,
        levels=document["levels"],
        taken=_raw("taken", arrays),
        waiting=_raw("waiting", arrays),
        waiting_held=_raw("waiting_held", arrays),
        **{name: document[name] for name in _COUNTS},
    )


def _write(path: Path, document: dict[str, Any], survey: Survey, arrays: dict[str, Any]) -> None:
    found = {"there": survey.there, "mean": survey.mean, "no_code": survey.no_code}
    found |= {"label_weight": survey.label_weight}
    found |= {f"counts.{place}": counts for place, counts in enumerate(survey.counts)}
    if survey.columns is not None:
        found |= {f"columns.{name}": own for name, own in asdict(survey.columns).items()}
    counted = {"surveyed": survey.n_rows, "n_incomplete": survey.n_incomplete}
    text = np.frombuffer(json.dumps(document | counted).encode(), np.uint8)
    staged = path.with_suffix(".part")
    try:
        with staged.open("wb") as file:
            np.savez(file, document=text, **found, **arrays)
        staged.replace(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise DataError(
            f"{path.parent}: the checkpoint cannot be written ({why}); name a folder on a disk "
            "with room"
        ) from None


def _read(path: Path, identity: dict[str, Any]) -> tuple[dict[str, Any], Survey, Any] | None:
    """Document, survey and arrays of a file; None if there is none, or it was cut short."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        document = json.loads(arrays.pop("document").tobytes())
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None
    _refuse_another(path.parent, document["identity"], identity)
    columns = {name[8:]: own for name, own in arrays.items() if name.startswith("columns.")}
    if columns:
        columns["weight"] = float(columns["weight"])
    survey = Survey(
        document["surveyed"],
        document["n_incomplete"],
        arrays["there"],
        arrays["mean"],
        arrays["no_code"],
        tuple(arrays[f"counts.{place}"] for place in range(len(document["layout"]["categories"]))),
        arrays["label_weight"],
        Columns(**columns) if columns else None,
    )
    return document, survey, arrays


def _refuse_another(folder: Path, was: dict[str, Any], identity: dict[str, Any]) -> None:
    for name, value in identity.items():
        if was.get(name) != json.loads(json.dumps(value)):
            raise ParameterError(
                f"{folder}: the checkpoint is of a fit with another {name}; delete the folder "
                "to begin anew, or go on as that fit was asked for"
            )


def _spools(folder: Path, document: dict[str, Any]) -> tuple[Spool, Spool]:
    """Rows to fit and rows that are held out, as far as the document goes."""
    found = document["layout"]
    layout = Layout(
        tuple(found["numbers"]),
        tuple(found["categories"]),
        found["target"],
        found["weight"],
        found["offset"],
        np.dtype(found["dtype"]),
    )
    rows = Spool(folder, layout, document["n_rows"])
    return rows, Spool(folder / "held-out", layout, document["n_held"])


def _named(prefix: str, rows: RawRows | None) -> dict[str, Any]:
    return {} if rows is None else {f"{prefix}.{k}": own for k, own in rows.arrays().items()}


def _raw(prefix: str, arrays: dict[str, Any]) -> RawRows | None:
    start = f"{prefix}."
    found = {name[len(start) :]: own for name, own in arrays.items() if name.startswith(start)}
    if not found:
        return None
    return RawRows(**cast("Any", {"weight": None, "offset": None} | found))
