"""Cross-validation and paths on rows in parts, against the same rows in memory."""

import inspect
import itertools
import warnings
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from distributed import Client, LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold

from oddsmith import (
    ConvergenceWarning,
    DataError,
    LogisticRegression,
    LogisticRegressionCV,
    ParameterError,
    regularization_path,
)
from oddsmith.core.fold_rows import FoldJob
from oddsmith.core.kernels import Weight
from oddsmith.core.parts import Part
from oddsmith.data.memory import memory_blocks
from oddsmith.data.part_folds import CountClasses, WithFolds, stratified_sizes
from oddsmith.data.raw_rows import Layout, RawRows
from oddsmith.data.row_encoder import RowEncoder
from oddsmith.data.spool import RowBlocks
from oddsmith.data.table_part import TableSchema
from oddsmith.engines.part_folds import FoldRows, SharedPasses
from oddsmith.engines.parts import PartRows, PartsHere
from oddsmith.estimators import parts_path, parts_selection
from oddsmith.estimators.part_folds import fold_rows, folds_of
from oddsmith.estimators.parts import array_rows, pack_array, pack_table, table_rows
from oddsmith.estimators.parts_choice import choose_by_parts, learner_of
from oddsmith.estimators.parts_path import path_by_parts
from oddsmith.estimators.parts_selection import check_search
from oddsmith.estimators.path_result import PathAsked
from oddsmith.estimators.request import Asked
from oddsmith.solvers import path_rows

# One, two and seven parts, uneven ones and empty ones: where 400 rows are cut.
CUTS = ((), (150,), (0, 3, 60, 60, 210, 399), (1, 2))
CS = np.array([1e-3, 0.1, 10.0])


