"""Separation and collinearity: held to brute force, to statsmodels, and named by column."""

import itertools
import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import messages

from oddsmith import CollinearityWarning, LogisticRegression, SeparationWarning, logit
from oddsmith.core.block import CountedSource
from oddsmith.core.columns import column_statistics
from oddsmith.data.memory import memory_blocks
from oddsmith.engines.threads import Threads
from oddsmith.inference.collinearity import find_collinearity
from oddsmith.inference.diagnosis import diagnose
from oddsmith.inference.separation import find_separation
from oddsmith.solvers.minimise import Task, minimise, objective_of


def objective(X, y, weight=None, intercept=True, n_classes=None):
    X = X if sp.issparse(X) else np.asarray(X, float)
    y = np.asarray(y)
    K = int(y.max()) + 1 if n_classes is None else n_classes
    blocks = memory_blocks(X, y, weight, None, 1 if K == 2 else K)
    source = CountedSource(Threads(blocks, n_jobs=1))
    task = Task(max(K, 2), intercept, 0.0, sp.issparse(X), 1e-12)
    return objective_of(source, source.fold(column_statistics), task)[0]


def found(X, y, coef=None, **how):
    own = objective(X, y, **how)
    return find_separation(own, np.zeros(own.size) if coef is None else coef)


# ------------------------------------------------------------------------------- brute force


def null_vector(rows, q):
    """The one direction that integer rows leave, as fractions; None if there are more or none."""
    A = [[Fraction(int(entry)) for entry in row] for row in rows]
    pivots = []
    for column in range(q):
        pivot = next((i for i in range(len(pivots), len(A)) if A[i][column] != 0), None)
        if pivot is None:
            continue
        top = len(pivots)
        A[top], A[pivot] = A[pivot], A[top]
        A[top] = [entry / A[top][column] for entry in A[top]]
        for i in range(len(A)):
            if i != top:
                A[i] = [a - A[i][column] * b for a, b in zip(A[i], A[top], strict=True)]
        pivots.append(column)
    if len(pivots) != q - 1:
        return None
    free = next(j for j in range(q) if j not in pivots)
    d = [Fraction(0)] * q
    d[free] = Fraction(1)
    for i, column in enumerate(pivots):
        d[column] = -A[i][free]
    return d


def separated_rows(G):
    """Rows that gain along some direction in which none loses: the rays of a pointed cone."""
    q = G.shape[1]
    gains = np.zeros(len(G), bool)
    distinct = np.unique(G, axis=0)
    for chosen in itertools.combinations(range(len(distinct)), q - 1):
        ray = null_vector(distinct[list(chosen)], q)
        if ray is None:
            continue
        for sign in (1, -1):
            gain = [sign * sum(int(g) * r for g, r in zip(row, ray, strict=True)) for row in G]
            if min(gain) >= 0:
                gains |= np.array([one > 0 for one in gain])
    return gains


def differences(X, y, K):
    Z = np.column_stack([X, np.ones(len(y), int)])
    if K == 2:
        return (2 * y - 1)[:, None] * Z, np.arange(len(y))
    rows, owner = [], []
    for i in range(len(y)):
        for k in range(K):
            if k != y[i]:
                row = np.zeros((Z.shape[1], K), int)
                row[:, y[i]], row[:, k] = Z[i], -Z[i]
                # Against class 0: the cone is then pointed.
                rows.append(row[:, 1:].ravel())
                owner.append(i)
    return np.array(rows), np.array(owner)


