"""FirthLogisticRegression: finite, less biased estimates where classes are separated or rare."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import clone

from oddsmith.core.block import CountedSource
from oddsmith.core.columns import Columns
from oddsmith.core.labels import listed
from oddsmith.engines.threads import Threads
from oddsmith.errors import (
    CollinearityWarning,
    ConvergenceWarning,
    DataError,
    OddsmithWarning,
    ParameterError,
)
from oddsmith.estimators.door import admit, admit_columns, names_of
from oddsmith.estimators.inputs import row_offset, row_weights
from oddsmith.estimators.likelihood import Rows, in_unit, left_out, of_fit
from oddsmith.estimators.linear import LinearClassifier
from oddsmith.estimators.parameters import check_stopping
from oddsmith.estimators.training import fit_record
from oddsmith.inference.collinearity import Alias, find_collinearity
from oddsmith.inference.diagnosis import alias_text
from oddsmith.inference.firth import Jeffreys, LogF, Peak, Prior
from oddsmith.inference.likelihood import Likelihood
from oddsmith.inference.nested import some_columns
from oddsmith.inference.penalised import penalised_fit, penalised_inference
from oddsmith.solvers.curvature import cholesky
from oddsmith.solvers.minimise import made_ready
from oddsmith.views.penalised import PenalisedResults

__all__ = ["FirthLogisticRegression", "bias_reduced", "prepared"]

# What no solver is asked for here.
_TOL = 1e-12
# Standard errors by which coefficients of the same rows can differ.
_SAME = 1e-4


class FirthLogisticRegression(LinearClassifier):
    """Logistic regression of two classes with Firth's bias reduction.

    Maximises the log-likelihood plus half the logarithm of the information's determinant (Firth,
    1993): coefficients are finite whatever the data, and less biased where cases are few (Heinze
    and Schemper, 2002). The penalised likelihood need not be concave, so that, unlike everything
    else here, the maximum is not proved to be the only one: `decrement_` says how well the
    modified score vanishes.

    Parameters
    ----------
    prior : "jeffreys" or "log-f", default "jeffreys"
        Firth's penalty, or independent log-F(m, m) priors on the slopes (Greenland and Mansournia,
        2015), which depend on the units of the columns and leave the intercept alone.
    m : float, default 1.0
        Degrees of freedom of the log-F prior.
    correct_intercept : bool, default False
        FLIC: choose the intercept by maximum likelihood once the slopes are known, so that
        predicted probabilities sum to the number of events (Puhr and others, 2017).
    fit_intercept : bool, default True
    max_iter : int, default 500
    n_jobs : int or None
        Threads; None and -1 use all cores.
    encoder : TableEncoder or None
        As in `LogisticRegression`.

    Attributes
    ----------
    coef_ : array of shape (1, p)
        0 for columns that are combinations of those before.
    intercept_ : array of shape (1,)
    classes_ : array of shape (2,)
    n_iter_ : array of shape (1,)
    loglikelihood_ : float
        Penalised log-likelihood (nats).
    decrement_ : float
        Length of the last step (standard errors).
    converged_ : bool
        Whether it ended where rounding leaves nothing to gain.
    encoder_, coef_names_, feature_names_in_, target_, n_dropped_
        As in `LogisticRegression`.

    Examples
    --------
    >>> X, y = np.array([[0.0], [0], [0], [1], [1], [1]]), np.array([0, 0, 0, 1, 1, 1])
    >>> model = FirthLogisticRegression().fit(X, y)
    >>> model.coef_.round(6), model.predict_proba([[1.0]]).round(3)
    (array([[3.89182]]), array([[0.125, 0.875]]))
    >>> model.infer(X, y).conf_int().round(3)
    array([[-6.847,  0.387],
           [ 0.439,  9.748]])
    """

    def __init__(
        self,
        *,
        prior: Literal["jeffreys", "log-f"] = "jeffreys",
        m: float = 1.0,
        correct_intercept: bool = False,
        fit_intercept: bool = True,
        max_iter: int = 500,
        n_jobs: int | None = None,
        encoder: Any = None,
    ) -> None:
        self.prior = prior
        self.m = m
        self.correct_intercept = correct_intercept
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.encoder = encoder

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : array, sparse matrix (CSR, CSC) or data frame of shape (n, p)
        y : array of shape (n,)
            Two labels; the second in sorted order is the positive one.
        sample_weight : array of shape (n,), optional
            2 counts a row twice, 0 leaves it out: frequencies, not sampling weights.
        offset : array of shape (n,), optional
            Added to the margin with a fixed coefficient of 1.

        Returns
        -------
        FirthLogisticRegression
            The estimator itself.

        Raises
        ------
        DataError
            If the data cannot be fitted.
        ParameterError
            If a parameter cannot be used, or there are more than two classes.

        Warns
        -----
        CollinearityWarning, ConvergenceWarning
        """
        rows, admitted = self._rows(X, y, sample_weight, offset)
        prior = _prior(self.prior, self.m)
        start, aliases = prepared(rows, admitted, self.n_jobs)
        found, peak = penalised_fit(
            start, prior, correct_intercept=self.correct_intercept, max_iter=self.max_iter
        )
        self._keep(rows, found, peak, aliases)
        said = _complaints(peak, aliases, names_of(self))
        self._record = fit_record(
            rows.labels.index.size,
            None,
            tuple(message for _, message in said),
            None,
            tuple(sorted(alias.column for alias in aliases)),
        )
        for category, message in said:
            warnings.warn(message, category, stacklevel=2)
        return self

    def _rows(
        self, X: Any, y: Any, sample_weight: Any, offset: Any
    ) -> tuple[Rows, Callable[[CountedSource], Columns]]:
        check_stopping(_TOL, self.max_iter)
        given = admit(self, X, y)
        X, labels = given.X, given.labels
        n, p = X.shape
        known = names_of(self)
        rows = Rows(
            X,
            labels,
            tuple(f"x{j + 1}" for j in range(p)) if known is None else tuple(map(str, known)),
            row_weights(given.beside(sample_weight), None, labels),
            row_offset(given.beside(offset), n, 1),
            intercept=bool(self.fit_intercept),
            target=self.target_ or "y",
            counted=given.kept,
        )

        def admitted(source: CountedSource) -> Columns:
            return admit_columns(self, source, X, 1, penalised=False)

        return left_out(in_unit(rows)), admitted

    def _keep(self, rows: Rows, found: Likelihood, peak: Peak, aliases: tuple[Alias, ...]) -> None:
        gone = {alias.column for alias in aliases}
        w, b = found.objective.to_user(found.coef)
        self.classes_ = rows.labels.classes
        self.coef_ = np.zeros((1, len(rows.names)))
        self.coef_[0, [j for j in range(len(rows.names)) if j not in gone]] = w[:, 0]
        self.intercept_ = b
        self.n_iter_ = np.array([max(1, peak.n_iter)])
        self.loglikelihood_ = peak.point.value
        self.decrement_ = peak.decrement
        self.converged_ = peak.stopped != "max_iter"

    def infer(
        self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None
    ) -> PenalisedResults:
        """Infer by the penalised likelihood: tests and intervals, of the rows of the fit.

        They are fitted again, as this estimator has kept none of them.

        Parameters
        ----------
        X, y, sample_weight, offset
            As they were given to `fit`.

        Returns
        -------
        PenalisedResults
            Frozen, with statsmodels' names: `summary()` shows it all.

        Raises
        ------
        DataError
            If these are not the rows of the fit, or its parameters have been changed.
        """
        model: Any = clone(self)
        rows, admitted = model._rows(X, y, sample_weight, offset)
        found = bias_reduced(
            rows,
            admitted,
            _prior(self.prior, self.m),
            correct_intercept=self.correct_intercept,
            max_iter=self.max_iter,
            n_jobs=self.n_jobs,
        )
        if hasattr(self, "coef_"):
            self._refuse_another(found)
        return found

    def _refuse_another(self, found: PenalisedResults) -> None:
        own = np.append(self.intercept_ if self.fit_intercept else [], self.coef_[0])
        same = own.shape == found.params.shape and found.classes == tuple(self.classes_.tolist())
        away = np.abs(np.nan_to_num(found.params) - own) / found.bse if same else np.inf
        if np.any(away > _SAME):
            raise DataError(
                "these rows have other coefficients than the fit: give the rows, weights and "
                "offset that it was fitted to, with its parameters, or fit to these."
            )


