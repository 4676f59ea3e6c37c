"""Rows in parts: the tree that sums are added in, the row source, and what parts report.

Parts are in this process here; that clusters are no different is in ``test_dask.py``.
"""

import hashlib
import string
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from reference import fit_recording
from test_grid import PENALTIES, PROBLEMS, data

from oddsmith import DataError, LogisticRegression, ParameterError, SeparationWarning, TableEncoder
from oddsmith.core.columns import column_statistics
from oddsmith.core.moments import VectorMoments
from oddsmith.core.parts import Part, Refused, added, total
from oddsmith.data import raw_rows, table_part
from oddsmith.data.array_part import array_report
from oddsmith.data.content import add_content
from oddsmith.data.memory import memory_blocks
from oddsmith.data.table_part import PartReport, TableSchema, report_of
from oddsmith.engines.parts import PartRows, PartsHere
from oddsmith.engines.threads import BlockThreads
from oddsmith.estimators.parameters import elastic_net
from oddsmith.estimators.parts import array_rows, fit_rows, pack_array, pack_table, table_rows
from oddsmith.estimators.request import Asked
from oddsmith.solvers import minimise

# --------------------------------------------------------------------------------------- the tree


@dataclass(frozen=True)
class Text:
    """A sum that shows in which order, and in which pairs, it was added."""

    text: str

    def __add__(self, other):
        return Text(f"({self.text}{other.text})")


LEAVES = [Text(letter) for letter in string.ascii_letters]


def tree(leaves):
    """The sum as it is defined: a half of a power of two leaves, and the rest, where there is."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = tree(leaves[:half]), tree(leaves[half:])
    return right if left is None else left if right is None else left + right


@st.composite
def placements(draw):
    """Leaves, of which some are nothing, and the worker that has each; workers in any order."""
    n = draw(st.integers(1, 40))
    nothing = draw(st.sets(st.integers(0, n - 1)))
    leaves = [None if k in nothing else LEAVES[k] for k in range(n)]
    worker = draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))
    return leaves, worker, draw(st.permutations(range(7)))


def nodes_of(leaves, worker):
    """What each worker sends."""
    return [
        added({(0, k): leaf for k, leaf in enumerate(leaves) if worker[k] == own}, len(leaves))
        for own in range(7)
    ]


@given(placements())
def test_the_tree_is_the_same_whoever_holds_which_part(given):
    leaves, worker, order = given
    sent = nodes_of(leaves, worker)
    assert total({k: v for own in order for k, v in sent[own].items()}, len(leaves)) == tree(leaves)
    some, rest = order[:3], order[3:]
    half = [added({k: v for own in few for k, v in sent[own].items()}, len(leaves))
            for few in (some, rest)]  # fmt: skip
    assert total(half[1] | half[0], len(leaves)) == tree(leaves)


@given(placements(), st.data())
def test_a_part_that_is_missing_is_noticed(given, data):
    leaves, _, _ = given
    leaf = data.draw(st.integers(0, len(leaves) - 1))
    here = {(0, k): own for k, own in enumerate(leaves) if k != leaf}
    with pytest.raises(ValueError, match=r"^parts are missing: there are .* of the tree, and no"):
        total(here, len(leaves))


@given(st.integers(1, 500), st.data())
def test_a_worker_with_a_run_of_parts_sends_few_sums(n, data):
    first = data.draw(st.integers(0, n - 1))
    last = data.draw(st.integers(first, n - 1))
    sent = added({(0, k): 1 for k in range(first, last + 1)}, n)
    assert sum(sent.values()) == last + 1 - first
    assert len(sent) <= 2 * (last + 1 - first).bit_length()


@given(placements(), st.sets(st.integers(0, 39)))
def test_the_first_part_that_is_refused_is_told_of(given, refused):
    leaves, worker, order = given
    refused = {k for k in refused if k < len(leaves)}
    leaves = [Refused(DataError(str(k))) if k in refused else own for k, own in enumerate(leaves)]
    sent = nodes_of(leaves, worker)
    sums = {k: v for own in order for k, v in sent[own].items()}
    if not refused:
        assert total(sums, len(leaves)) == tree(leaves)
        return
    with pytest.raises(DataError, match=f"^{min(refused)}$"):
        total(sums, len(leaves))


def test_no_parts_have_no_sum():
    assert total({}, 0) is None
    assert PartsHere([]).fold(report_of, "nothing") is None


# ----------------------------------------------------------------------------------- a row source


@dataclass(frozen=True)
class Sums:
    """Kernel: weighted sums of columns, of margins' offsets and of the labels."""

    def __call__(self, block):
        X = block.X.toarray() if sp.issparse(block.X) else block.X
        own = np.column_stack([X, block.y, block.offset])
        return VectorMoments(np.append(block.weight @ own, block.weight.sum()))