@settings(max_examples=150)
@given(
    st.integers(1, 2),
    st.lists(
        st.tuples(st.integers(-2, 2), st.integers(-1, 2), st.integers(0, 1)), min_size=4, max_size=9
    ),
)
def test_two_classes_as_brute_force_says(p, table):
    data = np.array(table)
    X, y = data[:, :p], data[:, 2]
    Z = np.column_stack([X, np.ones(len(y))])
    if y.min() == y.max() or np.linalg.matrix_rank(Z) < p + 1:
        return
    G, _ = differences(X, y, 2)
    gains = separated_rows(G)
    ours = found(X, y)
    if not gains.any():
        assert ours is None
        return
    assert ours is not None
    assert ours.kind == ("complete" if gains.all() else "quasi")
    assert (ours.rows == gains).all()
    assert ours.columns or gains.all()


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 2)), min_size=5, max_size=9))
def test_three_classes_as_brute_force_says(table):
    data = np.array(table)
    X, y = data[:, :1], data[:, 1]
    if len(set(y)) < 3 or len(set(X[:, 0])) < 2:
        return
    G, owner = differences(X, y, 3)
    gains = separated_rows(G)
    ours = found(X, y)
    if not gains.any():
        assert ours is None
        return
    assert ours is not None
    assert ours.kind == ("complete" if gains.all() else "quasi")
    assert (ours.rows == (np.bincount(owner, gains, len(y)) > 0)).all()


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_a_direction_that_is_reported_loses_no_row(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 4))
    X[:, 0] = rng.integers(0, 2, 30)
    y = np.where(X[:, 0] > 0, 1, rng.integers(0, 2, 30))
    if y.min() == y.max() or X[:, 0].min() == X[:, 0].max():
        return
    ours = found(X, y)
    assert ours is not None
    Z = objective(X, y).design(memory_blocks(X, y)[0]).dense()
    gain = (2 * y - 1) * (Z @ ours.direction[:, 0])
    assert gain.min() > -1e-9 * np.abs(gain).max()
    assert ((gain > 1e-9 * np.abs(gain).max()) == ours.rows).all()


# ------------------------------------------------------------------------------------- columns


def dummies(seed=0, n=200):
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 4, n)
    X = np.column_stack([rng.normal(size=(n, 2)), np.eye(4)[level][:, 1:]])
    return X, level, rng.integers(0, 2, n)


@pytest.mark.parametrize("change", ["none", "shift", "scale", "sparse"])
def test_the_dummies_of_two_levels_are_named(change):
    X, level, y = dummies()
    y[level == 3], y[level == 1] = 1, 0
    if change == "shift":
        X = X + np.array([0, 0, 1e8, 1e8, 1e8])
    if change == "scale":
        X = X * np.array([1e6, 1e-6, 1e5, 1e-5, 1e3])
    ours = found(sp.csr_array(X) if change == "sparse" else X, y)
    assert ours is not None
    assert (ours.kind, ours.columns) == ("quasi", (2, 4))
    assert (ours.rows == np.isin(level, (1, 3))).all()
    assert ours.direction[2, 0] < 0 < ours.direction[4, 0]


def test_a_column_equal_to_the_outcome_is_named_alone():
    X, _, y = dummies(1, 60)
    X[:, 3] = y
    ours = found(X, y)
    assert ours is not None
    assert (ours.kind, ours.columns) == ("complete", (3,))
    assert ours.rows.all()


def test_overlap_by_one_row_is_no_separation():
    rng = np.random.default_rng(2)
    x = np.append(np.arange(20.0), [3.5])
    y = np.append(np.arange(20) >= 10, [True]).astype(int)
    assert found(x[:, None], y) is None
    assert found(x[:, None], y, weight=np.append(np.ones(20), 0.0)).kind == "complete"
    # Nearly touching is not touching, on either side of it.
    x = np.array([-1.0, 0.0, 1e-7, 1.0])
    assert found(x[:, None], np.array([0, 0, 1, 1])).kind == "complete"
    assert found(x[:, None], np.array([0, 1, 0, 1])) is None
    assert found(rng.normal(size=(400, 3)), rng.integers(0, 2, 400)) is None


def test_without_an_intercept_the_origin_parts_them():
    x, y = np.array([[1.0], [2.0], [3.0]]), np.array([0, 1, 1])
    assert found(x, y, intercept=False) is None
    assert found(x, y).kind == "complete"
    assert found(x - 1.5, y, intercept=False).columns == (0,)


@pytest.mark.parametrize("entries", [64, 2**18])
def test_rows_in_many_blocks(entries, monkeypatch):
    monkeypatch.setattr("oddsmith.data.memory._ENTRIES", entries)
    X, level, y = dummies(3, 5000)
    y[level == 2] = 0
    ours = found(X, y)
    assert ours is not None
    assert ours.columns == (3,)
    assert (ours.rows == (level == 2)).all()
    X, y = np.random.default_rng(0).normal(size=(3000, 4)), None
    y = (X[:, 0] + 2 * X[:, 2] > 0.3).astype(int)
    ours = found(X, y)
    assert ours is not None
    assert (ours.kind, ours.columns) == ("complete", (0, 2))


