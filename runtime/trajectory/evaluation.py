"""What an evaluation found: the numbers that choose the best step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evaluation:
    """Mean loss (nats an example), share of right answers (None where a task has none), and examples."""

    loss: float
    accuracy: float | None
    examples: int

    def better_than(self, other: Evaluation) -> bool:
        """Higher accuracy, then lower loss."""
        return (self.accuracy or 0.0, -self.loss) > (other.accuracy or 0.0, -other.loss)
