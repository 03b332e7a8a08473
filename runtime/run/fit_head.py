"""The label head of a set of examples: one pass each, and the fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..config import TuneConfig
from ..directions import permutation
from ..engines import Engine
from ..errors import BadInput
from ..examples import Example
from ..label_head import LabelHead, fit
from ..tasks import Task
from .passes import passes

LIMIT = 1 << 21
"""weights of a head at most, so that it fits into a line of the trajectory"""


def check_head(task: Task, hidden_size: int) -> None:
    """Raises BadInput if the head of `task` on hidden states of that size would have more than LIMIT weights."""
    if len(task.labels) * (hidden_size + 1) > LIMIT:
        raise BadInput(
            f"{len(task.labels)} labels of {hidden_size} weights each are too many for a label head of at most"
            f" {LIMIT:,}. Use --head-examples 0."
        )


def head_indices(config: TuneConfig, examples: int) -> list[int]:
    """Which of so many training examples the head is fitted to: the first in the order of the first epoch."""
    return permutation(config.seed, 0, 0, examples)[: config.head_examples].tolist()


def head_inputs(
    engine: Engine,
    task: Task,
    examples: Sequence[Example],
    values: np.ndarray,
    progress: Callable[[int, int], None] = lambda examples, tokens: None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a head is fitted to, by one pass an example under `values` (fp32 [K]): final hidden states fp32 [A,H], the
    label words' nll fp32 [A,W], and the answers int64 [A].

    `progress` is told the examples and tokens of each batch.
    """
    order: list[int] = []
    hidden, nll = [], []
    for indices, batch, forward in passes(engine, task, examples, values):
        order += indices
        hidden.append(forward.hidden[0, :, 0])
        nll.append(forward.nll[0])
        progress(len(indices), batch.tokens)
    back = np.argsort(order)
    return np.concatenate(hidden)[back], np.concatenate(nll)[back], np.array([e.answer for e in examples])


def fitted_head(
    engine: Engine,
    task: Task,
    examples: Sequence[Example],
    values: np.ndarray,
    progress: Callable[[int, int], None] = lambda examples, tokens: None,
) -> LabelHead:
    """The head for `examples`, with arguments as `head_inputs` has them. Raises BadInput if a score is not finite."""
    hidden, nll, answers = head_inputs(engine, task, examples, values, progress)
    if not (np.isfinite(hidden).all() and np.isfinite(nll).all()):
        raise BadInput("the label head: a score is not a finite number. Use values of an earlier step.")
    return fit(hidden, nll, answers)
