"""The command line. Each command is a file of its own and imports what it needs when it runs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import typer
from pocketzo.runtime import __version__

from . import evaluate, export, inspect, package, replay, tune, verify
from .common import report_error
from .streams import leave, output, prepare, say

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Fine-tune a language model with forward passes alone: export a bundle, tune it, evaluate it.",
    epilog="Start with: pocketzo export CHECKPOINT --out BUNDLE",
)
for module in (export, inspect, verify, tune, evaluate, replay, package):
    name = module.__name__.rsplit(".", 1)[-1]
    app.command(name, epilog=module.EXAMPLES)(getattr(module, name))


def _version(value: bool) -> None:
    if value:
        say(__version__)
        raise typer.Exit


@app.callback()
def pocketzo(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Fine-tune a language model with forward passes alone: export a bundle, tune it, evaluate it."""


def _terminated(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def run(call: Callable[[], Any]) -> NoReturn:
    """Call a command and leave: 0 done, 2 wrong usage, 3 bad input, 4 not enough memory or disk, 130 interrupted."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        prepare()
        code = call() or 0
        with output():
            pass  # what is not written yet is now
        # The argument parser turns Ctrl-C into a bare exit code.
        code = report_error(KeyboardInterrupt()) if code == 130 else code
    except BaseException as e:
        code = report_error(e)
    leave(sys.stdout)
    leave(sys.stderr)
    sys.exit(code)


def main() -> NoReturn:
    """Run the command line; exit codes as those of `run`."""
    run(lambda: app(standalone_mode=False))
