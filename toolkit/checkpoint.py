"""Opening a checkpoint: a Hugging Face folder, a hub id, or a GGUF file; safetensors or GGUF, never pickle."""

from __future__ import annotations

import contextlib
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pocketzo.export.decoder import Decoder, check_family, check_model_type, read_decoder
from pocketzo.export.layerwise import TensorOf, rotary_embedding, skeleton
from pocketzo.runtime.errors import BadInput, PocketzoError, bad_input
from pocketzo.runtime.files import combined_sha256, read_json

from .tensors import StoredTensors

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model"]


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


@dataclass
class Checkpoint:
    """An opened checkpoint: configuration, decoder description, tokenizer, and its tensors by name, fp32 each."""

    source: Source
    config: Any
    decoder: Decoder
    tokenizer: Any
    tensor: TensorOf
    shapes: dict[str, Any]
    """of all tensors, a tied table once"""

    @property
    def parameters(self) -> int:
        """Parameters of the model, a tied table counted once."""
        return sum(math.prod(shape) for shape in self.shapes.values())


def find_source(checkpoint: str) -> Source:
    """Find a checkpoint's files and check that each is whole, without loading weights.

    Raises BadInput if there is nothing of that name, if weights are missing, truncated or only in pickle form.
    """
    path = Path(checkpoint)
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            bad_input(path, "there is no such GGUF file", "Check the path")
        _check_gguf(path)
        return Source(path.stem, path.parent, [path], path.name)
    if path.is_dir():
        return _folder(path, path.resolve().name)
    if HUB_ID.match(checkpoint) and not path.exists():
        return _folder(_download(checkpoint), checkpoint)
    bad_input(
        checkpoint,
        "is neither a folder, a .gguf file nor a hub id (owner/name)",
        "Give a Hugging Face folder with config.json and *.safetensors, or a .gguf file",
    )


def _download(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=HUB_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as e:
        bad_input(
            hub_id, f"cannot be fetched from the hub ({_first_line(e)})", "Check the name, or give a local folder"
        )


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


def _check_gguf(path: Path) -> None:
    from gguf import GGUFReader

    try:
        tensors = GGUFReader(path).tensors
        end = max(int(t.data_offset) + int(t.n_bytes) for t in tensors)
    except Exception as e:  # the reader trusts what it reads, so a damaged file fails anywhere in it
        bad_input(path, f"is truncated or not a GGUF file ({e})", "Copy the file again")
    if (size := path.stat().st_size) < end:
        bad_input(path, f"is truncated: {size} bytes, and its tensors end at byte {end}", "Copy the file again")


def open_checkpoint(source: Source) -> Checkpoint:
    """Read the configuration and the tokenizer, and find every tensor. No remote code is run.

    Tensors of safetensors files are read when they are asked for; a GGUF file is loaded as a whole, because
    transformers, which knows its names for tensors, does it so. Raises BadInput if the architecture is not supported,
    or a tensor or the tokenizer is missing.
    """
    where = source.where
    if source.gguf:
        model = load_whole(source)
        config, tensors = model.config, dict(model.named_parameters())
        shapes = {name: tensor.shape for name, tensor in tensors.items()}

        def tensor(name: str) -> Any:
            return tensors[name].detach()
    else:
        with _loading(where) as transformers:
            config = transformers.AutoConfig.from_pretrained(source.folder, local_files_only=True)
            check_family(config, where)
            shapes = {name: tensor.shape for name, tensor in skeleton(config).named_parameters()}
        tensor = StoredTensors(source.weights, shapes, bool(config.tie_word_embeddings), where)
    tokenizer = _open_tokenizer(source, where)
    if (largest := max(tokenizer.get_vocab().values())) >= config.vocab_size:
        bad_input(
            where,
            f"its tokenizer has token {largest}, and the model's vocabulary ends at {config.vocab_size - 1}",
            "Use the tokenizer that belongs to the model",
        )
    rotary = rotary_embedding(config)
    decoder = read_decoder(
        config, rotary.inv_freq.float().numpy(), float(getattr(rotary, "attention_scaling", 1.0)), where
    )
    return Checkpoint(source, config, decoder, tokenizer, tensor, shapes)


def load_whole(source: Source) -> Any:
    """transformers' own model of the whole checkpoint in fp32. Raises BadInput as `open_checkpoint` does."""
    where = source.where
    with _loading(where) as transformers:
        config = transformers.AutoConfig.from_pretrained(source.folder, local_files_only=True, **source.options)
        check_family(config, where)
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            source.folder,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            attn_implementation="sdpa",
            **source.options,
        )
    if missing := sorted(info["missing_keys"]):
        bad_input(where, f"lacks {len(missing)} tensors, such as {missing[0]}", "Copy the checkpoint again")
    return model.eval()


@contextlib.contextmanager
def _loading(where: Path) -> Iterator[Any]:
    """transformers without its progress bars, any error of whose loaders means that the files do not make a model."""
    import transformers

    transformers.logging.set_verbosity_error()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield transformers
    except (PocketzoError, MemoryError):
        raise
    except Exception as e:
        raise BadInput(f"{where}: cannot be loaded ({_first_line(e)}). Copy the checkpoint again.") from e


def _open_tokenizer(source: Source, where: Path) -> Any:
    import transformers

    try:
        with contextlib.redirect_stderr(io.StringIO()):
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                source.folder, local_files_only=True, **source.options
            )
    except Exception as e:  # any error of the loader means that the files do not make a tokenizer
        bad_input(where, f"its tokenizer cannot be loaded ({_first_line(e)})", "Add the model's tokenizer.json")
    if not getattr(tokenizer, "is_fast", False):
        bad_input(where, "its tokenizer has no tokenizer.json form", "Convert it with transformers first")
    return tokenizer


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