def test_three_classes_by_a_dummy():
    X, level, _ = dummies(4)
    y = np.where(level == 3, 2, np.random.default_rng(40).integers(0, 3, 200))
    ours = found(X, y)
    assert ours is not None
    assert (ours.kind, ours.columns) == ("quasi", (4,))
    assert (ours.rows == (level == 3)).all()


# --------------------------------------------------------------------------------- collinearity


def collinearity(X, weight=None, intercept=True):
    y = np.arange(len(X)) % 2
    return find_collinearity(objective(X, y, weight, intercept, 2))


def test_variance_inflation_and_condition_are_those_of_statsmodels():
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4)) * [1, 1e4, 1e-4, 1] + [0, 1e5, 0, 1]
    X[:, 3] = X[:, 0] + 0.1 * rng.normal(size=100)
    ours = collinearity(X)
    design = np.column_stack([np.ones(100), X])
    theirs = [variance_inflation_factor(design, j) for j in range(1, 5)]
    np.testing.assert_allclose(ours.inflation, theirs, rtol=1e-8)
    np.testing.assert_allclose(ours.condition, np.linalg.cond((X - X.mean(0)) / X.std(0)))
    weight = rng.integers(0, 3, 100).astype(float)
    repeated = collinearity(np.repeat(X, weight.astype(int), axis=0))
    np.testing.assert_allclose(collinearity(X, weight).inflation, repeated.inflation, rtol=1e-8)


def equations(aliases):
    return {one.column: (dict(one.terms), one.constant) for one in aliases}


def near(one, other):
    return one.keys() == other.keys() and all(
        own[0].keys() == there[0].keys()
        and np.allclose(list(own[0].values()), list(there[0].values()), rtol=1e-9)
        and np.isclose(own[1], there[1], rtol=1e-9, atol=1e-12)
        for own, there in ((one[j], other[j]) for j in one)
    )


def test_aliased_columns_have_their_combination():
    x = np.random.default_rng(1).normal(size=(80, 3))
    level = np.eye(4)[np.random.default_rng(2).integers(0, 4, 80)]
    cases = [
        (np.column_stack([x, 2 * x[:, 0] - x[:, 1] + 1]), {3: ({0: 2, 1: -1}, 1)}),
        (np.column_stack([x, x[:, 1]]), {3: ({1: 1}, 0)}),
        (np.column_stack([x, np.full(80, 3.0)]), {3: ({}, 3)}),
        (level, {3: ({0: -1, 1: -1, 2: -1}, 1)}),
        (np.column_stack([x + 1e8, 2 * (x[:, 0] + 1e8) + 3]), {3: ({0: 2}, 3)}),
        (
            np.column_stack([x, x[:, 0], x[:, 0] + x[:, 1], x[:, 2] * 8]),
            {3: ({0: 1}, 0), 4: ({0: 1, 1: 1}, 0), 5: ({2: 8}, 0)},
        ),
        (
            np.column_stack([x * [1e6, 1, 1e-6], 2 * x[:, 0] - x[:, 2]]),
            {3: ({0: 2e-6, 2: -1e6}, 0)},
        ),
    ]
    for X, expected in cases:
        ours = collinearity(X)
        assert near(equations(ours.aliases), expected)
        assert ours.near == ()
        assert np.isnan(ours.inflation[list(expected)]).all()
        assert ours.kept == tuple(j for j in range(X.shape[1]) if j not in expected)
        assert ours.condition < 5
    assert collinearity(level, intercept=False).aliases == ()
    assert near(equations(collinearity(np.zeros((9, 1)), intercept=False).aliases), {0: ({}, 0)})
    assert collinearity(np.ones((9, 1))).condition == 1.0


@pytest.mark.parametrize("size", [1e-5, 1e-7, 1e-10])
def test_nearly_aliased_is_told_from_aliased(size):
    rng = np.random.default_rng(3)
    x, u = rng.normal(size=(100, 3)), rng.normal(size=100)
    # In steps that the column's floats have.
    step = 2.0 ** np.round(np.log2(size))
    moved = x[:, 0] + step * u
    ours = collinearity(np.column_stack([x, moved, 2 * moved - x[:, 0]]))
    assert [one.column for one in ours.aliases] == [4]
    assert near(equations(ours.aliases), {4: ({0: -1, 3: 2}, 0)}) or size == 1e-10
    if size < 1e-6:
        assert [one.column for one in ours.near] == [3]
    design = np.column_stack([np.ones(100), x])
    left = (moved - x[:, 0]) - design @ np.linalg.lstsq(design, moved - x[:, 0], rcond=None)[0]
    inflation = (moved.std() / left.std()) ** 2
    np.testing.assert_allclose(ours.inflation[3], inflation, rtol=1e-4)


