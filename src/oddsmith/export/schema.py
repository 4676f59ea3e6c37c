"""The frozen description of a fitted model: all that prediction needs, and no training row.

Only NumPy is used, so that a stored model predicts without the libraries that fitted it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from oddsmith.core.labels import Label, quoted
from oddsmith.core.stable import Array, sigmoid, softmax
from oddsmith.errors import DataError, ModelFileError, ParameterError

__all__ = ["Model", "Training"]


@dataclass(frozen=True, slots=True)
class Training:
    """How a model was fitted, and how far from the optimum it can be.

    Attributes
    ----------
    rows : int
    weight : float
        Sum of the weights of the rows.
    C : float
        Inverse strength of the penalty, ``inf`` for none.
    solver : str
    tol : float
        Gap that was asked for (nats per unit of weight).
    iterations, passes : int
        Steps of the solver; how often it read the rows.
    objective : float
        Mean log loss plus penalty (nats per unit of weight).
    optimality_gap : float
        Proved bound on `objective` minus its minimum (nats per unit of weight), ``inf`` if none.
    converged : bool
    warnings : tuple of str
        What the fit warned of.
    """

    rows: int
    weight: float
    C: float
    solver: str
    tol: float
    iterations: int
    passes: int
    objective: float
    optimality_gap: float
    converged: bool
    warnings: tuple[str, ...]

    def __post_init__(self):
        counts = (self.rows, self.iterations, self.passes)
        _demand(min(counts) >= 0, "a count of rows, iterations or passes is negative")
        _demand(math.isfinite(self.weight) and self.weight > 0, "the weight is not above 0")
        _demand(self.C > 0, "C is not above 0")
        _demand(math.isfinite(self.tol) and self.tol >= 0, "tol is not a number from 0 up")
        _demand(math.isfinite(self.objective), "the objective is not finite")
        _demand(self.optimality_gap >= 0, "the optimality gap is negative")
        for text in (self.solver, *self.warnings):
            _demand_text(text)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A fitted logistic regression with p features and K classes.

    Attributes
    ----------
    feature_names : tuple of str
        p distinct names.
    classes : tuple of str, int, float or bool
        K distinct labels of one kind; with two, the second is the positive one.
    target : str
        Name of the column that held the labels.
    coef : array of shape (1, p) for two classes, (K, p) for more
        In log-odds (nats) per unit of the feature; read-only.
    intercept : array of shape (1,) or (K,)
        Read-only.
    training : Training

    Raises
    ------
    ModelFileError
        If the parts do not fit together.

    Examples
    --------
    >>> training = Training(2, 2.0, 1.0, "newton", 1e-12, 3, 4, 0.5, 0.0, True, ())
    >>> model = Model(("dose",), ("no", "yes"), "alive", [[2.0]], [-1.0], training)
    >>> model.predict_proba([[0.5], [1000.0]])
    array([[0.5, 0.5],
           [0. , 1. ]])
    >>> model.predict([[0.4], [1000.0]]).tolist()
    ['no', 'yes']
    """

    feature_names: tuple[str, ...]
    classes: tuple[Label, ...]
    target: str
    coef: Array
    intercept: Array
    training: Training

    def __post_init__(self):
        for name in ("coef", "intercept"):
            values = np.array(getattr(self, name), dtype=np.float64)
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        self._check_names()
        self._check_classes()
        rows = 1 if len(self.classes) == 2 else len(self.classes)
        shape = (rows, len(self.feature_names))
        _demand(
            self.coef.shape == shape and self.intercept.shape == (rows,),
            f"the coefficients are not {shape[0]} x {shape[1]} with {rows} intercepts, as "
            f"{len(self.classes)} classes and {shape[1]} features need",
        )
        finite = np.isfinite(self.coef).all() and np.isfinite(self.intercept).all()
        _demand(bool(finite), "a coefficient is not finite")

    def __eq__(self, other: object) -> bool:
        """Whether every part is equal, the coefficients and labels bit by bit."""
        if not isinstance(other, Model):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def margin(self, X: npt.ArrayLike) -> Array:
        """Margins (log-odds, nats) of n rows: shape (n,) for two classes, (n, K) for more.

        Raises
        ------
        DataError
            If X is not n x p, or a margin is too large for a floating point number.
        """
        rows = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.feature_names):
            raise DataError(
                f"X has shape {rows.shape}, but the model has {len(self.feature_names)} features; "
                "give one row per case and one column per feature"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            margin = rows @ self.coef.T + self.intercept
        bad = ~np.isfinite(margin).all(axis=1)
        if bad.any():
            raise DataError(
                f"the margin of data row {int(bad.argmax()) + 1} is not a finite number; "
                "check that row for values far outside the training data"
            )
        return margin[:, 0] if len(self.classes) == 2 else margin

    def predict_proba(self, X: npt.ArrayLike) -> Array:
        """Probabilities of shape (n, K), columns in the order of `classes`."""
        margin = self.margin(X)
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
        return (
            self.feature_names,
            tuple((type(label), repr(label)) for label in self.classes),
            self.target,
            self.coef.shape,
            self.coef.tobytes(),
            self.intercept.tobytes(),
            self.training,
        )

    def _check_names(self) -> None:
        for name in (*self.feature_names, self.target):
            _demand_text(name)
        _demand(
            len(set(self.feature_names)) == len(self.feature_names), "two features share a name"
        )
        _demand(self.target not in self.feature_names, "the target is among the features")

    def _check_classes(self) -> None:
        _demand(len(self.classes) >= 2, "there are fewer than two classes")
        _demand(len(set(self.classes)) == len(self.classes), "two classes share a label")
        kinds = {type(label) for label in self.classes}
        _demand(
            len(kinds) == 1 and kinds <= {str, int, float, bool},
            "the classes are not all text, all whole numbers, all numbers or all booleans",
        )
        for label in self.classes:
            if isinstance(label, str):
                _demand_text(label)
            elif isinstance(label, float):
                _demand(math.isfinite(label), "a class label is not finite")
            else:
                _demand(-(2**63) <= label < 2**63, "a class label does not fit in 64 bits")


def _demand(satisfied: bool, otherwise: str) -> None:
    if not satisfied:
        raise ModelFileError(f"not a model: {otherwise}")


def _demand_text(text: str) -> None:
    """Refuse half characters (lone surrogates), which no file can hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ModelFileError(f"not a model: {quoted(text)} is not valid Unicode") from None
