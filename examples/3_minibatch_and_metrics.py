"""Minibatch descent, the metrics at any threshold, and where to go from there.

Redoes the article that descends in minibatches with a stable sigmoid, and its outlook. See that L1
makes weights exactly zero, that class weights find the rare class, that momentum and Adam outrun
plain descent, and that batches hover above the minimum until a schedule lets them settle.

    python examples/3_minibatch_and_metrics.py [FOLDER FOR THE PICTURE]
"""

import sys
import warnings
from pathlib import Path

from matplotlib.figure import Figure
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.preprocessing import StandardScaler

from oddsmith import LogisticRegression
from oddsmith.errors import OddsmithWarning
from oddsmith.solvers import GradientDescent

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "oddsmith-examples")
folder.mkdir(parents=True, exist_ok=True)
# Like the article, these fits stop after a number of epochs on purpose, short of the optimum.
warnings.simplefilter("ignore", OddsmithWarning)
A, B, y, y_test = train_test_split(*load_breast_cancer(return_X_y=True), random_state=42)
X, X_test = (StandardScaler().fit(A).transform(rows) for rows in (A, B))
model = LogisticRegression(solver=GradientDescent(0.1, epochs=50, batch_size=32)).fit(X, y)
scores = metrics.accuracy_score, metrics.precision_score, metrics.recall_score, metrics.f1_score
for threshold in 0.3, 0.5, 0.7:
    found = model.predict_proba(X_test)[:, 1] >= threshold
    print(f"threshold {threshold}:", metrics.confusion_matrix(y_test, found).tolist(), end=" ")
    print(*(f"{score.__name__} {score(y_test, found):.3f}" for score in scores), sep=", ")
A, B, digit, digit_test = train_test_split(*load_digits(return_X_y=True), random_state=42)
softmax = LogisticRegression(solver=GradientDescent(0.01, epochs=50, batch_size=32)).fit(A, digit)
print(f"softmax on digits: test accuracy {softmax.score(B, digit_test):.3f}")
for name, l1_ratio in ("L2", 0), ("L1", 1):
    model = LogisticRegression(0.1, l1_ratio=l1_ratio, solver=GradientDescent(0.5)).fit(X, y)
    print(f"{name}: {(model.coef_ == 0).sum()} of {X.shape[1]} weights are exactly zero")
data = make_classification(4000, weights=[0.95], random_state=0)
for weight in None, "balanced":
    found = cross_val_predict(LogisticRegression(class_weight=weight), *data)
    print(f"class_weight={weight}: {metrics.confusion_matrix(data[1], found).tolist()}")
figure = Figure(figsize=(10, 4), layout="constrained")
left, right = figure.subplots(1, 2, sharey=True)
styles = ("-", "#0072B2"), ("--", "#D55E00"), (":", "#009E73"), ("-.", "#595959")
for ax, key, choices, solver in (
    (left, "rule", ("plain", "momentum", "nesterov", "adam"), GradientDescent(0.2, 200)),
    (right, "schedule", (None, "step", "inverse", "cosine"), GradientDescent(1, 200, 32)),
):
    for choice, (dash, colour) in zip(choices, styles, strict=True):
        model = LogisticRegression(solver=solver.set_params(**{key: choice})).fit(X, y)
        ax.semilogy(model.history_["gap"], dash, color=colour, label=f"{key}={choice}")
    ax.set(title=f"{solver.batch_size or 'all'} rows a step", xlabel="epoch")
    ax.legend(frameon=False)
left.set_ylabel("proved distance from the minimum (nats per row)")
figure.savefig(folder / "3_minibatch_and_metrics.png", dpi=150)
