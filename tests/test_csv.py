"""CSV files are read exactly, or refused by line and column."""

import csv
import io
import subprocess
import sys

import numpy as np
import pytest
from bad_csv import BAD, FIT_ONLY
from hypothesis import given, settings
from hypothesis import strategies as st

from oddsmith.data import csv_table
from oddsmith.data.files import named_columns, read_csv
from oddsmith.errors import DataError, MissingPackageError


def table_of(tmp_path, content):
    path = tmp_path / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path)


def refusal(tmp_path, content, read=lambda table: table):
    with pytest.raises(DataError) as caught:
        read(table_of(tmp_path, content))
    return str(caught.value)


def features_and_labels(table):
    return table.numbers(tuple(n for n in table.names if n != "y")), table.labels("y")


@pytest.mark.parametrize("name", sorted(BAD.keys() - FIT_ONLY))
def test_bad_files_are_refused_by_line_and_column(tmp_path, name):
    content, words = BAD[name]
    message = refusal(tmp_path, content, features_and_labels)
    assert message.startswith(str(tmp_path / "data.csv"))
    assert [word for word in words if word not in message] == []
    assert message.isprintable(), "one line, no terminal escapes"


@pytest.mark.parametrize("first", ["1,1,0", "1,1,0.5", "5.1,3,5.1", "0,0,yes"])
def test_a_file_without_header_is_told_so_even_where_numbers_are_there_twice(tmp_path, first):
    message = refusal(tmp_path, f"{first}\n1,2,3\n")
    assert "line 1" in message
    assert "put a header above the data" in message


def test_whole_numbers_may_be_names(tmp_path):
    assert table_of(tmp_path, "0,1,2\n3,4,5\n").names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("1,000", '"1,000" holds a comma; write 1000 or 1.000 as you mean it'),
        ("-12,345", '"-12,345" holds a comma; write -12345 or -12.345 as you mean it'),
        ("1,000,000", '"1,000,000" holds a comma; write 1000000'),
        ("0,125", '"0,125" has a decimal comma; write it with a point'),
        ("1,5", '"1,5" has a decimal comma; write it with a point'),
    ],
)
def test_commas_in_numbers(tmp_path, cell, words):
    message = refusal(tmp_path, f'a\n"{cell}"\n', lambda t: t.numbers(("a",)))
    assert message.endswith(f'line 2, column "a": {words}')


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_line_ends_separators_and_byte_order_mark(tmp_path, ending, separator, start):
    text = ending.join(["a,y", "1.5,no", "-2e3,yes"]).replace(",", separator)
    table = table_of(tmp_path, start + text.encode())
    assert table.names == ("a", "y")
    assert table.numbers(("a",)).ravel().tolist() == [1.5, -2000.0]
    assert table.labels("y") == ["no", "yes"]
    assert table.lines.tolist() == [2, 3]


def test_quoted_header_with_semicolons(tmp_path):
    table = table_of(tmp_path, '"a, in m";"y"\n1;"x"\n')
    assert table.names == ("a, in m", "y")


def test_a_comma_in_the_header_wins_over_semicolons(tmp_path):
    assert table_of(tmp_path, "a;b,y\n1,x\n").names == ("a;b", "y")


def test_blank_lines_at_the_end_say_nothing(tmp_path):
    assert table_of(tmp_path, "a,y\n1,x\n\n\r\n\n").n_rows == 1


def test_lines_count_quoted_line_breaks(tmp_path):
    table = table_of(tmp_path, '"a\nb",y\n1,"p\r\nq"\n2,"r\rs"\n3,t\n')
    assert table.names == ("a\nb", "y")
    assert table.lines.tolist() == [3, 5, 7]
    assert table.labels("y") == ["p\r\nq", "r\rs", "t"]


def test_the_line_of_a_bad_cell_counts_quoted_line_breaks(tmp_path):
    message = refusal(tmp_path, 'y,a\n"p\n\nq",1\nr,bad\n', lambda t: t.numbers(("a",)))
    assert 'line 5, column "a": "bad"' in message


def test_columns_not_asked_for_may_hold_anything(tmp_path):
    table = table_of(tmp_path, "a,note,y\n1,007,x\n2,,x\n")
    assert table.numbers(("a",)).ravel().tolist() == [1.0, 2.0]


