"""A summary of a model as text or HTML.

Names and labels come from strangers' files. In text they are never read as markup, and what a
terminal would obey is shown as an escape; in HTML everything is escaped by Jinja2.
"""

import io
from typing import TYPE_CHECKING, Any

from oddsmith.core.labels import printable
from oddsmith.views.tables import Page, Summary, TextTable, page_of

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["as_fragment", "as_html", "as_renderable", "as_text"]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ heading | printable }}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1, p { overflow-wrap: anywhere } .table { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse } caption { text-align: left; font-weight: bold }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ccc }
h1 { font-size: 1.4rem } .words { text-align: left; min-width: 8rem }
td { font-variant-numeric: tabular-nums }
.warning { border-left: .3rem solid #b45f06; padding-left: .7rem }
</style></head><body>
<h1>{{ heading | printable }}</h1>
{% for table in tables %}<div class="table"><table>
{%- if table.title != heading %}<caption>{{ table.title | printable }}</caption>{% endif %}
<thead><tr>
{%- for cell in table.headers %}
<th scope="col"{{ words if loop.index <= table.words else "" }}>{{ cell | printable }}</th>
{%- endfor %}</tr></thead>
<tbody>{% for row in table.rows %}
<tr>{% for cell in row -%}
<td{{ words if loop.index <= table.words else "" }}>{{ cell | printable }}</td>
{%- endfor %}</tr>{% endfor %}
</tbody></table></div>
{% endfor %}{% for note in notes %}<p>{{ note | printable }}</p>
{% endfor %}{% for text in warnings %}<p class="warning">Warning: {{ text | printable }}</p>
{% endfor %}</body></html>
"""

# Notebooks differ in how they align what has no style.
_FRAGMENT = """<div><p><strong>{{ heading | printable }}</strong></p>
{% for table in tables %}<table style="text-align: right; margin: 0 0 1em;
 border-collapse: separate; border-spacing: .8em .1em">
{%- if table.title != heading %}<caption>{{ table.title | printable }}</caption>{% endif %}
<thead><tr>
{%- for cell in table.headers %}
<th scope="col"{{ left if loop.index <= table.words else "" }}>{{ cell | printable }}</th>
{%- endfor %}</tr></thead>
<tbody>{% for row in table.rows %}
<tr>{% for cell in row -%}
<td{{ left if loop.index <= table.words else "" }}>{{ cell | printable }}</td>
{%- endfor %}</tr>{% endfor %}
</tbody></table>
{% endfor %}{% for note in notes %}<p>{{ note | printable }}</p>
{% endfor %}{% for text in warnings %}<p><strong>Warning:</strong> {{ text | printable }}</p>
{% endfor %}</div>"""


def _page(shown: Summary | Page) -> Page:
    return shown if isinstance(shown, Page) else page_of(shown)


def as_renderable(summary: Summary | Page, limit: int | None = None) -> "Group":
    """Tables and notes for a rich console, with at most `limit` rows in a table."""
    from rich.console import Group
    from rich.text import Text

    page = _page(summary)
    parts: list[Any] = []
    for table in page.tables:
        parts += [Text(printable(table.title), "bold"), _rich_table(table, limit)]
        if limit is not None and len(table.rows) > limit:
            parts.append(Text(f"  ... and {len(table.rows) - limit} rows more"))
        parts.append(Text())
    parts += [Text(printable(note)) for note in page.notes]
    parts += [Text(f"Warning: {printable(text)}", "yellow") for text in page.warnings]
    return Group(*parts)


def _rich_table(table: TextTable, limit: int | None) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Text is shown as it stands; a bare string would be read as markup.
    shown = Table(box=box.SIMPLE_HEAD)
    shown.show_edge = False
    for j, header in enumerate(table.headers):
        shown.add_column(
            Text(header), justify="left" if j < table.words else "right", overflow="fold"
        )
    for row in table.rows[:limit]:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    return shown


def as_text(summary: Summary | Page, limit: int | None = None) -> str:
    """Summary as plain text, as wide as it needs to be.

    Examples
    --------
    >>> from oddsmith.export.provenance import Certificate, Training
    >>> from oddsmith.export.schema import plain_model
    >>> from oddsmith.views.tables import summarise
    >>> fit = Training(rows=2, C=1.0, solver="newton", iterations=3, passes=4)
    >>> proof = Certificate(0.5, 2e-17, 1e-12, True)
    >>> model = plain_model(("dose",), ("no", "yes"), "alive", [[0.5]], [-1.0], fit, proof)
    >>> print(as_text(summarise(model)))
    Log-odds that "alive" is "yes", not "no"
     column        coefficient   odds ratio
    ────────────────────────────────────────
     dose                  0.5      1.64872
     (intercept)            -1
    <BLANKLINE>
    Objective 0.5 nats per unit of weight, fitted to 2 rows with C = 1.
    Proved: no coefficients give an objective lower by more than 2e-17 nats per unit of weight.
    Converged: newton, 3 iterations, 4 passes over the rows, asked for a gap of 1e-12.
    """
    from rich.console import Console

    file = io.StringIO()
    console = Console(file=file, width=100_000, color_system=None, force_terminal=False)
    console.print(as_renderable(summary, limit))
    return "\n".join(line.rstrip() for line in file.getvalue().rstrip().splitlines())


def as_html(summary: Summary | Page) -> str:
    """Summary as an HTML page that holds no script and loads nothing.

    Examples
    --------
    >>> from oddsmith.export.schema import plain_model
    >>> from oddsmith.views.tables import summarise
    >>> model = plain_model(("<b>",), ("no", "yes"), "alive", [[0.5]], [-1.0])
    >>> "<b>" in as_html(summarise(model)), "&lt;b&gt;" in as_html(summarise(model))
    (False, True)
    """
    return _rendered(_PAGE, _page(summary))


def as_fragment(page: Page) -> str:
    """Page as a piece of HTML for a notebook, without script or style sheet.

    Examples
    --------
    >>> print(as_fragment(Page("<b>", (), (), ("a & b",))))
    <div><p><strong>&lt;b&gt;</strong></p>
    <p><strong>Warning:</strong> a &amp; b</p>
    </div>
    """
    return _rendered(_FRAGMENT, page)


def _rendered(template: str, page: Page) -> str:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["printable"] = printable
    return environment.from_string(template).render(
        heading=page.title,
        words=Markup(' class="words"'),
        left=Markup(' style="text-align: left"'),
        tables=page.tables,
        notes=page.notes,
        warnings=page.warnings,
    )
