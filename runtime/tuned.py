"""What tuning changes of a model, and how a forward pass is scored with it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .examples import Forward
from .label_head import LabelHead


@dataclass(frozen=True)
class Tuned:
    """The values (fp32 [K]) and, in a classification, the label bias ([W]) and the label head, once there is one."""

    values: np.ndarray
    label_bias: np.ndarray = field(default_factory=lambda: np.zeros(0))
    label_head: LabelHead | None = None

    def scored(self, forward: Forward) -> np.ndarray:
        """nll [P,B,L] of `forward`. In a classification it is less what the head, or without one the bias, adds to the
        score of a label.
        """
        if self.label_head is not None:
            return forward.nll - self.label_head.added(forward.hidden[:, :, 0])
        return forward.nll - self.label_bias if len(self.label_bias) else forward.nll
