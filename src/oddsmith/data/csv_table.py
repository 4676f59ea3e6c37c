"""A CSV file as a table of text in memory, each column turned into numbers or labels on demand.

Readers differ silently on missing values, blank lines, stray quotes and long numbers. Here all
cells are read as text first (pyarrow), and become numbers or labels by the rules of
`cells`, only for the columns that are asked for.

- The encoding is UTF-8, with or without a byte-order mark. The separator is a comma; where the
  header holds none, it is a semicolon, else a tab. Lines end in LF, CRLF or CR.
- Blanks around names, numbers and labels do not count. Blank lines count only inside the file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oddsmith.core.labels import Label, quoted
from oddsmith.core.stable import Array
from oddsmith.data.arrow_values import as_numpy, first_true
from oddsmith.data.cells import is_missing, number_problem, read_label
from oddsmith.data.csv_bytes import arrow_csv
from oddsmith.data.csv_records import CsvFile
from oddsmith.data.strict_csv import numbers_in, read_cells
from oddsmith.errors import DataError

__all__ = ["Table", "named_columns", "read_csv"]

_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a CSV file as text, each column turned into numbers or labels on demand.

    Attributes
    ----------
    source : str
        Name of the file, for messages.
    names : tuple of str
        Names of the p columns.
    lines : array of shape (n,)
        Line of the file on which each row starts; the header is line 1.
    columns : tuple of pyarrow.ChunkedArray
        p columns of n text cells, without blanks around them.
    """

    source: str
    names: tuple[str, ...]
    lines: np.ndarray[Any, np.dtype[np.int64]]
    columns: tuple[Any, ...]

    @property
    def n_rows(self) -> int:
        """Number of rows, the header not counted."""
        return len(self.lines)

    def text(self, name: str) -> list[str]:
        """Cells of one column, as they stand in the file but for blanks around them."""
        if name not in self.names:
            known = ", ".join(quoted(n) for n in self.names[:20])
            more = f" and {len(self.names) - 20} more" if len(self.names) > 20 else ""
            raise DataError(
                f"{self.source}: there is no column {quoted(name)}; "
                f"name one of its columns: {known}{more}"
            )
        return self.columns[self.names.index(name)].to_pylist()

    def numbers(self, names: tuple[str, ...]) -> Array:
        """Matrix of shape (n, p) of the columns `names`, which must hold finite numbers only.

        Raises
        ------
        DataError
            If a cell is missing or no number: the message names file, line and column.
        """
        matrix = np.empty((self.n_rows, len(names)))
        for j, name in enumerate(names):
            matrix[:, j] = self._number_column(name)
        return matrix

    def labels(self, name: str) -> list[Label]:
        """Class labels, one a row: whole numbers, numbers, true/false, or else text.

        A column is of one kind only. Text is kept as it stands, ``007``, ``True`` and ``1_0``
        included; ``true`` and ``false`` are booleans.

        Raises
        ------
        DataError
            If a label is missing: the message names file, line and column.
        """
        cells = self.text(name)
        kinds = {cell: read_label(cell) for cell in dict.fromkeys(cells)}
        if any(is_missing(cell) for cell in kinds):
            row = next(i for i, cell in enumerate(cells) if is_missing(cell))
            raise self._refusal(row, name, *number_problem(cells[row]))
        types = {type(value) for value in kinds.values()}
        if types == {int, float}:
            kinds = {cell: float(value) for cell, value in kinds.items()}
        elif len(types) > 1:
            return list(cells)
        return [kinds[cell] for cell in cells]

    def _number_column(self, name: str) -> Array:
        found, row = np.empty(self.n_rows), 0
        for cells in self.columns[self.names.index(name)].chunks:
            values, bad = numbers_in(cells)
            faults = [at for at in (bad, first_true(values.is_null())) if at is not None]
            if faults:
                at = min(faults)
                raise self._refusal(row + at, name, *number_problem(cells[at].as_py()))
            found[row : row + len(values)] = as_numpy(values)
            row += len(values)
        return found

    def _refusal(self, row: int, name: str, what: str, todo: str) -> DataError:
        if all(not cells[row].as_py() for cells in self.columns):
            return DataError(f"{self.source}: line {self.lines[row]} is blank; delete it")
        return DataError(
            f"{self.source}: line {self.lines[row]}, column {quoted(name)}: {what}; {todo}"
        )


def read_csv(path: str | Path, source: str | None = None) -> Table:
    r"""Read a CSV file with a header into a `Table`.

    Parameters
    ----------
    path : str or Path
    source : str, optional
        Name of the file in messages, `path` unless told.

    Raises
    ------
    DataError
        If the file cannot be read, or its rows are not all as long as its header; the message
        names the file and the line.
    MissingPackageError
        If pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "dose.csv")
    ...     _ = path.write_text("dose,alive\n0.5,yes\n1.5,no\n")
    ...     table = read_csv(path)
    >>> table.numbers(("dose",)).ravel(), table.labels("alive"), table.lines.tolist()
    (array([0.5, 1.5]), ['yes', 'no'], [2, 3])
    """
    source = str(path) if source is None else source
    arrow = arrow_csv()
    with CsvFile(Path(path), source) as file:
        names, lines, chunks = file.header.names, [], []
        for records in file.records(_BLOCK_BYTES):
            chunks.append(read_cells(records, file.header))
            lines.append(records.lines)
    if not chunks:
        raise DataError(f"{source}: there is a header but no row; add data below line 1")
    columns = tuple(arrow.chunked_array(list(column)) for column in zip(*chunks, strict=True))
    return Table(source, names, np.concatenate(lines), columns)


def named_columns(X: Array, names: tuple[str, ...]) -> Any:
    """Make a data frame (pyarrow Table) of X, of shape (n, p), so that a fit knows names.

    Examples
    --------
    >>> named_columns(np.eye(2), ("a", "b")).column_names
    ['a', 'b']
    """
    return arrow_csv().table({name: X[:, j] for j, name in enumerate(names)})
