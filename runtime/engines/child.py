"""A program of ours in a process of its own, for what may crash: tensors in, tensors out, and its last words.

A message is its length (8 bytes, little-endian) and so many bytes of safetensors.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import weakref
from collections.abc import Sequence
from typing import IO

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

LENGTH = 8
LOG = 4096
"""bytes of its standard error that are kept"""
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
        # -P, because a folder that a user happens to be in must not be able to stand for a library.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdout
        assert self._process.stderr
        self._replies, self._errors = self._process.stdout.fileno(), self._process.stderr.fileno()
        os.set_blocking(self._errors, False)
        self._log = b""
        self.close = weakref.finalize(self, _end, self._process)

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
        assert self._process.stdin
        self._log = b""
        try:
            # What is still in the buffer of a pipe that broke is written again when it is closed, in vain.
            with contextlib.suppress(BrokenPipeError):
                send(self._process.stdin, save({name: np.ascontiguousarray(t) for name, t in tensors.items()}))
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
        got, length = bytearray(), None
        with selectors.DefaultSelector() as selector:
            selector.register(self._replies, selectors.EVENT_READ)
            selector.register(self._errors, selectors.EVENT_READ)
            while length is None or len(got) < LENGTH + length:
                for key, _ in selector.select():
                    if key.fd == self._errors:
                        if not self._read_errors():
                            selector.unregister(self._errors)
                        continue
                    chunk = os.read(self._replies, 1 << 20)
                    if not chunk:
                        return None
                    got += chunk
                if length is None and len(got) >= LENGTH:
                    length = int.from_bytes(got[:LENGTH], "little")
                    if length > limit:
                        raise OverflowError
        self._read_errors()
        return bytes(got[LENGTH:])

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


def send(file: IO[bytes], content: bytes) -> None:
    """Write a message to `file`."""
    file.write(len(content).to_bytes(LENGTH, "little"))
    file.write(content)
    file.flush()


def received(file: IO[bytes]) -> bytes | None:
    """The next message of `file`, or None at its end. Does not return before one is whole."""
    head = file.read(LENGTH)
    content = file.read(int.from_bytes(head, "little"))
    return content if len(head) == LENGTH and len(content) == int.from_bytes(head, "little") else None


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout, process.stderr):
        with contextlib.suppress(OSError):
            pipe.close()  # type: ignore[union-attr]
    process.wait()