def _prior(name: Any, m: Any) -> Prior:
    if name == "jeffreys":
        return Jeffreys()
    if name != "log-f":
        raise ParameterError(f"prior={name!r} is not known; use 'jeffreys' or 'log-f'.")
    if not (isinstance(m, Real) and 0.0 < float(m) < np.inf):
        raise ParameterError(f"m={m!r} must be a positive number; 1 is usual.")
    return LogF(float(m))


def prepared(
    rows: Rows, admitted: Callable[[CountedSource], Columns], n_jobs: int | None
) -> tuple[Likelihood, tuple[Alias, ...]]:
    """Likelihood at slopes of 0 of the columns that are not aliased, and the others.

    Columns that are combinations to six digits are left out as well: no information matrix in
    floats can tell what they add.
    """
    K = rows.labels.classes.size
    if K > 2:
        # The first sentence is the one that scikit-learn expects.
        raise ParameterError(
            f"Only binary classification is supported. There are {K} classes: compare them two at "
            "a time, or give a ridge penalty, LogisticRegression(C=1)."
        )
    with Threads(rows.blocks(), n_jobs) as threads:
        columns = admitted(CountedSource(threads))
    task = rows.task(_TOL)
    # Offsets that share a part are met by the intercept before the walk begins.
    start = np.zeros(1) if task.offset is None or not rows.intercept else -task.offset
    whole = of_fit(rows, columns, np.zeros((len(rows.names), 1)), start, task, n_jobs)
    gram = whole.objective.gram()
    factor = cholesky(gram)
    aliases: tuple[Alias, ...] = ()
    if gram.size and (factor is None or not factor.good):
        found = find_collinearity(whole.objective)
        aliases = tuple(sorted((*found.aliases, *found.near), key=lambda one: one.column))
    if aliases:
        gone = {one.column for one in aliases}
        kept = [j for j in range(len(rows.names)) if j not in gone]
        whole = some_columns(whole, kept, intercept=rows.intercept)
        zeros = np.zeros((len(kept), 1))
        whole = replace(whole, coef=whole.objective.from_user(zeros, start))
    if not rows.sparse:
        whole = replace(whole, objective=made_ready(whole.objective))
    return whole, aliases


