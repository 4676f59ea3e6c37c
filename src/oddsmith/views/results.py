"""An inference as tables: coefficients with their errors, how well the model fits, what is proved.

Data first, then rendering: text, HTML, LaTeX and Markdown are made of one `Page`.
"""

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from oddsmith.core.labels import label_text, quoted
from oddsmith.data.frames import frame_of
from oddsmith.inference.effects import At, MarginalEffects, Method
from oddsmith.inference.result import Inference
from oddsmith.inference.tails import log_normal_tails
from oddsmith.views.markup import as_latex, as_markdown
from oddsmith.views.summary import as_fragment, as_text
from oddsmith.views.tables import Page, TextTable, number_text, ratio_text

if TYPE_CHECKING:
    from oddsmith.core.stable import Array

__all__ = ["MarginalResults", "Results", "Shown", "p_text", "page_of_inference"]

_KINDS = {
    "nonrobust": "the information matrix (nonrobust)",
    "HC0": "the spread of the scores (HC0, robust to a wrong variance)",
    "HC1": "the spread of the scores (HC1, robust to a wrong variance)",
    "HC2": "the spread of the scores (HC2, robust to a wrong variance)",
    "HC3": "the spread of the scores (HC3, robust to a wrong variance)",
    "cluster": "the spread of the scores summed by cluster",
}


def p_text(log_p: float) -> str:
    """P value from its logarithm (nats), with its exponent however small it is.

    Examples
    --------
    >>> p_text(math.log(0.0312345)), p_text(-2000.0), p_text(math.nan)
    ('0.0312', '2.58e-869', 'NA')
    """
    if math.isnan(log_p):
        return "NA"
    if log_p > -600.0:
        return f"{math.exp(log_p):.3g}"
    if math.isinf(log_p):
        return "0"
    exponent = math.floor(log_p / math.log(10.0))
    digits = f"{math.exp(log_p - exponent * math.log(10.0)):.3g}"
    return f"{digits}e{exponent}"


def _text(value: float, digits: int = 6) -> str:
    return "NA" if math.isnan(value) else number_text(value, digits)


def page_of_inference(inference: Inference, alpha: float = 0.05) -> Page:
    """All that a summary of an inference shows.

    Parameters
    ----------
    inference : Inference
    alpha : float
        Intervals are of level 1 - alpha.
    """
    tables = (_coefficients(inference, alpha), _measures(inference))
    return Page(_title(inference), tables, _notes(inference), inference.warnings)


def _title(inference: Inference) -> str:
    labels = [quoted(label_text(_plain(label))) for label in inference.classes]
    if len(labels) == 2:
        return f"Log-odds that {quoted(inference.target)} is {labels[1]}, not {labels[0]}"
    return f"Log-odds of {quoted(inference.target)} against {labels[0]}"


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _columns_of(inference: Inference, alpha: float) -> dict[str, Any]:
    """Columns of the table of coefficients, as data: names, and arrays of shape (m,)."""
    several = len(inference.classes) > 2
    classes = [label_text(_plain(label)) for label in inference.equations]
    interval = inference.conf_int(alpha)
    numbers: dict[str, Array] = {
        "coefficient": inference.params,
        "odds ratio": inference.odds_ratios,
        "std. error": inference.bse,
        "z": inference.tvalues,
        "p": inference.pvalues,
        f"{100 * alpha / 2:.4g}%": interval[:, 0],
        f"{100 - 100 * alpha / 2:.4g}%": interval[:, 1],
    }
    first: dict[str, Any] = {"class": classes} if several else {}
    return first | {"column": list(inference.names)} | numbers


def _coefficients(inference: Inference, alpha: float) -> TextTable:
    table = _columns_of(inference, alpha)
    words = 1 + ("class" in table)
    shown: list[list[str]] = []
    first = inference.likelihood.objective.design.intercept
    q = len(inference.column_names)
    for header, values in list(table.items())[words:]:
        if header == "p":
            shown.append([p_text(float(value)) for value in inference.log_pvalues])
        elif header == "odds ratio":
            # exp of an intercept is odds, no ratio of them.
            cells = ["NA" if math.isnan(value) else ratio_text(float(value)) for value in values]
            shown.append(["" if first and j % q == 0 else cell for j, cell in enumerate(cells)])
        else:
            shown.append([_text(float(value), 4 if header == "z" else 6) for value in values])
    rows = zip(*list(table.values())[:words], *shown, strict=True)
    return TextTable(_title(inference), tuple(table), tuple(rows), words)


