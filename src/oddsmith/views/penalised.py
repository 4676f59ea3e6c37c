"""A bias-reduced fit as tables: an inference that says of itself where its numbers come from."""

from oddsmith.inference.penalised import PenalisedInference
from oddsmith.views.results import Results

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
    """
