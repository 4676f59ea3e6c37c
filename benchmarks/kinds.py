"""A result of any kind of case."""

from typing import Any

from benchmarks.file_results import Cold, FileFits, FilesResult
from benchmarks.results import Memory, Peer, Race, Scaling

__all__ = ["Result", "from_saved"]

Result = Race | Memory | Scaling | FilesResult | Cold


def from_saved(kind: str, saved: dict[str, Any]) -> Result:
    """Make a result of what `dataclasses.asdict` left in a file.

    Parameters
    ----------
    kind : str
        A case's.
    saved : dict

    Returns
    -------
    Race, Memory, Scaling, FilesResult or Cold
    """
    if kind.startswith("files"):
        fits = {name: [FileFits(**one) for one in saved[name]] for name in ("own", "peers")}
        return FilesResult(saved["case"], **fits)
    if kind == "cold":
        return Cold(**saved)
    if kind == "memory":
        return Memory(**saved)
    if kind == "scaling":
        return Scaling(**saved)
    return Race(**saved | {"peers": [Peer(**peer) for peer in saved["peers"]]})
