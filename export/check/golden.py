"""Golden vectors: fixed inputs with the nll that torch computes on the dequantized weights, and the generator's words.

They come from the reference, never from the artifact, so that they can convict it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pocketzo.runtime.directions import STREAM_DIRECTIONS, directions, philox_words
from pocketzo.runtime.examples import Example, collate

from ..model.layerwise import Layerwise
from ..model.reference import layerwise_nll
from ..weights.layout import Layout

SEED, STEP, ROW, WORDS = 2406, 2913, 1, 16
EPS = 1e-2
LENGTHS = (24, 17)
TOKENS = max(LENGTHS) + 1
"""real tokens that golden vectors need"""


def golden_vectors(decoder: Layerwise, layout: Layout, values: np.ndarray, window: np.ndarray) -> dict[str, Any]:
    """The tensors of golden.safetensors for `decoder` (of dequantized weights), from a window of real tokens.

    P = 2 (values +- eps z, as in a step), B = 2 of unequal length, S = 2 positions with two labels each, one position
    padded, and words that are not the whole vocabulary.
    """
    examples = []
    for b, length in enumerate(LENGTHS):
        tokens = window[b : b + length + 1].tolist()
        positions = [length // 2, length - 1][b:]
        examples.append(Example(tokens[:-1], positions, [t for p in positions for t in tokens[p : p + 2]], "golden"))
    words = np.array([word for word in range(decoder.config.vocab_size) if word % 7])
    batch = collate(examples, words)
    z = directions(SEED, STEP, 1, len(values)) * np.float32(EPS)
    perturbed = np.concatenate([values + z, values - z])
    return {
        "input_ids": batch.input_ids,
        "label_positions": batch.label_positions,
        "label_ids": batch.label_ids,
        "words": batch.words,
        "values": perturbed,
        "nll": layerwise_nll(decoder, layout, batch, perturbed),
        "philox_words": philox_words(SEED, STREAM_DIRECTIONS, STEP, ROW, WORDS),
        "philox_seed_step_row": np.array([SEED, STEP, ROW], dtype=np.int64),
    }
