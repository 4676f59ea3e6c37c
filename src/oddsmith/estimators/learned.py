"""What the sums of a first pass teach: how rows are encoded, which classes there are, what weighs.

Rows are read where they are, from files or in the parts of a cluster; here only sums over them are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.block import Blocks, RowSource
from oddsmith.core.columns import Columns
from oddsmith.core.labels import label_text, listed, quoted
from oddsmith.core.stable import Array
from oddsmith.core.table_encoding import TableEncoding
from oddsmith.data.survey import Classes, Survey, classes_of
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.inputs import class_weights
from oddsmith.estimators.labels import Encoded
from oddsmith.estimators.request import Asked
from oddsmith.estimators.table_door import keep_columns
from oddsmith.estimators.trained import TrainedClassifier
from oddsmith.estimators.training import Training

__all__ = ["Learned", "class_factors", "label_array", "learn"]


@dataclass(frozen=True, slots=True)
class Learned:
    """How rows become blocks, and what they weigh.

    Attributes
    ----------
    asked : Asked
        Its encoder is fitted.
    survey : Survey
    classes : Classes
    factors : array of shape (K,), or None
        Multiplies the weight of the rows of each class.
    scale : float
        Multiplies the penalty: it is in `factors` too, so that weights are near 1.
    """

    asked: Asked
    survey: Survey
    classes: Classes
    factors: Array | None
    scale: float

    @property
    def encoding(self) -> TableEncoding:
        """Encoding of the table."""
        return self.asked.encoder.encoding_

    @property
    def margins(self) -> int:
        """Margins a row."""
        return 1 if len(self.classes.labels) == 2 else len(self.classes.labels)

    @property
    def as_stored(self) -> bool:
        """Whether the encoded columns are the numbers as they are stored, weighed by rows alone."""
        columns = self.encoding.columns
        same = [one.name for one in columns] == list(self.asked.layout.numbers)
        plain = all(one.width == 1 and one.n_missing == 0 for one in columns)
        return same and plain and self.factors is None

    def training(
        self, blocks: Blocks | RowSource, offset: Array | None, columns: Columns | None
    ) -> Training:
        """Rows as they are fitted.

        Parameters
        ----------
        blocks : Blocks or RowSource
            All rows, encoded.
        offset : array of shape (1,), or None
            Median of the rows' offsets.
        columns : Columns or None
            Their statistics, where they are known.
        """
        encoding, scale = self.encoding, self.scale
        entries = self.survey.n_rows * sum(one.n_parts for one in encoding.columns)
        return Training(
            blocks,
            label_array(self.classes.labels),
            scale * self.asked.penalty[0],
            scale * self.asked.penalty[1],
            encoding.sparse,
            entries if encoding.sparse else 0,
            offset,
            columns,
            scaled=scale != 1.0,
        )

    def name_columns(self, model: TrainedClassifier) -> None:
        """Let the model know its columns, and how they are encoded."""
        plain = model.encoder is None and all(
            one.kind == "number" and one.width == 1 for one in self.encoding.columns
        )
        vars(model).pop("coef_names_", None)
        names = list(self.asked.kinds)
        encoder = None if plain else self.asked.encoder
        keep_columns(model, encoder, names, len(names), self.asked.layout.target)


def label_array(labels: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    """Labels as `classes_` has them.

    Examples
    --------
    >>> label_array(("no", "yes"))
    array(['no', 'yes'], dtype=object)
    """
    return np.array(labels, dtype=object if isinstance(labels[0], str) else None)


def learn(asked: Asked, survey: Survey, levels: Mapping[str, list[Any]]) -> Learned:
    """Fit the encoder to the sums of a first pass, and find the classes and their weights.

    Parameters
    ----------
    asked : Asked
    survey : Survey
    levels : dict of column name to list
        Level of each code.

    Raises
    ------
    DataError
        If values are missing, or there are no classes to tell apart.
    ParameterError
        If a parameter does not fit the classes.
    """
    layout, rules = asked.layout, asked.encoder.rules()
    refused = {name for name, kind in asked.kinds.items() if rules.refuses(kind)}
    survey.refuse_missing(layout, refused, rules.hint)
    summaries = survey.summaries(layout, asked.kinds, levels)
    asked.encoder.learn_summaries(summaries, list(asked.kinds))
    classes = _classes(asked, survey, levels)
    K = len(classes.labels)
    if K > 2 and layout.offset is not None:
        raise ParameterError(
            f"offset={layout.offset!r} is one column, and {K} classes need one each; leave it out"
        )
    weight = classes.weigh(survey.label_weight)
    factors, scale = class_factors(asked.model, weight, survey.n_rows, classes.labels)
    return Learned(asked, survey, classes, factors, scale)


def _classes(asked: Asked, survey: Survey, levels: Mapping[str, list[Any]]) -> Classes:
    target = asked.layout.target
    where = f"{asked.where}: column {quoted(target)}"
    classes = classes_of(levels[target], survey.label_weight, asked.cells, where)
    if asked.positive is None:
        return classes
    shown = [label_text(label) for label in classes.labels]
    known = listed([quoted(label) for label in shown])
    if asked.positive not in shown:
        raise ParameterError(f"{quoted(asked.positive)} is not a label; use one of {known}")
    if len(shown) != 2:
        raise ParameterError(f"a positive label needs two classes, and there are {known}")
    swapped = Classes(classes.labels[::-1], 1 - classes.index)
    return classes if shown[1] == asked.positive else swapped


def class_factors(
    model: TrainedClassifier, weight: Array, n_rows: int, labels: tuple[Any, ...]
) -> tuple[Array | None, float]:
    """Find what multiplies the weights of each class, and the penalty: they are kept near 1.

    Parameters
    ----------
    model : TrainedClassifier
    weight : array of shape (K,)
        Of the rows of each class.
    n_rows : int
    labels : tuple of K labels

    Raises
    ------
    DataError
        If a class has no weight.
    """
    K = len(labels)
    scale = 1.0
    heaviest = float(weight.max()) / n_rows
    if not 1e-100 < heaviest < 1e100:
        scale = 2.0 ** -max(int(np.frexp(heaviest)[1]), -900)
    if model.class_weight is None:
        return (None if scale == 1.0 else np.full(K, scale)), scale
    factors = class_weights(model.class_weight, weight, Encoded(np.array(labels), np.arange(K)))
    if not factors.all():
        label = quoted(label_text(labels[int(np.argmin(factors))]))
        raise DataError(
            f"all rows of class {label} have weight 0, as class_weight={model.class_weight!r} says;"
            " leave them out, or give them weight"
        )
    return scale * factors, scale