def test_more_columns_than_rows():
    X = np.random.default_rng(4).normal(size=(4, 6))
    ours = collinearity(X)
    assert [one.column for one in ours.aliases] == [3, 4, 5]
    for one in ours.aliases:
        there = sum(factor * X[:, j] for j, factor in one.terms) + one.constant
        np.testing.assert_allclose(there, X[:, one.column], rtol=1e-8, atol=1e-9)


# -------------------------------------------------------------------------------- the hard cases


def diagnosed(X, y, names=None):
    own = objective(X, y)
    task = Task(own.n_classes, True, 0.0, False, 1e-12)
    fit = minimise(own.source, own.columns, "auto", task)
    coef = own.from_user(fit.coef, fit.intercept)
    labels = ["no", "yes", "maybe"][: own.n_classes]
    return {one.kind: one for one in diagnose(own, coef, fit, names, labels)}


def table(*cells):
    return np.repeat([0.0, 0.0, 1.0, 1.0], cells)[:, None], np.repeat([0, 1, 0, 1], cells)


HARD = {
    "empty cell": (
        *table(20, 30, 0, 25),
        ["drug"],
        {"separation": (0,)},
        'every row with "drug" > 0 is "yes"',
    ),
    "equal to the outcome": (
        np.column_stack([np.sin(np.arange(80)), np.arange(80) % 2]),
        np.arange(80) % 2,
        ["wave", "leak"],
        {"separation": (1,)},
        'column "leak" separates the classes completely: every row with "leak" >= 1 is "yes", with '
        '"leak" <= 0 "no"',
    ),
    "one event": (
        np.arange(60.0)[:, None],
        (np.arange(60) == 59).astype(int),
        ["day"],
        {"separation": (0,), "few cases": ()},
        'every row with "day" >= 59 is "yes", with "day" <= 58 "no"',
    ),
    "n = p": (
        np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0]]),
        np.array([0, 1, 1, 0]),
        ["a", "b", "c"],
        {"separation": (0,), "few cases": ()},
        'column "a" separates the classes completely',
    ),
    "duplicates": (
        np.column_stack([np.sin(np.arange(90)), np.cos(np.arange(90)), np.sin(np.arange(90))]),
        np.arange(90) // 3 % 2,
        ["a", "b", "again"],
        {"aliased": (2,)},
        '"again" = "a"',
    ),
    "constant": (
        np.column_stack([np.sin(np.arange(90)), np.full(90, 7.5)]),
        np.arange(90) // 3 % 2,
        ["a", "one"],
        {"aliased": (1,)},
        '"one" = 7.5',
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_cases_are_diagnosed_by_name(name):
    X, y, names, kinds, words = HARD[name]
    ours = diagnosed(X, y, names)
    assert {kind: one.columns for kind, one in ours.items()} == kinds
    assert words in next(iter(ours.values())).message


@pytest.mark.parametrize("name", HARD)
def test_and_so_they_are_by_the_fits_that_meet_them(name):
    X, y, names, kinds, words = HARD[name]
    kind = SeparationWarning if "separation" in kinds else CollinearityWarning
    data = {key: X[:, j] for j, key in enumerate(names)} | {"y": np.array(["no", "yes"])[y]}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = logit(f"y ~ {' + '.join(names)}", data)
    [message] = messages(caught, kind)
    assert words in message
    assert any(words in line for line in result.warnings)
    assert any("10 a column" in line for line in result.warnings) == ("few cases" in kinds)
    import pandas as pd

    frame = pd.DataFrame(X, columns=names)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LogisticRegression(C=np.inf).fit(frame, data["y"])
    [message] = messages(caught, kind)
    assert words in message


def test_a_dummy_level_is_diagnosed_by_name_and_two_are():
    X, level, y = dummies()
    y[level == 3] = 1
    names = ["u", "v", "rank=2", "rank=3", "rank=4"]
    one = diagnosed(X, y, names)["separation"]
    assert one.finding == (
        'column "rank=4" separates the classes in part (quasi-complete separation): every row with '
        '"rank=4" > 0 is "yes"'
    )
    assert "firth=True" in one.message
    assert "C=1" in one.message
    y[level == 1] = 0
    both = diagnosed(X, y, names)["separation"]
    assert both.columns == (2, 4)
    assert 'columns "rank=2" and "rank=4" separate' in both.finding
    assert 'every row with "rank=2" > 0 is "no", and every row with "rank=4" > 0 is "yes"' in (
        both.finding
    )
    unnamed = diagnosed(X, y)["separation"].finding
    assert "columns 2 and 4 (from 0)" in unnamed
    assert "every row with column 2 > 0" in unnamed


def test_combinations_are_counted():
    X = np.random.default_rng(0).normal(size=(500, 4))
    y = (X[:, 0] + 2 * X[:, 2] > 0.3).astype(int)
    ours = diagnosed(X, y, list("abcd"))["separation"]
    assert (
        'columns "a" and "c" separate the classes completely: a combination of them tells all '
        in (ours.finding)
    )


def test_three_classes_are_diagnosed_in_words():
    X, level, _ = dummies(4)
    y = np.where(level == 3, 2, np.random.default_rng(40).integers(0, 3, 200))
    assert '"e" > 0 is "maybe"' in diagnosed(X, y, list("abcde"))["separation"].finding
    X[:, 2] = y == 1
    words = diagnosed(X[:, :3], y, list("abc"))["separation"].finding
    assert '"c" >= 1 is "yes", with "c" <= 0 not "yes"' in words


def test_numbers_that_differ_late_are_written_apart():
    X, y = np.array([[1e8], [1e8 + 1], [1e8 + 2], [1e8 + 3]]), np.array([0, 0, 1, 1])
    words = diagnosed(X, y, ["x"])["separation"].finding
    assert '"x" >= 100000002 is "yes", with "x" <= 100000001 "no"' in words


def test_nearly_aliased_columns_are_named_where_standard_errors_explode():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 2)), rng.integers(0, 2, 300)
    data = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 0] + 1e-6 * rng.normal(size=300), "y": y}
    with pytest.warns(CollinearityWarning, match=r'very nearly .* "c" = '):
        logit("y ~ a + b + c", data)


