"""Standard output and error as they are found: of any encoding, closed, or on a full disk."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from pocketzo.runtime.errors import PocketzoError
from pocketzo.runtime.system.names import valid_text


class OutputFailed(PocketzoError):
    """Standard output does not take the result; what the command wrote to files is whole."""


def prepare() -> None:
    """To be called before anything is opened or written. Raises OutputFailed if standard output is closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # the next file that is opened would have this number, and libraries that print write into it
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        raise OutputFailed("standard output: is closed, so no result can be written. Open it, or give it /dev/null.")


@contextlib.contextmanager
def output() -> Iterator[None]:
    """Write on standard output inside; a reader that stops early is no error. Raises OutputFailed if it cannot be
    written.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        leave(sys.stdout)
    except OSError as e:
        raise OutputFailed(
            f"standard output: cannot be written ({e.strerror}). Send it elsewhere; files that the command wrote are"
            " whole."
        ) from e


def say(line: str) -> None:
    """A line of the result, for people. Raises as `output` does."""
    with output():
        print(line)  # noqa: T201


def print_json(content: dict[str, Any]) -> None:
    """The one JSON object of --json, in ASCII where the stream takes nothing else. Raises as `output` does."""
    text = valid_text(json.dumps(content, ensure_ascii=False, allow_nan=False))
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text))
    say(text)


def tell(text: str) -> None:
    """A line on standard error, if it takes one."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr)  # noqa: T201


def leave(stream: TextIO | None) -> None:
    """Flush `stream` for the last time; what it does not take is dropped, for the exit would fail at it again."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
