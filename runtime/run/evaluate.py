"""Loss and accuracy of the artifact itself, on examples that it was not tuned on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..engines import Engine
from ..errors import BadInput
from ..examples import Example
from ..tasks import Task
from ..trajectory.evaluation import Evaluation
from ..tuned import Tuned
from .passes import passes


def evaluate(
    engine: Engine,
    task: Task,
    examples: Sequence[Example],
    tuned: Tuned,
    progress: Callable[[int, int], None] = lambda examples, tokens: None,
) -> Evaluation:
    """Score `examples` (from the task's `example`) with the values, label bias and label head of `tuned`.

    `progress` is told the examples and tokens of each batch as it is done. Raises BadInput if a loss is not finite.
    """
    losses = np.zeros(len(examples))
    right = np.zeros(len(examples), dtype=bool)
    judged = True
    for indices, batch, forward in passes(engine, task, examples, tuned.values):
        nll = tuned.scored(forward)[0]
        if not np.isfinite(nll).all():
            raise BadInput("evaluation: the loss is not a finite number. Use values of an earlier step.")
        loss, correct = task.judge(nll, [examples[i] for i in indices])
        losses[indices] = loss
        judged = correct is not None
        if correct is not None:
            right[indices] = correct
        progress(len(indices), batch.tokens)
    return Evaluation(float(losses.mean()), float(right.mean()) if judged else None, len(examples))
