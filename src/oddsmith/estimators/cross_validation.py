"""LogisticRegressionCV: the penalty that predicts held-out rows best, every fold's fit proved."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.model_selection import check_cv

from oddsmith.core.stable import Array
from oddsmith.errors import ConvergenceWarning, DataError, OddsmithWarning, ParameterError
from oddsmith.estimators.door import (
    Admitted,
    admit,
    column_places,
    is_collection,
    name_bad_entry,
    names_of,
    tell_dropped,
)
from oddsmith.estimators.folds import Given, Paths, kinked_paths, ridge_paths
from oddsmith.estimators.held_out import Rule, choose_penalty, log_loss, score, scorer_of
from oddsmith.estimators.inputs import (
    class_weights,
    refuse_rare_classes,
    row_offset,
    row_weights,
)
from oddsmith.estimators.labels import Encoded
from oddsmith.estimators.linear import LinearClassifier
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.estimators.parameters import (
    check_stopping,
    column_limits,
    elastic_net,
    penalty_grid,
)
from oddsmith.estimators.parts import Rows
from oddsmith.estimators.trained import Complaints
from oddsmith.solvers.run import Watch
from oddsmith.views.files_progress import files_progress
from oddsmith.views.progress import counted_progress

__all__ = ["LogisticRegressionCV", "choose_by_parts", "learner_of"]

# What there is of a fit to all rows alone.
_OF_THE_FIT = (
    "n_iter_",
    "n_passes_",
    "objective_",
    "optimality_gap_",
    "converged_",
    "solver_",
    "history_",
    "_record",
)


# What the rows teach of their columns.
_OF_THE_COLUMNS = (
    "encoder_",
    "feature_names_in_",
    "n_features_in_",
    "target_",
    "n_rows_",
    "n_dropped_",
)


@dataclass(frozen=True, slots=True)
class _Fold:
    """Rows to fit and rows to judge by, by number."""

    number: int
    train: np.ndarray[Any, Any]
    test: np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class _Rows:
    """What there is of each row."""

    X: Any
    y: np.ndarray[Any, Any]
    labels: Encoded
    weight: Array | None
    class_weight: dict[Any, float] | None
    offset: Array | None

    def part(self, rows: np.ndarray[Any, Any]) -> dict[str, Any]:
        """Arguments of `LogisticRegression.fit` for some of the rows."""
        return {
            "X": self.X[rows],
            "y": self.y[rows],
            "sample_weight": None if self.weight is None else self.weight[rows],
            "offset": None if self.offset is None else self.offset[rows],
        }


class LogisticRegressionCV(LinearClassifier):
    """Logistic regression whose penalty is chosen by cross-validation.

    For every fold and every l1_ratio the penalties are fitted from the strongest on, each from
    where the last one ended, and each to a proved optimum; the held-out rows are scored, and the
    chosen penalty is fitted to all rows (Hastie, Tibshirani and Friedman, 2009, 7.10.1).

    Parameters
    ----------
    Cs : int or array of floats, default 10
        Inverse penalties, or how many: these are spaced evenly in the logarithm, from where the
        penalty leaves next to nothing to where it is next to nothing itself (see `Cs_`).
    l1_ratios : array of floats, default (0.0,)
        Shares of the L1 penalty that are tried.
    fit_intercept : bool, default True
    cv : int, splitter of scikit-learn, iterable of (train, test), or None
        5 folds if None, each class shared out evenly.
    class_weight : dict, "balanced" or None
        Multiplies the weights in the fits; "balanced" by the frequencies in all rows. Scores are
        weighted by `sample_weight` alone.
    scoring : str or callable, default "neg_log_loss"
        What decides: a scorer of scikit-learn. Accuracy changes in steps and says little about
        probabilities (scikit-learn#33214), so it is not the default.
    rule : {"best", "1se"}, default "best"
        The best mean score; or the strongest penalty whose mean score is within one standard
        error of it (Breiman, Friedman, Olshen and Stone, 1984, 3.4.3).
    refit : bool, default True
        Whether the chosen penalty is fitted to all rows; else coefficients are the folds' mean.
    solver, tol, max_iter, random_state, n_jobs, penalty_factors, lower_bounds, upper_bounds
        As in `LogisticRegression`.
    encoder : TableEncoder or None
        As in `LogisticRegression`. It learns from all rows, and from no label, before they are
        shared out to the folds: which levels there are, which are rare, and the mean that stands
        for a missing number. `GridSearchCV` of a `LogisticRegression` encodes fold by fold.
    verbose : int, default 0
        1 shows progress on standard error.

    Attributes
    ----------
    C_, l1_ratio_ : float
        The chosen penalty.
    C_best_, C_1se_ : float
        What each `rule` chooses, at l1_ratio_.
    Cs_ : array of shape (n_Cs,)
        Ascending.
    l1_ratios_ : array of shape (n_l1_ratios,)
    scores_ : array of shape (n_folds, n_l1_ratios, n_Cs)
        Greater is better.
    losses_ : array of shape (n_folds, n_l1_ratios, n_Cs)
        Mean log loss of the held-out rows (nats per unit of weight), whatever `scoring` is.
    gaps_ : array of shape (n_folds, n_l1_ratios, n_Cs)
        `optimality_gap_` of every fit.
    coefs_paths_ : array of shape (n_folds, n_l1_ratios, n_Cs, 1 or K, p + 1)
        Coefficients of every fit, the intercept last; p numbers without one.
    coef_, intercept_, classes_, n_iter_, objective_, optimality_gap_, converged_, solver_
        Of the fit to all rows, as in `LogisticRegression`; n_iter_ and the three after it only
        with refit=True.
    encoder_, coef_names_, feature_names_in_, target_, n_dropped_
        As in `LogisticRegression`.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LogisticRegressionCV(Cs=[0.01, 0.1, 1.0, 10.0]).fit(scale(X), y)
    >>> model.C_, round(float(model.losses_.mean(axis=0).min()), 3)
    (1.0, 0.08)
    """

    def __init__(
        self,
        *,
        Cs: Any = 10,
        l1_ratios: Any = (0.0,),
        fit_intercept: bool = True,
        cv: Any = None,
        class_weight: Any = None,
        scoring: Any = "neg_log_loss",
        rule: Rule = "best",
        refit: bool = True,
        solver: Any = "auto",
        tol: float = 1e-12,
        max_iter: int | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        penalty_factors: Any = None,
        lower_bounds: Any = None,
        upper_bounds: Any = None,
        encoder: Any = None,
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.class_weight = class_weight
        self.scoring = scoring
        self.rule: Rule = rule
        self.refit = refit
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.penalty_factors = penalty_factors
        self.lower_bounds = lower_bounds
        self.upper_bounds = upper_bounds
        self.encoder = encoder

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        offset: Any = None,
        groups: Any = None,
    ) -> Self:
        """Choose the penalty, and fit all rows with it.

        Parameters
        ----------
        X : array, sparse matrix (CSR, CSC), table or Dask collection of shape (n, p)
            Of a collection, folds are by order (`cv` a number, StratifiedKFold or KFold without
            shuffle), and `scoring` is "neg_log_loss" or "accuracy".
        y : array or column of shape (n,)
        sample_weight : array of shape (n,), optional
            Used in the fits and in the scores.
        offset : array of shape (n,), or (n, K) for K > 2 classes, optional
        groups : array of shape (n,), optional
            For a splitter that keeps groups together.

        Returns
        -------
        LogisticRegressionCV
            The estimator itself.

        Raises
        ------
        DataError
            If the data cannot be fitted, a fold lacks a class, or no penalty has a score.
        ParameterError
            If a parameter cannot be used.

        Warns
        -----
        ConvergenceWarning
            If the optimum of some fold was not proved, with how many.
        SeparationWarning, CollinearityWarning, SolverWarning
            Of the fit to all rows.
        """
        if self.rule not in ("best", "1se"):
            raise ParameterError(f"rule={self.rule!r} is not known; use 'best' or '1se'.")
        check_stopping(self.tol, self.max_iter)
        if is_collection(X):
            for kind, message in _fit_collection(self, X, y, sample_weight, offset, groups):
                warnings.warn(message, kind, stacklevel=2)
            return self
        admitted = admit(self, X, y)
        tell_dropped(self)
        X, labels = admitted.X, admitted.labels
        error = name_bad_entry(X, names_of(self))
        if error is not None:
            raise error
        if offset is not None and self.scoring != "neg_log_loss":
            raise ParameterError(
                f"scoring={self.scoring!r} knows no offset; use 'neg_log_loss', or none."
            )
        X = X.tocsr() if hasattr(X, "tocsr") else X
        rows = self._rows(X, labels, admitted.beside(sample_weight), admitted.beside(offset))
        groups = admitted.beside(groups)
        self.Cs_, self.l1_ratios_ = penalty_grid(
            self.Cs, self.l1_ratios, X, labels.index, rows.weight
        )
        folds = list(self._folds(rows, groups))
        if not folds:
            raise ParameterError(f"cv={self.cv!r} gives no folds; give at least one (train, test).")
        self._search(rows, folds)
        shares = [fold.test.size for fold in folds]
        if rows.weight is not None:
            shares = [float(rows.weight[fold.test].sum()) for fold in folds]
        self._choose(np.array(shares))
        self.classes_ = labels.classes
        if self.refit:
            self._refit(admitted, rows)
        else:
            self._average()
        return self

    def _rows(self, X: Any, labels: Encoded, sample_weight: Any, offset: Any) -> _Rows:
        n, K = X.shape[0], labels.classes.size
        weight = row_weights(sample_weight, None, labels)
        by_class = None
        if self.class_weight is not None:
            # By the frequencies in all rows, so that every fold minimises the same function.
            every = np.broadcast_to(1.0, n) if weight is None else weight
            numbers = class_weights(self.class_weight, every, labels).tolist()
            by_class = dict(zip(labels.classes.tolist(), numbers, strict=True))
        return _Rows(
            X,
            labels.classes[labels.index],
            labels,
            weight,
            by_class,
            row_offset(offset, n, 1 if K == 2 else K),
        )

    def _folds(self, rows: _Rows, groups: Any) -> Iterator[_Fold]:
        """Folds of the splitter, each with every class in the rows to fit."""
        index, classes = rows.labels.index, rows.labels.classes
        if self.cv is None or isinstance(self.cv, Integral):
            counts = np.bincount(index, minlength=classes.size)
            refuse_rare_classes(counts, classes, 5 if self.cv is None else int(self.cv))
        cv: Any = self.cv
        splitter: Any = check_cv(cv, index, classifier=True)
        counted = np.ones(index.size, dtype=bool) if rows.weight is None else rows.weight > 0
        for number, parts in enumerate(splitter.split(rows.X, index, groups)):
            train, test = (_numbered(part, index.size, number) for part in parts)
            seen = np.bincount(index[train][counted[train]], minlength=classes.size)
            if not seen.all():
                label = classes.tolist()[int(np.argmin(seen))]
                raise DataError(
                    f"fold {number} (from 0) has no row of class {label!r} to fit; use fewer "
                    "folds, or a splitter that shares out each class, such as StratifiedKFold."
                )
            if not counted[test].any():
                raise DataError(f"fold {number} (from 0) has no row of positive weight to score.")
            yield _Fold(number, train, test)

    def _model(self, C: float, l1_ratio: float, **more: Any) -> LogisticRegression:
        return LogisticRegression(
            C,
            l1_ratio=l1_ratio,
            fit_intercept=self.fit_intercept,
            solver=self.solver,
            tol=self.tol,
            max_iter=self.max_iter,
            random_state=self.random_state,
            n_jobs=self.n_jobs,
            **self._limits(),
            **more,
        )

    def _limits(self) -> dict[str, Any]:
        """Factors and bounds of the encoded columns, which the folds' rows have no names for."""
        names = ("penalty_factors", "lower_bounds", "upper_bounds")
        given = [getattr(self, name) for name in names]
        if any(isinstance(one, Mapping) for one in given):
            known = names_of(self)
            p = 0 if known is None else len(known)
            factors, lower, upper = given
            limits: Any = column_limits(factors, lower, upper, p, lambda: column_places(self))
            found = (limits.factors, limits.lower, limits.upper)
            given = [None if one is None else own for one, own in zip(given, found, strict=True)]
        return dict(zip(names, given, strict=True))

    def _search(self, rows: _Rows, folds: list[_Fold]) -> None:
        """Fit and score every fold, ratio and penalty."""
        shape = (len(folds), self.l1_ratios_.size, self.Cs_.size)
        self.scores_, self.losses_, self.gaps_ = np.empty((3, *shape))
        width = 1 if rows.labels.classes.size == 2 else rows.labels.classes.size
        length = rows.X.shape[1] + bool(self.fit_intercept)
        self.coefs_paths_ = np.empty((*shape, width, length))
        steps = counted_progress(bool(self.verbose), len(folds) * self.l1_ratios_.size, "fold")
        with steps as tick, warnings.catch_warnings():
            # What is said of every fold's fits is said once, of all of them together.
            warnings.simplefilter("ignore", OddsmithWarning)
            for r, ratio in enumerate(self.l1_ratios_.tolist()):
                known = self._known(rows, folds, ratio)
                for fold in folds:
                    self._follow(rows, fold, r, ratio, next(known, None))
                    tick()
        for kind, message in self._late():
            warnings.warn(message, kind, stacklevel=4)

    def _late(self) -> Complaints:
        """Say how many fits of the folds are not proved, if any is."""
        late = int((~(self.gaps_ <= self.tol)).sum())
        if not late:
            return []
        return [
            (
                ConvergenceWarning,
                f"{late} of {self.gaps_.size} fits of the folds are not proved to be within "
                f"tol={self.tol:.1e} of their optimum (the worst is within {self.gaps_.max():.1e} "
                "nats per unit of weight, see gaps_); raise max_iter, or leave out the largest Cs.",
            )
        ]

    def _known(self, rows: _Rows, folds: list[_Fold], ratio: float) -> Iterator[Paths]:
        """Fits of each fold that are made together, where no other way was asked for."""
        if self.solver != "auto" or self.max_iter is not None or not np.isfinite(self.Cs_).all():
            return iter(())
        weight = row_weights(rows.weight, rows.class_weight, rows.labels)
        given = Given(rows.X, rows.labels.index, weight, rows.offset, bool(self.fit_intercept))
        parts = [(fold.train, fold.test) for fold in folds]
        tol, limits = float(self.tol), self._limits()
        if ratio > 0:
            return kinked_paths(given, parts, self.Cs_, ratio, tol, self.n_jobs, limits)
        if any(limit is not None for limit in limits.values()):
            return iter(())
        return ridge_paths(given, parts, 1.0 / self.Cs_, tol, self.n_jobs)

    def _follow(self, rows: _Rows, fold: _Fold, r: int, ratio: float, known: Paths | None) -> None:
        """Fit a fold's penalties from the strongest on, but those that are known; score each."""
        model = self._model(1.0, ratio, class_weight=rows.class_weight, warm_start=True)
        vars(model).update(classes_=rows.labels.classes, n_features_in_=rows.X.shape[1])
        scorer = scorer_of(model, self.scoring)
        # Rows are copied out if they are needed.
        train, test = cache(lambda: rows.part(fold.train)), cache(lambda: rows.part(fold.test))
        index = rows.labels.index[fold.test]
        for c, C in enumerate(self.Cs_.tolist()):
            model.C = C
            at, held_out = (fold.number, r, c), None
            if known is not None and known.gaps[c] <= self.tol:
                model.coef_, model.intercept_ = known.coef[c], known.intercept[c]
                # Class weights are for fitting alone.
                held_out = known.held_out if rows.class_weight is None else None
                self.gaps_[at] = known.gaps[c]
            else:
                model.fit(**train())
                self.gaps_[at] = model.optimality_gap_
            own = [model.coef_, model.intercept_[:, None]]
            self.coefs_paths_[at] = np.hstack(own if self.fit_intercept else own[:1])
            loss = log_loss(model, test(), index) if held_out is None else held_out[c]
            self.losses_[at] = loss
            self.scores_[at] = -loss if scorer is None else score(scorer, model, test())

    def _choose(self, shares: Array) -> None:
        rules: tuple[Rule, Rule] = ("best", "1se")
        found = [choose_penalty(self.scores_, shares, rule) for rule in rules]
        self.C_best_, self.C_1se_ = (float(self.Cs_[c]) for _, c in found)
        r, c = found[rules.index(self.rule)]
        self.C_, self.l1_ratio_ = float(self.Cs_[c]), float(self.l1_ratios_[r])
        self._chosen = (r, c)

    def _refit(self, admitted: Admitted, rows: _Rows) -> None:
        model = self._model(
            self.C_, self.l1_ratio_, class_weight=rows.class_weight, verbose=self.verbose
        )
        for name in ("encoder_", "feature_names_in_", "n_features_in_"):  # of which warnings speak
            if hasattr(self, name):
                setattr(model, name, getattr(self, name))
        for kind, message in model.fit_admitted(admitted, rows.weight, rows.offset):
            warnings.warn(message, kind, stacklevel=3)
        self._take(model)

    def _take(self, model: LogisticRegression) -> None:
        """Keep the fit to all rows."""
        for name in ("coef_", "intercept_", *_OF_THE_FIT):
            setattr(self, name, getattr(model, name))

    def _average(self) -> None:
        mean = self.coefs_paths_[:, self._chosen[0], self._chosen[1]].mean(axis=0)
        p = mean.shape[1] - bool(self.fit_intercept)
        self.coef_ = np.ascontiguousarray(mean[:, :p])
        self.intercept_ = mean[:, p] if self.fit_intercept else np.zeros(mean.shape[0])
        for name in _OF_THE_FIT:  # of an earlier fit with refit=True
            vars(self).pop(name, None)


def _fit_collection(
    model: LogisticRegressionCV, X: Any, y: Any, weight: Any, offset: Any, groups: Any
) -> Complaints:
    # Few have a cluster, and its libraries take a while to import.
    from oddsmith.estimators.dask import collection_rows, dask_client
    from oddsmith.estimators.parts_selection import check_search

    check_search(model.cv, model.scoring, groups, offset)
    with dask_client() as client, files_progress(bool(model.verbose)) as told:
        learner = learner_of(model)
        rows = collection_rows(learner, client, X, y, weight, offset)
        rows.source.watch = told.began
        return choose_by_parts(model, learner, rows, watch=told.iteration)


def learner_of(model: LogisticRegressionCV) -> LogisticRegression:
    """Make the classifier that is fitted in each fold of rows in parts, and learns the columns."""
    return LogisticRegression(
        l1_ratio=1.0,
        fit_intercept=model.fit_intercept,
        class_weight=model.class_weight,
        solver=model.solver,
        tol=model.tol,
        max_iter=model.max_iter,
        random_state=model.random_state,
        verbose=model.verbose,
        penalty_factors=model.penalty_factors,
        lower_bounds=model.lower_bounds,
        upper_bounds=model.upper_bounds,
        encoder=model.encoder,
    )


def choose_by_parts(
    model: LogisticRegressionCV,
    learner: LogisticRegression,
    rows: Rows,
    *,
    watch: Watch | None = None,
) -> Complaints:
    """Choose the penalty by rows in parts and fit all of them; return what there is to warn of.

    Parameters
    ----------
    model : LogisticRegressionCV
        It keeps the choice and the fit; `check_search` found nothing to refuse.
    learner : LogisticRegression
        Of `learner_of`, which the rows have taught their columns.
    rows : Rows
    watch : callable, optional
        Called once per iteration of the fit to all rows.
    """
    from oddsmith.estimators.parts import fit_rows
    from oddsmith.estimators.parts_selection import search

    for name in _OF_THE_COLUMNS:
        vars(model).pop(name, None)
        if hasattr(learner, name):
            setattr(model, name, getattr(learner, name))
    tell_dropped(model)
    found = search(learner, rows, model.Cs, model.l1_ratios, model.cv, model.scoring)
    model.Cs_, model.l1_ratios_ = found.Cs, found.l1_ratios
    model.scores_, model.losses_, model.gaps_ = found.scores, found.losses, found.gaps
    model.coefs_paths_ = found.coefs
    model._choose(found.shares)
    model.classes_ = rows.training.classes
    said = model._late()
    if not model.refit:
        model._average()
        return said
    learner.C, learner.l1_ratio = model.C_, model.l1_ratio_
    l1, l2 = elastic_net(model.C_, model.l1_ratio_)
    said += fit_rows(learner, replace(rows, training=rows.penalised(l1, l2)), watch=watch)
    model._take(learner)
    return said


def _numbered(part: Any, n: int, number: int) -> np.ndarray[Any, Any]:
    """Rows of a fold by number, also where a mask or a list says which."""
    rows = np.asarray(part)
    if rows.dtype.kind == "b" and rows.shape == (n,):
        return np.flatnonzero(rows)
    whole = rows.dtype.kind in "iu" or rows.size == 0
    if rows.ndim != 1 or not whole or not ((rows >= -n) & (rows < n)).all():
        raise ParameterError(
            f"fold {number} (from 0) of cv does not say which of the {n} rows it takes; give their "
            f"numbers, from 0 to {n - 1}, or a mask of shape ({n},)."
        )
    return rows.astype(np.intp)
