"""What an export will do, decided before the work starts: the opened checkpoint, and what the settings mean for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pocketzo.export.engines import check_groups
from pocketzo.export.model.decoder import Decoder
from pocketzo.export.model.layerwise import block_of
from pocketzo.runtime.bundle.manifest import Calibration, Quantization
from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.errors import UsageError, bad_input
from pocketzo.runtime.tasks import make_task
from tokenizers import Tokenizer as Backend

from .checkpoint import Checkpoint, open_checkpoint
from .checkpoint.source import Source
from .config import MAX_LENGTH, MAX_TOKENS, ExportConfig
from .quantize.rounding import OUTLIERS
from .select.calibration import held_out, windows
from .select.mask import Rule

GROUP_SIZE: Literal[32] = 32
EMBEDDING_GROUP_SIZE: dict[int, Literal[32, 64]] = {4: 32, 8: 64}
"""by bits; where the larger one does not divide the width of the table, the smaller one does"""
SKIPPED = 0.3
"""share of the blocks, from the first, that are not tuned: what they change is more noise and less signal"""


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the work starts.

    `config` is resolved. `first_layer` is the first block with tuned values; `max_tokens` and `max_length` bound the
    passes of a graph of planned memory: P * B * T, and T. Sensitivity is measured on `windows` (int64 [windows, T]) of
    the text that `calibration` describes, and the cost of quantization on `held_out` (int64 [windows, T], maybe none),
    which follow in that text.
    """

    opened: Checkpoint
    config: ExportConfig
    task: dict[str, Any] | None
    quantization: Quantization
    first_layer: int
    max_tokens: int
    max_length: int
    rule: Rule
    windows: np.ndarray
    calibration: Calibration
    held_out: np.ndarray

    @property
    def tokens(self) -> np.ndarray:
        """The calibration windows as one text, int64 [windows * T]."""
        return self.windows.reshape(-1)


def make_plan(source: Source, config: ExportConfig, text: str, text_name: str, task: dict[str, Any] | None) -> Plan:
    """Open the checkpoint and decide what is to be done with it; `text` is the calibration text.

    Raises BadInput or UsageError for a checkpoint, a text, a task or settings that do not go together.
    """
    config, opened = config.resolved(), open_checkpoint(source)
    decoder = opened.decoder
    first, longest = first_layer(config, decoder), max_length(config, decoder)
    quantization = _quantized(config, decoder)
    check_groups(config.engines, decoder, quantization.group_size)
    if task is not None:
        _check_task(task, opened)
    tokens = min(config.window_tokens, decoder.context_tokens)
    seen, calibration = windows(text, text_name, opened.tokenizer, config.windows, tokens, decoder.vocabulary)
    shapes = {linear.name: (linear.rows, linear.columns) for linear in decoder.linears()}
    return Plan(
        opened=opened,
        config=config,
        task=task,
        quantization=quantization,
        first_layer=first,
        max_tokens=config.max_tokens or MAX_TOKENS,
        max_length=longest,
        rule=Rule(shapes, config.scope, config.density, config.per_layer, lambda name: block_of(name) >= first),
        windows=seen,
        calibration=calibration,
        held_out=held_out(text, opened.tokenizer, calibration, min(tokens, longest), decoder.vocabulary),
    )


def max_length(config: ExportConfig, decoder: Decoder) -> int:
    """The longest sequence that a graph of planned memory takes. Raises UsageError if it is over the context."""
    context = decoder.context_tokens
    if config.max_length is not None and config.max_length > context:
        raise UsageError(f"--max-length {config.max_length}: the model's context is {context}. Give at most that.")
    return config.max_length or min(MAX_LENGTH, context)


def first_layer(config: ExportConfig, decoder: Decoder) -> int:
    """The first block with tuned values. Raises BadInput if there is no such block."""
    layers = decoder.layers
    if config.first_layer is None:
        return round(SKIPPED * layers)
    if not 0 <= config.first_layer < layers:
        bad_input(f"--first-layer {config.first_layer}", f"the model has {layers} layers", f"Give 0 to {layers - 1}")
    return config.first_layer


def _quantized(config: ExportConfig, decoder: Decoder) -> Quantization:
    size = EMBEDDING_GROUP_SIZE[config.embedding_bits]
    return Quantization(
        weight_bits=config.weight_bits,
        group_size=GROUP_SIZE if config.weight_bits == 4 else 0,
        outliers=0 if config.weight_bits == 4 else OUTLIERS,
        embedding_bits=config.embedding_bits,
        embedding_group_size=32 if decoder.hidden % size else size,
        accuracy_level=config.accuracy_level,  # type: ignore[arg-type]  # not None in a resolved config
    )


def _check_task(task: dict[str, Any], opened: Checkpoint) -> None:
    """Raises BadInput if the task does not fit the model's tokenizer."""
    backend = Backend.from_str(opened.tokenizer.backend.to_str())
    make_task(task, "--task", Tokenizer(backend), opened.decoder.vocabulary, opened.tokenizer.eos_token_id)
