"""The law of the compiled kernels: what Numba makes of them is what the plain ones say.

Tolerances are relative to the size of what is added up, not to the sum, which may have cancelled.
With M = sum_j |z_j w_j| a margin is rounded by about 2^-53 M in any order of its terms (Higham,
2002, 3.1), and what is formed from it by its derivative times that; `sizes` says so for each sum.
Of the n roundings of the sum itself about sqrt(n) are left, as they have either sign.
"""

import tracemalloc
from dataclasses import dataclass, fields

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from test_core_laws import rows
from test_solvers import fitted

from oddsmith.core import fused, fused_loops, fused_multinomial
from oddsmith.core.block import Block
from oddsmith.core.class_pairs import class_hessian, pair_sums
from oddsmith.core.columns import Standardisation, column_statistics
from oddsmith.core.compiled import COMPILED
from oddsmith.core.kernels import PLAIN, Design
from oddsmith.core.loss import Binomial, Multinomial
from oddsmith.core.stable import relative_entropy_term, softmax
from oddsmith.data.memory import MemoryBlocks, memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.solvers import LBFGS, Newton, NewtonCG

ULP = 2.0**-52
# Below this, times the square of the scales, products of numbers near the smallest are lost.
UNDERFLOW = 2.0**-1000

LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every third row": lambda X: np.repeat(X, 3, axis=0)[::3],
    "some columns": lambda X: np.hstack([X, X])[:, : X.shape[1]],
    "some columns, Fortran": lambda X: np.asfortranarray(np.vstack([X, X]))[: X.shape[0]],
    "rows reversed": lambda X: X[::-1].copy()[::-1],
    "columns reversed": lambda X: X[:, ::-1].copy()[:, ::-1],
    "every second column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
}


@dataclass(frozen=True)
class Walk:
    """Rows, a place and a direction."""

    block: Block
    design: Design
    coef: np.ndarray
    direction: np.ndarray

    @property
    def loss(self):
        return Binomial() if self.coef.ndim == 1 else Multinomial()

    def kernels(self, of, order=2, lengths=(1.0, 0.5, -3.0)):
        """Sums of all kernels by name."""
        loss, design, coef, direction = self.loss, self.design, self.coef, self.direction
        by_order = {r: of.evaluate(loss, design, coef, r) for r in range(order + 1)}
        return {
            **{f"order {r}": kernel for r, kernel in by_order.items()},
            "product": of.hessian_product(loss, design, coef, direction),
            "line": of.line(loss, design, coef, direction, lengths),
            "no lengths": of.line(loss, design, coef, direction, ()),
            "columns": of.columns,
        }

    def sums(self, of, **options):
        with np.errstate(all="ignore"):
            return {name: k(self.block) for name, k in self.kernels(of, **options).items()}


def flat(sums):
    """Numbers of a record of sums, by name, as arrays."""
    return {f.name: np.asarray(getattr(sums, f.name), dtype=float) for f in fields(sums)}


