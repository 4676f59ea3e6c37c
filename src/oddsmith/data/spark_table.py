"""Columns of a Spark table: what they are, and how they come to Python.

Spark writes a column into Arrow value by value, which takes as long for each value as all else
together. Numbers of one type are therefore put into one array column, whose values it writes in
one loop, and are parted again in Python: twice as fast.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from oddsmith.core.labels import listed, quoted
from oddsmith.data.arrow_values import as_numpy
from oddsmith.data.raw_rows import Layout
from oddsmith.data.table_part import TableSchema
from oddsmith.errors import DataError

__all__ = ["SparkColumns", "Ungroup", "spark_columns"]

# Fewer columns of one type are left as they are.
_FEWEST = 4
# A wider vector would be dense in memory, row by row.
_WIDEST = 4096
_GROUP = "__oddsmith_{}"
# In mapInArrow PySpark looks columns up by name, and reads these as parts of a name and quotes.
_MARKS = (".", "`")
_TODO = {
    "array": "take its entries into columns of their own (getItem)",
    "map": "take its entries into columns of their own (getItem)",
    "struct": "take its fields into columns of their own",
    "binary": "make text or numbers of it",
    "vector": "name it in features, or make columns of it (pyspark.ml.functions.vector_to_array)",
}
_OTHERWISE = "make numbers or text of it"


@dataclass(frozen=True, slots=True)
class SparkColumns:
    """Columns of a Spark table, none of them read yet.

    Attributes
    ----------
    frame : DataFrame
    schema : TableSchema
        Columns that can be read; entries of vectors are columns.
    refused : dict of str to (str, str)
        Type of each column that cannot, and what to do about it.
    vectors : dict of str to tuple of str
        Names of the entries of columns that hold vectors of Spark ML.
    """

    frame: Any
    schema: TableSchema
    refused: dict[str, tuple[str, str]]
    vectors: dict[str, tuple[str, ...]]

    @property
    def where(self) -> str:
        """Begins a message."""
        return self.schema.where

    @property
    def kinds(self) -> dict[str, str]:
        """Column name -> "number", "boolean", "category" or "other"."""
        return {**self.schema.kinds, **dict.fromkeys(self.refused, "other")}

    @property
    def narrow(self) -> frozenset[str]:
        """Columns whose numbers are exact in single precision."""
        return self.schema.narrow

    def check(self, name: str, role: str) -> None:
        """Refuse a column that is not there, or cannot be read.

        Raises
        ------
        DataError
        """
        if name in self.refused:
            kind, todo = self.refused[name]
            raise DataError(
                f"{self.where}: column {quoted(name)} holds values of type {kind}; {todo}, or "
                "leave it out"
            )
        self.schema.check(name, role)

    def expanded(self, features: Iterable[str] | None) -> list[str] | None:
        """Names of features, with those of a vector's entries instead of its own."""
        if features is None:
            return None
        return [entry for name in features for entry in self.vectors.get(name, (name,))]

    def read(self, layout: Layout) -> tuple[Any, "Ungroup"]:
        """Frame of the columns of a layout, and what parts them again."""
        entries = {entry for own in self.vectors.values() for entry in own}
        plain = [name for name in layout.names if name not in entries]
        kinds = dict(self.frame.dtypes)
        numbers = {"tinyint", "smallint", "int", "bigint", "float", "double", "boolean"}
        groups: list[tuple[str, tuple[str, ...]]] = []
        exprs: list[Any] = []
        renamed: list[tuple[str, str]] = []
        for kind in sorted(numbers & {kinds[name] for name in plain}):
            own = tuple(name for name in plain if kinds[name] == kind and name != layout.target)
            if len(own) >= _FEWEST:
                groups.append((_GROUP.format(kind), own))
                exprs.append(f"array({', '.join(map(_sql, own))}) AS {_GROUP.format(kind)}")
        grouped = {name for _, own in groups for name in own}
        for name in (name for name in plain if name not in grouped):
            alias = _GROUP.format(f"column_{len(exprs)}")
            marked = any(mark in name for mark in _MARKS)
            exprs.append(f"{_sql(name)} AS {alias}" if marked else _sql(name))
            renamed += [(alias, name)] if marked else []
        frame = self.frame
        for place, (name, own) in enumerate(self.vectors.items()):
            if set(own) & set(layout.names):
                from pyspark.ml.functions import vector_to_array

                group = _GROUP.format(f"vector_{place}")
                frame = frame.withColumn(group, vector_to_array(frame[_sql(name)]))
                groups.append((group, own))
                exprs.append(group)
        return frame.selectExpr(*exprs), Ungroup(tuple(groups), tuple(renamed))


