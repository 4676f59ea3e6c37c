"""The data of ``oddsmith demo``: scikit-learn's breast cancer, as a CSV file."""

from pathlib import Path
from typing import Any

from sklearn.datasets import load_breast_cancer

from oddsmith.export.predictions import predictions_csv

__all__ = ["write_breast_cancer"]


def write_breast_cancer(path: Path) -> tuple[str, str]:
    """Write 569 tumours with 30 measurements each, unscaled; return target and positive label.

    Source: Street, Wolberg and Mangasarian (1993), "Nuclear feature extraction for breast tumor
    diagnosis", as shipped in scikit-learn.
    """
    data: Any = load_breast_cancer()
    columns = dict(zip(data.feature_names.tolist(), data.data.T.tolist(), strict=True))
    labels = data.target_names[data.target].tolist()
    path.write_text(predictions_csv({**columns, "diagnosis": labels}), encoding="utf-8")
    return "diagnosis", "malignant"
