"""Replay: the values of a run from its trajectory and the bundle's initial values, without the model.

A phone's log can so be audited by whoever has the bundle: the same scalars give the same bits anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..directions import directions
from ..errors import BadInput
from ..label_head import LabelHead
from ..loop import State, updated
from ..system.files import open_regular
from ..tuned import Tuned
from .evaluation import Evaluation
from .header import Header
from .line import Line
from .reader import Reader


@dataclass
class Replayed:
    """What a trajectory says: its header, the state after its last whole line, evaluations, and the best of what was
    tuned.

    `evaluated_now` says whether the state was evaluated, `head_step` after which step its label head was fitted.
    """

    header: Header
    state: State
    evaluations: list[tuple[int, Evaluation]] = field(default_factory=list)
    best: Evaluation | None = None
    best_step: int = 0
    best_tuned: Tuned | None = None
    evaluated_now: bool = False
    head_step: int | None = None

    def evaluated(self, evaluation: Evaluation) -> bool:
        """Add an evaluation of the present state; True if it is the best so far, whose values are then kept."""
        self.evaluations.append((self.state.step, evaluation))
        self.evaluated_now = True
        if self.best is not None and not evaluation.better_than(self.best):
            return False
        self.best, self.best_step, self.best_tuned = evaluation, self.state.step, self.state.tuned
        return True

    def with_head(self, head: LabelHead) -> None:
        """Score with `head` from here on."""
        self.state.tuned = replace(self.state.tuned, label_head=head)
        self.head_step, self.evaluated_now = self.state.step, False


def replay(path: Path, initial_values: np.ndarray) -> Replayed:
    """Replay the trajectory file `path` from `initial_values` (fp32 [K]) of the bundle that its header names.

    A torn last line is passed over. Raises BadInput if the file cannot be read, a line was changed, or the number of
    values is another.
    """
    with open_regular(path, "trajectory") as file:
        replayed = start(reader := Reader(file, path), initial_values)
        for _ in replay_lines(reader, replayed):
            pass
        return replayed


def start(reader: Reader, initial_values: np.ndarray) -> Replayed:
    """The state before the first step. Raises BadInput if the number of values is another than the header's."""
    if reader.header.values != len(initial_values):
        raise BadInput(
            f"the trajectory is of {reader.header.values} values, and the bundle has {len(initial_values)}."
            " Use the bundle that the run was made on."
        )
    return Replayed(reader.header, State(Tuned(initial_values, np.zeros(len(reader.header.labels)))))


def replay_lines(reader: Reader, replayed: Replayed) -> Iterator[Line]:
    """Apply each line to `replayed`, yielding it afterwards. Raises BadInput as `Reader.lines` does."""
    config = reader.header.settings()
    for line in reader.lines():
        if line.evaluation is not None:
            replayed.evaluated(line.evaluation)
        elif line.label_head is not None:
            replayed.with_head(line.label_head)
        else:
            state = replayed.state
            z = directions(config.seed, state.step, config.directions, len(state.tuned.values))
            replayed.evaluated_now = False
            replayed.state = updated(state, np.array(line.projected_gradients), z, config, np.array(line.label_bias))
        yield line
