"""transformers' own reading of a whole checkpoint, which the layer-by-layer reading is held against."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pocketzo.export.decoder import check_family
from pocketzo.runtime.errors import BadInput, PocketzoError, bad_input

from .tensors import StoredTensors

if TYPE_CHECKING:
    from .source import Source


def load_whole(source: Source, **options: Any) -> Any:
    """transformers' own model of the whole checkpoint in fp32; `options` go to its loader.

    Raises BadInput as `open_checkpoint` does.
    """
    where = source.where
    prefix = "" if source.gguf else StoredTensors(source.weights, where).prefix
    with loading(where) as transformers:
        config = transformers.AutoConfig.from_pretrained(
            source.folder, local_files_only=True, trust_remote_code=False, **source.options
        )
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
            **source.options,
            **options,
        )
    if missing := sorted(info["missing_keys"]):
        bad_input(where, f"lacks {len(missing)} tensors, such as {missing[0]}", "Copy the checkpoint again")
    return model.eval()


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
