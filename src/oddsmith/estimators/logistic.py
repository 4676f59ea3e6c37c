"""LogisticRegression: scikit-learn's contract, with a proof of optimality on every fit."""

import warnings
from typing import Any, Self, cast

import numpy as np
from sklearn.utils.metaestimators import available_if

from oddsmith.core.block import CountedSource
from oddsmith.engines.threads import Threads
from oddsmith.errors import ParameterError
from oddsmith.estimators.door import (
    admit,
    admit_held_out,
    check_columns,
    enter,
    is_collection,
    of_kept,
    tell_dropped,
)
from oddsmith.estimators.infer import infer
from oddsmith.estimators.labels import Encoded, known_classes, known_index
from oddsmith.estimators.parameters import (
    check_stopping,
    elastic_net,
    refuse_balanced,
)
from oddsmith.estimators.trained import Complaints, TrainedClassifier
from oddsmith.solvers.gradient_descent import GradientDescent
from oddsmith.solvers.run import Solver
from oddsmith.solvers.stream import Streamed, stream

__all__ = ["LogisticRegression"]


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


def _fit_collection(
    model: TrainedClassifier, X: Any, y: Any, weight: Any, offset: Any, validation: Any
) -> Complaints:
    if validation is not None:
        raise ParameterError("validation needs rows in memory, and X is a Dask collection")
    # Few have a cluster, and its libraries take a while to import.
    from oddsmith.estimators.dask import fit_collection

    return fit_collection(model, X, y, weight, offset)


class LogisticRegression(TrainedClassifier):
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
        Share of the L1 penalty, which sets coefficients to exactly 0. Above 0, and with factors
        or bounds, "proximal-newton", "proximal-newton-rows" and "gradient-descent"
        fit it.
    fit_intercept : bool, default True
    class_weight : dict, "balanced" or None
        Multiplies the weights of the rows of a class, as in scikit-learn.
    solver : str or solver object, default "auto"
        "auto", "newton-cholesky", "newton-cg", "newton-kernel", "lbfgs", "sampled-lbfgs",
        "proximal-newton", "proximal-newton-rows", "gradient-descent", or an object from
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
    penalty_factors : array of shape (p,) or dict of name to float, optional
        Multiplies the penalty of each column: 0 is no penalty, ``numpy.inf`` leaves it out. A dict
        names columns of `coef_names_`, or of X with all that they become; others have 1.
    lower_bounds, upper_bounds : float, array of shape (p,) or dict of name to float, optional
        Bounds on the coefficients, lower <= 0 <= upper; those of a column hold for every class.
    encoder : TableEncoder or None
        How the columns of a table become numbers; a copy of it is fitted. None takes tables of
        numbers and booleans as they are, and encodes all others by ``TableEncoder()``.

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
    encoder_ : TableEncoder or None
        Fitted, where the columns had to be encoded.
    coef_names_ : array of shape (p,)
        Names of the columns of `coef_`.
    feature_names_in_ : array of shape (n_features_in_,)
        Names of the columns of X, where they have names.
    target_ : str or None
        Name of the column that y was, where it had one.
    n_dropped_ : int
        Rows that an encoder with ``missing="drop"`` left out.
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
        penalty_factors: Any = None,
        lower_bounds: Any = None,
        upper_bounds: Any = None,
        encoder: Any = None,
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
        validation: tuple[Any, ...] | None = None,
    ) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : array, sparse matrix (CSR, CSC), table or Dask collection of shape (n, p)
            Arrays are neither copied nor converted as a whole if float64 or float32. Tables of any
            library may hold text and the outcome itself, which is left out: see docs/tables.md.
        y : array or column of shape (n,)
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
        if is_collection(X):
            for kind, message in _fit_collection(self, X, y, sample_weight, offset, validation):
                warnings.warn(message, kind, stacklevel=2)
            return self
        l1, l2 = elastic_net(self.C, self.l1_ratio, self.penalty)
        check_stopping(self.tol, self.max_iter)
        given = admit(self, X, y)
        tell_dropped(self)
        rows = self._training(
            given.X, given.labels, (l1, l2), given.beside(sample_weight), given.beside(offset)
        )
        held_out = admit_held_out(self, validation, rows.classes, rows.width, offset is not None)
        for kind, message in self._fit_blocks(rows, held_out):
            warnings.warn(message, kind, stacklevel=2)
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
        X, y, kept = enter(self, X, y, reset=not known)
        labels = Encoded(classes, known_index(y, classes, X.shape[0], "y", "classes"))
        weight, offset = of_kept(kept, sample_weight), of_kept(kept, offset)
        rows = self._training(X, labels, (l1, l2), weight, offset, all_classes=False)
        with Threads(cast("Any", rows.blocks), self.n_jobs) as threads:
            source = CountedSource(threads)
            columns = rows.statistics(source)
            check_columns(self, columns, rows.explain, penalised=True)
            start = (self.coef_.T.copy(), self.intercept_.copy()) if known else None
            task = self._task(rows, start=start)
            solver = self.solver if isinstance(self.solver, GradientDescent) else GradientDescent()
            after = stream(source, columns, solver, task, getattr(self, "descent_", None))
        self._keep_stream(after, classes)
        return self

    def infer(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        offset: Any = None,
        *,
        cov_type: str | None = None,
        groups: Any = None,
        weights_are: str = "frequency",
        bootstrap: int | None = None,
        seed: Any = None,
    ) -> Any:
        """Say how sure the coefficients are, from the rows that they were fitted to.

        Parameters
        ----------
        X, y, sample_weight, offset
            Those of the fit, which are not kept: a fit to others is refused.
        cov_type, groups, weights_are
            As in `oddsmith.logit`.
        bootstrap : int, optional
            Number of samples of the rows to fit again, for percentile intervals. They can be had
            of penalised coefficients, too; standard errors and p values cannot.
        seed : int, RandomState or None
            Of the samples.

        Returns
        -------
        Results or BootstrapResults
            What `oddsmith.logit` returns, or the samples' coefficients and their percentiles.

        Raises
        ------
        ParameterError
            If the fit is penalised, so that it is not one of maximum likelihood.
        DataError
            If these rows are not those of the fit.

        Examples
        --------
        >>> X, y = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]]), [0, 0, 1, 0, 1, 1]
        >>> LogisticRegression(C=np.inf).fit(X, y).infer(X, y).bse.round(4)
        array([1.2247, 1.7321])
        """
        return infer(
            self,
            X,
            y,
            sample_weight,
            offset,
            cov_type,
            groups,
            weights_are,
            bootstrap,
            seed,
        )

    def _keep_stream(self, after: Streamed, classes: np.ndarray[Any, Any]) -> None:
        row = {
            "iteration": after.descent.epoch,
            "objective": after.objective,
            "loss": after.loss,
            "gradient_norm": after.gradient_norm,
        }
        # What a fit before it has left is not true of these coefficients.
        before = {} if hasattr(self, "optimality_gap_") else getattr(self, "history_", {})
        for name in ("n_passes_", "objective_", "optimality_gap_", "converged_", "_record"):
            vars(self).pop(name, None)
        self.classes_ = classes
        self.coef_ = np.ascontiguousarray(after.coef.T)
        self.intercept_ = after.intercept
        self.n_iter_ = np.array([after.descent.epoch])
        self.solver_ = GradientDescent.name
        self.history_ = {name: np.append(before.get(name, []), row[name]) for name in row}
        self.descent_ = after.descent
