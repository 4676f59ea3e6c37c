"""The frozen description of a fitted model: all that prediction needs, and no training row.

Only NumPy is used, so that a stored model predicts without the libraries that fitted it.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass, field, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from oddsmith.core.encoding import ColumnEncoding
from oddsmith.core.labels import Label
from oddsmith.core.stable import Array, sigmoid, softmax
from oddsmith.core.table_columns import objects
from oddsmith.core.table_encoding import TableEncoding
from oddsmith.errors import DataError, ParameterError
from oddsmith.export.provenance import Certificate, Training, demand, demand_text

__all__ = ["Model", "plain_encoding", "plain_model"]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A fitted logistic regression of K classes, over a table that becomes q columns.

    Attributes
    ----------
    encoding : TableEncoding
        How the table becomes q columns.
    named : bool
        Whether the columns of the table have names; if not they are told by their places.
    classes : tuple of str, int, float or bool
        K distinct labels of one kind; with two, the second is the positive one.
    target : str or None
        Name of the column that held the labels.
    coef : array of shape (1, q) for two classes, (K, q) for more
        In log-odds (nats) per unit of the column; read-only.
    intercept : array of shape (1,) or (K,)
        Read-only.
    training : Training
    certificate : Certificate
    covariance : array of shape (m, m), or None
        Of the m = (K - 1)(q + 1) coefficients of classes 1 to K - 1 against class 0: those of the
        columns, class by class, then the K - 1 intercepts. NaN in rows and columns of what was not
        estimated. Read-only.

    Raises
    ------
    ModelFileError
        If the parts do not fit together.
    """

    encoding: TableEncoding
    named: bool
    classes: tuple[Label, ...]
    target: str | None
    coef: Array
    intercept: Array
    training: Training = field(default_factory=Training)
    certificate: Certificate = field(default_factory=Certificate)
    covariance: Array | None = None

    def __post_init__(self):
        for name in ("coef", "intercept", "covariance"):
            if getattr(self, name) is not None:
                values = np.array(getattr(self, name), dtype=np.float64)
                values.flags.writeable = False
                object.__setattr__(self, name, values)
        self._check_names()
        self._check_classes()
        rows = 1 if len(self.classes) == 2 else len(self.classes)
        shape = (rows, self.encoding.width)
        demand(
            self.coef.shape == shape and self.intercept.shape == (rows,),
            f"the coefficients are not {shape[0]} x {shape[1]} with {rows} intercepts, as "
            f"{len(self.classes)} classes and {shape[1]} features need",
        )
        finite = np.isfinite(self.coef).all() and np.isfinite(self.intercept).all()
        demand(bool(finite), "a coefficient is not finite")
        if self.covariance is not None:
            self._check_covariance(self.covariance)

    def __eq__(self, other: object) -> bool:
        """Whether every part is equal, the coefficients and labels bit by bit."""
        if not isinstance(other, Model):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the columns of the table: x0, x1, ... where they have none."""
        names = self.encoding.input_names()
        return names if self.named else tuple(f"x{place}" for place in range(len(names)))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the q columns, all different: ``dose``, ``site[b]``."""
        return tuple(self.encoding.names(self.input_names))

    def margin(self, X: npt.ArrayLike, offset: Array | None = None) -> Array:
        """Margins (log-odds, nats) of n rows: shape (n,) for two classes, (n, K) for more.

        Parameters
        ----------
        X : array or sparse matrix of shape (n, q)
            Encoded rows, see `TableEncoding.rows`.
        offset : array of shape (n,), optional
            Added to the margins of two classes (nats).

        Raises
        ------
        DataError
            If X is not n x q, or a margin is too large for a floating point number.
        """
        rows: Any = X if hasattr(X, "tocsr") else np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.encoding.width:
            raise DataError(
                f"X has shape {rows.shape}, but the model has {self.encoding.width} features; "
                "give one row per case and one column per feature"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            margin = rows @ self.coef.T + self.intercept
            if offset is not None:
                if len(self.classes) > 2:
                    raise ParameterError("an offset needs two classes; leave it out")
                margin += offset[:, None]
        bad = ~np.isfinite(margin).all(axis=1)
        if bad.any():
            raise DataError(
                f"the margin of data row {int(bad.argmax()) + 1} is not a finite number; "
                "check that row for values far outside the training data"
            )
        return margin[:, 0] if len(self.classes) == 2 else margin

    def predict_proba(self, X: npt.ArrayLike, offset: Array | None = None) -> Array:
        """Probabilities of shape (n, K), columns in the order of `classes`; see `margin`."""
        margin = self.margin(X, offset)
        if len(self.classes) == 2:
            return np.column_stack([sigmoid(-margin), sigmoid(margin)])
        return softmax(margin)

    def predict(self, X: npt.ArrayLike, threshold: float = 0.5) -> np.ndarray[Any, Any]:
        """Labels of n rows: see `choose`."""
        labels = np.array(self.classes, dtype=object if isinstance(self.classes[0], str) else None)
        return labels[self.choose(self.predict_proba(X), threshold)]

    def choose(
        self, probabilities: Array, threshold: float = 0.5
    ) -> np.ndarray[Any, np.dtype[np.intp]]:
        """Class index of each row of `probabilities`, shape (n,).

        With two classes the positive one where its probability reaches `threshold`, with more
        the most probable one, the first of equals.

        Raises
        ------
        ParameterError
            If the threshold is outside [0, 1], or is set though there are more than two classes.
        """
        if not 0.0 <= threshold <= 1.0:
            raise ParameterError(f"the threshold is {threshold:g}; choose one from 0 to 1")
        if len(self.classes) == 2:
            return (probabilities[:, 1] >= threshold).astype(np.intp)
        if threshold != 0.5:
            raise ParameterError(
                f"a threshold needs two classes, and this model has {len(self.classes)}; "
                "leave the threshold out"
            )
        return probabilities.argmax(axis=1)

    def _identity(self) -> tuple[Any, ...]:
        covariance = self.covariance
        return (
            _identity_of(self.encoding),
            self.named,
            _typed(self.classes),
            self.target,
            self.coef.shape,
            self.coef.tobytes(),
            self.intercept.tobytes(),
            repr(astuple(self.training)),
            repr(astuple(self.certificate)),
            None if covariance is None else (covariance.shape, covariance.tobytes()),
        )

    def _check_names(self) -> None:
        names = self.encoding.input_names()
        for name in (*names, *(() if self.target is None else (self.target,))):
            demand_text(name)
        demand(len(set(names)) == len(names), "two features share a name")
        demand(not self.named or self.target not in names, "the target is among the features")

    def _check_classes(self) -> None:
        demand(len(self.classes) >= 2, "there are fewer than two classes")
        demand(len(set(self.classes)) == len(self.classes), "two classes share a label")
        kinds = {type(label) for label in self.classes}
        demand(
            len(kinds) == 1 and kinds <= {str, int, float, bool},
            "the classes are not all text, all whole numbers, all numbers or all booleans",
        )
        for label in self.classes:
            if isinstance(label, str):
                demand_text(label)
            elif isinstance(label, float):
                demand(math.isfinite(label), "a class label is not finite")
            else:
                demand(-(2**63) <= label < 2**63, "a class label does not fit in 64 bits")

    def _check_covariance(self, covariance: Array) -> None:
        size = (len(self.classes) - 1) * (self.encoding.width + 1)
        demand(
            covariance.shape == (size, size),
            f"the covariance is not {size} x {size}, as {len(self.classes)} classes and "
            f"{self.encoding.width} features need",
        )
        gone = np.isnan(np.diag(covariance))
        demand(
            np.array_equal(np.isnan(covariance), gone[:, None] | gone[None, :]),
            "the covariance lacks entries of what has a variance",
        )
        known = covariance[np.ix_(~gone, ~gone)]
        demand(bool(np.isfinite(known).all()), "the covariance is not finite")
        demand(np.array_equal(known, known.T), "the covariance is not symmetric")
        demand(bool((np.diag(known) > 0).all()), "a variance is not above 0")


def plain_encoding(names: Sequence[str], booleans: Collection[str] = ()) -> TableEncoding:
    """Encode columns of numbers, and those of booleans among them, as they are.

    Examples
    --------
    >>> plain_encoding(["dose"]).names()
    ['dose']
    """
    none, empty = objects([]), np.empty(0, np.intp)
    kinds: list[Literal["number", "boolean"]] = [
        "boolean" if name in booleans else "number" for name in names
    ]
    columns = [
        ColumnEncoding(name, kind, 0, None, none, empty, empty, objects([None]), None, None, None)
        for name, kind in zip(names, kinds, strict=True)
    ]
    return TableEncoding(tuple(columns), "refuse", 1, "refuse", False)


def plain_model(
    names: Sequence[str],
    classes: Sequence[Label],
    target: str | None,
    coef: npt.ArrayLike,
    intercept: npt.ArrayLike,
    training: Training | None = None,
    certificate: Certificate | None = None,
) -> Model:
    """Model over named columns of numbers, which are not encoded; see `Model`.

    Examples
    --------
    >>> model = plain_model(["dose"], ["no", "yes"], "alive", [[2.0]], [-1.0])
    >>> model.predict_proba([[0.5], [1000.0]])
    array([[0.5, 0.5],
           [0. , 1. ]])
    >>> model.predict([[0.4], [1000.0]]).tolist()
    ['no', 'yes']
    """
    return Model(
        plain_encoding(names),
        True,
        tuple(classes),
        target,
        np.asarray(coef, dtype=np.float64),
        np.asarray(intercept, dtype=np.float64),
        training or Training(),
        certificate or Certificate(),
    )


def _typed(labels: Sequence[Any]) -> tuple[Any, ...]:
    """Labels that are equal only if their types are, and the signs of zeros."""
    return tuple((type(label), repr(label)) for label in labels)


def _identity_of(encoding: TableEncoding) -> tuple[Any, ...]:
    columns = [
        tuple(
            _typed(value.tolist()) if isinstance(value, np.ndarray) else (type(value), repr(value))
            for value in (getattr(one, part.name) for part in fields(one))
        )
        for one in encoding.columns
    ]
    rest = encoding.unseen, encoding.min_count, encoding.missing, encoding.sparse
    return (*columns, *rest)