def sizes(walk, lengths=(1.0, 0.5, -3.0), order=2):
    """Size of the terms of each sum, in units of which their rounding is told."""
    block, how = walk.block, walk.design.standardisation
    X = np.asarray(block.X, dtype=float)
    Z = np.abs((X - how.center) / how.scale)
    if walk.design.intercept:
        Z = np.column_stack([Z, np.ones(len(X))])
    coef, direction = walk.coef.reshape(Z.shape[1], -1), walk.direction.reshape(Z.shape[1], -1)
    offset = np.asarray(block.offset).reshape(len(X), -1)
    design = walk.design(block)
    m = design.times(walk.coef).reshape(len(X), -1) + offset
    t = design.times(walk.direction).reshape(len(X), -1)
    M = 1.0 + (Z @ np.abs(coef) + np.abs(offset)).max(axis=1)
    T = (Z @ np.abs(direction)).max(axis=1)
    s, y = block.weight, block.y
    own = walk.loss.own_curvature(m.squeeze(1) if walk.coef.ndim == 1 else m).reshape(m.shape)
    slope = np.abs(walk.loss.slope(*_squeezed(walk, m), y)).reshape(m.shape)

    def value_at(margin, size):
        off = np.abs(walk.loss.slope(*_squeezed(walk, margin), y)).reshape(m.shape).max(axis=1)
        return float(s @ (walk.loss.value(*_squeezed(walk, margin), y) + off * size))

    gradient = Z.T @ (s[:, None] * slope * M[:, None])
    found = {"value": value_at(m, M), "gradient": gradient.ravel()}
    if order == 2:
        hessian = np.empty((Z.shape[1], m.shape[1]) * 2)
        for k, j, h in walk.loss.curvatures(m[:, 0] if walk.coef.ndim == 1 else m):
            hessian[:, k, :, j] = hessian[:, j, :, k] = Z.T @ (Z * (s * np.abs(h) * M)[:, None])
        found["hessian"] = hessian.reshape(Z.shape[1] * m.shape[1], -1)
    found["vector"] = (Z.T @ (own * (s * M * T)[:, None])).ravel()
    # Two classes are a softmax of margins 0 and m.
    pair = (lambda v: np.column_stack([0 * v[:, 0], v[:, 0]])) if m.shape[1] == 1 else lambda v: v
    a, moved = softmax(pair(m)), pair(t)
    change = -(moved - (a * moved).sum(axis=1, keepdims=True))
    inside = np.maximum(change, -1.0)
    logs = np.abs(np.log1p(np.maximum(inside, -1.0 + 2.0**-53)))
    spread = Multinomial().own_curvature(pair(m)) * logs * T[:, None]
    found["divergence"] = s @ ((a * relative_entropy_term(inside) + spread).sum(axis=1) * M)
    found["values"] = np.array([value_at(m - h * t, M + abs(h) * T) for h in lengths])
    counted = s > 0
    found["reach"] = T[counted].max(initial=0.0)
    found["lead"] = found["widest"] = M[counted].max(initial=0.0)
    found["weight"] = s.sum()
    found["low"] = found["high"] = 0.0
    share = s / (s.sum() or 1.0)
    found["mean"] = share @ np.abs(X)
    found["spread"] = np.abs(X).max(axis=0)
    return found


def _squeezed(walk, margin):
    return (margin[:, 0] if walk.coef.ndim == 1 else margin,)


def assert_equal_but_for_rounding(walk, order=2):
    with np.errstate(all="ignore"):
        size = sizes(walk, order=order)
    plain, fast = walk.sums(PLAIN, order=order), walk.sums(COMPILED, order=order)
    n, p = walk.block.X.shape
    tolerance = ULP * (8.0 + np.sqrt(n + p))
    unit = min(float(walk.design.standardisation.scale.min()), 1.0)
    lost = n * max(float(walk.block.weight.max()), 1.0) * UNDERFLOW / unit**2
    for name, sums in plain.items():
        other = flat(fast[name])
        for field, exact in flat(sums).items():
            ours = other[field]
            assert ours.shape == exact.shape, (name, field)
            known = np.isfinite(exact)
            assert (np.isfinite(ours) == known).all(), (name, field)
            room = np.broadcast_to(size[field], exact.shape)[known] if exact.size else 0.0
            error = np.abs(ours[known] - exact[known])
            assert (error <= tolerance * room + lost).all(), (name, field)


def problem(
    seed,
    n,
    p,
    K=2,
    *,
    layout="C",
    dtype=np.float64,
    labels=np.int8,
    weights=None,
    offset=False,
    intercept=True,
    centred=False,
    scale=0,
    margin=1.0,
    direction=1.0,
):
    """Random rows: `scale` is the largest exponent of 2 of a column, `margin` a size (nats)."""
    rng = np.random.default_rng(seed)
    scale = min(scale, 30) if dtype is np.float32 else scale
    unit = 2.0 ** rng.integers(-scale, scale + 1, p) if scale else np.ones(p)
    X = rng.normal(size=(n, p)) + (10.0 ** rng.integers(-1, 6, p) if centred else 0.0)
    X = LAYOUTS[layout]((X * unit).astype(dtype))
    X.flags.writeable = False
    center = np.asarray(X, dtype=float).mean(axis=0) if centred else np.zeros(p)
    shape = (n,) if K == 2 else (n, K)
    size = (p + intercept,) if K == 2 else (p + intercept, K)
    weight = {
        None: lambda: np.broadcast_to(1.0, n),
        "some": lambda: rng.exponential(size=n) * (rng.random(n) < 0.8),
        "huge": lambda: rng.exponential(size=n) * 1e100,
        "tiny": lambda: rng.exponential(size=n) * 1e-100,
        "wide": lambda: 10.0 ** rng.uniform(-30, 30, n),
    }[weights]()
    offsets = rng.normal(size=shape) * margin if offset else np.broadcast_to(0.0, shape)
    if n > 1 and weights == "some" and offset:
        # The first are the usual ones, which does not make them so for all rows.
        weight[0], offsets[0] = 1.0, 0.0
    return Walk(
        Block(X, rng.integers(0, K, n).astype(labels), weight, offsets),
        Design(Standardisation(center, unit), intercept),
        rng.normal(size=size) * margin / np.sqrt(p + 1),
        rng.normal(size=size) * direction / np.sqrt(p + 1),
    )