def cut(n, ends):
    """Slices of n rows; ends that are the same make empty ones."""
    edges = [0, *sorted(ends), n]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def gathered(block):
    return memory_blocks(block.X, block.y, block.weight, block.offset)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(
    st.just(n), st.lists(st.integers(0, n), max_size=6), st.integers(1, n + 3), st.booleans()
)))  # fmt: skip
def test_parts_are_a_row_source_like_any(given):
    n, ends, stride, sparse = given
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 3)) * (rng.random((n, 3)) < 0.6)
    X = sp.csr_array(X) if sparse else X
    y, weight, offset = rng.integers(0, 2, n), rng.random(n), rng.normal(size=n)
    whole = memory_blocks(X, y, weight, offset)
    cuts = cut(n, ends)
    parts = PartsHere([memory_blocks(X[own], y[own], weight[own], offset[own]) for own in cuts])
    source = PartRows(parts, [own.stop - own.start for own in cuts], 3, gathered)
    seen = []
    source.watch = seen.append
    with BlockThreads(whole, 1) as threads:
        want = threads.fold(Sums()).vector
    np.testing.assert_allclose(source.fold(Sums()).vector, want, rtol=1e-13, atol=1e-13)
    assert (source.n_rows, source.n_features, source.passes, seen) == (n, 3, 1, [1])
    found = source.sample(stride).blocks
    some = X[::stride].toarray() if sparse else X[::stride]
    np.testing.assert_array_equal(found.X.toarray() if sparse else found.X, some)
    for name, own in (("y", y), ("weight", weight), ("offset", offset)):
        np.testing.assert_array_equal(getattr(found, name), own[::stride])


def test_parts_without_a_row_are_refused():
    empty = memory_blocks(np.empty((0, 2)), np.empty(0, int))
    source = PartRows(PartsHere([empty, empty]), [0, 0], 2, gathered)
    with pytest.raises(DataError, match=r"^no part has a row; give data with rows.$"):
        source.fold(column_statistics)


# -------------------------------------------------------------------------- arrays: the same fits

