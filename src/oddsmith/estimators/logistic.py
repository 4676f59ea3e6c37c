"""LogisticRegression: scikit-learn's contract, with a proof of optimality on every fit."""

import warnings
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from oddsmith.core.block import CountedSource
from oddsmith.core.columns import Columns, Standardisation, column_statistics
from oddsmith.core.fit import Fit
from oddsmith.core.labels import column_name
from oddsmith.core.matrix import design_matrix
from oddsmith.core.stable import Array, log1pexp, logsumexp, sigmoid, softmax
from oddsmith.data.memory import memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.errors import DataError, SolverWarning
from oddsmith.estimators.inputs import (
    Encoded,
    encode_labels,
    in_range,
    known_classes,
    known_index,
    name_bad_entry,
    name_text_column,
    row_offset,
    row_weights,
)
from oddsmith.estimators.parameters import (
    check_stopping,
    elastic_net,
    refuse_balanced,
    seed_of,
)
from oddsmith.solvers.choose import FOREIGN
from oddsmith.solvers.gradient_descent import GradientDescent
from oddsmith.solvers.minimise import Task, minimise
from oddsmith.solvers.run import Solver
from oddsmith.solvers.stream import Streamed, stream
from oddsmith.views.complaints import complaints
from oddsmith.views.progress import training_progress

__all__ = ["LogisticRegression"]

# Columns narrower than the smallest normal float have coefficients beyond the largest one.
_LEAST_SPREAD = 2.0**-1021


def _goes_on(model: Any) -> bool:
    """Whether `partial_fit` can go on with the solver, rows coming in parts; scikit-learn asks."""
    solver = model.solver
    if not isinstance(solver, GradientDescent):
        if solver == GradientDescent.name:
            return True
        raise AttributeError("partial_fit needs solver=GradientDescent(...)")
    if solver.standardize:
        raise AttributeError(
            "partial_fit has a part of the rows, and standardize=True needs all of them; scale "
            "the rows before, for example with scikit-learn's StandardScaler"
        )
    if solver.early_stopping:
        raise AttributeError("partial_fit runs as often as it is called; set early_stopping=False")
    return True