def drawn(seed=0, n=400, p=4, K=2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, (X @ rng.normal(size=(p, K)) + rng.gumbel(size=(n, K))).argmax(axis=1)


def in_parts(model, X, y, cuts=(150,), weight=None, offset=None):
    """Rows of arrays, cut into parts."""
    ends = [0, *cuts, len(y)]
    own = [
        tuple(None if one is None else one[a:b] for one in (X, y, weight, offset))
        for a, b in itertools.pairwise(ends)
    ]
    packed = PartsHere(own).prepared(pack_array(X.shape[1]), "read")
    p = X.shape[1]
    return array_rows(model, (1.0, 0.0), packed, p, target=None, with_offset=offset is not None)


def chosen(model, X, y, cuts=(150,), weight=None, offset=None):
    """Fit a LogisticRegressionCV to rows in parts."""
    check_search(model.cv, model.scoring, None, offset)
    learner = learner_of(model)
    rows = in_parts(learner, X, y, cuts, weight, offset)
    for kind, message in choose_by_parts(model, learner, rows):
        warnings.warn(message, kind, stacklevel=2)
    return model


def path_of(X, y, cuts=(150,), weight=None, offset=None, ratio=1.0, count=12, **how):
    tol = how.setdefault("tol", 1e-10)
    given = how.pop("lambdas", None)
    model = LogisticRegression(l1_ratio=1.0, **how)
    rows = in_parts(model, X, y, cuts, weight, offset)
    return path_by_parts(model, rows, PathAsked(ratio, given, count, 0.02, tol))


def agree(ours, theirs, rtol=1e-9, atol=1e-9):
    for name in ("Cs_", "scores_", "losses_", "coefs_paths_", "coef_", "intercept_"):
        np.testing.assert_allclose(
            getattr(ours, name), getattr(theirs, name), rtol=rtol, atol=atol, err_msg=name
        )
    np.testing.assert_allclose(ours.C_, theirs.C_, rtol=1e-9)
    assert ours.C_1se_ == pytest.approx(theirs.C_1se_)
    assert ours.l1_ratio_ == theirs.l1_ratio_
    assert ours.gaps_.max() <= ours.tol


@given(
    st.lists(st.integers(0, 2), min_size=12, max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
    st.integers(2, 5),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_folds_are_those_of_scikit_learn(labels, cuts, F, by_class):
    """Whichever part a row is in, and whether it weighs anything."""
    y = np.array(labels)
    there, y = np.unique(y, return_inverse=True)
    if np.bincount(y).max() < F:
        return
    ends = [0, *sorted(min(cut, y.size) for cut in cuts), y.size]
    parts = PartsHere(
        memory_blocks(np.zeros((b - a, 1)), y[a:b]) for a, b in itertools.pairwise(ends)
    )
    found = parts.fold(CountClasses(there.size), "count")
    splitter = StratifiedKFold(F) if by_class else KFold(F)
    sizes = stratified_sizes(found.total, found.order, F)
    if not by_class:
        sizes = np.array([test.size for _, test in splitter.split(y)])
    made = parts.prepared(WithFolds(found.counts, sizes), "folds")
    ours = np.concatenate([rows.y for rows in made._rows])
    theirs = np.empty(y.size, dtype=int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for f, (_, test) in enumerate(splitter.split(y, y)):
            theirs[test] = f
    np.testing.assert_array_equal(ours // there.size, theirs)
    np.testing.assert_array_equal(ours % there.size, y)


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize(("K", "weighted"), [(2, False), (3, True)])
def test_each_fold_is_fitted_and_scored_as_in_memory(cuts, K, weighted):
    X, y = drawn(K=K)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 3, y.size).astype(float) if weighted else None
    offset = rng.normal(size=y.size if K == 2 else (y.size, K)) if weighted else None
    how = {"cv": 3, "Cs": CS, "class_weight": "balanced" if weighted else None, "tol": 1e-15}
    theirs = LogisticRegressionCV(**how).fit(X, y, weight, offset)
    ours = chosen(LogisticRegressionCV(**how), X, y, cuts, weight, offset)
    agree(ours, theirs, 1e-6, 1e-7)
    whole = LogisticRegression(theirs.C_, class_weight=how["class_weight"], tol=1e-15)
    whole.fit(X, y, weight, offset)
    np.testing.assert_allclose(ours.coef_, whole.coef_, rtol=1e-9)
    assert ours.solver_ == whole.solver_
    assert ours.n_features_in_ == 4
    assert ours.n_dropped_ == 0


@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("rule", ["best", "1se"])
def test_elastic_nets_and_their_grid(K, rule):
    X, y = drawn(3, K=K)
    how = {"cv": 3, "Cs": 5, "l1_ratios": (0.0, 0.5, 1.0), "rule": rule, "refit": K == 2}
    theirs = LogisticRegressionCV(**how).fit(X, y)
    ours = chosen(LogisticRegressionCV(**how), X, y, (3, 60, 210))
    np.testing.assert_allclose(ours.Cs_, theirs.Cs_, rtol=1e-9)
    np.testing.assert_allclose(ours.losses_, theirs.losses_, rtol=1e-5)
    assert (ours.C_, ours.l1_ratio_) == (pytest.approx(theirs.C_), theirs.l1_ratio_)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    assert ours.gaps_.max() <= 1e-12
    assert hasattr(ours, "optimality_gap_") == (K == 2)


@pytest.mark.parametrize(
    "how",
    [
        {"scoring": "accuracy"},
        {"fit_intercept": False},
        {"penalty_factors": [0.0, 1.0, 2.0, np.inf], "lower_bounds": -0.5},
        {"penalty_factors": [1.0, 1.0, 2.0, 0.0], "l1_ratios": (1.0,)},
        {"cv": KFold(4)},
        {"cv": StratifiedKFold(3)},
        {"solver": "newton-cholesky"},
        {"max_iter": 40, "l1_ratios": (1.0,)},
        {"solver": "newton-cg", "class_weight": {0: 1.0, 1: 3.0}},
        {"Cs": [0.1, np.inf]},
    ],
)
def test_what_is_asked_for_is_done_as_in_memory(how):
    X, y = drawn(5)
    how = {"cv": 3, "Cs": CS, "tol": 1e-14} | how
    theirs = LogisticRegressionCV(**how).fit(X, y)
    ours = chosen(LogisticRegressionCV(**how), X, y, (3, 60, 210))
    agree(ours, theirs, 1e-5, 1e-6)


def test_sparse_rows_are_fitted_as_dense_ones():
    X, y = drawn(6)
    X[np.abs(X) < 0.7] = 0.0
    how = {"cv": 3, "Cs": CS, "tol": 1e-14}
    theirs = LogisticRegressionCV(**how).fit(X, y)
    agree(chosen(LogisticRegressionCV(**how), sp.csr_array(X), y), theirs, 1e-5, 1e-6)


def test_tall_rows_of_three_classes_share_one_sample(monkeypatch):
    """Walks from penalty to penalty, in the metric of a sample of each fold's rows."""
    X, y = drawn(7, n=40_000, p=3, K=3)
    how = {"cv": 3, "Cs": CS, "tol": 1e-13}
    strides = []
    original = PartRows.sample
    monkeypatch.setattr(
        PartRows, "sample", lambda self, k: (strides.append(k), original(self, k))[1]
    )
    ours = chosen(LogisticRegressionCV(**how), X, y, (9_000, 30_000))
    theirs = LogisticRegressionCV(**how).fit(X, y)
    agree(ours, theirs, 1e-6, 1e-7)
    assert len(strides) <= 3


def test_fits_that_do_not_go_together_go_one_by_one(monkeypatch):
    X, y = drawn(8)
    how = {"cv": 3, "Cs": CS, "tol": 1e-15}
    monkeypatch.setattr(parts_selection, "_ROWS_A_COLUMN", 10**6)
    ours = chosen(LogisticRegressionCV(**how), X, y)
    for f, (train, _) in enumerate(StratifiedKFold(3).split(X, y)):
        fit = LogisticRegression(0.1, tol=1e-15).fit(X[train], y[train])
        np.testing.assert_allclose(ours.coefs_paths_[f, 0, 1, :, :-1], fit.coef_, rtol=1e-9)
        np.testing.assert_allclose(ours.coefs_paths_[f, 0, 1, :, -1], fit.intercept_, rtol=1e-9)


def test_the_parts_make_no_difference():
    """Equal bits would be too much: parts have other blocks."""
    X, y = drawn(9)
    first, *others = (chosen(LogisticRegressionCV(cv=3, Cs=CS), X, y, cuts) for cuts in CUTS)
    for other in others:
        np.testing.assert_allclose(other.coefs_paths_, first.coefs_paths_, rtol=1e-9)


def test_tables_carry_folds_with_their_labels():
    """Also where rows of no weight are left out of the blocks."""
    X, y = drawn(10)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["kind"] = rng.choice(["red", "green"], y.size)
    frame["y"] = np.where(y, "yes", "no")
    frame["weight"] = rng.integers(0, 3, y.size).astype(float)
    for balanced in (None, "balanced"):
        how = {"cv": 3, "Cs": CS, "class_weight": balanced, "tol": 1e-15}
        model = LogisticRegressionCV(**how)
        theirs = LogisticRegressionCV(**how)
        theirs.fit(frame[[*"abcd", "kind"]], frame["y"], frame["weight"])
        learner = learner_of(model)
        rows = table_in_parts(learner, frame, (0, 50, 270))
        choose_by_parts(model, learner, rows)
        agree(model, theirs, 1e-6, 1e-7)
        assert model.coef_names_.tolist() == theirs.coef_names_.tolist()


def table_in_parts(model, frame, cuts):
    import pyarrow as pa

    schema = pa.Schema.from_pandas(frame, preserve_index=False)
    table = TableSchema("X", {field.name: field for field in schema})
    asked = Asked.about(table, "y", model, weight="weight")
    ends = [0, *cuts, len(frame)]
    items = [frame.iloc[a:b] for a, b in itertools.pairwise(ends)]
    return table_rows(model, asked, PartsHere(items).prepared(pack_table(asked), "read"))


def test_labels_of_raw_rows_are_replaced_in_every_block_and_sample():
    encoding = None
    layout = Layout(("a",), (), "y", None, None, np.dtype(np.float64))
    from oddsmith.estimators.table_encoder import TableEncoder

    encoder = TableEncoder().fit(pd.DataFrame({"a": np.arange(5.0)}))
    encoding = encoder.encoding_
    raw = tuple(
        RawRows(
            np.arange(a, b, dtype=float)[None],
            np.empty((0, b - a), np.int32),
            np.zeros(b - a, np.int32),
            None,
            None,
        )
        for a, b in ((0, 3), (3, 5))
    )
    rows = RowBlocks(raw, 3, 5, RowEncoder(layout, encoding, {"y": ["no"]}, np.array([0])))
    np.testing.assert_array_equal(rows.labels(), np.zeros(5))
    other = rows.with_labels(np.arange(5), 5)
    np.testing.assert_array_equal(other[1].y, [3, 4])
    np.testing.assert_array_equal(other.every(1, 2).y, [1, 3])
    np.testing.assert_array_equal(rows[1].y, [0, 0])


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize(("K", "ratio"), [(2, 1.0), (2, 0.3), (2, 0.0), (3, 1.0), (3, 0.5)])
def test_a_path_is_that_in_memory(cuts, K, ratio):
    X, y = drawn(11, K=K)
    rng = np.random.default_rng(2)
    weight = rng.uniform(0.5, 2.0, y.size)
    offset = rng.normal(size=y.size if K == 2 else (y.size, K))
    ours = path_of(X, y, cuts, weight, offset, ratio)
    theirs = regularization_path(
        X,
        y,
        l1_ratio=ratio,
        n_lambdas=12,
        lambda_ratio=0.02,
        sample_weight=weight,
        offset=offset,
        tol=1e-10,
    )
    np.testing.assert_allclose(ours.lambdas, theirs.lambdas, rtol=1e-7)
    np.testing.assert_allclose(ours.objectives, theirs.objectives, rtol=0, atol=3e-10)
    np.testing.assert_allclose(ours.coefs, theirs.coefs, atol=1e-3)
    np.testing.assert_allclose(ours.deviance_explained, theirs.deviance_explained, atol=1e-4)
    assert ours.gaps.max() <= 1e-10
    if ratio:
        assert ours.degrees_of_freedom[0] == 0


@given(st.integers(0, 10**6), st.sampled_from([2, 3]), st.sampled_from([1.0, 0.4]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_gaps_of_a_path_bound_the_distance_from_better_fits(seed, K, ratio, intercept):
    X, y = drawn(seed, n=90, K=K)
    X[:, 0] = X[:, 0] * 1e4 + 1e6
    path = path_of(X, y, (20, 70), ratio=ratio, count=5, fit_intercept=intercept, tol=1e-7)
    for index in (1, 4):
        C = 1.0 / (path.lambdas[index] * y.size)
        fit = LogisticRegression(C, l1_ratio=ratio, fit_intercept=intercept, tol=1e-13).fit(X, y)
        least = fit.objective_ - fit.optimality_gap_
        assert path.objectives[index] - least <= path.gaps[index] + fit.optimality_gap_
        assert path.objectives[index] >= least - 1e-15


def test_a_path_with_factors_and_bounds():
    X, y = drawn(12)
    limits = {"penalty_factors": [0.0, 1.0, 2.0, np.inf], "upper_bounds": 0.4}
    ours = path_of(X, y, **limits)
    theirs = regularization_path(X, y, n_lambdas=12, lambda_ratio=0.02, tol=1e-10, **limits)
    np.testing.assert_allclose(ours.lambdas, theirs.lambdas, rtol=1e-7)
    np.testing.assert_allclose(ours.objectives, theirs.objectives, rtol=0, atol=3e-10)
    assert ours.coefs.max() <= 0.4
    assert not ours.coefs[:, 3].any()


def test_a_path_of_ridges_of_many_columns_takes_other_steps(monkeypatch):
    X, y = drawn(13)
    monkeypatch.setattr(parts_path, "_MANY", 2)
    ours = path_of(X, y, ratio=0.0)
    theirs = regularization_path(X, y, l1_ratio=0.0, n_lambdas=12, lambda_ratio=0.02, tol=1e-10)
    np.testing.assert_allclose(ours.objectives, theirs.objectives, rtol=0, atol=3e-10)
    np.testing.assert_allclose(ours.deviance_explained, theirs.deviance_explained, atol=1e-5)


@pytest.mark.parametrize(
    ("cv", "named"),
    [
        (StratifiedKFold(3, shuffle=True), r"StratifiedKFold\(shuffle=True\)"),
        (KFold(3, shuffle=True), r"KFold\(shuffle=True\)"),
        (ShuffleSplit(3), "ShuffleSplit"),
        ([([0], [1])], "_CVIterableWrapper"),
    ],
)
def test_folds_that_need_all_rows_are_refused_by_name(cv, named):
    with pytest.raises(ParameterError, match=f"cv={named} needs all rows"):
        folds_of(cv)


def test_scores_that_need_all_predictions_are_refused_by_name():
    with pytest.raises(ParameterError, match="scoring='roc_auc' needs the predictions"):
        check_search(3, "roc_auc", None, None)
    with pytest.raises(ParameterError, match="groups need all rows"):
        check_search(3, "accuracy", [1], None)
    with pytest.raises(ParameterError, match="scoring='accuracy' knows no offset"):
        check_search(3, "accuracy", None, [1.0])


def test_folds_without_a_class_are_named():
    X, y = drawn(14, n=60)
    y[:] = 0
    y[:3] = 1
    model = LogisticRegressionCV(cv=5)
    with pytest.raises(DataError, match="class 1 has 3 rows, too few"):
        chosen(model, X, y)
    with pytest.raises(DataError, match=r"fold 0 \(from 0\) has no row of class 1 to fit"):
        chosen(LogisticRegressionCV(cv=KFold(5)), X, y)
    weight = np.ones(60)
    weight[:20] = 0
    weight[2] = 1
    y[30:40] = 1
    with pytest.raises(DataError, match=r"fold 1 \(from 0\) has no row of positive weight"):
        chosen(LogisticRegressionCV(cv=KFold(10)), X, y, weight=weight)
    with pytest.raises(DataError, match="60 rows, too few for 61 folds"):
        chosen(LogisticRegressionCV(cv=KFold(61)), X, y)


def test_fits_that_are_not_proved_are_told_of():
    X, y = drawn(15)
    with pytest.warns(ConvergenceWarning, match="3 of 3 fits of the folds are not proved"):
        model = chosen(
            LogisticRegressionCV(cv=3, Cs=[1.0], max_iter=1, solver="lbfgs", refit=False), X, y
        )
    assert model.gaps_.max() > model.tol


class BrokenError(Exception):
    """Raised inside a pass, or a walk."""


def raised(block):
    raise BrokenError


def folded(n=60):
    X, y = drawn(16, n=n)
    model = LogisticRegression(l1_ratio=1.0)
    return fold_rows(in_parts(model, X, y, (20,)), folds_of(3))


def test_a_pass_that_fails_ends_all_walks():
    rows = folded()
    passes = rows.shared()
    with pytest.raises(BrokenError):
        passes.run([lambda f=f: rows.outside(passes, f).fold(raised) for f in range(3)])


def test_a_walk_that_fails_is_told_of_after_the_others_have_ended():
    rows = folded()
    passes = rows.shared()
    ended = []

    def walk(fold):
        source = rows.outside(passes, fold)
        for _ in range(3):
            ended.append(source.fold(Weight()).weight)
            if fold == 1:
                raise BrokenError

    with pytest.raises(BrokenError):
        passes.run([lambda f=f: walk(f) for f in range(3)])
    assert ended == [40.0] * 7


def test_walks_share_their_passes_and_get_the_bits_of_one_alone():
    rows = folded()
    passes = rows.shared()
    before = rows.source.passes
    together = passes.run(
        [lambda f=f: rows.outside(passes, f).fold(Weight()).weight for f in range(3)]
    )
    assert rows.source.passes == before + 1
    for fold, found in enumerate(together):
        alone = rows.shared()
        source = FoldRows(alone, fold, 40)
        assert alone.run([lambda s=source: s.fold(Weight()).weight]) == [found]


def test_a_fold_of_a_collection_that_is_interrupted_lets_its_walks_go(monkeypatch):
    rows = folded()
    passes = rows.shared()
    monkeypatch.setattr(
        SharedPasses, "_answer", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        passes.run([lambda f=f: rows.outside(passes, f).fold(Weight()) for f in range(3)])


def test_signatures_name_what_is_in_the_docs():
    assert "Dask" in inspect.getdoc(LogisticRegressionCV.fit)
    assert "Dask" in inspect.getdoc(regularization_path)
    assert Part(0, None).number == FoldJob(raised, 0).fold


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        Client(cluster) as own,
    ):
        yield own


def test_on_a_cluster_of_two_processes(client, monkeypatch):
    X, y = drawn(17, n=1500)
    dX, dy = da.from_array(X, chunks=(400, 4)), da.from_array(y, chunks=400)
    how = {"cv": 3, "Cs": CS, "l1_ratios": (0.0, 1.0)}
    ours = LogisticRegressionCV(**how).fit(dX, dy)
    theirs = LogisticRegressionCV(**how).fit(X, y)
    agree(ours, theirs, 1e-4, 1e-5)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    path = regularization_path(dX, dy, n_lambdas=8)
    np.testing.assert_allclose(
        path.objectives, regularization_path(X, y, n_lambdas=8).objectives, atol=3e-9
    )
    monkeypatch.setattr(path_rows, "_MOST_STEPS", 0)
    with pytest.warns(ConvergenceWarning, match="1 of 1 penalties were not proved"):
        regularization_path(dX, dy, lambdas=[1e-3])
    with pytest.warns(ConvergenceWarning, match="fits of the folds are not proved"):
        LogisticRegressionCV(cv=2, Cs=[1.0], max_iter=1, solver="lbfgs", refit=False).fit(dX, dy)


def test_a_walk_that_leads_nowhere_ends_at_its_best_point():
    class Walk:
        def __init__(self, *gaps):
            self.gaps = gaps

        def onward(self, here):
            return (SimpleNamespace(here=SimpleNamespace(gap=gap)) for gap in self.gaps)

    here = SimpleNamespace(gap=1.0)
    assert path_rows._best(Walk(), here, 0.1) is here
    assert path_rows._best(Walk(0.5, 2.0), here, 0.1).gap == 0.5
    assert path_rows._best(Walk(0.5, 0.05, 0.01), here, 0.1).gap == 0.05