@dataclass(frozen=True, slots=True)
class Ungroup:
    """Parts array columns into columns of their own.

    Attributes
    ----------
    groups : tuple of (str, tuple of str)
        Name of an array column, and those of its entries.
    renamed : tuple of (str, str)
        Name that a column has while it is read, and its own.

    Examples
    --------
    >>> import pyarrow as pa
    >>> batch = pa.record_batch({"both": pa.array([[1, 2], [None, 4]]), "y": pa.array(["a", "b"])})
    >>> Ungroup((("both", ("dose", "age")),))(batch).to_pydict()
    {'dose': [1, None], 'age': [2, 4], 'y': ['a', 'b']}
    """

    groups: tuple[tuple[str, tuple[str, ...]], ...]
    renamed: tuple[tuple[str, str], ...] = ()

    def __call__(self, batch: Any) -> Any:
        """Record batch of single columns.

        Raises
        ------
        DataError
            If a vector has another length than the first.
        """
        import pyarrow as pa

        columns = dict[str, Any]()
        groups, names = dict(self.groups), dict[str, str](self.renamed)
        for field, column in zip(batch.schema, batch.columns, strict=True):
            if field.name in groups:
                columns.update(_parted(column, groups[field.name]))
            else:
                name: str = field.name
                columns[names.get(name, name)] = column
        return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _parted(column: Any, names: tuple[str, ...]) -> dict[str, Any]:
    import pyarrow as pa

    n, p = len(column), len(names)
    values, lengths = column.flatten(), np.diff(as_numpy(column.offsets))
    if column.null_count or (n and (lengths != p).any()):
        raise DataError(
            f"the vectors that begin with {quoted(names[0])} have other lengths than {p}, or are "
            "missing; give vectors of one length"
        )
    empty: Any = None
    if values.null_count:
        empty = np.ascontiguousarray(~as_numpy(values.is_valid()).reshape(n, p).T)
        values = values.fill_null(pa.scalar(0).cast(values.type))
    rows = np.ascontiguousarray(as_numpy(values).reshape(n, p).T)
    masks = [None] * p if empty is None else list(empty)
    return {
        name: pa.array(own, values.type, mask=mask)
        for name, own, mask in zip(names, rows, masks, strict=True)
    }


def _sql(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def spark_columns(frame: Any, features: Iterable[str] | None = None) -> SparkColumns:
    """Open a Spark DataFrame; a row is looked at only where vectors do not say how long they are.

    Parameters
    ----------
    frame : DataFrame
    features : sequence of str, optional
        Those that are vectors have their entries as columns.

    Raises
    ------
    DataError
        If two columns have the same name, or vectors are too long.
    """
    import pyarrow as pa

    _refuse_twins([field.name for field in frame.schema.fields])
    known, refused = dict[str, Any](), dict[str, tuple[str, str]]()
    for field in frame.schema.fields:
        kind, word = _arrow_type(field.dataType), field.dataType.typeName()
        if kind is not None:
            known[field.name] = pa.field(field.name, kind)
        elif type(field.dataType).__name__ == "VectorUDT":
            refused[field.name] = ("vector", _TODO["vector"])
        else:
            refused[field.name] = (field.dataType.simpleString(), _TODO.get(word, _OTHERWISE))
    vectors = dict[str, tuple[str, ...]]()
    for name in features or ():
        if refused.get(name, ("",))[0] == "vector":
            vectors[name] = _entries(frame, name, {*known, *refused})
            known |= {entry: pa.field(entry, pa.float64()) for entry in vectors[name]}
    return SparkColumns(frame, TableSchema("the table", known), refused, vectors)


def _entries(frame: Any, name: str, taken: set[str]) -> tuple[str, ...]:
    """Names of a vector's entries: what Spark ML has noted of them, else their places."""
    noted = frame.schema[name].metadata.get("ml_attr", {})
    size = noted.get("num_attrs")
    if size is None:
        first = frame.select(_sql(name)).where(f"{_sql(name)} IS NOT NULL").first()
        if first is None:
            raise DataError(f"column {quoted(name)} holds no vector; add data")
        size = len(first[0])
    if size > _WIDEST:
        raise DataError(
            f"column {quoted(name)} holds vectors of length {size}, and those up to {_WIDEST} can "
            "be read; give what they were made of as columns"
        )
    attributes = [one for some in noted.get("attrs", {}).values() for one in some]
    names = {one["idx"]: one.get("name") for one in attributes}
    places = tuple(f"{name}[{place}]" for place in range(size))
    own = tuple(names.get(place) or places[place] for place in range(size))
    return own if len(set(own)) == size and not taken & set(own) else places


def _refuse_twins(names: list[str]) -> None:
    """Refuse names that Spark does not tell apart, as it does not mind their case."""
    twins = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if twins:
        same = listed([quoted(name) for name in names if name.lower() == twins[0]])
        raise DataError(f"the table: {same} are one name to Spark; rename all but one of them")


def _arrow_type(kind: Any) -> Any:
    """Arrow's type of a column that can be read; None of another."""
    import pyarrow as pa

    word = kind.typeName()
    if word == "decimal":
        return pa.decimal128(kind.precision, kind.scale)
    return {
        "byte": pa.int8(),
        "short": pa.int16(),
        "integer": pa.int32(),
        "long": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "string": pa.string(),
        "char": pa.string(),
        "varchar": pa.string(),
        "void": pa.null(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", "UTC"),
        "timestamp_ntz": pa.timestamp("us"),
    }.get(word)
