"""A summary of a model as text or HTML.

Names and labels come from strangers' files. In text they are never read as markup, and what a
terminal would obey is shown as an escape; in HTML everything is escaped by Jinja2.
"""

import io
from typing import TYPE_CHECKING, Any

from oddsmith.core.labels import printable
from oddsmith.views.tables import Summary, TextTable, heading, text_tables

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["as_html", "as_renderable", "as_text"]

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


def as_renderable(summary: Summary, limit: int | None = None) -> "Group":
    """Tables and notes for a rich console, with at most `limit` rows in a table."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = []
    for table in text_tables(summary):
        parts += [Text(table.title, "bold"), _rich_table(table, limit)]
        if limit is not None and len(table.rows) > limit:
            parts.append(Text(f"  ... and {len(table.rows) - limit} rows more"))
        parts.append(Text())
    parts += [Text(printable(note)) for note in summary.notes]
    parts += [Text(f"Warning: {printable(text)}", "yellow") for text in summary.warnings]
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


def as_text(summary: Summary, limit: int | None = None) -> str:
    """Summary as plain text, as wide as it needs to be.

    Examples
    --------
    >>> from oddsmith.export.schema import Model, Training
    >>> from oddsmith.views.tables import summarise
    >>> fit = Training(2, 2.0, 1.0, "newton", 1e-12, 3, 4, 0.5, 2e-17, True, ())
    >>> model = Model(("dose",), ("no", "yes"), "alive", [[0.5]], [-1.0], fit)
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


def as_html(summary: Summary) -> str:
    """Summary as an HTML page that holds no script and loads nothing.

    Examples
    --------
    >>> from oddsmith.export.schema import Model, Training
    >>> from oddsmith.views.tables import summarise
    >>> fit = Training(2, 2.0, 1.0, "newton", 1e-12, 3, 4, 0.5, 2e-17, True, ())
    >>> model = Model(("<b>",), ("no", "yes"), "alive", [[0.5]], [-1.0], fit)
    >>> "<b>" in as_html(summarise(model)), "&lt;b&gt;" in as_html(summarise(model))
    (False, True)
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["printable"] = printable
    return environment.from_string(_PAGE).render(
        heading=heading(summary),
        words=Markup(' class="words"'),
        tables=text_tables(summary),
        notes=summary.notes,
        warnings=summary.warnings,
    )
