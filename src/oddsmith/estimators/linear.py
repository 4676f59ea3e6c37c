"""What every fitted linear classifier can do: margins, probabilities, classes, from any rows."""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from oddsmith.core.labels import Label
from oddsmith.core.scoring import class_index, put_log_probabilities, put_probabilities
from oddsmith.core.stable import Array
from oddsmith.data.outcome import read_outcome
from oddsmith.errors import DataError, ModelFileError, ParameterError
from oddsmith.estimators.description import describe
from oddsmith.estimators.door import fitted_columns, is_collection, name_bad_entry, names_of
from oddsmith.estimators.inputs import row_offset
from oddsmith.estimators.scoring import Put, Scorer
from oddsmith.estimators.table_encoder import TableEncoder
from oddsmith.export.json import dump, load
from oddsmith.export.onnx import onnx_model
from oddsmith.export.python_code import python_source
from oddsmith.export.rule import LinearRule, linear_rule
from oddsmith.export.schema import Model, plain_encoding
from oddsmith.export.scorecard import Scorecard, scorecard
from oddsmith.export.sql import sql_expressions
from oddsmith.export.staging import write_whole

__all__ = ["LinearClassifier"]

_ELSEWHERE = "choose another path"


class LinearClassifier(ClassifierMixin, BaseEstimator):
    """Rows to probabilities by `coef_` and `intercept_`, whoever fitted them.

    Attributes
    ----------
    coef_ : array of shape (1, p), or (K, p) for K > 2 classes
    intercept_ : array of shape (1,) or (K,)
    classes_ : array of shape (K,)
    """

    coef_: Array
    intercept_: Array
    classes_: np.ndarray[Any, Any]
    n_jobs: int | None
    encoder_: TableEncoder | None
    target_: str | None
    n_features_in_: int

    @cached_property
    def coef_names_(self) -> np.ndarray[Any, Any]:
        """Names of the columns of `coef_`: those of X, encoded; x0, x1, ... if it had none."""
        check_is_fitted(self)
        encoder = getattr(self, "encoder_", None)
        if encoder is not None:
            return encoder.get_feature_names_out()
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{place}" for place in range(self.coef_.shape[1])]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        encodes = getattr(self, "encoder", None) is not None
        tags.input_tags.sparse = not encodes
        tags.input_tags.string = tags.input_tags.categorical = encodes
        tags.input_tags.allow_nan = encodes and _holes_are_welcome(self)
        return tags

    def decision_function(self, X: Any, offset: Any = None) -> Array:
        """Margins: log-odds of ``classes_[1]``, shape (n,), or one per class, shape (n, K).

        Parameters
        ----------
        X : array, sparse matrix, data frame or Dask collection of shape (n, p)
        offset : array of shape (n,) or (n, K), optional

        Returns
        -------
        array of shape (n,) or (n, K)
            In nats; a lazy one of a Dask collection.
        """
        if is_collection(X):
            return self._mapped(X, "decision_function", offset)
        X = fitted_columns(self, X)
        shape = X.shape[:1] if self.coef_.shape[0] == 1 else (X.shape[0], self.coef_.shape[0])
        return self._scores(X, offset, np.positive, np.empty(shape))

    def predict_proba(self, X: Any, offset: Any = None) -> Array:
        """Probability of each class, of shape (n, K), columns as in ``classes_``."""
        if is_collection(X):
            return self._mapped(X, "predict_proba", offset)
        X = fitted_columns(self, X)
        out = np.empty((X.shape[0], self.classes_.size))
        return self._scores(X, offset, put_probabilities, out)

    def predict_log_proba(self, X: Any, offset: Any = None) -> Array:
        """Logarithm of the probability of each class, of shape (n, K), exact far below 1e-308."""
        if is_collection(X):
            return self._mapped(X, "predict_log_proba", offset)
        X = fitted_columns(self, X)
        out = np.empty((X.shape[0], self.classes_.size))
        return self._scores(X, offset, put_log_probabilities, out)

    def predict(self, X: Any, offset: Any = None) -> np.ndarray[Any, Any]:
        """Most probable class of each row, of shape (n,)."""
        if is_collection(X):
            return self._mapped(X, "predict", offset)
        X = fitted_columns(self, X)
        classes = self.classes_

        def put_class(margin: Array, out: np.ndarray[Any, Any]) -> None:
            out[...] = classes[class_index(margin)]

        return self._scores(X, offset, put_class, np.empty(X.shape[0], dtype=classes.dtype))

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Accuracy: the share of the rows' weight that `predict` gets right."""
        if is_collection(X):
            return import_module("oddsmith.estimators.dask_scores").accuracy(
                self, X, y, sample_weight, offset
            )
        labels, _ = read_outcome(y)
        return float(accuracy_score(labels, self.predict(X, offset), sample_weight=sample_weight))

    def save(self, path: str | Path, *, covariance: Any = None) -> None:
        """Write the model to a file, from which `oddsmith.load` makes a classifier.

        Versioned JSON: encoding, coefficients to the last bit, what is proved of the fit and how
        it was made; no rows, but the levels of categories. It appears whole or not at all.

        Parameters
        ----------
        path : str or Path
        covariance : what `infer` returns, or array of shape (m, m), optional
            Kept beside the coefficients. An array is of the m = (K - 1)(q + 1) coefficients of
            classes 1 to K - 1 against class 0, class by class, then their intercepts.

        Raises
        ------
        ParameterError
            If the model holds what no file can, or the file cannot be written.
        """
        document = dump(self._description(covariance))
        try:
            load(document)
        except ModelFileError as error:
            raise ParameterError(
                f"{path}: the model cannot be written ({error}); change it before"
            ) from None
        write_whole(Path(path), document.encode(), _ELSEWHERE)

    def report(
        self,
        path: str | Path,
        X: Any = None,
        y: Any = None,
        *,
        sample_weight: Any = None,
        offset: Any = None,
        results: Any = None,
        compare: Mapping[str, Any] | None = None,
        cost: Mapping[str, float] | None = None,
        title: str | None = None,
        seen: bool | None = None,
    ) -> None:
        """Write a page that shows the model, how it does on labelled rows, and what if.

        One HTML file that loads nothing: it can be sent, and opened anywhere. It appears whole or
        not at all. Needs the package vl-convert.

        Parameters
        ----------
        path : str or Path
        X : array, sparse matrix or data frame of shape (n, p), optional
            Rows to judge the model by, which the fit has not seen. Without, the page shows the
            model and its fit.
        y : array-like of shape (n,), optional
            Their labels.
        sample_weight : array-like of shape (n,), optional
        offset : array of shape (n,) or (n, K), optional
        results : what `infer` returns, or array of shape (m, m), optional
            From which the intervals come; see `save`. A stored model may have its own.
        compare : dict of name to fitted classifier or array of shape (n,) or (n, K), optional
            What the model is compared with on the same rows: classifiers of any library with
            `predict_proba`, or probabilities.
        cost : dict, optional
            What the errors cost when the page opens: ``{"fp": 1, "fn": 5}``.
        title : str, optional
        seen : bool, optional
            Whether the model was fitted to these rows, so that they flatter it: the page says so.

        Raises
        ------
        DataError, ParameterError
            If the rows do not fit the model, or the file cannot be written.
        """
        # Pages are made by few, and their libraries take a while to import.
        from oddsmith.estimators.report import report

        report(
            self,
            path,
            X,
            y,
            sample_weight=sample_weight,
            offset=offset,
            results=results,
            compare=compare,
            cost=cost,
            title=title,
            seen=seen,
        )

    def _description(self, covariance: Any) -> Model:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return describe(self, now, covariance)

    def to_python(self, columns: Sequence[str] | None = None) -> str:
        """Source text of a Python function that scores a row and needs nothing but Python.

        Parameters
        ----------
        columns : sequence of str, optional
            Names of the columns; by default those of the fit, or x0, x1, ... if it had none.

        Returns
        -------
        str
            A module with ``predict_proba(row: dict) -> dict``, from column names to numbers, and
            from ``classes_`` to probabilities, at offset 0.
        """
        return python_source(self._rule(columns))

    def to_sql(self, dialect: str, columns: Sequence[str] | None = None) -> str | dict[Label, str]:
        """Write the probability of ``classes_[1]``, at offset 0, as an SQL expression.

        Parameters
        ----------
        dialect : "duckdb", "postgres", "sqlite", "bigquery" or "snowflake"
        columns : sequence of str, optional
            Names of the columns; by default those of the fit, or x0, x1, ... if it had none.

        Returns
        -------
        str, or dict of label to str
            With more than two classes one expression for each. It is NULL where a column is NULL,
            NaN, infinite or beyond 1e150.
        """
        found = sql_expressions(self._rule(columns), dialect)
        return found if len(found) > 1 else next(iter(found.values()))

    def to_onnx(self, path: str | Path | None = None, columns: Sequence[str] | None = None) -> Any:
        """Model as an ONNX graph in double precision; needs the package onnx.

        Parameters
        ----------
        path : str or Path, optional
            File to write it to.
        columns : sequence of str, optional
            Names of the columns; by default those of the fit, or x0, x1, ... if it had none.

        Returns
        -------
        onnx.ModelProto
            A table of numbers is its input ``X``; a table that is encoded has one input of shape
            (n, 1) for each column, strings or doubles, "" and NaN where a value is missing. The
            outputs are ``label`` and ``probabilities``, at offset 0.
        """
        model = onnx_model(self._rule(columns))
        if path is not None:
            write_whole(Path(path), model.SerializeToString(), _ELSEWHERE)
        return model

    def to_scorecard(
        self,
        points_to_double_odds: float = 20.0,
        base_score: float = 600.0,
        base_odds: float = 50.0,
        good: Any = None,
        columns: Sequence[str] | None = None,
    ) -> Scorecard:
        """Model of two classes in points (Siddiqi, 2006, "Credit Risk Scorecards", chapter 6).

        Parameters
        ----------
        points_to_double_odds : float
            Points that double the odds of `good`.
        base_score, base_odds : float
            The points that rows with these odds of `good` get.
        good : label, optional
            The class that higher points speak for, by default ``classes_[1]``.
        columns : sequence of str, optional
            Names of the columns; by default those of the fit, or x0, x1, ... if it had none.

        Returns
        -------
        Scorecard
            score = offset + factor margin, with factor = points_to_double_odds / log 2 and offset
            = base_score - factor log(base_odds).
        """
        rule = self._rule(columns)
        encoder = getattr(self, "encoder_", None)
        if encoder is not None and columns is not None:
            raise ParameterError(
                "the columns of a scorecard of an encoded table have its own names; leave columns "
                "out"
            )
        # Of a copy, so that the card stays that of this fit; as in predict, the target is ignored.
        encode = None if encoder is None else partial(fitted_columns, copy(self))
        return scorecard(rule, points_to_double_odds, base_score, base_odds, good, encode)

    def _rule(self, columns: Sequence[str] | None) -> LinearRule:
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None) if columns is None else columns
        encoder = getattr(self, "encoder_", None)
        encoding = None if encoder is None else encoder.encoding_
        booleans = getattr(self, "_booleans", ())
        if encoding is None and booleans:
            encoding = plain_encoding(names_of(self), booleans)
        return linear_rule(names, self.classes_, self.coef_, self.intercept_, encoding)

    def _mapped(self, X: Any, method: str, offset: Any) -> Any:
        """Score a Dask collection, lazily."""
        check_is_fitted(self)
        # Few have a cluster, and its libraries take a while to import.
        return import_module("oddsmith.estimators.dask_scores").mapped(self, X, method, offset)

    def _scores(self, X: Any, offset: Any, put: Put, out: np.ndarray[Any, Any]) -> Any:
        given = row_offset(offset, X.shape[0], self.coef_.shape[0])
        scorer = Scorer(self.coef_, self.intercept_, self.n_jobs)
        if not scorer.score(X, given, put, out):
            self._explain_overflow(X, scorer)
            put(scorer.margins(X, given), out)
        return out

    def _explain_overflow(self, X: Any, scorer: Scorer) -> None:
        """Raise if margins that are not finite have a cause other than their size."""
        error = name_bad_entry(X, names_of(self))
        if error is not None:
            raise error
        bad = np.isnan(scorer.margins(X, None)).reshape(X.shape[0], -1).any(axis=1)
        if bad.any():
            raise DataError(
                f"the margin of row {int(np.argmax(bad))} (from 0) is the difference of two "
                "numbers beyond the largest float; the row is far outside the data of the fit."
            )


def _holes_are_welcome(model: Any) -> bool:
    return getattr(model.encoder, "missing", "refuse") != "refuse"
