"""Opening a checkpoint: a Hugging Face folder, a hub id, or a GGUF file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pocketzo.export.model.decoder import Decoder, read_decoder
from pocketzo.export.model.layerwise import TensorOf, rotary_embedding
from pocketzo.runtime.errors import bad_input

from .folder import read_folder
from .gguf import read_gguf
from .source import Source, find_source
from .tokenizer import ModelTokenizer
from .whole import load_whole

__all__ = ["Checkpoint", "ModelTokenizer", "Source", "find_source", "load_whole", "open_checkpoint"]


@dataclass
class Checkpoint:
    """An opened checkpoint: configuration, decoder description, tokenizer, and its tensors by name, fp32 each."""

    source: Source
    config: Any
    decoder: Decoder
    tokenizer: ModelTokenizer
    tensor: TensorOf
    shapes: dict[str, Any]
    """of all tensors, a tied table once"""

    @property
    def parameters(self) -> int:
        """Parameters of the model, a tied table counted once."""
        return sum(math.prod(shape) for shape in self.shapes.values())


def open_checkpoint(source: Source) -> Checkpoint:
    """Read the configuration and the tokenizer, and find every tensor; each is read when it is asked for.

    No code of the checkpoint is run. Raises BadInput if the architecture is not supported, or a tensor or the
    tokenizer is missing.
    """
    where = source.where
    parts = read_gguf(source) if source.gguf else read_folder(source)
    config, tokenizer = parts.config, parts.tokenizer
    _check_vocabulary(tokenizer, config.vocab_size, where)
    rotary = rotary_embedding(config)
    frequencies = rotary.inv_freq.float().numpy() if parts.frequencies is None else parts.frequencies
    decoder = read_decoder(config, frequencies, float(getattr(rotary, "attention_scaling", 1.0)), where)
    return Checkpoint(source, config, decoder, tokenizer, _finite(parts.tensor, where), parts.shapes)


def _finite(tensor: TensorOf, where: Path) -> TensorOf:
    """`tensor`, which raises BadInput for one with NaN or infinite numbers: a text may never touch that row."""

    def checked(name: str) -> torch.Tensor:
        found = tensor(name)
        if not torch.isfinite(found).all():
            bad_input(where, f"{name} is not finite: it holds NaN or infinite numbers", "Give another checkpoint")
        return found

    return checked


def _check_vocabulary(tokenizer: ModelTokenizer, vocabulary: int, where: Path) -> None:
    """Raises BadInput if any text may bring a token that the model has no row for.

    An added token beyond the model's rows, [PAD] mostly, is no fault until a text spells it out, which is refused then.
    """
    backend = tokenizer.backend
    words = backend.get_vocab(with_added_tokens=False).values()
    every_text = backend.encode("", add_special_tokens=True).ids
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    if (largest := max([*words, *every_text, *end], default=0)) >= vocabulary:
        why = f"its tokenizer has token {largest}, and the model's vocabulary ends at {vocabulary - 1}"
        bad_input(where, why, "Use the tokenizer that belongs to the model")