CUTS = {
    "1": lambda n: cut(n, []),
    "2": lambda n: cut(n, [n // 2]),
    "7": lambda n: cut(n, [n * k // 7 for k in range(1, 7)]),
    "uneven, some empty": lambda n: cut(n, [0, 1, n // 3, n // 3, n - 2, n]),
}


def fit_parts(model, X, y, cuts, weight=None, offset=None):
    """A fit of arrays in parts, and what it warns of."""
    penalty = elastic_net(model.C, model.l1_ratio, model.penalty)
    beside = [None if own is None else np.asarray(own) for own in (weight, offset)]
    rows = [(X[own], y[own], *(None if b is None else b[own] for b in beside)) for own in cuts]
    parts = PartsHere(rows).prepared(pack_array(X.shape[1]), "read")
    found = array_rows(
        model, penalty, parts, X.shape[1], target=None, with_offset=offset is not None
    )
    return fit_rows(model, found)


def assert_same_fit(found, want, tolerance=1e-9):
    """Coefficients equal within a billionth of the largest, and one by one, in log-odds."""
    for name in ("coef_", "intercept_"):
        own, other = getattr(found, name), getattr(want, name)
        np.testing.assert_allclose(own, other, rtol=tolerance, atol=tolerance * 1e-3)
    assert found.classes_.tolist() == want.classes_.tolist()
    assert found.solver_ == want.solver_
    assert found.converged_ == want.converged_
    assert found.objective_ == pytest.approx(want.objective_, rel=1e-12)


@pytest.fixture(params=["gathered", "in passes"])
def few_entries(request, monkeypatch):
    """Small problems come to the client as they are; a fold a step is what large ones take."""
    if request.param == "in passes":
        monkeypatch.setattr(minimise, "_FEW_ENTRIES", 0)


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_of_the_grid_in_parts(name, cuts, few_entries):
    problem = PROBLEMS[name]
    how = {"C": problem.C, "fit_intercept": problem.fit_intercept}
    if name == "wide":  # in memory, its columns lie side by side, and another solver takes them
        how["solver"] = "newton-cholesky"
    want, found = LogisticRegression(**how), LogisticRegression(**how)
    caught = fit_recording(want, problem.X, problem.y, **problem.fit_arguments())
    said = fit_parts(
        found, problem.X, problem.y, CUTS[cuts](problem.y.size), problem.weight, problem.offset
    )
    assert [message for _, message in said] == [str(one.message) for one in caught]
    assert_same_fit(found, want)


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("K", [2, 3])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("storage", ["dense", "CSR"])
def test_a_penalty_of_the_grid_in_parts(storage, penalty, K, cuts, few_entries):
    X, y = data(K)
    X = sp.csr_array(X) if storage == "CSR" else X
    C, ratio = PENALTIES[penalty]
    # Rows in memory have columns, which are another way to the same minimum.
    solver = "proximal-newton-rows" if ratio else "auto"
    models = [LogisticRegression(C=C, l1_ratio=ratio, solver=solver) for _ in range(2)]
    want = models[0].fit(X, y)
    assert fit_parts(models[1], X, y, CUTS[cuts](y.size)) == []
    assert_same_fit(models[1], want)
    np.testing.assert_array_equal(models[1].coef_ == 0, want.coef_ == 0)


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [-1.0, 1.0], [7, 3]])
@pytest.mark.parametrize("kind", [None, object])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_labels_of_arrays_in_parts(labels, kind, class_weight):
    X, y = data(2)
    models = [LogisticRegression(class_weight=class_weight) for _ in range(2)]
    y = np.array(labels)[y]
    want = models[0].fit(X, y)
    fit_parts(models[1], X, y.astype(kind or y.dtype), CUTS["7"](y.size))
    assert_same_fit(models[1], want)
    np.testing.assert_array_equal(models[1].predict(X), want.predict(X))


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_tiny_weights_weigh_as_much_as_their_penalty(class_weight):
    X, y = data(2)
    weight = np.full(y.size, 1e-200)
    models = [LogisticRegression(C=1e200, class_weight=class_weight) for _ in range(2)]
    want = models[0].fit(X, y, weight)
    assert fit_parts(models[1], X, y, CUTS["7"](y.size), weight) == []
    np.testing.assert_allclose(models[1].coef_, want.coef_, rtol=1e-9)
    plain = LogisticRegression(class_weight=class_weight).fit(X, y)
    np.testing.assert_allclose(want.coef_, plain.coef_, rtol=1e-9)


def test_a_class_without_weight_is_none():
    X, y = data(3)
    weight = np.where(y == 1, 0.0, 1.0)
    models = [LogisticRegression() for _ in range(2)]
    want = models[0].fit(X[y != 1], y[y != 1])
    fit_parts(models[1], X, y, CUTS["7"](y.size), weight)
    assert_same_fit(models[1], want)


@pytest.mark.parametrize("storage", ["dense", "CSR"])
@pytest.mark.parametrize("K", [2, 3])
def test_rows_of_a_part_without_weight_may_hold_anything(storage, K, few_entries):
    X, y = data(K)
    weight = np.ones(y.size)
    weight[: y.size // 2] = 0.0
    X = X.copy()
    X[:5] = np.nan
    given = sp.csr_array(X) if storage == "CSR" else X
    models = [LogisticRegression() for _ in range(2)]
    want = models[0].fit(X[y.size // 2 :], y[y.size // 2 :])
    assert fit_parts(models[1], given, y, CUTS["7"](y.size), weight) == []
    np.testing.assert_allclose(models[1].coef_, want.coef_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(models[1].intercept_, want.intercept_, rtol=1e-9, atol=1e-12)


def test_separation_is_told_of_where_each_part_has_one_class():
    y = np.arange(30) // 10
    X = np.column_stack([y + np.linspace(0.0, 0.5, 30), np.cos(np.arange(30.0))])
    models = [LogisticRegression(C=np.inf) for _ in range(2)]
    caught = fit_recording(models[0], X, y)
    said = fit_parts(models[1], X, y, cut(30, [10, 20]))
    assert [kind for kind, _ in said] == [one.category for one in caught]
    assert SeparationWarning in [kind for kind, _ in said]


# ------------------------------------------------------------------------- arrays: what is refused

ROWS = np.arange(12.0).reshape(6, 2)
LABELS = np.array([0, 1, 0, 1, 0, 1])


def with_entry(place, value, kind=float):
    found = ROWS.astype(kind)
    found[place] = value
    return found


def array_parts(X=ROWS, y=LABELS, weight=None, offset=None):
    return PartsHere([(ROWS, LABELS, None, None), (X, y, weight, offset)])


ARRAYS = {
    "columns": ({"X": ROWS[:, :1]}, "partition 1 of X has shape (6, 1); give 2 columns in each"),
    "cube": ({"X": ROWS[None]}, "partition 1 of X has shape (1, 6, 2); give 2 columns in each"),
    "text": ({"X": ROWS.astype(str)}, "partition 1 of X holds <U32; make numbers of it"),
    "objects": ({"X": ROWS.astype(object)}, "partition 1 of X holds object; make numbers of it"),
    "nan": (
        {"X": with_entry((3, 1), np.nan)},
        "X contains NaN or infinity: partition 1, row 3 (from 0), column 1; fill or drop such rows "
        "before the fit",
    ),
    "infinity, sparse": (
        {"X": sp.csr_array(with_entry((4, 0), -np.inf))},
        "X contains NaN or infinity: partition 1, row 4 (from 0), column 0; fill or drop such rows "
        "before the fit",
    ),
    "length": (
        {"y": LABELS[:5]},
        "partition 1 of y has shape (5,), and that of X 6 rows; cut both into the same parts",
    ),
    "y of two columns": (
        {"y": ROWS},
        "partition 1 of y has shape (6, 2); give one label a row",
    ),
    "label is nan": (
        {"y": with_entry((2, 1), np.nan)[:, 1]},
        "partition 1, row 2 (from 0): y has no label; mend it, or drop the row",
    ),
    "label is None": (
        {"y": np.array(["a", None, "a", "b", "a", "b"], object)},
        "partition 1, row 1 (from 0): y has no label; mend it, or drop the row",
    ),
    "label is a missing string": (
        {"y": np.array(["a", np.nan, "a", "b", "a", "b"], object)},
        "partition 1, row 1 (from 0): y has no label; mend it, or drop the row",
    ),
    "dates": (
        {"y": np.array([0, 1, 2, 3, 4, 5], "datetime64[D]")},
        "partition 1 of y holds datetime64[D]; give labels: numbers, strings or booleans",
    ),
    "labels mixed": (
        {"y": np.array(["a", 1, "a", 1, "a", 1], object)},
        "partition 1 of y mixes int and str; make labels all of one kind",
    ),
    "weight negative": (
        {"weight": np.array([1.0, 1, 1, -1e-9, 1, 1])},
        "partition 1, row 3 (from 0): sample_weight is no number from 0 up; mend it, or drop the "
        "row",
    ),
    "weight nan": (
        {"weight": np.array([1.0, np.nan, 1, 1, 1, 1])},
        "partition 1, row 1 (from 0): sample_weight is no finite number; mend it, or drop the row",
    ),
    "weight short": (
        {"weight": np.ones(1)},
        "partition 1 of sample_weight has shape (1,), and that of X 6 rows; cut both into the same "
        "parts",
    ),
    "weight of two columns": (
        {"weight": np.ones((6, 1))},
        "partition 1 of sample_weight has shape (6, 1); give one number a row",
    ),
    "label is NA": (
        {"y": np.array(["a", pd.NA, "a", "b", "a", "b"], object)},
        "partition 1, row 1 (from 0): y has no label; mend it, or drop the row",
    ),
    "weight in words": (
        {"weight": np.array(list("abcdef"))},
        "partition 1 of sample_weight holds <U1; give numbers",
    ),
    "offset infinite": (
        {"offset": np.array([[0.0, 0], [0, np.inf], [0, 0], [0, 0], [0, 0], [0, 0]])},
        "partition 1, row 1 (from 0): offset is no finite number; mend it, or drop the row",
    ),
}


@pytest.mark.parametrize("fault", ARRAYS)
def test_what_an_array_must_not_be_is_named_with_its_part(fault):
    how, said = ARRAYS[fault]
    with pytest.raises(DataError) as refused:
        array_parts(**how).prepared(pack_array(2), "read").fold(array_report, "first pass")
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("K", "shape", "wanted"),
    [
        (2, (1,), "one number a row"),
        (2, (2,), "one number a row"),
        (3, (), "3 numbers a row, one for each class"),
        (3, (2,), "3 numbers a row, one for each class"),
    ],
)
def test_offsets_of_another_shape_than_the_margins_are_refused(K, shape, wanted):
    X, y = data(K)
    offset = np.ones((y.size, *shape))
    with pytest.raises(DataError) as refused:
        fit_parts(LogisticRegression(), X, y, CUTS["2"](y.size), offset=offset)
    n = y.size // 2
    assert str(refused.value) == f"partition 0 of offset has shape {(n, *shape)}; give {wanted}"


MODEL = {"target": None, "with_offset": False}


def array_fit(X=ROWS, y=LABELS, **how):
    parts = array_parts(X, y).prepared(pack_array(2), "read")
    return array_rows(LogisticRegression(**how), (0.0, 1.0), parts, 2, **MODEL)


def test_what_all_parts_of_an_array_must_not_be():
    with pytest.raises(DataError, match=r"^y mixes int and str; make them all of one kind$"):
        array_fit(y=np.array(list("ababab")))
    numbers = PartsHere([(np.ones((200, 2)), np.arange(200.0), None, None)])
    parts = numbers.prepared(pack_array(2), "read")
    with pytest.raises(DataError, match=r"^y holds 200 different numbers, so it is continuous"):
        array_rows(LogisticRegression(), (0.0, 1.0), parts, 2, **MODEL)
    many = (np.ones((5000, 2)), np.arange(5000), None, None)
    with pytest.raises(
        DataError, match=r"^partition 0 of y holds more than 4096 different values, so"
    ):
        PartsHere([many]).prepared(pack_array(2), "read").fold(array_report, "first pass")
    nothing = (ROWS[:0], LABELS[:0], None, None)
    parts = PartsHere([nothing, nothing]).prepared(pack_array(2), "read")
    with pytest.raises(DataError, match=r"^X has no row; give at least two, of different classes$"):
        array_rows(LogisticRegression(), (0.0, 1.0), parts, 2, **MODEL)
    one = PartsHere([(ROWS, LABELS * 0, None, None)]).prepared(pack_array(2), "read")
    with pytest.raises(DataError, match=r'^y holds the label "0" only; a fit needs rows of two'):
        array_rows(LogisticRegression(), (0.0, 1.0), one, 2, **MODEL)


def test_whole_numbers_and_booleans_are_numbers():
    for kind in (np.int8, np.uint32, bool, np.float16):
        (report,) = [array_parts(ROWS.astype(kind)).prepared(pack_array(2), "").fold(
            array_report, "")]  # fmt: skip
        assert report.counts == (6, 6)
        assert not report.sparse
    sparse = array_parts(sp.csr_array(ROWS)).prepared(pack_array(2), "").fold(array_report, "")
    assert (sparse.sparse, sparse.entries) == (True, 11)
    assert sparse.weight == {0: 6.0, 1: 6.0}


# ------------------------------------------------------------------- content: rows that are others

CHANGES = {
    "a value": lambda X, y, w, o: (with_entry((2, 0), 4.5), y, w, o),
    "rows in another order": lambda X, y, w, o: (X[::-1], y, w, o),
    "labels that have changed places": lambda X, y, w, o: (X, y[::-1], w, o),
    "weights that have changed places": lambda X, y, w, o: (X, y, w[::-1], o),
    "offsets that have changed places": lambda X, y, w, o: (X, y, w, o[::-1]),
    "a row less": lambda X, y, w, o: (X[1:], y[1:], w[1:], o[1:]),
}


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_the_parts_of_an_array_that_were_made_again_must_be_the_same(change, sparse):
    rows = (ROWS, LABELS, np.arange(6.0) + 1, np.arange(6.0) - 2)
    again = CHANGES[change](*rows)
    made = [
        PartsHere([(sp.csr_array(X) if sparse else X, *beside)]).prepared(pack_array(2), "read")
        for X, *beside in (rows, again, rows)
    ]
    digests = [one.fold(array_report, "").digests for one in made]
    assert digests[0] == digests[2] != digests[1]


@pytest.mark.parametrize("change", CHANGES)
def test_the_parts_of_a_table_that_were_read_again_must_be_the_same(change):
    rows = (ROWS, LABELS, np.arange(6.0) + 1, np.arange(6.0) - 2)
    digests = []
    for X, y, weight, offset in (rows, CHANGES[change](*rows), rows):
        table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1].astype(str), "y": y, "w": weight,
                              "o": offset})  # fmt: skip
        parts, _ = packed([table], weight="w", offset="o")
        digests.append(parts.fold(report_of, "").digests)
    # What is text is in the levels in the order in which they came.
    assert digests[0] == digests[2] != digests[1]


def test_the_content_of_many_rows_takes_some_of_their_bytes():
    sums = {}
    X = np.zeros((600_000, 1))
    for name, value in {"zeros": 0.0, "a row that counts": 1.0}.items():
        X[3] = value
        sums[name] = hashlib.sha256()
        add_content(sums[name], X)
    assert sums["zeros"].digest() != sums["a row that counts"].digest()


def table_rows_again(frames, others, **how):
    """Fit frames, which are others by the time they are encoded."""
    parts, asked = packed(frames, **how)
    again, _ = packed(others, **how)

    class Lost(PartsHere):
        def prepared(self, change, name):
            return again.prepared(change, name)

    held = Lost(Part(k, own).rows for k, own in enumerate(parts._rows))
    return table_rows(asked.model, asked, held)


# -------------------------------------------------------------------------------------- tables

RNG = np.random.default_rng(5)
N = 400
TABLE = pd.DataFrame(
    {
        "dose": RNG.normal(size=N),
        "far": RNG.normal(500.0, 30.0, N),
        "site": RNG.choice(["b", "a", "c d", "ä"], N, p=[0.4, 0.3, 0.2, 0.1]),
        "new": RNG.random(N) < 0.3,
        "y": np.where(RNG.random(N) < 0.4, "ill", "well"),
        "w": RNG.random(N) + 0.1,
        "o": RNG.normal(size=N),
    }
)
FEATURES = ["dose", "far", "site", "new"]


def fields_of(frames):
    whole = pd.concat(frames)
    return {field.name: field for field in pa.Schema.from_pandas(whole, preserve_index=False)}


def packed(frames, model=None, fields=None, cache=None, **how):
    """Parts of frames that were read, and what was asked of them."""
    model = LogisticRegression() if model is None else model
    schema = TableSchema("X", fields_of(frames) if fields is None else fields)
    asked = Asked.about(schema, "y", model, **how)
    return PartsHere(frames).prepared(pack_table(asked, cache), "read"), asked


def frames_of(table, cuts):
    return [table.iloc[own] for own in CUTS[cuts](len(table))]


def fit_table(model, frames, cache=None, inference=False, **how):
    parts, asked = packed(frames, model, cache=cache, **how)
    return fit_rows(model, table_rows(model, asked, parts), inference=inference)


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("keep", ["memory", "disk"])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_table_in_parts(tmp_path, cuts, keep, classes, few_entries):
    table = TABLE.copy()
    if classes == 3:
        table.loc[::5, "y"] = "who knows"
    want = LogisticRegression(C=2.0).fit(table[FEATURES], table["y"], sample_weight=table["w"])
    found = LogisticRegression(C=2.0)
    cache = (lambda: tmp_path / "new") if keep == "disk" else None
    assert fit_table(found, frames_of(table, cuts), cache, features=FEATURES, weight="w") == []
    assert_same_fit(found, want)
    assert found.coef_names_.tolist() == want.coef_names_.tolist()
    assert (found.n_rows_, found.n_dropped_) == (N, 0)
    np.testing.assert_allclose(
        found.predict_proba(table[FEATURES]), want.predict_proba(table[FEATURES]), rtol=1e-9
    )
    folders = list(tmp_path.glob("new/part-*"))
    assert (len(folders) == len(CUTS[cuts](N))) == (keep == "disk")


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("missing", ["mean", "indicator", "drop"])
def test_missing_values_of_a_table_in_parts(cuts, missing):
    table = TABLE.copy()
    table.loc[::9, "dose"] = np.nan
    if missing != "mean":  # which text has none of
        table.loc[::7, "site"] = None
    table.loc[: N // 2, "far"] = np.nan  # missing in whole parts
    models = [
        LogisticRegression(encoder=TableEncoder(missing=missing, min_count=50)) for _ in range(2)
    ]
    want = models[0].fit(table[FEATURES], table["y"])
    fit_table(models[1], frames_of(table, cuts), features=FEATURES)
    assert_same_fit(models[1], want)
    assert models[1].coef_names_.tolist() == want.coef_names_.tolist()
    assert models[1].n_dropped_ == want.n_dropped_


@pytest.mark.parametrize("where", [0, N - 1])
def test_a_label_of_dropped_rows_alone_is_no_class(where):
    table = TABLE.copy()
    table.loc[where, "y"] = "who knows"
    table.loc[where, "dose"] = np.nan
    models = [LogisticRegression(encoder=TableEncoder(missing="drop")) for _ in range(2)]
    want = models[0].fit(table[FEATURES], table["y"])
    fit_table(models[1], frames_of(table, "7"), features=FEATURES)
    assert_same_fit(models[1], want)


def test_missing_values_are_counted_over_all_parts():
    table = TABLE.copy()
    table.loc[::9, "dose"] = np.nan
    with pytest.raises(
        DataError, match=r'^values are missing in 45 of 400 rows, by column: "dose"'
    ):
        fit_table(LogisticRegression(), frames_of(table, "7"), features=FEATURES)


@pytest.mark.parametrize("cuts", CUTS)
def test_offsets_class_weights_and_standard_errors_in_parts(cuts):
    how = {"C": np.inf, "class_weight": "balanced"}
    table = TABLE[[*FEATURES, "y", "o"]]
    want = LogisticRegression(**how).fit(table[FEATURES], table["y"], offset=table["o"])
    found = LogisticRegression(**how)
    fit_table(found, frames_of(table, cuts), features=FEATURES, offset="o")
    assert_same_fit(found, want)
    plain = LogisticRegression(C=np.inf)
    fit_table(plain, frames_of(table, cuts), features=FEATURES, offset="o", inference=True)
    whole = LogisticRegression(C=np.inf)
    fit_table(whole, [table], features=FEATURES, offset="o", inference=True)
    np.testing.assert_allclose(plain.results_.bse, whole.results_.bse, rtol=1e-9)


def test_blocks_do_not_depend_on_how_a_part_came(monkeypatch):
    """Batches of any length, cut into blocks of one: rows are sampled by their number."""
    monkeypatch.setattr(raw_rows, "_ENTRIES", 64)
    asked = packed([TABLE])[1]
    found = []
    for entries in (10, 2**22):
        monkeypatch.setattr(table_part, "_ENTRIES", entries)
        parts = PartsHere(frames_of(TABLE, "uneven, some empty")).prepared(pack_table(asked), "")
        found.append(table_rows(LogisticRegression(), asked, parts).source)
    for stride in (1, 3, 64, 65, 399, 1000):
        first, second = (source.sample(stride).blocks for source in found)
        np.testing.assert_array_equal(first.X, second.X)
        np.testing.assert_array_equal(first.X[:, 0], TABLE["dose"][::stride])


@pytest.mark.parametrize(
    "other",
    [
        {"encoder": TableEncoder(reference={"site": "b"})},
        {"encoder": TableEncoder(min_count=60)},
        {"encoder": TableEncoder(sparse=True)},
        {"class_weight": {"ill": 2.0, "well": 2.0}},
        {"table": TABLE.assign(dose=TABLE["dose"][::-1].to_numpy())},
        {"cuts": "2"},
    ],
)
def test_sums_over_rows_that_were_encoded_or_cut_otherwise_are_refused(
    tmp_path, monkeypatch, other
):
    monkeypatch.setattr(minimise, "_FEW_ENTRIES", 0)

    def fitted(table=TABLE, cuts="7", **how):
        model = LogisticRegression(**how)
        parts, asked = packed(frames_of(table, cuts), model, features=FEATURES)
        rows = table_rows(model, asked, parts)
        fit_rows(model, rows, journal=tmp_path)
        return model, rows.source.passes

    first, passes = fitted()
    again, none = fitted()
    assert passes > none == 0
    assert again.coef_.tobytes() == first.coef_.tobytes()
    with pytest.raises(ParameterError, match="the checkpoint is of a fit with other parameters"):
        fitted(**other)


def test_a_part_may_be_an_arrow_table_or_batches():
    arrow = pa.Table.from_pandas(TABLE, preserve_index=False)
    models = [LogisticRegression() for _ in range(3)]
    fields = {field.name: field for field in arrow.schema}
    for model, rows in zip(models, (TABLE, arrow, arrow.to_batches(90)), strict=True):
        parts, asked = packed([rows], model, fields)
        fit_rows(model, table_rows(model, asked, parts))
        assert_same_fit(model, models[0])


# ------------------------------------------------------------------------- tables: what is refused


def frame(**columns):
    return pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "z"], "y": ["u", "v"]} | columns)


BIG = [2**53 + 1, 1]
TABLES = {
    "text among numbers": (
        frame(a=["1", "2"]),
        'partition 1: column "a" holds large_string, and numbers in other partitions; make one '
        "kind of it in all",
    ),
    "numbers among text": (
        frame(b=[1, 2]),
        'partition 1: column "b" holds int64, and text in other partitions; make one kind of it '
        "in all",
    ),
    "booleans among text": (
        frame(b=[True, False]),
        'partition 1: column "b" holds bool, and text in other partitions; make one kind of it in '
        "all",
    ),
    "dates": (
        frame(a=pd.to_datetime(["2020-01-01", "2020-01-02"])),
        'partition 1: column "a" holds values of type timestamp[us]; make numbers of it '
        "first, such as the days since a date, the month or the day of the week, or leave it out",
    ),
    "lists": (
        frame(b=[[1], [2]]),
        'partition 1: column "b" holds values of type list<item: int64>; make numbers or text of '
        "it, or leave it out",
    ),
    "objects": (
        frame(b=["x", 3]),
        "partition 1: Expected bytes, got a 'int' object. Conversion failed for column b with type "
        "object; make one kind of the column",
    ),
    "a column less": (
        frame().drop(columns="a"),
        'partition 1: there is no column "a", or more than one, and other partitions have it; make '
        "the columns the same in all",
    ),
    "infinity": (
        frame(a=[np.inf, 1.0]),
        'partition 1: row 0 (from 0), column "a": is infinite; write a finite number, or delete '
        "the row",
    ),
    "identifiers": (
        frame(a=BIG),
        'partition 1: row 0 (from 0), column "a": holds a whole number that floats would round; '
        "leave the column out if it is an identifier, or make text of it",
    ),
    "no label": (
        frame(y=["u", None]),
        'partition 1: row 1 (from 0), column "y": has no label; fill it in, or delete the row',
    ),
    "negative weight": (
        frame(w=[0.0, -1.0]),
        'partition 1: row 1 (from 0), column "w": is no number from 0 up; mend it, or delete the '
        "row",
    ),
    "no weight": (
        frame(w=[None, 1.0]),
        'partition 1: row 0 (from 0), column "w": is no number from 0 up; mend it, or delete the '
        "row",
    ),
    "infinite offset": (
        frame(o=[0.0, -np.inf]),
        'partition 1: row 1 (from 0), column "o": is no finite number; mend it, or delete the row',
    ),
}


@pytest.mark.parametrize("fault", TABLES)
def test_what_a_table_must_not_be_is_named_with_its_partition(fault):
    second, said = TABLES[fault]
    first = frame(w=[1.0, 1.0], o=[0.0, 0.0])
    second = second.assign(**{name: 1.0 for name in "wo" if name not in second})
    parts, _ = packed([first, second], fields=fields_of([first]), weight="w", offset="o")
    with pytest.raises(DataError) as refused:
        parts.fold(report_of, "first pass")
    assert str(refused.value) == said


def test_numbers_wider_than_the_types_of_a_table_are_not_rounded():
    narrow = pd.DataFrame({"a": np.array([1, 2, 3], np.int8), "y": [0, 1, 0]})
    fields = fields_of([narrow])
    exact = narrow.assign(a=[4.0, np.nan, 0.5])
    parts, _ = packed([narrow, exact], fields=fields)
    assert parts.fold(report_of, "first pass").counts == (3, 3)
    for wide in ([0.5, np.nan, 0.1], [2, 2**24 + 1, 0]):
        with pytest.raises(DataError) as refused:
            packed([narrow, narrow.assign(a=wide)], fields=fields)[0].fold(report_of, "first pass")
        row, kind = (2, "double") if wide[0] == 0.5 else (1, "int64")
        assert str(refused.value) == (
            f'partition 1: row {row} (from 0), column "a": is {kind}, of more digits than the type '
            "that the table says it has; make the type the same in all"
        )


def test_what_all_parts_of_a_table_must_not_be():
    nothing = frame().iloc[:0]
    with pytest.raises(DataError, match=r"^X: there is no row; add data$"):
        fit_table(LogisticRegression(), [nothing, nothing])
    gaps = frame(a=[np.nan, np.nan])
    with pytest.raises(
        DataError, match=r"^X: no row is left, as all 4 lack a value; fill some in$"
    ):
        fit_table(LogisticRegression(encoder=TableEncoder(missing="drop")), [gaps, gaps])
    with pytest.raises(DataError, match=r'^X: column "y" holds the label "u" only; a fit needs'):
        fit_table(LogisticRegression(), [frame(y=["u", "u"]), nothing])
    parts, asked = packed([frame(), frame(y=[1, 2])], fields=fields_of([frame()]))
    with pytest.raises(DataError, match=r'^X: column "y" mixes int and str; make them all of one'):
        table_rows(asked.model, asked, parts)
    many = pd.DataFrame({"a": np.ones(5000), "y": np.arange(5000)})
    with pytest.raises(DataError, match=r'^partition 0: column "y" holds more than 4096 different'):
        packed([many])[0].fold(report_of, "first pass")


def test_what_a_table_is_must_be_known_before_it_is_read():
    fields = fields_of([frame(d=pd.to_datetime(["2020-01-01", "2020-01-02"]), w=[1.0, 2.0])])
    for wrong, how, said in (
        (DataError, {"features": ["d"]}, 'X: column "d" holds values of type timestamp[us]; make'),
        (DataError, {"features": ["q"]}, 'X: there is no column "q" for the feature; it has "a",'),
        (DataError, {"weight": "b"}, 'X: the weight column "b" holds no numbers; name another one'),
        (ParameterError, {"features": ["a", "a"]}, 'features names "a", which is named already; '),
    ):
        with pytest.raises(wrong) as refused:
            Asked.about(TableSchema("X", fields), "y", LogisticRegression(), **how)
        assert str(refused.value).startswith(said)


# -------------------------------------------------------------------------- reports: how they add


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=5), min_size=1, max_size=6),
       st.data())  # fmt: skip