# Each kind of entries and labels is compiled for itself, for seconds: not all pairs are drawn.
KINDS = st.sampled_from([(np.float64, np.int8), (np.float32, np.int8), (np.float64, np.int32)])
problems = st.builds(
    lambda kind, **drawn: problem(dtype=kind[0], labels=kind[1], **drawn),
    KINDS,
    seed=st.integers(0, 10**6),
    # Tiles are of 64 rows, or by columns of up to 2048; fours of rows are added at once.
    n=st.integers(1, 20) | st.sampled_from([63, 64, 65, 131, 257, 1873, 2047, 2048, 2051, 4099]),
    p=st.integers(1, 8) | st.sampled_from([31, 64, 70]),
    K=st.sampled_from([2, 2, 2, 3, 4]),
    layout=st.sampled_from(list(LAYOUTS)),
    weights=st.sampled_from([None, "some", "huge", "tiny", "wide"]),
    offset=st.booleans(),
    intercept=st.booleans(),
    centred=st.booleans(),
    scale=st.sampled_from([0, 3, 200]),
    margin=st.sampled_from([0.0, 1e-3, 1.0, 30.0, 1e3, 1e5]),
    direction=st.sampled_from([0.0, 1e-12, 1e-4, 0.1, 1.0, 1e3]),
)


@given(problems)
@example(problem(0, 1, 3, layout="rows reversed"))
@example(problem(0, 1, 1, layout="columns reversed"))
@example(problem(0, 300, 70, 12, centred=True, offset=True))
@example(problem(0, 300, 20, 12, weights="some", layout="Fortran", dtype=np.float32))
@settings(max_examples=200)
def test_compiled_sums_are_the_plain_ones(walk):
    assert_equal_but_for_rounding(walk)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("layout", ["C", "Fortran"])
def test_compiled_sums_of_very_many_columns(layout, K):
    """Tiles are at their smallest, and no longer fit in the cache."""
    walk = problem(0, 71, 20_000, K, layout=layout, centred=True, weights="some", offset=True)
    assert_equal_but_for_rounding(walk, order=1)


@pytest.mark.parametrize("layout", ["C", "Fortran"])
@pytest.mark.parametrize(("K", "p"), [(2, 300), (2, 5), (3, 5)])
def test_compiled_hessians_of_more_rows_than_are_written_out_at_once(layout, K, p):
    n = {300: 500, 5: 24_001}[p]
    assert_equal_but_for_rounding(problem(0, n, p, K, layout=layout, weights="some"))


@pytest.mark.parametrize("shape", [(9, 3, 1), (300, 3, 2), (5000, 2, 2), (5000, 2, 3)])
@pytest.mark.parametrize("by", ["rows", "columns"])
def test_rows_or_columns_that_share_their_memory(shape, by):
    """Lags of a series as a view: no row or column of memory is as long as what it holds."""
    n, p, step = shape
    series = np.random.default_rng(0).normal(size=step * max(n, p) + n + p)
    if by == "rows":
        X = sliding_window_view(series, p)[: n * step : step]
    else:
        X = sliding_window_view(series, n)[: p * step : step].T
    walk = problem(0, n, p)
    block = Block(X, walk.block.y, walk.block.weight, walk.block.offset)
    assert_equal_but_for_rounding(Walk(block, walk.design, walk.coef, walk.direction))


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("n", [4096, 100_000])
def test_equal_losses_add_up_without_drift(n, K):
    """Terms that are all rounded the same way, where each addition may be as well.

    A proof has room for 8 units of the last place of the sum, see `certificate`.
    """
    walk = problem(0, n, 5, K, margin=0.0, direction=0.0)
    source = Threads(MemoryBlocks(*_parts(walk), rows=2**15), 1)
    kernels = walk.kernels(COMPILED)
    total, line = source.fold(kernels["order 0"]), source.fold(kernels["line"])
    for value in (total.value, *line.values):
        assert abs(value - n * np.log(K)) <= 8 * ULP * n * np.log(K)


