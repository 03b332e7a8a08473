"""Ctrl-C and SIGTERM between steps, so that what is recorded and what is computed never disagree."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Request:
    """Whether someone asked the work to stop."""

    made: bool = False

    def check(self) -> None:
        """Raises KeyboardInterrupt if someone did."""
        if self.made:
            raise KeyboardInterrupt


@contextlib.contextmanager
def deferred() -> Iterator[Request]:
    """Note the first SIGINT or SIGTERM in the yielded request; the second raises KeyboardInterrupt at once.

    Only Python's main thread receives signals; in another, nothing is changed. A signal that is ignored, as SIGINT is
    in what a script starts with `&`, stays so.
    """
    request = Request()

    def note(number: int, frame: object) -> None:
        if request.made:
            raise KeyboardInterrupt
        request.made = True

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    heard = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
