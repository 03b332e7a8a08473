"""A checkpoint with the whole model in memory, for what the exporter never does: training, and other quantizers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pocketzo.export.model.decoder import Decoder
from pocketzo.toolkit.checkpoint import find_source, load_whole, open_checkpoint


@dataclass
class Whole:
    """transformers' model in fp32, its decoder description and its tokenizer."""

    model: Any
    decoder: Decoder
    tokenizer: Any


def open_whole(checkpoint: Path) -> Whole:
    """Open `checkpoint` and load all of it."""
    source = find_source(str(checkpoint))
    opened = open_checkpoint(source)
    return Whole(load_whole(source), opened.decoder, opened.tokenizer)
