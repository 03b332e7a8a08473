"""What a bundle is made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pocketzo.runtime.bundle.manifest import Calibration, Model, Quantization

from .model.decoder import Decoder
from .weights.layout import Layout

Progress = Callable[[int, int], None]
"""told how many more units of a graph are done, and of how many in all: 0 and 0 (unknown) or the total at its start"""


@dataclass(frozen=True)
class Contents:
    """Everything that a bundle is made from but the 4-bit weights, which are in `store` already.

    `unrounded` names the input channels of each layer whose activations an engine should keep in fp32 where it rounds
    others. `max_tokens` and `max_length` bound the passes of a graph that has its memory planned: P * B * T, and T.
    """

    decoder: Decoder
    layout: Layout
    values: np.ndarray
    sensitivity: np.ndarray
    golden: dict[str, Any]
    tokenizer_json: str
    chat_template: str | None
    model: Model
    calibration: Calibration
    quantization: Quantization
    density: float
    per_layer: bool
    first_layer: int
    captured: float
    eligible_weights: int
    task: dict[str, Any] | None
    outliers: dict[str, np.ndarray]
    unrounded: dict[str, np.ndarray]
    engines: tuple[str, ...]
    max_tokens: int
    max_length: int
