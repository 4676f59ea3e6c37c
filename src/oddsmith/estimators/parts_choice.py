"""The penalty chosen by rows in parts, and the fit to all of them, whichever engine folds."""

from dataclasses import replace
from typing import Any

from oddsmith.estimators.door import tell_dropped
from oddsmith.estimators.logistic import LogisticRegression
from oddsmith.estimators.parameters import elastic_net
from oddsmith.estimators.parts import Rows, fit_rows
from oddsmith.estimators.parts_selection import search
from oddsmith.estimators.trained import Complaints
from oddsmith.solvers.run import Watch

__all__ = ["choose_by_parts", "learner_of"]

# What the rows teach of their columns.
_OF_THE_COLUMNS = (
    "encoder_",
    "feature_names_in_",
    "n_features_in_",
    "target_",
    "n_rows_",
    "n_dropped_",
)


def learner_of(model: Any) -> LogisticRegression:
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
    model: Any,
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
