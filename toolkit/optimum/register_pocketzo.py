"""Tells optimum-cli of `export pocketzo`. Installed into the namespace optimum.commands.register, where it looks.

optimum-cli imports this file whenever it starts, whatever it is asked for: nothing heavy may be imported here.
"""

from optimum.commands.export.base import ExportCommand
from pocketzo.toolkit.cli.optimum import PocketzoExportCommand

REGISTER_COMMANDS = [(PocketzoExportCommand, ExportCommand)]
