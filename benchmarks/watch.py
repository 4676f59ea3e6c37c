"""A command in a process of its own: its answer, its seconds, its memory and its children's.

Memory is what is resident, sampled ten times a second and summed over all its processes.
Pages of mapped files are counted apart: they are resident only while nothing else wants the memory.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.process import CAPS, Failed, TooSlow

__all__ = ["Watched", "resident", "watch"]

_ROOT = Path(__file__).parent.parent
_EVERY = 0.1  # seconds between samples
_PROC = Path("/proc")


@dataclass(frozen=True)
class Watched:
    """What a command answered, and what it took.

    Parameters
    ----------
    answer : dict
        The last line of its standard output, as JSON; empty if there was none.
    seconds : float
        From its start to its end, imports included.
    peak : int or None
        Highest sum of resident memory in bytes; None where there is no /proc.
    private : int or None
        The same without the pages of mapped files.
    """

    answer: dict[str, Any]
    seconds: float
    peak: int | None
    private: int | None


def watch(
    command: Sequence[str],
    request: Mapping[str, Any],
    threads: int,
    patience: float,
) -> Watched:
    """Run a command, with `request` as JSON on its standard input, and watch it.

    Parameters
    ----------
    command : sequence of str
    request : mapping
    threads : int
        For BLAS, OpenMP and Numba.
    patience : float
        Seconds after which it and its children are ended.

    Returns
    -------
    Watched

    Raises
    ------
    Failed
        If it ended otherwise than with an answer, or answered an error.
    TooSlow
        If it was ended.
    """
    start = time.perf_counter()
    running = subprocess.Popen(  # noqa: S603  our own interpreters
        list(command),
        cwd=_ROOT,
        env=os.environ | dict.fromkeys(CAPS, str(threads)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that its children are known, and end with it
    )
    try:
        peak, private, said = _follow(running, request, start + patience)
        status = running.wait(patience)
    except (TimeoutError, subprocess.TimeoutExpired):
        raise TooSlow(f"over {patience:.0f} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    seconds = time.perf_counter() - start
    answer = _last_line(said)
    if "error" in answer:
        raise Failed(answer["error"])
    if status:
        raise Failed(f"the process ended with status {status}")
    return Watched(answer, seconds, peak or None, private or None)


def _follow(
    running: "subprocess.Popen[bytes]", request: Mapping[str, Any], end: float
) -> tuple[int, int, bytes]:
    """Sample the memory until standard output closes; the peaks, and what was written."""
    stdin, stdout = running.stdin, running.stdout
    if stdin is None or stdout is None:
        raise Failed("the process has no pipes")
    with contextlib.suppress(BrokenPipeError), stdin:
        stdin.write(json.dumps(dict(request)).encode())
    peak = private = 0
    said: list[bytes] = []
    with selectors.DefaultSelector() as selector, stdout:
        selector.register(stdout, selectors.EVENT_READ)
        while True:
            if selector.select(_EVERY):
                piece = os.read(stdout.fileno(), 2**16)
                if not piece:
                    return peak, private, b"".join(said)
                said.append(piece)
            now, mine = resident(running.pid)
            peak, private = max(peak, now), max(private, mine)
            if time.perf_counter() > end:
                raise TimeoutError


def _last_line(said: bytes) -> dict[str, Any]:
    lines = said.splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def resident(session: int) -> tuple[int, int]:
    """Sum what is resident of all processes of a session.

    Parameters
    ----------
    session : int
        The process that leads it.

    Returns
    -------
    peak, private : int
        Bytes, with and without the pages of mapped files; 0 where there is no /proc (proc(5)).
        Memory that processes share is counted for each.
    """
    whole = private = 0
    for stat in _PROC.glob("[0-9]*/stat"):
        try:
            # Fields after the name, which may hold anything: state, parent, group, session.
            if int(stat.read_text().rpartition(")")[2].split()[3]) != session:
                continue
            sizes = _sizes(stat.with_name("status").read_text())
        except (OSError, IndexError, ValueError):
            continue  # it has ended meanwhile
        whole += sizes.get("VmRSS", 0)
        private += sizes.get("RssAnon", 0) + sizes.get("RssShmem", 0)
    return whole, private


def _sizes(status: str) -> dict[str, int]:
    """Bytes of the lines of /proc/PID/status that are in kB."""
    pairs = (line.split(":", 1) for line in status.splitlines() if line.endswith(" kB"))
    return {name: int(size.split()[0]) * 1024 for name, size in pairs}
