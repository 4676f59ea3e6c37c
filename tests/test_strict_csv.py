"""The streamed CSV reader gives what the whole one does, and refuses the same, in any blocks."""

import re
from unittest.mock import patch

import numpy as np
import pytest
from bad_csv import BAD, FIT_ONLY, GOOD, STREAMED
from hypothesis import given, settings
from hypothesis import strategies as st

from oddsmith.data.cells import is_missing, number_problem
from oddsmith.data.files import open_files, read_csv
from oddsmith.errors import DataError, ParameterError

BIG = 2**25


def in_pieces(path, block_bytes, types=None):
    """The same, the file read in pieces of a few bytes, as a large one is in large pieces."""
    with (
        patch("oddsmith.data.csv_bytes._PIECE", 1 + block_bytes // 8),
        patch("oddsmith.data.csv_records._FIRST_BYTES", 1),
    ):
        return outcome(path, block_bytes, types)


def outcome(path, block_bytes, types=None, text=()):
    """All rows, lines and row numbers of a file, or what refuses it."""
    try:
        opened = open_files(path, types=types, text=text, block_bytes=block_bytes)
        lines, found, n = [], {name: [] for name in opened.kinds}, 0
        for batch in opened.batches(list(found)):
            assert batch.first_row == n
            n += batch.n_rows
            lines += batch.lines.tolist()
            for name, values in found.items():
                values += batch.columns[name].to_pylist()
    except (DataError, ParameterError) as error:
        return str(error)
    return opened.kinds, lines, found


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("csv") / "data.csv"


CELL = st.text('ab ,;\n\r"é€1', max_size=5) | st.sampled_from(
    [
        "1",
        "-2.5",
        "1e-05",
        "007",
        "NA",
        "",
        "true",
        "false",
        "1e999",
        "inf",
        "+5",
        "\u00a07",
        "null",
    ]
)
END = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def good_files(draw):
    """Files that a writer made: cells quoted where they must be, and some others."""
    width, end = draw(st.integers(1, 3)), draw(END)
    rows = [[f"c{j}" for j in range(width)]]
    rows += draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=8))
    quote = re.compile('[,;\n\r"]')
    lines = [
        ",".join(
            '"' + cell.replace('"', '""') + '"'
            if quote.search(cell) or draw(st.booleans())
            else cell
            for cell in row
        )
        for row in rows
    ]
    return (end.join(lines) + end * draw(st.integers(0, 3))).encode()


@given(content=good_files(), block=st.integers(1, 64))
@settings(max_examples=300)
def test_blocks_do_not_change_what_is_read(path, content, block):
    path.write_bytes(content)
    assert outcome(path, block) == in_pieces(path, block) == outcome(path, BIG)


@given(
    content=st.text('",;\n\r\t a1.0\0é', max_size=60).map(lambda s: b"a,b\n" + s.encode())
    | st.binary(max_size=40).map(lambda b: b"a,b\n1,2\n" + b)
    | good_files(),
    cut=st.integers(0, 80),
    junk=st.sampled_from([b"", b"\xff", b"\0", b'"', b'"x', b"\xe2\x82", b"\n\n", b",", b"\r"]),
    block=st.integers(1, 64),
)
@settings(max_examples=600)
def test_blocks_do_not_change_what_is_refused(path, content, cut, junk, block):
    path.write_bytes(content[:cut] + junk + content[cut:])
    for types in (None, {"a": "number"}):
        if types and not content.startswith(b"a,b\n"):
            continue
        whole = outcome(path, BIG, types)
        assert outcome(path, block, types) == in_pieces(path, block, types) == whole


@given(content=good_files())
@settings(max_examples=200)
def test_streamed_and_whole_readers_agree(path, content):
    """Cells, lines and structural refusals; numbers by the rules for one cell."""
    path.write_bytes(content)
    streamed = outcome(path, 16)
    if isinstance(streamed, str):
        if "is blank" in streamed or ", column " in streamed:
            return
        with pytest.raises(DataError) as caught:
            read_csv(path)
        assert str(caught.value) == streamed
        return
    kinds, lines, found = streamed
    table = read_csv(path)
    assert table.lines.tolist() == lines
    for name, kind in kinds.items():
        cells = table.text(name)
        if kind == "number":
            assert all(is_missing(c) or not number_problem(c)[0] for c in cells)
            expected = [None if is_missing(cell) else float(cell) for cell in cells]
        elif kind == "boolean":
            expected = [{"true": True, "false": False}.get(cell) for cell in cells]
        else:
            expected = [None if is_missing(cell) else cell for cell in cells]
        assert found[name] == expected


