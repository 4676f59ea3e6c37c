"""`TableEncoder`: tables with text, booleans and holes become matrices of numbers."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Literal, Self, cast
from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from oddsmith.core.encoding import ColumnEncoding, refuse_missing_values
from oddsmith.core.encoding_rules import Rules
from oddsmith.core.table_columns import Column, ColumnSummary, summarise
from oddsmith.core.table_encoding import TableEncoding, learn_table
from oddsmith.data.opened import is_table
from oddsmith.data.tables import read_array, read_table, unmasked
from oddsmith.errors import DataError, ParameterError

__all__ = ["TableEncoder"]


class TableEncoder(TransformerMixin, BaseEstimator):
    """Encode the columns of a table as numbers: a scikit-learn transformer.

    Numbers pass through as float64 and booleans become 0 and 1. A column of text or of categories
    becomes one 0/1 column for each of its levels but one, the reference, from which a coefficient
    tells the difference. What was learned is frozen, and named when other rows do not fit it.

    Parameters
    ----------
    reference : "first", "most_frequent" or dict of column name to level, default "first"
        Levels are in sorted order, or in that of an ordered categorical. Columns that a dict leaves
        out have their first.
    min_count : int, default 1
        Levels with fewer rows are pooled: they share one column, ``name[(pooled)]``.
    unseen : "refuse" or "pool", default "refuse"
        What becomes of levels that only other rows have. They are pooled only in columns that have
        a pooled level: otherwise no coefficient would be theirs. See `unseen_levels`.
    missing : "refuse", "mean", "indicator" or "drop", default "refuse"
        "mean" puts the fit's mean in place of missing numbers, and refuses missing text.
        "indicator" does so as well and adds a column ``name[(missing)]`` for each column in which
        the fit misses values; missing text is a level of its own.
        "drop" is for the encoder of an estimator, such as `LogisticRegression`, which leaves the
        rows out of y as well.
    sparse : "auto", True or False, default "auto"
        Whether the result is a CSR array; "auto" where there are at least 100 columns, and at
        most a tenth of their entries can be other than zero.

    Attributes
    ----------
    encoding_ : TableEncoding
        How each column is encoded, frozen.
    levels_ : dict of str to list
        Levels of each category, those that are pooled included.
    counts_ : dict of str to dict of level to int
        Rows of the fit with each level.
    reference_ : dict of str to level
        "(pooled)" where all levels of a column are pooled.
    pooled_ : dict of str to list
        Levels that share the pooled column.
    means_ : dict of str to float
        What stands for missing numbers.
    n_missing_ : dict of str to int
        Rows of the fit without a value.
    sparse_ : bool
        Whether results are sparse.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features_in_,)
        Names of the columns, where they have names.

    Examples
    --------
    >>> table = {"dose": [1, 2, 4, 8], "site": [*"baca"], "new": [True, False, True, True]}
    >>> encoder = TableEncoder()
    >>> encoder.fit_transform(table)
    array([[1., 1., 0., 1.],
           [2., 0., 0., 0.],
           [4., 0., 1., 1.],
           [8., 0., 0., 1.]])
    >>> encoder.get_feature_names_out().tolist(), encoder.reference_
    (['dose', 'site[b]', 'site[c]', 'new'], {'site': 'a'})
    >>> encoder.transform({"site": ["d"], "new": [True], "dose": [3]})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    oddsmith.errors.DataError: column "site" of X has the value "d", in 1 of 1 rows, which ...
    """

    encoding_: TableEncoding
    n_features_in_: int

    def __init__(
        self,
        *,
        reference: Any = "first",
        min_count: int = 1,
        unseen: Literal["refuse", "pool"] = "refuse",
        missing: Literal["refuse", "mean", "indicator", "drop"] = "refuse",
        sparse: Any = "auto",
    ) -> None:
        self.reference = reference
        self.min_count = min_count
        self.unseen = unseen
        self.missing = missing
        self.sparse = sparse

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = self.missing != "refuse"
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the encoding.

        Parameters
        ----------
        X : data frame, dict of columns, Arrow stream, or array of shape (n, p)
        y : ignored

        Returns
        -------
        TableEncoder
            The encoder itself.

        Raises
        ------
        DataError
            If a column cannot be encoded, or misses values where that is refused.
        ParameterError
            If a parameter cannot be used.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Learn the encoding and apply it, with one read of X; see `fit` and `transform`."""
        columns = self._fit(X)
        return self.encoding_.rows(columns)

    def transform(self, X: Any) -> Any:
        """Encode rows as the fit's.

        Parameters
        ----------
        X : data frame, dict of columns, Arrow stream, or array of shape (n, p)
            Columns are matched by name where they have names.

        Returns
        -------
        array or CSR array of shape (n, number of names out), float64

        Raises
        ------
        DataError
            If a column is missing or extra, or holds what the fit has not taught.
        """
        check_is_fitted(self)
        return self.encoding_.rows(self.columns_of(X))

    def unseen_levels(self, X: Any) -> dict[str, dict[Any, int]]:
        """Levels that the fit has not seen, and how many rows of X have each, by column.

        Examples
        --------
        >>> encoder = TableEncoder().fit({"site": ["a", "b"]})
        >>> encoder.unseen_levels({"site": ["c", "a", "c"]})
        {'site': {'c': 2}}
        """
        check_is_fitted(self)
        pairs = zip(self.columns_of(X), self.encoding_.columns, strict=True)
        found = {encoding.name: encoding.unseen(column) for column, encoding in pairs}
        return {name: levels for name, levels in found.items() if levels}

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, Any]:
        """Names of the encoded columns, each different: ``dose``, ``site[b]``, ``site[(pooled)]``.

        A name that is taken already has " (2)" behind it, or the next number that is free.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), optional
            Must be the names of the fit; names the columns of a fit to an array.

        Returns
        -------
        object array of str
        """
        check_is_fitted(self)
        given = getattr(self, "feature_names_in_", None)
        names = given
        if input_features is not None:
            names = np.asarray(input_features, dtype=object)
            if len(names) != self.n_features_in_:
                raise ParameterError(
                    "input_features should have length equal to number of features "
                    f"({self.n_features_in_}), got {len(names)}."
                )
            if given is not None and names.tolist() != given.tolist():
                raise ParameterError("input_features is not equal to feature_names_in_.")
        elif names is None:
            names = [f"x{place}" for place in range(self.n_features_in_)]
        return np.array(self.encoding_.names(cast("Any", names)), dtype=object)

    @property
    def sparse_(self) -> bool:
        """Whether results are sparse."""
        return self.encoding_.sparse

    @property
    def levels_(self) -> dict[str, list[Any]]:
        """Levels of each category."""
        return {e.name: e.levels.tolist() for e in self._categories()}

    @property
    def counts_(self) -> dict[str, dict[Any, int]]:
        """Rows of the fit with each level."""
        pairs = {e.name: (e.levels.tolist(), e.counts.tolist()) for e in self._categories()}
        return {name: dict(zip(*both, strict=True)) for name, both in pairs.items()}

    @property
    def reference_(self) -> dict[str, Any]:
        """Reference level of each category."""
        return {e.name: e.reference for e in self._categories()}

    @property
    def pooled_(self) -> dict[str, list[Any]]:
        """Pooled levels of each category that has some."""
        some = [e for e in self._categories() if e.pooled_at is not None]
        return {e.name: e.levels[e.places == e.pooled_at].tolist() for e in some}

    @property
    def means_(self) -> dict[str, float]:
        """What stands for missing numbers."""
        return {e.name: e.mean for e in self.encoding_.columns if e.mean is not None}

    @property
    def n_missing_(self) -> dict[str, int]:
        """Rows of the fit without a value, by column."""
        return {e.name: e.n_missing for e in self.encoding_.columns}

    def _categories(self) -> list[ColumnEncoding]:
        return [encoding for encoding in self.encoding_.columns if encoding.kind == "category"]

    def _fit(self, X: Any) -> list[Column]:
        columns, names = self.first_columns(X)
        if self.missing == "drop":
            raise ParameterError(
                "missing='drop' is not possible in a transformer, which cannot drop the labels of "
                "the rows that it drops; drop such rows of X and y before the fit."
            )
        self.learn(columns, names)
        return columns

    def learn(self, columns: list[Column], names: list[str] | None) -> None:
        """Learn the encoding of columns that were read already, which are all there."""
        rules = self.rules()
        refused = [column for column in columns if rules.refuses(column.kind)]
        refuse_missing_values(refused, rules.hint)
        self.learn_summaries([summarise(column) for column in columns], names)

    def learn_summaries(self, columns: Sequence[ColumnSummary], names: list[str] | None) -> None:
        """Learn the encoding of columns of which no more is known than their summaries."""
        sparse = None if self.sparse == "auto" else bool(self.sparse)
        self.encoding_ = learn_table(columns, self.rules(), cast("Any", self.unseen), sparse)
        self.n_features_in_ = len(columns)
        vars(self).pop("feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)

    def rules(self) -> Rules:
        """Parameters that say how to learn, checked.

        Raises
        ------
        ParameterError
            If one cannot be used.
        """
        missing = cast("Any", self.missing)
        _one_of("missing", missing, ("refuse", "mean", "indicator", "drop"))
        _one_of("unseen", self.unseen, ("refuse", "pool"))
        _one_of("sparse", self.sparse, ("auto", True, False))
        count, reference = self.min_count, self.reference
        if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
            raise ParameterError(f"min_count={count!r} is not a positive whole number.")
        if isinstance(reference, Mapping):
            reference = {str(name): level for name, level in reference.items()}
        else:
            _one_of("reference", reference, ("first", "most_frequent"), " or a dict")
        return Rules(reference, int(count), missing)

    def first_columns(self, X: Any) -> tuple[list[Column], list[str] | None]:
        """Columns of rows to learn from, read, and their names where they have some."""
        if is_table(X):
            columns = read_table(X)
            return columns, [column.name for column in columns]
        X = self._array(X, reset=True)
        return read_array(X, tuple(map(str, range(X.shape[1])))), None

    def columns_of(self, X: Any) -> list[Column]:
        """Columns of other rows, read, in the order of the fit."""
        names = self.encoding_.input_names()
        named = hasattr(self, "feature_names_in_")
        if not is_table(X):
            if named:
                warn(
                    "X does not have valid feature names, but TableEncoder was fitted with "
                    "feature names",
                    stacklevel=4,
                )
            return read_array(self._array(X, reset=False), names)
        if named:
            return read_table(X, names)
        columns = read_table(X)
        if len(columns) != len(names):
            raise DataError(
                f"X has {len(columns)} features, but TableEncoder is expecting {len(names)} "
                "features as input."
            )
        warn("X has feature names, but TableEncoder was fitted without feature names", stacklevel=4)
        return columns

    def _array(self, X: Any, *, reset: bool) -> Any:
        if hasattr(X, "__dask_graph__"):
            raise DataError(
                "X is a Dask collection, and the encoder learns from rows in memory; give "
                "X.compute(), or give the encoder to LogisticRegression, which fits collections"
            )
        if isinstance(X, (list, tuple)):  # which NumPy would make text of, all of it
            X = np.asarray(X, dtype=object)
        if isinstance(X, np.ma.MaskedArray):  # which loses its mask on the way
            X = unmasked(X)
        return validate_data(self, X, dtype=None, ensure_all_finite=False, reset=reset)


def _one_of(name: str, value: Any, known: tuple[Any, ...], or_else: str = "") -> None:
    if not any(type(value) is type(one) and value == one for one in known):
        words = ", ".join(map(repr, known))
        raise ParameterError(f"{name}={value!r} is not known; use one of {words}{or_else}.")
