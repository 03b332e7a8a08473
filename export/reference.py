"""The reference that artifacts are held against: transformers' own forward pass on the dequantized weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from pocketzo.runtime.examples import Batch

from .layout import Layout


@contextmanager
def values_in_place(model: Any, layout: Layout, values: np.ndarray) -> Iterator[None]:
    """Put `values` (fp32 [K]) into the sensitive entries of `model` (a torch module) for a while."""
    saved = []
    with torch.no_grad():
        for block, layer in zip(layout.blocks(), layout.layers, strict=True):
            weight = model.get_submodule(layer.layer).weight
            index = tuple(torch.from_numpy(i) for i in layer.index(layout.scope))
            saved.append((weight, index, weight[index].clone()))
            part = values[block.offset : block.offset + block.count]
            weight[index] = torch.from_numpy(np.ascontiguousarray(part)).to(weight.dtype)
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, index, old in saved:
                weight[index] = old


def torch_nll(model: Any, batch: Batch) -> torch.Tensor:
    """nll [B, L] in nats of `batch` under `model` as it is, differentiable; 0 at padding."""
    hidden = model.model(input_ids=torch.from_numpy(batch.input_ids), use_cache=False).last_hidden_state
    positions = torch.from_numpy(batch.label_positions)
    at_labels = torch.gather(hidden, 1, positions[..., None].expand(-1, -1, hidden.shape[-1]))
    logits = model.lm_head(at_labels)
    log_p = logits - torch.logsumexp(logits[..., torch.from_numpy(batch.words)], dim=-1, keepdim=True)
    ids = torch.from_numpy(batch.label_ids)
    picked = torch.gather(log_p, 2, ids.clamp(min=0).reshape(*positions.shape, -1)).reshape(ids.shape)
    return torch.where(ids < 0, torch.zeros_like(picked), -picked)


def reference_nll(model: Any, layout: Layout, batch: Batch, values: np.ndarray) -> np.ndarray:
    """nll [P, B, L] of `batch` for each row of `values` (fp32 [P, K]), by torch."""
    rows = []
    for row in values:
        with values_in_place(model, layout, row), torch.no_grad():
            rows.append(torch_nll(model, batch).float().numpy())
    return np.stack(rows)
