"""From rows in blocks to a fitted classifier: what a fit keeps, and what there is to warn of."""

from typing import Any, cast

import numpy as np

from oddsmith.core.block import CountedSource, RowSource
from oddsmith.core.columns import Columns
from oddsmith.core.fit import Fit
from oddsmith.core.stable import Array
from oddsmith.engines.threads import Threads
from oddsmith.errors import SolverWarning
from oddsmith.estimators.door import (
    Admitted,
    beyond_floats,
    check_columns,
    column_places,
    name_bad_entry,
    names_of,
)
from oddsmith.estimators.labels import Encoded
from oddsmith.estimators.linear import LinearClassifier
from oddsmith.estimators.parameters import column_limits, elastic_net, seed_of
from oddsmith.estimators.training import Training, Walked, fit_record, in_memory
from oddsmith.inference.diagnosis import Diagnosis, diagnose
from oddsmith.solvers.choose import FOREIGN
from oddsmith.solvers.minimise import Task, minimise, objective_of
from oddsmith.solvers.run import Solver, Watch
from oddsmith.views.complaints import complaints
from oddsmith.views.progress import training_progress

__all__ = ["Complaints", "TrainedClassifier"]

# Entries of the rows up to which the columns that separate are looked for: under a second.
_MOST_ENTRIES = 2**22
Complaints = list[tuple[type[UserWarning], str]]


class TrainedClassifier(LinearClassifier):
    """A linear classifier whose coefficients minimise the penalised loss of rows in blocks.

    Its parameters and attributes are those of `oddsmith.LogisticRegression`.
    """

    C: float
    l1_ratio: float
    fit_intercept: bool
    class_weight: Any
    solver: str | Solver
    tol: float
    max_iter: int | None
    warm_start: bool
    random_state: Any
    verbose: int
    penalty: str | None
    record_coef: bool
    penalty_factors: Any
    lower_bounds: Any
    upper_bounds: Any
    encoder: Any

    def fit_admitted(self, given: Admitted, weight: Any, offset: Any) -> Complaints:
        """Fit rows that have come through the door of another estimator, with theirs beside them.

        Returns
        -------
        list of (category, message)
            What there is to warn of.
        """
        penalty = elastic_net(self.C, self.l1_ratio, self.penalty)
        return self._fit_blocks(self._training(given.X, given.labels, penalty, weight, offset))

    def _training(
        self,
        X: Any,
        labels: Encoded,
        penalty: tuple[float, float],
        weight: Any,
        offset: Any,
        **how: Any,
    ) -> Training:
        return in_memory(
            X,
            labels,
            penalty,
            weight,
            self.class_weight,
            offset,
            explain=lambda: name_bad_entry(X, names_of(self)),
            **how,
        )

    def _fit_blocks(self, rows: Training, held_out: RowSource | None = None) -> Complaints:
        """Fit rows in blocks, wherever they live, on threads; return what there is to warn of."""
        with (
            Threads(cast("Any", rows.blocks), self.n_jobs) as threads,
            training_progress(bool(self.verbose)) as watch,
        ):
            return self._fit_source(
                threads, rows, held_out=held_out, watch=watch if self.verbose else None
            )

    def _fit_source(
        self,
        source: RowSource,
        rows: Training,
        *,
        held_out: RowSource | None = None,
        watch: Watch | None = None,
        start: tuple[Array, Array] | None = None,
    ) -> Complaints:
        """Fit rows that any engine folds over; return what there is to warn of.

        Parameters
        ----------
        source : RowSource
            Over `rows.blocks`.
        rows : Training
        held_out : RowSource, optional
        watch : callable, optional
            Called once per iteration.
        start : pair of arrays (p, K) and (K,), optional
            Coefficients and intercepts to start from, instead of those of a warm start.

        Returns
        -------
        list of (category, message)
        """
        walk = self._walk(source, rows, held_out=held_out, watch=watch, start=start)
        return self._settle(walk, rows)

    def _walk(
        self,
        source: RowSource,
        rows: Training,
        *,
        held_out: RowSource | None = None,
        watch: Watch | None = None,
        start: tuple[Array, Array] | None = None,
    ) -> Walked:
        """Minimise over rows that any engine folds over; see `_fit_source`."""
        counted = CountedSource(source)
        columns = rows.statistics(counted)
        check_columns(self, columns, rows.explain, penalised=rows.penalised)
        task = self._task(
            rows,
            max_iter=self.max_iter,
            start=self._start(rows) if start is None else start,
            offset=rows.offset,
            validation=held_out,
            watch=watch,
            record_coef=bool(self.record_coef),
        )
        return Walked(counted, columns, task, minimise(counted, columns, self.solver, task))

    def _settle(self, walk: Walked, rows: Training) -> Complaints:
        """Keep where a walk ended, and return what there is to warn of."""
        found = self._diagnosed(walk.fit, walk.source, walk.columns, walk.task, rows.classes)
        self._keep(walk.fit, rows.classes, walk.columns)
        said = self._complaints(walk.fit, found)
        self._record = fit_record(
            walk.source.n_rows,
            None if rows.scaled else walk.columns.weight,
            tuple(message for _, message in said),
            walk.fit.separated,
            walk.fit.aliased,
        )
        return said

    def _task(self, rows: Training, **more: Any) -> Task:
        return Task(
            n_classes=rows.classes.size,
            intercept=bool(self.fit_intercept),
            l1=rows.l1,
            l2=rows.l2,
            sparse=rows.sparse,
            entries=rows.entries,
            tol=float(self.tol),
            seed=seed_of(self.random_state),
            limits=column_limits(
                self.penalty_factors,
                self.lower_bounds,
                self.upper_bounds,
                rows.n_features,
                lambda: column_places(self),
            ),
            **more,
        )

    def _start(self, rows: Training) -> tuple[Array, Array] | None:
        if not (self.warm_start and hasattr(self, "coef_")):
            return None
        same = self.coef_.shape == (rows.width, rows.n_features)
        same = same and np.array_equal(self.classes_, rows.classes)
        return (self.coef_.T.copy(), self.intercept_.copy()) if same else None

    def _keep(self, fit: Fit, classes: np.ndarray[Any, Any], columns: Columns) -> None:
        bad = np.flatnonzero(~np.isfinite(fit.coef).all(axis=1))
        if bad.size:
            raise beyond_floats(self, columns, int(bad[0]))
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

    def _diagnosed(
        self, fit: Fit, source: CountedSource, columns: Columns, task: Task, classes: Any
    ) -> tuple[Diagnosis, ...]:
        """Name the columns that separate or are aliased, where the fit says that some do."""
        if (fit.separated is None and not fit.aliased) or not np.isfinite(fit.coef).all():
            return ()
        objective, _ = objective_of(CountedSource(source.source), columns, task)
        coef = objective.from_user(fit.coef, fit.intercept)
        return diagnose(objective, coef, fit, names_of(self), classes, most_entries=_MOST_ENTRIES)

    def _complaints(self, fit: Fit, diagnoses: tuple[Diagnosis, ...]) -> Complaints:
        # A million levels have names that take long to write.
        fine = fit.converged and fit.aliased == () and fit.separated is None
        found = complaints(fit, None if fine else names_of(self), diagnoses)
        if isinstance(self.solver, str) and self.solver in FOREIGN:
            message = (
                f"solver={self.solver!r} is another library's; solver='auto' ran instead "
                f"({fit.solver}), and reaches the same optimum."
            )
            found.insert(0, (SolverWarning, message))
        return found
