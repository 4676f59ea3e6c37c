"""Logistic regression on Spark: fits of DataFrames by their executors, and predictions there.

`fit` gives the coefficients of rows in memory with their proof, `regularization_path` those of a
path of penalties, and `predict_proba` adds columns of probabilities to a DataFrame.
"""

from oddsmith.estimators.spark import fit, predict_proba, regularization_path

__all__ = ["fit", "predict_proba", "regularization_path"]
