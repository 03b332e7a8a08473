"""Where a checkpoint's files are: a Hugging Face folder, a hub id or a GGUF file; never pickle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pocketzo.runtime.errors import bad_input
from pocketzo.runtime.files import combined_sha256

from .folder_files import check_folder, weight_files
from .gguf_file import check_gguf
from .hub import download

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")


@dataclass(frozen=True)
class Source:
    """Where a checkpoint's files are, checked to be whole: a folder, its weight files, and a GGUF name if it is one."""

    name: str
    folder: Path
    weights: list[Path]
    gguf: str | None

    @property
    def options(self) -> dict[str, Any]:
        """What transformers' loaders need to know beside the folder."""
        return {"gguf_file": self.gguf} if self.gguf else {}

    @property
    def where(self) -> Path:
        """What messages name: the folder or the GGUF file."""
        return self.folder / self.gguf if self.gguf else self.folder

    def hash(self) -> str:
        """SHA-256 over the names and SHA-256 of the weight files."""
        return combined_sha256(self.weights)


def find_source(checkpoint: str) -> Source:
    """Find a checkpoint's files and check that each is whole, without loading weights.

    Raises BadInput if there is nothing of that name, if weights are missing, truncated or only in pickle form, or if
    what is there is no model but an adapter, is quantized already, or stands for files that were not fetched.
    """
    path = Path(checkpoint)
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            bad_input(path, "there is no such GGUF file", "Check the path")
        check_gguf(path)
        return Source(path.stem, path.parent, [path], path.name)
    if path.is_dir():
        return _folder(path, path.resolve().name)
    if HUB_ID.match(checkpoint) and not path.exists():
        return _folder(download(checkpoint), checkpoint)
    bad_input(
        checkpoint,
        "is neither a folder, a .gguf file nor a hub id (owner/name)",
        "Give a Hugging Face folder with config.json and *.safetensors, or a .gguf file",
    )


def _folder(folder: Path, name: str) -> Source:
    check_folder(folder)
    return Source(name, folder, weight_files(folder), None)
