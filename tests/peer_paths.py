"""Paths by a peer, in the interpreter of its own that `test_peers_l1.py` starts.

    python peer_paths.py PROGRAM PROBLEMS.npz PATHS.npz

A name in a file is "problem|part". Nothing here needs more than the peer and what the peer needs.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

Parts = dict[str, Any]

# Tighter than what 1e-9 of the objective asks for, and still met within seconds.
_TIGHT = 1e-14


def join(problems: dict[str, Parts]) -> Parts:
    """One flat dict of arrays; sparse X as the arrays of its columns."""
    flat = {}
    for name, parts in problems.items():
        for part, value in parts.items():
            if sp.issparse(value):
                columns = sp.csc_array(value)
                for field in ("data", "indices", "indptr", "shape"):
                    flat[f"{name}|{part}.{field}"] = getattr(columns, field)
            else:
                flat[f"{name}|{part}"] = value
    return flat


def part(flat: Any) -> dict[str, Parts]:
    """Undo `join`: problems by name; sparse X in columns, which both peers work on."""
    problems: dict[str, Parts] = {}
    for key in flat:
        name, field = key.split("|")
        problems.setdefault(name, {})[field] = flat[key]
    for parts in problems.values():
        if "X.data" in parts:
            arrays = tuple(parts.pop(f"X.{field}") for field in ("data", "indices", "indptr"))
            parts["X"] = sp.csc_matrix(arrays, shape=tuple(parts.pop("X.shape")))
    return problems


class EachAlone(np.ndarray):
    """Groups of coefficients, one each, which adelie would make groups of K by multiplying."""

    def __mul__(self, other: Any) -> Any:
        return np.asarray(self)


def adelie(problem: Parts) -> tuple[Any, Any]:
    """Coefficients (m, K, p) and intercepts (m, K), each coefficient of a class penalised alone."""
    import adelie as ad

    X, y, lambdas = problem["X"], problem["y"], problem["lambdas"]
    (n, p), K = X.shape, int(y.max()) + 1
    weight = problem.get("weight", np.ones(n))
    weight = weight / weight.sum()
    factors, groups = problem.get("factors", np.ones(p)), np.arange(p)
    if K == 2:
        width, glm = 1, ad.glm.binomial(y.astype(float), weights=weight)
    else:
        # Its loss is that of the textbook over K.
        width, glm = K, ad.glm.multinomial(np.eye(K)[y], weights=weight)
        groups, factors = np.arange(p * K).view(EachAlone), np.repeat(factors, K)
    state = ad.grpnet(
        ad.matrix.sparse(X) if sp.issparse(X) else np.asfortranarray(X),
        glm,
        groups=groups,
        penalty=factors,
        alpha=float(problem["l1_ratio"]),
        lmda_path=lambdas / width,
        offsets=problem.get("offset"),
        early_exit=False,
        progress_bar=False,
        tol=_TIGHT,
        irls_tol=_TIGHT,
    )
    coefs = np.asarray(state.betas.toarray()).reshape(lambdas.size, p, width).transpose(0, 2, 1)
    return coefs, np.asarray(state.intercepts).reshape(lambdas.size, width)


def skglm(problem: Parts) -> tuple[Any, Any]:
    """Coefficients (m, 1, p) and intercepts (m, 1), by one warm-started fit after the other."""
    from skglm import SparseLogisticRegression

    model = SparseLogisticRegression(
        l1_ratio=float(problem["l1_ratio"]), tol=1e-12, max_iter=1000, warm_start=True
    )
    coefs, intercepts = [], []
    for strength in problem["lambdas"]:
        model.set_params(alpha=float(strength)).fit(problem["X"], problem["y"])
        coefs.append(np.array(model.coef_).reshape(1, -1))
        intercepts.append(np.array(model.intercept_).reshape(1))
    return np.array(coefs), np.array(intercepts)


PROGRAMS: dict[str, Callable[[Parts], tuple[Any, Any]]] = {"adelie": adelie, "skglm": skglm}


def main(program: str, problems: str, paths: str) -> None:
    """Read problems, and write the paths of a program."""
    found = {}
    with np.load(problems) as flat:
        for name, problem in part(flat).items():
            coefs, intercepts = PROGRAMS[program](problem)
            found[name] = {"coefs": coefs, "intercepts": intercepts}
    np.savez(paths, **join(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