def _parts(walk):
    return walk.block.X, walk.block.y, walk.block.weight, walk.block.offset


BAD = [np.nan, np.inf, -np.inf, 1e308]


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("where", ["X", "coef", "offset", "direction"])
@pytest.mark.parametrize("bad", BAD)
def test_no_sum_is_silently_finite(bad, where, K):
    """Where a plain sum holds what is no finite number, so does the compiled one."""
    for layout in ("C", "Fortran"):
        for row in (0, 66, 129):
            walk = problem(3, 130, 5, K, layout=layout, offset=True)
            X, offset = walk.block.X.copy(order="K"), walk.block.offset.copy()
            coef, direction = 10.0 * walk.coef, walk.direction.copy()
            place = {"X": X, "coef": coef, "offset": offset, "direction": direction}[where]
            place[(row if where in ("X", "offset") else 2, *([1] * (place.ndim - 1)))] = bad
            block = Block(X, walk.block.y, walk.block.weight, offset)
            walk = Walk(block, walk.design, coef, direction)
            plain, fast = walk.sums(PLAIN), walk.sums(COMPILED)
            for name, sums in plain.items():
                ours = flat(fast[name])
                for field, exact in flat(sums).items():
                    if field in ("reach", "lead", "widest"):  # extremes, not sums
                        continue
                    known = np.isfinite(exact).all() or not np.isfinite(ours[field]).all()
                    assert known, (name, field, row)


@pytest.mark.parametrize("layout", ["C", "Fortran"])
@pytest.mark.parametrize("weights", [None, "wide"])
def test_statistics_of_any_column_there_may_be(layout, weights):
    rng = np.random.default_rng(0)
    columns = {
        "constant": np.full(200, 3.3),
        "zero": np.zeros(200),
        "shifted": rng.normal(size=200) + 1e8,
        "huge": rng.normal(size=200) * 1e300,
        "largest": np.where(rng.random(200) < 0.5, 1.7e308, -1.7e308),
        "tiny": rng.normal(size=200) * 1e-300,
        "denormal": rng.integers(0, 3, 200) * 5e-324,
        "NaN": np.where(np.arange(200) == 150, np.nan, 1.0),
        "inf": np.where(np.arange(200) == 150, np.inf, 1.0),
        "both": np.where(np.arange(200) % 2 == 0, np.inf, -np.inf),
    }
    walk = problem(0, 200, 1, weights=weights)
    for names in ([name] for name in columns), ([name, "shifted"] for name in columns):
        for chosen in names:
            X = LAYOUTS[layout](np.column_stack([columns[name] for name in chosen]))
            block = Block(X, walk.block.y, walk.block.weight, walk.block.offset)
            with np.errstate(all="ignore"):
                exact, ours = column_statistics(block), COMPILED.columns(block)
            for field in ("low", "high"):
                np.testing.assert_array_equal(getattr(ours, field), getattr(exact, field))
            np.testing.assert_allclose(ours.mean, exact.mean, rtol=1e-13, atol=0)
            far = 8 * ULP * np.abs(exact.mean)
            assert (
                np.abs(ours.spread - exact.spread) <= 1e-13 * exact.spread + far
            ).all() or not exact.finite
            assert ours.finite == exact.finite
            assert (ours.constant == exact.constant).all()


def _ulps(ours, exact):
    """Distance in units of the last place of what is exact."""
    unit = np.spacing(np.array([abs(float(v)) for v in exact]))
    with mpmath.workdps(60):
        return np.array(
            [
                float(abs(mpmath.mpf(a) - b) / u)
                for a, b, u in zip(ours.tolist(), exact, unit.tolist(), strict=True)
            ]
        )


