"""The label head of a set of examples: one pass each, and the fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .config import TuneConfig
from .directions import permutation
from .engines import Engine
from .errors import BadInput
from .examples import Example
from .label_head import LabelHead, fit
from .passes import passes
from .tasks import Task

LIMIT = 1 << 21
"""weights of a head at most, so that it fits into a line of the trajectory"""


def head_examples(config: TuneConfig, examples: int) -> list[int]:
    """Which of so many training examples the head is fitted to: the first in the order of the first epoch."""
    return permutation(config.seed, 0, 0, examples)[: config.head_examples].tolist()


def fitted_head(
    engine: Engine,
    task: Task,
    examples: Sequence[Example],
    values: np.ndarray,
    progress: Callable[[int, int], None] = lambda examples, tokens: None,
) -> LabelHead:
    """The head for `examples` under `values` (fp32 [K]), by one pass each.

    `progress` is told the examples and tokens of each batch. Raises BadInput if a score is not finite, or the head
    would have more than LIMIT weights.
    """
    hidden: np.ndarray | None = None
    nll = np.zeros((len(examples), len(task.labels)))
    for indices, batch, forward in passes(engine, task, examples, values):
        if hidden is None:
            width = forward.hidden.shape[-1]
            if len(task.labels) * (width + 1) > LIMIT:
                raise BadInput(
                    f"{len(task.labels)} labels of {width} weights each are too many for a label head of at most"
                    f" {LIMIT:,}. Use --head-examples 0."
                )
            hidden = np.zeros((len(examples), width), dtype=np.float32)
        hidden[indices], nll[indices] = forward.hidden[0, :, 0], forward.nll[0]
        progress(len(indices), batch.tokens)
    assert hidden is not None
    if not (np.isfinite(hidden).all() and np.isfinite(nll).all()):
        raise BadInput("the label head: a score is not a finite number. Use values of an earlier step.")
    return fit(hidden, nll, np.array([e.answer for e in examples]))
