"""One fit of files, in this process: JSON on standard input asks, JSON on standard output answers.

What libraries print goes to standard error.
"""

import json
import os
import sys
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.file_programs import Goal, file_program
from benchmarks.files import Files

__all__ = ["answer"]


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Fit as asked.

    Parameters
    ----------
    request : dict
        `program`, `paths`, `n`, `p`, `C`, `options`, `threads`, the fields of `goal`, and
        `folder`, in which the program may spill.

    Returns
    -------
    dict
        The fields of `benchmarks.file_programs.Fitted`, or `error`.
    """
    paths = tuple(Path(path) for path in request["paths"])
    files = Files(paths, request["n"], request["p"], request["C"])
    fit = file_program(request["program"]).fit
    goal = Goal(**request["goal"])
    try:
        with tempfile.TemporaryDirectory(dir=request["folder"]) as scratch:
            fitted = fit(files, request["options"], request["threads"], Path(scratch), goal)
    except Exception as error:  # whatever a library raises is a fact about it
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    return asdict(fitted)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    out.write(json.dumps(answer(json.load(sys.stdin))) + "\n")
    out.flush()