def test_the_exponential_is_within_two_units_of_the_last_place():
    rng = np.random.default_rng(0)
    halves = (np.arange(1, 2160) / 2) * np.log(2)
    z = np.concatenate(
        [
            rng.uniform(0, 1, 3000),
            rng.uniform(0, 745, 3000),
            10.0 ** rng.uniform(-320, 0, 500),
            halves,
            np.nextafter(halves, 0),
            [0.0, 708.3, 708.5, 744.0, 745.0, 745.2, 746.0, 751.0, 1e300],
        ]
    )
    z *= rng.choice([-1.0, 1.0], z.size)
    ours = np.empty(z.size)
    fused_loops.exp_of_minus(z, ours)
    with mpmath.workdps(60):
        exact = [mpmath.exp(-abs(mpmath.mpf(v))) for v in z.tolist()]
    assert _ulps(ours, exact).max() <= 2.0
    assert ours[np.abs(z) > 746].tolist() == [0.0, 0.0] or (ours[np.abs(z) > 746] == 0).all()
    assert ours[z == 0].tolist() == [1.0]
    special = np.array([np.nan, np.inf, -np.inf])
    fused_loops.exp_of_minus(special, ours[:3])
    np.testing.assert_array_equal(ours[:3], [np.nan, 0.0, 0.0])


def test_the_logarithm_is_within_three_units_of_the_last_place():
    rng = np.random.default_rng(0)
    small = 10.0 ** rng.uniform(-320, 0, 2000)
    e = np.concatenate([rng.random(5000), small, [0.0, 1.0, 5e-324]])
    z, ours = np.full(e.size, -1.0), np.empty(e.size)
    fused_loops.log1pexp(z, e, ours)
    halves = 2.0 ** np.arange(-50, 1000) * np.sqrt(2)
    edges = np.concatenate([halves, np.nextafter(halves, 0), 2.0 ** np.arange(60)]) - 1
    more = np.concatenate([e, 10.0 ** rng.uniform(0, 300, 2000), -rng.random(5000), -small, edges])
    more = more[more > -1]
    any_sum = np.array([fused_loops.log1p(u) for u in more.tolist()])
    with mpmath.workdps(400):
        for u, found in ((e, ours), (more, any_sum)):
            exact = [mpmath.log1p(mpmath.mpf(v)) for v in u.tolist()]
            assert _ulps(found, exact).max() <= 3.0
    assert np.isnan(fused_loops.log1p(np.nan))


@pytest.mark.parametrize(("q", "K"), [(1, 3), (7, 4), (33, 3), (50, 3), (60, 3)])
@pytest.mark.parametrize("n", [1, 100, 5000])
def test_hessians_by_pairs_of_classes_are_the_sums_they_stand_for(n, q, K):
    rng = np.random.default_rng(0)
    Z, unit = rng.normal(size=(q, n)), 2.0 ** rng.integers(-3, 4, q)
    a = softmax(rng.normal(size=(n, K)))
    curvature = a[:, :, None] * np.eye(K) - a[:, :, None] * a[:, None]
    pairs = curvature[:, *np.tril_indices(K)].T
    exact = np.einsum("ikm,ji,li->jklm", curvature, Z / unit[:, None], Z / unit[:, None])
    size = np.einsum("ikm,ji,li->jklm", np.abs(curvature), *2 * [np.abs(Z / unit[:, None])])
    for halves in (1, 2):  # sums of parts are sums of all rows
        cut = np.array_split(np.arange(n), halves)
        sums = sum(pair_sums(Z[:, own], pairs[:, own]) for own in cut)
        hessian = class_hessian(sums, unit)
        assert (np.abs(hessian.reshape(exact.shape) - exact) <= 1e-14 * np.sqrt(n) * size).all()
        np.testing.assert_array_equal(hessian, hessian.T)