def test_hostile_names_are_shown_as_text():
    X, y = table(20, 30, 0, 25)
    assert "\\x1b" in diagnosed(X, y, ["\x1b[31m"])["separation"].message


def test_few_cases_of_the_rarer_class():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 3)), (np.arange(100) < 29).astype(int)
    few = diagnosed(X, y)["few cases"]
    assert "29 cases" in few.message
    assert few.evidence == pytest.approx(29 / 3)
    y[50] = 1
    assert "few cases" not in diagnosed(X, y)


def test_an_inference_has_both_as_methods():
    X, level, y = dummies()
    own = logit(X, y)
    assert own.separation() is None
    np.testing.assert_allclose(own.collinearity().inflation, collinearity(X).inflation, rtol=1e-12)
    y[level == 3] = 1
    with pytest.warns(SeparationWarning):
        own = logit(X, y)
    assert own.separation().columns == (4,)


@pytest.mark.parametrize("seed", range(6))
def test_ties_on_a_slanted_plane_stay_ties(seed):
    """Rows on the plane d'x = 0 are of both classes: the answer must tie them to rounding."""
    rng = np.random.default_rng(seed)
    d = rng.normal(size=4)
    X = rng.normal(size=(300, 4))
    on = np.arange(300) < 60
    X[on] -= np.outer(X[on] @ d, d) / (d @ d)
    y = np.where(on, rng.integers(0, 2, 300), X @ d > 0).astype(int)
    ours = found(X, y)
    assert ours is not None
    assert (ours.kind, ours.columns) == ("quasi", (0, 1, 2, 3))
    assert (ours.rows == ~on).all()


def test_blocks_of_rows_that_do_not_count(monkeypatch):
    monkeypatch.setattr("oddsmith.data.memory._ENTRIES", 64)
    x, y = np.arange(400.0) % 200, (np.arange(400) % 200 >= 100).astype(int)
    weight = np.where(np.arange(400) < 200, 1.0, 0.0)
    y[200:] = 1 - y[200:]
    ours = found(x[:, None], y, weight=weight)
    assert ours is not None
    assert ours.kind == "complete"
    assert ours.rows.shape == (200,)
    assert ours.rows.all()
