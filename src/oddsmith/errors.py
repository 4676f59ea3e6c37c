"""Every exception and warning that a user of oddsmith can meet.

Each message is one sentence that names the thing, says what was found, and what to do.
"""

__all__ = [
    "ClusterError",
    "CollinearityWarning",
    "ConvergenceWarning",
    "DataError",
    "MissingPackageError",
    "ModelFileError",
    "OddsmithError",
    "OddsmithWarning",
    "ParameterError",
    "SeparationWarning",
    "SolverWarning",
]


class OddsmithError(Exception):
    """Base of every error that oddsmith raises on purpose."""


class DataError(OddsmithError, ValueError):
    """The data cannot be used: the message names the file, row, column or argument."""


class ParameterError(OddsmithError, ValueError):
    """An argument has a value that cannot be used, or that does not fit another one."""


class ModelFileError(OddsmithError, ValueError):
    """A model file is broken, hostile, or of a version that this one cannot read."""


class ClusterError(OddsmithError, RuntimeError):
    """A cluster went away, or its workers cannot go on; the message says what to do."""


class MissingPackageError(OddsmithError, ImportError):
    """An optional package is needed; the message says how to install it."""


class OddsmithWarning(UserWarning):
    """Base of every warning that oddsmith gives."""


class ConvergenceWarning(OddsmithWarning):
    """The fit stopped before its certificate reached ``tol``: the message says how far from it."""


class SeparationWarning(OddsmithWarning):
    """The classes can be separated, so the unpenalised likelihood has no finite maximum."""


class CollinearityWarning(OddsmithWarning):
    """Some columns are linear combinations of others: the minimum-norm optimum is returned."""


class SolverWarning(OddsmithWarning):
    """The solver that was asked for is not ours: the message says which one ran instead."""
