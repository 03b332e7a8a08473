"""A GGUF file as a source of tensors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pocketzo.runtime.errors import bad_input

from .parts import Parts
from .tokenizer import open_tokenizer
from .whole import load_whole

if TYPE_CHECKING:
    from .source import Source


def check_gguf(path: Path) -> None:
    """Raises BadInput if the file is no GGUF file, or is truncated."""
    from gguf import GGUFReader

    try:
        tensors = GGUFReader(path).tensors
        end = max(int(t.data_offset) + int(t.n_bytes) for t in tensors)
    except Exception as e:  # the reader trusts what it reads, so a damaged file fails anywhere in it
        bad_input(path, f"is truncated or not a GGUF file ({e})", "Copy the file again")
    if (size := path.stat().st_size) < end:
        bad_input(path, f"is truncated: {size} bytes, and its tensors end at byte {end}", "Copy the file again")


def read_gguf(source: Source) -> Parts:
    """The parts of a GGUF file. Raises BadInput as `open_checkpoint` does."""
    model = load_whole(source)
    tensors = dict(model.named_parameters())
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    return Parts(model.config, lambda name: tensors[name].detach(), shapes, open_tokenizer(source))
