"""What lets a grid search reach into a solver object: scikit-learn's get_params and set_params."""

from dataclasses import Field, fields
from typing import Any, ClassVar, Self

import numpy as np

from oddsmith.core.columns import Standardisation
from oddsmith.core.objective import Objective
from oddsmith.core.stable import Array
from oddsmith.errors import ParameterError

__all__ = ["Parameters", "require_boolean", "require_positive", "require_whole"]


class Parameters:
    """Mixin for a dataclass whose fields are its parameters, checked in `__post_init__`.

    It also says for a solver what holds of most: see the protocol `Solver`.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    handles_l1 = False
    standardised = True

    @property
    def waits(self) -> int | None:
        """Iterations to wait for a lower validation loss: for ever."""
        return None

    def begin(self, size: int, given: Array | None, seed: int) -> Any:
        """Start at the coefficients given, or at 0."""
        return np.zeros(size) if given is None else given

    def coordinates(self, objective: Objective, sparse: bool) -> Standardisation:
        """Coordinates to walk in: those of the objective."""
        return objective.design.standardisation

    def steady_rate(self, objective: Objective, values: list[float]) -> float | None:
        """No learning rate was too large, as there is none."""
        return None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; `deep` has no effect, as there is nothing below."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def set_params(self, **params: Any) -> Self:
        """Change parameters by name.

        Raises
        ------
        ParameterError
            If there is no such parameter, or it cannot have that value.
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ParameterError(
                    f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(known)}."
                )
            setattr(self, name, value)
        self.__post_init__()
        return self

    def __post_init__(self) -> None:
        """Check the parameters; solvers say how."""


def require_positive(name: str, value: Any) -> None:
    """Refuse what is not a positive, finite number.

    Examples
    --------
    >>> require_positive("learning_rate", 0.1)
    """
    try:
        good = 0.0 < float(value) < float("inf") and not isinstance(value, (bool, str))
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ParameterError(f"{name}={value!r} is not a positive, finite number.")


def require_whole(name: str, value: Any) -> None:
    """Refuse what is not a positive whole number.

    Examples
    --------
    >>> require_whole("epochs", 100)
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ParameterError(f"{name}={value!r} is not a positive whole number.")


def require_boolean(name: str, value: Any) -> None:
    """Refuse what is neither True nor False.

    Examples
    --------
    >>> require_boolean("shuffle", True)
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ParameterError(f"{name}={value!r} is neither True nor False.")
