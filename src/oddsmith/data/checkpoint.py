"""What a first pass found, written beside the rows that it kept on disk: a fit goes on from it."""

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np

from oddsmith.core.columns import Columns
from oddsmith.data.first_pass import FirstPass
from oddsmith.data.raw_rows import Layout, RawRows
from oddsmith.data.spool import Spool
from oddsmith.data.survey import Survey
from oddsmith.errors import DataError, ParameterError

__all__ = ["load_first_pass", "save_first_pass"]

_FOUND, _ARRAYS = "first-pass.json", "first-pass.npz"


def save_first_pass(found: FirstPass, identity: dict[str, Any]) -> None:
    """Write what the first pass found beside its rows on disk; the name that matters comes last."""
    if not isinstance(found.rows, Spool):
        raise ParameterError("only rows on disk can be gone on from")
    folder = found.rows.folder
    arrays: dict[str, Any] = {f"taken.{name}": own for name, own in found.taken.arrays().items()}
    own = found.survey
    arrays |= {"there": own.there, "mean": own.mean, "no_code": own.no_code}
    arrays |= {"label_weight": own.label_weight}
    arrays |= {f"counts.{place}": counts for place, counts in enumerate(own.counts)}
    if own.columns is not None:
        arrays |= {f"columns.{name}": value for name, value in asdict(own.columns).items()}
    layout = asdict(found.layout) | {"dtype": found.layout.dtype.str}
    document = {
        "identity": identity,
        "layout": layout,
        "levels": found.levels,
        "n_rows": own.n_rows,
        "n_incomplete": own.n_incomplete,
        "stride": found.stride,
        "n_dropped": found.n_dropped,
        "n_held": found.n_held,
    }
    staged = folder / f"{_FOUND}.part"
    try:
        with (folder / _ARRAYS).open("wb") as file:
            np.savez(file, **arrays)
        staged.write_text(json.dumps(document), encoding="utf-8")
        staged.replace(folder / _FOUND)
    except OSError as error:
        why = error.strerror or str(error)
        raise DataError(
            f"{folder}: the checkpoint cannot be written ({why}); name a folder on a disk with room"
        ) from None


def load_first_pass(folder: Path, identity: dict[str, Any]) -> FirstPass | None:
    """Read what a first pass left in a folder; None if it did not come to its end.

    Raises
    ------
    ParameterError
        If it was over other files, or with other parameters.
    """
    try:
        document = json.loads((folder / _FOUND).read_text(encoding="utf-8"))
        with (folder / _ARRAYS).open("rb") as file, np.load(file) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    was = document["identity"]
    for name, value in identity.items():
        if was.get(name) != json.loads(json.dumps(value)):
            raise ParameterError(
                f"{folder}: the checkpoint is of a fit with another {name}; delete the folder "
                "to begin anew, or go on as that fit was asked for"
            )
    layout = document["layout"]
    layout = Layout(
        tuple(layout["numbers"]),
        tuple(layout["categories"]),
        layout["target"],
        layout["weight"],
        layout["offset"],
        np.dtype(layout["dtype"]),
    )
    columns = {name[8:]: own for name, own in arrays.items() if name.startswith("columns.")}
    if columns:
        columns["weight"] = float(columns["weight"])
    taken = {name[6:]: own for name, own in arrays.items() if name.startswith("taken.")}
    found = Survey(
        document["n_rows"],
        document["n_incomplete"],
        arrays["there"],
        arrays["mean"],
        arrays["no_code"],
        tuple(arrays[f"counts.{place}"] for place in range(len(layout.categories))),
        arrays["label_weight"],
        Columns(**columns) if columns else None,
    )
    spool = Spool(folder, layout, document["n_rows"])
    held = Spool(folder / "held-out", layout, document["n_held"])
    if not spool.whole or (len(held) and not held.whole):
        return None
    return FirstPass(
        layout,
        document["levels"],
        found,
        RawRows(**cast("Any", {"weight": None, "offset": None} | taken)),
        document["stride"],
        document["n_dropped"],
        spool,
        document["n_held"],
        held if len(held) else (),
    )
