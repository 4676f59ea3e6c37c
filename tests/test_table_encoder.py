"""`TableEncoder`: any table, the same bits; what does not fit is named."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from oddsmith import TableEncoder


@parametrize_with_checks(
    [
        TableEncoder(),
        TableEncoder(missing="indicator", min_count=3, unseen="pool", reference="most_frequent"),
        TableEncoder(missing="mean", sparse=True),
    ]
)
def test_estimator_checks(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)
