"""A whole checkpoint in transformers' own model, which the layer-by-layer pass is held against."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pocketzo.export.model.decoder import check_family
from pocketzo.export.model.families import FAMILIES
from pocketzo.export.model.layerwise import rotary_embedding, skeleton
from pocketzo.runtime.errors import BadInput, PocketzoError, bad_input

from .tensors import StoredTensors

if TYPE_CHECKING:
    from .source import Source


def load_whole(source: Source, **options: Any) -> Any:
    """transformers' own model of the whole checkpoint in fp32; `options` go to its loader of folders.

    transformers reads a folder itself; of a GGUF file it is given the tensors, because it drops some of its metadata.
    Raises BadInput as `open_checkpoint` does.
    """
    if source.gguf:
        return _load_gguf(source)
    where = source.where
    prefix = StoredTensors(source.weights, where).prefix
    with loading(where) as transformers:
        config = transformers.AutoConfig.from_pretrained(source.folder, local_files_only=True, trust_remote_code=False)
        check_family(config, where)
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            source.folder,
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            attn_implementation="sdpa",
            key_mapping={f"^{re.escape(prefix)}": ""} if prefix else None,
            **options,
        )
    if missing := sorted(info["missing_keys"]):
        bad_input(where, f"lacks {len(missing)} tensors, such as {missing[0]}", "Copy the checkpoint again")
    return model.eval()


def _load_gguf(source: Source) -> Any:
    from .gguf import read_gguf  # which, as all readers, needs what is below

    parts = read_gguf(source)
    model = skeleton(parts.config)
    model.load_state_dict({name: parts.tensor(name) for name in parts.shapes}, strict=False, assign=True)
    model.tie_weights()
    rotary = rotary_embedding(parts.config)
    if parts.frequencies is not None:
        rotary.inv_freq.copy_(torch.from_numpy(parts.frequencies))
    model.set_submodule(FAMILIES[parts.config.model_type].names.rotary, rotary)
    return model


@contextlib.contextmanager
def loading(where: Path) -> Iterator[Any]:
    """transformers without its progress bars, any error of whose loaders means that the files do not make a model."""
    import transformers
    from huggingface_hub.errors import StrictDataclassFieldValidationError

    transformers.logging.set_verbosity_error()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield transformers
    except (PocketzoError, MemoryError):
        raise
    except StrictDataclassFieldValidationError as e:  # its first line names the key, its last one what is wrong
        why = f"cannot be loaded ({str(e).strip().splitlines()[-1].strip()})"
        bad_input(where / "config.json", why, "Set the key as the model's authors did, or remove it")
    except Exception as e:
        raise BadInput(f"{where}: cannot be loaded ({first_line(e)}). Copy the checkpoint again.") from e


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
