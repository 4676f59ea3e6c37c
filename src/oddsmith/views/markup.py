"""A page of tables as LaTeX or Markdown.

Names come from strangers' files: whatever would be read as markup is escaped, and characters that
would be obeyed are shown as escapes, as in text and HTML.
"""

import re

from oddsmith.core.labels import printable
from oddsmith.views.tables import Page, TextTable

__all__ = ["as_latex", "as_markdown"]

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    # Brackets would be an optional argument of a line break before them.
    "[": "{[}",
    "]": "{]}",
}
_LATEX_SPECIAL = re.compile("|".join(map(re.escape, _LATEX)))
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$])")


def _latex(text: str) -> str:
    return _LATEX_SPECIAL.sub(lambda found: _LATEX[found[0]], printable(text))


def _markdown(text: str) -> str:
    safe = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN_SPECIAL.sub(r"\\\1", safe)


def as_latex(page: Page) -> str:
    r"""Page as LaTeX: a `tabular` for each table, with horizontal lines that need no package.

    Examples
    --------
    >>> page = Page("Odds", (TextTable("Odds", ("column", "p"), (("a_b", "0.1"),)),), (), ())
    >>> print(as_latex(page))
    \begin{tabular}{lr}
    \hline
    column & p \\
    \hline
    a\_b & 0.1 \\
    \hline
    \end{tabular}
    """
    parts: list[str] = []
    for table in page.tables:
        if table.title != page.title:
            parts.append(_latex(table.title) + "\n")
        parts.append(_tabular(table))
    parts += [_latex(note) + "\n" for note in page.notes]
    parts += [rf"\textbf{{Warning:}} {_latex(text)}" + "\n" for text in page.warnings]
    return "\n".join(parts).rstrip()


def _tabular(table: TextTable) -> str:
    kinds = "l" * table.words + "r" * (len(table.headers) - table.words)
    rows = [" & ".join(map(_latex, row)) + r" \\" for row in table.rows]
    head = " & ".join(map(_latex, table.headers)) + r" \\"
    begin, line, end = rf"\begin{{tabular}}{{{kinds}}}", r"\hline", r"\end{tabular}"
    return "\n".join([begin, line, head, line, *rows, line, end, ""])


def as_markdown(page: Page) -> str:
    r"""Page as Markdown, its tables in the form that GitHub and Pandoc read.

    Examples
    --------
    >>> page = Page("Odds", (TextTable("Odds", ("column", "p"), (("a|b", "0.1"),)),), (), ())
    >>> print(as_markdown(page))
    **Odds**
    <BLANKLINE>
    | column | p |
    | :--- | ---: |
    | a\|b | 0.1 |
    """
    parts = [f"**{_markdown(page.title)}**", ""]
    for table in page.tables:
        if table.title != page.title:
            parts += [_markdown(table.title), ""]
        rule = [":---"] * table.words + ["---:"] * (len(table.headers) - table.words)
        rows = [[*map(_markdown, row)] for row in table.rows]
        lines = [[*map(_markdown, table.headers)], rule, *rows]
        parts += [f"| {' | '.join(line)} |" for line in lines] + [""]
    for note in page.notes:
        parts += [_markdown(note), ""]
    for text in page.warnings:
        parts += [f"**Warning:** {_markdown(text)}", ""]
    return "\n".join(parts).rstrip()
