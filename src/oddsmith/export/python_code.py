"""A fitted model as Python source that needs nothing but Python.

Names, labels and coefficients become literals, data and never code: text by `ascii`, which escapes
quotes, line ends and everything outside ASCII, floats by `repr`, which reads back to the same bits.
"""

from oddsmith.core.encoding import ColumnEncoding
from oddsmith.export.rule import LinearRule, plain_label

__all__ = ["python_source"]

_HEAD = '''\
"""Class probabilities by logistic regression, written by oddsmith. Needs Python 3.8 or newer."""

from math import exp, fsum, isfinite

# Names of the columns that a row must have.
COLUMNS = {columns}

CLASSES = {classes}

# Log-odds (nats) per unit of each column, and at 0.
COEFFICIENTS = {coefficients}

INTERCEPTS = {intercepts}


def margins(row):
    """Linear scores (nats) of a row: the log-odds of CLASSES[1], or one score for each class."""
    values = [float(row[name]) for name in COLUMNS]
    for name, value in zip(COLUMNS, values):
        if not isfinite(value):
            raise ValueError("column {{!r}} holds {{}}; give a finite number".format(name, value))
    found = []
    for weights, intercept in zip(COEFFICIENTS, INTERCEPTS):
        terms = [weight * value for weight, value in zip(weights, values)]
        if not all(map(isfinite, terms)):
            raise ValueError("the row is too far outside the data of the fit")
        found.append(fsum(terms + [intercept]))
    return found


def predict_proba(row):
    """Probability of each class of a row, a dict from column names to numbers."""
'''

_ENCODED_HEAD = '''\
"""Class probabilities by logistic regression, written by oddsmith. Needs Python 3.8 or newer."""

from math import exp, fsum, isfinite, isnan

# Names of the columns that a row must have.
COLUMNS = {columns}

CLASSES = {classes}

# How each column is encoded. Numbers and booleans: the first of the encoded columns, what stands
# for a missing value, and which column says that it was missing. Categories: which column each
# level has (-1 is the reference), that of other levels, and that of missing values. None where
# such values are refused.
ENCODINGS = {encodings}

# Log-odds (nats) per unit of each encoded column, and at 0.
COEFFICIENTS = {coefficients}

INTERCEPTS = {intercepts}


def encoded(row):
    """Encoded columns of a row that are not 0: pairs of place and value."""
    found = []
    for name, (kind, first, filling, indicator) in zip(COLUMNS, ENCODINGS):
        value = row[name]
        if value is None or (isinstance(value, float) and isnan(value)):
            if kind == "category" and indicator is not None:
                found.append((indicator, 1.0))
            elif kind != "category" and filling is not None:
                found.append((first, filling))
                if indicator is not None:
                    found.append((indicator, 1.0))
            else:
                raise ValueError("column {{!r}} holds {{}}; give a value".format(name, value))
        elif kind == "category":
            same = isinstance(value, str) == isinstance(next(iter(first)), str)
            place = first.get(value, filling) if same else None
            if place is None:
                raise ValueError(
                    "column {{!r}} holds {{!r}}, which the fit has not seen".format(name, value)
                )
            found.append((place, 1.0))
        else:
            number = float(value)
            if not isfinite(number):
                raise ValueError("column {{!r}} holds {{}}; not finite".format(name, value))
            if kind == "boolean" and number not in (0.0, 1.0):
                raise ValueError("column {{!r}} holds {{}}; give a boolean".format(name, value))
            found.append((first, number))
    return [(place, number) for place, number in found if place >= 0]


def margins(row):
    """Linear scores (nats) of a row: the log-odds of CLASSES[1], or one score for each class."""
    pairs = encoded(row)
    found = []
    for weights, intercept in zip(COEFFICIENTS, INTERCEPTS):
        terms = [weights[place] * number for place, number in pairs]
        if not all(map(isfinite, terms)):
            raise ValueError("the row is too far outside the data of the fit")
        found.append(fsum(terms + [intercept]))
    return found


def predict_proba(row):
    """Probability of each class of a row, a dict from column names to values."""
'''

# Both write exp of numbers that are not above 0, which cannot overflow.
_TWO = """\
    [margin] = margins(row)
    small = exp(-abs(margin))
    likely, unlikely = 1.0 / (1.0 + small), small / (1.0 + small)
    pair = (unlikely, likely) if margin >= 0.0 else (likely, unlikely)
    return dict(zip(CLASSES, pair))
"""
_MORE = """\
    scores = margins(row)
    most = max(scores)
    terms = [exp(score - most) for score in scores]
    total = fsum(terms)
    return dict(zip(CLASSES, [term / total for term in terms]))
"""


def python_source(rule: LinearRule) -> str:
    """Source text of a module with ``predict_proba(row)``, a dict of each class's probability.

    Parameters
    ----------
    rule : LinearRule

    Returns
    -------
    str
        Pure ASCII. It imports the module math alone.

    Examples
    --------
    >>> rule = LinearRule(("dose",), ("no", "yes"), ((2.0,),), (-1.0,))
    >>> space = {}
    >>> exec(python_source(rule), space)
    >>> space["predict_proba"]({"dose": 0.5})
    {'no': 0.5, 'yes': 0.5}
    """
    form = _HEAD if rule.plain else _ENCODED_HEAD
    head = form.format(
        encodings=_tuple([_encoding(rule, one, start) for _, one, start in rule.inputs()]),
        columns=_tuple([ascii(name) for name in rule.columns]),
        classes=_tuple([ascii(label) for label in rule.classes]),
        coefficients=_tuple([_tuple([repr(x) for x in row], "    ") for row in rule.coef]),
        intercepts=_tuple([repr(x) for x in rule.intercept]),
    )
    return head + (_TWO if len(rule.coef) == 1 else _MORE)


def _encoding(rule: LinearRule, one: ColumnEncoding, start: int) -> str:
    """Literal of a column's encoding, with places among all encoded columns."""

    def place(own: int | None) -> int | None:
        return own if own is None or own < 0 else start + own

    missing = place(one.missing_at)
    if one.kind != "category":
        return f"({one.kind!r}, {start}, {one.mean!r}, {missing})"
    places = zip(one.levels.tolist(), one.places.tolist(), strict=True)
    levels = "".join(f"            {plain_label(x)!a}: {place(at)},\n" for x, at in places)
    others = place(one.pooled_at) if rule.pools_unseen(one) else None
    lines = "'category',", f"{{\n{levels}        }},", f"{others},", f"{missing},"
    return "(\n" + "".join(f"        {line}\n" for line in lines) + "    )"


def _tuple(literals: list[str], indent: str = "") -> str:
    """Literals as a tuple, one a line: a reader sees them, and a change shows as one line."""
    lines = "".join(f"{indent}    {literal},\n" for literal in literals)
    return f"(\n{lines}{indent})"
