"""What tells whether the rows of a part are the same when they are made again on another machine.

Sums over all rows show that a value has changed, and not that values have changed places: labels
drawn again for the same rows have the same counts. So bytes count, too, in their order: all of what
there is one of for each row, and of the columns those of some rows, so that it takes no time.
"""

from typing import Any

import numpy as np

__all__ = ["add_content", "size_of"]

# Entries of the columns whose bytes are looked at.
_ENTRIES = 2**18


def add_content(sums: Any, X: Any, *beside: Any) -> None:
    """Add rows to a sum of `hashlib`.

    Parameters
    ----------
    sums : hash object
    X : ndarray or CSR array of shape (n, p)
    *beside : arrays of shape (n,) or (n, K), or None
        What there is one of for each row.

    Examples
    --------
    >>> import hashlib
    >>> X, y, found = np.eye(2), np.array([0, 1]), set()
    >>> for rows in ((X, y), (X[::-1], y), (X, y[::-1])):
    ...     sums = hashlib.sha256()
    ...     add_content(sums, *rows)
    ...     found.add(sums.hexdigest())
    >>> len(found)
    3
    """
    sparse = hasattr(X, "tocsr")
    stride = 1 + (X.nnz if sparse else X.size) // _ENTRIES
    some = X[::stride]
    for own in (some.data, some.indices, some.indptr) if sparse else (some,):
        sums.update(np.ascontiguousarray(own).tobytes())
    for own in beside:
        if own is not None:
            sums.update(np.ascontiguousarray(own).tobytes())


def size_of(*arrays: Any) -> int:
    """Bytes in memory of arrays, dense or sparse, or None: what Dask goes by when memory is full.

    Examples
    --------
    >>> size_of(np.zeros(3), None, np.broadcast_to(1.0, 1000))
    24
    """
    flat: list[Any] = []
    for own in arrays:
        parts = (own.data, own.indices, own.indptr) if hasattr(own, "indptr") else (own,)
        flat += [part for part in parts if part is not None]
    # One number that stands for many has strides of 0.
    return sum(own.nbytes for own in flat if all(own.strides) or not own.size)
