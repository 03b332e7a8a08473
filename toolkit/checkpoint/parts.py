"""What each kind of checkpoint is read into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pocketzo.export.model.layerwise import TensorOf

from .tokenizer import ModelTokenizer


@dataclass(frozen=True)
class Parts:
    """A checkpoint as read from its files.

    `config` is transformers' configuration, `tensor` gives a tensor (fp32) by transformers' name of it, and `shapes`
    are those of all tensors, a tied table once. `frequencies` (fp32 [head_dim / 2], radians per token) are those of the
    rotary embedding where the files hold them and the configuration does not say them.
    """

    config: Any
    tensor: TensorOf
    shapes: dict[str, torch.Size]
    tokenizer: ModelTokenizer
    frequencies: np.ndarray | None = None
