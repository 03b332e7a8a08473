"""The settings of a run: one definition for the command line, the trajectory's header and other languages."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace

from .errors import UsageError

LR, LR_STEPS = 1.5e-3, 200


@dataclass(frozen=True)
class TuneConfig:
    """Settings of the zeroth-order loop; each field's help is the command line's.

    Raises UsageError when a value lies outside its limits.
    """

    steps: int = field(default=200, metadata={"help": "Steps of the loop.", "least": 1, "most": 10**9})
    batch: int = field(default=16, metadata={"help": "Examples a step (B).", "least": 1, "most": 2**16})
    lr: float = field(
        default=0.0,
        metadata={"help": "Change of each value per step, for a typical gradient; 0 chooses it by the steps."},
    )
    eps: float = field(default=0.0, metadata={"help": "Size of the perturbation; 0 takes the bundle's own."})
    directions: int = field(default=1, metadata={"help": "Directions a step (Q), averaged.", "least": 1, "most": 2**10})
    rms_decay: float = field(default=0.99, metadata={"help": "Memory of the running rms of projected gradients."})
    head_examples: int = field(
        default=4096,
        metadata={
            "help": "Training examples for the label head, one pass each before every evaluation; 0: no head.",
            "least": 0,
            "most": 2**20,
        },
    )
    seed: int = field(default=0, metadata={"help": "Seed of directions and data order.", "least": 0})
    evaluate_every: int = field(
        default=100,
        metadata={
            "help": "Steps between evaluations on the validation file, each after a new fit of the label head, if any.",
            "least": 1,
            "most": 10**9,
        },
    )

    def __post_init__(self) -> None:
        for f in fields(self):
            option, value = "--" + f.name.replace("_", "-"), getattr(self, f.name)
            least = f.metadata.get("least")
            if least is not None and value < least:
                raise UsageError(f"{option} {value}: must be at least {least}.")
            if value > f.metadata.get("most", math.inf):
                raise UsageError(f"{option} {value}: must be at most {f.metadata['most']}.")
            if not math.isfinite(value) or value < 0:
                raise UsageError(f"{option} {value}: must be a number that is not negative.")
        if self.lr > 1:
            raise UsageError(f"--lr {self.lr:g}: is the change of a value per step and must be at most 1.")
        if not self.rms_decay < 1:
            raise UsageError(f"--rms-decay {self.rms_decay}: must be less than 1.")
        if self.seed >= 2**63:
            raise UsageError(f"--seed {self.seed}: must be less than 2**63.")

    def resolved(self, eps: float) -> TuneConfig:
        """With a value for each setting whose 0 asks for one: `eps`, the bundle's, and an lr of LR up to LR_STEPS
        steps, that falls with the square root of more.

        So lr^2 * steps, with which the random walk of the values grows, stays the same (docs/learning.md).
        """
        lr = self.lr or LR * min(1.0, math.sqrt(LR_STEPS / self.steps))
        return replace(self, lr=lr, eps=self.eps or eps)
