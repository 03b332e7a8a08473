"""Where a checkpoint's files are: a Hugging Face folder, a hub id or a GGUF file; never pickle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pocketzo.export.decoder import check_model_type
from pocketzo.runtime.errors import bad_input
from pocketzo.runtime.files import combined_sha256, read_json

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

    Raises BadInput if there is nothing of that name, if weights are missing, truncated or only in pickle form.
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
    if not (folder / "config.json").is_file():
        bad_input(folder, "has no config.json", "Give a Hugging Face checkpoint folder")
    _check_config(folder / "config.json")
    index = folder / "model.safetensors.index.json"
    weights = [folder / name for name in (_shards(index) if index.is_file() else ["model.safetensors"])]
    for path in weights:
        _check_safetensors(path)
    return Source(name, folder, weights, None)


def _check_config(path: Path) -> None:
    """Raises BadInput for what config.json alone can tell, before any library looks at the folder."""
    config = read_json(path, "model configuration")
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        bad_input(path, "names no model_type", "Give a Hugging Face checkpoint folder")
    check_model_type(config["model_type"], path)
    if "quantization_config" in config:
        bad_input(path, "the checkpoint is quantized already", "Give the one that is not: pocketzo does it")


def _shards(index: Path) -> list[str]:
    content = read_json(index, "index of weights")
    shards = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(shards, dict) or not shards:
        bad_input(index, "holds no weight_map", "Copy the checkpoint again")
    for name in shards.values():
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            bad_input(index, f"names {name!r}, which is not a .safetensors file beside it", "Copy it again")
    return sorted(set(shards.values()))


def _check_safetensors(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        pickles = sorted(p.name for p in path.parent.glob("*.bin"))
        hint = f" (pickle files such as {pickles[0]} are never opened: convert it to safetensors)" if pickles else ""
        bad_input(path, "the weights file is missing", f"Copy the checkpoint again{hint}")
    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as e:
        bad_input(path, f"is truncated or not a safetensors file ({e})", "Copy the checkpoint again")
