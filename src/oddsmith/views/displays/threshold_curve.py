"""What every threshold yields, and the best of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.decisions.threshold_measures import measure_named
from oddsmith.decisions.thresholds import ThresholdCurve, threshold_curve
from oddsmith.errors import ParameterError
from oddsmith.views.displays.axes import (
    CURVE,
    PALETTE,
    draw_legend,
    figure_of,
    given_or_new,
    ink,
    thinned,
    tidy,
    title,
)
from oddsmith.views.displays.parts import label_of, plain_labels, scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ThresholdCurveDisplay"]

_MEASURES = ("precision", "recall", "f1")
_STYLES = ("-", "--", "-.", ":")
_WORDS = {"f1": "F1", "mcc": "MCC", "balanced_accuracy": "balanced accuracy"}


class ThresholdCurveDisplay:
    """Measures of a classifier at every threshold: a row is positive where score >= threshold.

    It is made by `from_estimator` or `from_predictions`; all parameters are stored as attributes.

    Parameters
    ----------
    curve : ThresholdCurve
    measures : sequence of str, default ("precision", "recall", "f1")
        "accuracy", "precision", "recall", "specificity", "f1", "f2" or another F-beta,
        "balanced_accuracy", "mcc", "youden".
    cost : mapping of str to float, optional
        Of an error or a hit, such as ``{"fp": 1, "fn": 5}``: the mean cost per row is drawn instead
        of the measures.
    choice : Choice, optional
        The threshold to mark.

    Attributes
    ----------
    lines_ : dict of str to matplotlib Line2D
        By measure, or "cost"; of very many thresholds those that make the same picture.
    choice_line_, choice_point_ : matplotlib Line2D or None
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import oddsmith
    >>> y, score = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.7, 0.9]
    >>> display = oddsmith.ThresholdCurveDisplay.from_predictions(y, score)
    >>> display.choice.threshold, list(display.lines_)
    (0.3, ['precision', 'recall', 'f1'])
    """

    lines_: dict[str, Any]
    choice_line_: Any
    choice_point_: Any
    ax_: "Axes"
    figure_: Any

    def __init__(
        self,
        curve: ThresholdCurve,
        *,
        measures: Sequence[str] | None = None,
        cost: Mapping[str, float] | None = None,
        choice: Any = None,
    ) -> None:
        if measures is not None and cost is not None:
            raise ParameterError(
                "measures and cost have different units; draw them in axes of their own."
            )
        by_row = [error for error, value in (cost or {}).items() if np.ndim(value)]
        if by_row:
            raise ParameterError(
                f"cost has one {by_row[0]!r} for each row; the curve is of numbers that hold for "
                "all rows."
            )
        given = [measures] if isinstance(measures, str) else measures
        self.curve, self.choice, self.cost = curve, choice, cost
        self.measures = tuple(given or ()) if cost is not None else tuple(given or _MEASURES)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        measures: Sequence[str] | None = None,
        objective: str | None = None,
        cost: Mapping[str, float] | None = None,
        subject_to: Mapping[str, float] | None = None,
        pos_label: Any = None,
        response_method: str = "auto",
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw what the thresholds of a fitted classifier yield on some rows.

        Parameters
        ----------
        estimator : fitted classifier of two classes
            Of any library with `predict_proba` or `decision_function`, or a pipeline.
        X, y
            Rows and their labels, best not those of the fit.
        sample_weight : array of shape (n,), optional
        measures, cost
            As in the class.
        objective, subject_to
            What the marked threshold is the best by, as in `ThresholdCurve.best`; by default the
            cost, or F1.
        pos_label : label, optional
            The positive class, by default ``classes_[1]``.
        response_method : {"auto", "predict_proba", "decision_function"}
            "auto" takes the first that there is.
        ax
            As in `plot`.

        Returns
        -------
        ThresholdCurveDisplay

        Raises
        ------
        DataError
            If there are not two classes.
        ParameterError
            If an argument cannot be used.
        MissingPackageError
            If matplotlib is not installed.
        """
        both = ("predict_proba", "decision_function")
        if response_method not in ("auto", *both):
            raise ParameterError(
                f"response_method={response_method!r} is not known; use 'auto', 'predict_proba' or "
                "'decision_function'."
            )
        methods = both if response_method == "auto" else (response_method,)
        found = scored(estimator, X, y, pos_label, methods)
        return cls.from_predictions(
            found.y,
            found.score,
            sample_weight=sample_weight,
            measures=measures,
            objective=objective,
            cost=cost,
            subject_to=subject_to,
            pos_label=found.pos_label,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_score: Any,
        *,
        sample_weight: Any = None,
        measures: Sequence[str] | None = None,
        objective: str | None = None,
        cost: Mapping[str, float] | None = None,
        subject_to: Mapping[str, float] | None = None,
        pos_label: Any = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw what the thresholds of scores yield.

        Parameters
        ----------
        y_true : array of shape (n,)
            Labels of two classes.
        y_score : array of shape (n,)
            Probabilities or margins of the positive class.
        sample_weight, measures, objective, cost, subject_to, pos_label, ax
            As in `from_estimator`; the positive class is by default the greater label.

        Returns
        -------
        ThresholdCurveDisplay
        """
        y_true = plain_labels(y_true)
        curve = threshold_curve(y_true, y_score, sample_weight, positive=pos_label)
        made = cls(curve, measures=measures, cost=cost)
        if objective is None and cost is None:
            objective = "f1"
        made.choice = curve.best(objective, cost=cost, subject_to=subject_to)
        return made.plot(ax)

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Without them a figure of pyplot's is made.

        Returns
        -------
        ThresholdCurveDisplay
            Itself.

        Raises
        ------
        MissingPackageError
            If matplotlib is not installed.
        """
        own = ax is None
        ax = given_or_new(ax)
        self.ax_, self.figure_ = ax, figure_of(ax)
        curves = self._curves()
        left, right = self._ends()
        # The last threshold is infinite: it holds from the highest score to the edge.
        x = np.append(self.curve.thresholds[:-1], right)
        kept = thinned(x, *curves.values())
        self.lines_ = {}
        for k, (name, values) in enumerate(curves.items()):
            style: dict[str, Any] = {
                "color": PALETTE[k % len(PALETTE)],
                "ls": _STYLES[k % len(_STYLES)],
            }
            [self.lines_[name]] = ax.plot(
                np.append(left, x[kept]),
                np.append(values[0], values[kept]),
                drawstyle="steps-pre",
                lw=1.6,
                label=_words(name),
                gid=CURVE,
                **style,
            )
        ax.set_xlim(left, right)
        if self.cost is None:
            low = min(0.0, *(np.nanmin(one, initial=0.0) for one in curves.values()))
            ax.set_ylim(1.02 * low - 0.02, 1.02)
        else:
            ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        self._mark(ax, left, right)
        what = "measure" if self.cost is None else "mean cost per row"
        positive = quoted(label_of(self.curve.positive), 24)
        tidy(ax, f"threshold: {positive} where score >= threshold", what)
        marks = [] if self.choice_line_ is None else [self.choice_line_]
        draw_legend(ax, [*self.lines_.values(), *marks])
        if own:
            title(ax, f"Thresholds on {self.curve.n_rows:,} rows")
        return self

    def _curves(self) -> dict[str, Array]:
        """Return what is drawn, of shape (m,) each."""
        if self.cost is not None:
            return {"cost": self._per_row(self.curve.cost(**self.cost))}
        return {name: np.asarray(measure_named(self.curve, name)) for name in self.measures}

    def _per_row(self, total: Any) -> Any:
        curve = self.curve
        return total / float(curve.tp[0] + curve.fp[0] + curve.tn[0] + curve.fn[0])

    def _ends(self) -> tuple[float, float]:
        scores = self.curve.thresholds[:-1]
        low, high = float(scores[0]), float(scores[-1])
        if low >= 0.0 and high <= 1.0:
            return 0.0, 1.0
        room = 0.04 * (high - low) or 1.0
        return low - room, high + room

    def _mark(self, ax: "Axes", left: float, right: float) -> None:
        self.choice_line_ = self.choice_point_ = None
        chosen = self.choice
        if chosen is None:
            return
        at = float(np.clip(chosen.threshold, left, right))
        value = float(chosen.value)
        value = self._per_row(value) if self.cost is not None else value
        where = (
            f"{chosen.threshold:.4g}" if np.isfinite(chosen.threshold) else "inf: none is positive"
        )
        what, comma, bound = chosen.objective.partition(",")
        what = "cost" if self.cost is not None else _words(what) + comma + bound
        text = f"best {what}: {value:.4g}\nat {where}"
        style = {"color": ink(), "lw": 1.0, "ls": ":"}
        self.choice_line_ = ax.axvline(at, label=text, marker="o", ms=5, markevery=[], **style)
        # A constraint is written behind a comma.
        drawn = "cost" if self.cost is not None else chosen.objective.partition(",")[0]
        if drawn in self.lines_:
            [self.choice_point_] = ax.plot(
                [at], [value], "o", color=ink(), ms=5, zorder=3, clip_on=False, label="_"
            )


def _words(measure: str) -> str:
    return _WORDS.get(measure, measure.capitalize() if measure[1:2].isdigit() else measure)
