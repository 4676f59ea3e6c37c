"""Models as versioned JSON: exact to the last bit, and safe to load from strangers.

A model file is data, never code: nothing in it is run, imported or opened. Whatever does not
follow the schema to the letter is refused with one line that says where.

Layout of version 1, in which every key is needed and no other is allowed::

    {"format": "oddsmith-model", "version": 1, "target": "alive",
     "classes": ["no", "yes"], "features": ["dose"],
     "coefficients": [[2.0]], "intercepts": [-1.0],
     "training": {"rows": 2, "weight": 2.0, "C": 1.0, "solver": "newton", "tol": 1e-12,
                  "iterations": 3, "passes": 4, "objective": 0.5, "optimality_gap": 0.0,
                  "converged": true, "warnings": []}}

``C`` is null where nothing is penalised, ``optimality_gap`` where nothing is proved.
"""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from oddsmith.core.labels import Label, quoted
from oddsmith.errors import ModelFileError
from oddsmith.export.schema import Model, Training

__all__ = ["dump", "is_model", "load", "read_model"]

_FORMAT = "oddsmith-model"
_VERSION = 1
_MAX_BYTES = 256 * 2**20
_MODEL_KEYS = (
    "format",
    "version",
    "target",
    "classes",
    "features",
    "coefficients",
    "intercepts",
    "training",
)
_TRAINING_KEYS = (
    "rows",
    "weight",
    "C",
    "solver",
    "tol",
    "iterations",
    "passes",
    "objective",
    "optimality_gap",
    "converged",
    "warnings",
)


def dump(model: Model) -> str:
    """Model as JSON text; `load` gives an equal model back.

    Examples
    --------
    >>> training = Training(2, 2.0, math.inf, "newton", 1e-12, 3, 4, 0.5, 0.0, True, ())
    >>> model = Model(("dose",), (0, 1), "alive", [[0.1]], [-1.0], training)
    >>> load(dump(model)) == model
    True
    """
    training = model.training
    document = {
        "format": _FORMAT,
        "version": _VERSION,
        "target": model.target,
        "classes": list(model.classes),
        "features": list(model.feature_names),
        "coefficients": model.coef.tolist(),
        "intercepts": model.intercept.tolist(),
        "training": {key: getattr(training, key) for key in _TRAINING_KEYS}
        | {key: _null_if_infinite(getattr(training, key)) for key in ("C", "optimality_gap")},
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def load(document: str | bytes) -> Model:
    """Model from JSON text.

    Raises
    ------
    ModelFileError
        If the text is anything else than a model of this version: one line that says where.
    """
    tree = _parse(document)
    model = _keys(tree, "the file", _MODEL_KEYS)
    training = _keys(model["training"], '"training"', _TRAINING_KEYS)
    return Model(
        feature_names=tuple(_text(x, '"features"') for x in _list(model["features"], '"features"')),
        classes=tuple(_label(x) for x in _list(model["classes"], '"classes"')),
        target=_text(model["target"], '"target"'),
        coef=_matrix(model["coefficients"], len(_list(model["features"], '"features"'))),
        intercept=_vector(model["intercepts"], '"intercepts"'),
        training=_training(training),
    )


def is_model(path: str | Path) -> bool:
    """Whether a file is a model of any version, so that oddsmith wrote it.

    Examples
    --------
    >>> is_model("no-such-file.json")
    False
    """
    try:
        with Path(path).open("rb") as file:
            tree = _parse(file.read(_MAX_BYTES + 1))
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
    try:
        with Path(path).open("rb") as file:
            document = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise ModelFileError(f"{path}: there is no such file; check its name") from None
    except IsADirectoryError:
        raise ModelFileError(f"{path}: is a folder; name the model.json in it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ModelFileError(f"{path}: cannot be read ({why}); name a readable file") from None
    try:
        return load(document)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}; use a file that oddsmith fit wrote") from None


def _parse(document: str | bytes) -> Any:
    if len(document) > _MAX_BYTES:
        raise ModelFileError(f"not a model: larger than {_MAX_BYTES // 2**20} MiB")
    try:
        text = document.decode("utf-8") if isinstance(document, bytes) else document
        return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise ModelFileError("not a model: not UTF-8 text") from None
    except RecursionError:
        raise ModelFileError("not a model: nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ModelFileError(f"not a model: broken JSON at {where} ({error.msg})") from None
    except ModelFileError:
        raise
    except ValueError:  # a whole number of thousands of digits
        raise ModelFileError("not a model: a number has too many digits") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        for name, _ in pairs:
            if found.pop(name, pairs) is pairs:
                _refuse(f"the key {quoted(name)} is there twice")
    return found


def _no_constant(name: str) -> NoReturn:
    _refuse(f"{name} is not a number of JSON")


def _refuse(why: str) -> NoReturn:
    raise ModelFileError(f"not a model: {why}")


def _keys(value: Any, where: str, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(f"{where} is not an object")
    if keys is _MODEL_KEYS:  # first, because another version may have other keys
        _version(value)
    for key in keys:
        if key not in value:
            _refuse(f"{where} lacks the key {quoted(key)}")
    for key in value:
        if key not in keys:
            _refuse(f"{where} has the unknown key {quoted(key)}")
    return value


def _version(value: dict[str, Any]) -> None:
    if value.get("format") != _FORMAT:
        _refuse(f'"format" is not {quoted(_FORMAT)}')
    version = value.get("version")
    if isinstance(version, bool) or not isinstance(version, int):
        _refuse('"version" is not a whole number')
    if version != _VERSION:
        _refuse(f"it is of version {version}, and this oddsmith reads version {_VERSION} only")


def _training(value: dict[str, Any]) -> Training:
    if not isinstance(value["converged"], bool):
        _refuse('"converged" is not true or false')
    return Training(
        rows=_count(value["rows"], '"rows"'),
        weight=_number(value["weight"], '"weight"'),
        C=_infinite_if_null(value["C"], '"C"'),
        solver=_text(value["solver"], '"solver"'),
        tol=_number(value["tol"], '"tol"'),
        iterations=_count(value["iterations"], '"iterations"'),
        passes=_count(value["passes"], '"passes"'),
        objective=_number(value["objective"], '"objective"'),
        optimality_gap=_infinite_if_null(value["optimality_gap"], '"optimality_gap"'),
        converged=value["converged"],
        warnings=tuple(_text(x, '"warnings"') for x in _list(value["warnings"], '"warnings"')),
    )


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        _refuse(f"{where} is not a list")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        _refuse(f"{where} holds something else than text")
    return value


def _label(value: Any) -> Label:
    if not isinstance(value, str | int | float):
        _refuse('"classes" holds something else than text, numbers and booleans')
    return value


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        _refuse(f"{where} is not a count")
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"{where} holds something else than a number")
    if isinstance(value, int) and abs(value) > 2**53:
        _refuse(f"{where} holds a whole number that is too long to be exact")
    if not math.isfinite(value):
        _refuse(f"{where} holds a number beyond 1.8e308")
    return float(value)


def _vector(value: Any, where: str) -> Any:
    return [_number(x, where) for x in _list(value, where)]


def _matrix(value: Any, width: int) -> Any:
    rows = [_vector(row, '"coefficients"') for row in _list(value, '"coefficients"')]
    if any(len(row) != width for row in rows):
        _refuse(f'a row of "coefficients" does not have the length {width} of "features"')
    return rows


def _null_if_infinite(value: float) -> float | None:
    return None if math.isinf(value) else value


def _infinite_if_null(value: Any, where: str) -> float:
    return math.inf if value is None else _number(value, where)
