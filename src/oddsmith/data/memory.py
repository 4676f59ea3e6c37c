"""Rows in memory: NumPy arrays and SciPy sparse matrices, cut into blocks without a copy."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from oddsmith.core.block import Block
from oddsmith.core.loss import Labels
from oddsmith.core.stable import Array
from oddsmith.data.content import size_of

__all__ = ["MemoryBlocks", "memory_blocks"]

# Entries of a block: two megabytes as float64, so that it stays in cache, and NumPy's calls are
# long enough for threads to run beside each other. Sparse kernels make more temporaries.
_ENTRIES = 2**18
_SPARSE_ENTRIES = 2**16
_FEWEST_ROWS = 64
# Sparse entries of a block for each column, unless that left too few blocks for the threads.
_ENTRIES_A_COLUMN, _FEWEST_BLOCKS = 16, 8
# A strip of columns: long enough for BLAS to be at its fastest. A multiple of `_STRIPS` of them.
_STRIP_ENTRIES = 2**21
_STRIPS = 8
# A CSC matrix is searched as a whole for each block of rows, so there are not too many.
_MOST_CSC_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class MemoryBlocks:
    """Blocks of rows of arrays that are all in memory; boundaries depend on the shape alone.

    Attributes
    ----------
    X : ndarray, CSR or CSC of shape (n, p)
    y : integer array of shape (n,)
    weight : array of shape (n,)
    offset : array of shape (n,) or (n, K)
    rows : int
        Rows of a block.
    group : integer array of shape (n,), or None
        Cluster of each row; neither samples nor batches nor strips are told of it.
    """

    X: Any
    y: Labels
    weight: Array
    offset: Array
    rows: int
    group: Labels | None = None

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """Columns."""
        return int(self.X.shape[1])

    def __len__(self) -> int:
        return max(1, -(-self.n_rows // self.rows))

    def __getitem__(self, index: int) -> Block:
        rows: Any = slice(index * self.rows, (index + 1) * self.rows)
        weight, X = self.weight[rows], None
        if not weight.all():
            # Rows of weight 0 are left out, whatever they hold; one stays, as none is no block.
            first = index * self.rows
            rows = first + (np.flatnonzero(weight) if weight.any() else np.zeros(1, dtype=int))
            X = None if weight.any() else _row_of_zeros(self.X)
        return Block(
            _block_of(self.X, rows) if X is None else X,
            self.y[rows],
            self.weight[rows],
            self.offset[rows],
            None if self.group is None else self.group[rows],
        )

    def joined(self, run: range) -> Iterator[Block]:
        """Consecutive blocks as one, where no row has weight 0 and would have to be left out."""
        rows = slice(run[0] * self.rows, (run[-1] + 1) * self.rows)
        by_columns = getattr(self.X, "format", "csr") != "csr"
        if by_columns or not self.weight[rows].all():
            yield from (self[index] for index in run)
        else:
            X = _block_of(self.X, rows)
            group = None if self.group is None else self.group[rows]
            yield Block(X, self.y[rows], self.weight[rows], self.offset[rows], group)

    def sample(self, stride: int) -> "MemoryBlocks":
        """Every stride-th row; copied only where rows are not stored in one piece.

        Examples
        --------
        >>> memory_blocks(np.arange(10.0)[:, None], np.zeros(10)).sample(4).X.ravel()
        array([0., 4., 8.])
        """
        rows = slice(None, None, stride)
        X = self.X[rows]
        if not hasattr(X, "tocsr") and X.strides[1] != X.itemsize:
            X = X.copy(order="K")
        return MemoryBlocks(X, self.y[rows], self.weight[rows], self.offset[rows], self.rows)

    def __sizeof__(self) -> int:
        return size_of(self.X, self.y, self.weight, self.offset)

    def every(self, first: int, stride: int) -> Block | None:
        """Rows first, first + stride, ... in arrays of their own; None if there is none.

        Examples
        --------
        >>> memory_blocks(np.arange(10.0)[:, None], np.zeros(10)).every(1, 4).X.ravel()
        array([1., 5., 9.])
        """
        rows = np.arange(first, self.n_rows, stride)
        if not rows.size:
            return None
        return Block(_block_of(self.X, rows), self.y[rows], self.weight[rows], self.offset[rows])

    def labels(self) -> Labels:
        """Class of every row, of shape (n,)."""
        return self.y

    def with_labels(self, y: Labels, n_labels: int) -> "MemoryBlocks":
        """Give the same rows labels that carry more than the class: class + K * copy."""
        return replace(self, y=y)

    def strips(self) -> list[slice]:
        """All columns once, cut into slices; sparse columns are not cut."""
        n, p = self.X.shape
        if hasattr(self.X, "nnz"):
            return [slice(0, p)]
        count = _STRIPS * max(1, -(-n * p // (_STRIPS * _STRIP_ENTRIES)))
        width = max(1, -(-p // count))
        return [slice(i, min(i + width, p)) for i in range(0, max(p, 1), width)]

    def strip(self, columns: slice) -> Block:
        """Every row of positive weight, with some of the columns: no copy if all rows count.

        Examples
        --------
        >>> blocks = memory_blocks(np.eye(3), np.arange(3), np.array([1.0, 0.0, 2.0]))
        >>> blocks.strip(slice(1, 3)).X
        array([[0., 0.],
               [0., 1.]])
        """
        X = self.X.tocsr() if hasattr(self.X, "tocsr") else self.X[:, columns]
        if self.weight.all():
            return Block(X, self.y, self.weight, self.offset)
        rows = np.flatnonzero(self.weight)
        return Block(X[rows], self.y[rows], self.weight[rows], self.offset[rows])

    def batches(self, size: int, epoch: int, seed: int | None, /) -> Iterator[tuple[float, Block]]:
        """Every row of positive weight once, in batches, each with its share of those rows.

        The order comes from seed and epoch alone; with the seed None it is that of the rows.

        Examples
        --------
        >>> blocks = memory_blocks(np.arange(10.0)[:, None], np.zeros(10, dtype=np.int8))
        >>> [(share, batch.X.ravel().tolist()) for share, batch in blocks.batches(8, 0, None)][-1]
        (0.2, [8.0, 9.0])
        """
        order = np.flatnonzero(self.weight)
        if seed is not None:
            order = np.random.default_rng([seed, epoch]).permutation(order)
        # Rows of a CSC matrix can be found one at a time only by searching all of it.
        X = self.X.tocsr() if hasattr(self.X, "tocsr") else self.X
        for first in range(0, order.size, size):
            rows = order[first : first + size]
            block = Block(X[rows], self.y[rows], self.weight[rows], self.offset[rows])
            yield rows.size / order.size, block


def _row_of_zeros(X: Any) -> Any:
    """Row that stands for rows of weight 0: NaN times 0 would be NaN."""
    shape = (1, X.shape[1])
    return sp.csr_array(shape, dtype=X.dtype) if hasattr(X, "nnz") else np.zeros(shape, X.dtype)


def _block_of(X: Any, rows: Any) -> Any:
    """Rows of X: no copy if they are consecutive, which SciPy would make of sparse ones."""
    if not hasattr(X, "nnz"):
        return X[rows]
    if X.format != "csr" or not isinstance(rows, slice):
        return X[rows].tocsr()
    first, last, _ = rows.indices(X.shape[0])
    ends = X.indptr[first : last + 1]
    entries = slice(ends[0], ends[-1])
    own: Any = sp.csr_array((last - first, X.shape[1]), dtype=X.dtype)
    # Given to its constructor, views of much longer arrays would be copied.
    own.data, own.indices, own.indptr = X.data[entries], X.indices[entries], ends - ends[0]
    return own


def memory_blocks(
    X: Any,
    y: Labels,
    weight: Array | None = None,
    offset: Array | None = None,
    width: int = 1,
    group: Labels | None = None,
) -> MemoryBlocks:
    """Cut arrays into blocks.

    Parameters
    ----------
    X : ndarray, CSR or CSC of shape (n, p), float64 or float32
        Never copied, never converted as a whole.
    y : integer array of shape (n,)
        Class index.
    weight : array of shape (n,), optional
        1 for every row if not given, without storing so.
    offset : array of shape (n,) or (n, width), optional
        0 if not given, without storing so.
    width : int
        Margins a row.
    group : integer array of shape (n,), optional
        Cluster of each row.

    Examples
    --------
    >>> blocks = memory_blocks(np.zeros((5, 2)), np.zeros(5, dtype=np.int8))
    >>> len(blocks), blocks[0].X.shape, blocks[0].weight
    (1, (5, 2), array([1., 1., 1., 1., 1.]))
    """
    n = X.shape[0]
    shape = (n,) if width == 1 else (n, width)
    weight = np.broadcast_to(1.0, n) if weight is None else weight
    offset = np.broadcast_to(0.0, shape) if offset is None else offset
    return MemoryBlocks(X, y, weight, offset, _rows_of_a_block(X, width), group)


def _rows_of_a_block(X: Any, width: int) -> int:
    n, p = X.shape
    if not hasattr(X, "nnz"):
        return max(_FEWEST_ROWS, _ENTRIES // max(1, p + width))
    entries_a_row = X.nnz // max(1, n) + width + 1
    # Each block makes a gradient of length p: with many columns, blocks must be worth it.
    rows = max(_FEWEST_ROWS, _SPARSE_ENTRIES // entries_a_row, p // 16)
    rows = max(rows, min(_ENTRIES_A_COLUMN * p // entries_a_row, -(-n // _FEWEST_BLOCKS)))
    return rows if X.format == "csr" else max(rows, -(-n // _MOST_CSC_BLOCKS))