@pytest.mark.parametrize("case", ["scale", "no columns"])
@pytest.mark.parametrize("K", [2, 3])
def test_what_is_not_compiled_is_left_to_the_plain_kernels(monkeypatch, case, K):
    for module in (fused, fused_multinomial):
        for name in module.__all__:
            monkeypatch.setattr(module, name, None)
    walk = problem(0, 50, 3, K)
    X, scale = walk.block.X, np.ones(3)
    if case == "scale":
        scale = np.array([1.0, 2.0**301, 2.0**-301])
    else:
        X, scale = X[:, :0], scale[:0]
        walk = Walk(walk.block, walk.design, walk.coef[-1:], walk.direction[-1:])
    block = Block(X, walk.block.y, walk.block.weight, walk.block.offset)
    how = Standardisation(np.zeros_like(scale), scale)
    walk = Walk(block, Design(how, True), walk.coef, walk.direction)
    plain = walk.sums(PLAIN)
    kernels = walk.kernels(COMPILED)
    with np.errstate(all="ignore"):
        for name in plain.keys() - ({"columns"} if case == "scale" else set()):
            ours = flat(kernels[name](block))
            for field, exact in flat(plain[name]).items():
                np.testing.assert_array_equal(ours[field], exact)


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("zeros", [False, True])
def test_the_bits_do_not_depend_on_the_number_of_threads(K, zeros):
    walk = problem(0, 5003, 7, K, weights="some" if zeros else None, offset=True)
    blocks = MemoryBlocks(*_parts(walk), rows=64)
    for name, kernel in walk.kernels(COMPILED).items():
        folded = []
        for n_jobs in (1, 2, 3):
            with Threads(blocks, n_jobs) as source:
                folded.append({k: v.tobytes() for k, v in flat(source.fold(kernel)).items()})
        assert folded[0] == folded[1] == folded[2], name


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layout", ["C", "Fortran", "some columns"])
@pytest.mark.parametrize("K", [2, 3])
def test_rows_are_neither_changed_nor_copied(K, layout, dtype):
    """Room is taken for a part of a block at a time, however many rows there are."""
    walk = problem(0, 300_000, 16, K, layout=layout, dtype=dtype, centred=True)
    X = walk.block.X
    before = X.tobytes()
    with Threads(memory_blocks(*_parts(walk), width=1 if K == 2 else K), 1) as source:
        for name, kernel in walk.kernels(COMPILED).items():
            source.fold(kernel)  # compiling takes memory of its own
            tracemalloc.start()
            source.fold(kernel)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 12e6 < X.nbytes, name
    assert X.tobytes() == before


HARD = {
    "plain": {},
    "correlated": {"mix": 0.95},
    "scaled": {"unit": [1e3, 1.0, 1e-3, 1.0]},
    "far from zero": {"shift": [1e8, -50.0, 0.0, 3.0]},
    "unpenalised": {"l2": 0.0},
    "weakly penalised": {"l2": 1e-6},
    "no intercept": {"intercept": False},
    "float32": {"dtype": np.float32},
    "Fortran": {"layout": "Fortran"},
}


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("kind", HARD)
def test_a_fit_with_compiled_kernels_is_the_same_fit(monkeypatch, kind, K):
    # Rows as few as here are else standardised once, for plain kernels.
    monkeypatch.setattr("oddsmith.solvers.minimise._FEW_ENTRIES", 0)
    how = {"l2": 1.0, "intercept": True, "dtype": float, "layout": "C", "mix": 0.0} | HARD[kind]
    X, _, _ = rows(1, 400, 4, K)
    rng = np.random.default_rng(2)
    y = (X @ rng.normal(size=(4, K)) + rng.gumbel(size=(400, K))).argmax(axis=1)
    X[:, 1:] = how["mix"] * X[:, :1] + np.sqrt(1 - how["mix"] ** 2) * X[:, 1:]
    unit = np.array(how.get("unit", np.ones(4)))
    X = LAYOUTS[how["layout"]]((X * unit + np.array(how.get("shift", 0.0))).astype(how["dtype"]))
    for solver in (Newton(), NewtonCG(), LBFGS()):
        fits = []
        for products in (10**12, 0):
            monkeypatch.setattr("oddsmith.solvers.choose._MANY_PRODUCTS", products)
            fits.append(fitted(X, y, solver, K, how["l2"], how["intercept"], tol=1e-14))
        plain, fast = fits
        assert plain.converged
        assert fast.converged
        assert fast.objective == pytest.approx(plain.objective, rel=1e-14)
        size = np.abs(plain.coef * unit[:, None]).max()
        np.testing.assert_allclose(
            fast.coef * unit[:, None], plain.coef * unit[:, None], atol=1e-9 * size, rtol=0
        )
