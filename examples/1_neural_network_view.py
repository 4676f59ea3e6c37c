"""Logistic regression as a neural network of one neuron.

Redoes the article that trains it by forward and backward passes: breast cancer, standardised,
learning rate 0.2, 2500 epochs. See that the test cost turns at epoch 638 while the training cost
falls on, that early stopping finds that epoch, and that a bias is the weight of a column of ones.

    python examples/1_neural_network_view.py [FOLDER FOR THE PICTURE]
"""

import sys
import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from oddsmith import LogisticRegression
from oddsmith.errors import OddsmithWarning
from oddsmith.solvers import GradientDescent

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "oddsmith-examples")
folder.mkdir(parents=True, exist_ok=True)
# Like the article, these fits stop after a number of epochs on purpose, not at an optimum.
warnings.simplefilter("ignore", OddsmithWarning)
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=12)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)


def train(X_train=X_train, X_test=X_test, bias=True, **how):
    """Train one neuron, as the article does."""
    solver = GradientDescent(learning_rate=0.2, epochs=2500, **how)
    model = LogisticRegression(C=np.inf, solver=solver, fit_intercept=bias, random_state=28)
    return model.fit(X_train, y_train, validation=(X_test, y_test))


zeros, normal, stopped = train(), train(init="normal"), train(early_stopping=True)
for start, model in ("zeros", zeros), ("normal weights", normal):
    train_score, test_score = model.score(X_train, y_train), model.score(X_test, y_test)
    print(f"from {start}: train accuracy {train_score:.3f}, test accuracy {test_score:.3f}")
cost = zeros.history_["validation_loss"]
print(f"least test cost {cost.min():.5f} at epoch {cost.argmin()}; {cost[2499]:.5f} at epoch 2499")
print(f"early stopping keeps the coefficients of epoch {stopped.n_iter_[0]}")
ones = [np.column_stack([rows, np.ones(len(rows))]) for rows in (X_train, X_test)]
same = train(*ones, bias=False, init="normal").coef_[0]
change = np.abs(same - [*normal.coef_[0], *normal.intercept_]).max()
print(f"bias as a column of ones: no coefficient changes by more than {change:.0e}")
figure = Figure(figsize=(9, 3.8), layout="constrained")
for ax, key in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
    ax.plot(zeros.history_[key], color="#0072B2", label="training rows")
    ax.plot(zeros.history_[f"validation_{key}"], "--", color="#D55E00", label="test rows")
    ax.axvline(cost.argmin(), color="#595959", linestyle=":", label="least test cost")
    ax.set(xlabel="epoch", ylabel=key, ylim=(0, 0.3) if key == "loss" else (0.9, 1))
    ax.legend(frameon=False)
figure.savefig(folder / "1_neural_network_view.png", dpi=150)
