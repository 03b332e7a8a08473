"""The files of a checkpoint's folder: what the small ones tell before weights are read, and which ones hold these."""

from __future__ import annotations

from pathlib import Path

from pocketzo.export.model.decoder import check_model_type
from pocketzo.runtime.errors import bad_input
from pocketzo.runtime.system.files import read_json

from .refused import check_no_adapter, check_not_quantized, check_real_file

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth")


def check_folder(folder: Path) -> None:
    """Raises BadInput for what the small files of `folder` can tell before any library looks at them."""
    check_no_adapter(folder)
    path = folder / "config.json"
    if not path.is_file():
        bad_input(folder, "has no config.json", "Give a Hugging Face checkpoint folder")
    for small in sorted([*folder.glob("*.json"), *folder.glob("tokenizer.model"), *folder.glob("merges.txt")]):
        check_real_file(small)
    config = read_json(path, "model configuration")
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        bad_input(path, "names no model_type", "Give a Hugging Face checkpoint folder")
    check_model_type(config["model_type"], path)
    check_not_quantized(config, path)
    if config.get("transformers_weights") is not None:
        why = f'"transformers_weights" names a file of weights, and only {SINGLE} and {INDEX} are looked for'
        bad_input(path, why, "Rename the file, and remove the key")


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, each whole: as in transformers the single file before an index.

    Raises BadInput if one is missing, truncated, or something else than safetensors.
    """
    single, index = folder / SINGLE, folder / INDEX
    names = shards(index) if index.is_file() and not single.is_file() else [SINGLE]
    paths = [folder / name for name in names]
    for path in paths:
        _check_safetensors(path)
    return paths


def shards(index: Path) -> list[str]:
    """The names of the files that an index names. Raises BadInput if it names any that cannot lie beside it."""
    content = read_json(index, "index of weights")
    found = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(found, dict) or not found:
        bad_input(index, "holds no weight_map", "Copy the checkpoint again")
    for name in found.values():
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".safetensors"):
            bad_input(index, f"names {name!r}, which is not a .safetensors file beside it", "Copy it again")
    return sorted(set(found.values()))


def _check_safetensors(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        bad_input(path, "the weights file is missing", f"Copy the checkpoint again{_instead(path.parent)}")
    check_real_file(path)
    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as e:
        bad_input(path, f"is truncated or not a safetensors file ({e})", "Copy the checkpoint again")


def _instead(folder: Path) -> str:
    """What is there in place of weights that can be read, for a message."""
    if pickles := sorted(path.name for pattern in PICKLES for path in folder.glob(pattern)):
        return f" (pickle files such as {pickles[0]} are never opened: convert it to safetensors)"
    if ggufs := sorted(path.name for path in folder.glob("*.gguf")):
        return f" (there is {ggufs[0]}: name that file itself)"
    if others := sorted(path.name for path in folder.glob("*.safetensors")):
        return f" (there is {others[0]}, which no {INDEX} names)" if not (folder / INDEX).is_file() else ""
    return ""
