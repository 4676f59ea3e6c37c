"""One column of a table in SQL: when it can be scored, and what it adds to a margin."""

import math
from dataclasses import dataclass
from typing import Any

from oddsmith.core.encoding import ColumnEncoding
from oddsmith.core.labels import quoted
from oddsmith.errors import ParameterError
from oddsmith.export.sql_dialects import Dialect

__all__ = ["LARGEST", "SqlColumn"]

# Of columns and coefficients: some millions of products of two are within a double.
LARGEST = 1e150


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """A column, and how it is encoded.

    Attributes
    ----------
    words : Dialect
    name : str
    one : ColumnEncoding
    pools : bool
        Whether levels that the fit has not seen count as the pooled one.
    """

    words: Dialect
    name: str
    one: ColumnEncoding
    pools: bool

    @property
    def raw(self) -> str:
        """The quoted name."""
        return self.words.quote(self.name)

    @property
    def value(self) -> str:
        """The column as what it is compared or multiplied as; NULL where that cannot be."""
        kind = self._kind
        form = {"number": self.words.column, "boolean": self.words.flag, "text": self.words.text}
        return form[kind].format(self.raw)

    def sound(self) -> str:
        """Condition that is true where the column can be scored."""
        words, one = self.words, self.one
        if one.kind == "number":
            said = f"(ABS({self.value}) <= {words.literal(LARGEST)})"
        elif one.kind == "boolean":
            said = f"({self.value} IN ({words.literal(0.0)}, {words.literal(1.0)}))"
        elif self.pools:
            said = f"({self.value} IS NOT NULL)"
        else:
            said = f"({self.value} IN ({', '.join(map(self._literal, one.levels.tolist()))}))"
        return said if one.refuses_missing() else f"({self._absent} OR {said})"

    def term(self, coef: list[float]) -> str:
        """Write what the column adds to a margin.

        Parameters
        ----------
        coef : list of float
            Of the columns that it becomes (nats).

        Raises
        ------
        ParameterError
            If it would be beyond 1e150.
        """
        if self.one.kind == "category":
            return self._of_levels(coef)
        own = f"{self.words.literal(coef[0])} * {self.value}"
        if self.one.mean is None:
            return own
        filled = coef[0] * self.one.mean + (coef[1] if self.one.missing_at is not None else 0.0)
        if not abs(filled) <= LARGEST:
            raise ParameterError(
                f"the mean of column {quoted(self.name)} times its coefficient is {filled:g}, and "
                "databases would compute infinities; divide the column by a large number"
            )
        return f"CASE WHEN {self._absent} THEN {self.words.literal(filled)} ELSE {own} END"

    @property
    def _kind(self) -> str:
        if self.one.kind != "category":
            return self.one.kind
        level = self.one.levels[0]
        return "text" if isinstance(level, str) else (type(level) is bool and "boolean") or "number"

    @property
    def _absent(self) -> str:
        null = f"{self.raw} IS NULL"
        if self._kind == "text" or not self.words.nan:
            return f"({null})"
        return f"({null} OR {self.words.nan.format(self.value)})"

    def _literal(self, level: Any) -> str:
        if not isinstance(level, str):
            if not math.isfinite(float(level)):
                raise ParameterError(
                    f"column {quoted(self.name)} has the level {level}, which has no literal; "
                    "make text of it before the fit"
                )
            return self.words.literal(float(level))
        if "\0" in level or any("\ud800" <= char <= "\udfff" for char in level):
            raise ParameterError(
                f"column {quoted(self.name)} has the level {quoted(level)}, which holds a "
                "character that no database takes; rename it before the fit"
            )
        return self.words.string(level)

    def _of_levels(self, coef: list[float]) -> str:
        one = self.one
        # What no WHEN names: pooled levels, or else the reference.
        pooled = one.pooled_at is not None and one.pooled_at >= 0
        rest = coef[one.pooled_at] if pooled and one.pooled_at is not None else 0.0
        whens = [
            f"WHEN {self._literal(level)} THEN {self.words.literal(number)}"
            for level, place in zip(one.levels.tolist(), one.places.tolist(), strict=True)
            if (number := coef[place] if place >= 0 else 0.0) != rest
        ]
        known = self.words.literal(rest)
        if whens:
            known = f"CASE {self.value} {' '.join(whens)} ELSE {known} END"
        if one.missing_at is None:
            return known
        missing = self.words.literal(coef[one.missing_at])
        return f"CASE WHEN {self._absent} THEN {missing} ELSE {known} END"
