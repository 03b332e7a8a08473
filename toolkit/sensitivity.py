"""Sensitivity: F_ij, the sum over calibration windows of the squared gradient (the empirical Fisher's diagonal).

arXiv 2406.02913, section 3: the weights with the largest F carry most of what fine-tuning needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from pocketzo.runtime.errors import bad_input


def sensitivity(
    model: Any,
    names: Iterable[str],
    windows: np.ndarray,
    progress: Callable[[int], None] = lambda tokens: None,
) -> dict[str, torch.Tensor]:
    """F of the weight of each submodule in `names`, fp32 of the weight's shape.

    `windows` is int64 [windows, T]; the loss of a window is its mean next-token cross-entropy (nats). Each weight's
    gradient is squared and freed as soon as it is complete, so the peak is weights + statistics + one layer's gradient.
    Raises BadInput if a gradient is not finite.
    """
    weights = {name: model.get_submodule(name).weight for name in names}
    statistics = {name: torch.zeros_like(w) for name, w in weights.items()}
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    hooks = [
        weight.requires_grad_(True).register_post_accumulate_grad_hook(_squarer(statistics[name]))
        for name, weight in weights.items()
    ]
    try:
        for window in windows:
            ids = torch.from_numpy(window)[None]
            logits = model(input_ids=ids, use_cache=False).logits
            torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:]).backward()
            progress(ids.shape[1])
    finally:
        for hook in hooks:
            hook.remove()
        for weight in weights.values():
            weight.requires_grad_(False)
    for name, statistic in statistics.items():
        if not torch.isfinite(statistic).all():
            bad_input(name, "its gradients are not finite", "The checkpoint holds NaN or infinite weights: check it")
    return statistics


def _squarer(statistic: torch.Tensor) -> Callable[[torch.Tensor], None]:
    def square(parameter: torch.Tensor) -> None:
        assert parameter.grad is not None
        statistic.addcmul_(parameter.grad, parameter.grad)
        parameter.grad = None

    return square
