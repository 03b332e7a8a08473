"""Replay: the values of a run from its trajectory and the bundle's initial values, without the model.

The same scalars give the same bits anywhere, so that anyone who has the bundle can audit a phone's log.
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
    """A run so far, as its trajectory says it: the header, the state after the last whole line, the evaluations with
    the number of steps before each, and the best of them with what was tuned then.

    `state_evaluated` says whether the state as it is was evaluated, `head_step` after which step its label head was
    fitted. It changes by `stepped`, `fitted_head` and `evaluated` alone, each for one line of the trajectory.
    """

    header: Header
    state: State
    evaluations: list[tuple[int, Evaluation]] = field(default_factory=list)
    best: Evaluation | None = None
    best_step: int = 0
    best_tuned: Tuned | None = None
    state_evaluated: bool = False
    head_step: int | None = None

    def stepped(self, state: State) -> None:
        """Go on with the state after another step."""
        self.state, self.state_evaluated = state, False

    def fitted_head(self, head: LabelHead) -> None:
        """Score with `head` from here on."""
        self.state = replace(self.state, tuned=replace(self.state.tuned, label_head=head))
        self.head_step, self.state_evaluated = self.state.step, False

    def evaluated(self, evaluation: Evaluation) -> bool:
        """Add an evaluation of the state as it is; True if it is the best so far: what is tuned is then kept."""
        self.evaluations.append((self.state.step, evaluation))
        self.state_evaluated = True
        if self.best is not None and not evaluation.better_than(self.best):
            return False
        self.best, self.best_step, self.best_tuned = evaluation, self.state.step, self.state.tuned
        return True


def replay(path: Path, initial_values: np.ndarray) -> Replayed:
    """Replay the trajectory file `path` from `initial_values` (fp32 [K]) of the bundle that its header names.

    A torn last line is passed over. Raises BadInput if the file cannot be read, a line was changed, or the number of
    values is another.
    """
    with open_regular(path, "trajectory") as file:
        return replay_all(Reader(file, path), initial_values)


def replay_all(reader: Reader, initial_values: np.ndarray) -> Replayed:
    """Replay every whole line of `reader`. Raises BadInput as `start` and `replay_lines` do."""
    replayed = start(reader, initial_values)
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
    """Apply each line to `replayed` and yield it afterwards. Raises BadInput as `Reader.lines` does."""
    config = reader.header.settings()
    for line in reader.lines():
        if line.evaluation is not None:
            replayed.evaluated(line.evaluation)
        elif line.label_head is not None:
            replayed.fitted_head(line.label_head)
        else:
            state = replayed.state
            z = directions(config.seed, state.step, config.directions, len(state.tuned.values))
            g, bias = np.array(line.projected_gradients), np.array(line.label_bias)
            replayed.stepped(updated(state, g, z, config, bias))
        yield line
