"""What all commands share: the options --json and --debug, errors on standard error, and how numbers are shown."""

from __future__ import annotations

import contextlib
import errno
import os
import traceback
from typing import Annotated

import typer
from pocketzo.runtime.engines import ENGINES
from pocketzo.runtime.errors import DiskFull, PocketzoError, UsageError
from pocketzo.runtime.system.packages import unusable

from .streams import tell

_debug = False


def _set_debug(value: bool) -> bool:
    global _debug
    _debug = _debug or value
    return value


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")]
Debug = Annotated[bool, typer.Option("--debug", callback=_set_debug, help="Show the traceback of an error.")]
Engine = Annotated[
    str, typer.Option(help=f"Engine to run the graph on: {', '.join(ENGINES)}, if the bundle has its graph.")
]
Threads = Annotated[int, typer.Option(help="Threads of the engine; 0 leaves the choice to it.", min=0, max=1024)]


def first_process() -> bool:
    """Whether this is the only process, or the one of several started together that speaks for all."""
    return int(os.environ.get("RANK", "0")) == 0


def report_error(error: BaseException) -> int:
    """Say an error in one message (with its traceback under --debug) and return the exit code."""
    if isinstance(error, SystemExit):
        if isinstance(error.__context__, BrokenPipeError):  # the argument parser ends so when nobody reads its help
            return 0
        return error.code if isinstance(error.code, int) else 1
    if _debug:
        tell("".join(traceback.format_exception(error)))
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # the argument parser's own errors share no public base
        with contextlib.suppress(OSError):
            error.show()
        return error.exit_code
    code, text = _said(error)
    if first_process() or not isinstance(error, PocketzoError) or isinstance(error, DiskFull):
        tell(f"pocketzo: {text}")
    return code


def _said(error: BaseException) -> tuple[int, str]:
    """Exit code and message."""
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return 130, "interrupted; nothing was left half-written."
    if isinstance(error, PocketzoError):
        return error.exit_code, str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:  # files that we write have errors of their own
        return PocketzoError.exit_code, "standard output or error: the disk that it goes to is full. Send it elsewhere."
    if isinstance(error, ImportError):
        return UsageError.exit_code, f"{unusable(error)}. Install it again: pip install --force-reinstall pocketzo"
    if isinstance(error, MemoryError):
        return 4, "out of memory. Choose a smaller --batch or a smaller model."
    return 1, f"unexpected {type(error).__name__}: {error}. Run again with --debug and report what it shows."


def percent(share: float | None) -> str:
    """A share as people read it; a dash where there is none."""
    return "-" if share is None else f"{100 * share:.1f} %"


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
