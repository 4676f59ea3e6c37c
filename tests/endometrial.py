"""Endometrial cancer: 79 patients, of whom none with neovasculization has a low grade.

First analysed by Heinze and Schemper (2002, "A solution to the problem of separation in logistic
regression", Statistics in Medicine 21, 2409-2419); from E. Asseryanis, Medical University of
Vienna; published with Agresti (2015), "Foundations of linear and generalized linear models".
No package for this Python ships it. What R's logistf prints of it is beside it.
"""

import numpy as np

# NV and HG, pulsatility index PI, endometrium height EH.
_ROWS = """
00:13:1.64 00:16:2.26 00:8:3.14 00:34:2.68 00:20:1.28 00:5:2.31 00:17:1.8 00:10:1.68 00:26:1.56
00:17:2.31 00:8:2.01 00:7:1.89 00:20:3.15 00:10:1.23 00:18:1.27 00:16:1.76 00:18:2 01:8:2.64
01:29:0.88 01:12:1.27 01:20:1.37 11:38:0.97 11:22:1.14 11:7:0.88 11:25:0.91 11:15:0.58 01:7:0.97
00:28:1.5 00:11:1.33 00:19:2.37 00:10:1.82 00:10:3.13 00:18:1.31 00:14:1.92 00:21:1.64
00:11:2.01 00:17:1.88 00:25:1.93 00:16:2.11 00:19:1.29 00:15:1.72 00:33:0.75 00:24:1.92
01:48:1.84 01:12:1.11 01:19:1.61 01:2:1.18 11:22:1.44 11:40:1.18 11:5:0.93 11:0:1.17 01:21:1.19
01:15:1.06 00:29:2.02 00:15:2.29 00:12:2.33 00:3:2.9 00:20:1.7 00:23:1.41 00:12:2.25 00:22:1.54
00:42:1.97 00:15:1.75 00:13:2.16 00:14:2.57 00:19:1.37 00:12:3.61 00:13:2.04 00:10:2.17
01:12:1.69 11:49:0.27 01:6:1.84 01:5:1.3 01:17:0.96 11:11:1.01 11:21:0.98 01:5:0.35 11:19:1.02
01:33:0.85
"""


def endometrial():
    """Columns NV, PI, EH of shape (79, 3), and whether the grade is high."""
    parts = [row.split(":") for row in _ROWS.split()]
    X = [[float(head[0]), float(pi), float(eh)] for head, pi, eh in parts]
    return np.array(X), np.array([int(head[1]) for head, _, _ in parts])


# Intercept, NV, PI, EH.
COEFFICIENTS = [3.77455951, 2.92927330, -0.03475175, -2.60416387]  # logistf
INTERVALS = [  # logistf
    [1.0825371, 7.20928050],
    [0.6097244, 7.85463171],
    [-0.1244587, 0.04045547],
    [-4.3651832, -1.23272106],
]
