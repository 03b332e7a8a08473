"""Directions: +1/-1 (Rademacher) from the counter-based generator Philox4x64-10.

Integer arithmetic only, so every language gives the same bits. Word w of row q at step s is word w % 4 of the Philox
block with counter (1 + w // 4, q, s, 0) and key (seed, stream); value i takes bit i % 64 (from the lowest) of word
i // 64: a set bit is +1, a clear bit -1.
"""

from __future__ import annotations

import numpy as np

STREAM_DIRECTIONS = 0
STREAM_ORDER = 1


def philox_words(seed: int, stream: int, step: int, row: int, count: int) -> np.ndarray:
    """The first `count` words, uint64 [count], of one row at one step of one stream."""
    # numpy increments the counter before the first block, hence block 1 although 0 is given here.
    generator = np.random.Philox(
        key=np.array([seed, stream], dtype=np.uint64), counter=np.array([0, row, step, 0], dtype=np.uint64)
    )
    return generator.random_raw(count)


def directions(seed: int, step: int, rows: int, count: int) -> np.ndarray:
    """The directions z of one step, fp32 [Q, K] of +1 and -1 (Q = rows, K = count)."""
    words = -(-count // 64)
    bits = np.stack(
        [
            np.unpackbits(
                philox_words(seed, STREAM_DIRECTIONS, step, row, words).astype("<u8").view(np.uint8),
                bitorder="little",
                count=count,
            )
            for row in range(rows)
        ]
    )
    return bits.astype(np.float32) * np.float32(2) - np.float32(1)


def permutation(seed: int, epoch: int, row: int, count: int) -> np.ndarray:
    """A random order of `count` things, int64 [count]: indices sorted by their Philox word, ties by index."""
    return np.argsort(philox_words(seed, STREAM_ORDER, epoch, row, count), kind="stable")