@pytest.mark.parametrize("name", sorted(BAD.keys() - FIT_ONLY))
@pytest.mark.parametrize("block", [1, 50, BIG])
def test_bad_files_are_refused_by_line_and_column(path, name, block):
    content, words = BAD[name]
    path.write_bytes(content)
    types = {"a": "number", "b": "number"} if re.match(rb"\W*a[,;]b[,;]y", content) else None
    text = ["y"] if types else []
    message = outcome(path, block, types, text)
    if name in STREAMED:  # missing values are for the reader's user to judge
        assert not isinstance(message, str)
        return
    assert isinstance(message, str), "it is read"
    assert message.startswith(str(path))
    assert [word for word in words if word not in message] == []
    assert message.isprintable(), "one line, no terminal escapes"


def test_the_corpus_is_large():
    assert len(BAD) >= 60


@pytest.mark.parametrize("pad", [0, 100])
def test_a_later_cell_that_contradicts_the_kind_says_what_to_do(path, pad, monkeypatch):
    monkeypatch.setattr("oddsmith.data.csv_files._SAMPLE_BYTES", 1)
    monkeypatch.setattr("oddsmith.data.csv_files._SAMPLE_BLOCK", 8)
    path.write_text("zip,flag\n1,true\n" * 1 + "2,false\n" * pad + "007,true\n")
    message = outcome(path, 16)
    line = 3 + pad
    assert message == (
        f'{path}: line {line}, column "zip": "007" has leading zeros, so it is a code, not a '
        'number; correct it, or declare the column: types={"zip": "category"}, or '
        "--type zip=category on the command line"
    )
    kinds, _, found = outcome(path, 16, {"zip": "category"})
    assert kinds == {"zip": "category", "flag": "boolean"}
    assert found["zip"][-1] == "007"
    path.write_text("zip,flag\n1,true\n" + "2,yes\n")
    assert 'line 3, column "flag": "yes" is neither true nor false; correct it' in outcome(path, 16)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "NA", "2.5"], "number"),
        (["true", "", "false"], "boolean"),
        (["True", "false"], "category"),
        (["true", "1"], "category"),
        (["007", "123"], "category"),
        (["1", "one"], "category"),
        (["2020-01-31", "one"], "category"),
        (["", "NA"], "number"),
        (["2020-01-31", "", "2020-02-29T12:30:00Z"], "other"),
        (["12:30", "23:59:59.5"], "other"),
    ],
)
def test_kinds_are_inferred(path, cells, kind):
    path.write_text("x,y\n" + "".join(f"{cell},0\n" for cell in cells))
    assert open_files(path).kinds == {"x": kind, "y": "number"}


def test_dates_are_refused_unless_they_are_declared(path):
    path.write_text("day,y\n2020-01-31,0\n2020-02-29,1\n")
    assert 'column "day" holds dates or times; make numbers of it first' in outcome(path, BIG)
    assert outcome(path, BIG, {"day": "category"})[2]["day"] == ["2020-01-31", "2020-02-29"]
    assert outcome(path, BIG, text=["day"])[2]["day"] == ["2020-01-31", "2020-02-29"]


def test_the_first_fault_is_told(path):
    rows = ["1,2", "x,2", "1", '"a"b,c']
    for k in range(len(rows)):
        path.write_text("a,b\n1,2\n" + "\n".join(rows[k:]) + "\n")
        lines = {outcome(path, block, {"a": "number"}) for block in (1, 8, BIG)}
        assert len(lines) == 1
    path.write_text("a,b\n1,2\n\n\nx,2\n")
    assert "line 3 is blank" in outcome(path, BIG, {"a": "number"})


