"""The order in which examples are seen: shuffled, in batches of like length, the same to the bit everywhere.

Padding is wasted work, so a pool of POOL batches is sorted by length before it is cut; the batches of an epoch are
then shuffled again, so that length says nothing about time. Both orders come from Philox (stream 1; row 0 orders the
examples of an epoch, row 1 its batches).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from .directions import permutation
from .examples import Example

POOL = 8


def epoch_batches(lengths: Sequence[int], batch: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The batches of one epoch, each int64 [B] of example indices.

    Every example appears once, but for the remainder of a division by `batch`, which is left out so that no step
    rests on fewer examples; a data set smaller than `batch` is one batch.
    """
    size = min(batch, len(lengths))
    order = permutation(seed, epoch, 0, len(lengths))
    order = order[: len(order) - len(order) % size]
    pools = [order[i : i + POOL * size] for i in range(0, len(order), POOL * size)]
    by_length = np.concatenate([pool[np.argsort(np.asarray(lengths)[pool], kind="stable")] for pool in pools])
    batches = by_length.reshape(-1, size)
    return [batches[i] for i in permutation(seed, epoch, 1, len(batches))]


def padding(lengths: Sequence[int], batch: int, seed: int) -> float:
    """Share of padding among the tokens that the first epoch computes."""
    batches = [np.asarray(lengths)[indices] for indices in epoch_batches(lengths, batch, seed, 0)]
    return 1 - sum(int(b.sum()) for b in batches) / sum(len(b) * int(b.max()) for b in batches)


def training_batches(examples: Sequence[Example], batch: int, seed: int, step: int = 0) -> Iterator[list[Example]]:
    """Batches without end from that of `step` (from 0) on: epoch after epoch, each in an order of its own."""
    lengths = [len(e.tokens) for e in examples]
    epoch, within = divmod(step, len(lengths) // min(batch, len(lengths)))
    while True:
        for indices in epoch_batches(lengths, batch, seed, epoch)[within:]:
            yield [examples[i] for i in indices]
        epoch, within = epoch + 1, 0


def evaluation_batches(
    examples: Sequence[Example], tokens: int = 1024, bounds: Mapping[str, int] = MappingProxyType({})
) -> Iterator[list[int]]:
    """Every index once, longest first, in batches of at most `tokens` padded tokens (or one example), and within an
    engine's `bounds` on "B" and "tokens", which is that of labels too.
    """
    tokens = min(tokens, bounds.get("tokens", tokens))
    labels = max((len(e.targets) or 1 for e in examples), default=1)
    order = sorted(range(len(examples)), key=lambda i: (-len(examples[i].tokens), i))
    while order:
        size = max(1, tokens // len(examples[order[0]].tokens))
        size = max(1, min(size, bounds.get("B", size), bounds.get("tokens", size * labels) // labels))
        yield order[:size]
        order = order[size:]