def bias_reduced(
    rows: Rows,
    admitted: Callable[[CountedSource], Columns],
    prior: Prior,
    *,
    correct_intercept: bool = False,
    max_iter: int = 500,
    n_jobs: int | None = None,
    stacklevel: int = 3,
) -> PenalisedResults:
    """Inference of a bias-reduced fit, and its warnings given.

    Parameters
    ----------
    rows : Rows
        Of positive weight.
    admitted : callable
        Finds where the columns lie, or raises what is wrong with them.
    prior, correct_intercept, max_iter, n_jobs
        As in `FirthLogisticRegression`.
    stacklevel : int
    """
    start, aliases = prepared(rows, admitted, n_jobs)
    found, peak = penalised_fit(
        start, prior, correct_intercept=correct_intercept, max_iter=max_iter
    )
    said = _complaints(peak, aliases, rows.names)
    if rows.fractional:
        said.append(
            (
                OddsmithWarning,
                "weights are not whole numbers, and were taken for numbers of times that a row "
                "was seen, which is what bias reduction needs to know.",
            )
        )
    for category, message in said:
        warnings.warn(message, category, stacklevel=stacklevel)
    return penalised_inference(
        found,
        peak,
        prior,
        columns=rows.names,
        aliased=tuple(one.column for one in aliases),
        target=rows.target,
        warnings=tuple(message for _, message in said),
        corrected=correct_intercept,
        kind=PenalisedResults,
    )


def _complaints(
    peak: Peak, aliases: tuple[Alias, ...], names: Any
) -> list[tuple[type[UserWarning], str]]:
    found: list[tuple[type[UserWarning], str]] = []
    if aliases:
        several = len(aliases) > 1
        equations = listed([alias_text(one, names) for one in aliases], 3)
        found.append(
            (
                CollinearityWarning,
                f"{'columns are' if several else 'a column is'} a linear combination of those "
                f"before: {equations}; {'they were' if several else 'it was'} left out of the fit.",
            )
        )
    if peak.stopped == "max_iter":
        found.append(
            (
                ConvergenceWarning,
                f"the walk stopped after max_iter={peak.n_iter} steps, the last of "
                f"{peak.decrement:.2g} standard errors; raise max_iter.",
            )
        )
    return found