class LogisticRegression(ClassifierMixin, BaseEstimator):
    """Logistic regression for two or more classes, fitted to a proved optimum.

    Minimises, over the coefficients w (the intercept is never penalised),

        C * sum_i s_i loss_i + (1 - l1_ratio) / 2 ||w||^2 + l1_ratio ||w||_1,

    with loss_i the negative log-likelihood of row i (nats) and s_i its weight: binary for two
    classes, softmax for more (Hastie, Tibshirani and Friedman, 2009, 4.4).

    Parameters
    ----------
    C : float, default 1.0
        Inverse of the penalty; ``numpy.inf`` is no penalty.
    l1_ratio : float, default 0.0
        Share of the L1 penalty, which sets coefficients to exactly 0. Above 0 it is fitted by
        `GradientDescent` only so far; other solvers refuse it.
    fit_intercept : bool, default True
    class_weight : dict, "balanced" or None
        Multiplies the weights of the rows of a class, as in scikit-learn.
    solver : str or solver object, default "auto"
        "auto", "newton-cholesky", "newton-cg", "lbfgs", "gradient-descent", or an object from
        `oddsmith.solvers`. All reach the same optimum; "liblinear", "sag" and "saga" run "auto".
    tol : float, default 1e-12
        The fit ends when its objective is proved to be within tol of the minimum (nats per unit
        of weight), with every solver.
    max_iter : int or None
        Iterations at the most; the solver's own limit if None.
    warm_start : bool, default False
        Start from the coefficients of the last fit, where shapes agree.
    random_state : int, RandomState or None
        Seeds the order of minibatches and the normal start of `GradientDescent`, the only
        solver that draws at random; None is 0, so that a fit can be repeated.
    n_jobs : int or None
        Threads; None and -1 use all cores. The coefficients are the same bits for any number.
    verbose : int, default 0
        1 shows progress on standard error.
    penalty : None, "l2", "l1" or "elasticnet"
        As scikit-learn's users used to write: None is ``C=inf``, "l1" is ``l1_ratio=1``.
    record_coef : bool, default False
        Whether `history_` keeps the coefficients of every iteration, to replay the fit.

    Attributes
    ----------
    coef_ : array of shape (1, p), or (K, p) for K > 2 classes
    intercept_ : array of shape (1,) or (K,)
    classes_ : array of shape (K,)
        Sorted; of two, the second is the positive one.
    n_iter_ : array of shape (1,)
    n_passes_ : int
        How often the rows were read.
    objective_ : float
        The minimised value divided by C and the weight of all rows: mean loss plus penalty, in
        nats per unit of weight.
    optimality_gap_ : float
        Proved upper bound on `objective_` minus its minimum (nats per unit of weight).
    converged_ : bool
        Whether ``optimality_gap_ <= tol``.
    solver_ : str
        Name of the solver that ran.
    descent_ : oddsmith.solvers.gradient_descent.Descent
        Where gradient descent ended, all that `partial_fit` needs to go on; other solvers leave
        none.
    history_ : dict of str to array
        Per iteration, the start first: iteration, gap, objective, loss, gradient_norm; with
        validation data also accuracy, validation_loss and validation_accuracy; with record_coef
        also coef of shape (m, 1, p) and intercept of shape (m, 1), or K for 1.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LogisticRegression().fit(X, y)
    >>> model.converged_, round(model.score(X, y), 3)
    (True, 0.958)
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        l1_ratio: float = 0.0,
        fit_intercept: bool = True,
        class_weight: Any = None,
        solver: str | Solver = "auto",
        tol: float = 1e-12,
        max_iter: int | None = None,
        warm_start: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        penalty: str | None = "deprecated",
        record_coef: bool = False,
    ) -> None:
        self.C = C
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.penalty = penalty
        self.record_coef = record_coef

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        offset: Any = None,
        validation: tuple[Any, ...] | None = None,
    ) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : array, sparse matrix (CSR, CSC) or data frame of shape (n, p)
            Neither copied nor converted as a whole if float64 or float32.
        y : array of shape (n,)
            Labels: numbers, strings or booleans.
        sample_weight : array of shape (n,), optional
            2 counts a row twice, 0 leaves it out.
        offset : array of shape (n,), or (n, K) for K > 2 classes, optional
            Added to the margin with a fixed coefficient of 1.
        validation : tuple (X, y), or (X, y, offset) where the fit has an offset, optional
            Held-out rows whose loss and accuracy are traced, and those of the fitted rows beside
            them. They change the fit only where the solver stops early by them.

        Returns
        -------
        LogisticRegression
            The estimator itself.

        Raises
        ------
        DataError
            If the data cannot be fitted; the message names row, column or class.
        ParameterError
            If a parameter cannot be used.

        Warns
        -----
        ConvergenceWarning, SeparationWarning, CollinearityWarning, SolverWarning
        """
        l1, l2 = elastic_net(self.C, self.l1_ratio, self.penalty)
        check_stopping(self.tol, self.max_iter)
        X, y = self._checked(X, y, reset=True)
        check_classification_targets(y)
        encoded = encode_labels(y)
        classes = encoded.classes
        width = 1 if classes.size == 2 else classes.size
        weight = row_weights(sample_weight, self.class_weight, y, encoded)
        weight, l1, l2 = in_range(weight, l1, l2)
        given = row_offset(offset, X.shape[0], width)
        blocks = memory_blocks(X, encoded.index, weight, given, width)
        with (
            Threads(blocks, self.n_jobs) as threads,
            training_progress(bool(self.verbose)) as watch,
        ):
            source = CountedSource(threads)
            columns = self._columns(source, X, penalised=l1 > 0 or l2 > 0)
            task = Task(
                n_classes=classes.size,
                intercept=bool(self.fit_intercept),
                l1=l1,
                l2=l2,
                sparse=sp.issparse(X),
                tol=float(self.tol),
                max_iter=self.max_iter,
                start=self._start(classes, X.shape[1], width),
                offset=None if given is None else np.atleast_1d(np.median(given, axis=0)),
                validation=self._validation(validation, classes, width, offset is not None),
                watch=watch if self.verbose else None,
                seed=seed_of(self.random_state),
                record_coef=bool(self.record_coef),
            )
            fit = minimise(source, columns, self.solver, task)
        self._keep(fit, classes, columns)
        self._warn(fit)
        return self

    @available_if(_goes_on)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
        offset: Any = None,
    ) -> Self:
        """Go on with gradient descent for one epoch over rows that have just come.

        It goes on as if it had never stopped, after a `fit` or another `partial_fit`: the rule's
        memory, the schedule and the orders of the batches are in `descent_`. The penalty is
        relative to the rows of one call, as nobody knows how many will come; nothing is proved,
        so there is no `optimality_gap_` afterwards. `history_` has a row per call: objective,
        loss and gradient_norm of its rows before they were learnt from.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (n, p)
        y : array of shape (n,)
        classes : array of shape (K,), optional
            All labels that will ever come; needed in the first call.
        sample_weight : array of shape (n,), optional
        offset : array of shape (n,), or (n, K) for K > 2 classes, optional

        Returns
        -------
        LogisticRegression
            The estimator itself.

        Raises
        ------
        DataError
            If the data cannot be fitted, or hold a label that is not in classes.
        ParameterError
            If a parameter cannot be used for rows that come in parts, or the learning rate is so
            large that the objective is no longer finite; the estimator is then as it was.

        Examples
        --------
        >>> import numpy as np
        >>> from oddsmith.solvers import GradientDescent
        >>> model = LogisticRegression(solver=GradientDescent(0.1, rule="adam"))
        >>> for part in np.random.default_rng(0).normal(size=(20, 50, 2)):
        ...     model = model.partial_fit(part, part[:, 0] > 0, classes=[False, True])
        >>> model.n_iter_, model.score(part, part[:, 0] > 0) > 0.9
        (array([20]), True)
        """
        known = hasattr(self, "classes_")
        l1, l2 = elastic_net(self.C, self.l1_ratio, self.penalty)
        classes = known_classes(classes, self.classes_ if known else None)
        refuse_balanced(self.class_weight)
        X, y = self._checked(X, y, reset=not known)
        width = 1 if classes.size == 2 else classes.size
        encoded = Encoded(classes, known_index(y, classes, X.shape[0], "y", "classes"))
        weight = row_weights(sample_weight, self.class_weight, y, encoded, all_classes=False)
        weight, l1, l2 = in_range(weight, l1, l2)
        blocks = memory_blocks(
            X, encoded.index, weight, row_offset(offset, X.shape[0], width), width
        )
        with Threads(blocks, self.n_jobs) as threads:
            source = CountedSource(threads)
            columns = self._columns(source, X, penalised=True)
            task = Task(
                n_classes=classes.size,
                intercept=bool(self.fit_intercept),
                l1=l1,
                l2=l2,
                sparse=sp.issparse(X),
                tol=float(self.tol),
                start=(self.coef_.T.copy(), self.intercept_.copy()) if known else None,
                seed=seed_of(self.random_state),
            )
            solver = self.solver if isinstance(self.solver, GradientDescent) else GradientDescent()
            after = stream(source, columns, solver, task, getattr(self, "descent_", None))
        self._keep_stream(after, classes)
        return self

    def decision_function(self, X: Any, offset: Any = None) -> Array:
        """Margins: log-odds of ``classes_[1]``, shape (n,), or one per class, shape (n, K).

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (n, p)
        offset : array of shape (n,) or (n, K), optional

        Returns
        -------
        array of shape (n,) or (n, K)
            In nats.
        """
        check_is_fitted(self)
        X, _ = self._checked(X, None, reset=False)
        width = self.coef_.shape[0]
        margin = self._margins(X)
        given = row_offset(offset, X.shape[0], width)
        if given is not None:
            margin += given.reshape(margin.shape)
        return margin[:, 0] if width == 1 else margin

    def predict_proba(self, X: Any, offset: Any = None) -> Array:
        """Probability of each class, of shape (n, K), columns as in ``classes_``."""
        margin = self.decision_function(X, offset)
        if margin.ndim == 1:
            return np.column_stack([sigmoid(-margin), sigmoid(margin)])
        return softmax(margin)

    def predict_log_proba(self, X: Any, offset: Any = None) -> Array:
        """Logarithm of the probability of each class, of shape (n, K), exact far below 1e-308."""
        margin = self.decision_function(X, offset)
        if margin.ndim == 1:
            return -np.column_stack([log1pexp(margin), log1pexp(-margin)])
        return margin - logsumexp(margin)[:, None]

    def predict(self, X: Any, offset: Any = None) -> np.ndarray[Any, Any]:
        """Most probable class of each row, of shape (n,)."""
        margin = self.decision_function(X, offset)
        index = (margin > 0).astype(int) if margin.ndim == 1 else margin.argmax(axis=1)
        return self.classes_[index]

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """Accuracy: the share of the rows' weight that `predict` gets right."""
        return float(accuracy_score(y, self.predict(X, offset), sample_weight=sample_weight))

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        """X and y as arrays with scikit-learn's checks; finiteness is checked with the columns."""
        how = {
            "accept_sparse": ["csr", "csc"],
            "dtype": [np.float64, np.float32],
            "ensure_all_finite": False,
            "reset": reset,
        }
        try:
            # Extended precision beyond float64 becomes infinite, which is then named as such.
            with np.errstate(over="ignore"):
                if y is None and not reset:
                    return validate_data(self, X, **how), None
                checked: Any = validate_data(self, X, y, **how)  # type: ignore[arg-type]
                return checked
        except ValueError as error:
            if "could not convert" not in str(error):
                raise
            named = name_text_column(X, error)
            if named is None:
                raise
            raise named from error

    def _columns(self, source: CountedSource, X: Any, *, penalised: bool) -> Columns:
        columns = source.fold(column_statistics)
        if not columns.finite:
            error = name_bad_entry(X, getattr(self, "feature_names_in_", None))
            if error is not None:
                raise error
        tiny = np.flatnonzero((columns.spread < _LEAST_SPREAD) & ~columns.constant)
        if not penalised and tiny.size:
            raise self._beyond_floats(columns, int(tiny[0]))
        return columns

    def _beyond_floats(self, columns: Columns, column: int) -> DataError:
        name = column_name(getattr(self, "feature_names_in_", None), column)
        return DataError(
            f"the coefficient of column {name} is beyond the largest float, as the column's "
            f"spread is only {columns.spread[column]:.3g}; multiply the column by a large "
            "number, or penalise with a finite C."
        )

    def _start(
        self, classes: np.ndarray[Any, Any], p: int, width: int
    ) -> tuple[Array, Array] | None:
        if not (self.warm_start and hasattr(self, "coef_")):
            return None
        same = np.array_equal(self.classes_, classes) and self.coef_.shape == (width, p)
        return (self.coef_.T.copy(), self.intercept_.copy()) if same else None

    def _validation(
        self, validation: Any, classes: np.ndarray[Any, Any], width: int, with_offset: bool
    ) -> Threads | None:
        if validation is None:
            return None
        parts = 3 if with_offset else 2
        if not isinstance(validation, (tuple, list)) or len(validation) != parts:
            raise DataError(
                "validation must be a tuple (X, y), or (X, y, offset) where the fit has an "
                f"offset; got {type(validation).__name__}"
                + (f" of {len(validation)}." if isinstance(validation, (tuple, list)) else ".")
            )
        try:
            X, _ = self._checked(validation[0], None, reset=False)
        except ValueError as error:
            raise DataError(f"the X of validation does not fit: {error}") from error
        error = name_bad_entry(X, getattr(self, "feature_names_in_", None))
        if error is not None:
            raise error
        index = known_index(
            validation[1], classes, X.shape[0], "the y of validation", "the y of the fit"
        )
        offset = row_offset(validation[2], X.shape[0], width) if with_offset else None
        return Threads(memory_blocks(X, index, offset=offset, width=width), n_jobs=1)

    def _keep(self, fit: Fit, classes: np.ndarray[Any, Any], columns: Columns) -> None:
        bad = np.flatnonzero(~np.isfinite(fit.coef).all(axis=1))
        if bad.size:
            raise self._beyond_floats(columns, int(bad[0]))
        self.classes_ = classes
        self.coef_ = np.ascontiguousarray(fit.coef.T)
        self.intercept_ = fit.intercept
        self.n_iter_ = np.array([fit.n_iter])
        self.n_passes_ = fit.n_passes
        self.objective_ = fit.objective
        self.optimality_gap_ = fit.gap
        self.converged_ = fit.converged
        self.solver_ = fit.solver
        self.history_ = fit.history
        if fit.state is None:
            vars(self).pop("descent_", None)
        else:
            self.descent_ = fit.state

    def _keep_stream(self, after: Streamed, classes: np.ndarray[Any, Any]) -> None:
        row = {
            "iteration": after.descent.epoch,
            "objective": after.objective,
            "loss": after.loss,
            "gradient_norm": after.gradient_norm,
        }
        # What a fit before it has left is not true of these coefficients.
        before = {} if hasattr(self, "optimality_gap_") else getattr(self, "history_", {})
        for name in ("n_passes_", "objective_", "optimality_gap_", "converged_"):
            vars(self).pop(name, None)
        self.classes_ = classes
        self.coef_ = np.ascontiguousarray(after.coef.T)
        self.intercept_ = after.intercept
        self.n_iter_ = np.array([after.descent.epoch])
        self.solver_ = GradientDescent.name
        self.history_ = {name: np.append(before.get(name, []), row[name]) for name in row}
        self.descent_ = after.descent

    def _warn(self, fit: Fit) -> None:
        names = getattr(self, "feature_names_in_", None)
        found = complaints(fit, names)
        if isinstance(self.solver, str) and self.solver in FOREIGN:
            message = (
                f"solver={self.solver!r} is another library's; solver='auto' ran instead "
                f"({fit.solver}), and reaches the same optimum."
            )
            found.insert(0, (SolverWarning, message))
        for kind, message in found:
            warnings.warn(message, kind, stacklevel=3)

    def _margins(self, X: Any) -> Array:
        blocks = memory_blocks(X, np.broadcast_to(np.int8(0), X.shape[0]))
        plain = Standardisation.none(X.shape[1])
        parts = []
        with np.errstate(over="ignore", invalid="ignore"):
            for index in range(len(blocks)):
                Z = design_matrix(blocks[index].X, plain, intercept=False)
                parts.append(Z.times(self.coef_.T) + self.intercept_)
        margin = np.concatenate(parts)
        if not np.isfinite(margin).all():
            self._explain_overflow(X, margin)
        return margin

    def _explain_overflow(self, X: Any, margin: Array) -> None:
        error = name_bad_entry(X, getattr(self, "feature_names_in_", None))
        if error is not None:
            raise error
        if np.isnan(margin).any():
            row = int(np.flatnonzero(np.isnan(margin).any(axis=1))[0])
            raise DataError(
                f"the margin of row {row} (from 0) is the difference of two numbers beyond the "
                "largest float; the row is far outside the data of the fit."
            )
