"""Scores and inference of Dask collections: by the workers that hold them, part by part."""

from typing import Any

import numpy as np
from sklearn.base import clone

from oddsmith.data.outcome import read_outcome
from oddsmith.errors import DataError, ParameterError
from oddsmith.estimators.dask import beside_rows, collection_rows, dask_client, partitions
from oddsmith.estimators.file_inference import results_of
from oddsmith.inference.likelihood import CovarianceKind
from oddsmith.views.files_progress import files_progress

__all__ = ["accuracy", "infer_collection", "mapped"]

# A fit from whose coefficients a walk over these rows gets farther than this is of other rows.
_SAME = 100.0
_LEAST_GAP = 1e-12
# Numbers of the Hessian up to which Newton's method walks from the coefficients themselves.
_MOST = 2000


def mapped(model: Any, X: Any, method: str, offset: Any = None) -> Any:
    """Let a fitted model score a collection, lazily and partition by partition.

    Parameters
    ----------
    model : fitted classifier
    X : dask Array of shape (n, p), or dask DataFrame
    method : str
        Of the model, such as "predict_proba".
    offset : dask Array or Series in the same partitions, optional

    Returns
    -------
    dask Array of shape (n,) or (n, K)
        Of a frame, whose partitions are of any length, n is not known before it is computed.
    """
    from dask.array import concatenate, from_delayed
    from dask.delayed import delayed

    score: Any = delayed(_scored, pure=False)
    sent = delayed(model, pure=False, traverse=False)
    own, counts = partitions(X)
    offsets = beside_rows(offset, X, "offset") or [None] * len(own)
    meta = _empty(model, method)
    made = [
        from_delayed(score(sent, method, part, given, meta), (rows, *meta.shape[1:]), meta=meta)
        for part, given, rows in zip(own, offsets, counts, strict=True)
    ]
    return concatenate(made, allow_unknown_chunksizes=True)


def _empty(model: Any, method: str) -> Any:
    """Make a result for no rows."""
    K = model.classes_.size
    if method == "predict":
        return np.empty(0, model.classes_.dtype)
    if method == "decision_function":
        return np.empty((0,) if K == 2 else (0, K))
    return np.empty((0, K))


def _scored(model: Any, method: str, X: Any, offset: Any, meta: Any) -> Any:
    if not X.shape[0]:
        return meta
    how = {} if offset is None else {"offset": np.asarray(offset)}
    return getattr(model, method)(X, **how)


def accuracy(model: Any, X: Any, y: Any, sample_weight: Any, offset: Any) -> float:
    """Share of the rows' weight that `predict` gets right, over all partitions of a collection."""
    from dask.base import compute
    from dask.delayed import delayed

    own, _ = partitions(X)
    judge: Any = delayed(_right, pure=False)
    sent = delayed(model, pure=False, traverse=False)
    none = [None] * len(own)
    labels = beside_rows(y, X, "y") or none
    weights = beside_rows(sample_weight, X, "sample_weight") or none
    offsets = beside_rows(offset, X, "offset") or none
    found = [judge(sent, *part) for part in zip(own, labels, weights, offsets, strict=True)]
    right, weight = np.sum(compute(*found), axis=0)
    return float(right / weight)


def _right(model: Any, X: Any, y: Any, weight: Any, offset: Any) -> tuple[float, float]:
    if not X.shape[0]:
        return 0.0, 0.0
    labels, _ = read_outcome(y)
    how = {} if offset is None else {"offset": np.asarray(offset)}
    same = np.asarray(labels) == model.predict(X, **how)
    each = np.ones(same.size) if weight is None else np.asarray(weight, dtype=np.float64)
    return float(each @ same), float(each.sum())


def infer_collection(
    model: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    offset: Any,
    kind: CovarianceKind,
    weights_are: str,
    bootstrap: int | None,
) -> Any:
    """Inference of a fitted `LogisticRegression` from the collection that it was fitted to.

    Raises
    ------
    ParameterError
        If it asks for what needs the rows in memory.
    DataError
        If these rows are not those of the fit.
    """
    for asked, name in (
        (bootstrap is not None, "bootstrap"),
        (kind == "cluster", "cov_type='cluster'"),
        (weights_are != "frequency", f"weights_are={weights_are!r}"),
    ):
        if asked:
            raise ParameterError(f"{name} needs the rows in memory, and X is a Dask collection")
    probe: Any = clone(model)
    start = (model.coef_.T.copy(), model.intercept_.copy())
    with dask_client() as client, files_progress(bool(model.verbose)) as told:
        rows = collection_rows(probe, client, X, y, sample_weight, offset)
        rows.source.watch = told.began
        training = rows.training
        same = training.n_features == model.coef_.shape[1]
        if not same or training.classes.tolist() != model.classes_.tolist():
            raise DataError("X and y have other columns or classes than the fit; give its rows")
        if training.n_features * training.width <= _MOST:
            probe.solver = "newton-cholesky"
        walk = probe._walk(rows.source, training, watch=told.iteration, start=start)
        _refuse_other_rows(model, walk.fit.history["objective"][0] - walk.fit.objective)
        names = getattr(model, "feature_names_in_", None)
        if names is None and getattr(model, "encoder_", None) is None:
            names = [f"x{j}" for j in range(1, training.n_features + 1)]
        else:
            names = probe.coef_names_.tolist()
        results, said = results_of(probe, walk, training, kind, names)
    return results, said


def _refuse_other_rows(model: Any, left: float) -> None:
    allowed = _SAME * max(float(model.optimality_gap_), float(model.tol), _LEAST_GAP)
    if left > allowed:
        raise DataError(
            f"at these rows the coefficients are about {left:.2g} nats per unit of weight above "
            "the minimum, farther than the fit was from its own: give the rows, weights and "
            "offset that it was fitted to, or fit to these."
        )
