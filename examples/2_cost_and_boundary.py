"""The cost falls, the boundary appears: logistic regression on two columns.

Redoes the article that minimises the cross-entropy by gradient descent on made-up data: learning
rate 0.1, 1000 epochs. See that the cost starts at log 2 = 0.6931 and falls ever more slowly, and
that the decision boundary is the straight line where both classes are equally probable.

    python examples/2_cost_and_boundary.py [FOLDER FOR THE PICTURE]
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
# Like the article, this fit stops after 1000 epochs on purpose, short of the optimum.
warnings.simplefilter("ignore", OddsmithWarning)

two_clouds = {"n_redundant": 0, "n_informative": 2, "n_clusters_per_class": 1}
X, y = make_classification(1000, 2, **two_clouds, random_state=42)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
model = LogisticRegression(C=np.inf, solver=GradientDescent(learning_rate=0.1, epochs=1000))
model.fit(X_train, y_train)

cost = model.history_["loss"]
print("cost every 100 epochs:", *(f"{value:.4f}" for value in cost[:1000:100]))
print(f"test accuracy: {model.score(X_test, y_test):.2%}")

figure = Figure(figsize=(12, 4), layout="constrained")
data, curve, boundary = figure.subplots(1, 3)
curve.plot(cost, color="#0072B2")
curve.set(title="The cost falls", xlabel="epoch", ylabel="cost (nats per row)", ylim=(0, 0.72))
for ax in data, boundary:
    for label, colour, marker in (0, "#D55E00", "o"), (1, "#0072B2", "^"):
        ax.scatter(*X[y == label].T, s=10, c=colour, marker=marker, label=f"class {label}")
data.set(title="The data", xlabel="column 0", ylabel="column 1")
data.legend(frameon=False)
draw = DecisionBoundaryDisplay.from_estimator
look = {"levels": [0.1, 0.5, 0.9], "colors": "black", "linestyles": ["--", "-", "--"]}
lines = draw(model, X, response_method="predict_proba", plot_method="contour", ax=boundary, **look)
boundary.clabel(lines.surface_, fmt="{:.0%}".format, manual=[(-2, -1), (-2, -0.3), (-2, 0.3)])
boundary.set(title="The boundary, at probability 50%", xlabel="column 0", ylabel="column 1")
figure.savefig(folder / "2_cost_and_boundary.png", dpi=150)
