"""Logistic regression with a proof of optimality on every fit.

Names are imported when they are first used, so that ``import oddsmith`` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oddsmith.decisions.calibration import Reliability, reliability
    from oddsmith.decisions.comparison import Comparison
    from oddsmith.decisions.recalibration import prior_correction
    from oddsmith.decisions.thresholds import ThresholdCurve, threshold_curve
    from oddsmith.errors import (
        CollinearityWarning,
        ConvergenceWarning,
        DataError,
        MissingPackageError,
        ModelFileError,
        OddsmithError,
        OddsmithWarning,
        ParameterError,
        SeparationWarning,
        SolverWarning,
    )
    from oddsmith.estimators.comparison import compare
    from oddsmith.estimators.cross_validation import LogisticRegressionCV
    from oddsmith.estimators.files import fit_files
    from oddsmith.estimators.firth import FirthLogisticRegression
    from oddsmith.estimators.formula import logit
    from oddsmith.estimators.logistic import LogisticRegression
    from oddsmith.estimators.path import Path, regularization_path
    from oddsmith.estimators.recalibration import PriorCorrected, recalibrate
    from oddsmith.estimators.stored import StoredModel, load
    from oddsmith.estimators.table_encoder import TableEncoder
    from oddsmith.estimators.threshold import TunedThreshold
    from oddsmith.inference.result import Inference

_HOMES = {
    "Comparison": "oddsmith.decisions.comparison",
    "FirthLogisticRegression": "oddsmith.estimators.firth",
    "Inference": "oddsmith.inference.result",
    "LogisticRegression": "oddsmith.estimators.logistic",
    "LogisticRegressionCV": "oddsmith.estimators.cross_validation",
    "Path": "oddsmith.estimators.path",
    "PriorCorrected": "oddsmith.estimators.recalibration",
    "Reliability": "oddsmith.decisions.calibration",
    "StoredModel": "oddsmith.estimators.stored",
    "TableEncoder": "oddsmith.estimators.table_encoder",
    "compare": "oddsmith.estimators.comparison",
    "ThresholdCurve": "oddsmith.decisions.thresholds",
    "TunedThreshold": "oddsmith.estimators.threshold",
    "fit_files": "oddsmith.estimators.files",
    "load": "oddsmith.estimators.stored",
    "logit": "oddsmith.estimators.formula",
    "prior_correction": "oddsmith.decisions.recalibration",
    "recalibrate": "oddsmith.estimators.recalibration",
    "regularization_path": "oddsmith.estimators.path",
    "reliability": "oddsmith.decisions.calibration",
    "threshold_curve": "oddsmith.decisions.thresholds",
    "CollinearityWarning": "oddsmith.errors",
    "ConvergenceWarning": "oddsmith.errors",
    "DataError": "oddsmith.errors",
    "MissingPackageError": "oddsmith.errors",
    "ModelFileError": "oddsmith.errors",
    "OddsmithError": "oddsmith.errors",
    "OddsmithWarning": "oddsmith.errors",
    "ParameterError": "oddsmith.errors",
    "SeparationWarning": "oddsmith.errors",
    "SolverWarning": "oddsmith.errors",
}

__version__ = "0.1.0"

__all__ = [
    "CollinearityWarning",
    "Comparison",
    "ConvergenceWarning",
    "DataError",
    "FirthLogisticRegression",
    "Inference",
    "LogisticRegression",
    "LogisticRegressionCV",
    "MissingPackageError",
    "ModelFileError",
    "OddsmithError",
    "OddsmithWarning",
    "ParameterError",
    "Path",
    "PriorCorrected",
    "Reliability",
    "SeparationWarning",
    "SolverWarning",
    "StoredModel",
    "TableEncoder",
    "compare",
    "ThresholdCurve",
    "TunedThreshold",
    "fit_files",
    "load",
    "logit",
    "prior_correction",
    "recalibrate",
    "regularization_path",
    "reliability",
    "threshold_curve",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'oddsmith' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