def _measures(inference: Inference) -> TextTable:
    likelihood = inference.likelihood
    pseudo = "pseudo " if likelihood.weights == "sampling" else ""
    rows = [
        ("observations", _text(inference.nobs, 15)),
        ("degrees of freedom: model", _text(inference.df_model, 15)),
        ("degrees of freedom: residual", _text(inference.df_resid, 15)),
        (f"{pseudo}log-likelihood (nats)", _text(inference.llf, 9)),
        ("the same of the intercept alone", _text(inference.llnull, 9)),
        ("likelihood ratio, 2 times the difference", _text(inference.llr)),
        ("p of the likelihood ratio", p_text(inference.llr_log_pvalue)),
        ("McFadden's pseudo R squared", _text(inference.prsquared)),
        ("AIC", _text(inference.aic, 9)),
        ("BIC", _text(inference.bic, 9)),
    ]
    return TextTable("The model", ("measure", "value"), tuple(rows))


def _notes(inference: Inference) -> tuple[str, ...]:
    fit = inference.fit
    verdict = "Converged" if fit.converged else "NOT CONVERGED"
    notes = [f"Standard errors are from {_KINDS[inference.cov_type]}."]
    if inference.likelihood.weights == "sampling":
        notes.append(
            "Weights are sampling weights: a row stands for others like it, and was seen once. "
            "Their weighted sum is no likelihood, so that neither AIC, BIC nor a likelihood ratio "
            "has a meaning."
        )
    notes.append(f"Objective {number_text(fit.objective)} nats per unit of weight.")
    if math.isinf(fit.gap):
        notes.append("Nothing is proved of how much lower other coefficients could bring it.")
    else:
        notes.append(
            "Proved: no coefficients give an objective lower by more than "
            f"{number_text(fit.gap, 2)} nats per unit of weight."
        )
    notes.append(
        f"{verdict}: {fit.solver}, {fit.n_iter} iterations, {fit.n_passes} passes over the rows, "
        f"asked for a gap of {number_text(fit.tol, 2)}."
    )
    return tuple(notes)


@dataclass(frozen=True, slots=True, repr=False)
class Shown:
    """A page that shows itself: as text where it is printed, as HTML in a notebook.

    Attributes
    ----------
    page : Page
    """

    page: Page

    def __repr__(self) -> str:
        return self.as_text()

    def __str__(self) -> str:
        return self.as_text()

    def _repr_html_(self) -> str:
        return self.as_html()

    def as_text(self) -> str:
        """Plain text."""
        return as_text(self.page)

    def as_html(self) -> str:
        """Piece of HTML."""
        return as_fragment(self.page)

    def as_latex(self) -> str:
        """LaTeX."""
        return as_latex(self.page)

    def as_markdown(self) -> str:
        """Markdown."""
        return as_markdown(self.page)


