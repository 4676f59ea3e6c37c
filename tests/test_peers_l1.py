"""Beside adelie and skglm, at tight tolerances: the same objective to 1e-9, and the same support.

Each peer solves all of its problems in one process: adelie in an environment with NumPy 1, which
`make test` installs, skglm in ours, but with its Numba functions as plain Python, whose compilation
takes longer than the problems.
"""

import functools
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from peer_paths import join, part
from test_proximal_newton import LD, rows, slopes

from oddsmith import LogisticRegression, regularization_path

HERE = Path(__file__).parent
PEERS_VENV = Path(os.environ.get("PEERS_VENV", ".venv-peers"))
NUMPY_1 = HERE.parent / PEERS_VENV / "bin" / "python"

CLOSE = 1e-9  # of the objective


def lambdas(X, y, ratio, least):
    """From a little below the penalty that holds all coefficients at 0."""
    K = int(y.max()) + 1
    target = np.eye(K)[y][:, 1:] if K == 2 else np.eye(K)[y]
    pull = X.T @ (target - target.mean(axis=0)) / y.size
    return np.abs(pull).max() / ratio * np.geomspace(0.95, least, 8)


def problem(seed, shape, K=2, *, ratio=1.0, least=0.02, storage=np.asarray, change=None):
    X, y = rows(seed, *shape, K)
    if change is not None:
        X = change(X)
    given = {"X": storage(X), "y": y, "l1_ratio": ratio}
    return given | {"lambdas": lambdas(X, y, ratio, least)}


def correlated(X):
    """Correlations of about 0.95 between all columns."""
    return X[:, :1] + 0.23 * X


def thin(X):
    return np.where(np.abs(X) > 1.2, X, 0.0)


def one_of_all():
    """Weights, offsets and factors, one of which is 0."""
    given = problem(9, (120, 15), ratio=0.5)
    rng = np.random.default_rng(9)
    factors = rng.uniform(0.5, 2.0, 15)
    factors[3] = 0.0
    weight, offset = rng.uniform(0.2, 2.0, 120), rng.normal(size=120)
    return given | {"weight": weight, "offset": offset, "factors": factors}


BINARY = {
    "dense": problem(1, (150, 20)),
    "dense, elastic net": problem(1, (150, 20), ratio=0.5),
    "correlated": problem(2, (150, 20), change=correlated),
    "correlated, elastic net": problem(2, (150, 20), ratio=0.5, change=correlated),
    "wide": problem(3, (40, 100), least=0.1),
    "wide, elastic net": problem(3, (40, 100), ratio=0.5, least=0.1),
    "sparse": problem(4, (200, 40), storage=sp.csr_array, change=thin),
    "sparse, elastic net": problem(4, (200, 40), ratio=0.5, storage=sp.csr_array, change=thin),
    "one column": problem(5, (60, 1)),
}
# Of three classes, the coefficients of a column are determined: the median of them is 0.
OTHERS = {
    "multinomial": problem(6, (150, 15), 3),
    "multinomial, elastic net": problem(6, (150, 15), 3, ratio=0.5),
    "multinomial, wide": problem(7, (45, 60), 3, least=0.1),
    "multinomial, sparse": problem(8, (200, 20), 3, storage=sp.csr_array, change=thin),
    "weights, offsets, factors": one_of_all(),
}
PROBLEMS = {"adelie": BINARY | OTHERS, "skglm": BINARY}
CASES = [(peer, name) for peer, names in PROBLEMS.items() for name in names]


def interpreter(peer):
    """Python that the peer is installed in."""
    if peer == "adelie":
        assert NUMPY_1.exists(), f"there is no {NUMPY_1}, where adelie is; install it: make test"
        return str(NUMPY_1)
    assert find_spec(peer), f"{peer} is not installed here; install it: make test"
    return sys.executable


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """From a peer's name to its paths, by the name of the problem."""

    @functools.cache
    def solved(peer):
        home = tmp_path_factory.mktemp(peer)
        given, found = home / "problems.npz", home / "paths.npz"
        np.savez(given, **join(PROBLEMS[peer]))
        command = [interpreter(peer), str(HERE / "peer_paths.py"), peer, str(given), str(found)]
        settings = {"NUMBA_DISABLE_JIT": "1", "OMP_NUM_THREADS": "1"}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        ran = subprocess.run(
            command, env=environment | settings, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{peer} failed:\n{ran.stderr}"
        with np.load(found) as flat:
            return part(flat)

    return solved


def objective(given, strength, coef, intercept):
    """Mean loss plus penalty from its definition, in long double."""
    X, y, ratio = given["X"], given["y"], given["l1_ratio"]
    X = X.toarray() if sp.issparse(X) else X
    weight = given.get("weight", np.ones(y.size)).astype(LD)
    offset = given.get("offset", np.zeros(y.size))[:, None]
    losses, _ = slopes(X, y, coef, intercept, weight, offset, LD)
    coef, factors = coef.astype(LD), given.get("factors", np.ones(X.shape[1]))
    penalty = factors * (ratio * np.abs(coef) + (1 - ratio) / 2 * coef**2)
    return losses.sum() / weight.sum() + strength * penalty.sum()


def optional(given):
    """What beside X and y is fitted with: arguments of the data, and of the columns."""
    data = {"sample_weight": given.get("weight"), "offset": given.get("offset")}
    return data, {"penalty_factors": given.get("factors")}


def by_path(given):
    """Our path: coefficients (m, K, p), intercepts (m, K), and what is proved of them."""
    data, columns = optional(given)
    path = regularization_path(
        given["X"], given["y"], lambdas=given["lambdas"], l1_ratio=given["l1_ratio"],
        **data, **columns,
    )  # fmt: skip
    m, p = path.lambdas.size, path.coefs.shape[-1]
    return path.coefs.reshape(m, -1, p), path.intercepts.reshape(m, -1), path.gaps


def by_fits(given):
    """The same by a fit of its own for each penalty."""
    data, columns = optional(given)
    total = given.get("weight", np.ones(given["y"].size)).sum()
    models = [
        LogisticRegression(C=1.0 / (strength * total), l1_ratio=given["l1_ratio"], **columns).fit(
            given["X"], given["y"], **data
        )
        for strength in given["lambdas"]
    ]
    parts = ("coef_", "intercept_", "optimality_gap_")
    return tuple(np.array([getattr(model, name) for model in models]) for name in parts)


@pytest.mark.parametrize("ours", [by_path, by_fits])
@pytest.mark.parametrize(("peer", "name"), CASES)
def test_a_peer_finds_the_same_objective_and_support(peer, name, ours, paths):
    given, theirs = PROBLEMS[peer][name], paths(peer)[name]
    coefs, intercepts, gaps = ours(given)
    assert theirs["coefs"].shape == coefs.shape
    for index, strength in enumerate(given["lambdas"]):
        peer_value = objective(given, strength, theirs["coefs"][index], theirs["intercepts"][index])
        value = objective(given, strength, coefs[index], intercepts[index])
        assert value <= peer_value * (1 + CLOSE), f"ours is worse at lambda {index}"
        assert peer_value <= value * (1 + CLOSE), f"{peer}'s is worse: is it told a tight tol?"
        # No other coefficients are further below ours than is proved.
        assert value - peer_value <= gaps[index] + 1e-15
        np.testing.assert_array_equal(coefs[index] != 0, theirs["coefs"][index] != 0)
    supports = np.count_nonzero(coefs.reshape(gaps.size, -1), axis=1)
    assert supports[0] < supports[-1] or coefs[0].size == 1, "the path selects nothing"
