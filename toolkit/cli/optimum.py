"""optimum-cli export pocketzo: `pocketzo export` from the tool that people already have for exports.

The signature of `pocketzo export` is the one definition of the options: the parser that optimum needs is generated
from it, and what was given goes on to that command as it came, to be checked and run there.
"""

from __future__ import annotations

import inspect
from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from optimum.commands.base import BaseOptimumCLICommand, CommandInfo
from typer.main import get_command
from typer.models import OptionInfo

from . import app, run
from .export import export

PROGRAM = "optimum-cli export pocketzo"
EXAMPLES = f"""Examples:
  {PROGRAM} --model ./SmolLM2-135M smol.pocketzo
  {PROGRAM} --model SmolLM2-135M-Instruct.Q4_1.gguf --density 0.0005 smol.pocketzo
  {PROGRAM} --model HuggingFaceTB/SmolLM2-135M --calibration my-notes.txt smol.pocketzo

The same bundle as that of `pocketzo export CHECKPOINT --out OUT`. Go on with `pocketzo verify OUT`."""


class PocketzoExportCommand(BaseOptimumCLICommand):
    """The subcommand `pocketzo` of `optimum-cli export`."""

    COMMAND = CommandInfo(name="pocketzo", help="Export a language model for fine-tuning on phones (pocketzo).")

    @staticmethod
    def parse_args(parser: ArgumentParser) -> None:
        """Add the options of `pocketzo export`; CHECKPOINT and --out go by the names usual in optimum."""
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.description, parser.epilog = inspect.getdoc(export), EXAMPLES
        for name, hint, info, default in _parameters():
            settings: dict[str, Any] = {"help": _help(info, default), "default": SUPPRESS}
            if name == "checkpoint":
                parser.add_argument("-m", "--model", dest=name, metavar="CHECKPOINT", required=True, **settings)
            elif name == "out":
                parser.add_argument(name, metavar="OUT", help=settings["help"])
            else:
                parser.add_argument(_option(name), dest=name, **settings, **_kind(hint))

    def run(self) -> None:
        """Run `pocketzo export`, and leave with its exit code."""
        given = vars(self.args)
        command = get_command(app).commands["export"]  # type: ignore[attr-defined]
        options = [name for name, *_ in _parameters() if name in given and name != "checkpoint"]
        words = [word for name in options for word in _as_given(name, given[name])]
        arguments = [*words, "--", given["checkpoint"]]

        def call() -> Any:
            try:
                return command.main(arguments, prog_name=PROGRAM, standalone_mode=False)
            except Exception as e:
                # The other parser's own errors, which share no public base, would show the usage of `pocketzo export`.
                if hasattr(e, "format_message"):
                    self.parser.error(e.format_message())
                raise

        run(call)


def _parameters() -> Iterator[tuple[str, Any, Any, Any]]:
    """Name, type, typer's description and default of each parameter of `pocketzo export`."""
    for name, parameter in inspect.signature(export, eval_str=True).parameters.items():
        hint, info = get_args(parameter.annotation)
        yield name, hint, info, None if parameter.default is parameter.empty else parameter.default


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _help(info: Any, default: Any) -> str:
    """The description with the default and the least value, which typer's own help adds too."""
    notes = [f"default: {default}"] if default not in (None, False) else []
    if isinstance(info, OptionInfo) and info.min is not None:
        notes.append(f"at least {info.min}")
    text = info.help + (f" ({'; '.join(notes)})" if notes else "")
    return text.replace("%", "%%")


def _kind(hint: Any) -> dict[str, Any]:
    """How argparse reads an option of this type; values stay text."""
    if hint is bool:
        return {"action": "store_true"}
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    repeatable = any(get_origin(kind) is list for kind in (hint, *get_args(hint)))
    return {"action": "append"} if repeatable else {}


def _as_given(name: str, value: Any) -> list[str]:
    """The words of `pocketzo export` that say the same."""
    if value is True:
        return [_option(name)]
    return [f"{_option(name)}={text}" for text in (value if isinstance(value, list) else [value])]
