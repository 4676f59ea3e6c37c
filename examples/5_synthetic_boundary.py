"""A smaller learning rate, and how far from the end it stops.

Redoes the article that draws the predictions on made-up data: learning rate 0.01, 1000 epochs.
See that a tenth of the rate needs ten times the epochs to come as far, that oddsmith proves how
far from the least cost each run stops, and that its own solver arrives after a few iterations.

    python examples/5_synthetic_boundary.py [FOLDER FOR THE PICTURE]
"""

import sys
import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import make_classification
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import train_test_split

from oddsmith import LogisticRegression
from oddsmith.errors import OddsmithWarning
from oddsmith.solvers import GradientDescent

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "oddsmith-examples")
folder.mkdir(parents=True, exist_ok=True)
# Like the article, these fits stop after a number of epochs on purpose, short of the optimum.
warnings.simplefilter("ignore", OddsmithWarning)

two_clouds = {"n_redundant": 0, "n_informative": 2, "n_clusters_per_class": 1}
X, y = make_classification(1000, 2, **two_clouds, random_state=42)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
solvers = {
    "rate 0.01, 1000 epochs": GradientDescent(learning_rate=0.01, epochs=1000),
    "rate 0.01, 10000 epochs": GradientDescent(learning_rate=0.01, epochs=10_000),
    "rate 0.1, 1000 epochs": GradientDescent(learning_rate=0.1, epochs=1000),
    "oddsmith's own solver": "auto",
}
figure = Figure(figsize=(9, 8), layout="constrained")
for ax, (name, solver) in zip(figure.subplots(2, 2).flat, solvers.items(), strict=True):
    model = LogisticRegression(C=np.inf, solver=solver).fit(X_train, y_train)
    cost, gap, accuracy = model.objective_, model.optimality_gap_, model.score(X_test, y_test)
    print(f"{name}: accuracy {accuracy:.3f}, cost {cost:.4f}, at most {gap:.0e} above the least")
    predicted = model.predict(X_test)
    for label, colour, marker in (0, "#D55E00", "o"), (1, "#0072B2", "^"):
        rows = X_test[predicted == label]
        ax.scatter(*rows.T, s=14, c=colour, marker=marker, label=f"predicted {label}")
    wrong = X_test[predicted != y_test]
    ax.scatter(*wrong.T, s=60, facecolors="none", edgecolors="black", label="wrong")
    draw = DecisionBoundaryDisplay.from_estimator
    draw(model, X_test, plot_method="contour", ax=ax, levels=[0], colors="black")
    ax.set(title=f"{name}: {accuracy:.1%}", xlabel="column 0", ylabel="column 1")
    ax.legend(frameon=False)
figure.savefig(folder / "5_synthetic_boundary.png", dpi=150)
