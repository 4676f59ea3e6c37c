"""CSV files that must be refused, each with what the one line of refusal has to say.

All are fitted with ``--target y``: name -> (bytes, words of the message).
"""

ROWS = "".join(f"{0.5 * i + (i % 3)},{i * i % 7},{'no' if i % 2 else 'yes'}\n" for i in range(20))
GOOD = f"a,b,y\n{ROWS}"


def _with_row(row: str, header: str = "a,b,y") -> bytes:
    """Good rows with a bad one on line 7."""
    lines = ROWS.splitlines()
    return "\n".join([header, *lines[:5], row, *lines[5:], ""]).encode()


BAD: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "empty": (b"", ("is empty",)),
    "blank lines only": (b"\n\n\r\n", ("is empty",)),
    "byte-order mark only": (b"\xef\xbb\xbf", ("is empty",)),
    "header only": (b"a,b,y\n", ("no row",)),
    "header without line break": (b"a,b,y", ("no row",)),
    "no header": (ROWS.encode(), ("line 1", "header")),
    "blank first line": (b"\n" + GOOD.encode(), ("line 1", "blank")),
    "nameless column": (_with_row("1,2,no", "a,,y"), ("line 1", "column 2", "no name")),
    "blank name": (_with_row("1,2,no", "a,  ,y"), ("line 1", "column 2", "no name")),
    "duplicate name": (_with_row("1,2,no", "a,a,y"), ("line 1", "columns 1 and 2", '"a"')),
    "duplicate after trimming": (_with_row("1,2,no", "a, a,y"), ("line 1", '"a"')),
    "short row": (_with_row("1,no"), ("line 7", "2 cells", "3")),
    "long row": (_with_row("1,2,no,4"), ("line 7", "4 cells", "3")),
    "trailing separator": (_with_row("1,2,no,"), ("line 7", "4 cells")),
    "blank line inside": (_with_row(""), ("line 7", "blank")),
    "empty cells only": (_with_row(",,"), ("line 7", "blank")),
    "ragged after quoted line break": (
        b'a,b,y\n1,2,"n\no"\n1,2\n',
        ("line 4", "2 cells"),
    ),
    "missing value": (_with_row("1,,no"), ("line 7", '"b"', "missing")),
    "quoted missing value": (_with_row('1,"",no'), ("line 7", '"b"', "missing")),
    "NA": (_with_row("1,NA,no"), ("line 7", '"b"', '"NA"', "missing")),
    "nan": (_with_row("nan,1,no"), ("line 7", '"a"', '"nan"', "missing")),
    "null": (_with_row("1,null,no"), ("line 7", '"b"', "missing")),
    "missing label": (_with_row("1,2,"), ("line 7", '"y"', "missing")),
    "NA label": (_with_row("1,2,N/A"), ("line 7", '"y"', "missing")),
    "infinity": (_with_row("inf,2,no"), ("line 7", '"a"', "not finite")),
    "minus infinity": (_with_row("1,-Infinity,no"), ("line 7", '"b"', "not finite")),
    "overflow": (_with_row("1,1e999,no"), ("line 7", '"b"', "1.8e308")),
    "integer beyond 64 bits": (
        _with_row("1,9223372036854775808,no"),
        ("line 7", '"b"', "64 bits"),
    ),
    "integer of a thousand digits": (_with_row(f"1,{'9' * 1000},no"), ("line 7", "64 bits")),
    "text column": (_with_row("1,blue,no"), ("line 7", '"b"', '"blue"', "text")),
    "terminal escape": (_with_row("1,\x1b[31mred,no"), ("line 7", '"\\x1b[31mred"')),
    "underscore": (_with_row("1,1_000,no"), ("line 7", '"1_000"', "text")),
    "hexadecimal": (_with_row("1,0x1F,no"), ("line 7", '"0x1F"', "text")),
    "other digits": (_with_row("1,٣,no"), ("line 7", "text")),
    "leading zeros": (_with_row("1,007,no"), ("line 7", '"007"', "leading zeros")),
    "thousands separator": (_with_row('1,"1,000.5",no'), ("line 7", '"1,000.5"', "text")),
    "decimal comma": (
        GOOD.replace(",", ";").replace(".", ",").encode(),
        ("line 2", '"a"', "decimal comma"),
    ),
    "unterminated quote": (_with_row('1,2,"no'), ("line 7", "never closed")),
    "unterminated quote in header": (b'a,"b,y\n1,2,3\n', ("line 1", "never closed")),
    "text after quote": (_with_row('"1"x,2,no'), ("line 7", "closing quote")),
    "huge cell": (_with_row(f'1,2,"{"x" * 140_000}"'), ("line 7", "131072")),
    "bad UTF-8": (_with_row("1,2,no").replace(b"1,2,no", b"1,2,\xe9"), ("line 7", "0xe9", "UTF-8")),
    "UTF-16": (GOOD.encode("utf-16"), ("UTF-16",)),
    "zero byte": (_with_row("1,2,n\0o"), ("line 7", "zero byte")),
    "binary": (bytes(range(256)) * 8, ("line 1", "zero byte", "UTF-8")),
    "no target": (GOOD.replace("y\n", "z\n", 1).encode(), ('"y"', '"z"')),
    "target only": (b"y\n" + b"no\nyes\n" * 9, ("no column but the target",)),
    "one class": (b"a,y\n" + b"1,no\n2,no\n" * 9, ('"no"', "two classes")),
    "continuous target": (
        b"a,y\n" + b"".join(b"%d,%d.5\n" % (i, i) for i in range(150)),
        ("150 different numbers", "continuous"),
    ),
    "identifier as target": (
        b"a,y\n" + b"".join(b"%d,name %d\n" % (i, i) for i in range(9)),
        ("identifier",),
    ),
    "class of one row": (GOOD.encode() + b"1,2,rare\n", ("line 22", '"rare"', "--test-size 0")),
    "too few rows": (b"a,y\n1,no\n2,yes\n3,no\n4,yes\n", ("--test-size", "too few")),
}
