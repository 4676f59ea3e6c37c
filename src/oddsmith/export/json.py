"""Models as versioned JSON: exact to the last bit, and safe to load from strangers.

A model file is data, never code: nothing in it is run, imported or opened. Whatever does not
follow the schema to the letter is refused with one line that says where.

Layout of version 2, in which every key is needed and no other is allowed; null is what the model
has not, and "inf" is infinity::

    {"format": "oddsmith-model", "version": 2, "target": "alive", "classes": ["no", "yes"],
     "named": true,
     "encoding": {"unseen": "refuse", "min_count": 1, "missing": "refuse", "sparse": false,
      "columns": [{"name": "dose", "kind": "number", "n_missing": 0, "mean": null,
                   "missing_at": null}]},
     "coefficients": [[2.0]], "intercepts": [-1.0], "covariance": null,
     "certificate": {"objective": 0.5, "optimality_gap": 0.0, "tol": 1e-12, "converged": true,
                     "separated": null, "aliased": null},
     "training": {"estimator": "LogisticRegression", "rows": 2, "weight": 2.0, "C": 1.0,
                  "l1_ratio": 0.0, "penalty": "l2", "solver": "newton-cholesky",
                  "iterations": 3, "passes": 4, "written_at": "2026-01-31T12:00:00Z",
                  "version": "0.1.0", "warnings": []}}

Categories are described in `oddsmith.export.encodings`. The covariance is the lower triangle of
`Model.covariance`, row by row. Files of version 1 are read as well: see `oddsmith.export.json_1`.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from oddsmith.core.labels import printable
from oddsmith.core.stable import Array
from oddsmith.core.table_encoding import TableEncoding
from oddsmith.errors import ModelFileError
from oddsmith.export.encodings import encoding_tree, read_encoding
from oddsmith.export.json_1 import read_version_1
from oddsmith.export.provenance import Certificate, Training
from oddsmith.export.schema import Model
from oddsmith.export.strict_json import (
    boolean,
    count,
    items,
    known_keys,
    label,
    number,
    optional,
    parse,
    refuse,
    text,
    texts,
    vector,
)

__all__ = ["dump", "is_model", "load", "read_model"]

_FORMAT = "oddsmith-model"
_VERSION = 2
_MAX_BYTES = 256 * 2**20
_MODEL_KEYS = (
    "format",
    "version",
    "target",
    "classes",
    "named",
    "encoding",
    "coefficients",
    "intercepts",
    "covariance",
    "certificate",
    "training",
)


def _number_or_inf(value: Any, where: str) -> float:
    return math.inf if value == "inf" and isinstance(value, str) else number(value, where)


_CERTIFICATE = {
    "objective": number,
    "optimality_gap": _number_or_inf,
    "tol": number,
    "converged": boolean,
    "separated": text,
    "aliased": texts,
}
_TRAINING = {
    "estimator": text,
    "rows": count,
    "weight": number,
    "C": _number_or_inf,
    "l1_ratio": number,
    "penalty": text,
    "solver": text,
    "iterations": count,
    "passes": count,
    "written_at": text,
    "version": text,
    "warnings": texts,
}


def dump(model: Model) -> str:
    """Model as JSON text; `load` gives an equal model back.

    Examples
    --------
    >>> from oddsmith.export.schema import plain_model
    >>> model = plain_model(("dose",), (0, 1), "alive", [[0.1]], [-1.0])
    >>> load(dump(model)) == model
    True
    """
    # One line for each part and column, each written by the quick encoder of the library.
    encoding = encoding_tree(model.encoding)
    columns = ",\n  ".join(map(_text, encoding.pop("columns")))
    parts = {
        "format": _text(_FORMAT),
        "version": _text(_VERSION),
        "target": _text(model.target),
        "classes": _text(list(model.classes)),
        "named": _text(model.named),
        "encoding": f'{_text(encoding)[:-1]}, "columns": [\n  {columns}\n ]}}',
        "coefficients": _rows(model.coef.tolist()),
        "intercepts": _text(model.intercept.tolist()),
        "covariance": "null" if model.covariance is None else _triangle(model.covariance),
        "certificate": _text(_fields(model.certificate, _CERTIFICATE)),
        "training": _text(_fields(model.training, _TRAINING)),
    }
    return "{\n " + ",\n ".join(f'"{key}": {part}' for key, part in parts.items()) + "\n}\n"


def load(document: str | bytes) -> Model:
    """Model from JSON text.

    Raises
    ------
    ModelFileError
        If the text is anything else than a model of a known version: one line that says where.
    """
    tree = parse(document, _MAX_BYTES)
    if not isinstance(tree, dict):
        refuse("the file is not an object")
    if tree.get("format") != _FORMAT:
        refuse(f'"format" is not "{_FORMAT}"')
    version = tree.get("version")  # first, because another version has other keys
    if isinstance(version, bool) or not isinstance(version, int):
        refuse('"version" is not a whole number')
    if version == 1:
        return read_version_1(tree)
    if version != _VERSION:
        refuse(f"it is of version {version}, and this oddsmith reads versions 1 and {_VERSION}")
    return _read_version_2(tree)


def is_model(path: str | Path) -> bool:
    """Whether a file is a model of any version, so that oddsmith wrote it.

    Examples
    --------
    >>> is_model("no-such-file.json")
    False
    """
    try:
        with Path(path).open("rb") as file:
            tree = parse(file.read(_MAX_BYTES + 1), _MAX_BYTES)
    except (OSError, ValueError):
        return False
    return isinstance(tree, dict) and tree.get("format") == _FORMAT


def read_model(path: str | Path) -> Model:
    """Model from a file.

    Raises
    ------
    ModelFileError
        If the file cannot be read or is no model: the message names it.
    """
    shown = printable(str(path))
    try:
        with Path(path).open("rb") as file:
            document = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise ModelFileError(f"{shown}: there is no such file; check its name") from None
    except IsADirectoryError:
        raise ModelFileError(f"{shown}: is a folder; name the model.json in it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ModelFileError(f"{shown}: cannot be read ({why}); name a readable file") from None
    try:
        return load(document)
    except ModelFileError as error:
        raise ModelFileError(f"{shown}: {error}; use a file that oddsmith wrote") from None


def _read_version_2(tree: dict[str, Any]) -> Model:
    found = known_keys(tree, "the file", _MODEL_KEYS)
    encoding = read_encoding(found["encoding"])
    classes = tuple(label(x, '"classes"') for x in items(found["classes"], '"classes"'))
    return Model(
        encoding=encoding,
        named=boolean(found["named"], '"named"'),
        classes=classes,
        target=optional(text, found["target"], '"target"'),
        coef=_read_rows(found["coefficients"], encoding),
        intercept=np.array(
            [number(x, '"intercepts"') for x in items(found["intercepts"], '"intercepts"')]
        ),
        covariance=optional(_read_triangle, found["covariance"], '"covariance"'),
        certificate=Certificate(**_read_fields(found, "certificate", _CERTIFICATE)),
        training=Training(**_read_fields(found, "training", _TRAINING)),
    )


def _text(tree: Any) -> str:
    return json.dumps(tree, ensure_ascii=False, allow_nan=False)


def _rows(rows: list[Any]) -> str:
    return "[" + ",\n  ".join(map(_text, rows)) + "]"


def _triangle(covariance: Array) -> str:
    rows = [row[: j + 1] for j, row in enumerate(covariance.tolist())]
    return _rows([[None if math.isnan(x) else x for x in row] for row in rows])


def _fields(part: Any, keys: dict[str, Any]) -> dict[str, Any]:
    """Fields of a frozen part; infinity as "inf"."""
    values = {key: getattr(part, key) for key in keys}
    return {key: "inf" if _is_inf(value) else value for key, value in values.items()}


def _is_inf(value: Any) -> bool:
    return isinstance(value, float) and value == math.inf


def _read_fields(found: dict[str, Any], name: str, keys: dict[str, Any]) -> dict[str, Any]:
    part = known_keys(found[name], f'"{name}"', tuple(keys))
    return {key: optional(read, part[key], f'"{key}"') for key, read in keys.items()}


def _read_rows(value: Any, encoding: TableEncoding) -> Array:
    rows = [vector(row, '"coefficients"', encoding.width) for row in items(value, '"coefficients"')]
    return np.array(rows, dtype=np.float64).reshape(len(rows), encoding.width)


def _read_triangle(value: Any, where: str) -> Array:
    rows = items(value, where)
    for j, row in enumerate(rows):
        if len(items(row, where)) != j + 1:
            refuse(f"{where} is not a lower triangle: its row {j + 1} has not {j + 1} entries")
    found = np.empty((len(rows), len(rows)))
    for j, row in enumerate(rows):
        found[j, : j + 1] = [math.nan if x is None else number(x, where) for x in row]
        found[: j + 1, j] = found[j, : j + 1]
    return found
