"""Where a checkpoint's files are: a Hugging Face folder, a hub id or a GGUF file; never pickle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pocketzo.runtime.errors import bad_input
from pocketzo.runtime.system.files import combined_sha256

from .folder_files import check_folder, weight_files
from .gguf.files import all_parts, check_magic, only_model
from .hub import download

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")


@dataclass(frozen=True)
class Source:
    """Where a checkpoint's files are: a folder, its weight files, and the name of the first if they are GGUF files."""

    name: str
    folder: Path
    weights: list[Path]
    gguf: str | None

    @property
    def where(self) -> Path:
        """What messages name: the folder or the GGUF file."""
        return self.folder / self.gguf if self.gguf else self.folder

    def hash(self) -> str:
        """SHA-256 over the names and SHA-256 of the weight files."""
        return combined_sha256(self.weights)


def find_source(checkpoint: str) -> Source:
    """Find a checkpoint's files and check that each is whole (of GGUF, when it is opened), without loading weights.

    Raises BadInput if there is nothing of that name, if weights are missing, truncated or only in pickle form, or if
    what is there is no model but an adapter, is quantized already, or stands for files that were not fetched.
    """
    path = Path(checkpoint)
    if path.is_file():
        return _gguf(path)
    if path.is_dir():
        if not (path / "config.json").exists() and (model := only_model(path)):
            return _gguf(model)
        return _folder(path, path.resolve().name)
    if path.suffix.lower() == ".gguf":
        bad_input(path, "there is no such GGUF file", "Check the path")
    if HUB_ID.match(checkpoint) and not path.exists():
        return _folder(download(checkpoint), checkpoint)
    bad_input(
        checkpoint,
        "is neither a folder, a GGUF file nor a hub id (owner/name)",
        "Give a Hugging Face folder with config.json and *.safetensors, or a GGUF file",
    )


def _gguf(path: Path) -> Source:
    check_magic(path)
    name, parts = all_parts(path)
    return Source(name, path.parent, parts, parts[0].name)


def _folder(folder: Path, name: str) -> Source:
    check_folder(folder)
    return Source(name, folder, weight_files(folder), None)
