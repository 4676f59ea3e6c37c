"""Reports of small models, as data, for the tests of the page."""

import numpy as np

from oddsmith import LogisticRegression
from oddsmith.estimators.description import describe
from oddsmith.export.schema import plain_model
from oddsmith.views.pages.report.document import Examples, Judged, Report, Spread
from oddsmith.views.pages.report.page import report_page

MADE = "2026-01-31T12:00:00Z"


def spread_of(X):
    """Where plain columns of numbers lie."""
    middle = tuple(np.median(X, axis=0).tolist())
    return Spread(X.min(axis=0), X.max(axis=0), middle, X.mean(axis=0), X.std(axis=0))


def examples_of(X, y, names, most=20):
    from oddsmith.data.tables import read_array

    kept = np.arange(min(most, len(y)))
    return Examples(kept, "row", tuple(read_array(X[kept], tuple(names))), y[kept], len(y))


def rows_of(n, coef, seed=0, scale=None):
    """X of shape (n, q) and class indices, drawn from coefficients of shape (rows, q)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, coef.shape[1])) * (1.0 if scale is None else scale)
    classes = list(range(max(2, coef.shape[0])))
    model = plain_model(
        [f"x{j}" for j in range(coef.shape[1])], classes, None, coef, np.zeros(len(coef))
    )
    p = model.predict_proba(X)
    return X, (p.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1)


def fitted(n=400, coef=((1.0, -0.5, 0.0),), C=np.inf, labels=None, infer=True, **more):
    """A report of a model and rows that it was not fitted to; and what it was made of."""
    coef = np.array(coef)
    X, y = rows_of(2 * n, coef, scale=10.0 ** np.arange(coef.shape[1]))
    labels = np.array(labels or [f"class {k}" for k in range(max(2, len(coef)))])
    estimator = LogisticRegression(C=C).fit(X[:n], labels[y[:n]])
    results = estimator.infer(X[:n], labels[y[:n]]) if infer else None
    model = describe(estimator, MADE, results)
    held, truth = X[n:], np.searchsorted(estimator.classes_, labels[y[n:]])
    judged = Judged("held.csv", False, truth, model.predict_proba(held))
    parts = {"judged": judged, "spread": spread_of(held), "history": estimator.history_} | more
    return Report("A title", MADE, model, **parts)


def page_file(folder, report, name="report"):
    path = folder / f"{name}.html"
    path.write_text(report_page(report), encoding="utf-8")
    return path
