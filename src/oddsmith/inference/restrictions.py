"""Linear restrictions R b = r on the parameters, from names, equations or matrices.

A column's name stands for its coefficient in every equation: one for two classes, K - 1 for K. A
single one of those is the pair (label, name).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from oddsmith.core.labels import printable, quoted
from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError
from oddsmith.inference.likelihood import Likelihood
from oddsmith.solvers.restricted import Plane

__all__ = ["Restriction", "restriction"]

_NUMBER = re.compile(r"\d+(\.\d*)?([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?")
_SIGNS = "=+-*/,"
# What a formula writes behind a term for each of its columns.
_LEVEL = re.compile(r"\[[^\[\]]*\]")


@dataclass(frozen=True)
class Restriction:
    """R b = r, with linearly independent rows.

    Attributes
    ----------
    matrix : array of shape (d, m)
        R, in the order of `Likelihood.parameter_names`.
    value : array of shape (d,)
        r.
    text : str
        The hypothesis in words.
    rows : tuple of str
        The same of each row.
    """

    matrix: Array
    value: Array
    text: str
    rows: tuple[str, ...]

    @property
    def df(self) -> int:
        """Degrees of freedom: how many restrictions."""
        return len(self.value)


def restriction(likelihood: Likelihood, given: Any) -> Restriction:
    """Read a restriction.

    Parameters
    ----------
    likelihood : Likelihood
    given : str, list, array, tuple (R, r) or Restriction
        - "gre", or ["gre", "gpa"]: these columns' coefficients are 0, in every equation; the name
          of a categorical term, "C(rank)", is all of its columns;
        - [("b", "gre")]: the one coefficient of the class "b";
        - "gre = 2 * gpa, rank = 0" or a list of such: linear equations, in every equation;
        - R of shape (d, m) or (m,), or (R, r).

    Raises
    ------
    ParameterError
        If it names what is not there, does not fit, or says the same twice.
    """
    if isinstance(given, Restriction):
        return given
    if isinstance(given, np.ndarray):
        given = (given, 0.0)
    if isinstance(given, tuple) and len(given) == 2 and not isinstance(given[0], str):
        found = _from_matrix(likelihood, *given)
    else:
        if not isinstance(given, str | list | tuple):
            raise ParameterError(
                f"restrictions={given!r} cannot be read; give a column's name, a list of such, "
                "equations, or a matrix."
            )
        whole = [given] if isinstance(given, str) else list(given)
        parts = [part for item in whole for part in _read(likelihood, item)]
        if not parts:
            raise ParameterError("there is nothing to test; name one column or more.")
        found = Restriction(
            np.vstack([row for row, _, _ in parts]),
            np.array([value for _, value, _ in parts]),
            ", ".join(dict.fromkeys(text for _, _, text in parts)),
            tuple(text for _, _, text in parts),
        )
    # By the sizes of the parameters' own units.
    if Plane.of(found.matrix @ likelihood.contrast) is None:
        raise ParameterError(
            f"the restrictions ({found.text}) are linearly dependent: one says what the others "
            "do, or nothing at all; leave it out."
        )
    return found


_Row = tuple[Array, float, str]


def _from_matrix(likelihood: Likelihood, matrix: Any, value: Any) -> Restriction:
    R = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
    m = len(likelihood.parameter_names)
    if R.ndim != 2 or R.shape[1] != m or not np.isfinite(R).all():
        raise ParameterError(
            f"the restriction matrix has the shape {R.shape}; give finite numbers, a row for each "
            f"restriction and a column for each of the {m} parameters: "
            f"{_listed(likelihood.parameter_names)}."
        )
    try:
        r = np.broadcast_to(np.asarray(value, dtype=np.float64).ravel(), len(R)).copy()
    except ValueError:
        raise ParameterError(
            f"the restrictions have {np.size(value)} values and {len(R)} rows; give one for each."
        ) from None
    text = f"{len(R)} linear restriction{'s' if len(R) > 1 else ''}"
    return Restriction(R, r, text, tuple(f"c{j}" for j in range(len(R))))


def _read(likelihood: Likelihood, item: Any) -> Iterator[_Row]:
    if isinstance(item, tuple):
        yield from _single(likelihood, item)
        return
    if not isinstance(item, str):
        raise ParameterError(f"a restriction is {item!r}; give a column's name, or an equation.")
    columns = likelihood.column_names
    own = _columns_named(columns, item)
    if own:
        for j in own:
            row = np.zeros(len(columns))
            row[j] = 1.0
            yield from _everywhere(likelihood, row, 0.0, f"{columns[j]} = 0")
    elif "=" in item:
        for row, value, text in _Equations(item, columns).read():
            yield from _everywhere(likelihood, row, value, text)
    else:
        raise _unknown(item, columns)


def _columns_named(columns: tuple[str, ...], name: str) -> list[int]:
    """Places of a column, or of all columns of a term, but not of its interactions."""
    if name in columns:
        return [_place(columns, name)]
    return [j for j, column in enumerate(columns) if _LEVEL.sub("", column) == name]


def _place(columns: tuple[str, ...], name: str) -> int:
    if columns.count(name) > 1:
        raise ParameterError(
            f"{columns.count(name)} coefficients are called {quoted(name)}; rename the column, or "
            "give a matrix of restrictions."
        )
    return columns.index(name)


def _everywhere(likelihood: Likelihood, row: Array, value: float, text: str) -> Iterator[_Row]:
    """Impose a restriction of one equation's parameters on every equation."""
    q, equations = len(row), likelihood.n_equations
    for k in range(equations):
        whole = np.zeros(q * equations)
        whole[k * q : (k + 1) * q] = row
        yield whole, value, text