def test_whole_numbers_up_to_64_bits_are_read(tmp_path):
    table = table_of(tmp_path, "a\n9223372036854775807\n-9223372036854775808\n+12\n")
    assert table.numbers(("a",)).ravel().tolist() == [2.0**63, -(2.0**63), 12.0]


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["0", "1"], [0, 1]),
        (["-1", "+1"], [-1, 1]),
        (["0", "1.5"], [0.0, 1.5]),
        (["true", "false"], [True, False]),
        (["True", "False"], ["True", "False"]),
        (["TRUE", "true"], ["TRUE", "true"]),
        (["007", "1"], ["007", "1"]),
        (["1", "one"], ["1", "one"]),
        (["true", "1"], ["true", "1"]),
        (["99999999999999999999", "1"], ["99999999999999999999", "1"]),
        (["1e999", "1"], ["1e999", "1"]),
        ([" yes", "yes "], ["yes", "yes"]),
        (["none", "None"], ["none", "None"]),
        (["größe", "=1+1"], ["größe", "=1+1"]),
    ],
)
def test_labels_are_of_one_kind(tmp_path, cells, labels):
    found = table_of(tmp_path, "\n".join(["y", *cells])).labels("y")
    assert found == labels
    assert [type(x) for x in found] == [type(x) for x in labels]


@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
)
@settings(max_examples=50, deadline=None)
def test_every_float_is_read_back_bit_by_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("floats") / "data.csv"
    path.write_text("a\n" + "".join(f"{value!r}\n" for value in values))
    assert read_csv(path).numbers(("a",)).ravel().tobytes() == np.array(values).tobytes()


CELLS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=6)


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_text_is_read_as_it_was_written(tmp_path_factory, rows):
    """Python's writer quotes, pyarrow reads: names, cells and lines agree."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("first", "second"), *rows])
    path = tmp_path_factory.mktemp("text") / "data.csv"
    path.write_text(file.getvalue(), newline="")
    table = read_csv(path)
    blank = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85"
    for j, name in enumerate(("first", "second")):
        assert [c.strip(blank) for c in table.text(name)] == [
            row[j].strip().strip(blank) for row in rows
        ]
    reader = csv.reader(io.StringIO(file.getvalue(), newline=""))
    ends = [reader.line_num for _ in reader]
    assert table.lines.tolist() == [end + 1 for end in ends[:-1]]


@given(content=st.binary(max_size=60) | st.text(',";\n\r\t ay1.', max_size=60).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "data.csv"
    path.write_bytes(content)
    refusals = []
    try:
        table = read_csv(path)
        for name in table.names:
            table.labels(name)
            table.numbers((name,))
    except DataError as error:
        refusals.append(str(error))
    assert all(line.startswith(str(path)) and line.isprintable() for line in refusals)


def test_what_is_no_readable_file(tmp_path):
    with pytest.raises(DataError, match=r"missing\.csv: there is no such file"):
        read_csv(tmp_path / "missing.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_csv(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_csv("a\0b.csv")


def test_an_unknown_column_is_named_with_the_known_ones(tmp_path):
    message = refusal(tmp_path, "a,y\n1,x\n", lambda table: table.text("z"))
    assert 'no column "z"' in message
    assert '"a", "y"' in message


def test_without_pyarrow_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    with pytest.raises(MissingPackageError, match=r'pip install "oddsmith\[table\]"'):
        table_of(tmp_path, "a\n1\n")


def test_rows_longer_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_table, "_BLOCK_BYTES", 64)
    rows = "".join(f"{i}.25,label {i % 3}\n" for i in range(100))
    long = f"1.{'5' * 1000}"
    table = table_of(tmp_path, f"a,y\n{rows}{long},x\n")
    assert table.numbers(("a",)).ravel().tolist() == [*(i + 0.25 for i in range(100)), float(long)]


def test_reading_imports_no_data_frame_library(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text('a,y\n1,"x"\n2.5,z\n')
    code = (
        "import sys; from oddsmith.data.files import read_csv; "
        f"t = read_csv({str(path)!r}); t.numbers(('a',)); t.labels('y'); "
        "print([m for m in ('pandas', 'scipy', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_named_columns_carry_names_and_values():
    X = np.arange(6.0).reshape(3, 2)
    frame = named_columns(X, ("a", "b"))
    assert frame.column_names == ["a", "b"]
    assert np.array_equal(np.asarray(frame), X)
