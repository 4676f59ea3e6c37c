"""Models that come back from a file: `oddsmith.load`, and what `save` writes."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from oddsmith.core.encoding import REFERENCE
from oddsmith.core.stable import Array
from oddsmith.core.table_encoding import TableEncoding
from oddsmith.errors import ParameterError
from oddsmith.estimators.description import contrasts_of
from oddsmith.estimators.linear import LinearClassifier
from oddsmith.estimators.table_encoder import TableEncoder
from oddsmith.export.json import read_model
from oddsmith.export.provenance import Certificate, Training
from oddsmith.export.schema import Model

__all__ = ["StoredModel", "load", "stored_model"]


class StoredModel(LinearClassifier):
    """A fitted classifier that was read from a file: it predicts, and cannot be fitted.

    Parameters
    ----------
    n_jobs : int or None
        Threads; None and -1 use all cores.

    Attributes
    ----------
    coef_ : array of shape (1, q), or (K, q) for K > 2 classes
    intercept_ : array of shape (1,) or (K,)
    classes_ : array of shape (K,)
    coef_names_ : array of shape (q,)
        Names of the columns of `coef_`.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features_in_,)
        Names of the columns of the table, where they have names.
    encoder_ : TableEncoder or None
        What makes numbers of the table; None where it is made of numbers.
    target_ : str or None
        Name of the column that held the labels.
    covariance_ : array of shape (m, m), or None
        Of the m = (K - 1)(q + 1) coefficients of classes 1 to K - 1 against class 0, class by
        class, then their intercepts; NaN is of what was not estimated.
    certificate_ : Certificate
        What is proved of the fit.
    training_ : Training
        How it was fitted.

    Examples
    --------
    >>> import tempfile
    >>> from oddsmith import LogisticRegression, load
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), ["no", "yes", "no", "yes"]
    >>> model = LogisticRegression().fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/m.json")
    ...     again = load(f"{folder}/m.json")
    >>> (again.predict_proba(X) == model.predict_proba(X)).all()
    np.True_
    >>> again.training_.estimator, again.certificate_.converged
    ('LogisticRegression', True)
    """

    feature_names_in_: np.ndarray[Any, Any]
    covariance_: Array | None
    certificate_: Certificate
    training_: Training
    _model: Model

    def __init__(self, n_jobs: int | None = None) -> None:
        self.n_jobs = n_jobs

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        if not hasattr(self, "coef_"):
            return super().__repr__(N_CHAR_MAX)
        training, K = self.training_, self.classes_.size
        fitted = training.estimator or "a model"
        rows = "" if training.rows is None else f" of {training.rows} rows"
        written = "" if training.written_at is None else f", written {training.written_at}"
        return f"<StoredModel: {fitted}{rows}, {self.n_features_in_} columns, {K} classes{written}>"

    def fit(self, X: Any = None, y: Any = None, **_: Any) -> NoReturn:
        """Refuse to be fitted: a file holds no rows and not all parameters.

        Raises
        ------
        ParameterError
            Always.
        """
        raise ParameterError(
            "a stored model cannot be fitted, as its file does not hold all parameters of the "
            "estimator; fit a new one, such as oddsmith.LogisticRegression()."
        )

    def _description(self, covariance: Any) -> Model:
        # The file says what was true of the fit, and stays as it is.
        if covariance is None:
            return self._model
        return replace(self._model, covariance=contrasts_of(covariance, self._model))


def load(path: str | Path) -> StoredModel:
    """Load a model that `save` or the command line wrote: a classifier ready to predict.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    StoredModel

    Raises
    ------
    ModelFileError
        If the file cannot be read or is no model: one line that names it. Whatever it holds,
        nothing of it is run, imported or opened.
    """
    return stored_model(read_model(path))


def stored_model(model: Model) -> StoredModel:
    """Make a classifier of a description."""
    found = StoredModel()
    found._model = model
    found.coef_, found.intercept_ = np.array(model.coef), np.array(model.intercept)
    text = isinstance(model.classes[0], str)
    found.classes_ = np.array(model.classes, dtype=object if text else None)
    found.n_features_in_ = len(model.encoding.columns)
    if model.named:
        found.feature_names_in_ = np.array(model.encoding.input_names(), dtype=object)
    found.encoder_ = None if _is_plain(model.encoding) else _encoder(model)
    found.target_ = model.target
    found.covariance_ = model.covariance
    found.certificate_, found.training_ = model.certificate, model.training
    return found


def _is_plain(encoding: TableEncoding) -> bool:
    """Whether rows are scored as they come, as an estimator does that was fitted to numbers."""
    numbers = all(one.kind == "number" and one.refuses_missing() for one in encoding.columns)
    return numbers and encoding.missing == "refuse" and not encoding.sparse


def _encoder(model: Model) -> TableEncoder:
    encoding = model.encoding
    references = {
        one.name: one.reference
        for one in encoding.columns
        if one.kind == "category" and one.pooled_at != REFERENCE
    }
    encoder = TableEncoder(
        reference=references or "first",
        min_count=encoding.min_count,
        unseen=encoding.unseen,
        missing=encoding.missing,  # type: ignore[arg-type]
        sparse=encoding.sparse,
    )
    encoder.encoding_ = encoding
    encoder.n_features_in_ = len(encoding.columns)
    if model.named:
        encoder.feature_names_in_ = np.array(encoding.input_names(), dtype=object)
    return encoder
