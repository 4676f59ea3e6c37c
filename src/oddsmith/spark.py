"""Logistic regression on Spark: `fit` a DataFrame on its executors, and `predict_proba` there.

>>> import oddsmith.spark
>>> model = oddsmith.spark.fit(df, target="y")  # doctest: +SKIP
>>> oddsmith.spark.predict_proba(model, df).show()  # doctest: +SKIP
"""

from oddsmith.estimators.spark import fit, predict_proba

__all__ = ["fit", "predict_proba"]
