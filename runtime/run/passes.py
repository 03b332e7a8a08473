"""Passes over many examples under one set of values, for evaluation and for the label head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..batches import evaluation_batches
from ..engines import Engine
from ..examples import Batch, Example, Forward, collate
from ..tasks import Task


def passes(
    engine: Engine, task: Task, examples: Sequence[Example], values: np.ndarray
) -> Iterator[tuple[list[int], Batch, Forward]]:
    """Each example once under `values` (fp32 [K]): indices of a batch, the batch, and what the engine gives (P = 1)."""
    for indices in evaluation_batches(examples, bounds=engine.bounds):
        batch = collate([examples[i] for i in indices], task.words)
        yield indices, batch, engine.forward(batch, values[None])
