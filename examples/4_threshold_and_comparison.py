"""A threshold, a comparison and the assumptions: answers that rounding decides.

Redoes the article that runs gradient descent on breast cancer unscaled, beside scikit-learn. So
large a rate makes the walk chaotic, and scikit-learn stops early: the same rows in another order
give another answer, the article's among them. See that oddsmith gives one answer in every order.

    python examples/4_threshold_and_comparison.py [FOLDER FOR THE PICTURE]
"""

import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import sklearn.linear_model
from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix
from sklearn.model_selection import train_test_split

from oddsmith import LogisticRegression
from oddsmith.solvers import GradientDescent

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "oddsmith-examples")
folder.mkdir(parents=True, exist_ok=True)
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
models = {  # The article's gradient carries a factor 2: its learning rate 0.1 is 0.2 here.
    "gradient descent": LogisticRegression(np.inf, solver=GradientDescent(0.2, epochs=1000)),
    "scikit-learn": sklearn.linear_model.LogisticRegression(),
    "oddsmith": LogisticRegression(),
}
figure, thresholds = Figure(figsize=(8.5, 7.5), layout="constrained"), np.arange(101) / 100
*axes, sweep = figure.subplots(2, 2).flat
styles = ("#D55E00", "--"), ("#595959", ":"), ("#0072B2", "-")
for ax, (name, model), (colour, dash) in zip(axes, models.items(), styles, strict=True):
    answers, best = Counter(), Counter()
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(y_train))
        with warnings.catch_warnings(record=True, action="always") as caught:
            p = model.fit(X_train[order], y_train[order]).predict_proba(X_test)[:, 1]
        accuracy = np.array([np.mean((p > threshold) == y_test) for threshold in thresholds])
        answers[accuracy[50], *confusion_matrix(y_test, p > 0.5).ravel()] += 1
        best[f"{accuracy.argmax() / 100:.2f}, with {accuracy.max():.3f}"] += 1
        sweep.plot(thresholds, accuracy, dash, color=colour, label="" if seed else name)
    for (share, *cells), times in reversed(answers.most_common()):
        counts = np.reshape(cells, (2, 2))
        print(f"{name}, {times} of 20 orders: accuracy {share:.3f}, {counts.tolist()}")
    print(f"  best threshold, mostly: {max(best, key=best.get)}")
    print("  warning:", str(caught[-1].message).splitlines()[0] if caught else "none")
    ConfusionMatrixDisplay(counts).plot(ax=ax, cmap="Blues", colorbar=False)
    ax.set_title(f"{name}, {times} of 20 orders")
sweep.set(title="Accuracy at any threshold", xlabel="threshold", ylim=(0.8, 1))
sweep.legend(frameon=False)
figure.savefig(folder / "4_threshold_and_comparison.png", dpi=150)
inflation = np.diag(np.linalg.inv(np.corrcoef(X_train.T)))
print(f"variance inflation above 10: {np.sum(inflation > 10)} of {X.shape[1]} columns")
print(f"cases of the rarer class per column: {min(np.bincount(y_train)) / X.shape[1]:.1f}, not 10")
