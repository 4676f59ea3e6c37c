"""Files of any format are the rows that were written, in batches; or they are refused by name."""

import gzip
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from oddsmith.data.batches import ahead
from oddsmith.data.files import open_files, read_csv
from oddsmith.errors import DataError, ParameterError

COLUMNS = {
    "dose": [0.5, None, 2.25, -1.0, 8.0],
    "flag": [True, False, None, True, True],
    "site": ["b", "a", None, "größe", "b"],
}
TABLE = pa.table(COLUMNS)
CSV = "dose,flag,site\n0.5,true,b\n,false,a\n2.25,,\n-1,true,größe\n8,true,b\n"
KINDS = {"dose": "number", "flag": "boolean", "site": "category"}


def write_stream(table, path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def write_file(table, path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


WRITERS = {
    "t.csv": lambda t, p: p.write_text(CSV),
    "t.csv.gz": lambda t, p: p.write_bytes(gzip.compress(CSV.encode())),
    "t.csv.zst": lambda t, p: p.write_bytes(pa.compress(CSV.encode(), "zstd", asbytes=True)),
    "t.tsv": lambda t, p: p.write_text(CSV.replace(",", "\t")),
    "t.txt": lambda t, p: p.write_text(CSV.replace(",", ";")),
    "t.parquet": lambda t, p: pq.write_table(t, p, row_group_size=3),
    "t.pq": lambda t, p: pq.write_table(t, p),
    "t.arrow": write_file,
    "t.feather": write_file,
    "t.ipc": write_stream,
}


def rows_of(files, names=None, **options):
    opened = open_files(files, **options)
    found = {name: [] for name in (names or opened.kinds)}
    for batch in opened.batches(list(found)):
        assert batch.n_rows > 0
        assert (batch.lines is not None) == (opened.format == "csv")
        for name, values in found.items():
            column = batch.columns[name]
            assert len(column) == batch.n_rows
            if opened.kinds[name] == "category":
                assert pa.types.is_dictionary(column.type)
                assert column.type.index_type == pa.int32()
            values += column.to_pylist()
    return found


def refusal(files, names=None, **options):
    with pytest.raises(DataError) as caught:
        rows_of(files, names, **options)
    message = str(caught.value)
    assert message.isprintable()
    return message


@pytest.mark.parametrize("block_bytes", [1, 40, 2**25])
@pytest.mark.parametrize("name", sorted(WRITERS))
def test_every_format_gives_the_rows_that_were_written(tmp_path, name, block_bytes):
    WRITERS[name](TABLE, tmp_path / name)
    opened = open_files(tmp_path / name, block_bytes=block_bytes)
    assert opened.kinds == KINDS
    assert opened.n_rows in (5, None)
    assert rows_of(tmp_path / name, block_bytes=block_bytes) == COLUMNS
    assert rows_of(str(tmp_path / name), ["site"], block_bytes=block_bytes) == {
        "site": COLUMNS["site"]
    }
    firsts = [(b.first_row, b.n_rows) for b in opened.batches(["dose"])]
    assert [first for first, _ in firsts] == np.cumsum([0, *(n for _, n in firsts)])[:-1].tolist()


def test_files_are_read_as_often_as_asked(tmp_path):
    WRITERS["t.csv"](TABLE, tmp_path / "t.csv")
    opened = open_files(tmp_path / "t.csv")
    assert next(iter(opened.batches(["dose"]))).lines.tolist() == [2, 3, 4, 5, 6]
    assert next(opened.batches(["dose"])).n_rows == 5


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.arrow"])
def test_folders_lists_and_globs(tmp_path, name):
    for k in (2, 1):
        WRITERS[name](TABLE, tmp_path / f"{k}-{name}")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / "README.md").write_text("not data")
    (tmp_path / f".{name}.crc").write_text("x")
    (tmp_path / f"_{name}").write_text("half")
    twice = {column: values * 2 for column, values in COLUMNS.items()}
    for files in (
        tmp_path,
        f"{tmp_path}/*{name[1:]}",
        f"{tmp_path}/**/*{name[1:]}",
        [tmp_path / f"1-{name}", str(tmp_path / f"2-{name}")],
    ):
        assert rows_of(files) == twice
        assert [p.name for p in open_files(files).paths] == [f"1-{name}", f"2-{name}"]


def test_columns_of_later_files_are_matched_by_name(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,x\n")
    (tmp_path / "2.csv").write_text("b;a\ny;2.5\n")
    assert rows_of(tmp_path) == {"a": [1.0, 2.5], "b": ["x", "y"]}
    for k, table in enumerate([{"a": [1], "b": ["x"]}, {"b": ["y"], "a": [2.5]}]):
        pq.write_table(pa.table(table), tmp_path / f"{k}.parquet")
    assert rows_of(str(tmp_path / "*.parquet")) == {"a": [1, 2.5], "b": ["x", "y"]}


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_other_columns_are_refused_by_both_names(tmp_path, ending):
    for k, name in enumerate("bc"):
        table = pa.table({"a": [1], name: ["x"]})
        path = tmp_path / f"{k}.{ending}"
        if ending == "csv":
            path.write_text(f"a,{name}\n1,x\n")
        else:
            (pq.write_table if ending == "parquet" else write_file)(table, path)
    message = refusal(tmp_path)
    assert f'1.{ending}: lacks "b" and has "c", unlike {tmp_path}/0.{ending}' in message


def test_kinds_that_differ_between_files_are_refused_by_both_names(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": pa.nulls(1)}), tmp_path / "0.parquet")
    assert rows_of(tmp_path) == {"a": [None, 1]}
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "2.parquet")
    message = refusal(tmp_path)
    assert '2.parquet: column "a" holds string, unlike' in message
    assert "1.parquet" in message


def test_kinds_of_csv_are_inferred_from_the_files_together(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,\n")
    (tmp_path / "2.csv").write_text("a,b\nx,2\n")
    assert rows_of(tmp_path) == {"a": ["1", "x"], "b": [None, 2.0]}


def test_files_without_rows(tmp_path):
    (tmp_path / "1.csv").write_text("a\n")
    assert "no row" in refusal(tmp_path)
    (tmp_path / "3.csv").write_text("a")
    assert "all 2 files" in refusal(tmp_path)
    (tmp_path / "2.csv").write_text("a\n1\n")
    assert rows_of(tmp_path) == {"a": [1.0]}
    (tmp_path / "4.csv").write_text("")
    assert "4.csv: is empty" in refusal(tmp_path)
    empty = pa.table({"a": pa.array([], pa.int64())})
    pq.write_table(empty, tmp_path / "1.parquet")
    assert "1.parquet: has no row" in refusal(tmp_path / "1.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "2.parquet")
    assert rows_of(f"{tmp_path}/*.parquet") == {"a": [1]}


def test_what_is_not_there(tmp_path):
    assert "there is no such file" in refusal(tmp_path / "x.csv")
    assert "no file matches" in refusal(f"{tmp_path}/*.csv")
    assert "holds no file with a known ending" in refusal(tmp_path)
    (tmp_path / "x.xlsx").write_text("x")
    assert "has no known ending" in refusal(tmp_path / "x.xlsx")
    assert "has no known ending" in refusal(f"{tmp_path}/*")
    (tmp_path / "sub").mkdir()
    assert "only folders match" in refusal(f"{tmp_path}/s*")
    assert 'holds the folder "sub"' in refusal(tmp_path)
    (tmp_path / "sub").rename(tmp_path / "year=2020")
    assert 'holds the partition "year=2020"' in refusal(tmp_path)
    with pytest.raises(ParameterError, match="empty list"):
        open_files([])
    assert "cannot be the name" in refusal("a\0b.csv")


def test_several_formats_and_doubles_are_refused(tmp_path):
    for name in ("t.csv", "t.parquet"):
        WRITERS[name](TABLE, tmp_path / name)
    assert "is of another format" in refusal(tmp_path)
    assert "is named twice" in refusal([tmp_path / "t.csv", tmp_path / "t.csv"])


@pytest.mark.parametrize(
    ("written", "named", "words"),
    [
        ("t.parquet", "t.csv", "holds Parquet data, unlike its name; name it with .parquet"),
        ("t.arrow", "t.csv", "holds Arrow data"),
        ("t.ipc", "t.txt", "holds Arrow data"),
        ("t.csv.gz", "t.csv", "holds gzip data, unlike its name; name it with .csv.gz"),
        ("t.csv.zst", "t.csv.gz", "holds zstd data"),
        ("t.csv", "t.csv.gz", "is no whole gzip file"),
        ("t.csv", "t.csv.zst", "is no whole zstd file"),
        ("t.csv", "t.parquet", "is no whole Parquet file"),
        ("t.csv", "t.arrow", "is no whole Arrow file"),
        ("t.arrow", "t.parquet", "holds Arrow data"),
    ],
)
def test_content_that_contradicts_the_name_is_refused(tmp_path, written, named, words):
    WRITERS[written](TABLE, tmp_path / named)
    assert f"{named}: {words}" in refusal(tmp_path / named)


def test_a_csv_file_may_begin_as_a_parquet_file_does(tmp_path):
    (tmp_path / "t.csv").write_text("PAR1,y\n1,x\n")
    assert rows_of(tmp_path) == {"PAR1": [1.0], "y": ["x"]}


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zst", "t.parquet", "t.arrow", "t.ipc"])
def test_files_that_were_cut_off_are_refused(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](TABLE, path)
    whole = path.read_bytes()
    for end in (*range(1, len(whole), max(1, len(whole) // 40)), len(whole) - 1):
        path.write_bytes(whole[:end])
        message = refusal(path)
        assert message.startswith(str(path))


@pytest.mark.parametrize("pack", [gzip.compress, lambda b: pa.compress(b, "zstd", asbytes=True)])
def test_packed_files_of_several_parts(tmp_path, pack):
    path = tmp_path / ("t.csv.gz" if pack is gzip.compress else "t.csv.zst")
    head, tail = CSV.encode()[:30], CSV.encode()[30:]
    path.write_bytes(pack(head) + pack(tail))
    assert rows_of(path) == COLUMNS
    assert read_csv(path).n_rows == 5
    path.write_bytes(pack(head) + pack(tail) + b"junk")
    assert "is no whole" in refusal(path)


def test_flipped_bytes_are_refused_or_read(tmp_path):
    """Whatever is wrong with a binary file is said in one line."""
    rng = np.random.default_rng(0)
    for name in ("t.parquet", "t.arrow", "t.ipc"):
        path = tmp_path / name
        WRITERS[name](TABLE, path)
        whole = bytearray(path.read_bytes())
        for at in rng.integers(0, len(whole), 150).tolist():
            broken = whole.copy()
            broken[at] ^= int(rng.integers(1, 256))
            path.write_bytes(broken)
            refusals = []
            try:
                rows_of(path)
            except DataError as error:
                refusals.append(str(error))
            assert all(line.isprintable() for line in refusals)


TYPES = [
    (pa.date32(), [date(2020, 1, 1)], "date32"),
    (pa.timestamp("us", tz="UTC"), [0], "timestamp"),
    (pa.time32("s"), [0], "time32"),
    (pa.duration("s"), [0], "duration"),
    (pa.list_(pa.int8()), [[1]], "list"),
    (pa.struct([("a", pa.int8())]), [{"a": 1}], "struct"),
    (pa.binary(), [b"x"], "binary"),
]


# Parquet has no durations.
STORED = [("t.arrow", *found) for found in TYPES]
STORED += [("t.parquet", *found) for found in TYPES if found[2] != "duration"]


@pytest.mark.parametrize(("name", "kind", "values", "word"), STORED)
def test_what_is_no_number_or_text_is_refused_where_it_is_asked_for(
    tmp_path, name, kind, values, word
):
    table = pa.table({"x": [1.5], "bad": pa.array(values, kind)})
    WRITERS[name](table, tmp_path / name)
    message = refusal(tmp_path / name)
    assert f'{name}: column "bad" holds values of type {word}' in message
    assert rows_of(tmp_path / name, ["x"]) == {"x": [1.5]}
    assert open_files(tmp_path / name).kinds == {"x": "number", "bad": "other"}


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.ipc"])
def test_types_come_as_stored(tmp_path, name):
    tiny = ["u", "v" if name == "t.parquet" else None]  # pyarrow writes no null level there
    table = pa.table(
        {
            "small": pa.array([1, None], pa.int8()),
            "large": pa.array([2**63 - 1, -(2**63)], pa.int64()),
            "single": pa.array([0.1, float("nan")], pa.float32()),
            "half": pa.array([0.5, None], pa.float16()),
            "money": pa.array([Decimal("0.1"), Decimal("123456789012345.67")]),
            "code": pa.array(["b", None]).dictionary_encode(),
            "tiny": pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), tiny),
            "long": pa.array([" x", "y"], pa.large_string()),
        }
    )
    WRITERS[name](table, tmp_path / name)
    found = rows_of(tmp_path / name)
    assert np.isnan(found["single"].pop())
    assert found == {
        "small": [1, None],
        "large": [2**63 - 1, -(2**63)],
        "single": [float(np.float32(0.1))],
        "half": [0.5, None],
        "money": [0.1, 123456789012345.67],
        "code": ["b", None],
        "tiny": tiny,
        "long": [" x", "y"],
    }


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_declared_types_of_stored_columns(tmp_path, name):
    WRITERS[name](
        pa.table(
            {
                "zip": [10115, 20095],
                "part": [1.0, None],
                "text": ["1.5", " NA"],
                "truth": ["true", "false"],
                "flag": [True, None],
            }
        ),
        tmp_path / name,
    )
    types = {"zip": "category", "part": "category", "text": "number", "truth": "boolean"}
    assert rows_of(tmp_path / name, types={**types, "flag": "number"}) == {
        "zip": ["10115", "20095"],
        "part": ["1", None],
        "text": [1.5, None],
        "truth": [True, False],
        "flag": [1, None],
    }
    message = refusal(tmp_path / name, types={"truth": "number"})
    assert 'row 0 (from 0), column "truth": "true" cannot be read as number' in message
    assert "cannot be read as boolean" in refusal(tmp_path / name, types={"zip": "boolean"})


def test_twins_in_parquet_are_refused(tmp_path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(table, tmp_path / "t.parquet")
    assert 'more than one column "a"' in refusal(tmp_path / "t.parquet")


def test_text_of_parquet_must_be_whole(tmp_path):
    raw = pa.array([b"\xff", b"ok"], pa.binary())
    bad = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    pq.write_table(pa.table({"a": bad}), tmp_path / "t.parquet")
    assert 'column "a" holds values that are corrupt' in refusal(tmp_path / "t.parquet")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.arrow"])
def test_files_that_change_or_vanish_are_refused(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](TABLE, path)
    opened = open_files(path)
    batches = opened.batches(["dose"])
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(DataError, match="has changed since it was opened"):
        list(batches)
    path.unlink()
    with pytest.raises(DataError, match="has vanished"):
        list(opened.batches(["dose"]))


def test_arguments_are_checked(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    for types in ({"b": "number"}, {"a": "float"}):
        with pytest.raises(ParameterError, match="types"):
            open_files(tmp_path, types=types)
    with pytest.raises(ParameterError, match='no column "y"'):
        open_files(tmp_path, text=["y"])
    with pytest.raises(ParameterError, match="block_bytes"):
        open_files(tmp_path, block_bytes=0)
    opened = open_files(tmp_path)
    with pytest.raises(DataError, match='no column "b"'):
        opened.batches(["b"])
    with pytest.raises(DataError, match="no column; name one"):
        opened.batches([])


def test_errors_ahead_come_in_their_turn():
    def items():
        yield from (1, 2)
        raise DataError("third")

    found = ahead(lambda k: k * 10, items(), workers=4)
    assert [next(found), next(found)] == [10, 20]
    with pytest.raises(DataError, match="third"):
        next(found)


def test_a_stream_without_its_end_is_refused(tmp_path):
    write_stream(TABLE, tmp_path / "t.ipc")
    (tmp_path / "t.ipc").write_bytes((tmp_path / "t.ipc").read_bytes()[:-8])
    assert "is no whole Arrow stream (its end is missing)" in refusal(tmp_path / "t.ipc")


def test_decimals_are_rounded_once(tmp_path):
    values = [
        Decimal(k) / 10**12 for k in np.random.default_rng(0).integers(0, 2**60, 500).tolist()
    ]
    exact = pa.array(values, pa.decimal128(30, 12))
    pq.write_table(pa.table({"a": exact}), tmp_path / "t.parquet")
    assert rows_of(tmp_path / "t.parquet")["a"] == [float(value) for value in exact.to_pylist()]
