"""The price of quantization: nll of held-out text with the checkpoint's weights, and with the bundle's on an engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pocketzo.export.model.layerwise import Layerwise
from pocketzo.export.model.reference import sequence_nll
from pocketzo.runtime.engines import Engine
from pocketzo.runtime.examples import Example, collate

from .checkpoint import Checkpoint


def checkpoint_nll(opened: Checkpoint, windows: np.ndarray) -> float:
    """Mean nll (nats a token) of `windows` (int64 [windows, T]) with the weights as the checkpoint has them."""
    decoder = Layerwise(opened.config, opened.tensor, frequencies=opened.decoder.inverse_frequencies)
    return float(sequence_nll(decoder, windows).mean())


def artifact_nll(
    engine: Engine, windows: np.ndarray, values: np.ndarray, vocabulary: int, progress: Callable[[int], None]
) -> float:
    """The same on `engine`, whose graph takes `values` (fp32 [K]). `progress` is told 1 after each window."""
    found, words = [], np.arange(vocabulary)
    for window in windows.tolist():
        example = Example(window[:-1], list(range(len(window) - 1)), window[1:], "held-out text")
        found.append(engine.forward(collate([example], words), values[None]).nll.mean())
        progress(1)
    return float(np.mean(found, dtype=np.float64))
