"""Who is told of a run's progress."""

from __future__ import annotations

from typing import Protocol

from ..loop import Step
from ..trajectory.evaluation import Evaluation


class Watcher(Protocol):
    """Told of a run's progress; the command line draws it, a program may ignore it."""

    def warned(self, text: str) -> None:
        """Before the first step, of a setting or data that will probably waste the run."""

    def resumed(self, step: int) -> None:
        """Once, when a run goes on after `step`."""

    def stepped(self, step: Step) -> None:
        """After each step."""

    def pass_started(self, what: str, examples: int) -> None:
        """Before a pass over so many examples: "evaluating" or "label head"."""

    def batch_done(self, examples: int, tokens: int) -> None:
        """After each batch of such a pass, with its examples and its tokens, padding included."""

    def fitted_head(self, step: int, examples: int) -> None:
        """After a label head was fitted to so many examples."""

    def evaluated(self, step: int, evaluation: Evaluation) -> None:
        """After an evaluation."""
