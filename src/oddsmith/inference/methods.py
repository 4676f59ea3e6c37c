"""What can be asked of an inference: tests, intervals, effects, predictions, diagnoses.

Each method is one call; the mathematics is in the file that the method's name says.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.data.formulas import Encoding
from oddsmith.data.frames import columns_of, frame_names, is_frame
from oddsmith.errors import DataError, ParameterError
from oddsmith.inference.collinearity import Collinearity, find_collinearity
from oddsmith.inference.contrasts import Contrasts, TermTests, contrasts
from oddsmith.inference.covariance import meat_of
from oddsmith.inference.diagnostics import Influence, Residuals, influence, residuals
from oddsmith.inference.effects import At, MarginalEffects, Method, marginal_effects
from oddsmith.inference.goodness import HosmerLemeshow, hosmer_lemeshow, pred_table
from oddsmith.inference.hypotheses import HypothesisTest, lr_test, score_test, wald_test
from oddsmith.inference.likelihood import CovarianceKind, Likelihood
from oddsmith.inference.predictions import Predictions, predictions
from oddsmith.inference.profile import profile_intervals
from oddsmith.inference.restrictions import Restriction, restriction
from oddsmith.inference.separation import Separation, find_separation

__all__ = ["Methods"]


class Methods:
    """Tests, intervals, effects, predictions and diagnoses of an `Inference`."""

    likelihood: Likelihood
    cov_type: CovarianceKind
    covariance: Array
    columns: tuple[str, ...]
    aliased: tuple[int, ...]
    encoding: Encoding | None

    @property
    def estimable(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which of the m parameters are not aliased."""
        raise NotImplementedError

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of an equation's parameters, the intercept first."""
        raise NotImplementedError

    @cached_property
    def _meat(self) -> Array | None:
        """Of the covariance that was asked for: a pass more where it is robust."""
        return meat_of(self.likelihood, self.cov_type)

    def __getstate__(self) -> dict[str, Any]:
        # A pickle is passed on, and must not carry what is known of each row.
        return {name: value for name, value in vars(self).items() if name != "residuals"}

    # Tests of hypotheses.

    def wald_test(self, restrictions: Any) -> HypothesisTest:
        """Wald test of any linear restrictions, with the covariance that was asked for.

        Parameters
        ----------
        restrictions : str, list, array or tuple
            - ``"gre"`` or ``["gre", "gpa"]``: these columns have no effect, in any equation; a
              categorical term such as ``"C(rank)"`` is all of its columns;
            - ``[("b", "gre")]``: for K > 2, the one coefficient of the class "b";
            - ``"gre = 2 * gpa, age = 0"``: linear equations, in every equation;
            - R of shape (d, m), or (R, r) for R params = r.

        Raises
        ------
        ParameterError
            If the restrictions cannot be read, or are linearly dependent.

        Examples
        --------
        >>> import oddsmith
        >>> data = {"dose": [1, 2, 3, 4, 5, 6, 7, 8], "alive": [1, 1, 0, 1, 1, 0, 0, 0]}
        >>> print(oddsmith.logit("alive ~ dose", data).wald_test("dose"))
        Wald test of dose = 0: chi2(1) = 2.30203, p = 0.1292
        """
        return wald_test(self.likelihood, self._restriction(restrictions), self.covariance)

    def t_test(self, restrictions: Any) -> Contrasts:
        """Linear combinations one by one: effect, standard error, z, p and interval of each.

        Parameters
        ----------
        restrictions : str, list, array or tuple
            As in `wald_test`, which tests them together.

        Raises
        ------
        ParameterError
            If the restrictions cannot be read, or are linearly dependent.

        Examples
        --------
        >>> import oddsmith
        >>> data = {"dose": [1, 2, 3, 4, 5, 6, 7, 8], "alive": [1, 1, 0, 1, 1, 0, 0, 0]}
        >>> print(oddsmith.logit("alive ~ dose", data).t_test("Intercept + 4 * dose = 0"))
        Intercept + 4 * dose = 0: 0.413438, std. error 0.980951, z = 0.4215, p = 0.6734
        """
        tested = self._restriction(restrictions)
        return contrasts(self.likelihood.params, self.covariance, tested)

    def wald_test_terms(self) -> TermTests:
        """Wald test of each term of the formula, or of each column where there was none."""
        columns = self.likelihood.column_names
        whole = ((name, (name,)) for name in self.columns)
        terms = tuple(whole if self.encoding is None else self.encoding.terms)
        if self.likelihood.objective.design.intercept:
            terms = ((columns[0], (columns[0],)), *terms)
        found: dict[str, HypothesisTest] = {}
        for term, own in terms:
            there = [name for name in own if name in columns]
            aliased = HypothesisTest("Wald", f"{term} = 0", np.nan, 0, np.nan)
            found[term] = self.wald_test(there) if there else aliased
        return TermTests(found)

    def lr_test(self, restrictions: Any, tol: float = 1e-12) -> HypothesisTest:
        """Likelihood-ratio test: one more fit, under the restrictions, proved to the same gap.

        Parameters
        ----------
        restrictions : str, list, array or tuple
            As in `wald_test`.
        tol : float
            Gap to prove (nats per unit of weight).

        Raises
        ------
        ParameterError
            If the restrictions cannot be read, or weights are sampling weights.
        DataError
            If the fit could not be proved.
        """
        return lr_test(self.likelihood, self._restriction(restrictions), tol)

    def score_test(self, restrictions: Any, tol: float = 1e-12) -> HypothesisTest:
        """Rao's score test: from the fit under the restrictions alone; see `lr_test`."""
        return score_test(self.likelihood, self._restriction(restrictions), tol)

    def profile_conf_int(
        self, alpha: float = 0.05, columns: Iterable[str] | None = None, tol: float = 1e-12
    ) -> Array:
        """Profile-likelihood intervals of level 1 - alpha, of shape (m, 2).

        Parameters
        ----------
        alpha : float
        columns : iterable of str, optional
            Those whose coefficients are wanted; the other rows are NaN, as are those of aliased
            columns.
        tol : float
            Gap to prove of each fit (nats per unit of weight).

        Returns
        -------
        array of shape (m, 2)
            An end is infinite where the likelihood never falls so far: where classes are
            separated.

        Raises
        ------
        ParameterError
            If an argument cannot be used, or weights are sampling weights.
        DataError
            If a fit on the way could not be proved.
        """
        names = self.likelihood.parameter_names
        if columns is not None:
            for name in (columns := [columns] if isinstance(columns, str) else list(columns)):
                self._known(name)
        wanted = [j for j, name in enumerate(names) if columns is None or name in columns]
        own = np.full((len(names), 2), np.nan)
        own[wanted] = profile_intervals(self.likelihood, alpha, wanted, tol)
        whole = np.full((self.estimable.size, 2), np.nan)
        whole[self.estimable] = own
        return whole

    # Effects and predictions.

    def get_margeff(
        self,
        at: At = "overall",
        method: Method = "dydx",
        atexog: dict[Any, float] | None = None,
        dummy: bool = False,
        count: bool = False,
    ) -> MarginalEffects:
        """Marginal effects with delta-method standard errors; see `effects.marginal_effects`.

        Parameters
        ----------
        at : "overall", "mean", "median", "zero" or "all"
        method : "dydx", "eyex", "dyex" or "eydx"
        atexog : dict, optional
            Columns, by name or by place in `column_names`, held at a value.
        dummy, count : bool
            Whether columns of 0 and 1, and of whole numbers, change by a difference.

        Raises
        ------
        ParameterError
            If an argument cannot be used.
        """
        names, held = self.column_names, {}
        for key, value in (atexog or {}).items():
            place = isinstance(key, int | np.integer) and 0 <= key < len(names)
            held[names[int(key)] if place else key] = value
        return marginal_effects(self.likelihood, at, method, held, dummy, count, self._meat)

    def get_prediction(self, X: Any = None, offset: Any = None) -> Predictions:
        """Probabilities with standard errors and intervals, of the rows of the fit or of others.

        Parameters
        ----------
        X : array, sparse matrix, data frame or dict of columns, of n rows, optional
            Other rows. After a formula a frame as the fit's: its columns are made as they were
            there, with the fit's levels, knots and means. Else the p columns of the fit.
        offset : array of shape (n,), or (n, K) for K > 2 classes, optional
            Of those rows; 0 if not given. One that a formula has, or that was a column of its
            data, is taken from X.

        Returns
        -------
        Predictions
            NaN for rows with missing values.

        Raises
        ------
        DataError
            If X has other columns, or a level that the fit has not seen.

        Examples
        --------
        >>> import oddsmith
        >>> data = {"dose": [1, 2, 3, 4, 5, 6, 7, 8], "alive": [1, 1, 0, 1, 1, 0, 0, 0]}
        >>> found = oddsmith.logit("alive ~ center(dose)", data)
        >>> found.get_prediction({"dose": [4.5, 9.0]}).predicted.round(3)
        array([0.5  , 0.024])
        """
        if X is None:
            return predictions(self.likelihood, meat=self._meat)
        rows, own = self._rows_of(X, offset is None)
        offset = own if offset is None else offset
        if offset is not None:
            offset = np.asarray(offset, dtype=np.float64)
            width = self.likelihood.objective.width
            shape = (rows.shape[0],) if width == 1 else (rows.shape[0], width)
            if offset.shape != shape:
                raise DataError(f"offset has shape {offset.shape}; give one of shape {shape}.")
        return predictions(self.likelihood, rows, offset, self._meat)

    def predict(self, X: Any = None, offset: Any = None) -> Array:
        """Probabilities of shape (n,), or (n, K) for K > 2 classes; see `get_prediction`."""
        return self.get_prediction(X, offset).predicted

    def _rows_of(self, X: Any, with_offset: bool) -> tuple[Any, Array | None]:
        """Rows with the likelihood's columns; and their offset, where X has it."""
        offset = None
        if isinstance(X, Mapping) or is_frame(X):
            names = set(X if isinstance(X, Mapping) else frame_names(X))
            made = self.encoding is None or not self.encoding.kinds.keys() <= names
            if self.encoding is None or (made and self.columns and names.issuperset(self.columns)):
                X = np.column_stack(list(columns_of(X, self.columns).values()))
            else:
                X, offset = self.encoding.rows_of(X, with_offset)
        elif not hasattr(X, "tocsr"):
            X = np.asarray(X)
        X = X.tocsr() if hasattr(X, "tocsr") else X.astype(np.float64, copy=False)
        if len(X.shape) != 2 or X.shape[1] != len(self.columns):
            raise DataError(
                f"X has shape {X.shape}; give the {len(self.columns)} columns of the fit: "
                f"{', '.join(map(quoted, self.columns[:12]))}."
            )
        kept = [j for j in range(len(self.columns)) if j not in self.aliased]
        return (X if len(kept) == len(self.columns) else X[:, kept]), offset

    # Row by row.

    @cached_property
    def residuals(self) -> Residuals:
        """Residuals of every kind."""
        return residuals(self.likelihood)

    @property
    def resid_response(self) -> Array:
        """Observed minus expected cases, of shape (n,), or (n, K) for K > 2 classes."""
        return self.residuals.response

    @property
    def resid_generalized(self) -> Array:
        """The same as `resid_response`."""
        return self.residuals.response

    @property
    def resid_pearson(self) -> Array:
        """Response residuals in units of their standard deviation, shaped like them."""
        return self.residuals.pearson

    @property
    def resid_dev(self) -> Array:
        """Deviance residuals, of shape (n,); without a sign for K > 2 classes."""
        return self.residuals.deviance

    @property
    def resid_misclassified(self) -> Array:
        """1 where the class was not the likeliest, 0 where it was, of shape (n,)."""
        raw = self.residuals
        if raw.margin.ndim == 2:
            wrong = raw.margin.argmax(axis=1) != raw.count.argmax(axis=1)
        elif self.likelihood.trials is not None:
            raise ParameterError("a row of counts has no one class; use resid_response.")
        else:
            wrong = (raw.margin > 0) != (raw.count == 1)
        there = np.isfinite(raw.weight)
        return np.where(there, wrong.astype(np.float64), np.nan)

    def get_influence(self) -> Influence:
        """Leverage, Cook's distance, dfbetas and more of each row, see `diagnostics.Influence`."""
        return influence(self.likelihood, self._meat)

    def pred_table(self, threshold: float = 0.5) -> Array:
        """Cases by class and predicted class, see `goodness.pred_table`."""
        return pred_table(self.likelihood, threshold)

    def hosmer_lemeshow(self, groups: int = 10) -> HosmerLemeshow:
        """Hosmer-Lemeshow test of the fit, see `goodness.hosmer_lemeshow`."""
        return hosmer_lemeshow(self.likelihood, groups)

    # What ails the fit.

    def collinearity(self) -> Collinearity:
        """Variance inflation factors and condition number, see `collinearity.find_collinearity`.

        Columns are numbered as in `likelihood.names`: those that are aliased were left out.
        """
        return find_collinearity(self.likelihood.objective)

    def vif(self) -> dict[str, float]:
        """Variance inflation factor of each column, by its name; NaN for aliased ones."""
        own = dict(zip(self.likelihood.names, self.collinearity().inflation, strict=True))
        return {name: float(own.get(name, np.nan)) for name in self.columns}

    def separation(self) -> Separation | None:
        """Columns that separate the classes, and the rows; see `separation.find_separation`.

        Columns are numbered as in `likelihood.names`; None where the rows show no separation.
        """
        if not self.likelihood.names:
            return None
        return find_separation(self.likelihood.objective, self.likelihood.coef)

    # Names.

    def _known(self, name: Any) -> None:
        if name in self.likelihood.column_names:
            return
        self._refuse_aliased(name)
        there = ", ".join(map(quoted, self.likelihood.column_names[:12]))
        raise ParameterError(f"there is no coefficient of {quoted(str(name))}; there are {there}.")

    def _refuse_aliased(self, name: Any) -> None:
        if name in [self.columns[j] for j in self.aliased]:
            raise ParameterError(
                f"the column {quoted(str(name))} is a linear combination of columns before it, and "
                "has no coefficient of its own to test; leave it out."
            )

    def _restriction(self, given: Any) -> Restriction:
        """Restrictions of the parameters that can be estimated."""
        for name in [given] if isinstance(given, str) else given if isinstance(given, list) else []:
            self._refuse_aliased(name[-1] if isinstance(name, tuple) and name else name)
        matrix = given if isinstance(given, np.ndarray) else None
        value: Any = 0.0
        if isinstance(given, tuple) and len(given) == 2 and not isinstance(given[0], str):
            matrix, value = np.asarray(given[0], dtype=np.float64), given[1]
        if matrix is None or matrix.shape[-1:] != self.estimable.shape:
            return restriction(self.likelihood, given)
        if np.asarray(matrix)[..., ~self.estimable].any():
            raise ParameterError(
                "the restrictions speak of columns that are linear combinations of others, and "
                "have no coefficients of their own; set those entries to 0."
            )
        return restriction(self.likelihood, (matrix[..., self.estimable], value))
