"""Inference where it could go wrong in silence: each case was once told a wrong number, or broke."""

import warnings

import numpy as np
import pytest

from oddsmith import LogisticRegression
from oddsmith.errors import SeparationWarning

HALF = np.repeat([0.0, 1.0], 10)[:, None]


def _fitted(X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LogisticRegression(C=np.inf).fit(X, y)


@pytest.mark.parametrize(("zeros", "kind"), [(5, "in part"), (10, "completely")])
def test_infer_warns_of_separation_as_the_fit_did(zeros, kind):
    y = np.repeat([0, 1], [zeros, 20 - zeros])
    model = _fitted(HALF, y)
    with pytest.warns(SeparationWarning, match=f'"x1" separates the classes {kind}'):
        found = model.infer(HALF, y)
    assert any("separates" in message for message in found.warnings)
