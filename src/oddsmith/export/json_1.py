"""Model files of version 1, which are read for ever: columns of numbers alone.

Layout, in which every key is needed and no other is allowed::

    {"format": "oddsmith-model", "version": 1, "target": "alive",
     "classes": ["no", "yes"], "features": ["dose"],
     "coefficients": [[2.0]], "intercepts": [-1.0],
     "training": {"rows": 2, "weight": 2.0, "C": 1.0, "solver": "newton", "tol": 1e-12,
                  "iterations": 3, "passes": 4, "objective": 0.5, "optimality_gap": 0.0,
                  "converged": true, "warnings": []}}

``C`` is null where nothing is penalised, ``optimality_gap`` where nothing is proved.
"""

import math
from typing import Any

from oddsmith.export.provenance import Certificate, Training
from oddsmith.export.schema import Model, plain_model
from oddsmith.export.strict_json import (
    boolean,
    count,
    items,
    known_keys,
    label,
    number,
    text,
    texts,
    vector,
)

__all__ = ["read_version_1"]

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


def read_version_1(tree: dict[str, Any]) -> Model:
    """Model of a tree that says that it is of version 1.

    Raises
    ------
    ModelFileError
        If it does not follow the layout.
    """
    model = known_keys(tree, "the file", _MODEL_KEYS)
    training = known_keys(model["training"], '"training"', _TRAINING_KEYS)
    names = texts(model["features"], '"features"')
    rows = items(model["coefficients"], '"coefficients"')
    coef = [vector(row, '"coefficients"', len(names)) for row in rows]
    return plain_model(
        names,
        [label(x, '"classes"') for x in items(model["classes"], '"classes"')],
        text(model["target"], '"target"'),
        coef if coef and names else [[]] * len(coef),
        [number(x, '"intercepts"') for x in items(model["intercepts"], '"intercepts"')],
        _training(training),
        _certificate(training),
    )


def _training(value: dict[str, Any]) -> Training:
    return Training(
        rows=count(value["rows"], '"rows"'),
        weight=number(value["weight"], '"weight"'),
        C=_infinite_if_null(value["C"], '"C"'),
        solver=text(value["solver"], '"solver"'),
        iterations=count(value["iterations"], '"iterations"'),
        passes=count(value["passes"], '"passes"'),
        warnings=texts(value["warnings"], '"warnings"'),
    )


def _certificate(value: dict[str, Any]) -> Certificate:
    return Certificate(
        objective=number(value["objective"], '"objective"'),
        optimality_gap=_infinite_if_null(value["optimality_gap"], '"optimality_gap"'),
        tol=number(value["tol"], '"tol"'),
        converged=boolean(value["converged"], '"converged"'),
    )


def _infinite_if_null(value: Any, where: str) -> float:
    return math.inf if value is None else number(value, where)