def test_levels_of_parts_are_in_the_order_in_which_they_came(columns, data):
    assume(any(columns))
    frames = [
        pd.DataFrame(
            {
                "a": np.arange(float(len(own))),
                "s": pd.Series(own, dtype=object),
                "y": pd.Series(own[::-1], dtype=object),
            }
        )
        for own in columns
    ]
    fields = fields_of([pd.DataFrame({"a": [1.0], "s": ["a"], "y": ["a"]})])
    reports = [one.report for one in packed(frames, fields=fields)[0]._rows]
    at = data.draw(st.integers(0, len(reports)))
    left, right = _together(reports[:at]), _together(reports[at:])
    found = left if right is None else right if left is None else left + right
    flat = [level for own in columns for level in own]
    assert found.levels["s"] == list(dict.fromkeys(flat))
    counts = dict(zip(found.levels["s"], found.survey.counts[0].tolist(), strict=True))
    assert counts == {level: flat.count(level) for level in counts}
    weights = dict(zip(found.levels["y"], found.survey.label_weight.tolist(), strict=True))
    assert weights == {level: float(flat.count(level)) for level in counts}
    assert found.counts == tuple(map(len, columns))
    assert len(set(found.digests)) <= len(columns) == len(found.digests)


def _together(reports: list[PartReport]) -> PartReport | None:
    found = None
    for own in reports:
        found = own if found is None else found + own
    return found


def test_rows_that_are_others_when_they_are_read_again_are_refused():
    first, second = TABLE.iloc[:200], TABLE.iloc[200:]
    table_rows_again([first, second], [first, second])
    other = replace_value(second)
    with pytest.raises(DataError) as refused:
        table_rows_again([first, second], [first, other]).source.fold(column_statistics)
    assert str(refused.value) == (
        "partition 1 was read again and has other rows than before; make the table the same "
        "whenever it is read (sort what is shuffled, or write it to files), and fit again"
    )


def replace_value(table):
    found = table.copy()
    found.iloc[7, 0] += 1.0
    return found
