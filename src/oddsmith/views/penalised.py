"""A bias-reduced fit as tables: an inference that says of itself where its numbers come from."""

from dataclasses import replace

from oddsmith.inference.firth import LogF
from oddsmith.inference.penalised import PenalisedInference
from oddsmith.views.results import Results, Shown, page_of_inference
from oddsmith.views.tables import TextTable, number_text

__all__ = ["PenalisedResults"]


class PenalisedResults(PenalisedInference, Results):
    """A `PenalisedInference` that shows itself.

    Examples
    --------
    >>> import oddsmith
    >>> found = oddsmith.logit([[0], [0], [0], [1], [1], [1]], [0, 0, 0, 1, 1, 1], firth=True)
    >>> found.params.round(4), found.conf_int().round(4)
    (array([-1.9459,  3.8918]), array([[-6.8471,  0.3872],
           [ 0.4389,  9.748 ]]))
    >>> print(found.summary().page.notes[0])
    Coefficients have Firth's bias reduction: Jeffreys' prior as a penalty.
    """

    def summary(self, alpha: float = 0.05) -> Shown:
        """Tables of all that is known, which print as text and render in a notebook."""
        page = page_of_inference(self, alpha)
        return Shown(replace(page, tables=tuple(map(_penalised, page.tables)), notes=self._notes()))

    def _notes(self) -> tuple[str, ...]:
        prior = self.prior
        how = "Coefficients have Firth's bias reduction: Jeffreys' prior as a penalty."
        if isinstance(prior, LogF):
            m = number_text(prior.m)
            how = f"Coefficients have log-F({m}, {m}) priors, but for the intercept."
        notes = [how]
        if self.corrected:
            notes.append(
                "The intercept was then chosen by maximum likelihood (FLIC), so that probabilities "
                "sum to the events; it has neither test nor interval."
            )
        notes += [
            "p, and z as its signed root, are of penalised likelihood-ratio tests, intervals of "
            "the penalised likelihood's profile; standard errors are from the information matrix.",
            self.certificate,
        ]
        if not self.converged:
            notes.append("NOT CONVERGED: the walk was still moving.")
        return tuple(notes)


def _penalised(table: TextTable) -> TextTable:
    """Table with its log-likelihoods called what they are."""
    rows = (
        tuple(cell.replace("log-likelihood", "penalised log-likelihood") for cell in row)
        for row in table.rows
    )
    return replace(table, rows=tuple(rows)) if table.title == "The model" else table
