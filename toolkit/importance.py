"""Importance: the mean square of each input channel of a layer, which weighs the errors of its 4-bit weights.

To first order the error of a layer's output is the sum over its input channels of x_j times the error of the weight, so
a channel that carries large activations deserves exact weights. Squared gradients (the sensitivity) would be the weight
of the loss's second order, but on so little text they single out a few weights and ruin the rest (docs/learning.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def importance(model: Any, names: Iterable[str]) -> Iterator[dict[str, torch.Tensor]]:
    """Sum up the squares of what enters each submodule in `names`, fp32 [columns], pass by pass."""
    found: dict[str, torch.Tensor] = {}

    def add(name: str, x: torch.Tensor) -> None:
        square = x.detach().flatten(0, -2).square().sum(dim=0).float()
        found[name] = found[name] + square if name in found else square

    hooks = [
        model.get_submodule(name).register_forward_pre_hook(lambda _, given, name=name: add(name, given[0]))
        for name in names
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
