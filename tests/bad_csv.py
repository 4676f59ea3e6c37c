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
    "zero byte": (_with_row("1,2,n\0o"), ("line 7, character 6", "zero byte")),
    "binary": (bytes(range(256)) * 8, ("line 1", "zero byte", "UTF-8")),
    "quoted infinity": (_with_row('1,"inf",no'), ("line 7", '"b"', "not finite")),
    "minus overflow": (_with_row("-1e999,2,no"), ("line 7", '"a"', "1.8e308")),
    "integer below 64 bits": (
        _with_row("-9223372036854775809,2,no"),
        ("line 7", '"a"', "64 bits"),
    ),
    "signed leading zeros": (_with_row("-007,2,no"), ("line 7", '"-007"', "leading zeros")),
    "quoted leading zeros": (_with_row('"00",2,no'), ("line 7", '"00"', "leading zeros")),
    "leading zeros behind blanks": (_with_row("1,  01,no"), ("line 7", '"01"', "leading zeros")),
    "leading zeros behind a point": (_with_row("1,00.5,no"), ("line 7", '"00.5"', "leading")),
    "leading zeros, semicolons": (
        _with_row("1,2,no\n1,007,no").replace(b",", b";"),
        ("line 8", '"007"', "leading zeros"),
    ),
    "leading zeros in the first cell": (b"a,b,y\n01,2,no\n1,2,yes\n", ("line 2", '"a"', '"01"')),
    "half a number": (_with_row("1,1e,no"), ("line 7", '"1e"', "text")),
    "lone sign": (_with_row("-,2,no"), ("line 7", '"a"', '"-"', "text")),
    "lone point": (_with_row("1,.,no"), ("line 7", '"b"', '"."', "text")),
    "blank within a number": (_with_row("1,1 000,no"), ("line 7", '"1 000"', "text")),
    "percent": (_with_row("1,5%,no"), ("line 7", '"5%"', "text")),
    "not a number with words": (_with_row("1,nan(1),no"), ("line 7", '"nan(1)"', "text")),
    "formula": (_with_row("1,=1+1,no"), ("line 7", '"=1+1"', "text")),
    "two blank lines inside": (_with_row("\n"), ("line 7", "blank")),
    "blank line at the top": (GOOD.replace("y\n", "y\n\n", 1).encode(), ("line 2", "blank")),
    "short row at the end": (GOOD.encode() + b"1,2", ("line 22", "2 cells")),
    "short row, CR": (_with_row("1,no").replace(b"\n", b"\r"), ("line 7", "2 cells")),
    "short row, CRLF": (_with_row("1,no").replace(b"\n", b"\r\n"), ("line 7", "2 cells")),
    "long row, semicolons": (
        _with_row("1,2,no,4").replace(b",", b";"),
        ("line 7", "4 cells", "quote cells"),
    ),
    "long row after umlauts": (
        "a,b,y\n1,2,größe\n1,2,größe,4\n".encode(),
        ("line 3", "4 cells"),
    ),
    "text after quoted line breaks": (
        b'a,b,y\n1,2,"n\r\n\r\no"\nblue,2,no\n',
        ("line 5", '"a"', '"blue"'),
    ),
    "text before a short row": (
        _with_row("blue,2,no\n1,2"),
        ("line 8", "2 cells"),
    ),
    "stray quote": (_with_row('1,2,"n"o"'), ("line 7", "closing quote")),
    "blank after a quote": (_with_row('"1" ,2,no'), ("line 7", "closing quote")),
    "huge cell without quotes": (_with_row(f"1,2,{'x' * 140_000}"), ("line 7", "131072")),
    "half a character": (
        _with_row("1,2,\u20ac").replace(b"\xac", b""),
        ("line 7", "0xe2", "UTF-8"),
    ),
    "half a character at the end": (GOOD.encode() + b"1,2,\xe2\x82", ("line 22", "0xe2")),
    "Latin-1 header": ("größe,b,y\n1,2,no\n".encode("latin-1"), ("line 1", "0xf6", "UTF-8")),
    "zero byte at the end": (GOOD.encode() + b"\0", ("line 22", "zero byte")),
    "UTF-16 without mark": (GOOD.encode("utf-16-le"), ("line 1", "zero byte")),
    "gzip": (
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x03\x00",
        ("data.csv",),
    ),
    "nameless only column": (b" \n1\n2\n", ("line 1", "column 1", "no name")),
    "quoted empty name": (_with_row("1,2,no", 'a,"",y'), ("line 1", "column 2", "no name")),
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

# What only a fit can refuse: the cells themselves are in order.
FIT_ONLY = {
    "no target",
    "target only",
    "one class",
    "continuous target",
    "identifier as target",
    "class of one row",
    "too few rows",
}
# What the streamed reader gives as nulls, for its caller to refuse or fill.
STREAMED = {
    "missing value",
    "quoted missing value",
    "NA",
    "nan",
    "null",
    "missing label",
    "NA label",
}
