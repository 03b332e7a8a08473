"""What tuning changes of a model."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .label_head import LabelHead


@dataclass(frozen=True)
class Tuned:
    """The values (fp32 [K]) and, in a classification, the label bias ([W]) and the label head, once there is one."""

    values: np.ndarray
    label_bias: np.ndarray = field(default_factory=lambda: np.zeros(0))
    label_head: LabelHead | None = None
