"""What all commands share: the options --json and --debug, results on standard output, errors on standard error."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from pocketzo.runtime.errors import DiskFull, PocketzoError

_debug = False


def _set_debug(value: bool) -> bool:
    global _debug
    _debug = _debug or value
    return value


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")]
Debug = Annotated[bool, typer.Option("--debug", callback=_set_debug, help="Show the traceback of an error.")]
Engine = Annotated[str, typer.Option(help="Engine to run the graph on: onnx, executorch, if the bundle has its graph.")]
Threads = Annotated[int, typer.Option(help="Threads of the engine; 0 leaves the choice to it.", min=0, max=1024)]


def first_process() -> bool:
    """Whether this is the only process, or the one of several started together that speaks for all."""
    return int(os.environ.get("RANK", "0")) == 0


def report_error(error: BaseException) -> int:
    """Print an error as one message (with its traceback under --debug) and return the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if _debug:
        traceback.print_exception(error)
    if isinstance(error, BrokenPipeError):  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # the argument parser's own errors share no public base
        error.show()
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        print("pocketzo: interrupted; nothing was left half-written.", file=sys.stderr)  # noqa: T201
        return 130
    if isinstance(error, PocketzoError):
        if first_process() or isinstance(error, DiskFull):
            print(f"pocketzo: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    if isinstance(error, MemoryError):
        print("pocketzo: out of memory. Choose a smaller --batch or a smaller model.", file=sys.stderr)  # noqa: T201
        return 4
    print(  # noqa: T201
        f"pocketzo: unexpected {type(error).__name__}: {error}. Run again with --debug and report what it shows.",
        file=sys.stderr,
    )
    return 1


def print_json(content: dict[str, Any]) -> None:
    """The one JSON object of --json."""
    print(json.dumps(content, ensure_ascii=False, allow_nan=False))  # noqa: T201


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
