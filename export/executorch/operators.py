"""How XNNPACK computes the norms and activations that families name: by operators that it takes, and no others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F


class RMSNorm(torch.nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight, in two parts: rows with a mean square of 1, and the weight, which the product
    after it may take over.
    """

    weight: torch.Tensor
    mean: torch.Tensor

    def __init__(self, weight: np.ndarray, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.from_numpy(weight))
        # XNNPACK has no mean over the last axis; a product with a constant row is one.
        self.register_buffer("mean", torch.full((1, len(weight)), 1 / len(weight)))

    def unit(self, x: torch.Tensor) -> torch.Tensor:
        """`x` [..., H] with a mean square of 1."""
        return x * torch.rsqrt(F.linear(x * x, self.mean) + self.eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The whole norm of `x` [..., H]."""
        return self.unit(x) * self.weight


def silu(x: torch.Tensor) -> torch.Tensor:
    """x * sigmoid(x)."""
    return x * torch.sigmoid(x)


NORMS: dict[str, Callable[[np.ndarray, float], RMSNorm]] = {"rms": RMSNorm}
"""by the name that a family gives: of a weight and eps, the norm"""
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"silu": silu}
"""by the name that a family gives"""
