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
        ClusterError,
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
    from oddsmith.views.displays.coefficients import CoefficientDisplay
    from oddsmith.views.displays.loss_curve import LossCurveDisplay
    from oddsmith.views.displays.path import PathDisplay
    from oddsmith.views.displays.reliability import ReliabilityDisplay
    from oddsmith.views.displays.threshold_curve import ThresholdCurveDisplay

_HOMES = {
    "CoefficientDisplay": "oddsmith.views.displays.coefficients",
    "Comparison": "oddsmith.decisions.comparison",
    "FirthLogisticRegression": "oddsmith.estimators.firth",
    "Inference": "oddsmith.inference.result",
    "LogisticRegression": "oddsmith.estimators.logistic",
    "LogisticRegressionCV": "oddsmith.estimators.cross_validation",
    "LossCurveDisplay": "oddsmith.views.displays.loss_curve",
    "Path": "oddsmith.estimators.path",
    "PathDisplay": "oddsmith.views.displays.path",
    "PriorCorrected": "oddsmith.estimators.recalibration",
    "Reliability": "oddsmith.decisions.calibration",
    "ReliabilityDisplay": "oddsmith.views.displays.reliability",
    "StoredModel": "oddsmith.estimators.stored",
    "TableEncoder": "oddsmith.estimators.table_encoder",
    "ThresholdCurve": "oddsmith.decisions.thresholds",
    "TunedThreshold": "oddsmith.estimators.threshold",
    "ThresholdCurveDisplay": "oddsmith.views.displays.threshold_curve",
    "compare": "oddsmith.estimators.comparison",
    "fit_files": "oddsmith.estimators.files",
    "load": "oddsmith.estimators.stored",
    "logit": "oddsmith.estimators.formula",
    "prior_correction": "oddsmith.decisions.recalibration",
    "recalibrate": "oddsmith.estimators.recalibration",
    "regularization_path": "oddsmith.estimators.path",
    "threshold_curve": "oddsmith.decisions.thresholds",
    "reliability": "oddsmith.decisions.calibration",
    "ClusterError": "oddsmith.errors",
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
    "ClusterError",
    "CoefficientDisplay",
    "CollinearityWarning",
    "Comparison",
    "ConvergenceWarning",
    "DataError",
    "FirthLogisticRegression",
    "Inference",
    "LogisticRegression",
    "LogisticRegressionCV",
    "LossCurveDisplay",
    "MissingPackageError",
    "ModelFileError",
    "OddsmithError",
    "OddsmithWarning",
    "ParameterError",
    "Path",
    "PathDisplay",
    "PriorCorrected",
    "Reliability",
    "ReliabilityDisplay",
    "SeparationWarning",
    "SolverWarning",
    "StoredModel",
    "TableEncoder",
    "ThresholdCurve",
    "ThresholdCurveDisplay",
    "TunedThreshold",
    "compare",
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
