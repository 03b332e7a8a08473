"""A program of ours in a process of its own, for what may crash: tensors in, tensors out, and its last words.

A message is safetensors, over pipes with the framing of multiprocessing.connection.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Sequence
from multiprocessing.connection import Connection, Pipe, wait
from threading import Thread

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

LOG = 4096
"""bytes of its standard error that are kept"""
INTERVAL = 0.01
"""seconds between looks at its standard error while a message comes"""
PATIENCE = 10
"""seconds for a child that closed its pipes to be gone, before it is made to"""


class Ended(Exception):
    """The child is gone: `how`, the `signal` that ended it by name, if one did, and its last words."""

    def __init__(self, how: str, log: str, signal: str | None = None) -> None:
        self.how, self.log, self.signal = how, log, signal
        super().__init__(f"{how} ({log})")


class Child:
    """A running child: module `module` under this Python, with `arguments`.

    It is ended by `close`, when nothing refers to it any more, and when this process ends.
    """

    def __init__(self, module: str, arguments: Sequence[str | bytes]) -> None:
        its_requests, self._requests = Pipe(duplex=False)
        self._replies, its_replies = Pipe(duplex=False)
        with its_requests, its_replies:
            # -P, because a folder that a user happens to be in must not be able to stand for a library.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                stdin=its_requests.fileno(),
                stdout=its_replies.fileno(),
                stderr=subprocess.PIPE,
            )
        assert self._process.stderr
        self._errors = self._process.stderr.fileno()
        os.set_blocking(self._errors, False)
        self._log = b""
        self.close = weakref.finalize(self, _end, self._process, self._requests, self._replies)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def log(self) -> str:
        """The last lines that it wrote on standard error, in one."""
        return " / ".join(line for line in self._log.decode(errors="replace").splitlines() if line.strip())

    def ask(self, tensors: dict[str, np.ndarray], limit: int) -> dict[str, np.ndarray]:
        """Send `tensors` and wait for the answer, of at most `limit` bytes. Raises as `receive` does."""
        self._log = b""
        try:
            # Why it is gone, `receive` finds out.
            with contextlib.suppress(BrokenPipeError):
                self._requests.send_bytes(save({name: np.ascontiguousarray(t) for name, t in tensors.items()}))
        except BaseException:
            self.close()
            raise
        return self.receive(limit)

    def receive(self, limit: int) -> dict[str, np.ndarray]:
        """The next message, of at most `limit` bytes. Raises Ended if the child ends, or says what is no message.

        The child is ended if the wait is broken off, as nobody would be there for the answer.
        """
        try:
            content = self._read(limit)
            if content is not None:
                return load(content)
            returncode = self._returncode()
            self._read_errors()
        except (SafetensorError, OverflowError):
            self.close()
            raise Ended("gave what is no answer", self.log) from None
        except BaseException:
            self.close()
            raise
        self.close()
        if returncode >= 0:
            raise Ended(f"ended with exit code {returncode}", self.log)
        name = _signal_name(-returncode)
        raise Ended(f"was ended by {name}", self.log, name)

    def _read(self, limit: int) -> bytes | None:
        """The bytes of a message, or None at the end. Raises OverflowError if it would be longer than `limit`."""
        waited_for: list[Connection | int] = [self._replies, self._errors]
        while self._replies not in wait(waited_for):
            if not self._read_errors():
                waited_for.remove(self._errors)
        got: list[bytes] = []
        receiving = Thread(target=self._receive, args=(limit, got), daemon=True)
        receiving.start()
        while receiving.is_alive():  # a child that has much to say in the middle of a message waits for who reads it
            receiving.join(INTERVAL)
            self._read_errors()
        if not got and self._replies.closed:
            raise OverflowError
        return got[0] if got else None

    def _receive(self, limit: int, got: list[bytes]) -> None:
        """Append the next message to `got`; the connection closes itself at one that is too long."""
        with contextlib.suppress(EOFError, OSError):
            got.append(self._replies.recv_bytes(limit))

    def _read_errors(self) -> bool:
        """Whether there can be more on its standard error, after reading what is there now."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._errors, 1 << 16):
                self._log = (self._log + chunk)[-LOG:]
            return False
        return True

    def _returncode(self) -> int:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(PATIENCE)
        self._process.kill()
        return self._process.wait()


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _end(process: subprocess.Popen[bytes], *connections: Connection) -> None:
    process.kill()
    for pipe in (*connections, process.stderr):
        pipe.close()  # type: ignore[union-attr]
    process.wait()
