"""What is tuned, and which input channels are too large to be rounded with the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from pocketzo.runtime.engines import ENGINES

from ..plan import Plan
from ..quantize.rounding import outlier_channels
from ..select.mask import Mask, choose_mask
from ..select.sensitivity import Sensitivity


@dataclass(frozen=True)
class Choice:
    """The mask, and of the input channels of each layer the importance (fp32 [columns]).

    A layer's weight is rounded to 8 bits without its channels in `outliers`; an engine keeps the activations of those
    in `unrounded` in fp32 where it rounds others (int64, ascending, by layer; empty where nothing asks for them).
    """

    mask: Mask
    importance: Mapping[str, torch.Tensor]
    outliers: dict[str, np.ndarray]
    unrounded: dict[str, np.ndarray]


def choose(plan: Plan, sensitivity: Sensitivity) -> Choice:
    """Choose by sensitivity and importance. Raises BadInput if the density allows no entry at all."""
    largest = outlier_channels(sensitivity.importance)
    return Choice(
        mask=choose_mask(sensitivity.statistics, plan.rule),
        importance=sensitivity.importance,
        outliers=largest if plan.config.weight_bits == 8 else {},
        unrounded=largest if any(ENGINES[name].exact_outliers for name in plan.config.engines) else {},
    )
