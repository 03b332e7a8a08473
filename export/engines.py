"""Who writes the step graph for each engine: `write_step` in the module `writer` of the folder of its name.

A writer also has `check_decoder`, which refuses a model that the engine cannot multiply by.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from pocketzo.runtime.bundle.manifest import Graph
from pocketzo.runtime.engines import ENGINES, check_engine
from pocketzo.runtime.system.packages import needed

from .contents import Contents, Progress
from .model.decoder import Decoder
from .weights.weights_file import WeightsFile


class Writer(Protocol):
    """What export/NAME/writer.py has."""

    def write_step(self, folder: Path, store: WeightsFile, contents: Contents, progress: Progress) -> Graph:
        """Write the step graph of `contents` with its weights in `store` into `folder`; returns what the manifest says
        of it.
        """

    def check_decoder(self, decoder: Decoder, group_size: int) -> None:
        """Raises BadInput if the engine cannot run `decoder` with groups of so many weights (0: one scale a row)."""


def load_writer(engine: str) -> Writer:
    """The writer for `engine`, whose libraries may take seconds. Raises UsageError if they cannot be loaded."""
    with needed(f"--engine {engine}", ENGINES[engine].install_export):
        return import_module(f".{engine}.writer", __package__)


def write_graph(engine: str, folder: Path, store: WeightsFile, contents: Contents, progress: Progress) -> Graph:
    """Write the step graph for `engine`, as `Writer.write_step` does."""
    return load_writer(engine).write_step(folder, store, contents, progress)


def check_engines(engines: Sequence[str]) -> None:
    """Raises UsageError if an engine is not known, or the packages that write its graph are missing or broken."""
    for engine in engines:
        check_engine(engine)
    for engine in engines:
        load_writer(engine)


def check_groups(engines: Sequence[str], decoder: Decoder, group_size: int) -> None:
    """Raises BadInput if one of `engines` cannot run `decoder` with groups of `group_size` weights (0: none)."""
    for engine in engines:
        load_writer(engine).check_decoder(decoder, group_size)