def _single(likelihood: Likelihood, pair: tuple[Any, ...]) -> Iterator[_Row]:
    labels, columns = likelihood.classes[1:], likelihood.column_names
    if len(pair) != 2 or pair[0] not in labels:
        raise ParameterError(
            f"{pair!r} is no parameter; give a pair (label, column) with one of the labels "
            f"{_listed(labels)}; {likelihood.classes[0]!r} is what they are compared to."
        )
    if pair[1] not in columns:
        raise _unknown(str(pair[1]), columns)
    row = np.zeros(len(likelihood.parameter_names))
    row[labels.index(pair[0]) * len(columns) + _place(columns, pair[1])] = 1.0
    yield row, 0.0, f"{pair[1]} of {pair[0]} = 0"


class _Equations:
    """A reader of "2 * a - b = 3, c = d = 0": left to right, one token at a time.

    Names are found by looking for the longest that fits, so that they may hold any sign.
    """

    def __init__(self, text: str, columns: tuple[str, ...]) -> None:
        self.text, self.columns = text, columns
        self.names = sorted(columns, key=len, reverse=True)
        self.at = 0

    def read(self) -> Iterator[_Row]:
        """Rows, values and texts of all equations."""
        while self.at < len(self.text):
            begin = self.at
            sides = [self._side()]
            while self._take("="):
                sides.append(self._side())
            if len(sides) < 2:
                raise self._error("has no '='")
            text = " ".join(self.text[begin : self.at].split())
            for left, right in pairwise(sides):
                row = left - right
                yield row[:-1], -float(row[-1]), text
            if not self._take(",") and self.at < len(self.text):
                raise self._error(f"has {self.text[self.at :]!r} where a ',' could be")

    def _side(self) -> Array:
        """Sum of terms: coefficients of the columns, the constant last."""
        total = self._term(-1.0 if self._take("-") else 1.0)
        while True:
            if self._take("+"):
                total = total + self._term(1.0)
            elif self._take("-"):
                total = total + self._term(-1.0)
            else:
                return total

    def _term(self, sign: float) -> Array:
        term = sign * self._factor()
        while True:
            if self._take("*"):
                other = self._factor()
                if term[:-1].any() and other[:-1].any():
                    raise self._error("multiplies two coefficients, which is not linear")
                term = term * other[-1] if term[:-1].any() else other * term[-1]
            elif self._take("/"):
                other = self._factor()
                if other[:-1].any() or other[-1] == 0.0:
                    raise self._error("divides by what is no number, or 0")
                term = term / other[-1]
            else:
                return term

    def _factor(self) -> Array:
        self._skip()
        found = np.zeros(len(self.columns) + 1)
        for name in self.names:
            if name and self.text.startswith(name, self.at) and self._ends(self.at + len(name)):
                self.at += len(name)
                found[_place(self.columns, name)] = 1.0
                return found
        number = _NUMBER.match(self.text, self.at)
        if number is None:
            rest = re.split(f"[{re.escape(_SIGNS)}]", self.text[self.at :])[0].strip()
            if rest:
                raise _unknown(rest, self.columns)
            raise self._error("ends too early" if self.at == len(self.text) else "has two signs")
        self.at = number.end()
        found[-1] = float(number.group())
        if not np.isfinite(found[-1]):
            raise self._error(f"has {number.group()}, which is beyond the floats")
        return found

    def _ends(self, place: int) -> bool:
        """Whether a name can end here: not in the middle of a longer word."""
        rest = self.text[place:].lstrip()
        return not rest or rest[0] in _SIGNS

    def _take(self, sign: str) -> bool:
        self._skip()
        there = self.text.startswith(sign, self.at)
        self.at += len(sign) if there else 0
        return there

    def _skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def _error(self, what: str) -> ParameterError:
        return ParameterError(
            f"the restriction {self.text!r} {what}; write for example 'a = 0, b = 2 * c'."
        )


def _unknown(name: str, columns: Iterable[str]) -> ParameterError:
    return ParameterError(
        f"there is no coefficient of {quoted(name)}; there are those of {_listed(columns)}."
    )


def _listed(names: Iterable[Any]) -> str:
    shown = [printable(str(name)) for name in names]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