def test_cells_of_one_length_too_many(path):
    for cell in ("x" * 131_072, '"' + "x" * 131_072 + '"'):
        path.write_text(f"a,b\n1,{cell}\n2,y\n")
        assert outcome(path, 1000)[1] == [2, 3]
    for cell in ("x" * 131_073, '"' + "x" * 131_073 + '"', '"' + "x\n" * 65_537 + '"'):
        path.write_text(f"a,b\n1,y\n1,{cell}\n2,y\n")
        for block in (1000, BIG):
            assert "line 3: a cell is longer than 131072 characters" in outcome(path, block)


def test_a_quote_that_is_never_closed_is_found_early(path):
    """Its cell is too long before the file ends, and the rest is not read."""
    with path.open("w") as file:
        file.write('a,b\n1,"x\n')
        file.writelines("1,2\n" for _ in range(1_000_000))
    for block in (64, BIG):
        assert "line 2: a cell is longer" in outcome(path, block)


def test_a_tab_wins_in_a_file_of_that_name(tmp_path):
    file = tmp_path / "data.tsv"
    file.write_text("a, in m\ty\n1\tx\n")
    assert outcome(file, BIG)[0] == {"a, in m": "number", "y": "category"}


@given(
    rows=st.lists(
        st.lists(st.text("0019.+-e ", max_size=5), min_size=3, max_size=3), min_size=1, max_size=5
    ),
    separator=st.sampled_from(",;\t"),
)
@settings(max_examples=200)
def test_leading_zeros_are_all_found(path, rows, separator):
    """Reading numbers at once and judging them cell by cell are the same."""
    text = separator.join("abc") + "\n" + "".join(separator.join(row) + "\n" for row in rows)
    path.write_text(text)
    found = outcome(path, BIG, dict.fromkeys("abc", "number"))
    strict = None
    for row in rows:
        problems = [c.strip() for c in row if c.strip() and number_problem(c.strip())[0]]
        if problems or not any(c.strip() for c in row):
            strict = True
            break
    assert isinstance(found, str) == (strict is not None)


def test_numbers_are_read_at_once_beside_text_with_zeros(path, monkeypatch):
    """Codes and dates in text columns do not send numbers the slow way."""
    path.write_text('a,code,d\n1.5,007,2020-01-01\n1e-05,"0,01",2020-01-02\n')
    monkeypatch.setattr("oddsmith.data.strict_csv._strict", None)
    found = outcome(path, BIG, {"code": "category", "d": "category"})
    assert found[2]["a"] == [1.5, 1e-05]


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@settings(max_examples=100)
def test_every_float_is_read_back_bit_by_bit(path, values):
    path.write_text("a\n" + "".join(f"{value!r}\n" for value in values))
    found = outcome(path, 16)[2]["a"]
    assert np.array(found).tobytes() == np.array(values).tobytes()


def test_good_rows_of_the_corpus_are_read(path):
    path.write_text(GOOD)
    kinds, lines, found = outcome(path, 32, text=["y"])
    assert kinds == {"a": "number", "b": "number", "y": "category"}
    assert lines == list(range(2, 22))
    assert set(found["y"]) == {"yes", "no"}


@pytest.mark.parametrize("block", [1, BIG])
def test_quotes_within_a_cell_are_as_they_stand(path, block):
    path.write_text('a,b\nz,1;"x\n5" pipe,y";2\n"u\n",""""\n')
    assert outcome(path, block)[1:] == (
        [2, 3, 4],
        {"a": ["z", '5" pipe', "u"], "b": ['1;"x', 'y";2', '"']},
    )
    path.write_text('a,b\nz,1;"x\n5",y\n')  # as if a quote opened behind a semicolon
    assert outcome(path, block)[1:] == ([2, 3], {"a": ["z", '5"'], "b": ['1;"x', "y"]})


@pytest.mark.parametrize("block", [1, BIG])
def test_a_bad_cell_before_a_short_row_comes_first(path, block, monkeypatch):
    monkeypatch.setattr("oddsmith.data.csv_files._SAMPLE_BYTES", 1)
    monkeypatch.setattr("oddsmith.data.csv_files._SAMPLE_BLOCK", 1)
    path.write_text('a,b\n1,"é\n"\nx,2\n1\n')
    assert 'line 4, column "a": "x" is text' in outcome(path, block)
    path.write_text('a,b\n1,"é\n"\n3,2\n1\n')
    assert "line 5: has 1 cells where the header has 2" in outcome(path, block)
