"""8-bit weights for an integer matmul: one scale an output channel, and a few input channels left out of it.

Activations are rounded to 8 bits too, each token with a scale of its own. A few input channels carry far larger
activations than the rest and would set that scale, so their weights stay apart and meet unrounded activations.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from pocketzo.export.weights.packing import Rounded

from .quantize import FLOOR

OUTLIERS = 16
"""input channels a layer that are not rounded"""
SHRINKS = np.linspace(1.0, 0.8, 9)
LEVELS = 127
SMALLEST_SCALE = 1e-12


def outlier_channels(importance: Mapping[str, torch.Tensor], count: int = OUTLIERS) -> dict[str, np.ndarray]:
    """The `count` input channels of each layer with the largest mean squares, int64, ascending."""
    return {name: np.sort(torch.topk(x, min(count, len(x))).indices.numpy()) for name, x in importance.items()}


def rounded(
    weight: torch.Tensor, importance: torch.Tensor, outliers: np.ndarray, sensitive: torch.Tensor | None = None
) -> Rounded:
    """Round `weight` (fp32 [R, C]) under the `importance` (fp32 [C]) of its input channels.

    Entries where `sensitive` (bool [R, C]) holds dequantize to exactly 0: they are kept elsewhere. Each row's scale is
    the one of a grid that has the least squared error of the row's output.
    """
    kept = weight if sensitive is None else weight.masked_fill(sensitive, 0)
    unrounded = kept[:, torch.from_numpy(outliers)].half()
    kept = kept.index_fill(1, torch.from_numpy(outliers), 0)
    m = importance / importance.mean().clamp(min=torch.finfo(torch.float32).tiny) + FLOOR
    best_error = torch.full((len(kept), 1), torch.inf)
    best_scale = torch.zeros(len(kept), 1)
    largest = kept.abs().amax(1, keepdim=True)
    for shrink in SHRINKS:
        scale = (largest * float(shrink) / LEVELS).clamp(min=SMALLEST_SCALE)
        error = ((_codes(kept, scale) * scale - kept).square_() * m).sum(1, keepdim=True)
        best_scale = torch.where(error < best_error, scale, best_scale)
        best_error = torch.minimum(error, best_error)
    codes = _codes(kept, best_scale).to(torch.int8)
    return Rounded(codes.T.contiguous().numpy(), best_scale[:, 0].numpy(), unrounded.T.contiguous().numpy())


def _codes(weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return torch.round(weight / scale).clamp_(-LEVELS, LEVELS)
