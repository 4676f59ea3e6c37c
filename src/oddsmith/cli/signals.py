"""Signals that end a program, as exceptions, so that nothing half written is left behind."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Ended", "ending_cleanly"]

# Windows has no SIGHUP.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Ended(BaseException):
    """The program was told to end; `status` is 128 and the number of the signal."""

    def __init__(self, number: int):
        super().__init__(number)
        self.status = 128 + number


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Raise `Ended` where SIGTERM or SIGHUP would have killed the program at once.

    A signal that someone else handles or ignores (``nohup``) is left to them.
    """
    ours: list[int] = []
    if threading.current_thread() is threading.main_thread():
        ours = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, frame: Any) -> None:
        # A second signal must not cut the clearing up short.
        for each in ours:
            signal.signal(each, signal.SIG_IGN)
        raise Ended(number)

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