@dataclass(frozen=True, eq=False, repr=False)
class MarginalResults(MarginalEffects):
    """Marginal effects that show themselves.

    Attributes
    ----------
    target : str
        Name of the outcome.
    errors : str
        What the standard errors are from.
    held : tuple of (str, float)
        Columns that were held at values.

    Examples
    --------
    >>> import oddsmith
    >>> found = oddsmith.logit([[0], [0], [0], [1], [1], [1]], [0, 0, 1, 0, 1, 1])
    >>> print(found.get_margeff().summary())
    Effects on the probability that "y" is "1"
     column      dy/dx   std. error       z       p        2.5%      97.5%
    ───────────────────────────────────────────────────────────────────────
     x1       0.308065     0.295969   1.041   0.298   -0.272024   0.888155
    <BLANKLINE>
    dy/dx, averaged over the rows.
    Standard errors are by the delta method, from the information matrix (nonrobust).
    """

    target: str = "y"
    errors: str = ""
    held: tuple[tuple[str, float], ...] = ()

    def summary(self, alpha: float = 0.05) -> Shown:
        """Table of the effects, which prints as text and renders in a notebook."""
        labels = [quoted(label_text(_plain(label))) for label in self.classes]
        several = self.margeff.ndim == 2
        title = f"Effects on the probability of each {quoted(self.target)}"
        if not several:
            title = f"Effects on the probability that {quoted(self.target)} is {labels[1]}"
        ends = self.conf_int(alpha)
        columns = {
            self.title: self.margeff,
            "std. error": self.margeff_se,
            "z": self.tvalues,
            "p": self.pvalues,
            f"{100 * alpha / 2:.4g}%": ends[:, 0],
            f"{100 - 100 * alpha / 2:.4g}%": ends[:, 1],
        }
        cells = [
            [_text(float(value), 4 if header == "z" else 6) for value in values.ravel(order="F")]
            for header, values in columns.items()
        ]
        tails = log_normal_tails(self.tvalues.ravel(order="F"))
        cells[list(columns).index("p")] = [p_text(float(value)) for value in tails]
        names = [list(self.names) * (len(self.classes) if several else 1)]
        if several:
            names.insert(0, [label for label in self.classes for _ in self.names])
            names[0] = [label_text(_plain(label)) for label in names[0]]
        headers = (*(("class",) if several else ()), "column", *columns)
        rows = tuple(zip(*names, *cells, strict=True))
        table = TextTable(title, headers, rows, len(names))
        return Shown(Page(title, (table,), self._notes(), ()))

    def _notes(self) -> tuple[str, ...]:
        where = {
            "overall": "averaged over the rows",
            "mean": "at the mean of the columns",
            "median": "at the median of the columns",
            "zero": "at 0 of all columns",
        }[self.at]
        held = ", ".join(f"{quoted(name)} at {number_text(value)}" for name, value in self.held)
        return (
            f"{self.title}, {where}{f'; held: {held}' if held else ''}.",
            f"Standard errors are by the delta method, from {self.errors}.",
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.names)} columns: summary() shows them>"

    def _repr_html_(self) -> str | None:
        return None if self.margeff_cov is None else self.summary().as_html()


class Results(Inference):
    """An `Inference` that shows itself.

    Examples
    --------
    >>> import oddsmith
    >>> found = oddsmith.logit([[0], [0], [0], [1], [1], [1]], [0, 0, 1, 0, 1, 1])
    >>> print(found.summary())  # doctest: +ELLIPSIS
    Log-odds that "y" is "1", not "0"
     column   coefficient   odds ratio   std. error        z       p       2.5%     97.5%
    ──────────────────────────────────────────────────────────────────────────────────────
     const      -0.693147                   1.22474   -0.566   0.571    -3.0936   1.70731
     x1           1.38629            4      1.73205   0.8004   0.423   -2.00846   4.78105
    ...
    """

    def summary(self, alpha: float = 0.05) -> Shown:
        """Tables of all that is known, which print as text and render in a notebook."""
        return Shown(page_of_inference(self, alpha))

    def get_margeff(
        self,
        at: At = "overall",
        method: Method = "dydx",
        atexog: dict[Any, float] | None = None,
        dummy: bool = False,
        count: bool = False,
    ) -> MarginalResults:
        """Marginal effects, see `Methods.get_margeff`; their `summary()` shows them."""
        found = super().get_margeff(at, method, atexog, dummy, count)
        return MarginalResults(
            **{field.name: getattr(found, field.name) for field in fields(found)},
            target=self.target,
            errors=_KINDS[self.cov_type],
            held=tuple(
                (key if isinstance(key, str) else self.column_names[key], float(value))
                for key, value in (atexog or {}).items()
            ),
        )

    def to_frame(self, library: str = "pandas", alpha: float = 0.05) -> Any:
        """Table of coefficients as a data frame of "pandas", "polars" or "pyarrow"."""
        return frame_of(_columns_of(self, alpha), library)

    def to_latex(self, alpha: float = 0.05) -> str:
        """Table of coefficients as a LaTeX tabular; `summary().as_latex()` has all the rest."""
        return as_latex(self._coefficient_page(alpha))

    def to_markdown(self, alpha: float = 0.05) -> str:
        """Table of coefficients in Markdown; `summary().as_markdown()` has all the rest."""
        return as_markdown(self._coefficient_page(alpha))

    def _coefficient_page(self, alpha: float) -> Page:
        return Page(_title(self), (_coefficients(self, alpha),), (), ())

    def _repr_html_(self) -> str:
        return self.summary().as_html()
