"""How databases write names, numbers, text and booleans."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["DIALECTS", "Dialect"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a database writes names and values.

    Attributes
    ----------
    quote : callable
        Name to quoted identifier.
    string : callable
        Text to literal.
    column : str
        A quoted column as a double, NULL if it is none.
    flag : str
        A quoted column of booleans, or of the numbers 0 and 1, as a double.
    text : str
        A quoted column as text that is compared character by character, NULL if it is none.
    nan : str
        Whether a double is NaN; "" where there is no NaN.
    number : str
        17 digits as a double: not as a decimal, whose arithmetic would be another.
    longest : int
        Bytes of a name; longer ones would be cut, and could then name another column.
    folds_case : bool
        Whether quoted names that differ in case alone are the same.
    least, greatest : str
        Names of the functions.
    """

    quote: Callable[[str], str]
    string: Callable[[str], str]
    column: str
    flag: str
    text: str
    nan: str
    number: str
    longest: int
    folds_case: bool
    least: str = "LEAST"
    greatest: str = "GREATEST"

    def literal(self, value: float) -> str:
        """Double to literal."""
        # Never "--" or "- -": a literal stands behind a parenthesis or a quote alone.
        return "(" + self.number.format(f"{value:.16e}") + ")"


def _double_quotes(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _backticks(name: str) -> str:
    # SQLite takes a name in double quotes for a text if it is no column; in backticks never.
    return "`" + name.replace("`", "``") + "`"


def _escaped_backticks(name: str) -> str:
    for char, escape in (("\\", "\\\\"), ("`", "\\`"), ("\n", "\\n"), ("\r", "\\r")):
        name = name.replace(char, escape)
    return f"`{name}`"


def _doubled(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _escaped(text: str) -> str:
    for char, escape in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(char, escape)
    return f"'{text}'"


def _postgres_string(text: str) -> str:
    # A backslash means itself or not, by a setting of the server; in E'' it never does.
    return " E" + _doubled(text.replace("\\", "\\\\")) if "\\" in text else _doubled(text)


def _by_words(text: str, double: str) -> str:
    """Boolean as a double where it cannot be cast: by the word for it."""
    words = f"CAST({{0}} AS {text})"
    return f"CASE {words} WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE {double.format(words)} END"


# SQLite would cast a text that is no number to 0.
_SQLITE_COLUMN = "CASE WHEN typeof({0}) IN ('integer', 'real') THEN {0} END"
_NO_LIMIT = 2**31

DIALECTS: dict[str, Dialect] = {
    "duckdb": Dialect(
        quote=_double_quotes,
        string=_doubled,
        column="CAST({0} AS DOUBLE)",
        flag="CAST({0} AS DOUBLE)",
        text="CAST({0} AS VARCHAR)",
        nan="isnan({0})",
        number="{0}",
        longest=_NO_LIMIT,
        folds_case=True,
    ),
    "postgres": Dialect(
        quote=_double_quotes,
        string=_postgres_string,
        column="CAST({0} AS DOUBLE PRECISION)",
        flag=_by_words("TEXT", "CAST({0} AS DOUBLE PRECISION)"),
        text='CAST({0} AS TEXT) COLLATE "C"',
        nan="{0} = CAST('NaN' AS DOUBLE PRECISION)",
        number="CAST('{0}' AS DOUBLE PRECISION)",
        longest=63,
        folds_case=False,
    ),
    "sqlite": Dialect(
        quote=_backticks,
        string=_doubled,
        column=_SQLITE_COLUMN,
        flag=_SQLITE_COLUMN,
        # An expression is compared as its bytes are, whatever the collation of the column.
        text="CASE WHEN typeof({0}) = 'text' THEN {0} END",
        nan="",
        number="{0}",
        longest=_NO_LIMIT,
        folds_case=True,
        least="MIN",
        greatest="MAX",
    ),
    "bigquery": Dialect(
        quote=_escaped_backticks,
        string=_escaped,
        column="CAST({0} AS FLOAT64)",
        flag=_by_words("STRING", "SAFE_CAST({0} AS FLOAT64)"),
        text="COLLATE(CAST({0} AS STRING), '')",
        nan="IS_NAN({0})",
        number="{0}",
        longest=300,
        folds_case=True,
    ),
    "snowflake": Dialect(
        quote=_double_quotes,
        string=_escaped,
        column="CAST({0} AS DOUBLE)",
        flag=_by_words("VARCHAR", "TRY_CAST({0} AS DOUBLE)"),
        text="CAST({0} AS VARCHAR)",
        nan="{0} = CAST('NaN' AS DOUBLE)",
        number="CAST('{0}' AS DOUBLE)",
        longest=255,
        folds_case=False,
    ),
}
